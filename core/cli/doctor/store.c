/* store.c - the store of shared limits, if there is one: would it serve this gateway? */
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "limits/shared_visit.h"

#define PATIENCE_MS  3000
#define CLOCK_WARN_S 5
#define VERSION_MIN  6 /* the documented one */

struct store {
    const struct gw_shared_options *options;
    struct gw_visit_found found;
    const char *where; /* host:port/database: never who we are there */
};

/* ---- it does not serve ---- */

/** What a store says when it refuses, anywhere in its words: errors in a script have them behind others. */
static const struct {
    const char *words;
    enum doctor_fault fault;
} sayings[] = {
    { "NOAUTH", FAULT_STORE_PASSWORD },
    { "WRONGPASS", FAULT_STORE_PASSWORD },
    { "NOPERM", FAULT_STORE_DENIED },
    { "ACL failure", FAULT_STORE_DENIED },
    { "user executing the script can't", FAULT_STORE_DENIED }, /* Redis 7.0 */
    { "READONLY", FAULT_STORE_ROLE },
    { "MOVED ", FAULT_STORE_ROLE },
    { "LOADING", FAULT_STORE_BUSY },
    { "MASTERDOWN", FAULT_STORE_BUSY },
    { "CLUSTERDOWN", FAULT_STORE_BUSY },
    { "BUSY ", FAULT_STORE_BUSY },
    { "OOM command", FAULT_STORE_FULL },
    { "nknown command", FAULT_STORE_SCRIPT }, /* "Unknown Redis command called from script" */
    { "nknown Redis command", FAULT_STORE_SCRIPT },
};

static bool is_too_old(const struct gw_visit_found *found)
{
    return strcmp(found->product, "Redis") == 0 && strtol(found->version, NULL, 10) < VERSION_MIN;
}

static enum doctor_fault refusal_of(const struct gw_visit_found *found)
{
    if (strcmp(found->mode, "sentinel") == 0)
        return FAULT_STORE_ROLE;
    for (size_t i = 0; i < GW_ARRAY_LEN(sayings); i++)
        if (strstr(found->why, sayings[i].words))
            return sayings[i].fault;
    return found->stage == GW_VISIT_AUTH     ? FAULT_STORE_PASSWORD
           : found->stage == GW_VISIT_SELECT ? FAULT_STORE_DATABASE
           : is_too_old(found)               ? FAULT_STORE_SCRIPT
                                             : FAULT_STORE_REFUSES;
}

static enum doctor_fault fault_of(const struct gw_visit_found *found)
{
    if (found->stage == GW_VISIT_FIND)
        return FAULT_STORE_NAME;
    if (found->stage == GW_VISIT_CONNECT)
        return FAULT_STORE_ADDRESS;
    return found->end == GW_VISIT_SILENT    ? FAULT_STORE_SILENT
           : found->end == GW_VISIT_REFUSED ? refusal_of(found)
           : found->end == GW_VISIT_LOST    ? FAULT_STORE_OTHER
                                            : FAULT_STORE_SCRIPT;
}

/** "Redis 7.0.15 (a replica)", as far as it says so. */
static const char *product(struct doctor *d, const struct gw_visit_found *found)
{
    const char *kind = strcmp(found->mode, "sentinel") == 0 ? " (a Sentinel)"
                       : strcmp(found->role, "slave") == 0  ? " (a replica)"
                                                            : "";
    const char *text = gw_arena_printf(d->arena, "%s %s%s", found->product, found->version, kind);

    return found->product[0] && text ? text : "a store";
}

static void report_failure(struct doctor *d, const struct store *store)
{
    static const char *const doing[] = {
        "its name cannot be resolved", "nobody is reached", "AUTH", "SELECT", "SCRIPT LOAD", "running the script"
    };
    const struct gw_visit_found *found = &store->found;
    const enum doctor_fault fault = fault_of(found);

    if (found->stage <= GW_VISIT_CONNECT) {
        doctor_fail(d, "store", fault, "%s: %s: %s", store->where, doing[found->stage], found->why);
        return;
    }
    if (fault == FAULT_STORE_FULL)
        doctor_fail(d, "store", fault, "%s at %s is full: %lld of %lld KiB, maxmemory-policy %s: %s", product(d, found),
                    store->where, (long long)(found->memory >> 10), (long long)(found->memory_max >> 10), found->policy,
                    found->why);
    else if (found->end == GW_VISIT_REFUSED || found->end == GW_VISIT_NONSENSE)
        doctor_fail(d, "store", fault, "%s at %s, %s: %s", product(d, found), store->where, doing[found->stage],
                    found->why);
    else
        doctor_fail(d, "store", fault, "%s at %s: %s", product(d, found), store->where, found->why);
}

/* ---- it serves, but ---- */

static void check_speed(struct doctor *d, const struct store *store)
{
    const int64_t limit_ms = store->options->timeout_ms;
    const double ms = (double)store->found.median_us / 1000;

    if (ms >= (double)limit_ms)
        doctor_fail(d, "store", FAULT_STORE_SLOW,
                    "%s takes %.1f ms to answer, and after %lld (shared.timeout_ms) it counts as down", store->where,
                    ms, (long long)limit_ms);
    else if (2 * ms > (double)limit_ms)
        doctor_warn(d, "store", FAULT_STORE_SLOW,
                    "%s takes %.1f ms to answer: more than half of shared.timeout_ms (%lld), after which it counts as "
                    "down",
                    store->where, ms, (long long)limit_ms);
    else
        doctor_ok(d, "store", "%s at %s runs the script in %.1f ms, shared.timeout_ms is %lld",
                  product(d, &store->found), store->where, ms, (long long)limit_ms);
}

static void check_memory(struct doctor *d, const struct store *store)
{
    const struct gw_visit_found *found = &store->found;

    if (found->memory_max > 0 && found->policy[0] && strcmp(found->policy, "noeviction") != 0)
        doctor_warn(d, "store", FAULT_STORE_EVICTS,
                    "at %lld KiB %s drops keys, counters too (maxmemory-policy %s); %lld were dropped so far",
                    (long long)(found->memory_max >> 10), store->where, found->policy, (long long)found->evicted);
}

/** The script counts by the store's clock; days, weeks and months of quotas begin by ours. */
static void check_clock(struct doctor *d, const struct store *store)
{
    const int64_t ahead_s = store->found.ahead_ms / 1000;

    if (llabs(ahead_s) > CLOCK_WARN_S)
        doctor_warn(d, "store", FAULT_CLOCK,
                    "clocks differ by %lld s from the one of %s: days of quotas do not begin at the same moment on all "
                    "gateways",
                    (long long)ahead_s, store->where);
}

static void check_kind(struct doctor *d, const struct store *store)
{
    const struct gw_visit_found *found = &store->found;

    if (strcmp(found->role, "slave") == 0)
        doctor_warn(d, "store", FAULT_STORE_ROLE, "%s is a replica that may be written to: its primary undoes that",
                    store->where);
    if (is_too_old(found))
        doctor_warn(d, "store", FAULT_STORE_SCRIPT, "%s is Redis %s", store->where, found->version);
}

void doctor_check_store(struct doctor *d)
{
    struct gw_shared_options options;
    struct store store = { .options = &options };

    if (!gw_shared_read(&d->settings, d->arena, NULL, &options) || !options.host)
        return; /* there is none, or the configuration's checks say what is wrong with its URL */
    store.where = gw_arena_printf(d->arena, strchr(options.host, ':') ? "[%s]:%u/%lld" : "%s:%u/%lld", options.host,
                                  (unsigned)options.port, (long long)options.db);
    if (!store.where)
        return;
    gw_shared_visit(&options, PATIENCE_MS, &store.found);
    if (store.found.stage != GW_VISIT_DONE) {
        report_failure(d, &store);
        return;
    }
    check_speed(d, &store);
    check_memory(d, &store);
    check_kind(d, &store);
    check_clock(d, &store);
}
