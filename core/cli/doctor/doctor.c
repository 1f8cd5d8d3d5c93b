/* doctor.c - runs the groups, finds the cause, prints. */
#include "cli/doctor/doctor.h"

#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/url.h"
#include "config/snapshot.h"
#include "pipeline/request.h"

#ifndef AIGW_VERSION
#define AIGW_VERSION "unversioned"
#endif
#define ARENA_MAX ((size_t)128 << 20)
#define TEXT_MAX  ((size_t)4096)

static const struct {
    const char *name;
    unsigned group;
    void (*run)(struct doctor *d);
} groups[] = {
    { "configuration", DOCTOR_CONFIG, doctor_check_config },
    { "limits", DOCTOR_LIMITS, doctor_check_limits },
    { "network", DOCTOR_NETWORK, doctor_check_network },
    { "store", DOCTOR_STORE, doctor_check_store },
    { "tokens", DOCTOR_KEYS, doctor_check_keys },
    { "gateway", DOCTOR_RUNNING, doctor_check_running },
    { "models", DOCTOR_MODELS, doctor_check_models },
    { "stream", DOCTOR_STREAM, doctor_check_stream },
};
static const char *const words[] = { "ok", "warn", "FAIL" }, *const json_words[] = { "ok", "warn", "fail" };

/* ---- reports ---- */

/** In arena memory, masked, on one line. */
static const char *kept(struct doctor *d, const char *fmt, va_list args)
{
    struct gw_buf text, masked;
    const char *copy;

    gw_buf_init(&text, TEXT_MAX);
    gw_buf_init(&masked, 2 * TEXT_MAX);
    gw_buf_vprintf(&text, fmt, args);
    gw_log_mask(&masked, gw_buf_str(&text));
    for (size_t i = 0; i < masked.len; i++) {
        if ((unsigned char)masked.data[i] < ' ')
            masked.data[i] = ' ';
    }
    copy = gw_arena_strndup(d->arena, masked.data ? masked.data : "", masked.len);
    gw_buf_done(&masked);
    gw_buf_done(&text);
    return copy ? copy : "out of memory";
}

static void report(struct doctor *d, const char *check, int level, enum doctor_fault fault, const char *fmt,
                   va_list args)
{
    struct doctor_finding *finding = gw_arena_calloc(d->arena, sizeof *finding);

    if (!finding)
        return;
    finding->check = gw_arena_strndup(d->arena, check, strlen(check));
    finding->found = kept(d, fmt, args);
    finding->level = level;
    finding->fault = fault;
    finding->group = d->group;
    *d->tail = finding;
    d->tail = &finding->next;
}

void doctor_ok(struct doctor *d, const char *check, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(d, check, DOCTOR_OK, FAULT_COUNT, fmt, args);
    va_end(args);
}

void doctor_warn(struct doctor *d, const char *check, enum doctor_fault fault, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(d, check, DOCTOR_WARN, fault, fmt, args);
    va_end(args);
}

void doctor_fail(struct doctor *d, const char *check, enum doctor_fault fault, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(d, check, DOCTOR_FAIL, fault, fmt, args);
    va_end(args);
}

/* ---- the result ---- */

/** The first failure that explains a later one, or that is the only one. */
static void mark_cause(struct doctor *d)
{
    for (struct doctor_finding *f = d->first; f; f = f->next) {
        size_t later = 0, explained = 0;

        if (f->level != DOCTOR_FAIL)
            continue;
        for (const struct doctor_finding *l = f->next; l; l = l->next) {
            later += l->level == DOCTOR_FAIL;
            explained += l->level != DOCTOR_OK && (doctor_remedies[f->fault].explains & l->group);
        }
        if (explained || !later) {
            f->is_cause = true;
            return;
        }
    }
}

static int worst(const struct doctor *d)
{
    int level = DOCTOR_OK;

    for (const struct doctor_finding *f = d->first; f; f = f->next)
        level = f->level > level ? f->level : level;
    return level;
}

static void print_text(const struct doctor *d)
{
    size_t counts[3] = { 0 };

    for (const struct doctor_finding *f = d->first; f; f = f->next) {
        counts[f->level]++;
        printf("%-4s  %s: %s%s", words[f->level], f->check, f->is_cause ? "(cause) " : "", f->found);
        if (f->level != DOCTOR_OK)
            printf("; remedy: %s", doctor_remedies[f->fault].remedy);
        puts("");
    }
    printf("%zu ok, %zu warnings, %zu failures\n", counts[0], counts[1], counts[2]);
}

static const char *group_name(unsigned group)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(groups); i++) {
        if (groups[i].group == group)
            return groups[i].name;
    }
    return "";
}

static void print_json(const struct doctor *d)
{
    struct gw_buf out;

    gw_buf_init(&out, (size_t)4 << 20);
    gw_buf_printf(&out, "{\"version\":\"%s\",\"result\":\"%s\",\"checks\":[", AIGW_VERSION, json_words[worst(d)]);
    for (const struct doctor_finding *f = d->first; f; f = f->next) {
        gw_buf_printf(&out, "%s\n {\"group\":\"%s\",\"check\":", f == d->first ? "" : ",", group_name(f->group));
        gw_buf_json(&out, gw_str(f->check), false);
        gw_buf_printf(&out, ",\"result\":\"%s\",\"found\":", json_words[f->level]);
        gw_buf_json(&out, gw_str(f->found), false);
        if (f->level != DOCTOR_OK) {
            gw_buf_printf(&out, ",\"fault\":\"%s\",\"remedy\":", doctor_remedies[f->fault].id);
            gw_buf_json(&out, gw_str(doctor_remedies[f->fault].remedy), false);
            gw_buf_printf(&out, ",\"cause\":%s", f->is_cause ? "true" : "false");
        }
        gw_buf_puts(&out, "}");
    }
    gw_buf_puts(&out, "\n]}\n");
    fwrite(out.data, 1, out.len, stdout);
    gw_buf_done(&out);
}

/* ---- the command ---- */

/** The parts of the gateway that doctor uses count what they do. */
static struct gw_server nobody;

static void examine(struct doctor *d)
{
    struct gw_snapshot_options from = cli_snapshot_options(d->options);
    struct gw_problems again;

    gw_access_register(&nobody); /* before plugins: the core's names are the core's */
    gw_problems_init(&again, d->arena);
    cli_settings_load(d->options, d->arena, &d->settings, &again); /* those of a good snapshot, also when it is none */
    d->snapshot = gw_snapshot_build(&from, &d->problems);
    d->api_url = cli_api_url(d->arena, &d->settings);
    for (size_t i = 0; i < GW_ARRAY_LEN(groups); i++) {
        d->group = groups[i].group;
        groups[i].run(d);
    }
    if (d->snapshot)
        gw_snapshot_unref(d->snapshot);
    mark_cause(d);
}

/** What must be wrong before anything is examined. */
static bool are_options_good(const struct cli_options *options)
{
    struct gw_url url;
    uint64_t quiet_s = 0;
    const char *why = options->url ? gw_url_split(gw_str(options->url), &url) : NULL;

    if (options->url && !why && !gw_str_eq_ci(url.scheme, AIGW_STR("http")) &&
        !gw_str_eq_ci(url.scheme, AIGW_STR("https")))
        why = "must begin with http:// or https://";
    if (why)
        fprintf(stderr, "aigw: doctor: --url: the URL %s\n", why);
    else if (options->quiet &&
             (!gw_str_to_u64(gw_str(options->quiet), GW_STREAM_PROBE_QUIET_MAX_S, &quiet_s) || !quiet_s))
        fprintf(stderr, "aigw: doctor: --quiet is \"%s\", expected seconds from 1 to %d\n", options->quiet,
                GW_STREAM_PROBE_QUIET_MAX_S);
    else if (options->quiet && !options->stream)
        fputs("aigw: doctor: --quiet goes with --stream\n", stderr);
    else
        return true;
    return false;
}

int cli_doctor(const struct cli_options *options)
{
    struct doctor d = { .options = options };
    struct gw_arena arena;
    int result;

    if (!are_options_good(options))
        return CLI_USAGE;
    gw_arena_init(&arena, ARENA_MAX);
    d.arena = &arena;
    d.tail = &d.first;
    gw_problems_init(&d.problems, &arena);
    cli_quiet_log();
    examine(&d);
    if (options->json)
        print_json(&d);
    else
        print_text(&d);
    result = worst(&d);
    gw_log_stop();
    gw_arena_done(&arena);
    return result;
}
