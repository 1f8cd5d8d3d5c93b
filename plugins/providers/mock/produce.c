/* produce.c - the mock model talking: one piece per call, a failure where it was asked for, usage and finish. */
#include "mock.h"

#include <string.h>

#define MOCK_STALL_MS ((int64_t)3600 * 1000)

static const struct {
    const char *name;
    uint32_t kind;
    int32_t status;
    const char *message;
} mock_failures[] = {
    { "bad_request", AIGW_ERR_BAD_REQUEST, 400, "the mock model refused the request, as told" },
    { "auth", AIGW_ERR_AUTH, 401, "the mock model refused the key, as told" },
    { "permission", AIGW_ERR_PERMISSION, 403, "the mock model may not be used, as told" },
    { "not_found", AIGW_ERR_NOT_FOUND, 404, "the mock model does not exist, as told" },
    { "context_too_long", AIGW_ERR_CONTEXT_TOO_LONG, 400, "prompt is too long for the mock model, as told" },
    { "rate_limited", AIGW_ERR_RATE_LIMITED, 429, "the mock model takes no more requests, as told" },
    { "overloaded", AIGW_ERR_OVERLOADED, 503, "the mock model is overloaded, as told" },
    { "server", AIGW_ERR_SERVER, 500, "the mock model failed, as told" },
    { "timeout", AIGW_ERR_TIMEOUT, 504, "the mock model was too slow, as told" },
    { "refused", AIGW_ERR_REFUSED, 400, "the mock model refused the content, as told" },
};

/* Fail if it is time to. *ret_did says whether the call is over now. */
static aigw_status mock_fail(const struct aigw_host *host, struct aigw_ctx *ctx, const struct mock_call *call,
                             struct aigw_produce *ret_next, bool *ret_did)
{
    const char *fail = call->knobs.fail;

    *ret_did = false;
    if (call->pieces < call->knobs.fail_after)
        return AIGW_OK;
    if (strcmp(fail, "stall") == 0) {
        *ret_did = true;
        ret_next->next_ms = MOCK_STALL_MS;
        return AIGW_OK;
    }
    if (strcmp(fail, "cut") == 0) { /* done without FINISH */
        *ret_did = true;
        ret_next->is_done = 1;
        return AIGW_OK;
    }
    if (strcmp(fail, "protocol") == 0)
        return host->fail(ctx, AIGW_E_UPSTREAM, "the mock model's answer makes no sense, as told");
    for (size_t i = 0; i < sizeof mock_failures / sizeof *mock_failures; i++) {
        if (strcmp(fail, mock_failures[i].name) != 0)
            continue;
        struct aigw_error error = { .struct_size = sizeof error,
                                    .kind = mock_failures[i].kind,
                                    .http_status = mock_failures[i].status,
                                    .retry_after_ms = call->knobs.retry_after_ms,
                                    .code = wire_str(fail),
                                    .message = wire_str(mock_failures[i].message) };

        *ret_did = true;
        ret_next->is_done = 1;
        return wire_emit_error(host, ctx, &error);
    }
    return AIGW_OK;
}

static aigw_status mock_emit_vector(const struct aigw_host *host, struct aigw_ctx *ctx, const struct mock_call *call,
                                    uint32_t index)
{
    float vector[4096];
    uint32_t x = call->seeds[index] | 1;
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_EMBEDDING,
                                .index = index,
                                .vector = vector,
                                .vector_len = call->dimensions };

    for (uint32_t i = 0; i < call->dimensions; i++) {
        x ^= x << 13; /* xorshift32 */
        x ^= x >> 17;
        x ^= x << 5;
        vector[i] = (float)(x >> 8) / 8388608.0f - 1.0f;
    }
    return host->emit(ctx, &event);
}

/* Length of the next piece: a word with the blanks after it, or `chunk` bytes in whole characters. */
static size_t mock_piece_len(const struct mock_call *call)
{
    const char *text = call->text.ptr + call->text_done;
    size_t left = call->text.len - call->text_done, len = (size_t)call->knobs.chunk;

    if (call->knobs.chunk == 0) {
        for (len = 0; len < left && !strchr(" \n\t", text[len]); len++)
            ;
        for (; len < left && text[len] != '\0' && strchr(" \n\t", text[len]); len++)
            ;
        return len > 0 ? len : left;
    }
    while (len < left && ((unsigned char)text[len] & 0xc0) == 0x80)
        len++;
    return len < left ? len : left;
}

static aigw_status mock_emit_end(const struct aigw_host *host, struct aigw_ctx *ctx, const struct mock_call *call,
                                 struct aigw_produce *ret_next)
{
    bool is_cut = call->text_done < call->text.len && !call->tool && call->kind != AIGW_CALL_COUNT;
    struct aigw_usage numbers = AIGW_USAGE_INIT;
    struct aigw_event usage = { .struct_size = sizeof usage, .type = AIGW_EVENT_USAGE, .usage = &numbers };
    aigw_status status;

    numbers.input = call->input_tokens;
    numbers.output = call->kind == AIGW_CALL_COUNT ? -1 : call->pieces;
    status = host->emit(ctx, &usage);
    ret_next->is_done = 1;
    if (status != AIGW_OK)
        return status;
    if (call->tool)
        return wire_emit_finish(host, ctx, AIGW_FINISH_TOOL_CALLS, AIGW_STR("tool_calls"));
    return is_cut ? wire_emit_finish(host, ctx, AIGW_FINISH_LENGTH, AIGW_STR("length"))
                  : wire_emit_finish(host, ctx, AIGW_FINISH_STOP, AIGW_STR("stop"));
}

/* The next piece of whatever this call delivers. */
static aigw_status mock_emit_piece(const struct aigw_host *host, struct aigw_ctx *ctx, struct mock_call *call)
{
    aigw_str piece = { call->text.ptr + call->text_done, mock_piece_len(call) };

    call->text_done += piece.len;
    call->tokens_left--;
    call->pieces++;
    return wire_emit_text(host, ctx, AIGW_EVENT_TEXT, piece);
}

static aigw_status mock_emit_tool(const struct aigw_host *host, struct aigw_ctx *ctx, struct mock_call *call)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_TOOL_CALL,
                                .id = AIGW_STR_INIT("call_mock_1"),
                                .name = wire_str(call->tool),
                                .text = AIGW_STR_INIT("{}") };

    call->pieces++;
    return host->emit(ctx, &event);
}

static aigw_status mock_begin(const struct aigw_host *host, struct aigw_ctx *ctx, struct mock_call *call)
{
    aigw_status status = AIGW_OK;

    call->did_begin = 2;
    if (call->kind == AIGW_CALL_EMBEDDING) {
        for (uint32_t i = 0; i < call->input_count && status == AIGW_OK; i++)
            status = mock_emit_vector(host, ctx, call, i);
        return status;
    }
    if (call->kind == AIGW_CALL_COUNT)
        return status;
    if (call->knobs.reasoning)
        status = wire_emit_text(host, ctx, AIGW_EVENT_REASONING, wire_str(call->knobs.reasoning));
    if (status == AIGW_OK && call->tool)
        status = mock_emit_tool(host, ctx, call);
    return status;
}

aigw_status mock_produce(const struct aigw_host *host, struct aigw_ctx *ctx, struct mock_call *call,
                         struct aigw_produce *ret_next)
{
    bool did_fail = false;
    aigw_status status = AIGW_OK;

    if (call->did_begin == 0 && call->knobs.first_delay_ms > 0) {
        call->did_begin = 1;
        ret_next->next_ms = call->knobs.first_delay_ms;
        return AIGW_OK;
    }
    if (call->did_begin < 2) {
        status = mock_fail(host, ctx, call, ret_next, &did_fail);
        if (status != AIGW_OK || did_fail)
            return status;
        status = mock_begin(host, ctx, call);
        if (status != AIGW_OK)
            return status;
    }
    do {
        status = mock_fail(host, ctx, call, ret_next, &did_fail);
        if (status != AIGW_OK || did_fail)
            return status;
        if (call->tool || call->kind == AIGW_CALL_COUNT || call->text_done == call->text.len || call->tokens_left <= 0)
            return mock_emit_end(host, ctx, call, ret_next);
        status = mock_emit_piece(host, ctx, call);
    } while (status == AIGW_OK && !call->is_stream);
    ret_next->next_ms = call->text_done == call->text.len ? 0 : call->knobs.delay_ms;
    return status;
}
