/* host.h - shared by the files of the host table only. */
#ifndef GW_HOST_H
#define GW_HOST_H

#include "pipeline/request.h"

/* Each answers AIGW_OK, or has noted a fault of the plugin by its name; `what` is the host function. */
aigw_status gw_host_request(struct aigw_ctx *ctx, const char *what); /* a feature's ctx, of the callback at work */
aigw_status gw_host_text(struct aigw_ctx *ctx, const char *what, const char *which, aigw_str text);
aigw_status gw_host_string(struct aigw_ctx *ctx, const char *what, const char *which, const char *text);
aigw_status gw_host_there(struct aigw_ctx *ctx, const char *what, const char *which, const void *pointer);

/** model_request.c: what build() wrote. AIGW_OK, or a fault was noted. */
aigw_status gw_host_model_request(struct aigw_ctx *ctx, const struct aigw_model_request *request);

/* host_answer.c */
aigw_status gw_host_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                            const struct aigw_pair *headers, uint32_t header_count);
aigw_status gw_host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...) AIGW_PRINTF(3, 4);
aigw_status gw_host_respond_invalid(struct aigw_ctx *ctx, aigw_str errors);
aigw_status gw_host_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error);
aigw_status gw_host_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                 const struct aigw_pair *headers, uint32_t header_count);
aigw_status gw_host_stream_write(struct aigw_ctx *ctx, aigw_str bytes);
aigw_status gw_host_stream_end(struct aigw_ctx *ctx);
void gw_host_stream_abort(struct aigw_ctx *ctx);

#endif
