/* metrics.c - per-provider results. */
#include "health/metrics.h"
#include "models/call.h"

/* Written once before the workers start. */
static uint32_t attempts_id, rate_limit_id, rate_remaining_id, retries_id, rests_id, resting_id, wait_id, trips_id,
    fallbacks_id, first_id, interval_id, health_id, hedges_id;

void gw_models_register_metrics(void)
{
    static const char
        *const labels[] = { "provider", "result" },
               *const rates[] = { "provider", "unit" }, *const results[] = { "model", "result" },
               *const falls[] = { "model", "from", "to", "reason" }, *const trips[] = { "model", "provider", "reason" },
               *const places[] = { "model", "provider" }, *const rests[] = { "provider", "model", "cause" };

    static const double wait_buckets[] = { 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5 };
    static const double first_buckets[] = { 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60, 120 };
    static const double interval_buckets[] = {
        0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5
    };

    attempts_id = gw_metric(GW_METRIC_COUNTER, "aigw_upstream_attempts_total",
                            "Attempts to call a model, by provider instance and result.", labels, 2, NULL, 0);
    rate_limit_id = gw_metric(GW_METRIC_LEVEL, "aigw_model_rate_limit",
                              "What the model server allows in a window, as its last answer said.", rates, 2, NULL, 0);
    rate_remaining_id = gw_metric(GW_METRIC_LEVEL, "aigw_model_rate_remaining",
                                  "What is left of it, as its last answer said.", rates, 2, NULL, 0);
    retries_id =
        gw_metric(GW_METRIC_COUNTER, "aigw_retries_total",
                  "Further attempts at the same target that were wanted, by result: granted, over_budget, no_time.",
                  results, 2, NULL, 0);
    rests_id = gw_metric(GW_METRIC_COUNTER, "aigw_target_rests_total", "Rests of configured targets that began.", rests,
                         3, NULL, 0);
    resting_id = gw_metric(GW_METRIC_LEVEL, "aigw_target_resting",
                           "1 while a configured target rests or is being probed.", rests, 2, NULL, 0);
    trips_id =
        gw_metric(GW_METRIC_COUNTER, "aigw_circuit_trips_total",
                  "Rests of targets that began, by the model of conf.d in whose call they did.", trips, 3, NULL, 0);
    fallbacks_id = gw_metric(GW_METRIC_COUNTER, "aigw_fallbacks_total",
                             "Attempts that went to another target because the first one failed, rests or is full.",
                             falls, 4, NULL, 0);
    first_id = gw_metric(GW_METRIC_HISTOGRAM, "aigw_first_token_seconds",
                         "Of streams: from the call's dispatch to the model's first content.", places, 2, first_buckets,
                         GW_ARRAY_LEN(first_buckets));
    interval_id = gw_metric(GW_METRIC_HISTOGRAM, "aigw_token_interval_seconds",
                            "Of streams: the mean time between two pieces of content, one sample a stream.", places, 2,
                            interval_buckets, GW_ARRAY_LEN(interval_buckets));
    hedges_id = gw_metric(GW_METRIC_COUNTER, "aigw_hedges_total",
                          "Streams of which a second provider was to be asked: won and lost by it, failed, "
                          "over_budget, nowhere.",
                          results, 2, NULL, 0);
    health_id =
        gw_metric(GW_METRIC_COUNTER, "aigw_health_probes_total",
                  "GETs of the health addresses of providers whose targets rest: well, ill, odd.", labels, 2, NULL, 0);
    wait_id = gw_metric(GW_METRIC_HISTOGRAM, "aigw_queue_wait_seconds",
                        "Time that calls waited for a place at a provider with max_parallel.", labels, 1, wait_buckets,
                        GW_ARRAY_LEN(wait_buckets));
}

void gw_models_note_wait(const char *place, int64_t waited_ms)
{
    gw_series_observe(gw_series(wait_id, (aigw_str[]){ gw_str(place) }), (double)waited_ms / 1000);
}

void gw_models_count_attempt(const char *provider, const char *result)
{
    gw_series_add(gw_series(attempts_id, (aigw_str[]){ gw_str(provider), gw_str(result) }), 1);
}

void gw_models_count_retry(aigw_str model, const char *result)
{
    gw_series_add(gw_series(retries_id, (aigw_str[]){ model, gw_str(result) }), 1);
}

void gw_models_count_fallback(aigw_str model, const char *from, const char *to, const char *reason)
{
    gw_series_add(gw_series(fallbacks_id, (aigw_str[]){ model, gw_str(from), gw_str(to), gw_str(reason) }), 1);
}

void gw_models_count_hedge(aigw_str model, const char *result)
{
    gw_series_add(gw_series(hedges_id, (aigw_str[]){ model, gw_str(result) }), 1);
}

void gw_models_count_health(const char *provider, const char *result)
{
    gw_series_add(gw_series(health_id, (aigw_str[]){ gw_str(provider), gw_str(result) }), 1);
}

struct gw_series *gw_models_note_first(aigw_str model, const char *provider, int64_t waited_ms)
{
    struct gw_series *series = gw_series(first_id, (aigw_str[]){ model, gw_str(provider) });

    gw_series_observe(series, (double)waited_ms / 1000);
    return series;
}

void gw_models_note_interval(struct gw_series *first, double seconds)
{
    gw_series_observe(gw_series_alike(first, interval_id), seconds);
}

void gw_models_note_rest(aigw_str model, const struct gw_target *target, const char *cause)
{
    aigw_str labels[] = { gw_str(target->provider->name), target->model, gw_str(cause) };

    if (cause)
        gw_series_add(gw_series(trips_id, (aigw_str[]){ model, labels[0], labels[2] }), 1);
    if (target->is_adhoc)
        return; /* callers' names are no labels */
    gw_series_set(gw_series(resting_id, labels), cause != NULL);
    if (cause)
        gw_series_add(gw_series(rests_id, labels), 1);
}

void gw_models_set_rate(const char *provider, uint32_t unit, uint32_t what, double value)
{
    static const char *const units[] = { NULL, "requests", "tokens", "input_tokens", "output_tokens" };
    uint32_t id = what == AIGW_RATE_LIMIT ? rate_limit_id : rate_remaining_id;

    if (unit == 0 || unit >= GW_ARRAY_LEN(units) || (what != AIGW_RATE_LIMIT && what != AIGW_RATE_REMAINING))
        return; /* from a newer SDK */
    gw_series_set(gw_series(id, (aigw_str[]){ gw_str(provider), gw_str(units[unit]) }), value);
}
