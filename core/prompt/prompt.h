/* prompt.h - prompts as data: <dir>/<id>/<family>/<version>.conf plus Mustache texts; loaded and compiled once per
 * snapshot. Rules: features-and-models.md §2.1, §2.3; templates: the Mustache specification, escaping off. */
#ifndef GW_PROMPT_H
#define GW_PROMPT_H

#include "base/base.h"
#include "config/node.h"
#include <aigw/host.h>

struct json_object;

/* ---- Mustache ---- */
struct gw_mustache;
/** Looks up a partial by name; NULL when there is none (renders empty). */
typedef const struct gw_mustache *(*gw_partial_fn)(void *user, aigw_str name);
/** Compile. The text is copied. NULL with reterr (line, what is wrong) on failure. */
struct gw_mustache *gw_mustache_compile(struct gw_arena *arena, aigw_str text, struct gw_err *reterr);
/** Variables: pairs first, then the JSON object (may be NULL). Never renders values twice. Limits: partial depth 16,
 *  section iterations 100,000, output the buffer's max. */
struct gw_mustache_vars {
    const struct aigw_pair *pairs;
    size_t pair_count;
    struct json_object *json;
};
aigw_status gw_mustache_render(const struct gw_mustache *tmpl, const struct gw_mustache_vars *vars,
                               gw_partial_fn partial, void *partial_user, struct gw_buf *out, struct gw_err *reterr);

/* ---- versions ---- */
/** Index of the highest match of a constraint (exact, ^ ~ >= <= > < != * , ||) among versions; ranges skip
 *  pre-releases. AIGW_E_NOT_FOUND: none matches; AIGW_E_INVALID: neither a constraint nor an exact name. */
aigw_status gw_version_pick(aigw_str constraint, const char *const *versions, size_t count, size_t *ret_index);

/* ---- the store ---- */
struct gw_prompts;
struct gw_prompts *gw_prompts_load(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                                   struct gw_problems *problems);
/** Render into `arena`. families: best first. The error texts are those of api-contract.md §7.4. Of AIGW_E_INVALID,
 *  where variables are missing, *ret_prompt has title, scope, family and version all the same.
 *  The variable current_date ("July 05, 2026", UTC) is there unless the query brings one of that name. */
aigw_status gw_prompts_render(const struct gw_prompts *prompts, struct gw_arena *arena,
                              const struct aigw_prompt_query *query, struct aigw_prompt *ret_prompt,
                              struct gw_err *reterr);
size_t gw_prompts_count(const struct gw_prompts *prompts);

/** The index-th file that was read; false past the last one. print: a number that changes with the text. */
bool gw_prompts_file(const struct gw_prompts *prompts, size_t index, const char **ret_path, uint64_t *ret_print);

/** One version of one prompt, for listings. */
struct gw_prompt_entry {
    const char *id, *family, *version;
    const char *path; /* of the file that serves it */
    aigw_str title, scope;
    struct aigw_list required;
};
/** The index-th, in order of id, family and version; false past the last one. */
bool gw_prompts_entry(const struct gw_prompts *prompts, size_t index, struct gw_prompt_entry *ret_entry);

#endif
