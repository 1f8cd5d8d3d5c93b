/* differential.c - the short cuts for text deltas and whole answers must say exactly what the full parser says, for
 * ordinary ones and for hundreds of thousands of broken ones. Exit status 0: no difference. */
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
    "error: words",
    "null",
};

static const char *const answers[] = {
    "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hi "
    "\\n\\u00e9\"}],"
    "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":9}}",
    "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],\"stop_reason\":\"max_"
    "tokens\"}",
    "{\"content\":[{\"type\":\"text\",\"text\":null}],\"usage\":{\"input_tokens\":1,\"cache_creation_input_tokens\":2,"
    "\"cache_read_input_tokens\":4,\"output_tokens\":null}}",
    "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":"
    "\"refusal\"}",
    "{\"content\":[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":{\"a\":1}}],\"stop_reason\":\"tool_"
    "use\"}",
    "{\"content\":[],\"usage\":{\"input_tokens\":1.5}}",
    "{\"content\":[7,\"text\"],\"content\":[{\"text\":\"last\",\"type\":\"text\"}]}",
    "{\"content\":\"text\"}",
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
    "{\"error\":null,\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}",
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"half \\ud83d\"}],\"stop_reason\":7}",
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"citations\":[{\"a\":1}]}],\"stop_reason\":"
    "\"stop_sequence\","
    "\"stop_sequence\":\"END\",\"stop_details\":{\"category\":\"c\"}}",
    "{\"content\":[{\"type\":\"text\"}]}",
    "[]",
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

    differences += record_compare(answers, sizeof answers / sizeof *answers, AIGW_FRAMING_BODY, rounds, &ways);
    printf("%u rounds, %u differences\n", rounds, differences);
    return differences > 0;
}
