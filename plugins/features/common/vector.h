/* vector.h - embeddings as JSON. Compiled into each plugin that lists it; no state. */
#ifndef FEATURES_VECTOR_H
#define FEATURES_VECTOR_H

#include <aigw/host.h>

/** A list of numbers, each the shortest text that reads as the same float. */
void vector_put_list(const struct aigw_host *host, struct aigw_buf *buf, const float *vector, uint32_t len);
/** A JSON string: base64 of the floats, little-endian, as OpenAI's clients ask for it. */
void vector_put_base64(const struct aigw_host *host, struct aigw_buf *buf, const float *vector, uint32_t len);

#endif
