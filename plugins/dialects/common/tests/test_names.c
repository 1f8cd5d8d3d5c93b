/* test_names.c - tools that are sent as others: names, and plain text in an object, cut at every position. Exit status
 * 0: all is well. */
#include "../names.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool is_good, const char *what, const char *of)
{
    if (is_good)
        return;
    fprintf(stderr, "%s: %s\n", what, of);
    failures++;
}

static bool is(aigw_str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

/* Not a digest, but the same each time, and another one for another text. */
static aigw_status digest(struct aigw_ctx *ctx, aigw_str data, uint8_t ret[32])
{
    uint32_t sum = 1;

    (void)ctx;
    for (size_t i = 0; i < data.len; i++)
        sum = sum * 31 + (unsigned char)data.ptr[i];
    for (int i = 0; i < 32; i++)
        ret[i] = (uint8_t)(sum >> i % 24);
    return AIGW_OK;
}

static void test_names(void)
{
    static const struct {
        const char *scope, *name, *want; /* want ends in "…": the rest is the tool's own */
    } rows[] = {
        { "", "plain", "plain" },
        { "ns", "tool", "ns__tool" },
        { "", "ns__tool", "ns__tool_…" },
        { "", "a.b", "a_b" },
        { "", "a/b", "a_b_…" },
        { "", "a_b", "a_b_…" },
        { "", "plain", "plain" },
        { "ns", "tool", "ns__tool" },
        { "", "a_name_of_eighty_signs_that_is_taken_as_it_is_because_it_is_not_too_long_at_all_",
          "a_name_of_eighty_signs_that_is_taken_as_it_is_because_it_is_not_too_long_at_all_" },
        { "space", "a_name_of_eighty_signs_that_is_taken_as_it_is_because_it_is_not_too_long_at_all_",
          "space__a_name_of_eighty_signs_that_is_taken_as_it_is_bec_…" },
        { "", "\xc3\xa9", "__" },
    };
    static struct record record;
    struct aigw_host host = record_host;
    struct names names = { .by_sent = NULL };

    host.sha256 = digest;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *more = strstr(rows[i].want, "…");
        aigw_str sent = AIGW_STR_NONE;
        const struct name *known;

        check(names_send(&host, (struct aigw_ctx *)(void *)&record, &names, AIGW_TOOL_FUNCTION, wire_str(rows[i].scope),
                         wire_str(rows[i].name), 128, &sent) == AIGW_OK,
              "memory", rows[i].name);
        if (more) {
            size_t len = (size_t)(more - rows[i].want);

            check(sent.len == len + 7 && sent.len <= 64 && memcmp(sent.ptr, rows[i].want, len) == 0, "sent",
                  rows[i].want);
        } else {
            check(is(sent, rows[i].want), "sent", rows[i].want);
        }
        known = names_find(&names, sent);
        check(known && is(known->name, rows[i].name) && is(known->scope, rows[i].scope), "found again", rows[i].name);
    }
    check(!names_find(&names, AIGW_STR("unknown")), "unknown", "is found");
    for (int i = 0; i < 4000; i++) { /* twice each: the second time they are known */
        char name[16];
        aigw_str sent = AIGW_STR_NONE;

        snprintf(name, sizeof name, "many_%d", i % 2000);
        check(names_send(&host, (struct aigw_ctx *)(void *)&record, &names, AIGW_TOOL_FUNCTION, AIGW_STR_NONE,
                         wire_str(name), 128, &sent) == AIGW_OK &&
                  is(sent, name) && names_find(&names, sent) && is(names_find(&names, wire_str(name))->name, name),
              "one of many", name);
    }
    check(is(names_find(&names, AIGW_STR("ns__tool"))->scope, "ns"), "the first", "is still there");
    record_free(&record);
}

static void unwrap_cut(const char *json, const char *want, size_t cut, size_t second)
{
    size_t len = strlen(json), ends[3] = { cut, second, len }, at = 0, out_len = 0;
    struct unwrap unwrap = { .state = 0 };
    char out[512];

    for (int i = 0; i < 3; i++) {
        size_t piece_len = ends[i] - at;
        char *exact = malloc(piece_len + 1), *room = malloc(UNWRAP_ROOM(piece_len));
        aigw_str text;

        if (!exact || !room)
            abort();
        memcpy(exact, json + at, piece_len);
        text = unwrap_piece(&unwrap, (aigw_str){ exact, piece_len }, room);
        if (text.len > UNWRAP_ROOM(piece_len) || out_len + text.len > sizeof out)
            abort();
        memcpy(out + out_len, text.ptr, text.len);
        out_len += text.len;
        at = ends[i];
        free(exact);
        free(room);
    }
    check(out_len == strlen(want) && memcmp(out, want, out_len) == 0, "unwrapped", json);
}

static void test_unwrap(void)
{
    static const struct {
        const char *json, *want;
    } rows[] = {
        { "{\"input\":\"plain\"}", "plain" },
        { " {\n \"input\" : \"a \\\"b\\\"\\n\\t\\\\ \\/ \\u00e9 \\u20AC\" , \"x\": 1 } ",
          "a \"b\"\n\t\\ / \xc3\xa9 \xe2\x82\xac" },
        { "{\"input\":\"\\ud83d\\ude00\"}", "\xed\xa0\xbd\xed\xb8\x80" }, /* marks of halves.h: joined later */
        { "{\"input\":\"\"}", "" },
        { "{\"input\":\"\\q\\u12x\\uz\"}", "\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbdz" },
        { "{\"input\":5}", "{\"input\":5}" },
        { "{\"other\":\"x\"}", "{\"other\":\"x\"}" },
        { "{\"in put\":\"x\"}", "{\"in put\":\"x\"}" },
        { "*** Begin Patch", "*** Begin Patch" },
        { "{}", "{}" },
        { "                                        {\"input\":\"x\"}",
          "                                        {\"input\":\"x\"}" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t cut = 0; cut <= strlen(rows[i].json); cut++)
            for (size_t second = cut; second <= strlen(rows[i].json); second++)
                unwrap_cut(rows[i].json, rows[i].want, cut, second);
}

int main(void)
{
    test_names();
    test_unwrap();
    return failures > 0;
}
