/* edge_upstream.c - the model server side of the core (core/upstream/upstream.h) for tests: the request is kept, the
 * answer is what the test says. Requests of credential() are answered at once, with the answers given for them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "upstream/upstream.h"

struct gw_transfer {
    struct aigw_testhost *th;
    struct gw_transfer_events events;
    const char *headers; /* of the answer: lines */
    struct gw_task answer;
    bool was_cancelled, is_busy;
};

/* What goes out, as the core fixed it; kept until the next call. */
static void keep_request(struct aigw_testhost *th, const struct gw_transfer_request *request)
{
    const char **headers = gw_arena_calloc(&th->sent_arena, (request->header_count + 1) * sizeof *headers);

    if (!headers)
        return;
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = gw_arena_printf(&th->sent_arena, "%s", request->headers[i]);
    th->http = (struct aigw_http_request){ .struct_size = sizeof th->http,
                                           .framing = th->http.framing,
                                           .method = gw_arena_printf(&th->sent_arena, "%s", request->method),
                                           .url = gw_arena_printf(&th->sent_arena, "%s", request->url),
                                           .headers = headers,
                                           .header_count = (uint32_t)request->header_count,
                                           .body = gw_arena_str(&th->sent_arena, request->body) };
}

static void note_step(struct aigw_testhost *th, const struct gw_transfer_request *request)
{
    gw_buf_printf(&th->notes, "credential %s: %s %s\n", th->fetching, request->method, request->url);
    for (size_t i = 0; i < request->header_count; i++)
        gw_buf_printf(&th->notes, "credential %s: %s\n", th->fetching, request->headers[i]);
    if (request->body.len > 0)
        gw_buf_printf(&th->notes, "credential %s: body %.*s\n", th->fetching, AIGW_STR_ARG(request->body));
}

static void end(struct gw_transfer *transfer, int kind, int status, const char *message)
{
    const struct gw_transfer_result result = {
        .kind = kind, .status = status, .was_sent = true, .got_bytes = status > 0, .message = message
    };

    if (transfer->th->transfer == transfer)
        transfer->th->transfer = NULL;
    transfer->is_busy = true;
    transfer->events.on_done(transfer->events.user, transfer, &result);
    free(transfer);
}

/* The scripted answer to a request of credential(). */
static void answer_step(struct gw_task *task)
{
    struct gw_transfer *transfer = GW_CONTAINER_OF(task, struct gw_transfer, answer);
    struct aigw_testhost *th = transfer->th;
    struct testhost_server_answer *answer = th->credential_answers;

    if (!answer) {
        end(transfer, GW_UP_CONNECT, 0, "the test gives no answer to this request of credential()");
        return;
    }
    th->credential_answers = answer->next;
    if (transfer->events.on_head)
        transfer->events.on_head(transfer->events.user, transfer, answer->status);
    if (transfer->events.on_data && answer->body.len > 0)
        transfer->events.on_data(transfer->events.user, transfer, answer->body.ptr, answer->body.len);
    end(transfer, GW_UP_OK, answer->status, "");
}

struct gw_transfer *gw_transfer_start(struct gw_upstream *up, const struct gw_transfer_request *request,
                                      const struct gw_transfer_events *events, struct gw_err *reterr)
{
    struct aigw_testhost *th = (struct aigw_testhost *)(void *)up;
    struct gw_transfer *transfer = calloc(1, sizeof *transfer);

    if (!transfer) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        return NULL;
    }
    *transfer = (struct gw_transfer){ .th = th, .events = *events, .headers = "" };
    if (th->fetching) {
        note_step(th, request);
        transfer->answer.run = answer_step;
        gw_loop_defer(th->loop, &transfer->answer);
    } else {
        keep_request(th, request);
        th->transfer = transfer;
    }
    return transfer;
}

void gw_transfer_cancel(struct gw_transfer *transfer)
{
    struct aigw_testhost *th = transfer->th;

    gw_loop_undefer(th->loop, &transfer->answer);
    if (th->transfer == transfer)
        th->transfer = NULL;
    if (transfer->is_busy)
        transfer->was_cancelled = true; /* freed by whoever is at work on it */
    else
        free(transfer);
}

void gw_transfer_leave(struct gw_transfer *transfer)
{
    if (transfer)
        gw_transfer_cancel(transfer);
}

void gw_transfer_resume(struct gw_transfer *transfer)
{
    (void)transfer;
}

bool gw_transfer_was_sent(const struct gw_transfer *transfer)
{
    return transfer != NULL;
}

aigw_str gw_transfer_header(const struct gw_transfer *transfer, const char *name)
{
    return testhost_line_value(transfer->headers, name, ':');
}

/* ---- the server's side, played by the test ---- */

bool testhost_is_accepted(const struct aigw_testhost *th)
{
    return th->transfer && th->transfer->headers[0];
}

void testhost_server_head(struct aigw_testhost *th, int status, const char *headers)
{
    struct gw_transfer *transfer = th->transfer;

    if (!transfer)
        return;
    transfer->headers = headers;
    transfer->is_busy = true;
    transfer->events.on_head(transfer->events.user, transfer, status);
    transfer->is_busy = false;
    if (transfer->was_cancelled)
        free(transfer);
}

void testhost_server_data(struct aigw_testhost *th, const char *bytes, size_t len)
{
    struct gw_transfer *transfer = th->transfer;
    char *copy = malloc(len > 0 ? len : 1); /* of its exact size: reading beyond it is found */
    int verdict;

    if (!copy)
        abort();
    memcpy(copy, bytes, len);
    transfer->is_busy = true;
    verdict = transfer->events.on_data(transfer->events.user, transfer, copy, len);
    transfer->is_busy = false;
    free(copy);
    if (transfer->was_cancelled)
        free(transfer);
    else if (verdict == GW_UP_STOP)
        end(transfer, GW_UP_STOPPED, 200, "stopped");
}

void testhost_server_end(struct aigw_testhost *th, int status)
{
    if (th->transfer)
        end(th->transfer, GW_UP_OK, status, "");
}
