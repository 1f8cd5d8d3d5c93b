/* place.h - a model identifier → which model, in which region, at which URL. */
#ifndef CONVERSE_PLACE_H
#define CONVERSE_PLACE_H

#include "../common/wire.h"

/** What an identifier says, in place: "converse/eu-west-1/anthropic.claude-v2:1", an ARN … */
struct bedrock_place {
    aigw_str id;     /* what stands in the URL, not yet encoded */
    aigw_str region; /* absent: the instance's own */
};
struct bedrock_place bedrock_read_identifier(aigw_str identifier);
/** The model itself of a profile across regions ("us.anthropic.claude-v2:1"): tokens are counted by it alone. */
aigw_str bedrock_model_of_profile(aigw_str id);
/** The URL of an operation ("converse"), below `base` or, when that is absent, at the region's own host. */
const char *bedrock_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, bool use_fips,
                        const struct bedrock_place *place, const char *operation);
/** The address that GitLab's form is filled with for lack of one: it is nobody's. */
bool bedrock_is_placeholder(aigw_str endpoint);

#endif
