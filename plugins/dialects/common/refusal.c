/* refusal.c - see refusal.h. */
#include "refusal.h"

#include <string.h>

#define MESSAGE_MAX (16u << 10)

static const char *const usual_errors[] = { "error", "errors", "base_resp", NULL };
static const char *const usual_messages[] = { "message",   "detail",     "msg",    "error_message",
                                              "error_msg", "status_msg", "reason", NULL };
static const char *const usual_types[] = { "type", "status", "error_type", NULL };
static const char *const usual_codes[] = { "code", "status_code", "status", NULL };

/* Words that more than one vendor uses. */
static const struct refusal_word usual_words[] = {
    { "context_length_exceeded", AIGW_ERR_CONTEXT_TOO_LONG, 0 },
    { "content_filter", AIGW_ERR_REFUSED, 0 },
    { "content_policy_violation", AIGW_ERR_REFUSED, 0 },
    { "authentication_error", AIGW_ERR_AUTH, 0 },
    { "invalid_api_key", AIGW_ERR_AUTH, 0 },
    { "unauthenticated", AIGW_ERR_AUTH, 0 },
    { "insufficient_quota", AIGW_ERR_PERMISSION, 0 }, /* 429, but waiting does not help */
    { "billing_hard_limit_reached", AIGW_ERR_PERMISSION, 0 },
    { "permission_error", AIGW_ERR_PERMISSION, 0 },
    { "permission_denied", AIGW_ERR_PERMISSION, 0 },
    { "model_not_found", AIGW_ERR_NOT_FOUND, 0 },
    { "not_found_error", AIGW_ERR_NOT_FOUND, 0 },
    { "not_found", AIGW_ERR_NOT_FOUND, 0 },
    { "rate_limit_exceeded", AIGW_ERR_RATE_LIMITED, 0 },
    { "rate_limit_error", AIGW_ERR_RATE_LIMITED, 0 },
    { "resource_exhausted", AIGW_ERR_RATE_LIMITED, 0 },
    { "overloaded", AIGW_ERR_OVERLOADED, 0 },
    { "overloaded_error", AIGW_ERR_OVERLOADED, 0 },
    { "unavailable", AIGW_ERR_OVERLOADED, 0 },
    { "unavailable_error", AIGW_ERR_OVERLOADED, 0 },
    { "service_unavailable_error", AIGW_ERR_OVERLOADED, 0 },
    { "timeout", AIGW_ERR_TIMEOUT, 0 },
    { "timeout_error", AIGW_ERR_TIMEOUT, 0 },
    { "deadline_exceeded", AIGW_ERR_TIMEOUT, 0 },
    { "server_error", AIGW_ERR_SERVER, 0 },
    { "internal_server_error", AIGW_ERR_SERVER, 0 },
    { "internal", AIGW_ERR_SERVER, 0 },
    { "invalid_request_error", AIGW_ERR_BAD_REQUEST, 0 },
    { "bad_request_error", AIGW_ERR_BAD_REQUEST, 0 },
    { "invalid_argument", AIGW_ERR_BAD_REQUEST, 0 },
};

/* ---- reading ---- */

/* The first item of a list, else the value itself. */
static struct aigw_json first_of(const struct aigw_json *value)
{
    struct aigw_json_walk walk;
    struct aigw_json item;

    if (value->type != AIGW_JSON_LIST)
        return *value;
    walk = aigw_json_begin(value);
    return aigw_json_next(&walk, NULL, &item) ? item : *value;
}

static struct aigw_json first_member(const struct aigw_json *object, const char *const *names)
{
    struct aigw_json value = { .type = AIGW_JSON_ABSENT };

    for (; *names && value.type <= AIGW_JSON_NULL; names++)
        aigw_json_member(object, *names, &value);
    return value;
}

static aigw_str first_text(struct reader *r, const struct aigw_json *object, const char *const *names)
{
    aigw_str text = AIGW_STR_NONE;

    for (; *names && text.len == 0; names++)
        text = reader_str(r, object, *names);
    return text;
}

/* Words for people: as text, as a list of one, as an object around them. */
static aigw_str words_of(struct reader *r, const struct aigw_json *value)
{
    struct aigw_json first = first_of(value);
    aigw_str text;

    if (first.type != AIGW_JSON_OBJECT)
        return reader_text(r, &first);
    text = reader_str(r, &first, "message");
    if (text.len == 0)
        text = reader_str(r, &first, "msg");
    if (text.len == 0)
        text = refusal_words(r, &first);
    return text.len > 0 ? text : reader_json(r, &first);
}

/* 429, "429" or 429.0; 0 for what is no HTTP status of a failure. */
static int32_t status_of(struct reader *r, const struct aigw_json *value)
{
    int64_t number = 0;
    double real;
    aigw_str text;

    if (aigw_json_real(value, &real) && real >= 400 && real < 600) {
        number = (int64_t)real;
    } else if (value->type == AIGW_JSON_STRING) {
        text = reader_text(r, value);
        for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && number < 1000; i++)
            number = number * 10 + (text.ptr[i] - '0');
    }
    return number >= 400 && number < 600 ? (int32_t)number : 0;
}

/* "1.5s" in milliseconds, -1 when it is something else. */
static int64_t milliseconds_of(aigw_str text)
{
    int64_t ms = 0, unit = 0; /* of the next digit behind the point; 0 before it */
    bool has_point = false;

    if (text.len < 2 || text.len > 16 || text.ptr[text.len - 1] != 's')
        return -1;
    for (size_t i = 0; i + 1 < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (text.ptr[i] == '.' && !has_point) {
            has_point = true;
            unit = 100;
            continue;
        }
        if (digit < 0 || digit > 9)
            return -1;
        ms = has_point ? ms + digit * unit : ms * 10 + digit * 1000;
        unit /= 10;
    }
    return ms;
}

/* Google's way to say when: {"details":[{"@type":"…RetryInfo","retryDelay":"1.5s"}]}. */
static int64_t retry_of(struct reader *r, const struct aigw_json *error)
{
    struct aigw_json details, item;
    struct aigw_json_walk walk;
    int64_t ms = -1;

    aigw_json_member(error, "details", &details);
    walk = aigw_json_begin(&details);
    while (ms < 0 && aigw_json_next(&walk, NULL, &item))
        ms = milliseconds_of(reader_str(r, &item, "retryDelay"));
    return ms;
}

static void read_members(struct reader *r, const struct aigw_json *body, const struct refusal_rules *rules,
                         struct refusal *ret_refusal)
{
    const char *const *messages = rules->messages ? rules->messages : usual_messages;
    const char *const *types = rules->types ? rules->types : usual_types;
    const char *const *codes = rules->codes ? rules->codes : usual_codes;
    struct aigw_json object = first_of(body), error, value;

    *ret_refusal = (struct refusal){ .retry_after_ms = -1 };
    if (object.type != AIGW_JSON_OBJECT) {
        ret_refusal->message = refusal_words(r, body);
        return;
    }
    value = first_member(&object, rules->errors ? rules->errors : usual_errors);
    error = first_of(&value);
    if (error.type == AIGW_JSON_STRING)
        ret_refusal->message = reader_text(r, &error);
    if (error.type != AIGW_JSON_OBJECT)
        error = object;
    value = first_member(&error, messages);
    if (ret_refusal->message.len == 0)
        ret_refusal->message = words_of(r, &value);
    value = first_member(&object, messages);
    if (ret_refusal->message.len == 0)
        ret_refusal->message = words_of(r, &value);
    if (ret_refusal->message.len == 0)
        ret_refusal->message = refusal_words(r, body);
    ret_refusal->type = first_text(r, &error, types);
    if (wire_is(ret_refusal->type, "error")) /* says that it is one, not which */
        ret_refusal->type = AIGW_STR_NONE;
    ret_refusal->code = reader_str(r, &error, codes[0]);
    for (size_t i = 0; codes[i] && ret_refusal->status == 0; i++) {
        aigw_json_member(&error, codes[i], &value);
        ret_refusal->status = status_of(r, &value);
    }
    ret_refusal->param = reader_str(r, &error, "param");
    ret_refusal->retry_after_ms = retry_of(r, &error);
    ret_refusal->request_id = reader_str(r, &object, "request_id");
}

/* What is behind it is never told; phrases are looked for in the rest, on the loop. */
static void shorten(aigw_str *words)
{
    if (words->len > MESSAGE_MAX)
        words->len = MESSAGE_MAX;
}

void refusal_read(struct reader *r, const struct aigw_json *body, const struct refusal_rules *rules,
                  struct refusal *ret_refusal)
{
    read_members(r, body, rules, ret_refusal);
    shorten(&ret_refusal->message);
}

/* The value that a text begins with, absent when that is no JSON. Words in it are to be read, so only a text that is no
 * UTF-8 is taken as bytes. */
static void begin(struct reader *r, aigw_str *rest, struct aigw_json *ret_body)
{
    if (reader_begin(r, *rest, ret_body))
        *rest = AIGW_STR_NONE;
    else if (!reader_next(r, rest, ret_body))
        *ret_body = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
}

void refusal_read_text(struct reader *r, aigw_str text, const struct refusal_rules *rules, struct refusal *ret_refusal)
{
    aigw_str rest = text;
    struct aigw_json body;

    begin(r, &rest, &body);
    refusal_read(r, &body, rules, ret_refusal);
    if (body.type == AIGW_JSON_STRING && rest.len == 0)
        ret_refusal->message = reader_text(r, &body);
    else if (body.type != AIGW_JSON_OBJECT && body.type != AIGW_JSON_LIST)
        ret_refusal->message = text;
    shorten(&ret_refusal->message);
}

/* ---- what it means ---- */

static const struct refusal_word *find_word(const struct refusal_word *words, size_t count, aigw_str word)
{
    for (size_t i = 0; word.len > 0 && i < count; i++)
        if (wire_same_word(word, words[i].word))
            return &words[i];
    return NULL;
}

static const struct refusal_word *meaning_of(const struct refusal_rules *rules, aigw_str word)
{
    const struct refusal_word *own = find_word(rules->words, rules->word_count, word);

    return own ? own : find_word(usual_words, sizeof usual_words / sizeof *usual_words, word);
}

static bool is_general(uint32_t kind)
{
    return kind == AIGW_ERR_BAD_REQUEST || kind == AIGW_ERR_SERVER;
}

/* What words for people say, where nothing else is more precise than `kind`. */
static uint32_t kind_of_words(aigw_str words, const struct refusal_rules *rules, uint32_t kind)
{
    if (wire_says_too_long(words))
        return AIGW_ERR_CONTEXT_TOO_LONG;
    for (size_t i = 0; i < rules->phrase_count; i++)
        if (wire_contains(words, rules->phrases[i].word))
            return rules->phrases[i].kind;
    if (wire_contains(words, "api key not valid"))
        return AIGW_ERR_AUTH;
    if (kind == AIGW_ERR_SERVER && (wire_contains(words, "too many requests") || wire_contains(words, "rate limit")))
        return AIGW_ERR_RATE_LIMITED;
    return kind;
}

/* The exact word counts most, then the sort; a general sort never overrules a precise status, such as 404 with
 * invalid_request_error. */
static uint32_t kind_of(const struct refusal *refusal, const struct refusal_rules *rules, struct aigw_error *ret_error)
{
    const struct refusal_word *code = meaning_of(rules, refusal->code), *type = meaning_of(rules, refusal->type);
    uint32_t kind = ret_error->kind;

    if (code)
        kind = code->kind;
    else if (type && (!is_general(type->kind) || kind == AIGW_ERR_SERVER))
        kind = type->kind;
    if (ret_error->http_status == 0)
        ret_error->http_status = code && code->status > 0 ? code->status : type ? type->status : 0;
    return is_general(kind) ? kind_of_words(refusal->message, rules, kind) : kind;
}

void refusal_describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct refusal *refusal,
                      const struct refusal_rules *rules, struct aigw_error *ret_error)
{
    aigw_str words, code = refusal->code.len > 0 ? refusal->code : refusal->type;

    ret_error->kind = kind_of(refusal, rules, ret_error);
    if (ret_error->retry_after_ms < 0)
        ret_error->retry_after_ms = refusal->retry_after_ms;
    if (ret_error->retry_after_ms < 0 &&
        (ret_error->kind == AIGW_ERR_RATE_LIMITED || ret_error->kind == AIGW_ERR_OVERLOADED))
        ret_error->retry_after_ms = refusal_wait(refusal->message);
    if (code.len > 0)
        ret_error->code = wire_words(host, ctx, code);
    if (refusal->param.len > 0)
        ret_error->param = wire_words(host, ctx, refusal->param);
    if (ret_error->kind == AIGW_ERR_AUTH) {
        ret_error->message = AIGW_STR("the model server refused the API key; check the key configured for this model");
        return;
    }
    words = wire_words(host, ctx, refusal->message);
    if (words.len > 0)
        ret_error->message = words;
}

/* An error's body in the form of an event, as some answer a request for a stream. */
static aigw_str data_of_event(aigw_str body)
{
    static const char mark[] = "data:";
    const char *data;

    body = wire_skip_blanks(body);
    if (!wire_has_prefix(body, mark) && !wire_has_prefix(body, "event:"))
        return body;
    data = memmem(body.ptr, body.len, mark, sizeof mark - 1);
    return data ? (aigw_str){ data + sizeof mark - 1, body.len - (size_t)(data - body.ptr) - (sizeof mark - 1) } : body;
}

void refusal_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                     const struct refusal_rules *rules, struct aigw_error *ret_error)
{
    aigw_str text = data_of_event(failure->body), rest = text;
    struct refusal refusal;
    struct aigw_json body;
    struct reader reader;

    begin(&reader, &rest, &body);
    refusal_read(&reader, &body, rules, &refusal);
    if (body.type == AIGW_JSON_STRING)
        refusal.message = reader_text(&reader, &body);
    else if (body.type < AIGW_JSON_LIST) /* whatever it is called: proxies name their words as they like */
        refusal.message = refusal_plain_words(&reader, text);
    shorten(&refusal.message);
    refusal_describe(host, ctx, &refusal, rules, ret_error);
    if (refusal.request_id.len > 0)
        host->log(ctx, AIGW_LOG_INFO, "the model server calls the refused request %.*s",
                  AIGW_STR_ARG(wire_words(host, ctx, refusal.request_id)));
    reader_end(&reader);
}

aigw_status refusal_emit(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass,
                         const struct refusal *refusal, const struct refusal_rules *rules)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_SERVER,
                                .http_status = refusal->status,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    if (refusal->status > 0)
        error.kind = aigw_error_kind_of_status(refusal->status);
    refusal_describe(host, ctx, refusal, rules, &error);
    return wire_emit(host, ctx, pass, &event);
}
