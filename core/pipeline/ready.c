/* ready.c - /monitoring/ready: is this process configured and taking requests (D3)? Never asks GitLab or a model.
 * ?verbose adds what an operator looks for first: keys, bypass switches, providers, circuits, certificate. */
#include "limits/shared.h"
#include "models/plan.h"
#include "pipeline/request.h"

#include <string.h>

static void put_target(struct gw_buf *out, const struct gw_target *target, int64_t now_ms)
{
    static const char *const phases[] = { "closed", "open", "probing" };
    int64_t wait_ms = gw_circuit_wait_ms(target->seat, now_ms);

    gw_buf_printf(out, ",\"tier\":%lld,\"circuit\":\"%s\",\"in_flight\":%u", (long long)target->tier,
                  phases[gw_circuit_phase(target->seat)], target->seat ? atomic_load(&target->seat->in_flight) : 0);
    if (wait_ms > 0)
        gw_buf_printf(out, ",\"rests_ms\":%lld", (long long)wait_ms);
    if (target->place && target->place->is_drained)
        gw_buf_puts(out, ",\"drained\":true");
    if (target->place && target->place->max_parallel)
        gw_buf_printf(out, ",\"places\":%lld,\"places_taken\":%u,\"waiting\":%u",
                      (long long)target->place->max_parallel,
                      target->place->seat ? atomic_load(&target->place->seat->in_flight) : 0,
                      target->place->seat ? atomic_load(&target->place->seat->waiting) : 0);
    gw_buf_puts(out, "}");
}

static void put_models(struct gw_buf *out, const struct gw_models *models)
{
    int64_t now_ms = gw_mono_ms();

    gw_buf_puts(out, ",\"models\":{");
    for (size_t i = 0; i < models->model_count; i++) {
        const struct gw_model *model = &models->models[i];
        gw_buf_puts(out, i ? "," : "");
        gw_buf_json(out, gw_str(model->name), false);
        gw_buf_puts(out, ":[");
        for (uint32_t t = 0; t < model->target_count; t++) {
            gw_buf_puts(out, t ? ",{\"provider\":" : "{\"provider\":");
            gw_buf_json(out, gw_str(model->targets[t].provider->name), false);
            gw_buf_puts(out, ",\"model\":");
            gw_buf_json(out, model->targets[t].model, false);
            put_target(out, &model->targets[t], now_ms);
        }
        gw_buf_puts(out, "]");
    }
    gw_buf_puts(out, "}");
}

static void put_instances(struct gw_buf *out, const char *key, const struct gw_instance *first)
{
    gw_buf_printf(out, ",\"%s\":{", key);
    for (const struct gw_instance *i = first; i; i = i->next) {
        gw_buf_json(out, gw_str(i->name), false);
        gw_buf_puts(out, ":");
        gw_buf_json(out, gw_str(i->plugin->descriptor.name), false);
        gw_buf_puts(out, i->next ? "," : "");
    }
    gw_buf_puts(out, "}");
}

static void put_verbose(struct gw_buf *out, struct gw_request *request)
{
    struct gw_server *server = request->worker->server;
    const struct gw_snapshot *snapshot = request->snapshot;
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    long long expires_s = atomic_load(&server->cert_expires_s);

    gw_buf_puts(out, ",");
    gw_auth_describe(server->auth, out);
    gw_buf_puts(out, ",");
    gw_meters_describe(out);
    gw_buf_puts(out, ",\"bypass\":");
    gw_buf_json(out, gw_str(gw_auth_bypass_text(&snapshot->settings)), false);
    put_instances(out, "providers", snapshot->plugins->providers);
    put_instances(out, "features", snapshot->plugins->features);
    put_models(out, snapshot->models);
    gw_buf_puts(out, ",");
    gw_quotas_describe(snapshot->quotas, server->limits, &now, out);
    gw_shared_describe(server->shared, out);
    gw_buf_printf(out, ",\"config\":{\"hash\":\"%s\",\"loaded_s_ago\":%lld,\"last_reload\":\"%s\"}", snapshot->hash,
                  (long long)(gw_wall_s() - atomic_load(&server->loaded_wall_s)),
                  atomic_load(&server->is_reload_bad) ? "refused" : "ok");
    if (expires_s)
        gw_buf_printf(out, ",\"certificate_expires_in_s\":%lld", expires_s - (long long)gw_wall_s());
    gw_buf_printf(out, ",\"workers\":%u,\"uptime_s\":%lld", server->worker_count,
                  (long long)((gw_mono_us() - server->started_us) / 1000000));
}

void gw_answer_ready(struct gw_request *request)
{
    int state = atomic_load(&request->worker->server->state);
    bool is_verbose =
        memmem(request->ex->query.ptr ? request->ex->query.ptr : "", request->ex->query.len, "verbose", 7);
    struct gw_buf body;

    gw_buf_init(&body, 256u << 10);
    if (state == GW_SERVING)
        gw_buf_puts(&body, "{\"status\":\"ready\"");
    else
        gw_buf_printf(&body, "{\"status\":\"not ready\",\"reasons\":[\"%s\"]",
                      state == GW_STARTING ? "starting" : "draining: the process was asked to stop");
    if (is_verbose)
        put_verbose(&body, request);
    gw_buf_puts(&body, "}");
    gw_request_reply(request, state == GW_SERVING ? 200 : 503, GW_JSON, gw_buf_str(&body), NULL, 0);
    gw_buf_done(&body);
}
