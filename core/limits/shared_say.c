/* shared_say.c - what people are told of the store: a log line when it comes or goes, metrics, /monitoring/ready. */
#include <stdio.h>

#include "base/log.h"
#include "health/metrics.h"
#include "limits/shared_keeper.h"

#define FORGOT_EVERY_MS 60000

static uint32_t seconds_id = GW_METRIC_NONE;

void gw_shared_register(void)
{
    static const double buckets[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25 };

    seconds_id = gw_metric(GW_METRIC_HISTOGRAM, "aigw_shared_seconds",
                           "Time until the store of shared limits answered.", NULL, 0, buckets, GW_ARRAY_LEN(buckets));
}

void gw_shared_observe(int64_t us)
{
    gw_series_observe(gw_series(seconds_id, NULL), (double)us / 1e6);
}

void gw_shared_collect(struct gw_shared *shared, struct gw_buf *out)
{
    if (!shared || !gw_shared_is_on(shared))
        return;
    gw_metrics_put_head(out, "aigw_shared_up", "The store of shared limits answers (1) or not (0).", "gauge");
    gw_buf_printf(out, "aigw_shared_up %d\n", (int)atomic_load(&shared->view.is_up));
    gw_metrics_put_head(out, "aigw_shared_replicas", "Gateways that share limits, when the store was last seen.",
                        "gauge");
    gw_buf_printf(out, "aigw_shared_replicas %u\n", atomic_load(&shared->view.replicas));
    gw_metrics_put_head(
        out, "aigw_shared_alone_total",
        "Calls that a quota counts and that were decided without the store of shared limits: it was down, "
        "or did not answer in time.",
        "counter");
    gw_buf_printf(out, "aigw_shared_alone_total %llu\n", atomic_load(&shared->view.alone));
}

static void begin(struct gw_shared *shared, struct gw_line *line, int level, const char *message)
{
    gw_line_begin(line, level, "limits", message);
    gw_line_cstr(line, "store", shared->said_store);
    gw_line_cstr(line, "mode", shared->options.is_strict ? "strict" : "lease");
}

void gw_shared_say_forgot(struct gw_shared *shared)
{
    const int64_t now_ms = gw_mono_ms();
    struct gw_line line;

    if (shared->forgot_ms != 0 && now_ms - shared->forgot_ms < FORGOT_EVERY_MS)
        return;
    shared->forgot_ms = now_ms;
    begin(shared, &line, GW_LOG_WARNING, "shared.forgot");
    gw_line_cstr(
        &line, "cause",
        "the store has less of a counter than it was told: it was emptied, or it evicts keys for want of memory. "
        "It is told again; windows of an hour or less begin anew");
    gw_line_end(&line);
}

static const char *on_down_text(enum gw_shared_down on_down)
{
    return on_down == GW_SHARED_OPEN ? "open" : on_down == GW_SHARED_CLOSED ? "closed" : "share";
}

void gw_shared_say_up(struct gw_shared *shared)
{
    struct gw_line line;

    begin(shared, &line, GW_LOG_INFO, "shared.up");
    if (shared->was_said_down)
        gw_line_seconds(&line, "down_s", (gw_mono_ms() - shared->said_since_ms) * 1000);
    gw_line_end(&line);
    pthread_mutex_lock(&shared->said_lock);
    shared->said_why[0] = '\0';
    shared->said_since_ms = gw_mono_ms();
    pthread_mutex_unlock(&shared->said_lock);
    shared->was_said_down = false;
}

void gw_shared_say_down(struct gw_shared *shared, const char *why)
{
    struct gw_line line;

    pthread_mutex_lock(&shared->said_lock);
    (void)snprintf(shared->said_why, sizeof shared->said_why, "%s", why);
    if (!shared->was_said_down)
        shared->said_since_ms = gw_mono_ms();
    pthread_mutex_unlock(&shared->said_lock);
    if (shared->was_said_down) /* a state that stays is logged once */
        return;
    shared->was_said_down = true;
    begin(shared, &line, GW_LOG_WARNING, "shared.down");
    gw_line_cstr(&line, "cause", why);
    gw_line_cstr(&line, "on_down", on_down_text(shared->options.on_down));
    gw_line_int(&line, "replicas", atomic_load(&shared->view.replicas));
    gw_line_end(&line);
}

void gw_shared_describe(struct gw_shared *shared, struct gw_buf *json)
{
    if (!shared || !gw_shared_is_on(shared))
        return;
    pthread_mutex_lock(&shared->said_lock);
    gw_buf_puts(json, ",\"shared\":{\"store\":");
    gw_buf_json(json, gw_str(shared->said_store), false);
    gw_buf_printf(json, ",\"mode\":\"%s\",\"up\":%s,\"replicas\":%u,\"on_down\":\"%s\",\"since_s\":%lld",
                  atomic_load(&shared->view.is_strict) ? "strict" : "lease",
                  atomic_load(&shared->view.is_up) ? "true" : "false", atomic_load(&shared->view.replicas),
                  on_down_text((enum gw_shared_down)atomic_load(&shared->view.on_down)),
                  (long long)((gw_mono_ms() - shared->said_since_ms) / 1000));
    if (shared->said_why[0] && !atomic_load(&shared->view.is_up)) {
        gw_buf_puts(json, ",\"cause\":");
        gw_buf_json(json, gw_str(shared->said_why), false);
    }
    gw_buf_puts(json, "}");
    pthread_mutex_unlock(&shared->said_lock);
}
