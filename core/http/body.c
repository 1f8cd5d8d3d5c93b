/* body.c - a request's body as it is kept for the pipeline: as it came, or unpacked piece by piece, within the same
 * limit either way. */
#include <stdio.h>

#include "http/internal.h"

#define JSON     "application/json"
#define OUT_SIZE 16384u /* unpacked at a time */

void http_body_free(struct http_ex *ex)
{
    gw_buf_done(&ex->body);
    gw_unpack_free(ex->unpack);
    ex->unpack = NULL;
}

/** Answered by us where the pipeline has nothing to say. */
static bool refuse(struct http_ex *ex, const struct http_refusal *refusal)
{
    if (!gw_http_is_answered(&ex->pub) && !http_reply_self(ex, refusal))
        http_ex_move(ex, EX_LOSE);
    return false;
}

static bool too_large(struct http_ex *ex)
{
    char text[96];
    struct http_refusal refusal = { 413, JSON, text, "body too large" };

    http_body_free(ex);
    snprintf(text, sizeof text, "{\"detail\":\"Request body is too large: more than %zu bytes\"}", ex->pub.body_max);
    if (ex->handler->on_too_large)
        ex->handler->on_too_large(ex->handler->user, &ex->pub);
    return refuse(ex, &refusal);
}

static bool unreadable(struct http_ex *ex, const char *why)
{
    char text[160], json[192];
    struct http_refusal refusal = { 400, JSON, json, "content-encoding" };

    snprintf(text, sizeof text, "Request body cannot be unpacked: %s", why);
    snprintf(json, sizeof json, "{\"detail\":\"%s\"}", text); /* `why` is ours: nothing to escape */
    http_body_free(ex);
    ex->must_close = true; /* who does not know where its body ends may not know where its request ends */
    if (ex->handler->on_unreadable)
        ex->handler->on_unreadable(ex->handler->user, &ex->pub, text);
    return refuse(ex, &refusal);
}

bool http_body_keep(struct http_ex *ex, const char *bytes, size_t len)
{
    aigw_str packed = { bytes, len }, piece;
    enum gw_unpack_step step;
    char out[OUT_SIZE];

    if (!ex->unpack) {
        gw_buf_put(&ex->body, bytes, len);
        return ex->body.status == AIGW_OK || too_large(ex);
    }
    while ((step = gw_unpack_step(ex->unpack, &packed, out, sizeof out, &piece)) == GW_UNPACK_DATA) {
        gw_buf_put(&ex->body, piece.ptr, piece.len);
        if (ex->body.status != AIGW_OK)
            return too_large(ex);
    }
    return step == GW_UNPACK_MORE || unreadable(ex, gw_unpack_problem(ex->unpack));
}

bool http_body_begin(struct http_ex *ex)
{
    static const struct http_refusal unknown = { 415, JSON,
                                                 "{\"detail\":\"Content-Encoding is not supported, send " GW_CODINGS
                                                 ", or the body as it is\"}",
                                                 "content-encoding" };
    static const struct http_refusal no_memory = { 503, JSON, "{\"detail\":\"Out of memory\"}", "out of memory" };
    struct gw_buf early = ex->body; /* as it came */
    bool is_kept;

    if (ex->pub.coding == GW_CODING_UNKNOWN) {
        ex->must_close = true;
        return refuse(ex, &unknown);
    }
    ex->body.max = ex->pub.body_max;
    if (ex->content_length > ex->pub.body_max || ex->body.len > ex->pub.body_max || ex->body.status != AIGW_OK)
        return too_large(ex);
    if (ex->pub.coding == GW_CODING_NONE)
        return true;
    ex->unpack = gw_unpack_new(ex->pub.coding, true);
    if (!ex->unpack)
        return refuse(ex, &no_memory);
    gw_buf_init(&ex->body, ex->pub.body_max);
    is_kept = early.len == 0 || http_body_keep(ex, early.data, early.len);
    gw_buf_done(&early);
    return is_kept;
}

bool http_body_end(struct http_ex *ex)
{
    if (!ex->unpack)
        return true;
    if (!gw_unpack_may_end(ex->unpack))
        return unreadable(ex, "it has no end");
    gw_unpack_free(ex->unpack); /* its memory need not wait for the answer's end */
    ex->unpack = NULL;
    return true;
}
