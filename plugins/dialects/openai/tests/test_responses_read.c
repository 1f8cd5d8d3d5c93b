/* test_responses_read.c - bodies of the Responses API → canonical requests; how they are refused; cut, changed and read
 * with too little memory. Exit status 0: all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

#define IN(items)  M "\"input\":[" items "]}"
#define ALSO(more) M "\"input\":\"Hi\"," more "}"
#define HELLO      "user(text text=Hi)"
#define SHELL      "{\"type\":\"function\",\"name\":\"shell\",\"parameters\":{},\"strict\":false}"
#define PATCH      "{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":\"grammar\"}}"

static const struct {
    const char *id, *body, *request;
} rows[] = {
    { "CL-RSP-01", M "\"input\":\"Hi\"}", HELLO },
    { "empty question", M "\"input\":\"\"}", "user" },
    { "CL-RSP-18",
      M "\"instructions\":\"be brief\",\"input\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\","
        "\"content\":\"Hi\"}]}",
      "system(text text=be brief) developer(text text=d) " HELLO },
    { "CL-RSP-17",
      IN("{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Hi\"}]},{\"type\":"
         "\"message\",\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"d\"}]},{\"role\":"
         "\"user\",\"content\":\"u\"}"),
      HELLO " developer(text text=d) user(text text=u)" },
    { "image and file",
      IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64," PNG
         "\",\"detail\":\"high\"},{\"type\":\"input_image\",\"file_id\":\"f\"},{\"type\":\"input_file\",\"file_data\":"
         "\"data:application/pdf;base64," PNG
         "\",\"filename\":\"a\"},{\"type\":\"input_file\",\"file_url\":\"https://e\"}"
         "]}"),
      "user(image type=image/png data=" PNG
      " detail=high)(image file=f origin=openai-responses)(document type=application/pdf data=" PNG
      " title=a)(document url=https://e)" },
    { "CL-RSP-21",
      IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":"
         "\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],\"encrypted_content\":\"gAAA\","
         "\"content\":null},{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\","
         "\"content\":"
         "[{\"type\":\"output_text\",\"text\":\"look\",\"annotations\":[]}]},{\"type\":\"function_call\",\"id\":\"fc_"
         "1\","
         "\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call\",\"call_id\":\"call_"
         "2\","
         "\"name\":\"g\",\"arguments\":\"{\\\"x\\\":1}\",\"namespace\":\"ns\"},{\"type\":\"function_call_output\","
         "\"call_id\":\"call_2\",\"output\":\"two\"},{\"type\":\"function_call_output\",\"call_id\":\"call_1\","
         "\"output\":[{\"type\":\"input_text\",\"text\":\"one\"},{\"type\":\"input_image\",\"image_url\":\"https://"
         "e\"}]}"),
      HELLO " assistant(reasoning flags=4 text=a\n\nb data=gAAA origin=openai-responses item=rs_1)(text text=look "
            "item=msg_1)(call id=call_1 name=f text={} item=fc_1)(call id=call_2 name=g text={\"x\":1} scope=ns) "
            "tool(result id=call_2 text=two)(result id=call_1(text text=one)(image url=https://e))" },
    { "raw reasoning",
      IN("{\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"hm\"}]}"),
      "assistant(reasoning text=hm)" },
    { "CL-RSP-20 nothing",
      IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"reasoning\",\"summary\":[],\"content\":null}"), HELLO },
    { "summaries with escapes",
      IN("{\"type\":\"reasoning\",\"summary\":[{\"text\":\"a\\n\"},{\"x\":1},{\"text\":\"\\u00e4\"},{\"text\":\"\"}]}"),
      "assistant(reasoning flags=4 text=a\n\n\n\xc3\xa4\n\n)" },
    { "another vendor's", IN("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"aigw1.anthropic.RXE9\"}"),
      "assistant(reasoning data=Eq= origin=anthropic)" },
    { "redacted", IN("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"aigw1r.anthropic.RXE9\"}"),
      "assistant(redacted data=Eq= origin=anthropic)" },
    { "signature of a call",
      IN("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"reasoning\","
         "\"summary\":"
         "[],\"encrypted_content\":\"aigw1c.gemini.YzJsbg==\"},{\"type\":\"function_call_output\",\"call_id\":\"c\","
         "\"output\":\"r\"}"),
      "assistant(call id=c name=f text={} data=c2ln origin=gemini) tool(result id=c text=r)" },
    { "signature of a call that is not there",
      IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"aigw1c."
         "gemini.YzJsbg==\"}"),
      HELLO },
    { "tag without a value",
      IN("{\"type\":\"reasoning\",\"summary\":[{\"text\":\"t\"}],\"encrypted_content\":\"aigw1.x.?\"}"),
      "assistant(reasoning flags=4 text=t)" },
    { "custom call",
      IN("{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"patch\",\"input\":\"*** "
         "x\",\"id\":\"ctc_1\"},{\"type\":"
         "\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"ok\"}"),
      "assistant(call flags=8 id=c name=patch text=*** x item=ctc_1) tool(result id=c text=ok)" },
    { "phases",
      IN("{\"role\":\"assistant\",\"content\":\"a\",\"phase\":\"commentary\"},{\"role\":\"assistant\",\"content\":"
         "\"b\","
         "\"phase\":\"final_answer\"}"),
      "assistant phase=commentary(text text=a) assistant phase=final_answer(text text=b)" },
    { "refusal", IN("{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}"),
      "assistant(refusal text=no)" },
    { "CL-RSP-13",
      IN("{\"type\":\"additional_tools\",\"role\":\"developer\",\"tools\":[{\"type\":\"namespace\",\"name\":\"ns\","
         "\"description\":\"\",\"tools\":[" SHELL "," PATCH
         "]},{\"type\":\"function\",\"name\":\"f\",\"defer_loading\":"
         "true}]},{\"role\":\"user\",\"content\":\"Hi\"}"),
      "developer(tools tool kind=0 flags=2 name=shell scope=ns tool kind=1 flags=0 name=patch scope=ns "
      "origin=openai-responses tool kind=0 flags=4 name=f) " HELLO },
    { "CL-RSP-16",
      ALSO("\"tools\":[" SHELL
           ",{\"type\":\"web_search\"},{\"type\":\"tool_search\",\"execution\":\"client\",\"parameters\":{}}"
           ",{\"type\":\"tool_search\"}]"),
      HELLO
      " tool kind=0 flags=2 name=shell tool kind=2 flags=0 name=web_search origin=openai-responses extra={\"type\":"
      "\"web_search\"} tool kind=0 flags=0 name=tool_search tool kind=2 flags=0 name=tool_search "
      "origin=openai-responses extra={\"type\":\"tool_search\"}" },
    { "search of tools",
      IN("{\"type\":\"tool_search_call\",\"call_id\":\"c\",\"execution\":\"client\",\"arguments\":{\"q\":1}},{\"type\":"
         "\"tool_search_output\",\"call_id\":\"c\",\"tools\":[" SHELL "]}"),
      "assistant(call id=c name=tool_search text={\"q\":1}) tool(result id=c text=The tools that were found are "
      "available "
      "now.) developer(tools tool kind=0 flags=2 name=shell)" },
    { "CL-RSP-25", IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"web_search_call\",\"id\":\"ws_1\"}"),
      HELLO " assistant(opaque text={\"type\":\"web_search_call\",\"id\":\"ws_1\"} origin=openai-responses)" },
    { "choice", ALSO("\"tools\":[" SHELL "],\"tool_choice\":{\"type\":\"function\",\"name\":\"shell\"}"),
      HELLO " tool kind=0 flags=2 name=shell choice=3 choose=shell" },
    { "choice of a server's tool",
      ALSO("\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":\"web_search\"}"),
      HELLO " tool kind=2 flags=0 name=web_search origin=openai-responses extra={\"type\":\"web_search\"} choice=3 "
            "choose=web_search" },
    { "allowed tools",
      ALSO("\"tools\":[" SHELL
           "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{\"type\":"
           "\"function\",\"name\":\"shell\"}]}"),
      HELLO " tool kind=0 flags=2 name=shell choice=2" },
    { "CL-RSP-32",
      ALSO("\"client_metadata\":{\"a\":\"b\"},\"context_management\":[],\"moderation\":{},\"truncation\":\"auto\","
           "\"store\":"
           "true,\"include\":[\"reasoning.encrypted_content\",\"x\"]"),
      HELLO " all={\"context_management\":[],\"moderation\":{},\"truncation\":\"auto\"}" },
};

static void check_row(size_t index)
{
    struct reading r;
    aigw_status status = reading_begin(&r, OPENAI_RESPONSES, rows[index].body, strlen(rows[index].body), 0);
    struct aigw_buf *out = server_host.buf_new(server_ctx(&r.world), AIGW_LIFE_BUILD, SIZE_MAX);
    aigw_str text;

    if (status != AIGW_OK)
        reading_fail(rows[index].id, "refused", r.refusal.message);
    reading_put_request(out, &r.request);
    if (server_host.buf_view(out, &text) != AIGW_OK || !wire_is(text, rows[index].request))
        reading_fail(rows[index].id, "reads as", text);
    if (!wire_is(r.asked.raw.dialect, "openai") || !wire_is(r.asked.raw.path, "/v1/responses") ||
        memcmp(r.body + r.asked.raw.model_at, "\"m\"", 3) != 0)
        reading_fail(rows[index].id, "the marks are wrong", r.asked.raw.path);
    reading_end(&r);
}

/* ---- refusals ---- */

static const struct {
    aigw_status status;
    const char *body, *param, *code;
} refusals[] = {
    { AIGW_E_INVALID, M "\"x\":1}", "input", "missing_required_parameter" },
    { AIGW_E_INVALID, IN(""), "input", "empty_array" },
    { AIGW_E_INVALID, M "\"input\":{}}", "input", "invalid_type" },
    { AIGW_E_INVALID, IN("1"), "input[0]", "invalid_type" },
    { AIGW_E_INVALID, IN("{\"content\":\"x\"}"), "input[0].role", "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"role\":\"tool\",\"content\":\"x\"}"), "input[0].role", "invalid_value" },
    { AIGW_E_INVALID, IN("{\"role\":\"user\"}"), "input[0].content", "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}"),
      "input[0].content[0].image_url", "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"type\":5}"), "input[0].type", "invalid_type" },
    { AIGW_E_INVALID, IN("{\"type\":\"function_call\",\"name\":\"f\"}"), "input[0].call_id",
      "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"type\":\"function_call\",\"call_id\":\"c\"}"), "input[0].name",
      "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"type\":\"function_call_output\",\"output\":\"x\"}"), "input[0].call_id",
      "missing_required_parameter" },
    { AIGW_E_INVALID, IN("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":5}"), "input[0].output",
      "invalid_type" },
    { AIGW_E_INVALID, IN("{\"type\":\"reasoning\",\"summary\":\"x\"}"), "input[0].summary", "invalid_type" },
    { AIGW_E_INVALID, ALSO("\"max_output_tokens\":0"), "max_output_tokens", "integer_below_min_value" },
    { AIGW_E_INVALID, ALSO("\"instructions\":[]"), "instructions", "invalid_type" },
    { AIGW_E_INVALID, ALSO("\"include\":\"x\""), "include", "invalid_type" },
    { AIGW_E_INVALID, ALSO("\"reasoning\":\"high\""), "reasoning", "invalid_type" },
    { AIGW_E_INVALID, ALSO("\"reasoning\":{\"effort\":1}"), "reasoning.effort", "invalid_type" },
    { AIGW_E_INVALID, ALSO("\"text\":{\"format\":{\"type\":\"json_schema\"}}"), "text.format.schema",
      "missing_required_parameter" },
    { AIGW_E_INVALID, ALSO("\"tools\":[{\"type\":\"function\"}]"), "tools[0].name", "missing_required_parameter" },
    { AIGW_E_INVALID,
      ALSO("\"tools\":[{\"type\":\"namespace\",\"name\":\"a\",\"tools\":[{\"type\":\"namespace\",\"name\":\"b\"}]}]"),
      "tools[0].tools[0]", "invalid_value" },
    { AIGW_E_UNSUPPORTED, ALSO("\"previous_response_id\":\"resp_1\""), "previous_response_id",
      "previous_response_not_found" },
    { AIGW_E_UNSUPPORTED, M "\"previous_response_id\":\"resp_1\"}", "previous_response_id",
      "previous_response_not_found" },
    { AIGW_E_UNSUPPORTED, ALSO("\"conversation\":{\"id\":\"c\"}"), "conversation", "previous_response_not_found" },
    { AIGW_E_UNSUPPORTED, ALSO("\"background\":true"), "background", "unsupported_parameter" },
    { AIGW_E_UNSUPPORTED, ALSO("\"prompt\":{\"id\":\"p\"}"), "prompt", "unsupported_parameter" },
    { AIGW_E_UNSUPPORTED, IN("{\"type\":\"item_reference\",\"id\":\"x\"}"), "input[0]", "previous_response_not_found" },
    { AIGW_E_UNSUPPORTED, IN("{\"id\":\"x\"}"), "input[0]", "previous_response_not_found" },
    { AIGW_E_UNSUPPORTED, IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"compaction\"}"), "input[1]",
      "unsupported_parameter" },
};

static void check_refusal(size_t index)
{
    struct reading r;
    aigw_status status = reading_begin(&r, OPENAI_RESPONSES, refusals[index].body, strlen(refusals[index].body), 0);

    if (status != refusals[index].status)
        reading_fail(refusals[index].body, "has another status", r.refusal.message);
    else if (!wire_is(r.refusal.param, refusals[index].param) || !wire_is(r.refusal.code, refusals[index].code))
        reading_fail(refusals[index].body, "is refused by", r.refusal.message);
    reading_end(&r);
}

/* ---- wishes ---- */

static void test_foreign(void)
{
    static const char own[] = IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"reasoning\",\"summary\":[],"
                                 "\"encrypted_content\":\"gAAA\"}"),
                      foreign[] = IN("{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"reasoning\",\"summary\":[],"
                                     "\"encrypted_content\":\"aigw1.x.RXE9\"}");
    struct reading r;

    if (reading_begin(&r, OPENAI_RESPONSES, own, sizeof own - 1, 0) != AIGW_OK || r.asked.has_foreign)
        reading_fail("CL-RSP-20 own", "is not taken for its own", AIGW_STR_NONE);
    reading_end(&r);
    if (reading_begin(&r, OPENAI_RESPONSES, foreign, sizeof foreign - 1, 0) != AIGW_OK || !r.asked.has_foreign)
        reading_fail("CL-RSP-20 foreign", "is not noted", AIGW_STR_NONE);
    reading_end(&r);
}

static void test_wishes(void)
{
    static const char text[] = ALSO(
        "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":"
        "\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\"},\"strict\":true}},\"include\":[\"reasoning."
        "encrypted_content\"],\"max_output_tokens\":5,\"temperature\":0.5,\"top_logprobs\":2,\"parallel_tool_calls\":"
        "false,\"user\":\"u\",\"prompt_cache_key\":\"k\",\"tools\":[" PATCH ",{\"type\":\"tool_search\",\"execution\":"
        "\"client\"}],\"metadata\":{\"a\":\"b\"},\"stream\":true");
    const struct aigw_params *params;
    struct reading r;

    if (reading_begin(&r, OPENAI_RESPONSES, text, sizeof text - 1, 0) != AIGW_OK)
        reading_fail("wishes", "refused", r.refusal.message);
    params = r.request.params;
    if (!params || !wire_is(params->effort, "low") || params->reasoning_show != AIGW_SHOW_SUMMARY ||
        !wire_is(params->verbosity, "low") || params->format != AIGW_FORMAT_SCHEMA ||
        !wire_is(params->schema_name, "n") || params->schema_strict != AIGW_YES || params->max_tokens != 5 ||
        params->want_logprobs != AIGW_YES || params->top_logprobs != 2 || params->parallel_calls != AIGW_NO ||
        !wire_is(params->cache_key, "k"))
        reading_fail("CL-RSP-23", "a parameter is not what was asked", AIGW_STR_NONE);
    if (!r.asked.is_stream || !r.asked.shows_reasoning || !r.asked.wants_encrypted || !r.asked.has_tool_search ||
        r.asked.free_tool_count != 1)
        reading_fail("wishes", "are not noted", AIGW_STR_NONE);
    if (!wire_contains(r.asked.echo, "\"metadata\":{\"a\":\"b\"}") ||
        !wire_contains(r.asked.echo, "\"tool_choice\":\"auto\"") ||
        !wire_contains(r.asked.echo, "\"temperature\":0.5,"))
        reading_fail("echo", "is", r.asked.echo);
    reading_end(&r);
}

/* ---- bodies that are broken ---- */

static void try_body(const char *text, size_t len, size_t budget)
{
    struct reading r;
    aigw_status status = reading_begin(&r, OPENAI_RESPONSES, text, len, budget);

    if ((status == AIGW_E_INVALID || status == AIGW_E_UNSUPPORTED) &&
        (r.refusal.message.len == 0 || r.refusal.code.len == 0))
        reading_fail("broken", "a refusal without words", (aigw_str){ text, len });
    if (status != AIGW_OK && status != AIGW_E_INVALID && status != AIGW_E_UNSUPPORTED &&
        (status != AIGW_E_NOMEM || budget == 0))
        reading_fail("broken", "an odd status", (aigw_str){ text, len });
    reading_end(&r);
}

static void test_broken(uint32_t rounds)
{
    static const char *const values[] = { "null", "1", "\"\"", "[]", "{}", "true", "[[]]", "\"\\ud83d\"", ",", "}" };
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        size_t len = strlen(rows[i].body), needed;

        for (size_t cut = 0; cut < len; cut++)
            try_body(rows[i].body, cut, 0);
        reading_begin(&r, OPENAI_RESPONSES, rows[i].body, len, 0);
        needed = r.world.allocated;
        reading_end(&r);
        for (size_t budget = 1; budget < needed; budget += 1 + needed / 100)
            try_body(rows[i].body, len, budget);
    }
    for (uint32_t round = 0; round < rounds && reading_failures < 5; round++) {
        const char *body, *value;
        char text[4096];
        size_t len, at, end;

        seed = seed * 1664525u + 1013904223u;
        body = rows[(seed >> 8) % (sizeof rows / sizeof *rows)].body;
        value = values[(seed >> 16) % (sizeof values / sizeof *values)];
        len = strlen(body);
        seed = seed * 1664525u + 1013904223u;
        at = (seed >> 8) % len;
        at += strcspn(body + at, ":[,");
        at += at < len;
        end = at + strcspn(body + at, ",]}");
        len = (size_t)snprintf(text, sizeof text, "%.*s%s%s", (int)at, body, value, body + end);
        try_body(text, len, 0);
    }
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 50000;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(i);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_refusal(i);
    test_foreign();
    test_wishes();
    test_broken(rounds);
    printf("%zu rows, %zu refusals, %d failures\n", sizeof rows / sizeof *rows, sizeof refusals / sizeof *refusals,
           reading_failures);
    return reading_failures > 0;
}
