/* guard.c - a plugin that crashes or never comes back is named, with the callback it was in. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "internal.h"
#include "tool.h"

#define HANG_S 20 /* a busy machine and a checker of memory slow things down; nothing honest takes so long */

static const char *guarded;

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
    _exit(1);
}

void tool_guard(const char *plugin)
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
