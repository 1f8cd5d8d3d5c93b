/* oidc.h - issuers whose tokens callers that are no GitLab may bring (D46): `oidc` of conf.d. A group says which tokens
 * it takes (issuer, audience, claims) and what their bearers may do; several groups may take tokens of one issuer, the
 * first that fits counts. GitLab's own issuers are none of these: their keys verify no such token, nor the other way
 * round. A set belongs to a snapshot and never changes. */
#ifndef GW_OIDC_H
#define GW_OIDC_H

#include "auth/grant.h"

#define GW_OIDC_PRINT_LEN 32u

/** One group of conf.d. */
struct gw_oidc_group {
    struct gw_grant grant;
    const char *issuer;       /* exactly what tokens say */
    const char *audience;     /* which they must be for */
    const char *keys_url;     /* NULL: the discovery document names it */
    const char *user_claim;   /* who it is; "sub" unless told otherwise */
    struct aigw_list require; /* "claim=value": the claim says that, or is a list that holds it */
};

struct gw_oidc {
    struct gw_oidc_group *groups;
    size_t count;
    unsigned char print[GW_OIDC_PRINT_LEN]; /* SHA-256 of what decides whose tokens are taken */
};

/** Read `oidc`. NULL only when out of memory. */
struct gw_oidc *gw_oidc_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems);
/** The group that takes this token, by its unverified payload. NULL with reterr: none does, and why. */
struct json_object;
const struct gw_oidc_group *gw_oidc_choose(const struct gw_oidc *oidc, struct json_object *payload,
                                           struct gw_err *reterr);
/** Who it is for, as the group's user_claim says it. Borrowed. */
aigw_str gw_oidc_user(const struct gw_oidc_group *group, struct json_object *payload);
/** Who the token that was presented says is asking. As gw_auth_check(), WAIT included; error is a code
 * ("token_refused"). client_ip may be NULL when it is not known. */
void gw_oidc_check(struct gw_auth_worker *worker, const struct gw_oidc *oidc, aigw_str token, const char *client_ip,
                   struct gw_arena *arena, struct gw_auth_result *ret_result);

#endif
