/* test_packed.c - requests whose body comes compressed: handed over unpacked, whenever it was wanted and however it was
 * cut, within the same limit. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "harness.h"

#define BITS_GZIP 31
#define BITS_ZLIB 15

static struct server *server;
static struct client client;
static struct response response;

static void setup(void)
{
    server = server_start(NULL, NULL);
    client_open(&client, server_port(server));
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

static size_t pack(char *out, size_t room, const char *text, size_t len, int bits)
{
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)len, .next_out = (Bytef *)out, .avail_out = (uInt)room
    };

    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t head_of(char *out, size_t room, const char *path, int bits, size_t len)
{
    return (size_t)snprintf(out, room,
                            "POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", path,
                            bits == BITS_GZIP ? "gzip" : "deflate", len);
}

static const char *const paths[] = { "/echo", "/wait" };
static const int codings[] = { BITS_GZIP, BITS_ZLIB };
#define WAYS (GW_ARRAY_LEN(paths) * GW_ARRAY_LEN(codings))

START_TEST(a_packed_body_is_handed_over_unpacked)
{
    const char *path = paths[(size_t)_i % 2], *text = "what was packed, was packed, was packed";
    char packed[256], bytes[512];
    int bits = codings[(size_t)_i / 2];
    size_t len = pack(packed, sizeof packed, text, strlen(text), bits);

    for (size_t step = 1; step < 512; step *= 8) { /* bytes sent at a time */
        size_t total = head_of(bytes, sizeof bytes, path, bits, len);

        memcpy(bytes + total, packed, len);
        total += len;
        for (size_t at = 0; at < total; at += step) {
            client_send_bytes(&client, bytes + at, total - at < step ? total - at : step);
            server_connections(server); /* a turn of the loop in between */
        }
        response_free(&response);
        ck_assert(client_response(&client, false, &response));
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(response.body, text);
    }
}
END_TEST

/* Twice what a route takes, in a few kilobytes. */
START_TEST(a_bomb_ends_at_the_limit)
{
    size_t size = (size_t)8 << 20, room = size / 64;
    char *zeros = calloc(1, size), *packed = malloc(room), head[256];
    int bits = codings[(size_t)_i / 2];
    size_t len, head_len;

    ck_assert(zeros && packed);
    len = pack(packed, room, zeros, size, bits);
    head_len = head_of(head, sizeof head, paths[(size_t)_i % 2], bits, len);
    client_send_bytes(&client, head, head_len);
    client_send_bytes(&client, packed, len);
    ck_assert(client_response(&client, false, &response));
    ck_assert_msg(response.status == 413 || response.status == 400, "%d", response.status);
    free(zeros);
    free(packed);
}
END_TEST

START_TEST(what_has_no_end_or_is_damaged_is_refused)
{
    char packed[256], bytes[512];
    int bits = codings[(size_t)_i / 2];
    size_t len = pack(packed, sizeof packed, "some text to pack", 17, bits), total;

    total = head_of(bytes, sizeof bytes, paths[(size_t)_i % 2], bits, len - 3);
    memcpy(bytes + total, packed, len - 3);
    client_send_bytes(&client, bytes, total + len - 3);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 400);
    ck_assert_ptr_nonnull(strstr(response.body, "unpacked"));
    ck_assert(client_at_end(&client));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http packed");
    TCase *packed = tcase_create("packed");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(packed, setup, teardown);
    tcase_add_loop_test(packed, a_packed_body_is_handed_over_unpacked, 0, (int)WAYS);
    tcase_add_loop_test(packed, a_bomb_ends_at_the_limit, 0, (int)WAYS);
    tcase_add_loop_test(packed, what_has_no_end_or_is_damaged_is_refused, 0, (int)WAYS);
    tcase_set_timeout(packed, 30);
    suite_add_tcase(suite, packed);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
