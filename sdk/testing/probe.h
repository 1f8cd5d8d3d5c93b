/* probe.h - the conformance check: rules that are read off the descriptor, and rules that a plugin has to be asked. */
#ifndef TESTHOST_PROBE_H
#define TESTHOST_PROBE_H

#include "internal.h"

struct probe {
    const char *path;
    int findings;
};

void probe_finding(struct probe *c, const char *fmt, ...) AIGW_PRINTF(2, 3);

/* probe.c */
/** Ask two instances with the same settings the same: they must answer the same, and not disturb each other. */
void probe_twice(struct probe *c, struct aigw_testhost *a, struct aigw_testhost *b);
/** Ask with what the plugin cannot know: kinds, parts and roles of a later SDK, longer structs, extra members. */
void probe_strangers(struct probe *c, struct aigw_testhost *th);

#endif
