/* wire_jsonc.h - what is left of json-c in the dialects: dialects/anthropic reads and merges with it. Nothing new does.
 */
#ifndef DIALECT_WIRE_JSONC_H
#define DIALECT_WIRE_JSONC_H

#include "wire.h"

#include <json-c/json.h>

/** wire_members() of a parsed object: its members, but for keys already written and those in `reserved` (NULL-ended),
 * which go to `drops` (NULL: without a word). `members` must live until wire_end(). AIGW_E_LIMIT beyond WIRE_KEYS_MAX
 * keys. */
aigw_status wire_merge(struct wire_body *body, struct json_object *members, const char *const *reserved,
                       struct wire_drops *drops);
/** Parse an answer; NULL if malformed. Put with json_object_put(). */
struct json_object *wire_parse(aigw_str text);
/** Parse the value at the beginning of *rest, which must not be blank, and move *rest behind it. False if malformed. */
bool wire_parse_next(aigw_str *rest, struct json_object **ret_value);
/** Members of the wanted type, else NULL, an absent string or the default. obj may be NULL or of any type. */
struct json_object *wire_get(struct json_object *obj, const char *key, enum json_type type);
aigw_str wire_get_str(struct json_object *obj, const char *key);
int64_t wire_get_int(struct json_object *obj, const char *key, int64_t otherwise);
/** The member, whatever its type; NULL when absent or null. */
struct json_object *wire_member(struct json_object *obj, const char *key);
/** A member that must be text: false when it is of another type. Absent and null are the absent string. */
bool wire_text(struct json_object *obj, const char *key, aigw_str *ret_text);
/** Something is wrong, says this member: absent, null, false, 0 and "" say that nothing is. */
bool wire_is_set(struct json_object *value);
/** The value as JSON text; lives as long as the value. */
aigw_str wire_json(struct json_object *value);
aigw_str wire_value_str(struct json_object *value);

#endif
