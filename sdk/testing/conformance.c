/* conformance.c - the rules of the SDK headers that can be checked from outside a plugin. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

void probe_finding(struct probe *c, const char *fmt, ...)
{
    va_list args;

    c->findings++;
    fprintf(stderr, "%s: ", c->path);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool is_name(const char *name)
{
    return name && *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static const struct aigw_setting *setting_at(const struct aigw_plugin *d, uint32_t i)
{
    return (const struct aigw_setting *)(const void *)((const char *)d->settings + (size_t)i * d->setting_size);
}

static void check_setting(struct probe *c, const struct aigw_plugin *d, uint32_t at)
{
    static const char *const reserved[] = { "plugin", "enabled", "model" };
    const struct aigw_setting *s = setting_at(d, at);
    size_t size = gw_setting_field_size(s->type);

    if (!is_name(s->name)) {
        probe_finding(c, "setting %u: the name is \"%s\", expected [a-z0-9_]+", at, s->name ? s->name : "(null)");
        return;
    }
    for (size_t i = 0; i < (d->kind == AIGW_KIND_FEATURE ? 3u : 2u); i++)
        if (strcmp(s->name, reserved[i]) == 0)
            probe_finding(c, "setting %s: the core uses this key itself; choose another name", s->name);
    if (size == 0)
        probe_finding(c, "setting %s: unknown type %u", s->name, s->type);
    if (size > 0 && (s->offset + size > d->state_size || s->offset % (size > 8 ? 8 : size) != 0))
        probe_finding(c, "setting %s: offset %zu does not fit a state of %zu bytes", s->name, s->offset, d->state_size);
    if (!s->help || strlen(s->help) < 10)
        probe_finding(c, "setting %s: has no help; operators read it", s->name);
    if ((s->flags & AIGW_SETF_REQUIRED) && s->default_value)
        probe_finding(c, "setting %s: is required and has a default; drop one of them", s->name);
    if (s->choices && s->type != AIGW_SET_STRING)
        probe_finding(c, "setting %s: only strings have choices", s->name);
    for (uint32_t i = 0; i < at; i++) {
        const struct aigw_setting *other = setting_at(d, i);

        if (other->name && strcmp(other->name, s->name) == 0)
            probe_finding(c, "setting %s: is there twice", s->name);
        if (size > 0 && s->offset < other->offset + gw_setting_field_size(other->type) &&
            other->offset < s->offset + size)
            probe_finding(c, "setting %s: shares its field with %s", s->name, other->name);
    }
}

/* Settings text that fills what is required with something harmless. */
static void dummy_settings(struct gw_buf *out, const struct aigw_plugin *d)
{
    for (uint32_t i = 0; i < d->setting_count; i++) {
        const struct aigw_setting *s = setting_at(d, i);

        if (!(s->flags & AIGW_SETF_REQUIRED))
            continue;
        gw_buf_printf(out, "%s = ", s->name);
        switch (s->type) {
        case AIGW_SET_INT:
            gw_buf_printf(out, "%lld;\n", s->min < s->max ? (long long)s->min : 1LL);
            break;
        case AIGW_SET_DOUBLE:
            gw_buf_printf(out, "%f;\n", s->min < s->max ? s->min : 1.0);
            break;
        case AIGW_SET_BOOL:
            gw_buf_puts(out, "true;\n");
            break;
        case AIGW_SET_LIST:
            gw_buf_puts(out, "( \"dummy\" );\n");
            break;
        case AIGW_SET_MAP:
            gw_buf_puts(out, "{ dummy = \"dummy\"; };\n");
            break;
        default:
            if (s->choices)
                gw_buf_printf(out, "\"%.*s\";\n", (int)strcspn(s->choices, "|"), s->choices);
            else
                gw_buf_puts(out, s->flags & AIGW_SETF_URL ? "\"http://127.0.0.1:9/v1\";\n" : "\"dummy\";\n");
        }
    }
}

static void check_provider(struct probe *c, const struct gw_plugin *plugin)
{
    const struct aigw_provider_ops *ops = &plugin->provider;

    if (!ops->request)
        probe_finding(c, "a provider needs request()");
    if (!ops->frame && !ops->produce)
        probe_finding(c, "a provider needs frame(), or produce() when it answers by itself");
}

static void check_schema(struct probe *c, const struct aigw_route *route, const char *schema, const char *which)
{
    struct json_object *obj = schema ? json_tokener_parse(schema) : NULL;

    if (schema && !json_object_is_type(obj, json_type_object))
        probe_finding(c, "route %s %s: its %s schema is not a JSON object", route->method, route->path, which);
    json_object_put(obj);
}

static void check_feature(struct probe *c, const struct gw_plugin *plugin)
{
    const struct aigw_feature_ops *ops = &plugin->feature;

    if (!ops->run)
        probe_finding(c, "a feature needs run()");
    if (ops->event && !ops->build)
        probe_finding(c, "event() without build(): a model call needs both");
    if (ops->route_count == 0)
        probe_finding(c, "a feature needs at least one route");
    for (uint32_t i = 0; i < ops->route_count; i++) {
        const struct aigw_route *route = &plugin->routes[i];

        if (!route->method || !route->path || route->path[0] != '/') {
            probe_finding(c, "route %u: needs a method and a path that begins with /", i);
            continue;
        }
        if (!route->category || !route->summary)
            probe_finding(c, "route %s %s: needs a category (metrics) and a summary (API document)", route->method,
                          route->path);
        if (route->scope && !route->forbidden_detail)
            probe_finding(c, "route %s %s: needs a forbidden_detail for callers without its scope", route->method,
                          route->path);
        if (route->scope && route->callers == AIGW_CALLER_ANYONE)
            probe_finding(c, "route %s %s: is for anyone and needs a scope, which nobody can hold there", route->method,
                          route->path);
        check_schema(c, route, route->request_schema, "request");
        check_schema(c, route, route->response_schema, "response");
    }
}

static void check_descriptor(struct probe *c, const struct gw_plugin *plugin)
{
    const struct aigw_plugin *d = &plugin->descriptor;

    if (!is_name(d->name))
        probe_finding(c, "the name is \"%s\", expected [a-z0-9_]+", d->name ? d->name : "(null)");
    if (!d->version || !*d->version)
        probe_finding(c, "has no version");
    if (!d->summary || !*d->summary)
        probe_finding(c, "has no summary");
    for (uint32_t i = 0; i < d->setting_count; i++)
        check_setting(c, d, i);
    for (uint32_t i = 0; i < d->metric_count; i++)
        if (!plugin->metrics[i].name || !plugin->metrics[i].help ||
            plugin->metrics[i].label_count > AIGW_METRIC_LABELS_MAX)
            probe_finding(c, "metric %u: needs a name, a help text and at most %d labels", i, AIGW_METRIC_LABELS_MAX);
    if (d->kind == AIGW_KIND_PROVIDER)
        check_provider(c, plugin);
    else
        check_feature(c, plugin);
}

int aigw_testhost_conformance(const char *path, const char *given)
{
    struct probe c = { .path = path };
    struct aigw_testhost *a = NULL, *b = NULL;
    struct gw_arena arena;
    struct gw_buf settings;
    struct gw_plugin *plugin;
    struct gw_err err;
    char reason[1024];

    gw_arena_init(&arena, (size_t)1 << 20);
    gw_buf_init(&settings, (size_t)1 << 20);
    plugin = gw_plugin_load(&arena, path, NULL, &err);
    if (!plugin) {
        fprintf(stderr, "%s\n", err.text);
        c.findings = 1;
        goto out;
    }
    check_descriptor(&c, plugin);
    if (given)
        gw_buf_puts(&settings, given);
    else
        dummy_settings(&settings, &plugin->descriptor);
    if (c.findings > 0)
        goto out;
    a = testhost_open_loaded(plugin, settings.data ? settings.data : "", reason, sizeof reason);
    b = a ? testhost_open_loaded(plugin, settings.data ? settings.data : "", reason, sizeof reason) : NULL;
    if (!a || !b) {
        probe_finding(&c, "%s instance does not open with default settings: %s", a ? "a second" : "an", reason);
        goto out;
    }
    probe_twice(&c, a, b);
    probe_strangers(&c, a);
    aigw_testhost_close(a);
    a = NULL;
    probe_twice(&c, b, b); /* the second outlives the first */
out:
    aigw_testhost_close(a);
    aigw_testhost_close(b);
    gw_plugin_unload(plugin);
    gw_buf_done(&settings);
    gw_arena_done(&arena);
    return c.findings;
}
