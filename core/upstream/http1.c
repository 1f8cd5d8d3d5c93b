/* http1.c - see http1.h. A head is checked line by line as each line becomes whole; chunks byte by byte. */
#include "upstream/http1.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_FIRST_CAP 512u
#define SIZE_DIGITS    15u
#define LENGTH_DIGITS  18u

/** Which bytes a token may have. */
static const bool tchars[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
    ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true,  ['~'] = true, ['0'] = true,
    ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true,  ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,  ['F'] = true, ['G'] = true,
    ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true,  ['N'] = true, ['O'] = true,
    ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true,  ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,  ['d'] = true, ['e'] = true,
    ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true,  ['l'] = true, ['m'] = true,
    ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true,  ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true
};

static bool is_tchar(unsigned char c)
{
    return tchars[c];
}

static bool is_text(unsigned char c)
{
    return (c >= 0x20 || c == '\t') && c != 0x7f;
}

bool gw_is_token(aigw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_tchar((unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

/** None of the eight bytes is below 0x20 or 0x7f. May say false of good ones: a TAB. */
static bool are_text(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
    uint64_t word, of_delete;

    memcpy(&word, bytes, sizeof word);
    of_delete = word ^ ones * 0x7f;
    return (((word - ones * 0x20) & ~word) & tops) == 0 && (((of_delete - ones) & ~of_delete) & tops) == 0;
}

bool gw_is_field_value(aigw_str s)
{
    size_t i = 0;

    while (i < s.len) {
        if (s.len - i >= 8 && are_text(s.ptr + i)) {
            i += 8;
            continue;
        }
        if (!is_text((unsigned char)s.ptr[i++]))
            return false;
    }
    return true;
}

bool gw_http1_next_item(aigw_str *list, aigw_str *ret_item)
{
    const char *comma;
    size_t len;

    if (list->len == 0)
        return false;
    comma = memchr(list->ptr, ',', list->len);
    len = comma ? (size_t)(comma - list->ptr) : list->len;
    *ret_item = gw_str_trim((aigw_str){ list->ptr, len });
    len += comma != NULL;
    *list = (aigw_str){ list->ptr + len, list->len - len };
    return true;
}

bool gw_has_list_token(aigw_str list, const char *token)
{
    aigw_str item;

    while (gw_http1_next_item(&list, &item))
        if (gw_str_eq_ci(item, gw_str(token)))
            return true;
    return false;
}

static bool refuse(struct gw_http1 *answer, const char *problem)
{
    answer->state = GW_HTTP1_IS_BROKEN;
    answer->problem = problem;
    return false;
}

/* ---- one line of a head --------------------------------------------------------------------------------------- */

static bool take_status_line(struct gw_http1 *answer, aigw_str line)
{
    const char *at = line.ptr;

    if (line.len < 12 || memcmp(at, "HTTP/1.", 7) != 0 || (at[7] != '0' && at[7] != '1') || at[8] != ' ')
        return refuse(answer, "it does not begin with HTTP/1.0 or HTTP/1.1 and a status");
    for (int i = 9; i < 12; i++)
        if (at[i] < '0' || at[i] > '9')
            return refuse(answer, "its status is not three digits");
    answer->minor = (uint8_t)(at[7] - '0');
    answer->status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    if (answer->status < 100 || answer->status > 599 || (line.len > 12 && at[12] != ' '))
        return refuse(answer, "its status is not three digits from 100 to 599");
    if (!gw_is_field_value((aigw_str){ at + 12, line.len - 12 }))
        return refuse(answer, "there is a control character in its status line");
    return true;
}

static bool take_length(struct gw_http1 *answer, aigw_str value)
{
    uint64_t length;

    if (value.len > LENGTH_DIGITS || !gw_str_to_u64(value, UINT64_MAX, &length))
        return refuse(answer, "its Content-Length is not a plain number");
    if (answer->has_length && length != answer->left)
        return refuse(answer, "it has two different Content-Length headers");
    answer->has_length = true;
    answer->left = length;
    return true;
}

static void take_keep_alive(struct gw_http1 *answer, aigw_str value)
{
    static const char key[] = "timeout=";
    aigw_str item;
    uint64_t seconds;

    while (gw_http1_next_item(&value, &item))
        if (item.len > sizeof key - 1 && gw_str_eq_ci((aigw_str){ item.ptr, sizeof key - 1 }, gw_str(key)) &&
            gw_str_to_u64((aigw_str){ item.ptr + sizeof key - 1, item.len - (sizeof key - 1) }, UINT16_MAX, &seconds))
            answer->keep_s = seconds ? (uint16_t)seconds : 1;
}

/** What the head says about the framing and the connection's future. */
static bool take_known_field(struct gw_http1 *answer, aigw_str name, aigw_str value)
{
    if (gw_str_eq_ci(name, AIGW_STR("content-length")))
        return take_length(answer, value);
    if (gw_str_eq_ci(name, AIGW_STR("transfer-encoding"))) {
        if (answer->is_chunked)
            return refuse(answer, "it has two Transfer-Encoding headers");
        if (!gw_str_eq_ci(value, AIGW_STR("chunked")))
            return refuse(answer, "its Transfer-Encoding is not just chunked");
        answer->is_chunked = true;
    } else if (gw_str_eq_ci(name, AIGW_STR("connection"))) {
        answer->says_close = answer->says_close || gw_has_list_token(value, "close");
        answer->says_keep = answer->says_keep || gw_has_list_token(value, "keep-alive");
    } else if (gw_str_eq_ci(name, AIGW_STR("keep-alive"))) {
        take_keep_alive(answer, value);
    } else if (gw_str_eq_ci(name, AIGW_STR("content-encoding"))) {
        answer->has_coding = true;
    }
    return true;
}

/** Name and value of a header line; the value without the blanks around it. */
static bool split_field(aigw_str line, aigw_str *ret_name, aigw_str *ret_value)
{
    const char *colon = memchr(line.ptr, ':', line.len);

    if (!colon)
        return false;
    *ret_name = (aigw_str){ line.ptr, (size_t)(colon - line.ptr) };
    *ret_value = gw_str_trim((aigw_str){ colon + 1, line.len - ret_name->len - 1 });
    return true;
}

static bool take_field(struct gw_http1 *answer, aigw_str line)
{
    aigw_str name, value;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return refuse(answer, "one of its header lines is folded");
    if (!split_field(line, &name, &value))
        return refuse(answer, "one of its header lines has no colon");
    if (!gw_is_token(name))
        return refuse(answer, "one of its header names has a character that does not belong there");
    if (!gw_is_field_value(line))
        return refuse(answer, "there is a control character in one of its headers");
    return take_known_field(answer, name, value);
}

/* ---- the head ------------------------------------------------------------------------------------------------- */

static void forget_head(struct gw_http1 *answer)
{
    answer->head_len = answer->line_at = 0;
    answer->left = 0;
    answer->keep_s = 0;
    answer->has_length = answer->is_chunked = answer->says_close = answer->says_keep = answer->has_coding = false;
}

/** The empty line came: what follows? */
static bool end_head(struct gw_http1 *answer)
{
    char *exact;

    if (answer->status == 101)
        return refuse(answer, "it switches to another protocol, which was not asked for");
    if (answer->status < 200) {
        forget_head(answer);
        return true;
    }
    if (answer->is_chunked && answer->minor == 0)
        return refuse(answer, "it has a Transfer-Encoding in HTTP/1.0");
    if (answer->is_chunked && answer->has_length)
        return refuse(answer, "it has both Content-Length and Transfer-Encoding");
    exact = realloc(answer->head, answer->head_len); /* streams keep it for long */
    if (exact) {
        answer->head = exact;
        answer->head_cap = answer->head_len;
    }
    if (answer->is_bodiless || answer->status == 204 || answer->status == 304)
        answer->state = GW_HTTP1_IS_WHOLE;
    else if (answer->is_chunked)
        answer->state = GW_HTTP1_IN_SIZE;
    else
        answer->state = answer->has_length ? GW_HTTP1_IN_LENGTH : GW_HTTP1_IN_CLOSE;
    return true;
}

static bool end_line(struct gw_http1 *answer)
{
    aigw_str line = { answer->head + answer->line_at, answer->head_len - answer->line_at - 1 };
    bool is_first = answer->line_at == 0;

    if (line.len == 0 || line.ptr[line.len - 1] != '\r')
        return refuse(answer, "a line of its head does not end in CR LF");
    line.len--;
    answer->line_at = answer->head_len;
    if (++answer->lines > GW_HTTP1_LINES_MAX)
        return refuse(answer, "its head has more than 100 lines");
    if (is_first)
        return take_status_line(answer, line);
    return line.len > 0 ? take_field(answer, line) : end_head(answer);
}

/** The first bytes can become a status line that we read. */
static bool begins_well(struct gw_http1 *answer)
{
    static const char begin[] = "HTTP/1.";
    size_t len = answer->head_len < sizeof begin - 1 ? answer->head_len : sizeof begin - 1;

    if (memcmp(answer->head, begin, len) == 0)
        return true;
    if (answer->head[0] == 0x15 || answer->head[0] == 0x16)
        return refuse(answer, "it looks like TLS; try https:// in the endpoint");
    return refuse(answer, "it does not begin with HTTP/1.0 or HTTP/1.1 and a status");
}

static bool keep_bytes(struct gw_http1 *answer, const char *bytes, size_t len)
{
    if (answer->head_len + len > answer->head_cap) {
        size_t cap = answer->head_cap ? answer->head_cap : HEAD_FIRST_CAP;
        char *head;

        while (cap < answer->head_len + len)
            cap *= 2;
        head = realloc(answer->head, cap);
        if (!head)
            return false;
        answer->head = head;
        answer->head_cap = (uint32_t)cap;
    }
    memcpy(answer->head + answer->head_len, bytes, len);
    answer->head_len += (uint32_t)len;
    answer->spent += (uint32_t)len;
    return true;
}

static enum gw_http1_step take_head(struct gw_http1 *answer, aigw_str *input)
{
    while (input->len > 0 && answer->state == GW_HTTP1_IN_HEAD) {
        const char *lf = memchr(input->ptr, '\n', input->len);
        size_t len = lf ? (size_t)(lf - input->ptr) + 1 : input->len;

        if (answer->spent + len > GW_HTTP1_HEAD_MAX)
            refuse(answer, "its head is larger than 32 kB");
        if (answer->head_len - answer->line_at + len > GW_HTTP1_LINE_MAX)
            refuse(answer, "a line of its head is longer than 8 kB");
        if (answer->state == GW_HTTP1_IS_BROKEN)
            return GW_HTTP1_BROKEN;
        if (!keep_bytes(answer, input->ptr, len))
            return GW_HTTP1_NOMEM;
        *input = (aigw_str){ input->ptr + len, input->len - len };
        if (answer->line_at == 0 && !begins_well(answer))
            return GW_HTTP1_BROKEN;
        if (lf && !end_line(answer))
            return GW_HTTP1_BROKEN;
    }
    return answer->state == GW_HTTP1_IN_HEAD ? GW_HTTP1_MORE : GW_HTTP1_HEAD;
}

/* ---- chunks --------------------------------------------------------------------------------------------------- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_size(struct gw_http1 *answer, unsigned char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (++answer->digits > SIZE_DIGITS)
            return refuse(answer, "the size of a chunk has more than 15 digits");
        answer->left = answer->left << 4 | (unsigned)digit;
        return true;
    }
    if (answer->digits == 0 || (c != '\r' && c != ';' && c != ' ' && c != '\t'))
        return refuse(answer, "the size of a chunk is not a hexadecimal number");
    answer->section = 0;
    answer->state = c == '\r' ? GW_HTTP1_IN_SIZE_LF : GW_HTTP1_IN_EXTENSION;
    return true;
}

static bool take_extension(struct gw_http1 *answer, unsigned char c)
{
    if (c == '\r')
        answer->state = GW_HTTP1_IN_SIZE_LF;
    else if (!is_text(c))
        return refuse(answer, "there is a control character in a chunk extension");
    else if (++answer->section > GW_HTTP1_EXT_MAX)
        return refuse(answer, "a chunk extension is longer than 1 kB");
    return true;
}

static bool take_trailer(struct gw_http1 *answer, unsigned char c)
{
    if (++answer->section > GW_HTTP1_TRAILER_MAX)
        return refuse(answer, "its trailers are longer than 8 kB");
    if (answer->state == GW_HTTP1_IN_TRAILER && c == '\r') {
        answer->state = GW_HTTP1_IN_LAST_LF;
    } else if (answer->state == GW_HTTP1_IN_TRAIL_VALUE) {
        if (c == '\r')
            answer->state = GW_HTTP1_IN_TRAIL_LF;
        else if (!is_text(c))
            return refuse(answer, "there is a control character in a trailer");
    } else if (answer->state == GW_HTTP1_IN_TRAIL_NAME && c == ':') {
        answer->state = GW_HTTP1_IN_TRAIL_VALUE;
    } else if (is_tchar(c)) {
        answer->state = GW_HTTP1_IN_TRAIL_NAME;
    } else {
        return refuse(answer, "one of its trailers is malformed");
    }
    return true;
}

/** A byte that has to be what it is. */
static bool expect(struct gw_http1 *answer, unsigned char c, char want, enum gw_http1_state next, const char *problem)
{
    if (c != (unsigned char)want)
        return refuse(answer, problem);
    answer->state = (uint8_t)next;
    return true;
}

static bool take_chunk_byte(struct gw_http1 *answer, unsigned char c)
{
    static const char overlong[] = "a chunk is longer than its size";

    switch (answer->state) {
    case GW_HTTP1_IN_SIZE:
        return take_size(answer, c);
    case GW_HTTP1_IN_EXTENSION:
        return take_extension(answer, c);
    case GW_HTTP1_IN_SIZE_LF:
        answer->section = 0;
        return expect(answer, c, '\n', answer->left ? GW_HTTP1_IN_CHUNK : GW_HTTP1_IN_TRAILER,
                      "the line with a chunk's size does not end in CR LF");
    case GW_HTTP1_IN_CHUNK_CR:
        return expect(answer, c, '\r', GW_HTTP1_IN_CHUNK_LF, overlong);
    case GW_HTTP1_IN_CHUNK_LF:
        answer->digits = 0;
        return expect(answer, c, '\n', GW_HTTP1_IN_SIZE, overlong);
    case GW_HTTP1_IN_TRAIL_LF:
        return expect(answer, c, '\n', GW_HTTP1_IN_TRAILER, "a trailer does not end in CR LF");
    case GW_HTTP1_IN_LAST_LF:
        return expect(answer, c, '\n', GW_HTTP1_IS_WHOLE, "the line after the last chunk does not end in CR LF");
    default:
        return take_trailer(answer, c);
    }
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

void gw_http1_begin(struct gw_http1 *answer, bool is_bodiless)
{
    gw_http1_done(answer);
    *answer = (struct gw_http1){ .is_bodiless = is_bodiless };
}

void gw_http1_done(struct gw_http1 *answer)
{
    free(answer->head);
    answer->head = NULL;
    answer->head_len = answer->head_cap = 0;
}

/** Up to `most` bytes off the front. */
static enum gw_http1_step take_piece(aigw_str *input, uint64_t most, aigw_str *ret_data)
{
    size_t len = input->len < most ? input->len : (size_t)most;

    *ret_data = (aigw_str){ input->ptr, len };
    *input = (aigw_str){ input->ptr + len, input->len - len };
    return len > 0 ? GW_HTTP1_DATA : GW_HTTP1_MORE;
}

enum gw_http1_step gw_http1_step(struct gw_http1 *answer, aigw_str *input, aigw_str *ret_data)
{
    for (;;) {
        enum gw_http1_step step;

        switch (answer->state) {
        case GW_HTTP1_IN_HEAD:
            return take_head(answer, input);
        case GW_HTTP1_IS_WHOLE:
            return GW_HTTP1_END;
        case GW_HTTP1_IS_BROKEN:
            return GW_HTTP1_BROKEN;
        case GW_HTTP1_IN_CLOSE:
            return take_piece(input, UINT64_MAX, ret_data);
        case GW_HTTP1_IN_LENGTH:
        case GW_HTTP1_IN_CHUNK:
            /* The state moves on with the step after the last piece: until then gw_http1_unread() may come. */
            if (answer->left == 0) {
                answer->state = answer->state == GW_HTTP1_IN_LENGTH ? GW_HTTP1_IS_WHOLE : GW_HTTP1_IN_CHUNK_CR;
                break;
            }
            step = take_piece(input, answer->left, ret_data);
            if (step == GW_HTTP1_DATA)
                answer->left -= ret_data->len;
            return step;
        default:
            if (input->len == 0)
                return GW_HTTP1_MORE;
            (void)take_chunk_byte(answer, (unsigned char)input->ptr[0]);
            *input = (aigw_str){ input->ptr + 1, input->len - 1 };
            break;
        }
    }
}

void gw_http1_unread(struct gw_http1 *answer, size_t len)
{
    if (answer->state != GW_HTTP1_IN_CLOSE)
        answer->left += len;
}

bool gw_http1_may_end(const struct gw_http1 *answer)
{
    return answer->state == GW_HTTP1_IN_CLOSE || answer->state == GW_HTTP1_IS_WHOLE ||
           (answer->state == GW_HTTP1_IN_LENGTH && answer->left == 0);
}

bool gw_http1_keeps(const struct gw_http1 *answer)
{
    return answer->state == GW_HTTP1_IS_WHOLE && !answer->says_close && (answer->minor == 1 || answer->says_keep);
}

/* ---- headers -------------------------------------------------------------------------------------------------- */

/** The header line at *at, which moves behind it; false at the end of the head. */
static bool next_field(const struct gw_http1 *answer, size_t *at, aigw_str *ret_name, aigw_str *ret_value)
{
    const char *line = answer->head + *at;
    const char *lf = *at < answer->head_len ? memchr(line, '\n', answer->head_len - *at) : NULL;

    if (!lf || lf - line < 2)
        return false;
    *at += (size_t)(lf - line) + 1;
    return split_field((aigw_str){ line, (size_t)(lf - line) - 1 }, ret_name, ret_value);
}

/** Where the first header line begins, once the head is whole. */
static size_t first_field(const struct gw_http1 *answer)
{
    const char *lf =
        answer->state != GW_HTTP1_IN_HEAD && answer->head_len > 0 ? memchr(answer->head, '\n', answer->head_len) : NULL;

    return lf ? (size_t)(lf - answer->head) + 1 : answer->head_len;
}

aigw_str gw_http1_header(const struct gw_http1 *answer, const char *name)
{
    size_t at = first_field(answer);
    aigw_str key, value, want = gw_str(name);

    while (next_field(answer, &at, &key, &value))
        if (gw_str_eq_ci(key, want))
            return value;
    return AIGW_STR_NONE;
}

size_t gw_http1_header_count(const struct gw_http1 *answer)
{
    size_t at = first_field(answer), count = 0;
    aigw_str name, value;

    while (next_field(answer, &at, &name, &value))
        count++;
    return count;
}

bool gw_http1_header_at(const struct gw_http1 *answer, size_t index, aigw_str *ret_name, aigw_str *ret_value)
{
    size_t at = first_field(answer);

    for (size_t i = 0; next_field(answer, &at, ret_name, ret_value); i++)
        if (i == index)
            return true;
    return false;
}
