/* user_access_token.c - feature plugin for POST /v1/code/user_access_token: an instance's token is exchanged for a
 * one-hour token of one user, with which an editor calls the gateway directly.
 * The right is checked in run(), because either of two scopes will do and the new token carries those the caller has.
 * State: none; nothing static but tables.
 */
#include <aigw/sdk.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <json-c/json.h>

#define TOKEN_LIFE_S 3600

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

/** Set a member; takes value. An allocation that failed earlier (value NULL with is_null false) counts. */
static bool put(struct json_object *obj, const char *name, struct json_object *value)
{
    if (!value)
        return false;
    if (json_object_object_add(obj, name, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static struct json_object *json_text(aigw_str text)
{
    return json_object_new_string_len(text.len ? text.ptr : "", (int)text.len);
}

static bool put_text_or_null(struct json_object *obj, const char *name, aigw_str text)
{
    return text.ptr ? put(obj, name, json_text(text)) : json_object_object_add(obj, name, NULL) == 0;
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
static int64_t root_namespace(struct json_object *extra, aigw_str header)
{
    struct json_object *claim;
    int64_t id = 0;

    if (json_object_object_get_ex(extra, "gitlab_root_namespace_id", &claim)) {
        if (json_object_is_type(claim, json_type_int))
            id = json_object_get_int64(claim);
        else if (json_object_is_type(claim, json_type_string))
            id = positive((aigw_str){ json_object_get_string(claim), (size_t)json_object_get_string_len(claim) });
    }
    return id > 0 ? id : positive(header);
}

/** Copy the caller's other claims. Never over one that is already there. */
static bool put_extra(struct json_object *claims, struct json_object *extra)
{
    json_object_object_foreach(extra, name, value)
    {
        if (json_object_object_get_ex(claims, name, NULL))
            continue;
        if (json_object_object_add(claims, name, json_object_get(value)) != 0) {
            json_object_put(value);
            return false;
        }
    }
    return true;
}

static bool put_registered(const struct aigw_host *host, struct aigw_ctx *ctx, const struct grant *grant,
                           struct json_object *claims)
{
    aigw_str service = host->setting(ctx, "auth.service_name");
    struct json_object *scopes = json_object_new_array();
    char uuid[37];
    bool ok = scopes != NULL && make_uuid(uuid);

    if (service.len == 0)
        service = AIGW_STR("gitlab-ai-gateway");
    for (size_t i = 0; i < grant->scope_count && ok; i++)
        ok = json_object_array_add(scopes, json_object_new_string(grant->scopes[i])) == 0;
    ok = ok && put(claims, "iss", json_text(service));
    ok = ok && put(claims, "sub", json_text(grant->user));
    ok = ok && put(claims, "aud", json_text(service));
    ok = ok && put(claims, "exp", json_object_new_int64(grant->now_s + TOKEN_LIFE_S));
    ok = ok && put(claims, "nbf", json_object_new_int64(grant->now_s));
    ok = ok && put(claims, "iat", json_object_new_int64(grant->now_s));
    ok = ok && put(claims, "jti", json_object_new_string(uuid));
    ok = ok && put(claims, "gitlab_realm", json_text(grant->principal->realm));
    ok = ok && put(claims, "gitlab_instance_id", json_text(grant->principal->instance_id));
    ok = ok && put(claims, "scopes", json_object_get(scopes));
    if (!is_blank(grant->principal->seat_count))
        ok = ok && put(claims, "duo_seat_count", json_text(grant->principal->seat_count));
    json_object_put(scopes);
    return ok;
}

static bool put_by_realm(const struct aigw_host *host, struct aigw_ctx *ctx, const struct grant *grant,
                         struct json_object *extra, struct json_object *claims)
{
    int64_t root;
    bool ok = true;

    if (str_is(grant->principal->realm, "self-managed"))
        return put(claims, "gitlab_instance_uid", json_text(grant->principal->instance_uid));
    if (!str_is(grant->principal->realm, "saas"))
        return true;
    root = root_namespace(extra, host->header(ctx, "X-Gitlab-Root-Namespace-Id"));
    ok = ok && put_text_or_null(claims, "gitlab_project_id", host->header(ctx, "X-Gitlab-Project-Id"));
    ok = ok && put_text_or_null(claims, "gitlab_namespace_id", host->header(ctx, "X-Gitlab-Namespace-Id"));
    if (root > 0)
        return ok && put(claims, "gitlab_root_namespace_id", json_object_new_int64(root));
    return ok && json_object_object_add(claims, "gitlab_root_namespace_id", NULL) == 0;
}

/** The claims as JSON text in the request's memory; absent without memory. */
static aigw_str make_claims(const struct aigw_host *host, struct aigw_ctx *ctx, const struct grant *grant)
{
    struct json_object *claims = json_object_new_object();
    aigw_str extra_text = grant->principal->extra_claims, made = AIGW_STR_NONE;
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *extra = NULL;
    const char *text = NULL;

    if (!claims || !tokener)
        goto done;
    if (extra_text.len > 0)
        extra = json_tokener_parse_ex(tokener, extra_text.ptr, (int)extra_text.len);
    if (!json_object_is_type(extra, json_type_object)) {
        json_object_put(extra);
        extra = json_object_new_object();
    }
    if (extra && put_registered(host, ctx, grant, claims) && put_by_realm(host, ctx, grant, extra, claims) &&
        put_extra(claims, extra))
        text = json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text) {
        made.ptr = host->format(ctx, AIGW_LIFE_REQUEST, "%s", text);
        made.len = made.ptr ? strlen(made.ptr) : 0;
    }
done:
    if (tokener)
        json_tokener_free(tokener);
    json_object_put(extra);
    json_object_put(claims);
    return made;
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
