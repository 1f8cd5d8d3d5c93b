/* later.c - see later.h. */
#include "later.h"

#define LEAST_LEN 256 /* undoing the escapes of a shorter one costs no more than noting it */

aigw_status wire_later_text(struct wire_laters *laters, const struct aigw_json *value, struct aigw_memory *memory,
                            aigw_str *ret)
{
    size_t room_len = value->text.len >= LEAST_LEN ? aigw_json_room(value) : 0;
    struct wire_later *later;

    if (value->type != AIGW_JSON_STRING || room_len == 0)
        return aigw_json_text(value, memory, ret);
    later = aigw_memory_get(memory, sizeof *later);
    if (!later)
        return aigw_memory_status(memory, sizeof *later);
    *later = (struct wire_later){ .next = laters->first, .value = *value, .at = ret };
    laters->first = later;
    laters->room_len += room_len;
    *ret = value->text;
    return AIGW_OK;
}

aigw_status wire_later_room(struct wire_laters *laters, struct aigw_memory *memory)
{
    if (!laters->first)
        return AIGW_OK;
    laters->room = aigw_memory_get(memory, laters->room_len);
    return laters->room ? AIGW_OK : aigw_memory_status(memory, laters->room_len);
}

void wire_later_read(struct wire_laters *laters)
{
    char *room = laters->room;

    for (const struct wire_later *later = laters->first; room && later; later = later->next) {
        *later->at = aigw_json_text_in(&later->value, room);
        room += later->at->len;
    }
    *laters = (struct wire_laters){ .first = NULL };
}
