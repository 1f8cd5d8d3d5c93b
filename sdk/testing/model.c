/* model.c - what a feature may ask the core for, answered from what the test configured: headers, scopes, model,
 * prompts, the model call itself. */
#include "internal.h"

#include <string.h>
#include <strings.h>

#include <json-c/json.h>

/* ---- configured by the test ---- */

const char *testhost_keep(struct aigw_testhost *th, const char *text)
{
    return gw_arena_printf(&th->setup_arena, "%s", text ? text : "");
}

aigw_status aigw_testhost_model(struct aigw_testhost *th, const char *json)
{
    json_object_put(th->model);
    th->model = json ? json_tokener_parse(json) : NULL;
    return json && !json_object_is_type(th->model, json_type_object) ? AIGW_E_INVALID : AIGW_OK;
}

aigw_status aigw_testhost_prompt(struct aigw_testhost *th, const char *id, const char *text)
{
    struct testhost_prompt *prompt = gw_arena_alloc(&th->setup_arena, sizeof *prompt);

    if (!prompt)
        return AIGW_E_NOMEM;
    *prompt =
        (struct testhost_prompt){ .next = th->prompts, .id = testhost_keep(th, id), .text = testhost_keep(th, text) };
    th->prompts = prompt;
    return AIGW_OK;
}

aigw_status aigw_testhost_script(struct aigw_testhost *th, const char *events)
{
    struct gw_arena scratch;
    struct aigw_event event;
    aigw_str rest = gw_str(events), line;
    aigw_status status = AIGW_OK;

    gw_arena_init(&scratch, (size_t)16 << 20);
    while (rest.len > 0 && status == AIGW_OK) {
        line = testhost_next_line(&rest);
        if (gw_str_trim(line).len > 0)
            status = testhost_read_event(&scratch, line, &event);
    }
    gw_arena_done(&scratch);
    if (status == AIGW_OK)
        th->script = testhost_keep(th, events);
    return status;
}

void aigw_testhost_settings(struct aigw_testhost *th, const char *lines)
{
    th->settings = testhost_keep(th, lines);
}

/* ---- request ---- */

aigw_str testhost_line_value(const char *lines, const char *name, char separator)
{
    aigw_str rest = gw_str(lines), line;
    size_t len = strlen(name);

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len > len && strncasecmp(line.ptr, name, len) == 0 && line.ptr[len] == separator)
            return gw_str_trim((aigw_str){ line.ptr + len + 1, line.len - len - 1 });
    }
    return AIGW_STR_NONE;
}

aigw_str testhost_header(struct aigw_ctx *ctx, const char *name)
{
    if (!testhost_is(ctx, TESTHOST_REQUEST, "header"))
        return AIGW_STR_NONE;
    return testhost_line_value(testhost_of(ctx)->headers, name, ':');
}

aigw_str testhost_setting(struct aigw_ctx *ctx, const char *path)
{
    return testhost_line_value(testhost_of(ctx)->settings, path, '=');
}

/* ---- model and prompt ---- */

static struct json_object *member(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value;
}

static aigw_str member_text(struct aigw_testhost *th, const char *key, const char *otherwise)
{
    struct json_object *value = member(th->model, key);

    return gw_str(gw_arena_printf(&th->request_arena, "%s", value ? json_object_get_string(value) : otherwise));
}

static uint32_t member_flag(const struct aigw_testhost *th, const char *key, uint32_t flag)
{
    return json_object_get_boolean(member(th->model, key)) ? flag : 0;
}

static aigw_status fill_families(struct aigw_testhost *th, struct aigw_model_info *info)
{
    struct json_object *list = member(th->model, "families");
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    aigw_str *families = gw_arena_calloc(&th->request_arena, (count + 1) * sizeof *families);

    if (!families)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        families[i] =
            gw_arena_str(&th->request_arena, gw_str(json_object_get_string(json_object_array_get_idx(list, i))));
    families[count] = AIGW_STR("base");
    info->families = families;
    info->family_count = (uint32_t)count + 1;
    return AIGW_OK;
}

aigw_status testhost_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *need,
                                   const struct aigw_model_info **ret_info, struct aigw_error *ret_error)
{
    struct aigw_testhost *th = testhost_of(ctx);
    static const struct aigw_params no_params = { .struct_size = sizeof no_params };
    struct aigw_model_info *info = gw_arena_calloc(&th->request_arena, sizeof *info);
    const char *error = json_object_get_string(member(th->model, "error"));
    struct aigw_need copy;

    if (!testhost_is(ctx, TESTHOST_REQUEST, "model_resolve"))
        return AIGW_E_STATE;
    testhost_copy_in(th, "need", &copy, need, sizeof copy);
    need = &copy;

    gw_buf_printf(&th->resolved, "need provider=%.*s name=%.*s endpoint=%.*s api_key=%.*s identifier=%.*s model=%.*s\n",
                  AIGW_STR_ARG(need->provider), AIGW_STR_ARG(need->name), AIGW_STR_ARG(need->endpoint),
                  AIGW_STR_ARG(need->api_key), AIGW_STR_ARG(need->identifier), AIGW_STR_ARG(need->model));
    if (error) {
        int kind = testhost_error_kind(gw_str(error));

        const struct aigw_error made = { .struct_size = sizeof made,
                                         .kind = kind < 0 ? AIGW_ERR_INTERNAL : (uint32_t)kind,
                                         .retry_after_ms = -1,
                                         .message = member_text(th, "message", "as the test wants it") };

        testhost_copy_out(th, "error of model_resolve()", ret_error, &made, sizeof made);
        return AIGW_E_NOT_FOUND;
    }
    if (!info)
        return AIGW_E_NOMEM;
    *info = (struct aigw_model_info){
        .struct_size = sizeof *info,
        .flags = member_flag(th, "adhoc", AIGW_MODELF_ADHOC) |
                 member_flag(th, "raw_completion", AIGW_MODELF_RAW_COMPLETION) |
                 member_flag(th, "unknown_family", AIGW_MODELF_UNKNOWN_FAMILY) |
                 member_flag(th, "stream_off", AIGW_MODELF_STREAM_OFF) |
                 member_flag(th, "unescape", AIGW_MODELF_UNESCAPE),
        .name = member_text(th, "name", "test-model"),
        .engine = member_text(th, "engine", "test"),
        .max_context_tokens = json_object_get_int64(member(th->model, "max_context_tokens")),
        .defaults = &no_params,
    };
    if (fill_families(th, info) != AIGW_OK)
        return AIGW_E_NOMEM;
    *ret_info = info;
    return AIGW_OK;
}

/* Replace every {{name}} of a line, once. */
static void render_line(struct gw_buf *out, aigw_str line, const struct aigw_prompt_query *query)
{
    while (line.len > 0) {
        const char *open = memmem(line.ptr, line.len, "{{", 2);
        size_t plain = open ? (size_t)(open - line.ptr) : line.len;
        const char *close = open ? memmem(open, line.len - plain, "}}", 2) : NULL;
        aigw_str name;

        if (!close)
            plain = line.len;
        gw_buf_put(out, line.ptr, plain);
        if (!close)
            return;
        name = gw_str_trim((aigw_str){ open + 2, (size_t)(close - open) - 2 });
        for (uint32_t i = 0; i < query->var_count; i++)
            if (gw_str_eq(query->vars[i].name, name)) {
                gw_buf_put_str(out, query->vars[i].value);
                break;
            }
        line = (aigw_str){ close + 2, line.len - (size_t)(close + 2 - line.ptr) };
    }
}

static uint32_t role_of(aigw_str line)
{
    static const char *const names[] = { NULL, "system: ", "user: ", "assistant: " };

    for (uint32_t i = 1; i < GW_ARRAY_LEN(names); i++)
        if (gw_str_has_prefix(line, gw_str(names[i])))
            return i;
    return 0;
}

/* Messages under construction, in the memory that the prompt lives in. */
struct rendering {
    struct gw_arena *arena;
    const struct aigw_message **link;
    uint32_t last_role;
    aigw_status status;
};

static void add_message(struct rendering *r, uint32_t role, aigw_str text)
{
    struct aigw_part *part = gw_arena_calloc(r->arena, sizeof *part);
    struct aigw_message *msg = gw_arena_calloc(r->arena, sizeof *msg);

    if (!part || !msg) {
        r->status = AIGW_E_NOMEM;
        return;
    }
    *part =
        (struct aigw_part){ .struct_size = sizeof *part, .type = AIGW_PART_TEXT, .text = gw_arena_str(r->arena, text) };
    *msg = (struct aigw_message){ .struct_size = sizeof *msg, .role = role, .parts = part };
    *r->link = msg;
    r->link = &msg->next;
    r->last_role = role;
}

static void render_prompt(struct rendering *r, const char *text, const struct aigw_prompt_query *query)
{
    aigw_str rest = gw_str(text), line;
    uint32_t role = AIGW_ROLE_USER, next;
    struct gw_buf out;
    bool has_any = false;

    gw_buf_init(&out, (size_t)16 << 20);
    while (rest.len > 0 && r->status == AIGW_OK) {
        line = testhost_next_line(&rest);
        next = role_of(line);
        if (next && has_any) {
            add_message(r, role, gw_buf_str(&out));
            gw_buf_clear(&out);
        } else if (has_any) {
            gw_buf_puts(&out, "\n");
        }
        if (next) {
            const char *colon = memchr(line.ptr, ':', line.len);

            role = next;
            line = (aigw_str){ colon + 2, line.len - (size_t)(colon + 2 - line.ptr) };
        }
        has_any = true;
        render_line(&out, line, query);
    }
    if (has_any)
        add_message(r, role, gw_buf_str(&out));
    gw_buf_done(&out);
}

static void render_any(struct rendering *r, const struct aigw_prompt_query *query)
{
    struct gw_buf out;

    gw_buf_init(&out, (size_t)16 << 20);
    for (uint32_t i = 0; i < query->var_count; i++)
        gw_buf_printf(&out, "%.*s=%.*s\n", AIGW_STR_ARG(query->vars[i].name), AIGW_STR_ARG(query->vars[i].value));
    add_message(r, AIGW_ROLE_USER, gw_buf_str(&out));
    gw_buf_done(&out);
}

aigw_status testhost_prompt_render(struct aigw_ctx *ctx, const struct aigw_prompt_query *given,
                                   struct aigw_prompt *ret_prompt)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct rendering rendering = { .arena = ctx->build_arena };
    const struct testhost_prompt *found = th->prompts;
    struct aigw_prompt_query query;
    struct aigw_prompt prompt;

    if (!testhost_is(ctx, TESTHOST_REQUEST, "prompt"))
        return AIGW_E_STATE;
    testhost_copy_in(th, "prompt query", &query, given, sizeof query);
    gw_buf_printf(&th->resolved, "prompt %.*s version=%.*s", AIGW_STR_ARG(query.id), AIGW_STR_ARG(query.version));
    for (uint32_t i = 0; i < query.var_count; i++)
        gw_buf_printf(&th->resolved, " %.*s", AIGW_STR_ARG(query.vars[i].name));
    gw_buf_puts(&th->resolved, "\n");
    while (found && !gw_str_is(query.id, found->id))
        found = found->next;
    if (th->prompts && !found)
        return gw_ctx_fail(ctx, AIGW_E_NOT_FOUND, "no prompt %.*s", AIGW_STR_ARG(query.id));
    prompt = (struct aigw_prompt){ .struct_size = sizeof prompt,
                                   .title = gw_arena_str(ctx->build_arena, query.id),
                                   .family = AIGW_STR_INIT("base"),
                                   .version = AIGW_STR_INIT("1.0.0"),
                                   .params = query.model ? query.model->defaults : NULL };
    rendering.link = &prompt.messages;
    if (found)
        render_prompt(&rendering, found->text, &query);
    else
        render_any(&rendering, &query);
    if (rendering.last_role == AIGW_ROLE_ASSISTANT)
        prompt.flags = AIGW_REQF_PREFILL;
    if (rendering.status == AIGW_OK)
        testhost_copy_out(th, "prompt", ret_prompt, &prompt, sizeof prompt);
    return rendering.status;
}

aigw_status testhost_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token)
{
    struct aigw_testhost *th = testhost_of(ctx);

    gw_buf_printf(&th->notes, "sign %.*s\n", AIGW_STR_ARG(claims));
    *ret_token = gw_str(gw_arena_printf(&th->request_arena, "signed.by.test"));
    return AIGW_OK;
}
