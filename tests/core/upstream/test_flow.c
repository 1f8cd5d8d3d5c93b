/* test_flow.c - time, back-pressure and cancelling. */
#include <arpa/inet.h>
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

static struct fix fix;
static struct watch watch;

static struct gw_transfer_request get(const char *path)
{
    return (struct gw_transfer_request){
        .method = "GET", .url = fix_url(&fix, path), .flags = GW_UPF_EXPECT_STREAM, .idle_ms = 5000
    };
}

static void open_with(server_script script)
{
    fix_open(&fix, &(struct server_options){ .script = script });
    watch_init(&fix, &watch);
}

static void close_all(void)
{
    watch_done(&watch);
    fix_close(&fix);
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- time --------------------------------------------------------------------------------------------------- */

/** /never: nothing; /stall: a head and one event, then nothing; /drip: an event every 50 ms, 10 of them. */
static bool slow(struct server_conn *conn)
{
    if (strcmp(conn->path, "/never") != 0) {
        server_say(conn, STREAM_HEAD);
        server_chunk(conn, "data: 1\n\n", 9);
    }
    if (strcmp(conn->path, "/drip") == 0) {
        for (int i = 0; i < 9; i++) {
            usleep(50000);
            server_chunk(conn, "data: 1\n\n", 9);
        }
        server_chunk(conn, "", 0);
        return true;
    }
    server_wait_gone(conn);
    return false;
}

static const struct {
    const char *path;
    int64_t idle_ms, total_ms;
    int kind, least_ms, most_ms;
    size_t bytes;
    const char *message;
} limits[] = {
    { "/never", 100, 0, GW_UP_TIMEOUT, 100, 3000, 0, "before the answer began" },
    { "/stall", 300, 0, GW_UP_TIMEOUT, 300, 3000, 9, "in the middle" },
    { "/never", 0, 100, GW_UP_TIMEOUT, 100, 3000, 0, "within 100 ms" },
    { "/stall", 0, 300, GW_UP_TIMEOUT, 300, 3000, 9, "within 300 ms" },
    { "/stall", 5000, 300, GW_UP_TIMEOUT, 300, 3000, 9, "within 300 ms" },
    { "/drip", 400, 5000, GW_UP_OK, 450, 4000, 90, "" }, /* longer than the idle limit, never silent for so long */
    { "/drip", 5000, 300, GW_UP_TIMEOUT, 300, 3000, 9, "within 300 ms" },
};

START_TEST(silence_and_length_have_limits)
{
    struct gw_transfer_request request;
    int64_t begin_ms;

    open_with(slow);
    request = get(limits[_i].path);
    request.idle_ms = limits[_i].idle_ms;
    request.total_ms = limits[_i].total_ms;
    begin_ms = gw_loop_now_ms(fix.loop); /* the clock that limits go by: the start of a turn */
    watch_run(&watch, &request);
    ck_assert_kind(watch, limits[_i].kind);
    ck_assert_int_ge(watch.done_ms - begin_ms, limits[_i].least_ms - 5);
    ck_assert_int_le(watch.done_ms - begin_ms, limits[_i].most_ms);
    ck_assert_uint_ge(watch.data.len, limits[_i].bytes);
    ck_assert_has(watch.message, limits[_i].message);
    close_all();
}
END_TEST

/* ---- back-pressure ------------------------------------------------------------------------------------------ */

#define FLOOD (32u << 20)

/** Chunks without end as long as the client takes them. */
static bool flood(struct server_conn *conn)
{
    static const char zeros[8192];
    size_t sent = 0;

    server_say(conn, STREAM_HEAD);
    while (sent < FLOOD && server_chunk(conn, zeros, sizeof zeros))
        sent += sizeof zeros;
    server_chunk(conn, "", 0);
    return true;
}

static long resident_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb;
}

START_TEST(a_paused_call_takes_no_memory_and_no_data)
{
    struct gw_transfer_request request;
    size_t taken;
    long before_kb;

    open_with(flood);
    request = get("/");
    request.idle_ms = 500; /* must not fire while paused */
    watch.in_data = DO_PAUSE;
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    taken = watch.data.len;
    before_kb = resident_kb();
    fix_turn_for(&fix, 700);
    ck_assert_int_eq(watch.dones, 0);
    ck_assert_uint_eq(watch.data.len, taken);
    ck_assert_int_lt(resident_kb() - before_kb, 4096);
    /* one piece per resume, none lost or doubled */
    for (int i = 2; i < 50; i++) {
        gw_transfer_resume(watch.call);
        ck_assert_int_eq(watch.datas, i - 1); /* never from inside resume() */
        fix_wait(&fix, &watch.datas, i);
    }
    watch.in_data = DO_NOTHING;
    gw_transfer_resume(watch.call);
    fix_wait(&fix, &watch.dones, 1);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_uint_eq(watch.data.len, FLOOD);
    close_all();
}
END_TEST

/** Short numbered events; then a clean end, or none at all for /cut. */
static bool count_up(struct server_conn *conn)
{
    char event[32];

    server_say(conn, STREAM_HEAD);
    for (int i = 0; i < 500; i++)
        server_chunk(conn, event, (size_t)snprintf(event, sizeof event, "%d,", i));
    if (strcmp(conn->path, "/cut") != 0)
        server_chunk(conn, "", 0);
    return false;
}

static const char *const count_paths[] = { "/whole", "/cut" };

START_TEST(pausing_at_every_piece_loses_and_repeats_nothing)
{
    struct gw_transfer_request request;
    struct gw_buf want;

    gw_buf_init(&want, 1u << 16);
    for (int i = 0; i < 500; i++)
        gw_buf_printf(&want, "%d,", i);
    open_with(count_up);
    request = get(count_paths[_i]);
    watch.in_data = DO_PAUSE;
    watch_start(&watch, &request);
    for (int i = 1; watch.dones == 0; i++) {
        while (watch.datas < i && watch.dones == 0)
            gw_loop_turn(fix.loop, 50);
        if (watch.dones == 0)
            gw_transfer_resume(watch.call);
    }
    ck_assert_kind(watch, _i == 0 ? GW_UP_OK : GW_UP_CUT);
    ck_assert_str_eq(watch.data.data, want.data);
    gw_buf_done(&want);
    close_all();
}
END_TEST

START_TEST(a_paused_call_can_be_cancelled_and_has_a_total_limit)
{
    struct gw_transfer_request request;

    open_with(flood);
    request = get("/");
    request.total_ms = 200;
    watch.in_data = DO_PAUSE;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_TIMEOUT);
    request.total_ms = 0;
    watch_done(&watch);
    watch_init(&fix, &watch);
    watch.in_data = DO_PAUSE;
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    gw_transfer_resume(watch.call);
    gw_transfer_cancel(watch.call);
    fix_turn_for(&fix, 20);
    ck_assert_int_eq(watch.datas, 1);
    ck_assert_int_eq(watch.dones, 0);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

/* ---- cancel, stop, restart ---------------------------------------------------------------------------------- */

/** A head and one event, then waits for the client to go and says so. */
static bool hold(struct server_conn *conn)
{
    server_say(conn, STREAM_HEAD);
    server_chunk(conn, "data: 1\n\n", 9);
    if (server_wait_gone(conn))
        sem_post(server_seen(conn->server));
    return false;
}

static const struct {
    const char *id;
    int in_head, in_data;
    int dones, datas;
} departures[] = {
    { "cancel-in-head", DO_CANCEL, DO_NOTHING, 0, 0 },
    { "cancel-in-data", DO_NOTHING, DO_CANCEL, 0, 1 },
    { "stop-in-head", DO_STOP, DO_NOTHING, 1, 0 },
    { "stop-in-data", DO_NOTHING, DO_STOP, 1, 1 },
};

START_TEST(leaving_closes_the_server_side_at_once)
{
    struct gw_transfer_request request;
    int64_t begin_ms;

    open_with(hold);
    request = get("/");
    watch.in_head = departures[_i].in_head;
    watch.in_data = departures[_i].in_data;
    begin_ms = gw_mono_ms();
    watch_start(&watch, &request);
    fix_wait_sem(&fix, server_seen(fix.server));
    ck_assert_int_lt(gw_mono_ms() - begin_ms, 5000);
    ck_assert_int_eq(watch.heads, 1);
    ck_assert_int_eq(watch.datas, departures[_i].datas);
    ck_assert_int_eq(watch.dones, departures[_i].dones);
    if (watch.dones)
        ck_assert_kind(watch, GW_UP_STOPPED);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(cancel_from_outside_is_seen_at_once)
{
    struct gw_transfer_request request;

    open_with(hold);
    request = get("/");
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    gw_transfer_cancel(watch.call);
    server_await(server_seen(fix.server)); /* without another turn of the loop */
    ck_assert_int_eq(watch.dones, 0);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(cancel_at_every_stage_leaves_nothing_behind)
{
    struct gw_transfer_request request;

    open_with(hold);
    for (int turns = 0; turns < 12; turns++) { /* not yet added, connecting, sending, waiting, in the body */
        struct watch one;

        watch_init(&fix, &one);
        request = get("/");
        watch_start(&one, &request);
        for (int i = 0; i < turns; i++)
            gw_loop_turn(fix.loop, 1);
        ck_assert_int_eq(one.dones, 0);
        gw_transfer_cancel(one.call);
        ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
        ck_assert_msg(gw_upstream_open_connections(fix.up) == 0, "after %d turns", turns);
        watch_done(&one);
    }
    /* what still runs at the end goes with the upstream */
    request = get("/");
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    close_all();
    ck_assert_int_eq(watch.dones, 0);
}
END_TEST

static bool answer(struct server_conn *conn)
{
    return server_answer(conn, conn->path);
}

static const struct {
    const char *id;
    int in_head, in_data, in_done;
} places[] = { { "in-head", 1, 0, 0 }, { "in-data", 0, 1, 0 }, { "in-done", 0, 0, 1 } };

START_TEST(calls_may_be_started_in_callbacks)
{
    struct gw_transfer_request request, second;
    struct watch other;

    open_with(answer);
    watch_init(&fix, &other);
    request = get("/first");
    second = get("/second");
    watch.then = &other;
    watch.then_request = &second;
    watch.in_head = places[_i].in_head ? DO_RESTART : DO_NOTHING;
    watch.in_data = places[_i].in_data ? DO_RESTART : DO_NOTHING;
    watch.in_done = places[_i].in_done ? DO_RESTART : DO_NOTHING;
    watch_run(&watch, &request);
    fix_wait(&fix, &other.dones, 1);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_kind(other, GW_UP_OK);
    ck_assert_str_eq(other.data.data, "/second");
    if (places[_i].in_done)
        ck_assert(other.result.was_reused);
    watch_done(&other);
    close_all();
}
END_TEST

START_TEST(other_calls_may_be_cancelled_in_callbacks)
{
    struct gw_transfer_request request, second;
    struct watch other;

    open_with(answer);
    watch_init(&fix, &other);
    request = get("/first");
    second = get("/second");
    watch.then = &other;
    watch.in_head = places[_i].in_head ? DO_CANCEL_OTHER : DO_NOTHING;
    watch.in_data = places[_i].in_data ? DO_CANCEL_OTHER : DO_NOTHING;
    watch.in_done = places[_i].in_done ? DO_CANCEL_OTHER : DO_NOTHING;
    other.in_head = DO_NOTHING;
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.heads, 0);
    other.call = NULL;
    watch_start(&other, &second);
    other.then = NULL;
    fix_wait(&fix, &watch.dones, 1);
    fix_turn_for(&fix, 20);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_int_le(other.dones, 1); /* it may have ended first: then there was nothing left to cancel */
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    watch_done(&other);
    close_all();
}
END_TEST

START_TEST(cancelling_in_on_done_changes_nothing)
{
    struct gw_transfer_request request;

    open_with(answer);
    watch.in_done = DO_CANCEL;
    request = get("/x");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

/* ---- an answer before the request was read ------------------------------------------------------------------- */

static bool answer_early(struct server_conn *conn)
{
    bool ok = server_say(conn, STREAM_HEAD) && server_chunk(conn, "early", 5);

    sem_wait(server_gate(conn->server));
    ok = ok && server_read_body(conn);
    server_say(conn, ok && strspn(conn->body, "b") == conn->body_len ? "4\r\ngood\r\n" : "3\r\nbad\r\n");
    server_chunk(conn, "", 0);
    return false;
}

static const size_t early_sizes[] = { 10, 32768, 32769, 60000, 8u << 20 };

START_TEST(the_body_may_go_once_the_head_is_there)
{
    struct gw_transfer_request request;
    size_t len = early_sizes[_i];
    char *body = malloc(len);

    memset(body, 'b', len);
    fix_open(&fix, &(struct server_options){ .script = answer_early, .leave_body = true });
    watch_init(&fix, &watch);
    request = get("/");
    request.method = "POST";
    request.body = (aigw_str){ body, len };
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.heads, 1);
    memset(body, 'X', len);
    free(body);
    sem_post(server_gate(fix.server));
    fix_wait(&fix, &watch.dones, 1);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_str_eq(watch.data.data, "earlygood");
    close_all();
}
END_TEST

Suite *suite_flow(void)
{
    Suite *suite = suite_create("flow");
    TCase *flow = tcase_create("flow");

    tcase_add_loop_test(flow, silence_and_length_have_limits, 0, (int)GW_ARRAY_LEN(limits));
    tcase_add_test(flow, a_paused_call_takes_no_memory_and_no_data);
    tcase_add_loop_test(flow, pausing_at_every_piece_loses_and_repeats_nothing, 0, (int)GW_ARRAY_LEN(count_paths));
    tcase_add_test(flow, a_paused_call_can_be_cancelled_and_has_a_total_limit);
    tcase_add_loop_test(flow, leaving_closes_the_server_side_at_once, 0, (int)GW_ARRAY_LEN(departures));
    tcase_add_test(flow, cancel_from_outside_is_seen_at_once);
    tcase_add_test(flow, cancel_at_every_stage_leaves_nothing_behind);
    tcase_add_loop_test(flow, calls_may_be_started_in_callbacks, 0, (int)GW_ARRAY_LEN(places));
    tcase_add_loop_test(flow, other_calls_may_be_cancelled_in_callbacks, 0, (int)GW_ARRAY_LEN(places));
    tcase_add_test(flow, cancelling_in_on_done_changes_nothing);
    tcase_add_loop_test(flow, the_body_may_go_once_the_head_is_there, 0, (int)GW_ARRAY_LEN(early_sizes));
    tcase_set_timeout(flow, 20);
    suite_add_tcase(suite, flow);
    return suite;
}
