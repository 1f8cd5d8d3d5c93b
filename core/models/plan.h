/* plan.h - inside of models/: what conf.d says about models, and a plan for one call. */
#ifndef GW_PLAN_H
#define GW_PLAN_H

#include "models/models.h"

/** One place a call can go. Configured ones live in the snapshot, ad-hoc ones in the request. */
struct gw_target {
    struct gw_instance *provider;
    aigw_str model;    /* sent upstream */
    aigw_str endpoint; /* ad-hoc: base URL from the request; absent: the provider's own */
    aigw_str api_key;  /* ad-hoc */
    aigw_str prefix;   /* ad-hoc: of the identifier */
    int64_t weight;
    uint64_t circuit_key; /* identifies the target across requests and reloads */
    bool is_adhoc;
    bool raw_completion; /* fill-in-the-middle wants AIGW_CALL_COMPLETION */
};

/** Where to try, in order, and how patiently. */
struct gw_plan {
    const struct gw_target *targets;
    uint32_t target_count;
    bool try_next;       /* on_failure = "next" */
    int64_t retries;     /* extra attempts at one target */
    int64_t deadline_ms; /* whole call, 0: the default */
    int64_t idle_ms;     /* 0: the default */
    aigw_str name;       /* for errors and metrics */
};

/** A configured model: models.NAME. */
struct gw_model {
    const char *name;
    const char *family;      /* families.NAME or NULL */
    const char *report_name; /* what clients see as the model's name */
    const char *report_engine;
    const char *on_failure;
    int64_t retries, deadline_ms, idle_ms, max_context_tokens;
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
};

const struct gw_model *gw_models_find(const struct gw_models *models, aigw_str name);
const struct gw_family *gw_models_family(const struct gw_models *models, aigw_str name);

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
/** Patterns that cannot be read are problems and match nothing. NULL when memory is out (a problem, too). */
struct gw_endpoint_list *gw_endpoint_list_build(struct gw_arena *arena, const struct aigw_list *patterns,
                                                struct gw_problems *problems);
/** endpoint: normal form. True for any when there are no patterns. On refusal the reason names the endpoint without its
 *  query. */
bool gw_endpoint_listed(const struct gw_endpoint_list *list, aigw_str endpoint, struct gw_arena *arena,
                        const char **ret_reason);
/* ---- circuits: process-wide, lock-free, bounded ----
 *
 * An attempt asks gw_circuit_allows(), and what came of it is told exactly once: success, failure or undecided, with
 * the time at which the attempt set out. Times are of the monotonic clock. */

/** endpoint and caller_key are the ones of a request: absent for configured targets. With them the circuit is the
 *  caller's own, and cannot push out one of a configured target. */
uint64_t gw_circuit_key(aigw_str provider, aigw_str endpoint, aigw_str model, aigw_str caller_key);
/** May this target be tried? After a rest one attempt at a time is let through, the probe, until it reports. */
bool gw_circuit_allows(uint64_t key, int64_t now_ms);
/** The server is alive: it gave an answer, good or bad (429 and 400 count as well). Failures in a row are forgotten and
 * a rest ends, unless the attempt set out before the first of them, or before the rest: what began before an outage
 * says nothing about its end. */
void gw_circuit_success(uint64_t key, int64_t started_ms);
/** The server is ill. failures_max in a row rest it for rest_ms, 0: never. A probe's failure rests it again at once. */
void gw_circuit_failure(uint64_t key, int64_t started_ms, int64_t now_ms, int64_t failures_max, int64_t rest_ms);
/** The attempt ended without a verdict: its client left, or it was never sent. If it was the probe, the next asker is.
 */
void gw_circuit_undecided(uint64_t key, int64_t started_ms);
/** Resting, or being probed. */
bool gw_circuit_is_open(uint64_t key, int64_t now_ms);
/** Forget all: for tests. */
void gw_circuit_reset(void);

#endif
