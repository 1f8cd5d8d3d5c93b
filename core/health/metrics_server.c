/* metrics_server.c - a libmicrohttpd daemon with its own polling thread. */
#include "health/metrics_server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/metrics.h"

#define PAGE_MAX        (64u * 1024 * 1024)
#define CONNECTIONS_MAX 32u
#define TIMEOUT_S       15u
#define BACKLOG         16

struct gw_metrics_server {
    struct MHD_Daemon *daemon;
};

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status, const char *type, char *text,
                                   size_t len, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
    enum MHD_Result result = MHD_NO;

    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **state)
{
    static char not_allowed[] = "only GET and HEAD are served here\n";
    static char no_memory[] = "out of memory\n";
    struct gw_buf page;
    size_t len;
    char *text;

    (void)user, (void)url, (void)version, (void)upload;
    if (!*state) { /* headers only: answering here would cut off a client that still sends its body */
        *state = not_allowed;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        *upload_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", not_allowed, sizeof not_allowed - 1,
                           MHD_RESPMEM_PERSISTENT);
    gw_buf_init(&page, PAGE_MAX);
    gw_metrics_render(&page);
    if (page.status != AIGW_OK) {
        gw_buf_done(&page);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", no_memory, sizeof no_memory - 1,
                           MHD_RESPMEM_PERSISTENT);
    }
    len = page.len;
    text = len > 0 ? malloc(len) : NULL; /* a block that libmicrohttpd may free(), whatever the buffer uses */
    if (text)
        memcpy(text, page.data, len);
    gw_buf_done(&page);
    if (!text && len > 0)
        return MHD_NO;
    return answer_text(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len,
                       MHD_RESPMEM_MUST_FREE);
}

static int listen_at(const struct addrinfo *address)
{
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* "::" serves IPv4 too */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    on = errno;
    close(fd);
    errno = on;
    return -1;
}

static int open_listener(const char *host, uint16_t port, struct gw_err *reterr)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char service[8];
    int fd = -1, why;

    snprintf(service, sizeof service, "%u", port);
    why = getaddrinfo(host && *host ? host : NULL, service, &hints, &found);
    if (why != 0) {
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "metrics listener: host '%s' cannot be resolved (%s); set server.metrics_host or "
                   "AIGW_FASTAPI__METRICS_HOST to an address of this machine",
                   host ? host : "", gai_strerror(why));
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = listen_at(a);
    why = errno;
    freeaddrinfo(found);
    if (fd < 0)
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "metrics listener: cannot listen on %s port %u: %s; set server.metrics_port or "
                   "AIGW_FASTAPI__METRICS_PORT to a free port, or to 0 for no metrics listener",
                   host && *host ? host : "*", port, strerror(why));
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

struct gw_metrics_server *gw_metrics_server_start(const char *host, uint16_t port, uint16_t *ret_port,
                                                  struct gw_err *reterr)
{
    struct gw_metrics_server *server = calloc(1, sizeof *server);
    uint16_t bound_port;
    int fd;

    if (!server) {
        gw_err_set(reterr, AIGW_E_NOMEM, "metrics listener: out of memory");
        return NULL;
    }
    fd = open_listener(host, port, reterr);
    if (fd < 0)
        goto fail;
    bound_port = port_of(fd);
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
                                      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                                      MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
    if (!server->daemon) {
        close(fd);
        gw_err_set(reterr, AIGW_E_STATE,
                   "metrics listener: the HTTP daemon did not start; look for a limit on "
                   "threads or file descriptors of this process");
        goto fail;
    }
    if (ret_port)
        *ret_port = bound_port;
    return server;
fail:
    free(server);
    return NULL;
}

void gw_metrics_server_stop(struct gw_metrics_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon); /* closes the listening socket as well */
    free(server);
}
