/* models.c - what a model's name says it takes. */
#include "../converse.h"

#include <stdio.h>

static const struct row {
    const char *name;
    enum converse_vendor vendor;
    uint32_t takes, lacks;
    bool refuses_prefill, emulates_schema;
} rows[] = {
    { "anthropic.claude-3-haiku-20240307-v1:0", CONVERSE_CLAUDE, CONVERSE_TOOL_STREAM,
      CONVERSE_CACHE | CONVERSE_THINKING | CONVERSE_SCHEMA, false, true },
    { "us.anthropic.claude-3-7-sonnet-20250219-v1:0", CONVERSE_CLAUDE, CONVERSE_CACHE | CONVERSE_THINKING,
      CONVERSE_SCHEMA, true, true },
    { "eu.anthropic.claude-sonnet-4-20250514-v1:0", CONVERSE_CLAUDE, CONVERSE_THINKING, CONVERSE_SCHEMA, false, true },
    { "global.anthropic.claude-sonnet-4-5-20250929-v1:0", CONVERSE_CLAUDE, CONVERSE_THINKING | CONVERSE_SCHEMA, 0,
      false, false },
    { "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0", CONVERSE_CLAUDE,
      CONVERSE_THINKING, CONVERSE_SCHEMA, false, true },
    { "anthropic.claude-opus-4-7", CONVERSE_CLAUDE, CONVERSE_SCHEMA, 0, true, false },
    { "anthropic.claude-v2:1", CONVERSE_CLAUDE, CONVERSE_SYSTEM, CONVERSE_TOOLS, true, true },
    { "amazon.nova-pro-v1:0", CONVERSE_NOVA, CONVERSE_CACHE | CONVERSE_CHOICE_NAMED,
      CONVERSE_CACHE_TOOLS | CONVERSE_THINKING, false, true },
    { "us.amazon.nova-2-lite-v1:0", CONVERSE_NOVA, CONVERSE_THINKING | CONVERSE_AUDIO, CONVERSE_CACHE_TOOLS, false,
      true },
    { "amazon.titan-text-premier-v1:0", CONVERSE_TITAN, CONVERSE_STOPS, CONVERSE_SYSTEM | CONVERSE_TOOLS, true, true },
    { "us.meta.llama4-scout-17b-instruct-v1:0", CONVERSE_LLAMA, CONVERSE_TOOLS, CONVERSE_TOOL_STREAM | CONVERSE_STOPS,
      true, true },
    { "meta.llama3-70b-instruct-v1:0", CONVERSE_LLAMA, CONVERSE_SYSTEM, CONVERSE_TOOLS, true, true },
    { "meta.llama3-1-70b-instruct-v1:0", CONVERSE_LLAMA, CONVERSE_TOOLS, CONVERSE_TOOL_STREAM, true, true },
    { "mistral.mistral-7b-instruct-v0:2", CONVERSE_MISTRAL, CONVERSE_STOPS, CONVERSE_SYSTEM | CONVERSE_TOOLS, true,
      true },
    { "mistral.mistral-large-2407-v1:0", CONVERSE_MISTRAL, CONVERSE_CHOICE_ANY,
      CONVERSE_CHOICE_NAMED | CONVERSE_TOOL_STREAM, true, true },
    { "mistral.mistral-large-3-675b-instruct", CONVERSE_MISTRAL, CONVERSE_TOOL_STREAM | CONVERSE_SCHEMA, 0, true,
      false },
    { "cohere.command-r-plus-v1:0", CONVERSE_COHERE, CONVERSE_TOOL_STREAM, CONVERSE_CHOICE_ANY, true, true },
    { "cohere.command-text-v14", CONVERSE_COHERE, CONVERSE_STOPS, CONVERSE_SYSTEM, true, true },
    { "ai21.jamba-1-5-large-v1:0", CONVERSE_AI21, CONVERSE_TOOL_STREAM, CONVERSE_CHOICE_ANY, true, true },
    { "us.deepseek.r1-v1:0", CONVERSE_DEEPSEEK, CONVERSE_SYSTEM, CONVERSE_TOOLS, true, true },
    { "deepseek.v3-v1:0", CONVERSE_DEEPSEEK, CONVERSE_TOOL_STREAM | CONVERSE_SCHEMA, 0, true, false },
    { "openai.gpt-oss-20b-1:0", CONVERSE_GPT_OSS, CONVERSE_THINKING | CONVERSE_SCHEMA, CONVERSE_CACHE, true, false },
    { "qwen.qwen3-coder-30b-a3b-v1:0", CONVERSE_OTHER, CONVERSE_TOOLS, CONVERSE_CACHE, true, false },
    { "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2", CONVERSE_UNKNOWN,
      CONVERSE_TOOL_STREAM | CONVERSE_SCHEMA, CONVERSE_CACHE | CONVERSE_PREFILL, true, false },
    { "", CONVERSE_UNKNOWN, CONVERSE_TOOLS, CONVERSE_CACHE, true, false },
};

int main(void)
{
    int differences = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        const struct converse_model *model = converse_model_of(wire_str(row->name));
        struct converse_quirks quirks;

        converse_find_quirks(wire_str(row->name), &quirks);
        if (model->vendor == row->vendor && (quirks.takes & row->takes) == row->takes && !(quirks.takes & row->lacks) &&
            quirks.refuses_prefill == row->refuses_prefill && quirks.emulates_schema == row->emulates_schema)
            continue;
        differences++;
        fprintf(stderr, "%s: found the row \"%s\", vendor %d, takes %#x, prefill refused %d, schema emulated %d\n",
                row->name, model->pattern, (int)model->vendor, quirks.takes, quirks.refuses_prefill,
                quirks.emulates_schema);
    }
    return differences > 0;
}
