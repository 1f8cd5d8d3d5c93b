/* model_request.c - looks over what a feature's build() wrote before a provider, another plugin, reads it: texts,
 * sizes, lists that end. What kinds, roles and types mean is the provider's to refuse. */
#include <math.h>
#include <string.h>

#include "pipeline/host.h"
#include "plugin/abi.h"

#define ITEMS_MAX 1000000u /* messages, parts and tools of one request: more are a list that has no end */
#define DEPTH_MAX 8u       /* parts inside parts */

#define AT(type, field) offsetof(struct type, field)

static const size_t message_texts[] = { AT(aigw_message, name), AT(aigw_message, phase), AT(aigw_message, effort),
                                        AT(aigw_message, extra) };
static const size_t part_texts[] = { AT(aigw_part, text),      AT(aigw_part, id),     AT(aigw_part, item_id),
                                     AT(aigw_part, name),      AT(aigw_part, scope),  AT(aigw_part, media_type),
                                     AT(aigw_part, data),      AT(aigw_part, url),    AT(aigw_part, file_id),
                                     AT(aigw_part, title),     AT(aigw_part, detail), AT(aigw_part, origin),
                                     AT(aigw_part, citations), AT(aigw_part, extra) };
static const size_t tool_texts[] = { AT(aigw_tool, name),  AT(aigw_tool, description), AT(aigw_tool, parameters),
                                     AT(aigw_tool, scope), AT(aigw_tool, grammar),     AT(aigw_tool, origin),
                                     AT(aigw_tool, extra) };
static const size_t param_texts[] = {
    AT(aigw_params, schema),
    AT(aigw_params, schema_name),
    AT(aigw_params, schema_description),
    AT(aigw_params, effort),
    AT(aigw_params, verbosity),
    AT(aigw_params, service_tier),
    AT(aigw_params, cache_key),
    AT(aigw_params, user),
    AT(aigw_params, logit_bias),
    AT(aigw_params, prediction),
    AT(aigw_params, safety_settings),
    AT(aigw_params, metadata),
};
static const size_t param_numbers[] = { AT(aigw_params, temperature),
                                        AT(aigw_params, top_p),
                                        AT(aigw_params, min_p),
                                        AT(aigw_params, presence_penalty),
                                        AT(aigw_params, frequency_penalty),
                                        AT(aigw_params, repetition_penalty) };
static const size_t raw_texts[] = { AT(aigw_raw, dialect), AT(aigw_raw, body), AT(aigw_raw, method),
                                    AT(aigw_raw, path) };
static const size_t request_texts[] = {
    AT(aigw_model_request, tool_choice_name), AT(aigw_model_request, prompt), AT(aigw_model_request, suffix),
    AT(aigw_model_request, input_type),       AT(aigw_model_request, extra),  AT(aigw_model_request, dialect),
};

struct look {
    struct aigw_ctx *ctx;
    uint32_t items;
};

static aigw_status bad(const struct look *look, const char *what, const char *why)
{
    return gw_ctx_breach(look->ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "build(): %s %s", what, why);
}

static aigw_status check_texts(const struct look *look, const char *what, const void *from, const size_t *offsets,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        aigw_str text;

        memcpy(&text, (const char *)from + offsets[i], sizeof text);
        if (!gw_is_text(text))
            return bad(look, what, "has a text that is NULL with a length, or too long");
    }
    return AIGW_OK;
}

#define CHECK_TEXTS(look, what, from, offsets) check_texts(look, what, from, offsets, GW_ARRAY_LEN(offsets))

static aigw_status check_list(const struct look *look, const char *what, const aigw_str *texts, uint32_t count)
{
    if (count > ITEMS_MAX || (count && !texts))
        return bad(look, what, texts ? "are too many" : "have a count, but no table");
    for (uint32_t i = 0; i < count; i++)
        if (!gw_is_text(texts[i]))
            return bad(look, what, "have one that is NULL with a length, or too long");
    return AIGW_OK;
}

/* One more item of a list: a copy that is as long as ours, whatever SDK made it. */
static aigw_status take(struct look *look, const char *what, void *copy, size_t size, const void *from)
{
    if (++look->items > ITEMS_MAX)
        return bad(look, what, "lists do not end");
    return gw_abi_in(copy, size, from) ? AIGW_OK : bad(look, what, "has a struct_size that no struct has");
}

static aigw_status check_tools(struct look *look, const struct aigw_tool *tools)
{
    struct aigw_tool tool;
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *at = tools; at && !status; at = tool.next) {
        status = take(look, "a tool", &tool, sizeof tool, at);
        if (!status)
            status = CHECK_TEXTS(look, "a tool", &tool, tool_texts);
    }
    return status;
}

static aigw_status check_parts(struct look *look, const struct aigw_part *parts, uint32_t depth)
{
    struct aigw_part part;
    aigw_status status = AIGW_OK;

    if (parts && depth > DEPTH_MAX)
        return bad(look, "a part", "lies too deep in others");
    for (const struct aigw_part *at = parts; at && !status; at = part.next) {
        status = take(look, "a part", &part, sizeof part, at);
        if (!status)
            status = CHECK_TEXTS(look, "a part", &part, part_texts);
        if (!status && part.parts)
            status = check_parts(look, part.parts, depth + 1);
        if (!status && part.tools)
            status = check_tools(look, part.tools);
    }
    return status;
}

static aigw_status check_messages(struct look *look, const struct aigw_message *messages)
{
    struct aigw_message message;
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *at = messages; at && !status; at = message.next) {
        status = take(look, "a message", &message, sizeof message, at);
        if (!status)
            status = CHECK_TEXTS(look, "a message", &message, message_texts);
        if (!status)
            status = check_parts(look, message.parts, 1);
    }
    return status;
}

static aigw_status check_params(struct look *look, const struct aigw_params *given)
{
    struct aigw_params params;
    aigw_status status;

    if (!given)
        return AIGW_OK;
    status = take(look, "params", &params, sizeof params, given);
    if (!status)
        status = CHECK_TEXTS(look, "params", &params, param_texts);
    if (!status)
        status = check_list(look, "stop texts", params.stop, params.stop_count);
    if (!status)
        status = check_list(look, "allowed tools", params.allowed_tools, params.allowed_count);
    for (size_t i = 0; i < GW_ARRAY_LEN(param_numbers) && !status; i++) {
        double number;

        memcpy(&number, (const char *)&params + param_numbers[i], sizeof number);
        if (!isfinite(number))
            status = bad(look, "params", "have a number that is none");
    }
    return status;
}

static aigw_status check_raw(struct look *look, const struct aigw_raw *given)
{
    struct aigw_raw raw;
    aigw_status status;

    if (!given)
        return AIGW_OK;
    status = take(look, "raw", &raw, sizeof raw, given);
    if (!status)
        status = CHECK_TEXTS(look, "raw", &raw, raw_texts);
    if (status)
        return status;
    if (raw.model_at > raw.body.len || raw.model_len > raw.body.len - raw.model_at || raw.insert_at > raw.body.len)
        return bad(look, "raw", "names places that are not in its body");
    if (raw.header_count > ITEMS_MAX || (raw.header_count && !raw.headers))
        return bad(look, "raw", "has a count of headers, but no table, or too many");
    for (uint32_t i = 0; i < raw.header_count; i++)
        if (!gw_is_text(raw.headers[i].name) || !gw_is_header_value(raw.headers[i].value))
            return bad(look, "raw", "has a header that is none");
    return AIGW_OK;
}

aigw_status gw_host_model_request(struct aigw_ctx *ctx, const struct aigw_model_request *request)
{
    struct look look = { .ctx = ctx };
    aigw_status status = CHECK_TEXTS(&look, "the request", request, request_texts);

    if (!status)
        status = check_list(&look, "inputs", request->inputs, request->input_count);
    if (!status)
        status = check_messages(&look, request->messages);
    if (!status)
        status = check_tools(&look, request->tools);
    if (!status)
        status = check_params(&look, request->params);
    return status ? status : check_raw(&look, request->raw);
}
