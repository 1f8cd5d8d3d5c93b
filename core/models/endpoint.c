/* endpoint.c - which endpoints from requests are acceptable (D21, D41, auth-and-config.md §6 T1). Text is never
 * compared with text: an endpoint and a pattern are both taken apart by base/url.h, and parts in normal form are
 * compared. */
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "base/url.h"
#include "models/plan.h"

#define SETTING "models.allowed_endpoints"

struct pattern {
    bool is_http, is_https; /* which schemes it is for */
    bool has_any_port;
    bool is_host_glob, is_host_any, is_ipv4_glob;
    const char *host, *port; /* port NULL: the scheme's */
    const char *path;        /* "" or "/…" */
};

struct gw_endpoint_list {
    struct pattern *patterns;
    size_t count;       /* of patterns that could be read */
    bool is_restricted; /* there were patterns, readable or not */
};

/* An endpoint in parts of normal form. */
struct place {
    bool is_https;
    char host[GW_URL_HOST_MAX];
    uint16_t port;
};

/* ---- hosts in other scripts ---- */

static const char *unescape(aigw_str host, struct gw_buf *out)
{
    for (size_t i = 0; i < host.len; i++) {
        unsigned value = 0;
        char c = host.ptr[i];
        if (c == '%') {
            for (int n = 0; n < 2; n++) {
                char digit = ++i < host.len ? (char)(host.ptr[i] | 0x20) : '\0';
                if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f'))
                    return "has a % in its host without two hexadecimal digits behind it";
                value = value * 16 + (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
            }
            c = (char)value;
        }
        gw_buf_put(out, &c, 1);
    }
    return gw_utf8_valid_len(gw_buf_str(out)) == out->len ? NULL : "has a host that is not valid UTF-8";
}

/* The library drops what host names do not have; we refuse it. */
static const char *put_idn_label(struct gw_buf *out, aigw_str label)
{
    gnutls_datum_t ascii = { NULL, 0 };
    bool is_ascii = true;

    for (size_t i = 0; i < label.len; i++)
        is_ascii &= (unsigned char)label.ptr[i] < 0x80;
    if (is_ascii) {
        gw_buf_put_str(out, label);
        return NULL;
    }
    for (size_t i = 0; i < label.len; i++) {
        char c = (char)(label.ptr[i] | 0x20);
        bool is_plain = (c >= 'a' && c <= 'z') || (label.ptr[i] >= '0' && label.ptr[i] <= '9') || label.ptr[i] == '-';
        if ((unsigned char)label.ptr[i] < 0x80 && !is_plain)
            return "has a character in its host that no host name has";
    }
    if (gnutls_idna_map(label.ptr, (unsigned)label.len, &ascii, 0) != GNUTLS_E_SUCCESS)
        return "has a host that is not a valid international domain name";
    gw_buf_put(out, (const char *)ascii.data, ascii.size);
    gnutls_free(ascii.data);
    return NULL;
}

/* UTF-8 or percent-encoded → ASCII. Pieces between dots are converted one by one: a pattern's "*" stays what it is. */
static const char *put_ascii_host(struct gw_buf *out, aigw_str host)
{
    struct gw_buf plain;
    const char *why;

    gw_buf_init(&plain, GW_URL_MAX);
    why = unescape(host, &plain);
    aigw_str rest = gw_buf_str(&plain);
    while (!why && rest.len) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        aigw_str label = { rest.ptr, dot ? (size_t)(dot - rest.ptr) : rest.len };
        why = put_idn_label(out, label);
        if (dot)
            gw_buf_puts(out, ".");
        rest = (aigw_str){ rest.ptr + label.len + (dot != NULL), rest.len - label.len - (dot != NULL) };
    }
    if (!why && (plain.status || out->status))
        why = "has a host that is too long, or memory is out";
    gw_buf_done(&plain);
    return why;
}

/* Nothing to convert: as nearly all hosts are, and each request has one. */
static bool is_ascii_host(aigw_str host)
{
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] >= 0x80 || host.ptr[i] == '%')
            return false;
    return true;
}

static const char *read_host(aigw_str host, char ret_host[GW_URL_HOST_MAX])
{
    struct gw_buf ascii;

    if (is_ascii_host(host))
        return gw_url_host(host, ret_host);
    gw_buf_init(&ascii, GW_URL_MAX);
    const char *why = put_ascii_host(&ascii, host);
    if (!why)
        why = gw_url_host(gw_buf_str(&ascii), ret_host);
    gw_buf_done(&ascii);
    return why;
}

/* ---- endpoints ---- */

static const char *read_place(const struct gw_url *url, struct place *ret_place)
{
    const char *why;

    ret_place->is_https = gw_str_eq_ci(url->scheme, AIGW_STR("https"));
    if (!ret_place->is_https && !gw_str_eq_ci(url->scheme, AIGW_STR("http")))
        return "must begin with http:// or https://";
    why = read_host(url->host, ret_place->host);
    if (!why)
        why = gw_url_port(url->port, &ret_place->port);
    if (ret_place->port == 0)
        ret_place->port = ret_place->is_https ? 443 : 80;
    return why;
}

static const char *put_normal(struct gw_buf *out, aigw_str raw)
{
    struct gw_url url;
    struct place place;
    const char *why = gw_url_split(raw, &url);

    if (!why)
        why = read_place(&url, &place);
    if (why)
        return why;
    gw_buf_puts(out, place.is_https ? "https://" : "http://");
    gw_buf_puts(out, place.host);
    if (place.port != (place.is_https ? 443 : 80)) {
        gw_buf_puts(out, ":");
        gw_buf_put_u64(out, place.port);
    }
    why = gw_url_put_path(out, url.path);
    if (!why && url.query.len) {
        gw_buf_puts(out, "?");
        gw_url_put_query(out, url.query);
    }
    return why;
}

aigw_status gw_endpoint_normalize(struct gw_arena *arena, aigw_str raw, aigw_str *ret_endpoint, const char **ret_reason)
{
    aigw_status status = AIGW_E_FORBIDDEN;
    struct gw_buf text;

    gw_buf_init(&text, GW_URL_MAX);
    (void)gw_buf_reserve(&text, raw.len < GW_URL_MAX / 2 ? raw.len + 16 : 0); /* in one piece, as a rule */
    const char *why = put_normal(&text, raw);
    if (!why && text.status == AIGW_E_LIMIT)
        why = "is longer than 2048 characters when it is encoded";
    if (why) {
        *ret_reason = gw_arena_printf(arena, "model endpoint %s", why);
    } else {
        *ret_endpoint = text.status ? AIGW_STR_NONE : gw_arena_str(arena, gw_buf_str(&text));
        *ret_reason = NULL;
        status = ret_endpoint->ptr ? AIGW_OK : AIGW_E_NOMEM;
    }
    gw_buf_done(&text);
    if (status && !*ret_reason)
        *ret_reason = "the request's memory budget is spent (limits.request_memory_max)";
    return status;
}

/* ---- patterns ---- */

static bool stops_star(char c)
{
    return c == '\0' || c == '/' || c == ':' || c == '@';
}

/* "*" is any run without '/', ':' and '@', "**" any run. With is_prefix the text may go on behind the pattern at a '/'.
 * A star that cannot grow any more gives way to the double star before it; earlier single stars need not be tried
 * again.
 */
static bool glob(const char *pattern, const char *text, bool is_prefix)
{
    const char *star = NULL, *star_text = NULL, *stars = NULL, *stars_text = NULL;

    for (;;) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            stars = pattern += 2;
            stars_text = text;
            star = NULL;
        } else if (pattern[0] == '*') {
            star = ++pattern;
            star_text = text;
        } else if (*pattern && *pattern == *text) {
            pattern++;
            text++;
        } else if (!*pattern && (!*text || (is_prefix && *text == '/'))) {
            return true;
        } else if (star && !stops_star(*star_text)) {
            pattern = star;
            text = ++star_text;
        } else if (stars && *stars_text) {
            pattern = stars;
            text = ++stars_text;
            star = NULL;
        } else {
            return false;
        }
    }
}

static const char *read_pattern_host(struct gw_arena *arena, aigw_str host, struct pattern *ret)
{
    char plain[GW_URL_HOST_MAX];
    struct gw_buf ascii;
    const char *why;

    if (!memchr(host.ptr, '*', host.len)) {
        why = read_host(host, plain);
        ret->host = why ? NULL : gw_arena_strndup(arena, plain, strlen(plain));
        return why;
    }
    gw_buf_init(&ascii, GW_URL_HOST_MAX);
    why = put_ascii_host(&ascii, host);
    for (size_t i = 0; !why && i < ascii.len; i++) {
        char c = ascii.data[i];
        ascii.data[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.*", ascii.data[i]))
            why = "has a character in its host that no host name has beside *";
    }
    if (!why) {
        ret->host = gw_arena_strndup(arena, ascii.data, ascii.len);
        ret->is_host_glob = true;
        ret->is_host_any = gw_str_is(gw_buf_str(&ascii), "**");
        ret->is_ipv4_glob = strspn(ascii.data, "0123456789.*") == ascii.len && strpbrk(ascii.data, "0123456789");
    }
    gw_buf_done(&ascii);
    return why;
}

static const char *read_pattern_port(struct gw_arena *arena, aigw_str port, struct pattern *ret)
{
    uint16_t number;
    const char *why;

    ret->has_any_port = ret->is_host_any && port.len == 0;
    if (port.len == 0)
        return NULL;
    ret->port = gw_arena_strndup(arena, port.ptr, port.len);
    if (!memchr(port.ptr, '*', port.len)) {
        why = gw_url_port(port, &number);
        ret->port = why ? NULL : gw_arena_printf(arena, "%u", number);
        return why;
    }
    return ret->port && strspn(ret->port, "0123456789*") != port.len ? "has a port of something else than digits and *"
                                                                     : NULL;
}

/* Covers itself and all below: a star at its end says nothing. */
static const char *read_pattern_path(struct gw_arena *arena, aigw_str path, struct pattern *ret)
{
    struct gw_buf text;

    gw_buf_init(&text, 4 * GW_URL_MAX);
    const char *why = gw_url_put_path(&text, path);
    aigw_str normal = gw_buf_str(&text);
    for (;;) {
        size_t stars = 0;
        while (stars < normal.len && normal.ptr[normal.len - 1 - stars] == '*')
            stars++;
        if (stars == 0 || stars > 2 || normal.ptr[normal.len - 1 - stars] != '/')
            break;
        normal.len -= stars + 1;
    }
    ret->path = why ? NULL : gw_arena_strndup(arena, normal.ptr ? normal.ptr : "", normal.len);
    gw_buf_done(&text);
    return why;
}

static const char *read_pattern(struct gw_arena *arena, const char *text, struct pattern *ret)
{
    char scheme[16] = "";
    struct gw_url url;
    const char *why = gw_url_split(gw_str(text), &url);

    if (why)
        return why;
    for (size_t i = 0; i < url.scheme.len && i + 1 < sizeof scheme; i++) {
        char c = url.scheme.ptr[i];
        scheme[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    ret->is_http = url.scheme.len < sizeof scheme && glob(scheme, "http", false);
    ret->is_https = url.scheme.len < sizeof scheme && glob(scheme, "https", false);
    if (!ret->is_http && !ret->is_https)
        return "must begin with http:// or https:// (or http*:// for both)";
    if (url.query.len)
        return "has a query; queries are not compared";
    why = read_pattern_host(arena, url.host, ret);
    if (!why)
        why = read_pattern_port(arena, url.port, ret);
    if (!why)
        why = read_pattern_path(arena, url.path, ret);
    return why                                                      ? why
           : ret->host && ret->path && (!url.port.len || ret->port) ? NULL
                                                                    : "needs more memory than there is";
}

struct gw_endpoint_list *gw_endpoint_list_build(struct gw_arena *arena, const struct aigw_list *patterns,
                                                const char *setting, struct gw_problems *problems)
{
    struct gw_endpoint_list *list = gw_arena_calloc(arena, sizeof *list);

    if (list)
        list->patterns = gw_arena_calloc(arena, (patterns->count + 1) * sizeof *list->patterns);
    if (!list || !list->patterns) {
        if (problems)
            gw_problem(problems, NULL, setting, "out of memory");
        return NULL;
    }
    list->is_restricted = patterns->count > 0;
    for (size_t i = 0; i < patterns->count; i++) {
        struct pattern pattern = { 0 };
        const char *why = read_pattern(arena, patterns->items[i], &pattern);
        if (!why)
            list->patterns[list->count++] = pattern;
        else if (problems) /* user information must not be repeated */
            gw_problem(problems, NULL, setting, "pattern %zu %s; expected one such as \"http://*.internal:8000/v1\"",
                       i + 1, why);
    }
    return list;
}

/* ---- comparing ---- */

static bool matches_host(const struct pattern *pattern, const char *host)
{
    if (pattern->is_host_any)
        return true;
    if (!pattern->is_host_glob)
        return strcmp(pattern->host, host) == 0;
    return (!pattern->is_ipv4_glob || gw_url_is_ipv4(gw_str(host))) && glob(pattern->host, host, false);
}

static bool matches_port(const struct pattern *pattern, const struct place *place)
{
    char port[8];

    if (!pattern->port)
        return pattern->has_any_port || place->port == (place->is_https ? 443 : 80);
    snprintf(port, sizeof port, "%u", place->port);
    return glob(pattern->port, port, false);
}

static bool matches(const struct pattern *pattern, const struct place *place, const char *path)
{
    return (place->is_https ? pattern->is_https : pattern->is_http) && matches_host(pattern, place->host) &&
           matches_port(pattern, place) && glob(pattern->path, path, true);
}

bool gw_endpoint_listed(const struct gw_endpoint_list *list, aigw_str endpoint, struct gw_arena *arena,
                        const char **ret_reason)
{
    struct gw_url url;
    struct place place;
    char *path;

    if (!list->is_restricted)
        return true;
    *ret_reason = "the model endpoint cannot be compared with " SETTING " of this gateway";
    if (gw_url_split(endpoint, &url) || read_place(&url, &place))
        return false;
    path = gw_arena_strndup(arena, url.path.ptr, url.path.len);
    for (size_t i = 0; path && i < list->count; i++)
        if (matches(&list->patterns[i], &place, path))
            return true;
    const char *reason =
        gw_arena_printf(arena, "model endpoint %.*s is not in " SETTING " of this gateway; ask its operator to add it",
                        (int)(url.path.ptr + url.path.len - endpoint.ptr), endpoint.ptr);
    if (reason)
        *ret_reason = reason;
    return false;
}
