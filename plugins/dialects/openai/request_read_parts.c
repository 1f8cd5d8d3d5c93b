/* request_read_parts.c - what a message of a chat holds → canonical parts: text, what is attached to it, tool calls. A
 * part of a type that is not known is kept as it is: a server of this dialect may know it. */
#include <string.h>
#include <strings.h>

#include "request_read.h"

struct aigw_part *openai_add_part(struct openai_reading *r, struct openai_parts *parts, uint32_t type)
{
    struct aigw_part *part = openai_get(r, sizeof *part);

    if (!part)
        return NULL;
    part->struct_size = sizeof *part;
    part->type = type;
    if (parts->last)
        parts->last->next = part;
    else
        parts->first = part;
    parts->last = part;
    return part;
}

/* ---- data ---- */

static aigw_status take_base64(struct openai_reading *r, const struct openai_place *place, aigw_str data,
                               const char *otherwise, struct aigw_part *part)
{
    aigw_status status = wire_usual_base64(r->host, r->ctx, &data);

    part->data = data;
    return status == AIGW_E_INVALID ? openai_refuse(r, place, "invalid_value", otherwise) : status;
}

/* Media type and base64 of a data URL; any other URL stays one. */
static aigw_status take_url(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                            struct aigw_part *part)
{
    aigw_str url = AIGW_STR_NONE, parameters;
    const char *semicolon;
    aigw_status status = openai_take_text(r, place, value, &url);

    if (status != AIGW_OK)
        return status;
    if (url.len == 0)
        return openai_refuse_missing(r, place);
    if (!wire_split_data_url(url, &part->media_type, &part->data)) {
        part->url = url;
        return AIGW_OK;
    }
    semicolon = memchr(part->media_type.ptr, ';', part->media_type.len); /* a charset, or a file's name */
    parameters = part->media_type;
    if (semicolon)
        part->media_type.len = (size_t)(semicolon - parameters.ptr);
    if (!wire_is_media_type(part->media_type))
        part->data.len = 0;
    if (wire_usual_media_type(r->host, r->ctx, &part->media_type) != AIGW_OK)
        return AIGW_E_NOMEM;
    return take_base64(r, place, part->data,
                       "must be an address, or data:<media type>;base64,<data> with nothing but base64 in it", part);
}

/* {"url":…} under `name`, or the address itself. *ret_object: what else may stand there. */
static aigw_status take_url_of(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, struct aigw_part *part)
{
    struct aigw_json url;

    if (value->type == AIGW_JSON_STRING)
        return take_url(r, place, value, part);
    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_member(value, "url", &url);
    return take_url(r, OPENAI_AT(place, "url"), &url, part);
}

static aigw_status read_image(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                              struct aigw_part *part)
{
    static const char *const names[] = { "url", "detail" };
    struct aigw_json members[2];
    aigw_status status = take_url_of(r, place, value, part);

    openai_note_members(r, value, names, 2, members);
    return status == AIGW_OK ? openai_take_text(r, OPENAI_AT(place, "detail"), &members[1], &part->detail) : status;
}

/* OpenAI's names for the formats of sound, where the media type has another. */
static aigw_status take_audio_type(struct openai_reading *r, const struct openai_place *place, aigw_str format,
                                   struct aigw_part *part)
{
    char *type;

    if (!wire_is_media_type(format))
        return openai_refuse(r, place, "invalid_value", "must be the name of a format, such as wav or mp3");
    if (wire_usual_media_type(r->host, r->ctx, &format) != AIGW_OK)
        return AIGW_E_NOMEM;
    if (wire_is(format, "mp3")) {
        part->media_type = AIGW_STR("audio/mpeg");
        return AIGW_OK;
    }
    type = r->host->format(r->ctx, AIGW_LIFE_BUILD, "audio/%.*s", AIGW_STR_ARG(format));
    if (!type)
        return AIGW_E_NOMEM;
    part->media_type = wire_str(type);
    return AIGW_OK;
}

static aigw_status read_audio(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                              struct aigw_part *part)
{
    static const char *const names[] = { "data", "format" };
    struct aigw_json members[2];
    aigw_str data = AIGW_STR_NONE, format = AIGW_STR_NONE, type = AIGW_STR_NONE;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_is_null(value) ? openai_refuse_missing(r, place)
                                     : openai_refuse_type(r, place, value, "an object");
    openai_note_members(r, value, names, 2, members);
    status = openai_take_text(r, OPENAI_AT(place, "data"), &members[0], &data);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, "format"), &members[1], &format);
    if (status != AIGW_OK)
        return status;
    if (data.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "data"));
    if (wire_split_data_url(data, &type, &part->data))
        data = part->data;
    if (format.len == 0 && type.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "format"));
    status = take_base64(r, OPENAI_AT(place, "data"), data, "must be base64", part);
    if (status != AIGW_OK)
        return status;
    if (format.len > 0)
        return take_audio_type(r, OPENAI_AT(place, "format"), format, part);
    part->media_type = type;
    return AIGW_OK;
}

/* The number of an upload, and who keeps it. */
static aigw_status take_file_id(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value, struct aigw_part *part)
{
    aigw_status status = openai_take_text(r, place, value, &part->file_id);

    if (part->file_id.len > 0)
        part->origin = r->request->dialect;
    return status;
}

/* Bare base64 is not what the API asks for, but what some clients send: the file's name says what it is. */
static aigw_status take_bare_file(struct openai_reading *r, const struct openai_place *place, struct aigw_part *part)
{
    static const struct {
        const char *ending, *type;
    } rows[] = { { ".pdf", "application/pdf" }, { ".txt", "text/plain" },        { ".md", "text/markdown" },
                 { ".csv", "text/csv" },        { ".json", "application/json" }, { ".html", "text/html" } };
    aigw_str name = part->title, data = AIGW_STR_NONE;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].ending);

        if (name.len > len && strncasecmp(name.ptr + name.len - len, rows[i].ending, len) == 0) {
            part->media_type = wire_str(rows[i].type);
            data = part->url;
            part->url = AIGW_STR_NONE;
            break;
        }
    }
    return take_base64(r, place, data, "must be data:<media type>;base64,<data>, or an address", part);
}

static aigw_status read_file(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             struct aigw_part *part)
{
    static const char *const file_names[] = { "file_data", "file_id", "filename", "file_url" };
    struct aigw_json members[4];
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_is_null(value) ? openai_refuse_missing(r, place)
                                     : openai_refuse_type(r, place, value, "an object");
    openai_inner_members(r, value, file_names, 4, members);
    status = take_file_id(r, OPENAI_AT(place, "file_id"), &members[1], part);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, "filename"), &members[2], &part->title);
    if (status != AIGW_OK)
        return status;
    if (openai_is_null(&members[0]) && part->file_id.len > 0)
        return AIGW_OK;
    if (openai_is_null(&members[0]) && !openai_is_null(&members[3]))
        return take_url(r, OPENAI_AT(place, "file_url"), &members[3], part);
    status = take_url(r, OPENAI_AT(place, "file_data"), &members[0], part);
    if (status == AIGW_OK && part->url.len > 0 && !wire_contains(part->url, "://"))
        status = take_bare_file(r, OPENAI_AT(place, "file_data"), part);
    return status;
}

/* ---- parts ---- */

/* clang-format off */
enum {
    TYPE, TEXT, REFUSAL, IMAGE_URL, VIDEO_URL, INPUT_AUDIO, FILE_MEMBER, CACHE_CONTROL, BREAKPOINT, ANNOTATIONS,
    LOGPROBS, DETAIL, FILE_ID, FILE_DATA, FILE_URL, FILE_NAME, MEMBERS
};
static const char *const names[] = {
    "type", "text", "refusal", "image_url", "video_url", "input_audio", "file", "cache_control",
    "prompt_cache_breakpoint", "annotations", "logprobs", "detail", "file_id", "file_data", "file_url", "filename"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS, "one name each");

/* By address, by data URL, or by the number of an upload. */
static aigw_status read_flat_image(struct openai_reading *r, const struct openai_place *place,
                                   const struct aigw_json *value, struct aigw_part *part)
{
    struct aigw_json members[MEMBERS];
    aigw_status status;

    aigw_json_members(value, names, MEMBERS, members);
    status = take_file_id(r, OPENAI_AT(place, names[FILE_ID]), &members[FILE_ID], part);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, names[DETAIL]), &members[DETAIL], &part->detail);
    if (status != AIGW_OK || (openai_is_null(&members[IMAGE_URL]) && part->file_id.len > 0))
        return status;
    return take_url_of(r, OPENAI_AT(place, names[IMAGE_URL]), &members[IMAGE_URL], part);
}

/* A type of part: the member that holds what it is about. */
static const struct kind {
    const char *type;
    uint32_t member, part; /* MEMBERS: the part itself does */
    aigw_status (*read)(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                        struct aigw_part *part); /* NULL: text */
} kinds[] = {
    { "text", TEXT, AIGW_PART_TEXT, NULL },
    { "input_text", TEXT, AIGW_PART_TEXT, NULL }, /* what the other API calls it */
    { "output_text", TEXT, AIGW_PART_TEXT, NULL },
    { "refusal", REFUSAL, AIGW_PART_REFUSAL, NULL },
    { "image_url", IMAGE_URL, AIGW_PART_IMAGE, read_image },
    { "video_url", VIDEO_URL, AIGW_PART_VIDEO, take_url_of },
    { "input_audio", INPUT_AUDIO, AIGW_PART_AUDIO, read_audio },
    { "file", FILE_MEMBER, AIGW_PART_DOCUMENT, read_file },
    /* the Responses API has no objects in its parts: they say it themselves */
    { "input_image", MEMBERS, AIGW_PART_IMAGE, read_flat_image },
    { "input_file", MEMBERS, AIGW_PART_DOCUMENT, read_file },
};

static const struct kind *find_kind(const struct aigw_json *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (aigw_json_is_text(type, kinds[i].type))
            return &kinds[i];
    return NULL;
}

aigw_status openai_request_opaque(struct openai_reading *r, const struct aigw_json *value, struct openai_parts *parts)
{
    struct aigw_part *part = openai_add_part(r, parts, AIGW_PART_OPAQUE);

    if (!part)
        return AIGW_E_NOMEM;
    part->origin = r->request->dialect;
    return aigw_json_mend(value, &r->memory, &part->text);
}

static aigw_status read_text(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             uint32_t type, struct openai_parts *parts)
{
    struct aigw_part *part;

    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (value->type != AIGW_JSON_STRING)
        return openai_refuse_type(r, place, value, "a string");
    if (aigw_json_is_text(value, ""))
        return AIGW_OK;
    part = openai_add_part(r, parts, type);
    return part ? openai_take_long_text(r, place, value, &part->text) : AIGW_E_NOMEM;
}

static aigw_status read_part(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             struct openai_parts *parts)
{
    const uint64_t keep = (uint64_t)1 << CACHE_CONTROL | (uint64_t)1 << BREAKPOINT;
    const struct aigw_part *before = parts->last;
    const struct openai_place *inner;
    const struct kind *kind;
    struct aigw_json members[MEMBERS];
    struct aigw_part *part;
    bool has_others = openai_members(value, names, MEMBERS, members);
    aigw_status status;

    if (openai_is_null(&members[TYPE]))
        return openai_refuse_missing(r, OPENAI_AT(place, names[TYPE]));
    if (members[TYPE].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, OPENAI_AT(place, names[TYPE]), &members[TYPE], "a string");
    kind = find_kind(&members[TYPE]);
    if (!kind && openai_request_block(r, place, value, &members[TYPE], parts, &status)) {
        part = parts->last;
        if (status == AIGW_OK && openai_cache_mark(&members[CACHE_CONTROL], &part->cache_ttl_s))
            part->flags |= AIGW_PARTF_CACHE;
        return status;
    }
    if (!kind)
        return openai_request_opaque(r, value, parts);
    inner = OPENAI_AT(place, kind->member < MEMBERS ? names[kind->member] : "");
    if (kind->read) {
        part = openai_add_part(r, parts, kind->part);
        if (!part)
            return AIGW_E_NOMEM;
        status = kind->member < MEMBERS ? kind->read(r, inner, &members[kind->member], part)
                                        : kind->read(r, place, value, part);
    } else {
        status = read_text(r, inner, &members[kind->member], kind->part, parts);
    }
    part = parts->last;
    if (status != AIGW_OK || part == before)
        return status;
    if (openai_cache_mark(&members[CACHE_CONTROL], &part->cache_ttl_s) ||
        openai_cache_mark(&members[BREAKPOINT], &part->cache_ttl_s))
        part->flags |= AIGW_PARTF_CACHE;
    if (kind->part == AIGW_PART_TEXT && aigw_json_count(&members[ANNOTATIONS]) > 0) {
        part->origin = r->request->dialect; /* other vendors spell them in another way */
        status = openai_take_list(r, OPENAI_AT(place, names[ANNOTATIONS]), &members[ANNOTATIONS], &part->citations);
    }
    if (status == AIGW_OK && (has_others || (part->flags & AIGW_PARTF_CACHE)))
        status = openai_extra(r, value, names, MEMBERS, keep, &part->extra);
    return status;
}

aigw_status openai_request_content(struct openai_reading *r, const struct openai_place *place,
                                   const struct aigw_json *value, struct openai_parts *parts)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type == AIGW_JSON_STRING)
        return read_text(r, place, value, AIGW_PART_TEXT, parts);
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(r, place, value, "a string or a list of parts");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++) {
        const struct openai_place *inner = OPENAI_ITEM(place, i);

        status = openai_count_piece(r, inner);
        if (status != AIGW_OK)
            return status;
        if (item.type == AIGW_JSON_STRING)
            status = read_text(r, inner, &item, AIGW_PART_TEXT, parts);
        else if (item.type == AIGW_JSON_OBJECT)
            status = read_part(r, inner, &item, parts);
        else
            status = openai_refuse_type(r, inner, &item, "an object");
    }
    return status;
}

/* ---- tool calls ---- */

/* Google's server of this dialect, and what stands in front of it, gives calls no ids. */
static aigw_str id_of(struct openai_reading *r, uint32_t number)
{
    return wire_str(r->host->format(r->ctx, AIGW_LIFE_BUILD, "call_unnamed_%u", number));
}

aigw_str openai_request_make_id(struct openai_reading *r)
{
    return id_of(r, ++r->made_ids);
}

aigw_str openai_request_next_id(struct openai_reading *r)
{
    return r->answered < r->made_ids ? id_of(r, ++r->answered) : AIGW_STR_NONE;
}

aigw_status openai_request_call_body(struct openai_reading *r, const struct openai_place *place,
                                     const struct aigw_json *value, const char *text_name, struct aigw_part *part)
{
    const char *const members[] = { "name", text_name };
    struct aigw_json found[2];
    aigw_status status;

    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    openai_note_members(r, value, members, 2, found);
    status = openai_take_text(r, OPENAI_AT(place, "name"), &found[0], &part->name);
    if (status == AIGW_OK && part->name.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "name"));
    if (status == AIGW_OK && found[1].type == AIGW_JSON_OBJECT && !(part->flags & AIGW_PARTF_FREE_TEXT))
        return aigw_json_mend(&found[1], &r->memory, &part->text); /* its text was meant */
    return status == AIGW_OK ? openai_take_long_text(r, OPENAI_AT(place, text_name), &found[1], &part->text) : status;
}

/* Google's own server of this dialect hands signatures out so, and wants them back. */
static aigw_status take_signature(struct openai_reading *r, const struct aigw_json *extra, struct aigw_part *part)
{
    struct aigw_json google, signature;

    aigw_json_member(extra, "google", &google);
    aigw_json_member(&google, "thought_signature", &signature);
    if (signature.type != AIGW_JSON_STRING)
        return AIGW_OK;
    part->origin = AIGW_STR(OPENAI_FROM_GEMINI);
    return aigw_json_text(&signature, &r->memory, &part->data);
}

static aigw_status read_call(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             struct openai_parts *parts)
{
    enum { ID, CALL_TYPE, FUNCTION, CUSTOM, INDEX, EXTRA_CONTENT, COUNT };
    static const char *const members[] = { "id", "type", "function", "custom", "index", "extra_content" };
    struct aigw_json found[COUNT];
    struct aigw_part *part;
    bool is_custom, has_others;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    has_others = openai_members(value, members, COUNT, found);
    part = openai_add_part(r, parts, AIGW_PART_TOOL_CALL);
    if (!part)
        return AIGW_E_NOMEM;
    status = openai_take_text(r, OPENAI_AT(place, "id"), &found[ID], &part->id);
    if (status == AIGW_OK && part->id.len == 0)
        part->id = openai_request_make_id(r);
    if (status != AIGW_OK || part->id.len == 0)
        return status == AIGW_OK ? AIGW_E_NOMEM : status;
    is_custom =
        aigw_json_is_text(&found[CALL_TYPE], "custom") ||
        (openai_is_null(&found[CALL_TYPE]) && openai_is_null(&found[FUNCTION]) && !openai_is_null(&found[CUSTOM]));
    if (!is_custom && !openai_is_null(&found[CALL_TYPE]) && !aigw_json_is_text(&found[CALL_TYPE], "function"))
        return openai_refuse(r, OPENAI_AT(place, "type"), "invalid_value", "must be function or custom");
    if (is_custom)
        part->flags |= AIGW_PARTF_FREE_TEXT;
    status = is_custom ? openai_request_call_body(r, OPENAI_AT(place, "custom"), &found[CUSTOM], "input", part)
                       : openai_request_call_body(r, OPENAI_AT(place, "function"), &found[FUNCTION], "arguments", part);
    if (status == AIGW_OK)
        status = take_signature(r, &found[EXTRA_CONTENT], part);
    if (status == AIGW_OK && (has_others || !openai_is_null(&found[EXTRA_CONTENT])))
        status = openai_extra(r, value, members, COUNT, (uint64_t)1 << EXTRA_CONTENT, &part->extra);
    return status;
}

aigw_status openai_request_calls(struct openai_reading *r, const struct openai_place *place,
                                 const struct aigw_json *value, struct openai_parts *parts)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(r, place, value, "a list of tool calls");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++) {
        status = openai_count_piece(r, OPENAI_ITEM(place, i));
        if (status == AIGW_OK)
            status = read_call(r, OPENAI_ITEM(place, i), &item, parts);
    }
    return status;
}
