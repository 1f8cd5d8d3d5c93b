/* limits.c - metrics.model_limits: {engine: {model: {concurrency, input_tokens, output_tokens, total_tokens}}} as
 * gauges. They tell dashboards where a vendor's limits are; nothing is enforced (auth-and-config.md §2.5). And the
 * gauges of the configuration in use: its targets, how much of its quotas is used, its plugins, its API keys. */
#include <json-c/json.h>

#include "auth/api_keys.h"
#include "health/metrics.h"
#include "pipeline/request.h"
#include "plugin/plugin.h"

#define PAGE_MAX (256u << 10)

static const struct {
    const char *key, *metric, *help;
} gauges[] = {
    { "concurrency", "model_inferences_max_concurrent", "Concurrent calls the operator says a model allows." },
    { "input_tokens", "model_max_input_tokens", "Input tokens a minute the operator says a model allows." },
    { "output_tokens", "model_max_output_tokens", "Output tokens a minute the operator says a model allows." },
    { "total_tokens", "model_max_total_tokens", "Tokens a minute the operator says a model allows." },
};

/* A label value: what would break the page's line is escaped like a JSON string, which Prometheus reads alike. */
static void put_sample(struct gw_buf *out, const char *metric, const char *engine, const char *model, double value)
{
    gw_buf_printf(out, "%s{model_engine=", metric);
    gw_buf_json(out, gw_str(engine), false);
    gw_buf_puts(out, ",model_name=");
    gw_buf_json(out, gw_str(model), false);
    gw_buf_printf(out, "} %.15g\n", value);
}

static void put_gauge(struct gw_buf *out, struct json_object *engines, size_t index)
{
    struct json_object *value;
    bool did_head = false;

    json_object_object_foreach(engines, engine, models)
    {
        if (!json_object_is_type(models, json_type_object))
            continue;
        json_object_object_foreach(models, model, limits)
        {
            if (!json_object_object_get_ex(limits, gauges[index].key, &value))
                continue;
            if (!did_head)
                gw_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", gauges[index].metric, gauges[index].help,
                              gauges[index].metric);
            did_head = true;
            put_sample(out, gauges[index].metric, engine, model, json_object_get_double(value));
        }
    }
}

void gw_limits_show(struct gw_server *server, struct gw_snapshot *snapshot)
{
    const char *limits_json = snapshot->settings.metrics.model_limits;
    struct json_object *engines = limits_json ? json_tokener_parse(limits_json) : NULL;
    struct gw_snapshot *old;
    struct gw_buf page;

    gw_buf_init(&page, PAGE_MAX);
    for (size_t i = 0; i < GW_ARRAY_LEN(gauges) && json_object_is_type(engines, json_type_object); i++)
        put_gauge(&page, engines, i);
    json_object_put(engines);
    pthread_mutex_lock(&server->limits_lock);
    gw_buf_done(&server->limits_page);
    server->limits_page = page;
    old = server->shown;
    server->shown = gw_snapshot_ref(snapshot);
    pthread_mutex_unlock(&server->limits_lock);
    if (old)
        gw_snapshot_unref(old);
}

void gw_limits_collect(void *server, struct gw_buf *out)
{
    struct gw_server *s = server;

    pthread_mutex_lock(&s->limits_lock);
    gw_buf_put_str(out, gw_buf_str(&s->limits_page));
    pthread_mutex_unlock(&s->limits_lock);
}

/** Nothing is shown when no key has an end. */
static void put_key_end(const struct gw_api_keys *keys, int64_t wall_s, struct gw_buf *out)
{
    const int64_t end_s = gw_api_keys_next_end(keys, wall_s);

    if (end_s == INT64_MAX)
        return;
    gw_metrics_put_head(out, "aigw_key_not_after_seconds",
                        "When the next API key of this gateway ends, in seconds since 1970.", "gauge");
    gw_buf_printf(out, "aigw_key_not_after_seconds %lld\n", (long long)end_s);
}

void gw_shown_collect(void *server, struct gw_buf *out)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    struct gw_server *s = server;
    struct gw_snapshot *snapshot;

    pthread_mutex_lock(&s->limits_lock);
    snapshot = s->shown ? gw_snapshot_ref(s->shown) : NULL;
    pthread_mutex_unlock(&s->limits_lock);
    if (!snapshot)
        return;
    gw_models_put_gauges(snapshot->models, &snapshot->settings, out);
    gw_quotas_collect(snapshot->quotas, s->limits, &now, out);
    gw_plugins_collect(snapshot->plugins, out);
    put_key_end(snapshot->api_keys, now.wall_s, out);
    gw_snapshot_unref(snapshot);
}
