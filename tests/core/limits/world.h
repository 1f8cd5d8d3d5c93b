/* world.h - what the tests of limits share: a table, conf.d's models, the end of a call. */
#ifndef TEST_LIMITS_WORLD_H
#define TEST_LIMITS_WORLD_H

#include <check.h>
#include <time.h>

#include "limits/internal.h"

#define S_US INT64_C(1000000)

static struct gw_arena arena;
static struct gw_problems problems;
static struct gw_limit_table *table;

static void open_table_of(size_t slots)
{
    gw_arena_init(&arena, 8 << 20);
    table = gw_limit_table_new(slots);
    ck_assert_ptr_nonnull(table);
}

static void close_table(void)
{
    gw_limit_table_free(table);
    gw_arena_done(&arena);
}

static bool has_model(void *user, aigw_str pattern)
{
    (void)user;
    return gw_str_like(AIGW_STR("coder"), pattern) || gw_str_like(AIGW_STR("big"), pattern) ||
           gw_str_like(AIGW_STR("small"), pattern);
}

static bool target_at(void *user, size_t index, struct gw_limit_target *ret_target)
{
    static const struct gw_limit_target targets[] = { { "coder", "local", AIGW_STR_INIT("qwen-7b") },
                                                      { "coder", "cloud", AIGW_STR_INIT("claude-haiku-4-5") },
                                                      { "small", "local", AIGW_STR_INIT("qwen-7b") },
                                                      { "big", "cloud", AIGW_STR_INIT("claude-opus") } };

    (void)user;
    if (index < GW_ARRAY_LEN(targets))
        *ret_target = targets[index];
    return index < GW_ARRAY_LEN(targets);
}

static const struct gw_limit_models models = { NULL, has_model, target_at };

/** Both read, with all problems in `problems`. */
static const struct gw_quotas *read_limits(const char *text, const struct gw_prices **ret_prices)
{
    const struct gw_quotas *quotas;
    const struct gw_node *conf;

    gw_problems_init(&problems, &arena);
    conf = gw_conf_parse(&arena, text, "test.conf", &problems);
    *ret_prices = gw_prices_build(&arena, conf, &problems);
    quotas = gw_quotas_build(&arena, conf, *ret_prices, &models, &problems);
    ck_assert_ptr_nonnull(quotas);
    return quotas;
}

static int64_t seconds_of(const char *text)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%d", &tm);

    if (*end)
        end = strptime(end, " %H:%M:%S", &tm);
    ck_assert_msg(end && !*end, "%s", text);
    return (int64_t)timegm(&tm);
}

#endif
