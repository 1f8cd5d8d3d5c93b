/* plain.h - a model's text as the body of an answer, without JSON around it: what is no UTF-8 in it becomes U+FFFD, as
 * everywhere else. Compiled into the features that stream text, or hand a server's bytes on.
 */
#ifndef FEATURE_PLAIN_H
#define FEATURE_PLAIN_H

#include <aigw/sdk.h>

#include <stdbool.h>

/** The text; where something in it is no UTF-8, a copy with U+FFFD for each such byte, which *ret_copy holds, to be
 *  freed. False without memory. */
bool plain_text(aigw_str text, aigw_str *ret_text, char **ret_copy);
/** stream_write() of a text that some server wrote. */
aigw_status plain_write(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text);

#endif
