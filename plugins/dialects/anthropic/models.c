/* models.c - see models.h. */
#include "models.h"

#include <ctype.h>
#include <strings.h>

/* The next number of at most two digits that is no part of a word or a date, -1 without one; *at moves behind it. */
static int next_number(aigw_str name, size_t *at)
{
    while (*at < name.len) {
        size_t begin = *at, digits = 0;
        int number = 0;

        while (*at < name.len && isalnum((unsigned char)name.ptr[*at])) {
            digits += isdigit((unsigned char)name.ptr[*at]) != 0;
            number = number * 10 + (name.ptr[*at] - '0');
            if (++*at - begin >= 3)
                number = 0; /* too long to be one: only its end counts */
        }
        if (digits > 0 && digits == *at - begin && digits <= 2)
            return number;
        while (*at < name.len && !isalnum((unsigned char)name.ptr[*at]))
            ++*at;
    }
    return -1;
}

uint32_t anthropic_model_version(aigw_str model)
{
    static const char claude[] = "claude";
    size_t at, behind;
    int major, minor;

    for (at = 0; at + sizeof claude <= model.len; at++)
        if (strncasecmp(model.ptr + at, claude, sizeof claude - 1) == 0)
            break;
    if (at + sizeof claude > model.len)
        return 0;
    major = next_number(model, &at);
    if (major <= 0)
        return 0;
    behind = at + 1; /* the minor one follows at once */
    if (behind >= model.len || !isdigit((unsigned char)model.ptr[behind]) || model.ptr[at] == '@' ||
        model.ptr[at] == ':')
        return (uint32_t)major * 100;
    minor = next_number(model, &behind);
    return (uint32_t)(major * 100 + (behind <= at + 3 && minor >= 0 ? minor : 0));
}

static bool is_family(aigw_str model, const char *family)
{
    return wire_contains(model, family);
}

uint32_t anthropic_model_refuses(aigw_str model)
{
    uint32_t version = anthropic_model_version(model);

    if (wire_contains(model, "claude") && (is_family(model, "fable") || is_family(model, "mythos")))
        return ANTHROPIC_NO_BUDGET | ANTHROPIC_NO_OFF;
    if (version == 0)
        return 0;
    if (version < 307)
        return ANTHROPIC_NO_THINKING | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA;
    if (version < 405)
        return ANTHROPIC_NO_ADAPTIVE | ANTHROPIC_NO_EFFORT | ANTHROPIC_NO_SCHEMA;
    if (version == 405)
        return ANTHROPIC_NO_ADAPTIVE |
               (is_family(model, "opus") ? ANTHROPIC_NO_XHIGH | ANTHROPIC_NO_MAX : ANTHROPIC_NO_EFFORT);
    if (version == 406)
        return ANTHROPIC_NO_XHIGH;
    return ANTHROPIC_NO_BUDGET | (version < 500 ? ANTHROPIC_OFF_UNSAID : ANTHROPIC_NO_OFF_EFFORT);
}

int64_t anthropic_model_most_tokens(aigw_str model)
{
    uint32_t version = anthropic_model_version(model);

    return version == 0 ? INT32_MAX : version < 405 && version >= 400 && is_family(model, "opus") ? 32000 : 64000;
}
