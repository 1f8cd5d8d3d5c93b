/* sse.c - server-sent events, as the standard says, and a little more, because model servers differ from it:
 *
 *     error: {…}           a field of its own in some: at once an event named "error"
 *     OddError: words      so is what else names a failure, and a page of HTML from a proxy in between
 *     {…} or [DONE]        without a field's name: at once an event; a value of several lines when it is whole
 *     event: error         counts without data, too
 *     Data : {…}           names count in any case, with blanks or a mark of UTF-8 around them
 *     data: {…}            twice without an empty line between: two events, when the first is a whole JSON value and
 *     data: {…}            the second begins as one. Lines of plain text, or of one value, are joined, as ever.
 *     data: data: {…}      is what a proxy makes that takes a line for the data
 *
 * A line that lies whole in the fed bytes is looked at in place; only the unfinished tail of a feed is kept. The event
 * under construction holds views into the fed bytes and is copied only when a second data line comes or the feed ends.
 */
#include <string.h>

#include "upstream/decode.h"

/** The event under construction during one feed. */
struct sse {
    struct gw_framer *framer;
    gw_frame_fn fn;
    void *user;
    aigw_str data; /* the one data line so far, in the fed bytes; counts only while !in_buffer */
    aigw_str name, next;
    bool in_buffer; /* data lives in framer->data */
};

static struct sse sse_begin(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    struct sse sse = { .framer = framer, .fn = fn, .user = user, .in_buffer = framer->has_data };

    sse.name = gw_buf_str(&framer->name);
    sse.next = gw_buf_str(&framer->next);
    return sse;
}

static aigw_status settle_name(struct gw_buf *buf, aigw_str *name)
{
    aigw_status status = AIGW_OK;

    if (name->ptr && name->ptr != buf->data) {
        gw_buf_clear(buf);
        status = gw_framer_hold(buf, name->ptr, name->len);
        *name = gw_buf_str(buf);
    }
    return status;
}

/** Move the views into the framer: the bytes they point to go away, or a second data line joins them. */
static aigw_status sse_settle(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;

    if (framer->has_data && !sse->in_buffer) {
        status = gw_framer_hold(&framer->data, sse->data.ptr, sse->data.len);
        sse->in_buffer = true;
    }
    if (status == AIGW_OK)
        status = settle_name(&framer->name, &sse->name);
    return status == AIGW_OK ? settle_name(&framer->next, &sse->next) : status;
}

static aigw_str sse_data(const struct sse *sse)
{
    aigw_str data = sse->in_buffer ? gw_buf_str(&sse->framer->data) : sse->data;

    return data.ptr ? data : AIGW_STR("");
}

static aigw_status sse_deliver(struct sse *sse, aigw_str name, aigw_str data)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_SSE, .data = data };

    frame.event = name.len > 0 ? name : AIGW_STR_NONE;
    if (data.len > sse->framer->data.max)
        return AIGW_E_LIMIT;
    return sse->fn(sse->user, &frame);
}

/** Deliver the data so far under its name, which stays. */
static aigw_status sse_deliver_data(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = framer->has_data ? sse_deliver(sse, sse->name, sse_data(sse)) : AIGW_OK;

    framer->has_data = false;
    sse->in_buffer = false;
    sse->data = AIGW_STR_NONE;
    if (framer->json.scanned > 0)
        framer->json = (struct gw_framer_json){ 0 };
    if (framer->data.len > 0) /* more than a view */
        gw_framer_empty(&framer->data);
    return status;
}

static void sse_take_next(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;

    if (!framer->has_next)
        return;
    framer->has_next = false;
    /* The name moves from one buffer to the other; a view stays a view. */
    if (sse->next.ptr == framer->next.data) {
        struct gw_buf spare = framer->name;

        framer->name = framer->next;
        framer->next = spare;
        gw_buf_clear(&framer->next);
    }
    sse->name = sse->next;
    sse->next = AIGW_STR_NONE;
}

static void sse_forget_name(struct sse *sse)
{
    sse->name = AIGW_STR_NONE;
    if (sse->framer->name.len > 0)
        gw_framer_empty(&sse->framer->name);
    if (sse->framer->next.len > 0)
        gw_framer_empty(&sse->framer->next);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** "error", "RuntimeError", "vendor.APIException": names a failure. */
static bool names_failure(aigw_str name)
{
    static const char *const ends[] = { "error", "errors", "exception" };

    for (size_t i = 0; i < name.len; i++)
        if (!is_letter(name.ptr[i]) && !memchr("_.-", name.ptr[i], 3))
            return false;
    for (size_t i = 0; i < GW_ARRAY_LEN(ends); i++) {
        aigw_str end = gw_str(ends[i]);

        if (name.len >= end.len && gw_str_eq_ci((aigw_str){ name.ptr + name.len - end.len, end.len }, end))
            return true;
    }
    return false;
}

static aigw_status sse_dispatch(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;

    sse_take_next(sse);
    if (sse->name.len > 0 && names_failure(gw_str_trim(sse->name)))
        framer->has_data = true;
    status = sse_deliver_data(sse);
    sse_forget_name(sse);
    return status;
}

/* ---- data lines --------------------------------------------------------------------------------------------- */

static bool sse_is_whole_json(struct sse *sse)
{
    return gw_framer_sees_json(&sse->framer->json, sse_data(sse));
}

static bool begins_json(aigw_str value)
{
    return value.len > 0 && (value.ptr[0] == '{' || value.ptr[0] == '[');
}

/** The value without the field's name once more in front of JSON, or of [DONE]. */
static aigw_str sse_plain_value(aigw_str value)
{
    aigw_str rest = value;

    while (rest.len > 5 && memcmp(rest.ptr, "data:", 5) == 0)
        rest = gw_str_trim((aigw_str){ rest.ptr + 5, rest.len - 5 });
    return begins_json(rest) ? rest : value;
}

static aigw_status sse_data_line(struct sse *sse, aigw_str value, bool may_view)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;

    if (value.len > 0 && value.ptr[0] == 'd')
        value = sse_plain_value(value);
    if (framer->has_data && begins_json(value) && sse_is_whole_json(sse))
        status = sse_deliver_data(sse);
    if (status != AIGW_OK)
        return status;
    sse_take_next(sse);
    if (framer->has_data) {
        status = sse_settle(sse);
        if (status == AIGW_OK)
            status = gw_framer_hold(&framer->data, "\n", 1);
        return status == AIGW_OK ? gw_framer_hold(&framer->data, value.ptr, value.len) : status;
    }
    framer->has_data = true;
    sse->data = value;
    return may_view ? AIGW_OK : sse_settle(sse);
}

/** An event of one line that needs no empty line behind it; its name may stand before it. */
static aigw_status sse_lone(struct sse *sse, aigw_str name, aigw_str data)
{
    aigw_status status = sse_deliver_data(sse);

    sse_take_next(sse);
    if (status == AIGW_OK)
        status = sse_deliver(sse, name.len > 0 ? name : sse->name, data);
    sse_forget_name(sse);
    return status;
}

/* ---- lines -------------------------------------------------------------------------------------------------- */

static aigw_status sse_event_line(struct sse *sse, aigw_str value, bool may_view)
{
    struct gw_framer *framer = sse->framer;

    framer->has_next = framer->has_data;
    if (framer->has_data)
        sse->next = value;
    else
        sse->name = value;
    return may_view ? AIGW_OK : sse_settle(sse);
}

/** A line of a value that has no field's name: it is at once an event when it is whole. */
static aigw_status sse_part_line(struct sse *sse, aigw_str line, bool may_view)
{
    aigw_status status = sse_data_line(sse, line, may_view);

    if (status != AIGW_OK || !sse_is_whole_json(sse))
        return status;
    status = sse_deliver_data(sse);
    sse_forget_name(sse);
    return status;
}

static bool sse_is_inside_json(struct sse *sse)
{
    return sse->framer->has_data && begins_json(sse_data(sse)) && !sse_is_whole_json(sse);
}

/** A line that is JSON, or [DONE] and the like, without a field's name. */
static aigw_status sse_json_line(struct sse *sse, aigw_str line, bool may_view)
{
    bool is_mark = line.ptr[0] == '[' && line.len > 1 && is_letter(line.ptr[1]);
    aigw_status status = AIGW_OK;

    if (is_mark)
        return sse_lone(sse, AIGW_STR_NONE, line);
    if (!sse_is_inside_json(sse))
        status = sse_deliver_data(sse);
    return status == AIGW_OK ? sse_part_line(sse, line, may_view) : status;
}

/** The name as it is meant: without a mark of UTF-8 and blanks around it. */
static aigw_str plain_name(aigw_str field)
{
    static const char mark[] = "\xef\xbb\xbf";
    aigw_str name = gw_str_trim(field);

    while (name.len >= 3 && memcmp(name.ptr, mark, 3) == 0)
        name = gw_str_trim((aigw_str){ name.ptr + 3, name.len - 3 });
    return name;
}

/** A line that the standard passes over. What looks like a failure must not vanish in front of an end that looks good.
 */
static aigw_status sse_odd_line(struct sse *sse, aigw_str line, const char *colon, aigw_str value, bool may_view)
{
    aigw_str field = { line.ptr, colon ? (size_t)(colon - line.ptr) : line.len }, name = plain_name(field);

    if (name.len == 0 || gw_str_is(name, "id") || gw_str_is(name, "retry"))
        return AIGW_OK;
    if (colon && gw_str_eq_ci(name, AIGW_STR("data")))
        return sse_data_line(sse, value, may_view);
    if (colon && gw_str_eq_ci(name, AIGW_STR("event")))
        return sse_event_line(sse, value, may_view);
    if (sse_is_inside_json(sse))
        return sse_part_line(sse, line, may_view);
    if (colon && gw_str_eq_ci(name, AIGW_STR("error")))
        return sse_lone(sse, AIGW_STR("error"), value);
    if ((colon && names_failure(name)) ||
        (name.len > 1 && name.ptr[0] == '<' && (is_letter(name.ptr[1]) || name.ptr[1] == '!')))
        return sse_lone(sse, AIGW_STR("error"), gw_str_trim(line));
    return AIGW_OK;
}

/** `line` may lie in framer->held: `may_view` says whether it outlives this call. */
static aigw_status sse_line(struct sse *sse, aigw_str line, bool may_view)
{
    const char *colon;
    aigw_str field, value = AIGW_STR("");

    if (line.len == 0)
        return sse_dispatch(sse);
    if (begins_json(line))
        return sse_json_line(sse, line, may_view);
    colon = memchr(line.ptr, ':', line.len);
    if (colon == line.ptr) /* a comment */
        return AIGW_OK;
    field = (aigw_str){ line.ptr, colon ? (size_t)(colon - line.ptr) : line.len };
    if (colon) {
        value = (aigw_str){ colon + 1, line.len - field.len - 1 };
        if (value.len > 0 && value.ptr[0] == ' ')
            value = (aigw_str){ value.ptr + 1, value.len - 1 };
    }
    if (gw_str_is(field, "data"))
        return sse_data_line(sse, value, may_view);
    if (gw_str_is(field, "event"))
        return sse_event_line(sse, value, may_view);
    return sse_odd_line(sse, line, colon, value, may_view);
}

aigw_status gw_sse_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    struct sse sse = sse_begin(framer, fn, user);
    const char *at = bytes, *end = bytes + len, *lf = NULL;
    aigw_status status = AIGW_OK;

    if (framer->skip_lf && at < end) {
        framer->skip_lf = false;
        at += *at == '\n';
    }
    while (at < end && status == AIGW_OK) {
        const char *stop, *cr;

        /* One search for LF serves every CR before it: lines that end in CR alone stay linear. */
        if (!lf || lf < at) {
            lf = memchr(at, '\n', (size_t)(end - at));
            if (!lf)
                lf = end;
        }
        cr = memchr(at, '\r', (size_t)(lf - at));
        stop = cr ? cr : lf;
        if (stop == end)
            break;
        if (framer->held.len > 0) {
            status = gw_framer_hold(&framer->held, at, (size_t)(stop - at));
            if (status == AIGW_OK)
                status = sse_line(&sse, gw_buf_str(&framer->held), false);
            gw_framer_empty(&framer->held);
        } else {
            status = sse_line(&sse, (aigw_str){ at, (size_t)(stop - at) }, true);
        }
        at = stop + 1;
        if (cr && at == end)
            framer->skip_lf = true;
        else if (cr && *at == '\n')
            at++;
    }
    if (status == AIGW_OK)
        status = sse_settle(&sse);
    if (status == AIGW_OK && at < end)
        status = gw_framer_hold(&framer->held, at, (size_t)(end - at));
    return status;
}

aigw_status gw_sse_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    struct sse sse = sse_begin(framer, fn, user);
    aigw_status status = AIGW_OK;

    if (framer->held.len > 0)
        status = sse_line(&sse, gw_buf_str(&framer->held), false);
    return status == AIGW_OK ? sse_dispatch(&sse) : status;
}
