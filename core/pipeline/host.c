/* host.c - the table handed to plugins, and its functions that belong to a request: host_answer.c has those that answer
 * it, plugin/ctx.c and ctx_buf.c those that need none. Whatever a plugin hands over is looked at here first. */
#include <stdio.h>
#include <string.h>

#include "pipeline/host.h"
#include "plugin/abi.h"
#include "prompt/prompt.h"

aigw_status gw_host_request(struct aigw_ctx *ctx, const char *what)
{
    if (!gw_ctx_is_here(ctx, what))
        return AIGW_E_STATE;
    return ctx->request ? AIGW_OK
                        : gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_MOMENT,
                                        "%s() is for features and works only while a request is served", what);
}

static aigw_status for_call(struct aigw_ctx *ctx, const char *what)
{
    if (!gw_ctx_is_here(ctx, what))
        return AIGW_E_STATE;
    return ctx->attempt ? AIGW_OK
                        : gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_MOMENT,
                                        "%s() is for providers and works only during a model call", what);
}

aigw_status gw_host_text(struct aigw_ctx *ctx, const char *what, const char *which, aigw_str text)
{
    return gw_is_text(text) ? AIGW_OK
                            : gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "%s(): %s is %s, %zu bytes", what,
                                            which, text.ptr ? "too long" : "NULL with a length", text.len);
}

aigw_status gw_host_string(struct aigw_ctx *ctx, const char *what, const char *which, const char *text)
{
    return gw_is_string(text) ? AIGW_OK
                              : gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "%s(): %s is %s", what, which,
                                              text ? "not ended by NUL within 1 MiB" : "NULL");
}

aigw_status gw_host_there(struct aigw_ctx *ctx, const char *what, const char *which, const void *pointer)
{
    return pointer ? AIGW_OK : gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "%s(): %s is NULL", what, which);
}

/* ---- for providers ---- */

static aigw_status host_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    aigw_status status = for_call(ctx, "emit");

    if (!status)
        status = gw_host_there(ctx, "emit", "the event", event);
    return status ? status : gw_attempt_emit(ctx->attempt, event);
}

static aigw_str host_answer_header(struct aigw_ctx *ctx, const char *name)
{
    if (for_call(ctx, "answer_header") || gw_host_string(ctx, "answer_header", "the name", name))
        return AIGW_STR_NONE;
    return gw_attempt_answer_header(ctx->attempt, name);
}

static aigw_status host_credential(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value)
{
    aigw_status status = for_call(ctx, "credential");

    if (!status)
        status = gw_host_string(ctx, "credential", "the name", name);
    if (!status)
        status = gw_host_there(ctx, "credential", "the result", ret_value);
    return status ? status : gw_attempt_credential(ctx->attempt, name, ret_value);
}

/* ---- the request ---- */

static aigw_str host_request_id(struct aigw_ctx *ctx)
{
    return gw_ctx_is_here(ctx, "request_id") && ctx->request_id ? gw_str(ctx->request_id) : AIGW_STR_NONE;
}

/* A member's name goes into a log line as it is. */
static bool is_note_name(const char *name)
{
    size_t len = strnlen(name, 65);

    return len > 0 && len < 65 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static void host_annotate(struct aigw_ctx *ctx, const char *name, aigw_str value)
{
    struct gw_request *request;
    struct gw_note *note;

    if (gw_host_request(ctx, "annotate") || gw_host_string(ctx, "annotate", "the name", name) ||
        gw_host_text(ctx, "annotate", "the value", value))
        return;
    if (!is_note_name(name)) {
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE,
                            "annotate(): the name is not 1 to 64 letters, digits, _, . and -");
        return;
    }
    request = ctx->request;
    note = gw_arena_alloc(&request->ex->arena, sizeof *note);
    if (!note)
        return;
    note->name = gw_arena_printf(&request->ex->arena, "%s", name);
    note->value = gw_arena_str(&request->ex->arena, value);
    if (!note->name)
        return;
    note->next = request->notes;
    request->notes = note;
}

static aigw_str host_header(struct aigw_ctx *ctx, const char *name)
{
    if (gw_host_request(ctx, "header") || gw_host_string(ctx, "header", "the name", name))
        return AIGW_STR_NONE;
    return gw_request_header(ctx->request, name);
}

static const struct aigw_principal *host_principal(struct aigw_ctx *ctx)
{
    return gw_host_request(ctx, "principal") ? NULL : &ctx->request->principal;
}

static int32_t host_has_scope(struct aigw_ctx *ctx, const char *scope, uint32_t flags)
{
    if (gw_host_request(ctx, "has_scope") || gw_host_string(ctx, "has_scope", "the scope", scope))
        return 0;
    return gw_request_has_scope(ctx->request, scope, flags);
}

static const aigw_str *host_feature_flags(struct aigw_ctx *ctx, uint32_t *ret_count)
{
    if (ret_count)
        *ret_count = 0;
    if (gw_host_request(ctx, "feature_flags") || gw_host_there(ctx, "feature_flags", "the count", ret_count))
        return NULL;
    return gw_request_flags(ctx->request, ret_count);
}

static aigw_str host_setting(struct aigw_ctx *ctx, const char *path)
{
    if (gw_host_request(ctx, "setting") || gw_host_string(ctx, "setting", "the path", path))
        return AIGW_STR_NONE;
    return gw_settings_text(&ctx->request->snapshot->settings, ctx->request_arena, path);
}

/* ---- models and prompts ---- */

/* What model_resolve() hands out; model_call() takes no other plan. */
struct resolved {
    struct gw_resolved known;
    struct aigw_model_info info;
};

static aigw_status check_need(struct aigw_ctx *ctx, const struct aigw_need *need)
{
    const aigw_str texts[] = {
        need->provider, need->name, need->endpoint, need->api_key, need->identifier, need->model
    };
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < GW_ARRAY_LEN(texts) && !status; i++)
        status = gw_host_text(ctx, "model_resolve", "a text of the need", texts[i]);
    return status;
}

static aigw_status resolve(struct aigw_ctx *ctx, const struct aigw_need *need, const struct aigw_model_info **ret_info,
                           struct aigw_error *ret_error)
{
    struct gw_request *request = ctx->request;
    struct resolved *resolved = gw_arena_calloc(ctx->request_arena, sizeof *resolved);
    aigw_status status = AIGW_E_NOMEM;

    if (resolved)
        status = gw_request_resolve(request, need, &resolved->info, ret_error);
    if (status)
        return status;
    resolved->known = (struct gw_resolved){ request->resolved, resolved->info.plan };
    request->resolved = &resolved->known;
    *ret_info = &resolved->info;
    return AIGW_OK;
}

static aigw_status host_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *given,
                                      const struct aigw_model_info **ret_info, struct aigw_error *ret_error)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_INTERNAL,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("out of memory") };
    struct aigw_need need;
    aigw_status status = gw_host_request(ctx, "model_resolve");

    if (status)
        return status;
    if (!gw_abi_in(&need, sizeof need, given) || !ret_info || !ret_error ||
        !gw_abi_is_full(ret_error, sizeof(uint64_t)))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "model_resolve(): struct_size of need and *ret_error must be set, and no pointer is NULL");
    if (!ctx->request->route)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "model_resolve: nothing is served on this path");
    status = check_need(ctx, &need);
    if (status)
        return status;
    status = resolve(ctx, &need, ret_info, &error);
    if (status == AIGW_OK)
        return AIGW_OK;
    gw_abi_out(ret_error, &error, sizeof error);
    return gw_ctx_fail(ctx, status, "%.*s", AIGW_STR_ARG(error.message));
}

static const aigw_str *host_model_names(struct aigw_ctx *ctx, uint32_t *ret_count)
{
    if (ret_count)
        *ret_count = 0;
    if (gw_host_request(ctx, "model_names") || gw_host_there(ctx, "model_names", "the count", ret_count))
        return NULL;
    return gw_request_model_names(ctx->request, ret_count);
}

#define VARS_MAX 1000u

static aigw_status check_query(struct aigw_ctx *ctx, const struct aigw_prompt_query *query)
{
    aigw_status status = gw_host_text(ctx, "prompt", "the id", query->id);

    if (!status)
        status = gw_host_text(ctx, "prompt", "the version", query->version);
    if (!status)
        status = gw_host_text(ctx, "prompt", "the inputs", query->inputs);
    if (!status && (query->var_count > VARS_MAX || (query->var_count && !query->vars)))
        status = gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "prompt(): %u variables %s, expected at most %u",
                               query->var_count, query->vars ? "are given" : "and no table of them", VARS_MAX);
    for (uint32_t i = 0; i < query->var_count && !status; i++)
        if (!gw_is_text(query->vars[i].name) || !gw_is_text(query->vars[i].value))
            status = gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                                   "prompt(): variable %u is NULL with a length, or too long", i);
    if (!status && query->model && !gw_abi_is_full(query->model, offsetof(struct aigw_model_info, plan)))
        status = gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "prompt(): the model's struct_size is not set");
    return status;
}

static aigw_status host_prompt(struct aigw_ctx *ctx, const struct aigw_prompt_query *given,
                               struct aigw_prompt *ret_prompt)
{
    struct aigw_prompt_query query;
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct gw_err err = { "" };
    aigw_status status = gw_host_request(ctx, "prompt");

    if (status)
        return status;
    if (!gw_abi_in(&query, sizeof query, given) || !ret_prompt || !gw_abi_is_full(ret_prompt, sizeof(uint64_t)))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "prompt(): struct_size of the query and of *ret_prompt must be set");
    status = check_query(ctx, &query);
    if (status)
        return status;
    status = gw_prompts_render(ctx->request->snapshot->prompts, ctx->build_arena, &query, &prompt, &err);
    if (prompt.scope.ptr) /* found, whether it could be rendered or not */
        gw_abi_out(ret_prompt, &prompt, sizeof prompt);
    return status ? gw_ctx_fail(ctx, status, "%s", err.text) : AIGW_OK;
}

#define ANSWER_HEADERS_MAX 16u

static bool is_resolved(const struct gw_request *request, const struct aigw_model_info *model)
{
    if (!model || !gw_abi_is_full(model, offsetof(struct aigw_model_info, plan) + sizeof model->plan) || !model->plan)
        return false;
    for (const struct gw_resolved *at = request->resolved; at; at = at->next)
        if (at->plan == model->plan)
            return true;
    return false;
}

static aigw_status check_options(struct aigw_ctx *ctx, const struct aigw_call_options *options)
{
    aigw_status status = gw_host_text(ctx, "model_call", "the dialect", options->dialect);

    if (!status && (options->answer_header_count > ANSWER_HEADERS_MAX ||
                    (options->answer_header_count && !options->answer_headers)))
        status = gw_ctx_breach(
            ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "model_call(): %u headers of the answer %s, expected at most %u",
            options->answer_header_count, options->answer_headers ? "are wanted" : "and no names", ANSWER_HEADERS_MAX);
    for (uint32_t i = 0; i < options->answer_header_count && !status; i++)
        status = gw_host_string(ctx, "model_call", "the name of a header", options->answer_headers[i]);
    return status;
}

static aigw_status host_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                   const struct aigw_call_options *given, struct aigw_call **ret_call)
{
    struct aigw_call_options options = { .struct_size = sizeof options };
    struct aigw_call *call = NULL;
    aigw_status status = gw_host_request(ctx, "model_call");

    if (status)
        return status;
    if (!is_resolved(ctx->request, model))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_CTX,
                             "model_call(): the model is not one that model_resolve() gave to this request");
    if (given && !gw_abi_in(&options, sizeof options, given))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "model_call(): struct_size of the options must be set");
    status = check_options(ctx, &options);
    if (status)
        return status;
    if (options.idle_timeout_ms > GW_TIMER_MS_MAX)
        options.idle_timeout_ms = GW_TIMER_MS_MAX;
    status = gw_request_call_model(ctx->request, model, &options, &call);
    if (status == AIGW_E_LIMIT)
        return gw_ctx_fail(ctx, status, "model_call: %u calls in one request are the most", GW_REQUEST_CALLS_MAX);
    if (status == AIGW_OK && ret_call)
        *ret_call = call;
    return status;
}

static void host_model_cancel(struct aigw_ctx *ctx, struct aigw_call *call)
{
    if (!gw_host_request(ctx, "model_cancel") && call && !gw_request_cancel_call(ctx->request, call))
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_CTX, "model_cancel(): that is no call of this request");
}

static aigw_status host_quota_left(struct aigw_ctx *ctx, uint32_t unit, struct aigw_quota *ret_quota)
{
    struct aigw_quota quota = { .struct_size = sizeof quota, .unit = unit };
    aigw_status status = gw_host_request(ctx, "quota_left");
    struct gw_limit_left left;

    if (status)
        return status;
    if (!ret_quota || !gw_abi_is_full(ret_quota, sizeof(uint64_t)))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "quota_left(): struct_size of *ret_quota must be set");
    if ((unit != AIGW_QUOTA_REQUESTS && unit != AIGW_QUOTA_TOKENS) ||
        !gw_spend_left(ctx->request, unit == AIGW_QUOTA_REQUESTS ? GW_LIMIT_OF_REQUESTS : GW_LIMIT_OF_TOKENS, &left))
        return AIGW_E_NOT_FOUND;
    quota.limit = left.limit;
    quota.remaining = left.remaining;
    quota.reset_ms = left.reset_ms > 0 ? left.reset_ms : 0;
    gw_abi_out(ret_quota, &quota, sizeof quota);
    return AIGW_OK;
}

/* ---- time and work ---- */

static aigw_status host_go_on(struct aigw_ctx *ctx)
{
    aigw_status status = gw_host_request(ctx, "go_on");

    return status ? status : gw_request_go_on(ctx->request);
}

static aigw_status host_timer_set(struct aigw_ctx *ctx, struct aigw_timer **timer, int64_t delay_ms,
                                  void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg)
{
    aigw_status status = gw_host_request(ctx, "timer_set");

    if (status)
        return status;
    if (!timer || !fn || delay_ms < 0)
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "timer_set(): %s",
                             !timer ? "the timer's place is NULL"
                             : !fn  ? "the function is NULL"
                                    : "the delay is negative");
    if (*timer && !gw_request_has_timer(ctx->request, *timer))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_CTX, "timer_set(): that is no timer of this request");
    return gw_request_set_timer(ctx->request, timer, delay_ms, fn, arg);
}

static void host_timer_clear(struct aigw_ctx *ctx, struct aigw_timer *timer)
{
    if (gw_host_request(ctx, "timer_clear") || !timer)
        return;
    if (gw_request_has_timer(ctx->request, timer))
        gw_request_clear_timer(ctx->request, timer);
    else
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_CTX, "timer_clear(): that is no timer of this request");
}

static aigw_status host_offload(struct aigw_ctx *ctx, const struct aigw_job *job)
{
    aigw_status status = gw_host_request(ctx, "offload");

    if (status)
        return status;
    status = gw_request_offload(ctx->request, job);
    return status == AIGW_E_INVALID
               ? gw_ctx_breach(ctx, status, GW_BREACH_SIZE,
                               "offload(): the job lacks struct_size, work() or arg, or arg is larger than 1 MiB")
               : status;
}

static aigw_status host_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token)
{
    struct gw_err err = { "" };
    aigw_status status = gw_host_request(ctx, "sign_token");

    if (!status)
        status = gw_host_text(ctx, "sign_token", "claims", claims);
    if (!status)
        status = gw_host_there(ctx, "sign_token", "the result", ret_token);
    if (status)
        return status;
    status = gw_auth_sign(ctx->request->worker->server->auth, claims, ctx->request_arena, ret_token, &err);
    return status ? gw_ctx_fail(ctx, status, "%s", err.text) : AIGW_OK;
}

const struct aigw_host *gw_host(void)
{
    static const struct aigw_host table = {
        .struct_size = sizeof table,
        .abi_major = AIGW_ABI_MAJOR,
        .abi_minor = AIGW_ABI_MINOR,
        .alloc = gw_ctx_alloc,
        .format = gw_ctx_format,
        .defer = gw_ctx_defer,
        .buf_new = gw_ctx_buf_new,
        .buf_put = gw_ctx_buf_put,
        .buf_printf = gw_ctx_buf_printf,
        .buf_json = gw_ctx_buf_json,
        .buf_json_ascii = gw_ctx_buf_json_ascii,
        .buf_clear = gw_ctx_buf_clear,
        .buf_view = gw_ctx_buf_view,
        .fail = gw_ctx_host_fail,
        .last_error = gw_ctx_last_error,
        .log = gw_ctx_log,
        .count = gw_ctx_count,
        .annotate = host_annotate,
        .time_s = gw_ctx_time_s,
        .mono_ms = gw_ctx_mono_ms,
        .random = gw_ctx_random,
        .sha256 = gw_ctx_sha256,
        .hmac_sha256 = gw_ctx_hmac_sha256,
        .emit = host_emit,
        .answer_header = host_answer_header,
        .credential = host_credential,
        .header = host_header,
        .request_id = host_request_id,
        .principal = host_principal,
        .has_scope = host_has_scope,
        .feature_flags = host_feature_flags,
        .setting = host_setting,
        .respond = gw_host_respond,
        .respond_detail = gw_host_respond_detail,
        .respond_invalid = gw_host_respond_invalid,
        .respond_model_error = gw_host_respond_model_error,
        .stream_begin = gw_host_stream_begin,
        .stream_write = gw_host_stream_write,
        .stream_end = gw_host_stream_end,
        .stream_abort = gw_host_stream_abort,
        .model_names = host_model_names,
        .model_resolve = host_model_resolve,
        .prompt = host_prompt,
        .model_call = host_model_call,
        .model_cancel = host_model_cancel,
        .go_on = host_go_on,
        .timer_set = host_timer_set,
        .timer_clear = host_timer_clear,
        .offload = host_offload,
        .sign_token = host_sign_token,
        .quota_left = host_quota_left,
    };

    return &table;
}
