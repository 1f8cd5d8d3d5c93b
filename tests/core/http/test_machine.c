/* test_machine.c - both state machines: every event in every state, and what an impossible one does. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

/* All legal transitions of an exchange, in words: "state event next". What is not here must be refused. */
static const char *const ex_legal[] = {
    "new parsed head",
    "new reply flush",
    "head read body",
    "head undecided wait",
    "head reply flush",
    "head reply late drain",
    "head begin stream",
    "wait read body",
    "wait whole wait whole",
    "wait reply flush",
    "wait reply late drain",
    "wait begin stream",
    "wait whole read ready",
    "wait whole reply flush",
    "wait whole begin stream",
    "body whole ready",
    "body reply flush",
    "body reply late drain",
    "body begin stream",
    "ready handed work",
    "ready reply flush",
    "ready begin stream",
    "work reply flush",
    "work begin stream",
    "drain whole flush",
    "drain enough flush",
    "stream full stream full",
    "stream end flush",
    "stream full drained stream",
    "stream full end flush",
    "flush sent done",
    "aborted told done",
    "lost told done",
    /* everything that has not ended can be cut; the first cut wins */
    "new abort aborted",
    "head abort aborted",
    "wait abort aborted",
    "wait whole abort aborted",
    "body abort aborted",
    "ready abort aborted",
    "work abort aborted",
    "drain abort aborted",
    "stream abort aborted",
    "stream full abort aborted",
    "flush abort aborted",
    "aborted abort aborted",
    "lost abort lost",
    "new lose lost",
    "head lose lost",
    "wait lose lost",
    "wait whole lose lost",
    "body lose lost",
    "ready lose lost",
    "work lose lost",
    "drain lose lost",
    "stream lose lost",
    "stream full lose lost",
    "flush lose lost",
    "aborted lose aborted",
    "lost lose lost",
};

static const char *const conn_legal[] = {
    "handshake secured fresh", "fresh bytes head",  "idle bytes head",     "head request busy",
    "busy next idle",          "busy last linger",  "fresh close closed",  "idle close closed",
    "head close closed",       "busy close closed", "linger close closed", "closed close closed",
    "handshake close closed",
};

static bool is_listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0)
            return true;
    }
    return false;
}

START_TEST(every_event_in_every_state_of_an_exchange)
{
    static struct gw_http http;
    static struct http_ex ex; /* large */
    struct http_conn conn = { .http = &http, .is_in_turn = true /* nothing is queued */ };
    size_t legal = 0;
    char text[96];

    for (int state = EX_NEW; state < EX_STATES; state++) {
        for (int event = 0; event < EX_EVENTS; event++) {
            enum http_ex_state next = http_ex_next((enum http_ex_state)state, (enum http_ex_event)event);
            ex = (struct http_ex){ .conn = &conn, .state = (uint8_t)state };
            bool did_move = http_ex_move(&ex, (enum http_ex_event)event);
            snprintf(text, sizeof text, "%s %s %s", http_ex_state_name((enum http_ex_state)state),
                     http_ex_event_name((enum http_ex_event)event), http_ex_state_name(next));
            ck_assert_msg((next != EX_NONE) == is_listed(ex_legal, GW_ARRAY_LEN(ex_legal), text), "%s", text);
            ck_assert_msg(did_move == (next != EX_NONE), "%s", text);
            if (did_move) {
                legal++;
                ck_assert_msg(ex.state == next, "%s", text);
                continue;
            }
            /* an impossible event cuts: nothing more is read or written, the pipeline is told */
            ck_assert_msg(ex.state == EX_LOST || ex.state == EX_ABORTED || ex.state == EX_DONE, "%s", text);
            ck_assert_msg(ex.state != EX_DONE || state == EX_DONE, "%s", text);
            if (ex.state == EX_LOST)
                ck_assert_msg(ex.pub.is_gone && ex.pub.did_abort, "%s", text);
        }
    }
    ck_assert_uint_eq(legal, GW_ARRAY_LEN(ex_legal));
}
END_TEST

START_TEST(every_event_in_every_state_of_a_connection)
{
    static struct gw_http http;
    size_t legal = 0;
    char text[96];

    for (int state = CONN_HANDSHAKE; state < CONN_STATES; state++) {
        for (int event = 0; event < CONN_EVENTS; event++) {
            enum http_conn_state next = http_conn_next((enum http_conn_state)state, (enum http_conn_event)event);
            struct http_conn conn = { .http = &http, .is_in_turn = true, .state = (uint8_t)state };
            http_conn_move(&conn, (enum http_conn_event)event);
            snprintf(text, sizeof text, "%s %s %s", http_conn_state_name((enum http_conn_state)state),
                     http_conn_event_name((enum http_conn_event)event), http_conn_state_name(next));
            ck_assert_msg((next != CONN_NONE) == is_listed(conn_legal, GW_ARRAY_LEN(conn_legal), text), "%s", text);
            ck_assert_msg(conn.state == (next != CONN_NONE ? next : CONN_CLOSED), "%s", text);
            legal += next != CONN_NONE;
        }
    }
    ck_assert_uint_eq(legal, GW_ARRAY_LEN(conn_legal));
}
END_TEST

/** From everywhere an end can be reached, and only an end has no way on. */
START_TEST(no_state_is_a_trap)
{
    for (int state = EX_NEW; state < EX_STATES; state++) {
        enum http_ex_state lost = http_ex_next((enum http_ex_state)state, EX_LOSE);
        if (state == EX_DONE)
            ck_assert_int_eq(lost, EX_NONE);
        else
            ck_assert_int_eq(http_ex_next(lost, EX_TOLD), EX_DONE);
    }
    for (int state = CONN_HANDSHAKE; state < CONN_STATES; state++)
        ck_assert_int_eq(http_conn_next((enum http_conn_state)state, CONN_CLOSE), CONN_CLOSED);
    ck_assert_int_eq(http_ex_next(EX_STATES, EX_LOSE), EX_NONE);
    ck_assert_int_eq(http_conn_next(CONN_STATES, CONN_CLOSE), CONN_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.machine");
    TCase *tcase = tcase_create("machine");

    tcase_add_test(tcase, every_event_in_every_state_of_an_exchange);
    tcase_add_test(tcase, every_event_in_every_state_of_a_connection);
    tcase_add_test(tcase, no_state_is_a_trap);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
