/* test_routing.c - which target is picked, which rule holds, what a body says, which hours contain a moment. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

#define T0   1000000
#define SLOW 10000

static struct gw_arena arena;
static struct gw_settings settings;
static struct gw_plugin plugin = { .descriptor = { .name = "dialect" } };
static struct gw_instance providers[] = {
    { .next = &providers[1], .name = "a", .plugin = &plugin },
    { .next = &providers[2], .name = "b", .plugin = &plugin },
    { .name = "c", .plugin = &plugin },
};
static struct gw_instance feature = { .name = "completions", .plugin = &plugin };
static struct gw_plugins plugins = { .providers = providers, .features = &feature };

static void setup(void)
{
    gw_seats_reset();
    gw_arena_init(&arena, 16 << 20);
    settings = (struct gw_settings){ 0 };
    settings.models.custom_models = 1;
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static struct gw_models *build(const char *text, struct gw_problems *problems)
{
    struct gw_problems own;

    gw_problems_init(&own, &arena);
    struct gw_models *models =
        gw_models_build(&arena, gw_conf_parse(&arena, text, "test.conf", &own), &settings, &plugins, &own);
    if (problems)
        *problems = own;
    else
        ck_assert_msg(!own.first, "%s", own.first ? own.first->text : "");
    return models;
}

static const struct gw_plan *plan_of(const struct gw_models *models, const char *name, struct gw_ask *ask)
{
    struct aigw_need need = { .struct_size = sizeof need, .model = gw_str(name) };
    struct aigw_model_info info;
    struct aigw_error error;

    ask->feature = &feature;
    if (gw_models_resolve(models, ask, &need, &arena, &info, &error) != AIGW_OK)
        return NULL;
    return info.plan;
}

/* ---- picking ---- */

static struct gw_chooser chooser_of(const struct gw_plan *plan, int64_t now_ms)
{
    return (struct gw_chooser){
        .plan = plan, .left = plan->allowed, .now_ms = now_ms, .slow_start_ms = SLOW, .idle_ms = 60000
    };
}

/* The picked one's index, given back at once; -1: none. */
static int pick(const struct gw_chooser *chooser)
{
    struct gw_choice choice;

    if (gw_pick(chooser, &choice) != GW_PICKED)
        return -1;
    gw_circuit_undecided(&choice.pass);
    gw_seat_leave(chooser->plan->targets[choice.index].seat);
    if (chooser->plan->targets[choice.index].place->max_parallel)
        gw_seat_leave(chooser->plan->targets[choice.index].place->seat);
    return (int)choice.index;
}

static void rest(const struct gw_target *target, int64_t now_ms, int64_t rest_ms)
{
    struct gw_fault fault = { .failures = 5, .rest_ms = rest_ms, .rest_max_ms = rest_ms };
    struct gw_pass pass;

    ck_assert(gw_circuit_enter(target->seat, now_ms, 1000, false, &pass));
    ck_assert_int_eq(gw_circuit_fault(&pass, now_ms, &fault), rest_ms);
}

static const char three[] = "models: { m = { targets = ( { provider = \"a\"; model = \"x\"; weight = 9; },"
                            "                            { provider = \"b\"; model = \"x\"; },"
                            "                            { provider = \"c\"; model = \"x\"; tier = 2; } ); }; };";

/* OP-RT-01, 06, 07 */
START_TEST(tiers_and_shares)
{
    struct gw_ask ask = { 0 };
    const struct gw_plan *plan = plan_of(build(three, NULL), "m", &ask);
    struct gw_chooser chooser = chooser_of(plan, T0);
    int counts[3] = { 0 };

    for (int i = 0; i < 10000; i++)
        counts[pick(&chooser)]++;
    ck_assert_int_eq(counts[2], 0);
    ck_assert_int_ge(counts[1], 850); /* 1,000, with a deviation of 30 */
    ck_assert_int_le(counts[1], 1150);
    rest(&plan->targets[0], T0, 10000);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(pick(&chooser), 1);
    rest(&plan->targets[1], T0, 20000);
    ck_assert_int_eq(pick(&chooser), 2);
    chooser.left &= ~UINT64_C(4); /* it failed this call */
    ck_assert_int_eq(pick(&chooser), -1);
    chooser.is_early = true; /* OP-RT-27: the soonest */
    ck_assert_int_eq(pick(&chooser), 0);
}
END_TEST

/* OP-RT-22 */
START_TEST(the_share_after_a_rest_rises)
{
    struct gw_ask ask = { 0 };
    const struct gw_plan *plan = plan_of(build(three, NULL), "m", &ask);
    struct gw_pass pass;
    int counts[3] = { 0 };

    rest(&plan->targets[0], T0, 1000);
    ck_assert(gw_circuit_enter(plan->targets[0].seat, T0 + 1000, 1000, false, &pass));
    ck_assert(gw_circuit_good(&pass, T0 + 1000, SLOW));
    struct gw_chooser chooser = chooser_of(plan, T0 + 1000); /* a tenth of 9, beside 1 */
    for (int i = 0; i < 10000; i++)
        counts[pick(&chooser)]++;
    ck_assert_int_ge(counts[0], 4400);
    ck_assert_int_le(counts[0], 5100);
}
END_TEST

/* OP-RT-13 */
START_TEST(keys_stay_and_only_those_of_a_lost_target_move)
{
    static const char text[] =
        "models: { m = { sticky = \"user\"; targets = ( { provider = \"a\"; model = \"x\"; },"
        "  { provider = \"b\"; model = \"x\"; }, { provider = \"c\"; model = \"x\"; weight = 2; } ); }; };";
    struct gw_models *models = build(text, NULL), *after_restart = build(text, NULL);
    int counts[3] = { 0 }, moved = 0;

    for (int i = 0; i < 3000; i++) {
        struct gw_ask ask = { .user = gw_str(gw_arena_printf(&arena, "user-%d", i)) };
        struct gw_chooser one = chooser_of(plan_of(models, "m", &ask), T0);
        struct gw_chooser other = chooser_of(plan_of(after_restart, "m", &ask), T0);
        int at = pick(&one);
        ck_assert_int_eq(pick(&one), at);
        ck_assert_int_eq(pick(&other), at);
        one.left &= ~UINT64_C(1);
        ck_assert(at == 0 || pick(&one) == at);
        moved += at == 0;
        counts[at]++;
    }
    ck_assert_int_eq(moved, counts[0]);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_ge(counts[i], i == 2 ? 1350 : 630);
        ck_assert_int_le(counts[i], i == 2 ? 1650 : 870);
    }
}
END_TEST

START_TEST(an_overloaded_target_gives_its_key_away)
{
    struct gw_ask ask = { .user = AIGW_STR_INIT("u") };
    const struct gw_plan *plan = plan_of(build("models: { m = { sticky = \"user\"; targets = ("
                                               "{ provider = \"a\"; model = \"x\"; },"
                                               "{ provider = \"b\"; model = \"x\"; } ); }; };",
                                               NULL),
                                         "m", &ask);
    struct gw_chooser chooser = chooser_of(plan, T0);
    int at = pick(&chooser);

    for (int i = 0; i < 8; i++)
        gw_seat_enter(plan->targets[at].seat, 0);
    ck_assert_int_eq(pick(&chooser), 1 - at);
    for (int i = 0; i < 8; i++)
        gw_seat_enter(plan->targets[1 - at].seat, 0);
    ck_assert_int_eq(pick(&chooser), at);
}
END_TEST

START_TEST(places_bound_and_who_waits_is_first)
{
    providers[0].node = gw_conf_parse(&arena, "max_parallel = 2; queue = 5; queue_ms = 700;", "p.conf", NULL);
    struct gw_ask ask = { 0 };
    const struct gw_plan *plan =
        plan_of(build("models: { m = { targets = ( { provider = \"a\"; model = \"x\"; } ); }; };", NULL), "m", &ask);
    struct gw_chooser chooser = chooser_of(plan, T0);
    struct gw_choice choice;

    providers[0].node = NULL;
    ck_assert_int_eq(plan->targets[0].place->max_parallel, 2);
    ck_assert_int_eq(plan->targets[0].place->queue, 5);
    ck_assert_int_eq(plan->targets[0].place->queue_ms, 700);
    ck_assert_int_eq(gw_pick(&chooser, &choice), GW_PICKED);
    ck_assert_int_eq(gw_pick(&chooser, &choice), GW_PICKED);
    ck_assert_int_eq(gw_pick(&chooser, &choice), GW_PICKED_BUSY);
    ck_assert_str_eq(choice.place_name, "a");
    gw_seat_leave(plan->targets[0].place->seat);
    atomic_store(&plan->targets[0].place->seat->waiting, 1);
    ck_assert_int_eq(gw_pick(&chooser, &choice), GW_PICKED_BUSY);
    chooser.may_pass_queues = true;
    ck_assert_int_eq(gw_pick(&chooser, &choice), GW_PICKED);
    atomic_store(&plan->targets[0].place->seat->waiting, 0);
    gw_seat_leave(plan->targets[0].place->seat);
    gw_seat_leave(plan->targets[0].place->seat);
}
END_TEST

/* ---- hours ---- */

static const struct {
    const char *text;
    int64_t at_s;
    bool is_in;
} hour_rows[] = {
    { "Mon-Fri 08:00-18:00 UTC", 1767571200 + 28800, true }, /* Monday 2026-01-05 08:00 */
    { "Mon-Fri 08:00-18:00 UTC", 1767571200 + 28799, false },
    { "Mon-Fri 08:00-18:00", 1767571200 + 64800, false }, /* the end is not in it */
    { "Mon-Fri 08:00-18:00", 1767571200 + 64799, true },
    { "Mon-Fri 08:00-18:00", 1767571200 - 86400 + 40000, false }, /* Sunday */
    { "Fri-Mon", 1767571200 - 86400 + 40000, true },
    { "Sun", 1767571200 - 1, true },
    { "22:00-06:00", 1767571200 + 3600, true },
    { "Mon 22:00-06:00", 1767571200 + 3600, false },        /* the night from Sunday to Monday */
    { "Mon 22:00-06:00", 1767571200 + 86400 + 3600, true }, /* … to Tuesday */
    { "00:00-24:00", 1767571200 + 86399, true },
    { "Mon 09:00-10:00 Europe/Berlin", 1767571200 + 8 * 3600, true }, /* winter: an hour ahead */
    { "09:00-10:00 Europe/Berlin", 1783296000 + 7 * 3600, true },     /* 2026-07-06: two */
    { "09:00-10:00 Europe/Berlin", 1783296000 + 8 * 3600, false },
    { "19:00-20:00 America/New_York", 1767571200 + 1800, true },
};

START_TEST(hours_contain)
{
    const char *why;
    struct gw_hours *hours = gw_hours_build(&arena, hour_rows[_i].text, &why);

    ck_assert_msg(hours, "%s: %s", hour_rows[_i].text, why);
    ck_assert_msg(gw_hours_contain(hours, hour_rows[_i].at_s) == hour_rows[_i].is_in, "%s at %lld", hour_rows[_i].text,
                  (long long)hour_rows[_i].at_s);
}
END_TEST

static const char *const bad_hours[] = { "",
                                         "Europe/Berlin",
                                         "Mon-Fri 8-18",
                                         "Mon-Fry 08:00-18:00",
                                         "25:00-26:00",
                                         "08:00-18:60",
                                         "08:00-18:00 Europe/Nowhere",
                                         "08:00-18:00 ../../etc/passwd",
                                         "08:00-18:00 UTC UTC" };

START_TEST(bad_hours_say_why)
{
    const char *why = NULL;

    ck_assert_msg(!gw_hours_build(&arena, bad_hours[_i], &why), "%s", bad_hours[_i]);
    ck_assert_uint_gt(strlen(why), 20);
}
END_TEST

/* ---- bodies ---- */

static const struct {
    const char *body;
    uint32_t needs;
    int64_t answer;
    const char *language, *session;
} want_rows[] = {
    { "", 0, 0, NULL, NULL },
    { "[1]", 0, 0, NULL, NULL },
    { "{\"tools\": [ ], \"max_tokens\":7}", 0, 7, NULL, NULL },
    { "{\"tools\": [{\"type\":\"function\"}]}", GW_CAN_TOOLS, 0, NULL, NULL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"\\\"image_url\\\" tools\"}]}", 0, 0, NULL, NULL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", GW_CAN_IMAGES, 0, NULL, NULL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_generation\"}]}]}", 0, 0, NULL, NULL },
    { "{\"contents\":[{\"parts\":[{\"inlineData\":{}}]}]}", GW_CAN_IMAGES, 0, NULL, NULL },
    { "{\"input\":[{\"type\":\"input_image\"}]}", GW_CAN_IMAGES, 0, NULL, NULL },
    { "{\"a\":\"x\\\\\",\"tools\":[{}]}", GW_CAN_TOOLS, 0, NULL, NULL },
    { "{\"a\":\"x\\\\\\\"\",\"tools\":[{}]}", GW_CAN_TOOLS, 0, NULL, NULL },
    { "{\"a\":\"x\\\\\\\",\"tools\":[{}]}", 0, 0, NULL, NULL },
    { "{\"response_format\":{\"type\":\"json_schema\"}}", GW_CAN_SCHEMA, 0, NULL, NULL },
    { "{\"response_format\":{\"type\":\"text\"}}", 0, 0, NULL, NULL },
    { "{\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}", GW_CAN_SCHEMA, 0, NULL, NULL },
    { "{\"output_format\":{\"type\":\"json_schema\"}}", GW_CAN_SCHEMA, 0, NULL, NULL },
    { "{\"generationConfig\":{\"maxOutputTokens\": 8000,\"responseSchema\":{}}}", GW_CAN_SCHEMA, 8000, NULL, NULL },
    { "{\"generationConfig\":{\"responseJsonSchema\":{\"maxOutputTokens\":3}}}", GW_CAN_SCHEMA, 0, NULL, NULL },
    { "{\"generation_config\":{\"response_schema\":{},\"max_output_tokens\":9}}", GW_CAN_SCHEMA, 9, NULL, NULL },
    { "{\"generation_config\":{\"response_json_schema\":{}}}", GW_CAN_SCHEMA, 0, NULL, NULL },
    { "{\"generationConfig\":{\"responseSchema\":null,\"temperature\":1}}", 0, 0, NULL, NULL },
    { "{\"generationConfig\":null,\"max_tokens\":5}", 0, 5, NULL, NULL },
    { "{\"generationConfig\":{\"maxOutputTokens\"", 0, 0, NULL, NULL },
    { "{\"max_tokens\":8000,\"max_completion_tokens\":null}", 0, 8000, NULL, NULL },
    { "{\"contents\":[{\"parts\":[{\"fileData\":{\"mimeType\":\"image/png\"}}]}]}", GW_CAN_IMAGES, 0, NULL, NULL },
    { "{\"contents\":[{\"parts\":[{\"fileData\":{\"mimeType\":\"text/plain\"}}]}]}", 0, 0, NULL, NULL },
    { "{\"contents\":[{\"parts\":[{\"inline_data\":{}}]}]}", GW_CAN_IMAGES, 0, NULL, NULL },
    { "{\"current_file\":{\"file_name\":\"src/PAY.CBL\"}}", 0, 0, "cobol", NULL },
    { "{\"x\":{\"file_name\":\"a.py\",\"language_identifier\":\"ruby\"}}", 0, 0, "ruby", NULL },
    { "{\"file_name\":\"Makefile\"}", 0, 0, NULL, NULL },
    { "{\"prompt_cache_key\":\"k\",\"metadata\":{\"user_id\":\"u\"}}", 0, 0, NULL, "k" },
    { "{\"metadata\":{\"user_id\":\"u\"}}", 0, 0, NULL, "u" },
    { "{\"max_completion_tokens\": 12 ,\"a\":\"\\\\\"}", 0, 12, NULL, NULL },
    { "{\"a\":", 0, 0, NULL, NULL },
    { "{\"a\":\"\\", 0, 0, NULL, NULL },
    { "{\"a\" 1}", 0, 0, NULL, NULL },
    { "{\"tools\":[", 0, 0, NULL, NULL },
};

START_TEST(a_body_says_what_it_needs)
{
    struct gw_wants wants;

    gw_wants_read(gw_str(want_rows[_i].body), &wants);
    ck_assert_msg(wants.needs == want_rows[_i].needs, "%s: %x", want_rows[_i].body, wants.needs);
    ck_assert_int_eq(wants.answer_tokens, want_rows[_i].answer);
    ck_assert(gw_str_is(wants.language, want_rows[_i].language));
    ck_assert(gw_str_is(wants.session, want_rows[_i].session));
}
END_TEST

START_TEST(turns_of_one_conversation_share_their_prefix)
{
    struct gw_wants first, second, other;

    gw_wants_read(AIGW_STR("{\"messages\":[{\"role\":\"system\"},{\"role\":\"user\",\"content\":\"1\"}]}"), &first);
    gw_wants_read(AIGW_STR("{\"messages\":[{\"role\":\"system\"},{\"role\":\"user\",\"content\":\"1\"},"
                           "{\"role\":\"assistant\"},{\"role\":\"user\",\"content\":\"2\"}]}"),
                  &second);
    gw_wants_read(AIGW_STR("{\"messages\":[{\"role\":\"system\"},{\"role\":\"user\",\"content\":\"3\"}]}"), &other);
    ck_assert(first.prefix && first.prefix == second.prefix && first.prefix != other.prefix);
    gw_wants_read(AIGW_STR("{\"system_instruction\":{\"parts\":[1]},\"contents\":[{\"role\":\"user\"}]}"), &first);
    gw_wants_read(AIGW_STR("{\"system_instruction\":{\"parts\":[2]},\"contents\":[{\"role\":\"user\"}]}"), &other);
    ck_assert(first.prefix != other.prefix);
}
END_TEST

/* ---- rules and mistakes ---- */

#define MODELS "models: { m = { targets = ( { provider = \"a\"; model = \"x\"; } ); }; };"

static const struct {
    const char *conf, *says;
} mistakes[] = {
    { MODELS "routing: { rules = ( { use = \"n\"; } ); };", "no model is called \"n\"" },
    { MODELS "routing: { rules = ( { when: { model = \"m\"; }; } ); };", "does nothing" },
    { MODELS "routing: { rules = ( { when: { langage = \"c\"; }; use = \"m\"; } ); };", "did you mean language" },
    { MODELS "routing: { rules = ( { when: { hours = \"always\"; }; use = \"m\"; } ); };", "hours is \"always\"" },
    { MODELS "routing: { rules = \"m\"; };", "is not a list" },
    { MODELS "routing: { drain = ( \"aa\" ); };", "no provider is called \"aa\"" },
    { MODELS "routing: { endpoints = ( { max_parallel = 3; } ); };", "match" },
    { MODELS "routing: { endpoints = ( { match = \"ftp://x\"; } ); };", "must begin with http" },
    { "models: { m = { targets = ( { provider = \"a\"; model = \"x\"; can = ( \"fly\" ); } ); }; };",
      "\"fly\" is unknown" },
    { "models: { m = { sticky = \"glue\"; targets = ( { provider = \"a\"; model = \"x\"; } ); }; };", "sticky" },
    { "models: { m = { targets = ( { provider = \"a\"; model = \"x\"; weight = 0; } ); }; };", "weight = 0" },
    { "models: { m = { aliases = ( \"n\" ); targets = ( { provider = \"a\"; model = \"x\"; } ); };"
      "          n = { targets = ( { provider = \"a\"; model = \"x\"; } ); }; };",
      "\"n\" leads to model \"n\" already" },
};

START_TEST(mistakes_are_named)
{
    struct gw_problems problems;

    build(mistakes[_i].conf, &problems);
    ck_assert_msg(problems.first && strstr(problems.first->text, mistakes[_i].says), "%s: %s", mistakes[_i].conf,
                  problems.first ? problems.first->text : "no problem");
    ck_assert_msg(strstr(problems.first->text, "test.conf:1") || strstr(problems.first->text, "pattern 1"), "%s",
                  problems.first->text);
}
END_TEST

static const struct {
    const char *wanted, *version;
    bool holds;
} versions[] = {
    { ">= 18.2", "18.10.1", true }, { ">= 18.2", "18.2.0-ee", true }, { ">= 18.2", "18.1.9", false },
    { "< 18", "17.11.3", true },    { "< 18", "18.0", false },        { "18.*", "18.7.1", true },
    { "18.*", "17.8.0", false },    { "> 17", "17.5", false },        { "<= 17", "17.5", true },
    { ">= 18", "", false },         { "< 18", "v18.2", false },       { "< 18", "unknown", false },
    { "=18.2", "18.2.3", true },
};

START_TEST(versions_compare_as_numbers)
{
    char text[512];
    struct gw_ask ask = { .gitlab_version = gw_str(versions[_i].version) };

    snprintf(text, sizeof text,
             "models: { m = { targets = ( { provider = \"a\"; model = \"x\"; } ); };"
             "          n = { targets = ( { provider = \"b\"; model = \"y\"; } ); }; };"
             "routing: { rules = ( { when: { gitlab_version = \"%s\"; }; use = \"n\"; } ); };",
             versions[_i].wanted);
    const struct gw_plan *plan = plan_of(build(text, NULL), "m", &ask);
    ck_assert_msg(gw_str_is(plan->name, versions[_i].holds ? "n" : "m"), "%s of %s", versions[_i].wanted,
                  versions[_i].version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routing");
    TCase *tcase = tcase_create("routing");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, tiers_and_shares);
    tcase_add_test(tcase, the_share_after_a_rest_rises);
    tcase_add_test(tcase, keys_stay_and_only_those_of_a_lost_target_move);
    tcase_add_test(tcase, an_overloaded_target_gives_its_key_away);
    tcase_add_test(tcase, places_bound_and_who_waits_is_first);
    tcase_add_loop_test(tcase, hours_contain, 0, (int)GW_ARRAY_LEN(hour_rows));
    tcase_add_loop_test(tcase, bad_hours_say_why, 0, (int)GW_ARRAY_LEN(bad_hours));
    tcase_add_loop_test(tcase, a_body_says_what_it_needs, 0, (int)GW_ARRAY_LEN(want_rows));
    tcase_add_test(tcase, turns_of_one_conversation_share_their_prefix);
    tcase_add_loop_test(tcase, mistakes_are_named, 0, (int)GW_ARRAY_LEN(mistakes));
    tcase_add_loop_test(tcase, versions_compare_as_numbers, 0, (int)GW_ARRAY_LEN(versions));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
