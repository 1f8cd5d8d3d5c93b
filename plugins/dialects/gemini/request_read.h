/* request_read.h - what the readers of a client's body share. */
#ifndef GEMINI_REQUEST_READ_H
#define GEMINI_REQUEST_READ_H

#include "gemini_server.h"
#include "members.h"

#include <aigw/body.h>
#include <aigw/json.h>

#define GEMINI_OPEN_CALLS 256u /* in one turn: results are looked for among them */

/** A body being read. */
struct gemini_reading {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_host_memory from;
    struct aigw_memory memory;
    struct gemini_asked *asked;
    struct aigw_model_request *request;
    struct gemini_refusal *refusal;
    struct aigw_message *last;     /* message so far */
    struct aigw_message *calls_at; /* the last one with calls, or with results of them: behind it stand results */
    uint32_t content_number, part_number;  /* where we are in `contents`, from 1; 0: not there */
    uint32_t tool_number, function_number; /* … in `tools` */
    uint32_t piece_count; /* messages, parts and tools: each takes far more memory than its shortest text */
    bool has_pieces;      /* a turn of the model's stands in several contents */
    bool is_in_config;    /* … in `generationConfig` */
    uint32_t call_count;  /* of the conversation, for ids */
    uint32_t open_count;  /* calls of the last turn that have no result yet */
    const struct aigw_part *open[GEMINI_OPEN_CALLS];
};

/** Members that go along as they are: JSON text of an object under construction. */
struct gemini_extra {
    struct aigw_buf *buf;
    uint32_t count;
};

/** Refuse: `what` about the member at `where`, which inside `contents`, `tools` and `generationConfig` is said with its
 * place: "contents[2].parts[0].…". AIGW_E_INVALID. */
aigw_status gemini_read_refuse(struct gemini_reading *r, const char *where, const char *what);
/** `size` bytes of the request's, zeroed; NULL without memory. */
void *gemini_read_alloc(struct gemini_reading *r, size_t size);
/** The same for one more message, part or tool; NULL beyond as many as a body may hold, too. */
#define GEMINI_PIECES_MAX 200000u
void *gemini_read_piece(struct gemini_reading *r, size_t size);
/** Those members of the object, in one walk: found[i] is names[i], absent (as null is) or the last of that name. What
 *  else stands there is noted as left out, unless it says nothing (false, "", [], {}). AIGW_E_NOMEM. */
aigw_status gemini_read_members(struct gemini_reading *r, const struct aigw_json *object, const char *const *names,
                                size_t count, struct aigw_json *found);
/** Number. As Google reads them, a string of digits is one, too. */
bool gemini_read_real(const struct aigw_json *value, double *ret);
bool gemini_read_whole(const struct aigw_json *value, int64_t *ret);
/** Text; null is absent. */
aigw_status gemini_read_text(struct gemini_reading *r, const char *where, const struct aigw_json *value, aigw_str *ret);
/** JSON text that may be put into other JSON; lies in the body where it can. */
aigw_status gemini_read_json(struct gemini_reading *r, const struct aigw_json *value, aigw_str *ret);
aigw_status gemini_read_more(struct gemini_reading *r, struct gemini_extra *extra, const struct aigw_json *key,
                             const struct aigw_json *value);
/** Close it; absent when there was nothing. */
aigw_status gemini_read_more_end(struct gemini_reading *r, struct gemini_extra *extra, aigw_str *ret);

/** A turn of the model's in several contents becomes one message, and its words one text. */
aigw_status gemini_read_turns(struct gemini_reading *r);
/** "contents" and "systemInstruction". */
aigw_status gemini_read_contents(struct gemini_reading *r, const struct aigw_json *contents);
aigw_status gemini_read_system(struct gemini_reading *r, const struct aigw_json *instruction);
/** The text of a content that may have nothing else. */
aigw_status gemini_read_plain(struct gemini_reading *r, const char *where, const struct aigw_json *content,
                              aigw_str *ret);
/** "tools", and "toolConfig", whose further members are answered. */
aigw_status gemini_read_tools(struct gemini_reading *r, const struct aigw_json *tools);
aigw_status gemini_read_choice(struct gemini_reading *r, const struct aigw_json *config, aigw_str *ret_more);
/** "generationConfig", whose further members are answered. */
aigw_status gemini_read_params(struct gemini_reading *r, const struct aigw_json *config, struct aigw_params *params,
                               aigw_str *ret_more);
/** A schema of OpenAPI's form as JSON Schema: names of types in small letters, null as a type. */
aigw_status gemini_read_schema(struct gemini_reading *r, const char *where, const struct aigw_json *schema,
                               aigw_str *ret);

#endif
