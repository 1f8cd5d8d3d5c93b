/* http.h - the client side: listener, TLS, limits, request reading, response writing. Requests are read by
 * libmicrohttpd.
 *
 * One gw_http per worker, on the worker's loop; an exchange is one request and its answer and never leaves that
 * thread. Facts: event-loop.md §2–§5, §7, §8; decisions D16–D18, D22, D27.
 */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include "base/base.h"
#include "base/unpack.h"
#include "loop/loop.h"

struct gw_http;
struct gw_exchange;

/** Limits and timeouts; milliseconds and bytes. */
struct gw_http_limits {
    int64_t header_ms;        /* whole header block must arrive within        */
    int64_t body_ms;          /* longest time without a byte of body while one is arriving */
    int64_t body_total_ms;    /* the whole body, plus a second for each 64 KiB; 0: 60 s */
    int64_t idle_ms;          /* keep-alive idle (Workhorse: > 90 s)          */
    int64_t write_stall_ms;   /* longest time a client may accept no byte     */
    size_t header_max;        /* header block                                 */
    size_t body_max;          /* default for routes without their own         */
    size_t drain_max;         /* most of an unwanted body we read before closing */
    size_t backlog_high;      /* unsent stream bytes that pause the model     */
    uint32_t connections_max; /* per worker; beyond it 503 with Retry-After. Each takes a descriptor, and two more
                                 while a request is being read */
};

/** TLS serving. PEM texts, not paths: the caller reads files and calls gw_http_set_tls() again when they change. */
struct gw_http_tls {
    const char *cert_pem;
    const char *key_pem;
    const char *client_ca_pem; /* NULL: clients need no certificate */
    const char *priorities;    /* GnuTLS priority string */
};

/** Answer of on_head. */
#define GW_HEAD_READ     1 /* read the body (up to exchange->body_max), then on_body */
#define GW_HEAD_ANSWERED 2 /* gw_http_reply() was called; the body is drained first  */
#define GW_HEAD_WAIT     3 /* undecided: gw_http_head_done() will be called          */

/** What the pipeline does with exchanges. All callbacks come from the loop, on the worker's thread, and never from
 *  inside a gw_http_… function that the pipeline called. */
struct gw_http_handler {
    void *user;
    /** The header block is complete and clean (smuggling inputs were refused before). */
    int (*on_head)(void *user, struct gw_exchange *ex);
    /** The body is complete: ex->body. */
    void (*on_body)(void *user, struct gw_exchange *ex);
    /** The body is larger than ex->body_max: say so with gw_http_reply(). Unanswered, or NULL: the server says it. */
    void (*on_too_large)(void *user, struct gw_exchange *ex);
    /** The body is not what its Content-Encoding says; why: a sentence. As on_too_large. */
    void (*on_unreadable)(void *user, struct gw_exchange *ex, const char *why);
    /** The client left, broke a deadline, or the server is stopping. Cancel the work; no more writes count. Once, only
     *  after on_head, and not after gw_http_abort(). */
    void (*on_gone)(void *user, struct gw_exchange *ex);
    /** A stream's backlog fell below half the mark after gw_http_stream_write() answered GW_WRITE_FULL. */
    void (*on_drain)(void *user, struct gw_exchange *ex);
    /** The answer was sent or has failed; last call. ex and its arenas go right after. */
    void (*on_done)(void *user, struct gw_exchange *ex);
};

/** One request and its answer. Fields are read-only for others but for those marked rw. */
struct gw_exchange {
    struct gw_http *http;
    void *pipeline;        /* rw: the pipeline's own */
    struct gw_arena arena; /* rw: lives as long as the exchange */
    aigw_str method;
    aigw_str target;       /* as sent, with query */
    aigw_str path;         /* normal form, D17: decoded once, slashes collapsed, one trailing slash dropped.
                              Absent when the target cannot be decoded (the server answered 400 itself) */
    aigw_str query;        /* raw, without '?' */
    aigw_str body;         /* valid from on_body until gw_http_free_body() or on_done; NUL-terminated */
    size_t body_max;       /* rw in on_head; of the body as it is handed over */
    enum gw_coding coding; /* of the body as it comes; UNKNOWN: nobody can read it, on_head says so (415) */
    char request_id[256];  /* D18 */
    char client_ip[64];    /* forwarded address when the peer is a trusted proxy (D22) */
    uint16_t client_port;
    bool is_tls;
    bool is_origin_chosen; /* the answer would be another for another origin */
    bool has_open_headers; /* pages that may read the answer may read all of its headers */
    aigw_str allow_origin; /* pages of which origin may read the answer: "*" when one asks, unless the handler says
                              otherwise; absent: none, or nobody asks */
    char answer_type[48];  /* media type of the answer, "" before one was begun; cut when longer */
    /* for the access log; microseconds, monotonic unless said */
    int64_t arrived_us;
    int64_t arrived_wall_us;
    int64_t done_us; /* set before on_done */
    int status;      /* 0: nothing was sent */
    /* What each event of a stream looks at is together, here and behind it in struct http_ex. */
    uint16_t http_minor; /* 0 or 1 */
    bool is_head;        /* method HEAD: headers only */
    bool did_abort;      /* the answer was cut on purpose or by the client */
    bool is_gone;
    int64_t response_start_us; /* 0: not yet */
    int64_t first_chunk_us;
    uint64_t bytes_out; /* body bytes */
};

struct gw_http_header {
    aigw_str name; /* lower case */
    aigw_str value;
};

/** NULL with reterr on failure. It takes no connections yet. */
struct gw_http *gw_http_new(struct gw_loop *loop, const struct gw_http_limits *limits, const struct gw_http_tls *tls,
                            const struct gw_http_handler *handler, struct gw_err *reterr);
#define GW_HTTP_SHARED 1u /* others take connections from the same socket at the same time */
#define GW_HTTP_KEPT   2u /* somebody keeps it open beyond our end, and what waits in it is served later */
/** A listening socket to take connections from; fd is duplicated. */
aigw_status gw_http_add_listener(struct gw_http *http, int fd, unsigned flags, struct gw_err *reterr);
/** Begin to. On the loop's thread once that runs. */
aigw_status gw_http_accept(struct gw_http *http);
/** All exchanges must be done or are cut now (on_gone, on_done). */
void gw_http_free(struct gw_http *http);
/** New certificate for connections from now on; running ones keep theirs. On failure the old one stays. */
aigw_status gw_http_set_tls(struct gw_http *http, const struct gw_http_tls *tls, struct gw_err *reterr);
/** CIDR list of proxies whose X-Forwarded-For / X-Forwarded-Proto count. Borrowed strings. */
aigw_status gw_http_set_trusted_proxies(struct gw_http *http, const char *const *cidrs, size_t count,
                                        struct gw_err *reterr);
/** Path prefix under which everything answers too, such as "/ai" (D28); NULL for none. Borrowed. */
void gw_http_set_prefix(struct gw_http *http, const char *prefix);
/** Serve on, but let go of clients: every answer from now on says "connection: close", so that they look for another
 *  server behind the balancer. */
void gw_http_leave(struct gw_http *http);
enum gw_drain {
    GW_DRAIN_NOT = 0,
    GW_DRAIN_END,         /* nobody listens any more: who waits in the kernel's queue is served too */
    GW_DRAIN_HANDED_OVER, /* another process has the listeners: who waits there is its own */
};
/** Stop accepting, serve what has arrived, and leave (above). Kept connections may still ask once, for half a second
 * or, handed over, two: no answer told their clients to ask elsewhere. */
void gw_http_drain(struct gw_http *http, enum gw_drain how);
/** True when nobody waits for an answer any more, nothing of a request is being read, and idle connections are closed.
 */
bool gw_http_is_drained(const struct gw_http *http);
/** Requests in progress. */
uint32_t gw_http_open_exchanges(const struct gw_http *http);
uint32_t gw_http_open_connections(const struct gw_http *http);
/** Streams whose client is behind: what it has not taken went beyond backlog_high, and half of that is not gone yet. */
uint32_t gw_http_full_streams(const struct gw_http *http);

/** First occurrence of a request header, any case; absent string if none. */
aigw_str gw_http_request_header(const struct gw_exchange *ex, const char *name);
/** End GW_HEAD_WAIT with GW_HEAD_READ or GW_HEAD_ANSWERED. */
void gw_http_head_done(struct gw_exchange *ex, int decision);
/** Give the request body's memory back early. */
void gw_http_free_body(struct gw_exchange *ex);

/** Whole answer of at most GW_HTTP_ANSWER_MAX bytes; body and headers are copied. The server adds date, server,
 * content-length, x-request-id, x-process-time and CORS (D18, D27). False when an answer was already begun, or its head
 * is more than 1 MiB. */
bool gw_http_reply(struct gw_exchange *ex, int status, const char *content_type, aigw_str body,
                   const struct gw_http_header *headers, size_t header_count);

#define GW_HTTP_ANSWER_MAX ((size_t)32 << 20) /* bytes of a whole answer, and of a stream that its client is behind */

#define GW_WRITE_OK    0
#define GW_WRITE_FULL  1 /* taken, but the backlog is high: stop until on_drain */
#define GW_WRITE_GONE  2 /* the client left */
#define GW_WRITE_LIMIT 3 /* not taken: the client would be more than GW_HTTP_ANSWER_MAX behind. Break it off */
/** Begin a body of unknown length. The headers go out at the end of this turn of the loop. False when an
 *  answer was already begun or the client left. */
bool gw_http_stream_begin(struct gw_exchange *ex, int status, const char *content_type,
                          const struct gw_http_header *headers, size_t header_count);
/** What is written during one turn of the loop goes out together at its end, or at once beyond 16 kB. */
int gw_http_stream_write(struct gw_exchange *ex, aigw_str bytes);
/** GW_WRITE_OK, GW_WRITE_FULL until on_drain, GW_WRITE_GONE when nothing can be written (any more). */
int gw_http_stream_state(const struct gw_exchange *ex);
void gw_http_stream_end(struct gw_exchange *ex);
/** Break the connection, at the end of this turn: no terminating chunk. on_done follows, on_gone does not. */
void gw_http_abort(struct gw_exchange *ex);
bool gw_http_is_answered(const struct gw_exchange *ex); /* reply or stream_begin was called */

/** D17 normal form of a request target's path. False when the percent-encoding is broken, NUL appears, or a dot
 *  segment does. `prefix` (such as "/ai", may be NULL) is dropped when present. Result in `arena`. */
bool gw_path_normalize(struct gw_arena *arena, aigw_str raw_path, const char *prefix, aigw_str *ret_path);

/** New limits; what is under way keeps the deadline it has. header_max stays: it sizes memory at the start. */
void gw_http_set_limits(struct gw_http *http, const struct gw_http_limits *limits);
/** What gw_http_set_tls() would say, without a listener. */
aigw_status gw_http_check_tls(const struct gw_http_tls *tls, struct gw_err *reterr);

#endif
