/* tool.h - aigw-plugin: what its commands share. */
#ifndef AIGW_TOOL_H
#define AIGW_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aigw/sdk.h>

/** Options of all commands; each takes those that its row in main.c names. */
struct tool_options {
    const char *settings; /* --settings: text of a conf.d group */
    const char *cases;    /* --case */
    const char *gateway;  /* --gateway */
    const char *sdk;      /* --sdk */
    bool is_cxx, is_kept; /* --cxx, --keep */
    const char *const *names;
    int name_count;
};

/* Each answers the exit status: 0, 1 for findings or a failure, 2 when called wrongly. */
int tool_new(const struct tool_options *options);
int tool_test(const struct tool_options *options);
int tool_info(const struct tool_options *options);
int tool_run(const struct tool_options *options);

/** Say on standard error what is wrong: "aigw-plugin: …". Answers 1. */
int tool_fail(const char *fmt, ...) AIGW_PRINTF(1, 2);
/** Write a path of at most PATH_MAX bytes; one that is longer becomes "", which is no path. False then. */
bool tool_path(char *ret_path, const char *fmt, ...) AIGW_PRINTF(2, 3);
/** The folder above the one that holds this program, "" when unknown. */
const char *tool_prefix(void);

/* guard.c */
/** run(options) in a child, whose end before run() returned is a failure: a crash, exit() or a callback that never
 * returns is said with the callback of the plugin that ran. 0, or 1. */
int tool_guarded(const struct tool_options *options, int (*run)(const struct tool_options *options));

/* run_folder.c: what a gateway needs to be started on. */
/* Paths are of PATH_MAX bytes. */
/** The case file of a plugin: <name>.case beside the file or in a folder above it, or in tests/ there. "" for none. */
void tool_find_cases(const char *plugin_path, const char *name, char *ret_path);
/** A new folder with `conf` as its configuration and both plugins by their kinds. 0, or 1 when the reason was printed.
 */
int tool_folder_make(char *ret_folder, const char *conf, const char *const plugins[2][2]);
void tool_folder_remove(const char *folder);
/** The program of the gateway: `given`, or beside this one, or of PATH. 0, or 1 when the reason was printed. */
int tool_find_gateway(const char *given, char *ret_path);
/** A plugin of that gateway: <kind>s/<name>.so. 0, or 1 when the reason was printed. */
int tool_find_plugin(const char *gateway, const char *kind, const char *name, char *ret_path);

/* run_server.c: a model server that has one answer; type NULL: one in the dialect that the path tells. */
struct tool_server;
struct tool_answer {
    int status;
    const char *type;
    aigw_str body;
};
/** Listen on a port of this machine's own. NULL: the reason was printed. `answer` lives as long. */
struct tool_server *tool_server_start(const struct tool_answer *answer);
int tool_server_port(const struct tool_server *server);
void tool_server_stop(struct tool_server *server);

/* run_gateway.c: a gateway in a process of its own. */
struct tool_gateway {
    int pid, log; /* -1 for none */
    int port;
};
/** Start it on the configuration and the plugins of `folder`; waits until it listens. 0, or 1 when the reason was
 * printed. */
int tool_gateway_start(const char *program, const char *folder, struct tool_gateway *ret_gateway);
/** Print what it had to say, and end it. */
void tool_gateway_stop(struct tool_gateway *gateway);
/** Send a request and print what comes back. Answers the status, 0 for none. */
int tool_gateway_ask(const struct tool_gateway *gateway, const char *method, const char *path, const char *headers,
                     aigw_str body);

#endif
