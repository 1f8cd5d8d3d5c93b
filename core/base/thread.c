/* thread.c - how threads of ours begin. */
#include <signal.h>

#include "base/base.h"

int gw_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
    /* What a thread brings on itself: blocked, it would end the process without a word of the handler
     * (plugin/crash.h). */
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
    sigset_t others, before;
    int error;

    sigfillset(&others);
    for (size_t i = 0; i < GW_ARRAY_LEN(own); i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    error = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
