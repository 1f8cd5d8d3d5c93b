/* said.h - events as tables of tests write them. */
#ifndef DIALECT_TESTS_SAID_H
#define DIALECT_TESTS_SAID_H

#include "host.h"

/** An event as rows write it. */
struct said {
    uint32_t type, index, part_type, finish;
    const char *text, *id, *name, *data, *origin, *stop, *detail;
    struct aigw_usage usage; /* of USAGE */
};
#define SAY(words) \
    { \
        .type = AIGW_EVENT_TEXT, .text = (words) \
    }
#define THINK(words) \
    { \
        .type = AIGW_EVENT_REASONING, .text = (words) \
    }
#define SIGN(by, bytes) \
    { \
        .type = AIGW_EVENT_SIGNATURE, .part_type = AIGW_PART_REASONING, .data = (bytes), .origin = (by) \
    }
#define HIDE(by, bytes) \
    { \
        .type = AIGW_EVENT_PART_START, .part_type = AIGW_PART_REDACTED, .data = (bytes), .origin = (by) \
    }
#define START(part) \
    { \
        .type = AIGW_EVENT_PART_START, .part_type = (part) \
    }
#define STOP(part, which) \
    { \
        .type = AIGW_EVENT_PART_END, .part_type = (part), .index = (which) \
    }
#define CALL(which, i, n, args) \
    { \
        .type = AIGW_EVENT_TOOL_CALL, .index = (which), .id = (i), .name = (n), .text = (args) \
    }
#define ARGS(which, args) \
    { \
        .type = AIGW_EVENT_TOOL_CALL, .index = (which), .text = (args) \
    }
#define CITE(by, json) \
    { \
        .type = AIGW_EVENT_CITATION, .text = (json), .origin = (by) \
    }
#define KEEP(by, json) \
    { \
        .type = AIGW_EVENT_OPAQUE, .text = (json), .origin = (by) \
    }
#define COUNT(in, out) \
    { \
        .type = AIGW_EVENT_USAGE, .usage = { sizeof(struct aigw_usage), 0, (in), (out), 0, 0, -1, -1, -1, -1, -1 } \
    }
#define END(why) \
    { \
        .type = AIGW_EVENT_FINISH, .finish = (why) \
    }

void said_event(const struct said *said, struct aigw_event *ret);

#endif
