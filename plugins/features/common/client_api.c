/* client_api.c - see client_api.h. */
#include "client_api.h"
#include "plain.h"

#include <aigw/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADERS_MAX 10 /* six of them say what quotas have left */

/* ---- which model ---- */

/* "name", or "name*" for all that begin so. */
static bool fits(aigw_str pattern, aigw_str word)
{
    if (pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*')
        return word.len >= pattern.len - 1 && memcmp(word.ptr, pattern.ptr, pattern.len - 1) == 0;
    return pattern.len == word.len && memcmp(word.ptr, pattern.ptr, word.len) == 0;
}

aigw_str client_model(const struct aigw_list *aliases, aigw_str word)
{
    for (size_t i = 0; i < aliases->count; i++) {
        const char *entry = aliases->items[i], *mark = strchr(entry, '=');

        if (mark && fits(aigw_utf8_strip((aigw_str){ entry, (size_t)(mark - entry) }), word))
            return aigw_utf8_strip((aigw_str){ mark + 1, strlen(mark + 1) });
    }
    return word;
}

aigw_status client_check_aliases(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_list *aliases)
{
    for (size_t i = 0; i < aliases->count; i++)
        if (!strchr(aliases->items[i], '='))
            return host->fail(ctx, AIGW_E_CONFIG,
                              "aliases: \"%s\" names no model; expected \"name = model\" or \"name* = model\"",
                              aliases->items[i]);
    return AIGW_OK;
}

bool client_keep(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret)
{
    const char *copy = host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(text));

    *ret = copy ? (aigw_str){ copy, strlen(copy) } : AIGW_STR_NONE;
    return copy;
}

bool client_make_id(const struct aigw_host *host, struct aigw_ctx *ctx, const char *prefix, char ret_id[CLIENT_ID_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01";
    unsigned char bytes[24];
    size_t len = (size_t)snprintf(ret_id, CLIENT_ID_SIZE - sizeof bytes, "%s", prefix);

    if (host->random(ctx, bytes, sizeof bytes) != AIGW_OK)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        ret_id[len++] = digits[bytes[i] & 63];
    ret_id[len] = '\0';
    return true;
}

/* ---- the answer ---- */

aigw_status client_answer_begin(struct client_answer *answer, const struct aigw_host *host, struct aigw_ctx *ctx,
                                bool is_stream, void (*heartbeat)(struct client_answer *answer))
{
    answer->host = host;
    answer->request_id = host->request_id(ctx);
    answer->is_stream = is_stream;
    answer->heartbeat = heartbeat;
    answer->buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, CLIENT_ANSWER_MAX);
    return answer->buf ? AIGW_OK : AIGW_E_NOMEM;
}

static const char *word_of(const struct client_word *words, aigw_str name)
{
    for (; words && words->canonical; words++)
        if (strlen(words->canonical) == name.len && memcmp(words->canonical, name.ptr, name.len) == 0)
            return words->word;
    return NULL;
}

static aigw_str spelled(const struct client_answer *answer, aigw_str name)
{
    const char *word = word_of(answer->said, name);

    if (!word)
        word = word_of(answer->words, name);
    return word ? (aigw_str){ word, strlen(word) } : name;
}

/* Names that no header may carry, and those beyond the maximum, are left out. */
static void add_dropped(struct client_answer *answer, struct aigw_ctx *ctx, aigw_str name)
{
    size_t len = answer->dropped_len;

    if (!answer->dropped)
        answer->dropped = answer->host->alloc(ctx, AIGW_LIFE_REQUEST, CLIENT_DROPPED_MAX);
    if (!answer->dropped || name.len == 0 || len + name.len + 3 > CLIENT_DROPPED_MAX)
        return;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == ',')
            return;
    if (len > 0) {
        memcpy(answer->dropped + len, ", ", 2);
        len += 2;
    }
    memcpy(answer->dropped + len, name.ptr, name.len);
    answer->dropped_len = (uint32_t)(len + name.len);
}

void client_answer_dropped(struct client_answer *answer, struct aigw_ctx *ctx, aigw_str name)
{
    add_dropped(answer, ctx, name.len > 0 ? spelled(answer, name) : name);
}

aigw_status client_answer_left_out(struct client_answer *answer, struct aigw_ctx *ctx,
                                   const struct client_settings *settings, const aigw_str *names, uint32_t count,
                                   const char *vendor)
{
    if (settings->strict && count > 0)
        return answer->host->fail(ctx, AIGW_E_UNSUPPORTED,
                                  "%.*s: only %s understands it, and nothing may be left out here",
                                  AIGW_STR_ARG(names[0]), vendor);
    for (uint32_t i = 0; i < count; i++)
        add_dropped(answer, ctx, names[i]);
    return AIGW_OK;
}

#define RESPELL_MAX 512

/* The names before the colon, one by one. False when they are too many. */
static bool respell_names(const struct client_answer *answer, aigw_str names, char room[RESPELL_MAX])
{
    size_t len = 0;

    while (names.len > 0) {
        const char *comma = memchr(names.ptr, ',', names.len);
        aigw_str name = { names.ptr, comma ? (size_t)(comma - names.ptr) : names.len };

        names = comma ? (aigw_str){ comma + 1, names.len - name.len - 1 } : AIGW_STR_NONE;
        name = spelled(answer, aigw_utf8_strip(name));
        if (len + name.len + 3 > RESPELL_MAX)
            return false;
        len += (size_t)snprintf(room + len, RESPELL_MAX - len, "%s%.*s", len > 0 ? ", " : "", AIGW_STR_ARG(name));
    }
    return len > 0;
}

aigw_str client_respell(const struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_error *error)
{
    aigw_str words = error->message;
    const char *colon = words.len > 0 ? memchr(words.ptr, ':', words.len) : NULL, *text;
    char names[RESPELL_MAX];

    if (error->kind != AIGW_ERR_UNSUPPORTED || !colon ||
        !respell_names(answer, (aigw_str){ words.ptr, (size_t)(colon - words.ptr) }, names))
        return words;
    text = answer->host->format(ctx, AIGW_LIFE_REQUEST, "%s%.*s", names, (int)(words.len - (size_t)(colon - words.ptr)),
                                colon);
    return text ? (aigw_str){ text, strlen(text) } : words;
}

aigw_str client_param(const struct aigw_error *error, aigw_str respelled)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]-";
    size_t len = 0;

    while (len < respelled.len && memchr(letters, respelled.ptr[len], sizeof letters - 1))
        len++;
    if (error->kind != AIGW_ERR_UNSUPPORTED || len == respelled.len || !memchr(":,", respelled.ptr[len], 2))
        return AIGW_STR_NONE;
    return (aigw_str){ respelled.ptr, len };
}

/* "1h0m5s", "6m0s", "120ms". */
static const char *until_text(const struct aigw_host *host, struct aigw_ctx *ctx, int64_t ms)
{
    long long s = (long long)((ms + 999) / 1000);

    if (ms < 1000)
        return host->format(ctx, AIGW_LIFE_REQUEST, "%lldms", (long long)ms);
    if (s >= 3600)
        return host->format(ctx, AIGW_LIFE_REQUEST, "%lldh%lldm%llds", s / 3600, s / 60 % 60, s % 60);
    return s >= 60 ? host->format(ctx, AIGW_LIFE_REQUEST, "%lldm%llds", s / 60, s % 60)
                   : host->format(ctx, AIGW_LIFE_REQUEST, "%llds", s);
}

static const char *date_text(const struct aigw_host *host, struct aigw_ctx *ctx, int64_t ms)
{
    time_t at = (time_t)(host->time_s(ctx) + (ms + 999) / 1000);
    char text[32];
    struct tm tm;

    if (!gmtime_r(&at, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return NULL;
    return host->format(ctx, AIGW_LIFE_REQUEST, "%s", text);
}

static void put_text(struct aigw_pair *headers, uint32_t *count, const char *name, const char *value)
{
    if (value)
        headers[(*count)++] = (struct aigw_pair){ { name, strlen(name) }, { value, strlen(value) } };
}

/* What the quotas have left, in the dialect's headers: on answers and refusals alike. */
static uint32_t put_rates(const struct client_answer *answer, struct aigw_ctx *ctx, struct aigw_pair *headers)
{
    static const uint32_t units[] = { AIGW_QUOTA_REQUESTS, AIGW_QUOTA_TOKENS };
    const struct client_rates *rates = answer->rates;
    const struct aigw_host *host = answer->host;
    uint32_t count = 0;

    for (size_t i = 0; rates && AIGW_HAS(host, quota_left) && i < sizeof units / sizeof *units; i++) {
        struct aigw_quota quota = { .struct_size = sizeof quota };

        if (host->quota_left(ctx, units[i], &quota) != AIGW_OK)
            continue;
        put_text(headers, &count, rates->limit[i],
                 host->format(ctx, AIGW_LIFE_REQUEST, "%lld", (long long)quota.limit));
        put_text(headers, &count, rates->remaining[i],
                 host->format(ctx, AIGW_LIFE_REQUEST, "%lld", (long long)quota.remaining));
        put_text(headers, &count, rates->reset[i],
                 rates->has_date ? date_text(host, ctx, quota.reset_ms) : until_text(host, ctx, quota.reset_ms));
    }
    return count;
}

/* Headers of an answer that began well. At most HEADERS_MAX. */
static uint32_t put_headers(const struct client_answer *answer, struct aigw_ctx *ctx, struct aigw_pair *headers)
{
    uint32_t count = put_rates(answer, ctx, headers);

    headers[count++] = (struct aigw_pair){ AIGW_STR("request-id"), answer->request_id };
    if (answer->is_stream) {
        headers[count++] = (struct aigw_pair){ AIGW_STR("cache-control"), AIGW_STR("no-cache") };
        headers[count++] = (struct aigw_pair){ AIGW_STR("x-accel-buffering"), AIGW_STR("no") };
    }
    if (answer->dropped_len > 0)
        headers[count++] = (struct aigw_pair){ AIGW_STR("x-aigw-dropped"), { answer->dropped, answer->dropped_len } };
    return count;
}

static void on_silence(struct aigw_ctx *ctx, void *arg);

static void set_watch(struct client_answer *answer, struct aigw_ctx *ctx, int64_t delay_ms)
{
    answer->is_watched = true;
    answer->host->timer_set(ctx, &answer->silence, delay_ms, on_silence, answer);
}

static void on_silence(struct aigw_ctx *ctx, void *arg)
{
    struct client_answer *answer = arg;
    int64_t left_ms = answer->said_ms + CLIENT_SILENCE_MS - answer->host->mono_ms(ctx);

    answer->is_watched = false;
    if (left_ms > 0) { /* something was said since the timer was set */
        set_watch(answer, ctx, left_ms);
        return;
    }
    answer->heartbeat(answer);
    client_answer_flush(answer, ctx);
}

static void watch_silence(struct client_answer *answer, struct aigw_ctx *ctx)
{
    if (!answer->heartbeat)
        return;
    answer->said_ms = answer->host->mono_ms(ctx);
    if (!answer->is_watched) /* or it looks when it is due: a timer that is moved with every event costs more */
        set_watch(answer, ctx, CLIENT_SILENCE_MS);
}

/* A server may answer a request for a stream with one JSON object: its own bytes say which they are. */
static bool is_json(const struct client_answer *answer)
{
    aigw_str bytes;

    if (answer->is_list)
        return true;
    return answer->is_raw && answer->host->buf_view(answer->buf, &bytes) == AIGW_OK && bytes.len > 0 &&
           (bytes.ptr[0] == '{' || bytes.ptr[0] == '[');
}

aigw_status client_answer_start(struct client_answer *answer, struct aigw_ctx *ctx)
{
    struct aigw_pair headers[HEADERS_MAX];

    if (answer->has_begun || !answer->is_stream)
        return AIGW_OK;
    answer->has_begun = true;
    if (is_json(answer)) {
        if (answer->is_list)
            watch_silence(answer, ctx);
        return answer->host->stream_begin(ctx, 200, "application/json", headers, put_headers(answer, ctx, headers));
    }
    watch_silence(answer, ctx);
    return answer->host->stream_begin(ctx, 200, "text/event-stream; charset=utf-8", headers,
                                      put_headers(answer, ctx, headers));
}

aigw_status client_answer_flush(struct client_answer *answer, struct aigw_ctx *ctx)
{
    aigw_status status;
    aigw_str bytes;

    if (!answer->is_stream)
        return AIGW_OK;
    status = answer->host->buf_view(answer->buf, &bytes);
    if (status != AIGW_OK || bytes.len == 0)
        return status;
    status = client_answer_start(answer, ctx);
    if (status == AIGW_OK)
        status = answer->host->stream_write(ctx, bytes);
    answer->host->buf_clear(answer->buf);
    watch_silence(answer, ctx);
    return status;
}

/* The model's name with its quotes, in a body or an event of a stream; absent when it says none. It stands in "model",
 * in that of "response" (events of the Responses API) or of "message" (the first event of Messages), or in
 * "modelVersion" or "model_version", mostly before the long members. The bytes were read by a provider before: they are
 * not judged again.
 */
static aigw_str find_model(aigw_str bytes)
{
    static const char word[] = "\"model";
    const char *open = bytes.len > 0 ? memchr(bytes.ptr, '{', bytes.len) : NULL;
    struct aigw_json root = { .type = AIGW_JSON_OBJECT }, key, value, model;
    struct aigw_json_walk walk;

    if (!open || !memmem(open, bytes.len - (size_t)(open - bytes.ptr), word, sizeof word - 1))
        return AIGW_STR_NONE;
    root.text = aigw_utf8_strip((aigw_str){ open, bytes.len - (size_t)(open - bytes.ptr) });
    walk = aigw_json_begin(&root);
    while (aigw_json_next(&walk, &key, &value)) {
        if (value.type == AIGW_JSON_STRING &&
            (aigw_json_is_text(&key, "model") || aigw_json_is_text(&key, "modelVersion") ||
             aigw_json_is_text(&key, "model_version")))
            return value.text;
        if (value.type == AIGW_JSON_OBJECT &&
            (aigw_json_is_text(&key, "response") || aigw_json_is_text(&key, "message")) &&
            aigw_json_member(&value, "model", &model) && model.type == AIGW_JSON_STRING)
            return model.text;
    }
    return AIGW_STR_NONE;
}

/* The name in these bytes that is not the client's word for the model; absent: there is none. */
static aigw_str other_model(const struct client_answer *answer, const struct aigw_event *event)
{
    aigw_str bytes = event->text, name = event->name, model = answer->model;

    if (model.len == 0)
        return AIGW_STR_NONE;
    if (name.len < 2 || name.ptr < bytes.ptr || name.ptr + name.len > bytes.ptr + bytes.len)
        name = find_model(bytes);
    return name.len == model.len + 2 && memcmp(name.ptr + 1, model.ptr, model.len) == 0 ? AIGW_STR_NONE : name;
}

/* Bytes as they are, but for the model's name: clients look for the one they asked for. */
static aigw_status pass_text(struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_event *event)
{
    const struct aigw_host *host = answer->host;
    aigw_str bytes = event->text, name = other_model(answer, event);

    if (answer->is_stream && answer->has_begun && name.len == 0) { /* the buffer is empty: it was flushed */
        watch_silence(answer, ctx);
        return bytes.len > 0 ? host->stream_write(ctx, bytes) : AIGW_OK;
    }
    if (name.len > 0) {
        size_t before = (size_t)(name.ptr - bytes.ptr);

        host->buf_put(answer->buf, bytes.ptr, before);
        host->buf_json(answer->buf, answer->model);
        bytes = (aigw_str){ name.ptr + name.len, bytes.len - before - name.len };
    }
    host->buf_put(answer->buf, bytes.ptr, bytes.len);
    return client_answer_flush(answer, ctx);
}

/* Clients give up an answer, or die, at bytes that are no UTF-8. */
static aigw_status pass_raw(struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct aigw_event mended;
    char *copy = NULL;
    aigw_status status;

    if (!aigw_utf8_is_valid(event->text)) {
        mended = *event;
        mended.name = AIGW_STR_NONE; /* it will stand elsewhere */
        if (!plain_text(event->text, &mended.text, &copy))
            return AIGW_E_NOMEM;
        event = &mended;
    }
    status = pass_text(answer, ctx, event);
    free(copy);
    return status;
}

bool client_answer_takes(struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_event *event,
                         aigw_status *ret_status)
{
    *ret_status = AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_START: /* what was dropped comes behind it and belongs into the head */
        return true;
    case AIGW_EVENT_DROPPED:
        client_answer_dropped(answer, ctx, event->name);
        return true;
    case AIGW_EVENT_WAITING:
        *ret_status = client_answer_start(answer, ctx);
        return true;
    case AIGW_EVENT_RAW:
        answer->is_raw = true;
        *ret_status = pass_raw(answer, ctx, event);
        return true;
    default:
        return false;
    }
}

aigw_status client_answer_end(struct client_answer *answer, struct aigw_ctx *ctx)
{
    struct aigw_pair headers[HEADERS_MAX];
    aigw_status status;
    aigw_str bytes;

    if (answer->is_stream) {
        status = client_answer_start(answer, ctx);
        if (status == AIGW_OK)
            status = client_answer_flush(answer, ctx);
        return status == AIGW_OK ? answer->host->stream_end(ctx) : status;
    }
    status = answer->host->buf_view(answer->buf, &bytes);
    return status == AIGW_OK ? answer->host->respond(ctx, 200, NULL, bytes, headers, put_headers(answer, ctx, headers))
                             : status;
}

aigw_status client_answer_refuse(struct client_answer *answer, struct aigw_ctx *ctx, uint32_t http_status,
                                 uint32_t retry, int64_t retry_after_ms)
{
    struct aigw_pair headers[HEADERS_MAX];
    char seconds[24], ms[24];
    uint32_t count = put_rates(answer, ctx, headers);
    aigw_status status;
    aigw_str bytes;

    headers[count++] = (struct aigw_pair){ AIGW_STR("request-id"), answer->request_id };
    if (retry != AIGW_UNSET)
        headers[count++] =
            (struct aigw_pair){ AIGW_STR("x-should-retry"), retry == AIGW_YES ? AIGW_STR("true") : AIGW_STR("false") };
    if (retry_after_ms >= 0) {
        int len = snprintf(seconds, sizeof seconds, "%lld", (long long)((retry_after_ms + 999) / 1000));
        int ms_len = snprintf(ms, sizeof ms, "%lld", (long long)retry_after_ms);

        headers[count++] = (struct aigw_pair){ AIGW_STR("retry-after"), { seconds, (size_t)len } };
        headers[count++] = (struct aigw_pair){ AIGW_STR("retry-after-ms"), { ms, (size_t)ms_len } };
    }
    status = answer->host->buf_view(answer->buf, &bytes);
    return status == AIGW_OK ? answer->host->respond(ctx, http_status, NULL, bytes, headers, count) : status;
}
