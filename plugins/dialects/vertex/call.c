/* call.c - see vertex.h. A model's own dialect stands in the body; what differs is where its name and the version are
 * said. */
#include "vertex.h"

#include <string.h>

#define CLAUDE_VERSION "vertex-2023-10-16"

static enum vertex_speaks speaks_of(enum vertex_publisher publisher)
{
    return publisher == VERTEX_ANTHROPIC ? VERTEX_SPEAKS_ANTHROPIC
           : publisher == VERTEX_MISTRAL ? VERTEX_SPEAKS_MISTRAL
           : publisher == VERTEX_OPENAPI ? VERTEX_SPEAKS_OPENAI
                                         : VERTEX_SPEAKS_GEMINI;
}

/* Claude's and Mistral's methods. */
static const char *raw_predict(bool is_stream)
{
    return is_stream ? ":streamRawPredict" : ":rawPredict";
}

/* ---- bodies that are built ---- */

/** A request on its way. */
struct vertex_out {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct vertex_site *site;
    const struct aigw_model_request *req;
    struct vertex_place *place;
    struct vertex_call *call;
    struct aigw_http_request *http;
};

static aigw_status gemini_request(struct vertex_out *out)
{
    const struct gemini_quirks quirks = {
        .is_vertex = !out->site->is_studio,
        .openapi_schema = strcmp(out->site->schema, "auto") == 0 ? gemini_wants_openapi_schema(out->place->model)
                                                                 : strcmp(out->site->schema, "openapi") == 0,
        .names = &out->call->of.gemini.names,
    };

    gemini_begin(&out->call->of.gemini, out->req);
    out->place->method = gemini_method(out->req, &quirks);
    return gemini_body(out->host, out->ctx, out->place->model, out->req, &quirks, &out->call->of.gemini.drops,
                       &out->http->body);
}

/* A count names its model in the body, and not in the URL. */
static aigw_status claude_request(struct vertex_out *out)
{
    const struct aigw_model_request *req = out->req;
    struct anthropic_call *call = &out->call->of.anthropic;
    bool is_count = req->kind == AIGW_CALL_COUNT;
    aigw_str model = out->place->model;
    const struct anthropic_quirks quirks = {
        .max_tokens = out->site->max_tokens,
        .drop_sampling = wire_model_drops_temperature(model),
        .refuses_prefill = wire_model_refuses_prefill(model),
        .cache_ttl = out->site->cache_ttl,
        .version = is_count ? NULL : CLAUDE_VERSION,
        .omit_model = !is_count,
        .names = &call->names,
    };

    if (req->kind != AIGW_CALL_CHAT && !is_count)
        return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "Claude has no %s; use another model for it",
                               req->kind == AIGW_CALL_EMBEDDING    ? "embeddings"
                               : req->kind == AIGW_CALL_COMPLETION ? "raw completions"
                                                                   : "such call");
    call->asks = is_count ? ANTHROPIC_ASKS_COUNT : ANTHROPIC_ASKS_ANSWER;
    if (is_count)
        out->place->model = AIGW_STR("count-tokens");
    out->place->method = raw_predict((req->flags & AIGW_REQF_STREAM) && !is_count);
    return anthropic_body(out->host, out->ctx, model, req, &quirks, &call->drops, &out->http->body);
}

/* The version of a model stands in the URL only. */
static aigw_status mistral_request(struct vertex_out *out)
{
    struct openai_call *call = &out->call->of.mistral.openai;
    const struct mistral_quirks quirks = { .names = &call->names };
    aigw_str model = out->place->model;
    const char *at = memchr(model.ptr, '@', model.len);
    aigw_status status = openai_begin(out->host, out->ctx, out->req, false, call, out->http);

    if (at)
        model.len = (size_t)(at - model.ptr);
    if (status == AIGW_OK && call->path != MISTRAL_CHAT && call->path != MISTRAL_FIM)
        status = out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "Vertex AI has no embeddings of Mistral's");
    out->place->method = raw_predict(out->req->flags & AIGW_REQF_STREAM);
    return status == AIGW_OK
               ? mistral_body(out->host, out->ctx, call->path, model, out->req, &quirks, &call->drops, &out->http->body)
               : status;
}

static aigw_status openapi_request(struct vertex_out *out)
{
    aigw_str model = out->place->model;
    struct openai_quirks quirks = openai_quirks_of(openai_profile("plain", AIGW_STR_NONE), model);
    struct openai_call *call = &out->call->of.openai;
    aigw_status status;

    quirks.names = &call->names;
    quirks.stops = &call->stops;
    if (out->req->kind != AIGW_CALL_CHAT)
        return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "models such as %.*s have nothing but chats on Vertex AI",
                               (int)(model.len < 100 ? model.len : 100), model.ptr);
    status = openai_begin(out->host, out->ctx, out->req, false, call, out->http);
    return status == AIGW_OK
               ? openai_body(out->host, out->ctx, OPENAI_CHAT, model, out->req, &quirks, &call->drops, &out->http->body)
               : status;
}

/* ---- the client's own bytes ---- */

/* Anthropic's API as its own host has it: the model goes into the URL, the version into the body. */
static aigw_status claude_raw(struct vertex_out *out)
{
    static const char *const elsewhere[] = { "model", NULL };
    const struct aigw_raw *raw = out->req->raw;
    struct anthropic_call *call = &out->call->of.anthropic;
    aigw_str model = out->place->model;
    struct wire_body body;
    aigw_status status;

    call->asks = anthropic_asks_at(raw->path);
    if (call->asks == ANTHROPIC_ASKS_COUNT) {
        out->place->model = AIGW_STR("count-tokens");
        out->place->method = raw_predict(false);
        return wire_raw_body(out->host, out->ctx, raw, model, "", &out->http->body);
    }
    if (call->asks != ANTHROPIC_ASKS_ANSWER)
        return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED,
                               "of Anthropic's API Vertex AI has messages and counts of tokens only");
    out->place->method = raw_predict(raw->flags & AIGW_RAWF_STREAM);
    status = wire_begin(&body, out->host, out->ctx);
    if (status != AIGW_OK)
        return status;
    wire_string(&body, "anthropic_version", AIGW_STR(CLAUDE_VERSION));
    status = wire_members(&body, raw->body, elsewhere, NULL);
    return status == AIGW_OK ? wire_end(&body, &out->http->body) : status;
}

static aigw_status raw_request(struct vertex_out *out)
{
    const struct aigw_raw *raw = out->req->raw;
    struct vertex_call *call = out->call;
    struct aigw_buf *buf = out->host->buf_new(out->ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    uint32_t flags = raw->path.len == 0 ? raw->flags : 0;

    if (!buf)
        return AIGW_E_NOMEM;
    switch (call->speaks) {
    case VERTEX_SPEAKS_ANTHROPIC:
        call->of.anthropic.raw = buf;
        call->of.anthropic.raw_flags = flags;
        if (wire_is(raw->dialect, ANTHROPIC_DIALECT))
            return claude_raw(out);
        break;
    case VERTEX_SPEAKS_MISTRAL:
    case VERTEX_SPEAKS_OPENAI:
        call->of.openai.path = OPENAI_CHAT;
        call->of.openai.choice_count = OPENAI_CHOICES_MAX;
        call->of.openai.raw = buf;
        call->of.openai.raw_flags = flags;
        call->speaks = VERTEX_SPEAKS_OPENAI;
        break;
    default:
        call->of.gemini.kind = AIGW_CALL_CHAT;
        call->of.gemini.raw = buf;
        call->of.gemini.raw_flags = flags;
    }
    return wire_raw_body(out->host, out->ctx, raw, out->place->model, "", &out->http->body);
}

/* ---- the whole ---- */

aigw_status vertex_begin(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                         const struct aigw_model_request *req, struct vertex_place *place, struct vertex_call *call,
                         struct aigw_http_request *ret_http)
{
    static aigw_status (*const requests[])(struct vertex_out *) = {
        [VERTEX_SPEAKS_GEMINI] = gemini_request,
        [VERTEX_SPEAKS_ANTHROPIC] = claude_request,
        [VERTEX_SPEAKS_MISTRAL] = mistral_request,
        [VERTEX_SPEAKS_OPENAI] = openapi_request,
    };
    struct vertex_out out = { host, ctx, site, req, place, call, ret_http };
    bool is_stream = req->raw ? req->raw->flags & AIGW_RAWF_STREAM
                              : (req->flags & AIGW_REQF_STREAM) &&
                                    (req->kind == AIGW_CALL_CHAT || req->kind == AIGW_CALL_COMPLETION);

    call->speaks = speaks_of(place->publisher);
    ret_http->method = "POST";
    ret_http->framing = is_stream ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    return req->raw ? raw_request(&out) : requests[call->speaks](&out);
}

aigw_status vertex_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct vertex_call *call,
                         const struct aigw_frame *frame)
{
    switch (call->speaks) {
    case VERTEX_SPEAKS_ANTHROPIC:
        return anthropic_frame(host, ctx, &call->of.anthropic, frame);
    case VERTEX_SPEAKS_MISTRAL:
        return mistral_frame(host, ctx, &call->of.mistral, frame);
    case VERTEX_SPEAKS_OPENAI:
        return openai_frame(host, ctx, &call->of.openai, frame);
    default:
        return gemini_frame(host, ctx, &call->of.gemini, frame);
    }
}

/* Google refuses before a publisher's server is asked, in words of its own. */
static bool is_of_google(aigw_str body)
{
    struct aigw_json root, error, status;
    struct aigw_json_walk walk;

    if (aigw_json_check(body, 0, &root, NULL) != AIGW_OK)
        return false;
    walk = aigw_json_begin(&root);
    if (root.type == AIGW_JSON_LIST && !aigw_json_next(&walk, NULL, &root))
        return false;
    aigw_json_member(&root, "error", &error);
    return aigw_json_member(&error, "status", &status) && status.type == AIGW_JSON_STRING;
}

void vertex_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_call *call,
                    const struct aigw_http_failure *failure, struct aigw_error *ret_error)
{
    static void (*const failures[])(const struct aigw_host *, struct aigw_ctx *, const struct aigw_http_failure *,
                                    struct aigw_error *) = {
        [VERTEX_SPEAKS_GEMINI] = gemini_failure,
        [VERTEX_SPEAKS_ANTHROPIC] = anthropic_failure,
        [VERTEX_SPEAKS_MISTRAL] = mistral_failure,
        [VERTEX_SPEAKS_OPENAI] = openai_failure,
    };

    failures[is_of_google(failure->body) ? VERTEX_SPEAKS_GEMINI : call->speaks](host, ctx, failure, ret_error);
}
