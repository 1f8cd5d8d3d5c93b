/* json.c - see json.h. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)64 << 20)

struct pj_document {
    struct aigw_pool pool;
    const struct aigw_json_node *root;
};

static bool holds(aigw_str text, const char *piece)
{
    return memmem(text.ptr, text.len, piece, strlen(piece)) != NULL;
}

static bool has_long_int(const struct aigw_json_node *node)
{
    if (node->type == AIGW_JSON_INT)
        return node->text.len > 18 || (node->text.ptr[0] == '-' && node->text.ptr[1] == '0');
    if (node->type == AIGW_JSON_LIST || node->type == AIGW_JSON_OBJECT)
        for (const struct aigw_json_node *item = node->of.in.first; item; item = item->next)
            if (has_long_int(item))
                return true;
    return false;
}

struct pj_document *pj_read(aigw_str text)
{
    struct pj_document *document = calloc(1, sizeof *document);
    struct aigw_memory memory;

    if (!document)
        return NULL;
    memory = aigw_pool_memory(&document->pool, MEMORY_MAX);
    if (text.len > 0 && text.ptr[0] != '\xEF' && !holds(text, "\\u0000") &&
        aigw_json_tree(text, AIGW_JSON_STRICT, &memory, &document->root, NULL) == AIGW_OK &&
        !has_long_int(document->root))
        return document;
    pj_free(document);
    return NULL;
}

void pj_free(struct pj_document *document)
{
    if (document)
        aigw_pool_free(&document->pool);
    free(document);
}

const struct pj *pj_root(const struct pj_document *document)
{
    return document->root;
}
