/* cases.c - case files: a plugin's tests as text. The form is described in docs/plugin-authors.md.
 *
 * A file is a row of sections "=== name argument", each with the lines below it. Some set something up, some do
 * something, some say what must have come of it. The tables of sections are also the help. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES_FILE_MAX ((size_t)16 << 20)

static bool need_host(struct cases *c)
{
    char reason[1024];

    if (c->th && !c->settings)
        return true;
    aigw_testhost_close(c->th);
    c->th = aigw_testhost_open(c->plugin, c->settings, reason, sizeof reason);
    c->settings = NULL;
    if (!c->th)
        cases_finding(c, "the plugin does not open: %s", reason);
    return c->th;
}

/* ---- sections of both kinds ---- */

static void set_settings(struct cases *c, const struct section *s)
{
    c->settings = s->text;
    c->call_title = NULL;
}

static void expect_refusal(struct cases *c, const struct section *s)
{
    char reason[1024] = "it opened";
    struct aigw_testhost *th = aigw_testhost_open(c->plugin, c->settings, reason, sizeof reason);
    aigw_str wanted = cases_trimmed(s->text);

    if (th || !memmem(reason, strlen(reason), wanted.ptr, wanted.len))
        cases_finding(c, "settings: expected a refusal with \"%.*s\", found: %s", AIGW_STR_ARG(wanted), reason);
    aigw_testhost_close(th);
    c->settings = "";
}

static void expect_failure(struct cases *c, const struct section *s)
{
    const char *reason = aigw_testhost_error(c->th);
    aigw_str wanted = cases_trimmed(s->text);

    if (c->status == AIGW_OK)
        cases_finding(c, "expected a failure with \"%.*s\", but it worked", AIGW_STR_ARG(wanted));
    else if (!memmem(reason, strlen(reason), wanted.ptr ? wanted.ptr : "", wanted.len))
        cases_finding(c, "expected a failure with \"%.*s\", found status %d: %s", AIGW_STR_ARG(wanted), c->status,
                      reason);
}

static void expect_notes(struct cases *c, const struct section *s)
{
    cases_expect_lines(c, "notes", s->text, aigw_testhost_notes(c->th));
}

static const struct case_section cases_both[] = {
    { "settings", "", CASES_BOTH | CASES_CLOSED, set_settings, "open a new instance with these settings" },
    { "refuses", "", CASES_BOTH | CASES_CLOSED, expect_refusal,
      "the settings before it are refused, with this text among the reasons" },
    { "fails", "", CASES_BOTH, expect_failure, "the call or request before it fails, with this text in the reason" },
    { "notes", "", CASES_BOTH, expect_notes, "lines that log, count, annotate and credential steps left" },
    { 0 },
};

static const struct case_section *const tables[] = { cases_both, cases_provider, cases_feature };

static const struct case_section *find_section(const char *name)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(tables); i++)
        for (const struct case_section *section = tables[i]; section->name; section++)
            if (strcmp(section->name, name) == 0)
                return section;
    return NULL;
}

void aigw_testhost_help(FILE *out)
{
    static const char *const titles[] = { "Both kinds of plugin", "Providers", "Features" };

    for (size_t i = 0; i < GW_ARRAY_LEN(tables); i++) {
        fprintf(out, "%s%s\n", i > 0 ? "\n" : "", titles[i]);
        for (const struct case_section *section = tables[i]; section->name; section++)
            fprintf(out, "  === %s%s%s\n        %s\n", section->name, section->arg[0] ? " " : "", section->arg,
                    section->help);
    }
}

/* ---- the file ---- */

static void check_last(struct cases *c)
{
    if (c->is_unchecked && c->status != AIGW_OK)
        cases_finding(c, "failed with status %d: %s", c->status, aigw_testhost_error(c->th));
    c->is_unchecked = false;
}

static void run_section(struct cases *c, const struct section *s)
{
    const struct case_section *section = find_section(s->name);
    uint32_t kind;

    if (section && section->handler == expect_failure)
        c->is_unchecked = false;
    check_last(c);
    if (!section) {
        cases_finding(c, "unknown section \"%s\"; aigw-plugin --help-cases lists them", s->name);
        return;
    }
    if (!(section->kind & CASES_CLOSED) && !need_host(c))
        return;
    kind = c->th && aigw_testhost_descriptor(c->th)->kind == AIGW_KIND_FEATURE ? CASES_FEATURE : CASES_PROVIDER;
    if ((section->kind & CASES_BOTH) != CASES_BOTH && !(section->kind & kind))
        cases_finding(c, "section \"%s\" is for the other kind of plugin", s->name);
    else
        section->handler(c, s);
}

char *cases_read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(CASES_FILE_MAX + 1) : NULL;
    size_t len = text ? fread(text, 1, CASES_FILE_MAX, file) : 0;

    if (file)
        fclose(file);
    if (text)
        text[len] = '\0';
    return text;
}

/* The line that begins a section, or what is left when there is none. */
static bool find_head(aigw_str *rest, int *line, aigw_str *ret_head)
{
    while (rest->len > 0) {
        *ret_head = testhost_next_line(rest);
        ++*line;
        if (gw_str_has_prefix(*ret_head, AIGW_STR("=== ")))
            return true;
    }
    return false;
}

bool cases_next_section(struct gw_arena *arena, aigw_str *rest, int *line, struct section *ret)
{
    aigw_str head, next;

    if (!find_head(rest, line, &head))
        return false;
    ret->line = *line;
    char *name = gw_arena_strndup(arena, head.ptr + 4, head.len - 4);
    size_t name_len = strcspn(name, " ");
    const char *begin = rest->ptr;
    aigw_str after = *rest;
    int after_line = *line;

    ret->arg = name[name_len] ? name + name_len + 1 : "";
    name[name_len] = '\0';
    ret->name = name;
    if (find_head(&after, &after_line, &next)) {
        *rest = (aigw_str){ next.ptr, (size_t)(rest->ptr + rest->len - next.ptr) };
        *line = after_line - 1;
    } else {
        *rest = (aigw_str){ rest->ptr + rest->len, 0 };
    }
    ret->text = gw_arena_strndup(arena, begin, (size_t)(rest->ptr - begin));
    return true;
}

static void run_file(struct cases *c, char *text)
{
    aigw_str rest = gw_str(text);
    struct section section = { 0 };
    int line = 0;

    while (cases_next_section(&c->arena, &rest, &line, &section)) {
        c->line = section.line;
        run_section(c, &section);
    }
    if (!section.name)
        cases_finding(c, "has no section; expected lines like \"=== call a title\"");
    check_last(c);
}

int aigw_testhost_run_cases(const char *plugin_path, const char *case_path)
{
    struct cases c = { .plugin = plugin_path, .file = case_path, .settings = "" };
    char *text;

    gw_arena_init(&c.arena, (size_t)256 << 20);
    text = cases_read_file(case_path);
    if (text)
        run_file(&c, text);
    else
        cases_finding(&c, "cannot be read");
    aigw_testhost_close(c.th);
    gw_arena_done(&c.arena);
    free(text);
    return c.findings;
}
