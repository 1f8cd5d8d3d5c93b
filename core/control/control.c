/* control.c - see control.h. One connection is one question: "reload\n", then "ok\n…" or "failed\n…" and the end. */
#include "control/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 20)
#define ASKING_S   1 /* for a command to arrive, and for an answer to be taken */

void gw_control_name(char ret_name[GW_CONTROL_NAME_MAX], const char *configured, unsigned port)
{
    if (configured)
        (void)snprintf(ret_name, GW_CONTROL_NAME_MAX, "%s", configured);
    else
        (void)snprintf(ret_name, GW_CONTROL_NAME_MAX, "@aigw-%u", port);
}

/** False: too long. */
static bool make_address(const char *name, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    size_t len = strlen(name);

    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sun_family = AF_UNIX;
    if (len == 0 || len >= sizeof ret_address->sun_path)
        return false;
    memcpy(ret_address->sun_path, name, len);
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    if (name[0] == '@') { /* abstract: a NUL first, and no other behind the name */
        ret_address->sun_path[0] = '\0';
        (*ret_len)--;
    }
    return true;
}

static void set_timeouts(int fd, int seconds)
{
    const struct timeval limit = { .tv_sec = seconds };

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* ---- the gateway's side --------------------------------------------------------------------------------------- */

/** A connection to a file that is no socket is refused as one to a socket is that nobody listens at. */
static bool is_socket_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/** Takes away a socket file that nobody listens at any more. False: none lay there. */
static bool remove_left_over(const struct sockaddr_un *address, socklen_t len)
{
    int fd = is_socket_file(address->sun_path) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    bool is_dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, len) < 0 && errno == ECONNREFUSED;

    if (fd >= 0)
        close(fd);
    return is_dead && unlink(address->sun_path) == 0;
}

/** 0, or errno. */
static int listen_private(int fd, const struct sockaddr_un *address, socklen_t len)
{
    mode_t before = umask(0177); /* a socket file is its owner's alone */
    int error = bind(fd, (const struct sockaddr *)address, len) < 0 || listen(fd, 8) < 0 ? errno : 0;

    umask(before);
    return error;
}

static const char *why_taken(const char *name)
{
    return name[0] == '@' || is_socket_file(name)
               ? "; another gateway has it. Give one of them a server.control_socket"
               : "; a file that is no socket lies there, and stays. Name another path in server.control_socket";
}

aigw_status gw_control_open(struct gw_control *control, const char *name, struct gw_err *reterr)
{
    struct sockaddr_un address;
    socklen_t len = 0;
    int error;

    control->fd = -1;
    if (!make_address(name, &address, &len))
        return gw_err_set(reterr, AIGW_E_CONFIG, "server.control_socket: \"%s\" has %zu bytes, expected 1 to %zu", name,
                          strlen(name), sizeof address.sun_path - 1);
    (void)snprintf(control->name, sizeof control->name, "%s", name);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    error = control->fd < 0 ? errno : listen_private(control->fd, &address, len);
    if (error == EADDRINUSE && name[0] != '@' && remove_left_over(&address, len))
        error = listen_private(control->fd, &address, len);
    if (error == 0)
        return AIGW_OK;
    (void)gw_err_set(reterr, AIGW_E_CONFIG, "control socket %s: %s%s", name, strerror(error),
                     error == EADDRINUSE ? why_taken(name) : "");
    if (control->fd >= 0)
        close(control->fd);
    control->fd = -1;
    return AIGW_E_CONFIG;
}

bool gw_control_adopt(struct gw_control *control, int fd, const char *name)
{
    struct sockaddr_un wanted, found;
    socklen_t wanted_len = 0, found_len = sizeof found;

    memset(&found, 0, sizeof found);
    if (!make_address(name, &wanted, &wanted_len) || getsockname(fd, (struct sockaddr *)&found, &found_len) != 0 ||
        found_len != wanted_len || memcmp(&found, &wanted, found_len) != 0)
        return false;
    (void)snprintf(control->name, sizeof control->name, "%s", name);
    control->fd = fd;
    return true;
}

void gw_control_leave(struct gw_control *control)
{
    if (control->fd >= 0)
        close(control->fd);
    control->fd = -1;
}

void gw_control_close(struct gw_control *control)
{
    if (control->fd < 0)
        return;
    close(control->fd);
    control->fd = -1;
    if (control->name[0] != '@')
        (void)unlink(control->name);
}

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

/** The line without its end. False: none came. */
static bool read_command(int fd, char command[GW_CONTROL_COMMAND_MAX], aigw_str *ret_command)
{
    size_t len = 0;
    const char *end = NULL;

    while (!end && len < GW_CONTROL_COMMAND_MAX) {
        ssize_t got = recv(fd, command + len, GW_CONTROL_COMMAND_MAX - len, 0);

        if (got <= 0)
            return false;
        len += (size_t)got;
        end = memchr(command, '\n', len);
    }
    *ret_command = (aigw_str){ command, end ? (size_t)(end - command) : len };
    return end != NULL;
}

static void send_all(int fd, aigw_str text)
{
    while (text.len > 0) {
        ssize_t sent = send(fd, text.ptr, text.len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        text = (aigw_str){ text.ptr + sent, text.len - (size_t)sent };
    }
}

void gw_control_serve(struct gw_control *control, gw_control_fn answer, void *user)
{
    char command[GW_CONTROL_COMMAND_MAX];
    aigw_str asked;
    int fd;

    while (control->fd >= 0 && (fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct gw_buf out;
        bool is_done;

        set_timeouts(fd, ASKING_S);
        gw_buf_init(&out, ANSWER_MAX);
        if (!is_allowed(fd)) {
            send_all(fd, AIGW_STR("failed\nonly the gateway's own user and root may ask\n"));
        } else if (read_command(fd, command, &asked)) {
            is_done = answer(user, asked, &out);
            send_all(fd, is_done ? AIGW_STR("ok\n") : AIGW_STR("failed\n"));
            send_all(fd, gw_buf_str(&out));
        }
        gw_buf_done(&out);
        close(fd);
    }
}

/* ---- who asks ------------------------------------------------------------------------------------------------- */

aigw_status gw_control_ask(const char *name, const char *command, int wait_s, struct gw_buf *out, struct gw_err *reterr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    aigw_status status = AIGW_E_NOT_FOUND;
    socklen_t len = 0;
    char piece[4096];
    aigw_str text;
    ssize_t got;

    if (fd < 0 || !make_address(name, &address, &len) || connect(fd, (struct sockaddr *)&address, len) < 0) {
        (void)gw_err_set(reterr, status,
                         "no gateway answers at %s (%s): is it running, on this port, as this user, in this network "
                         "namespace?",
                         name, strerror(errno));
        goto done;
    }
    set_timeouts(fd, wait_s);
    send_all(fd, gw_str(command));
    send_all(fd, AIGW_STR("\n"));
    while ((got = recv(fd, piece, sizeof piece, 0)) > 0)
        gw_buf_put(out, piece, (size_t)got);
    text = gw_buf_str(out);
    if (gw_str_has_prefix(text, AIGW_STR("ok\n")) || gw_str_has_prefix(text, AIGW_STR("failed\n"))) {
        size_t head = text.ptr[0] == 'o' ? 3 : 7;

        status = head == 3 ? AIGW_OK : AIGW_E_STATE;
        memmove(out->data, out->data + head, out->len - head);
        out->len -= head;
        out->data[out->len] = '\0';
    } else {
        (void)gw_err_set(reterr, status, "the gateway at %s gave no answer", name);
    }
done:
    if (fd >= 0)
        close(fd);
    return status;
}
