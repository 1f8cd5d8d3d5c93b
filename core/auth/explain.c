/* explain.c - texts that tell an operator which key is missing, where keys were looked for and what went wrong there.
 * What a token says is shown printable and cut; nothing secret gets in. */
#include <string.h>

#include "auth/internal.h"

const char *gw_printable(aigw_str text, char *out, size_t cap)
{
    size_t len = text.len < cap ? text.len : cap - 1;

    for (size_t i = 0; i < len; i++)
        out[i] =
            text.ptr[i] >= ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '"' && text.ptr[i] != '\\' ? text.ptr[i] : '?';
    out[len] = '\0';
    if (len < text.len && cap > 4)
        memcpy(out + cap - 4, "...", 3);
    return out;
}

/** "Gitlab (https://…): 3 keys; CustomersDot (…): no keys (reason)". Lock held. */
static void list_issuers(const struct gw_auth *auth, aigw_str oidc_issuer, struct gw_buf *out)
{
    const char *glue = "";

    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (issuer->is_gone || !gw_issuer_serves(issuer, oidc_issuer))
            continue;
        gw_buf_printf(out, "%s%s (%.80s): ", glue, issuer->name, issuer->url);
        if (issuer->set)
            gw_buf_printf(out, "%zu key%s%s%.160s", issuer->set->count, issuer->set->count == 1 ? "" : "s",
                          issuer->error.text[0] ? ", but they could not be refreshed: " : "", issuer->error.text);
        else
            gw_buf_printf(out, "no keys (%.500s)", issuer->error.text[0] ? issuer->error.text : "not loaded yet");
        glue = "; ";
    }
    if (!*glue)
        gw_buf_puts(out, "no issuer is configured (AIGW_GITLAB_URL is empty)");
}

static bool same_url(aigw_str token_issuer, const char *url)
{
    aigw_str known = gw_str(url);

    while (token_issuer.len > 0 && token_issuer.ptr[token_issuer.len - 1] == '/')
        token_issuer.len--;
    while (known.len > 0 && known.ptr[known.len - 1] == '/')
        known.len--;
    return known.len > 0 && gw_str_eq(token_issuer, known);
}

void gw_explain_unknown_key(struct gw_auth *auth, const struct gw_view *view, const struct gw_token *token,
                            struct gw_err *out)
{
    aigw_str oidc_issuer = gw_claims_oidc_issuer(token->claims);
    char kid[80], issuer[120], again[80] = "";
    struct gw_buf list;
    int64_t left_ms;

    (void)gw_printable(token->kid, kid, sizeof kid);
    (void)gw_printable(token->claims->issuer, issuer, sizeof issuer);
    if (!oidc_issuer.ptr && gw_str_is(token->claims->issuer, view->config->service_name)) {
        (void)gw_err_set(out, AIGW_E_INVALID,
                         "the token names this gateway (\"%s\") as its issuer, but none of its own keys signed it (%zu "
                         "loaded). All gateways behind one address need the same AIGW_SELF_SIGNED_JWT__SIGNING_KEY; "
                         "after a change keep the old key as AIGW_SELF_SIGNED_JWT__VALIDATION_KEY for an hour",
                         view->config->service_name, view->config->local ? view->config->local->count : (size_t)0);
        return;
    }
    if (gw_view_has_kid(view, oidc_issuer, token->kid)) {
        (void)gw_err_set(out, AIGW_E_INVALID,
                         "the signature does not match the key \"%s\" that the token names: the token was changed on "
                         "its way or made by someone else",
                         kid);
        return;
    }
    gw_buf_init(&list, 400);
    (void)pthread_mutex_lock(&auth->lock);
    list_issuers(auth, oidc_issuer, &list);
    left_ms = gw_refresh_demand_ms(auth, oidc_issuer);
    left_ms = left_ms > 0 ? left_ms + auth->tuning.demand_gap_ms - gw_mono_ms() : 0;
    (void)pthread_mutex_unlock(&auth->lock);
    if (left_ms > 0)
        (void)snprintf(again, sizeof again, " An unknown key makes this gateway look again in %lld s.",
                       (long long)((left_ms + 999) / 1000));
    (void)gw_err_set(out, AIGW_E_INVALID,
                     "the token (issuer \"%s\") is signed with an unknown key (%s%s%s). Keys come from %s.%s%s", issuer,
                     token->kid.len ? "kid \"" : "no kid", kid, token->kid.len ? "\"" : "", list.data ? list.data : "",
                     oidc_issuer.ptr ? "" : " Check that AIGW_GITLAB_URL is the GitLab that sends the requests.",
                     token->kid.len ? again : "");
    gw_buf_done(&list);
}

static int64_t seconds_until_load(const struct gw_issuer *issuer, int64_t now_ms)
{
    int64_t left_ms = issuer->due_ms - now_ms;

    if (issuer->config_error.text[0])
        return 60;
    if (issuer->is_loading || left_ms < 1000)
        return 1;
    return (left_ms + 999) / 1000;
}

bool gw_explain_no_keys(struct gw_auth *auth, const struct gw_view *view, const struct gw_claims *claims,
                        struct gw_err *out, int64_t *ret_retry_s)
{
    aigw_str oidc_issuer = gw_claims_oidc_issuer(claims);
    bool is_local = !oidc_issuer.ptr && gw_str_is(claims->issuer, view->config->service_name);
    bool is_named_empty = false, is_any_loaded = false;
    int64_t now_ms = gw_mono_ms(), retry_s = 60;
    size_t configured = 0;
    struct gw_buf list;
    bool yes;

    gw_buf_init(&list, 560);
    (void)pthread_mutex_lock(&auth->lock);
    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (issuer->is_gone || !gw_issuer_serves(issuer, oidc_issuer))
            continue;
        configured++;
        is_any_loaded = is_any_loaded || issuer->set;
        if (!issuer->set && (same_url(claims->issuer, issuer->url) || same_url(claims->issuer, issuer->issuer)))
            is_named_empty = true;
        if (!issuer->set && seconds_until_load(issuer, now_ms) < retry_s)
            retry_s = seconds_until_load(issuer, now_ms);
    }
    list_issuers(auth, oidc_issuer, &list);
    (void)pthread_mutex_unlock(&auth->lock);

    yes = (!oidc_issuer.ptr && view->key_count == 0) ||
          (!is_local && ((configured > 0 && !is_any_loaded) || is_named_empty));
    if (yes) {
        (void)gw_err_set(out, AIGW_E_CONFIG,
                         "this gateway has no key to check the token with: %s. It tries again by itself; check the "
                         "address, DNS, firewall, proxy and CA certificates between this gateway and %s",
                         list.data ? list.data : "", oidc_issuer.ptr ? "the issuer" : "GitLab");
        *ret_retry_s = retry_s;
    }
    gw_buf_done(&list);
    return yes;
}
