/* mustache_compile.c - template text → instructions. Escaping is off: {{x}}, {{{x}}} and {{&x}} mean the same.
 * Inheritance, dynamic partials and pragmas are refused by name. */
#include "prompt/mustache.h"

#include <stdlib.h>
#include <string.h>

#define TEMPLATE_MAX   ((size_t)1 << 20)
#define OPS_MAX        65536u
#define NESTING_MAX    64u
#define NAME_PARTS_MAX 16u
#define DELIMITER_MAX  16u

struct open_section {
    uint32_t op;
    aigw_str name;
    size_t line;
};

struct compiler {
    struct gw_arena *arena;
    struct gw_err *err;
    aigw_str text;
    size_t at;        /* next byte to look at */
    size_t from;      /* where the text not yet emitted begins */
    bool from_is_bol; /* `from` is the start of a line */
    aigw_str open, close;
    struct gw_mu_op *ops;
    uint32_t op_count, op_cap;
    struct open_section stack[NESTING_MAX];
    uint32_t depth;
};

/* A tag as found in the text. */
struct tag {
    size_t start, end; /* with delimiters */
    char sigil;        /* 0 for a plain name */
    aigw_str body;     /* trimmed, without sigil */
};

static size_t line_of(const struct compiler *c, size_t at)
{
    size_t line = 1;

    for (size_t i = 0; i < at && i < c->text.len; i++)
        line += c->text.ptr[i] == '\n';
    return line;
}

static bool at_delimiter(const struct compiler *c, size_t at, aigw_str delimiter)
{
    return c->text.len - at >= delimiter.len && memcmp(c->text.ptr + at, delimiter.ptr, delimiter.len) == 0;
}

static aigw_status add_op(struct compiler *c, const struct gw_mu_op *op)
{
    if (c->op_count == c->op_cap) {
        uint32_t cap = c->op_cap ? c->op_cap * 2 : 32;
        struct gw_mu_op *ops;

        if (cap > OPS_MAX)
            return gw_err_set(c->err, AIGW_E_LIMIT, "more than %u tags and texts in one template", OPS_MAX);
        ops = realloc(c->ops, cap * sizeof *ops);
        if (!ops)
            return gw_err_set(c->err, AIGW_E_NOMEM, "out of memory");
        c->ops = ops;
        c->op_cap = cap;
    }
    c->ops[c->op_count++] = *op;
    return AIGW_OK;
}

static aigw_status add_text(struct compiler *c, size_t end, bool before_inline_tag)
{
    size_t len = end - c->from;
    bool ends_line = len ? c->text.ptr[end - 1] == '\n' : c->from_is_bol;
    aigw_status status = AIGW_OK;

    if (len)
        status = add_op(c, &(struct gw_mu_op){ .type = GW_MU_TEXT,
                                               .at_line_start = c->from_is_bol,
                                               .text = { c->text.ptr + c->from, len } });
    /* A line that begins with a tag still needs the indentation of a partial in front of it. */
    if (status == AIGW_OK && before_inline_tag && ends_line)
        status = add_op(c, &(struct gw_mu_op){ .type = GW_MU_TEXT, .at_line_start = true, .text = { "", 0 } });
    return status;
}

/** A tag alone on its line takes the line with it: *ret_from and *ret_to are the line's bounds. */
static bool is_standalone(const struct compiler *c, const struct tag *tag, size_t *ret_from, size_t *ret_to)
{
    size_t from = tag->start, to = tag->end;

    while (from > c->from && (c->text.ptr[from - 1] == ' ' || c->text.ptr[from - 1] == '\t'))
        from--;
    if (from == c->from ? !c->from_is_bol : c->text.ptr[from - 1] != '\n')
        return false;
    while (to < c->text.len && (c->text.ptr[to] == ' ' || c->text.ptr[to] == '\t'))
        to++;
    if (to + 1 < c->text.len && c->text.ptr[to] == '\r' && c->text.ptr[to + 1] == '\n')
        to++;
    if (to < c->text.len) {
        if (c->text.ptr[to] != '\n')
            return false;
        to++;
    }
    *ret_from = from;
    *ret_to = to;
    return true;
}

/** Cut out the tag whose opening delimiter is at c->at. */
static aigw_status read_tag(struct compiler *c, struct tag *ret_tag)
{
    struct tag tag = { .start = c->at };
    size_t at = c->at + c->open.len, stop;
    char closer = 0;

    for (stop = at; stop < c->text.len && (c->text.ptr[stop] == ' ' || c->text.ptr[stop] == '\t'); stop++)
        ;
    if (stop < c->text.len && memchr("#^/>!&<$%", c->text.ptr[stop], 9))
        at = stop;
    if (at < c->text.len && memchr("#^/>!=&{<$%", c->text.ptr[at], 11))
        tag.sigil = c->text.ptr[at++];
    if (tag.sigil == '{')
        closer = '}';
    else if (tag.sigil == '=')
        closer = '=';
    for (stop = at; stop < c->text.len; stop++) {
        size_t end = stop + (closer ? 1 : 0);

        if (closer && c->text.ptr[stop] != closer)
            continue;
        if (end <= c->text.len && at_delimiter(c, end, c->close))
            break;
    }
    if (stop >= c->text.len)
        return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: the tag is not closed, expected \"%s%.*s\"",
                          line_of(c, tag.start),
                          closer == '}' ? "}"
                          : closer      ? "="
                                        : "",
                          AIGW_STR_ARG(c->close));
    tag.body = gw_str_trim((aigw_str){ c->text.ptr + at, stop - at });
    tag.end = stop + (closer ? 1 : 0) + c->close.len;
    *ret_tag = tag;
    return AIGW_OK;
}

/** Split "a.b.c" into NUL-terminated parts; "." has none. */
static aigw_status read_name(struct compiler *c, const struct tag *tag, struct gw_mu_op *op)
{
    aigw_str parts[NAME_PARTS_MAX], *copy;
    aigw_str rest = tag->body;
    uint16_t count = 0;

    if (!rest.len)
        return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: a tag without a name", line_of(c, tag->start));
    for (size_t i = 0; i < rest.len; i++)
        if ((unsigned char)rest.ptr[i] <= ' ')
            return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: tag name \"%.*s\" contains blanks",
                              line_of(c, tag->start), AIGW_STR_ARG(rest));
    if (gw_str_is(rest, "."))
        return AIGW_OK;
    for (;;) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        size_t len = dot ? (size_t)(dot - rest.ptr) : rest.len;

        if (!len || count == NAME_PARTS_MAX)
            return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: bad dotted name \"%.*s\"", line_of(c, tag->start),
                              AIGW_STR_ARG(tag->body));
        parts[count] = gw_arena_str(c->arena, (aigw_str){ rest.ptr, len });
        if (!parts[count++].ptr)
            return gw_err_set(c->err, AIGW_E_NOMEM, "out of memory");
        if (!dot)
            break;
        rest = (aigw_str){ dot + 1, rest.len - len - 1 };
    }
    copy = gw_arena_alloc(c->arena, count * sizeof *copy);
    if (!copy)
        return gw_err_set(c->err, AIGW_E_NOMEM, "out of memory");
    memcpy(copy, parts, count * sizeof *copy);
    op->parts = copy;
    op->part_count = count;
    return AIGW_OK;
}

static aigw_status set_delimiters(struct compiler *c, const struct tag *tag)
{
    aigw_str body = tag->body, open, close;
    size_t open_len = 0;

    while (open_len < body.len && (unsigned char)body.ptr[open_len] > ' ')
        open_len++;
    open = (aigw_str){ body.ptr, open_len };
    close = gw_str_trim((aigw_str){ body.ptr + open_len, body.len - open_len });
    if (!open.len || !close.len || open.len > DELIMITER_MAX || close.len > DELIMITER_MAX)
        goto bad;
    for (size_t i = 0; i < close.len; i++)
        if ((unsigned char)close.ptr[i] <= ' ' || close.ptr[i] == '=')
            goto bad;
    if (memchr(open.ptr, '=', open.len))
        goto bad;
    c->open = open;
    c->close = close;
    return AIGW_OK;
bad:
    return gw_err_set(c->err, AIGW_E_INVALID,
                      "line %zu: expected two new delimiters separated by a blank, each without blanks and \"=\"",
                      line_of(c, tag->start));
}

static aigw_status open_section(struct compiler *c, const struct tag *tag)
{
    struct gw_mu_op op = { .type = tag->sigil == '#' ? GW_MU_SECTION : GW_MU_INVERTED };
    aigw_status status = read_name(c, tag, &op);

    if (status < 0)
        return status;
    if (c->depth == NESTING_MAX)
        return gw_err_set(c->err, AIGW_E_LIMIT, "line %zu: sections nested deeper than %u", line_of(c, tag->start),
                          NESTING_MAX);
    c->stack[c->depth++] = (struct open_section){ c->op_count, tag->body, line_of(c, tag->start) };
    return add_op(c, &op);
}

static aigw_status close_section(struct compiler *c, const struct tag *tag)
{
    const struct open_section *open;

    if (!c->depth)
        return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: \"/%.*s\" closes a section that was not opened",
                          line_of(c, tag->start), AIGW_STR_ARG(tag->body));
    open = &c->stack[c->depth - 1];
    if (!gw_str_eq(open->name, tag->body))
        return gw_err_set(c->err, AIGW_E_INVALID, "line %zu: found \"/%.*s\", expected \"/%.*s\" (opened in line %zu)",
                          line_of(c, tag->start), AIGW_STR_ARG(tag->body), AIGW_STR_ARG(open->name), open->line);
    c->ops[open->op].end = c->op_count;
    c->depth--;
    return AIGW_OK;
}

static aigw_status add_partial(struct compiler *c, const struct tag *tag, aigw_str indent)
{
    struct gw_mu_op op = { .type = GW_MU_PARTIAL, .text = indent, .part_count = 1 };
    aigw_str *name;

    if (!tag->body.len || tag->body.ptr[0] == '*')
        return gw_err_set(c->err, AIGW_E_UNSUPPORTED, "line %zu: a partial needs a fixed name; %s",
                          line_of(c, tag->start),
                          tag->body.len ? "dynamic names (*name) are not supported" : "none was given");
    name = gw_arena_alloc(c->arena, sizeof *name);
    if (!name)
        return gw_err_set(c->err, AIGW_E_NOMEM, "out of memory");
    *name = gw_arena_str(c->arena, tag->body);
    op.parts = name;
    return name->ptr ? add_op(c, &op) : gw_err_set(c->err, AIGW_E_NOMEM, "out of memory");
}

static aigw_status add_value(struct compiler *c, const struct tag *tag)
{
    struct gw_mu_op op = { .type = GW_MU_VALUE };
    aigw_status status = read_name(c, tag, &op);

    return status < 0 ? status : add_op(c, &op);
}

/** Emit the text before the tag and the tag itself; continue behind it. */
static aigw_status take_tag(struct compiler *c, const struct tag *tag)
{
    size_t from = tag->start, to = tag->end;
    bool is_value = !tag->sigil || tag->sigil == '{' || tag->sigil == '&';
    bool alone = !is_value && is_standalone(c, tag, &from, &to);
    aigw_str indent = { c->text.ptr + from, tag->start - from };
    aigw_status status = add_text(c, from, !alone);

    if (status < 0)
        return status;
    c->at = c->from = to;
    c->from_is_bol = alone;
    switch (tag->sigil) {
    case '#':
    case '^':
        return open_section(c, tag);
    case '/':
        return close_section(c, tag);
    case '>':
        return add_partial(c, tag, indent);
    case '!':
        return AIGW_OK;
    case '=':
        return set_delimiters(c, tag);
    case '<':
    case '$':
        return gw_err_set(c->err, AIGW_E_UNSUPPORTED,
                          "line %zu: \"%c%.*s\": template inheritance is not supported; use a partial (>name)",
                          line_of(c, tag->start), tag->sigil, AIGW_STR_ARG(tag->body));
    case '%':
        return gw_err_set(c->err, AIGW_E_UNSUPPORTED, "line %zu: \"%%%.*s\": pragmas are not supported",
                          line_of(c, tag->start), AIGW_STR_ARG(tag->body));
    default:
        return add_value(c, tag);
    }
}

static aigw_status compile(struct compiler *c)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && c->at < c->text.len) {
        const char *hit = memchr(c->text.ptr + c->at, c->open.ptr[0], c->text.len - c->at);
        struct tag tag;

        if (!hit)
            break;
        c->at = (size_t)(hit - c->text.ptr);
        if (!at_delimiter(c, c->at, c->open)) {
            c->at++;
            continue;
        }
        status = read_tag(c, &tag);
        if (status == AIGW_OK)
            status = take_tag(c, &tag);
    }
    if (status == AIGW_OK)
        status = add_text(c, c->text.len, false);
    if (status == AIGW_OK && c->depth) {
        const struct open_section *open = &c->stack[c->depth - 1];

        status = gw_err_set(c->err, AIGW_E_INVALID, "line %zu: section \"%.*s\" is not closed, expected \"/%.*s\"",
                            open->line, AIGW_STR_ARG(open->name), AIGW_STR_ARG(open->name));
    }
    return status;
}

struct gw_mustache *gw_mustache_compile(struct gw_arena *arena, aigw_str text, struct gw_err *reterr)
{
    struct compiler c = {
        .arena = arena, .err = reterr, .from_is_bol = true, .open = AIGW_STR_INIT("{{"), .close = AIGW_STR_INIT("}}")
    };
    struct gw_mustache *tmpl = NULL;
    struct gw_mu_op *ops;

    if (text.len > TEMPLATE_MAX) {
        gw_err_set(reterr, AIGW_E_LIMIT, "template of %zu bytes, at most %zu are allowed", text.len, TEMPLATE_MAX);
        return NULL;
    }
    c.text = gw_arena_str(arena, text.ptr ? text : AIGW_STR(""));
    if (!c.text.ptr) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        return NULL;
    }
    if (compile(&c) < 0)
        goto done;
    ops = gw_arena_alloc(arena, (c.op_count + 1) * sizeof *ops);
    tmpl = gw_arena_alloc(arena, sizeof *tmpl);
    if (!ops || !tmpl) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        tmpl = NULL;
        goto done;
    }
    if (c.op_count)
        memcpy(ops, c.ops, c.op_count * sizeof *ops);
    *tmpl = (struct gw_mustache){ .ops = ops, .op_count = c.op_count, .text_len = c.text.len };
done:
    free(c.ops);
    return tmpl;
}

aigw_str gw_mustache_partial_name(const struct gw_mustache *tmpl, size_t index)
{
    for (uint32_t i = 0; i < tmpl->op_count; i++)
        if (tmpl->ops[i].type == GW_MU_PARTIAL && index-- == 0)
            return tmpl->ops[i].parts[0];
    return AIGW_STR_NONE;
}
