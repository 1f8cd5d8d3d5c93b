/* body_fault.c - where the reading is and what was wrong there. */
#include <aigw/body.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "body_read.h"
#include "print.h"

#define NAME_MAX_SHOWN 64u /* bytes of a map's name, which the sender chose, in a location */
#define TAG_MAX_SHOWN  32u

/* ---- places ---- */

void aigw_body_enter(struct aigw_body *b, aigw_str name, bool is_tag)
{
    if (b->place_count < AIGW_BODY_PLACES) {
        b->places[b->place_count].name = name;
        b->places[b->place_count].is_tag = is_tag;
    }
    b->place_count++;
}

void aigw_body_enter_index(struct aigw_body *b, int64_t index, bool is_tag)
{
    if (b->place_count < AIGW_BODY_PLACES)
        b->places[b->place_count].index = index;
    aigw_body_enter(b, AIGW_STR_NONE, is_tag);
}

void aigw_body_leave(struct aigw_body *b)
{
    b->place_count--;
}

/** What is to be printed: the place, at its member `name` when not NULL. */
struct place {
    const struct aigw_body *body;
    const char *name;
};

static aigw_str shorten(aigw_str text, size_t max)
{
    if (text.len > max)
        for (text.len = max; text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80;)
            text.len--;
    return text;
}

static uint32_t places_of(const struct aigw_body *b)
{
    return b->place_count < AIGW_BODY_PLACES ? b->place_count : AIGW_BODY_PLACES;
}

static void print_loc(struct print *out, const void *what)
{
    const struct place *place = what;

    aigw_print(out, "[\"body\"");
    for (uint32_t i = 0; i < places_of(place->body); i++) {
        aigw_print(out, ",");
        if (place->body->places[i].name.ptr)
            aigw_print_string(out, shorten(place->body->places[i].name, NAME_MAX_SHOWN));
        else
            aigw_print_int(out, place->body->places[i].index);
    }
    if (place->name) {
        aigw_print(out, ",");
        aigw_print_string(out, (aigw_str){ place->name, strlen(place->name) });
    }
    aigw_print(out, "]");
}

static void print_path(struct print *out, const void *what)
{
    const struct place *place = what;

    for (uint32_t i = 0; i < places_of(place->body); i++) {
        aigw_str name = shorten(place->body->places[i].name, NAME_MAX_SHOWN);

        if (place->body->places[i].is_tag)
            continue;
        if (out->len > 0)
            aigw_print(out, ".");
        if (name.ptr)
            aigw_print_bytes(out, name.ptr, name.len);
        else
            aigw_print_int(out, place->body->places[i].index);
    }
    if (place->name) {
        if (out->len > 0)
            aigw_print(out, ".");
        aigw_print(out, place->name);
    }
}

static void print_text(struct print *out, const void *what)
{
    aigw_print(out, what);
}

/* A text that was cut to its room ends in a whole character. */
static void end_whole(char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < 3 && !aigw_utf8_is_valid((aigw_str){ text, len }); i++)
        text[--len] = '\0';
}

/* ---- faults ---- */

void aigw_body_report(struct aigw_body *b, const char *name, const char *type, const char *fmt, ...)
{
    struct place place = { b, name };
    struct aigw_body_fault *fault;
    char msg[512];
    va_list args;

    if (b->fault_count++ >= AIGW_BODY_FAULTS || b->status < 0)
        return;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    end_whole(msg);
    fault = aigw_body_get(b, sizeof *fault);
    if (!fault)
        return;
    memset(fault, 0, sizeof *fault);
    fault->type = type;
    if (b->field && (!name || (b->field->name && strcmp(b->field->name, name) == 0)))
        fault->field = b->field;
    b->status = aigw_print_all(print_loc, &place, b->memory, &fault->loc);
    if (b->status == AIGW_OK)
        b->status = aigw_print_all(print_path, &place, b->memory, &fault->path);
    if (b->status == AIGW_OK)
        b->status = aigw_print_all(print_text, msg, b->memory, &fault->msg);
    if (b->last_fault)
        b->last_fault->next = fault;
    else
        b->faults = fault;
    b->last_fault = fault;
}

void aigw_body_missing(struct aigw_body *b, const struct aigw_body_field *field)
{
    const struct aigw_body_field *outer = b->field;

    b->field = field;
    aigw_body_report(b, field->name, "missing", "Field required");
    b->field = outer;
}

void aigw_body_bad_tag(struct aigw_body *b, const struct aigw_body_table *table, aigw_str shown)
{
    char tags[256] = "";
    size_t len = 0;

    for (size_t i = 0;; i++) {
        aigw_str tag = aigw_print_word(table->tags, i);
        const char *quote = table->tag_is_number ? "" : "'";

        if (!tag.ptr || len >= sizeof tags)
            break;
        len += (size_t)snprintf(tags + len, sizeof tags - len, "%s%s%.*s%s", i ? ", " : "", quote, AIGW_STR_ARG(tag),
                                quote);
    }
    shown = shorten(shown, TAG_MAX_SHOWN);
    aigw_body_report(b, NULL, "union_tag_invalid",
                     "Input tag '%.*s' found using '%s' does not match any of the expected tags: %s",
                     AIGW_STR_ARG(shown), table->tag, tags);
}

static void print_faults(struct print *out, const void *what)
{
    const struct aigw_body *b = what;

    aigw_print(out, "[");
    for (const struct aigw_body_fault *fault = b->faults; fault; fault = fault->next) {
        aigw_print(out, fault == b->faults ? "{\"type\":\"" : ",{\"type\":\"");
        aigw_print(out, fault->type);
        aigw_print(out, "\",\"loc\":");
        aigw_print_bytes(out, fault->loc.ptr, fault->loc.len);
        aigw_print(out, ",\"msg\":");
        aigw_print_string(out, fault->msg);
        aigw_print(out, "}");
    }
    aigw_print(out, "]");
}

aigw_status aigw_body_list_faults(struct aigw_body *body, aigw_str *ret_json)
{
    return aigw_print_all(print_faults, body, body->memory, ret_json);
}
