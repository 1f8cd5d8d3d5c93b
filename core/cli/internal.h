/* internal.h - shared by the files of cli/ only. */
#ifndef GW_CLI_INTERNAL_H
#define GW_CLI_INTERNAL_H

#include <stdio.h>

#include "base/base.h"
#include "config/snapshot.h"

#define CLI_LIST_MAX  32
#define CLI_WORDS_MAX 2
#define CLI_OK        0
#define CLI_FAILED    1
#define CLI_USAGE     2

/** Values of an option that may be repeated. */
struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

/** What the flags and the environment said, defaults filled in. Each option of table.c has its field here. */
struct cli_options {
    char *const *argv; /* of the whole process */
    struct cli_list conf_dirs, plugin_dirs;
    const char *words[CLI_WORDS_MAX]; /* what stands behind the command and is no flag */
    size_t word_count;
    const char *format; /* one of the command's, the first unless told otherwise */
    const char *family;
    const char *version;
    const char *input;
    const char *output;
    const char *url;
    const char *socket;
    const char *program, *timeout;
    bool diff;
    const char *endpoint, *model_family, *model_name, *model_endpoint, *model_identifier, *api_key, *workflow_endpoint;
    const char *model, *quiet;
    bool json, stream;
    bool ready; /* health: is it ready, not only alive */
    const char *request, *route, *key, *team, *at;
    struct cli_list headers, scopes;
    struct gw_arena *arena; /* holds the strings */
};

/** Where things are when neither flag nor environment says so: next to the program, or where it was installed. */
void cli_default_dirs(struct cli_options *options);
/** Path of a program that commands run and nobody types: next to this one, or where it was installed. NULL: no memory.
 */
const char *cli_helper(struct gw_arena *arena, const char *name);
/** Split "a:b" from an environment variable into dirs. False (and a message) when there are too many. */
bool cli_split_dirs(struct gw_arena *arena, const char *name, const char *value, struct cli_list *dirs);
/** The same as gw_snapshot_build() wants it; borrows from options. */
struct gw_snapshot_options cli_snapshot_options(const struct cli_options *options);

int cli_serve(const struct cli_options *options);
int cli_check(const struct cli_options *options);
int cli_plugins(const struct cli_options *options);
int cli_config(const struct cli_options *options);
int cli_prompts(const struct cli_options *options);
int cli_docs(const struct cli_options *options);
int cli_completion(const struct cli_options *options);
int cli_health(const struct cli_options *options);
int cli_key(const struct cli_options *options);
int cli_troubleshoot(const struct cli_options *options);
int cli_diagnose_token(const struct cli_options *options);
int cli_doctor(const struct cli_options *options);
int cli_status(const struct cli_options *options);
int cli_top(const struct cli_options *options);
int cli_man(const struct cli_options *options);
int cli_route(const struct cli_options *options);
int cli_version(const struct cli_options *options);
int cli_plugin(const struct cli_options *options);
int cli_reload(const struct cli_options *options);
int cli_upgrade(const struct cli_options *options);
/** Send a command to the running gateway and print what it says. wait_s: longest silence. */
int cli_ask(const struct cli_options *options, const char *command, int wait_s);

/** Print what is wrong, one a line. The number of warnings among it. */
size_t cli_print_problems(const struct gw_problems *problems, FILE *out);

#endif
