/* steps_provider.c - a provider that needs a token before it asks, and signs what it sends: for the test host's side of
 * credential() and sign(). The token takes two requests; a line "whoami" is answered with a header of the server. A
 * prompt "binary" is answered by an event stream of AWS, whose messages it names. */
#include <aigw/sdk.h>

#include <string.h>

struct steps {
    const struct aigw_host *host;
};

static aigw_status steps_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct steps *)self)->host = host;
    return AIGW_OK;
}

static aigw_status steps_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                                 const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct aigw_host *host = ((struct steps *)self)->host;
    const char **headers = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *headers);
    aigw_str token;
    aigw_status status;

    (void)call, (void)target;
    if (req->kind != AIGW_CALL_COMPLETION)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "only completions");
    status = host->credential(ctx, "token", &token);
    if (status != AIGW_OK)
        return status;
    headers[0] = host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %.*s", AIGW_STR_ARG(token));
    ret_http->method = "POST";
    ret_http->url = "http://127.0.0.1:9/ask?x=1";
    ret_http->headers = headers;
    ret_http->header_count = 1;
    ret_http->body = req->prompt;
    ret_http->framing = req->prompt.len == 6 && memcmp(req->prompt.ptr, "binary", 6) == 0 ? AIGW_FRAMING_EVENTSTREAM
                                                                                          : AIGW_FRAMING_NDJSON;
    return AIGW_OK;
}

static aigw_status steps_sign(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_request *http,
                              struct aigw_signature *ret_signature)
{
    const struct aigw_host *host = ((struct steps *)self)->host;
    const char **headers = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *headers);
    uint8_t digest[32];

    (void)call;
    host->sha256(ctx, http->body, digest);
    headers[0] = host->format(ctx, AIGW_LIFE_BUILD, "X-Signed: %s %02x%02x", http->headers[0], digest[0], digest[1]);
    ret_signature->headers = headers;
    ret_signature->header_count = 1;
    return AIGW_OK;
}

static aigw_status steps_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct aigw_host *host = ((struct steps *)self)->host;
    int *asked = memory;

    if (step->step > 0 && step->status != 200)
        return host->fail(ctx, AIGW_E_UPSTREAM, "the token server answered %d", (int)step->status);
    if (*asked == 2) {
        step->value = step->body;
        step->is_done = 1;
        return AIGW_OK;
    }
    step->http->method = *asked ? "POST" : "GET";
    step->http->url = *asked ? "http://127.0.0.1:9/token" : "http://127.0.0.1:9/ticket";
    step->http->body = step->body;
    ++*asked;
    return AIGW_OK;
}

static aigw_str name_message(struct aigw_ctx *ctx, const struct aigw_host *host, const struct aigw_frame *frame)
{
    const char *text = host->format(ctx, AIGW_LIFE_REQUEST, "%.*s|%.*s|%.*s", AIGW_STR_ARG(frame->event),
                                    AIGW_STR_ARG(frame->exception), AIGW_STR_ARG(frame->data));

    return text ? (aigw_str){ text, strlen(text) } : AIGW_STR_NONE;
}

static aigw_status steps_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct aigw_host *host = ((struct steps *)self)->host;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = frame->data };
    aigw_status status;

    (void)call;
    if (frame->data.len == 6 && memcmp(frame->data.ptr, "whoami", 6) == 0)
        event.text = host->answer_header(ctx, "x-who");
    if (frame->framing == AIGW_FRAMING_EVENTSTREAM)
        event.text = name_message(ctx, host, frame);
    if (frame->data.len != 1 || frame->data.ptr[0] != '.')
        return host->emit(ctx, &event);
    event = (struct aigw_event){ .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP };
    status = host->emit(ctx, &event);
    return status == AIGW_OK ? AIGW_DONE : status;
}

static const struct aigw_provider_ops steps_ops = { .struct_size = sizeof steps_ops,
                                                    .open = steps_open,
                                                    .request = steps_request,
                                                    .frame = steps_frame,
                                                    .sign = steps_sign,
                                                    .credential = steps_credential };

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "steps", .version = "0.1.0", .summary = "Needs a token and signs",
            .state_size = sizeof(struct steps), .provider = &steps_ops);
