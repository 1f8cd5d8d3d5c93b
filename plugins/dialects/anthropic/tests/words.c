/* words.c - the exact bytes of answers of the Messages API, refusals and failures, lists. Exit status 0: all is well.
 */
#include <stdio.h>
#include <string.h>

#include "write.h"

static int failures;

static void check(bool is_good, const char *name, const char *what, const char *found)
{
    if (is_good)
        return;
    fprintf(stderr, "%s: %s\n%s\n", name, what, found ? found : "");
    failures++;
}

/* ---- exact bytes ---- */

static void check_bytes(const char *name, const struct said *said, bool is_stream, uint32_t thinking, const char *want)
{
    struct anthropic_write_options options = said_options[is_stream];
    struct host host = { .taken = 0 };
    aigw_str text = AIGW_STR_NONE;

    options.thinking = thinking;
    options.input_estimate = 25;
    check(said_write(&host, said, &options, &text) == AIGW_OK, name, "cannot be written", host.failed);
    check(text.len == strlen(want) && memcmp(text.ptr, want, text.len) == 0, name, "other bytes", text.ptr);
    host_free(&host);
}

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define TIER              ",\"server_tool_use\":null,\"service_tier\":\"standard\"}"

static const struct said turn[] = { THINK("two steps"),   SIGN(HOME, "Eq"),
                                    SAY("Let me look."),  CALL(0, "toolu_1", "Read", ""),
                                    ARGS(0, "{\"p\":1}"), END(AIGW_FINISH_TOOL_CALLS),
                                    COUNT(25, 41),        { .type = 0 } };
static const struct said nothing[] = { COUNT(9, 0), END(AIGW_FINISH_STOP), { .type = 0 } };
static const struct said cut[] = {
    CALL(0, "a", "f", "{\"x\":"), CALL(1, "b", "g", ""), COUNT(9, 4), END(AIGW_FINISH_LENGTH), { .type = 0 }
};
static const struct said pieces[] = { KEEP(HOME, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{}}"),
                                      KEEP(HOME, "{\"type\":\"content_block_delta\",\"index\":7,\"delta\":"
                                                 "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\"\"}}"),
                                      KEEP(HOME, "{\"type\":\"content_block_delta\",\"index\":7,\"delta\":"
                                                 "{\"type\":\"input_json_delta\",\"partial_json\":\":1}\"}}"),
                                      COUNT(9, 4),
                                      END(AIGW_FINISH_STOP),
                                      { .type = 0 } };

static void test_streams(void)
{
    check_bytes(
        "CL-ANT-02 the stream of the reference", turn, true, ANTHROPIC_SEE_ALL,
        EVENT("message_start",
              ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\","
              "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
              "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0" TIER
              "}") EVENT("content_block_start",
                         ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":"
                         "\"\",\"signature\":\"\"}") EVENT("content_block_delta",
                                                           ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
                                                           "\"thinking\":\"two steps\"}")
            EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"Eq\"}")
                EVENT("content_block_stop", ",\"index\":0") EVENT(
                    "content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
                    EVENT("content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Let me "
                                                 "look.\"}") EVENT("content_block_stop", ",\"index\":1")
                        EVENT("content_block_start", ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":"
                                                     "\"toolu_1\",\"name\":\"Read\",\"input\":{}}")
                            EVENT("content_block_delta", ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
                                                         "\"partial_json\":\"{\\\"p\\\":1}\"}")
                                EVENT("content_block_stop", ",\"index\":2")
                                    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_"
                                                           "sequence\":null},\"usage\":{\"input_tokens\":25,\"cache_"
                                                           "creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
                                                           "\"output_tokens\":41" TIER) EVENT("message_stop", ""));
    check_bytes("streamed, the vendor's block whose input came in pieces", pieces, true, ANTHROPIC_SEE_ALL,
                EVENT("message_start",
                      ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\","
                      "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
                      "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0" TIER "}")
                    EVENT("content_block_start",
                          ",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{}}")
                        EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
                                                     "\"partial_json\":\"{\\\"q\\\"\"}")
                            EVENT("content_block_delta",
                                  ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\":1}\"}")
                                EVENT("content_block_stop", ",\"index\":0") EVENT(
                                    "message_delta",
                                    ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":"
                                    "{\"input_tokens\":9,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":"
                                    "0,\"output_tokens\":4" TIER) EVENT("message_stop", ""));
}

static void test_whole(void)
{
    check_bytes("CL-ANT-01 whole", turn, false, ANTHROPIC_SEE_ALL,
                "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\",\"content\":["
                "{\"type\":\"thinking\",\"thinking\":\"two steps\",\"signature\":\"Eq\"},"
                "{\"type\":\"text\",\"text\":\"Let me look.\"},"
                "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Read\",\"input\":{\"p\":1}}],"
                "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
                "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":41" TIER "}");
    check_bytes("CL-ANT-36 whole, nothing", nothing, false, ANTHROPIC_SEE_ALL,
                "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\",\"content\":[],"
                "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,"
                "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0" TIER "}");
    check_bytes("whole, a call cut off is kept in an object", cut, false, ANTHROPIC_SEE_ALL,
                "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\",\"content\":["
                "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"_raw\":\"{\\\"x\\\":\"}},"
                "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\",\"input\":{}}],"
                "\"stop_reason\":\"max_tokens\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,"
                "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":4" TIER "}");
    check_bytes("whole, the vendor's block whose input came in pieces", pieces, false, ANTHROPIC_SEE_ALL,
                "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"coder\",\"content\":["
                "{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{\"q\":1}}],"
                "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,"
                "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":4" TIER "}");
}

/* ---- what goes wrong ---- */

/* What a stream holds up to the failure, and behind it. */
static void test_failing_stream(void)
{
    static const struct said late[] = { CALL(0, "a", "f", "{}"), SAY("x"), ARGS(0, "{"), { .type = 0 } };
    struct aigw_error error = {
        .struct_size = sizeof error, .kind = AIGW_ERR_OVERLOADED, .retry_after_ms = -1, .message = AIGW_STR_INIT("busy")
    };
    struct anthropic_known known = { .prompt_tokens = 0 };
    struct anthropic_refusal refusal;
    struct host host = { .taken = 0 };
    struct aigw_buf *buf = test_host.buf_new(host_ctx(&host), AIGW_LIFE_REQUEST, SIZE_MAX);
    struct anthropic_writer writer;
    struct aigw_event event;
    aigw_str text = AIGW_STR_NONE;

    anthropic_write_begin(&writer, &test_host, host_ctx(&host), &said_options[1]);
    anthropic_write_ping(&writer, buf);
    anthropic_refuse_error(&test_host, host_ctx(&host), &error, &known, &refusal);
    anthropic_write_error(&writer, buf, &refusal, AIGW_STR("req_1"));
    anthropic_write_error(&writer, buf, &refusal, AIGW_STR("req_1"));
    anthropic_write_ping(&writer, buf);
    said_event(&(struct said)SAY("late"), &event);
    check(anthropic_write_event(&writer, buf, &event) == AIGW_OK && anthropic_write_end(&writer, buf) == AIGW_OK,
          "CL-ANT-23", "what follows a failure is no failure", NULL);
    test_host.buf_view(buf, &text);
    check(wire_is(text,
                  EVENT("ping", "") "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                    "\"message\":\"busy\"},\"request_id\":\"req_1\"}\n\n"),
          "CL-ANT-23", "other bytes", text.ptr);
    check(said_write(&host, late, &said_options[1], &text) == AIGW_E_UPSTREAM, "a piece of a call that ended",
          "is written", NULL);
    host_free(&host);
}

/* Failures as clients read them: by kind, with the words that they look for. */
static const struct failure {
    const char *name;
    uint32_t kind;
    const char *code, *message;
    struct anthropic_known known;
    int32_t http_status;
    const char *type, *says;
    uint32_t should_retry;
} failures_said[] = {
/* clang-format off */
#define NOTHING { .model = { NULL, 0 } }
    { "CL-MAP-12 bad request", AIGW_ERR_BAD_REQUEST, "", "tools: bad",
      NOTHING, 400, "invalid_request_error", "tools: bad", AIGW_NO },
    { "CL-MAP-35 our key", AIGW_ERR_AUTH, "", "",
      NOTHING, 502, "api_error", "the model server refused this gateway's key; tell its operator", AIGW_NO },
    { "CL-MAP-12 permission", AIGW_ERR_PERMISSION, "", "no", NOTHING, 403, "permission_error", "no", AIGW_NO },
    { "CL-ANT-26 unknown model", AIGW_ERR_NO_MODEL, "", "not in conf.d",
      { .model = AIGW_STR_INIT("x") }, 404, "not_found_error", "model: x (not in conf.d)", AIGW_NO },
    { "CL-MAP-12 not found", AIGW_ERR_NOT_FOUND, "", "",
      NOTHING, 404, "not_found_error", "the model server does not know this model", AIGW_NO },
    { "CL-MAP-12 rate", AIGW_ERR_RATE_LIMITED, "", "slow", NOTHING, 429, "rate_limit_error", "slow", AIGW_UNSET },
    { "CL-MAP-12 quota", AIGW_ERR_RATE_LIMITED, "insufficient_quota", "empty",
      NOTHING, 429, "billing_error", "empty", AIGW_NO },
    { "CL-MAP-12 limit", AIGW_ERR_LIMIT, "", "many", NOTHING, 429, "rate_limit_error", "many", AIGW_UNSET },
    { "CL-ANT-23 overload", AIGW_ERR_OVERLOADED, "", "busy", NOTHING, 529, "overloaded_error", "busy", AIGW_YES },
    { "CL-MAP-12 resting", AIGW_ERR_CIRCUIT, "", "rests", NOTHING, 529, "overloaded_error", "rests", AIGW_YES },
    { "CL-MAP-12 server", AIGW_ERR_SERVER, "", "x", NOTHING, 502, "api_error", "x", AIGW_UNSET },
    { "CL-MAP-12 protocol", AIGW_ERR_PROTOCOL, "", "x", NOTHING, 502, "api_error", "x", AIGW_UNSET },
    { "CL-MAP-12 connect", AIGW_ERR_CONNECT, "", "x", NOTHING, 502, "api_error", "x", AIGW_UNSET },
    { "CL-MAP-12 tls", AIGW_ERR_TLS, "", "x", NOTHING, 502, "api_error", "x", AIGW_NO },
    { "CL-MAP-12 cut", AIGW_ERR_CUT, "", "x", NOTHING, 502, "api_error", "x", AIGW_UNSET },
    { "CL-MAP-12 timeout", AIGW_ERR_TIMEOUT, "", "x", NOTHING, 504, "timeout_error", "x", AIGW_UNSET },
    { "CL-MAP-12 policy", AIGW_ERR_REFUSED, "", "x", NOTHING, 400, "invalid_request_error", "x", AIGW_NO },
    { "CL-MAP-12 unsupported", AIGW_ERR_UNSUPPORTED, "", "n: x",
      NOTHING, 400, "invalid_request_error", "n: x", AIGW_NO },
    { "CL-MAP-12 endpoint", AIGW_ERR_ENDPOINT, "", "x", NOTHING, 403, "permission_error", "x", AIGW_NO },
    { "CL-MAP-12 ours", AIGW_ERR_INTERNAL, "", "x", NOTHING, 500, "api_error", "x", AIGW_UNSET },
    { "CL-MAP-12 a kind that is younger", 99, "", "x", NOTHING, 502, "api_error", "x", AIGW_UNSET },
    { "CL-ANT-24 in Anthropic's words", AIGW_ERR_CONTEXT_TOO_LONG, "",
      "prompt is too long: 210000 tokens > 200000 maximum",
      NOTHING, 400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", AIGW_NO },
    { "CL-ANT-24 in OpenAI's", AIGW_ERR_CONTEXT_TOO_LONG, "",
      "This model's maximum context length is 8,192 tokens. However, your messages resulted in 10000 tokens.",
      NOTHING, 400, "invalid_request_error", "prompt is too long: 10000 tokens > 8192 maximum", AIGW_NO },
    { "CL-ANT-24 in vLLM's", AIGW_ERR_CONTEXT_TOO_LONG, "",
      "maximum context length is 4096 tokens. However, you requested 5000 tokens (4900 in the messages, 100 in "
      "the completion)",
      { .context_tokens = 4096 }, 400, "invalid_request_error",
      "prompt is too long: 5000 tokens > 4096 maximum", AIGW_NO },
    { "CL-ANT-24 a name with numbers in it", AIGW_ERR_CONTEXT_TOO_LONG, "",
      "gpt-4o-2024-08-06 takes 128000 tokens, v1.5 no more than 4096.",
      NOTHING, 400, "invalid_request_error", "prompt is too long: 128000 tokens > 4096 maximum", AIGW_NO },
    { "CL-ANT-24 in Gemini's", AIGW_ERR_CONTEXT_TOO_LONG, "",
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      NOTHING, 400, "invalid_request_error", "prompt is too long: 1200000 tokens > 1048576 maximum", AIGW_NO },
    { "CL-ANT-24 one number", AIGW_ERR_CONTEXT_TOO_LONG, "", "more than 32768 tokens",
      { .prompt_tokens = 40000 }, 400, "invalid_request_error",
      "prompt is too long: 40000 tokens > 32768 maximum", AIGW_NO },
    { "CL-ANT-24 no number, but what we know", AIGW_ERR_CONTEXT_TOO_LONG, "", "too long",
      { .prompt_tokens = 300, .context_tokens = 4096 }, 400, "invalid_request_error",
      "prompt is too long: 4097 tokens > 4096 maximum", AIGW_NO },
    { "CL-ANT-24 nothing is known", AIGW_ERR_CONTEXT_TOO_LONG, "", "too long",
      NOTHING, 400, "invalid_request_error", "prompt is too long: too long", AIGW_NO },
/* clang-format on */
#undef NOTHING
};

static void test_failure(const struct failure *row)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = row->kind,
                                .retry_after_ms = 7000,
                                .code = wire_str(row->code),
                                .message = wire_str(row->message) };
    struct anthropic_refusal refusal;
    struct host host = { .taken = 0 };

    anthropic_refuse_error(&test_host, host_ctx(&host), &error, &row->known, &refusal);
    check(refusal.http_status == row->http_status && strcmp(refusal.type, row->type) == 0, row->name,
          "another status or type", refusal.type);
    check(wire_is(refusal.message, row->says), row->name, "other words", refusal.message.ptr);
    check(refusal.should_retry == row->should_retry, row->name, "another hint", NULL);
    host_free(&host);
}

static void test_failures(void)
{
    for (size_t i = 0; i < sizeof failures_said / sizeof *failures_said; i++)
        test_failure(&failures_said[i]);
}

static void test_statuses(void)
{
    static const struct {
        int32_t http_status;
        const char *type;
        uint32_t should_retry;
    } rows[] = {
        { 400, "invalid_request_error", AIGW_NO }, { 401, "authentication_error", AIGW_NO },
        { 403, "permission_error", AIGW_NO },      { 404, "not_found_error", AIGW_NO },
        { 413, "request_too_large", AIGW_NO },     { 429, "rate_limit_error", AIGW_UNSET },
        { 500, "api_error", AIGW_UNSET },          { 502, "api_error", AIGW_UNSET },
        { 503, "overloaded_error", AIGW_YES },     { 504, "timeout_error", AIGW_UNSET },
        { 418, "invalid_request_error", AIGW_NO },
    };
    struct anthropic_refusal refusal;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        anthropic_refuse_status(rows[i].http_status, AIGW_STR("x"), &refusal);
        check(refusal.http_status == rows[i].http_status && strcmp(refusal.type, rows[i].type) == 0 &&
                  refusal.should_retry == rows[i].should_retry && wire_is(refusal.message, "x"),
              "CL-ANT-25 CL-ANT-27 a status", "another type or hint", refusal.type);
    }
}

/* ---- lists ---- */

static void test_lists(void)
{
    static const struct anthropic_model models[] = {
        { .id = AIGW_STR_INIT("a"), .created_s = 1767225600, .max_input_tokens = 200000, .max_output_tokens = 64000 },
        { .id = AIGW_STR_INIT("b"), .display_name = AIGW_STR_INIT("B \"x\"") },
        { .id = AIGW_STR_INIT("c") },
    };
#define A \
    "{\"type\":\"model\",\"id\":\"a\",\"display_name\":\"a\",\"created_at\":\"2026-01-01T00:00:00Z\",\"lifecycle\":" \
    "\"active\",\"max_input_tokens\":200000,\"max_tokens\":64000}"
#define B \
    "{\"type\":\"model\",\"id\":\"b\",\"display_name\":\"B \\\"x\\\"\",\"created_at\":\"1970-01-01T00:00:00Z\"," \
    "\"lifecycle\":\"active\"}"
#define C \
    "{\"type\":\"model\",\"id\":\"c\",\"display_name\":\"c\",\"created_at\":\"1970-01-01T00:00:00Z\",\"lifecycle\":" \
    "\"active\"}"
    static const struct {
        struct anthropic_page page;
        const char *want;
    } rows[] = {
        { { .limit = 1000 }, "{\"data\":[" A "," B "," C "],\"has_more\":false,\"first_id\":\"a\",\"last_id\":\"c\"}" },
        { { .limit = 0 }, "{\"data\":[" A "," B "," C "],\"has_more\":false,\"first_id\":\"a\",\"last_id\":\"c\"}" },
        { { .limit = 2 }, "{\"data\":[" A "," B "],\"has_more\":true,\"first_id\":\"a\",\"last_id\":\"b\"}" },
        { { .limit = 1, .after_id = AIGW_STR_INIT("a") },
          "{\"data\":[" B "],\"has_more\":true,\"first_id\":\"b\",\"last_id\":\"b\"}" },
        { { .limit = 5, .after_id = AIGW_STR_INIT("b") },
          "{\"data\":[" C "],\"has_more\":false,\"first_id\":\"c\",\"last_id\":\"c\"}" },
        { { .limit = 5, .after_id = AIGW_STR_INIT("c") },
          "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}" },
        { { .limit = 5, .after_id = AIGW_STR_INIT("gone") },
          "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}" },
        { { .limit = 1, .before_id = AIGW_STR_INIT("c") },
          "{\"data\":[" B "],\"has_more\":true,\"first_id\":\"b\",\"last_id\":\"b\"}" },
        { { .limit = 5, .before_id = AIGW_STR_INIT("b") },
          "{\"data\":[" A "],\"has_more\":false,\"first_id\":\"a\",\"last_id\":\"a\"}" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct host host = { .taken = 0 };
        struct aigw_buf *buf = test_host.buf_new(host_ctx(&host), AIGW_LIFE_REQUEST, SIZE_MAX);
        aigw_str text = AIGW_STR_NONE;

        anthropic_write_models(&test_host, buf, models, sizeof models / sizeof *models, &rows[i].page);
        test_host.buf_view(buf, &text);
        check(wire_is(text, rows[i].want), "CL-ANT-30 models", rows[i].want, text.ptr);
        test_host.buf_clear(buf);
        anthropic_write_models(&test_host, buf, NULL, 0, &rows[i].page);
        test_host.buf_view(buf, &text);
        check(wire_is(text, "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}"), "no models",
              "other bytes", text.ptr);
        test_host.buf_clear(buf);
        anthropic_write_count(&test_host, buf, 4321);
        test_host.buf_view(buf, &text);
        check(wire_is(text, "{\"input_tokens\":4321}"), "CL-ANT-29 tokens", "other bytes", text.ptr);
        host_free(&host);
    }
}

int main(void)
{
    test_streams();
    test_whole();
    test_failing_stream();
    test_failures();
    test_statuses();
    test_lists();
    fprintf(stderr, "%d failures\n", failures);
    return failures > 0;
}
