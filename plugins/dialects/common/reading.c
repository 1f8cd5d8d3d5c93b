/* reading.c - see reading.h. */
#include "reading.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

void reading_begin(struct reading *r, const struct aigw_host *host, struct aigw_ctx *ctx)
{
    *r = (struct reading){ .host = host, .ctx = ctx, .from = { host, ctx, AIGW_LIFE_BUILD } };
    r->memory = (struct aigw_memory){ aigw_host_memory_get, &r->from, SIZE_MAX };
}

bool reading_root(struct reading *r, aigw_str body, struct aigw_json *ret_root)
{
    struct aigw_json_error error;
    size_t line, column;

    if (aigw_json_check(body, 0, ret_root, &error) == AIGW_OK)
        return ret_root->type == AIGW_JSON_OBJECT ||
               reading_refuse(r, NULL, "The request body should be a JSON object, not %s",
                              reading_type_name(ret_root->type));
    if (error.kind == AIGW_JSON_BAD_EMPTY)
        return reading_refuse(r, NULL, "The request has no body; send a JSON object");
    aigw_json_where(body, error.offset, &line, &column);
    return reading_refuse(r, NULL, "The request body is not valid JSON: %s (line %zu, column %zu)", error.reason, line,
                          column);
}

/* ---- where we are, and refusing ---- */

void reading_into(struct reading *r, const char *name)
{
    if (r->depth < READING_PATH_MAX) {
        r->path[r->depth].name = name;
        r->path[r->depth].number = 0;
    }
    r->depth++;
}

void reading_into_item(struct reading *r, size_t number)
{
    if (r->depth < READING_PATH_MAX) {
        r->path[r->depth].name = NULL;
        r->path[r->depth].number = number;
    }
    r->depth++;
}

void reading_out(struct reading *r)
{
    r->depth--;
}

bool reading_fail(struct reading *r, aigw_status status)
{
    if (r->status == AIGW_OK)
        r->status = status;
    return false;
}

/* "messages.2.content.0" or "contents[2].parts[0]", and the member. */
static void write_path(const struct reading *r, const char *name, char *path, size_t size)
{
    size_t len = 0;

    path[0] = '\0';
    for (uint32_t i = 0; i <= r->depth && i <= READING_PATH_MAX && len < size; i++) {
        const char *dot = len > 0 ? "." : "";

        if (i == r->depth || i == READING_PATH_MAX) {
            if (name)
                snprintf(path + len, size - len, "%s%s", dot, name);
            return;
        }
        len += (size_t)(r->path[i].name   ? snprintf(path + len, size - len, "%s%s", dot, r->path[i].name)
                        : r->has_brackets ? snprintf(path + len, size - len, "[%zu]", r->path[i].number)
                                          : snprintf(path + len, size - len, "%s%zu", dot, r->path[i].number));
    }
}

bool reading_refuse(struct reading *r, const char *name, const char *fmt, ...)
{
    char path[256], words[512];
    const char *text;
    va_list args;

    if (r->status != AIGW_OK)
        return false;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    write_path(r, name, path, sizeof path);
    text = r->host->format(r->ctx, AIGW_LIFE_BUILD, "%s%s%s", path, path[0] ? ": " : "", words);
    if (!text)
        return reading_fail(r, AIGW_E_NOMEM);
    r->message = wire_str(text);
    r->param = path[0] ? (aigw_str){ text, strlen(path) } : AIGW_STR_NONE;
    return reading_fail(r, AIGW_E_INVALID);
}

bool reading_count(struct reading *r)
{
    return ++r->piece_count <= READING_PIECES_MAX ||
           reading_refuse(r, NULL, "This is beyond the %u messages, blocks and tools that a request may have",
                          READING_PIECES_MAX);
}

void *reading_alloc(struct reading *r, size_t len)
{
    void *bytes = aigw_memory_get(&r->memory, len);

    if (bytes)
        memset(bytes, 0, len);
    else
        reading_fail(r, aigw_memory_status(&r->memory, len));
    return bytes;
}

/* ---- values ---- */

const char *reading_type_name(uint32_t type)
{
    static const char *const names[] = { "nothing",    "null",     "a boolean", "a whole number",
                                         "a fraction", "a string", "a list",    "an object" };

    return type < sizeof names / sizeof *names ? names[type] : "something else";
}

static bool refuse_type(struct reading *r, const struct aigw_json *value, const char *name, const char *what)
{
    if (!reading_is(value))
        return reading_refuse(r, name, "Field required");
    return reading_refuse(r, name, "Input should be %s, not %s", what, reading_type_name(value->type));
}

bool reading_str(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, aigw_str *ret)
{
    aigw_status status;

    if (!reading_is(value) && need == READING_OPTIONAL)
        return true;
    if (value->type != AIGW_JSON_STRING)
        return refuse_type(r, value, name, "a string");
    status = aigw_json_text(value, &r->memory, ret);
    return status == AIGW_OK || reading_fail(r, status);
}

bool reading_text(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, aigw_str *ret)
{
    aigw_status status;

    if (value->type != AIGW_JSON_STRING)
        return reading_str(r, value, name, need, ret);
    status = wire_later_text(&r->later, value, &r->memory, ret);
    return status == AIGW_OK || reading_fail(r, status);
}

bool reading_name(struct reading *r, const struct aigw_json *value, const char *name, aigw_str *ret)
{
    if (!reading_str(r, value, name, READING_REQUIRED, ret))
        return false;
    return ret->len > 0 || reading_refuse(r, name, "Input should have at least 1 character");
}

bool reading_bool(struct reading *r, const struct aigw_json *value, const char *name, bool *ret)
{
    if (!reading_is(value) || aigw_json_bool(value, ret))
        return true;
    return refuse_type(r, value, name, "true or false");
}

bool reading_int(struct reading *r, const struct aigw_json *value, const char *name, int64_t least, int64_t *ret,
                 bool *ret_is_given)
{
    *ret_is_given = reading_is(value);
    if (!*ret_is_given)
        return true;
    if (!aigw_json_int(value, ret))
        return refuse_type(r, value, name, "a whole number");
    return *ret >= least || reading_refuse(r, name, "Input should be at least %lld", (long long)least);
}

bool reading_real(struct reading *r, const struct aigw_json *value, const char *name, double most, double *ret,
                  bool *ret_is_given)
{
    *ret_is_given = reading_is(value);
    if (!*ret_is_given)
        return true;
    if (!aigw_json_real(value, ret) || !isfinite(*ret))
        return refuse_type(r, value, name, "a number");
    return (*ret >= 0 && *ret <= most) || reading_refuse(r, name, "Input should be from 0 to %g", most);
}

bool reading_type(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, uint32_t type)
{
    if (value->type == type || (!reading_is(value) && need == READING_OPTIONAL))
        return true;
    return refuse_type(r, value, name, reading_type_name(type));
}

bool reading_json(struct reading *r, const struct aigw_json *value, aigw_str *ret)
{
    aigw_status status = aigw_json_mend(value, &r->memory, ret);

    return status == AIGW_OK || reading_fail(r, status);
}

bool reading_drops(struct reading *r, aigw_str name)
{
    if (!r->is_for_others) {
        r->has_vendor_parts = true;
        return false;
    }
    if (name.len > 64 || !wire_is_header_value(name) || r->dropped_count == READING_DROPPED_MAX)
        return true; /* left out all the same */
    for (uint32_t i = 0; i < r->dropped_count; i++)
        if (r->dropped[i].len == name.len && memcmp(r->dropped[i].ptr, name.ptr, name.len) == 0)
            return true;
    r->dropped[r->dropped_count++] = name;
    return true;
}

static bool says_nothing(const struct aigw_json *value)
{
    bool flag = true;

    return !reading_is(value) || (aigw_json_bool(value, &flag) && !flag) ||
           (value->type == AIGW_JSON_STRING && value->text.len == 2) ||
           (value->type >= AIGW_JSON_LIST && aigw_json_count(value) == 0);
}

void reading_members(struct reading *r, const struct aigw_json *object, const char *const *names, size_t count,
                     struct aigw_json *ret)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    memset(ret, 0, count * sizeof *ret);
    while (object->type == AIGW_JSON_OBJECT && aigw_json_next(&walk, &key, &value)) {
        /* most keys are plain, and most names differ from them in the first letter */
        bool is_plain = !(key.flags & AIGW_JSONF_ESCAPES);
        size_t i = 0;

        while (i < count && ((is_plain && key.text.ptr[1] != names[i][0]) || !aigw_json_is_text(&key, names[i])))
            i++;
        if (i < count)
            ret[i] = value;
        else if (!says_nothing(&value))
            (void)reading_drops(r, (aigw_str){ key.text.ptr + 1, key.text.len - 2 });
    }
}

bool reading_extra_add(struct reading *r, struct reading_extra *extra, aigw_str key, const struct aigw_json *value)
{
    aigw_str text;

    if (reading_drops(r, (aigw_str){ key.ptr + 1, key.len - 2 }))
        return true;
    if (!reading_json(r, value, &text))
        return false;
    if (extra->buf) {
        r->host->buf_put(extra->buf, ",", 1);
    } else {
        extra->buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!extra->buf)
            return reading_fail(r, AIGW_E_NOMEM);
        r->host->buf_put(extra->buf, "{", 1);
    }
    r->host->buf_put(extra->buf, key.ptr, key.len);
    r->host->buf_put(extra->buf, ":", 1);
    r->host->buf_put(extra->buf, text.ptr, text.len);
    return true;
}

bool reading_extra_end(struct reading *r, struct reading_extra *extra, aigw_str *ret)
{
    aigw_status status;

    if (!extra->buf)
        return true;
    r->host->buf_put(extra->buf, "}", 1);
    status = r->host->buf_view(extra->buf, ret);
    return status == AIGW_OK || reading_fail(r, status);
}
