/* server_host.h - a host for tests of the server half: memory of the exact size that was asked for, so that reading
 * beyond it is found; buffers that grow; events written down, one a line, pieces of one text joined.
 *
 *     T0 Hello                        text of choice 0; R reasoning, X refusal, N citation, L logprobs
 *     C0.1 call_a lookup {"x":1}      tool call 1 of choice 0: id, name, arguments; - for an absent one
 *     S0.1 gemini c2ln                signature of that call: origin, data
 *     F0 tool_calls                   finish
 *     U 9 12 1 -1 3                   usage: input, output, cache_read, cache_write, reasoning
 *     E 3 rate_limit words            error: kind, code, message
 *     V0 1 0.5 -2                     embedding
 *
 * A line may be read back into an event. In texts \x01 stands for a line feed. */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include <aigw/sdk.h>
#include <stdbool.h>

struct server_block;
struct server_event;

/** One test's world. Zeroed: empty. */
struct server_ctx {
    struct server_block *blocks;
    struct server_event *events; /* newest first */
    size_t allocated;            /* bytes asked for */
    size_t budget;               /* 0: none; alloc() answers NULL beyond it */
    char why[512];               /* of the last fail() */
};

extern const struct aigw_host server_host;
struct aigw_ctx *server_ctx(struct server_ctx *ctx);
/** Forget all. */
void server_free(struct server_ctx *ctx);
/** The events so far as lines; lives with the world. */
const char *server_events(struct server_ctx *ctx);

/** The event of one line without its end, its strings in the line. True when it is one. */
struct server_line {
    struct aigw_event event;
    struct aigw_usage usage;
    struct aigw_error error;
    float vector[8];
    char text[4096];
};
bool server_line(const char *line, size_t len, struct server_line *ret);

/** Equal as JSON: order of members and spelling do not count. False, too, when one is no JSON. */
bool server_same_json(aigw_str a, aigw_str b);

#endif
