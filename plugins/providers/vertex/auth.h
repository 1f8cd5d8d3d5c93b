/* auth.h - how Google's OAuth is come by: which credential there is, read once in open(), and the requests that lead
 * from it to an access token. */
#ifndef VERTEX_AUTH_H
#define VERTEX_AUTH_H

#include "../../dialects/common/wire.h"

#include <gnutls/abstract.h>

#define AUTH_TOKEN   "token"   /* names for host->credential() */
#define AUTH_PROJECT "project" /* that of the machine we run on */

enum auth_kind {
    AUTH_METADATA, /* the machine's own account, asked of its metadata server */
    AUTH_SERVICE_ACCOUNT,
    AUTH_USER,     /* somebody's refresh token, from gcloud */
    AUTH_EXTERNAL, /* another provider's token, exchanged: workload identity federation */
};

/** Read-only after auth_open(). Strings live as long as the instance. */
struct auth {
    enum auth_kind kind;
    const char *metadata_host;
    const char *project;       /* that the credential names, NULL for none */
    const char *quota_project; /* whose quota is used, NULL for none */
    const char *token_url;
    /* AUTH_SERVICE_ACCOUNT */
    const char *email, *key_id;
    gnutls_privkey_t key;
    /* AUTH_USER */
    const char *client_id, *client_secret, *refresh_token;
    /* AUTH_EXTERNAL: where the token of the other provider is, and what it is */
    const char *audience, *subject_type, *source_file, *source_url, *source_field;
    const char *const *source_headers;
    uint32_t source_header_count;
    /* any: whose token is asked for with it, NULL for none */
    const char *impersonation_url;
};

/** Read the credential: the text of a key file, else the file, else there is none and the metadata server is asked.
 *  AIGW_E_CONFIG, with what is wrong and where. */
aigw_status auth_open(const struct aigw_host *host, struct aigw_ctx *ctx, struct auth *auth, const char *text,
                      const char *file);
/** The next step of a provider's credential(). */
aigw_status auth_step(const struct aigw_host *host, struct aigw_ctx *ctx, const struct auth *auth, void *memory,
                      struct aigw_credential_step *step);

#endif
