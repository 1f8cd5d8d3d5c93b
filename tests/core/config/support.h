/* support.h - what the tests of config/ share: an arena, a problems list, and looking into it. */
#ifndef TEST_CONFIG_SUPPORT_H
#define TEST_CONFIG_SUPPORT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/settings.h"

static struct gw_arena arena;
static struct gw_problems problems;
static char folder[64]; /* a fresh one per test, removed in teardown */

static inline void setup(void)
{
    gw_arena_init(&arena, (size_t)32 << 20);
    gw_problems_init(&problems, &arena);
    strcpy(folder, "/tmp/aigw-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void teardown(void)
{
    char command[128];

    gw_arena_done(&arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/** Write folder/name; answers its path, in the arena. */
static inline const char *write_file(const char *name, const char *text)
{
    const char *path = gw_arena_printf(&arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    return path;
}

/** True when some problem (error or warning) holds the text. */
static inline bool has_problem(const char *text, bool is_warning)
{
    for (const struct gw_problem *p = problems.first; p; p = p->next) {
        if (p->is_warning == is_warning && strstr(p->text, text))
            return true;
    }
    return false;
}

static inline const char *all_problems(void)
{
    struct gw_buf all;
    const char *copy;

    gw_buf_init(&all, 1 << 20);
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        gw_buf_printf(&all, "%s%s\n", p->is_warning ? "W " : "E ", p->text);
    copy = gw_arena_strndup(&arena, all.data ? all.data : "", all.len);
    gw_buf_done(&all);
    return copy;
}

#define EXPECT_ERROR(id, text) \
    ck_assert_msg(has_problem(text, false), "%s: no error \"%s\" among:\n%s", id, text, all_problems())
#define EXPECT_WARNING(id, text) \
    ck_assert_msg(has_problem(text, true), "%s: no warning \"%s\" among:\n%s", id, text, all_problems())
#define EXPECT_CLEAN(id) ck_assert_msg(!problems.first, "%s: unexpected:\n%s", id, all_problems())

static inline int run_suite(const char *name, void (*add)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    add(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
