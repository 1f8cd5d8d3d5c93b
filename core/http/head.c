/* head.c - the bytes of a request's head, before anybody else reads them: refuse what another HTTP parser on the way
 * could have read differently (request smuggling), and note what the exchange keeps.
 *
 * Strict on purpose: every line ends in CR LF, no line is folded, no NUL anywhere, names are tokens that touch their
 * colon, single blanks in the request line, one length or one coding.
 */
#include <string.h>

#include "http/internal.h"

#define HEADERS_MAX 100
#define TARGET_MAX  8192
#define METHOD_MAX  32

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

/** What the walk over the header lines found. */
struct head_walk {
    struct http_ex *ex;
    const char *why; /* set: refused */
    unsigned lengths, encodings, hosts, connections;
    bool is_close, is_keep; /* in a connection header */
    bool has_bad_coding;    /* transfer-encoding other than chunked */
    aigw_str request_id, forwarded_for, forwarded_proto;
};

/** RFC 9110 token characters: three quarters of the time spent here would go into looking for them otherwise. */
static const bool token_chars[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
    ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true,  ['~'] = true, ['0'] = true,
    ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true,  ['7'] = true, ['8'] = true,
    ['9'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true,  ['f'] = true, ['g'] = true,
    ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true,  ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,  ['v'] = true, ['w'] = true,
    ['x'] = true, ['y'] = true, ['z'] = true, ['A'] = true, ['B'] = true, ['C'] = true,  ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,  ['L'] = true, ['M'] = true,
    ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true,  ['T'] = true, ['U'] = true,
    ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true,
};

bool http_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!token_chars[(unsigned char)text[i]])
            return false;
    }
    return len > 0;
}

/** No control character but TAB. Eight bytes at a time: tokens are long. */
bool http_is_field_value(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t eight;
        memcpy(&eight, text + i, sizeof eight);
        uint64_t del = eight ^ ones * 0x7f;
        /* a top bit for each byte below 0x20 or equal to 0x7f, and perhaps for the byte after such a one */
        if (((eight - ones * 0x20) & ~eight & tops) | ((del - ones) & ~del & tops))
            break;
    }
    for (; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/** ASCII that can be seen, and blanks. */
static bool is_visible(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t eight;
        memcpy(&eight, text + i, sizeof eight);
        if ((eight | (eight - ones * 0x20) | (eight + ones)) & tops)
            return false;
    }
    for (; i < len; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f) /* signed or not: no ASCII is either below or above */
            return false;
    }
    return true;
}

/** Does it begin with what may be a method? The first bytes of a TLS handshake do not: nobody should wait for the end
 * of such a "request". */
static bool may_begin(const char *bytes, size_t len)
{
    size_t room = len < METHOD_MAX + 1 ? len : METHOD_MAX + 1;
    const char *blank = memchr(bytes, ' ', room);

    if (!blank && room > METHOD_MAX)
        return false;
    return http_is_token(bytes, blank ? (size_t)(blank - bytes) : room);
}

ssize_t http_head_scan(const char *bytes, size_t len, size_t *scanned)
{
    for (;;) {
        const char *lf = *scanned < len ? memchr(bytes + *scanned, '\n', len - *scanned) : NULL;
        if (!lf) {
            *scanned = len;
            return may_begin(bytes, len) ? 0 : -1;
        }
        size_t at = (size_t)(lf - bytes);
        if (at == 0 || bytes[at - 1] != '\r')
            return -1;
        *scanned = at + 1;
        if (at >= 3 && bytes[at - 3] == '\r' && bytes[at - 2] == '\n')
            return (ssize_t)at + 1;
    }
}

/* ---- refusals ------------------------------------------------------------------------------------------------- */

struct http_refusal http_head_malformed(const char *why)
{
    return (struct http_refusal){ 400, TEXT, "Invalid HTTP request received.", why };
}

struct http_refusal http_head_too_large(void)
{
    return (struct http_refusal){ 431, JSON, "{\"detail\":\"Request header fields are too large or too many\"}",
                                  "header block too large" };
}

static bool refuse(struct http_refusal *ret, struct http_refusal refusal)
{
    *ret = refusal;
    return false;
}

/* ---- the request line ----------------------------------------------------------------------------------------- */

/** Answers the line's length with CR LF, 0: malformed. *ret_version: "1.1" and the like. */
static size_t walk_line(struct http_ex *ex, char *head, size_t len, const char **ret_version)
{
    const char *end = memchr(head, '\r', len);
    char *blank = end ? memchr(head, ' ', (size_t)(end - head)) : NULL;
    char *second = blank ? memchr(blank + 1, ' ', (size_t)(end - blank - 1)) : NULL;

    if (!second || end[1] != '\n' || end - second != 9 || memcmp(second + 1, "HTTP/", 5) != 0 || second[7] != '.' ||
        second[6] < '0' || second[6] > '9' || second[8] < '0' || second[8] > '9')
        return 0;
    ex->pub.method = (aigw_str){ head, (size_t)(blank - head) };
    ex->pub.target = (aigw_str){ blank + 1, (size_t)(second - blank - 1) };
    if (!http_is_token(head, ex->pub.method.len) || ex->pub.method.len > METHOD_MAX || ex->pub.target.len == 0)
        return 0;
    for (size_t i = 0; i < ex->pub.target.len; i++) {
        unsigned char c = (unsigned char)ex->pub.target.ptr[i];
        if (c <= 0x20 || c >= 0x7f)
            return 0;
    }
    *blank = *second = '\0';
    *ret_version = second + 6;
    return (size_t)(end - head) + 2;
}

/* ---- header lines --------------------------------------------------------------------------------------------- */

/** Is it one of the words between commas? */
static bool list_has(aigw_str list, aigw_str word)
{
    while (list.len) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        if (gw_str_eq_ci(gw_str_trim((aigw_str){ list.ptr, len }), word))
            return true;
        size_t used = comma ? len + 1 : len;
        list = (aigw_str){ list.ptr + used, list.len - used };
    }
    return false;
}

static void walk_known(struct head_walk *walk, aigw_str name, aigw_str value)
{
    struct http_ex *ex = walk->ex;

    switch (name.len) {
    case 4:
        walk->hosts += gw_str_eq_ci(name, AIGW_STR("host"));
        break;
    case 6:
        if (gw_str_eq_ci(name, AIGW_STR("origin")))
            ex->pub.allow_origin = AIGW_STR("*");
        else if (gw_str_eq_ci(name, AIGW_STR("expect")))
            ex->wants_continue = true;
        else if (gw_str_eq_ci(name, AIGW_STR("cookie")))
            ex->has_cookies = true;
        break;
    case 10:
        if (gw_str_eq_ci(name, AIGW_STR("connection"))) {
            walk->connections++;
            walk->is_close |= list_has(value, AIGW_STR("close"));
            walk->is_keep |= list_has(value, AIGW_STR("keep-alive"));
        }
        break;
    case 12:
        if (gw_str_eq_ci(name, AIGW_STR("x-request-id")) && !walk->request_id.ptr)
            walk->request_id = value;
        break;
    case 14:
        if (gw_str_eq_ci(name, AIGW_STR("content-length"))) {
            walk->lengths++;
            ex->length_index = ex->header_count - 1;
            if (!gw_str_to_u64(value, INT64_MAX, &ex->content_length))
                walk->why = "content-length is not a number";
        }
        break;
    case 15:
        if (gw_str_eq_ci(name, AIGW_STR("x-forwarded-for")))
            walk->forwarded_for = value; /* the last one: nearest to us */
        break;
    case 16:
        if (gw_str_eq_ci(name, AIGW_STR("content-encoding"))) /* one after the other is nothing we read */
            ex->pub.coding = ex->pub.coding ? GW_CODING_UNKNOWN : gw_coding_of(value);
        break;
    case 17:
        if (gw_str_eq_ci(name, AIGW_STR("transfer-encoding"))) {
            walk->encodings++;
            ex->is_chunked = gw_str_eq_ci(value, AIGW_STR("chunked"));
            if (!ex->is_chunked)
                walk->has_bad_coding = true;
        } else if (gw_str_eq_ci(name, AIGW_STR("x-forwarded-proto")) && !walk->forwarded_proto.ptr) {
            walk->forwarded_proto = value;
        }
        break;
    default:
        break;
    }
}

/** Lines that HTTP gives no meaning are ours alone: they cannot change how anybody reads the request. Among them are
 *  those that differ with every request, and the keys. */
static bool is_ours(aigw_str name, const char *value, size_t value_len)
{
    static const aigw_str names[] = { AIGW_STR_INIT("authorization"), AIGW_STR_INIT("api-key"),
                                      AIGW_STR_INIT("idempotency-key"), AIGW_STR_INIT("traceparent"),
                                      AIGW_STR_INIT("tracestate") };
    bool is_named = name.len > 2 && (name.ptr[0] | 0x20) == 'x' && name.ptr[1] == '-';

    for (size_t i = 0; i < GW_ARRAY_LEN(names) && !is_named; i++)
        is_named = name.len == names[i].len && gw_str_eq_ci(name, names[i]);
    return is_named && is_visible(value, value_len);
}

/** One line without its CR LF. */
static void walk_header(struct head_walk *walk, char *line, size_t len)
{
    char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : 0;

    if (!colon || !http_is_token(line, name_len)) {
        walk->why = "header line without a proper name, or folded";
        return;
    }
    aigw_str value = gw_str_trim((aigw_str){ colon + 1, len - name_len - 1 });
    bool is_kept_back = is_ours((aigw_str){ line, name_len }, colon + 1, len - name_len - 1);
    if (!is_kept_back && !http_is_field_value(colon + 1, len - name_len - 1)) {
        walk->why = "control character in a header value";
        return;
    }
    if (!value.len)
        value.ptr = colon + 1;
    size_t value_at = (size_t)(value.ptr - line);
    *colon = '\0';
    line[value_at + value.len] = '\0'; /* at most the line's CR */
    walk->ex->headers[walk->ex->header_count++] = (struct http_header){
        .line = line,
        .name_len = (uint32_t)name_len,
        .value_at = (uint32_t)value_at,
        .value_len = (uint32_t)value.len,
        .is_ours = is_kept_back,
    };
    walk_known(walk, (aigw_str){ line, name_len }, value);
}

static void walk_headers(struct head_walk *walk, char *at, const char *end)
{
    while (at < end && !walk->why) { /* the scan made sure that each line ends in CR LF */
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            break;
        walk_header(walk, at, (size_t)(lf - at) - 1);
        at += lf - at + 1;
    }
}

static size_t count_lines(const char *at, const char *end)
{
    size_t count = 0;

    for (; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* ---- together ------------------------------------------------------------------------------------------------- */

/** D18 */
static void take_request_id(struct http_ex *ex, aigw_str given)
{
    bool is_good = given.len > 0 && given.len < sizeof ex->pub.request_id;

    for (size_t i = 0; is_good && i < given.len; i++)
        is_good = given.ptr[i] >= 0x20 && given.ptr[i] < 0x7f;
    if (!is_good)
        return; /* it has a new one already */
    memcpy(ex->pub.request_id, given.ptr, given.len);
    ex->pub.request_id[given.len] = '\0';
}

static void take_connection(struct http_ex *ex, const struct head_walk *walk)
{
    bool is_plain = walk->connections == 0 || (walk->connections == 1 && walk->is_keep);

    ex->asks_to_close = ex->pub.http_minor == 0 || walk->is_close || !is_plain;
    /* After a chunked body the connection is closed: the library's reading of chunk lines is not checked byte by byte,
     * and where nothing follows there is nothing to smuggle. */
    ex->must_close = ex->is_chunked || walk->is_close || (ex->pub.http_minor == 0 && !walk->is_keep);
    ex->body_left = ex->is_chunked ? 0 : ex->content_length;
    if (ex->content_length > 0)
        ex->headers[ex->length_index].is_ours = true;
}

static const char *framing_fault(const struct http_ex *ex, const struct head_walk *walk)
{
    if (walk->why)
        return walk->why;
    if (walk->lengths > 1 || (walk->lengths && walk->encodings))
        return "more than one content-length or transfer-encoding";
    if (walk->encodings > 1 || walk->has_bad_coding || (walk->encodings && ex->pub.http_minor == 0))
        return "transfer-encoding other than chunked";
    if (walk->hosts > 1 || (walk->hosts == 0 && ex->pub.http_minor > 0))
        return "no host header, or more than one";
    return NULL;
}

bool http_head_judge(struct http_ex *ex, const char *bytes, size_t len, struct http_refusal *ret_refusal)
{
    struct head_walk walk = { .ex = ex };
    const char *version = NULL;
    char *head = gw_arena_strndup(&ex->pub.arena, bytes, len);
    static const struct http_refusal no_memory = { 503, JSON, "{\"detail\":\"Out of memory\"}", "out of memory" };

    if (!head)
        return refuse(ret_refusal, no_memory);
    size_t line_len = walk_line(ex, head, len, &version);
    if (!line_len)
        return refuse(ret_refusal, http_head_malformed("malformed request line"));
    if (version[0] != '1')
        return refuse(ret_refusal, (struct http_refusal){ 505, TEXT, "Only HTTP/1.0 and HTTP/1.1 are spoken here.",
                                                          "HTTP version" });
    ex->pub.http_minor = version[2] == '0' ? 0 : 1;
    ex->pub.is_head = gw_str_eq(ex->pub.method, AIGW_STR("HEAD"));
    const char *end = head + len - 2;
    size_t lines = count_lines(head + line_len, end);
    if (lines > HEADERS_MAX)
        return refuse(ret_refusal, http_head_too_large());
    ex->headers = gw_arena_alloc(&ex->pub.arena, (lines + 1) * sizeof *ex->headers);
    if (!ex->headers)
        return refuse(ret_refusal, no_memory);
    walk_headers(&walk, head + line_len, end);
    take_request_id(ex, walk.request_id);
    take_connection(ex, &walk);
    const char *fault = framing_fault(ex, &walk);
    if (fault)
        return refuse(ret_refusal, http_head_malformed(fault));
    if (ex->pub.target.len > TARGET_MAX)
        return refuse(ret_refusal, (struct http_refusal){
                                       414, JSON, "{\"detail\":\"Request target is too long, at most 8192 bytes\"}",
                                       "target too long" });
    http_set_client(ex, walk.forwarded_for, walk.forwarded_proto);
    return true;
}

aigw_str http_head_told(const struct http_ex *ex, const char *bytes, size_t len)
{
    const char *copy = ex->pub.method.ptr; /* the copy's first byte: its lines stand where those of `bytes` do */
    char *told = ex->pub.http->told;
    size_t at = 0, told_len = 0;

    for (uint32_t i = 0; i < ex->header_count; i++) { /* what is told up to here, and then without this line */
        const struct http_header *header = &ex->headers[i];
        size_t line_at = (size_t)(header->line - copy);

        if (!header->is_ours)
            continue;
        memcpy(told + told_len, bytes + at, line_at - at);
        told_len += line_at - at;
        at = i + 1 < ex->header_count ? (size_t)(header[1].line - copy) : len - 2;
    }
    memcpy(told + told_len, bytes + at, len - at);
    return (aigw_str){ told, told_len + len - at };
}
