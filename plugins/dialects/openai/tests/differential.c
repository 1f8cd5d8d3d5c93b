/* differential.c - the short cuts for text deltas and whole answers must say exactly what the full parser says, for
 * ordinary ones and for hundreds of thousands of broken ones. Exit status 0: no difference. */
#include "../../common/tests/record.h"
#include "../openai.h"

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
    "{\"detail\":\"nothing here\"}",
    "[DONE]",
};

static void prepare(struct openai_call *call)
{
    call->path = OPENAI_CHAT;
    call->choice_count = 1;
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

int main(int argc, char **argv)
{
    const struct record_ways ways = { .call_size = sizeof(struct openai_call),
                                      .same_size = offsetof(struct openai_call, tools),
                                      .quick = quick,
                                      .slow = slow };
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40000;
    uint32_t differences = record_compare(frames, sizeof frames / sizeof *frames, AIGW_FRAMING_SSE, rounds, &ways);

    differences += record_compare(answers, sizeof answers / sizeof *answers, AIGW_FRAMING_BODY, rounds, &ways);
    printf("%u rounds, %u differences\n", rounds, differences);
    return differences > 0;
}
