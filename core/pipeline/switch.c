/* switch.c - see switch.h. What is off takes no new requests or calls; those under way go on. */
#include "pipeline/switch.h"

#include <string.h>

#include "base/log.h"
#include "plugin/meter.h"
#include "plugin/plugin.h"

#define NAMES_MAX 64u

/* All that are open, providers first. */
static struct gw_instance *next(const struct gw_plugins *plugins, struct gw_instance *at)
{
    if (!at)
        return plugins->providers ? plugins->providers : plugins->features;
    if (!at->next && at->plugin->descriptor.kind == AIGW_KIND_PROVIDER)
        return plugins->features;
    return at->next;
}

static bool is_called(const struct gw_instance *instance, aigw_str name)
{
    aigw_str kind = gw_str(gw_plugin_kind_name(instance->plugin->descriptor.kind));

    if (gw_str_is(name, instance->name))
        return true;
    return name.len > kind.len + 2 && gw_str_has_prefix(name, kind) && name.ptr[kind.len] == 's' &&
           name.ptr[kind.len + 1] == '.' &&
           gw_str_is((aigw_str){ name.ptr + kind.len + 2, name.len - kind.len - 2 }, instance->name);
}

static void say_unknown(const struct gw_plugins *plugins, aigw_str name, struct gw_buf *out)
{
    const char *names[NAMES_MAX], *closest;
    char word[128] = "";
    size_t count = 0;

    if (name.len < sizeof word)
        memcpy(word, name.ptr, name.len);
    for (struct gw_instance *at = next(plugins, NULL); at && count < NAMES_MAX; at = next(plugins, at))
        names[count++] = at->name;
    closest = gw_closest(strchr(word, '.') ? strchr(word, '.') + 1 : word, names, count);
    gw_buf_printf(out, "no instance is called \"%.*s\"%s%s%s\n", (int)(name.len < 100 ? name.len : 100), name.ptr,
                  closest ? ", did you mean " : "; see `aigw plugin list`", closest ? closest : "", closest ? "?" : "");
}

/* NULL when there is none, or more than one; out says so. */
static struct gw_instance *find(const struct gw_plugins *plugins, aigw_str name, struct gw_buf *out)
{
    struct gw_instance *found = NULL;

    for (struct gw_instance *at = next(plugins, NULL); at; at = next(plugins, at)) {
        if (!is_called(at, name))
            continue;
        if (found) {
            gw_buf_printf(out, "both providers.%s and features.%s are called so: say which\n", found->name, at->name);
            return NULL;
        }
        found = at;
    }
    if (found)
        return found;
    for (const struct gw_instance *at = plugins->disabled; at; at = at->next)
        if (is_called(at, name)) {
            gw_buf_printf(out, "%ss.%s has enabled = false in conf.d: change that and reload\n",
                          gw_plugin_kind_name(at->plugin->descriptor.kind), at->name);
            return NULL;
        }
    say_unknown(plugins, name, out);
    return NULL;
}

static bool set(const struct gw_plugins *plugins, aigw_str name, bool is_off, struct gw_buf *out)
{
    struct gw_instance *instance = find(plugins, name, out);
    const char *kind;

    if (!instance)
        return false;
    if (!instance->meter) {
        gw_buf_puts(out, "this process has seen too many instances to keep track of it: use enabled = false\n");
        return false;
    }
    kind = gw_plugin_kind_name(instance->plugin->descriptor.kind);
    if (atomic_exchange(&instance->meter->is_off, is_off) == is_off) {
        gw_buf_printf(out, "%ss.%s was %s already\n", kind, instance->name, is_off ? "off" : "on");
        return true;
    }
    gw_log(GW_LOG_WARNING, "plugin", "%ss.%s is switched %s by the operator", kind, instance->name,
           is_off ? "off" : "on");
    gw_buf_printf(out, "%ss.%s is %s%s\n", kind, instance->name, is_off ? "off" : "on",
                  is_off ? " until `aigw plugin on`, a reload or a restart; enabled = false in conf.d makes it last"
                         : "");
    return true;
}

static void put_all(const struct gw_plugins *plugins, struct gw_buf *out)
{
    for (struct gw_instance *at = next(plugins, NULL); at; at = next(plugins, at))
        gw_buf_printf(out, "%-4s %ss.%s (%s)\n", gw_meter_is_off(at->meter) ? "off" : "on",
                      gw_plugin_kind_name(at->plugin->descriptor.kind), at->name, at->plugin->descriptor.name);
    for (const struct gw_instance *at = plugins->disabled; at; at = at->next)
        gw_buf_printf(out, "off  %ss.%s (enabled = false)\n", gw_plugin_kind_name(at->plugin->descriptor.kind),
                      at->name);
}

bool gw_switch_command(const struct gw_snapshot *snapshot, aigw_str command, struct gw_buf *out)
{
    const aigw_str off = AIGW_STR("plugin off "), on = AIGW_STR("plugin on ");

    if (gw_str_has_prefix(command, off))
        return set(snapshot->plugins, (aigw_str){ command.ptr + off.len, command.len - off.len }, true, out);
    if (gw_str_has_prefix(command, on))
        return set(snapshot->plugins, (aigw_str){ command.ptr + on.len, command.len - on.len }, false, out);
    put_all(snapshot->plugins, out);
    return true;
}
