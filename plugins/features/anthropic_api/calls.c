/* calls.c - the model call of a request and the answer that is made of its events. */
#include "anthropic_api.h"

#include <string.h>

void anthropic_api_heartbeat(struct client_answer *answer)
{
    struct anthropic_api_call *call =
        (struct anthropic_api_call *)(void *)((char *)answer - offsetof(struct anthropic_api_call, answer));

    anthropic_write_ping(&call->writer, answer->buf);
}

/* ---- failures ---- */

aigw_status anthropic_api_refuse(struct aigw_ctx *ctx, struct client_answer *answer,
                                 const struct anthropic_refusal *refusal, aigw_str request_id)
{
    answer->host->buf_clear(answer->buf);
    anthropic_write_refusal(answer->host, answer->buf, refusal, request_id);
    return client_answer_refuse(answer, ctx, (uint32_t)refusal->http_status, refusal->should_retry,
                                refusal->retry_after_ms);
}

static void describe(struct aigw_ctx *ctx, const struct anthropic_api_call *call, const struct aigw_error *error,
                     struct anthropic_refusal *ret_refusal)
{
    const struct anthropic_known known = { .model = call->client_model,
                                           .prompt_tokens = client_estimate(call->body_len),
                                           .context_tokens = call->model ? call->model->max_context_tokens : 0 };

    anthropic_refuse_error(call->api->host, ctx, error, &known, ret_refusal);
    if (error->kind == AIGW_ERR_UNSUPPORTED)
        ret_refusal->code = call->refusal_code;
}

static aigw_status fail(struct aigw_ctx *ctx, struct anthropic_api_call *call, const struct aigw_error *error)
{
    struct anthropic_refusal refusal;
    struct aigw_error said = *error;

    said.message = client_respell(&call->answer, ctx, error);
    describe(ctx, call, &said, &refusal);
    if (!call->answer.has_begun)
        return anthropic_api_refuse(ctx, &call->answer, &refusal, call->request_id);
    anthropic_write_error(&call->writer, call->answer.buf, &refusal, call->request_id);
    return client_answer_end(&call->answer, ctx);
}

/* ---- asking ---- */

#define SAMPLING_MEMBERS (AIGW_PARAM_TEMPERATURE | AIGW_PARAM_TOP_P | AIGW_PARAM_TOP_K)
#define WITHOUT_SAMPLING "2026-10-21" /* the version of the API from which on the vendor refuses them */

/* What the vendor's own server would refuse is translated: it has another way to say the rest. */
static bool may_pass(const struct anthropic_api_call *call)
{
    const struct aigw_params *params = call->request.params;
    bool is_sampled = params && (params->set & SAMPLING_MEMBERS);

    for (uint32_t i = 0; is_sampled && i < call->raw.header_count; i++) {
        const struct aigw_pair *header = &call->passed[i];

        if (header->name.len == strlen("anthropic-version") && header->value.len == strlen(WITHOUT_SAMPLING) &&
            memcmp(header->value.ptr, WITHOUT_SAMPLING, header->value.len) >= 0)
            return false;
    }
    return !call->asked.has_foreign;
}

aigw_status anthropic_api_ask(struct aigw_ctx *ctx, struct anthropic_api_call *call)
{
    const struct aigw_host *host = call->api->host;
    struct aigw_need need = { .struct_size = sizeof need,
                              .model = client_model(&call->api->client.aliases, call->client_model) };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    const struct aigw_call_options options = { .struct_size = sizeof options,
                                               .flags = call->answer.is_stream ? AIGW_CALLF_STREAM : 0,
                                               .dialect =
                                                   may_pass(call) ? AIGW_STR(ANTHROPIC_DIALECT) : AIGW_STR_NONE };
    struct aigw_call *handle;

    if (host->model_resolve(ctx, &need, &call->model, &error) != AIGW_OK)
        return fail(ctx, call, &error);
    if (!client_make_id(host, ctx, "msg_", call->id))
        return AIGW_E_NOMEM;
    call->options = (struct anthropic_write_options){ .id = { call->id, strlen(call->id) },
                                                      .model = call->client_model,
                                                      .is_stream = call->answer.is_stream,
                                                      .thinking = call->asked.thinking,
                                                      .input_estimate = client_estimate(call->body_len) };
    anthropic_write_begin(&call->writer, host, ctx, &call->options);
    if (!client_reports_target(&call->api->client))
        call->answer.model = call->client_model;
    return host->model_call(ctx, call->model, &options, &handle);
}

/* What only Anthropic understands is left out and named, or refused when the answer would be another one. */
static aigw_status build_for_others(struct aigw_ctx *ctx, struct anthropic_api_call *call,
                                    struct aigw_model_request *ret_request)
{
    uint32_t kind = (call->is_count ? AIGW_CALL_COUNT : AIGW_CALL_CHAT) | ANTHROPIC_FOR_OTHERS;
    struct anthropic_asked asked;
    struct anthropic_refusal refusal;
    aigw_status status =
        anthropic_read_request(call->api->host, ctx, kind, call->raw.body, &asked, ret_request, &refusal);

    if (status == AIGW_E_INVALID) {
        call->refusal_code = refusal.code;
        return call->api->host->fail(ctx, AIGW_E_UNSUPPORTED, "%.*s", AIGW_STR_ARG(refusal.message));
    }
    wire_later_read(&asked.later);
    return status == AIGW_OK ? client_answer_left_out(&call->answer, ctx, &call->api->client, asked.dropped,
                                                      asked.dropped_count, "Anthropic")
                             : status;
}

aigw_status anthropic_api_build(struct aigw_ctx *ctx, struct anthropic_api_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *ret_request)
{
    aigw_status status = AIGW_OK;

    call->answer.dropped_len = 0; /* by what another target could not take */
    if (client_reports_target(&call->api->client) &&
        !client_keep(call->api->host, ctx, target->model, &call->options.model))
        return AIGW_E_NOMEM;
    if (target->flags & AIGW_MODELF_PASSES_RAW) {
        ret_request->kind = call->request.kind;
        ret_request->raw = &call->raw;
        return AIGW_OK;
    }
    if (call->asked.vendor_only || call->asked.has_vendor_parts)
        status = build_for_others(ctx, call, ret_request);
    else
        *ret_request = call->request;
    wire_later_read(&call->asked.later);
    ret_request->flags |= client_flags(&call->api->client);
    return status;
}

/* ---- answering ---- */

static aigw_status answer_count(struct aigw_ctx *ctx, struct anthropic_api_call *call, bool is_estimate)
{
    const struct aigw_host *host = call->api->host;
    const struct aigw_pair said[] = { { AIGW_STR_INIT("request-id"), call->request_id },
                                      { AIGW_STR_INIT("x-aigw-estimated"), AIGW_STR_INIT("1") } };
    aigw_status status;
    aigw_str body;

    host->buf_clear(call->answer.buf);
    anthropic_write_count(host, call->answer.buf, is_estimate ? client_estimate(call->body_len) : call->counted);
    status = host->buf_view(call->answer.buf, &body);
    return status == AIGW_OK ? host->respond(ctx, 200, NULL, body, said, is_estimate ? 2 : 1) : status;
}

/* Few servers count. Clients ask often, and stop asking when they are refused. */
static aigw_status on_count_event(struct aigw_ctx *ctx, struct anthropic_api_call *call, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->usage && event->usage->input >= 0)
            call->counted = event->usage->input;
        return AIGW_OK;
    case AIGW_EVENT_END:
        return answer_count(ctx, call, call->counted < 0);
    case AIGW_EVENT_ERROR:
        return event->error->kind == AIGW_ERR_UNSUPPORTED || event->error->kind == AIGW_ERR_NOT_FOUND
                   ? answer_count(ctx, call, true)
                   : fail(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}

static const char last_event[] = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/* Of a server's own bytes: what comes last is the last event, or is to be. */
static bool lacks_end(const struct anthropic_api_call *call, const struct aigw_event *event)
{
    static const char name[] = "message_stop";

    return call->answer.is_stream && event->text.len > 0 && event->text.ptr[0] != '{' &&
           !(event->text.len < 256 && memmem(event->text.ptr, event->text.len, name, sizeof name - 1));
}

static aigw_status on_end(struct aigw_ctx *ctx, struct anthropic_api_call *call)
{
    aigw_status status = AIGW_OK;

    if (!call->answer.is_raw)
        status = anthropic_write_end(&call->writer, call->answer.buf);
    else if (call->lacks_end) /* the server did not say so: it was whole all the same (D35) */
        call->api->host->buf_put(call->answer.buf, last_event, sizeof last_event - 1);
    return status == AIGW_OK ? client_answer_end(&call->answer, ctx) : status;
}

aigw_status anthropic_api_event(struct aigw_ctx *ctx, struct anthropic_api_call *call, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (call->is_count)
        return on_count_event(ctx, call, event);
    if (event->type == AIGW_EVENT_RAW)
        call->lacks_end = lacks_end(call, event);
    if (client_answer_takes(&call->answer, ctx, event, &status))
        return status;
    switch (event->type) {
    case AIGW_EVENT_END:
        return on_end(ctx, call);
    case AIGW_EVENT_ERROR:
        return fail(ctx, call, event->error);
    default:
        if (!call->answer.is_raw)
            status = anthropic_write_event(&call->writer, call->answer.buf, event);
        return status == AIGW_OK ? client_answer_flush(&call->answer, ctx) : status;
    }
}
