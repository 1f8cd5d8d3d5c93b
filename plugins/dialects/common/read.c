/* read.c - questions to a model server's JSON. */
#include "read.h"

#include <string.h>

#define READER_MEMORY_MAX ((size_t)64 * 1024 * 1024) /* no answer is larger */

void reader_open(struct reader *r)
{
    *r = (struct reader){ .is_short = false };
    r->memory = aigw_pool_memory(&r->pool, READER_MEMORY_MAX);
}

bool reader_next(struct reader *r, aigw_str *rest, struct aigw_json *ret_value)
{
    (void)r; /* of which value a string is, its memory does not care */
    return aigw_json_check_first(rest, AIGW_JSON_NAN | AIGW_JSON_BYTES, ret_value, NULL) == AIGW_OK;
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

/* Line feeds stand between the values only: in strings they are escapes, or were made such. */
static aigw_str on_one_line(struct reader *r, aigw_str json)
{
    char *copy = aigw_memory_get(&r->memory, json.len);
    size_t len = 0;

    if (!copy) {
        r->is_short = true;
        return AIGW_STR_NONE;
    }
    for (size_t i = 0; i < json.len; i++)
        if (json.ptr[i] != '\n' && json.ptr[i] != '\r')
            copy[len++] = json.ptr[i];
    return (aigw_str){ copy, len };
}

aigw_str reader_json(struct reader *r, const struct aigw_json *value)
{
    aigw_str text = AIGW_STR_NONE;

    if (value->type != AIGW_JSON_ABSENT && aigw_json_mend(value, &r->memory, &text) != AIGW_OK)
        r->is_short = true;
    if (text.len > 0 && (memchr(text.ptr, '\n', text.len) || memchr(text.ptr, '\r', text.len)))
        return on_one_line(r, text);
    return text;
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
