/* headers.c - header lines of a request, and which key may go where. */
#include "headers.h"

#include <string.h>

void wire_headers_begin(struct wire_headers *h, const struct aigw_host *host, struct aigw_ctx *ctx)
{
    *h = (struct wire_headers){ .host = host, .ctx = ctx };
    h->lines = host->alloc(ctx, AIGW_LIFE_BUILD, WIRE_HEADERS_MAX * sizeof *h->lines);
    if (!h->lines)
        h->status = AIGW_E_NOMEM;
}

void wire_header(struct wire_headers *h, const char *line)
{
    if (!line || h->status != AIGW_OK)
        return;
    if (h->count == WIRE_HEADERS_MAX) {
        h->status = h->host->fail(h->ctx, AIGW_E_LIMIT, "the request has more than %d headers", WIRE_HEADERS_MAX);
        return;
    }
    h->lines[h->count++] = line;
}

void wire_header_value(struct wire_headers *h, const char *start, aigw_str value)
{
    const char *line;

    if (value.len == 0 || h->status != AIGW_OK)
        return;
    if (!wire_is_header_value(value)) {
        h->status = h->host->fail(h->ctx, AIGW_E_INVALID,
                                  "the value of the request's header %.*s contains characters that no header may carry",
                                  (int)strcspn(start, ":"), start);
        return;
    }
    line = wire_join(h->host, h->ctx, wire_str(start), value);
    if (!line)
        h->status = AIGW_E_NOMEM;
    wire_header(h, line);
}

void wire_headers_pass(struct wire_headers *h, const struct aigw_raw *raw, const char *const *ours)
{
    if (h->status == AIGW_OK)
        h->status = wire_raw_headers(h->host, h->ctx, raw, ours, h->lines, &h->count, WIRE_HEADERS_MAX - h->count);
}

aigw_status wire_headers_end(struct wire_headers *h, struct aigw_http_request *ret_http)
{
    ret_http->headers = h->lines;
    ret_http->header_count = h->count;
    return h->status;
}

bool wire_is_our_place(const struct aigw_target *target)
{
    return target->endpoint.len == 0 || !(target->flags & AIGW_TARGETF_CALLER_ENDPOINT);
}

aigw_str wire_key_for(const struct aigw_target *target, const char *configured, const char *otherwise)
{
    if (target->api_key.len > 0)
        return target->api_key;
    if (configured && configured[0] && wire_is_our_place(target))
        return wire_str(configured);
    return wire_str(otherwise);
}

aigw_status wire_check_header_setting(const struct aigw_host *host, struct aigw_ctx *ctx, const char *name,
                                      const char *text)
{
    if (wire_is_header_value(wire_str(text)))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_CONFIG,
                      "%s: contains characters that no header may carry; only printable ASCII is allowed. Is there a "
                      "line break in it?",
                      name);
}
