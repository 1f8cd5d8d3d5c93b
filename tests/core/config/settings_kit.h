/* settings_kit.h - settings loaded from what a test says. */
#ifndef TEST_SETTINGS_KIT_H
#define TEST_SETTINGS_KIT_H

#include "support.h"

#define ENV_MAX 12

static struct gw_settings settings;

static void load(const char *const *env, const char *conf_text, const char *dot_env_dir)
{
    const struct gw_node *conf = conf_text ? gw_conf_parse(&arena, conf_text, "t.conf", &problems) : NULL;

    gw_settings_load(&arena, conf, env, dot_env_dir, &settings, &problems);
}

static inline const char *text_of(const char *path)
{
    aigw_str text = gw_settings_text(&settings, &arena, path);

    return text.ptr ? gw_arena_strndup(&arena, text.ptr, text.len) : "(absent)";
}

#endif
