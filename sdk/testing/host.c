/* host.c - the test host itself: load, open, close, and the part of the host table that needs no request. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "config/node.h"

#define TESTHOST_ARENA_MAX ((size_t)256 << 20)
#define TESTHOST_TEXT_MAX  ((size_t)64 << 20)

struct aigw_testhost *testhost_of(struct aigw_ctx *ctx)
{
    return ((struct testhost_ctx *)(void *)ctx)->th;
}

bool testhost_is(struct aigw_ctx *ctx, uint32_t kinds, const char *function)
{
    struct testhost_ctx *own = (struct testhost_ctx *)(void *)ctx;
    static const char *const names[] = { "", "an instance", "a request", "", "a call" };

    if (own->kind & kinds)
        return true;
    testhost_fault(own->th, "%s() does not work with the ctx of %s", function, names[own->kind]);
    return false;
}

void testhost_fault(struct aigw_testhost *th, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(&th->faults, fmt, args);
    va_end(args);
    gw_buf_puts(&th->faults, "\n");
}

static size_t size_of(struct aigw_testhost *th, const char *what, const void *theirs, size_t ours)
{
    uint32_t size = *(const uint32_t *)theirs;

    if (size >= 2 * sizeof size && size <= ours + TESTHOST_GROWTH_MAX)
        return size < ours ? size : ours;
    testhost_fault(th, "%s: struct_size is %u, expected %zu: set it to sizeof the struct", what, size, ours);
    return 0;
}

void testhost_copy_out(struct aigw_testhost *th, const char *what, void *to, const void *from, size_t size)
{
    uint32_t theirs = *(const uint32_t *)to;
    size_t len = size_of(th, what, to, size);

    if (len == 0)
        return;
    memcpy(to, from, len);
    *(uint32_t *)to = theirs;
}

void testhost_copy_in(struct aigw_testhost *th, const char *what, void *to, const void *from, size_t size)
{
    memset(to, 0, size);
    memcpy(to, from, size_of(th, what, from, size));
    *(uint32_t *)to = (uint32_t)size;
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

/* What the headers say about the order of events. */
static void check_order(struct aigw_testhost *th, const struct aigw_event *event)
{
    uint32_t choice = event->choice, bit = 1u << choice;

    if (event->type == AIGW_EVENT_FINISH && (th->finished & bit))
        testhost_fault(th, "FINISH was emitted twice for choice %u", choice);
    if (event->type == AIGW_EVENT_FINISH)
        th->finished |= bit;
    if (event->type != AIGW_EVENT_TOOL_CALL)
        return;
    if (event->index > th->tools[choice])
        testhost_fault(th, "TOOL_CALL has index %u, expected at most %u: indexes are gap-free from 0", event->index,
                       th->tools[choice]);
    else if (event->index < th->tools[choice] && (event->id.len > 0 || event->name.len > 0))
        testhost_fault(th, "TOOL_CALL %u: id and name belong to its first piece only", event->index);
    if (event->index >= th->tools[choice])
        th->tools[choice] = event->index + 1;
}

static aigw_status take_event(struct aigw_testhost *th, const struct aigw_event *given)
{
    struct aigw_event event;
    struct aigw_usage usage;
    struct aigw_error error;

    if (th->is_over || th->emit_left == 0)
        return AIGW_E_CLOSED;
    th->emit_left--;
    testhost_copy_in(th, "event", &event, given, sizeof event);
    if (event.usage) {
        testhost_copy_in(th, "usage of an event", &usage, event.usage, sizeof usage);
        event.usage = &usage;
    }
    if (event.error) {
        testhost_copy_in(th, "error of an event", &error, event.error, sizeof error);
        event.error = &error;
    }
    if (event.choice >= TESTHOST_CHOICES) {
        testhost_fault(th, "an event has choice %u; the test host knows %d", event.choice, TESTHOST_CHOICES);
        return AIGW_E_LIMIT;
    }
    check_order(th, &event);
    testhost_write_event(&th->events, &event);
    if (event.type == AIGW_EVENT_TEXT)
        gw_buf_put_str(&th->said, event.text);
    if (event.type == AIGW_EVENT_ERROR)
        th->is_over = true; /* it ends the call: the plugin is told to clean up */
    return th->is_over ? AIGW_E_CLOSED : AIGW_OK;
}

static aigw_status testhost_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (!testhost_is(ctx, TESTHOST_CALL, "emit"))
        return AIGW_E_STATE;
    if (!th->may_emit) {
        testhost_fault(th, "emit() works inside frame(), done() and produce() only");
        return AIGW_E_STATE;
    }
    if (th->emit_status != AIGW_OK)
        testhost_fault(th, "emit() was called again after it had answered %d: return that at once", th->emit_status);
    th->emit_status = take_event(th, event);
    return th->emit_status;
}

static aigw_str testhost_answer_header(struct aigw_ctx *ctx, const char *name)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (!testhost_is(ctx, TESTHOST_CALL, "answer_header") || !th->has_headers)
        return AIGW_STR_NONE;
    return testhost_line_value(th->server_headers, name, ':');
}

static int64_t testhost_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return 1700000000; /* every run sees the same answers */
}

static int64_t testhost_mono_ms(struct aigw_ctx *ctx)
{
    return testhost_of(ctx)->now_ms;
}

/* The same bytes in every run. */
static aigw_status testhost_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    if (len > 4096)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "random() gives at most 4096 bytes, not %zu", len);
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)ret_bytes)[i] = (unsigned char)(i * 37 + 11);
    return AIGW_OK;
}

static aigw_status testhost_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32])
{
    (void)ctx;
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.ptr, bytes.len, ret_digest) == 0 ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status testhost_hmac_sha256(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32])
{
    (void)ctx;
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.ptr, key.len, bytes.ptr, bytes.len, ret_digest) == 0 ? AIGW_OK
                                                                                                        : AIGW_E_NOMEM;
}

static aigw_str testhost_request_id(struct aigw_ctx *ctx)
{
    return gw_str(ctx->request_id);
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
    .answer_header = testhost_answer_header,
    .credential = testhost_credential,
    .request_id = testhost_request_id,
    .mono_ms = testhost_mono_ms,
    .random = testhost_random,
    .sha256 = testhost_sha256,
    .hmac_sha256 = testhost_hmac_sha256,
    .go_on = testhost_go_on,
    .timer_set = testhost_timer_set,
    .timer_clear = testhost_timer_clear,
    .offload = testhost_offload,
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
    testhost_drop_jobs(th);
    if (th->is_framing)
        gw_framer_done(&th->framer);
    th->is_framing = false;
    gw_arena_done(&th->call_arena);
    gw_arena_done(&th->build_arena);
    gw_arena_done(&th->request_arena);
    free(th->call);
    th->call = NULL;
    th->calls = NULL;
    th->timers = NULL;
    th->is_active = false;
}

bool testhost_begin(struct aigw_testhost *th, uint32_t kind, size_t call_size)
{
    struct gw_buf *bufs[] = { &th->events, &th->said,           &th->notes, &th->faults,
                              &th->body,   &th->answer_headers, &th->asked, &th->resolved };

    testhost_end_call(th);
    th->call = call_size > 0 ? calloc(1, call_size) : NULL; /* of its exact size, for AddressSanitizer */
    if (call_size > 0 && !th->call)
        return false;
    th->ctx = (struct testhost_ctx){ .base = { .plugin = th->plugin,
                                               .instance = "test",
                                               .request_arena = &th->request_arena,
                                               .build_arena = &th->build_arena,
                                               .request_id = "test-request" },
                                     .th = th,
                                     .kind = kind };
    th->http = (struct aigw_http_request){ .struct_size = sizeof th->http, .framing = AIGW_FRAMING_BODY };
    th->is_active = true;
    th->is_over = th->may_emit = th->may_ask = th->has_headers = th->did_go_on = false;
    th->finished = 0;
    memset(th->tools, 0, sizeof th->tools);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_clear(bufs[i]);
    th->answer = (struct aigw_testhost_answer){ .state = AIGW_ANSWER_NONE };
    return true;
}

/* ---- open and close ---- */

/* Everything that is begun and ended with the host, but `arena`, which holds the plugin. */
static const size_t arenas[] = {
    offsetof(struct aigw_testhost, instance_arena), offsetof(struct aigw_testhost, request_arena),
    offsetof(struct aigw_testhost, build_arena),    offsetof(struct aigw_testhost, call_arena),
    offsetof(struct aigw_testhost, setup_arena),
};
static const size_t bufs[] = {
    offsetof(struct aigw_testhost, events), offsetof(struct aigw_testhost, said),
    offsetof(struct aigw_testhost, notes),  offsetof(struct aigw_testhost, faults),
    offsetof(struct aigw_testhost, body),   offsetof(struct aigw_testhost, answer_headers),
    offsetof(struct aigw_testhost, asked),  offsetof(struct aigw_testhost, resolved),
};

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
    th->instance = (struct testhost_ctx){ .base = { .plugin = th->plugin,
                                                    .instance = "test",
                                                    .request_arena = &th->instance_arena,
                                                    .build_arena = &th->instance_arena },
                                          .th = th,
                                          .kind = TESTHOST_INSTANCE };
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
    struct gw_err err = { "out of memory" };

    if (!th)
        return NULL;
    gw_arena_init(&th->arena, TESTHOST_ARENA_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(arenas); i++)
        gw_arena_init((void *)((char *)th + arenas[i]), TESTHOST_ARENA_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_init((void *)((char *)th + bufs[i]), TESTHOST_TEXT_MAX);
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
    for (size_t i = 0; i < GW_ARRAY_LEN(arenas); i++)
        gw_arena_done((void *)((char *)th + arenas[i]));
    gw_plugin_unload(th->plugin);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_done((void *)((char *)th + bufs[i]));
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

const char *aigw_testhost_faults(const struct aigw_testhost *th)
{
    return text_of(&th->faults);
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
    const char *last = th->asked.len > 0 ? strrchr(th->asked.data, '\n') : NULL;

    return last ? last + 1 : th->asked.len > 0 ? th->asked.data : NULL;
}

const char *aigw_testhost_asked_at(const struct aigw_testhost *th, uint32_t n)
{
    aigw_str rest = gw_buf_str(&th->asked), line;

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (n-- == 0)
            return gw_arena_strndup(&((struct aigw_testhost *)(uintptr_t)th)->request_arena, line.ptr, line.len);
    }
    return NULL;
}

const char *aigw_testhost_resolved(const struct aigw_testhost *th)
{
    return text_of(&th->resolved);
}
