/* record.h - a host that writes down what a provider emits, and mutations of frames: for differential tests. */
#ifndef PROVIDER_RECORD_H
#define PROVIDER_RECORD_H

#include "../wire.h"

struct record {
    char text[65536];
    size_t len;
};
/** The host; ctx is a struct record. */
extern const struct aigw_host record_host;
void record_reset(struct record *record);

/** Two ways of reading a frame, which must come to the same. `call` is call_size zeroed bytes. */
typedef aigw_status (*record_frame_fn)(struct record *record, void *call, const struct aigw_frame *frame);
/** Feed every frame, with that AIGW_FRAMING_*, and `rounds` mutations of them to both ways. Answers the number of
 * differences; the first is printed. */
uint32_t record_compare(const char *const *frames, size_t count, uint32_t framing, uint32_t rounds, size_t call_size,
                        record_frame_fn quick, record_frame_fn slow);

#endif
