/* test_metrics.c - the registry, its text, its bounds and its threads. The registry is process-wide, so every test
 * uses metric names of its own; check forks for each test anyway. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/metrics.h"
#include "health/process.h"

static struct gw_buf page;

static const char *render(void)
{
    gw_buf_clear(&page);
    gw_metrics_render(&page);
    ck_assert_int_eq(page.status, AIGW_OK);
    return page.data ? page.data : "";
}

static void setup(void)
{
    gw_buf_init(&page, 16u * 1024 * 1024);
}

static void teardown(void)
{
    gw_buf_done(&page);
}

static uint32_t plain(int type, const char *name)
{
    return gw_metric(type, name, "Help.", NULL, 0, NULL, 0);
}

START_TEST(nothing_counted_shows_nothing)
{
    ck_assert_uint_ne(plain(GW_METRIC_COUNTER, "quiet_total"), GW_METRIC_NONE);
    ck_assert_str_eq(render(), "");
}
END_TEST

START_TEST(a_counter_shows_help_type_and_value)
{
    uint32_t id = plain(GW_METRIC_COUNTER, "things_total");

    gw_series_add(gw_series(id, NULL), 1);
    gw_series_add(gw_series(id, NULL), 2);
    ck_assert_str_eq(render(), "# HELP things_total Help.\n# TYPE things_total counter\nthings_total 3\n");
}
END_TEST

START_TEST(a_gauge_goes_up_and_down_and_can_be_set)
{
    uint32_t id = plain(GW_METRIC_GAUGE, "level");
    struct gw_series *series = gw_series(id, NULL);

    gw_series_set(series, 12.5);
    gw_series_add(series, -13);
    ck_assert_ptr_nonnull(strstr(render(), "# TYPE level gauge\nlevel -0.5\n"));
}
END_TEST

static void *set_elsewhere(void *arg)
{
    gw_series_set(gw_series(*(const uint32_t *)arg, NULL), 98);
    return NULL;
}

START_TEST(a_level_is_what_any_thread_set_last)
{
    uint32_t id = plain(GW_METRIC_LEVEL, "left");
    pthread_t thread;

    gw_series_set(gw_series(id, NULL), 99);
    ck_assert_int_eq(pthread_create(&thread, NULL, set_elsewhere, &id), 0);
    pthread_join(thread, NULL);
    ck_assert_ptr_nonnull(strstr(render(), "# TYPE left gauge\nleft 98\n"));
    for (int64_t now_us = gw_mono_us(); gw_mono_us() == now_us;)
        ; /* the clock that orders them counts microseconds */
    gw_series_set(gw_series(id, NULL), 100);
    ck_assert_ptr_nonnull(strstr(render(), "left 100\n"));
}
END_TEST

START_TEST(metrics_and_series_come_in_sorted_order)
{
    static const char *const labels[] = { "a" };
    uint32_t second = gw_metric(GW_METRIC_COUNTER, "zz_total", "Z.", labels, 1, NULL, 0);
    uint32_t first = plain(GW_METRIC_COUNTER, "aa_total");

    gw_series_add(gw_series(second, &AIGW_STR("y")), 2);
    gw_series_add(gw_series(second, &AIGW_STR("x")), 1);
    gw_series_add(gw_series(first, NULL), 1);
    ck_assert_str_eq(render(), "# HELP aa_total Help.\n# TYPE aa_total counter\naa_total 1\n"
                               "# HELP zz_total Z.\n# TYPE zz_total counter\n"
                               "zz_total{a=\"x\"} 1\nzz_total{a=\"y\"} 2\n");
}
END_TEST

START_TEST(a_histogram_has_cumulative_buckets_sum_and_count)
{
    static const char *const labels[] = { "h" };
    static const double bounds[] = { 0.25, 1 };
    uint32_t id = gw_metric(GW_METRIC_HISTOGRAM, "wait_seconds", "W.", labels, 1, bounds, 2);
    struct gw_series *series = gw_series(id, &AIGW_STR("x"));

    gw_series_observe(series, 0.25); /* a bound belongs to its bucket */
    gw_series_observe(series, 0.5);
    gw_series_observe(series, 0.5);
    gw_series_observe(series, 7);
    gw_series_observe(series, (double)NAN); /* counts nowhere */
    ck_assert_str_eq(render(), "# HELP wait_seconds W.\n# TYPE wait_seconds histogram\n"
                               "wait_seconds_bucket{h=\"x\",le=\"0.25\"} 1\n"
                               "wait_seconds_bucket{h=\"x\",le=\"1.0\"} 3\n"
                               "wait_seconds_bucket{h=\"x\",le=\"+Inf\"} 4\n"
                               "wait_seconds_sum{h=\"x\"} 8.25\n"
                               "wait_seconds_count{h=\"x\"} 4\n");
}
END_TEST

START_TEST(a_histogram_without_bounds_has_those_of_the_contract)
{
    uint32_t id = plain(GW_METRIC_HISTOGRAM, "d_seconds");
    static const char *const bounds[] = { "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf" };

    gw_series_observe(gw_series(id, NULL), 2);
    render();
    for (size_t i = 0; i < GW_ARRAY_LEN(bounds); i++) {
        char expected[80];

        snprintf(expected, sizeof expected, "\nd_seconds_bucket{le=\"%s\"} %d\n", bounds[i], i < 2 ? 0 : 1);
        ck_assert_msg(strstr(page.data, expected), "no %s in %s", expected, page.data);
    }
}
END_TEST

static const struct {
    const char *id, *value, *shown;
} label_rows[] = {
    { "plain", "POST", "POST" },
    { "empty", "", "unknown" },
    { "quote and backslash", "a\"b\\c", "a\\\"b\\\\c" },
    { "newline", "a\nb", "other" },
    { "utf-8", "caf\xc3\xa9", "other" },
    { "delete", "\x7f", "other" },
    { "tilde and blank", " ~", " ~" },
};

START_TEST(label_values_are_escaped_or_folded)
{
    static const char *const labels[] = { "v" };
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "labels_total", "L.", labels, 1, NULL, 0);
    aigw_str value = gw_str(label_rows[_i].value);
    char expected[80];

    gw_series_add(gw_series(id, &value), 1);
    snprintf(expected, sizeof expected, "labels_total{v=\"%s\"} 1\n", label_rows[_i].shown);
    ck_assert_msg(strstr(render(), expected), "%s: no %s in %s", label_rows[_i].id, expected, page.data);
}
END_TEST

START_TEST(a_long_label_value_is_folded)
{
    static const char *const labels[] = { "v" };
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "long_total", "L.", labels, 1, NULL, 0);
    char text[300];
    aigw_str fits = { text, 256 }, too_long = { text, 257 };

    memset(text, 'x', sizeof text);
    ck_assert_ptr_ne(gw_series(id, &fits), gw_series(id, &too_long));
    ck_assert_ptr_eq(gw_series(id, &AIGW_STR("other")), gw_series(id, &too_long));
}
END_TEST

START_TEST(help_text_is_escaped)
{
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "help_total", "one\\two\nthree \"four\"", NULL, 0, NULL, 0);

    gw_series_add(gw_series(id, NULL), 1);
    ck_assert_ptr_nonnull(strstr(render(), "# HELP help_total one\\\\two\\nthree \"four\"\n"));
}
END_TEST

START_TEST(labels_are_told_apart_by_their_borders)
{
    static const char *const labels[] = { "a", "b" };
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "borders_total", "B.", labels, 2, NULL, 0);
    aigw_str one[] = { AIGW_STR_INIT("xy"), AIGW_STR_INIT("z") }, two[] = { AIGW_STR_INIT("x"), AIGW_STR_INIT("yz") };

    ck_assert_ptr_ne(gw_series(id, one), gw_series(id, two));
    ck_assert_ptr_eq(gw_series(id, one), gw_series(id, one));
}
END_TEST

START_TEST(series_of_the_same_labels_are_found_from_one_another)
{
    static const char *const labels[] = { "a", "b" };
    uint32_t one = gw_metric(GW_METRIC_COUNTER, "alike_one_total", "O.", labels, 2, NULL, 0);
    uint32_t none = gw_metric(GW_METRIC_COUNTER, "alike_none_total", "N.", NULL, 0, NULL, 0);
    aigw_str x[] = { AIGW_STR_INIT("x"), AIGW_STR_INIT("") }, y[] = { AIGW_STR_INIT("y"), AIGW_STR_INIT("z") };
    uint32_t others[12]; /* more than are remembered */

    for (uint32_t i = 0; i < 12; i++) {
        char name[32];
        snprintf(name, sizeof name, "alike_other_%02u_total", i);
        others[i] = gw_metric(GW_METRIC_COUNTER, name, "O.", labels, 2, NULL, 0);
    }
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 12; i++) {
            ck_assert_ptr_eq(gw_series_alike(gw_series(one, x), others[i]), gw_series(others[i], x));
            ck_assert_ptr_eq(gw_series_alike(gw_series(one, y), others[i]), gw_series(others[i], y));
        }
    }
    /* with other labels, or without a metric, it counts nowhere */
    gw_series_add(gw_series_alike(gw_series(one, x), none), 1);
    gw_series_add(gw_series_alike(gw_series(one, x), GW_METRIC_NONE), 1);
    gw_series_add(gw_series_alike(gw_series(GW_METRIC_NONE, NULL), others[0]), 1);
    gw_series_add(gw_series_alike(gw_series(one, x), others[11]), 2);
    ck_assert_ptr_nonnull(strstr(render(), "alike_other_11_total{a=\"x\",b=\"unknown\"} 2\n"));
    ck_assert_ptr_null(strstr(page.data, "\nalike_none_total "));
}
END_TEST

START_TEST(the_same_name_is_the_same_metric)
{
    static const char *const labels[] = { "a" }, *const others[] = { "b" };
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "same_total", "S.", labels, 1, NULL, 0);

    ck_assert_uint_eq(gw_metric(GW_METRIC_COUNTER, "same_total", "S.", labels, 1, NULL, 0), id);
    ck_assert_uint_eq(gw_metric(GW_METRIC_GAUGE, "same_total", "S.", labels, 1, NULL, 0), GW_METRIC_NONE);
    ck_assert_uint_eq(gw_metric(GW_METRIC_COUNTER, "same_total", "S.", NULL, 0, NULL, 0), GW_METRIC_NONE);
    ck_assert_uint_eq(gw_metric(GW_METRIC_COUNTER, "same_total", "S.", others, 1, NULL, 0), GW_METRIC_NONE);
}
END_TEST

static const struct {
    const char *id, *name, *label;
} bad_rows[] = {
    { "empty name", "", "a" },         { "digit first", "1x", "a" },    { "dash", "a-b", "a" },
    { "label with a dot", "x", "a." }, { "reserved label", "x", "le" }, { "blank", "a b", "a" },
};

START_TEST(a_malformed_metric_is_refused_and_safe_to_use)
{
    uint32_t id = gw_metric(GW_METRIC_HISTOGRAM, bad_rows[_i].name, "", &bad_rows[_i].label, 1, NULL, 0);

    ck_assert_msg(id == GW_METRIC_NONE, "%s", bad_rows[_i].id);
    gw_series_add(gw_series(id, NULL), 1);
    gw_series_observe(gw_series(id, NULL), 1);
    gw_series_set(gw_series(id, NULL), 1);
    ck_assert_str_eq(render(), "");
}
END_TEST

START_TEST(bounds_that_do_not_ascend_are_refused)
{
    static const double falling[] = { 2, 1 }, twice[] = { 1, 1 }, endless[] = { 1, (double)INFINITY };

    ck_assert_uint_eq(gw_metric(GW_METRIC_HISTOGRAM, "f", "", NULL, 0, falling, 2), GW_METRIC_NONE);
    ck_assert_uint_eq(gw_metric(GW_METRIC_HISTOGRAM, "t", "", NULL, 0, twice, 2), GW_METRIC_NONE);
    ck_assert_uint_eq(gw_metric(GW_METRIC_HISTOGRAM, "e", "", NULL, 0, endless, 2), GW_METRIC_NONE);
}
END_TEST

START_TEST(beyond_a_thousand_series_everything_new_is_other)
{
    static const char *const labels[] = { "a", "b" };
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "flood_total", "F.", labels, 2, NULL, 0);
    char text[16];
    int lines = 0;

    for (int i = 0; i < 5000; i++) {
        aigw_str values[2] = { AIGW_STR_INIT("v"), { text, 0 } };

        values[1].len = (size_t)snprintf(text, sizeof text, "%04d", i);
        gw_series_add(gw_series(id, values), 1);
    }
    render();
    for (const char *at = page.data; (at = strstr(at, "\nflood_total{")); at++)
        lines++;
    ck_assert_int_eq(lines, 1001);
    ck_assert_ptr_nonnull(strstr(page.data, "\nflood_total{a=\"v\",b=\"0999\"} 1\n"));
    ck_assert_ptr_null(strstr(page.data, "b=\"1000\""));
    ck_assert_ptr_nonnull(strstr(page.data, "\nflood_total{a=\"other\",b=\"other\"} 4000\n"));
    /* what exists already still counts as itself */
    gw_series_add(gw_series(id, (aigw_str[]){ AIGW_STR("v"), AIGW_STR("0007") }), 1);
    ck_assert_ptr_nonnull(strstr(render(), "\nflood_total{a=\"v\",b=\"0007\"} 2\n"));
}
END_TEST

#define THREADS         4
#define ROUNDS          20000
#define VALUES_PER_LOOP 8

static uint32_t shared_counter, shared_histogram;

static void *count_much(void *arg)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    struct gw_series *kept = gw_series(shared_histogram, NULL);

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        aigw_str value = gw_str(names[i % VALUES_PER_LOOP]);

        gw_series_add(gw_series(shared_counter, &value), 1);
        gw_series_observe(kept, 1);
    }
    return NULL;
}

START_TEST(threads_lose_nothing_even_after_they_ended)
{
    static const char *const labels[] = { "v" };
    pthread_t threads[THREADS];

    shared_counter = gw_metric(GW_METRIC_COUNTER, "shared_total", "S.", labels, 1, NULL, 0);
    shared_histogram = plain(GW_METRIC_HISTOGRAM, "shared_seconds");
    for (int wave = 1; wave <= 3; wave++) { /* the later waves adopt the shards of the first */
        char expected[80];

        for (int i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, count_much, NULL), 0);
        render(); /* while they count */
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        render();
        snprintf(expected, sizeof expected, "shared_total{v=\"h\"} %d\n", wave * THREADS * ROUNDS / VALUES_PER_LOOP);
        ck_assert_msg(strstr(page.data, expected), "no %s in %s", expected, page.data);
        snprintf(expected, sizeof expected, "shared_seconds_count %d\n", wave * THREADS * ROUNDS);
        ck_assert_msg(strstr(page.data, expected), "no %s in %s", expected, page.data);
    }
}
END_TEST

static const struct {
    double value;
    const char *text;
} number_rows[] = {
    { 0, "0" },
    { 1, "1" },
    { -3, "-3" },
    { 0.1, "0.1" },
    { 1e15, "1e+15" },
    { 123456789012345, "123456789012345" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { (double)INFINITY, "+Inf" },
    { -(double)INFINITY, "-Inf" },
    { (double)NAN, "NaN" },
};

START_TEST(numbers_survive_the_way_to_text)
{
    gw_metrics_put_number(&page, number_rows[_i].value);
    ck_assert_str_eq(page.data, number_rows[_i].text);
}
END_TEST

static const struct {
    const char *value, *text;
} value_rows[] = {
    { "1.0.0", "1.0.0" },
    { "", "unknown" },
    { "say \"a\\b\"", "say \\\"a\\\\b\\\"" },
    { "two\nlines", "other" },
    { "gr\xc3\xbc\xc3\x9f", "other" },
};

START_TEST(any_text_is_a_harmless_value)
{
    char longest[258];

    gw_metrics_put_value(&page, value_rows[_i].value);
    ck_assert_str_eq(page.data, value_rows[_i].text);
    for (size_t len = 256; len <= 257; len++) {
        memset(longest, 'v', len);
        longest[len] = '\0';
        gw_buf_clear(&page);
        gw_metrics_put_value(&page, longest);
        ck_assert_str_eq(page.data, len > 256 ? "other" : longest);
    }
}
END_TEST

static void collect(void *user, struct gw_buf *out)
{
    gw_metrics_put_head(out, "read_now", "R.", "gauge");
    gw_buf_printf(out, "read_now %d\n", *(int *)user);
    gw_series_add(gw_series(plain(GW_METRIC_COUNTER, "scrapes_total"), NULL), 1); /* must not lock up */
}

START_TEST(collectors_are_asked_at_each_render)
{
    int value = 7;

    gw_metrics_add_collector(collect, &value);
    ck_assert_ptr_nonnull(strstr(render(), "# TYPE read_now gauge\nread_now 7\n"));
    value = 8;
    ck_assert_ptr_nonnull(strstr(render(), "\nread_now 8\n"));
    ck_assert_ptr_nonnull(strstr(page.data, "\nscrapes_total 1\n"));
}
END_TEST

START_TEST(a_page_beyond_the_buffers_maximum_is_reported)
{
    struct gw_buf small;

    gw_series_add(gw_series(plain(GW_METRIC_COUNTER, "big_total"), NULL), 1);
    gw_buf_init(&small, 10);
    gw_metrics_render(&small);
    ck_assert_int_eq(small.status, AIGW_E_LIMIT);
    gw_buf_done(&small);
}
END_TEST

START_TEST(the_process_has_memory_descriptors_and_a_past)
{
    struct gw_process process;

    gw_process_read(&process);
    ck_assert_int_gt(process.rss_bytes, 100 * 1024);
    ck_assert_int_ge(process.virtual_bytes, process.rss_bytes);
    ck_assert_int_ge(process.open_fds, 3);
    ck_assert_int_ge(process.max_fds, process.open_fds);
    ck_assert_int_eq(process.threads, 1);
    ck_assert_double_ge(process.cpu_s, 0);
    ck_assert_double_le(process.start_s, (double)gw_wall_s() + 1);
    ck_assert_double_ge(process.start_s, (double)gw_wall_s() - 3600);
    gw_process_collect(NULL, &page);
    ck_assert_ptr_nonnull(
        strstr(page.data, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes "));
    ck_assert_ptr_nonnull(strstr(page.data, "# TYPE process_cpu_seconds_total counter\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nothing_counted_shows_nothing);
    tcase_add_test(tcase, a_counter_shows_help_type_and_value);
    tcase_add_test(tcase, a_gauge_goes_up_and_down_and_can_be_set);
    tcase_add_test(tcase, a_level_is_what_any_thread_set_last);
    tcase_add_test(tcase, metrics_and_series_come_in_sorted_order);
    tcase_add_test(tcase, a_histogram_has_cumulative_buckets_sum_and_count);
    tcase_add_test(tcase, a_histogram_without_bounds_has_those_of_the_contract);
    tcase_add_loop_test(tcase, label_values_are_escaped_or_folded, 0, GW_ARRAY_LEN(label_rows));
    tcase_add_test(tcase, a_long_label_value_is_folded);
    tcase_add_test(tcase, help_text_is_escaped);
    tcase_add_test(tcase, labels_are_told_apart_by_their_borders);
    tcase_add_test(tcase, series_of_the_same_labels_are_found_from_one_another);
    tcase_add_test(tcase, the_same_name_is_the_same_metric);
    tcase_add_loop_test(tcase, a_malformed_metric_is_refused_and_safe_to_use, 0, GW_ARRAY_LEN(bad_rows));
    tcase_add_test(tcase, bounds_that_do_not_ascend_are_refused);
    tcase_add_test(tcase, beyond_a_thousand_series_everything_new_is_other);
    tcase_add_test(tcase, threads_lose_nothing_even_after_they_ended);
    tcase_add_loop_test(tcase, numbers_survive_the_way_to_text, 0, GW_ARRAY_LEN(number_rows));
    tcase_add_loop_test(tcase, any_text_is_a_harmless_value, 0, GW_ARRAY_LEN(value_rows));
    tcase_add_test(tcase, collectors_are_asked_at_each_render);
    tcase_add_test(tcase, a_page_beyond_the_buffers_maximum_is_reported);
    tcase_add_test(tcase, the_process_has_memory_descriptors_and_a_past);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
