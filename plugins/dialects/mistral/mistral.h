/* mistral.h - the Mistral dialect, client half: chat, fill-in-the-middle and embeddings.
 *
 * Answers have the form of OpenAI's: they are read by that dialect. Requests differ in names, in what may follow what
 * and in what is refused (a member that is not known is a 422), so they are written here.
 *
 *     request_write.c       canonical request → wire body: parameters, prompts
 *     request_messages.c    … the messages of a chat
 *     request_tools.c       … its tools
 *     answer.c              answers and refusals, where they differ
 */
#ifndef MISTRAL_H
#define MISTRAL_H

#include "../openai/openai.h"

#include <aigw/json.h>

/* The path of a call: its URL and the shape of its answer. */
#define MISTRAL_CHAT      OPENAI_CHAT       /* /chat/completions */
#define MISTRAL_FIM       OPENAI_COMPLETION /* /fim/completions, answered like a chat */
#define MISTRAL_EMBEDDING OPENAI_EMBEDDING  /* /embeddings */
#define MISTRAL_MODELS    OPENAI_MODELS     /* GET /models: has no body */

#define MISTRAL_DIALECT "mistral" /* the origin of vendor JSON and of signatures */

/** How the server at hand differs from the plain dialect. */
struct mistral_quirks {
    bool safe_prompt;     /* ask for the safety prompt                                      */
    bool send_reasoning;  /* unsigned reasoning of earlier turns, whose maker is not known, goes back, too */
    bool has_prompt_mode; /* Magistral: reasoning is a mode of the prompt, not an effort                   */
    aigw_str body;        /* the operator's extra members, a JSON object's text, may be absent */
    struct names *names;  /* of the call (call->openai.names): tools that the API does not know as they are */
};

/** State of one call. */
struct mistral_call {
    struct openai_call openai;
};

/** What the writers of a body share. */
struct mistral_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    bool is_foreign; /* extra members are in the spelling of another dialect */
    struct wire_body *body;
    const struct mistral_quirks *quirks;
    struct wire_drops *drops;
    uint32_t message_count;
};

/** What the model's name tells: `magistral-medium-latest` thinks by itself and wants its thoughts back. */
bool mistral_model_is_magistral(aigw_str model);

/** Write the wire body of `req` for `path`; what is left out goes to `drops` (those of the call). */
aigw_status mistral_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                         const struct aigw_model_request *req, const struct mistral_quirks *quirks,
                         struct wire_drops *drops, aigw_str *ret_body);
/** One frame of a good answer. AIGW_DONE at the end marker. */
aigw_status mistral_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct mistral_call *call,
                          const struct aigw_frame *frame);
/** Correct ret_error (filled from the status) by what the body says. */
void mistral_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                     struct aigw_error *ret_error);

/* ---- for the writers ---- */

/** The member "messages". */
aigw_status mistral_messages(struct mistral_out *out, const struct aigw_model_request *req);
/** The members about tools: those of the request, and those that become known in its messages. */
aigw_status mistral_put_tools(struct mistral_out *out, const struct aigw_model_request *req);
/** The name that a tool is sent under. */
aigw_status mistral_name_tool(struct mistral_out *out, uint32_t kind, aigw_str scope, aigw_str name,
                              aigw_str *ret_sent);
/** A JSON Schema; absent text is the schema of an object without properties. */
aigw_status mistral_put_schema(struct mistral_out *out, aigw_str text);
/** ,"strict": for AIGW_YES and AIGW_NO. */
void mistral_put_strict(struct mistral_out *out, uint32_t strict);
/** A tool call's id as the API takes it, 9 letters and digits: the id itself, or one that is made of it, the same each
 *  time. Absent without memory. */
aigw_str mistral_tool_id(struct mistral_out *out, aigw_str id);
/** The arguments of a call, which must be an object, as a JSON string. */
aigw_status mistral_put_arguments(struct mistral_out *out, const struct aigw_part *part);
/** Extra members, as they stand, into an object that has members already. Those of another dialect are named as
 *  dropped: the API refuses what it does not know. */
aigw_status mistral_splice(struct mistral_out *out, aigw_str extra);
/** The name of a member without its quotes. One with escapes keeps them: no name that means anything has any. */
aigw_str mistral_name_of(const struct aigw_json *key);
/** True when vendor JSON of this origin may be put into a body. */
bool mistral_is_ours(aigw_str origin);
aigw_status mistral_unsupported(struct mistral_out *out, const char *what, uint32_t number);
/** Of a part: wire_no_part(). */
aigw_status mistral_no_part(struct mistral_out *out, const char *what, uint32_t part_type);
aigw_status mistral_invalid(struct mistral_out *out, const char *what);
void mistral_drop(struct mistral_out *out, const char *name);

#endif
