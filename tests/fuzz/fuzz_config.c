/* fuzz_config.c - configuration text and environment variables through everything that reads them.
 *
 * First byte even: the rest is a conf.d file. Odd: the rest is an environment, one NAME=value per line. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENV_MAX 256

struct sample {
    const char *text;
    int64_t number;
    double ratio;
    int32_t flag;
    struct aigw_list list;
    struct aigw_map map;
};

static const struct aigw_setting table[] = {
    { .name = "text", .type = AIGW_SET_STRING, .offset = offsetof(struct sample, text), .choices = "a|b" },
    { .name = "number", .type = AIGW_SET_INT, .offset = offsetof(struct sample, number), .min = 1, .max = 9 },
    { .name = "ratio", .type = AIGW_SET_DOUBLE, .offset = offsetof(struct sample, ratio) },
    { .name = "flag", .type = AIGW_SET_BOOL, .offset = offsetof(struct sample, flag) },
    { .name = "list", .type = AIGW_SET_LIST, .offset = offsetof(struct sample, list) },
    { .name = "map", .type = AIGW_SET_MAP, .offset = offsetof(struct sample, map) },
};

static void as_conf(struct gw_arena *arena, const char *text, struct gw_problems *problems)
{
    static const char *const no_env[] = { NULL };
    const struct gw_node *root = gw_conf_parse(arena, text, "fuzz.conf", problems);
    struct gw_settings settings;
    struct sample sample = { 0 };

    if (!root)
        abort();
    gw_settings_load(arena, root, no_env, NULL, &settings, problems);
    gw_settings_fill(arena, root, "g", table, GW_ARRAY_LEN(table), sizeof *table, NULL, &sample, problems);
    if (sample.number != 0 && (sample.number < 1 || sample.number > 9))
        abort();
    if (sample.flag != 0 && sample.flag != 1)
        abort();
}

static void as_environment(struct gw_arena *arena, char *text, struct gw_problems *problems)
{
    const char *list[ENV_MAX + 1];
    size_t count = 0;
    struct gw_settings settings;

    for (char *line = strtok(text, "\n"); line && count < ENV_MAX; line = strtok(NULL, "\n"))
        list[count++] = line;
    list[count] = NULL;
    gw_settings_load(arena, NULL, list, NULL, &settings, problems);
    gw_settings_ineffective(list, problems);
    if (settings.server.port < 0 || settings.server.port > 65535)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_arena arena;
    struct gw_problems problems;
    char *text;

    if (size == 0 || size > 65536 || memmem(data, size, "file:", 5))
        return 0; /* what a file: value reads is not the fuzzer's to choose */
    text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    gw_arena_init(&arena, (size_t)32 << 20);
    gw_problems_init(&problems, &arena);
    if (data[0] % 2)
        as_environment(&arena, text, &problems);
    else
        as_conf(&arena, text, &problems);
    gw_arena_done(&arena);
    free(text);
    return 0;
}
