/* path.c - the one normal form of a request path (D17): everything that decides by path decides by this. */
#include <string.h>

#include "http/http.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/** "http://host/path" → "/path". Other targets stay as they are. */
static aigw_str path_of_target(aigw_str raw)
{
    static const aigw_str schemes[] = { AIGW_STR_INIT("http://"), AIGW_STR_INIT("https://") };

    for (size_t i = 0; i < GW_ARRAY_LEN(schemes); i++) {
        size_t len = schemes[i].len;
        if (!gw_str_has_prefix_ci(raw, schemes[i]))
            continue;
        const char *slash = memchr(raw.ptr + len, '/', raw.len - len);
        if (!slash)
            return AIGW_STR("/");
        return (aigw_str){ slash, raw.len - (size_t)(slash - raw.ptr) };
    }
    return raw;
}

/** Percent-decode once. False on broken escapes and NUL. */
static bool path_decode(aigw_str raw, char *out, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.ptr[i];
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_value(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_value(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c == '\0')
            return false;
        out[len++] = (char)c;
    }
    *ret_len = len;
    return true;
}

/** Collapse doubled slashes and drop a trailing one, in place. False when a segment is "." or "..". */
static bool path_collapse(char *path, size_t *len)
{
    size_t out = 0;
    size_t segment = 0; /* where the current segment begins in the output */

    for (size_t i = 0; i <= *len; i++) {
        if (i < *len && path[i] != '/') {
            path[out++] = path[i];
            continue;
        }
        size_t segment_len = out - segment;
        if ((segment_len == 1 && path[segment] == '.') ||
            (segment_len == 2 && path[segment] == '.' && path[segment + 1] == '.'))
            return false;
        if (i < *len && (out == 0 || path[out - 1] != '/'))
            path[out++] = '/';
        segment = out;
    }
    if (out > 1 && path[out - 1] == '/')
        out--;
    *len = out;
    return true;
}

bool gw_path_normalize(struct gw_arena *arena, aigw_str raw_path, const char *prefix, aigw_str *ret_path)
{
    aigw_str raw = path_of_target(raw_path);

    if (raw.len == 1 && raw.ptr[0] == '*') { /* OPTIONS * */
        *ret_path = AIGW_STR("*");
        return true;
    }
    if (raw.len == 0 || raw.ptr[0] != '/')
        return false;
    char *path = gw_arena_alloc(arena, raw.len + 1);
    size_t len;
    if (!path || !path_decode(raw, path, &len) || !path_collapse(path, &len))
        return false;
    aigw_str result = { path, len };
    aigw_str drop = gw_str(prefix);
    while (drop.len && drop.ptr[drop.len - 1] == '/')
        drop.len--;
    if (drop.len && gw_str_has_prefix(result, drop)) {
        if (result.len == drop.len)
            result = (aigw_str){ path, 1 }; /* "/ai" alone is "/" */
        else if (result.ptr[drop.len] == '/')
            result = (aigw_str){ path + drop.len, len - drop.len };
    }
    path[(size_t)(result.ptr - path) + result.len] = '\0';
    *ret_path = result;
    return true;
}
