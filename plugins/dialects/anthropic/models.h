/* models.h - what a Claude model's name tells about its API. */
#ifndef ANTHROPIC_MODELS_H
#define ANTHROPIC_MODELS_H

#include "anthropic.h"

/* What a model refuses. */
#define ANTHROPIC_NO_THINKING   0x01u /* it cannot think                                                */
#define ANTHROPIC_NO_ADAPTIVE   0x02u /* only within a budget                                           */
#define ANTHROPIC_NO_BUDGET     0x04u /* only as long as it likes                                       */
#define ANTHROPIC_NO_OFF        0x08u /* it always thinks                                               */
#define ANTHROPIC_NO_OFF_EFFORT 0x10u /* it thinks unless told not to, and not with the highest efforts */
#define ANTHROPIC_OFF_UNSAID    0x20u /* it does not think unless told to, and is not told not to       */
#define ANTHROPIC_NO_EFFORT     0x40u
#define ANTHROPIC_NO_XHIGH      0x80u
#define ANTHROPIC_NO_MAX        0x100u
#define ANTHROPIC_NO_SCHEMA     0x200u /* answers held to a JSON schema                                  */

/** 405 for "us.anthropic.claude-sonnet-4-5-20250929-v1:0" and "claude-4.5-sonnet@latest"; 0 when it is not known. */
uint32_t anthropic_model_version(aigw_str model);
/** ANTHROPIC_NO_… of it. Of a model that is not known nothing is said to be refused. */
uint32_t anthropic_model_refuses(aigw_str model);
/** The most tokens it answers with, as far as that is known. */
int64_t anthropic_model_most_tokens(aigw_str model);

/** Who wants to see what the model thinks wants it to think: effort alone leaves that open. */
static inline bool anthropic_wants_to_see(const struct aigw_params *params)
{
    return params->effort.len > 0 &&
           (params->reasoning_show == AIGW_SHOW_SUMMARY || params->reasoning_show == AIGW_SHOW_ALL);
}

#endif
