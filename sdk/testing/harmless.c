/* harmless.c - settings for a plugin that nobody has configured. */
#include "internal.h"

#include <string.h>

const struct aigw_setting *testhost_setting_at(const struct aigw_plugin *d, uint32_t i)
{
    return (const struct aigw_setting *)(const void *)((const char *)d->settings + (size_t)i * d->setting_size);
}

static void put_harmless(struct gw_buf *out, const struct aigw_setting *s, const char *url)
{
    switch (s->type) {
    case AIGW_SET_INT:
        gw_buf_printf(out, "%lld", s->min < s->max ? (long long)s->min : 1LL);
        break;
    case AIGW_SET_DOUBLE:
        gw_buf_printf(out, "%f", s->min < s->max ? s->min : 1.0);
        break;
    case AIGW_SET_BOOL:
        gw_buf_puts(out, "true");
        break;
    case AIGW_SET_LIST:
        gw_buf_puts(out, "( \"dummy\" )");
        break;
    case AIGW_SET_MAP:
        gw_buf_puts(out, "{ dummy = \"dummy\"; }");
        break;
    default:
        if (s->choices)
            gw_buf_printf(out, "\"%.*s\"", (int)strcspn(s->choices, "|"), s->choices);
        else if (s->flags & AIGW_SETF_URL)
            gw_buf_json(out, gw_str(url), false);
        else
            gw_buf_puts(out, "\"dummy\"");
    }
}

void testhost_harmless_settings(struct gw_buf *out, const struct aigw_plugin *d, const char *url,
                                const struct aigw_setting *changed, const char *value)
{
    bool has_place = strcmp(url, TESTHOST_NOWHERE) == 0; /* or the first URL is where the server is */

    for (uint32_t i = 0; i < d->setting_count; i++) {
        const struct aigw_setting *s = testhost_setting_at(d, i);
        bool is_place = (s->flags & AIGW_SETF_URL) && !has_place;

        if (s != changed && !(s->flags & AIGW_SETF_REQUIRED) && !is_place)
            continue;
        has_place |= is_place;
        gw_buf_printf(out, "%s = ", s->name);
        if (s == changed)
            gw_buf_puts(out, value);
        else
            put_harmless(out, s, url);
        gw_buf_puts(out, ";\n");
    }
}
