/* answer.c - answers and refusals of the Mistral API, where they differ from OpenAI's. The shapes of refusals:
 *
 *     {"object":"error","message":"…","type":"invalid_model","param":null,"code":"1500"}
 *     {"object":"error","message":{"detail":[{"loc":["body","n"],"msg":"…","type":"extra_forbidden"}]},…}
 *     {"detail":[{"loc":["body","n"],"msg":"…","type":"missing"}]}        422
 *     {"message":"Unauthorized","request_id":"…"}                         401, 429, from the gateway before it
 */
#include "../common/read.h"
#include "mistral.h"

#include <string.h>

#define LOCATION_MAX 200

aigw_status mistral_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct mistral_call *call,
                          const struct aigw_frame *frame)
{
    return openai_frame(host, ctx, &call->openai, frame);
}

/* ---- refusals ---- */

/* Words of the member "type" that OpenAI does not have. */
static const struct {
    const char *word;
    uint32_t kind;
} mistral_words[] = {
    { "invalid_model", AIGW_ERR_NOT_FOUND }, /* 400 */
    { "invalid_request_message_order", AIGW_ERR_BAD_REQUEST },
    { "rate_limited", AIGW_ERR_RATE_LIMITED },
    { "service_tier_capacity_exceeded", AIGW_ERR_OVERLOADED }, /* 429, but it is not this key that asks too much */
    { "unreachable_backend", AIGW_ERR_OVERLOADED },
    { "context_length_exceeded", AIGW_ERR_CONTEXT_TOO_LONG },
};

/* "body.messages.0.content", where a fault stands. */
static aigw_str location_of(struct reader *r, const struct aigw_json *fault, char *room)
{
    struct aigw_json location, step;
    struct aigw_json_walk steps;
    size_t len = 0;

    if (!reader_member(fault, "loc", AIGW_JSON_LIST, &location))
        return AIGW_STR_NONE;
    steps = aigw_json_begin(&location);
    while (aigw_json_next(&steps, NULL, &step)) {
        aigw_str text = step.type == AIGW_JSON_STRING ? reader_text(r, &step) : step.text;

        if (len + text.len + 1 > LOCATION_MAX)
            break;
        if (len > 0)
            room[len++] = '.';
        if (text.len > 0)
            memcpy(room + len, text.ptr, text.len);
        len += text.len;
    }
    return (aigw_str){ room, len };
}

/* The first fault of a list: where it is, and what. Absent when there is none. */
static aigw_str words_of_faults(const struct aigw_host *host, struct aigw_ctx *ctx, struct reader *r,
                                const struct aigw_json *root)
{
    struct aigw_json inner, list, fault;
    struct aigw_json_walk faults;
    char room[LOCATION_MAX];
    aigw_str location, words;
    const char *text;

    if (!reader_member(root, "message", AIGW_JSON_OBJECT, &inner))
        inner = *root;
    if (!reader_member(&inner, "detail", AIGW_JSON_LIST, &list))
        return AIGW_STR_NONE;
    faults = aigw_json_begin(&list);
    if (!aigw_json_next(&faults, NULL, &fault))
        return AIGW_STR_NONE;
    words = reader_str(r, &fault, "msg");
    location = location_of(r, &fault, room);
    if (words.len == 0 || location.len == 0)
        return wire_words(host, ctx, words);
    text = host->format(ctx, AIGW_LIFE_BUILD, "%.*s: %.*s", AIGW_STR_ARG(location), AIGW_STR_ARG(words));
    return text ? wire_words(host, ctx, wire_str(text)) : AIGW_STR_NONE;
}

void mistral_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                     struct aigw_error *ret_error)
{
    struct reader r;
    struct aigw_json root;
    aigw_str words, type;

    openai_failure(host, ctx, failure, ret_error);
    if (reader_begin(&r, failure->body, &root) && ret_error->kind != AIGW_ERR_AUTH) {
        type = reader_str(&r, &root, "type");
        for (size_t i = 0; i < sizeof mistral_words / sizeof *mistral_words; i++)
            if (wire_is(type, mistral_words[i].word) && ret_error->kind != AIGW_ERR_CONTEXT_TOO_LONG)
                ret_error->kind = mistral_words[i].kind;
        words = words_of_faults(host, ctx, &r, &root);
        if (words.len > 0)
            ret_error->message = words;
        if (ret_error->kind == AIGW_ERR_BAD_REQUEST && wire_says_too_long(words))
            ret_error->kind = AIGW_ERR_CONTEXT_TOO_LONG;
    }
    reader_end(&r);
}
