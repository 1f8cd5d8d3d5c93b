/* test_abi.c - structs of older and newer peers: nothing is read or written beyond what both know. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/abi.h"
#include <aigw/sdk.h>

/* The same struct as an older and a newer SDK know it; `guard` lies behind the older one's end. */
struct old_form {
    uint32_t struct_size;
    uint32_t kind;
    char guard[24];
};
struct our_form {
    uint32_t struct_size;
    uint32_t kind;
    uint64_t added;
};

static const struct {
    const char *id;
    uint32_t size;
    bool is_good;
    uint64_t added; /* what is read of the younger field */
} in_rows[] = {
    { "older: 8 bytes", 8, true, 0 },
    { "same", sizeof(struct our_form), true, UINT64_C(0x4141414141414141) },
    { "newer", 24, true, UINT64_C(0x4141414141414141) },
    { "no size", 0, false, 0 },
    { "less than a size and a field", 4, false, 0 },
    { "absurd", 1u << 20, false, 0 },
};

START_TEST(reading_a_peers_struct)
{
    struct old_form theirs = { .struct_size = in_rows[_i].size, .kind = 7 };
    struct our_form ours;

    memset(theirs.guard, 'A', sizeof theirs.guard);
    memset(&ours, 0x55, sizeof ours);
    ck_assert_msg(gw_abi_in(&ours, sizeof ours, &theirs) == in_rows[_i].is_good, "%s", in_rows[_i].id);
    ck_assert_uint_eq(ours.struct_size, sizeof ours);
    ck_assert_uint_eq(ours.kind, in_rows[_i].is_good ? 7 : 0);
    ck_assert_msg(ours.added == in_rows[_i].added, "%s: read 0x%llx", in_rows[_i].id, (unsigned long long)ours.added);
    ck_assert(gw_abi_is_full(&theirs, sizeof ours) == (in_rows[_i].is_good && in_rows[_i].size >= sizeof ours));
}
END_TEST

START_TEST(writing_a_peers_struct)
{
    const struct our_form ours = { .struct_size = sizeof ours, .kind = 9, .added = UINT64_MAX };
    struct old_form theirs = { .struct_size = 8, .kind = 1 };

    memset(theirs.guard, 'A', sizeof theirs.guard);
    ck_assert(gw_abi_out(&theirs, &ours, sizeof ours));
    ck_assert_uint_eq(theirs.struct_size, 8); /* stays theirs */
    ck_assert_uint_eq(theirs.kind, 9);
    for (size_t i = 0; i < sizeof theirs.guard; i++)
        ck_assert_msg(theirs.guard[i] == 'A', "byte %zu behind their end was written", i);
    theirs.struct_size = 0;
    theirs.kind = 1;
    ck_assert(!gw_abi_out(&theirs, &ours, sizeof ours));
    ck_assert_uint_eq(theirs.kind, 1);
}
END_TEST

START_TEST(nothing_is_no_struct)
{
    struct our_form ours;

    ck_assert(!gw_abi_in(&ours, sizeof ours, NULL));
    ck_assert_uint_eq(ours.struct_size, sizeof ours);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sizes at the border");
    TCase *tc = tcase_create("abi");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, reading_a_peers_struct, 0, (int)(sizeof in_rows / sizeof *in_rows));
    tcase_add_test(tc, writing_a_peers_struct);
    tcase_add_test(tc, nothing_is_no_struct);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
