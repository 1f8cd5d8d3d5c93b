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
#include "config/snapshot.h"

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

/** Does it rest; are all places of its provider taken? *last_full is the provider that was named for that last. */
static void check_target(struct doctor *d, const char *model, struct json_object *target, const char **last_full)
{
    const char *provider = cli_json_text(target, "provider");
    long long places = cli_json_int(target, "places"), taken = cli_json_int(target, "places_taken");

    if (strcmp(cli_json_text(target, "circuit"), "open") == 0)
        doctor_fail(d, "targets", FAULT_RESTING, "%s of provider %s (model %s) rests", cli_json_text(target, "model"),
                    provider, model);
    if (places <= 0 || taken < places || strcmp(provider, *last_full) == 0)
        return;
    doctor_warn(d, "places", FAULT_FULL, "all %lld of provider %s (model %s) are taken, %lld calls wait", places,
                provider, model, (long long)cli_json_int(target, "waiting"));
    *last_full = provider;
}

static void check_targets(struct doctor *d, struct json_object *ready)
{
    struct json_object *models = cli_json_group(ready, "models");
    const char *last_full = "";

    if (!models)
        return;
    json_object_object_foreach(models, name, of_model)
    {
        struct json_object *targets = cli_json_list(of_model, "");

        for (size_t i = 0; i < cli_json_count(targets); i++)
            check_target(d, name, json_object_array_get_idx(targets, i), &last_full);
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

/** The store of shared limits, as it is seen from there. */
static void check_shared(struct doctor *d, struct json_object *ready)
{
    struct json_object *is_up = cli_json_at(ready, "shared.up");

    if (is_up && !json_object_get_boolean(is_up))
        doctor_warn(d, "shared limits", FAULT_STORE_DOWN,
                    "the gateway has had no store (%s) for %lld s, and holds limits by on_down \"%s\": %s",
                    cli_json_text(ready, "shared.store"), (long long)cli_json_int(ready, "shared.since_s"),
                    cli_json_text(ready, "shared.on_down"), cli_json_text(ready, "shared.cause"));
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

/** What it said; json_object_put() it. NULL when that is nothing. */
static struct json_object *check_ready(struct doctor *d)
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
        doctor_ok(
            d, "ready",
            "it serves since %lld s; GitLab's own probes of /monitoring pass: a red health check in GitLab, which is "
            "known to mislead, has another cause",
            (long long)cli_json_int(ready, "uptime_s"));
        check_targets(d, ready);
        check_shared(d, ready);
        check_reload(d, ready);
        check_key(d, d->api_url, ready);
    }
    cli_answer_done(&answer);
    return ready;
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

/** The value of a label of the sample that begins here, into `text`. */
static void label_of(const char *at, const char *name, char *text, size_t size)
{
    const char *end = at + strcspn(at, "\n"), *value = strstr(at, name);

    text[0] = '\0';
    if (value && value < end)
        snprintf(text, size, "%.*s", (int)strcspn(value + strlen(name), "\"\n"), value + strlen(name));
}

static bool is_calendar(const char *window)
{
    return strcmp(window, "day") == 0 || strcmp(window, "week") == 0 || strcmp(window, "month") == 0;
}

/** Where days begin, by the configuration; without a zone that is UTC. */
static const char *zone_of(struct doctor *d)
{
    const struct gw_node *prices = d->snapshot ? gw_node_get(d->snapshot->conf, "prices") : NULL;
    const struct gw_node *zone = prices ? gw_node_get(prices, "zone") : NULL;

    return zone && zone->type == GW_NODE_STRING ? zone->string : "UTC";
}

/** "; ci-1 used 5 requests, it begins anew in 3 h": of whoever used most of that quota. */
static void put_used(struct gw_buf *text, struct json_object *used, const char *name)
{
    static const char *const kinds[] = { "requests", "tokens", "cost" };

    for (size_t i = 0; i < cli_json_count(used); i++) {
        struct json_object *one = json_object_array_get_idx(used, i), *amount;
        const char *between = " used ";

        if (strcmp(cli_json_text(one, "quota"), name) != 0)
            continue;
        gw_buf_printf(text, "; %s", cli_json_text(one, "entity"));
        for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
            if (!json_object_object_get_ex(one, kinds[k], &amount))
                continue;
            gw_buf_printf(text, "%s%s %s", between, json_object_get_string(amount), kinds[k]);
            between = ", ";
        }
        if (cli_json_at(one, "resets_in_s"))
            gw_buf_printf(text, ", it begins anew in %.1f h", (double)cli_json_int(one, "resets_in_s") / 3600);
        return;
    }
}

/** ": per key, 5 requests a minute": what the quota of that name allows; "" when it is gone. */
static const char *quota_text(struct doctor *d, struct json_object *ready, const char *name)
{
    static const char *const kinds[] = { "requests", "tokens", "cost" };
    struct json_object *quota = NULL, *amount;
    const char *window;
    struct gw_buf text;
    const char *copy;

    if (!json_object_object_get_ex(cli_json_at(ready, "quotas"), name, &quota))
        return "";
    window = cli_json_text(quota, "window");
    gw_buf_init(&text, 1024);
    gw_buf_printf(&text, ": per %s", cli_json_text(quota, "per"));
    for (size_t i = 0; i < GW_ARRAY_LEN(kinds); i++) {
        if (json_object_object_get_ex(quota, kinds[i], &amount) && json_object_get_double(amount) > 0)
            gw_buf_printf(&text, ", %s %s a %s", json_object_get_string(amount), kinds[i], window);
    }
    if (cli_json_int(quota, "parallel") > 0)
        gw_buf_printf(&text, ", %lld at a time", (long long)cli_json_int(quota, "parallel"));
    if (is_calendar(window))
        gw_buf_printf(&text, "; a %s begins and ends in %s", window, zone_of(d));
    put_used(&text, cli_json_list(ready, "quotas_used"), name);
    copy = gw_arena_strndup(d->arena, text.data ? text.data : "", text.len);
    gw_buf_done(&text);
    return copy ? copy : "";
}

/** Whoever was refused although his token is good, what a quota refused, and what no budget sees. */
static void check_refusals(struct doctor *d, const char *page, struct json_object *ready)
{
    static const char scope_at[] = "aigw_scope_refused_total{", quota_at[] = "aigw_quota_refused_total{",
                      unpriced_at[] = "aigw_unpriced_requests_total{";
    char text[200];

    for (const char *at = strstr(page, scope_at); at; at = strstr(at + 1, scope_at)) {
        label_of(at, "scope=\"", text, sizeof text);
        doctor_warn(d, "rights", FAULT_SCOPE, "%.0f requests were refused since the start (403): their tokens lack %s",
                    sample(at, scope_at), text);
    }
    for (const char *at = strstr(page, quota_at); at; at = strstr(at + 1, quota_at)) {
        label_of(at, "quota=\"", text, sizeof text);
        doctor_warn(d, "quotas", FAULT_QUOTA, "quota %s refused %.0f calls since the start (429)%s", text,
                    sample(at, quota_at), quota_text(d, ready, text));
    }
    for (const char *at = strstr(page, unpriced_at); at; at = strstr(at + 1, unpriced_at)) {
        label_of(at, "model=\"", text, sizeof text);
        doctor_warn(d, "prices", FAULT_UNPRICED, "no price for %s: %.0f of its calls cost nothing", text,
                    sample(at, unpriced_at));
    }
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

static void check_metrics(struct doctor *d, struct json_object *ready)
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
    check_refusals(d, answer.body.data, ready);
    check_versions(d, answer.body.data);
    cli_answer_done(&answer);
}

void doctor_check_running(struct doctor *d)
{
    struct json_object *ready;

    if (!d->is_running) {
        doctor_warn(d, "gateway", FAULT_NOT_RUNNING, "none answers at %s; what only a running one can tell is left out",
                    d->api_url);
        return;
    }
    doctor_ok(d, "gateway", "answers at %s", d->api_url);
    ready = check_ready(d);
    check_replicas(d);
    check_metrics(d, ready);
    json_object_put(ready);
}
