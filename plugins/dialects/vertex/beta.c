/* beta.c - beta features of Anthropic's API that a client names for its own host, on Vertex AI. That refuses names
 * which it does not know, and members of the body that go with them: a request that names one is translated instead. */
#include "vertex.h"

#include <string.h>

enum use {
    PASSES,        /* Vertex AI has it under this name */
    MEANS_NOTHING, /* it says who asks, or what the API has without it by now */
};

static const struct {
    const char *start; /* of the name; a date follows */
    enum use use;
} betas[] = {
    { "claude-code-", MEANS_NOTHING },
    { "oauth-", MEANS_NOTHING },
    { "extended-cache-ttl-", MEANS_NOTHING },
    { "prompt-caching-2024-", MEANS_NOTHING },
    { "pdfs-", MEANS_NOTHING },
    { "compact-2026-01-", PASSES },
    { "computer-use-2025-", PASSES },
    { "context-1m-", PASSES },
    { "context-management-", PASSES },
    { "fine-grained-tool-streaming-", PASSES },
    { "interleaved-thinking-", PASSES },
    { "output-128k-", PASSES },
    { "token-efficient-tools-", PASSES },
    { "tool-search-tool-", PASSES },
    { "web-search-", PASSES },
};

/* The next name of a list with commas; absent behind the last. */
static aigw_str next_name(aigw_str *rest)
{
    const char *comma;
    aigw_str name = *rest;

    while (rest->len > 0 && strchr(", \t", *rest->ptr))
        *rest = (aigw_str){ rest->ptr + 1, rest->len - 1 };
    comma = rest->len > 0 ? memchr(rest->ptr, ',', rest->len) : NULL;
    name = (aigw_str){ rest->ptr, comma ? (size_t)(comma - rest->ptr) : rest->len };
    *rest = (aigw_str){ rest->ptr + name.len, rest->len - name.len };
    return wire_trim_end(name);
}

aigw_status vertex_betas(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                         aigw_str *ret_names)
{
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    bool is_count = anthropic_asks_at(raw->path) == ANTHROPIC_ASKS_COUNT, is_first = true;
    aigw_str rest = wire_raw_header(raw, "anthropic-beta"), name;

    if (!out)
        return AIGW_E_NOMEM;
    while ((name = next_name(&rest)).len > 0) {
        size_t i = 0;

        while (i < sizeof betas / sizeof *betas && !wire_has_prefix(name, betas[i].start))
            i++;
        if (i == sizeof betas / sizeof *betas)
            return host->fail(ctx, AIGW_E_UNSUPPORTED, "Vertex AI does not know Anthropic's beta feature %.*s",
                              (int)(name.len < 60 ? name.len : 60), name.ptr);
        if (betas[i].use == PASSES && !is_count) { /* counts take none */
            host->buf_put(out, ",", is_first ? 0 : 1);
            host->buf_put(out, name.ptr, name.len);
            is_first = false;
        }
    }
    return host->buf_view(out, ret_names);
}
