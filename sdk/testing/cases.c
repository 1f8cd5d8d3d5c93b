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

    if (!c->settings)
        return c->th; /* without one that was said already */
    aigw_testhost_close(c->th);
    c->th = aigw_testhost_open(c->plugin, c->settings, reason, sizeof reason);
    c->settings = NULL;
    c->settings_line = 0;
    if (!c->th)
        cases_finding(c, "the plugin does not open: %s", reason);
    return c->th;
}

/* ---- sections of both kinds ---- */

/* The plugin is opened with the settings when something is asked of it; or to see whether it opens at all. */
static void try_settings(struct cases *c)
{
    int line = c->line;

    if (c->settings_line == 0)
        return;
    c->line = c->settings_line;
    need_host(c);
    c->line = line;
}

static void set_settings(struct cases *c, const struct section *s)
{
    try_settings(c);
    c->settings = s->text;
    c->settings_line = s->line;
    c->call_title = NULL;
    c->request = NULL;
    c->answer = AIGW_STR_NONE;
    c->error = NULL;
    c->was_asked = c->has_played = false;
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
    c->settings_line = 0;
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
    c->is_answer_new &= c->answer_status < CASES_REFUSAL; /* a refusal was played when it was said */
    cases_expect_lines(c, "notes", s->text, aigw_testhost_notes(c->th));
}

static const struct case_section cases_both[] = {
    { "settings", "", CASES_BOTH | CASES_CLOSED | CASES_DOES, set_settings, "open a new instance with these settings" },
    { "refuses", "", CASES_BOTH | CASES_CLOSED, expect_refusal,
      "the settings before it are refused, with this text among the reasons" },
    { "fails", "", CASES_BOTH | CASES_ASKED, expect_failure,
      "the call or request before it fails, with this text in the reason" },
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

/* An answer that nothing is expected of was never played. */
static void check_answer(struct cases *c)
{
    int line = c->line;

    if (!c->is_answer_new)
        return;
    c->is_answer_new = false;
    c->line = c->answer_line;
    cases_finding(c, "answer: nothing says what comes of it; expected a section \"%s\" behind it",
                  c->answer_status < CASES_REFUSAL ? "events" : "error");
    c->line = line;
}

/* The line is meant to begin a section and does not, as "===status", " === status" or "== Status" would. */
static const struct case_section *nearly_section(aigw_str line)
{
    size_t begin = 0, end;
    char name[32];

    while (begin < line.len && (line.ptr[begin] == ' ' || line.ptr[begin] == '\t'))
        begin++;
    for (end = begin; end < line.len && line.ptr[end] == '=';)
        end++;
    if (end - begin < 2)
        return NULL;
    line = gw_str_trim((aigw_str){ line.ptr + end, line.len - end });
    for (end = 0; end < line.len && end < sizeof name - 1 && !strchr(" \t:=", line.ptr[end]); end++)
        name[end] = (char)(line.ptr[end] | ('A' <= line.ptr[end] && line.ptr[end] <= 'Z' ? 0x20 : 0));
    name[end] = '\0';
    return end == line.len || strchr(" \t", line.ptr[end]) ? find_section(name) : NULL;
}

static void check_near_misses(struct cases *c, const char *text, int first)
{
    aigw_str rest = gw_str(text), line;
    int at = c->line;

    for (c->line = first; rest.len > 0; c->line++) {
        line = testhost_next_line(&rest);
        if (nearly_section(line))
            cases_finding(c, "\"%.*s\" is no section: expected \"=== %s\" at the begin of a line", AIGW_STR_ARG(line),
                          nearly_section(line)->name);
    }
    c->line = at;
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
    if (section->kind & CASES_DOES)
        check_answer(c);
    check_near_misses(c, s->text, s->line + 1);
    if (!section->arg[0] && s->arg[0]) {
        cases_finding(c, "%s: expected nothing behind the name, found \"%s\": what is meant stands in the lines below",
                      s->name, s->arg);
        return;
    }
    if (!(section->kind & CASES_CLOSED) && !need_host(c))
        return;
    kind = c->th && aigw_testhost_descriptor(c->th)->kind == AIGW_KIND_FEATURE ? CASES_FEATURE : CASES_PROVIDER;
    if ((section->kind & CASES_BOTH) != CASES_BOTH && !(section->kind & kind))
        cases_finding(c, "section \"%s\" is for the other kind of plugin", s->name);
    else if ((section->kind & CASES_ASKED) && !c->was_asked)
        cases_finding(c, "%s: there is no %s before it", s->name, kind == CASES_FEATURE ? "send or refuse" : "call");
    else
        section->handler(c, s);
}

/* Only line ends of DOS: leave the carriage returns out. Answers of servers may have some of them. */
static void drop_returns(char *text)
{
    char *to = text;

    for (const char *at = strchr(text, '\n'); at; at = strchr(at + 1, '\n'))
        if (at == text || at[-1] != '\r')
            return;
    for (const char *from = text; *from; from++)
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    *to = '\0';
}

char *cases_read_file(const char *path, const char **ret_why)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(CASES_FILE_MAX + 2) : NULL;
    size_t len = text ? fread(text, 1, CASES_FILE_MAX + 1, file) : 0;
    bool is_read = text && !ferror(file);

    *ret_why = !is_read ? "cannot be read" : len > CASES_FILE_MAX ? "is larger than 16 MiB" : NULL;
    if (file)
        fclose(file);
    if (is_read && memchr(text, '\0', len))
        *ret_why = "has a NUL byte in it; a case file is text, and \\u0000 in a JSON string is such a byte";
    if (*ret_why) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        memmove(text, text + 3, len - 2);
    drop_returns(text);
    return text;
}

/* The line that begins a section, or what is left when there is none. */
static bool find_head(aigw_str *rest, int *line, aigw_str *ret_head)
{
    while (rest->len > 0) {
        aigw_str next = testhost_next_line(rest);

        ++*line;
        if (!gw_str_has_prefix(next, AIGW_STR("=== ")))
            continue;
        *ret_head = next;
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
    size_t end = head.len - 4;
    const char *begin = rest->ptr;
    aigw_str after = *rest;
    int after_line = *line;

    while (end > name_len && name[end - 1] == ' ')
        name[--end] = '\0';
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

/* What stands before the first section is a comment, unless it was meant to be one. */
static void check_comment(struct cases *c, aigw_str text)
{
    aigw_str rest = text, head = { text.ptr + text.len, 0 };
    int line = 0;

    find_head(&rest, &line, &head);
    check_near_misses(c, gw_arena_strndup(&c->arena, text.ptr, (size_t)(head.ptr - text.ptr)), 1);
}

static void run_file(struct cases *c, aigw_str rest)
{
    struct section section = { 0 };
    int line = 0;

    check_comment(c, rest);
    while (cases_next_section(&c->arena, &rest, &line, &section)) {
        c->line = section.line;
        run_section(c, &section);
    }
    if (!section.name)
        cases_finding(c, "has no section; expected lines like \"=== call a title\"");
    check_last(c);
    check_answer(c);
    try_settings(c);
}

int aigw_testhost_run_cases(const char *plugin_path, const char *case_path)
{
    struct cases c = { .plugin = plugin_path, .file = case_path, .settings = "" };
    const char *why;
    char *text;

    gw_arena_init(&c.arena, (size_t)256 << 20);
    text = cases_read_file(case_path, &why);
    if (text)
        run_file(&c, gw_str(text));
    else
        cases_finding(&c, "%s", why);
    aigw_testhost_close(c.th);
    gw_arena_done(&c.arena);
    free(text);
    return c.findings;
}
