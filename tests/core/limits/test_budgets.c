/* test_budgets.c - OP-LIM: prices, quotas of money, their windows in a zone's calendar, what is left of a quota. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "world.h"

#define EUR INT64_C(1000000000)

static int64_t wall_s;

static void open_table(void)
{
    open_table_of(64);
    wall_s = 1800000000;
}

#define PRICES \
    "prices: { currency = \"EUR\"; zone = \"Europe/Berlin\"; table = (" \
    "{ model = \"claude-haiku-*\"; input = 0.9; output = 4.5; cached = 0.09; }," \
    "{ model = \"CLAUDE-OPUS\"; provider = \"cl*\"; input = 15; output = 75.0; cache_write = 18.75; " \
    "cache_write_1h = 30.0; reasoning = 60.0; }," \
    "{ model = \"qwen-*\"; input = 0.0; output = 0.0; } ); };"

static const struct gw_prices *prices;

static const struct gw_quotas *read_conf(const char *text)
{
    return read_limits(text, &prices);
}

/** With the prices above. */
static const struct gw_quotas *quotas_of(const char *groups)
{
    const struct gw_quotas *quotas = read_conf(gw_arena_printf(&arena, PRICES "quotas: { %s };", groups));

    ck_assert_msg(!problems.error_count, "%s", problems.first ? problems.first->text : "?");
    return quotas;
}

static bool charge(const struct gw_quotas *quotas, const char *key, int64_t cost, struct gw_limit_hold *hold,
                   struct gw_limit_refusal *refusal)
{
    const struct gw_limit_subject subject = { .user = gw_str(key), .key = gw_str(key), .model = AIGW_STR("coder") };
    const struct gw_limit_now now = { .mono_us = 1, .wall_s = wall_s };
    const struct gw_limit_use use = { .tokens = 10, .cost = cost };

    memset(hold, 0, sizeof *hold);
    return gw_quotas_charge(quotas, table, &subject, &use, &now, hold, refusal) == GW_LIMIT_ADMITTED;
}

static void settle(struct gw_limit_hold *hold, int64_t cost)
{
    const struct gw_limit_now now = { .mono_us = 1, .wall_s = wall_s };
    const struct gw_limit_use use = { .tokens = 10, .cost = cost };

    gw_quotas_settle(hold, &use, &now);
}

/** One call that costs so much. */
static bool spend(const struct gw_quotas *quotas, const char *key, int64_t cost)
{
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    if (!charge(quotas, key, cost, &hold, &refusal))
        return false;
    settle(&hold, cost);
    return true;
}

/* ---- prices ---- */

static const struct {
    const char *provider, *model;
    struct gw_tokens tokens;
    int64_t cost;
} costs[] = {
    { "x", "claude-haiku-4-5", { .input = 1000000, .output = 1000000 }, 5400000000 },
    { "x", "claude-haiku-4-5", { .input = 1, .output = 0 }, 900 },
    { "x", "claude-haiku-4-5", { .input = 1000, .output = 100, .cached = 800 }, 200 * 900 + 800 * 90 + 100 * 4500 },
    { "x", "claude-haiku-4-5", { .input = 100, .cached = 800 }, 100 * 90 }, /* more than all there is: nonsense */
    { "cloud",
      "claude-opus",
      { .input = 1000, .cache_write = 400, .cache_write_1h = 100 },
      600 * 15000 + 300 * 18750 + 100 * 30000 },
    { "cloud", "claude-opus", { .input = 1000, .cached = 200 }, 1000 * 15000 }, /* no price of its own */
    { "cloud", "claude-opus", { .output = 1000, .reasoning = 900 }, 100 * 75000 + 900 * 60000 },
    { "cloud", "claude-opus", { .input = INT64_MAX, .output = INT64_MAX }, (INT64_C(1) << 40) * 90000 },
    { "local", "qwen-72b", { .input = 1000, .output = 1000 }, 0 },
};

START_TEST(costs_are_exact)
{
    const struct gw_price *price;

    (void)read_conf(PRICES);
    price = gw_prices_find(prices, costs[_i].provider, gw_str(costs[_i].model));
    ck_assert_ptr_nonnull(price);
    ck_assert_int_eq(gw_price_of(price, &costs[_i].tokens), costs[_i].cost);
}
END_TEST

START_TEST(prices_are_found)
{
    (void)read_conf(PRICES);
    ck_assert(gw_prices_has_any(prices));
    ck_assert_str_eq(gw_prices_currency(prices), "EUR");
    ck_assert_ptr_null(gw_prices_find(prices, "other", AIGW_STR("claude-opus"))); /* another provider's */
    ck_assert_ptr_null(gw_prices_find(prices, "cloud", AIGW_STR("gpt-5")));
    (void)read_conf("");
    ck_assert(!gw_prices_has_any(prices));
    ck_assert_str_eq(gw_prices_currency(prices), "USD");
}
END_TEST

/* A fraction of the smallest amount: nothing is lost to rounding, and nothing but zero is free. */
START_TEST(fractions_are_rounded_up)
{
    const struct gw_tokens one = { .input = 1 }, many = { .input = 1000000 };
    const struct gw_price *price;

    (void)read_conf("prices: { table = ( { model = \"*\"; input = 0.0000001; output = 0.0; } ); };");
    price = gw_prices_find(prices, "p", AIGW_STR("m"));
    ck_assert_int_eq(gw_price_of(price, &one), 1);
    ck_assert_int_eq(gw_price_of(price, &many), 100);
}
END_TEST

static const struct {
    int64_t amount;
    const char *text;
} texts[] = {
    { 0, "0.00" },
    { 1, "0.000000001" },
    { 12500000000, "12.50" },
    { 50 * EUR, "50.00" },
    { 1230000, "0.00123" },
    { -1500000000, "-1.50" },
    { INT64_MAX, "9223372036.854775807" },
};

START_TEST(amounts_are_readable)
{
    char text[GW_MONEY_TEXT];

    ck_assert_str_eq(gw_money_text(texts[_i].amount, text), texts[_i].text);
}
END_TEST

/* ---- budgets ---- */

START_TEST(a_budget_is_used_up)
{
    const struct gw_quotas *quotas =
        quotas_of("b = { per = \"key\"; match = ( \"ci-*\" ); cost = 50.0; window = \"month\"; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    wall_s = seconds_of("2026-10-15 12:00:00");
    ck_assert(spend(quotas, "ci-1", 30 * EUR));
    ck_assert(spend(quotas, "ci-1", 20 * EUR));
    ck_assert(!charge(quotas, "ci-1", 1, &hold, &refusal));
    ck_assert_str_eq(refusal.text, "quota b is used up: 50.00 of 50.00 EUR a month for key ci-1; it begins anew on "
                                   "2026-11-01 00:00 Europe/Berlin");
    ck_assert(refusal.is_empty);
    ck_assert_int_eq(refusal.retry_after_ms,
                     (seconds_of("2026-10-31 23:00:00") - seconds_of("2026-10-15 12:00:00")) * 1000);
    ck_assert(charge(quotas, "ci-1", 0, &hold, &refusal)); /* what costs nothing needs no budget */
    ck_assert(spend(quotas, "ci-2", EUR));                 /* another's */
    ck_assert(spend(quotas, "free", 100 * EUR));           /* nobody counts it */
}
END_TEST

START_TEST(more_than_thought_and_less)
{
    const struct gw_quotas *quotas = quotas_of("b = { cost = 1.0; window = \"day\"; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert(charge(quotas, "a", EUR / 2, &hold, &refusal));
    settle(&hold, EUR / 10); /* less */
    settle(&hold, EUR);      /* settled already */
    ck_assert(charge(quotas, "a", EUR / 2, &hold, &refusal));
    settle(&hold, 3 * EUR); /* far more: all of it counts */
    ck_assert(!charge(quotas, "a", 1, &hold, &refusal));
    ck_assert_ptr_nonnull(strstr(refusal.text, "3.10 of 1.00 EUR a day"));
    wall_s += 86400;
    ck_assert(charge(quotas, "a", 5 * EUR, &hold, &refusal)); /* larger than all there is: once */
    gw_quotas_settle(&hold, NULL, &(struct gw_limit_now){ 1, wall_s });
    ck_assert(!charge(quotas, "a", 1, &hold, &refusal)); /* the estimate stood */
}
END_TEST

/* What calls under way have reserved may come back: then it is no empty budget. */
START_TEST(calls_under_way_have_the_rest)
{
    const struct gw_quotas *quotas = quotas_of("b = { cost = 1.0; window = \"day\"; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold first, second;

    ck_assert(charge(quotas, "a", EUR * 6 / 5, &first, &refusal));
    ck_assert(!charge(quotas, "a", EUR * 3 / 5, &second, &refusal));
    ck_assert(!refusal.is_empty);
    ck_assert_int_eq(refusal.retry_after_ms, -1);
    ck_assert_str_eq(refusal.text, "quota b has no room: calls under way may need the rest of 1.00 EUR a day");
    settle(&first, EUR / 10);
    ck_assert(charge(quotas, "a", EUR * 3 / 5, &second, &refusal));
    settle(&second, EUR * 19 / 20);
    ck_assert(!charge(quotas, "a", EUR / 10, &second, &refusal));
    ck_assert(refusal.is_empty);
}
END_TEST

START_TEST(one_that_is_full_charges_no_other) /* OP-LIM-09 */
{
    const struct gw_quotas *quotas =
        quotas_of("wide = { cost = 100.0; tokens = 1000; requests = 100; parallel = 9; window = \"day\"; };"
                  "narrow = { cost = 1.0; window = \"day\"; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert(spend(quotas, "a", EUR));
    for (int i = 0; i < 20; i++)
        ck_assert(!charge(quotas, "a", EUR, &hold, &refusal));
    ck_assert_str_eq(refusal.quota, "narrow");
    for (size_t i = 0; i < table->listed_count; i++) {
        const struct gw_limit_slot *slot = &table->slots[table->listed[i]];
        const struct gw_limit_now now = { 1, wall_s };

        if (slot->whose.quota != quotas->items[0].seed)
            continue;
        ck_assert_int_eq(gw_limit_used(slot, GW_LIMIT_COST, &now), EUR);
        ck_assert_int_eq(gw_limit_used(slot, GW_LIMIT_TOKENS, &now), 10);
        ck_assert_int_eq(gw_limit_used(slot, GW_LIMIT_REQUESTS, &now), 1);
        ck_assert_int_eq(gw_limit_used(slot, GW_LIMIT_PARALLEL, &now), 0);
        ck_assert_int_eq(slot->reserved, 0);
    }
}
END_TEST

static const struct {
    const char *window, *last, *first; /* of a window, of the next; UTC */
} edges[] = {
    { "month", "2026-10-31 22:59:59", "2026-10-31 23:00:00" }, /* winter time has begun on the 25th */
    { "month", "2026-03-31 21:59:59", "2026-03-31 22:00:00" },
    { "month", "2026-02-28 22:59:59", "2026-02-28 23:00:00" },
    { "month", "2024-02-29 22:59:59", "2024-02-29 23:00:00" },
    { "month", "2026-12-31 22:59:59", "2026-12-31 23:00:00" },
    { "day", "2026-03-28 22:59:59", "2026-03-28 23:00:00" }, /* to a day of 23 hours */
    { "day", "2026-03-29 21:59:59", "2026-03-29 22:00:00" },
    { "day", "2026-10-25 22:59:59", "2026-10-25 23:00:00" }, /* from one of 25 */
    { "week", "2026-10-25 22:59:59", "2026-10-25 23:00:00" },
    { "week", "2027-01-03 22:59:59", "2027-01-03 23:00:00" }, /* from a Sunday to a Monday */
};

START_TEST(windows_end_with_the_zones_days) /* OP-LIM-06 */
{
    const struct gw_quotas *quotas = quotas_of(gw_arena_printf(
        &arena, "b = { cost = 1.0; requests = 5; tokens = 1000; window = \"%s\"; };", edges[_i].window));
    struct gw_limit_refusal refusal;
    struct gw_limit_hold late;

    wall_s = seconds_of(edges[_i].last);
    ck_assert(charge(quotas, "a", EUR, &late, &refusal));
    ck_assert(!spend(quotas, "a", EUR));
    wall_s = seconds_of(edges[_i].first);
    ck_assert(spend(quotas, "a", EUR)); /* anew, and once */
    ck_assert(!spend(quotas, "a", EUR));
    settle(&late, 2 * EUR); /* what began before counts there */
    wall_s += 3600;
    ck_assert(!spend(quotas, "a", EUR));
}
END_TEST

/* ---- warnings ---- */

START_TEST(warnings_come_once)
{
    const struct gw_quotas *quotas =
        quotas_of("b = { per = \"key\"; cost = 10.0; window = \"month\"; warn = ( 80, 50, 100 ); };");
    const struct gw_limit_slot *slot;
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert(charge(quotas, "ci", 9 * EUR, &hold, &refusal));
    slot = hold.held[0].slot;
    ck_assert_uint_eq(slot->warned, 0); /* an estimate warns nobody */
    settle(&hold, 4 * EUR);
    ck_assert_uint_eq(slot->warned, 0);
    ck_assert(spend(quotas, "ci", EUR));
    ck_assert_uint_eq(slot->warned, 1);
    ck_assert(spend(quotas, "ci", 3 * EUR));
    ck_assert_uint_eq(slot->warned, 3);
    ck_assert(spend(quotas, "ci", 2 * EUR));
    ck_assert_uint_eq(slot->warned, 7);
}
END_TEST

/* ---- what is left ---- */

START_TEST(the_tightest_is_told)
{
    const struct gw_quotas *quotas = quotas_of("wide = { requests = 600; burst = 100; tokens = 6000; };"
                                               "tight = { requests = 5; window = \"day\"; };");
    const struct gw_limit_now now = { 1, wall_s };
    struct gw_limit_refusal refusal;
    struct gw_limit_left left;
    struct gw_limit_hold hold;

    ck_assert(charge(quotas, "a", 0, &hold, &refusal));
    ck_assert(gw_quotas_left(&hold, GW_LIMIT_OF_REQUESTS, &now, &left));
    ck_assert_int_eq(left.limit, 5);
    ck_assert_int_eq(left.remaining, 4);
    ck_assert_int_eq(left.reset_ms, (hold.held[1].end_s - wall_s) * 1000);
    ck_assert(gw_quotas_left(&hold, GW_LIMIT_OF_TOKENS, &now, &left));
    ck_assert_int_eq(left.limit, 6000);
    ck_assert_int_eq(left.remaining, 5990);
    ck_assert_int_eq(left.reset_ms, 100);
    settle(&hold, 0);
    ck_assert(gw_quotas_left(&hold, GW_LIMIT_OF_REQUESTS, &now, &left)); /* after the call, too */
    ck_assert_int_eq(left.remaining, 4);
    for (int i = 0; i < 4; i++)
        ck_assert(spend(quotas, "a", 0));
    ck_assert(!charge(quotas, "a", 0, &hold, &refusal));
    ck_assert(gw_quotas_left(&hold, GW_LIMIT_OF_REQUESTS, &now, &left)); /* and of a refusal */
    ck_assert_int_eq(left.limit, 5);
    ck_assert_int_eq(left.remaining, 0);
    quotas = quotas_of("b = { cost = 1.0; window = \"day\"; };");
    ck_assert(charge(quotas, "a", 0, &hold, &refusal));
    ck_assert(!gw_quotas_left(&hold, GW_LIMIT_OF_REQUESTS, &now, &left));
}
END_TEST

START_TEST(cached_tokens_count_by_their_weight)
{
    static const char *const groups[] = { "q = { tokens = 100000; window = \"day\"; };",
                                          "q = { tokens = 100000; window = \"day\"; cached_weight = 0.5; };" };
    const struct gw_quotas *quotas = quotas_of(groups[_i]);
    const struct gw_limit_use use = { .tokens = 1000, .cached = 800 };
    const struct gw_limit_now now = { 1, wall_s };
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;
    struct gw_limit_slot *slot;

    ck_assert(charge(quotas, "a", 0, &hold, &refusal));
    slot = hold.held[0].slot;
    gw_quotas_settle(&hold, &use, &now);
    ck_assert_int_eq(gw_limit_used(slot, GW_LIMIT_TOKENS, &now), _i ? 600 : 200);
}
END_TEST

START_TEST(who_uses_most_is_shown)
{
    const struct gw_quotas *quotas = quotas_of("b = { per = \"key\"; cost = 10.0; window = \"month\"; };"
                                               "u = { per = \"user\"; requests = 100; window = \"day\"; };");
    const struct gw_limit_now now = { 1, wall_s };
    struct gw_buf text;

    gw_buf_init(&text, 1 << 16);
    ck_assert(spend(quotas, "low", EUR));
    ck_assert(spend(quotas, "high", 9 * EUR));
    gw_quotas_describe(quotas, table, &now, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "\"b\":{\"per\":\"key\",\"window\":\"month\",\"requests\":0,\"tokens\":0,"
                                            "\"parallel\":0,\"cost\":10.00,\"currency\":\"EUR\"}"));
    ck_assert_ptr_nonnull(strstr(text.data, "\"quotas_used\":[{\"quota\":\"b\",\"entity\":\"high\",\"ratio\":0.9000,"
                                            "\"cost\":9.00,\"resets_in_s\":"));
    ck_assert_ptr_null(strstr(text.data, "\"quota\":\"u\",\"entity\":\"low\"")); /* a user's name is not told */
    gw_buf_clear(&text);
    gw_quotas_collect(quotas, table, &now, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "aigw_quota_used_ratio{quota=\"b\",entity=\"high\"} 0.9\n"));
    ck_assert_ptr_nonnull(strstr(text.data, "aigw_quota_used_ratio{quota=\"u\",entity=\"user-"));
    gw_buf_clear(&text);
    gw_quotas_collect(quotas, table, &(struct gw_limit_now){ 1, wall_s + 40 * 86400 }, &text);
    ck_assert_uint_eq(text.len, 0); /* their windows are over */
    gw_buf_done(&text);
}
END_TEST

/* ---- many ---- */

#define THREADS 8
#define CALLS   5000

static void *hammer(void *user)
{
    size_t count = 0;

    for (int i = 0; i < CALLS; i++)
        count += spend(user, "a", EUR / 1000);
    return (void *)count;
}

START_TEST(exact_with_many_threads)
{
    const struct gw_quotas *quotas = quotas_of("b = { cost = 12.345; window = \"month\"; warn = ( 50 ); };");
    pthread_t threads[THREADS];
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;
    size_t sum = 0;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, (void *)(uintptr_t)quotas), 0);
    for (int i = 0; i < THREADS; i++) {
        void *count;

        pthread_join(threads[i], &count);
        sum += (size_t)count;
    }
    /* Some were refused while others under way had the rest; in the end nothing is reserved, and nothing was lost. */
    while (charge(quotas, "a", EUR / 1000, &hold, &refusal)) {
        settle(&hold, EUR / 1000);
        sum++;
    }
    ck_assert_uint_eq(sum, 12345);
    ck_assert(refusal.is_empty);
}
END_TEST

/* ---- conf.d ---- */

static const struct {
    const char *conf, *words;
} mistakes[] = {
    { "quotas: { b = { cost = 5.0; }; };", "cost: is counted in a window of a day, week or month, found \"minute\"" },
    { "quotas: { b = { cost = 5.0; window = \"day\"; }; };",
      "cost: model \"coder\" has no price at its target \"qwen-7b\" of local; add to prices.table:  { model = "
      "\"qwen-7b\"; input = …; output = …; }" },
    { PRICES "quotas: { b = { cost = 5.0; window = \"day\"; warn = ( 0 ); }; };",
      "warn: expected whole per cents from 1 to 100" },
    { PRICES "quotas: { b = { cost = 5.0; window = \"day\"; warn = 50; }; };", "warn: is not a list" },
    { "quotas: { b = { requests = 5; warn = ( 50 ); }; };", "warn: a minute is over before anybody reads it" },
    { "quotas: { b = { requests = 5; on_empty = \"small\"; }; };",
      "on_empty: is \"small\", expected \"refuse\" or \"use:MODEL\"" },
    { "quotas: { b = { requests = 5; on_empty = \"use:tiny\"; }; };", "on_empty: \"tiny\" is none of `models`" },
    { PRICES "quotas: { b = { cost = 5.0; window = \"day\"; on_empty = \"use:big\"; }; };",
      "on_empty: \"big\" is paid for by this quota, too" },
    { "quotas: { b = { cost = -1.0; window = \"day\"; }; };", "quotas.b.cost: is -1" },
    { "prices: { zone = \"Europe/Berlim\"; };", "prices.zone: is \"Europe/Berlim\": there is no such time zone" },
    { "prices: { currency = \"\"; };", "prices.currency: is \"\", expected a short name" },
    { "prices: { table = { model = \"x\"; }; };", "prices.table: is not a list" },
    { "prices: { table = ( { model = \"x\"; input = 1.0; } ); };", "prices.table.output: is missing" },
    { "prices: { table = ( { model = \"x\"; input = 1.0; output = 1.0; cashed = 0.1; } ); };",
      "prices.table.cashed: unknown, did you mean cached?" },
    { "prices: { table = ( { model = \"x\"; input = -1.0; output = 1.0; } ); };", "prices.table.input: is -1" },
};

START_TEST(mistakes_are_named)
{
    bool is_said = false;

    (void)read_conf(mistakes[_i].conf);
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        is_said |= strstr(p->text, mistakes[_i].words) != NULL;
    ck_assert_msg(is_said, "%s: %s", mistakes[_i].words, problems.first ? problems.first->text : "nothing");
}
END_TEST

START_TEST(who_is_free_may_stand_in)
{
    const struct gw_quotas *quotas = quotas_of("b = { cost = 5.0; window = \"day\"; on_empty = \"use:small\"; };");

    ck_assert_str_eq(quotas->items[0].instead, "small");
}
END_TEST

int main(void)
{
    const struct gw_log_options quiet = { .level = GW_LOG_CRITICAL }; /* refusals and warnings are log lines */
    Suite *suite = suite_create("budgets");
    TCase *tcase = tcase_create("budgets");
    SRunner *runner = srunner_create(suite);
    int failed;

    (void)gw_log_reconfigure(&quiet, NULL);
    tcase_add_checked_fixture(tcase, open_table, close_table);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, costs_are_exact, 0, GW_ARRAY_LEN(costs));
    tcase_add_test(tcase, prices_are_found);
    tcase_add_test(tcase, fractions_are_rounded_up);
    tcase_add_loop_test(tcase, amounts_are_readable, 0, GW_ARRAY_LEN(texts));
    tcase_add_test(tcase, a_budget_is_used_up);
    tcase_add_test(tcase, more_than_thought_and_less);
    tcase_add_test(tcase, calls_under_way_have_the_rest);
    tcase_add_test(tcase, one_that_is_full_charges_no_other);
    tcase_add_loop_test(tcase, windows_end_with_the_zones_days, 0, GW_ARRAY_LEN(edges));
    tcase_add_test(tcase, warnings_come_once);
    tcase_add_test(tcase, the_tightest_is_told);
    tcase_add_loop_test(tcase, cached_tokens_count_by_their_weight, 0, 2);
    tcase_add_test(tcase, who_uses_most_is_shown);
    tcase_add_test(tcase, exact_with_many_threads);
    tcase_add_loop_test(tcase, mistakes_are_named, 0, GW_ARRAY_LEN(mistakes));
    tcase_add_test(tcase, who_is_free_may_stand_in);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
