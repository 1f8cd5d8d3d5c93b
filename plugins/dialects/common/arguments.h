/* arguments.h - the arguments of a tool call out of a model, piece by piece: text of a JSON object in any case.
 *
 * Clients parse what they joined, and the vendors' own libraries give up the whole answer where it is no JSON. A model
 * that errs is told so by the tool instead: from the fault on its text is a member of its own, _raw, as it is where
 * whole arguments are no object. Line feeds and the like inside of strings, and signs that need no backslash, are
 * escaped and no fault. What follows the object is left out, and the log says so. What only ends too early stays as it
 * is: nobody can tell what was meant. */
#ifndef DIALECT_ARGUMENTS_H
#define DIALECT_ARGUMENTS_H

#include "wire.h"

/** Where the text stands. Zeroed: at its beginning. */
struct arguments {
    uint64_t lists;   /* of the open containers, a bit each: it is a list */
    const char *word; /* what is missing of true, false or null */
    uint32_t depth;   /* open containers */
    uint8_t state;
    uint8_t is_key;    /* the string is a member's name */
    uint8_t hex_count; /* digits of an escape that came */
    uint8_t is_cut;    /* something behind the object was left out */
};

/** The next piece as it goes out: the same bytes, nearly always; else *ret_copy, to be freed, holds them. False without
 * memory. Halves of characters pass as halves.h marks them. */
bool arguments_piece(struct arguments *args, aigw_str piece, aigw_str *ret_text, char **ret_copy);

#define ARGUMENTS_END_ROOM 72
/** At the end: what is missing, into `room` of ARGUMENTS_END_ROOM bytes; absent but for text that was mended. */
aigw_str arguments_end(const struct aigw_host *host, struct aigw_ctx *ctx, struct arguments *args, char *room);

#endif
