/* instances.c - folders of plugins, and the groups of conf.d that bring them to life. Main thread only. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "health/metrics.h"
#include "plugin/ctx.h"
#include "plugin/internal.h"

#define PLUGIN_FILES_MAX 500
#define STATE_ALIGN      16 /* what gw_arena_alloc() promises, enough for any C type */

_Static_assert(_Alignof(max_align_t) <= STATE_ALIGN, "plugin state may hold any type");

/* ---- loading ---- */

const struct gw_plugin *gw_plugins_find(const struct gw_plugins *plugins, uint32_t kind, const char *name)
{
    for (const struct gw_plugin *plugin = plugins->first; plugin; plugin = plugin->next) {
        if (plugin->descriptor.kind == kind && strcmp(plugin->descriptor.name, name) == 0)
            return plugin;
    }
    return NULL;
}

struct gw_instance *gw_plugins_provider(const struct gw_plugins *plugins, const char *name)
{
    struct gw_instance *instance = plugins->providers;

    while (instance && strcmp(instance->name, name) != 0)
        instance = instance->next;
    return instance;
}

struct gw_instance *gw_plugins_disabled(const struct gw_plugins *plugins, uint32_t kind, const char *name)
{
    struct gw_instance *at = plugins->disabled;

    while (at && (at->plugin->descriptor.kind != kind || strcmp(at->name, name) != 0))
        at = at->next;
    return at;
}

bool gw_plugin_register_metrics(struct gw_plugin *plugin, struct gw_arena *arena, struct gw_problems *problems)
{
    const struct aigw_plugin *d = &plugin->descriptor;
    const char *owner = gw_arena_printf(arena, "%s %s", gw_plugin_kind_name(d->kind), d->name);

    plugin->metric_ids = gw_arena_calloc(arena, (d->metric_count + 1) * sizeof *plugin->metric_ids);
    if (!owner || !plugin->metric_ids) {
        gw_problem(problems, NULL, plugin->path, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < d->metric_count; i++) {
        const struct aigw_metric *m = &plugin->metrics[i];
        struct gw_err why = { "" };

        plugin->metric_ids[i] = gw_metric_owned(owner, m->name, m->help, m->labels, m->label_count, &why);
        for (uint32_t k = 0; k < i && !why.text[0]; k++) {
            if (strcmp(plugin->metrics[k].name, m->name) == 0)
                gw_err_set(&why, AIGW_E_CONFIG, "the name appears twice: rename one");
        }
        if (why.text[0]) {
            gw_problem(problems, NULL, plugin->path, "metric \"%s\": %s", m->name, why.text);
            return false;
        }
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** Names of the *.so files of a folder, sorted; count 0 when there is no such folder. */
static size_t list_folder(struct gw_arena *arena, const char *dir, const char **names, struct gw_problems *problems)
{
    DIR *handle = opendir(dir);
    struct dirent *entry;
    size_t count = 0;

    if (!handle) {
        if (errno != ENOENT) /* a folder may hold plugins of one kind only */
            gw_problem(problems, NULL, dir, "cannot read this plugin folder: %s", strerror(errno));
        return 0;
    }
    while ((entry = readdir(handle)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (entry->d_name[0] == '.' || len <= 3 || strcmp(entry->d_name + len - 3, ".so") != 0)
            continue;
        if (count == PLUGIN_FILES_MAX) {
            gw_problem(problems, NULL, dir, "more than %d plugins", PLUGIN_FILES_MAX);
            break;
        }
        names[count] = gw_arena_strndup(arena, entry->d_name, len);
        if (!names[count]) {
            gw_problem(problems, NULL, dir, "out of memory");
            break;
        }
        count++;
    }
    closedir(handle);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

/** Load one file and append it, unless an earlier one has its name. */
static void load_one(struct gw_plugins *plugins, const struct gw_plugins *running, const char *path,
                     const struct gw_plugin_kind *kind, struct gw_problems *problems)
{
    struct gw_plugin **tail = &plugins->first;
    const struct gw_plugin *same;
    struct gw_err err = { "" };
    struct gw_plugin *plugin = gw_plugin_load(plugins->arena, path, running, &err);

    if (!plugin) {
        gw_problem(problems, NULL, NULL, "%s", err.text);
        return;
    }
    if (plugin->descriptor.kind != kind->kind) {
        gw_problem(problems, NULL, path, "is a %s in the folder of the %s; move it to the other folder",
                   gw_plugin_kind_name(plugin->descriptor.kind), kind->folder);
        gw_plugin_unload(plugin);
        return;
    }
    same = gw_plugins_find(plugins, kind->kind, plugin->descriptor.name);
    if (same) {
        gw_problem_warning(problems, NULL, path, "is not used: %s, which comes first, is a %s named \"%s\" too",
                           same->path, kind->name, same->descriptor.name);
        gw_plugin_unload(plugin);
        return;
    }
    if (!gw_plugin_register_metrics(plugin, plugins->arena, problems)) {
        gw_plugin_unload(plugin);
        return;
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = plugin;
}

struct gw_plugins *gw_plugins_load(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                                   const struct gw_plugins *running, struct gw_problems *problems)
{
    struct gw_plugins *plugins = gw_arena_calloc(arena, sizeof *plugins);
    const char **names = gw_arena_alloc(arena, PLUGIN_FILES_MAX * sizeof *names);

    if (!plugins || !names) {
        gw_problem(problems, NULL, NULL, "out of memory while loading plugins");
        return plugins;
    }
    plugins->arena = arena;
    for (size_t i = 0; i < dir_count; i++) {
        DIR *handle = opendir(dirs[i]);

        if (!handle) {
            gw_problem(problems, NULL, dirs[i],
                       "cannot read this plugin folder: %s; name the right one with "
                       "--plugin-dir",
                       strerror(errno));
            continue;
        }
        closedir(handle);
        for (size_t k = 0; k < gw_plugin_kind_count; k++) {
            const char *dir = gw_arena_printf(arena, "%s/%s", dirs[i], gw_plugin_kinds[k].folder);
            size_t count = dir ? list_folder(arena, dir, names, problems) : 0;

            for (size_t n = 0; n < count; n++) {
                const char *path = gw_arena_printf(arena, "%s/%s", dir, names[n]);

                if (path)
                    load_one(plugins, running, path, &gw_plugin_kinds[k], problems);
            }
        }
    }
    return plugins;
}

/* ---- instances ---- */

struct configure {
    struct gw_plugins *plugins;
    struct gw_arena *arena;
    const struct aigw_host *host;
    struct gw_problems *problems;
    const struct gw_plugin_kind *kind;
};

static const struct gw_plugin_kind *plugin_of_another_kind(const struct configure *c, const char *name)
{
    for (size_t i = 0; i < gw_plugin_kind_count; i++) {
        if (gw_plugin_kinds[i].kind != c->kind->kind && gw_plugins_find(c->plugins, gw_plugin_kinds[i].kind, name))
            return &gw_plugin_kinds[i];
    }
    return NULL;
}

/** The plugin a group names, or NULL with a problem. */
static const struct gw_plugin *find_plugin(const struct configure *c, const struct gw_node *group, const char *path)
{
    const struct gw_node *node = gw_node_get(group, "plugin");
    const char *key = gw_arena_printf(c->arena, "%s.plugin", path);
    const char *names[PLUGIN_FILES_MAX], *name, *closest;
    const struct gw_plugin_kind *other;
    const struct gw_plugin *plugin;
    struct gw_buf all;
    size_t count = 0;

    if (!node) {
        gw_problem(c->problems, group, key, "is missing, expected the name of a %s plugin; see `aigw plugins`",
                   c->kind->name);
        return NULL;
    }
    name = gw_node_text(c->arena, node, key, c->problems);
    plugin = name ? gw_plugins_find(c->plugins, c->kind->kind, name) : NULL;
    if (!name || plugin)
        return plugin;
    gw_buf_init(&all, 2048); /* a longer list is cut */
    for (plugin = c->plugins->first; plugin && count < GW_ARRAY_LEN(names); plugin = plugin->next) {
        if (plugin->descriptor.kind != c->kind->kind)
            continue;
        gw_buf_printf(&all, "%s%s", count ? ", " : "", plugin->descriptor.name);
        names[count++] = plugin->descriptor.name;
    }
    other = plugin_of_another_kind(c, name);
    closest = gw_closest(name, names, count);
    if (other)
        gw_problem(c->problems, node, key, "\"%s\" is a %s plugin, expected a %s plugin; its group belongs into `%s`",
                   name, other->name, c->kind->name, other->section);
    else if (closest)
        gw_problem(c->problems, node, key, "there is no %s plugin \"%s\", did you mean %s?", c->kind->name, name,
                   closest);
    else
        gw_problem(c->problems, node, key, "there is no %s plugin \"%s\"; loaded: %s", c->kind->name, name,
                   all.len ? all.data : "none");
    gw_buf_done(&all);
    return NULL;
}

/** False when the group says enabled = false. Anything but a boolean is a problem. */
static bool is_enabled(const struct configure *c, const struct gw_node *group, const char *path)
{
    static const struct aigw_setting setting = { .name = "enabled", .type = AIGW_SET_BOOL, .default_value = "true" };
    const struct gw_node *node = gw_node_get(group, "enabled");
    struct gw_node only = { .type = GW_NODE_GROUP, .file = group->file, .line = group->line };
    struct gw_node copy;
    int32_t enabled = 1;

    if (node) {
        copy = *node;
        copy.next = NULL;
        only.first = &copy;
    }
    gw_settings_fill(c->arena, &only, path, &setting, 1, sizeof setting, NULL, &enabled, c->problems);
    return enabled != 0;
}

/** Settings into state, then open(). False after a problem. */
static bool open_instance(const struct configure *c, struct gw_instance *instance, const char *path)
{
    const struct aigw_plugin *d = &instance->plugin->descriptor;
    const struct gw_opening opening = { c->problems, instance->node, path };
    size_t errors_before = c->problems->error_count;
    struct gw_visit visit;
    aigw_status status;

    gw_settings_fill(c->arena, instance->node, path, d->settings, d->setting_count, d->setting_size, c->kind->reserved,
                     instance->state, c->problems);
    if (c->problems->error_count != errors_before)
        return false; /* open() may rely on its settings */
    instance->settings_hash = gw_plugin_settings_hash(instance->plugin, instance->state);
    instance->ctx->opening = &opening;
    if (instance->meter)
        atomic_store(&instance->meter->instance_bytes, d->state_size);
    gw_visit_begin(&visit, instance->meter, instance->ctx, GW_CALLBACK_OPEN);
    status = c->kind->open(instance->plugin, c->host, instance->ctx, instance->state);
    gw_visit_end(&visit);
    status = gw_ctx_status(instance->ctx, GW_CALLBACK_OPEN, status, AIGW_OK);
    gw_guard_check(instance->state, d->state_size, instance->meter, "the instance's state");
    instance->ctx->opening = NULL;
    if (status != AIGW_OK) {
        const char *reason = gw_ctx_error(instance->ctx);

        gw_problem(c->problems, instance->node, path, "plugin \"%s\" refused it: %s", d->name,
                   *reason ? reason : "it gave no reason");
        return false;
    }
    instance->is_open = true;
    return true;
}

static struct gw_instance *make_instance(const struct configure *c, const struct gw_plugin *plugin,
                                         const struct gw_node *group)
{
    size_t size = plugin->descriptor.state_size;
    struct gw_instance *instance = gw_arena_calloc(c->arena, sizeof *instance);

    if (!instance)
        return NULL;
    instance->name = group->key;
    instance->node = group;
    instance->state = gw_guarded_calloc(c->arena, size);
    instance->is_guarded = true;
    instance->ctx = gw_ctx_new_instance(c->arena, plugin, group->key);
    instance->meter = gw_meter_of(plugin->descriptor.kind, plugin->descriptor.name, group->key);
    if (instance->ctx)
        instance->ctx->meter = instance->meter;
    for (struct gw_plugin *p = c->plugins->first; p; p = p->next) {
        if (p == plugin)
            instance->plugin = p;
    }
    return instance->state && instance->ctx ? instance : NULL;
}

/** Its name is known, nothing more: a plugin that was taken away, or settings that are wrong, do not matter. */
static void add_disabled(const struct configure *c, const struct gw_node *group)
{
    struct gw_instance **tail = &c->plugins->disabled, *instance = gw_arena_calloc(c->arena, sizeof *instance);
    struct gw_plugin *absent = gw_arena_calloc(c->arena, sizeof *absent);
    const struct gw_node *node = gw_node_get(group, "plugin");
    struct gw_problems ignored;

    if (!instance || !absent)
        return;
    gw_problems_init(&ignored, c->arena);
    absent->descriptor.kind = c->kind->kind;
    absent->descriptor.name = node ? gw_node_text(c->arena, node, "plugin", &ignored) : NULL;
    if (!absent->descriptor.name)
        absent->descriptor.name = group->key;
    *instance = (struct gw_instance){ .name = group->key, .node = group, .plugin = absent, .is_disabled = true };
    for (struct gw_plugin *p = c->plugins->first; p; p = p->next)
        if (p->descriptor.kind == c->kind->kind && strcmp(p->descriptor.name, absent->descriptor.name) == 0)
            instance->plugin = p;
    while (*tail)
        tail = &(*tail)->next;
    *tail = instance;
}

static void configure_group(const struct configure *c, const struct gw_node *group, struct gw_instance ***tail)
{
    const char *path = gw_arena_printf(c->arena, "%s.%s", c->kind->section, group->key);
    const struct gw_plugin *plugin;
    const struct gw_node *model;
    struct gw_instance *instance;

    if (!path)
        return;
    if (group->type != GW_NODE_GROUP) {
        gw_problem(c->problems, group, path, "is not a group; write  %s: { plugin = \"…\"; };", group->key);
        return;
    }
    if (!is_enabled(c, group, path)) {
        add_disabled(c, group);
        return;
    }
    plugin = find_plugin(c, group, path);
    if (!plugin)
        return;
    instance = make_instance(c, plugin, group);
    if (!instance) {
        gw_problem(c->problems, group, path, "out of memory");
        return;
    }
    model = c->kind->takes_model ? gw_node_get(group, "model") : NULL;
    if (model)
        instance->model = gw_node_text(c->arena, model, gw_arena_printf(c->arena, "%s.model", path), c->problems);
    open_instance(c, instance, path);
    **tail = instance; /* also when it did not open: what refers to it by name should not be reported as well */
    *tail = &instance->next;
}

void gw_plugins_configure(struct gw_plugins *plugins, struct gw_arena *arena, const struct gw_node *conf,
                          const struct aigw_host *host, struct gw_problems *problems)
{
    for (size_t i = 0; i < gw_plugin_kind_count; i++) {
        const struct gw_plugin_kind *kind = &gw_plugin_kinds[i];
        struct configure c = { plugins, arena, host, problems, kind };
        const struct gw_node *section = conf ? gw_node_get(conf, kind->section) : NULL;
        struct gw_instance **tail = gw_plugin_instances(plugins, kind);

        while (*tail)
            tail = &(*tail)->next;
        if (!section)
            continue;
        if (section->type != GW_NODE_GROUP) {
            gw_problem(problems, section, kind->section, "is not a group; write  %s: { … };", kind->section);
            continue;
        }
        for (const struct gw_node *group = section->first; group; group = group->next)
            configure_group(&c, group, &tail);
    }
}

/** Newest first: a later instance may rely on an earlier one. */
static void close_all(struct gw_instance *instance)
{
    struct gw_visit visit;

    if (!instance)
        return;
    close_all(instance->next);
    if (!instance->is_open)
        return;
    instance->is_open = false;
    gw_visit_begin(&visit, instance->meter, NULL, GW_CALLBACK_CLOSE);
    gw_plugin_kind_of(instance->plugin->descriptor.kind)->close(instance->plugin, instance->state);
    gw_visit_end(&visit);
    gw_guard_check(instance->state, instance->plugin->descriptor.state_size, instance->meter, "the instance's state");
}

void gw_plugins_close(struct gw_plugins *plugins)
{
    if (!plugins)
        return;
    for (size_t i = gw_plugin_kind_count; i-- > 0;) {
        struct gw_instance **first = gw_plugin_instances(plugins, &gw_plugin_kinds[i]);

        close_all(*first);
        *first = NULL;
    }
    if (plugins->arena)
        gw_arena_run_deferred(plugins->arena); /* what open() deferred is code of theirs */
    for (struct gw_plugin *plugin = plugins->first; plugin; plugin = plugin->next)
        gw_plugin_unload(plugin);
    plugins->first = NULL;
}
