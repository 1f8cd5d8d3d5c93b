/* differential.c - the scan for text deltas must say exactly what the full reader says, for ordinary events and for
 * hundreds of thousands of broken ones. Exit status 0: no difference. */
#include "../../common/tests/record.h"
#include "../anthropic.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const frames[] = {
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}",
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"a \\\"b\\\"\\n\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\u00e9\\ud83d\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}",
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"x\"}}",
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"i\"}}",
    "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}",
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}",
    "{\"type\":\"message_stop\"}",
    "{\"type\":\"ping\"}",
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
    "{ \"type\" : \"content_block_delta\" , \"delta\" : { \"text\" : \"spaced\" , \"type\" : \"text_delta\" } }",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\ude00!\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":null}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":{}}}",
    "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"s\"}}",
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"input_tokens\":7}}{\"type\":"
    "\"message_stop\"}",
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":3}}}",
    "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\"}}",
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"compaction_delta\",\"content\":\"c\"}}",
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"whole\"}],\"stop_reason\":\"end_turn\"}",
    "error: words",
    "null",
};

static aigw_status quick(struct record *record, void *call, const struct aigw_frame *frame)
{
    return anthropic_frame(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

static aigw_status slow(struct record *record, void *call, const struct aigw_frame *frame)
{
    return anthropic_frame_slow(&record_host, (struct aigw_ctx *)(void *)record, call, frame);
}

int main(int argc, char **argv)
{
    const struct record_ways ways = { .call_size = sizeof(struct anthropic_call),
                                      .same_size = offsetof(struct anthropic_call, tools),
                                      .quick = quick,
                                      .slow = slow };
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40000;
    uint32_t differences = record_compare(frames, sizeof frames / sizeof *frames, AIGW_FRAMING_SSE, rounds, &ways);

    printf("%u rounds, %u differences\n", rounds, differences);
    return differences > 0;
}
