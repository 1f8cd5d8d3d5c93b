/* machine.c - the transitions, and nothing else. What is not in a table cannot happen. */
#include "http/machine.h"

#include <stdint.h>

static const uint8_t conn_next[CONN_STATES][CONN_EVENTS] = {
    [CONN_HANDSHAKE] = { [CONN_SECURED] = CONN_FRESH, [CONN_CLOSE] = CONN_CLOSED },
    [CONN_FRESH] = { [CONN_BYTES] = CONN_HEAD, [CONN_CLOSE] = CONN_CLOSED },
    [CONN_IDLE] = { [CONN_BYTES] = CONN_HEAD, [CONN_CLOSE] = CONN_CLOSED },
    [CONN_HEAD] = { [CONN_REQUEST] = CONN_BUSY, [CONN_CLOSE] = CONN_CLOSED },
    [CONN_BUSY] = { [CONN_NEXT] = CONN_IDLE, [CONN_LAST] = CONN_LINGER, [CONN_CLOSE] = CONN_CLOSED },
    [CONN_LINGER] = { [CONN_CLOSE] = CONN_CLOSED },
    [CONN_CLOSED] = { [CONN_CLOSE] = CONN_CLOSED },
};

/* EX_ABORT and EX_LOSE end everything that has not ended; the first of them wins. */
#define CUTS [EX_ABORT] = EX_ABORTED, [EX_LOSE] = EX_LOST

static const uint8_t ex_next[EX_STATES][EX_EVENTS] = {
    [EX_NEW] = { [EX_PARSED] = EX_HEAD, [EX_REPLY] = EX_FLUSH, CUTS },
    [EX_HEAD] = { [EX_READ] = EX_BODY,
                  [EX_UNDECIDED] = EX_WAIT,
                  [EX_REPLY] = EX_FLUSH,
                  [EX_REPLY_LATE] = EX_DRAIN,
                  [EX_BEGIN] = EX_STREAM,
                  CUTS },
    [EX_WAIT] = { [EX_READ] = EX_BODY,
                  [EX_WHOLE] = EX_WAIT_WHOLE,
                  [EX_REPLY] = EX_FLUSH,
                  [EX_REPLY_LATE] = EX_DRAIN,
                  [EX_BEGIN] = EX_STREAM,
                  CUTS },
    [EX_WAIT_WHOLE] = { [EX_READ] = EX_READY, [EX_REPLY] = EX_FLUSH, [EX_BEGIN] = EX_STREAM, CUTS },
    [EX_BODY] = { [EX_WHOLE] = EX_READY,
                  [EX_REPLY] = EX_FLUSH,
                  [EX_REPLY_LATE] = EX_DRAIN,
                  [EX_BEGIN] = EX_STREAM,
                  CUTS },
    [EX_READY] = { [EX_HANDED] = EX_WORK, [EX_REPLY] = EX_FLUSH, [EX_BEGIN] = EX_STREAM, CUTS },
    [EX_WORK] = { [EX_REPLY] = EX_FLUSH, [EX_BEGIN] = EX_STREAM, CUTS },
    [EX_DRAIN] = { [EX_WHOLE] = EX_FLUSH, [EX_ENOUGH] = EX_FLUSH, CUTS },
    [EX_STREAM] = { [EX_FULL] = EX_STREAM_FULL, [EX_END] = EX_FLUSH, CUTS },
    [EX_STREAM_FULL] = { [EX_DRAINED] = EX_STREAM, [EX_END] = EX_FLUSH, CUTS },
    [EX_FLUSH] = { [EX_SENT] = EX_DONE, CUTS },
    [EX_ABORTED] = { [EX_TOLD] = EX_DONE, [EX_ABORT] = EX_ABORTED, [EX_LOSE] = EX_ABORTED },
    [EX_LOST] = { [EX_TOLD] = EX_DONE, [EX_ABORT] = EX_LOST, [EX_LOSE] = EX_LOST },
    [EX_DONE] = { 0 },
};

enum http_conn_state http_conn_next(enum http_conn_state state, enum http_conn_event event)
{
    return state < CONN_STATES && event < CONN_EVENTS ? (enum http_conn_state)conn_next[state][event] : CONN_NONE;
}

enum http_ex_state http_ex_next(enum http_ex_state state, enum http_ex_event event)
{
    return state < EX_STATES && event < EX_EVENTS ? (enum http_ex_state)ex_next[state][event] : EX_NONE;
}

enum http_conn_state http_conn_safe(enum http_conn_state state)
{
    (void)state;
    return CONN_CLOSED;
}

enum http_ex_state http_ex_safe(enum http_ex_state state)
{
    return state == EX_DONE || state == EX_ABORTED ? state : EX_LOST;
}

const char *http_conn_state_name(enum http_conn_state state)
{
    static const char *const names[CONN_STATES] = { "none", "handshake", "fresh",  "idle",
                                                    "head", "busy",      "linger", "closed" };
    return state < CONN_STATES ? names[state] : "unknown";
}

const char *http_conn_event_name(enum http_conn_event event)
{
    static const char *const names[CONN_EVENTS] = { "secured", "bytes", "request", "next", "last", "close" };
    return event < CONN_EVENTS ? names[event] : "unknown";
}

const char *http_ex_state_name(enum http_ex_state state)
{
    static const char *const names[EX_STATES] = { "none",        "new",   "head",    "wait",  "wait whole",
                                                  "body",        "ready", "work",    "drain", "stream",
                                                  "stream full", "flush", "aborted", "lost",  "done" };
    return state < EX_STATES ? names[state] : "unknown";
}

const char *http_ex_event_name(enum http_ex_event event)
{
    static const char *const names[EX_EVENTS] = { "parsed",     "read",   "undecided", "whole", "handed",  "reply",
                                                  "reply late", "enough", "begin",     "full",  "drained", "end",
                                                  "sent",       "abort",  "lose",      "told" };
    return event < EX_EVENTS ? names[event] : "unknown";
}
