/* test_arguments.c - arguments of tool calls as models write them, in pieces of every size: text of a JSON object in
 * any case. Exit status 0: all is well. */
#include "../arguments.h"

#include <aigw/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static int log_count;

static void count_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    (void)ctx;
    (void)level;
    (void)fmt;
    log_count++;
}

static const struct aigw_host host = { .struct_size = sizeof host, .log = count_log };

static const struct row {
    const char *text, *wanted; /* wanted NULL: as it is */
    bool is_no_json;           /* nobody can tell what was meant */
} rows[] = {
    { "{}", NULL, false },
    { " {\"a\" : [ 1 , -0.5e+3, 0, 12.25, 1E9, true , false,null, \"x\\\"\\u00e9\\n\", [], {} ] , \"b\":{\"c\":0}}\n",
      NULL, false },
    { "hello", "{\"_raw\":\"hello\"}", false },
    { "12", "{\"_raw\":\"12\"}", false },
    { "[1, \"x\"]", "{\"_raw\":\"[1, \\\"x\\\"]\"}", false },
    { "```json\n{\"p\":1}\n```", "{\"_raw\":\"```json\\n{\\\"p\\\":1}\\n```\"}", false },
    { "{'p': 1}", "{\"_raw\":\"'p': 1}\"}", false },
    { "{p: 1}", "{\"_raw\":\"p: 1}\"}", false },
    { "{\"p\": True}", "{\"p\": null,\"_raw\":\"True}\"}", false },
    { "{\"p\": 1, }", "{\"p\": 1, \"_raw\":\"}\"}", false },
    { "{\"p\" 1}", "{\"p\" :null,\"_raw\":\"1}\"}", false },
    { "{\"p\": [1, None]}", "{\"p\": [1, null],\"_raw\":\"None]}\"}", false },
    { "{\"p\": [(1)]}", "{\"p\": [],\"_raw\":\"(1)]}\"}", false },
    { "{\"p\": {\"q\": [[x]]}}", "{\"p\": {\"q\": [[]],\"_raw\":\"x]]}}\"}}", false },
    { "{\"p\": {\"q\": 1;}}", "{\"p\": {\"q\": 1,\"_raw\":\";}}\"}}", false },
    { "{\"p\": 1.}", "{\"p\": 1.0,\"_raw\":\"}\"}", false },
    { "{\"p\": -}", "{\"p\": -0,\"_raw\":\"}\"}", false },
    { "{\"p\": 1e}", "{\"p\": 1e0,\"_raw\":\"}\"}", false },
    { "{\"p\": 1e+}", "{\"p\": 1e+0,\"_raw\":\"}\"}", false },
    { "{\"p\": 01}", "{\"p\": 0,\"_raw\":\"1}\"}", false },
    { "{\"p\": 1.5.2}", "{\"p\": 1.5,\"_raw\":\".2}\"}", false },
    { "{\"p\": nul}", "{\"p\": null,\"_raw\":\"}\"}", false },
    { "{\"p\": NaN}", "{\"p\": null,\"_raw\":\"NaN}\"}", false },
    { "{\"p\": \"one\ntwo\t\x01\"}", "{\"p\": \"one\\ntwo\\t\\u0001\"}", false },
    { "{\"p\": \"C:\\Users\\me\"}", "{\"p\": \"C:\\\\Users\\\\me\"}", false },
    { "{\"p\": \"C:\\Home\\me\"}", "{\"p\": \"C:\\\\Home\\\\me\"}", false },
    { "{\"p\": \"it\\'s\"}", "{\"p\": \"it\\\\'s\"}", false },
    { "{\"p\": \"\\u12\"}", "{\"p\": \"\\u1200\"}", false },
    { "{\"p\": 1", NULL, true },
    { "{\"p\": \"tru", NULL, true },
    { "{\"p\": 1}{\"p\": 2}", "{\"p\": 1}", false },
    { "{\"p\": 1} x\n", "{\"p\": 1} ", false },
};

static void say(char *said, struct arguments *args, aigw_str piece)
{
    size_t len = strlen(said);
    aigw_str text;
    char *copy;

    if (!arguments_piece(args, piece, &text, &copy))
        abort();
    memcpy(said + len, text.ptr, text.len);
    said[len + text.len] = '\0';
    free(copy);
}

static void run(const struct row *row, size_t first, size_t second)
{
    struct arguments args = { .depth = 0 };
    char said[512] = "", room[ARGUMENTS_END_ROOM];
    const char *wanted = row->wanted ? row->wanted : row->text;
    size_t len = strlen(row->text);
    struct aigw_json root;
    aigw_str end;

    say(said, &args, (aigw_str){ row->text, first });
    say(said, &args, (aigw_str){ row->text + first, second - first });
    say(said, &args, (aigw_str){ row->text + second, len - second });
    log_count = 0;
    end = arguments_end(&host, NULL, &args, room);
    if (log_count != (strlen(wanted) < len)) { /* what is left out is logged */
        fprintf(stderr, "%s: found %d log lines\n", row->text, log_count);
        failures++;
    }
    strncat(said, end.len > 0 ? end.ptr : "", end.len);
    if (strcmp(said, wanted) != 0 || (!row->is_no_json && aigw_json_check((aigw_str){ said, strlen(said) },
                                                                          AIGW_JSON_STRICT, &root, NULL) != AIGW_OK)) {
        fprintf(stderr, "%s, cut at %zu and %zu: expected %s, found %s\n", row->text, first, second, wanted, said);
        failures++;
    }
}

/* Containers beyond all measure pass as they are. */
static void run_deep(void)
{
    struct arguments args = { .depth = 0 };
    char text[400], said[400] = "";

    memset(text, '[', sizeof text);
    memcpy(text, "{\"p\":", 5);
    say(said, &args, (aigw_str){ text, 300 });
    say(said, &args, (aigw_str){ "?", 1 });
    if (strlen(said) != 301 || said[300] != '?') {
        fprintf(stderr, "too deep: found %s\n", said);
        failures++;
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t first = 0; first <= strlen(rows[i].text); first++)
            for (size_t second = first; second <= strlen(rows[i].text); second++)
                run(&rows[i], first, second);
    run_deep();
    return failures > 0;
}
