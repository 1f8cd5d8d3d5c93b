/* hello_feature.c - the smallest feature: POST /v1/hello_feature with a text, answered by a model as a stream of text.
 *
 * State:  struct hello, one per conf.d group, read-only after open().
 * Call:   none: what a request needs to remember would go into a struct of call_size bytes.
 */
#include <aigw/sdk.h>

#include <string.h>

struct hello {
    const struct aigw_host *host;
    const char *instructions;
    int64_t max_tokens;
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
    struct hello *state = self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* Validate; whoever answers here ends the request. */
static aigw_status hello_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct hello *state = self;

    (void)call;
    if (request->body.len > 0)
        return AIGW_OK;
    state->host->respond_detail(ctx, 422, "the body is empty; expected the text to answer");
    return AIGW_E_INVALID;
}

/* Ask a model. Memory for the request lives until the first event; the body itself does so, too. */
static aigw_status hello_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct hello *state = self;
    const struct aigw_need need = { .struct_size = sizeof need }; /* nothing given: conf.d's model is used */
    const struct aigw_model_info *model = NULL;
    struct aigw_part *parts = state->host->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof *parts);
    struct aigw_message *messages = state->host->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof *messages);
    struct aigw_error error;

    (void)call;
    if (!parts || !messages)
        return AIGW_E_NOMEM;
    if (state->host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return state->host->respond_model_error(ctx, &error);
    parts[0] =
        (struct aigw_part){ .type = AIGW_PART_TEXT, .text = { state->instructions, strlen(state->instructions) } };
    parts[1] = (struct aigw_part){ .type = AIGW_PART_TEXT, .text = request->body };
    messages[0] = (struct aigw_message){ .role = AIGW_ROLE_SYSTEM, .part_count = 1, .parts = &parts[0] };
    messages[1] = (struct aigw_message){ .role = AIGW_ROLE_USER, .part_count = 1, .parts = &parts[1] };

    struct aigw_model_request req = { .struct_size = sizeof req,
                                      .kind = AIGW_CALL_CHAT,
                                      .flags = AIGW_REQF_STREAM,
                                      .message_count = 2,
                                      .messages = messages,
                                      .params = model->defaults };
    req.params.set |= AIGW_PARAM_MAX_TOKENS;
    req.params.max_tokens = state->max_tokens;
    return state->host->model_call(ctx, model, &req, 0);
}

/* One event of the model. The stream begins with START; a failure before it is still an honest status. */
static aigw_status hello_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    const struct aigw_host *host = ((const struct hello *)self)->host;

    (void)call;
    switch (event->type) {
    case AIGW_EVENT_START:
        return host->stream_begin(ctx, 200, "text/plain; charset=utf-8", NULL, 0);
    case AIGW_EVENT_TEXT:
        return host->stream_write(ctx, event->text);
    case AIGW_EVENT_END:
        return host->stream_end(ctx);
    case AIGW_EVENT_ERROR:
        if (host->respond_model_error(ctx, event->error) == AIGW_E_STATE)
            host->stream_abort(ctx); /* the answer had begun: the client must see that it is not whole */
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

static const struct aigw_route hello_routes[] = {
    { .method = "POST",
      .path = "/v1/hello_feature",
      .category = "hello_feature",
      .group = "hello_feature",
      .summary = "Answer a text in one sentence." },
};

static const struct aigw_feature_ops hello_ops = {
    .struct_size = sizeof hello_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = hello_routes,
    .route_count = sizeof hello_routes / sizeof *hello_routes,
    .open = hello_open,
    .check = hello_check,
    .run = hello_run,
    .event = hello_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "hello_feature", .version = "0.1.0",
            .summary = "Answers a text in one sentence", .state_size = sizeof(struct hello),
            AIGW_SETTINGS(hello_settings), .feature = &hello_ops);
