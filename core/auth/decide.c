/* decide.c - request headers → principal or refusal, in the order of the contract: bypass switches, Authorization,
 * token type, token, header comparisons. All failures of a token answer one text; the precise reason goes into
 * `detail`. Tokens of conf.d's `oidc` go the same way but for the headers, which are GitLab's. */
#include <string.h>

#include "auth/internal.h"
#include "health/metrics.h"

#define COUNT_ALLOWED    0
#define COUNT_BYPASS     1
#define COUNT_NO_HEADER  2
#define COUNT_BAD_HEADER 3
#define COUNT_BAD_TYPE   4
#define COUNT_TOKEN      5
#define COUNT_MISMATCH   6
#define COUNT_NO_KEYS    7
#define COUNT_WAIT       8

/** One check under way. */
struct check {
    struct gw_auth_worker *worker;
    const struct gw_auth_headers *headers;
    struct gw_arena *arena;
    struct gw_auth_result *result;
    const struct gw_view *view;
    const struct gw_oidc *oidc; /* the token must be of one of these; NULL: GitLab's rules */
};

static void count(struct gw_auth_worker *worker, int which)
{
    static const char *const results[GW_AUTH_COUNTS] = { "allowed",         "bypassed",       "no_header",
                                                         "invalid_header",  "invalid_type",   "forbidden",
                                                         "header_mismatch", "no_signing_key", "waited" };

    if (!worker->counts[which]) {
        aigw_str label = gw_str(results[which]);

        worker->counts[which] = gw_series(worker->auth->metric_checks, &label);
    }
    gw_series_add(worker->counts[which], 1);
}

static aigw_str header(const struct check *check, const char *name)
{
    return check->headers->get(check->headers->user, name);
}

static void refuse(struct check *check, int which, int status, const char *error, const char *detail)
{
    struct gw_auth_result *result = check->result;
    const char *kept = detail ? gw_arena_strndup(check->arena, detail, strlen(detail)) : NULL;

    result->outcome = GW_AUTH_REFUSED;
    result->status = status;
    result->error = error;
    result->detail = kept ? kept : "";
    count(check->worker, which);
}

static void refuse_token(struct check *check, const char *detail)
{
    refuse(check, COUNT_TOKEN, 401, check->oidc ? "token_refused" : "Forbidden by auth provider", detail);
}

static void refuse_behind(struct check *check)
{
    check->result->retry_after_s = 1;
    refuse(check, COUNT_NO_KEYS, 503, "No signing key could be loaded",
           "the settings of this gateway are being changed at this moment, and the token needs a key that the old ones "
           "do not have: try again");
}

static void refuse_no_memory(struct check *check)
{
    refuse(check, COUNT_NO_KEYS, 500, "Internal Server Error", "this gateway is out of memory for the request");
}

/* ---- bypass ------------------------------------------------------------------------------------------------- */

static void log_bypass(struct gw_auth *auth, const char *text)
{
    long long now_ms = gw_mono_ms(), last_ms = atomic_load(&auth->bypass_logged_ms);

    if (last_ms != 0 && now_ms - last_ms < 60000)
        return;
    if (atomic_compare_exchange_strong(&auth->bypass_logged_ms, &last_ms, now_ms))
        gw_log(GW_LOG_CRITICAL, "authentication", "%s", text);
}

static void allow_bypass(struct check *check, const char *text)
{
    struct gw_auth_result *result = check->result;

    log_bypass(check->worker->auth, text);
    result->outcome = GW_AUTH_ALLOWED;
    result->principal.flags = AIGW_PRINCIPALF_BYPASS;
    result->principal.global_user_id = gw_arena_str(check->arena, header(check, "X-Gitlab-Global-User-Id"));
    count(check->worker, COUNT_BYPASS);
}

/* ---- the token ---------------------------------------------------------------------------------------------- */

static void log_seats(const struct check *check, const struct gw_claims *claims)
{
    aigw_str given = header(check, "X-Gitlab-Duo-Seat-Count");

    if (claims->seat_count.len == 0 || gw_str_eq(given, claims->seat_count))
        return;
    gw_log(GW_LOG_INFO, "cloud_connector",
           given.ptr ? "Header mismatch 'X-Gitlab-Duo-Seat-Count'" : "Header is missing: 'X-Gitlab-Duo-Seat-Count'");
}

/** No key of the view verifies the token. Sets the result, or answers false when keys just changed: look again. */
static bool handle_unknown_key(struct check *check, const struct gw_token *token, const unsigned char *digest,
                               uint64_t epoch)
{
    struct gw_auth_worker *worker = check->worker;
    struct gw_auth *auth = worker->auth;
    aigw_str oidc_issuer = gw_claims_oidc_issuer(token->claims);
    bool is_local = !oidc_issuer.ptr && gw_str_is(token->claims->issuer, check->view->config->service_name);
    bool is_known = gw_view_has_kid(check->view, oidc_issuer, token->kid);
    bool has_unknown_kid = token->kid.len > 0 && !is_known && gw_view_has_keys(check->view, oidc_issuer);
    int64_t deadline_ms, retry_s;
    struct gw_err why;
    bool is_behind;

    is_behind = gw_worker_is_behind(worker);
    if (!is_local && !is_known && is_behind) {
        refuse_behind(check);
        return true;
    }
    if (!is_local && !is_known &&
        gw_refresh_worth_waiting(auth, oidc_issuer, check->view->generation, has_unknown_kid, &deadline_ms)) {
        worker->epoch_seen = epoch;
        worker->wait_deadline_ms = deadline_ms;
        check->result->outcome = GW_AUTH_WAIT;
        count(worker, COUNT_WAIT);
        return true;
    }
    if (!is_behind && atomic_load_explicit(&auth->generation, memory_order_acquire) != check->view->generation)
        return false;
    if (gw_explain_no_keys(auth, check->view, token->claims, &why, &retry_s)) {
        check->result->retry_after_s = retry_s;
        refuse(check, COUNT_NO_KEYS, 503, "No signing key could be loaded", why.text);
        return true;
    }
    gw_explain_unknown_key(auth, check->view, token, &why);
    gw_refusals_put(worker->refusals, digest, epoch, gw_mono_ms() + auth->tuning.negative_ms, why.text);
    refuse_token(check, why.text);
    return true;
}

/** A switch for troubleshooting with GitLab; nobody else's tokens profit. */
static bool skips_signature(const struct check *check)
{
    return check->view->config->bypass_signature && !check->oidc;
}

/** Full verification. NULL: the result is set. The claims are the caller's. */
static struct gw_claims *verify(struct check *check, aigw_str text, const unsigned char *digest, int64_t now_s)
{
    struct gw_auth_worker *worker = check->worker;
    const struct gw_auth_config *config = check->view->config;
    const struct gw_token_rules rules = { .service_name = config->service_name,
                                          .now_s = now_s,
                                          .leeway_s = config->leeway_s,
                                          .any_algorithm = skips_signature(check),
                                          .oidc = check->oidc };
    uint64_t epoch = atomic_load_explicit(&worker->auth->epoch, memory_order_acquire);
    struct gw_claims *claims = NULL;
    char issuer[GW_ISSUER_TEXT_MAX];
    struct gw_token token;
    struct gw_err why;
    bool is_local;

    if (gw_token_parse(text, &rules, &token, issuer, &why) != AIGW_OK) {
        check->result->token_issuer = gw_arena_str(check->arena, gw_str(issuer));
        refuse_token(check, why.text);
        return NULL;
    }
    check->result->token_issuer = gw_arena_str(check->arena, gw_str(issuer));
    if (rules.any_algorithm) {
        log_bypass(worker->auth, "Signatures of tokens are not checked, anyone can forge one");
        claims = gw_claims_ref(token.claims);
        goto done;
    }
    for (;;) {
        const struct gw_key *key = gw_view_verify(check->view, &token, &is_local);

        if (key) {
            claims = gw_claims_ref(token.claims);
            gw_cache_put(worker->cache, digest, check->view, key, is_local, claims);
            if (!check->oidc)
                log_seats(check, claims);
            break;
        }
        if (handle_unknown_key(check, &token, digest, epoch))
            break;
        epoch = atomic_load_explicit(&worker->auth->epoch, memory_order_acquire);
        check->view = gw_worker_view(worker);
    }
done:
    gw_token_done(&token);
    return claims;
}

static struct gw_claims *claims_of_token(struct check *check, aigw_str text)
{
    struct gw_auth_worker *worker = check->worker;
    int64_t now_s = gw_wall_s();
    unsigned char digest[GW_DIGEST_LEN] = { 0 };
    struct gw_claims *claims;
    const char *refusal;

    if (skips_signature(check) || text.len == 0 || text.len > GW_TOKEN_MAX)
        return verify(check, text, digest, now_s);
    if (gw_sha256(text.ptr, text.len, digest) != AIGW_OK) {
        refuse_no_memory(check);
        return NULL;
    }
    if (check->oidc) /* what one kind of rules says of a token is nothing to the other */
        digest[GW_DIGEST_LEN - 1] ^= 1;
    claims = gw_cache_get(worker->cache, digest, check->view, now_s);
    if (claims)
        return gw_claims_ref(claims);
    refusal = gw_refusals_get(worker->refusals, digest,
                              atomic_load_explicit(&worker->auth->epoch, memory_order_acquire), gw_mono_ms());
    if (refusal) {
        refuse_token(check, refusal);
        return NULL;
    }
    return verify(check, text, digest, now_s);
}

/* ---- comparisons -------------------------------------------------------------------------------------------- */

static void refuse_mismatch(struct check *check, const char *error, const char *what, aigw_str claim, aigw_str given,
                            const char *remedy)
{
    char claim_text[80], given_text[80];
    struct gw_err why;

    (void)gw_printable(claim, claim_text, sizeof claim_text);
    (void)gw_printable(given, given_text, sizeof given_text);
    (void)gw_err_set(&why, AIGW_E_INVALID, "the token is for the %s \"%s\", but the request %s%s%s. %s", what,
                     claim_text, given.ptr ? "says \"" : "has no such header", given_text, given.ptr ? "\"" : "",
                     remedy);
    refuse(check, COUNT_MISMATCH, 401, error, why.text);
}

/** Steps 8a to 8c. False: refused. */
static bool compare_headers(struct check *check, const struct gw_claims *claims)
{
    static const char instance_remedy[] =
        "This happens after a GitLab was restored or cloned, or when the token of another instance is used: "
        "synchronise the subscription of this GitLab, or check which GitLab AIGW_GITLAB_URL names";
    static const char instance_error[] = "Header mismatch 'X-Gitlab-Instance-Id'";
    aigw_str realm = header(check, "X-Gitlab-Realm"), instance = header(check, "X-Gitlab-Instance-Id");
    bool is_user = gw_str_is(claims->issuer, check->view->config->service_name);

    if (claims->realm_is_odd || (claims->realm.len > 0 && !gw_str_eq(claims->realm, realm))) {
        refuse_mismatch(check, "Header mismatch 'X-Gitlab-Realm'", "realm", claims->realm, realm,
                        "Send the X-Gitlab-Realm header that belongs to the token");
        return false;
    }
    if (claims->instance_is_odd || (claims->instance_id.len > 0 && !gw_str_eq(claims->instance_id, instance))) {
        refuse_mismatch(check, instance_error, "instance", claims->instance_id, instance, instance_remedy);
        return false;
    }
    if (claims->subject.len == 0)
        return true;
    if (is_user) {
        aigw_str user = header(check, "X-Gitlab-Global-User-Id");

        if (gw_str_eq(claims->subject, user))
            return true;
        refuse_mismatch(check, "Header mismatch 'X-Gitlab-Global-User-Id'", "user", claims->subject, user,
                        "A user token serves only the user it was issued to: fetch a new one");
        return false;
    }
    if (gw_str_eq(claims->subject, instance))
        return true;
    refuse_mismatch(check, instance_error, "instance", claims->subject, instance, instance_remedy);
    return false;
}

static void put_claims(void *claims)
{
    gw_claims_unref(claims);
}

static void allow(struct check *check, struct gw_claims *claims)
{
    struct aigw_principal *principal = &check->result->principal;

    principal->flags = gw_str_is(claims->issuer, check->view->config->service_name) ? AIGW_PRINCIPALF_USER_TOKEN : 0;
    principal->issuer = claims->issuer;
    principal->subject = claims->subject;
    principal->realm = claims->realm;
    principal->instance_id = claims->instance_id;
    principal->instance_uid = claims->instance_uid;
    principal->seat_count = claims->seat_count;
    principal->extra_claims = claims->extra;
    principal->scopes = claims->scopes;
    principal->scope_count = claims->scope_count;
    principal->global_user_id = gw_arena_str(check->arena, header(check, "X-Gitlab-Global-User-Id"));
    check->result->token_issuer = claims->issuer;
    check->result->outcome = GW_AUTH_ALLOWED;
    count(check->worker, COUNT_ALLOWED);
}

/** Steps 4 to 6. False: refused. */
static bool read_bearer(struct check *check, aigw_str *ret_token)
{
    aigw_str authorization = header(check, "Authorization"), type, scheme;
    const char *space;

    if (!authorization.ptr) {
        refuse(check, COUNT_NO_HEADER, 401, "No authorization header presented",
               "this address serves GitLab: send \"Authorization: Bearer <token>\"");
        return false;
    }
    space = authorization.len ? memchr(authorization.ptr, ' ', authorization.len) : NULL;
    scheme = (aigw_str){ authorization.ptr, space ? (size_t)(space - authorization.ptr) : authorization.len };
    if (!gw_str_eq_ci(scheme, AIGW_STR("bearer"))) {
        refuse(check, COUNT_BAD_HEADER, 401, "Invalid authorization header",
               "the Authorization header is not \"Bearer <token>\"");
        return false;
    }
    type = header(check, "X-Gitlab-Authentication-Type");
    if (!gw_str_is(type, "oidc")) {
        refuse(check, COUNT_BAD_TYPE, 401, "Invalid authentication token type - only OIDC is supported",
               type.ptr ? "the X-Gitlab-Authentication-Type header is not \"oidc\" (lower case)"
                        : "the X-Gitlab-Authentication-Type header is missing, expected \"oidc\"");
        return false;
    }
    ret_token->ptr = space ? space + 1 : authorization.ptr + authorization.len;
    ret_token->len = space ? authorization.len - scheme.len - 1 : 0;
    return true;
}

/** The claims for as long as the request's memory; NULL: the result is set. Requests share them with the cache; the
 *  arena's end lets go of them. */
static struct gw_claims *borrow_claims(struct check *check, aigw_str token)
{
    struct gw_claims *claims = claims_of_token(check, token);

    if (!claims)
        return NULL;
    if (gw_arena_defer(check->arena, put_claims, claims) != AIGW_OK) {
        refuse_no_memory(check);
        return NULL;
    }
    check->result->token_issuer = claims->issuer;
    return claims;
}

void gw_auth_check(struct gw_auth_worker *worker, const struct gw_auth_headers *headers, struct gw_arena *arena,
                   struct gw_auth_result *ret_result)
{
    struct check check = { worker, headers, arena, ret_result, gw_worker_view(worker), NULL };
    const struct gw_auth_config *config = check.view->config;
    struct gw_claims *claims;
    aigw_str token;

    memset(ret_result, 0, sizeof *ret_result);
    ret_result->principal.struct_size = sizeof ret_result->principal;
    if (config->bypass_external) {
        allow_bypass(&check, "Auth is disabled, all users allowed");
        return;
    }
    if (config->bypass_with_header && gw_str_is(header(&check, "Bypass-Auth"), "true")) {
        allow_bypass(&check, "Auth is disabled, all requests with `Bypass-Auth` header set allowed");
        return;
    }
    if (!read_bearer(&check, &token))
        return;
    claims = borrow_claims(&check, token);
    if (claims && compare_headers(&check, claims))
        allow(&check, claims);
}

void gw_oidc_check(struct gw_auth_worker *worker, const struct gw_oidc *oidc, aigw_str token, const char *client_ip,
                   struct gw_arena *arena, struct gw_auth_result *ret_result)
{
    struct check check = { worker, NULL, arena, ret_result, gw_worker_view(worker), oidc };
    const struct gw_oidc_group *group;
    struct gw_claims *claims;

    memset(ret_result, 0, sizeof *ret_result);
    ret_result->principal.struct_size = sizeof ret_result->principal;
    /* Remembered tokens know the place of their group among those of the view. */
    if (memcmp(check.view->config->oidc_print, oidc->print, sizeof oidc->print) != 0) {
        refuse_behind(&check);
        return;
    }
    claims = borrow_claims(&check, token);
    if (!claims)
        return;
    group = &oidc->groups[claims->oidc_group - 1];
    if (!gw_grant_admits(&group->grant, client_ip)) {
        refuse(&check, COUNT_TOKEN, 401, "token_address",
               gw_arena_printf(arena, "tokens of oidc.%s may not be used from this address", group->grant.name));
        return;
    }
    gw_grant_allow(&group->grant, claims->subject, ret_result);
    ret_result->principal.issuer = claims->issuer;
    ret_result->principal.extra_claims = claims->extra;
    count(worker, COUNT_ALLOWED);
}
