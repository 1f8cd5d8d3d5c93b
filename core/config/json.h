/* json.h - JSON that came from outside, read strictly. */
#ifndef GW_JSON_H
#define GW_JSON_H

#include "base/base.h"

struct json_object;

#define GW_JSON_UNIQUE 0x1u /* refuse a name that appears twice in one object; otherwise the last one counts */

/** One JSON text as RFC 8259 has it: one value and nothing after it, valid UTF-8, at most `depth` objects and lists
 *  within each other. NULL with what is wrong and at which byte, also for a bare null. json_object_put() the result. */
struct json_object *gw_json_read(aigw_str text, unsigned depth, uint32_t flags, struct gw_err *reterr);

/** Is it a text that gw_json_read() would take, and an object? Cheaper: nothing is made of it. */
bool gw_json_is_object(aigw_str text, unsigned depth);

#endif
