/* common.c - what every code route does before the model is called: read the body, check the rights that are not the
 * route's, find language and model. */
#include "code_suggestions.h"

#include <string.h>

#include "../common/model_fault.h"
#include "components.h"
#include "language.h"

#define PIECE_MAX   ((size_t)32 << 20) /* as much as a frame of a model may hold */
#define SHOWN(text) ((text).len ? (text) : AIGW_STR("unknown"))

/* ---- the body ---- */

static aigw_status check_body(const struct cs *cs, struct aigw_ctx *ctx, const struct aigw_request *request,
                              const struct aigw_body_table *table, void *ret)
{
    return aigw_body_of_request(cs->host, ctx, request, table, AIGW_JSON_NAN, model_fault_refuse, (void *)cs->host,
                                ret);
}

aigw_status cs_check(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                     const struct aigw_request *request)
{
    struct aigw_host_memory from = { cs->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct cs_components components;
    aigw_status status;

    call->cs = cs;
    call->route = (enum cs_route)request->route->tag;
    if (call->route == CS_ROUTE_COMPLETIONS)
        return check_body(cs, ctx, request, &cs_completion_table, &call->request);
    if (call->route == CS_ROUTE_GENERATIONS)
        return check_body(cs, ctx, request, &cs_generation_table, &call->request);
    status = check_body(cs, ctx, request, &cs_components_table, &components);
    if (status < 0)
        return status;
    return cs_components_read(&components, cs->host->header(ctx, "X-Gitlab-Language-Server-Version"), &memory,
                              &call->request);
}

/* ---- the model ---- */

/** Names that older GitLabs use for models of today. */
static aigw_str current_name(const struct cs_model *wanted)
{
    static const struct {
        const char *provider, *name, *now;
    } table[] = {
        { "vertex-ai", "codestral-2501", "codestral_2508_vertex" },
        { "vertex-ai", "codestral-2508", "codestral_2508_vertex" },
        { "fireworks_ai", "codestral-2501", "codestral_2501_fireworks" },
        { "fireworks_ai", "codestral-2508", "codestral_2508_fireworks" },
        { "anthropic", "claude-sonnet-4-20250514", "claude_sonnet_4_5_20250929" },
        { "anthropic", "claude-sonnet-4-5-20250929", "claude_sonnet_4_5_20250929" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cs_str_is(wanted->provider, table[i].provider) && cs_str_is(wanted->name, table[i].name))
            return (aigw_str){ table[i].now, strlen(table[i].now) };
    return wanted->name;
}

/** The model that the request, or else conf.d, names. Not AIGW_OK: it was answered already. */
static aigw_status find_model(const struct cs *cs, struct aigw_ctx *ctx, const struct cs_model *wanted,
                              const struct aigw_model_info **ret_info)
{
    const struct aigw_host *host = cs->host;
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    aigw_status status;

    if (cs_str_is(wanted->provider, "amazon_q")) {
        host->respond_detail(ctx, 422,
                             "model provider amazon_q is not served by this gateway; assign a self-hosted "
                             "model to the feature in GitLab");
        return AIGW_E_UNSUPPORTED;
    }
    if (wanted->is_adhoc) {
        need.provider = wanted->provider;
        need.name = wanted->name;
        need.endpoint = wanted->endpoint;
        need.api_key = wanted->api_key;
        need.identifier = wanted->identifier;
    } else {
        need.model = current_name(wanted);
    }
    status = host->model_resolve(ctx, &need, ret_info, &error);
    if (status < 0 && need.model.len && error.kind == AIGW_ERR_NO_MODEL) {
        /* A name that GitLab manages and conf.d does not know: the operator's default for the feature. */
        need.model = AIGW_STR_NONE;
        error = (struct aigw_error){ .struct_size = sizeof error, .retry_after_ms = -1 };
        status = host->model_resolve(ctx, &need, ret_info, &error);
    }
    if (status < 0)
        host->respond_model_error(ctx, &error);
    return status;
}

/* ---- what language ---- */

static bool lower_copy(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret)
{
    char *copy = host->alloc(ctx, AIGW_LIFE_BUILD, text.len + 1);

    if (!copy)
        return false;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A') : text.ptr[i]);
    *ret = (aigw_str){ copy, text.len };
    return true;
}

/** Sets call->language and counts it; call->spoken is what the model is told, empty when nothing is known. */
static aigw_status find_language(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    const struct cs_request *request = &call->request;
    aigw_str extension = cs_extension(request->file_name), editor = request->language_identifier, spoken;
    const struct cs_language *by_extension = cs_language_of_extension(extension);
    const struct cs_language *by_editor = cs_language_of_editor(editor);
    const struct cs_language *language = by_extension ? by_extension : by_editor;
    aigw_str labels[3] = { AIGW_STR_NONE };

    call->language = language ? language->name : "";
    if (editor.len)
        spoken = editor;
    else if (language)
        spoken = (aigw_str){ language->grammar, strlen(language->grammar) };
    else
        spoken = extension;
    /* Only known words become labels: clients must not be able to grow the metrics without end. */
    labels[0] = SHOWN(((aigw_str){ call->language, strlen(call->language) }));
    labels[1] = by_extension ? extension : AIGW_STR("unknown");
    labels[2] = by_editor ? editor : AIGW_STR("unknown");
    cs->host->count(ctx, CS_METRIC_LANGUAGE, labels, 1);
    return lower_copy(cs->host, ctx, spoken, &call->spoken) ? AIGW_OK : AIGW_E_NOMEM;
}

/* ---- the call ---- */

aigw_status cs_refuse(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call)
{
    static const char *const what[] = {
        [CS_ROUTE_COMPLETIONS] = "completions",
        [CS_ROUTE_GENERATIONS] = "generations",
        [CS_ROUTE_V3] = "suggestions",
        [CS_ROUTE_V4] = "suggestions",
    };

    cs->host->respond_detail(ctx, 403, "Unauthorized to access code %s", what[call->route]);
    return AIGW_E_UNSUPPORTED;
}

/** On the v3 and v4 routes the first component decides which right is needed, and tokens that this gateway issued have
 *  none. Not AIGW_OK: it was answered. */
static aigw_status check_rights(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call)
{
    const char *scope = call->request.kind == CS_GENERATION ? "generate_code" : "complete_code";

    if (call->route == CS_ROUTE_COMPLETIONS || call->route == CS_ROUTE_GENERATIONS)
        return AIGW_OK;
    if (cs_str_is(call->request.model.provider, "amazon_q"))
        scope = "amazon_q_integration";
    cs->host->annotate(ctx, "meta.unit_primitive", (aigw_str){ scope, strlen(scope) });
    if (cs->host->has_scope(ctx, scope, AIGW_SCOPEF_NO_USER_TOKEN))
        return AIGW_OK;
    return cs_refuse(ctx, cs, call);
}

static aigw_status call_model(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    bool passes_on = call->request.stream && !(call->model->flags & AIGW_MODELF_STREAM_OFF);
    const struct aigw_call_options options = {
        .struct_size = sizeof options,
        /* A whole new piece of code is compared with what stands above it. */
        .flags = passes_on                             ? AIGW_CALLF_STREAM
                 : call->request.kind == CS_GENERATION ? AIGW_CALLF_KEEP_BODY
                                                       : 0,
    };

    aigw_status status;

    call->usage.input_tokens = call->usage.output_tokens = -1;
    call->piece = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, PIECE_MAX);
    if (!passes_on)
        call->text = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)cs->answer_max);
    if (!call->piece || (!passes_on && !call->text))
        return AIGW_E_NOMEM;
    status = cs->host->model_call(ctx, call->model, &options, &call->handle);
    if (status < 0 || passes_on || cs->answer_ms == 0)
        return status;
    return cs->host->timer_set(ctx, &call->patience, cs->answer_ms, cs_is_late, call);
}

aigw_status cs_run(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    aigw_status status = check_rights(ctx, cs, call);

    if (status == AIGW_OK)
        status = find_language(ctx, cs, call);
    if (status == AIGW_OK)
        status = find_model(cs, ctx, &call->request.model, &call->model);
    if (status < 0)
        return status;
    if (!call->spoken.len) /* D44: neither the name nor the editor says what this file is: no suggestion */
        return cs_answer_json(ctx, cs, call, AIGW_STR_NONE);
    return call_model(ctx, cs, call);
}
