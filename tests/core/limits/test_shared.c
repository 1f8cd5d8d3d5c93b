/* test_shared.c - shared limits without a store: its URL, its replies, its ledger, and the parts of those who are
 * alone. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/shared_keeper.h"

static struct gw_arena arena;
static struct gw_problems problems;

static void open_arena(void)
{
    gw_arena_init(&arena, 1 << 20);
    gw_problems_init(&problems, &arena);
}

static void close_arena(void)
{
    gw_arena_done(&arena);
}

/* ---- the URL ---- */

static const struct {
    const char *url, *password, *host;
    int port, db;
    const char *user, *secret;
} good[] = {
    { "valkey://valkey", NULL, "valkey", 6379, 0, NULL, NULL },
    { " redis://10.0.0.1:7000/3 ", NULL, "10.0.0.1", 7000, 3, NULL, NULL },
    { "VALKEY://[fd00::1]:7000", NULL, "fd00::1", 7000, 0, NULL, NULL },
    { "valkey://[::1]/", NULL, "::1", 6379, 0, NULL, NULL },
    { "valkey://:p%40ss@h/1", NULL, "h", 6379, 1, NULL, "p@ss" },
    { "valkey://me:p:w@h", NULL, "h", 6379, 0, "me", "p:w" },
    { "valkey://me:a@b@h", NULL, "h", 6379, 0, "me", "a@b" },
    { "valkey://h", "apart", "h", 6379, 0, NULL, "apart" },
};

static bool read_url(const char *url, const char *password, struct gw_shared_options *options)
{
    struct gw_settings settings;

    memset(&settings, 0, sizeof settings);
    settings.shared.url = url;
    settings.shared.password = password;
    return gw_shared_read(&settings, &arena, &problems, options);
}

START_TEST(urls_are_taken_apart)
{
    struct gw_shared_options options;

    ck_assert(read_url(good[_i].url, good[_i].password, &options));
    ck_assert_uint_eq(problems.error_count, 0);
    ck_assert_str_eq(options.host, good[_i].host);
    ck_assert_int_eq(options.port, good[_i].port);
    ck_assert_int_eq(options.db, good[_i].db);
    ck_assert_pstr_eq(options.user, good[_i].user);
    ck_assert_pstr_eq(options.password, good[_i].secret);
}
END_TEST

static const char *const bad[] = { "valkeys://h",      "rediss://h:1",    "http://h",        "h:6379",
                                   "valkey://",        "valkey://:1",     "valkey://h:0",    "valkey://h:65536",
                                   "valkey://h:x",     "valkey://h/x",    "valkey://h/-1",   "valkey://u@h",
                                   "valkey://:%zz@h",  "valkey://:%00@h", "valkey://:a%4@h", "valkey://h/1/2",
                                   "valkey://h/65536", "valkey://[",      "valkey://[]:1" };

START_TEST(bad_urls_are_refused_and_not_repeated)
{
    struct gw_shared_options options;

    ck_assert(!read_url(bad[_i], NULL, &options));
    ck_assert_uint_eq(problems.error_count, 1);
    ck_assert_ptr_null(options.host);
    if (strlen(bad[_i]) > strlen("valkey://"))
        ck_assert_ptr_null(strstr(problems.first->text, bad[_i]));
}
END_TEST

/* ---- replies ---- */

#define HEAD 7

struct reply {
    redisReply array, items[HEAD + 2];
    redisReply *elements[HEAD + 2];
};

/** Of a call with the number 5 and two counters. */
static struct reply *good_reply(void)
{
    static const long long numbers[HEAD + 2] = { 5, 0, 0, 2, -1, 1700000000000, 1, 10, 20 };
    struct reply *reply = gw_arena_calloc(&arena, sizeof *reply);

    for (int i = 0; i < HEAD + 2; i++) {
        reply->items[i].type = REDIS_REPLY_INTEGER;
        reply->items[i].integer = numbers[i];
        reply->elements[i] = &reply->items[i];
    }
    reply->array.type = REDIS_REPLY_ARRAY;
    reply->array.elements = HEAD + 2;
    reply->array.element = reply->elements;
    return reply;
}

START_TEST(a_reply_is_read)
{
    struct gw_script_reply said;

    ck_assert_ptr_null(gw_script_read(&good_reply()->array, 5, 2, &said));
    ck_assert_uint_eq(said.refused, 0);
    ck_assert_int_eq(said.replicas, 2);
    ck_assert_int_eq(said.values[0], 10);
    ck_assert_int_eq(said.values[1], 20);
    ck_assert_ptr_nonnull(gw_script_read(&good_reply()->array, 6, 2, &said));
    ck_assert_ptr_nonnull(gw_script_read(&good_reply()->array, 5, 1, &said));
    ck_assert_ptr_nonnull(gw_script_read(&good_reply()->array, 5, 3, &said));
}
END_TEST

START_TEST(each_number_has_a_range) /* and must be one */
{
    static const long long wrong[] = { INT64_MIN, INT64_MAX, -2 };
    struct gw_script_reply said;

    for (size_t i = 0; i < GW_ARRAY_LEN(wrong); i++) {
        struct reply *reply = good_reply();

        reply->items[_i].integer = wrong[i];
        ck_assert_ptr_nonnull(gw_script_read(&reply->array, 5, 2, &said));
    }
    for (int type = REDIS_REPLY_STRING; type <= REDIS_REPLY_ERROR; type++) {
        struct reply *reply = good_reply();

        if (type == REDIS_REPLY_INTEGER)
            continue;
        reply->items[_i].type = type;
        ck_assert_ptr_nonnull(gw_script_read(&reply->array, 5, 2, &said));
    }
}
END_TEST

START_TEST(the_ledger_tells_what_was_done)
{
    const aigw_str ledger = AIGW_STR("12:0110");

    ck_assert(gw_ledger_is_good(ledger));
    ck_assert_int_eq(gw_ledger_verdict(ledger, 12), 0);
    ck_assert_int_eq(gw_ledger_verdict(ledger, 11), 1);
    ck_assert_int_eq(gw_ledger_verdict(ledger, 10), 1);
    ck_assert_int_eq(gw_ledger_verdict(ledger, 9), 0);
    ck_assert_int_eq(gw_ledger_verdict(ledger, 8), -1);
    ck_assert_int_eq(gw_ledger_verdict(ledger, 13), -1);
    ck_assert_int_eq(gw_ledger_verdict(AIGW_STR_NONE, 1), -1);
    ck_assert(!gw_ledger_is_good(AIGW_STR("12")));
    ck_assert(!gw_ledger_is_good(AIGW_STR("x:1")));
    ck_assert(!gw_ledger_is_good(AIGW_STR("1:12")));
    ck_assert(!gw_ledger_is_good(AIGW_STR_NONE));
}
END_TEST

/* ---- alone ---- */

static const struct gw_limit_key day = { .id = 7, .end_s = 2 * 86400 };
static const struct gw_limit_key sliding = { .id = 9 };

static const struct {
    int64_t limit, replicas, used; /* used: what all had when the store was last seen */
    int64_t part;
} parts[] = {
    { 30, 3, 12, 6 }, { 30, 3, 10, 6 }, { 30, 3, 30, 0 }, { 30, 1, 12, 18 },
    { 2, 3, 0, 0 },   { 10, 3, 0, 3 },  { 5, 2, 9, 0 },
};

/** As the keeper leaves it: a store that was seen, with so much, and is gone. */
START_TEST(each_has_its_part_of_a_sum)
{
    struct gw_limit_table *table = gw_limit_table_new(64);
    struct gw_shared *shared = gw_shared_new(table);
    const struct gw_limit_now now = { .mono_us = 1000000, .wall_s = 86400 };
    struct gw_limit_slot *slot = gw_limit_hold_slot(table, &day, &now);
    struct gw_limit_need need = {
        .counter = GW_LIMIT_REQUESTS, .kind = GW_NEED_SUM, .add = parts[_i].used, .end_s = 2 * 86400
    };
    struct gw_share *share = gw_share_of(shared, slot);
    int64_t wait_us, admitted = 0;

    shared->loop = gw_loop_new(NULL);
    need.room = GW_LIMIT_ROOM_ANY;
    ck_assert(gw_limit_take(slot, &need, &now, &wait_us));
    atomic_store(&shared->view.is_on, true);
    atomic_store(&shared->view.replicas, (unsigned)parts[_i].replicas);
    need.add = 1;
    need.room = parts[_i].limit;
    while (gw_shared_take_alone(shared, slot, &need, &now, &wait_us))
        admitted++;
    ck_assert_int_eq(admitted, parts[_i].part);
    ck_assert_int_eq(gw_share_ahead(share, slot, GW_LIMIT_REQUESTS), admitted);
    ck_assert_int_eq(wait_us, 86400 * INT64_C(1000000));
    atomic_store(&shared->view.on_down, GW_SHARED_OPEN);
    ck_assert(gw_shared_take_alone(shared, slot, &need, &now, &wait_us));
    gw_shared_free(shared);
    gw_limit_table_free(table);
}
END_TEST

START_TEST(places_are_dealt_out)
{
    static const unsigned ranks[] = { 0, 1, 2, UINT32_MAX };
    static const int64_t wanted[] = { 2, 1, 1, 1 };
    const struct gw_limit_now now = { .mono_us = 1000000, .wall_s = 86400 };

    for (size_t i = 0; i < GW_ARRAY_LEN(ranks); i++) {
        struct gw_limit_table *table = gw_limit_table_new(64);
        struct gw_shared *shared = gw_shared_new(table);
        struct gw_limit_slot *slot = gw_limit_hold_slot(table, &day, &now);
        const struct gw_limit_need need = { .counter = GW_LIMIT_PARALLEL, .kind = GW_NEED_PLACE, .add = 1, .room = 4 };
        int64_t wait_us, admitted = 0;

        shared->loop = gw_loop_new(NULL);
        atomic_store(&shared->view.is_on, true);
        atomic_store(&shared->view.replicas, 3);
        atomic_store(&shared->view.rank, ranks[i]);
        while (gw_shared_take_alone(shared, slot, &need, &now, &wait_us))
            admitted++;
        ck_assert_int_eq(admitted, wanted[i]);
        gw_shared_free(shared);
        gw_limit_table_free(table);
    }
}
END_TEST

/** What is refused after all costs nothing of what the others were presumed to use, either. */
START_TEST(a_pace_is_given_back_whole)
{
    struct gw_limit_table *table = gw_limit_table_new(64);
    struct gw_shared *shared = gw_shared_new(table);
    const struct gw_limit_now now = { .mono_us = 1000000, .wall_s = 86400 };
    struct gw_limit_slot *slot = gw_limit_hold_slot(table, &sliding, &now);
    struct gw_limit_need need = {
        .counter = GW_LIMIT_REQUESTS, .kind = GW_NEED_PACE, .add = 1000000, .room = 10000000
    };
    int64_t wait_us;
    int taken = 0;

    shared->loop = gw_loop_new(NULL);
    atomic_store(&shared->view.is_on, true);
    atomic_store(&shared->view.replicas, 3);
    while (gw_shared_take_alone(shared, slot, &need, &now, &wait_us))
        taken++;
    ck_assert_int_eq(taken, 3);
    ck_assert_int_eq(atomic_load(&slot->words[GW_LIMIT_REQUESTS]) - now.mono_us, 9000000);
    need.add = -need.add;
    while (taken-- > 0)
        gw_shared_correct(shared, slot, &need);
    ck_assert_int_eq(atomic_load(&slot->words[GW_LIMIT_REQUESTS]) - now.mono_us, 0);
    ck_assert_int_eq(gw_share_ahead(gw_share_of(shared, slot), slot, GW_LIMIT_REQUESTS), 0);
    gw_shared_free(shared);
    gw_limit_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared");
    TCase *tcase = tcase_create("shared");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_loop_test(tcase, urls_are_taken_apart, 0, GW_ARRAY_LEN(good));
    tcase_add_loop_test(tcase, bad_urls_are_refused_and_not_repeated, 0, GW_ARRAY_LEN(bad));
    tcase_add_test(tcase, a_reply_is_read);
    tcase_add_loop_test(tcase, each_number_has_a_range, 0, HEAD + 2);
    tcase_add_test(tcase, the_ledger_tells_what_was_done);
    tcase_add_loop_test(tcase, each_has_its_part_of_a_sum, 0, GW_ARRAY_LEN(parts));
    tcase_add_test(tcase, places_are_dealt_out);
    tcase_add_test(tcase, a_pace_is_given_back_whole);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
