/* server.h - a scripted HTTP server for the tests: the script is a C function that runs on the connection's thread. */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <gnutls/gnutls.h>
#include <semaphore.h>
#include <sys/types.h>

#include "base/base.h"

struct server;

/** One request as read; body only when is_body_read. */
struct server_conn {
    struct server *server;
    int fd;
    gnutls_session_t tls; /* NULL: plain */
    int number;           /* of the connection, from 0 */
    int served;           /* requests before this one */
    char head[16384];     /* raw, NUL-terminated */
    char path[1024];
    char *body;
    size_t body_len;
};

/** Answer one request. True: wait for the next on this connection; false: close it. */
typedef bool (*server_script)(struct server_conn *conn);

struct server_options {
    server_script script;
    gnutls_certificate_credentials_t tls; /* NULL: plain */
    bool wants_client_cert;
    bool leave_body; /* the script reads it, or not */
    bool is_raw;     /* the script reads everything, from the first byte */
    bool gives_tickets;
    bool is_v6;       /* on ::1 instead of 127.0.0.1 */
    const char *alpn; /* what it selects, whatever it is offered; NULL: nothing */
};

/** NULL only for is_v6, where there is no IPv6. */
struct server *server_start(const struct server_options *options);
void server_stop(struct server *server);
uint16_t server_port(const struct server *server);
int server_accepted(struct server *server);
/** For scripts and tests to wait for each other. */
sem_t *server_gate(struct server *server);
sem_t *server_seen(struct server *server);
/** Wait for one of them, without a turn of the loop; fails the test after 30 s. */
void server_await(sem_t *sem);

bool server_send(struct server_conn *conn, const char *bytes, size_t len);
bool server_say(struct server_conn *conn, const char *text);
/** 200 with Content-Length. */
bool server_answer(struct server_conn *conn, const char *body);
/** One chunk of a chunked body. */
bool server_chunk(struct server_conn *conn, const char *bytes, size_t len);
/** Wait until the client closes; false after a minute. */
bool server_wait_gone(struct server_conn *conn);
bool server_read_body(struct server_conn *conn);
/** As recv(). */
ssize_t server_recv(struct server_conn *conn, void *bytes, size_t len);
/** Pass bytes between the client and fd until one of them ends. */
void server_pipe(struct server_conn *conn, int fd);
/** A socket connected to 127.0.0.1. */
int server_dial(uint16_t port);
/** How many handshakes were resumed. */
int server_resumed(struct server *server);

#endif
