/* process.h - what the kernel knows about this process, for /metrics and for those who watch their memory. */
#ifndef GW_PROCESS_H
#define GW_PROCESS_H

#include "base/base.h"

/** Values of one moment; a value the kernel did not give is negative. */
struct gw_process {
    double cpu_s;   /* user and system, all threads */
    double start_s; /* since 1970 UTC */
    int64_t rss_bytes;
    int64_t virtual_bytes;
    int64_t open_fds;
    int64_t max_fds;
    int64_t threads;
};
void gw_process_read(struct gw_process *ret_process);

/** A collector for gw_metrics_add_collector(): process_resident_memory_bytes, process_virtual_memory_bytes,
 *  process_cpu_seconds_total, process_open_fds, process_max_fds, process_start_time_seconds, process_threads. */
void gw_process_collect(void *user, struct gw_buf *out);

#endif
