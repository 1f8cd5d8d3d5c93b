/* rules.c - what a model's name tells about its API. Names come with "-", "_" or "." between the parts, with a path
 * or a vendor in front ("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), in any case. */
#include "wire.h"

#include <ctype.h>
#include <string.h>

/* True when `pattern` (parts joined by '-') occurs in name with any of - _ . between the parts. */
static bool rules_match_at(aigw_str name, size_t at, const char *pattern)
{
    for (; *pattern; pattern++, at++) {
        if (at >= name.len)
            return false;
        char c = (char)tolower((unsigned char)name.ptr[at]);
        if (*pattern == '-' ? (c != '-' && c != '_' && c != '.') : c != *pattern)
            return false;
    }
    return true;
}

static bool rules_has_any(aigw_str name, const char *const *patterns)
{
    for (; *patterns; patterns++)
        for (size_t at = 0; at < name.len; at++)
            if (rules_match_at(name, at, *patterns))
                return true;
    return false;
}

/* The part after the last slash. */
static aigw_str rules_base(aigw_str model)
{
    for (size_t i = model.len; i > 0; i--)
        if (model.ptr[i - 1] == '/')
            return (aigw_str){ model.ptr + i, model.len - i };
    return model;
}

bool wire_model_is_reasoning(aigw_str model)
{
    aigw_str name = rules_base(model);

    if (rules_match_at(name, 0, "gpt-") && name.len > 4) {
        size_t digits = 1;

        while (4 + digits < name.len && isdigit((unsigned char)name.ptr[4 + digits]))
            digits++;
        if (digits == 1 && name.ptr[4] >= '5' && name.ptr[4] <= '9') /* not gpt-35, as Azure calls an old one */
            return true;
    }
    /* o1, o3-mini, o4-mini-2025-04-16, but not o200k or olmo */
    return name.len >= 2 && tolower((unsigned char)name.ptr[0]) == 'o' && isdigit((unsigned char)name.ptr[1]) &&
           (name.len == 2 || name.ptr[2] == '-' || name.ptr[2] == '_');
}

bool wire_model_drops_temperature(aigw_str model)
{
    static const char *const names[] = { "opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "fable-5", "mythos-5", NULL };

    return rules_has_any(model, names);
}

bool wire_model_refuses_prefill(aigw_str model)
{
    static const char *const claude[] = { "claude", NULL };
    static const char *const accepting[] = { "opus-4-1",          "opus-4-5",         "sonnet-4-5",        "haiku-4-5",
                                             "sonnet-4-20250514", "3-haiku-20240307", "3-sonnet-20240229", NULL };

    return rules_has_any(model, claude) && !rules_has_any(model, accepting);
}

bool wire_model_wants_continue(aigw_str model)
{
    static const char *const names[] = { "mistral", "mixtral", "codestral", "devstral", NULL };

    return rules_has_any(model, names);
}
