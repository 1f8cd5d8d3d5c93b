/* limits.h - how much a caller may ask of models: `quotas` of conf.d. Every quota that matches a call must agree, and
 * they are charged together or not at all. What is counted by the second, minute or hour slides; days, weeks and months
 * are those of the calendar, in UTC. Counters belong to the process, not to a configuration: a reload keeps those of
 * quotas that keep name and window. A counter is one word, changed by compare and exchange; a lock is taken only where
 * a caller gets its counters, once. */
#ifndef GW_LIMITS_H
#define GW_LIMITS_H

#include "base/base.h"
#include "config/node.h"

struct gw_quotas;      /* of one configuration, immutable */
struct gw_limit_table; /* of the process */
struct gw_limit_slot;

#define GW_QUOTAS_PER_CALL 16u

/** Read `quotas`. NULL only when out of memory. has_model tells whether a pattern of model names means any. */
struct gw_quotas *gw_quotas_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems,
                                  bool (*has_model)(void *user, aigw_str pattern), void *user);

/** The counters, all at zero; memory is touched as callers come. NULL: out of memory. */
struct gw_limit_table *gw_limit_table_new(size_t slots);
void gw_limit_table_free(struct gw_limit_table *table);

/** Who asks for what; absent strings match no quota that counts by them. */
struct gw_limit_subject {
    aigw_str instance, user, key, team, model;
};

/** What one call holds of the quotas that it was charged to. Zero: nothing. */
struct gw_limit_hold {
    uint32_t count;
    int64_t tokens; /* reserved */
    struct gw_limit_held {
        struct gw_limit_slot *slot;
        int64_t end_day;              /* of the window that was charged, 0: it slides */
        const struct gw_quota *quota; /* of the configuration it began with, which the call outlives not */
    } held[GW_QUOTAS_PER_CALL];
};

/** Why a call is refused. */
struct gw_limit_refusal {
    const char *quota; /* its name */
    char text[240];
    int64_t retry_after_ms; /* -1: when others end */
};

bool gw_quotas_has_any(const struct gw_quotas *quotas);
/** One moment on both clocks: paces need the one that never jumps, days the one that people have. */
struct gw_limit_now {
    int64_t mono_us;
    int64_t wall_s; /* since 1970 UTC */
};
/** Charge all quotas that match, or none and false. tokens: an estimate of what the call will use. */
bool gw_quotas_charge(const struct gw_quotas *quotas, struct gw_limit_table *table,
                      const struct gw_limit_subject *subject, int64_t tokens, const struct gw_limit_now *now,
                      struct gw_limit_hold *ret_hold, struct gw_limit_refusal *ret_refusal);
/** The call is over and used this much (negative: not known, the estimate stands). Once; then the hold is empty. */
void gw_quotas_settle(struct gw_limit_hold *hold, int64_t tokens);
/** What of tokens a call is likely to use, by the length of what was asked and what calls used so far. */
int64_t gw_limit_estimate(const struct gw_limit_table *table, size_t asked_bytes);
/** Learn from a call that is over. */
void gw_limit_learn(struct gw_limit_table *table, size_t asked_bytes, int64_t input_tokens, int64_t output_tokens);
/** For /monitoring/ready?verbose: `"quotas":{…}`. */
void gw_quotas_describe(const struct gw_quotas *quotas, struct gw_buf *json);

#endif
