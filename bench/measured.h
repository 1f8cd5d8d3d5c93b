/* measured.h - the processes that the load generator looks at, and how long one takes to start. */
#ifndef BENCH_MEASURED_H
#define BENCH_MEASURED_H

#include <stddef.h>
#include <stdint.h>

#define MEASURED_PIDS 64

struct measured {
    int pids[MEASURED_PIDS], pid_count;
};

int64_t now_us(void);
/** Say what failed, with errno, and end. */
_Noreturn void die(const char *what);

/** "1,2". The list is changed. */
void measured_parse(struct measured *measured, char *list);
/** CPU time of all of them so far. */
double measured_cpu_s(const struct measured *measured);
/** Sum of a field of /proc/PID/file_name. */
long measured_kb(const struct measured *measured, const char *file_name, const char *field);
/** From exec of the command to the first 200 to the request; then it is asked to end. -1: there was none in 30 s. */
int64_t measured_start_us(char **command, uint16_t port, const char *request, size_t len);

#endif
