/* internal.h - what the registry is made of; shared by metrics.c and metrics_page.c only. metrics.c says how threads
 * may use it. */
#ifndef GW_HEALTH_INTERNAL_H
#define GW_HEALTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "health/metrics.h"

#define GW_METRICS_MAX    512u
#define GW_LABELS_MAX     16u
#define GW_BUCKETS_MAX    32u
#define GW_SERIES_MAX     1000u /* per metric; then everything new is "other" */
#define GW_COLLECTORS_MAX 32u
#define GW_VALUE_MAX      256u /* bytes; longer label values are "other" */
#define GW_ENTRY_CHAINS   64u
#define GW_SHARD_CHAINS   512u
#define GW_ALIKE_MAX      8u

struct gw_series {
    struct gw_entry *entry;
    struct gw_series *next_in_shard;
    struct gw_series *next_in_entry;
    struct gw_series **alike;   /* of gw_series_alike(): GW_ALIKE_MAX of them, NULL until it is asked */
    _Atomic double value;       /* histogram: the sum */
    _Atomic int64_t set_us;     /* LEVEL: when, monotonic */
    _Atomic uint64_t buckets[]; /* histogram: not cumulative, the last one is +Inf */
};

struct gw_entry {
    struct gw_entry *next;
    struct gw_metric_def *metric;
    uint64_t hash;
    struct gw_series *series;
    char *text; /* a="x",b="y", escaped: what the page shows and the order it has */
    aigw_str values[];
};

struct gw_metric_def {
    int type;
    char *name, *help;
    char *owner; /* NULL: the core */
    uint32_t label_count, bucket_count;
    char *labels[GW_LABELS_MAX];
    double *buckets; /* histogram: upper bounds, rising */
    uint32_t entry_count;
    struct gw_entry *entries[GW_ENTRY_CHAINS];
};

struct gw_shard {
    struct gw_shard *next_free;
    struct gw_series *chains[GW_SHARD_CHAINS];
};

/** One per process on purpose: any thread of any part counts without being handed a context. */
struct gw_registry {
    pthread_mutex_t lock;
    struct gw_metric_def *metrics[GW_METRICS_MAX];
    atomic_uint metric_count;
    struct gw_shard *free_shards;
    pthread_key_t thread_end;
    struct gw_collector {
        void (*fn)(void *user, struct gw_buf *out);
        void *user;
    } collectors[GW_COLLECTORS_MAX];
    uint32_t collector_count;
};
extern struct gw_registry gw_registry;

#endif
