/* request_thinking.c - how much Claude is to think: canonical reasoning, budget and effort → its member "thinking" and
 * outputConfig.effort, by what the model takes. Other vendors' models are asked in request_fields.c. */
#include "converse.h"

#include "../anthropic/models.h"

#define BUDGET_MIN     1024
#define BUDGET_DEFAULT 8192
#define ANSWER_MAX     4096 /* tokens for the answer behind the thinking, when nothing says how many */

bool converse_is_thinking(const struct converse_out *out)
{
    return out->thinking >= CONVERSE_THINK_BUDGET;
}

bool converse_keeps_thoughts(const struct converse_out *out)
{
    bool thinks_anyway = out->quirks->refuses & (ANTHROPIC_NO_OFF | ANTHROPIC_NO_OFF_EFFORT);

    return converse_is_thinking(out) || (thinks_anyway && out->thinking == CONVERSE_THINK_UNSAID);
}

/* ---- effort ---- */

static const struct {
    const char *effort;
    int64_t budget;
} efforts[] = { { "minimal", 1024 }, { "low", 2048 },    { "medium", 8192 },
                { "high", 16384 },   { "xhigh", 32768 }, { "max", 32768 } };

int64_t converse_budget_of(aigw_str effort)
{
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++)
        if (wire_is(effort, efforts[i].effort))
            return efforts[i].budget;
    return BUDGET_DEFAULT;
}

static aigw_str effort_of_budget(int64_t budget)
{
    return budget >= 32768   ? AIGW_STR("xhigh")
           : budget >= 16384 ? AIGW_STR("high")
           : budget >= 8192  ? AIGW_STR("medium")
                             : AIGW_STR("low");
}

/* The word that the model takes, as near as can be. */
static void settle_effort(struct converse_out *out)
{
    uint32_t refuses = out->quirks->refuses;
    bool is_xhigh = wire_is(out->effort, "xhigh"), is_max = wire_is(out->effort, "max");

    if (out->effort.len == 0)
        return;
    if (refuses & ANTHROPIC_NO_EFFORT) { /* a budget says it, or nothing does */
        if (!converse_is_thinking(out))
            converse_drop(out, "effort");
        out->effort = AIGW_STR_NONE;
    } else if (wire_is(out->effort, "minimal")) {
        out->effort = AIGW_STR("low");
    } else if ((is_xhigh && (refuses & ANTHROPIC_NO_XHIGH)) || (is_max && (refuses & ANTHROPIC_NO_MAX)) ||
               ((is_xhigh || is_max) && out->thinking == CONVERSE_THINK_OFF && (refuses & ANTHROPIC_NO_OFF_EFFORT))) {
        out->effort = AIGW_STR("high");
        converse_drop(out, "effort"); /* as much as it takes */
    }
}

/* ---- thinking ---- */

/* No thinking, although it was asked for. */
static void give_up(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;

    out->thinking = out->quirks->refuses & ANTHROPIC_NO_OFF_EFFORT ? CONVERSE_THINK_OFF : CONVERSE_THINK_UNSAID;
    if (params->set & AIGW_PARAM_REASONING_BUDGET)
        converse_drop(out, "reasoning_budget");
    else if (params->reasoning)
        converse_drop(out, "reasoning");
}

/* What is asked for, in the form that the model has for it. */
static void settle_form(struct converse_out *out, const struct aigw_params *params, bool has_budget)
{
    uint32_t refuses = out->quirks->refuses;

    if (params->reasoning == AIGW_REASONING_OFF || wire_is(params->effort, "none"))
        out->thinking = CONVERSE_THINK_OFF;
    else if (params->reasoning == AIGW_REASONING_ADAPTIVE)
        out->thinking = CONVERSE_THINK_ADAPTIVE;
    else if (params->reasoning == AIGW_REASONING_ON || has_budget ||
             (out->effort.len > 0 && (refuses & ANTHROPIC_NO_EFFORT) && !(refuses & ANTHROPIC_NO_THINKING)))
        out->thinking = CONVERSE_THINK_BUDGET;
    else if (anthropic_wants_to_see(params))
        out->thinking = CONVERSE_THINK_ADAPTIVE;

    if (out->thinking == CONVERSE_THINK_ADAPTIVE && (refuses & ANTHROPIC_NO_ADAPTIVE))
        out->thinking = CONVERSE_THINK_BUDGET;
    if (out->thinking == CONVERSE_THINK_BUDGET && (refuses & ANTHROPIC_NO_BUDGET)) {
        out->thinking = CONVERSE_THINK_ADAPTIVE;
        if (has_budget && out->effort.len == 0)
            out->effort = effort_of_budget(params->reasoning_budget);
    }
    if (out->thinking == CONVERSE_THINK_OFF && (refuses & ANTHROPIC_NO_OFF))
        give_up(out);
    if (out->thinking == CONVERSE_THINK_OFF && (refuses & (ANTHROPIC_OFF_UNSAID | ANTHROPIC_NO_THINKING)))
        out->thinking = CONVERSE_THINK_UNSAID;
    if (converse_is_thinking(out) && (refuses & ANTHROPIC_NO_THINKING))
        give_up(out);
}

/* Does a turn that waits for its results begin without its thoughts? Held to a budget it must not. */
static bool lacks_thoughts(const struct aigw_model_request *req)
{
    bool is_waiting = false, has_thoughts = false, was_assistant = false;

    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next) {
        bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT, has_results = false;

        if (is_assistant && !was_assistant)
            is_waiting = has_thoughts = false;
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            has_results |= part->type == AIGW_PART_TOOL_RESULT;
            is_waiting |= part->type == AIGW_PART_TOOL_CALL;
            has_thoughts |= (part->type == AIGW_PART_REASONING || part->type == AIGW_PART_REDACTED) &&
                            part->data.len > 0 && converse_is_ours(part->origin);
        }
        if (msg->role == AIGW_ROLE_USER && !has_results)
            is_waiting = false;
        was_assistant = is_assistant;
    }
    return is_waiting && !has_thoughts;
}

/* The budget is part of the output limit, and has a least size. */
static void settle_budget(struct converse_out *out, const struct aigw_params *params, bool has_budget)
{
    bool has_max = params->set & AIGW_PARAM_MAX_TOKENS;

    out->budget = has_budget ? params->reasoning_budget : converse_budget_of(params->effort);
    if (has_max && out->budget >= out->max_tokens)
        out->budget = out->max_tokens - 1;
    if (out->budget < BUDGET_MIN)
        give_up(out);
    else if (!has_max)
        out->max_tokens = out->budget + (out->quirks->max_tokens > 0 ? out->quirks->max_tokens : ANSWER_MAX);
}

/* Is it asked for in the vendor's own spelling? */
static bool asks_by_extra(struct converse_out *out)
{
    struct aigw_json fields, thinking;

    if (!reader_member(&out->extra, "additionalModelRequestFields", AIGW_JSON_OBJECT, &fields) ||
        !aigw_json_member(&fields, "thinking", &thinking))
        reader_member(&out->extra, "thinking", AIGW_JSON_OBJECT, &thinking);
    return thinking.type == AIGW_JSON_OBJECT && !wire_is(reader_str(&out->reader, &thinking, "type"), "disabled");
}

static void settle_params(struct converse_out *out, const struct aigw_params *params)
{
    bool has_budget = params->set & AIGW_PARAM_REASONING_BUDGET;
    bool is_forced =
        out->req->tools && (out->req->tool_choice == AIGW_TOOLS_REQUIRED || out->req->tool_choice == AIGW_TOOLS_NAMED);

    if (!wire_is(params->effort, "none"))
        out->effort = params->effort;
    settle_form(out, params, has_budget);
    /* A demanded tool leaves nothing to think about, says the API. */
    if (converse_is_thinking(out) && (is_forced || converse_asks_by_tool(out->req, out->quirks)))
        give_up(out);
    if (out->thinking == CONVERSE_THINK_BUDGET && lacks_thoughts(out->req))
        give_up(out);
    if (out->thinking == CONVERSE_THINK_BUDGET)
        settle_budget(out, params, has_budget);
    settle_effort(out);
}

void converse_settle_thinking(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;

    out->max_tokens = params && (params->set & AIGW_PARAM_MAX_TOKENS) ? params->max_tokens : out->quirks->max_tokens;
    if (out->quirks->model->vendor != CONVERSE_CLAUDE)
        return;
    if (params)
        settle_params(out, params);
    if (out->thinking == CONVERSE_THINK_UNSAID && asks_by_extra(out))
        out->thinking = CONVERSE_THINK_BY_EXTRA;
}

void converse_put_thinking(struct converse_out *out)
{
    uint32_t show = out->req->params->reasoning_show;
    bool is_hidden = out->quirks->refuses & ANTHROPIC_NO_BUDGET; /* unless it is asked for */

    if (out->thinking == CONVERSE_THINK_OFF) {
        wire_puts(out->body, "{\"type\":\"disabled\"}");
        return;
    }
    if (out->thinking == CONVERSE_THINK_BUDGET)
        out->host->buf_printf(out->body->buf, "{\"type\":\"enabled\",\"budget_tokens\":%lld", (long long)out->budget);
    else
        wire_puts(out->body, "{\"type\":\"adaptive\"");
    if (show == AIGW_SHOW_OMIT)
        wire_puts(out->body, ",\"display\":\"omitted\"");
    else if (show == AIGW_SHOW_SUMMARY || (show == AIGW_SHOW_ALL && is_hidden))
        wire_puts(out->body, ",\"display\":\"summarized\"");
    wire_puts(out->body, "}");
}
