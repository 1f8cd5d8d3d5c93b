/* abi.h - structs across the border: each side writes and reads only what both know. Every such struct begins with
 * its size as a uint32_t. */
#ifndef GW_ABI_H
#define GW_ABI_H

#include <stdbool.h>
#include <stddef.h>

/** A plugin's struct → ours. What it does not know yet is zero in ours, whose struct_size becomes our_size. False when
 *  `from` is NULL or says a size that no struct has: then `to` is all zero but for its size. */
bool gw_abi_in(void *to, size_t our_size, const void *from);
/** Ours → a plugin's, as far as the struct_size that stands there says; it stays as it is. False when that is no size:
 *  nothing was written. */
bool gw_abi_out(void *to, const void *from, size_t our_size);
/** True when the plugin's struct is as long as ours, or longer: it may be read in place. */
bool gw_abi_is_full(const void *from, size_t our_size);

#endif
