/* test_fit.c - defaults that are lowered where memory is limited. */
#include "support.h"

#include "config/internal.h"

static struct gw_settings settings;
static const char *const no_env[] = { NULL };

static void load(const char *const *env, const char *conf_text)
{
    const struct gw_node *conf = conf_text ? gw_conf_parse(&arena, conf_text, "t.conf", &problems) : NULL;

    gw_settings_load(&arena, conf, env, NULL, &settings, &problems);
}

START_TEST(defaults_fit_into_the_memory_there_is)
{
    static const struct {
        long long memory_mib, connections, request_memory, body;
    } rows[] = { { 0, 20000, 67108864, 16777216 },
                 { 2048, 20000, 67108864, 16777216 },
                 { 512, 12287, 67108864, 16777216 },
                 { 64, 1535, 16777200, 8724144 },
                 { 1, 64, 1 << 20, 1 << 20 } };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        load(no_env, NULL);
        gw_settings_fit(&settings, rows[i].memory_mib << 20, &problems);
        ck_assert_int_eq(settings.limits.connections_max, rows[i].connections);
        ck_assert_int_eq(settings.limits.request_memory_max, rows[i].request_memory);
        ck_assert_int_eq(settings.limits.body_max, rows[i].body);
    }
}
END_TEST

START_TEST(what_the_operator_set_stays)
{
    static const char *const env[] = { "AIGW_LIMITS__BODY_MAX=16777216", NULL };

    load(env, "limits: { connections_max = 20000; };");
    gw_settings_fit(&settings, 64 << 20, &problems);
    ck_assert_int_eq(settings.limits.connections_max, 20000);
    ck_assert_int_eq(settings.limits.body_max, 16777216);
    ck_assert_int_eq(settings.limits.request_memory_max, 16777200);
    ck_assert_ptr_nonnull(strstr(problems.notes->text, "limits.request_memory_max"));
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, defaults_fit_into_the_memory_there_is);
    tcase_add_test(tcase, what_the_operator_set_stays);
}

int main(void)
{
    return run_suite("fit", add);
}
