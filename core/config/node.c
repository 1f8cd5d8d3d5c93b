/* node.c - the tree of configuration values and the list of what is wrong with them. */
#include "config/node.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define PROBLEM_TEXT_MAX ((size_t)4096)

void gw_problems_init(struct gw_problems *problems, struct gw_arena *arena)
{
    *problems = (struct gw_problems){ .arena = arena };
    problems->tail = &problems->first;
    problems->notes_tail = &problems->notes;
}

#define ERROR   0
#define WARNING 1
#define NOTE    2

/** A problem is one line, whatever stands in the text that it quotes. */
static void make_one_line(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
    }
}

/** Append one finished text. Problems leave by stdout and HTTP as well as by the log, so they are masked here, once. */
static void problem_add(struct gw_problems *problems, const char *text, int level)
{
    struct gw_problem *problem = gw_arena_calloc(problems->arena, sizeof *problem);
    struct gw_buf masked;

    if (level == ERROR)
        problems->error_count++; /* counts even when there is no memory left to say why */
    if (!problem)
        return;
    gw_buf_init(&masked, 2 * PROBLEM_TEXT_MAX);
    gw_log_mask(&masked, gw_str(text));
    if (masked.data)
        make_one_line(masked.data, masked.len);
    problem->text = gw_arena_strndup(problems->arena, masked.data ? masked.data : "", masked.len);
    problem->is_warning = level == WARNING;
    gw_buf_done(&masked);
    if (!problem->text)
        problem->text = "out of memory while reporting a problem";
    if (level == NOTE) {
        *problems->notes_tail = problem;
        problems->notes_tail = &problem->next;
        return;
    }
    *problems->tail = problem;
    problems->tail = &problem->next;
}

static void problem_vadd(struct gw_problems *problems, const struct gw_node *node, const char *key, int level,
                         const char *fmt, va_list args)
{
    struct gw_buf text;

    gw_buf_init(&text, PROBLEM_TEXT_MAX);
    if (node && node->file) {
        if (node->line > 0)
            gw_buf_printf(&text, "%s:%d: ", node->file, node->line);
        else
            gw_buf_printf(&text, "%s: ", node->file);
    }
    if (key && *key)
        gw_buf_printf(&text, "%s: ", key);
    gw_buf_vprintf(&text, fmt, args);
    problem_add(problems, text.data ? text.data : "(no text)", level);
    gw_buf_done(&text);
}

void gw_problem(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_vadd(problems, node, key, ERROR, fmt, args);
    va_end(args);
}

void gw_problem_warning(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_vadd(problems, node, key, WARNING, fmt, args);
    va_end(args);
}

void gw_problem_note(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_vadd(problems, node, key, NOTE, fmt, args);
    va_end(args);
}

const struct gw_node *gw_node_get(const struct gw_node *node, const char *path)
{
    while (node && *path) {
        size_t len = strcspn(path, ".");
        const struct gw_node *child = node->type == GW_NODE_GROUP ? node->first : NULL;

        while (child && !(child->key && strlen(child->key) == len && memcmp(child->key, path, len) == 0))
            child = child->next;
        node = child;
        path += len;
        if (*path == '.')
            path++;
    }
    return node;
}

const struct gw_node *gw_node_section(const struct gw_node *conf, const char *name)
{
    const struct gw_node *section = gw_node_get(conf, name);

    return section && section->type == GW_NODE_GROUP ? section : NULL;
}
