/* calls.c - the model call of a request and the answer that is made of its events. */
#include "gemini_api.h"

#include <string.h>

/* An empty line: Google's clients take nothing else for nothing. In a list it is a blank. */
void gemini_api_heartbeat(struct client_answer *answer)
{
    answer->host->buf_put(answer->buf, "\n", 1);
}

aigw_status gemini_api_refuse(struct aigw_ctx *ctx, struct client_answer *answer, const struct gemini_refusal *refusal)
{
    answer->host->buf_clear(answer->buf);
    gemini_write_refusal(answer->host, answer->buf, refusal);
    return client_answer_refuse(answer, ctx, (uint32_t)refusal->http_status, refusal->should_retry,
                                refusal->retry_after_ms);
}

static aigw_status fail(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_error *error)
{
    struct gemini_refusal refusal;
    struct aigw_error said = *error;

    said.message = client_respell(&call->answer, ctx, error);
    if (error->kind == AIGW_ERR_CONTEXT_TOO_LONG)
        said.message = gemini_too_long(call->api->host, ctx, said.message);
    gemini_refuse_error(&said, &refusal);
    if (!call->answer.has_begun)
        return gemini_api_refuse(ctx, &call->answer, &refusal);
    gemini_write_error(&call->writer, call->answer.buf, &refusal);
    return client_answer_end(&call->answer, ctx);
}

/* ---- asking ---- */

aigw_status gemini_api_ask(struct aigw_ctx *ctx, struct gemini_api_call *call)
{
    const struct aigw_host *host = call->api->host;
    bool is_answer = call->method == GEMINI_API_GENERATE || call->method == GEMINI_API_STREAM;
    struct aigw_need need = { .struct_size = sizeof need,
                              .model = client_model(&call->api->client.aliases, call->client_model) };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    const struct aigw_call_options options = {
        .struct_size = sizeof options,
        .flags = call->answer.is_stream ? AIGW_CALLF_STREAM : 0,
        /* a list is not what servers stream */
        .dialect = is_answer && call->options.form != GEMINI_WRITE_LIST && !call->asked.has_foreign
                       ? AIGW_STR(GEMINI_DIALECT)
                       : AIGW_STR_NONE,
    };
    const struct aigw_model_info *model;
    struct aigw_call *handle;

    if (host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return fail(ctx, call, &error);
    if (!client_make_id(host, ctx, "", call->id))
        return AIGW_E_NOMEM;
    call->options.id = (aigw_str){ call->id, strlen(call->id) };
    call->options.model = call->client_model;
    if (!client_reports_target(&call->api->client))
        call->answer.model = call->client_model;
    call->options.shows_thoughts = call->asked.shows_thoughts;
    if (is_answer)
        gemini_write_begin(&call->writer, host, ctx, &call->options);
    return host->model_call(ctx, model, &options, &handle);
}

aigw_status gemini_api_build(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_model_info *target,
                             struct aigw_model_request *ret_request)
{
    if (target->flags & AIGW_MODELF_PASSES_RAW) {
        ret_request->kind = call->request.kind;
        ret_request->raw = &call->raw;
        return AIGW_OK;
    }
    if (call->asked.vendor_only)
        return call->api->host->fail(ctx, AIGW_E_UNSUPPORTED, "%s: only Google itself has it; the model is another's",
                                     call->asked.vendor_only);
    if (client_reports_target(&call->api->client) &&
        !client_keep(call->api->host, ctx, target->model, &call->options.model))
        return AIGW_E_NOMEM;
    wire_later_read(&call->asked.later);
    if (wire_check_history(call->api->host, ctx, call->request.messages) != AIGW_OK)
        return AIGW_E_UNSUPPORTED;
    *ret_request = call->request;
    ret_request->flags |= client_flags(&call->api->client);
    call->answer.dropped_len = 0; /* by what another target could not take */
    return client_answer_left_out(&call->answer, ctx, &call->api->client, call->asked.dropped,
                                  call->asked.dropped_count, "Google");
}

/* ---- tokens and vectors ---- */

static aigw_status answer_count(struct aigw_ctx *ctx, struct gemini_api_call *call)
{
    const struct aigw_host *host = call->api->host;
    const struct aigw_pair said[] = { { AIGW_STR_INIT("x-aigw-estimated"), AIGW_STR_INIT("1") } };
    bool is_estimate = call->counted.input < 0;
    aigw_status status;
    aigw_str body;

    if (is_estimate)
        call->counted.input = client_estimate(call->body_len);
    host->buf_clear(call->answer.buf);
    gemini_write_count(host, call->answer.buf, &call->counted);
    status = host->buf_view(call->answer.buf, &body);
    return status == AIGW_OK ? host->respond(ctx, 200, NULL, body, is_estimate ? said : NULL, is_estimate) : status;
}

/* Few servers count: then it is an estimate, and said to be one. */
static aigw_status on_count_event(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->usage)
            call->counted = *event->usage;
        return AIGW_OK;
    case AIGW_EVENT_END:
        return answer_count(ctx, call);
    case AIGW_EVENT_ERROR:
        return event->error->kind == AIGW_ERR_UNSUPPORTED || event->error->kind == AIGW_ERR_NOT_FOUND
                   ? answer_count(ctx, call)
                   : fail(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}

static aigw_status on_embed_event(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_event *event)
{
    const struct aigw_host *host = call->api->host;

    switch (event->type) {
    case AIGW_EVENT_EMBEDDING:
        if (event->index != call->vectors)
            return AIGW_E_UPSTREAM;
        gemini_write_vector(host, call->answer.buf, call->asked.is_batch, call->vectors++, event->vector,
                            event->vector_len);
        return AIGW_OK;
    case AIGW_EVENT_END:
        gemini_write_vectors_end(host, call->answer.buf, call->asked.is_batch, call->vectors);
        return client_answer_end(&call->answer, ctx);
    case AIGW_EVENT_DROPPED:
        client_answer_dropped(&call->answer, ctx, event->name);
        return AIGW_OK;
    case AIGW_EVENT_ERROR:
        return fail(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}

/* ---- answers ---- */

static aigw_status on_end(struct aigw_ctx *ctx, struct gemini_api_call *call)
{
    aigw_status status = AIGW_OK;

    if (!call->answer.is_raw)
        status = gemini_write_end(&call->writer, call->answer.buf);
    return status == AIGW_OK ? client_answer_end(&call->answer, ctx) : status;
}

aigw_status gemini_api_event(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (call->method == GEMINI_API_COUNT)
        return on_count_event(ctx, call, event);
    if (call->method >= GEMINI_API_EMBED)
        return on_embed_event(ctx, call, event);
    if (client_answer_takes(&call->answer, ctx, event, &status))
        return status;
    switch (event->type) {
    case AIGW_EVENT_END:
        return on_end(ctx, call);
    case AIGW_EVENT_ERROR:
        return fail(ctx, call, event->error);
    default:
        if (!call->answer.is_raw)
            status = gemini_write_event(&call->writer, call->answer.buf, event);
        return status == AIGW_OK ? client_answer_flush(&call->answer, ctx) : status;
    }
}
