/* hygiene.c - refuse what another HTTP parser on the way could have read differently (request smuggling).
 *
 * libmicrohttpd 0.9.75 accepts bare LF, folded lines, blanks before the colon, NULs, several lengths. It parses the
 * header block in place: names and values point into it, line ends are overwritten with NULs. So walking the headers
 * in order proves the block byte by byte: each name must begin exactly two bytes (CR, LF) after the value before it,
 * the first one two bytes after the version, and the block must end two bytes after that. A bare LF, a NUL or a folded
 * line breaks the chain. The walk depends on that version's layout, so it is only done there (http->knows_layout);
 * should the layout differ without the version differing, every request is refused, which nobody overlooks.
 *
 * What remains: that version takes a line of exactly ":" LF or NUL LF for the blank line at the end, and both leave the
 * same two bytes behind. Whatever stands between us and the attacker would have to pass on a header line without a name
 * that ends in a bare LF.
 */
#include <string.h>

#include "http/internal.h"

#define HEADERS_MAX 100
#define TARGET_MAX  8192
#define METHOD_MAX  32

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

struct head_walk {
    struct http_ex *ex;
    const char *next; /* where the next name has to begin */
    const char *why;  /* set: refused */
    unsigned count;
    unsigned lengths, encodings, hosts;
    bool has_bad_coding; /* transfer-encoding other than chunked */
    bool has_content_coding;
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

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!token_chars[(unsigned char)text[i]])
            return false;
    }
    return len > 0;
}

/** No control character but TAB. Eight bytes at a time: tokens are long. */
static bool is_field_value(const char *text, size_t len)
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

static void walk_known(struct head_walk *walk, aigw_str name, aigw_str value)
{
    struct http_ex *ex = walk->ex;

    switch (name.len) {
    case 4:
        walk->hosts += gw_str_eq_ci(name, AIGW_STR("host"));
        break;
    case 6:
        if (gw_str_eq_ci(name, AIGW_STR("origin")))
            ex->has_origin = true;
        else if (gw_str_eq_ci(name, AIGW_STR("expect")))
            ex->wants_continue = true;
        break;
    case 12:
        if (gw_str_eq_ci(name, AIGW_STR("x-request-id")) && !walk->request_id.ptr)
            walk->request_id = value;
        break;
    case 14:
        if (gw_str_eq_ci(name, AIGW_STR("content-length"))) {
            walk->lengths++;
            ex->has_length = true;
            if (!gw_str_to_u64(value, INT64_MAX, &ex->content_length))
                walk->why = "content-length is not a number";
        }
        break;
    case 15:
        if (gw_str_eq_ci(name, AIGW_STR("x-forwarded-for")))
            walk->forwarded_for = value; /* the last one: nearest to us */
        break;
    case 16:
        if (gw_str_eq_ci(name, AIGW_STR("content-encoding")) && !gw_str_eq_ci(value, AIGW_STR("identity")))
            walk->has_content_coding = true;
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

static enum MHD_Result walk_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len)
{
    struct head_walk *walk = cls;

    (void)kind;
    walk->count++;
    if (!value) {
        value = "";
        value_len = 0;
    }
    if (!is_token(name, name_len)) {
        walk->why = "header name with a forbidden character";
    } else if (!is_field_value(value, value_len)) {
        walk->why = "control character in a header value";
    } else if (walk->ex->conn->http->knows_layout) {
        if (name != walk->next || value < name + name_len + 1)
            walk->why = "header line that does not end in CR LF, is folded or has a NUL";
        walk->next = value + value_len + 2;
    }
    if (walk->why)
        return MHD_NO;
    walk_known(walk, (aigw_str){ name, name_len }, (aigw_str){ value, value_len });
    return walk->why ? MHD_NO : MHD_YES;
}

static bool refuse(struct http_refusal *ret, int status, const char *type, const char *body, const char *why)
{
    *ret = (struct http_refusal){ .status = status, .content_type = type, .body = body, .why = why };
    return false;
}

static bool refuse_malformed(struct http_refusal *ret, const char *why)
{
    return refuse(ret, 400, TEXT, "Invalid HTTP request received.", why);
}

static bool check_line(struct http_ex *ex, const char *method, const char *version)
{
    if (!is_token(method, ex->pub.method.len) || ex->pub.method.len > METHOD_MAX || !ex->target_at)
        return false;
    for (size_t i = 0; i < ex->pub.target.len; i++) {
        unsigned char c = (unsigned char)ex->pub.target.ptr[i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
    }
    /* one blank before and after the target, nothing hidden behind a NUL */
    return !ex->conn->http->knows_layout ||
           (method + ex->pub.method.len + 1 == ex->target_at && ex->target_at + ex->pub.target.len + 1 == version);
}

/** D18 */
static void take_request_id(struct http_ex *ex, aigw_str given)
{
    bool is_good = given.len > 0 && given.len < sizeof ex->pub.request_id;

    for (size_t i = 0; is_good && i < given.len; i++)
        is_good = given.ptr[i] >= 0x20 && given.ptr[i] < 0x7f;
    if (is_good) {
        memcpy(ex->pub.request_id, given.ptr, given.len);
        ex->pub.request_id[given.len] = '\0';
    } else {
        gw_id_hex(ex->pub.request_id);
    }
}

bool http_check_head(struct http_ex *ex, const char *method, const char *version, struct http_refusal *ret_refusal)
{
    struct gw_http *http = ex->conn->http;
    struct head_walk walk = { .ex = ex, .next = version + 10 /* "HTTP/1.1" and CR LF */ };
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(ex->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t block_len = info ? info->header_size : SIZE_MAX;

    bool is_line_ok = check_line(ex, method, version);
    MHD_get_connection_values_n(ex->conn->mhd, MHD_HEADER_KIND, walk_header, &walk);
    take_request_id(ex, gw_str_trim(walk.request_id));
    if (!is_line_ok)
        return refuse_malformed(ret_refusal, "malformed request line");
    if (!walk.why && http->knows_layout && walk.next + 2 != method + block_len)
        walk.why = "header block that does not end in CR LF, or has a NUL";
    if (walk.why)
        return refuse_malformed(ret_refusal, walk.why);
    if (walk.lengths > 1 || (walk.lengths && walk.encodings))
        return refuse_malformed(ret_refusal, "more than one content-length or transfer-encoding");
    if (walk.encodings > 1 || walk.has_bad_coding || (walk.encodings && ex->pub.http_minor == 0))
        return refuse_malformed(ret_refusal, "transfer-encoding other than chunked");
    if (walk.hosts > 1 || (walk.hosts == 0 && ex->pub.http_minor > 0))
        return refuse_malformed(ret_refusal, "no host header, or more than one");
    if (ex->pub.target.len > TARGET_MAX)
        return refuse(ret_refusal, 414, JSON, "{\"detail\":\"Request target is too long, at most 8192 bytes\"}",
                      "target too long");
    if (block_len > http->limits.header_max || walk.count > HEADERS_MAX)
        return refuse(ret_refusal, 431, JSON, "{\"detail\":\"Request header fields are too large or too many\"}",
                      "header block too large");
    if (walk.has_content_coding)
        return refuse(ret_refusal, 415, JSON,
                      "{\"detail\":\"Content-Encoding is not supported, send the body without it\"}",
                      "content-encoding");
    http_set_client(ex, walk.forwarded_for, walk.forwarded_proto);
    return true;
}
