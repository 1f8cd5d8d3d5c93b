/* store.h - what the two halves of the prompt store share: store.c reads the folders, prompt.c renders. Private. */
#ifndef GW_PROMPT_STORE_H
#define GW_PROMPT_STORE_H

#include "prompt/mustache.h"

#define GW_PROMPT_DEFAULT_VERSION "^1.0.0"

/** A template that others include by name. */
struct gw_prompt_partial {
    struct gw_prompt_partial *next;
    aigw_str name;
    const char *path;
    const struct gw_mustache *tmpl;
};

/** One message of a definition. */
struct gw_prompt_message {
    uint32_t role; /* AIGW_ROLE_* */
    const struct gw_mustache *tmpl;
};

/** One <version>.conf. */
struct gw_prompt_def {
    struct gw_prompt_def *next; /* while loading */
    const char *id;
    const char *family;
    const char *version;
    aigw_str title, scope;
    struct aigw_list required;      /* sorted */
    struct aigw_list also;          /* versions that this file serves besides its own */
    const struct gw_prompt_def *of; /* this is such a version: the definition whose file names it; else NULL */
    const char *dir;                /* the prompt folder it came from */
    const char *path;
    struct aigw_params params;
    int64_t timeout_ms;
    const struct gw_prompt_message *messages;
    uint32_t message_count;
    struct gw_prompt_partial *partials; /* those found beside the definition */
    const struct gw_prompts *prompts;
};

/** All versions of one id and family. */
struct gw_prompt_family {
    const char *id;
    const char *family;
    const struct gw_prompt_def *const *defs; /* in text order of their versions */
    const char *const *versions;             /* the same as names */
    size_t count;
    size_t default_index; /* for ^1.0.0; count when none matches */
};

/** A file that was read. */
struct gw_prompt_file {
    struct gw_prompt_file *next;
    const char *path;
    uint64_t print;
};

struct gw_prompts {
    struct gw_prompt_file *files;            /* newest first */
    const struct gw_prompt_family *families; /* sorted by id, then family */
    size_t family_count;
    size_t def_count;
    struct gw_prompt_partial *partials;
};

/** -1, 0, 1 in byte order. */
int gw_prompt_order(aigw_str a, aigw_str b);

#endif
