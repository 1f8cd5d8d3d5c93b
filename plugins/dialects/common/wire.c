/* wire.c - see wire.h. Text, JSON in and out, events. */
#include "wire.h"

#include "../../common/json/digits.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define WIRE_JSON_DEPTH 96
#define WIRE_WORDS_MAX  600

/* ---- text ---- */

aigw_str wire_str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

bool wire_is(aigw_str s, const char *literal)
{
    size_t len = strlen(literal);

    return s.len == len && (len == 0 || memcmp(s.ptr, literal, len) == 0);
}

bool wire_has_prefix(aigw_str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && (len == 0 || memcmp(s.ptr, prefix, len) == 0);
}

bool wire_has_suffix(aigw_str s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len && (len == 0 || memcmp(s.ptr + s.len - len, suffix, len) == 0);
}

bool wire_contains(aigw_str s, const char *needle)
{
    size_t len = strlen(needle);

    for (size_t i = 0; i + len <= s.len; i++)
        if (strncasecmp(s.ptr + i, needle, len) == 0)
            return true;
    return false;
}

const char *wire_join(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str a, aigw_str b)
{
    char *text = host->alloc(ctx, AIGW_LIFE_BUILD, a.len + b.len + 1);

    if (!text)
        return NULL;
    if (a.len > 0)
        memcpy(text, a.ptr, a.len);
    if (b.len > 0)
        memcpy(text + a.len, b.ptr, b.len);
    text[a.len + b.len] = '\0';
    return text;
}

aigw_str wire_skip_blanks(aigw_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\n' || s.ptr[0] == '\r' || s.ptr[0] == '\t'))
        s = (aigw_str){ s.ptr + 1, s.len - 1 };
    return s;
}

aigw_str wire_trim_end(aigw_str s)
{
    while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool wire_is_blank(aigw_str s)
{
    return wire_trim_end(s).len == 0;
}

bool wire_is_header_value(aigw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
            return false;
    return true;
}

bool wire_same_word(aigw_str word, const char *literal)
{
    size_t i = 0;

    for (; *literal; literal++) {
        while (*literal == '_')
            literal++;
        while (i < word.len && !isalnum((unsigned char)word.ptr[i]))
            i++;
        if (i == word.len || tolower((unsigned char)word.ptr[i++]) != *literal)
            return false;
    }
    while (i < word.len && !isalnum((unsigned char)word.ptr[i]))
        i++;
    return i == word.len;
}

/* ---- parameters left out ---- */

struct wire_drop {
    struct wire_drop *next;
    aigw_str name;
    char text[];
};

void wire_drop(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops, aigw_str name)
{
    struct wire_drop *drop;

    for (drop = drops->first; drop; drop = drop->next)
        if (drop->name.len == name.len && memcmp(drop->name.ptr, name.ptr, name.len) == 0)
            return;
    drop = host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof *drop + name.len);
    if (!drop) {
        drops->status = AIGW_E_NOMEM;
        return;
    }
    memcpy(drop->text, name.ptr, name.len);
    drop->name = (aigw_str){ drop->text, name.len };
    drop->next = NULL;
    if (drops->last)
        drops->last->next = drop;
    else
        drops->first = drop;
    drops->last = drop;
}

aigw_status wire_emit_drops(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops)
{
    const struct wire_drop *drop = drops->first;
    aigw_status status = AIGW_OK;

    drops->first = drops->last = NULL;
    for (; drop && status == AIGW_OK; drop = drop->next) {
        struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_DROPPED, .name = drop->name };

        status = host->emit(ctx, &event);
    }
    return status;
}

/* ---- writing ---- */

aigw_status wire_begin(struct wire_body *body, const struct aigw_host *host, struct aigw_ctx *ctx)
{
    *body = (struct wire_body){ .host = host, .ctx = ctx, .buf = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX) };
    if (!body->buf)
        return AIGW_E_NOMEM;
    wire_puts(body, "{");
    return AIGW_OK;
}

void wire_put(struct wire_body *body, aigw_str bytes)
{
    body->host->buf_put(body->buf, bytes.ptr, bytes.len);
}

void wire_puts(struct wire_body *body, const char *text)
{
    body->host->buf_put(body->buf, text, strlen(text));
}

void wire_key(struct wire_body *body, const char *key)
{
    char text[64];
    size_t len = strlen(key), at = 0;

    if (body->key_count > 0)
        text[at++] = ',';
    text[at++] = '"';
    if (len < sizeof text - 8) {
        memcpy(text + at, key, len);
        at += len;
    } else { /* no key of ours is that long */
        wire_put(body, (aigw_str){ text, at });
        wire_puts(body, key);
        at = 0;
    }
    text[at++] = '"';
    text[at++] = ':';
    wire_put(body, (aigw_str){ text, at });
    if (body->key_count < WIRE_KEYS_MAX)
        body->keys[body->key_count++] = key;
}

void wire_string(struct wire_body *body, const char *key, aigw_str value)
{
    wire_key(body, key);
    body->host->buf_json(body->buf, value);
}

void wire_int(struct wire_body *body, const char *key, int64_t value)
{
    char room[DIGITS_SIZE];

    wire_key(body, key);
    wire_put(body, digits_of_int(value, room));
}

void wire_double(struct wire_body *body, const char *key, double value)
{
    char room[DIGITS_SIZE];

    if (!isfinite(value))
        return;
    wire_key(body, key);
    wire_put(body, digits_of_double(value, room));
}

static bool wire_has_key(const struct wire_body *body, const char *const *reserved, const char *key)
{
    for (uint32_t i = 0; i < body->key_count; i++)
        if (strcmp(body->keys[i], key) == 0)
            return true;
    for (; reserved && *reserved; reserved++)
        if (strcmp(*reserved, key) == 0)
            return true;
    return false;
}

aigw_status wire_merge(struct wire_body *body, struct json_object *members, const char *const *reserved,
                       struct wire_drops *drops)
{
    if (!json_object_is_type(members, json_type_object))
        return AIGW_OK;
    json_object_object_foreach(members, key, value)
    {
        if (wire_has_key(body, reserved, key)) {
            if (drops)
                wire_drop(body->host, body->ctx, drops, wire_str(key));
            continue;
        }
        if (body->key_count == WIRE_KEYS_MAX)
            return body->host->fail(body->ctx, AIGW_E_LIMIT, "the request has more than %d members", WIRE_KEYS_MAX);
        if (body->key_count > 0)
            wire_puts(body, ",");
        body->keys[body->key_count++] = key;
        body->host->buf_json(body->buf, wire_str(key));
        wire_puts(body, ":");
        wire_put(body, wire_json(value));
    }
    return AIGW_OK;
}

aigw_status wire_splice(struct wire_body *body, aigw_str object)
{
    object = wire_trim_end(wire_skip_blanks(object));
    if (object.len == 0)
        return AIGW_OK;
    if (!wire_is_json_object(object))
        return AIGW_E_INVALID;
    object = wire_trim_end((aigw_str){ object.ptr + 1, object.len - 2 });
    if (object.len > 0) {
        wire_puts(body, ",");
        wire_put(body, object);
    }
    return AIGW_OK;
}

aigw_status wire_end(struct wire_body *body, aigw_str *ret_text)
{
    wire_puts(body, "}");
    return body->host->buf_view(body->buf, ret_text);
}

/* *ret_used: bytes of the value. False when the text does not begin with one. */
static bool wire_tokenize(aigw_str text, int flags, struct json_object **ret_value, size_t *ret_used)
{
    struct json_tokener *tok;
    bool is_good;

    *ret_value = NULL;
    if (!text.ptr || text.len > INT32_MAX - 1)
        return false;
    tok = json_tokener_new_ex(WIRE_JSON_DEPTH);
    if (!tok)
        return false;
    json_tokener_set_flags(tok, flags);
    *ret_value = json_tokener_parse_ex(tok, text.ptr, (int)text.len);
    *ret_used = json_tokener_get_parse_end(tok);
    if (json_tokener_get_error(tok) == json_tokener_continue) { /* a bare number or word ends only at the end */
        *ret_value = json_tokener_parse_ex(tok, "", 1);
        *ret_used = text.len;
    }
    is_good = json_tokener_get_error(tok) == json_tokener_success;
    if (!is_good) {
        json_object_put(*ret_value);
        *ret_value = NULL;
    }
    json_tokener_free(tok);
    return is_good;
}

static bool wire_is_json_of(aigw_str text, enum json_type type)
{
    struct json_object *value;
    size_t used;
    bool is_it;

    /* Strict mode takes blanks after the value for garbage. */
    is_it = wire_tokenize(wire_trim_end(text), JSON_TOKENER_STRICT, &value, &used) && json_object_is_type(value, type);
    json_object_put(value);
    return is_it;
}

bool wire_is_json_object(aigw_str text)
{
    return wire_is_json_of(text, json_type_object);
}

bool wire_is_json_list(aigw_str text)
{
    return wire_is_json_of(text, json_type_array);
}

bool wire_is_base64(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.ptr[i]) && !memchr("+/=-_", text.ptr[i], 5))
            return false;
    return text.len > 0;
}

bool wire_is_media_type(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.ptr[i]) && !memchr("/+.-", text.ptr[i], 4))
            return false;
    return text.len > 0 && text.len < 128;
}

bool wire_split_data_url(aigw_str url, aigw_str *ret_type, aigw_str *ret_data)
{
    static const char mark[] = ";base64,";
    const char *at;

    if (!wire_has_prefix(url, "data:"))
        return false;
    at = memmem(url.ptr, url.len < 256 ? url.len : 256, mark, sizeof mark - 1);
    if (!at)
        return false;
    *ret_type = (aigw_str){ url.ptr + 5, (size_t)(at - url.ptr) - 5 };
    *ret_data = (aigw_str){ at + sizeof mark - 1, url.len - (size_t)(at - url.ptr) - (sizeof mark - 1) };
    return true;
}

static int wire_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

aigw_str wire_from_base64(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    uint32_t bits = 0, count = 0;
    size_t len = 0;
    char *bytes;

    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    bytes = host->alloc(ctx, AIGW_LIFE_BUILD, text.len + 1);
    if (!bytes)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        int digit = wire_base64_digit(text.ptr[i]);

        if (digit < 0)
            return AIGW_STR_NONE;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[len++] = (char)(bits >> count & 0xff);
        }
    }
    return (aigw_str){ bytes, len };
}

/* ---- reading ---- */

struct json_object *wire_parse(aigw_str text)
{
    struct json_object *value;
    size_t used;

    wire_tokenize(text, 0, &value, &used);
    return value;
}

bool wire_parse_next(aigw_str *rest, struct json_object **ret_value)
{
    size_t used;

    if (!wire_tokenize(*rest, 0, ret_value, &used))
        return false;
    *rest = (aigw_str){ rest->ptr + used, rest->len - used };
    return true;
}

struct json_object *wire_member(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value;
}

bool wire_text(struct json_object *obj, const char *key, aigw_str *ret_text)
{
    struct json_object *value = wire_member(obj, key);

    *ret_text = wire_value_str(value);
    return !value || json_object_is_type(value, json_type_string);
}

bool wire_is_set(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return false;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_boolean:
    case json_type_int:
    case json_type_double:
        return json_object_get_double(value) != 0;
    default:
        return true;
    }
}

aigw_str wire_json(struct json_object *value)
{
    const int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    size_t len = 0;
    const char *text = json_object_to_json_string_length(value, style, &len); /* "null" for a NULL value */

    return (aigw_str){ text, len };
}

struct json_object *wire_get(struct json_object *obj, const char *key, enum json_type type)
{
    struct json_object *value = wire_member(obj, key);

    return value && json_object_is_type(value, type) ? value : NULL;
}

aigw_str wire_value_str(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return AIGW_STR_NONE;
    return (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

aigw_str wire_get_str(struct json_object *obj, const char *key)
{
    return wire_value_str(wire_get(obj, key, json_type_string));
}

int64_t wire_get_int(struct json_object *obj, const char *key, int64_t otherwise)
{
    struct json_object *value = wire_member(obj, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

aigw_str wire_words(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    size_t len = text.len;
    char *copy;

    if (len > WIRE_WORDS_MAX) {
        len = WIRE_WORDS_MAX;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) /* do not cut a character in half */
            len--;
    }
    copy = len > 0 ? host->alloc(ctx, AIGW_LIFE_REQUEST, len + 1) : NULL;
    if (!copy)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < len; i++)
        copy[i] = (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? ' ' : text.ptr[i];
    copy[len] = '\0';
    return (aigw_str){ copy, len };
}

aigw_status wire_emit_text(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .text = text };

    if (text.len == 0)
        return AIGW_OK;
    return host->emit(ctx, &event);
}

aigw_status wire_emit_finish(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t finish, aigw_str word)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .finish = finish, .text = word
    };

    return host->emit(ctx, &event);
}

aigw_status wire_emit_error(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_error *error)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = error };

    return host->emit(ctx, &event);
}

bool wire_says_too_long(aigw_str words)
{
    static const char *const phrases[] = {
        "maximum context length",
        "context length exceeded",
        "context_length_exceeded",
        "context window",
        "context size",
        "prompt is too long",
        "input is too long",
        "too many tokens",
        "reduce the length",
        "max_new_tokens` must be",
        "input length",
        "maximum model length",
        "max_model_len",
        "longer than the maximum",
        "exceeds the maximum number of tokens",
    };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (wire_contains(words, phrases[i]))
            return true;
    return false;
}

bool wire_switch(const char *setting, bool automatic)
{
    if (setting && strcmp(setting, "on") == 0)
        return true;
    if (setting && strcmp(setting, "off") == 0)
        return false;
    return automatic;
}
