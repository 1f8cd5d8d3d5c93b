/* issuer_kit.c - a small HTTP(S) server in a thread, scripted per path. One connection at a time, Connection: close.
 * A route that hangs keeps its connection aside, so the others are still served. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "kit.h"

#define ROUTES 24
#define HELD   64

struct issuer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    int listener, stop, flags;
    char url[64];
    char ca_file[64];
    gnutls_certificate_credentials_t credentials;
    int held[HELD];
    size_t held_count;
    struct route {
        char *path;
        int status, behaviour, count;
        char *headers, *body;
    } routes[ROUTES];
    int total;
};

static struct route *find(struct issuer *issuer, const char *path)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if (issuer->routes[i].path && strcmp(issuer->routes[i].path, path) == 0)
            return &issuer->routes[i];
    }
    return NULL;
}

struct line {
    int fd;
    gnutls_session_t tls; /* NULL: plain */
};

static ssize_t line_read(struct line *line, char *out, size_t cap)
{
    return line->tls ? gnutls_record_recv(line->tls, out, cap) : recv(line->fd, out, cap, 0);
}

static void line_write(struct line *line, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = line->tls ? gnutls_record_send(line->tls, bytes, len) : send(line->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

/** Path of the request, "" if none came. */
static void read_path(struct line *line, char *path, size_t cap)
{
    char text[8192];
    size_t len = 0;
    const char *start, *end;

    path[0] = '\0';
    while (len < sizeof text - 1) {
        ssize_t got = line_read(line, text + len, sizeof text - 1 - len);

        if (got <= 0)
            return;
        len += (size_t)got;
        text[len] = '\0';
        if (strstr(text, "\r\n\r\n") || text[0] == 0x16) /* the end of a request, or TLS on a plain port */
            break;
    }
    start = strchr(text, ' ');
    end = start ? strchr(start + 1, ' ') : NULL;
    if (end && (size_t)(end - start) <= cap)
        (void)snprintf(path, cap, "%.*s", (int)(end - start - 1), start + 1);
}

/** True: keep the connection aside. */
static bool answer(struct issuer *issuer, struct line *line)
{
    char path[1024], *body = NULL;
    struct gw_buf out;
    int behaviour = 0;
    struct route *route;

    read_path(line, path, sizeof path);
    gw_buf_init(&out, 64 << 20);
    (void)pthread_mutex_lock(&issuer->lock);
    issuer->total += path[0] ? 1 : 0; /* a client that gave up after the handshake asked for nothing */
    route = find(issuer, path);
    if (route) {
        size_t len = strlen(route->body);

        route->count++;
        behaviour = route->behaviour;
        gw_buf_printf(&out, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", route->status,
                      behaviour == ROUTE_CUT ? len + 100 : len, route->headers);
        gw_buf_put(&out, route->body, len);
    } else {
        gw_buf_puts(&out, "HTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
    (void)pthread_cond_broadcast(&issuer->asked);
    (void)pthread_mutex_unlock(&issuer->lock);
    free(body);
    if (behaviour == 0 || behaviour == ROUTE_CUT)
        line_write(line, out.data, out.len);
    gw_buf_done(&out);
    return behaviour == ROUTE_HANG;
}

static void serve(struct issuer *issuer, int fd)
{
    struct line line = { fd, NULL };
    struct timeval limit = { 5, 0 };
    bool hold = false;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (issuer->flags & ISSUER_TLS) {
        int code;

        if (gnutls_init(&line.tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) < 0)
            abort();
        (void)gnutls_set_default_priority(line.tls);
        (void)gnutls_credentials_set(line.tls, GNUTLS_CRD_CERTIFICATE, issuer->credentials);
        gnutls_transport_set_int(line.tls, fd);
        do
            code = gnutls_handshake(line.tls);
        while (code < 0 && !gnutls_error_is_fatal(code) && code != GNUTLS_E_AGAIN);
        if (code == 0)
            hold = answer(issuer, &line);
        if (code == 0 && !hold)
            (void)gnutls_bye(line.tls, GNUTLS_SHUT_WR);
        gnutls_deinit(line.tls);
    } else {
        hold = answer(issuer, &line);
    }
    if (hold && issuer->held_count < HELD) {
        issuer->held[issuer->held_count++] = fd;
        return;
    }
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);
}

static void *run(void *user)
{
    struct issuer *issuer = user;

    for (;;) {
        struct pollfd fds[2] = { { issuer->listener, POLLIN, 0 }, { issuer->stop, POLLIN, 0 } };
        int fd;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        if (!fds[0].revents)
            continue;
        fd = accept4(issuer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(issuer, fd);
    }
}

/** A self-signed certificate for 127.0.0.1 with the stranger's key; written to a file for the client. */
static void make_certificate(struct issuer *issuer)
{
    static const unsigned char address[4] = { 127, 0, 0, 1 };
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    int fd;

    ck_assert_int_ge(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_version(crt, 3), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_serial(crt, "\x01", 1), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_dn(crt, "CN=test issuer", NULL), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_key(crt, kit_key(KEY_STRANGER)), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_basic_constraints(crt, 1, -1), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, sizeof address, 0), 0);
    ck_assert_int_ge(gnutls_x509_crt_sign2(crt, crt, kit_key(KEY_STRANGER), GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_ge(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    (void)snprintf(issuer->ca_file, sizeof issuer->ca_file, "/tmp/aigw-auth-ca-XXXXXX");
    fd = mkstemp(issuer->ca_file);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, pem.data, pem.size), (ssize_t)pem.size);
    (void)close(fd);
    ck_assert_int_ge(gnutls_certificate_allocate_credentials(&issuer->credentials), 0);
    {
        gnutls_datum_t key = { (unsigned char *)(uintptr_t)kit_pem(KEY_STRANGER),
                               (unsigned int)strlen(kit_pem(KEY_STRANGER)) };

        ck_assert_int_ge(gnutls_certificate_set_x509_key_mem(issuer->credentials, &pem, &key, GNUTLS_X509_FMT_PEM), 0);
    }
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
}

static int listen_any(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct issuer *issuer_start(int flags)
{
    struct issuer *issuer = calloc(1, sizeof *issuer);
    int port;

    issuer->flags = flags;
    (void)pthread_mutex_init(&issuer->lock, NULL);
    (void)pthread_cond_init(&issuer->asked, NULL);
    if (flags & ISSUER_TLS)
        make_certificate(issuer);
    issuer->listener = listen_any(&port);
    ck_assert_int_eq(listen(issuer->listener, 64), 0);
    issuer->stop = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(issuer->url, sizeof issuer->url, "%s://127.0.0.1:%d", flags & ISSUER_TLS ? "https" : "http", port);
    ck_assert_int_eq(pthread_create(&issuer->thread, NULL, run, issuer), 0);
    return issuer;
}

void issuer_stop(struct issuer *issuer)
{
    const uint64_t one = 1;

    ck_assert_int_eq(write(issuer->stop, &one, sizeof one), (ssize_t)sizeof one);
    (void)pthread_join(issuer->thread, NULL);
    for (size_t i = 0; i < issuer->held_count; i++)
        (void)close(issuer->held[i]);
    for (size_t i = 0; i < ROUTES; i++) {
        free(issuer->routes[i].path);
        free(issuer->routes[i].headers);
        free(issuer->routes[i].body);
    }
    (void)close(issuer->listener);
    (void)close(issuer->stop);
    if (issuer->credentials)
        gnutls_certificate_free_credentials(issuer->credentials);
    if (issuer->ca_file[0])
        (void)unlink(issuer->ca_file);
    (void)pthread_cond_destroy(&issuer->asked);
    (void)pthread_mutex_destroy(&issuer->lock);
    free(issuer);
}

const char *issuer_url(const struct issuer *issuer)
{
    return issuer->url;
}

const char *issuer_ca_file(const struct issuer *issuer)
{
    return issuer->ca_file;
}

void issuer_route(struct issuer *issuer, const char *path, int status, const char *headers, const char *body,
                  int behaviour)
{
    struct route *route;

    (void)pthread_mutex_lock(&issuer->lock);
    route = find(issuer, path);
    for (size_t i = 0; i < ROUTES && !route; i++) {
        if (!issuer->routes[i].path) {
            route = &issuer->routes[i];
            route->path = strdup(path);
        }
    }
    if (!route)
        abort();
    free(route->headers);
    free(route->body);
    route->status = status;
    route->behaviour = behaviour;
    route->headers = strdup(headers);
    route->body = strdup(body);
    (void)pthread_mutex_unlock(&issuer->lock);
}

void issuer_serve(struct issuer *issuer, const int *which, size_t count)
{
    char discovery[256], *jwks = kit_jwks(which, count);

    (void)snprintf(discovery, sizeof discovery,
                   "{\"issuer\":\"https://gitlab.example.com\",\"jwks_uri\":\"%s" KEYS "\"}", issuer->url);
    issuer_route(issuer, DISCOVERY, 200, "Content-Type: application/json\r\n", discovery, 0);
    issuer_route(issuer, KEYS, 200, "Cache-Control: max-age=86400, public, must-revalidate\r\n", jwks, 0);
    free(jwks);
}

int issuer_count(struct issuer *issuer, const char *path)
{
    const struct route *route;
    int count;

    (void)pthread_mutex_lock(&issuer->lock);
    route = path ? find(issuer, path) : NULL;
    count = path ? (route ? route->count : 0) : issuer->total;
    (void)pthread_mutex_unlock(&issuer->lock);
    return count;
}

void issuer_await(struct issuer *issuer, const char *path, int count)
{
    struct timespec limit;
    int code = 0;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    (void)pthread_mutex_lock(&issuer->lock);
    while (code == 0 && (!find(issuer, path) || find(issuer, path)->count < count))
        code = pthread_cond_timedwait(&issuer->asked, &issuer->lock, &limit);
    (void)pthread_mutex_unlock(&issuer->lock);
    ck_assert_int_eq(code, 0);
}

int issuer_dead_port(void)
{
    int port, fd = listen_any(&port);

    (void)close(fd);
    return port;
}
