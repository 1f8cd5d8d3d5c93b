/* reload.c - commands that the running gateway carries out: reload, what that would change, switching an instance off.
 */
#include <string.h>

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

int cli_ask(const struct cli_options *options, const char *command)
{
    char name[GW_CONTROL_NAME_MAX];
    struct gw_err why = { "" };
    struct gw_buf out;
    aigw_status status;

    if (!find_socket(options, name))
        return CLI_FAILED;
    gw_buf_init(&out, ANSWER_MAX);
    status = gw_control_ask(name, command, &out, &why);
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
    return cli_ask(options, command);
}

int cli_reload(const struct cli_options *options)
{
    int result = cli_ask(options, "reload");

    puts(result == CLI_OK ? "reloaded" : "not reloaded: the running configuration stays");
    return result;
}
