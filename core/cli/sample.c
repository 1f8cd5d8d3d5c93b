/* sample.c - see sample.h. */
#include "cli/sample.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gateway.h"
#include "cli/probe.h"
#include "config/json.h"

#define LOOK_MS 5000

/* ---- one line of the metrics page: name{label="value",…} number ---- */

struct line {
    aigw_str name, labels;
    double value;
};

static bool read_line(const char **at, struct line *ret_line)
{
    const char *begin = *at, *end = strchr(begin, '\n'), *blank = NULL;
    size_t name_len;

    if (!end)
        return false;
    *at = end + 1;
    for (const char *p = begin; p < end; p++)
        blank = *p == ' ' ? p : blank;
    *ret_line = (struct line){ .value = 0 };
    if (*begin == '#' || !blank)
        return true;
    name_len = strcspn(begin, "{ ");
    ret_line->name = (aigw_str){ begin, name_len };
    ret_line->labels = (aigw_str){ begin + name_len, (size_t)(blank - begin) - name_len };
    ret_line->value = strtod(blank, NULL);
    return true;
}

/** Copy a label's value; "" when it is not there. Escapes stay as they are. */
static void label(const struct line *line, const char *name, char *out, size_t size)
{
    char wanted[64];
    size_t len = (size_t)snprintf(wanted, sizeof wanted, "%s=\"", name), n = 0;
    const char *at = line->labels.len ? memmem(line->labels.ptr, line->labels.len, wanted, len) : NULL;
    const char *end = line->labels.ptr + line->labels.len;

    for (at = at ? at + len : end; at < end && *at != '"' && n + 1 < size; at++)
        out[n++] = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    out[n] = '\0';
}

/* ---- rows ---- */

static struct sample_row *row_of(struct sample_row *rows, size_t *count, const char *name, const char *engine)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(rows[i].name, name) == 0 && strcmp(rows[i].engine, engine) == 0)
            return &rows[i];
    }
    if (*count == SAMPLE_ROWS_MAX)
        return NULL;
    snprintf(rows[*count].name, sizeof rows[*count].name, "%s", name);
    snprintf(rows[*count].engine, sizeof rows[*count].engine, "%s", engine);
    return &rows[(*count)++];
}

const struct sample_row *sample_find(const struct sample_row *rows, size_t count, const struct sample_row *like)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, like->name) == 0 && strcmp(rows[i].engine, like->engine) == 0)
            return &rows[i];
    }
    return NULL;
}

static void take_model(struct sample *s, const struct line *line)
{
    char name[96], engine[64], error[8];
    struct sample_row *row;

    label(line, "model_name", name, sizeof name);
    label(line, "model_engine", engine, sizeof engine);
    label(line, "error", error, sizeof error);
    row = row_of(s->models, &s->model_count, name, engine);
    if (!row)
        return;
    if (gw_str_is(line->name, "model_inferences_in_flight"))
        row->in_flight += line->value;
    if (gw_str_is(line->name, "model_inferences_total"))
        *(strcmp(error, "yes") == 0 ? &row->errors : &row->calls) += line->value;
    if (gw_str_is(line->name, "inference_request_duration_seconds_sum"))
        row->seconds += line->value;
}

static void take_provider(struct sample *s, const struct line *line)
{
    char name[96], result[32];
    struct sample_row *row;

    label(line, "provider", name, sizeof name);
    label(line, "result", result, sizeof result);
    row = row_of(s->providers, &s->provider_count, name, "");
    if (row)
        *(strcmp(result, "ok") == 0 ? &row->calls : &row->errors) += line->value;
}

static void take_requests(struct sample *s, const struct line *line)
{
    char status[8];

    label(line, "status", status, sizeof status);
    s->requests += line->value;
    s->client_errors += strcmp(status, "4xx") == 0 ? line->value : 0;
    s->server_errors += strcmp(status, "5xx") == 0 ? line->value : 0;
}

static void take_gauge(struct sample *s, const struct line *line)
{
    const struct {
        const char *name;
        double *field;
    } gauges[] = {
        { "aigw_open_requests", &s->open_requests },
        { "aigw_open_connections", &s->open_connections },
        { "aigw_upstream_connections", &s->model_connections },
        { "aigw_log_lines_dropped_total", &s->log_dropped },
        { "process_cpu_seconds_total", &s->cpu_s },
        { "process_resident_memory_bytes", &s->memory },
        { "process_open_fds", &s->descriptors },
        { "process_max_fds", &s->descriptors_max },
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(gauges); i++) {
        if (gw_str_is(line->name, gauges[i].name))
            *gauges[i].field = line->value;
    }
}

static void take_metrics(struct sample *s, const char *page)
{
    struct line line;

    while (read_line(&page, &line)) {
        if (gw_str_is(line.name, "http_request_duration_seconds_count"))
            take_requests(s, &line);
        else if (gw_str_is(line.name, "aigw_upstream_attempts_total"))
            take_provider(s, &line);
        else if (gw_str_is(line.name, "model_inferences_in_flight") || gw_str_is(line.name, "model_inferences_total") ||
                 gw_str_is(line.name, "inference_request_duration_seconds_sum"))
            take_model(s, &line);
        else
            take_gauge(s, &line);
    }
}

/* ---- both ---- */

static bool get(const char *url, struct cli_answer *ret_answer)
{
    struct cli_probe probe = { .url = url, .timeout_ms = LOOK_MS, .is_local = true };

    cli_probe(&probe, ret_answer);
    gw_buf_put(&ret_answer->body, "", 1); /* a text */
    return ret_answer->status != 0 && !ret_answer->error.text[0] && ret_answer->body.status == AIGW_OK;
}

bool sample_take(const char *ready_url, const char *metrics_url, struct sample *ret_sample)
{
    struct cli_answer answer;

    *ret_sample = (struct sample){ .taken_ms = gw_mono_ms() };
    if (get(ready_url, &answer)) {
        ret_sample->ready_status = answer.status;
        ret_sample->ready = gw_json_read((aigw_str){ answer.body.data, answer.body.len - 1 }, 32, 0, NULL);
        if (!*cli_json_text(ret_sample->ready, "status")) { /* any word: not ready is an answer, too */
            sample_done(ret_sample);
            gw_err_set(&ret_sample->error, AIGW_E_UPSTREAM, "what answers there is no aigw");
        }
    } else {
        ret_sample->error = answer.error;
    }
    cli_answer_done(&answer);
    if (metrics_url) {
        ret_sample->has_metrics = get(metrics_url, &answer) && answer.status == 200;
        if (ret_sample->has_metrics)
            take_metrics(ret_sample, answer.body.data);
        cli_answer_done(&answer);
    }
    return ret_sample->ready != NULL;
}

void sample_done(struct sample *sample)
{
    json_object_put(sample->ready);
    sample->ready = NULL;
}
