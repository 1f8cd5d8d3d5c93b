/* later.h - texts of a client's body whose escapes are undone when somebody wants to read them.
 *
 * A body is judged before it is known whether a server of the same dialect will get it as it is. Then nobody reads its
 * texts, and undoing the escapes of a long conversation costs as much as judging it. */
#ifndef COMMON_LATER_H
#define COMMON_LATER_H

#include <aigw/json.h>

/** One of them. */
struct wire_later {
    struct wire_later *next;
    struct aigw_json value;
    aigw_str *at; /* whose text it is */
};

/** All of one body. Zeroed there are none. */
struct wire_laters {
    struct wire_later *first;
    char *room;      /* for what they read as; NULL until wire_later_room() */
    size_t room_len; /* that it needs */
};

/** aigw_json_text(), but a long text with escapes is noted: until wire_later_read() *ret is not empty, and nothing else
 *  may be said of it. ret must not move. */
aigw_status wire_later_text(struct wire_laters *laters, const struct aigw_json *value, struct aigw_memory *memory,
                            aigw_str *ret);
/** Once all are noted: take the memory for them, which so lives as long as what else is read of the body. */
aigw_status wire_later_room(struct wire_laters *laters, struct aigw_memory *memory);
/** Every text is what it reads as; there are none then. Without room none is touched: the body was refused. */
void wire_later_read(struct wire_laters *laters);

#endif
