/* health.c - see health.h. */
#include "models/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "health/metrics.h"
#include "models/call.h"

#define TICK_MS    1000
#define ANSWER_MS  2000 /* a server that needs longer is not well */
#define PROLONG_MS 3000 /* past the next look: without one, the target comes back by itself */
#define ANSWER_MAX (64u << 10)

enum verdict { UNKNOWN, WELL, ILL, ODD };

struct probe {
    struct gw_health *owner;
    const struct gw_place *place;
    struct gw_transfer *transfer; /* NULL: none is under way */
    int status;
    enum verdict last;    /* what was logged */
    int64_t ill_since_ms; /* of those that rest now; 0: it was not ill */
};

struct gw_health {
    struct gw_loop *loop;
    struct gw_upstream *upstream;
    struct gw_snapshot *snapshot;
    struct gw_timer timer;
    struct probe *probes; /* of the providers that have an address */
    size_t count;
};

static int on_head(void *user, struct gw_transfer *transfer, int status)
{
    struct probe *probe = user;

    (void)transfer;
    probe->status = status;
    return GW_UP_MORE;
}

static int on_data(void *user, struct gw_transfer *transfer, const char *bytes, size_t len)
{
    (void)user;
    (void)transfer;
    (void)bytes;
    (void)len;
    return GW_UP_MORE;
}

/* A refusal or a redirect says that something is there, not how it is. */
static enum verdict judge(const struct probe *probe, const struct gw_transfer_result *result)
{
    if (probe->status == 0)
        return result->kind == GW_UP_REFUSED || result->kind == GW_UP_INTERNAL ? ODD : ILL;
    return probe->status >= 500 ? ILL : probe->status >= 200 && probe->status < 300 ? WELL : ODD;
}

/* What stays as it was is said once. */
static void say(struct probe *probe, enum verdict verdict, const char *message)
{
    static const char *const words[] = { NULL, "well", "ill", "expected a status of 2xx or 5xx" };
    struct gw_line line;

    if (verdict == probe->last)
        return;
    probe->last = verdict;
    gw_line_begin(&line, verdict == ODD ? GW_LOG_WARNING : GW_LOG_INFO, "models", "health of a resting provider");
    gw_line_cstr(&line, "provider", probe->place->name);
    gw_line_str(&line, "url", (aigw_str){ probe->place->health_url, strcspn(probe->place->health_url, "?") });
    gw_line_cstr(&line, "health", words[verdict]);
    if (probe->status)
        gw_line_int(&line, "status", probe->status);
    else
        gw_line_cstr(&line, "cause", message);
    gw_line_end(&line);
}

typedef bool visit(struct gw_seat *seat, int64_t now_ms);

/* Whether any target there rests because it failed; or do it to all of them. */
static bool each_target(const struct probe *probe, visit *fn)
{
    const struct gw_models *models = probe->owner->snapshot->models;
    int64_t now_ms = gw_loop_now_ms(probe->owner->loop);
    bool any = false;

    for (size_t m = 0; m < models->model_count; m++)
        for (uint32_t t = 0; t < models->models[m].target_count; t++)
            if (models->models[m].targets[t].place == probe->place)
                any |= fn(models->models[m].targets[t].seat, now_ms);
    return any;
}

static bool prolong(struct gw_seat *seat, int64_t now_ms)
{
    return gw_circuit_move_end(seat, now_ms, now_ms + PROLONG_MS);
}

static bool finish(struct gw_seat *seat, int64_t now_ms)
{
    return gw_circuit_move_end(seat, now_ms, now_ms);
}

static void on_done(void *user, struct gw_transfer *transfer, const struct gw_transfer_result *result)
{
    struct probe *probe = user;
    const struct gw_settings *settings = &probe->owner->snapshot->settings;
    enum verdict verdict = judge(probe, result);
    int64_t now_ms = gw_loop_now_ms(probe->owner->loop);

    (void)transfer;
    probe->transfer = NULL; /* freed after this */
    gw_models_count_health(probe->place->name, verdict == WELL ? "well" : verdict == ILL ? "ill" : "odd");
    say(probe, verdict, result->message);
    if (verdict != ILL)
        probe->ill_since_ms = 0;
    else if (probe->ill_since_ms == 0)
        probe->ill_since_ms = now_ms;
    if (verdict == WELL)
        each_target(probe, finish);
    else if (verdict == ILL && now_ms - probe->ill_since_ms < settings->upstream.circuit_rest_max_ms)
        each_target(probe, prolong); /* but an address that is wrong must not keep a target out for ever */
}

static void ask(struct probe *probe)
{
    static const char *const headers[] = { "Accept: */*" };
    const struct gw_snapshot *snapshot = probe->owner->snapshot;
    struct gw_transfer_events events = { .user = probe, .on_head = on_head, .on_data = on_data, .on_done = on_done };
    struct gw_transfer_request request = {
        .method = "GET",
        .url = probe->place->health_url,
        .headers = headers,
        .header_count = GW_ARRAY_LEN(headers),
        .flags = snapshot->settings.models.allow_link_local ? 0 : GW_UPF_CHECK_ADDRESS,
        .total_ms = ANSWER_MS,
        .body_max = ANSWER_MAX,
        .tls = &snapshot->upstream_tls,
    };
    struct gw_err err = { "" };

    probe->status = 0;
    probe->transfer = gw_transfer_start(probe->owner->upstream, &request, &events, &err);
    if (!probe->transfer)
        say(probe, ODD, err.text);
}

static void tick(struct gw_timer *timer)
{
    struct gw_health *health = GW_CONTAINER_OF(timer, struct gw_health, timer);

    for (size_t i = 0; i < health->count; i++) {
        struct probe *probe = &health->probes[i];
        if (!each_target(probe, gw_circuit_rests_for_failures))
            probe->ill_since_ms = 0;
        else if (!probe->transfer)
            ask(probe);
    }
    gw_timer_set(health->loop, timer, TICK_MS);
}

static void leave(struct gw_health *health)
{
    gw_timer_clear(health->loop, &health->timer);
    for (size_t i = 0; i < health->count; i++)
        if (health->probes[i].transfer)
            gw_transfer_cancel(health->probes[i].transfer);
    free(health->probes);
    health->probes = NULL;
    health->count = 0;
    gw_snapshot_unref(health->snapshot);
    health->snapshot = NULL;
}

void gw_health_follow(struct gw_health *health, struct gw_snapshot *snapshot)
{
    const struct gw_models *models = snapshot->models;

    leave(health);
    health->snapshot = gw_snapshot_ref(snapshot);
    health->probes = calloc(models->place_count + 1, sizeof *health->probes);
    for (size_t i = 0; health->probes && i < models->place_count; i++)
        if (models->places[i].health_url)
            health->probes[health->count++] = (struct probe){ .owner = health, .place = &models->places[i] };
    if (health->count)
        gw_timer_set(health->loop, &health->timer, TICK_MS);
}

struct gw_health *gw_health_new(struct gw_loop *loop, struct gw_upstream *upstream)
{
    struct gw_health *health = calloc(1, sizeof *health);

    if (health)
        *health = (struct gw_health){ .loop = loop, .upstream = upstream, .timer = { .on_due = tick } };
    return health;
}

void gw_health_free(struct gw_health *health)
{
    if (!health)
        return;
    leave(health);
    free(health);
}
