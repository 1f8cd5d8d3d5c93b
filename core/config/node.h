/* node.h - conf.d as one merged tree in which every value knows its file and line, and a list of problems.
 *
 * Merge: files in name order. In sections whose groups operators name (`providers`, `models`, `keys` …) a later file
 * replaces a group whole; in every other section it replaces single keys. */
#ifndef GW_NODE_H
#define GW_NODE_H

#include "base/base.h"

#define GW_NODE_GROUP  1
#define GW_NODE_LIST   2 /* libconfig list or array */
#define GW_NODE_STRING 3
#define GW_NODE_INT    4
#define GW_NODE_DOUBLE 5
#define GW_NODE_BOOL   6

struct gw_node {
    const char *key;  /* NULL for list elements and the root */
    int type;         /* GW_NODE_* */
    const char *file; /* "conf.d/10-server.conf", or the environment variable that set it */
    int line;         /* 0 when from the environment */
    union {
        const char *string;
        int64_t integer; /* INT and BOOL */
        double number;
    };
    struct gw_node *first, *next; /* children in order */
};

/** All that is wrong, each `file:line: key: what is wrong, what is expected`. */
struct gw_problems {
    struct gw_arena *arena;
    struct gw_problem {
        struct gw_problem *next;
        const char *text;
        bool is_warning; /* worth saying, does not refuse the configuration */
    } * first, **tail;
    struct gw_problem *notes, **notes_tail; /* nothing wrong, but good to know; for `aigw check` alone */
    size_t error_count;
};
void gw_problems_init(struct gw_problems *problems, struct gw_arena *arena);
/** node may be NULL; key is the dotted path as far as known. */
void gw_problem(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
    AIGW_PRINTF(4, 5);
void gw_problem_warning(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
    AIGW_PRINTF(4, 5);

void gw_problem_note(struct gw_problems *problems, const struct gw_node *node, const char *key, const char *fmt, ...)
    AIGW_PRINTF(4, 5);

/** Read every *.conf of the folders, in order given, each folder in name order. Syntax errors become problems; what
 *  could be read is returned anyway. A missing folder is a problem. */
struct gw_node *gw_conf_read(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                             struct gw_problems *problems);
/** Parse one text, for tests and prompt definitions. */
struct gw_node *gw_conf_parse(struct gw_arena *arena, const char *text, const char *file_name,
                              struct gw_problems *problems);
/** Child by key ("a.b.c" walks down), or NULL. */
const struct gw_node *gw_node_get(const struct gw_node *node, const char *path);
/** A section of conf.d that holds groups by their names. NULL: it is not there, or is no group, which
 *  gw_settings_load() says: the members of a list have no names. */
const struct gw_node *gw_node_section(const struct gw_node *conf, const char *name);
/** String value with env: and file: resolved; NULL with a problem when it is no string or cannot be resolved. */
const char *gw_node_text(struct gw_arena *arena, const struct gw_node *node, const char *key,
                         struct gw_problems *problems);

/** Fill a struct from a group through a settings table: types, ranges, choices, required, defaults, unknown keys with
 *  "did you mean". `path` is the group's dotted path for messages ("providers.vllm"). Keys in `reserved` (NULL-ended)
 *  are not the table's. Secrets are registered with the log's masker. group may be NULL (all defaults). */
void gw_settings_fill(struct gw_arena *arena, const struct gw_node *group, const char *path,
                      const struct aigw_setting *table, uint32_t count, uint32_t stride, const char *const *reserved,
                      void *out, struct gw_problems *problems);

/** Bytes of the field that a setting of this type (AIGW_SET_*) fills, 0 for an unknown type. */
size_t gw_setting_field_size(uint32_t type);

#endif
