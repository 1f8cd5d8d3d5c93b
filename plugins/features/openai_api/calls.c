/* calls.c - the model calls of a request and the answer that is made of their events. */
#include "openai_api.h"

#include <aigw/json.h>
#include <string.h>

/* ---- one writer or the other ---- */

void openai_api_heartbeat(struct client_answer *answer)
{
    struct openai_api_call *call =
        (struct openai_api_call *)(void *)((char *)answer - offsetof(struct openai_api_call, answer));

    if (call->is_responses)
        responses_write_heartbeat(&call->writer.responses);
    else
        openai_write_heartbeat(&call->writer.chat);
}

/* model: as the answer is to call it. */
static aigw_status write_begin(struct aigw_ctx *ctx, struct openai_api_call *call, aigw_str model)
{
    static const char *const prefixes[] = { "", "chatcmpl-", "cmpl-", "" };
    const struct aigw_host *host = call->api->host;
    struct openai_identity identity = { .model = model, .created = host->time_s(ctx) };

    memset(&call->writer, 0, sizeof call->writer);
    if (!client_make_id(host, ctx, call->is_responses ? "resp_" : prefixes[call->asked.path & 3], call->id))
        return AIGW_E_NOMEM;
    identity.id = (aigw_str){ call->id, strlen(call->id) };
    return call->is_responses
               ? responses_write_begin(&call->writer.responses, host, ctx, call->answer.buf, &call->asked, &identity)
               : openai_write_begin(&call->writer.chat, host, ctx, call->answer.buf, &call->asked, &identity,
                                    call->request.input_count);
}

static aigw_status write_event(struct openai_api_call *call, const struct aigw_event *event)
{
    return call->is_responses ? responses_write_event(&call->writer.responses, event)
                              : openai_write_event(&call->writer.chat, event);
}

static aigw_status write_end(struct openai_api_call *call)
{
    return call->is_responses ? responses_write_end(&call->writer.responses) : openai_write_end(&call->writer.chat);
}

static aigw_status write_error(struct openai_api_call *call, const struct aigw_error *error)
{
    if (call->is_responses && call->answer.is_raw)
        call->writer.responses.is_begun = true;
    return call->is_responses ? responses_write_error(&call->writer.responses, error)
                              : openai_write_error(&call->writer.chat, error);
}

/* ---- failures ---- */

aigw_status openai_api_refuse(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_error *error)
{
    const struct aigw_host *host = call->api->host;
    aigw_str message = client_respell(&call->answer, ctx, error);
    struct openai_error said;

    openai_error_of(error, &said);
    if (said.param.len == 0)
        said.param = call->passes && error->param.len > 0 ? error->param : client_param(error, message);
    if (error->kind == AIGW_ERR_UNSUPPORTED && wire_same(error->message, call->only_as_is.message)) {
        said.param = call->only_as_is.param;
        said.code = call->only_as_is.code;
    }
    if (call->is_responses && said.code.len == 0) /* clients of this API take it for text, whatever it says */
        said.code = (aigw_str){ said.type, strlen(said.type) };
    host->buf_clear(call->answer.buf);
    openai_put_error(host, call->answer.buf, &said, message);
    return client_answer_refuse(&call->answer, ctx, said.http_status, said.retry, error->retry_after_ms);
}

/* ---- asking ---- */

/* Whose bytes may pass. A chat's go to any server of the dialect; not all of those have the other paths, so there only
 * what cannot be said otherwise does. */
static aigw_str dialect_of(const struct openai_api_call *call)
{
    bool passes = call->is_responses ? call->api->responses_pass && !call->is_count
                                     : call->asked.path == OPENAI_CHAT || call->only_as_is.message.len > 0;

    return passes && !call->asked.has_foreign ? call->asked.raw.dialect : AIGW_STR_NONE;
}

aigw_status openai_api_ask(struct aigw_ctx *ctx, struct openai_api_call *call)
{
    const struct aigw_host *host = call->api->host;
    uint32_t count = call->asked.prompt_count > 0 && call->only_as_is.message.len == 0 ? call->asked.prompt_count : 1;
    struct aigw_need need = { .struct_size = sizeof need,
                              .model = client_model(&call->api->client.aliases, call->client_model) };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    const struct aigw_model_info *model;
    aigw_status status;

    if (host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return openai_api_refuse(ctx, call, &error);
    call->usage = host->alloc(ctx, AIGW_LIFE_REQUEST, count * sizeof *call->usage);
    if (!call->usage)
        return AIGW_E_NOMEM;
    if (!client_reports_target(&call->api->client))
        call->answer.model = call->client_model;
    status = call->is_count ? AIGW_OK : write_begin(ctx, call, call->client_model);
    for (; call->calls < count && status == AIGW_OK; call->calls++) {
        const struct aigw_call_options options = {
            .struct_size = sizeof options,
            .flags = call->asked.is_stream ? AIGW_CALLF_STREAM : 0,
            .dialect = dialect_of(call),
            .tag = &call->usage[call->calls],
        };
        struct aigw_call *handle;

        call->usage[call->calls] = (struct aigw_usage)AIGW_USAGE_INIT;
        status = host->model_call(ctx, model, &options, &handle);
    }
    return status;
}

aigw_status openai_api_build(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_model_info *target,
                             uint32_t prompt, struct aigw_model_request *ret_request)
{
    call->passes = target->flags & AIGW_MODELF_PASSES_RAW;
    call->answer.dropped_len = 0; /* by what another target could not take */
    if (call->passes) {
        ret_request->kind = call->request.kind;
        ret_request->raw = &call->asked.raw;
        if ((call->asked.path == OPENAI_CHAT || call->is_responses) && call->only_as_is.message.len == 0)
            call->asked.raw.flags |= AIGW_RAWF_EVENTS;
        return AIGW_OK;
    }
    if (call->asked.wants_audio)
        return call->api->host->fail(ctx, AIGW_E_UNSUPPORTED, "modalities: this model answers in text only");
    if (call->only_as_is.message.len > 0)
        return call->api->host->fail(ctx, AIGW_E_UNSUPPORTED, "%.*s", AIGW_STR_ARG(call->only_as_is.message));
    wire_later_read(&call->asked.later);
    if (client_reports_target(&call->api->client) && !call->is_count && !call->has_written &&
        write_begin(ctx, call, target->model) != AIGW_OK)
        return AIGW_E_NOMEM;
    if (wire_place_results(call->api->host, ctx, &call->request.messages, call->is_responses) != AIGW_OK ||
        wire_check_history(call->api->host, ctx, call->request.messages) != AIGW_OK)
        return AIGW_E_UNSUPPORTED;
    *ret_request = call->request;
    ret_request->flags |= client_flags(&call->api->client);
    if (client_answer_left_out(&call->answer, ctx, &call->api->client, call->asked.left_out, call->asked.left_out_count,
                               "OpenAI") != AIGW_OK)
        return AIGW_E_UNSUPPORTED;
    if (call->asked.prompt_count > 0)
        ret_request->prompt = call->asked.prompts[prompt];
    return AIGW_OK;
}

/* ---- answering ---- */

static void add(int64_t *sum, int64_t number)
{
    if (number >= 0)
        *sum = (*sum < 0 ? 0 : *sum) + number;
}

/* What all prompts together took. */
static aigw_status say_usage(struct openai_api_call *call)
{
    struct aigw_usage sum = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &sum };

    for (uint32_t i = 0; i < call->calls; i++) {
        const struct aigw_usage *part = &call->usage[i];

        add(&sum.input, part->input);
        add(&sum.output, part->output);
        add(&sum.cache_read, part->cache_read);
        add(&sum.cache_write, part->cache_write);
        add(&sum.reasoning, part->reasoning);
    }
    return write_event(call, &event);
}

static const char chat_end[] = "data: [DONE]\n\n";

/* Of a chat's own bytes: what comes last is the end marker, or is to be. */
static bool lacks_end(const struct openai_api_call *call, const struct aigw_event *event)
{
    return call->asked.path == OPENAI_CHAT && !call->is_responses && call->asked.is_stream && event->text.len > 0 &&
           event->text.ptr[0] != '{' && event->text.ptr[0] != '[' &&
           !(event->text.len < 64 && memmem(event->text.ptr, event->text.len, chat_end, sizeof chat_end - 1));
}

static aigw_status on_end(struct aigw_ctx *ctx, struct openai_api_call *call)
{
    aigw_status status = AIGW_OK;

    if (++call->ended < call->calls)
        return AIGW_OK;
    if (call->calls > 1)
        status = say_usage(call);
    if (status == AIGW_OK && !call->answer.is_raw)
        status = write_end(call);
    else if (call->lacks_end) /* the server did not say so: it was whole all the same (D35) */
        call->api->host->buf_put(call->answer.buf, chat_end, sizeof chat_end - 1);
    return status == AIGW_OK ? client_answer_end(&call->answer, ctx) : status;
}

/* Nothing of the others is wanted any more: a request has one answer. */
static aigw_status on_error(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_error *error)
{
    aigw_status status;

    if (call->ended == UINT32_MAX)
        return AIGW_OK;
    call->ended = UINT32_MAX;
    if (!call->answer.has_begun)
        return openai_api_refuse(ctx, call, error);
    status = write_error(call, error);
    return status == AIGW_OK ? client_answer_end(&call->answer, ctx) : status;
}

static aigw_status answer_count(struct aigw_ctx *ctx, struct openai_api_call *call, bool is_estimate)
{
    const struct aigw_host *host = call->api->host;
    const struct aigw_pair said = { AIGW_STR_INIT("x-aigw-estimated"), AIGW_STR_INIT("1") };
    int64_t count = is_estimate ? client_estimate(call->body_len) : call->usage[0].input;
    aigw_status status;
    aigw_str body;

    host->buf_clear(call->answer.buf);
    host->buf_printf(call->answer.buf, "{\"object\":\"response.input_tokens\",\"input_tokens\":%lld}",
                     (long long)count);
    status = host->buf_view(call->answer.buf, &body);
    return status == AIGW_OK ? host->respond(ctx, 200, NULL, body, is_estimate ? &said : NULL, is_estimate) : status;
}

/* Few servers count: then it is an estimate, and said to be one. */
static aigw_status on_count_event(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->usage)
            call->usage[0] = *event->usage;
        return AIGW_OK;
    case AIGW_EVENT_END:
        return answer_count(ctx, call, call->usage[0].input < 0);
    case AIGW_EVENT_ERROR:
        return event->error->kind == AIGW_ERR_UNSUPPORTED || event->error->kind == AIGW_ERR_NOT_FOUND
                   ? answer_count(ctx, call, true)
                   : openai_api_refuse(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}

/* An event of the server's own: what we may have to say behind it has the next number, and the same response. */
static void go_on_behind(struct aigw_ctx *ctx, struct openai_api_call *call, aigw_str bytes)
{
    struct responses_writer *writer = &call->writer.responses;
    const char *open = writer->sequence == 0 && bytes.len > 0 ? memchr(bytes.ptr, '{', bytes.len) : NULL;
    struct aigw_json root = { .type = AIGW_JSON_OBJECT }, response, id;

    writer->sequence++;
    if (!open)
        return;
    root.text = aigw_utf8_strip((aigw_str){ open, bytes.len - (size_t)(open - bytes.ptr) });
    if (aigw_json_member(&root, "response", &response) && aigw_json_member(&response, "id", &id) &&
        id.type == AIGW_JSON_STRING && id.text.len > 2 && id.text.len < CLIENT_ID_SIZE * 4 &&
        !(id.flags & AIGW_JSONF_ESCAPES))
        client_keep(call->api->host, ctx, (aigw_str){ id.text.ptr + 1, id.text.len - 2 }, &writer->id);
}

aigw_status openai_api_event(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_event *event)
{
    uint32_t prompt = (uint32_t)((struct aigw_usage *)event->tag - call->usage);
    struct aigw_event shifted;
    aigw_status status;

    if (call->ended == UINT32_MAX)
        return AIGW_OK;
    if (call->is_count)
        return on_count_event(ctx, call, event);
    if (event->type == AIGW_EVENT_RAW) {
        call->lacks_end = lacks_end(call, event);
        if (call->is_responses)
            go_on_behind(ctx, call, event->text);
    }
    if (client_answer_takes(&call->answer, ctx, event, &status))
        return status;
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (call->calls > 1 && event->usage) {
            memcpy(event->tag, event->usage, sizeof(struct aigw_usage));
            return AIGW_OK;
        }
        break;
    case AIGW_EVENT_END:
        return on_end(ctx, call);
    case AIGW_EVENT_ERROR:
        return on_error(ctx, call, event->error);
    default:
        break;
    }
    if (call->answer.is_raw) /* it has them already */
        return AIGW_OK;
    call->has_written = true;
    shifted = *event;
    shifted.choice += prompt * call->asked.choice_count;
    status = write_event(call, &shifted);
    return status == AIGW_OK ? client_answer_flush(&call->answer, ctx) : status;
}
