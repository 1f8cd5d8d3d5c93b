/* test_unpack.c - compressed bodies: every split, small room, several parts in one body, and what is broken. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/unpack.h"

enum form { GZIP, ZLIB, RAW, ZSTD, FORMS }; /* RAW: a bare deflate stream */

static enum gw_coding coding_of(enum form form)
{
    return form == ZSTD ? GW_CODING_ZSTD : form == GZIP ? GW_CODING_GZIP : GW_CODING_DEFLATE;
}

static size_t pack_zstd(char *out, size_t room, const char *text, size_t len)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t made;

    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    made = ZSTD_compress2(z, out, room, text, len);
    ck_assert_msg(!ZSTD_isError(made), "%s", ZSTD_getErrorName(made));
    ZSTD_freeCCtx(z);
    return made;
}

static size_t pack(char *out, size_t room, const char *text, size_t len, enum form form)
{
    static const int bits[] = { [GZIP] = 31, [ZLIB] = 15, [RAW] = -15 };
    z_stream z = { .next_in = NULL };
    size_t made;

    if (form == ZSTD)
        return pack_zstd(out, room, text, len);
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits[form], 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    made = room - z.avail_out;
    deflateEnd(&z);
    return made;
}

/** Feed bytes; what comes out is added to `out`. Without ck_assert_…(), of which check writes down each one that holds.
 */
static enum gw_unpack_step feed(struct gw_unpack *unpack, const char *bytes, size_t len, size_t room,
                                struct gw_buf *out)
{
    char space[65536];
    aigw_str input = { bytes, len }, data;
    enum gw_unpack_step step;

    while ((step = gw_unpack_step(unpack, &input, space, room, &data)) == GW_UNPACK_DATA) {
        if (data.len == 0)
            ck_abort_msg("a piece without bytes");
        gw_buf_put_str(out, data);
    }
    if (step == GW_UNPACK_MORE && input.len > 0)
        ck_abort_msg("it wants more, and left %zu bytes", input.len);
    return step;
}

/* ---- good ones -------------------------------------------------------------------------------------------------- */

static const char text[] = "data: {\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}\n\ndata: [DONE]\n\n";

#define SKIPPED "\x5a\x2a\x4d\x18\x03\x00\x00\x00xyz" /* a frame that is to be skipped, with "xyz" in it */

static const struct {
    const char *label;
    enum form form;
    bool is_twice; /* in two parts */
    bool has_skipped;
} forms[] = {
    { "gzip", GZIP, false, false },    { "x-gzip", GZIP, false, false },   { "GZIP", GZIP, true, false },
    { "deflate", ZLIB, false, false }, { " Deflate ", RAW, false, false }, { "zstd", ZSTD, false, false },
    { " Zstd", ZSTD, true, false },    { "zstd", ZSTD, true, true },
};

/** In parts[] where each part ends. */
static size_t pack_form(char *out, size_t room, int i, size_t *parts, char *want)
{
    size_t len = 0, count = 0;

    for (int part = 0; part <= forms[i].is_twice; part++) {
        if (forms[i].has_skipped) {
            memcpy(out + len, SKIPPED, sizeof SKIPPED - 1);
            parts[count++] = len += sizeof SKIPPED - 1;
        }
        parts[count++] = len += pack(out + len, room - len, text, sizeof text - 1, forms[i].form);
        strcat(want, text);
    }
    return len;
}

static bool is_in(const size_t *parts, size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i] == at)
            return true;
    return false;
}

START_TEST(bodies_come_out_whole_in_every_split)
{
    static const size_t rooms[] = { 1, 7, 65536 };
    enum gw_coding coding = gw_coding_of(gw_str(forms[_i].label));
    char packed[1024], want[2 * sizeof text] = "";
    size_t parts[4] = { 0 }, len = pack_form(packed, sizeof packed, _i, parts, want);

    for (size_t r = 0; r < GW_ARRAY_LEN(rooms); r++)
        for (size_t split = 0; split <= len; split++) {
            struct gw_unpack *unpack = gw_unpack_new(coding, false);
            struct gw_buf out;

            gw_buf_init(&out, 1u << 20);
            ck_assert_int_eq(feed(unpack, packed, split, rooms[r], &out), GW_UNPACK_MORE);
            ck_assert_msg(gw_unpack_may_end(unpack) == (split == 0 || is_in(parts, 4, split)), "split at %zu", split);
            ck_assert_int_eq(feed(unpack, packed + split, len - split, rooms[r], &out), GW_UNPACK_MORE);
            ck_assert(gw_unpack_may_end(unpack));
            ck_assert_str_eq(out.data, want);
            gw_buf_done(&out);
            gw_unpack_free(unpack);
        }
}
END_TEST

START_TEST(bodies_come_out_whole_byte_by_byte)
{
    char packed[1024], want[2 * sizeof text] = "";
    size_t parts[4], len = pack_form(packed, sizeof packed, _i, parts, want);
    struct gw_unpack *unpack = gw_unpack_new(gw_coding_of(gw_str(forms[_i].label)), false);
    struct gw_buf out;

    gw_buf_init(&out, 4096);
    for (size_t at = 0; at < len; at++)
        for (int again = 0; again < 30; again++) /* nothing new is no mistake, however often */
            if (feed(unpack, packed + at, again == 0, 65536, &out) != GW_UNPACK_MORE)
                ck_abort_msg("byte %zu of %zu: %s", at, len, gw_unpack_problem(unpack));
    ck_assert(gw_unpack_may_end(unpack));
    ck_assert_str_eq(out.data, want);
    gw_buf_done(&out);
    gw_unpack_free(unpack);
}
END_TEST

/** A piece of a stream, flushed. */
static size_t flush_piece(z_stream *z, ZSTD_CCtx *cctx, enum form form, char *out, size_t room)
{
    ZSTD_inBuffer in = { text, sizeof text - 1, 0 };
    ZSTD_outBuffer made = { out, room, 0 };

    if (form == ZSTD) {
        ck_assert_uint_eq(ZSTD_compressStream2(cctx, &made, &in, ZSTD_e_flush), 0);
        return made.pos;
    }
    z->next_in = (Bytef *)(uintptr_t)text;
    z->avail_in = sizeof text - 1;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    ck_assert_int_eq(deflate(z, Z_SYNC_FLUSH), Z_OK);
    return room - z->avail_out;
}

START_TEST(a_stream_comes_out_as_it_comes_in)
{
    enum form form = _i ? ZSTD : GZIP;
    struct gw_unpack *unpack = gw_unpack_new(coding_of(form), false);
    ZSTD_CCtx *cctx = ZSTD_createCCtx();
    z_stream z = { .next_in = NULL };
    char packed[256];

    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 20; i++) {
        size_t len = flush_piece(&z, cctx, form, packed, sizeof packed);
        struct gw_buf out;

        gw_buf_init(&out, 4096);
        ck_assert_int_eq(feed(unpack, packed, len, 65536, &out), GW_UNPACK_MORE);
        ck_assert_str_eq(out.data, text);
        ck_assert(!gw_unpack_may_end(unpack));
        gw_buf_done(&out);
    }
    deflateEnd(&z);
    ZSTD_freeCCtx(cctx);
    gw_unpack_free(unpack);
}
END_TEST

static const struct {
    enum gw_coding coding;
    const char *text;
} labelled[] = {
    { GW_CODING_GZIP, text },      { GW_CODING_ZSTD, text },        { GW_CODING_ZSTD, "[{\"a\":1}]" },
    { GW_CODING_ZSTD, "(what )" }, { GW_CODING_ZSTD, "{\"a\":2}" }, { GW_CODING_ZSTD, "\x1f\x8b" },
    { GW_CODING_ZSTD, "Z!" },      { GW_CODING_DEFLATE, text },     { GW_CODING_DEFLATE, "[]" },
    { GW_CODING_DEFLATE, ": x" },  { GW_CODING_DEFLATE, "data:" },  { GW_CODING_DEFLATE, "event: a" },
};

START_TEST(what_is_only_labelled_passes_as_it_is)
{
    const char *bytes = labelled[_i].text;

    for (size_t step = 1; step <= strlen(bytes); step++) {
        struct gw_unpack *unpack = gw_unpack_new(labelled[_i].coding, false);
        struct gw_buf out;

        gw_buf_init(&out, 4096);
        for (size_t at = 0, len = strlen(bytes); at < len; at += step)
            ck_assert_int_eq(feed(unpack, bytes + at, len - at < step ? len - at : step, 65536, &out), GW_UNPACK_MORE);
        ck_assert_str_eq(out.data, bytes);
        ck_assert(gw_unpack_may_end(unpack));
        gw_buf_done(&out);
        gw_unpack_free(unpack);
    }
}
END_TEST

START_TEST(nothing_may_come_out)
{
    struct gw_unpack *unpack = gw_unpack_new(coding_of((enum form)_i), false);
    char packed[64];
    size_t len = pack(packed, sizeof packed, "", 0, (enum form)_i);
    struct gw_buf out;

    gw_buf_init(&out, 64);
    ck_assert(gw_unpack_may_end(unpack));
    ck_assert_int_eq(feed(unpack, "", 0, 16, &out), GW_UNPACK_MORE);
    ck_assert(gw_unpack_may_end(unpack));
    ck_assert_int_eq(feed(unpack, packed, len, 16, &out), GW_UNPACK_MORE);
    ck_assert(gw_unpack_may_end(unpack));
    ck_assert_uint_eq(out.len, 0);
    gw_buf_done(&out);
    gw_unpack_free(unpack);
}
END_TEST

START_TEST(codings_are_told_apart)
{
    static const struct {
        const char *label;
        enum gw_coding coding;
    } rows[] = { { "", GW_CODING_NONE },           { "identity", GW_CODING_NONE },  { "Identity ", GW_CODING_NONE },
                 { "gzip", GW_CODING_GZIP },       { "X-GZIP", GW_CODING_GZIP },    { "deflate", GW_CODING_DEFLATE },
                 { "zstd", GW_CODING_ZSTD },       { "ZSTD", GW_CODING_ZSTD },      { "zstd2", GW_CODING_UNKNOWN },
                 { "br", GW_CODING_UNKNOWN },      { "x-zstd", GW_CODING_UNKNOWN }, { "gzip, gzip", GW_CODING_UNKNOWN },
                 { "compress", GW_CODING_UNKNOWN } };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(gw_coding_of(gw_str(rows[i].label)), rows[i].coding);
        ck_assert(gw_coding_is_packed(rows[i].coding) ==
                  (rows[i].coding != GW_CODING_NONE && rows[i].coding != GW_CODING_UNKNOWN));
    }
    ck_assert_int_eq(gw_coding_of(AIGW_STR_NONE), GW_CODING_NONE);
}
END_TEST

/* ---- broken ones ------------------------------------------------------------------------------------------------ */

START_TEST(a_body_cut_anywhere_may_not_end_there)
{
    enum form form = (enum form)_i;
    char packed[1024];
    size_t len = pack(packed, sizeof packed, text, sizeof text - 1, form);

    for (size_t cut = 1; cut < len; cut++) {
        struct gw_unpack *unpack = gw_unpack_new(coding_of(form), false);
        struct gw_buf out;

        gw_buf_init(&out, 4096);
        ck_assert_int_eq(feed(unpack, packed, cut, 65536, &out), GW_UNPACK_MORE);
        ck_assert_msg(!gw_unpack_may_end(unpack), "cut after %zu of %zu", cut, len);
        gw_buf_done(&out);
        gw_unpack_free(unpack);
    }
}
END_TEST

/** They may begin another part: then that one has no end. */
static bool may_begin(enum form form, const char *tail)
{
    return (form == GZIP && tail[0] == '\x1f') ||
           (form == ZSTD && (strcmp(tail, "\x28") == 0 || strcmp(tail, "\x28\xb5") == 0 || strcmp(tail, "[") == 0));
}

START_TEST(bytes_behind_the_end_are_refused)
{
    static const char *const tails[] = { "x", "\r\n",  "{}", "\x1f", "\x1f\x8b", "\x28", "\x28\xb5", "\x28\xb5\x2f\xfe",
                                         "[", "[12345" };
    enum form form = (enum form)_i;
    char packed[1024];

    for (size_t t = 0; t < GW_ARRAY_LEN(tails); t++) {
        struct gw_unpack *unpack = gw_unpack_new(coding_of(form), false);
        size_t len = pack(packed, sizeof packed, text, sizeof text - 1, form);
        enum gw_unpack_step step;
        struct gw_buf out;

        strcpy(packed + len, tails[t]);
        gw_buf_init(&out, 4096);
        step = feed(unpack, packed, len + strlen(tails[t]), 65536, &out);
        if (may_begin(form, tails[t]))
            ck_assert(step == GW_UNPACK_MORE && !gw_unpack_may_end(unpack));
        else
            ck_assert_int_eq(step, GW_UNPACK_BROKEN);
        ck_assert_str_eq(out.data, text);
        gw_buf_done(&out);
        gw_unpack_free(unpack);
    }
}
END_TEST

/** Bytes that do not count: then it is no such body at all, or gzip's time, flags and system. */
static bool is_harmless(enum form form, size_t at)
{
    return at == 0 || (form == GZIP && at > 3 && at < 10) || (form == ZSTD && at == 1);
}

START_TEST(damage_is_seen)
{
    enum form form = _i ? ZSTD : GZIP;
    char packed[1024];
    size_t len = pack(packed, sizeof packed, text, sizeof text - 1, form);

    for (size_t at = 0; at < len; at++) {
        struct gw_unpack *unpack;
        enum gw_unpack_step step;
        char damaged[1024];
        struct gw_buf out;

        if (is_harmless(form, at))
            continue;
        unpack = gw_unpack_new(coding_of(form), false);
        memcpy(damaged, packed, len);
        damaged[at] = (char)(damaged[at] ^ 0x55);
        gw_buf_init(&out, 1u << 20);
        step = feed(unpack, damaged, len, 65536, &out);
        ck_assert_msg(step == GW_UNPACK_BROKEN || !gw_unpack_may_end(unpack), "byte %zu", at);
        if (step == GW_UNPACK_BROKEN)
            ck_assert_ptr_nonnull(gw_unpack_problem(unpack));
        gw_buf_done(&out);
        gw_unpack_free(unpack);
    }
}
END_TEST

START_TEST(a_bomb_is_refused_early)
{
    enum form form = (enum form)_i;
    size_t size = 64u << 20;
    char *zeros = calloc(1, size), *packed = malloc(1u << 20);
    size_t len = pack(packed, 1u << 20, zeros, size, form);
    struct gw_unpack *unpack = gw_unpack_new(coding_of(form), false), *bounded = gw_unpack_new(coding_of(form), true);
    struct gw_buf out;

    gw_buf_init(&out, size);
    ck_assert_int_eq(feed(unpack, packed, len, 65536, &out), GW_UNPACK_BROKEN);
    ck_assert_msg(strstr(gw_unpack_problem(unpack), "256 times") != NULL, "%s", gw_unpack_problem(unpack));
    ck_assert_uint_le(out.len,
                      (len * GW_UNPACK_RATIO > GW_UNPACK_FREE ? len * GW_UNPACK_RATIO : GW_UNPACK_FREE) + 65536);
    ck_assert_int_eq(feed(unpack, packed, 1, 65536, &out), GW_UNPACK_BROKEN);
    gw_buf_done(&out);
    gw_buf_init(&out, size); /* who has a maximum of its own gets it all */
    ck_assert_int_eq(feed(bounded, packed, len, 65536, &out), GW_UNPACK_MORE);
    ck_assert(gw_unpack_may_end(bounded) && out.len == size);
    gw_buf_done(&out);
    gw_unpack_free(unpack);
    gw_unpack_free(bounded);
    free(zeros);
    free(packed);
}
END_TEST

/* ---- what only zstd has ------------------------------------------------------------------------------------------ */

/** A frame of "text" in one raw block: magic, descriptor, whatever the descriptor promises, block. */
static size_t put_frame(char *out, const char *after_magic, size_t len)
{
    static const char raw_block[] = "\x21\x00\x00text"; /* last, raw, 4 bytes */

    memcpy(out, "\x28\xb5\x2f\xfd", 4);
    memcpy(out + 4, after_magic, len);
    memcpy(out + 4 + len, raw_block, sizeof raw_block - 1);
    return 4 + len + sizeof raw_block - 1;
}

static const struct {
    const char *head; /* behind the magic number */
    size_t len;
    const char *problem; /* NULL: it is "text" */
} heads[] = {
    { "\x00\x68", 2, NULL },                          /* a window of 8 MiB */
    { "\x00\x69", 2, "more than 8 MiB" },             /* of 9 MiB */
    { "\x00\xff", 2, "more than 8 MiB" },             /* of 3.75 TiB */
    { "\x20\x04", 2, NULL },                          /* no window, but a size: 4 bytes */
    { "\x80\x58\x04\0\0\0", 6, NULL },                /* both */
    { "\x80\x70\x04\0\0\0", 6, "more than 8 MiB" },   /* both; in one call the library alone would let it pass */
    { "\x20\x05", 2, "damaged" },                     /* another size than there is */
    { "\xa0\x01\x00\x80\x00", 5, "more than 8 MiB" }, /* 8 MiB and a byte, all of which is the window */
    { "\x21\x07\x04", 3, "dictionary" },              /* one that nobody agreed on */
    { "\x28\x04", 2, "damaged" },                     /* a bit that no one may set */
};

START_TEST(what_a_frame_asks_for_is_judged_the_same_in_every_split)
{
    char packed[64];
    size_t i = (size_t)_i / 2, len = _i % 2 ? put_frame(packed, "\x20\x04", 2) : 0; /* another one in front of it */
    const char *want = _i % 2 ? "texttext" : "text";

    len += put_frame(packed + len, heads[i].head, heads[i].len);

    for (size_t split = 0; split <= len; split++) {
        struct gw_unpack *unpack = gw_unpack_new(GW_CODING_ZSTD, true);
        struct gw_buf out;

        gw_buf_init(&out, 64);
        if (feed(unpack, packed, split, 65536, &out) == GW_UNPACK_MORE)
            (void)feed(unpack, packed + split, len - split, 65536, &out);
        if (heads[i].problem) {
            ck_assert_ptr_nonnull(gw_unpack_problem(unpack));
            ck_assert_msg(strstr(gw_unpack_problem(unpack), heads[i].problem) != NULL, "%s", gw_unpack_problem(unpack));
        } else {
            ck_assert_msg(gw_unpack_may_end(unpack), "split at %zu: %s", split,
                          gw_unpack_problem(unpack) ? gw_unpack_problem(unpack) : "no end");
            ck_assert_str_eq(out.data, want);
        }
        gw_buf_done(&out);
        gw_unpack_free(unpack);
    }
}
END_TEST

/* More than the window goes through it, the largest as well. */
START_TEST(large_bodies_come_out_whole)
{
    static const int window_logs[] = { 0, 10, 23 }; /* 0: the library's choice */
    size_t size = 12u << 20, room = ZSTD_compressBound(size), len;
    char *plain = malloc(size), *packed = malloc(room);
    struct gw_unpack *unpack = gw_unpack_new(GW_CODING_ZSTD, true);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    uint32_t random = 1;
    struct gw_buf out;

    for (size_t i = 0; i < size; i++) {
        random = random * 1664525u + 1013904223u;
        plain[i] = i >= 4096 && random >> 28 ? plain[i - 4095] : (char)(random >> 20);
    }
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_logs[_i]);
    len = ZSTD_compress2(z, packed, room, plain, size);
    ZSTD_freeCCtx(z);
    ck_assert_msg(!ZSTD_isError(len), "%s", ZSTD_getErrorName(len));
    gw_buf_init(&out, size);
    for (size_t at = 0; at < len; at += 50021)
        ck_assert_int_eq(feed(unpack, packed + at, len - at < 50021 ? len - at : 50021, 16384, &out), GW_UNPACK_MORE);
    ck_assert(gw_unpack_may_end(unpack));
    ck_assert_uint_eq(out.len, size);
    ck_assert_int_eq(memcmp(out.data, plain, size), 0);
    gw_buf_done(&out);
    gw_unpack_free(unpack);
    free(plain);
    free(packed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unpack");
    TCase *coding = tcase_create("coding"), *zstd = tcase_create("zstd");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(coding, bodies_come_out_whole_in_every_split, 0, (int)GW_ARRAY_LEN(forms));
    tcase_add_loop_test(coding, bodies_come_out_whole_byte_by_byte, 0, (int)GW_ARRAY_LEN(forms));
    tcase_add_loop_test(coding, a_stream_comes_out_as_it_comes_in, 0, 2);
    tcase_add_loop_test(coding, what_is_only_labelled_passes_as_it_is, 0, (int)GW_ARRAY_LEN(labelled));
    tcase_add_loop_test(coding, nothing_may_come_out, 0, FORMS);
    tcase_add_test(coding, codings_are_told_apart);
    tcase_add_loop_test(coding, a_body_cut_anywhere_may_not_end_there, 0, FORMS);
    tcase_add_loop_test(coding, bytes_behind_the_end_are_refused, 0, FORMS);
    tcase_add_loop_test(coding, damage_is_seen, 0, 2);
    tcase_add_loop_test(coding, a_bomb_is_refused_early, 0, FORMS);
    tcase_set_timeout(coding, 30);
    suite_add_tcase(suite, coding);
    tcase_add_loop_test(zstd, what_a_frame_asks_for_is_judged_the_same_in_every_split, 0, 2 * (int)GW_ARRAY_LEN(heads));
    tcase_add_loop_test(zstd, large_bodies_come_out_whole, 0, 3);
    tcase_set_timeout(zstd, 60);
    suite_add_tcase(suite, zstd);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
