/* calls.h - model calls that doctor makes itself, through the providers, the transport and the trust that serve. */
#ifndef GW_DOCTOR_CALLS_H
#define GW_DOCTOR_CALLS_H

#include "cli/doctor/doctor.h"
#include "models/plan.h"

#define DOCTOR_NAMES_MAX 200

/** What came of one call. Strings in doctor's arena. */
struct doctor_call {
    struct doctor *d;
    uint32_t kind;  /* AIGW_CALL_* */
    bool with_tool; /* CHAT: offer one */
    bool is_done;
    struct aigw_error error;             /* kind 0: it went well */
    int64_t begun_ms, first_ms, end_ms;  /* first_ms: 0 when nothing came */
    const char *names[DOCTOR_NAMES_MAX]; /* MODELS */
    size_t name_count;
};

struct doctor_caller;
/** NULL with reterr. */
struct doctor_caller *doctor_caller_new(struct doctor *d, struct gw_err *reterr);
void doctor_caller_free(struct doctor_caller *caller);
/** Call one target and wait, 60 s at most. */
void doctor_call(struct doctor_caller *caller, const struct gw_model *model, const struct gw_target *target,
                 uint32_t kind, bool with_tool, struct doctor_call *ret_call);

#endif
