/* test_gzip.c - compressed bodies: every split, small room, several members, and what is broken. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/gzip.h"

#define BITS_GZIP 31
#define BITS_ZLIB 15
#define BITS_RAW  (-15)

static size_t pack(char *out, size_t room, const char *text, size_t len, int bits)
{
    z_stream z = { .next_in = NULL };
    size_t made;

    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    made = room - z.avail_out;
    deflateEnd(&z);
    return made;
}

/** Feed bytes; what comes out is added to `out`. */
static enum gw_gzip_step feed(struct gw_gzip *gzip, const char *bytes, size_t len, size_t room, struct gw_buf *out)
{
    char space[65536];
    aigw_str input = { bytes, len }, data;
    enum gw_gzip_step step;

    while ((step = gw_gzip_step(gzip, &input, space, room, &data)) == GW_GZIP_DATA) {
        ck_assert_uint_gt(data.len, 0);
        gw_buf_put_str(out, data);
    }
    if (step == GW_GZIP_MORE)
        ck_assert_uint_eq(input.len, 0);
    return step;
}

/* ---- good ones -------------------------------------------------------------------------------------------------- */

static const char text[] = "data: {\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}\n\ndata: [DONE]\n\n";

static const struct {
    const char *label;
    int bits;
    bool is_twice; /* in two members */
} forms[] = {
    { "gzip", BITS_GZIP, false },    { "x-gzip", BITS_GZIP, false },   { "GZIP", BITS_GZIP, true },
    { "deflate", BITS_ZLIB, false }, { " Deflate ", BITS_RAW, false },
};

START_TEST(bodies_come_out_whole_in_every_split)
{
    static const size_t rooms[] = { 1, 7, 65536 };
    enum gw_coding coding = gw_coding_of(gw_str(forms[_i].label));
    char packed[1024], want[2 * sizeof text] = "";
    size_t len = 0;

    for (int i = 0; i <= forms[_i].is_twice; i++) {
        len += pack(packed + len, sizeof packed - len, text, sizeof text - 1, forms[_i].bits);
        strcat(want, text);
    }
    for (size_t r = 0; r < GW_ARRAY_LEN(rooms); r++)
        for (size_t split = 0; split <= len; split++) {
            struct gw_gzip *gzip = gw_gzip_new(coding);
            struct gw_buf out;

            gw_buf_init(&out, 1u << 20);
            ck_assert_int_eq(feed(gzip, packed, split, rooms[r], &out), GW_GZIP_MORE);
            ck_assert(gw_gzip_may_end(gzip) ==
                      (split == 0 || split == len || (forms[_i].is_twice && split == len / 2)));
            ck_assert_int_eq(feed(gzip, packed + split, len - split, rooms[r], &out), GW_GZIP_MORE);
            ck_assert(gw_gzip_may_end(gzip));
            ck_assert_str_eq(out.data, want);
            gw_buf_done(&out);
            gw_gzip_free(gzip);
        }
}
END_TEST

START_TEST(a_stream_comes_out_as_it_comes_in)
{
    z_stream z = { .next_in = NULL };
    struct gw_gzip *gzip = gw_gzip_new(GW_CODING_GZIP);
    char packed[256];

    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, BITS_GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 20; i++) {
        struct gw_buf out;

        z.next_in = (Bytef *)(uintptr_t)text;
        z.avail_in = sizeof text - 1;
        z.next_out = (Bytef *)packed;
        z.avail_out = sizeof packed;
        ck_assert_int_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
        gw_buf_init(&out, 4096);
        ck_assert_int_eq(feed(gzip, packed, sizeof packed - z.avail_out, 65536, &out), GW_GZIP_MORE);
        ck_assert_str_eq(out.data, text);
        ck_assert(!gw_gzip_may_end(gzip));
        gw_buf_done(&out);
    }
    deflateEnd(&z);
    gw_gzip_free(gzip);
}
END_TEST

START_TEST(what_is_only_labelled_passes_as_it_is)
{
    struct gw_gzip *gzip = gw_gzip_new(GW_CODING_GZIP);
    struct gw_buf out;

    gw_buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof text - 1; i++)
        ck_assert_int_eq(feed(gzip, text + i, 1, 65536, &out), GW_GZIP_MORE);
    ck_assert_str_eq(out.data, text);
    ck_assert(gw_gzip_may_end(gzip));
    gw_buf_done(&out);
    gw_gzip_free(gzip);
}
END_TEST

START_TEST(codings_are_told_apart)
{
    static const struct {
        const char *label;
        enum gw_coding coding;
    } rows[] = { { "", GW_CODING_NONE },           { "identity", GW_CODING_NONE }, { "Identity ", GW_CODING_NONE },
                 { "gzip", GW_CODING_GZIP },       { "X-GZIP", GW_CODING_GZIP },   { "deflate", GW_CODING_DEFLATE },
                 { "br", GW_CODING_UNKNOWN },      { "zstd", GW_CODING_UNKNOWN },  { "gzip, gzip", GW_CODING_UNKNOWN },
                 { "compress", GW_CODING_UNKNOWN } };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++)
        ck_assert_int_eq(gw_coding_of(gw_str(rows[i].label)), rows[i].coding);
    ck_assert_int_eq(gw_coding_of(AIGW_STR_NONE), GW_CODING_NONE);
}
END_TEST

/* ---- broken ones ------------------------------------------------------------------------------------------------ */

static const int coded_bits[] = { BITS_GZIP, BITS_ZLIB, BITS_RAW };

START_TEST(a_body_cut_anywhere_may_not_end_there)
{
    char packed[1024];
    size_t len = pack(packed, sizeof packed, text, sizeof text - 1, coded_bits[_i]);

    for (size_t cut = 1; cut < len; cut++) {
        struct gw_gzip *gzip = gw_gzip_new(coded_bits[_i] == BITS_GZIP ? GW_CODING_GZIP : GW_CODING_DEFLATE);
        struct gw_buf out;

        gw_buf_init(&out, 4096);
        ck_assert_int_eq(feed(gzip, packed, cut, 65536, &out), GW_GZIP_MORE);
        ck_assert_msg(!gw_gzip_may_end(gzip), "cut after %zu of %zu", cut, len);
        gw_buf_done(&out);
        gw_gzip_free(gzip);
    }
}
END_TEST

START_TEST(bytes_behind_the_end_are_refused)
{
    static const char *const tails[] = { "x", "\r\n", "{}", "\x1f", "\x1f\x8b" };
    bool is_gzip = coded_bits[_i] == BITS_GZIP;
    char packed[1024];

    for (size_t t = 0; t < GW_ARRAY_LEN(tails); t++) {
        struct gw_gzip *gzip = gw_gzip_new(is_gzip ? GW_CODING_GZIP : GW_CODING_DEFLATE);
        size_t len = pack(packed, sizeof packed, text, sizeof text - 1, coded_bits[_i]);
        enum gw_gzip_step step;
        struct gw_buf out;

        strcpy(packed + len, tails[t]);
        gw_buf_init(&out, 4096);
        step = feed(gzip, packed, len + strlen(tails[t]), 65536, &out);
        if (is_gzip && tails[t][0] == '\x1f') /* it may be another member: then that one has no end */
            ck_assert(step == GW_GZIP_MORE && !gw_gzip_may_end(gzip));
        else
            ck_assert_int_eq(step, GW_GZIP_BROKEN);
        ck_assert_str_eq(out.data, text);
        gw_buf_done(&out);
        gw_gzip_free(gzip);
    }
}
END_TEST

START_TEST(damage_is_seen)
{
    char packed[1024];
    size_t len = pack(packed, sizeof packed, text, sizeof text - 1, BITS_GZIP);

    for (size_t at = 0; at < len; at++) {
        struct gw_gzip *gzip;
        enum gw_gzip_step step;
        char damaged[1024];
        struct gw_buf out;

        if (at == 0 || (at > 3 && at < 10)) /* no gzip then; time, flags and system do not count */
            continue;
        gzip = gw_gzip_new(GW_CODING_GZIP);
        memcpy(damaged, packed, len);
        damaged[at] = (char)(damaged[at] ^ 0x55);
        gw_buf_init(&out, 1u << 20);
        step = feed(gzip, damaged, len, 65536, &out);
        ck_assert_msg(step == GW_GZIP_BROKEN || !gw_gzip_may_end(gzip), "byte %zu", at);
        if (step == GW_GZIP_BROKEN)
            ck_assert_ptr_nonnull(gw_gzip_problem(gzip));
        gw_buf_done(&out);
        gw_gzip_free(gzip);
    }
}
END_TEST

START_TEST(a_bomb_is_refused_early)
{
    size_t size = 64u << 20;
    char *zeros = calloc(1, size), *packed = malloc(1u << 20);
    size_t len = pack(packed, 1u << 20, zeros, size, coded_bits[_i]);
    struct gw_gzip *gzip = gw_gzip_new(coded_bits[_i] == BITS_GZIP ? GW_CODING_GZIP : GW_CODING_DEFLATE);
    struct gw_buf out;

    gw_buf_init(&out, size);
    ck_assert_int_eq(feed(gzip, packed, len, 65536, &out), GW_GZIP_BROKEN);
    ck_assert_msg(strstr(gw_gzip_problem(gzip), "256 times") != NULL, "%s", gw_gzip_problem(gzip));
    ck_assert_uint_le(out.len, (len * GW_GZIP_RATIO > GW_GZIP_FREE ? len * GW_GZIP_RATIO : GW_GZIP_FREE) + 65536);
    ck_assert_int_eq(feed(gzip, packed, 1, 65536, &out), GW_GZIP_BROKEN);
    gw_buf_done(&out);
    gw_gzip_free(gzip);
    free(zeros);
    free(packed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gzip");
    TCase *coding = tcase_create("coding");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(coding, bodies_come_out_whole_in_every_split, 0, (int)GW_ARRAY_LEN(forms));
    tcase_add_test(coding, a_stream_comes_out_as_it_comes_in);
    tcase_add_test(coding, what_is_only_labelled_passes_as_it_is);
    tcase_add_test(coding, codings_are_told_apart);
    tcase_add_loop_test(coding, a_body_cut_anywhere_may_not_end_there, 0, (int)GW_ARRAY_LEN(coded_bits));
    tcase_add_loop_test(coding, bytes_behind_the_end_are_refused, 0, (int)GW_ARRAY_LEN(coded_bits));
    tcase_add_test(coding, damage_is_seen);
    tcase_add_loop_test(coding, a_bomb_is_refused_early, 0, (int)GW_ARRAY_LEN(coded_bits));
    tcase_set_timeout(coding, 30);
    suite_add_tcase(suite, coding);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
