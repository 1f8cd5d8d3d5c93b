/* frozen_feature.c - the smallest feature: POST /v1/frozen_feature with a text, answered by a model as a stream of
 * text.
 *
 * State:  struct hello, one per conf.d group, read-only after open().
 * Call:   struct hello_call, one per request.
 *
 * C11 and C++17 both compile this file.
 */
#include <aigw/sdk.h>

#include <string.h>

struct hello {
    const struct aigw_host *host;
    const char *instructions;
    int64_t max_tokens;
};

struct hello_call {
    const struct aigw_request *request;
    int32_t did_begin; /* the client was told that an answer comes */
};

static const struct aigw_setting hello_settings[] = {
    { .name = "instructions",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct hello, instructions),
      .default_value = "Answer in one sentence.",
      .help = "System message sent with every request." },
    { .name = "max_tokens",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct hello, max_tokens),
      .default_value = "128",
      .min = 1,
      .max = 100000,
      .help = "Longest answer, in tokens." },
};

static aigw_status hello_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct hello *state = (struct hello *)self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* Validate; whoever answers here ends the request. */
static aigw_status hello_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct hello *state = (const struct hello *)self;

    (void)call;
    if (request->body.len > 0)
        return AIGW_OK;
    state->host->respond_detail(ctx, 422, "the body is empty; expected the text to answer");
    return AIGW_E_INVALID;
}

/* Find a model and start the call. What is asked is written in build(), once it is known who answers. */
static aigw_status hello_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct hello *state = (const struct hello *)self;
    const struct aigw_need need = { .struct_size = sizeof need }; /* nothing given: conf.d's model is used */
    const struct aigw_call_options options = { .struct_size = sizeof options, .flags = AIGW_CALLF_STREAM };
    const struct aigw_model_info *model = NULL;
    struct aigw_error error = { .struct_size = sizeof error };

    ((struct hello_call *)call)->request = request;
    if (state->host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return state->host->respond_model_error(ctx, &error);
    return state->host->model_call(ctx, model, &options, NULL);
}

/* One message with one text, in memory of this attempt. */
static struct aigw_message *hello_message(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t role,
                                          const char *text, size_t len)
{
    struct aigw_message *message = (struct aigw_message *)host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *message);
    struct aigw_part *part = (struct aigw_part *)host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *part);

    if (!message || !part)
        return NULL;
    memset(message, 0, sizeof *message);
    message->struct_size = sizeof *message;
    message->role = role;
    message->parts = part;
    memset(part, 0, sizeof *part);
    part->struct_size = sizeof *part;
    part->type = AIGW_PART_TEXT;
    part->text.ptr = text;
    part->text.len = len;
    return message;
}

/* Write the request for the model in `model`; a fallback calls this again for another one. */
static aigw_status hello_build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *model,
                               const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct hello *state = (const struct hello *)self;
    const aigw_str text = ((struct hello_call *)call)->request->body;
    struct aigw_message *system =
        hello_message(state->host, ctx, AIGW_ROLE_SYSTEM, state->instructions, strlen(state->instructions));
    struct aigw_message *user = hello_message(state->host, ctx, AIGW_ROLE_USER, text.ptr, text.len);
    struct aigw_params *params = (struct aigw_params *)state->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *params);

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

static aigw_status hello_begin(struct aigw_ctx *ctx, const struct aigw_host *host, struct hello_call *call)
{
    if (call->did_begin)
        return AIGW_OK;
    call->did_begin = 1;
    return host->stream_begin(ctx, 200, "text/plain; charset=utf-8", NULL, 0);
}

/* One event of the model. A failure before the stream was begun still has an honest status. */
static aigw_status hello_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    const struct aigw_host *host = ((const struct hello *)self)->host;
    struct hello_call *state = (struct hello_call *)call;

    switch (event->type) {
    case AIGW_EVENT_WAITING: /* the model takes its time: the client sees the status now */
    case AIGW_EVENT_START:
        return hello_begin(ctx, host, state);
    case AIGW_EVENT_TEXT:
        return host->stream_write(ctx, event->text);
    case AIGW_EVENT_END:
        return host->stream_end(ctx);
    case AIGW_EVENT_ERROR:
        if (!state->did_begin)
            return host->respond_model_error(ctx, event->error);
        host->stream_abort(ctx); /* the client must see that the answer is not whole */
        return AIGW_OK;
    default: /* an event of a later SDK, or one that does not matter here */
        return AIGW_OK;
    }
}

static const struct aigw_route hello_routes[] = {
    { .method = "POST",
      .path = "/v1/frozen_feature",
      .category = "frozen_feature",
      .summary = "Answer a text in one sentence.",
      .group = "frozen_feature" },
};

static const struct aigw_feature_ops hello_ops = {
    .struct_size = sizeof hello_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = hello_routes,
    .route_count = sizeof hello_routes / sizeof *hello_routes,
    .call_size = sizeof(struct hello_call),
    .open = hello_open,
    .check = hello_check,
    .run = hello_run,
    .build = hello_build,
    .event = hello_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "frozen_feature", .version = "0.1.0",
            .summary = "Answers a text in one sentence", .state_size = sizeof(struct hello),
            AIGW_SETTINGS(hello_settings), .feature = &hello_ops);
