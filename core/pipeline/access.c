/* access.c - what is known about a finished request: its log line (api-contract.md §12) and its metrics (§13). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/grant.h"
#include "base/log.h"
#include "health/metrics.h"
#include "models/plan.h"
#include "pipeline/request.h"

/* Ids of the metrics below; written once before the workers start. */
static struct {
    uint32_t scope_refused;
    uint32_t http_duration, overhead, in_flight, inferences, inference_duration, input_tokens, output_tokens,
        total_tokens, quota, quota_refused, cost, unpriced, usage_missing, requests, request_time, tokens;
} ids;

#define MODEL_LABELS \
    "model_engine", "model_name", "lsp_version", "gitlab_version", "client_type", "gitlab_realm", \
        "is_gitlab_team_member", "error", "error_type", "streaming", "feature_category", "unit_primitive", \
        "finish_reason"
#define MODEL_LABEL_COUNT 13

/* ---- what a feature knows better than its route ---- */

#define CATEGORY  "meta.feature_category"
#define PRIMITIVE "meta.unit_primitive"

/** What the feature said about the request last, else what its route says. */
static aigw_str told(const struct gw_request *request, const char *name, const char *by_route)
{
    for (const struct gw_note *note = request->notes; note; note = note->next)
        if (strcmp(note->name, name) == 0)
            return note->value;
    return gw_str(by_route);
}

/* ---- log ---- */

/* path?query with the values of the query hidden: tokens travel there. */
static aigw_str public_target(struct gw_request *request)
{
    aigw_str target = request->ex->target;
    const char *mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
    struct gw_buf out;
    aigw_str result;
    bool hide = false;

    if (!mark)
        return target;
    gw_buf_init(&out, target.len * 2 + 16);
    gw_buf_put(&out, target.ptr, (size_t)(mark - target.ptr));
    for (const char *p = mark; p < target.ptr + target.len; p++) {
        if (*p == '&')
            hide = false;
        if (!hide)
            gw_buf_put(&out, p, 1);
        if (*p == '=' && !hide) {
            hide = true;
            gw_buf_put(&out, "*", 1);
        }
    }
    result = gw_arena_str(&request->ex->arena, gw_buf_str(&out));
    gw_buf_done(&out);
    return result;
}

static void put_request_duration(struct gw_line *line, const struct gw_request *request)
{
    aigw_str sent = gw_request_header(request, "x-gitlab-rails-send-start");
    char text[40], *end;

    if (sent.len && sent.len < sizeof text) {
        memcpy(text, sent.ptr, sent.len);
        text[sent.len] = '\0';
        double seconds = strtod(text, &end);
        if (end != text && *end == '\0' && seconds > 0 && seconds < 1e11) {
            gw_line_seconds(line, "duration_request", request->ex->arrived_wall_us - (int64_t)(seconds * 1e6));
            return;
        }
    }
    gw_line_int(line, "duration_request", -1);
}

static void put_headers(struct gw_line *line, const struct gw_request *request)
{
    static const struct {
        const char *key, *header;
    } fields[] = {
        { "gitlab_language_server_version", "x-gitlab-language-server-version" },
        { "gitlab_instance_id", "x-gitlab-instance-id" },
        { "gitlab_global_user_id", "x-gitlab-global-user-id" },
        { "gitlab_host_name", "x-gitlab-host-name" },
        { "gitlab_version", "x-gitlab-version" },
        { "gitlab_saas_duo_pro_namespace_ids", "x-gitlab-saas-duo-pro-namespace-ids" },
        { "gitlab_root_namespace_id", "x-gitlab-root-namespace-id" },
        { "gitlab_feature_enabled_by_namespace_ids", "x-gitlab-feature-enabled-by-namespace-ids" },
        { "gitlab_feature_enablement_type", "x-gitlab-feature-enablement-type" },
        { "is_gitlab_team_member", "x-gitlab-is-team-member" },
        { "gitlab_organization_id", "x-gitlab-organization-id" },
        { "user_agent", "user-agent" },
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(fields); i++) {
        aigw_str value = gw_request_header(request, fields[i].header);
        if (value.ptr)
            gw_line_str(line, fields[i].key, value);
        else
            gw_line_null(line, fields[i].key);
    }
    aigw_str realm =
        request->principal.realm.len ? request->principal.realm : gw_request_header(request, "x-gitlab-realm");
    if (realm.ptr)
        gw_line_str(line, "gitlab_realm", realm);
    else
        gw_line_null(line, "gitlab_realm");
}

/* What its model calls used together, and the quota that refused one. */
static void put_spent(struct gw_line *line, const struct gw_request *request)
{
    char cost[GW_MONEY_TEXT];

    if (request->has_tokens) {
        gw_line_int(line, "tokens_in", request->tokens.input);
        gw_line_int(line, "tokens_out", request->tokens.output);
        gw_line_int(line, "tokens_cached", request->tokens.cached);
    }
    if (request->has_cost) {
        gw_line_raw(line, "cost", gw_str(gw_money_text(request->cost, cost)));
        gw_line_cstr(line, "currency", gw_prices_currency(request->snapshot->prices));
    }
    if (request->quota)
        gw_line_cstr(line, "quota", request->quota);
}

/* Which target served it, and what that took; several calls: the newest one's target. */
static void put_calls(struct gw_line *line, struct gw_request *request)
{
    const struct gw_call_stats *stats = request->calls ? gw_call_stats(request->calls->call) : NULL;

    if (request->grant) {
        gw_line_cstr(line, "key", request->grant->name);
        if (request->grant->team)
            gw_line_cstr(line, "team", request->grant->team);
    }
    if (!stats || !stats->provider)
        return;
    gw_line_str(line, "target", gw_request_target(request));
    if (stats->attempts > 1)
        gw_line_int(line, "attempts", stats->attempts);
    if (stats->queue_ms > 0)
        gw_line_int(line, "queue_ms", stats->queue_ms);
    if (stats->first_token_ms >= 0)
        gw_line_int(line, "first_token_ms", stats->first_token_ms);
}

/* The flags that are on for it, as its client spells a list of them. */
static void put_flags(struct gw_line *line, struct gw_request *request)
{
    uint32_t count = 0;
    const aigw_str *flags = gw_request_flags(request, &count);
    aigw_str *parts = count ? gw_arena_alloc(&request->ex->arena, 2 * count * sizeof *parts) : NULL;

    if (!parts)
        return;
    for (uint32_t i = 0; i < count; i++) {
        parts[2 * i] = i ? AIGW_STR(",") : AIGW_STR("");
        parts[2 * i + 1] = flags[i];
    }
    gw_line_str(line, "enabled_feature_flags", gw_arena_join(&request->ex->arena, parts, 2 * count));
}

static void put_outcome(struct gw_line *line, struct gw_request *request)
{
    struct gw_exchange *ex = request->ex;

    if (request->auth_us)
        gw_line_seconds(line, "auth_duration_s", request->auth_us);
    if (request->token_issuer.len)
        gw_line_str(line, "token_issuer", request->token_issuer);
    if (request->auth_error)
        gw_line_cstr(line, "auth_error_details", request->auth_error);
    if (ex->status >= 400 && request->error_detail)
        gw_line_str(line, "http_exception_details",
                    gw_str(gw_arena_printf(&ex->arena, "%d: %s", ex->status, request->error_detail)));
    if (request->route) {
        aigw_str category = told(request, CATEGORY, request->route->spec->category);
        aigw_str primitive = told(request, PRIMITIVE, request->route->spec->scope);

        gw_line_str(line, CATEGORY, category.len ? category : AIGW_STR("unknown"));
        if (primitive.len)
            gw_line_str(line, PRIMITIVE, primitive);
        put_flags(line, request);
    }
    if (request->model) {
        gw_line_str(line, "model_name", request->model->name);
        gw_line_str(line, "model_engine", request->model->engine);
        gw_line_seconds(line, "model_duration_s", request->model_us);
    }
    put_calls(line, request);
    put_spent(line, request);
    if (ex->did_abort || ex->is_gone)
        gw_line_bool(line, "aborted", true);
    if (request->faults.len)
        gw_line_raw(line, "validation_errors", request->faults);
    if (request->is_verbose)
        gw_line_bool(line, "enabled-instance-verbose-ai-logs", true);
    for (const struct gw_note *note = request->notes; note; note = note->next)
        if (strcmp(note->name, CATEGORY) != 0 && strcmp(note->name, PRIMITIVE) != 0)
            gw_line_str(line, note->name, note->value);
}

static void put_url(struct gw_line *line, struct gw_request *request, aigw_str target)
{
    const aigw_str parts[] = { gw_str(request->ex->is_tls ? "https://" : "http://"), gw_request_header(request, "host"),
                               target };

    gw_line_str(line, "url", gw_arena_join(&request->ex->arena, parts, GW_ARRAY_LEN(parts)));
    gw_line_str(line, "path", target);
}

/** 127.0.0.1:41234 - "GET /path HTTP/1.1" 200 */
static const char *access_message(struct gw_request *request, aigw_str target, int status)
{
    struct gw_exchange *ex = request->ex;
    char port[20], code[20];
    const aigw_str parts[] = { gw_str(ex->client_ip),
                               AIGW_STR(":"),
                               gw_str_from_uint(port, ex->client_port),
                               AIGW_STR(" - \""),
                               ex->method,
                               AIGW_STR(" "),
                               target,
                               ex->http_minor ? AIGW_STR(" HTTP/1.1\" ") : AIGW_STR(" HTTP/1.0\" "),
                               gw_str_from_uint(code, (uint64_t)status) };
    aigw_str message = gw_arena_join(&ex->arena, parts, GW_ARRAY_LEN(parts));

    return message.ptr ? message.ptr : "request";
}

/** Counted by turns of the loop, but for a request that took no more than one. */
static int64_t cpu_us(const struct gw_request *request)
{
    int64_t end_us = gw_loop_cpu_us(request->worker->loop);

    return (end_us != request->cpu_start_us ? end_us : gw_thread_cpu_us()) - request->cpu_start_us;
}

static void log_access(struct gw_request *request)
{
    struct gw_exchange *ex = request->ex;
    int status = ex->status ? ex->status : 500;
    struct gw_line line;

    if (!gw_log_enabled(GW_LOG_INFO))
        return;
    aigw_str target = public_target(request);
    gw_line_begin(&line, GW_LOG_INFO, "api.access", access_message(request, target, status));
    put_url(&line, request, target);
    gw_line_str(&line, "method", ex->method);
    gw_line_literal(&line, "http_version", ex->http_minor ? "1.1" : "1.0");
    gw_line_int(&line, "status_code", status);
    gw_line_literal(&line, "client_ip", ex->client_ip);
    gw_line_int(&line, "client_port", ex->client_port);
    gw_line_cstr(&line, "content_type", ex->answer_type[0] ? ex->answer_type : "unknown");
    gw_line_cstr(&line, "correlation_id", ex->request_id);
    gw_line_seconds(&line, "duration_s", ex->done_us - ex->arrived_us);
    gw_line_seconds(&line, "response_start_duration_s",
                    ex->response_start_us ? ex->response_start_us - ex->arrived_us : 0);
    gw_line_seconds(&line, "first_chunk_duration_s",
                    ex->first_chunk_us ? ex->first_chunk_us - ex->arrived_us : ex->done_us - ex->arrived_us);
    gw_line_seconds(&line, "cpu_s", cpu_us(request));
    gw_line_int(&line, "bytes_sent", (int64_t)ex->bytes_out);
    put_request_duration(&line, request);
    gw_line_time(&line, "request_arrived_at", ex->arrived_wall_us);
    put_headers(&line, request);
    put_outcome(&line, request);
    gw_line_end(&line);
}

/* ---- metrics ---- */

static bool http_labels(const struct gw_request *request, int status, aigw_str labels[3])
{
    static const char *const classes[] = { "5xx", "1xx", "2xx", "3xx", "4xx", "5xx" };
    int status_class = status / 100;

    if (!request->route || request->route->spec->callers == AIGW_CALLER_ANYONE || status == 0)
        return false; /* unmatched paths, and those that ask for no credentials, are not counted */
    labels[0] = gw_str(request->route->spec->path);
    labels[1] = request->ex->method;
    labels[2] = gw_str(classes[status_class >= 1 && status_class <= 5 ? status_class : 0]);
    return true;
}

void gw_access_scope_refused(const char *scope)
{
    aigw_str label = gw_str(scope);

    gw_series_add(gw_series(ids.scope_refused, &label), 1);
}

void gw_access_answered(struct gw_request *request, int status)
{
    aigw_str labels[3];

    if (http_labels(request, status, labels))
        gw_series_observe(gw_series(ids.http_duration, labels), (double)(gw_mono_us() - request->ex->arrived_us) / 1e6);
}

/** How it ended, as its client sees it. A stream that a model broke off has status 200, and says so in its words. */
static const char *outcome_of(const struct gw_request *request, const struct gw_call_stats *call)
{
    const struct gw_exchange *ex = request->ex;

    if (ex->is_gone)
        return "cancelled";
    if (ex->status >= 500 || ex->status == 0)
        return "failed";
    if (ex->status == 429)
        return "limited";
    if (ex->status == 401 || ex->status == 403)
        return "refused";
    if (ex->status >= 400)
        return "client_error";
    return ex->did_abort || (call && call->error_kind && call->error_kind != AIGW_ERR_CANCELLED) ? "cut" : "ok";
}

/* By features of conf.d; several calls: the newest one's model. */
static void count_request(const struct gw_request *request)
{
    const struct gw_call_stats *call = request->calls ? gw_call_stats(request->calls->call) : NULL;
    aigw_str labels[3];

    if (!request->route || request->is_preflight)
        return;
    labels[0] = gw_str(request->route->feature->name);
    labels[1] = call ? ((const struct gw_plan *)call->model->plan)->label : AIGW_STR("none");
    labels[2] = gw_str(outcome_of(request, call));
    gw_series_add(gw_series(ids.requests, labels), 1);
    labels[2] = call && call->is_stream ? AIGW_STR("yes") : AIGW_STR("no");
    gw_series_observe(gw_series(ids.request_time, labels),
                      (double)(request->ex->done_us - request->ex->arrived_us) / 1e6);
}

void gw_access_done(struct gw_request *request)
{
    aigw_str labels[3];
    int64_t overhead_us = request->ex->done_us - request->ex->arrived_us - request->model_us;

    if (http_labels(request, request->ex->status, labels))
        gw_series_observe(gw_series(ids.overhead, labels), overhead_us > 0 ? (double)overhead_us / 1e6 : 0);
    count_request(request);
    if (request->snapshot->settings.log.access && !request->is_preflight)
        log_access(request);
}

static const char *error_type(uint32_t kind)
{
    switch (kind) {
    case AIGW_ERR_NONE:
        return "none";
    case AIGW_ERR_CONTEXT_TOO_LONG:
        return "prompt_too_long";
    case AIGW_ERR_OVERLOADED:
    case AIGW_ERR_RATE_LIMITED:
        return "overloaded";
    case AIGW_ERR_BAD_REQUEST:
        return "http_400";
    case AIGW_ERR_AUTH:
    case AIGW_ERR_PERMISSION:
        return "permission_error";
    case AIGW_ERR_SERVER:
    case AIGW_ERR_CIRCUIT:
        return "service_unavailable";
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
    case AIGW_ERR_TIMEOUT:
    case AIGW_ERR_CUT:
        return "connection_error";
    default:
        return "other";
    }
}

static const char *finish_reason(uint32_t finish)
{
    static const char *const names[] = { "unknown",    "stop",           "length",
                                         "tool_calls", "content_filter", "guardrail_intervened",
                                         "stop",       "length",         "pause",
                                         "malformed" };

    return finish < GW_ARRAY_LEN(names) ? names[finish] : "unknown";
}

static aigw_str team_member(const struct gw_request *request)
{
    aigw_str value = gw_request_header(request, "x-gitlab-is-team-member");

    return gw_str_is(value, "true") ? AIGW_STR("yes") : value.len ? AIGW_STR("no") : AIGW_STR("unknown");
}

static void model_labels(const struct gw_request *request, const struct gw_call_stats *stats,
                         aigw_str labels[MODEL_LABEL_COUNT])
{
    const struct aigw_route *spec = request->route->spec;

    labels[0] = stats->model->engine;
    labels[1] = stats->model->name;
    labels[2] = gw_request_header(request, "x-gitlab-language-server-version");
    labels[3] = gw_request_header(request, "x-gitlab-version");
    labels[4] = gw_request_header(request, "x-gitlab-client-type");
    labels[5] = gw_request_header(request, "x-gitlab-realm");
    labels[6] = team_member(request);
    labels[7] = gw_str(stats->error_kind ? "yes" : "no");
    labels[8] = gw_str(error_type(stats->error_kind));
    labels[9] = gw_str(stats->is_stream ? "yes" : "no");
    labels[10] = told(request, CATEGORY, spec->category);
    labels[11] = told(request, PRIMITIVE, spec->scope);
    labels[12] = gw_str(finish_reason(stats->finish));
    for (size_t i = 0; i < MODEL_LABEL_COUNT; i++) /* as the registry would, but once instead of at every look-up */
        if (!labels[i].len)
            labels[i] = AIGW_STR("unknown");
}

void gw_access_model_started(const struct gw_call_stats *stats)
{
    aigw_str labels[] = { stats->model->engine, stats->model->name };

    gw_series_add(gw_series(ids.in_flight, labels), 1);
}

void gw_access_model_ended(const struct gw_request *request, const struct gw_call_stats *stats)
{
    aigw_str labels[MODEL_LABEL_COUNT];
    int64_t input = stats->input_tokens, output = stats->output_tokens;
    struct gw_series *calls;

    model_labels(request, stats, labels);
    gw_series_add(gw_series(ids.in_flight, labels), -1);
    calls = gw_series(ids.inferences, labels);
    gw_series_add(calls, 1);
    gw_series_observe(gw_series_alike(calls, ids.inference_duration), (double)(gw_mono_us() - stats->started_us) / 1e6);
    if (input >= 0)
        gw_series_add(gw_series_alike(calls, ids.input_tokens), (double)input);
    if (output >= 0)
        gw_series_add(gw_series_alike(calls, ids.output_tokens), (double)output);
    if (input >= 0 && output >= 0)
        gw_series_add(gw_series_alike(calls, ids.total_tokens), (double)(input + output));
}

void gw_access_quota_refused(const char *quota)
{
    const aigw_str labels[] = { gw_str(quota), AIGW_STR("refused") };

    gw_series_add(gw_series(ids.quota_refused, labels), 1);
    gw_series_add(gw_series(ids.quota, labels), 1);
}

void gw_access_quotas_admitted(const struct gw_limit_hold *hold)
{
    for (uint32_t i = 0; i < hold->count; i++) {
        const aigw_str labels[] = { gw_str(gw_limit_quota_name(hold->held[i].quota)), AIGW_STR("admitted") };

        gw_series_add(gw_series(ids.quota, labels), 1);
    }
}

void gw_access_tokens(aigw_str model, const char *provider, const struct gw_tokens *tokens, bool is_guess)
{
    static const char *const kinds[] = { "input", "output", "cached", "reasoning" };
    const int64_t counts[GW_ARRAY_LEN(kinds)] = { tokens->input, tokens->output, tokens->cached, tokens->reasoning };
    aigw_str labels[] = { model, gw_str(provider), AIGW_STR_NONE,
                          is_guess ? AIGW_STR("estimated") : AIGW_STR("reported") };

    for (size_t i = 0; i < GW_ARRAY_LEN(kinds); i++) {
        if (counts[i] <= 0)
            continue;
        labels[2] = gw_str(kinds[i]);
        gw_series_add(gw_series(ids.tokens, labels), (double)counts[i]);
    }
}

void gw_access_spent(struct gw_request *request, const struct gw_spent *spent)
{
    const struct gw_tokens *tokens = &spent->tokens;
    aigw_str labels[] = { spent->model, gw_str(request->grant && request->grant->team ? request->grant->team : "none"),
                          gw_str(gw_prices_currency(request->snapshot->prices)) };

    if (spent->is_guess)
        gw_series_add(gw_series(ids.usage_missing, labels), 1);
    if (spent->has_no_price)
        gw_series_add(gw_series(ids.unpriced, labels), 1);
    if (spent->has_price)
        gw_series_add(gw_series(ids.cost, labels), (double)spent->cost / 1e9);
    request->tokens.input += tokens->input;
    request->tokens.output += tokens->output;
    request->tokens.cached += tokens->cached;
    request->cost += spent->cost;
    request->has_tokens |= tokens->input > 0 || tokens->output > 0;
    request->has_cost |= spent->has_price;
}

static void register_requests(void)
{
    static const char *const request_labels[] = { "feature", "model", "outcome" },
                             *const time_labels[] = { "feature", "model", "stream" },
                             *const token_labels[] = { "model", "provider", "kind", "source" };
    static const double whole_buckets[] = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 600 };

    ids.requests =
        gw_metric(GW_METRIC_COUNTER, "aigw_requests_total",
                  "Requests that ended: ok, client_error, refused (401, 403), limited (429), failed (5xx), cut "
                  "in the middle, cancelled by the client.",
                  request_labels, 3, NULL, 0);
    ids.request_time =
        gw_metric(GW_METRIC_HISTOGRAM, "aigw_request_seconds", "Whole life of a request, to the last byte of a stream.",
                  time_labels, 3, whole_buckets, GW_ARRAY_LEN(whole_buckets));
    ids.tokens =
        gw_metric(GW_METRIC_COUNTER, "aigw_tokens_total",
                  "Tokens of model calls, attempts that were lost too. cached are of input, reasoning of output.",
                  token_labels, 4, NULL, 0);
}

void gw_access_register(struct gw_server *server)
{
    static const char *const http_labels[] = { "handler", "method", "status" }, *const scope_label[] = { "scope" };
    static const char *const model_two[] = { "model_engine", "model_name" };
    static const char *const all[] = { MODEL_LABELS };
    static const char *const quota_labels[] = { "quota", "result" };
    static const char *const cost_labels[] = { "model", "team", "currency" };
    static const double overhead_buckets[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1 };

    ids.http_duration = gw_metric(GW_METRIC_HISTOGRAM, "http_request_duration_seconds",
                                  "Time to the start of the response.", http_labels, 3, NULL, 0);
    ids.overhead = gw_metric(GW_METRIC_HISTOGRAM, "aigw_overhead_seconds",
                             "Time of a request without the time spent waiting for its model.", http_labels, 3,
                             overhead_buckets, GW_ARRAY_LEN(overhead_buckets));
    ids.scope_refused = gw_metric(GW_METRIC_COUNTER, "aigw_scope_refused_total",
                                  "Requests whose token is good and lacks the right that the route needs (403).",
                                  scope_label, 1, NULL, 0);
    ids.in_flight =
        gw_metric(GW_METRIC_GAUGE, "model_inferences_in_flight", "Model calls running now.", model_two, 2, NULL, 0);
    ids.inferences = gw_metric(GW_METRIC_COUNTER, "model_inferences_total", "Model calls that ended.", all,
                               MODEL_LABEL_COUNT, NULL, 0);
    ids.inference_duration = gw_metric(GW_METRIC_HISTOGRAM, "inference_request_duration_seconds",
                                       "Duration of model calls.", all, MODEL_LABEL_COUNT, NULL, 0);
    ids.input_tokens = gw_metric(GW_METRIC_COUNTER, "inference_input_tokens_total", "Tokens sent to models.", all,
                                 MODEL_LABEL_COUNT, NULL, 0);
    ids.output_tokens = gw_metric(GW_METRIC_COUNTER, "inference_output_tokens_total", "Tokens answered by models.", all,
                                  MODEL_LABEL_COUNT, NULL, 0);
    ids.total_tokens = gw_metric(GW_METRIC_COUNTER, "inference_total_tokens_total", "Tokens sent and answered.", all,
                                 MODEL_LABEL_COUNT, NULL, 0);
    ids.quota = gw_metric(GW_METRIC_COUNTER, "aigw_quota_total",
                          "Model calls that a quota counts: admitted by all of theirs, or refused by this one.",
                          quota_labels, 2, NULL, 0);
    ids.quota_refused = gw_metric(GW_METRIC_COUNTER, "aigw_quota_refused_total", "Model calls that a quota refused.",
                                  quota_labels, 1, NULL, 0);
    ids.cost =
        gw_metric(GW_METRIC_COUNTER, "aigw_cost_total",
                  "What model calls cost by the table of prices, in units of the currency.", cost_labels, 3, NULL, 0);
    ids.unpriced = gw_metric(GW_METRIC_COUNTER, "aigw_unpriced_requests_total",
                             "Model calls whose model has no row in the table of prices.", cost_labels, 1, NULL, 0);
    ids.usage_missing = gw_metric(GW_METRIC_COUNTER, "aigw_usage_missing_total",
                                  "Model calls whose tokens are an estimate: the server did not report them, or nobody "
                                  "waited for it.",
                                  cost_labels, 1, NULL, 0);
    register_requests();
    gw_models_register_metrics();
    gw_shared_register();
    gw_gauges_register(server);
}
