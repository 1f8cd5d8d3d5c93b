/* arena.c - memory of one lifetime. Blocks double from 2 KiB to 64 KiB; larger pieces get a block of their own. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN         16u
#define FIRST_BLOCK   2048u
#define LARGEST_BLOCK 65536u

struct gw_arena_block {
    struct gw_arena_block *next;
    size_t size; /* with this header */
};

struct gw_arena_deferred {
    struct gw_arena_deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

#define HEADER ((sizeof(struct gw_arena_block) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

void gw_arena_init(struct gw_arena *arena, size_t limit)
{
    *arena = (struct gw_arena){ .limit = limit };
}

void gw_arena_run_deferred(struct gw_arena *arena)
{
    while (arena->deferred) { /* a deferred function may defer more */
        struct gw_arena_deferred *deferred = arena->deferred;
        arena->deferred = deferred->next;
        deferred->fn(deferred->arg);
    }
}

void gw_arena_done(struct gw_arena *arena)
{
    gw_arena_run_deferred(arena);
    struct gw_arena_block *block = arena->blocks;
    while (block) {
        struct gw_arena_block *next = block->next;
        free(block);
        block = next;
    }
    gw_arena_init(arena, arena->limit);
}

static void *arena_grow(struct gw_arena *arena, size_t len)
{
    size_t size = FIRST_BLOCK;

    if (arena->blocks && arena->blocks->size < LARGEST_BLOCK)
        size = arena->blocks->size * 2;
    else if (arena->blocks)
        size = LARGEST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    bool is_own = len + HEADER > size;
    if (is_own)
        size = len + HEADER;
    if (size > arena->limit - arena->used && !is_own) /* near the limit: only what is asked for */
        size = len + HEADER;
    if (arena->used > arena->limit || size > arena->limit - arena->used)
        return NULL;
    struct gw_arena_block *block = malloc(size);
    if (!block)
        return NULL;
    block->size = size;
    arena->used += size;
    if (is_own && arena->blocks) { /* keep filling the current block */
        block->next = arena->blocks->next;
        arena->blocks->next = block;
        return (char *)block + HEADER;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    arena->next = (char *)block + HEADER + len;
    arena->left = size - HEADER - len;
    return (char *)block + HEADER;
}

void *gw_arena_alloc(struct gw_arena *arena, size_t len)
{
    if (len > SIZE_MAX - ALIGN - HEADER)
        return NULL;
    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (len == 0)
        len = ALIGN;
    if (len > arena->left)
        return arena_grow(arena, len);
    void *result = arena->next;
    arena->next += len;
    arena->left -= len;
    return result;
}

void *gw_arena_calloc(struct gw_arena *arena, size_t len)
{
    void *result = gw_arena_alloc(arena, len);

    if (result)
        memset(result, 0, len);
    return result;
}

char *gw_arena_strndup(struct gw_arena *arena, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? gw_arena_alloc(arena, len + 1) : NULL;

    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

aigw_str gw_arena_str(struct gw_arena *arena, aigw_str s)
{
    char *copy = gw_arena_strndup(arena, s.ptr, s.len);

    return copy ? (aigw_str){ copy, s.len } : AIGW_STR_NONE;
}

aigw_str gw_arena_join(struct gw_arena *arena, const aigw_str *parts, size_t count)
{
    size_t len = 0;
    char *text, *at;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    at = text = gw_arena_alloc(arena, len + 1);
    if (!text)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    *at = '\0';
    return (aigw_str){ text, len };
}

char *gw_arena_vprintf(struct gw_arena *arena, const char *fmt, va_list args)
{
    va_list again;
    char *next = arena->next;
    size_t left = arena->left;

    va_copy(again, args);
    int len = vsnprintf(left ? next : NULL, left, fmt, again); /* where it belongs, if it fits: nearly always */
    va_end(again);
    char *text = len >= 0 ? gw_arena_alloc(arena, (size_t)len + 1) : NULL;
    if (text && (text != next || (size_t)len >= left))
        vsnprintf(text, (size_t)len + 1, fmt, args);
    return text;
}

char *gw_arena_printf(struct gw_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = gw_arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

aigw_status gw_arena_defer(struct gw_arena *arena, void (*fn)(void *arg), void *arg)
{
    struct gw_arena_deferred *deferred = gw_arena_alloc(arena, sizeof *deferred);

    if (!deferred) {
        fn(arg);
        return AIGW_E_NOMEM;
    }
    *deferred = (struct gw_arena_deferred){ .next = arena->deferred, .fn = fn, .arg = arg };
    arena->deferred = deferred;
    return AIGW_OK;
}
