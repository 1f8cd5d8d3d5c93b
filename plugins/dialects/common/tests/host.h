/* host.h - a host for tests that read requests and write answers: memory with a limit, buffers that grow, and a digest
 * of what is emitted. (record.h is for differential tests of frames.) */
#ifndef DIALECT_TESTS_HOST_H
#define DIALECT_TESTS_HOST_H

#include "../wire.h"

struct host_block;
struct host_parts;

/** A ctx. Zeroed: no memory was taken, there is no limit. */
struct host {
    struct host_block *blocks;
    size_t taken, limit; /* bytes; limit 0: none */
    char failed[512];    /* what fail() said last */
    struct host_parts *digest;
};
extern const struct aigw_host test_host;
static inline struct aigw_ctx *host_ctx(struct host *host)
{
    return (struct aigw_ctx *)(void *)host;
}
/** Free all that was taken. */
void host_free(struct host *host);

/** A digest of events: neither where text is cut nor which parts are announced counts, nor the server's word for the
 *  finish; usage counts once, at the end. Lives until host_free(). */
void host_note(struct host *host, const struct aigw_event *event);
/** The digest as text, NUL-terminated, ended. */
const char *host_digest(struct host *host);

#endif
