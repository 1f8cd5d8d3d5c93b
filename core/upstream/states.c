/* states.c - the two tables of legal transitions. See states.h. */
#include "upstream/states.h"

/* 0 is "must not happen", so the tables hold the next state plus one. */
#define TO(state) ((state) + 1)

static const signed char transfers[GW_TRANSFER_STATES][GW_TRANSFER_EVENTS] = {
    [GW_TRANSFER_QUEUED] = { [GW_TRANSFER_CONNECT] = TO(GW_TRANSFER_CONNECTING),
                             [GW_TRANSFER_CARRY] = TO(GW_TRANSFER_HEAD),
                             [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                             [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_CONNECTING] = { [GW_TRANSFER_CARRY] = TO(GW_TRANSFER_HEAD),
                                 [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                                 [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_HEAD] = { [GW_TRANSFER_STALE] = TO(GW_TRANSFER_CONNECTING),
                           [GW_TRANSFER_ANSWER] = TO(GW_TRANSFER_BODY),
                           [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                           [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_BODY] = { [GW_TRANSFER_PAUSE] = TO(GW_TRANSFER_PAUSED),
                           [GW_TRANSFER_LEAVE] = TO(GW_TRANSFER_LEAVING),
                           [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                           [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_PAUSED] = { [GW_TRANSFER_RESUME] = TO(GW_TRANSFER_RESUMING),
                             [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                             [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_RESUMING] = { [GW_TRANSFER_GO_ON] = TO(GW_TRANSFER_BODY),
                               [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED),
                               [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
    [GW_TRANSFER_LEAVING] = { [GW_TRANSFER_END] = TO(GW_TRANSFER_ENDED), [GW_TRANSFER_CANCEL] = TO(GW_TRANSFER_ENDED) },
};

static const signed char conns[GW_CONN_STATES][GW_CONN_EVENTS] = {
    [GW_CONN_CONNECTING] = { [GW_CONN_GREET_PROXY] = TO(GW_CONN_PROXY_TLS),
                             [GW_CONN_GREET_SERVER] = TO(GW_CONN_TLS),
                             [GW_CONN_CARRY] = TO(GW_CONN_BUSY),
                             [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
    [GW_CONN_PROXY_TLS] = { [GW_CONN_ASK_TUNNEL] = TO(GW_CONN_TUNNEL),
                            [GW_CONN_CARRY] = TO(GW_CONN_BUSY),
                            [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
    [GW_CONN_TUNNEL] = { [GW_CONN_GREET_SERVER] = TO(GW_CONN_TLS), [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
    [GW_CONN_TLS] = { [GW_CONN_CARRY] = TO(GW_CONN_BUSY), [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
    [GW_CONN_BUSY] = { [GW_CONN_REST] = TO(GW_CONN_IDLE), [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
    [GW_CONN_IDLE] = { [GW_CONN_CARRY] = TO(GW_CONN_BUSY), [GW_CONN_CLOSE] = TO(GW_CONN_CLOSED) },
};

int gw_transfer_next(enum gw_transfer_state state, enum gw_transfer_event event)
{
    return transfers[state][event] - 1;
}

int gw_conn_next(enum gw_conn_state state, enum gw_conn_event event)
{
    return conns[state][event] - 1;
}
