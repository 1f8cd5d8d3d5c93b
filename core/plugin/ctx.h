/* ctx.h - what an aigw_ctx is inside the core, and the host functions that need no request. */
#ifndef GW_CTX_H
#define GW_CTX_H

#include "base/base.h"
#include "plugin/plugin.h"

struct gw_request; /* pipeline/request.h */
struct gw_run;     /* models/models.h */

/** An instance (request NULL), or one plugin's view of one request: the feature has one, each model call's provider
 *  another. */
struct aigw_ctx {
    const struct gw_plugin *plugin;
    const char *instance;           /* conf.d name */
    struct gw_arena *request_arena; /* AIGW_LIFE_REQUEST */
    struct gw_arena *build_arena;   /* AIGW_LIFE_BUILD */
    struct gw_request *request;
    struct gw_run *run;     /* provider: the call it works for */
    const char *request_id; /* for log lines, NULL on an instance */
    const char *error;      /* text of the last host->fail(), NULL if none */
};

struct aigw_buf {
    struct gw_buf bytes;
};

void *gw_ctx_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len);
char *gw_ctx_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
aigw_status gw_ctx_defer(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg);
aigw_status gw_ctx_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
void gw_ctx_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
void gw_ctx_count(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta);
const char *gw_ctx_last_error(struct aigw_ctx *ctx);

struct aigw_buf *gw_ctx_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len);
void gw_ctx_buf_put(struct aigw_buf *buf, const char *bytes, size_t len);
void gw_ctx_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
void gw_ctx_buf_json(struct aigw_buf *buf, aigw_str text);
void gw_ctx_buf_json_ascii(struct aigw_buf *buf, aigw_str text);
void gw_ctx_buf_clear(struct aigw_buf *buf);
aigw_status gw_ctx_buf_view(struct aigw_buf *buf, aigw_str *ret_view);

#endif
