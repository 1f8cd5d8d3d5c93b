/* differential.c - the short cut for text deltas must say exactly what the full parser says, for ordinary frames and
 * for hundreds of thousands of broken ones. Exit status 0: no difference. */
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
    "[DONE]",
};

static aigw_status quick(struct record *record, void *call, const struct aigw_frame *frame)
{
    ((struct openai_call *)call)->path = OPENAI_CHAT;
    return openai_frame(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

static aigw_status slow(struct record *record, void *call, const struct aigw_frame *frame)
{
    ((struct openai_call *)call)->path = OPENAI_CHAT;
    return openai_frame_slow(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40000;
    uint32_t differences =
        record_compare(frames, sizeof frames / sizeof *frames, rounds, sizeof(struct openai_call), quick, slow);

    printf("%u rounds, %u differences\n", rounds, differences);
    return differences > 0;
}
