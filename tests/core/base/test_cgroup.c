/* test_cgroup.c - limits of control groups, both versions, out of trees made for it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/cgroup.h"

static char root[64];

static void write_at(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    strcpy(root, "/tmp/aigw-cgroup-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static const struct {
    const char *id, *own, *memory_at, *memory, *cpu_at, *cpu, *period_at, *period;
    long long memory_max;
    double cpus;
} rows[] = {
    { "container", "0::/\n", "memory.max", "536870912\n", "cpu.max", "150000 100000\n", NULL, NULL, 536870912, 1.5 },
    { "unlimited", "0::/\n", "memory.max", "max\n", "cpu.max", "max 100000\n", NULL, NULL, 0, 0 },
    { "service", "0::/system.slice/aigw.service\n", "system.slice/aigw.service/memory.max", "1048576\n",
      "system.slice/aigw.service/cpu.max", "50000 100000\n", NULL, NULL, 1048576, 0.5 },
    { "of-its-parent", "0::/a/b\n", "a/memory.max", "2097152\n", "a/cpu.max", "200000 100000\n", NULL, NULL, 2097152,
      2 },
    { "version-1", "4:memory:/docker/x\n", "memory/memory.limit_in_bytes", "67108864\n", "cpu/cpu.cfs_quota_us",
      "25000\n", "cpu/cpu.cfs_period_us", "50000\n", 67108864, 0.5 },
    { "version-1-unlimited", "4:memory:/\n", "memory/memory.limit_in_bytes", "9223372036854771712\n",
      "cpu/cpu.cfs_quota_us", "-1\n", "cpu/cpu.cfs_period_us", "100000\n", 0, 0 },
    { "version-1-service", "9:name=systemd:/\n4:memory:/system.slice/a.service\n3:cpu,cpuacct:/b\n0::/\n",
      "memory/system.slice/a.service/memory.limit_in_bytes", "33554432\n", "cpu/b/cpu.cfs_quota_us", "300000\n",
      "cpu/b/cpu.cfs_period_us", "100000\n", 33554432, 3 },
    { "another-controller", "4:cpuset:/x\n3:cpuacct,cpuset:/x\n", "memory/x/memory.limit_in_bytes", "33554432\n",
      "cpu/x/cpu.cfs_quota_us", "300000\n", "cpu/x/cpu.cfs_period_us", "100000\n", 0, 0 },
    { "path-with-colon", "0::/a:b/c\n", "a:b/c/memory.max", "4194304\n", NULL, NULL, NULL, NULL, 4194304, 0 },
    { "broken", "0::\n::\n:\nmemory\n4:memory", NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 },
    { "nothing", "", NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 },
};

START_TEST(limits_are_read_as_the_kernel_writes_them)
{
    struct gw_cgroup found;

    if (rows[_i].memory_at)
        write_at(rows[_i].memory_at, rows[_i].memory);
    if (rows[_i].cpu_at)
        write_at(rows[_i].cpu_at, rows[_i].cpu);
    if (rows[_i].period_at)
        write_at(rows[_i].period_at, rows[_i].period);
    gw_cgroup_read(root, rows[_i].own, &found);
    ck_assert_msg(found.memory_max == rows[_i].memory_max, "%s: memory %lld", rows[_i].id, (long long)found.memory_max);
    ck_assert_msg(found.cpus > rows[_i].cpus - 0.001 && found.cpus < rows[_i].cpus + 0.001, "%s: %g CPUs", rows[_i].id,
                  found.cpus);
}
END_TEST

START_TEST(the_smallest_of_all_groups_is_in_force)
{
    struct gw_cgroup found;

    write_at("a/memory.max", "1048576\n");
    write_at("a/b/memory.max", "2097152\n");
    write_at("a/b/c/memory.max", "max\n");
    write_at("a/cpu.max", "200000 100000\n");
    write_at("a/b/c/cpu.max", "400000 100000\n");
    gw_cgroup_read(root, "0::/a/b/c\n", &found);
    ck_assert_int_eq(found.memory_max, 1048576);
    ck_assert(found.cpus > 1.999 && found.cpus < 2.001);
}
END_TEST

START_TEST(workers_follow_the_quota)
{
    const struct gw_cgroup none = { 0 };
    uint32_t all = gw_cgroup_workers(&none);
    static const struct {
        double cpus;
        uint32_t workers;
    } quotas[] = { { 0.1, 1 }, { 1, 1 }, { 1.01, 2 }, { 2, 2 }, { 2.5, 3 } };

    ck_assert_uint_ge(all, 1);
    for (size_t i = 0; i < GW_ARRAY_LEN(quotas); i++) {
        const struct gw_cgroup limited = { .cpus = quotas[i].cpus };
        uint32_t expected = quotas[i].workers < all ? quotas[i].workers : all;

        ck_assert_uint_eq(gw_cgroup_workers(&limited), expected);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cgroup");
    TCase *tcase = tcase_create("cgroup");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, limits_are_read_as_the_kernel_writes_them, 0, GW_ARRAY_LEN(rows));
    tcase_add_test(tcase, the_smallest_of_all_groups_is_in_force);
    tcase_add_test(tcase, workers_follow_the_quota);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
