/* edge_http.c - the client side of the core (core/http/http.h) for tests: an exchange whose request the test made and
 * whose answer is kept. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static struct aigw_testhost *of_exchange(const struct gw_exchange *ex)
{
    return ((const struct testhost_exchange *)(const void *)ex)->th;
}

aigw_str gw_http_request_header(const struct gw_exchange *ex, const char *name)
{
    return testhost_line_value(of_exchange(ex)->headers, name, ':');
}

void gw_http_head_done(struct gw_exchange *ex, int decision)
{
    (void)ex, (void)decision; /* nothing here answers GW_HEAD_WAIT */
}

void gw_http_free_body(struct gw_exchange *ex)
{
    free((char *)(uintptr_t)ex->body.ptr);
    ex->body = AIGW_STR_NONE;
}

static bool begin(struct gw_exchange *ex, uint32_t state, int status, const char *content_type,
                  const struct gw_http_header *headers, size_t header_count)
{
    struct aigw_testhost *th = of_exchange(ex);

    if (th->answer.state != AIGW_ANSWER_NONE || ex->is_gone)
        return false;
    for (size_t i = 0; i < header_count; i++)
        gw_buf_printf(&th->answer_headers, "%.*s: %.*s\n", AIGW_STR_ARG(headers[i].name),
                      AIGW_STR_ARG(headers[i].value));
    th->answer = (struct aigw_testhost_answer){ .state = state,
                                                .status = (uint32_t)status,
                                                .is_stream = state == AIGW_ANSWER_OPEN,
                                                .content_type = testhost_keep_answer(th, content_type) };
    ex->status = status;
    return true;
}

bool gw_http_reply(struct gw_exchange *ex, int status, const char *content_type, aigw_str body,
                   const struct gw_http_header *headers, size_t header_count)
{
    if (!begin(ex, AIGW_ANSWER_COMPLETE, status, content_type, headers, header_count))
        return false;
    gw_buf_put_str(&of_exchange(ex)->body, body);
    return true;
}

bool gw_http_is_answered(const struct gw_exchange *ex)
{
    return of_exchange(ex)->answer.state != AIGW_ANSWER_NONE;
}

bool gw_http_stream_begin(struct gw_exchange *ex, int status, const char *content_type,
                          const struct gw_http_header *headers, size_t header_count)
{
    return begin(ex, AIGW_ANSWER_OPEN, status, content_type, headers, header_count);
}

/* The client has left: the pipeline hears of it from the loop. */
static void tell_gone(struct gw_task *task)
{
    struct testhost_exchange *ex = GW_CONTAINER_OF(task, struct testhost_exchange, leave);

    ex->base.is_gone = true;
    ex->th->worker.handler.on_gone(ex->th->worker.handler.user, &ex->base);
}

int gw_http_stream_write(struct gw_exchange *ex, aigw_str bytes)
{
    struct aigw_testhost *th = of_exchange(ex);

    if (th->leave_after > 0 && th->answer.write_count >= th->leave_after)
        return GW_WRITE_GONE;
    if (bytes.len > GW_HTTP_ANSWER_MAX)
        return GW_WRITE_LIMIT;
    th->answer.write_count++;
    gw_buf_put_str(&th->body, bytes);
    if (th->answer.write_count == th->leave_after) {
        th->exchange.leave.run = tell_gone;
        gw_loop_defer(th->loop, &th->exchange.leave);
    }
    return GW_WRITE_OK;
}

int gw_http_stream_state(const struct gw_exchange *ex)
{
    const struct aigw_testhost *th = of_exchange(ex);

    return th->leave_after > 0 && th->answer.write_count >= th->leave_after ? GW_WRITE_GONE : GW_WRITE_OK;
}

void gw_http_stream_end(struct gw_exchange *ex)
{
    of_exchange(ex)->answer.state = AIGW_ANSWER_COMPLETE;
}

void gw_http_abort(struct gw_exchange *ex)
{
    of_exchange(ex)->answer.state = AIGW_ANSWER_ABORTED;
    ex->did_abort = true;
}
