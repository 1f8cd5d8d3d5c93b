/* request_read_contents.c - "contents" and "systemInstruction" → canonical messages. */
#include "request_read.h"

#include "gemini.h"

#include <string.h>

enum part_key {
    PART_TEXT,
    PART_THOUGHT,
    PART_SIGNATURE,
    PART_INLINE,
    PART_FILE,
    PART_CALL,
    PART_RESPONSE,
    PART_KEYS,
};
static const char *const part_keys[PART_KEYS] = { "text",      "thought",       "thought_signature", "inline_data",
                                                  "file_data", "function_call", "function_response" };

/** A list of parts being made. */
struct part_list {
    const struct aigw_part *first;
    struct aigw_part *last;
};

static struct aigw_part *new_part(struct gemini_reading *r, struct part_list *list, uint32_t type)
{
    struct aigw_part *part = gemini_read_piece(r, sizeof *part);

    if (!part)
        return NULL;
    part->struct_size = sizeof *part;
    part->type = type;
    if (list->last)
        list->last->next = part;
    else
        list->first = part;
    list->last = part;
    return part;
}

static aigw_status add_message(struct gemini_reading *r, uint32_t role, const struct part_list *parts)
{
    struct aigw_message *msg;

    if (!parts->first && role != AIGW_ROLE_USER) /* a turn of the user's stays one, empty or not */
        return AIGW_OK;
    msg = gemini_read_piece(r, sizeof *msg);
    if (!msg)
        return AIGW_E_NOMEM;
    msg->struct_size = sizeof *msg;
    msg->role = role;
    msg->parts = parts->first;
    if (role == AIGW_ROLE_TOOL && r->calls_at && r->calls_at != r->last) { /* before what was said since the calls */
        msg->next = r->calls_at->next;
        r->calls_at->next = msg;
        r->calls_at = msg;
        return AIGW_OK;
    }
    if (r->last) {
        r->has_pieces |= role == AIGW_ROLE_ASSISTANT && r->last->role == AIGW_ROLE_ASSISTANT;
        r->last->next = msg;
    } else {
        r->request->messages = msg;
    }
    r->last = msg;
    if (role == AIGW_ROLE_ASSISTANT || role == AIGW_ROLE_TOOL)
        r->calls_at = msg;
    return AIGW_OK;
}

/* ---- media ---- */

static aigw_status read_media(struct gemini_reading *r, const struct aigw_json *media, bool is_file,
                              struct part_list *list)
{
    struct aigw_part *part = new_part(r, list, AIGW_PART_DOCUMENT);
    const char *const names[] = { "mime_type", is_file ? "file_uri" : "data", "display_name" };
    struct aigw_json found[3];
    aigw_status status;

    if (!part)
        return AIGW_E_NOMEM;
    if (media->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, is_file ? "fileData" : "inlineData", "must be an object");
    status = gemini_read_members(r, media, names, 3, found);
    if (status == AIGW_OK)
        status = gemini_read_text(r, "mimeType", &found[0], &part->media_type);
    if (status == AIGW_OK)
        status = wire_usual_media_type(r->host, r->ctx, &part->media_type);
    if (status == AIGW_OK)
        status = gemini_read_text(r, is_file ? "fileUri" : "data", &found[1], is_file ? &part->url : &part->data);
    if (gemini_is_upload(part->url)) {
        part->file_id = part->url;
        part->url = AIGW_STR_NONE;
        part->origin = AIGW_STR(GEMINI_DIALECT);
    }
    if (part->data.len > 0 && wire_usual_base64(r->host, r->ctx, &part->data) == AIGW_E_NOMEM)
        return AIGW_E_NOMEM;
    if (status == AIGW_OK)
        status = gemini_read_text(r, "displayName", &found[2], &part->title);
    if (status == AIGW_OK && part->url.len + part->file_id.len + part->data.len == 0)
        return gemini_read_refuse(r, is_file ? "fileUri" : "data", "is missing");
    if (part->media_type.len == 0 && is_file)
        part->media_type = gemini_type_by_name(part->url);
    if (wire_has_prefix(part->media_type, "image/"))
        part->type = AIGW_PART_IMAGE;
    else if (wire_has_prefix(part->media_type, "audio/"))
        part->type = AIGW_PART_AUDIO;
    else if (wire_has_prefix(part->media_type, "video/") || gemini_is_video_site(part->url))
        part->type = AIGW_PART_VIDEO;
    return status;
}

/* ---- calls and their results ---- */

static aigw_str made_id(struct gemini_reading *r, uint32_t number)
{
    return wire_str(r->host->format(r->ctx, AIGW_LIFE_BUILD, "call_%u", number));
}

static aigw_status read_call(struct gemini_reading *r, const struct aigw_json *call, struct part_list *list)
{
    struct aigw_part *part = new_part(r, list, AIGW_PART_TOOL_CALL);
    static const char *const names[] = { "id", "name", "args" };
    struct aigw_json found[3];
    const struct aigw_json *args = &found[2];
    aigw_status status;

    if (!part)
        return AIGW_E_NOMEM;
    status = gemini_read_members(r, call, names, 3, found);
    if (status == AIGW_OK)
        status = gemini_read_text(r, "functionCall.id", &found[0], &part->id);
    if (status == AIGW_OK)
        status = gemini_read_text(r, "functionCall.name", &found[1], &part->name);
    if (status == AIGW_OK && part->name.len == 0)
        return gemini_read_refuse(r, "functionCall.name", "is missing");
    if (status == AIGW_OK && args->type > AIGW_JSON_NULL && args->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "functionCall.args", "must be an object");
    part->text = AIGW_STR("{}");
    if (status == AIGW_OK && args->type == AIGW_JSON_OBJECT)
        status = gemini_read_json(r, args, &part->text);
    if (r->open_count == GEMINI_OPEN_CALLS)
        return gemini_read_refuse(r, "contents", "has more than 256 functionCalls without a functionResponse");
    r->open[r->open_count++] = part;
    r->call_count++;
    if (part->id.len == 0)
        part->id = made_id(r, r->call_count);
    return status == AIGW_OK && !part->id.ptr ? AIGW_E_NOMEM : status;
}

static const struct aigw_part *take_open(struct gemini_reading *r, uint32_t i)
{
    const struct aigw_part *call = r->open[i];

    r->open_count--;
    memmove(&r->open[i], &r->open[i + 1], (r->open_count - i) * sizeof *r->open);
    return call;
}

/* The open call with that id, else the first one of that name; it is open no more. NULL when there is none. */
static const struct aigw_part *take_call(struct gemini_reading *r, aigw_str id, aigw_str name)
{
    for (uint32_t i = 0; i < r->open_count; i++)
        if (wire_same(r->open[i]->id, id))
            return take_open(r, i);
    for (uint32_t i = 0; i < r->open_count; i++)
        if (wire_same(r->open[i]->name, name))
            return take_open(r, i);
    return NULL;
}

/* {"output":…} and its like are what the tool said, also beside the tool's own name, which some clients add. */
static aigw_status read_response(struct gemini_reading *r, const struct aigw_json *response, struct aigw_part *part)
{
    static const char *const names[] = { "output", "result", "content", "error" };
    struct aigw_json_walk walk = aigw_json_begin(response);
    size_t count = aigw_json_count(response), known = 4;
    struct aigw_json key, value, said = { .type = AIGW_JSON_ABSENT };
    aigw_status status = AIGW_OK;
    bool has_name = false;

    if (response->type > AIGW_JSON_NULL && response->type != AIGW_JSON_STRING && response->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "functionResponse.response", "must be an object");
    while (status == AIGW_OK && count <= 2 && aigw_json_next(&walk, &key, &value)) {
        size_t i = gemini_key_of(&key, names, 4);
        aigw_str name = AIGW_STR_NONE;

        if (i < 4) {
            known = i;
            said = value;
        } else if (aigw_json_is_text(&key, "name") && value.type == AIGW_JSON_STRING) {
            status = gemini_read_text(r, "functionResponse.response.name", &value, &name);
            has_name = wire_same(name, part->name);
        }
    }
    if (status != AIGW_OK)
        return status;
    if (known < 4 && count == (has_name ? 2u : 1u)) {
        part->flags |= known == 3 ? AIGW_PARTF_ERROR : 0;
        response = &said;
    }
    if (response->type == AIGW_JSON_STRING)
        return gemini_read_text(r, "functionResponse.response", response, &part->text);
    return response->type > AIGW_JSON_NULL ? gemini_read_json(r, response, &part->text) : AIGW_OK;
}

/* Pictures and files of a result; its text then is the first of its parts. */
static aigw_status read_result_parts(struct gemini_reading *r, const struct aigw_json *list, struct aigw_part *part)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct part_list parts = { NULL, NULL };
    struct aigw_json item, media;
    aigw_status status = AIGW_OK;
    struct aigw_part *text;

    if (aigw_json_count(list) == 0)
        return AIGW_OK;
    if (part->text.len > 0) {
        text = new_part(r, &parts, AIGW_PART_TEXT);
        if (!text)
            return AIGW_E_NOMEM;
        text->text = part->text;
        part->text = AIGW_STR_NONE;
    }
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        if (gemini_member(&item, "inline_data", &media))
            status = read_media(r, &media, false, &parts);
        else if (gemini_member(&item, "file_data", &media))
            status = read_media(r, &media, true, &parts);
        else
            status = gemini_read_refuse(r, "functionResponse.parts", "must hold inlineData or fileData");
    }
    part->parts = parts.first;
    return status;
}

static aigw_status read_result(struct gemini_reading *r, const struct aigw_json *result, struct part_list *results)
{
    enum { ID, NAME, RESPONSE, PARTS, COUNT };
    static const char *const names[] = { "id", "name", "response", "parts" };
    struct aigw_json found[COUNT];
    struct part_list one = { NULL, NULL };
    struct aigw_part *part = new_part(r, &one, AIGW_PART_TOOL_RESULT);
    const struct aigw_part *call;
    aigw_status status;

    if (!part)
        return AIGW_E_NOMEM;
    status = gemini_read_members(r, result, names, COUNT, found);
    if (status == AIGW_OK)
        status = gemini_read_text(r, "functionResponse.name", &found[NAME], &part->name);
    if (status == AIGW_OK)
        status = gemini_read_text(r, "functionResponse.id", &found[ID], &part->id);
    if (status == AIGW_OK && part->name.len == 0)
        return gemini_read_refuse(r, "functionResponse.name", "is missing");
    if (status == AIGW_OK)
        status = read_response(r, &found[RESPONSE], part);
    if (status == AIGW_OK)
        status = read_result_parts(r, &found[PARTS], part);
    if (status != AIGW_OK)
        return status;
    call = take_call(r, part->id, part->name);
    if (!call)
        return gemini_read_refuse(r, "functionResponse", "answers no functionCall of the turn before it");
    part->id = call->id;
    if (results->last)
        results->last->next = part;
    else
        results->first = part;
    results->last = part;
    return AIGW_OK;
}

/* ---- parts ---- */

/* That of a picture has no place of its own. */
static aigw_status read_signature(struct gemini_reading *r, const struct aigw_json *value, struct aigw_part *part,
                                  struct gemini_extra *extra)
{
    static const struct aigw_json key = { .text = AIGW_STR_INIT("\"thoughtSignature\""), .type = AIGW_JSON_STRING };
    aigw_str text;
    aigw_status status = gemini_read_text(r, "thoughtSignature", value, &text);

    if (status != AIGW_OK || text.len == 0)
        return status;
    if (part->type != AIGW_PART_TEXT && part->type != AIGW_PART_REASONING && part->type != AIGW_PART_TOOL_CALL)
        return gemini_read_more(r, extra, &key, value);
    return gemini_carry_read(r->host, r->ctx, text, &part->origin, &part->data);
}

/* Another vendor signs what the model thought, which was written before the part that its signature stands on, or not
 * at all for clients that do not see it. */
static aigw_status give_to_thought(struct gemini_reading *r, struct part_list *list, struct aigw_part *before)
{
    struct aigw_part *part = list->last, *thought = before;

    if ((part->type != AIGW_PART_TEXT && part->type != AIGW_PART_TOOL_CALL) || part->data.len == 0 ||
        wire_is(part->origin, GEMINI_DIALECT))
        return AIGW_OK;
    r->asked->has_foreign = true;
    if (!thought || thought->type != AIGW_PART_REASONING || thought->data.len > 0) {
        thought = gemini_read_alloc(r, sizeof *thought);
        if (!thought)
            return AIGW_E_NOMEM;
        thought->struct_size = sizeof *thought;
        thought->type = AIGW_PART_REASONING;
        thought->next = part;
        if (before)
            before->next = thought;
        else
            list->first = thought;
    }
    thought->data = part->data;
    thought->origin = part->origin;
    part->data = part->origin = AIGW_STR_NONE;
    return AIGW_OK;
}

/* What only the vendor knows, as a whole. */
static aigw_status read_opaque(struct gemini_reading *r, const struct aigw_json *value, struct part_list *list)
{
    struct aigw_part *part;

    if (aigw_json_count(value) == 0)
        return AIGW_OK;
    part = new_part(r, list, AIGW_PART_OPAQUE);
    if (!part)
        return AIGW_E_NOMEM;
    part->origin = AIGW_STR(GEMINI_DIALECT);
    return gemini_read_json(r, value, &part->text);
}

static aigw_status read_known(struct gemini_reading *r, const struct aigw_json found[PART_KEYS], struct part_list *list,
                              struct part_list *results)
{
    bool is_thought = false;
    struct aigw_part *part;

    if (found[PART_CALL].type != AIGW_JSON_ABSENT)
        return read_call(r, &found[PART_CALL], list);
    if (found[PART_RESPONSE].type != AIGW_JSON_ABSENT)
        return read_result(r, &found[PART_RESPONSE], results);
    if (found[PART_INLINE].type != AIGW_JSON_ABSENT)
        return read_media(r, &found[PART_INLINE], false, list);
    if (found[PART_FILE].type != AIGW_JSON_ABSENT)
        return read_media(r, &found[PART_FILE], true, list);
    if (found[PART_THOUGHT].type != AIGW_JSON_ABSENT && !aigw_json_bool(&found[PART_THOUGHT], &is_thought))
        return gemini_read_refuse(r, "thought", "must be true or false");
    part = new_part(r, list, is_thought ? AIGW_PART_REASONING : AIGW_PART_TEXT);
    if (!part)
        return AIGW_E_NOMEM;
    if (is_thought)
        part->flags |= AIGW_PARTF_SUMMARY;
    return found[PART_TEXT].type == AIGW_JSON_STRING
               ? wire_later_text(&r->asked->later, &found[PART_TEXT], &r->memory, &part->text)
               : gemini_read_text(r, "text", &found[PART_TEXT], &part->text);
}

static aigw_status read_part(struct gemini_reading *r, const struct aigw_json *value, struct part_list *list,
                             struct part_list *results)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json found[PART_KEYS], key, member;
    struct gemini_extra extra = { .count = 0 };
    struct aigw_part *before = list->last;
    aigw_status status = AIGW_OK;
    uint32_t known_count = 0;

    r->part_number++;
    if (value->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "contents", "must be an object");
    for (size_t i = 0; i < PART_KEYS; i++)
        found[i] = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &member)) {
        size_t known = gemini_key_of(&key, part_keys, PART_KEYS);

        if (member.type == AIGW_JSON_NULL)
            continue;
        if (known == PART_KEYS) {
            status = gemini_read_more(r, &extra, &key, &member);
            continue;
        }
        found[known] = member;
        known_count += known != PART_THOUGHT && known != PART_SIGNATURE;
    }
    if (status == AIGW_OK && known_count == 0 && found[PART_SIGNATURE].type == AIGW_JSON_ABSENT)
        return read_opaque(r, value, list);
    if (status == AIGW_OK)
        status = read_known(r, found, list, results);
    if (status != AIGW_OK || list->last == before)
        return status;
    status = read_signature(r, &found[PART_SIGNATURE], list->last, &extra);
    if (status == AIGW_OK)
        status = give_to_thought(r, list, before);
    return status == AIGW_OK ? gemini_read_more_end(r, &extra, &list->last->extra) : status;
}

/* ---- contents ---- */

static aigw_status read_content(struct gemini_reading *r, const struct aigw_json *content)
{
    struct part_list list = { NULL, NULL }, results = { NULL, NULL };
    static const char *const names[] = { "role", "parts" };
    struct aigw_json found[2], parts, part;
    struct aigw_json_walk walk;
    aigw_str word = AIGW_STR_NONE;
    aigw_status status;
    bool is_model;

    r->content_number++;
    r->part_number = 0;
    if (content->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "contents", "must be an object");
    status = gemini_read_members(r, content, names, 2, found);
    parts = found[1];
    if (status == AIGW_OK)
        status = gemini_read_text(r, "contents.role", &found[0], &word);
    is_model = wire_is(word, "model");
    if (status == AIGW_OK && word.len > 0 && !is_model && !wire_is(word, "user") && !wire_is(word, "function") &&
        !wire_is(word, "tool"))
        return gemini_read_refuse(r, "contents.role", "must be user or model");
    if (status == AIGW_OK && parts.type == AIGW_JSON_OBJECT) /* one, without its list */
        status = read_part(r, &parts, &list, &results);
    else if (status == AIGW_OK && parts.type > AIGW_JSON_NULL && parts.type != AIGW_JSON_LIST)
        return gemini_read_refuse(r, "contents.parts", "must be a list");
    walk = aigw_json_begin(&parts);
    if (is_model && r->last && r->last->role != AIGW_ROLE_ASSISTANT)
        r->open_count = 0; /* what was not answered will not be */
    while (parts.type == AIGW_JSON_LIST && status == AIGW_OK && aigw_json_next(&walk, NULL, &part))
        status = read_part(r, &part, &list, &results);
    r->part_number = 0;
    if (status == AIGW_OK && is_model && results.first)
        return gemini_read_refuse(r, "contents", "has a functionResponse in a turn of the model");
    for (const struct aigw_part *made = is_model ? NULL : list.first; made && status == AIGW_OK; made = made->next)
        if (made->type == AIGW_PART_TOOL_CALL)
            return gemini_read_refuse(r, "contents", "has a functionCall in a turn of the user");
    if (status == AIGW_OK)
        status = add_message(r, AIGW_ROLE_TOOL, &results);
    if (status != AIGW_OK || (!list.first && results.first))
        return status;
    return add_message(r, is_model ? AIGW_ROLE_ASSISTANT : AIGW_ROLE_USER, &list);
}

aigw_status gemini_read_contents(struct gemini_reading *r, const struct aigw_json *contents)
{
    struct aigw_json_walk walk = aigw_json_begin(contents);
    struct part_list list = { NULL, NULL };
    struct aigw_json content;
    aigw_status status = AIGW_OK;
    struct aigw_part *part;

    if (contents->type == AIGW_JSON_STRING) { /* the shortest way to ask */
        part = new_part(r, &list, AIGW_PART_TEXT);
        if (!part)
            return AIGW_E_NOMEM;
        status = gemini_read_text(r, "contents", contents, &part->text);
        return status == AIGW_OK ? add_message(r, AIGW_ROLE_USER, &list) : status;
    }
    if (contents->type == AIGW_JSON_OBJECT) { /* one, without its list */
        status = read_content(r, contents);
        r->content_number = r->part_number = 0;
        return status;
    }
    if (contents->type != AIGW_JSON_LIST || aigw_json_count(contents) == 0)
        return gemini_read_refuse(r, "contents", "is missing or no list");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &content))
        status = read_content(r, &content);
    r->content_number = r->part_number = 0;
    return status;
}

/* ---- text only ---- */

static aigw_status read_texts(struct gemini_reading *r, const char *where, const struct aigw_json *content,
                              struct part_list *list)
{
    static const char *const names[] = { "parts", "text", "role" };
    struct aigw_json parts = *content, part, text, found[3];
    struct aigw_json_walk walk;
    aigw_status status = gemini_read_members(r, content, names, 3, found);
    struct aigw_part *made;

    if (content->type == AIGW_JSON_OBJECT && found[0].type == AIGW_JSON_ABSENT && found[1].type == AIGW_JSON_ABSENT)
        return status; /* nothing is said */
    if (content->type == AIGW_JSON_OBJECT && found[0].type != AIGW_JSON_ABSENT)
        parts = found[0]; /* else {"text": …} */
    walk = aigw_json_begin(&parts);
    for (bool is_one = parts.type != AIGW_JSON_LIST;
         status == AIGW_OK && (is_one || aigw_json_next(&walk, NULL, &part));) {
        if (is_one)
            part = parts;
        text = part;
        if (part.type == AIGW_JSON_OBJECT)
            status = gemini_read_members(r, &part, &names[1], 1, &text);
        if (status != AIGW_OK)
            return status;
        if (text.type != AIGW_JSON_STRING)
            return gemini_read_refuse(r, where, "must be text");
        made = new_part(r, list, AIGW_PART_TEXT);
        if (!made)
            return AIGW_E_NOMEM;
        status = gemini_read_text(r, where, &text, &made->text);
        if (is_one)
            break;
    }
    return status;
}

aigw_status gemini_read_system(struct gemini_reading *r, const struct aigw_json *instruction)
{
    struct part_list list = { NULL, NULL };
    aigw_status status;

    if (instruction->type == AIGW_JSON_ABSENT)
        return AIGW_OK;
    status = read_texts(r, "systemInstruction", instruction, &list);
    return status == AIGW_OK ? add_message(r, AIGW_ROLE_SYSTEM, &list) : status;
}

aigw_status gemini_read_plain(struct gemini_reading *r, const char *where, const struct aigw_json *content,
                              aigw_str *ret)
{
    struct part_list list = { NULL, NULL };
    struct aigw_buf *joined;
    aigw_status status;

    *ret = AIGW_STR("");
    if (content->type <= AIGW_JSON_NULL)
        return gemini_read_refuse(r, where, "is missing");
    status = read_texts(r, where, content, &list);
    if (status != AIGW_OK || !list.first)
        return status;
    *ret = list.first->text;
    if (!list.first->next)
        return AIGW_OK;
    joined = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!joined)
        return AIGW_E_NOMEM;
    for (const struct aigw_part *part = list.first; part; part = part->next)
        r->host->buf_put(joined, part->text.ptr, part->text.len);
    return r->host->buf_view(joined, ret);
}
