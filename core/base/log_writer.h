/* log_writer.h - the queue of finished lines and the thread that writes them out. Used by log.c. */
#ifndef GW_LOG_WRITER_H
#define GW_LOG_WRITER_H

#include "base/base.h"

/** Move finished lines to the queue, or straight to the sink while there is no writer. Never waits for the sink while
 *  there is one; what has no room is counted and dropped. `lines` is empty afterwards. Any thread. */
void gw_log_writer_put(struct gw_buf *lines);
/** A line that never came to be counts as dropped, too. */
void gw_log_writer_count_drop(void);
uint64_t gw_log_writer_dropped(void);
bool gw_log_writer_is_running(void);
/** Use this file (NULL: standard error) from now on; nothing happens when it is in use. */
aigw_status gw_log_writer_open(const char *file, struct gw_err *reterr);
aigw_status gw_log_writer_start(struct gw_err *reterr);
/** Open the file anew. The writer does it. */
void gw_log_writer_reopen(void);
/** Write out what the sink takes within a second and end. False: the writer hangs in the kernel and was left behind;
 *  nothing it uses may be freed. */
bool gw_log_writer_stop(void);

#endif
