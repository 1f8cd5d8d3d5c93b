/* request_read.h - what the readers of a client's body share. */
#ifndef OPENAI_REQUEST_READ_H
#define OPENAI_REQUEST_READ_H

#include <aigw/body.h>

#include "openai_server.h"

/** Where a value stands: a member of that name, or the item of that index, of what `up` is. Costs nothing until there
 *  is something to complain about. */
struct openai_place {
    const struct openai_place *up;
    const char *name; /* NULL: an item */
    size_t index;
};
#define OPENAI_AT(up, name)    (&(const struct openai_place){ (up), (name), 0 })
#define OPENAI_ITEM(up, index) (&(const struct openai_place){ (up), NULL, (index) })

/** One reading. Must not move. */
struct openai_reading {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_host_memory from;
    struct aigw_memory memory;
    struct openai_asked *asked;
    struct aigw_model_request *request;
    struct aigw_params *params;
    struct openai_refusal *refusal;
    uint32_t piece_count; /* see openai_count_piece() */
    uint32_t made_ids;    /* for calls that had none */
    uint32_t answered;    /* … those of them that have their result, or will have none */
};

/** Origin of the signatures that Google's server of this dialect puts into extra_content. */
#define OPENAI_FROM_GEMINI "gemini"

/* ---- values; request_read_value.c ---- */

/** Record the refusal: AIGW_E_INVALID. `words` follow the place: "must be a string". */
aigw_status openai_refuse(struct openai_reading *r, const struct openai_place *place, const char *code,
                          const char *words);
/** … because it is not there. */
aigw_status openai_refuse_missing(struct openai_reading *r, const struct openai_place *place);
/** … because of its type. `want`: "a string". */
aigw_status openai_refuse_type(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, const char *want);

/** One more message, part, call or tool, at most this many: each takes far more memory than its shortest text. */
#define OPENAI_PIECES_MAX 100000u
aigw_status openai_count_piece(struct openai_reading *r, const struct openai_place *place);

bool openai_is_null(const struct aigw_json *value);
/** Zeroed memory, or NULL. */
void *openai_get(struct openai_reading *r, size_t len);

/* Absent and null leave *ret as it is; another type is refused. */
aigw_status openai_take_text(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             aigw_str *ret);
/** One that may be long, to a place that does not move: its escapes may stay until wire_later_read(). */
aigw_status openai_take_long_text(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, aigw_str *ret);
aigw_status openai_take_bool(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             uint32_t *ret);
/** JSON text of an object. */
aigw_status openai_take_object(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, aigw_str *ret);
/** … where one without members says nothing. */
aigw_status openai_take_members(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value, aigw_str *ret);
/** JSON text of a list. */
aigw_status openai_take_list(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             aigw_str *ret);
/** A number from low to high, perhaps written as text. *ret_is_set when it is there. */
aigw_status openai_take_number(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, double low, double high, double *ret, bool *ret_is_set);
/** The same without fraction; 100.0 and "100" are such numbers. */
aigw_status openai_take_int(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                            int64_t low, int64_t high, int64_t *ret, bool *ret_is_set);
/** A list of strings, or one string for a list of one. Empty strings are passed over when `no_empty`. */
aigw_status openai_take_texts(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                              bool no_empty, const aigw_str **ret, uint32_t *ret_count);

/** Members by name in one walk; absent ones, too. True when there are others. */
bool openai_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret);
/** The same where others have no place in the canonical form: they are noted in `asked`, to be named to the client. */
void openai_note_members(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                         size_t count, struct aigw_json *ret);
/** … of what stands inside of another object in a chat, but is that object in the Responses API: there its others are
 *  kept. */
void openai_inner_members(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                          size_t count, struct aigw_json *ret);
/** … and that alone. */
void openai_note_others(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                        size_t count);
/** The others as an object's text, and those whose bit is set in `keep`; absent when all of them are null. */
aigw_status openai_extra(struct openai_reading *r, const struct aigw_json *object, const char *const *names,
                         size_t count, uint64_t keep, aigw_str *ret);

/** One of the words; answers its index, or -1. */
int openai_word(const struct aigw_json *value, const char *const *words, size_t count);
/** A marker of prompt caching: true and its lifetime when it says what all understand. */
bool openai_cache_mark(const struct aigw_json *value, uint32_t *ret_ttl_s);

/* ---- the body; request_read.c ---- */

/** Check the text and find the members of its object, which are in order of `names`; "model" is the first, "stream" the
 *  second. Sets asked->path, model, is_stream and raw, and request->kind. */
aigw_status openai_request_begin(struct openai_reading *r, uint32_t path, aigw_str body, const char *const *names,
                                 size_t count, struct aigw_json *ret_root, struct aigw_json *ret_members,
                                 bool *ret_has_others);
/** A member that is a number of the parameters. */
struct openai_number {
    uint32_t member; /* index of its value */
    uint32_t bit;    /* AIGW_PARAM_* */
    size_t offset;   /* in struct aigw_params */
    bool is_int;
    double low, high;
};
aigw_status openai_request_numbers(struct openai_reading *r, const struct openai_number *rows, size_t count,
                                   const char *const *names, const struct aigw_json *members);
/** stream_options. */
aigw_status openai_request_stream_options(struct openai_reading *r, const struct aigw_json *value);
/** How a chat says how much to think, beside reasoning_effort: "reasoning" (OpenRouter's), "thinking" (Anthropic's, and
 *  that of DeepSeek and others) and "enable_thinking" (Qwen's). *ret_is_kept[i]: it says more than is understood here.
 *  request_read_thinking.c */
#define OPENAI_THINKING_MEMBERS 3u
aigw_status openai_request_thinking(struct openai_reading *r, const struct aigw_json members[OPENAI_THINKING_MEMBERS],
                                    bool ret_is_kept[OPENAI_THINKING_MEMBERS]);
/** n: how many answers. */
aigw_status openai_request_n(struct openai_reading *r, const struct aigw_json *value);
/** max_tokens or its other name; the smaller one counts. */
aigw_status openai_request_max(struct openai_reading *r, const char *name, const struct aigw_json *value,
                               int64_t least);
/** Not below -2 and not above 2. */
#define OPENAI_PENALTY_MAX 2.0

/* ---- a chat; request_read_messages.c, request_read_parts.c, request_read_tools.c ---- */

aigw_status openai_request_messages(struct openai_reading *r, const struct aigw_json *value);

/** A list of parts being made. */
struct openai_parts {
    const struct aigw_part *first;
    struct aigw_part *last;
};
/** Append one of that type; NULL without memory. */
struct aigw_part *openai_add_part(struct openai_reading *r, struct openai_parts *parts, uint32_t type);
/** A value that only a server of this dialect understands, kept as it is. */
aigw_status openai_request_opaque(struct openai_reading *r, const struct aigw_json *value, struct openai_parts *parts);
/** A string, or a list of parts. Empty texts are left out. */
aigw_status openai_request_content(struct openai_reading *r, const struct openai_place *place,
                                   const struct aigw_json *value, struct openai_parts *parts);
/** A block of Anthropic's in a chat; false when it is none. request_read_blocks.c */
bool openai_request_block(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                          const struct aigw_json *type, struct openai_parts *parts, aigw_status *ret_status);
/** Results among the parts of a user's message are a message of their own, in front of the rest; *ret_last is the last
 *  of both. */
aigw_status openai_request_split(struct openai_reading *r, const struct openai_place *place,
                                 struct aigw_message *message, struct aigw_message **ret_last);
/** A call that came without an id gets one, and so does the result without one that answers it: in their order. Absent
 *  when there is no such call, or no memory. */
aigw_str openai_request_make_id(struct openai_reading *r);
aigw_str openai_request_next_id(struct openai_reading *r);
/** tool_calls of an assistant's message. */
aigw_status openai_request_calls(struct openai_reading *r, const struct openai_place *place,
                                 const struct aigw_json *value, struct openai_parts *parts);
/** The name and arguments of a call, or of the deprecated function_call. */
aigw_status openai_request_call_body(struct openai_reading *r, const struct openai_place *place,
                                     const struct aigw_json *value, const char *text_name, struct aigw_part *part);

/** A list of tools being made. */
struct openai_tool_list {
    struct openai_reading *r;
    struct aigw_tool *first, *last;
    aigw_str scope; /* of those that are read now */
};
aigw_status openai_request_tool_list(struct openai_tool_list *list, const struct openai_place *place,
                                     const struct aigw_json *value);
#define OPENAI_TOOL_SEARCH "tool_search"

struct openai_tool_members {
    struct aigw_json tools, tool_choice, functions, function_call;
};
aigw_status openai_request_tools(struct openai_reading *r, const struct openai_tool_members *members);
/** tool_choice, once all tools are known; then what follows from it. */
aigw_status openai_request_choice(struct openai_reading *r, const char *member, const struct aigw_json *value);
aigw_status openai_request_tools_end(struct openai_reading *r);
/** *ret_is_kept: it is of a kind that only a server of this dialect may know. */
aigw_status openai_request_format(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, bool *ret_is_kept);
/** An object with name, description, schema and strict. */
aigw_status openai_request_schema(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value);

#endif
