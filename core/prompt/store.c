/* store.c - read prompt folders: <dir>/<id>/<family>/<version>.conf, shared templates in <dir>/partials/. A later
 * folder replaces definitions of the same id, family and version, and partials of the same name. With a file that is
 * replaced go the other versions that it served (`also`). */
#include "prompt/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"

#define TEMPLATE_FILE_MAX ((size_t)256 << 10)
#define DEPTH_MAX         8u
#define DEFS_MAX          10000u

int gw_prompt_order(aigw_str a, aigw_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    if (order)
        return order < 0 ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}

static void note_file(struct gw_prompt_loader *l, const char *path, aigw_str text)
{
    struct gw_prompt_file *file = gw_arena_alloc(l->arena, sizeof *file);

    if (!file)
        return;
    *file = (struct gw_prompt_file){ .next = l->prompts->files, .path = path, .print = UINT64_C(14695981039346656037) };
    for (size_t i = 0; i < text.len; i++)
        file->print = (file->print ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211); /* FNV-1a */
    l->prompts->files = file;
}

aigw_str gw_prompt_read_file(struct gw_prompt_loader *l, const char *path, size_t max)
{
    const char *why = "not a file";
    FILE *file = gw_file_open(path, &why);
    aigw_str text = AIGW_STR_NONE;
    char *bytes = NULL;
    struct stat st;
    size_t len;

    if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
        gw_problem(l->problems, NULL, path, "cannot be read: %s", why);
        goto done;
    }
    if (st.st_size < 0 || (size_t)st.st_size > max) {
        gw_problem(l->problems, NULL, path, "has %lld bytes, at most %zu are allowed", (long long)st.st_size, max);
        goto done;
    }
    bytes = gw_arena_alloc(l->arena, (size_t)st.st_size + 1);
    if (!bytes)
        goto done;
    len = fread(bytes, 1, (size_t)st.st_size, file);
    bytes[len] = '\0';
    if (gw_utf8_valid_len((aigw_str){ bytes, len }) != len) {
        gw_problem(l->problems, NULL, path, "is not valid UTF-8 text");
        goto done;
    }
    text = (aigw_str){ bytes, len };
    note_file(l, path, text);
done:
    if (file)
        fclose(file);
    return text;
}

const struct gw_mustache *gw_prompt_read_template(struct gw_prompt_loader *l, const char *path)
{
    aigw_str text = gw_prompt_read_file(l, path, TEMPLATE_FILE_MAX);
    const struct gw_mustache *tmpl;
    struct gw_err err = { { 0 } };

    if (!text.ptr)
        return NULL;
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len && text.ptr[text.len - 1] == '\r')
        text.len--;
    tmpl = gw_mustache_compile(l->arena, text, &err);
    if (!tmpl)
        gw_problem(l->problems, NULL, path, "%s", err.text);
    return tmpl;
}

/* ---- walking ---- */

typedef void (*entry_fn)(struct gw_prompt_loader *l, const char *path, const char *rel);

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/** Is the entry a folder? *ret_is_there: it is anything at all. Most file systems say so with the name. */
static bool is_folder(const struct dirent *entry, const char *path, bool *ret_is_there)
{
    struct stat st;

    *ret_is_there = true;
    if (entry->d_type == DT_REG || entry->d_type == DT_DIR)
        return entry->d_type == DT_DIR;
    *ret_is_there = stat(path, &st) == 0;
    return *ret_is_there && S_ISDIR(st.st_mode);
}

/** Call fn for every file below path whose name ends in `suffix`, in name order. Links are followed; the depth limit
 *  ends a loop of links. */
static void walk(struct gw_prompt_loader *l, const char *path, const char *rel, const char *suffix, uint32_t depth,
                 entry_fn fn)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, skip_hidden, alphasort);

    if (count < 0) {
        gw_problem(l->problems, NULL, path, "cannot be listed: %s", strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *sub = gw_arena_printf(l->arena, "%s/%s", path, name);
        const char *sub_rel = gw_arena_printf(l->arena, "%s%s%s", rel, *rel ? "/" : "", name);
        size_t len = strlen(name), suffix_len = strlen(suffix);
        bool is_there, is_dir = sub && is_folder(entries[i], sub, &is_there);

        if (!sub || !sub_rel || !is_there)
            continue;
        if (is_dir) {
            if (depth == DEPTH_MAX)
                gw_problem(l->problems, NULL, sub, "folders nested deeper than %u", DEPTH_MAX);
            else if (*rel || strcmp(name, "partials") != 0)
                walk(l, sub, sub_rel, suffix, depth + 1, fn);
        } else if (len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0) {
            fn(l, sub, sub_rel);
        }
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static void take_partial(struct gw_prompt_loader *l, const char *path, const char *rel)
{
    aigw_str name = { rel, strlen(rel) - strlen(".mustache") };
    const struct gw_mustache *tmpl = gw_prompt_read_template(l, path);
    struct gw_prompt_partial *partial;

    if (!tmpl)
        return;
    for (partial = l->prompts->partials; partial; partial = partial->next)
        if (gw_str_eq(partial->name, name)) {
            partial->path = path;
            partial->tmpl = tmpl;
            return;
        }
    partial = gw_arena_calloc(l->arena, sizeof *partial);
    if (!partial)
        return;
    *partial = (struct gw_prompt_partial){ .next = l->prompts->partials, .name = name, .path = path, .tmpl = tmpl };
    l->prompts->partials = partial;
}

static bool same_family(const struct gw_prompt_def *a, const struct gw_prompt_def *b)
{
    return !strcmp(a->id, b->id) && !strcmp(a->family, b->family);
}

/** The versions that a file serves besides its own go with it. */
static void drop_also(struct gw_prompt_loader *l, const struct gw_prompt_def *of)
{
    struct gw_prompt_def **at = &l->defs;

    while (*at) {
        if ((*at)->of == of) {
            *at = (*at)->next;
            l->def_count--;
        } else {
            at = &(*at)->next;
        }
    }
}

/** Put a definition into the list, or in the place of one from an earlier folder. NULL after a problem. */
static struct gw_prompt_def *place(struct gw_prompt_loader *l, struct gw_prompt_def *def, const char *path)
{
    struct gw_prompt_def *old = l->defs;

    while (old && (!same_family(old, def) || strcmp(old->version, def->version) != 0))
        old = old->next;
    if (old && old->dir == def->dir) {
        gw_problem(l->problems, NULL, path,
                   "version %s of %s/%s is served by another file of this folder, too: take "
                   "it out of `also`",
                   def->version, def->id, def->family);
        return NULL;
    }
    if (old) {
        if (!old->of)
            drop_also(l, old);
        def->next = old->next;
        *old = *def;
        return old;
    }
    if (l->def_count == DEFS_MAX) {
        gw_problem(l->problems, NULL, path, "more than %u prompt definitions", DEFS_MAX);
        return NULL;
    }
    def->next = l->defs;
    l->defs = def;
    l->def_count++;
    return def;
}

/** rel is <id>/<family>/<version>.conf, where the id may contain slashes. */
static void take_def(struct gw_prompt_loader *l, const char *path, const char *rel)
{
    const char *file = strrchr(rel, '/'), *family = file;
    char *folder = gw_arena_strndup(l->arena, path, (size_t)(strrchr(path, '/') - path));
    struct gw_prompt_def *def, *version;

    while (family && family > rel && family[-1] != '/')
        family--;
    if (!family || family == rel) {
        gw_problem(l->problems, NULL, path, "expected <prompt id>/<family>/<version>.conf below %s", l->dir);
        return;
    }
    def = folder ? gw_prompt_read_def(l, path, folder) : NULL;
    if (!def)
        return;
    def->dir = l->dir;
    def->path = path;
    def->id = gw_arena_strndup(l->arena, rel, (size_t)(family - 1 - rel));
    def->family = gw_arena_strndup(l->arena, family, (size_t)(file - family));
    def->version = gw_arena_strndup(l->arena, file + 1, strlen(file + 1) - strlen(".conf"));
    if (!def->id || !def->family || !def->version)
        return;
    def = place(l, def, path);
    for (size_t i = 0; def && i < def->also.count; i++) {
        version = gw_arena_alloc(l->arena, sizeof *version);
        if (!version)
            return;
        *version = *def;
        version->version = def->also.items[i];
        version->of = def;
        place(l, version, path);
    }
}

/* ---- index ---- */

static int by_key(const void *a, const void *b)
{
    const struct gw_prompt_def *x = *(const struct gw_prompt_def *const *)a;
    const struct gw_prompt_def *y = *(const struct gw_prompt_def *const *)b;
    int order = strcmp(x->id, y->id);

    if (!order)
        order = strcmp(x->family, y->family);
    return order ? order : strcmp(x->version, y->version);
}

static bool build_index(struct gw_prompt_loader *l)
{
    struct gw_prompts *prompts = l->prompts;
    const struct gw_prompt_def **sorted = gw_arena_alloc(l->arena, (l->def_count + 1) * sizeof *sorted);
    const char **versions = gw_arena_alloc(l->arena, (l->def_count + 1) * sizeof *versions);
    struct gw_prompt_family *families = gw_arena_calloc(l->arena, (l->def_count + 1) * sizeof *families);
    size_t count = 0;

    if (!sorted || !versions || !families)
        return false;
    for (const struct gw_prompt_def *def = l->defs; def; def = def->next)
        sorted[count++] = def;
    qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 0; i < count; i++) {
        struct gw_prompt_family *family;

        if (!i || !same_family(sorted[i - 1], sorted[i]))
            families[prompts->family_count++] = (struct gw_prompt_family){
                .id = sorted[i]->id, .family = sorted[i]->family, .defs = sorted + i, .versions = versions + i
            };
        family = &families[prompts->family_count - 1];
        versions[i] = sorted[i]->version;
        family->count++;
    }
    for (size_t i = 0; i < prompts->family_count; i++)
        if (gw_version_pick(AIGW_STR(GW_PROMPT_DEFAULT_VERSION), families[i].versions, families[i].count,
                            &families[i].default_index) != AIGW_OK)
            families[i].default_index = families[i].count;
    prompts->families = families;
    prompts->def_count = count;
    return true;
}

struct gw_prompts *gw_prompts_load(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                                   struct gw_problems *problems)
{
    struct gw_prompts *prompts = gw_arena_calloc(arena, sizeof *prompts);
    struct gw_prompt_loader loader = { .arena = arena, .problems = problems, .prompts = prompts };
    struct stat st;

    if (!prompts)
        return NULL;
    /* Shared templates first, all folders: a definition may then use a partial that a later folder replaces. */
    for (size_t i = 0; i < dir_count; i++) {
        const char *partials = gw_arena_printf(arena, "%s/partials", dirs[i]);

        if (partials && stat(partials, &st) == 0 && S_ISDIR(st.st_mode))
            walk(&loader, partials, "", ".mustache", 1, take_partial);
    }
    for (size_t i = 0; i < dir_count; i++) {
        loader.dir = dirs[i];
        walk(&loader, dirs[i], "", ".conf", 0, take_def);
    }
    if (!build_index(&loader)) {
        gw_problem(problems, NULL, "prompts", "out of memory");
        return NULL;
    }
    return prompts;
}

size_t gw_prompts_count(const struct gw_prompts *prompts)
{
    return prompts->def_count;
}

bool gw_prompts_entry(const struct gw_prompts *prompts, size_t index, struct gw_prompt_entry *ret_entry)
{
    const struct gw_prompt_def *def;

    for (size_t i = 0; i < prompts->family_count; i++) {
        if (index < prompts->families[i].count) {
            def = prompts->families[i].defs[index];
            *ret_entry = (struct gw_prompt_entry){ .id = def->id,
                                                   .family = def->family,
                                                   .version = def->version,
                                                   .path = def->path,
                                                   .title = def->title,
                                                   .scope = def->scope,
                                                   .required = def->required };
            return true;
        }
        index -= prompts->families[i].count;
    }
    return false;
}

bool gw_prompts_file(const struct gw_prompts *prompts, size_t index, const char **ret_path, uint64_t *ret_print)
{
    const struct gw_prompt_file *file = prompts->files;

    while (file && index-- > 0)
        file = file->next;
    if (!file)
        return false;
    *ret_path = file->path;
    *ret_print = file->print;
    return true;
}
