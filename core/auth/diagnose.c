/* diagnose.c - a token taken apart for the operator: every step that a request's token goes through, with what was
 * found and what was expected. The token itself, its signature and its subject are not shown. */
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"

#define SHOWN_MAX 200

struct diagnosis {
    struct gw_auth *auth;
    const struct gw_view *view;
    const struct gw_oidc *oidc; /* the token is of an issuer of that section; NULL: GitLab's rules */
    aigw_str oidc_issuer;       /* that one; absent without */
    struct gw_buf *out;
    int64_t now_s;
    struct gw_err refusal; /* by the code that judges requests; "": it accepts the token */
};

static void AIGW_PRINTF(4, 5) line(struct diagnosis *d, const char *verdict, const char *what, const char *fmt, ...)
{
    va_list args;

    if (!d->refusal.text[0] && strcmp(verdict, "FAIL") == 0)
        verdict = "warn"; /* nothing of it keeps the token out */
    gw_buf_printf(d->out, "%-5s %-10s ", verdict, what);
    va_start(args, fmt);
    gw_buf_vprintf(d->out, fmt, args);
    va_end(args);
    gw_buf_puts(d->out, "\n");
}

/* ---- the verdict, by the code that judges requests ---- */

static void judge(struct diagnosis *d, aigw_str text)
{
    const struct gw_token_rules rules = { .service_name = d->view->config->service_name,
                                          .now_s = d->now_s,
                                          .leeway_s = d->view->config->leeway_s,
                                          .any_algorithm = d->view->config->bypass_signature && !d->oidc,
                                          .oidc = d->oidc };
    char issuer[GW_ISSUER_TEXT_MAX];
    struct gw_token token;
    int64_t retry_s;
    bool is_local;

    if (gw_token_parse(text, &rules, &token, issuer, &d->refusal) == AIGW_OK) {
        if (rules.any_algorithm || gw_view_verify(d->view, &token, &is_local))
            d->refusal.text[0] = '\0'; /* groups that did not take it have their say there, too */
        else if (!gw_explain_no_keys(d->auth, d->view, token.claims, &d->refusal, &retry_s))
            gw_explain_unknown_key(d->auth, d->view, &token, &d->refusal);
    }
    gw_token_done(&token);
}

/* ---- parts ---- */

static struct json_object *part_of(struct diagnosis *d, const char *what, aigw_str text)
{
    unsigned char bytes[GW_TOKEN_MAX];
    struct json_object *object = NULL;
    struct gw_err why = { "" };
    size_t len = 0;

    if (gw_base64url_decode(text, bytes, sizeof bytes, &len) != AIGW_OK)
        line(d, "FAIL", what, "is not base64url without padding: was a piece lost while copying?");
    else if (!(object = gw_json_object((aigw_str){ (const char *)bytes, len }, &why)))
        line(d, "FAIL", what, "is no JSON object: %s", why.text);
    return object;
}

/* ---- header ---- */

static void explain_header(struct diagnosis *d, struct json_object *header)
{
    aigw_str alg = gw_json_text(header, "alg"), kid = gw_json_text(header, "kid");
    char shown[SHOWN_MAX];

    gw_printable(alg, shown, sizeof shown);
    if (gw_str_is(alg, "RS256") || (d->oidc && gw_str_is(alg, "ES256")))
        line(d, "ok", "algorithm", "%s", shown);
    else
        line(d, "FAIL", "algorithm", "is \"%s\", expected \"RS256\"%s", shown, d->oidc ? " or \"ES256\"" : "");
    gw_printable(kid, shown, sizeof shown);
    if (!kid.len)
        line(d, "warn", "key id", "the token names none: every key is tried");
    else if (gw_view_has_kid(d->view, d->oidc_issuer, kid))
        line(d, "ok", "key id", "\"%s\" is one of the %zu keys known here", shown, d->view->key_count);
    else
        line(d, "FAIL", "key id",
             "\"%s\" is none of the %zu keys known here: the token comes from another GitLab, or its "
             "keys are older than the token",
             shown, d->view->key_count);
}

/* ---- issuers and clock ---- */

/** Of its own issuer, by the rules of conf.d's `oidc`? */
static void choose_rules(struct diagnosis *d, const struct gw_oidc *oidc, aigw_str issuer)
{
    for (size_t i = 0; oidc && i < oidc->count; i++) {
        if (gw_str_is(issuer, oidc->groups[i].issuer)) {
            d->oidc = oidc;
            d->oidc_issuer = gw_str(oidc->groups[i].issuer);
        }
    }
}

/** Lock held. */
static const struct gw_issuer *issuer_named(const struct diagnosis *d, aigw_str name)
{
    const struct gw_auth *auth = d->auth;

    for (const struct gw_issuer *issuer = d->oidc ? auth->issuers : NULL; issuer; issuer = issuer->next) {
        if (!issuer->is_gone && gw_issuer_serves(issuer, d->oidc_issuer))
            return issuer;
    }
    while (name.len > 0 && name.ptr[name.len - 1] == '/')
        name.len--;
    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (!issuer->is_gone && (gw_str_eq(name, gw_str(issuer->url)) || gw_str_eq(name, gw_str(issuer->issuer))))
            return issuer;
    }
    return NULL;
}

static void explain_issuer(struct diagnosis *d, struct json_object *payload)
{
    aigw_str name = gw_json_text(payload, "iss");
    const struct gw_issuer *issuer;
    char shown[SHOWN_MAX];

    gw_printable(name, shown, sizeof shown);
    (void)pthread_mutex_lock(&d->auth->lock);
    issuer = issuer_named(d, name);
    if (gw_str_is(name, d->view->config->service_name))
        line(d, d->view->config->local ? "ok" : "FAIL", "issuer", "this gateway itself (\"%s\")%s", shown,
             d->view->config->local ? "" : ", which has no signing key: set AIGW_SELF_SIGNED_JWT__SIGNING_KEY");
    else if (issuer && issuer->set)
        line(d, "ok", "issuer", "\"%s\" is %s, %zu keys loaded", shown, issuer->name, issuer->set->count);
    else if (issuer)
        line(d, "FAIL", "issuer", "\"%s\" is %s, whose keys cannot be loaded: %.400s", shown, issuer->name,
             issuer->error.text);
    else
        line(d, "warn", "issuer",
             "\"%s\" is none of the issuers configured here: set AIGW_GITLAB_URL to it, or add it to "
             "auth.issuers",
             shown);
    for (const struct gw_issuer *i = d->auth->issuers; i; i = i->next) {
        if (!i->is_gone && i->set && (i->clock_ahead_s > 2 || i->clock_ahead_s < -2))
            line(d, "warn", "clock", "that of %s differs by %lld s from this machine's: run NTP on both", i->name,
                 (long long)i->clock_ahead_s);
    }
    (void)pthread_mutex_unlock(&d->auth->lock);
}

/* ---- claims ---- */

static void explain_audience(struct diagnosis *d, struct json_object *payload)
{
    const char *wanted = d->view->config->service_name;
    struct json_object *aud = NULL;
    char shown[SHOWN_MAX];
    bool is_ours = false;

    if (!json_object_object_get_ex(payload, "aud", &aud)) {
        line(d, "FAIL", "audience", "is missing, expected \"%s\"", wanted);
        return;
    }
    gw_printable(gw_str(json_object_to_json_string_ext(aud, JSON_C_TO_STRING_PLAIN)), shown, sizeof shown);
    if (json_object_is_type(aud, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(aud); i++) {
            struct json_object *item = json_object_array_get_idx(aud, i);

            is_ours = is_ours || gw_str_is(gw_json_string(item), wanted);
        }
    } else {
        is_ours = gw_str_is(gw_json_string(aud), wanted);
    }
    if (is_ours)
        line(d, "ok", "audience", "\"%s\"", wanted);
    else
        line(d, "FAIL", "audience", "is %s, expected \"%s\" (AIGW_CLOUD_CONNECTOR_SERVICE_NAME)", shown, wanted);
}

/** False when the claim is no number. */
static bool time_of(struct json_object *payload, const char *name, int64_t *ret_s)
{
    struct json_object *value;

    return json_object_object_get_ex(payload, name, &value) && gw_claims_time(value, ret_s);
}

static void explain_times(struct diagnosis *d, struct json_object *payload)
{
    int64_t leeway_s = d->view->config->leeway_s, at_s;

    if (!time_of(payload, "exp", &at_s))
        line(d, "FAIL", "expiry", "is missing (claim exp), or no number");
    else if (at_s + leeway_s < d->now_s)
        line(d, "FAIL", "expiry",
             "it expired %lld s ago (leeway %lld s). If GitLab has just made it, the clocks differ: "
             "run NTP on both",
             (long long)(d->now_s - at_s), (long long)leeway_s);
    else
        line(d, "ok", "expiry", "in %lld s", (long long)(at_s - d->now_s));
    if (time_of(payload, "nbf", &at_s) && at_s > d->now_s + leeway_s)
        line(d, "FAIL", "start",
             "it is valid in %lld s only: GitLab's clock is ahead of this machine's, run NTP on both",
             (long long)(at_s - d->now_s));
    if (time_of(payload, "iat", &at_s))
        line(d, "ok", "issued", "%lld s ago, as this machine's clock has it", (long long)(d->now_s - at_s));
}

static void explain_rights(struct diagnosis *d, struct json_object *payload)
{
    aigw_str realm = gw_json_text(payload, "gitlab_realm");
    struct json_object *scopes = NULL;
    char shown[SHOWN_MAX];

    if (realm.len)
        line(d, "ok", "realm", "\"%s\"; the header X-Gitlab-Realm must be the same",
             gw_printable(realm, shown, sizeof shown));
    if (gw_json_text(payload, "gitlab_instance_id").len)
        line(d, "ok", "instance", "\"%s\"; the header X-Gitlab-Instance-Id must be the same",
             gw_printable(gw_json_text(payload, "gitlab_instance_id"), shown, sizeof shown));
    if (!json_object_object_get_ex(payload, "scopes", &scopes) || !json_object_is_type(scopes, json_type_array) ||
        json_object_array_length(scopes) == 0) {
        line(d, "warn", "scopes",
             "none: every feature will be refused (403). The user has no seat, or the subscription of "
             "that GitLab was not synchronised");
        return;
    }
    gw_buf_puts(d->out, "ok    scopes     ");
    for (size_t i = 0; i < json_object_array_length(scopes); i++)
        gw_buf_printf(
            d->out, "%s%s", i ? ", " : "",
            gw_printable(gw_str(json_object_get_string(json_object_array_get_idx(scopes, i))), shown, sizeof shown));
    gw_buf_puts(d->out, "\n");
}

static void explain_gitlab(struct diagnosis *d, struct json_object *payload)
{
    explain_audience(d, payload);
    explain_rights(d, payload);
}

bool gw_auth_diagnose(struct gw_auth *auth, const struct gw_oidc *oidc, aigw_str text, struct gw_buf *out)
{
    struct diagnosis d = { .auth = auth, .out = out, .now_s = gw_wall_s(), .refusal = { "not judged yet" } };
    struct json_object *header = NULL, *payload = NULL;
    const char *first, *second = NULL;

    (void)pthread_mutex_lock(&auth->lock);
    d.view = gw_view_ref(auth->view);
    (void)pthread_mutex_unlock(&auth->lock);
    first = text.len ? memchr(text.ptr, '.', text.len) : NULL;
    if (first)
        second = memchr(first + 1, '.', (size_t)(text.ptr + text.len - first - 1));
    if (!second) {
        line(&d, "FAIL", "shape",
             "%zu bytes without two dots: this is no JSON web token. A personal access token or an "
             "API key cannot be used here",
             text.len);
    } else {
        line(&d, "ok", "shape", "%zu bytes in three parts", text.len);
        header = part_of(&d, "header", (aigw_str){ text.ptr, (size_t)(first - text.ptr) });
        payload = part_of(&d, "payload", (aigw_str){ first + 1, (size_t)(second - first - 1) });
    }
    if (payload)
        choose_rules(&d, oidc, gw_json_text(payload, "iss"));
    judge(&d, text);
    if (header)
        explain_header(&d, header);
    if (payload) {
        explain_issuer(&d, payload);
        explain_times(&d, payload);
        if (d.oidc)
            line(&d, "ok", "rules", "those of section oidc, whose groups say audience, claims and rights");
        else
            explain_gitlab(&d, payload);
    }
    json_object_put(header);
    json_object_put(payload);
    if (d.refusal.text[0])
        line(&d, "FAIL", "verdict", "refused: %s", d.refusal.text);
    else
        line(&d, "ok", "verdict", "this gateway accepts the token");
    gw_view_unref((struct gw_view *)(uintptr_t)d.view);
    return !d.refusal.text[0];
}
