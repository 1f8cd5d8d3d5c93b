/* host.c - the test host itself: load, open, close, and the part of the host table that needs no request. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"

#define TESTHOST_ARENA_MAX ((size_t)256 << 20)
#define TESTHOST_TEXT_MAX  ((size_t)64 << 20)

struct aigw_testhost *testhost_of(struct aigw_ctx *ctx)
{
    return ((struct testhost_ctx *)(void *)ctx)->th;
}

/* ---- host functions ---- */

static void testhost_count(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta)
{
    struct aigw_testhost *th = testhost_of(ctx);
    const struct aigw_metric *metric = &th->plugin->metrics[index];

    if (index >= th->plugin->descriptor.metric_count) {
        gw_buf_printf(&th->notes, "count of metric %u, but the plugin has %u\n", index,
                      th->plugin->descriptor.metric_count);
        return;
    }
    gw_buf_printf(&th->notes, "count %s{", metric->name);
    for (uint32_t i = 0; i < metric->label_count; i++)
        gw_buf_printf(&th->notes, "%s%.*s", i > 0 ? "," : "", AIGW_STR_ARG(label_values[i]));
    gw_buf_printf(&th->notes, "} %g\n", delta);
}

static void testhost_annotate(struct aigw_ctx *ctx, const char *name, aigw_str value)
{
    gw_buf_printf(&testhost_of(ctx)->notes, "annotate %s=%.*s\n", name, AIGW_STR_ARG(value));
}

static void testhost_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    struct aigw_testhost *th = testhost_of(ctx);
    va_list args;

    gw_buf_printf(&th->notes, "log %u ", level);
    va_start(args, fmt);
    gw_buf_vprintf(&th->notes, fmt, args);
    va_end(args);
    gw_buf_puts(&th->notes, "\n");
}

static aigw_status testhost_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (!th->is_active || ctx == &th->instance.base)
        return AIGW_E_STATE;
    if (th->is_over)
        return AIGW_E_CLOSED;
    testhost_write_event(&th->events, event);
    if (event->type == AIGW_EVENT_TEXT)
        gw_buf_put_str(&th->said, event->text);
    if (event->type == AIGW_EVENT_FINISH) {
        if (th->did_finish)
            gw_buf_puts(&th->events, "failed \"FINISH was emitted twice\"\n");
        th->did_finish = true;
    }
    if (event->type == AIGW_EVENT_ERROR)
        th->is_over = true; /* it ends the call: the plugin is told to clean up */
    return th->is_over ? AIGW_E_CLOSED : AIGW_OK;
}

static int64_t testhost_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return 1700000000; /* every run sees the same answers */
}

const struct aigw_host testhost_host = {
    .struct_size = sizeof testhost_host,
    .abi_major = AIGW_ABI_MAJOR,
    .abi_minor = AIGW_ABI_MINOR,
    .alloc = gw_ctx_alloc,
    .format = gw_ctx_format,
    .defer = gw_ctx_defer,
    .buf_new = gw_ctx_buf_new,
    .buf_put = gw_ctx_buf_put,
    .buf_printf = gw_ctx_buf_printf,
    .buf_json = gw_ctx_buf_json,
    .buf_json_ascii = gw_ctx_buf_json_ascii,
    .buf_clear = gw_ctx_buf_clear,
    .buf_view = gw_ctx_buf_view,
    .fail = gw_ctx_fail,
    .log = testhost_log,
    .count = testhost_count,
    .annotate = testhost_annotate,
    .emit = testhost_emit,
    .header = testhost_header,
    .principal = testhost_principal,
    .has_scope = testhost_has_scope,
    .feature_flags = testhost_feature_flags,
    .setting = testhost_setting,
    .time_s = testhost_time_s,
    .respond = testhost_respond,
    .respond_detail = testhost_respond_detail,
    .respond_invalid = testhost_respond_invalid,
    .respond_model_error = testhost_respond_model_error,
    .stream_begin = testhost_stream_begin,
    .stream_write = testhost_stream_write,
    .stream_end = testhost_stream_end,
    .stream_abort = testhost_stream_abort,
    .model_resolve = testhost_model_resolve,
    .prompt = testhost_prompt_render,
    .last_error = gw_ctx_last_error,
    .model_call = testhost_model_call,
    .model_cancel = testhost_model_cancel,
    .sign_token = testhost_sign_token,
};

/* ---- one call ---- */

void testhost_end_call(struct aigw_testhost *th)
{
    if (th->is_framing)
        gw_framer_done(&th->framer);
    th->is_framing = false;
    gw_arena_done(&th->build_arena);
    gw_arena_done(&th->request_arena);
    free(th->call);
    th->call = NULL;
    th->is_active = false;
}

bool testhost_begin(struct aigw_testhost *th, size_t call_size)
{
    testhost_end_call(th);
    th->call = call_size > 0 ? calloc(1, call_size) : NULL; /* of its exact size, for AddressSanitizer */
    if (call_size > 0 && !th->call)
        return false;
    th->ctx = (struct testhost_ctx){ .base = { .plugin = th->plugin,
                                               .instance = "test",
                                               .request_arena = &th->request_arena,
                                               .build_arena = &th->build_arena,
                                               .request_id = "test-request" },
                                     .th = th };
    th->http = (struct aigw_http_request){ .struct_size = sizeof th->http, .framing = AIGW_FRAMING_BODY };
    th->is_active = true;
    th->did_finish = th->is_over = th->is_calling = th->did_call = th->did_cancel = false;
    gw_buf_clear(&th->events);
    gw_buf_clear(&th->said);
    gw_buf_clear(&th->notes);
    gw_buf_clear(&th->body);
    gw_buf_clear(&th->answer_headers);
    gw_buf_clear(&th->asked);
    gw_buf_clear(&th->resolved);
    th->answer = (struct aigw_testhost_answer){ .state = AIGW_ANSWER_NONE };
    return true;
}

/* ---- open and close ---- */

static aigw_status testhost_fill(struct aigw_testhost *th, const char *settings, struct gw_err *reterr)
{
    static const char *const provider_keys[] = { "plugin", "enabled", NULL };
    static const char *const feature_keys[] = { "plugin", "enabled", "model", NULL };
    const struct aigw_plugin *d = &th->plugin->descriptor;
    struct gw_problems problems;
    struct gw_node *root;

    gw_problems_init(&problems, &th->arena);
    root = gw_conf_parse(&th->arena, settings ? settings : "", "settings", &problems);
    gw_settings_fill(&th->arena, root, "settings", d->settings, d->setting_count, d->setting_size,
                     d->kind == AIGW_KIND_FEATURE ? feature_keys : provider_keys, th->state, &problems);
    for (const struct gw_problem *problem = problems.first; problem; problem = problem->next)
        if (!problem->is_warning)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s", problem->text);
    return AIGW_OK;
}

static aigw_status testhost_bring_up(struct aigw_testhost *th, const char *path, const char *settings,
                                     struct gw_err *reterr)
{
    const struct aigw_plugin *d;
    aigw_status (*open)(const struct aigw_host *, struct aigw_ctx *, void *);
    aigw_status status;

    th->plugin = gw_plugin_load(&th->arena, path, reterr);
    if (!th->plugin)
        return AIGW_E_CONFIG;
    d = &th->plugin->descriptor;
    th->state = calloc(1, d->state_size ? d->state_size : 1);
    if (!th->state)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    th->instance = (struct testhost_ctx){
        .base = { .plugin = th->plugin, .instance = "test", .request_arena = &th->arena, .build_arena = &th->arena },
        .th = th
    };
    status = testhost_fill(th, settings, reterr);
    if (status != AIGW_OK) {
        free(th->state);
        th->state = NULL; /* never opened: must not be closed */
        return status;
    }
    open = d->kind == AIGW_KIND_PROVIDER ? th->plugin->provider.open : th->plugin->feature.open;
    status = open ? open(&testhost_host, &th->instance.base, th->state) : AIGW_OK;
    if (status != AIGW_OK) {
        gw_err_set(reterr, status, "open() answered %d: %s", status, gw_ctx_error(&th->instance.base));
        free(th->state);
        th->state = NULL;
    }
    return status;
}

struct aigw_testhost *aigw_testhost_open(const char *path, const char *settings, char *ret_error, size_t error_size)
{
    struct aigw_testhost *th = calloc(1, sizeof *th);
    struct gw_buf *bufs[] = { th ? &th->events : NULL,  th ? &th->said : NULL,           th ? &th->notes : NULL,
                              th ? &th->body : NULL,    th ? &th->answer_headers : NULL, th ? &th->asked : NULL,
                              th ? &th->resolved : NULL };
    struct gw_err err = { "out of memory" };

    if (!th)
        return NULL;
    gw_arena_init(&th->arena, TESTHOST_ARENA_MAX);
    gw_arena_init(&th->request_arena, TESTHOST_ARENA_MAX);
    gw_arena_init(&th->build_arena, TESTHOST_ARENA_MAX);
    gw_arena_init(&th->setup_arena, TESTHOST_ARENA_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++) {
        gw_buf_init(bufs[i], TESTHOST_TEXT_MAX);
        gw_buf_puts(bufs[i], "");
    }
    th->scopes = "*";
    if (testhost_bring_up(th, path, settings, &err) == AIGW_OK)
        return th;
    if (ret_error)
        snprintf(ret_error, error_size, "%s", err.text);
    else
        fprintf(stderr, "%s: %s\n", path, err.text);
    aigw_testhost_close(th);
    return NULL;
}

void aigw_testhost_close(struct aigw_testhost *th)
{
    struct gw_buf *bufs[] = { th ? &th->events : NULL,  th ? &th->said : NULL,           th ? &th->notes : NULL,
                              th ? &th->body : NULL,    th ? &th->answer_headers : NULL, th ? &th->asked : NULL,
                              th ? &th->resolved : NULL };

    if (!th)
        return;
    testhost_end_call(th);
    if (th->plugin && th->state) {
        void (*close)(void *) =
            th->plugin->descriptor.kind == AIGW_KIND_PROVIDER ? th->plugin->provider.close : th->plugin->feature.close;

        if (close)
            close(th->state);
    }
    free(th->state);
    aigw_testhost_model(th, NULL);
    gw_plugin_unload(th->plugin);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_done(bufs[i]);
    gw_arena_done(&th->setup_arena);
    gw_arena_done(&th->arena);
    free(th);
}

const struct aigw_plugin *aigw_testhost_descriptor(const struct aigw_testhost *th)
{
    return &th->plugin->descriptor;
}

const char *aigw_testhost_error(const struct aigw_testhost *th)
{
    return gw_ctx_error(&th->ctx.base);
}

static const char *text_of(const struct gw_buf *buf)
{
    return buf->data && buf->len > 0 ? buf->data : "";
}

const char *aigw_testhost_notes(const struct aigw_testhost *th)
{
    return text_of(&th->notes);
}

const char *aigw_testhost_events(const struct aigw_testhost *th)
{
    return text_of(&th->events);
}

const char *aigw_testhost_said(const struct aigw_testhost *th)
{
    return text_of(&th->said);
}

const char *aigw_testhost_asked(const struct aigw_testhost *th)
{
    return th->asked.len > 0 ? th->asked.data : NULL;
}

const char *aigw_testhost_resolved(const struct aigw_testhost *th)
{
    return text_of(&th->resolved);
}
