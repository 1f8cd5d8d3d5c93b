/* limits.c - what the machine or the container allows, against what the gateway was told to use. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

#define PATH_BYTES 4096

/** First line of a file below the root; false when there is none. */
static bool read_line(const char *root, const char *group, const char *name, char *line, size_t size)
{
    char path[PATH_BYTES];
    FILE *file;
    bool is_good;

    snprintf(path, sizeof path, "%s%s/%s", root, group, name);
    file = fopen(path, "re");
    is_good = file && fgets(line, (int)size, file) != NULL;
    if (file)
        fclose(file);
    return is_good;
}

static int64_t number_of(const char *line)
{
    long long value = strtoll(line, NULL, 10);

    return value > 0 && value < (INT64_C(1) << 60) ? value : 0; /* "max", and version 1's word for it */
}

/** The place of this process in version 2's tree, "" for its root. */
static void own_group(const char *own, char *group, size_t size)
{
    const char *at = strstr(own, "0::");

    group[0] = '\0';
    if (at == own || (at && at[-1] == '\n'))
        snprintf(group, size, "%.*s", (int)strcspn(at + 3, "\n"), at + 3);
    if (strcmp(group, "/") == 0)
        group[0] = '\0';
}

static void read_version_2(const char *root, const char *group, struct doctor_cgroup *ret)
{
    char line[128], *end;
    double quota, period;

    if (!ret->memory_max && read_line(root, group, "memory.max", line, sizeof line))
        ret->memory_max = number_of(line);
    if (ret->cpus <= 0 && read_line(root, group, "cpu.max", line, sizeof line)) {
        quota = strtod(line, &end);
        period = strtod(end, NULL);
        if (quota > 0 && period > 0)
            ret->cpus = quota / period;
    }
}

void doctor_read_cgroup(const char *root, const char *own, struct doctor_cgroup *ret_cgroup)
{
    char group[PATH_BYTES / 2], line[128];
    double quota = 0, period = 0;

    *ret_cgroup = (struct doctor_cgroup){ 0 };
    own_group(own, group, sizeof group);
    for (char *slash = group + strlen(group); slash;
         slash = strrchr(group, '/')) { /* limits of parents count as well */
        *slash = '\0';
        read_version_2(root, group, ret_cgroup);
    }
    if (!ret_cgroup->memory_max && read_line(root, "/memory", "memory.limit_in_bytes", line, sizeof line))
        ret_cgroup->memory_max = number_of(line);
    if (ret_cgroup->cpus <= 0 && read_line(root, "/cpu", "cpu.cfs_quota_us", line, sizeof line))
        quota = strtod(line, NULL);
    if (quota > 0 && read_line(root, "/cpu", "cpu.cfs_period_us", line, sizeof line))
        period = strtod(line, NULL);
    if (quota > 0 && period > 0)
        ret_cgroup->cpus = quota / period;
}

/* ---- checks ---- */

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

static int64_t workers_of(const struct doctor *d)
{
    cpu_set_t set;

    if (d->settings.server.workers > 0)
        return d->settings.server.workers;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void check_cgroup(struct doctor *d, const struct doctor_cgroup *cgroup)
{
    int64_t workers = workers_of(d), request_max = d->settings.limits.request_memory_max;

    if (cgroup->memory_max && request_max > cgroup->memory_max / 4)
        doctor_warn(d, "memory", FAULT_MEMORY, "the limit is %lld MiB, and one request may take %lld MiB of it",
                    (long long)(cgroup->memory_max >> 20), (long long)(request_max >> 20));
    else if (cgroup->memory_max)
        doctor_ok(d, "memory", "the limit is %lld MiB", (long long)(cgroup->memory_max >> 20));
    if (cgroup->cpus > 0 && (double)workers > cgroup->cpus + 0.5)
        doctor_warn(d, "cpu", FAULT_CPU_QUOTA, "%lld workers, but the quota is %.1f CPUs: they are stopped in turns",
                    (long long)workers, cgroup->cpus);
    else
        doctor_ok(d, "cpu", "%lld workers", (long long)workers);
}

void doctor_check_limits(struct doctor *d)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    struct doctor_cgroup cgroup;
    char own[8192] = "";
    size_t got = file ? fread(own, 1, sizeof own - 1, file) : 0;

    own[got] = '\0';
    if (file)
        fclose(file);
    check_descriptors(d);
    doctor_read_cgroup("/sys/fs/cgroup", own, &cgroup);
    check_cgroup(d, &cgroup);
}
