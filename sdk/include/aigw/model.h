/* aigw/model.h - the canonical model: one request form and one stream of events for every kind of model server.
 *
 * It is richer than any single dialect, so that nothing is lost between a client's protocol and a server's. What has no
 * place here travels in `extra`, a JSON object text.
 *
 * Lifetime   Everything a request points to is borrowed from build() until this attempt's server accepted or the
 *            attempt ended. Memory from host->alloc(ctx, AIGW_LIFE_BUILD, …) inside build() has just that lifetime.
 *            Everything an event points to is borrowed until event() returns.
 * Strangers  What a provider cannot express it refuses with AIGW_E_UNSUPPORTED (the next target is tried), be it a
 *            kind of call, a type of part, a tool kind or a role that is younger than itself. It is never dropped.
 *            `extra` is merged into the wire body, or refused: never silently lost. A parameter that the target cannot
 *            take, each member of `extra` in another dialect's spelling, and an OPAQUE part of another dialect's, is
 *            left out with the event AIGW_EVENT_DROPPED. Whoever receives an event of a type it does not know ignores
 *            it.
 */
#ifndef AIGW_MODEL_H
#define AIGW_MODEL_H

#include <aigw/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One name and value: prompt variables, headers, path parameters. Complete: never grows. */
struct aigw_pair {
    aigw_str name;
    aigw_str value;
};

/* ---- requests ----------------------------------------------------------------------------------------------- */

#define AIGW_CALL_CHAT       1u /* messages → assistant messages                                                  */
#define AIGW_CALL_COMPLETION 2u /* prompt (+ suffix) → text that continues or fills it                            */
#define AIGW_CALL_EMBEDDING  3u /* inputs → one vector each                                                       */
#define AIGW_CALL_COUNT      4u /* how many tokens would this chat take? Answered by one USAGE                    */
#define AIGW_CALL_MODELS     5u /* which models does the server have? One MODEL each, then FINISH                 */

#define AIGW_ROLE_SYSTEM    1u
#define AIGW_ROLE_USER      2u
#define AIGW_ROLE_ASSISTANT 3u
#define AIGW_ROLE_TOOL      4u /* a message whose parts are tool results                                          */
#define AIGW_ROLE_DEVELOPER 5u /* like SYSTEM; a provider without it treats it as SYSTEM                           */

#define AIGW_PART_TEXT        1u  /* text                                                                         */
#define AIGW_PART_IMAGE       2u  /* media_type and data, or url, or file_id; detail                              */
#define AIGW_PART_TOOL_CALL   3u  /* id, name, text = arguments as JSON text; data + origin = signature if any    */
#define AIGW_PART_TOOL_RESULT 4u  /* id of the call, name if known; text, or parts; AIGW_PARTF_ERROR when it failed */
#define AIGW_PART_REASONING   5u  /* text; data + origin = the vendor's signature or encrypted form               */
#define AIGW_PART_DOCUMENT    6u  /* media_type and data, or url, or file_id; title                               */
#define AIGW_PART_AUDIO       7u  /* media_type and data                                                          */
#define AIGW_PART_VIDEO       8u  /* media_type and data, or url                                                  */
#define AIGW_PART_REFUSAL     9u  /* text                                                                         */
#define AIGW_PART_REDACTED    10u /* reasoning without readable text: data, origin                                */
#define AIGW_PART_OPAQUE      11u /* a vendor's item kept in its place: text = its JSON, origin = its dialect      */
#define AIGW_PART_TOOLS       12u /* tools that become known here: tools                                          */

#define AIGW_PARTF_ERROR     0x1u /* the tool result reports a failure                                            */
#define AIGW_PARTF_CACHE     0x2u /* ask the server to cache the prompt up to and including this part             */
#define AIGW_PARTF_SUMMARY   0x4u /* the reasoning text is a summary, not the thought itself                       */
#define AIGW_PARTF_FREE_TEXT 0x8u /* the tool call's input is plain text, not JSON                                 */
#define AIGW_PARTF_RAW \
    0x10u /* of an event: the reasoning text is the thought itself, not a summary; without it nobody knows or it is \
             one */

struct aigw_tool;

/** One piece of a message. Unused strings are absent. */
struct aigw_part {
    uint32_t struct_size;
    uint32_t type;        /* AIGW_PART_*                                                                      */
    uint32_t flags;       /* AIGW_PARTF_*                                                                     */
    uint32_t cache_ttl_s; /* with AIGW_PARTF_CACHE: how long, seconds; 0 for the server's default                */
    const struct aigw_part *next;
    aigw_str text;
    aigw_str id;         /* of a tool call                                                                   */
    aigw_str item_id;    /* of the item itself, in dialects that name items                                  */
    aigw_str name;       /* of a tool                                                                        */
    aigw_str scope;      /* namespace or toolset of a tool call                                              */
    aigw_str media_type; /* "image/png"                                                                      */
    aigw_str data;       /* base64 text                                                                      */
    aigw_str url;
    aigw_str file_id;
    aigw_str title;                /* file name or document title                                             */
    aigw_str detail;               /* image detail: "low", "high", "auto"                                     */
    aigw_str origin;               /* whose `data` or `text` this is: a dialect's name; absent: unknown       */
    aigw_str citations;            /* JSON array text                                                         */
    const struct aigw_part *parts; /* TOOL_RESULT: text, image and document parts, instead of text           */
    const struct aigw_tool *tools; /* TOOLS                                                                   */
    aigw_str extra;                /* JSON object text                                                        */
};

struct aigw_message {
    uint32_t struct_size;
    uint32_t role; /* AIGW_ROLE_* */
    const struct aigw_message *next;
    const struct aigw_part *parts; /* list; NULL for none */
    aigw_str name;
    aigw_str phase;  /* of an assistant message in dialects that tell commentary from answer */
    aigw_str effort; /* of a system message: reasoning effort from this turn on */
    aigw_str extra;  /* JSON object text */
};

#define AIGW_TOOL_FUNCTION  0u /* parameters: JSON Schema text                                                    */
#define AIGW_TOOL_FREE_TEXT 1u /* input is plain text, perhaps held to `grammar`                                   */
#define AIGW_TOOL_SERVER    2u /* run by the model server itself: extra = the vendor's JSON, origin = its dialect  */

#define AIGW_TOOLF_STRICT     0x1u /* arguments must follow the schema                                             */
#define AIGW_TOOLF_STRICT_OFF 0x2u /* the client said explicitly that they need not                                */
#define AIGW_TOOLF_DEFERRED   0x4u /* not part of the prompt until it is searched for                              */
#define AIGW_TOOLF_CACHE      0x8u /* cache the prompt up to and including this tool                               */

struct aigw_tool {
    uint32_t struct_size;
    uint32_t kind;  /* AIGW_TOOL_*  */
    uint32_t flags; /* AIGW_TOOLF_* */
    uint32_t reserved;
    const struct aigw_tool *next;
    aigw_str name;
    aigw_str description;
    aigw_str parameters; /* JSON Schema text */
    aigw_str scope;      /* namespace or toolset */
    aigw_str grammar;    /* FREE_TEXT: JSON text, as its origin spells it */
    aigw_str origin;     /* dialect of `extra` and `grammar` */
    aigw_str extra;      /* JSON object text */
};

#define AIGW_TOOLS_AUTO     0u /* the model decides (the default when tools are given) */
#define AIGW_TOOLS_NONE     1u
#define AIGW_TOOLS_REQUIRED 2u /* some tool                                            */
#define AIGW_TOOLS_NAMED    3u /* the tool named in tool_choice_name                   */

/* Which optional numbers in aigw_params count. */
#define AIGW_PARAM_TEMPERATURE        0x001u
#define AIGW_PARAM_TOP_P              0x002u
#define AIGW_PARAM_TOP_K              0x004u
#define AIGW_PARAM_MAX_TOKENS         0x008u
#define AIGW_PARAM_SEED               0x010u
#define AIGW_PARAM_PRESENCE_PENALTY   0x020u
#define AIGW_PARAM_FREQUENCY_PENALTY  0x040u
#define AIGW_PARAM_MIN_P              0x080u
#define AIGW_PARAM_REPETITION_PENALTY 0x100u
#define AIGW_PARAM_MIN_TOKENS         0x200u
#define AIGW_PARAM_REASONING_BUDGET   0x400u
#define AIGW_PARAM_TOP_LOGPROBS       0x800u

/* A switch that may not have been given. */
#define AIGW_UNSET 0u
#define AIGW_YES   1u
#define AIGW_NO    2u

#define AIGW_REASONING_DEFAULT  0u
#define AIGW_REASONING_OFF      1u
#define AIGW_REASONING_ON       2u
#define AIGW_REASONING_ADAPTIVE 3u

#define AIGW_SHOW_DEFAULT 0u /* what of the reasoning the answer shows */
#define AIGW_SHOW_OMIT    1u
#define AIGW_SHOW_SUMMARY 2u
#define AIGW_SHOW_ALL     3u

#define AIGW_FORMAT_TEXT   0u
#define AIGW_FORMAT_JSON   1u /* some JSON object */
#define AIGW_FORMAT_SCHEMA 2u /* JSON that follows `schema` */

/** How to sample and what to answer. Zero means "not given". */
struct aigw_params {
    uint32_t struct_size;
    uint32_t set; /* AIGW_PARAM_* bits of the numbers below that count */
    double temperature;
    double top_p;
    double min_p;
    double presence_penalty;
    double frequency_penalty;
    double repetition_penalty;
    int64_t top_k;
    int64_t max_tokens;
    int64_t min_tokens;
    int64_t seed;
    int64_t reasoning_budget; /* tokens */
    int64_t top_logprobs;
    const aigw_str *stop; /* stop_count texts */
    uint32_t stop_count;
    uint32_t choice_count;   /* answers wanted (n); 0 and 1 are one                        */
    uint32_t reasoning;      /* AIGW_REASONING_*                                           */
    uint32_t reasoning_show; /* AIGW_SHOW_*                                                */
    uint32_t parallel_calls; /* AIGW_YES, AIGW_NO: may it call several tools in one turn?  */
    uint32_t want_logprobs;  /* AIGW_YES, AIGW_NO                                          */
    uint32_t format;         /* AIGW_FORMAT_*                                              */
    uint32_t schema_strict;  /* AIGW_YES, AIGW_NO                                          */
    aigw_str schema;         /* JSON Schema text */
    aigw_str schema_name;
    aigw_str schema_description;
    aigw_str effort; /* reasoning effort, a word */
    aigw_str verbosity;
    aigw_str service_tier;
    aigw_str cache_key;            /* which requests share a prompt prefix */
    aigw_str user;                 /* opaque end-user id */
    aigw_str logit_bias;           /* JSON object text */
    aigw_str prediction;           /* JSON text, as its dialect spells it */
    aigw_str safety_settings;      /* JSON text, as its dialect spells it */
    aigw_str metadata;             /* JSON object text */
    const aigw_str *allowed_tools; /* names the model may use of those given; allowed_count 0: all */
    uint32_t allowed_count;
    uint32_t reserved;
};

#define AIGW_RAWF_STREAM 0x1u /* the client asked for a stream */
#define AIGW_RAWF_EVENTS \
    0x2u /* the feature takes canonical events, too: where the server answers a request for a stream with one body, or \
            the other way round, the provider may say those in place of RAW, from the first on */

/** The client's own bytes, for a target that speaks the client's dialect (pass-through). Only the model's name is
 *  replaced; numbers, order and spelling stay, so that signatures and prompt caches hold. What a feature's build() puts
 *  here lives at least as long as AIGW_LIFE_BUILD memory of that build(): a provider may give `body` on as it is. */
struct aigw_raw {
    uint32_t struct_size;
    uint32_t flags;                  /* AIGW_RAWF_* */
    aigw_str dialect;                /* "openai-chat", "anthropic", … */
    aigw_str body;                   /* one JSON object */
    size_t model_at;                 /* where the top-level model name stands in body, quotes included; */
    size_t model_len;                /* 0: it stands in the path                                        */
    size_t insert_at;                /* behind the opening brace: where members may be added            */
    const struct aigw_pair *headers; /* request headers that this dialect lets through */
    uint32_t header_count;
    uint32_t reserved;
    aigw_str method; /* absent: POST */
    aigw_str
        path; /* below the server's root, with its query ("/v1/responses"); absent: that of the dialect's answers */
};

#define AIGW_REQF_STREAM  0x1u /* set by the core: deliver text as it comes. Without it TEXT may arrive in one event */
#define AIGW_REQF_PREFILL 0x2u /* the last message is the assistant's and is to be continued, not answered          */
#define AIGW_REQF_STRICT \
    0x4u /* nothing may be left out: what else would be DROPPED makes build() fail with AIGW_E_UNSUPPORTED and words \
            that begin with its names, "a, b: …" */

/** What a feature asks of a model, filled in its build(). The core zeroes it and sets struct_size. */
struct aigw_model_request {
    uint32_t struct_size;
    uint32_t kind;                       /* AIGW_CALL_*  */
    uint32_t flags;                      /* AIGW_REQF_*  */
    uint32_t tool_choice;                /* AIGW_TOOLS_* */
    const struct aigw_message *messages; /* CHAT, COUNT: list */
    const struct aigw_tool *tools;       /* list */
    aigw_str tool_choice_name;
    aigw_str prompt;        /* COMPLETION */
    aigw_str suffix;        /* COMPLETION: text after the gap; absent for plain continuation */
    const aigw_str *inputs; /* EMBEDDING */
    uint32_t input_count;
    int32_t dimensions;               /* EMBEDDING: wanted vector length, 0 for the model's own */
    aigw_str input_type;              /* EMBEDDING: a word such as "query" or "document" */
    const struct aigw_params *params; /* NULL: none given */
    aigw_str extra;                   /* JSON object text, merged into the wire body, in the spelling of: */
    aigw_str dialect;                 /* absent: of whatever server it goes to */
    const struct aigw_raw *raw;       /* set: pass these bytes through, nothing above counts */
    int64_t idle_timeout_ms;          /* longest silence of the model server; 0: as aigw_call_options says */
};

/* ---- errors ------------------------------------------------------------------------------------------------- */

/* Canonical causes. Retry, fallback and the mapping to client answers are written once against these. */
#define AIGW_ERR_NONE             0u
#define AIGW_ERR_BAD_REQUEST      1u  /* the server refused the request as malformed or out of range              */
#define AIGW_ERR_AUTH             2u  /* our key was refused                                                      */
#define AIGW_ERR_PERMISSION       3u  /* the key is good but may not do this, or its account is empty             */
#define AIGW_ERR_NOT_FOUND        4u  /* no such model, deployment or path                                        */
#define AIGW_ERR_CONTEXT_TOO_LONG 5u  /* prompt exceeds the model's window                                        */
#define AIGW_ERR_RATE_LIMITED     6u  /* may succeed after retry_after_ms                                         */
#define AIGW_ERR_OVERLOADED       7u  /* 503/529 kind: the server is alive but busy                               */
#define AIGW_ERR_SERVER           8u  /* other 5xx                                                                */
#define AIGW_ERR_TIMEOUT          9u  /* connected, but no answer in time                                         */
#define AIGW_ERR_CONNECT          10u /* name resolution, TCP or proxy failed; message names the host             */
#define AIGW_ERR_TLS              11u /* certificate or handshake failed; message names host and setting          */
#define AIGW_ERR_PROTOCOL         12u /* the answer is not what the protocol allows                               */
#define AIGW_ERR_CUT              13u /* the answer ended before its end marker or finish reason                  */
#define AIGW_ERR_REFUSED          14u /* content policy                                                           */
#define AIGW_ERR_CANCELLED        15u /* the client left                                                          */
#define AIGW_ERR_NO_MODEL         16u /* no model is configured for the need; message says how to set one          */
#define AIGW_ERR_ENDPOINT         17u /* the endpoint or key in the request is not allowed here                    */
#define AIGW_ERR_CIRCUIT          18u /* the target failed repeatedly and is being rested                          */
#define AIGW_ERR_LIMIT            19u /* a configured limit of this gateway (concurrency, size) was reached        */
#define AIGW_ERR_INTERNAL         20u /* our own fault                                                             */
#define AIGW_ERR_UNSUPPORTED      21u /* this target cannot do what was asked; another one may                     */

/** Why a model call failed. */
struct aigw_error {
    uint32_t struct_size;
    uint32_t kind;       /* AIGW_ERR_*                                                                        */
    int32_t http_status; /* the model server's status, 0 when there was none                                  */
    int32_t reserved;
    int64_t retry_after_ms; /* what the server asked for, -1 when it did not                                     */
    aigw_str code;          /* the server's own machine-readable code, may be absent                             */
    aigw_str message;       /* the server's own words or ours; shown to clients, so no secrets                   */
    aigw_str param;         /* the member of the request that the server names, may be absent                    */
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

/* Made by providers. `choice` says which answer, when more than one was asked for. */
#define AIGW_EVENT_TEXT      1u /* text                                                                         */
#define AIGW_EVENT_REASONING 2u /* text that is not part of the answer                                          */
#define AIGW_EVENT_TOOL_CALL \
    3u                          /* index (gap-free from 0); id and name on the first piece only; text = next piece \
                                  of the arguments, which together are a JSON object (FREE_TEXT: any text)     */
#define AIGW_EVENT_EMBEDDING 4u /* index of the input; vector, vector_len                                       */
#define AIGW_EVENT_USAGE     5u /* usage. The last one counts                                                   */
#define AIGW_EVENT_FINISH    6u /* finish, text = the server's own word for it. At most one per choice          */
#define AIGW_EVENT_ERROR     7u /* error. Ends the call                                                         */
#define AIGW_EVENT_PART_START \
    10u                         /* part_type, index, id, name …: a part begins. Optional: without it a part begins \
                                  where type, index or choice of the pieces change                             */
#define AIGW_EVENT_PART_END 11u /* it ends; text = the whole arguments when the provider has them. Optional      */
#define AIGW_EVENT_SIGNATURE \
    12u                         /* data, origin: of the reasoning before it, or of the tool call `index` \
                                  (part_type says which)                                                       */
#define AIGW_EVENT_REFUSAL  13u /* text                                                                         */
#define AIGW_EVENT_CITATION 14u /* text = JSON, origin                                                          */
#define AIGW_EVENT_LOGPROBS 15u /* text = JSON as OpenAI spells it                                              */
#define AIGW_EVENT_OPAQUE   16u /* text = a vendor's JSON, origin: what its dialect alone understands           */
#define AIGW_EVENT_MODEL    17u /* text = the model that really answered, id = the server's id of the answer     */
#define AIGW_EVENT_RAW \
    18u /* text = bytes for the client as they are (pass-through); name = where in them the \
         * model's name stands, with its quotes, or absent: it was not looked for           */
#define AIGW_EVENT_DROPPED \
    19u /* name = a parameter that the target cannot take, and that was left out; before \
          anything else. Delivered once START was                                      */
/* Made by the core. */
#define AIGW_EVENT_END   8u /* the call ended well, after FINISH. Ends the call                                 */
#define AIGW_EVENT_START 9u /* the model answers: its first event is here. Before all others but WAITING        */
#define AIGW_EVENT_WAITING \
    20u /* nothing yet, after limits.stream_status_ms: who streams should begin its answer \
          now, so that the client sees a status. At most once, and only for streaming calls */

#define AIGW_FINISH_UNKNOWN        0u /* the end marker came without a reason */
#define AIGW_FINISH_STOP           1u
#define AIGW_FINISH_LENGTH         2u
#define AIGW_FINISH_TOOL_CALLS     3u
#define AIGW_FINISH_CONTENT_FILTER 4u
#define AIGW_FINISH_GUARDRAIL      5u
#define AIGW_FINISH_STOP_SEQUENCE  6u /* stop_sequence says which */
#define AIGW_FINISH_CONTEXT_FULL   7u /* the window is full */
#define AIGW_FINISH_PAUSE          8u /* the server wants to be called again to go on */
#define AIGW_FINISH_MALFORMED      9u /* the model wrote a tool call that cannot be read */

#define AIGW_USAGEF_ESTIMATED 0x1u /* counted by us, not by the server */

/** Tokens; -1 unknown, as the core reads what is beyond 2^40. `input` and `output` include what the details below
 *  count. */
struct aigw_usage {
    uint32_t struct_size;
    uint32_t flags; /* AIGW_USAGEF_* */
    int64_t input;
    int64_t output;
    int64_t cache_read;     /* of input: served from a prompt cache */
    int64_t cache_write;    /* of input: written to it, all lifetimes together */
    int64_t cache_write_1h; /* of cache_write: kept for an hour */
    int64_t reasoning;      /* of output */
    int64_t audio_input;
    int64_t audio_output;
    int64_t tool_prompt; /* of input: results of server tools */
};
/** All unknown: where a provider begins. */
#define AIGW_USAGE_INIT \
    { \
        sizeof(struct aigw_usage), 0, -1, -1, -1, -1, -1, -1, -1, -1, -1 \
    }

struct aigw_call; /* a model call: host->model_call() */

#define AIGW_EVENTF_PREAMBLE \
    0x1u /* RAW: nothing of the answer itself is in these bytes, so that an error that follows may still be an \
            honest status, or be cured by another target */

/** One thing a model said. A call whose answer ends without FINISH is reported as AIGW_ERR_CUT. */
struct aigw_event {
    uint32_t struct_size;
    uint32_t type;      /* AIGW_EVENT_* */
    uint32_t choice;    /* which answer, from 0 */
    uint32_t index;     /* which tool call, part or input */
    uint32_t finish;    /* AIGW_FINISH_* */
    uint32_t part_type; /* AIGW_PART_* */
    aigw_str text;
    aigw_str id;
    aigw_str item_id;
    aigw_str name;
    aigw_str scope;
    aigw_str data;
    aigw_str origin;
    aigw_str stop_sequence;
    aigw_str detail; /* FINISH: the server's explanation, such as a refusal's category */
    const struct aigw_usage *usage;
    const float *vector;
    uint32_t vector_len;
    uint32_t flags; /* AIGW_EVENTF_* */
    const struct aigw_error *error;
    struct aigw_call *call;          /* set by the core: which call this is about */
    void *tag;                       /* set by the core: aigw_call_options.tag of that call */
    const struct aigw_pair *headers; /* set by the core in START and ERROR: those of aigw_call_options.answer_headers */
    uint32_t header_count;           /* that the server's answer has, names as asked; live as long as the request   */
    uint32_t reserved2;
    uint32_t part_flags; /* REASONING: AIGW_PARTF_RAW. 0 from providers that are older than it */
    uint32_t reserved3;
};

#ifdef __cplusplus
}
#endif
#endif
