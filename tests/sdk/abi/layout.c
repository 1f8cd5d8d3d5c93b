/* layout.c - the ABI as it was released against the headers as they are: members stay where they are and as long as
 * they are, structs only grow, numbers keep their meaning. A build that fails here would break plugins that are out
 * there. */
#include <aigw/sdk.h>

#if UINTPTR_MAX == UINT64_MAX

#define AT(type, member, offset, size) \
    _Static_assert(offsetof(struct type, member) == (offset) && sizeof(((struct type *)0)->member) == (size), \
                   "struct " #type ": " #member " has moved");
#define SIZE(type, size)    _Static_assert(sizeof(struct type) >= (size), "struct " #type " has shrunk");
#define FIXED(type, size)   _Static_assert(sizeof(struct type) == (size), "struct " #type " never grows");
#define NUMBER(name, value) _Static_assert((name) == (value), #name " has another value");
#include "0.2/layout.h"
#include "1.0/layout.h"

#endif
