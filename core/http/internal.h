/* internal.h - what the files of core/http share.
 *
 * Who owns the socket when: libmicrohttpd reads requests, writes whole answers and the headers of streams. While a
 * connection is *suspended* libmicrohttpd does not touch it; then we may write to it ourselves (stream.c, linger.c).
 * Every return to libmicrohttpd goes through http_conn_resume(), and never with unsent bytes in conn->out.
 */
#ifndef GW_HTTP_INTERNAL_H
#define GW_HTTP_INTERNAL_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "http/http.h"

/* The first memory of an exchange's arena lies behind the exchange: most requests, an idle stream above all, need no
 * other block. Together with the exchange it fills 3.5 KiB. */
#define EX_ROOM 2880u

/* What the connection's timer guards at the moment. */
enum {
    DEADLINE_NONE = 0, /* the pipeline has its own */
    DEADLINE_IDLE,     /* waiting for the next request */
    DEADLINE_HEADER,
    DEADLINE_BODY,  /* up to here: waiting for bytes of the client */
    DEADLINE_STALL, /* answer is being written; no progress for write_stall_ms */
    DEADLINE_LINGER,
};

/* Where an exchange stands. */
enum {
    PHASE_LINE = 0,  /* request line seen, headers not complete */
    PHASE_HEAD_WAIT, /* on_head answered GW_HEAD_WAIT */
    PHASE_BODY,      /* body arriving (or being drained) */
    PHASE_WORK,      /* request complete, the pipeline works */
    PHASE_QUEUED,    /* libmicrohttpd has the answer */
    PHASE_LINGER,    /* we wrote the answer ourselves and wait for the client to go */
};

struct http_ex;

/** One TLS configuration; connections keep the one they began with. */
struct http_tls {
    uint32_t refs;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    bool wants_client_cert;
};

struct http_conn {
    struct gw_fd watch; /* RDHUP and OUT, edge-triggered, registered once */
    struct gw_timer timer;
    int64_t deadline_ms; /* monotonic; the timer may fire earlier and is then set again */
    uint64_t acked;      /* bytes the peer had acknowledged when the stall deadline was set */
    struct gw_http *http;
    struct http_lane *lane;
    struct MHD_Connection *mhd;
    gnutls_session_t session; /* NULL: plain */
    struct http_tls *tls;
    struct http_ex *ex;
    struct http_conn *prev, *next;
    struct gw_buf out;    /* bytes we have to write ourselves */
    size_t out_at;        /* sent so far of out */
    char *pool;           /* libmicrohttpd's mapping for this connection; NULL: not known for certain */
    size_t lingered;      /* bytes thrown away while lingering */
    uint8_t deadline;     /* DEADLINE_* */
    uint8_t stalled;      /* looks without progress in a row */
    bool is_tls_flushing; /* GnuTLS holds an encrypted record it could not send */
    bool is_hup;          /* the client closed its side */
    bool is_shut;         /* we shut the socket down */
    bool is_over_cap;
    bool is_suspended;
    bool did_finish_linger;
    bool had_exchange;
    bool is_trimmed; /* since it became idle */
    uint16_t peer_port;
    char peer_ip[INET6_ADDRSTRLEN];
};

struct http_ex {
    struct gw_exchange pub;
    struct http_conn *conn;
    const char *target_at; /* where the target begins in libmicrohttpd's memory */
    struct gw_buf body;
    struct MHD_Response *reply; /* built, not yet given to libmicrohttpd */
    aigw_str reply_body;        /* kept when the answer may have to be written by ourselves */
    uint64_t content_length;
    size_t drained;   /* bytes of an unwanted body thrown away */
    uint8_t phase;    /* PHASE_* */
    uint8_t decision; /* of gw_http_head_done(), 0: none yet */
    bool has_length;
    bool is_chunked;
    bool wants_continue;
    bool has_origin;
    bool is_begun; /* on_head was called */
    bool is_answered;
    bool is_stream;
    bool is_direct; /* stream headers are out: we write */
    bool is_ended;  /* gw_http_stream_end() */
    bool is_full;
    bool did_close;  /* the body ended with the connection, as it should on HTTP/1.0 */
    bool is_cut;     /* the connection has to go without a (complete) answer */
    bool must_close; /* answer with "connection: close" */
    _Alignas(16) char room[EX_ROOM];
};

struct http_cidr {
    uint8_t address[16]; /* IPv4 is mapped */
    uint8_t bits;
};

/* A resume makes libmicrohttpd walk all suspended connections of its daemon; with 8,000 idle streams that was 0.4 ms
 * per request. So a worker has several daemons, filled one after the other: a walk stays short, and a worker with few
 * connections runs one daemon only. */
#define LANE_CONNS 512
#define LANES_MAX  32

struct http_lane {
    struct gw_http *http;
    struct MHD_Daemon *daemon;
    struct gw_fd watch; /* the daemon's epoll descriptor */
    uint32_t open_connections;
    bool is_ready;
    bool must_run; /* a connection was added, resumed or left with work */
};

struct gw_http {
    struct gw_loop *loop;
    struct gw_http_handler handler;
    struct gw_http_limits limits;
    struct http_lane *lanes[LANES_MAX];
    uint32_t lane_count;
    struct gw_fd listener;        /* fd < 0: closed */
    struct gw_timer listen_again; /* after running out of descriptors */
    struct gw_hook hook;
    struct http_tls *tls;
    struct http_conn *conns;
    struct http_ex *corked; /* whose writes are being collected */
    struct gw_buf cork;     /* them; the memory is kept */
    struct http_cidr *proxies;
    size_t proxy_count;
    const char *prefix;
    int64_t date_s;
    int64_t last_note_ms; /* refusals are logged at most once a second */
    uint64_t refused;     /* since then */
    uint32_t open_exchanges;
    uint32_t open_connections;
    uint16_t port;
    bool is_tls;
    bool is_draining;
    bool is_stopping;
    bool knows_layout; /* hygiene.c may check libmicrohttpd's header block byte by byte */
    char date[40];
};

static inline struct http_ex *http_ex_of(struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex, struct http_ex, pub);
}

/* Progress of a slow client is what its kernel acknowledges: libmicrohttpd reports none, and EPOLLOUT comes only after
 * a third of the send buffer is free again. Look this often per write_stall_ms. */
#define STALL_LOOKS 4
static inline int64_t http_stall_look_ms(const struct gw_http *http)
{
    return http->limits.write_stall_ms / STALL_LOOKS + 1;
}

/** Memory libmicrohttpd gets per connection: the header block, and besides it the parsed headers and the answer's. */
static inline size_t http_pool_size(const struct gw_http *http)
{
    return http->limits.header_max + 5120;
}

/* trim.c */
/** Find out where libmicrohttpd's memory for this connection is, once the first request is complete. method: as
 *  libmicrohttpd hands it over, where the request begins. */
void http_trim_learn(const struct http_ex *ex, const char *method);
/** Give back what holds nothing. */
void http_trim(struct http_conn *conn);

/* conn.c */
struct http_conn *http_conn_new(struct http_lane *lane, struct MHD_Connection *mhd);
void http_conn_free(struct http_conn *conn);
void http_conn_deadline(struct http_conn *conn, int deadline, int64_t delay_ms);
void http_conn_suspend(struct http_conn *conn);
void http_conn_resume(struct http_conn *conn);
struct tcp_info;
/** What the kernel knows; libmicrohttpd does not tell how far it is with an answer. */
bool http_conn_tcp_info(const struct http_conn *conn, struct tcp_info *ret_info);
/** Nothing came in for a while: between two requests. */
void http_conn_idle(struct http_conn *conn);
/** Has anything gone out on this connection? */
bool http_conn_was_written(const struct http_conn *conn);
/** shutdown(2) both ways: libmicrohttpd notices and closes. */
void http_conn_shut(struct http_conn *conn);
/** Nothing more will be written: say so to the client, once. */
void http_conn_close_writing(struct http_conn *conn);
/** Send what is in conn->out. False when the connection is broken. *ret_progress: some byte was accepted. */
bool http_conn_flush(struct http_conn *conn, bool *ret_progress);
/** Send these bytes now if nothing waits before them, keep the rest in conn->out. False when broken or over max. */
bool http_conn_send(struct http_conn *conn, const struct iovec *parts, int count);
static inline bool http_conn_has_unsent(const struct http_conn *conn)
{
    return conn->out.len > conn->out_at || conn->is_tls_flushing;
}

/* lane.c */
struct http_lane *http_lane_new(struct gw_http *http, struct gw_err *reterr);
/** No connection of it may be suspended. */
void http_lane_free(struct http_lane *lane);
/** Where the next connection goes. */
struct http_lane *http_lane_pick(struct gw_http *http);
/** Hook: let libmicrohttpd work. */
int64_t http_lanes_prepare(struct gw_hook *self);
void http_lanes_run(struct gw_hook *self);

/* linger.c */
/** Write this answer ourselves, then close in a way that lets the client read it although it is still sending. */
void http_linger(struct http_ex *ex);
void http_linger_event(struct http_conn *conn);
void http_linger_finish(struct http_conn *conn);
/** Say 400 where libmicrohttpd closed without a word. Does nothing when it did answer. */
void http_answer_garbage(struct http_conn *conn);

/* exchange.c */
void *http_on_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *data_len, void **con_cls);
void http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code);
/** Tell the pipeline, once, that nobody waits for this answer any more. */
void http_gone(struct http_ex *ex);
/** Gone, and let libmicrohttpd drop the connection. */
void http_gone_and_cut(struct http_ex *ex);

/* hygiene.c */
struct http_refusal {
    int status;
    const char *content_type;
    const char *body;
    const char *why; /* for the log */
};
/** Read the headers once: fill what ex keeps of them, refuse what could be read differently by somebody else. */
bool http_check_head(struct http_ex *ex, const char *method, const char *version, struct http_refusal *ret_refusal);

/* reply.c */
/** Remember the answer in ex->reply. `keep_body`: it may have to be written by ourselves. */
bool http_build_reply(struct http_ex *ex, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count, bool keep_body);
bool http_add_headers(struct http_ex *ex, struct MHD_Response *response, const char *content_type,
                      const struct gw_http_header *headers, size_t header_count);
/** An answer of the server itself. */
bool http_reply_self(struct http_ex *ex, int status, const char *content_type, const char *body);
/** Give ex->reply to libmicrohttpd. False when it refuses. */
bool http_queue(struct http_ex *ex);
const char *http_date(struct gw_http *http);
void http_note_refusal(struct gw_http *http, const char *why);

/* stream.c */
void http_stream_writable(struct http_ex *ex);

/* forwarded.c */
void http_set_client(struct http_ex *ex, aigw_str forwarded_for, aigw_str forwarded_proto);

/* tls.c */
struct http_tls *http_tls_new(const struct gw_http_tls *options, struct gw_err *reterr);
void http_tls_unref(struct http_tls *tls);
/** Give a new connection the present configuration. */
bool http_tls_attach(struct http_tls *tls, gnutls_session_t session);
/** Never used: every connection gets its own credentials; libmicrohttpd wants to be given something. */
int http_tls_no_certificate(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_count,
                            const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_certs,
                            unsigned int *ret_count, gnutls_privkey_t *ret_key);

#endif
