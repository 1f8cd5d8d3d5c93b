/* test_refusal.c - what bodies of refusals say, by status and shape. Exit status 0: all is well. */
#include "../refusal.h"
#include "record.h"

#include <stdio.h>
#include <string.h>

static const struct refusal_word own_words[] = { { "too_large", AIGW_ERR_CONTEXT_TOO_LONG, 413 },
                                                 { "overloaded_error", AIGW_ERR_OVERLOADED, 529 } };
static const struct refusal_word own_phrases[] = { { "credit balance", AIGW_ERR_PERMISSION, 0 } };
static const struct refusal_rules rules = { REFUSAL_TABLE(word, own_words), REFUSAL_TABLE(phrase, own_phrases) };

static const char neutral[] = "the model server refused the API key; check the key configured for this model";

/* Status 0: inside an answer. */
static const struct {
    int32_t status;
    const char *body;
    uint32_t want_kind;
    int32_t want_status;
    int64_t want_retry_ms;
    const char *want_code, *want_message;
} rows[] = {
    /* shapes */
    { 400, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"c\"}}", AIGW_ERR_BAD_REQUEST,
      400, -1, "c", "m" },
    { 400, "[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}]", AIGW_ERR_BAD_REQUEST, 400,
      -1, "INVALID_ARGUMENT", "m" },
    { 500, "{\"error\":\"m\",\"error_type\":\"overloaded\"}", AIGW_ERR_OVERLOADED, 500, -1, "overloaded", "m" },
    { 500, "{\"errors\":[\"m\",\"n\"]}", AIGW_ERR_SERVER, 500, -1, "", "m" },
    { 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\"}]}", AIGW_ERR_BAD_REQUEST, 422, -1, "", "m" },
    { 422, "{\"object\":\"error\",\"message\":{\"detail\":\"d\"},\"type\":\"t\"}", AIGW_ERR_BAD_REQUEST, 422, -1, "t",
      "d" },
    { 422, "{\"object\":\"error\",\"message\":{\"x\":1},\"type\":\"t\"}", AIGW_ERR_BAD_REQUEST, 422, -1, "t",
      "{\"x\":1}" },
    { 400, "\"m\"", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 503, " no m\n", AIGW_ERR_OVERLOADED, 503, -1, "", "no m" },
    { 400, "{\"input\":\"cut", AIGW_ERR_BAD_REQUEST, 400, -1, "", "neutral" },
    { 500, "\x1f\x8b\x08 packed", AIGW_ERR_SERVER, 500, -1, "", "neutral" },
    { 400, "{\"type\":\"error\",\"error\":{\"message\":null,\"detail\":\"d\"}}", AIGW_ERR_BAD_REQUEST, 400, -1, "",
      "d" },
    { 400, "{\"type\":\"error\",\"message\":\"of the body\",\"error\":{\"type\":\"x\"}}", AIGW_ERR_BAD_REQUEST, 400, -1,
      "x", "of the body" },
    { 400, "{\"error\":true,\"message\":\"m\"}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 400, "{\"error\":{\"message\":\"a \\u00e9\\n\\ud83d\"}}", AIGW_ERR_BAD_REQUEST, 400, -1, "",
      "a \xc3\xa9 \xef\xbf\xbd" },
    { 502, "<html>", AIGW_ERR_SERVER, 502, -1, "", "neutral" },
    { 502, "<html><style>x { y: z }</style><h1>m</h1><SCRIPT>1 < 2</SCRIPT\n><b>n", AIGW_ERR_SERVER, 502, -1, "",
      "m n" },
    { 502, "<html>m<script>", AIGW_ERR_SERVER, 502, -1, "", "m" },
    { 403, "<?xml version=\"1.0\"?><Error><Code>c</Code><Message>m</Message></Error>", AIGW_ERR_PERMISSION, 403, -1, "",
      "c m" },
    { 502, "", AIGW_ERR_SERVER, 502, -1, "", "neutral" },
    { 502, "[]", AIGW_ERR_SERVER, 502, -1, "", "neutral" },
    { 502, "[[{\"error\":\"m\"}]]", AIGW_ERR_SERVER, 502, -1, "", "m" },
    { 400, "{\"error\":{\"error\":{\"code\":1,\"message\":\"m\"}}}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 400, "{\"Message\":\"m\"}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 400, "{\"fault\":{\"faultstring\":\"m\",\"x\":[\"n\"]}}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 400, "{\"errorMessage\":\"m\",\"input\":{\"message\":\"p\"}}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 400, "{\"x\":{\"input\":{\"message\":\"p\"},\"messages\":[{\"msg\":\"p\"}],\"type\":\"t\"}}",
      AIGW_ERR_BAD_REQUEST, 400, -1, "", "neutral" },
    { 400, "data: {\"error\":{\"message\":\"m\"}}\n\ndata: [DONE]\n\n", AIGW_ERR_BAD_REQUEST, 400, -1, "", "m" },
    { 429, "event: error\ndata: {\"message\":\"m\"}\n\n", AIGW_ERR_RATE_LIMITED, 429, -1, "", "m" },
    { 400, "[\"m\"]", AIGW_ERR_BAD_REQUEST, 400, -1, "", "neutral" },
    /* kinds */
    { 404, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}", AIGW_ERR_NOT_FOUND, 404, -1,
      "invalid_request_error", "m" },
    { 429, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"m\"}}", AIGW_ERR_PERMISSION, 429, -1,
      "insufficient_quota", "m" },
    { 400, "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"m\"}}", AIGW_ERR_CONTEXT_TOO_LONG, 400, -1,
      "context_length_exceeded", "m" },
    { 400, "{\"error\":{\"message\":\"prompt is too long: 9 tokens\"}}", AIGW_ERR_CONTEXT_TOO_LONG, 400, -1, "",
      "prompt is too long: 9 tokens" },
    { 429, "{\"error\":{\"message\":\"too many tokens\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "", "too many tokens" },
    { 400, "{\"error\":{\"message\":\"Your Credit Balance is low\"}}", AIGW_ERR_PERMISSION, 400, -1, "",
      "Your Credit Balance is low" },
    { 400, "{\"error\":{\"message\":\"API key not valid: AIza\"}}", AIGW_ERR_AUTH, 400, -1, "", neutral },
    { 401, "{\"error\":{\"message\":\"Incorrect key sk-1\",\"code\":\"invalid_api_key\"}}", AIGW_ERR_AUTH, 401, -1,
      "invalid_api_key", neutral },
    { 500, "{\"error\":{\"type\":\"RateLimitError\"}}", AIGW_ERR_RATE_LIMITED, 500, -1, "RateLimitError", "neutral" },
    { 500, "{\"error\":\"Too many requests\"}", AIGW_ERR_RATE_LIMITED, 500, -1, "", "Too many requests" },
    { 400, "{\"error\":\"Too many requests\"}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "Too many requests" },
    /* when */
    { 429,
      "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"reason\":\"r\"},{\"retryDelay\":\"3.25s\"}]}}",
      AIGW_ERR_RATE_LIMITED, 429, 3250, "RESOURCE_EXHAUSTED", "neutral" },
    { 429, "{\"error\":{\"details\":[{\"retryDelay\":\"0.123456789s\"}]}}", AIGW_ERR_RATE_LIMITED, 429, 123, "",
      "neutral" },
    { 429, "{\"error\":{\"details\":[{\"retryDelay\":\"s\"},{\"retryDelay\":\"1.2.3s\"},{\"retryDelay\":\"-1s\"}]}}",
      AIGW_ERR_RATE_LIMITED, 429, -1, "", "neutral" },
    { 429, "{\"error\":{\"details\":[{\"retryDelay\":\"99999999999999999999s\"}]}}", AIGW_ERR_RATE_LIMITED, 429, -1, "",
      "neutral" },
    { 429, "{\"error\":{\"message\":\"Please try again in 5.289s. Visit x\"}}", AIGW_ERR_RATE_LIMITED, 429, 5289, "",
      "Please try again in 5.289s. Visit x" },
    { 429, "{\"error\":{\"message\":\"try again in 2m59.56s\"}}", AIGW_ERR_RATE_LIMITED, 429, 179560, "",
      "try again in 2m59.56s" },
    { 429, "{\"error\":{\"message\":\"Please retry after 45 seconds.\"}}", AIGW_ERR_RATE_LIMITED, 429, 45000, "",
      "Please retry after 45 seconds." },
    { 429, "{\"error\":{\"message\":\"retry in 20ms\"}}", AIGW_ERR_RATE_LIMITED, 429, 20, "", "retry in 20ms" },
    { 429, "{\"error\":{\"message\":\"Try again in 7 seconds.\"}}", AIGW_ERR_RATE_LIMITED, 429, 7000, "",
      "Try again in 7 seconds." },
    { 429, "{\"error\":{\"message\":\"retry after 3\"}}", AIGW_ERR_RATE_LIMITED, 429, 3000, "", "retry after 3" },
    { 429, "{\"error\":{\"message\":\"try again in 1 minute 30 seconds\"}}", AIGW_ERR_RATE_LIMITED, 429, 90000, "",
      "try again in 1 minute 30 seconds" },
    { 429, "{\"error\":{\"message\":\"try again in 1h\"}}", AIGW_ERR_RATE_LIMITED, 429, 3600000, "",
      "try again in 1h" },
    { 429, "{\"error\":{\"message\":\"try again in a minute\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "",
      "try again in a minute" },
    { 429, "{\"error\":{\"message\":\"retry after 5 attempts\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "",
      "retry after 5 attempts" },
    { 429, "{\"error\":{\"message\":\"retry after 2026-12-01\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "",
      "retry after 2026-12-01" },
    { 429, "{\"error\":{\"message\":\"try again in 123456789012s\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "",
      "try again in 123456789012s" },
    { 429, "{\"error\":{\"message\":\"try again in \"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "", "try again in " },
    { 400, "{\"error\":{\"message\":\"try again in 5s\"}}", AIGW_ERR_BAD_REQUEST, 400, -1, "", "try again in 5s" },
    /* inside an answer */
    { 0, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", AIGW_ERR_OVERLOADED, 529,
      -1, "overloaded_error", "m" },
    { 0, "{\"error\":{\"code\":\"429\",\"message\":\"m\"}}", AIGW_ERR_RATE_LIMITED, 429, -1, "429", "m" },
    { 0, "{\"error\":{\"code\":503.0,\"message\":\"m\"}}", AIGW_ERR_OVERLOADED, 503, -1, "", "m" },
    { 0, "{\"error\":{\"code\":1234,\"type\":\"too_large\"}}", AIGW_ERR_CONTEXT_TOO_LONG, 413, -1, "too_large",
      "neutral" },
    { 0, "{\"base_resp\":{\"status_code\":599,\"status_msg\":\"m\"}}", AIGW_ERR_SERVER, 599, -1, "", "m" },
    { 0, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}", AIGW_ERR_BAD_REQUEST, 0, -1,
      "invalid_request_error", "m" },
    { 0, "rate limit hit", AIGW_ERR_RATE_LIMITED, 0, -1, "", "rate limit hit" },
    { 0, "\"quoted\"", AIGW_ERR_SERVER, 0, -1, "", "quoted" },
};

static bool is(aigw_str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

static bool check(size_t i, struct record *record)
{
    struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)record;
    struct aigw_error error = { .struct_size = sizeof error,
                                .http_status = rows[i].status,
                                .kind =
                                    rows[i].status > 0 ? aigw_error_kind_of_status(rows[i].status) : AIGW_ERR_SERVER,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("neutral") };
    struct aigw_http_failure failure = {
        .struct_size = sizeof failure, .status = rows[i].status, .body = wire_str(rows[i].body), .retry_after_ms = -1
    };

    if (rows[i].status > 0) {
        refusal_failure(&record_host, ctx, &failure, &rules, &error);
    } else {
        struct refusal refusal;
        struct reader reader;

        refusal_read_text(&reader, failure.body, &rules, &refusal);
        if (refusal.status > 0) {
            error.http_status = refusal.status;
            error.kind = aigw_error_kind_of_status(refusal.status);
        }
        refusal_describe(&record_host, ctx, &refusal, &rules, &error);
        reader_end(&reader);
    }
    return error.kind == rows[i].want_kind && error.http_status == rows[i].want_status &&
           error.retry_after_ms == rows[i].want_retry_ms && is(error.code, rows[i].want_code) &&
           is(error.message, rows[i].want_message);
}

static const struct {
    const char *object;
    bool is_complaint;
} complaints[] = {
    { "{}", false },
    { "{\"type\":\"ping\"}", false },
    { "{\"id\":\"x\",\"model\":\"m\",\"usage\":{\"error\":1}}", false },
    { "{\"position\":3,\"message\":\"\",\"status\":200}", false },
    { "{\"code\":0,\"message\":\"success\"}", false },
    { "{\"errors\":[],\"exception\":null,\"ok\":true}", false },
    { "{\"message\":{\"role\":\"assistant\"}}", false },
    { "{\"message\":\"m\"}", true },
    { "{\"Message\":\"m\"}", true },
    { "{\"errors\":[\"m\"]}", true },
    { "{\"errorMessage\":\"m\"}", true },
    { "{\"err_code\":1}", true },
    { "{\"exception\":\"m\"}", true },
    { "{\"fault\":{\"faultstring\":\"m\"}}", true },
    { "{\"success\":false}", true },
    { "{\"status\":500,\"title\":\"m\"}", true },
    { "{\"status\":\"FAILED\"}", true },
    { "{\"type\":\"response.failed\"}", true },
    { "{\"base_resp\":{\"status_code\":1004}}", true },
};

static bool check_complaint(size_t i)
{
    struct aigw_json object;
    struct reader reader;
    bool is_right = reader_begin(&reader, wire_str(complaints[i].object), &object) &&
                    refusal_is_complaint(&reader, &object) == complaints[i].is_complaint;

    reader_end(&reader);
    return is_right;
}

int main(void)
{
    static struct record record;
    int failures = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!check(i, &record)) {
            fprintf(stderr, "row %zu: %s\n", i, rows[i].body);
            failures++;
        }
        record_free(&record);
    }
    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
        if (!check_complaint(i)) {
            fprintf(stderr, "complaint: %s\n", complaints[i].object);
            failures++;
        }
    return failures > 0;
}
