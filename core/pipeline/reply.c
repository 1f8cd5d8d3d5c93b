/* reply.c - the answer of a request on its way to the listener, with what the core adds to its head. */
#include "pipeline/request.h"

#define HEADERS_MAX 24u /* of an answer, ours among them */

aigw_str gw_request_target(struct gw_request *request)
{
    const struct gw_call_stats *stats = request->calls ? gw_call_stats(request->calls->call) : NULL;

    if (!stats || !stats->provider)
        return AIGW_STR_NONE;
    const aigw_str parts[] = { gw_str(stats->provider), AIGW_STR("/"), stats->sent_model };
    return gw_arena_join(&request->ex->arena, parts, GW_ARRAY_LEN(parts));
}

/* As a header's value: callers' model names may have anything in them. */
static aigw_str clean_target(struct gw_request *request)
{
    aigw_str text = gw_request_target(request);
    char *bytes = (char *)(uintptr_t)text.ptr; /* ours, in the arena */

    for (size_t i = 0; i < text.len; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            bytes[i] = '?';
    return text;
}

/* What the core adds to an answer: the methods that its path has, or with server.route_header who served it, when that
 * is known by now. */
static struct gw_http_header our_header(struct gw_request *request, int status)
{
    struct gw_http_header none = { AIGW_STR_NONE, AIGW_STR_NONE };

    if (status == 405 && request->allow)
        return (struct gw_http_header){ AIGW_STR("allow"), gw_str(request->allow) };
    if (!request->snapshot->settings.server.route_header || !request->calls ||
        !gw_call_is_settled(request->calls->call))
        return none;
    return (struct gw_http_header){ AIGW_STR("x-aigw-target"), clean_target(request) };
}

/* room: for HEADERS_MAX. */
static const struct gw_http_header *with_ours(struct gw_request *request, int status,
                                              const struct gw_http_header *headers, size_t *count,
                                              struct gw_http_header *room)
{
    struct gw_http_header ours = our_header(request, status);

    if (ours.value.len == 0 || *count >= HEADERS_MAX)
        return headers;
    for (size_t i = 0; i < *count; i++)
        room[i] = headers[i];
    room[(*count)++] = ours;
    return room;
}

bool gw_request_reply(struct gw_request *request, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count)
{
    struct gw_http_header room[HEADERS_MAX];

    if (request->answer != GW_ANSWER_NONE || gw_http_is_answered(request->ex))
        return false;
    if (request->state < GW_REQUEST_ANSWERING)
        gw_request_move(request, GW_REQUEST_ANSWER);
    request->answer = GW_ANSWER_WHOLE;
    gw_access_answered(request, status);
    headers = with_ours(request, status, headers, &header_count, room);
    return gw_http_reply(request->ex, status, content_type, body, headers, header_count);
}

bool gw_request_stream_begin(struct gw_request *request, int status, const char *content_type,
                             const struct gw_http_header *headers, size_t header_count)
{
    struct gw_http_header room[HEADERS_MAX];

    if (request->answer != GW_ANSWER_NONE || gw_http_is_answered(request->ex))
        return false;
    gw_request_move(request, GW_REQUEST_ANSWER);
    request->answer = GW_ANSWER_STREAM;
    gw_access_answered(request, status);
    headers = with_ours(request, status, headers, &header_count, room);
    return gw_http_stream_begin(request->ex, status, content_type, headers, header_count);
}

void gw_request_stream_end(struct gw_request *request)
{
    request->answer = GW_ANSWER_WHOLE;
    gw_http_stream_end(request->ex);
}

void gw_request_abort(struct gw_request *request)
{
    request->answer = GW_ANSWER_CUT;
    gw_http_abort(request->ex);
}
