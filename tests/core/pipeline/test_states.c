/* test_states.c - every step in every state of a request: what is legal, and where it leads. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/states.h"

static const struct {
    enum gw_request_state from;
    const char *to[GW_REQUEST_STEPS]; /* go on, answer, leave, end; NULL: not legal */
} rows[] = {
    { GW_REQUEST_HEAD, { "auth", "answering", "gone", "done" } },
    { GW_REQUEST_AUTH, { "body", "answering", "gone", "done" } },
    { GW_REQUEST_BODY, { "check", "answering", "gone", "done" } },
    { GW_REQUEST_CHECK, { "permit", "answering", "gone", "done" } },
    { GW_REQUEST_PERMIT, { "run", "answering", "gone", "done" } },
    { GW_REQUEST_RUN, { NULL, "answering", "gone", "done" } },
    { GW_REQUEST_ANSWERING, { NULL, NULL, "gone", "done" } },
    { GW_REQUEST_GONE, { NULL, NULL, NULL, "done" } },
    { GW_REQUEST_DONE, { NULL, NULL, NULL, NULL } },
};

START_TEST(every_step_of_a_request)
{
    for (int step = 0; step < GW_REQUEST_STEPS; step++) {
        enum gw_request_state next = gw_request_next(rows[_i].from, (enum gw_request_step)step);
        const char *wanted = rows[_i].to[step];

        ck_assert_msg(wanted ? next < GW_REQUEST_STATES && !strcmp(gw_request_state_name(next), wanted)
                             : next == GW_REQUEST_STATES,
                      "%s + %s: %s", gw_request_state_name(rows[_i].from),
                      gw_request_step_name((enum gw_request_step)step), gw_request_state_name(next));
    }
}
END_TEST

START_TEST(nonsense_leads_nowhere)
{
    ck_assert_int_eq(gw_request_next(GW_REQUEST_STATES, GW_REQUEST_GO_ON), GW_REQUEST_STATES);
    ck_assert_int_eq(gw_request_next(GW_REQUEST_HEAD, GW_REQUEST_STEPS), GW_REQUEST_STATES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states of a request");
    TCase *tc = tcase_create("states");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, every_step_of_a_request, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tc, nonsense_leads_nowhere);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
