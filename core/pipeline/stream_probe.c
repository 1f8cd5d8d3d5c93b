/* stream_probe.c - /monitoring/stream: ten small events, 100 ms apart, for whoever wants to know what a proxy in front
 * does to streams (`aigw doctor --stream`). ?quiet_s=N: one event, N seconds of silence, the end. No token is needed
 * and no model is asked; a worker serves four at a time. */
#include "pipeline/request.h"

#include <stdio.h>
#include <string.h>

#define EVENTS       10
#define EVENT_GAP_MS 100
#define AT_ONCE_MAX  4u /* of one worker */

struct stream_probe {
    struct gw_request *request;
    struct gw_worker *worker;
    struct aigw_timer *timer;
    int sent;
    int64_t quiet_ms; /* 0: ten events */
    int64_t begun_ms;
};

static void forget(void *arg)
{
    struct stream_probe *probe = arg;

    probe->worker->stream_probes--;
}

static void go_on(struct aigw_ctx *ctx, void *arg)
{
    struct stream_probe *probe = arg;
    bool is_last = probe->quiet_ms ? probe->sent == 1 : probe->sent == EVENTS;
    char event[96];
    int len;

    (void)ctx;
    if (is_last) {
        gw_http_stream_write(probe->request->ex, AIGW_STR("data: [DONE]\n\n"));
        gw_request_stream_end(probe->request);
        return;
    }
    len = snprintf(event, sizeof event, "data: {\"event\":%d,\"sent_ms\":%lld}\n\n", probe->sent++,
                   (long long)(gw_mono_ms() - probe->begun_ms));
    gw_http_stream_write(probe->request->ex, (aigw_str){ event, (size_t)len });
    if (gw_request_set_timer(probe->request, &probe->timer, probe->quiet_ms ? probe->quiet_ms : EVENT_GAP_MS, go_on,
                             probe) != AIGW_OK)
        gw_request_abort(probe->request);
}

/** Of the query, 0 when it does not ask for silence. */
static int64_t quiet_ms_of(aigw_str query)
{
    static const char name[] = "quiet_s=";
    const char *at = query.len ? memmem(query.ptr, query.len, name, sizeof name - 1) : NULL;
    aigw_str number = { at ? at + sizeof name - 1 : NULL, 0 };
    uint64_t seconds = 0;

    while (at && number.ptr + number.len < query.ptr + query.len && number.ptr[number.len] != '&')
        number.len++;
    if (!gw_str_to_u64(number, GW_STREAM_PROBE_QUIET_MAX_S, &seconds))
        return 0;
    return (int64_t)seconds * 1000;
}

void gw_answer_stream_probe(struct gw_request *request)
{
    static const struct gw_http_header later = { AIGW_STR_INIT("retry-after"), AIGW_STR_INIT("2") };
    static const struct gw_http_header fresh = { AIGW_STR_INIT("cache-control"), AIGW_STR_INIT("no-cache") };
    struct gw_arena *arena = &request->ex->arena;
    struct stream_probe *probe;

    if (request->ex->is_head) {
        gw_request_reply(request, 200, "text/event-stream", AIGW_STR_NONE, &fresh, 1);
        return;
    }
    probe = request->worker->stream_probes < AT_ONCE_MAX ? gw_arena_calloc(arena, sizeof *probe) : NULL;
    if (!probe) {
        gw_request_reply(request, 503, GW_JSON, AIGW_STR("{\"detail\":\"too many of these streams at once\"}"), &later,
                         1);
        return;
    }
    *probe = (struct stream_probe){ .request = request,
                                    .worker = request->worker,
                                    .quiet_ms = quiet_ms_of(request->ex->query),
                                    .begun_ms = gw_mono_ms() };
    probe->worker->stream_probes++;
    if (gw_arena_defer(arena, forget, probe) != AIGW_OK) {
        probe->worker->stream_probes--;
        gw_answer_detail(request, 500, "Internal Server Error");
        return;
    }
    gw_request_stream_begin(request, 200, "text/event-stream", &fresh, 1);
    go_on(&request->ctx, probe);
}
