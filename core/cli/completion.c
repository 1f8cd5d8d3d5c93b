/* completion.c - `aigw completion bash|zsh|fish`: what a shell needs to complete the program's commands and options,
 * made out of table.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/table.h"

#define WORD_MAX 32

/** The next fixed word in "list | render ID": lower case, as placeholders are not. False at the end. */
static bool next_word(const char **at, char word[WORD_MAX])
{
    while (*at && **at) {
        size_t len = strcspn(*at, " |[]"), upper = 0;

        for (size_t i = 0; i < len; i++)
            upper += !islower((unsigned char)(*at)[i]) && (*at)[i] != '-';
        if (len > 0 && len < WORD_MAX && upper == 0) {
            memcpy(word, *at, len);
            word[len] = '\0';
            *at += len;
            return true;
        }
        *at += len + ((*at)[len] != '\0');
    }
    return false;
}

/** text in single quotes; `more` are characters that get a backslash in it. */
static void put_quoted(const char *text, const char *more, const char *quote)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs(quote, stdout);
        else if (strchr(more, *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
    putchar('\'');
}

static void put_choices(const char *choices)
{
    for (; *choices; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

/* ---- bash ---- */

static void bash_values(const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];

        if (option->kind == CLI_SWITCH)
            continue;
        printf("    %s:--%s", command->name, option->name);
        if (option->letter)
            printf(" | %s:-%c", command->name, option->letter);
        fputs(") COMPREPLY=(", stdout);
        if (option->choices) {
            fputs("$(compgen -W '", stdout);
            put_choices(option->choices);
            fputs("' -- \"$cur\")", stdout);
        } else if (option->names != CLI_ANY) {
            printf("$(compgen -%c -- \"$cur\")", option->names == CLI_FOLDER ? 'd' : 'f');
        }
        fputs(") && return ;;\n", stdout);
    }
}

static void bash_options(const struct cli_command *command)
{
    const char *words = command->words;
    char word[WORD_MAX];

    printf("    %s) COMPREPLY=($(compgen -W '", command->name);
    while (next_word(&words, word))
        printf("%s ", word);
    for (size_t i = 0; i < command->option_count; i++)
        printf("--%s ", command->options[i].name);
    fputs("--help' -- \"$cur\")) ;;\n", stdout);
}

static void bash(void)
{
    fputs("# bash completion of aigw, made by `aigw completion bash`\n"
          "_aigw() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++)
        printf("%s ", cli_commands[i].name);
    fputs("--help --version' -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]}:$prev in\n",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++)
        bash_values(&cli_commands[i]);
    fputs("    esac\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++)
        bash_options(&cli_commands[i]);
    fputs("    esac\n"
          "}\n"
          "complete -o bashdefault -o default -F _aigw aigw\n",
          stdout);
}

/* ---- zsh ---- */

/* One argument of _arguments: '(-o --output)'{-o,--output}'[help]:FILE:_files'. */
static void zsh_option(const struct cli_option *option)
{
    fputs(" \\\n            ", stdout);
    if (option->kind == CLI_LIST)
        fputs("'*'", stdout);
    if (option->letter)
        printf("'(-%c --%s)'{-%c,--%s}", option->letter, option->name, option->letter, option->name);
    else
        printf("--%s", option->name);
    putchar('\'');
    putchar('[');
    for (const char *c = option->help; *c; c++) {
        if (*c == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *c))
            printf("\\%c", *c);
        else
            putchar(*c);
    }
    putchar(']');
    if (option->kind != CLI_SWITCH) {
        printf(":%s:", option->value);
        if (option->choices) {
            putchar('(');
            put_choices(option->choices);
            putchar(')');
        } else if (option->names != CLI_ANY) {
            fputs(option->names == CLI_FOLDER ? "_files -/" : "_files", stdout);
        }
    }
    putchar('\'');
}

static void zsh(void)
{
    char word[WORD_MAX];

    fputs("#compdef aigw\n"
          "# zsh completion of aigw, made by `aigw completion zsh`\n"
          "_aigw() {\n"
          "    local -a commands\n"
          "    commands=(\n",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("        %s:", cli_commands[i].name);
        put_quoted(cli_commands[i].summary, ":", "'\\''");
        putchar('\n');
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    case $words[2] in\n",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *words = cli_commands[i].words;
        bool has_words = false;

        printf("    %s)\n        shift words; (( CURRENT-- ))\n        _arguments", cli_commands[i].name);
        for (size_t k = 0; k < cli_commands[i].option_count; k++)
            zsh_option(&cli_commands[i].options[k]);
        fputs(" \\\n            '--help[this text]'", stdout);
        while (next_word(&words, word)) {
            printf("%s%s", has_words ? " " : " \\\n            '1:what:(", word);
            has_words = true;
        }
        if (has_words)
            fputs(")' '*:file:_files'", stdout);
        fputs("\n        ;;\n", stdout);
    }
    fputs("    esac\n"
          "}\n"
          "compdef _aigw aigw 2>/dev/null || _aigw \"$@\"\n",
          stdout);
}

/* ---- fish ---- */

static void fish_option(const struct cli_command *command, const struct cli_option *option)
{
    printf("complete -c aigw -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    if (option->choices) {
        fputs(" -x -a '", stdout);
        put_choices(option->choices);
        putchar('\'');
    } else if (option->kind != CLI_SWITCH) {
        fputs(option->names == CLI_FOLDER ? " -x -a '(__fish_complete_directories)'"
              : option->names == CLI_FILE ? " -r -F"
                                          : " -x",
              stdout);
    }
    fputs(" -d ", stdout);
    put_quoted(option->help, "\\", "\\'");
    putchar('\n');
}

static void fish(void)
{
    char word[WORD_MAX];

    fputs("# fish completion of aigw, made by `aigw completion fish`\n"
          "complete -c aigw -n __fish_use_subcommand -f\n",
          stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        const char *words = command->words;

        printf("complete -c aigw -n __fish_use_subcommand -a %s -d ", command->name);
        put_quoted(command->summary, "\\", "\\'");
        putchar('\n');
        while (next_word(&words, word))
            printf("complete -c aigw -n '__fish_seen_subcommand_from %s' -a %s\n", command->name, word);
        for (size_t k = 0; k < command->option_count; k++)
            fish_option(command, &command->options[k]);
        printf("complete -c aigw -n '__fish_seen_subcommand_from %s' -l help -d 'this text'\n", command->name);
    }
}

int cli_completion(const struct cli_options *options)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    const char *name = options->word_count == 1 ? options->words[0] : "";

    for (size_t i = 0; i < GW_ARRAY_LEN(shells); i++) {
        if (strcmp(shells[i].name, name) == 0) {
            shells[i].print();
            return CLI_OK;
        }
    }
    fprintf(stderr, "aigw: completion: found %s; expected bash, zsh or fish\n", *name ? name : "no shell");
    return CLI_USAGE;
}
