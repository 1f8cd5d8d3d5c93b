/* watch.c - our own functions before the plugin's callbacks: they remember what was answered, and find what the headers
 * do not allow. The core calls them in place of the plugin's. */
#include "internal.h"

#include <string.h>

static struct aigw_testhost *testhost_of(const struct aigw_ctx *ctx)
{
    return GW_CONTAINER_OF(ctx->plugin, struct aigw_testhost, plugin);
}

static const struct aigw_provider_ops *provider_of(const struct aigw_testhost *th)
{
    return &th->loaded->provider;
}

static const struct aigw_feature_ops *feature_of(const struct aigw_testhost *th)
{
    return &th->loaded->feature;
}

/* The reason goes with the request's memory: keep it. */
static aigw_status keep_error(struct aigw_ctx *ctx, aigw_status status)
{
    if (status < 0)
        testhost_of(ctx)->error = testhost_keep_answer(testhost_of(ctx), gw_ctx_error(ctx));
    return status;
}

/* ---- providers ---- */

static void enter(struct aigw_testhost *th, struct testhost_span *span, const char *callback)
{
    th->may_emit = true;
    th->emit_status = AIGW_OK;
    testhost_span_begin(span, callback);
}

/* A callback is over: what emit() answered must be what it answers. */
static aigw_status leave(struct aigw_ctx *ctx, const struct testhost_span *span, aigw_status status)
{
    struct aigw_testhost *th = testhost_of(ctx);
    const char *callback = span->callback;

    testhost_span_end(th, span);
    th->may_emit = false;
    if (th->emit_status != AIGW_OK && status != th->emit_status)
        testhost_fault(th, "%s answered %d after emit() had answered %d: return that at once", callback, status,
                       th->emit_status);
    if (status > 0 && status != AIGW_DONE)
        testhost_fault(th, "%s answered %d, expected AIGW_OK, AIGW_DONE or a failure", callback, status);
    th->callback = status;
    return keep_error(ctx, status);
}

static aigw_status on_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                              const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "request()");
    th->status = keep_error(ctx, provider_of(th)->request(ctx, self, call, target, req, ret_http));
    testhost_span_end(th, &span);
    th->did_describe = th->status != AIGW_PENDING;
    th->http.framing = ret_http->framing; /* the rest is what is sent in the end */
    return th->status;
}

static aigw_status on_sign(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_request *http,
                           struct aigw_signature *ret_signature)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "sign()");
    th->status = keep_error(ctx, provider_of(th)->sign(ctx, self, call, http, ret_signature));
    testhost_span_end(th, &span);
    th->did_describe = th->status != AIGW_PENDING;
    return th->status;
}

static aigw_status on_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;
    aigw_status status;

    testhost_span_begin(&span, "credential()");
    status = provider_of(th)->credential(ctx, self, memory, step);
    testhost_span_end(th, &span);
    th->fetching = status == AIGW_OK && !step->is_done ? testhost_keep_answer(th, step->name) : NULL;
    return keep_error(ctx, status);
}

/* Every string of the frame in memory of its own, of its exact size: reading beyond it is found. */
static aigw_status on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_frame copy = *frame;
    aigw_str *strings[] = { &copy.event, &copy.data, &copy.exception };
    char *memory[GW_ARRAY_LEN(strings)] = { NULL };
    struct testhost_span span;
    aigw_status status;

    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++)
        if (strings[i]->len > 0)
            strings[i]->ptr = memory[i] = testhost_exact_copy(*strings[i]);
    enter(th, &span, "frame()");
    status = leave(ctx, &span, provider_of(th)->frame(ctx, self, call, &copy));
    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++)
        testhost_free_copy(memory[i]);
    return status;
}

static aigw_status on_done(struct aigw_ctx *ctx, void *self, void *call)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    enter(th, &span, "done()");
    return leave(ctx, &span, provider_of(th)->done(ctx, self, call));
}

static void on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "failure()");
    provider_of(th)->failure(ctx, self, call, failure, ret_error);
    testhost_span_end(th, &span);
}

static aigw_status on_produce(struct aigw_ctx *ctx, void *self, void *call, struct aigw_produce *ret_next)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;
    aigw_status status;

    enter(th, &span, "produce()");
    status = leave(ctx, &span, provider_of(th)->produce(ctx, self, call, ret_next));
    if (status == AIGW_OK && ret_next->next_ms < 0)
        testhost_fault(th, "produce() asked for a negative pause");
    return status;
}

static void watch_provider(struct aigw_testhost *th)
{
    struct aigw_provider_ops *ops = &th->plugin.provider;

    th->plugin.descriptor.provider = ops;
    ops->request = on_request;
    ops->frame = ops->frame ? on_frame : NULL;
    ops->done = ops->done ? on_done : NULL;
    ops->failure = ops->failure ? on_failure : NULL;
    ops->produce = ops->produce ? on_produce : NULL;
    ops->sign = ops->sign ? on_sign : NULL;
    ops->credential = ops->credential ? on_credential : NULL;
}

/* ---- features ---- */

static aigw_status on_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "check()");
    th->status = keep_error(ctx, feature_of(th)->check(ctx, self, call, request));
    testhost_span_end(th, &span);
    return th->status;
}

static aigw_status on_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "run()");
    th->status = keep_error(ctx, feature_of(th)->run(ctx, self, call, request));
    testhost_span_end(th, &span);
    return th->status;
}

static aigw_status on_build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *model,
                            const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;
    aigw_status status;

    testhost_span_begin(&span, "build()");
    status = feature_of(th)->build(ctx, self, call, model, options, ret_request);
    testhost_span_end(th, &span);
    return keep_error(ctx, status);
}

/* The text in memory of its own: what is kept beyond the callback without a copy is found. */
static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_event copy = *event;
    char *text = NULL;
    struct testhost_span span;
    aigw_status status;

    if (event->text.len > 0)
        copy.text.ptr = text = testhost_exact_copy(event->text);
    testhost_span_begin(&span, "event()");
    status = keep_error(ctx, feature_of(th)->event(ctx, self, call, &copy));
    testhost_span_end(th, &span);
    testhost_free_copy(text);
    if (status != AIGW_OK && status != AIGW_E_CLOSED)
        gw_buf_printf(&th->notes, "event() answered %d: %s\n", status, gw_ctx_error(ctx));
    return status;
}

static aigw_status on_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                             const struct aigw_refusal *refusal)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;
    aigw_status status;
    bool is_answered;

    testhost_span_begin(&span, "refuse()");
    status = feature_of(th)->refuse(ctx, self, request, refusal);
    testhost_span_end(th, &span);
    is_answered = th->answer.state == AIGW_ANSWER_COMPLETE;
    if ((status == AIGW_OK) != is_answered)
        testhost_fault(th, "refuse() of kind %u answered %d, and the client was %s", refusal->kind, status,
                       is_answered ? "answered" : "not answered");
    th->status = keep_error(ctx, status);
    return status;
}

static void on_gone(struct aigw_ctx *ctx, void *self, void *call)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_span span;

    testhost_span_begin(&span, "gone()");
    feature_of(th)->gone(ctx, self, call);
    testhost_span_end(th, &span);
}

static void watch_feature(struct aigw_testhost *th)
{
    struct aigw_feature_ops *ops = &th->plugin.feature;

    th->plugin.descriptor.feature = ops;
    ops->check = ops->check ? on_check : NULL;
    ops->run = on_run;
    ops->build = ops->build ? on_build : NULL;
    ops->event = ops->event ? on_event : NULL;
    ops->refuse = ops->refuse ? on_refuse : NULL;
    ops->gone = ops->gone ? on_gone : NULL;
}

void testhost_watch(struct aigw_testhost *th)
{
    th->plugin = *th->loaded;
    if (th->plugin.descriptor.kind == AIGW_KIND_PROVIDER)
        watch_provider(th);
    else
        watch_feature(th);
}
