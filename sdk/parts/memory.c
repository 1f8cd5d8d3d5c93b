/* memory.c - where parts take memory from: anything with a limit, and a pool on malloc(). */
#include <aigw/json.h>

#include <stdlib.h>

#define ALIGN       16u
#define FIRST_BLOCK 4096u
#define BLOCK_MAX   (1024u * 1024)

void *aigw_memory_get(struct aigw_memory *memory, size_t len)
{
    void *got;

    if (len > memory->left)
        return NULL;
    got = memory->get(memory->user, len);
    if (got)
        memory->left -= len;
    return got;
}

aigw_status aigw_memory_status(const struct aigw_memory *memory, size_t len)
{
    return len > memory->left ? AIGW_E_LIMIT : AIGW_E_NOMEM;
}

/* ---- pool ---- */

struct block {
    struct block *next;
    size_t size, used; /* bytes behind this head */
};

#define HEAD ((sizeof(struct block) + ALIGN - 1) / ALIGN * ALIGN)

static void *pool_get(void *user, size_t len)
{
    struct aigw_pool *pool = user;
    struct block *block = pool->blocks;
    char *got;

    if (len > SIZE_MAX / 2)
        return NULL;
    len = (len + ALIGN - 1) / ALIGN * ALIGN;
    if (!block || len > block->size - block->used) {
        size_t size = block ? block->size * 2 : FIRST_BLOCK - HEAD;

        if (size > BLOCK_MAX)
            size = BLOCK_MAX;
        if (size < len)
            size = len;
        block = malloc(HEAD + size);
        if (!block)
            return NULL;
        *block = (struct block){ .next = pool->blocks, .size = size };
        pool->blocks = block;
    }
    got = (char *)block + HEAD + block->used;
    block->used += len;
    return got;
}

struct aigw_memory aigw_pool_memory(struct aigw_pool *pool, size_t limit)
{
    return (struct aigw_memory){ .get = pool_get, .user = pool, .left = limit };
}

void aigw_pool_free(struct aigw_pool *pool)
{
    struct block *block = pool->blocks;

    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
    pool->blocks = NULL;
}
