/* harness.h - a server on its own thread with a scripted pipeline, and a client on real sockets. */
#ifndef HTTP_TEST_HARNESS_H
#define HTTP_TEST_HARNESS_H

#include <gnutls/gnutls.h>

#include "http/http.h"

/* What the scripted pipeline does, by path:
 *   /echo        answers with the body it got
 *   /info        answers with "<method> <path> <query> <client ip> <tls 0|1>"
 *   /later       answers from a timer
 *   /early       answers 401 in on_head
 *   /wait        GW_HEAD_WAIT, then reads the body and echoes it
 *   /waitno      GW_HEAD_WAIT, then 401
 *   /silent      never answers
 *   /stream      three chunks and the end, at once
 *   /ticks       five chunks, one per timer tick, then the end
 *   /hold        one chunk, then nothing until the client leaves
 *   /abort       one chunk, then gw_http_abort()
 *   /flood       FLOOD_TOTAL bytes as fast as on_drain allows
 *   /pieces      like /ticks, each tick three writes; the last one ends in the same turn
 *   /cutpiece    three writes and gw_http_abort() in one turn
 *   /smallflood  FLOOD_TOTAL bytes in bursts of small writes
 *   /small       body_max is set to 10 bytes in on_head
 *   /big         a buffered answer of BIG_TOTAL bytes
 */
#define FLOOD_TOTAL (24u << 20)
#define FLOOD_CHUNK 16384u
#define BIG_TOTAL   (16u << 20)

struct counters {
    int heads, bodies, gones, drains, dones;
    int fulls;
    size_t first_burst; /* bytes accepted before GW_WRITE_FULL stopped the pipeline for the first time */
    int last_status;
    bool last_abort;
    uint64_t last_bytes_out;
    int64_t last_gone_us;
};

/* What is done at once is done by then, in the best of so many tries. */
#define AT_ONCE_US 50000
#define TRIES      5

struct server;
struct server *server_start(const struct gw_http_limits *limits, const struct gw_http_tls *tls);
void server_stop(struct server *server);
uint16_t server_port(const struct server *server);
/** Run fn on the server's thread and wait for it. */
void server_call(struct server *server, void (*fn)(struct gw_http *http, void *arg), void *arg);
/** For a function that server_call() runs: the newest exchange, and a write that no callback may interrupt. */
struct gw_exchange *server_last(struct server *server);
int server_write(struct gw_exchange *ex, aigw_str bytes);
struct counters server_counters(struct server *server);
/** Wait until *field (an int of struct counters, by offset) reaches at least value. False after 20 s. */
bool server_wait(struct server *server, size_t field, int value);
#define WAIT(server, field, value) server_wait(server, offsetof(struct counters, field), value)
uint32_t server_connections(struct server *server);
/** Wait until the server has exactly this many connections. False after 20 s. */
bool server_wait_connections(struct server *server, uint32_t count);

extern const struct gw_http_limits default_limits;

struct client {
    int fd;
    gnutls_session_t tls;
    char *data; /* read and not yet consumed */
    size_t len, cap;
    bool is_eof;   /* orderly end */
    bool is_error; /* reset, or TLS closed without notice */
};

struct response {
    int status;
    char head[8192]; /* status line and headers, NUL-terminated */
    char *body;
    size_t body_len, body_cap;
    bool is_complete; /* content-length reached or last chunk seen */
    bool is_chunked;
};

void client_open(struct client *client, uint16_t port);
/** Small receive buffer, set before connecting. */
void client_open_small(struct client *client, uint16_t port, int rcvbuf);
/** Handshake; cert and key may be NULL. Answers GnuTLS's code. */
int client_tls(struct client *client, const char *cert_pem, const char *key_pem);
void client_close(struct client *client);
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const char *bytes, size_t len);
/** Read more. False at the end, on error or after 20 s of silence. */
bool client_fill(struct client *client);
/** A client that does nothing for so long: for tests of deadlines, which are about time. */
void client_idle(int ms);
/** One response. `is_head`: it has no body. False when there is none. */
bool client_response(struct client *client, bool is_head, struct response *ret);
void response_free(struct response *response);
/** Value of a header of the response, "" when absent. */
const char *response_header(const struct response *response, const char *name);
/** True when the peer closes (or resets) without sending anything more. */
bool client_at_end(struct client *client);
int64_t now_us(void);

#endif
