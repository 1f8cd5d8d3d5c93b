/* write.h - what an answer of events is in this dialect. */
#ifndef ANTHROPIC_TESTS_WRITE_H
#define ANTHROPIC_TESTS_WRITE_H

#include "../../common/tests/said.h"
#include "../anthropic.h"
#include "../anthropic_server.h"

#define HOME ANTHROPIC_DIALECT

/** A whole answer, and a stream: "msg_1" of "coder". */
extern const struct anthropic_write_options said_options[2];
/** The events up to one of type 0 as an answer. Lives until host_free(). */
aigw_status said_write(struct host *host, const struct said *said, const struct anthropic_write_options *options,
                       aigw_str *ret_text);

#endif
