/* plan.h - inside of models/: what conf.d says about models, and a plan for one call. */
#ifndef GW_PLAN_H
#define GW_PLAN_H

#include "models/circuit.h"
#include "models/models.h"

#define GW_TARGETS_MAX 64u /* of a model: sets of them are masks */

/** What a server can take at once, whoever asks it: of a provider instance, or of an endpoint that requests name and
 *  routing.endpoints knows. Lives in the snapshot, or in the request. */
struct gw_place {
    const char *name;
    struct aigw_list tags;
    int64_t max_parallel; /* 0: no limit */
    int64_t queue, queue_ms;
    const char *health; /* of a provider: as configured, and whole; NULL: nobody is asked */
    const char *health_url;
    bool is_drained; /* routing.drain: nothing new goes there */
    struct gw_seat *seat;
};

/* What a request may need of a target (`can`). */
#define GW_CAN_TOOLS  0x1u
#define GW_CAN_IMAGES 0x2u
#define GW_CAN_SCHEMA 0x4u
#define GW_CAN_ALL    0x7u

/** One place a call can go. Configured ones live in the snapshot, ad-hoc ones in the request. */
struct gw_target {
    struct gw_instance *provider;
    const struct gw_place *place;
    struct gw_seat *seat; /* its circuit; NULL: none */
    aigw_str model;       /* sent upstream */
    aigw_str endpoint;    /* ad-hoc: base URL from the request; absent: the provider's own */
    aigw_str api_key;     /* ad-hoc */
    aigw_str prefix;      /* ad-hoc: of the identifier */
    uint64_t identity;    /* the same in every process and after every reload */
    int64_t tier;         /* a higher one serves only when the lower ones cannot */
    int64_t weight;       /* share in its tier; 0: after the others */
    int64_t max_context_tokens, first_token_ms, idle_ms, connect_ms; /* 0: the model's */
    uint32_t can;                                                    /* GW_CAN_* */
    bool is_adhoc;
    bool raw_completion; /* fill-in-the-middle wants AIGW_CALL_COMPLETION */
};

enum gw_balance { GW_BALANCE_WEIGHT, GW_BALANCE_LEAST_BUSY };
enum gw_busy { GW_BUSY_NEXT, GW_BUSY_WAIT };
enum gw_exhausted { GW_EXHAUSTED_TRY, GW_EXHAUSTED_WAIT, GW_EXHAUSTED_REFUSE };

/** How patiently to try. Milliseconds; 0: the default of `upstream`. */
struct gw_patience {
    bool try_next;    /* on_failure = "next" */
    int64_t attempts; /* of the whole call */
    int64_t retries;  /* extra ones at one target */
    int64_t deadline_ms, idle_ms, first_token_ms, connect_ms;
    int64_t hedge_ms; /* 0: never ask two providers */
    enum gw_balance balance;
    enum gw_busy on_busy;           /* a tier is full */
    enum gw_exhausted on_exhausted; /* every target rests */
};

/** Where a call may go. What it was resolved to stays; which target an attempt gets is chosen when it begins (pick.c).
 */
struct gw_plan {
    const struct gw_target *targets; /* by tier */
    uint32_t target_count;
    uint64_t allowed; /* of them, after the filters that no failure changes: tags, drain, abilities, window */
    struct gw_patience patience;
    bool is_sticky;
    uint64_t sticky_key;
    aigw_str name;          /* for errors and quotas */
    aigw_str label;         /* for metrics: a name of conf.d, or "adhoc" */
    struct gw_seat *hedges; /* hedge.c: what the model may spend */
};

/** A configured model: models.NAME. */
struct gw_model {
    const char *name;
    const char *family;      /* families.NAME or NULL */
    const char *report_name; /* what clients see as the model's name */
    const char *report_engine;
    const char *on_failure, *balance_text, *sticky, *on_busy, *on_exhausted;
    struct aigw_list aliases; /* other names for it, "*" for any run */
    int64_t retries, attempts, deadline_ms, idle_ms, first_token_ms, connect_ms, hedge_ms, max_context_tokens;
    struct gw_seat *hedges; /* NULL without hedge_ms */
    struct gw_target *targets;
    uint32_t target_count;
};

/** A model family: families.NAME. */
struct gw_family {
    const char *name;
    const char *title;
    struct aigw_list chain_text; /* as configured */
    aigw_str *chain;             /* with "base" last */
    uint32_t chain_count;
    int64_t max_context_tokens, max_tokens;
    double temperature; /* below 0: unset */
    int32_t unescape_underscores;
    struct aigw_params defaults; /* made of the numbers above */
};

/** Where an identifier's prefix leads: prefixes.NAME. */
struct gw_prefix {
    const char *name;
    const char *provider_name;
    const char *base_url;         /* endpoint to use when the request has none */
    int32_t ignore_endpoint;      /* the request's endpoint is a placeholder */
    int32_t needs_endpoint;       /* there is no place of its own: the request must name one */
    struct aigw_list needs_env;   /* for `aigw troubleshoot` */
    struct gw_instance *provider; /* NULL: nothing here serves it */
};

struct gw_rules;
struct gw_endpoint_place;

struct gw_models {
    struct gw_arena *arena;
    const struct gw_settings *settings;
    struct gw_model *models;
    size_t model_count;
    struct gw_family *families;
    size_t family_count;
    struct gw_prefix *prefixes;
    size_t prefix_count;
    struct gw_instance *mock;           /* set in mock mode */
    struct gw_endpoint_list *endpoints; /* models.allowed_endpoints */
    struct gw_family base;              /* for names that no family has */
    struct gw_place *places;            /* one for each provider instance, in their order */
    size_t place_count;
    struct gw_endpoint_place *endpoint_places; /* routing.endpoints, in order */
    struct gw_rules *rules;                    /* routing.rules */
};

const struct gw_model *gw_models_find(const struct gw_models *models, aigw_str name);
const struct gw_family *gw_models_family(const struct gw_models *models, aigw_str name);

/** A part of the reference: a heading, and a row for each setting. */
void gw_models_put_table(struct gw_buf *out, const char *title, const struct aigw_setting *table, size_t count);

/* ---- places.c ---- */

void gw_places_reference(struct gw_buf *out);

/** Read what conf.d says about the capacity of providers, routing.drain and routing.endpoints. */
void gw_places_build(struct gw_models *models, const struct gw_node *conf, const struct gw_plugins *plugins,
                     struct gw_problems *problems);
const struct gw_place *gw_place_of(const struct gw_models *models, const struct gw_instance *provider);
/** Of an endpoint that a request names, made in its arena when routing.endpoints knows it; else `otherwise`. */
const struct gw_place *gw_place_of_endpoint(const struct gw_models *models, aigw_str endpoint,
                                            const struct gw_place *otherwise, struct gw_arena *arena);
/** A seat whose pin goes with the arena. NULL: none. */
struct gw_seat *gw_seat_in(struct gw_arena *arena, bool is_callers, const aigw_str *texts, size_t count);

/* ---- wants.c: what a request's body says about the target that it needs ---- */

struct gw_wants {
    bool is_read;
    uint32_t needs;                       /* GW_CAN_* */
    int64_t prompt_tokens, answer_tokens; /* a guess: four bytes of the body are a token; what it reserves */
    aigw_str language;                    /* as an editor calls it, or what the file's name says; absent: unknown */
    aigw_str session;                     /* the client's name for what belongs together */
    uint64_t prefix;                      /* of instructions and first message; 0: none */
};
void gw_wants_read(aigw_str body, struct gw_wants *ret_wants);
/** That guess alone, without a look at the body. */
int64_t gw_wants_prompt_tokens(aigw_str body);

/* ---- hours.c ---- */

/** "Mon-Fri 08:00-18:00 Europe/Berlin": days, hours and zone, each may be left out. NULL with a reason, or out of
 *  memory. */
struct gw_hours;
struct gw_hours *gw_hours_build(struct gw_arena *arena, const char *text, const char **ret_reason);
/** The start belongs to it, the end does not; hours that end before they start go on after midnight. */
bool gw_hours_contain(const struct gw_hours *hours, int64_t wall_s);

/* ---- rules.c ---- */

void gw_rules_reference(struct gw_buf *out);
/** Read routing.rules; the models are there already. */
struct gw_rules *gw_rules_build(struct gw_models *models, const struct gw_node *conf, struct gw_problems *problems);
#define GW_TAG_LISTS_MAX 64u
struct gw_ruling {
    const struct gw_model *use; /* NULL: no rule says so */
    const struct aigw_list *tags[GW_TAG_LISTS_MAX];
    uint32_t tag_list_count;
};
void gw_rules_apply(const struct gw_rules *rules, struct gw_ask *ask, const struct aigw_need *need,
                    struct gw_ruling *ret_ruling);
/** A line of the explanation, if somebody wants one. */
void gw_ask_note(const struct gw_ask *ask, const char *fmt, ...) AIGW_PRINTF(2, 3);
const struct gw_wants *gw_ask_wants(struct gw_ask *ask);

/* ---- endpoints that requests bring along (D21, D41) ---- */

/** One text for all spellings of an endpoint: "scheme://host[:port][/path][?query]". Scheme and host in lower case, IDN
 *  hosts in ASCII, addresses in their usual spelling, no port where it is the scheme's, no doubled slashes in the path
 * and none at its end, nothing encoded that need not be; the query as it was. Refused: other schemes, user information,
 *  fragments, blanks and backslashes inside, "." and ".." in the path, encoded slashes. The reason is one sentence for
 * the caller, in arena memory; it never repeats the text. */
aigw_status gw_endpoint_normalize(struct gw_arena *arena, aigw_str raw, aigw_str *ret_endpoint,
                                  const char **ret_reason);

/** models.allowed_endpoints, taken apart once.
 *
 *  A pattern is scheme://host[:port][/path], compared part by part with the normal form: "http*" as scheme is both; no
 *  port is the scheme's; the path covers itself and all below it; queries are not looked at. "*" stands for any run
 * inside a part: of the host (labels too, but not an IPv6 address), of the port, of one segment of the path. A host of
 * digits, dots and "*" is for addresses only. In the path "**" stands for any number of segments; a host "**" is any
 * host, with any port when none is given. */
struct gw_endpoint_list;
/** Patterns that cannot be read are problems of `setting` and match nothing. NULL when memory is out (a problem, too).
 */
struct gw_endpoint_list *gw_endpoint_list_build(struct gw_arena *arena, const struct aigw_list *patterns,
                                                const char *setting, struct gw_problems *problems);
/** endpoint: normal form. True for any when there are no patterns. On refusal the reason names the endpoint without its
 *  query. */
bool gw_endpoint_listed(const struct gw_endpoint_list *list, aigw_str endpoint, struct gw_arena *arena,
                        const char **ret_reason);
/* ---- which target ---- */

enum gw_picked {
    GW_PICKED,         /* the circuit let it through, and it has its place: give both back (gw_choice_leave) */
    GW_PICKED_BUSY,    /* every one that is well is full; with waits_in_tier: every one of the first such tier */
    GW_PICKED_RESTING, /* every one left rests */
    GW_PICKED_NONE     /* nothing is left */
};
struct gw_choice {
    uint32_t index;
    struct gw_pass pass;
    int64_t wait_ms;        /* RESTING: until the first may be tried */
    const char *place_name; /* BUSY */
    int64_t tier;           /* BUSY: the first full one */
};
struct gw_chooser {
    const struct gw_plan *plan;
    uint64_t left; /* targets that may be chosen */
    int64_t now_ms, slow_start_ms;
    int64_t idle_ms;      /* the default, for the lease of a probe */
    bool is_early;        /* try the one whose rest ends first, if no other is left */
    bool may_pass_queues; /* the call has waited for its turn */
    bool waits_in_tier;   /* rather than go to a higher one: on_busy = "wait" */
};
enum gw_picked gw_pick(const struct gw_chooser *chooser, struct gw_choice *ret_choice);
/** How many may be in flight now at the target's place: less than max_parallel after a rest. 0: no limit. */
uint32_t gw_pick_room(const struct gw_target *target, int64_t now_ms, int64_t slow_start_ms);
/** Silence after which an attempt has failed before its first content: the target's, the model's, or idle_ms. */
int64_t gw_first_token_ms(const struct gw_plan *plan, const struct gw_target *target);

#endif
