/* pattern.h - the path of a route as a plugin declares it, and whether a request's path fits. Needs core/base only.
 *
 *     /v2/code/completions                     literal
 *     /v1beta/models/{model}:generateContent   {name} takes one or more characters, but no slash
 *     /v1/proxy/{vendor}/{rest:path}           {name:path} takes slashes too; one in a path
 *     /v1/files/{id:path}/content/{part}       text and parameters may follow
 *
 * Inside a segment parameters take as much as they can, the first one first: {a}-{b} makes a=x-y, b=z of x-y-z. */
#ifndef GW_PATTERN_H
#define GW_PATTERN_H

#include "base/base.h"

#define GW_PATTERN_PARAMS_MAX   8u
#define GW_PATTERN_SEGMENTS_MAX 32u
#define GW_PATTERN_PARTS_MAX    48u
#define GW_PATTERN_LEN_MAX      512u

struct gw_path_param {
    aigw_str name, value;
};

struct gw_pattern_part {
    aigw_str text; /* literal text, or the parameter's name */
    bool is_param;
    bool is_rest; /* {name:path} */
};

/** One segment: parts in turn literal and parameter. */
struct gw_pattern_segment {
    const struct gw_pattern_part *parts;
    uint32_t part_count;
    bool is_literal;
    bool is_rest; /* holds {name:path}: matches one or more of a path's segments */
};

struct gw_pattern {
    aigw_str prefix;       /* the leading segments that are all literal, "/v1beta/models"; may be empty */
    aigw_str suffix;       /* text behind the last parameter, or the last segment */
    uint32_t prefix_depth; /* segments of the prefix */
    uint32_t segment_count;
    uint32_t param_count;
    const struct gw_pattern_segment *segments;
};

/** text must outlive the pattern. On failure err says what is wrong with it, as the end of a sentence. */
aigw_status gw_pattern_parse(struct gw_arena *arena, const char *text, struct gw_pattern *ret_pattern,
                             struct gw_err *err);
/** path: normal form. Fills ret_params[0 … param_count), in the pattern's order. Linear in the path's length. */
bool gw_pattern_match(const struct gw_pattern *pattern, aigw_str path,
                      struct gw_path_param ret_params[GW_PATTERN_PARAMS_MAX]);
/** Below 0: a is tried before b. Segment by segment: literal, then text with parameters (more text first), then a bare
 *  parameter, then {…:path}; where all of that is equal the longer pattern. 0: both match the same paths, only the
 *  parameters' names may differ. */
int gw_pattern_compare(const struct gw_pattern *a, const struct gw_pattern *b);

#endif
