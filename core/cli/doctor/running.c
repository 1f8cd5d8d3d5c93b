/* running.c - what the gateway that runs here says of itself: /monitoring/ready?verbose and its metrics. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <json-c/json.h>

#include "cli/doctor/doctor.h"
#include "cli/probe.h"
#include "config/json.h"

#define LOOK_MS        5000
#define REPLICAS_ASKED 8

static bool get(struct doctor *d, const char *base, const char *path, struct cli_answer *ret_answer)
{
    struct cli_probe probe = { .url = gw_arena_printf(d->arena, "%s%s", base, path),
                               .timeout_ms = LOOK_MS,
                               .is_local = true };

    cli_probe(&probe, ret_answer);
    return ret_answer->status != 0 && !ret_answer->error.text[0];
}

static size_t count_findings(const struct doctor *d)
{
    size_t count = 0;

    for (const struct doctor_finding *f = d->first; f; f = f->next)
        count++;
    return count;
}

/* ---- ready?verbose ---- */

static void check_targets(struct doctor *d, struct json_object *ready)
{
    struct json_object *models = cli_json_at(ready, "models");

    if (!models)
        return;
    json_object_object_foreach(models, name, targets)
    {
        for (size_t i = 0; i < json_object_array_length(targets); i++) {
            struct json_object *target = json_object_array_get_idx(targets, i);
            const char *circuit = cli_json_text(target, "circuit");

            if (strcmp(circuit, "open") == 0)
                doctor_fail(d, "targets", FAULT_RESTING, "%s of provider %s (model %s) rests",
                            cli_json_text(target, "model"), cli_json_text(target, "provider"), name);
        }
    }
}

/** Files that were changed after the running configuration was read. */
static void check_reload(struct doctor *d, struct json_object *ready)
{
    struct json_object *age = cli_json_at(ready, "config.loaded_s_ago");
    int64_t read_s = (int64_t)time(NULL) - cli_json_int(ready, "config.loaded_s_ago");

    if (strcmp(cli_json_text(ready, "config.last_reload"), "refused") == 0)
        doctor_fail(d, "reload", FAULT_RELOAD_REFUSED, "the last reload was refused: the gateway serves what it had");
    for (size_t i = 0; age && i < d->options->conf_dirs.count; i++) {
        DIR *dir = opendir(d->options->conf_dirs.items[i]);
        struct dirent *entry;
        struct stat st;

        while (dir && (entry = readdir(dir)) != NULL) {
            const char *path = gw_arena_printf(d->arena, "%s/%s", d->options->conf_dirs.items[i], entry->d_name);
            size_t len = strlen(entry->d_name);

            if (path && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0 && stat(path, &st) == 0 &&
                (int64_t)st.st_mtim.tv_sec > read_s)
                doctor_warn(d, "reload", FAULT_NOT_RELOADED, "%s was changed after the gateway read it", path);
        }
        if (dir)
            closedir(dir);
    }
}

/** A gateway that signs with another key than the one configured here: behind a balancer that is a replica. */
static void check_key(struct doctor *d, const char *where, struct json_object *ready)
{
    const char *id = cli_json_text(ready, "keys.local.id");

    if (*id && *d->key_id && strcmp(id, d->key_id) != 0)
        doctor_fail(d, "signing key", FAULT_REPLICA_KEYS,
                    "the gateway at %s signs with key %s, this configuration has %s", where, id, d->key_id);
}

/** Whoever answers at the public URL, several times: each may be another one. */
static void check_replicas(struct doctor *d)
{
    size_t before = 0, after = 0;

    for (int i = 0; d->options->url && i < REPLICAS_ASKED && before == after; i++) {
        struct json_object *ready = NULL;
        struct cli_answer answer;

        before = count_findings(d);
        if (get(d, d->options->url, "/monitoring/ready?verbose", &answer))
            ready = gw_json_read(gw_buf_str(&answer.body), 32, 0, NULL);
        check_key(d, d->options->url, ready);
        after = count_findings(d);
        json_object_put(ready);
        cli_answer_done(&answer);
    }
}

static void check_ready(struct doctor *d)
{
    struct json_object *ready = NULL;
    struct cli_answer answer;

    if (get(d, d->api_url, "/monitoring/ready?verbose", &answer))
        ready = gw_json_read(gw_buf_str(&answer.body), 32, 0, NULL);
    if (!ready || answer.status != 200) {
        struct json_object *reasons = cli_json_at(ready, "reasons");

        doctor_fail(d, "ready", FAULT_NOT_READY, "status %ld: %s%s", answer.status, answer.error.text,
                    reasons ? json_object_to_json_string(reasons) : "");
    } else {
        doctor_ok(d, "ready", "it serves since %lld s; GitLab's probes of /monitoring pass",
                  (long long)cli_json_int(ready, "uptime_s"));
        check_targets(d, ready);
        check_reload(d, ready);
        check_key(d, d->api_url, ready);
    }
    json_object_put(ready);
    cli_answer_done(&answer);
}

/* ---- metrics ---- */

/** Value of a sample whose line begins so, 0 when there is none. */
static double sample(const char *page, const char *begin)
{
    const char *at = strstr(page, begin), *end = at ? strchr(at, '\n') : NULL, *blank = NULL;

    for (const char *p = at; p && p < end; p++)
        blank = *p == ' ' ? p : blank;
    return blank ? strtod(blank, NULL) : 0;
}

/** Versions of GitLab that requests named. */
static void check_versions(struct doctor *d, const char *page)
{
    static const char label[] = "gitlab_version=\"";
    long seen = 0;

    for (const char *at = strstr(page, label); at; at = strstr(at + 1, label)) {
        char *end;
        long major = strtol(at + sizeof label - 1, &end, 10), minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

        if (major > 0 && (major < 17 || major > 18 || (major == 17 && minor < 6)) && seen != major * 1000 + minor) {
            doctor_warn(d, "GitLab's version", FAULT_GITLAB_VERSION, "requests come from GitLab %ld.%ld", major, minor);
            seen = major * 1000 + minor;
        }
    }
}

static void check_metrics(struct doctor *d)
{
    const char *base = cli_metrics_url(d->arena, &d->settings);
    struct cli_answer answer;
    double forbidden, mismatch;

    if (!base)
        return;
    if (!get(d, base, "/metrics", &answer)) {
        doctor_warn(d, "metrics", FAULT_NOT_RUNNING, "no answer at %s/metrics", base);
        cli_answer_done(&answer);
        return;
    }
    gw_buf_put(&answer.body, "", 1);
    forbidden = sample(answer.body.data, "aigw_auth_total{result=\"forbidden\"}");
    mismatch = sample(answer.body.data, "aigw_auth_total{result=\"header_mismatch\"}");
    if (forbidden > 0)
        doctor_warn(d, "tokens", FAULT_TOKENS_REFUSED, "%.0f were refused since the start (401)", forbidden);
    if (mismatch > 0)
        doctor_warn(d, "tokens", FAULT_INSTANCE_ID,
                    "%.0f requests had headers (X-Gitlab-Instance-Id and its like) that are not those of their token",
                    mismatch);
    check_versions(d, answer.body.data);
    cli_answer_done(&answer);
}

void doctor_check_running(struct doctor *d)
{
    if (!d->is_running) {
        doctor_warn(d, "gateway", FAULT_NOT_RUNNING, "none answers at %s; what only a running one can tell is left out",
                    d->api_url);
        return;
    }
    doctor_ok(d, "gateway", "answers at %s", d->api_url);
    check_ready(d);
    check_replicas(d);
    check_metrics(d);
}
