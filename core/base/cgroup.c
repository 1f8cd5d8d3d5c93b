/* cgroup.c - see cgroup.h. */
#include "base/cgroup.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define ROOT       "/sys/fs/cgroup"
#define PATH_BYTES 4096
#define OWN_BYTES  8192

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

static void take_memory(const char *line, struct gw_cgroup *ret)
{
    long long value = strtoll(line, NULL, 10); /* "max", and version 1's word for it, are no limit */

    if (value > 0 && value < (INT64_C(1) << 60) && (!ret->memory_max || value < ret->memory_max))
        ret->memory_max = value;
}

static void take_cpus(double quota, double period, struct gw_cgroup *ret)
{
    if (quota > 0 && period > 0 && (ret->cpus <= 0 || quota / period < ret->cpus))
        ret->cpus = quota / period;
}

static void read_version_2(const char *root, const char *group, struct gw_cgroup *ret)
{
    char line[128], *end;
    double quota;

    if (read_line(root, group, "memory.max", line, sizeof line))
        take_memory(line, ret);
    if (read_line(root, group, "cpu.max", line, sizeof line)) {
        quota = strtod(line, &end);
        take_cpus(quota, strtod(end, NULL), ret);
    }
}

static void read_memory_1(const char *root, const char *group, struct gw_cgroup *ret)
{
    char line[128];

    if (read_line(root, group, "memory.limit_in_bytes", line, sizeof line))
        take_memory(line, ret);
}

static void read_cpu_1(const char *root, const char *group, struct gw_cgroup *ret)
{
    char quota[128], period[128];

    if (read_line(root, group, "cpu.cfs_quota_us", quota, sizeof quota) &&
        read_line(root, group, "cpu.cfs_period_us", period, sizeof period))
        take_cpus(strtod(quota, NULL), strtod(period, NULL), ret);
}

/** Is `name` in a list such as "cpu,cpuacct", which ends at a colon? */
static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; *at && *at != ':'; at += strcspn(at, ",:"), at += *at == ',') {
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == ':'))
            return true;
    }
    return false;
}

/** This process's place in the tree of a controller ("" for version 2's), "" for its root. Lines are "ID:LIST:PATH". */
static void own_group(const char *own, const char *controller, char *group, size_t size)
{
    group[0] = '\0';
    for (const char *line = own; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

        if (!path || path > line + strcspn(line, "\n"))
            continue;
        if (*controller ? !is_listed(list + 1, controller) : strncmp(line, "0::", 3) != 0)
            continue;
        snprintf(group, size, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
        break;
    }
    if (strcmp(group, "/") == 0)
        group[0] = '\0';
}

/** From the process's own group up to the root of the tree, which is `folder` below root. A container sees its own
 *  group as the root, whatever its path says. */
static void walk_up(const char *root, const char *folder, const char *own, const char *controller,
                    void (*read)(const char *root, const char *group, struct gw_cgroup *ret), struct gw_cgroup *ret)
{
    char group[PATH_BYTES / 4], path[PATH_BYTES / 2];

    own_group(own, controller, group, sizeof group);
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = '\0';
        snprintf(path, sizeof path, "%s%s", folder, group);
        read(root, path, ret);
    }
}

void gw_cgroup_read(const char *root, const char *own, struct gw_cgroup *ret_cgroup)
{
    *ret_cgroup = (struct gw_cgroup){ 0 };
    walk_up(root, "", own, "", read_version_2, ret_cgroup);
    walk_up(root, "/memory", own, "memory", read_memory_1, ret_cgroup);
    walk_up(root, "/cpu", own, "cpu", read_cpu_1, ret_cgroup);
}

void gw_cgroup_here(struct gw_cgroup *ret_cgroup)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char own[OWN_BYTES];
    size_t got = file ? fread(own, 1, sizeof own - 1, file) : 0;

    own[got] = '\0';
    if (file)
        fclose(file);
    gw_cgroup_read(ROOT, own, ret_cgroup);
}

uint32_t gw_cgroup_workers(const struct gw_cgroup *cgroup)
{
    uint32_t count = 1, quota;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        count = (uint32_t)CPU_COUNT(&set);
    if (cgroup->cpus <= 0 || cgroup->cpus >= count)
        return count;
    quota = (uint32_t)cgroup->cpus;
    return quota + (quota < cgroup->cpus); /* a part of a CPU needs a thread of its own */
}
