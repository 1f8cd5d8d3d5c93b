/* reflection.h - models like to say again what stands above the cursor. Pure. */
#ifndef CS_REFLECTION_H
#define CS_REFLECTION_H

#include <stddef.h>

#include <aigw/abi.h>

/** Take lines that stand above the cursor already out of text, in place; answers its new length. Only runs of them that
 *  are code which is not wanted twice: five lines or more of words, or a single comment. The first line of text belongs
 *  to the line of the cursor and stays. */
size_t cs_drop_reflection(aigw_str above, char *text, size_t len);

#endif
