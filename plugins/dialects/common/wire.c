/* wire.c - see wire.h. Text, JSON bodies, events; what is left out is drops.c. */
#include "wire.h"

#include <aigw/json.h>

#include "../../common/json/digits.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define WIRE_WORDS_MAX 600

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

bool wire_same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
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

static bool is_among(const char *const *names, uint32_t count, const char *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

bool wire_has_key(const struct wire_body *body, const char *const *reserved, const char *key)
{
    for (; reserved && *reserved; reserved++)
        if (strcmp(*reserved, key) == 0)
            return true;
    return is_among(body->keys, body->key_count, key);
}

/* A name as C text; NULL without memory. */
static const char *key_text(struct wire_body *body, const struct aigw_json *key)
{
    size_t room = aigw_json_room(key);
    char *text = body->host->alloc(body->ctx, AIGW_LIFE_BUILD, (room > key->text.len ? room : key->text.len) + 1);
    aigw_str name;

    if (!text)
        return NULL;
    name = aigw_json_text_in(key, text);
    if (name.ptr != text && name.len > 0)
        memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return text;
}

aigw_status wire_members(struct wire_body *body, aigw_str object, const char *const *reserved, struct wire_drops *drops)
{
    uint32_t before = body->key_count;
    struct aigw_json_walk walk;
    struct aigw_json root, key, value;

    if (wire_is_blank(object))
        return AIGW_OK;
    if (aigw_json_check(object, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return AIGW_E_INVALID;
    walk = aigw_json_begin(&root);
    while (aigw_json_next(&walk, &key, &value)) {
        const char *name = key_text(body, &key);

        if (!name)
            return AIGW_E_NOMEM;
        if (is_among(body->keys + before, body->key_count - before, name))
            continue; /* named twice: the last one was written in the place of the first */
        if (wire_has_key(body, reserved, name)) {
            if (drops)
                wire_drop(body->host, body->ctx, drops, wire_str(name));
            continue;
        }
        if (body->key_count == WIRE_KEYS_MAX)
            return body->host->fail(body->ctx, AIGW_E_LIMIT, "the request has more than %d members", WIRE_KEYS_MAX);
        if (body->key_count > 0)
            wire_puts(body, ",");
        body->keys[body->key_count++] = name;
        wire_put(body, key.text);
        wire_puts(body, ":");
        aigw_json_member(&root, name, &value);
        wire_put(body, value.text);
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

bool wire_is_system(const struct aigw_message *msg)
{
    return msg->role == AIGW_ROLE_SYSTEM || msg->role == AIGW_ROLE_DEVELOPER;
}

bool wire_is_textual(const struct aigw_part *part)
{
    return part->type == AIGW_PART_TEXT || part->type == AIGW_PART_REFUSAL;
}

bool wire_is_allowed(const struct aigw_params *params, aigw_str name)
{
    uint32_t count = params ? params->allowed_count : 0;

    for (uint32_t i = 0; i < count; i++)
        if (wire_same(params->allowed_tools[i], name))
            return true;
    return count == 0;
}

bool wire_has_part(const struct aigw_part *parts, uint32_t type)
{
    while (parts && parts->type != type)
        parts = parts->next;
    return parts != NULL;
}

aigw_status wire_keep(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret)
{
    char *copy = text.len > 0 ? host->alloc(ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    *ret = AIGW_STR_NONE;
    if (text.len == 0)
        return AIGW_OK;
    if (!copy)
        return AIGW_E_NOMEM;
    memcpy(copy, text.ptr, text.len);
    *ret = (aigw_str){ copy, text.len };
    return AIGW_OK;
}

aigw_status wire_end(struct wire_body *body, aigw_str *ret_text)
{
    wire_puts(body, "}");
    return body->host->buf_view(body->buf, ret_text);
}

/* A mark in front of a text is none of its value. */
static bool is_json_of(aigw_str text, uint32_t type)
{
    struct aigw_json root;

    return aigw_json_check(text, AIGW_JSON_STRICT, &root, NULL) == AIGW_OK && root.type == type &&
           root.text.ptr == wire_skip_blanks(text).ptr;
}

bool wire_is_json_object(aigw_str text)
{
    return is_json_of(text, AIGW_JSON_OBJECT);
}

bool wire_is_json_list(aigw_str text)
{
    return is_json_of(text, AIGW_JSON_LIST);
}

bool wire_is_media_type(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.ptr[i]) && !memchr("/+.-", text.ptr[i], 4))
            return false;
    return text.len > 0 && text.len < 128;
}

aigw_status wire_usual_media_type(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str *text)
{
    bool has_capitals = false;
    char *small;

    for (size_t i = 0; i < text->len; i++)
        has_capitals |= text->ptr[i] >= 'A' && text->ptr[i] <= 'Z';
    if (has_capitals) {
        small = host->alloc(ctx, AIGW_LIFE_BUILD, text->len);
        if (!small)
            return AIGW_E_NOMEM;
        for (size_t i = 0; i < text->len; i++)
            small[i] = (char)tolower((unsigned char)text->ptr[i]);
        text->ptr = small;
    }
    if (wire_is(*text, "image/jpg"))
        *text = AIGW_STR("image/jpeg");
    return AIGW_OK;
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

/* ---- words and events ---- */

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
