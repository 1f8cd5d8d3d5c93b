/* plain.h - a model's text as the body of an answer, without JSON around it: what is no UTF-8 in it becomes U+FFFD, as
 * everywhere else. Compiled into the features that stream text.
 */
#ifndef FEATURE_PLAIN_H
#define FEATURE_PLAIN_H

#include <aigw/sdk.h>

/** stream_write() of a text that some server wrote. */
aigw_status plain_write(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text);

#endif
