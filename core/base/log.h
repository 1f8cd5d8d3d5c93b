/* log.h - one JSON (or text) line per event, from any thread, never blocking an event loop.
 *
 * Lines go to a per-thread buffer; gw_log_flush() (once per loop turn) hands it to a writer thread through a bounded
 * queue. When the queue is full lines are dropped and counted, and the count is logged once there is room again.
 *
 * Secrets: every string value passes a masker (registered secrets, JWTs, bearer values, PEM blocks, URL user info).
 * Values longer than 4 KiB are cut. JSON escaping makes line forging impossible.
 */
#ifndef GW_LOG_H
#define GW_LOG_H

#include "base/base.h"

#define GW_LOG_DEBUG    0
#define GW_LOG_INFO     1
#define GW_LOG_WARNING  2
#define GW_LOG_ERROR    3
#define GW_LOG_CRITICAL 4

struct gw_log_options {
    int level;        /* GW_LOG_*: lines below it are not made */
    bool json;        /* false: human text */
    const char *file; /* NULL or "": standard error */
};

/** Start the writer. Before that, and after gw_log_stop(), lines go straight to standard error. */
aigw_status gw_log_start(const struct gw_log_options *options, struct gw_err *reterr);
/** Change level, format and file; gw_log_reopen() opens the same file anew (SIGHUP, log rotation). Any thread. */
aigw_status gw_log_reconfigure(const struct gw_log_options *options, struct gw_err *reterr);
void gw_log_reopen(void);
/** Write out what the sink takes, for a second at most, and stop. */
void gw_log_stop(void);
/** Hand this thread's lines to the writer. */
void gw_log_flush(void);
bool gw_log_enabled(int level);
/** Lines lost so far because the sink was too slow. */
uint64_t gw_log_dropped(void);

/** Mask this exact text wherever it appears from now on. Copied; short values (< 6 bytes) are ignored. Any thread. */
/** Is there a log whose readers expect JSON? Fit for a signal handler. */
bool gw_log_is_json(void);
void gw_log_add_secret(const char *value);
/** Append text to out with every secret masked. For error texts that leave by other doors (HTTP bodies, stdout). */
void gw_log_mask(struct gw_buf *out, aigw_str text);

/** A line under construction, on the stack. Nothing is made when the level is off. */
struct gw_line {
    struct gw_buf *out; /* NULL: level off */
    size_t start;
    bool json;
};
/** `logger` and `message` are literals or masked text. */
void gw_line_begin(struct gw_line *line, int level, const char *logger, const char *message);
void gw_line_str(struct gw_line *line, const char *key, aigw_str value);
void gw_line_cstr(struct gw_line *line, const char *key, const char *value); /* NULL is null */
/** Text of our own: nothing to hide in it, nothing to escape, no blanks. */
void gw_line_literal(struct gw_line *line, const char *key, const char *value);
void gw_line_int(struct gw_line *line, const char *key, int64_t value);
void gw_line_seconds(struct gw_line *line, const char *key, int64_t microseconds); /* printed as decimal seconds */
void gw_line_time(struct gw_line *line, const char *key, int64_t wall_us); /* ISO 8601 with microseconds, +00:00 */
void gw_line_bool(struct gw_line *line, const char *key, bool value);
void gw_line_null(struct gw_line *line, const char *key);
void gw_line_raw(struct gw_line *line, const char *key, aigw_str json); /* value is JSON already and has no secrets */
void gw_line_end(struct gw_line *line);

/** A line with a formatted message and no members. */
void gw_log(int level, const char *logger, const char *fmt, ...) AIGW_PRINTF(3, 4);
/** A line for each line of a text; empty ones are left out. */
void gw_log_lines(int level, const char *logger, aigw_str text);

#endif
