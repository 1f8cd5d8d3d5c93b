/* mustache_render.c - instructions + variables → text. Values are copied as they are: nothing that came with a request
 * is ever looked at as template text. False for sections: missing, null, false, "", []; everything else is true. */
#include "prompt/mustache.h"

#include <json-c/json.h>
#include <string.h>

#define PARTIAL_DEPTH_MAX 16u
#define CONTEXT_MAX       128u
#define ITERATIONS_MAX    100000u
#define INDENT_MAX        256u

#define KIND_MISSING 0
#define KIND_TEXT    1
#define KIND_JSON    2

/* What a name stands for. JSON null is KIND_JSON with a NULL pointer. */
struct value {
    int kind;
    aigw_str text;
    struct json_object *json;
};

struct renderer {
    const struct gw_mustache_vars *vars;
    gw_partial_fn partial;
    void *partial_user;
    struct gw_buf *out;
    struct gw_err *err;
    struct value stack[CONTEXT_MAX]; /* contexts pushed by sections, innermost last */
    uint32_t depth;
    uint32_t partial_depth;
    uint32_t iterations;
    size_t indent_len;
    char indent[INDENT_MAX];
};

static bool member(const struct value *of, const aigw_str *name, struct value *ret_value)
{
    struct json_object *json;

    if (of->kind != KIND_JSON || !json_object_is_type(of->json, json_type_object) ||
        !json_object_object_get_ex(of->json, name->ptr, &json))
        return false;
    *ret_value = (struct value){ .kind = KIND_JSON, .json = json };
    return true;
}

static struct value lookup_first(const struct renderer *r, const aigw_str *name)
{
    struct value root = { .kind = KIND_JSON, .json = r->vars->json }, found = { 0 };

    for (uint32_t i = r->depth; i > 0; i--)
        if (member(&r->stack[i - 1], name, &found))
            return found;
    for (size_t i = 0; i < r->vars->pair_count; i++)
        if (gw_str_eq(r->vars->pairs[i].name, *name))
            return (struct value){ .kind = KIND_TEXT, .text = r->vars->pairs[i].value };
    if (root.json)
        member(&root, name, &found);
    return found;
}

static struct value lookup(const struct renderer *r, const struct gw_mu_op *op)
{
    struct value value;

    if (!op->part_count) {
        if (r->depth)
            return r->stack[r->depth - 1];
        return (struct value){ .kind = r->vars->json ? KIND_JSON : KIND_MISSING, .json = r->vars->json };
    }
    value = lookup_first(r, &op->parts[0]);
    for (uint16_t i = 1; i < op->part_count; i++)
        if (!member(&value, &op->parts[i], &value))
            return (struct value){ .kind = KIND_MISSING };
    return value;
}

static bool is_true(const struct value *value)
{
    if (value->kind == KIND_TEXT)
        return value->text.len > 0;
    if (value->kind == KIND_MISSING)
        return false;
    switch (json_object_get_type(value->json)) {
    case json_type_null:
        return false;
    case json_type_boolean:
        return json_object_get_boolean(value->json);
    case json_type_string:
        return json_object_get_string_len(value->json) > 0;
    case json_type_array:
        return json_object_array_length(value->json) > 0;
    default:
        return true;
    }
}

static void put_value(struct renderer *r, const struct value *value)
{
    if (value->kind == KIND_TEXT) {
        gw_buf_put_str(r->out, value->text);
    } else if (value->kind == KIND_JSON && value->json) {
        if (json_object_is_type(value->json, json_type_string)) {
            gw_buf_put(r->out, json_object_get_string(value->json), (size_t)json_object_get_string_len(value->json));
        } else if (is_true(value) || !json_object_is_type(value->json, json_type_array)) { /* an empty list: nothing */
            size_t len = 0;
            const char *text = json_object_to_json_string_length(
                value->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

            if (text)
                gw_buf_put(r->out, text, len);
        }
    }
}

/** Text of a partial with indentation: in front of every line that has something on it. */
static void put_indented(struct renderer *r, const struct gw_mu_op *op)
{
    const char *at = op->text.ptr, *end = op->text.ptr + op->text.len;
    bool at_line_start = op->at_line_start;

    if (!op->text.len && at_line_start)
        gw_buf_put(r->out, r->indent, r->indent_len);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline + 1 : end;

        if (at_line_start && at != newline)
            gw_buf_put(r->out, r->indent, r->indent_len);
        gw_buf_put(r->out, at, (size_t)(stop - at));
        at_line_start = true;
        at = stop;
    }
}

static aigw_status render_ops(struct renderer *r, const struct gw_mustache *tmpl, uint32_t from, uint32_t to);

static aigw_status render_with(struct renderer *r, const struct gw_mustache *tmpl, uint32_t from, uint32_t to,
                               const struct value *context)
{
    aigw_status status;

    if (++r->iterations > ITERATIONS_MAX)
        return gw_err_set(r->err, AIGW_E_LIMIT, "more than %u section repetitions in one prompt", ITERATIONS_MAX);
    if (r->depth == CONTEXT_MAX)
        return gw_err_set(r->err, AIGW_E_LIMIT, "more than %u sections inside each other", CONTEXT_MAX);
    r->stack[r->depth++] = *context;
    status = render_ops(r, tmpl, from, to);
    r->depth--;
    return status;
}

static aigw_status render_section(struct renderer *r, const struct gw_mustache *tmpl, uint32_t index)
{
    const struct gw_mu_op *op = &tmpl->ops[index];
    struct value value = lookup(r, op);
    aigw_status status = AIGW_OK;

    if (op->type == GW_MU_INVERTED)
        return is_true(&value) ? AIGW_OK : render_ops(r, tmpl, index + 1, op->end);
    if (!is_true(&value))
        return AIGW_OK;
    if (value.kind == KIND_JSON && json_object_is_type(value.json, json_type_array)) {
        size_t count = json_object_array_length(value.json);

        for (size_t i = 0; i < count && status == AIGW_OK; i++) {
            struct value item = { .kind = KIND_JSON, .json = json_object_array_get_idx(value.json, i) };

            status = render_with(r, tmpl, index + 1, op->end, &item);
        }
        return status;
    }
    return render_with(r, tmpl, index + 1, op->end, &value);
}

static aigw_status render_partial(struct renderer *r, const struct gw_mu_op *op)
{
    const struct gw_mustache *tmpl = r->partial ? r->partial(r->partial_user, op->parts[0]) : NULL;
    aigw_status status;

    if (!tmpl)
        return AIGW_OK;
    if (r->partial_depth == PARTIAL_DEPTH_MAX || op->text.len > sizeof r->indent - r->indent_len)
        return gw_err_set(r->err, AIGW_E_LIMIT, "partial \"%.*s\": included more than %u deep or indented too far",
                          AIGW_STR_ARG(op->parts[0]), PARTIAL_DEPTH_MAX);
    if (op->text.len)
        memcpy(r->indent + r->indent_len, op->text.ptr, op->text.len);
    r->indent_len += op->text.len;
    r->partial_depth++;
    status = render_ops(r, tmpl, 0, tmpl->op_count);
    r->partial_depth--;
    r->indent_len -= op->text.len;
    return status;
}

static aigw_status render_ops(struct renderer *r, const struct gw_mustache *tmpl, uint32_t from, uint32_t to)
{
    aigw_status status = AIGW_OK;

    for (uint32_t i = from; i < to && status == AIGW_OK; i++) {
        const struct gw_mu_op *op = &tmpl->ops[i];

        switch (op->type) {
        case GW_MU_TEXT:
            if (r->indent_len)
                put_indented(r, op);
            else
                gw_buf_put(r->out, op->text.ptr, op->text.len);
            break;
        case GW_MU_VALUE: {
            struct value value = lookup(r, op);

            put_value(r, &value);
            break;
        }
        case GW_MU_PARTIAL:
            status = render_partial(r, op);
            break;
        default:
            status = render_section(r, tmpl, i);
            i = op->end - 1;
            break;
        }
        if (r->out->status != AIGW_OK) /* full: stop working for nothing */
            return r->out->status;
    }
    return status;
}

aigw_status gw_mustache_render(const struct gw_mustache *tmpl, const struct gw_mustache_vars *vars,
                               gw_partial_fn partial, void *partial_user, struct gw_buf *out, struct gw_err *reterr)
{
    struct renderer r; /* not zeroed as a whole: the stack is large and filled as it grows */
    size_t guess = tmpl->text_len;
    aigw_status status;

    r.vars = vars;
    r.partial = partial;
    r.partial_user = partial_user;
    r.out = out;
    r.err = reterr;
    r.depth = r.partial_depth = r.iterations = 0;
    r.indent_len = 0;
    for (size_t i = 0; i < vars->pair_count; i++)
        guess += vars->pairs[i].value.len;
    if (out->status == AIGW_OK && out->len < out->max)
        gw_buf_reserve(out, guess < out->max - out->len ? guess : out->max - out->len);
    gw_buf_put(out, "", 0); /* an empty result is an empty text, not unwritten memory */
    status = render_ops(&r, tmpl, 0, tmpl->op_count);
    if (status == AIGW_OK)
        status = out->status;
    if (status != AIGW_OK && status == out->status)
        gw_err_set(reterr, status,
                   status == AIGW_E_LIMIT ? "the rendered prompt is larger than %zu bytes"
                                          : "out of memory rendering a prompt of up to %zu bytes",
                   out->max);
    return status;
}
