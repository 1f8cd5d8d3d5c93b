/* request_read_value.c - values of a client's body: their types, what is said when one is wrong and where it stands,
 * and the members that nobody knows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "request_read.h"

#define PATH_MAX_LEN 256 /* a longer place is cut */

/* ---- refusals ---- */

/* The place as OpenAI writes it: messages[2].content */
static size_t put_path(const struct openai_place *place, char *out, size_t size)
{
    size_t len = place->up ? put_path(place->up, out, size) : 0;
    int more = place->name ? snprintf(out + len, size - len, "%s%s", len > 0 ? "." : "", place->name)
                           : snprintf(out + len, size - len, "[%zu]", place->index);

    return more < 0 ? len : len + (size_t)more >= size ? size - 1 : len + (size_t)more;
}

aigw_status openai_refuse(struct openai_reading *r, const struct openai_place *place, const char *code,
                          const char *words)
{
    char path[PATH_MAX_LEN];
    size_t len = put_path(place, path, sizeof path);
    char *param = r->host->format(r->ctx, AIGW_LIFE_BUILD, "%s", path);
    char *message = r->host->format(r->ctx, AIGW_LIFE_BUILD, "'%s' %s.", path, words);

    if (!param || !message)
        return AIGW_E_NOMEM;
    *r->refusal =
        (struct openai_refusal){ .param = { param, len }, .code = wire_str(code), .message = wire_str(message) };
    return AIGW_E_INVALID;
}

aigw_status openai_refuse_missing(struct openai_reading *r, const struct openai_place *place)
{
    return openai_refuse(r, place, "missing_required_parameter", "is missing, but required");
}

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [AIGW_JSON_ABSENT] = "nothing", [AIGW_JSON_NULL] = "null",       [AIGW_JSON_BOOL] = "a boolean",
        [AIGW_JSON_INT] = "a number",   [AIGW_JSON_REAL] = "a number",   [AIGW_JSON_STRING] = "a string",
        [AIGW_JSON_LIST] = "a list",    [AIGW_JSON_OBJECT] = "an object"
    };

    return type < sizeof names / sizeof *names ? names[type] : "something else";
}

aigw_status openai_refuse_type(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, const char *want)
{
    char words[160];

    snprintf(words, sizeof words, "must be %s, but is %s", want, type_name(value->type));
    return openai_refuse(r, place, "invalid_type", words);
}

aigw_status openai_count_piece(struct openai_reading *r, const struct openai_place *place)
{
    if (++r->piece_count <= OPENAI_PIECES_MAX)
        return AIGW_OK;
    return openai_refuse(r, place, "array_above_max_length",
                         "is beyond the 100000 messages, parts and tools that a request may have");
}

/* ---- values ---- */

bool openai_is_null(const struct aigw_json *value)
{
    return value->type == AIGW_JSON_ABSENT || value->type == AIGW_JSON_NULL;
}

void *openai_get(struct openai_reading *r, size_t len)
{
    void *memory = aigw_memory_get(&r->memory, len);

    if (memory)
        memset(memory, 0, len);
    return memory;
}

aigw_status openai_take_text(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             aigw_str *ret)
{
    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_STRING)
        return openai_refuse_type(r, place, value, "a string");
    return aigw_json_text(value, &r->memory, ret);
}

aigw_status openai_take_long_text(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, aigw_str *ret)
{
    return value->type == AIGW_JSON_STRING ? wire_later_text(&r->asked->later, value, &r->memory, ret)
                                           : openai_take_text(r, place, value, ret);
}

aigw_status openai_take_bool(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             uint32_t *ret)
{
    bool is_true;

    if (openai_is_null(value))
        return AIGW_OK;
    if (!aigw_json_bool(value, &is_true))
        return openai_refuse_type(r, place, value, "true or false");
    *ret = is_true ? AIGW_YES : AIGW_NO;
    return AIGW_OK;
}

aigw_status openai_take_object(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, aigw_str *ret)
{
    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    return aigw_json_mend(value, &r->memory, ret);
}

aigw_status openai_take_members(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value, aigw_str *ret)
{
    return value->type == AIGW_JSON_OBJECT && aigw_json_count(value) == 0 ? AIGW_OK
                                                                          : openai_take_object(r, place, value, ret);
}

aigw_status openai_take_list(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             aigw_str *ret)
{
    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(r, place, value, "a list");
    return aigw_json_mend(value, &r->memory, ret);
}

/* The number itself, or the one that a string holds: several front ends send what was typed. */
static bool find_number(const struct aigw_json *value, struct aigw_json *ret)
{
    if (value->type == AIGW_JSON_STRING && !(value->flags & AIGW_JSONF_ESCAPES) && value->text.len < 42 &&
        aigw_json_check((aigw_str){ value->text.ptr + 1, value->text.len - 2 }, 0, ret, NULL) != AIGW_OK)
        return false;
    if (value->type != AIGW_JSON_STRING)
        *ret = *value;
    return ret->type == AIGW_JSON_INT || ret->type == AIGW_JSON_REAL;
}

/* Beyond its range, in OpenAI's words for it. */
static aigw_status refuse_range(struct openai_reading *r, const struct openai_place *place, bool is_whole,
                                bool is_below, double low, double high)
{
    static const char *const codes[2][2] = { { "decimal_above_max_value", "decimal_below_min_value" },
                                             { "integer_above_max_value", "integer_below_min_value" } };
    char words[96];

    if (high >= INT32_MAX)
        snprintf(words, sizeof words, "must be at least %g", low);
    else
        snprintf(words, sizeof words, "must be between %g and %g", low, high);
    return openai_refuse(r, place, codes[is_whole][is_below], words);
}

aigw_status openai_take_number(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, double low, double high, double *ret, bool *ret_is_set)
{
    struct aigw_json number = { .type = AIGW_JSON_ABSENT };
    double real;

    *ret_is_set = false;
    if (openai_is_null(value))
        return AIGW_OK;
    if (!find_number(value, &number) || !aigw_json_real(&number, &real))
        return openai_refuse_type(r, place, value, "a number");
    if (!(real >= low) || !(real <= high))
        return refuse_range(r, place, false, real < low, low, high);
    *ret = real;
    *ret_is_set = true;
    return AIGW_OK;
}

aigw_status openai_take_int(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                            int64_t low, int64_t high, int64_t *ret, bool *ret_is_set)
{
    struct aigw_json number = { .type = AIGW_JSON_ABSENT };
    int64_t whole;
    double real;

    *ret_is_set = false;
    if (openai_is_null(value))
        return AIGW_OK;
    if (!find_number(value, &number))
        return openai_refuse_type(r, place, value, "a whole number");
    if (!aigw_json_int(&number, &whole)) {
        if (!aigw_json_real(&number, &real) || floor(real) < real || real > 9e15 || real < -9e15)
            return openai_refuse(r, place, "invalid_type", "must be a whole number");
        whole = (int64_t)real;
    }
    if (whole < low || whole > high)
        return refuse_range(r, place, true, whole < low, (double)low, (double)high);
    *ret = whole;
    *ret_is_set = true;
    return AIGW_OK;
}

aigw_status openai_take_texts(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                              bool no_empty, const aigw_str **ret, uint32_t *ret_count)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    size_t count = value->type == AIGW_JSON_LIST ? aigw_json_count(value) : 1, index = 0;
    struct aigw_json item = *value;
    aigw_str *texts;

    if (openai_is_null(value) || count == 0)
        return AIGW_OK;
    if (value->type != AIGW_JSON_STRING && value->type != AIGW_JSON_LIST)
        return openai_refuse_type(r, place, value, "a string or a list of strings");
    if (count > UINT32_MAX / sizeof *texts)
        return AIGW_E_LIMIT;
    texts = openai_get(r, count * sizeof *texts);
    if (!texts)
        return AIGW_E_NOMEM;
    while (index < count && (value->type == AIGW_JSON_STRING || aigw_json_next(&walk, NULL, &item))) {
        aigw_str text = AIGW_STR("");

        if (item.type != AIGW_JSON_STRING)
            return openai_refuse_type(r, OPENAI_ITEM(place, index), &item, "a string");
        index++;
        if (openai_count_piece(r, place) != AIGW_OK)
            return AIGW_E_INVALID;
        if (aigw_json_text(&item, &r->memory, &text) != AIGW_OK)
            return AIGW_E_NOMEM;
        if (text.len > 0 || !no_empty)
            texts[(*ret_count)++] = text;
    }
    *ret = texts;
    return AIGW_OK;
}

int openai_word(const struct aigw_json *value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (aigw_json_is_text(value, words[i]))
            return (int)i;
    return -1;
}

bool openai_cache_mark(const struct aigw_json *value, uint32_t *ret_ttl_s)
{
    static const char *const ttls[] = { "5m", "30m", "1h", "24h" };
    static const uint32_t seconds[] = { 300, 1800, 3600, 86400 };
    struct aigw_json ttl;
    bool is_true;
    int known;

    if (aigw_json_bool(value, &is_true))
        return is_true;
    if (value->type != AIGW_JSON_OBJECT)
        return false;
    aigw_json_member(value, "ttl", &ttl);
    known = openai_word(&ttl, ttls, sizeof ttls / sizeof *ttls);
    if (known >= 0)
        *ret_ttl_s = seconds[known];
    return true;
}

/* ---- members ---- */

static size_t member_index(const struct aigw_json *key, const char *const *names, size_t count)
{
    /* Most keys are plain, and most names differ from them in the first letter. */
    bool is_plain = !(key->flags & AIGW_JSONF_ESCAPES);

    for (size_t i = 0; i < count; i++)
        if ((!is_plain || key->text.ptr[1] == names[i][0]) && aigw_json_is_text(key, names[i]))
            return i;
    return count;
}

bool openai_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret)
{
    struct aigw_json_wanted wanted = { .names = names, .count = count, .values = ret };

    aigw_json_find(object, &wanted);
    return wanted.has_others;
}

static void note(struct openai_asked *asked, aigw_str name)
{
    for (uint32_t i = 0; i < asked->left_out_count; i++)
        if (wire_same(asked->left_out[i], name))
            return;
    if (name.len > 0 && asked->left_out_count < OPENAI_LEFT_OUT_MAX)
        asked->left_out[asked->left_out_count++] = name;
}

void openai_note_others(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                        size_t count)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    while (object->type == AIGW_JSON_OBJECT && aigw_json_next(&walk, &key, &value))
        if (value.type > AIGW_JSON_NULL && member_index(&key, names, count) == count)
            note(r->asked, (aigw_str){ key.text.ptr + 1, key.text.len - 2 });
}

void openai_inner_members(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                          size_t count, struct aigw_json *ret)
{
    if (openai_members(object, names, count, ret) && r->asked->path != OPENAI_RESPONSES)
        openai_note_others(r, object, names, count);
}

void openai_note_members(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                         size_t count, struct aigw_json *ret)
{
    if (openai_members(object, names, count, ret))
        openai_note_others(r, object, names, count);
}

/* The members to keep, written behind one another, or only counted. */
static aigw_status put_extra(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                             size_t count, uint64_t keep, char *out, size_t *ret_len)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;
    size_t len = 0;

    while (aigw_json_next(&walk, &key, &value)) {
        size_t index = member_index(&key, names, count);
        const struct aigw_json *pieces[] = { &key, &value };

        if (value.type == AIGW_JSON_NULL || (index < count && !(keep >> index & 1)))
            continue;
        for (size_t i = 0; i < 2; i++) {
            aigw_str text;
            aigw_status status = aigw_json_mend(pieces[i], &r->memory, &text);

            if (status != AIGW_OK)
                return status;
            if (out) {
                out[len] = i == 1 ? ':' : len > 0 ? ',' : '{';
                memcpy(out + len + 1, text.ptr, text.len);
            }
            len += 1 + text.len;
        }
    }
    *ret_len = len;
    return AIGW_OK;
}

aigw_status openai_extra(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                         size_t count, uint64_t keep, aigw_str *ret)
{
    size_t len;
    char *out;
    aigw_status status = put_extra(r, object, names, count, keep, NULL, &len);

    if (status != AIGW_OK || len == 0)
        return status;
    out = openai_get(r, len + 1);
    if (!out)
        return AIGW_E_NOMEM;
    status = put_extra(r, object, names, count, keep, out, &len);
    out[len] = '}';
    *ret = (aigw_str){ out, len + 1 };
    return status;
}
