/* metrics.c - the registry of metrics.h.
 *
 * A metric has entries (one per combination of label values, process-wide) and every entry has at most one series per
 * shard. A shard belongs to one thread at a time, so a series has one writer: it adds with a relaxed load and store,
 * no lock and no read-modify-write. Finding an existing series of one's own shard takes no lock either; making one
 * does. The scrape holds the lock, walks the entries and reads the values relaxed.
 *
 * Nothing is ever freed: series pointers stay good for the life of the process, and what a thread counted is kept
 * when it ends: its shard waits for the next new thread.
 */
#include "health/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_MAX      512u
#define LABELS_MAX       16u
#define BUCKETS_MAX      32u
#define SERIES_MAX       1000u /* per metric; then everything new is "other" */
#define VALUE_LEN_MAX    256u  /* longer label values are "other" */
#define COLLECTORS_MAX   32u
#define ENTRY_CHAINS     64u
#define SHARD_CHAINS     512u
#define CACHE_LINE_BYTES 64u

struct entry;
struct shard;

struct gw_series {
    struct entry *entry;
    struct gw_series *next_in_shard;
    struct gw_series *next_in_entry;
    _Atomic double value;       /* histogram: the sum */
    _Atomic uint64_t buckets[]; /* histogram: not cumulative, the last one is +Inf */
};

struct entry {
    struct entry *next;
    struct metric *metric;
    uint64_t hash;
    struct gw_series *series;
    char *text; /* a="x",b="y", escaped: what the page shows and the order it has */
    aigw_str values[];
};

struct metric {
    int type;
    char *name, *help;
    char *owner; /* NULL: the core */
    uint32_t label_count, bucket_count;
    char *labels[LABELS_MAX];
    double buckets[BUCKETS_MAX];
    uint32_t entry_count;
    struct entry *entries[ENTRY_CHAINS];
};

struct shard {
    struct shard *next_free;
    struct gw_series *chains[SHARD_CHAINS];
};

/* The registry. One per process on purpose: any thread of any part counts without being handed a context. */
static struct {
    pthread_mutex_t lock;
    struct metric *metrics[METRICS_MAX];
    atomic_uint metric_count;
    struct shard *free_shards;
    pthread_key_t thread_end;
    struct collector {
        void (*fn)(void *user, struct gw_buf *out);
        void *user;
    } collectors[COLLECTORS_MAX];
    uint32_t collector_count;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_once_t registry_once = PTHREAD_ONCE_INIT;
static _Thread_local struct shard *my_shard;

/* Where writes go when there is no memory for a series or no such metric: callers never check for NULL. */
static struct entry nowhere_entry;
static struct gw_series nowhere = { .entry = &nowhere_entry };

/* ---- registration ------------------------------------------------------------------------------------------- */

static void give_back_shard(void *arg)
{
    struct shard *shard = arg;

    my_shard = NULL; /* should a later destructor of this thread count something */
    pthread_mutex_lock(&registry.lock);
    shard->next_free = registry.free_shards;
    registry.free_shards = shard;
    pthread_mutex_unlock(&registry.lock);
}

static void make_thread_key(void)
{
    if (pthread_key_create(&registry.thread_end, give_back_shard) != 0)
        abort(); /* only with 1,024 keys in use: our bug */
}

static bool is_name(const char *text, bool is_label)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    if (!text || !*text || !strchr(letters, *text))
        return false;
    if (is_label && strcmp(text, "le") == 0)
        return false;
    return text[strspn(text, more)] == '\0';
}

static void free_metric(struct metric *metric)
{
    if (!metric)
        return;
    for (uint32_t i = 0; i < metric->label_count; i++)
        free(metric->labels[i]);
    free(metric->name);
    free(metric->help);
    free(metric->owner);
    free(metric);
}

static bool set_buckets(struct metric *metric, const double *buckets, uint32_t bucket_count)
{
    static const double contract[] = { 0.5, 1, 2.5, 5, 10, 30, 60 };

    if (metric->type != GW_METRIC_HISTOGRAM)
        return true;
    if (!buckets) {
        buckets = contract;
        bucket_count = GW_ARRAY_LEN(contract);
    }
    if (bucket_count > BUCKETS_MAX)
        return false;
    for (uint32_t i = 0; i < bucket_count; i++) {
        if (!isfinite(buckets[i]) || (i > 0 && buckets[i] <= buckets[i - 1]))
            return false;
        metric->buckets[i] = buckets[i];
    }
    metric->bucket_count = bucket_count;
    return true;
}

/** A metric as one caller describes it. */
struct wish {
    int type;
    const char *name, *help, *owner;
    const char *const *labels;
    uint32_t label_count;
    const double *buckets;
    uint32_t bucket_count;
};

static struct metric *make_metric(const struct wish *wish)
{
    struct metric *metric = calloc(1, sizeof *metric);

    if (!metric)
        return NULL;
    metric->type = wish->type;
    metric->name = strdup(wish->name);
    metric->help = strdup(wish->help ? wish->help : "");
    metric->owner = wish->owner ? strdup(wish->owner) : NULL;
    if (!metric->name || !metric->help || (wish->owner && !metric->owner) ||
        !set_buckets(metric, wish->buckets, wish->bucket_count))
        goto fail;
    for (uint32_t i = 0; i < wish->label_count; i++) {
        metric->labels[i] = strdup(wish->labels[i]);
        if (!metric->labels[i])
            goto fail;
        metric->label_count = i + 1;
    }
    return metric;
fail:
    free_metric(metric);
    return NULL;
}

static bool has_shape(const struct metric *metric, int type, const char *const *labels, uint32_t label_count)
{
    if (metric->type != type || metric->label_count != label_count)
        return false;
    for (uint32_t i = 0; i < label_count; i++)
        if (strcmp(metric->labels[i], labels[i]) != 0)
            return false;
    return true;
}

/** "counter (model, result)", for messages. */
static void put_shape(struct gw_buf *out, int type, const char *const *labels, uint32_t label_count)
{
    static const char *const types[] = { "?", "counter", "gauge", "histogram" };

    gw_buf_printf(out, "%s %s", types[type], label_count ? "(" : "without labels");
    for (uint32_t i = 0; i < label_count; i++)
        gw_buf_printf(out, "%s%s%s", i ? ", " : "", labels[i], i + 1 == label_count ? ")" : "");
}

static bool is_wish_good(const struct wish *wish, struct gw_err *reterr)
{
    bool good = wish->type >= GW_METRIC_COUNTER && wish->type <= GW_METRIC_HISTOGRAM && is_name(wish->name, false) &&
                wish->label_count <= LABELS_MAX && (wish->label_count == 0 || wish->labels);

    for (uint32_t i = 0; good && i < wish->label_count; i++)
        good = is_name(wish->labels[i], true);
    if (!good)
        gw_err_set(
            reterr, AIGW_E_CONFIG,
            "the name or a label is malformed; expected letters, digits and _, at most %u labels, none called le",
            LABELS_MAX);
    return good;
}

/** Is a metric of this name the one that is wished for? */
static bool is_same(const struct metric *metric, const struct wish *wish, struct gw_err *reterr)
{
    struct gw_buf there, wanted;

    if ((metric->owner == NULL) != (wish->owner == NULL) || (wish->owner && strcmp(metric->owner, wish->owner) != 0)) {
        gw_err_set(reterr, AIGW_E_CONFIG, "the name belongs to %s; begin it with the plugin's name",
                   metric->owner ? metric->owner : "the core");
        return false;
    }
    if (has_shape(metric, wish->type, wish->labels, wish->label_count))
        return true;
    gw_buf_init(&there, 512);
    gw_buf_init(&wanted, 512);
    put_shape(&there, metric->type, (const char *const *)metric->labels, metric->label_count);
    put_shape(&wanted, wish->type, wish->labels, wish->label_count);
    gw_err_set(reterr, AIGW_E_CONFIG,
               "is now a %s, but this process counts it as a %s: a metric keeps its labels until the next start; "
               "restart, or give it another name",
               wanted.data ? wanted.data : "?", there.data ? there.data : "?");
    gw_buf_done(&there);
    gw_buf_done(&wanted);
    return false;
}

static uint32_t register_metric(const struct wish *wish, struct gw_err *reterr)
{
    uint32_t id = GW_METRIC_NONE;
    struct metric *metric = NULL;
    uint32_t count;

    if (!is_wish_good(wish, reterr))
        return GW_METRIC_NONE;
    pthread_mutex_lock(&registry.lock);
    count = atomic_load_explicit(&registry.metric_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(registry.metrics[i]->name, wish->name) == 0) {
            if (is_same(registry.metrics[i], wish, reterr))
                id = i;
            goto out;
        }
    if (count < METRICS_MAX)
        metric = make_metric(wish);
    if (metric) {
        id = count;
        registry.metrics[id] = metric;
        atomic_store_explicit(&registry.metric_count, count + 1, memory_order_release);
    } else {
        gw_err_set(reterr, AIGW_E_LIMIT, "this process has %u of %u metrics and no room for it; restart", count,
                   METRICS_MAX);
    }
out:
    pthread_mutex_unlock(&registry.lock);
    return id;
}

uint32_t gw_metric(int type, const char *name, const char *help, const char *const *labels, uint32_t label_count,
                   const double *buckets, uint32_t bucket_count)
{
    const struct wish wish = { type, name, help, NULL, labels, label_count, buckets, bucket_count };

    return register_metric(&wish, NULL);
}

uint32_t gw_metric_owned(const char *owner, const char *name, const char *help, const char *const *labels,
                         uint32_t label_count, struct gw_err *reterr)
{
    const struct wish wish = { GW_METRIC_COUNTER, name, help, owner, labels, label_count, NULL, 0 };

    return register_metric(&wish, reterr);
}

/* ---- series ------------------------------------------------------------------------------------------------- */

/* What a value is when it is neither too long nor empty: itself. Control and non-ASCII bytes are looked at only when a
 * series is made: those that exist have clean values, so whatever matches one is clean. */
static aigw_str short_value(aigw_str value)
{
    if (value.len == 0)
        return AIGW_STR("unknown");
    return value.len > VALUE_LEN_MAX ? AIGW_STR("other") : value;
}

static aigw_str clean_value(aigw_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return AIGW_STR("other");
    return value;
}

/** Up to eight bytes as a number, without the call that memcpy() of any length is. */
static uint64_t word_of(const char *bytes, size_t len)
{
    uint32_t first, last;
    uint64_t word = 0;

    if (len >= 4) { /* they may overlap */
        memcpy(&first, bytes, sizeof first);
        memcpy(&last, bytes + len - sizeof last, sizeof last);
        return first | (uint64_t)last << 32;
    }
    for (size_t i = 0; i < len; i++)
        word = word << 8 | (unsigned char)bytes[i];
    return word;
}

/* Eight bytes at a time: a model call looks up five series of thirteen labels. The length goes in as well, so that
 * "a","bc" is not "ab","c". */
static uint64_t hash_of(uint32_t metric_id, const aigw_str *values, uint32_t count)
{
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (metric_id + 1) * prime;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = 0;
        size_t at = 0;

        for (; at + sizeof word <= values[i].len; at += sizeof word) {
            memcpy(&word, values[i].ptr + at, sizeof word);
            hash = (hash ^ word) * prime;
            hash ^= hash >> 29;
        }
        word = word_of(values[i].ptr + at, values[i].len - at);
        hash = (hash ^ word ^ ((uint64_t)values[i].len << 56)) * prime;
        hash ^= hash >> 29;
    }
    return hash ^ (hash >> 32);
}

static bool is_entry(const struct entry *entry, const struct metric *metric, uint64_t hash, const aigw_str *values)
{
    if (entry->hash != hash || entry->metric != metric)
        return false;
    for (uint32_t i = 0; i < metric->label_count; i++)
        if (entry->values[i].len != values[i].len || memcmp(entry->values[i].ptr, values[i].ptr, values[i].len) != 0)
            return false;
    return true;
}

static struct gw_series *find_mine(const struct shard *shard, const struct metric *metric, uint64_t hash,
                                   const aigw_str *values)
{
    struct gw_series *series = shard->chains[hash % SHARD_CHAINS];

    while (series && !is_entry(series->entry, metric, hash, values))
        series = series->next_in_shard;
    return series;
}

static struct shard *shard_of_this_thread(void)
{
    struct shard *shard;

    if (my_shard)
        return my_shard;
    pthread_once(&registry_once, make_thread_key);
    pthread_mutex_lock(&registry.lock);
    shard = registry.free_shards;
    if (shard)
        registry.free_shards = shard->next_free;
    pthread_mutex_unlock(&registry.lock);
    if (!shard)
        shard = calloc(1, sizeof *shard);
    if (!shard || pthread_setspecific(registry.thread_end, shard) != 0) {
        free(shard); /* an adopted one's series stay: their entries list them */
        return NULL;
    }
    my_shard = shard;
    return shard;
}

/* `a="x",b="y"`; the values are printable ASCII already. */
static char *label_text(const struct metric *metric, const aigw_str *values)
{
    size_t size = 1;
    char *text, *at;

    for (uint32_t i = 0; i < metric->label_count; i++)
        size += strlen(metric->labels[i]) + 2 * values[i].len + 4;
    text = malloc(size);
    if (!text)
        return NULL;
    at = text;
    for (uint32_t i = 0; i < metric->label_count; i++) {
        at += sprintf(at, "%s%s=\"", i > 0 ? "," : "", metric->labels[i]);
        for (size_t k = 0; k < values[i].len; k++) {
            if (values[i].ptr[k] == '"' || values[i].ptr[k] == '\\')
                *at++ = '\\';
            *at++ = values[i].ptr[k];
        }
        *at++ = '"';
    }
    *at = '\0';
    return text;
}

static struct entry *make_entry(struct metric *metric, uint64_t hash, const aigw_str *values)
{
    size_t bytes = 0;
    struct entry *entry;
    char *copy;

    for (uint32_t i = 0; i < metric->label_count; i++)
        bytes += values[i].len;
    entry = calloc(1, sizeof *entry + metric->label_count * sizeof *entry->values + bytes);
    if (!entry)
        return NULL;
    entry->text = label_text(metric, values);
    if (!entry->text) {
        free(entry);
        return NULL;
    }
    entry->metric = metric;
    entry->hash = hash;
    copy = (char *)&entry->values[metric->label_count];
    for (uint32_t i = 0; i < metric->label_count; i++) {
        memcpy(copy, values[i].ptr, values[i].len);
        entry->values[i] = (aigw_str){ copy, values[i].len };
        copy += values[i].len;
    }
    entry->next = metric->entries[hash % ENTRY_CHAINS];
    metric->entries[hash % ENTRY_CHAINS] = entry;
    metric->entry_count++;
    return entry;
}

static struct entry *find_entry(const struct metric *metric, uint64_t hash, const aigw_str *values)
{
    struct entry *entry = metric->entries[hash % ENTRY_CHAINS];

    while (entry && !is_entry(entry, metric, hash, values))
        entry = entry->next;
    return entry;
}

/* A series of its own cache lines: its writer shares none with another thread's. */
static struct gw_series *make_series(struct entry *entry, struct shard *shard)
{
    bool is_histogram = entry->metric->type == GW_METRIC_HISTOGRAM;
    size_t size = sizeof(struct gw_series) + (is_histogram ? (entry->metric->bucket_count + 1) * sizeof(uint64_t) : 0);
    struct gw_series *series;

    size = (size + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    series = aligned_alloc(CACHE_LINE_BYTES, size);
    if (!series)
        return NULL;
    memset(series, 0, size);
    series->entry = entry;
    series->next_in_entry = entry->series;
    entry->series = series;
    series->next_in_shard = shard->chains[entry->hash % SHARD_CHAINS];
    shard->chains[entry->hash % SHARD_CHAINS] = series;
    return series;
}

/* Under the lock: the first time this shard meets these values, or the metric is full. */
static struct gw_series *add_series(struct shard *shard, struct metric *metric, uint32_t metric_id, uint64_t hash,
                                    const aigw_str *values)
{
    aigw_str others[LABELS_MAX];
    struct entry *entry = find_entry(metric, hash, values);

    if (!entry && metric->entry_count < SERIES_MAX)
        entry = make_entry(metric, hash, values);
    else if (!entry) {
        struct gw_series *mine;

        for (uint32_t i = 0; i < metric->label_count; i++)
            others[i] = AIGW_STR("other");
        hash = hash_of(metric_id, others, metric->label_count);
        mine = find_mine(shard, metric, hash, others);
        if (mine)
            return mine;
        entry = find_entry(metric, hash, others);
        if (!entry)
            entry = make_entry(metric, hash, others);
    }
    return entry ? make_series(entry, shard) : NULL;
}

struct gw_series *gw_series(uint32_t metric_id, const aigw_str *label_values)
{
    aigw_str values[LABELS_MAX];
    struct gw_series *series;
    struct metric *metric;
    struct shard *shard;
    uint64_t hash;

    if (metric_id >= atomic_load_explicit(&registry.metric_count, memory_order_acquire))
        return &nowhere;
    shard = shard_of_this_thread();
    if (!shard)
        return &nowhere;
    metric = registry.metrics[metric_id];
    values[0] = AIGW_STR_NONE; /* for metrics without labels: gcc cannot tell that none is read */
    for (uint32_t i = 0; i < metric->label_count; i++)
        values[i] = short_value(label_values[i]);
    hash = hash_of(metric_id, values, metric->label_count);
    series = find_mine(shard, metric, hash, values);
    if (series)
        return series;
    for (uint32_t i = 0; i < metric->label_count; i++)
        values[i] = clean_value(values[i]);
    hash = hash_of(metric_id, values, metric->label_count);
    series = find_mine(shard, metric, hash, values);
    if (series)
        return series;
    pthread_mutex_lock(&registry.lock);
    series = add_series(shard, metric, metric_id, hash, values);
    pthread_mutex_unlock(&registry.lock);
    return series ? series : &nowhere;
}

void gw_series_add(struct gw_series *series, double delta)
{
    double value = atomic_load_explicit(&series->value, memory_order_relaxed);

    atomic_store_explicit(&series->value, value + delta, memory_order_relaxed);
}

void gw_series_set(struct gw_series *series, double value)
{
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void gw_series_observe(struct gw_series *series, double seconds)
{
    const struct metric *metric = series->entry->metric;
    uint32_t i = 0;
    uint64_t count;

    if (!metric || metric->type != GW_METRIC_HISTOGRAM || isnan(seconds))
        return;
    while (i < metric->bucket_count && seconds > metric->buckets[i])
        i++;
    count = atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    atomic_store_explicit(&series->buckets[i], count + 1, memory_order_relaxed);
    gw_series_add(series, seconds);
}

/* ---- the page ----------------------------------------------------------------------------------------------- */

void gw_metrics_put_number(struct gw_buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        gw_buf_puts(out, "NaN");
    } else if (isinf(value)) {
        gw_buf_puts(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(text, sizeof text, "%.15g", value);
        if (strtod(text, NULL) != value)
            snprintf(text, sizeof text, "%.17g", value);
        gw_buf_puts(out, text);
    }
}

void gw_metrics_put_head(struct gw_buf *out, const char *name, const char *help, const char *type)
{
    gw_buf_printf(out, "# HELP %s ", name);
    for (; *help; help++) {
        if (*help == '\\')
            gw_buf_puts(out, "\\\\");
        else if (*help == '\n')
            gw_buf_puts(out, "\\n");
        else
            gw_buf_put(out, help, 1);
    }
    gw_buf_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void put_sample(struct gw_buf *out, const struct entry *entry, const char *suffix, const char *bound,
                       double value)
{
    gw_buf_printf(out, "%s%s", entry->metric->name, suffix);
    if (*entry->text || bound) {
        gw_buf_printf(out, "{%s", entry->text);
        if (bound)
            gw_buf_printf(out, "%sle=\"%s\"", *entry->text ? "," : "", bound);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, " ");
    gw_metrics_put_number(out, value);
    gw_buf_puts(out, "\n");
}

static void put_histogram(struct gw_buf *out, const struct entry *entry)
{
    const struct metric *metric = entry->metric;
    uint64_t counts[BUCKETS_MAX + 1] = { 0 };
    uint64_t total = 0;
    double sum = 0;

    for (const struct gw_series *s = entry->series; s; s = s->next_in_entry) {
        for (uint32_t i = 0; i <= metric->bucket_count; i++)
            counts[i] += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        sum += atomic_load_explicit(&s->value, memory_order_relaxed);
    }
    for (uint32_t i = 0; i <= metric->bucket_count; i++) {
        char bound[40] = "+Inf";

        total += counts[i];
        /* "1.0", not "1": existing dashboards match the text the original printed. */
        if (i < metric->bucket_count) {
            snprintf(bound, sizeof bound, "%.15g", metric->buckets[i]);
            if (!strpbrk(bound, ".e"))
                strcat(bound, ".0");
        }
        put_sample(out, entry, "_bucket", bound, (double)total);
    }
    put_sample(out, entry, "_sum", NULL, sum);
    put_sample(out, entry, "_count", NULL, (double)total);
}

static void put_entry(struct gw_buf *out, const struct entry *entry)
{
    double value = 0;

    if (entry->metric->type == GW_METRIC_HISTOGRAM) {
        put_histogram(out, entry);
        return;
    }
    for (const struct gw_series *s = entry->series; s; s = s->next_in_entry)
        value += atomic_load_explicit(&s->value, memory_order_relaxed);
    put_sample(out, entry, "", NULL, value);
}

static int by_text(const void *a, const void *b)
{
    const struct entry *const *left = a, *const *right = b;

    return strcmp((*left)->text, (*right)->text);
}

static int by_name(const void *a, const void *b)
{
    const struct metric *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static void put_metric(struct gw_buf *out, const struct metric *metric)
{
    static const char *const types[] = { "untyped", "counter", "gauge", "histogram" };
    const struct entry *sorted[SERIES_MAX + 1]; /* 8 kB of stack; + 1: "other" comes after the last */
    uint32_t count = 0;

    for (uint32_t i = 0; i < ENTRY_CHAINS; i++)
        for (const struct entry *e = metric->entries[i]; e && count < GW_ARRAY_LEN(sorted); e = e->next)
            sorted[count++] = e;
    if (count == 0)
        return;
    qsort(sorted, count, sizeof *sorted, by_text);
    gw_metrics_put_head(out, metric->name, metric->help, types[metric->type]);
    for (uint32_t i = 0; i < count; i++)
        put_entry(out, sorted[i]);
}

void gw_metrics_render(struct gw_buf *out)
{
    struct collector collectors[COLLECTORS_MAX];
    struct metric *sorted[METRICS_MAX];
    uint32_t count, collector_count;

    pthread_mutex_lock(&registry.lock);
    count = atomic_load_explicit(&registry.metric_count, memory_order_relaxed);
    memcpy(sorted, registry.metrics, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_name);
    for (uint32_t i = 0; i < count; i++)
        put_metric(out, sorted[i]);
    collector_count = registry.collector_count;
    memcpy(collectors, registry.collectors, sizeof collectors);
    pthread_mutex_unlock(&registry.lock);
    for (uint32_t i = 0; i < collector_count; i++) /* unlocked: a collector may count things itself */
        collectors[i].fn(collectors[i].user, out);
}

void gw_metrics_add_collector(void (*fn)(void *user, struct gw_buf *out), void *user)
{
    pthread_mutex_lock(&registry.lock);
    if (registry.collector_count < COLLECTORS_MAX)
        registry.collectors[registry.collector_count++] = (struct collector){ fn, user };
    pthread_mutex_unlock(&registry.lock);
}
