/* names.h - tools that a server does not know as they are: names it does not take (in a namespace, with signs, too
 * long) are sent as others, and tools that take plain text as functions with one text. What comes back is turned back.
 */
#ifndef DIALECT_NAMES_H
#define DIALECT_NAMES_H

#include <aigw/sdk.h>
#include <stdbool.h>

/** A tool and the name it is sent under. In two trees, each by the bits of a hash: clients have thousands of tools. */
struct name {
    aigw_str sent, name, scope;
    uint32_t kind; /* AIGW_TOOL_* */
    struct name *by_sent[2], *by_name[2];
};

/** The tools of one call; memory of the request's life. Zeroed: none. */
struct names {
    struct name *by_sent, *by_name;
    uint64_t seed; /* of the hashes: nobody can choose names that meet in one branch */
};

/** What is sent for a tool: its own name where letters, digits, _ and - make it up, at most max_len of them, else one
 * of at most 64 that is made of it, the same each time and no other tool's. */
aigw_status names_send(const struct aigw_host *host, struct aigw_ctx *ctx, struct names *names, uint32_t kind,
                       aigw_str scope, aigw_str name, size_t max_len, aigw_str *ret_sent);
/** Was something sent for this tool already? */
bool names_has(const struct names *names, aigw_str scope, aigw_str name);
/** The tool that was sent under this name; NULL when there was none. */
const struct name *names_find(const struct names *names, aigw_str sent);

/* ---- plain text as an argument ---- */

/** What is said of a tool; of one that takes plain text its grammar, too, which can only be told. */
aigw_str names_describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_tool *tool);
/** The schema of its parameters; of one without any that of an object without members, as servers insist on one. */
aigw_str names_parameters(const struct aigw_tool *tool);

#define NAMES_TEXT_MEMBER "input" /* {"input":"the text"} */
#define NAMES_TEXT_SCHEMA \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"

/** Where the reading of such an object stands, piece by piece. Zeroed: at its beginning. */
struct unwrap {
    uint32_t state;
    uint32_t held_len;
    char held[32]; /* what may still prove to be no such object */
};
/** The text in the next piece, at most UNWRAP_ROOM(piece.len) bytes into room. Halves of characters come as halves.h
 * marks them. What is no such object comes as it is. */
aigw_str unwrap_piece(struct unwrap *unwrap, aigw_str piece, char *room);
#define UNWRAP_ROOM(len) ((len) + (len) / 2 + 40)

#endif
