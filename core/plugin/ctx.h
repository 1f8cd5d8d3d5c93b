/* ctx.h - what an aigw_ctx is inside the core, and the host functions that need no request. */
#ifndef GW_CTX_H
#define GW_CTX_H

#include "base/base.h"
#include "config/node.h"
#include "plugin/plugin.h"
#include "plugin/visit.h"

struct gw_request; /* pipeline/request.h */
struct gw_attempt; /* models/call.h */

/** Who asks the core for something: an instance (request and attempt NULL), a feature about one request, or a provider
 *  about one attempt of a call. */
struct aigw_ctx {
    const struct gw_plugin *plugin;
    const char *instance;             /* conf.d name */
    struct gw_meter *meter;           /* of that instance; NULL: nothing is counted */
    struct gw_arena *request_arena;   /* AIGW_LIFE_REQUEST */
    struct gw_arena *build_arena;     /* AIGW_LIFE_BUILD */
    struct gw_request *request;       /* feature */
    struct gw_attempt *attempt;       /* provider */
    const char *request_id;           /* for log lines, NULL on an instance */
    const char *error;                /* text of the last host->fail(), NULL if none */
    const struct gw_opening *opening; /* of an instance that open() is being called for, else NULL */
};

/** Where warnings go while an instance is being opened: to those who read its settings. */
struct gw_opening {
    struct gw_problems *problems;
    const struct gw_node *node;
    const char *path;
};

struct aigw_buf {
    struct gw_buf bytes;
    struct gw_arena *arena; /* whose limit it counts against */
    size_t max;
};

/* ---- what a plugin hands over -------------------------------------------------------------------------------------
 *
 * Looked at where it comes in, so that no other part of the core, and no other plugin, has to: docs/architecture.md
 * has the table. What cannot be seen from outside (whether memory behind a pointer is there) is not in it. */

#define GW_TEXT_MAX   ((size_t)1 << 30) /* bytes of one aigw_str: more than any arena gives */
#define GW_STRING_MAX ((size_t)1 << 20) /* of a NUL-terminated one: the NUL is looked for so far */

/** NULL has no bytes, and no length is beyond what there can be. */
static inline bool gw_is_text(aigw_str text)
{
    return text.len <= GW_TEXT_MAX && (text.ptr || text.len == 0);
}
/** There, and ended. */
bool gw_is_string(const char *text);
/** No NUL, CR or LF, and nothing else that ends or splits a header line. */
bool gw_is_header_value(aigw_str text);
/** Is the ctx that of the callback at work on this thread? Compared, never read: it may be long gone. Otherwise a fault
 *  is noted of whoever asks by `what`. */
bool gw_ctx_is_here(const struct aigw_ctx *ctx, const char *what);
/** A rule that a plugin broke: counted and said by its name, and kept as fail() would. Answers `why`. */
aigw_status gw_ctx_breach(struct aigw_ctx *ctx, aigw_status why, enum gw_breach breach, const char *fmt, ...)
    AIGW_PRINTF(4, 5);
/** What a callback answered, as one of AIGW_*: another number is a fault and becomes AIGW_E_STATE. So is a success that
 *  the callback's comment does not allow, but it stays what it is: `more` is the one that is allowed beside AIGW_OK. */
aigw_status gw_ctx_status(struct aigw_ctx *ctx, enum gw_callback callback, aigw_status status, aigw_status more);

void *gw_ctx_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len);
char *gw_ctx_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
aigw_status gw_ctx_defer(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg);
aigw_status gw_ctx_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
/** The same for plugins: the ctx is looked at first. */
aigw_status gw_ctx_host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
void gw_ctx_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
void gw_ctx_count(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta);
const char *gw_ctx_last_error(struct aigw_ctx *ctx);
int64_t gw_ctx_time_s(struct aigw_ctx *ctx);
int64_t gw_ctx_mono_ms(struct aigw_ctx *ctx);
aigw_status gw_ctx_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len);
aigw_status gw_ctx_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32]);
aigw_status gw_ctx_hmac_sha256(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32]);

struct aigw_buf *gw_ctx_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len);
void gw_ctx_buf_put(struct aigw_buf *buf, const char *bytes, size_t len);
void gw_ctx_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
void gw_ctx_buf_json(struct aigw_buf *buf, aigw_str text);
void gw_ctx_buf_json_ascii(struct aigw_buf *buf, aigw_str text);
void gw_ctx_buf_clear(struct aigw_buf *buf);
aigw_status gw_ctx_buf_view(struct aigw_buf *buf, aigw_str *ret_view);

#endif
