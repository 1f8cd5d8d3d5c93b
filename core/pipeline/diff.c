/* diff.c - see diff.h. Core settings are compared by their values, whatever file, variable or default they came from;
 * groups that operators name (providers, models, keys …) as they stand in conf.d; plugins and prompts by their bytes.
 */
#include "pipeline/diff.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "plugin/plugin.h"
#include "prompt/prompt.h"

#define SCRATCH_MAX (8u << 20)
#define SHOWN_MAX   160 /* bytes of a value */

struct diff {
    const struct gw_snapshot *was, *is;
    struct gw_arena scratch;
    struct gw_buf *out;
    size_t lines;
};

static void AIGW_PRINTF(2, 3) tell(struct diff *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(d->out, fmt, args);
    va_end(args);
    gw_buf_puts(d->out, "\n");
    d->lines++;
}

/* ---- values of conf.d ----------------------------------------------------------------------------------------- */

static void put_value(struct gw_buf *out, const struct gw_node *node)
{
    switch (node->type) {
    case GW_NODE_STRING:
        gw_buf_json(out, gw_str(node->string), false);
        break;
    case GW_NODE_INT:
        gw_buf_printf(out, "%lld", (long long)node->integer);
        break;
    case GW_NODE_DOUBLE:
        gw_buf_printf(out, "%.17g", node->number);
        break;
    case GW_NODE_BOOL:
        gw_buf_puts(out, node->integer ? "true" : "false");
        break;
    default:
        gw_buf_puts(out, node->type == GW_NODE_GROUP ? "{" : "(");
        for (const struct gw_node *child = node->first; child; child = child->next) {
            gw_buf_printf(out, "%s%s%s", child == node->first ? " " : ", ", child->key ? child->key : "",
                          child->key ? " = " : "");
            put_value(out, child);
        }
        gw_buf_puts(out, node->type == GW_NODE_GROUP ? " }" : " )");
    }
}

static const char *shown(struct diff *d, const struct gw_node *node)
{
    struct gw_buf text;
    const char *kept;

    gw_buf_init(&text, 65536);
    put_value(&text, node);
    kept =
        gw_arena_printf(&d->scratch, "%.*s%s", SHOWN_MAX, text.data ? text.data : "", text.len > SHOWN_MAX ? "…" : "");
    gw_buf_done(&text);
    return kept ? kept : "?";
}

static const struct gw_instance *instance_of(const struct gw_snapshot *snapshot, const char *section, const char *name)
{
    const struct gw_instance *at = strcmp(section, "providers") == 0  ? snapshot->plugins->providers
                                   : strcmp(section, "features") == 0 ? snapshot->plugins->features
                                                                      : NULL;

    while (at && strcmp(at->name, name) != 0)
        at = at->next;
    if (!at)
        at = gw_plugins_disabled(snapshot->plugins,
                                 strcmp(section, "providers") == 0 ? AIGW_KIND_PROVIDER : AIGW_KIND_FEATURE, name);
    return at;
}

static bool is_secret(const struct gw_instance *instance, const char *key)
{
    if (instance && !instance->plugin->path) /* it is switched off and its plugin not loaded: nobody knows */
        return true;
    for (uint32_t i = 0; instance && i < instance->plugin->descriptor.setting_count; i++) {
        const struct aigw_setting *setting = &instance->plugin->descriptor.settings[i];

        if (setting->flags & AIGW_SETF_SECRET && strcmp(setting->name, key) == 0)
            return true;
    }
    return false;
}

static const struct gw_node *child_of(const struct gw_node *node, const char *key)
{
    const struct gw_node *child = node ? node->first : NULL;

    while (child && (!child->key || strcmp(child->key, key) != 0))
        child = child->next;
    return child;
}

static void diff_nodes(struct diff *d, const char *path, const struct gw_node *was, const struct gw_node *is,
                       const struct gw_instance *owner);

static void diff_groups(struct diff *d, const char *path, const struct gw_node *was, const struct gw_node *is,
                        const struct gw_instance *owner)
{
    for (const struct gw_node *child = was->first; child; child = child->next)
        diff_nodes(d, gw_arena_printf(&d->scratch, "%s.%s", path, child->key), child, child_of(is, child->key), owner);
    for (const struct gw_node *child = is->first; child; child = child->next)
        if (!child_of(was, child->key))
            diff_nodes(d, gw_arena_printf(&d->scratch, "%s.%s", path, child->key), NULL, child, owner);
}

static void diff_lists(struct diff *d, const char *path, const struct gw_node *was, const struct gw_node *is,
                       const struct gw_instance *owner)
{
    const struct gw_node *a = was->first, *b = is->first;

    for (size_t i = 0; a || b; i++) {
        diff_nodes(d, gw_arena_printf(&d->scratch, "%s[%zu]", path, i), a, b, owner);
        a = a ? a->next : NULL;
        b = b ? b->next : NULL;
    }
}

/** owner: the plugin instance whose setting it is or is part of, if any. */
static void diff_nodes(struct diff *d, const char *path, const struct gw_node *was, const struct gw_node *is,
                       const struct gw_instance *owner)
{
    const struct gw_node *one = is ? is : was;
    const char *before, *after;

    if (!path)
        return;
    if (was && is && was->type == is->type && was->type == GW_NODE_GROUP) {
        diff_groups(d, path, was, is, owner);
        return;
    }
    if (was && is && was->type == is->type && was->type == GW_NODE_LIST) {
        diff_lists(d, path, was, is, owner);
        return;
    }
    before = was ? shown(d, was) : NULL;
    after = is ? shown(d, is) : NULL;
    if (before && after && strcmp(before, after) == 0)
        return;
    if (one->key && is_secret(owner, one->key))
        tell(d, "%s: %s", path, before && after ? "another secret" : after ? "a secret is set" : "no secret any more");
    else if (before && after)
        tell(d, "%s %s → %s", path, before, after);
    else
        tell(d, "%s %s%s", path, after ? "= " : "not set any more, was ", after ? after : before);
}

/** providers.NAME, models.NAME and so on. */
static void diff_named(struct diff *d, const char *section, const char *name, const struct gw_node *was,
                       const struct gw_node *is)
{
    const char *path = gw_arena_printf(&d->scratch, "%s.%s", section, name);
    const struct gw_instance *before = instance_of(d->was, section, name), *after = instance_of(d->is, section, name);
    size_t lines = d->lines;

    if (!path || gw_settings_has(path)) /* the core's own: compared as a value */
        return;
    if (!was || !is) {
        tell(d, "%s: %s", path, is ? "new" : "gone");
        return;
    }
    diff_nodes(d, path, was, is, after ? after : before);
    if (lines == d->lines && before && after && before->settings_hash != after->settings_hash)
        tell(d, "%s: a file or a variable that it names has another value", path);
}

static void diff_conf(struct diff *d)
{
    for (const struct gw_node *section = d->was->conf->first; section; section = section->next) {
        const struct gw_node *other = child_of(d->is->conf, section->key);

        for (const struct gw_node *child = section->first; child; child = child->next)
            if (child->key)
                diff_named(d, section->key, child->key, child, child_of(other, child->key));
    }
    for (const struct gw_node *section = d->is->conf->first; section; section = section->next) {
        const struct gw_node *other = child_of(d->was->conf, section->key);

        for (const struct gw_node *child = section->first; child; child = child->next)
            if (child->key && !child_of(other, child->key))
                diff_named(d, section->key, child->key, NULL, child);
    }
}

/* ---- the rest ------------------------------------------------------------------------------------------------- */

static void tell_setting(void *user, const struct gw_setting_change *change)
{
    static const char later[] = " (at the next start)";
    struct diff *d = user;

    if (change->is_secret)
        tell(d, "%s: %s%s", change->path,
             !change->is.len    ? "no secret any more"
             : !change->was.len ? "a secret is set"
                                : "another secret",
             change->is_fixed ? later : "");
    else
        tell(d, "%s %.*s → %.*s%s", change->path, AIGW_STR_ARG(change->was.len ? change->was : AIGW_STR("(not set)")),
             AIGW_STR_ARG(change->is.len ? change->is : AIGW_STR("(not set)")), change->is_fixed ? later : "");
}

static const struct gw_plugin *plugin_at(const struct gw_plugins *plugins, const char *path)
{
    const struct gw_plugin *plugin = plugins->first;

    while (plugin && strcmp(plugin->path, path) != 0)
        plugin = plugin->next;
    return plugin;
}

static void diff_plugins(struct diff *d)
{
    for (const struct gw_plugin *plugin = d->was->plugins->first; plugin; plugin = plugin->next) {
        const struct gw_plugin *other = plugin_at(d->is->plugins, plugin->path);

        if (!other)
            tell(d, "plugin %s: gone", plugin->path);
        else if (other->code != plugin->code) /* code of the same bytes is shared */
            tell(d, "plugin %s: another file, %s %s → %s", plugin->path, plugin->descriptor.name,
                 plugin->descriptor.version, other->descriptor.version);
    }
    for (const struct gw_plugin *plugin = d->is->plugins->first; plugin; plugin = plugin->next)
        if (!plugin_at(d->was->plugins, plugin->path))
            tell(d, "plugin %s: new", plugin->path);
}

static bool find_file(const struct gw_prompts *prompts, const char *path, uint64_t *ret_print)
{
    const char *at;

    for (size_t i = 0; gw_prompts_file(prompts, i, &at, ret_print); i++)
        if (strcmp(at, path) == 0)
            return true;
    return false;
}

static void diff_prompts(struct diff *d)
{
    uint64_t print, other;
    const char *path;

    for (size_t i = 0; gw_prompts_file(d->was->prompts, i, &path, &print); i++) {
        if (!find_file(d->is->prompts, path, &other))
            tell(d, "prompt file %s: gone", path);
        else if (print != other)
            tell(d, "prompt file %s: another text", path);
    }
    for (size_t i = 0; gw_prompts_file(d->is->prompts, i, &path, &print); i++)
        if (!find_file(d->was->prompts, path, &other))
            tell(d, "prompt file %s: new", path);
}

size_t gw_snapshot_diff(const struct gw_snapshot *was, const char *const *fixed, const struct gw_snapshot *is,
                        struct gw_buf *out)
{
    struct diff d = { .was = was, .is = is, .out = out };

    gw_arena_init(&d.scratch, SCRATCH_MAX);
    gw_settings_changes(&was->settings, fixed, &is->settings, &d.scratch, tell_setting, &d);
    diff_conf(&d);
    diff_plugins(&d);
    diff_prompts(&d);
    gw_arena_done(&d.scratch);
    return d.lines;
}

/* ---- the hash ------------------------------------------------------------------------------------------------- */

static void put_setting(void *user, const struct gw_setting_change *change)
{
    gw_buf_printf(user, "%s=%.*s\n", change->path, AIGW_STR_ARG(change->is));
}

void gw_snapshot_hash(const struct gw_snapshot *snapshot, char ret_hash[GW_CONFIG_HASH_LEN + 1])
{
    static const struct gw_settings none;
    unsigned char digest[32] = { 0 };
    struct gw_arena scratch;
    struct gw_buf text;
    const char *path;
    uint64_t print, prompts = 0;

    gw_arena_init(&scratch, SCRATCH_MAX);
    gw_buf_init(&text, SCRATCH_MAX);
    gw_settings_changes(&none, NULL, &snapshot->settings, &scratch, put_setting, &text);
    for (const struct gw_node *section = snapshot->conf->first; section; section = section->next)
        for (const struct gw_node *child = section->first; child; child = child->next) {
            gw_buf_printf(&text, "%s.%s=", section->key, child->key ? child->key : "");
            put_value(&text, child);
            gw_buf_puts(&text, "\n");
        }
    for (size_t i = 0; gw_prompts_file(snapshot->prompts, i, &path, &print); i++)
        prompts ^= print * UINT64_C(0x9e3779b97f4a7c15); /* whatever folder they are in */
    gw_buf_printf(&text, "prompts=%llu\n", (unsigned long long)prompts);
    (void)gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data, text.len, digest);
    for (size_t i = 0; i < GW_CONFIG_HASH_LEN / 2; i++)
        (void)sprintf(ret_hash + 2 * i, "%02x", digest[i]);
    gw_buf_done(&text);
    gw_arena_done(&scratch);
}
