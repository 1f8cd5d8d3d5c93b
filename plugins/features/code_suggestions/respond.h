/* respond.h - the JSON answers of the code routes. */
#ifndef CS_RESPOND_H
#define CS_RESPOND_H

#include <stdbool.h>

#include <aigw/host.h>

struct cs_usage {
    int64_t input_tokens, output_tokens; /* -1: the model server did not say */
    int64_t context_sent, context_used;
    bool was_cut; /* the output used all the tokens it was allowed */
};

/** The model as it is reported. */
struct cs_names {
    aigw_str engine, name;
};

struct cs_answer {
    struct cs_names model;
    const char *language;         /* "" when unknown */
    aigw_str text;                /* empty: no choice */
    const struct cs_usage *usage; /* NULL: reported as null, as is always done without a choice */
};

/** JSON Schemas of these answers. */
extern const char cs_answer_schema[];
extern const char cs_suggestion_schema[];

/** 200 with the text_completion object. */
aigw_status cs_respond_v2(const struct aigw_host *host, struct aigw_ctx *ctx, const struct cs_answer *answer);
/** 200 with the shorter object of v3 and v4. */
aigw_status cs_respond_v3(const struct aigw_host *host, struct aigw_ctx *ctx, const struct cs_answer *answer);

#endif
