/* upstream.h - the model server side: one HTTP/1.1 request and its answer is a *transfer*. One gw_upstream per worker,
 * on the worker's loop; a transfer never leaves that thread. Facts: upstream-transport.md; decisions D20, D21, D39.
 */
#ifndef GW_UPSTREAM_H
#define GW_UPSTREAM_H

#include "base/base.h"
#include "loop/loop.h"

struct gw_upstream;
struct gw_transfer;

struct gw_trust_store;

/** Trust and identity for TLS to servers. Immutable; owned by the configuration snapshot. */
struct gw_upstream_tls {
    const char *ca_file;       /* PEM bundle in use; NULL: the system's */
    const char *ca_source;     /* which setting named it, for error texts */
    const char *extra_ca_file; /* trusted besides ca_file or the system's, NULL for none */
    const char *cert_file;     /* client certificate, NULL for none */
    const char *key_file;
    const char *key_password;
    bool verify;
};

struct gw_upstream_options {
    uint32_t connections_per_host; /* idle ones kept per origin; they go after a minute */
    int64_t connect_ms;
    const char *proxy;             /* "" for none; NULL: http_proxy, https_proxy, all_proxy, no_proxy, in either case */
    struct gw_trust_store *trusts; /* shared by workers, outlives them; NULL: one of its own */
};

/** Certificates as they were read, once per setting, for all who share the store. Any thread may use it. NULL when out
 *  of memory. */
struct gw_trust_store *gw_trust_store_new(void);
void gw_trust_store_free(struct gw_trust_store *store);

/** Refuse link-local, metadata and unspecified addresses (D21): the host as written, and each address that is really
 *  connected to; such transfers have connections of their own. Through a proxy only the host as written can be looked
 *  at. */
#define GW_UPF_CHECK_ADDRESS 0x1u
#define GW_UPF_EXPECT_STREAM 0x2u /* no limit of size: body_max does not count */

/** One HTTP request. Everything is borrowed until on_head with the final status, or until on_done. */
struct gw_transfer_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    aigw_str extra_headers; /* "Name: value\r\n" lines, may be absent; instead of those above with the same names */
    aigw_str body;
    uint32_t flags;
    int64_t connect_ms; /* name lookup, TCP, proxy and TLS together; 0: the option's */
    int64_t idle_ms;    /* longest silence once connected, 0: none; stands still while paused */
    int64_t total_ms;   /* whole transfer, 0: none */
    size_t body_max;    /* largest answer body, decoded; beyond it the transfer fails. 0: none, the caller counts */
    const struct gw_upstream_tls *tls; /* NULL: the system's CAs, verified */
};

#define GW_UP_OK        0
#define GW_UP_CONNECT   1 /* resolve, TCP, proxy */
#define GW_UP_TLS       2
#define GW_UP_TIMEOUT   3 /* idle or total */
#define GW_UP_CUT       4 /* the peer closed early */
#define GW_UP_REFUSED   5 /* address policy (GW_UPF_CHECK_ADDRESS) or scheme */
#define GW_UP_TOO_LARGE 6
#define GW_UP_STOPPED   7 /* on_head or on_data answered GW_UP_STOP */
#define GW_UP_INTERNAL  8
#define GW_UP_PROTOCOL  9 /* the answer is not HTTP as it has to be, or its coding is broken */

/** How a transfer ended. Borrowed during on_done. */
struct gw_transfer_result {
    int kind;              /* GW_UP_* */
    int status;            /* HTTP status, 0 if none came */
    bool was_reused;       /* the connection had served before */
    bool was_sent;         /* the whole request went out: sending it again may do the work twice */
    bool got_bytes;        /* any byte of an answer arrived */
    int64_t connect_us;    /* 0 when reused */
    int64_t first_byte_us; /* from start */
    int64_t total_us;
    const char *message; /* names host, cause and, for TLS, the certificate and the setting to use */
};

#define GW_UP_MORE  0
#define GW_UP_PAUSE 1 /* data was taken; no more until gw_transfer_resume() */
#define GW_UP_STOP  2 /* end the transfer: on_done with GW_UP_STOPPED */

/** Callbacks, all from the loop, never from inside gw_transfer_start(), _resume() or _cancel(). */
struct gw_transfer_events {
    void *user;
    /** Final status line and headers are in; read them with gw_transfer_header(). Answers GW_UP_MORE or GW_UP_STOP. */
    int (*on_head)(void *user, struct gw_transfer *transfer, int status);
    /** Body bytes, decoded (D39). */
    int (*on_data)(void *user, struct gw_transfer *transfer, const char *bytes, size_t len);
    /** Last call; the transfer is freed after. */
    void (*on_done)(void *user, struct gw_transfer *transfer, const struct gw_transfer_result *result);
};

struct gw_upstream *gw_upstream_new(struct gw_loop *loop, const struct gw_upstream_options *options,
                                    struct gw_err *reterr);
/** Cancels what still runs, without callbacks. Not from inside a callback of a transfer. */
void gw_upstream_free(struct gw_upstream *up);
/** NULL with reterr if it cannot even start. */
struct gw_transfer *gw_transfer_start(struct gw_upstream *up, const struct gw_transfer_request *request,
                                      const struct gw_transfer_events *events, struct gw_err *reterr);
/** Stop now and free; no callback follows. Allowed anywhere, callbacks of this transfer included. The connection is
 *  kept only when the answer had ended. */
void gw_transfer_cancel(struct gw_transfer *transfer);
/** Is the whole request on its way? */
bool gw_transfer_was_sent(const struct gw_transfer *transfer);
/** The same for a caller that has read all it wants (its dialect's end marker came): the server has the next 100 ms to
 *  end the answer's framing, unheard, so that the connection can be used again. */
void gw_transfer_leave(struct gw_transfer *transfer);
void gw_transfer_resume(struct gw_transfer *transfer);
/** First value of an answer header, any case; valid from on_head until on_done returns. */
aigw_str gw_transfer_header(const struct gw_transfer *transfer, const char *name);
size_t gw_transfer_header_count(const struct gw_transfer *transfer);
/** The answer's headers in their order, index from 0; absent strings beyond the last. As long as gw_transfer_header().
 */
void gw_transfer_header_at(const struct gw_transfer *transfer, size_t index, aigw_str *ret_name, aigw_str *ret_value);
/** A new snapshot is in force: drop idle connections whose certificate files have changed. The others stay; those made
 *  under a setting that nobody names any more are used by nobody and go within a minute. */
void gw_upstream_forget_connections(struct gw_upstream *up);
/** New limits for connections from now on. */
void gw_upstream_set_options(struct gw_upstream *up, const struct gw_upstream_options *options);
uint32_t gw_upstream_open_transfers(const struct gw_upstream *up);
uint32_t gw_upstream_open_connections(const struct gw_upstream *up);

#endif
