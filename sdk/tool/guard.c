/* guard.c - a plugin that crashes, never comes back or ends the process is named, with the callback it was in. It runs
 * in a child: what that did not say it finished it did not, whatever its exit status is. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "tool.h"

#define HANG_S 20 /* a busy machine and a checker of memory slow things down; nothing honest takes so long */

/* What the child tells its parent. */
#define SAID_DONE 'd'
#define SAID_EXIT 'x'

static const char *guarded;
static int parent = -1; /* the pipe to it */

static void say(const char *text)
{
    if (text && write(STDERR_FILENO, text, strlen(text)) < 0)
        return;
}

/* Only what a signal handler may do. */
static void say_where(const char *what)
{
    const char *callback = testhost_running(NULL);

    say(guarded);
    say(what);
    say(callback ? " in " : " outside of its callbacks: in open(), close() or a thread of its own");
    say(callback);
    say("\n");
}

static void tell(char what)
{
    if (parent >= 0 && write(parent, &what, 1) != 1)
        return;
    parent = -1;
}

#if !defined(__SANITIZE_ADDRESS__)
static void on_crash(int sig)
{
    say_where(sig == SIGABRT ? ": aborted" : sig == SIGFPE ? ": crashed (arithmetic)" : ": crashed (memory)");
    raise(sig); /* SA_RESETHAND: now it ends us, as it would have */
}
#endif

static void on_second(int sig)
{
    static unsigned last, seconds;
    unsigned serial;

    (void)sig;
    if (!testhost_running(&serial) || serial != last)
        seconds = 0;
    last = serial;
    if (++seconds < HANG_S)
        return;
    say_where(": does not come back: 20 seconds went by");
    tell(SAID_EXIT);
    _exit(1);
}

static void guard(const char *plugin)
{
    static char stack[64 * 1024]; /* the plugin's own may be used up */
    const struct itimerval second = { { 1, 0 }, { 1, 0 } };
    struct sigaction action = { .sa_flags = SA_RESTART };

    guarded = plugin;
    action.sa_handler = on_second;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &second, NULL);
#if !defined(__SANITIZE_ADDRESS__) /* which has better to say */
    const stack_t own = { .ss_sp = stack, .ss_size = sizeof stack };
    static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

    sigaltstack(&own, NULL);
    action.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND);
    action.sa_handler = on_crash;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &action, NULL);
#else
    (void)stack;
#endif
}

/* exit() before the end: the plugin's. */
static void on_exit_early(void)
{
    if (parent < 0)
        return;
    say_where(": ended the process");
    tell(SAID_EXIT);
}

static int run_child(const struct tool_options *options, int (*run)(const struct tool_options *options))
{
    int result;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    guard(options->names[0]);
    atexit(on_exit_early);
    result = run(options);
    tell(SAID_DONE);
    return result;
}

int tool_guarded(const struct tool_options *options, int (*run)(const struct tool_options *options))
{
    int ends[2], status = 0;
    char said = '\0';
    pid_t child;

    fflush(NULL);
    if (pipe(ends) != 0)
        return tool_fail("pipe: %s", strerror(errno));
    child = fork();
    if (child < 0)
        return tool_fail("fork: %s", strerror(errno));
    if (child == 0) {
        close(ends[0]);
        parent = ends[1];
        return run_child(options, run);
    }
    close(ends[1]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (read(ends[0], &said, 1) != 1)
        said = '\0';
    close(ends[0]);
    if (WIFSIGNALED(status))
        return 1; /* the signal's handler said where */
    if (said == '\0')
        fprintf(stderr, "%s: the process ended with exit status %d before the test was over\n", options->names[0],
                WEXITSTATUS(status));
    return said != SAID_DONE || WEXITSTATUS(status) != 0;
}
