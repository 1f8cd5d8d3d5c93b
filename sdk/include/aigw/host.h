/* aigw/host.h - what the core offers to a plugin: one table of functions, handed to open().
 *
 * A `ctx` is one of three things, and says who is asking:
 *
 *     instance   inside open()
 *     request    inside a feature's other callbacks: one client request
 *     call       inside a provider's other callbacks: one attempt of one model call. It is no request: it can neither
 *                answer the client nor read its headers
 *
 * A mark behind each function says where it works; elsewhere it answers AIGW_E_STATE, NULL or an absent string.
 * [any], [request], [call]. A ctx is valid while its callback runs, and for functions that say so until its request
 * ends; it belongs to one thread.
 */
#ifndef AIGW_HOST_H
#define AIGW_HOST_H

#include <aigw/abi.h>
#include <aigw/model.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aigw_ctx;   /* opaque */
struct aigw_buf;   /* opaque growable byte buffer */
struct aigw_timer; /* opaque */

#define AIGW_LOG_DEBUG   0u
#define AIGW_LOG_INFO    1u
#define AIGW_LOG_WARNING 2u
#define AIGW_LOG_ERROR   3u

/* How long memory lives. In open() both mean: as long as the instance. */
#define AIGW_LIFE_REQUEST 1u /* until the request is answered and forgotten                                       */
#define AIGW_LIFE_BUILD \
    2u /* In a feature's build() and in a provider's callbacks: one attempt, until its server accepted or it ended. \
          In check() and run(): as long as the request's body, which goes once a call was answered that does not say \
          AIGW_CALLF_KEEP_BODY. What is only needed to build a prompt belongs here: a stream that runs for minutes \
          does not hold it \
        */

/** Who is asking. Borrowed; lives as long as the request. Absent strings mean "not in the token". */
struct aigw_principal {
    uint32_t struct_size;
    uint32_t flags;          /* AIGW_PRINCIPALF_* */
    aigw_str issuer;         /* claim iss */
    aigw_str subject;        /* claim sub */
    aigw_str realm;          /* claim gitlab_realm */
    aigw_str instance_id;    /* claim gitlab_instance_id */
    aigw_str instance_uid;   /* claim gitlab_instance_uid */
    aigw_str global_user_id; /* X-Gitlab-Global-User-Id */
    aigw_str seat_count;     /* claim duo_seat_count as text */
    aigw_str extra_claims;   /* JSON object text of the remaining claims */
    const aigw_str *scopes;
    uint32_t scope_count;
    uint32_t reserved;
};
#define AIGW_PRINCIPALF_BYPASS     0x1u  /* authentication is switched off: every right is granted                  */
#define AIGW_PRINCIPALF_USER_TOKEN 0x2u  /* the token was issued by this gateway for one user                        */
#define AIGW_PRINCIPALF_ANONYMOUS  0x4u  /* a route that needs no token */
#define AIGW_PRINCIPALF_KEY        0x8u  /* an API key of this gateway: subject is its name in conf.d                */
#define AIGW_PRINCIPALF_ALL_SCOPES 0x10u /* whoever named its rights named none: it has all                         */

#define AIGW_SCOPEF_NO_USER_TOKEN 0x1u /* refuse tokens that this gateway issued                                    */

/* ---- models ------------------------------------------------------------------------------------------------- */

/** What a feature needs a model for. All strings optional; absent or empty means not given.
 *  A non-empty endpoint or identifier makes an ad-hoc target out of the client's request; otherwise conf.d's
 *  `model` of the feature instance is used; otherwise the call is refused with AIGW_ERR_NO_MODEL. */
struct aigw_need {
    uint32_t struct_size;
    uint32_t flags;    /* 0 */
    aigw_str provider; /* what the client calls the provider */
    aigw_str name;     /* model family */
    aigw_str endpoint; /* base URL of the model server */
    aigw_str api_key;
    aigw_str identifier; /* "prefix/model" or "model" */
    aigw_str model;      /* name of a model in conf.d to use instead of the instance's own */
};

/** What the core made of a need, or of one of its targets: enough to choose a prompt and shape an answer. Lives as long
 *  as the request. */
struct aigw_model_info {
    uint32_t struct_size;
    uint32_t flags;           /* AIGW_MODELF_* */
    aigw_str name;            /* name to report to clients */
    aigw_str engine;          /* provider to report to clients */
    const aigw_str *families; /* family_count prompt families, best first; "base" is always last */
    uint32_t family_count;
    uint32_t reserved;
    int64_t max_context_tokens;         /* 0 unknown */
    const struct aigw_params *defaults; /* the family's parameters, never NULL; a prompt's own win over them */
    const void *plan;                   /* for the core */
    aigw_str model;                     /* in build(): the name that this target's server knows */
};
#define AIGW_MODELF_ADHOC          0x1u  /* from the request, not from conf.d */
#define AIGW_MODELF_RAW_COMPLETION 0x2u  /* conf.d says the target wants AIGW_CALL_COMPLETION for fill-in-the-middle */
#define AIGW_MODELF_UNKNOWN_FAMILY 0x4u  /* the family name is not in conf.d: base prompts apply */
#define AIGW_MODELF_STREAM_OFF     0x8u  /* streaming is switched off: text will come in one event */
#define AIGW_MODELF_UNESCAPE       0x10u /* the family writes \_ for _ : undo it in the output */
#define AIGW_MODELF_PASSES_RAW     0x20u /* in build(): this target speaks aigw_call_options.dialect; `raw` may be set */

#define AIGW_CALLF_STREAM    0x1u /* deliver text as it comes */
#define AIGW_CALLF_KEEP_BODY 0x2u /* another call will be built from the request's body: do not free it yet */

#define AIGW_QUOTA_REQUESTS 1u
#define AIGW_QUOTA_TOKENS   2u

/** What a quota of this gateway has left. */
struct aigw_quota {
    uint32_t struct_size;
    uint32_t unit;     /* AIGW_QUOTA_* */
    int64_t limit;     /* how many fit into its window */
    int64_t remaining; /* of them, now */
    int64_t reset_ms;  /* until all of it is there again */
};

/** How to make a call. */
struct aigw_call_options {
    uint32_t struct_size;
    uint32_t flags;          /* AIGW_CALLF_* */
    int64_t idle_timeout_ms; /* longest silence of the model server, 0 for the configured default */
    aigw_str dialect;        /* the client's dialect, if its bytes could be passed through; lives as long as the call */
    void *tag;               /* comes back in build() and in every event */
    const char *const *answer_headers; /* headers of the server's answer that START and ERROR shall bring: at most 16 */
    uint32_t answer_header_count;      /* names, in any case; static storage or alive as long as the call             */
    uint32_t reserved;
};

/* ---- prompts ------------------------------------------------------------------------------------------------ */

/** A rendered prompt; lives as AIGW_LIFE_BUILD memory does. */
struct aigw_prompt {
    uint32_t struct_size;
    uint32_t flags; /* AIGW_REQF_PREFILL when it ends with an assistant message */
    const struct aigw_message *messages;
    const struct aigw_params *params; /* from the definition, over the model's defaults */
    aigw_str title;                   /* the definition's display name */
    aigw_str scope;                   /* right needed to use it */
    aigw_str family;                  /* directory that was used */
    aigw_str version;                 /* version that was used */
    int64_t timeout_ms;               /* idle limit between bytes, 0 for the default */
};

struct aigw_prompt_query {
    uint32_t struct_size;
    uint32_t var_count;
    aigw_str id;                         /* "code_suggestions/completions" */
    aigw_str version;                    /* constraint or exact version; absent for ^1.0.0 */
    const struct aigw_model_info *model; /* families and default parameters */
    const struct aigw_pair *vars;        /* win over inputs */
    aigw_str inputs;                     /* JSON object text with more variables, may be absent */
};

/* ---- work off the loop ---------------------------------------------------------------------------------------- */

/** Work that blocks, for the core's small pool of threads. */
struct aigw_job {
    uint32_t struct_size;
    uint32_t arg_size; /* bytes of arg, at most 1 MiB, copied: the copy is what the functions below get */
    const void *arg;
    /** On a thread of the pool. Touches nothing but arg. */
    void (*work)(void *arg);
    /** After work(), on the request's thread: the request still waits. Frees what arg owns. */
    void (*done)(struct aigw_ctx *ctx, void *arg);
    /** Instead of done(), when the request has gone; on any thread, after work() or without it. Frees what arg owns. */
    void (*drop)(void *arg);
};

/* ---- the table ------------------------------------------------------------------------------------------------ */

struct aigw_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* of the core */

    /* -- memory and text -- */

    /** len bytes, aligned for any type, uninitialised. `life` is AIGW_LIFE_*. NULL when the budget is spent. [any] */
    void *(*alloc)(struct aigw_ctx *ctx, uint32_t life, size_t len);
    /** printf into such memory. NULL when the budget is spent. [any] */
    char *(*format)(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)AIGW_PRINTF(3, 4);
    /** Run fn(arg) when that lifetime ends; ties a library's malloc to the request. On failure runs it at once. [any]
     */
    aigw_status (*defer)(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg);

    /** A buffer that may grow to max_len bytes. NULL when out of memory. Errors are sticky: append without looking
     *  and check buf_view() once. [any] */
    struct aigw_buf *(*buf_new)(struct aigw_ctx *ctx, uint32_t life, size_t max_len);
    void (*buf_put)(struct aigw_buf *buf, const char *bytes, size_t len);
    void (*buf_printf)(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
    /** Append text as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
    void (*buf_json)(struct aigw_buf *buf, aigw_str text);
    /** Append text as a JSON string with quotes, everything outside ASCII as \uXXXX. */
    void (*buf_json_ascii)(struct aigw_buf *buf, aigw_str text);
    /** Empty it, keeping its memory. */
    void (*buf_clear)(struct aigw_buf *buf);
    /** What is in it; valid until the next append. AIGW_E_LIMIT or AIGW_E_NOMEM if an append failed. NUL-terminated. */
    aigw_status (*buf_view)(struct aigw_buf *buf, aigw_str *ret_view);

    /* -- saying what happened -- */

    /** Record why, return `why`. In open(): printed to the operator. Elsewhere: the text goes to the log and, for model
     *  failures, into aigw_error.message. The last one counts. No secrets, no prompts. [any] */
    aigw_status (*fail)(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** Text of the last fail() or failed host call on this ctx, "" if none. [any] */
    const char *(*last_error)(struct aigw_ctx *ctx);
    /** One log line; the core adds request id, plugin and time, and masks secrets. Never log prompts or answers. A
     *  warning in open() is one about the instance's settings: `aigw check` shows it, too. [any] */
    void (*log)(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** Add delta to metrics[index] of the descriptor, with label_count label values. [any] */
    void (*count)(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta);
    /** Add a member to the request's access-log line; both are copied. The name is 1 to 64 letters, digits, _, . and -.
     *  [request] */
    void (*annotate)(struct aigw_ctx *ctx, const char *name, aigw_str value);

    /* -- clocks, chance, digests -- */

    /** Seconds since 1970 UTC. [any] */
    int64_t (*time_s)(struct aigw_ctx *ctx);
    /** A clock that never jumps, read once per turn of the loop. [any] */
    int64_t (*mono_ms)(struct aigw_ctx *ctx);
    /** len bytes fit for secrets. AIGW_E_INVALID beyond 4,096 bytes. [any] */
    aigw_status (*random)(struct aigw_ctx *ctx, void *ret_bytes, size_t len);
    /** SHA-256 of bytes: 32 bytes. [any] */
    aigw_status (*sha256)(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32]);
    /** HMAC-SHA-256: 32 bytes. [any] */
    aigw_status (*hmac_sha256)(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32]);

    /* -- provider side -- */

    /** Hand one event on. Inside frame(), done() and produce(). AIGW_E_CLOSED when nobody wants it any more. [call] */
    aigw_status (*emit)(struct aigw_ctx *ctx, const struct aigw_event *event);
    /** First header of the server's answer with this name, in any case; from the first frame() until done() or
     *  failure() returned. [call] */
    aigw_str (*answer_header)(struct aigw_ctx *ctx, const char *name);
    /** A credential of this instance by the provider's own name for it. AIGW_PENDING: the core gets it through the
     *  provider's credential() and calls request() or sign() again; return AIGW_PENDING too. Kept across reloads,
     *  refreshed before it expires and after the server refused it. Borrowed until the callback returns. Inside
     *  request() and sign(). [call] */
    aigw_status (*credential)(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value);

    /* -- feature side: the request -- */

    /** First request header with this name, in any case. [request] */
    aigw_str (*header)(struct aigw_ctx *ctx, const char *name);
    /** The request's id, on every log line of it. [request] [call] */
    aigw_str (*request_id)(struct aigw_ctx *ctx);
    /** Who is asking. [request] */
    const struct aigw_principal *(*principal)(struct aigw_ctx *ctx);
    /** 1 if the caller holds the scope (flags: AIGW_SCOPEF_*), or authentication is bypassed. [request] */
    int32_t (*has_scope)(struct aigw_ctx *ctx, const char *scope, uint32_t flags);
    /** Feature flags that the client enabled and the operator allows. Lives as long as the request. [request] */
    const aigw_str *(*feature_flags)(struct aigw_ctx *ctx, uint32_t *ret_count);
    /** A setting of the core as text, such as "server.region"; absent when unknown or secret. [request] */
    aigw_str (*setting)(struct aigw_ctx *ctx, const char *path);

    /* -- feature side: the answer. AIGW_E_STATE when one was begun (respond…), is not begun (stream_write) or has
     * ended; AIGW_E_CLOSED when the client left -- */

    /** A whole answer. content_type NULL: the header of that name, else application/json. Body and headers are copied.
     *  http_status is 200 to 599; 204 and 304 have no body, whatever is given. What every answer has already is the
     *  core's own: content-length, transfer-encoding, connection and their like, date, server, x-request-id and
     *  x-process-time are left out of `headers`, and said; those without a value are left out. AIGW_E_INVALID beyond 16
     *  headers, AIGW_E_LIMIT beyond 64 KiB of them or 32 MiB of body: nothing was answered then. [request] */
    aigw_status (*respond)(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                           const struct aigw_pair *headers, uint32_t header_count);
    /** {"detail": text} with that status; of a text beyond 64 KiB the begin. [request] */
    aigw_status (*respond_detail)(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** 422 in the contract's form. errors: JSON array text, shown only to callers who may see it; type and location of
     *  each go to the log, values never. What is no JSON array is shown to nobody. [request] */
    aigw_status (*respond_invalid)(struct aigw_ctx *ctx, aigw_str errors);
    /** The status and body that the contract gives to a model's failure. [request] */
    aigw_status (*respond_model_error)(struct aigw_ctx *ctx, const struct aigw_error *error);

    /** Begin a body of unknown length, content_type NULL: no header of that name but yours. Status and headers as for
     *  respond(). Sent to the client with the first write, or at the end of this turn. [request] */
    aigw_status (*stream_begin)(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                const struct aigw_pair *headers, uint32_t header_count);
    /** Send bytes; all of one turn of the loop go out together. The core slows the model down when the client cannot
     *  keep up: a feature that hands on what a model says need not care. AIGW_E_LIMIT when the client would be more
     * than 32 MiB behind: the answer is broken off then. [request] */
    aigw_status (*stream_write)(struct aigw_ctx *ctx, aigw_str bytes);
    /** The body is complete. [request] */
    aigw_status (*stream_end)(struct aigw_ctx *ctx);
    /** Break the connection so that the client can tell that the body is not complete. [request] */
    void (*stream_abort)(struct aigw_ctx *ctx);

    /* -- feature side: models and prompts -- */

    /** Find out what model a need leads to; nothing is called. On failure *ret_error (its struct_size set by you) says
     *  why (AIGW_ERR_NO_MODEL, _ENDPOINT, _BAD_REQUEST) and the status is negative. [request] */
    aigw_status (*model_resolve)(struct aigw_ctx *ctx, const struct aigw_need *need,
                                 const struct aigw_model_info **ret_info, struct aigw_error *ret_error);
    /** Render a prompt into *ret_prompt (its struct_size set by you). AIGW_E_NOT_FOUND (no such prompt or version),
     *  AIGW_E_INVALID (a required variable is missing: title, scope, family and version are set all the same, so that
     *  a missing right can be said first); the reason is available from last_error(). A variable current_date, today in
     *  words, is there unless you bring one. [request] */
    aigw_status (*prompt)(struct aigw_ctx *ctx, const struct aigw_prompt_query *query, struct aigw_prompt *ret_prompt);
    /** Start a model call; from check() on, several at once or one after the other, 64 in one request (AIGW_E_LIMIT).
     * The core asks the feature's build() for the request once a target is chosen, and again for each further attempt.
     * Nothing happens inside this function: build() and event() come later, from the loop. The handle stays valid until
     * the request ends. options may be NULL. [request] */
    aigw_status (*model_call)(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                              const struct aigw_call_options *options, struct aigw_call **ret_call);
    /** Stop it; no event follows. Nothing when it has ended. [request] */
    void (*model_cancel)(struct aigw_ctx *ctx, struct aigw_call *call);

    /* -- feature side: time and work -- */

    /** AIGW_PENDING from check() or run() is over: the same callback is called again, from the loop. [request] */
    aigw_status (*go_on)(struct aigw_ctx *ctx);
    /** Call fn(ctx, arg) once after delay_ms, from the loop, unless the request ends first. Setting it again moves it.
     *  *timer NULL: a new one, at most 16 in one request: AIGW_E_LIMIT. delay_ms is not negative. [request] */
    aigw_status (*timer_set)(struct aigw_ctx *ctx, struct aigw_timer **timer, int64_t delay_ms,
                             void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg);
    void (*timer_clear)(struct aigw_ctx *ctx, struct aigw_timer *timer);
    /** Run work that blocks on another thread. AIGW_E_LIMIT when too much is waiting; then nothing was taken and
     *  neither done() nor drop() is called. [request] */
    aigw_status (*offload)(struct aigw_ctx *ctx, const struct aigw_job *job);

    /* -- feature side: tokens -- */

    /** Sign claims (JSON object text) as an RS256 JWT with this gateway's own key. AIGW_E_CONFIG when no usable key is
     *  configured. The token lives as long as the request. [request] */
    aigw_status (*sign_token)(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token);

    /* -- feature side: which models there are -- */

    /** Names of conf.d's `models` that this caller may use, in their order. Live as long as the request. A model that
     *  the caller may not use does not exist for model_resolve() either: AIGW_ERR_NO_MODEL. [request] */
    const aigw_str *(*model_names)(struct aigw_ctx *ctx, uint32_t *ret_count);

    /* -- feature side: quotas -- */

    /** Of the quotas that count the model calls of this request, made or refused: what the one with the least has left
     *  of that unit, for the headers in which clients of some APIs read it. *ret_quota's struct_size is set by you.
     *  AIGW_E_NOT_FOUND: no quota counts the unit, or no call was asked for yet. [request] */
    aigw_status (*quota_left)(struct aigw_ctx *ctx, uint32_t unit, struct aigw_quota *ret_quota);
};

#ifdef __cplusplus
}
#endif
#endif
