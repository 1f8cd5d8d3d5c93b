/* answers.c - canonical events, written as an answer of the Messages API by the server half and read again by the
 * client half, whole and as a stream, in the order that they came in and in any other. Exit status 0: all is well. */
#include <aigw/json.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- writing and reading ---- */

#define SAID_MAX 48

struct answer_row {
    const char *name;
    struct said said[SAID_MAX]; /* ended by one of type 0 */
    const char *want;           /* what comes back, as a digest; NULL: what was said */
    uint32_t thinking;          /* ANTHROPIC_SEE_* */
    bool is_not_whole;          /* in a whole answer it is something else: streams only */
};

/* Cut a stream into its events as the core does. Each needs its name: clients of this API hear of nothing else. */
static bool next_frame(aigw_str *rest, struct aigw_frame *ret)
{
    const char *end = rest->len > 0 ? memmem(rest->ptr, rest->len, "\n\n", 2) : NULL;
    const char *line = end ? memchr(rest->ptr, '\n', rest->len) : NULL;

    if (!end || !wire_has_prefix(*rest, "event: ") || line == end || strncmp(line, "\ndata: ", 7) != 0)
        return false;
    *ret = (struct aigw_frame){ .struct_size = sizeof *ret,
                                .framing = AIGW_FRAMING_SSE,
                                .event = { rest->ptr + 7, (size_t)(line - rest->ptr - 7) },
                                .data = { line + 7, (size_t)(end - line - 7) } };
    rest->len -= (size_t)(end + 2 - rest->ptr);
    rest->ptr = end + 2;
    return memchr(ret->data.ptr, '\n', ret->data.len) == NULL;
}

static bool read_stream(struct host *host, aigw_str text)
{
    struct anthropic_call call = { .has_begun = 0 };
    aigw_status status = AIGW_OK;
    struct aigw_frame frame;

    while (text.len > 0 && status == AIGW_OK) {
        if (!next_frame(&text, &frame))
            return false;
        status = anthropic_frame(&test_host, host_ctx(host), &call, &frame);
    }
    return status == AIGW_DONE && text.len == 0;
}

static bool read_whole(struct host *host, aigw_str text)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_BODY, .data = text };
    struct anthropic_call call = { .has_begun = 0 };
    aigw_status status = anthropic_frame(&test_host, host_ctx(host), &call, &frame);

    return status == AIGW_OK || status == AIGW_DONE;
}

/* Blocks of a stream: numbers without gaps, one open at a time, what goes in between belongs to it. */
static const char *check_order(aigw_str text)
{
    bool is_open = false, has_begun = false, has_ended = false;
    struct aigw_frame frame;
    int64_t next = 0;

    while (next_frame(&text, &frame)) {
        struct aigw_json root, index, type;
        int64_t number = -1;

        if (aigw_json_check(frame.data, 0, &root, NULL) != AIGW_OK)
            return "an event that is no JSON";
        aigw_json_member(&root, "type", &type);
        if (type.text.len < 2 || type.text.len - 2 != frame.event.len ||
            memcmp(type.text.ptr + 1, frame.event.ptr, frame.event.len) != 0)
            return "an event's name is not its type";
        if (aigw_json_member(&root, "index", &index) && !aigw_json_int(&index, &number))
            return "a number that is none";
        if (wire_is(frame.event, "message_start") == has_begun)
            return "message_start is not the first";
        has_begun = true;
        if (wire_is(frame.event, "content_block_start")) {
            if (is_open || number != next)
                return "a block that begins out of turn";
            is_open = true;
        } else if (wire_has_prefix(frame.event, "content_block_")) {
            if (!is_open || number != next)
                return "a piece of a block that is not open";
            if (wire_is(frame.event, "content_block_stop")) {
                is_open = false;
                next++;
            }
        } else if (wire_is(frame.event, "message_delta") && is_open) {
            return "the message ends in a block";
        }
        has_ended = wire_is(frame.event, "message_stop");
    }
    return text.len > 0 ? "something that is no event" : has_ended ? NULL : "no message_stop";
}

static void check_row(const struct answer_row *row, bool is_stream)
{
    struct anthropic_write_options options = said_options[is_stream];
    struct host said = { .taken = 0 }, read = { .taken = 0 };
    aigw_str text = AIGW_STR_NONE;
    struct aigw_event event;
    const char *want, *found, *fault;

    options.thinking = row->thinking;
    if (said_write(&read, row->said, &options, &text) != AIGW_OK) {
        check(false, row->name, "cannot be written", read.failed);
    } else if (is_stream ? !read_stream(&read, text) : !read_whole(&read, text)) {
        check(false, row->name, "cannot be read", text.ptr);
    } else {
        for (const struct said *at = row->said; at->type != 0; at++) {
            said_event(at, &event);
            host_note(&said, &event);
        }
        want = row->want ? row->want : host_digest(&said);
        found = host_digest(&read);
        if (strcmp(want, found) != 0) {
            check(false, row->name, is_stream ? "a stream says something else" : "a whole answer says something else",
                  found);
            fprintf(stderr, " wanted: %s\n bytes: %s\n", want, text.ptr);
        }
        fault = is_stream ? check_order(text) : NULL;
        check(!fault, row->name, fault, text.ptr);
    }
    host_free(&said);
    host_free(&read);
}

static const struct answer_row answer_rows[] = {
    { "CL-ANT-01 text", { COUNT(9, 4), SAY("Hel"), SAY("lo é \"x\"\n"), END(AIGW_FINISH_STOP) }, NULL, 0, false },
    { "CL-ANT-36 nothing but a finish", { COUNT(9, 0), END(AIGW_FINISH_STOP) }, NULL, 0, false },
    { "empty pieces open nothing",
      { START(AIGW_PART_TEXT), SAY(""), STOP(AIGW_PART_TEXT, 0), COUNT(9, 0), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "CL-ANT-16 thinking, signed",
      { THINK("two "), THINK("steps"), SIGN(HOME, "Eq+/="), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "two thoughts, each with its signature",
      { THINK("one"), SIGN(HOME, "E1"), THINK("two"), SIGN(HOME, "E2"), SAY("So."), COUNT(1, 2),
        END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "a signature without words",
      { SIGN(HOME, "E1"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "two signatures without words",
      { SIGN(HOME, "E1"), SIGN(HOME, "E2"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "CL-ANT-14 thinking, unsigned", { THINK("hm"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) }, NULL, 0, false },
    { "signed by another vendor",
      { THINK("hm"), SIGN("openai", "gAAAA"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\nthinking hm\nsignature anthropic aigw1.openai.Z0FBQUE=\ntext So.\nusage in 1 out 2 read 0 written 0 hour -1 "
      "thought -1\nfinish 1 ",
      0,
      false },
    { "CL-ANT-13 thinking that is not to be seen",
      { THINK("hm"), SIGN(HOME, "E1"), THINK("hm"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\nsignature anthropic E1\ntext So.\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      ANTHROPIC_SEE_SIGNATURE,
      false },
    { "thinking is off",
      { THINK("hm"), SIGN(HOME, "E1"), HIDE(HOME, "R"), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\ntext So.\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      ANTHROPIC_SEE_NOTHING,
      false },
    { "CL-ANT-17 redacted thinking",
      { HIDE(HOME, "EmwK=="), STOP(AIGW_PART_REDACTED, 0), SAY("So."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "CL-ANT-21 calls with and without arguments",
      { SAY("I look."), CALL(0, "toolu_1", "read", ""), ARGS(0, "{\"p\":"), ARGS(0, "\"a}{\\\"\"}"),
        CALL(1, "toolu_2", "now", ""), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "a call in one piece",
      { CALL(0, "c", "f", "{\"a\":{\"b\":[1,{}]}}"), CALL(1, "d", "f", "{\"a\":1}"), COUNT(1, 2),
        END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "text behind a call, and a call behind it",
      { CALL(0, "c", "f", "{\"a\":1}"), SAY("and "), SAY("then"), CALL(1, "d", "g", "{\"b\":2}"), COUNT(1, 2),
        END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "CL-MAP-26 calls that alternate",
      { CALL(0, "a", "f", ""), CALL(1, "b", "g", ""), ARGS(0, "{\"x\""), ARGS(1, "{\"y\":"), ARGS(0, ":1}"),
        ARGS(1, "2}"), CALL(2, "c", "h", "{\"z\":3}"), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "CL-MAP-26 three that alternate, the middle one last",
      { CALL(0, "a", "f", "{\"x\""), CALL(1, "b", "g", "{"), CALL(2, "c", "h", "{\"z\":"), ARGS(2, "3}"),
        ARGS(0, ":1}"), ARGS(1, "\"y\":2}"), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "text while a call is not complete",
      { CALL(0, "a", "f", "{\"x\""), SAY("so "), SAY("far"), ARGS(0, ":1}"), SAY("!"), COUNT(1, 2),
        END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "thinking while a call is not complete",
      { CALL(0, "a", "f", ""), THINK("hm"), SIGN(HOME, "E1"), SAY("x"), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "a call that ends by itself, with another behind it",
      { CALL(0, "a", "f", ""), STOP(AIGW_PART_TOOL_CALL, 0), CALL(1, "b", "g", ""), STOP(AIGW_PART_TOOL_CALL, 1),
        COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "ends of calls that wait",
      { CALL(0, "a", "f", "{"), CALL(1, "b", "g", ""), STOP(AIGW_PART_TOOL_CALL, 1), CALL(2, "c", "h", "{\"z\":1}"),
        ARGS(0, "\"x\":1}"), STOP(AIGW_PART_TOOL_CALL, 0), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      NULL,
      0,
      false },
    { "blanks behind a call's arguments",
      { CALL(0, "a", "f", "{\"x\":1}"), CALL(1, "b", "g", "{\"y\":1}"), ARGS(0, "\n"), COUNT(1, 2),
        END(AIGW_FINISH_TOOL_CALLS) },
      "\n(call 0)\n(call 1)\ncall 0 a f {\"x\":1}\ncall 1 b g {\"y\":1}\nusage in 1 out 2 read 0 written 0 hour -1 "
      "thought "
      "-1\nfinish 3 ",
      0,
      false },
    { "two calls with one id",
      { CALL(0, "a", "f", "{}"), CALL(1, "a", "g", "{}"), CALL(2, "a", "h", "{}"), CALL(3, "a_2", "i", "{}"),
        COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      "\n(call 0)\n(call 1)\n(call 2)\n(call 3)\ncall 0 a f {}\ncall 1 a_2 g {}\ncall 2 a_3 h {}\ncall 3 a_2_2 i "
      "{}\nusage "
      "in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 3 ",
      0,
      false },
    { "a call without an id gets one",
      { CALL(0, "", "f", "{\"x\":1}"), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      "\n(call 0)\ncall 0 toolu_AlKvU5eDoNyX8hGrQ1aBkJuT f {\"x\":1}\nusage in 1 out 2 read 0 written 0 hour -1 "
      "thought "
      "-1\nfinish 3 ",
      0,
      false },
    { "a call that was cut off",
      { CALL(0, "a", "f", "{\"x\":"), COUNT(1, 2), END(AIGW_FINISH_LENGTH) },
      NULL,
      0,
      true },
    { "CL-MAP-11 a stop with calls is their end",
      { CALL(0, "a", "f", "{\"x\":1}"), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\n(call 0)\ncall 0 a f {\"x\":1}\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 3 ",
      0,
      false },
    { "CL-MAP-11 the end of calls without any",
      { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_TOOL_CALLS) },
      "\ntext x\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "CL-MAP-11 length", { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_LENGTH) }, NULL, 0, false },
    { "CL-MAP-11 window full", { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_CONTEXT_FULL) }, NULL, 0, false },
    { "CL-MAP-11 pause", { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_PAUSE) }, NULL, 0, false },
    { "CL-ANT-37 filtered", { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_CONTENT_FILTER) }, NULL, 0, false },
    { "CL-ANT-37 filtered, with a reason",
      { SAY("x"),
        COUNT(1, 2),
        { .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_CONTENT_FILTER, .detail = "not \"that\"" } },
      NULL,
      0,
      false },
    { "CL-MAP-11 guardrail",
      { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_GUARDRAIL) },
      "\ntext x\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 4 ",
      0,
      false },
    { "CL-MAP-11 malformed, unknown",
      { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_MALFORMED) },
      "\ntext x\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "CL-ANT-22 a stop sequence",
      { SAY("x"),
        COUNT(1, 2),
        { .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP_SEQUENCE, .stop = "\n\"END\"" } },
      NULL,
      0,
      false },
    { "CL-ANT-22 a stop sequence, but which?",
      { SAY("x"), COUNT(1, 2), END(AIGW_FINISH_STOP_SEQUENCE) },
      "\ntext x\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "CL-ANT-37 a refusal",
      { { .type = AIGW_EVENT_REFUSAL, .text = "No, " },
        { .type = AIGW_EVENT_REFUSAL, .text = "thanks." },
        COUNT(1, 2),
        END(AIGW_FINISH_STOP) },
      "\ntext No, thanks.\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 4 ",
      0,
      false },
    { "CL-ANT-31 CL-MAP-10 tokens of caches",
      { SAY("x"),
        { .type = AIGW_EVENT_USAGE, .usage = { sizeof(struct aigw_usage), 0, 120, 30, 100, 10, 4, 20, -1, -1, -1 } },
        END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "usage in pieces, the last counts",
      { COUNT(5, -1), SAY("x"), COUNT(7, 3), COUNT(8, 4), END(AIGW_FINISH_STOP), COUNT(9, 5) },
      NULL,
      0,
      false },
    { "a server that does not count",
      { SAY("twelve bytes"), END(AIGW_FINISH_STOP) },
      "\ntext twelve bytes\nusage in 0 out 3 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "citations",
      { SAY("green"), CITE(HOME, "{\"type\":\"char_location\",\"cited_text\":\"g\"}"), CITE(HOME, "{\"type\":\"x\"}"),
        SAY(" and"), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "citations of another vendor",
      { SAY("green"), CITE("openai", "{\"type\":\"url_citation\"}"), SAY(" and"), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\ntext green and\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "a tool that the server runs",
      { KEEP(HOME, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{\"query\":\"q\"}}"),
        KEEP(HOME, "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]}"), SAY("Found."),
        COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "items of another vendor",
      { KEEP("openai", "{\"type\":\"web_search_call\"}"), SAY("Found."), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      "\ntext Found.\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
    { "JSON over several lines",
      { KEEP(HOME, "{\"type\":\"later\",\n  \"a\":\r\n1}"), COUNT(1, 2), END(AIGW_FINISH_STOP) },
      NULL,
      0,
      false },
    { "other answers and what has no place here",
      { SAY("x"),
        { .type = AIGW_EVENT_LOGPROBS, .text = "{}" },
        { .type = AIGW_EVENT_MODEL, .text = "gpt", .id = "r" },
        { .type = AIGW_EVENT_SIGNATURE, .part_type = AIGW_PART_TOOL_CALL, .data = "t", .origin = "gemini" },
        { .type = 4711, .text = "later" },
        COUNT(1, 2),
        END(AIGW_FINISH_STOP) },
      "\ntext x\nusage in 1 out 2 read 0 written 0 hour -1 thought -1\nfinish 1 ",
      0,
      false },
};

/* ---- any order ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/** Calls whose pieces come in any order, with text between them. */
struct shuffle {
    struct answer_row row;
    size_t count;
    uint32_t calls, at[4]; /* pieces of each that were said */
};
static const char *const shuffled_args[4][4] = {
    { "{\"a\"", ":", "[1,2]", "}" },
    { "{", "\"}\\\"\"", ":{}", "}" },
    { "{\"", "{", "\":null", "}" },
    { "", "", "{}", "" },
};

static const char *const shuffled_ids[4] = { "i0", "i1", "i2", "i3" };

static void shuffle_piece(struct shuffle *s, uint32_t call)
{
    s->row.said[s->count++] = (struct said)ARGS(call, shuffled_args[call][s->at[call]]);
    s->at[call]++;
}

static void shuffle_next(struct shuffle *s, uint32_t *seed)
{
    uint32_t which = next_random(seed) % 6;

    if (which < s->calls && s->at[which] < 4)
        shuffle_piece(s, which);
    else if (which == 4 && s->calls < 4) {
        s->row.said[s->count++] = (struct said)CALL(s->calls, shuffled_ids[s->calls], "f", "");
        s->calls++;
    } else if (which == 5)
        s->row.said[s->count++] = (struct said)SAY("a");
}

/* Every call is whole in the end, and begins where it began. */
static void test_any_order(void)
{
    uint32_t seed = 7;

    for (int round = 0; round < 3000 && failures < 5; round++) {
        struct shuffle s = { .row = { .name = "calls in any order" } };

        while (s.count < 20)
            shuffle_next(&s, &seed);
        for (uint32_t call = 0; call < s.calls; call++)
            while (s.at[call] < 4)
                shuffle_piece(&s, call);
        s.row.said[s.count++] = (struct said)COUNT(1, 2);
        s.row.said[s.count] = (struct said)END(s.calls > 0 ? AIGW_FINISH_TOOL_CALLS : AIGW_FINISH_STOP);
        check_row(&s.row, round % 2);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof answer_rows / sizeof *answer_rows; i++) {
        check_row(&answer_rows[i], true);
        if (!answer_rows[i].is_not_whole)
            check_row(&answer_rows[i], false);
    }
    test_any_order();
    fprintf(stderr, "%d failures\n", failures);
    return failures > 0;
}
