/* abi.c - the smaller of both sizes, in both directions. */
#include "plugin/abi.h"

#include <stdint.h>
#include <string.h>

#define SIZE_LEAST 8u /* a size and one more field */
#define SIZE_MOST  4096u

static uint32_t size_of(const void *sized)
{
    uint32_t size;

    memcpy(&size, sized, sizeof size);
    return size >= SIZE_LEAST && size <= SIZE_MOST ? size : 0;
}

static void set_size(void *sized, size_t size)
{
    uint32_t small = (uint32_t)size;

    memcpy(sized, &small, sizeof small);
}

bool gw_abi_in(void *to, size_t our_size, const void *from)
{
    uint32_t their_size = from ? size_of(from) : 0;

    memset(to, 0, our_size);
    if (their_size)
        memcpy(to, from, their_size < our_size ? their_size : our_size);
    set_size(to, our_size);
    return their_size != 0;
}

bool gw_abi_out(void *to, const void *from, size_t our_size)
{
    uint32_t their_size = size_of(to);

    if (!their_size)
        return false;
    memcpy(to, from, their_size < our_size ? their_size : our_size);
    set_size(to, their_size);
    return true;
}

bool gw_abi_is_full(const void *from, size_t our_size)
{
    return size_of(from) >= our_size;
}
