/* crash.c - see crash.h. What runs in a signal handler may do little: no stdio, no memory, no log. */
#include "plugin/crash.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/ctx.h"
#include "plugin/visit.h"

static const char *volatile loading;

/* One line, written at once: others may be writing, too. */
static struct {
    char text[1024];
    size_t len;
    bool is_json;
} line;

static void say(const char *text)
{
    for (; text && *text && line.len < sizeof line.text - 64; text++) { /* room for a pair and for what ends it */
        if (line.is_json && (*text == '"' || *text == '\\'))
            line.text[line.len++] = '\\';
        line.text[line.len++] = line.is_json && (unsigned char)*text < ' ' ? ' ' : *text;
    }
}

static void begin(void)
{
    line.is_json = false;
    line.len = 0;
    if (gw_log_is_json()) {
        say("{\"message\":\"");
        line.is_json = true;
    }
}

static void end(void)
{
    static const char rest[] = "\",\"level\":\"critical\",\"logger\":\"plugin\"}\n";

    for (size_t i = line.is_json ? 0 : sizeof rest - 2; rest[i]; i++)
        line.text[line.len++] = rest[i];
    if (write(STDERR_FILENO, line.text, line.len) < 0)
        return; /* nobody reads it */
}

static void say_number(int number)
{
    char text[12];
    char *at = text + sizeof text - 1;

    for (*at = '\0'; number > 0; number /= 10)
        *--at = (char)('0' + number % 10);
    say(at);
}

/* As the configuration's problems are said: FILE:LINE: providers.NAME: … */
static void say_place(const struct gw_opening *opening)
{
    if (!opening || !opening->node || !opening->node->file)
        return;
    say(opening->node->file);
    say(":");
    say_number(opening->node->line);
    say(": ");
    say(opening->path);
    say(": ");
}

static void say_who(const char *what)
{
    const struct gw_visit *visit = gw_visit_now();

    begin();
    if (visit && visit->meter) {
        say_place(visit->ctx ? visit->ctx->opening : NULL);
        say("plugin \"");
        say(visit->meter->plugin);
        say("\" (");
        say(visit->meter->instance);
        say(") ");
        say(what);
        say(" in ");
        say(gw_callback_name(visit->callback));
        say("()");
        end();
    } else if (loading) {
        say(loading);
        say(": the plugin ");
        say(what);
        say(" while it was loaded");
        end();
    }
}

static void on_signal(int number)
{
    say_who(number == SIGABRT ? "aborted" : number == SIGFPE ? "crashed (arithmetic)" : "crashed (memory)");
    raise(number); /* SA_RESETHAND: now it ends us, as it would have */
}

static void on_exit_called(void)
{
    say_who("ended the process");
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>

static void on_report(void)
{
    say_who("crashed (memory)");
}
#endif

void gw_crash_watch(void)
{
    static char stack[64 * 1024]; /* the plugin may have used up the main thread's */
    const stack_t own = { .ss_sp = stack, .ss_size = sizeof stack };
    const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND) };
#if defined(__SANITIZE_ADDRESS__) /* which has better to say of the others */
    static const int signals[] = { SIGABRT };

    __sanitizer_set_death_callback(on_report);
#else
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
#endif
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    (void)atexit(on_exit_called);
}

void gw_crash_loading(const char *path)
{
    loading = path;
}
