/* test_session.c - TLS sessions that live and come back: tickets, streams, large bodies, ends, and what a new snapshot
 * does to them. Looks inside. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs.h"
#include "fixture.h"
#include "upstream/internal.h"

static const struct cert_spec specs[] = {
    { .name = "root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "other-root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "good", .issuer = "root", .dns = "localhost", .ip = "127.0.0.1", .from_days = -1, .to_days = 10 },
};

static struct fix fix;
static struct watch watch;
static gnutls_certificate_credentials_t cred;

static bool answer(struct server_conn *conn)
{
    return server_answer(conn, "over TLS");
}

static void open_with(const struct server_options *options)
{
    struct server_options with_tls = *options;

    cred = certs_server("good", NULL);
    with_tls.tls = cred;
    fix_open(&fix, &with_tls);
    watch_init(&fix, &watch);
}

static void close_all(void)
{
    watch_done(&watch);
    fix_close(&fix);
    gnutls_certificate_free_credentials(cred);
}

static struct gw_transfer_request get(const struct gw_upstream_tls *tls, const char *host)
{
    return (struct gw_transfer_request){
        .method = "GET", .url = fix_url_of(&fix, "https", host, "/"), .idle_ms = 5000, .tls = tls
    };
}

/* ---- sessions that are taken up again -------------------------------------------------------------------------- */

START_TEST(tickets_are_used_and_kept_apart)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_upstream_tls other = { .ca_file = certs_path("other-root", ".pem"), .verify = true };

    open_with(&(struct server_options){ .script = answer, .gives_tickets = true });
    for (int i = 0; i < 4; i++) {
        struct gw_transfer_request request = get(&tls, "localhost");
        struct watch one;

        watch_init(&fix, &one);
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert(!one.result.was_reused);
        ck_assert_int_eq(server_resumed(fix.server), i);
        gw_pool_close_all(fix.up);
        watch_done(&one);
    }
    /* another trust does not get in by the ticket of this one, nor another name */
    watch_run(&watch, &(struct gw_transfer_request){
                          .method = "GET", .url = fix_url_of(&fix, "https", "localhost", "/"), .tls = &other });
    ck_assert_kind(watch, GW_UP_TLS);
    watch_done(&watch);
    watch_init(&fix, &watch);
    watch_run(&watch, &(struct gw_transfer_request){
                          .method = "GET", .url = fix_url_of(&fix, "https", "127.0.0.1", "/"), .tls = &tls });
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_int_eq(server_resumed(fix.server), 3);
    close_all();
}
END_TEST

/** A ticket that got into the wrong hands: the handshake takes it, the check after it does not. */
START_TEST(a_resumed_session_is_verified_as_well)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_transfer_request request;
    struct gw_origin *origin;

    open_with(&(struct server_options){ .script = answer, .gives_tickets = true });
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    gw_pool_close_all(fix.up);
    for (size_t i = 0; i < GW_ORIGIN_SLOTS; i++)
        for (origin = fix.up->origins[i]; origin; origin = origin->next)
            if (origin->ticket.data.data) { /* the origin is another host now */
                free(origin->url->bare_host);
                origin->url->bare_host = strdup("127.0.0.2");
            }
    watch_done(&watch);
    watch_init(&fix, &watch);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_TLS);
    ck_assert_has(watch.message, "not for the host name 127.0.0.2");
    for (int64_t end_ms = gw_mono_ms() + 5000; server_resumed(fix.server) == 0 && gw_mono_ms() < end_ms;)
        gw_loop_turn(fix.loop, 5); /* the server is a moment behind */
    ck_assert_int_eq(server_resumed(fix.server), 1);
    close_all();
}
END_TEST

/** With a protocol in common, with none, and with a server that knows nothing of the kind (all the other tests). */
START_TEST(the_choice_of_a_protocol_is_no_obstacle)
{
    static const char *const protocols[] = { "http/1.1", "h2" };
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };

    for (size_t i = 0; i < GW_ARRAY_LEN(protocols); i++) {
        struct gw_transfer_request request;

        open_with(&(struct server_options){ .script = answer, .alpn = protocols[i] });
        watch_init(&fix, &watch);
        request = get(&tls, "localhost");
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        close_all();
    }
}
END_TEST

/* ---- streams over TLS ------------------------------------------------------------------------------------------- */

/** 40 events, some in one record, some in pieces of one; then the connection ends without an end of the body. */
static bool drip(struct server_conn *conn)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    char text[64];

    for (size_t at = 0; at < sizeof head - 1; at++)
        server_send(conn, head + at, 1);
    for (int i = 0; i < 40; i++) {
        int len = snprintf(text, sizeof text, "8\r\n%07d,\r\n", i);

        if (i % 3 == 0)
            for (int at = 0; at < len; at++)
                server_send(conn, text + at, 1);
        else
            server_send(conn, text, (size_t)len);
    }
    if (strcmp(conn->path, "/cut") != 0)
        server_chunk(conn, "", 0);
    return strcmp(conn->path, "/cut") != 0;
}

/** Tickets come with the first bytes of the first answer: what is read ahead of them must not be forgotten. Seen in one
 *  of a few runs only, so many. */
START_TEST(nothing_stays_behind_in_a_session)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_buf want;

    gw_buf_init(&want, 4096);
    for (int i = 0; i < 40; i++)
        gw_buf_printf(&want, "%07d,", i);
    open_with(&(struct server_options){ .script = drip, .gives_tickets = true });
    for (int i = 0; i < 60; i++) {
        struct gw_transfer_request request = get(&tls, "localhost");

        watch_init(&fix, &watch);
        request.idle_ms = 3000;
        watch.in_data = i % 3 == 1 ? DO_PAUSE : DO_NOTHING;
        watch_start(&watch, &request);
        for (int datas = 0; watch.dones == 0;) {
            gw_loop_turn(fix.loop, 50);
            if (watch.datas > datas && watch.call && watch.in_data == DO_PAUSE)
                gw_transfer_resume(watch.call);
            datas = watch.datas;
        }
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, want.data);
        if (i % 2)
            gw_pool_close_all(fix.up);
        watch_done(&watch);
    }
    watch_init(&fix, &watch);
    watch_run(&watch, &(struct gw_transfer_request){
                          .method = "GET", .url = fix_url_of(&fix, "https", "localhost", "/cut"), .tls = &tls });
    ck_assert_kind(watch, GW_UP_CUT);
    ck_assert_str_eq(watch.data.data, want.data);
    gw_buf_done(&want);
    close_all();
}
END_TEST

/** The end marker in one record, the end of the framing in the next; both in one read for /together. */
static bool marker(struct server_conn *conn)
{
    gnutls_record_cork(conn->tls);
    server_say(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\ndata: [DONE]\n\n\r\n");
    if (strcmp(conn->path, "/apart") == 0)
        gnutls_record_uncork(conn->tls, GNUTLS_RECORD_WAIT);
    server_say(conn, "0\r\n\r\n");
    if (strcmp(conn->path, "/together") == 0)
        gnutls_record_uncork(conn->tls, GNUTLS_RECORD_WAIT);
    return true;
}

START_TEST(leaving_at_the_end_marker_keeps_the_session)
{
    static const char *const paths[] = { "/together", "/apart", "/together", "/apart" };
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };

    open_with(&(struct server_options){ .script = marker, .gives_tickets = true });
    for (size_t i = 0; i < GW_ARRAY_LEN(paths); i++) {
        struct gw_transfer_request request = get(&tls, "localhost");
        struct watch one;

        watch_init(&fix, &one);
        one.in_data = DO_LEAVE;
        request.url = fix_url_of(&fix, "https", "localhost", paths[i]);
        watch_start(&one, &request);
        fix_wait(&fix, &one.datas, 1);
        while (gw_upstream_open_transfers(fix.up) > 0)
            gw_loop_turn(fix.loop, 10);
        ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
        ck_assert_int_eq(one.dones, 0);
        watch_done(&one);
    }
    ck_assert_int_eq(server_accepted(fix.server), 1);
    close_all();
}
END_TEST

/** /flood: as much as goes in, until the gate opens. */
static bool flood(struct server_conn *conn)
{
    static const char zeros[8192];

    if (strcmp(conn->path, "/flood") != 0)
        return server_answer(conn, "small");
    server_say(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (sem_trywait(server_gate(conn->server)) != 0)
        if (!server_chunk(conn, zeros, sizeof zeros))
            return false;
    return server_chunk(conn, "", 0);
}

START_TEST(a_flood_leaves_room_for_others)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_transfer_request request;
    struct watch small;

    open_with(&(struct server_options){ .script = flood });
    request = get(&tls, "localhost");
    request.url = fix_url_of(&fix, "https", "localhost", "/flood");
    gw_buf_init(&watch.data, 4096); /* the rest is not kept */
    watch_start(&watch, &request);
    fix_wait(&fix, &watch.datas, 1);
    for (int i = 0; i < 5; i++) {
        request = get(&tls, "localhost");
        watch_init(&fix, &small);
        watch_run(&small, &request);
        ck_assert_kind(small, GW_UP_OK);
        ck_assert_int_eq(watch.dones, 0);
        watch_done(&small);
    }
    sem_post(server_gate(fix.server));
    fix_wait(&fix, &watch.dones, 1);
    ck_assert_kind(watch, GW_UP_OK);
    close_all();
}
END_TEST

/** A body that only the connection's end ends: over TLS that end must have been said. */
static bool until_close(struct server_conn *conn)
{
    server_say(conn, "HTTP/1.1 200 OK\r\n\r\nall of it");
    if (strcmp(conn->path, "/said") == 0)
        gnutls_bye(conn->tls, GNUTLS_SHUT_WR);
    return false;
}

START_TEST(an_end_that_was_not_said_is_a_cut)
{
    static const struct {
        const char *path;
        int kind;
    } rows[] = { { "/said", GW_UP_OK }, { "/unsaid", GW_UP_CUT } };
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };

    open_with(&(struct server_options){ .script = until_close });
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        watch_init(&fix, &watch);
        watch_run(&watch, &(struct gw_transfer_request){ .method = "GET",
                                                         .url = fix_url_of(&fix, "https", "localhost", rows[i].path),
                                                         .tls = &tls });
        ck_assert_kind(watch, rows[i].kind);
        ck_assert_str_eq(watch.data.data, "all of it");
        watch_done(&watch);
    }
    watch_init(&fix, &watch);
    close_all();
}
END_TEST

static bool echo_body(struct server_conn *conn)
{
    return server_answer(conn, conn->body ? conn->body : "");
}

START_TEST(large_bodies_go_through_tls_whole)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    static const size_t sizes[] = { 0, 1, 16384, 16385, 700000 };

    open_with(&(struct server_options){ .script = echo_body });
    for (size_t i = 0; i < GW_ARRAY_LEN(sizes); i++) {
        struct gw_transfer_request request = get(&tls, "localhost");
        char *body = malloc(sizes[i] + 1);

        for (size_t at = 0; at < sizes[i]; at++)
            body[at] = (char)('a' + at * 7 % 26);
        body[sizes[i]] = '\0';
        request.method = "POST";
        request.body = (aigw_str){ body, sizes[i] };
        watch_init(&fix, &watch);
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data ? watch.data.data : "", body);
        watch_done(&watch);
        free(body);
    }
    watch_init(&fix, &watch);
    close_all();
}
END_TEST

/* ---- a new snapshot --------------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char bytes[8192];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t len = fread(bytes, 1, sizeof bytes, in);

    ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
    fclose(in);
    fclose(out);
}

START_TEST(a_snapshot_drops_only_what_it_trusts_otherwise)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("live", ".pem"), .verify = true }, other = tls;
    struct gw_transfer_request request;
    struct watch one;

    copy_file(certs_path("root", ".pem"), tls.ca_file);
    open_with(&(struct server_options){ .script = answer });
    request = get(&tls, "127.0.0.1");
    watch_init(&fix, &one);
    watch_run(&one, &request);
    ck_assert_kind(one, GW_UP_OK);
    watch_done(&one);
    gw_upstream_forget_connections(fix.up);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
    copy_file(certs_path("both", ".pem"), tls.ca_file); /* the same setting, but its file has changed */
    gw_upstream_forget_connections(fix.up);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    watch_init(&fix, &one);
    watch_run(&one, &request);
    ck_assert_kind(one, GW_UP_OK);
    ck_assert(!one.result.was_reused);
    watch_done(&one);
    /* the new snapshot's setting is another: it never gets the old one's connections */
    other.ca_file = certs_path("root", ".pem");
    request.tls = &other;
    gw_upstream_forget_connections(fix.up);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert(!watch.result.was_reused);
    unlink(tls.ca_file);
    close_all();
}
END_TEST

START_TEST(workers_share_what_was_read)
{
    struct gw_trust_store *store = gw_trust_store_new();
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_trust *one = gw_trust_new(store, &tls), *two = gw_trust_new(store, &tls), *three;
    struct gw_credentials *credentials = gw_trust_credentials(one, 1);

    tls.verify = false;
    three = gw_trust_new(store, &tls);
    ck_assert_ptr_nonnull(credentials);
    ck_assert_ptr_eq(gw_trust_credentials(two, 1), credentials);
    ck_assert_ptr_ne(gw_trust_credentials(three, 1), credentials);
    gw_trust_free(one);
    ck_assert_ptr_eq(gw_trust_credentials(two, 5000), credentials);
    gw_trust_free(two);
    gw_trust_free(three);
    gw_trust_store_free(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream sessions");
    TCase *sessions = tcase_create("sessions");
    SRunner *runner;
    int failed;

    certs_make(specs, GW_ARRAY_LEN(specs));
    certs_join("both", "root", "other-root");
    tcase_add_test(sessions, tickets_are_used_and_kept_apart);
    tcase_add_test(sessions, a_resumed_session_is_verified_as_well);
    tcase_add_test(sessions, the_choice_of_a_protocol_is_no_obstacle);
    tcase_add_test(sessions, nothing_stays_behind_in_a_session);
    tcase_add_test(sessions, leaving_at_the_end_marker_keeps_the_session);
    tcase_add_test(sessions, a_flood_leaves_room_for_others);
    tcase_add_test(sessions, an_end_that_was_not_said_is_a_cut);
    tcase_add_test(sessions, large_bodies_go_through_tls_whole);
    tcase_add_test(sessions, a_snapshot_drops_only_what_it_trusts_otherwise);
    tcase_add_test(sessions, workers_share_what_was_read);
    tcase_set_timeout(sessions, 30);
    suite_add_tcase(suite, sessions);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    certs_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
