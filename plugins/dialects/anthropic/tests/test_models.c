/* test_models.c - what is read out of models' names. Exit status 0: all is well. */
#include "../models.h"

#include <stdio.h>

static const struct {
    const char *model;
    uint32_t version;
} versions[] = {
    { "claude-sonnet-4-5-20250929", 405 },
    { "claude-sonnet-4-20250514", 400 },
    { "claude-opus-4-1", 401 },
    { "claude-opus-4-0", 400 },
    { "claude-opus-4-6", 406 },
    { "claude-opus-5", 500 },
    { "claude-opus-5-20260801", 500 },
    { "claude-fable-5-1", 501 },
    { "claude-3-haiku-20240307", 300 },
    { "claude-3-5-sonnet-20241022", 305 },
    { "claude-3-5-haiku-latest", 305 },
    { "claude-3-7-sonnet@20250219", 307 },
    { "claude-haiku-4-5@20251001", 405 },
    { "claude-opus-4@20250514", 400 },
    { "claude-4.5-sonnet", 405 },
    { "claude_sonnet_4_5", 405 },
    { "CLAUDE-Sonnet-4.5", 405 },
    { "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 405 },
    { "anthropic.claude-opus-4-6-v1", 406 },
    { "anthropic.claude-3-sonnet-20240229-v1:0", 300 },
    { "anthropic/claude-haiku-4.5", 405 },
    { "claude-2.1", 201 },
    { "claude-instant-1.2", 102 },
    { "claude-opus-10-2", 1002 },
    { "claude-mythos-preview", 0 },
    { "claude", 0 },
    { "claude-", 0 },
    { "claude-4", 400 },
    { "claude-4-", 400 },
    { "claude-v2", 0 },
    { "my-model-4-5", 0 },
    { "gpt-5", 0 },
    { "", 0 },
};

static const struct {
    const char *model;
    uint32_t refuses;
} refusals[] = {
    { "claude-3-haiku-20240307", ANTHROPIC_NO_THINKING | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA },
    { "claude-3-7-sonnet-20250219", ANTHROPIC_NO_ADAPTIVE | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA },
    { "claude-opus-4-1-20250805", ANTHROPIC_NO_ADAPTIVE | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA },
    { "claude-sonnet-4-5", ANTHROPIC_NO_ADAPTIVE | ANTHROPIC_NO_EFFORT },
    { "claude-opus-4-5", ANTHROPIC_NO_ADAPTIVE | ANTHROPIC_NO_XHIGH | ANTHROPIC_NO_MAX },
    { "claude-sonnet-4-6", ANTHROPIC_NO_XHIGH },
    { "claude-opus-4-7", ANTHROPIC_NO_BUDGET | ANTHROPIC_OFF_UNSAID },
    { "claude-opus-5", ANTHROPIC_NO_BUDGET | ANTHROPIC_NO_OFF_EFFORT },
    { "claude-mythos-preview", ANTHROPIC_NO_BUDGET | ANTHROPIC_NO_OFF },
    { "claude-fable-5", ANTHROPIC_NO_BUDGET | ANTHROPIC_NO_OFF },
    { "fable-5", 0 },
    { "test-model", 0 },
};

int main(void)
{
    int failures = 0;

    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        uint32_t found = anthropic_model_version(wire_str(versions[i].model));

        if (found != versions[i].version) {
            fprintf(stderr, "%s: version %u, expected %u\n", versions[i].model, found, versions[i].version);
            failures++;
        }
    }
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        uint32_t found = anthropic_model_refuses(wire_str(refusals[i].model));

        if (found != refusals[i].refuses) {
            fprintf(stderr, "%s: refuses %#x, expected %#x\n", refusals[i].model, found, refusals[i].refuses);
            failures++;
        }
    }
    return failures > 0;
}
