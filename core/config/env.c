/* env.c - the environment as the last load saw it: process environment, then .env.
 *
 * The one piece of process-wide state in config/: environment variables are process-wide themselves, and conf.d values
 * ("env:NAME") have to see the .env file too. Main thread only, like everything that builds a configuration. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/files.h"
#include "config/internal.h"
#include "config/json.h"

#define DOT_ENV_MAX   ((size_t)1 << 20)
#define ENV_ARENA_MAX ((size_t)64 << 20)
#define ENV_DEPTH_MAX 8
#define ENV_PATH_MAX  4096
#define ENV_NAMES_MAX 1024 /* that are looked at for one that was meant */

struct env_var {
    struct env_var *next;
    const char *name;
    const char *value;
};

struct env_source {
    struct env_var *first, **tail;
};

static struct env_store {
    struct gw_arena arena;
    struct env_source process, dot_env;
    struct env_var *asked; /* names only */
    bool is_loaded;
} store;

static void source_add(struct env_source *source, const char *name, size_t name_len, const char *value,
                       size_t value_len)
{
    struct env_var *var = gw_arena_calloc(&store.arena, sizeof *var);

    if (!var)
        return;
    var->name = gw_arena_strndup(&store.arena, name, name_len);
    var->value = gw_arena_strndup(&store.arena, value, value_len);
    if (!var->name || !var->value)
        return;
    *source->tail = var;
    source->tail = &var->next;
}

/* ---- .env ---- */

struct dot_env {
    const char *at, *end;
    struct gw_node where; /* file and line for messages */
    struct gw_problems *problems;
};

static void skip_blanks(struct dot_env *d, bool across_lines)
{
    while (d->at < d->end && (*d->at == ' ' || *d->at == '\t' || *d->at == '\r' || (across_lines && *d->at == '\n'))) {
        d->where.line += *d->at == '\n';
        d->at++;
    }
}

static void skip_line(struct dot_env *d)
{
    while (d->at < d->end && *d->at != '\n')
        d->at++;
}

/** A value in quotes, `d->at` behind the opening one. False when it never closes. */
static bool quoted_value(struct dot_env *d, char quote, struct gw_buf *value)
{
    for (; d->at < d->end && *d->at != quote; d->at++) {
        char c = *d->at;

        d->where.line += c == '\n';
        if (c == '\\' && d->at + 1 < d->end && (quote == '"' || d->at[1] == '\'' || d->at[1] == '\\')) {
            d->at++;
            c = *d->at;
            if (quote == '"')
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        gw_buf_put(value, &c, 1);
    }
    if (d->at >= d->end)
        return false;
    d->at++;
    return true;
}

/** A value without quotes: to the end of the line or a comment. */
static void plain_value(struct dot_env *d, struct gw_buf *value)
{
    const char *begin = d->at;
    aigw_str text;

    while (d->at < d->end && *d->at != '\n' && !(*d->at == '#' && d->at > begin && isspace((unsigned char)d->at[-1])))
        d->at++;
    text = gw_str_trim((aigw_str){ begin, (size_t)(d->at - begin) });
    if (text.len > 0 && *text.ptr != '#')
        gw_buf_put_str(value, text);
}

static void dot_env_line(struct dot_env *d)
{
    const char *name;
    size_t name_len;
    struct gw_buf value;

    if (d->end - d->at > 7 && memcmp(d->at, "export", 6) == 0 && (d->at[6] == ' ' || d->at[6] == '\t')) {
        d->at += 6;
        skip_blanks(d, false);
    }
    name = d->at;
    while (d->at < d->end && (isalnum((unsigned char)*d->at) || *d->at == '_' || *d->at == '.' || *d->at == '-'))
        d->at++;
    name_len = (size_t)(d->at - name);
    skip_blanks(d, false);
    if (name_len == 0 || d->at >= d->end || *d->at != '=') {
        gw_problem_warning(d->problems, &d->where, NULL, "this line is ignored; expected NAME=value");
        skip_line(d);
        return;
    }
    d->at++;
    skip_blanks(d, false);
    gw_buf_init(&value, DOT_ENV_MAX);
    if (d->at < d->end && (*d->at == '"' || *d->at == '\'')) {
        char quote = *d->at++;
        int line = d->where.line;

        if (!quoted_value(d, quote, &value)) {
            d->where.line = line;
            gw_problem(d->problems, &d->where, NULL, "the quote of %.*s is never closed", (int)name_len, name);
            gw_buf_done(&value);
            return; /* nothing is left, and what was read belongs to other variables */
        }
        skip_line(d);
    } else {
        plain_value(d, &value);
        skip_line(d);
    }
    source_add(&store.dot_env, name, name_len, value.data ? value.data : "", value.len);
    gw_buf_done(&value);
}

static void dot_env_parse(struct dot_env *d)
{
    if (d->end - d->at >= 3 && memcmp(d->at, "\xef\xbb\xbf", 3) == 0)
        d->at += 3;
    for (skip_blanks(d, true); d->at < d->end; skip_blanks(d, true)) {
        if (*d->at == '#')
            skip_line(d);
        else
            dot_env_line(d);
    }
}

/** Path of the nearest .env of dir and the folders above it. A folder of that name is somebody else's. */
static bool dot_env_find(const char *dir, char path[ENV_PATH_MAX])
{
    static const char suffix[] = "/.env";
    struct stat st;
    size_t len;

    if (strlen(dir) >= ENV_PATH_MAX || !realpath(dir, path))
        return false;
    for (len = strcmp(path, "/") == 0 ? 0 : strlen(path);; len--) {
        if (len + sizeof suffix <= ENV_PATH_MAX) {
            memcpy(path + len, suffix, sizeof suffix);
            if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
                return true;
        }
        while (len > 0 && path[len - 1] != '/')
            len--;
        if (len == 0)
            return false;
    }
}

static void dot_env_read(const char *dir, struct gw_problems *problems)
{
    char path[ENV_PATH_MAX], chunk[4096];
    struct dot_env d = { .problems = problems };
    const char *why = "";
    struct gw_buf text;
    FILE *file;
    size_t got;

    if (!dot_env_find(dir, path))
        return;
    file = gw_file_open(path, &why);
    if (!file) {
        gw_problem(problems, NULL, path, "cannot be opened: %s", why);
        return;
    }
    gw_buf_init(&text, DOT_ENV_MAX);
    while (text.status == AIGW_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        gw_buf_put(&text, chunk, got);
    if (ferror(file) || text.status != AIGW_OK) {
        gw_problem(problems, NULL, path, "cannot be read: %s",
                   text.status != AIGW_OK ? "it is larger than 1 MiB" : strerror(errno));
    } else if (text.len > 0) {
        d.at = text.data;
        d.end = text.data + text.len;
        d.where.file = gw_arena_strndup(&store.arena, path, strlen(path));
        d.where.line = 1;
        dot_env_parse(&d);
    }
    if (text.data)
        explicit_bzero(text.data, text.cap);
    gw_buf_done(&text);
    fclose(file);
}

/** libcurl reads the proxy variables from the process environment itself, so those of .env have to stand there too. All
 *  others are better read through gw_env_get(): once exported, a change of the file would not show at a reload. Only
 *  before there are threads: setenv() must not meet a getenv(). */
static void export_proxies(void)
{
    for (const struct env_var *var = store.dot_env.first; var; var = var->next) {
        size_t len = strlen(var->name);

        if (len > 6 && strcasecmp(var->name + len - 6, "_proxy") == 0)
            setenv(var->name, var->value, 0);
    }
}

void gw_env_load(const char *const *environ_list, const char *dot_env_dir, struct gw_problems *problems)
{
    bool is_first = !store.is_loaded;

    if (store.is_loaded)
        gw_arena_done(&store.arena);
    store = (struct env_store){ .is_loaded = true };
    gw_arena_init(&store.arena, ENV_ARENA_MAX);
    store.process.tail = &store.process.first;
    store.dot_env.tail = &store.dot_env.first;
    for (; environ_list && *environ_list; environ_list++) {
        const char *equals = strchr(*environ_list, '=');

        if (equals && equals > *environ_list)
            source_add(&store.process, *environ_list, (size_t)(equals - *environ_list), equals + 1, strlen(equals + 1));
    }
    if (dot_env_dir)
        dot_env_read(dot_env_dir, problems);
    if (is_first)
        export_proxies();
}

/* ---- lookup ---- */

/** Only the prefix's own names are case-insensitive; for others, such as http_proxy, case tells them apart. */
static const struct env_var *source_find(const struct env_source *source, const char *name, size_t len)
{
    const struct env_var *found = NULL;
    bool any_case = len > 5 && strncasecmp(name, "AIGW_", 5) == 0;

    for (const struct env_var *var = source->first; var; var = var->next) {
        if (strlen(var->name) != len)
            continue;
        if (memcmp(var->name, name, len) == 0)
            return var;
        if (any_case && strncasecmp(var->name, name, len) == 0)
            found = var;
    }
    return found;
}

/** Follow "A__B" through nested objects; keys in any case. NULL when it is not there or null. */
static struct json_object *json_walk(struct json_object *doc, const char *path)
{
    while (doc && *path) {
        const char *stop = strstr(path, "__");
        size_t len = stop ? (size_t)(stop - path) : strlen(path);
        struct json_object *member = NULL;

        if (!json_object_is_type(doc, json_type_object))
            return NULL;
        json_object_object_foreach(doc, key, value)
        {
            if (strlen(key) == len && strncasecmp(key, path, len) == 0)
                member = value;
        }
        doc = member;
        path += len + (stop ? 2 : 0);
    }
    return doc;
}

/** Value from one source: by its own name, else from the innermost group that is given as JSON and has it. */
static const char *source_value(const struct env_source *source, const char *name, const char **ret_from)
{
    size_t len = strlen(name);
    const struct env_var *var = source_find(source, name, len);
    const char *value = var ? var->value : NULL;

    while (!value && len > 2) {
        struct json_object *doc, *member;

        for (len--; len > 2 && !(name[len] == '_' && name[len - 1] == '_' && name[len + 1] != '\0'); len--)
            continue;
        if (len <= 2)
            break;
        var = source_find(source, name, --len);
        if (!var)
            continue;
        doc = gw_json_read(gw_str(var->value), GW_ENV_JSON_DEPTH, 0, NULL); /* settings.c says what is wrong */
        member = json_walk(doc, name + len + 2);
        if (member) {
            const char *text = json_object_get_string(member);
            value = gw_arena_strndup(&store.arena, text, strlen(text));
        }
        json_object_put(doc);
    }
    if (value)
        *ret_from = var->name;
    return value;
}

const char *gw_env_lookup(const char *name, const char **ret_from)
{
    const char *value = NULL;

    *ret_from = name;
    if (!store.is_loaded)
        return getenv(name);
    value = source_value(&store.process, name, ret_from);
    return value ? value : source_value(&store.dot_env, name, ret_from);
}

const char *gw_env_get(const char *name)
{
    const char *from;
    struct env_var *asked;

    if (store.is_loaded && !gw_env_was_asked(name)) {
        asked = gw_arena_calloc(&store.arena, sizeof *asked);
        if (asked) {
            asked->name = gw_arena_strndup(&store.arena, name, strlen(name));
            asked->next = store.asked;
            if (asked->name)
                store.asked = asked;
        }
    }
    return gw_env_lookup(name, &from);
}

const char *gw_env_closest(const char *name, size_t len)
{
    const struct env_source *sources[] = { &store.process, &store.dot_env };
    const char *names[ENV_NAMES_MAX], *closest;
    size_t count = 0;
    char *wanted;

    if (!store.is_loaded)
        return NULL;
    wanted = gw_arena_strndup(&store.arena, name, len);
    for (size_t i = 0; i < GW_ARRAY_LEN(sources); i++) {
        for (const struct env_var *var = sources[i]->first; var && count < ENV_NAMES_MAX; var = var->next)
            names[count++] = var->name;
    }
    closest = wanted ? gw_closest(wanted, names, count) : NULL;
    return closest && strcmp(closest, wanted) != 0 ? closest : NULL;
}

bool gw_env_was_asked(const char *name)
{
    size_t len = strlen(name);

    for (const struct env_var *var = store.asked; var; var = var->next) {
        if (strncasecmp(var->name, name, len) == 0 &&
            (var->name[len] == '\0' || (var->name[len] == '_' && var->name[len + 1] == '_')))
            return true;
    }
    return false;
}

void gw_env_each_asked(void (*fn)(void *user, const char *name), void *user)
{
    for (const struct env_var *var = store.asked; var; var = var->next)
        fn(user, var->name);
}
