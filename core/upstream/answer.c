/* answer.c - bytes from a connection → HTTP framing → compression → the caller. After every call of the caller's code
 * the connection may be gone: `conn->transfer` tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

/** The caller still listens. */
static bool is_mine(const struct gw_conn *conn, const struct gw_transfer *transfer)
{
    return conn->transfer == transfer && conn->state == GW_CONN_BUSY && transfer->state != GW_TRANSFER_LEAVING;
}

static void fail_protocol(struct gw_transfer *transfer, const char *problem)
{
    struct gw_fault fault = { .kind = GW_UP_PROTOCOL };

    snprintf(fault.words, sizeof fault.words, "the server's answer is not valid HTTP: %s", problem);
    gw_transfer_end(transfer, &fault);
}

static void fail_nomem(struct gw_transfer *transfer)
{
    gw_transfer_fail(transfer, GW_UP_INTERNAL, "the gateway could not run the call: out of memory");
}

/** GW_UP_STOP: the caller wants no more. */
static void stop(struct gw_conn *conn, struct gw_transfer *transfer)
{
    gw_answer_skip(conn, transfer);
    gw_conn_release(conn);
    gw_transfer_fail(transfer, GW_UP_STOPPED, "stopped by the gateway");
}

/** Nothing more is read before gw_transfer_resume(); what is at hand is kept. */
static void pause_here(struct gw_conn *conn, struct gw_transfer *transfer)
{
    if (!gw_transfer_move(transfer, GW_TRANSFER_PAUSE))
        return;
    if (conn->rest.len > 0) {
        conn->kept = malloc(conn->rest.len);
        if (!conn->kept) {
            fail_nomem(transfer);
            return;
        }
        memcpy(conn->kept, conn->rest.ptr, conn->rest.len);
        conn->kept_len = conn->rest.len;
    }
    if (!gw_conn_pause(conn))
        fail_nomem(transfer);
}

/* ---- head ------------------------------------------------------------------------------------------------------- */

/** Words that say nothing of a coding: no coding at all, a charset, or the framing. */
static bool is_no_coding(aigw_str word)
{
    static const char *const words[] = { "none", "utf-8", "utf8", "binary", "text", "chunked", "aws-chunked" };

    for (size_t i = 0; i < GW_ARRAY_LEN(words); i++)
        if (gw_str_eq_ci(word, gw_str(words[i])))
            return true;
    return gw_coding_of(word) == GW_CODING_NONE;
}

/** One coding beside those that are in the list; the same once more is one that a proxy repeats. */
static enum gw_coding codings_of(aigw_str list, enum gw_coding coding)
{
    aigw_str item;

    while (gw_http1_next_item(&list, &item)) {
        enum gw_coding one = is_no_coding(item) ? GW_CODING_NONE : gw_coding_of(item);

        if (one == GW_CODING_NONE || one == coding)
            continue;
        coding = coding == GW_CODING_NONE ? one : GW_CODING_UNKNOWN;
    }
    return coding;
}

/** Which coding the body has; *ret_name is what the server calls it. */
static enum gw_coding coding_of(const struct gw_http1 *answer, aigw_str *ret_name)
{
    enum gw_coding coding = GW_CODING_NONE;
    aigw_str name, value;

    for (size_t i = 0; answer->has_coding && gw_http1_header_at(answer, i, &name, &value); i++) {
        if (!gw_str_eq_ci(name, AIGW_STR("content-encoding")))
            continue;
        *ret_name = value;
        coding = codings_of(value, coding);
    }
    return coding;
}

static void refuse_coding(struct gw_transfer *transfer, aigw_str name)
{
    struct gw_fault fault = { .kind = GW_UP_PROTOCOL };

    snprintf(fault.words, sizeof fault.words,
             "the server's answer has the content coding '%.*s', which was not asked for and is not known; have the "
             "server, or a proxy before it, send the body as it is or as gzip",
             (int)(name.len < 64 ? name.len : 64), name.ptr);
    gw_transfer_end(transfer, &fault);
}

/** False: the transfer failed. */
static bool begin_unpack(struct gw_transfer *transfer, enum gw_coding coding)
{
    transfer->unpack = gw_unpack_new(coding, false);
    if (transfer->unpack && gw_up_buffer(&transfer->up->unpacked, GW_READ_MAX))
        return true;
    fail_nomem(transfer);
    return false;
}

static void take_head(struct gw_conn *conn, struct gw_transfer *transfer)
{
    bool has_body = transfer->answer.state != GW_HTTP1_IS_WHOLE;
    aigw_str name = AIGW_STR_NONE;
    enum gw_coding coding = has_body ? coding_of(&transfer->answer, &name) : GW_CODING_NONE;
    int verdict;

    if (!gw_transfer_move(transfer, GW_TRANSFER_ANSWER))
        return;
    if (coding == GW_CODING_UNKNOWN && transfer->answer.status < 300) {
        refuse_coding(transfer, name);
        return;
    }
    if (gw_coding_is_packed(coding) && !begin_unpack(transfer, coding))
        return;
    if (!gw_request_release(&transfer->out)) {
        fail_nomem(transfer);
        return;
    }
    verdict = transfer->events.on_head(transfer->events.user, transfer, transfer->answer.status);
    if (!is_mine(conn, transfer))
        return;
    if (verdict == GW_UP_STOP) {
        stop(conn, transfer);
    } else if (coding == GW_CODING_UNKNOWN) { /* an error's status counts for more than words that cannot be read */
        gw_conn_release(conn);
        gw_transfer_end(transfer, NULL);
    }
}

/* ---- body ------------------------------------------------------------------------------------------------------- */

/** To the caller: GW_UP_MORE or GW_UP_PAUSE, or GW_UP_STOP when the transfer is over. */
static int hand_on(struct gw_conn *conn, struct gw_transfer *transfer, aigw_str data)
{
    int verdict;

    transfer->received += data.len;
    if (transfer->body_max > 0 && transfer->received > transfer->body_max) {
        struct gw_fault fault = { .kind = GW_UP_TOO_LARGE };

        snprintf(fault.words, sizeof fault.words, "the answer is larger than the limit of %zu bytes",
                 transfer->body_max);
        gw_transfer_end(transfer, &fault);
        return GW_UP_STOP;
    }
    verdict = transfer->events.on_data(transfer->events.user, transfer, data.ptr, data.len);
    if (!is_mine(conn, transfer))
        return GW_UP_STOP;
    if (verdict == GW_UP_STOP)
        stop(conn, transfer);
    return verdict;
}

/** A piece of the body, which lies right before `conn->rest`; what a pause leaves of it goes back there. False: no more
 *  for now, or for ever. */
static bool unpack(struct gw_conn *conn, struct gw_transfer *transfer, aigw_str packed)
{
    for (;;) {
        aigw_str data;
        enum gw_unpack_step step =
            gw_unpack_step(transfer->unpack, &packed, transfer->up->unpacked, GW_READ_MAX, &data);
        int verdict;

        if (step == GW_UNPACK_MORE)
            return true;
        if (step == GW_UNPACK_BROKEN) {
            fail_protocol(transfer, gw_unpack_problem(transfer->unpack));
            return false;
        }
        verdict = hand_on(conn, transfer, data);
        if (verdict == GW_UP_PAUSE) {
            gw_http1_unread(&transfer->answer, packed.len);
            conn->rest = (aigw_str){ packed.ptr, packed.len + conn->rest.len };
            pause_here(conn, transfer);
        }
        if (verdict != GW_UP_MORE)
            return false;
    }
}

/** By its label, or without one. */
static bool should_be_text(const struct gw_transfer *transfer)
{
    aigw_str type = gw_http1_header(&transfer->answer, "content-type");

    return type.len == 0 || gw_str_has_prefix_ci(type, AIGW_STR("text/")) || memmem(type.ptr, type.len, "json", 4);
}

/** The first bytes of a body without a coding: some proxies lose the label (D36). False: the transfer failed. */
static bool look_at_first(struct gw_transfer *transfer, aigw_str data)
{
    enum gw_coding coding = data.len > 0 ? gw_coding_of_text(data.ptr[0]) : GW_CODING_NONE;

    return coding == GW_CODING_NONE || !should_be_text(transfer) || begin_unpack(transfer, coding);
}

static bool take_data(struct gw_conn *conn, struct gw_transfer *transfer, aigw_str data)
{
    int verdict;

    if (transfer->received == 0 && !transfer->unpack && !look_at_first(transfer, data))
        return false;
    if (transfer->unpack)
        return unpack(conn, transfer, data);
    verdict = hand_on(conn, transfer, data);
    if (verdict == GW_UP_PAUSE)
        pause_here(conn, transfer);
    return verdict == GW_UP_MORE;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void finish(struct gw_conn *conn, struct gw_transfer *transfer)
{
    if (transfer->unpack && !gw_unpack_may_end(transfer->unpack)) {
        gw_transfer_fail(transfer, GW_UP_CUT,
                         "the connection broke in the middle of the answer: its compressed body has no end");
        return;
    }
    gw_conn_release(conn); /* first: on_done may start another */
    gw_transfer_end(transfer, NULL);
}

void gw_answer_skip(struct gw_conn *conn, struct gw_transfer *transfer)
{
    aigw_str data;

    if (conn->kept)
        conn->rest = (aigw_str){ conn->kept, conn->kept_len };
    while (gw_http1_step(&transfer->answer, &conn->rest, &data) == GW_HTTP1_DATA)
        ;
}

void gw_answer_drain(struct gw_conn *conn)
{
    struct gw_transfer *transfer = conn->transfer;
    char bytes[4096];

    for (;;) {
        ssize_t n = gw_conn_recv(conn, bytes, sizeof bytes);

        if (n == GW_IO_AGAIN) {
            gw_conn_wait(conn);
            return;
        }
        if (n <= 0)
            break;
        transfer->drained += (uint32_t)n;
        conn->rest = (aigw_str){ bytes, (size_t)n };
        gw_answer_skip(conn, transfer);
        if (transfer->answer.state == GW_HTTP1_IS_WHOLE || transfer->drained > GW_LEAVE_MAX)
            break;
    }
    gw_conn_release(conn);
    gw_transfer_end(transfer, NULL);
}

/** One step; false when the loop in gw_answer_feed() must end. */
static bool step(struct gw_conn *conn, struct gw_transfer *transfer)
{
    aigw_str data;

    switch (gw_http1_step(&transfer->answer, &conn->rest, &data)) {
    case GW_HTTP1_HEAD:
        take_head(conn, transfer);
        return is_mine(conn, transfer);
    case GW_HTTP1_DATA:
        return take_data(conn, transfer, data);
    case GW_HTTP1_END:
        finish(conn, transfer);
        return false;
    case GW_HTTP1_BROKEN:
        fail_protocol(transfer, transfer->answer.problem);
        return false;
    case GW_HTTP1_NOMEM:
        fail_nomem(transfer);
        return false;
    default:
        return false;
    }
}

bool gw_answer_feed(struct gw_conn *conn, aigw_str bytes)
{
    struct gw_transfer *transfer = conn->transfer;

    if (!transfer->got_bytes) {
        transfer->got_bytes = true;
        transfer->first_byte_us = gw_mono_us() - transfer->started_us;
    }
    gw_transfer_sign_of_life(transfer);
    conn->rest = bytes;
    while (step(conn, transfer))
        ;
    conn->rest = AIGW_STR_NONE;
    return is_mine(conn, transfer) && (transfer->state == GW_TRANSFER_HEAD || transfer->state == GW_TRANSFER_BODY);
}

void gw_answer_go_on(struct gw_conn *conn)
{
    struct gw_transfer *transfer = conn->transfer;
    char *kept = conn->kept;
    size_t kept_len = conn->kept_len;
    bool goes_on = true;

    conn->kept = NULL;
    conn->kept_len = 0;
    conn->rest = (aigw_str){ kept ? kept : "", kept_len };
    if (transfer->unpack) /* it may hold more than it had room to give */
        goes_on = unpack(conn, transfer, (aigw_str){ conn->rest.ptr, 0 });
    while (goes_on && step(conn, transfer))
        ;
    conn->rest = AIGW_STR_NONE;
    free(kept); /* not before: callers of ours may still look at it */
    if (goes_on && is_mine(conn, transfer) && transfer->state == GW_TRANSFER_BODY)
        gw_conn_read(conn);
}

void gw_answer_rest(struct gw_conn *conn)
{
    struct gw_transfer *transfer = conn->transfer;

    if (transfer->state != GW_TRANSFER_BODY)
        return;
    conn->rest = AIGW_STR_NONE;
    pause_here(conn, transfer);
    gw_transfer_resume(transfer);
}

/** It ended although the pool thought it open, before a word of an answer: the server has not looked at the request. */
static bool is_stale(const struct gw_transfer *transfer, ssize_t why)
{
    return transfer->was_reused && !transfer->got_bytes && !transfer->must_be_fresh && why != GW_IO_ERROR;
}

void gw_answer_cut(struct gw_conn *conn, ssize_t why)
{
    struct gw_transfer *transfer = conn->transfer;
    const struct gw_tls *tls = conn->tls ? conn->tls : conn->proxy_tls;
    struct gw_fault fault;

    if (why == GW_IO_END && gw_http1_may_end(&transfer->answer)) {
        finish(conn, transfer);
        return;
    }
    if (is_stale(transfer, why)) {
        gw_transfer_again(transfer);
        return;
    }
    /* TLS 1.3 refuses a client certificate after the handshake, as the answer to the request: with an alert, or with a
     * reset that overtakes the alert. */
    if (tls && !transfer->got_bytes && (why == GW_IO_ERROR || gw_tls_wanted_certificate(tls)))
        gw_fault_of_tls(&fault, conn, tls, true);
    else
        gw_fault_of_cut(&fault, conn, why);
    gw_transfer_end(transfer, &fault);
}
