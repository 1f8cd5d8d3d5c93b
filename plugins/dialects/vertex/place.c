/* place.c - see vertex.h. */
#include "vertex.h"

#include <ctype.h>
#include <string.h>

/* Names without a publisher. */
static const struct {
    const char *start;
    enum vertex_publisher publisher;
    const char *owner; /* put in front, for VERTEX_OPENAPI */
} vertex_names[] = {
    { "gemini", VERTEX_GOOGLE, NULL },
    { "claude", VERTEX_ANTHROPIC, NULL },
    { "mistral", VERTEX_MISTRAL, NULL },
    { "codestral", VERTEX_MISTRAL, NULL },
    { "ministral", VERTEX_MISTRAL, NULL },
    { "magistral", VERTEX_MISTRAL, NULL },
    { "devstral", VERTEX_MISTRAL, NULL },
    { "llama", VERTEX_OPENAPI, "meta/" },
    { "deepseek", VERTEX_OPENAPI, "deepseek-ai/" },
    { "qwen", VERTEX_OPENAPI, "qwen/" },
    { "gpt-oss", VERTEX_OPENAPI, "openai/" },
    { "kimi", VERTEX_OPENAPI, "moonshotai/" },
    { "glm", VERTEX_OPENAPI, "zai-org/" },
    { "minimax", VERTEX_OPENAPI, "minimaxai/" },
};

static const struct {
    const char *name; /* in a model's name, a path or a setting */
    enum vertex_publisher publisher;
} vertex_publishers[] = {
    { "google", VERTEX_GOOGLE },      { "anthropic", VERTEX_ANTHROPIC }, { "mistralai", VERTEX_MISTRAL },
    { "endpoints", VERTEX_ENDPOINT }, { "gemini", VERTEX_ENDPOINT }, /* as LiteLLM calls tuned models */
};

static bool is_name(aigw_str name, bool may_have_owner)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && !memchr("._@-", name.ptr[i], 4) &&
            !(may_have_owner && name.ptr[i] == '/'))
            return false;
    return name.len > 0 && name.len <= 256 && !wire_contains(name, "..");
}

static bool is_number(aigw_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isdigit((unsigned char)name.ptr[i]))
            return false;
    return name.len > 0;
}

/** Take `literal` off the front. */
static bool take(aigw_str *text, const char *literal)
{
    if (!wire_has_prefix(*text, literal))
        return false;
    *text = (aigw_str){ text->ptr + strlen(literal), text->len - strlen(literal) };
    return true;
}

/* What is in front of the first `mark`, which is taken off, too. False without a mark, or without anything before. */
static bool take_part(aigw_str *text, char mark, aigw_str *ret_part)
{
    const char *at = text->len > 0 ? memchr(text->ptr, mark, text->len) : NULL;

    if (!at || at == text->ptr)
        return false;
    *ret_part = (aigw_str){ text->ptr, (size_t)(at - text->ptr) };
    *text = (aigw_str){ at + 1, text->len - ret_part->len - 1 };
    return true;
}

static bool publisher_of(aigw_str name, enum vertex_publisher *ret_publisher)
{
    for (size_t i = 0; i < sizeof vertex_publishers / sizeof *vertex_publishers; i++)
        if (wire_is(name, vertex_publishers[i].name)) {
            *ret_publisher = vertex_publishers[i].publisher;
            return true;
        }
    return false;
}

/* By a name without an owner. */
static void find_by_name(const struct aigw_host *host, struct aigw_ctx *ctx, struct vertex_place *place)
{
    place->publisher = is_number(place->model) ? VERTEX_ENDPOINT : VERTEX_GOOGLE;
    for (size_t i = 0; i < sizeof vertex_names / sizeof *vertex_names; i++)
        if (wire_has_prefix(place->model, vertex_names[i].start)) {
            place->publisher = vertex_names[i].publisher;
            if (vertex_names[i].owner)
                place->model = wire_str(wire_join(host, ctx, wire_str(vertex_names[i].owner), place->model));
            return;
        }
}

/* "claude-sonnet-4-5-20250929" is claude-sonnet-4-5@20250929 here. */
static aigw_str with_date(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name)
{
    char *text;

    if (name.len < 10 || name.ptr[name.len - 9] != '-' || memchr(name.ptr, '@', name.len) ||
        !wire_has_prefix((aigw_str){ name.ptr + name.len - 8, 8 }, "20") ||
        !is_number((aigw_str){ name.ptr + name.len - 8, 8 }))
        return name;
    text = host->format(ctx, AIGW_LIFE_BUILD, "%.*s", AIGW_STR_ARG(name));
    if (text)
        text[name.len - 9] = '@';
    return wire_str(text);
}

/* By the name alone: "gemini-2.5-flash", "mistralai/codestral-2", "meta/llama-…-maas", "endpoints/123". */
static aigw_status find_model(const struct aigw_host *host, struct aigw_ctx *ctx, const char *publisher, aigw_str name,
                              struct vertex_place *ret_place)
{
    aigw_str rest = name, owner;

    (void)take(&rest, "publishers/");
    ret_place->model = rest;
    if (strcmp(publisher, "auto") != 0) {
        if (!publisher_of(wire_str(publisher), &ret_place->publisher))
            ret_place->publisher = VERTEX_OPENAPI;
        if (ret_place->publisher != VERTEX_OPENAPI && take_part(&rest, '/', &owner)) /* said twice */
            ret_place->model = rest;
    } else if (take_part(&rest, '/', &owner)) {
        if (publisher_of(owner, &ret_place->publisher))
            ret_place->model = rest;
        else
            ret_place->publisher = VERTEX_OPENAPI;
    } else {
        find_by_name(host, ctx, ret_place);
    }
    (void)take(&ret_place->model, "models/");
    if (!is_name(ret_place->model, ret_place->publisher == VERTEX_OPENAPI))
        return host->fail(ctx, AIGW_E_INVALID,
                          "the model's name \"%.*s\" is none of Vertex AI: letters, digits and ._@- are expected",
                          (int)(name.len < 100 ? name.len : 100), name.ptr ? name.ptr : "");
    if (ret_place->publisher == VERTEX_ANTHROPIC)
        ret_place->model = with_date(host, ctx, ret_place->model);
    return ret_place->model.ptr ? AIGW_OK : AIGW_E_NOMEM;
}

/* The name as AI Studio's path has it. */
static aigw_status find_studio(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name,
                               struct vertex_place *ret_place)
{
    ret_place->model = name;
    (void)take(&ret_place->model, "models/");
    if (is_name(ret_place->model, true))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_INVALID, "the model's name \"%.*s\" is none of AI Studio",
                      (int)(name.len < 100 ? name.len : 100), name.ptr ? name.ptr : "");
}

/* ---- URLs ---- */

/* Models that are not everywhere: Mistral's in two regions, texts' embeddings in single regions only. */
static bool is_regional(const struct vertex_place *place)
{
    return place->publisher == VERTEX_GOOGLE &&
           (wire_has_prefix(place->model, "text-embedding-") || wire_has_prefix(place->model, "textembedding-") ||
            wire_has_prefix(place->model, "text-multilingual-embedding-"));
}

static bool is_region(const char *location)
{
    return location && location[0] && strcmp(location, "global") != 0 && strcmp(location, "eu") != 0 &&
           strcmp(location, "us") != 0;
}

static const char *location_of(const struct vertex_site *site, const struct vertex_place *place)
{
    const char *location = site->location;

    if (place->publisher == VERTEX_MISTRAL && is_region(site->mistral_location))
        return site->mistral_location;
    if (place->publisher != VERTEX_MISTRAL && (is_region(location) || !is_regional(place)))
        return location;
    return strncmp(location, "europe-", 7) == 0 || strcmp(location, "eu") == 0 ? "europe-west4" : "us-central1";
}

static const char *root_of(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                           const char *location)
{
    if (site->base_url && site->base_url[0])
        return site->base_url;
    if (strcmp(location, "global") == 0)
        return "https://aiplatform.googleapis.com";
    if (strcmp(location, "eu") == 0 || strcmp(location, "us") == 0) /* several regions at once */
        return host->format(ctx, AIGW_LIFE_BUILD, "https://aiplatform.%s.rep.googleapis.com", location);
    return host->format(ctx, AIGW_LIFE_BUILD, "https://%s-aiplatform.googleapis.com", location);
}

/* AI Studio's; without a model that of their list. */
static const char *studio_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                              aigw_str base, const struct vertex_place *place)
{
    static const char *const pasted[] = { "/v1beta/models", "/v1beta", "/v1", NULL };
    aigw_str query;
    bool is_tuned = wire_has_prefix(place->model, "tunedModels/");
    const char *path = host->format(ctx, AIGW_LIFE_BUILD, "/%s/%s%.*s%s", site->version,
                                    place->model.len == 0 ? "models"
                                    : is_tuned            ? ""
                                                          : "models/",
                                    AIGW_STR_ARG(place->model), place->method);

    base = base.len > 0 ? wire_url_split(base, &query) : AIGW_STR("https://generativelanguage.googleapis.com");
    return path ? wire_url(host, ctx, base, path, pasted) : NULL;
}

const char *vertex_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                       aigw_str endpoint, aigw_str project, const struct vertex_place *place)
{
    static const char *const owners[] = { "google", NULL, "anthropic", "mistralai", NULL };
    const char *location, *root, *start;

    if (site->is_studio)
        return studio_url(host, ctx, site, endpoint.len > 0 ? endpoint : wire_str(site->base_url), place);
    location = location_of(site, place);
    root = root_of(host, ctx, site, project.len > 0 ? location : "global");
    if (!root)
        return NULL;
    if (project.len == 0)
        start = host->format(ctx, AIGW_LIFE_BUILD, "%s/%s", root, site->version);
    else
        start = host->format(ctx, AIGW_LIFE_BUILD, "%s/%s/projects/%.*s/locations/%s", root, site->version,
                             AIGW_STR_ARG(project), location);
    if (!start)
        return NULL;
    if (place->publisher == VERTEX_OPENAPI)
        return host->format(ctx, AIGW_LIFE_BUILD, "%s/endpoints/openapi/chat/completions", start);
    if (place->publisher == VERTEX_ENDPOINT)
        return host->format(ctx, AIGW_LIFE_BUILD, "%s/endpoints/%.*s%s", start, AIGW_STR_ARG(place->model),
                            place->method);
    return host->format(ctx, AIGW_LIFE_BUILD, "%s/publishers/%s/models/%.*s%s", start, owners[place->publisher],
                        AIGW_STR_ARG(place->model), place->method);
}

/* ---- a client's own bytes ---- */

/* The method of a client's path, with its query when that asks for SSE; NULL when there is none. */
static const char *method_of(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str path)
{
    const char *query = path.len > 0 ? memchr(path.ptr, '?', path.len) : NULL;
    aigw_str rest = query ? (aigw_str){ query, path.len - (size_t)(query - path.ptr) } : AIGW_STR_NONE;
    size_t end = query ? (size_t)(query - path.ptr) : path.len, at = end;

    while (at > 0 && isalpha((unsigned char)path.ptr[at - 1]))
        at--;
    if (at == 0 || at == end || path.ptr[at - 1] != ':')
        return NULL;
    return host->format(ctx, AIGW_LIFE_BUILD, ":%.*s%s", (int)(end - at), path.ptr + at,
                        wire_contains(rest, "alt=sse") ? "?alt=sse" : "");
}

/* /v1/projects/<p>/locations/<l>/publishers/<publisher>/models/<model>:<method>[?alt=sse] */
static bool split_path(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str path,
                       struct vertex_place *ret_place)
{
    aigw_str rest = path, part;

    if (!take(&rest, "/") || !take_part(&rest, '/', &part) || !take(&rest, "projects/") ||
        !take_part(&rest, '/', &part) || !take(&rest, "locations/") || !take_part(&rest, '/', &part) ||
        !take(&rest, "publishers/") || !take_part(&rest, '/', &part) || !take(&rest, "models/") ||
        !publisher_of(part, &ret_place->publisher) || ret_place->publisher == VERTEX_ENDPOINT ||
        !take_part(&rest, ':', &ret_place->model) || !is_name(ret_place->model, false))
        return false;
    ret_place->method = method_of(host, ctx, path);
    return ret_place->method != NULL;
}

/* By Vertex AI's path, which says it all. */
static aigw_status find_by_path(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                                struct vertex_place *ret_place)
{
    if (split_path(host, ctx, raw->path, ret_place))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_INVALID,
                      "the path is none of Vertex AI's: expected "
                      "/v1/projects/…/locations/…/publishers/…/models/…:method");
}

/* Of the Gemini API's path the method counts. */
static aigw_status find_gemini_method(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                                      struct vertex_place *ret_place)
{
    ret_place->method = raw->path.len > 0                 ? method_of(host, ctx, raw->path)
                        : (raw->flags & AIGW_RAWF_STREAM) ? ":streamGenerateContent?alt=sse"
                                                          : ":generateContent";
    if (ret_place->method)
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_UNSUPPORTED, "of the Gemini API only methods of models pass here");
}

aigw_status vertex_find(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                        aigw_str model, const struct aigw_model_request *req, struct vertex_place *ret_place)
{
    const struct aigw_raw *raw = req->raw;
    bool is_gemini = raw && wire_is(raw->dialect, GEMINI_DIALECT);
    bool is_claude = raw && wire_is(raw->dialect, ANTHROPIC_DIALECT) && !site->is_studio;
    aigw_status status = AIGW_OK;

    *ret_place = (struct vertex_place){ .publisher = VERTEX_GOOGLE, .method = "" };
    if (raw && wire_is(raw->dialect, VERTEX_DIALECT) && !site->is_studio)
        return find_by_path(host, ctx, raw, ret_place);
    if (raw && !is_gemini && !is_claude)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                          AIGW_STR_ARG(raw->dialect));
    if (is_gemini)
        status = find_gemini_method(host, ctx, raw, ret_place);
    if (status != AIGW_OK)
        return status;
    if (site->is_studio)
        return find_studio(host, ctx, model, ret_place);
    status = find_model(host, ctx, site->publisher, model, ret_place);
    if (status == AIGW_OK && raw &&
        (is_claude ? ret_place->publisher != VERTEX_ANTHROPIC : ret_place->publisher > VERTEX_ENDPOINT))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "this model does not speak the %s API",
                          is_claude ? "Anthropic" : "Gemini");
    return status;
}
