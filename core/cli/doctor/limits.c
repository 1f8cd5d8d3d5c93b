/* limits.c - what the machine or the container allows, against what the gateway was told to use. */
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/cgroup.h"
#include "cli/doctor/doctor.h"

#define STREAM_BYTES (INT64_C(32) << 10) /* with TLS on both sides, buffers included */

static void check_descriptors(struct doctor *d)
{
    int64_t wanted = 2 * d->settings.limits.connections_max;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY || (int64_t)limit.rlim_max >= wanted)
        doctor_ok(d, "descriptors", "%lld open files are allowed", (long long)limit.rlim_max);
    else if (limit.rlim_max < 1024)
        doctor_fail(d, "descriptors", FAULT_DESCRIPTORS, "only %lld open files are allowed: %lld streams",
                    (long long)limit.rlim_max, (long long)limit.rlim_max / 2);
    else
        doctor_warn(d, "descriptors", FAULT_DESCRIPTORS,
                    "%lld open files are allowed: %lld streams, while limits.connections_max is %lld",
                    (long long)limit.rlim_max, (long long)limit.rlim_max / 2,
                    (long long)d->settings.limits.connections_max);
}

static void check_memory(struct doctor *d, int64_t limit)
{
    int64_t request_max = d->settings.limits.request_memory_max, streams = d->settings.limits.connections_max;
    long long mib = limit >> 20;

    if (request_max > limit / 4)
        doctor_warn(d, "memory", FAULT_MEMORY, "the limit is %lld MiB, and one request may take %lld MiB of it", mib,
                    (long long)(request_max >> 20));
    else if (streams * STREAM_BYTES > limit)
        doctor_warn(d, "memory", FAULT_MEMORY,
                    "the limit is %lld MiB, and limits.connections_max is %lld: about %lld MiB", mib,
                    (long long)streams, (long long)(streams * STREAM_BYTES >> 20));
    else
        doctor_ok(d, "memory", "the limit is %lld MiB", mib);
}

static void check_cgroup(struct doctor *d, const struct gw_cgroup *cgroup)
{
    int64_t set = d->settings.server.workers, workers = set > 0 ? set : gw_cgroup_workers(cgroup);

    if (cgroup->memory_max)
        check_memory(d, cgroup->memory_max);
    if (cgroup->cpus > 0 && (double)workers >= cgroup->cpus + 1)
        doctor_warn(d, "cpu", FAULT_CPU_QUOTA, "%lld workers, but the quota is %.1f CPUs: they are stopped in turns",
                    (long long)workers, cgroup->cpus);
    else
        doctor_ok(d, "cpu", "%lld workers", (long long)workers);
}

/** What images of other gateways need and this one does not. */
static void check_places(struct doctor *d)
{
    const char *home = gw_env_get("HF_HOME");
    struct statvfs root;

    if (home && *home)
        doctor_warn(d, "places", FAULT_NEEDLESS_MOUNT, "HF_HOME is %s, and nothing here uses it", home);
    else if (statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY))
        doctor_ok(d, "places", "the root is read-only, which is fine: no path is written, any user will do");
}

void doctor_check_limits(struct doctor *d)
{
    struct gw_cgroup cgroup;

    check_descriptors(d);
    gw_cgroup_here(&cgroup);
    check_cgroup(d, &cgroup);
    check_places(d);
}
