/* cgroup.h - what the control groups of this process allow: a container's limits, a service's. Both versions. */
#ifndef GW_CGROUP_H
#define GW_CGROUP_H

#include <stdint.h>

/** 0: no limit. */
struct gw_cgroup {
    int64_t memory_max; /* bytes */
    double cpus;        /* quota: 1.5 is one and a half CPUs */
};

/** root is /sys/fs/cgroup, own the text of /proc/self/cgroup; others in tests. Limits of all groups above count too:
 * the smallest is in force. */
void gw_cgroup_read(const char *root, const char *own, struct gw_cgroup *ret_cgroup);
/** Of this process. */
void gw_cgroup_here(struct gw_cgroup *ret_cgroup);
/** Threads that can run at once: the CPUs this process may use, no more than its quota, rounded up. At least 1. */
uint32_t gw_cgroup_workers(const struct gw_cgroup *cgroup);

#endif
