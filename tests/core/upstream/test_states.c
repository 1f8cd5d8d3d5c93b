/* test_states.c - the two state machines: every transition of the tables, and every wish of a caller in every state of
 * a living transfer. Looks inside, so it includes internal.h. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "upstream/internal.h"

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct row {
    int state, event, next;
};

static const struct row transfer_rows[] = {
    { GW_TRANSFER_QUEUED, GW_TRANSFER_CONNECT, GW_TRANSFER_CONNECTING },
    { GW_TRANSFER_QUEUED, GW_TRANSFER_CARRY, GW_TRANSFER_HEAD },
    { GW_TRANSFER_QUEUED, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_QUEUED, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_CONNECTING, GW_TRANSFER_CARRY, GW_TRANSFER_HEAD },
    { GW_TRANSFER_CONNECTING, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_CONNECTING, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_HEAD, GW_TRANSFER_STALE, GW_TRANSFER_CONNECTING },
    { GW_TRANSFER_HEAD, GW_TRANSFER_ANSWER, GW_TRANSFER_BODY },
    { GW_TRANSFER_HEAD, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_HEAD, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_BODY, GW_TRANSFER_PAUSE, GW_TRANSFER_PAUSED },
    { GW_TRANSFER_BODY, GW_TRANSFER_LEAVE, GW_TRANSFER_LEAVING },
    { GW_TRANSFER_LEAVING, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_LEAVING, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_BODY, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_BODY, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_PAUSED, GW_TRANSFER_RESUME, GW_TRANSFER_RESUMING },
    { GW_TRANSFER_PAUSED, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_PAUSED, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
    { GW_TRANSFER_RESUMING, GW_TRANSFER_GO_ON, GW_TRANSFER_BODY },
    { GW_TRANSFER_RESUMING, GW_TRANSFER_END, GW_TRANSFER_ENDED },
    { GW_TRANSFER_RESUMING, GW_TRANSFER_CANCEL, GW_TRANSFER_ENDED },
};

static const struct row conn_rows[] = {
    { GW_CONN_CONNECTING, GW_CONN_GREET_PROXY, GW_CONN_PROXY_TLS },
    { GW_CONN_CONNECTING, GW_CONN_GREET_SERVER, GW_CONN_TLS },
    { GW_CONN_CONNECTING, GW_CONN_CARRY, GW_CONN_BUSY },
    { GW_CONN_CONNECTING, GW_CONN_CLOSE, GW_CONN_CLOSED },
    { GW_CONN_PROXY_TLS, GW_CONN_ASK_TUNNEL, GW_CONN_TUNNEL },
    { GW_CONN_PROXY_TLS, GW_CONN_CARRY, GW_CONN_BUSY },
    { GW_CONN_PROXY_TLS, GW_CONN_CLOSE, GW_CONN_CLOSED },
    { GW_CONN_TUNNEL, GW_CONN_GREET_SERVER, GW_CONN_TLS },
    { GW_CONN_TUNNEL, GW_CONN_CLOSE, GW_CONN_CLOSED },
    { GW_CONN_TLS, GW_CONN_CARRY, GW_CONN_BUSY },
    { GW_CONN_TLS, GW_CONN_CLOSE, GW_CONN_CLOSED },
    { GW_CONN_BUSY, GW_CONN_REST, GW_CONN_IDLE },
    { GW_CONN_BUSY, GW_CONN_CLOSE, GW_CONN_CLOSED },
    { GW_CONN_IDLE, GW_CONN_CARRY, GW_CONN_BUSY },
    { GW_CONN_IDLE, GW_CONN_CLOSE, GW_CONN_CLOSED },
};

static int wanted(const struct row *rows, size_t count, int state, int event)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].state == state && rows[i].event == event)
            return rows[i].next;
    return -1;
}

START_TEST(only_what_is_written_here_is_legal)
{
    for (enum gw_transfer_state state = 0; state < GW_TRANSFER_STATES; state++)
        for (enum gw_transfer_event event = 0; event < GW_TRANSFER_EVENTS; event++)
            ck_assert_msg(gw_transfer_next(state, event) ==
                              wanted(transfer_rows, GW_ARRAY_LEN(transfer_rows), (int)state, (int)event),
                          "transfer state %d event %d", state, event);
    for (enum gw_conn_state state = 0; state < GW_CONN_STATES; state++)
        for (enum gw_conn_event event = 0; event < GW_CONN_EVENTS; event++)
            ck_assert_msg(gw_conn_next(state, event) ==
                              wanted(conn_rows, GW_ARRAY_LEN(conn_rows), (int)state, (int)event),
                          "connection state %d event %d", state, event);
}
END_TEST

/* ---- living ones ------------------------------------------------------------------------------------------------ */

static struct fix fix;
static struct watch watch;
static int hole = -1, fillers[8];
static char hole_url[64];

/** A port that swallows connection attempts: its backlog is full. */
static void dig_hole(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;

    hole = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(hole, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(hole, 0), 0);
    ck_assert_int_eq(getsockname(hole, (struct sockaddr *)&in, &len), 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&in, sizeof in);
    }
    snprintf(hole_url, sizeof hole_url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
}

static void fill_hole(void)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(hole);
}

/** /mute: no answer; else a head and one chunk, more of it once the gate opens. */
static bool script(struct server_conn *conn)
{
    if (strcmp(conn->path, "/mute") == 0) {
        server_wait_gone(conn);
        return false;
    }
    server_say(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    server_chunk(conn, "one", 3);
    sem_wait(server_gate(conn->server));
    server_chunk(conn, "two", 3);
    server_chunk(conn, "", 0);
    return true;
}

/** A transfer in that state, whose limits are far away. */
static struct gw_transfer *reach(int state)
{
    struct gw_transfer_request request = { .method = "GET", .connect_ms = 60000, .total_ms = 60000 };

    request.url = state == GW_TRANSFER_CONNECTING ? hole_url
                  : state == GW_TRANSFER_HEAD     ? fix_url(&fix, "/mute")
                                                  : fix_url(&fix, "/");
    watch_init(&fix, &watch);
    if (state == GW_TRANSFER_PAUSED || state == GW_TRANSFER_RESUMING)
        watch.in_data = DO_PAUSE;
    watch_start(&watch, &request);
    if (state == GW_TRANSFER_CONNECTING || state == GW_TRANSFER_HEAD)
        while (watch.call->state != state)
            gw_loop_turn(fix.loop, 5);
    else if (state != GW_TRANSFER_QUEUED)
        fix_wait(&fix, &watch.datas, 1);
    if (state == GW_TRANSFER_RESUMING)
        gw_transfer_resume(watch.call);
    if (state == GW_TRANSFER_LEAVING)
        gw_transfer_leave(watch.call);
    ck_assert_int_eq(watch.call->state, state);
    return watch.call;
}

static void open_all(void)
{
    dig_hole();
    fix_open(&fix, &(struct server_options){ .script = script });
}

static void close_all(void)
{
    watch_done(&watch);
    sem_post(server_gate(fix.server));
    fix_close(&fix);
    fill_hole();
}

START_TEST(every_state_can_be_cancelled)
{
    open_all();
    reach(_i);
    gw_transfer_cancel(watch.call);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    fix_turn_for(&fix, 20);
    ck_assert_int_eq(watch.dones, 0);
    close_all();
}
END_TEST

/** Leaving is cancelling, but for a body that is being read: its connection waits a moment. */
START_TEST(every_state_can_be_left)
{
    open_all();
    reach(_i);
    gw_transfer_leave(watch.call);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), _i == GW_TRANSFER_BODY);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), _i == GW_TRANSFER_BODY);
    fix_wait_ended(&fix);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    ck_assert_int_eq(watch.dones, 0);
    close_all();
}
END_TEST

START_TEST(every_state_can_be_resumed_to_no_harm)
{
    struct gw_transfer *transfer;

    open_all();
    transfer = reach(_i);
    watch.in_data = DO_NOTHING;
    gw_transfer_resume(transfer);
    ck_assert_int_eq(transfer->state, _i == GW_TRANSFER_PAUSED ? GW_TRANSFER_RESUMING : _i);
    gw_transfer_resume(transfer);
    ck_assert_int_eq(watch.dones, 0);
    sem_post(server_gate(fix.server));
    if (_i != GW_TRANSFER_CONNECTING && _i != GW_TRANSFER_HEAD) {
        fix_wait(&fix, &watch.dones, 1);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, "onetwo");
    }
    close_all();
}
END_TEST

START_TEST(every_state_ends_with_the_total_limit)
{
    open_all();
    reach(_i);
    watch.call->start_ms -= watch.call->total_ms; /* it is over now, however long it took to get here */
    gw_transfer_arm(watch.call);
    fix_wait(&fix, &watch.dones, 1);
    ck_assert_kind(watch, GW_UP_TIMEOUT);
    ck_assert_int_eq(watch.result.was_sent, _i != GW_TRANSFER_CONNECTING);
    ck_assert_int_eq(watch.result.status, _i == GW_TRANSFER_CONNECTING || _i == GW_TRANSFER_HEAD ? 0 : 200);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(every_state_goes_with_the_upstream)
{
    open_all();
    reach(_i);
    gw_upstream_free(fix.up);
    fix.up = NULL;
    ck_assert_int_eq(watch.dones, 0);
    close_all();
}
END_TEST

/** States in which a caller has the floor, and what it may answer or do there. */
static const struct {
    const char *id;
    int in_head, in_data, in_done, kind;
} floors[] = {
    { "stop-in-head", DO_STOP, DO_NOTHING, DO_NOTHING, GW_UP_STOPPED },
    { "stop-in-data", DO_NOTHING, DO_STOP, DO_NOTHING, GW_UP_STOPPED },
    { "cancel-in-head", DO_CANCEL, DO_NOTHING, DO_NOTHING, -1 },
    { "cancel-in-data", DO_NOTHING, DO_CANCEL, DO_NOTHING, -1 },
    { "cancel-in-done", DO_NOTHING, DO_NOTHING, DO_CANCEL, GW_UP_OK },
    { "cancel-after-stop", DO_STOP, DO_NOTHING, DO_CANCEL, GW_UP_STOPPED },
    { "leave-in-head", DO_LEAVE, DO_NOTHING, DO_NOTHING, -1 },
    { "leave-in-data", DO_NOTHING, DO_LEAVE, DO_NOTHING, -1 },
    { "leave-in-done", DO_NOTHING, DO_NOTHING, DO_LEAVE, GW_UP_OK },
    { "resume-in-head", DO_RESUME, DO_NOTHING, DO_NOTHING, GW_UP_OK },
    { "resume-in-data", DO_NOTHING, DO_RESUME, DO_NOTHING, GW_UP_OK },
    { "resume-in-done", DO_NOTHING, DO_NOTHING, DO_RESUME, GW_UP_OK },
};

START_TEST(a_caller_may_do_anything_in_its_callbacks)
{
    struct gw_transfer_request request = { .method = "GET" };

    open_all();
    request.url = fix_url(&fix, "/");
    watch_init(&fix, &watch);
    watch.in_head = floors[_i].in_head;
    watch.in_data = floors[_i].in_data;
    watch.in_done = floors[_i].in_done;
    sem_post(server_gate(fix.server));
    watch_start(&watch, &request);
    if (floors[_i].kind >= 0)
        fix_wait(&fix, &watch.dones, 1);
    else
        fix_wait(&fix, floors[_i].in_head != DO_NOTHING ? &watch.heads : &watch.datas, 1);
    fix_turn_for(&fix, 20);
    ck_assert_int_eq(watch.dones, floors[_i].kind >= 0);
    if (floors[_i].kind >= 0)
        ck_assert_kind(watch, floors[_i].kind);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream states");
    TCase *tables = tcase_create("tables"), *living = tcase_create("living");
    SRunner *runner;
    int failed;

    tcase_add_test(tables, only_what_is_written_here_is_legal);
    tcase_add_loop_test(living, every_state_can_be_cancelled, 0, GW_TRANSFER_ENDED);
    tcase_add_loop_test(living, every_state_can_be_left, 0, GW_TRANSFER_LEAVING);
    tcase_add_loop_test(living, every_state_can_be_resumed_to_no_harm, 0, GW_TRANSFER_LEAVING);
    tcase_add_loop_test(living, every_state_ends_with_the_total_limit, GW_TRANSFER_CONNECTING, GW_TRANSFER_RESUMING);
    tcase_add_loop_test(living, every_state_goes_with_the_upstream, 0, GW_TRANSFER_ENDED);
    tcase_add_loop_test(living, a_caller_may_do_anything_in_its_callbacks, 0, (int)GW_ARRAY_LEN(floors));
    tcase_set_timeout(living, 20);
    suite_add_tcase(suite, tables);
    suite_add_tcase(suite, living);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
