/* commands.c - what each command does. Results go to standard output, trouble with the command itself to standard
 * error. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/internal.h"
#include "control/control.h"
#include "models/models.h"
#include "pipeline/request.h"
#include "pipeline/serve.h"
#include "pipeline/trial.h"
#include "plugin/plugin.h"

#ifndef AIGW_VERSION
#define AIGW_VERSION "unversioned"
#endif
#define CLI_ARENA_MAX ((size_t)64 << 20)
#define CLI_TEXT_MAX  ((size_t)8 << 20)

int cli_serve(const struct cli_options *options)
{
    const struct gw_serve_options serve = { cli_snapshot_options(options), options->argv };

    return gw_serve(&serve);
}

size_t cli_print_problems(const struct gw_problems *problems, FILE *out)
{
    size_t warnings = 0;

    for (const struct gw_problem *problem = problems->first; problem; problem = problem->next) {
        fprintf(out, "%s%s\n", problem->is_warning ? "warning: " : "", problem->text);
        warnings += problem->is_warning;
    }
    return warnings;
}

static void print_check(const struct gw_problems *problems)
{
    size_t warnings = cli_print_problems(problems, stdout);

    for (const struct gw_problem *note = problems->notes; note; note = note->next)
        printf("note: %s\n", note->text);
    printf("%zu error%s, %zu warning%s\n", problems->error_count, problems->error_count == 1 ? "" : "s", warnings,
           warnings == 1 ? "" : "s");
}

int cli_check(const struct cli_options *options)
{
    if (options->diff)
        return cli_ask(options, "compare", GW_CONTROL_ANSWER_S);

    struct gw_snapshot_options snapshot_options = cli_snapshot_options(options);
    static struct gw_server nobody;
    int trial = gw_trial_begin(), result;
    struct gw_snapshot *snapshot;
    struct gw_problems problems;
    struct gw_arena arena;

    gw_access_register(&nobody); /* before plugins: the core's names are the core's */
    gw_arena_init(&arena, CLI_ARENA_MAX);
    gw_problems_init(&problems, &arena);
    snapshot = gw_snapshot_build(&snapshot_options, &problems);
    if (trial < 0) { /* else the gateway that asked says itself what is wrong */
        gw_settings_ineffective((const char *const *)environ, &problems);
        print_check(&problems);
    }
    result = snapshot && problems.error_count == 0 ? CLI_OK : CLI_FAILED;
    if (snapshot)
        gw_snapshot_unref(snapshot);
    gw_arena_done(&arena);
    if (trial >= 0)
        gw_trial_passed(trial);
    return result;
}

/* ---- plugins, config ---- */

struct loaded {
    struct gw_arena arena;
    struct gw_problems problems;
    struct gw_plugins *plugins;
};

static void load(struct loaded *l, const struct cli_options *options)
{
    gw_arena_init(&l->arena, CLI_ARENA_MAX);
    gw_problems_init(&l->problems, &l->arena);
    l->plugins = gw_plugins_load(&l->arena, options->plugin_dirs.items, options->plugin_dirs.count, NULL, &l->problems);
}

/** Says what was wrong and hands back the command's result. */
static int unload(struct loaded *l)
{
    int result = l->problems.error_count ? CLI_FAILED : CLI_OK;

    fflush(stdout);
    cli_print_problems(&l->problems, stderr);
    gw_plugins_close(l->plugins);
    gw_arena_done(&l->arena);
    return result;
}

static void print_plugin(const struct gw_plugin *plugin)
{
    const struct aigw_plugin *d = &plugin->descriptor;

    printf("%s %s %s (ABI %u.%u)\n    %s\n    %s\n", gw_plugin_kind_name(d->kind), d->name, d->version, d->abi_major,
           d->abi_minor, d->summary ? d->summary : "", plugin->path);
    for (uint32_t i = 0; i < d->setting_count; i++) {
        const struct aigw_setting *s = &d->settings[i];
        const char *fallback = s->default_value ? s->default_value : "not set";

        if (!s->default_value && (s->flags & AIGW_SETF_REQUIRED))
            fallback = "required";
        printf("    %-24s %s%s, ", s->name, gw_setting_type_name(s->type),
               s->flags & AIGW_SETF_SECRET ? ", secret" : "");
        for (; *fallback; fallback++) {
            if (*fallback == '\n')
                fputs("\\n", stdout);
            else
                putchar(*fallback);
        }
        printf("\n        %s\n", s->help ? s->help : "");
    }
    for (uint32_t i = 0; plugin->routes && i < plugin->feature.route_count; i++)
        printf("    %-6s %s\n", plugin->routes[i].method, plugin->routes[i].path);
}

int cli_plugins(const struct cli_options *options)
{
    struct loaded l;

    load(&l, options);
    for (const struct gw_plugin *plugin = l.plugins ? l.plugins->first : NULL; plugin; plugin = plugin->next)
        print_plugin(plugin);
    return unload(&l);
}

int cli_config(const struct cli_options *options)
{
    struct loaded l;
    struct gw_buf text;

    load(&l, options);
    gw_buf_init(&text, CLI_TEXT_MAX);
    gw_settings_reference(&text);
    gw_buf_puts(&text, "\n");
    gw_models_reference(&text);
    gw_buf_puts(&text, "\n");
    if (l.plugins)
        gw_plugins_reference(l.plugins, &text);
    if (text.status == AIGW_OK)
        fwrite(text.data, 1, text.len, stdout);
    else
        gw_problem(&l.problems, NULL, NULL, "out of memory while writing the reference");
    gw_buf_done(&text);
    return unload(&l);
}

int cli_version(const struct cli_options *options)
{
    (void)options;
    printf("aigw %s\nplugin ABI %d.%d\nserves GitLab 17.6 to 18.x\n", AIGW_VERSION, AIGW_ABI_MAJOR, AIGW_ABI_MINOR);
    return CLI_OK;
}
