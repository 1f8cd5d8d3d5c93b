/* frozen_provider.c - the smallest provider: sends the conversation to a server that answers line by line.
 *
 * Upstream: POST {base_url}/say[?max=<tokens>], a line `<role> "<text>"` for each message; answered as plain lines, one
 *           piece of the answer each. The line "." ends the answer. A refusal is plain text.
 * State:    struct hello, one per conf.d group, read-only after open().
 * Call:     struct hello_call, one per attempt.
 *
 * C11 and C++17 both compile this file.
 */
#include <aigw/sdk.h>

#include <string.h>

struct hello {
    const struct aigw_host *host;
    const char *base_url, *api_key; /* filled from hello_settings before open() */
};

struct hello_call {
    uint32_t dropped; /* AIGW_PARAM_* that the server does not know, to be reported */
};

static const struct aigw_setting hello_settings[] = {
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_REQUIRED | AIGW_SETF_URL,
      .offset = offsetof(struct hello, base_url),
      .help = "Root URL of the server, without a trailing slash." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct hello, api_key),
      .help = "Key for base_url; left out when empty." },
};

/* Numbers that the server has no words for; strings and lists of aigw_params would go the same way. */
static const struct {
    uint32_t bit;
    const char *name;
} hello_unknown[] = {
    { AIGW_PARAM_TEMPERATURE, "temperature" },
    { AIGW_PARAM_TOP_P, "top_p" },
    { AIGW_PARAM_TOP_K, "top_k" },
    { AIGW_PARAM_MIN_P, "min_p" },
    { AIGW_PARAM_SEED, "seed" },
    { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty" },
    { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty" },
    { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty" },
    { AIGW_PARAM_MIN_TOKENS, "min_tokens" },
    { AIGW_PARAM_REASONING_BUDGET, "reasoning_budget" },
    { AIGW_PARAM_TOP_LOGPROBS, "top_logprobs" },
};

static aigw_status hello_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct hello *state = (struct hello *)self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* A message as a line. What the server has no words for is refused, never dropped: the next target is tried. */
static aigw_status hello_put_message(const struct hello *state, struct aigw_ctx *ctx, struct aigw_buf *body,
                                     const struct aigw_message *message)
{
    static const char *const roles[] = { "", "system", "user", "assistant" };

    if (message->role == 0 || message->role >= sizeof roles / sizeof *roles || message->extra.len > 0)
        return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "the hello server knows only system, user and assistant");
    for (const struct aigw_part *part = message->parts; part; part = part->next) {
        if (part->type != AIGW_PART_TEXT || part->extra.len > 0)
            return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "the hello server knows only text");
        state->host->buf_printf(body, "%s ", roles[message->role]);
        state->host->buf_json(body, part->text); /* never unescaped: a text may hold line feeds */
        state->host->buf_put(body, "\n", 1);
    }
    return AIGW_OK;
}

static aigw_status hello_put_body(const struct hello *state, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                                  aigw_str *ret_body)
{
    struct aigw_buf *body = state->host->buf_new(ctx, AIGW_LIFE_BUILD, (size_t)16 << 20);
    aigw_status status = AIGW_OK;

    if (!body)
        return AIGW_E_NOMEM;
    for (const struct aigw_message *message = req->messages; message && status == AIGW_OK; message = message->next)
        status = hello_put_message(state, ctx, body, message);
    return status == AIGW_OK ? state->host->buf_view(body, ret_body) : status;
}

/* Describe the HTTP request. Memory comes from the host and is gone once the server has accepted. */
static aigw_status hello_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                                 const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct hello *state = (const struct hello *)self;
    const struct aigw_params *params = req->params;
    uint32_t set = params ? params->set : 0;
    const char **headers = (const char **)state->host->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof *headers);
    const char *base = state->base_url, *key = state->api_key;
    aigw_status status;

    if (req->kind != AIGW_CALL_CHAT || req->tools || req->raw || req->extra.len > 0)
        return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "the hello server knows only chats without tools");
    if (params && (params->choice_count > 1 || params->format != AIGW_FORMAT_TEXT))
        return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "the hello server gives one answer, as plain text");
    if (target->endpoint.len > 0)
        base = state->host->format(ctx, AIGW_LIFE_BUILD, "%.*s", AIGW_STR_ARG(target->endpoint));
    if (target->flags & AIGW_TARGETF_CALLER_ENDPOINT)
        key = NULL; /* our key goes to our server only */
    if (target->api_key.len > 0)
        key = state->host->format(ctx, AIGW_LIFE_BUILD, "%.*s", AIGW_STR_ARG(target->api_key));
    if (!headers || !base)
        return AIGW_E_NOMEM;
    headers[ret_http->header_count++] = "Content-Type: text/plain";
    if (key && *key)
        headers[ret_http->header_count++] = state->host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %s", key);
    ret_http->method = "POST";
    ret_http->url = set & AIGW_PARAM_MAX_TOKENS ? state->host->format(ctx, AIGW_LIFE_BUILD, "%s/say?max=%lld", base,
                                                                      (long long)params->max_tokens)
                                                : state->host->format(ctx, AIGW_LIFE_BUILD, "%s/say", base);
    ret_http->headers = headers;
    ret_http->framing = AIGW_FRAMING_NDJSON; /* a frame per line, be it JSON or not */
    status = hello_put_body(state, ctx, req, &ret_http->body);
    ((struct hello_call *)call)->dropped = set & ~AIGW_PARAM_MAX_TOKENS;
    if (status == AIGW_OK && (!ret_http->url || !headers[ret_http->header_count - 1]))
        status = AIGW_E_NOMEM;
    return status;
}

/* Say which parameters were left out, before anything else. */
static aigw_status hello_report(struct aigw_ctx *ctx, const struct hello *state, struct hello_call *call)
{
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < sizeof hello_unknown / sizeof *hello_unknown && status == AIGW_OK; i++) {
        struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_DROPPED };

        if (!(call->dropped & hello_unknown[i].bit))
            continue;
        event.name.ptr = hello_unknown[i].name;
        event.name.len = strlen(hello_unknown[i].name);
        status = state->host->emit(ctx, &event);
    }
    call->dropped = 0;
    return status;
}

/* One line of the answer → one event. Whatever emit() answers is handed back. */
static aigw_status hello_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct hello *state = (const struct hello *)self;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT };
    aigw_status status = hello_report(ctx, state, (struct hello_call *)call);

    if (status != AIGW_OK)
        return status;
    event.text = frame->data;
    if (frame->data.len != 1 || frame->data.ptr[0] != '.')
        return state->host->emit(ctx, &event);
    event.type = AIGW_EVENT_FINISH;
    event.finish = AIGW_FINISH_STOP;
    status = state->host->emit(ctx, &event);
    return status == AIGW_OK ? AIGW_DONE : status; /* the end marker: nothing more is waited for */
}

/* The status is understood by the core already; add the server's words. */
static void hello_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                          struct aigw_error *ret_error)
{
    const struct hello *state = (const struct hello *)self;
    char *words = failure->body.len > 0 && failure->body.len < 200
                      ? state->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(failure->body))
                      : NULL;

    (void)call;
    if (!words)
        return;
    ret_error->message.ptr = words;
    ret_error->message.len = strcspn(words, "\r\n");
}

static const struct aigw_provider_ops hello_ops = {
    .struct_size = sizeof hello_ops,
    .call_size = sizeof(struct hello_call),
    .open = hello_open,
    .request = hello_request,
    .frame = hello_frame,
    .failure = hello_failure,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "frozen_provider", .version = "0.1.0",
            .summary = "Talks to a server that says hello", .state_size = sizeof(struct hello),
            AIGW_SETTINGS(hello_settings), .provider = &hello_ops);
