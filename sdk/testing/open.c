/* open.c - load a plugin, open one instance, close it; and the texts that a test reads afterwards. */
#include "internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/log.h"
#include "config/node.h"
#include "models/credential.h"
#include "pipeline/offload.h"

#define TESTHOST_ARENA_MAX ((size_t)256 << 20)
#define TESTHOST_TEXT_MAX  ((size_t)64 << 20)

/* Everything that is begun and ended with the host, but `arena`, which holds the plugin. */
static const size_t arenas[] = {
    offsetof(struct aigw_testhost, call_arena),
    offsetof(struct aigw_testhost, sent_arena),
    offsetof(struct aigw_testhost, instance_arena),
    offsetof(struct aigw_testhost, setup_arena),
};
static const size_t bufs[] = {
    offsetof(struct aigw_testhost, events), offsetof(struct aigw_testhost, said),
    offsetof(struct aigw_testhost, notes),  offsetof(struct aigw_testhost, faults),
    offsetof(struct aigw_testhost, body),   offsetof(struct aigw_testhost, answer_headers),
    offsetof(struct aigw_testhost, asked),  offsetof(struct aigw_testhost, resolved),
};

static void *at(struct aigw_testhost *th, size_t offset)
{
    return (char *)th + offset;
}

char *testhost_exact_copy(aigw_str text)
{
    char *copy = malloc(text.len);

    if (!copy)
        abort();
    return memcpy(copy, text.ptr, text.len);
}

void testhost_free_copy(char *copy)
{
    free(copy);
}

void testhost_clear(struct aigw_testhost *th)
{
    testhost_end_call(th);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_clear(at(th, bufs[i]));
    gw_arena_done(&th->sent_arena);
    th->error = "";
    th->status = AIGW_OK;
    th->http = (struct aigw_http_request){ .struct_size = sizeof th->http, .framing = AIGW_FRAMING_BODY };
    th->answer = (struct aigw_testhost_answer){ .state = AIGW_ANSWER_NONE, .body = "", .headers = "" };
    th->fetching = NULL;
    th->did_describe = th->is_over = th->may_emit = false;
    th->callback = th->emit_status = AIGW_OK;
    th->emit_left = th->emit_max > 0 ? th->emit_max : UINT32_MAX;
    th->finished = 0;
    memset(th->tools, 0, sizeof th->tools);
}

/* ---- open ---- */

/* All that is wrong, as an operator is told it: a test looks for one of them. */
static aigw_status all_problems(struct aigw_testhost *th, const struct gw_problems *problems, struct gw_err *reterr)
{
    aigw_status status = AIGW_OK;
    const char *text = "";

    for (const struct gw_problem *problem = problems->first; problem; problem = problem->next) {
        if (problem->is_warning)
            continue;
        text = gw_arena_printf(&th->arena, "%s%s%s", text ? text : "", text && *text ? "\n" : "", problem->text);
        status = gw_err_set(reterr, AIGW_E_CONFIG, "%s", text ? text : problem->text);
    }
    return status;
}

static aigw_status fill_settings(struct aigw_testhost *th, const char *settings, struct gw_err *reterr)
{
    static const char *const provider_keys[] = { "plugin", "enabled", NULL };
    static const char *const feature_keys[] = { "plugin", "enabled", "model", NULL };
    const struct aigw_plugin *d = &th->plugin.descriptor;
    struct gw_problems problems;
    struct gw_node *root;

    gw_problems_init(&problems, &th->arena);
    root = gw_conf_parse(&th->arena, settings ? settings : "", "settings", &problems);
    gw_settings_fill(&th->arena, root, "settings", d->settings, d->setting_count, d->setting_size,
                     d->kind == AIGW_KIND_FEATURE ? feature_keys : provider_keys, th->state, &problems);
    return all_problems(th, &problems, reterr);
}

/* The instance as conf.d would make it. */
static void make_instances(struct aigw_testhost *th)
{
    th->instance_ctx = (struct aigw_ctx){ .plugin = &th->plugin,
                                          .instance = "test",
                                          .meter = &th->meter,
                                          .request_arena = &th->instance_arena,
                                          .build_arena = &th->instance_arena };
    th->meter.kind = th->plugin.descriptor.kind;
    th->meter.plugin = th->plugin.descriptor.name;
    th->meter.instance = "test";
    th->instance = (struct gw_instance){ .name = "test",
                                         .meter = &th->meter,
                                         .plugin = &th->plugin,
                                         .state = th->state,
                                         .ctx = &th->instance_ctx,
                                         .settings_hash = (uint64_t)(uintptr_t)th,
                                         .is_open = true };
    th->script_instance = (struct gw_instance){
        .name = "script",
        .plugin = &th->script,
        .state = gw_arena_calloc(&th->arena, sizeof th),
        .ctx = gw_ctx_new_instance(&th->arena, &th->script, "script"),
        .is_open = true,
    };
    *(struct aigw_testhost **)th->script_instance.state = th;
}

static aigw_status bring_up(struct aigw_testhost *th, const char *path, struct gw_plugin *loaded, const char *settings,
                            struct gw_err *reterr)
{
    aigw_status (*open)(const struct aigw_host *, struct aigw_ctx *, void *);
    struct gw_visit visit;
    aigw_status status;

    th->loop = gw_loop_new(reterr);
    th->is_borrowed = loaded;
    th->loaded = loaded ? loaded : gw_plugin_load(&th->arena, path, NULL, reterr);
    if (!th->loop || !th->loaded ||
        gw_plugin_check(&th->arena, &testhost_script, "script", &th->script, reterr) != AIGW_OK)
        return AIGW_E_CONFIG;
    testhost_watch(th);
    testhost_make_host(th);
    /* Of its exact size, for AddressSanitizer. */
    th->state = calloc(1, th->plugin.descriptor.state_size ? th->plugin.descriptor.state_size : 1);
    if (!th->state)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    make_instances(th);
    status = fill_settings(th, settings, reterr);
    if (status == AIGW_OK) {
        open = th->plugin.descriptor.kind == AIGW_KIND_PROVIDER ? th->plugin.provider.open : th->plugin.feature.open;
        gw_visit_begin(&visit, &th->meter, &th->instance_ctx, GW_CALLBACK_OPEN);
        status = open ? open(&th->host, &th->instance_ctx, th->state) : AIGW_OK;
        gw_visit_end(&visit);
        if (status != AIGW_OK)
            gw_err_set(reterr, status, "open() answered %d: %s", status, gw_ctx_error(&th->instance_ctx));
        else if (th->faults.len > 0)
            status = gw_err_set(reterr, AIGW_E_STATE, "in open(): %s", th->faults.data);
    }
    if (status != AIGW_OK) {
        free(th->state);
        th->state = NULL; /* never opened: must not be closed */
    }
    return status;
}

/* What the core finds in an instance is a finding like our own, unless we have just said it in our words. */
static void hear(struct gw_meter *meter, const char *cause)
{
    struct aigw_testhost *th = meter ? GW_CONTAINER_OF(meter, struct aigw_testhost, meter) : NULL;
    unsigned serial;

    testhost_running(&serial);
    if (th && (th->faults.len == 0 || th->fault_serial != serial))
        testhost_fault(th, "%s", cause);
}

/* The core's own log lines are for operators: what a test looks at is the notes. The level outlives the log. */
static void silence_core(void)
{
    const struct gw_log_options options = { .level = GW_LOG_CRITICAL + 1 };

    if (gw_log_start(&options, NULL) == AIGW_OK)
        gw_log_stop();
}

static struct aigw_testhost *open_host(const char *path, struct gw_plugin *loaded, const char *settings,
                                       char *ret_error, size_t error_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct aigw_testhost *th = calloc(1, sizeof *th);
    struct gw_err err = { "out of memory" };

    if (!th)
        return NULL;
    pthread_once(&once, silence_core);
    gw_breach_heard = hear;
    gw_arena_init(&th->arena, TESTHOST_ARENA_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(arenas); i++)
        gw_arena_init(at(th, arenas[i]), TESTHOST_ARENA_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_init(at(th, bufs[i]), TESTHOST_TEXT_MAX);
    th->scopes = "*";
    testhost_clear(th);
    if (bring_up(th, path, loaded, settings, &err) == AIGW_OK)
        return th;
    if (ret_error)
        snprintf(ret_error, error_size, "%s", err.text);
    else
        fprintf(stderr, "%s: %s\n", path, err.text);
    aigw_testhost_close(th);
    return NULL;
}

struct aigw_testhost *aigw_testhost_open(const char *path, const char *settings, char *ret_error, size_t error_size)
{
    return open_host(path, NULL, settings, ret_error, error_size);
}

struct aigw_testhost *testhost_open_loaded(struct gw_plugin *loaded, const char *settings, char *ret_error,
                                           size_t error_size)
{
    return open_host(loaded->path, loaded, settings, ret_error, error_size);
}

void aigw_testhost_close(struct aigw_testhost *th)
{
    if (!th)
        return;
    if (th->server.offload)
        gw_offload_stop(th->server.offload);
    testhost_clear(th);
    gw_offload_free(th->server.offload);
    testhost_free_configuration(th);
    if (th->loop)
        gw_credentials_leave(th->loop);
    gw_credentials_free();
    if (th->state) {
        void (*close)(void *) =
            th->plugin.descriptor.kind == AIGW_KIND_PROVIDER ? th->plugin.provider.close : th->plugin.feature.close;

        if (close)
            close(th->state);
    }
    free(th->state);
    json_object_put(th->model);
    for (size_t i = 0; i < GW_ARRAY_LEN(arenas); i++)
        gw_arena_done(at(th, arenas[i]));
    if (!th->is_borrowed)
        gw_plugin_unload(th->loaded);
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++)
        gw_buf_done(at(th, bufs[i]));
    gw_arena_done(&th->arena);
    gw_loop_free(th->loop);
    gw_visits_pay(); /* to its meter */
    gw_meter_done(&th->meter);
    free(th);
}

/* ---- what a test reads ---- */

const struct aigw_plugin *aigw_testhost_descriptor(const struct aigw_testhost *th)
{
    return &th->plugin.descriptor;
}

const char *aigw_testhost_error(const struct aigw_testhost *th)
{
    return th->error ? th->error : "";
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

const char *aigw_testhost_resolved(const struct aigw_testhost *th)
{
    return text_of(&th->resolved);
}

const char *aigw_testhost_asked(const struct aigw_testhost *th)
{
    const char *last = th->asked.len > 0 ? strrchr(th->asked.data, '\n') : NULL;

    return last ? last + 1 : th->asked.len > 0 ? th->asked.data : NULL;
}

const char *aigw_testhost_asked_at(struct aigw_testhost *th, uint32_t n)
{
    aigw_str rest = gw_buf_str(&th->asked), line;

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (n-- == 0)
            return gw_arena_strndup(&th->sent_arena, line.ptr, line.len);
    }
    return NULL;
}
