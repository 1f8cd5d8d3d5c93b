/* openai_server.h - the OpenAI dialect as its clients speak it: their bodies become canonical requests, canonical
 * events become their answers. For inbound APIs; the client half is openai.h.
 *
 *     request_read.c            a chat's body, and what all three bodies share
 *     request_read_messages.c   … its messages
 *     request_read_parts.c      … what they hold
 *     request_read_tools.c      … tools, which of them to call, the form of the answer
 *     request_read_prompt.c     bodies of legacy completions and embeddings
 *     request_read_value.c      values, the place where one stands, members that nobody knows
 *     answer_write.c            events → answers: state, what both forms share
 *     answer_write_stream.c     … as a stream
 *     answer_write_whole.c      … whole; embeddings
 *     answer_write_error.c      errors, refusals, lists of models
 *
 * Lenient where clients are known to differ, strict where nobody could tell what is meant: the body may yet go to a
 * server of this dialect as it is, and such a server knows more members, parts and tools than are listed here.
 */
#ifndef OPENAI_SERVER_H
#define OPENAI_SERVER_H

#include <aigw/json.h>

#include "../common/later.h"
#include "openai.h"

#define OPENAI_RESPONSES         32u /* beside OPENAI_CHAT …: the path of the Responses API; see responses_server.h */
#define OPENAI_RESPONSES_DIALECT "openai-responses"

/* ---- requests ---- */

/** Why a body is refused, for the error object; its type is invalid_request_error. The strings live for the build. */
struct openai_refusal {
    aigw_str param;   /* "messages[2].content"; absent when it is about the whole body */
    aigw_str code;    /* "invalid_type" */
    aigw_str message; /* names the parameter, never a value */
};

#define OPENAI_LEFT_OUT_MAX 32u

/** What the client asked of the answer. The strings are borrowed from the body or live for the build. */
struct openai_asked {
    uint32_t path;         /* OPENAI_CHAT … */
    uint32_t choice_count; /* answers to one prompt, at least 1 */
    aigw_str model;        /* given by the caller when the path names it: then the body need not */
    bool is_stream;
    bool wants_usage;         /* the stream ends with a chunk of usage */
    bool wants_base64;        /* embeddings as base64 of floats */
    bool wants_audio;         /* the answer shall be spoken, too: only a server of this dialect can */
    bool wants_echo;          /* the completion shall begin with the prompt */
    bool uses_functions;      /* the deprecated form: the answer calls by function_call */
    bool uses_completion_max; /* the maximum was called max_completion_tokens */
    /* what these were called, where not as usual; or NULL */
    const char *user_word, *effort_word, *thinking_word, *logprobs_word;
    bool has_input; /* refused, but `input` is there instead of `messages`: openai_read_responses() reads it, and with
                       `path` set to OPENAI_CHAT then the answer is a chat's (it must not pass through) */
    const aigw_str *prompts;    /* legacy completions: prompt_count texts, each a call of its own with    */
    uint32_t prompt_count;      /* choice_count answers; the request holds the first                      */
    uint32_t free_tool_count;   /* names of tools whose input is plain text */
    const aigw_str *free_tools; /* … */
    /* the Responses API */
    bool has_tool_search; /* the client searches its tools itself */
    bool shows_reasoning; /* a summary of it was asked for */
    bool wants_encrypted; /* … and its encrypted form, to be sent back */
    bool has_foreign;     /* the body brings another vendor's signatures or forms: it must not pass through as it is */
    aigw_str echo;        /* members of the response object that repeat the request: "tool_choice":"auto",… */
    struct aigw_raw raw;  /* the body as it is, with its marks: of a chat for its dialect, of others with their path */
    uint32_t left_out_count;
    aigw_str left_out[OPENAI_LEFT_OUT_MAX]; /* names of members deep inside that the canonical form has no place for */
    struct wire_laters later;               /* texts of the request: wire_later_read() before anybody looks at it */
};

/** Read a client's body. ret_asked is zeroed but for `model` (see there), ret_request zeroed with its struct_size set,
 *  as the core does it. Memory for the build; texts without escapes stay where they are, base64 does always (unless
 *  there are escapes in it), so the body must live as long. Members that are not known are in request.extra and the
 *  extra of messages, parts and tools, in the dialect "openai-chat"; null is the same as absent.
 *  AIGW_OK; AIGW_E_INVALID and the refusal; AIGW_E_UNSUPPORTED and the refusal: only a server of this dialect can take
 *  it, as it is: asked is complete; AIGW_E_NOMEM or AIGW_E_LIMIT. */
aigw_status openai_read_chat(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                             struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                             struct openai_refusal *ret_refusal);
aigw_status openai_read_completion(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                   struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                   struct openai_refusal *ret_refusal);
aigw_status openai_read_embedding(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal);

/* ---- answers ---- */

/** What an answer is called. */
struct openai_identity {
    aigw_str id;     /* "chatcmpl-…", "cmpl-…"; embeddings have none */
    aigw_str model;  /* as the client is to see it */
    int64_t created; /* seconds */
};

/** One choice while it is written; see answer_write.h. */
struct openai_written;

/** A vector that came before its turn. */
struct openai_vector {
    const float *numbers;
    uint32_t len;
};

/** Writes one answer: a stream as it comes, a whole answer at its end. Zero it, then openai_write_begin(). */
struct openai_writer {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_buf *buf; /* the caller's: bytes for the client are appended; empty it whenever they were sent */
    uint32_t path;
    bool is_stream, wants_usage, wants_base64, uses_functions;
    bool hides_reasoning; /* the caller's: leave reasoning_content out */
    bool is_over;
    aigw_str head;           /* begins every chunk, or the whole answer; of embeddings what ends them */
    struct aigw_usage usage; /* the last that came */
    uint32_t choice_count;
    uint32_t begun_count; /* stream: choices whose first chunk is out */
    struct openai_written *choices;
    struct openai_written *holding; /* stream: the first piece of its last call waits for the next event */
    const aigw_str *free_tools;
    uint32_t free_tool_count;
    uint32_t vector_count, next_vector; /* embeddings: of how many, the one that is written next */
    struct openai_vector *vectors;
};

/** Begin. The identity and what of `asked` is needed are copied; nothing is written yet. vector_count: inputs of
 *  embeddings, else 0. The choices are those of one prompt times `prompt_count` of a legacy completion: of the calls
 * behind the first the caller shifts event.choice by choice_count each, and adds up their usage. */
aigw_status openai_write_begin(struct openai_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                               struct aigw_buf *buf, const struct openai_asked *asked,
                               const struct openai_identity *identity, uint32_t vector_count);
/** One event of the model. Of ERROR use openai_write_error(); what this dialect cannot say is left out. AIGW_E_NOMEM.
 */
aigw_status openai_write_event(struct openai_writer *w, const struct aigw_event *event);
/** The answer is whole: what is held back, usage, end marker. Nothing after RAW, which brought its own. */
aigw_status openai_write_end(struct openai_writer *w);
/** The call failed. In a stream its last event, without an end marker; instead of a whole answer the error object:
 *  what the buffer held goes. */
aigw_status openai_write_error(struct openai_writer *w, const struct aigw_error *error);
/** Something for a stream that is silent. */
void openai_write_heartbeat(struct openai_writer *w);

/** A failure as OpenAI words it. */
struct openai_error {
    uint32_t http_status;
    const char *type;
    aigw_str code;  /* may be absent */
    aigw_str param; /* absent for null */
    uint32_t retry; /* header x-should-retry: AIGW_YES, AIGW_NO, AIGW_UNSET for none */
};
void openai_error_of(const struct aigw_error *error, struct openai_error *ret_error);
/** Of a refusal of the core's: AIGW_REFUSE_*. http_status is not set: the refusal has it. */
void openai_error_of_refusal(uint32_t kind, struct openai_error *ret_error);
/** {"error":{…}} */
void openai_put_error(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_error *error,
                      aigw_str message);
void openai_put_refusal(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_refusal *refusal);

/** A model in a list. */
struct openai_model {
    aigw_str id;
    aigw_str owned_by;
    int64_t created;
    int64_t max_context_tokens; /* 0: unknown, not said */
};
/** The model alone, and the answer to GET /v1/models. */
void openai_put_model(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_model *model);
void openai_put_models(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_model *models,
                       size_t count);

#endif
