/* write.c - see write.h. */
#include "write.h"

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
