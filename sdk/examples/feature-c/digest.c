/* digest.c - a feature in C: POST /v1/digests makes a digest of a text, whole or as it comes.
 *
 * Body:     {"text": "…", "sentences": 3, "stream": false}
 * Answer:   {"digest": "…", "model": "…", "tokens": 17}, or with "stream" server-sent events:
 *               data: {"text":"…"}              a piece of it
 *               data: {"done":true,"tokens":17}
 *           A text that is longer than `part_chars` is digested in parts, one model call after the other; only the last
 *           call, which makes one of them all, is answered from.
 * State:    struct digest, one per conf.d group, read-only after open().
 * Call:     struct digest_call, one per request.
 */
#include <string.h>

#include <aigw/body.h>
#include <aigw/sdk.h>

#define DIGEST_MAX ((size_t)1 << 20) /* bytes of all parts' digests together */
#define PARTS_MAX  32

struct digest {
    const struct aigw_host *host;
    const char *instructions;
    int64_t max_tokens, part_chars;
};

/* The first members are what the body's table fills. */
struct digest_call {
    aigw_str text;
    int64_t sentences;
    bool is_stream;
    bool did_begin;         /* the client was told that a stream comes */
    bool is_last;           /* the call at work is the one that is answered from */
    size_t at;              /* bytes of text that were digested */
    aigw_str part;          /* what the call at work digests */
    struct aigw_buf *parts; /* digests of the parts, a line each */
    struct aigw_buf *said;  /* the answer, unless it is a stream */
    int64_t tokens;
    const struct aigw_model_info *model;
};

static const struct aigw_setting digest_settings[] = {
    { .name = "instructions",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct digest, instructions),
      .default_value = "Digest the text. Answer with the digest alone.",
      .help = "System message of every call." },
    { .name = "max_tokens",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct digest, max_tokens),
      .default_value = "512",
      .min = 1,
      .max = 100000,
      .help = "Longest digest, in tokens." },
    { .name = "part_chars",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct digest, part_chars),
      .default_value = "40000",
      .min = 16,
      .max = 4000000,
      .help = "Bytes of text that one model call digests; a longer text is digested in parts, at most 32." },
};

static const struct aigw_body_field digest_fields[] = {
    { .name = "text",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .min = 1,
      .offset = offsetof(struct digest_call, text) },
    { .name = "sentences",
      .type = AIGW_BODY_INT,
      .low = 1,
      .high = 20,
      .default_value = "3",
      .offset = offsetof(struct digest_call, sentences) },
    { .name = "stream",
      .type = AIGW_BODY_BOOL,
      .default_value = "false",
      .offset = offsetof(struct digest_call, is_stream) },
};
static const struct aigw_body_table digest_table = { AIGW_BODY_FIELDS(digest_fields),
                                                     .size = sizeof(struct digest_call) };

static const char digest_schema[] = "{\"type\":\"object\",\"required\":[\"text\"],\"properties\":{"
                                    "\"text\":{\"type\":\"string\",\"minLength\":1},"
                                    "\"sentences\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20,\"default\":3},"
                                    "\"stream\":{\"type\":\"boolean\",\"default\":false}}}";

static aigw_status digest_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct digest *state = self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* Fills the call by the table; what is wrong is answered with 422, each fault with its place. */
static aigw_status digest_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct digest *state = self;
    struct digest_call *digest = call;
    aigw_status status = aigw_body_of_request(state->host, ctx, request, &digest_table, 0, NULL, NULL, digest);

    if (status != AIGW_OK || digest->text.len <= (size_t)state->part_chars * PARTS_MAX)
        return status;
    state->host->respond_detail(ctx, 413, "the text has %zu bytes, at most %lld can be digested", digest->text.len,
                                (long long)state->part_chars * PARTS_MAX);
    return AIGW_E_INVALID;
}

/* ---- one call after the other ---- */

/* The next part of the text, never cut within a character. */
static aigw_str next_part(const struct digest *state, const struct digest_call *digest)
{
    size_t len = digest->text.len - digest->at;

    if (len > (size_t)state->part_chars) {
        len = (size_t)state->part_chars;
        while (len > 1 && (digest->text.ptr[digest->at + len] & 0xC0) == 0x80)
            len--;
    }
    return (aigw_str){ digest->text.ptr + digest->at, len };
}

static aigw_status start_call(struct aigw_ctx *ctx, const struct digest *state, struct digest_call *digest)
{
    struct aigw_call_options options = { .struct_size = sizeof options, .flags = AIGW_CALLF_KEEP_BODY };
    aigw_str parts;

    digest->part = next_part(state, digest);
    digest->is_last = digest->at == 0 && digest->part.len == digest->text.len;
    if (digest->at == digest->text.len) { /* the digests of all parts are digested in the end */
        if (state->host->buf_view(digest->parts, &parts) != AIGW_OK)
            return state->host->fail(ctx, AIGW_E_LIMIT, "the digests of the parts are too long");
        digest->part = parts;
        digest->is_last = true;
    }
    if (digest->is_last)
        options.flags = digest->is_stream ? AIGW_CALLF_STREAM : 0;
    return state->host->model_call(ctx, digest->model, &options, NULL);
}

static aigw_status digest_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct digest *state = self;
    struct digest_call *digest = call;
    const struct aigw_need need = { .struct_size = sizeof need }; /* nothing given: conf.d's model is used */
    struct aigw_error error = { .struct_size = sizeof error };

    (void)request;
    digest->said = state->host->buf_new(ctx, AIGW_LIFE_REQUEST, DIGEST_MAX);
    digest->parts = state->host->buf_new(ctx, AIGW_LIFE_REQUEST, DIGEST_MAX);
    if (!digest->said || !digest->parts)
        return AIGW_E_NOMEM;
    if (state->host->model_resolve(ctx, &need, &digest->model, &error) != AIGW_OK)
        return state->host->respond_model_error(ctx, &error);
    return start_call(ctx, state, digest);
}

static struct aigw_message *new_message(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t role,
                                        aigw_str text)
{
    struct aigw_message *message = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *message);
    struct aigw_part *part = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *part);

    if (!message || !part)
        return NULL;
    *part = (struct aigw_part){ .struct_size = sizeof *part, .type = AIGW_PART_TEXT, .text = text };
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = role, .parts = part };
    return message;
}

/* The request of the call at work. A fallback asks again, for another model. */
static aigw_status digest_build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *model,
                                const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct digest *state = self;
    const struct digest_call *digest = call;
    const struct aigw_host *host = state->host;
    char *rules = host->format(ctx, AIGW_LIFE_BUILD, "%s Use at most %lld sentences.", state->instructions,
                               (long long)digest->sentences);
    struct aigw_message *system =
        rules ? new_message(host, ctx, AIGW_ROLE_SYSTEM, (aigw_str){ rules, strlen(rules) }) : NULL;
    struct aigw_message *user = new_message(host, ctx, AIGW_ROLE_USER, digest->part);
    struct aigw_params *params = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *params);

    (void)options;
    if (!system || !user || !params)
        return AIGW_E_NOMEM;
    system->next = user;
    *params = *model->defaults; /* what conf.d says for this family of models */
    params->struct_size = sizeof *params;
    params->set |= AIGW_PARAM_MAX_TOKENS;
    params->max_tokens = state->max_tokens;
    ret_request->kind = AIGW_CALL_CHAT;
    ret_request->messages = system;
    ret_request->params = params;
    return AIGW_OK;
}

/* ---- the answer ---- */

static aigw_status begin_stream(struct aigw_ctx *ctx, const struct digest *state, struct digest_call *digest)
{
    if (!digest->is_stream || !digest->is_last || digest->did_begin)
        return AIGW_OK;
    digest->did_begin = true;
    return state->host->stream_begin(ctx, 200, "text/event-stream", NULL, 0);
}

/* Text of the last call goes to a streaming client as it comes; all other text is kept. */
static aigw_status take_text(struct aigw_ctx *ctx, const struct digest *state, struct digest_call *digest,
                             aigw_str text)
{
    const struct aigw_host *host = state->host;
    struct aigw_buf *event;
    aigw_str bytes;

    if (!digest->did_begin) {
        host->buf_put(digest->is_last ? digest->said : digest->parts, text.ptr, text.len);
        return AIGW_OK;
    }
    event = host->buf_new(ctx, AIGW_LIFE_BUILD, DIGEST_MAX);
    if (!event)
        return AIGW_E_NOMEM;
    host->buf_printf(event, "data: {\"text\":");
    host->buf_json(event, text);
    host->buf_printf(event, "}\n\n");
    return host->buf_view(event, &bytes) == AIGW_OK ? host->stream_write(ctx, bytes) : AIGW_E_LIMIT;
}

static aigw_status finish_stream(struct aigw_ctx *ctx, const struct digest *state, const struct digest_call *digest)
{
    char *text = state->host->format(ctx, AIGW_LIFE_REQUEST, "data: {\"done\":true,\"tokens\":%lld}\n\n",
                                     (long long)digest->tokens);
    aigw_status status = text ? state->host->stream_write(ctx, (aigw_str){ text, strlen(text) }) : AIGW_E_NOMEM;

    return status == AIGW_OK ? state->host->stream_end(ctx) : status;
}

static aigw_status answer_whole(struct aigw_ctx *ctx, const struct digest *state, const struct digest_call *digest)
{
    const struct aigw_host *host = state->host;
    struct aigw_buf *body = host->buf_new(ctx, AIGW_LIFE_REQUEST, 8 * DIGEST_MAX);
    aigw_str said, bytes;

    if (!body || host->buf_view(digest->said, &said) != AIGW_OK)
        return AIGW_E_LIMIT;
    host->buf_printf(body, "{\"digest\":");
    host->buf_json(body, said);
    host->buf_printf(body, ",\"model\":");
    host->buf_json(body, digest->model->name);
    host->buf_printf(body, ",\"tokens\":%lld}", (long long)digest->tokens);
    return host->buf_view(body, &bytes) == AIGW_OK ? host->respond(ctx, 200, NULL, bytes, NULL, 0) : AIGW_E_LIMIT;
}

/* A call has ended well: the next part, or the answer. */
static aigw_status end_call(struct aigw_ctx *ctx, const struct digest *state, struct digest_call *digest)
{
    if (digest->is_last)
        return digest->is_stream ? finish_stream(ctx, state, digest) : answer_whole(ctx, state, digest);
    digest->at += digest->part.len;
    state->host->buf_put(digest->parts, "\n", 1);
    return start_call(ctx, state, digest);
}

/* A failure before the stream was begun still has an honest status; after that the client must see that it is cut. */
static aigw_status fail_call(struct aigw_ctx *ctx, const struct digest *state, const struct digest_call *digest,
                             const struct aigw_error *error)
{
    if (!digest->did_begin)
        return state->host->respond_model_error(ctx, error);
    state->host->stream_abort(ctx);
    return AIGW_OK;
}

static aigw_status digest_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    const struct digest *state = self;
    struct digest_call *digest = call;

    switch (event->type) {
    case AIGW_EVENT_START:
        return begin_stream(ctx, state, digest);
    case AIGW_EVENT_TEXT:
        return take_text(ctx, state, digest, event->text);
    case AIGW_EVENT_USAGE:
        digest->tokens += event->usage->output > 0 ? event->usage->output : 0;
        return AIGW_OK;
    case AIGW_EVENT_END:
        return end_call(ctx, state, digest);
    case AIGW_EVENT_ERROR:
        return fail_call(ctx, state, digest, event->error);
    default: /* an event of a later SDK, or one that does not matter here */
        return AIGW_OK;
    }
}

static const struct aigw_route digest_routes[] = {
    { .method = "POST",
      .path = "/v1/digests",
      .category = "digest",
      .summary = "Make a digest of a text.",
      .group = "digest",
      .request_schema = digest_schema,
      .callers = AIGW_CALLER_GITLAB | AIGW_CALLER_KEY },
};

static const struct aigw_feature_ops digest_ops = {
    .struct_size = sizeof digest_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = digest_routes,
    .route_count = sizeof digest_routes / sizeof *digest_routes,
    .call_size = sizeof(struct digest_call),
    .open = digest_open,
    .check = digest_check,
    .run = digest_run,
    .build = digest_build,
    .event = digest_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "digest", .version = "1.0.0", .summary = "Makes digests of texts",
            .state_size = sizeof(struct digest), AIGW_SETTINGS(digest_settings), .feature = &digest_ops);
