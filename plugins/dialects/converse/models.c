/* models.c - what models on Bedrock take, as the vendor's table of supported features says. A row is found by parts of
 * the model's name: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", an ARN that ends in such a name, or what an
 * operator wrote. The first row that fits counts. */
#include "converse.h"

#include "../anthropic/models.h"

#include <ctype.h>

#define ALL \
    (CONVERSE_SYSTEM | CONVERSE_TOOLS | CONVERSE_TOOL_STREAM | CONVERSE_CHOICE_ANY | CONVERSE_CHOICE_NAMED | \
     CONVERSE_STOPS)
#define CLAUDE (ALL | CONVERSE_CACHE | CONVERSE_CACHE_TOOLS | CONVERSE_PREFILL)
#define AUTO   (CONVERSE_SYSTEM | CONVERSE_TOOLS | CONVERSE_STOPS) /* whole answers only when there are tools */
#define PLAIN  (CONVERSE_SYSTEM | CONVERSE_STOPS)

static const struct converse_model models[] = {
    /* Claude: what hangs on its version is told by the dialect of its maker. */
    { "claude-instant", CONVERSE_CLAUDE, PLAIN | CONVERSE_PREFILL, -1 },
    { "claude-v2", CONVERSE_CLAUDE, PLAIN | CONVERSE_PREFILL, -1 },
    { "claude-3-opus", CONVERSE_CLAUDE, ALL | CONVERSE_PREFILL, -1 },
    { "claude-3-sonnet", CONVERSE_CLAUDE, ALL | CONVERSE_PREFILL, -1 },
    { "claude-3-haiku", CONVERSE_CLAUDE, ALL | CONVERSE_PREFILL, -1 },
    { "claude", CONVERSE_CLAUDE, CLAUDE, -1 },

    { "nova-2", CONVERSE_NOVA, ALL | CONVERSE_CACHE | CONVERSE_PREFILL | CONVERSE_AUDIO | CONVERSE_THINKING, 4 },
    { "amazon-nova", CONVERSE_NOVA, ALL | CONVERSE_CACHE | CONVERSE_PREFILL, 4 },
    { "amazon-titan", CONVERSE_TITAN, CONVERSE_STOPS, -1 },

    { "llama2", CONVERSE_LLAMA, CONVERSE_SYSTEM, 0 },
    { "llama3-8b", CONVERSE_LLAMA, CONVERSE_SYSTEM, 0 },
    { "llama3-70b", CONVERSE_LLAMA, CONVERSE_SYSTEM, 0 },
    { "llama3-2-1b", CONVERSE_LLAMA, CONVERSE_SYSTEM, 0 },
    { "llama3-2-3b", CONVERSE_LLAMA, CONVERSE_SYSTEM, 0 },
    { "meta-llama", CONVERSE_LLAMA, CONVERSE_SYSTEM | CONVERSE_TOOLS, 0 },

    { "mistral-7b", CONVERSE_MISTRAL, CONVERSE_STOPS, 10 },
    { "mixtral-8x7b", CONVERSE_MISTRAL, CONVERSE_STOPS, 10 },
    { "mistral-large-2402", CONVERSE_MISTRAL, AUTO | CONVERSE_CHOICE_ANY, 10 },
    { "mistral-large-2407", CONVERSE_MISTRAL, AUTO | CONVERSE_CHOICE_ANY, 10 },
    { "mistral-small-2402", CONVERSE_MISTRAL, AUTO | CONVERSE_CHOICE_ANY, 10 },
    { "pixtral-large", CONVERSE_MISTRAL, AUTO | CONVERSE_CHOICE_ANY, 10 },
    { "mistral-voxtral", CONVERSE_MISTRAL, ALL | CONVERSE_SCHEMA | CONVERSE_AUDIO, 10 },
    { "mistral-mistral", CONVERSE_MISTRAL, ALL | CONVERSE_SCHEMA, 10 },
    { "mistral-ministral", CONVERSE_MISTRAL, ALL | CONVERSE_SCHEMA, 10 },
    { "mistral-magistral", CONVERSE_MISTRAL, ALL | CONVERSE_SCHEMA, 10 },

    { "cohere-command-r", CONVERSE_COHERE, PLAIN | CONVERSE_TOOLS | CONVERSE_TOOL_STREAM, 4 },
    { "cohere-command", CONVERSE_COHERE, CONVERSE_STOPS, 4 },

    { "jamba-1-5", CONVERSE_AI21, PLAIN | CONVERSE_TOOLS | CONVERSE_TOOL_STREAM, 64 },
    { "ai21-jamba", CONVERSE_AI21, PLAIN, 64 },
    { "ai21-j2", CONVERSE_AI21, CONVERSE_STOPS, 64 },

    { "deepseek-r1", CONVERSE_DEEPSEEK, PLAIN, 10 },
    { "deepseek-v3", CONVERSE_DEEPSEEK, ALL | CONVERSE_SCHEMA, 10 },
    { "gpt-oss", CONVERSE_GPT_OSS, ALL | CONVERSE_SCHEMA | CONVERSE_THINKING, -1 },
    { "qwen", CONVERSE_OTHER, ALL | CONVERSE_SCHEMA, -1 },
    { "writer-palmyra", CONVERSE_OTHER, ALL, -1 },
};

/* Nothing is known: prefill and cache markers are not risked, all else is the model's to refuse. */
static const struct converse_model unknown = { "", CONVERSE_UNKNOWN, ALL | CONVERSE_SCHEMA | CONVERSE_AUDIO, -1 };

/* The pattern's '-' stands for any of - _ . between the parts of the name. */
static bool has_at(aigw_str name, size_t at, const char *pattern)
{
    for (; *pattern; pattern++, at++) {
        char c = at < name.len ? (char)tolower((unsigned char)name.ptr[at]) : '\0';

        if (*pattern == '-' ? c != '-' && c != '_' && c != '.' : c != *pattern)
            return false;
    }
    return true;
}

const struct converse_model *converse_model_of(aigw_str name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (size_t at = 0; at < name.len; at++)
            if (has_at(name, at, models[i].pattern))
                return &models[i];
    return &unknown;
}

void converse_find_quirks(aigw_str model, struct converse_quirks *ret_quirks)
{
    const struct converse_model *known = converse_model_of(model);
    uint32_t takes = known->takes, refuses = 0;

    if (known->vendor == CONVERSE_CLAUDE) {
        refuses = known->takes & CONVERSE_TOOLS ? anthropic_model_refuses(model)
                                                : ANTHROPIC_NO_THINKING | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA;
        takes |= refuses & ANTHROPIC_NO_SCHEMA ? 0 : CONVERSE_SCHEMA;
        takes |= refuses & ANTHROPIC_NO_THINKING ? 0 : CONVERSE_THINKING;
    }
    *ret_quirks = (struct converse_quirks){
        .model = known,
        .takes = takes,
        .refuses = refuses,
        .drop_sampling = wire_model_drops_temperature(model),
        .refuses_prefill = !(takes & CONVERSE_PREFILL) || wire_model_refuses_prefill(model),
        .emulates_schema = !(takes & CONVERSE_SCHEMA),
        .cache_ttl = "5m",
    };
}
