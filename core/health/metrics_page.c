/* metrics_page.c - the registry as text, Prometheus 0.0.4. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/internal.h"

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

void gw_metrics_put_value(struct gw_buf *out, const char *value)
{
    const size_t len = strlen(value);
    bool is_clean = len <= GW_VALUE_MAX;

    for (size_t i = 0; i < len && is_clean; i++)
        is_clean = value[i] >= 0x20 && value[i] <= 0x7e;
    if (!*value)
        value = "unknown";
    for (const char *at = is_clean ? value : "other"; *at; at++) {
        if (*at == '"' || *at == '\\')
            gw_buf_puts(out, "\\");
        gw_buf_put(out, at, 1);
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

static void put_sample(struct gw_buf *out, const struct gw_entry *entry, const char *suffix, const char *bound,
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

static void put_histogram(struct gw_buf *out, const struct gw_entry *entry)
{
    const struct gw_metric_def *metric = entry->metric;
    uint64_t counts[GW_BUCKETS_MAX + 1] = { 0 };
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

static void put_entry(struct gw_buf *out, const struct gw_entry *entry)
{
    int64_t newest_us = 0;
    double value = 0;

    if (entry->metric->type == GW_METRIC_HISTOGRAM) {
        put_histogram(out, entry);
        return;
    }
    for (const struct gw_series *s = entry->series; s; s = s->next_in_entry) {
        double part = atomic_load_explicit(&s->value, memory_order_relaxed);
        int64_t set_us = atomic_load_explicit(&s->set_us, memory_order_relaxed);

        if (entry->metric->type != GW_METRIC_LEVEL) {
            value += part;
        } else if (set_us >= newest_us) {
            newest_us = set_us;
            value = part;
        }
    }
    put_sample(out, entry, "", NULL, value);
}

static int by_text(const void *a, const void *b)
{
    const struct gw_entry *const *left = a, *const *right = b;

    return strcmp((*left)->text, (*right)->text);
}

static int by_name(const void *a, const void *b)
{
    const struct gw_metric_def *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static void put_metric(struct gw_buf *out, const struct gw_metric_def *metric)
{
    static const char *const types[] = { "untyped", "counter", "gauge", "histogram", "gauge" };
    const struct gw_entry *sorted[GW_SERIES_MAX + 1]; /* 8 kB of stack; + 1: "other" comes after the last */
    uint32_t count = 0;

    for (uint32_t i = 0; i < GW_ENTRY_CHAINS; i++)
        for (const struct gw_entry *e = metric->entries[i]; e && count < GW_ARRAY_LEN(sorted); e = e->next)
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
    struct gw_collector collectors[GW_COLLECTORS_MAX];
    struct gw_metric_def *sorted[GW_METRICS_MAX];
    uint32_t count, collector_count;

    pthread_mutex_lock(&gw_registry.lock);
    count = atomic_load_explicit(&gw_registry.metric_count, memory_order_relaxed);
    memcpy(sorted, gw_registry.metrics, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_name);
    for (uint32_t i = 0; i < count; i++)
        put_metric(out, sorted[i]);
    collector_count = gw_registry.collector_count;
    memcpy(collectors, gw_registry.collectors, sizeof collectors);
    pthread_mutex_unlock(&gw_registry.lock);
    for (uint32_t i = 0; i < collector_count; i++) /* unlocked: a collector may count things itself */
        collectors[i].fn(collectors[i].user, out);
}

void gw_metrics_add_collector(void (*fn)(void *user, struct gw_buf *out), void *user)
{
    pthread_mutex_lock(&gw_registry.lock);
    if (gw_registry.collector_count < GW_COLLECTORS_MAX)
        gw_registry.collectors[gw_registry.collector_count++] = (struct gw_collector){ fn, user };
    pthread_mutex_unlock(&gw_registry.lock);
}
