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

static void check_setting(struct probe *c, const struct aigw_plugin *d, uint32_t at)
{
    static const char *const reserved[] = { "plugin", "enabled", "model" };
    const struct aigw_setting *s = testhost_setting_at(d, at);
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
    if ((s->flags & AIGW_SETF_URL) && s->type != AIGW_SET_STRING)
        probe_finding(c, "setting %s: only strings are URLs", s->name);
    if (s->min > s->max)
        probe_finding(c, "setting %s: its range is %g to %g, which is none", s->name, s->min, s->max);
    for (uint32_t i = 0; i < at; i++) {
        const struct aigw_setting *other = testhost_setting_at(d, i);

        if (other->name && strcmp(other->name, s->name) == 0)
            probe_finding(c, "setting %s: is there twice", s->name);
        if (size > 0 && s->offset < other->offset + gw_setting_field_size(other->type) &&
            other->offset < s->offset + size)
            probe_finding(c, "setting %s: shares its field with %s", s->name, other->name);
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
        if (route->key_first > AIGW_KEY_FIRST_GOOG)
            probe_finding(c, "route %s %s: key_first is %u, expected one of AIGW_KEY_FIRST_*", route->method,
                          route->path, route->key_first);
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

/* What the gateway would refuse once it serves: routes that its router does not take, metrics that its page does not.
 */
static bool is_served(struct probe *c, struct gw_plugin *plugin, struct aigw_testhost *th)
{
    struct gw_problems problems;
    int before = c->findings;

    gw_problems_init(&problems, &th->arena);
    if (!testhost_configure(th))
        probe_finding(c, "the gateway refuses it: %s", aigw_testhost_error(th));
    else if (!gw_plugin_register_metrics(plugin, &th->arena, &problems))
        probe_finding(c, "the gateway refuses it: %s", problems.first ? problems.first->text : "its metrics");
    plugin->metric_ids = NULL; /* that memory goes with the host */
    return c->findings == before;
}

/* Two instances side by side, asked the same; then what a later SDK or a bad peer would send. */
static void check_instances(struct probe *c, struct gw_plugin *plugin, const char *settings)
{
    char reason[1024];
    struct aigw_testhost *a = testhost_open_loaded(plugin, settings, reason, sizeof reason);
    struct aigw_testhost *b = a ? testhost_open_loaded(plugin, settings, reason, sizeof reason) : NULL;
    bool served;

    if (!a || !b) {
        probe_finding(c, "%s instance does not open with default settings: %s", a ? "a second" : "an", reason);
        aigw_testhost_close(a);
        return;
    }
    served = is_served(c, plugin, a);
    if (served) {
        probe_twice(c, a, b);
        probe_strangers(c, a);
    }
    if (c->findings == 0) /* or it would find the same over and over */
        probe_bad_input(c, a);
    if (a->slowest)
        printf("%s: longest callback: %s, %lld us of processor time\n", c->path, a->slowest, (long long)a->slowest_us);
    aigw_testhost_close(a);
    if (served)
        probe_twice(c, b, b); /* the second outlives the first */
    aigw_testhost_close(b);
}

int aigw_testhost_conformance(const char *path, const char *given)
{
    struct probe c = { .path = path };
    struct gw_arena arena;
    struct gw_buf settings;
    struct gw_plugin *plugin;
    struct gw_err err;

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
        testhost_harmless_settings(&settings, &plugin->descriptor, TESTHOST_NOWHERE, NULL, NULL);
    gw_buf_puts(&settings, "");
    if (c.findings == 0)
        check_instances(&c, plugin, settings.data);
    if (c.findings == 0 && !given)
        probe_settings(&c, plugin);
    if (c.findings == 0)
        probe_leaks(&c, plugin, settings.data);
out:
    gw_plugin_unload(plugin);
    gw_buf_done(&settings);
    gw_arena_done(&arena);
    return c.findings;
}
