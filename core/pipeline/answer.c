/* answer.c - what the core answers by itself: refusals, monitoring, documentation, CORS. Texts and statuses are the
 * contract's (api-contract.md §4) where decisions.md does not say better. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/json.h"
#include "pipeline/request.h"
#include "route/docs_page.h"
#include "route/openapi.h"

#define FAULTS_DEPTH_MAX 64u
#define FAULTS_MAX       4096u  /* what a log line shows of a refused body */
#define TEXT_MAX         65536u /* bytes of a text that a client is told: it may be a plugin's or a model server's */
#define BODY_SIZE        (8 * TEXT_MAX) /* its JSON, when each of its bytes is escaped, and what stands around it */

/* ---- errors ---- */

static void reply_detail(struct gw_request *request, int status, const char *detail, int64_t retry_after_s)
{
    struct gw_http_header header = { AIGW_STR_INIT("retry-after"), AIGW_STR_NONE };
    char retry_after[24];
    struct gw_buf body;

    gw_buf_init(&body, BODY_SIZE);
    gw_buf_puts(&body, "{\"detail\":");
    gw_buf_json(&body, gw_str_cut(gw_str(detail), TEXT_MAX), false);
    gw_buf_puts(&body, "}");
    request->error_detail = gw_arena_printf(&request->ex->arena, "%s", detail);
    snprintf(retry_after, sizeof retry_after, "%lld", (long long)retry_after_s);
    header.value = gw_str(retry_after);
    gw_request_reply(request, status, GW_JSON, gw_buf_str(&body), &header, retry_after_s > 0);
    gw_buf_done(&body);
}

void gw_answer_detail(struct gw_request *request, int status, const char *detail)
{
    reply_detail(request, status, detail, -1);
}

/* D4: the contract's text for machines, ours for people. */
static void reply_error(struct gw_request *request, const struct aigw_refusal *refusal)
{
    struct gw_buf body;
    char retry_after[24];
    struct gw_http_header header = { AIGW_STR_INIT("retry-after"), AIGW_STR_NONE };

    gw_buf_init(&body, BODY_SIZE);
    gw_buf_puts(&body, "{\"error\":");
    gw_buf_json(&body, refusal->message, false);
    if (refusal->detail.len) {
        gw_buf_puts(&body, ",\"detail\":[{\"msg\":");
        gw_buf_json(&body, gw_str_cut(refusal->detail, TEXT_MAX), false);
        gw_buf_puts(&body, "}]");
    }
    gw_buf_puts(&body, "}");
    request->error_detail = gw_arena_printf(&request->ex->arena, "%.*s",
                                            AIGW_STR_ARG(refusal->detail.len ? refusal->detail : refusal->message));
    snprintf(retry_after, sizeof retry_after, "%lld", (long long)refusal->retry_after_s);
    header.value = gw_str(retry_after);
    gw_request_reply(request, refusal->http_status, GW_JSON, gw_buf_str(&body), &header, refusal->retry_after_s > 0);
    gw_buf_done(&body);
}

/* The feature that owns the route says it in its clients' words. False: it has none, or the client is GitLab, for whom
 * only routes are anybody's. */
static bool said_by_feature(struct gw_request *request, const struct aigw_refusal *refusal)
{
    const struct gw_route *owner = gw_request_owner(request);
    bool is_said = owner && (request->route || request->is_outsider || gw_request_is_open(request));
    const struct gw_instance *feature = is_said ? owner->feature : NULL;

    if (!feature || !feature->plugin->feature.refuse || request->refusing || gw_meter_is_off(feature->meter))
        return false;
    request->refusing = refusal;
    gw_feature_refuse(request, refusal);
    request->refusing = NULL;
    return request->answer != GW_ANSWER_NONE;
}

void gw_answer_refuse(struct gw_request *request, uint32_t kind, int status, const char *message, const char *detail,
                      int64_t retry_after_s)
{
    const struct aigw_refusal refusal = { .struct_size = sizeof refusal,
                                          .kind = kind,
                                          .http_status = status,
                                          .retry_after_s = retry_after_s,
                                          .message = gw_str(message),
                                          .detail = detail ? gw_str(detail) : AIGW_STR_NONE };

    if (said_by_feature(request, &refusal))
        return;
    if (kind == AIGW_REFUSE_TOKEN || kind == AIGW_REFUSE_KEYS)
        reply_error(request, &refusal);
    else
        reply_detail(request, status, message, retry_after_s);
}

void gw_answer_refuse_key(struct gw_request *request, const char *code, const char *detail)
{
    const char *message = strcmp(code, "key_missing") == 0  ? "No API key was presented"
                          : strncmp(code, "token_", 6) == 0 ? "The token was refused"
                                                            : "The API key was refused";
    const struct aigw_refusal refusal = { .struct_size = sizeof refusal,
                                          .kind = AIGW_REFUSE_TOKEN,
                                          .http_status = 401,
                                          .retry_after_s = -1,
                                          .message = gw_str(message),
                                          .detail = gw_str(detail),
                                          .code = gw_str(code) };

    if (!said_by_feature(request, &refusal))
        reply_error(request, &refusal);
}

/* A list of faults as a feature made it; NULL: it is none. */
static struct json_object *read_faults(aigw_str errors)
{
    struct json_object *list = errors.len ? gw_json_read(errors, FAULTS_DEPTH_MAX, 0, NULL) : NULL;

    if (json_object_is_type(list, json_type_array))
        return list;
    json_object_put(list);
    return NULL;
}

/* Of each fault its type and place: an operator has to see what was wrong, and must not see what was sent. */
static aigw_str faults_for_log(struct gw_request *request, struct json_object *list)
{
    struct json_object *type = NULL, *place = NULL;
    struct gw_buf out;
    aigw_str result;

    gw_buf_init(&out, FAULTS_MAX);
    gw_buf_puts(&out, "[");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *fault = json_object_array_get_idx(list, i);
        size_t before = out.len;

        if (!json_object_object_get_ex(fault, "type", &type) || !json_object_object_get_ex(fault, "loc", &place))
            continue;
        gw_buf_puts(&out, before > 1 ? ",{\"type\":" : "{\"type\":");
        gw_buf_json(&out, gw_str(json_object_get_string(type)), false);
        gw_buf_printf(&out, ",\"loc\":%s}", json_object_to_json_string_ext(place, JSON_C_TO_STRING_PLAIN));
        if (out.status || out.len == FAULTS_MAX) { /* as many as fit, with the bracket */
            gw_buf_back(&out, before);
            break;
        }
    }
    gw_buf_puts(&out, "]");
    result = out.status ? AIGW_STR_NONE : gw_arena_str(&request->ex->arena, gw_buf_str(&out));
    gw_buf_done(&out);
    return result;
}

/* D15: the list of what is wrong only for those who may see it. */
void gw_answer_invalid(struct gw_request *request, aigw_str errors)
{
    const struct aigw_refusal refusal = { .struct_size = sizeof refusal,
                                          .kind = AIGW_REFUSE_INVALID,
                                          .http_status = 422,
                                          .retry_after_s = -1,
                                          .message = AIGW_STR_INIT("Validation error"),
                                          .detail = errors };
    struct json_object *list = read_faults(errors);
    struct gw_buf body;

    request->error_detail = "Validation error";
    request->faults = list ? faults_for_log(request, list) : AIGW_STR_NONE;
    json_object_put(list);
    if (errors.len && !list)
        gw_ctx_breach(&request->ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "respond_invalid(): the list is no JSON array");
    if (said_by_feature(request, &refusal))
        return;
    if (!request->is_verbose || !list) {
        gw_request_reply(request, 422, GW_JSON, AIGW_STR("{\"detail\":\"Validation error\"}"), NULL, 0);
        return;
    }
    gw_buf_init(&body, errors.len + 64);
    gw_buf_puts(&body, "{\"detail\":");
    gw_buf_put_str(&body, errors);
    gw_buf_puts(&body, "}");
    gw_request_reply(request, 422, GW_JSON, gw_buf_str(&body), NULL, 0);
    gw_buf_done(&body);
}

static int status_of(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_RATE_LIMITED:
        return 429;
    case AIGW_ERR_NO_MODEL:
    case AIGW_ERR_BAD_REQUEST:
        return error->http_status ? 503 : 422; /* ours: the request cannot be served; the server's: D13 */
    case AIGW_ERR_ENDPOINT:
    case AIGW_ERR_UNSUPPORTED:
        return 422;
    default:
        return 503;
    }
}

/* D13: short cause, which model, what it said. */
void gw_answer_model_error(struct gw_request *request, const struct aigw_error *error)
{
    const struct aigw_model_info *model = request->model;
    struct gw_arena *arena = &request->ex->arena;
    struct gw_http_header header = { AIGW_STR_INIT("retry-after"), AIGW_STR_NONE };
    char retry_after[24], *detail;
    struct gw_buf body;
    int64_t wait_s = (error->retry_after_ms + 999) / 1000;
    int status = status_of(error);

    if (model && error->http_status)
        detail = gw_arena_printf(arena, "Model %.*s answered %d: %.*s", AIGW_STR_ARG(model->name), error->http_status,
                                 AIGW_STR_ARG(error->message));
    else if (model && status == 503)
        detail = gw_arena_printf(arena, "Model %.*s: %.*s", AIGW_STR_ARG(model->name), AIGW_STR_ARG(error->message));
    else
        detail = gw_arena_printf(arena, "%.*s", AIGW_STR_ARG(error->message));
    request->error_detail = detail ? detail : "model error";
    const struct aigw_refusal refusal = { .struct_size = sizeof refusal,
                                          .kind = AIGW_REFUSE_MODEL,
                                          .http_status = status,
                                          .retry_after_s = error->retry_after_ms >= 0 ? wait_s : -1,
                                          .message = gw_str(request->error_detail),
                                          .error = error };
    if (said_by_feature(request, &refusal))
        return;
    gw_buf_init(&body, BODY_SIZE);
    gw_buf_puts(&body, "{\"detail\":");
    gw_buf_json(&body, gw_str_cut(gw_str(request->error_detail), TEXT_MAX), false);
    gw_buf_puts(&body, "}");
    snprintf(retry_after, sizeof retry_after, "%lld", (long long)wait_s);
    header.value = gw_str(retry_after);
    gw_request_reply(request, status, GW_JSON, gw_buf_str(&body), &header,
                     (status == 429 || status == 503) && error->retry_after_ms >= 0);
    gw_buf_done(&body);
}

/* ---- before authentication ---- */

bool gw_answer_choose_origin(struct gw_request *request, const struct gw_route *route)
{
    const struct aigw_list *allowed = &request->snapshot->settings.server.cors_origins;
    aigw_str origin = gw_request_header(request, "origin");
    struct gw_exchange *ex = request->ex;

    if (!origin.ptr || !(route->spec->callers & AIGW_CALLER_KEY))
        return true;
    for (size_t i = 0; i < allowed->count; i++)
        if (strcmp(allowed->items[i], "*") == 0)
            return true;
    ex->is_origin_chosen = true;
    ex->allow_origin = AIGW_STR_NONE;
    for (size_t i = 0; i < allowed->count; i++)
        if (gw_str_eq_ci(origin, gw_str(allowed->items[i])))
            ex->allow_origin = origin; /* as the browser writes it */
    return ex->allow_origin.ptr != NULL;
}

/** POST is what the contract names for every path; browsers' clients of other APIs also list models, by GET. A page
 * that may not ask of a route for API keys is not told so: its browser sees that it is not named. */
static void answer_preflight(struct gw_request *request, aigw_str method)
{
    aigw_str wanted = gw_request_header(request, "access-control-request-headers");
    struct gw_route_match match;
    bool has_route = gw_router_find(request->snapshot->router, method, request->ex->path, &match) == GW_ROUTE_FOUND;
    bool is_method = has_route || gw_str_is(method, "POST");
    bool is_origin = !has_route || gw_answer_choose_origin(request, match.route);
    struct gw_http_header headers[] = {
        { AIGW_STR_INIT("access-control-allow-methods"), has_route ? method : AIGW_STR("POST") },
        { AIGW_STR_INIT("access-control-max-age"), AIGW_STR_INIT("600") },
        { AIGW_STR_INIT("access-control-allow-headers"), wanted },
    };

    if (has_route && match.route->spec->callers & AIGW_CALLER_KEY)
        gw_request_reply(request, 204, NULL, AIGW_STR_NONE, headers, !is_origin ? 0 : wanted.len ? 3 : 2);
    else
        gw_request_reply(request, is_method ? 200 : 400, "text/plain; charset=utf-8",
                         is_method ? AIGW_STR("OK") : AIGW_STR("Disallowed CORS method"), headers, wanted.len ? 3 : 2);
}

bool gw_answer_before_auth(struct gw_request *request)
{
    struct gw_exchange *ex = request->ex;
    aigw_str method;

    if (ex->is_head && gw_str_is(ex->path, "/")) { /* D2: GitLab's network probe */
        gw_request_reply(request, 200, NULL, AIGW_STR_NONE, NULL, 0);
        return true;
    }
    if (!gw_str_is(ex->method, "OPTIONS") || !gw_request_header(request, "origin").ptr)
        return false;
    method = gw_request_header(request, "access-control-request-method");
    if (!method.ptr)
        return false;
    request->is_preflight = true; /* no access line: the contract's order */
    answer_preflight(request, method);
    return true;
}

/* ---- the core's own routes ---- */

#define OWN_HEALTH  1
#define OWN_READY   2
#define OWN_METRICS 3
#define OWN_OPENAPI 4
#define OWN_DOCS    5
#define OWN_STREAM  6

static int own_route(const struct gw_request *request)
{
    const struct gw_settings *settings = &request->snapshot->settings;
    aigw_str path = request->ex->path;

    if (gw_str_is(path, "/monitoring/healthz"))
        return OWN_HEALTH;
    if (gw_str_is(path, "/monitoring/ready"))
        return OWN_READY;
    if (gw_str_is(path, "/monitoring/stream"))
        return OWN_STREAM;
    if (gw_str_is(path, "/metrics"))
        return OWN_METRICS;
    if (settings->server.openapi_url && settings->server.openapi_url[0] &&
        gw_str_is(path, settings->server.openapi_url))
        return OWN_OPENAPI;
    if (settings->server.docs_url && settings->server.docs_url[0] && gw_str_is(path, settings->server.docs_url))
        return OWN_DOCS;
    return 0;
}

void gw_answer_find_own(struct gw_request *request)
{
    request->own = own_route(request);
}

bool gw_answer_is_anonymous(const struct gw_request *request)
{
    switch (request->own) {
    case OWN_HEALTH:
    case OWN_READY:
    case OWN_STREAM:
    case OWN_METRICS:
        return true;
    case OWN_OPENAPI:
    case OWN_DOCS:
        return request->snapshot->settings.server.docs_open != 0;
    default:
        return false;
    }
}

static void answer_openapi(struct gw_request *request)
{
    struct gw_buf document;

    gw_buf_init(&document, GW_HTTP_ANSWER_MAX);
    if (gw_openapi_put(&document, request->snapshot->router)) {
        gw_request_reply(request, 200, GW_JSON, gw_buf_str(&document), NULL, 0);
    } else {
        gw_log(
            GW_LOG_ERROR, "api",
            "the API document could not be written: memory is out, or what all routes say of themselves is more than "
            "32 MiB");
        gw_answer_detail(request, 500, "Internal Server Error");
    }
    gw_buf_done(&document);
}

static void answer_docs(struct gw_request *request)
{
    const char *url = request->snapshot->settings.server.openapi_url;
    struct gw_buf page;

    gw_buf_init(&page, 1u << 20);
    gw_docs_page_put(&page, url && url[0] ? url : "/openapi.json");
    gw_request_reply(request, 200, "text/html; charset=utf-8", gw_buf_str(&page), NULL, 0);
    gw_buf_done(&page);
}

void gw_answer_own(struct gw_request *request)
{
    struct gw_http_header allow = { AIGW_STR_INIT("allow"), AIGW_STR_INIT("GET") };
    struct gw_exchange *ex = request->ex;
    int own = request->own;

    if (own == OWN_METRICS) { /* they have a listener of their own */
        gw_answer_detail(request, 404, "Not Found");
        return;
    }
    if (!gw_str_is(ex->method, "GET") && !ex->is_head) {
        gw_request_reply(request, 405, GW_JSON, AIGW_STR("{\"detail\":\"Method Not Allowed\"}"), &allow, 1);
        return;
    }
    switch (own) {
    case OWN_HEALTH:
        gw_request_reply(request, 200, GW_JSON, AIGW_STR("{\"status\":\"ok\"}"), NULL, 0);
        return;
    case OWN_READY:
        gw_answer_ready(request);
        return;
    case OWN_STREAM:
        gw_answer_stream_probe(request);
        return;
    case OWN_OPENAPI:
        answer_openapi(request);
        return;
    default:
        answer_docs(request);
    }
}
