/* test_answer_write.c - events → answers: byte by byte where clients insist on it, and read back by the client half,
 * whole and streamed. Lines of events as in server_host.h. Exit status 0: all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

#define STREAM    0x1u
#define USAGE     0x2u /* include_usage */
#define FUNCTIONS 0x4u /* the deprecated form */
#define BASE64    0x8u
#define NO_END    0x10u /* the call is not over */
#define QUIET     0x20u /* no reasoning */
#define TWO       0x40u /* n = 2 */
#define FOUR      0x80u /* two prompts and n = 2 */

/* One answer being written. */
struct writing {
    struct server_ctx world;
    struct openai_writer writer;
    struct aigw_buf *buf;
};

static void begin(struct writing *w, uint32_t path, uint32_t flags, uint32_t vectors)
{
    static const aigw_str free_tools[] = { AIGW_STR_INIT("grep"), AIGW_STR_INIT("patch") };
    const struct openai_asked asked = { .path = path,
                                        .choice_count = flags & (TWO | FOUR) ? 2 : 1,
                                        .prompt_count = flags & FOUR ? 2 : path == OPENAI_COMPLETION,
                                        .is_stream = flags & STREAM,
                                        .wants_usage = flags & USAGE,
                                        .wants_base64 = flags & BASE64,
                                        .uses_functions = flags & FUNCTIONS,
                                        .free_tools = free_tools,
                                        .free_tool_count = 2 };
    const struct openai_identity identity = { .id = AIGW_STR("c-1"), .model = AIGW_STR("m\"x"), .created = 17 };

    memset(w, 0, sizeof *w);
    w->buf = server_host.buf_new(server_ctx(&w->world), AIGW_LIFE_REQUEST, SIZE_MAX);
    w->writer.hides_reasoning = flags & QUIET;
    if (openai_write_begin(&w->writer, &server_host, server_ctx(&w->world), w->buf, &asked, &identity, vectors) !=
        AIGW_OK)
        reading_fail("begin", "failed", AIGW_STR_NONE);
}

static aigw_str view(struct writing *w)
{
    aigw_str text = AIGW_STR_NONE;

    if (server_host.buf_view(w->buf, &text) != AIGW_OK)
        reading_fail("buffer", "failed", AIGW_STR_NONE);
    return text;
}

/* Write the events of these lines; an error ends the answer, else its end does. */
static void write_lines(struct writing *w, const char *lines, uint32_t flags)
{
    bool has_error = false;

    for (const char *at = lines; *at;) {
        size_t len = strcspn(at, "\n");
        struct server_line line;

        if (!server_line(at, len, &line)) {
            reading_fail("no event", at, AIGW_STR_NONE);
        } else if (line.event.type == AIGW_EVENT_ERROR) {
            has_error = true;
            openai_write_error(&w->writer, line.event.error);
        } else if (openai_write_event(&w->writer, &line.event) != AIGW_OK) {
            reading_fail("event failed", at, AIGW_STR_NONE);
        }
        at += len + (at[len] == '\n');
    }
    if (!has_error && !(flags & NO_END) && openai_write_end(&w->writer) != AIGW_OK)
        reading_fail("end failed", lines, AIGW_STR_NONE);
}

/* ---- byte by byte ---- */

#define ID          "{\"id\":\"c-1\",\"object\":\""
#define REST        "\",\"created\":17,\"model\":\"m\\\"x\",\"choices\":["
#define CHUNK       "data: " ID "chat.completion.chunk" REST
#define TEXT_CHUNK  "data: " ID "text_completion" REST
#define DELTA(d)    CHUNK "{\"index\":0,\"delta\":{" d "},\"finish_reason\":null}]}\n\n"
#define DELTA_1(d)  CHUNK "{\"index\":1,\"delta\":{" d "},\"finish_reason\":null}]}\n\n"
#define ROLE        "\"role\":\"assistant\",\"content\":\"\""
#define FINISH(f)   CHUNK "{\"index\":0,\"delta\":{},\"finish_reason\":\"" f "\"}]}\n\n"
#define FINISH_1(f) CHUNK "{\"index\":1,\"delta\":{},\"finish_reason\":\"" f "\"}]}\n\n"
#define DONE        "data: [DONE]\n\n"
#define WHOLE(message, finish) \
    ID "chat.completion" REST "{\"index\":0,\"message\":{\"role\":\"assistant\"," message "},\"logprobs\":null," \
       "\"finish_reason\":\"" finish "\"}],\"usage\":"
#define TOKENS(i, o, t) "{\"prompt_tokens\":" i ",\"completion_tokens\":" o ",\"total_tokens\":" t "}"
#define NONE            TOKENS("0", "0", "0")

static const struct {
    const char *id;
    uint32_t path, flags;
    const char *events, *bytes;
} exact[] = {
    { "CL-OAI-02", OPENAI_CHAT, STREAM, "T0 Hi\nT0  there\nF0 stop\nU 3 4 -1 -1 -1",
      DELTA(ROLE) DELTA("\"content\":\"Hi\"") DELTA("\"content\":\" there\"") FINISH("stop") DONE },
    { "CL-OAI-03", OPENAI_CHAT, STREAM | USAGE, "T0 a\nF0 length\nU 9 12 -1 -1 -1",
      DELTA(ROLE) DELTA("\"content\":\"a\"") FINISH("length") CHUNK
      "],\"usage\":" TOKENS("9", "12", "21") "}\n\n" DONE },
    { "CL-OAI-04", OPENAI_CHAT, STREAM | USAGE, "U 9 12 8 -1 5\nT0 a\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"a\"") FINISH("stop") CHUNK
      "],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21,\"prompt_tokens_details\":{"
      "\"cached_tokens\":8},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}\n\n" DONE },
    { "CL-OAI-05", OPENAI_CHAT, STREAM | USAGE, "T0 a\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"a\"") FINISH("stop") CHUNK "],\"usage\":" NONE "}\n\n" DONE },
    { "nothing said", OPENAI_CHAT, STREAM, "F0 stop", DELTA(ROLE) FINISH("stop") DONE },
    { "nothing at all", OPENAI_CHAT, STREAM, "", DELTA(ROLE) FINISH("stop") DONE },
    { "a choice without a finish", OPENAI_CHAT, STREAM, "C0.0 c f {}",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "reasoning, then two calls in pieces", OPENAI_CHAT, STREAM,
      "R0 hm\nC0.0 a f \nC0.0 - - {\"p\":\nC0.0 - - 1}\nC0.1 b g {}\nF0 stop",
      DELTA(ROLE) DELTA("\"reasoning_content\":\"hm\"")
          DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"\"}}]") DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                               "\"{\\\"p\\\":\"}}]")
              DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]")
                  DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                        "\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "reasoning not wanted", OPENAI_CHAT, STREAM | QUIET, "R0 hm\nT0 a\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"a\"") FINISH("stop") DONE },
    { "CL-OAI-07 numbers with gaps", OPENAI_CHAT, STREAM, "C0.5 a f {}\nC0.2 b g {}\nF0 tool_calls",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"}}]")
          DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                "\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "CL-OAI-08 no id", OPENAI_CHAT, STREAM, "C0.0 - f {}\nF0 tool_calls",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"call_ABCDEFGHIJKLMNOPQRSTUVWX\",\"type\":\"function\","
                        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "CL-OAI-14", OPENAI_CHAT, STREAM | TWO, "T1 b\nT0 a\nF1 stop\nF0 stop",
      DELTA(ROLE) DELTA_1(ROLE) DELTA_1("\"content\":\"b\"") DELTA("\"content\":\"a\"") FINISH("stop") FINISH_1("stop")
          DONE },
    { "a choice that nobody asked for", OPENAI_CHAT, STREAM, "T0 a\nT1 b\nF1 stop\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"a\"") FINISH("stop") DONE },
    { "words after the finish", OPENAI_CHAT, STREAM, "T0 a\nF0 stop\nT0 b\nF0 length",
      DELTA(ROLE) DELTA("\"content\":\"a\"") DELTA("\"content\":\"b\"") FINISH("stop") DONE },
    { "CL-OAI-11", OPENAI_CHAT, STREAM | USAGE, "T0 a\nE 8 - it \"broke\"",
      DELTA(ROLE) DELTA("\"content\":\"a\"") "data: {\"error\":{\"message\":\"it \\\"broke\\\"\",\"type\":"
                                             "\"server_error\",\"param\":null,\"code\":\"upstream_error\"}}\n\n" },
    { "CL-OAI-25 streamed", OPENAI_CHAT, STREAM | FUNCTIONS, "C0.0 a f \nC0.0 - - {}\nC0.1 b g {}\nF0 tool_calls",
      DELTA(ROLE) DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}")
          DELTA("\"function_call\":{\"arguments\":\"{}\"}") FINISH("function_call") DONE },
    { "CL-OAI-28 streamed", OPENAI_CHAT, STREAM, "C0.0 a patch *** \nC0.0 - - Begin\nF0 stop",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"patch\","
                        "\"input\":\"*** \"}}]")
          DELTA("\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"Begin\"}}]") FINISH("tool_calls") DONE },
    { "signature before its call", OPENAI_CHAT, STREAM, "S0.0 gemini c2ln\nC0.0 a f {}\nF0 stop",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"extra_content\":{\"google\":"
                        "{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]")
          FINISH("tool_calls") DONE },
    { "signature behind its call", OPENAI_CHAT, STREAM, "C0.0 a f {}\nS0.0 gemini c2ln\nC0.1 b g {}\nF0 stop",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"extra_content\":{\"google\":"
                        "{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]")
          DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                "\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "signature late", OPENAI_CHAT, STREAM, "C0.0 a f {}\nR0 hm\nS0.0 gemini c2ln\nF0 stop",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"}}]") DELTA("\"reasoning_content\":\"hm\"")
          DELTA("\"tool_calls\":[{\"index\":0,\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}},"
                "\"function\":{\"arguments\":\"\"}}]") FINISH("tool_calls") DONE },
    { "signature of another vendor", OPENAI_CHAT, STREAM, "C0.0 a f {}\nS0.0 anthropic c2ln\nF0 stop",
      DELTA(ROLE) DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE },
    { "citations", OPENAI_CHAT, STREAM,
      "T0 \xc3\xa4"
      "b\nN0 {\"type\":\"web_search_result_location\",\"url\":\"https://e\",\"title\":\"t\"}\nT0 c\nN0 {"
      "\"type\":\"char_location\"}\nN0 {\"url\":\"https://f\",\"start_index\":1,\"end_index\":2}\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"\xc3\xa4"
                        "b\"") DELTA("\"content\":\"c\"") CHUNK
      "{\"index\":0,\"delta\":{\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":2,"
      "\"end_index\":2,\"url\":\"https://e\",\"title\":\"t\"}},{\"type\":\"url_citation\",\"url_citation\":{\"start_"
      "index\":1,\"end_index\":2,\"url\":\"https://f\",\"title\":\"https://"
      "f\"}}]},\"finish_reason\":\"stop\"}]}\n\n" DONE },
    { "logprobs streamed", OPENAI_CHAT, STREAM, "T0 a\nL0 {\"content\":[{\"token\":\"a\"}],\"refusal\":null}\nF0 stop",
      DELTA(ROLE) DELTA("\"content\":\"a\"") CHUNK
      "{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":[{\"token\":"
      "\"a\"}],\"refusal\":null},\"finish_reason\":null}]}\n\n" FINISH("stop") DONE },
    { "CL-OAI-40", OPENAI_COMPLETION, STREAM | USAGE, "T0 a\nR0 no\nC0.0 x y {}\nF0 length\nU 1 2 -1 -1 -1",
      TEXT_CHUNK "{\"text\":\"a\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n" TEXT_CHUNK
                 "{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n" TEXT_CHUNK
                 "],\"usage\":" TOKENS("1", "2", "3") "}\n\n" DONE },

    { "CL-OAI-01", OPENAI_CHAT, 0, "T0 Hi\nF0 stop\nU 3 4 -1 -1 -1",
      WHOLE("\"content\":\"Hi\",\"refusal\":null", "stop") TOKENS("3", "4", "7") "}" },
    { "whole, nothing said", OPENAI_CHAT, 0, "F0 stop", WHOLE("\"content\":\"\",\"refusal\":null", "stop") NONE "}" },
    { "CL-MAP-37", OPENAI_CHAT, 0, "R0 h\nR0 m\nT0 a\nT0 b\nC0.0 c f {\"x\"\nC0.1 d g \nC0.0 - - :1}\nF0 stop",
      WHOLE("\"content\":\"ab\",\"refusal\":null,\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c\",\"type\":"
            "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"d\",\"type\":"
            "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]",
            "tool_calls") NONE "}" },
    { "calls without text", OPENAI_CHAT, 0, "C0.0 c patch \nF0 tool_calls",
      WHOLE("\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":"
            "\"patch\",\"input\":\"\"}}]",
            "tool_calls") NONE "}" },
    { "whole refusal", OPENAI_CHAT, 0, "X0 no\nF0 stop",
      WHOLE("\"content\":null,\"refusal\":\"no\"", "stop") NONE "}" },
    { "CL-OAI-25", OPENAI_CHAT, FUNCTIONS, "C0.0 c f {}\nC0.1 d g {}\nF0 tool_calls",
      WHOLE("\"content\":null,\"refusal\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}",
            "function_call") NONE "}" },
    { "finish without the calls it speaks of", OPENAI_CHAT, 0, "T0 a\nF0 tool_calls",
      WHOLE("\"content\":\"a\",\"refusal\":null", "stop") NONE "}" },
    { "whole signature", OPENAI_CHAT, 0, "C0.0 c f {}\nS0.0 gemini c2ln\nF0 stop",
      WHOLE("\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"extra_content\":{"
            "\"google\":{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
            "tool_calls") NONE "}" },
    { "whole failure", OPENAI_CHAT, 0, "T0 a\nE 13 - cut",
      "{\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_error\"}}" },
    { "CL-OAI-39", OPENAI_COMPLETION, FOUR, "T0 a\nT1 b\nT2 c\nT3 d\nF0 stop\nF1 stop\nF2 stop\nF3 length",
      ID "text_completion" REST "{\"text\":\"a\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"},"
         "{\"text\":\"b\",\"index\":1,\"logprobs\":null,\"finish_reason\":\"stop\"},"
         "{\"text\":\"c\",\"index\":2,\"logprobs\":null,\"finish_reason\":\"stop\"},"
         "{\"text\":\"d\",\"index\":3,\"logprobs\":null,\"finish_reason\":\"length\"}],\"usage\":" NONE "}" },
    { "CL-OAI-37", OPENAI_EMBEDDING, 0, "V1 0.1 -2\nV0 1\nV2 1e-30 3\nU 5 -1 -1 -1 -1",
      "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1]},{\"object\":"
      "\"embedding\",\"index\":1,\"embedding\":[0.1,-2]},{\"object\":\"embedding\",\"index\":2,\"embedding\":[1e-30,3]}"
      "],\"model\":\"m\\\"x\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}" },
    { "CL-OAI-36", OPENAI_EMBEDDING, BASE64, "V0 1 -2 0.5",
      "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":\"AACAPwAAAMAAAAA/\"}],"
      "\"model\":\"m\\\"x\",\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}" },
};

static void check_exact(size_t index)
{
    struct writing w;

    begin(&w, exact[index].path, exact[index].flags, 3);
    write_lines(&w, exact[index].events, exact[index].flags);
    if (!wire_is(view(&w), exact[index].bytes)) {
        reading_fail(exact[index].id, "wanted", wire_str(exact[index].bytes));
        reading_fail(exact[index].id, "is", view(&w));
    }
    server_free(&w.world);
}

/* ---- read back ---- */

/* The client half reads what was written. */
static void read_stream(struct openai_call *call, struct server_ctx *world, aigw_str bytes)
{
    aigw_status status = AIGW_OK;

    while (bytes.len > 0 && status == AIGW_OK) {
        const char *end = memmem(bytes.ptr, bytes.len, "\n\n", 2);
        size_t len = end ? (size_t)(end - bytes.ptr) : bytes.len;
        char *exactly = malloc(len > 0 ? len : 1);
        struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_SSE };

        if (!end || !exactly || len < 6)
            abort();
        memcpy(exactly, bytes.ptr, len);
        frame.data = (aigw_str){ exactly + 6, len - 6 };
        if (memcmp(exactly, "data: ", 6) == 0)
            status = openai_frame(&server_host, server_ctx(world), call, &frame);
        free(exactly);
        bytes = (aigw_str){ end + 2, bytes.len - len - 2 };
    }
    if (status != AIGW_DONE && status != AIGW_OK)
        reading_fail("frame", world->why, bytes);
}

static void read_back(struct server_ctx *world, uint32_t path, uint32_t flags, aigw_str bytes)
{
    struct openai_call call = { .path = path, .choice_count = flags & (TWO | FOUR) ? 2 : 1, .input_count = 3 };
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_BODY, .data = bytes };

    memset(world, 0, sizeof *world);
    if (flags & STREAM)
        read_stream(&call, world, bytes);
    else if (openai_frame(&server_host, server_ctx(world), &call, &frame) < 0)
        reading_fail("body", world->why, bytes);
}

#define BOTH (STREAM | USAGE) /* … and whole */

static const struct {
    const char *id;
    uint32_t path, flags;
    const char *events, *want; /* NULL: the same */
} back[] = {
    { "text", OPENAI_CHAT, BOTH, "T0 Hello\nF0 stop\nU 3 4 -1 -1 -1\n", NULL },
    { "odd text", OPENAI_CHAT, BOTH,
      "T0 \"quoted\" \\ \x01\t\x02 \xc3\xa4 \xf0\x9f\x98\x80 </p>\nF0 length\nU 3 4 -1 -1 -1\n", NULL },
    { "CL-MAP-10", OPENAI_CHAT, BOTH, "T0 a\nF0 stop\nU 120 30 100 10 20\n", NULL },
    { "reasoning", OPENAI_CHAT, BOTH, "R0 hm\nT0 a\nF0 stop\nU 1 2 -1 -1 1\n", NULL },
    { "refusal", OPENAI_CHAT, BOTH, "X0 no\nF0 stop\nU 1 2 -1 -1 -1\n", NULL },
    { "calls", OPENAI_CHAT, BOTH, "T0 look\nC0.0 a f {\"x\":\"\\u00e4\"}\nC0.1 b g {}\nF0 tool_calls\nU 1 2 -1 -1 -1\n",
      NULL },
    { "CL-MAP-27", OPENAI_CHAT, STREAM | USAGE,
      "C0.0 a f {\"x\":\"\\\nC0.0 - - \"\"}\nC0.1 b f {\nC0.1 - - }\nF0 tool_calls\nU 1 2 -1 -1 -1\n",
      "C0.0 a f {\"x\":\"\\\"\"}\nC0.1 b f {}\nF0 tool_calls\nU 1 2 -1 -1 -1\n" },
    { "call of plain text", OPENAI_CHAT, BOTH, "C0.0 a patch *** Begin\x01\nF0 tool_calls\nU 1 2 -1 -1 -1\n", NULL },
    { "deprecated call", OPENAI_CHAT, BOTH | FUNCTIONS, "C0.0 a f {\"x\":1}\nF0 tool_calls\nU 1 2 -1 -1 -1\n",
      "C0.0 - f {\"x\":1}\nF0 tool_calls\nU 1 2 -1 -1 -1\n" },
    { "two choices", OPENAI_CHAT, TWO, "T0 a\nF0 stop\nT1 b\nC1.0 c f {}\nF1 tool_calls\nU 1 2 -1 -1 -1\n", NULL },
    { "two choices as a stream", OPENAI_CHAT, STREAM | TWO,
      "T0 a\nF0 stop\nT1 b\nC1.0 c f {}\nF1 tool_calls\nU 1 2 -1 -1 -1\n",
      "T0 a\nT1 b\nC1.0 c f {}\nF0 stop\nF1 tool_calls\n" },
    { "citation", OPENAI_CHAT, BOTH,
      "T0 a\nN0 {\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,\"end_index\":1,\"url\":\"https://e\","
      "\"title\":\"t\"}}\nF0 stop\nU 1 2 -1 -1 -1\n",
      NULL },
    { "logprobs", OPENAI_CHAT, BOTH,
      "T0 ab\nL0 {\"content\":[{\"token\":\"a\"},{\"token\":\"b\"}],\"refusal\":null}\nF0 stop\nU 1 2 -1 -1 -1\n",
      NULL },
    { "logprobs in pieces", OPENAI_CHAT, 0,
      "T0 a\nL0 {\"content\":[{\"token\":\"a\"}],\"refusal\":null}\nT0 b\nL0 {\"content\":[]}\nL0 {\"content\":[{"
      "\"token\":\"b\"},{}]}\nF0 stop\nU 1 2 -1 -1 -1\n",
      "T0 ab\nL0 {\"content\":[{\"token\":\"a\"},{\"token\":\"b\"},{}],\"refusal\":null}\nF0 stop\nU 1 2 -1 -1 -1\n" },
    { "completion", OPENAI_COMPLETION, BOTH, "T0 a\x01 b\nF0 length\nU 1 2 -1 -1 -1\n", NULL },
    { "completions", OPENAI_COMPLETION, TWO, "T0 a\nF0 stop\nT1 b\nF1 length\nU 1 2 -1 -1 -1\n", NULL },
    { "completions as a stream", OPENAI_COMPLETION, STREAM | TWO, "T0 a\nF0 stop\nT1 b\nF1 length\nU 1 2 -1 -1 -1\n",
      "T0 a\nT1 b\nF0 stop\nF1 length\n" },
    { "logprobs of a completion", OPENAI_COMPLETION, 0,
      "T0 a\nL0 {\"tokens\":[\"a\"],\"token_logprobs\":[-1],\"top_logprobs\":[{\"a\":-1}],\"text_offset\":[0]}\n"
      "F0 stop\nU 1 2 -1 -1 -1\n",
      NULL },
    { "embeddings", OPENAI_EMBEDDING, 0, "V2 3\nV0 1 0.1 -1e-07\nV1 2\nU 7 -1 -1 -1 -1\n",
      "V0 1 0.1 -1e-07\nV1 2\nV2 3\nU 7 -1 -1 -1 -1\nF0 stop\n" },
    { "no usage", OPENAI_CHAT, STREAM, "T0 a\nF0 stop\nU 1 2 -1 -1 -1\n", "T0 a\nF0 stop\n" },
    { "CL-MAP-11 STOP by sequence", OPENAI_CHAT, BOTH, "T0 a\nF0 stop_sequence\nU 1 2 -1 -1 -1\n",
      "T0 a\nF0 stop\nU 1 2 -1 -1 -1\n" },
    { "CL-MAP-11 window full", OPENAI_CHAT, BOTH, "T0 a\nF0 context_full\nU 1 2 -1 -1 -1\n",
      "T0 a\nF0 length\nU 1 2 -1 -1 -1\n" },
    { "CL-MAP-11 CONTENT_FILTER", OPENAI_CHAT, BOTH, "T0 a\nF0 content_filter\nU 1 2 -1 -1 -1\n", NULL },
    { "CL-MAP-11 GUARDRAIL", OPENAI_CHAT, BOTH, "T0 a\nF0 guardrail\nU 1 2 -1 -1 -1\n",
      "T0 a\nF0 content_filter\nU 1 2 -1 -1 -1\n" },
    { "CL-MAP-11 PAUSE", OPENAI_CHAT, BOTH, "T0 a\nF0 pause\nU 1 2 -1 -1 -1\n", "T0 a\nF0 stop\nU 1 2 -1 -1 -1\n" },
    { "CL-MAP-11 MALFORMED", OPENAI_CHAT, BOTH, "T0 a\nF0 malformed\nU 1 2 -1 -1 -1\n",
      "T0 a\nF0 stop\nU 1 2 -1 -1 -1\n" },
    { "CL-MAP-11 UNKNOWN", OPENAI_CHAT, BOTH, "T0 a\nF0 unknown\nU 1 2 -1 -1 -1\n", "T0 a\nF0 stop\nU 1 2 -1 -1 -1\n" },
    { "length within a call", OPENAI_CHAT, BOTH, "C0.0 a f {\"x\nF0 length\nU 1 2 -1 -1 -1\n", NULL },
};

static void check_back(size_t index, uint32_t flags)
{
    const char *want = back[index].want ? back[index].want : back[index].events;
    struct server_ctx world;
    struct writing w;

    begin(&w, back[index].path, flags, 3);
    write_lines(&w, back[index].events, flags);
    read_back(&world, back[index].path, flags, view(&w));
    if (strcmp(server_events(&world), want) != 0)
        reading_fail(back[index].id, flags & STREAM ? "streamed, comes back as" : "whole, comes back as",
                     wire_str(server_events(&world)));
    server_free(&world);
    server_free(&w.world);
}

/* ---- many answers ---- */

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Answers made by chance: what comes back of the stream is what went in. */
static void test_chance(uint32_t rounds)
{
    static const char *const texts[] = {
        "a", "\"", "\\u", "\x01", " b ", "\xc3\xa4", "\xf0\x9f\x98\x80", "{", "[DONE]"
    };
    uint32_t seed = 7;

    for (uint32_t round = 0; round < rounds && reading_failures < 5; round++) {
        uint32_t calls[2] = { 0, 0 };
        struct server_ctx direct = { .blocks = NULL }, world;
        struct writing w;
        const char *got;

        begin(&w, OPENAI_CHAT, BOTH | TWO, 0);
        for (uint32_t i = 0, count = next(&seed) % 12; i < count + 3; i++) {
            uint32_t choice = i < count ? next(&seed) % 2 : (i - count) % 2, kind = next(&seed) % 4;
            char line[64];
            struct server_line event;

            if (i == count + 2)
                snprintf(line, sizeof line, "U 1 %u -1 %u -1", next(&seed) % 100, next(&seed) % 9);
            else if (i >= count)
                snprintf(line, sizeof line, "F%u %s", choice, calls[choice] > 0 ? "tool_calls" : "length");
            else if (kind == 3)
                snprintf(line, sizeof line, "C%u.%u id%u%u f {\"%u\":1}", choice, calls[choice], choice, calls[choice],
                         i);
            else
                snprintf(line, sizeof line, "%c%u %s", "TRX"[kind], choice,
                         texts[next(&seed) % (sizeof texts / sizeof *texts)]);
            calls[choice] += i < count && kind == 3;
            if (!server_line(line, strlen(line), &event))
                abort();
            server_host.emit(server_ctx(&direct), &event.event);
            openai_write_event(&w.writer, &event.event);
        }
        openai_write_end(&w.writer);
        read_back(&world, OPENAI_CHAT, BOTH | TWO, view(&w));
        got = server_events(&world);
        if (strcmp(got, server_events(&direct)) != 0)
            reading_fail("by chance", server_events(&direct), wire_str(got));
        server_free(&direct);
        server_free(&world);
        server_free(&w.world);
    }
}

/* ---- the rest ---- */

/* Text costs nothing but its bytes. */
static void test_memory(void)
{
    struct writing w;
    size_t before;

    begin(&w, OPENAI_CHAT, STREAM, 0);
    write_lines(&w, "T0 a\nR0 b\nC0.0 c f {", STREAM | NO_END);
    before = w.world.allocated;
    for (int i = 0; i < 1000; i++) {
        server_host.buf_clear(w.buf);
        write_lines(&w, "T0 a\nR0 b\nX0 c\nC0.0 - - 1", STREAM | NO_END);
    }
    if (w.world.allocated != before)
        reading_fail("memory", "a piece of text takes some", AIGW_STR_NONE);
    server_free(&w.world);
}

static void test_heartbeat(void)
{
    struct aigw_event waiting = { .struct_size = sizeof waiting, .type = AIGW_EVENT_WAITING };
    struct writing w;

    begin(&w, OPENAI_CHAT, STREAM, 0);
    openai_write_event(&w.writer, &waiting);
    if (view(&w).len < 4 || view(&w).ptr[0] != ':' || !wire_has_suffix(view(&w), "\n\n"))
        reading_fail("CL-OAI-13", "is", view(&w));
    server_free(&w.world);
    begin(&w, OPENAI_CHAT, 0, 0);
    openai_write_event(&w.writer, &waiting);
    if (view(&w).len > 0)
        reading_fail("CL-OAI-13 whole", "is", view(&w));
    server_free(&w.world);
}

/* CL-MAP-12, the column of this dialect. */
static const struct {
    uint32_t kind, http_status, retry;
    const char *code_in, *type, *code, *param; /* "" for null */
} errors[] = {
    { AIGW_ERR_BAD_REQUEST, 400, AIGW_NO, "bad_thing", "invalid_request_error", "bad_thing", "" },
    { AIGW_ERR_BAD_REQUEST, 400, AIGW_NO, "", "invalid_request_error", "", "" },
    { AIGW_ERR_CONTEXT_TOO_LONG, 400, AIGW_NO, "x", "invalid_request_error", "context_length_exceeded", "" },
    { AIGW_ERR_AUTH, 502, AIGW_NO, "invalid_api_key", "server_error", "upstream_auth", "" },
    { AIGW_ERR_PERMISSION, 403, AIGW_NO, "", "permission_error", "model_not_allowed", "" },
    { AIGW_ERR_NOT_FOUND, 404, AIGW_NO, "", "invalid_request_error", "model_not_found", "model" },
    { AIGW_ERR_NO_MODEL, 404, AIGW_NO, "", "invalid_request_error", "model_not_found", "model" },
    { AIGW_ERR_RATE_LIMITED, 429, AIGW_UNSET, "", "rate_limit_error", "rate_limit_exceeded", "" },
    { AIGW_ERR_RATE_LIMITED, 429, AIGW_NO, "insufficient_quota", "insufficient_quota", "insufficient_quota", "" },
    { AIGW_ERR_LIMIT, 429, AIGW_UNSET, "", "rate_limit_error", "rate_limit_exceeded", "" },
    { AIGW_ERR_OVERLOADED, 503, AIGW_YES, "", "server_error", "overloaded", "" },
    { AIGW_ERR_CIRCUIT, 503, AIGW_YES, "", "server_error", "overloaded", "" },
    { AIGW_ERR_SERVER, 502, AIGW_UNSET, "x", "server_error", "upstream_error", "" },
    { AIGW_ERR_PROTOCOL, 502, AIGW_UNSET, "", "server_error", "upstream_error", "" },
    { AIGW_ERR_CONNECT, 502, AIGW_UNSET, "", "server_error", "upstream_error", "" },
    { AIGW_ERR_TLS, 502, AIGW_UNSET, "", "server_error", "upstream_error", "" },
    { AIGW_ERR_CUT, 502, AIGW_UNSET, "", "server_error", "upstream_error", "" },
    { AIGW_ERR_TIMEOUT, 504, AIGW_UNSET, "", "server_error", "timeout", "" },
    { AIGW_ERR_REFUSED, 400, AIGW_NO, "", "invalid_request_error", "content_policy_violation", "" },
    { AIGW_ERR_UNSUPPORTED, 400, AIGW_NO, "", "invalid_request_error", "unsupported_parameter", "" },
    { AIGW_ERR_INTERNAL, 500, AIGW_UNSET, "", "server_error", "internal_error", "" },
    { 99, 500, AIGW_UNSET, "", "server_error", "internal_error", "" },
};

static void check_error(size_t index)
{
    const struct aigw_error error = { .struct_size = sizeof error,
                                      .kind = errors[index].kind,
                                      .code = wire_str(errors[index].code_in) };
    struct openai_error form;

    openai_error_of(&error, &form);
    if (form.http_status != errors[index].http_status || form.retry != errors[index].retry ||
        strcmp(form.type, errors[index].type) != 0 || !wire_is(form.code, errors[index].code) ||
        !wire_is(form.param, errors[index].param))
        reading_fail("CL-MAP-12", form.type, form.code);
}

static void test_objects(void)
{
    const struct openai_refusal refusal = { .param = AIGW_STR("messages[0]"),
                                            .code = AIGW_STR("invalid_type"),
                                            .message = AIGW_STR("'x' is") };
    const struct openai_model models[] = { { AIGW_STR_INIT("a/b"), AIGW_STR_INIT("us"), 17, 4096 },
                                           { AIGW_STR_INIT("c"), AIGW_STR_INIT("us"), 18, 0 } };
    struct server_ctx world = { .blocks = NULL };
    struct aigw_buf *buf = server_host.buf_new(server_ctx(&world), AIGW_LIFE_REQUEST, SIZE_MAX);
    aigw_str text = AIGW_STR_NONE;

    openai_put_refusal(&server_host, buf, &refusal);
    if (server_host.buf_view(buf, &text) != AIGW_OK ||
        !wire_is(text, "{\"error\":{\"message\":\"'x' is\",\"type\":\"invalid_request_error\",\"param\":"
                       "\"messages[0]\",\"code\":\"invalid_type\"}}"))
        reading_fail("refusal", "is", text);
    server_host.buf_clear(buf);
    openai_put_models(&server_host, buf, models, 2);
    if (server_host.buf_view(buf, &text) != AIGW_OK ||
        !wire_is(text,
                 "{\"object\":\"list\",\"data\":[{\"id\":\"a/b\",\"object\":\"model\",\"created\":17,\"owned_by\":"
                 "\"us\",\"max_model_len\":4096,\"context_window\":4096},{\"id\":\"c\",\"object\":\"model\","
                 "\"created\":18,\"owned_by\":\"us\"}]}"))
        reading_fail("CL-OAI-41", "is", text);
    server_free(&world);
}

int main(void)
{
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        check_exact(i);
    for (size_t i = 0; i < sizeof back / sizeof *back; i++) {
        if (back[i].flags & STREAM)
            check_back(i, back[i].flags);
        if (!(back[i].flags & STREAM) || (back[i].flags & BOTH) == BOTH)
            check_back(i, back[i].flags & ~BOTH);
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        check_error(i);
    test_chance(3000);
    test_memory();
    test_heartbeat();
    test_objects();
    printf("%zu exact, %zu back, %d failures\n", sizeof exact / sizeof *exact, sizeof back / sizeof *back,
           reading_failures);
    return reading_failures > 0;
}
