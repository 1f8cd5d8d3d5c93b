/* value_fault.c - what a message says of a value that does not fit its setting: what was found, what was expected and
 * in which unit, and what was probably meant. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/number.h"
#include "config/internal.h"

/** The unit of a setting, as its name and help have it; NULL when it has none. */
static const char *unit_of(const struct aigw_setting *setting)
{
    size_t len = strlen(setting->name);

    if (len > 3 && strcmp(setting->name + len - 3, "_ms") == 0)
        return "milliseconds";
    if (len > 2 && strcmp(setting->name + len - 2, "_s") == 0)
        return "seconds";
    if (strstr(setting->name, "tokens"))
        return "tokens";
    return setting->help && strstr(setting->help, "bytes") ? "bytes" : NULL;
}

/** How many of `unit` one of what stands behind a number is: 1000 for "s" and milliseconds. 0: not known. */
static double factor_of(const char *suffix, const char *unit)
{
    static const struct {
        const char *unit, *suffix;
        double factor;
    } known[] = {
        { "milliseconds", "ms", 1 },
        { "milliseconds", "s", 1e3 },
        { "milliseconds", "sec", 1e3 },
        { "milliseconds", "m", 6e4 },
        { "milliseconds", "min", 6e4 },
        { "milliseconds", "h", 36e5 },
        { "seconds", "s", 1 },
        { "seconds", "sec", 1 },
        { "seconds", "m", 60 },
        { "seconds", "min", 60 },
        { "seconds", "h", 3600 },
        { "seconds", "d", 86400 },
        { "bytes", "b", 1 },
        { "bytes", "k", 1024 },
        { "bytes", "kb", 1024 },
        { "bytes", "kib", 1024 },
        { "bytes", "m", 1048576 },
        { "bytes", "mb", 1048576 },
        { "bytes", "mib", 1048576 },
        { "bytes", "g", 1073741824 },
        { "bytes", "gb", 1073741824 },
        { "bytes", "gib", 1073741824 },
        { "tokens", "k", 1000 },
    };

    while (*suffix == ' ')
        suffix++;
    if (!*suffix)
        return 1;
    for (size_t i = 0; unit && i < GW_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].unit, unit) == 0 && strcasecmp(known[i].suffix, suffix) == 0)
            return known[i].factor;
    }
    return 0;
}

/** The number that a text such as "10s" or "16 MB" probably means. False when there is no telling. */
static bool guess_number(const struct aigw_setting *setting, const char *text, double *ret_number)
{
    char *end = NULL;
    double number = text ? strtod(text, &end) : 0, factor;

    if (!text || end == text || !isfinite(number))
        return false;
    factor = factor_of(end, unit_of(setting));
    number *= factor;
    if (factor <= 0 || (setting->type == AIGW_SET_INT && !gw_is_whole(number)))
        return false;
    *ret_number = number;
    return !(setting->min < setting->max) || (number >= setting->min && number <= setting->max);
}

/** "100 to 86400000 milliseconds", "" when there is neither range nor unit. */
static const char *range_of(struct gw_arena *arena, const struct aigw_setting *setting)
{
    const char *unit = unit_of(setting), *text = unit ? unit : "";

    if (setting->min < setting->max)
        text =
            gw_arena_printf(arena, "%.15g to %.15g%s%s", setting->min, setting->max, unit ? " " : "", unit ? unit : "");
    return text ? text : "";
}

static const char *expected(struct gw_arena *arena, const struct aigw_setting *setting, bool is_conf)
{
    static const char *const words[] = {
        "?",
        "text in double quotes",
        "an integer",
        "a number",
        "true or false",
        "a list such as ( \"a\", \"b\" )",
        "a group such as { name = \"value\"; }",
    };
    bool is_number = setting->type == AIGW_SET_INT || setting->type == AIGW_SET_DOUBLE;
    const char *range = is_number ? range_of(arena, setting) : "";
    const char *text = gw_arena_printf(
        arena, "%s%s%s%s", words[setting->type],
        is_conf && (is_number || setting->type == AIGW_SET_BOOL) ? " without quotes" : "", *range ? ", " : "", range);

    return text ? text : "";
}

static const char *guess(const struct gw_value_target *t, const char *text)
{
    const struct aigw_setting *s = t->setting;
    double number = 0;
    int32_t flag;
    const char *hint = NULL;

    if (!text || (s->flags & AIGW_SETF_SECRET))
        return "";
    if ((s->type == AIGW_SET_INT || s->type == AIGW_SET_DOUBLE) && guess_number(s, text, &number))
        hint = gw_arena_printf(t->arena, "; did you mean %.15g?", number);
    else if (s->type == AIGW_SET_BOOL && gw_text_to_bool(text, &flag))
        hint = gw_arena_printf(t->arena, "; did you mean %s?", flag ? "true" : "false");
    else if (s->type == AIGW_SET_STRING)
        hint = gw_arena_printf(t->arena, "; did you mean \"%.80s\"?", text);
    return hint ? hint : "";
}

/** What was found, as it stands in conf.d, and as text for a guess. A secret is never shown. */
static const char *found(const struct gw_value_target *t, const struct gw_node *node, const char **ret_text)
{
    static const char *const kinds[] = { "?", "a group", "a list", "text", "an integer", "a number", "true or false" };
    const char *text = NULL;

    if (node->type == GW_NODE_STRING)
        text = node->string;
    else if (node->type == GW_NODE_INT)
        text = gw_arena_printf(t->arena, "%lld", (long long)node->integer);
    else if (node->type == GW_NODE_DOUBLE) /* 1e6 and 1000000.0 are none of the integers that they look like */
        text = gw_arena_printf(t->arena, fabs(node->number) < 1e15 && gw_is_whole(node->number) ? "%.1f" : "%.15g",
                               node->number);
    else if (node->type == GW_NODE_BOOL)
        text = node->integer ? "true" : "false";
    *ret_text = text;
    if (!text || (t->setting->flags & AIGW_SETF_SECRET))
        return kinds[node->type];
    return node->type == GW_NODE_STRING ? gw_value_shown(t, text) : text;
}

const char *gw_value_shown(const struct gw_value_target *t, const char *text)
{
    const char *copy;

    if (t->setting->flags & AIGW_SETF_SECRET)
        return "(hidden)";
    copy = gw_arena_printf(t->arena, "\"%.80s%s\"", text, strlen(text) > 80 ? "…" : "");
    return copy ? copy : "(out of memory)";
}

bool gw_value_is_wrong_text(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    gw_problem(t->problems, where, t->key, "is %s, expected %s%s", gw_value_shown(t, text),
               expected(t->arena, t->setting, false), guess(t, text));
    return false;
}

bool gw_value_is_wrong_type(const struct gw_value_target *t, const struct gw_node *node)
{
    const char *text, *is = found(t, node, &text);

    gw_problem(t->problems, node, t->key, "is %s, expected %s%s", is, expected(t->arena, t->setting, true),
               guess(t, text));
    return false;
}

bool gw_value_is_out_of_range(const struct gw_value_target *t, const struct gw_node *where, double value)
{
    gw_problem(t->problems, where, t->key, "is %.15g, expected %s", value, range_of(t->arena, t->setting));
    return false;
}

/* ---- secrets ---- */

void gw_value_warn_of_clear_secret(const struct gw_value_target *t, const struct gw_node *node, const char *text)
{
    struct stat st;

    if (!(t->setting->flags & AIGW_SETF_SECRET) || !*text || node->line <= 0 || gw_text_is_reference(text))
        return;
    if (strstr(text, "://") && !strchr(text, '@')) /* a URL without user information keeps no secret */
        return;
    if (*text == '$')
        gw_problem_warning(t->problems, node, t->key,
                           "begins with $ and is taken as it stands; for a variable of the environment expected "
                           "\"env:NAME\"");
    else if (strncasecmp(text, "env:", 4) == 0 || strncasecmp(text, "file:", 5) == 0)
        gw_problem_warning(t->problems, node, t->key, "is taken as it stands; expected env: or file: in small letters");
    else if (stat(node->file, &st) == 0 && (st.st_mode & S_IROTH))
        gw_problem_warning(t->problems, node, t->key,
                           "is a secret in clear text in a file that everybody may read (mode %04o); expected "
                           "\"env:NAME\" or \"file:/path\", or a file of mode 0640",
                           (unsigned)(st.st_mode & 07777));
}
