/* health.h - the health addresses of providers (`health` in conf.d), asked with GET while targets there rest because
 * they failed. One worker of the process asks, once a second at most and each provider once; a provider none of whose
 * targets rests is never asked. An answer that is well ends the rest, so that the next call is the probe that counts;
 * one that is ill keeps the target resting a little longer, up to upstream.circuit_rest_max_ms in all. Neither shortens
 * what a server asked for (Retry-After) nor what a key or an account is rested for. */
#ifndef GW_HEALTH_H
#define GW_HEALTH_H

#include "models/models.h"

struct gw_health;

/** For the worker that asks. NULL: out of memory. */
struct gw_health *gw_health_new(struct gw_loop *loop, struct gw_upstream *upstream);
/** From now on this configuration's; before the loop runs, or on it. */
void gw_health_follow(struct gw_health *health, struct gw_snapshot *snapshot);
/** On the loop, or when it does not run any more; before its upstream goes. NULL is fine. */
void gw_health_free(struct gw_health *health);

#endif
