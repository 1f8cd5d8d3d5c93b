/* write.c - the catalogue as the JSON that GitLab reads. Members and their order are the published ones. */
#include <string.h>

#include "catalogue.h"

#define ANSWER_MAX  ((size_t)4 << 20)
#define PSEUDO_NAME "__default__"

/** What is written, and where. */
struct writer {
    const struct md_catalogue *catalogue;
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_buf *out;
    bool with_pseudo;
};

static aigw_str str(const char *text)
{
    return (aigw_str){ text, strlen(text) };
}

static void put(const struct writer *w, const char *text)
{
    w->host->buf_put(w->out, text, strlen(text));
}

static void put_text_or_null(const struct writer *w, const char *text)
{
    if (text)
        w->host->buf_json(w->out, str(text));
    else
        put(w, "null");
}

/* ---- models ---- */

static void put_deprecation(const struct writer *w, aigw_str identifier)
{
    const char *text = md_get(&w->catalogue->deprecations, identifier);
    aigw_str date, version;

    if (!text || !md_deprecation(text, &date, &version)) {
        put(w, "null");
        return;
    }
    put(w, "{\"deprecation_date\":");
    w->host->buf_json(w->out, date);
    put(w, ",\"removal_version\":");
    w->host->buf_json(w->out, version);
    put(w, "}");
}

static void put_about(const struct writer *w, aigw_str identifier)
{
    put(w, ",\"description\":");
    put_text_or_null(w, md_get(&w->catalogue->descriptions, identifier));
    put(w, ",\"cost_indicator\":");
    put_text_or_null(w, md_get(&w->catalogue->costs, identifier));
    put(w, "}");
}

static void put_model(const struct writer *w, size_t i)
{
    aigw_str identifier = str(w->catalogue->models.names[i]);
    const char *provider = md_get(&w->catalogue->providers, identifier);
    const char *name = w->catalogue->models.values[i];

    if (provider)
        name = w->host->format(w->ctx, AIGW_LIFE_REQUEST, "%s - %s", name, provider);
    put(w, i ? ",{\"name\":" : "{\"name\":");
    put_text_or_null(w, name);
    put(w, ",\"identifier\":");
    w->host->buf_json(w->out, identifier);
    put(w, ",\"provider\":");
    put_text_or_null(w, provider);
    put(w, ",\"deprecation\":");
    put_deprecation(w, identifier);
    put_about(w, identifier);
}

/** The feature's first default when a pseudo model stands for its defaults, else absent. */
static aigw_str pseudo_of(const struct writer *w, const char *feature)
{
    struct md_words defaults = md_words_of(&w->catalogue->defaults, feature, &w->catalogue->default_models);
    aigw_str first = AIGW_STR_NONE;

    if (!w->with_pseudo || md_count(defaults) < 2)
        return first;
    md_next(&defaults, &first);
    return first;
}

static void put_pseudo_models(const struct writer *w)
{
    for (size_t i = 0; i < w->catalogue->features.count; i++) {
        const char *feature = w->catalogue->features.names[i];
        aigw_str first = pseudo_of(w, feature);

        if (!first.len)
            continue;
        put(w, ",{\"name\":");
        put_text_or_null(w, md_get(&w->catalogue->models, first));
        w->host->buf_printf(w->out, ",\"identifier\":\"" PSEUDO_NAME "%s\",\"provider\":null,\"deprecation\":null",
                            feature);
        put_about(w, first);
    }
}

/* ---- features ---- */

/** A list of the words; `pseudo`, when it is not NULL, is a feature whose pseudo model comes first. */
static void put_words(const struct writer *w, const char *member, struct md_words words, const char *pseudo)
{
    const char *comma = "";
    aigw_str word;

    w->host->buf_printf(w->out, ",\"%s\":[", member);
    if (pseudo) {
        w->host->buf_printf(w->out, "\"" PSEUDO_NAME "%s\"", pseudo);
        comma = ",";
    }
    while (md_next(&words, &word)) {
        put(w, comma);
        w->host->buf_json(w->out, word);
        comma = ",";
    }
    put(w, "]");
}

static void put_tags(const struct writer *w, const char *member, const char *feature)
{
    struct md_words words = md_words_of(&w->catalogue->tags, feature, NULL);
    const char *comma = "";
    aigw_str word;

    w->host->buf_printf(w->out, ",\"%s\":{", member);
    while (md_next(&words, &word)) {
        const char *equals = memchr(word.ptr, '=', word.len);
        size_t len = equals ? (size_t)(equals - word.ptr) : word.len;

        put(w, comma);
        w->host->buf_json(w->out, (aigw_str){ word.ptr, len });
        put(w, ":");
        w->host->buf_json(w->out, (aigw_str){ word.ptr + len + 1, word.len - len - 1 });
        comma = ",";
    }
    put(w, "}");
}

static void put_deprecated(const struct writer *w, const char *feature)
{
    struct md_words words = md_words_of(&w->catalogue->deprecated, feature, NULL);
    const char *comma = "";
    aigw_str word, date, version;

    put(w, ",\"deprecated_models\":[");
    while (md_next(&words, &word)) {
        const char *text = md_get(&w->catalogue->deprecations, word);

        if (!text || !md_deprecation(text, &date, &version))
            continue; /* md_check() saw to it that this does not happen */
        put(w, comma);
        put(w, "{\"deprecation_date\":");
        w->host->buf_json(w->out, date);
        put(w, ",\"removal_version\":");
        w->host->buf_json(w->out, version);
        put(w, ",\"identifier\":");
        w->host->buf_json(w->out, word);
        put(w, "}");
        comma = ",";
    }
    put(w, "]");
}

static void put_dev(const struct writer *w, const char *feature)
{
    struct md_words words = md_words_of(&w->catalogue->dev, feature, NULL);
    const char *comma = "{\"selectable_models\":[";
    aigw_str word;

    put(w, ",\"dev\":");
    if (md_count(words) == 0) {
        put(w, "null");
        return;
    }
    while (md_next(&words, &word)) {
        put(w, comma);
        w->host->buf_json(w->out, word);
        comma = ",";
    }
    put(w, "]}");
}

static void put_feature(const struct writer *w, size_t i)
{
    const struct md_catalogue *c = w->catalogue;
    const char *feature = c->features.names[i];
    struct md_words defaults = md_words_of(&c->defaults, feature, &c->default_models), rest = defaults;
    aigw_str first = AIGW_STR_NONE;
    bool is_pseudo = pseudo_of(w, feature).len > 0;

    md_next(&rest, &first);
    put(w, i ? ",{\"feature_setting\":" : "{\"feature_setting\":");
    w->host->buf_json(w->out, str(feature));
    put(w, ",\"default_model\":");
    if (is_pseudo)
        w->host->buf_printf(w->out, "\"" PSEUDO_NAME "%s\"", feature);
    else
        w->host->buf_json(w->out, first);
    put_words(w, "default_models", defaults, NULL);
    put_tags(w, "models_for_tags", feature);
    put_tags(w, "models_for_size_preference", feature);
    put_words(w, "selectable_models", md_words_of(&c->selectable, feature, &c->selectable_models),
              is_pseudo ? feature : NULL);
    put_words(w, "beta_models", md_words_of(&c->beta, feature, NULL), NULL);
    put_deprecated(w, feature);
    put_dev(w, feature);
    put_words(w, "unit_primitives", md_words_of(&c->features, feature, NULL), NULL);
    put(w, "}");
}

aigw_str md_write(const struct md_catalogue *catalogue, const struct aigw_host *host, struct aigw_ctx *ctx,
                  bool with_pseudo)
{
    struct writer w = { .catalogue = catalogue, .host = host, .ctx = ctx, .with_pseudo = with_pseudo };
    aigw_str answer = AIGW_STR_NONE;

    w.out = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);
    if (!w.out)
        return AIGW_STR_NONE;
    put(&w, "{\"models\":[");
    for (size_t i = 0; i < catalogue->models.count; i++)
        put_model(&w, i);
    put_pseudo_models(&w);
    put(&w, "],\"unit_primitives\":[");
    for (size_t i = 0; i < catalogue->features.count; i++)
        put_feature(&w, i);
    put(&w, "]}");
    return host->buf_view(w.out, &answer) == AIGW_OK ? answer : AIGW_STR_NONE;
}
