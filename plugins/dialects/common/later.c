/* later.c - see later.h. */
#include "later.h"

#define LEAST_LEN 256 /* undoing the escapes of a shorter one costs no more than noting it */

aigw_status wire_later_text(struct wire_later **list, const struct aigw_json *value, struct aigw_memory *memory,
                            aigw_str *ret)
{
    size_t room = value->text.len >= LEAST_LEN ? aigw_json_room(value) : 0;
    struct wire_later *later;

    if (value->type != AIGW_JSON_STRING || room == 0)
        return aigw_json_text(value, memory, ret);
    later = aigw_memory_get(memory, sizeof *later + room);
    if (!later)
        return aigw_memory_status(memory, sizeof *later + room);
    later->next = *list;
    later->value = *value;
    later->at = ret;
    *list = later;
    *ret = value->text;
    return AIGW_OK;
}

void wire_later_read(struct wire_later **list)
{
    for (; *list; *list = (*list)->next)
        *(*list)->at = aigw_json_text_in(&(*list)->value, (*list)->room);
}
