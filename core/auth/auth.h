/* auth.h - who is asking: headers in, principal or refusal out. Facts: auth-and-config.md §1; decisions D2, D4, D6,
 * D26, D31. Keys are shared by all workers and refreshed in the background; nothing in a token makes us fetch. */
#ifndef GW_AUTH_H
#define GW_AUTH_H

#include "base/base.h"
#include "config/settings.h"
#include "loop/loop.h"
#include <aigw/host.h>

struct gw_auth;        /* process: keys, refresher thread */
struct gw_auth_worker; /* one worker: token cache, waiting requests */
struct gw_grant;       /* what a caller that is no GitLab may do: grant.h */
struct gw_oidc;        /* issuers of such callers' tokens: oidc.h */
struct gw_view;        /* settings and the keys they trust, as of one moment; counted */

/** Start fetching keys. settings and oidc (which may be NULL) are copied where kept. NULL with reterr when a local key
 * cannot be used and the setting demands it; unreadable local keys are otherwise only logged (A-NEG-60). */
struct gw_auth *gw_auth_new(const struct gw_settings *settings, const struct gw_oidc *oidc, struct gw_err *reterr);
void gw_auth_free(struct gw_auth *auth);
/** Report what gw_auth_new() and gw_auth_reconfigure() could not use. */
void gw_auth_check_settings(const struct gw_settings *settings, struct gw_problems *problems);
/** Configuration was reloaded: URLs, keys, switches. Keys already fetched stay while their URL is unchanged, new
 * issuers are asked at once; but each worker goes on with the settings it has until gw_auth_worker_switch() gives it
 * the result, so that a request meets them together with the rest of its configuration. Unref the result. NULL with
 * reterr when out of memory: then nothing has changed. */
struct gw_view *gw_auth_reconfigure(struct gw_auth *auth, const struct gw_settings *settings,
                                    const struct gw_oidc *oidc, struct gw_err *reterr);
struct gw_view *gw_view_ref(struct gw_view *view);
void gw_view_unref(struct gw_view *view);
struct gw_auth_worker *gw_auth_worker_new(struct gw_auth *auth, struct gw_loop *loop);
void gw_auth_worker_free(struct gw_auth_worker *worker);
/** From now on these settings, and whatever keys come for them. When they differ from those before, who waits for keys
 *  is decided by the old ones first: called from the loop only. */
void gw_auth_worker_switch(struct gw_auth_worker *worker, struct gw_view *view);

/** Reads request headers; first occurrence, any case, absent string if none. */
struct gw_auth_headers {
    void *user;
    aigw_str (*get)(void *user, const char *name);
};

#define GW_AUTH_ALLOWED 1
#define GW_AUTH_REFUSED 2
#define GW_AUTH_WAIT    3 /* no key was loaded yet: gw_auth_wait() */

struct gw_auth_result {
    int outcome;                     /* GW_AUTH_* */
    struct aigw_principal principal; /* ALLOWED; strings in the arena given */
    const struct gw_grant *grant;    /* ALLOWED: what limits the caller; NULL: nothing does */
    int status;                      /* REFUSED: 401, 500 or 503 */
    const char *error;               /* exact contract text */
    const char *detail;              /* precise cause and remedy, no secrets */
    int64_t retry_after_s;           /* 503 */
    aigw_str token_issuer;           /* for the log, once a token was looked at */
};
/** Steps 2 to 9 of §1.3 (step 1, exempt paths, is the router's). */
void gw_auth_check(struct gw_auth_worker *worker, const struct gw_auth_headers *headers, struct gw_arena *arena,
                   struct gw_auth_result *ret_result);

/** Call `on_ready` on the worker's thread once keys came or failed to come (at most 10 s later). */
struct gw_auth_waiter {
    struct gw_auth_waiter *prev, *next; /* zero the struct once; NULL while not waiting */
    int64_t due_ms;                     /* monotonic, gw_auth's own */
    void (*on_ready)(struct gw_auth_waiter *self);
};
void gw_auth_wait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter);
void gw_auth_unwait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter);

/** RS256-sign claims (JSON object text) with the local signing key. AIGW_E_CONFIG without a usable key. Any thread. */
aigw_status gw_auth_sign(struct gw_auth *auth, aigw_str claims_json, struct gw_arena *arena, aigw_str *ret_token,
                         struct gw_err *reterr);

/** Is there a GitLab whose keys are to be fetched, and were none yet, of any? Any thread. */
bool gw_auth_lacks_keys(struct gw_auth *auth);
/** For /monitoring/ready?verbose: append `"keys":{…}` members per provider (count, age, last error). */
void gw_auth_describe(struct gw_auth *auth, struct gw_buf *json);
/** Why a token is accepted or refused, one line for each step, without the token: for `aigw diagnose-token`. False:
 *  refused. oidc may be NULL. */
bool gw_auth_diagnose(struct gw_auth *auth, const struct gw_oidc *oidc, aigw_str token, struct gw_buf *out);
/** Which bypass switches are on, "" for none; for the banner, logs and metrics. */
const char *gw_auth_bypass_text(const struct gw_settings *settings);

#endif
