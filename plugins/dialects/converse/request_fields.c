/* request_fields.c - parameters: what Converse has a place for, what goes to the model past it
 * (additionalModelRequestFields, in each vendor's spelling), and what is left out. */
#include "converse.h"

#include "../../common/json/digits.h"

#include <string.h>

#define OWN_MAX      8u
#define METADATA_MAX 256u

static bool is_claude(const struct converse_out *out)
{
    return out->quirks->model->vendor == CONVERSE_CLAUDE;
}

/* One of the three words that models other than Claude know. */
static const char *effort_of(const struct aigw_params *params)
{
    int64_t budget =
        (params->set & AIGW_PARAM_REASONING_BUDGET) ? params->reasoning_budget : converse_budget_of(params->effort);

    return budget <= 2048 ? "low" : budget <= 8192 ? "medium" : "high";
}

/* ---- members of an object ---- */

/** Members of an object that is opened with the first of them. */
struct group {
    struct converse_out *out;
    const char *name;
    uint32_t count;
};

static void group_text_key(struct group *g, aigw_str key)
{
    if (g->count == 0)
        wire_key(g->out->body, g->name);
    wire_puts(g->out->body, g->count++ > 0 ? "," : "{");
    converse_put_text(g->out, key);
    wire_puts(g->out->body, ":");
}

static void group_key(struct group *g, const char *key)
{
    group_text_key(g, wire_str(key));
}

static void group_real(struct group *g, const char *key, double value)
{
    char room[DIGITS_SIZE];

    group_key(g, key);
    wire_put(g->out->body, digits_of_double(value, room));
}

static void group_end(struct group *g)
{
    if (g->count > 0)
        wire_puts(g->out->body, "}");
}

/* ---- additionalModelRequestFields ---- */

/** It, and the members that are ours. */
struct fields {
    struct group group;
    const char *own[OWN_MAX];
    uint32_t own_count;
};

static void own_field(struct fields *f, const char *name)
{
    group_key(&f->group, name);
    if (f->own_count < OWN_MAX)
        f->own[f->own_count++] = name;
}

/* Reasoning of models that are not Claude. */
static void put_reasoning(struct fields *f, const struct aigw_params *params)
{
    enum converse_vendor vendor = f->group.out->quirks->model->vendor;
    bool is_off = params->reasoning == AIGW_REASONING_OFF || wire_is(params->effort, "none");
    bool is_on = params->reasoning >= AIGW_REASONING_ON || (params->set & AIGW_PARAM_REASONING_BUDGET);
    bool has_effort = params->effort.len > 0;
    struct converse_out *out = f->group.out;

    if (!is_off && !is_on && !has_effort)
        return;
    if (vendor == CONVERSE_NOVA && converse_takes(out, CONVERSE_THINKING)) {
        own_field(f, "reasoningConfig");
        if (is_off)
            wire_puts(out->body, "{\"type\":\"disabled\"}");
        else
            out->host->buf_printf(out->body->buf, "{\"type\":\"enabled\",\"maxReasoningEffort\":\"%s\"}",
                                  effort_of(params));
    } else if (vendor == CONVERSE_GPT_OSS && !is_off) {
        own_field(f, "reasoning_effort");
        out->host->buf_printf(out->body->buf, "\"%s\"", effort_of(params));
    } else {
        if (is_off || is_on)
            converse_drop(out, "reasoning");
        if (has_effort && vendor != CONVERSE_UNKNOWN) /* there outputConfig says it */
            converse_drop(out, "effort");
    }
}

static void put_top_k(struct fields *f, const struct aigw_params *params)
{
    static const struct {
        enum converse_vendor vendor;
        const char *name, *before, *behind;
    } rows[] = {
        { CONVERSE_CLAUDE, "top_k", "", "" },  { CONVERSE_NOVA, "inferenceConfig", "{\"topK\":", "}" },
        { CONVERSE_MISTRAL, "top_k", "", "" }, { CONVERSE_COHERE, "k", "", "" },
        { CONVERSE_OTHER, "top_k", "", "" },   { CONVERSE_UNKNOWN, "top_k", "", "" },
    };
    struct converse_out *out = f->group.out;

    if (!(params->set & AIGW_PARAM_TOP_K))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].vendor == out->quirks->model->vendor && !out->quirks->drop_sampling && !converse_is_thinking(out)) {
            own_field(f, rows[i].name);
            out->host->buf_printf(out->body->buf, "%s%lld%s", rows[i].before, (long long)params->top_k, rows[i].behind);
            return;
        }
    converse_drop(out, "top_k");
}

/* One call in a turn: Converse has no place for it, Claude's own tool_choice has. */
static aigw_status put_single_call(struct fields *f, const struct aigw_params *params)
{
    const struct aigw_model_request *req = f->group.out->req;
    struct converse_out *out = f->group.out;
    aigw_status status = AIGW_OK;
    aigw_str sent = AIGW_STR_NONE;

    if (params->parallel_calls != AIGW_NO || !req->tools || req->tool_choice == AIGW_TOOLS_NONE)
        return AIGW_OK;
    if (!is_claude(out)) {
        converse_drop(out, "parallel_calls");
        return AIGW_OK;
    }
    if (req->tool_choice == AIGW_TOOLS_NAMED)
        status = converse_demanded(out, &sent);
    own_field(f, "tool_choice");
    wire_puts(out->body, req->tool_choice == AIGW_TOOLS_REQUIRED ? "{\"type\":\"any\""
                         : req->tool_choice == AIGW_TOOLS_NAMED  ? "{\"type\":\"tool\",\"name\":"
                                                                 : "{\"type\":\"auto\"");
    if (req->tool_choice == AIGW_TOOLS_NAMED)
        converse_put_text(out, sent);
    wire_puts(out->body, ",\"disable_parallel_tool_use\":true}");
    return status;
}

static void put_betas(struct fields *f)
{
    const struct aigw_list *betas = &f->group.out->quirks->betas;

    if (betas->count == 0 || !is_claude(f->group.out))
        return;
    own_field(f, "anthropic_beta");
    for (size_t i = 0; i < betas->count; i++) {
        wire_puts(f->group.out->body, i > 0 ? "," : "[");
        converse_put_text(f->group.out, wire_str(betas->items[i]));
    }
    wire_puts(f->group.out->body, "]");
}

/* One more member, unless it is there already. */
static void merge_field(struct fields *f, const struct aigw_json *key, const struct aigw_json *value, bool is_asked)
{
    struct converse_out *out = f->group.out;
    aigw_str name = reader_text(&out->reader, key);

    for (uint32_t i = 0; i < f->own_count; i++)
        if (wire_is(name, f->own[i])) {
            if (is_asked)
                wire_drop(out->host, out->ctx, out->drops, name);
            return;
        }
    group_text_key(&f->group, name);
    wire_put(out->body, reader_json(&out->reader, value));
}

static bool has_member(const struct aigw_json *object, aigw_str name)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    while (aigw_json_next(&walk, &key, &value))
        if (key.text.len == name.len && memcmp(key.text.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

/* What the request asks for, then what the settings add. */
static void merge_fields(struct fields *f, const struct aigw_json *asked, const struct aigw_json *configured)
{
    struct aigw_json_walk walk = aigw_json_begin(asked);
    struct aigw_json key, value;

    while (aigw_json_next(&walk, &key, &value))
        merge_field(f, &key, &value, true);
    walk = aigw_json_begin(&f->group.out->extra);
    while (aigw_json_next(&walk, &key, &value))
        if (!converse_is_member(f->group.out, &key) && !has_member(asked, key.text))
            merge_field(f, &key, &value, true);
    walk = aigw_json_begin(configured);
    while (aigw_json_next(&walk, &key, &value))
        if (!has_member(asked, key.text) && !has_member(&f->group.out->extra, key.text))
            merge_field(f, &key, &value, false);
}

aigw_status converse_fields(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;
    struct fields f = { .group = { .out = out, .name = "additionalModelRequestFields" } };
    struct aigw_json asked, configured;
    aigw_status status = AIGW_OK;

    if (params) {
        if (out->thinking != CONVERSE_THINK_UNSAID && out->thinking != CONVERSE_THINK_BY_EXTRA) {
            own_field(&f, "thinking");
            converse_put_thinking(out);
        }
        if (!is_claude(out))
            put_reasoning(&f, params);
        put_top_k(&f, params);
        status = put_single_call(&f, params);
    }
    put_betas(&f);
    if (!reader_member(&out->extra, "additionalModelRequestFields", AIGW_JSON_OBJECT, &asked) &&
        aigw_json_member(&out->extra, "additionalModelRequestFields", &configured))
        return converse_invalid(out, "additionalModelRequestFields is not a JSON object");
    if (out->quirks->fields.len == 0 ||
        aigw_json_check(out->quirks->fields, AIGW_JSON_NAN, &configured, NULL) != AIGW_OK)
        configured = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    merge_fields(&f, &asked, &configured);
    group_end(&f.group);
    return status;
}

/* ---- inferenceConfig ---- */

static double between_0_and_1(double value)
{
    return value > 1 ? 1 : value >= 0 ? value : 0;
}

static void put_sampling(struct group *g, const struct aigw_params *params)
{
    struct converse_out *out = g->out;
    bool is_refused = out->quirks->drop_sampling || converse_is_thinking(out);
    bool has_temperature = params->set & AIGW_PARAM_TEMPERATURE;

    if (has_temperature && (is_refused || !(params->temperature >= 0 && params->temperature <= 1)))
        converse_drop(out, "temperature"); /* or held within its range */
    if (has_temperature && !is_refused)
        group_real(g, "temperature", between_0_and_1(params->temperature));
    /* Newer models of Claude refuse temperature together with topP. */
    if ((params->set & AIGW_PARAM_TOP_P) && (is_refused || (is_claude(out) && has_temperature)))
        converse_drop(out, "top_p");
    else if (params->set & AIGW_PARAM_TOP_P)
        group_real(g, "topP", between_0_and_1(params->top_p));
}

static void put_stops(struct group *g, const struct aigw_params *params)
{
    struct converse_out *out = g->out;
    int64_t max = out->quirks->model->max_stops;
    int64_t count = 0;

    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (params->stop[i].len == 0 || (is_claude(out) && wire_is_blank(params->stop[i])) ||
            (max >= 0 && count >= max)) {
            converse_drop(out, "stop");
            continue;
        }
        if (count == 0)
            group_key(g, "stopSequences");
        wire_puts(out->body, count++ > 0 ? "," : "[");
        converse_put_text(out, params->stop[i]);
    }
    if (count > 0)
        wire_puts(out->body, "]");
}

static void put_inference(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;
    struct group g = { .out = out, .name = "inferenceConfig" };

    if (out->max_tokens > 0) {
        group_key(&g, "maxTokens");
        out->host->buf_printf(out->body->buf, "%lld", (long long)out->max_tokens);
    }
    if (params) {
        put_sampling(&g, params);
        put_stops(&g, params);
    }
    group_end(&g);
}

/* ---- the others ---- */

static aigw_status put_output(struct converse_out *out, const struct aigw_params *params)
{
    aigw_str effort = is_claude(out) ? out->effort : AIGW_STR_NONE;
    struct group g = { .out = out, .name = "outputConfig" };
    aigw_status status = AIGW_OK;
    aigw_str schema;

    if (params->format == AIGW_FORMAT_SCHEMA && !out->quirks->emulates_schema) {
        group_key(&g, "textFormat");
        wire_puts(out->body, "{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":");
        status = converse_answer_schema(out, params->schema, &schema);
        if (status != AIGW_OK)
            return status;
        converse_put_text(out, schema);
        if (params->schema_name.len > 0) {
            wire_puts(out->body, ",\"name\":");
            converse_put_text(out, params->schema_name);
        }
        if (params->schema_description.len > 0) {
            wire_puts(out->body, ",\"description\":");
            converse_put_text(out, params->schema_description);
        }
        wire_puts(out->body, "}}}");
    }
    if (out->quirks->model->vendor == CONVERSE_UNKNOWN && !wire_is(params->effort, "none"))
        effort = wire_is(params->effort, "minimal") ? AIGW_STR("low") : params->effort;
    if (effort.len > 0) {
        group_key(&g, "effort");
        converse_put_text(out, effort);
    }
    group_end(&g);
    return status;
}

/* What the API lets stand in a value of requestMetadata. */
static bool is_metadata(aigw_str value, bool is_key)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              memchr(" :_@$#=/+,-.", c, 12)))
            return false;
    }
    return value.len <= METADATA_MAX && (!is_key || value.len > 0);
}

static void put_metadata(struct converse_out *out, const struct aigw_params *params)
{
    struct group g = { .out = out, .name = "requestMetadata" };
    struct aigw_json root, key, value;
    struct aigw_json_walk walk;

    if (params->metadata.len > 0 && aigw_json_check(params->metadata, AIGW_JSON_NAN, &root, NULL) == AIGW_OK) {
        walk = aigw_json_begin(&root);
        while (aigw_json_next(&walk, &key, &value)) {
            aigw_str name = reader_text(&out->reader, &key), text = reader_text(&out->reader, &value);

            if (value.type != AIGW_JSON_STRING || !is_metadata(name, true) || !is_metadata(text, false) ||
                wire_is(name, "user") || g.count == 15) {
                converse_drop(out, "metadata");
                continue;
            }
            group_text_key(&g, name);
            converse_put_text(out, text);
        }
    }
    if (params->user.len > 0 && is_metadata(params->user, false)) {
        group_key(&g, "user");
        converse_put_text(out, params->user);
    } else if (params->user.len > 0) {
        converse_drop(out, "user");
    }
    group_end(&g);
}

static void put_tier(struct converse_out *out, const struct aigw_params *params)
{
    static const char *const tiers[] = { "default", "priority", "flex", "reserved" };

    if (params->service_tier.len == 0 || wire_is(params->service_tier, "auto"))
        return;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (wire_is(params->service_tier, tiers[i])) {
            wire_key(out->body, "serviceTier");
            out->host->buf_printf(out->body->buf, "{\"type\":\"%s\"}", tiers[i]);
            return;
        }
    converse_drop(out, "service_tier");
}

/* The operator's. How a stream is looked at has a meaning for streams only. */
static void put_guardrail(struct converse_out *out)
{
    static const char *const names[] = { "guardrailIdentifier", "guardrailVersion", "trace", "streamProcessingMode" };
    size_t count = converse_may_stream(out->req, out->quirks) ? 4 : 3;
    struct group g = { .out = out, .name = "guardrailConfig" };
    struct aigw_json root, value;

    if (out->quirks->guardrail.len == 0 ||
        aigw_json_check(out->quirks->guardrail, AIGW_JSON_NAN, &root, NULL) != AIGW_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!aigw_json_member(&root, names[i], &value))
            continue;
        group_key(&g, names[i]);
        if (value.type == AIGW_JSON_STRING)
            wire_put(out->body, reader_json(&out->reader, &value));
        else /* a version that was written as a number */
            converse_put_text(out, value.text);
    }
    group_end(&g);
}

aigw_status converse_params(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;
    aigw_status status;

    put_inference(out);
    status = converse_fields(out);
    if (params) {
        wire_drop_openai_params(out->host, out->ctx, out->drops, params);
        if (status == AIGW_OK)
            status = put_output(out, params);
        put_metadata(out, params);
        put_tier(out, params);
    }
    put_guardrail(out);
    if (out->quirks->latency && out->quirks->latency[0]) {
        wire_key(out->body, "performanceConfig");
        out->host->buf_printf(out->body->buf, "{\"latency\":\"%s\"}", out->quirks->latency);
    }
    return status;
}
