/* docs.c - `aigw docs index FOLDER -o FILE`: becomes the program that does it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/internal.h"

#define DEFAULT_URL "https://docs.gitlab.com"

static int bad_usage(const char *what)
{
    fprintf(stderr, "aigw: %s\nTry `aigw docs --help`.\n", what);
    return CLI_USAGE;
}

int cli_docs(const struct cli_options *options)
{
    const char *program = cli_helper(options->arena, "docs-index");
    const char *arguments[] = { program, NULL, options->output, options->url ? options->url : DEFAULT_URL, NULL };

    if (options->word_count != 2 || strcmp(options->words[0], "index") != 0)
        return bad_usage("expected `aigw docs index FOLDER -o FILE`");
    if (!options->output || !*options->output)
        return bad_usage("the database to write is missing: -o FILE");
    arguments[1] = options->words[1];
    execv(program, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "aigw: the program that makes the database, %s: %s; it is installed with aigw\n", program,
            strerror(errno));
    return CLI_FAILED;
}
