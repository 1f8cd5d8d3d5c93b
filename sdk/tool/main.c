/* main.c - aigw-plugin: start a plugin, test it, look at it, run it. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aigw/testing.h>

#include "tool.h"

#define OPTION_SETTINGS 0x01u
#define OPTION_CASE     0x02u
#define OPTION_GATEWAY  0x04u
#define OPTION_SDK      0x08u
#define OPTION_CXX      0x10u
#define OPTION_KEEP     0x20u

static const struct {
    const char *name;
    uint32_t options;
    int least, most; /* names that it takes */
    int (*run)(const struct tool_options *options);
    const char *usage, *help;
} commands[] = {
    { "new", OPTION_CXX | OPTION_SDK, 2, 3, tool_new, "[--cxx] [--sdk <folder>] provider|feature <name> [<folder>]",
      "start a plugin: a folder that builds and passes its first test" },
    { "test", OPTION_SETTINGS, 1, INT_MAX, tool_test, "[--settings <text>] <file.so> [<file.case> ...]",
      "check the rules of the SDK headers, run case files" },
    { "info", OPTION_SETTINGS, 1, 1, tool_info, "[--settings <text>] <file.so>",
      "print version, ABI, settings, routes or framing" },
    { "run", OPTION_SETTINGS | OPTION_CASE | OPTION_GATEWAY | OPTION_KEEP, 1, 1, tool_run,
      "[--settings <text>] [--case <file.case>] [--gateway <program>] [--keep] <file.so>",
      "send a sample request through a gateway that has nothing but this plugin and a mock model" },
};

static const struct {
    const char *name;
    uint32_t option;
    bool has_text;
    size_t offset; /* of its text in struct tool_options */
    const char *help;
} option_rows[] = {
    { "--settings", OPTION_SETTINGS, true, offsetof(struct tool_options, settings),
      "what a conf.d group would say: 'api_key = \"k\";'. Without it what is required\n"
      "                      gets a harmless value. run: $url in it is the mock server" },
    { "--case", OPTION_CASE, true, offsetof(struct tool_options, cases),
      "where the mock's answer, or the sample request, is taken from; else <name>.case\n"
      "                      beside the plugin or in a folder above it" },
    { "--gateway", OPTION_GATEWAY, true, offsetof(struct tool_options, gateway),
      "the gateway's program; else the aigw beside this one, or of PATH" },
    { "--sdk", OPTION_SDK, true, offsetof(struct tool_options, sdk),
      "where the SDK is installed; else where this program is" },
    { "--cxx", OPTION_CXX, false, 0, "in C++17" },
    { "--keep", OPTION_KEEP, false, 0, "leave the gateway running until this program gets the end of its input" },
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

int tool_fail(const char *fmt, ...)
{
    va_list args;

    fputs("aigw-plugin: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

bool tool_path(char *ret_path, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(ret_path, PATH_MAX, fmt, args);
    va_end(args);
    if (len < 0 || len >= PATH_MAX)
        *ret_path = '\0';
    return *ret_path != '\0';
}

const char *tool_prefix(void)
{
    static char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    path[len > 0 ? len : 0] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');

        if (slash)
            *slash = '\0';
    }
    return path;
}

static void usage(FILE *out)
{
    fprintf(out, "usage:\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(out, "  aigw-plugin %-4s %s\n                   %s\n", commands[i].name, commands[i].usage,
                commands[i].help);
    fprintf(out, "  aigw-plugin --help | --help-cases | --version\n\noptions:\n");
    for (size_t i = 0; i < COUNT(option_rows); i++)
        fprintf(out, "  %-18s  %s\n", option_rows[i].name, option_rows[i].help);
    fprintf(out, "\n--help-cases prints the sections that a case file may have.\n"
                 "Exit status 0: all is well, 1: findings or a failure, on standard error, 2: called wrongly.\n");
}

static int test_one(const struct tool_options *options, const char *plugin)
{
    int findings = aigw_testhost_conformance(plugin, options->settings);

    for (int i = 1; i < options->name_count; i++) {
        int found = aigw_testhost_run_cases(plugin, options->names[i]);

        printf("%s: %s\n", options->names[i], found == 0 ? "ok" : "FAILED");
        findings += found;
    }
    return findings;
}

static int test(const struct tool_options *options)
{
    const char *plugin = options->names[0];
    int findings = test_one(options, plugin);

    if (findings > 0)
        fprintf(stderr, "%d finding%s\n", findings, findings == 1 ? "" : "s");
    else
        printf("%s: conforms\n", plugin);
    return findings > 0;
}

int tool_test(const struct tool_options *options)
{
    return tool_guarded(options, test);
}

static int info(const struct tool_options *options)
{
    return aigw_testhost_info(options->names[0], options->settings, stdout);
}

int tool_info(const struct tool_options *options)
{
    return tool_guarded(options, info);
}

/* One option at argv[*at]; the ones allowed are a command's own. */
static bool read_option(struct tool_options *options, uint32_t allowed, char **argv, int *at)
{
    for (size_t i = 0; i < COUNT(option_rows); i++) {
        if (strcmp(argv[*at], option_rows[i].name) != 0 || !(allowed & option_rows[i].option))
            continue;
        if (option_rows[i].has_text) {
            if (!argv[*at + 1])
                return false;
            *(const char **)(void *)((char *)options + option_rows[i].offset) = argv[*at + 1];
            (*at)++;
        }
        options->is_cxx |= option_rows[i].option == OPTION_CXX;
        options->is_kept |= option_rows[i].option == OPTION_KEEP;
        (*at)++;
        return true;
    }
    return false;
}

static int run_command(size_t command, int argc, char **argv, int at)
{
    struct tool_options options = { 0 };

    while (at < argc && argv[at][0] == '-')
        if (!read_option(&options, commands[command].options, argv, &at)) {
            tool_fail("%s: \"%s\" is no option of it, or lacks its text. Expected:\n  aigw-plugin %s %s",
                      commands[command].name, argv[at], commands[command].name, commands[command].usage);
            return 2;
        }
    options.names = (const char *const *)argv + at;
    options.name_count = argc - at;
    if (options.name_count < commands[command].least || options.name_count > commands[command].most) {
        fprintf(stderr, "usage: aigw-plugin %s %s\n", commands[command].name, commands[command].usage);
        return 2;
    }
    return commands[command].run(&options);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *self = slash ? slash + 1 : argv[0];
    const bool is_test = strcmp(self, "aigw_conformance") == 0; /* the name that `test` had before ABI 1.0 */
    const char *word = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(word, "--help-cases") == 0) {
        aigw_testhost_help(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        printf("aigw-plugin, ABI %d.%d\n", AIGW_ABI_MAJOR, AIGW_ABI_MINOR);
        return 0;
    }
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(is_test ? "test" : word, commands[i].name) == 0)
            return run_command(i, argc, argv, is_test ? 1 : 2);
    usage(stderr);
    return 2;
}
