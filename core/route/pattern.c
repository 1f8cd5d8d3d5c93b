/* pattern.c - parsing, ordering and matching of route paths. */
#include "route/pattern.h"

#include <string.h>

/* ---- parsing ---- */

struct parser {
    const char *text, *at;
    struct gw_pattern_part parts[GW_PATTERN_PARTS_MAX];
    struct gw_pattern_segment segments[GW_PATTERN_SEGMENTS_MAX];
    uint32_t part_count, segment_count, param_count;
    bool has_rest;
    struct gw_err *err;
};

static aigw_status bad(const struct parser *parser, const char *why)
{
    return gw_err_set(parser->err, AIGW_E_CONFIG, "%s", why);
}

static bool is_name(aigw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static aigw_status add_part(struct parser *parser, struct gw_pattern_part part)
{
    if (parser->part_count == GW_PATTERN_PARTS_MAX)
        return bad(parser, "it has too many parts");
    parser->parts[parser->part_count++] = part;
    parser->segments[parser->segment_count - 1].part_count++;
    return AIGW_OK;
}

static bool is_known_name(const struct parser *parser, aigw_str name)
{
    for (uint32_t i = 0; i < parser->part_count; i++)
        if (parser->parts[i].is_param && gw_str_eq(parser->parts[i].text, name))
            return true;
    return false;
}

/* At '{'. */
static aigw_status parse_param(struct parser *parser)
{
    struct gw_pattern_segment *segment = &parser->segments[parser->segment_count - 1];
    const char *name = parser->at + 1, *end = name + strcspn(name, "{}/");
    const char *colon = memchr(name, ':', (size_t)(end - name));
    struct gw_pattern_part part = { .text = { name, (size_t)((colon ? colon : end) - name) }, .is_param = true };

    if (*end != '}')
        return bad(parser, "a { has no } in its segment");
    if (!is_name(part.text))
        return bad(parser, "a parameter's name is not made of letters, digits and _");
    if (colon && !gw_str_is((aigw_str){ colon, (size_t)(end - colon) }, ":path"))
        return bad(parser, "a parameter's kind is unknown; there are {name} and {name:path}");
    if (is_known_name(parser, part.text))
        return bad(parser, "two parameters have the same name");
    if (++parser->param_count > GW_PATTERN_PARAMS_MAX)
        return bad(parser, "it has more than 8 parameters");
    if (segment->part_count && parser->parts[parser->part_count - 1].is_param)
        return bad(parser, "two parameters touch; put text between them");
    part.is_rest = colon != NULL;
    if (part.is_rest && parser->has_rest)
        return bad(parser, "it has more than one {name:path}");
    parser->has_rest |= part.is_rest;
    segment->is_rest |= part.is_rest;
    segment->is_literal = false;
    parser->at = end + 1;
    return add_part(parser, part);
}

/* Paths are compared decoded and in normal form: what cannot occur there is a mistake. */
static aigw_status parse_literal(struct parser *parser)
{
    const char *start = parser->at;

    parser->at += strcspn(start, "/{");
    for (const char *p = start; p < parser->at; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return bad(parser, "it contains a blank or a control character");
        if (*p == '}')
            return bad(parser, "a } has no {");
        if (strchr("?#%\\*", *p))
            return bad(parser, "it contains one of ? # % \\ *; a part that varies is written {name} or {name:path}");
    }
    return add_part(parser, (struct gw_pattern_part){ .text = { start, (size_t)(parser->at - start) } });
}

/* Behind '/'. */
static aigw_status parse_segment(struct parser *parser)
{
    struct gw_pattern_segment *segment = &parser->segments[parser->segment_count];
    const char *start = parser->at;
    uint32_t params_before = parser->param_count;

    if (parser->segment_count == GW_PATTERN_SEGMENTS_MAX)
        return bad(parser, "it has more than 32 segments");
    parser->segment_count++;
    *segment = (struct gw_pattern_segment){ .parts = &parser->parts[parser->part_count], .is_literal = true };
    while (*parser->at && *parser->at != '/') {
        aigw_status status = *parser->at == '{' ? parse_param(parser) : parse_literal(parser);
        if (status)
            return status;
    }
    aigw_str text = { start, (size_t)(parser->at - start) };
    if (text.len == 0 || gw_str_is(text, ".") || gw_str_is(text, ".."))
        return bad(parser, "a segment is empty, . or ..; no path has those in its normal form");
    if (segment->is_rest && parser->param_count - params_before > 1)
        return bad(parser, "a {name:path} shares its segment with another parameter");
    return AIGW_OK;
}

static aigw_status parse_all(struct parser *parser)
{
    if (!parser->text || parser->text[0] != '/')
        return bad(parser, "it does not begin with /");
    if (strlen(parser->text) > GW_PATTERN_LEN_MAX)
        return bad(parser, "it is longer than 512 characters");
    parser->at = parser->text;
    if (parser->text[1] == '\0') /* the root */
        return AIGW_OK;
    while (*parser->at == '/') {
        parser->at++;
        aigw_status status = parse_segment(parser);
        if (status)
            return status;
    }
    return AIGW_OK;
}

/** What was parsed, in no more memory than it takes: a gateway has hundreds of patterns, and matching walks them. NULL
 *  when the arena is full. */
static struct gw_pattern_segment *keep_segments(struct gw_arena *arena, const struct parser *parser)
{
    size_t segments_size = parser->segment_count * sizeof(struct gw_pattern_segment);
    size_t parts_size = parser->part_count * sizeof(struct gw_pattern_part);
    struct gw_pattern_segment *segments = gw_arena_alloc(arena, segments_size + parts_size);
    struct gw_pattern_part *parts = segments ? (struct gw_pattern_part *)(segments + parser->segment_count) : NULL;

    if (!segments)
        return NULL;
    memcpy(segments, parser->segments, segments_size);
    memcpy(parts, parser->parts, parts_size);
    for (uint32_t i = 0; i < parser->segment_count; parts += segments[i++].part_count)
        segments[i].parts = parts;
    return segments;
}

aigw_status gw_pattern_parse(struct gw_arena *arena, const char *text, struct gw_pattern *ret_pattern,
                             struct gw_err *err)
{
    struct parser parser = { .text = text, .err = err };
    aigw_status status = parse_all(&parser);

    if (status)
        return status;
    *ret_pattern = (struct gw_pattern){ .segments = keep_segments(arena, &parser),
                                        .segment_count = parser.segment_count,
                                        .param_count = parser.param_count };
    if (!ret_pattern->segments)
        return gw_err_set(err, AIGW_E_NOMEM, "memory is out");
    size_t prefix_len = 0;
    while (ret_pattern->prefix_depth < parser.segment_count && parser.segments[ret_pattern->prefix_depth].is_literal)
        prefix_len += 1 + parser.segments[ret_pattern->prefix_depth++].parts[0].text.len;
    ret_pattern->prefix = (aigw_str){ text, prefix_len };
    if (parser.part_count && !parser.parts[parser.part_count - 1].is_param)
        ret_pattern->suffix = parser.parts[parser.part_count - 1].text;
    return AIGW_OK;
}

/* ---- order ---- */

static int rank(const struct gw_pattern_segment *segment)
{
    if (segment->is_literal)
        return 0;
    return (segment->is_rest ? 3 : 1) + (segment->part_count == 1);
}

static size_t literal_len(const struct gw_pattern_segment *segment)
{
    size_t len = 0;

    for (uint32_t i = 0; i < segment->part_count; i++)
        len += segment->parts[i].is_param ? 0 : segment->parts[i].text.len;
    return len;
}

static int compare_text(aigw_str a, aigw_str b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len < b.len) - (a.len > b.len); /* longer first */
}

static int compare_segments(const struct gw_pattern_segment *a, const struct gw_pattern_segment *b)
{
    size_t a_len = literal_len(a), b_len = literal_len(b);

    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    if (!a->is_literal && a_len != b_len)
        return a_len > b_len ? -1 : 1;
    for (uint32_t i = 0; i < a->part_count && i < b->part_count; i++) {
        const struct gw_pattern_part *x = &a->parts[i], *y = &b->parts[i];
        if (x->is_param != y->is_param)
            return x->is_param ? 1 : -1; /* the one that begins with text */
        int order = x->is_param ? 0 : compare_text(x->text, y->text);
        if (order)
            return order;
    }
    return (a->part_count < b->part_count) - (a->part_count > b->part_count);
}

int gw_pattern_compare(const struct gw_pattern *a, const struct gw_pattern *b)
{
    for (uint32_t i = 0; i < a->segment_count && i < b->segment_count; i++) {
        int order = compare_segments(&a->segments[i], &b->segments[i]);
        if (order)
            return order;
    }
    return (a->segment_count < b->segment_count) - (a->segment_count > b->segment_count);
}

/* ---- matching ---- */

struct matcher {
    struct gw_path_param *params;
    uint32_t param_count;
};

static inline bool has_suffix(aigw_str s, aigw_str suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The last place in text where `part` stands with something on both sides of it; NULL when there is none. */
static const char *find_last(aigw_str text, aigw_str part)
{
    if (text.len < part.len + 2)
        return NULL;
    for (const char *at = text.ptr + text.len - part.len - 1; at > text.ptr; at--)
        if (memcmp(at, part.ptr, part.len) == 0)
            return at;
    return NULL;
}

/* Texts are looked for from the end, each at its last place: that leaves most to the parameters in front, and finds a
 * way whenever there is one. */
static bool match_parts(const struct gw_pattern_segment *segment, aigw_str text, struct matcher *matcher)
{
    uint32_t first = 0, last = segment->part_count - 1;
    const struct gw_pattern_part *parts = segment->parts;

    if (segment->is_literal)
        return gw_str_eq(parts[0].text, text);
    if (!parts[first].is_param) {
        if (!gw_str_has_prefix(text, parts[first].text))
            return false;
        text = (aigw_str){ text.ptr + parts[first].text.len, text.len - parts[first].text.len };
        first++;
    }
    if (!parts[last].is_param) {
        if (!has_suffix(text, parts[last].text))
            return false;
        text.len -= parts[last--].text.len;
    }
    uint32_t param = matcher->param_count + (last - first) / 2;
    matcher->param_count = param + 1;
    for (; last > first; last -= 2, param--) {
        aigw_str part = parts[last - 1].text;
        const char *at = find_last(text, part);
        if (!at)
            return false;
        const char *value = at + part.len;
        matcher->params[param] =
            (struct gw_path_param){ parts[last].text, { value, (size_t)(text.ptr + text.len - value) } };
        text.len = (size_t)(at - text.ptr);
    }
    matcher->params[param] = (struct gw_path_param){ parts[first].text, text };
    return text.len > 0;
}

/* Take "/segment" off the front. */
static bool take_segment(aigw_str *path, aigw_str *ret_segment)
{
    if (path->len == 0)
        return false;
    const char *start = path->ptr + 1, *end = path->ptr + path->len, *slash = memchr(start, '/', path->len - 1);
    *ret_segment = (aigw_str){ start, (size_t)((slash ? slash : end) - start) };
    *path = (aigw_str){ ret_segment->ptr + ret_segment->len, (size_t)(end - ret_segment->ptr) - ret_segment->len };
    return true;
}

/* Where the last `count` segments begin; NULL when there are not that many and one more. */
static const char *find_tail(aigw_str path, uint32_t count)
{
    const char *at = path.ptr + path.len;

    while (count-- > 0) {
        at = at > path.ptr ? memrchr(path.ptr, '/', (size_t)(at - path.ptr)) : NULL;
        if (!at)
            return NULL;
    }
    return at > path.ptr ? at : NULL;
}

bool gw_pattern_match(const struct gw_pattern *pattern, aigw_str path,
                      struct gw_path_param ret_params[GW_PATTERN_PARAMS_MAX])
{
    struct matcher matcher = { .params = ret_params };
    aigw_str text;

    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    if (!gw_str_has_prefix(path, pattern->prefix) || !has_suffix(path, pattern->suffix)) /* most end here */
        return false;
    if (path.len == 1) /* the root has no segments */
        path.len = 0;
    path = (aigw_str){ path.ptr + pattern->prefix.len, path.len - pattern->prefix.len };
    if (path.len && path.ptr[0] != '/')
        return false;
    for (uint32_t i = pattern->prefix_depth; i < pattern->segment_count; i++) {
        const struct gw_pattern_segment *segment = &pattern->segments[i];
        if (!segment->is_rest) {
            if (!take_segment(&path, &text) || !match_parts(segment, text, &matcher))
                return false;
            continue;
        }
        const char *tail = find_tail(path, pattern->segment_count - i - 1);
        if (!tail || !match_parts(segment, (aigw_str){ path.ptr + 1, (size_t)(tail - path.ptr - 1) }, &matcher))
            return false;
        path = (aigw_str){ tail, (size_t)(path.ptr + path.len - tail) };
    }
    return path.len == 0;
}
