/* handed.c - what a provider hands over, looked at where it comes in: everything behind this may rely on it. */
#include <string.h>

#include "models/call.h"

#define HEADERS_MAX 64u
#define WAIT_MAX_MS INT64_C(315360000000) /* ten years: more than retry_after.c ever says */

#define AT(field) offsetof(struct aigw_event, field)

/* ---- the way to a provider and back ---- */

void gw_attempt_visit(struct gw_attempt *attempt, struct gw_visit *visit, enum gw_callback callback)
{
    gw_visit_begin(visit, attempt->ctx.meter, &attempt->ctx, callback);
}

aigw_status gw_attempt_visited(struct gw_attempt *attempt, struct gw_visit *visit, aigw_status status, aigw_status more)
{
    gw_visit_end(visit);
    return gw_ctx_status(&attempt->ctx, visit->callback, status, more);
}

/* ---- requests ---- */

static bool is_line(const char *line)
{
    const char *colon = gw_is_string(line) ? strchr(line, ':') : NULL;

    return colon && colon > line && gw_is_header_value(gw_str(line));
}

aigw_status gw_header_lines_check(struct aigw_ctx *ctx, const char *what, const char *const *lines, uint32_t count)
{
    if (count > HEADERS_MAX)
        return gw_ctx_breach(ctx, AIGW_E_LIMIT, GW_BREACH_SIZE, "%s: %u header lines, expected at most %u", what, count,
                             HEADERS_MAX);
    if (count && !lines)
        return gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_SIZE, "%s: %u header lines, but no table", what, count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_line(lines[i]))
            return gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_VALUE,
                                 "%s: header line %u is %s, expected \"Name: value\" without control characters", what,
                                 i, lines[i] ? "none" : "NULL");
    return AIGW_OK;
}

/* A request without url or method is none: whoever sends it says so. */
aigw_status gw_http_request_check(struct aigw_ctx *ctx, const struct aigw_http_request *http)
{
    if (http->framing < AIGW_FRAMING_BODY || http->framing > AIGW_FRAMING_LOCAL)
        return gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_VALUE, "the request's framing is %u, expected AIGW_FRAMING_*",
                             http->framing);
    if (!gw_is_text(http->body))
        return gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_SIZE, "the request's body is %s, %zu bytes",
                             http->body.ptr ? "too long" : "NULL with a length", http->body.len);
    if ((http->url && !gw_is_string(http->url)) || (http->method && strnlen(http->method, 17) > 16))
        return gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_SIZE, "the request's url or method does not end");
    return gw_header_lines_check(ctx, "the request", http->headers, http->header_count);
}

/* ---- errors ---- */

void gw_error_mend(struct aigw_ctx *ctx, struct aigw_error *error)
{
    if (error->kind == AIGW_ERR_NONE || error->kind > AIGW_ERR_UNSUPPORTED) {
        (void)gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_VALUE, "an error's kind is %u, expected AIGW_ERR_*",
                            error->kind);
        error->kind = AIGW_ERR_INTERNAL;
    }
    if (!gw_is_text(error->message) || !gw_is_text(error->code) || !gw_is_text(error->param)) {
        (void)gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_SIZE,
                            "an error's message, code or param is NULL with a length, or too long");
        error->message = AIGW_STR("the provider plugin gave no reason that can be read");
        error->code = AIGW_STR_NONE;
        error->param = AIGW_STR_NONE;
    }
    if (error->retry_after_ms < -1 || error->retry_after_ms > WAIT_MAX_MS) {
        (void)gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_VALUE, "an error's retry_after_ms is %lld",
                            (long long)error->retry_after_ms);
        error->retry_after_ms = -1;
    }
    if (error->http_status < 0 || error->http_status > 999) {
        (void)gw_ctx_breach(ctx, AIGW_E_STATE, GW_BREACH_VALUE, "an error's http_status is %d", error->http_status);
        error->http_status = 0;
    }
}

/* ---- events ---- */

#define VECTOR_MAX (1u << 20)
#define INDEX_MAX  (1u << 20)

static aigw_status check_all(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    static const size_t texts[] = { AT(text), AT(id),     AT(item_id),       AT(name),  AT(scope),
                                    AT(data), AT(origin), AT(stop_sequence), AT(detail) };

    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        const aigw_str *text = (const aigw_str *)(const void *)((const char *)event + texts[i]);

        if (!gw_is_text(*text))
            return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                                 "emit(): a text of event type %u is %s, %zu bytes", event->type,
                                 text->ptr ? "too long" : "NULL with a length", text->len);
    }
    if (event->vector_len > VECTOR_MAX || (event->vector_len && !event->vector))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "emit(): the vector has %u numbers%s",
                             event->vector_len, event->vector ? "" : ", but is NULL");
    if (event->choice > INDEX_MAX || event->index > INDEX_MAX)
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE,
                             "emit(): choice %u, index %u: expected small numbers", event->choice, event->index);
    if (event->type == AIGW_EVENT_FINISH && event->finish > AIGW_FINISH_MALFORMED)
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "emit(): finish is %u, expected AIGW_FINISH_*",
                             event->finish);
    if (event->type == AIGW_EVENT_USAGE && !event->usage)
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "emit(): USAGE without usage");
    return AIGW_OK;
}

/* Most events are a text and nothing else. */
static bool is_plain(const struct aigw_event *event)
{
    return event->type == AIGW_EVENT_TEXT && event->text.ptr && event->text.len <= GW_TEXT_MAX &&
           !(event->id.len | event->item_id.len | event->name.len | event->scope.len | event->data.len |
             event->origin.len | event->stop_sequence.len | event->detail.len | event->vector_len | event->choice |
             event->index);
}

aigw_status gw_event_check(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    return is_plain(event) ? AIGW_OK : check_all(ctx, event);
}
