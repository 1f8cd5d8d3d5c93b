/* later.h - texts of a client's body whose escapes are undone when somebody wants to read them.
 *
 * A body is judged before it is known whether a server of the same dialect will get it as it is. Then nobody reads its
 * texts, and undoing the escapes of a long conversation costs as much as judging it. */
#ifndef COMMON_LATER_H
#define COMMON_LATER_H

#include <aigw/json.h>

/** One of them. Zero a pointer to begin a list. */
struct wire_later {
    struct wire_later *next;
    struct aigw_json value;
    aigw_str *at; /* whose text it is */
    char room[];
};

/** aigw_json_text(), but a long text with escapes goes to the list: until wire_later_read() *ret is not empty, and
 *  nothing else may be said of it. ret must not move. Memory for the text is taken at once, and so lives as long as
 *  what else the caller takes there. */
aigw_status wire_later_text(struct wire_later **list, const struct aigw_json *value, struct aigw_memory *memory,
                            aigw_str *ret);
/** Every text of the list is what it reads as; the list is empty then. */
void wire_later_read(struct wire_later **list);

#endif
