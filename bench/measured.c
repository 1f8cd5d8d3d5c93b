/* measured.c - see measured.h. */
#include "measured.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

_Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

void measured_parse(struct measured *measured, char *list)
{
    for (char *at = strtok(list, ","); at && measured->pid_count < MEASURED_PIDS; at = strtok(NULL, ","))
        measured->pids[measured->pid_count++] = atoi(at);
}

double measured_cpu_s(const struct measured *measured)
{
    double total = 0;

    for (int i = 0; i < measured->pid_count; i++) {
        char path[64], text[1024] = "";
        unsigned long user = 0, system = 0;
        const char *at;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/stat", measured->pids[i]);
        file = fopen(path, "re");
        if (!file || !fgets(text, sizeof text, file))
            die(path);
        fclose(file);
        at = strrchr(text, ')');
        if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            die(path);
        total += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    }
    return total;
}

long measured_kb(const struct measured *measured, const char *file_name, const char *field)
{
    long total = 0, value;

    for (int i = 0; i < measured->pid_count; i++) {
        char path[64], line[256], format[32];
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/%s", measured->pids[i], file_name);
        snprintf(format, sizeof format, "%s: %%ld", field);
        file = fopen(path, "re");
        if (!file)
            die(path);
        while (fgets(line, sizeof line, file))
            if (sscanf(line, format, &value) == 1)
                total += value;
        fclose(file);
    }
    return total;
}

/* One blocking GET; true for a 200. */
static bool is_answered(uint16_t port, const char *request, size_t len)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    char answer[512] = "";
    bool is_good = false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len && recv(fd, answer, sizeof answer - 1, 0) > 12)
        is_good = memcmp(answer + 9, "200", 3) == 0;
    close(fd);
    return is_good;
}

int64_t measured_start_us(char **command, uint16_t port, const char *request, size_t len)
{
    const struct timespec pause = { 0, 200000 };
    int64_t began_us, ready_us = -1;
    int status;
    pid_t child;

    began_us = now_us();
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        execvp(command[0], command);
        die(command[0]);
    }
    while (ready_us < 0 && now_us() - began_us < 30000000 && waitpid(child, &status, WNOHANG) == 0) {
        if (is_answered(port, request, len))
            ready_us = now_us() - began_us;
        else
            nanosleep(&pause, NULL);
    }
    if (ready_us >= 0 || waitpid(child, &status, WNOHANG) == 0) {
        kill(child, SIGTERM);
        waitpid(child, &status, 0);
    }
    return ready_us;
}
