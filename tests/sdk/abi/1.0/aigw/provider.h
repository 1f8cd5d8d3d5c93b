/* aigw/provider.h - what a provider plugin implements.
 *
 * A provider translates: canonical request → the bytes of one HTTP request, and the server's answer → canonical
 * events. It owns no socket, no thread and no clock. Connections, TLS, proxies, deadlines, retries, framing and
 * back-pressure are the core's, written once.
 *
 * The life of one attempt, all on one thread:
 *
 *     request()  → (sign()) → the core sends it →  frame() …frame()  →  done()   good answer
 *                                               →  failure()                     status ≥ 400
 *                                               →  (nothing)                     cancelled, or the transport failed
 *
 * A retry or a fallback is another attempt: it starts over with request() and a zeroed call state.
 */
#ifndef AIGW_PROVIDER_H
#define AIGW_PROVIDER_H

#include <aigw/host.h>
#include <aigw/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where one call goes. Borrowed until request() returns; strings may be kept until the call ends. */
struct aigw_target {
    uint32_t struct_size;
    uint32_t flags;    /* AIGW_TARGETF_*                                                                    */
    aigw_str model;    /* name to send upstream                                                             */
    aigw_str endpoint; /* base URL from the client's request, no trailing slash; absent: use your setting   */
    aigw_str api_key;  /* key from the client's request; absent: none came                                  */
    aigw_str prefix;   /* prefix of the model identifier ("text-completion-openai"), absent when configured */
};
/** The endpoint came with the request. Never send a configured or environment key there: use target->api_key. */
#define AIGW_TARGETF_CALLER_ENDPOINT 0x1u

/* How the answer is cut into frames when the status is good. */
#define AIGW_FRAMING_BODY        1u /* one frame: the whole body                                                 */
#define AIGW_FRAMING_SSE         2u /* one frame per server-sent event                                           */
#define AIGW_FRAMING_NDJSON      3u /* one frame per line, empty lines skipped                                    */
#define AIGW_FRAMING_EVENTSTREAM 4u /* one frame per application/vnd.amazon.eventstream message                   */
#define AIGW_FRAMING_LOCAL       5u /* no HTTP at all: the core calls produce() instead                           */

/** One HTTP request, described. Zeroed by the core; the provider fills it with memory from
 *  host->alloc(ctx, AIGW_LIFE_BUILD, …), instance state, static storage, or what the request itself points to. */
struct aigw_http_request {
    uint32_t struct_size;
    uint32_t framing;           /* AIGW_FRAMING_*, for a good status                                               */
    const char *method;         /* "POST"                                                                          */
    const char *url;            /* absolute                                                                        */
    const char *const *headers; /* header_count lines "Name: value", at most 64. Host, Content-Length, Connection and
                                   their like are the core's: with one of those the attempt fails                  */
    uint32_t header_count;
    uint32_t reserved;
    aigw_str body;
};

/** Header lines to add to a request whose bytes are fixed. */
struct aigw_signature {
    uint32_t struct_size;
    uint32_t header_count;
    const char *const *headers; /* header_count lines "Name: value", memory as for aigw_http_request */
};

/** One step on the way to a credential. */
struct aigw_credential_step {
    uint32_t struct_size;
    uint32_t step;    /* 0: nothing was asked yet; then the number of requests made                                */
    const char *name; /* the provider's own name for the credential, as given to host->credential()                */
    /* in, from step 1 on: the answer to the request described before */
    int32_t status;
    int32_t is_done; /* out: 1 when `value` is the credential; 0 when `http` is to be sent                          */
    aigw_str body;   /* at most 256 KiB                                                                            */
    /* out */
    struct aigw_http_request *http; /* filled like request() fills it; its framing does not count                    */
    aigw_str value;                 /* copied by the core; a secret                                                  */
    int64_t expires_ms;             /* from now on; -1: never. Below a second it is one: calls that wait use it      */
};

/** One frame of a good answer. Borrowed until frame() returns. */
struct aigw_frame {
    uint32_t struct_size;
    uint32_t framing;   /* what it is: AIGW_FRAMING_*. Servers do not always answer in the form that was asked for: a
                           body that begins like JSON comes as AIGW_FRAMING_BODY, one that begins like an event
                           stream as AIGW_FRAMING_SSE, whatever the request and the label said                   */
    aigw_str event;     /* SSE event name, or the event stream's :event-type; absent when not given              */
    aigw_str data;      /* SSE: data lines joined with \n. NDJSON: the line. Event stream: payload. Else the body */
    aigw_str exception; /* event stream: the :exception-type or :error-code, absent on ordinary messages          */
};

/** A refusal: status ≥ 400 and what came with it. Borrowed until failure() returns. */
struct aigw_http_failure {
    uint32_t struct_size;
    int32_t status;
    aigw_str body; /* at most 1 MiB of it */
    aigw_str content_type;
    int64_t retry_after_ms; /* what the headers ask for, in whichever spelling; -1 when they do not */
};

/** Written by produce(): what the core does next. */
struct aigw_produce {
    uint32_t struct_size;
    uint32_t is_done; /* 1: nothing more will come, done() is called next */
    int64_t next_ms;  /* else call produce() again after this long, 0 for at once */
};

#define AIGW_RATE_REQUESTS      1u
#define AIGW_RATE_TOKENS        2u
#define AIGW_RATE_INPUT_TOKENS  3u
#define AIGW_RATE_OUTPUT_TOKENS 4u

#define AIGW_RATE_LIMIT     1u /* how many in a window                                                            */
#define AIGW_RATE_REMAINING 2u /* how many are left of it                                                         */
#define AIGW_RATE_RESET     3u /* when it begins anew: seconds, a duration ("6m0s"), a moment or a date           */

/** A header of the server's answers that tells of a rate limit. The core reads it from every answer, good or bad, and
 *  exports what the limit is and what is left of it as gauges; when a server refuses without a Retry-After, a limit of
 *  which nothing is left says when to come back. An array with its stride: may grow. */
struct aigw_rate_header {
    const char *name; /* in any case; its value is a number, but for AIGW_RATE_RESET */
    uint32_t unit;    /* AIGW_RATE_REQUESTS … */
    uint32_t what;    /* AIGW_RATE_LIMIT, AIGW_RATE_REMAINING, AIGW_RATE_RESET */
};

struct aigw_provider_ops {
    uint32_t struct_size;
    uint32_t dialect_count;

    /** Bytes of per-attempt state, "call" below: the core allocates them zeroed before request(). May be 0. */
    size_t call_size;

    /** Bring an instance up; `self` is state_size bytes, zeroed, with the settings filled in. May be NULL.
     *  On failure record the reason with host->fail(); the core prints it with file and line. */
    aigw_status (*open)(const struct aigw_host *host, struct aigw_ctx *ctx, void *self);

    /** Undo open(). Called on the main thread after the last request that uses the instance. May be NULL. */
    void (*close)(void *self);

    /** Describe the HTTP request for `req` to `target`. AIGW_E_UNSUPPORTED with host->fail() when this server kind
     *  cannot do it at all: the next target is tried. AIGW_PENDING when host->credential() said so. */
    aigw_status (*request)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                           const struct aigw_model_request *req, struct aigw_http_request *ret_http);

    /** Turn one frame into events with host->emit(). When emit() does not answer AIGW_OK return that at once.
     *  AIGW_DONE when the dialect's end marker came: the answer is whole, and what may follow is not waited for.
     *  AIGW_E_UPSTREAM with host->fail() when the frame makes no sense: the call ends as AIGW_ERR_PROTOCOL. */
    aigw_status (*frame)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame);

    /** The answer is whole, or its body ended. Emit what was held back; may be NULL. */
    aigw_status (*done)(struct aigw_ctx *ctx, void *self, void *call);

    /** Describe a refusal in canonical terms. ret_error arrives filled from the status alone (400 bad request, 401
     *  auth, 403 permission, 404 not found, 408/504 timeout, 429 rate limited, 503/529 overloaded, other 5xx
     *  server) with the parsed Retry-After and a neutral message: correct what the body tells better. NULL when the
     *  status says it all. Strings come from alloc(ctx, AIGW_LIFE_REQUEST, …). */
    void (*failure)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error);

    /** AIGW_FRAMING_LOCAL only: emit what is due now and say when to be called again. */
    aigw_status (*produce)(struct aigw_ctx *ctx, void *self, void *call, struct aigw_produce *ret_next);

    /** Sign a request whose method, URL, headers and body will not change any more: all header lines that go out are in
     *  http->headers, Host among them, but Content-Length. NULL when nothing is signed. AIGW_PENDING as in request().
     */
    aigw_status (*sign)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_request *http,
                        struct aigw_signature *ret_signature);

    /** The next step to a credential that host->credential() did not have: describe a request, or hand out the value.
     *  These requests, and they alone, may go to link-local addresses, where instance metadata is served. At most 8
     *  steps; `memory` is 1 KiB that is kept from step to step, zeroed at step 0. A failure (with host->fail()) is the
     *  failure of every call that waits. NULL without credentials. */
    aigw_status (*credential)(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step);

    /** dialect_count names of dialects whose bytes this provider passes through ("openai-chat"); see aigw_raw. When it
     *  cannot for one of its targets request() answers AIGW_E_UNSUPPORTED, and is asked again with the canonical form.
     */
    const char *const *dialects;

    /** At most 16; NULL without any. */
    const struct aigw_rate_header *rate_headers;
    uint32_t rate_header_count;
    uint32_t rate_header_size; /* sizeof(struct aigw_rate_header): the array's stride */
};
#define AIGW_CREDENTIAL_MEMORY 1024

/** Fill .rate_headers and its two counts from a table. */
#define AIGW_RATE_HEADERS(table) \
    .rate_headers = (table), .rate_header_count = (uint32_t)(sizeof(table) / sizeof *(table)), \
    .rate_header_size = (uint32_t)sizeof *(table)

#ifdef __cplusplus
}
#endif
#endif
