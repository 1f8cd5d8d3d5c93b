/* json.h - the tree reader of the SDK (aigw/json.h) under its older names, for plugins that parse a second time with
 * json-c what pj_read() does not take. It takes only what json-c reads the same way: no odd escapes, no \u0000, no
 * integers beyond 64 bits.
 */
#ifndef PLUGIN_JSON_H
#define PLUGIN_JSON_H

#include <aigw/json.h>

#define pj        aigw_json_node
#define PJ_NULL   AIGW_JSON_NULL
#define PJ_BOOL   AIGW_JSON_BOOL
#define PJ_INT    AIGW_JSON_INT
#define PJ_DOUBLE AIGW_JSON_REAL
#define PJ_STRING AIGW_JSON_STRING
#define PJ_LIST   AIGW_JSON_LIST
#define PJ_OBJECT AIGW_JSON_OBJECT

/** A document: owns its values and unescaped strings; the text itself must outlive it. */
struct pj_document;

/** NULL when json-c should look at the text, or memory ran out. */
struct pj_document *pj_read(aigw_str text);
void pj_free(struct pj_document *document);
const struct pj *pj_root(const struct pj_document *document);

/** The member of an object; of several with the same name the last. NULL when absent or when `object` is none. */
static inline const struct pj *pj_member(const struct pj *object, const char *name)
{
    return aigw_json_node_member(object, name);
}

/** True for a value of that type; false for NULL. */
static inline bool pj_is(const struct pj *value, uint32_t type)
{
    return value && value->type == type;
}

/** The member, but only of the wanted type. */
static inline const struct pj *pj_member_of(const struct pj *object, const char *name, uint32_t type)
{
    const struct pj *found = pj_member(object, name);

    return pj_is(found, type) ? found : NULL;
}

#endif
