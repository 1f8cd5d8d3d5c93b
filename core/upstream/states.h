/* states.h - the life of a transfer and of a connection: states, what may happen, and what follows. */
#ifndef GW_UPSTREAM_STATES_H
#define GW_UPSTREAM_STATES_H

/** A transfer: one HTTP request and its answer. */
enum gw_transfer_state {
    GW_TRANSFER_QUEUED,     /* started; the loop has not looked at it yet */
    GW_TRANSFER_CONNECTING, /* a connection is being made for it */
    GW_TRANSFER_HEAD,       /* the request goes out or is out; the answer's head is not whole */
    GW_TRANSFER_BODY,       /* on_head was called; body bytes are delivered as they come */
    GW_TRANSFER_PAUSED,     /* the consumer is full; nothing is read */
    GW_TRANSFER_RESUMING,   /* it may go on as soon as the loop comes round */
    GW_TRANSFER_LEAVING,    /* the caller is gone; the connection may yet bring the end of the answer's framing */
    GW_TRANSFER_ENDED,      /* told or cancelled; the memory goes at the end of the turn */
    GW_TRANSFER_STATES
};

enum gw_transfer_event {
    GW_TRANSFER_CONNECT, /* no pooled connection will do */
    GW_TRANSFER_CARRY,   /* a connection takes it */
    GW_TRANSFER_STALE,   /* the pooled connection had ended: once more on a fresh one */
    GW_TRANSFER_ANSWER,  /* the final head is whole */
    GW_TRANSFER_PAUSE,
    GW_TRANSFER_RESUME,
    GW_TRANSFER_GO_ON, /* the loop takes up a resumed one */
    GW_TRANSFER_LEAVE, /* the caller has all it wants */
    GW_TRANSFER_END,   /* well, badly or stopped */
    GW_TRANSFER_CANCEL,
    GW_TRANSFER_EVENTS
};

/** A connection: from the first attempt to the socket's end. */
enum gw_conn_state {
    GW_CONN_CONNECTING, /* libcurl is at work */
    GW_CONN_PROXY_TLS,  /* handshake with an https proxy */
    GW_CONN_TUNNEL,     /* that proxy was asked for a tunnel */
    GW_CONN_TLS,        /* handshake with the server */
    GW_CONN_BUSY,       /* carries a transfer */
    GW_CONN_IDLE,       /* in the pool */
    GW_CONN_CLOSED,     /* the memory goes at the end of the turn */
    GW_CONN_STATES
};

enum gw_conn_event {
    GW_CONN_GREET_PROXY,  /* begin TLS with the proxy */
    GW_CONN_ASK_TUNNEL,   /* send CONNECT */
    GW_CONN_GREET_SERVER, /* begin TLS with the server */
    GW_CONN_CARRY,        /* take a transfer */
    GW_CONN_REST,         /* the answer was whole and the server keeps the connection */
    GW_CONN_CLOSE,
    GW_CONN_EVENTS
};

/** The state that follows, or -1: that must not happen there. */
int gw_transfer_next(enum gw_transfer_state state, enum gw_transfer_event event);
int gw_conn_next(enum gw_conn_state state, enum gw_conn_event event);

#endif
