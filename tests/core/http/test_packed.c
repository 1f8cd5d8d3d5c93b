/* test_packed.c - requests whose body comes compressed: handed over unpacked, whenever it was wanted and however it was
 * cut, within the same limit. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "harness.h"

#define BODY_MAX (4u << 20)

enum form { GZIP, ZLIB, ZSTD, FORMS };

static struct server *server;
static struct client client;
static struct response response;

static void setup(void)
{
    struct gw_http_limits limits = default_limits;

    limits.body_max = BODY_MAX;
    server = server_start(&limits, NULL);
    client_open(&client, server_port(server));
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

static size_t pack(char *out, size_t room, const char *text, size_t len, enum form form)
{
    z_stream z = { .next_in = NULL };

    if (form == ZSTD) {
        size_t made = ZSTD_compress(out, room, text, len, 3);

        ck_assert_msg(!ZSTD_isError(made), "%s", ZSTD_getErrorName(made));
        return made;
    }
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, form == GZIP ? 31 : 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t head_of(char *out, size_t room, const char *path, enum form form, size_t len)
{
    static const char *const names[] = { [GZIP] = "gzip", [ZLIB] = "deflate", [ZSTD] = "zstd" };

    return (size_t)snprintf(out, room,
                            "POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", path,
                            names[form], len);
}

static const char *const paths[] = { "/echo", "/wait" };
#define WAYS (GW_ARRAY_LEN(paths) * FORMS)

START_TEST(a_packed_body_is_handed_over_unpacked)
{
    const char *path = paths[(size_t)_i % 2], *text = "what was packed, was packed, was packed";
    char packed[256], bytes[512];
    enum form form = (enum form)(_i / 2);
    size_t len = pack(packed, sizeof packed, text, strlen(text), form);

    for (size_t step = 1; step < 512; step *= 8) { /* bytes sent at a time */
        size_t total = head_of(bytes, sizeof bytes, path, form, len);

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

static const struct {
    size_t size;
    int status;
} sizes[] = { { BODY_MAX, 200 }, { BODY_MAX + 1, 413 }, { 16 * BODY_MAX, 413 } };

/* As much as a route takes or more, in a few kilobytes: only what comes out counts. */
START_TEST(a_bomb_ends_at_the_limit)
{
    size_t size = sizes[_i % 3].size, room = size / 64;
    char *zeros = calloc(1, size), *packed = malloc(room), head[256];
    enum form form = (enum form)(_i / 3);
    size_t len, head_len;

    ck_assert(zeros && packed);
    len = pack(packed, room, zeros, size, form);
    head_len = head_of(head, sizeof head, "/echo", form, len);
    client_send_bytes(&client, head, head_len);
    client_send_bytes(&client, packed, len);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, sizes[_i % 3].status);
    if (response.status == 200)
        ck_assert(response.body_len == size && memcmp(response.body, zeros, size) == 0);
    free(zeros);
    free(packed);
}
END_TEST

START_TEST(what_has_no_end_or_is_damaged_is_refused)
{
    char packed[256], bytes[512];
    enum form form = (enum form)(_i / 2);
    size_t len = pack(packed, sizeof packed, "some text to pack", 17, form), total;

    total = head_of(bytes, sizeof bytes, paths[(size_t)_i % 2], form, len - 3);
    memcpy(bytes + total, packed, len - 3);
    client_send_bytes(&client, bytes, total + len - 3);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 400);
    ck_assert_ptr_nonnull(strstr(response.body, "unpacked"));
    ck_assert(client_at_end(&client));
}
END_TEST

/* What is no such body, or asks for more memory than a body may. */
static const struct {
    const char *bytes, *words;
} broken[] = {
    { "\x28\xb5\x2f\xfd\x24\x04\xff\xff\xff\xff\xff", "damaged" },
    { "\x28\xb5\x2f\xfd\x20\x04\x21\x01", "no end" },
    { "\x28\xb5\x2f\xfd\x80\x90\x04\x04\x04\x04", "window of more than 8 MiB" },
    { "\x28\xb5\x2f\xfd\x23\x01\x02\x03\x04\x05", "dictionary" },
};

START_TEST(what_cannot_be_zstd_is_refused_with_the_reason)
{
    const char *bytes = broken[_i].bytes;
    char head[256];

    client_send_bytes(&client, head, head_of(head, sizeof head, "/echo", ZSTD, strlen(bytes)));
    client_send_bytes(&client, bytes, strlen(bytes));
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 400);
    ck_assert_msg(strstr(response.body, broken[_i].words) != NULL, "%s", response.body);
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
    tcase_add_loop_test(packed, a_bomb_ends_at_the_limit, 0, 3 * FORMS);
    tcase_add_loop_test(packed, what_has_no_end_or_is_damaged_is_refused, 0, (int)WAYS);
    tcase_add_loop_test(packed, what_cannot_be_zstd_is_refused_with_the_reason, 0, (int)GW_ARRAY_LEN(broken));
    tcase_set_timeout(packed, 30);
    suite_add_tcase(suite, packed);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
