/* request_write.c - canonical request → Anthropic's Messages body: parameters, and the whole. */
#include "request_write.h"

#include "../common/read.h"

#include <string.h>

static const char *const anthropic_reserved[] = { "model",       "messages",          "system", "stream", "tools",
                                                  "tool_choice", "anthropic_version", NULL };

aigw_status anthropic_unsupported(struct anthropic_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "the Anthropic dialect has no %s (%u)", what, number);
}

aigw_status anthropic_no_part(struct anthropic_out *out, const char *what, uint32_t part_type)
{
    return wire_no_part(out->host, out->ctx, "the Anthropic dialect", what, part_type);
}

aigw_status anthropic_invalid(struct anthropic_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent in the Anthropic dialect: %s", what);
}

void anthropic_drop(struct anthropic_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

/* ---- parameters ---- */

static void put_sampling(struct anthropic_out *out, const struct aigw_params *params)
{
    bool is_refused = out->quirks->drop_sampling || anthropic_is_thinking(out);
    bool has_temperature = params->set & AIGW_PARAM_TEMPERATURE;

    if (has_temperature && (is_refused || params->temperature > 1 || params->temperature < 0))
        anthropic_drop(out, "temperature"); /* or held within its range */
    if (has_temperature && !is_refused)
        wire_double(out->body, "temperature",
                    params->temperature < 0   ? 0
                    : params->temperature > 1 ? 1
                                              : params->temperature);
    /* Newer models refuse temperature together with top_p. */
    if ((params->set & AIGW_PARAM_TOP_P) && (is_refused || has_temperature))
        anthropic_drop(out, "top_p");
    else if (params->set & AIGW_PARAM_TOP_P)
        wire_double(out->body, "top_p", params->top_p);
    if ((params->set & AIGW_PARAM_TOP_K) && is_refused)
        anthropic_drop(out, "top_k");
    else if (params->set & AIGW_PARAM_TOP_K)
        wire_int(out->body, "top_k", params->top_k);
}

static void put_stops(struct anthropic_out *out, const struct aigw_params *params)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (wire_is_blank(params->stop[i])) { /* refused */
            anthropic_drop(out, "stop");
            continue;
        }
        if (count == 0)
            wire_key(out->body, "stop_sequences");
        wire_puts(out->body, count++ > 0 ? "," : "[");
        out->host->buf_json(out->body->buf, params->stop[i]);
    }
    if (count > 0)
        wire_puts(out->body, "]");
}

/* What a client reads in the answer cannot be left out without a lie. */
static aigw_status check_params(struct anthropic_out *out, const struct aigw_params *params)
{
    if (params->choice_count > 1)
        return wire_lacks(out->host, out->ctx, "n", "the Anthropic dialect", "more than one answer to a call");
    if (params->want_logprobs == AIGW_YES)
        return wire_lacks(out->host, out->ctx, "logprobs", "the Anthropic dialect", "log probabilities");
    return AIGW_OK;
}

/* The API wants no name of a person there. */
static void put_user(struct anthropic_out *out, aigw_str user)
{
    static const char digits[] = "0123456789abcdef";
    bool is_address = user.len > 0 && memchr(user.ptr, '@', user.len);
    uint8_t digest[32];
    char text[2 * sizeof digest];

    if (user.len == 0)
        return;
    if (is_address && out->host->sha256(out->ctx, user, digest) != AIGW_OK) {
        anthropic_drop(out, "user");
        return;
    }
    for (size_t i = 0; is_address && i < sizeof digest; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    wire_key(out->body, "metadata");
    wire_puts(out->body, "{\"user_id\":");
    out->host->buf_json(out->body->buf, is_address ? (aigw_str){ text, sizeof text } : user);
    wire_puts(out->body, "}");
}

static void anthropic_params(struct anthropic_out *out, const struct aigw_params *params)
{
    put_sampling(out, params);
    put_stops(out, params);
    wire_drop_openai_params(out->host, out->ctx, out->drops, params);
    if (wire_is(params->service_tier, "auto") || wire_is(params->service_tier, "standard_only"))
        wire_string(out->body, "service_tier", params->service_tier);
    else if (params->service_tier.len > 0)
        anthropic_drop(out, "service_tier");
    put_user(out, params->user);
}

/* ---- the whole ---- */

/* Extra members may ask for thinking, in whichever form they say. */
static bool asks_for_thinking(const struct aigw_json *extra)
{
    struct aigw_json thinking, type;

    if (!reader_member(extra, "thinking", AIGW_JSON_OBJECT, &thinking))
        return false;
    return !aigw_json_member(&thinking, "type", &type) || !aigw_json_is_text(&type, "disabled");
}

static aigw_status put_call(struct anthropic_out *out, const struct aigw_json *extra)
{
    const struct aigw_params *params = out->req->params;
    bool is_count = out->req->kind == AIGW_CALL_COUNT;
    aigw_status status = params ? check_params(out, params) : AIGW_OK;

    if (status == AIGW_OK && out->quirks->refuses_prefill && !is_count)
        status = wire_check_prefill(out->host, out->ctx, out->req);
    if (status == AIGW_OK)
        status = anthropic_settle_form(out);
    if (status != AIGW_OK)
        return status;
    anthropic_settle_thinking(out);
    if (!is_count)
        wire_int(out->body, "max_tokens", out->max_tokens);
    anthropic_put_thinking(out);
    if (out->thinking == ANTHROPIC_THINK_UNSAID && asks_for_thinking(extra))
        out->thinking = ANTHROPIC_THINK_ADAPTIVE;
    /* An answer that was begun has no room for thoughts before it, nor for a form. */
    out->has_no_prefill =
        out->quirks->refuses_prefill || anthropic_is_thinking(out) || out->form == ANTHROPIC_FORM_SCHEMA;
    if (params && !is_count)
        anthropic_params(out, params);
    status = anthropic_put_output_config(out);
    anthropic_count_marks(out);
    if (status == AIGW_OK)
        status = anthropic_put_tools(out);
    if (status == AIGW_OK)
        status = anthropic_put_turns(out);
    if (status == AIGW_OK && (out->req->flags & AIGW_REQF_STREAM) && !is_count && !out->quirks->omit_stream) {
        wire_key(out->body, "stream");
        wire_puts(out->body, "true");
    }
    return status;
}

aigw_status anthropic_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                           const struct aigw_model_request *req, const struct anthropic_quirks *quirks,
                           struct wire_drops *drops, aigw_str *ret_body)
{
    struct aigw_json members = { .type = AIGW_JSON_ABSENT };
    struct wire_body body;
    struct anthropic_out out = { .host = host,
                                 .ctx = ctx,
                                 .body = &body,
                                 .quirks = quirks,
                                 .req = req,
                                 .drops = drops,
                                 .refuses = anthropic_model_refuses(model),
                                 .most_tokens = anthropic_model_most_tokens(model) };
    aigw_str extra = req->extra;
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    /* Members in another vendor's spelling would mean something else here, or nothing. */
    out.is_foreign = !anthropic_is_ours(req->dialect);
    if (out.is_foreign) {
        status = wire_drop_members(host, ctx, drops, extra);
        extra = AIGW_STR_NONE;
    }
    if (status != AIGW_OK ||
        (extra.len > 0 && (aigw_json_check(extra, 0, &members, NULL) != AIGW_OK || members.type != AIGW_JSON_OBJECT)))
        return anthropic_invalid(&out, "the extra members are not a JSON object");
    if (quirks->version)
        wire_string(&body, "anthropic_version", wire_str(quirks->version));
    if (!quirks->omit_model)
        wire_string(&body, "model", model);
    status = put_call(&out, &members);
    if (status == AIGW_OK)
        status = wire_members(&body, extra, anthropic_reserved, drops);
    if (status == AIGW_OK)
        status = wire_settle_drops(host, ctx, drops, req, "the Anthropic dialect");
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
    return status;
}
