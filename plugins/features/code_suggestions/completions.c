/* completions.c - POST /v2/code/completions and /v2/completions: fill in code at the cursor.
 *
 * check   body → struct cs_request
 * run     language, model → model call
 * build   window, prompt → the request, for each target that is tried. The body lives as long
 * event   the model's text → one JSON object, or a raw text stream as it comes
 */
#include "code_suggestions.h"

#include <string.h>

#include "language.h"
#include "truncate.h"

#define STREAM_TYPE           "text/event-stream; charset=utf-8"
#define PROMPT_RESERVE_TOKENS 256 /* the template's own text and the answer need room too */
#define SHOWN(text)           ((text).len ? (text) : AIGW_STR("unknown"))

aigw_status cs_completions_check(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_request *request)
{
    return cs_check_body(cs, ctx, request, &cs_completion_table, &call->request);
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

/* ---- what the model gets to see ---- */

/** Put as much of the joined context as fits, and a newline, in front of the prefix. */
static aigw_status prepend_context(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                   struct cs_window *window)
{
    const struct cs_context *items = call->request.context.items;
    size_t room = cs_bytes_of(window->context_tokens), count = call->request.context.count, total = count - 1, at = 0;
    size_t used;
    char *text;

    for (size_t i = 0; i < count; i++)
        total += items[i].content.len;
    call->usage.context_sent = cs_tokens_of(total);
    used = total < room ? total : room;
    if (!used)
        return AIGW_OK;
    text = cs->host->alloc(ctx, AIGW_LIFE_BUILD, used + 1 + window->prefix.len);
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
    if (window->prefix.len)
        memcpy(text + at, window->prefix.ptr, window->prefix.len);
    window->prefix = (aigw_str){ text, at + window->prefix.len };
    return AIGW_OK;
}

static aigw_status fit(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                       const struct aigw_model_info *target, struct cs_window *ret_window)
{
    int64_t budget = target->max_context_tokens ? target->max_context_tokens : cs->default_context_tokens;

    budget -= budget / 16 < PROMPT_RESERVE_TOKENS ? budget / 16 : PROMPT_RESERVE_TOKENS;
    *ret_window = cs_fit_completion(budget, call->request.above, call->request.below);
    if (!call->request.context.count || cs_str_is(call->request.model.provider, "anthropic"))
        return AIGW_OK;
    return prepend_context(ctx, cs, call, ret_window);
}

/* ---- the call ---- */

/** A prompt that the client prepared (version 3) goes to the model as it is. */
static aigw_status use_messages(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
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

static aigw_status get_prompt(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
                              const struct aigw_model_info *target, const struct cs_window *window,
                              struct aigw_prompt *ret_prompt)
{
    static const aigw_str raw_families[] = { AIGW_STR_INIT("completion_text"), AIGW_STR_INIT("base") };
    const struct aigw_pair vars[] = {
        { AIGW_STR_INIT("prefix"), window->prefix },
        { AIGW_STR_INIT("suffix"), window->suffix },
        { AIGW_STR_INIT("file_name"), call->request.file_name },
        { AIGW_STR_INIT("language"), call->spoken },
    };
    struct aigw_model_info model = *target;
    struct aigw_prompt_query query = {
        .struct_size = sizeof query,
        .id = { cs->completions_prompt, strlen(cs->completions_prompt) },
        .model = &model,
        .vars = vars,
        .var_count = sizeof vars / sizeof *vars,
    };

    if (model.flags & AIGW_MODELF_RAW_COMPLETION) {
        model.families = raw_families;
        model.family_count = sizeof raw_families / sizeof *raw_families;
    }
    return cs->host->prompt(ctx, &query, ret_prompt);
}

aigw_status cs_completions_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_model_info *target, struct aigw_model_request *req)
{
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    struct cs_window window;
    aigw_status status = fit(ctx, cs, call, target, &window);

    if (status < 0)
        return status;
    status = get_prompt(ctx, cs, call, target, &window, &prompt);
    if (status < 0) { /* the operator's prompts are at fault: say which, in JSON */
        cs->host->respond_detail(ctx, 503, "%s", cs->host->last_error(ctx));
        return status;
    }
    req->kind = AIGW_CALL_CHAT;
    req->params = prompt.params;
    req->flags = prompt.flags;
    req->messages = prompt.messages;
    req->idle_timeout_ms = prompt.timeout_ms;
    if (target->flags & AIGW_MODELF_RAW_COMPLETION) {
        req->kind = AIGW_CALL_COMPLETION;
        req->flags &= ~AIGW_REQF_PREFILL;
        req->messages = NULL;
        req->prompt = window.prefix;
        req->suffix = window.suffix;
    } else if (call->request.messages.count && cs_str_is(call->request.model.provider, "anthropic")) {
        status = use_messages(ctx, cs, call, req);
    }
    call->max_tokens = prompt.params->set & AIGW_PARAM_MAX_TOKENS ? prompt.params->max_tokens : 0;
    call->sent_bytes = (int64_t)(window.prefix.len + window.suffix.len);
    return status;
}

static aigw_status call_model(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    bool passes_on = call->request.stream && !(call->model->flags & AIGW_MODELF_STREAM_OFF);
    const struct aigw_call_options options = { .struct_size = sizeof options,
                                               .flags = passes_on ? AIGW_CALLF_STREAM : 0 };

    call->usage.input_tokens = call->usage.output_tokens = -1;
    if (!passes_on) {
        call->text = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, (size_t)cs->answer_max);
        if (!call->text)
            return AIGW_E_NOMEM;
    }
    return cs->host->model_call(ctx, call->model, &options, &call->handle);
}

static aigw_status answer_json(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call, aigw_str text)
{
    struct cs_answer out = { .engine = call->model->engine,
                             .name = call->model->name,
                             .language = call->language,
                             .text = text,
                             .usage = &call->usage };

    return cs_respond_v2(cs->host, ctx, &out);
}

static aigw_status answer(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call, aigw_str text)
{
    if (call->request.stream) /* whole text in one piece */
        return cs->host->respond(ctx, 200, STREAM_TYPE, text, NULL, 0);
    return answer_json(ctx, cs, call, text);
}

aigw_status cs_completions_run(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    aigw_status status = find_language(ctx, cs, call);

    if (status == AIGW_OK)
        status = cs_find_model(cs, ctx, &call->request.model, &call->model);
    if (status < 0)
        return status;
    if (!call->spoken.len) /* D44: neither the name nor the editor says what this file is: no suggestion */
        return answer_json(ctx, cs, call, AIGW_STR_NONE);
    return call_model(ctx, cs, call);
}

/* ---- the answer ---- */

static aigw_status deliver(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    if (!text.len)
        return AIGW_OK;
    call->answer_bytes += (int64_t)text.len;
    if (!call->text)
        return cs->host->stream_write(ctx, text);
    if (call->did_answer) /* the rest of a piece that was too much */
        return AIGW_OK;
    if (call->answer_bytes > cs->answer_max) {
        call->did_answer = true;
        cs->host->model_cancel(ctx, call->handle);
        return cs->host->respond_detail(ctx, 503, "%.*s: the answer is larger than answer_max (%lld bytes)",
                                        AIGW_STR_ARG(call->model->name), (long long)cs->answer_max);
    }
    cs->host->buf_put(call->text, text.ptr, text.len);
    return AIGW_OK;
}

/** Pass a piece on with every backslash in front of an underscore left out, across the borders of pieces too. */
static aigw_status deliver_unescaped(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    aigw_status status = AIGW_OK;
    size_t from = 0;

    if (!text.len)
        return AIGW_OK;
    if (call->holds_backslash && text.ptr[0] != '_')
        status = deliver(ctx, cs, call, AIGW_STR("\\"));
    call->holds_backslash = false;
    for (size_t i = 0; i < text.len && status == AIGW_OK; i++) {
        if (text.ptr[i] != '\\' || (i + 1 < text.len && text.ptr[i + 1] != '_'))
            continue;
        status = deliver(ctx, cs, call, (aigw_str){ text.ptr + from, i - from });
        from = i + 1;
        call->holds_backslash = i + 1 == text.len;
    }
    if (status == AIGW_OK)
        status = deliver(ctx, cs, call, (aigw_str){ text.ptr + from, text.len - from });
    return status;
}

static aigw_status on_text(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    if (call->model->flags & AIGW_MODELF_UNESCAPE)
        return deliver_unescaped(ctx, cs, call, text);
    return deliver(ctx, cs, call, text);
}

static aigw_status on_start(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    if (!call->request.stream || call->text || call->did_begin)
        return AIGW_OK;
    call->did_begin = true;
    return cs->host->stream_begin(ctx, 200, STREAM_TYPE, NULL, 0);
}

static aigw_status on_end(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    struct cs_usage *usage = &call->usage;
    aigw_str text = AIGW_STR_NONE;
    aigw_status status = AIGW_OK;

    if (call->holds_backslash)
        status = deliver(ctx, cs, call, AIGW_STR("\\"));
    if (status < 0 || call->did_answer)
        return status;
    if (!call->text)
        return cs->host->stream_end(ctx);
    status = cs->host->buf_view(call->text, &text);
    if (status < 0)
        return cs->host->fail(ctx, status, "out of memory collecting the model's answer");
    if (usage->input_tokens < 0)
        usage->input_tokens = cs_tokens_of((size_t)call->sent_bytes);
    if (usage->output_tokens < 0)
        usage->output_tokens = cs_tokens_of((size_t)call->answer_bytes);
    usage->was_cut = call->max_tokens > 0 && usage->output_tokens >= call->max_tokens;
    return answer(ctx, cs, call, text);
}

static aigw_status on_error(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
                            const struct aigw_error *error)
{
    if (!call->did_begin)
        return cs->host->respond_model_error(ctx, error);
    cs->host->stream_abort(ctx); /* a cut text must not look finished */
    return AIGW_OK;
}

aigw_status cs_completions_event(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_event *event)
{
    aigw_status status;

    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
        return on_start(ctx, cs, call);
    case AIGW_EVENT_TEXT:
        status = on_start(ctx, cs, call); /* in case text came first */
        return status < 0 ? status : on_text(ctx, cs, call, event->text);
    case AIGW_EVENT_USAGE:
        if (event->usage->input >= 0)
            call->usage.input_tokens = event->usage->input;
        if (event->usage->output >= 0)
            call->usage.output_tokens = event->usage->output;
        return AIGW_OK;
    case AIGW_EVENT_ERROR:
        return on_error(ctx, cs, call, event->error);
    case AIGW_EVENT_END:
        status = on_start(ctx, cs, call);
        return status < 0 ? status : on_end(ctx, cs, call);
    default:
        return AIGW_OK;
    }
}
