/* load.h - state of one gw_prompts_load(), shared by store.c (folders) and definition.c (one file). Private. */
#ifndef GW_PROMPT_LOAD_H
#define GW_PROMPT_LOAD_H

#include "prompt/store.h"

struct gw_prompt_loader {
    struct gw_arena *arena;
    struct gw_problems *problems;
    struct gw_prompts *prompts;
    struct gw_prompt_def *defs; /* newest first */
    size_t def_count;
    const char *dir; /* the prompt folder being read */
};

/** Whole file into the arena; absent string after a problem was recorded. */
aigw_str gw_prompt_read_file(struct gw_prompt_loader *loader, const char *path, size_t max);
/** Compile a template file; its single trailing newline is dropped. NULL after a problem was recorded. */
const struct gw_mustache *gw_prompt_read_template(struct gw_prompt_loader *loader, const char *path);
/** Read one definition; NULL after problems were recorded. rel is id/family/version.conf. */
struct gw_prompt_def *gw_prompt_read_def(struct gw_prompt_loader *loader, const char *path, const char *folder);

#endif
