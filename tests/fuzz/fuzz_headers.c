/* fuzz_headers.c - bytes of a client's connection through the real listener and the authentication decision: request
 * line, path normal form, header hygiene, body framing, the headers that auth reads.
 *
 * One listener on loopback serves all inputs. Every request that gets through is answered with 200; whatever comes, the
 * connection must end, the path must be in normal form, and a refusal must have its text. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/listener.h"
#include "base/log.h"
#include "http/http.h"

#define TURNS_MAX 2000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct gw_loop *loop;
    struct gw_http *http;
    uint16_t port;
    struct gw_auth *auth;
    struct gw_auth_worker *auth_worker;
} the;

static aigw_str get_header(void *user, const char *name)
{
    return gw_http_request_header(user, name);
}

static void decide(struct gw_exchange *ex)
{
    struct gw_auth_headers headers = { .user = ex, .get = get_header };
    struct gw_auth_result result = { 0 };

    gw_auth_check(the.auth_worker, &headers, &ex->arena, &result);
    if (result.outcome == GW_AUTH_ALLOWED)
        abort(); /* there is no key: nobody can have signed anything */
    if (result.outcome == GW_AUTH_REFUSED && (!result.error || result.status < 400))
        abort();
}

static int on_head(void *user, struct gw_exchange *ex)
{
    (void)user;
    bool is_server = gw_str_is(ex->path, "*"); /* OPTIONS * */
    if (!ex->path.ptr || ex->path.len == 0 || (ex->path.ptr[0] != '/' && !is_server))
        abort();
    if (ex->path.len > 1 && ex->path.ptr[ex->path.len - 1] == '/')
        abort();
    if (memmem(ex->path.ptr, ex->path.len, "//", 2) || memmem(ex->path.ptr, ex->path.len, "/../", 4))
        abort();
    decide(ex);
    return GW_HEAD_READ;
}

static void on_body(void *user, struct gw_exchange *ex)
{
    (void)user;
    gw_http_reply(ex, 200, "text/plain", AIGW_STR("ok"), NULL, 0);
}

static void ignore(void *user, struct gw_exchange *ex)
{
    (void)user;
    (void)ex;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct gw_http_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_gone = ignore, .on_drain = ignore, .on_done = ignore
    };
    static const struct gw_http_limits limits = { .header_ms = 50,
                                                  .body_ms = 50,
                                                  .idle_ms = 50,
                                                  .write_stall_ms = 1000,
                                                  .header_max = 8192,
                                                  .body_max = 4096,
                                                  .drain_max = 8192,
                                                  .backlog_high = 65536,
                                                  .connections_max = 100 };
    static struct gw_settings settings;
    static const struct gw_log_options quiet = { .level = GW_LOG_CRITICAL + 1, .json = true };
    static const struct gw_listener_options listening = { .backlog = 16, .is_prompt = true };
    struct gw_err err = { "" };
    int listener = -1;

    (void)argc;
    (void)argv;
    settings.auth.service_name = "gitlab-ai-gateway";
    settings.auth.keys_refresh_s = 86400;
    if (gw_log_start(&quiet, &err) || !(the.loop = gw_loop_new(&err)) ||
        !(the.auth = gw_auth_new(&settings, NULL, &err)) ||
        !(the.auth_worker = gw_auth_worker_new(the.auth, the.loop)) ||
        !(the.http = gw_http_new(the.loop, &limits, NULL, &handler, &err)) ||
        (listener = gw_listener_open("127.0.0.1", 0, &listening, &err)) < 0 ||
        gw_http_add_listener(the.http, listener, 0, &err) || gw_http_accept(the.http)) {
        fprintf(stderr, "fuzz_headers cannot start: %s\n", err.text);
        abort();
    }
    the.port = gw_listener_port(listener);
    close(listener);
    gw_http_set_prefix(the.http, "/ai");
    return 0;
}

static int connect_client(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(the.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            abort();
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if (errno != EINTR) /* the fuzzer's clock */
            abort();
        close(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 }; /* no ports left in TIME_WAIT */
    size_t first = size ? data[0] % size : 0;                    /* sent in two pieces, cut where the input says */
    char sink[4096];
    int fd = connect_client();

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (size > 1) {
        send(fd, data + 1, first, MSG_NOSIGNAL | MSG_DONTWAIT);
        gw_loop_turn(the.loop, 0);
        gw_loop_turn(the.loop, 0);
        send(fd, data + 1 + first, size - 1 - first, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    shutdown(fd, SHUT_WR);
    for (int turn = 0; gw_http_open_connections(the.http) > 0; turn++) {
        if (turn == TURNS_MAX)
            abort(); /* neither answered nor closed */
        gw_loop_turn(the.loop, 5);
        while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
            ;
    }
    close(fd);
    return 0;
}
