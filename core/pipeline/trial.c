/* trial.c - see trial.h. The other process is `aigw check` with a descriptor in GW_TRIAL_VARIABLE: 'B' on it says that
 * this program began, 'P' that everything was opened and closed. Without 'B' nothing was tried, and nothing is
 * concluded: a sandbox may forbid processes. */
#include "pipeline/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "pipeline/heritage.h"
#include "pipeline/spawn.h"

#define GW_TRIAL_VARIABLE "AIGW_TRIAL_OF"
#define TRIAL_MS          45000            /* open() may block; who asked by `aigw reload` waits for a minute */
#define PATIENCE_MS       1000             /* of signals */
#define PROGRAM           "/proc/self/exe" /* whatever lies at its path by now */

/* ---- the other process ---- */

int gw_trial_begin(void)
{
    const char *text = getenv(GW_TRIAL_VARIABLE);
    struct ucred peer = { 0 };
    socklen_t len = sizeof peer;
    int oom;

    if (!text || getsockopt(GW_HERITAGE_FIRST, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid != getppid())
        return -1; /* left over in somebody's environment */
    unsetenv(GW_TRIAL_VARIABLE);
    (void)fcntl(GW_HERITAGE_FIRST, F_SETFD, FD_CLOEXEC);
    oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom >= 0) { /* where memory is short it is this process that goes, not the one that serves */
        (void)!write(oom, "1000", 4);
        close(oom);
    }
    (void)send(GW_HERITAGE_FIRST, "B", 1, MSG_NOSIGNAL);
    return GW_HERITAGE_FIRST;
}

_Noreturn void gw_trial_passed(int fd)
{
    (void)send(fd, "P", 1, MSG_NOSIGNAL);
    _exit(0);
}

/* ---- the gateway ---- */

struct trial {
    pid_t pid;
    int marks, words; /* our ends */
    bool has_begun, has_passed, is_late, is_revoked;
    struct gw_buf said;
};

/** "aigw check --conf-dir … --plugin-dir …", the caller's to free. */
static char **make_argv(const struct gw_snapshot_options *options)
{
    char **argv = calloc(2 * (options->conf_dir_count + options->plugin_dir_count) + 3, sizeof *argv);
    size_t count = 0;

    if (!argv)
        return NULL;
    argv[count++] = (char *)(uintptr_t) "aigw";
    argv[count++] = (char *)(uintptr_t) "check";
    for (size_t i = 0; i < options->conf_dir_count; i++) {
        argv[count++] = (char *)(uintptr_t) "--conf-dir";
        argv[count++] = (char *)(uintptr_t)options->conf_dirs[i];
    }
    for (size_t i = 0; i < options->plugin_dir_count; i++) {
        argv[count++] = (char *)(uintptr_t) "--plugin-dir";
        argv[count++] = (char *)(uintptr_t)options->plugin_dirs[i];
    }
    return argv;
}

static bool start(struct trial *trial, const struct gw_snapshot_options *options)
{
    char variable[] = GW_TRIAL_VARIABLE "=1", *added[] = { variable };
    int marks[2] = { -1, -1 }, words[2] = { -1, -1 }, code = ENOMEM;
    char **argv = make_argv(options), **env = gw_spawn_environment(added, GW_ARRAY_LEN(added));

    if (argv && env && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, marks) == 0 &&
        pipe2(words, O_CLOEXEC | O_NONBLOCK) == 0)
        code = gw_spawn(PROGRAM, argv, env, &marks[1], 1, words[1], &trial->pid);
    free(argv);
    free(env);
    if (marks[1] >= 0)
        close(marks[1]);
    if (words[1] >= 0)
        close(words[1]);
    trial->marks = marks[0];
    trial->words = words[0];
    return code == 0;
}

static bool take_marks(struct trial *trial)
{
    char mark;
    ssize_t got;

    while ((got = recv(trial->marks, &mark, 1, 0)) == 1) {
        trial->has_begun = trial->has_begun || mark == 'B';
        trial->has_passed = trial->has_passed || mark == 'P';
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void await(struct trial *trial, int signal_fd)
{
    struct pollfd waits[] = { { .fd = trial->marks, .events = POLLIN },
                              { .fd = trial->words, .events = POLLIN },
                              { .fd = -1, .events = POLLIN } };
    int64_t began_ms = gw_mono_ms(), passed_ms = 0;

    while (!trial->has_passed && waits[0].fd >= 0 && passed_ms < TRIAL_MS) {
        waits[2].fd = passed_ms < PATIENCE_MS ? -1 : signal_fd;
        if (poll(waits, GW_ARRAY_LEN(waits), PATIENCE_MS) > 0) {
            if (waits[1].revents && !gw_spawn_words(trial->words, &trial->said))
                waits[1].fd = -1;
            if (waits[0].revents && !take_marks(trial))
                waits[0].fd = -1;
            trial->is_revoked = waits[2].fd >= 0 && waits[2].revents;
            if (trial->is_revoked)
                return;
        }
        gw_log_flush();
        passed_ms = gw_mono_ms() - began_ms;
    }
    trial->is_late = passed_ms >= TRIAL_MS;
}

static void tell(const struct trial *trial, int status, struct gw_buf *report)
{
    gw_buf_put_str(report, gw_buf_str(&trial->said));
    gw_buf_puts(report, "a process that opened this configuration before the gateway would ");
    if (trial->is_late)
        gw_buf_printf(report, "did not come back within %d s\n", TRIAL_MS / 1000);
    else if (trial->is_revoked)
        gw_buf_puts(report, "did not come back before the next signal\n");
    else if (WIFSIGNALED(status))
        gw_buf_printf(report, "was ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        gw_buf_printf(report, "ended with status %d before all was open\n", WEXITSTATUS(status));
}

bool gw_trial(const struct gw_snapshot_options *options, int signal_fd, struct gw_buf *report)
{
    struct trial trial = { .marks = -1, .words = -1 };
    bool is_good = true;
    int status = 0;

    gw_buf_init(&trial.said, GW_SPAWN_WORDS_MAX);
    if (start(&trial, options)) {
        await(&trial, signal_fd);
        if (trial.is_late || trial.is_revoked)
            (void)kill(trial.pid, SIGKILL);
        while (waitpid(trial.pid, &status, 0) < 0 && errno == EINTR)
            ;
        (void)gw_spawn_words(trial.words, &trial.said);
        is_good = trial.has_passed || !trial.has_begun;
        if (!is_good)
            tell(&trial, status, report);
    }
    if (trial.marks >= 0)
        close(trial.marks);
    if (trial.words >= 0)
        close(trial.words);
    gw_buf_done(&trial.said);
    return is_good;
}
