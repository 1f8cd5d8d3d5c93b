/* converse.h - the dialect of Amazon Bedrock's Converse API, client half.
 *
 *     models.c                              what a model takes, by its name
 *     request_write.c request_fields.c      canonical request → wire body: the whole, parameters
 *     request_thinking.c request_tools.c    how much Claude thinks; toolConfig
 *     request_turns.c request_media.c       system and messages; images, documents, video, audio
 *     answer_read.c                         wire answer → canonical events, whole or from an event stream
 *     answer_error.c                        refusals, before and inside an answer
 *     embed.c                               embeddings, which are the vendors' own: InvokeModel
 */
#ifndef CONVERSE_H
#define CONVERSE_H

#include "../common/names.h"
#include "../common/read.h"
#include "../common/wire.h"

#define CONVERSE_DIALECT   "converse"      /* the origin of signatures and vendor JSON */
#define CONVERSE_JSON_TOOL "json_response" /* a schema's answer for models that know no schemas: its arguments */

/* ---- models ---- */

enum converse_vendor {
    CONVERSE_UNKNOWN, /* an ARN, or a name that is new: what the API has is asked for, and the model decides */
    CONVERSE_CLAUDE,
    CONVERSE_NOVA,
    CONVERSE_TITAN,
    CONVERSE_LLAMA,
    CONVERSE_MISTRAL,
    CONVERSE_COHERE,
    CONVERSE_AI21,
    CONVERSE_DEEPSEEK,
    CONVERSE_GPT_OSS,
    CONVERSE_OTHER, /* known not to be one of these */
};

/* What a model takes. */
#define CONVERSE_SYSTEM       0x001u /* instructions of their own, apart from the turns */
#define CONVERSE_TOOLS        0x002u
#define CONVERSE_TOOL_STREAM  0x004u /* tools while streaming */
#define CONVERSE_CHOICE_ANY   0x008u /* toolChoice any */
#define CONVERSE_CHOICE_NAMED 0x010u /* toolChoice tool */
#define CONVERSE_STOPS        0x020u /* stop sequences */
#define CONVERSE_SCHEMA       0x040u /* outputConfig.textFormat, strict tools */
#define CONVERSE_CACHE        0x080u /* cachePoint in system and messages */
#define CONVERSE_CACHE_TOOLS  0x100u /* cachePoint in toolConfig */
#define CONVERSE_PREFILL      0x200u /* a trailing assistant turn */
#define CONVERSE_AUDIO        0x400u
#define CONVERSE_THINKING     0x800u /* reasoning can be asked for */

struct converse_model {
    const char *pattern; /* parts of the name, joined by '-': any of - _ . in the name */
    enum converse_vendor vendor;
    uint32_t takes;    /* CONVERSE_* */
    int64_t max_stops; /* -1: more than anybody sends */
};
/** What is known of it; never NULL. */
const struct converse_model *converse_model_of(aigw_str name);

/* ---- requests ---- */

struct converse_quirks {
    int64_t max_tokens;     /* when the request names none; 0: the model's own */
    bool drop_sampling;     /* the model refuses temperature, top_p and top_k */
    bool refuses_prefill;   /* a trailing assistant turn becomes a user turn */
    bool emulates_schema;   /* a schema is asked for by a tool, not by outputConfig */
    const char *cache_ttl;  /* "5m", "1h" or "off" */
    const char *latency;    /* performanceConfig, NULL for none */
    aigw_str guardrail;     /* guardrailConfig, JSON object text; absent: none */
    aigw_str fields;        /* members for additionalModelRequestFields, JSON object text; absent: none */
    uint32_t takes;         /* CONVERSE_*, of the model and what is known of Claude's versions */
    uint32_t refuses;       /* of Claude: ANTHROPIC_NO_…, see ../anthropic/models.h */
    struct aigw_list betas; /* anthropic_beta, for Claude */
    const struct converse_model *model;
    struct names *names; /* of the call: tools that the API does not know as they are */
};
/** Fill in what the model's name says; the rest is the provider's. */
void converse_find_quirks(aigw_str model, struct converse_quirks *ret_quirks);
/** True when the request may be asked as a stream; else its answer comes whole. */
bool converse_may_stream(const struct aigw_model_request *req, const struct converse_quirks *quirks);
/** True when the arguments of CONVERSE_JSON_TOOL will be the answer's text. */
bool converse_asks_by_tool(const struct aigw_model_request *req, const struct converse_quirks *quirks);

/** True when an earlier turn has calls of tools, or their results. */
bool converse_has_calls(const struct aigw_model_request *req);

/** The body; `model` is for messages: the API has it in the path. A call of kind COUNT gets the body of CountTokens. */
aigw_status converse_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                          const struct aigw_model_request *req, const struct converse_quirks *quirks,
                          struct wire_drops *drops, aigw_str *ret_body);

/* How much thinking is asked for. */
enum converse_thinking {
    CONVERSE_THINK_UNSAID,
    CONVERSE_THINK_OFF,
    CONVERSE_THINK_BUDGET,
    CONVERSE_THINK_ADAPTIVE,
    CONVERSE_THINK_BY_EXTRA, /* the request's own members say how */
};

/** The name of a document that was put. */
struct converse_name;

/** A body being written. */
struct converse_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct wire_body *body;
    const struct converse_quirks *quirks;
    const struct aigw_model_request *req;
    struct wire_drops *drops;
    struct reader reader;   /* of JSON in the request */
    struct aigw_json extra; /* the request's own members */
    enum converse_thinking thinking;
    aigw_str effort;    /* of Claude, as it goes out */
    int64_t max_tokens; /* 0: not said */
    int64_t budget;
    uint32_t marks_to_skip; /* cache markers beyond the last four */
    const char *role;       /* of the open turn, NULL when none is open */
    uint32_t turn_count, block_count;
    bool has_document, has_text; /* in the open turn */
    struct converse_name *names; /* of documents, newest first: name_count of them, as many as are looked at */
    uint32_t name_count;
    unsigned last_number; /* behind a document's name */
};
bool converse_takes(const struct converse_out *out, uint32_t what);
aigw_status converse_unsupported(struct converse_out *out, const char *what, uint32_t number);
/** Of a part: wire_no_part(). */
aigw_status converse_no_part(struct converse_out *out, const char *what, uint32_t part_type);
/** The same for what this model lacks. */
aigw_status converse_model_lacks(struct converse_out *out, const char *what);
aigw_status converse_invalid(struct converse_out *out, const char *what);
void converse_drop(struct converse_out *out, const char *name);
/** True when a signature or vendor JSON of this origin is at home here. */
bool converse_is_ours(aigw_str origin);
/** A JSON string. */
void converse_put_text(struct converse_out *out, aigw_str text);
/** A JSON Schema as the API wants it: an object that says so, without $schema. */
aigw_status converse_put_schema(struct converse_out *out, aigw_str schema);
/** A schema for outputConfig, as a text of its own. */
aigw_status converse_answer_schema(struct converse_out *out, aigw_str schema, aigw_str *ret_text);
/** `,{"cachePoint":…}` if one is asked for and left. */
void converse_put_mark(struct converse_out *out, bool is_wanted, uint32_t ttl_s);
/** Count the cache markers of a request, so that the last four are kept. */
void converse_count_marks(struct converse_out *out);

/** Settle Claude's thinking, its effort and the output limit together. */
void converse_settle_thinking(struct converse_out *out);
/** The value of Claude's member "thinking". */
void converse_put_thinking(struct converse_out *out);
bool converse_is_thinking(const struct converse_out *out);
/** True when signed thoughts of earlier turns are sent back. */
bool converse_keeps_thoughts(const struct converse_out *out);
/** Tokens to think with, when only a word or nothing says how much. */
int64_t converse_budget_of(aigw_str effort);
/** inferenceConfig, outputConfig, additionalModelRequestFields and the small ones. */
aigw_status converse_params(struct converse_out *out);
/** True when the request's own member belongs to the API and not to the model: all do when the dialect is named. */
bool converse_is_member(const struct converse_out *out, const struct aigw_json *key);
/** additionalModelRequestFields alone. */
aigw_status converse_fields(struct converse_out *out);
/** toolConfig. */
aigw_status converse_tools(struct converse_out *out);
/** The name a tool is sent under. */
aigw_status converse_tool_name(struct converse_out *out, uint32_t kind, aigw_str scope, aigw_str name,
                               aigw_str *ret_sent);
/** That of the tool which must be called. */
aigw_status converse_demanded(struct converse_out *out, aigw_str *ret_sent);
/** "system" and "messages". `note`: one more instruction, absent for none. */
aigw_status converse_turns(struct converse_out *out, aigw_str note);
/** An image, document, video or audio block, its braces included. */
aigw_status converse_put_media(struct converse_out *out, const struct aigw_part *part);

/* ---- answers ---- */

enum converse_state {
    CONVERSE_WAITING,  /* nothing came yet */
    CONVERSE_BEGUN,    /* something of an answer */
    CONVERSE_FINISHED, /* FINISH was emitted: usage may follow */
    CONVERSE_OVER,     /* whole, or failed: the rest is ignored */
};

/** A content block of an answer that is not just text; answer_read.c. */
struct converse_block;

/** State of one call. */
struct converse_call {
    enum converse_state state;
    bool is_count;      /* it asks for a number of tokens only */
    bool asked_by_tool; /* arguments of CONVERSE_JSON_TOOL are the text */
    uint32_t tool_count, block_count;
    uint32_t input_count; /* of texts to embed; 0: it asks for no embeddings */
    struct aigw_usage usage;
    struct converse_block *blocks; /* newest first */
    struct names names;            /* what quirks.names points to */
    struct wire_drops drops;
};

/** Reading an answer. */
struct converse_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct converse_call *call;
    struct reader *reader;
};

/** One frame of an answer. AIGW_DONE at the end. */
aigw_status converse_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct converse_call *call,
                           const struct aigw_frame *frame);
/** The body of InvokeModel for embeddings. Says in `call` what is expected. */
aigw_status converse_embed_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                                const struct aigw_model_request *req, struct converse_call *call, aigw_str *ret_body);
/** Its answer. */
aigw_status converse_read_embeddings(struct converse_in *in, const struct aigw_json *root);
/** Emit, behind what was left out of the request. */
aigw_status converse_emit(struct converse_in *in, const struct aigw_event *event);

void converse_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                      struct aigw_error *ret_error);
/** Emit an exception as the end of the call. `name`: what the frame or member calls it; `words`: what it says when it
 * is no JSON. */
aigw_status converse_emit_exception(struct converse_in *in, aigw_str name, const struct aigw_json *value,
                                    aigw_str words);
/** True for a member's or an event's name that is one of an exception. */
bool converse_is_exception(aigw_str name);

#endif
