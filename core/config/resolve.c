/* resolve.c - values that stand elsewhere: `env:NAME`, `file:/path`.
 *
 *     env:NAME             the variable; unset is an error, except that an optional setting is then simply not set
 *     env:NAME|OTHER       the first that is set and not empty, else the first that is set
 *     env:NAME:-text       text when none is set to something
 *     env:NAME:-           as above, without text: none need be set, and that is not worth a warning
 *     file:/path           the file's text without its last line ends
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "config/internal.h"

#define RESOLVE_FILE_MAX ((size_t)1 << 20)
#define ENV_NAME_MAX     256

bool gw_text_is_reference(const char *text)
{
    return strncmp(text, "env:", 4) == 0 || strncmp(text, "file:", 5) == 0;
}

/** First of the names in [spec, end) that is set and not empty, else "" when one is set, else NULL. All are looked up,
 * so that `aigw check` knows that each of them has a meaning here. False when a name is malformed. */
static bool first_set(const char *spec, const char *end, const char **ret_value)
{
    const char *found = NULL, *empty = NULL;
    char name[ENV_NAME_MAX];

    for (const char *at = spec; at <= end; at++) {
        const char *stop = memchr(at, '|', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        const char *value;

        if (len == 0 || len >= sizeof name)
            return false;
        memcpy(name, at, len);
        name[len] = '\0';
        value = gw_env_get(name);
        if (value && !found)
            *(*value ? &found : &empty) = value;
        at += len;
    }
    *ret_value = found ? found : empty;
    return true;
}

static int resolve_env(struct gw_arena *arena, const char *spec, const char **ret_value, const char **ret_reason)
{
    const char *fallback = strstr(spec, ":-");
    const char *end = fallback ? fallback : spec + strlen(spec);
    const char *value = NULL;

    if (!first_set(spec, end, &value)) {
        *ret_reason = gw_arena_printf(arena, "env: has an empty or overlong name behind it, expected env:NAME, "
                                             "env:NAME|OTHER or env:NAME:-text");
        return GW_BROKEN;
    }
    if (fallback && fallback[2] && !(value && *value))
        value = fallback + 2;
    if (value) {
        *ret_value = gw_arena_strndup(arena, value, strlen(value));
        return GW_RESOLVED;
    }
    if (!fallback) { /* else the operator foresaw it: nothing to report */
        const char *closest = gw_env_closest(spec, (size_t)(end - spec));

        *ret_reason = gw_arena_printf(arena, "environment variable %.*s is not set%s%s%s", (int)(end - spec), spec,
                                      closest ? " (but " : "", closest ? closest : "", closest ? " is)" : "");
    }
    return GW_UNSET;
}

static int resolve_file(struct gw_arena *arena, const char *path, const char **ret_value, const char **ret_reason)
{
    const char *why = "";
    FILE *file = gw_file_open(path, &why);
    struct gw_buf text;
    char chunk[4096];
    size_t got;
    int result = GW_BROKEN;

    if (!file) {
        *ret_reason =
            gw_arena_printf(arena, "file \"%s\" cannot be opened: %s%s", path, why,
                            strncmp(path, "//", 2) == 0 ? "; a path is written file:/path, with one slash" : "");
        return GW_BROKEN;
    }
    gw_buf_init(&text, RESOLVE_FILE_MAX);
    while (text.status == AIGW_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        gw_buf_put(&text, chunk, got);
    if (ferror(file)) {
        *ret_reason = gw_arena_printf(arena, "file \"%s\" cannot be read: %s", path, strerror(errno));
    } else if (text.status != AIGW_OK) {
        *ret_reason = gw_arena_printf(arena, "file \"%s\" is larger than %zu bytes", path, RESOLVE_FILE_MAX);
    } else if (text.len > 0 && memchr(text.data, '\0', text.len)) {
        *ret_reason = gw_arena_printf(arena, "file \"%s\" holds NUL bytes, expected text", path);
    } else {
        while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
            text.len--;
        if (text.len > 0) {
            *ret_value = gw_arena_strndup(arena, text.data, text.len);
            result = GW_RESOLVED;
        } else { /* a reload that comes while somebody writes the file must not take the secret away */
            *ret_reason = gw_arena_printf(arena, "file \"%s\" is empty", path);
        }
    }
    if (text.data)
        explicit_bzero(text.data, text.cap); /* it may have been a key */
    gw_buf_done(&text);
    fclose(file);
    return result;
}

int gw_text_resolve(struct gw_arena *arena, const char *text, const char **ret_value, const char **ret_reason)
{
    int result = GW_RESOLVED;

    *ret_value = NULL;
    *ret_reason = NULL;
    if (strncmp(text, "env:", 4) == 0)
        result = resolve_env(arena, text + 4, ret_value, ret_reason);
    else if (strncmp(text, "file:", 5) == 0)
        result = resolve_file(arena, text + 5, ret_value, ret_reason);
    else
        *ret_value = gw_arena_strndup(arena, text, strlen(text));
    if (result == GW_RESOLVED && !*ret_value) {
        *ret_reason = "out of memory";
        result = GW_BROKEN;
    } else if (result == GW_RESOLVED && gw_utf8_valid_len(gw_str(*ret_value)) != strlen(*ret_value)) {
        *ret_reason = "is not valid UTF-8";
        result = GW_BROKEN;
    } else if (result == GW_BROKEN && !*ret_reason) {
        *ret_reason = "out of memory";
    }
    return result;
}

const char *gw_node_text(struct gw_arena *arena, const struct gw_node *node, const char *key,
                         struct gw_problems *problems)
{
    const char *value = NULL, *reason = NULL;

    if (!node || node->type != GW_NODE_STRING) {
        gw_problem(problems, node, key, node ? "is not text; write it in double quotes" : "is missing");
        return NULL;
    }
    if (gw_text_resolve(arena, node->string, &value, &reason) == GW_RESOLVED)
        return value;
    gw_problem(problems, node, key, "%s", reason ? reason : "is empty: its environment variable is not set");
    return NULL;
}
