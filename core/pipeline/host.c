/* host.c - the table handed to plugins, and its functions that belong to a request. The others are in plugin/ctx.c. */
#include <stdio.h>
#include <string.h>

#include "pipeline/request.h"
#include "prompt/prompt.h"

static aigw_status no_request(struct aigw_ctx *ctx)
{
    return gw_ctx_fail(ctx, AIGW_E_STATE, "this host function works only while a request is served, not in open()");
}

static aigw_status host_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    return ctx->run ? gw_run_emit(ctx->run, event) : no_request(ctx);
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

static int64_t host_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return gw_wall_s();
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

static aigw_status host_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                                const struct aigw_pair *headers, uint32_t header_count)
{
    struct gw_http_header list[HEADERS_MAX];

    if (!ctx->request)
        return no_request(ctx);
    if (ctx->request->ex->is_gone)
        return AIGW_E_CLOSED;
    if (!copy_headers(headers, header_count, list))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "respond: more than %d headers, or one with a forbidden character",
                           HEADERS_MAX);
    if (!gw_request_reply(ctx->request, (int)http_status, content_type ? content_type : GW_JSON, body, list,
                          header_count))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "respond: an answer was already begun");
    return AIGW_OK;
}

static aigw_status host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
{
    va_list args;

    if (!ctx->request)
        return no_request(ctx);
    va_start(args, fmt);
    const char *text = gw_arena_vprintf(ctx->request_arena, fmt, args);
    va_end(args);
    if (gw_http_is_answered(ctx->request->ex))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "respond_detail: an answer was already begun");
    gw_answer_detail(ctx->request, (int)http_status, text ? text : "Internal Server Error");
    return AIGW_OK;
}

static aigw_status host_respond_invalid(struct aigw_ctx *ctx, aigw_str errors)
{
    if (!ctx->request)
        return no_request(ctx);
    if (gw_http_is_answered(ctx->request->ex))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "respond_invalid: an answer was already begun");
    gw_answer_invalid(ctx->request, errors);
    return AIGW_OK;
}

static aigw_status host_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error)
{
    if (!ctx->request)
        return no_request(ctx);
    if (gw_http_is_answered(ctx->request->ex))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "respond_model_error: an answer was already begun");
    gw_answer_model_error(ctx->request, error);
    return AIGW_OK;
}

static aigw_status host_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                     const struct aigw_pair *headers, uint32_t header_count)
{
    struct gw_http_header list[HEADERS_MAX];

    if (!ctx->request)
        return no_request(ctx);
    if (ctx->request->ex->is_gone)
        return AIGW_E_CLOSED;
    if (!copy_headers(headers, header_count, list))
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "stream_begin: more than %d headers, or one with a forbidden character",
                           HEADERS_MAX);
    if (!gw_request_stream_begin(ctx->request, (int)http_status, content_type, list, header_count))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "stream_begin: an answer was already begun");
    return AIGW_OK;
}

static aigw_status host_stream_write(struct aigw_ctx *ctx, aigw_str bytes)
{
    if (!ctx->request)
        return no_request(ctx);
    if (!gw_http_is_answered(ctx->request->ex))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "stream_write: stream_begin() comes first");
    if (!bytes.len)
        return AIGW_OK;
    switch (gw_http_stream_write(ctx->request->ex, bytes)) {
    case GW_WRITE_GONE:
        return AIGW_E_CLOSED;
    case GW_WRITE_FULL:
        if (ctx->request->run)
            gw_run_pause(ctx->request->run);
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

static aigw_status host_stream_end(struct aigw_ctx *ctx)
{
    if (!ctx->request)
        return no_request(ctx);
    if (!gw_http_is_answered(ctx->request->ex))
        return gw_ctx_fail(ctx, AIGW_E_STATE, "stream_end: stream_begin() comes first");
    gw_http_stream_end(ctx->request->ex);
    return AIGW_OK;
}

static void host_stream_abort(struct aigw_ctx *ctx)
{
    if (ctx->request)
        gw_http_abort(ctx->request->ex);
}

/* ---- models and prompts ---- */

static aigw_status host_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *need,
                                      const struct aigw_model_info **ret_info, struct aigw_error *ret_error)
{
    struct aigw_model_info *info;
    aigw_status status;

    *ret_error = (struct aigw_error){ .struct_size = sizeof *ret_error,
                                      .kind = AIGW_ERR_INTERNAL,
                                      .retry_after_ms = -1,
                                      .message = AIGW_STR_INIT("out of memory") };
    if (!ctx->request)
        return no_request(ctx);
    info = gw_arena_calloc(ctx->request_arena, sizeof *info);
    if (!info)
        return AIGW_E_NOMEM;
    status = gw_models_resolve(ctx->request->snapshot->models, ctx->request->route->feature, need, ctx->request_arena,
                               info, ret_error);
    if (status)
        return gw_ctx_fail(ctx, status, "%.*s", AIGW_STR_ARG(ret_error->message));
    *ret_info = info;
    return AIGW_OK;
}

static aigw_status host_prompt(struct aigw_ctx *ctx, const struct aigw_prompt_query *query,
                               struct aigw_prompt *ret_prompt)
{
    struct gw_err err = { "" };
    aigw_status status;

    if (!ctx->request)
        return no_request(ctx);
    status = gw_prompts_render(ctx->request->snapshot->prompts, ctx->build_arena, query, ret_prompt, &err);
    return status ? gw_ctx_fail(ctx, status, "%s", err.text) : AIGW_OK;
}

static aigw_status host_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                   const struct aigw_model_request *req, int64_t idle_timeout_ms)
{
    aigw_status status;

    if (!ctx->request)
        return no_request(ctx);
    if (!model || !model->plan)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "model_call: the model comes from model_resolve()");
    status = gw_request_call_model(ctx->request, model, req, idle_timeout_ms);
    if (status == AIGW_E_STATE)
        return gw_ctx_fail(ctx, status, "model_call: one call at a time");
    return status;
}

static void host_model_cancel(struct aigw_ctx *ctx)
{
    if (ctx->request)
        gw_request_cancel_model(ctx->request);
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
        .log = gw_ctx_log,
        .count = gw_ctx_count,
        .annotate = host_annotate,
        .emit = host_emit,
        .header = host_header,
        .principal = host_principal,
        .has_scope = host_has_scope,
        .feature_flags = host_feature_flags,
        .setting = host_setting,
        .time_s = host_time_s,
        .respond = host_respond,
        .respond_detail = host_respond_detail,
        .respond_invalid = host_respond_invalid,
        .respond_model_error = host_respond_model_error,
        .stream_begin = host_stream_begin,
        .stream_write = host_stream_write,
        .stream_end = host_stream_end,
        .stream_abort = host_stream_abort,
        .model_resolve = host_model_resolve,
        .prompt = host_prompt,
        .last_error = gw_ctx_last_error,
        .model_call = host_model_call,
        .model_cancel = host_model_cancel,
        .sign_token = host_sign_token,
    };

    return &table;
}
