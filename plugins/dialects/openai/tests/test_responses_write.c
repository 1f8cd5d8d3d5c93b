/* test_responses_write.c - events → answers of the Responses API: byte by byte for the main cases, and many streams
 * made by chance, each followed as the accumulators of clients follow it. Exit status 0: all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

#define STREAM 0x1u
#define SHOWS  0x2u /* a summary of the reasoning was asked for */
#define WANTS  0x4u /* … and its encrypted form */
#define SEARCH 0x8u

struct writing {
    struct server_ctx world;
    struct responses_writer writer;
    struct aigw_buf *buf;
};

static void begin(struct writing *w, uint32_t flags)
{
    static const aigw_str free_tools[] = { AIGW_STR_INIT("patch") };
    const struct openai_asked asked = { .path = OPENAI_RESPONSES,
                                        .choice_count = 1,
                                        .is_stream = flags & STREAM,
                                        .shows_reasoning = flags & SHOWS,
                                        .wants_encrypted = flags & WANTS,
                                        .has_tool_search = flags & SEARCH,
                                        .echo = AIGW_STR("\"user\":null"),
                                        .free_tools = free_tools,
                                        .free_tool_count = 1 };
    const struct openai_identity identity = { .id = AIGW_STR("resp_1"), .model = AIGW_STR("m"), .created = 17 };

    memset(w, 0, sizeof *w);
    w->buf = server_host.buf_new(server_ctx(&w->world), AIGW_LIFE_REQUEST, SIZE_MAX);
    if (responses_write_begin(&w->writer, &server_host, server_ctx(&w->world), w->buf, &asked, &identity) != AIGW_OK)
        reading_fail("begin", "failed", AIGW_STR_NONE);
}

static aigw_str view(struct writing *w)
{
    aigw_str text = AIGW_STR_NONE;

    if (server_host.buf_view(w->buf, &text) != AIGW_OK)
        reading_fail("buffer", "failed", AIGW_STR_NONE);
    return text;
}

static void write_lines(struct writing *w, const char *lines)
{
    bool has_error = false;

    for (const char *at = lines; *at;) {
        size_t len = strcspn(at, "\n");
        struct server_line line;

        if (!server_line(at, len, &line)) {
            reading_fail("no event", at, AIGW_STR_NONE);
        } else if (line.event.type == AIGW_EVENT_ERROR) {
            has_error = true;
            responses_write_error(&w->writer, line.event.error);
        } else {
            if (line.event.type == AIGW_EVENT_SIGNATURE) /* the lines' are of calls; here they are of reasoning */
                line.event.part_type = line.event.index == 1   ? AIGW_PART_REDACTED
                                       : line.event.index == 2 ? AIGW_PART_TOOL_CALL
                                                               : AIGW_PART_REASONING;
            if (responses_write_event(&w->writer, &line.event) != AIGW_OK)
                reading_fail("event failed", at, AIGW_STR_NONE);
        }
        at += len + (at[len] == '\n');
    }
    if (!has_error && responses_write_end(&w->writer) != AIGW_OK)
        reading_fail("end failed", lines, AIGW_STR_NONE);
}

/* ---- byte by byte ---- */

#define EVENT(type, n, rest) "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":" n rest "}\n\n"
#define NO_TOKENS \
    "{\"input_tokens\":0,\"input_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0},\"output_tokens\":0," \
    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":0}"
#define COMPLETED_AT_completed   "19"
#define COMPLETED_AT_in_progress "null"
#define COMPLETED_AT_incomplete  "null"
#define COMPLETED_AT_failed      "null"
#define RESPONSE(status, error, why, output, usage) \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":17,\"completed_at\":" COMPLETED_AT_##status \
        ",\"status\":\"" #status "\",\"error\":" error ",\"incomplete_details\":" why \
        ",\"model\":\"m\",\"background\":false,\"frequency_penalty\":0,\"instructions\":null,\"max_tool_calls\":null," \
        "\"presence_penalty\":0,\"previous_response_id\":null,\"store\":false,\"tools\":[],\"truncation\":" \
        "\"disabled\"," \
        "\"user\":null,\"output\":[" output "],\"usage\":" usage "}"
#define WAITING RESPONSE(in_progress, "null", "null", "", "null")
#define BEGUN \
    EVENT("response.created", "0", ",\"response\":" WAITING) \
    EVENT("response.in_progress", "1", ",\"response\":" WAITING)
#define AT(id, n)               ",\"item_id\":\"" id "\",\"output_index\":" n
#define TEXT(id, n)             AT(id, n) ",\"content_index\":0"
#define ADDED(seq, n, item)     EVENT("response.output_item.added", seq, ",\"output_index\":" n ",\"item\":" item)
#define ITEM_DONE(seq, n, item) EVENT("response.output_item.done", seq, ",\"output_index\":" n ",\"item\":" item)
#define PART(text)              "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":[]}"
#define MESSAGE(id, status, parts) \
    "{\"id\":\"" id "\",\"type\":\"message\",\"status\":\"" status "\",\"role\":\"assistant\",\"content\":[" parts "]" \
    "}"
#define REASONING(id, parts, more) "{\"id\":\"" id "\",\"type\":\"reasoning\",\"summary\":[" parts "]" more "}"
#define CALL_ITEM(id, status, args) \
    "{\"id\":\"" id "\",\"type\":\"function_call\",\"status\":\"" status "\",\"call_id\":\"c1\",\"name\":\"f\"," \
    "\"arguments\":\"" args "\"}"

static const struct {
    const char *id;
    uint32_t flags;
    const char *events, *bytes;
} exact[] = {
    { "CL-RSP-02", STREAM, "T0 He\nT0 llo\nF0 stop\nU 3 4 1 2 -1",
      BEGUN ADDED("2", "0", MESSAGE("msg_1_0", "in_progress", "")) EVENT("response.content_part.added", "3",
                                                                         TEXT("msg_1_0", "0") ",\"part\":" PART(""))
          EVENT("response.output_text.delta", "4", TEXT("msg_1_0", "0") ",\"delta\":\"He\",\"logprobs\":[]")
              EVENT("response.output_text.delta", "5", TEXT("msg_1_0", "0") ",\"delta\":\"llo\",\"logprobs\":[]")
                  EVENT("response.output_text.done", "6", TEXT("msg_1_0", "0") ",\"text\":\"Hello\",\"logprobs\":[]")
                      EVENT("response.content_part.done", "7", TEXT("msg_1_0", "0") ",\"part\":" PART("Hello"))
                          ITEM_DONE("8", "0", MESSAGE("msg_1_0", "completed", PART("Hello")))
                              EVENT("response.completed", "9",
                                    ",\"response\":" RESPONSE(
                                        completed, "null", "null", MESSAGE("msg_1_0", "completed", PART("Hello")),
                                        "{\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":1,\"cache_"
                                        "write_tokens\":2},\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_"
                                        "tokens\":0},\"total_tokens\":7}")) },
    { "CL-RSP-03", STREAM, "F0 stop",
      BEGUN EVENT("response.completed", "2", ",\"response\":" RESPONSE(completed, "null", "null", "", NO_TOKENS)) },
    { "CL-RSP-05", STREAM | SHOWS | WANTS, "R0 hm\nS0.0 openai-responses gAAA\nC0.0 c1 f \nF0 tool_calls",
      BEGUN ADDED("2", "0", REASONING("rs_1_0", "", "")) EVENT(
          "response.reasoning_summary_part.added", "3",
          AT("rs_1_0", "0") ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}")
          EVENT("response.reasoning_summary_text.delta", "4", AT("rs_1_0", "0") ",\"summary_index\":0,\"delta\":\"hm\"")
              EVENT("response.reasoning_summary_text.done", "5",
                    AT("rs_1_0", "0") ",\"summary_index\":0,\"text\":\"hm\"")
                  EVENT("response.reasoning_summary_part.done", "6",
                        AT("rs_1_0", "0") ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"hm\"}")
                      ITEM_DONE("7", "0",
                                REASONING("rs_1_0", "{\"type\":\"summary_text\",\"text\":\"hm\"}",
                                          ",\"encrypted_content\":\"gAAA\""))
                          ADDED("8", "1", CALL_ITEM("fc_1_1", "in_progress", "")) EVENT(
                              "response.function_call_arguments.delta", "9", AT("fc_1_1", "1") ",\"delta\":\"{}\"")
                              EVENT("response.function_call_arguments.done", "10",
                                    AT("fc_1_1", "1") ",\"name\":\"f\",\"arguments\":\"{}\"")
                                  ITEM_DONE("11", "1", CALL_ITEM("fc_1_1", "completed", "{}")) EVENT(
                                      "response.completed", "12",
                                      ",\"response\":" RESPONSE(
                                          completed, "null", "null",
                                          REASONING("rs_1_0", "{\"type\":\"summary_text\",\"text\":\"hm\"}",
                                                    ",\"encrypted_content\":\"gAAA\"") "," CALL_ITEM("fc_1_1",
                                                                                                     "completed", "{}"),
                                          NO_TOKENS)) },
    { "CL-RSP-06", STREAM, "E 8 - it broke",
      BEGUN EVENT("response.failed", "2",
                  ",\"response\":" RESPONSE(failed, "{\"code\":\"upstream_error\",\"message\":\"it broke\"}", "null",
                                            "", NO_TOKENS)) },
    { "CL-RSP-07", STREAM, "E 5 - too long",
      BEGUN EVENT("response.failed", "2",
                  ",\"response\":" RESPONSE(failed, "{\"code\":\"context_length_exceeded\",\"message\":\"too long\"}",
                                            "null", "", NO_TOKENS)) },
    { "CL-RSP-08", 0, "F0 length", RESPONSE(incomplete, "null", "{\"reason\":\"max_output_tokens\"}", "", NO_TOKENS) },
    { "content filter", 0, "F0 content_filter",
      RESPONSE(incomplete, "null", "{\"reason\":\"content_filter\"}", "", NO_TOKENS) },
    { "malformed", 0, "F0 malformed",
      RESPONSE(failed,
               "{\"code\":\"server_error\",\"message\":\"the model wrote a tool call that cannot be read; ask again\"}",
               "null", "", NO_TOKENS) },
    { "CL-RSP-01", 0, "T0 Hi\nF0 stop",
      RESPONSE(completed, "null", "null", MESSAGE("msg_1_0", "completed", PART("Hi")), NO_TOKENS) },
    { "CL-RSP-27", 0, "T0 Hi\nE 1 - bad",
      "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
      "\"invalid_request_error\"}}" },
    { "CL-RSP-26", 0, "X0 no\nF0 stop",
      RESPONSE(completed, "null", "null", MESSAGE("msg_1_0", "completed", "{\"type\":\"refusal\",\"refusal\":\"no\"}"),
               NO_TOKENS) },
    { "CL-RSP-15", 0, "C0.0 c1 patch *** \nC0.0 - - Begin\nF0 tool_calls",
      RESPONSE(completed, "null", "null",
               "{\"id\":\"ctc_1_0\",\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":"
               "\"patch\",\"input\":\"*** Begin\"}",
               NO_TOKENS) },
    { "CL-RSP-16 search", SEARCH, "C0.0 c1 tool_search {\"q\":1}\nF0 tool_calls",
      RESPONSE(
          completed, "null", "null",
          "{\"id\":\"tsc_1_0\",\"type\":\"tool_search_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"execution\":"
          "\"client\",\"arguments\":{\"q\":1}}",
          NO_TOKENS) },
    { "CL-RSP-31", 0,
      "T0 ab\nN0 {\"url\":\"https://e\",\"title\":\"t\"}\nN0 "
      "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":"
      "0,\"end_index\":1,\"url\":\"https://f\",\"title\":\"u\"}}\nN0 {\"x\":1}\nL0 {\"content\":[{\"token\":\"a\"}]}\n"
      "L0 {\"content\":[]}\nL0 {\"content\":[{\"token\":\"b\"}]}\nF0 stop",
      RESPONSE(completed, "null", "null",
               MESSAGE("msg_1_0", "completed",
                       "{\"type\":\"output_text\",\"text\":\"ab\",\"annotations\":[{\"type\":\"url_citation\",\"start_"
                       "index\":2,\"end_index\":2,\"url\":\"https://e\",\"title\":\"t\"},{\"type\":\"url_citation\","
                       "\"start_index\":0,\"end_index\":1,\"url\":\"https://f\",\"title\":\"u\"}],\"logprobs\":[{"
                       "\"token\":\"a\"},{\"token\":\"b\"}]}"),
               NO_TOKENS) },
    { "another vendor's signature", WANTS, "R0 hidden\nS0.0 anthropic Eq=\nS0.1 anthropic x\nF0 stop",
      RESPONSE(completed, "null", "null",
               REASONING("rs_1_0", "", ",\"encrypted_content\":\"aigw1.anthropic.RXE9\"") "," REASONING(
                   "rs_1_1", "", ",\"encrypted_content\":\"aigw1r.anthropic.eA==\""),
               NO_TOKENS) },
    { "signature of a call", WANTS, "C0.2 c1 f {}\nS0.2 gemini c2ln\nT0 a\nF0 stop",
      RESPONSE(completed, "null", "null",
               CALL_ITEM("fc_1_0", "completed", "{}") "," REASONING(
                   "rs_1_1", "",
                   ",\"encrypted_content\":\"aigw1c.gemini.YzJsbg==\"") "," MESSAGE("msg_1_2", "completed", PART("a")),
               NO_TOKENS) },
    { "reasoning that nobody asked for", 0, "R0 hm\nS0.0 anthropic Eq=\nT0 a\nF0 stop",
      RESPONSE(completed, "null", "null", MESSAGE("msg_1_0", "completed", PART("a")), NO_TOKENS) },
    { "CL-MAP-26", 0, "C0.0 c1 f {\nC0.1 c2 g {\"y\":\nC0.0 - - }\nC0.1 - - 2}\nF0 stop",
      RESPONSE(completed, "null", "null",
               CALL_ITEM("fc_1_0", "completed",
                         "{}") ",{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\","
                               "\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"{\\\"y\\\":2}\"}",
               NO_TOKENS) },
    { "text between the pieces of a call", 0, "C0.0 c1 f {\nT0 a\nC0.0 - - }\nC0.0 - - \nT0 b\nF0 stop",
      RESPONSE(completed, "null", "null",
               CALL_ITEM("fc_1_0", "completed", "{}") "," MESSAGE("msg_1_1", "completed", PART("ab")), NO_TOKENS) },
    { "call without an id", 0, "C0.0 - f {}\nF0 stop",
      RESPONSE(completed, "null", "null",
               "{\"id\":\"fc_1_0\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"call_resp_1_0\","
               "\"name\":\"f\",\"arguments\":\"{}\"}",
               NO_TOKENS) },
    { "text and refusal", 0, "T0 a\nX0 b\nF0 stop",
      RESPONSE(completed, "null", "null",
               MESSAGE("msg_1_0", "completed", PART("a") ",{\"type\":\"refusal\",\"refusal\":\"b\"}"), NO_TOKENS) },
};

static void check_exact(size_t index)
{
    struct writing w;

    begin(&w, exact[index].flags);
    write_lines(&w, exact[index].events);
    if (!wire_is(view(&w), exact[index].bytes)) {
        reading_fail(exact[index].id, "wanted", wire_str(exact[index].bytes));
        reading_fail(exact[index].id, "is", view(&w));
    }
    server_free(&w.world);
}

/* ---- as clients follow it ---- */

struct follower {
    struct aigw_pool pool;
    struct aigw_memory memory;
    const char *wrong;
    int64_t sequence;   /* of the next event */
    int64_t item_count; /* items that were added */
    bool is_open;       /* the last of them is */
    bool is_part_open;  /* … and one of its parts */
    bool is_over;
    aigw_str item_id; /* of the open item */
    char text[8192];  /* deltas of the open part or call */
    size_t len;
    const struct aigw_json_node *items[64]; /* done */
};

static aigw_str text_of(const struct aigw_json_node *object, const char *name)
{
    const struct aigw_json_node *member = aigw_json_node_member(object, name);

    return member && member->type == AIGW_JSON_STRING ? member->text : AIGW_STR_NONE;
}

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static void must(struct follower *f, bool is_so, const char *what)
{
    if (!is_so && !f->wrong)
        f->wrong = what;
}

static int64_t number_of(const struct aigw_json_node *object, const char *name)
{
    const struct aigw_json_node *member = aigw_json_node_member(object, name);

    return member && member->type == AIGW_JSON_INT ? member->of.integer : -1;
}

static void follow_item(struct follower *f, const struct aigw_json_node *event, bool is_done)
{
    const struct aigw_json_node *item = aigw_json_node_member(event, "item");
    int64_t index = number_of(event, "output_index");

    if (!is_done) {
        must(f, !f->is_open, "an item begins within another");
        must(f, index == f->item_count, "an item out of order");
        f->item_count++;
        f->is_open = true;
        f->item_id = text_of(item, "id");
        f->len = 0;
        return;
    }
    must(f, f->is_open && !f->is_part_open && index == f->item_count - 1, "an item ends that is not open");
    must(f, same(text_of(item, "id"), f->item_id), "an item changes its id");
    if (index >= 0 && index < 64)
        f->items[index] = item;
    f->is_open = false;
}

static void follow_part(struct follower *f, const struct aigw_json_node *event, aigw_str type)
{
    aigw_str delta = text_of(event, "delta"), whole = text_of(event, "text");

    must(f, f->is_open && same(text_of(event, "item_id"), f->item_id), "something of an item that is not open");
    must(f, number_of(event, "output_index") == f->item_count - 1, "another item's number");
    if (wire_has_suffix(type, "part.added")) {
        must(f, !f->is_part_open, "a part within another");
        f->is_part_open = true;
        f->len = 0;
    } else if (wire_has_suffix(type, "part.done")) {
        must(f, f->is_part_open, "a part ends that is not open");
        f->is_part_open = false;
    } else if (wire_has_suffix(type, ".delta")) {
        if (f->len + delta.len < sizeof f->text && delta.len > 0)
            memcpy(f->text + f->len, delta.ptr, delta.len);
        f->len += delta.len;
    } else if (wire_has_suffix(type, ".done")) {
        for (const char *const *name = (const char *const[]){ "refusal", "arguments", "input", NULL }; *name; name++)
            if (whole.len == 0)
                whole = text_of(event, *name);
        must(f, same(whole, (aigw_str){ f->text, f->len }), "the pieces are not the whole");
    }
}

static void follow_end(struct follower *f, const struct aigw_json_node *event)
{
    const struct aigw_json_node *response = aigw_json_node_member(event, "response");
    const struct aigw_json_node *output = aigw_json_node_member(response, "output"), *item;
    int64_t count = 0;

    must(f, !f->is_open && output && output->type == AIGW_JSON_LIST, "an end while an item is open");
    for (item = output ? output->of.in.first : NULL; item; item = item->next, count++)
        must(f, count < 64 && f->items[count] && same(text_of(item, "id"), text_of(f->items[count], "id")),
             "the output is not what was done");
    must(f, count == f->item_count, "the output has another number of items");
    f->is_over = true;
}

static void follow_event(struct follower *f, aigw_str name, aigw_str data)
{
    const struct aigw_json_node *event = NULL;
    aigw_str type;

    must(f, aigw_json_tree(data, 0, &f->memory, &event, NULL) == AIGW_OK, "no JSON");
    if (!event)
        return;
    type = text_of(event, "type");
    must(f, same(type, name), "event and type differ");
    must(f, number_of(event, "sequence_number") == f->sequence, "a number out of order");
    must(f, !f->is_over, "something behind the end");
    if (f->sequence++ < 2) {
        must(f, wire_is(type, f->sequence == 1 ? "response.created" : "response.in_progress"), "another begin");
    } else if (wire_has_suffix(type, "output_item.added") || wire_has_suffix(type, "output_item.done")) {
        follow_item(f, event, wire_has_suffix(type, "done"));
    } else if (wire_is(type, "response.completed") || wire_is(type, "response.incomplete")) {
        follow_end(f, event);
    } else {
        follow_part(f, event, type);
    }
}

static const char *follow(aigw_str bytes)
{
    struct follower f = { .sequence = 0 };

    f.memory = aigw_pool_memory(&f.pool, SIZE_MAX);
    while (bytes.len > 0 && !f.wrong) {
        const char *line = memchr(bytes.ptr, '\n', bytes.len), *end = memmem(bytes.ptr, bytes.len, "\n\n", 2);

        if (!end || !wire_has_prefix(bytes, "event: ") || line == end) {
            f.wrong = "no event";
            break;
        }
        follow_event(&f, (aigw_str){ bytes.ptr + 7, (size_t)(line - bytes.ptr) - 7 },
                     (aigw_str){ line + 7, (size_t)(end - line) - 7 });
        bytes = (aigw_str){ end + 2, bytes.len - (size_t)(end - bytes.ptr) - 2 };
    }
    must(&f, f.is_over, "no end");
    aigw_pool_free(&f.pool);
    return f.wrong;
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void test_chance(uint32_t rounds)
{
    static const char *const lines[] = { "T0 a",
                                         "T0 \"\\",
                                         "R0 hm",
                                         "X0 no",
                                         "C0.0 c0 f {",
                                         "C0.0 - - }",
                                         "C0.1 c1 patch x",
                                         "C0.1 - - y",
                                         "C0.2 c2 g {}",
                                         "C0.3 c3 f {\"a\":",
                                         "C0.3 - - 1}",
                                         "S0.0 anthropic Eq=",
                                         "S0.2 gemini x",
                                         "N0 {\"url\":\"u\"}",
                                         "L0 {\"content\":[{}]}",
                                         "U 1 2 -1 -1 -1" };
    uint32_t seed = 3;

    for (uint32_t round = 0; round < rounds && reading_failures < 5; round++) {
        char text[1024];
        size_t len = 0;
        struct writing w;
        const char *wrong;

        for (uint32_t n = next(&seed) % 14; n > 0; n--)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\n", lines[next(&seed) % 16]);
        snprintf(text + len, sizeof text - len, "F0 %s", next(&seed) % 2 ? "stop" : "length");
        begin(&w, STREAM | (next(&seed) % 2 ? SHOWS : 0) | (next(&seed) % 2 ? WANTS : 0));
        write_lines(&w, text);
        wrong = follow(view(&w));
        if (wrong) {
            reading_fail("by chance", wrong, wire_str(text));
            reading_fail("by chance", "is", view(&w));
        }
        server_free(&w.world);
    }
}

/* ---- the rest ---- */

static void test_namespace(void)
{
    struct aigw_event call = { .struct_size = sizeof call,
                               .type = AIGW_EVENT_TOOL_CALL,
                               .id = AIGW_STR("c"),
                               .name = AIGW_STR("f"),
                               .scope = AIGW_STR("ns"),
                               .text = AIGW_STR("{}") };
    struct writing w;

    begin(&w, STREAM);
    responses_write_event(&w.writer, &call);
    responses_write_end(&w.writer);
    if (follow(view(&w)) || !wire_contains(view(&w), "\"name\":\"f\",\"namespace\":\"ns\",\"arguments\":\"{}\""))
        reading_fail("CL-RSP-14", "is", view(&w));
    server_free(&w.world);
}

/* Text costs nothing but its bytes, once its item is open and its buffer has grown. */
static void test_memory(void)
{
    struct aigw_event text = { .struct_size = sizeof text, .type = AIGW_EVENT_TEXT, .text = AIGW_STR("a") };
    struct writing w;
    size_t before;

    begin(&w, STREAM);
    responses_write_event(&w.writer, &text);
    before = w.world.allocated;
    for (int i = 0; i < 1000; i++)
        responses_write_event(&w.writer, &text);
    if (w.world.allocated != before)
        reading_fail("memory", "a piece of text takes some", AIGW_STR_NONE);
    server_free(&w.world);
}

static void test_heartbeat(void)
{
    struct aigw_event waiting = { .struct_size = sizeof waiting, .type = AIGW_EVENT_WAITING };
    struct writing w;

    begin(&w, STREAM);
    responses_write_event(&w.writer, &waiting);
    if (!wire_is(view(&w), ": waiting\n\n"))
        reading_fail("a heartbeat", "is", view(&w));
    server_free(&w.world);
}

/* A failure behind a server's own bytes: nothing begins again. */
static void test_failure_behind_others(void)
{
    const struct aigw_error cut = { .struct_size = sizeof cut, .kind = AIGW_ERR_CUT, .message = AIGW_STR("cut") };
    struct writing w;

    begin(&w, STREAM);
    w.writer.is_begun = true;
    responses_write_error(&w.writer, &cut);
    if (!wire_has_prefix(view(&w), "event: response.failed\n"))
        reading_fail("a failure", "is", view(&w));
    server_free(&w.world);
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 5000;

    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        check_exact(i);
    test_chance(rounds);
    test_namespace();
    test_memory();
    test_heartbeat();
    test_failure_behind_others();
    printf("%zu exact, %u rounds, %d failures\n", sizeof exact / sizeof *exact, rounds, reading_failures);
    return reading_failures > 0;
}
