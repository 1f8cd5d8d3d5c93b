/* info.c - what a plugin says about itself, for people. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static const char *type_name(uint32_t type)
{
    static const char *const names[] = { "?", "string", "int", "double", "bool", "list", "map" };

    return type < GW_ARRAY_LEN(names) ? names[type] : names[0];
}

/* The default, or what else there is to say in its place. */
static const char *default_text(const struct aigw_setting *s)
{
    if (s->flags & AIGW_SETF_REQUIRED)
        return "(required)";
    return s->default_value && *s->default_value ? s->default_value : "-";
}

static void print_settings(const struct aigw_plugin *d, FILE *out)
{
    if (d->setting_count == 0) {
        fprintf(out, "settings  none\n");
        return;
    }
    fprintf(out, "settings\n");
    for (uint32_t i = 0; i < d->setting_count; i++) {
        const struct aigw_setting *s = testhost_setting_at(d, i);

        fprintf(out, "  %-24s %-7s %s%s%s", s->name, type_name(s->type), default_text(s),
                s->flags & AIGW_SETF_SECRET ? "  secret" : "", s->flags & AIGW_SETF_URL ? "  URL" : "");
        if (s->choices)
            fprintf(out, "  %s", s->choices);
        if (s->min < s->max)
            fprintf(out, "  %.15g to %.15g", s->min, s->max);
        fprintf(out, "\n      %s\n", s->help ? s->help : "");
    }
}

static const char *framing_name(uint32_t framing)
{
    static const char *const names[] = { "?", "BODY", "SSE", "NDJSON", "EVENTSTREAM", "LOCAL" };

    return framing < GW_ARRAY_LEN(names) ? names[framing] : names[0];
}

/* The framing is known once it was asked: of a plain, streamed chat. */
static void print_provider(struct gw_plugin *plugin, const char *settings, FILE *out)
{
    char reason[1024] = "";
    struct aigw_testhost *th = testhost_open_loaded(plugin, settings, reason, sizeof reason);
    aigw_status status = th ? aigw_testhost_request_json(
                                  th, "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}")
                            : AIGW_E_CONFIG;

    if (status == AIGW_OK)
        fprintf(out, "framing   %s\n", framing_name(th->http.framing));
    else
        fprintf(out, "framing   unknown: %s\n",
                th && *aigw_testhost_error(th) ? aigw_testhost_error(th)
                : *reason                      ? reason
                                               : "request() is not done");
    if (status == AIGW_OK && th->http.framing != AIGW_FRAMING_LOCAL)
        fprintf(out, "sends     %s %s\n", th->http.method, th->http.url);
    for (uint32_t i = 0; i < plugin->provider.dialect_count; i++)
        fprintf(out, "%s%s", i == 0 ? "passes    " : ", ", plugin->provider.dialects[i]);
    if (plugin->provider.dialect_count > 0)
        fputc('\n', out);
    aigw_testhost_close(th);
}

static void print_routes(const struct gw_plugin *plugin, FILE *out)
{
    fprintf(out, "routes\n");
    for (uint32_t i = 0; i < plugin->feature.route_count; i++) {
        const struct aigw_route *route = &plugin->routes[i];

        fprintf(out, "  %-6s %s%s%s\n      %s\n", route->method, route->path, route->scope ? "  scope " : "",
                route->scope ? route->scope : "", route->summary ? route->summary : "");
    }
}

int aigw_testhost_info(const char *path, const char *given, FILE *out)
{
    struct gw_arena arena;
    struct gw_buf settings;
    struct gw_plugin *plugin;
    struct gw_err err;

    gw_arena_init(&arena, (size_t)1 << 20);
    gw_buf_init(&settings, (size_t)1 << 20);
    plugin = gw_plugin_load(&arena, path, NULL, &err);
    if (!plugin) {
        fprintf(stderr, "%s\n", err.text);
        goto out;
    }
    const struct aigw_plugin *d = &plugin->descriptor, *found = plugin->code->descriptor;

    fprintf(out, "name      %s\nversion   %s\nkind      %s\nsummary   %s\nABI       %u.%u (this SDK: %d.%d)\n", d->name,
            d->version, gw_plugin_kind_name(d->kind), d->summary ? d->summary : "", found->abi_major, found->abi_minor,
            AIGW_ABI_MAJOR, AIGW_ABI_MINOR);
    fprintf(out, "memory    %zu bytes per instance, %zu per %s\n", d->state_size,
            d->kind == AIGW_KIND_PROVIDER ? plugin->provider.call_size : plugin->feature.call_size,
            d->kind == AIGW_KIND_PROVIDER ? "attempt" : "request");
    if (given)
        gw_buf_puts(&settings, given);
    else
        testhost_harmless_settings(&settings, d, TESTHOST_NOWHERE, NULL, NULL);
    gw_buf_puts(&settings, "");
    print_settings(d, out);
    if (d->kind == AIGW_KIND_PROVIDER)
        print_provider(plugin, settings.data, out);
    else
        print_routes(plugin, out);
out:
    gw_buf_done(&settings);
    if (plugin)
        gw_plugin_unload(plugin);
    gw_arena_done(&arena); /* what it is kept in */
    return plugin ? 0 : 1;
}
