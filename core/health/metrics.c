/* metrics.c - the registry of metrics.h: registering and counting. metrics_page.c shows it.
 *
 * A metric has entries (one per combination of label values, process-wide) and every entry has at most one series per
 * shard. A shard belongs to one thread at a time, so a series has one writer: it adds with a relaxed load and store,
 * no lock and no read-modify-write. Finding an existing series of one's own shard takes no lock either; making one
 * does. The scrape holds the lock, walks the entries and reads the values relaxed.
 *
 * Nothing is ever freed: series pointers stay good for the life of the process, and what a thread counted is kept
 * when it ends: its shard waits for the next new thread.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/internal.h"

#define CACHE_LINE_BYTES 64u

struct gw_registry gw_registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_once_t registry_once = PTHREAD_ONCE_INIT;
static _Thread_local struct gw_shard *my_shard;

/* Where writes go when there is no memory for a series or no such metric: callers never check for NULL. */
static struct gw_entry nowhere_entry;
static struct gw_series nowhere = { .entry = &nowhere_entry };

/* ---- registration ------------------------------------------------------------------------------------------- */

static void give_back_shard(void *arg)
{
    struct gw_shard *shard = arg;

    my_shard = NULL; /* should a later destructor of this thread count something */
    pthread_mutex_lock(&gw_registry.lock);
    shard->next_free = gw_registry.free_shards;
    gw_registry.free_shards = shard;
    pthread_mutex_unlock(&gw_registry.lock);
}

static void make_thread_key(void)
{
    if (pthread_key_create(&gw_registry.thread_end, give_back_shard) != 0)
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

static void free_metric(struct gw_metric_def *metric)
{
    if (!metric)
        return;
    for (uint32_t i = 0; i < metric->label_count; i++)
        free(metric->labels[i]);
    free(metric->name);
    free(metric->help);
    free(metric->owner);
    free(metric->buckets);
    free(metric);
}

static bool set_buckets(struct gw_metric_def *metric, const double *buckets, uint32_t bucket_count)
{
    static const double contract[] = { 0.5, 1, 2.5, 5, 10, 30, 60 };

    if (metric->type != GW_METRIC_HISTOGRAM)
        return true;
    if (!buckets) {
        buckets = contract;
        bucket_count = GW_ARRAY_LEN(contract);
    }
    if (bucket_count > GW_BUCKETS_MAX)
        return false;
    metric->buckets = calloc(bucket_count + 1, sizeof *metric->buckets);
    if (!metric->buckets)
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

static struct gw_metric_def *make_metric(const struct wish *wish)
{
    struct gw_metric_def *metric = calloc(1, sizeof *metric);

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

static bool has_shape(const struct gw_metric_def *metric, int type, const char *const *labels, uint32_t label_count)
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
    static const char *const types[] = { "?", "counter", "gauge", "histogram", "gauge" };

    gw_buf_printf(out, "%s %s", types[type], label_count ? "(" : "without labels");
    for (uint32_t i = 0; i < label_count; i++)
        gw_buf_printf(out, "%s%s%s", i ? ", " : "", labels[i], i + 1 == label_count ? ")" : "");
}

static bool is_wish_good(const struct wish *wish, struct gw_err *reterr)
{
    bool good = wish->type >= GW_METRIC_COUNTER && wish->type <= GW_METRIC_LEVEL && is_name(wish->name, false) &&
                wish->label_count <= GW_LABELS_MAX && (wish->label_count == 0 || wish->labels);

    for (uint32_t i = 0; good && i < wish->label_count; i++) {
        good = is_name(wish->labels[i], true);
        for (uint32_t k = 0; good && k < i; k++) /* who scrapes it would take nothing of the page */
            good = strcmp(wish->labels[i], wish->labels[k]) != 0;
    }
    if (!good)
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "the name or a label is malformed; expected letters, digits and _, at most %u labels, none called "
                   "le, each once",
                   GW_LABELS_MAX);
    return good;
}

/** Is a metric of this name the one that is wished for? */
static bool is_same(const struct gw_metric_def *metric, const struct wish *wish, struct gw_err *reterr)
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
    struct gw_metric_def *metric = NULL;
    uint32_t count;

    if (!is_wish_good(wish, reterr))
        return GW_METRIC_NONE;
    pthread_mutex_lock(&gw_registry.lock);
    count = atomic_load_explicit(&gw_registry.metric_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(gw_registry.metrics[i]->name, wish->name) == 0) {
            if (is_same(gw_registry.metrics[i], wish, reterr))
                id = i;
            goto out;
        }
    if (count < GW_METRICS_MAX)
        metric = make_metric(wish);
    if (metric) {
        id = count;
        gw_registry.metrics[id] = metric;
        atomic_store_explicit(&gw_registry.metric_count, count + 1, memory_order_release);
    } else {
        gw_err_set(reterr, AIGW_E_LIMIT, "this process has %u of %u metrics and no room for it; restart", count,
                   GW_METRICS_MAX);
    }
out:
    pthread_mutex_unlock(&gw_registry.lock);
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

    if (strncmp(name, "aigw_", 5) == 0) { /* not all of ours are in the registry: a page with a name twice is no page */
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "the name belongs to the core, as all that begin with aigw_; begin it with the plugin's name");
        return GW_METRIC_NONE;
    }
    return register_metric(&wish, reterr);
}

/* ---- series ------------------------------------------------------------------------------------------------- */

/* What a value is when it is neither too long nor empty: itself. Control and non-ASCII bytes are looked at only when a
 * series is made: those that exist have clean values, so whatever matches one is clean. */
static aigw_str short_value(aigw_str value)
{
    if (value.len == 0)
        return AIGW_STR("unknown");
    return value.len > GW_VALUE_MAX ? AIGW_STR("other") : value;
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

/* Eight bytes at a time: a model call looks up a series of thirteen labels. The length goes in as well, so that
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

static bool is_entry(const struct gw_entry *entry, const struct gw_metric_def *metric, uint64_t hash,
                     const aigw_str *values)
{
    if (entry->hash != hash || entry->metric != metric)
        return false;
    for (uint32_t i = 0; i < metric->label_count; i++)
        if (entry->values[i].len != values[i].len || memcmp(entry->values[i].ptr, values[i].ptr, values[i].len) != 0)
            return false;
    return true;
}

static struct gw_series *find_mine(const struct gw_shard *shard, const struct gw_metric_def *metric, uint64_t hash,
                                   const aigw_str *values)
{
    struct gw_series *series = shard->chains[hash % GW_SHARD_CHAINS];

    while (series && !is_entry(series->entry, metric, hash, values))
        series = series->next_in_shard;
    return series;
}

static struct gw_shard *shard_of_this_thread(void)
{
    struct gw_shard *shard;

    if (my_shard)
        return my_shard;
    pthread_once(&registry_once, make_thread_key);
    pthread_mutex_lock(&gw_registry.lock);
    shard = gw_registry.free_shards;
    if (shard)
        gw_registry.free_shards = shard->next_free;
    pthread_mutex_unlock(&gw_registry.lock);
    if (!shard)
        shard = calloc(1, sizeof *shard);
    if (!shard || pthread_setspecific(gw_registry.thread_end, shard) != 0) {
        free(shard); /* an adopted one's series stay: their entries list them */
        return NULL;
    }
    my_shard = shard;
    return shard;
}

/* `a="x",b="y"`; the values are printable ASCII already. */
static char *label_text(const struct gw_metric_def *metric, const aigw_str *values)
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

static struct gw_entry *make_entry(struct gw_metric_def *metric, uint64_t hash, const aigw_str *values)
{
    size_t bytes = 0;
    struct gw_entry *entry;
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
    entry->next = metric->entries[hash % GW_ENTRY_CHAINS];
    metric->entries[hash % GW_ENTRY_CHAINS] = entry;
    metric->entry_count++;
    return entry;
}

static struct gw_entry *find_entry(const struct gw_metric_def *metric, uint64_t hash, const aigw_str *values)
{
    struct gw_entry *entry = metric->entries[hash % GW_ENTRY_CHAINS];

    while (entry && !is_entry(entry, metric, hash, values))
        entry = entry->next;
    return entry;
}

/* A series of its own cache lines: its writer shares none with another thread's. */
static struct gw_series *make_series(struct gw_entry *entry, struct gw_shard *shard)
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
    series->next_in_shard = shard->chains[entry->hash % GW_SHARD_CHAINS];
    shard->chains[entry->hash % GW_SHARD_CHAINS] = series;
    return series;
}

/* Under the lock: the first time this shard meets these values, or the metric is full. */
static struct gw_series *add_series(struct gw_shard *shard, struct gw_metric_def *metric, uint32_t metric_id,
                                    uint64_t hash, const aigw_str *values)
{
    aigw_str others[GW_LABELS_MAX];
    struct gw_entry *entry = find_entry(metric, hash, values);

    if (!entry && metric->entry_count < GW_SERIES_MAX)
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
    aigw_str values[GW_LABELS_MAX];
    struct gw_series *series;
    struct gw_metric_def *metric;
    struct gw_shard *shard;
    uint64_t hash;

    if (metric_id >= atomic_load_explicit(&gw_registry.metric_count, memory_order_acquire))
        return &nowhere;
    shard = shard_of_this_thread();
    if (!shard)
        return &nowhere;
    metric = gw_registry.metrics[metric_id];
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
    pthread_mutex_lock(&gw_registry.lock);
    series = add_series(shard, metric, metric_id, hash, values);
    pthread_mutex_unlock(&gw_registry.lock);
    return series ? series : &nowhere;
}

struct gw_series *gw_series_alike(struct gw_series *like, uint32_t metric_id)
{
    const struct gw_metric_def *metric;
    struct gw_series *series;
    uint32_t i = 0;

    if (like == &nowhere || metric_id >= atomic_load_explicit(&gw_registry.metric_count, memory_order_acquire))
        return &nowhere;
    metric = gw_registry.metrics[metric_id];
    if (!like->alike)
        like->alike = calloc(GW_ALIKE_MAX, sizeof(struct gw_series *));
    for (; like->alike && i < GW_ALIKE_MAX && like->alike[i]; i++)
        if (like->alike[i]->entry->metric == metric)
            return like->alike[i];
    if (metric->label_count != like->entry->metric->label_count)
        return &nowhere;
    series = gw_series(metric_id, like->entry->values);
    if (like->alike && i < GW_ALIKE_MAX && series != &nowhere)
        like->alike[i] = series;
    return series;
}

void gw_series_add(struct gw_series *series, double delta)
{
    double value = atomic_load_explicit(&series->value, memory_order_relaxed);

    atomic_store_explicit(&series->value, value + delta, memory_order_relaxed);
}

void gw_series_set(struct gw_series *series, double value)
{
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
    if (series->entry->metric && series->entry->metric->type == GW_METRIC_LEVEL)
        atomic_store_explicit(&series->set_us, gw_mono_us(), memory_order_relaxed);
}

void gw_series_observe(struct gw_series *series, double seconds)
{
    const struct gw_metric_def *metric = series->entry->metric;
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
