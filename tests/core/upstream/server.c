/* server.c - see server.h. One thread accepts, one thread per connection. */
#include "server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_MAX 1024

struct server {
    struct server_options options;
    int listener;
    uint16_t port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_t threads[CONNS_MAX];
    int fds[CONNS_MAX];
    int count;
    bool is_stopping;
    gnutls_datum_t ticket_key;
    atomic_int resumed;
    sem_t gate, seen;
};

ssize_t server_recv(struct server_conn *conn, void *bytes, size_t len)
{
    ssize_t n;

    if (!conn->tls)
        return recv(conn->fd, bytes, len, 0);
    do
        n = gnutls_record_recv(conn->tls, bytes, len);
    while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
    return n;
}

bool server_send(struct server_conn *conn, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = conn->tls ? gnutls_record_send(conn->tls, bytes, len) : send(conn->fd, bytes, len, MSG_NOSIGNAL);

        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool server_say(struct server_conn *conn, const char *text)
{
    return server_send(conn, text, strlen(text));
}

bool server_answer(struct server_conn *conn, const char *body)
{
    struct gw_buf out;
    bool ok;

    gw_buf_init(&out, 1u << 20);
    gw_buf_printf(&out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nContent-Type: text/plain\r\n\r\n%s", strlen(body),
                  body);
    ok = server_send(conn, out.data, out.len);
    gw_buf_done(&out);
    return ok;
}

bool server_chunk(struct server_conn *conn, const char *bytes, size_t len)
{
    char out[16384]; /* no malloc: a test watches the memory of this process */
    int at = snprintf(out, sizeof out, "%zx\r\n", len);

    if (len > sizeof out - 32)
        abort();
    memcpy(out + at, bytes, len);
    memcpy(out + at + len, "\r\n", 2);
    return server_send(conn, out, (size_t)at + len + 2);
}

bool server_wait_gone(struct server_conn *conn)
{
    struct pollfd poller = { .fd = conn->fd, .events = POLLIN };
    char bytes[1024];

    while (poll(&poller, 1, 60000) > 0)
        if (server_recv(conn, bytes, sizeof bytes) <= 0)
            return true;
    return false;
}

bool server_read_body(struct server_conn *conn)
{
    while (conn->body_len > 0 && conn->body) {
        size_t have = strlen(conn->body);
        ssize_t n;

        if (have >= conn->body_len)
            return true;
        n = server_recv(conn, conn->body + have, conn->body_len - have);
        if (n <= 0)
            return false;
    }
    return true;
}

int server_dial(uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_port = htons(port);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) == 0)
        return fd;
    close(fd);
    return -1;
}

void server_pipe(struct server_conn *conn, int fd)
{
    struct pollfd ends[2] = { { .fd = conn->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    char bytes[16384];

    for (;;) {
        bool has_more = conn->tls && gnutls_record_check_pending(conn->tls) > 0;
        ssize_t n;

        if (!has_more && poll(ends, 2, 5000) <= 0)
            return;
        if (has_more || ends[0].revents) {
            n = server_recv(conn, bytes, sizeof bytes);
            if (n <= 0 || send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
                return;
        } else {
            n = recv(fd, bytes, sizeof bytes, 0);
            if (n <= 0 || !server_send(conn, bytes, (size_t)n))
                return;
        }
    }
}

/** Head, and how much of the body came along. Bodies of the tests hold no NUL. */
static bool read_request(struct server_conn *conn)
{
    size_t len = 0;
    char *end, *length;

    free(conn->body);
    conn->body = NULL;
    conn->body_len = 0;
    memset(conn->head, 0, sizeof conn->head);
    while (!(end = strstr(conn->head, "\r\n\r\n"))) {
        ssize_t n = len < sizeof conn->head - 1 ? server_recv(conn, conn->head + len, sizeof conn->head - 1 - len) : 0;

        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    end += 4;
    length = strcasestr(conn->head, "\r\nContent-Length:");
    if (length && length < end) {
        conn->body_len = strtoul(length + 17, NULL, 10);
        conn->body = calloc(1, conn->body_len + 1);
        memcpy(conn->body, end, len - (size_t)(end - conn->head));
    }
    *end = '\0';
    sscanf(conn->head, "%*s %1023s", conn->path);
    return conn->server->options.leave_body || server_read_body(conn);
}

static bool start_tls(struct server_conn *conn)
{
    struct server *server = conn->server;
    int rc;

    gnutls_init(&conn->tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
    gnutls_priority_set_direct(conn->tls, "NORMAL", NULL);
    gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, server->options.tls);
    gnutls_certificate_server_set_request(conn->tls,
                                          server->options.wants_client_cert ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    if (server->options.gives_tickets)
        gnutls_session_ticket_enable_server(conn->tls, &server->ticket_key);
    if (server->options.alpn) {
        gnutls_datum_t protocol = { (unsigned char *)(uintptr_t)server->options.alpn,
                                    (unsigned)strlen(server->options.alpn) };

        gnutls_alpn_set_protocols(conn->tls, &protocol, 1, 0);
    }
    gnutls_transport_set_int(conn->tls, conn->fd);
    do
        rc = gnutls_handshake(conn->tls);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc == 0 && server->options.wants_client_cert) {
        unsigned status = 0;

        if (gnutls_certificate_verify_peers2(conn->tls, &status) < 0 || status != 0) {
            gnutls_alert_send(conn->tls, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
            return false;
        }
    }
    server->resumed += rc == 0 && gnutls_session_is_resumed(conn->tls);
    return rc == 0;
}

static void *serve(void *arg)
{
    struct server_conn *conn = arg;

    if (!conn->server->options.tls || start_tls(conn))
        while ((conn->server->options.is_raw || read_request(conn)) && conn->server->options.script(conn))
            conn->served++;
    if (conn->tls)
        gnutls_deinit(conn->tls);
    pthread_mutex_lock(&conn->server->lock);
    conn->server->fds[conn->number] = -1;
    pthread_mutex_unlock(&conn->server->lock);
    close(conn->fd);
    free(conn->body);
    free(conn);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct server *server = arg;

    for (;;) {
        int one = 1, fd = accept(server->listener, NULL, NULL);
        struct server_conn *conn;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        conn = calloc(1, sizeof *conn);
        conn->server = server;
        conn->fd = fd;
        pthread_mutex_lock(&server->lock);
        if (server->is_stopping || server->count == CONNS_MAX) {
            pthread_mutex_unlock(&server->lock);
            close(fd);
            free(conn);
            return NULL;
        }
        conn->number = server->count;
        server->fds[conn->number] = fd;
        pthread_create(&server->threads[conn->number], NULL, serve, conn);
        server->count++;
        pthread_mutex_unlock(&server->lock);
    }
}

/** A listener on the loopback of one family or the other; -1 when there is none. */
static int listen_on(bool is_v6, uint16_t *ret_port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr *where = is_v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t len = is_v6 ? sizeof in6 : sizeof in;
    int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, where, len) < 0 || listen(fd, 1024) < 0 || getsockname(fd, where, &len) < 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(is_v6 ? in6.sin6_port : in.sin_port);
    return fd;
}

struct server *server_start(const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);

    server->options = *options;
    server->listener = listen_on(options->is_v6, &server->port);
    if (server->listener < 0 && options->is_v6) {
        free(server);
        return NULL;
    }
    if (server->listener < 0 || (options->gives_tickets && gnutls_session_ticket_key_generate(&server->ticket_key) < 0))
        abort();
    pthread_mutex_init(&server->lock, NULL);
    sem_init(&server->gate, 0, 0);
    sem_init(&server->seen, 0, 0);
    pthread_create(&server->acceptor, NULL, accept_all, server);
    return server;
}

void server_stop(struct server *server)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->lock);
    server->is_stopping = true;
    for (int i = 0; i < server->count; i++)
        if (server->fds[i] >= 0)
            shutdown(server->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    for (int i = 0; i < server->count; i++) {
        sem_post(&server->gate); /* a script may wait for a test that has failed */
        pthread_join(server->threads[i], NULL);
    }
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    sem_destroy(&server->gate);
    sem_destroy(&server->seen);
    gnutls_free(server->ticket_key.data);
    free(server);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

int server_accepted(struct server *server)
{
    int count;

    pthread_mutex_lock(&server->lock);
    count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

int server_resumed(struct server *server)
{
    return server->resumed;
}

sem_t *server_gate(struct server *server)
{
    return &server->gate;
}

sem_t *server_seen(struct server *server)
{
    return &server->seen;
}

void server_await(sem_t *sem)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (sem_timedwait(sem, &until) != 0)
        ck_assert_int_eq(errno, EINTR);
}
