/* settings.c - environment, .env, conf.d and defaults → struct gw_settings, by the table in table.c.
 *
 * Precedence per setting: process environment, .env, conf.d, default. Everything that is wrong is reported in one run;
 * what could not be read keeps its default so that the checks after it still make sense. */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/log.h"
#include "base/number.h"
#include "config/internal.h"
#include "config/json.h"

struct load {
    struct gw_arena *arena;
    struct gw_problems *problems;
    const struct gw_node *conf;
    struct gw_settings *out;
    const char **sources;
};

static const char *row_path(struct gw_arena *arena, const struct gw_setting_row *row)
{
    const char *path = gw_arena_printf(arena, "%s.%s", row->section, row->setting.name);

    return path ? path : row->setting.name;
}

const struct gw_setting_row *gw_setting_row_find(const char *path)
{
    size_t len = strcspn(path, ".");

    for (size_t i = 0; i < gw_setting_row_count && path[len]; i++) {
        const struct gw_setting_row *row = &gw_setting_rows[i];

        if (strlen(row->section) == len && memcmp(row->section, path, len) == 0 &&
            strcmp(row->setting.name, path + len + 1) == 0)
            return row;
    }
    return NULL;
}

/* ---- one row ---- */

static char *lower(struct gw_arena *arena, const char *text)
{
    static const char *const alias[][2] = { { "warn", "warning" }, { "fatal", "critical" }, { "notset", "debug" } };
    char *copy = gw_arena_strndup(arena, text, strlen(text));

    for (char *p = copy; p && *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    }
    for (size_t i = 0; copy && i < GW_ARRAY_LEN(alias); i++) {
        if (strcmp(copy, alias[i][0]) == 0)
            return gw_arena_strndup(arena, alias[i][1], strlen(alias[i][1]));
    }
    return copy;
}

/** Environment files cannot hold line breaks everywhere, so a PEM may come with the two characters \n;
 *  before them may be \r. */
static char *unescape_pem(struct gw_arena *arena, const char *text)
{
    char *copy = gw_arena_strndup(arena, text, strlen(text)), *to = copy;

    for (const char *from = text; copy && *from; from++) {
        if (from[0] == '\\' && (from[1] == 'n' || from[1] == 'r')) {
            if (from[1] == 'n')
                *to++ = '\n';
            from++;
        } else {
            *to++ = *from;
        }
    }
    if (copy)
        *to = '\0';
    return copy;
}

static bool is_json_object(const char *text, struct gw_err *reterr)
{
    struct json_object *doc = gw_json_read(gw_str(text), GW_ENV_JSON_DEPTH, GW_JSON_UNIQUE, reterr);
    bool ok = json_object_is_type(doc, json_type_object);

    if (doc && !ok)
        gw_err_set(reterr, AIGW_E_INVALID, "it is a JSON %s", json_type_to_name(json_object_get_type(doc)));
    json_object_put(doc);
    return ok;
}

/** Apply the row's own rules to text and store it. `where` names the place. */
static void store_text(const struct load *load, const struct gw_setting_row *row, const struct gw_node *where,
                       const char *text, bool is_env)
{
    struct aigw_setting setting = row->setting;
    struct gw_value_target target = { load->arena, load->problems, &setting, row_path(load->arena, row), load->out };
    struct gw_err why = { "" };
    double seconds;
    char *end;

    if (row->flags & GW_ROW_LOWER)
        text = lower(load->arena, text);
    if (row->flags & GW_ROW_PEM)
        text = unescape_pem(load->arena, text);
    if (!text)
        return;
    if (is_env && (row->flags & GW_ROW_ENV_SECONDS)) {
        seconds = strtod(text, &end);
        if (!*text || *end || !isfinite(seconds) || seconds <= 0 || seconds * 1000.0 > setting.max) {
            gw_problem(load->problems, where, target.key,
                       "is \"%.40s\", expected seconds: a number above 0, at most %.15g", text, setting.max / 1000.0);
            return;
        }
        text = gw_arena_printf(load->arena, "%lld", (long long)gw_ceil_i64(seconds * 1000.0));
        if (!text)
            return;
    }
    if ((row->flags & GW_ROW_JSON) && !is_json_object(text, &why)) {
        gw_problem(load->problems, where, target.key, "is not a JSON object: %s", why.text);
        return;
    }
    if ((row->flags & GW_ROW_URL) && *text)
        setting.flags |= AIGW_SETF_URL;
    gw_value_from_text(&target, where, text);
}

/** True when an environment variable decided the row, well or badly. */
static bool load_env(const struct load *load, const struct gw_setting_row *row, const char **ret_source)
{
    const char *text = NULL, *from = NULL, *empty_from = NULL;
    struct gw_node where = { 0 };

    for (size_t i = 0; i < GW_ROW_ENV_MAX && row->env[i] && !text; i++) {
        const char *value = gw_env_lookup(row->env[i], &from);

        if (value && !*value && (row->flags & GW_ROW_EMPTY_UNSET))
            empty_from = empty_from ? empty_from : from;
        else
            text = value;
    }
    if (!text && !empty_from)
        return false;
    from = text ? from : empty_from;
    *ret_source = gw_arena_strndup(load->arena, from, strlen(from));
    where.file = *ret_source;
    if (!text)
        return true; /* set to nothing: neither conf.d nor another variable counts, the default does */
    if ((row->setting.flags & AIGW_SETF_SECRET) && strncmp(text, "file:", 5) == 0) {
        const char *reason = NULL;

        if (gw_text_resolve(load->arena, text, &text, &reason) != GW_RESOLVED) {
            gw_problem(load->problems, &where, row_path(load->arena, row), "%s", reason);
            return true;
        }
    }
    store_text(load, row, &where, text, true);
    return true;
}

static const struct gw_node *find_node(const struct load *load, const struct gw_setting_row *row)
{
    const struct gw_node *section = load->conf ? gw_node_get(load->conf, row->section) : NULL;
    const struct gw_node *node = section ? gw_node_get(section, row->setting.name) : NULL;

    if (!(row->flags & GW_ROW_ROUTING))
        return node;
    if (node && node->type == GW_NODE_GROUP)
        node = NULL; /* it is a model of that name */
    section = load->conf ? gw_node_get(load->conf, GW_SECTION_ALIAS) : NULL;
    return node || !section ? node : gw_node_get(section, row->setting.name);
}

static void load_conf(const struct load *load, const struct gw_setting_row *row, const struct gw_node *node)
{
    struct gw_value_target target = { load->arena, load->problems, &row->setting, row_path(load->arena, row),
                                      load->out };
    bool is_absent = false;
    const char *text;

    if (row->setting.type == AIGW_SET_STRING && node->type == GW_NODE_STRING) {
        const char *reason = NULL;
        int resolved = gw_text_resolve(load->arena, node->string, &text, &reason);

        if (resolved == GW_UNSET && !reason)
            return;
        if (resolved != GW_RESOLVED) {
            gw_problem(load->problems, node, target.key, "%s", reason);
        } else if (*text || !(row->flags & GW_ROW_EMPTY_UNSET)) {
            gw_value_warn_of_clear_secret(&target, node, node->string);
            store_text(load, row, node, text, false);
        }
        return;
    }
    gw_value_from_node(&target, node, &is_absent);
}

static void load_row(const struct load *load, size_t index)
{
    static const struct gw_node builtin = { .file = "built-in default" };
    const struct gw_setting_row *row = &gw_setting_rows[index];
    const struct gw_node *node;

    load->sources[index] = "default";
    if (row->setting.default_value)
        store_text(load, row, &builtin, row->setting.default_value, false);
    node = find_node(load, row);
    if (load_env(load, row, &load->sources[index])) {
        if (node)
            gw_problem_note(load->problems, node, row_path(load->arena, row),
                            "has no effect: %s in the environment wins", load->sources[index]);
        return;
    }
    if (!node)
        return;
    load->sources[index] = gw_arena_printf(load->arena, "%s:%d", node->file, node->line);
    load_conf(load, row, node);
}

/* ---- the shape of conf.d ---- */

/* Their members are groups whose names the operator chose. */
static const char *const named_sections[] = {
    "providers", "features", "families", "prefixes", "keys", "oidc", "quotas"
};

static bool is_named_section(const char *key)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(named_sections); i++) {
        if (strcmp(named_sections[i], key) == 0)
            return true;
    }
    return false;
}

/** What is wrong with these plugin/ says. */
static bool holds_plugins(const char *key)
{
    return strcmp(key, "providers") == 0 || strcmp(key, "features") == 0;
}

static bool row_is_in(const struct gw_setting_row *row, const char *section)
{
    return strcmp(row->section, section) == 0 ||
           ((row->flags & GW_ROW_ROUTING) && strcmp(section, GW_SECTION_ALIAS) == 0);
}

/** Sections that have a setting of this name, "limits or upstream"; NULL when there is none. */
static const char *sections_with(const struct load *load, const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; i < gw_setting_row_count; i++) {
        if (strcmp(gw_setting_rows[i].setting.name, name) == 0)
            found = found ? gw_arena_printf(load->arena, "%s or %s", found, gw_setting_rows[i].section)
                          : gw_setting_rows[i].section;
    }
    return found;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < gw_setting_row_count; i++)
        if (strcmp(gw_setting_rows[i].section, name) == 0)
            return true;
    return is_named_section(name) || strcmp(name, GW_SECTION_ALIAS) == 0 || strcmp(name, GW_SECTION_PRICES) == 0;
}

/** A name that is none of those that may stand there. section: NULL for sections themselves. */
static void report_stranger(const struct load *load, const struct gw_node *node, const char *section,
                            const char *const *names, size_t count)
{
    const char *closest = gw_closest(node->key, names, count), *elsewhere = sections_with(load, node->key);
    const char *key = section ? gw_arena_printf(load->arena, "%s.%s", section, node->key) : node->key;
    struct gw_buf all;

    if (elsewhere) {
        gw_problem(load->problems, node, key,
                   "unknown here: it is a setting of section %s, expected  %.*s: { %s = …; };", elsewhere,
                   (int)strcspn(elsewhere, " "), elsewhere, node->key);
        return;
    }
    if (section && is_section(node->key)) {
        gw_problem(load->problems, node, key,
                   "unknown here: it is a section of its own, expected  %s: { … };  outside of %s", node->key, section);
        return;
    }
    if (closest) {
        gw_problem(load->problems, node, key, "unknown, did you mean %s?", closest);
        return;
    }
    gw_buf_init(&all, 2048); /* a longer list is cut, which is fine for a hint */
    for (size_t i = 0; i < count; i++)
        gw_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    gw_problem(load->problems, node, key, "unknown %s, expected one of: %s", section ? "setting" : "section",
               all.data ? all.data : "");
    gw_buf_done(&all);
}

static void check_section(const struct load *load, const struct gw_node *section)
{
    static const char *const structured[] = { "drain", "rules", "endpoints" }; /* models/ reads them */
    bool holds_models = strcmp(section->key, "models") == 0;
    const char *names[64 + GW_ARRAY_LEN(structured)];
    size_t count = 0;

    if (strcmp(section->key, GW_SECTION_PRICES) == 0)
        return; /* limits/ reads it */

    for (size_t i = 0; i < gw_setting_row_count && count < 64; i++) {
        if (row_is_in(&gw_setting_rows[i], section->key))
            names[count++] = gw_setting_rows[i].setting.name;
    }
    for (size_t i = 0; strcmp(section->key, GW_SECTION_ALIAS) == 0 && i < GW_ARRAY_LEN(structured); i++)
        names[count++] = structured[i];
    if (section->type != GW_NODE_GROUP) {
        gw_problem(load->problems, section, section->key, "is not a group; write  %s: { … };", section->key);
        return;
    }
    for (const struct gw_node *node = section->first; node; node = node->next) {
        bool known = holds_models && node->type == GW_NODE_GROUP;

        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(names[i], node->key) == 0;
        if (!known)
            report_stranger(load, node, section->key, names, count);
    }
}

static void check_shape(const struct load *load)
{
    const char *names[32];
    size_t count = GW_ARRAY_LEN(named_sections);

    memcpy(names, named_sections, sizeof named_sections);
    names[count++] = GW_SECTION_ALIAS;
    names[count++] = GW_SECTION_PRICES;
    for (size_t i = 0; i < gw_setting_row_count && count < GW_ARRAY_LEN(names); i++) {
        if (strcmp(names[count - 1], gw_setting_rows[i].section) != 0)
            names[count++] = gw_setting_rows[i].section;
    }
    for (const struct gw_node *node = load->conf ? load->conf->first : NULL; node; node = node->next) {
        bool known = false;

        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(names[i], node->key) == 0;
        if (!known)
            report_stranger(load, node, NULL, names, count);
        else if (!is_named_section(node->key))
            check_section(load, node);
        else if (node->type != GW_NODE_GROUP && !holds_plugins(node->key))
            gw_problem(load->problems, node, node->key, "is not a group; write  %s: { NAME: { … }; };", node->key);
    }
}

/** A group given as one variable must be a JSON object, whatever members it has. */
static void check_env_groups(const struct load *load)
{
    const char *checked[64];
    size_t count = 0;

    for (size_t i = 0; i < gw_setting_row_count; i++) {
        for (size_t e = 0; e < GW_ROW_ENV_MAX && gw_setting_rows[i].env[e]; e++) {
            const char *name = gw_setting_rows[i].env[e];

            for (const char *at = strstr(name, "__"); at; at = strstr(at + 2, "__")) {
                char *group = gw_arena_strndup(load->arena, name, (size_t)(at - name));
                struct gw_err why = { "" };
                const char *from, *value;
                bool known = !group;

                for (size_t c = 0; c < count && !known; c++)
                    known = strcmp(checked[c], group) == 0;
                if (known || count == GW_ARRAY_LEN(checked))
                    continue;
                checked[count++] = group;
                value = gw_env_lookup(group, &from);
                if (value && !is_json_object(value, &why))
                    gw_problem(load->problems, NULL, from,
                               "is not a JSON object (%s), expected one such as "
                               "{\"name\": \"value\"}; or set its members one by one as %s__NAME",
                               why.text, group);
            }
        }
    }
}

void gw_settings_load(struct gw_arena *arena, const struct gw_node *conf, const char *const *environ_list,
                      const char *dot_env_dir, struct gw_settings *out, struct gw_problems *problems)
{
    struct load load = { .arena = arena, .problems = problems, .conf = conf, .out = out };
    struct gw_cgroup cgroup;

    memset(out, 0, sizeof *out);
    load.sources = gw_arena_calloc(arena, gw_setting_row_count * sizeof *load.sources);
    if (!load.sources) {
        gw_problem(problems, NULL, NULL, "out of memory while reading the settings");
        return;
    }
    out->sources = load.sources;
    gw_env_load(environ_list ? environ_list : (const char *const *)environ, dot_env_dir, problems);
    check_env_groups(&load);
    for (size_t i = 0; i < gw_setting_row_count; i++)
        load_row(&load, i);
    check_shape(&load);
    gw_cgroup_here(&cgroup);
    gw_settings_fit(out, cgroup.memory_max, problems);
    gw_settings_validate(arena, out, problems);
}

/* ---- reading back ---- */

const char *gw_settings_source(const struct gw_settings *settings, const char *path)
{
    const struct gw_setting_row *row = gw_setting_row_find(path);

    return row && settings->sources ? settings->sources[row - gw_setting_rows] : NULL;
}

static aigw_str joined(struct gw_arena *arena, const char *const *names, const char *const *values, size_t count)
{
    struct gw_buf text;
    aigw_str copy;

    gw_buf_init(&text, 65536);
    for (size_t i = 0; i < count; i++)
        gw_buf_printf(&text, "%s%s%s%s", i ? "," : "", names ? names[i] : "", names ? "=" : "", values[i]);
    copy = gw_arena_str(arena, text.data ? gw_buf_str(&text) : AIGW_STR(""));
    gw_buf_done(&text);
    return copy;
}

aigw_str gw_settings_text(const struct gw_settings *settings, struct gw_arena *arena, const char *path)
{
    const struct gw_setting_row *row = gw_setting_row_find(path);
    const void *at = row ? (const char *)settings + row->setting.offset : NULL;
    struct aigw_list list;
    struct aigw_map map;
    const char *text;
    int64_t integer;
    int32_t flag;

    if (!row || (row->setting.flags & AIGW_SETF_SECRET))
        return AIGW_STR_NONE;
    switch (row->setting.type) {
    case AIGW_SET_STRING:
        memcpy(&text, at, sizeof text);
        return gw_str(text);
    case AIGW_SET_INT:
        memcpy(&integer, at, sizeof integer);
        return gw_str(gw_arena_printf(arena, "%lld", (long long)integer));
    case AIGW_SET_BOOL:
        memcpy(&flag, at, sizeof flag);
        return gw_str(flag ? "true" : "false");
    case AIGW_SET_LIST:
        memcpy(&list, at, sizeof list);
        return joined(arena, NULL, list.items, list.count);
    default:
        memcpy(&map, at, sizeof map);
        return joined(arena, map.names, map.values, map.count);
    }
}

static void problem_at(struct gw_problems *problems, const struct gw_settings *settings, const char *path,
                       bool is_warning, const char *fmt, va_list args)
{
    const char *source = gw_settings_source(settings, path);
    const struct gw_node where = { .file = source && strcmp(source, "default") != 0 ? source : NULL };
    struct gw_buf text;

    gw_buf_init(&text, 4096);
    gw_buf_vprintf(&text, fmt, args);
    (is_warning ? gw_problem_warning : gw_problem)(problems, &where, path, "%s", text.data ? text.data : "");
    gw_buf_done(&text);
}

void gw_setting_problem(struct gw_problems *problems, const struct gw_settings *settings, const char *path,
                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_at(problems, settings, path, false, fmt, args);
    va_end(args);
}

void gw_setting_warning(struct gw_problems *problems, const struct gw_settings *settings, const char *path,
                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_at(problems, settings, path, true, fmt, args);
    va_end(args);
}

/* ---- what only a start can change ---- */

/** A copy, since a text may live in the snapshot; "" for an absent one. NULL when out of memory. */
static const char *fixed_text(const struct gw_settings *settings, const struct gw_setting_row *row,
                              struct gw_arena *arena)
{
    aigw_str text = gw_settings_text(settings, arena, row_path(arena, row));

    return gw_arena_strndup(arena, text.ptr ? text.ptr : "", text.len);
}

const char *const *gw_settings_fixed(const struct gw_settings *settings, struct gw_arena *arena)
{
    const char **fixed = gw_arena_calloc(arena, gw_setting_row_count * sizeof *fixed);

    for (size_t i = 0; fixed && i < gw_setting_row_count; i++) {
        if (!(gw_setting_rows[i].flags & GW_ROW_RESTART))
            continue;
        fixed[i] = fixed_text(settings, &gw_setting_rows[i], arena);
        if (!fixed[i])
            return NULL;
    }
    return fixed;
}

void gw_settings_fixed_changed(const char *const *fixed, const struct gw_settings *settings, struct gw_arena *scratch,
                               struct gw_buf *out)
{
    for (size_t i = 0; i < gw_setting_row_count; i++) {
        const struct gw_setting_row *row = &gw_setting_rows[i];
        const char *text = fixed[i] ? fixed_text(settings, row, scratch) : NULL;

        if (text && strcmp(text, fixed[i]) != 0)
            gw_buf_printf(out, "%s%s.%s", out->len ? ", " : "", row->section, row->setting.name);
    }
}
