/* metrics.h - counters, gauges and histograms without locks on the request path: every worker thread owns a shard;
 * the scrape adds them up. Text: Prometheus 0.0.4. Names: api-contract.md §13. */
#ifndef GW_METRICS_H
#define GW_METRICS_H

#include "base/base.h"
#include <aigw/abi.h>

#define GW_METRIC_COUNTER   1
#define GW_METRIC_GAUGE     2 /* may go up and down */
#define GW_METRIC_HISTOGRAM 3 /* seconds */
#define GW_METRIC_LEVEL     4 /* shown as a gauge: the value that any thread set last */

/** What gw_metric() answers when it cannot: a bad name or label, buckets not ascending, the name taken with another
 * type or other labels, 512 metrics already. Series of it count nowhere; using it is safe. */
#define GW_METRIC_NONE UINT32_MAX

/** Register once, before the workers start or from the main thread at a reload; the same name answers the same id.
 *  Everything is copied. At most 16 labels and 32 buckets.
 *  buckets: ascending upper bounds in seconds, NULL for the contract's 0.5 1 2.5 5 10 30 60. */
uint32_t gw_metric(int type, const char *name, const char *help, const char *const *labels, uint32_t label_count,
                   const double *buckets, uint32_t bucket_count);

/** A counter of a plugin. `owner` ("provider name") keeps the name from others and makes it the same metric again after
 *  a reload, whatever else the plugin's new version has. NONE with the reason. */
uint32_t gw_metric_owned(const char *owner, const char *name, const char *help, const char *const *labels,
                         uint32_t label_count, struct gw_err *reterr);

/** A series of this thread. Look it up once and keep it where label values are few; lookups cost a hash. Label values
 *  outside printable ASCII, longer than 256 bytes, or beyond 1,000 series of a metric, are folded into "other"; empty
 *  becomes "unknown". Never NULL and never freed. Only the thread that looked it up may write to it. */
struct gw_series;
struct gw_series *gw_series(uint32_t metric, const aigw_str *label_values);
/** The series of another metric, with the same labels in the same order, for the label values of `like`: gw_series()
 *  without hashing and comparing them again. For a handful of metrics that are always counted together. */
struct gw_series *gw_series_alike(struct gw_series *like, uint32_t metric);
/** Counters take no negative delta; gauges of several threads are summed up at the scrape. */
void gw_series_add(struct gw_series *series, double delta);
void gw_series_set(struct gw_series *series, double value);
void gw_series_observe(struct gw_series *series, double seconds);

/** The whole page. Any thread. */
void gw_metrics_render(struct gw_buf *out);
/** Called at each render, for values that are read rather than counted (RSS, open streams …). At most 32. */
void gw_metrics_add_collector(void (*fn)(void *user, struct gw_buf *out), void *user);

/** For collectors: "# HELP" and "# TYPE" lines (type: "gauge", "counter"), a number as the format wants it, and what
 *  stands between the quotes of a label: any text, made as harmless as gw_series() makes values. */
void gw_metrics_put_head(struct gw_buf *out, const char *name, const char *help, const char *type);
void gw_metrics_put_number(struct gw_buf *out, double value);
void gw_metrics_put_value(struct gw_buf *out, const char *value);

#endif
