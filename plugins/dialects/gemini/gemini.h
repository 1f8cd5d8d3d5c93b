/* gemini.h - the dialect of Google's Gemini API, as AI Studio and Vertex AI speak it: generateContent, token counts and
 * embeddings.
 *
 *     request_write.c request_params.c       canonical request → wire body: the whole, tools; generationConfig,
 * thinking request_contents.c                     messages → contents and systemInstruction request_schema.c JSON
 * Schema → what the API takes of it answer_read.c answer_parts.c           wire answer → canonical events
 *     answer_error.c                         refusals, before and inside an answer
 */
#ifndef GEMINI_H
#define GEMINI_H

#include "../common/halves.h"
#include "../common/names.h"
#include "../common/read.h"
#include "../common/refusal.h"
#include "../common/wire.h"

#define GEMINI_DIALECT     "gemini" /* what passes through, and the origin of signatures and vendor JSON */
#define GEMINI_CHOICES_MAX 8u
#define GEMINI_NAME_MAX    64u
#define GEMINI_STOPS_MAX   5u
#define GEMINI_CALLS_MAX   4096u /* of one request, and results of one turn: each is looked for among the others */

/* Vertex AI and AI Studio differ in a few members of the body, and in embeddings and counts altogether. */
struct gemini_quirks {
    bool is_vertex;
    bool openapi_schema; /* schemas in the API's older form: models that do not know JSON Schema */
    struct names *names; /* of the call: tools that the API does not know as they are */
};

/** What a model's name tells: "gemini-2.5-flash-lite" is 2, 5, of the flash sort and light. */
struct gemini_model {
    int32_t major, minor; /* 0: not told */
    bool is_pro, is_flash, is_light;
};
struct gemini_model gemini_model_of(aigw_str name);
/** Models of the first generations, which take the older form of schemas only. */
bool gemini_wants_openapi_schema(aigw_str name);

/** State of one call. */
struct gemini_call {
    uint32_t kind;         /* AIGW_CALL_* */
    uint32_t input_count;  /* embeddings asked for */
    uint32_t wants_single; /* at most one tool call: the API has no switch for it */
    uint32_t is_over;      /* an error or an end marker came: the rest is ignored */
    uint32_t has_begun, has_model;
    uint32_t raw_flags;                      /* pass-through: AIGW_RAWF_* */
    uint32_t has_one_choice, the_choice;     /* no more was asked for: its number at the server, from 1 */
    uint32_t seen, finished;                 /* choices, a bit each */
    uint32_t tool_count[GEMINI_CHOICES_MAX]; /* calls of each choice */
    uint32_t vector_count;
    struct aigw_usage usage; /* what was said last */
    struct halves halves;
    struct names names; /* what quirks.names points to */
    struct wire_drops drops;
    struct aigw_buf *raw; /* pass-through: the frame for the client; else NULL */
};

/** A body being written. */
struct gemini_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct wire_body *body;
    const struct gemini_quirks *quirks;
    struct wire_drops *drops;
    aigw_str model_name;
    struct gemini_model model;
    bool is_foreign;                /* extra members are in the spelling of another dialect */
    const char *role;               /* of the open turn, NULL when none is open */
    uint32_t turn_count;            /* turns so far */
    uint32_t part_count;            /* in the open turn */
    bool has_call;                  /* the open turn has a function call */
    const struct aigw_part **calls; /* call_count of them, all of the request */
    uint32_t call_count;
    uint32_t run_first, run_end; /* those of the last turn of the assistant's */
    bool is_in_run;              /* … which still goes on */
};
/** What the end of an address says of what is there: "image/png"; absent when it says nothing. */
aigw_str gemini_type_by_name(aigw_str url);
/** True for the address of a video that the vendor shows to everybody. */
bool gemini_is_video_site(aigw_str url);
/** True for the address of a file that the vendor keeps for its own models. */
bool gemini_is_upload(aigw_str url);
aigw_status gemini_unsupported(struct gemini_out *out, const char *what, uint32_t number);
/** Of a part: wire_no_part(). */
aigw_status gemini_no_part(struct gemini_out *out, const char *what, uint32_t part_type);
aigw_status gemini_invalid(struct gemini_out *out, const char *what);
void gemini_drop(struct gemini_out *out, const char *name);
/** The name that a tool is sent under. */
aigw_status gemini_name_tool(struct gemini_out *out, uint32_t kind, aigw_str scope, aigw_str name, aigw_str *ret_sent);
/** Members of a JSON object's text into an object under construction, but for keys it has and those in `reserved`
 *  (NULL-ended), which are dropped, and objects under the names in `merged`, which stand there already. AIGW_E_INVALID
 *  when the text is no object. Absent text is fine. */
aigw_status gemini_merge(struct gemini_out *out, struct wire_body *to, aigw_str object, const char *const *reserved,
                         const char *const *merged);
/** The members "systemInstruction" and "contents". `note`: one more instruction, NULL for none. */
aigw_status gemini_contents(struct gemini_out *out, const struct aigw_model_request *req, const char *note);
/** The member "generationConfig", with those of `more`, JSON text of an object or absent, and what stands beside it.
 *  *ret_note: an instruction that takes the place of a parameter, NULL for none. */
aigw_status gemini_params(struct gemini_out *out, const struct aigw_model_request *req, aigw_str more, bool has_tools,
                          const char **ret_note);
/** A schema, in the form that the model takes. AIGW_E_INVALID when it is no JSON object. */
aigw_status gemini_put_schema(struct gemini_out *out, struct wire_body *to, aigw_str schema);

/** Write the wire body of a chat, a count or embeddings; what is left out goes to `drops`. */
aigw_status gemini_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                        const struct aigw_model_request *req, const struct gemini_quirks *quirks,
                        struct wire_drops *drops, aigw_str *ret_body);
/** What stands behind the model's name in the URL of such a call: ":generateContent". */
const char *gemini_method(const struct aigw_model_request *req, const struct gemini_quirks *quirks);
/** Prepare the state of a call for its answer. */
void gemini_begin(struct gemini_call *call, const struct aigw_model_request *req);

/** Reading an answer. */
struct gemini_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct gemini_call *call;
    struct reader reader;
    struct wire_pass pass;
};

/** One frame of an answer: one object, or a list of them when the stream came as JSON. AIGW_DONE at an end marker,
 *  which only servers in between write. */
aigw_status gemini_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct gemini_call *call,
                         const struct aigw_frame *frame);
aigw_status gemini_nonsense(struct gemini_in *in, const char *what);
/** Emit, unless the client gets the bytes themselves. */
aigw_status gemini_emit(struct gemini_in *in, const struct aigw_event *event);
/** Vendor's JSON as an event of that type. */
aigw_status gemini_emit_json(struct gemini_in *in, uint32_t choice, uint32_t type, aigw_str json);
/** The parts of a candidate's content. */
aigw_status gemini_emit_parts(struct gemini_in *in, const struct aigw_json *parts, uint32_t choice);
/** One of them. */
aigw_status gemini_emit_part(struct gemini_in *in, const struct aigw_json *part, uint32_t choice);
/** What the candidate says beside its parts: citations, grounding, log probabilities. */
aigw_status gemini_emit_beside(struct gemini_in *in, const struct aigw_json *candidate, uint32_t choice);
/** The vectors of an answer to an embeddings request, of either server. */
aigw_status gemini_emit_vectors(struct gemini_in *in, const struct aigw_json *answer);
/** Add the tokens that an answer with predictions states: of embeddings each with its own, of older models together. */
void gemini_read_prediction_usage(const struct aigw_json *answer, struct aigw_usage *usage);
/** The names in a list of models. */
aigw_status gemini_emit_models(struct gemini_in *in, const struct aigw_json *answer);

void gemini_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error);
/** A refusal inside an answer, as the end of the call. */
aigw_status gemini_emit_error(struct gemini_in *in, const struct aigw_json *value);
/** The same for one told in plain words. */
aigw_status gemini_emit_error_text(struct gemini_in *in, aigw_str words);
/** What should be JSON and is not: a failure, with its words where they tell of one. */
aigw_status gemini_emit_strange(struct gemini_in *in, aigw_str text);
/** The end, by a word for it that says that the server gave up. */
aigw_status gemini_emit_broken(struct gemini_in *in, aigw_str word);
/** The prompt was refused before anything was said. */
aigw_status gemini_emit_blocked(struct gemini_in *in, aigw_str reason, aigw_str message);

#endif
