/* test_server.c - an answer of the API is read by the client half, and its events are written again, whole and as
 * streams; these are read once more: the same events. */
#include "../gemini.h"
#include "../gemini_server.h"
#include "server_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct aigw_host host;
static struct record record;
static int failures;

static struct aigw_ctx *ctx(void)
{
    return (struct aigw_ctx *)(void *)&record;
}

static void fail(const char *what, const char *expected, aigw_str found)
{
    fprintf(stderr, "not ok %s\n  expected %s\n  found    %.*s\n", what, expected, AIGW_STR_ARG(found));
    failures++;
}

/* What the client half said, kept to be said again. */
#define EVENTS_MAX 64
static struct {
    struct aigw_event events[EVENTS_MAX];
    struct aigw_usage usages[EVENTS_MAX];
    struct aigw_error errors[EVENTS_MAX];
    size_t count;
} said;

static aigw_str keep(aigw_str text)
{
    char *copy = host.alloc(ctx(), AIGW_LIFE_REQUEST, text.len + 1);

    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    return text.len > 0 ? (aigw_str){ copy, text.len } : AIGW_STR_NONE;
}

static aigw_status on_event(struct aigw_ctx *of, const struct aigw_event *event)
{
    struct aigw_event *copy = &said.events[said.count];

    if (said.count == EVENTS_MAX)
        abort();
    *copy = *event;
    copy->text = keep(event->text);
    copy->id = keep(event->id);
    copy->name = keep(event->name);
    copy->data = keep(event->data);
    copy->origin = keep(event->origin);
    copy->detail = keep(event->detail);
    if (event->usage) {
        said.usages[said.count] = *event->usage;
        copy->usage = &said.usages[said.count];
    }
    said.count++;
    return record_host.emit(of, event);
}

/* Feed an answer; what was said is in `said` and, as text, in record. */
static void feed(uint32_t form, aigw_str answer)
{
    struct aigw_host listening = host;
    struct gemini_call call = { .kind = AIGW_CALL_CHAT };

    listening.emit = on_event;
    said.count = 0;
    record.len = 0;
    while (answer.len > 0) {
        const char *end = form == GEMINI_WRITE_SSE ? memmem(answer.ptr, answer.len, "\n\n", 2) : NULL;
        size_t len = end ? (size_t)(end - answer.ptr) : answer.len, skip = form == GEMINI_WRITE_SSE ? 6 : 0;
        const struct aigw_frame frame = { .struct_size = sizeof frame,
                                          .framing = form == GEMINI_WRITE_SSE ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY,
                                          .data = { answer.ptr + skip, len - skip } };

        if (gemini_frame(&listening, ctx(), &call, &frame) != AIGW_OK)
            fail("an answer", "to be read", answer);
        answer = end ? (aigw_str){ end + 2, answer.len - len - 2 } : AIGW_STR_NONE;
    }
}

static aigw_str write_again(uint32_t form, bool shows_thoughts)
{
    const struct gemini_write_options options = {
        .id = AIGW_STR_INIT("r1"), .model = AIGW_STR_INIT("m"), .form = form, .shows_thoughts = shows_thoughts
    };
    struct aigw_buf *buf = host.buf_new(ctx(), AIGW_LIFE_REQUEST, 1 << 20);
    static struct gemini_writer w;
    aigw_str text;

    gemini_write_begin(&w, &host, ctx(), &options);
    for (size_t i = 0; i < said.count; i++)
        if (gemini_write_event(&w, buf, &said.events[i]) != AIGW_OK)
            fail("an event", "to be written", said.events[i].text);
    if (gemini_write_end(&w, buf) != AIGW_OK || host.buf_view(buf, &text) != AIGW_OK)
        fail("an answer", "to be ended", AIGW_STR_NONE);
    return text;
}

/* Whole answers; of streams the events are others, but say the same. */
static const char *const answers[] = {
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"h\\u00e9 "
    "\\\"x\\\"\\n\"}]},\"finishReason\":\"STOP\",\"index\":0}],"
    "\"usageMetadata\":{\"promptTokenCount\":12,\"candidatesTokenCount\":7,\"totalTokenCount\":19,"
    "\"cachedContentTokenCount\":8},"
    "\"modelVersion\":\"m\",\"responseId\":\"r1\"}",
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"a\","
    "\"thoughtSignature\":"
    "\"c2ln\"},{\"functionCall\":{\"id\":\"x\",\"name\":\"f\",\"args\":{\"n\":1.0}},\"thoughtSignature\":\"Y2FsbA==\"},"
    "{\"functionCall\":"
    "{\"id\":\"y\",\"name\":\"g\",\"args\":{}}},{\"executableCode\":{\"code\":\"1\"}}]},\"finishReason\":\"STOP\","
    "\"index\":0}],"
    "\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":3,"
    "\"toolUsePromptTokenCount\":4,"
    "\"totalTokenCount\":14},\"modelVersion\":\"m\",\"responseId\":\"r1\"}",
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"MAX_TOKENS\","
    "\"index\":0},"
    "{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"RECITATION\",\"finishMessage\":"
    "\"cited\",\"index\":1,"
    "\"safetyRatings\":[{\"category\":\"C\"}],\"groundingMetadata\":{\"webSearchQueries\":[\"q\"]},"
    "\"citationMetadata\":{"
    "\"citationSources\":[{\"uri\":\"u\"},{\"uri\":\"v\"}]}}],\"usageMetadata\":{\"promptTokenCount\":1,"
    "\"candidatesTokenCount\":2,"
    "\"totalTokenCount\":3},\"modelVersion\":\"m\",\"responseId\":\"r1\"}",
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"MALFORMED_"
    "FUNCTION_CALL\",\"index\":0}],"
    "\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":0,\"totalTokenCount\":1},\"modelVersion\":"
    "\"m\","
    "\"responseId\":\"r1\"}",
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"ab\"}]},\"finishReason\":\"STOP\","
    "\"index\":0,\"logprobsResult\":"
    "{\"topCandidates\":[{\"candidates\":[{\"token\":\"a\",\"logProbability\":-0.5},{\"token\":\"x\","
    "\"logProbability\":-2}]},"
    "{\"candidates\":[]}],\"chosenCandidates\":[{\"token\":\"a\",\"logProbability\":-0.5},{\"token\":\"b\","
    "\"logProbability\":-1}]}}],"
    "\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2,\"totalTokenCount\":3},\"modelVersion\":"
    "\"m\","
    "\"responseId\":\"r1\"}",
};

/* Text, calls, signatures and ends of what was said, whatever else stands between them. */
static void sum_up(char *to, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < said.count; i++) {
        const struct aigw_event *event = &said.events[i];

        if (event->type == AIGW_EVENT_USAGE)
            continue; /* once in a whole answer, in each object of a stream: the last one is looked at below */
        len += (size_t)snprintf(to + len, size - len, "%u %u %u %u %.*s|%.*s|%.*s|%.*s\n", event->type, event->choice,
                                event->index, event->finish, AIGW_STR_ARG(event->text), AIGW_STR_ARG(event->id),
                                AIGW_STR_ARG(event->name), AIGW_STR_ARG(event->data));
        if (len >= size)
            abort();
    }
    for (size_t i = said.count; i > 0; i--)
        if (said.events[i - 1].usage) {
            const struct aigw_usage *usage = said.events[i - 1].usage;

            snprintf(to + len, size - len, "%lld %lld %lld %lld %lld", (long long)usage->input,
                     (long long)usage->output, (long long)usage->cache_read, (long long)usage->reasoning,
                     (long long)usage->tool_prompt);
            return;
        }
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order: a stream says what stands beside the parts earlier. */
static void sort_lines(char *text, char *to)
{
    char *lines[EVENTS_MAX + 1] = { NULL };
    char *rest = text, *line;
    size_t count = 0;

    while (count <= EVENTS_MAX && (line = strsep(&rest, "\n")) != NULL)
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, by_line);
    *to = '\0';
    for (size_t i = 0; i < count; i++)
        strcat(strcat(to, lines[i]), "\n");
}

static void test_answer(const char *answer)
{
    static char first[65536], again[65536], text[65536];
    aigw_str written;

    feed(GEMINI_WRITE_WHOLE, wire_str(answer));
    sum_up(text, sizeof text);
    sort_lines(text, first);
    written = write_again(GEMINI_WRITE_WHOLE, true);
    if (!server_same_json(written, wire_str(answer)))
        fail("a whole answer", answer, written);
    for (uint32_t form = GEMINI_WRITE_SSE; form <= GEMINI_WRITE_LIST; form++) {
        feed(GEMINI_WRITE_WHOLE, wire_str(answer));
        written = write_again(form, true);
        feed(form, written);
        sum_up(text, sizeof text);
        sort_lines(text, again);
        if (strcmp(first, again) != 0)
            fail(form == GEMINI_WRITE_SSE ? "a stream" : "a list", first, wire_str(again));
    }
    server_host_free(&record);
}

/* ---- what is not there in this dialect's own answers ---- */

static const struct aigw_error busy = {
    .struct_size = sizeof busy, .kind = AIGW_ERR_OVERLOADED, .retry_after_ms = 1500, .message = AIGW_STR_INIT("busy")
};
static const struct aigw_usage counted = { sizeof counted, 0, 10, 7, 4, 1, -1, 2, -1, -1, -1 };

#define EVENT(kind, ...) \
    { \
        .struct_size = sizeof(struct aigw_event), .type = AIGW_EVENT_##kind, __VA_ARGS__ \
    }

static const struct {
    const char *name;
    uint32_t form;
    bool shows_thoughts;
    struct aigw_event events[8];
    const char *expected;
} writings[] = {
    { "pieces of alternating calls, another vendor's signature on its thought",
      GEMINI_WRITE_SSE,
      false,
      { EVENT(REASONING, .text = AIGW_STR_INIT("hm")),
        EVENT(SIGNATURE, .part_type = AIGW_PART_REASONING, .data = AIGW_STR_INIT("s"), .origin = AIGW_STR_INIT("x")),
        EVENT(TOOL_CALL, .index = 0, .id = AIGW_STR_INIT("a"), .name = AIGW_STR_INIT("f"),
              .text = AIGW_STR_INIT("{\"n\"")),
        EVENT(TOOL_CALL, .index = 1, .id = AIGW_STR_INIT("b"), .name = AIGW_STR_INIT("g")),
        EVENT(TOOL_CALL, .index = 0, .text = AIGW_STR_INIT(":1}")),
        EVENT(FINISH, .finish = AIGW_FINISH_TOOL_CALLS, .text = AIGW_STR_INIT("tool_use")),
        EVENT(USAGE, .usage = &counted) },
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"a\",\"name\":\"f\","
      "\"args\":{\"n\":1}},"
      "\"thoughtSignature\":\"YWlndzEueC5z\"}]},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"b\",\"name\":\"g\","
      "\"args\":{}}}]},"
      "\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\","
      "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"candidatesTokenCount\":5,\"thoughtsTokenCount\":2,\"cachedContentTokenCount\":4,\"totalTokenCount\":17},"
      "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n" },
    { "text between the pieces of a call, whose arguments are on several lines",
      GEMINI_WRITE_SSE,
      false,
      { EVENT(TOOL_CALL, .index = 0, .id = AIGW_STR_INIT("a"), .name = AIGW_STR_INIT("f"),
              .text = AIGW_STR_INIT("{\n \"n\": \"\\ud83d\"")),
        EVENT(TEXT, .text = AIGW_STR_INIT("x")), EVENT(TOOL_CALL, .index = 0, .text = AIGW_STR_INIT("\n}\n")),
        EVENT(TEXT, .text = AIGW_STR_INIT("y")), EVENT(TOOL_CALL, .index = 0, .text = AIGW_STR_INIT("\n")),
        EVENT(FINISH, .finish = AIGW_FINISH_UNKNOWN) },
      "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"x\"}]},\"index\":0}],"
      "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"a\",\"name\":\"f\","
      "\"args\":{\"n\":\"\\ufffd\"}}}]},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"
      "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"y\"}]},\"index\":0}],"
      "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\","
      "\"index\":0}],\"usageMetadata\":{},\"modelVersion\":\"m\","
      "\"responseId\":\"r1\"}\n\n" },
    { "nothing was said",
      GEMINI_WRITE_SSE,
      true,
      { EVENT(FINISH, .finish = AIGW_FINISH_STOP) },
      "data: "
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\","
      "\"index\":0}],"
      "\"usageMetadata\":{},\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n" },
    { "a refusal, and arguments that are cut short",
      GEMINI_WRITE_WHOLE,
      true,
      { EVENT(REFUSAL, .text = AIGW_STR_INIT("no")), EVENT(REFUSAL, .text = AIGW_STR_INIT("!")),
        EVENT(TOOL_CALL, .id = AIGW_STR_INIT("a"), .name = AIGW_STR_INIT("f"), .text = AIGW_STR_INIT("{\"n")),
        EVENT(FINISH, .finish = AIGW_FINISH_LENGTH) },
      "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"no!\"},{\"functionCall\":{\"id\":\"a\","
      "\"name\":\"f\","
      "\"args\":{\"_raw\":\"{\\\"n\"}}}]},\"finishReason\":\"SAFETY\",\"index\":0}],\"usageMetadata\":{},"
      "\"modelVersion\":\"m\","
      "\"responseId\":\"r1\"}" },
    { "a thought's signature that nothing follows",
      GEMINI_WRITE_LIST,
      false,
      { EVENT(SIGNATURE, .part_type = AIGW_PART_REASONING, .data = AIGW_STR_INIT("c2ln"),
              .origin = AIGW_STR_INIT("gemini")),
        EVENT(FINISH, .finish = AIGW_FINISH_CONTEXT_FULL) },
      "[{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"c2ln\"}]},"
      "\"index\":0}],"
      "\"modelVersion\":\"m\",\"responseId\":\"r1\"},\r\n{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{"
      "\"text\":\"\"}]},\"finishReason\":\"MAX_TOKENS\",\"index\":0}"
      "],"
      "\"usageMetadata\":{},\"modelVersion\":\"m\",\"responseId\":\"r1\"}]" },
};

static void test_writing(size_t row)
{
    said.count = 0;
    while (said.count < 8 && writings[row].events[said.count].struct_size > 0) {
        said.events[said.count] = writings[row].events[said.count];
        said.count++;
    }
    aigw_str written = write_again(writings[row].form, writings[row].shows_thoughts);

    if (!wire_is(written, writings[row].expected))
        fail(writings[row].name, writings[row].expected, written);
    server_host_free(&record);
}

static void test_errors(void)
{
    static const char *const expected[] = {
        "{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}}",
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}}\n\n",
        "[{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}}]",
    };

    for (uint32_t form = GEMINI_WRITE_WHOLE; form <= GEMINI_WRITE_LIST; form++) {
        const struct gemini_write_options options = { .model = AIGW_STR_INIT("m"), .form = form };
        struct aigw_buf *buf = host.buf_new(ctx(), AIGW_LIFE_REQUEST, 4096);
        static struct gemini_writer w;
        struct gemini_refusal refusal;
        aigw_str text;

        gemini_refuse_error(&busy, &refusal);
        gemini_write_begin(&w, &host, ctx(), &options);
        gemini_write_error(&w, buf, &refusal);
        gemini_write_error(&w, buf, &refusal); /* nothing follows */
        if (host.buf_view(buf, &text) != AIGW_OK || !wire_is(text, expected[form]))
            fail("a failure", expected[form], text);
    }
    server_host_free(&record);
}

static void test_lists(void)
{
    static const float one[] = { 0.5f, -1 }, two[] = { 2 };
    struct aigw_buf *batch = host.buf_new(ctx(), AIGW_LIFE_REQUEST, 4096);
    struct aigw_buf *single = host.buf_new(ctx(), AIGW_LIFE_REQUEST, 4096);
    struct aigw_buf *count = host.buf_new(ctx(), AIGW_LIFE_REQUEST, 4096);
    aigw_str text;

    gemini_write_vector(&host, batch, true, 0, one, 2);
    gemini_write_vector(&host, batch, true, 1, two, 1);
    gemini_write_vectors_end(&host, batch, true, 2);
    host.buf_view(batch, &text);
    if (!wire_is(text, "{\"embeddings\":[{\"values\":[0.5,-1]},{\"values\":[2]}]}"))
        fail("embeddings", "two of them", text);
    gemini_write_vector(&host, single, false, 0, one, 2);
    gemini_write_vectors_end(&host, single, false, 1);
    host.buf_view(single, &text);
    if (!wire_is(text, "{\"embedding\":{\"values\":[0.5,-1]}}"))
        fail("an embedding", "one", text);
    gemini_write_count(&host, count, &counted);
    host.buf_view(count, &text);
    if (!wire_is(text, "{\"totalTokens\":10,\"cachedContentTokenCount\":4}"))
        fail("a count", "10", text);
    server_host_free(&record);
}

static void test_carry(void)
{
    static const char *const rows[][2] = {
        { "anthropic", "EqQB.x/y" }, { "openai", "gAAA-_=" }, { "gemini", "no base64!" }, { "gemini", "c2ln" }
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_str text, origin, data;

        if (gemini_carry_write(&host, ctx(), wire_str(rows[i][0]), wire_str(rows[i][1]), &text) != AIGW_OK ||
            !wire_is_base64(text) || gemini_carry_read(&host, ctx(), text, &origin, &data) != AIGW_OK ||
            !wire_is(origin, rows[i][0]) || !wire_is(data, rows[i][1]))
            fail("a signature, there and back", rows[i][1], data);
    }
    server_host_free(&record);
}

int main(void)
{
    host = server_host();
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        test_answer(answers[i]);
    for (size_t i = 0; i < sizeof writings / sizeof *writings; i++)
        test_writing(i);
    test_errors();
    test_lists();
    test_carry();
    return failures > 0;
}
