/* headers.h - the header lines of a request to a model server, and which key goes with it. */
#ifndef DIALECT_HEADERS_H
#define DIALECT_HEADERS_H

#include "wire.h"

#define WIRE_HEADERS_MAX 24 /* lines of one request; a client's own beyond that stay behind */

/** Header lines being collected. Errors are kept: look once, at the end. */
struct wire_headers {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const char **lines;
    uint32_t count;
    aigw_status status;
};

void wire_headers_begin(struct wire_headers *h, const struct aigw_host *host, struct aigw_ctx *ctx);
/** A line that lives as long as the request: a literal, or text of the instance. NULL: nothing. */
void wire_header(struct wire_headers *h, const char *line);
/** `start` ("Authorization: Bearer ") and the value behind it. Nothing when the value is empty; one that no header may
 *  carry is refused. */
void wire_header_value(struct wire_headers *h, const char *start, aigw_str value);
/** What the dialect lets through of the client's own headers, but for those in `ours` (NULL-ended), which the provider
 *  writes itself. */
void wire_headers_pass(struct wire_headers *h, const struct aigw_raw *raw, const char *const *ours);
aigw_status wire_headers_end(struct wire_headers *h, struct aigw_http_request *ret_http);

/** True when the request goes to the place that was configured. Only there go configured keys: an endpoint that a
 *  caller chose gets the caller's key. */
bool wire_is_our_place(const struct aigw_target *target);
/** The request's own key, else the configured one if it may go there, else `otherwise`. */
aigw_str wire_key_for(const struct aigw_target *target, const char *configured, const char *otherwise);
#define WIRE_DUMMY_KEY "dummy_key" /* for servers that want some key, whichever */

/** In open(): AIGW_E_CONFIG, naming the setting, when its text (NULL is fine) cannot stand in a header. */
aigw_status wire_check_header_setting(const struct aigw_host *host, struct aigw_ctx *ctx, const char *name,
                                      const char *text);

#endif
