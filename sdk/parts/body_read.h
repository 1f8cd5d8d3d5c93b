/* body_read.h - what the files of the body reader share. Internal to aigw_parts. */
#ifndef AIGW_PARTS_BODY_READ_H
#define AIGW_PARTS_BODY_READ_H

#include <aigw/body.h>

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
