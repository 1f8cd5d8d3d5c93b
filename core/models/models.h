/* models.h - from a need to a plan (conf.d's targets, or an ad-hoc one from the request), and the call that walks the
 * plan: attempt after attempt, with retry, fallback, deadline, circuit. Facts: features-and-models.md §3, §6;
 * decisions D9–D11, D14, D20, D21, D35, D37. */
#ifndef GW_MODELS_H
#define GW_MODELS_H

#include "base/base.h"
#include "config/snapshot.h"
#include "plugin/plugin.h"
#include "upstream/upstream.h"

struct gw_models;
struct gw_wants;
struct gw_plan;
struct gw_target;
struct gw_attempt;

/** Read `models`, `families` and `prefixes` of conf.d. */
struct gw_models *gw_models_build(struct gw_arena *arena, const struct gw_node *conf,
                                  const struct gw_settings *settings, const struct gw_plugins *plugins,
                                  struct gw_problems *problems);

/** The settings of models, targets, families, prefixes and routing, and those of every provider, as a page for people.
 */
void gw_models_reference(struct gw_buf *out);

/** What rules and targets may depend on, of the request that asks. All borrowed; absent: not known. */
struct gw_ask {
    const struct gw_instance *feature;
    aigw_str route; /* normal path */
    aigw_str realm, gitlab_version, user;
    aigw_str key, team; /* the API key's */
    aigw_str body;
    int64_t wall_s;
    void *user_data; /* of the functions below; each may be NULL */
    aigw_str (*header)(void *user_data, const char *name);
    bool (*has_scope)(void *user_data, const char *scope);
    bool (*has_flag)(void *user_data, const char *flag);
    aigw_str forced;                                  /* the only target that may serve, "provider" or
                                                         "provider/model"; the caller may say so */
    bool (*may_use)(void *user_data, aigw_str model); /* a model of conf.d; absent: one that the request names */
    aigw_str instead;                                 /* the model of conf.d that serves, whatever rules or need say */
    struct gw_wants *wants;                           /* room for what the body says, or NULL */
    struct gw_buf *why;                               /* lines that explain each step, or NULL */
};

/** What a need leads to; result and plan in `arena`. */
aigw_status gw_models_resolve(const struct gw_models *models, struct gw_ask *ask, const struct aigw_need *need,
                              struct gw_arena *arena, struct aigw_model_info *ret_info, struct aigw_error *ret_error);
/** Add to `why` what would happen to a call of this model now, target by target; *ret_index: the one it would take,
 *  SIZE_MAX: none. For people: it takes nothing. */
void gw_models_explain(const struct aigw_model_info *model, const struct gw_settings *settings, struct gw_buf *why,
                       size_t *ret_index);

/** Refuse a name as one that is not in `models`. */
aigw_status gw_models_refuse_unknown(struct gw_arena *arena, aigw_str name, struct aigw_error *ret_error);
/** The names of models that clients may send, from 0: each model's own, and its aliases but for patterns. Absent behind
 *  the last. ret_model: whose it is, or NULL. */
aigw_str gw_models_name_at(const struct gw_models *models, size_t index, aigw_str *ret_model);

/** What a model of this family gets: prompt families and default parameters. A name that is not in conf.d gets base's,
 *  and AIGW_MODELF_UNKNOWN_FAMILY. */
void gw_models_family_info(const struct gw_models *models, aigw_str family, struct aigw_model_info *ret_info);

/** The name in conf.d that led to it; of an ad-hoc one the name that was asked for. */
aigw_str gw_models_plan_name(const struct aigw_model_info *info);

/** What a call needs from its request. */
struct gw_call_request {
    struct gw_snapshot *snapshot;
    struct gw_loop *loop;
    struct gw_upstream *upstream;
    struct gw_arena *arena; /* the request's: call, attempts and what providers want kept live there */
    const char *request_id;
    const struct aigw_model_info *model; /* with its plan */
    struct aigw_call_options options;
    int64_t deadline_ms;              /* monotonic */
    const struct aigw_error *refused; /* no model is asked, the call ends with this; NULL: it is made */
    bool is_held;                     /* it is not known yet whether it may be made: gw_call_permit() begins it */
    /** The request for this target, in `build`, which goes when the attempt's server accepted or the attempt ended.
     *  AIGW_E_UNSUPPORTED: try the next target; *ret_why may say why. AIGW_E_STATE: the call is not wanted any more, it
     *  ends without an event. */
    aigw_status (*on_build)(void *user, struct aigw_call *call, const struct aigw_model_info *target,
                            struct gw_arena *build, struct aigw_model_request *ret_request, const char **ret_why);
    /** Never from inside gw_call_new() and its like. After END or ERROR nothing follows. */
    void (*on_event)(void *user, struct aigw_call *call, const struct aigw_event *event);
    /** The call is over without END or ERROR: on_build() said so. */
    void (*on_dropped)(void *user, struct aigw_call *call);
    /** No further attempt will be built. Before the first event, or at the end. Once, but not after gw_call_cancel().
     */
    void (*on_built)(void *user, struct aigw_call *call);
    void *user;
};
/** Begins from the loop, after this turn. NULL: the request's memory is spent. */
struct aigw_call *gw_call_new(const struct gw_call_request *request);
/** A held call may be made, by this model, or is refused. Nothing when it is over. */
void gw_call_permit(struct aigw_call *call, const struct aigw_model_info *model, const struct aigw_error *refused);
/** Stop without events. Allowed anywhere, on_event included. Nothing when it is over. */
void gw_call_cancel(struct aigw_call *call);
/** Give back what the arena does not: before it goes, and not from inside on_event. */
void gw_call_done(struct aigw_call *call);
/** Back-pressure: hold and release the model server. */
void gw_call_pause(struct aigw_call *call);
void gw_call_resume(struct aigw_call *call);
bool gw_call_is_over(const struct aigw_call *call);
/** May another attempt still need the request's body? */
bool gw_call_may_build(const struct aigw_call *call);

const struct aigw_call_options *gw_call_options(const struct aigw_call *call);

/** An attempt that served nobody: a rival that lost, or one whose server told what it used before it failed. */
struct gw_lost {
    struct gw_lost *next;
    const struct gw_target *target;
    struct aigw_usage usage; /* settled: input is a guess where the server told none */
    bool is_guess;
};
/** What logs and metrics want to know; final when the call is over. */
struct gw_call_stats {
    const struct aigw_model_info *model;
    const char *provider; /* where the newest attempt went; NULL: there was none */
    aigw_str sent_model;  /* … and for which model of it */
    uint32_t attempts;
    int64_t first_token_ms;              /* of a stream, from its dispatch; -1 unknown */
    int64_t started_us, model_us;        /* monotonic; time spent waiting for model servers */
    int64_t queue_ms;                    /* waited for a place at a server */
    int64_t input_tokens, output_tokens; /* -1 unknown */
    uint32_t finish, error_kind;
    bool is_stream;
    const struct gw_target *target; /* of the attempt that answered, or of the newest; NULL: none was made */
    struct gw_lost *lost;
    struct aigw_usage usage; /* as the server told it, part by part; -1 unknown */
    uint32_t kind;           /* AIGW_CALL_* of the last attempt; 0: none, or a path that its server alone knows */
    size_t answer_bytes;     /* of text that came, or of what passed as it is */
    size_t wrapping;         /* of a stream that passed as it is: its shortest piece, hardly more than wrapping */
    uint32_t answer_pieces;  /* in how many pieces: each is a token at least */
    bool had_answer;         /* some of it came */
    bool was_under_way;      /* the server was at work when the call ended without its answer */
};
const struct gw_call_stats *gw_call_stats(struct aigw_call *call);
/** Is it settled which target answers, or that none does? */
bool gw_call_is_settled(const struct aigw_call *call);

/** For the host table: what a provider may ask for about its attempt. */
aigw_status gw_attempt_emit(struct gw_attempt *attempt, const struct aigw_event *event);
aigw_str gw_attempt_answer_header(const struct gw_attempt *attempt, const char *name);
aigw_status gw_attempt_credential(struct gw_attempt *attempt, const char *name, aigw_str *ret_value);

/** How targets and providers are now, for the metrics page. Any thread that holds the snapshot. */
void gw_models_put_gauges(const struct gw_models *models, const struct gw_settings *settings, struct gw_buf *out);

/** Register the metrics of model calls; once, before the workers start. */
void gw_models_register_metrics(void);

#endif
