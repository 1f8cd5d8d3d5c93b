/* json.c - see json.h. Memory is cut from blocks that double; nothing is freed before the document is. */
#include "json.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   32
#define FIRST_BLOCK 4096u
#define BLOCK_MAX   (1024u * 1024)
#define ALIGN       16u
#define DIGITS_MAX  18 /* always within int64 */

struct block {
    struct block *next;
    size_t left;
    char *at;
};

struct pj_document {
    struct block *blocks;
    size_t block_size;
    struct pj root;
};

struct reader {
    const char *at, *end;
    char *out; /* where the next string with escapes goes */
    struct pj_document *document;
};

/* ---- memory ---- */

static void *cut(struct pj_document *document, size_t len)
{
    struct block *block = document->blocks;
    void *result;

    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (len > block->left) {
        size_t head = (sizeof *block + ALIGN - 1) & ~(size_t)(ALIGN - 1), size = document->block_size;

        if (size < BLOCK_MAX)
            document->block_size = size *= 2;
        if (size < len)
            size = len;
        block = malloc(head + size);
        if (!block)
            return NULL;
        *block = (struct block){ .next = document->blocks, .left = size, .at = (char *)block + head };
        document->blocks = block;
    }
    result = block->at;
    block->at += len;
    block->left -= len;
    return result;
}

static struct pj_document *new_document(void)
{
    /* Document, first block's head and its bytes in one piece of memory. */
    struct first {
        struct pj_document document;
        struct block block;
        _Alignas(16) char bytes[FIRST_BLOCK - sizeof(struct pj_document) - sizeof(struct block) - ALIGN];
    } *first = malloc(sizeof *first);

    if (!first)
        return NULL;
    first->block = (struct block){ .left = sizeof first->bytes, .at = first->bytes };
    first->document.blocks = &first->block;
    first->document.block_size = FIRST_BLOCK;
    first->document.root = (struct pj){ .type = PJ_NULL };
    return &first->document;
}

void pj_free(struct pj_document *document)
{
    struct block *block = document ? document->blocks : NULL;

    while (block && block->next) { /* the last is the first: part of the document */
        struct block *next = block->next;

        free(block);
        block = next;
    }
    free(document);
}

const struct pj *pj_root(const struct pj_document *document)
{
    return &document->root;
}

/* ---- strings ---- */

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* The high bit of every byte among eight that needs a look is set: quote, backslash, control character. Bytes after the
 * first such one may be marked wrongly. Strings are nearly all of a body. */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');

    return (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* How many of the eight bytes at `at` are plain before the first that is not; `special` is not 0. */
static size_t plain_bytes(const char *at, uint64_t special)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void)at;
    return (size_t)__builtin_ctzll(special) / 8;
#else
    size_t count = 0;

    (void)special;
    while (is_plain(at[count]))
        count++;
    return count;
#endif
}

static const char *plain_end(const char *at, const char *end)
{
    uint64_t word, special;

    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof word);
        special = special_bytes(word);
        if (special)
            return at + plain_bytes(at, special);
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

/* Value of four hex digits, -1 for anything else. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static char *put_utf8(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (char)(0xE0 | code >> 12);
        } else {
            *out++ = (char)(0xF0 | code >> 18);
            *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (code & 0x3F));
    return out;
}

/* What \\c stands for; 0 for an escape that JSON does not know. */
static char short_escape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case '"':
    case '\\':
    case '/':
        return c;
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return 0;
    }
}

/* r->at is at a backslash. NULL for an escape that JSON does not know, U+0000 and lone surrogates. */
static char *read_escape(struct reader *r, char *out)
{
    int32_t code, low;

    if (r->end - r->at < 2)
        return NULL;
    if (r->at[1] != 'u') {
        *out = short_escape(r->at[1]);
        r->at += 2;
        return *out ? out + 1 : NULL;
    }
    code = hex4(r->at + 2, r->end);
    if (code <= 0 || (code >= 0xDC00 && code <= 0xDFFF))
        return NULL;
    r->at += 6;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
            return NULL;
        low = hex4(r->at + 2, r->end);
        if (low < 0xDC00 || low > 0xDFFF)
            return NULL;
        r->at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_utf8(out, code);
}

/* r->at is behind the opening quote. All strings with escapes go into one piece of memory as large as what is left of
 * the text: no escape is shorter than what it stands for. */
static bool unescape(struct reader *r, aigw_str *ret)
{
    char *out;
    uint64_t word, special;

    if (!r->out)
        r->out = cut(r->document, (size_t)(r->end - r->at));
    out = r->out;
    while (out && r->at < r->end) {
        if (r->end - r->at >= 8) {
            size_t run = 8;

            memcpy(&word, r->at, sizeof word);
            memcpy(out, &word, sizeof word); /* as much room is left for output as there is input */
            special = special_bytes(word);
            if (special)
                run = plain_bytes(r->at, special);
            out += run;
            r->at += run;
            if (!special)
                continue;
        } else {
            while (r->at < r->end && is_plain(*r->at))
                *out++ = *r->at++;
        }
        if (r->at == r->end || (unsigned char)*r->at < 0x20)
            return false;
        if (*r->at == '"') {
            *ret = (aigw_str){ r->out, (size_t)(out - r->out) };
            r->out = out;
            r->at++;
            return true;
        }
        out = read_escape(r, out);
    }
    return false;
}

static bool read_string(struct reader *r, aigw_str *ret)
{
    const char *plain = plain_end(r->at, r->end);

    if (plain == r->end || (unsigned char)*plain < 0x20)
        return false;
    if (*plain == '\\')
        return unescape(r, ret);
    *ret = (aigw_str){ r->at, (size_t)(plain - r->at) };
    r->at = plain + 1;
    return true;
}

/* ---- values ---- */

static bool is_digit(const struct reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static size_t skip_digits(struct reader *r)
{
    const char *begin = r->at;

    while (is_digit(r))
        r->at++;
    return (size_t)(r->at - begin);
}

/* What may follow a number: it must be there, so that strtod() stops in time. */
static bool is_number_end(const struct reader *r)
{
    return r->at < r->end && memchr(",}] \n\r\t", *r->at, 7) != NULL;
}

static bool read_number(struct reader *r, struct pj *value)
{
    const char *begin = r->at, *first;
    int64_t number = 0;
    size_t digits;

    if (*r->at == '-')
        r->at++;
    first = r->at;
    digits = skip_digits(r);
    if (!digits || (*first == '0' && digits > 1))
        return false;
    value->type = PJ_INT;
    if (r->at < r->end && (*r->at == '.' || *r->at == 'e' || *r->at == 'E'))
        value->type = PJ_DOUBLE;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!skip_digits(r))
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!skip_digits(r))
            return false;
    }
    if (!is_number_end(r))
        return false;
    value->text = (aigw_str){ begin, (size_t)(r->at - begin) };
    if (value->type == PJ_DOUBLE) {
        value->of.real = strtod(begin, NULL);
        return true;
    }
    if (digits > DIGITS_MAX || (*begin == '-' && *first == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (first[i] - '0');
    value->of.integer = *begin == '-' ? -number : number;
    return true;
}

static bool read_word(struct reader *r, const char *word, size_t len, struct pj *value)
{
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    value->text = (aigw_str){ r->at, len };
    r->at += len;
    return true;
}

static bool read_value(struct reader *r, struct pj *value, int depth);

/* Members of an object or items of a list; r->at is behind the opening bracket. */
static bool read_inside(struct reader *r, struct pj *value, char close, int depth)
{
    const struct pj **last = &value->of.in.first;

    value->of.in.first = NULL;
    value->of.in.count = 0;
    if (depth == DEPTH_MAX)
        return false;
    skip_blanks(r);
    if (r->at < r->end && *r->at == close) {
        r->at++;
        return true;
    }
    for (;;) {
        struct pj *item = cut(r->document, sizeof *item);

        if (!item)
            return false;
        item->next = NULL;
        item->key = AIGW_STR_NONE;
        if (close == '}') {
            const char *key, *end;

            skip_blanks(r);
            if (r->at == r->end || *r->at != '"')
                return false;
            key = r->at + 1;
            end = plain_end(key, r->end);
            if (end == r->end || *end != '"')
                return false;
            item->key = (aigw_str){ key, (size_t)(end - key) };
            r->at = end + 1;
            skip_blanks(r);
            if (r->at == r->end || *r->at++ != ':')
                return false;
        }
        if (!read_value(r, item, depth + 1))
            return false;
        *last = item;
        last = &item->next;
        value->of.in.count++;
        skip_blanks(r);
        if (r->at == r->end)
            return false;
        if (*r->at++ == ',')
            continue;
        return r->at[-1] == close;
    }
}

static bool read_value(struct reader *r, struct pj *value, int depth)
{
    skip_blanks(r);
    if (r->at == r->end)
        return false;
    value->text = AIGW_STR_NONE;
    switch (*r->at) {
    case '"':
        value->type = PJ_STRING;
        r->at++;
        return read_string(r, &value->text);
    case '{':
        value->type = PJ_OBJECT;
        r->at++;
        return read_inside(r, value, '}', depth);
    case '[':
        value->type = PJ_LIST;
        r->at++;
        return read_inside(r, value, ']', depth);
    case 't':
        value->type = PJ_BOOL;
        value->of.boolean = true;
        return read_word(r, "true", 4, value);
    case 'f':
        value->type = PJ_BOOL;
        value->of.boolean = false;
        return read_word(r, "false", 5, value);
    case 'n':
        value->type = PJ_NULL;
        return read_word(r, "null", 4, value);
    default:
        return read_number(r, value);
    }
}

struct pj_document *pj_read(aigw_str text)
{
    struct pj_document *document = text.len ? new_document() : NULL;
    struct reader r = { .at = text.ptr, .end = text.ptr + text.len, .document = document };

    if (!document)
        return NULL;
    if (read_value(&r, &document->root, 0)) {
        skip_blanks(&r);
        if (r.at == r.end)
            return document;
    }
    pj_free(document);
    return NULL;
}

/* ---- json-c's tree ---- */

static bool copy_text(struct pj_document *document, const char *text, size_t len, aigw_str *ret)
{
    char *copy = text ? cut(document, len ? len : 1) : NULL;

    if (!copy)
        return false;
    memcpy(copy, text, len);
    *ret = (aigw_str){ copy, len };
    return true;
}

static bool copy_value(struct pj_document *document, struct json_object *tree, struct pj *value);

static struct pj *copy_item(struct pj_document *document, struct json_object *tree, struct pj *list,
                            const struct pj ***last)
{
    struct pj *item = cut(document, sizeof *item);

    if (!item || !copy_value(document, tree, item))
        return NULL;
    **last = item;
    *last = &item->next;
    list->of.in.count++;
    return item;
}

static bool copy_inside(struct pj_document *document, struct json_object *tree, struct pj *value)
{
    const struct pj **last = &value->of.in.first;
    struct pj *item;

    value->of.in.first = NULL;
    value->of.in.count = 0;
    if (value->type == PJ_LIST) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            if (!copy_item(document, json_object_array_get_idx(tree, i), value, &last))
                return false;
        return true;
    }
    json_object_object_foreach(tree, key, member)
    {
        item = copy_item(document, member, value, &last);
        if (!item || !copy_text(document, key, strlen(key), &item->key))
            return false;
    }
    return true;
}

/* As deep as json-c's own limit let the tree become. */
static bool copy_value(struct pj_document *document, struct json_object *tree, struct pj *value)
{
    const char *text;
    size_t len;

    *value = (struct pj){ .type = PJ_NULL };
    switch (json_object_get_type(tree)) {
    case json_type_object:
        value->type = PJ_OBJECT;
        return copy_inside(document, tree, value);
    case json_type_array:
        value->type = PJ_LIST;
        return copy_inside(document, tree, value);
    case json_type_string:
        value->type = PJ_STRING;
        break;
    case json_type_int:
        value->type = PJ_INT;
        value->of.integer = json_object_get_int64(tree);
        break;
    case json_type_double:
        value->type = PJ_DOUBLE;
        value->of.real = json_object_get_double(tree);
        break;
    case json_type_boolean:
        value->type = PJ_BOOL;
        value->of.boolean = json_object_get_boolean(tree);
        break;
    default:
        value->text = AIGW_STR("null");
        return true;
    }
    text = json_object_get_string(tree);
    len = value->type == PJ_STRING ? (size_t)json_object_get_string_len(tree) : text ? strlen(text) : 0;
    return copy_text(document, text, len, &value->text);
}

struct pj_document *pj_from(struct json_object *tree)
{
    struct pj_document *document = new_document();

    if (document && !copy_value(document, tree, &document->root)) {
        pj_free(document);
        return NULL;
    }
    return document;
}

/* ---- looking up ---- */

const struct pj *pj_member(const struct pj *object, const char *name)
{
    const struct pj *found = NULL;
    size_t len = strlen(name);

    if (!pj_is(object, PJ_OBJECT))
        return NULL;
    for (const struct pj *member = object->of.in.first; member; member = member->next)
        if (member->key.len == len && memcmp(member->key.ptr, name, len) == 0)
            found = member;
    return found;
}

const struct pj *pj_member_of(const struct pj *object, const char *name, enum pj_type type)
{
    const struct pj *found = pj_member(object, name);

    return pj_is(found, type) ? found : NULL;
}
