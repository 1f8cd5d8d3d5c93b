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
/** Note what the headers do not allow and the plugin did. */
void probe_faults(struct probe *c, struct aigw_testhost *th, const char *what);
/** Ask for a plain request. */
aigw_status probe_request(struct aigw_testhost *th);
/** The route's path with "x" for every parameter, for free(). */
char *probe_path(const struct aigw_route *route);

/* probe_bad.c */
/** Answers of servers and bodies of clients that make no sense. */
void probe_bad_input(struct probe *c, struct aigw_testhost *th);
/** Every setting at the ends of what its table allows. */
void probe_settings(struct probe *c, struct gw_plugin *plugin);
/** Open, ask and close an instance many times. */
void probe_leaks(struct probe *c, struct gw_plugin *plugin, const char *settings);

#endif
