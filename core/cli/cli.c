/* cli.c - flags and commands. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/internal.h"

#define FLAG_CONF_DIR   1
#define FLAG_PLUGIN_DIR 2
#define FLAG_FORMAT     4
#define FLAG_HELP       8
#define FLAG_FAMILY     16
#define FLAG_VERSION    32
#define FLAG_INPUT      64
#define FLAG_OUTPUT     128
#define FLAG_URL        256

struct command {
    const char *name;
    int (*run)(const struct cli_options *options);
    int flags;           /* FLAG_* it takes besides --help */
    const char *words;   /* what may stand behind it, for the usage line; NULL: nothing */
    const char *formats; /* "text|json": of --format, the first is the default */
    const char *summary;
};

static const struct command commands[] = {
    { "serve", cli_serve, FLAG_CONF_DIR | FLAG_PLUGIN_DIR, NULL, NULL,
      "Run the gateway. SIGHUP reloads, SIGTERM drains and ends." },
    { "check", cli_check, FLAG_CONF_DIR | FLAG_PLUGIN_DIR, NULL, NULL,
      "Read and check the whole configuration, print every problem, start nothing." },
    { "plugins", cli_plugins, FLAG_PLUGIN_DIR, NULL, NULL, "List the plugins with their settings and routes." },
    { "config", cli_config, FLAG_PLUGIN_DIR | FLAG_FORMAT, NULL, "markdown",
      "Print the reference of all settings as Markdown." },
    { "prompts", cli_prompts, FLAG_CONF_DIR | FLAG_PLUGIN_DIR | FLAG_FORMAT | FLAG_FAMILY | FLAG_VERSION | FLAG_INPUT,
      "list | render ID", "text|json", "List the prompts of conf.d, or show exactly what a model would get of one." },
    { "docs", cli_docs, FLAG_OUTPUT | FLAG_URL, "index FOLDER", NULL,
      "Make the database of the documentation search out of a folder of Markdown files." },
    { "key", cli_key, 0, "NAME", NULL,
      "Make an API key for a client that is no GitLab, and print its group for conf.d." },
    { "version", cli_version, 0, NULL, NULL, "Print the version of the program and of its plugin ABI." },
};

static const struct option flags[] = {
    { "conf-dir", required_argument, NULL, FLAG_CONF_DIR },
    { "plugin-dir", required_argument, NULL, FLAG_PLUGIN_DIR },
    { "format", required_argument, NULL, FLAG_FORMAT },
    { "family", required_argument, NULL, FLAG_FAMILY },
    { "version", required_argument, NULL, FLAG_VERSION },
    { "input", required_argument, NULL, FLAG_INPUT },
    { "output", required_argument, NULL, FLAG_OUTPUT },
    { "url", required_argument, NULL, FLAG_URL },
    { "help", no_argument, NULL, FLAG_HELP },
    { NULL, 0, NULL, 0 },
};

static void print_flags(FILE *out, int taken, const char *formats)
{
    if (taken & FLAG_CONF_DIR)
        fputs("  --conf-dir DIR    folder of *.conf files; may be repeated, later ones win (AIGW_CONF_DIR=a:b)\n", out);
    if (taken & FLAG_PLUGIN_DIR)
        fputs("  --plugin-dir DIR  folder with providers/ and features/; may be repeated (AIGW_PLUGIN_DIR=a:b)\n", out);
    if (taken & FLAG_FAMILY)
        fputs("  --family NAME     model family, a name in `families`; without it the base prompts\n", out);
    if (taken & FLAG_VERSION)
        fputs("  --version V       version of the prompt or a constraint such as ^1.0.0, which is the default\n", out);
    if (taken & FLAG_INPUT)
        fputs("  --input FILE      JSON object with the prompt's inputs, - for standard input\n", out);
    if (taken & FLAG_OUTPUT)
        fputs("  -o, --output FILE the database; files that did not change since its last run are not read again\n",
              out);
    if (taken & FLAG_URL)
        fputs("  --url URL         site of the documentation, for links (default: https://docs.gitlab.com)\n", out);
    if (taken & FLAG_FORMAT)
        fprintf(out, "  --format FORMAT   %s\n", formats);
    fputs("  --help            this text\n", out);
}

static void print_help(FILE *out, const struct command *command)
{
    if (command) {
        fprintf(out, "Usage: aigw %s%s%s%s\n\n%s\n\n", command->name, command->words ? " " : "",
                command->words ? command->words : "", command->flags ? " [flags]" : "", command->summary);
        print_flags(out, command->flags, command->formats);
        return;
    }
    fputs("Usage: aigw COMMAND [flags]\n\nA native AI gateway for GitLab.\n\nCommands:\n", out);
    for (size_t i = 0; i < GW_ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nFlags:\n", out);
    print_flags(out, FLAG_CONF_DIR | FLAG_PLUGIN_DIR, NULL);
}

static int bad_usage(const char *what, const char *found, const char *closest)
{
    fprintf(stderr, "aigw: %s%s", what, found);
    if (closest)
        fprintf(stderr, ", did you mean %s?", closest);
    fputs("\nTry `aigw --help`.\n", stderr);
    return CLI_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[GW_ARRAY_LEN(commands)];

    for (size_t i = 0; i < GW_ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    return bad_usage("there is no command ", name, gw_closest(name, names, GW_ARRAY_LEN(names)));
}

static int unknown_flag(const char *text)
{
    const char *names[] = { "--conf-dir", "--plugin-dir", "--format", "--family", "--version",
                            "--input",    "--output",     "--url",    "--help" };
    char word[64];
    size_t len = strcspn(text, "=");

    if (len >= sizeof word)
        return bad_usage("there is no flag ", text, NULL);
    memcpy(word, text, len);
    word[len] = '\0';
    return bad_usage("there is no flag ", word, gw_closest(word, names, GW_ARRAY_LEN(names)));
}

static bool add_dir(const char *flag, const char *dir, const char **dirs, size_t *count)
{
    if (*count == CLI_DIRS_MAX) {
        fprintf(stderr, "aigw: %s is given more than %d times\n", flag, CLI_DIRS_MAX);
        return false;
    }
    dirs[(*count)++] = dir;
    return true;
}

/** --format: one of the command's. */
static bool take_format(const struct command *command, const char *found, struct cli_options *options)
{
    size_t len = strlen(found);

    for (const char *word = command->formats; *word;) {
        size_t word_len = strcspn(word, "|");

        if (word_len == len && memcmp(word, found, len) == 0) {
            options->format = found;
            return true;
        }
        word += word_len + (word[word_len] == '|');
    }
    return false;
}

static int bad_format(const struct command *command, const char *found)
{
    char text[128];

    snprintf(text, sizeof text, "%s is %s, found ", strchr(command->formats, '|') ? "--format" : "the only --format",
             command->formats);
    return bad_usage(text, found, NULL);
}

/** Flags that hold one word each. */
static void take_word(int flag, const char *word, struct cli_options *options)
{
    if (flag == FLAG_FAMILY)
        options->family = word;
    else if (flag == FLAG_VERSION)
        options->version = word;
    else if (flag == FLAG_INPUT)
        options->input = word;
    else if (flag == FLAG_OUTPUT)
        options->output = word;
    else if (flag == FLAG_URL)
        options->url = word;
}

/** argv of the command, its name first. CLI_OK to go on, else what to exit with; *ret_help: --help was given. */
static int parse_flags(const struct command *command, int argc, char **argv, struct cli_options *options,
                       bool *ret_help)
{
    int flag;

    optind = 0; /* start over; glibc's way */
    opterr = 0;
    while ((flag = getopt_long(argc, argv, ":o:", flags, NULL)) != -1) {
        const char *text = optind > 0 ? argv[optind - 1] : "";

        if (flag == 'o')
            flag = FLAG_OUTPUT;
        if (flag == FLAG_HELP) {
            *ret_help = true;
            return CLI_OK;
        }
        if (flag == ':')
            return bad_usage("a value is missing after ", text, NULL);
        if (flag == '?')
            return unknown_flag(text);
        if (!(command->flags & flag)) {
            fprintf(stderr, "aigw: `%s` does not take this flag\n", command->name);
            print_help(stderr, command);
            return CLI_USAGE;
        }
        if (flag == FLAG_FORMAT && !take_format(command, optarg, options))
            return bad_format(command, optarg);
        take_word(flag, optarg, options);
        if (flag == FLAG_CONF_DIR && !add_dir("--conf-dir", optarg, options->conf_dirs, &options->conf_dir_count))
            return CLI_USAGE;
        if (flag == FLAG_PLUGIN_DIR &&
            !add_dir("--plugin-dir", optarg, options->plugin_dirs, &options->plugin_dir_count))
            return CLI_USAGE;
    }
    while (command->words && optind < argc && options->word_count < CLI_WORDS_MAX)
        options->words[options->word_count++] = argv[optind++];
    return optind < argc ? bad_usage("there is no use for ", argv[optind], NULL) : CLI_OK;
}

/** Flags win over the environment, which wins over the defaults. */
static bool fill_dirs(struct cli_options *options)
{
    if (options->conf_dir_count == 0 && !cli_split_dirs(options->arena, "AIGW_CONF_DIR", getenv("AIGW_CONF_DIR"),
                                                        options->conf_dirs, &options->conf_dir_count))
        return false;
    if (options->plugin_dir_count == 0 && !cli_split_dirs(options->arena, "AIGW_PLUGIN_DIR", getenv("AIGW_PLUGIN_DIR"),
                                                          options->plugin_dirs, &options->plugin_dir_count))
        return false;
    cli_default_dirs(options);
    return true;
}

int gw_cli_main(int argc, char **argv)
{
    const struct command *command;
    struct cli_options options = { 0 };
    struct gw_arena arena;
    bool help = false;
    int result;

    if (argc < 2) {
        print_help(stderr, NULL);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout, argc > 2 ? find_command(argv[2]) : NULL);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cli_version(NULL);
    if (argv[1][0] == '-')
        return bad_usage("a command must come first, found ", argv[1], NULL);
    command = find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    gw_arena_init(&arena, (size_t)1 << 20);
    options.arena = &arena;
    result = parse_flags(command, argc - 1, argv + 1, &options, &help);
    if (result == CLI_OK && help)
        print_help(stdout, command);
    else if (result == CLI_OK)
        result = fill_dirs(&options) ? command->run(&options) : CLI_USAGE;
    gw_arena_done(&arena);
    return result;
}
