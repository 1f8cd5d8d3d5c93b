/* limits.h - how much a caller may ask of models: `quotas` of conf.d. Every quota that matches a call must agree, and
 * they are charged together or not at all. What is counted by the second, minute or hour slides; days, weeks and months
 * are those of the calendar, in the zone of `prices`. Counters belong to the process, not to a configuration: a reload
 * keeps those of quotas that keep name and window. A counter is one word, changed by compare and exchange; a lock is
 * taken only where a caller gets its counters, once. */
#ifndef GW_LIMITS_H
#define GW_LIMITS_H

#include "base/base.h"
#include "config/node.h"

struct gw_quotas;      /* of one configuration, immutable */
struct gw_prices;      /* as above */
struct gw_price;       /* a row of them */
struct gw_limit_table; /* of the process */
struct gw_limit_slot;

#define GW_QUOTAS_PER_CALL 16u

/* ---- prices.c: `prices` ---- */

/** Of one call. input and output are the whole; the others are parts of them. */
struct gw_tokens {
    int64_t input, output;
    int64_t cached, cache_write, cache_write_1h; /* of input: the last is a part of cache_write */
    int64_t reasoning;                           /* of output */
};

/** NULL only when out of memory. */
struct gw_prices *gw_prices_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems);
/** Is there any row? */
bool gw_prices_has_any(const struct gw_prices *prices);
const char *gw_prices_currency(const struct gw_prices *prices);
/** The first row for this model, as its server calls it, at this provider. NULL: it has no price. */
const struct gw_price *gw_prices_find(const struct gw_prices *prices, const char *provider, aigw_str model);
/** What the tokens cost, 1e-9 of the currency, rounded up. */
int64_t gw_price_of(const struct gw_price *price, const struct gw_tokens *tokens);

/** "12.50", as many digits as it takes, two at least. */
#define GW_MONEY_TEXT 32u
const char *gw_money_text(int64_t amount, char ret_text[GW_MONEY_TEXT]);

/* ---- quotas ---- */

struct gw_limit_target {
    const char *model, *provider; /* names in conf.d */
    aigw_str server_model;        /* what the server calls it */
};
/** What quotas want to know of conf.d's models. */
struct gw_limit_models {
    void *user;
    bool (*has)(void *user, aigw_str pattern);
    /** The targets of all models, from 0; false behind the last. */
    bool (*target_at)(void *user, size_t index, struct gw_limit_target *ret_target);
};
/** Read `quotas`. NULL only when out of memory. models NULL: nothing is asked of them. */
struct gw_quotas *gw_quotas_build(struct gw_arena *arena, const struct gw_node *conf, const struct gw_prices *prices,
                                  const struct gw_limit_models *models, struct gw_problems *problems);

/** The counters, all at zero; memory is touched as callers come. NULL: out of memory. */
struct gw_limit_table *gw_limit_table_new(size_t slots);
void gw_limit_table_free(struct gw_limit_table *table);

/** Who asks for what; absent strings match no quota that counts by them. */
struct gw_limit_subject {
    aigw_str instance, user, key, team, model;
};

/** What the tightest quota has left. */
struct gw_limit_left {
    int64_t limit, remaining, reset_ms;
};
enum gw_limit_unit { GW_LIMIT_OF_REQUESTS, GW_LIMIT_OF_TOKENS, GW_LIMIT_UNITS };

/** What one call holds of the quotas that it was charged to. Zero: nothing. */
struct gw_limit_hold {
    struct gw_limit_table *limits;
    uint32_t count;
    int64_t tokens, cost; /* reserved */
    const struct gw_quotas *quotas;
    struct gw_limit_held {
        struct gw_limit_slot *slot;
        int64_t end_s;                /* of the window that was charged, 0: it slides */
        const struct gw_quota *quota; /* of the configuration it began with, which the call outlives not */
    } held[GW_QUOTAS_PER_CALL];
    struct gw_limit_left left[GW_LIMIT_UNITS]; /* when it ended or was refused; limit 0: no quota counts that */
};

/** Why a call is refused. */
struct gw_limit_refusal {
    const char *quota; /* its name; NULL: is_store_down */
    char text[400];
    int64_t retry_after_ms; /* -1: when others end */
    bool is_empty;          /* a budget that waiting does not fill before its next window */
    const char *instead;    /* the model that on_empty names, or NULL */
    bool is_store_down;     /* limits are shared, and without the store nobody is to be admitted */
};

enum gw_limit_verdict {
    GW_LIMIT_ADMITTED,
    GW_LIMIT_REFUSED,
    GW_LIMIT_ASK, /* limits are shared, and the store has to be asked: gw_limit_ask() of shared.h */
};

/** What a call is likely to use, or used. */
struct gw_limit_use {
    int64_t tokens; /* in and out */
    int64_t cached; /* of them: from the model server's cache */
    int64_t cost;   /* 1e-9 of the currency */
};

bool gw_quotas_has_any(const struct gw_quotas *quotas);
/** One moment on both clocks: paces need the one that never jumps, days the one that people have. */
struct gw_limit_now {
    int64_t mono_us;
    int64_t wall_s; /* since 1970 UTC */
};
/** Charge all quotas that match, or none. A refused call holds nothing. After ASK nothing is charged yet, and the hold
 * is to be handed on. */
enum gw_limit_verdict gw_quotas_charge(const struct gw_quotas *quotas, struct gw_limit_table *table,
                                       const struct gw_limit_subject *subject, const struct gw_limit_use *estimate,
                                       const struct gw_limit_now *now, struct gw_limit_hold *ret_hold,
                                       struct gw_limit_refusal *ret_refusal);
/** Let go what nothing was charged to; what is left is kept for gw_quotas_left(). */
void gw_quotas_let_go(struct gw_limit_hold *hold, const struct gw_limit_now *now);
/** The call is over and used this much (NULL: not known, the estimate stands). Once; then the hold is empty. */
void gw_quotas_settle(struct gw_limit_hold *hold, const struct gw_limit_use *use, const struct gw_limit_now *now);
/** Of the quotas that count a call, made or refused: what the one with the least has left. False: none counts that. */
bool gw_quotas_left(const struct gw_limit_hold *hold, enum gw_limit_unit unit, const struct gw_limit_now *now,
                    struct gw_limit_left *ret_left);
/** The tokens that a call is likely to use, by the length of what was asked and what calls used so far. */
struct gw_tokens gw_limit_estimate(const struct gw_limit_table *table, size_t asked_bytes);
/** The tokens that a text of this length is likely to have. table NULL: nothing was learned. */
int64_t gw_limit_tokens_of(const struct gw_limit_table *table, size_t bytes);
/** Learn from a call that is over. */
void gw_limit_learn(struct gw_limit_table *table, size_t asked_bytes, int64_t input_tokens, int64_t output_tokens);
/** Its name in conf.d; lives as long as the configuration. */
const char *gw_limit_quota_name(const struct gw_quota *quota);
/** For /monitoring/ready?verbose: `"quotas":{…},"quotas_used":[…]`. */
void gw_quotas_describe(const struct gw_quotas *quotas, struct gw_limit_table *table, const struct gw_limit_now *now,
                        struct gw_buf *json);
/** aigw_quota_used_ratio, of those that are used most. Any thread. */
void gw_quotas_collect(const struct gw_quotas *quotas, struct gw_limit_table *table, const struct gw_limit_now *now,
                       struct gw_buf *page);

#endif
