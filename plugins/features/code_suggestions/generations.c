/* generations.c - the model request that writes new code: window, instruction, what GitLab found out about the file
 * (prompt_enhancer), prompt. */
#include "code_suggestions.h"

#include <string.h>

#include "truncate.h"

#define BUDGET_MAX 32768 /* tokens; more code around the cursor does not make better code */

/* Variables that we say, each unless prompt_enhancer says it. */
enum {
    PREFIX,
    INSTRUCTION,
    USER_INSTRUCTION,
    LANGUAGE,
    FILE_NAME,
    CONTEXT,
    ABOVE,
    BELOW,
    VAR_COUNT,
};

static const char *const var_names[VAR_COUNT] = {
    [PREFIX] = "prefix",
    [INSTRUCTION] = "instruction",
    [USER_INSTRUCTION] = "user_instruction",
    [LANGUAGE] = "language",
    [FILE_NAME] = "file_name",
    [CONTEXT] = "context",
    [ABOVE] = "trimmed_content_above_cursor",
    [BELOW] = "trimmed_content_below_cursor",
};

/** What stands in the enhancer under the names that we would say; others are absent. */
static aigw_status read_enhancer(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
                                 struct aigw_json values[VAR_COUNT], aigw_str texts[VAR_COUNT])
{
    struct aigw_host_memory from = { cs->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_json enhancer;

    memset(values, 0, VAR_COUNT * sizeof *values);
    memset(texts, 0, VAR_COUNT * sizeof *texts);
    if (!call->request.enhancer.len || aigw_json_check(call->request.enhancer, 0, &enhancer, NULL) < 0)
        return AIGW_OK;
    aigw_json_members(&enhancer, var_names, VAR_COUNT, values);
    for (size_t i = 0; i < VAR_COUNT; i++) {
        aigw_status status =
            values[i].type == AIGW_JSON_STRING ? aigw_json_text(&values[i], &memory, &texts[i]) : AIGW_OK;

        if (status < 0)
            return status;
    }
    return AIGW_OK;
}

/** The code around the cursor, as GitLab trimmed it or as the editor sent it, cut to what the target takes beside the
 *  rest of the enhancer. */
static aigw_status fit(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                       const struct aigw_model_info *target, aigw_str texts[VAR_COUNT])
{
    int64_t budget = cs_budget(cs, target), least, rest;
    aigw_str above = texts[ABOVE].ptr ? texts[ABOVE] : call->request.above;
    aigw_str below = texts[BELOW].ptr ? texts[BELOW] : call->request.below;
    struct cs_window window;

    budget = budget < BUDGET_MAX ? budget : BUDGET_MAX;
    budget -= budget / 4; /* for the answer */
    least = budget / 4;
    rest = cs_tokens_of(call->request.enhancer.len) - cs_tokens_of(texts[ABOVE].len) - cs_tokens_of(texts[BELOW].len) +
           cs_tokens_of(call->request.instruction.len);
    budget = rest > 0 && budget - rest > least ? budget - rest : rest > 0 ? least : budget;
    window = cs_fit_generation(budget, above, below);
    texts[ABOVE] = window.prefix;
    texts[BELOW] = window.suffix;
    texts[PREFIX] = cs_keep_end(call->request.above, cs_bytes_of(budget));
    return cs_join_context(ctx, cs, call, window.context_tokens, AIGW_STR_NONE, &texts[CONTEXT]);
}

/** Our own words for what the enhancer did not say. */
static uint32_t list_vars(const struct cs_call *call, const struct aigw_json values[VAR_COUNT],
                          const aigw_str texts[VAR_COUNT], struct aigw_pair vars[VAR_COUNT])
{
    uint32_t count = 0;

    for (size_t i = 0; i < VAR_COUNT; i++) {
        bool is_said = values[i].type > AIGW_JSON_NULL;
        aigw_str text = texts[i];

        if (is_said && i != ABOVE && i != BELOW)
            continue;
        if (i == INSTRUCTION || i == USER_INSTRUCTION)
            text = call->request.instruction;
        else if (i == LANGUAGE)
            text = call->spoken;
        else if (i == FILE_NAME)
            text = call->request.file_name;
        vars[count++] = (struct aigw_pair){ { var_names[i], strlen(var_names[i]) }, text };
    }
    return count;
}

/** Versions that GitLab names, with or without a caret, although they are of prompts that are not ours: our newest one
 * is meant. */
static aigw_str version_of(const struct cs *cs, const struct cs_call *call)
{
    static const char known[] = "1.0.0|1.0.1|1.0.2|1.1.0-dev|1.1.0|1.2.0-dev|1.2.0|2.0.0|2.0.1|2.0.2-dev|2.0.2|2.0.3|"
                                "3.0.2-dev";
    aigw_str id = call->request.prompt_id;
    aigw_str version = call->request.prompt_version;
    aigw_str number = version;

    if (id.len && !cs_str_is(id, cs->generations_prompt))
        return version;
    if (number.len && number.ptr[0] == '^')
        number = (aigw_str){ number.ptr + 1, number.len - 1 };
    return aigw_body_is_word(known, number) ? AIGW_STR_NONE : version;
}

aigw_status cs_generation_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *req)
{
    aigw_str texts[VAR_COUNT], id = call->request.prompt_id;
    struct aigw_json values[VAR_COUNT];
    struct aigw_pair vars[VAR_COUNT];
    struct aigw_prompt_query query = { .struct_size = sizeof query,
                                       .id = id.len
                                                 ? id
                                                 : (aigw_str){ cs->generations_prompt, strlen(cs->generations_prompt) },
                                       .version = version_of(cs, call),
                                       .model = target,
                                       .vars = vars,
                                       .inputs = call->request.enhancer };
    aigw_status status = read_enhancer(ctx, cs, call, values, texts);

    if (status == AIGW_OK)
        status = fit(ctx, cs, call, target, texts);
    if (status < 0)
        return status;
    query.var_count = list_vars(call, values, texts, vars);
    status = cs_use_prompt(ctx, cs, call, &query, req);
    if (status == AIGW_OK && call->request.messages.count)
        status = cs_use_messages(ctx, cs, call, req);
    return status;
}
