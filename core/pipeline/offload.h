/* offload.h - a few threads for work that blocks. One pool per process; results come back through the asking loop. */
#ifndef GW_OFFLOAD_H
#define GW_OFFLOAD_H

#include "config/snapshot.h"
#include "loop/loop.h"
#include <aigw/host.h>

struct gw_meter;
struct gw_offload;
struct gw_job;

/** NULL with reterr: out of memory. Threads come with the first jobs. */
struct gw_offload *gw_offload_new(struct gw_err *reterr);
/** Finish what runs, start nothing more, end the threads. Loops may go after this. */
void gw_offload_stop(struct gw_offload *pool);
/** Drop what is left; after all owners have let go of their jobs. NULL is fine. */
void gw_offload_free(struct gw_offload *pool);

/** Run spec->work on a thread, then on_done from `loop`; the job is freed after that. arg is copied; the snapshot is
 * held, for the code of work() lives in it; its time goes to `meter`. NULL: too much is waiting (1,024 jobs), out of
 * memory, or there is no thread and none can be started. */
struct gw_job *gw_offload(struct gw_offload *pool, struct gw_loop *loop, struct gw_snapshot *snapshot,
                          const struct aigw_job *spec, struct gw_meter *meter,
                          void (*on_done)(void *owner, struct gw_job *job), void *owner);
/** The owner is going: drop() will be called instead of on_done. On the loop's thread. */
void gw_job_disown(struct gw_job *job);
/** Inside on_done: call the plugin's done(). */
void gw_job_tell(struct gw_job *job, struct aigw_ctx *ctx);
/** The owner's list. */
struct gw_job **gw_job_next(struct gw_job *job);

#endif
