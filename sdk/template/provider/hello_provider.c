/* hello_provider.c - the smallest provider: sends the last text to a server that answers line by line.
 *
 * Upstream: POST {base_url}/say with the text as its body, answered as plain lines, one piece of the answer each.
 *           The line "." ends the answer. A refusal is plain text.
 * State:    struct hello, one per conf.d group, read-only after open().
 */
#include <aigw/sdk.h>

#include <string.h>

struct hello {
    const struct aigw_host *host;
    const char *base_url, *api_key; /* filled from hello_settings before open() */
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

static aigw_status hello_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct hello *state = self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* Describe the HTTP request. Memory comes from the host and is gone once the answer begins. */
static aigw_status hello_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                                 const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct hello *state = self;
    const struct aigw_message *last = req->messages;
    const char **headers = state->host->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof *headers);
    aigw_str base = { state->base_url, strlen(state->base_url) }, key = target->api_key;

    (void)call;
    while (last && last->next)
        last = last->next;
    if (req->kind != AIGW_CALL_CHAT || !last || !last->parts)
        return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "the hello server knows only chats with some text");
    if (!headers)
        return AIGW_E_NOMEM;
    if (target->endpoint.len > 0)
        base = target->endpoint;
    if (key.len == 0 && state->api_key && !(target->flags & AIGW_TARGETF_CALLER_ENDPOINT))
        key = (aigw_str){ state->api_key, strlen(state->api_key) }; /* our key goes to our server only */
    headers[ret_http->header_count++] = "Content-Type: text/plain";
    if (key.len > 0)
        headers[ret_http->header_count++] =
            state->host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %.*s", AIGW_STR_ARG(key));
    ret_http->method = "POST";
    ret_http->url = state->host->format(ctx, AIGW_LIFE_BUILD, "%.*s/say", AIGW_STR_ARG(base));
    ret_http->headers = headers;
    ret_http->body = last->parts->text;
    ret_http->framing = AIGW_FRAMING_NDJSON; /* a frame per line, be it JSON or not */
    return ret_http->url && headers[ret_http->header_count - 1] ? AIGW_OK : AIGW_E_NOMEM;
}

/* One line of the answer → one event. */
static aigw_status hello_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct hello *state = self;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = frame->data };

    (void)call;
    if (frame->data.len == 1 && frame->data.ptr[0] == '.') {
        event = (struct aigw_event){ .struct_size = sizeof event,
                                     .type = AIGW_EVENT_FINISH,
                                     .finish = AIGW_FINISH_STOP,
                                     .text = AIGW_STR_INIT(".") };
    }
    return state->host->emit(ctx, &event);
}

/* The status is understood by the core already; add the server's words. */
static void hello_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                          struct aigw_error *ret_error)
{
    const struct hello *state = self;
    char *words = failure->body.len > 0 && failure->body.len < 200
                      ? state->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(failure->body))
                      : NULL;

    (void)call;
    if (words)
        ret_error->message = (aigw_str){ words, strcspn(words, "\r\n") };
}

static const struct aigw_provider_ops hello_ops = {
    .struct_size = sizeof hello_ops,
    .open = hello_open,
    .request = hello_request,
    .frame = hello_frame,
    .failure = hello_failure,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "hello_provider", .version = "0.1.0",
            .summary = "Talks to a server that says hello", .state_size = sizeof(struct hello),
            AIGW_SETTINGS(hello_settings), .provider = &hello_ops);
