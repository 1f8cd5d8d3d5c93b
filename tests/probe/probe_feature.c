/* probe_feature.c - a feature that does on purpose what features do by accident, and what they may do and rarely do.
 *
 * POST /probe/{scenario} with the name of a model as body. What came out is the answer, or an access-log member.
 */
#include <aigw/sdk.h>

#include <stdio.h>
#include <string.h>

#define CALLS_MAX 4

struct probe {
    const struct aigw_host *host;
};

struct probe_call {
    const struct probe *probe;
    aigw_str scenario;
    char model[64];
    struct aigw_call *handles[CALLS_MAX];
    uint32_t started, ended;
    char said[CALLS_MAX][256]; /* text of each call, by tag */
    int checks;
    struct aigw_timer *timer;
};

static aigw_status probe_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct probe *)self)->host = host;
    return AIGW_OK;
}

static int is(const struct probe_call *call, const char *scenario)
{
    return call->scenario.len == strlen(scenario) && memcmp(call->scenario.ptr, scenario, call->scenario.len) == 0;
}

static aigw_status answer(struct aigw_ctx *ctx, const struct probe *probe, const char *text)
{
    return probe->host->respond(ctx, 200, "text/plain", (aigw_str){ text, strlen(text) }, NULL, 0);
}

/* ---- model calls ---- */

static aigw_status start(struct aigw_ctx *ctx, const struct probe *probe, struct probe_call *call, const char *model,
                         uint32_t flags)
{
    static const char *const wanted[] = { "x-who", "X-Absent", "X-Left" };
    struct aigw_need need = { .struct_size = sizeof need, .model = { model, strlen(model) } };
    struct aigw_error error = { .struct_size = sizeof error };
    const struct aigw_model_info *info = NULL;
    struct aigw_call_options options = { .struct_size = sizeof options,
                                         .flags = flags,
                                         .dialect = is(call, "raw") ? AIGW_STR("probe") : AIGW_STR_NONE,
                                         .tag = call->said[call->started],
                                         .answer_headers = is(call, "headers") ? wanted : NULL,
                                         .answer_header_count = is(call, "headers") ? 3 : 0 };

    if (probe->host->model_resolve(ctx, &need, &info, &error) != AIGW_OK)
        return probe->host->respond_model_error(ctx, &error);
    return probe->host->model_call(ctx, info, &options, &call->handles[call->started++]);
}

static aigw_status probe_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *model,
                               const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct probe *probe = self;
    struct aigw_raw *raw;

    (void)state;
    (void)options;
    ret_request->kind = AIGW_CALL_COMPLETION;
    ret_request->params = model->defaults;
    ret_request->prompt = model->model; /* tells which target it was built for */
    if (!(model->flags & AIGW_MODELF_PASSES_RAW))
        return AIGW_OK;
    raw = probe->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *raw);
    if (!raw)
        return AIGW_E_NOMEM;
    *raw = (struct aigw_raw){ .struct_size = sizeof *raw,
                              .dialect = AIGW_STR("probe"),
                              .body = AIGW_STR("{\"model\":\"x\",\"n\":1.0}") };
    ret_request->raw = raw;
    return AIGW_OK;
}

/* ---- timers and jobs ---- */

static void timer_answers(struct aigw_ctx *ctx, void *arg)
{
    const struct probe_call *call = arg;

    answer(ctx, call->probe, "timer");
}

static void timer_goes_on(struct aigw_ctx *ctx, void *arg)
{
    const struct probe_call *call = arg;

    call->probe->host->go_on(ctx);
}

struct sum {
    struct probe_call *call;
    int from, to, result;
};

static void sum_work(void *arg)
{
    struct sum *sum = arg;

    for (int i = sum->from; i <= sum->to; i++)
        sum->result += i;
}

static void sum_done(struct aigw_ctx *ctx, void *arg)
{
    const struct sum *sum = arg;
    char text[32];

    snprintf(text, sizeof text, "sum %d", sum->result);
    answer(ctx, sum->call->probe, text);
}

static void sum_drop(void *arg)
{
    (void)arg;
}

static aigw_status offload(struct aigw_ctx *ctx, const struct probe *probe, struct probe_call *call)
{
    const struct sum sum = { .call = call, .from = 1, .to = 100 };
    const struct aigw_job job = { .struct_size = sizeof job,
                                  .arg_size = sizeof sum,
                                  .arg = &sum,
                                  .work = sum_work,
                                  .done = sum_done,
                                  .drop = sum_drop };

    return probe->host->offload(ctx, &job);
}

/* ---- the scenarios ---- */

static aigw_status probe_check(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct probe *probe = self;
    struct probe_call *call = state;

    call->probe = probe;
    call->scenario = request->path_param;
    if (request->body.len && request->body.len < sizeof call->model)
        memcpy(call->model, request->body.ptr, request->body.len);
    if (is(call, "fail-after-begin")) {
        probe->host->stream_begin(ctx, 200, "text/plain", NULL, 0);
        return probe->host->fail(ctx, AIGW_E_INVALID, "on purpose");
    }
    if (is(call, "pend") && call->checks++ == 0) {
        probe->host->timer_set(ctx, &call->timer, 5, timer_goes_on, call);
        return AIGW_PENDING;
    }
    if (is(call, "too-much"))
        return AIGW_E_LIMIT;
    if (is(call, "no-memory"))
        return AIGW_E_NOMEM;
    if (is(call, "pend-for-ever"))
        return AIGW_PENDING;
    if (is(call, "invalid")) {
        probe->host->respond_invalid(ctx, AIGW_STR("[{\"type\":\"missing\",\"loc\":[\"body\",\"x\"],\"msg\":\"Field "
                                                   "required\",\"input\":\"s3cret-input\"}]"));
        return AIGW_E_INVALID;
    }
    return AIGW_OK;
}

static aigw_status write_after_end(struct aigw_ctx *ctx, const struct probe *probe)
{
    const struct aigw_host *host = probe->host;
    char text[32];

    host->stream_begin(ctx, 200, "text/plain", NULL, 0);
    host->stream_write(ctx, AIGW_STR("all"));
    host->stream_end(ctx);
    snprintf(text, sizeof text, "%d", host->stream_write(ctx, AIGW_STR("more")));
    host->annotate(ctx, "probe", (aigw_str){ text, strlen(text) });
    return AIGW_OK;
}

/* Who asks, and the models that he may use: "build:good,waits,". */
static aigw_status answer_names(struct aigw_ctx *ctx, const struct probe *probe)
{
    uint32_t count;
    const aigw_str *names = probe->host->model_names(ctx, &count);
    char text[1024];

    snprintf(text, sizeof text, "%.*s:", AIGW_STR_ARG(probe->host->principal(ctx)->subject));
    for (uint32_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s,", AIGW_STR_ARG(names[i]));
    return answer(ctx, probe, text);
}

static aigw_status probe_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct probe *probe = self;
    struct probe_call *call = state;

    if (is(call, "answer"))
        return answer(ctx, probe, request->body.ptr ? "with a body" : "without a body");
    if (is(call, "names"))
        return answer_names(ctx, probe);
    if (is(call, "nothing"))
        return AIGW_OK;
    if (is(call, "boom"))
        return probe->host->fail(ctx, AIGW_E_INVALID, "on purpose");
    if (is(call, "open-stream")) {
        probe->host->stream_begin(ctx, 200, "text/plain", NULL, 0);
        return probe->host->stream_write(ctx, AIGW_STR("half"));
    }
    if (is(call, "write-after-end"))
        return write_after_end(ctx, probe);
    if (is(call, "timer"))
        return probe->host->timer_set(ctx, &call->timer, 5, timer_answers, call);
    if (is(call, "offload"))
        return offload(ctx, probe, call);
    if (is(call, "pend"))
        return answer(ctx, probe, "went on");
    if (is(call, "model-error")) {
        const struct aigw_error error = { .struct_size = sizeof error,
                                          .kind = AIGW_ERR_OVERLOADED,
                                          .http_status = 503,
                                          .retry_after_ms = 2000,
                                          .message = AIGW_STR("busy") };
        return probe->host->respond_model_error(ctx, &error);
    }
    if (is(call, "parallel")) {
        for (int i = 0; i < 3; i++)
            start(ctx, probe, call, call->model, AIGW_CALLF_KEEP_BODY);
        return AIGW_OK;
    }
    return start(ctx, probe, call, call->model,
                 is(call, "stream") || is(call, "unended") || is(call, "gone") ? AIGW_CALLF_STREAM : 0);
}

static aigw_status all_said(struct aigw_ctx *ctx, const struct probe *probe, const struct probe_call *call)
{
    char text[CALLS_MAX * 260] = "";

    for (uint32_t i = 0; i < call->started; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "|" : "", call->said[i]);
    return answer(ctx, probe, text);
}

static aigw_status on_end(struct aigw_ctx *ctx, const struct probe *probe, struct probe_call *call)
{
    if (is(call, "unended"))
        return AIGW_OK;
    if (is(call, "stream"))
        return probe->host->stream_end(ctx);
    if (is(call, "sequence") && call->started < 2)
        return start(ctx, probe, call, call->model, 0);
    return ++call->ended == call->started || !is(call, "parallel") ? all_said(ctx, probe, call) : AIGW_OK;
}

static aigw_status on_error(struct aigw_ctx *ctx, const struct probe *probe, struct probe_call *call,
                            const struct aigw_error *error)
{
    if (is(call, "after-error") && call->started < 2)
        return start(ctx, probe, call, "good", 0);
    if (is(call, "stream")) {
        probe->host->stream_abort(ctx);
        return AIGW_OK;
    }
    return probe->host->respond_model_error(ctx, error);
}

/* Headers that START and ERROR bring: "x-who=five;X-Left=7;". */
static void say_headers(char *said, size_t size, const struct aigw_event *event)
{
    for (uint32_t i = 0; i < event->header_count; i++)
        snprintf(said + strlen(said), size - strlen(said), "%.*s=%.*s;", AIGW_STR_ARG(event->headers[i].name),
                 AIGW_STR_ARG(event->headers[i].value));
}

static aigw_status probe_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    const struct probe *probe = self;
    struct probe_call *call = state;
    char *said = event->tag;

    if (is(call, "headers") && (event->type == AIGW_EVENT_START || event->type == AIGW_EVENT_ERROR)) {
        say_headers(said, sizeof call->said[0], event);
        return event->type == AIGW_EVENT_ERROR ? answer(ctx, probe, said) : AIGW_OK;
    }
    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
        if (is(call, "stream") || is(call, "unended") || is(call, "gone"))
            probe->host->stream_begin(ctx, 200, "text/plain", NULL, 0);
        return AIGW_OK;
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_RAW:
        if (is(call, "cancel")) {
            probe->host->model_cancel(ctx, event->call);
            return answer(ctx, probe, "cancelled");
        }
        if (is(call, "stream") || is(call, "unended") || is(call, "gone"))
            return probe->host->stream_write(ctx, event->text);
        snprintf(said + strlen(said), sizeof call->said[0] - strlen(said), "%s%.*s",
                 event->type == AIGW_EVENT_RAW ? "raw:" : "", AIGW_STR_ARG(event->text));
        return AIGW_OK;
    case AIGW_EVENT_END:
        return on_end(ctx, probe, call);
    case AIGW_EVENT_ERROR:
        return on_error(ctx, probe, call, event->error);
    default:
        return AIGW_OK;
    }
}

static void probe_gone(struct aigw_ctx *ctx, void *self, void *state)
{
    (void)state;
    ((const struct probe *)self)->host->log(ctx, AIGW_LOG_INFO, "probe was told that nobody waits");
}

/* Refusals of /probe-own in words of our own. */
static aigw_status probe_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                                const struct aigw_refusal *refusal)
{
    const struct probe *probe = self;
    char text[512];

    if (request->route->tag != 1)
        return AIGW_E_UNSUPPORTED;
    snprintf(text, sizeof text, "{\"own\":{\"kind\":%u,\"status\":%d,\"text\":\"%.*s\"%s%.*s%s}}", refusal->kind,
             refusal->http_status, AIGW_STR_ARG(refusal->message), refusal->code.len > 0 ? ",\"code\":\"" : "",
             AIGW_STR_ARG(refusal->code), refusal->code.len > 0 ? "\"" : "");
    return probe->host->respond(ctx, (uint32_t)refusal->http_status, NULL, (aigw_str){ text, strlen(text) }, NULL, 0);
}

static const struct aigw_route routes[] = {
    { .method = "POST", .path = "/probe/{scenario}", .category = "probe" },
    { .method = "POST", .path = "/probe-own/{scenario}", .scope = "probe_scope", .tag = 1, .category = "probe" },
    { .method = "POST", .path = "/probe-open/{scenario}", .category = "probe", .callers = AIGW_CALLER_ANYONE },
    { .method = "POST", .path = "/probe-key/{scenario}", .tag = 1, .category = "probe", .callers = AIGW_CALLER_KEY },
    { .method = "POST",
      .path = "/probe-both/{scenario}",
      .category = "probe",
      .callers = AIGW_CALLER_KEY | AIGW_CALLER_GITLAB },
    { .method = "POST",
      .path = "/probe-key-scope/{scenario}",
      .scope = "chat",
      .category = "probe",
      .callers = AIGW_CALLER_KEY },
    { .method = "POST", .path = "/probe-no-body/{scenario}", .flags = AIGW_ROUTEF_NO_BODY, .category = "probe" },
    { .method = "GET", .path = "/probe/{scenario}", .category = "probe" },
};

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof(struct aigw_route),
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct probe_call),
    .open = probe_open,
    .check = probe_check,
    .run = probe_run,
    .build = probe_build,
    .event = probe_event,
    .gone = probe_gone,
    .refuse = probe_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "probe_feature", .version = "0.1.0",
            .summary = "What features do, on purpose", .state_size = sizeof(struct probe), .feature = &ops);
