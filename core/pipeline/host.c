/* host.c - the table handed to plugins, and its functions that belong to a request. The others are in plugin/ctx.c. */
#include <stdio.h>
#include <string.h>

#include "pipeline/request.h"
#include "plugin/abi.h"
#include "prompt/prompt.h"

static aigw_status no_request(struct aigw_ctx *ctx)
{
    return gw_ctx_fail(ctx, AIGW_E_STATE,
                       "this host function is for features and works only while a request is served");
}

static aigw_status no_call(struct aigw_ctx *ctx)
{
    return gw_ctx_fail(ctx, AIGW_E_STATE, "this host function is for providers and works only during a model call");
}

/* ---- for providers ---- */

static aigw_status host_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    return ctx->attempt ? gw_attempt_emit(ctx->attempt, event) : no_call(ctx);
}

static aigw_str host_answer_header(struct aigw_ctx *ctx, const char *name)
{
    return ctx->attempt ? gw_attempt_answer_header(ctx->attempt, name) : AIGW_STR_NONE;
}

static aigw_status host_credential(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value)
{
    return ctx->attempt ? gw_attempt_credential(ctx->attempt, name, ret_value) : no_call(ctx);
}

/* ---- the request ---- */

static aigw_str host_request_id(struct aigw_ctx *ctx)
{
    return ctx->request_id ? gw_str(ctx->request_id) : AIGW_STR_NONE;
}

static void host_annotate(struct aigw_ctx *ctx, const char *name, aigw_str value)
{
    struct gw_request *request = ctx->request;
    struct gw_note *note = request ? gw_arena_alloc(&request->ex->arena, sizeof *note) : NULL;

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
    return ctx->request ? gw_request_header(ctx->request, name) : AIGW_STR_NONE;
}

static const struct aigw_principal *host_principal(struct aigw_ctx *ctx)
{
    return ctx->request ? &ctx->request->principal : NULL;
}

static int32_t host_has_scope(struct aigw_ctx *ctx, const char *scope, uint32_t flags)
{
    return ctx->request && gw_request_has_scope(ctx->request, scope, flags);
}

static const aigw_str *host_feature_flags(struct aigw_ctx *ctx, uint32_t *ret_count)
{
    *ret_count = 0;
    return ctx->request ? gw_request_flags(ctx->request, ret_count) : NULL;
}

static aigw_str host_setting(struct aigw_ctx *ctx, const char *path)
{
    if (!ctx->request)
        return AIGW_STR_NONE;
    return gw_settings_text(&ctx->request->snapshot->settings, ctx->request_arena, path);
}

/* ---- the answer ---- */

#define HEADERS_MAX 16

/* Names must be tokens and values free of control characters: they may come from a client or a model. */
static bool copy_headers(const struct aigw_pair *from, uint32_t count, struct gw_http_header *to)
{
    if (count > HEADERS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        for (size_t at = 0; at < from[i].name.len; at++)
            if ((unsigned char)from[i].name.ptr[at] <= ' ' || from[i].name.ptr[at] == ':')
                return false;
        for (size_t at = 0; at < from[i].value.len; at++)
            if ((unsigned char)from[i].value.ptr[at] < ' ')
                return false;
        to[i] = (struct gw_http_header){ from[i].name, from[i].value };
    }
    return true;
}

/* May an answer begin? `what`: the function that wants to. */
static aigw_status may_begin(struct aigw_ctx *ctx, const char *what)
{
    if (!ctx->request)
        return no_request(ctx);
    if (ctx->request->ex->is_gone || (ctx->request->state == GW_REQUEST_GONE && !ctx->request->refusing))
        return AIGW_E_CLOSED;
    if (ctx->request->answer != GW_ANSWER_NONE)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "%s: an answer was already begun", what);
    return AIGW_OK;
}

static aigw_status forbidden_header(struct aigw_ctx *ctx, const char *what)
{
    return gw_ctx_fail(ctx, AIGW_E_INVALID, "%s: more than %d headers, or one with a forbidden character", what,
                       HEADERS_MAX);
}

static aigw_status host_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                                const struct aigw_pair *headers, uint32_t header_count)
{
    struct gw_http_header list[HEADERS_MAX];
    aigw_status status = may_begin(ctx, "respond");

    if (status)
        return status;
    if (!copy_headers(headers, header_count, list))
        return forbidden_header(ctx, "respond");
    if (!gw_request_reply(ctx->request, (int)http_status, content_type ? content_type : GW_JSON, body, list,
                          header_count))
        return gw_ctx_fail(ctx, AIGW_E_NOMEM, "respond: out of memory");
    return AIGW_OK;
}

static aigw_status host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
{
    aigw_status status = may_begin(ctx, "respond_detail");
    va_list args;

    if (status)
        return status;
    va_start(args, fmt);
    const char *text = gw_arena_vprintf(ctx->request_arena, fmt, args);
    va_end(args);
    gw_answer_detail(ctx->request, (int)http_status, text ? text : "Internal Server Error");
    return AIGW_OK;
}

static aigw_status host_respond_invalid(struct aigw_ctx *ctx, aigw_str errors)
{
    aigw_status status = may_begin(ctx, "respond_invalid");

    if (!status && ctx->request->refusing)
        return AIGW_E_STATE;
    if (!status)
        gw_answer_invalid(ctx->request, errors);
    return status;
}

static aigw_status host_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error)
{
    aigw_status status = may_begin(ctx, "respond_model_error");
    struct aigw_error whole;

    if (!status && ctx->request->refusing)
        return AIGW_E_STATE;
    if (!status && !gw_abi_in(&whole, sizeof whole, error))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "respond_model_error: the error's struct_size is not set");
    if (!status)
        gw_answer_model_error(ctx->request, &whole);
    return status;
}

static aigw_status host_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                     const struct aigw_pair *headers, uint32_t header_count)
{
    struct gw_http_header list[HEADERS_MAX];
    aigw_status status = may_begin(ctx, "stream_begin");

    if (status)
        return status;
    if (!copy_headers(headers, header_count, list))
        return forbidden_header(ctx, "stream_begin");
    if (!gw_request_stream_begin(ctx->request, (int)http_status, content_type, list, header_count))
        return AIGW_E_CLOSED;
    return AIGW_OK;
}

/* May a stream go on? */
static aigw_status may_stream(struct aigw_ctx *ctx, const char *what)
{
    if (!ctx->request)
        return no_request(ctx);
    if (!gw_request_is_alive(ctx->request))
        return AIGW_E_CLOSED;
    if (ctx->request->answer != GW_ANSWER_STREAM)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "%s: %s", what,
                           ctx->request->answer == GW_ANSWER_NONE ? "stream_begin() comes first"
                                                                  : "the answer has ended");
    return AIGW_OK;
}

static aigw_status host_stream_write(struct aigw_ctx *ctx, aigw_str bytes)
{
    aigw_status status = may_stream(ctx, "stream_write");

    if (status || !bytes.len)
        return status;
    switch (gw_http_stream_write(ctx->request->ex, bytes)) {
    case GW_WRITE_GONE:
        return AIGW_E_CLOSED;
    case GW_WRITE_FULL:
        gw_request_pause_calls(ctx->request);
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

static aigw_status host_stream_end(struct aigw_ctx *ctx)
{
    aigw_status status = may_stream(ctx, "stream_end");

    if (!status)
        gw_request_stream_end(ctx->request);
    return status;
}

static void host_stream_abort(struct aigw_ctx *ctx)
{
    if (ctx->request && ctx->request->answer == GW_ANSWER_STREAM)
        gw_request_abort(ctx->request);
}

/* ---- models and prompts ---- */

static aigw_status host_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *given,
                                      const struct aigw_model_info **ret_info, struct aigw_error *ret_error)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_INTERNAL,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("out of memory") };
    struct aigw_model_info *info;
    struct aigw_need need;
    aigw_status status = AIGW_E_NOMEM;

    if (!ctx->request)
        return no_request(ctx);
    if (!gw_abi_in(&need, sizeof need, given) || !gw_abi_is_full(ret_error, sizeof(uint64_t)))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "model_resolve: struct_size of need and *ret_error must be set");
    info = gw_arena_calloc(ctx->request_arena, sizeof *info);
    if (info)
        status = gw_request_resolve(ctx->request, &need, info, &error);
    if (status == AIGW_OK) {
        *ret_info = info;
        return AIGW_OK;
    }
    gw_abi_out(ret_error, &error, sizeof error);
    return gw_ctx_fail(ctx, status, "%.*s", AIGW_STR_ARG(error.message));
}

static const aigw_str *host_model_names(struct aigw_ctx *ctx, uint32_t *ret_count)
{
    *ret_count = 0;
    return ctx->request ? gw_request_model_names(ctx->request, ret_count) : NULL;
}

static aigw_status host_prompt(struct aigw_ctx *ctx, const struct aigw_prompt_query *given,
                               struct aigw_prompt *ret_prompt)
{
    struct aigw_prompt_query query;
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct gw_err err = { "" };
    aigw_status status;

    if (!ctx->request)
        return no_request(ctx);
    if (!gw_abi_in(&query, sizeof query, given) || !gw_abi_is_full(ret_prompt, sizeof(uint64_t)))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "prompt: struct_size of the query and of *ret_prompt must be set");
    status = gw_prompts_render(ctx->request->snapshot->prompts, ctx->build_arena, &query, &prompt, &err);
    if (prompt.scope.ptr) /* found, whether it could be rendered or not */
        gw_abi_out(ret_prompt, &prompt, sizeof prompt);
    return status ? gw_ctx_fail(ctx, status, "%s", err.text) : AIGW_OK;
}

static aigw_status host_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                   const struct aigw_call_options *given, struct aigw_call **ret_call)
{
    struct aigw_call_options options = { .struct_size = sizeof options };
    struct aigw_call *call = NULL;
    aigw_status status;

    if (!ctx->request)
        return no_request(ctx);
    if (!model || !model->plan)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "model_call: the model comes from model_resolve()");
    if (given && !gw_abi_in(&options, sizeof options, given))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "model_call: struct_size of the options must be set");
    status = gw_request_call_model(ctx->request, model, &options, &call);
    if (status == AIGW_E_LIMIT)
        return gw_ctx_fail(ctx, status, "model_call: %u calls in one request are the most", GW_REQUEST_CALLS_MAX);
    if (status == AIGW_OK && ret_call)
        *ret_call = call;
    return status;
}

static void host_model_cancel(struct aigw_ctx *ctx, struct aigw_call *call)
{
    if (ctx->request && call)
        gw_request_cancel_call(ctx->request, call);
}

static aigw_status host_quota_left(struct aigw_ctx *ctx, uint32_t unit, struct aigw_quota *ret_quota)
{
    struct aigw_quota quota = { .struct_size = sizeof quota, .unit = unit };
    struct gw_limit_left left;

    if (!ctx->request)
        return no_request(ctx);
    if (!gw_abi_is_full(ret_quota, sizeof(uint64_t)))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "quota_left: struct_size of *ret_quota must be set");
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
    return ctx->request ? gw_request_go_on(ctx->request) : no_request(ctx);
}

static aigw_status host_timer_set(struct aigw_ctx *ctx, struct aigw_timer **timer, int64_t delay_ms,
                                  void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg)
{
    return ctx->request ? gw_request_set_timer(ctx->request, timer, delay_ms, fn, arg) : no_request(ctx);
}

static void host_timer_clear(struct aigw_ctx *ctx, struct aigw_timer *timer)
{
    if (ctx->request && timer)
        gw_request_clear_timer(ctx->request, timer);
}

static aigw_status host_offload(struct aigw_ctx *ctx, const struct aigw_job *job)
{
    return ctx->request ? gw_request_offload(ctx->request, job) : no_request(ctx);
}

static aigw_status host_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token)
{
    struct gw_err err = { "" };
    aigw_status status;

    if (!ctx->request)
        return no_request(ctx);
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
        .fail = gw_ctx_fail,
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
        .respond = host_respond,
        .respond_detail = host_respond_detail,
        .respond_invalid = host_respond_invalid,
        .respond_model_error = host_respond_model_error,
        .stream_begin = host_stream_begin,
        .stream_write = host_stream_write,
        .stream_end = host_stream_end,
        .stream_abort = host_stream_abort,
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
