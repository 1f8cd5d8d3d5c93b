/* hostile_provider.c - a provider that breaks the rule which the prompt names. "ok" breaks none. It answers by itself
 * (produce), or asks the server at `url` for what only happens then. */
#include "hostile.h"

#include <stdlib.h>

struct hostile {
    const struct aigw_host *host;
    const char *url, *at_open;
    struct aigw_ctx *kept;
};

struct call {
    aigw_str what;
    char end[8];
};

static const struct aigw_setting hostile_settings[] = {
    { .name = "url", .type = AIGW_SET_STRING, .offset = offsetof(struct hostile, url), .help = "A model server." },
    { .name = "at_open",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct hostile, at_open),
      .default_value = "ok",
      .help = "What open() does." },
};

/* Not NULL, which checkers of undefined behaviour notice before it is touched; nothing is mapped there either. */
static volatile int *volatile nowhere = (volatile int *)(uintptr_t)4096;

static aigw_status hostile_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct hostile *hostile = self;
    const aigw_str what = { hostile->at_open, strlen(hostile->at_open) };

    hostile->host = host;
    hostile->kept = ctx;
    if (is(what, "crash"))
        *nowhere = 1;
    if (is(what, "abort"))
        abort();
    if (is(what, "exit"))
        exit(0);
    if (is(what, "vanish"))
        _Exit(0);
    if (is(what, "fail"))
        return host->fail(ctx, AIGW_E_CONFIG, "it does not want to");
    if (is(what, "status"))
        return 12;
    if (is(what, "greedy") && !host->alloc(ctx, AIGW_LIFE_REQUEST, (size_t)65 << 20))
        return host->fail(ctx, AIGW_E_NOMEM, "no memory for it");
    if (is(what, "respond"))
        return host->respond(ctx, 200, NULL, AIGW_STR("x"), NULL, 0);
    return AIGW_OK;
}

static void hostile_close(void *self)
{
    const struct hostile *hostile = self;

    if (hostile->at_open && strcmp(hostile->at_open, "abort later") == 0)
        abort();
}

static const char *const null_line[] = { NULL };
static const char *const split_line[] = { "X-A: b\r\nX-Evil: 1" };
static const char *const no_line[] = { "no colon" };

static void describe(aigw_str what, struct aigw_http_request *http)
{
    if (is(what, "framing"))
        http->framing = 42;
    if (is(what, "headers null"))
        http->header_count = 3;
    if (is(what, "headers many")) {
        http->headers = split_line;
        http->header_count = 4000000000u;
    }
    if (is(what, "header null"))
        http->headers = null_line, http->header_count = 1;
    if (is(what, "header split"))
        http->headers = split_line, http->header_count = 1;
    if (is(what, "header none"))
        http->headers = no_line, http->header_count = 1;
    if (is(what, "body null"))
        http->body = (aigw_str){ NULL, 9 };
    if (is(what, "body huge"))
        http->body = (aigw_str){ "x", SIZE_MAX };
    if (is(what, "url null"))
        http->url = NULL;
}

static aigw_status hostile_request(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_target *target,
                                   const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    struct hostile *hostile = self;
    struct call *call = memory;
    const struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = AIGW_STR("x") };
    aigw_str value;

    (void)target;
    call->what =
        (aigw_str){ hostile->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(req->prompt)), req->prompt.len };
    if (is(call->what, "request status"))
        return 66;
    if (is(call->what, "request emits"))
        hostile->host->emit(ctx, &event);
    if (is(call->what, "request responds"))
        hostile->host->respond(ctx, 200, NULL, AIGW_STR("x"), NULL, 0);
    if (is(call->what, "request pends"))
        return AIGW_PENDING;
    if (is(call->what, "credential null"))
        return hostile->host->credential(ctx, NULL, &value);
    if (call->what.len > 11 && memcmp(call->what.ptr, "credential ", 11) == 0)
        return hostile->host->credential(ctx, call->what.ptr, &value);
    if (is(call->what, "overrun"))
        for (volatile char *at = (volatile char *)memory + sizeof *call;
             at < (volatile char *)memory + sizeof *call + 8; at++)
            *at = 'x';
    ret_http->method = "POST";
    ret_http->url = hostile->url;
    ret_http->framing = call->what.len > 5 && memcmp(call->what.ptr, "http ", 5) == 0 ? AIGW_FRAMING_SSE
                        : is(call->what, "sign")                                      ? AIGW_FRAMING_SSE
                                                                                      : AIGW_FRAMING_LOCAL;
    ret_http->body = AIGW_STR("{\"model\":\"h\",\"messages\":[],\"stream\":true}");
    describe(call->what, ret_http);
    if (is(call->what, "url null"))
        ret_http->framing = AIGW_FRAMING_SSE;
    return AIGW_OK;
}

static aigw_status hostile_sign(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_http_request *http,
                                struct aigw_signature *ret_signature)
{
    (void)ctx, (void)self, (void)http;
    if (is(((struct call *)memory)->what, "sign"))
        ret_signature->header_count = 7;
    return AIGW_OK;
}

static aigw_status hostile_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const aigw_str name = { step->name, strlen(step->name) };

    (void)ctx, (void)self, (void)memory;
    step->is_done = 1;
    step->value = is(name, "credential value") ? (aigw_str){ NULL, 5 } : AIGW_STR("good");
    return is(name, "credential status") ? 31 : AIGW_OK;
}

static aigw_status say(const struct hostile *hostile, struct aigw_ctx *ctx, struct aigw_event event)
{
    event.struct_size = sizeof event;
    return hostile->host->emit(ctx, &event);
}

/* What emit() is given. */
static void bad_event(const struct hostile *hostile, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_error error = { .struct_size = sizeof error, .kind = 999, .message = { NULL, 9 } };
    const struct aigw_usage usage = { .struct_size = 1 };
    const struct aigw_usage huge = { .struct_size = sizeof huge, .input = 3, .output = INT64_MAX };
    const struct aigw_event small = { .struct_size = 3, .type = AIGW_EVENT_TEXT };

    if (is(what, "emit null"))
        hostile->host->emit(ctx, NULL);
    if (is(what, "emit size"))
        hostile->host->emit(ctx, &small);
    if (is(what, "emit text"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = { NULL, 9 } });
    if (is(what, "emit id"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_TOOL_CALL, .id = { "x", SIZE_MAX } });
    if (is(what, "emit vector"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_EMBEDDING, .vector_len = 9 });
    if (is(what, "emit choice"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .choice = UINT32_MAX });
    if (is(what, "emit finish"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_FINISH, .finish = 99 });
    if (is(what, "emit usage"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_USAGE });
    if (is(what, "emit usage size"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_USAGE, .usage = &usage });
    if (is(what, "emit usage huge"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_USAGE, .usage = &huge });
    if (is(what, "emit error"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_ERROR });
    if (is(what, "emit end"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_END });
    if (is(what, "emit error kind"))
        say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_ERROR, .error = &error });
    if (is(what, "emit kept"))
        hostile->host->emit(hostile->kept, &small);
    if (is(what, "answer_header null"))
        hostile->host->answer_header(ctx, NULL);
}

static aigw_status hostile_produce(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_produce *ret_next)
{
    struct hostile *hostile = self;
    aigw_str what = ((const struct call *)memory)->what;
    aigw_status status;

    if (is(what, "abort"))
        abort();
    if (is(what, "produce status"))
        return 88;
    if (is(what, "produce pends"))
        return AIGW_PENDING;
    if (is(what, "slow"))
        wait_ms(30);
    if (is(what, "stuck"))
        wait_for_ever();
    bad_event(hostile, ctx, what);
    status = say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = AIGW_STR("fine") });
    ret_next->is_done = !is(what, "produce pause");
    ret_next->next_ms = -5;
    if (status != AIGW_OK || !ret_next->is_done)
        return status;
    status = say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP });
    return status;
}

static aigw_status hostile_frame(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_frame *frame)
{
    const struct hostile *hostile = self;
    aigw_str what = ((const struct call *)memory)->what;
    aigw_status status;

    if (is(what, "http status"))
        return -77;
    if (is(what, "http slow"))
        wait_ms(30);
    if (!is(frame->data, "[DONE]"))
        return say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = AIGW_STR("fine") });
    status = say(hostile, ctx, (struct aigw_event){ .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP });
    return status == AIGW_OK ? AIGW_DONE : status;
}

static aigw_status hostile_done(struct aigw_ctx *ctx, void *self, void *memory)
{
    (void)ctx, (void)self;
    return is(((const struct call *)memory)->what, "done status") ? 44 : AIGW_OK;
}

static void hostile_failure(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_http_failure *failure,
                            struct aigw_error *ret_error)
{
    aigw_str what = ((const struct call *)memory)->what;

    (void)ctx, (void)self, (void)failure;
    if (is(what, "http failure kind"))
        ret_error->kind = 999;
    if (is(what, "http failure text"))
        ret_error->message = (aigw_str){ NULL, 9 };
    if (is(what, "http failure wait"))
        ret_error->retry_after_ms = INT64_MIN;
    if (is(what, "http failure status"))
        ret_error->http_status = -5;
}

static const struct aigw_provider_ops hostile_ops = {
    .struct_size = sizeof hostile_ops,
    .call_size = sizeof(struct call),
    .open = hostile_open,
    .close = hostile_close,
    .request = hostile_request,
    .frame = hostile_frame,
    .done = hostile_done,
    .failure = hostile_failure,
    .produce = hostile_produce,
    .sign = hostile_sign,
    .credential = hostile_credential,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "hostile_provider", .version = "0.1.0", .summary = "Breaks one rule",
            .state_size = sizeof(struct hostile), AIGW_SETTINGS(hostile_settings), .provider = &hostile_ops);
