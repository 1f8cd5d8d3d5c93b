/* aigw/host.h - what the core offers to a plugin: one table of functions, handed to open().
 *
 * A `ctx` is either an instance (inside open()) or one request (inside every other callback). Functions marked
 * [request] answer AIGW_E_STATE, NULL or an absent string on an instance.
 */
#ifndef AIGW_HOST_H
#define AIGW_HOST_H

#include <aigw/abi.h>
#include <aigw/model.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aigw_ctx; /* opaque */
struct aigw_buf; /* opaque growable byte buffer */

#define AIGW_LOG_DEBUG   0u
#define AIGW_LOG_INFO    1u
#define AIGW_LOG_WARNING 2u
#define AIGW_LOG_ERROR   3u

/* How long memory lives. In open() both mean: as long as the instance. */
#define AIGW_LIFE_REQUEST 1u /* until the request is answered and forgotten                                         */
#define AIGW_LIFE_BUILD \
    2u /* until the model call delivered its first event, or ended. What is only needed to \
          build a prompt or a wire body belongs here: a stream that runs for minutes does \
          not hold it                                                                        */

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
#define AIGW_PRINCIPALF_BYPASS     0x1u /* authentication is switched off: every right is granted                  */
#define AIGW_PRINCIPALF_USER_TOKEN 0x2u /* the token was issued by this gateway for one user                        */
#define AIGW_PRINCIPALF_ANONYMOUS  0x4u /* a route that needs no token */

#define AIGW_SCOPEF_NO_USER_TOKEN 0x1u /* refuse tokens that this gateway issued                                    */

/** One name and value, for prompt variables and response headers. */
struct aigw_pair {
    aigw_str name;
    aigw_str value;
};

/** What a feature needs a model for. All strings optional; absent or empty means not given.
 *  A non-empty endpoint, api_key, identifier or name makes an ad-hoc target out of the client's request; otherwise
 *  conf.d's `model` of the feature instance is used; otherwise the call is refused with AIGW_ERR_NO_MODEL. */
struct aigw_need {
    uint32_t struct_size;
    uint32_t flags;    /* AIGW_NEEDF_* */
    aigw_str provider; /* what the client calls the provider */
    aigw_str name;     /* model family */
    aigw_str endpoint; /* base URL of the model server */
    aigw_str api_key;
    aigw_str identifier; /* "prefix/model" or "model" */
    aigw_str model;      /* name of a model in conf.d to use instead of the instance's own */
};

/** What the core made of a need: enough to choose a prompt and shape an answer. Lives as long as the request. */
struct aigw_model_info {
    uint32_t struct_size;
    uint32_t flags;           /* AIGW_MODELF_* */
    aigw_str name;            /* name to report to clients */
    aigw_str engine;          /* provider to report to clients */
    const aigw_str *families; /* prompt families, best first; "base" is always last */
    uint32_t family_count;
    uint32_t reserved;
    int64_t max_context_tokens;  /* 0 unknown */
    struct aigw_params defaults; /* the family's parameters; a prompt's own win over them */
    const void *plan;            /* for the core */
};
#define AIGW_MODELF_ADHOC          0x1u  /* from the request, not from conf.d */
#define AIGW_MODELF_RAW_COMPLETION 0x2u  /* conf.d says the target wants AIGW_CALL_COMPLETION for fill-in-the-middle */
#define AIGW_MODELF_UNKNOWN_FAMILY 0x4u  /* the family name is not in conf.d: base prompts apply */
#define AIGW_MODELF_STREAM_OFF     0x8u  /* streaming is switched off: text will come in one event */
#define AIGW_MODELF_UNESCAPE       0x10u /* the family writes \_ for _ : undo it in the output */

/** A rendered prompt. Lives for the build. */
struct aigw_prompt {
    uint32_t struct_size;
    uint32_t message_count;
    const struct aigw_message *messages;
    struct aigw_params params; /* from the definition, over the model's defaults */
    aigw_str title;            /* the definition's display name */
    aigw_str scope;            /* right needed to use it */
    aigw_str family;           /* directory that was used */
    aigw_str version;          /* version that was used */
    int64_t timeout_ms;        /* idle limit between bytes, 0 for the default */
    uint32_t flags;            /* AIGW_REQF_PREFILL when it ends with an assistant message */
    uint32_t reserved;
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

struct aigw_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* of the core */

    /* -- memory and text -- */

    /** len bytes, aligned for any type, uninitialised. `life` is AIGW_LIFE_*. NULL when the budget is spent. */
    void *(*alloc)(struct aigw_ctx *ctx, uint32_t life, size_t len);
    /** printf into such memory. NULL when the budget is spent. */
    char *(*format)(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)AIGW_PRINTF(3, 4);
    /** Run fn(arg) when that lifetime ends; ties a library's malloc to the request. On failure runs it at once. */
    aigw_status (*defer)(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg);

    /** A buffer that may grow to max_len bytes. NULL when out of memory. Errors are sticky: append without looking
     *  and check buf_view() once. */
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

    /** Record why, return `why`. In open(): printed to the operator. In a request: the text goes to the log and,
     *  for model failures, into aigw_error.message. The last one counts. No secrets, no prompts. */
    aigw_status (*fail)(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** One log line; the core adds request id, plugin and time, and masks secrets. Never log prompts or answers. */
    void (*log)(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** Add delta to metrics[index] of the descriptor, with label_count label values. */
    void (*count)(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta);
    /** Add a member to the request's access-log line. [request] Both are copied. */
    void (*annotate)(struct aigw_ctx *ctx, const char *name, aigw_str value);

    /* -- provider side -- */

    /** Hand one event on. [request, inside frame(), done() and produce()] */
    aigw_status (*emit)(struct aigw_ctx *ctx, const struct aigw_event *event);

    /* -- feature side: the request -- */

    /** First occurrence of a request header, name in any case. [request] */
    aigw_str (*header)(struct aigw_ctx *ctx, const char *name);
    /** Who is asking. [request] */
    const struct aigw_principal *(*principal)(struct aigw_ctx *ctx);
    /** 1 if the caller holds the scope (flags: AIGW_SCOPEF_*), or authentication is bypassed. [request] */
    int32_t (*has_scope)(struct aigw_ctx *ctx, const char *scope, uint32_t flags);
    /** Feature flags that the client enabled and the operator allows. [request] Lives as long as the request. */
    const aigw_str *(*feature_flags)(struct aigw_ctx *ctx, uint32_t *ret_count);
    /** A setting of the core by its conf.d path, such as "region", as text; absent when there is no such setting.
     *  Secrets are never handed out. */
    aigw_str (*setting)(struct aigw_ctx *ctx, const char *path);
    /** Now, seconds since 1970 UTC. */
    int64_t (*time_s)(struct aigw_ctx *ctx);

    /* -- feature side: the answer. Exactly one of respond() or stream_begin()…stream_end()/stream_abort(). -- */

    /** Answer and finish. Body and headers are copied. content_type NULL for "application/json". [request] */
    aigw_status (*respond)(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                           const struct aigw_pair *headers, uint32_t header_count);
    /** Answer {"detail":"…"} and finish. [request] */
    aigw_status (*respond_detail)(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...) AIGW_PRINTF(3, 4);
    /** Refuse a request whose body did not validate: 422, with `errors` (text of a JSON list of what is wrong, no
     *  secrets) as the detail only when the caller may see it. [request] */
    aigw_status (*respond_invalid)(struct aigw_ctx *ctx, aigw_str errors);
    /** Answer a model failure as the decisions for code routes say: 429 with Retry-After, 422 for a missing model,
     *  else 503, JSON detail naming the model. [request] */
    aigw_status (*respond_model_error)(struct aigw_ctx *ctx, const struct aigw_error *error);

    /** Begin a body of unknown length. Sent to the client with the first write. [request] */
    aigw_status (*stream_begin)(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                const struct aigw_pair *headers, uint32_t header_count);
    /** Send bytes now; copied only if the client is slow. The core slows the model down when the client cannot
     *  keep up: a feature need not care. AIGW_E_CLOSED when the client left. [request] */
    aigw_status (*stream_write)(struct aigw_ctx *ctx, aigw_str bytes);
    /** The body is complete. [request] */
    aigw_status (*stream_end)(struct aigw_ctx *ctx);
    /** Break the connection so that the client can tell that the body is not complete. [request] */
    void (*stream_abort)(struct aigw_ctx *ctx);

    /* -- feature side: models and prompts -- */

    /** Find out what model a need leads to. On failure *ret_error says why (AIGW_ERR_NO_MODEL, _ENDPOINT,
     *  _BAD_REQUEST) and the status is negative. [request] */
    aigw_status (*model_resolve)(struct aigw_ctx *ctx, const struct aigw_need *need,
                                 const struct aigw_model_info **ret_info, struct aigw_error *ret_error);
    /** Render a prompt. AIGW_E_NOT_FOUND (no such prompt or version), AIGW_E_INVALID (a required variable is
     *  missing); the reason is available from last_error(). [request] */
    aigw_status (*prompt)(struct aigw_ctx *ctx, const struct aigw_prompt_query *query, struct aigw_prompt *ret_prompt);
    /** Text of the last host->fail() or failed host call on this ctx, "" if none. */
    const char *(*last_error)(struct aigw_ctx *ctx);
    /** Start the model call. Events arrive at the feature's event() later, never from inside this function: START,
     *  then others, then END or ERROR. One call at a time per request. [request]
     *  idle_timeout_ms: longest silence of the model server, 0 for the configured default. */
    aigw_status (*model_call)(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                              const struct aigw_model_request *req, int64_t idle_timeout_ms);
    /** Stop the call; no event follows. [request] */
    void (*model_cancel)(struct aigw_ctx *ctx);

    /* -- feature side: tokens -- */

    /** Sign claims (JSON object text) as an RS256 JWT with this gateway's own key. AIGW_E_CONFIG when no usable key is
     *  configured. The token lives as long as the request. [request] */
    aigw_status (*sign_token)(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token);
};

#ifdef __cplusplus
}
#endif
#endif
