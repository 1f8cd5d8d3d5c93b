/* cli.c - flags and commands, as table.c has them. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/internal.h"
#include "cli/table.h"
#include "plugin/crash.h"

#define OPTIONS_MAX 24  /* of one command */
#define FIRST_FLAG  256 /* getopt's value of a command's option 0: beyond any letter */
#define HELP_FLAG   (FIRST_FLAG + OPTIONS_MAX)
#define HELP_COLUMN 20

/* ---- help ---- */

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[64];

    snprintf(left, sizeof left, "%s%.*s%s--%s%s%s", option->letter ? "-" : "", option->letter ? 1 : 0, &option->letter,
             option->letter ? ", " : "", option->name, option->value ? " " : "", option->value ? option->value : "");
    fprintf(out, "  %-*s%s%s", HELP_COLUMN - 3, left, strlen(left) < HELP_COLUMN - 2 ? " " : "\n                    ",
            option->help);
    if (option->choices)
        fprintf(out, ": %s", option->choices);
    fputs("\n", out);
}

static void print_command_help(FILE *out, const struct cli_command *command)
{
    fprintf(out, "Usage: aigw %s%s%s%s\n\n%s\n\n", command->name, command->words ? " " : "",
            command->words ? command->words : "", command->option_count ? " [flags]" : "", command->summary);
    for (size_t i = 0; i < command->option_count; i++)
        print_option(out, &command->options[i]);
    fprintf(out, "  --help            this text\n\nExit status: %s\n", command->exits);
}

static void print_help(FILE *out)
{
    fputs("Usage: aigw COMMAND [flags]\n\nA native AI gateway for GitLab.\n\nCommands:\n", out);
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, "  %-15s %s\n", cli_commands[i].name, cli_commands[i].summary);
    fputs("\nWhat a command takes: aigw COMMAND --help\n", out);
}

/* ---- what is wrong with a command line ---- */

static int bad_usage(const char *what, const char *found, const char *closest)
{
    fprintf(stderr, "aigw: %s%s", what, found);
    if (closest)
        fprintf(stderr, ", did you mean %s?", closest);
    fputs("\nTry `aigw --help`.\n", stderr);
    return CLI_USAGE;
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t count = 0;

    for (size_t i = 0; i < cli_command_count && count < GW_ARRAY_LEN(names); i++)
        names[count++] = cli_commands[i].name;
    return bad_usage("there is no command ", name, gw_closest(name, names, count));
}

static bool is_of_another_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (cli_option_find(&cli_commands[i], name))
            return true;
    }
    return false;
}

/** `text` as it was given: "--conf-dri=x" or "-x". */
static int unknown_flag(const struct cli_command *command, const char *text)
{
    char word[64], closest[80];
    const char *names[OPTIONS_MAX + 1], *found;
    size_t len = strcspn(text, "="), count = 0;

    if (len >= sizeof word)
        return bad_usage("there is no flag ", text, NULL);
    memcpy(word, text, len);
    word[len] = '\0';
    if (strncmp(word, "--", 2) != 0)
        return bad_usage("there is no flag ", word, NULL);
    if (is_of_another_command(word + 2)) {
        fprintf(stderr, "aigw: `%s` does not take this flag: %s\n", command->name, word);
        print_command_help(stderr, command);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < command->option_count; i++)
        names[count++] = command->options[i].name;
    names[count++] = "help";
    found = gw_closest(word + 2, names, count);
    snprintf(closest, sizeof closest, "--%s", found ? found : "");
    return bad_usage("there is no flag ", word, found ? closest : NULL);
}

/* ---- options ---- */

/** Whether `word` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);

    while (*choices) {
        size_t choice_len = strcspn(choices, "|");

        if (choice_len == len && memcmp(choices, word, len) == 0)
            return true;
        choices += choice_len + (choices[choice_len] == '|');
    }
    return false;
}

/** CLI_OK, or what to exit with. */
static int take(const struct cli_option *option, const char *value, struct cli_options *options)
{
    void *field = (char *)options + option->offset;
    struct cli_list *list = field;
    char text[128];

    if (option->choices && !is_choice(option->choices, value)) {
        snprintf(text, sizeof text, "%s--%s is %s, found ", strchr(option->choices, '|') ? "" : "the only ",
                 option->name, option->choices);
        return bad_usage(text, value, NULL);
    }
    if (option->kind == CLI_LIST && !*value) { /* as of a variable that is not set */
        snprintf(text, sizeof text, "--%s is empty", option->name);
        return bad_usage(text, "", NULL);
    }
    if (option->kind == CLI_SWITCH) {
        *(bool *)field = true;
    } else if (option->kind == CLI_TEXT) {
        *(const char **)field = value;
    } else if (list->count < CLI_LIST_MAX) {
        list->items[list->count++] = value;
    } else {
        fprintf(stderr, "aigw: --%s is given more than %d times\n", option->name, CLI_LIST_MAX);
        return CLI_USAGE;
    }
    return CLI_OK;
}

/** The command's options as getopt wants them. */
static void fill_getopt(const struct cli_command *command, struct option *flags, char *letters)
{
    size_t i;

    *letters++ = ':';
    for (i = 0; i < command->option_count && i < OPTIONS_MAX; i++) {
        const struct cli_option *option = &command->options[i];
        int has_value = option->kind == CLI_SWITCH ? no_argument : required_argument;

        flags[i] = (struct option){ option->name, has_value, NULL, FIRST_FLAG + (int)i };
        if (option->letter) {
            *letters++ = option->letter;
            if (has_value == required_argument)
                *letters++ = ':';
        }
    }
    *letters = '\0';
    flags[i++] = (struct option){ "help", no_argument, NULL, HELP_FLAG };
    flags[i] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct cli_option *option_of(const struct cli_command *command, int flag)
{
    if (flag >= FIRST_FLAG)
        return &command->options[flag - FIRST_FLAG];
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == flag)
            return &command->options[i];
    }
    return NULL;
}

/** argv of the command, its name first. CLI_OK to go on, else what to exit with; *ret_help: --help was given. */
static int parse_flags(const struct cli_command *command, int argc, char **argv, struct cli_options *options,
                       bool *ret_help)
{
    struct option flags[OPTIONS_MAX + 2];
    char letters[2 * OPTIONS_MAX + 2];
    int flag, result;

    fill_getopt(command, flags, letters);
    optind = 0; /* start over; glibc's way */
    opterr = 0;
    while ((flag = getopt_long(argc, argv, letters, flags, NULL)) != -1) {
        const char *text = optind > 0 ? argv[optind - 1] : "";

        if (flag == HELP_FLAG) {
            *ret_help = true;
            return CLI_OK;
        }
        if (flag == ':')
            return bad_usage("a value is missing after ", text, NULL);
        if (flag == '?' && optopt >= FIRST_FLAG)
            return bad_usage("no value may stand behind ", text, NULL);
        if (flag == '?')
            return unknown_flag(command, text);
        result = take(option_of(command, flag), optarg, options);
        if (result != CLI_OK)
            return result;
    }
    while (command->words && optind < argc && options->word_count < CLI_WORDS_MAX)
        options->words[options->word_count++] = argv[optind++];
    return optind < argc ? bad_usage("there is no use for ", argv[optind], NULL) : CLI_OK;
}

/** Flags win over the environment, which wins over the defaults. */
static bool fill_dirs(struct cli_options *options)
{
    if (options->conf_dirs.count == 0 &&
        !cli_split_dirs(options->arena, "AIGW_CONF_DIR", getenv("AIGW_CONF_DIR"), &options->conf_dirs))
        return false;
    if (options->plugin_dirs.count == 0 &&
        !cli_split_dirs(options->arena, "AIGW_PLUGIN_DIR", getenv("AIGW_PLUGIN_DIR"), &options->plugin_dirs))
        return false;
    cli_default_dirs(options);
    return true;
}

/** argv: its own, behind the program's name. */
static int run_command(const struct cli_command *command, int argc, char **argv)
{
    struct cli_options options = { 0 };
    struct gw_arena arena;
    bool help = false;
    int result;

    gw_arena_init(&arena, (size_t)1 << 20);
    options.arena = &arena;
    options.argv = argv - 1;
    result = parse_flags(command, argc, argv, &options, &help);
    if (result == CLI_OK && help)
        print_command_help(stdout, command);
    else if (result == CLI_OK)
        result = fill_dirs(&options) ? command->run(&options) : CLI_USAGE;
    gw_arena_done(&arena);
    return result;
}

/** Whoever was started without standard streams would get a socket, a log or a file as one of them, and write there
 * what is meant for standard error. */
static void fill_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/** What was printed is only good when it arrived: a script writes it into a file, which may be on a full disk. */
static int finish_output(int result)
{
    bool was_broken = ferror(stdout) != 0;

    if (fflush(stdout) == 0 && !was_broken)
        return result;
    fprintf(stderr, "aigw: standard output could not be written%s%s\n", was_broken ? "" : ": ",
            was_broken ? "" : strerror(errno));
    return result == CLI_OK ? CLI_FAILED : result;
}

static int run(int argc, char **argv)
{
    const struct cli_command *command;

    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        command = argc > 2 ? cli_command_find(argv[2]) : NULL;
        if (argc > 2 && !command)
            return unknown_command(argv[2]);
        if (command)
            print_command_help(stdout, command);
        else
            print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cli_version(NULL);
    if (argv[1][0] == '-')
        return bad_usage("a command must come first, found ", argv[1], NULL);
    command = cli_command_find(argv[1]);
    gw_crash_watch();
    return command ? run_command(command, argc - 1, argv + 1) : unknown_command(argv[1]);
}

int gw_cli_main(int argc, char **argv)
{
    fill_standard_streams();
    return finish_output(run(argc, argv));
}
