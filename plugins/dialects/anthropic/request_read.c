/* request_read.c - a client's Messages body → canonical request: the members at its top. The text is checked once and
 * then read where it lies. */
#include "request_read.h"

#include <string.h>

#include "anthropic.h"

#define READ_STOPS_MAX 1024

bool reading_mark(struct reading *r, const struct aigw_json *value, bool *ret_is_marked, uint32_t *ret_ttl_s)
{
    struct aigw_json ttl;

    if (!reading_type(r, value, "cache_control", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    *ret_is_marked = reading_is(value);
    aigw_json_member(value, "ttl", &ttl);
    *ret_ttl_s = aigw_json_is_text(&ttl, "5m") ? 300 : aigw_json_is_text(&ttl, "1h") ? 3600 : 0;
    return true;
}

/* ---- the members at the top ---- */

enum {
    AT_MODEL,
    AT_MAX_TOKENS,
    AT_MESSAGES,
    AT_SYSTEM,
    AT_STREAM,
    AT_TEMPERATURE,
    AT_TOP_P,
    AT_TOP_K,
    AT_STOPS,
    AT_THINKING,
    AT_OUTPUT_CONFIG,
    AT_OUTPUT_FORMAT,
    AT_TOOLS,
    AT_TOOL_CHOICE,
    AT_METADATA,
    AT_SERVICE_TIER,
    AT_VERSION,
    AT_KNOWN, /* those behind it are the vendor's to understand */
    AT_THREAD = AT_KNOWN,
    AT_CONTAINER,
    AT_MCP_SERVERS,
    AT_COUNT
};
static const char *const at_names[AT_COUNT] = {
    [AT_MODEL] = "model",
    [AT_MAX_TOKENS] = "max_tokens",
    [AT_MESSAGES] = "messages",
    [AT_SYSTEM] = "system",
    [AT_STREAM] = "stream",
    [AT_TEMPERATURE] = "temperature",
    [AT_TOP_P] = "top_p",
    [AT_TOP_K] = "top_k",
    [AT_STOPS] = "stop_sequences",
    [AT_THINKING] = "thinking",
    [AT_OUTPUT_CONFIG] = "output_config",
    [AT_OUTPUT_FORMAT] = "output_format",
    [AT_TOOLS] = "tools",
    [AT_TOOL_CHOICE] = "tool_choice",
    [AT_METADATA] = "metadata",
    [AT_SERVICE_TIER] = "service_tier",
    [AT_VERSION] = "anthropic_version", /* a header in this form of the API */
    [AT_THREAD] = "thread",
    [AT_CONTAINER] = "container",
    [AT_MCP_SERVERS] = "mcp_servers",
};

/** The members of a body. A body may be large, and looking for one of them means to pass over all: it is done once. */
struct read_top {
    struct aigw_json root, at[AT_COUNT];
    bool has_others; /* that the canonical form has no place for */
};

static size_t find_name(const struct aigw_json *key)
{
    size_t i = 0;

    while (i < AT_COUNT && !aigw_json_is_text(key, at_names[i]))
        i++;
    return i;
}

static void find_members(struct read_top *top)
{
    struct aigw_json_walk walk = aigw_json_begin(&top->root);
    struct aigw_json key, value;

    memset(top->at, 0, sizeof top->at);
    top->has_others = false;
    while (aigw_json_next(&walk, &key, &value)) {
        size_t i = find_name(&key);

        if (i < AT_COUNT)
            top->at[i] = value;
        top->has_others |= i >= AT_KNOWN;
    }
}

/* State, containers and servers that are the vendor's own. Lists may be empty. */
static bool is_in_use(const struct aigw_json *value)
{
    return reading_is(value) && (value->type != AIGW_JSON_LIST || aigw_json_count(value) > 0);
}

/* A thread that begins brings all of its conversation: anyone can answer. Who then wants to go on with it hears that
 * there is none, and begins another one. */
static void read_vendor_only(struct reading *r, const struct aigw_json at[AT_COUNT], struct anthropic_asked *asked)
{
    struct aigw_json thread;
    size_t i = AT_KNOWN;

    aigw_json_member(&at[AT_THREAD], "type", &thread);
    r->is_continued = aigw_json_is_text(&thread, "continue");
    while (i < AT_COUNT && (!is_in_use(&at[i]) || (i == AT_THREAD && aigw_json_is_text(&thread, "create"))))
        i++;
    asked->vendor_only = i < AT_COUNT ? at_names[i] : NULL;
}

static bool read_asked(struct reading *r, aigw_str body, const struct read_top *top, struct anthropic_asked *asked)
{
    const struct aigw_json *at = top->at, *model = &at[AT_MODEL];
    struct aigw_json value, display;

    asked->insert_at = (size_t)(top->root.text.ptr - body.ptr) + 1;
    if (!reading_name(r, model, "model", &asked->model) ||
        !reading_bool(r, &at[AT_STREAM], "stream", &asked->is_stream) ||
        !reading_type(r, &at[AT_THINKING], "thinking", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    asked->model_at = (size_t)(model->text.ptr - body.ptr);
    asked->model_len = model->text.len;
    aigw_json_member(&at[AT_THINKING], "type", &value);
    aigw_json_member(&at[AT_THINKING], "display", &display);
    if (aigw_json_is_text(&value, "disabled"))
        asked->thinking = ANTHROPIC_SEE_NOTHING;
    else if (aigw_json_is_text(&display, "omitted"))
        asked->thinking = ANTHROPIC_SEE_SIGNATURE;
    read_vendor_only(r, at, asked);
    if (asked->vendor_only && r->is_for_others)
        return reading_refuse(r, asked->vendor_only,
                              "not supported by the model %.*s; leave it out, or ask for a model of Anthropic's",
                              (int)(asked->model.len < 100 ? asked->model.len : 100), asked->model.ptr);
    return true;
}

/* ---- parameters ---- */

static bool read_limit(struct reading *r, const struct aigw_json at[AT_COUNT], uint32_t kind,
                       struct aigw_params *params)
{
    bool is_given;

    if (!reading_int(r, &at[AT_MAX_TOKENS], "max_tokens", 0, &params->max_tokens, &is_given))
        return false;
    if (!is_given)
        return kind == AIGW_CALL_COUNT || reading_refuse(r, "max_tokens", "Field required");
    params->set |= AIGW_PARAM_MAX_TOKENS;
    return true;
}

static bool read_sampling(struct reading *r, const struct aigw_json at[AT_COUNT], struct aigw_params *params)
{
    bool is_given;

    if (!reading_real(r, &at[AT_TEMPERATURE], "temperature", 1, &params->temperature, &is_given))
        return false;
    params->set |= is_given ? AIGW_PARAM_TEMPERATURE : 0;
    if (!reading_real(r, &at[AT_TOP_P], "top_p", 1, &params->top_p, &is_given))
        return false;
    params->set |= is_given ? AIGW_PARAM_TOP_P : 0;
    if (!reading_int(r, &at[AT_TOP_K], "top_k", 0, &params->top_k, &is_given))
        return false;
    params->set |= is_given ? AIGW_PARAM_TOP_K : 0;
    return true;
}

static bool read_stops(struct reading *r, const struct aigw_json *list, struct aigw_params *params)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    size_t count = aigw_json_count(list);
    struct aigw_json item;
    aigw_str *stops;

    if (!reading_type(r, list, "stop_sequences", READING_OPTIONAL, AIGW_JSON_LIST))
        return false;
    if (count == 0)
        return true;
    if (count > READ_STOPS_MAX)
        return reading_refuse(r, "stop_sequences", "List should have at most %d items", READ_STOPS_MAX);
    stops = reading_alloc(r, count * sizeof *stops);
    if (!stops)
        return false;
    params->stop = stops;
    reading_into(r, "stop_sequences");
    while (aigw_json_next(&walk, NULL, &item)) {
        reading_into_item(r, params->stop_count);
        if (!reading_str(r, &item, NULL, READING_REQUIRED, &stops[params->stop_count]))
            return false;
        params->stop_count += stops[params->stop_count].len > 0; /* an empty one ends nothing */
        reading_out(r);
    }
    reading_out(r);
    return true;
}

static bool read_budget(struct reading *r, const struct aigw_json *budget, struct aigw_params *params)
{
    bool is_given;

    if (!reading_int(r, budget, "budget_tokens", 0, &params->reasoning_budget, &is_given))
        return false;
    if (!is_given)
        return reading_refuse(r, "budget_tokens", "Field required");
    params->set |= AIGW_PARAM_REASONING_BUDGET;
    return true;
}

/* A kind of thinking that is younger than this reader is the vendor's to understand. */
static bool read_thinking(struct reading *r, const struct aigw_json *thinking, struct aigw_params *params,
                          struct reading_extra *extra)
{
    enum { TYPE, DISPLAY, BUDGET, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "display", "budget_tokens" };
    struct aigw_json at[MEMBERS];
    bool is_good = true;

    if (!reading_is(thinking))
        return true;
    reading_members(r, thinking, names, MEMBERS, at);
    reading_into(r, "thinking");
    if (!reading_type(r, &at[TYPE], "type", READING_REQUIRED, AIGW_JSON_STRING) ||
        !reading_type(r, &at[DISPLAY], "display", READING_OPTIONAL, AIGW_JSON_STRING))
        return false;
    params->reasoning_show = aigw_json_is_text(&at[DISPLAY], "omitted")      ? AIGW_SHOW_OMIT
                             : aigw_json_is_text(&at[DISPLAY], "summarized") ? AIGW_SHOW_SUMMARY
                                                                             : AIGW_SHOW_DEFAULT;
    if (aigw_json_is_text(&at[TYPE], "enabled")) {
        params->reasoning = AIGW_REASONING_ON;
        is_good = read_budget(r, &at[BUDGET], params);
    } else if (aigw_json_is_text(&at[TYPE], "adaptive")) {
        params->reasoning = AIGW_REASONING_ADAPTIVE;
    } else if (aigw_json_is_text(&at[TYPE], "disabled")) {
        params->reasoning = AIGW_REASONING_OFF;
    } else {
        is_good = reading_extra_add(r, extra, AIGW_STR("\"thinking\""), thinking);
    }
    reading_out(r);
    return is_good;
}

/* {"type":"json_schema","schema":{…}} */
static bool read_format(struct reading *r, const struct aigw_json *format, const char *name, struct aigw_params *params)
{
    enum { TYPE, SCHEMA, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "schema" };
    struct aigw_json at[MEMBERS];

    if (!reading_type(r, format, name, READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, format, names, MEMBERS, at);
    if (!reading_is(format) || aigw_json_is_text(&at[TYPE], "text"))
        return true;
    reading_into(r, name);
    if (!aigw_json_is_text(&at[TYPE], "json_schema"))
        return reading_refuse(r, "type", "Input should be 'json_schema'");
    if (!reading_type(r, &at[SCHEMA], "schema", READING_REQUIRED, AIGW_JSON_OBJECT) ||
        !reading_json(r, &at[SCHEMA], &params->schema))
        return false;
    params->format = AIGW_FORMAT_SCHEMA;
    reading_out(r);
    return true;
}

static bool read_output(struct reading *r, const struct aigw_json at[AT_COUNT], struct aigw_params *params,
                        struct reading_extra *extra)
{
    struct aigw_json_walk walk = aigw_json_begin(&at[AT_OUTPUT_CONFIG]);
    struct reading_extra rest = { NULL };
    struct aigw_json key, value;
    aigw_str text = AIGW_STR_NONE;

    if (!reading_type(r, &at[AT_OUTPUT_CONFIG], "output_config", READING_OPTIONAL, AIGW_JSON_OBJECT) ||
        !read_format(r, &at[AT_OUTPUT_FORMAT], "output_format", params))
        return false;
    reading_into(r, "output_config");
    while (aigw_json_next(&walk, &key, &value)) {
        bool is_good = aigw_json_is_text(&key, "effort")
                           ? reading_str(r, &value, "effort", READING_OPTIONAL, &params->effort)
                       : aigw_json_is_text(&key, "format") ? read_format(r, &value, "format", params)
                       : reading_json(r, &key, &text)      ? reading_extra_add(r, &rest, text, &value)
                                                           : false;

        if (!is_good)
            return false;
    }
    reading_out(r);
    text = AIGW_STR_NONE;
    if (!reading_extra_end(r, &rest, &text))
        return false;
    value = (struct aigw_json){ .text = text, .type = AIGW_JSON_OBJECT };
    return text.len == 0 || reading_extra_add(r, extra, AIGW_STR("\"output_config\""), &value);
}

static bool read_user(struct reading *r, const struct aigw_json *metadata, struct aigw_params *params)
{
    static const char *const names[] = { "user_id" };
    struct aigw_json user;

    if (!reading_type(r, metadata, "metadata", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, metadata, names, 1, &user);
    reading_into(r, "metadata");
    if (!reading_str(r, &user, "user_id", READING_OPTIONAL, &params->user))
        return false;
    reading_out(r);
    return true;
}

/* What the canonical form has no place for: for a server of the same dialect. Caches only save money: no other vendor
 * is told of them. */
static bool read_others(struct reading *r, const struct read_top *top, struct reading_extra *extra)
{
    struct aigw_json_walk walk = aigw_json_begin(&top->root);
    bool is_for_others = r->is_for_others;
    struct aigw_json key, value;
    aigw_str text;

    while (top->has_others && aigw_json_next(&walk, &key, &value)) {
        bool is_nothing = is_for_others && (!is_in_use(&value) || aigw_json_is_text(&key, "cache_control"));

        if (reading_is(&value) && !is_nothing && find_name(&key) >= AT_KNOWN &&
            !(reading_json(r, &key, &text) && reading_extra_add(r, extra, text, &value)))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool read_params(struct reading *r, const struct read_top *top, struct aigw_params *params,
                        struct aigw_model_request *req)
{
    const struct aigw_json *at = top->at;
    struct reading_extra extra = { NULL };

    return read_limit(r, at, req->kind, params) && read_sampling(r, at, params) &&
           read_stops(r, &at[AT_STOPS], params) && read_thinking(r, &at[AT_THINKING], params, &extra) &&
           read_output(r, at, params, &extra) && read_user(r, &at[AT_METADATA], params) &&
           reading_str(r, &at[AT_SERVICE_TIER], "service_tier", READING_OPTIONAL, &params->service_tier) &&
           read_others(r, top, &extra) && reading_extra_end(r, &extra, &req->extra);
}

static bool read_canonical(struct reading *r, const struct read_top *top, struct aigw_model_request *req)
{
    const struct aigw_json *at = top->at;
    struct aigw_params *params = reading_alloc(r, sizeof *params);
    struct reading_turns turns = { .first = NULL };

    if (!params)
        return false;
    params->struct_size = sizeof *params;
    req->params = params;
    if (!read_params(r, top, params, req) || !reading_tools(r, &at[AT_TOOLS], &at[AT_TOOL_CHOICE], req, params) ||
        !reading_system(r, &at[AT_SYSTEM], &turns) || !reading_messages(r, &at[AT_MESSAGES], &turns))
        return false;
    if (turns.effort.len > 0)
        params->effort = turns.effort; /* of the turn that is to come */
    req->messages = turns.first;
    req->flags |= turns.is_prefill ? AIGW_REQF_PREFILL : 0;
    req->dialect = AIGW_STR(ANTHROPIC_DIALECT);
    return true;
}

/* Clients that keep their conversation at the server send all of it again, or do without threads. */
static const char *thread_code(const struct reading *r, const struct anthropic_asked *asked)
{
    if (!r->is_for_others || asked->vendor_only != at_names[AT_THREAD])
        return NULL;
    return r->is_continued ? "thread_not_found" : "thread_unsupported_request";
}

/* What came of it, in the API's words. */
static aigw_status end_reading(struct reading *r, struct anthropic_asked *asked, struct anthropic_refusal *ret_refusal)
{
    if (r->status == AIGW_OK)
        r->status = wire_later_room(&r->later, &r->memory);
    asked->has_vendor_parts = r->has_vendor_parts;
    asked->has_foreign = r->has_foreign;
    asked->later = r->later;
    asked->dropped_count = r->dropped_count;
    memcpy(asked->dropped, r->dropped, sizeof asked->dropped);
    if (r->status == AIGW_E_INVALID)
        *ret_refusal = (struct anthropic_refusal){ .http_status = 400,
                                                   .should_retry = AIGW_NO,
                                                   .retry_after_ms = -1,
                                                   .type = "invalid_request_error",
                                                   .code = thread_code(r, asked),
                                                   .param = r->param,
                                                   .message = r->message };
    return r->status;
}

aigw_status anthropic_read_request(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t kind, aigw_str body,
                                   struct anthropic_asked *ret_asked, struct aigw_model_request *ret_request,
                                   struct anthropic_refusal *ret_refusal)
{
    struct read_top top;
    struct reading r;

    reading_begin(&r, host, ctx);
    r.is_for_others = (kind & ANTHROPIC_FOR_OTHERS) != 0;
    *ret_asked = (struct anthropic_asked){ .is_stream = false };
    if (!reading_root(&r, body, &top.root))
        return end_reading(&r, ret_asked, ret_refusal);
    find_members(&top);
    if (read_asked(&r, body, &top, ret_asked) && ret_request) {
        ret_request->kind = kind & ~ANTHROPIC_FOR_OTHERS;
        read_canonical(&r, &top, ret_request);
    }
    return end_reading(&r, ret_asked, ret_refusal);
}
