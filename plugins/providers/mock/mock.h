/* mock.h - what the two files of the mock provider share. */
#ifndef MOCK_H
#define MOCK_H

#include "../../dialects/common/wire.h"

/** What can be turned, per instance and per request. */
struct mock_knobs {
    const char *response, *fail, *reasoning;
    double tokens_per_second;
    int64_t delay_ms, first_delay_ms, chunk, repeat, fail_after, retry_after_ms;
    int32_t echo;
};

struct mock {
    const struct aigw_host *host;
    struct mock_knobs knobs;
};

/** State of one call. */
struct mock_call {
    struct mock_knobs knobs;
    uint32_t kind;
    uint32_t is_stream;
    uint32_t did_begin;
    uint32_t dimensions;
    uint32_t input_count;
    uint32_t *seeds;     /* embeddings: one per input */
    const char *tool;    /* name of the tool to call, NULL for none */
    aigw_str text;       /* the whole answer */
    size_t text_done;    /* bytes of it delivered */
    int64_t pieces;      /* pieces delivered */
    int64_t tokens_left; /* of max_tokens */
    int64_t input_tokens;
};

/** Emit what is due and say when to go on. */
aigw_status mock_produce(const struct aigw_host *host, struct aigw_ctx *ctx, struct mock_call *call,
                         struct aigw_produce *ret_next);

#endif
