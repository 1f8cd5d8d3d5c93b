/* url.c - http URLs taken apart and brought to normal form. */
#include "base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char to_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ---- taking apart ---- */

/* ASCII blanks and controls, no-break space, zero-width space, byte order mark: what comes along with a pasted text. */
static aigw_str trim(aigw_str text)
{
    static const char *const blanks[] = { "\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf" };
    bool is_done = false;

    while (!is_done) {
        is_done = true;
        for (; text.len && (unsigned char)text.ptr[0] <= ' '; text.len--)
            text.ptr++;
        for (; text.len && (unsigned char)text.ptr[text.len - 1] <= ' ';)
            text.len--;
        for (size_t i = 0; i < GW_ARRAY_LEN(blanks); i++) {
            size_t len = strlen(blanks[i]);
            if (text.len >= len && memcmp(text.ptr, blanks[i], len) == 0) {
                text = (aigw_str){ text.ptr + len, text.len - len };
                is_done = false;
            }
            if (text.len >= len && memcmp(text.ptr + text.len - len, blanks[i], len) == 0) {
                text.len -= len;
                is_done = false;
            }
        }
    }
    return text;
}

static const char *check_bytes(aigw_str text)
{
    if (text.len == 0)
        return "is empty";
    if (text.len > GW_URL_MAX)
        return "is longer than 2048 characters";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f || text.ptr[i] == '\\')
            return "contains a blank, a control character or a backslash";
    return gw_utf8_valid_len(text) == text.len ? NULL : "is not valid UTF-8";
}

/* "host", "host:port", "[v6]:port" */
static const char *split_authority(aigw_str authority, struct gw_url *url)
{
    const char *start = authority.ptr, *end = start + authority.len, *colon;

    if (authority.len && memchr(start, '@', authority.len))
        return "contains user information (user:password@host); a key belongs into the field for the API key";
    if (authority.len && *start == '[') {
        const char *bracket = memchr(start, ']', authority.len);
        if (!bracket || (bracket + 1 < end && bracket[1] != ':'))
            return "has a [ in its host that is not closed before the port";
        colon = bracket + 1;
    } else {
        colon = authority.len ? memchr(start, ':', authority.len) : NULL;
        if (!colon)
            colon = end;
        else if (memchr(colon + 1, ':', (size_t)(end - colon - 1)))
            return "has several colons in its host; an IPv6 address is written in brackets";
    }
    url->host = (aigw_str){ start, (size_t)(colon - start) };
    url->port = colon < end ? (aigw_str){ colon + 1, (size_t)(end - colon - 1) } : (aigw_str){ end, 0 };
    return url->host.len ? NULL : "has no host name";
}

const char *gw_url_split(aigw_str text, struct gw_url *ret_url)
{
    struct gw_url url;
    const char *why;

    text = trim(text);
    why = check_bytes(text);
    if (why)
        return why;
    const char *end = text.ptr + text.len, *colon = memchr(text.ptr, ':', text.len);
    if (!colon || end - colon < 3 || colon[1] != '/' || colon[2] != '/')
        return "must begin with http:// or https://";
    url.scheme = (aigw_str){ text.ptr, (size_t)(colon - text.ptr) };
    const char *host = colon + 3, *at = host;
    while (at < end && *at != '/' && *at != '?' && *at != '#')
        at++;
    why = split_authority((aigw_str){ host, (size_t)(at - host) }, &url);
    if (why)
        return why;
    if (memchr(at, '#', (size_t)(end - at)))
        return "contains a fragment (#…)";
    const char *mark = memchr(at, '?', (size_t)(end - at));
    url.path = (aigw_str){ at, (size_t)((mark ? mark : end) - at) };
    url.query = mark ? (aigw_str){ mark + 1, (size_t)(end - mark - 1) } : (aigw_str){ end, 0 };
    *ret_url = url;
    return NULL;
}

const char *gw_url_port(aigw_str port, uint16_t *ret_port)
{
    uint64_t number = 0;

    *ret_port = 0;
    if (port.len == 0)
        return NULL;
    if (!gw_str_to_u64(port, 65535, &number) || number == 0)
        return "has a port that is not between 1 and 65535";
    *ret_port = (uint16_t)number;
    return NULL;
}

/* ---- host ---- */

static const char *normal_ipv6(aigw_str inner, char ret_host[GW_URL_HOST_MAX])
{
    static const char why[] = "has something in brackets that is not an IPv6 address";
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    struct in_addr v4;

    if (inner.len >= sizeof text)
        return why;
    memcpy(text, inner.ptr, inner.len);
    text[inner.len] = '\0';
    if (inet_pton(AF_INET6, text, &address) != 1)
        return why;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        memcpy(&v4, &address.s6_addr[12], sizeof v4);
        return inet_ntop(AF_INET, &v4, ret_host, GW_URL_HOST_MAX) ? NULL : why;
    }
    ret_host[0] = '[';
    if (!inet_ntop(AF_INET6, &address, ret_host + 1, GW_URL_HOST_MAX - 2))
        return why;
    size_t len = strlen(ret_host);
    memcpy(ret_host + len, "]", 2);
    return NULL;
}

/* One number of an IPv4 address: decimal, 0 octal, 0x hexadecimal. */
static bool parse_number(aigw_str text, uint64_t *ret_value)
{
    unsigned base = 10;
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    if (text.len > 1 && text.ptr[0] == '0') {
        bool is_hex = (text.ptr[1] | 0x20) == 'x';
        base = is_hex ? 16 : 8;
        text = (aigw_str){ text.ptr + 1 + is_hex, text.len - 1 - is_hex };
    }
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_value(text.ptr[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        value = value * base + (unsigned)digit;
        if (value > UINT32_MAX)
            return false;
    }
    *ret_value = value;
    return true;
}

static bool ends_in_number(aigw_str host)
{
    size_t at = host.len;

    while (at > 0 && host.ptr[at - 1] != '.')
        at--;
    aigw_str last = { host.ptr + at, host.len - at };
    bool is_hex = last.len > 1 && last.ptr[0] == '0' && (last.ptr[1] | 0x20) == 'x';
    for (size_t i = is_hex ? 2 : 0; i < last.len; i++)
        if (is_hex ? hex_value(last.ptr[i]) < 0 : !is_digit(last.ptr[i]))
            return false;
    return last.len > 0;
}

/* One to four numbers; the last one fills the bytes that are left. */
static bool parse_ipv4(aigw_str host, uint32_t *ret_address)
{
    uint64_t address = 0, value;
    unsigned count = 0;
    bool is_last = false;

    for (; !is_last; count++) {
        const char *dot = host.len ? memchr(host.ptr, '.', host.len) : NULL;
        aigw_str number = { host.ptr, dot ? (size_t)(dot - host.ptr) : host.len };
        is_last = !dot;
        if (count == 4 || !parse_number(number, &value))
            return false;
        unsigned bits = is_last ? 8 * (4 - count) : 8;
        if (value >> bits)
            return false;
        address = address << bits | value;
        if (dot)
            host = (aigw_str){ dot + 1, host.len - number.len - 1 };
    }
    *ret_address = (uint32_t)address;
    return true;
}

static const char *normal_name(aigw_str host, char ret_host[GW_URL_HOST_MAX])
{
    size_t label_len = 0;

    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0)
        return "has no host name";
    if (host.len >= GW_URL_HOST_MAX)
        return "has a host name of more than 253 characters";
    for (size_t i = 0; i < host.len; i++) {
        char c = to_lower(host.ptr[i]);
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_' && c != '.')
            return "has a character in its host that no host name has";
        label_len = c == '.' ? 0 : label_len + 1;
        if ((c == '.' && (i == 0 || i + 1 == host.len || host.ptr[i - 1] == '.')) || label_len > 63)
            return "has an empty or an overlong part in its host name";
        ret_host[i] = c;
    }
    ret_host[host.len] = '\0';
    return NULL;
}

const char *gw_url_host(aigw_str host, char ret_host[GW_URL_HOST_MAX])
{
    uint32_t address;

    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        return normal_ipv6((aigw_str){ host.ptr + 1, host.len - 2 }, ret_host);
    const char *why = normal_name(host, ret_host);
    if (why || !ends_in_number(gw_str(ret_host)))
        return why;
    if (!parse_ipv4(gw_str(ret_host), &address))
        return "has a host that ends in a number but is no IPv4 address";
    struct in_addr v4 = { htonl(address) };
    inet_ntop(AF_INET, &v4, ret_host, GW_URL_HOST_MAX);
    return NULL;
}

bool gw_url_is_ipv4(aigw_str normal_host)
{
    return normal_host.len && normal_host.ptr[0] != '[' && ends_in_number(normal_host);
}

/* ---- path and query ---- */

static bool is_unreserved(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_plain(char c)
{
    return is_unreserved(c) || (c && strchr("!$&'()*+,;=:@/?", c));
}

static void put_encoded(struct gw_buf *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    const char text[3] = { '%', digits[byte >> 4], digits[byte & 15] };

    gw_buf_put(out, text, sizeof text);
}

static const char *put_escape(struct gw_buf *out, aigw_str rest)
{
    int high = rest.len > 2 ? hex_value(rest.ptr[1]) : -1, low = rest.len > 2 ? hex_value(rest.ptr[2]) : -1;

    if (high < 0 || low < 0)
        return "has a % in its path without two hexadecimal digits behind it";
    unsigned char byte = (unsigned char)(high << 4 | low);
    if (byte < ' ' || byte == 0x7f || byte == '/' || byte == '\\' || byte == '%')
        return "has an encoded slash, backslash, % or control character in its path";
    if (is_unreserved((char)byte))
        gw_buf_put(out, (const char *)&byte, 1);
    else
        put_encoded(out, byte);
    return NULL;
}

/* Servers cut parameters off a segment before they look at it: "..;x" is ".." to them. */
static bool is_dots(aigw_str segment)
{
    const char *mark = segment.len ? memchr(segment.ptr, ';', segment.len) : NULL;

    if (mark)
        segment.len = (size_t)(mark - segment.ptr);
    return gw_str_is(segment, ".") || gw_str_is(segment, "..");
}

static const char *put_segment(struct gw_buf *out, aigw_str segment)
{
    size_t start;

    gw_buf_puts(out, "/");
    start = out->len;
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];
        if (c == '%') {
            const char *why = put_escape(out, (aigw_str){ segment.ptr + i, segment.len - i });
            if (why)
                return why;
            i += 2;
        } else if (is_plain(c)) {
            gw_buf_put(out, &c, 1);
        } else {
            put_encoded(out, (unsigned char)c);
        }
    }
    if (out->status == AIGW_OK && is_dots((aigw_str){ out->data + start, out->len - start }))
        return "has . or .. as a part of its path";
    return NULL;
}

const char *gw_url_put_path(struct gw_buf *out, aigw_str path)
{
    while (path.len) {
        const char *slash = memchr(path.ptr, '/', path.len);
        aigw_str segment = { path.ptr, slash ? (size_t)(slash - path.ptr) : path.len };
        const char *why = segment.len ? put_segment(out, segment) : NULL;
        if (why)
            return why;
        size_t used = segment.len + (slash != NULL);
        path = (aigw_str){ path.ptr + used, path.len - used };
    }
    return NULL;
}

void gw_url_put_query(struct gw_buf *out, aigw_str query)
{
    for (size_t i = 0; i < query.len; i++)
        if (is_plain(query.ptr[i]) || query.ptr[i] == '%')
            gw_buf_put(out, &query.ptr[i], 1);
        else
            put_encoded(out, (unsigned char)query.ptr[i]);
}
