/* differential.c - for ordinary answers and hundreds of thousands of broken ones: the short cut for text deltas must
 * say exactly what the reader of all answers says; and that one must say the same of a whole answer as it came and as
 * json-c reads and writes it. Exit status 0: no difference. */
#include "../../common/tests/record.h"
#include "../openai.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const frames[] = {
    "{\"id\":\"c-1\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"logprobs\":null}]}",
    "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"a \\\"quoted\\\" \\\\ \\n\\t\\/ line\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\ud83d\\ude00\\ud83d\"}}]}",
    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}",
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":null},\"finish_reason\":\"length\",\"stop_reason\":null}]}",
    "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}",
    "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\",\"content\":null,\"tool_calls\":null}}]}",
    "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}]}}]}",
    "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}",
    "{\"error\":{\"message\":\"out of memory\",\"code\":500}}",
    "{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"error\"}]}",
    "{\"object\":\"error\",\"message\":\"bad\"}",
    "{\"choices\":[{\"text\":\"legacy\",\"index\":0,\"finish_reason\":null}]}",
    "{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"part\"}]}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"1\",\"content\":\"2\"}},{\"index\":0,\"delta\":{\"content\":\"3\"}}]}",
    "{ \"choices\" : [ { \"index\" : 0 , \"delta\" : { \"content\" : \"spaced\" , \"x\" : [ 1.5 , -2e3 , { } ] } } ] }",
    "{\"choices\":[{\"delta\":{\"content\":\"half \\ud83d\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"\\ude00 whole\"}}]}",
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xed\xa0\xbd\"},\"stop_reason\":128001}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"STOP\",\"stop_reason\":\"END\"}]}",
    "{\"choices\":[{\"delta\":{\"content\":5},\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"error\":{\"code\":502}}],\"type\":\"chunk\"}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"null\",\"usage\":{\"prompt_tokens\":1}}]}",
    "{\"choices\":[{\"message\":{\"content\":\"repeated\"},\"delta\":{\"content\":\"x\",\"thinking\":\"hm\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}{\"choices\":[{\"delta\":{\"content\":\"y\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":false}],\"x_groq\":{\"usage\":{\"prompt_tokens\":1}"
    "}}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\",\"type\":\"error\",\"message\":\"bad\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"text\":5,\"type\":\"error\"}],\"object\":null}",
    "error: words",
    "null",
    "[DONE]",
};

static const char *const answers[] = {
    "{\"id\":\"c-1\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"role\":"
    "\"assistant\","
    "\"content\":\"Hi \\n\\u00e9\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
    "\"completion_tokens\":4,\"total_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":2}}}",
    "{\"choices\":[{\"message\":{\"content\":\"\",\"tool_calls\":null,\"refusal\":null},\"finish_reason\":\"length\"}]"
    "}",
    "{\"choices\":[{\"text\":\"legacy\",\"index\":0,\"finish_reason\":null}],\"timings\":{\"prompt_ms\":1.25}}",
    "{\"choices\":[{\"message\":null,\"text\":\"both\",\"finish_reason\":\"error\"}],\"usage\":{\"prompt_tokens\":1}}",
    "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\","
    "\"arguments\":{\"x\":1}}}]},\"finish_reason\":\"tool_calls\"}]}",
    "{\"choices\":[{\"message\":{\"content\":\"x\",\"reasoning\":\"hm\"}}],\"usage\":{\"prompt_tokens\":1.5}}",
    "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"part\"}]}}],\"usage\":null}",
    "{\"choices\":[{\"message\":{\"content\":\"1\",\"content\":\"2\"}}],\"choices\":[{\"text\":\"3\",\"index\":0}]}",
    "{\"choices\":[{\"index\":1,\"text\":\"other\"}]}",
    "{\"choices\":[{\"index\":0,\"text\":\"a\"},{\"index\":1,\"text\":\"b\"}]}",
    "{\"choices\":[]}",
    "{\"choices\":[7]}",
    "{\"error\":{\"message\":\"out of memory\",\"code\":500}}",
    "{\"error\":null,\"choices\":[{\"text\":\"x\",\"finish_reason\":\"abort\"}],\"usage\":{\"completion_tokens\":9}}",
    "{\"object\":\"error\",\"message\":\"bad\",\"choices\":[{\"text\":\"x\"}]}",
    "{\"choices\":[{\"message\":{\"content\":\"half \\ud83d\"}}]}",
    "{\"choices\":[{\"text\":\"x\",\"logprobs\":{\"tokens\":[]},\"stop_reason\":\"END\",\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"a piece\"}}]}{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"message\":{\"content\":{\"text\":\"x\"}},\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"message\":{\"content\":\"x\",\"error\":\"late\"}}],\"usage\":{\"input_tokens\":2,\"output_"
    "tokens\":-3}}",
    "{\"id\":\"c-\\u0031\", \"model\" : \"m\\\"1\", \"choices\":[{\"message\":{\"content\":\"a\\\\\\\"b\\/\\t\\b\", "
    "\"annotations\":[ {\"u\" : \"\\u00e9\"} ],\"refusal\":\"no\"},\"finish_reason\":\"stop\",\"logprobs\":{ \"a\" : [ "
    "-0.5 ] }}]}",
    "{\"choices\":[{\"index\":1,\"message\":{\"tool_calls\":[{\"id\":7,\"index\":\"1\",\"custom\":{\"name\":\"g\","
    "\"input\":\"x\\ny\"}},"
    "{\"function\":{\"name\":\"f\",\"arguments\":{ \"a\" : { \"b\" : [ 1 , \"\\\\\" ] } "
    "}}}],\"content\":[{\"type\":\"new\",\"x\": [ ]}]}}]}",
    "{\"detail\":\"nothing here\"}",
    "[DONE]",
};

static void prepare(struct openai_call *call)
{
    call->path = OPENAI_CHAT;
    call->choice_count = 1;
    call->is_named = 1; /* before that there is no short cut */
}

static aigw_status quick(struct record *record, void *call, const struct aigw_frame *frame)
{
    prepare(call);
    return openai_frame(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

static aigw_status slow(struct record *record, void *call, const struct aigw_frame *frame)
{
    prepare(call);
    return openai_frame_slow(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

/* ---- json-c's reading of the same ---- */

/* What both readers take for JSON (json-c has numbers that begin with zeros); NULL otherwise. */
static struct json_object *parse(aigw_str text)
{
    struct json_tokener *tok;
    struct json_object *value;
    struct aigw_json root;

    if (aigw_json_check(text, AIGW_JSON_STRICT | AIGW_JSON_BYTES, &root, NULL) != AIGW_OK)
        return NULL;
    tok = json_tokener_new_ex(AIGW_JSON_DEPTH + 1);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    value = json_tokener_parse_ex(tok, text.ptr, (int)text.len);
    if (json_tokener_get_error(tok) != json_tokener_success || json_tokener_get_parse_end(tok) != text.len) {
        json_object_put(value);
        value = NULL;
    }
    json_tokener_free(tok);
    return value;
}

/* JSON in an event is compared as json-c writes it. */
static aigw_status emit_plain(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct aigw_event plain = *event;
    struct json_object *value = event->type == AIGW_EVENT_TEXT ? NULL : parse(event->text);
    aigw_status status;

    if (value)
        plain.text = wire_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    status = record_host.emit(ctx, &plain);
    json_object_put(value);
    return status;
}

static struct aigw_host plain_host;

static aigw_status as_it_came(struct record *record, void *call, const struct aigw_frame *frame)
{
    struct openai_call *state = call;

    state->path = OPENAI_CHAT;
    state->choice_count = 2;
    return openai_frame(&plain_host, (struct aigw_ctx *)(void *)record, state, frame);
}

/* Halves of characters are not json-c's: it makes them U+FFFD at once. */
static bool has_half(aigw_str text)
{
    return wire_contains(text, "\\ud");
}

static aigw_status as_json_c_has_it(struct record *record, void *call, const struct aigw_frame *frame)
{
    struct json_object *value = has_half(frame->data) ? NULL : parse(frame->data);
    struct aigw_frame again = *frame;
    aigw_status status;

    if (value)
        again.data = wire_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    status = as_it_came(record, call, &again);
    json_object_put(value);
    return status;
}

int main(int argc, char **argv)
{
    const struct record_ways oracle = { .call_size = sizeof(struct openai_call),
                                        .same_size = offsetof(struct openai_call, tools),
                                        .quick = as_it_came,
                                        .slow = as_json_c_has_it };
    const struct record_ways ways = { .call_size = sizeof(struct openai_call),
                                      .same_size = offsetof(struct openai_call, tools),
                                      .quick = quick,
                                      .slow = slow };
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40000;
    uint32_t differences = record_compare(frames, sizeof frames / sizeof *frames, AIGW_FRAMING_SSE, rounds, &ways);

    plain_host = record_host;
    plain_host.emit = emit_plain;
    differences += record_compare(answers, sizeof answers / sizeof *answers, AIGW_FRAMING_BODY, rounds, &oracle);
    printf("%u rounds, %u differences\n", rounds, differences);
    return differences > 0;
}
