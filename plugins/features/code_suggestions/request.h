/* request.h - what a code request asks for, whichever route it came by, and the bodies of the v2 routes. Strings point
 * into the body and the build's memory: they live for the build. */
#ifndef CS_REQUEST_H
#define CS_REQUEST_H

#include <aigw/body.h>

#include <string.h>

/** Where the client wants its model; from the flat model_* members or from `model_metadata`. */
struct cs_model {
    aigw_str provider, name, endpoint, api_key, identifier;
    bool is_adhoc; /* the client's own model server; else a name that conf.d may know, or nothing */
};

struct cs_context {
    aigw_str content;
};

struct cs_message {
    aigw_str role, content;
};

enum cs_kind {
    CS_COMPLETION, /* fill the gap at the cursor */
    CS_GENERATION, /* write new code from an instruction */
};

struct cs_request {
    enum cs_kind kind;
    uint32_t version; /* v2: prompt_version, 1, 2 or 3 */
    uint32_t given;   /* what of the body was there, for reading */
    bool stream;
    aigw_str file_name, language_identifier, above, below;
    aigw_str instruction;           /* GENERATION: what the user asks for in words, may be empty */
    aigw_str prompt_id;             /* GENERATION: the prompt to use; empty: the configured one */
    aigw_str prompt_version;        /* GENERATION: constraint on its version; empty: none */
    aigw_str enhancer;              /* GENERATION: JSON object with more variables for the prompt, may be absent */
    struct cs_model model;          /* the one that counts */
    struct cs_model metadata;       /* as it was read */
    struct aigw_body_list context;  /* of struct cs_context */
    struct aigw_body_list messages; /* a prompt that the client prepared: of struct cs_message */
};

/** Bodies of the v2 routes, for a struct cs_request. Faults are all found. */
extern const struct aigw_body_table cs_completion_table;
extern const struct aigw_body_table cs_generation_table;

/** `model_metadata`, for a struct cs_model, and the items of prepared prompts, for a struct cs_message. */
extern const struct aigw_body_table cs_metadata_table;
extern const struct aigw_body_table cs_message_table;

static inline bool cs_str_is(aigw_str s, const char *text)
{
    size_t len = strlen(text);

    return s.len == len && (!len || memcmp(s.ptr, text, len) == 0);
}

#endif
