/* table.h - every command of the program and what it takes, in one table.
 *
 * Parsing, `--help`, shell completion and the man pages all read it. Adding a command is adding a row to table.c and a
 * function; adding an option is adding a row to the command's options and a field to struct cli_options. */
#ifndef GW_CLI_TABLE_H
#define GW_CLI_TABLE_H

#include "cli/internal.h"

#define CLI_TEXT   1 /* one value, const char *; the last one given counts */
#define CLI_LIST   2 /* may be repeated, struct cli_list */
#define CLI_SWITCH 3 /* no value, bool */

#define CLI_ANY    0 /* what a value names, for completion: nothing that can be listed */
#define CLI_FILE   1
#define CLI_FOLDER 2

struct cli_option {
    const char *name;    /* without the dashes */
    char letter;         /* its short form, 0: none */
    int kind;            /* CLI_TEXT … */
    int names;           /* CLI_ANY … */
    size_t offset;       /* of its field in struct cli_options */
    const char *value;   /* what the value is called in help: "DIR"; NULL for a switch */
    const char *choices; /* "text|json": the only values, the first is the default; NULL: any */
    const char *help;    /* a phrase without a full stop; its default stands in it */
};

struct cli_command {
    const char *name;
    int (*run)(const struct cli_options *options);
    const struct cli_option *options; /* besides --help */
    size_t option_count;
    const char *words;   /* what may stand behind it, for the usage line: "list | render ID"; NULL: nothing */
    const char *summary; /* sentences */
    const char *exits;   /* what its exit statuses mean: "0: good. 1: …" */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/** NULL when there is none of that name. */
const struct cli_command *cli_command_find(const char *name);
/** The option of a command by its long name, or NULL. */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *name);

#endif
