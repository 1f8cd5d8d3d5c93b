/* internal.h - shared by the files of the test host only. */
#ifndef TESTHOST_INTERNAL_H
#define TESTHOST_INTERNAL_H

#include <aigw/testing.h>

#include "plugin/ctx.h"
#include "upstream/framing.h"

struct json_object;
struct testhost_credential;
struct testhost_answer;

/* How much longer than ours a plugin's struct may be: a newer SDK's. */
#define TESTHOST_GROWTH_MAX 1024u

/* What a ctx stands for; see aigw/host.h. */
#define TESTHOST_INSTANCE 1u
#define TESTHOST_REQUEST  2u
#define TESTHOST_CALL     4u

/** The core's context with a way back to us. */
struct testhost_ctx {
    struct aigw_ctx base; /* first: plugins see its address */
    struct aigw_testhost *th;
    uint32_t kind; /* TESTHOST_* */
};

struct testhost_prompt {
    struct testhost_prompt *next;
    const char *id, *text;
};

/** A model call of the feature: waits for its turn, is played, has ended. */
struct aigw_call {
    struct aigw_call *next;
    const struct aigw_model_info *model;
    struct aigw_call_options options;
    enum { TESTHOST_CALL_WAITS, TESTHOST_CALL_PLAYS, TESTHOST_CALL_ENDED } state;
};

struct aigw_timer {
    struct aigw_timer *next;
    int64_t at_ms; /* -1: not set */
    void (*fn)(struct aigw_ctx *ctx, void *arg);
    void *arg;
};

struct testhost_job {
    struct testhost_job *next;
    struct aigw_job job;
    void *arg;
};

#define TESTHOST_CHOICES 16

struct aigw_testhost {
    struct gw_arena arena;          /* the plugin and its settings */
    struct gw_arena instance_arena; /* what open() took: gone before the plugin is */
    struct gw_plugin *plugin;
    struct testhost_ctx instance;
    void *state;

    /* the call or request at hand */
    struct gw_arena request_arena, build_arena;
    struct testhost_ctx ctx;
    void *call;
    bool is_active, is_over, is_framing;
    int64_t now_ms; /* a clock that only pauses and timers move */
    struct gw_buf events, said, notes, faults;

    /* provider side */
    struct aigw_http_request http;
    struct gw_framer framer;
    struct aigw_error failure;
    bool may_emit, has_headers;       /* inside frame(), done(), produce(); the server's headers may be read */
    aigw_status emit_status;          /* what emit() answered last in the callback at hand */
    uint32_t emit_left;               /* events that are still wanted */
    uint32_t finished;                /* a bit per choice */
    uint32_t tools[TESTHOST_CHOICES]; /* tool calls begun in each choice */
    uint32_t emit_max;                /* of the next call, 0: all */
    size_t growth;                    /* bytes that the structs of requests are longer than ours */
    const char *server_headers;
    struct testhost_credential *credentials;
    struct testhost_answer *credential_answers;
    const char *wanted; /* the credential that is pending */
    bool may_ask;       /* inside request(), sign() */

    /* feature side */
    struct gw_arena setup_arena; /* what the test configured */
    struct json_object *model;
    struct testhost_prompt *prompts;
    const char *script, *scopes, *flags, *settings, *caller;
    bool is_verbose;
    uint32_t leave_after;
    const char *headers; /* of the request at hand */
    struct aigw_request request;
    struct aigw_principal principal;
    struct gw_buf body, answer_headers, asked, resolved;
    struct aigw_testhost_answer answer;
    struct gw_arena call_arena; /* AIGW_LIFE_BUILD of build() */
    struct aigw_call *calls;
    struct aigw_timer *timers;
    struct testhost_job *jobs;
    bool did_go_on;
    enum { TESTHOST_CHECK, TESTHOST_RUN, TESTHOST_ANSWER } step;
};

/* host.c */
extern const struct aigw_host testhost_host;
struct aigw_testhost *testhost_of(struct aigw_ctx *ctx);
/** True when ctx is one of `kinds`; else a fault that names the function. */
bool testhost_is(struct aigw_ctx *ctx, uint32_t kinds, const char *function);
/** A rule of the headers that the plugin broke. */
void testhost_fault(struct aigw_testhost *th, const char *fmt, ...) AIGW_PRINTF(2, 3);
/** Copy our struct of `size` bytes into the plugin's, whose size it says itself. */
void testhost_copy_out(struct aigw_testhost *th, const char *what, void *to, const void *from, size_t size);
/** Copy the plugin's struct into ours, zeroed where it has nothing. */
void testhost_copy_in(struct aigw_testhost *th, const char *what, void *to, const void *from, size_t size);
/** Free what belongs to the last request or call and begin an empty one; kind is TESTHOST_REQUEST or TESTHOST_CALL.
 *  False: out of memory. */
bool testhost_begin(struct aigw_testhost *th, uint32_t kind, size_t call_size);
void testhost_end_call(struct aigw_testhost *th);

/* provider.c */
/** aigw_testhost_request_json() with something in the request changed. */
aigw_status testhost_request_changed(struct aigw_testhost *th, const char *json,
                                     void (*change)(struct aigw_model_request *req));

/* credential.c */
aigw_status testhost_credential(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value);
/** Begin and end a callback in which credential() works. */
void testhost_may_ask(struct aigw_testhost *th, bool may);
/** Get the credential that the last callback asked for, through the provider's credential(). */
aigw_status testhost_fetch_credential(struct aigw_testhost *th);
/** Add Host to the headers of th->http, then what sign() adds. */
aigw_status testhost_sign(struct aigw_testhost *th);

/* feature.c: the feature side of the host table */
aigw_status testhost_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                             const struct aigw_pair *headers, uint32_t header_count);
aigw_status testhost_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...) AIGW_PRINTF(3, 4);
aigw_status testhost_respond_invalid(struct aigw_ctx *ctx, aigw_str errors);
aigw_status testhost_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error);
aigw_status testhost_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                  const struct aigw_pair *headers, uint32_t header_count);
aigw_status testhost_stream_write(struct aigw_ctx *ctx, aigw_str bytes);
aigw_status testhost_stream_end(struct aigw_ctx *ctx);
void testhost_stream_abort(struct aigw_ctx *ctx);

/* turn.c: what comes to a feature from the loop */
/** Let everything happen that was started: calls, jobs, timers, resumed steps. */
aigw_status testhost_turn(struct aigw_testhost *th, aigw_status status);
/** Drop the jobs of a request that is over. */
void testhost_drop_jobs(struct aigw_testhost *th);
/** Run the step at hand (check, scope, run) and those after it. */
aigw_status testhost_step(struct aigw_testhost *th);
bool testhost_has_left(const struct aigw_testhost *th);

/* caller.c: who asks */
const struct aigw_principal *testhost_principal(struct aigw_ctx *ctx);
int32_t testhost_has_scope(struct aigw_ctx *ctx, const char *scope, uint32_t flags);
const aigw_str *testhost_feature_flags(struct aigw_ctx *ctx, uint32_t *ret_count);

/* model.c: the rest of it */
/** A copy in the memory of what the test configured; "" for NULL. */
const char *testhost_keep(struct aigw_testhost *th, const char *text);
aigw_str testhost_header(struct aigw_ctx *ctx, const char *name);
aigw_str testhost_setting(struct aigw_ctx *ctx, const char *path);
aigw_status testhost_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *need,
                                   const struct aigw_model_info **ret_info, struct aigw_error *ret_error);
aigw_status testhost_prompt_render(struct aigw_ctx *ctx, const struct aigw_prompt_query *query,
                                   struct aigw_prompt *ret_prompt);
aigw_status testhost_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                const struct aigw_call_options *options, struct aigw_call **ret_call);
void testhost_model_cancel(struct aigw_ctx *ctx, struct aigw_call *call);
aigw_status testhost_go_on(struct aigw_ctx *ctx);
aigw_status testhost_timer_set(struct aigw_ctx *ctx, struct aigw_timer **timer, int64_t delay_ms,
                               void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg);
void testhost_timer_clear(struct aigw_ctx *ctx, struct aigw_timer *timer);
aigw_status testhost_offload(struct aigw_ctx *ctx, const struct aigw_job *job);
aigw_status testhost_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token);
/** Value of "name: value" or "name=value" among lines, absent if none. */
aigw_str testhost_line_value(const char *lines, const char *name, char separator);

/* transcript.c */
void testhost_write_event(struct gw_buf *out, const struct aigw_event *event);
const char *testhost_error_name(uint32_t kind);
const char *testhost_part_name(uint32_t type);
/** AIGW_PART_*, or -1. */
int testhost_part_type(aigw_str name);
/** Index in the table of names, or -1. */
int testhost_error_kind(aigw_str name);
/** Read one line. Strings in arena. AIGW_E_INVALID: not a line of a transcript. */
aigw_status testhost_read_event(struct gw_arena *arena, aigw_str line, struct aigw_event *ret_event);
/** Cut the next line off *rest, without its line feed. */
aigw_str testhost_next_line(aigw_str *rest);

/* canon_read.c, canon_write.c */
/** Build request and target from JSON text, in memory that goes with the arena; structs are `growth` bytes longer than
 *  ours. */
aigw_status testhost_read_request(struct gw_arena *arena, const char *json, size_t growth,
                                  struct aigw_target **ret_target, struct aigw_model_request **ret_req,
                                  struct gw_err *reterr);
void testhost_write_request(struct gw_buf *out, const struct aigw_model_request *req, struct gw_buf *faults);

#endif
