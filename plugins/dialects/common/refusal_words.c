/* refusal_words.c - failures in forms that nobody described: is this one, and which words of it are for people? */
#include "refusal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 6

static bool is_among(const struct aigw_json *key, const char *const *words)
{
    for (; *words; words++)
        if (wire_same_word(key->text, *words)) /* the quotes are no part of a word */
            return true;
    return false;
}

/* Something is in it. */
static bool is_filled(const struct aigw_json *value)
{
    if (value->type >= AIGW_JSON_LIST)
        return aigw_json_count(value) > 0;
    return reader_is_set(value);
}

/* ---- is it one? ---- */

static bool says(const struct aigw_json *value, int depth)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    bool is_said = false;

    if (value->type == AIGW_JSON_STRING)
        return reader_is_set(value) && !aigw_json_is_text(value, "null");
    if (value->type < AIGW_JSON_LIST || depth == 0)
        return reader_is_set(value);
    while (!is_said && aigw_json_next(&walk, NULL, &item))
        is_said = says(&item, depth - 1);
    return is_said;
}

bool refusal_says(const struct aigw_json *error)
{
    return says(error, DEPTH_MAX);
}

static const char *const failures[] = { "error",   "errors",     "exception", "fault",  "error_message", "error_msg",
                                        "err_msg", "error_code", "err_code",  "detail", "error_details", NULL };

static bool says_failed(struct reader *r, const struct aigw_json *value)
{
    static const char *const words[] = { "error", "failed", "failure", "fail" };
    aigw_str text = reader_text(r, value);
    double number;

    for (size_t i = 0; text.len > 0 && i < sizeof words / sizeof *words; i++)
        if (wire_same_word(text, words[i]))
            return true;
    return wire_has_suffix(text, ".failed") || (aigw_json_real(value, &number) && number >= 400 && number < 600);
}

bool refusal_is_complaint(struct reader *r, const struct aigw_json *object)
{
    static const char *const texts[] = { "message", "msg", NULL };
    static const char *const yes[] = { "success", "ok", NULL };
    static const char *const words[] = { "status", "status_code", "type", NULL };
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;
    bool has_words = false, is_good = false, is_fine = false;

    while (aigw_json_next(&walk, &key, &value)) {
        if ((is_among(&key, failures) && is_filled(&value)) || (is_among(&key, words) && says_failed(r, &value)))
            return true;
        if (is_among(&key, yes) && aigw_json_bool(&value, &is_good) && !is_good)
            return true;
        if (wire_same_word(key.text, "base_resp") && reader_int(&value, "status_code", 0) != 0)
            return true;
        is_fine |= wire_same_word(key.text, "code") && reader_number(&value, 1) == 0; /* whatever its words */
        has_words |= value.type == AIGW_JSON_STRING && is_among(&key, texts) && is_filled(&value);
    }
    return has_words && !is_fine;
}

bool refusal_begins_page(aigw_str text)
{
    aigw_str head = wire_skip_blanks(text);

    if (head.len > sizeof "<!doctype html" - 1)
        head.len = sizeof "<!doctype html" - 1;
    return wire_contains(head, "<!doctype html") || wire_contains(head, "<html");
}

bool refusal_is_plain(aigw_str text)
{
    static const char *const words[] = { "error",         "exception",  "fail",      "unavailable",  "timeout",
                                         "timed out",     "too many",   "limit",     "exceeded",     "overload",
                                         "denied",        "forbidden",  "refused",   "unauthorized", "abort",
                                         "cancel",        "not found",  "invalid",   "killed",       "terminated",
                                         "out of memory", "disconnect", "slow down", "try again",    "bad gateway" };

    if (text.len == 0 || text.ptr[0] == '{' || text.ptr[0] == '"')
        return false;
    if (refusal_begins_page(text))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_contains(text, words[i]))
            return true;
    return false;
}

/* ---- its words ---- */

/* The tag at the front is one of those whose text nobody sees: how much of the page that is, else 0. */
static size_t unseen(aigw_str page)
{
    static const char *const tags[][2] = { { "<style", "</style" }, { "<script", "</script" } };
    size_t len = 0;

    for (size_t i = 0; i < sizeof tags / sizeof *tags && len == 0; i++) {
        if (page.len <= strlen(tags[i][0]) || strncasecmp(page.ptr, tags[i][0], strlen(tags[i][0])) != 0)
            continue;
        for (len = 1; len < page.len && strncasecmp(page.ptr + len, tags[i][1], strlen(tags[i][1])) != 0; len++)
            if (page.len - len <= strlen(tags[i][1]))
                return page.len;
    }
    return len;
}

/* The text between its tags. */
static aigw_str page_words(struct reader *r, aigw_str page)
{
    char *words = page.len > 0 ? aigw_memory_get(&r->memory, page.len) : NULL;
    bool in_tag = false, is_apart = false;
    size_t len = 0;

    if (!words)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < page.len; i++) {
        char c = page.ptr[i];

        if (c == '<')
            i += unseen((aigw_str){ page.ptr + i, page.len - i });
        if (in_tag || c == '<' || (unsigned char)c <= ' ') {
            in_tag = c == '<' || (in_tag && c != '>');
            is_apart = len > 0;
            continue;
        }
        if (is_apart)
            words[len++] = ' '; /* of the bytes that were left out, at least one */
        is_apart = false;
        words[len++] = c;
    }
    return (aigw_str){ words, len };
}

#define TEXT_LOOKED_AT 512u /* bytes by which a text is told from other bytes */

aigw_str refusal_plain_words(struct reader *r, aigw_str body)
{
    body = wire_trim_end(wire_skip_blanks(body));
    if (wire_has_prefix(body, "{") ||
        wire_has_prefix(body, "[")) /* JSON that was cut: the client's words may be in it */
        return AIGW_STR_NONE;
    for (size_t i = 0; i < body.len && i < TEXT_LOOKED_AT; i++)
        if ((unsigned char)body.ptr[i] < 0x20 && !memchr("\t\n\r", body.ptr[i], 3))
            return AIGW_STR_NONE;
    return refusal_is_page(body) ? page_words(r, body) : body;
}

aigw_status refusal_page(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str page)
{
    struct reader r;
    aigw_status status;

    reader_open(&r);
    status = host->fail(ctx, AIGW_E_UPSTREAM,
                        "the model server's answer is a page of HTML, not of an API: \"%.*s\"; a proxy or a portal in "
                        "between may have written it",
                        AIGW_STR_ARG(wire_words(host, ctx, page_words(&r, page))));
    reader_end(&r);
    return status;
}

static const char *const telling[] = {
    "message", "msg",        "detail",         "details", "description",  "error_message",     "error_msg",
    "err_msg", "status_msg", "status_message", "title",   "fault_string", "error_description", NULL
};
/* What stands there was the client's: none of the log's business. */
static const char *const echoes[] = { "input", "ctx", "loc", "prompt", "messages", "body", "param", "request", NULL };

static aigw_str find(struct reader *r, const struct aigw_json *value, bool is_words, int depth);

static aigw_str find_member(struct reader *r, const struct aigw_json *object, bool is_telling, int depth)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;
    aigw_str words = AIGW_STR_NONE;

    while (words.len == 0 && aigw_json_next(&walk, &key, &value))
        if (is_among(&key, telling) == is_telling && !is_among(&key, echoes))
            words = find(r, &value, is_telling || is_among(&key, failures), depth);
    return words;
}

/* The first text that is meant for people: a member with such a name, or named as a failure. */
static aigw_str find(struct reader *r, const struct aigw_json *value, bool is_words, int depth)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    aigw_str words = AIGW_STR_NONE;
    struct aigw_json item;

    if (value->type == AIGW_JSON_STRING)
        return is_words ? reader_text(r, value) : words;
    if (depth == 0 || value->type < AIGW_JSON_LIST)
        return words;
    if (value->type == AIGW_JSON_LIST) {
        while (words.len == 0 && aigw_json_next(&walk, NULL, &item))
            words = find(r, &item, is_words, depth - 1);
        return words;
    }
    words = find_member(r, value, true, depth - 1);
    return words.len > 0 ? words : find_member(r, value, false, depth - 1);
}

aigw_str refusal_words(struct reader *r, const struct aigw_json *body)
{
    return find(r, body, false, DEPTH_MAX);
}

/* ---- when to come back ---- */

/* Milliseconds in a unit; 0 for another word, 1000 where there is none. */
static int64_t unit_of(aigw_str word)
{
    static const struct {
        const char *word;
        int64_t ms;
    } units[] = {
        { "", 1000 },        { "s", 1000 },       { "sec", 1000 },      { "secs", 1000 },     { "second", 1000 },
        { "seconds", 1000 }, { "ms", 1 },         { "msec", 1 },        { "millisecond", 1 }, { "milliseconds", 1 },
        { "m", 60000 },      { "min", 60000 },    { "mins", 60000 },    { "minute", 60000 },  { "minutes", 60000 },
        { "h", 3600000 },    { "hour", 3600000 }, { "hours", 3600000 },
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (word.len == strlen(units[i].word) && strncasecmp(word.ptr, units[i].word, word.len) == 0)
            return units[i].ms;
    return 0;
}

#define WAIT_DIGITS_MAX 7u /* of a whole number, in whatever unit */

/* "5.29s", "2m59.56s", "45 seconds", "7" in front of other words; -1 for everything else. */
static int64_t read_wait(aigw_str text)
{
    int64_t total = -1;

    while (text.len > 0 && isdigit((unsigned char)text.ptr[0])) {
        int64_t number = 0, part = 0, scale = 1, unit;
        size_t at = 0, word;

        for (; at < text.len && isdigit((unsigned char)text.ptr[at]); at++)
            number = at < WAIT_DIGITS_MAX ? number * 10 + (text.ptr[at] - '0') : number;
        if (at > WAIT_DIGITS_MAX)
            return -1;
        if (at + 1 < text.len && text.ptr[at] == '.' && isdigit((unsigned char)text.ptr[at + 1]))
            for (at++; at < text.len && isdigit((unsigned char)text.ptr[at]); at++)
                if (scale < 1000) {
                    part = part * 10 + (text.ptr[at] - '0');
                    scale *= 10;
                }
        at += at < text.len && text.ptr[at] == ' ';
        for (word = at; at < text.len && isalpha((unsigned char)text.ptr[at]);)
            at++;
        unit = unit_of((aigw_str){ text.ptr + word, at - word });
        if (unit == 0 || (word == at && at < text.len && strchr("-:/", text.ptr[at]))) /* a date, a share, a name */
            return -1;
        total = (total < 0 ? 0 : total) + number * unit + part * unit / scale;
        at += at + 1 < text.len && text.ptr[at] == ' ' && isdigit((unsigned char)text.ptr[at + 1]);
        text = (aigw_str){ text.ptr + at, text.len - at };
    }
    return total;
}

int64_t refusal_wait(aigw_str words)
{
    static const char *const phrases[] = { "try again in ", "try again after ", "retry in ", "retry after " };
    int64_t ms = -1;

    for (size_t at = 0; at < words.len && ms < 0; at++)
        for (size_t i = 0; i < sizeof phrases / sizeof *phrases && ms < 0; i++) {
            size_t len = strlen(phrases[i]);

            if (words.len - at > len && strncasecmp(words.ptr + at, phrases[i], len) == 0)
                ms = read_wait((aigw_str){ words.ptr + at + len, words.len - at - len });
        }
    return ms;
}
