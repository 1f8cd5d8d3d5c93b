/* internal.h - what the files of core/http share.
 *
 * The client's socket, and TLS on it, are ours from accept() to close(). libmicrohttpd never sees it: it is handed
 * judged requests over a socket pair (channel.c), reads them, and says what it found. Everything a pipeline has to hear
 * is delivered at the end of a turn (http_conn_turn()), never from inside a function that it called.
 *
 *   server.c    listeners, accepting, life of the server, draining
 *   conn.c      a connection: its state, deadlines, reading, the end of a turn
 *   io.c        bytes on and off the socket, plain or TLS        tls.c       certificates, sessions
 *   head.c      is this head one that nobody can read differently?
 *   channel.c   libmicrohttpd reads the request                  request.c   what comes out of it   body.c   … unpacked
 *   known.c     heads that it has read before
 *   exchange.c  the exchange's state, and telling the pipeline   machine.c   both state machines as tables
 *   reply.c     whole answers                                    stream.c    answers of unknown length
 */
#ifndef GW_HTTP_INTERNAL_H
#define GW_HTTP_INTERNAL_H

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "base/network.h"
#include "http/http.h"
#include "http/machine.h"

/* The first memory of an exchange's arena lies behind the exchange: most requests, an idle stream above all, need no
 * other block. Together with the exchange it fills 3.5 KiB. */
#define EX_ROOM 2688u

#define IN_SIZE        65536u /* bytes taken off a socket at once */
#define COLLECT_MAX    16384u /* bytes of one stream collected before the end of the turn */
#define OUT_ROOM       2048u  /* what the events of a turn mostly need */
#define OUTS_KEPT      16
#define BLANK_LINES    2     /* ignored before a request, RFC 9112 §2.2 */
#define CHUNK_HEAD_MAX 4096u /* a chunk's size line with extensions, and a trailer section */

/* What the connection's timer guards at the moment. */
enum {
    DEADLINE_NONE = 0, /* the pipeline has its own */
    DEADLINE_CLIENT,   /* the client has to send something */
    DEADLINE_STALL,    /* it has to take something: no progress for write_stall_ms */
};

struct http_ex;
struct http_channel;
struct http_known;
struct known_head;

/** One TLS configuration; connections keep the one they began with. */
struct http_tls {
    uint32_t refs;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    bool wants_client_cert;
};

struct http_conn {
    struct gw_fd watch; /* IN, RDHUP and OUT, edge-triggered, registered once */
    struct gw_http *http;
    struct http_ex *ex;       /* in CONN_BUSY */
    gnutls_session_t session; /* NULL: plain */
    uint8_t state;            /* enum http_conn_state */
    uint8_t deadline;         /* DEADLINE_* */
    uint8_t stalled;          /* looks without progress in a row */
    uint8_t blank_lines;
    /* facts about the socket, not progress */
    bool is_readable;     /* as far as epoll said */
    bool is_blocked;      /* takes nothing until EPOLLOUT */
    bool is_hup;          /* the client closed its side */
    bool is_eof;          /* and everything it sent was read */
    bool is_tls_flushing; /* GnuTLS holds an encrypted record it could not send */
    bool is_over_cap;
    bool was_silent; /* draining: nothing came since the last look */
    bool is_in_turn;
    uint16_t peer_port;
    struct http_conn *turn_next; /* in the list of those with something to do at the end of the turn */
    struct gw_buf out;           /* has to go out */
    size_t out_at;               /* sent so far of out */
    struct gw_buf in;            /* came, but is not eaten yet: part of a head, or what follows the present request */
    size_t scanned;              /* of the head that begins in `in` */
    size_t wasted;               /* bytes thrown away while lingering */
    struct gw_timer timer;
    int64_t deadline_ms; /* monotonic; the timer may fire earlier and is then set again */
    uint64_t acked;      /* bytes the peer had acknowledged when the stall deadline was set */
    struct http_tls *tls;
    struct http_conn *prev, *next;
    char peer_ip[INET6_ADDRSTRLEN];
};

/** A header line of the request, in the exchange's arena; name and value end with a NUL. */
struct http_header {
    const char *line; /* begins with the name */
    uint32_t name_len;
    uint32_t value_at;
    uint32_t value_len;
    bool is_ours; /* the library is not told of it */
};

struct http_ex {
    struct gw_exchange pub;
    struct http_conn *conn;
    const struct gw_http_handler *handler; /* whom to tell; NULL: the pipeline never heard of it */
    uint8_t state;                         /* enum http_ex_state */
    /* facts about the request */
    bool is_known; /* the library has read such a head before: it is not asked */
    bool is_chunked;
    bool wants_continue;
    bool has_cookies;
    bool asks_to_close; /* by its version or its connection header; the library then closes its channel, too */
    bool must_close;    /* no request may follow this one */
    struct http_channel *channel; /* while the library reads the request */
    struct known_head *known;     /* where its head is kept (known.c); NULL: nowhere */
    struct http_header *headers;
    uint32_t header_count;
    uint32_t length_index; /* of its content-length */
    uint32_t known_turn;   /* … unless another took its place */
    struct gw_buf body;
    struct gw_unpack *unpack; /* unpacks what comes; NULL: it comes as it is */
    uint64_t content_length;
    uint64_t body_left; /* of content_length: still to come from the client */
    uint64_t body_got;  /* what came of it, without the framing of chunks */
    size_t raw_since;   /* bytes of a chunked body the library got since it last gave any back */
    int64_t body_since_ms;
    _Alignas(16) char room[EX_ROOM];
};

/** A daemon of libmicrohttpd with its channels (channel.c). */
struct http_library {
    struct gw_http *http;
    struct MHD_Daemon *daemon;
    struct gw_fd watch; /* its epoll descriptor */
    struct http_channel *channels, *free_channels;
    uint32_t free_count;
    uint32_t begun; /* requests handed to it since it last ran */
    bool must_run;  /* it was given something */
};

/* Between two requests the library overwrites all its memory for a channel with zeros: small requests get little. */
enum {
    LIBRARY_SMALL = 0,
    LIBRARY_LARGE,
    LIBRARIES,
};

/** A socket from which connections are taken. The descriptor is ours alone: closing it closes the socket only when
 *  nobody else has one. */
struct http_listener {
    struct http_listener *next;
    struct gw_http *http;
    struct gw_fd watch;
    unsigned flags; /* GW_HTTP_SHARED … */
};

struct gw_http {
    struct gw_loop *loop;
    struct gw_http_handler handler;
    struct gw_http_limits limits;
    struct http_library libraries[LIBRARIES];
    struct http_known *known;
    struct MHD_Response *parsed;     /* what the library is told to answer: it goes nowhere */
    struct http_listener *listeners; /* until it drains */
    struct gw_timer listen_again;    /* after running out of descriptors */
    struct gw_timer drain_silent;    /* connections that say nothing while draining */
    struct gw_hook hook;
    struct gw_task turn;
    struct http_conn *turn_conns, **turn_tail;
    struct http_tls *tls;
    struct http_conn *conns;
    struct gw_buf head;    /* an answer's head, while it is put together; the memory is kept */
    char *outs[OUTS_KEPT]; /* memory of OUT_ROOM bytes for conn->out, the last used at the end: it is in the cache */
    uint32_t out_count;
    char *in;   /* IN_SIZE bytes off a socket */
    char *told; /* limits.header_max: what the library is told of a head */
    struct gw_network *proxies;
    size_t proxy_count;
    const char *prefix;
    int64_t date_s;
    int64_t last_note_ms;   /* refusals are logged at most once a second */
    uint64_t refused;       /* since then */
    int64_t accept_told_ms; /* when the log said that no connection can be accepted; 0: never */
    uint32_t open_exchanges;
    uint32_t open_connections;
    uint32_t full_streams; /* exchanges in EX_STREAM_FULL */
    enum gw_drain drain;
    bool is_tls;
    bool is_leaving; /* true while draining, too */
    char date[40];
};

static inline struct http_ex *http_ex_of(struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex, struct http_ex, pub);
}

/* Progress of a slow client is what its kernel acknowledges: EPOLLOUT comes only after a third of the send buffer is
 * free again. Look this often per write_stall_ms. */
#define STALL_LOOKS 4
static inline int64_t http_stall_look_ms(const struct gw_http *http)
{
    return http->limits.write_stall_ms / STALL_LOOKS + 1;
}

/* ---- conn.c */
/** Takes over fd, also when it fails. */
void http_conn_new(struct gw_http *http, int fd, const struct sockaddr_in6 *peer);
void http_conn_move(struct http_conn *conn, enum http_conn_event event);
/** Look after it at the end of this turn: write, tell, go on, free. Queueing twice is once. */
void http_conn_queue(struct http_conn *conn);
void http_conn_deadline(struct http_conn *conn, int deadline, int64_t delay_ms);
/** Read what is there, as far as somebody wants it. */
void http_conn_read(struct http_conn *conn);
/** The answer is out, no other request follows: say so, and wait for the client to go. */
void http_conn_linger(struct http_conn *conn);
/** Task: what was queued. */
void http_conns_turn(struct gw_task *self);
void http_conn_free(struct http_conn *conn);

/* ---- io.c */
/** >0 bytes, 0: nothing now (or the end: conn->is_eof), -1: broken. */
ssize_t http_conn_recv(struct http_conn *conn, char *bytes, size_t max);
/** Send what is in conn->out. False when the connection is broken. */
bool http_conn_flush(struct http_conn *conn);
/** Before something is put into conn->out: memory that was used a moment ago, if there is any. */
void http_out_begin(struct http_conn *conn);
/** Send these bytes now if nothing waits before them, keep the rest in conn->out. False when broken or over max. */
bool http_conn_send(struct http_conn *conn, const struct iovec *parts, int count);
/** Nothing more will be written: say so to the client. */
void http_conn_close_writing(struct http_conn *conn);
/** Bytes the peer has acknowledged, 0 when the kernel does not say. */
uint64_t http_conn_acked(const struct http_conn *conn);
/** Has the client's kernel everything that was written? */
bool http_conn_is_acknowledged(const struct http_conn *conn);
static inline size_t http_conn_backlog(const struct http_conn *conn)
{
    return conn->out.len - conn->out_at;
}
static inline bool http_conn_has_unsent(const struct http_conn *conn)
{
    return conn->out.len > conn->out_at || conn->is_tls_flushing;
}

/* ---- head.c */
struct http_refusal {
    int status;
    const char *content_type;
    const char *body;
    const char *why; /* for the log */
};
/** Length of the header block that begins here, 0: not complete, -1: no way to be one. *scanned is kept between calls
 *  for the same head. */
ssize_t http_head_scan(const char *bytes, size_t len, size_t *scanned);
/** Fill what ex keeps of a complete block; refuse what could be read differently by somebody else. */
bool http_head_judge(struct http_ex *ex, const char *bytes, size_t len, struct http_refusal *ret_refusal);
/** What the library is told of a judged head: without the lines that are ours. In memory of the server, until the next
 *  call. */
aigw_str http_head_told(const struct http_ex *ex, const char *bytes, size_t len);
struct http_refusal http_head_malformed(const char *why);
struct http_refusal http_head_too_large(void);

/* ---- channel.c */
bool http_channels_init(struct gw_http *http, struct gw_err *reterr);
void http_channels_done(struct gw_http *http);
int64_t http_channels_prepare(struct gw_hook *self);
void http_channels_run(struct gw_hook *self);
/** Hand a head to the library, as http_head_told() has it. False: it cannot take it. */
bool http_channel_begin(struct http_ex *ex, aigw_str told);
/** Hand over something of a chunked body. How much it took; 0: later. */
size_t http_channel_feed(struct http_ex *ex, const char *bytes, size_t len);
/** The client ended its side: no more comes. */
void http_channel_end(struct http_ex *ex);
/** Has the library looked at all it got? */
bool http_channel_is_idle(const struct http_ex *ex);
/** The exchange needs it no more. is_whole: all it waits for was handed over. */
void http_channel_leave(struct http_ex *ex, bool is_whole);

/* ---- known.c */
bool http_known_init(struct gw_http *http);
void http_known_done(struct gw_http *http);
/** Has the library read this head before, and found in it what we find? If not, that may be said later: */
bool http_known_find(struct http_ex *ex, aigw_str told);
/** It has. */
void http_known_agree(struct http_ex *ex);

/* ---- request.c: called by the library's callbacks */
/** False: it read the head differently, or nobody waits for it any more. */
bool http_request_parsed(struct http_ex *ex, struct MHD_Connection *mhd, const char *method, const char *url);
/** Something of a chunked body. */
void http_request_body(struct http_ex *ex, const char *bytes, size_t len);
/** The library has read all it was given. */
void http_request_read(struct http_ex *ex);
/** What both of them do for a head that is known. */
void http_request_known(struct http_ex *ex);
/** The library refused it, or failed. */
void http_request_failed(struct http_ex *ex, int status);
/** The body that is kept begins: unpacked, if it has to be, and with what came before anybody wanted it. What goes
 * wrong is answered: false. */
bool http_body_begin(struct http_ex *ex);
bool http_body_keep(struct http_ex *ex, const char *bytes, size_t len);
/** It is all there: is it whole? */
bool http_body_end(struct http_ex *ex);
void http_body_free(struct http_ex *ex);

/** on_body. */
void http_request_hand(struct http_ex *ex);
/** The client sends no more. */
void http_request_ended(struct http_ex *ex);
/** Bytes of the client for an exchange; how many it took. */
size_t http_request_take(struct http_ex *ex, const char *bytes, size_t len);
/** A request begins with this head. How many of all the bytes it took. */
size_t http_request_begin(struct http_conn *conn, const char *bytes, size_t head_len, size_t len);
void http_request_refuse(struct http_conn *conn, const struct http_refusal *refusal);
/** The rest of the body has to come in time. */
void http_request_await_rest(struct http_ex *ex);
/** Is there anything of the request that the client has still to send? */
bool http_request_has_rest(const struct http_ex *ex);

/* ---- exchange.c */
struct http_ex *http_ex_new(struct http_conn *conn);
/** The one way an exchange's state changes. False: the event was impossible, the exchange is cut. */
bool http_ex_move(struct http_ex *ex, enum http_ex_event event);
/** At the end of a turn: send, and tell the pipeline what has become of it. */
void http_ex_turn(struct http_ex *ex);

/* ---- reply.c */
/** An answer of the server itself. False when there is one already. */
bool http_reply_self(struct http_ex *ex, const struct http_refusal *refusal);
/** The head of an answer, in http->head. length: of the body; UINT64_MAX: a stream. */
bool http_put_head(struct http_ex *ex, int status, const char *content_type, uint64_t length,
                   const struct gw_http_header *headers, size_t header_count);
/** What is written as the body of such an answer is not sent. */
bool http_has_no_body(const struct http_ex *ex, int status);
void http_note_refusal(struct gw_http *http, const char *why);
static inline bool http_can_answer(const struct http_ex *ex)
{
    return ex->state == EX_HEAD || ex->state == EX_WAIT || ex->state == EX_WAIT_WHOLE || ex->state == EX_BODY ||
           ex->state == EX_READY || ex->state == EX_WORK;
}

/* ---- forwarded.c */
void http_set_client(struct http_ex *ex, aigw_str forwarded_for, aigw_str forwarded_proto);

/* ---- tls.c */
struct http_tls *http_tls_new(const struct gw_http_tls *options, struct gw_err *reterr);
void http_tls_unref(struct http_tls *tls);
/** A session with the present configuration on this socket. NULL: out of memory. */
gnutls_session_t http_tls_session(const struct http_tls *tls, int fd);

/** RFC 9110 token and field value. */
bool http_is_token(const char *text, size_t len);
bool http_is_field_value(const char *text, size_t len);

#endif
