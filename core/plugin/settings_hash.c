/* settings_hash.c - tell whether an instance's settings are still the same: what is kept across reloads (credentials)
 * is kept for them only. */
#include <string.h>

#include "plugin/plugin.h"

static uint64_t more_text(uint64_t hash, const char *text)
{
    return text ? gw_hash_more(hash, text, strlen(text)) : gw_hash_more(hash, "\1", 1);
}

static uint64_t more_texts(uint64_t hash, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = more_text(hash, texts[i]);
    return hash;
}

uint64_t gw_plugin_settings_hash(const struct gw_plugin *plugin, const void *state)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (uint32_t i = 0; i < plugin->descriptor.setting_count; i++) {
        const struct aigw_setting *s = &plugin->descriptor.settings[i];
        const char *field = (const char *)state + s->offset;
        const char *text;
        struct aigw_list list;
        struct aigw_map map;

        hash = more_text(hash, s->name);
        switch (s->type) {
        case AIGW_SET_STRING:
            memcpy(&text, field, sizeof text);
            hash = more_text(hash, text);
            break;
        case AIGW_SET_LIST:
            memcpy(&list, field, sizeof list);
            hash = more_texts(hash, list.items, list.count);
            break;
        case AIGW_SET_MAP:
            memcpy(&map, field, sizeof map);
            hash = more_texts(more_texts(hash, map.names, map.count), map.values, map.count);
            break;
        default:
            hash = gw_hash_more(hash, field, gw_setting_field_size(s->type));
        }
    }
    return hash;
}
