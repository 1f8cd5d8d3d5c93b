/* build.c - the request for one target: what completions and generations share. */
#include "code_suggestions.h"

#include <string.h>

#include "truncate.h"

#define PROMPT_RESERVE_TOKENS 256 /* the template's own text and the answer need room too */
#define STOPS_MAX             32u

int64_t cs_budget(const struct cs *cs, const struct aigw_model_info *target)
{
    int64_t budget = target->max_context_tokens ? target->max_context_tokens : cs->default_context_tokens;

    return budget - (budget / 16 < PROMPT_RESERVE_TOKENS ? budget / 16 : PROMPT_RESERVE_TOKENS);
}

aigw_status cs_join_context(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, int64_t tokens,
                            aigw_str tail, aigw_str *ret_text)
{
    const struct cs_context *items = call->request.context.items;
    size_t room = cs_bytes_of(tokens), count = call->request.context.count, total, at = 0, used;
    char *text;

    *ret_text = tail;
    if (!count)
        return AIGW_OK;
    total = count - 1;
    for (size_t i = 0; i < count; i++)
        total += items[i].content.len;
    call->usage.context_sent = cs_tokens_of(total);
    used = total < room ? total : room;
    if (!used)
        return AIGW_OK;
    text = cs->host->alloc(ctx, AIGW_LIFE_BUILD, used + 1 + tail.len);
    if (!text)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count && at < used; i++) {
        aigw_str whole = items[i].content, content;

        if (i > 0)
            text[at++] = '\n';
        content = cs_keep_start(whole, used - at);
        if (content.len)
            memcpy(text + at, content.ptr, content.len);
        at += content.len;
        if (content.len < whole.len)
            break; /* cut inside this one */
    }
    call->usage.context_used = cs_tokens_of(at);
    text[at++] = '\n';
    if (tail.len)
        memcpy(text + at, tail.ptr, tail.len);
    *ret_text = (aigw_str){ text, at + tail.len };
    return AIGW_OK;
}

/** What of a prompt is needed while the model answers: its memory is gone by then. */
static aigw_status keep(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                        const struct aigw_prompt *prompt)
{
    const struct aigw_params *params = prompt->params;
    uint32_t count = params->stop_count < STOPS_MAX ? params->stop_count : STOPS_MAX;
    size_t size = count * sizeof(aigw_str) + prompt->title.len;
    aigw_str *stops;
    char *text;

    for (uint32_t i = 0; i < count; i++)
        size += params->stop[i].len;
    stops = cs->host->alloc(ctx, AIGW_LIFE_REQUEST, size + 1);
    if (!stops)
        return AIGW_E_NOMEM;
    text = (char *)(stops + count);
    for (uint32_t i = 0; i < count; i++) {
        if (params->stop[i].len)
            memcpy(text, params->stop[i].ptr, params->stop[i].len);
        stops[i] = (aigw_str){ text, params->stop[i].len };
        text += params->stop[i].len;
    }
    if (prompt->title.len)
        memcpy(text, prompt->title.ptr, prompt->title.len);
    call->title = (aigw_str){ text, prompt->title.len };
    cs_clean_answer(call, stops, count);
    return AIGW_OK;
}

/* A request may name prompts that other features use, which have rights of their own. */
static bool may_use(struct aigw_ctx *ctx, const struct cs *cs, const struct aigw_prompt *prompt)
{
    char scope[128];

    if (!prompt->scope.len)
        return true;
    if (prompt->scope.len >= sizeof scope)
        return false;
    memcpy(scope, prompt->scope.ptr, prompt->scope.len);
    scope[prompt->scope.len] = '\0';
    return cs->host->has_scope(ctx, scope, 0) != 0;
}

/* A prompt or version that GitLab does not always name. */
static bool is_clients_choice(const struct cs *cs, const struct cs_request *request)
{
    return (request->prompt_id.len && !cs_str_is(request->prompt_id, cs->generations_prompt)) ||
           (request->prompt_version.len && !cs_str_is(request->prompt_version, "^1.0.0"));
}

aigw_status cs_use_prompt(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                          const struct aigw_prompt_query *query, struct aigw_model_request *req)
{
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    aigw_status status = cs->host->prompt(ctx, query, &prompt);

    if (status < 0) { /* the client's choice, or the operator's prompts are at fault: say which, in JSON */
        cs->host->respond_detail(ctx, is_clients_choice(cs, &call->request) ? 422 : 503, "%s",
                                 cs->host->last_error(ctx));
        return status;
    }
    if (!may_use(ctx, cs, &prompt))
        return cs_refuse(ctx, cs, call);
    req->kind = AIGW_CALL_CHAT;
    req->params = prompt.params;
    req->flags = prompt.flags;
    req->messages = prompt.messages;
    req->idle_timeout_ms = prompt.timeout_ms;
    call->max_tokens = prompt.params->set & AIGW_PARAM_MAX_TOKENS ? prompt.params->max_tokens : 0;
    return keep(ctx, cs, call, &prompt);
}

aigw_status cs_use_messages(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
                            struct aigw_model_request *req)
{
    const struct cs_message *items = call->request.messages.items;
    size_t count = call->request.messages.count;
    struct aigw_message *messages = cs->host->alloc(ctx, AIGW_LIFE_BUILD, count * sizeof *messages);
    struct aigw_part *parts = cs->host->alloc(ctx, AIGW_LIFE_BUILD, count * sizeof *parts);

    if (!messages || !parts)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        char first = items[i].role.ptr[0];

        parts[i] = (struct aigw_part){ .struct_size = sizeof *parts, .type = AIGW_PART_TEXT, .text = items[i].content };
        messages[i] = (struct aigw_message){ .struct_size = sizeof *messages,
                                             .role = first == 's'   ? AIGW_ROLE_SYSTEM
                                                     : first == 'a' ? AIGW_ROLE_ASSISTANT
                                                                    : AIGW_ROLE_USER,
                                             .next = i + 1 < count ? &messages[i + 1] : NULL,
                                             .parts = &parts[i] };
    }
    req->messages = messages;
    req->flags &= ~AIGW_REQF_PREFILL;
    if (messages[count - 1].role == AIGW_ROLE_ASSISTANT)
        req->flags |= AIGW_REQF_PREFILL;
    return AIGW_OK;
}
