/* heritage.c - see heritage.h. */
#include "pipeline/heritage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/** "PID KEYS". It is ours when the last descriptor is a stream that this process made: what is left over in somebody's
 *  environment leads nowhere. */
static bool is_from_before(struct gw_heritage *heritage, const char *text, uint64_t count)
{
    struct ucred peer = { 0 };
    socklen_t peer_len = sizeof peer;
    uint64_t pid = 0;
    size_t len = strcspn(text, " ");

    if (count == 0 || !gw_str_to_u64((aigw_str){ text, len }, INT32_MAX, &pid) || pid == 0 ||
        getsockopt(GW_HERITAGE_FIRST + (int)count - 1, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0 ||
        peer.pid != (pid_t)pid)
        return false;
    heritage->before = (pid_t)pid;
    heritage->need_keys = strcmp(text + len, " 1") == 0;
    return true;
}

/** How many descriptors are meant for this process. */
static aigw_status count_fds(struct gw_heritage *heritage, size_t *ret_count, struct gw_err *reterr)
{
    const char *count_text = getenv("LISTEN_FDS"), *pid_text = getenv("LISTEN_PID");
    const char *before = getenv(GW_HERITAGE_VARIABLE);
    uint64_t pid = 0, count = 0;
    bool is_number = count_text && gw_str_to_u64(gw_str(count_text), GW_HERITAGE_MAX, &count);
    bool is_ours = before ? is_from_before(heritage, before, count)
                          : pid_text && gw_str_to_u64(gw_str(pid_text), INT32_MAX, &pid) && (pid_t)pid == getpid();

    *ret_count = is_ours ? (size_t)count : 0;
    if (!is_ours || !count_text || is_number)
        return AIGW_OK;
    return gw_err_set(reterr, AIGW_E_CONFIG, "LISTEN_FDS is \"%s\", expected a number from 0 to %d", count_text,
                      GW_HERITAGE_MAX);
}

static aigw_status take_listener(struct gw_heritage *heritage, int fd, aigw_str name, struct gw_err *reterr)
{
    bool is_metrics = gw_str_has_prefix(name, AIGW_STR("metrics"));
    struct gw_heir heir = { fd, !heritage->before || memmem(name.ptr, name.len, "-given", 6) };
    struct gw_err why = { "" };

    if (gw_listener_adopt(fd, !is_metrics, &why))
        return gw_err_set(reterr, AIGW_E_CONFIG, "descriptor %d (\"%.*s\"), which came with the process, is %s", fd,
                          (int)(name.len < 64 ? name.len : 64), name.ptr ? name.ptr : "", why.text);
    if (is_metrics) {
        close_fd(&heritage->metrics.fd);
        heritage->metrics = heir;
    } else {
        heritage->api[heritage->api_count++] = heir;
    }
    return AIGW_OK;
}

static aigw_status take_one(struct gw_heritage *heritage, int fd, aigw_str name, struct gw_err *reterr)
{
    int *place = NULL;

    if (heritage->before && gw_str_is(name, "control"))
        place = &heritage->control;
    else if (heritage->before && gw_str_is(name, "stderr"))
        place = &heritage->stderr_fd;
    else if (heritage->before && gw_str_is(name, "ready"))
        place = &heritage->ready;
    if (!place)
        return take_listener(heritage, fd, name, reterr);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "descriptor %d (\"%.*s\") of the process before is not open", fd,
                          (int)name.len, name.ptr);
    close_fd(place);
    *place = fd;
    return AIGW_OK;
}

/** The next of "a:b:c". */
static aigw_str next_name(const char **names)
{
    size_t len = strcspn(*names, ":");
    aigw_str name = { *names, len };

    *names += len + ((*names)[len] == ':');
    return name;
}

aigw_status gw_heritage_take(struct gw_heritage *heritage, struct gw_err *reterr)
{
    static const char *const variables[] = { GW_HERITAGE_VARIABLE, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                                             "LISTEN_PIDFDID" };
    const char *names = getenv("LISTEN_FDNAMES");
    size_t count = 0;
    aigw_status status;

    *heritage =
        (struct gw_heritage){ .metrics = { .fd = -1 }, .control = -1, .ready = -1, .words = -1, .stderr_fd = -1 };
    status = count_fds(heritage, &count, reterr);
    names = names ? names : "";
    if (!status && count > 0) {
        heritage->api = calloc(count, sizeof *heritage->api);
        if (!heritage->api)
            status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count && !status; i++)
        status = take_one(heritage, GW_HERITAGE_FIRST + (int)i, next_name(&names), reterr);
    for (size_t i = 0; i < GW_ARRAY_LEN(variables); i++)
        (void)unsetenv(variables[i]); /* what this process starts gets none of it */
    return status;
}

void gw_heritage_drop_sockets(struct gw_heritage *heritage)
{
    for (size_t i = 0; i < heritage->api_count; i++)
        close_fd(&heritage->api[i].fd);
    free(heritage->api);
    heritage->api = NULL;
    heritage->api_count = 0;
    close_fd(&heritage->metrics.fd);
    close_fd(&heritage->control);
}

void gw_heritage_done(struct gw_heritage *heritage)
{
    gw_heritage_drop_sockets(heritage);
    close_fd(&heritage->ready);
    close_fd(&heritage->words);
    close_fd(&heritage->stderr_fd);
}

void gw_heritage_has_log(struct gw_heritage *heritage)
{
    if (heritage->stderr_fd < 0)
        return;
    heritage->words = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    (void)dup2(heritage->stderr_fd, STDERR_FILENO);
    close_fd(&heritage->stderr_fd);
}

void gw_heritage_say(const struct gw_heritage *heritage, const char *text)
{
    if (heritage->words >= 0)
        (void)dprintf(heritage->words, "%s\n", text);
}

void gw_heritage_ready(struct gw_heritage *heritage)
{
    if (heritage->ready >= 0)
        (void)send(heritage->ready, "R", 1, MSG_NOSIGNAL);
    close_fd(&heritage->words);
}

bool gw_heritage_is_before_alive(struct gw_heritage *heritage)
{
    struct pollfd end = { .fd = heritage->ready };

    if (heritage->ready < 0)
        return false;
    if (poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)))
        close_fd(&heritage->ready);
    return heritage->ready >= 0;
}
