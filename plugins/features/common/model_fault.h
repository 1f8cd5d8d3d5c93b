/* model_fault.h - what is wrong with the model that a request brings is told to every caller: it was typed by an
 * administrator, who sees nothing else. Compiled into each feature that reads one.
 */
#ifndef FEATURE_MODEL_FAULT_H
#define FEATURE_MODEL_FAULT_H

#include <aigw/body.h>

#define MODEL_FAULT_SIZE 256
/** "model_metadata.endpoint: …": the first fault of `model_metadata` or of any URL. False when there is none. */
bool model_fault(const struct aigw_body *body, char ret_text[MODEL_FAULT_SIZE]);

/** Answers 422 with that text. An aigw_body_refuse_fn; user: the struct aigw_host. */
bool model_fault_refuse(struct aigw_ctx *ctx, void *host, const struct aigw_body *body);

#endif
