/* internal.h - shared by the files of config/ only. */
#ifndef GW_CONFIG_INTERNAL_H
#define GW_CONFIG_INTERNAL_H

#include "config/node.h"
#include "config/settings.h"

#define GW_ENV_JSON_DEPTH 32u /* of a group of variables given as JSON */

/* ---- conf_scan.c: text as an operator writes it → text that libconfig reads right ---- */

/** Copy text to out for libconfig: integers beyond 32 bits get the `L` without which libconfig 1.5 wraps them. @include
 *  and whatever libconfig would refuse are mistakes (false, *ret_line and *reterr set): a folder of files is the way to
 *  split. */
bool gw_conf_scan(aigw_str text, struct gw_buf *out, int *ret_line, struct gw_err *reterr);

/* ---- value.c: one value → one typed field ---- */

/** Where a value goes. `key` is the dotted path for messages. */
struct gw_value_target {
    struct gw_arena *arena;
    struct gw_problems *problems;
    const struct aigw_setting *setting;
    const char *key;
    void *out; /* the struct; the field is at setting->offset */
};
/** Convert and store. False after a problem was recorded; the field is untouched then. `where` names the place. */
bool gw_value_from_text(const struct gw_value_target *target, const struct gw_node *where, const char *text);
/** *ret_is_absent: the value is an env: reference to nothing, which an optional setting may be. */
bool gw_value_from_node(const struct gw_value_target *target, const struct gw_node *node, bool *ret_is_absent);
/** Python's idea of a boolean in the environment, any case. */
bool gw_text_to_bool(const char *text, int32_t *ret_value);
/** Copy all members of table entry `index` that its maker knew; the rest is zero. */
struct aigw_setting gw_setting_at(const struct aigw_setting *table, uint32_t index, uint32_t stride);

/* ---- value_fault.c: a problem about a value that does not fit; each answers false ---- */

bool gw_value_is_wrong_text(const struct gw_value_target *target, const struct gw_node *where, const char *text);
bool gw_value_is_wrong_type(const struct gw_value_target *target, const struct gw_node *node);
bool gw_value_is_out_of_range(const struct gw_value_target *target, const struct gw_node *where, double value);
/** What was found, in quotes and cut, for messages; a secret is never shown. */
const char *gw_value_shown(const struct gw_value_target *target, const char *text);

/** A secret that stands in conf.d itself: warn when others may read it, or when a reference was probably meant. */
void gw_value_warn_of_clear_secret(const struct gw_value_target *target, const struct gw_node *node, const char *text);

/* ---- resolve.c: env:NAME and file:/path ---- */

#define GW_RESOLVED 1
#define GW_UNSET    2 /* env: names nothing that is set; *ret_reason says so, NULL when that was foreseen (":-") */
#define GW_BROKEN   3 /* *ret_reason says why */
/** Resolve `env:A|B:-default` and `file:/path`; any other text is itself. Results live in arena. */
int gw_text_resolve(struct gw_arena *arena, const char *text, const char **ret_value, const char **ret_reason);
bool gw_text_is_reference(const char *text);

/* ---- env.c: process environment and .env file, as of the last load ---- */

/** Take copies of both. Replaces what the previous load took. False and a problem on bad .env lines. */
void gw_env_load(const char *const *environ_list, const char *dot_env_dir, struct gw_problems *problems);
/** A setting's value: exact name in any case, else the member of a group given as JSON ("AIGW_A='{"b":1}'" for
 *  AIGW_A__B). The process environment wins over .env in every form. *ret_from is the variable that had it. */
const char *gw_env_lookup(const char *name, const char **ret_from);
/** The name of a variable that is set and reads like this one, or NULL. */
const char *gw_env_closest(const char *name, size_t len);
/** True when some env: value asked for this variable, or for a member of it. */
bool gw_env_was_asked(const char *name);
/** Call fn for every distinct name asked for by env: values. */
void gw_env_each_asked(void (*fn)(void *user, const char *name), void *user);

/* ---- table.c: the settings of the core ---- */

#define GW_ROW_LOWER       0x1u  /* text is stored in lower case */
#define GW_ROW_ENV_SECONDS 0x2u  /* environment: seconds with fraction; field and conf.d: milliseconds */
#define GW_ROW_PEM         0x4u  /* the two characters \n become a newline */
#define GW_ROW_EMPTY_UNSET 0x8u  /* an empty text means "not set" */
#define GW_ROW_JSON        0x10u /* the text must be a JSON object */
#define GW_ROW_URL         0x20u /* empty, or an http(s) URL */
#define GW_ROW_ROUTING     0x40u /* may stand in section `routing` as well as in `models` */
#define GW_ROW_RESTART     0x80u /* a running process keeps the value it began with */

#define GW_ROW_ENV_MAX 4

struct gw_setting_row {
    const char *section;
    uint32_t flags;
    const char *env[GW_ROW_ENV_MAX]; /* first that is set wins */
    struct aigw_setting setting;     /* offset is into struct gw_settings */
};
/** Sections whose groups are named by the operator, and the section in which some rows of `models` may stand too: a
 *  group in `models` is a model. */
#define GW_SECTION_ALIAS  "routing"
#define GW_SECTION_PRICES "prices"
/** The row of a path ("server.port"), or NULL. */
const struct gw_setting_row *gw_setting_row_find(const char *path);
extern const struct gw_setting_row gw_setting_rows[];
extern const size_t gw_setting_row_count;

/* ---- fit.c, validate.c, reference.c ---- */

/** Lower defaults to what fits into this much memory, with a note for each; 0: memory has no limit. */
void gw_settings_fit(struct gw_settings *settings, int64_t memory_max, struct gw_problems *problems);
/** Checks between settings; normalises server.path_prefix. */
void gw_settings_validate(struct gw_arena *arena, struct gw_settings *settings, struct gw_problems *problems);

/** A variable that GitLab or its image sets and that means nothing here. A trailing '*' covers all that begin so. */
struct gw_ignored_env {
    const char *name;
    const char *why;
};
extern const struct gw_ignored_env gw_ignored_envs[];
extern const size_t gw_ignored_env_count;

#endif
