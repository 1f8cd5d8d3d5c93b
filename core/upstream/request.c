/* request.c - the bytes of a request: request line, headers, and the body, which stays the caller's as long as it may.
 */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

#define HEAD_MAX (1u << 20)

/** A head under construction. */
struct draft {
    struct gw_buf text;
    size_t count; /* of the caller's headers */
    bool has_agent, has_accept;
};

static aigw_status add_header(struct draft *draft, aigw_str line, struct gw_err *reterr)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    aigw_str name = { line.ptr, colon ? (size_t)(colon - line.ptr) : 0 };

    draft->count++;
    if (!gw_is_token(name) || !gw_is_field_value((aigw_str){ colon + 1, line.len - name.len - 1 }))
        return gw_err_set(reterr, AIGW_E_INVALID, "header %zu for the model server is not \"Name: value\" on one line",
                          draft->count);
    if (gw_is_transport_header(name))
        return gw_err_set(reterr, AIGW_E_INVALID,
                          "header %zu for the model server is %.*s, which the gateway sets itself; leave it out",
                          draft->count, AIGW_STR_ARG(name));
    draft->has_agent = draft->has_agent || gw_str_eq_ci(name, AIGW_STR("user-agent"));
    draft->has_accept = draft->has_accept || gw_str_eq_ci(name, AIGW_STR("accept"));
    gw_buf_put_str(&draft->text, line);
    gw_buf_put(&draft->text, "\r\n", 2);
    return AIGW_OK;
}

/** One of the lines is a header of the same name: the operator's own, which goes out instead. */
static bool is_replaced(aigw_str lines, const char *header)
{
    size_t len = strcspn(header, ":") + 1;

    while (lines.len >= len) {
        const char *lf = memchr(lines.ptr, '\n', lines.len);
        size_t line = lf ? (size_t)(lf - lines.ptr) + 1 : lines.len;

        if (gw_str_eq_ci((aigw_str){ lines.ptr, len }, (aigw_str){ header, len }))
            return true;
        lines = (aigw_str){ lines.ptr + line, lines.len - line };
    }
    return false;
}

static aigw_status add_lines(struct draft *draft, aigw_str lines, struct gw_err *reterr)
{
    while (lines.len > 0) {
        const char *lf = memchr(lines.ptr, '\n', lines.len);
        size_t len = lf ? (size_t)(lf - lines.ptr) : lines.len;
        size_t kept = len > 0 && lines.ptr[len - 1] == '\r' ? len - 1 : len;
        aigw_status status = kept > 0 ? add_header(draft, (aigw_str){ lines.ptr, kept }, reterr) : AIGW_OK;

        if (status != AIGW_OK)
            return status;
        len += lf != NULL;
        lines = (aigw_str){ lines.ptr + len, lines.len - len };
    }
    return AIGW_OK;
}

static void put(struct draft *draft, const char *text)
{
    gw_buf_put_str(&draft->text, gw_str(text));
}

static void add_request_line(struct draft *draft, const struct gw_transfer *transfer, const char *method)
{
    const struct gw_url *url = transfer->url;
    const struct gw_proxy *proxy = transfer->origin ? transfer->origin->proxy : NULL;
    bool is_absolute = proxy && proxy->kind != GW_PROXY_OTHER && !url->is_https;

    put(draft, method);
    put(draft, is_absolute ? " http://" : " ");
    put(draft, is_absolute ? url->authority : "");
    put(draft, url->target);
    put(draft, " HTTP/1.1\r\nHost: ");
    put(draft, url->authority);
    put(draft, "\r\n");
    if (is_absolute && proxy->authorization)
        gw_buf_printf(&draft->text, "Proxy-Authorization: %s\r\n", proxy->authorization);
}

static void add_length(struct draft *draft, size_t len)
{
    char digits[24];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + len % 10);
    while ((len /= 10) > 0);
    put(draft, "Content-Length: ");
    gw_buf_put(&draft->text, digits + at, sizeof digits - at);
    put(draft, "\r\n");
}

static bool has_body(const struct gw_transfer_request *request)
{
    return request->body.len > 0 || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0 ||
           strcmp(request->method, "PATCH") == 0;
}

aigw_status gw_request_build(struct gw_transfer *transfer, const struct gw_transfer_request *request,
                             struct gw_err *reterr)
{
    struct draft draft = { .count = 0 };
    aigw_status status = AIGW_OK;

    if (!gw_is_token(gw_str(request->method)))
        return gw_err_set(reterr, AIGW_E_INVALID, "the method for the model server is not a word of HTTP");
    gw_buf_init(&draft.text, HEAD_MAX);
    add_request_line(&draft, transfer, request->method);
    for (size_t i = 0; i < request->header_count && status == AIGW_OK; i++)
        if (!request->extra_headers.len || !is_replaced(request->extra_headers, request->headers[i]))
            status = add_header(&draft, gw_str(request->headers[i]), reterr);
    if (status == AIGW_OK)
        status = add_lines(&draft, request->extra_headers, reterr);
    if (!draft.has_agent)
        put(&draft, "User-Agent: aigw\r\n");
    if (!draft.has_accept)
        put(&draft, "Accept: */*\r\n");
    if (has_body(request))
        add_length(&draft, request->body.len);
    put(&draft, "\r\n");
    if (status == AIGW_OK && draft.text.status == AIGW_E_LIMIT)
        status = gw_err_set(reterr, AIGW_E_INVALID, "the headers for the model server are larger than 1 MB");
    else if (status == AIGW_OK && draft.text.status != AIGW_OK)
        status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    if (status != AIGW_OK) {
        gw_buf_done(&draft.text);
        return status;
    }
    transfer->is_head_request = strcmp(request->method, "HEAD") == 0;
    transfer->out = (struct gw_outgoing){ .head = draft.text.data, .head_len = draft.text.len, .body = request->body };
    return AIGW_OK;
}

bool gw_request_release(struct gw_outgoing *out)
{
    size_t whole = out->head_len + out->body.len, rest;

    if (out->is_sent) {
        free(out->head);
        *out = (struct gw_outgoing){ .is_sent = true };
        return true;
    }
    rest = out->sent < out->head_len ? out->body.len : whole - out->sent;
    if (rest == 0)
        return true; /* some of the head is still to go */
    out->body_copy = malloc(rest);
    if (!out->body_copy)
        return false;
    memcpy(out->body_copy, out->body.ptr + out->body.len - rest, rest);
    if (out->sent >= out->head_len) { /* the head is out: what is left is all there is */
        free(out->head);
        out->head = NULL;
        out->head_len = out->sent = 0;
    }
    out->body = (aigw_str){ out->body_copy, rest };
    return true;
}

void gw_request_done(struct gw_outgoing *out)
{
    free(out->head);
    free(out->body_copy);
    *out = (struct gw_outgoing){ .is_sent = out->is_sent };
}
