/* profile.c - see profile.h. Facts of the servers' own documentation; a server that ignores what it does not know is
 * told nothing that it would ignore. */
#include "profile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define ALL OPENAI_STOPS_ALL

/* What strict services refuse: members beyond the common ones. */
#define NO_STRICT     (OPENAI_NO_EXTRAS | OPENAI_NO_OFFICIAL)
#define NO_OTHERS     (OPENAI_NO_COMPLETIONS | OPENAI_NO_EMBEDDINGS)
#define NO_LIKELIHOOD (OPENAI_NO_LOGPROBS | OPENAI_NO_LOGIT_BIAS)
#define KWARGS_OFF    "{\"enable_thinking\":false,\"thinking\":false}"
#define KWARGS_ON     "{\"enable_thinking\":true,\"thinking\":true}"
#define SWITCH_OFF    "{\"type\":\"disabled\"}"
#define SWITCH_ON     "{\"type\":\"enabled\"}"

static const struct openai_profile profiles[] = {
    { .name = "plain", .max_stops = ALL },
    { .name = "openai",
      .hosts = "api.openai.com|eu.api.openai.com|us.api.openai.com",
      .base_url = "https://api.openai.com/v1",
      .refuses = OPENAI_NO_EXTRAS,
      .says = OPENAI_SAYS_DEVELOPER | OPENAI_SAYS_ALLOWED | OPENAI_SAYS_CUSTOM,
      .max_stops = 4 },
    { .name = "azure", /* the v1 form of its API; the others are a provider of their own */
      .refuses = OPENAI_NO_EXTRAS,
      .says = OPENAI_SAYS_DEVELOPER | OPENAI_SAYS_CUSTOM,
      .max_stops = 4 },
    /* ---- run by people themselves ---- */
    { .name = "vllm",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_SUFFIX,
      .prefill = OPENAI_PREFILL_CONTINUE,
      .max_stops = ALL,
      .thinking = "chat_template_kwargs",
      .off = KWARGS_OFF,
      .on = KWARGS_ON },
    { .name = "sglang",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_SUFFIX,
      .prefill = OPENAI_PREFILL_CONTINUE,
      .max_stops = ALL,
      .thinking = "chat_template_kwargs",
      .off = KWARGS_OFF,
      .on = KWARGS_ON },
    { .name = "ollama",
      .refuses = NO_STRICT | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_TOOL_CHOICE |
                 OPENAI_NO_PARALLEL | OPENAI_NO_NAMES,
      .max_stops = ALL,
      .version = "/v1" },
    { .name = "lmstudio",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_LOGPROBS |
                 OPENAI_NO_PARALLEL | OPENAI_NO_SUFFIX,
      .says = OPENAI_SAYS_REPEAT | OPENAI_SAYS_NO_NAMED | OPENAI_SAYS_SCHEMA_ONLY,
      .max_stops = ALL },
    { .name = "llamacpp",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_SUFFIX,
      .says = OPENAI_SAYS_REPEAT | OPENAI_SAYS_NO_NAMED,
      .max_stops = ALL,
      .thinking = "chat_template_kwargs",
      .off = KWARGS_OFF,
      .on = KWARGS_ON },
    { .name = "tgi",
      .refuses = NO_STRICT | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_PARALLEL | OPENAI_NO_EFFORT |
                 OPENAI_NO_SUFFIX | OPENAI_NO_EMBEDDINGS,
      .says = OPENAI_SAYS_ABOVE_ZERO,
      .max_stops = 4 },
    { .name = "litellm", .max_stops = ALL },
    /* ---- services ---- */
    { .name = "fireworks",
      .hosts = "api.fireworks.ai",
      .base_url = "https://api.fireworks.ai/inference/v1",
      .refuses = OPENAI_NO_VERBOSITY | OPENAI_NO_SERVICE_TIER | OPENAI_NO_CACHE_KEY | OPENAI_NO_MIN_TOKENS |
                 OPENAI_NO_METADATA,
      .max_stops = 4 },
    { .name = "groq",
      .hosts = "api.groq.com",
      .base_url = "https://api.groq.com/openai/v1",
      .refuses = OPENAI_NO_EXTRAS | OPENAI_NO_VERBOSITY | OPENAI_NO_CACHE_KEY | OPENAI_NO_PREDICTION |
                 OPENAI_NO_METADATA | NO_LIKELIHOOD | OPENAI_NO_CHOICES | OPENAI_NO_NAMES | NO_OTHERS,
      .says = OPENAI_SAYS_MAX_COMPLETION,
      .max_stops = 4 },
    { .name = "deepseek",
      .hosts = "api.deepseek.com",
      .base_url = "https://api.deepseek.com",
      .refuses = NO_STRICT | OPENAI_NO_SEED | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_USER | OPENAI_NO_CHOICES |
                 OPENAI_NO_PARALLEL | OPENAI_NO_EFFORT | OPENAI_NO_SCHEMA | OPENAI_NO_EMBEDDINGS,
      .says = OPENAI_SAYS_REASONING_BACK,
      .prefill = OPENAI_PREFILL_PREFIX,
      .max_stops = 16,
      .thinking = "thinking",
      .off = SWITCH_OFF,
      .on = SWITCH_ON,
      .beta = "/beta" },
    { .name = "openrouter",
      .hosts = "openrouter.ai",
      .base_url = "https://openrouter.ai/api/v1",
      .refuses = OPENAI_NO_MIN_TOKENS | OPENAI_NO_CACHE_KEY | OPENAI_NO_SERVICE_TIER | OPENAI_NO_CHOICES,
      .max_stops = ALL,
      .thinking = "reasoning",
      .off = "{\"enabled\":false}",
      .on = "{\"enabled\":true}" },
    { .name = "xai",
      .hosts = "api.x.ai",
      .base_url = "https://api.x.ai/v1",
      .refuses = NO_STRICT | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_EMBEDDINGS,
      .max_stops = ALL },
    { .name = "together",
      .hosts = "api.together.xyz|api.together.ai",
      .base_url = "https://api.together.xyz/v1",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_USER | OPENAI_NO_SUFFIX,
      .says = OPENAI_SAYS_LOGPROBS_COUNT,
      .max_stops = ALL },
    { .name = "perplexity",
      .hosts = "api.perplexity.ai",
      .base_url = "https://api.perplexity.ai",
      .refuses = OPENAI_NO_MIN_P | OPENAI_NO_REPETITION | OPENAI_NO_MIN_TOKENS | OPENAI_NO_OFFICIAL | OPENAI_NO_SEED |
                 NO_LIKELIHOOD | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_TOOLS | OPENAI_NO_NAMES |
                 OPENAI_NO_STREAM_OPTIONS | NO_OTHERS,
      .max_stops = 0 },
    { .name = "mistral",
      .hosts = "api.mistral.ai|codestral.mistral.ai",
      .base_url = "https://api.mistral.ai/v1",
      .refuses = OPENAI_NO_EXTRAS | OPENAI_NO_VERBOSITY | OPENAI_NO_SERVICE_TIER | OPENAI_NO_CACHE_KEY | NO_LIKELIHOOD |
                 OPENAI_NO_USER | OPENAI_NO_NAMES | OPENAI_NO_EFFORT | OPENAI_NO_STREAM_OPTIONS | OPENAI_NO_COMPLETIONS,
      .says = OPENAI_SAYS_RANDOM_SEED | OPENAI_SAYS_ANY,
      .prefill = OPENAI_PREFILL_PREFIX,
      .max_stops = ALL },
    { .name = "sambanova",
      .hosts = "api.sambanova.ai",
      .base_url = "https://api.sambanova.ai/v1",
      .refuses = OPENAI_NO_MIN_P | OPENAI_NO_REPETITION | OPENAI_NO_MIN_TOKENS | OPENAI_NO_OFFICIAL |
                 OPENAI_NO_PENALTIES | OPENAI_NO_SEED | NO_LIKELIHOOD | OPENAI_NO_USER | OPENAI_NO_CHOICES |
                 OPENAI_NO_COMPLETIONS,
      .max_stops = ALL },
    { .name = "cerebras",
      .hosts = "api.cerebras.ai",
      .base_url = "https://api.cerebras.ai/v1",
      .refuses = OPENAI_NO_EXTRAS | OPENAI_NO_VERBOSITY | OPENAI_NO_CACHE_KEY | OPENAI_NO_METADATA |
                 OPENAI_NO_PENALTIES | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_CHOICES | OPENAI_NO_NAMES | OPENAI_NO_SUFFIX |
                 OPENAI_NO_EMBEDDINGS,
      .says = OPENAI_SAYS_MAX_COMPLETION,
      .max_stops = 4 },
    { .name = "nvidia",
      .hosts = "integrate.api.nvidia.com",
      .base_url = "https://integrate.api.nvidia.com/v1",
      .refuses = NO_STRICT | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_SUFFIX,
      .max_stops = 4 },
    { .name = "deepinfra",
      .hosts = "api.deepinfra.com",
      .base_url = "https://api.deepinfra.com/v1/openai",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_SUFFIX,
      .max_stops = 16 },
    { .name = "moonshot",
      .hosts = "api.moonshot.ai|api.moonshot.cn",
      .base_url = "https://api.moonshot.ai/v1",
      .refuses = NO_STRICT | OPENAI_NO_SEED | NO_LIKELIHOOD | OPENAI_NO_USER | OPENAI_NO_PARALLEL | OPENAI_NO_EFFORT |
                 OPENAI_NO_SCHEMA | NO_OTHERS,
      .says = OPENAI_SAYS_REASONING_BACK,
      .prefill = OPENAI_PREFILL_PARTIAL,
      .max_stops = 5 },
    { .name = "zai",
      .hosts = "api.z.ai|open.bigmodel.cn",
      .base_url = "https://api.z.ai/api/paas/v4",
      .refuses = NO_STRICT | OPENAI_NO_SEED | NO_LIKELIHOOD | OPENAI_NO_PENALTIES | OPENAI_NO_CHOICES |
                 OPENAI_NO_PARALLEL | OPENAI_NO_EFFORT | OPENAI_NO_SCHEMA | OPENAI_NO_COMPLETIONS,
      .says = OPENAI_SAYS_REASONING_BACK,
      .max_stops = 1,
      .thinking = "thinking",
      .off = SWITCH_OFF,
      .on = SWITCH_ON },
    { .name = "dashscope",
      .hosts = "dashscope.aliyuncs.com|dashscope-intl.aliyuncs.com|dashscope-us.aliyuncs.com",
      .base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_P | OPENAI_NO_MIN_TOKENS | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_USER |
                 OPENAI_NO_EFFORT | OPENAI_NO_SUFFIX,
      .prefill = OPENAI_PREFILL_PARTIAL,
      .max_stops = ALL,
      .thinking = "enable_thinking",
      .off = "false",
      .on = "true" },
    { .name = "github",
      .hosts = "models.github.ai|models.inference.ai.azure.com",
      .base_url = "https://models.github.ai/inference",
      .refuses = NO_STRICT | OPENAI_NO_COMPLETIONS,
      .max_stops = 4 },
    { .name = "gemini", /* the compatible half of its API; the native one is a provider of its own */
      .hosts = "generativelanguage.googleapis.com",
      .base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
      .refuses = NO_STRICT | OPENAI_NO_SEED | NO_LIKELIHOOD | OPENAI_NO_USER | OPENAI_NO_PARALLEL | OPENAI_NO_NAMES |
                 OPENAI_NO_PENALTIES | OPENAI_NO_COMPLETIONS,
      .max_stops = 5 },
    { .name = "huggingface",
      .hosts = "router.huggingface.co",
      .base_url = "https://router.huggingface.co/v1",
      .refuses = NO_STRICT | OPENAI_NO_USER | NO_OTHERS,
      .max_stops = 4 },
    { .name = "nebius",
      .hosts = "api.studio.nebius.com|api.studio.nebius.ai|api.tokenfactory.nebius.com",
      .base_url = "https://api.studio.nebius.com/v1",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_SUFFIX,
      .max_stops = ALL },
    { .name = "cohere", /* the compatible half of its API */
      .hosts = "api.cohere.ai|api.cohere.com",
      .base_url = "https://api.cohere.ai/compatibility/v1",
      .refuses = NO_STRICT | NO_LIKELIHOOD | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_PARALLEL | OPENAI_NO_NAMES |
                 OPENAI_NO_COMPLETIONS,
      .max_stops = 5 },
    { .name = "hyperbolic",
      .hosts = "api.hyperbolic.xyz",
      .base_url = "https://api.hyperbolic.xyz/v1",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_EMBEDDINGS | OPENAI_NO_SUFFIX,
      .max_stops = ALL },
    { .name = "novita",
      .hosts = "api.novita.ai",
      .base_url = "https://api.novita.ai/v3/openai",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_MIN_TOKENS | OPENAI_NO_SUFFIX,
      .max_stops = 4,
      .thinking = "enable_thinking",
      .off = "false",
      .on = "true" },
    { .name = "siliconflow",
      .hosts = "api.siliconflow.com|api.siliconflow.cn",
      .base_url = "https://api.siliconflow.com/v1",
      .refuses = OPENAI_NO_OFFICIAL | OPENAI_NO_REPETITION | OPENAI_NO_MIN_TOKENS | OPENAI_NO_SEED | NO_LIKELIHOOD |
                 OPENAI_NO_USER | OPENAI_NO_PARALLEL | OPENAI_NO_EFFORT | OPENAI_NO_COMPLETIONS,
      .max_stops = 4,
      .thinking = "enable_thinking",
      .off = "false",
      .on = "true" },
    { .name = "scaleway",
      .hosts = "api.scaleway.ai",
      .base_url = "https://api.scaleway.ai/v1",
      .refuses = NO_STRICT | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_USER | OPENAI_NO_CHOICES | OPENAI_NO_COMPLETIONS,
      .max_stops = ALL },
    { .name = "vercel", /* a gateway to models of many makers */
      .hosts = "ai-gateway.vercel.sh",
      .base_url = "https://ai-gateway.vercel.sh/v1",
      .refuses = NO_STRICT | NO_LIKELIHOOD | OPENAI_NO_CHOICES | OPENAI_NO_COMPLETIONS,
      .max_stops = ALL,
      .thinking = "reasoning",
      .off = "{\"enabled\":false}",
      .on = "{\"enabled\":true}" },
};

static bool is_host_of(const struct openai_profile *profile, aigw_str host)
{
    const char *at = profile->hosts;

    while (at && host.len > 0) {
        if (((at[0] ^ host.ptr[0]) | 0x20) == 0x20 && strncasecmp(at, host.ptr, host.len) == 0 &&
            (at[host.len] == '|' || at[host.len] == '\0'))
            return true;
        at = strchr(at, '|');
        if (at)
            at++;
    }
    return false;
}

const struct openai_profile *openai_profile(const char *name, aigw_str base)
{
    bool is_auto = !name || strcmp(name, "auto") == 0;
    aigw_str host = is_auto ? wire_url_host(base) : AIGW_STR_NONE;

    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (is_auto ? is_host_of(&profiles[i], host) : strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return &profiles[0];
}

/* ---- what a model's name adds, wherever the model is ---- */

/* Grok's reasoning models. */
static bool is_thinking_grok(aigw_str model)
{
    return wire_contains(model, "grok-4") || wire_contains(model, "grok-3-mini") || wire_contains(model, "grok-code");
}

/* o1, o3-mini and their like: they call one tool at a time, and refuse to be asked about it. */
static bool is_o_series(aigw_str model)
{
    return wire_model_is_reasoning(model) && !wire_contains(model, "gpt-");
}

/* The GPTs before those: they refuse to be told how much to think. */
static bool is_thoughtless_gpt(aigw_str model)
{
    return wire_contains(model, "gpt-4") || wire_contains(model, "gpt-3");
}

struct openai_quirks openai_quirks_of(const struct openai_profile *profile, aigw_str model)
{
    struct openai_quirks quirks = { .refuses = profile->refuses,
                                    .says = profile->says,
                                    .prefill = profile->prefill,
                                    .max_stops = profile->max_stops,
                                    .thinking = profile->thinking,
                                    .off = profile->off,
                                    .on = profile->on };

    if (wire_model_is_reasoning(model)) {
        quirks.says |= OPENAI_SAYS_MAX_COMPLETION;
        if (!wire_contains(model, "-chat")) { /* gpt-5-chat-latest answers at once, and samples */
            quirks.refuses |= OPENAI_NO_SAMPLING | OPENAI_NO_LOGIT_BIAS | OPENAI_NO_LOGPROBS;
            quirks.max_stops = 0;
        }
    }
    if (is_o_series(model))
        quirks.refuses |= OPENAI_NO_PARALLEL;
    if (is_thoughtless_gpt(model))
        quirks.refuses |= OPENAI_NO_EFFORT;
    if (wire_model_drops_temperature(model))
        quirks.refuses |= OPENAI_NO_SAMPLING;
    if (is_thinking_grok(model)) {
        quirks.refuses |= OPENAI_NO_PENALTIES;
        quirks.max_stops = 0;
    }
    if (wire_model_refuses_prefill(model))
        quirks.prefill = OPENAI_PREFILL_TOLD;
    else if (quirks.prefill == OPENAI_PREFILL_PLAIN && wire_model_wants_continue(model))
        quirks.prefill = OPENAI_PREFILL_CONTINUE;
    return quirks;
}

/* ---- rate limits ---- */

/* OpenAI's, and those of services that count otherwise. */
const struct aigw_rate_header openai_rate_headers[OPENAI_RATES] = {
    { "x-ratelimit-limit-requests", AIGW_RATE_REQUESTS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-requests", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-tokens", AIGW_RATE_TOKENS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-tokens", AIGW_RATE_TOKENS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit", AIGW_RATE_REQUESTS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-tokens-prompt", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-tokens-prompt", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-tokens-generated", AIGW_RATE_OUTPUT_TOKENS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-tokens-generated", AIGW_RATE_OUTPUT_TOKENS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-tokens-minute", AIGW_RATE_TOKENS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-tokens-minute", AIGW_RATE_TOKENS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-requests-day", AIGW_RATE_REQUESTS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-requests-day", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
};
