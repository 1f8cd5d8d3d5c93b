/* reference.c - the settings as a page for people, and what they set in vain. */
#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/internal.h"
#include "config/json.h"

/** A table cell: | and line ends would break it. */
static void cell(struct gw_buf *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '\n')
            gw_buf_puts(out, "\\n");
        else
            gw_buf_printf(out, *text == '|' ? "\\%c" : "%c", *text);
    }
}

void gw_reference_row(struct gw_buf *out, const char *path, const char *env, const struct aigw_setting *s)
{
    gw_buf_printf(out, "| `%s` | ", path);
    if (env)
        gw_buf_printf(out, "%s | ", env);
    gw_buf_puts(out, gw_setting_type_name(s->type));
    if (s->flags & AIGW_SETF_URL)
        gw_buf_puts(out, ", URL");
    if (s->flags & AIGW_SETF_SECRET)
        gw_buf_puts(out, ", secret");
    gw_buf_puts(out, " | ");
    if (s->flags & AIGW_SETF_REQUIRED && !s->default_value) {
        gw_buf_puts(out, "required");
    } else if (s->default_value && *s->default_value) {
        gw_buf_puts(out, "`");
        cell(out, s->default_value);
        gw_buf_puts(out, "`");
    } else {
        gw_buf_puts(out, s->default_value ? "empty" : "not set");
    }
    gw_buf_puts(out, " | ");
    if (s->choices)
        cell(out, s->choices);
    else if (s->min < s->max)
        gw_buf_printf(out, "%.15g to %.15g", s->min, s->max);
    gw_buf_puts(out, " | ");
    cell(out, s->help);
    gw_buf_puts(out, " |\n");
}

static void env_cell(const struct gw_setting_row *row, struct gw_buf *out)
{
    for (size_t i = 0; i < GW_ROW_ENV_MAX && row->env[i]; i++)
        gw_buf_printf(out, "%s`%s`", i ? ", then " : "", row->env[i]);
}

/** The row as the page shows it: what has no effect at a reload says so. */
static struct aigw_setting shown(const struct gw_setting_row *row, struct gw_buf *help)
{
    struct aigw_setting setting = row->setting;

    if (row->flags & GW_ROW_RESTART)
        gw_buf_printf(help, "%s A change takes effect at the next start.", setting.help);
    if (help->data)
        setting.help = help->data;
    return setting;
}

void gw_settings_reference(struct gw_buf *out)
{
    const char *section = "";

    gw_buf_puts(
        out,
        "# Settings of the core\n\n"
        "Per setting the process environment wins over a `.env` file, which wins over conf.d, which wins over the\n"
        "default. A group of variables may be given as one JSON object: `AIGW_FASTAPI='{\"api_port\": 5052}'`. In\n"
        "conf.d any text may be `env:NAME`, `env:NAME|OTHER`, `env:NAME:-default` or `file:/path`.\n");
    for (size_t i = 0; i < gw_setting_row_count; i++) {
        const struct gw_setting_row *row = &gw_setting_rows[i];
        char path[128];
        struct gw_buf env, name, help;
        struct aigw_setting setting;

        if (strcmp(section, row->section) != 0) {
            section = row->section;
            gw_buf_printf(out,
                          "\n## %s\n\n| conf.d | environment | type | default | range | meaning |\n"
                          "|---|---|---|---|---|---|\n",
                          section);
        }
        gw_buf_init(&env, 1024);
        gw_buf_init(&name, sizeof path);
        env_cell(row, &env);
        gw_buf_printf(&name, "%s.%s", row->section, row->setting.name);
        gw_buf_init(&help, 1024);
        setting = shown(row, &help);
        gw_reference_row(out, name.data ? name.data : "", env.data ? env.data : "", &setting);
        gw_buf_done(&help);
        gw_buf_done(&env);
        gw_buf_done(&name);
    }
    gw_buf_puts(out, "\n## Accepted and ignored\n\nThese may be set, as GitLab's own image does; they change nothing "
                     "here. A `*` covers all names that begin so.\n\n| environment | why |\n|---|---|\n");
    for (size_t i = 0; i < gw_ignored_env_count; i++)
        gw_buf_printf(out, "| `%s` | %s |\n", gw_ignored_envs[i].name, gw_ignored_envs[i].why);
}

/* ---- variables without effect ---- */

static const char *const cli_envs[] = { "AIGW_CONF_DIR", "AIGW_PLUGIN_DIR" };

/** True for a variable of the table, or a group that holds one ("AIGW_FASTAPI"). */
static bool is_effective(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < GW_ARRAY_LEN(cli_envs); i++) {
        if (strcasecmp(cli_envs[i], name) == 0)
            return true;
    }
    for (size_t i = 0; i < gw_setting_row_count; i++) {
        for (size_t e = 0; e < GW_ROW_ENV_MAX && gw_setting_rows[i].env[e]; e++) {
            const char *env = gw_setting_rows[i].env[e];

            if (strncasecmp(env, name, len) == 0 && (!env[len] || strncmp(env + len, "__", 2) == 0))
                return true;
        }
    }
    return gw_env_was_asked(name);
}

static const char *ignored_why(const char *name)
{
    for (size_t i = 0; i < gw_ignored_env_count; i++) {
        const char *pattern = gw_ignored_envs[i].name;
        size_t len = strlen(pattern);

        if (pattern[len - 1] == '*' ? strncasecmp(pattern, name, len - 1) == 0 : strcasecmp(pattern, name) == 0)
            return gw_ignored_envs[i].why;
    }
    return NULL;
}

struct candidates {
    const char *names[512];
    size_t count;
};

static void add_candidate(void *user, const char *name)
{
    struct candidates *c = user;

    if (c->count < GW_ARRAY_LEN(c->names))
        c->names[c->count++] = name;
}

static void report_unknown(const char *name, struct gw_problems *problems)
{
    struct candidates c = { .count = 0 };
    const char *closest;

    for (size_t i = 0; i < gw_setting_row_count; i++) {
        for (size_t e = 0; e < GW_ROW_ENV_MAX && gw_setting_rows[i].env[e]; e++)
            add_candidate(&c, gw_setting_rows[i].env[e]);
    }
    gw_env_each_asked(add_candidate, &c);
    closest = gw_closest(name, c.names, c.count);
    if (closest)
        gw_problem_warning(problems, NULL, name, "has no effect: unknown, did you mean %s?", closest);
    else
        gw_problem_warning(problems, NULL, name,
                           "has no effect: it is no setting, and no env: value of conf.d names it");
}

/** Members of a group that is given as a JSON object, each by the name it would have as a variable. */
static void report_members(const char *group, const char *text, struct gw_problems *problems)
{
    struct json_object *doc = gw_json_read(gw_str(text), GW_ENV_JSON_DEPTH, 0, NULL);
    char name[256];

    if (json_object_is_type(doc, json_type_object)) {
        json_object_object_foreach(doc, key, value)
        {
            int len = snprintf(name, sizeof name, "%s__%s", group, key);

            (void)value;
            for (char *p = name; *p; p++)
                *p = (char)toupper((unsigned char)*p);
            if (len > 0 && (size_t)len < sizeof name && !is_effective(name) && !ignored_why(name))
                report_unknown(name, problems);
        }
    }
    json_object_put(doc);
}

/** A variable such as AIGW_FASTAPI, which holds settings but is none. */
static bool is_group(const char *name)
{
    size_t len = strlen(name);
    bool is_setting = false, holds = false;

    for (size_t i = 0; i < gw_setting_row_count; i++) {
        for (size_t e = 0; e < GW_ROW_ENV_MAX && gw_setting_rows[i].env[e]; e++) {
            const char *env = gw_setting_rows[i].env[e];

            is_setting = is_setting || strcasecmp(env, name) == 0;
            holds = holds || (strncasecmp(env, name, len) == 0 && strncmp(env + len, "__", 2) == 0);
        }
    }
    return holds && !is_setting;
}

void gw_settings_ineffective(const char *const *environ_list, struct gw_problems *problems)
{
    for (; environ_list && *environ_list; environ_list++) {
        size_t len = strcspn(*environ_list, "=");
        char name[256], *p = name;
        const char *why;

        if (len == 0 || len >= sizeof name || !(*environ_list)[len]) /* execve() takes what is no variable, too */
            continue;
        memcpy(name, *environ_list, len);
        name[len] = '\0';
        if (is_group(name))
            report_members(name, *environ_list + len + 1, problems);
        if (is_effective(name))
            continue;
        why = ignored_why(name);
        if (why) {
            gw_problem_warning(problems, NULL, name, "has no effect: %s", why);
            continue;
        }
        if (strncasecmp(name, "AIGW_", 5) != 0)
            continue;
        for (; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        report_unknown(name, problems);
    }
}
