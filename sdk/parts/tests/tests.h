#ifndef PARTS_TESTS_H
#define PARTS_TESTS_H

#include <aigw/abi.h>

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

TCase *json_case(void);
TCase *json_memory_case(void);
TCase *json_wanted_case(void);
TCase *text_case(void);
TCase *body_case(void);
TCase *body_memory_case(void);

static inline aigw_str str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

static inline bool same_str(aigw_str a, aigw_str b)
{
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** In memory of exactly that size: reading beyond the end is found. */
static inline aigw_str exact_copy(aigw_str text)
{
    char *copy = malloc(text.len ? text.len : 1);

    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return (aigw_str){ copy, text.len };
}

static inline void free_copy(aigw_str copy)
{
    free((void *)(uintptr_t)copy.ptr);
}

#endif
