/* machine.h - the two state machines of the client side, as pure tables: docs/architecture.md, "The exchange", draws
 * them. A connection has one owner at a time, and its state says who; an exchange is one request and its answer.
 */
#ifndef GW_HTTP_MACHINE_H
#define GW_HTTP_MACHINE_H

/** Where a connection stands. */
enum http_conn_state {
    CONN_NONE = 0,  /* in tables: there is no such transition */
    CONN_HANDSHAKE, /* TLS is being agreed on */
    CONN_FRESH,     /* nothing came yet */
    CONN_IDLE,      /* between two requests */
    CONN_HEAD,      /* a part of a request's head is there */
    CONN_BUSY,      /* conn->ex has it */
    CONN_LINGER,    /* the last answer is written; what still comes is thrown away, lest a reset destroys the answer */
    CONN_CLOSED,    /* nobody's; freed at the end of the turn */
    CONN_STATES,
};

enum http_conn_event {
    CONN_SECURED = 0, /* the handshake is done */
    CONN_BYTES,       /* a head begins */
    CONN_REQUEST,     /* the head is whole: an exchange takes over */
    CONN_NEXT,        /* the exchange is done, another may follow */
    CONN_LAST,        /* the exchange is done, no other follows */
    CONN_CLOSE,       /* the client left, a deadline passed, the exchange was cut */
    CONN_EVENTS,
};

/** Where an exchange stands. */
enum http_ex_state {
    EX_NONE = 0,    /* in tables: there is no such transition */
    EX_NEW,         /* the head was judged, the library reads it; the pipeline knows nothing yet */
    EX_HEAD,        /* on_head runs */
    EX_WAIT,        /* on_head answered GW_HEAD_WAIT */
    EX_WAIT_WHOLE,  /* the same, and the request is complete */
    EX_BODY,        /* the body comes in for the pipeline */
    EX_READY,       /* the request is complete and wanted: on_body is due */
    EX_WORK,        /* on_body was called, the pipeline works */
    EX_DRAIN,       /* the answer is there, and waits until the rest of the body was thrown away */
    EX_STREAM,      /* the pipeline writes a stream */
    EX_STREAM_FULL, /* it was told to stop until on_drain */
    EX_FLUSH,       /* the answer is complete and on its way */
    EX_ABORTED,     /* the pipeline broke it off */
    EX_LOST,        /* the client left or broke a deadline; on_gone is due */
    EX_DONE,        /* on_done was called */
    EX_STATES,
};

enum http_ex_event {
    EX_PARSED = 0, /* the library read the head the way we do */
    EX_READ,       /* the pipeline wants the body */
    EX_UNDECIDED,  /* the pipeline will say later */
    EX_WHOLE,      /* the request is complete */
    EX_HANDED,     /* on_body is called */
    EX_REPLY,      /* a whole answer, for now: nothing more of the request is worth reading */
    EX_REPLY_LATE, /* a whole answer, for when the body has been read */
    EX_ENOUGH,     /* more body than is worth reading */
    EX_BEGIN,      /* a stream begins */
    EX_FULL,       /* its backlog is high */
    EX_DRAINED,    /* and low again */
    EX_END,        /* its end was written */
    EX_SENT,       /* the last byte of the answer went out */
    EX_ABORT,      /* gw_http_abort() */
    EX_LOSE,       /* the client is gone, a deadline passed, the server stops */
    EX_TOLD,       /* the pipeline has heard that it was aborted or lost */
    EX_EVENTS,
};

/** The next state, CONN_NONE or EX_NONE where the event cannot happen. */
enum http_conn_state http_conn_next(enum http_conn_state state, enum http_conn_event event);
enum http_ex_state http_ex_next(enum http_ex_state state, enum http_ex_event event);
/** Where an impossible event leads: nothing more is read or written, and everything is freed in order. */
enum http_conn_state http_conn_safe(enum http_conn_state state);
enum http_ex_state http_ex_safe(enum http_ex_state state);

const char *http_conn_state_name(enum http_conn_state state);
const char *http_conn_event_name(enum http_conn_event event);
const char *http_ex_state_name(enum http_ex_state state);
const char *http_ex_event_name(enum http_ex_event event);

#endif
