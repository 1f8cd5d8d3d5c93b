/* read.c - questions to a model server's JSON. */
#include "read.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "halves.h"

#define READER_MEMORY_MAX ((size_t)64 * 1024 * 1024) /* no answer is larger */
#define READER_ANY        (AIGW_JSON_NAN | AIGW_JSON_BYTES)

void reader_open(struct reader *r)
{
    *r = (struct reader){ .is_short = false };
    r->memory = aigw_pool_memory(&r->pool, READER_MEMORY_MAX);
}

/* Where a half of a surrogate pair may be, an escape that is odd. */
static bool mark_halves(struct reader *r, struct aigw_json_wanted *wanted, struct aigw_json *value)
{
    aigw_str marked;

    if (!halves_mark(value->text, &marked, &r->marked)) {
        r->is_short = true;
        return false;
    }
    return !r->marked || aigw_json_check_for(marked, READER_ANY, wanted, value, NULL) == AIGW_OK;
}

bool reader_next_for(struct reader *r, aigw_str *rest, struct aigw_json_wanted *wanted, struct aigw_json *ret_value)
{
    free(r->marked);
    r->marked = NULL;
    return aigw_json_check_first_for(rest, READER_ANY, wanted, ret_value, NULL) == AIGW_OK &&
           (!(ret_value->flags & AIGW_JSONF_ODD) || mark_halves(r, wanted, ret_value));
}

bool reader_next(struct reader *r, aigw_str *rest, struct aigw_json *ret_value)
{
    return reader_next_for(r, rest, NULL, ret_value);
}

bool reader_begin(struct reader *r, aigw_str text, struct aigw_json *ret_root)
{
    reader_open(r);
    if (aigw_json_check(text, AIGW_JSON_NAN, ret_root, NULL) == AIGW_OK)
        return true;
    *ret_root = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    return false;
}

void reader_end(struct reader *r)
{
    free(r->marked);
    aigw_pool_free(&r->pool);
}

aigw_str reader_text(struct reader *r, const struct aigw_json *value)
{
    aigw_str text = AIGW_STR_NONE;

    if (value->type == AIGW_JSON_STRING && aigw_json_text(value, &r->memory, &text) != AIGW_OK)
        r->is_short = true;
    return text;
}

aigw_str reader_str(struct reader *r, const struct aigw_json *object, const char *name)
{
    struct aigw_json value;

    return aigw_json_member(object, name, &value) ? reader_text(r, &value) : AIGW_STR_NONE;
}

bool reader_must_str(struct reader *r, const struct aigw_json *object, const char *name, aigw_str *ret_text)
{
    struct aigw_json value;

    aigw_json_member(object, name, &value);
    *ret_text = reader_text(r, &value);
    return value.type == AIGW_JSON_STRING || value.type == AIGW_JSON_NULL || value.type == AIGW_JSON_ABSENT;
}

/* Copy without the blanks between values; answers the bytes. out NULL only counts. */
static size_t squeeze(aigw_str json, char *out)
{
    bool in_string = false;
    size_t len = 0;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        bool is_escape = in_string && c == '\\' && i + 1 < json.len;

        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            continue;
        in_string ^= c == '"';
        if (out)
            memcpy(out + len, json.ptr + i, (size_t)1 + is_escape);
        len += (size_t)1 + is_escape;
        i += is_escape;
    }
    return len;
}

aigw_str reader_json(struct reader *r, const struct aigw_json *value)
{
    aigw_str text = AIGW_STR_NONE;
    size_t len;
    char *copy;

    if (value->type == AIGW_JSON_ABSENT)
        return text;
    if (aigw_json_mend(value, &r->memory, &text) != AIGW_OK) {
        r->is_short = true;
        return AIGW_STR_NONE;
    }
    len = squeeze(text, NULL);
    if (len == text.len)
        return text;
    copy = aigw_memory_get(&r->memory, len);
    if (!copy) {
        r->is_short = true;
        return AIGW_STR_NONE;
    }
    squeeze(text, copy);
    return (aigw_str){ copy, len };
}

int64_t reader_number(const struct aigw_json *value, int64_t otherwise)
{
    int64_t whole;
    double real;

    if (aigw_json_int(value, &whole))
        return whole;
    return aigw_json_real(value, &real) && real > -1e15 && real < 1e15 ? (int64_t)real : otherwise;
}

int64_t reader_int(const struct aigw_json *object, const char *name, int64_t otherwise)
{
    struct aigw_json value;

    aigw_json_member(object, name, &value);
    return reader_number(&value, otherwise);
}

bool reader_member(const struct aigw_json *object, const char *name, uint32_t type, struct aigw_json *ret)
{
    if (aigw_json_member(object, name, ret) && ret->type == type)
        return true;
    *ret = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    return false;
}

bool reader_float(const struct aigw_json *value, float *ret)
{
    double number;

    if (!aigw_json_real(value, &number) || !(fabs(number) <= FLT_MAX)) /* NaN is no number that clients can read */
        return false;
    *ret = (float)number;
    return true;
}

bool reader_is_set(const struct aigw_json *value)
{
    bool is_true = false;
    double number = 0;

    switch (value->type) {
    case AIGW_JSON_ABSENT:
    case AIGW_JSON_NULL:
        return false;
    case AIGW_JSON_BOOL:
        return aigw_json_bool(value, &is_true) && is_true;
    case AIGW_JSON_INT:
    case AIGW_JSON_REAL:
        return aigw_json_real(value, &number) && number != 0;
    case AIGW_JSON_STRING:
        return value->text.len > 2; /* its quotes */
    default:
        return true;
    }
}
