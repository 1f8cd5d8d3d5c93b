/* status.c - `aigw status`: what the running gateway is and does; `aigw top`: the same, again and again, with rates.
 * Both read what any monitoring reads; where the gateway answers is taken from conf.d and the environment. */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/sample.h"

#define OUTPUT_MAX  ((size_t)1 << 20)
#define INTERVAL_MS 1000

/** Two samples and the settings that lead to them. */
struct view {
    struct gw_arena arena;
    const char *url, *ready_url, *metrics_url; /* metrics_url NULL: it has no such listener */
    struct sample now, before;
    bool has_before;
};

static double seconds_between(const struct view *v)
{
    return v->has_before && v->now.taken_ms > v->before.taken_ms
               ? (double)(v->now.taken_ms - v->before.taken_ms) / 1000.0
               : 0;
}

static double rate(const struct view *v, double now, double before)
{
    double seconds = seconds_between(v);

    return seconds > 0 && now >= before ? (now - before) / seconds : 0; /* less: it was started anew */
}

/* ---- text ---- */

static void put_time(struct gw_buf *out, int64_t seconds)
{
    if (seconds >= 86400)
        gw_buf_printf(out, "%lld d %lld h", (long long)(seconds / 86400), (long long)(seconds / 3600 % 24));
    else if (seconds >= 3600)
        gw_buf_printf(out, "%lld h %lld min", (long long)(seconds / 3600), (long long)(seconds / 60 % 60));
    else if (seconds >= 60)
        gw_buf_printf(out, "%lld min %lld s", (long long)(seconds / 60), (long long)(seconds % 60));
    else
        gw_buf_printf(out, "%lld s", (long long)seconds);
}

static void put_gateway(const struct view *v, const char *url, struct gw_buf *out)
{
    struct json_object *ready = v->now.ready, *reasons = cli_json_at(ready, "reasons");

    gw_buf_printf(out, "gateway      %s  %s%s%s, up ", url, v->now.ready_status == 200 ? "ready" : "NOT READY",
                  reasons ? " " : "", reasons ? json_object_to_json_string(reasons) : "");
    put_time(out, cli_json_int(ready, "uptime_s"));
    gw_buf_printf(out, ", %lld workers, configuration read ", (long long)cli_json_int(ready, "workers"));
    put_time(out, cli_json_int(ready, "config.loaded_s_ago"));
    gw_buf_printf(out, " ago%s\n",
                  strcmp(cli_json_text(ready, "config.last_reload"), "refused") == 0 ? ", THE LAST RELOAD WAS REFUSED"
                                                                                     : "");
    if (*cli_json_text(ready, "bypass"))
        gw_buf_printf(out, "             AUTHENTICATION IS BYPASSED (%s)\n", cli_json_text(ready, "bypass"));
    if (cli_json_at(ready, "certificate_expires_in_s")) {
        gw_buf_puts(out, "             the certificate expires in ");
        put_time(out, cli_json_int(ready, "certificate_expires_in_s"));
        gw_buf_puts(out, "\n");
    }
}

static void put_traffic(const struct view *v, struct gw_buf *out)
{
    const struct sample *s = &v->now, *b = &v->before;

    if (!s->has_metrics) {
        gw_buf_puts(out, "requests     unknown: the metrics listener is off or does not answer\n");
        return;
    }
    gw_buf_printf(out, "requests     %.0f open, %.0f answered, of them 4xx %.0f, 5xx %.0f", s->open_requests,
                  s->requests, s->client_errors, s->server_errors);
    if (v->has_before)
        gw_buf_printf(out, "; now %.1f/s, 5xx %.1f/s", rate(v, s->requests, b->requests),
                      rate(v, s->server_errors, b->server_errors));
    gw_buf_printf(out, "\nconnections  %.0f of clients, %.0f to model servers\n", s->open_connections,
                  s->model_connections);
    gw_buf_printf(out, "process      %.1f MiB, %.0f of %.0f descriptors", s->memory / 1048576.0, s->descriptors,
                  s->descriptors_max);
    if (v->has_before)
        gw_buf_printf(out, ", CPU %.0f %%", 100.0 * rate(v, s->cpu_s, b->cpu_s));
    gw_buf_printf(out, "%s\n", s->log_dropped > 0 ? ", LOG LINES WERE DROPPED" : "");
}

static void put_keys(const struct view *v, struct gw_buf *out)
{
    struct json_object *issuers = cli_json_group(v->now.ready, "keys.issuers");

    if (!issuers)
        return;
    json_object_object_foreach(issuers, name, issuer)
    {
        const char *error = cli_json_text(issuer, "error");

        gw_buf_printf(out, "keys         %s: %lld", name, (long long)cli_json_int(issuer, "keys"));
        if (cli_json_at(issuer, "age_s")) {
            gw_buf_puts(out, ", read ");
            put_time(out, cli_json_int(issuer, "age_s"));
            gw_buf_puts(out, " ago");
        }
        gw_buf_printf(out, "%s%.200s\n", *error ? "; " : "", error);
    }
}

/** Only those of whom there is something to say. */
static void put_plugins(const struct view *v, struct gw_buf *out)
{
    struct json_object *list = cli_json_list(v->now.ready, "plugins");

    for (size_t i = 0; i < cli_json_count(list); i++) {
        struct json_object *plugin = json_object_array_get_idx(list, i), *off = cli_json_at(plugin, "off");

        gw_buf_printf(out, "plugin       %s%s%s: %lld slow callbacks, %lld broken rules\n",
                      cli_json_text(plugin, "instance"), cli_json_int(plugin, "stuck") ? " HOLDS A WORKER" : "",
                      json_object_get_boolean(off) ? " IS SWITCHED OFF" : "", (long long)cli_json_int(plugin, "slow"),
                      (long long)cli_json_int(plugin, "errors"));
    }
}

static void put_rows(const struct view *v, const char *title, const struct sample_row *rows, size_t count,
                     const struct sample_row *before, size_t before_count, bool is_model, struct gw_buf *out)
{
    if (count)
        gw_buf_printf(out, "\n%-40s %9s %10s %9s %8s%s\n", title, is_model ? "in flight" : "", "good", "failed",
                      is_model ? "mean s" : "", v->has_before ? "   now/s" : "");
    for (size_t i = 0; i < count; i++) {
        const struct sample_row *row = &rows[i], *old = sample_find(before, before_count, row);
        double all = row->calls + row->errors, was = old ? old->calls + old->errors : 0;
        char name[sizeof row->name + sizeof row->engine + 4];

        snprintf(name, sizeof name, "%s%s%s%s", row->name, *row->engine ? " (" : "", row->engine,
                 *row->engine ? ")" : "");
        gw_buf_printf(out, "%-40.40s ", name);
        if (is_model)
            gw_buf_printf(out, "%9.0f %10.0f %9.0f %8.2f", row->in_flight, row->calls, row->errors,
                          all > 0 ? row->seconds / all : 0);
        else
            gw_buf_printf(out, "%9s %10.0f %9.0f %8s", "", row->calls, row->errors, "");
        if (v->has_before)
            gw_buf_printf(out, " %7.1f", rate(v, all, was));
        gw_buf_puts(out, "\n");
    }
}

static void put_targets(const struct view *v, struct gw_buf *out)
{
    struct json_object *models = cli_json_group(v->now.ready, "models");

    if (!models || json_object_object_length(models) == 0)
        return;
    gw_buf_printf(out, "\n%-24s %-40s %s\n", "MODEL OF conf.d", "TARGET", "CIRCUIT");
    json_object_object_foreach(models, name, of_model)
    {
        struct json_object *targets = cli_json_list(of_model, "");

        for (size_t i = 0; i < cli_json_count(targets); i++) {
            struct json_object *target = json_object_array_get_idx(targets, i);
            char place[256];

            snprintf(place, sizeof place, "%s at %s", cli_json_text(target, "model"),
                     cli_json_text(target, "provider"));
            gw_buf_printf(out, "%-24.24s %-40.40s %s\n", name, place, cli_json_text(target, "circuit"));
        }
    }
}

/** "12.5 of 50 EUR, 100 of 600 requests". */
static void put_amounts(struct json_object *quota, struct json_object *used, struct gw_buf *out)
{
    static const char *const units[] = { "cost", "requests", "tokens", "parallel" };
    const char *between = "";

    for (size_t i = 0; i < GW_ARRAY_LEN(units); i++) {
        double limit = json_object_get_double(cli_json_at(quota, units[i]));

        if (!(limit > 0) || !cli_json_at(used, units[i]))
            continue;
        gw_buf_printf(out, "%s%.10g of %.10g %s", between, json_object_get_double(cli_json_at(used, units[i])), limit,
                      i == 0 ? cli_json_text(quota, "currency") : units[i]);
        between = ", ";
    }
}

static void put_quotas(const struct view *v, struct gw_buf *out)
{
    struct json_object *quotas = cli_json_group(v->now.ready, "quotas");
    struct json_object *list = cli_json_list(v->now.ready, "quotas_used");
    size_t count = cli_json_count(list);

    if (count)
        gw_buf_printf(out, "\n%-24s %-40s %5s\n", "QUOTA", "WHOSE", "USED");
    for (size_t i = 0; i < count; i++) {
        struct json_object *used = json_object_array_get_idx(list, i), *quota = NULL;

        json_object_object_get_ex(quotas, cli_json_text(used, "quota"), &quota);
        gw_buf_printf(out, "%-24.24s %-40.40s %3.0f %%  ", cli_json_text(used, "quota"), cli_json_text(used, "entity"),
                      100 * json_object_get_double(cli_json_at(used, "ratio")));
        put_amounts(quota, used, out);
        if (cli_json_at(used, "resets_in_s")) {
            gw_buf_puts(out, "; anew in ");
            put_time(out, cli_json_int(used, "resets_in_s"));
        }
        gw_buf_puts(out, "\n");
    }
}

static void put_text(struct view *v, struct gw_buf *out)
{
    put_gateway(v, v->url, out);
    put_traffic(v, out);
    put_keys(v, out);
    put_plugins(v, out);
    put_rows(v, "MODEL, AS CLIENTS KNOW IT", v->now.models, v->now.model_count, v->before.models,
             v->has_before ? v->before.model_count : 0, true, out);
    put_rows(v, "ATTEMPTS AT A PROVIDER", v->now.providers, v->now.provider_count, v->before.providers,
             v->has_before ? v->before.provider_count : 0, false, out);
    put_targets(v, out);
    put_quotas(v, out);
}

/* ---- JSON ---- */

static void put_json_rows(const char *name, const struct sample_row *rows, size_t count, bool is_model,
                          struct gw_buf *out)
{
    gw_buf_printf(out, ",\n\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        gw_buf_printf(out, "%s{\"name\":", i ? "," : "");
        gw_buf_json(out, gw_str(rows[i].name), false);
        if (is_model) {
            gw_buf_puts(out, ",\"engine\":");
            gw_buf_json(out, gw_str(rows[i].engine), false);
            gw_buf_printf(out, ",\"in_flight\":%.0f,\"seconds\":%g", rows[i].in_flight, rows[i].seconds);
        }
        gw_buf_printf(out, ",\"good\":%.0f,\"failed\":%.0f}", rows[i].calls, rows[i].errors);
    }
    gw_buf_puts(out, "]");
}

static void put_json(struct view *v, struct gw_buf *out)
{
    const struct sample *s = &v->now;

    gw_buf_puts(out, "{\"gateway\":");
    gw_buf_json(out, gw_str(v->url), false);
    gw_buf_printf(out, ",\n\"ready\":%s", json_object_to_json_string_ext(s->ready, JSON_C_TO_STRING_PLAIN));
    if (s->has_metrics)
        gw_buf_printf(
            out,
            ",\n\"requests\":{\"open\":%.0f,\"answered\":%.0f,\"client_errors\":%.0f,\"server_errors\":%.0f},\n"
            "\"connections\":{\"clients\":%.0f,\"models\":%.0f},\n"
            "\"process\":{\"cpu_seconds\":%g,\"memory_bytes\":%.0f,\"descriptors\":%.0f,\"descriptors_max\":%.0f}",
            s->open_requests, s->requests, s->client_errors, s->server_errors, s->open_connections,
            s->model_connections, s->cpu_s, s->memory, s->descriptors, s->descriptors_max);
    if (v->has_before)
        gw_buf_printf(out, ",\n\"per_second\":{\"requests\":%g,\"server_errors\":%g,\"cpu_seconds\":%g}",
                      rate(v, s->requests, v->before.requests), rate(v, s->server_errors, v->before.server_errors),
                      rate(v, s->cpu_s, v->before.cpu_s));
    put_json_rows("models", s->models, s->model_count, true, out);
    put_json_rows("providers", s->providers, s->provider_count, false, out);
    gw_buf_puts(out, "}\n");
}

/* ---- the commands ---- */

static bool begin(const struct cli_options *options, struct view *v)
{
    struct gw_settings settings;
    struct gw_problems problems;

    *v = (struct view){ .has_before = false };
    gw_arena_init(&v->arena, (size_t)64 << 20);
    gw_problems_init(&problems, &v->arena);
    cli_quiet_log();
    cli_settings_load(options, &v->arena, &settings, &problems);
    v->url = cli_api_url(&v->arena, &settings);
    v->ready_url = gw_arena_printf(&v->arena, "%s/monitoring/ready?verbose", v->url);
    v->metrics_url = cli_metrics_url(&v->arena, &settings);
    if (v->metrics_url)
        v->metrics_url = gw_arena_printf(&v->arena, "%s/metrics", v->metrics_url);
    if (sample_take(v->ready_url, v->metrics_url, &v->now))
        return true;
    fprintf(stderr, "aigw: no gateway answers at %s: %s\nIs it running, and is this the environment of its service?\n",
            v->url, v->now.error.text);
    return false;
}

static void end(struct view *v)
{
    sample_done(&v->now);
    sample_done(&v->before);
    gw_arena_done(&v->arena);
}

static void print(struct view *v, bool is_json)
{
    struct gw_buf out;

    gw_buf_init(&out, OUTPUT_MAX);
    (is_json ? put_json : put_text)(v, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    gw_buf_done(&out);
}

int cli_status(const struct cli_options *options)
{
    struct view v;
    bool is_there = begin(options, &v);
    int result = !is_there || v.now.ready_status != 200 ? CLI_FAILED : CLI_OK;

    if (is_there)
        print(&v, options->json);
    end(&v);
    return result;
}

static volatile sig_atomic_t must_stop;

static void on_signal(int number)
{
    (void)number;
    must_stop = 1;
}

/** The next sample, a second later. False when it is time to stop. */
static bool next(struct view *v)
{
    struct timespec pause = { .tv_sec = INTERVAL_MS / 1000 };

    if (nanosleep(&pause, NULL) != 0 && errno == EINTR)
        return false;
    sample_done(&v->before);
    v->before = v->now;
    v->has_before = true;
    sample_take(v->ready_url, v->metrics_url, &v->now);
    return !must_stop;
}

/** One screen: what was there is written over, so that nothing flickers. */
static void paint(struct view *v)
{
    struct gw_buf out;
    const char *at, *end_of_line;

    gw_buf_init(&out, OUTPUT_MAX);
    if (v->now.ready)
        put_text(v, &out);
    else
        gw_buf_printf(&out, "no answer: %s\n", v->now.error.text);
    gw_buf_puts(&out, "\nCtrl-C ends\n");
    fputs("\033[H", stdout);
    for (at = out.data; at < out.data + out.len; at = end_of_line + 1) {
        end_of_line = memchr(at, '\n', (size_t)(out.data + out.len - at));
        printf("%.*s\033[K\n", (int)(end_of_line - at), at);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
    gw_buf_done(&out);
}

static int watch(struct view *v)
{
    const struct sigaction action = { .sa_handler = on_signal };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fputs("\033[2J", stdout);
    do {
        paint(v);
    } while (next(v));
    if (must_stop) { /* perhaps in the midst of a screen, at a terminal that takes no more of it: nobody waits for that
                      */
        __fpurge(stdout);
        clearerr(stdout);
    }
    return CLI_OK;
}

int cli_top(const struct cli_options *options)
{
    struct view v;
    int result = CLI_FAILED;

    if (begin(options, &v)) {
        if (isatty(STDOUT_FILENO) && !options->json) {
            result = watch(&v);
        } else if (next(&v) && v.now.ready) {
            print(&v, options->json);
            result = CLI_OK;
        }
    }
    end(&v);
    return result;
}
