/* request_read_thinking.c - the ways in which a chat says how much to think, where its own word, reasoning_effort, is
 * not used. What is understood becomes canonical, and every server hears it in its own way; what says more is kept as
 * it is. */
#include "request_read.h"

static aigw_status take_budget(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value)
{
    struct aigw_params *params = r->params;
    bool is_set;
    aigw_status status = openai_take_int(r, place, value, 0, INT64_MAX, &params->reasoning_budget, &is_set);

    if (is_set && params->reasoning_budget == 0) {
        params->reasoning = AIGW_REASONING_OFF;
    } else if (is_set) {
        params->reasoning = AIGW_REASONING_ON;
        params->set |= AIGW_PARAM_REASONING_BUDGET;
    }
    return status;
}

/* {"effort","max_tokens","enabled","exclude"}; to exclude it from the answer this gateway has no way. */
static aigw_status read_reasoning(struct openai_reading *r, const struct aigw_json *value, bool *ret_is_kept)
{
    static const char *const names[] = { "effort", "max_tokens", "enabled", "exclude" };
    const struct openai_place *place = OPENAI_AT(NULL, "reasoning");
    struct aigw_json members[4];
    bool is_enabled = true, is_excluded = false;
    aigw_status status = AIGW_OK;

    *ret_is_kept = openai_members(value, names, 4, members);
    *ret_is_kept |= aigw_json_bool(&members[3], &is_excluded) && is_excluded;
    r->asked->thinking_word = place->name;
    if (members[0].type == AIGW_JSON_STRING && r->params->effort.len == 0) {
        status = aigw_json_text(&members[0], &r->memory, &r->params->effort);
        r->asked->effort_word = place->name;
    }
    if (aigw_json_bool(&members[2], &is_enabled))
        r->params->reasoning = is_enabled ? AIGW_REASONING_ON : AIGW_REASONING_OFF;
    return status == AIGW_OK ? take_budget(r, OPENAI_AT(place, names[1]), &members[1]) : status;
}

/* {"type":"enabled","budget_tokens"} */
static aigw_status read_thinking(struct openai_reading *r, const struct aigw_json *value, bool *ret_is_kept)
{
    static const char *const names[] = { "type", "budget_tokens" };
    static const char *const types[] = { "enabled", "disabled", "adaptive", "auto" };
    static const uint32_t meant[] = { AIGW_REASONING_ON, AIGW_REASONING_OFF, AIGW_REASONING_ADAPTIVE,
                                      AIGW_REASONING_ADAPTIVE };
    const struct openai_place *place = OPENAI_AT(NULL, "thinking");
    struct aigw_json members[2];
    aigw_status status;
    int type;

    *ret_is_kept = openai_members(value, names, 2, members);
    type = openai_word(&members[0], types, sizeof types / sizeof *types);
    if (type < 0) {
        *ret_is_kept = true;
        return AIGW_OK;
    }
    status = take_budget(r, OPENAI_AT(place, names[1]), &members[1]);
    r->asked->thinking_word = place->name;
    r->params->reasoning = meant[type];
    if (meant[type] == AIGW_REASONING_OFF)
        r->params->set &= ~AIGW_PARAM_REASONING_BUDGET;
    return status;
}

aigw_status openai_request_thinking(struct openai_reading *r, const struct aigw_json members[OPENAI_THINKING_MEMBERS],
                                    bool ret_is_kept[OPENAI_THINKING_MEMBERS])
{
    const struct aigw_json *reasoning = &members[0], *thinking = &members[1], *enable = &members[2];
    bool is_enabled = false;
    aigw_status status = AIGW_OK;

    for (uint32_t i = 0; i < OPENAI_THINKING_MEMBERS; i++)
        ret_is_kept[i] = !openai_is_null(&members[i]) && members[i].type != AIGW_JSON_OBJECT;
    if (reasoning->type == AIGW_JSON_OBJECT)
        status = read_reasoning(r, reasoning, &ret_is_kept[0]);
    if (status == AIGW_OK && thinking->type == AIGW_JSON_OBJECT)
        status = read_thinking(r, thinking, &ret_is_kept[1]);
    if (aigw_json_bool(enable, &is_enabled)) {
        ret_is_kept[2] = false;
        r->asked->thinking_word = "enable_thinking";
        r->params->reasoning = is_enabled ? AIGW_REASONING_ON : AIGW_REASONING_OFF;
    }
    return status;
}
