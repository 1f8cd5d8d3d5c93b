/* google.h - how a provider comes by access to Google's APIs: which credential there is, read once in open(), and the
 * requests that lead from it to an access token.
 *
 *     file.c      credential files, in the forms that Google's own programs write
 *     step.c      from a credential to a token, one request after the other
 *     aws.c       an AWS identity as what is exchanged: workload identity federation
 */
#ifndef PLUGIN_GOOGLE_H
#define PLUGIN_GOOGLE_H

#include "../aws/settings.h"
#include "../oauth/oauth.h"

#include <gnutls/abstract.h>

#define GOOGLE_TOKEN   "token"   /* names for host->credential() */
#define GOOGLE_PROJECT "project" /* that of the machine we run on */

enum google_kind {
    GOOGLE_METADATA, /* the machine's own account, asked of its metadata server */
    GOOGLE_SERVICE_ACCOUNT,
    GOOGLE_USER,     /* somebody's refresh token, from gcloud */
    GOOGLE_EXTERNAL, /* another provider's token, exchanged: workload identity federation */
    GOOGLE_NOBODY,   /* a file that the environment names is of no use */
};

/** An instance's way to Google. The first part are settings: GOOGLE_SETTINGS fills it, texts may be NULL or empty. The
 *  rest is read-only after google_open(); strings live as long as the instance. */
struct google {
    const char *credentials_json, *credentials_file, *application_credentials, *metadata_host;
    const char *aws_region;
    struct aws_source aws;

    enum google_kind kind;
    const char *problem;       /* GOOGLE_NOBODY: what is wrong with the file */
    const char *project;       /* that the credential names, NULL for none */
    const char *quota_project; /* whose quota is used, NULL for none */
    const char *token_url;
    /* GOOGLE_SERVICE_ACCOUNT */
    const char *email, *key_id;
    gnutls_privkey_t key;
    /* GOOGLE_USER */
    const char *client_id, *client_secret, *refresh_token;
    /* GOOGLE_EXTERNAL: what the other provider's token is, and where: a file, a URL, or AWS */
    const char *audience, *subject_type, *source_file, *source_url, *source_field;
    const char *const *source_headers;
    uint32_t source_header_count;
    const char *verify_url, *region_url, *session_url; /* AWS; verify_url is NULL elsewhere */
    /* any: whose token is asked for with it, NULL for none */
    const char *impersonation_url;
};

#define GOOGLE_TEXT(state, member, bits, text, words) \
    { \
        .name = #member, .type = AIGW_SET_STRING, .flags = (bits), .offset = offsetof(state, google.member), \
        .default_value = (text), .help = (words) \
    }

/** Rows for a state that has a `struct google google`. */
#define GOOGLE_SETTINGS(state) \
    GOOGLE_TEXT(state, credentials_file, 0, NULL, \
                "Path of a credential file of Google Cloud: a service account's key, gcloud's application default " \
                "credentials, workload identity federation. Without one the metadata server is asked."), \
        GOOGLE_TEXT(state, credentials_json, AIGW_SETF_SECRET, NULL, "The text of such a file; wins over it."), \
        GOOGLE_TEXT(state, application_credentials, 0, NULL, \
                    "Path of such a file that the environment names for all programs: used when neither of the two " \
                    "is set. One that is of no use is a warning, and calls fail."), \
        GOOGLE_TEXT(state, metadata_host, 0, "metadata.google.internal", \
                    "Host, with a port or without, that serves the machine's metadata."), \
        GOOGLE_TEXT(state, aws_region, 0, NULL, \
                    "Federation with AWS: the region. Default: that of the profile or the instance."), \
        AWS_SETTINGS(state, "aws_", google.aws)

/** Read the credential: credentials_json, else the file, else that of the environment, else there is none and the
 *  metadata server is asked. AIGW_E_CONFIG, with what is wrong and where; of the environment's file it is a warning. */
aigw_status google_open(const struct aigw_host *host, struct aigw_ctx *ctx, struct google *google);
/** As host->credential() of GOOGLE_TOKEN. */
aigw_status google_token(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                         aigw_str *ret_token);
/** The project: `configured`, else the credential's, else that of the machine. AIGW_PENDING as host->credential(),
 *  AIGW_E_CONFIG when none is known. */
aigw_status google_project(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                           const char *configured, aigw_str *ret_project);
/** A provider's credential(). */
aigw_status google_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                              void *memory, struct aigw_credential_step *step);

/* ---- between the files of this folder ---- */

/* What the last request was for. */
enum google_stage {
    GOOGLE_AT_START,
    GOOGLE_AT_SUBJECT,     /* another provider's token, behind a URL */
    GOOGLE_AT_AWS_SESSION, /* the right to ask an instance's metadata */
    GOOGLE_AT_AWS_REGION,
    GOOGLE_AT_AWS_KEYS,
    GOOGLE_AT_TOKEN,
    GOOGLE_AT_IMPERSONATION,
    GOOGLE_AT_PROJECT,
};

/** Kept from step to step. */
struct google_memory {
    enum google_stage stage;
    char region[40];
    _Alignas(8) unsigned char aws[AWS_CREDENTIAL_MEMORY];
};
_Static_assert(sizeof(struct google_memory) <= AIGW_CREDENTIAL_MEMORY, "the core keeps that much");

/** One step. */
struct google_try {
    struct oauth o;
    const struct google *google;
    struct google_memory *memory;
};
/** Exchange another provider's token for one of Google's. */
aigw_status google_exchange(struct google_try *t, aigw_str subject);
/** Begin with AWS's keys and region. */
aigw_status google_ask_aws(struct google_try *t);
/** The answer to one of the three stages of AWS's. */
aigw_status google_read_aws(struct google_try *t);

#endif
