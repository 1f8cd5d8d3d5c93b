/* changes.c - what is other in one set of core settings than in another. */
#include <string.h>

#include "config/internal.h"

static const char *secret_text(const struct gw_settings *settings, const struct gw_setting_row *row)
{
    const char *text;

    memcpy(&text, (const char *)settings + row->setting.offset, sizeof text); /* secrets are strings */
    return text ? text : "";
}

void gw_settings_changes(const struct gw_settings *was, const char *const *fixed, const struct gw_settings *is,
                         struct gw_arena *scratch, gw_setting_change_fn tell, void *user)
{
    for (size_t i = 0; i < gw_setting_row_count; i++) {
        const struct gw_setting_row *row = &gw_setting_rows[i];
        const bool is_secret = (row->setting.flags & AIGW_SETF_SECRET) != 0;
        struct gw_setting_change change = { .is_secret = is_secret, .is_fixed = fixed && fixed[i] };

        change.path = gw_arena_printf(scratch, "%s.%s", row->section, row->setting.name);
        if (!change.path)
            return;
        if (is_secret) {
            change.was = gw_str(secret_text(was, row));
            change.is = gw_str(secret_text(is, row));
        } else {
            change.was = change.is_fixed ? gw_str(fixed[i]) : gw_settings_text(was, scratch, change.path);
            change.is = gw_settings_text(is, scratch, change.path);
        }
        if (!gw_str_eq(change.was, change.is))
            tell(user, &change);
    }
}

bool gw_settings_has(const char *path)
{
    return gw_setting_row_find(path) != NULL;
}
