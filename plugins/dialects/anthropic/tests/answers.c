/* answers.c - canonical events, written as an answer of the Messages API by the server half and read again by the
 * client half; the exact bytes of some; refusals and failures; lists. Exit status 0: all is well. */
#include <aigw/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../anthropic.h"
#include "host.h"

static int failures;

static void check(bool is_good, const char *name, const char *what, const char *found)
{
    if (is_good)
        return;
    fprintf(stderr, "%s: %s\n%s\n", name, what, found ? found : "");
    failures++;
}

/* ---- events ---- */

/** An event as rows write it. */
struct said {
    uint32_t type, index, part_type, finish;
    const char *text, *id, *name, *data, *origin, *stop, *detail;
    struct aigw_usage usage; /* of USAGE */
};
#define SAY(words) \
    { \
        .type = AIGW_EVENT_TEXT, .text = (words) \
    }
#define THINK(words) \
    { \
        .type = AIGW_EVENT_REASONING, .text = (words) \
    }
#define SIGN(by, bytes) \
    { \
        .type = AIGW_EVENT_SIGNATURE, .part_type = AIGW_PART_REASONING, .data = (bytes), .origin = (by) \
    }
#define HIDE(by, bytes) \
    { \
        .type = AIGW_EVENT_PART_START, .part_type = AIGW_PART_REDACTED, .data = (bytes), .origin = (by) \
    }
#define START(part) \
    { \
        .type = AIGW_EVENT_PART_START, .part_type = (part) \
    }
#define STOP(part, which) \
    { \
        .type = AIGW_EVENT_PART_END, .part_type = (part), .index = (which) \
    }
#define CALL(which, i, n, args) \
    { \
        .type = AIGW_EVENT_TOOL_CALL, .index = (which), .id = (i), .name = (n), .text = (args) \
    }
#define ARGS(which, args) \
    { \
        .type = AIGW_EVENT_TOOL_CALL, .index = (which), .text = (args) \
    }
#define CITE(by, json) \
    { \
        .type = AIGW_EVENT_CITATION, .text = (json), .origin = (by) \
    }
#define KEEP(by, json) \
    { \
        .type = AIGW_EVENT_OPAQUE, .text = (json), .origin = (by) \
    }
#define COUNT(in, out) \
    { \
        .type = AIGW_EVENT_USAGE, .usage = { sizeof(struct aigw_usage), 0, (in), (out), 0, 0, -1, -1, -1, -1, -1 } \
    }
#define END(why) \
    { \
        .type = AIGW_EVENT_FINISH, .finish = (why) \
    }
#define HOME ANTHROPIC_DIALECT

static void make_event(const struct said *said, struct aigw_event *ret)
{
    *ret = (struct aigw_event){ .struct_size = sizeof *ret,
                                .type = said->type,
                                .index = said->index,
                                .part_type = said->part_type,
                                .finish = said->finish,
                                .text = wire_str(said->text ? said->text : ""),
                                .id = wire_str(said->id ? said->id : ""),
                                .name = wire_str(said->name ? said->name : ""),
                                .data = wire_str(said->data ? said->data : ""),
                                .origin = wire_str(said->origin ? said->origin : ""),
                                .stop_sequence = wire_str(said->stop ? said->stop : ""),
                                .detail = wire_str(said->detail ? said->detail : ""),
                                .usage = said->type == AIGW_EVENT_USAGE ? &said->usage : NULL };
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

static const struct anthropic_write_options options_of[2] = {
    { .id = AIGW_STR_INIT("msg_1"), .model = AIGW_STR_INIT("coder"), .is_stream = false },
    { .id = AIGW_STR_INIT("msg_1"), .model = AIGW_STR_INIT("coder"), .is_stream = true },
};

/* The events of a row as an answer. */
static aigw_status write_row(struct host *host, const struct said *said, const struct anthropic_write_options *options,
                             aigw_str *ret_text)
{
    struct aigw_buf *buf = test_host.buf_new(host_ctx(host), AIGW_LIFE_REQUEST, SIZE_MAX);
    struct anthropic_writer writer;
    aigw_status status = AIGW_OK;
    struct aigw_event event;

    anthropic_write_begin(&writer, &test_host, host_ctx(host), options);
    for (; said->type != 0 && status == AIGW_OK; said++) {
        make_event(said, &event);
        status = anthropic_write_event(&writer, buf, &event);
    }
    if (status == AIGW_OK)
        status = anthropic_write_end(&writer, buf);
    return status == AIGW_OK ? test_host.buf_view(buf, ret_text) : status;
}

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
    struct anthropic_call call = { .is_count = 0 };
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
    struct anthropic_call call = { .is_count = 0 };
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
    struct anthropic_write_options options = options_of[is_stream];
    struct host said = { NULL }, read = { NULL };
    aigw_str text = AIGW_STR_NONE;
    struct aigw_event event;
    const char *want, *found, *fault;

    options.thinking = row->thinking;
    if (write_row(&read, row->said, &options, &text) != AIGW_OK) {
        check(false, row->name, "cannot be written", read.failed);
    } else if (is_stream ? !read_stream(&read, text) : !read_whole(&read, text)) {
        check(false, row->name, "cannot be read", text.ptr);
    } else {
        for (const struct said *at = row->said; at->type != 0; at++) {
            make_event(at, &event);
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

/* ---- exact bytes ---- */

static void check_bytes(const char *name, const struct said *said, bool is_stream, uint32_t thinking, const char *want)
{
    struct anthropic_write_options options = options_of[is_stream];
    struct host host = { NULL };
    aigw_str text = AIGW_STR_NONE;

    options.thinking = thinking;
    options.input_estimate = 25;
    check(write_row(&host, said, &options, &text) == AIGW_OK, name, "cannot be written", host.failed);
    check(text.len == strlen(want) && memcmp(text.ptr, want, text.len) == 0, name, "other bytes", text.ptr);
    host_free(&host);
}

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define TIER              ",\"server_tool_use\":null,\"service_tier\":\"standard\"}"

static void test_bytes(void)
{
    static const struct said turn[] = { THINK("two steps"),   SIGN(HOME, "Eq"),
                                        SAY("Let me look."),  CALL(0, "toolu_1", "Read", ""),
                                        ARGS(0, "{\"p\":1}"), END(AIGW_FINISH_TOOL_CALLS),
                                        COUNT(25, 41),        { .type = 0 } },
                             nothing[] = { COUNT(9, 0), END(AIGW_FINISH_STOP), { .type = 0 } },
                             cut[] = { CALL(0, "a", "f", "{\"x\":"),
                                       CALL(1, "b", "g", ""),
                                       COUNT(9, 4),
                                       END(AIGW_FINISH_LENGTH),
                                       { .type = 0 } },
                             pieces[] = { KEEP(HOME, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{}}"),
                                          KEEP(HOME,
                                               "{\"type\":\"content_block_delta\",\"index\":7,\"delta\":"
                                               "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\"\"}}"),
                                          KEEP(HOME, "{\"type\":\"content_block_delta\",\"index\":7,\"delta\":"
                                                     "{\"type\":\"input_json_delta\",\"partial_json\":\":1}\"}}"),
                                          COUNT(9, 4),
                                          END(AIGW_FINISH_STOP),
                                          { .type = 0 } };

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
    struct host host = { NULL };
    struct aigw_buf *buf = test_host.buf_new(host_ctx(&host), AIGW_LIFE_REQUEST, SIZE_MAX);
    struct anthropic_writer writer;
    struct aigw_event event;
    aigw_str text = AIGW_STR_NONE;

    anthropic_write_begin(&writer, &test_host, host_ctx(&host), &options_of[1]);
    anthropic_write_ping(&writer, buf);
    anthropic_refuse_error(&test_host, host_ctx(&host), &error, &known, &refusal);
    anthropic_write_error(&writer, buf, &refusal, AIGW_STR("req_1"));
    anthropic_write_error(&writer, buf, &refusal, AIGW_STR("req_1"));
    anthropic_write_ping(&writer, buf);
    make_event(&(struct said)SAY("late"), &event);
    check(anthropic_write_event(&writer, buf, &event) == AIGW_OK && anthropic_write_end(&writer, buf) == AIGW_OK,
          "CL-ANT-23", "what follows a failure is no failure", NULL);
    test_host.buf_view(buf, &text);
    check(wire_is(text,
                  EVENT("ping", "") "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                    "\"message\":\"busy\"},\"request_id\":\"req_1\"}\n\n"),
          "CL-ANT-23", "other bytes", text.ptr);
    check(write_row(&host, late, &options_of[1], &text) == AIGW_E_UPSTREAM, "a piece of a call that ended",
          "is written", NULL);
    host_free(&host);
}

static void test_failures(void)
{
    static const struct {
        const char *name;
        uint32_t kind;
        const char *code, *message;
        struct anthropic_known known;
        int32_t http_status;
        const char *type, *says;
        uint32_t should_retry;
    } rows[] = {
        { "CL-MAP-12 bad request",
          AIGW_ERR_BAD_REQUEST,
          "",
          "tools: bad",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "tools: bad",
          AIGW_NO },
        { "CL-MAP-35 our key",
          AIGW_ERR_AUTH,
          "",
          "",
          { .model = { NULL, 0 } },
          502,
          "api_error",
          "the model server refused this gateway's key; tell its operator",
          AIGW_NO },
        { "CL-MAP-12 permission",
          AIGW_ERR_PERMISSION,
          "",
          "no",
          { .model = { NULL, 0 } },
          403,
          "permission_error",
          "no",
          AIGW_NO },
        { "CL-ANT-26 unknown model",
          AIGW_ERR_NO_MODEL,
          "",
          "not in conf.d",
          { .model = AIGW_STR_INIT("x") },
          404,
          "not_found_error",
          "model: x (not in conf.d)",
          AIGW_NO },
        { "CL-MAP-12 not found",
          AIGW_ERR_NOT_FOUND,
          "",
          "",
          { .model = { NULL, 0 } },
          404,
          "not_found_error",
          "the model server does not know this model",
          AIGW_NO },
        { "CL-MAP-12 rate",
          AIGW_ERR_RATE_LIMITED,
          "",
          "slow",
          { .model = { NULL, 0 } },
          429,
          "rate_limit_error",
          "slow",
          AIGW_UNSET },
        { "CL-MAP-12 quota",
          AIGW_ERR_RATE_LIMITED,
          "insufficient_quota",
          "empty",
          { .model = { NULL, 0 } },
          429,
          "rate_limit_error",
          "empty",
          AIGW_NO },
        { "CL-MAP-12 limit",
          AIGW_ERR_LIMIT,
          "",
          "many",
          { .model = { NULL, 0 } },
          429,
          "rate_limit_error",
          "many",
          AIGW_UNSET },
        { "CL-ANT-23 overload",
          AIGW_ERR_OVERLOADED,
          "",
          "busy",
          { .model = { NULL, 0 } },
          529,
          "overloaded_error",
          "busy",
          AIGW_YES },
        { "CL-MAP-12 resting",
          AIGW_ERR_CIRCUIT,
          "",
          "rests",
          { .model = { NULL, 0 } },
          529,
          "overloaded_error",
          "rests",
          AIGW_YES },
        { "CL-MAP-12 server", AIGW_ERR_SERVER, "", "x", { .model = { NULL, 0 } }, 502, "api_error", "x", AIGW_UNSET },
        { "CL-MAP-12 protocol",
          AIGW_ERR_PROTOCOL,
          "",
          "x",
          { .model = { NULL, 0 } },
          502,
          "api_error",
          "x",
          AIGW_UNSET },
        { "CL-MAP-12 connect", AIGW_ERR_CONNECT, "", "x", { .model = { NULL, 0 } }, 502, "api_error", "x", AIGW_UNSET },
        { "CL-MAP-12 tls", AIGW_ERR_TLS, "", "x", { .model = { NULL, 0 } }, 502, "api_error", "x", AIGW_NO },
        { "CL-MAP-12 cut", AIGW_ERR_CUT, "", "x", { .model = { NULL, 0 } }, 502, "api_error", "x", AIGW_UNSET },
        { "CL-MAP-12 timeout",
          AIGW_ERR_TIMEOUT,
          "",
          "x",
          { .model = { NULL, 0 } },
          504,
          "timeout_error",
          "x",
          AIGW_UNSET },
        { "CL-MAP-12 policy",
          AIGW_ERR_REFUSED,
          "",
          "x",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "x",
          AIGW_NO },
        { "CL-MAP-12 unsupported",
          AIGW_ERR_UNSUPPORTED,
          "",
          "n: x",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "n: x",
          AIGW_NO },
        { "CL-MAP-12 endpoint",
          AIGW_ERR_ENDPOINT,
          "",
          "x",
          { .model = { NULL, 0 } },
          403,
          "permission_error",
          "x",
          AIGW_NO },
        { "CL-MAP-12 ours", AIGW_ERR_INTERNAL, "", "x", { .model = { NULL, 0 } }, 500, "api_error", "x", AIGW_UNSET },
        { "CL-MAP-12 a kind that is younger",
          99,
          "",
          "x",
          { .model = { NULL, 0 } },
          502,
          "api_error",
          "x",
          AIGW_UNSET },
        { "CL-ANT-24 in Anthropic's words",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "prompt is too long: 210000 tokens > 200000 maximum",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "prompt is too long: 210000 tokens > 200000 maximum",
          AIGW_NO },
        { "CL-ANT-24 in OpenAI's",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "This model's maximum context length is 8,192 tokens. However, your messages resulted in 10000 tokens.",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "prompt is too long: 10000 tokens > 8192 maximum",
          AIGW_NO },
        { "CL-ANT-24 in vLLM's",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "maximum context length is 4096 tokens. However, you requested 5000 tokens (4900 in the messages, 100 in the "
          "completion)",
          { .context_tokens = 4096 },
          400,
          "invalid_request_error",
          "prompt is too long: 5000 tokens > 4096 maximum",
          AIGW_NO },
        { "CL-ANT-24 one number",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "more than 32768 tokens",
          { .prompt_tokens = 40000 },
          400,
          "invalid_request_error",
          "prompt is too long: 40000 tokens > 32768 maximum",
          AIGW_NO },
        { "CL-ANT-24 no number, but what we know",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "too long",
          { .prompt_tokens = 300, .context_tokens = 4096 },
          400,
          "invalid_request_error",
          "prompt is too long: 4097 tokens > 4096 maximum",
          AIGW_NO },
        { "CL-ANT-24 nothing is known",
          AIGW_ERR_CONTEXT_TOO_LONG,
          "",
          "too long",
          { .model = { NULL, 0 } },
          400,
          "invalid_request_error",
          "prompt is too long: too long",
          AIGW_NO },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct aigw_error error = { .struct_size = sizeof error,
                                    .kind = rows[i].kind,
                                    .retry_after_ms = 7000,
                                    .code = wire_str(rows[i].code),
                                    .message = wire_str(rows[i].message) };
        struct anthropic_refusal refusal;
        struct host host = { NULL };

        anthropic_refuse_error(&test_host, host_ctx(&host), &error, &rows[i].known, &refusal);
        check(refusal.http_status == rows[i].http_status && strcmp(refusal.type, rows[i].type) == 0, rows[i].name,
              "another status or type", refusal.type);
        check(wire_is(refusal.message, rows[i].says), rows[i].name, "other words", refusal.message.ptr);
        check(refusal.should_retry == rows[i].should_retry, rows[i].name, "another hint", NULL);
        host_free(&host);
    }
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
        struct host host = { NULL };
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
    else if (which == 4 && s->calls < 4)
        s->row.said[s->count++] = (struct said)CALL(s->calls++, "i", "f", "");
    else if (which == 5)
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
    test_bytes();
    test_failing_stream();
    test_failures();
    test_statuses();
    test_lists();
    test_any_order();
    fprintf(stderr, "%d failures\n", failures);
    return failures > 0;
}
