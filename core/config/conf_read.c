/* conf_read.c - libconfig text → nodes in the arena; folders of it → one merged tree.
 *
 * libconfig's own objects never leave this file: strings are copied and config_destroy() runs before return. */
#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "config/internal.h"

#define CONF_FILE_MAX  ((size_t)1 << 20) /* libconfig looks for duplicate names in quadratic time */
#define CONF_FILES_MAX 1000

struct convert {
    struct gw_arena *arena;
    const char *file;
};

static void set_integer(struct gw_node *node, int type, int64_t integer)
{
    node->type = type;
    node->integer = integer;
}

static struct gw_node *convert(const struct convert *c, const config_setting_t *setting);

static bool convert_children(const struct convert *c, const config_setting_t *setting, struct gw_node *node)
{
    struct gw_node **tail = &node->first;
    int count = config_setting_length(setting);

    for (int i = 0; i < count; i++) {
        const config_setting_t *child = config_setting_get_elem(setting, (unsigned int)i);

        if (config_setting_type(child) == CONFIG_TYPE_NONE)
            continue; /* libconfig leaves one where parsing stopped */
        *tail = convert(c, child);
        if (!*tail)
            return false;
        tail = &(*tail)->next;
    }
    return true;
}

/** NULL when the arena is full. Recursion is as deep as the text is nested, which conf_scan.c limits. */
static struct gw_node *convert(const struct convert *c, const config_setting_t *setting)
{
    struct gw_node *node = gw_arena_calloc(c->arena, sizeof *node);
    const char *name = config_setting_name(setting);
    const char *text;

    if (!node)
        return NULL;
    node->file = c->file;
    node->line = (int)config_setting_source_line(setting);
    if (name) {
        node->key = gw_arena_strndup(c->arena, name, strlen(name));
        if (!node->key)
            return NULL;
    }
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
        set_integer(node, GW_NODE_INT, config_setting_get_int(setting));
        return node;
    case CONFIG_TYPE_INT64:
        set_integer(node, GW_NODE_INT, config_setting_get_int64(setting));
        return node;
    case CONFIG_TYPE_FLOAT:
        node->type = GW_NODE_DOUBLE;
        node->number = config_setting_get_float(setting);
        return node;
    case CONFIG_TYPE_BOOL:
        set_integer(node, GW_NODE_BOOL, config_setting_get_bool(setting) != 0);
        return node;
    case CONFIG_TYPE_STRING:
        text = config_setting_get_string(setting);
        node->type = GW_NODE_STRING;
        node->string = gw_arena_strndup(c->arena, text ? text : "", text ? strlen(text) : 0);
        return node->string ? node : NULL;
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        node->type = GW_NODE_LIST;
        return convert_children(c, setting, node) ? node : NULL;
    default:
        node->type = GW_NODE_GROUP;
        return convert_children(c, setting, node) ? node : NULL;
    }
}

static struct gw_node *empty_root(struct gw_arena *arena, const char *file)
{
    struct gw_node *root = gw_arena_calloc(arena, sizeof *root);

    if (root) {
        root->type = GW_NODE_GROUP;
        root->file = file;
    }
    return root;
}

static struct gw_node *parse(struct gw_arena *arena, aigw_str text, const char *file_name, struct gw_problems *problems)
{
    struct convert c = { .arena = arena };
    struct gw_node *root = NULL;
    struct gw_node where = { 0 };
    struct gw_err why = { "" };
    struct gw_buf scanned;
    config_t config;

    config_init(&config);
    config_set_include_dir(&config, "/dev/null"); /* second line of defence: no include can succeed below a file */
    gw_buf_init(&scanned, 2 * CONF_FILE_MAX);
    c.file = gw_arena_strndup(arena, file_name, strlen(file_name));
    if (!c.file)
        goto out;
    where.file = c.file;
    if (!gw_conf_scan(text, &scanned, &where.line, &why)) {
        gw_problem(problems, &where, NULL, "%s", why.text);
        root = empty_root(arena, c.file);
        goto out;
    }
    if (scanned.status != AIGW_OK)
        goto out;
    if (config_read_string(&config, scanned.data ? scanned.data : "") != CONFIG_TRUE) {
        where.line = config_error_line(&config);
        gw_problem(problems, &where, NULL, "%s; expected  name = value;", config_error_text(&config));
    }
    root = convert(&c, config_root_setting(&config));
out:
    if (!root)
        gw_problem(problems, NULL, file_name, "out of memory while reading it; the configuration is too large");
    gw_buf_done(&scanned);
    config_destroy(&config);
    return root;
}

struct gw_node *gw_conf_parse(struct gw_arena *arena, const char *text, const char *file_name,
                              struct gw_problems *problems)
{
    struct gw_node *root = parse(arena, gw_str(text), file_name, problems);

    return root ? root : empty_root(arena, file_name);
}

/* ---- folders ---- */

static struct gw_node **find_child(struct gw_node *group, const char *key)
{
    struct gw_node **at = &group->first;

    while (*at && !((*at)->key && key && strcmp((*at)->key, key) == 0))
        at = &(*at)->next;
    return at;
}

/** Put the children of `from` into `into`; one of the same name is replaced where it stands. */
static void merge_children(struct gw_node *into, struct gw_node *from, int depth, struct gw_problems *problems)
{
    struct gw_node *next;

    for (struct gw_node *child = from->first; child; child = next) {
        struct gw_node **old = find_child(into, child->key);

        next = child->next;
        if (*old && depth == 0 && (*old)->type == GW_NODE_GROUP && child->type == GW_NODE_GROUP) {
            merge_children(*old, child, depth + 1, problems);
            continue;
        }
        if (*old && (*old)->type == GW_NODE_GROUP && child->type == GW_NODE_GROUP)
            gw_problem_note(problems, child, into->key, "%s: takes the place of the whole group of %s:%d", child->key,
                            (*old)->file, (*old)->line);
        child->next = *old ? (*old)->next : NULL;
        *old = child;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_conf_name(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

/** Names that look as if somebody meant such a file to be read. */
static bool is_nearly_conf_name(const char *name)
{
    static const char *const endings[] = { ".cfg",  ".cnf",  ".config", ".conf.txt", ".ini",
                                           ".json", ".toml", ".yaml",   ".yml",      ".CONF" };
    size_t len = strlen(name);

    for (size_t i = 0; name[0] != '.' && i < GW_ARRAY_LEN(endings); i++) {
        size_t end = strlen(endings[i]);

        if (len > end && strcmp(name + len - end, endings[i]) == 0)
            return true;
    }
    return false;
}

/** Names of the *.conf files of a folder, sorted. False with a problem when the folder cannot be read. */
static bool list_folder(struct gw_arena *arena, const char *dir, struct gw_problems *problems, const char ***ret_names,
                        size_t *ret_count)
{
    DIR *handle = opendir(dir);
    const char **names = gw_arena_alloc(arena, CONF_FILES_MAX * sizeof *names);
    struct dirent *entry;
    size_t count = 0;
    bool ok = true;

    if (!handle) {
        gw_problem(problems, NULL, dir,
                   "cannot read this configuration folder: %s; create it or name another with "
                   "--conf-dir",
                   strerror(errno));
        return false;
    }
    while (names && ok && (entry = readdir(handle)) != NULL) {
        if (is_nearly_conf_name(entry->d_name))
            gw_problem_note(problems, NULL, gw_arena_printf(arena, "%s/%s", dir, entry->d_name),
                            "is not read: only files that end in .conf are");
        if (!is_conf_name(entry->d_name))
            continue;
        if (count == CONF_FILES_MAX) {
            gw_problem(problems, NULL, dir, "more than %d *.conf files", CONF_FILES_MAX);
            ok = false;
        } else {
            names[count] = gw_arena_strndup(arena, entry->d_name, strlen(entry->d_name));
            ok = names[count++] != NULL;
        }
    }
    closedir(handle);
    if (!names || !ok)
        return false;
    qsort(names, count, sizeof *names, by_name);
    *ret_names = names;
    *ret_count = count;
    return true;
}

static struct gw_node *read_file(struct gw_arena *arena, const char *path, struct gw_problems *problems)
{
    const char *why = "";
    FILE *file = gw_file_open(path, &why);
    struct gw_node *root = NULL;
    struct stat st;
    struct gw_buf text;
    char chunk[16384];
    size_t got;

    if (!file) {
        gw_problem(problems, NULL, path, "cannot be opened: %s", why);
        return NULL;
    }
    gw_buf_init(&text, CONF_FILE_MAX);
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
        gw_problem(problems, NULL, path, "is not a regular file");
        goto out;
    }
    while (text.status == AIGW_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        gw_buf_put(&text, chunk, got);
    if (ferror(file)) {
        gw_problem(problems, NULL, path, "cannot be read: %s", strerror(errno));
        goto out;
    }
    if (text.status != AIGW_OK) {
        gw_problem(problems, NULL, path, "is larger than the %zu bytes a configuration file may have", CONF_FILE_MAX);
        goto out;
    }
    root = parse(arena, gw_buf_str(&text), path, problems);
out:
    gw_buf_done(&text);
    fclose(file);
    return root;
}

struct gw_node *gw_conf_read(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                             struct gw_problems *problems)
{
    struct gw_node *root = empty_root(arena, NULL);

    for (size_t i = 0; root && i < dir_count; i++) {
        const char **names = NULL;
        size_t count = 0;

        if (!list_folder(arena, dirs[i], problems, &names, &count))
            continue;
        for (size_t n = 0; n < count; n++) {
            const char *path = gw_arena_printf(arena, "%s/%s", dirs[i], names[n]);
            struct gw_node *part = path ? read_file(arena, path, problems) : NULL;

            if (part)
                merge_children(root, part, 0, problems);
        }
    }
    if (!root)
        gw_problem(problems, NULL, NULL, "out of memory while reading the configuration");
    return root;
}
