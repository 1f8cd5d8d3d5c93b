/* server_host.h - the recording host with buffers that grow, for tests of both halves together. */
#ifndef GEMINI_SERVER_HOST_H
#define GEMINI_SERVER_HOST_H

#include "../../common/tests/record.h"

/** A ctx is a struct record. */
struct aigw_host server_host(void);
/** Forget all that was taken. */
void server_host_free(struct record *record);

#endif
