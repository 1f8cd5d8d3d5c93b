/* fill.c - a group of conf.d through a settings table into a struct. */
#include <string.h>

#include "config/internal.h"

#define FILL_NAMES_MAX 512

static bool is_reserved(const char *key, const char *const *reserved)
{
    for (; reserved && *reserved; reserved++) {
        if (strcmp(*reserved, key) == 0)
            return true;
    }
    return false;
}

static const char *join(struct gw_arena *arena, const char *path, const char *name)
{
    const char *joined = path && *path ? gw_arena_printf(arena, "%s.%s", path, name) : name;

    return joined ? joined : name;
}

static bool is_in_table(const char *key, const struct aigw_setting *table, uint32_t count, uint32_t stride)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(gw_setting_at(table, i, stride).name, key) == 0)
            return true;
    }
    return false;
}

static void report_unknown(struct gw_arena *arena, const struct gw_node *child, const char *path,
                           const struct aigw_setting *table, uint32_t count, uint32_t stride,
                           const char *const *reserved, struct gw_problems *problems)
{
    const char *names[FILL_NAMES_MAX];
    size_t name_count = 0;
    const char *closest;
    struct gw_buf all;

    for (uint32_t i = 0; i < count && name_count < FILL_NAMES_MAX; i++)
        names[name_count++] = gw_setting_at(table, i, stride).name;
    for (; reserved && *reserved && name_count < FILL_NAMES_MAX; reserved++)
        names[name_count++] = *reserved;
    closest = gw_closest(child->key, names, name_count);
    if (closest) {
        gw_problem(problems, child, join(arena, path, child->key), "unknown, did you mean %s?", closest);
        return;
    }
    gw_buf_init(&all, 1024); /* a longer list is cut, which is fine for a hint */
    for (size_t i = 0; i < name_count; i++)
        gw_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    gw_problem(problems, child, join(arena, path, child->key), "unknown, expected one of: %s",
               all.data ? all.data : "(this group takes no settings)");
    gw_buf_done(&all);
}

/** One setting from its node, or from its default. */
static void fill_one(struct gw_arena *arena, const struct gw_node *group, const char *path,
                     const struct aigw_setting *setting, void *out, struct gw_problems *problems)
{
    const struct gw_node *node = group ? gw_node_get(group, setting->name) : NULL;
    const struct gw_node builtin = { .file = "built-in default" };
    struct gw_value_target target = {
        .arena = arena, .problems = problems, .setting = setting, .key = join(arena, path, setting->name), .out = out
    };
    bool is_absent = false;

    if (node) {
        gw_value_from_node(&target, node, &is_absent);
        if (!is_absent)
            return;
    }
    if (setting->default_value)
        gw_value_from_text(&target, &builtin, setting->default_value);
    else if (setting->flags & AIGW_SETF_REQUIRED)
        gw_problem(problems, group, target.key, "is missing, expected %s%s%s", gw_setting_type_name(setting->type),
                   setting->help ? ": " : "", setting->help ? setting->help : "");
}

void gw_settings_fill(struct gw_arena *arena, const struct gw_node *group, const char *path,
                      const struct aigw_setting *table, uint32_t count, uint32_t stride, const char *const *reserved,
                      void *out, struct gw_problems *problems)
{
    if (group && group->type != GW_NODE_GROUP) {
        if (group->key)
            gw_problem(problems, group, path, "is not a group; write  %s: { … };", group->key);
        else
            gw_problem(problems, group, path, "is not a group, expected a list of groups: ( { … }, { … } )");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct aigw_setting setting = gw_setting_at(table, i, stride);

        fill_one(arena, group, path, &setting, out, problems);
    }
    for (const struct gw_node *child = group ? group->first : NULL; child; child = child->next) {
        if (child->key && !is_reserved(child->key, reserved) && !is_in_table(child->key, table, count, stride))
            report_unknown(arena, child, path, table, count, stride, reserved, problems);
    }
}
