/* models.c - see models.h. */
#include "models.h"

#include <ctype.h>
#include <strings.h>

/* The value of a word of one or two digits, -1 of every other one. */
static int number_of(aigw_str word)
{
    int number = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (!isdigit((unsigned char)word.ptr[i]))
            return -1;
        number = number * 10 + (word.ptr[i] - '0');
        if (number > 99)
            return -1; /* a date */
    }
    return word.len > 0 && word.len <= 2 ? number : -1;
}

/* The first number of the name from *at on, -1 without one; *at is behind it then. */
static int next_number(aigw_str name, size_t *at)
{
    while (*at < name.len) {
        size_t begin = *at;
        int number;

        while (*at < name.len && isalnum((unsigned char)name.ptr[*at]))
            ++*at;
        number = number_of((aigw_str){ name.ptr + begin, *at - begin });
        if (number >= 0)
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
