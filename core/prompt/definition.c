/* definition.c - one <version>.conf and the templates beside it → struct gw_prompt_def.
 *
 *     name = "Shown to clients";  scope = "complete_code";  required = ( "prefix", "suffix" );
 *     also = ( "1.0.0", "1.1.0-dev" );
 *     params: { temperature = 0.2; top_p = 0.9; top_k = 40; max_tokens = 64; stop = ( "END" ); timeout_ms = 60000; };
 *     messages = ( { role = "system"; text = "Complete the code."; },
 *                  { role = "user"; template = "user.mustache"; } );
 *
 * A definition of `kind = "completion"` carries parameters for a raw prompt and may do without messages. */
#include "prompt/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFINITION_MAX ((size_t)64 << 10)
#define MESSAGES_MAX   32u
#define REQUIRED_MAX   64u
#define PARTIALS_MAX   64u
#define ALSO_MAX       32u

struct head {
    const char *name;
    const char *scope;
    const char *kind;
};

static const struct aigw_setting head_table[] = {
    { "name", AIGW_SET_STRING, AIGW_SETF_REQUIRED, offsetof(struct head, name), NULL, 0, 0, NULL,
      "Display name of the prompt." },
    { "scope", AIGW_SET_STRING, AIGW_SETF_REQUIRED, offsetof(struct head, scope), NULL, 0, 0, NULL,
      "Right (unit primitive) that a caller needs." },
    { "kind", AIGW_SET_STRING, 0, offsetof(struct head, kind), "chat", 0, 0, "chat|completion",
      "chat: messages; completion: parameters for a raw prompt." },
};

struct numbers {
    double temperature, top_p;
    int64_t top_k, max_tokens, timeout_ms;
};

static const struct aigw_setting params_table[] = {
    { "temperature", AIGW_SET_DOUBLE, 0, offsetof(struct numbers, temperature), NULL, 0, 2, NULL, "0 to 2." },
    { "top_p", AIGW_SET_DOUBLE, 0, offsetof(struct numbers, top_p), NULL, 0, 1, NULL, "0 to 1." },
    { "top_k", AIGW_SET_INT, 0, offsetof(struct numbers, top_k), NULL, 1, 100000, NULL, "1 or more." },
    { "max_tokens", AIGW_SET_INT, 0, offsetof(struct numbers, max_tokens), NULL, 1, 1000000, NULL,
      "Longest answer in tokens." },
    { "timeout_ms", AIGW_SET_INT, 0, offsetof(struct numbers, timeout_ms), "0", 0, 3600000, NULL,
      "Longest silence of the model in milliseconds; 0 for the default." },
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** A list of non-empty strings; `env:` has no meaning in it. */
static bool read_strings(struct gw_prompt_loader *l, const struct gw_node *node, const char *key, size_t max,
                         struct aigw_list *ret_list)
{
    const char **items;
    size_t count = 0;

    for (const struct gw_node *item = node ? node->first : NULL; item; item = item->next)
        count++;
    if (!node)
        return true;
    if (node->type != GW_NODE_LIST || count > max) {
        gw_problem(l->problems, node, key, "expected a list of at most %zu strings, such as ( \"a\", \"b\" )", max);
        return false;
    }
    items = gw_arena_alloc(l->arena, (count + 1) * sizeof *items);
    if (!items)
        return false;
    count = 0;
    for (const struct gw_node *item = node->first; item; item = item->next) {
        if (item->type != GW_NODE_STRING || !item->string[0]) {
            gw_problem(l->problems, item, key, "expected a string that is not empty");
            return false;
        }
        items[count++] = item->string;
    }
    *ret_list = (struct aigw_list){ items, count };
    return true;
}

static bool read_params(struct gw_prompt_loader *l, const struct gw_node *group, struct gw_prompt_def *def)
{
    static const char *const reserved[] = { "stop", NULL };
    static const struct {
        const char *name;
        uint32_t bit;
    } bits[] = { { "temperature", AIGW_PARAM_TEMPERATURE },
                 { "top_p", AIGW_PARAM_TOP_P },
                 { "top_k", AIGW_PARAM_TOP_K },
                 { "max_tokens", AIGW_PARAM_MAX_TOKENS } };
    struct numbers numbers = { 0 };
    struct aigw_list stop = { 0 };
    aigw_str *stops;

    if (!group)
        return true;
    if (group->type != GW_NODE_GROUP) {
        gw_problem(l->problems, group, "params", "expected a group: params: { temperature = 0.2; };");
        return false;
    }
    gw_settings_fill(l->arena, group, "params", params_table, GW_ARRAY_LEN(params_table), sizeof *params_table,
                     reserved, &numbers, l->problems);
    for (size_t i = 0; i < GW_ARRAY_LEN(bits); i++)
        if (gw_node_get(group, bits[i].name))
            def->params.set |= bits[i].bit;
    def->params.temperature = numbers.temperature;
    def->params.top_p = numbers.top_p;
    def->params.top_k = numbers.top_k;
    def->params.max_tokens = numbers.max_tokens;
    def->timeout_ms = numbers.timeout_ms;
    if (!read_strings(l, gw_node_get(group, "stop"), "params.stop", 16, &stop))
        return false;
    stops = gw_arena_alloc(l->arena, (stop.count + 1) * sizeof *stops);
    if (!stops)
        return false;
    for (size_t i = 0; i < stop.count; i++)
        stops[i] = gw_str(stop.items[i]);
    def->params.stop = stops;
    def->params.stop_count = (uint32_t)stop.count;
    return true;
}

static bool is_safe_name(aigw_str name)
{
    if (!name.len || name.len > 128 || name.ptr[0] == '/' || name.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
              c == '/' || c == '.'))
            return false;
        if (c == '.' && i + 1 < name.len && name.ptr[i + 1] == '.')
            return false;
    }
    return true;
}

static const struct gw_prompt_partial *find_partial(const struct gw_prompt_partial *list, aigw_str name)
{
    for (; list; list = list->next)
        if (gw_str_eq(list->name, name))
            return list;
    return NULL;
}

/** Load the partials that a template names from the definition's own folder; those that are not there must be among
 *  the shared ones. */
static bool read_partials(struct gw_prompt_loader *l, const struct gw_node *where, struct gw_prompt_def *def,
                          const char *folder, const struct gw_mustache *tmpl, uint32_t *budget)
{
    aigw_str name;

    for (size_t i = 0; (name = gw_mustache_partial_name(tmpl, i)).ptr; i++) {
        struct gw_prompt_partial *partial;
        const char *path;

        if (find_partial(def->partials, name))
            continue;
        if (!is_safe_name(name)) {
            gw_problem(l->problems, where, "messages",
                       "partial \"%.*s\": expected a plain file name without \"..\" and without .mustache",
                       AIGW_STR_ARG(name));
            return false;
        }
        path = gw_arena_printf(l->arena, "%s/%.*s.mustache", folder, AIGW_STR_ARG(name));
        if (!path)
            return false;
        if (access(path, F_OK) != 0) {
            const struct gw_prompt_partial *shared = find_partial(l->prompts->partials, name);

            if (!shared) {
                gw_problem(l->problems, where, "messages",
                           "partial \"%.*s\": found neither %s nor a file of that name in a partials folder",
                           AIGW_STR_ARG(name), path);
                return false;
            }
            continue;
        }
        if (!*budget) {
            gw_problem(l->problems, where, "messages", "more than %u partials in one definition", PARTIALS_MAX);
            return false;
        }
        --*budget;
        partial = gw_arena_calloc(l->arena, sizeof *partial);
        if (!partial)
            return false;
        partial->name = name;
        partial->path = path;
        partial->tmpl = gw_prompt_read_template(l, path);
        if (!partial->tmpl)
            return false;
        partial->next = def->partials; /* before its own partials: a partial may name itself */
        def->partials = partial;
        if (!read_partials(l, where, def, folder, partial->tmpl, budget))
            return false;
    }
    return true;
}

static bool read_message(struct gw_prompt_loader *l, const struct gw_node *node, const char *folder,
                         struct gw_prompt_def *def, struct gw_prompt_message *ret_message)
{
    static const char *const roles[] = { "system", "user", "assistant" };
    static const uint32_t role_values[] = { AIGW_ROLE_SYSTEM, AIGW_ROLE_USER, AIGW_ROLE_ASSISTANT };
    const struct gw_node *role = gw_node_get(node, "role"), *text = gw_node_get(node, "text");
    const struct gw_node *file = gw_node_get(node, "template"), *body = text ? text : file;
    struct gw_prompt_message message = { 0 };
    uint32_t budget = PARTIALS_MAX;
    struct gw_err err = { { 0 } };

    for (size_t i = 0; role && role->type == GW_NODE_STRING && i < GW_ARRAY_LEN(roles); i++)
        if (strcmp(role->string, roles[i]) == 0)
            message.role = role_values[i];
    if (node->type != GW_NODE_GROUP || !message.role) {
        gw_problem(l->problems, role ? role : node, "messages",
                   "expected a group with role = \"system\", \"user\" or "
                   "\"assistant\"");
        return false;
    }
    for (const struct gw_node *child = node->first; child; child = child->next)
        if (child != role && child != text && child != file)
            gw_problem(l->problems, child, child->key, "unknown, expected role, text or template");
    if (!text == !file || body->type != GW_NODE_STRING) {
        gw_problem(l->problems, node, "messages", "expected either text = \"…\" or template = \"file.mustache\"");
        return false;
    }
    if (text) {
        message.tmpl = gw_mustache_compile(l->arena, gw_str(text->string), &err);
        if (!message.tmpl)
            gw_problem(l->problems, text, "text", "%s", err.text);
    } else if (!is_safe_name(gw_str(file->string))) {
        gw_problem(l->problems, file, "template", "expected a plain file name beside this file, without \"..\"");
    } else {
        const char *path = gw_arena_printf(l->arena, "%s/%s", folder, file->string);

        if (path)
            message.tmpl = gw_prompt_read_template(l, path);
    }
    if (!message.tmpl || !read_partials(l, body, def, folder, message.tmpl, &budget))
        return false;
    *ret_message = message;
    return true;
}

static bool read_messages(struct gw_prompt_loader *l, const struct gw_node *root, const struct head *head,
                          const char *folder, struct gw_prompt_def *def)
{
    const struct gw_node *list = gw_node_get(root, "messages");
    struct gw_prompt_message *messages;
    bool is_raw = head->kind && strcmp(head->kind, "completion") == 0;
    uint32_t count = 0, max = 0;

    if (!list && is_raw)
        return true;
    if (!list || list->type != GW_NODE_LIST || !list->first) {
        gw_problem(l->problems, list ? list : root, "messages",
                   "expected a list: messages = ( { role = \"user\"; text = \"…\"; } );");
        return false;
    }
    for (const struct gw_node *node = list->first; node; node = node->next) {
        if (max++ == MESSAGES_MAX) {
            gw_problem(l->problems, node, "messages", "more than %u messages", MESSAGES_MAX);
            return false;
        }
    }
    messages = gw_arena_calloc(l->arena, max * sizeof *messages);
    if (!messages)
        return false;
    for (const struct gw_node *node = list->first; node; node = node->next) {
        if (!read_message(l, node, folder, def, &messages[count]))
            return false;
        count++;
    }
    def->messages = messages;
    def->message_count = count;
    return true;
}

struct gw_prompt_def *gw_prompt_read_def(struct gw_prompt_loader *l, const char *path, const char *folder)
{
    static const char *const reserved[] = { "required", "also", "params", "messages", NULL };
    struct gw_prompt_def *def = gw_arena_calloc(l->arena, sizeof *def);
    size_t errors_before = l->problems->error_count;
    struct head head = { 0 };
    const struct gw_node *root;
    aigw_str text;

    if (!def)
        return NULL;
    text = gw_prompt_read_file(l, path, DEFINITION_MAX);
    if (!text.ptr)
        return NULL;
    root = gw_conf_parse(l->arena, text.ptr, path, l->problems);
    if (!root || l->problems->error_count != errors_before)
        return NULL;
    gw_settings_fill(l->arena, root, "", head_table, GW_ARRAY_LEN(head_table), sizeof *head_table, reserved, &head,
                     l->problems);
    def->prompts = l->prompts;
    def->title = gw_str(head.name);
    def->scope = gw_str(head.scope);
    if (!read_strings(l, gw_node_get(root, "required"), "required", REQUIRED_MAX, &def->required) ||
        !read_strings(l, gw_node_get(root, "also"), "also", ALSO_MAX, &def->also) ||
        !read_params(l, gw_node_get(root, "params"), def) || !read_messages(l, root, &head, folder, def) ||
        l->problems->error_count != errors_before)
        return NULL;
    /* The list was made by us from the tree: sorting it in place is ours to do. */
    if (def->required.count)
        qsort((void *)(uintptr_t)def->required.items, def->required.count, sizeof *def->required.items, by_text);
    return def;
}
