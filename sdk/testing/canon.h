/* canon.h - the canonical model request as JSON text: one table per struct says its members; reading, writing and the
 * search for unknown members follow it. The form is described in docs/plugin-authors.md. */
#ifndef TESTHOST_CANON_H
#define TESTHOST_CANON_H

#include "internal.h"

/* What a member is, in C and in JSON. */
enum canon_type {
    CANON_TEXT,    /* aigw_str: a string */
    CANON_JSON,    /* aigw_str: JSON text, written as the value it is */
    CANON_WORD,    /* uint32_t: one of `words` */
    CANON_FLAG,    /* a bit of the uint32_t at `offset`: true or false */
    CANON_SWITCH,  /* uint32_t AIGW_YES, AIGW_NO: true or false */
    CANON_COUNT,   /* uint32_t or int32_t, 0: not given */
    CANON_NUMBER,  /* double that counts when `bit` of the uint32_t at `second` is set */
    CANON_INTEGER, /* int64_t likewise */
    CANON_TEXTS,   /* array of aigw_str, their number at `second` */
    CANON_LIST,    /* pointer to a list of `form` by next */
    CANON_CONTENT, /* the same for parts: one text part may be a plain string */
    CANON_CHOICE,  /* tool_choice: a word, or {"name": …} */
    CANON_PART,    /* pointer to one `form`, members in the same JSON object: set when one of them is there */
    CANON_RAW      /* pointer to struct aigw_raw */
};

struct canon_form;

struct canon_field {
    const char *name;
    enum canon_type type;
    size_t offset, second;
    uint32_t bit;
    const char *const *words; /* NULL-terminated; "" is no word */
    const struct canon_form *form;
};

/** One struct that begins with struct_size. */
struct canon_form {
    const char *what;
    size_t size, next; /* offset of next, 0 when it forms no list */
    const struct canon_field *fields;
    size_t field_count;
};

extern const struct canon_form canon_request, canon_target, canon_raw;
/** The words of tool_choice. */
extern const char *const canon_choice_words[];

#endif
