/* plugin.c - feature plugin for the paths that clients of OpenAI's, Anthropic's and Google's API share, told apart by
 * what else they send: the list of models, those of conf.d that the caller's key may use; and what nobody serves.
 * State: struct models_api, one per conf.d group. Static are tables only.
 */
#include "../../dialects/anthropic/anthropic_server.h"
#include "../../dialects/gemini/gemini_server.h"
#include "../../dialects/openai/openai_server.h"
#include "../common/client_api.h"

#include <string.h>

#define BY_HEADER 0u /* tags of routes: who asks */
#define OPENAI    1u
#define ANTHROPIC 2u
#define GEMINI    3u

struct models_api {
    const struct aigw_host *host;
};

#define ROUTE(route_path, route_tag, route_summary) \
    { \
        .method = "GET", .path = (route_path), .tag = (route_tag), .flags = AIGW_ROUTEF_NO_BODY, \
        .category = "client_api", .summary = (route_summary), .group = "models", .callers = AIGW_CALLER_KEY, \
        .key_first = (route_tag) == ANTHROPIC ? AIGW_KEY_FIRST_USUAL \
                     : (route_tag) == GEMINI  ? AIGW_KEY_FIRST_GOOG \
                                              : AIGW_KEY_FIRST_BEARER \
    }

#define ROUTES(route_path, route_tag) \
    ROUTE(route_path, route_tag, "Models that this key may use"), \
        ROUTE(route_path "/{model:path}", route_tag, "One of them")

#define CLAIM(claim_path, claim_callers) \
    CLIENT_CLAIM(claim_path, "models", claim_callers, BY_HEADER, AIGW_KEY_FIRST_BEARER)

static const struct aigw_route routes[] = {
    ROUTES("/v1/models", BY_HEADER),
    ROUTES("/models", OPENAI),
    ROUTES("/v1/v1/models", BY_HEADER),
    ROUTES("/openai/v1/models", OPENAI),
    ROUTES("/openai/models", OPENAI),
    ROUTES("/anthropic/v1/models", ANTHROPIC),
    ROUTES("/v1beta/models", GEMINI),
    ROUTES("/v1alpha/models", GEMINI),
    ROUTES("/v1beta/v1beta/models", GEMINI),
    ROUTES("/gemini/v1/models", GEMINI),
    ROUTES("/gemini/v1beta/models", GEMINI),
    ROUTES("/gemini/v1alpha/models", GEMINI),
    /* what several vendors have and nobody serves; GitLab's clients hear of it in GitLab's words */
    CLAIM("/", AIGW_CALLER_GITLAB),
    CLAIM("/v1/models", 0),
    CLAIM("/v1/files", 0),
    CLAIM("/v1/skills", 0),
    CLAIM("/v1/v1", 0),
};

static aigw_status models_api_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct models_api *)self)->host = host;
    return AIGW_OK;
}

/* ---- who asks ---- */

static aigw_str query_value(aigw_str query, const char *name)
{
    size_t len = strlen(name);

    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        size_t part = end ? (size_t)(end - query.ptr) : query.len;

        if (part > len && memcmp(query.ptr, name, len) == 0 && query.ptr[len] == '=')
            return (aigw_str){ query.ptr + len + 1, part - len - 1 };
        query = end ? (aigw_str){ end + 1, query.len - part - 1 } : AIGW_STR_NONE;
    }
    return AIGW_STR_NONE;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* A name in the query: / : and @ come as %XX. What is no %XX stays. */
static aigw_str query_name(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str query, const char *name)
{
    aigw_str value = query_value(query, name);
    char *text = value.len > 0 ? host->alloc(ctx, AIGW_LIFE_REQUEST, value.len) : NULL;
    size_t len = 0;

    for (size_t i = 0; text && i < value.len; i++) {
        int high = i + 2 < value.len ? digit_of(value.ptr[i + 1]) : -1,
            low = high < 0 ? -1 : digit_of(value.ptr[i + 2]);
        bool is_coded = value.ptr[i] == '%' && low >= 0;

        text[len++] = is_coded ? (char)(high * 16 + low) : value.ptr[i];
        i += is_coded ? 2 : 0;
    }
    return text ? (aigw_str){ text, len } : value;
}

static uint32_t asker_of(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_request *request)
{
    if (request->route->tag != BY_HEADER)
        return request->route->tag;
    if (host->header(ctx, "x-goog-api-key").len > 0 || host->header(ctx, "x-goog-api-client").len > 0 ||
        query_value(request->query, "pageSize").len > 0 || query_value(request->query, "pageToken").len > 0)
        return GEMINI;
    if (host->header(ctx, "anthropic-version").len > 0 || host->header(ctx, "anthropic-beta").len > 0 ||
        wire_has_prefix(host->header(ctx, "user-agent"), "claude-code/"))
        return ANTHROPIC;
    return OPENAI;
}

/* ---- one model ---- */

static int64_t window_of(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name)
{
    struct aigw_need need = { .struct_size = sizeof need, .model = name };
    struct aigw_error error = { .struct_size = sizeof error };
    const struct aigw_model_info *info;

    return host->model_resolve(ctx, &need, &info, &error) == AIGW_OK ? info->max_context_tokens : 0;
}

/* What is called by an alias of a pattern's, which no list names. */
static bool leads_somewhere(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name)
{
    struct aigw_need need = { .struct_size = sizeof need, .model = name };
    struct aigw_error error = { .struct_size = sizeof error };
    const struct aigw_model_info *info;

    return host->model_resolve(ctx, &need, &info, &error) == AIGW_OK;
}

static void put_openai(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *buf, const aigw_str *names,
                       uint32_t count, bool is_list)
{
    struct openai_model *models = host->alloc(ctx, AIGW_LIFE_REQUEST, (count + 1) * sizeof *models);

    for (uint32_t i = 0; models && i < count; i++)
        models[i] = (struct openai_model){ .id = names[i],
                                           .owned_by = AIGW_STR("aigw"),
                                           .max_context_tokens = window_of(host, ctx, names[i]) };
    if (models && is_list)
        openai_put_models(host, buf, models, count);
    else if (models)
        openai_put_model(host, buf, models);
}

/* ---- the list ---- */

/* 0: absent, or no number. */
static long number_of(aigw_str text)
{
    long number = 0;

    for (size_t i = 0; i < text.len && i < 6 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return number;
}

static void put_anthropic(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *buf,
                          const aigw_str *names, uint32_t count, bool is_list, aigw_str query)
{
    struct anthropic_model *models = host->alloc(ctx, AIGW_LIFE_REQUEST, (count + 1) * sizeof *models);
    struct anthropic_page page = { .before_id = query_name(host, ctx, query, "before_id"),
                                   .after_id = query_name(host, ctx, query, "after_id"),
                                   .limit = (uint32_t)number_of(query_value(query, "limit")) };

    for (uint32_t i = 0; models && i < count; i++)
        models[i] = (struct anthropic_model){ .id = names[i], .max_input_tokens = window_of(host, ctx, names[i]) };
    if (models && is_list)
        anthropic_write_models(host, buf, models, count, &page);
    else if (models)
        anthropic_write_model(host, buf, models);
}

static void put_gemini_model(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *buf, aigw_str name)
{
    int64_t window = window_of(host, ctx, name);

    host->buf_printf(buf, "{\"name\":\"models/%.*s\",\"displayName\":", AIGW_STR_ARG(name));
    host->buf_json(buf, name);
    if (window > 0)
        host->buf_printf(buf, ",\"inputTokenLimit\":%lld", (long long)window);
    host->buf_printf(buf, ",\"version\":\"1\",\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}");
}

/* Without a size all of them are one page. The token is the number of the model that comes next. */
static void put_gemini(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *buf, const aigw_str *names,
                       uint32_t count, aigw_str query)
{
    uint32_t first = (uint32_t)number_of(query_value(query, "pageToken"));
    uint32_t size = (uint32_t)number_of(query_value(query, "pageSize")), end = count;

    if (first > count)
        first = count;
    if (size > 0 && size < count - first)
        end = first + size;
    host->buf_printf(buf, "{\"models\":[");
    for (uint32_t i = first; i < end; i++) {
        host->buf_put(buf, ",", i > first);
        put_gemini_model(host, ctx, buf, names[i]);
    }
    if (end < count)
        host->buf_printf(buf, "],\"nextPageToken\":\"%u\"}", end);
    else
        host->buf_printf(buf, "]}");
}

/* ---- answers ---- */

/* A failure in the words of whoever asks. The buffer is empty. */
static aigw_status refuse(struct aigw_ctx *ctx, struct client_answer *answer, const struct aigw_request *request,
                          int32_t status, const struct openai_error *error, aigw_str message, int64_t retry_after_ms)
{
    struct anthropic_refusal anthropic;
    struct gemini_refusal gemini;

    switch (asker_of(answer->host, ctx, request)) {
    case ANTHROPIC:
        anthropic_refuse_status(status, message, &anthropic);
        anthropic_write_refusal(answer->host, answer->buf, &anthropic, request->id);
        break;
    case GEMINI:
        gemini_refuse_status(status, message, &gemini);
        gemini.retry_after_ms = retry_after_ms;
        gemini_write_refusal(answer->host, answer->buf, &gemini);
        break;
    default:
        openai_put_error(answer->host, answer->buf, error, message);
    }
    return client_answer_refuse(answer, ctx, (uint32_t)status, error->retry, retry_after_ms);
}

/* Anthropic's clients look for "model: x". */
static aigw_status refuse_unknown(struct aigw_ctx *ctx, struct client_answer *answer,
                                  const struct aigw_request *request)
{
    static const struct openai_error unknown = { .type = "invalid_request_error",
                                                 .code = AIGW_STR_INIT("model_not_found"),
                                                 .param = AIGW_STR_INIT("model"),
                                                 .retry = AIGW_NO };
    const char *text = answer->host->format(ctx, AIGW_LIFE_REQUEST, "model: %.*s (there is no such model for this key)",
                                            AIGW_STR_ARG(request->path_param));

    return refuse(ctx, answer, request, 404, &unknown, text ? wire_str(text) : AIGW_STR("no such model"), -1);
}

static aigw_status models_api_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct aigw_host *host = ((struct models_api *)self)->host;
    struct client_answer answer = { .host = host };
    uint32_t asker = asker_of(host, ctx, request);
    aigw_str wanted = asker == GEMINI ? gemini_model_name(request->path_param) : request->path_param;
    bool is_list = request->path_param.len == 0;
    aigw_status status = client_answer_begin(&answer, host, ctx, false, NULL);
    const aigw_str *names;
    uint32_t count;

    (void)state;
    if (status != AIGW_OK)
        return status;
    names = host->model_names(ctx, &count);
    if (!names)
        return AIGW_E_NOMEM;
    while (!is_list && count > 0 && (names->len != wanted.len || memcmp(names->ptr, wanted.ptr, wanted.len) != 0)) {
        names++;
        count--;
    }
    if (!is_list && count == 0) {
        if (!leads_somewhere(host, ctx, wanted))
            return refuse_unknown(ctx, &answer, request);
        names = &wanted;
    }
    if (!is_list)
        count = 1;
    switch (asker) {
    case ANTHROPIC:
        put_anthropic(host, ctx, answer.buf, names, count, is_list, request->query);
        break;
    case GEMINI:
        if (is_list)
            put_gemini(host, ctx, answer.buf, names, count, request->query);
        else
            put_gemini_model(host, ctx, answer.buf, *names);
        break;
    default:
        put_openai(host, ctx, answer.buf, names, count, is_list);
    }
    return client_answer_end(&answer, ctx);
}

/* Which paths there are for whoever asks. */
static const char *served_for(uint32_t asker)
{
    return asker == ANTHROPIC ? CLIENT_NO_ANTHROPIC_PATH
           : asker == GEMINI  ? CLIENT_NO_GEMINI_PATH
                              : CLIENT_NO_OPENAI_PATH;
}

/* Google's verbs stand behind the model: to post one that nobody serves is to ask for another path. */
static bool is_verb(const struct aigw_request *request, const struct aigw_refusal *refusal)
{
    return refusal->kind == AIGW_REFUSE_METHOD && request->route->tag == GEMINI &&
           memchr(request->path.ptr, ':', request->path.len);
}

static aigw_status on_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                             const struct aigw_refusal *given)
{
    const struct aigw_host *host = ((struct models_api *)self)->host;
    const struct aigw_refusal no_path = { .kind = AIGW_REFUSE_PATH, .http_status = 404, .retry_after_s = -1 };
    const struct aigw_refusal *refusal = is_verb(request, given) ? &no_path : given;
    struct client_answer answer = { .host = host };
    aigw_status status = client_answer_begin(&answer, host, ctx, false, NULL);
    struct openai_error error;

    if (status != AIGW_OK)
        return status;
    openai_error_of_refusal(refusal->kind, &error);
    return refuse(ctx, &answer, request, refusal->http_status, &error,
                  client_refusal_text(refusal, served_for(asker_of(host, ctx, request))),
                  refusal->retry_after_s >= 0 ? refusal->retry_after_s * 1000 : -1);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .open = models_api_open,
    .run = models_api_run,
    .refuse = on_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "models_api", .version = "0.2.0",
            .summary = "the list of models, for clients of OpenAI's, Anthropic's and Google's APIs",
            .state_size = sizeof(struct models_api), .feature = &ops);
