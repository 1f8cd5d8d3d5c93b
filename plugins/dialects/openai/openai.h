/* openai.h - the OpenAI dialect: chat completions, legacy completions and embeddings.
 *
 *     call.c                                 what a call begins with
 *     request_write.c request_params.c request_messages.c
 *                                            canonical request → wire body, as profile.h says that the server wants it
 *     answer_read.c answer_calls.c           wire answer → canonical events, with the oddities of many servers
 *     answer_list.c                          the same for embeddings and models
 *     answer_any.c                           what other paths answer, handed through
 *     answer_delta.c                         a short cut for the ordinary text of a stream
 *     answer_emit.c                          the events themselves
 *     answer_error.c                         refusals, before and inside an answer
 */
#ifndef OPENAI_H
#define OPENAI_H

#include "../common/halves.h"
#include "../common/read.h"
#include "../common/stops.h"
#include "../common/wire.h"
#include "profile.h"

/* The path of a call: its URL and the shape of its answer. */
#define OPENAI_CHAT       1u
#define OPENAI_COMPLETION 2u
#define OPENAI_EMBEDDING  3u
#define OPENAI_MODELS     4u
#define OPENAI_ANY        5u /* another path of the API, for bytes that pass through */
#define OPENAI_RESPONSE   6u /* the path of responses, for the same: how they end and fail is known */

#define OPENAI_DIALECT     "openai-chat" /* what passes through, and the origin of vendor JSON */
#define OPENAI_DIALECT_ANY "openai"      /* what passes through to any path of the API */
#define OPENAI_CHOICES_MAX 128
#define OPENAI_CALLS_MAX   1024 /* tool calls in one answer */

/** A tool call of an answer; answer_calls.c. */
struct openai_tool;

/** State of one call. */
/** A frame of text but for its text: the next ones mostly differ in that alone. Zeroed: none was seen. */
struct openai_same {
    char *bytes; /* what stood before the text, with its quote, then what stood behind it */
    uint32_t room;
    uint32_t head_len, tail_len;
    uint32_t model_at, model_len; /* in the head */
    uint32_t misses;              /* in a row */
};

struct openai_call {
    uint32_t path;                          /* OPENAI_* */
    uint32_t input_count;                   /* embeddings asked for */
    uint32_t choice_count;                  /* answers asked for */
    uint32_t is_over;                       /* the end marker or an error came: the rest is ignored */
    uint32_t has_delta;                     /* they came in pieces: a whole message beside them repeats them */
    uint32_t raw_flags;                     /* pass-through: AIGW_RAWF_* */
    uint32_t hides_usage;                   /* from a client that gets the bytes themselves and did not ask for it */
    uint32_t has_begun;                     /* an object was read: bytes that pass do so from then on */
    uint32_t has_said;                      /* something of an answer was emitted */
    uint32_t is_strange;                    /* what was said stands in members that are not known */
    uint32_t is_named;                      /* MODEL was emitted, or text came before a name did */
    uint64_t seen[OPENAI_CHOICES_MAX / 64]; /* choices of which something came */
    uint64_t finished[OPENAI_CHOICES_MAX / 64]; /* choices whose FINISH was emitted */
    int64_t the_choice;                         /* the server's number of the only one asked for */
    uint32_t tool_count;
    struct halves halves;
    struct aigw_usage usage; /* what is known so far: it may come in pieces */
    /* pointers last: tests compare what stands before them */
    struct openai_tool *tools; /* newest first */
    struct openai_tool *held;  /* whose arguments are {} so far: some say so first; told before anything else is */
    struct names names;        /* of tools that are sent under others: what quirks.names points to */
    struct wire_drops drops;
    struct stops stops;   /* that the server is not told of: what quirks.stops points to */
    struct aigw_buf *raw; /* pass-through: the frame for the client; else NULL */
    const char *bare_url; /* where it went, when that has no version in its path; else NULL */
    struct openai_same same;
};

/** Begin a call: path, counts, and of the request method and framing. `wants_text`: a chat goes to the completions.
 *  AIGW_E_UNSUPPORTED for kinds of calls that the API does not have, and too many answers. */
aigw_status openai_begin(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                         bool wants_text, struct openai_call *call, struct aigw_http_request *ret_http);
/** The same for a client's own bytes, with the body they become. Afterwards call->path is OPENAI_CHAT, OPENAI_RESPONSE
 *  or OPENAI_ANY.
 *  Usage is asked for in any case where a chat has it (`refuses`: OPENAI_NO_STREAM_OPTIONS); a client that did not ask
 *  does not see it. */
aigw_status openai_begin_raw(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                             aigw_str model, uint32_t refuses, struct openai_call *call,
                             struct aigw_http_request *ret_http);

/** What the writers of a body share. */
struct openai_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    bool is_foreign;   /* extra members are in the spelling of another dialect */
    bool is_responses; /* … that of the Responses API */
    struct wire_body *body;
    const struct openai_quirks *quirks;
    struct wire_drops *drops;
};
/** Write the wire body of `req` for `path`; what is left out goes to `drops`. */
aigw_status openai_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                        const struct aigw_model_request *req, const struct openai_quirks *quirks,
                        struct wire_drops *drops, aigw_str *ret_body);
/** The conversation ends with words put into the assistant's mouth (not with its tool calls). */
bool openai_has_prefill(const struct aigw_model_request *req);
/** A chat for the path of completions: all its text, one message after the other, and its last piece.
 * AIGW_E_UNSUPPORTED when there is more to it than text. */
aigw_status openai_join_chat(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                             aigw_str *ret_text, aigw_str *ret_last, uint32_t *ret_count);
/** The member "input" of embeddings. */
void openai_put_inputs(struct wire_body *body, const struct aigw_model_request *req);
/** The member "messages" of it, and what follows from a trailing assistant message. */
aigw_status openai_messages(struct openai_out *out, const struct aigw_model_request *req);
/** Its parameters. */
aigw_status openai_params(struct openai_out *out, uint32_t path, const struct aigw_params *params);
/** True when the server does not take it (OPENAI_NO_*): the parameter of that name is noted as dropped. */
bool openai_drops(struct openai_out *out, uint32_t what, const char *name);
aigw_status openai_unsupported(struct openai_out *out, const char *what, uint32_t number);
/** Of a part: wire_no_part(). */
aigw_status openai_no_part(struct openai_out *out, const char *what, uint32_t part_type);
aigw_status openai_invalid(struct openai_out *out, const char *what);
/** Extra members, as they stand, into an object that has members already. */
aigw_status openai_splice(struct openai_out *out, aigw_str extra);
/** Whether the server has tools that take plain text; elsewhere they become functions with one text. */
static inline bool openai_takes_text(const struct openai_out *out)
{
    return out->quirks->says & OPENAI_SAYS_CUSTOM;
}
/** The name that a tool is sent under. */
aigw_status openai_name_tool(struct openai_out *out, uint32_t kind, aigw_str scope, aigw_str name, aigw_str *ret_sent);
/** True when vendor JSON of this origin may be put into a body. */
bool openai_is_ours(aigw_str origin);

/** Reading an answer. */
struct openai_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct openai_call *call;
    struct wire_pass pass;
    struct reader *r; /* of the value at hand; NULL outside of openai_read() */
};

/** One frame of an answer. AIGW_DONE at the end marker. */
aigw_status openai_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                         const struct aigw_frame *frame);
/** The same without the short cut for plain text; for tests. */
aigw_status openai_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                              const struct aigw_frame *frame);
/** The common part of both: every frame, whatever is in it. */
aigw_status openai_read(struct openai_in *in, const struct aigw_frame *frame);
/** One of OPENAI_ANY or OPENAI_RESPONSE. */
aigw_status openai_read_any(struct openai_in *in, const struct aigw_frame *frame);
/** `data` of an answer to embeddings, and its usage. */
aigw_status openai_read_embeddings(struct openai_in *in, const struct aigw_json *data, const struct aigw_json *usage);
/** The list of a server's models. */
aigw_status openai_read_models(struct openai_in *in, const struct aigw_json *data);

/** Emit, unless the client gets the bytes themselves. */
aigw_status openai_emit(struct openai_in *in, const struct aigw_event *event);
/** Emit a piece of text of a choice, joining characters that were cut in half. */
aigw_status openai_emit_piece(struct openai_in *in, struct aigw_event *event);
/** The same for a piece that has nothing but a type and text. */
aigw_status openai_emit_text(struct openai_in *in, uint32_t choice, uint32_t type, aigw_str text);
/** An event whose text is JSON. */
aigw_status openai_emit_json(struct openai_in *in, uint32_t choice, uint32_t type, const struct aigw_json *value);
/** The model that answered and the answer's id, once. Nothing when neither is a text. */
aigw_status openai_emit_model(struct openai_in *in, const struct aigw_json *model, const struct aigw_json *id);
/** The numbers of a usage object; nothing when it is none. */
aigw_status openai_emit_usage(struct openai_in *in, const struct aigw_json *object);
void openai_read_usage(const struct aigw_json *object, struct aigw_usage *ret_usage);
/** The end of a choice, in the server's word; `at` is the stop sequence if it was named. */
aigw_status openai_emit_finish(struct openai_in *in, uint32_t choice, aigw_str word, aigw_str at);
static inline bool openai_has_choice(const uint64_t *choices, uint32_t choice)
{
    return choices[choice / 64] >> (choice % 64) & 1;
}
static inline void openai_add_choice(uint64_t *choices, uint32_t choice)
{
    choices[choice / 64] |= (uint64_t)1 << (choice % 64);
}
/** A word, not what some servers write for none. */
bool openai_is_reason(aigw_str word);
aigw_status openai_nonsense(struct openai_in *in, const char *what);

/** One entry of a choice's tool_calls; is_whole: of a message that came in one piece. */
aigw_status openai_emit_call(struct openai_in *in, uint32_t choice, const struct aigw_json *item, bool is_whole);
/** Tell of the call that is held. */
aigw_status openai_release_call(struct openai_in *in);
/** The choice is over. *ret_count: its tool calls. */
aigw_status openai_close_calls(struct openai_in *in, uint32_t choice, uint32_t *ret_count);

/** Explain a 404 of a place without a version in its path, unless the server says that it is the model's. */
void openai_explain_path(const struct aigw_host *host, struct aigw_ctx *ctx, const struct openai_call *call,
                         const struct aigw_http_failure *failure, struct aigw_error *ret_error);
/** Correct ret_error (filled from the status) by what the body says. */
void openai_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error);
/** An object with these members reports an error: an answer, a choice or a piece. */
bool openai_is_error(const struct aigw_json *error, const struct aigw_json *object, const struct aigw_json *type);
/** An object without choices that only complains, as proxies and frameworks do. */
bool openai_is_complaint(struct openai_in *in, const struct aigw_json *obj);
/** Emit it as the end of the call. */
aigw_status openai_emit_error(struct openai_in *in, const struct aigw_json *obj);
/** The same for an error told in plain words. */
aigw_status openai_emit_error_text(struct openai_in *in, aigw_str words);
/** What should be JSON and is not: a failure, with its words where they tell of one. */
aigw_status openai_emit_strange(struct openai_in *in, aigw_str text);
/** The same for a choice that ended badly. */
aigw_status openai_emit_broken(struct openai_in *in, aigw_str word);

#endif
