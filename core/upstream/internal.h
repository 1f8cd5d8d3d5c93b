/* internal.h - shared by the files of this folder only.
 *
 *     transfer.c   a transfer: start, cancel, resume, its one timer, its end
 *     request.c    the bytes of its request
 *     answer.c     bytes from a connection → http1.c → base/unpack.c → the caller
 *     conn.c       a connection: handshakes, tunnel, sending, reading, its end
 *     connect.c    how a socket comes to be: libcurl
 *     pool.c       origins and their idle connections
 *     report.c     how a transfer ended, in words
 *     url.c        what a URL says
 *     upstream.c   the worker's whole: options, memory that goes at the end of a turn
 *     states.c     what may follow what
 *     http1.c, tls.c, trust.c, address.c, proxy.c   know nothing of the rest
 *
 * Callers are told things from the loop only: start() and resume() put the transfer on the list `waiting`, which a task
 * works off. Any callback may cancel anything: structs that are over stay in memory until the end of the turn, and
 * whoever called back looks at `conn->transfer` before it goes on.
 */
#ifndef GW_UPSTREAM_INTERNAL_H
#define GW_UPSTREAM_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/unpack.h"
#include "loop/loop.h"
#include "upstream/address.h"
#include "upstream/http1.h"
#include "upstream/states.h"
#include "upstream/tls.h"
#include "upstream/trust.h"
#include "upstream/upstream.h"

#define GW_READ_MAX 65536u /* one read; also what is unpacked at a time */

TAILQ_HEAD(gw_transfer_list, gw_transfer);
TAILQ_HEAD(gw_conn_list, gw_conn);
LIST_HEAD(gw_csock_list, gw_csock);

/** What a URL says. The same few come again and again and are remembered. A URL may hold a key: never shown. */
struct gw_url {
    uint32_t refs;
    uint32_t hash; /* of scheme, host and port */
    uint16_t port;
    bool is_https;
    char *host;            /* lower case, an IPv6 address in brackets, no zone */
    char *bare_host;       /* without brackets */
    char *authority;       /* for Host: the port only when it is not the scheme's */
    char *connect;         /* for libcurl: "http://host:port/", whatever the scheme */
    char *target;          /* path and query */
    const char *forbidden; /* why the address policy is against the host as written, NULL: it is not */
    char text[];           /* as it was given */
};

/** Where connections may be shared: scheme, host, port, proxy, trust, address policy. */
struct gw_origin {
    struct gw_origin *next; /* of the same hash */
    struct gw_upstream *up;
    uint32_t refs; /* transfers and connections */
    uint32_t idle_count;
    struct gw_url *url; /* one of its URLs */
    const struct gw_proxy *proxy;
    struct gw_trust *trust;       /* of the server; NULL: plain HTTP */
    struct gw_trust *proxy_trust; /* of an https proxy: always verified, and shown no client certificate */
    bool is_checked;
    struct gw_conn_list idle; /* last used first */
    struct gw_ticket ticket, proxy_ticket;
    int64_t unused_ms; /* since when, with refs 0 */
};

struct gw_connect; /* connect.c */
struct gw_tunnel;  /* conn.c */

/* Here as elsewhere what every event of a stream looks at comes first: with thousands of streams each event finds
 * everything it touches out of the cache. */
struct gw_conn {
    struct gw_fd fd;
    struct gw_upstream *up;
    struct gw_transfer *transfer;
    struct gw_tls *proxy_tls, *tls;
    uint8_t state;   /* enum gw_conn_state */
    bool is_hup;     /* the other side has closed; what it sent before may be there to read */
    bool is_unread;  /* plain: there may be more, and no edge will say so */
    uint32_t served; /* whole answers */
    aigw_str rest;   /* of what is being read, while answer.c works */
    char *kept;      /* what was read and not taken before a pause */
    size_t kept_len;
    struct gw_origin *origin;
    struct gw_connect *connect;     /* while CONNECTING */
    struct gw_tunnel *tunnel;       /* while TUNNEL */
    TAILQ_ENTRY(gw_conn) in_origin; /* while idle */
    TAILQ_ENTRY(gw_conn) in_worker; /* while idle or closed */
    int64_t expires_ms;             /* while idle */
};

/** A request on its way out. */
struct gw_outgoing {
    bool is_sent;
    bool is_dead; /* the connection took no more; an early answer may be there to read */
    size_t sent;  /* of head and body together */
    char *head;   /* ours; request line, headers, empty line */
    size_t head_len;
    aigw_str body; /* the caller's until the answer's head came, then `body_copy` */
    char *body_copy;
};

struct gw_transfer {
    struct gw_upstream *up;
    struct gw_conn *conn;
    struct gw_transfer_events events;
    struct gw_unpack *unpack;
    int64_t last_ms; /* connecting: since when; then: the last sign of life */
    size_t body_max, received;
    uint32_t flags;
    uint8_t state; /* enum gw_transfer_state */
    bool is_head_request;
    bool must_be_fresh; /* sent once already, on a pooled connection that had ended */
    bool was_reused, got_bytes;
    struct gw_http1 answer;
    struct gw_outgoing out;
    TAILQ_ENTRY(gw_transfer) entry; /* in the list that its state belongs to */
    struct gw_url *url;
    struct gw_origin *origin;                        /* NULL: refused, goes nowhere */
    struct gw_timer timer;                           /* connect, idle and total limit in one, armed lazily */
    const char *refusal;                             /* of the URL: why nothing is called */
    int64_t started_us, connect_us, first_byte_us;   /* the first absolute, the others spans */
    int64_t connect_ms, idle_ms, total_ms, start_ms; /* limits, and the loop's time at the start */
    uint32_t drained;                                /* while LEAVING */
};

/** Connections under construction. */
struct gw_connector {
    CURLM *multi;
    struct gw_timer timer; /* what libcurl asked for */
    struct gw_task kick;   /* it asked for "now" */
    struct gw_timer poke;  /* see connect.c */
    struct gw_csock_list socks;
    uint32_t under_way;
    int taking_fd; /* the socket that libcurl must not close, -1: none */
};

#define GW_URLS_KEPT    16u
#define GW_ORIGIN_SLOTS 64u
#define GW_IDLE_MS      60000
#define GW_CONNS_IDLE   4096u /* of one worker */
#define GW_ORIGINS_IDLE 1024u /* without a connection, kept for their tickets */
#define GW_LEAVE_MS     100
#define GW_LEAVE_MAX    16384u /* bytes that may come in that time */
#define GW_CONNECT_MS   10000
#define GW_CHUNK_MAX    GW_TLS_RECORD_MAX
#define GW_FAULT_MAX    960u

struct gw_upstream {
    struct gw_loop *loop;
    struct gw_upstream_options options;
    struct gw_proxies proxies;
    struct gw_connector connector;
    struct gw_trust_store *trusts_store;
    struct gw_trust_store *own_store; /* when the caller has none */
    struct gw_trust *trusts;
    struct gw_url *urls[GW_URLS_KEPT]; /* by hash of the text; NULL: empty */
    struct gw_origin *origins[GW_ORIGIN_SLOTS];
    uint32_t unused_origins;
    struct gw_conn_list idle; /* longest idle first */
    uint32_t idle_count;
    struct gw_timer sweep;
    struct gw_transfer_list active, waiting, over;
    uint32_t waiting_count;
    struct gw_task work;        /* works off `waiting` */
    struct gw_conn_list closed; /* goes at the end of the turn, as `over` does */
    struct gw_task reap;        /* … by this */
    uint32_t transfer_count, connection_count;
    char *in;       /* GW_READ_MAX: what was read, as plain bytes */
    char *ahead;    /* GW_TLS_AHEAD_MAX: what a socket gave to TLS */
    char *unpacked; /* GW_READ_MAX: what an answer unpacks to */
    char *chunk;    /* GW_CHUNK_MAX: head and body put together for TLS */
};

/** Why a transfer ends badly. */
struct gw_fault {
    int kind;
    char words[GW_FAULT_MAX]; /* what follows "host:port: " */
};

/* upstream.c */
/** One of the worker's buffers, made when it is needed first. NULL when out of memory. */
char *gw_up_buffer(char **buffer, size_t size);
void gw_up_reap_later(struct gw_upstream *up);

/* url.c */
/** Find or make *ret_url, counted; *ret_refusal says why the scheme is not called. */
aigw_status gw_url_parse(struct gw_upstream *up, const char *text, struct gw_url **ret_url, const char **ret_refusal,
                         struct gw_err *reterr);
/** NULL is fine. */
void gw_url_unref(struct gw_url *url);

/* request.c */
/** Check the request and write its head. */
aigw_status gw_request_build(struct gw_transfer *transfer, const struct gw_transfer_request *request,
                             struct gw_err *reterr);
/** The caller's memory is free again: keep what was not sent. False when out of memory. */
bool gw_request_release(struct gw_outgoing *out);
void gw_request_done(struct gw_outgoing *out);

/* pool.c */
/** Counted; NULL when out of memory. tls NULL: the system's CAs. */
struct gw_origin *gw_origin_get(struct gw_upstream *up, struct gw_url *url, const struct gw_proxy *proxy,
                                const struct gw_upstream_tls *tls, bool is_checked);
void gw_origin_unref(struct gw_origin *origin);
/** An idle connection, no longer in the pool, or NULL. */
struct gw_conn *gw_pool_take(struct gw_origin *origin);
/** Keep an idle connection; keep_s: what the server said, 0: nothing. False: there is no room. */
bool gw_pool_put(struct gw_conn *conn, uint32_t keep_s);
/** Take this one out. */
void gw_pool_remove(struct gw_conn *conn);
void gw_pool_close_all(struct gw_upstream *up);
void gw_pool_done(struct gw_upstream *up);
void gw_pool_on_sweep(struct gw_timer *timer);

/* connect.c */
bool gw_connector_init(struct gw_upstream *up);
void gw_connector_done(struct gw_upstream *up);
/** Begin; gw_conn_connected() or gw_conn_failed() follows from the loop. False when out of memory. */
bool gw_connect_start(struct gw_conn *conn);
void gw_connect_cancel(struct gw_conn *conn);
CURL *gw_connect_easy(const struct gw_connect *connect);
/** The address policy's word on the last address that was tried, NULL: allowed. */
const char *gw_connect_refusal(const struct gw_connect *connect);
const char *gw_connect_error_text(const struct gw_connect *connect);

/* conn.c */
/** Make a connection for a transfer. False when out of memory. */
bool gw_conn_open(struct gw_transfer *transfer);
void gw_conn_connected(struct gw_conn *conn, int fd);
void gw_conn_failed(struct gw_conn *conn, const struct gw_fault *fault);
/** Take the transfer and send its request. */
void gw_conn_carry(struct gw_conn *conn, struct gw_transfer *transfer);
/** Read and hand on until there is nothing left, then wait. */
void gw_conn_read(struct gw_conn *conn);
/** As recv(), with GW_IO_ codes. */
ssize_t gw_conn_recv(struct gw_conn *conn, char *bytes, size_t len);
/** Something was read ahead that epoll does not know of. */
bool gw_conn_has_more(const struct gw_conn *conn);
/** Wait for what the transfer needs next; it ends when that cannot be had. */
void gw_conn_wait(struct gw_conn *conn);
/** Stop reading; what TLS has read ahead is kept. False when out of memory. */
bool gw_conn_pause(struct gw_conn *conn);
/** Its transfer is over: back into the pool when that may be, else closed. */
void gw_conn_release(struct gw_conn *conn);
void gw_conn_close(struct gw_conn *conn);
void gw_conn_free(struct gw_conn *conn);

/* answer.c */
/** Hand on what was read. False when the connection must not be read any further now. */
bool gw_answer_feed(struct gw_conn *conn, aigw_str bytes);
/** The connection ended; `why` is a GW_IO_ code. */
void gw_answer_cut(struct gw_conn *conn, ssize_t why);
/** After a pause: hand on what was kept, then read. */
void gw_answer_go_on(struct gw_conn *conn);
/** Give others their turn: pause, and go on with the loop's next round. */
void gw_answer_rest(struct gw_conn *conn);
/** Nobody wants the rest: skip what is at hand. If that ends the answer the connection may be kept. */
void gw_answer_skip(struct gw_conn *conn, struct gw_transfer *transfer);
/** Its transfer is LEAVING: read on for the end of the framing. */
void gw_answer_drain(struct gw_conn *conn);

/* transfer.c */
/** False, and nothing moved, when this must not happen in this state. */
bool gw_transfer_move(struct gw_transfer *transfer, enum gw_transfer_event event);
void gw_transfer_sign_of_life(struct gw_transfer *transfer);
/** See that the timer fires when one of the limits may be over. */
void gw_transfer_arm(struct gw_transfer *transfer);
/** The end, told to the caller; fault NULL: all is well. The connection, if still there, is closed. */
void gw_transfer_end(struct gw_transfer *transfer, const struct gw_fault *fault);
/** The same with fixed words. */
void gw_transfer_fail(struct gw_transfer *transfer, int kind, const char *words);
/** The pooled connection had ended before a byte of an answer: once more on a fresh one. */
void gw_transfer_again(struct gw_transfer *transfer);
void gw_transfer_free(struct gw_transfer *transfer);
void gw_transfer_on_work(struct gw_task *task);

/* report.c */
/** libcurl could not connect; CURLE_OPERATION_TIMEDOUT also for our own limit. */
void gw_fault_of_connect(struct gw_fault *ret_fault, const struct gw_conn *conn, CURLcode code);
/** TLS failed, in the handshake or, with `is_late`, as the answer to the request. */
void gw_fault_of_tls(struct gw_fault *ret_fault, const struct gw_conn *conn, const struct gw_tls *tls, bool is_late);
/** The proxy refused the tunnel. */
void gw_fault_of_tunnel(struct gw_fault *ret_fault, int status);
/** The connection broke; `why` is a GW_IO_ code. */
void gw_fault_of_cut(struct gw_fault *ret_fault, const struct gw_conn *conn, ssize_t why);
/** The limit that is over: connect, idle or total. */
void gw_fault_of_time(struct gw_fault *ret_fault, const struct gw_transfer *transfer, bool is_total);
void gw_report(const struct gw_transfer *transfer, const struct gw_fault *fault, char *text, size_t text_size,
               struct gw_transfer_result *ret_result);

#endif
