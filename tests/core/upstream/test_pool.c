/* test_pool.c - which connections are used again, how long, and what happens when they had ended. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "upstream/internal.h"

static struct fix fix;
static struct watch watch;

static struct gw_transfer_request get(const char *path)
{
    return (struct gw_transfer_request){ .method = "POST", .url = fix_url(&fix, path), .body = AIGW_STR("{}") };
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

/** One call from start to end. */
static void call(struct watch *one, const char *path)
{
    struct gw_transfer_request request = get(path);

    watch_init(&fix, one);
    watch_run(one, &request);
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

#define LENGTH_2 "Content-Length: 2\r\n\r\nhi"

static const struct {
    const char *id, *say;
    bool is_kept;
} answers[] = {
    { "plain", "HTTP/1.1 200 OK\r\n" LENGTH_2, true },
    { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true },
    { "error", "HTTP/1.1 503 No\r\n" LENGTH_2, true },
    { "close", "HTTP/1.1 200 OK\r\nConnection: close\r\n" LENGTH_2, false },
    { "old", "HTTP/1.0 200 OK\r\n" LENGTH_2, false },
    { "old-keep", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" LENGTH_2, true },
    { "keep-alive-1s", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\n" LENGTH_2, false },
    { "keep-alive-0s", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\n" LENGTH_2, false },
    { "keep-alive-9s", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=9, max=4\r\n" LENGTH_2, true },
    { "second-answer", "HTTP/1.1 200 OK\r\n" LENGTH_2 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false },
    { "one-byte-more", "HTTP/1.1 200 OK\r\n" LENGTH_2 "x", false },
    { "line-end-more", "HTTP/1.1 200 OK\r\n" LENGTH_2 "\r\n", false },
    { "body-with-204", "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nhi", false },
    { "broken", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", false },
    { "unknown-coding", "HTTP/1.1 503 No\r\nContent-Encoding: br\r\n" LENGTH_2, false },
};

static bool say(struct server_conn *conn)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(answers); i++)
        if (strcmp(conn->path + 1, answers[i].id) == 0)
            return server_say(conn, answers[i].say);
    return server_answer(conn, "good");
}

START_TEST(only_sound_connections_are_kept)
{
    char path[64];
    struct watch one;

    snprintf(path, sizeof path, "/%s", answers[_i].id);
    open_with(say);
    call(&one, path);
    ck_assert_int_eq(one.dones, 1);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), answers[_i].is_kept);
    watch_done(&one);
    /* whatever it was, the next call gets its own answer */
    call(&watch, "/next");
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_str_eq(watch.data.data, "good");
    ck_assert_int_eq(watch.result.was_reused, answers[_i].is_kept);
    ck_assert_int_eq(server_accepted(fix.server), answers[_i].is_kept ? 1 : 2);
    close_all();
}
END_TEST

/** An answer, and then what nobody asked for: /close, /byte, /late-answer. */
static bool afterthought(struct server_conn *conn)
{
    bool is_first = conn->served == 0 && conn->number == 0;

    if (!server_answer(conn, is_first ? "first" : "good"))
        return false;
    if (!is_first)
        return true;
    sem_wait(server_gate(conn->server));
    if (strcmp(conn->path, "/byte") == 0)
        server_say(conn, "x");
    else if (strcmp(conn->path, "/late-answer") == 0)
        server_say(conn, "HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n");
    return strcmp(conn->path, "/close") != 0;
}

static const char *const afterthoughts[] = { "/close", "/byte", "/late-answer" };

START_TEST(an_idle_connection_that_stirs_is_dropped)
{
    struct watch one;
    int64_t end_ms;

    open_with(afterthought);
    call(&one, afterthoughts[_i]);
    ck_assert_str_eq(one.data.data, "first");
    watch_done(&one);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
    sem_post(server_gate(fix.server));
    end_ms = gw_mono_ms() + 5000;
    while (gw_upstream_open_connections(fix.up) > 0 && gw_mono_ms() < end_ms)
        gw_loop_turn(fix.loop, 10);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    call(&watch, "/");
    ck_assert_str_eq(watch.data.data, "good");
    ck_assert(!watch.result.was_reused);
    close_all();
}
END_TEST

static bool name_connection(struct server_conn *conn)
{
    char text[32];

    snprintf(text, sizeof text, "%d", conn->number);
    if (strcmp(conn->path, "/wait") == 0)
        sem_wait(server_gate(conn->server));
    return server_answer(conn, text);
}

START_TEST(the_last_used_is_used_first_and_surplus_is_closed)
{
    struct gw_upstream_options options = { .connections_per_host = 2, .connect_ms = 2000 };
    struct gw_transfer_request request;
    struct watch many[4], one;

    open_with(name_connection);
    gw_upstream_set_options(fix.up, &options);
    for (int i = 0; i < 4; i++) {
        watch_init(&fix, &many[i]);
        request = get("/wait");
        watch_start(&many[i], &request);
    }
    for (int i = 0; i < 4; i++)
        sem_post(server_gate(fix.server));
    for (int i = 0; i < 4; i++) {
        fix_wait(&fix, &many[i].dones, 1);
        ck_assert_kind(many[i], GW_UP_OK);
        watch_done(&many[i]);
    }
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 2);
    call(&one, "/");
    call(&watch, "/");
    ck_assert(one.result.was_reused && watch.result.was_reused);
    ck_assert_str_eq(one.data.data, watch.data.data);
    watch_done(&one);
    /* idle ones go when their time is over */
    TAILQ_FIRST(&fix.up->idle)->expires_ms = 0;
    gw_pool_on_sweep(&fix.up->sweep);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
    TAILQ_FIRST(&fix.up->idle)->expires_ms = 0; /* nor are they used after it */
    watch_done(&watch);
    call(&watch, "/");
    ck_assert(!watch.result.was_reused);
    close_all();
}
END_TEST

START_TEST(origins_share_nothing_and_go_when_unused)
{
    struct gw_transfer_request request;
    struct watch one;

    open_with(name_connection);
    request = get("/");
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_init(&fix, &one);
    watch_run(&one, &request);
    call(&watch, "/"); /* not checked: may not take the other's, nor the other way round */
    ck_assert(!watch.result.was_reused);
    ck_assert_int_eq(server_accepted(fix.server), 2);
    watch_done(&one);
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.url = fix_url_of(&fix, "http", "localhost", "/");
    watch_run(&watch, &request);
    ck_assert(!watch.result.was_reused);
    ck_assert_uint_eq(fix.up->unused_origins, 0);
    gw_pool_close_all(fix.up);
    fix_turn_for(&fix, 1);
    ck_assert_uint_eq(fix.up->unused_origins, 3);
    for (size_t i = 0; i < GW_ORIGIN_SLOTS; i++)
        for (struct gw_origin *origin = fix.up->origins[i]; origin; origin = origin->next)
            origin->unused_ms -= GW_IDLE_MS;
    gw_pool_on_sweep(&fix.up->sweep);
    ck_assert_uint_eq(fix.up->unused_origins, 0);
    close_all();
}
END_TEST

/* ---- a pooled connection that had ended -------------------------------------------------------------------------- */

/** The first request of a connection is answered, the second meets what the path says; a connection after the first
 *  answers nothing at all for /twice. */
static bool die_on_second(struct server_conn *conn)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    if (strcmp(conn->path, "/twice") == 0)
        sem_post(server_seen(conn->server));
    if (conn->number > 0 && strcmp(conn->path, "/twice") == 0)
        return false;
    if (conn->served == 0)
        return server_answer(conn, "good");
    if (strcmp(conn->path, "/reset") == 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    if (strcmp(conn->path, "/byte") == 0)
        server_say(conn, "H");
    if (strcmp(conn->path, "/mute") == 0)
        server_wait_gone(conn);
    return false;
}

static const struct {
    const char *path;
    int64_t idle_ms;
    int kind;
    int accepted;
    bool was_reused;
} deaths[] = {
    { "/eof", 5000, GW_UP_OK, 2, false },     { "/reset", 5000, GW_UP_OK, 2, false },
    { "/byte", 5000, GW_UP_CUT, 1, true },    /* an answer had begun */
    { "/mute", 100, GW_UP_TIMEOUT, 1, true }, /* nobody ended it but we */
    { "/twice", 5000, GW_UP_CUT, 2, false },  /* on a fresh connection nothing is sent again */
};

START_TEST(a_request_is_sent_again_once_and_for_one_reason_only)
{
    struct gw_transfer_request request;
    struct watch one;
    int sent = 0;

    open_with(die_on_second);
    call(&one, "/first");
    watch_done(&one);
    request = get(deaths[_i].path);
    request.idle_ms = deaths[_i].idle_ms;
    watch_run(&watch, &request);
    ck_assert_kind(watch, deaths[_i].kind);
    ck_assert_int_eq(watch.result.was_reused, deaths[_i].was_reused);
    ck_assert(watch.result.was_sent);
    ck_assert_int_eq(server_accepted(fix.server), deaths[_i].accepted);
    if (strcmp(deaths[_i].path, "/twice") == 0) {
        ck_assert_int_eq(sem_getvalue(server_seen(fix.server), &sent), 0);
        ck_assert_int_eq(sent, 2);
    }
    close_all();
}
END_TEST

START_TEST(a_large_body_is_sent_again_whole)
{
    size_t len = 3u << 20;
    char *body = malloc(len);
    struct gw_transfer_request request;
    struct watch one;

    memset(body, 'b', len);
    open_with(die_on_second);
    call(&one, "/first");
    watch_done(&one);
    request = get("/eof");
    request.body = (aigw_str){ body, len };
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_str_eq(watch.data.data, "good");
    ck_assert_int_eq(server_accepted(fix.server), 2);
    free(body);
    close_all();
}
END_TEST

/* ---- an answer that nobody waits for ----------------------------------------------------------------------------- */

/** An SSE answer in one piece, the end of its framing included for /whole; later for /late; never for /open. */
static bool stream(struct server_conn *conn)
{
    bool is_later = strcmp(conn->path, "/late") == 0 || strcmp(conn->path, "/flood") == 0;
    char text[8192];

    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\ndata: [DONE]\n\n\r\n%s%s",
             is_later || strcmp(conn->path, "/open") == 0 ? "" : "0\r\n\r\n",
             strcmp(conn->path, "/more") == 0 ? "x" : "");
    if (!server_say(conn, text))
        return false;
    if (is_later)
        sem_wait(server_gate(conn->server));
    memset(text, ' ', sizeof text);
    for (int i = 0; i < 10 && strcmp(conn->path, "/flood") == 0; i++)
        server_chunk(conn, text, sizeof text);
    if (!is_later)
        return true;
    bool is_open = server_say(conn, "5\r\n: x\n\n\r\n0\r\n\r\n");
    sem_post(server_seen(conn->server));
    return is_open;
}

static const struct {
    const char *path;
    int what;
    bool is_kept;
} leavings[] = {
    { "/whole", DO_CANCEL, true }, { "/whole", DO_STOP, true },   { "/whole", DO_LEAVE, true },
    { "/open", DO_CANCEL, false }, { "/open", DO_STOP, false },   { "/open", DO_LEAVE, false },
    { "/more", DO_CANCEL, false }, { "/more", DO_LEAVE, false },  { "/late", DO_CANCEL, false },
    { "/late", DO_LEAVE, true },   { "/flood", DO_LEAVE, false },
};

START_TEST(leaving_at_the_end_marker_keeps_a_whole_answers_connection)
{
    struct gw_transfer_request request;

    open_with(stream);
    request = get(leavings[_i].path);
    watch.in_data = leavings[_i].what;
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    sem_post(server_gate(fix.server));
    if (strcmp(leavings[_i].path, "/late") == 0)
        server_await(server_seen(fix.server)); /* however late it is: the loop has not turned since */
    fix_wait_ended(&fix);
    fix_turn_for(&fix, 20);
    ck_assert_int_eq(watch.datas, 1);
    ck_assert_int_eq(watch.dones, leavings[_i].what == DO_STOP);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), leavings[_i].is_kept);
    if (leavings[_i].is_kept) { /* and it is good for another */
        struct watch one;

        watch_init(&fix, &one);
        request = get("/whole");
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert(one.result.was_reused);
        watch_done(&one);
    }
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream pool");
    TCase *pool = tcase_create("pool");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(pool, only_sound_connections_are_kept, 0, (int)GW_ARRAY_LEN(answers));
    tcase_add_loop_test(pool, an_idle_connection_that_stirs_is_dropped, 0, (int)GW_ARRAY_LEN(afterthoughts));
    tcase_add_test(pool, the_last_used_is_used_first_and_surplus_is_closed);
    tcase_add_test(pool, origins_share_nothing_and_go_when_unused);
    tcase_add_loop_test(pool, a_request_is_sent_again_once_and_for_one_reason_only, 0, (int)GW_ARRAY_LEN(deaths));
    tcase_add_test(pool, a_large_body_is_sent_again_whole);
    tcase_add_loop_test(pool, leaving_at_the_end_marker_keeps_a_whole_answers_connection, 0,
                        (int)GW_ARRAY_LEN(leavings));
    tcase_set_timeout(pool, 20);
    suite_add_tcase(suite, pool);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
