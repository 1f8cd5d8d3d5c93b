/* prompts.c - `aigw prompts list` and `aigw prompts render`: what prompts there are, and exactly what a model would get
 * of one. Both read the whole configuration, as the gateway does. */
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "cli/internal.h"
#include "config/json.h"
#include "models/models.h"
#include "prompt/prompt.h"

#define ARENA_MAX   ((size_t)128 << 20)
#define INPUT_MAX   ((size_t)16 << 20)
#define INPUT_DEPTH 64

static bool wants_json(const struct cli_options *options)
{
    return options->format && strcmp(options->format, "json") == 0;
}

/** What has to be in `out` when it is whole. */
static int print(struct gw_buf *out)
{
    int result = CLI_OK;

    if (out->status == AIGW_OK) {
        fwrite(out->data, 1, out->len, stdout);
    } else {
        fputs("aigw: out of memory\n", stderr);
        result = CLI_FAILED;
    }
    gw_buf_done(out);
    return result;
}

/* ---- list ---- */

static bool same_line(const struct gw_prompt_entry *a, const struct gw_prompt_entry *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->family, b->family) == 0 && gw_str_eq(a->scope, b->scope);
}

static void put_names(struct gw_buf *out, const struct aigw_list *names)
{
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < names->count; i++) {
        gw_buf_puts(out, i ? "," : "");
        gw_buf_json(out, gw_str(names->items[i]), false);
    }
    gw_buf_puts(out, "]");
}

static void put_entry_json(struct gw_buf *out, const struct gw_prompt_entry *entry)
{
    gw_buf_puts(out, "{\"id\":");
    gw_buf_json(out, gw_str(entry->id), false);
    gw_buf_puts(out, ",\"family\":");
    gw_buf_json(out, gw_str(entry->family), false);
    gw_buf_puts(out, ",\"version\":");
    gw_buf_json(out, gw_str(entry->version), false);
    gw_buf_puts(out, ",\"file\":");
    gw_buf_json(out, gw_str(entry->path), false);
    gw_buf_puts(out, ",\"scope\":");
    gw_buf_json(out, entry->scope, false);
    gw_buf_puts(out, ",\"name\":");
    gw_buf_json(out, entry->title, false);
    gw_buf_puts(out, ",\"required\":");
    put_names(out, &entry->required);
    gw_buf_puts(out, "}");
}

static int list(const struct cli_options *options, const struct gw_prompts *prompts)
{
    struct gw_prompt_entry entry, last = { 0 };
    struct gw_buf out;
    bool is_json = wants_json(options);

    gw_buf_init(&out, ARENA_MAX);
    if (is_json)
        gw_buf_puts(&out, "[");
    else
        gw_buf_printf(&out, "%-40s %-18s %-28s %s", "PROMPT", "FAMILY", "SCOPE", "VERSIONS");
    for (size_t i = 0; gw_prompts_entry(prompts, i, &entry); i++) {
        if (is_json) {
            gw_buf_puts(&out, i ? ",\n " : "\n ");
            put_entry_json(&out, &entry);
            continue;
        }
        if (!last.id || !same_line(&entry, &last))
            gw_buf_printf(&out, "\n%-40s %-18s %-28.*s", entry.id, entry.family, AIGW_STR_ARG(entry.scope));
        gw_buf_printf(&out, " %s", entry.version);
        last = entry;
    }
    gw_buf_puts(&out, is_json ? "\n]\n" : "\n");
    return print(&out);
}

/* ---- render ---- */

/** The inputs' text; absent without --input. False after saying what is wrong. */
static bool read_inputs(const char *path, struct gw_arena *arena, aigw_str *ret_text)
{
    bool is_stdin = path && strcmp(path, "-") == 0;
    struct json_object *json = NULL;
    struct gw_err err = { "" };
    FILE *file = NULL;
    char *text = NULL;
    bool is_good = false;
    size_t len;

    *ret_text = AIGW_STR_NONE;
    if (!path)
        return true;
    file = is_stdin ? stdin : fopen(path, "re");
    if (!file) {
        fprintf(stderr, "aigw: %s cannot be read: %s\n", path, strerror(errno));
        return false;
    }
    text = gw_arena_alloc(arena, INPUT_MAX + 1);
    len = text ? fread(text, 1, INPUT_MAX + 1, file) : 0;
    if (!text || ferror(file)) {
        fprintf(stderr, "aigw: %s cannot be read: %s\n", path, text ? strerror(errno) : "out of memory");
        goto done;
    }
    if (len > INPUT_MAX) {
        fprintf(stderr, "aigw: %s has more than %zu bytes\n", path, INPUT_MAX);
        goto done;
    }
    json = gw_json_read((aigw_str){ text, len }, INPUT_DEPTH, 0, &err);
    if (!json_object_is_type(json, json_type_object)) {
        fprintf(stderr, "aigw: %s: %s; expected a JSON object with the prompt's inputs, such as {\"diff\":\"…\"}\n",
                path, json ? "is no object" : err.text);
        goto done;
    }
    *ret_text = (aigw_str){ text, len };
    is_good = true;
done:
    json_object_put(json);
    if (!is_stdin)
        fclose(file);
    return is_good;
}

static const char *role_name(uint32_t role)
{
    return role == AIGW_ROLE_SYSTEM ? "system" : role == AIGW_ROLE_ASSISTANT ? "assistant" : "user";
}

static void put_number(struct gw_buf *out, uint32_t set, uint32_t bit, const char *name, double value)
{
    if (set & bit)
        gw_buf_printf(out, "%s\"%s\":%g", out->data[out->len - 1] == '{' ? "" : ",", name, value);
}

static void put_parameters(struct gw_buf *out, const struct aigw_prompt *prompt)
{
    const struct aigw_params *params = prompt->params;

    gw_buf_puts(out, "{");
    put_number(out, params->set, AIGW_PARAM_TEMPERATURE, "temperature", params->temperature);
    put_number(out, params->set, AIGW_PARAM_TOP_P, "top_p", params->top_p);
    put_number(out, params->set, AIGW_PARAM_TOP_K, "top_k", (double)params->top_k);
    if (params->set & AIGW_PARAM_MAX_TOKENS)
        gw_buf_printf(out, "%s\"max_tokens\":%lld", out->data[out->len - 1] == '{' ? "" : ",",
                      (long long)params->max_tokens);
    for (uint32_t i = 0; i < params->stop_count; i++) {
        gw_buf_puts(out, i ? "," : out->data[out->len - 1] == '{' ? "\"stop\":[" : ",\"stop\":[");
        gw_buf_json(out, params->stop[i], false);
    }
    gw_buf_printf(out, "%s}", params->stop_count ? "]" : "");
}

static void put_json(struct gw_buf *out, aigw_str id, const struct aigw_prompt *prompt)
{
    gw_buf_puts(out, "{\"id\":");
    gw_buf_json(out, id, false);
    gw_buf_puts(out, ",\"family\":");
    gw_buf_json(out, prompt->family, false);
    gw_buf_puts(out, ",\"version\":");
    gw_buf_json(out, prompt->version, false);
    gw_buf_puts(out, ",\"scope\":");
    gw_buf_json(out, prompt->scope, false);
    gw_buf_printf(out, ",\"idle_timeout_ms\":%lld,\"parameters\":", (long long)prompt->timeout_ms);
    put_parameters(out, prompt);
    gw_buf_puts(out, ",\"messages\":[");
    for (const struct aigw_message *m = prompt->messages; m; m = m->next) {
        gw_buf_printf(out, "%s\n {\"role\":\"%s\",\"content\":", m == prompt->messages ? "" : ",", role_name(m->role));
        gw_buf_json(out, m->parts->text, false);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]}\n");
}

static void put_text(struct gw_buf *out, aigw_str id, const struct aigw_prompt *prompt)
{
    gw_buf_printf(out, "prompt      %.*s\nfamily      %.*s\nversion     %.*s\nscope       %.*s\nparameters  ",
                  AIGW_STR_ARG(id), AIGW_STR_ARG(prompt->family), AIGW_STR_ARG(prompt->version),
                  AIGW_STR_ARG(prompt->scope));
    put_parameters(out, prompt);
    gw_buf_puts(out, "\n");
    for (const struct aigw_message *m = prompt->messages; m; m = m->next) {
        gw_buf_printf(out, "\n---- %s ----\n", role_name(m->role));
        gw_buf_put_str(out, m->parts->text);
        gw_buf_puts(out, "\n");
    }
}

static int render(const struct cli_options *options, const struct gw_snapshot *snapshot)
{
    struct aigw_model_info model;
    struct aigw_prompt_query query = { .struct_size = sizeof query, .id = gw_str(options->words[1]), .model = &model };
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct gw_err err = { "" };
    struct gw_arena arena;
    struct gw_buf out;
    int result = CLI_FAILED;

    gw_arena_init(&arena, ARENA_MAX);
    if (options->version)
        query.version = gw_str(options->version);
    gw_models_family_info(snapshot->models, gw_str(options->family ? options->family : "base"), &model);
    if (options->family && model.flags & AIGW_MODELF_UNKNOWN_FAMILY && strcmp(options->family, "base") != 0)
        fprintf(stderr, "aigw: no family is called %s in `families` of conf.d: such a model gets the base prompts\n",
                options->family);
    if (!read_inputs(options->input, &arena, &query.inputs))
        goto done;
    if (gw_prompts_render(snapshot->prompts, &arena, &query, &prompt, &err) < 0) {
        fprintf(stderr, "aigw: %s\n", err.text);
        goto done;
    }
    gw_buf_init(&out, ARENA_MAX);
    if (wants_json(options))
        put_json(&out, query.id, &prompt);
    else
        put_text(&out, query.id, &prompt);
    result = print(&out);
done:
    gw_arena_done(&arena);
    return result;
}

/* ---- the command ---- */

static bool is_usage_good(const struct cli_options *options)
{
    const char *what = options->word_count ? options->words[0] : "";

    if (strcmp(what, "list") == 0 && options->word_count == 1)
        return !options->family && !options->version && !options->input;
    return strcmp(what, "render") == 0 && options->word_count == 2;
}

int cli_prompts(const struct cli_options *options)
{
    struct gw_snapshot_options snapshot_options = cli_snapshot_options(options);
    struct gw_snapshot *snapshot;
    struct gw_problems problems;
    struct gw_arena arena;
    int result = CLI_FAILED;

    if (!is_usage_good(options)) {
        fputs("aigw: expected `aigw prompts list [--format text|json]` or `aigw prompts render ID [--family NAME]\n"
              "[--version V] [--input FILE] [--format text|json]`\n",
              stderr);
        return CLI_USAGE;
    }
    gw_arena_init(&arena, ARENA_MAX);
    gw_problems_init(&problems, &arena);
    snapshot = gw_snapshot_build(&snapshot_options, &problems);
    if (!snapshot || problems.error_count)
        cli_print_problems(&problems, stderr);
    else if (strcmp(options->words[0], "list") == 0)
        result = list(options, snapshot->prompts);
    else
        result = render(options, snapshot);
    if (snapshot)
        gw_snapshot_unref(snapshot);
    gw_arena_done(&arena);
    return result;
}
