/* legacy.c - POST /v1/chat/{chat_invokable}: a prompt that the client prepared, answered as JSON or as a stream of
 * text. GitLabs before 17.10 use it, and administrators who try a model by hand. */
#include "../common/plain.h"
#include "duo_chat.h"

#include <stdio.h>

#define STREAM_TYPE "text/event-stream; charset=utf-8"
#define ANSWER_ROOM 4096u

/* What may be called, the right to it, and the part of GitLab that it belongs to. */
static const struct {
    const char *name, *scope, *category;
} invokables[] = {
    { "agent", "duo_chat", "duo_chat" },
    { "explain_code", "duo_chat", "duo_chat" },
    { "write_tests", "duo_chat", "duo_chat" },
    { "refactor_code", "duo_chat", "duo_chat" },
    { "explain_vulnerability", "explain_vulnerability", "vulnerability_management" },
    { "summarize_comments", "summarize_comments", "team_planning" },
    { "troubleshoot_job", "troubleshoot_job", "continuous_integration" },
};

aigw_status chat_legacy_check(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_request *request)
{
    return chat_check_body(chat, ctx, request, &chat_legacy_table, &legacy->request);
}

static void annotate(struct aigw_ctx *ctx, const struct duo_chat *chat, const char *name, const char *value)
{
    chat->host->annotate(ctx, name, (aigw_str){ value, strlen(value) });
}

static aigw_status permit(struct aigw_ctx *ctx, const struct duo_chat *chat, aigw_str name)
{
    for (size_t i = 0; i < sizeof invokables / sizeof *invokables; i++) {
        if (!chat_str_is(name, invokables[i].name))
            continue;
        annotate(ctx, chat, "meta.feature_category", invokables[i].category);
        annotate(ctx, chat, "meta.unit_primitive", invokables[i].scope);
        if (!chat->host->has_scope(ctx, invokables[i].scope, 0)) {
            chat->host->respond_detail(ctx, 403, "Unauthorized to access %s", invokables[i].scope);
            return AIGW_E_FORBIDDEN;
        }
        return chat_is_cut_off(chat, ctx) ? AIGW_E_FORBIDDEN : AIGW_OK;
    }
    chat->host->respond_detail(ctx, 404, "Not found");
    return AIGW_E_NOT_FOUND;
}

static const struct chat_component *component_of(const struct chat_legacy *legacy)
{
    return legacy->request.components.items;
}

static bool is_self_hosted(const struct chat_component *component)
{
    return chat_str_is(component->provider, "litellm") || component->endpoint.len || component->identifier.len;
}

static aigw_status find_model(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy)
{
    const struct chat_component *component = component_of(legacy);
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    aigw_status status;

    if (is_self_hosted(component)) {
        need.provider = component->provider;
        need.name = component->model;
        need.endpoint = component->endpoint;
        need.api_key = component->api_key;
        need.identifier = component->identifier;
    } else {
        need.model = component->model;
    }
    status = chat->host->model_resolve(ctx, &need, &legacy->model, &error);
    if (status < 0 && need.model.len && error.kind == AIGW_ERR_NO_MODEL) {
        need.model = AIGW_STR_NONE; /* conf.d does not know that name: the operator's choice for the feature */
        error = (struct aigw_error){ .struct_size = sizeof error, .retry_after_ms = -1 };
        status = chat->host->model_resolve(ctx, &need, &legacy->model, &error);
    }
    if (status < 0)
        chat->host->respond_model_error(ctx, &error);
    return status;
}

aigw_status chat_legacy_run(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                            const struct aigw_request *request)
{
    const struct chat_component *component = component_of(legacy);
    struct aigw_call_options options = { .struct_size = sizeof options };
    aigw_status status = permit(ctx, chat, request->path_param);

    if (status == AIGW_OK)
        status = find_model(ctx, chat, legacy);
    if (status == AIGW_OK)
        status = chat_keep(chat, ctx, component->provider, &legacy->provider);
    if (status == AIGW_OK)
        status = chat_keep(chat, ctx, component->model, &legacy->name);
    if (status < 0)
        return status;
    legacy->is_stream = legacy->request.is_stream;
    legacy->is_vendor = !is_self_hosted(component);
    if (legacy->is_stream && !(legacy->model->flags & AIGW_MODELF_STREAM_OFF)) {
        options.flags = AIGW_CALLF_STREAM;
    } else {
        legacy->text = chat->host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)chat->answer_max);
        if (!legacy->text)
            return AIGW_E_NOMEM;
    }
    return chat->host->model_call(ctx, legacy->model, &options, &legacy->handle);
}

/* ---- the request ---- */

static uint32_t role_of(aigw_str role)
{
    if (chat_str_is(role, "system"))
        return AIGW_ROLE_SYSTEM;
    return chat_str_is(role, "assistant") ? AIGW_ROLE_ASSISTANT : AIGW_ROLE_USER;
}

static aigw_status make_messages(struct aigw_ctx *ctx, const struct aigw_host *host,
                                 const struct chat_component *component, struct aigw_model_request *req)
{
    const struct chat_legacy_message whole = { AIGW_STR_INIT("user"), component->content };
    const struct chat_legacy_message *items = component->content.ptr ? &whole : component->messages.items;
    size_t count = component->content.ptr ? 1 : component->messages.count;
    struct aigw_message *messages = host->alloc(ctx, AIGW_LIFE_BUILD, count * sizeof *messages);
    struct aigw_part *parts = host->alloc(ctx, AIGW_LIFE_BUILD, count * sizeof *parts);

    if (!messages || !parts)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct aigw_part){ .struct_size = sizeof *parts, .type = AIGW_PART_TEXT, .text = items[i].content };
        messages[i] = (struct aigw_message){ .struct_size = sizeof *messages,
                                             .role = role_of(items[i].role),
                                             .next = i + 1 < count ? &messages[i + 1] : NULL,
                                             .parts = &parts[i] };
    }
    req->messages = messages;
    if (messages[count - 1].role == AIGW_ROLE_ASSISTANT)
        req->flags |= AIGW_REQF_PREFILL;
    return AIGW_OK;
}

/** Self-hosted models are asked with fixed numbers, whatever the client says; others with the client's. */
static void set_params(const struct chat_component *component, struct aigw_params *params)
{
    static const aigw_str default_stops[] = { AIGW_STR_INIT("\n\nHuman"), AIGW_STR_INIT("Observation:") };

    params->set |= AIGW_PARAM_TEMPERATURE | AIGW_PARAM_MAX_TOKENS;
    if (is_self_hosted(component)) {
        params->set |= AIGW_PARAM_TOP_P;
        params->temperature = 0.2;
        params->top_p = 0.95;
        params->max_tokens = 2048;
        return;
    }
    params->temperature = component->given & CHAT_GIVEN_PARAMS ? component->temperature : 0.2;
    params->max_tokens =
        component->given & CHAT_GIVEN_PARAMS && component->max_tokens < 4096 ? component->max_tokens : 4096;
    params->stop = default_stops;
    params->stop_count = sizeof default_stops / sizeof *default_stops;
    if (component->stops.count) {
        params->stop = component->stops.items;
        params->stop_count = (uint32_t)component->stops.count;
    }
}

aigw_status chat_legacy_build(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_model_info *target, struct aigw_model_request *req)
{
    const struct chat_component *component = component_of(legacy);
    struct aigw_params *params = chat->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *params);

    if (!params)
        return AIGW_E_NOMEM;
    *params = (struct aigw_params){ .struct_size = sizeof *params };
    if (target->defaults)
        *params = *target->defaults;
    set_params(component, params);
    req->kind = AIGW_CALL_CHAT;
    req->params = params;
    req->idle_timeout_ms = chat_core_number(chat, ctx, "models.chat_timeout_ms", 0);
    return make_messages(ctx, chat->host, component, req);
}

/* ---- the answer ---- */

static aigw_status begin(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy)
{
    if (legacy->text || legacy->reply != CHAT_REPLY_NONE)
        return AIGW_OK;
    legacy->reply = CHAT_REPLY_OPEN;
    return chat->host->stream_begin(ctx, 200, STREAM_TYPE, NULL, 0);
}

static aigw_status on_text(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy, aigw_str text)
{
    aigw_status status = begin(ctx, chat, legacy);

    if (status < 0 || !text.len)
        return status;
    if (!legacy->text)
        return plain_write(chat->host, ctx, text);
    legacy->text_len += text.len;
    if (legacy->text_len > (size_t)chat->answer_max) {
        legacy->reply = CHAT_REPLY_OVER;
        chat->host->model_cancel(ctx, legacy->handle);
        return chat->host->respond_detail(ctx, 503, "%.*s: the answer is larger than answer_max (%lld bytes)",
                                          AIGW_STR_ARG(legacy->model->name), (long long)chat->answer_max);
    }
    chat->host->buf_put(legacy->text, text.ptr, text.len);
    return AIGW_OK;
}

static void put_text_or_null(const struct aigw_host *host, struct aigw_buf *out, aigw_str text)
{
    if (text.ptr)
        host->buf_json(out, text);
    else
        host->buf_put(out, "null", 4);
}

static aigw_status answer_json(struct aigw_ctx *ctx, const struct duo_chat *chat, const struct chat_legacy *legacy,
                               aigw_str text)
{
    const struct aigw_host *host = chat->host;
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)chat->answer_max * 6 + ANSWER_ROOM * 6);
    aigw_str view;
    aigw_status status;

    if (!out)
        return AIGW_E_NOMEM;
    host->buf_printf(out, "{\"response\":");
    host->buf_json(out, text);
    host->buf_printf(out, ",\"metadata\":{\"provider\":");
    put_text_or_null(host, out, legacy->provider);
    host->buf_printf(out, ",\"model\":");
    put_text_or_null(host, out, legacy->name);
    host->buf_printf(out, ",\"timestamp\":%lld}}", (long long)host->time_s(ctx));
    status = host->buf_view(out, &view);
    return status == AIGW_OK ? host->respond(ctx, 200, NULL, view, NULL, 0) : status;
}

static aigw_status on_end(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy)
{
    aigw_str text = AIGW_STR_NONE;
    aigw_status status = begin(ctx, chat, legacy);

    legacy->reply = CHAT_REPLY_OVER;
    if (status < 0)
        return status;
    if (!legacy->text)
        return chat->host->stream_end(ctx);
    status = chat->host->buf_view(legacy->text, &text);
    if (status < 0)
        return chat->host->fail(ctx, status, "out of memory collecting the model's answer");
    if (legacy->is_stream) /* whole text in one piece */
        return chat->host->respond(ctx, 200, STREAM_TYPE, text, NULL, 0);
    return answer_json(ctx, chat, legacy, text);
}

/** A vendor's failure has words of its own on this route. */
static aigw_status answer_vendor_error(struct aigw_ctx *ctx, const struct aigw_host *host,
                                       const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_TIMEOUT:
        return host->respond_detail(ctx, 504, "Anthropic API Timeout Error.");
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
    case AIGW_ERR_CUT:
        return host->respond_detail(ctx, 502, "Anthropic API Connection Error.");
    default:
        if (error->http_status)
            return host->respond_detail(ctx, 502, "Anthropic API Status Error.");
        return host->respond_model_error(ctx, error);
    }
}

static aigw_status on_error(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                            const struct aigw_error *error)
{
    bool is_open = legacy->reply == CHAT_REPLY_OPEN;

    legacy->reply = CHAT_REPLY_OVER;
    if (is_open) {
        chat->host->stream_abort(ctx); /* a cut text must not look finished */
        return AIGW_OK;
    }
    if (legacy->is_vendor)
        return answer_vendor_error(ctx, chat->host, error);
    return chat->host->respond_model_error(ctx, error);
}

aigw_status chat_legacy_event(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_event *event)
{
    if (legacy->reply == CHAT_REPLY_OVER)
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
        return begin(ctx, chat, legacy);
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REFUSAL:
        return on_text(ctx, chat, legacy, event->text);
    case AIGW_EVENT_ERROR:
        return on_error(ctx, chat, legacy, event->error);
    case AIGW_EVENT_END:
        return on_end(ctx, chat, legacy);
    default:
        return AIGW_OK;
    }
}
