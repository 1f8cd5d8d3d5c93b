/* oauth.h - what every way to an OAuth token has in common: a form that is posted, a resource that is fetched, and the
 * answer, be it a token or a refusal. Whose identity it is, and in which order what is asked, is for
 * ../google, ../entra and the like; the core keeps the token and renews it.
 *
 *     struct oauth o = { host, ctx, step };
 *     struct aigw_buf *form = oauth_form(&o, "client_credentials");
 *
 *     oauth_field(&o, form, "client_id", id);
 *     return oauth_post(&o, url, form);                            one step; the next has its answer:
 *
 *     status = oauth_token(&o, "access_token", &token);
 *     return status == AIGW_OK ? oauth_done(&o, token, oauth_life_ms(&o, 3600 * 1000)) : status;
 */
#ifndef PLUGIN_OAUTH_H
#define PLUGIN_OAUTH_H

#include "../../dialects/common/wire.h"

/** One step of a provider's credential(). */
struct oauth {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_credential_step *step;
};

/* ---- asking: each describes the request of this step. Texts and lines live for the build. ---- */

/** A GET with header lines; NULL as the URL is AIGW_E_NOMEM. */
aigw_status oauth_get(struct oauth *o, const char *url, const char *const *headers, uint32_t header_count);
/** A form that begins with grant_type; NULL without memory. Its other functions take NULL, and oauth_post() says so. */
struct aigw_buf *oauth_form(struct oauth *o, const char *grant_type);
void oauth_field(struct oauth *o, struct aigw_buf *form, const char *name, aigw_str value);
/** POST it. AIGW_E_LIMIT when it is larger than 128 KiB. */
aigw_status oauth_post(struct oauth *o, const char *url, struct aigw_buf *form);
/** POST JSON with a token that was got before. */
aigw_status oauth_post_json(struct oauth *o, const char *url, aigw_str bearer, aigw_str body);

/* ---- reading the answer to the step before ---- */

/** It has a good status. */
bool oauth_is_good(const struct oauth *o);
/** The member that is the token. AIGW_E_UPSTREAM with host->fail() when there is none that a header may carry. */
aigw_status oauth_token(struct oauth *o, const char *member, aigw_str *ret_token);
/** The text of a member of any JSON object; absent when it is none. */
aigw_str oauth_member(struct oauth *o, aigw_str json, const char *member);
/** How long the token lives by expires_in or expires_on, numbers or texts of numbers; `otherwise` when unsaid. */
int64_t oauth_life_ms(struct oauth *o, int64_t otherwise);
/** The server's words on why not, safe to be told: OAuth's error and error_description, or Google's status and message.
 *  Absent texts when there are none. */
void oauth_refusal(struct oauth *o, aigw_str *ret_code, aigw_str *ret_words);
/** This is the credential. */
aigw_status oauth_done(struct oauth *o, aigw_str value, int64_t life_ms);

#endif
