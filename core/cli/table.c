/* table.c - see table.h. Help texts are also the man pages: they say what a reader cannot guess. */
#include "cli/table.h"

#include <string.h>

#define FIELD(member) offsetof(struct cli_options, member)

/* clang-format off: one row per option reads best as a table */
#define CONF_DIR \
    { \
        "conf-dir", 0, CLI_LIST, CLI_FOLDER, FIELD(conf_dirs), "DIR", NULL, \
            "folder of *.conf files; may be repeated, later ones win (AIGW_CONF_DIR=a:b)" \
    }
#define PLUGIN_DIR \
    { \
        "plugin-dir", 0, CLI_LIST, CLI_FOLDER, FIELD(plugin_dirs), "DIR", NULL, \
            "folder with providers/ and features/; may be repeated (AIGW_PLUGIN_DIR=a:b)" \
    }
#define FORMAT(choices) \
    { \
        "format", 0, CLI_TEXT, CLI_ANY, FIELD(format), "FORMAT", choices, "of the output" \
    }

static const struct cli_option dirs[] = { CONF_DIR, PLUGIN_DIR };
#define SOCKET \
    { \
        "socket", 0, CLI_TEXT, CLI_ANY, FIELD(socket), "NAME", NULL, \
            "socket of the running gateway (default: server.control_socket of this configuration)" \
    }
static const struct cli_option check[] = {
    CONF_DIR,
    PLUGIN_DIR,
    { "diff", 0, CLI_SWITCH, CLI_ANY, FIELD(diff), NULL, NULL,
      "ask the running gateway what a reload would change, and what would wait for its next start" },
    SOCKET,
};
static const struct cli_option reload[] = { CONF_DIR, SOCKET };
static const struct cli_option upgrade[] = {
    CONF_DIR,
    SOCKET,
    { "program", 0, CLI_TEXT, CLI_FILE, FIELD(program), "FILE", NULL,
      "the new program (default: what lies where the running one was started from)" },
    { "timeout", 0, CLI_TEXT, CLI_ANY, FIELD(timeout), "SECONDS", NULL,
      "how long it may take to get ready (default: 30); then it is ended and the running one stays" },
};
static const struct cli_option settings_only[] = { CONF_DIR };
static const struct cli_option plugins[] = { PLUGIN_DIR };
static const struct cli_option config[] = { PLUGIN_DIR, FORMAT("markdown") };
static const struct cli_option prompts[] = {
    CONF_DIR,
    PLUGIN_DIR,
    { "family", 0, CLI_TEXT, CLI_ANY, FIELD(family), "NAME", NULL,
      "model family, a name in `families`; without it the base prompts" },
    { "version", 0, CLI_TEXT, CLI_ANY, FIELD(version), "V", NULL,
      "version of the prompt or a constraint such as ^1.0.0, which is the default" },
    { "input", 0, CLI_TEXT, CLI_FILE, FIELD(input), "FILE", NULL,
      "JSON object with the prompt's inputs, - for standard input" },
    FORMAT("text|json"),
};
static const struct cli_option route[] = {
    CONF_DIR,
    PLUGIN_DIR,
    { "request", 0, CLI_TEXT, CLI_FILE, FIELD(request), "FILE", NULL,
      "JSON body of the request, - for standard input" },
    { "route", 0, CLI_TEXT, CLI_ANY, FIELD(route), "PATH", NULL,
      "path that it is sent to, such as /v1/chat/completions; without it no feature's own model counts" },
    { "header", 0, CLI_LIST, CLI_ANY, FIELD(headers), "'NAME: VALUE'", NULL, "header of the request; may be repeated" },
    { "scope", 0, CLI_LIST, CLI_ANY, FIELD(scopes), "SCOPE", NULL, "right of its token; may be repeated" },
    { "key", 0, CLI_TEXT, CLI_ANY, FIELD(key), "NAME", NULL, "its key: a name in `keys`" },
    { "team", 0, CLI_TEXT, CLI_ANY, FIELD(team), "NAME", NULL, "team of that key" },
    { "at", 0, CLI_TEXT, CLI_ANY, FIELD(at), "TIME", NULL, "when, in UTC (2026-01-05T09:30); default: now" },
    { "json", 0, CLI_SWITCH, CLI_ANY, FIELD(json), NULL, NULL, "print JSON: target, error, steps" },
};
static const struct cli_option docs[] = {
    { "output", 'o', CLI_TEXT, CLI_FILE, FIELD(output), "FILE", NULL,
      "the database; files that did not change since its last run are not read again" },
    { "url", 0, CLI_TEXT, CLI_ANY, FIELD(url), "URL", NULL,
      "site of the documentation, for links (default: https://docs.gitlab.com)" },
};
static const struct cli_option health[] = {
    CONF_DIR,
    { "ready", 0, CLI_SWITCH, CLI_ANY, FIELD(ready), NULL, NULL,
      "ask whether it would take a request now, not only whether it is alive" },
};

#define JSON(what) \
    { \
        "json", 0, CLI_SWITCH, CLI_ANY, FIELD(json), NULL, NULL, what \
    }
static const struct cli_option doctor[] = {
    CONF_DIR,
    PLUGIN_DIR,
    { "model", 0, CLI_TEXT, CLI_ANY, FIELD(model), "NAME", NULL, "examine this model of conf.d only" },
    { "stream", 0, CLI_SWITCH, CLI_ANY, FIELD(stream), NULL, NULL,
      "ask for a stream through --url too: does a proxy hold it back or cut it?" },
    { "url", 0, CLI_TEXT, CLI_ANY, FIELD(url), "URL", NULL,
      "where clients reach this gateway, for --stream (default: on this machine)" },
    { "quiet", 0, CLI_TEXT, CLI_ANY, FIELD(quiet), "SECONDS", NULL,
      "with --stream: does a stream survive so much silence? Ask for 70 to find time-outs of 60 s; at most 310" },
    JSON("one JSON object, for a ticket; no secret is in it"),
};
static const struct cli_option status[] = { CONF_DIR, JSON("one JSON object") };
static const struct cli_option troubleshoot[] = {
    CONF_DIR,
    { "endpoint", 0, CLI_TEXT, CLI_ANY, FIELD(endpoint), "HOST:PORT", NULL,
      "of the gateway (default: localhost:5052)" },
    { "model-family", 0, CLI_TEXT, CLI_ANY, FIELD(model_family), "NAME", NULL,
      "test a model of this family too, a name in `families` of conf.d; none by default" },
    { "model-name", 0, CLI_TEXT, CLI_ANY, FIELD(model_name), "NAME", NULL, "the same in the older spelling, any name" },
    { "model-endpoint", 0, CLI_TEXT, CLI_ANY, FIELD(model_endpoint), "URL", NULL,
      "of the model's server (default: http://localhost:4000)" },
    { "model-identifier", 0, CLI_TEXT, CLI_ANY, FIELD(model_identifier), "ID", NULL,
      "\"provider/model\", as on GitLab's form" },
    { "api-key", 0, CLI_TEXT, CLI_ANY, FIELD(api_key), "KEY", NULL, "of the model; never printed" },
    { "model-key", 0, CLI_TEXT, CLI_ANY, FIELD(api_key), "KEY", NULL, "the same in the older spelling" },
    { "duo-workflow-endpoint", 0, CLI_TEXT, CLI_ANY, FIELD(workflow_endpoint), "HOST:PORT", NULL,
      "taken and not used: that service is not part of this gateway" },
};

#define OPTIONS(rows) rows, GW_ARRAY_LEN(rows)
#define NO_OPTIONS    NULL, 0
#define EXITS_CHECKED "0: good. 1: something is wrong, it was printed. 2: wrong usage."

const struct cli_command cli_commands[] = {
    { "serve", cli_serve, OPTIONS(dirs), NULL, "Run the gateway. SIGHUP reloads, SIGTERM drains and ends.",
      "0: stopped as asked. 1: it could not start, standard error says why. 2: wrong usage." },
    { "check", cli_check, OPTIONS(check), NULL,
      "Read and check the whole configuration, print every problem, start nothing.",
      "0: it would serve; there may be warnings. 1: it would not. 2: wrong usage." },
    { "reload", cli_reload, OPTIONS(reload), NULL,
      "Let the running gateway read its configuration again; prints what changed, or what is wrong with it.",
      "0: done, new requests meet it. 1: refused, the running configuration stays; or no gateway answers. 2: wrong "
      "usage." },
    { "upgrade", cli_upgrade, OPTIONS(upgrade), NULL,
      "Let the running gateway start the new program, hand its listeners over when that is ready, finish its requests "
      "(server.drain_ms at most) and end. No connection is lost. Not for the first process of a container: replace the "
      "container.",
      "0: the new program serves. 1: it does not, standard output says why and the running one stays; or no gateway "
      "answers. 2: wrong usage." },
    { "plugin", cli_plugin, OPTIONS(reload), "off NAME | on NAME | list",
      "Switch a provider or feature of the running gateway off, and on again. What is off gets nothing new: a model's "
      "calls go to its other targets, a feature's requests are answered with 503; what is under way goes on. It lasts "
      "until the next reload; enabled = false in conf.d lasts longer. NAME is one of `providers` or `features`.",
      "0: done. 1: there is no such instance, or no gateway answers. 2: wrong usage." },
    { "health", cli_health, OPTIONS(health), NULL, "Ask the gateway that runs here with this configuration how it is.",
      "0: it is well. 1: it is not, or does not answer; standard error says why. 2: wrong usage." },
    { "plugins", cli_plugins, OPTIONS(plugins), NULL, "List the plugins with their settings and routes.",
      EXITS_CHECKED },
    { "config", cli_config, OPTIONS(config), NULL, "Print the reference of all settings as Markdown.", EXITS_CHECKED },
    { "prompts", cli_prompts, OPTIONS(prompts), "list | render ID",
      "List the prompts of conf.d, or show exactly what a model would get of one.", EXITS_CHECKED },
    { "route", cli_route, OPTIONS(route), NULL,
      "Explain which target a request would take and why, step by step, without sending it.",
      "0: a target was found. 1: the request would be refused, or the configuration is wrong. 2: wrong usage." },
    { "docs", cli_docs, OPTIONS(docs), "index FOLDER",
      "Make the database of the documentation search out of a folder of Markdown files.", EXITS_CHECKED },
    { "key", cli_key, NO_OPTIONS, "NAME",
      "Make an API key for a client that is no GitLab, and print its group for conf.d.", EXITS_CHECKED },
    { "doctor", cli_doctor, OPTIONS(doctor), NULL,
      "Check configuration, limits, the store of shared limits, GitLab and its keys, clocks, certificates, the running "
      "gateway and every model of conf.d, and say what to do. Each model is asked for a few words. Nothing is changed.",
      "0: all well. 1: there are warnings. 2: something is wrong, or wrong usage." },
    { "status", cli_status, OPTIONS(status), NULL,
      "Say what the running gateway is and does: requests, connections, keys, models, circuits.",
      "0: it is ready. 1: it is not, or nothing answers. 2: wrong usage." },
    { "top", cli_top, OPTIONS(status), NULL,
      "The same again every second, with rates. Not in a terminal: once, over one second.",
      "0: good. 1: nothing answers. 2: wrong usage." },
    { "troubleshoot", cli_troubleshoot, OPTIONS(troubleshoot), NULL,
      "Check environment, gateway, GitLab and, when one is named, a model, as the original does. The model test needs "
      "AIGW_AUTH__BYPASS_EXTERNAL; `aigw doctor` does not.",
      "0: all passed. 1: a check failed, standard error says which. 2: wrong usage." },
    { "diagnose-token", cli_diagnose_token, OPTIONS(settings_only), "[FILE]",
      "Say why a token is refused, step by step, without showing it. The token is read from FILE or standard input, "
      "with or "
      "without `Bearer` before it.",
      "0: this gateway accepts the token. 1: it does not, or something is missing. 2: wrong usage." },
    { "completion", cli_completion, NO_OPTIONS, "bash | zsh | fish",
      "Print what a shell needs to complete these commands.", EXITS_CHECKED },
    { "man", cli_man, NO_OPTIONS, NULL, "Print the manual page.", "0." },
    { "version", cli_version, NO_OPTIONS, NULL, "Print the version of the program and of its plugin ABI.", "0." },
};
/* clang-format on */
const size_t cli_command_count = GW_ARRAY_LEN(cli_commands);

const struct cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    }
    return NULL;
}

const struct cli_option *cli_option_find(const struct cli_command *command, const char *name)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (strcmp(command->options[i].name, name) == 0)
            return &command->options[i];
    }
    return NULL;
}
