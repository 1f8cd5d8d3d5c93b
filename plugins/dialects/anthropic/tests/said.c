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

const struct anthropic_write_options said_options[2] = {
    { .id = AIGW_STR_INIT("msg_1"), .model = AIGW_STR_INIT("coder"), .is_stream = false },
    { .id = AIGW_STR_INIT("msg_1"), .model = AIGW_STR_INIT("coder"), .is_stream = true },
};

/* The events of a row as an answer. */
aigw_status said_write(struct host *host, const struct said *said, const struct anthropic_write_options *options,
                       aigw_str *ret_text)
{
    struct aigw_buf *buf = test_host.buf_new(host_ctx(host), AIGW_LIFE_REQUEST, SIZE_MAX);
    struct anthropic_writer writer;
    aigw_status status = AIGW_OK;
    struct aigw_event event;

    anthropic_write_begin(&writer, &test_host, host_ctx(host), options);
    for (; said->type != 0 && status == AIGW_OK; said++) {
        said_event(said, &event);
        status = anthropic_write_event(&writer, buf, &event);
    }
    if (status == AIGW_OK)
        status = anthropic_write_end(&writer, buf);
    return status == AIGW_OK ? test_host.buf_view(buf, ret_text) : status;
}
