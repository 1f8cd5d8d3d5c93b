/* request_media.c - images, documents, video and audio: bytes as base64, or a place in S3. There is no other way: the
 * API fetches nothing by URL. Formats are named, not by their media types. */
#include "converse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN  200u
#define NAME_NUMBERED 190u /* room for a number behind it */

/** How a media type, or the ending of a file's name, is called here. */
struct format {
    uint32_t part;
    const char *media_type, *ending, *name;
};

static const struct format formats[] = {
    { AIGW_PART_IMAGE, "image/png", "png", "png" },
    { AIGW_PART_IMAGE, "image/jpeg", "jpg", "jpeg" },
    { AIGW_PART_IMAGE, "image/jpg", "jpeg", "jpeg" },
    { AIGW_PART_IMAGE, "image/gif", "gif", "gif" },
    { AIGW_PART_IMAGE, "image/webp", "webp", "webp" },
    { AIGW_PART_DOCUMENT, "application/pdf", "pdf", "pdf" },
    { AIGW_PART_DOCUMENT, "text/csv", "csv", "csv" },
    { AIGW_PART_DOCUMENT, "application/msword", "doc", "doc" },
    { AIGW_PART_DOCUMENT, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "docx" },
    { AIGW_PART_DOCUMENT, "application/vnd.ms-excel", "xls", "xls" },
    { AIGW_PART_DOCUMENT, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", "xlsx" },
    { AIGW_PART_DOCUMENT, "text/html", "html", "html" },
    { AIGW_PART_DOCUMENT, "text/markdown", "md", "md" },
    { AIGW_PART_DOCUMENT, "text/", "txt", "txt" }, /* all other text */
    { AIGW_PART_DOCUMENT, "application/json", "json", "txt" },
    { AIGW_PART_VIDEO, "video/x-matroska", "mkv", "mkv" },
    { AIGW_PART_VIDEO, "video/quicktime", "mov", "mov" },
    { AIGW_PART_VIDEO, "video/mp4", "mp4", "mp4" },
    { AIGW_PART_VIDEO, "video/webm", "webm", "webm" },
    { AIGW_PART_VIDEO, "video/x-flv", "flv", "flv" },
    { AIGW_PART_VIDEO, "video/mpeg", "mpeg", "mpeg" },
    { AIGW_PART_VIDEO, "video/x-ms-wmv", "wmv", "wmv" },
    { AIGW_PART_VIDEO, "video/3gpp", "3gp", "three_gp" },
    { AIGW_PART_AUDIO, "audio/wav", "wav", "wav" },
    { AIGW_PART_AUDIO, "audio/x-wav", "wave", "wav" },
    { AIGW_PART_AUDIO, "audio/mpeg", "mp3", "mp3" },
    { AIGW_PART_AUDIO, "audio/mp3", "mpga", "mp3" },
    { AIGW_PART_AUDIO, "audio/ogg", "ogg", "ogg" },
    { AIGW_PART_AUDIO, "audio/opus", "opus", "opus" },
    { AIGW_PART_AUDIO, "audio/flac", "flac", "flac" },
    { AIGW_PART_AUDIO, "audio/aac", "aac", "aac" },
    { AIGW_PART_AUDIO, "audio/mp4", "m4a", "m4a" },
    { AIGW_PART_AUDIO, "audio/webm", "weba", "webm" },
};

/* What comes behind the last dot, if that looks like the ending of a file's name. */
static aigw_str ending_of(aigw_str name)
{
    for (size_t i = name.len; i > 0 && name.len - i < 6; i--)
        if (name.ptr[i - 1] == '.')
            return i > 1 && i < name.len ? (aigw_str){ name.ptr + i, name.len - i } : AIGW_STR_NONE;
    return AIGW_STR_NONE;
}

static bool same_letters(aigw_str s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.ptr, text, s.len) == 0;
}

static const char *format_of(uint32_t part, aigw_str media_type, aigw_str name)
{
    aigw_str ending = ending_of(name);
    size_t plain = 0;

    while (plain < media_type.len && media_type.ptr[plain] != ';')
        plain++; /* "text/plain; charset=utf-8" */
    media_type.len = plain;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t len = strlen(formats[i].media_type);
        bool is_class = formats[i].media_type[len - 1] == '/';

        if (formats[i].part != part)
            continue;
        if (media_type.len > 0 ? (is_class ? media_type.len > len : media_type.len == len) &&
                                     strncasecmp(media_type.ptr, formats[i].media_type, len) == 0
                               : same_letters(ending, formats[i].ending))
            return formats[i].name;
    }
    return NULL;
}

/* ---- names of documents ---- */

#define NAMES_KNOWN 64u /* of later ones each is numbered: to look among thousands takes long */

struct converse_name {
    struct converse_name *next;
    size_t len;
    char text[NAME_MAX_LEN];
};

static bool is_used(const struct converse_out *out, const struct converse_name *name)
{
    for (const struct converse_name *at = out->names; at; at = at->next)
        if (at->len == name->len && memcmp(at->text, name->text, at->len) == 0)
            return true;
    return false;
}

/* Letters, digits, single blanks, hyphens, round and square brackets: the ending goes, all else becomes a blank. */
static void clean_name(aigw_str title, struct converse_name *ret_name)
{
    title.len -= ending_of(title).len > 0 ? ending_of(title).len + 1 : 0;
    ret_name->len = 0;
    for (size_t i = 0; i < title.len && ret_name->len < NAME_NUMBERED; i++) {
        char c = title.ptr[i];
        bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-()[]", c, 5);

        if (is_plain)
            ret_name->text[ret_name->len++] = c;
        else if (ret_name->len > 0 && ret_name->text[ret_name->len - 1] != ' ')
            ret_name->text[ret_name->len++] = ' ';
    }
    while (ret_name->len > 0 && ret_name->text[ret_name->len - 1] == ' ')
        ret_name->len--;
    if (ret_name->len == 0) {
        memcpy(ret_name->text, "document", 8);
        ret_name->len = 8;
    }
}

/* A name that no other document of the request has. */
static aigw_str name_document(struct converse_out *out, aigw_str title)
{
    struct converse_name *name = out->host->alloc(out->ctx, AIGW_LIFE_BUILD, sizeof *name);
    bool is_late = out->name_count >= NAMES_KNOWN;
    unsigned number = is_late ? out->last_number + 1 : 2;
    size_t len;

    if (!name)
        return AIGW_STR_NONE;
    clean_name(title, name);
    len = name->len;
    for (bool is_new = !is_late && !is_used(out, name); !is_new; number++) {
        char digits[12];
        size_t count = 0;

        for (unsigned n = number; n > 0; n /= 10)
            digits[count++] = (char)('0' + n % 10);
        name->len = len;
        name->text[name->len++] = ' ';
        while (count > 0 && name->len < NAME_MAX_LEN)
            name->text[name->len++] = digits[--count];
        is_new = !is_used(out, name);
        out->last_number = number > out->last_number ? number : out->last_number;
    }
    if (!is_late) {
        name->next = out->names;
        out->names = name;
        out->name_count++;
    }
    return (aigw_str){ name->text, name->len };
}

/* ---- blocks ---- */

static const char *kind_of(uint32_t part)
{
    return part == AIGW_PART_IMAGE      ? "image"
           : part == AIGW_PART_DOCUMENT ? "document"
           : part == AIGW_PART_VIDEO    ? "video"
                                        : "audio";
}

static aigw_status refuse(struct converse_out *out, const struct aigw_part *part, const char *why)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "%s: %s %s", kind_of(part->type), kind_of(part->type), why);
}

static aigw_status put_source(struct converse_out *out, const struct aigw_part *part, aigw_str data)
{
    wire_puts(out->body, ",\"source\":{");
    if (data.len > 0) {
        if (!wire_is_base64(data))
            return converse_invalid(out, "an attachment's data is not base64");
        wire_puts(out->body, "\"bytes\":\"");
        wire_put(out->body, data);
        wire_puts(out->body, "\"}");
    } else {
        wire_puts(out->body, "\"s3Location\":{\"uri\":");
        converse_put_text(out, part->url);
        wire_puts(out->body, "}}");
    }
    return AIGW_OK;
}

aigw_status converse_put_media(struct converse_out *out, const struct aigw_part *part)
{
    aigw_str type = part->media_type, data = part->data, name = part->title;
    bool has_data = data.len > 0 || wire_split_data_url(part->url, &type, &data);
    bool is_s3 = !has_data && wire_has_prefix(part->url, "s3://");
    const char *format;
    aigw_status status;

    if (part->type == AIGW_PART_AUDIO && !converse_takes(out, CONVERSE_AUDIO))
        return converse_model_lacks(out, "audio");
    if (!has_data && !is_s3)
        return refuse(out, part,
                      part->url.len > 0 ? "URLs are not accepted by this model, send base64"
                                        : "parts need base64 data here: the API knows no files by id");
    format = format_of(part->type, type, name.len > 0 ? name : part->url);
    if (!format)
        return refuse(out, part, "parts of this media type are not accepted by Bedrock's Converse API");
    wire_puts(out->body, "{\"");
    wire_puts(out->body, kind_of(part->type));
    wire_puts(out->body, "\":{\"format\":\"");
    wire_puts(out->body, format);
    wire_puts(out->body, "\"");
    if (part->type == AIGW_PART_DOCUMENT) {
        wire_puts(out->body, ",\"name\":");
        converse_put_text(out, name_document(out, name));
    }
    status = put_source(out, part, data);
    wire_puts(out->body, "}}");
    return status;
}
