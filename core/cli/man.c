/* man.c - `aigw man`: the manual page aigw(1), made out of table.c. */
#include <stdio.h>

#include "cli/table.h"

#ifndef AIGW_VERSION
#define AIGW_VERSION "unversioned"
#endif

/** Text as troff takes it literally: no escapes, no requests at the beginning of a line, hyphens that can be copied. */
static void put(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void put_option(const struct cli_option *option)
{
    fputs(".TP\n", stdout);
    if (option->letter)
        printf("\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stdout);
    put(option->name);
    fputs("\\fR", stdout);
    if (option->value) {
        fputs(" \\fI", stdout);
        put(option->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put(option->help);
    if (option->choices) {
        fputs(": ", stdout);
        put(option->choices);
    }
    putchar('\n');
}

static void put_command(const struct cli_command *command)
{
    printf(".SS aigw ");
    put(command->name);
    if (command->words) {
        putchar(' ');
        put(command->words);
    }
    fputs(command->option_count ? " [options]\n" : "\n", stdout);
    put(command->summary);
    putchar('\n');
    for (size_t i = 0; i < command->option_count; i++)
        put_option(&command->options[i]);
    fputs(".PP\nExit status: ", stdout);
    put(command->exits);
    putchar('\n');
}

int cli_man(const struct cli_options *options)
{
    (void)options;
    printf(".TH AIGW 1 \"\" \"aigw %s\" \"User Commands\"\n"
           ".SH NAME\naigw \\- native AI gateway for GitLab\n"
           ".SH SYNOPSIS\n.B aigw\n.I command\n[\\fIoptions\\fR]\n"
           ".SH DESCRIPTION\n"
           "The service between GitLab, or any other client, and language models. It is configured by files of conf.d "
           "and by\n"
           "variables of the environment that begin with AIGW_; \\fBaigw config\\fR prints all of them.\n"
           ".SH COMMANDS\n",
           AIGW_VERSION);
    for (size_t i = 0; i < cli_command_count; i++)
        put_command(&cli_commands[i]);
    fputs(".PP\nEach command takes \\fB\\-\\-help\\fR.\n"
          ".SH FILES\n"
          ".TP\n.I /etc/aigw/conf.d\nthe configuration, read in name order; what is yours goes into files of your own\n"
          ".TP\n.I /etc/aigw/env\nvariables of the service, where systemd starts it\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B AIGW_CONF_DIR\nfolders of configuration, separated by colons\n"
          ".TP\n.B AIGW_PLUGIN_DIR\nfolders of plugins, separated by colons\n"
          ".TP\n.B AIGW_GITLAB_URL\nthe GitLab whose tokens are accepted\n"
          ".SH SIGNALS\n"
          ".TP\n.B SIGHUP\nread the configuration again; a mistake in it changes nothing\n"
          ".TP\n.B SIGTERM\ntake no new requests, let running ones end, exit\n",
          stdout);
    return CLI_OK;
}
