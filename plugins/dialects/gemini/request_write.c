/* request_write.c - canonical request → the body of generateContent, of a count or of embeddings. */
#include "gemini.h"

#include <string.h>

aigw_status gemini_unsupported(struct gemini_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "the Gemini dialect has no %s (%u)", what, number);
}

aigw_status gemini_no_part(struct gemini_out *out, const char *what, uint32_t part_type)
{
    return wire_no_part(out->host, out->ctx, "the Gemini dialect", what, part_type);
}

aigw_status gemini_invalid(struct gemini_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent in the Gemini dialect: %s", what);
}

void gemini_drop(struct gemini_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

aigw_status gemini_name_tool(struct gemini_out *out, uint32_t kind, aigw_str scope, aigw_str name, aigw_str *ret_sent)
{
    return names_send(out->host, out->ctx, out->quirks->names, kind, scope, name, GEMINI_NAME_MAX, ret_sent);
}

/* ---- extra members ---- */

static bool has_key(const struct wire_body *to, const struct aigw_json *key)
{
    for (uint32_t i = 0; i < to->key_count; i++)
        if (aigw_json_is_text(key, to->keys[i]))
            return true;
    return false;
}

/* NUL-terminated, for the list of keys. */
static const char *name_of(struct gemini_out *out, const struct aigw_json *key)
{
    char *room = out->host->alloc(out->ctx, AIGW_LIFE_BUILD, aigw_json_room(key) + 1);
    aigw_str text = room ? aigw_json_text_in(key, room) : AIGW_STR_NONE;

    return room ? wire_join(out->host, out->ctx, text, AIGW_STR_NONE) : NULL;
}

static bool is_listed(const char *const *names, const struct aigw_json *key)
{
    for (; names && *names; names++)
        if (aigw_json_is_text(key, *names))
            return true;
    return false;
}

aigw_status gemini_merge(struct gemini_out *out, struct wire_body *to, aigw_str object, const char *const *reserved,
                         const char *const *merged)
{
    struct aigw_json_walk walk;
    struct aigw_json root, key, value;

    if (object.len == 0)
        return AIGW_OK;
    if (aigw_json_check(object, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return gemini_invalid(out, "the extra members are not a JSON object");
    walk = aigw_json_begin(&root);
    while (aigw_json_next(&walk, &key, &value)) {
        const char *name = name_of(out, &key);

        if (!name)
            return AIGW_E_NOMEM;
        if (value.type == AIGW_JSON_OBJECT && is_listed(merged, &key))
            continue;
        if (has_key(to, &key) || is_listed(reserved, &key)) {
            gemini_drop(out, name);
            continue;
        }
        if (to->key_count == WIRE_KEYS_MAX)
            return out->host->fail(out->ctx, AIGW_E_LIMIT, "the request has more than %d members", WIRE_KEYS_MAX);
        wire_puts(to, to->key_count > 0 ? "," : "");
        to->keys[to->key_count++] = name;
        out->host->buf_json(to->buf, wire_str(name));
        wire_puts(to, ":");
        wire_put(to, value.text);
    }
    return AIGW_OK;
}

/* ---- tools ---- */

/* Without any parameter there is no schema: an object without properties is refused in the older form. */
static bool has_parameters(aigw_str schema)
{
    struct aigw_json root, properties;

    if (schema.len == 0 || aigw_json_check(schema, 0, &root, NULL) != AIGW_OK)
        return schema.len > 0;
    if (root.type == AIGW_JSON_NULL)
        return false;
    aigw_json_member(&root, "properties", &properties);
    return root.type != AIGW_JSON_OBJECT || aigw_json_count(&properties) > 0 ||
           (aigw_json_count(&root) > 0 && properties.type == AIGW_JSON_ABSENT &&
            !aigw_json_member(&root, "type", &properties));
}

static aigw_status put_function(struct gemini_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    aigw_str words = names_describe(out->host, out->ctx, tool);
    aigw_str schema = tool->kind == AIGW_TOOL_FREE_TEXT ? AIGW_STR(NAMES_TEXT_SCHEMA) : tool->parameters;
    aigw_status status = AIGW_OK;

    wire_puts(out->body, "{\"name\":");
    out->host->buf_json(out->body->buf, sent);
    if (words.len > 0) {
        wire_puts(out->body, ",\"description\":");
        out->host->buf_json(out->body->buf, words);
    }
    if (has_parameters(schema)) {
        wire_puts(out->body, out->quirks->openapi_schema ? ",\"parameters\":" : ",\"parametersJsonSchema\":");
        status = gemini_put_schema(out, out->body, schema);
    }
    if (tool->origin.len > 0 && !wire_is(tool->origin, GEMINI_DIALECT))
        wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    else if (status == AIGW_OK && tool->extra.len > 0 && wire_splice(out->body, tool->extra) != AIGW_OK)
        status = gemini_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(out->body, "}");
    return status;
}

/* What is put of the tools. */
struct gemini_listed {
    uint32_t functions, servers;
    aigw_str named; /* what the demanded one is sent as; absent: it is not among them */
};

static aigw_status put_functions(struct gemini_out *out, const struct aigw_tool *tools,
                                 const struct aigw_model_request *req, struct gemini_listed *listed)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        aigw_str sent;

        if (tool->kind > AIGW_TOOL_SERVER)
            return gemini_unsupported(out, "such kind of tool", tool->kind);
        if (tool->kind == AIGW_TOOL_SERVER || !wire_is_allowed(req->params, tool->name))
            continue;
        status = gemini_name_tool(out, tool->kind, tool->scope, tool->name, &sent);
        if (status != AIGW_OK)
            return status;
        if (listed->functions == 0)
            wire_key(out->body, "tools");
        wire_puts(out->body, listed->functions++ > 0 ? "," : "[{\"functionDeclarations\":[");
        if (req->tool_choice_name.len > 0 && wire_same(tool->name, req->tool_choice_name))
            listed->named = sent;
        status = put_function(out, tool, sent);
    }
    return status;
}

/* Tools that the server runs are entries of their own; those of other vendors it does not have. */
static void put_servers(struct gemini_out *out, const struct aigw_tool *tools, struct gemini_listed *listed)
{
    for (const struct aigw_tool *tool = tools; tool; tool = tool->next) {
        if (tool->kind != AIGW_TOOL_SERVER)
            continue;
        if (!wire_is(tool->origin, GEMINI_DIALECT) || !wire_is_json_object(tool->extra)) {
            wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
            continue;
        }
        if (listed->functions + listed->servers == 0)
            wire_key(out->body, "tools");
        wire_puts(out->body, listed->functions + listed->servers > 0 ? "," : "[");
        listed->servers++;
        wire_put(out->body, tool->extra);
    }
}

static aigw_status put_tools(struct gemini_out *out, const struct aigw_model_request *req, struct gemini_listed *listed)
{
    aigw_status status = put_functions(out, req->tools, req, listed);

    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                status = put_functions(out, part->tools, req, listed);
    wire_puts(out->body, listed->functions > 0 ? "]}" : "");
    put_servers(out, req->tools, listed);
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                put_servers(out, part->tools, listed);
    wire_puts(out->body, listed->functions + listed->servers > 0 ? "]" : "");
    return status;
}

/* `more`: members of the client's own toolConfig, JSON text of an object or absent. */
static aigw_status put_choice(struct gemini_out *out, const struct aigw_model_request *req,
                              const struct gemini_listed *listed, aigw_str more)
{
    bool is_any = req->tool_choice == AIGW_TOOLS_REQUIRED || req->tool_choice == AIGW_TOOLS_NAMED;
    struct wire_body config;
    aigw_str text;
    aigw_status status;

    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return gemini_unsupported(out, "such choice of tools", req->tool_choice);
    if (req->tool_choice == AIGW_TOOLS_NAMED && (listed->functions > 0 || req->tools) && listed->named.len == 0)
        return wire_lacks_tool(out->host, out->ctx);
    if (listed->functions == 0 && req->tool_choice != AIGW_TOOLS_AUTO)
        gemini_drop(out, "tool_choice");
    status = wire_begin(&config, out->host, out->ctx);
    if (status != AIGW_OK)
        return status;
    if (listed->functions > 0 && req->tool_choice != AIGW_TOOLS_AUTO) {
        wire_key(&config, "functionCallingConfig");
        wire_puts(&config, is_any ? "{\"mode\":\"ANY\"" : "{\"mode\":\"NONE\"");
        if (req->tool_choice == AIGW_TOOLS_NAMED) {
            wire_puts(&config, ",\"allowedFunctionNames\":[");
            out->host->buf_json(config.buf, listed->named);
            wire_puts(&config, "]");
        }
        wire_puts(&config, "}");
    }
    status = gemini_merge(out, &config, more, NULL, NULL);
    if (status != AIGW_OK || config.key_count == 0)
        return status;
    status = wire_end(&config, &text);
    wire_key(out->body, "toolConfig");
    wire_put(out->body, text);
    return status;
}

/* ---- a chat ---- */

/* The member of the extra ones that is merged with ours. */
static aigw_str extra_member(aigw_str extra, const char *name)
{
    struct aigw_json root, value;

    if (extra.len == 0 || aigw_json_check(extra, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK)
        return AIGW_STR_NONE;
    return aigw_json_member(&root, name, &value) && value.type == AIGW_JSON_OBJECT ? value.text : AIGW_STR_NONE;
}

static aigw_status put_chat(struct gemini_out *out, const struct aigw_model_request *req)
{
    static const char *const reserved[] = {
        "contents",    "systemInstruction", "system_instruction", "tools", "toolConfig",
        "tool_config", "generationConfig",  "generation_config",  NULL
    };
    /* Their members were merged into ours; under a name of the other spelling they would contradict. */
    static const char *const merged[] = { "generationConfig", "toolConfig", NULL };
    struct gemini_listed listed = { .functions = 0 };
    const char *note = NULL;
    aigw_str config = extra_member(req->extra, merged[0]), choice = extra_member(req->extra, merged[1]);
    bool is_count = req->kind == AIGW_CALL_COUNT;
    aigw_status status = put_tools(out, req, &listed);

    if (status == AIGW_OK && !(is_count && out->quirks->is_vertex))
        status = put_choice(out, req, &listed, choice);
    if (status == AIGW_OK)
        status = gemini_params(out, req, config, listed.functions > 0, &note);
    if (status == AIGW_OK && req->params && req->params->parallel_calls == AIGW_NO && listed.functions > 0)
        gemini_drop(out, "parallel_calls"); /* the first call of the answer is kept */
    if (status == AIGW_OK)
        status = gemini_contents(out, req, note);
    if (status != AIGW_OK || req->extra.len == 0)
        return status;
    return gemini_merge(out, out->body, req->extra, reserved, merged);
}

/* AI Studio counts a whole request, which names its model once more. */
static aigw_status put_count(struct gemini_out *out, const struct aigw_model_request *req)
{
    struct wire_body *outer = out->body, inner;
    aigw_str text;
    aigw_status status = wire_begin(&inner, out->host, out->ctx);

    if (status != AIGW_OK)
        return status;
    wire_string(&inner, "model", wire_str(wire_join(out->host, out->ctx, AIGW_STR("models/"), out->model_name)));
    out->body = &inner;
    status = put_chat(out, req);
    out->body = outer;
    if (status == AIGW_OK)
        status = wire_end(&inner, &text);
    if (status != AIGW_OK)
        return status;
    wire_key(outer, "generateContentRequest");
    wire_put(outer, text);
    return AIGW_OK;
}

/* ---- embeddings ---- */

/* What the text is for, in their word; absent when nothing is said or known. */
static aigw_str task_of(struct gemini_out *out, aigw_str word)
{
    static const struct {
        const char *word, *task;
    } rows[] = {
        { "query", "RETRIEVAL_QUERY" },
        { "search_query", "RETRIEVAL_QUERY" },
        { "retrieval_query", "RETRIEVAL_QUERY" },
        { "document", "RETRIEVAL_DOCUMENT" },
        { "passage", "RETRIEVAL_DOCUMENT" },
        { "search_document", "RETRIEVAL_DOCUMENT" },
        { "retrieval_document", "RETRIEVAL_DOCUMENT" },
        { "similarity", "SEMANTIC_SIMILARITY" },
        { "semantic_similarity", "SEMANTIC_SIMILARITY" },
        { "classification", "CLASSIFICATION" },
        { "clustering", "CLUSTERING" },
        { "question_answering", "QUESTION_ANSWERING" },
        { "fact_verification", "FACT_VERIFICATION" },
        { "code", "CODE_RETRIEVAL_QUERY" },
        { "code_retrieval_query", "CODE_RETRIEVAL_QUERY" },
    };

    for (size_t i = 0; word.len > 0 && i < sizeof rows / sizeof *rows; i++)
        if (wire_same_word(word, rows[i].word))
            return wire_str(rows[i].task);
    if (word.len > 0)
        gemini_drop(out, "input_type");
    return AIGW_STR_NONE;
}

static void put_instance(struct gemini_out *out, aigw_str text, aigw_str task)
{
    wire_puts(out->body, "{\"content\":");
    out->host->buf_json(out->body->buf, text);
    if (task.len > 0) {
        wire_puts(out->body, ",\"task_type\":");
        out->host->buf_json(out->body->buf, task);
    }
    wire_puts(out->body, "}");
}

static void put_embed_request(struct gemini_out *out, aigw_str text, aigw_str task, int32_t dimensions)
{
    wire_puts(out->body, "{\"model\":");
    out->host->buf_json(out->body->buf, wire_str(wire_join(out->host, out->ctx, AIGW_STR("models/"), out->model_name)));
    wire_puts(out->body, ",\"content\":{\"parts\":[{\"text\":");
    out->host->buf_json(out->body->buf, text);
    wire_puts(out->body, "}]}");
    if (task.len > 0) {
        wire_puts(out->body, ",\"taskType\":");
        out->host->buf_json(out->body->buf, task);
    }
    if (dimensions > 0)
        out->host->buf_printf(out->body->buf, ",\"outputDimensionality\":%d", (int)dimensions);
    wire_puts(out->body, "}");
}

static aigw_status put_embeddings(struct gemini_out *out, const struct aigw_model_request *req)
{
    aigw_str task = task_of(out, req->input_type);

    wire_key(out->body, out->quirks->is_vertex ? "instances" : "requests");
    wire_puts(out->body, "[");
    for (uint32_t i = 0; i < req->input_count; i++) {
        wire_puts(out->body, i > 0 ? "," : "");
        if (out->quirks->is_vertex)
            put_instance(out, req->inputs[i], task);
        else
            put_embed_request(out, req->inputs[i], task, req->dimensions);
    }
    wire_puts(out->body, "]");
    if (out->quirks->is_vertex && req->dimensions > 0) {
        wire_key(out->body, "parameters");
        out->host->buf_printf(out->body->buf, "{\"outputDimensionality\":%d}", (int)req->dimensions);
    }
    if (req->params && req->params->user.len > 0)
        gemini_drop(out, "user");
    return gemini_merge(out, out->body, req->extra, NULL, NULL);
}

/* ---- all ---- */

aigw_status gemini_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                        const struct aigw_model_request *req, const struct gemini_quirks *quirks,
                        struct wire_drops *drops, aigw_str *ret_body)
{
    struct wire_body body;
    struct gemini_out out = { .host = host,
                              .ctx = ctx,
                              .body = &body,
                              .quirks = quirks,
                              .drops = drops,
                              .model_name = model,
                              .model = gemini_model_of(model) };
    struct aigw_model_request plain = *req; /* without members in another vendor's spelling */
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    out.is_foreign = req->dialect.len > 0 && !wire_is(req->dialect, GEMINI_DIALECT);
    if (out.is_foreign) {
        if (wire_drop_members(host, ctx, drops, req->extra) != AIGW_OK)
            return gemini_invalid(&out, "the extra members are not a JSON object");
        plain.extra = AIGW_STR_NONE;
        req = &plain;
    }
    if (req->kind == AIGW_CALL_EMBEDDING)
        status = put_embeddings(&out, req);
    else if (req->kind == AIGW_CALL_COUNT && !quirks->is_vertex)
        status = put_count(&out, req);
    else if (req->kind == AIGW_CALL_CHAT || req->kind == AIGW_CALL_COUNT)
        status = put_chat(&out, req);
    else
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the Gemini dialect has no %s",
                          req->kind == AIGW_CALL_COMPLETION ? "raw completions" : "such call");
    if (status == AIGW_OK)
        status = wire_settle_drops(host, ctx, drops, req, "the Gemini dialect");
    return status == AIGW_OK ? wire_end(&body, ret_body) : status;
}

const char *gemini_method(const struct aigw_model_request *req, const struct gemini_quirks *quirks)
{
    if (req->kind == AIGW_CALL_EMBEDDING)
        return quirks->is_vertex ? ":predict" : ":batchEmbedContents";
    if (req->kind == AIGW_CALL_COUNT)
        return ":countTokens";
    return (req->flags & AIGW_REQF_STREAM) ? ":streamGenerateContent?alt=sse" : ":generateContent";
}

void gemini_begin(struct gemini_call *call, const struct aigw_model_request *req)
{
    call->kind = req->kind;
    call->input_count = req->input_count;
    call->wants_single = req->params && req->params->parallel_calls == AIGW_NO;
    call->has_one_choice = !req->params || req->params->choice_count <= 1;
}
