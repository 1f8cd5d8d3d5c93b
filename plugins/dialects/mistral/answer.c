/* answer.c - answers and refusals of the Mistral API, where they differ from OpenAI's. The shapes of refusals:
 *
 *     {"object":"error","message":"…","type":"invalid_model","param":null,"code":"1500"}
 *     {"object":"error","message":{"detail":[{"loc":["body","n"],"msg":"…","type":"extra_forbidden"}]},…}
 *     {"detail":[{"loc":["body","n"],"msg":"…","type":"missing"}]}        422
 *     {"message":"Unauthorized","request_id":"…"}                         401, 429, from the gateway before it
 *
 * A thinking chunk may be signed, which OpenAI's reader knows nothing of: such a chunk is taken out of its frame, read
 * by itself, its signature told, and then the rest of the frame is read.
 */
#include "../common/read.h"
#include "mistral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCATION_MAX 200
#define AROUND_MAX   96 /* what a chunk's own frame has besides texts of the answer */

/* ---- signed thinking ---- */

/* What reading a frame with signatures shares. */
struct signed_frame {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct mistral_call *call;
    struct reader reader;
    aigw_str id, model; /* of the answer, as they are written */
    const char *text;   /* the frame */
    char *copy;         /* of it, in which what was read becomes blank */
};

static aigw_str written(const struct aigw_json *object, const char *name)
{
    struct aigw_json value;

    return reader_member(object, name, AIGW_JSON_STRING, &value) ? value.text : AIGW_STR("null");
}

/* Blanks over a piece of the frame, behind `instead`, which is shorter. */
static void overwrite(struct signed_frame *f, aigw_str piece, const char *instead)
{
    size_t at = (size_t)(piece.ptr - f->text), len = strlen(instead);

    memset(f->copy + at, ' ', piece.len);
    memcpy(f->copy + at, instead, len);
}

/* The chunk as a frame of its own. */
static aigw_status read_chunk(struct signed_frame *f, int64_t choice, aigw_str chunk)
{
    size_t size = f->id.len + f->model.len + chunk.len + AROUND_MAX;
    char *text = malloc(size);
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_SSE };
    aigw_status status;
    int len;

    if (!text)
        return AIGW_E_NOMEM;
    len = snprintf(text, size,
                   "{\"id\":%.*s,\"model\":%.*s,\"choices\":[{\"index\":%lld,\"delta\":{\"content\":[%.*s]}}]}",
                   AIGW_STR_ARG(f->id), AIGW_STR_ARG(f->model), (long long)choice, AIGW_STR_ARG(chunk));
    frame.data = (aigw_str){ text, (size_t)len };
    status = openai_frame(f->host, f->ctx, &f->call->openai, &frame);
    free(text);
    return status;
}

/* Read a signed thinking chunk, and blank it out. Others are left to the rest. */
static aigw_status take_chunk(struct signed_frame *f, int64_t choice, const struct aigw_json *chunk)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_SIGNATURE,
                                .choice = (uint32_t)choice,
                                .part_type = AIGW_PART_REASONING,
                                .data = reader_str(&f->reader, chunk, "signature"),
                                .origin = AIGW_STR_INIT(MISTRAL_DIALECT) };
    aigw_status status;

    if (event.data.len == 0 || !wire_is(reader_str(&f->reader, chunk, "type"), "thinking"))
        return AIGW_OK;
    overwrite(f, chunk->text, "\"\"");
    status = read_chunk(f, choice, chunk->text);
    if (status == AIGW_OK)
        status = wire_emit_drops(f->host, f->ctx, &f->call->openai.drops);
    return status == AIGW_OK ? f->host->emit(f->ctx, &event) : status;
}

/* `message` or `delta` of a choice. Pieces were read of it: the rest is a piece, too. */
static aigw_status take_message(struct signed_frame *f, int64_t choice, const struct aigw_json *key,
                                const struct aigw_json *message)
{
    struct aigw_json content, chunk;
    struct aigw_json_walk chunks;
    aigw_status status = AIGW_OK;

    if (!reader_member(message, "content", AIGW_JSON_LIST, &content))
        return AIGW_OK;
    chunks = aigw_json_begin(&content);
    while (status == AIGW_OK && aigw_json_next(&chunks, NULL, &chunk))
        status = take_chunk(f, choice, &chunk);
    if (aigw_json_is_text(key, "message"))
        overwrite(f, key->text, "\"delta\"");
    return status;
}

static aigw_status take_choice(struct signed_frame *f, const struct aigw_json *item)
{
    int64_t choice = reader_int(item, "index", 0);
    struct aigw_json_walk members = aigw_json_begin(item);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    if (choice < 0 || choice >= f->call->openai.choice_count)
        return AIGW_OK;
    while (status == AIGW_OK && aigw_json_next(&members, &key, &value))
        if (aigw_json_is_text(&key, "message") || aigw_json_is_text(&key, "delta"))
            status = take_message(f, choice, &key, &value);
    return status;
}

/* *ret_copy: the frame without what was read of it, to be freed; NULL when nothing was. */
static aigw_status take_signed(struct signed_frame *f, aigw_str data, char **ret_copy)
{
    struct aigw_json root, choices, item;
    struct aigw_json_walk items;
    aigw_status status = AIGW_OK;

    *ret_copy = NULL;
    if (reader_begin(&f->reader, data, &root) && reader_member(&root, "choices", AIGW_JSON_LIST, &choices)) {
        f->text = data.ptr;
        f->id = written(&root, "id");
        f->model = written(&root, "model");
        f->copy = *ret_copy = malloc(data.len);
        if (!f->copy)
            status = AIGW_E_NOMEM;
        else
            memcpy(f->copy, data.ptr, data.len);
        items = aigw_json_begin(&choices);
        while (status == AIGW_OK && aigw_json_next(&items, NULL, &item))
            status = take_choice(f, &item);
    }
    reader_end(&f->reader);
    return status;
}

aigw_status mistral_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct mistral_call *call,
                          const struct aigw_frame *frame)
{
    static const char mark[] = "\"signature\"";
    struct signed_frame f = { .host = host, .ctx = ctx, .call = call };
    struct aigw_frame rest = *frame;
    char *copy;
    aigw_status status;

    if (frame->data.len == 0 || call->openai.is_over ||
        !memmem(frame->data.ptr, frame->data.len, mark, sizeof mark - 1))
        return openai_frame(host, ctx, &call->openai, frame);
    status = take_signed(&f, frame->data, &copy);
    if (copy)
        rest.data.ptr = copy;
    if (status == AIGW_OK)
        status = openai_frame(host, ctx, &call->openai, &rest);
    free(copy);
    return status;
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
