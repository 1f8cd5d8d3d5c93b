/* record.h - a host that writes down what a provider emits, and mutations of frames: for differential tests. */
#ifndef PROVIDER_RECORD_H
#define PROVIDER_RECORD_H

#include "../wire.h"

/** Memory that a provider asked for. */
struct record_block;

struct record {
    char text[65536];
    size_t len;
    struct record_block *blocks;
};
/** The host; ctx is a struct record. */
extern const struct aigw_host record_host;
/** Forget all. */
void record_free(struct record *record);

/** Two ways of reading a frame, which must come to the same. `call` begins as call_size zeroed bytes, of which the
 * first same_size must be equal afterwards. */
typedef aigw_status (*record_frame_fn)(struct record *record, void *call, const struct aigw_frame *frame);
struct record_ways {
    size_t call_size, same_size;
    record_frame_fn quick, slow;
};
/** Feed every frame, with that AIGW_FRAMING_*, to both ways, then `rounds` rows of up to four, some of them changed a
 *  little. Answers the number of differences; they are printed. */
uint32_t record_compare(const char *const *frames, size_t count, uint32_t framing, uint32_t rounds,
                        const struct record_ways *ways);

#endif
