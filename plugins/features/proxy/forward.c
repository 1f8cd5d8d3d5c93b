/* forward.c - the client's bytes to the model server, the server's to the client. */
#include "proxy.h"

#include <string.h>

#define STREAM_TYPE "text/event-stream; charset=utf-8"

/* ---- the call ---- */

/** Nothing is configured: the contract's words, then what to do about it. */
static aigw_status refuse_unset(struct aigw_ctx *ctx, const struct proxy_call *call)
{
    const char *text = call->proxy->host->format(ctx, AIGW_LIFE_REQUEST,
                                                 "API key not found: no model is configured for the %s proxy. Name one "
                                                 "of `models` as %s in the proxy's group of "
                                                 "`features` in conf.d of this gateway",
                                                 call->api->name, call->api->setting);

    return text ? proxy_refuse(ctx, call->proxy, call->api->no_key_status, text) : AIGW_E_NOMEM;
}

/** Headers of the request that this vendor lets through. */
static void find_passed(struct aigw_ctx *ctx, struct proxy_call *call)
{
    for (const char *const *name = call->api->passed; *name; name++) {
        aigw_str value = call->proxy->host->header(ctx, *name);

        if (value.len > 0)
            call->passed[call->passed_count++] = (struct aigw_pair){ { *name, strlen(*name) }, value };
    }
}

aigw_status proxy_forward(struct aigw_ctx *ctx, struct proxy_call *call)
{
    const struct aigw_host *host = call->proxy->host;
    bool is_raw = call->path->action == PROXY_DO_RAW;
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    struct aigw_call_options options = { .struct_size = sizeof options };
    const struct aigw_model_info *model;
    struct aigw_call *handle;

    if (!call->chosen)
        return refuse_unset(ctx, call);
    need.model = (aigw_str){ call->chosen, strlen(call->chosen) };
    if (host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return proxy_respond_error(ctx, call, &error);
    find_passed(ctx, call);
    call->wants_stream = call->wants_stream && is_raw;
    call->input_count = -1;
    if (is_raw) {
        options.dialect = call->path->dialect;
        options.answer_headers = call->api->answered;
        options.answer_header_count = call->api->answered_count;
    }
    if (call->wants_stream)
        options.flags = AIGW_CALLF_STREAM;
    else
        call->whole = host->buf_new(ctx, AIGW_LIFE_REQUEST, PROXY_ANSWER_MAX);
    if (!call->wants_stream && !call->whole)
        return AIGW_E_NOMEM;
    return host->model_call(ctx, model, &options, &handle);
}

aigw_status proxy_build_raw(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_model_info *target,
                            struct aigw_model_request *ret_request)
{
    const struct aigw_host *host = call->proxy->host;
    const char *body = call->root.text.ptr;
    struct aigw_raw *raw;

    if (!(target->flags & AIGW_MODELF_PASSES_RAW))
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "this target does not speak the dialect of the %s proxy; choose a model whose provider does",
                          call->api->name);
    raw = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *raw);
    if (!raw)
        return AIGW_E_NOMEM;
    *raw = (struct aigw_raw){ .struct_size = sizeof *raw,
                              .flags = call->wants_stream ? AIGW_RAWF_STREAM : 0,
                              .dialect = call->path->dialect,
                              .body = call->root.text,
                              .insert_at = 1,
                              .headers = call->passed,
                              .header_count = call->passed_count,
                              .method = call->path->method };
    if (call->path->method.len > 0) { /* a GET: the body said which model of conf.d, and nothing else */
        raw->body = AIGW_STR_NONE;
        raw->insert_at = 0;
    } else if (!call->api->model_in_path) {
        raw->model_at = (size_t)(call->model.text.ptr - body);
        raw->model_len = call->model.text.len;
    }
    if (call->path->is_other)
        raw->path = call->server_path;
    ret_request->kind = AIGW_CALL_CHAT;
    ret_request->raw = raw;
    return AIGW_OK;
}

/* ---- the answer ---- */

/* A server may answer a request for a stream with one JSON object, and the other way round: the first bytes tell, as
 * they do for us. */
static bool is_json(aigw_str bytes)
{
    return bytes.len > 0 && (bytes.ptr[0] == '{' || bytes.ptr[0] == '[');
}

static bool is_events(aigw_str bytes)
{
    return bytes.len > 6 && (memcmp(bytes.ptr, "data: ", 6) == 0 || memcmp(bytes.ptr, "event:", 6) == 0);
}

static aigw_status begin(struct aigw_ctx *ctx, struct proxy_call *call, aigw_str first)
{
    if (call->has_begun)
        return AIGW_OK;
    call->has_begun = true;
    return call->proxy->host->stream_begin(ctx, 200, is_json(first) ? "application/json" : STREAM_TYPE, call->answered,
                                           call->answered_count);
}

/** Keep what the server said in the headers that come back. */
static void keep_headers(struct proxy_call *call, const struct aigw_event *event)
{
    for (uint32_t i = 0; i < event->header_count && i < PROXY_PASSED_MAX; i++)
        call->answered[call->answered_count++] = event->headers[i];
}

static aigw_status on_stream(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event)
{
    const struct aigw_host *host = call->proxy->host;
    aigw_status status;

    switch (event->type) {
    case AIGW_EVENT_WAITING:
        return begin(ctx, call, AIGW_STR_NONE);
    case AIGW_EVENT_RAW:
        status = begin(ctx, call, event->text);
        return status == AIGW_OK ? host->stream_write(ctx, event->text) : status;
    case AIGW_EVENT_END:
        status = begin(ctx, call, AIGW_STR_NONE);
        return status == AIGW_OK ? host->stream_end(ctx) : status;
    case AIGW_EVENT_ERROR:
        return call->has_begun ? proxy_stream_error(ctx, call, event->error)
                               : proxy_respond_error(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}

aigw_status proxy_event_raw(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event)
{
    const struct aigw_host *host = call->proxy->host;
    aigw_str answer;

    if (event->type == AIGW_EVENT_START)
        keep_headers(call, event);
    if (call->wants_stream)
        return on_stream(ctx, call, event);
    switch (event->type) {
    case AIGW_EVENT_RAW:
        host->buf_put(call->whole, event->text.ptr, event->text.len);
        return AIGW_OK;
    case AIGW_EVENT_END:
        if (host->buf_view(call->whole, &answer) != AIGW_OK)
            return proxy_refuse(ctx, call->proxy, 502, "Bad Gateway");
        return host->respond(ctx, 200, is_events(answer) ? STREAM_TYPE : NULL, answer, call->answered,
                             call->answered_count);
    case AIGW_EVENT_ERROR:
        return proxy_respond_error(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}
