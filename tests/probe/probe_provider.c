/* probe_provider.c - a provider whose setting `does` says what it does.
 *
 *     say          no HTTP: says the prompt it was built with, "text <prompt>", and finishes
 *     refuse       UNSUPPORTED for everything
 *     silent       never says anything
 *     error        an error as the first thing of the answer, with the key it was given in its words
 *     http         POST {base_url} with the prompt, answered in lines of text; "." ends the answer
 *     pair         the same with two credentials, both asked for before it waits
 *     pends        the same, and it waits for what it has
 *     credential   as http, with a credential fetched from {base_url}/token in two steps
 *     sign         as http, with a header made of the digest of all that is sent
 */
#include <aigw/sdk.h>

#include <stdio.h>
#include <string.h>

struct probe {
    const struct aigw_host *host;
    const char *does, *base_url, *api_key;
    int64_t life_ms;
};

/* Of a credential: as long as names of roles are. */
#define LONG_NAME \
    "arn:aws:iam::123456789012:role/some-folder/another-folder/a-third-folder/" \
    "a-role-with-a-name-that-somebody-gave-it-who-likes-to-be-understood/and-its-session"

struct probe_call {
    char text[256];
    int said;
};

static const struct aigw_setting settings[] = {
    { .name = "does",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct probe, does),
      .default_value = "say",
      .choices = "say|refuse|silent|error|http|credential|pair|pends|sign",
      .help = "What it does." },
    { .name = "base_url", .type = AIGW_SET_STRING, .offset = offsetof(struct probe, base_url), .help = "Where to." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct probe, api_key),
      .help = "A key that its errors repeat." },
    { .name = "life_ms",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct probe, life_ms),
      .default_value = "3600000",
      .min = 0,
      .max = 3600000,
      .help = "How long a credential is good, in milliseconds." },
};

/* Runs when the instance goes, while this code is still there. */
static void closed(void *arg)
{
    ((struct probe *)arg)->host = NULL;
}

static aigw_status probe_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    ((struct probe *)self)->host = host;
    return host->defer(ctx, AIGW_LIFE_REQUEST, closed, self);
}

static int does(const struct probe *probe, const char *what)
{
    return strcmp(probe->does, what) == 0;
}

static aigw_status probe_request(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_target *target,
                                 const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct probe *probe = self;
    const struct aigw_host *host = probe->host;
    struct probe_call *call = state;
    const char **headers = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *headers);
    aigw_str token = AIGW_STR_NONE, other;
    aigw_status status;

    if (req->raw && target->model.len == 5 && memcmp(target->model.ptr, "plain", 5) == 0)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "this model takes nothing as it is");
    if (does(probe, "refuse"))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "this one refuses everything");
    if (host->header(ctx, "host").ptr || host->principal(ctx))
        return host->fail(ctx, AIGW_E_STATE, "a provider can read the client's request");
    snprintf(call->text, sizeof call->text, "%.*s", AIGW_STR_ARG(req->raw ? req->raw->body : req->prompt));
    call->said = req->raw ? -1 : 0;
    ret_http->framing = AIGW_FRAMING_LOCAL;
    if (!probe->base_url)
        return AIGW_OK;
    if (!headers)
        return AIGW_E_NOMEM;
    headers[0] = "Content-Type: text/plain";
    if (does(probe, "credential") || does(probe, "pair") || does(probe, "pends")) {
        status = host->credential(ctx, "token", &token);
        if (does(probe, "pair") && host->credential(ctx, LONG_NAME, &other) != AIGW_OK)
            return AIGW_PENDING;
        if (status != AIGW_OK || does(probe, "pends"))
            return AIGW_PENDING;
        headers[0] = host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %.*s", AIGW_STR_ARG(token));
    }
    ret_http->method = "POST";
    ret_http->url = probe->base_url;
    ret_http->headers = headers;
    ret_http->header_count = 1;
    ret_http->body = (aigw_str){ call->text, strlen(call->text) };
    ret_http->framing = AIGW_FRAMING_NDJSON;
    return AIGW_OK;
}

static aigw_status say(struct aigw_ctx *ctx, const struct probe *probe, uint32_t type, const char *text)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .text = { text, strlen(text) } };

    if (type == AIGW_EVENT_FINISH)
        event.finish = AIGW_FINISH_STOP;
    return probe->host->emit(ctx, &event);
}

static aigw_status probe_frame(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_frame *frame)
{
    const struct probe *probe = self;
    char text[256];
    aigw_status status;

    (void)state;
    if (frame->data.len == 1 && frame->data.ptr[0] == '.') {
        status = say(ctx, probe, AIGW_EVENT_FINISH, "");
        return status == AIGW_OK ? AIGW_DONE : status;
    }
    snprintf(text, sizeof text, "%.*s", AIGW_STR_ARG(frame->data));
    return say(ctx, probe, AIGW_EVENT_TEXT, text);
}

static aigw_status probe_produce(struct aigw_ctx *ctx, void *self, void *state, struct aigw_produce *ret_next)
{
    const struct probe *probe = self;
    struct probe_call *call = state;
    aigw_status status;

    if (does(probe, "silent")) {
        ret_next->next_ms = 1000;
        return AIGW_OK;
    }
    if (does(probe, "error")) {
        char words[300];
        const struct aigw_error error = { .struct_size = sizeof error,
                                          .kind = AIGW_ERR_AUTH,
                                          .retry_after_ms = -1,
                                          .message = { words,
                                                       (size_t)snprintf(words, sizeof words, "bad key %s",
                                                                        probe->api_key ? probe->api_key : "") } };
        const struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };
        return probe->host->emit(ctx, &event);
    }
    status = say(ctx, probe, 900, "a stranger"); /* is ignored */
    if (status == AIGW_OK && say(ctx, probe, AIGW_EVENT_END, "") != AIGW_E_STATE)
        return probe->host->fail(ctx, AIGW_E_STATE, "a provider can end a call");
    if (status == AIGW_OK)
        status = say(ctx, probe, call->said < 0 ? AIGW_EVENT_RAW : AIGW_EVENT_TEXT, call->text);
    if (status == AIGW_OK)
        status = say(ctx, probe, AIGW_EVENT_FINISH, "");
    ret_next->is_done = 1;
    return status;
}

/* In two steps: a ticket, and the token for it. */
static aigw_status probe_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct probe *probe = self;
    int *steps = memory;

    if (strcmp(step->name, "token") != 0 && strcmp(step->name, LONG_NAME) != 0)
        return probe->host->fail(ctx, AIGW_E_STATE, "the credential has another name");
    if (++*steps != (int)step->step + 1)
        return probe->host->fail(ctx, AIGW_E_STATE, "the memory of the steps is lost");
    if (step->step > 0 && step->status != 200)
        return probe->host->fail(ctx, AIGW_E_UPSTREAM, "the token server answered %d", step->status);
    if (step->step == 2) {
        step->is_done = 1;
        step->value = step->body;
        step->expires_ms = probe->life_ms;
        return AIGW_OK;
    }
    step->http->method = "POST";
    step->http->url =
        probe->host->format(ctx, AIGW_LIFE_BUILD, "%s/%s", probe->base_url, step->step ? "token" : "ticket");
    step->http->body = step->body;
    return AIGW_OK;
}

static aigw_status probe_sign(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_http_request *http,
                              struct aigw_signature *ret_signature)
{
    const struct probe *probe = self;
    const struct aigw_host *host = probe->host;
    const char **headers;
    uint8_t digest[32];
    char hex[65];

    (void)state;
    if (!does(probe, "sign"))
        return AIGW_OK;
    if (http->header_count < 2 || strncmp(http->headers[0], "Host: ", 6) != 0)
        return host->fail(ctx, AIGW_E_STATE, "the headers to sign do not begin with Host");
    headers = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *headers);
    if (!headers || host->hmac_sha256(ctx, AIGW_STR("key"), http->body, digest) != AIGW_OK)
        return AIGW_E_NOMEM;
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    headers[0] = host->format(ctx, AIGW_LIFE_BUILD, "X-Signature: %s", hex);
    ret_signature->headers = headers;
    ret_signature->header_count = 1;
    return AIGW_OK;
}

static const char *const dialects[] = { "probe" };

static const struct aigw_rate_header rates[] = {
    { "X-Left", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
    { "X-Most", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_LIMIT },
    { "X-Later", 77, 77 }, /* of a newer SDK: counts nowhere */
};

static const struct aigw_provider_ops ops = {
    .struct_size = sizeof ops,
    .dialect_count = 1,
    .call_size = sizeof(struct probe_call),
    .open = probe_open,
    .request = probe_request,
    .frame = probe_frame,
    .produce = probe_produce,
    .sign = probe_sign,
    .credential = probe_credential,
    .dialects = dialects,
    AIGW_RATE_HEADERS(rates),
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "probe_provider", .version = "0.1.0",
            .summary = "What providers do, on purpose", .state_size = sizeof(struct probe), AIGW_SETTINGS(settings),
            .provider = &ops);
