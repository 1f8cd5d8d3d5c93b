/* truncate.c - see truncate.h. */
#include "truncate.h"

#define SUFFIX_PERCENT 7

int64_t cs_tokens_of(size_t bytes)
{
    return (int64_t)((bytes * 5 + 15) / 16);
}

size_t cs_bytes_of(int64_t tokens)
{
    return tokens > 0 ? (size_t)tokens * 16 / 5 : 0;
}

static int is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

aigw_str cs_keep_end(aigw_str s, size_t max)
{
    size_t start;

    if (s.len <= max)
        return s;
    start = s.len - max;
    while (start < s.len && is_inside_character(s.ptr[start]))
        start++;
    return (aigw_str){ s.ptr + start, s.len - start };
}

aigw_str cs_keep_start(aigw_str s, size_t max)
{
    size_t len = max;

    if (s.len <= max)
        return s;
    while (len > 0 && is_inside_character(s.ptr[len]))
        len--;
    return (aigw_str){ s.ptr, len };
}

static struct cs_window share(int64_t budget_tokens, int64_t prefix_tokens, aigw_str above, aigw_str below)
{
    struct cs_window window = {
        .prefix = cs_keep_end(above, cs_bytes_of(prefix_tokens)),
        .suffix = cs_keep_start(below, cs_bytes_of(budget_tokens - prefix_tokens)),
    };
    int64_t used = cs_tokens_of(window.prefix.len) + cs_tokens_of(window.suffix.len);

    window.context_tokens = used < budget_tokens ? budget_tokens - used : 0;
    return window;
}

struct cs_window cs_fit_completion(int64_t budget_tokens, aigw_str above, aigw_str below)
{
    return share(budget_tokens, (budget_tokens * (100 - SUFFIX_PERCENT) + 99) / 100, above, below); /* rounded up */
}

struct cs_window cs_fit_generation(int64_t budget_tokens, aigw_str above, aigw_str below)
{
    int64_t below_tokens = cs_tokens_of(below.len), quarter = budget_tokens / 4;

    return share(budget_tokens, budget_tokens - (below_tokens < quarter ? below_tokens : quarter), above, below);
}
