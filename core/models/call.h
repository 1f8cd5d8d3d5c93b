/* call.h - inside of models/: the state of a call and of its attempts.
 *
 *     call.c         a call: when to try, what the feature hears, how it ends
 *     route.c        a call: which target its next attempt gets, or where it waits for one
 *     pick.c         the choice itself
 *     hedge.c        a call: a second provider is asked while the first is silent
 *     policy.c       what a failure means: again, elsewhere, or the end; and for the target's health
 *     attempt.c      an attempt: the request out, and everything that is freed
 *     sign.c         an attempt: its signature
 *     answer.c       an attempt: the answer in
 *     emit.c         an attempt: what its provider says of the answer, told the feature
 *     headers.c      what is kept of an answer's headers
 *     credential.c   what providers need fetched before they can ask
 *     handed.c       what a provider hands over: requests, errors, events
 *
 * Everything begins from the loop: gw_call_new() only queues a task, so nothing is ever delivered from inside a
 * function that a feature called. While the bytes of an answer run through framer and provider the feature may cancel
 * the call: then the attempt is over at once, and its memory goes at the end of this turn (`reap`).
 */
#ifndef GW_CALL_H
#define GW_CALL_H

#include "models/plan.h"
#include "models/queue.h"
#include "models/states.h"
#include "plugin/ctx.h"
#include "upstream/framing.h"

struct gw_credential_wait;

/** Things a server says before its answer: kept until the answer begins, or thrown away with the attempt. */
struct gw_early_event {
    struct gw_early_event *next;
    struct aigw_event event;
    struct aigw_usage usage;
};

struct gw_attempt {
    struct gw_attempt *next_dead; /* until reaped */
    struct aigw_call *call;
    enum gw_attempt_state state;
    const struct gw_target *target;
    struct aigw_ctx ctx; /* the provider's view */
    void *provider_call; /* its memory */
    struct gw_transfer *transfer;
    int status; /* HTTP, 0: none yet */
    uint32_t early_count;
    struct gw_early_event *early;
    struct gw_framer framer; /* ANSWERING */
    /* Events of a stream do not come here. */
    struct gw_arena build; /* prompt, wire body: goes when the server accepted */
    struct aigw_model_request request;
    bool is_for_model; /* a question that every model server answers, if it has the model */
    bool is_canonical; /* the provider refused to pass the client's bytes to this target: not again */
    struct aigw_http_request http;
    const char *origin;      /* scheme://host:port of http.url, for logs */
    struct gw_buf refusal;   /* REFUSED: the body */
    struct gw_timer produce; /* LOCAL: the next produce() */
    struct gw_timer grace;   /* D35: silence after the finish reason, a whole body, or the words of a refusal */
    struct gw_timer first;   /* no content came in time */
    struct gw_credential_wait *wait;
    const char *credential_name; /* the last one that was asked for */
    const char *lacking_name;    /* the first one since the provider was asked last that is not there; NULL: none */
    aigw_str credential;         /* its value: to be masked where a server repeats it */
    int64_t started_us;
    struct gw_pass pass; /* what its end says goes to the target's circuit, with this */
    bool is_judged;      /* that was said */
};

struct aigw_call {
    struct gw_call_request in;
    enum gw_call_state state;
    uint32_t choice_count;
    uint64_t finished_choices;  /* bit per choice */
    struct gw_attempt *attempt; /* NULL between two */
    struct gw_attempt *rival;   /* beside it, before anything of an answer was delivered; or NULL */
    int64_t first_ms, last_ms;  /* of a stream's content: its first piece, the reason that ended it */
    uint32_t piece_count;
    bool is_paused;      /* by the client's slowness */
    bool was_build_told; /* on_built() was called */
    bool did_renew;      /* a refused credential was thrown away once */
    /* Events of a stream do not come here. */
    const struct gw_plan *plan;
    uint64_t left;      /* targets that are still to be tried */
    uint32_t target_at; /* of the attempt, or of the last one */
    bool must_stay;     /* the next attempt is for that target again */
    bool holds_retry;   /* counted among the process's retries */
    bool is_counted;    /* and among its calls */
    int64_t retries_left, attempts_left;
    struct gw_waiter waiter;
    int64_t wait_from_ms, wait_until_ms; /* QUEUED */
    bool did_wait;                       /* on_busy = "wait": it did, now the next tier may serve */
    const struct aigw_error *last_error; /* of the last attempt that failed */
    const struct gw_attempt *last_built; /* whose request the feature wrote last; only to compare with */
    bool was_hedged;
    bool did_settle;
    struct gw_attempt *dead; /* to be reaped */
    struct gw_task begin, reap;
    struct gw_timer rest, deadline, waiting, hedge;
    struct aigw_pair *answer_headers; /* of the latest answer; room for all that were asked for */
    uint32_t answer_header_count;
    struct gw_series *first_series;
    struct gw_call_stats stats;
};

/* call.c */
/** Do the step. False, with a log line, when it is not legal: then nothing may follow from it. */
bool gw_call_move(struct aigw_call *call, enum gw_call_step step);
/** The attempt's answer is whole, or its server thinks so: END, or a failure when no finish reason came. */
void gw_call_complete(struct gw_attempt *attempt);
/** An attempt failed: again, elsewhere, or ERROR. */
void gw_call_failed(struct aigw_call *call, const struct aigw_error *error);
/** There is no target to try: ERROR, with the words of the last one that was tried. */
void gw_call_give_up(struct aigw_call *call, const struct aigw_error *error);
/** The first thing of an answer is here: START, and what was said before it. */
void gw_call_commit(struct aigw_call *call);
void gw_call_deliver(struct aigw_call *call, const struct aigw_event *event);
/** No event: the feature wants no more. */
void gw_call_drop(struct aigw_call *call);

/* policy.c */
struct gw_verdict {
    bool repeats;  /* another attempt */
    bool moves_on; /* at another target */
    int64_t delay_ms;
};
struct gw_verdict gw_call_judge(const struct aigw_call *call, const struct aigw_error *error);
/** The targets that may still be tried after this failure of target_at. */
uint64_t gw_call_left_after(const struct aigw_call *call, const struct aigw_error *error);
/** Tell the log, metrics and the target's circuit that this attempt failed. */
void gw_call_note_failure(struct gw_attempt *attempt, const struct aigw_error *error, const char *next);
/** Calls of the process, and those of them that ask the same target again: at most a share (upstream.retry_budget). */
void gw_budget_begin(struct aigw_call *call);
bool gw_budget_may_retry(struct aigw_call *call);
/** From the same pot, without counting it as a retry. */
bool gw_budget_take(struct aigw_call *call);
void gw_budget_retried(struct aigw_call *call);
void gw_budget_end(struct aigw_call *call);
/** The kind of a failure in one word, for metrics. */
const char *gw_cause_of(const struct aigw_error *error);
/** The first content came: the target is well. */
void gw_attempt_note_content(struct gw_attempt *attempt);
/** What the end of an attempt says about its target's health, told to the circuit once. error NULL: it answered well.
 */
void gw_attempt_note_health(struct gw_attempt *attempt, const struct aigw_error *error);

/* route.c */
/** Begin an attempt at the target that is best now, wait for one, or end the call. */
void gw_call_route(struct aigw_call *call);
/** It waits no more: how long it did. Nothing when it did not. */
void gw_call_note_wait(struct aigw_call *call);

/* hedge.c */
/** The request is out: if nothing comes of it for hedge_ms another provider is asked. */
void gw_hedge_arm(struct gw_attempt *attempt);
void gw_hedge_due(struct gw_timer *timer);
/** This one answers first: it serves, the other is cancelled. False: the call is over. */
bool gw_hedge_choose(struct gw_attempt *attempt);
/** One of two failed: the other goes on. False: there is no other. */
bool gw_hedge_failed(struct gw_attempt *attempt, const struct aigw_error *error);
/** What the server reported of an attempt that serves nobody is spent all the same. is_loser: it was answering. NULL is
 *  fine. */
void gw_call_bill(struct gw_attempt *attempt, bool is_loser);
/** The call is over: its tokens are those of all its attempts. Once. */
void gw_call_settle(struct aigw_call *call);

/* attempt.c */
/** Where the feature writes its request; also without using it, so that its memory is of this attempt. */
aigw_status gw_attempt_build(struct gw_attempt *attempt, struct gw_arena *arena, struct aigw_model_request *ret,
                             const char **ret_why);
/** The call's attempt; its rival when it has one already. */
void gw_attempt_begin(struct aigw_call *call, const struct gw_choice *choice);
/** The answer is whole: what may still come of its framing is awaited for a moment by the transport alone, so that the
 *  connection can be used again. */
void gw_attempt_leave(struct gw_attempt *attempt);
/** Over: no callback of it comes any more. Its memory goes at the end of this turn. NULL is fine. */
void gw_attempt_close(struct gw_attempt *attempt);
/** Free what the attempt holds beside the arena. */
void gw_attempt_free(struct gw_attempt *attempt);
bool gw_attempt_move(struct gw_attempt *attempt, enum gw_attempt_step step);
/** Ask the provider again: the credential is there. */
void gw_attempt_go_on(struct gw_attempt *attempt);
void gw_attempt_resume(struct gw_attempt *attempt);
const struct aigw_provider_ops *gw_attempt_ops(const struct gw_attempt *attempt);
void *gw_attempt_self(const struct gw_attempt *attempt);
/** A failure, with the server's words free of keys. */
void gw_attempt_fail(struct gw_attempt *attempt, const struct aigw_error *error);
/** A provider's callback answered with a failure: its words, our kind. */
void gw_attempt_fail_status(struct gw_attempt *attempt, aigw_status why);
struct aigw_error gw_make_error(uint32_t kind, int http_status, const char *message);

/* sign.c */
/** Let the provider add the headers that sign what goes out, if it does such a thing. */
aigw_status gw_attempt_sign(struct gw_attempt *attempt);

/* answer.c */
extern const struct gw_transfer_events gw_attempt_events;
void gw_attempt_produce(struct gw_attempt *attempt);
void gw_attempt_grace_over(struct gw_timer *timer);

/* headers.c */
/** The head of an answer is here: keep the headers that the feature asked for, export those about rate limits. */
void gw_attempt_keep_headers(struct gw_attempt *attempt);
void gw_attempt_note_headers(struct gw_attempt *attempt, const struct gw_transfer *transfer);

/* handed.c */
/** Around a callback of its provider; the latter answers the status as gw_ctx_status() does. */
void gw_attempt_visit(struct gw_attempt *attempt, struct gw_visit *visit, enum gw_callback callback);
aigw_status gw_attempt_visited(struct gw_attempt *attempt, struct gw_visit *visit, aigw_status status,
                               aigw_status more);
/* AIGW_OK, or a fault of the plugin was noted by its name */
aigw_status gw_http_request_check(struct aigw_ctx *ctx, const struct aigw_http_request *http);
aigw_status gw_header_lines_check(struct aigw_ctx *ctx, const char *what, const char *const *lines, uint32_t count);
/** Whole, of our size. */
aigw_status gw_event_check(struct aigw_ctx *ctx, const struct aigw_event *event);
/** What cannot be used is left out. */
void gw_error_mend(struct aigw_ctx *ctx, struct aigw_error *error);

/* retry_after.c */
/** What the answer's headers ask for, milliseconds; -1: nothing. */
int64_t gw_retry_after_ms(const struct gw_transfer *transfer);
/** When the rate limits of its headers (x-ratelimit-reset…, and those that the plugin knows of) begin anew,
 * milliseconds from now: those of which nothing is left, all of them; else the first one. -1: it says nothing of that.
 */
int64_t gw_rate_reset_ms(const struct gw_plugin *plugin, const struct gw_transfer *transfer);

/* metrics.c */
void gw_models_count_attempt(const char *provider, const char *result);
/** result: "granted", "over_budget", "no_time". */
void gw_models_count_retry(aigw_str model, const char *result);
/** A call went to another target than it would have, had `from` been well. */
void gw_models_count_fallback(aigw_str model, const char *from, const char *to, const char *reason);
/** result: "won" and "lost" (the second provider did), "failed", "over_budget", "nowhere". */
void gw_models_count_hedge(aigw_str model, const char *result);
/** A provider's health was asked for: "well", "ill", "odd". */
void gw_models_count_health(const char *provider, const char *result);
/** How long a call stood in the line of a provider. */
void gw_models_note_wait(const char *place, int64_t waited_ms);
/** Of a stream: from dispatch to the first content. The series, for the other one. */
struct gw_series *gw_models_note_first(aigw_str model, const char *provider, int64_t waited_ms);
/** Of the same stream: the mean time between two pieces. */
void gw_models_note_interval(struct gw_series *first, double seconds);
/** A rest of a target began, in a call of this model; its end, with cause NULL. */
void gw_models_note_rest(aigw_str model, const struct gw_target *target, const char *cause);
/** What a server said of its rate limit; unit and what are AIGW_RATE_*. */
void gw_models_set_rate(const char *provider, uint32_t unit, uint32_t what, double value);

#endif
