/* request_write.c - canonical request → the body of Converse, ConverseStream or CountTokens. */
#include "converse.h"

#include "../anthropic/request_write.h"

#include <string.h>

static const char *const reserved[] = { "messages", "system", "modelId", "toolConfig", NULL };

aigw_status converse_unsupported(struct converse_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "Bedrock's Converse API has no %s (%u)", what, number);
}

aigw_status converse_no_part(struct converse_out *out, const char *what, uint32_t part_type)
{
    return wire_no_part(out->host, out->ctx, "Bedrock's Converse API", what, part_type);
}

aigw_status converse_model_lacks(struct converse_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "%s: this model takes no %s on Bedrock (known as \"%s\")",
                           what, what, out->quirks->model->pattern);
}

aigw_status converse_invalid(struct converse_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent in the Converse dialect: %s", what);
}

void converse_drop(struct converse_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

bool converse_takes(const struct converse_out *out, uint32_t what)
{
    return (out->quirks->takes & what) == what;
}

bool converse_is_ours(aigw_str origin)
{
    return origin.len == 0 || wire_is(origin, CONVERSE_DIALECT);
}

void converse_put_text(struct converse_out *out, aigw_str text)
{
    out->host->buf_json(out->body->buf, text);
}

/* What Bedrock holds an answer to has the limits that Anthropic's API has, whoever made the model: objects are closed,
 * and there are no bounds. */
aigw_status converse_answer_schema(struct converse_out *out, aigw_str schema, aigw_str *ret_text)
{
    struct wire_body body = { .host = out->host,
                              .ctx = out->ctx,
                              .buf = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX) };
    struct anthropic_out writer = { .host = out->host, .ctx = out->ctx, .body = &body };
    aigw_status status = body.buf ? anthropic_put_answer_schema(&writer, schema) : AIGW_E_NOMEM;

    return status == AIGW_OK ? out->host->buf_view(body.buf, ret_text) : status;
}

aigw_status converse_put_schema(struct converse_out *out, aigw_str schema)
{
    struct aigw_json root, key, value;
    struct aigw_json_walk walk;
    uint32_t count = 0;

    if (aigw_json_check(schema, AIGW_JSON_NAN, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return converse_invalid(out, "a JSON Schema is not a JSON object");
    wire_puts(out->body, "{");
    if (!aigw_json_member(&root, "type", &value)) {
        wire_puts(out->body, "\"type\":\"object\"");
        count++;
    }
    walk = aigw_json_begin(&root);
    while (aigw_json_next(&walk, &key, &value)) {
        if (aigw_json_is_text(&key, "$schema"))
            continue;
        wire_puts(out->body, count++ > 0 ? "," : "");
        wire_put(out->body, reader_json(&out->reader, &key));
        wire_puts(out->body, ":");
        wire_put(out->body, reader_json(&out->reader, &value));
    }
    wire_puts(out->body, "}");
    return AIGW_OK;
}

/* ---- how it is asked for ---- */

static bool thinks(const struct aigw_params *params)
{
    return params->reasoning == AIGW_REASONING_ON || params->reasoning == AIGW_REASONING_ADAPTIVE ||
           (params->set & AIGW_PARAM_REASONING_BUDGET);
}

static bool lists_tools(const struct aigw_model_request *req)
{
    if (req->tools)
        return true;
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                return true;
    return false;
}

bool converse_asks_by_tool(const struct aigw_model_request *req, const struct converse_quirks *quirks)
{
    const uint32_t needed = CONVERSE_TOOLS | CONVERSE_CHOICE_NAMED;

    return req->params && req->params->format == AIGW_FORMAT_SCHEMA && quirks->emulates_schema &&
           (quirks->takes & needed) == needed && !lists_tools(req) && !thinks(req->params);
}

bool converse_has_calls(const struct aigw_model_request *req)
{
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOL_CALL || part->type == AIGW_PART_TOOL_RESULT)
                return true;
    return false;
}

bool converse_may_stream(const struct aigw_model_request *req, const struct converse_quirks *quirks)
{
    return (req->flags & AIGW_REQF_STREAM) && req->kind == AIGW_CALL_CHAT &&
           ((quirks->takes & CONVERSE_TOOL_STREAM) || (!lists_tools(req) && !converse_has_calls(req)));
}

/* What a format that the API or the model cannot hold to becomes: an instruction. Absent for none. */
static aigw_status note_of(struct converse_out *out, aigw_str *ret_note)
{
    static const char json[] = "Answer with one JSON object only.";
    static const char schema[] = "Answer with one JSON object only, one that follows this JSON Schema: ";
    const struct aigw_params *params = out->req->params;
    const char *text;

    *ret_note = AIGW_STR_NONE;
    if (!params || params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (params->format > AIGW_FORMAT_SCHEMA)
        return converse_unsupported(out, "such format of the answer", params->format);
    if (params->format == AIGW_FORMAT_SCHEMA) {
        if (!wire_is_json_object(params->schema))
            return converse_invalid(out, "the schema of the answer is not a JSON object");
        if (!out->quirks->emulates_schema || converse_asks_by_tool(out->req, out->quirks))
            return AIGW_OK;
    }
    converse_drop(out, "format"); /* asked for in words: the model need not follow */
    *ret_note = wire_str(json);
    if (params->format == AIGW_FORMAT_JSON)
        return AIGW_OK;
    text = wire_join(out->host, out->ctx, wire_str(schema), params->schema);
    *ret_note = wire_str(text);
    return text ? AIGW_OK : AIGW_E_NOMEM;
}

/* ---- the whole ---- */

static bool is_taken(const struct converse_out *out, const struct aigw_json *key)
{
    for (uint32_t i = 0; i < out->body->key_count; i++)
        if (aigw_json_is_text(key, out->body->keys[i]))
            return true;
    for (const char *const *name = reserved; *name; name++)
        if (aigw_json_is_text(key, *name))
            return true;
    /* Whoever asks must not get out of the operator's guardrail. */
    return out->quirks->guardrail.len > 0 && aigw_json_is_text(key, "guardrailConfig");
}

bool converse_is_member(const struct converse_out *out, const struct aigw_json *key)
{
    static const char *const names[] = { "additionalModelRequestFields",
                                         "additionalModelResponseFieldPaths",
                                         "guardrailConfig",
                                         "inferenceConfig",
                                         "outputConfig",
                                         "performanceConfig",
                                         "projectIdentifier",
                                         "promptVariables",
                                         "requestMetadata",
                                         "serviceTier" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (aigw_json_is_text(key, names[i]))
            return true;
    for (const char *const *name = reserved; *name; name++)
        if (aigw_json_is_text(key, *name))
            return true;
    return out->req->dialect.len > 0;
}

/* The request's own members, but for those that stand there already. */
static aigw_status put_extra(struct converse_out *out)
{
    struct aigw_json_walk walk = aigw_json_begin(&out->extra);
    struct aigw_json key, value;

    while (aigw_json_next(&walk, &key, &value)) {
        if (aigw_json_is_text(&key, "additionalModelRequestFields") || !converse_is_member(out, &key))
            continue; /* merged with ours: request_fields.c */
        if (is_taken(out, &key)) {
            wire_drop(out->host, out->ctx, out->drops, reader_text(&out->reader, &key));
            continue;
        }
        wire_puts(out->body, ",");
        wire_put(out->body, reader_json(&out->reader, &key));
        wire_puts(out->body, ":");
        wire_put(out->body, reader_json(&out->reader, &value));
    }
    return AIGW_OK;
}

/* What a client reads in the answer cannot be left out without a lie. */
static aigw_status check_params(struct converse_out *out, const struct aigw_params *params)
{
    if (params->choice_count > 1)
        return wire_lacks(out->host, out->ctx, "n", "Bedrock's Converse API", "more than one answer to a call");
    if (params->want_logprobs == AIGW_YES)
        return wire_lacks(out->host, out->ctx, "logprobs", "Bedrock's Converse API", "log probabilities");
    return AIGW_OK;
}

static aigw_status put_call(struct converse_out *out)
{
    bool is_count = out->req->kind == AIGW_CALL_COUNT;
    aigw_status status = out->req->params ? check_params(out, out->req->params) : AIGW_OK;
    aigw_str note;

    if (status == AIGW_OK)
        status = note_of(out, &note);
    if (status != AIGW_OK)
        return status;
    converse_settle_thinking(out);
    converse_count_marks(out);
    status = converse_tools(out);
    if (status == AIGW_OK)
        status = converse_turns(out, note);
    if (status == AIGW_OK)
        status = is_count ? converse_fields(out) : converse_params(out);
    return status == AIGW_OK && !is_count ? put_extra(out) : status;
}

aigw_status converse_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                          const struct aigw_model_request *req, const struct converse_quirks *quirks,
                          struct wire_drops *drops, aigw_str *ret_body)
{
    bool is_count = req->kind == AIGW_CALL_COUNT, is_ours = converse_is_ours(req->dialect);
    aigw_str extra = is_ours && req->extra.len > 0 ? req->extra : AIGW_STR("{}");
    struct wire_body body;
    struct converse_out out = { .host = host, .ctx = ctx, .body = &body, .quirks = quirks, .req = req, .drops = drops };
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    /* Members in another vendor's spelling would mean something else here, or nothing. */
    if (!is_ours && wire_drop_members(host, ctx, drops, req->extra) != AIGW_OK)
        return converse_invalid(&out, "the extra members are not a JSON object");
    if (!reader_begin(&out.reader, extra, &out.extra) || out.extra.type != AIGW_JSON_OBJECT)
        status = converse_invalid(&out, "the extra members are not a JSON object");
    if (status == AIGW_OK && quirks->refuses_prefill && !is_count && wire_contains(model, "claude"))
        status = wire_check_prefill(host, ctx, req);
    if (is_count)
        wire_puts(&body, "\"input\":{\"converse\":{");
    if (status == AIGW_OK)
        status = put_call(&out);
    if (status == AIGW_OK)
        status =
            out.reader.is_short ? AIGW_E_NOMEM : wire_settle_drops(host, ctx, drops, req, "Bedrock's Converse API");
    if (is_count)
        wire_puts(&body, "}}");
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
    reader_end(&out.reader);
    return status;
}
