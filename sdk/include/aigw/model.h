/* aigw/model.h - the canonical model: one request form and one stream of events for every kind of model server.
 *
 * It is richer than any single dialect, so that nothing is lost between a client's protocol and a server's. A field
 * that has no place here travels in `extra`, a JSON object text that a provider may merge into its own request.
 *
 * Lifetime   Everything a request points to is borrowed by the core until the call's first event was delivered, or
 *            until the call ended. Memory from host->alloc(ctx, AIGW_LIFE_BUILD, …) has just that lifetime.
 *            Everything an event points to is borrowed until event() returns.
 */
#ifndef AIGW_MODEL_H
#define AIGW_MODEL_H

#include <aigw/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- requests ----------------------------------------------------------------------------------------------- */

#define AIGW_CALL_CHAT       1u /* messages → one assistant message                                               */
#define AIGW_CALL_COMPLETION 2u /* prompt (+ suffix) → text that continues or fills it                            */
#define AIGW_CALL_EMBEDDING  3u /* inputs → one vector each                                                       */

#define AIGW_ROLE_SYSTEM    1u
#define AIGW_ROLE_USER      2u
#define AIGW_ROLE_ASSISTANT 3u
#define AIGW_ROLE_TOOL      4u /* a message whose parts are tool results                                                */

#define AIGW_PART_TEXT        1u /* text                                                                          */
#define AIGW_PART_IMAGE       2u /* media_type and data (base64), or url in text                                  */
#define AIGW_PART_TOOL_CALL   3u /* id, name, text = arguments as JSON text                                       */
#define AIGW_PART_TOOL_RESULT 4u /* id of the call, text = result; AIGW_PARTF_ERROR when the tool failed          */
#define AIGW_PART_REASONING   5u /* text, data = the vendor's signature if any                                    */

#define AIGW_PARTF_ERROR 0x1u /* tool result reports a failure                                                 */
#define AIGW_PARTF_CACHE 0x2u /* ask the server to cache the prompt up to and including this part              */

/** One piece of a message. Unused strings are absent. */
struct aigw_part {
    uint32_t type;  /* AIGW_PART_* */
    uint32_t flags; /* AIGW_PARTF_* */
    aigw_str text;
    aigw_str id;
    aigw_str name;
    aigw_str media_type;
    aigw_str data;
    aigw_str extra; /* JSON object text */
};

struct aigw_message {
    uint32_t role; /* AIGW_ROLE_* */
    uint32_t part_count;
    const struct aigw_part *parts;
    aigw_str name;
    aigw_str extra; /* JSON object text */
};

struct aigw_tool {
    aigw_str name;
    aigw_str description;
    aigw_str parameters; /* JSON Schema text */
    aigw_str extra;      /* JSON object text */
};

#define AIGW_TOOLS_AUTO     0u /* the model decides (the default when tools are given) */
#define AIGW_TOOLS_NONE     1u
#define AIGW_TOOLS_REQUIRED 2u /* some tool                                            */
#define AIGW_TOOLS_NAMED    3u /* the tool named in tool_choice_name                   */

/* Which optional numbers in aigw_params are set. */
#define AIGW_PARAM_TEMPERATURE       0x01u
#define AIGW_PARAM_TOP_P             0x02u
#define AIGW_PARAM_TOP_K             0x04u
#define AIGW_PARAM_MAX_TOKENS        0x08u
#define AIGW_PARAM_SEED              0x10u
#define AIGW_PARAM_PRESENCE_PENALTY  0x20u
#define AIGW_PARAM_FREQUENCY_PENALTY 0x40u

struct aigw_params {
    uint32_t set; /* AIGW_PARAM_* bits of the numbers below that count */
    uint32_t stop_count;
    const aigw_str *stop;
    double temperature;
    double top_p;
    double presence_penalty;
    double frequency_penalty;
    int64_t top_k;
    int64_t max_tokens;
    int64_t seed;
    aigw_str response_format; /* JSON text as the OpenAI dialect spells it */
    aigw_str user;            /* opaque end-user id */
};

#define AIGW_REQF_STREAM  0x1u /* deliver text as it comes. Without it TEXT may arrive in one event                */
#define AIGW_REQF_PREFILL 0x2u /* the last message is the assistant's and is to be continued, not answered         */

/** What a feature asks of a model. Zero it, set struct_size and kind, fill what the kind needs. */
struct aigw_model_request {
    uint32_t struct_size;
    uint32_t kind;          /* AIGW_CALL_* */
    uint32_t flags;         /* AIGW_REQF_* */
    uint32_t message_count; /* CHAT */
    const struct aigw_message *messages;
    const struct aigw_tool *tools;
    uint32_t tool_count;
    uint32_t tool_choice; /* AIGW_TOOLS_* */
    aigw_str tool_choice_name;
    aigw_str prompt;        /* COMPLETION */
    aigw_str suffix;        /* COMPLETION: text after the gap; absent for plain continuation */
    const aigw_str *inputs; /* EMBEDDING */
    uint32_t input_count;
    int32_t dimensions; /* EMBEDDING: wanted vector length, 0 for the model's own */
    struct aigw_params params;
    aigw_str extra; /* JSON object text, merged into the wire body by providers that can */
};

/* ---- errors ------------------------------------------------------------------------------------------------- */

/* Canonical causes. Retry, fallback and the mapping to client answers are written once against these. */
#define AIGW_ERR_NONE             0u
#define AIGW_ERR_BAD_REQUEST      1u  /* the server refused the request as malformed or out of range              */
#define AIGW_ERR_AUTH             2u  /* our key was refused                                                      */
#define AIGW_ERR_PERMISSION       3u  /* the key is good but may not do this                                      */
#define AIGW_ERR_NOT_FOUND        4u  /* no such model, deployment or path                                        */
#define AIGW_ERR_CONTEXT_TOO_LONG 5u  /* prompt exceeds the model's window                                        */
#define AIGW_ERR_RATE_LIMITED     6u  /* may succeed after retry_after_ms                                         */
#define AIGW_ERR_OVERLOADED       7u  /* 503/529 kind: the server is alive but busy                               */
#define AIGW_ERR_SERVER           8u  /* other 5xx                                                                */
#define AIGW_ERR_TIMEOUT          9u  /* connected, but no answer in time                                         */
#define AIGW_ERR_CONNECT          10u /* name resolution, TCP or proxy failed; message names the host             */
#define AIGW_ERR_TLS              11u /* certificate or handshake failed; message names host and setting          */
#define AIGW_ERR_PROTOCOL         12u /* the answer is not what the protocol allows                               */
#define AIGW_ERR_CUT              13u /* the stream ended before its end marker or finish reason                  */
#define AIGW_ERR_REFUSED          14u /* content policy                                                           */
#define AIGW_ERR_CANCELLED        15u /* the client left                                                          */
#define AIGW_ERR_NO_MODEL         16u /* no model is configured for the need; message says how to set one          */
#define AIGW_ERR_ENDPOINT         17u /* the endpoint or key in the request is not allowed here                    */
#define AIGW_ERR_CIRCUIT          18u /* the target failed repeatedly and is being rested                          */
#define AIGW_ERR_LIMIT            19u /* a configured limit of this gateway (concurrency, size) was reached        */
#define AIGW_ERR_INTERNAL         20u /* our own fault                                                             */

/** Why a model call failed. */
struct aigw_error {
    uint32_t struct_size;
    uint32_t kind;       /* AIGW_ERR_*                                                                        */
    int32_t http_status; /* the model server's status, 0 when there was none                                  */
    int32_t reserved;
    int64_t retry_after_ms; /* what the server asked for, -1 when it did not                                     */
    aigw_str code;          /* the server's own machine-readable code, may be absent                             */
    aigw_str message;       /* the server's own words or ours; shown to clients, so no secrets                   */
};

/** What an HTTP status alone says about a failure: where the core starts before a provider's failure() knows better,
 * and what a provider may use for codes inside a stream. Statuses below 400 are AIGW_ERR_PROTOCOL. */
static inline uint32_t aigw_error_kind_of_status(int32_t http_status)
{
    switch (http_status) {
    case 401:
        return AIGW_ERR_AUTH;
    case 402:
    case 403:
        return AIGW_ERR_PERMISSION;
    case 404:
        return AIGW_ERR_NOT_FOUND;
    case 408:
    case 504:
        return AIGW_ERR_TIMEOUT;
    case 429:
        return AIGW_ERR_RATE_LIMITED;
    case 503:
    case 529:
        return AIGW_ERR_OVERLOADED;
    default:
        return http_status >= 500 ? AIGW_ERR_SERVER : http_status >= 400 ? AIGW_ERR_BAD_REQUEST : AIGW_ERR_PROTOCOL;
    }
}

/* ---- events ------------------------------------------------------------------------------------------------- */

#define AIGW_EVENT_TEXT      1u /* text                                                                          */
#define AIGW_EVENT_REASONING 2u /* text that is not part of the answer                                           */
#define AIGW_EVENT_TOOL_CALL 3u /* index; id and name on the first piece; text = next piece of the arguments     */
#define AIGW_EVENT_EMBEDDING 4u /* index; vector, vector_len                                                     */
#define AIGW_EVENT_USAGE     5u /* input_tokens, output_tokens (-1 unknown). The last one counts                 */
#define AIGW_EVENT_FINISH    6u /* finish, text = the server's own word for it. At most one                      */
#define AIGW_EVENT_ERROR     7u /* error. Ends the call                                                          */
#define AIGW_EVENT_END       8u /* the call ended well; made by the core, always after FINISH. Ends the call     */
#define AIGW_EVENT_START     9u /* the server accepted the call (its status line was good); made by the core     */

#define AIGW_FINISH_UNKNOWN        0u /* the end marker came without a reason */
#define AIGW_FINISH_STOP           1u
#define AIGW_FINISH_LENGTH         2u
#define AIGW_FINISH_TOOL_CALLS     3u
#define AIGW_FINISH_CONTENT_FILTER 4u
#define AIGW_FINISH_GUARDRAIL      5u

/** One thing a model said. A provider emits TEXT, REASONING, TOOL_CALL, EMBEDDING, USAGE, FINISH and (mid-stream)
 *  ERROR; the core adds START and END. A call whose answer ends without FINISH is reported as AIGW_ERR_CUT. */
struct aigw_event {
    uint32_t struct_size;
    uint32_t type;  /* AIGW_EVENT_* */
    uint32_t index; /* which tool call or which input */
    uint32_t finish;
    aigw_str text;
    aigw_str id;
    aigw_str name;
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cached_tokens; /* part of input_tokens served from a prompt cache, -1 unknown */
    const float *vector;
    uint32_t vector_len;
    uint32_t reserved;
    const struct aigw_error *error;
};

#ifdef __cplusplus
}
#endif
#endif
