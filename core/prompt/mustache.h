/* mustache.h - what the prompt store needs from the template engine beyond prompt.h. Private to this folder. */
#ifndef GW_MUSTACHE_H
#define GW_MUSTACHE_H

#include "prompt/prompt.h"

/** Name of the index-th partial that the template refers to, absent string past the last one. */
aigw_str gw_mustache_partial_name(const struct gw_mustache *tmpl, size_t index);

/* One instruction of a compiled template. A section's instructions follow it and stop before `end`. */
#define GW_MU_TEXT     1
#define GW_MU_VALUE    2
#define GW_MU_SECTION  3
#define GW_MU_INVERTED 4
#define GW_MU_PARTIAL  5

struct gw_mu_op {
    uint8_t type;       /* GW_MU_* */
    bool at_line_start; /* TEXT: the enclosing partial's indentation goes in front of it */
    uint16_t part_count;
    uint32_t end;          /* SECTION, INVERTED: first instruction behind the section */
    aigw_str text;         /* TEXT: the bytes. PARTIAL: its indentation */
    const aigw_str *parts; /* dotted name, NUL-terminated each; PARTIAL: one; part_count 0 is "." */
};

struct gw_mustache {
    const struct gw_mu_op *ops;
    uint32_t op_count;
    size_t text_len; /* of the source, a first guess at the output's size */
};

#endif
