/* diff.h - what one configuration has otherwise than another, for people. */
#ifndef GW_DIFF_H
#define GW_DIFF_H

#include "config/snapshot.h"

#define GW_CONFIG_HASH_LEN 12u /* hexadecimal digits */

/** What a reload from `was` to `is` changes, a line each: "models.coder.targets[1].weight 1 → 5". Secrets are named,
 * not shown. fixed: what the process keeps (gw_settings_fixed()), or NULL. The number of lines; 0: nothing. */
size_t gw_snapshot_diff(const struct gw_snapshot *was, const char *const *fixed, const struct gw_snapshot *is,
                        struct gw_buf *out);
/** A text that is the same for the same configuration, on every machine: to see whether replicas have the same one. */
void gw_snapshot_hash(const struct gw_snapshot *snapshot, char ret_hash[GW_CONFIG_HASH_LEN + 1]);

#endif
