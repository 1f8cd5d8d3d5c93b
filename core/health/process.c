/* process.c - reads /proc/self. Without it (another kernel, a locked-down container) values are just missing. */
#include "health/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "health/metrics.h"

/* Whole small file as text; false when it cannot be read. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = -1;

    if (fd < 0)
        return false;
    while (len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    text[len] = '\0';
    return got >= 0 && len > 0;
}

static double boot_time_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char *line = NULL; /* grows: the line of interrupts before "btime" is long on large machines */
    size_t size = 0;
    double boot_s = -1;

    if (!file)
        return -1;
    while (boot_s < 0 && getline(&line, &size, file) > 0)
        if (strncmp(line, "btime ", 6) == 0)
            boot_s = strtod(line + 6, NULL);
    free(line);
    fclose(file);
    return boot_s;
}

/* Fields of proc(5) stat after the command name, which may hold blanks and brackets: state is the third. */
static void read_stat(struct gw_process *process)
{
    double tick = (double)sysconf(_SC_CLK_TCK), boot_s;
    char text[1024], *at;

    if (!read_text("/proc/self/stat", text, sizeof text))
        return;
    at = strrchr(text, ')');
    if (!at || !at[1])
        return;
    at += 2;
    for (int field = 3; *at; field++) {
        if (field == 14)
            process->cpu_s = strtod(at, NULL) / tick;
        else if (field == 15)
            process->cpu_s += strtod(at, NULL) / tick;
        else if (field == 20)
            process->threads = strtoll(at, NULL, 10);
        else if (field == 22 && (boot_s = boot_time_s()) >= 0)
            process->start_s = boot_s + strtod(at, NULL) / tick;
        else if (field == 23)
            process->virtual_bytes = strtoll(at, NULL, 10);
        else if (field == 24)
            process->rss_bytes = strtoll(at, NULL, 10) * sysconf(_SC_PAGESIZE);
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
}

static int64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = 0;
    const struct dirent *file;

    if (!dir)
        return -1;
    while ((file = readdir(dir)))
        count += file->d_name[0] != '.';
    closedir(dir);
    return count - 1; /* without the folder itself */
}

void gw_process_read(struct gw_process *ret_process)
{
    struct gw_process process = { -1, -1, -1, -1, -1, -1, -1 };
    struct rlimit limit;

    read_stat(&process);
    process.open_fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT64_MAX)
        process.max_fds = (int64_t)limit.rlim_cur;
    *ret_process = process;
}

static void put_value(struct gw_buf *out, const char *name, const char *help, const char *type, double value)
{
    if (value < 0)
        return;
    gw_metrics_put_head(out, name, help, type);
    gw_buf_printf(out, "%s ", name);
    gw_metrics_put_number(out, value);
    gw_buf_puts(out, "\n");
}

void gw_process_collect(void *user, struct gw_buf *out)
{
    struct gw_process p;

    (void)user;
    gw_process_read(&p);
    put_value(out, "process_cpu_seconds_total", "User and system CPU time of all threads.", "counter", p.cpu_s);
    put_value(out, "process_max_fds", "Most file descriptors this process may open.", "gauge", (double)p.max_fds);
    put_value(out, "process_open_fds", "Open file descriptors.", "gauge", (double)p.open_fds);
    put_value(out, "process_resident_memory_bytes", "Memory in RAM.", "gauge", (double)p.rss_bytes);
    put_value(out, "process_start_time_seconds", "Start of this process, seconds since 1970 UTC.", "gauge", p.start_s);
    put_value(out, "process_threads", "Threads of this process.", "gauge", (double)p.threads);
    put_value(out, "process_virtual_memory_bytes", "Address space in use.", "gauge", (double)p.virtual_bytes);
}
