/* catalogue.c - reading the catalogue and judging it. */
#include "catalogue.h"

#include <string.h>

bool md_is(aigw_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

bool md_next(struct md_words *words, aigw_str *ret)
{
    static const char separators[] = " \t\r\n,";
    size_t len = 0;

    if (words->list) {
        if (words->at == words->list->count)
            return false;
        ret->ptr = words->list->items[words->at++];
        ret->len = strlen(ret->ptr);
        return true;
    }
    while (words->rest.len > 0 && strchr(separators, words->rest.ptr[0]))
        words->rest = (aigw_str){ words->rest.ptr + 1, words->rest.len - 1 };
    while (len < words->rest.len && !strchr(separators, words->rest.ptr[len]))
        len++;
    *ret = (aigw_str){ words->rest.ptr, len };
    words->rest = (aigw_str){ words->rest.ptr + len, words->rest.len - len };
    return len > 0;
}

static struct md_words words_in(const char *text)
{
    return (struct md_words){ .rest = { text, strlen(text) } };
}

size_t md_count(struct md_words words)
{
    aigw_str word;
    size_t count = 0;

    while (md_next(&words, &word))
        count++;
    return count;
}

const char *md_get(const struct aigw_map *map, aigw_str name)
{
    for (size_t i = 0; i < map->count; i++)
        if (md_is(name, map->names[i]))
            return map->values[i];
    return NULL;
}

struct md_words md_words_of(const struct aigw_map *map, const char *feature, const struct aigw_list *otherwise)
{
    const char *text = md_get(map, (aigw_str){ feature, strlen(feature) });

    if (!text && otherwise)
        return (struct md_words){ .list = otherwise };
    return words_in(text ? text : "");
}

bool md_deprecation(const char *text, aigw_str *ret_date, aigw_str *ret_version)
{
    static const char form[] = "0000-00-00";
    struct md_words words = words_in(text);

    if (md_count(words) != 2)
        return false;
    md_next(&words, ret_date);
    md_next(&words, ret_version);
    if (ret_date->len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < ret_date->len; i++) {
        char c = ret_date->ptr[i];

        if (form[i] == '-' ? c != '-' : c < '0' || c > '9')
            return false;
    }
    return true;
}

/* ---- judging ---- */

/** What is judged, and for whom. */
struct judge {
    const struct md_catalogue *catalogue;
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
};

/** All names of the map are known. `known` is called `what` for people. */
static aigw_status check_names(const struct judge *j, const char *setting, const struct aigw_map *map,
                               const struct aigw_map *known, const char *what)
{
    for (size_t i = 0; i < map->count; i++)
        if (!md_get(known, (aigw_str){ map->names[i], strlen(map->names[i]) }))
            return j->host->fail(j->ctx, AIGW_E_CONFIG, "%s.%s: there is no such name in `%s`", setting, map->names[i],
                                 what);
    return AIGW_OK;
}

/** All words are identifiers of models. `at` is the name inside the setting, or NULL. */
static aigw_status check_models(const struct judge *j, const char *setting, const char *at, struct md_words words)
{
    aigw_str word;

    while (md_next(&words, &word))
        if (!md_get(&j->catalogue->models, word))
            return j->host->fail(j->ctx, AIGW_E_CONFIG, "%s%s%s: \"%.*s\" is no model of `models`", setting,
                                 at ? "." : "", at ? at : "", AIGW_STR_ARG(word));
    return AIGW_OK;
}

static aigw_status check_model_map(const struct judge *j, const char *setting, const struct aigw_map *map)
{
    aigw_status status = check_names(j, setting, map, &j->catalogue->features, "features");

    for (size_t i = 0; i < map->count && status == AIGW_OK; i++)
        status = check_models(j, setting, map->names[i], words_in(map->values[i]));
    return status;
}

static aigw_status check_tags(const struct judge *j)
{
    const struct aigw_map *tags = &j->catalogue->tags;
    aigw_status status = check_names(j, "tags", tags, &j->catalogue->features, "features");
    aigw_str word;

    for (size_t i = 0; i < tags->count && status == AIGW_OK; i++) {
        struct md_words words = words_in(tags->values[i]);

        while (md_next(&words, &word)) {
            const char *equals = memchr(word.ptr, '=', word.len);

            if (!equals ||
                !md_get(&j->catalogue->models, (aigw_str){ equals + 1, word.len - (size_t)(equals + 1 - word.ptr) }))
                return j->host->fail(j->ctx, AIGW_E_CONFIG,
                                     "tags.%s: found \"%.*s\", expected tag=identifier with a model of `models`",
                                     tags->names[i], AIGW_STR_ARG(word));
        }
    }
    return status;
}

static aigw_status check_deprecations(const struct judge *j)
{
    const struct md_catalogue *c = j->catalogue;
    aigw_str date, version, word;

    for (size_t i = 0; i < c->deprecations.count; i++)
        if (!md_deprecation(c->deprecations.values[i], &date, &version))
            return j->host->fail(j->ctx, AIGW_E_CONFIG, "deprecations.%s: is \"%s\", expected \"YYYY-MM-DD VERSION\"",
                                 c->deprecations.names[i], c->deprecations.values[i]);
    for (size_t i = 0; i < c->deprecated.count; i++) {
        struct md_words words = words_in(c->deprecated.values[i]);

        while (md_next(&words, &word))
            if (!md_get(&c->deprecations, word))
                return j->host->fail(j->ctx, AIGW_E_CONFIG,
                                     "deprecated.%s: `deprecations` does not say when \"%.*s\" goes",
                                     c->deprecated.names[i], AIGW_STR_ARG(word));
    }
    return AIGW_OK;
}

static bool is_among(struct md_words words, aigw_str wanted)
{
    aigw_str word;

    while (md_next(&words, &word))
        if (word.len == wanted.len && memcmp(word.ptr, wanted.ptr, word.len) == 0)
            return true;
    return false;
}

/** A feature has a default, and its defaults can be selected when anything can. */
static aigw_status check_defaults(const struct judge *j)
{
    const struct md_catalogue *c = j->catalogue;
    aigw_str word;

    for (size_t i = 0; i < c->features.count; i++) {
        const char *feature = c->features.names[i];
        struct md_words defaults = md_words_of(&c->defaults, feature, &c->default_models);
        struct md_words selectable = md_words_of(&c->selectable, feature, &c->selectable_models);

        if (md_count(defaults) == 0)
            return j->host->fail(j->ctx, AIGW_E_CONFIG,
                                 "defaults.%s: names no model, and `default_models` is not set; a feature needs one",
                                 feature);
        while (md_count(selectable) > 0 && md_next(&defaults, &word))
            if (!is_among(selectable, word))
                return j->host->fail(j->ctx, AIGW_E_CONFIG,
                                     "defaults.%s: \"%.*s\" is not among the feature's selectable models", feature,
                                     AIGW_STR_ARG(word));
    }
    return AIGW_OK;
}

aigw_status md_check(const struct md_catalogue *c, const struct aigw_host *host, struct aigw_ctx *ctx)
{
    const struct judge j = { c, host, ctx };
    const struct {
        const char *name;
        const struct aigw_map *map;
    } by_model[] = { { "providers", &c->providers },
                     { "descriptions", &c->descriptions },
                     { "costs", &c->costs },
                     { "deprecations", &c->deprecations } },
      by_feature[] = { { "defaults", &c->defaults },
                       { "selectable", &c->selectable },
                       { "beta", &c->beta },
                       { "deprecated", &c->deprecated },
                       { "dev", &c->dev } };
    aigw_status status = check_models(&j, "default_models", NULL, (struct md_words){ .list = &c->default_models });

    if (status == AIGW_OK)
        status = check_models(&j, "selectable_models", NULL, (struct md_words){ .list = &c->selectable_models });
    for (size_t i = 0; i < sizeof by_model / sizeof *by_model && status == AIGW_OK; i++)
        status = check_names(&j, by_model[i].name, by_model[i].map, &c->models, "models");
    for (size_t i = 0; i < sizeof by_feature / sizeof *by_feature && status == AIGW_OK; i++)
        status = check_model_map(&j, by_feature[i].name, by_feature[i].map);
    if (status == AIGW_OK)
        status = check_tags(&j);
    if (status == AIGW_OK)
        status = check_deprecations(&j);
    return status == AIGW_OK ? check_defaults(&j) : status;
}
