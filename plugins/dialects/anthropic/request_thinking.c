/* request_thinking.c - how much to think: canonical reasoning, budget and effort → "thinking" and "output_config", by
 * what the model takes; and how an answer is held to a form. */
#include "request_write.h"

#define ANTHROPIC_BUDGET_MIN     1024
#define ANTHROPIC_BUDGET_DEFAULT 8192

bool anthropic_is_thinking(const struct anthropic_out *out)
{
    return out->thinking == ANTHROPIC_THINK_BUDGET || out->thinking == ANTHROPIC_THINK_ADAPTIVE;
}

bool anthropic_keeps_thoughts(const struct anthropic_out *out)
{
    bool thinks_anyway = out->refuses & (ANTHROPIC_NO_OFF | ANTHROPIC_NO_OFF_EFFORT);

    return anthropic_is_thinking(out) || (thinks_anyway && out->thinking == ANTHROPIC_THINK_UNSAID);
}

/* ---- effort ---- */

/* Tokens to think with for a word. */
static const struct {
    const char *effort;
    int64_t budget;
} efforts[] = { { "minimal", 1024 }, { "low", 2048 },    { "medium", 8192 },
                { "high", 16384 },   { "xhigh", 32768 }, { "max", 32768 } };

static int64_t budget_of_effort(aigw_str effort)
{
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++)
        if (wire_is(effort, efforts[i].effort))
            return efforts[i].budget;
    return ANTHROPIC_BUDGET_DEFAULT;
}

static aigw_str effort_of_budget(int64_t budget)
{
    return budget >= 32768   ? AIGW_STR("xhigh")
           : budget >= 16384 ? AIGW_STR("high")
           : budget >= 8192  ? AIGW_STR("medium")
                             : AIGW_STR("low");
}

/* The word that the model takes, as near as can be. */
static void settle_effort(struct anthropic_out *out)
{
    aigw_str asked = out->effort;
    bool is_xhigh = wire_is(asked, "xhigh"), is_max = wire_is(asked, "max");

    if (asked.len == 0)
        return;
    if (wire_is(asked, "minimal")) {
        out->effort = AIGW_STR("low");
    } else if ((is_xhigh && (out->refuses & ANTHROPIC_NO_XHIGH)) || (is_max && (out->refuses & ANTHROPIC_NO_MAX)) ||
               ((is_xhigh || is_max) && out->thinking == ANTHROPIC_THINK_OFF &&
                (out->refuses & ANTHROPIC_NO_OFF_EFFORT))) {
        out->effort = AIGW_STR("high");
        anthropic_drop(out, "effort"); /* as much as it takes */
    }
    if (out->refuses & ANTHROPIC_NO_EFFORT) {
        if (!anthropic_is_thinking(out) && !(out->refuses & ANTHROPIC_NO_THINKING))
            anthropic_drop(out, "effort");
        out->effort = AIGW_STR_NONE;
    }
}

/* ---- thinking ---- */

/* No thinking, although it was asked for. */
static void give_up(struct anthropic_out *out)
{
    const struct aigw_params *params = out->req->params;

    out->thinking = out->refuses & ANTHROPIC_NO_OFF_EFFORT ? ANTHROPIC_THINK_OFF : ANTHROPIC_THINK_UNSAID;
    anthropic_drop(out, params->set & AIGW_PARAM_REASONING_BUDGET ? "reasoning_budget"
                        : params->reasoning                       ? "reasoning"
                                                                  : "effort");
}

/* What is asked for, in the form that the model has for it. */
static void settle_form_of_thinking(struct anthropic_out *out, const struct aigw_params *params, bool has_budget)
{
    bool is_off = params->reasoning == AIGW_REASONING_OFF || wire_is(params->effort, "none");

    if (is_off)
        out->thinking = ANTHROPIC_THINK_OFF;
    else if (params->reasoning == AIGW_REASONING_ADAPTIVE)
        out->thinking = ANTHROPIC_THINK_ADAPTIVE;
    else if (params->reasoning == AIGW_REASONING_ON || has_budget ||
             (out->effort.len > 0 && (out->refuses & ANTHROPIC_NO_EFFORT)))
        out->thinking = ANTHROPIC_THINK_BUDGET;
    else if (anthropic_wants_to_see(params))
        out->thinking = ANTHROPIC_THINK_ADAPTIVE;

    if (out->thinking == ANTHROPIC_THINK_ADAPTIVE && (out->refuses & ANTHROPIC_NO_ADAPTIVE))
        out->thinking = ANTHROPIC_THINK_BUDGET;
    if (out->thinking == ANTHROPIC_THINK_BUDGET && (out->refuses & ANTHROPIC_NO_BUDGET)) {
        out->thinking = ANTHROPIC_THINK_ADAPTIVE;
        if (has_budget && out->effort.len == 0)
            out->effort = effort_of_budget(params->reasoning_budget);
    }
    if (out->thinking == ANTHROPIC_THINK_OFF && (out->refuses & ANTHROPIC_NO_OFF))
        give_up(out);
    if (out->thinking == ANTHROPIC_THINK_OFF && (out->refuses & (ANTHROPIC_OFF_UNSAID | ANTHROPIC_NO_THINKING)))
        out->thinking = ANTHROPIC_THINK_UNSAID;
    if (anthropic_is_thinking(out) && (out->refuses & ANTHROPIC_NO_THINKING))
        give_up(out);
}

/* The assistant's turn whose calls' results end the conversation; NULL when it ends otherwise. */
static const struct aigw_message *waiting_turn(const struct aigw_model_request *req)
{
    const struct aigw_message *turn = NULL;
    bool was_assistant = false;

    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next) {
        bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT;

        if (is_assistant && !was_assistant && msg->next)
            turn = msg;
        else if (msg->role == AIGW_ROLE_USER && !wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT))
            turn = NULL;
        was_assistant = is_assistant;
    }
    return turn;
}

/* A turn that waits for results must begin with its thoughts, when they are held to a budget. */
static bool lacks_thoughts(const struct aigw_model_request *req)
{
    const struct aigw_message *turn = waiting_turn(req);
    const struct aigw_part *part = turn ? turn->parts : NULL;

    for (; part && (part->type == AIGW_PART_REASONING || part->type == AIGW_PART_REDACTED); part = part->next)
        if (part->data.len > 0 && anthropic_is_ours(part->origin))
            return false;
    return turn != NULL;
}

static bool demands_tool(const struct aigw_model_request *req)
{
    return req->tools && (req->tool_choice == AIGW_TOOLS_REQUIRED || req->tool_choice == AIGW_TOOLS_NAMED);
}

/* The budget is part of the output limit, and has a least size. */
static void settle_budget(struct anthropic_out *out, const struct aigw_params *params, bool has_max, bool has_budget)
{
    int64_t most = has_max ? out->max_tokens - 1 : out->most_tokens - out->quirks->max_tokens;

    out->budget = has_budget ? params->reasoning_budget : budget_of_effort(params->effort);
    if (out->budget > most)
        out->budget = most;
    if (out->budget < ANTHROPIC_BUDGET_MIN)
        give_up(out);
    else if (!has_max)
        out->max_tokens = out->budget + out->quirks->max_tokens;
}

void anthropic_settle_thinking(struct anthropic_out *out)
{
    const struct aigw_params *params = out->req->params;
    bool has_max = params && (params->set & AIGW_PARAM_MAX_TOKENS);
    bool has_budget = params && (params->set & AIGW_PARAM_REASONING_BUDGET);

    out->max_tokens = has_max ? params->max_tokens : out->quirks->max_tokens;
    if (!params)
        return;
    if (!wire_is(params->effort, "none"))
        out->effort = params->effort;
    settle_form_of_thinking(out, params, has_budget);
    /* A demanded tool leaves nothing to think about, says the API. */
    if (anthropic_is_thinking(out) && (demands_tool(out->req) || out->form == ANTHROPIC_FORM_TOOL))
        give_up(out);
    if (out->thinking == ANTHROPIC_THINK_BUDGET && lacks_thoughts(out->req))
        give_up(out);
    if (out->thinking == ANTHROPIC_THINK_BUDGET)
        settle_budget(out, params, has_max, has_budget);
    settle_effort(out);
}

void anthropic_put_thinking(struct anthropic_out *out)
{
    const struct aigw_params *params = out->req->params;
    bool is_hidden = out->refuses & ANTHROPIC_NO_BUDGET; /* unless it is asked for */

    if (out->thinking == ANTHROPIC_THINK_UNSAID || !params)
        return;
    wire_key(out->body, "thinking");
    if (out->thinking == ANTHROPIC_THINK_OFF) {
        wire_puts(out->body, "{\"type\":\"disabled\"}");
        return;
    }
    if (out->thinking == ANTHROPIC_THINK_BUDGET)
        out->host->buf_printf(out->body->buf, "{\"type\":\"enabled\",\"budget_tokens\":%lld", (long long)out->budget);
    else
        wire_puts(out->body, "{\"type\":\"adaptive\"");
    if (params->reasoning_show == AIGW_SHOW_OMIT)
        wire_puts(out->body, ",\"display\":\"omitted\"");
    else if (params->reasoning_show == AIGW_SHOW_SUMMARY || (params->reasoning_show == AIGW_SHOW_ALL && is_hidden))
        wire_puts(out->body, ",\"display\":\"summarized\"");
    wire_puts(out->body, "}");
}

/* ---- the form of the answer ---- */

static bool has_tools(const struct aigw_model_request *req)
{
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                return true;
    return req->tools != NULL;
}

aigw_status anthropic_settle_form(struct anthropic_out *out)
{
    const struct aigw_params *params = out->req->params;

    if (!params || params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (params->format > AIGW_FORMAT_SCHEMA)
        return anthropic_unsupported(out, "such format of the answer", params->format);
    out->note = "Answer with one JSON object only.";
    if (params->format == AIGW_FORMAT_JSON) {
        out->form = ANTHROPIC_FORM_WORDS;
        return AIGW_OK;
    }
    if (!wire_is_json_object(params->schema))
        return anthropic_invalid(out, "the schema of the answer is not a JSON object");
    out->form = !(out->refuses & ANTHROPIC_NO_SCHEMA) ? ANTHROPIC_FORM_SCHEMA
                : !has_tools(out->req)                ? ANTHROPIC_FORM_TOOL
                                                      : ANTHROPIC_FORM_WORDS;
    if (out->form != ANTHROPIC_FORM_WORDS) {
        out->note = NULL;
        return AIGW_OK;
    }
    out->note = wire_join(out->host, out->ctx,
                          AIGW_STR("Answer with one JSON object only. It follows this JSON Schema: "), params->schema);
    return out->note ? AIGW_OK : AIGW_E_NOMEM;
}

aigw_status anthropic_put_output_config(struct anthropic_out *out)
{
    bool has_effort = out->effort.len > 0, has_schema = out->form == ANTHROPIC_FORM_SCHEMA;
    aigw_status status = AIGW_OK;

    if (out->form == ANTHROPIC_FORM_WORDS) /* asked for, not held to */
        anthropic_drop(out, "format");
    if (!has_effort && !has_schema)
        return AIGW_OK;
    wire_key(out->body, "output_config");
    wire_puts(out->body, "{");
    if (has_effort) {
        wire_puts(out->body, "\"effort\":");
        out->host->buf_json(out->body->buf, out->effort);
    }
    if (has_schema) {
        wire_puts(out->body, has_effort ? ",\"format\":{\"type\":\"json_schema\",\"schema\":"
                                        : "\"format\":{\"type\":\"json_schema\",\"schema\":");
        status = anthropic_put_answer_schema(out, out->req->params->schema);
        wire_puts(out->body, "}");
    }
    wire_puts(out->body, "}");
    return status;
}
