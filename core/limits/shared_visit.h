/* shared_visit.h - what a command of the operator finds at the store of shared limits: it goes there as a gateway does,
 * with the same connection, words and script, but waits for each answer. Nobody is counted and no gateway notices: the
 * script runs on keys of the visit's own, which are gone afterwards. */
#ifndef GW_SHARED_VISIT_H
#define GW_SHARED_VISIT_H

#include "limits/shared.h"

#define GW_VISIT_RUNS 8 /* of the script */

/** How far it came, in this order. */
enum gw_visit_stage {
    GW_VISIT_FIND, /* its name has no address */
    GW_VISIT_CONNECT,
    GW_VISIT_AUTH,
    GW_VISIT_SELECT,
    GW_VISIT_LOAD, /* of the script */
    GW_VISIT_RUN,  /* of the script */
    GW_VISIT_DONE, /* all is well */
};

enum gw_visit_end {
    GW_VISIT_WELL,
    GW_VISIT_FAILED,   /* at FIND or CONNECT, or of memory: `why` is the system's word */
    GW_VISIT_SILENT,   /* no answer in time */
    GW_VISIT_LOST,     /* it closed the connection, or does not speak the protocol: `why` is the library's word */
    GW_VISIT_REFUSED,  /* `why` is its error, its words about arguments cut off: they may repeat a password */
    GW_VISIT_NONSENSE, /* `why`: what is wrong with its reply */
};

struct gw_visit_found {
    enum gw_visit_stage stage;
    enum gw_visit_end end;
    char why[200];
    /* what it says of itself (INFO), "" and 0 where it does not */
    char product[16]; /* "Redis", "Valkey" */
    char version[24], role[24], mode[24], policy[32];
    int64_t memory, memory_max; /* bytes; max 0: no limit */
    int64_t evicted;
    /* of the runs */
    int64_t median_us;
    int64_t ahead_ms; /* its clock before ours */
};

/** Blocks, for patience_ms at each step and each address. */
void gw_shared_visit(const struct gw_shared_options *options, int64_t patience_ms, struct gw_visit_found *ret_found);

#endif
