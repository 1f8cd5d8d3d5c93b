/* upgrade.c - this process starts a new program, which gets everything it listens at (heritage.h); once that says that
 * it is ready, this one takes no connections any more, finishes what it began and ends. Until then nothing here has
 * changed, so whatever goes wrong costs nobody anything. Main thread; workers serve meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/metrics_server.h"
#include "pipeline/notify.h"
#include "pipeline/serving.h"
#include "pipeline/spawn.h"

#define NAMES_MAX    (64u << 10)
#define LOOK_MS      500  /* the log is not kept waiting longer */
#define LAST_MS      1000 /* for one that gave up to end by itself */
#define LAST_LOOK_MS 10
#define VARIABLES    3
#define SECONDS_MAX  3600

/* ---- which program ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/** As it was called, if that is a path: /opt/aigw/current/bin/aigw may lead to another version tomorrow. */
void gw_serving_find_program(struct gw_serving *serving)
{
    char *path = serving->program, folder[GW_PROGRAM_MAX / 2];
    const char *called = serving->argv && serving->argv[0] ? serving->argv[0] : "";
    ssize_t len;

    if (*called == '/')
        (void)snprintf(path, GW_PROGRAM_MAX, "%s", called);
    else if (strchr(called, '/') && strlen(called) < sizeof folder && getcwd(folder, sizeof folder))
        (void)snprintf(path, GW_PROGRAM_MAX, "%s/%s", folder, called);
    if (*path && is_same_file(path, "/proc/self/exe"))
        return;
    len = readlink("/proc/self/exe", path, GW_PROGRAM_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
}

/** "SECONDS [PROGRAM]" */
static bool read_arguments(struct gw_serving *serving, aigw_str text, int64_t *ret_wait_ms,
                           char ret_program[GW_PROGRAM_MAX], struct gw_buf *report)
{
    const char *blank = memchr(text.ptr, ' ', text.len);
    size_t digits = blank ? (size_t)(blank - text.ptr) : text.len;
    aigw_str program = { text.ptr + digits + (blank != NULL), text.len - digits - (blank != NULL) };
    uint64_t seconds = 0;

    if (!gw_str_to_u64((aigw_str){ text.ptr, digits }, SECONDS_MAX, &seconds) || program.len >= GW_PROGRAM_MAX) {
        gw_buf_puts(report, "upgrade: expected seconds and a path\n");
        return false;
    }
    *ret_wait_ms = (int64_t)seconds * 1000;
    if (program.len)
        (void)snprintf(ret_program, GW_PROGRAM_MAX, "%.*s", (int)program.len, program.ptr);
    else
        (void)snprintf(ret_program, GW_PROGRAM_MAX, "%s", serving->program);
    if (!*ret_program)
        gw_buf_puts(report,
                    "where this program lies cannot be seen (/proc is not there): name the new one with --program\n");
    return *ret_program != '\0';
}

static bool is_possible(struct gw_serving *serving, struct gw_buf *report)
{
    if (getpid() == 1) {
        gw_buf_puts(report,
                    "this gateway is process 1 of its container, which ends with it: start a container of the "
                    "new image instead (Kubernetes: a rollout), the old one finishes its requests at SIGTERM\n");
        return false;
    }
    if (gw_heritage_is_before_alive(&serving->heritage)) {
        gw_buf_printf(report,
                      "process %d still finishes the requests that it had when this one took over, and there are never "
                      "more than two: try again when it has ended, %lld ms (server.drain_ms) after that upgrade at the "
                      "latest\n",
                      (int)serving->heritage.before, (long long)serving->snapshot->settings.server.drain_ms);
        return false;
    }
    return true;
}

/* ---- the new process ---- */

/** Descriptors for it, copied out of the way of the places where they will be. */
struct legacy {
    int *fds;
    size_t count, max;
    struct gw_buf names;
    struct gw_err err;
};

struct child {
    pid_t pid;
    int ready, words; /* our ends */
    int64_t wait_ms;
    struct gw_buf said;
    const char *program;
};

static void leave(struct legacy *legacy, int fd, const char *name)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, GW_HERITAGE_FIRST + (int)legacy->max);

    if (copy < 0) {
        (void)gw_err_set(&legacy->err, AIGW_E_STATE, "a descriptor cannot be copied: %s", strerror(errno));
        return;
    }
    gw_buf_printf(&legacy->names, "%s%s", legacy->count ? ":" : "LISTEN_FDNAMES=", name);
    legacy->fds[legacy->count++] = copy;
}

static void leave_all(struct legacy *legacy, const struct gw_serving *serving, int ready)
{
    legacy->max = serving->listeners.count + 4;
    gw_buf_init(&legacy->names, NAMES_MAX);
    legacy->fds = calloc(legacy->max, sizeof *legacy->fds);
    if (!legacy->fds) {
        (void)gw_err_set(&legacy->err, AIGW_E_NOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < serving->listeners.count; i++)
        leave(legacy, serving->listeners.items[i].fd, serving->listeners.items[i].is_given ? "api-given" : "api");
    if (serving->metrics_fd >= 0)
        leave(legacy, serving->metrics_fd, serving->is_metrics_given ? "metrics-given" : "metrics");
    if (serving->control.fd >= 0)
        leave(legacy, serving->control.fd, "control");
    leave(legacy, STDERR_FILENO, "stderr");
    leave(legacy, ready, "ready");
    if (legacy->names.status)
        (void)gw_err_set(&legacy->err, legacy->names.status, "out of memory");
}

static void legacy_done(struct legacy *legacy)
{
    for (size_t i = 0; i < legacy->count; i++)
        close(legacy->fds[i]);
    free(legacy->fds);
    gw_buf_done(&legacy->names);
}

/** ready: its end of the stream, words: of the pipe. */
static aigw_status start_child(struct gw_serving *serving, struct child *child, int ready, int words,
                               struct gw_err *reterr)
{
    struct legacy legacy = { .fds = NULL };
    char fds[32], before[64], **env = NULL;
    int code;

    leave_all(&legacy, serving, ready);
    if (legacy.err.text[0]) {
        *reterr = legacy.err;
        goto done;
    }
    (void)snprintf(fds, sizeof fds, "LISTEN_FDS=%zu", legacy.count);
    (void)snprintf(before, sizeof before, GW_HERITAGE_VARIABLE "=%d %d", (int)getpid(),
                   gw_auth_lacks_keys(serving->server.auth) ? 0 : 1);
    env = gw_spawn_environment((char *const[VARIABLES]){ fds, before, legacy.names.data }, VARIABLES);
    code = env ? gw_spawn(child->program, serving->argv, env, legacy.fds, legacy.count, words, &child->pid) : ENOMEM;
    if (code)
        (void)gw_err_set(reterr, AIGW_E_STATE, "%s cannot be started: %s", child->program, strerror(code));
done:
    free(env);
    legacy_done(&legacy);
    return child->pid ? AIGW_OK : AIGW_E_STATE;
}

/* ---- is it ready? ---- */

#define CHILD_READY   1
#define CHILD_FAILED  2
#define CHILD_LATE    3
#define CHILD_REVOKED 4 /* this process was asked to stop */

/** True: it is to stop. */
static bool take_signal(struct gw_serving *serving)
{
    struct signalfd_siginfo info;

    if (read(serving->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo == SIGHUP)
        serving->must_reload = true;
    else
        serving->must_stop = true;
    return serving->must_stop;
}

static int await(struct gw_serving *serving, struct child *child)
{
    struct pollfd waits[] = { { .fd = child->ready, .events = POLLIN },
                              { .fd = child->words, .events = POLLIN },
                              { .fd = serving->signal_fd, .events = POLLIN } };
    int64_t until_ms = gw_mono_ms() + child->wait_ms, left_ms;
    char word;

    while ((left_ms = until_ms - gw_mono_ms()) > 0) {
        gw_log_flush();
        if (poll(waits, GW_ARRAY_LEN(waits), left_ms < LOOK_MS ? (int)left_ms : LOOK_MS) <= 0)
            continue;
        if (waits[1].revents && !gw_spawn_words(child->words, &child->said))
            waits[1].fd = -1;
        if (waits[0].revents)
            return recv(child->ready, &word, 1, 0) == 1 && word == 'R' ? CHILD_READY : CHILD_FAILED;
        if (waits[2].revents && take_signal(serving))
            return CHILD_REVOKED;
    }
    return CHILD_LATE;
}

/** Its status when it ends by itself within a moment; false: it had to be ended. */
static bool end_child(struct child *child, int outcome, int *ret_status)
{
    int64_t until_ms = gw_mono_ms() + LAST_MS;
    bool has_ended = false;

    while (outcome == CHILD_FAILED && !has_ended && gw_mono_ms() < until_ms) {
        (void)gw_spawn_words(child->words, &child->said);
        has_ended = waitpid(child->pid, ret_status, WNOHANG) == child->pid;
        if (!has_ended)
            (void)poll(NULL, 0, LAST_LOOK_MS);
    }
    if (!has_ended) {
        (void)kill(child->pid, SIGKILL); /* it has let nobody in */
        while (waitpid(child->pid, ret_status, 0) < 0 && errno == EINTR)
            ;
    }
    (void)gw_spawn_words(child->words, &child->said);
    return has_ended;
}

/** What it said itself, and how it went. */
static void report_end(const struct child *child, int outcome, bool has_ended, int status, struct gw_buf *report)
{
    gw_buf_put_str(report, gw_buf_str(&child->said));
    if (child->said.len && child->said.data[child->said.len - 1] != '\n')
        gw_buf_puts(report, "\n");
    gw_buf_printf(report, "the new program (%s, process %d) ", child->program, (int)child->pid);
    if (outcome == CHILD_LATE)
        gw_buf_printf(report, "was not ready within %lld s and was ended\n", (long long)(child->wait_ms / 1000));
    else if (outcome == CHILD_REVOKED)
        gw_buf_puts(report, "was ended: the running one was asked to stop\n");
    else if (!has_ended)
        gw_buf_puts(report, "closed what it was handed without being ready, and was ended: is it an aigw?\n");
    else if (WIFSIGNALED(status))
        gw_buf_printf(report, "was ended by signal %d (%s) before it was ready\n", WTERMSIG(status),
                      strsignal(WTERMSIG(status)));
    else
        gw_buf_printf(report, "ended with status %d before it was ready\n", WEXITSTATUS(status));
}

/* ---- the upgrade ---- */

static void hand_over(struct gw_serving *serving, const struct child *child, struct gw_buf *report)
{
    char main_pid[32];

    serving->successor = child->pid;
    (void)snprintf(main_pid, sizeof main_pid, "MAINPID=%d", (int)child->pid);
    gw_notify(main_pid);
    gw_control_leave(&serving->control);
    gw_metrics_server_retire(serving->metrics);
    gw_log(GW_LOG_INFO, "upgrade", "process %d (%s) has taken over", (int)child->pid, child->program);
    gw_buf_printf(report, "process %d serves now: %s\nprocess %d finishes its requests, in %lld ms at most\n",
                  (int)child->pid, child->program, (int)getpid(),
                  (long long)serving->snapshot->settings.server.drain_ms);
}

/** The new program, from its start to its first word or its end. True: it has taken over. */
static bool replace(struct gw_serving *serving, const char *program, int64_t wait_ms, struct gw_buf *report)
{
    struct child child = { .program = program, .wait_ms = wait_ms };
    int ready[2] = { -1, -1 }, words[2] = { -1, -1 }, outcome = CHILD_FAILED, status = 0;
    struct gw_err err = { "" };

    gw_buf_init(&child.said, GW_SPAWN_WORDS_MAX);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ready) < 0 || pipe2(words, O_CLOEXEC) < 0 ||
        fcntl(words[0], F_SETFL, O_NONBLOCK) < 0) {
        gw_buf_printf(report, "no descriptor can be opened: %s\n", strerror(errno));
        goto done;
    }
    if (start_child(serving, &child, ready[1], words[1], &err)) {
        gw_buf_printf(report, "%s\n", err.text);
        goto done;
    }
    close(ready[1]); /* its end is the child's alone, so that it tells the end of the child */
    close(words[1]);
    ready[1] = words[1] = -1;
    child.ready = ready[0];
    child.words = words[0];
    outcome = await(serving, &child);
    if (outcome == CHILD_READY) {
        hand_over(serving, &child, report);
        ready[0] = -1; /* stays open: that it closes tells the new process that this one has ended */
    } else {
        bool has_ended = end_child(&child, outcome, &status);

        report_end(&child, outcome, has_ended, status, report);
    }
done:
    for (int i = 0; i < 2; i++) {
        if (ready[i] >= 0)
            close(ready[i]);
        if (words[i] >= 0)
            close(words[i]);
    }
    gw_buf_done(&child.said);
    return outcome == CHILD_READY;
}

bool gw_serving_upgrade(struct gw_serving *serving, aigw_str arguments, struct gw_buf *report)
{
    char program[GW_PROGRAM_MAX] = "";
    int64_t wait_ms = 0;

    if (!is_possible(serving, report) || !read_arguments(serving, arguments, &wait_ms, program, report))
        return false;
    gw_log(GW_LOG_INFO, "upgrade", "starting %s, which is to take over within %lld s", program,
           (long long)(wait_ms / 1000));
    gw_log_flush();
    if (replace(serving, program, wait_ms, report))
        return true;
    gw_log(GW_LOG_ERROR, "upgrade", "not upgraded, this process goes on as before");
    gw_log_lines(GW_LOG_ERROR, "upgrade", gw_buf_str(report));
    return false;
}
