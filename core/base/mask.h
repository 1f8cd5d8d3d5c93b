/* mask.h - hide secrets in text on its way out. Used by log.c. */
#ifndef GW_MASK_H
#define GW_MASK_H

#include "base/base.h"

#define GW_MASK_TEXT   0 /* control characters become spaces */
#define GW_MASK_JSON   1 /* a JSON string with quotes */
#define GW_MASK_QUOTED 2 /* bare when it has no blanks, else like JSON */

/** Append text, masked and cut after max bytes, in the form asked for. */
void gw_mask_put(struct gw_buf *out, aigw_str text, int form, size_t max);
/** Forget all registered secrets. */
void gw_mask_forget(void);

#endif
