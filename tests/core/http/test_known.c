/* test_known.c - heads that the library has read before: what counts as the same, and that everybody still gets what
 * his own request says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "http/internal.h"

#define TOLD "POST /echo HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\n\r\n"

/* ---- the table ------------------------------------------------------------------------------------------------ */

static struct gw_http http;

static bool find(const char *told, struct http_ex *ex)
{
    memset(ex, 0, sizeof *ex);
    ex->pub.http = &http;
    return http_known_find(ex, gw_str(told));
}

/** Ask for it, and let the library agree. */
static bool find_and_agree(const char *told)
{
    struct http_ex ex;
    bool is_known = find(told, &ex);

    http_known_agree(&ex);
    return is_known;
}

START_TEST(a_head_is_known_once_the_library_agreed)
{
    struct http_ex ex;

    ck_assert(http_known_init(&http));
    ck_assert(!find(TOLD, &ex)); /* noted */
    ck_assert(!find(TOLD, &ex)); /* kept */
    ck_assert(!find(TOLD, &ex)); /* nobody said that it was read well */
    ck_assert(!find_and_agree(TOLD));
    ck_assert(find(TOLD, &ex));
    http_known_done(&http);
}
END_TEST

START_TEST(every_byte_counts)
{
    char other[] = TOLD;

    ck_assert(http_known_init(&http));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(find_and_agree(TOLD), i == 2);
    for (size_t i = 0; i < sizeof TOLD - 1; i++) {
        other[i] ^= 1;
        ck_assert_msg(!find_and_agree(other), "byte %zu", i);
        other[i] ^= 1;
    }
    other[sizeof TOLD - 2] = '\0';
    ck_assert(!find_and_agree(other));
    ck_assert(!find_and_agree(TOLD "x"));
    http_known_done(&http);
}
END_TEST

START_TEST(a_place_that_was_taken_is_not_agreed_to)
{
    struct http_ex first, ex = { .known = NULL };
    char other[64] = "";

    ck_assert(http_known_init(&http));
    find(TOLD, &first);
    find(TOLD, &first);
    ck_assert_ptr_nonnull(first.known);
    for (unsigned i = 0; ex.known != first.known; i++) { /* until one falls on the same place */
        snprintf(other, sizeof other, "GET /%u HTTP/1.1\r\nHost: x\r\n\r\n", i);
        find(other, &ex);
        find(other, &ex);
    }
    http_known_agree(&first);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(!find(other, &ex), "what took the place is not what was read");
    http_known_done(&http);
}
END_TEST

START_TEST(chunks_and_cookies_are_always_read)
{
    struct http_ex ex;

    ck_assert(http_known_init(&http));
    for (int i = 0; i < 4; i++) {
        find("x", &ex);
        ex.known = NULL;
        ex.is_chunked = i % 2 == 0;
        ex.has_cookies = i % 2 != 0;
        ck_assert(!http_known_find(&ex, AIGW_STR(TOLD)));
        ck_assert_ptr_null(ex.known);
    }
    http_known_done(&http);
}
END_TEST

/* ---- what is told ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *head, *told;
} heads[] = {
    { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n" },
    { "GET / HTTP/1.1\r\nX-Request-Id: 1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { "GET / HTTP/1.1\r\nHost: x\r\nauthorization:Bearer a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { "POST / HTTP/1.1\r\nx-a: 1\r\nX-B:\r\nHost: x\r\nContent-Length: 5\r\nTraceParent: 00-1\r\nExpect: y\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: y\r\n\r\n" },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" },
    /* What is not plain is read twice. */
    { "GET / HTTP/1.1\r\nHost: x\r\nX-A: \xc3\xa4\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX-A: \xc3\xa4\r\n\r\n" },
    { "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\tb\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\tb\r\n\r\n" },
    { "GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\nXX-A: 1\r\nAuthorizations: 2\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\nXX-A: 1\r\nAuthorizations: 2\r\n\r\n" },
};

START_TEST(lines_that_http_gives_no_meaning_are_ours)
{
    struct http_refusal refusal;
    struct http_conn conn = { .http = &http };
    struct http_ex ex = { .pub = { .http = &http }, .conn = &conn };
    size_t len = strlen(heads[_i].head);

    http.told = malloc(len);
    ck_assert_ptr_nonnull(http.told);
    gw_arena_init(&ex.pub.arena, 1u << 20);
    ck_assert(http_head_judge(&ex, heads[_i].head, len, &refusal));
    aigw_str told = http_head_told(&ex, heads[_i].head, len);
    ck_assert_msg(gw_str_is(told, heads[_i].told), "%.*s", AIGW_STR_ARG(told));
    gw_arena_done(&ex.pub.arena);
    free(http.told);
    http.told = NULL;
}
END_TEST

/* ---- a server ---------------------------------------------------------------------------------------------------- */

/** Each request has a body and a number of its own; the rest of its head is always the same. */
START_TEST(each_request_gets_its_own_answer)
{
    struct server *server = server_start(NULL, NULL);
    struct client client;
    struct response response;
    char request[512], body[64];

    client_open(&client, server_port(server));
    for (int i = 0; i < 12; i++) {
        bool is_split = i % 3 == 2; /* the body comes on its own */
        snprintf(body, sizeof body, "%.*s%d", i, "abcdefghijkl", i);
        snprintf(
            request, sizeof request,
            "POST /%s HTTP/1.1\r\nHost: x\r\nX-Request-Id: number-%d\r\nAuthorization: Bearer %d\r\nContent-Length: "
            "%zu\r\n\r\n%s",
            i % 4 == 3 ? "wait" : "echo", i, i, strlen(body), is_split ? "" : body);
        client_send(&client, request);
        if (is_split)
            client_send(&client, body);
        ck_assert(client_response(&client, false, &response));
        ck_assert_int_eq(response.status, 200);
        ck_assert_uint_eq(response.body_len, strlen(body));
        ck_assert_mem_eq(response.body, body, response.body_len);
        snprintf(body, sizeof body, "number-%d", i);
        ck_assert_str_eq(response_header(&response, "x-request-id"), body);
        response_free(&response);
    }
    client_close(&client);
    ck_assert_int_eq(server_counters(server).bodies, 12);
    server_stop(server);
}
END_TEST

/** A known head whose client leaves before its body, and one whose body never comes because it was refused early. */
START_TEST(a_known_head_may_end_in_any_way)
{
    static const char *const known[] = { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
                                         "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" };
    struct server *server = server_start(NULL, NULL);
    struct client client;
    struct response response;

    for (int i = 0; i < 6; i++) {
        client_open(&client, server_port(server));
        client_send(&client, known[0]);
        if (i < 3) {
            client_send(&client, "abc");
            ck_assert(client_response(&client, false, &response));
            ck_assert_int_eq(response.status, 200);
            response_free(&response);
        }
        client_close(&client);
        ck_assert(server_wait_connections(server, 0));
        client_open(&client, server_port(server));
        client_send(&client, known[1]);
        client_send(&client, "abc");
        ck_assert(client_response(&client, false, &response));
        ck_assert_int_eq(response.status, 401);
        response_free(&response);
        client_close(&client);
        ck_assert(server_wait_connections(server, 0));
    }
    ck_assert_int_eq(server_counters(server).bodies, 3);
    server_stop(server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("known");
    TCase *table = tcase_create("table"), *served = tcase_create("served");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(table, a_head_is_known_once_the_library_agreed);
    tcase_add_test(table, every_byte_counts);
    tcase_add_test(table, a_place_that_was_taken_is_not_agreed_to);
    tcase_add_test(table, chunks_and_cookies_are_always_read);
    tcase_add_loop_test(table, lines_that_http_gives_no_meaning_are_ours, 0, (int)GW_ARRAY_LEN(heads));
    tcase_add_test(served, each_request_gets_its_own_answer);
    tcase_add_test(served, a_known_head_may_end_in_any_way);
    tcase_set_timeout(served, 30);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, served);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
