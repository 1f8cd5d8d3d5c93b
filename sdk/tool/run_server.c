/* run_server.c - a model server for one plugin: it shows every request and answers each the same, connection by
 * connection, on a thread of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

#define REQUEST_MAX ((size_t)1 << 20)
#define SHOWN_MAX   ((size_t)4096) /* bytes of a body that are printed */
#define WAIT_MS     10000

struct tool_server {
    int listener, wake[2]; /* a byte in `wake` ends the thread */
    int port;
    const struct tool_answer *answer;
    pthread_t thread;
};

/* Bytes of the body that the head announces. */
static size_t announced(const char *head)
{
    for (const char *line = head; line; line = strstr(line, "\r\n")) {
        line += line == head ? 0 : 2;
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtoul(line + 15, NULL, 10);
        if (strncmp(line, "\r\n", 2) == 0)
            break;
    }
    return 0;
}

/* Read one request whole. Answers its length, 0 when it does not come. */
static size_t read_request(const struct tool_server *server, int fd, char *bytes)
{
    size_t len = 0;

    while (len < REQUEST_MAX) {
        struct pollfd waits[] = { { .fd = fd, .events = POLLIN }, { .fd = server->wake[0], .events = POLLIN } };
        const char *end;
        ssize_t n;

        if (poll(waits, 2, WAIT_MS) <= 0 || waits[1].revents)
            return 0;
        n = read(fd, bytes + len, REQUEST_MAX - len);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        bytes[len] = '\0';
        end = strstr(bytes, "\r\n\r\n");
        if (end && len >= (size_t)(end + 4 - bytes) + announced(bytes))
            return len;
    }
    return 0;
}

static void show(const char *request, size_t len)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    size_t left = len - (size_t)(body - request);

    printf("--- the plugin sent\n");
    for (const char *at = request; at < body - 2; at++)
        if (*at != '\r')
            putchar(*at);
    printf("\n%.*s%s%s", (int)(left < SHOWN_MAX ? left : SHOWN_MAX), body, left > SHOWN_MAX ? " …" : "",
           left > 0 ? "\n" : "");
    fflush(stdout);
}

static void write_all(int fd, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, bytes + at, len - at, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

#define HELLO "Hello from the mock server"

/* Answers in the dialects that many servers speak, by the end of the path. */
static const struct {
    const char *path_end, *body;
} dialects[] = {
    { "/chat/completions",
      "{\"id\":\"mock-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"mock\",\"choices\":"
      "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" HELLO "\"},"
      "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5,"
      "\"total_tokens\":9}}" },
    { "/messages", "{\"id\":\"mock-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock\",\"content\":"
                   "[{\"type\":\"text\",\"text\":\"" HELLO "\"}],\"stop_reason\":\"end_turn\",\"usage\":"
                   "{\"input_tokens\":4,\"output_tokens\":5}}" },
    { ":generateContent", "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"" HELLO
                          "\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,"
                          "\"candidatesTokenCount\":5,\"totalTokenCount\":9}}" },
    { "/converse", "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"" HELLO "\"}]}},"
                   "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":4,\"outputTokens\":5,\"totalTokens\":9}}" },
};

static const char no_answer[] = "the mock server has no answer for this plugin: --case names a case file that has one";

/* What no case file says, for the path of a request. */
static struct tool_answer guess(const char *request)
{
    const char *path = request + strcspn(request, " ");
    size_t len = strcspn(path + (*path == ' '), " ?\r\n");

    path += *path == ' ';
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        size_t end = strlen(dialects[i].path_end);

        if (len >= end && strncmp(path + len - end, dialects[i].path_end, end) == 0)
            return (struct tool_answer){ 200, "application/json", { dialects[i].body, strlen(dialects[i].body) } };
    }
    return (struct tool_answer){ 503, "text/plain", { no_answer, sizeof no_answer - 1 } };
}

static void serve(const struct tool_server *server, int fd, char *bytes)
{
    struct tool_answer answer;
    char head[512];
    size_t len = read_request(server, fd, bytes);
    int head_len;

    if (len == 0)
        return;
    show(bytes, len);
    answer = server->answer->type ? *server->answer : guess(bytes);
    head_len = snprintf(head, sizeof head,
                        "HTTP/1.1 %d Mock\r\nContent-Type: %.200s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        answer.status, answer.type, answer.body.len);
    write_all(fd, head, (size_t)head_len);
    write_all(fd, answer.body.ptr, answer.body.len);
    shutdown(fd, SHUT_WR);
}

static void *run(void *arg)
{
    const struct tool_server *server = arg;
    char *bytes = malloc(REQUEST_MAX + 1);

    while (bytes) {
        struct pollfd waits[] = { { .fd = server->listener, .events = POLLIN },
                                  { .fd = server->wake[0], .events = POLLIN } };
        int fd;

        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            break;
        if (waits[1].revents)
            break;
        fd = waits[0].revents ? accept(server->listener, NULL, NULL) : -1;
        if (fd < 0)
            continue;
        serve(server, fd, bytes);
        close(fd);
    }
    free(bytes);
    return NULL;
}

static bool listen_somewhere(struct tool_server *server)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof place;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (const struct sockaddr *)&place, len) != 0 ||
        listen(server->listener, 16) != 0 || getsockname(server->listener, (struct sockaddr *)&place, &len) != 0)
        return false;
    server->port = ntohs(place.sin_port);
    return true;
}

static void free_server(struct tool_server *server)
{
    const int fds[] = { server->listener, server->wake[0], server->wake[1] };

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(server);
}

struct tool_server *tool_server_start(const struct tool_answer *answer)
{
    struct tool_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    *server = (struct tool_server){ .listener = -1, .wake = { -1, -1 }, .answer = answer };
    if (pipe(server->wake) != 0 || !listen_somewhere(server) ||
        pthread_create(&server->thread, NULL, run, server) != 0) {
        tool_fail("the mock server does not start: %s", strerror(errno));
        free_server(server);
        return NULL;
    }
    return server;
}

int tool_server_port(const struct tool_server *server)
{
    return server->port;
}

void tool_server_stop(struct tool_server *server)
{
    if (!server)
        return;
    if (write(server->wake[1], "", 1) == 1)
        pthread_join(server->thread, NULL);
    free_server(server);
}
