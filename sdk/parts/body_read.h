/* body_read.h - what the files of the body reader share. Internal to aigw_parts. */
#ifndef AIGW_PARTS_BODY_READ_H
#define AIGW_PARTS_BODY_READ_H

#include <aigw/body.h>

#include "scan.h"

/** Where a member stands, and what is kept for reading it when the same row comes again in the next item of a list.
 * Each row has one; the value of rows with one name is in the first's. One more is for the tag. */
struct slot {
    struct aigw_json value;
    aigw_str text;        /* STRING: what it reads as, or absent when that is to be found out yet */
    size_t count;         /* LIST, MAP: entries */
    struct slot *members; /* OBJECT: of its table's rows. LIST: one, for the item that is read */
    void *spare;          /* what is judged but not kept: an item of a list, a value that has no field */
    bool has_members;     /* OBJECT: they were noted when the text was checked */
};

/** So many, all absent. NULL after body->status was set. */
struct slot *aigw_body_slots(struct aigw_body *body, size_t count);
/** Check an object, s->at is at its brace, and note its members in the slots of the table's rows. False after an error,
 * of the text or of memory. */
bool aigw_body_note(struct aigw_body *body, struct scan *s, const struct aigw_body_table *table, struct slot *slots,
                    uint32_t depth, struct aigw_json *ret);
/** A way through a container in a text that was checked: no error can come of it but of memory. */
struct scan aigw_body_scan_again(const struct aigw_body *body, const struct aigw_json *value);
/** The next value there into the slot, and the members of an object that has a table. */
bool aigw_body_note_value(struct aigw_body *body, struct scan *s, const struct aigw_body_field *field,
                          struct slot *slot);

/** Go into a member, an item or a variant, and out again. */
void aigw_body_enter(struct aigw_body *body, aigw_str name, bool is_tag);
void aigw_body_enter_index(struct aigw_body *body, int64_t index, bool is_tag);
void aigw_body_leave(struct aigw_body *body);

/** Memory of the reading; NULL after body->status was set. */
void *aigw_body_get(struct aigw_body *body, size_t len);

/** Report that a required member is not there; that a tag is none of the table's. */
void aigw_body_missing(struct aigw_body *body, const struct aigw_body_field *field);
void aigw_body_bad_tag(struct aigw_body *body, const struct aigw_body_table *table, aigw_str shown);

/** A value of a STRING, INT, BOOL, NUMBER or ANY row into its field; `text` is what a string reads as, if that is
 * known. False after a fault, or without memory. */
bool aigw_body_scalar(struct aigw_body *body, const struct aigw_body_field *field, const struct aigw_json *value,
                      aigw_str text, void *ret);
/** Write the default value of a row, if it has one. */
void aigw_body_default(const struct aigw_body_field *field, void *ret);

/** True when the tag, as it was sent, is the index-th of the table's. */
bool aigw_body_is_tag(const struct aigw_body_table *table, const struct aigw_json *tag, size_t index);

/** Rows from `at` on that have the same name. */
static inline uint32_t aigw_body_group(const struct aigw_body_table *table, uint32_t at)
{
    const char *name = table->fields[at].name;
    uint32_t count = 1;

    while (at + count < table->field_count && table->fields[at + count].name[0] == name[0] &&
           __builtin_strcmp(table->fields[at + count].name, name) == 0)
        count++;
    return count;
}

#endif
