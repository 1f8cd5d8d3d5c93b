/* aws.h - what providers on AWS share: regions and host names, signatures (version 4), and the chain of places where
 * credentials come from.
 *
 *     region.c               regions, ARNs, host names
 *     sigv4.c                the signature of one request
 *     profile.c              files of the AWS command line: ~/.aws/config, ~/.aws/credentials
 *     sts.c                  requests to the Security Token Service, and its answers
 *     plan.c chain.c         settings → where keys come from → the requests that fetch them
 */
#ifndef PLUGIN_AWS_H
#define PLUGIN_AWS_H

#include "../../dialects/common/wire.h"

/** What stands before the first `mark`, which is passed over; *rest is empty behind the last piece. */
aigw_str aws_cut(aigw_str *rest, char mark);

/* ---- regions ---- */

/** True for "eu-central-1", "us-gov-west-1", "us-iso-east-1" and the like, known or not. */
bool aws_is_region(aigw_str s);
/** The region that an ARN names; absent when it is none or names none. */
aigw_str aws_arn_region(aigw_str arn);
/** What host names of the region end in: "amazonaws.com", "amazonaws.com.cn" … */
const char *aws_domain(aigw_str region);

/* ---- signatures ---- */

/** Keys to sign with. session_token is absent for keys that last. */
struct aws_keys {
    aigw_str access_key_id, secret_access_key, session_token;
};
/** Sign a request as sign() of a provider gets it: Host among its headers, its URL already encoded. The headers Host,
 * Content-Type and X-Amz-… are part of the signature. */
aigw_status aws_sign(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_keys *keys, aigw_str region,
                     const char *service, const struct aigw_http_request *http, struct aigw_signature *ret_signature);

/* ---- credentials ---- */

/** Where keys come from, as settings of an instance: AWS_SETTINGS fills it. Texts are NULL or empty when not given. */
struct aws_source {
    const char *access_key_id, *secret_access_key, *session_token;
    const char *profile, *config_file, *credentials_file, *home;
    const char *role_arn, *role_session_name, *external_id;
    const char *web_identity_token_file, *web_identity_role_arn;
    const char *container_relative_uri, *container_full_uri, *container_token, *container_token_file;
    const char *metadata_endpoint, *sts_endpoint;
    int32_t metadata_disabled, use_fips;
};

/** True when the settings name keys that are used as they are: nothing has to be fetched. */
bool aws_has_static_keys(const struct aws_source *source);
/** A few words on where the keys will come from, static; for the name of the credential. */
const char *aws_source_words(const struct aws_source *source);
/** The region that the profile names; absent when there is none. Lives as alloc(ctx, AIGW_LIFE_REQUEST) does. */
aigw_str aws_profile_region(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source);
/** A provider's credential(): the way to keys, whatever the source. `region` is that of the token service. */
aigw_status aws_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                           aigw_str region, void *memory, struct aigw_credential_step *step);
/** Bytes of `memory` that it uses. */
#define AWS_CREDENTIAL_MEMORY 640
/** The value that aws_credential() handed out, as keys. False when it is none. */
bool aws_keys_of(aigw_str value, struct aws_keys *ret_keys);

/* ---- between the files of this folder ---- */

/** `key` of a profile in a file's text; absent when it is not there. is_config: sections are named "profile x". */
aigw_str aws_profile_get(aigw_str text, aigw_str profile, bool is_config, const char *key);
/** True when the file has that profile. */
bool aws_profile_exists(aigw_str text, aigw_str profile, bool is_config);

struct aws_role {
    aigw_str arn, session_name, external_id;
};
/** Describe AssumeRole, signed with `keys`. */
aigw_status aws_sts_assume(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                           aigw_str region, const struct aws_role *role, const struct aws_keys *keys,
                           struct aigw_http_request *ret_http);
/** Describe AssumeRoleWithWebIdentity. */
aigw_status aws_sts_web_identity(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                                 aigw_str region, const struct aws_role *role, aigw_str token,
                                 struct aigw_http_request *ret_http);
/** Keys out of the token service's XML; *ret_expires_s: seconds since 1970. False when something is missing. */
bool aws_sts_read(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str xml, struct aws_keys *ret_keys,
                  int64_t *ret_expires_s);
/** The text of the first element of that name, NUL-terminated and without escapes; absent when it is not there. */
aigw_str aws_xml_text(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str xml, const char *name);
/** Seconds since 1970 of "2026-01-02T03:04:05Z"; -1 when it is no time. */
int64_t aws_read_time(aigw_str text);

#define AWS_ROLES_MAX 4

/* Where the first keys come from. */
enum aws_origin { AWS_FROM_KEYS, AWS_FROM_WEB_IDENTITY, AWS_FROM_CONTAINER, AWS_FROM_METADATA };

/** The way to keys, made of settings and files anew at every step: files may change. */
struct aws_plan {
    enum aws_origin origin;
    bool is_from_files;                   /* the keys stand in a profile */
    const char *problem;                  /* why there is no way, NUL-terminated; NULL when there is one */
    struct aws_keys keys;                 /* AWS_FROM_KEYS */
    aigw_str token_file;                  /* AWS_FROM_WEB_IDENTITY */
    struct aws_role token_role;           /* likewise */
    struct aws_role roles[AWS_ROLES_MAX]; /* to assume one after the other */
    uint32_t role_count;
};
/** AIGW_E_NOT_FOUND when there is none, and the plan says why; AIGW_E_NOMEM. */
aigw_status aws_make_plan(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                          struct aws_plan *ret_plan);

#endif
