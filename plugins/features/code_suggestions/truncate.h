/* truncate.h - fit code into a model's window. Tokens are estimated at 3.2 bytes each, which is on the careful side for
 * source code; cuts fall between UTF-8 characters. Pure. */
#ifndef CS_TRUNCATE_H
#define CS_TRUNCATE_H

#include <aigw/abi.h>

int64_t cs_tokens_of(size_t bytes); /* rounded up */
size_t cs_bytes_of(int64_t tokens);
/** The last or first part of s with at most max bytes. */
aigw_str cs_keep_end(aigw_str s, size_t max);
aigw_str cs_keep_start(aigw_str s, size_t max);

struct cs_window {
    aigw_str prefix;        /* end of what stands above the cursor */
    aigw_str suffix;        /* start of what stands below it */
    int64_t context_tokens; /* what is left for context */
};
/** Share a budget: 93 % for the prefix, 7 % for the suffix, the unused rest for context. */
struct cs_window cs_fit_completion(int64_t budget_tokens, aigw_str above, aigw_str below);
/** The same for new code: what stands above counts most, but a quarter is kept for what stands below when it needs it.
 */
struct cs_window cs_fit_generation(int64_t budget_tokens, aigw_str above, aigw_str below);

#endif
