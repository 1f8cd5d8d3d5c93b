/* test_stops.c - answers that are cut at stop texts of ours, in pieces of every size. Exit status 0: all is well. */
#include "../stops.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static const struct row {
    const char *stops[4];
    const char *text, *said, *found; /* found NULL: none came */
} rows[] = {
    { { "END" }, "a END b", "a ", "END" },
    { { "END" }, "a EN b E", "a EN b E", NULL },
    { { "aab" }, "aaab", "a", "aab" },
    { { "aab" }, "aaaa", "aaaa", NULL },
    { { "###", "\n\n" }, "one\n# ##\n\n###", "one\n# ##", "\n\n" },
    { { "ababc", "bab" }, "xabab", "xa", "bab" },
    { { "\xc3\xa9\xc3\xa8" }, "\xc3\xa9\xc3\xa9\xc3\xa8x", "\xc3\xa9", "\xc3\xa9\xc3\xa8" },
    { { "", "x" }, "abc", "abc", NULL },
    { { "x" }, "", "", NULL },
    { { "long stop text" }, "long stop tex", "long stop tex", NULL },
};

struct said {
    char text[64];
    size_t len;
};

static void say(struct said *said, aigw_str text)
{
    if (text.len > 0)
        memcpy(said->text + said->len, text.ptr, text.len);
    said->len += text.len;
}

static void take(struct stops *stops, const char *text, size_t len, struct said *said)
{
    aigw_str now;
    char *copy;

    if (!stops_take(stops, (aigw_str){ text, len }, &now, &copy))
        abort();
    say(said, now);
    free(copy);
}

static void run(const struct row *row, size_t first, size_t second)
{
    struct host host = { .taken = 0 };
    struct stops stops = { .count = 0 };
    struct said said = { .len = 0 };
    aigw_str texts[4];
    uint32_t count = 0;
    const char *found = row->found ? row->found : "";

    for (; count < 4 && row->stops[count]; count++)
        texts[count] = wire_str(row->stops[count]);
    if (stops_begin(&test_host, host_ctx(&host), &stops, texts, count) != AIGW_OK)
        abort();
    take(&stops, row->text, first, &said);
    take(&stops, row->text + first, second - first, &said);
    take(&stops, row->text + second, strlen(row->text) - second, &said);
    if (!stops.is_over)
        say(&said, stops_flush(&stops));
    if (said.len != strlen(row->said) || memcmp(said.text, row->said, said.len) != 0 ||
        stops.is_over != (row->found != NULL) || !wire_is(stops.found, found)) {
        fprintf(stderr, "\"%s\" cut at %zu and %zu: \"%.*s\", ended by \"%.*s\"\n", row->text, first, second,
                (int)said.len, said.text, AIGW_STR_ARG(stops.found));
        failures++;
    }
    host_free(&host);
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t first = 0; first <= strlen(rows[i].text); first++)
            for (size_t second = first; second <= strlen(rows[i].text); second++)
                run(&rows[i], first, second);
    return failures > 0;
}
