/* reference.c - the loaded plugins: their settings as a page for people, their versions as metrics. */
#include "config/settings.h"
#include "health/metrics.h"
#include "plugin/internal.h"

static void one_plugin(const struct gw_plugin *plugin, struct gw_buf *out)
{
    const struct aigw_plugin *d = &plugin->descriptor;
    const struct gw_plugin_kind *kind = gw_plugin_kind_of(d->kind);

    gw_buf_printf(out, "\n## %s `%s` %s\n\n%s\n\n", kind->name, d->name, d->version, d->summary ? d->summary : "");
    gw_buf_printf(out, "Use: `%s: { my_name: { plugin = \"%s\"; }; };`", kind->section, d->name);
    if (kind->takes_model)
        gw_buf_puts(out, ", with `model = \"…\"` to name a model of conf.d for requests that bring none");
    gw_buf_puts(out, ". `enabled = false` skips a group.\n");
    if (d->setting_count == 0) {
        gw_buf_puts(out, "\nIt has no settings of its own.\n");
        return;
    }
    gw_buf_puts(out, "\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < d->setting_count; i++)
        gw_reference_row(out, d->settings[i].name, NULL, &d->settings[i]);
}

void gw_plugins_reference(const struct gw_plugins *plugins, struct gw_buf *out)
{
    gw_buf_puts(out, "# Settings of plugins\n");
    for (const struct gw_plugin *plugin = plugins->first; plugin; plugin = plugin->next)
        one_plugin(plugin, out);
}

void gw_plugins_collect(const struct gw_plugins *plugins, struct gw_buf *page)
{
    gw_metrics_put_head(page, "aigw_plugin_info", "1, with a loaded plugin and its version.", "gauge");
    for (const struct gw_plugin *plugin = plugins->first; plugin; plugin = plugin->next) {
        gw_buf_printf(page, "aigw_plugin_info{kind=\"%s\",plugin=\"%s\",version=\"",
                      gw_plugin_kind_name(plugin->descriptor.kind), plugin->descriptor.name);
        gw_metrics_put_value(page, plugin->descriptor.version);
        gw_buf_puts(page, "\"} 1\n");
    }
}
