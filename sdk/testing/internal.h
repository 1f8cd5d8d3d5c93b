/* internal.h - shared by the files of the test host only. */
#ifndef TESTHOST_INTERNAL_H
#define TESTHOST_INTERNAL_H

#include <aigw/testing.h>

#include "plugin/ctx.h"
#include "upstream/framing.h"

struct json_object;

/** The core's context with a way back to us. */
struct testhost_ctx {
    struct aigw_ctx base; /* first: plugins see its address */
    struct aigw_testhost *th;
};

struct testhost_prompt {
    struct testhost_prompt *next;
    const char *id, *text;
};

struct aigw_testhost {
    struct gw_arena arena; /* plugin and instance */
    struct gw_plugin *plugin;
    struct testhost_ctx instance;
    void *state;

    /* the call or request at hand */
    struct gw_arena request_arena, build_arena;
    struct testhost_ctx ctx;
    void *call;
    bool is_active, did_finish, is_over, is_framing;
    struct aigw_http_request http;
    struct gw_framer framer;
    struct aigw_error failure;
    struct gw_buf events, said, notes;

    /* feature side */
    struct gw_arena setup_arena; /* what the test configured */
    struct json_object *model;
    struct testhost_prompt *prompts;
    const char *script, *scopes, *flags, *settings;
    uint32_t leave_after;
    const char *headers; /* of the request at hand */
    struct aigw_request request;
    struct aigw_principal principal;
    struct gw_buf body, answer_headers, asked, resolved;
    struct aigw_testhost_answer answer;
    bool is_calling, did_call, did_cancel;
};

/* host.c */
extern const struct aigw_host testhost_host;
struct aigw_testhost *testhost_of(struct aigw_ctx *ctx);
/** Free what belongs to the last call and begin an empty one. False: out of memory. */
bool testhost_begin(struct aigw_testhost *th, size_t call_size);
void testhost_end_call(struct aigw_testhost *th);

/* feature.c: the feature side of the host table */
aigw_status testhost_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                             const struct aigw_pair *headers, uint32_t header_count);
aigw_status testhost_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...) AIGW_PRINTF(3, 4);
aigw_status testhost_respond_invalid(struct aigw_ctx *ctx, aigw_str errors);
aigw_status testhost_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error);
aigw_status testhost_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                  const struct aigw_pair *headers, uint32_t header_count);
aigw_status testhost_stream_write(struct aigw_ctx *ctx, aigw_str bytes);
aigw_status testhost_stream_end(struct aigw_ctx *ctx);
void testhost_stream_abort(struct aigw_ctx *ctx);

/* model.c: the rest of it */
aigw_str testhost_header(struct aigw_ctx *ctx, const char *name);
const struct aigw_principal *testhost_principal(struct aigw_ctx *ctx);
int32_t testhost_has_scope(struct aigw_ctx *ctx, const char *scope, uint32_t flags);
const aigw_str *testhost_feature_flags(struct aigw_ctx *ctx, uint32_t *ret_count);
aigw_str testhost_setting(struct aigw_ctx *ctx, const char *path);
aigw_status testhost_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *need,
                                   const struct aigw_model_info **ret_info, struct aigw_error *ret_error);
aigw_status testhost_prompt_render(struct aigw_ctx *ctx, const struct aigw_prompt_query *query,
                                   struct aigw_prompt *ret_prompt);
aigw_status testhost_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                const struct aigw_model_request *req, int64_t idle_timeout_ms);
void testhost_model_cancel(struct aigw_ctx *ctx);
aigw_status testhost_sign_token(struct aigw_ctx *ctx, aigw_str claims, aigw_str *ret_token);
/** Value of "name: value" or "name=value" among lines, absent if none. */
aigw_str testhost_line_value(const char *lines, const char *name, char separator);

/* transcript.c */
void testhost_write_event(struct gw_buf *out, const struct aigw_event *event);
const char *testhost_error_name(uint32_t kind);
/** Index in the table of names, or -1. */
int testhost_error_kind(aigw_str name);
/** Read one line. Strings in arena. AIGW_E_INVALID: not a line of a transcript. */
aigw_status testhost_read_event(struct gw_arena *arena, aigw_str line, struct aigw_event *ret_event);
/** Cut the next line off *rest, without its line feed. */
aigw_str testhost_next_line(aigw_str *rest);

/* canon.c */
/** Build request and target from JSON text in arena. */
aigw_status testhost_read_request(struct gw_arena *arena, const char *json, struct aigw_target *ret_target,
                                  struct aigw_model_request *ret_req, struct gw_err *reterr);
void testhost_write_request(struct gw_buf *out, const struct aigw_model_request *req);

#endif
