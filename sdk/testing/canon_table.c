/* canon_table.c - the members of everything a model request is made of, and the words for its numbers. */
#include "canon.h"

static const char *const kind_words[] = { "", "chat", "completion", "embedding", "count", "models", NULL };
static const char *const role_words[] = { "", "system", "user", "assistant", "tool", "developer", NULL };
static const char *const part_words[] = { "",          "text",     "image", "tool_call", "tool_result",
                                          "reasoning", "document", "audio", "video",     "refusal",
                                          "redacted",  "opaque",   "tools", NULL };
static const char *const tool_words[] = { "function", "free_text", "server", NULL };
const char *const canon_choice_words[] = { "auto", "none", "required", NULL };
static const char *const reasoning_words[] = { "", "off", "on", "adaptive", NULL };
static const char *const show_words[] = { "", "omit", "summary", "all", NULL };
static const char *const format_words[] = { "", "json", "schema", NULL };

const char *testhost_part_name(uint32_t type)
{
    return type > 0 && type + 1 < GW_ARRAY_LEN(part_words) ? part_words[type] : "?";
}

int testhost_part_type(aigw_str name)
{
    for (int i = 1; part_words[i]; i++)
        if (gw_str_is(name, part_words[i]))
            return i;
    return -1;
}

#define AT(type, member) offsetof(struct type, member)
#define TEXT(s, n, m) \
    { \
        .name = n, .type = CANON_TEXT, .offset = AT(s, m) \
    }
#define JSON(s, n, m) \
    { \
        .name = n, .type = CANON_JSON, .offset = AT(s, m) \
    }
#define WORD(s, n, m, w) \
    { \
        .name = n, .type = CANON_WORD, .offset = AT(s, m), .words = (w) \
    }
#define FLAG(s, n, m, b) \
    { \
        .name = n, .type = CANON_FLAG, .offset = AT(s, m), .bit = (b) \
    }
#define SWITCH(s, n, m) \
    { \
        .name = n, .type = CANON_SWITCH, .offset = AT(s, m) \
    }
#define COUNT(s, n, m) \
    { \
        .name = n, .type = CANON_COUNT, .offset = AT(s, m) \
    }
#define NUMBER(n, m, b) \
    { \
        .name = n, .type = CANON_NUMBER, .offset = AT(aigw_params, m), .second = AT(aigw_params, set), .bit = (b) \
    }
#define INTEGER(n, m, b) \
    { \
        .name = n, .type = CANON_INTEGER, .offset = AT(aigw_params, m), .second = AT(aigw_params, set), .bit = (b) \
    }
#define TEXTS(s, n, m, c) \
    { \
        .name = n, .type = CANON_TEXTS, .offset = AT(s, m), .second = AT(s, c) \
    }
#define LIST(s, n, m, t, f) \
    { \
        .name = n, .type = t, .offset = AT(s, m), .form = (f) \
    }
#define FORM(s, text, n, f) \
    { \
        .what = text, .size = sizeof(struct s), .next = (n), .fields = (f), .field_count = GW_ARRAY_LEN(f) \
    }

static const struct canon_form part_form;

static const struct canon_field tool_fields[] = {
    WORD(aigw_tool, "kind", kind, tool_words),
    FLAG(aigw_tool, "strict", flags, AIGW_TOOLF_STRICT),
    FLAG(aigw_tool, "strict_off", flags, AIGW_TOOLF_STRICT_OFF),
    FLAG(aigw_tool, "deferred", flags, AIGW_TOOLF_DEFERRED),
    FLAG(aigw_tool, "cache", flags, AIGW_TOOLF_CACHE),
    TEXT(aigw_tool, "name", name),
    TEXT(aigw_tool, "description", description),
    JSON(aigw_tool, "parameters", parameters),
    TEXT(aigw_tool, "scope", scope),
    JSON(aigw_tool, "grammar", grammar),
    TEXT(aigw_tool, "origin", origin),
    JSON(aigw_tool, "extra", extra),
};
static const struct canon_form tool_form = FORM(aigw_tool, "tool", AT(aigw_tool, next), tool_fields);

static const struct canon_field part_fields[] = {
    WORD(aigw_part, "type", type, part_words),
    FLAG(aigw_part, "error", flags, AIGW_PARTF_ERROR),
    FLAG(aigw_part, "cache", flags, AIGW_PARTF_CACHE),
    FLAG(aigw_part, "summary", flags, AIGW_PARTF_SUMMARY),
    FLAG(aigw_part, "free_text", flags, AIGW_PARTF_FREE_TEXT),
    COUNT(aigw_part, "cache_ttl_s", cache_ttl_s),
    TEXT(aigw_part, "text", text),
    TEXT(aigw_part, "id", id),
    TEXT(aigw_part, "item_id", item_id),
    TEXT(aigw_part, "name", name),
    TEXT(aigw_part, "scope", scope),
    TEXT(aigw_part, "media_type", media_type),
    TEXT(aigw_part, "data", data),
    TEXT(aigw_part, "url", url),
    TEXT(aigw_part, "file_id", file_id),
    TEXT(aigw_part, "title", title),
    TEXT(aigw_part, "detail", detail),
    TEXT(aigw_part, "origin", origin),
    JSON(aigw_part, "citations", citations),
    LIST(aigw_part, "parts", parts, CANON_LIST, &part_form),
    LIST(aigw_part, "tools", tools, CANON_LIST, &tool_form),
    JSON(aigw_part, "extra", extra),
};
static const struct canon_form part_form = FORM(aigw_part, "part", AT(aigw_part, next), part_fields);

static const struct canon_field message_fields[] = {
    WORD(aigw_message, "role", role, role_words),
    LIST(aigw_message, "content", parts, CANON_CONTENT, &part_form),
    TEXT(aigw_message, "name", name),
    TEXT(aigw_message, "phase", phase),
    TEXT(aigw_message, "effort", effort),
    JSON(aigw_message, "extra", extra),
};
static const struct canon_form message_form = FORM(aigw_message, "message", AT(aigw_message, next), message_fields);

static const struct canon_field params_fields[] = {
    NUMBER("temperature", temperature, AIGW_PARAM_TEMPERATURE),
    NUMBER("top_p", top_p, AIGW_PARAM_TOP_P),
    NUMBER("min_p", min_p, AIGW_PARAM_MIN_P),
    NUMBER("presence_penalty", presence_penalty, AIGW_PARAM_PRESENCE_PENALTY),
    NUMBER("frequency_penalty", frequency_penalty, AIGW_PARAM_FREQUENCY_PENALTY),
    NUMBER("repetition_penalty", repetition_penalty, AIGW_PARAM_REPETITION_PENALTY),
    INTEGER("top_k", top_k, AIGW_PARAM_TOP_K),
    INTEGER("max_tokens", max_tokens, AIGW_PARAM_MAX_TOKENS),
    INTEGER("min_tokens", min_tokens, AIGW_PARAM_MIN_TOKENS),
    INTEGER("seed", seed, AIGW_PARAM_SEED),
    INTEGER("reasoning_budget", reasoning_budget, AIGW_PARAM_REASONING_BUDGET),
    INTEGER("top_logprobs", top_logprobs, AIGW_PARAM_TOP_LOGPROBS),
    TEXTS(aigw_params, "stop", stop, stop_count),
    COUNT(aigw_params, "choice_count", choice_count),
    WORD(aigw_params, "reasoning", reasoning, reasoning_words),
    WORD(aigw_params, "reasoning_show", reasoning_show, show_words),
    SWITCH(aigw_params, "parallel_calls", parallel_calls),
    SWITCH(aigw_params, "want_logprobs", want_logprobs),
    WORD(aigw_params, "format", format, format_words),
    SWITCH(aigw_params, "schema_strict", schema_strict),
    JSON(aigw_params, "schema", schema),
    TEXT(aigw_params, "schema_name", schema_name),
    TEXT(aigw_params, "schema_description", schema_description),
    TEXT(aigw_params, "effort", effort),
    TEXT(aigw_params, "verbosity", verbosity),
    TEXT(aigw_params, "service_tier", service_tier),
    TEXT(aigw_params, "cache_key", cache_key),
    TEXT(aigw_params, "user", user),
    JSON(aigw_params, "logit_bias", logit_bias),
    JSON(aigw_params, "prediction", prediction),
    JSON(aigw_params, "safety_settings", safety_settings),
    JSON(aigw_params, "metadata", metadata),
    TEXTS(aigw_params, "allowed_tools", allowed_tools, allowed_count),
};
static const struct canon_form params_form = FORM(aigw_params, "params", 0, params_fields);

static const struct canon_field request_fields[] = {
    WORD(aigw_model_request, "kind", kind, kind_words),
    FLAG(aigw_model_request, "stream", flags, AIGW_REQF_STREAM),
    FLAG(aigw_model_request, "prefill", flags, AIGW_REQF_PREFILL),
    LIST(aigw_model_request, "messages", messages, CANON_LIST, &message_form),
    LIST(aigw_model_request, "tools", tools, CANON_LIST, &tool_form),
    { .name = "tool_choice", .type = CANON_CHOICE, .offset = AT(aigw_model_request, tool_choice_name) },
    TEXT(aigw_model_request, "prompt", prompt),
    TEXT(aigw_model_request, "suffix", suffix),
    TEXTS(aigw_model_request, "inputs", inputs, input_count),
    COUNT(aigw_model_request, "dimensions", dimensions),
    TEXT(aigw_model_request, "input_type", input_type),
    LIST(aigw_model_request, "", params, CANON_PART, &params_form),
    JSON(aigw_model_request, "extra", extra),
    TEXT(aigw_model_request, "dialect", dialect),
    { .name = "raw", .type = CANON_RAW, .offset = AT(aigw_model_request, raw) },
};
const struct canon_form canon_request = FORM(aigw_model_request, "model request", 0, request_fields);

static const struct canon_field target_fields[] = {
    FLAG(aigw_target, "caller_endpoint", flags, AIGW_TARGETF_CALLER_ENDPOINT),
    TEXT(aigw_target, "model", model),
    TEXT(aigw_target, "endpoint", endpoint),
    TEXT(aigw_target, "api_key", api_key),
    TEXT(aigw_target, "prefix", prefix),
};
const struct canon_form canon_target = FORM(aigw_target, "target", 0, target_fields);

static const struct canon_field raw_fields[] = {
    TEXT(aigw_raw, "dialect", dialect),
    JSON(aigw_raw, "body", body),
    FLAG(aigw_raw, "stream", flags, AIGW_RAWF_STREAM),
    FLAG(aigw_raw, "events", flags, AIGW_RAWF_EVENTS),
    TEXT(aigw_raw, "method", method),
    TEXT(aigw_raw, "path", path),
};
const struct canon_form canon_raw = FORM(aigw_raw, "raw", 0, raw_fields);
