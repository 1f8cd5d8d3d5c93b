/* answer_calls.c - tool calls of an answer, put in order. Servers number them in every way there is: all with index 0,
 * from 1, without index, with the id in every piece or in none, the name in every piece or late. Out of here come
 * gap-free indexes, id and name once and first, arguments as text.
 *
 *     a known id          continues its call, whatever the index says
 *     a new id and name   begin a call
 *     neither             belongs to the call at that index, else to the last one
 *
 * Between these: a name alone begins a call unless the one at its index still waits for a name, or has the same name
 * and unfinished arguments; an id alone begins a call that waits for its name only where the arguments of the one
 * before it are finished (some servers make up a new id for every piece). A known id with a name begins a call without
 * an id where the arguments are finished and others follow (some servers have one id for all), or the name is another;
 * of the calls that share an id, the one at a piece's index has it, else the newest.
 *
 * Arguments are text of one object: said again, they are passed over; {} in front of others says nothing; inside of a
 * JSON string they are taken out of it; another object behind them is what the same tool is called with once more, by a
 * server that joins the calls of a turn; what else follows is dropped; what is no JSON is kept in an object
 * (arguments.h).
 */
#include "../common/arguments.h"
#include "openai.h"

#include <stdlib.h>
#include <string.h>

#define NAME_WAIT_MAX ((size_t)1024 * 1024) /* arguments kept while the name has not come */

/* How far the arguments' text is, as a JSON value: told by brackets alone. */
struct openai_extent {
    uint32_t depth;
    uint8_t is_begun, in_string, is_escaped, is_object;
    uint64_t digest; /* of what came, to know it again */
};

struct openai_tool {
    struct openai_tool *next; /* the one before it */
    uint32_t choice, index;   /* ours */
    int64_t wire_index;       /* the server's, -1 when it has none */
    aigw_str id, name;
    aigw_str wire_id;          /* what the server calls it: `id`, but for calls that share one */
    bool is_announced;         /* its first piece was emitted */
    bool is_free;              /* its input is plain text, as the server says itself */
    bool is_text;              /* its arguments are plain text in an object */
    bool is_quoted;            /* … or text of an object in a JSON string: kept in `waiting` until it is whole */
    bool has_nothing;          /* {} came, and is kept back until something else comes */
    struct unwrap unwrap;      /* … as far as that was read */
    struct openai_extent args; /* as far as they came */
    struct arguments told;     /* … and went out */
    struct aigw_buf *waiting;  /* arguments that came before the name */
};

/* A piece as the server sent it. */
struct openai_piece {
    int64_t index;
    aigw_str id, name, text;
    bool is_json; /* the text is arguments, not free text */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Look at the text up to the end of the value: how much of it that is. */
static size_t extent_feed(struct openai_extent *extent, aigw_str text)
{
    size_t i = 0;

    while (i < text.len) {
        char c = text.ptr[i++];

        extent->digest = (extent->digest ^ (unsigned char)c) * UINT64_C(0x100000001b3);
        if (extent->is_escaped)
            extent->is_escaped = 0;
        else if (extent->in_string && c == '\\')
            extent->is_escaped = 1;
        else if (c == '"')
            extent->in_string = !extent->in_string;
        else if (!extent->in_string && (c == '{' || c == '['))
            extent->depth++;
        else if (!extent->in_string && (c == '}' || c == ']') && extent->depth > 0)
            extent->depth--;
        if (!extent->is_begun && !is_blank(c)) {
            extent->is_begun = 1;
            extent->is_object = c == '{';
        }
        if (extent->is_object && extent->depth == 0)
            break;
    }
    return i;
}

static bool extent_is_whole(const struct openai_extent *extent)
{
    return extent->is_begun && extent->depth == 0 && !extent->in_string;
}

/* {}, with blanks only around and in it. */
static bool is_empty_object(aigw_str text)
{
    return text.len >= 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}' &&
           wire_is_blank((aigw_str){ text.ptr + 1, text.len - 2 });
}

/* The whole arguments once more. */
static bool extent_repeats(const struct openai_extent *extent, aigw_str text)
{
    struct openai_extent again = { .depth = 0 };

    extent_feed(&again, wire_skip_blanks(text));
    return extent_is_whole(extent) && extent_is_whole(&again) && again.digest == extent->digest;
}

/* ---- whose piece is it ---- */

static struct openai_tool *find_last(const struct openai_call *call, uint32_t choice)
{
    struct openai_tool *tool = call->tools;

    while (tool && tool->choice != choice)
        tool = tool->next;
    return tool;
}

static struct openai_tool *find_index(const struct openai_call *call, uint32_t choice, int64_t index)
{
    struct openai_tool *tool = call->tools;

    while (tool && (tool->choice != choice || tool->wire_index != index))
        tool = tool->next;
    return tool;
}

static struct openai_tool *find_id(const struct openai_call *call, uint32_t choice, aigw_str id, int64_t index)
{
    struct openai_tool *newest = NULL;

    for (struct openai_tool *tool = call->tools; tool; tool = tool->next) {
        if (tool->choice != choice || !wire_same(tool->wire_id, id))
            continue;
        if (tool->wire_index == index)
            return tool;
        if (!newest)
            newest = tool;
    }
    return newest;
}

/* A piece with the id of a call, and a name: it is of another one that got the same id. */
static bool begins_another(const struct openai_tool *known, const struct openai_piece *piece)
{
    if (known->name.len > 0 && !wire_same(known->name, piece->name))
        return extent_is_whole(&known->args) || known->has_nothing;
    return extent_is_whole(&known->args) && wire_skip_blanks(piece->text).len > 0 &&
           wire_skip_blanks(piece->text).ptr[0] == '{' && !known->has_nothing &&
           !extent_repeats(&known->args, piece->text);
}

/* NULL: a new call begins. */
static struct openai_tool *find_call(const struct openai_call *call, uint32_t choice, const struct openai_piece *piece)
{
    bool has_id = piece->id.len > 0, has_name = piece->name.len > 0;
    struct openai_tool *known = has_id ? find_id(call, choice, piece->id, piece->index) : NULL, *tool;

    if (known)
        return has_name && begins_another(known, piece) ? NULL : known;
    tool = piece->index >= 0 ? find_index(call, choice, piece->index) : find_last(call, choice);
    if (has_id && has_name)
        return NULL;
    if (!has_id && !has_name)
        return tool ? tool : find_last(call, choice);
    if (!tool)
        return NULL;
    if (has_name)
        return tool->name.len == 0 || (wire_same(tool->name, piece->name) && !extent_is_whole(&tool->args)) ? tool
                                                                                                            : NULL;
    return tool->name.len == 0 || !extent_is_whole(&tool->args) ? tool : NULL;
}

/* A copy that lives as long as the call; halves of characters in it are lost. */
static aigw_str keep(struct openai_in *in, aigw_str text)
{
    char *copy = text.len > 0 ? in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    if (!copy)
        return AIGW_STR_NONE;
    memcpy(copy, text.ptr, text.len);
    for (size_t i = 0; i + 3 <= text.len; i++)
        if ((unsigned char)copy[i] == 0xed && (unsigned char)copy[i + 1] >= 0xa0)
            memcpy(copy + i, HALVES_LOST.ptr, 3);
    return (aigw_str){ copy, text.len };
}

static struct openai_tool *begin_call(struct openai_in *in, uint32_t choice, int64_t wire_index)
{
    struct openai_tool *tool = in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, sizeof *tool);

    if (!tool)
        return NULL;
    *tool = (struct openai_tool){ .next = in->call->tools, .choice = choice, .wire_index = wire_index };
    in->call->tools = tool;
    in->call->tool_count++;
    return tool;
}

/* ---- out ---- */

/* Numbered in the order in which they go out: one that never got a name leaves no gap. */
static uint32_t next_index(const struct openai_call *call, uint32_t choice)
{
    uint32_t index = 0;

    for (const struct openai_tool *tool = call->tools; tool; tool = tool->next)
        index += tool->choice == choice && tool->is_announced;
    return index;
}

static aigw_status emit_unwrapped(struct openai_in *in, struct openai_tool *tool, struct aigw_event *event)
{
    char *room = malloc(UNWRAP_ROOM(event->text.len));
    aigw_status status;

    if (!room)
        return AIGW_E_NOMEM;
    event->text = unwrap_piece(&tool->unwrap, event->text, room);
    status = openai_emit_piece(in, event);
    free(room);
    return status;
}

static aigw_status emit_mended(struct openai_in *in, struct openai_tool *tool, struct aigw_event *event)
{
    aigw_status status;
    char *copy;

    if (!arguments_piece(&tool->told, event->text, &event->text, &copy))
        return AIGW_E_NOMEM;
    status = openai_emit_piece(in, event);
    free(copy);
    return status;
}

static aigw_status emit_args(struct openai_in *in, struct openai_tool *tool, aigw_str text)
{
    bool is_first = !tool->is_announced;
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_TOOL_CALL,
                                .choice = tool->choice,
                                .index = tool->index,
                                .text = text };

    if (!is_first && text.len == 0)
        return AIGW_OK;
    if (is_first) {
        const struct name *known = names_find(&in->call->names, tool->name);

        event.index = tool->index = next_index(in->call, tool->choice);
        event.id = tool->id;
        event.name = known ? known->name : tool->name;
        event.scope = known ? known->scope : AIGW_STR_NONE;
        tool->is_text = known && known->kind == AIGW_TOOL_FREE_TEXT;
        tool->is_announced = true;
    }
    if (tool->is_free)
        return openai_emit_piece(in, &event);
    return tool->is_text ? emit_unwrapped(in, tool, &event) : emit_mended(in, tool, &event);
}

static aigw_status wait_args(struct openai_in *in, struct openai_tool *tool, aigw_str text)
{
    aigw_str waited;

    if (!tool->waiting && text.len > 0)
        tool->waiting = in->host->buf_new(in->ctx, AIGW_LIFE_REQUEST, NAME_WAIT_MAX);
    if (!tool->waiting)
        return text.len > 0 ? AIGW_E_NOMEM : AIGW_OK;
    in->host->buf_put(tool->waiting, text.ptr, text.len);
    if (in->host->buf_view(tool->waiting, &waited) == AIGW_OK)
        return AIGW_OK;
    return openai_nonsense(in, tool->is_quoted ? "has a tool call whose arguments are too long"
                                               : "has a tool call whose name does not come");
}

/* Arguments wait while the name has not come: it belongs to the first piece. */
static aigw_status take_args(struct openai_in *in, struct openai_tool *tool, aigw_str text)
{
    aigw_str waited = AIGW_STR_NONE;
    aigw_status status;

    if (tool->name.len > 0 && tool->is_quoted) {
        status = tool->is_announced ? AIGW_OK : emit_args(in, tool, AIGW_STR_NONE);
        return status == AIGW_OK ? wait_args(in, tool, text) : status;
    }
    if (tool->name.len > 0 && !tool->waiting)
        return emit_args(in, tool, text);
    status = wait_args(in, tool, text);
    if (status != AIGW_OK || tool->name.len == 0 || !tool->waiting)
        return status;
    status = in->host->buf_view(tool->waiting, &waited);
    tool->waiting = NULL;
    return status == AIGW_OK ? emit_args(in, tool, waited) : status;
}

/* Of a piece of arguments what is new. *ret_rest: another object behind them. */
static aigw_str new_args(struct openai_tool *tool, aigw_str text, bool is_whole, aigw_str *ret_rest)
{
    struct openai_extent *args = &tool->args;
    aigw_str plain = wire_skip_blanks(text), rest;

    *ret_rest = AIGW_STR_NONE;
    if (text.len == 0)
        return text;
    if (!args->is_begun || tool->has_nothing) {
        aigw_str trimmed = wire_trim_end(plain);

        if (trimmed.len == 0 || wire_is(trimmed, "null") || wire_is(trimmed, "[]")) /* no arguments, as some write it */
            return AIGW_STR_NONE;
        *args = (struct openai_extent){ .depth = 0 };
        tool->has_nothing = !is_whole && is_empty_object(trimmed);
        tool->is_quoted = plain.ptr[0] == '"';
        text = plain;
    } else if (extent_is_whole(args) && args->is_object) {
        if (plain.len > 0 && plain.ptr[0] == '{' && !extent_repeats(args, plain))
            *ret_rest = plain;
        return plain.len == 0 ? text : AIGW_STR_NONE;
    }
    rest.len = extent_feed(args, text);
    if (tool->has_nothing)
        return AIGW_STR_NONE;
    rest = wire_skip_blanks((aigw_str){ text.ptr + rest.len, text.len - rest.len });
    text.len = (size_t)(rest.ptr - text.ptr);
    if (rest.len == 0 || rest.ptr[0] != '{')
        return text;
    if (is_empty_object(wire_trim_end(text))) {
        *args = (struct openai_extent){ .depth = 0 };
        return new_args(tool, rest, is_whole, ret_rest);
    }
    if (!extent_repeats(args, rest))
        *ret_rest = rest;
    return text;
}

/* Text of an object in a JSON string. */
static aigw_status emit_quoted(struct openai_in *in, struct openai_tool *tool)
{
    struct aigw_json root;
    struct reader r;
    aigw_str text;
    aigw_status status = in->host->buf_view(tool->waiting, &text);

    if (reader_begin(&r, text, &root) && root.type == AIGW_JSON_STRING)
        text = reader_text(&r, &root);
    if (status == AIGW_OK)
        status = r.is_short ? AIGW_E_NOMEM : emit_args(in, tool, text);
    reader_end(&r);
    tool->waiting = NULL;
    tool->is_quoted = false;
    return status;
}

/* No more of them will come. */
static aigw_status end_args(struct openai_in *in, struct openai_tool *tool)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL, .choice = tool->choice, .index = tool->index
    };
    char room[ARGUMENTS_END_ROOM];
    aigw_status status = tool->is_quoted && tool->waiting ? emit_quoted(in, tool) : AIGW_OK;

    event.text = arguments_end(in->host, in->ctx, &tool->told, room);
    return status == AIGW_OK && event.text.len > 0 ? openai_emit_piece(in, &event) : status;
}

aigw_status openai_release_call(struct openai_in *in)
{
    struct openai_tool *tool = in->call->held;

    in->call->held = NULL;
    tool->has_nothing = false;
    return take_args(in, tool, AIGW_STR("{}"));
}

enum { ITEM_INDEX, ITEM_ID, ITEM_FUNCTION, ITEM_CUSTOM, ITEM_ALL };
static const char *const item_names[ITEM_ALL] = { "index", "id", "function", "custom" };

static bool is_there(const struct aigw_json *value)
{
    return value->type > AIGW_JSON_NULL;
}

/* Text, or what says that there is none. */
static bool may_be_text(const struct aigw_json *value)
{
    return !is_there(value) || value->type == AIGW_JSON_STRING;
}

/* A number, be it written as text; -1 when there is none. */
static int64_t index_of(struct reader *r, const struct aigw_json *index)
{
    aigw_str text = reader_text(r, index);
    int64_t number = -1;

    if (text.len == 0 || text.len > 4) {
        aigw_json_int(index, &number);
        return number;
    }
    number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

/* Where the call's name and arguments stand: in a member, or flat in the item. False: in a form that is not known. */
static bool find_body(const struct aigw_json *obj, const struct aigw_json *item, struct aigw_json *ret_name,
                      struct aigw_json *ret_args, bool *ret_is_json)
{
    enum { NAME, ARGUMENTS, PARAMETERS, INPUT, ARGS, MEMBERS };
    static const char *const names[MEMBERS] = { "name", "arguments", "parameters", "input", "args" };
    bool is_custom = !is_there(&item[ITEM_FUNCTION]) && is_there(&item[ITEM_CUSTOM]);
    const struct aigw_json *body = &item[is_custom ? ITEM_CUSTOM : ITEM_FUNCTION];
    bool is_flat = !is_there(body) || body->type == AIGW_JSON_STRING;
    struct aigw_json members[MEMBERS];
    size_t at = is_custom ? INPUT : ARGUMENTS;

    aigw_json_members(is_flat ? obj : body, names, MEMBERS, members);
    while (!is_custom && at < ARGS && !is_there(&members[at]))
        at++;
    *ret_name = is_there(&members[NAME]) || !is_flat ? members[NAME] : *body;
    *ret_args = members[at];
    *ret_is_json = !is_custom;
    return is_flat || body->type == AIGW_JSON_OBJECT;
}

/* The tool's name alone: without blanks around it, the namespace of the model's own format, or marks of that format
 * that its server left in. No name that is sent has any of these. */
static aigw_str plain_name(aigw_str name)
{
    static const char space[] = "functions.";
    const char *mark;

    name = wire_trim_end(wire_skip_blanks(name));
    if (wire_has_prefix(name, space) && name.len > sizeof space - 1)
        name = (aigw_str){ name.ptr + sizeof space - 1, name.len - (sizeof space - 1) };
    mark = name.len > 0 ? memmem(name.ptr, name.len, "<|", 2) : NULL;
    return mark && mark > name.ptr ? (aigw_str){ name.ptr, (size_t)(mark - name.ptr) } : name;
}

static aigw_status read_piece(struct openai_in *in, const struct aigw_json *obj, struct openai_piece *ret_piece)
{
    struct aigw_json item[ITEM_ALL], name, args, first;
    struct aigw_json_walk walk;
    bool is_json;

    *ret_piece = (struct openai_piece){ .index = -1 };
    aigw_json_members(obj, item_names, ITEM_ALL, item);
    if (obj->type != AIGW_JSON_OBJECT || !find_body(obj, item, &name, &args, &is_json) || !may_be_text(&name) ||
        (!may_be_text(&item[ITEM_ID]) && item[ITEM_ID].type != AIGW_JSON_INT))
        return openai_nonsense(in, "has a tool call in a form that is not known");
    *ret_piece = (struct openai_piece){ .index = index_of(in->r, &item[ITEM_INDEX]),
                                        .id = item[ITEM_ID].type == AIGW_JSON_INT ? item[ITEM_ID].text
                                                                                  : reader_text(in->r, &item[ITEM_ID]),
                                        .name = plain_name(reader_text(in->r, &name)),
                                        .is_json = is_json };
    walk = aigw_json_begin(&args);
    if (args.type == AIGW_JSON_OBJECT)
        ret_piece->text = reader_json(in->r, &args); /* some servers send the object itself */
    else if (args.type == AIGW_JSON_LIST && !aigw_json_next(&walk, NULL, &first))
        ret_piece->text = AIGW_STR("{}"); /* as PHP writes an empty one */
    else if (may_be_text(&args))
        ret_piece->text = reader_text(in->r, &args);
    else
        return openai_nonsense(in, "has a tool call whose arguments are no text");
    return AIGW_OK;
}

/* A new call; NULL and *ret_status when there is none. */
static struct openai_tool *add_call(struct openai_in *in, uint32_t choice, const struct openai_piece *piece,
                                    aigw_status *ret_status)
{
    struct openai_tool *tool = NULL;

    if (in->call->tool_count >= OPENAI_CALLS_MAX) {
        *ret_status = openai_nonsense(in, "has more than 1024 tool calls");
        return NULL;
    }
    tool = begin_call(in, choice, piece->index);
    *ret_status = tool ? AIGW_OK : AIGW_E_NOMEM;
    return tool;
}

static void take_names(struct openai_in *in, struct openai_tool *tool, const struct openai_piece *piece)
{
    if (tool->wire_id.len == 0) {
        bool is_shared = find_id(in->call, tool->choice, piece->id, -1);

        tool->wire_id = keep(in, piece->id);
        if (!is_shared && !tool->is_announced)
            tool->id = tool->wire_id;
    }
    if (tool->name.len == 0)
        tool->name = keep(in, piece->name);
    tool->is_free |= !piece->is_json;
}

/* Arguments of the call. *ret_rest: another object behind them. */
static aigw_status take_text(struct openai_in *in, struct openai_tool *tool, const struct openai_piece *piece,
                             bool is_whole, aigw_str *ret_rest)
{
    aigw_str text = piece->text;
    aigw_status status = AIGW_OK;

    *ret_rest = AIGW_STR_NONE;
    if (piece->is_json)
        text = new_args(tool, text, is_whole || tool->name.len == 0, ret_rest);
    if (tool->name.len == 0) { /* whose they all are is not known yet */
        text = piece->text;
        *ret_rest = AIGW_STR_NONE;
    }
    if (in->call->held && in->call->held != tool)
        status = openai_release_call(in);
    if (status != AIGW_OK)
        return status;
    if (tool->has_nothing) {
        in->call->held = tool;
        return status;
    }
    if (in->call->held == tool)
        in->call->held = NULL;
    status = take_args(in, tool, text);
    return status == AIGW_OK && is_whole ? end_args(in, tool) : status;
}

aigw_status openai_emit_call(struct openai_in *in, uint32_t choice, const struct aigw_json *item, bool is_whole)
{
    struct openai_piece piece;
    struct openai_tool *tool;
    aigw_status status;
    aigw_str rest;

    if (item->type == AIGW_JSON_NULL)
        return AIGW_OK;
    status = read_piece(in, item, &piece);
    if (status != AIGW_OK)
        return status;
    tool = is_whole ? NULL : find_call(in->call, choice, &piece);
    if (!tool && piece.id.len == 0 && piece.name.len == 0)
        return piece.text.len > 0 || is_whole ? openai_nonsense(in, "has a tool call without a name") : AIGW_OK;
    do {
        if (!tool)
            tool = add_call(in, choice, &piece, &status);
        if (!tool)
            return status;
        take_names(in, tool, &piece);
        piece.name = tool->name; /* of the one that may follow */
        piece.id = tool->wire_id;
        piece.index = tool->wire_index;
        status = take_text(in, tool, &piece, is_whole, &rest);
        piece.text = rest;
        tool = NULL;
    } while (status == AIGW_OK && rest.len > 0);
    return status;
}

aigw_status openai_close_calls(struct openai_in *in, uint32_t choice, uint32_t *ret_count)
{
    aigw_status status = in->call->held ? openai_release_call(in) : AIGW_OK;

    *ret_count = 0;
    for (struct openai_tool *tool = in->call->tools; tool && status == AIGW_OK; tool = tool->next) {
        if (tool->choice != choice)
            continue;
        if (tool->name.len > 0)
            status = end_args(in, tool);
        if (tool->is_announced)
            (*ret_count)++;
        else if (tool->waiting)
            return openai_nonsense(in, "has a tool call without a name");
    }
    return status;
}
