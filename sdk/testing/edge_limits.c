/* edge_limits.c - the edge towards the store of shared limits: there is none in a test, each counts for itself. */
#include "limits/internal.h"
#include "limits/shared.h"

bool gw_shared_is_on(struct gw_shared *shared)
{
    (void)shared;
    return false;
}

enum gw_limit_verdict gw_shared_begin(struct gw_shared *shared)
{
    (void)shared;
    return GW_LIMIT_ADMITTED;
}

bool gw_shared_take(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                    const struct gw_limit_now *now, int64_t *ret_wait_us, bool *ret_must_ask)
{
    (void)shared;
    *ret_must_ask = false;
    return gw_limit_take(slot, need, now, ret_wait_us);
}

void gw_shared_correct(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need)
{
    (void)shared;
    gw_limit_correct(slot, need);
}

void gw_shared_forget(struct gw_shared *shared, const struct gw_limit_slot *slot)
{
    (void)shared;
    (void)slot;
}

struct gw_limit_ask *
gw_limit_ask(struct gw_limit_table *table, struct gw_limit_hold *hold, const struct gw_limit_subject *subject,
             const struct gw_limit_use *estimate, struct gw_loop *loop,
             void (*on_verdict)(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                                const struct gw_limit_refusal *refusal),
             void *owner)
{
    (void)table, (void)hold, (void)subject, (void)estimate, (void)loop, (void)on_verdict, (void)owner;
    return NULL;
}

void gw_limit_abandon(struct gw_limit_ask *ask)
{
    (void)ask;
}

void gw_shared_describe(struct gw_shared *shared, struct gw_buf *json)
{
    (void)shared;
    (void)json;
}

void gw_shared_collect(struct gw_shared *shared, struct gw_buf *out)
{
    (void)shared;
    (void)out;
}

void gw_shared_register(void)
{
}
