/* agent.c - POST /v2/chat/agent: one step of a conversation. The model's text is read as it comes (react.c); a final
 * answer is passed on while it grows, a wish for a tool when the model is done.
 *
 * check   body → struct chat_request
 * run     rights, tools, model → model call
 * build   the conversation as messages, for each target that is tried. The body lives as long
 * event   the model's text → lines of JSON. The status is 200 once the caller may chat: GitLab reads failures of models
 *         from an error line, and knows from it whether to ask again
 */
#include "duo_chat.h"
#include "tools.h"

#include <stdio.h>

#define LINES_TYPE "application/x-ndjson; charset=utf-8"
#define TOO_LONG   "prompt is too long"
#define PART_MAX   32768u /* bytes of an answer in one line */
#define LINE_EXTRA (PART_MAX * 8)
#define REASON_MAX 1000 /* bytes that a failure is told in */
#define SCOPE_SIZE 128

static const aigw_str guardrail_warning =
    AIGW_STR_INIT("\n\n**The answer was stopped by a content guardrail of the model's provider. Rephrase the question, "
                  "or ask your administrator about the guardrail: https://docs.gitlab.com/user/gitlab_duo_chat/**");

/* ---- check ---- */

aigw_status chat_agent_check(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_request *request)
{
    aigw_status status = chat_check_body(chat, ctx, request, &chat_request_table, &agent->request);
    const struct chat_message *messages = agent->request.messages.items;

    for (size_t i = 0; status == AIGW_OK && i < agent->request.messages.count; i++) {
        if (!(messages[i].given & CHAT_GIVEN_SCRATCHPAD) || chat_str_is(messages[i].role, "assistant"))
            continue;
        chat->host->respond_detail(ctx, 400, "agent_scratchpad can only be present when role is ASSISTANT");
        status = AIGW_E_INVALID;
    }
    return status;
}

/* ---- rights ---- */

/** The newest question calls for the assistant by name. */
static bool is_mentioned(const struct chat_request *request)
{
    const struct chat_message *messages = request->messages.items;

    for (size_t i = request->messages.count; i > 0; i--) {
        aigw_str content = messages[i - 1].content;

        if (chat_str_is(messages[i - 1].role, "user") && content.len)
            return memmem(content.ptr, content.len, "@GitLabDuo", 10) != NULL;
    }
    return false;
}

static aigw_status forbid(struct aigw_ctx *ctx, const struct aigw_host *host, const char *text)
{
    host->respond_detail(ctx, 403, "%s", text);
    return AIGW_E_FORBIDDEN;
}

static aigw_status permit(struct aigw_ctx *ctx, const struct duo_chat *chat, const struct chat_request *request,
                          bool is_amazon_q)
{
    const struct aigw_host *host = chat->host;

    host->annotate(ctx, "meta.unit_primitive", AIGW_STR("duo_classic_chat"));
    if (host->has_scope(ctx, "duo_classic_chat", 0) || (is_amazon_q && host->has_scope(ctx, "amazon_q_integration", 0)))
        return AIGW_OK;
    host->annotate(ctx, "meta.unit_primitive", AIGW_STR("duo_chat"));
    if (!host->has_scope(ctx, "duo_chat", 0))
        return forbid(ctx, host, "Unauthorized to access duo chat");
    if (chat_str_is(host->setting(ctx, "auth.strict_chat_scope"), "true") && !is_mentioned(request))
        return forbid(ctx, host, "Duo Core no longer authorized to access Duo Classic Chat");
    return AIGW_OK;
}

/** The right that goes with a category, for those that have one: clients know more categories. */
static bool has_right(aigw_str category)
{
    return aigw_body_is_word("file|snippet|merge_request|issue|dependency|local_git|terminal|repository|directory|"
                             "os_information|agent_user_environment",
                             category);
}

static aigw_status permit_extras(struct aigw_ctx *ctx, const struct aigw_host *host, const struct chat_request *request)
{
    const struct chat_message *messages = request->messages.items;
    char scope[SCOPE_SIZE];

    for (size_t i = 0; i < request->messages.count; i++) {
        const struct chat_extra *extras = messages[i].extras.items;

        for (size_t j = 0; j < messages[i].extras.count; j++) {
            if (!has_right(extras[j].category))
                continue;
            snprintf(scope, sizeof scope, "include_%.*s_context", (int)extras[j].category.len, extras[j].category.ptr);
            if (host->has_scope(ctx, scope, 0))
                continue;
            host->respond_detail(ctx, 403, "Unauthorized to access %s", scope);
            return AIGW_E_FORBIDDEN;
        }
    }
    return AIGW_OK;
}

/* ---- who said what ---- */

/** Only steps with an action count. */
static aigw_status keep_actions(struct aigw_ctx *ctx, const struct aigw_host *host, struct aigw_body_list *list)
{
    const struct chat_step *items = list->items;
    struct chat_step *kept = list->count ? host->alloc(ctx, AIGW_LIFE_BUILD, list->count * sizeof *kept) : NULL;
    size_t count = 0;

    if (!list->count)
        return AIGW_OK;
    if (!kept)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < list->count; i++)
        if (items[i].given & CHAT_GIVEN_ACTION)
            kept[count++] = items[i];
    *list = (struct aigw_body_list){ kept, count };
    return AIGW_OK;
}

static aigw_status refuse_talk(struct aigw_ctx *ctx, const struct aigw_host *host, const char *text)
{
    host->respond_detail(ctx, 422, "%s", text);
    return AIGW_E_INVALID;
}

/** Which message is the question, and what was already found out for it. */
static aigw_status sort_talk(struct aigw_ctx *ctx, const struct aigw_host *host, struct chat_agent *agent)
{
    struct chat_request *request = &agent->request;
    /* The table made it for this request: ours to change. */
    struct chat_message *messages = (struct chat_message *)(uintptr_t)request->messages.items;
    size_t count = request->messages.count, last = count;
    const struct chat_message *newest = &messages[count - 1];
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < count && status == AIGW_OK; i++) {
        if (chat_str_is(messages[i].role, "system"))
            return refuse_talk(ctx, host, "Unsupported message: messages[].role is system, expected user or assistant");
        if (chat_str_is(messages[i].role, "user") || messages[i].content.ptr)
            last = i;
        status = keep_actions(ctx, host, &messages[i].steps);
    }
    if (status < 0)
        return status;
    if (last == count || !chat_str_is(messages[last].role, "user"))
        return refuse_talk(ctx, host, "Last message must be a human message");
    agent->talk.messages = messages;
    agent->talk.last = last;
    if (request->given & CHAT_GIVEN_OPTIONS)
        agent->talk.steps = &request->steps;
    else if (chat_str_is(newest->role, "assistant") && !newest->content.ptr)
        agent->talk.steps = &newest->steps;
    return AIGW_OK;
}

/* ---- the call ---- */

static void free_react(void *arg)
{
    react_free(arg);
}

static aigw_status call_model(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    const struct aigw_host *host = chat->host;
    const struct aigw_call_options options = {
        .struct_size = sizeof options,
        .flags = agent->model->flags & AIGW_MODELF_STREAM_OFF ? 0 : AIGW_CALLF_STREAM,
    };
    aigw_status status;

    agent->chat = chat;
    agent->usage = (struct chat_usage){ -1, -1 };
    react_init(&agent->react, (size_t)chat->answer_max);
    status = host->defer(ctx, AIGW_LIFE_REQUEST, free_react, &agent->react);
    if (status < 0)
        return status;
    /* Six bytes for each of the text's, when all of it has to be escaped. */
    agent->line = host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)chat->answer_max * 6 + LINE_EXTRA);
    if (!agent->line)
        return AIGW_E_NOMEM;
    return host->model_call(ctx, agent->model, &options, &agent->handle);
}

/** For the access line: what the model may ask for. */
static void note_tools(struct aigw_ctx *ctx, const struct aigw_host *host, uint32_t tools)
{
    char names[CHAT_TOOLS * 32];
    size_t len = 0;

    for (uint32_t i = 0; i < CHAT_TOOLS; i++)
        if (tools & 1u << i)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", len ? "," : "",
                                    AIGW_STR_ARG(chat_tool_name(i)));
    host->annotate(ctx, "duo_chat.agent_available_tools", (aigw_str){ names, len });
}

aigw_status chat_agent_run(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    const struct chat_request *request = &agent->request;
    bool is_amazon_q = chat_str_is(request->metadata.provider, "amazon_q");
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    aigw_status status = permit(ctx, chat, request, is_amazon_q);

    if (status == AIGW_OK)
        status = permit_extras(ctx, chat->host, request);
    if (status == AIGW_OK)
        status = sort_talk(ctx, chat->host, agent);
    if (status < 0)
        return status;
    status = model_metadata_resolve(chat->host, ctx, &request->metadata, &agent->model, &error);
    if (status < 0) {
        chat->host->respond_model_error(ctx, &error);
        return status;
    }
    agent->tools =
        chat_tools_offered(chat->host, ctx, is_amazon_q && chat->host->has_scope(ctx, "amazon_q_integration", 0));
    note_tools(ctx, chat->host, agent->tools);
    return call_model(ctx, chat, agent);
}

aigw_status chat_agent_build(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_model_info *target, struct aigw_model_request *req)
{
    const struct aigw_host *host = chat->host;
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct aigw_params *params;
    int64_t max_tokens = chat_core_number(chat, ctx, "models.chat_max_tokens", 0);
    aigw_status status = chat_agent_render(ctx, chat, agent, target, &prompt);

    if (status < 0) { /* the operator's prompts are at fault: say which, in JSON */
        host->respond_detail(ctx, 503, "%s", host->last_error(ctx));
        return status;
    }
    params = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *params);
    if (!params)
        return AIGW_E_NOMEM;
    *params = *prompt.params;
    if (max_tokens) {
        params->set |= AIGW_PARAM_MAX_TOKENS;
        params->max_tokens = max_tokens;
    }
    req->kind = AIGW_CALL_CHAT;
    req->flags = prompt.flags;
    req->messages = prompt.messages;
    req->params = params;
    req->idle_timeout_ms =
        prompt.timeout_ms ? prompt.timeout_ms : chat_core_number(chat, ctx, "models.chat_timeout_ms", 0);
    agent->upstream_name = target->model;
    return AIGW_OK;
}

/* ---- the answer ---- */

/** GitLab's reader passes over an empty line and starts its clock again. */
static void on_heartbeat(struct aigw_ctx *ctx, void *arg)
{
    struct chat_agent *agent = arg;
    const struct duo_chat *chat = agent->chat;

    if (agent->reply != CHAT_REPLY_OPEN)
        return;
    if (!agent->did_write)
        chat->host->stream_write(ctx, AIGW_STR("\n"));
    agent->did_write = false;
    chat->host->timer_set(ctx, &agent->timer, chat->heartbeat_ms, on_heartbeat, agent);
}

static aigw_status begin(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    aigw_status status;

    if (agent->reply != CHAT_REPLY_NONE)
        return AIGW_OK;
    agent->reply = CHAT_REPLY_OPEN;
    status = chat->host->stream_begin(ctx, 200, LINES_TYPE, NULL, 0);
    if (status == AIGW_OK && chat->heartbeat_ms)
        status = chat->host->timer_set(ctx, &agent->timer, chat->heartbeat_ms, on_heartbeat, agent);
    return status;
}

static aigw_status end(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    agent->reply = CHAT_REPLY_OVER;
    if (agent->timer)
        chat->host->timer_clear(ctx, agent->timer);
    return chat->host->stream_end(ctx);
}

/** An error line, then a clean end: that no finish reason came before tells that the answer is not whole. */
static aigw_status fail(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str message,
                        bool is_retryable)
{
    aigw_status status = begin(ctx, chat, agent);

    if (status == AIGW_OK)
        status = chat_line_error(ctx, chat, agent, message, is_retryable);
    return status == AIGW_OK ? end(ctx, chat, agent) : status;
}

static bool holds(aigw_str text, const char *part)
{
    return text.len && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static aigw_status on_error(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                            const struct aigw_error *error)
{
    /* Clients look for these words to tell people what to do. */
    bool is_too_long = error->kind == AIGW_ERR_CONTEXT_TOO_LONG && !holds(error->message, TOO_LONG);
    bool is_overloaded = error->http_status == 529 || chat_str_is(error->code, "overloaded_error") ||
                         holds(error->message, "overloaded_error");
    const char *hint = is_too_long ? TOO_LONG ": " : "";
    int len = error->message.len < REASON_MAX ? (int)error->message.len : REASON_MAX;
    const char *words = error->message.ptr ? error->message.ptr : "";
    char *text;

    if (error->http_status)
        text = chat->host->format(ctx, AIGW_LIFE_REQUEST, "Model %.*s answered %d: %s%.*s",
                                  AIGW_STR_ARG(agent->model->name), (int)error->http_status, hint, len, words);
    else
        text = chat->host->format(ctx, AIGW_LIFE_REQUEST, "Model %.*s: %s%.*s", AIGW_STR_ARG(agent->model->name), hint,
                                  len, words);
    return text ? fail(ctx, chat, agent, (aigw_str){ text, strlen(text) }, is_overloaded) : AIGW_E_NOMEM;
}

/** In lines of a size that every reader takes, cut between characters. */
static aigw_status send_answer(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                               aigw_str text)
{
    aigw_status status = AIGW_OK;

    while (text.len > PART_MAX && status == AIGW_OK) {
        size_t len = PART_MAX;

        while (len > PART_MAX - 4 && (text.ptr[len] & 0xc0) == 0x80)
            len--;
        status = chat_line_delta(ctx, chat, agent, (aigw_str){ text.ptr, len }, AIGW_STR_NONE);
        text = (aigw_str){ text.ptr + len, text.len - len };
    }
    return status == AIGW_OK && text.len ? chat_line_delta(ctx, chat, agent, text, AIGW_STR_NONE) : status;
}

static aigw_status on_text(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str text)
{
    aigw_str grown;
    aigw_status status = begin(ctx, chat, agent);
    char *why;

    if (status < 0)
        return status;
    status = react_feed(&agent->react, text, &grown);
    if (status == AIGW_E_LIMIT) {
        chat->host->model_cancel(ctx, agent->handle);
        why = chat->host->format(ctx, AIGW_LIFE_REQUEST,
                                 "Model %.*s: the text before its answer is larger than answer_max (%lld bytes)",
                                 AIGW_STR_ARG(agent->model->name), (long long)chat->answer_max);
        return why ? fail(ctx, chat, agent, (aigw_str){ why, strlen(why) }, false) : AIGW_E_NOMEM;
    }
    return status == AIGW_OK ? send_answer(ctx, chat, agent, grown) : status;
}

/** The rest of a final answer, and why it ended: a blank reason would be read as "cut off". */
static aigw_status close_answer(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                                aigw_str rest)
{
    aigw_str reason = agent->finish_reason.len ? agent->finish_reason : AIGW_STR("stop");

    if (agent->finish == AIGW_FINISH_GUARDRAIL) {
        aigw_status status = rest.len ? chat_line_delta(ctx, chat, agent, rest, AIGW_STR_NONE) : AIGW_OK;

        return status == AIGW_OK ? chat_line_delta(ctx, chat, agent, guardrail_warning, reason) : status;
    }
    return chat_line_delta(ctx, chat, agent, rest, reason);
}

static aigw_status ask_for_tool(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                                const struct react_step *step)
{
    uint32_t tool = chat_tool_find(step->tool);

    if (chat_tool_is_answer(step->tool)) /* written where a tool's input would stand */
        return close_answer(ctx, chat, agent, step->input);
    if (tool == CHAT_TOOLS || !(agent->tools & 1u << tool))
        return chat_line_error(ctx, chat, agent, AIGW_STR("tool not available"), false);
    chat->host->annotate(ctx, "duo_chat.agent_tool_action", chat_tool_name(tool));
    return chat_line_action(ctx, chat, agent, chat_tool_name(tool), step);
}

static aigw_status on_end(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    struct react_step step;
    aigw_status status = begin(ctx, chat, agent);

    if (status < 0)
        return status;
    react_finish(&agent->react, &step);
    switch (step.kind) {
    case REACT_IS_ANSWER:
        status = close_answer(ctx, chat, agent, step.text);
        break;
    case REACT_IS_ACTION:
        status = ask_for_tool(ctx, chat, agent, &step);
        break;
    case REACT_IS_UNKNOWN:
        status = chat_line_unknown(ctx, chat, agent, step.text);
        break;
    case REACT_IS_NOTHING:
        if (agent->finish == AIGW_FINISH_GUARDRAIL)
            status = close_answer(ctx, chat, agent, AIGW_STR_NONE);
        else
            status = chat_line_error(ctx, chat, agent, AIGW_STR("the model's answer holds no text"), false);
        break;
    }
    if (status == AIGW_OK && agent->usage.input >= 0 && agent->usage.output >= 0)
        status = chat_line_usage(ctx, chat, agent);
    return status == AIGW_OK ? end(ctx, chat, agent) : status;
}

aigw_status chat_agent_event(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_event *event)
{
    if (agent->reply == CHAT_REPLY_OVER)
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
        return begin(ctx, chat, agent);
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REFUSAL: /* the model's own words, too */
        return on_text(ctx, chat, agent, event->text);
    case AIGW_EVENT_FINISH:
        agent->finish = event->finish;
        return chat_keep(chat, ctx, event->text, &agent->finish_reason);
    case AIGW_EVENT_USAGE:
        if (event->usage->input >= 0)
            agent->usage.input = event->usage->input;
        if (event->usage->output >= 0)
            agent->usage.output = event->usage->output;
        return AIGW_OK;
    case AIGW_EVENT_ERROR:
        return on_error(ctx, chat, agent, event->error);
    case AIGW_EVENT_END:
        return on_end(ctx, chat, agent);
    default: /* reasoning among them: it is not for the client */
        return AIGW_OK;
    }
}
