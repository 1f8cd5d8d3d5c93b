/* reload.c - commands that the running gateway carries out: reload, what that would change, handing over to a new
 * program, switching an instance off. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/internal.h"
#include "config/settings.h"
#include "control/control.h"

#define ANSWER_MAX ((size_t)4 << 20)

/** The socket of the gateway that these folders and this environment describe. False: a message was printed. */
static bool find_socket(const struct cli_options *options, char ret_name[GW_CONTROL_NAME_MAX])
{
    const struct gw_node *conf;
    struct gw_settings settings;
    struct gw_problems problems;

    if (options->socket) {
        gw_control_name(ret_name, options->socket, 0);
        return true;
    }
    gw_problems_init(&problems, options->arena);
    conf = gw_conf_read(options->arena, options->conf_dirs.items, options->conf_dirs.count, &problems);
    gw_settings_load(options->arena, conf, NULL, options->conf_dirs.items[0], &settings, &problems);
    if (settings.server.control_socket && !*settings.server.control_socket) {
        fputs("aigw: server.control_socket is empty: this gateway cannot be asked; send it SIGHUP instead\n", stderr);
        return false;
    }
    gw_control_name(ret_name, settings.server.control_socket, (unsigned)settings.server.port);
    return true;
}

int cli_ask(const struct cli_options *options, const char *command, int wait_s)
{
    char name[GW_CONTROL_NAME_MAX];
    struct gw_err why = { "" };
    struct gw_buf out;
    aigw_status status;

    if (!find_socket(options, name))
        return CLI_FAILED;
    gw_buf_init(&out, ANSWER_MAX);
    status = gw_control_ask(name, command, wait_s, &out, &why);
    if (status == AIGW_E_NOT_FOUND)
        fprintf(stderr, "aigw: %s\n", why.text);
    else
        fwrite(out.data ? out.data : "", 1, out.len, stdout);
    gw_buf_done(&out);
    return status == AIGW_OK ? CLI_OK : CLI_FAILED;
}

int cli_plugin(const struct cli_options *options)
{
    const char *what = options->word_count ? options->words[0] : "";
    const char *name = options->word_count > 1 ? options->words[1] : NULL;
    bool is_list = strcmp(what, "list") == 0, is_switch = strcmp(what, "off") == 0 || strcmp(what, "on") == 0;
    char command[256];

    if ((is_list && name) || (!is_list && !is_switch) || (is_switch && (!name || strpbrk(name, "\r\n")))) {
        fprintf(stderr, "aigw: expected `plugin off NAME`, `plugin on NAME` or `plugin list`\nTry `aigw --help`.\n");
        return CLI_USAGE;
    }
    snprintf(command, sizeof command - 1, is_list ? "plugin %s%.0s" : "plugin %s %s", what, name ? name : "");
    return cli_ask(options, command, GW_CONTROL_ANSWER_S);
}

int cli_reload(const struct cli_options *options)
{
    int result = cli_ask(options, "reload", GW_CONTROL_ANSWER_S);

    puts(result == CLI_OK ? "reloaded" : "not reloaded: the running configuration stays");
    return result;
}

/* ---- upgrade ---- */

#define TIMEOUT_S     "30"
#define TIMEOUT_S_MAX 3600
#define ENDING_S      10 /* on top: for a program that is not ready in time to be ended */

int cli_upgrade(const struct cli_options *options)
{
    const char *program = options->program ? options->program : "", *timeout = options->timeout;
    char command[GW_CONTROL_COMMAND_MAX], folder[PATH_MAX] = "";
    uint64_t wait_s = 0;
    int len, result;

    timeout = timeout ? timeout : TIMEOUT_S;
    if (!gw_str_to_u64(gw_str(timeout), TIMEOUT_S_MAX, &wait_s) || wait_s == 0) {
        fprintf(stderr, "aigw: --timeout is \"%s\", expected seconds from 1 to %d\n", timeout, TIMEOUT_S_MAX);
        return CLI_USAGE;
    }
    if (*program && *program != '/' && !getcwd(folder, sizeof folder)) {
        fprintf(stderr, "aigw: --program: the present folder is unknown, give the whole path\n");
        return CLI_FAILED;
    }
    len = snprintf(command, sizeof command, "upgrade %llu %s%s%s", (unsigned long long)wait_s, folder,
                   *folder ? "/" : "", program);
    if (len < 0 || (size_t)len + 1 >= sizeof command || strchr(program, '\n')) {
        fprintf(stderr, "aigw: --program: this path is too long, or has a line break in it\n");
        return CLI_USAGE;
    }
    result = cli_ask(options, command, (int)wait_s + ENDING_S);
    puts(result == CLI_OK ? "upgraded" : "not upgraded: the running gateway goes on as before");
    return result;
}
