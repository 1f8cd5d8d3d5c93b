/* said.c - see said.h. */
#include "said.h"

void said_event(const struct said *said, struct aigw_event *ret)
{
    *ret = (struct aigw_event){ .struct_size = sizeof *ret,
                                .type = said->type,
                                .index = said->index,
                                .part_type = said->part_type,
                                .finish = said->finish,
                                .text = wire_str(said->text ? said->text : ""),
                                .id = wire_str(said->id ? said->id : ""),
                                .name = wire_str(said->name ? said->name : ""),
                                .data = wire_str(said->data ? said->data : ""),
                                .origin = wire_str(said->origin ? said->origin : ""),
                                .stop_sequence = wire_str(said->stop ? said->stop : ""),
                                .detail = wire_str(said->detail ? said->detail : ""),
                                .usage = said->type == AIGW_EVENT_USAGE ? &said->usage : NULL };
}
