/* completions.c - the model request that fills the gap at the cursor: window, context, prompt. */
#include "code_suggestions.h"

#include <string.h>

#include "truncate.h"

static aigw_status fit(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                       const struct aigw_model_info *target, struct cs_window *ret_window)
{
    *ret_window = cs_fit_completion(cs_budget(cs, target), call->request.above, call->request.below);
    if (cs_str_is(call->request.model.provider, "anthropic"))
        return AIGW_OK;
    return cs_join_context(ctx, cs, call, ret_window->context_tokens, ret_window->prefix, &ret_window->prefix);
}

static aigw_status use_prompt(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                              const struct aigw_model_info *target, const struct cs_window *window,
                              struct aigw_model_request *req)
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
    return cs_use_prompt(ctx, cs, call, &query, req);
}

aigw_status cs_completion_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *req)
{
    struct cs_window window;
    aigw_status status = fit(ctx, cs, call, target, &window);

    if (status == AIGW_OK)
        status = use_prompt(ctx, cs, call, target, &window, req);
    if (status < 0)
        return status;
    call->sent_bytes = (int64_t)(window.prefix.len + window.suffix.len);
    if (target->flags & AIGW_MODELF_RAW_COMPLETION) {
        req->kind = AIGW_CALL_COMPLETION;
        req->flags &= ~AIGW_REQF_PREFILL;
        req->messages = NULL;
        req->prompt = window.prefix;
        req->suffix = window.suffix;
        return AIGW_OK;
    }
    if (call->request.messages.count && cs_str_is(call->request.model.provider, "anthropic"))
        return cs_use_messages(ctx, cs, call, req);
    return AIGW_OK;
}
