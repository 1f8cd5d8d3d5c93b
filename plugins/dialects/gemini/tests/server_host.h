/* server_host.h - the recording host with buffers that grow, for tests of both halves together. */
#ifndef GEMINI_SERVER_HOST_H
#define GEMINI_SERVER_HOST_H

#include "../../common/tests/record.h"

/** A ctx is a struct record. */
struct aigw_host server_host(void);
/** Equal as JSON, whatever the order of members, and however numbers are written. False, too, when one is no JSON. */
bool server_same_json(aigw_str a, aigw_str b);
/** Forget all that was taken. */
void server_host_free(struct record *record);

#endif
