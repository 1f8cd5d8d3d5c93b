/* gauges.c - what the metrics page reads when it is asked for: the process, its connections, its configuration. */
#include "base/log.h"
#include "health/metrics.h"
#include "health/process.h"
#include "pipeline/request.h"

#ifndef AIGW_VERSION
#define AIGW_VERSION "unversioned"
#endif

static void collect_build(void *user, struct gw_buf *out)
{
    (void)user;
    gw_metrics_put_head(out, "aigw_build_info", "1, with the version of the program.", "gauge");
    gw_buf_puts(out, "aigw_build_info{version=\"" AIGW_VERSION "\"} 1\n");
}

/** The alert on it needs no label: a listener has one certificate. */
static void collect_certificate(void *user, struct gw_buf *out)
{
    struct gw_server *server = user;
    const long long expires_s = atomic_load(&server->cert_expires_s);

    if (!expires_s)
        return;
    gw_metrics_put_head(out, "aigw_cert_not_after_seconds",
                        "When the certificate that clients are shown expires, in seconds since 1970.", "gauge");
    gw_buf_printf(out, "aigw_cert_not_after_seconds %lld\n", expires_s);
}

static void collect_config(void *user, struct gw_buf *out)
{
    struct gw_server *server = user;

    gw_buf_printf(out,
                  "# HELP aigw_config_last_reload_successful 1 unless the last reload was refused.\n"
                  "# TYPE aigw_config_last_reload_successful gauge\naigw_config_last_reload_successful %d\n"
                  "# HELP aigw_config_loaded_timestamp_seconds When the running configuration was read.\n"
                  "# TYPE aigw_config_loaded_timestamp_seconds gauge\naigw_config_loaded_timestamp_seconds %lld\n",
                  !atomic_load(&server->is_reload_bad), (long long)atomic_load(&server->loaded_wall_s));
}

static void collect_open(void *user, struct gw_buf *out)
{
    struct gw_server *server = user;
    unsigned requests = 0, connections = 0, upstream = 0, slow = 0;

    for (uint32_t i = 0; i < server->worker_count; i++) {
        requests += atomic_load(&server->workers[i].open_requests);
        connections += atomic_load(&server->workers[i].open_connections);
        upstream += atomic_load(&server->workers[i].open_upstream);
        slow += atomic_load(&server->workers[i].slow_streams);
    }
    gw_buf_printf(
        out,
        "# HELP aigw_open_requests Requests being served, streams included.\n"
        "# TYPE aigw_open_requests gauge\naigw_open_requests %u\n"
        "# HELP aigw_open_connections Client connections, idle ones included.\n"
        "# TYPE aigw_open_connections gauge\naigw_open_connections %u\n"
        "# HELP aigw_upstream_connections Connections to model servers.\n"
        "# TYPE aigw_upstream_connections gauge\naigw_upstream_connections %u\n"
        "# HELP aigw_stream_clients_slow Streams that wait for their client: it is limits.backlog_high behind.\n"
        "# TYPE aigw_stream_clients_slow gauge\naigw_stream_clients_slow %u\n"
        "# HELP aigw_log_lines_dropped_total Log lines lost because the sink was too slow or full.\n"
        "# TYPE aigw_log_lines_dropped_total counter\naigw_log_lines_dropped_total %llu\n",
        requests, connections, upstream, slow, (unsigned long long)gw_log_dropped());
}

static void collect_lag(void *user, struct gw_buf *out)
{
    static const char name[] = "aigw_loop_lag_seconds";
    struct gw_server *server = user;
    struct gw_lags lag = { .sum_ms = 0 };
    unsigned long long count = 0;

    for (uint32_t i = 0; i < server->worker_count; i++)
        gw_loop_add_lag(server->workers[i].loop, &lag);
    gw_metrics_put_head(out, name, "How long a worker did not look for events, or overslept; each turn of its loop.",
                        "histogram");
    for (uint32_t i = 0; i < GW_LAGS; i++) {
        count += lag.turns[i];
        gw_buf_printf(out, "%s_bucket{le=\"", name);
        if (i < GW_LAGS - 1)
            gw_metrics_put_number(out, gw_lag_bounds_ms[i] / 1e3);
        else
            gw_buf_puts(out, "+Inf");
        gw_buf_printf(out, "\"} %llu\n", count);
    }
    gw_buf_printf(out, "%s_sum %.15g\n%s_count %llu\n", name, (double)lag.sum_ms / 1e3, name, count);
}

static void collect_shared(void *user, struct gw_buf *out)
{
    struct gw_server *server = user;

    gw_shared_collect(server->shared, out);
}

void gw_gauges_register(struct gw_server *server)
{
    gw_metrics_add_collector(collect_build, NULL);
    gw_metrics_add_collector(collect_certificate, server);
    gw_metrics_add_collector(collect_open, server);
    gw_metrics_add_collector(collect_lag, server);
    gw_metrics_add_collector(collect_config, server);
    gw_metrics_add_collector(gw_limits_collect, server);
    gw_metrics_add_collector(gw_shown_collect, server);
    gw_metrics_add_collector(collect_shared, server);
    gw_metrics_add_collector(gw_meters_collect, NULL);
    gw_metrics_add_collector(gw_process_collect, NULL);
}
