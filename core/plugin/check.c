/* check.c - the ABI gate: is this descriptor one we can use? Makes zero-extended copies of everything in it, so that
 * the rest of the core never reads past what the plugin's SDK knew.
 *
 * Rule of growth: structs carry their size, arrays their stride. Shorter than ours: the missing fields are zero.
 * Longer than ours: fine while the unknown tail is all zero, because then nothing we cannot honour is asked for. */
#include <stdio.h>
#include <string.h>

#include "plugin/internal.h"

#define STATE_MAX        ((size_t)1 << 20)
#define TABLE_MAX        1000u
#define STRIDE_MAX       4096u
#define NAME_MAX_LEN     64u
#define DIALECTS_MAX     32u
#define RATE_HEADERS_MAX 16u

/* Every bit that this aigw can honour: another one asks for what it does not know. */
#define SETTING_FLAGS (AIGW_SETF_REQUIRED | AIGW_SETF_SECRET | AIGW_SETF_URL)
#define ROUTE_FLAGS   (AIGW_ROUTEF_NO_USER_TOKEN | AIGW_ROUTEF_NO_BODY | AIGW_ROUTEF_DEPRECATED | AIGW_ROUTEF_CLAIM)
#define ROUTE_CALLERS (AIGW_CALLER_GITLAB | AIGW_CALLER_KEY | AIGW_CALLER_ANYONE)

/** True when text is a name as conf.d can write it. */
static bool is_name(const char *text)
{
    size_t len = text ? strlen(text) : 0;

    return len > 0 && len <= NAME_MAX_LEN && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/** Copy a struct (or array element) of `their` bytes into ours of `our` bytes. False when there is more than we know.
 */
static bool copy_sized(void *to, size_t our, const void *from, size_t their)
{
    const unsigned char *bytes = from;

    memset(to, 0, our);
    memcpy(to, from, their < our ? their : our);
    for (size_t i = our; i < their; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* 1.0 promised what 0.2 had: plugins of 0.2 are plugins of 1.0. */
#define IS_DRAFT_OF_1_0(found) ((found)->abi_major == 0 && (found)->abi_minor == 2)
_Static_assert(AIGW_ABI_MAJOR == 1, "another major: decide about plugins of 0.2");

static aigw_status check_version(const struct aigw_plugin *found, const char *path, struct gw_err *reterr)
{
    if (found->magic != AIGW_PLUGIN_MAGIC)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: magic is 0x%08x, expected 0x%08x: this is not an aigw plugin; "
                          "define it with AIGW_PLUGIN() from <aigw/sdk.h>",
                          path, found->magic, AIGW_PLUGIN_MAGIC);
    if (IS_DRAFT_OF_1_0(found))
        return AIGW_OK;
    if (found->abi_major != AIGW_ABI_MAJOR)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: built for plugin ABI %u.%u, this aigw speaks %d.%d: rebuild the "
                          "plugin with this aigw's SDK",
                          path, found->abi_major, found->abi_minor, AIGW_ABI_MAJOR, AIGW_ABI_MINOR);
    if (found->abi_minor > AIGW_ABI_MINOR)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: built for plugin ABI %u.%u, this aigw speaks up to %d.%d: upgrade "
                          "aigw, or rebuild the plugin with this aigw's SDK",
                          path, found->abi_major, found->abi_minor, AIGW_ABI_MAJOR, AIGW_ABI_MINOR);
    return AIGW_OK;
}

static aigw_status check_unknown_kind(const char *path, uint32_t kind, struct gw_err *reterr)
{
    struct gw_buf known;

    gw_buf_init(&known, 256);
    for (size_t i = 0; i < gw_plugin_kind_count; i++)
        gw_buf_printf(&known, "%s%u (%s)", i ? " or " : "", gw_plugin_kinds[i].kind, gw_plugin_kinds[i].name);
    gw_err_set(reterr, AIGW_E_CONFIG, "%s: kind is %u, expected %s%s", path, kind, known.data ? known.data : "",
               kind <= AIGW_KIND_AUTH && kind > 0 ? "; this kind is reserved for a later aigw" : "");
    gw_buf_done(&known);
    return AIGW_E_CONFIG;
}

/** Descriptor → our copy, and its plain members. */
static aigw_status check_descriptor(const struct aigw_plugin *found, const char *path, struct aigw_plugin *ret,
                                    struct gw_err *reterr)
{
    if (found->struct_size < offsetof(struct aigw_plugin, settings) || found->struct_size > STRIDE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: descriptor says it has %u bytes, expected %zu: rebuild the plugin "
                          "with this aigw's SDK",
                          path, found->struct_size, sizeof *ret);
    if (!copy_sized(ret, sizeof *ret, found, found->struct_size))
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: descriptor has %u bytes and uses some beyond the %zu that this aigw "
                          "knows: upgrade aigw, or rebuild the plugin with this aigw's SDK",
                          path, found->struct_size, sizeof *ret);
    if (!gw_plugin_kind_of(ret->kind))
        return check_unknown_kind(path, ret->kind, reterr);
    if (!is_name(ret->name))
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: name is \"%.80s\", expected 1 to 64 of a-z 0-9 _", path,
                          ret->name ? ret->name : "");
    if (!ret->version || !*ret->version)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: version is empty, expected text such as \"1.0.0\"", path);
    if (ret->state_size > STATE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: state_size is %zu bytes, expected at most %zu: allocate what is "
                          "large in open()",
                          path, ret->state_size, STATE_MAX);
    return AIGW_OK;
}

/** Re-stride a table. NULL with reterr on nonsense; *ret_table stays NULL for an empty one. */
static aigw_status copy_table(struct gw_arena *arena, const char *path, const char *what, const void *from,
                              uint32_t count, uint32_t stride, size_t min_stride, size_t our, void **ret_table,
                              struct gw_err *reterr)
{
    char *table;

    if (count == 0)
        return AIGW_OK;
    if (!from || count > TABLE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: %s: count is %u but the table is %s; expected at most %u entries",
                          path, what, count, from ? "too long" : "NULL", TABLE_MAX);
    if (stride < min_stride || stride > STRIDE_MAX || stride % _Alignof(void *) != 0)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: %s: entry size is %u bytes, expected %zu: fill it with the SDK's "
                          "macro",
                          path, what, stride, our);
    table = gw_arena_alloc(arena, count * our);
    if (!table)
        return gw_err_set(reterr, AIGW_E_NOMEM, "%s: %s: out of memory", path, what);
    for (uint32_t i = 0; i < count; i++) {
        if (!copy_sized(table + i * our, our, (const char *)from + (size_t)i * stride, stride))
            return gw_err_set(reterr, AIGW_E_CONFIG,
                              "%s: %s[%u]: uses fields this aigw does not know: upgrade aigw, or "
                              "rebuild the plugin with this aigw's SDK",
                              path, what, i);
    }
    *ret_table = table;
    return AIGW_OK;
}

static size_t field_align(uint32_t type)
{
    return type == AIGW_SET_BOOL                  ? _Alignof(int32_t)
           : _Alignof(int64_t) > _Alignof(void *) ? _Alignof(int64_t)
                                                  : _Alignof(void *);
}

static aigw_status check_setting(const struct aigw_plugin *d, uint32_t index, const char *path, struct gw_err *reterr)
{
    const char *const *taken = gw_plugin_kind_of(d->kind)->reserved;
    const struct aigw_setting *s = &d->settings[index];
    size_t size = gw_setting_field_size(s->type);

    if (!is_name(s->name))
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: settings[%u]: name is \"%.80s\", expected 1 to 64 of a-z 0-9 _",
                          path, index, s->name ? s->name : "");
    for (; *taken; taken++) {
        if (strcmp(s->name, *taken) == 0)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: settings[%u]: the name \"%s\" is the core's own: rename it",
                              path, index, s->name);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(d->settings[i].name, s->name) == 0)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: settings[%u]: the name \"%s\" appears twice: rename one",
                              path, index, s->name);
    }
    if (size == 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: setting \"%s\": type is %u, expected one of AIGW_SET_* (1 to %u)",
                          path, s->name, s->type, AIGW_SET_MAP);
    if (s->flags & ~SETTING_FLAGS)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: setting \"%s\": flags are 0x%x, expected AIGW_SETF_* only (0x%x): upgrade aigw, or "
                          "rebuild the plugin with this aigw's SDK",
                          path, s->name, s->flags, SETTING_FLAGS);
    if (s->offset > d->state_size || size > d->state_size - s->offset)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: setting \"%s\": %zu bytes at offset %zu lie outside state_size %zu: "
                          "use offsetof() and set state_size to sizeof the state struct",
                          path, s->name, size, s->offset, d->state_size);
    if (s->offset % field_align(s->type) != 0)
        return gw_err_set(
            reterr, AIGW_E_CONFIG,
            "%s: setting \"%s\": offset %zu is not aligned for its type: use offsetof() of a field of that type", path,
            s->name, s->offset);
    return AIGW_OK;
}

static aigw_status check_metrics(const struct aigw_metric *metrics, uint32_t count, const char *path,
                                 struct gw_err *reterr)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct aigw_metric *m = &metrics[i];

        if (!m->name || !*m->name)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: metrics[%u]: has no name", path, i);
        if (m->label_count > AIGW_METRIC_LABELS_MAX || (m->label_count > 0 && !m->labels))
            return gw_err_set(reterr, AIGW_E_CONFIG,
                              "%s: metric \"%s\": label_count is %u, expected at most %d with a "
                              "table of names",
                              path, m->name, m->label_count, AIGW_METRIC_LABELS_MAX);
    }
    return AIGW_OK;
}

/** Copy the ops struct, which begins with its struct_size. */
static aigw_status copy_ops(const char *path, const char *what, const void *ops, size_t min_size, void *ret_ops,
                            size_t our, struct gw_err *reterr)
{
    uint32_t size;

    if (!ops)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .%s is NULL, expected the table of its functions", path, what);
    memcpy(&size, ops, sizeof size);
    if (size < min_size || size > STRIDE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: .%s->struct_size is %u, expected %zu: set it to sizeof the struct", path, what, size,
                          our);
    if (!copy_sized(ret_ops, our, ops, size))
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: .%s uses functions this aigw does not know: upgrade aigw, or "
                          "rebuild the plugin with this aigw's SDK",
                          path, what);
    return AIGW_OK;
}

/** The dialects that a provider passes through: names, as aigw_raw.dialect spells them. */
static aigw_status check_dialects(const char *path, const struct aigw_provider_ops *ops, struct gw_err *reterr)
{
    if (ops->dialect_count > DIALECTS_MAX || (ops->dialect_count > 0 && !ops->dialects))
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: .provider->dialect_count is %u, expected at most %u with a table of names", path,
                          ops->dialect_count, DIALECTS_MAX);
    for (uint32_t i = 0; i < ops->dialect_count; i++) {
        const char *name = ops->dialects[i];

        if (!name || !*name || strlen(name) > NAME_MAX_LEN)
            return gw_err_set(reterr, AIGW_E_CONFIG,
                              "%s: .provider->dialects[%u] is \"%.80s\", expected a name of 1 to %u bytes", path, i,
                              name ? name : "", NAME_MAX_LEN);
    }
    return AIGW_OK;
}

static aigw_status check_rate_headers(struct gw_arena *arena, const char *path, struct gw_plugin *p,
                                      struct gw_err *reterr)
{
    const struct aigw_provider_ops *ops = &p->provider;
    void *table = NULL;

    if (ops->rate_header_count > RATE_HEADERS_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .provider->rate_header_count is %u, expected at most %u", path,
                          ops->rate_header_count, RATE_HEADERS_MAX);
    if (copy_table(arena, path, ".provider->rate_headers", ops->rate_headers, ops->rate_header_count,
                   ops->rate_header_size, sizeof *p->rate_headers, sizeof *p->rate_headers, &table, reterr) != AIGW_OK)
        return AIGW_E_CONFIG;
    p->rate_headers = table;
    for (uint32_t i = 0; i < ops->rate_header_count; i++)
        if (!p->rate_headers[i].name || !*p->rate_headers[i].name)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .provider->rate_headers[%u] has no name", path, i);
    return AIGW_OK;
}

aigw_status gw_plugin_check_provider(struct gw_arena *arena, const char *path, struct gw_plugin *p,
                                     struct gw_err *reterr)
{
    if (!p->provider.request)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .provider->request is NULL, expected a function", path);
    if (!p->provider.frame && !p->provider.produce)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .provider has neither frame nor produce, expected one of them",
                          path);
    if (p->provider.call_size > STATE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .provider->call_size is %zu, expected at most %zu", path,
                          p->provider.call_size, STATE_MAX);
    if (check_rate_headers(arena, path, p, reterr) != AIGW_OK)
        return AIGW_E_CONFIG;
    return check_dialects(path, &p->provider, reterr);
}

static bool is_method(const struct aigw_route *route)
{
    size_t len = route->method ? strlen(route->method) : 0;

    if (route->flags & AIGW_ROUTEF_CLAIM)
        return len == 1 && route->method[0] == '*';
    return len > 0 && len <= 16 && strspn(route->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static aigw_status check_route(const struct aigw_route *route, uint32_t index, const char *path, struct gw_err *reterr)
{
    if (!is_method(route))
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: routes[%u]: method is \"%.40s\", expected upper-case such as "
                          "\"POST\", or \"*\" of a claim",
                          path, index, route->method ? route->method : "");
    if (!route->path || route->path[0] != '/')
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: routes[%u]: path is \"%.80s\", expected one that begins with /",
                          path, index, route->path ? route->path : "");
    if (route->flags & ~ROUTE_FLAGS)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: routes[%u] %s: flags are 0x%x, expected AIGW_ROUTEF_* only (0x%x): upgrade aigw, or "
                          "rebuild the plugin with this aigw's SDK",
                          path, index, route->path, route->flags, ROUTE_FLAGS);
    if (route->callers & ~ROUTE_CALLERS)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: routes[%u] %s: callers are 0x%x, expected AIGW_CALLER_* only (0x%x): upgrade aigw, or "
                          "rebuild the plugin with this aigw's SDK",
                          path, index, route->path, route->callers, ROUTE_CALLERS);
    if (route->flags & AIGW_ROUTEF_CLAIM && strchr(route->path, '{'))
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: routes[%u] %s: a claim has a parameter, expected none: it holds for all below its path",
                          path, index, route->path);
    if (route->body_max < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: routes[%u] %s: body_max is negative", path, index, route->path);
    return AIGW_OK;
}

aigw_status gw_plugin_check_feature(struct gw_arena *arena, const char *path, struct gw_plugin *p,
                                    struct gw_err *reterr)
{
    void *routes = NULL;
    aigw_status status;

    if (p->feature.route_count == 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .feature has no routes, expected at least one", path);
    if (!p->feature.run)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .feature->run is NULL, expected a function", path);
    if (p->feature.call_size > STATE_MAX)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: .feature->call_size is %zu, expected at most %zu", path,
                          p->feature.call_size, STATE_MAX);
    status = copy_table(arena, path, "routes", p->feature.routes, p->feature.route_count, p->feature.route_size,
                        offsetof(struct aigw_route, summary), sizeof(struct aigw_route), &routes, reterr);
    if (status != AIGW_OK)
        return status;
    p->routes = routes;
    for (uint32_t i = 0; i < p->feature.route_count; i++) {
        status = check_route(&p->routes[i], i, path, reterr);
        if (status != AIGW_OK)
            return status;
    }
    p->feature.routes = p->routes;
    p->feature.route_size = (uint32_t)sizeof(struct aigw_route);
    return AIGW_OK;
}

/** Settings and metrics: our own copies replace the plugin's in p->descriptor. */
static aigw_status check_tables(struct gw_arena *arena, const char *path, struct gw_plugin *p, struct gw_err *reterr)
{
    struct aigw_plugin *d = &p->descriptor;
    void *settings = NULL, *metrics = NULL;
    aigw_status status;

    status = copy_table(arena, path, "settings", d->settings, d->setting_count, d->setting_size,
                        offsetof(struct aigw_setting, default_value), sizeof(struct aigw_setting), &settings, reterr);
    if (status != AIGW_OK)
        return status;
    d->settings = settings;
    d->setting_size = (uint32_t)sizeof(struct aigw_setting);
    for (uint32_t i = 0; i < d->setting_count; i++) {
        status = check_setting(d, i, path, reterr);
        if (status != AIGW_OK)
            return status;
    }
    status = copy_table(arena, path, "metrics", d->metrics, d->metric_count, d->metric_size,
                        offsetof(struct aigw_metric, label_count), sizeof(struct aigw_metric), &metrics, reterr);
    if (status != AIGW_OK)
        return status;
    p->metrics = metrics;
    d->metrics = metrics;
    d->metric_size = (uint32_t)sizeof(struct aigw_metric);
    return check_metrics(p->metrics, d->metric_count, path, reterr);
}

/** The operations of its kind: our copy, and whether they are sound. */
static aigw_status check_kind(struct gw_arena *arena, const char *path, struct gw_plugin *p, struct gw_err *reterr)
{
    const struct gw_plugin_kind *kind = gw_plugin_kind_of(p->descriptor.kind);
    aigw_status status = copy_ops(path, kind->name, kind->ops(&p->descriptor), kind->ops_min, (char *)p + kind->ops_at,
                                  kind->ops_size, reterr);

    return status == AIGW_OK ? kind->check(arena, path, p, reterr) : status;
}

aigw_status gw_plugin_check(struct gw_arena *arena, const struct aigw_plugin *found, const char *path,
                            struct gw_plugin *ret_plugin, struct gw_err *reterr)
{
    struct gw_plugin p = { 0 };
    aigw_status status;

    if (!found)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: %s() returned NULL, expected the descriptor", path,
                          AIGW_PLUGIN_ENTRY);
    status = check_version(found, path, reterr);
    if (status == AIGW_OK)
        status = check_descriptor(found, path, &p.descriptor, reterr);
    if (status == AIGW_OK)
        status = check_tables(arena, path, &p, reterr);
    if (status == AIGW_OK)
        status = check_kind(arena, path, &p, reterr);
    if (status != AIGW_OK)
        return status;
    p.path = gw_arena_strndup(arena, path, strlen(path));
    if (!p.path)
        return gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", path);
    *ret_plugin = p;
    gw_plugin_kind_of(p.descriptor.kind)->link(ret_plugin); /* at where the copy ended up */
    return AIGW_OK;
}
