/* respond.c - see respond.h. Compact JSON, UTF-8 as it is, members in the contract's order. */
#include "respond.h"

#include <string.h>

#include "../../common/json/digits.h"

#define ANSWER_MAX ((size_t)32 << 20)

#define TEXT   "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"integer\"}"
#define CHOICES \
    "\"choices\":{\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"object\",\"properties\":{" \
    "\"text\":" TEXT ",\"index\":{\"const\":0},\"finish_reason\":{\"const\":\"length\"}}}}"
#define FLAGS  "\"enabled_feature_flags\":{\"type\":\"array\",\"items\":" TEXT "}"
#define REGION "\"region\":{\"type\":[\"string\",\"null\"]}"
#define MODEL  "\"model\":{\"type\":\"object\",\"properties\":{\"engine\":" TEXT ",\"name\":" TEXT ",\"lang\":" TEXT "}}"

const char cs_answer_schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"id\":{\"const\":\"id\"},"
    "\"model\":{\"type\":\"object\",\"properties\":{"
    "\"engine\":" TEXT ",\"name\":" TEXT ",\"lang\":" TEXT ","
    "\"tokens_consumption_metadata\":{\"type\":[\"object\",\"null\"],\"properties\":{"
    "\"input_tokens\":" NUMBER ",\"output_tokens\":" NUMBER ",\"max_output_tokens_used\":{\"type\":\"boolean\"},"
    "\"context_tokens_sent\":" NUMBER ",\"context_tokens_used\":" NUMBER "}}," REGION "}},"
    "\"experiments\":{\"type\":\"array\"},"
    "\"object\":{\"const\":\"text_completion\"},"
    "\"created\":" NUMBER "," CHOICES ",\"metadata\":{\"type\":\"object\",\"properties\":{" FLAGS "}}}}";

const char cs_suggestion_schema[] = "{\"type\":\"object\",\"properties\":{" CHOICES ","
                                    "\"metadata\":{\"type\":\"object\",\"properties\":{" MODEL ",\"timestamp\":" NUMBER
                                    "," FLAGS "," REGION "}}," MODEL "}}";

static void put(const struct aigw_host *host, struct aigw_buf *out, const char *text)
{
    host->buf_put(out, text, strlen(text));
}

static void put_int(const struct aigw_host *host, struct aigw_buf *out, const char *before, int64_t value)
{
    char room[DIGITS_SIZE];
    aigw_str digits = digits_of_int(value, room);

    put(host, out, before);
    host->buf_put(out, digits.ptr, digits.len);
}

static void put_usage(const struct aigw_host *host, struct aigw_buf *out, const struct cs_usage *usage)
{
    put_int(host, out, "{\"input_tokens\":", usage->input_tokens);
    put_int(host, out, ",\"output_tokens\":", usage->output_tokens);
    put(host, out, usage->was_cut ? ",\"max_output_tokens_used\":true" : ",\"max_output_tokens_used\":false");
    put_int(host, out, ",\"context_tokens_sent\":", usage->context_sent);
    put_int(host, out, ",\"context_tokens_used\":", usage->context_used);
    put(host, out, "}");
}

static void put_flags(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *out)
{
    uint32_t count = 0;
    const aigw_str *flags = host->feature_flags(ctx, &count);

    put(host, out, "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            put(host, out, ",");
        host->buf_json(out, flags[i]);
    }
    put(host, out, "]");
}

static void put_choices(const struct aigw_host *host, struct aigw_buf *out, const struct cs_answer *answer)
{
    put(host, out, "\"choices\":[");
    if (answer->text.len) {
        put(host, out, "{\"text\":");
        host->buf_json(out, answer->text);
        put(host, out, ",\"index\":0,\"finish_reason\":\"length\"}");
    }
    put(host, out, "]");
}

/** The beginning of an object: its end is the caller's. */
static void put_model(const struct aigw_host *host, struct aigw_buf *out, const struct cs_answer *answer)
{
    put(host, out, "\"model\":{\"engine\":");
    host->buf_json(out, answer->model.engine);
    put(host, out, ",\"name\":");
    host->buf_json(out, answer->model.name);
    put(host, out, ",\"lang\":");
    host->buf_json(out, (aigw_str){ answer->language, strlen(answer->language) });
}

static aigw_status send(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *out)
{
    aigw_str view;
    aigw_status status = host->buf_view(out, &view);

    if (status < 0)
        return host->fail(ctx, status, "the answer is larger than %zu bytes or memory ran out", ANSWER_MAX);
    return host->respond(ctx, 200, NULL, view, NULL, 0);
}

aigw_status cs_respond_v2(const struct aigw_host *host, struct aigw_ctx *ctx, const struct cs_answer *answer)
{
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);
    aigw_str region = host->setting(ctx, "server.region");

    if (!out)
        return AIGW_E_NOMEM;
    put(host, out, "{\"id\":\"id\",");
    put_model(host, out, answer);
    put(host, out, ",\"tokens_consumption_metadata\":");
    if (answer->usage && answer->text.len)
        put_usage(host, out, answer->usage);
    else
        put(host, out, "null");
    put(host, out, ",\"region\":");
    if (region.len)
        host->buf_json(out, region);
    else
        put(host, out, "null");
    put_int(host, out, "},\"experiments\":[],\"object\":\"text_completion\",\"created\":", host->time_s(ctx));
    put(host, out, ",");
    put_choices(host, out, answer);
    put(host, out, ",\"metadata\":{\"enabled_feature_flags\":");
    put_flags(host, ctx, out);
    put(host, out, "}}");
    return send(host, ctx, out);
}

aigw_status cs_respond_v3(const struct aigw_host *host, struct aigw_ctx *ctx, const struct cs_answer *answer)
{
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);

    if (!out)
        return AIGW_E_NOMEM;
    put(host, out, "{");
    put_choices(host, out, answer);
    put(host, out, ",\"metadata\":{");
    put_model(host, out, answer);
    put_int(host, out, "},\"timestamp\":", host->time_s(ctx));
    put(host, out, ",\"enabled_feature_flags\":");
    put_flags(host, ctx, out);
    put(host, out, ",\"region\":null},"); /* only a stream says it */
    put_model(host, out, answer);
    put(host, out, "}}");
    return send(host, ctx, out);
}
