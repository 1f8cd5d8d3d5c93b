/* test_states.c - every step in every state of a call and of an attempt: what is legal, and where it leads. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "models/states.h"

/* Where each step leads; NULL: not legal. */
_Static_assert(GW_CALL_STATES == 7 && GW_ATTEMPT_STATES == 6, "a row for each state");

static const struct {
    enum gw_call_state from;
    const char *to[GW_CALL_STEPS]; /* begin, repeat, queue, commit, finish, end, fail, cancel */
} call_rows[] = {
    { GW_CALL_NEW, { "trying", NULL, "queued", NULL, NULL, NULL, "over", "over" } },
    { GW_CALL_TRYING, { NULL, "resting", NULL, "answering", NULL, NULL, "over", "over" } },
    { GW_CALL_RESTING, { "trying", NULL, "queued", NULL, NULL, NULL, "over", "over" } },
    { GW_CALL_QUEUED, { "trying", NULL, NULL, NULL, NULL, NULL, "over", "over" } },
    { GW_CALL_ANSWERING, { NULL, NULL, NULL, NULL, "finished", NULL, "over", "over" } },
    { GW_CALL_FINISHED, { NULL, NULL, NULL, NULL, NULL, "over", "over", "over" } },
    { GW_CALL_OVER, { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL } },
};

START_TEST(every_step_of_a_call)
{
    for (int step = 0; step < GW_CALL_STEPS; step++) {
        enum gw_call_state next = gw_call_next(call_rows[_i].from, (enum gw_call_step)step);
        const char *wanted = call_rows[_i].to[step];

        ck_assert_msg(wanted ? next < GW_CALL_STATES && !strcmp(gw_call_state_name(next), wanted)
                             : next == GW_CALL_STATES,
                      "%s + %s: %s", gw_call_state_name(call_rows[_i].from), gw_call_step_name((enum gw_call_step)step),
                      gw_call_state_name(next));
    }
}
END_TEST

static const struct {
    enum gw_attempt_state from;
    const char *to[GW_ATTEMPT_STEPS]; /* need, send, refuse, accept, close */
} attempt_rows[] = {
    { GW_ATTEMPT_NEW, { "waiting", "sent", NULL, NULL, "over" } },
    { GW_ATTEMPT_WAITING, { "waiting", "sent", NULL, NULL, "over" } },
    { GW_ATTEMPT_SENT, { NULL, NULL, "refused", "answering", "over" } },
    { GW_ATTEMPT_REFUSED, { NULL, NULL, NULL, NULL, "over" } },
    { GW_ATTEMPT_ANSWERING, { NULL, NULL, NULL, NULL, "over" } },
    { GW_ATTEMPT_OVER, { NULL, NULL, NULL, NULL, NULL } },
};

START_TEST(every_step_of_an_attempt)
{
    for (int step = 0; step < GW_ATTEMPT_STEPS; step++) {
        enum gw_attempt_state next = gw_attempt_next(attempt_rows[_i].from, (enum gw_attempt_step)step);
        const char *wanted = attempt_rows[_i].to[step];

        ck_assert_msg(wanted ? next < GW_ATTEMPT_STATES && !strcmp(gw_attempt_state_name(next), wanted)
                             : next == GW_ATTEMPT_STATES,
                      "%s + %s: %s", gw_attempt_state_name(attempt_rows[_i].from),
                      gw_attempt_step_name((enum gw_attempt_step)step), gw_attempt_state_name(next));
    }
}
END_TEST

START_TEST(nonsense_leads_nowhere)
{
    ck_assert_int_eq(gw_call_next(GW_CALL_STATES, GW_CALL_BEGIN), GW_CALL_STATES);
    ck_assert_int_eq(gw_call_next(GW_CALL_NEW, GW_CALL_STEPS), GW_CALL_STATES);
    ck_assert_int_eq(gw_attempt_next(GW_ATTEMPT_STATES, GW_ATTEMPT_SEND), GW_ATTEMPT_STATES);
    ck_assert_int_eq(gw_attempt_next(GW_ATTEMPT_NEW, GW_ATTEMPT_STEPS), GW_ATTEMPT_STATES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states of calls and attempts");
    TCase *tc = tcase_create("states");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, every_step_of_a_call, 0, (int)(sizeof call_rows / sizeof *call_rows));
    tcase_add_loop_test(tc, every_step_of_an_attempt, 0, (int)(sizeof attempt_rows / sizeof *attempt_rows));
    tcase_add_test(tc, nonsense_leads_nowhere);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
