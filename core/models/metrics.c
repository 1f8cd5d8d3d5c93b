/* metrics.c - per-provider results. */
#include "health/metrics.h"
#include "models/call.h"

/* Written once before the workers start. */
static uint32_t attempts_id;

void gw_models_register_metrics(void)
{
    static const char *const labels[] = { "provider", "result" };

    attempts_id = gw_metric(GW_METRIC_COUNTER, "aigw_upstream_attempts_total",
                            "Attempts to call a model, by provider instance and result.", labels, 2, NULL, 0);
}

void gw_models_count_attempt(const char *provider, const char *result)
{
    gw_series_add(gw_series(attempts_id, (aigw_str[]){ gw_str(provider), gw_str(result) }), 1);
}
