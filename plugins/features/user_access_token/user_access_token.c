/* user_access_token.c - feature plugin for POST /v1/code/user_access_token: an instance's token is exchanged for a
 * one-hour token of one user, with which an editor calls the gateway directly.
 * The right is checked in run(), because either of two scopes will do and the new token carries those the caller has.
 * State: none; nothing static but tables.
 */
#include <aigw/json.h>
#include <aigw/sdk.h>

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_LIFE_S 3600
#define CLAIMS_MAX   ((size_t)64 << 10) /* bytes of JSON; a token travels in a header */
#define OWN_MAX      16u                /* claims that are not copied */

struct user_access_token {
    const struct aigw_host *host;
};

/** What of the request goes into the new token. */
struct grant {
    const struct aigw_principal *principal;
    aigw_str user;
    const char *scopes[2];
    size_t scope_count;
    int64_t now_s;
};

static aigw_status uat_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct user_access_token *plugin = self;

    (void)ctx;
    plugin->host = host;
    return AIGW_OK;
}

static bool str_is(aigw_str text, const char *literal)
{
    return text.len == strlen(literal) && memcmp(text.ptr, literal, text.len) == 0;
}

static bool is_blank(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.ptr[i]) || text.ptr[i] == '\0')
            return false;
    }
    return true;
}

/** Version 4 UUID. False when the kernel gives no random bytes. */
static bool make_uuid(char ret_uuid[37])
{
    unsigned char r[16];

    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        return false;
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    (void)snprintf(ret_uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
                   r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
    return true;
}

/* ---- claims ------------------------------------------------------------------------------------------------- */

/** A positive decimal number without sign, blanks or fraction; 0 if it is not one. */
static int64_t positive(aigw_str text)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

/** The caller's claim if it is a positive integer or its decimal text, else the header under the same rule. */
static int64_t root_namespace(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_json *extra)
{
    struct aigw_json claim;
    char room[64];
    int64_t id = 0;

    aigw_json_member(extra, "gitlab_root_namespace_id", &claim);
    if (claim.type == AIGW_JSON_INT)
        id = positive(claim.text);
    else if (claim.type == AIGW_JSON_STRING && aigw_json_room(&claim) <= sizeof room)
        id = positive(aigw_json_text_in(&claim, room));
    if (id > 0)
        return id;
    if (claim.type > AIGW_JSON_NULL)
        host->log(ctx, AIGW_LOG_WARNING, "gitlab_root_namespace_id claim unusable, falling back to header");
    return positive(host->header(ctx, "X-Gitlab-Root-Namespace-Id"));
}

/** The claims as they are written. */
struct claims {
    const struct aigw_host *host;
    struct aigw_buf *json;
    const char *own[OWN_MAX];
    size_t own_count;
};

/** Begin a claim; its value must follow. */
static void put_name(struct claims *claims, const char *name)
{
    claims->host->buf_printf(claims->json, "%s\"%s\":", claims->own_count ? "," : "{", name);
    if (claims->own_count < OWN_MAX)
        claims->own[claims->own_count++] = name;
}

static void put_text(struct claims *claims, const char *name, aigw_str text)
{
    put_name(claims, name);
    claims->host->buf_json(claims->json, text);
}

static void put_text_or_null(struct claims *claims, const char *name, aigw_str text)
{
    if (text.ptr) {
        put_text(claims, name, text);
        return;
    }
    put_name(claims, name);
    claims->host->buf_put(claims->json, "null", 4);
}

static void put_int(struct claims *claims, const char *name, int64_t value)
{
    put_name(claims, name);
    claims->host->buf_printf(claims->json, "%lld", (long long)value);
}

static bool is_own(const struct claims *claims, const struct aigw_json *name)
{
    for (size_t i = 0; i < claims->own_count; i++)
        if (aigw_json_is_text(name, claims->own[i]))
            return true;
    return false;
}

/** Copy the caller's other claims as they stand. Never over one that is already there. */
static void put_extra(struct claims *claims, const struct aigw_json *extra)
{
    struct aigw_json_walk walk = aigw_json_begin(extra);
    struct aigw_json name, value;

    while (aigw_json_next(&walk, &name, &value)) {
        if (is_own(claims, &name))
            continue;
        claims->host->buf_put(claims->json, ",", 1);
        claims->host->buf_put(claims->json, name.text.ptr, name.text.len);
        claims->host->buf_put(claims->json, ":", 1);
        claims->host->buf_put(claims->json, value.text.ptr, value.text.len);
    }
}

static bool put_registered(struct claims *claims, struct aigw_ctx *ctx, const struct grant *grant)
{
    const struct aigw_host *host = claims->host;
    aigw_str service = host->setting(ctx, "auth.service_name");
    char uuid[37];

    if (!make_uuid(uuid))
        return false;
    if (service.len == 0)
        service = AIGW_STR("gitlab-ai-gateway");
    put_text(claims, "iss", service);
    put_text(claims, "sub", grant->user);
    put_text(claims, "aud", service);
    put_int(claims, "exp", grant->now_s + TOKEN_LIFE_S);
    put_int(claims, "nbf", grant->now_s);
    put_int(claims, "iat", grant->now_s);
    put_text(claims, "jti", (aigw_str){ uuid, sizeof uuid - 1 });
    put_text(claims, "gitlab_realm", grant->principal->realm);
    put_text(claims, "gitlab_instance_id", grant->principal->instance_id);
    put_name(claims, "scopes");
    for (size_t i = 0; i < grant->scope_count; i++)
        host->buf_printf(claims->json, "%s\"%s\"", i ? "," : "[", grant->scopes[i]);
    host->buf_put(claims->json, "]", 1);
    if (!is_blank(grant->principal->seat_count))
        put_text(claims, "duo_seat_count", grant->principal->seat_count);
    return true;
}

static void put_by_realm(struct claims *claims, struct aigw_ctx *ctx, const struct grant *grant,
                         const struct aigw_json *extra)
{
    const struct aigw_host *host = claims->host;
    int64_t root;

    if (str_is(grant->principal->realm, "self-managed"))
        put_text(claims, "gitlab_instance_uid", grant->principal->instance_uid);
    if (!str_is(grant->principal->realm, "saas"))
        return;
    root = root_namespace(host, ctx, extra);
    put_text_or_null(claims, "gitlab_project_id", host->header(ctx, "X-Gitlab-Project-Id"));
    put_text_or_null(claims, "gitlab_namespace_id", host->header(ctx, "X-Gitlab-Namespace-Id"));
    if (root > 0)
        put_int(claims, "gitlab_root_namespace_id", root);
    else
        put_text_or_null(claims, "gitlab_root_namespace_id", AIGW_STR_NONE);
}

/** The claims as JSON text in the request's memory; absent without memory. What the principal brings is left out when
 * it is no JSON object. */
static aigw_str make_claims(const struct aigw_host *host, struct aigw_ctx *ctx, const struct grant *grant)
{
    struct claims claims = { .host = host, .json = host->buf_new(ctx, AIGW_LIFE_REQUEST, CLAIMS_MAX) };
    struct aigw_json extra;
    aigw_str made;

    if (!claims.json)
        return AIGW_STR_NONE;
    aigw_json_check(grant->principal->extra_claims, AIGW_JSON_STRICT, &extra, NULL);
    if (!put_registered(&claims, ctx, grant))
        return AIGW_STR_NONE;
    put_by_realm(&claims, ctx, grant, &extra);
    if (extra.type == AIGW_JSON_OBJECT)
        put_extra(&claims, &extra);
    host->buf_put(claims.json, "}", 1);
    return host->buf_view(claims.json, &made) == AIGW_OK ? made : AIGW_STR_NONE;
}

/* ---- the request -------------------------------------------------------------------------------------------- */

static void find_scopes(const struct aigw_host *host, struct aigw_ctx *ctx, struct grant *grant)
{
    static const char *const offered[] = { "complete_code", "ai_gateway_model_provider_proxy" };

    for (size_t i = 0; i < sizeof offered / sizeof *offered; i++) {
        if (host->has_scope(ctx, offered[i], AIGW_SCOPEF_NO_USER_TOKEN))
            grant->scopes[grant->scope_count++] = offered[i];
    }
}

static aigw_status respond_token(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str token, int64_t expires_s)
{
    /* A token is base64url and dots: nothing in it needs escaping. */
    const char *body = host->format(ctx, AIGW_LIFE_REQUEST, "{\"token\":\"%.*s\",\"expires_at\":%lld}",
                                    AIGW_STR_ARG(token), (long long)expires_s);

    if (!body)
        return AIGW_E_NOMEM;
    return host->respond(ctx, 200, NULL, (aigw_str){ body, strlen(body) }, NULL, 0);
}

static aigw_status uat_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct aigw_host *host = ((struct user_access_token *)self)->host;
    struct grant grant = { .principal = host->principal(ctx) };
    aigw_str claims, token;
    aigw_status status;

    (void)call;
    (void)request;
    find_scopes(host, ctx, &grant);
    if (grant.scope_count == 0)
        return host->respond_detail(ctx, 403, "Unauthorized to create user access token");
    grant.user = host->header(ctx, "X-Gitlab-Global-User-Id");
    if (grant.user.len == 0) /* without a subject the token would fit any user */
        return host->respond_detail(ctx, 400, "Missing X-Gitlab-Global-User-Id header");
    grant.now_s = host->time_s(ctx);
    claims = make_claims(host, ctx, &grant);
    status = claims.ptr ? host->sign_token(ctx, claims, &token) : AIGW_E_NOMEM;
    if (status != AIGW_OK) {
        host->log(ctx, AIGW_LOG_ERROR, "no user token was issued: %s", host->last_error(ctx));
        return host->respond_detail(ctx, 500, "Failed to generate JWT");
    }
    return respond_token(host, ctx, token, grant.now_s + TOKEN_LIFE_S);
}

static const struct aigw_route uat_routes[] = {
    { .method = "POST",
      .path = "/v1/code/user_access_token",
      .flags = AIGW_ROUTEF_NO_BODY,
      .category = "code_suggestions",
      .summary = "Exchange an instance token for a one-hour token of one user",
      .group = "code",
      .response_schema = "{\"type\":\"object\",\"required\":[\"token\",\"expires_at\"],\"properties\":{"
                         "\"token\":{\"type\":\"string\"},\"expires_at\":{\"type\":\"integer\"}}}" },
};

static const struct aigw_feature_ops uat_ops = {
    .struct_size = sizeof uat_ops,
    .route_size = sizeof uat_routes[0],
    .routes = uat_routes,
    .route_count = sizeof uat_routes / sizeof *uat_routes,
    .open = uat_open,
    .run = uat_run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "user_access_token", .version = "1.0.0",
            .summary = "issues one-hour user tokens for direct access from editors",
            .state_size = sizeof(struct user_access_token), .feature = &uat_ops);
