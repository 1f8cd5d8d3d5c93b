/* request_write.h - a body being written: what the files request_*.c share.
 *
 *     request_write.c                        parameters, and the whole
 *     request_thinking.c request_schema.c    how much to think; the form of the answer
 *     request_tools.c                        tools
 *     request_turns.c request_parts.c        turns and what stands in them
 */
#ifndef ANTHROPIC_REQUEST_WRITE_H
#define ANTHROPIC_REQUEST_WRITE_H

#include "anthropic.h"
#include "models.h"

/* How much thinking is asked for. */
#define ANTHROPIC_THINK_UNSAID   0u
#define ANTHROPIC_THINK_OFF      1u
#define ANTHROPIC_THINK_BUDGET   2u
#define ANTHROPIC_THINK_ADAPTIVE 3u

/* How the answer is held to a form. */
#define ANTHROPIC_FORM_FREE   0u
#define ANTHROPIC_FORM_SCHEMA 1u /* by the API */
#define ANTHROPIC_FORM_TOOL   2u /* by a tool that must be called: ANTHROPIC_JSON_TOOL */
#define ANTHROPIC_FORM_WORDS  3u /* by words in the instructions */

/** A body being written. */
struct anthropic_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct wire_body *body;
    const struct anthropic_quirks *quirks;
    const struct aigw_model_request *req;
    struct wire_drops *drops;
    uint32_t refuses;    /* ANTHROPIC_NO_…: what the model does not take */
    int64_t most_tokens; /* that it answers with at most */
    bool is_foreign;     /* extra members are in the spelling of another dialect */
    uint32_t thinking;   /* ANTHROPIC_THINK_* */
    uint32_t form;       /* ANTHROPIC_FORM_*  */
    int64_t max_tokens;  /* of the answer, what it thinks included */
    int64_t budget;      /* of the thinking */
    aigw_str effort;     /* absent: unsaid */
    const char *note;    /* one more instruction, NULL for none */
    bool has_no_prefill; /* a trailing assistant turn becomes a user turn */
    /* turns */
    uint32_t marks_to_skip; /* cache markers beyond the last four */
    const char *role;       /* of the open turn, NULL when none is open */
    uint32_t turn_count;
    uint32_t block_count; /* in the open turn */
};
aigw_status anthropic_unsupported(struct anthropic_out *out, const char *what, uint32_t number);
/** Of a part: wire_no_part(). */
aigw_status anthropic_no_part(struct anthropic_out *out, const char *what, uint32_t part_type);
aigw_status anthropic_invalid(struct anthropic_out *out, const char *what);
void anthropic_drop(struct anthropic_out *out, const char *name);
/** True when a signature or vendor JSON of this origin is at home here. */
bool anthropic_is_ours(aigw_str origin);
/** True when it is told to think: it takes no sampling parameters then. */
bool anthropic_is_thinking(const struct anthropic_out *out);
/** True when it thinks, told or not: its earlier thoughts go along. */
bool anthropic_keeps_thoughts(const struct anthropic_out *out);

/** Settle thinking, effort and the output limit together. */
void anthropic_settle_thinking(struct anthropic_out *out);
/** The member "thinking". */
void anthropic_put_thinking(struct anthropic_out *out);
/** Settle the form of the answer. */
aigw_status anthropic_settle_form(struct anthropic_out *out);
/** The member "output_config". */
aigw_status anthropic_put_output_config(struct anthropic_out *out);

/** A schema without what the API refuses in those it holds an answer to; bounds go into descriptions. */
aigw_status anthropic_put_answer_schema(struct anthropic_out *out, aigw_str schema);
/** The name that a tool is sent under. */
aigw_status anthropic_name_tool(struct anthropic_out *out, uint32_t kind, aigw_str scope, aigw_str name,
                                aigw_str *ret_sent);
/** The members "tools" and "tool_choice". */
aigw_status anthropic_put_tools(struct anthropic_out *out);

/** Count the cache markers of a request, so that the last four are kept. */
void anthropic_count_marks(struct anthropic_out *out);
/** `,"cache_control":…` if one is asked for and left. */
void anthropic_put_mark(struct anthropic_out *out, bool is_wanted, uint32_t ttl_s);
/** A block of text, to its end. */
aigw_status anthropic_put_text(struct anthropic_out *out, const struct aigw_part *part, aigw_str text);
/** An image or document, to its end. */
aigw_status anthropic_put_attachment(struct anthropic_out *out, const struct aigw_part *part);
/** Does this OPAQUE part go into the request? Else it is noted as dropped. */
bool anthropic_takes_item(struct anthropic_out *out, const struct aigw_part *part);
/** Begin a block in a turn of `role`, opening one when another's is open. */
void anthropic_open_block(struct anthropic_out *out, const char *role, const char *begin);
/** Extra members, a cache marker and the end of a block. */
aigw_status anthropic_close_block(struct anthropic_out *out, const struct aigw_part *part);
/** A tool's call or its result, as a block of the turn it belongs to. */
aigw_status anthropic_put_call(struct anthropic_out *out, const struct aigw_part *part);
aigw_status anthropic_put_result(struct anthropic_out *out, const struct aigw_part *part);
/** The members "system" and "messages". */
aigw_status anthropic_put_turns(struct anthropic_out *out);

#endif
