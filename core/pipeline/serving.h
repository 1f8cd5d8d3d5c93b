/* serving.h - what the main thread knows while it serves; shared by serve.c, reload.c and upgrade.c only. */
#ifndef GW_SERVING_H
#define GW_SERVING_H

#include "base/log.h"
#include "control/control.h"
#include "pipeline/heritage.h"
#include "pipeline/listeners.h"
#include "pipeline/pem.h"
#include "pipeline/watch.h"
#include "pipeline/worker.h"

#define GW_PROGRAM_MAX 4096

struct gw_metrics_server;

struct gw_serving {
    struct gw_snapshot_options options;
    char *const *argv;            /* how the process was started */
    char program[GW_PROGRAM_MAX]; /* its file, as it was named at the start; "": unknown */
    int signal_fd;
    struct gw_heritage heritage;
    struct gw_listeners listeners;
    int metrics_fd;              /* -1: none */
    bool is_metrics_given;       /* it came from systemd */
    pid_t successor;             /* has everything that this process listened at; 0: none yet */
    bool must_stop, must_reload; /* signals that came during an upgrade */
    struct gw_server server;
    struct gw_snapshot *snapshot;
    struct gw_snapshot_yard yard;
    struct gw_metrics_server *metrics;
    struct gw_pem pem;        /* serving certificate as last read */
    struct gw_arena fixed_in; /* memory of `fixed` */
    const char *const *fixed; /* settings that a reload cannot change, as the process began with them */
    struct gw_control control;
    struct gw_watch watch;
    atomic_ulong reloads_taken; /* by all workers; read by the main thread */
    unsigned long reloads;      /* begun */
};

/** Read and check the configuration, start the log with it. False when it said what is wrong. */
bool gw_serving_load(struct gw_serving *serving);
/** Read everything again; with a mistake in it nothing changes, and false. report, unless NULL: what was wrong, or what
 *  changed, for people. */
bool gw_serving_reload(struct gw_serving *serving, struct gw_buf *report);
/** What that would do, without doing it. False: it would be refused. */
bool gw_serving_compare(struct gw_serving *serving, struct gw_buf *report);
/** The file of this program, so that what replaces it there is found. */
void gw_serving_find_program(struct gw_serving *serving);
/** Start a new program and hand everything over to it once it is ready: `arguments` are "SECONDS [PROGRAM]". False:
 * this process goes on as before, report says why. */
bool gw_serving_upgrade(struct gw_serving *serving, aigw_str arguments, struct gw_buf *report);
/** Use the certificate files when they have changed. */
void gw_serving_watch_certificate(struct gw_serving *serving);

#endif
