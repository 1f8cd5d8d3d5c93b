/* run_gateway.c - a gateway in a process of its own, and a client of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

#define LOG_MAX   ((size_t)256 << 10)
#define START_MS  20000
#define ANSWER_MS 30000

/* ---- the process ---- */

/* Where the value of one JSON log line's member begins. */
static const char *member(const char *line, const char *name)
{
    char key[32];
    const char *at;

    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(line, key);
    if (!at)
        return NULL;
    at += strlen(key);
    return at + (*at == '"');
}

/* Log lines of the gateway that matter to somebody who tries a plugin; before its log begins it says mistakes plainly.
 */
static void show_line(const char *line)
{
    const char *level = member(line, "level");

    if (!level || (strncmp(level, "info", 4) != 0 && strncmp(level, "debug", 5) != 0 &&
                   !strstr(line, "\"logger\":\"authentication\"")))
        fprintf(stderr, "gateway: %s\n", line);
}

/* Take the log line by line until `wanted` occurs in one, or nothing more comes. Answers that line's port. */
static int read_log(struct tool_gateway *gateway, const char *wanted)
{
    static char text[LOG_MAX];
    size_t len = 0;

    for (;;) {
        struct pollfd waits = { .fd = gateway->log, .events = POLLIN };
        ssize_t n = poll(&waits, 1, START_MS) > 0 ? read(gateway->log, text + len, sizeof text - 1 - len) : 0;

        if (n <= 0)
            return 0;
        len += (size_t)n;
        text[len] = '\0';
        char *line = text;

        for (char *end = strchr(line, '\n'); end; end = strchr(line, '\n')) {
            const char *port;

            *end = '\0';
            port = wanted && strstr(line, wanted) ? member(line, "port") : NULL;
            if (port)
                return atoi(port);
            show_line(line);
            line = end + 1;
        }
        len = strlen(line) < sizeof text - 1 ? strlen(line) : 0; /* a line that long is nobody's */
        memmove(text, line, len);
    }
}

static void exec_gateway(const char *program, const char *folder, int log)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* it does not outlive us, however we end */
    setenv("AIGW_AUTH__BYPASS_EXTERNAL", "true", 1);
    dup2(log, STDERR_FILENO);
    execl(program, program, "serve", "--conf-dir", folder, "--plugin-dir", folder, (char *)NULL);
    fprintf(stderr, "%s: does not start: %s\n", program, strerror(errno));
    _exit(127);
}

int tool_gateway_start(const char *program, const char *folder, struct tool_gateway *ret_gateway)
{
    int ends[2];

    *ret_gateway = (struct tool_gateway){ .pid = -1, .log = -1 };
    if (pipe2(ends, O_CLOEXEC) != 0)
        return tool_fail("no pipe: %s", strerror(errno));
    ret_gateway->pid = fork();
    if (ret_gateway->pid == 0)
        exec_gateway(program, folder, ends[1]);
    close(ends[1]);
    ret_gateway->log = ends[0];
    if (ret_gateway->pid > 0)
        ret_gateway->port = read_log(ret_gateway, "\"message\":\"listening\"");
    if (ret_gateway->port > 0)
        return 0;
    tool_gateway_stop(ret_gateway);
    return tool_fail("the gateway did not come up");
}

void tool_gateway_stop(struct tool_gateway *gateway)
{
    if (gateway->pid > 0) {
        kill(gateway->pid, SIGTERM);
        read_log(gateway, NULL);
        waitpid(gateway->pid, NULL, 0);
    }
    if (gateway->log >= 0)
        close(gateway->log);
    *gateway = (struct tool_gateway){ .pid = -1, .log = -1 };
}

/* ---- the client ---- */

static int connect_to(int port)
{
    struct sockaddr_in place = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&place, sizeof place) == 0)
        return fd;
    tool_fail("the gateway cannot be reached: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool send_request(int fd, int port, const char *method, const char *path, const char *headers, aigw_str body)
{
    char *head;
    int len = asprintf(&head, "%s %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n%sContent-Length: %zu\r\n\r\n", method, path,
                       port, headers, body.len);
    bool is_sent = len > 0 && send(fd, head, (size_t)len, MSG_NOSIGNAL) == len;

    if (len > 0)
        free(head);
    for (size_t at = 0; is_sent && at < body.len;) {
        ssize_t n = send(fd, body.ptr + at, body.len - at, MSG_NOSIGNAL);

        is_sent = n > 0;
        at += is_sent ? (size_t)n : 0;
    }
    return is_sent;
}

/* Print what comes, as it comes. Answers the status in its first line. */
static int print_answer(int fd)
{
    char bytes[8192], first[16] = "";
    size_t seen = 0;
    int status = 0;

    for (;;) {
        struct pollfd waits = { .fd = fd, .events = POLLIN };
        ssize_t n = poll(&waits, 1, ANSWER_MS) > 0 ? read(fd, bytes, sizeof bytes) : 0;

        if (n <= 0)
            break;
        if (seen == 0)
            printf("--- the client got\n"); /* the server's thread has printed what it got by now */
        for (ssize_t i = 0; i < n; i++) {
            if (seen < sizeof first - 1)
                first[seen++] = bytes[i];
            if (bytes[i] != '\r')
                putchar(bytes[i]);
        }
        fflush(stdout);
    }
    putchar('\n');
    if (sscanf(first, "HTTP/%*s %d", &status) != 1)
        tool_fail("nothing came back");
    return status;
}

int tool_gateway_ask(const struct tool_gateway *gateway, const char *method, const char *path, const char *headers,
                     aigw_str body)
{
    int fd = connect_to(gateway->port), status = 0;

    if (fd < 0)
        return 0;
    printf("--- the client sent\n%s %s\n\n%.*s\n", method, path, AIGW_STR_ARG(body));
    fflush(stdout);
    if (send_request(fd, gateway->port, method, path, headers, body)) {
        status = print_answer(fd);
    } else {
        tool_fail("the request could not be sent: %s", strerror(errno));
    }
    close(fd);
    return status;
}
