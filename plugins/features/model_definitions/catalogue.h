/* catalogue.h - the models that GitLab's administrators choose from, as conf.d says, and the answer made of it. */
#ifndef MODEL_DEFINITIONS_CATALOGUE_H
#define MODEL_DEFINITIONS_CATALOGUE_H

#include <stdbool.h>

#include <aigw/sdk.h>

/** Maps go from a model's identifier, or from a feature setting, to text. Where the text names several things they are
 *  separated by blanks or commas. */
struct md_catalogue {
    struct aigw_map models;       /* identifier → name */
    struct aigw_map providers;    /* identifier → provider */
    struct aigw_map descriptions; /* identifier → text */
    struct aigw_map costs;        /* identifier → cost indicator */
    struct aigw_map deprecations; /* identifier → "date version" */
    struct aigw_map features;     /* feature setting → its rights */
    struct aigw_map defaults;     /* feature setting → identifiers, else default_models */
    struct aigw_map selectable;   /* feature setting → identifiers, else selectable_models */
    struct aigw_map beta;         /* feature setting → identifiers */
    struct aigw_map deprecated;   /* feature setting → identifiers */
    struct aigw_map dev;          /* feature setting → identifiers */
    struct aigw_map tags;         /* feature setting → "tag=identifier" */
    struct aigw_list default_models, selectable_models;
};

/** A way through the words of a text, or the items of a list. */
struct md_words {
    aigw_str rest; /* of the text */
    const struct aigw_list *list;
    size_t at;
};
bool md_next(struct md_words *words, aigw_str *ret);

bool md_is(aigw_str text, const char *word);
/** The value under that name, NULL when there is none. */
const char *md_get(const struct aigw_map *map, aigw_str name);
/** What a map says of a feature: its own words, or those of the list. `otherwise` may be NULL. */
struct md_words md_words_of(const struct aigw_map *map, const char *feature, const struct aigw_list *otherwise);
size_t md_count(struct md_words words);
/** Date and version of "2026-05-15 18.8"; false when it is not of that form. */
bool md_deprecation(const char *text, aigw_str *ret_date, aigw_str *ret_version);

/** Every name that is used is there, every feature has a default. Otherwise fails in ctx, naming the setting. */
aigw_status md_check(const struct md_catalogue *catalogue, const struct aigw_host *host, struct aigw_ctx *ctx);
/** The answer; lives as long as the instance. with_pseudo: features with several defaults get a model of their own that
 *  stands for them. Absent without memory. */
aigw_str md_write(const struct md_catalogue *catalogue, const struct aigw_host *host, struct aigw_ctx *ctx,
                  bool with_pseudo);

#endif
