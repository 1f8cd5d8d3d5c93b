/* hostile_feature.c - POST /hostile, and the body says which rule to break. "ok" breaks none; "P:what" asks the model
 * "hostile", whose provider breaks its own. */
#include "hostile.h"

#include <stdlib.h>

struct hostile {
    const struct aigw_host *host;
    struct aigw_ctx *kept; /* of open() */
    char end[8];
};

struct call {
    aigw_str what;
    struct aigw_call *asked;
    char said[256];
    size_t said_len;
    char end[8];
};

/* As in hostile_provider.c. */
static volatile int *volatile nowhere = (volatile int *)(uintptr_t)4096;

static aigw_status hostile_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    ((struct hostile *)self)->host = host;
    ((struct hostile *)self)->kept = ctx;
    return AIGW_OK;
}

static void no_timer(struct aigw_ctx *ctx, void *arg)
{
    (void)ctx, (void)arg;
}

static aigw_status good(const struct hostile *self, struct aigw_ctx *ctx)
{
    return self->host->respond(ctx, 200, "text/plain", AIGW_STR("fine"), NULL, 0);
}

/* ---- answers ---- */

static aigw_status stream(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t status,
                          const struct aigw_pair *headers, uint32_t count)
{
    host->stream_begin(ctx, status, "text/plain", headers, count);
    host->stream_write(ctx, AIGW_STR("fine"));
    return host->stream_end(ctx);
}

/* What is not wrong, but more than there is room for. */
static aigw_status large_answer(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_host *host = self->host;
    const size_t len = (size_t)40 << 20;
    char *text = host->alloc(ctx, AIGW_LIFE_REQUEST, len + 1);
    const struct aigw_pair header = { AIGW_STR("x-a"), { text, 70000 } };
    aigw_status status;

    if (!text)
        return AIGW_E_NOMEM;
    memset(text, '"', len);
    text[len] = '\0';
    if (is(what, "large body"))
        return host->respond(ctx, 200, NULL, (aigw_str){ text, len }, NULL, 0);
    if (is(what, "large header"))
        return host->respond(ctx, 200, NULL, AIGW_STR("x"), &header, 1);
    if (is(what, "large header of a stream"))
        return stream(host, ctx, 200, &header, 1);
    if (is(what, "large detail"))
        return host->respond_detail(ctx, 404, "%s", text + len - 200000);
    host->stream_begin(ctx, 200, "text/plain", NULL, 0);
    status = host->stream_write(ctx, (aigw_str){ text, len });
    host->stream_end(ctx); /* too late: it is broken off */
    return status == AIGW_E_LIMIT ? AIGW_OK : AIGW_E_STATE;
}

static aigw_status bad_answer(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_host *host = self->host;
    static const struct aigw_pair split = { AIGW_STR_INIT("x-a"), AIGW_STR_INIT("b\r\nx-evil: 1") };
    static const struct aigw_pair absent = { AIGW_STR_INIT("x-a"), { NULL, 9 } };
    static const struct aigw_pair length = { AIGW_STR_INIT("Content-Length"), AIGW_STR_INIT("2") };
    static const struct aigw_pair chunked = { AIGW_STR_INIT("transfer-encoding"), AIGW_STR_INIT("chunked") };
    static const struct aigw_pair closing = { AIGW_STR_INIT("Connection"), AIGW_STR_INIT("close") };
    static const struct aigw_pair date = { AIGW_STR_INIT("Date"), AIGW_STR_INIT("never") };
    static const struct aigw_pair type = { AIGW_STR_INIT("Content-Type"), AIGW_STR_INIT("text/x") };
    const aigw_str text = AIGW_STR("x");

    if (is(what, "respond null body"))
        return host->respond(ctx, 200, NULL, (aigw_str){ NULL, 5 }, NULL, 0);
    if (is(what, "respond huge"))
        return host->respond(ctx, 200, NULL, (aigw_str){ "x", SIZE_MAX }, NULL, 0);
    if (is(what, "respond status"))
        return host->respond(ctx, 42, NULL, text, NULL, 0);
    if (is(what, "respond headers null"))
        return host->respond(ctx, 200, NULL, text, NULL, 3);
    if (is(what, "respond headers many"))
        return host->respond(ctx, 200, NULL, text, &split, 4000000000u);
    if (is(what, "respond header split"))
        return host->respond(ctx, 200, NULL, text, &split, 1);
    if (is(what, "respond header null"))
        return host->respond(ctx, 200, NULL, text, &absent, 1);
    if (is(what, "respond type split"))
        return host->respond(ctx, 200, "text/plain\r\nx-evil: 1", text, NULL, 0);
    if (is(what, "respond header length"))
        return host->respond(ctx, 200, NULL, AIGW_STR("fine"), &length, 1);
    if (is(what, "respond header chunked"))
        return host->respond(ctx, 200, NULL, AIGW_STR("fine"), &chunked, 1);
    if (is(what, "respond header close"))
        return host->respond(ctx, 200, NULL, AIGW_STR("fine"), &closing, 1);
    if (is(what, "respond header date"))
        return host->respond(ctx, 200, NULL, AIGW_STR("fine"), &date, 1);
    if (is(what, "respond_invalid words"))
        return host->respond_invalid(ctx, AIGW_STR("[{}] and more"));
    if (what.len > 6 && memcmp(what.ptr, "large ", 6) == 0)
        return large_answer(self, ctx, what);
    if (is(what, "respond type twice"))
        return host->respond(ctx, 200, "text/plain", AIGW_STR("fine"), &type, 1);
    if (is(what, "respond type as a header"))
        return host->respond(ctx, 200, NULL, AIGW_STR("fine"), &type, 1);
    if (is(what, "stream header length"))
        return stream(host, ctx, 200, &length, 1);
    if (is(what, "stream 204"))
        return stream(host, ctx, 204, NULL, 0);
    if (is(what, "stream 304"))
        return stream(host, ctx, 304, NULL, 0);
    if (is(what, "respond_detail null"))
        return host->respond_detail(ctx, 200, NOWHERE);
    if (is(what, "respond_invalid null"))
        return host->respond_invalid(ctx, (aigw_str){ NULL, 5 });
    if (is(what, "respond_model_error null"))
        return host->respond_model_error(ctx, NULL);
    if (is(what, "stream_begin status"))
        return host->stream_begin(ctx, 7, "text/plain", NULL, 0);
    if (is(what, "stream_write null")) {
        host->stream_begin(ctx, 200, "text/plain", NULL, 0);
        return host->stream_write(ctx, (aigw_str){ NULL, 5 });
    }
    return AIGW_E_UNSUPPORTED;
}

/* ---- small things: the request is answered well after each ---- */

static void bad_question(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_host *host = self->host;
    const aigw_str labels[] = { { NULL, 4 } };

    if (is(what, "annotate null"))
        host->annotate(ctx, NULL, AIGW_STR("x"));
    if (is(what, "annotate name"))
        host->annotate(ctx, "a\": 1, \"b", AIGW_STR("x"));
    if (is(what, "annotate value"))
        host->annotate(ctx, "hostile", (aigw_str){ NULL, 3 });
    if (is(what, "header null"))
        host->header(ctx, NULL);
    if (is(what, "has_scope null"))
        host->has_scope(ctx, NULL, 0);
    if (is(what, "setting null"))
        host->setting(ctx, NULL);
    if (is(what, "feature_flags null"))
        host->feature_flags(ctx, NULL);
    if (is(what, "model_names null"))
        host->model_names(ctx, NULL);
    if (is(what, "count unknown"))
        host->count(ctx, 99, NULL, 1);
    if (is(what, "count no labels"))
        host->count(ctx, 0, NULL, 1);
    if (is(what, "count label"))
        host->count(ctx, 0, labels, 1);
    if (is(what, "count negative"))
        host->count(ctx, 0, &AIGW_STR("x"), -1);
    if (is(what, "count nan"))
        host->count(ctx, 0, &AIGW_STR("x"), (double)NAN);
    if (is(what, "log null"))
        host->log(ctx, AIGW_LOG_INFO, NOWHERE);
    if (is(what, "log level"))
        host->log(ctx, 77, "hostile");
}

static void bad_request(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_host *host = self->host;
    const aigw_str labels[] = { { NULL, 4 } };
    struct aigw_buf *buf;
    uint8_t digest[32];

    if (is(what, "alloc life"))
        host->alloc(ctx, 7, 16);
    if (is(what, "alloc huge"))
        host->alloc(ctx, AIGW_LIFE_REQUEST, SIZE_MAX - 3);
    if (is(what, "format null"))
        host->format(ctx, AIGW_LIFE_BUILD, NOWHERE);
    if (is(what, "defer null"))
        host->defer(ctx, AIGW_LIFE_REQUEST, NULL, NULL);
    if (is(what, "random huge"))
        host->random(ctx, digest, 1u << 30);
    if (is(what, "sha256 null"))
        host->sha256(ctx, (aigw_str){ NULL, 5 }, digest);
    if (is(what, "sign_token null"))
        host->sign_token(ctx, (aigw_str){ NULL, 5 }, NULL);
    if (is(what, "emit"))
        host->emit(ctx, NULL);
    if (is(what, "timer foreign"))
        host->timer_clear(ctx, (struct aigw_timer *)(void *)labels);
    if (is(what, "timer negative"))
        host->timer_set(ctx, &(struct aigw_timer *){ NULL }, -5, NULL, NULL);
    if (is(what, "timer foreign set"))
        host->timer_set(ctx, &(struct aigw_timer *){ (struct aigw_timer *)(void *)labels }, 5, no_timer, NULL);
    if (is(what, "timer huge"))
        host->timer_set(ctx, &(struct aigw_timer *){ NULL }, INT64_MAX, no_timer, NULL);
    if (is(what, "offload null"))
        host->offload(ctx, NULL);
    if (is(what, "offload no work"))
        host->offload(ctx, &(struct aigw_job){ .struct_size = sizeof(struct aigw_job), .arg_size = 5 });
    if (is(what, "model_cancel foreign"))
        host->model_cancel(ctx, (struct aigw_call *)(void *)digest);
    if (is(what, "buf null")) {
        host->buf_put(NULL, "x", 1);
        host->buf_clear(NULL);
        host->buf_view(NULL, &(aigw_str){ NULL, 0 });
    }
    if (is(what, "buf_put null")) {
        buf = host->buf_new(ctx, AIGW_LIFE_BUILD, 100);
        host->buf_put(buf, NULL, 50);
    }
    if (is(what, "buf_json null")) {
        buf = host->buf_new(ctx, AIGW_LIFE_BUILD, 100);
        host->buf_json(buf, (aigw_str){ NULL, 50 });
    }
}

static void bad_model(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct aigw_host *host = self->host;
    struct aigw_need need = { .struct_size = sizeof need, .model = AIGW_STR("hostile") };
    struct aigw_error error = { .struct_size = sizeof error };
    struct aigw_prompt_query query = { .struct_size = sizeof query, .id = AIGW_STR("x"), .var_count = 3 };
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct aigw_call_options options = { .struct_size = sizeof options, .answer_header_count = 5 };
    const struct aigw_model_info forged = { .struct_size = sizeof forged, .plan = &forged };
    const struct aigw_model_info *info = NULL;

    if (is(what, "model_resolve null"))
        host->model_resolve(ctx, NULL, &info, &error);
    if (is(what, "model_resolve nowhere"))
        host->model_resolve(ctx, &need, NULL, &error);
    if (is(what, "model_resolve text")) {
        need.endpoint = (aigw_str){ NULL, 7 };
        host->model_resolve(ctx, &need, &info, &error);
    }
    if (is(what, "prompt null"))
        host->prompt(ctx, NULL, &prompt);
    if (is(what, "prompt vars"))
        host->prompt(ctx, &query, &prompt);
    if (is(what, "model_call null"))
        host->model_call(ctx, NULL, NULL, NULL);
    if (is(what, "model_call forged"))
        host->model_call(ctx, &forged, NULL, NULL);
    if (is(what, "model_call options") && host->model_resolve(ctx, &need, &info, &error) == AIGW_OK)
        host->model_call(ctx, info, &options, NULL);
}

/* ---- the wrong ctx ---- */

struct job {
    const struct hostile *self;
    struct aigw_ctx *ctx;
};

static void job_work(void *arg)
{
    const struct job *job = arg;

    job->self->host->log(job->ctx, AIGW_LOG_INFO, "from another thread");
}

static void job_done(struct aigw_ctx *ctx, void *arg)
{
    (void)good(((const struct job *)arg)->self, ctx);
}

static aigw_status bad_ctx(struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    const struct job job = { self, ctx };
    const struct aigw_job spec = {
        .struct_size = sizeof spec, .arg = &job, .arg_size = sizeof job, .work = job_work, .done = job_done
    };
    struct aigw_ctx *kept = self->kept;

    if (is(what, "ctx null"))
        self->host->respond(NULL, 200, NULL, AIGW_STR("x"), NULL, 0);
    if (is(what, "ctx kept"))
        self->host->respond(kept, 200, NULL, AIGW_STR("x"), NULL, 0);
    if (is(what, "ctx kept fail"))
        self->host->fail(kept, AIGW_E_STATE, "x");
    if (is(what, "ctx kept alloc"))
        self->host->alloc(kept, AIGW_LIFE_REQUEST, 16);
    if (is(what, "ctx elsewhere"))
        return self->host->offload(ctx, &spec);
    return good(self, ctx);
}

/* ---- memory and time ---- */

static aigw_status take_all(const struct hostile *self, struct aigw_ctx *ctx, aigw_str what)
{
    struct aigw_buf *buf = self->host->buf_new(ctx, AIGW_LIFE_REQUEST, SIZE_MAX);
    static const char bytes[65536];
    aigw_str view;

    if (is(what, "alloc for ever")) {
        while (self->host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof bytes))
            continue;
        return AIGW_E_NOMEM;
    }
    while (self->host->buf_view(buf, &view) == AIGW_OK)
        self->host->buf_put(buf, bytes, sizeof bytes);
    return self->host->buf_view(buf, &view);
}

/* An overrun that the compiler does not see. */
static void overrun(volatile char *memory, size_t len)
{
    for (size_t i = 0; i < 8; i++)
        memory[len + i] = 'x';
}

static aigw_status hostile_run(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_request *request)
{
    struct hostile *hostile = self;
    struct call *call = memory;
    struct aigw_need need = { .struct_size = sizeof need, .model = AIGW_STR("hostile") };
    struct aigw_call_options options = { .struct_size = sizeof options };
    struct aigw_error error = { .struct_size = sizeof error };
    const struct aigw_model_info *info = NULL;
    aigw_status status;

    call->what = (aigw_str){ hostile->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(request->body)),
                             request->body.len };
    if (is(call->what, "crash"))
        *nowhere = 1;
    if (is(call->what, "abort"))
        abort();
    if (is(call->what, "exit"))
        exit(3);
    if (is(call->what, "status 77"))
        return 77;
    if (is(call->what, "status -99"))
        return -99;
    if (is(call->what, "overrun call"))
        overrun(memory, sizeof *call);
    if (is(call->what, "overrun state"))
        overrun(self, sizeof *hostile);
    if (is(call->what, "slow"))
        wait_ms(30);
    if (is(call->what, "stuck"))
        wait_for_ever();
    if (is(call->what, "alloc for ever") || is(call->what, "buf for ever"))
        return take_all(hostile, ctx, call->what);
    if (call->what.len > 4 && memcmp(call->what.ptr, "ctx ", 4) == 0)
        return bad_ctx(hostile, ctx, call->what);
    status = bad_answer(hostile, ctx, call->what);
    if (status != AIGW_E_UNSUPPORTED)
        return status;
    bad_question(hostile, ctx, call->what);
    bad_request(hostile, ctx, call->what);
    bad_model(hostile, ctx, call->what);
    if (call->what.len < 2 || call->what.ptr[1] != ':')
        return good(hostile, ctx);
    if (hostile->host->model_resolve(ctx, &need, &info, &error) != AIGW_OK)
        return hostile->host->respond_model_error(ctx, &error);
    options.idle_timeout_ms = is(call->what, "O:http idle") ? INT64_MAX : 0;
    return hostile->host->model_call(ctx, info, &options, &call->asked);
}

/* ---- the model's side ---- */

static aigw_status hostile_build(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_model_info *model,
                                 const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct aigw_host *host = ((const struct hostile *)self)->host;
    const struct call *call = memory;
    struct aigw_message *message = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *message);
    struct aigw_part *part = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *part);
    struct aigw_params *params = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *params);
    struct aigw_raw *raw = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *raw);

    (void)model, (void)options;
    *part = (struct aigw_part){ .struct_size = sizeof *part, .type = AIGW_PART_TEXT, .text = AIGW_STR("x") };
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = AIGW_ROLE_USER, .parts = part };
    *params = (struct aigw_params){ .struct_size = sizeof *params };
    *raw = (struct aigw_raw){ .struct_size = sizeof *raw, .dialect = AIGW_STR("x"), .body = AIGW_STR("{}") };
    ret_request->kind = AIGW_CALL_COMPLETION;
    ret_request->prompt = (aigw_str){ call->what.ptr + 2, call->what.len - 2 };
    ret_request->messages = message;
    if (is(call->what, "B:cancel"))
        host->model_cancel(ctx, call->asked);
    if (is(call->what, "B:no reason"))
        return AIGW_E_UNSUPPORTED;
    if (is(call->what, "B:status"))
        return 55;
    if (is(call->what, "B:text"))
        ret_request->suffix = (aigw_str){ NULL, 3 };
    if (is(call->what, "B:endless"))
        message->next = message;
    if (is(call->what, "B:endless parts"))
        part->next = part;
    if (is(call->what, "B:deep"))
        part->parts = part;
    if (is(call->what, "B:part text"))
        part->data = (aigw_str){ NULL, 3 };
    if (is(call->what, "B:part size"))
        part->struct_size = 0;
    if (is(call->what, "B:http idle"))
        ret_request->idle_timeout_ms = INT64_MAX;
    if (is(call->what, "B:inputs"))
        ret_request->input_count = 9;
    if (is(call->what, "B:stop"))
        params->stop_count = 4;
    if (is(call->what, "B:nan"))
        params->temperature = (double)NAN;
    if (is(call->what, "B:stop") || is(call->what, "B:nan"))
        ret_request->params = params;
    raw->model_at = 4000;
    if (is(call->what, "B:raw"))
        ret_request->raw = raw;
    return AIGW_OK;
}

static aigw_status hostile_event(struct aigw_ctx *ctx, void *self, void *memory, const struct aigw_event *event)
{
    const struct aigw_host *host = ((const struct hostile *)self)->host;
    struct call *call = memory;

    if (event->type == AIGW_EVENT_TEXT && event->text.len < sizeof call->said - call->said_len) {
        memcpy(call->said + call->said_len, event->text.ptr, event->text.len);
        call->said_len += event->text.len;
        if (is(call->what, "E:status"))
            return 9;
        if (is(call->what, "E:late"))
            wait_ms(30);
    }
    if (event->type == AIGW_EVENT_ERROR)
        return host->respond_model_error(ctx, event->error);
    if (event->type != AIGW_EVENT_END)
        return AIGW_OK;
    return host->respond(ctx, 200, "text/plain", (aigw_str){ call->said, call->said_len }, NULL, 0);
}

static const struct aigw_route hostile_routes[] = {
    { .method = "POST",
      .path = "/hostile",
      .category = "hostile",
      .summary = "Breaks one rule.",
      .callers = AIGW_CALLER_ANYONE },
    { .method = "PUT",
      .path = "/hostile",
      .category = "hostile",
      .summary = "Takes whatever comes.",
      .callers = AIGW_CALLER_ANYONE,
      .body_max = INT64_MAX },
};

#ifndef HOSTILE_METRIC
#define HOSTILE_METRIC "hostile_total"
#endif
static const char *const hostile_labels[] = { "what" };
static const struct aigw_metric hostile_metrics[] = { { HOSTILE_METRIC, "What it counts.", hostile_labels, 1 } };

static const struct aigw_feature_ops hostile_ops = {
    .struct_size = sizeof hostile_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = hostile_routes,
    .route_count = sizeof hostile_routes / sizeof *hostile_routes,
    .call_size = sizeof(struct call),
    .open = hostile_open,
    .run = hostile_run,
    .build = hostile_build,
    .event = hostile_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "hostile_feature", .version = "0.1.0", .summary = "Breaks one rule",
            .state_size = sizeof(struct hostile), AIGW_METRICS(hostile_metrics), .feature = &hostile_ops);
