/* core.c - the configuration of the core for one plugin: an instance of it, a model, prompts, a router. It is what
 * conf.d would have made, read by the same code. */
#include "internal.h"

#include <pthread.h>
#include <string.h>

#include <json-c/json.h>

#include "models/credential.h"
#include "models/plan.h"
#include "pipeline/offload.h"
#include "prompt/prompt.h"

#define SNAPSHOT_MEMORY_MAX ((size_t)64 << 20)
#define FOREVER_MS          (INT64_C(30) * 24 * 3600 * 1000)

static struct json_object *member(const struct aigw_testhost *th, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(th->model, json_type_object))
        json_object_object_get_ex(th->model, key, &value);
    return value;
}

/* A string as libconfig reads it. */
static void put_string(struct gw_buf *out, const char *text)
{
    gw_buf_puts(out, "\"");
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            gw_buf_puts(out, "\\");
        gw_buf_put(out, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    gw_buf_puts(out, "\"");
}

static void put_member(struct gw_buf *out, const char *key, struct json_object *value, const char *otherwise)
{
    gw_buf_printf(out, "%s = ", key);
    put_string(out, value ? json_object_get_string(value) : otherwise);
    gw_buf_puts(out, "; ");
}

/* models and families as conf.d says them, from what the test said about the model. */
static void write_model(const struct aigw_testhost *th, struct gw_buf *out)
{
    struct json_object *families = member(th, "families");
    size_t count = json_object_is_type(families, json_type_array) ? json_object_array_length(families) : 0;

    gw_buf_puts(out, "families: { test: { chain = (");
    for (size_t i = 0; i < count; i++) {
        gw_buf_puts(out, i > 0 ? ", " : " ");
        put_string(out, json_object_get_string(json_object_array_get_idx(families, i)));
    }
    gw_buf_printf(out, " ); unescape_underscores = %s; }; };\n",
                  json_object_get_boolean(member(th, "unescape")) ? "true" : "false");
    gw_buf_puts(out, "models: { test: { family = \"test\"; retries = 0; ");
    put_member(out, "report_name", member(th, "name"), "test-model");
    put_member(out, "report_engine", member(th, "engine"), "test");
    gw_buf_printf(out,
                  "max_context_tokens = %lld; targets = ( { provider = \"%s\"; model = \"test-model\"; "
                  "raw_completion = %s; } ); }; };\n",
                  (long long)json_object_get_int64(member(th, "max_context_tokens")),
                  th->plugin.descriptor.kind == AIGW_KIND_PROVIDER ? "test" : "script",
                  json_object_get_boolean(member(th, "raw_completion")) ? "true" : "false");
}

/* What a test wants of the core's own settings, whatever conf.d says. */
static void adapt_settings(struct aigw_testhost *th)
{
    struct gw_settings *settings = &th->snapshot.settings;

    settings->log.request_logging |= th->is_verbose;
    settings->models.disable_streaming |= json_object_get_boolean(member(th, "stream_off"));
    if (th->plugin.descriptor.kind == AIGW_KIND_PROVIDER)
        settings->limits.request_ms = settings->upstream.total_ms = FOREVER_MS;
}

static void link_instances(struct aigw_testhost *th)
{
    bool is_provider = th->plugin.descriptor.kind == AIGW_KIND_PROVIDER;

    th->instance.next = th->script_instance.next = NULL;
    th->instance.model = !is_provider && gw_node_get(th->snapshot.conf, "models.test") ? "test" : NULL;
    if (is_provider)
        th->instance.next = &th->script_instance;
    th->plugins = (struct gw_plugins){ .providers = is_provider ? &th->instance : &th->script_instance,
                                       .features = is_provider ? NULL : &th->instance };
}

static void build(struct aigw_testhost *th, struct gw_problems *problems)
{
    struct gw_snapshot *snapshot = &th->snapshot;
    static const char *const no_environment[] = { NULL };
    const char *dirs[] = { th->prompt_dir, testhost_write_prompts(th) }; /* the later one wins */
    size_t first = dirs[0] ? 0 : 1, last = dirs[1] ? 2 : 1;
    struct gw_buf text;

    gw_buf_init(&text, (size_t)1 << 20);
    if (th->conf)
        gw_buf_puts(&text, th->conf);
    else
        write_model(th, &text);
    snapshot->conf = gw_conf_parse(&snapshot->arena, text.data ? text.data : "", "the test's conf", problems);
    gw_buf_done(&text);
    gw_settings_load(&snapshot->arena, snapshot->conf, no_environment, NULL, &snapshot->settings, problems);
    adapt_settings(th);
    link_instances(th);
    snapshot->plugins = &th->plugins;
    snapshot->models = gw_models_build(&snapshot->arena, snapshot->conf, &snapshot->settings, &th->plugins, problems);
    snapshot->prompts = gw_prompts_load(&snapshot->arena, dirs + first, first < last ? last - first : 0, problems);
    snapshot->router = gw_router_build(&snapshot->arena, &th->plugins, problems);
}

static struct gw_server nobody; /* whose gauges the metrics page would show */

static void register_metrics(void)
{
    gw_access_register(&nobody);
}

bool testhost_configure(struct aigw_testhost *th)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct gw_problems problems;

    gw_seats_reset();
    if (th->is_configured)
        return true;
    pthread_once(&once, register_metrics);
    testhost_free_configuration(th);
    gw_arena_init(&th->snapshot.arena, SNAPSHOT_MEMORY_MAX);
    atomic_init(&th->snapshot.refs, 1); /* ours: it is never the last */
    gw_problems_init(&problems, &th->snapshot.arena);
    build(th, &problems);
    for (const struct gw_problem *problem = problems.first; problem; problem = problem->next)
        if (!problem->is_warning) {
            th->error = testhost_keep_answer(th, problem->text);
            return false;
        }
    if (th->plugin.descriptor.kind == AIGW_KIND_FEATURE && !th->server.offload)
        th->server.offload = gw_offload_new(NULL);
    th->server.auth = (struct gw_auth *)(void *)th; /* as edge_auth.c knows it */
    th->snapshot.api_keys = (struct gw_api_keys *)(void *)th;
    th->worker = (struct gw_worker){ .server = &th->server,
                                     .loop = th->loop,
                                     .upstream = (struct gw_upstream *)(void *)th,
                                     .auth = (struct gw_auth_worker *)(void *)th,
                                     .snapshot = &th->snapshot };
    th->worker.handler = gw_request_handler(&th->worker);
    th->is_configured = th->snapshot.models && th->snapshot.router;
    return th->is_configured;
}

void testhost_reconfigure(struct aigw_testhost *th)
{
    th->is_configured = false;
}

void testhost_free_configuration(struct aigw_testhost *th)
{
    gw_arena_done(&th->snapshot.arena);
    th->snapshot.models = NULL;
    th->snapshot.router = NULL;
    th->snapshot.prompts = NULL;
    th->is_configured = false;
    testhost_remove_prompts(th);
}
