/* gauges.c - how targets and providers are at this moment, for the metrics page. Read from their seats when somebody
 * asks: a request pays nothing for it. */
#include "health/metrics.h"
#include "models/plan.h"

enum target_state { CLOSED, HALF_OPEN, OPEN, DRAINED };

static enum target_state state_of(const struct gw_target *target, int64_t now_ms)
{
    if (target->place && target->place->is_drained)
        return DRAINED;
    switch (gw_circuit_phase(target->seat)) {
    case GW_CIRCUIT_CLOSED:
        return CLOSED;
    case GW_CIRCUIT_PROBING:
        return HALF_OPEN;
    default: /* its rest is over: the next call is the probe */
        return gw_circuit_wait_ms(target->seat, now_ms) > 0 ? OPEN : HALF_OPEN;
    }
}

static bool is_available(const struct gw_target *target, const struct gw_settings *settings, int64_t now_ms)
{
    uint32_t room = gw_pick_room(target, now_ms, settings->upstream.slow_start_ms);

    return !(target->place && target->place->is_drained) && gw_circuit_wait_ms(target->seat, now_ms) == 0 &&
           (room == 0 || !target->place->seat || atomic_load(&target->place->seat->in_flight) < room);
}

static void put_sample(struct gw_buf *out, const char *metric, const char *model, const char *provider, double value)
{
    gw_buf_printf(out, "%s{", metric);
    if (model) {
        gw_buf_puts(out, "model=");
        gw_buf_json(out, gw_str(model), false);
        gw_buf_puts(out, ",");
    }
    gw_buf_puts(out, "provider=");
    gw_buf_json(out, gw_str(provider), false);
    gw_buf_puts(out, "} ");
    gw_metrics_put_number(out, value);
    gw_buf_puts(out, "\n");
}

/* A model may have several targets at one provider: a series stands for the best of them. */
static bool is_first_there(const struct gw_model *model, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (model->targets[i].provider == model->targets[index].provider)
            return false;
    return true;
}

static void put_states(struct gw_buf *out, const struct gw_model *model, bool wants_available,
                       const struct gw_settings *settings, int64_t now_ms)
{
    for (uint32_t i = 0; i < model->target_count; i++) {
        enum target_state state = DRAINED;
        bool is_one_available = false;

        if (!is_first_there(model, i))
            continue;
        for (uint32_t k = i; k < model->target_count; k++) {
            const struct gw_target *target = &model->targets[k];
            if (target->provider != model->targets[i].provider)
                continue;
            is_one_available |= is_available(target, settings, now_ms);
            if (state_of(target, now_ms) < state)
                state = state_of(target, now_ms);
        }
        put_sample(out, wants_available ? "aigw_target_available" : "aigw_target_state", model->name,
                   model->targets[i].provider->name, wants_available ? is_one_available : (double)state);
    }
}

/* Was this seat met at a target before this one? Models may share targets. */
static bool is_seat_new(const struct gw_models *models, size_t model, uint32_t target)
{
    const struct gw_seat *seat = models->models[model].targets[target].seat;

    for (size_t m = 0; m <= model; m++)
        for (uint32_t t = 0; t < (m < model ? models->models[m].target_count : target); t++)
            if (models->models[m].targets[t].seat == seat)
                return false;
    return true;
}

/* Places are counted where there is a limit; else it is what the targets there have in flight. */
static unsigned in_flight_at(const struct gw_models *models, const struct gw_place *place)
{
    unsigned count = 0;

    if (place->max_parallel > 0 && place->seat)
        return atomic_load(&place->seat->in_flight);
    for (size_t m = 0; m < models->model_count; m++)
        for (uint32_t t = 0; t < models->models[m].target_count; t++) {
            const struct gw_target *target = &models->models[m].targets[t];
            if (target->place == place && target->seat && is_seat_new(models, m, t))
                count += atomic_load(&target->seat->in_flight);
        }
    return count;
}

void gw_models_put_gauges(const struct gw_models *models, const struct gw_settings *settings, struct gw_buf *out)
{
    int64_t now_ms = gw_mono_ms();

    gw_metrics_put_head(
        out, "aigw_target_state",
        "Of a model's target: 0 serves, 1 would be probed by the next call or is being probed, 2 rests, "
        "3 is drained.",
        "gauge");
    for (size_t i = 0; i < models->model_count; i++)
        put_states(out, &models->models[i], false, settings, now_ms);
    gw_metrics_put_head(out, "aigw_target_available", "1 if the target would take a call now.", "gauge");
    for (size_t i = 0; i < models->model_count; i++)
        put_states(out, &models->models[i], true, settings, now_ms);
    gw_metrics_put_head(out, "aigw_target_in_flight", "Calls that the provider is serving.", "gauge");
    for (size_t i = 0; i < models->place_count; i++)
        put_sample(out, "aigw_target_in_flight", NULL, models->places[i].name,
                   in_flight_at(models, &models->places[i]));
    gw_metrics_put_head(out, "aigw_target_slots", "Calls that it may serve at a time (max_parallel); 0: no limit.",
                        "gauge");
    for (size_t i = 0; i < models->place_count; i++)
        put_sample(out, "aigw_target_slots", NULL, models->places[i].name, (double)models->places[i].max_parallel);
    gw_metrics_put_head(out, "aigw_target_queued", "Calls that wait for one of its places.", "gauge");
    for (size_t i = 0; i < models->place_count; i++)
        put_sample(out, "aigw_target_queued", NULL, models->places[i].name,
                   models->places[i].seat ? atomic_load(&models->places[i].seat->waiting) : 0);
}
