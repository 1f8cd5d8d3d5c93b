/* small_host.h - as much of a host as the shared parts ask for: memory, buffers, digests, a clock of the
 * test's. */
#ifndef SMALL_HOST_H
#define SMALL_HOST_H

#include "../aws.h"

/** What a ctx is here. Zeroed: nothing. */
struct small_host {
    struct small_block *blocks;
    int64_t time_s;
    char error[1024];  /* of the last fail() */
    char logged[1024]; /* the last line */
};
extern const struct aigw_host small_host;
struct aigw_ctx *small_ctx(struct small_host *h);
/** Forget all memory. */
void small_free(struct small_host *h);

/** Count and print when the texts differ. */
void small_expect(const char *what, aigw_str found, const char *expected);
void small_expect_true(const char *what, bool is_true);
/** 0 when nothing was counted. */
int small_result(void);

#endif
