/* invoke.c - run a prompt: model and definition are found, rights checked, the model called, its events handed on.
 *
 * Order of the checks, which the contract sets: definition (400), custom endpoints (400), right (403), callable (422),
 * variables (422), then the model. */
#include <string.h>

#include "prompts.h"

static bool is_callable(const struct prompts *prompts, aigw_str id)
{
    for (size_t i = 0; i < prompts->not_callable.count; i++)
        if (strlen(prompts->not_callable.items[i]) == id.len && !memcmp(prompts->not_callable.items[i], id.ptr, id.len))
            return false;
    return true;
}

/** Render for a model, which may be unknown. */
static aigw_status render(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                          const struct aigw_model_info *model, struct aigw_prompt *ret_prompt)
{
    const struct aigw_prompt_query query = { .struct_size = sizeof query,
                                             .id = call->id,
                                             .version = call->request.version,
                                             .model = model,
                                             .inputs = call->request.inputs };

    *ret_prompt = (struct aigw_prompt){ .struct_size = sizeof *ret_prompt };
    return prompts->host->prompt(ctx, &query, ret_prompt);
}

/** A model of Amazon Q has a right of its own, whatever the prompt. */
static bool is_allowed(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                       const struct aigw_prompt *prompt)
{
    aigw_str provider = call->request.metadata.provider;
    char *scope;

    if (provider.len == sizeof "amazon_q" - 1 && memcmp(provider.ptr, "amazon_q", provider.len) == 0)
        return prompts->host->has_scope(ctx, "amazon_q_integration", 0) != 0;
    scope = prompts->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(prompt->scope));
    return scope && prompts->host->has_scope(ctx, scope, 0) != 0;
}

static aigw_status refuse_right(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call)
{
    prompts->host->respond_detail(ctx, 403, "Unauthorized to access '%.*s'", AIGW_STR_ARG(call->id));
    return AIGW_E_FORBIDDEN;
}

static aigw_status refuse_other_route(struct aigw_ctx *ctx, const struct prompts *prompts,
                                      const struct prompts_call *call)
{
    prompts->host->respond_detail(ctx, 422, "Prompt '%.*s' is not supported", AIGW_STR_ARG(call->id));
    return AIGW_E_UNSUPPORTED;
}

/** Finds and checks all that can be known before the model is asked. Not AIGW_OK: it was answered. */
static aigw_status prepare(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call)
{
    const struct aigw_host *host = prompts->host;
    struct aigw_error error;
    aigw_status found = model_metadata_resolve(host, ctx, &call->request.metadata, &call->model, &error);
    aigw_status status = render(ctx, prompts, call, found == AIGW_OK ? call->model : NULL, &call->prompt);

    if (status == AIGW_E_NOT_FOUND && is_callable(prompts, call->id)) {
        host->respond_detail(ctx, 400, "%s", host->last_error(ctx));
        return status;
    }
    if (status == AIGW_E_NOT_FOUND)
        return refuse_other_route(ctx, prompts, call);
    if (!call->prompt.scope.len) /* memory */
        return status < 0 ? status : AIGW_E_CONFIG;
    host->annotate(ctx, "meta.unit_primitive", call->prompt.scope);
    if (found < 0 && error.kind == AIGW_ERR_ENDPOINT) {
        prompts_refuse_model(ctx, prompts, call, &error);
        return found;
    }
    if (!is_allowed(ctx, prompts, call, &call->prompt))
        return refuse_right(ctx, prompts, call);
    if (!is_callable(prompts, call->id))
        return refuse_other_route(ctx, prompts, call);
    if (status == AIGW_E_INVALID) {
        host->respond_detail(ctx, 422, "%s", host->last_error(ctx));
        return status;
    }
    if (status == AIGW_OK && found < 0) {
        prompts_refuse_model(ctx, prompts, call, &error);
        return found;
    }
    return status;
}

aigw_status prompts_run(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call)
{
    const struct aigw_host *host = prompts->host;
    struct aigw_call_options options = { .struct_size = sizeof options };
    aigw_status status = prepare(ctx, prompts, call);

    if (status < 0)
        return status;
    if (call->request.stream && !(call->model->flags & AIGW_MODELF_STREAM_OFF)) {
        options.flags |= AIGW_CALLF_STREAM;
        if (call->version == PROMPTS_V2)
            call->line = host->buf_new(ctx, AIGW_LIFE_REQUEST, 6 * (size_t)prompts->answer_max + 4096);
    } else {
        call->text = host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)prompts->answer_max);
    }
    if (!call->text && !(options.flags & AIGW_CALLF_STREAM))
        return AIGW_E_NOMEM;
    if (!call->line && call->version == PROMPTS_V2 && options.flags & AIGW_CALLF_STREAM)
        return AIGW_E_NOMEM;
    call->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    return host->model_call(ctx, call->model, &options, &call->handle);
}

/** The prompt's parameters; of chat's tools with the operator's limit of the answer. NULL: out of memory. */
static const struct aigw_params *with_limit(struct aigw_ctx *ctx, const struct prompts *prompts,
                                            const struct prompts_call *call, const struct aigw_params *params)
{
    static const char chat[] = "chat/";
    aigw_str setting = prompts->host->setting(ctx, "models.chat_max_tokens");
    struct aigw_params *limited;
    int64_t limit = 0;

    for (size_t i = 0; i < setting.len && i < 18; i++)
        limit = limit * 10 + (setting.ptr[i] - '0');
    if (limit <= 0 || call->id.len < sizeof chat || memcmp(call->id.ptr, chat, sizeof chat - 1) != 0)
        return params;
    limited = prompts->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *limited);
    if (!limited)
        return NULL;
    *limited = *params;
    limited->set |= AIGW_PARAM_MAX_TOKENS;
    limited->max_tokens = limit;
    return limited;
}

aigw_status prompts_build(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                          const struct aigw_model_info *target, struct aigw_model_request *req)
{
    const struct aigw_host *host = prompts->host;
    struct aigw_prompt prompt = call->prompt; /* still good for a target that asks for the same */
    aigw_status status;

    if (target->families != call->model->families || target->defaults != call->model->defaults) {
        status = render(ctx, prompts, call, target, &prompt);
        if (status < 0)
            return host->respond_detail(ctx, 503, "%s", host->last_error(ctx));
        if (!is_allowed(ctx, prompts, call, &prompt)) {
            refuse_right(ctx, prompts, call);
            return AIGW_OK;
        }
    }
    if (!prompt.messages)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "prompt %.*s has no messages for this kind of model",
                          AIGW_STR_ARG(call->id));
    call->target_model = target->model;
    req->kind = AIGW_CALL_CHAT;
    req->messages = prompt.messages;
    req->params = with_limit(ctx, prompts, call, prompt.params);
    req->flags = prompt.flags;
    req->idle_timeout_ms = prompt.timeout_ms;
    return req->params ? AIGW_OK : AIGW_E_NOMEM;
}

static void note_usage(struct prompts_call *call, const struct aigw_usage *usage)
{
    if (usage->input >= 0)
        call->usage.input = usage->input;
    if (usage->output >= 0)
        call->usage.output = usage->output;
}

aigw_status prompts_event(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                          const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
        return prompts_begin(ctx, prompts, call);
    case AIGW_EVENT_TEXT:
        return prompts_text(ctx, prompts, call, event->text);
    case AIGW_EVENT_USAGE:
        note_usage(call, event->usage);
        return AIGW_OK;
    case AIGW_EVENT_ERROR:
        if (!call->did_begin)
            return prompts_refuse_model(ctx, prompts, call, event->error);
        prompts->host->stream_abort(ctx); /* a cut text must not look finished */
        return AIGW_OK;
    case AIGW_EVENT_END:
        return prompts_end(ctx, prompts, call);
    default:
        return AIGW_OK;
    }
}
