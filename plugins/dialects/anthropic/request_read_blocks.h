/* request_read_blocks.h - one block of a message being read. Internal to the server half. */
#ifndef ANTHROPIC_REQUEST_READ_BLOCKS_H
#define ANTHROPIC_REQUEST_READ_BLOCKS_H

#include "request_read.h"

/* Its members that somebody asks for. */
enum {
    OF_TYPE,
    OF_TEXT,
    OF_SOURCE,
    OF_CACHE,
    OF_CITATIONS,
    OF_TITLE,
    OF_CONTEXT,
    OF_ID,
    OF_NAME,
    OF_INPUT,
    OF_CALLER,
    OF_TOOL_USE_ID,
    OF_CONTENT,
    OF_IS_ERROR,
    OF_THINKING,
    OF_SIGNATURE,
    OF_DATA,
    OF_COUNT
};
/** The block, its members, and the part that it becomes: of type 0 when it is left out. */
struct reading_block {
    struct aigw_json json;
    struct aigw_json of[OF_COUNT];
    struct aigw_part *part;
};

bool reading_opaque(struct reading *r, struct reading_block *b);
bool reading_image(struct reading *r, struct reading_block *b);
bool reading_document(struct reading *r, struct reading_block *b);
bool reading_search_result(struct reading *r, struct reading_block *b);
bool reading_reference(struct reading *r, struct reading_block *b);
bool reading_upload(struct reading *r, struct reading_block *b);

#endif
