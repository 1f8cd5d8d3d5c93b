/* test_flow.c - time, back-pressure, cancelling, connection failures and refused addresses. */
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
    ck_assert_int_lt(gw_mono_ms() - begin_ms, 1000);
    ck_assert_int_eq(watch.heads, 1);
    ck_assert_int_eq(watch.datas, departures[_i].datas);
    ck_assert_int_eq(watch.dones, departures[_i].dones);
    if (watch.dones)
        ck_assert_kind(watch, GW_UP_STOPPED);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(cancel_from_outside_is_seen_within_milliseconds)
{
    struct gw_transfer_request request;
    int64_t begin_ms;

    open_with(hold);
    request = get("/");
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    begin_ms = gw_mono_ms();
    gw_transfer_cancel(watch.call);
    while (sem_trywait(server_seen(fix.server)) != 0) /* without another turn of the loop */
        ck_assert_int_lt(gw_mono_ms() - begin_ms, 500);
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

/* ---- connecting --------------------------------------------------------------------------------------------- */

START_TEST(a_closed_port_is_named)
{
    struct gw_transfer_request request = { .method = "GET" };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    char url[64], where[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    /* bound and not listening: nobody else gets the port meanwhile */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/secret-path", ntohs(in.sin_port));
    snprintf(where, sizeof where, "127.0.0.1:%u: cannot connect: Connection refused", ntohs(in.sin_port));
    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    request.url = url;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, where);
    ck_assert_ptr_null(strstr(watch.message, "secret"));
    ck_assert(!watch.result.got_bytes && !watch.result.was_reused);
    close(fd);
    close_all();
}
END_TEST

START_TEST(an_unknown_name_is_named)
{
    struct gw_transfer_request request = { .method = "GET", .url = "http://no-such-host.invalid:81/" };

    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, "no-such-host.invalid:81");
    ck_assert(strstr(watch.message, "resolved") != NULL);
    /* cancelled while the lookup runs: nothing hangs */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.url = "http://other-host.invalid/";
    watch_start(&watch, &request);
    gw_loop_turn(fix.loop, 0);
    gw_transfer_cancel(watch.call);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(connecting_has_a_limit)
{
    struct gw_transfer_request request = { .method = "GET", .connect_ms = 100 };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    char url[64];
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];

    /* a full backlog swallows connection attempts */
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&in, sizeof in);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    request.url = url;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, "no connection within 100 ms");
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(listener);
    close_all();
}
END_TEST

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *host;
    bool is_refused;
} hosts[] = {
    { "169.254.169.254", true },
    { "2852039166", true },
    { "0xa9fea9fe", true },
    { "0251.0376.0251.0376", true },
    { "169.254.43518", true },
    { "0.0.0.0", true },
    { "0", true },
    { "[::]", true },
    { "[fe80::1]", true },
    { "[fd00:ec2::254]", true },
    { "[::ffff:169.254.169.254]", true },
    { "[::ffff:0:0]", true },
    { "metadata.google.internal", true },
    { "METADATA.google.internal.", true },
    { "127.0.0.1", false },
    { "0x7f.1", false },
};

START_TEST(forbidden_hosts_are_refused_and_others_reached)
{
    struct gw_transfer_request request;

    open_with(answer);
    request = get("/ok");
    request.url = fix_url_of(&fix, "http", hosts[_i].host, "/ok");
    request.flags |= GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, hosts[_i].is_refused ? GW_UP_REFUSED : GW_UP_OK);
    ck_assert_int_eq(server_accepted(fix.server), hosts[_i].is_refused ? 0 : 1);
    if (hosts[_i].is_refused)
        ck_assert_has(watch.message, "not allowed as an endpoint");
    close_all();
}
END_TEST

/* Wide digits: no literal to us, yet libcurl's IDN step makes 0.0.0.0 of them, which reaches this host. It stands in
 * for a name whose resolution ends at a forbidden address. */
#define WIDE_ZEROS "\xef\xbc\x90.\xef\xbc\x90.\xef\xbc\x90.\xef\xbc\x90"

START_TEST(the_address_counts_and_not_the_name)
{
    struct gw_transfer_request request;

    ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
    open_with(answer);
    request = get("/ok");
    request.url = fix_url_of(&fix, "http", WIDE_ZEROS, "/ok");
    request.flags |= GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_has(watch.message, "0.0.0.0/8");
    ck_assert_int_eq(server_accepted(fix.server), 0);
    /* the operator may go there */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.flags = 0;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    /* a caller may not, not even on the operator's open connection */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_int_eq(watch.heads, 0);
    ck_assert_int_eq(server_accepted(fix.server), 1);
    close_all();
}
END_TEST

START_TEST(other_schemes_are_refused)
{
    static const char *const urls[] = { "ftp://127.0.0.1/", "file://localhost/etc/passwd", "gopher://127.0.0.1/x" };

    fix_open(&fix, NULL);
    for (size_t i = 0; i < GW_ARRAY_LEN(urls); i++) {
        struct gw_transfer_request request = { .method = "GET", .url = urls[i] };
        struct gw_transfer_events events = { .user = NULL };
        struct gw_err err = { .text = "" };

        if (strncmp(urls[i], "ftp", 3) != 0) { /* some have no port or host: malformed is as good */
            struct gw_transfer *call = gw_transfer_start(fix.up, &request, &events, &err);

            gw_transfer_cancel(call);
            continue;
        }
        watch_init(&fix, &watch);
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_REFUSED);
        watch_done(&watch);
    }
    fix_close(&fix);
}
END_TEST

/* ---- proxy -------------------------------------------------------------------------------------------------- */

START_TEST(a_proxy_is_used_and_the_host_still_checked)
{
    struct gw_transfer_request request = { .method = "GET", .url = "http://model.invalid/v1" };
    struct fix behind;
    char proxy[64];

    fix_open(&fix, &(struct server_options){ .script = answer });
    snprintf(proxy, sizeof proxy, "http://user:pass@127.0.0.1:%u", server_port(fix.server));
    fix_open_with_proxy(&behind, NULL, proxy);
    watch_init(&behind, &watch);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_str_eq(watch.data.data, "http://model.invalid/v1");
    watch_done(&watch);
    watch_init(&behind, &watch);
    request.url = "http://2852039166/latest";
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_ptr_null(strstr(watch.message, "pass"));
    ck_assert_int_eq(server_accepted(fix.server), 1);
    watch_done(&watch);
    fix_close(&behind);
    fix_close(&fix);
}
END_TEST

/** Handles and what is known about a URL are kept from call to call. */
START_TEST(a_call_through_a_proxy_leaves_no_trace_on_the_next)
{
    struct gw_transfer_request request = { .method = "GET" };
    struct fix both;
    char proxy[64], direct[64];

    fix_open(&fix, &(struct server_options){ .script = answer });
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server_port(fix.server));
    snprintf(direct, sizeof direct, "http://127.0.0.1:%u/direct", server_port(fix.server));
    setenv("http_proxy", proxy, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    fix_open_with_proxy(&both, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        watch_init(&both, &watch);
        request.url = "http://model.invalid/v1";
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, "http://model.invalid/v1");
        watch_done(&watch);
        watch_init(&both, &watch);
        request.url = direct;
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, "/direct");
        watch_done(&watch);
    }
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    fix_close(&both);
    fix_close(&fix);
}
END_TEST

START_TEST(many_urls_keep_their_own_hosts)
{
    struct gw_transfer_request request = { .method = "GET", .url = NULL };
    char url[1100], want[1000];

    fix_open(&fix, &(struct server_options){ .script = answer });
    for (int i = 0; i < 120; i++) { /* more than are remembered */
        int at = i % 40;
        snprintf(want, sizeof want, "/%0*d", at == 39 ? 900 : at + 1, at);
        snprintf(url, sizeof url, "http://%s:%u%s", at % 3 ? "127.0.0.1" : "localhost", server_port(fix.server), want);
        request.url = url;
        watch_init(&fix, &watch);
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, want);
        watch_done(&watch);
    }
    fix_close(&fix);
}
END_TEST

Suite *suite_flow(void)
{
    Suite *suite = suite_create("flow");
    TCase *flow = tcase_create("flow"), *where = tcase_create("where");

    tcase_add_loop_test(flow, silence_and_length_have_limits, 0, (int)GW_ARRAY_LEN(limits));
    tcase_add_test(flow, a_paused_call_takes_no_memory_and_no_data);
    tcase_add_loop_test(flow, pausing_at_every_piece_loses_and_repeats_nothing, 0, (int)GW_ARRAY_LEN(count_paths));
    tcase_add_test(flow, a_paused_call_can_be_cancelled_and_has_a_total_limit);
    tcase_add_loop_test(flow, leaving_closes_the_server_side_at_once, 0, (int)GW_ARRAY_LEN(departures));
    tcase_add_test(flow, cancel_from_outside_is_seen_within_milliseconds);
    tcase_add_test(flow, cancel_at_every_stage_leaves_nothing_behind);
    tcase_add_loop_test(flow, calls_may_be_started_in_callbacks, 0, (int)GW_ARRAY_LEN(places));
    tcase_add_loop_test(flow, other_calls_may_be_cancelled_in_callbacks, 0, (int)GW_ARRAY_LEN(places));
    tcase_add_test(flow, cancelling_in_on_done_changes_nothing);
    tcase_add_loop_test(flow, the_body_may_go_once_the_head_is_there, 0, (int)GW_ARRAY_LEN(early_sizes));
    tcase_add_test(where, a_closed_port_is_named);
    tcase_add_test(where, an_unknown_name_is_named);
    tcase_add_test(where, connecting_has_a_limit);
    tcase_add_loop_test(where, forbidden_hosts_are_refused_and_others_reached, 0, (int)GW_ARRAY_LEN(hosts));
    tcase_add_test(where, the_address_counts_and_not_the_name);
    tcase_add_test(where, other_schemes_are_refused);
    tcase_add_test(where, a_proxy_is_used_and_the_host_still_checked);
    tcase_add_test(where, a_call_through_a_proxy_leaves_no_trace_on_the_next);
    tcase_add_test(where, many_urls_keep_their_own_hosts);
    tcase_set_timeout(flow, 20);
    tcase_set_timeout(where, 20);
    suite_add_tcase(suite, flow);
    suite_add_tcase(suite, where);
    return suite;
}
