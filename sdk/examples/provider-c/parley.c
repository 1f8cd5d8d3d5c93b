/* parley.c - a provider in C for a made-up server that speaks JSON and streams server-sent events.
 *
 * Upstream: POST {base_url}/v1/talk
 *               {"model":"m","stream":true,"turns":[{"from":"user","text":"hi"}],"limit":9,"warmth":0.5}
 *           data: {"say":"Hel"}                             a piece of the answer
 *           data: {"stop":"end","in":12,"out":3}            its end: "end" or "limit", and the tokens
 *           data: {"error":{"code":"busy","message":"…"}}   a failure on the way
 *           A refusal has a status of 400 or more and the body {"error":{"code":"…","message":"…"}}.
 *           Without "stream" the answer is one object with all the members.
 * State:    struct parley, one per conf.d group, read-only after open().
 * Call:     struct parley_call, one per attempt.
 */
#include <string.h>

#include <aigw/json.h>
#include <aigw/sdk.h>

#define BODY_MAX ((size_t)32 << 20)
#define TEXT_MAX ((size_t)4 << 20) /* of one event, unescaped */

struct parley {
    const struct aigw_host *host;
    const char *base_url, *api_key; /* filled from parley_settings before open() */
    int64_t limit;
};

struct parley_call {
    uint32_t dropped; /* AIGW_PARAM_* that were given, until those of parley_unknown among them were reported */
};

static const struct aigw_setting parley_settings[] = {
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_REQUIRED | AIGW_SETF_URL,
      .offset = offsetof(struct parley, base_url),
      .help = "Root URL of the Parley server." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct parley, api_key),
      .help = "Key for base_url; left out when empty." },
    { .name = "limit",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct parley, limit),
      .default_value = "1024",
      .min = 1,
      .max = 1000000,
      .help = "Longest answer in tokens, for requests that do not say." },
};

static aigw_status parley_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct parley *state = self;

    (void)ctx;
    state->host = host;
    return AIGW_OK;
}

/* ---- the request ---- */

/* Parameters that the server has no word for. They are left out, and said so. */
static const struct {
    uint32_t bit;
    const char *name;
} parley_unknown[] = {
    { AIGW_PARAM_TOP_P, "top_p" },
    { AIGW_PARAM_TOP_K, "top_k" },
    { AIGW_PARAM_MIN_P, "min_p" },
    { AIGW_PARAM_SEED, "seed" },
    { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty" },
    { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty" },
    { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty" },
    { AIGW_PARAM_MIN_TOKENS, "min_tokens" },
    { AIGW_PARAM_REASONING_BUDGET, "reasoning_budget" },
    { AIGW_PARAM_TOP_LOGPROBS, "top_logprobs" },
};

/* One message: a turn for each of its texts. What the server cannot be told is refused, never dropped: the next target
 * may be able to. */
static aigw_status put_turns(const struct parley *state, struct aigw_ctx *ctx, struct aigw_buf *body,
                             const struct aigw_message *message, const char **comma)
{
    static const char *const names[] = { "", "rules", "user", "model", "", "rules" };
    const struct aigw_host *host = state->host;

    if (message->role >= sizeof names / sizeof *names || !*names[message->role] || message->extra.len > 0)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "Parley has no turn for a message of role %u, or for its extra members",
                          (unsigned)message->role);
    for (const struct aigw_part *part = message->parts; part; part = part->next) {
        if (part->type != AIGW_PART_TEXT || part->extra.len > 0)
            return host->fail(ctx, AIGW_E_UNSUPPORTED, "Parley takes texts only, found a part of type %u",
                              (unsigned)part->type);
        host->buf_printf(body, "%s{\"from\":\"%s\",\"text\":", *comma, names[message->role]);
        host->buf_json(body, part->text); /* never as it is: a text may hold quotes and line feeds */
        host->buf_put(body, "}", 1);
        *comma = ",";
    }
    return AIGW_OK;
}

/* Members that only the client and the server understand: merged, once they are known to be JSON. */
static aigw_status put_extra(const struct parley *state, struct aigw_ctx *ctx, struct aigw_buf *body, aigw_str extra)
{
    struct aigw_json root;

    if (extra.len == 0)
        return AIGW_OK;
    if (aigw_json_check(extra, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return state->host->fail(ctx, AIGW_E_INVALID, "the request's extra members are no JSON object");
    if (aigw_json_count(&root) == 0)
        return AIGW_OK;
    state->host->buf_put(body, ",", 1);
    state->host->buf_put(body, root.text.ptr + 1, root.text.len - 2); /* without its braces */
    return AIGW_OK;
}

static void put_params(const struct parley *state, struct aigw_buf *body, const struct aigw_model_request *req)
{
    const struct aigw_params *params = req->params;
    uint32_t set = params ? params->set : 0;

    state->host->buf_printf(body, ",\"limit\":%lld",
                            (long long)(set & AIGW_PARAM_MAX_TOKENS ? params->max_tokens : state->limit));
    if (set & AIGW_PARAM_TEMPERATURE)
        state->host->buf_printf(body, ",\"warmth\":%.9g", params->temperature);
    if (req->flags & AIGW_REQF_STREAM)
        state->host->buf_printf(body, ",\"stream\":true");
}

static aigw_status put_body(const struct parley *state, struct aigw_ctx *ctx, const struct aigw_target *target,
                            const struct aigw_model_request *req, aigw_str *ret_body)
{
    const struct aigw_host *host = state->host;
    struct aigw_buf *body = host->buf_new(ctx, AIGW_LIFE_BUILD, BODY_MAX);
    const char *comma = "";
    aigw_status status = AIGW_OK;

    if (!body)
        return AIGW_E_NOMEM;
    host->buf_printf(body, "{\"model\":");
    host->buf_json(body, target->model);
    host->buf_printf(body, ",\"turns\":[");
    for (const struct aigw_message *message = req->messages; message && status == AIGW_OK; message = message->next)
        status = put_turns(state, ctx, body, message, &comma);
    host->buf_printf(body, "]");
    put_params(state, body, req);
    if (status == AIGW_OK)
        status = put_extra(state, ctx, body, req->extra);
    host->buf_printf(body, "}");
    return status == AIGW_OK ? host->buf_view(body, ret_body) : status; /* whatever went wrong above shows here */
}

/* The client's own key goes where the client wants; ours goes to our own server and nowhere else. */
static const char *authorization(const struct parley *state, struct aigw_ctx *ctx, const struct aigw_target *target)
{
    if (target->api_key.len > 0)
        return state->host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %.*s", AIGW_STR_ARG(target->api_key));
    if ((target->flags & AIGW_TARGETF_CALLER_ENDPOINT) || !state->api_key || !*state->api_key)
        return NULL;
    return state->host->format(ctx, AIGW_LIFE_BUILD, "Authorization: Bearer %s", state->api_key);
}

static aigw_status parley_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct parley *state = self;
    const struct aigw_host *host = state->host;
    const char **headers = host->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof *headers);
    aigw_status status;

    if (req->kind != AIGW_CALL_CHAT || req->tools)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "Parley knows chats without tools, found a call of kind %u%s",
                          (unsigned)req->kind, req->tools ? " with tools" : "");
    status = put_body(state, ctx, target, req, &ret_http->body);
    if (status != AIGW_OK)
        return status;
    ret_http->method = "POST";
    ret_http->url = target->endpoint.len > 0
                        ? host->format(ctx, AIGW_LIFE_BUILD, "%.*s/v1/talk", AIGW_STR_ARG(target->endpoint))
                        : host->format(ctx, AIGW_LIFE_BUILD, "%s/v1/talk", state->base_url);
    if (!headers || !ret_http->url)
        return AIGW_E_NOMEM;
    headers[ret_http->header_count++] = "Content-Type: application/json";
    headers[ret_http->header_count] = authorization(state, ctx, target);
    ret_http->header_count += headers[ret_http->header_count] ? 1 : 0;
    ret_http->headers = headers;
    ret_http->framing = req->flags & AIGW_REQF_STREAM ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    ((struct parley_call *)call)->dropped = req->params ? req->params->set : 0;
    return AIGW_OK;
}

/* ---- the answer ---- */

/* Say which parameters were left out, before anything else. */
static aigw_status report_dropped(struct aigw_ctx *ctx, const struct parley *state, struct parley_call *call)
{
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < sizeof parley_unknown / sizeof *parley_unknown && status == AIGW_OK; i++)
        if (call->dropped & parley_unknown[i].bit) {
            const char *name = parley_unknown[i].name;
            const struct aigw_event event = { .struct_size = sizeof event,
                                              .type = AIGW_EVENT_DROPPED,
                                              .name = { name, strlen(name) } };

            status = state->host->emit(ctx, &event);
        }
    call->dropped = 0;
    return status;
}

/* A string member in memory of the frame; absent when it is none. */
static aigw_str text_of(const struct aigw_json *value, struct aigw_memory *memory)
{
    aigw_str text;

    return aigw_json_text(value, memory, &text) == AIGW_OK ? text : AIGW_STR_NONE;
}

static uint32_t error_kind(aigw_str code, uint32_t otherwise)
{
    static const struct {
        aigw_str code;
        uint32_t kind;
    } rows[] = {
        { AIGW_STR_INIT("busy"), AIGW_ERR_OVERLOADED },
        { AIGW_STR_INIT("too_long"), AIGW_ERR_CONTEXT_TOO_LONG },
        { AIGW_STR_INIT("no_such_model"), AIGW_ERR_NOT_FOUND },
        { AIGW_STR_INIT("forbidden_topic"), AIGW_ERR_REFUSED },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (code.len == rows[i].code.len && memcmp(code.ptr, rows[i].code.ptr, code.len) == 0)
            return rows[i].kind;
    return otherwise;
}

/* The members of {"code":…,"message":…} into an error that has its defaults already. */
static void read_error(const struct aigw_json *found, struct aigw_memory *memory, struct aigw_error *error)
{
    struct aigw_json member;
    aigw_str text;

    if (aigw_json_member(found, "code", &member) && (text = text_of(&member, memory)).len > 0) {
        error->kind = error_kind(text, error->kind);
        error->code = text;
    }
    if (aigw_json_member(found, "message", &member) && (text = text_of(&member, memory)).len > 0)
        error->message = text;
}

static aigw_status emit_error(struct aigw_ctx *ctx, const struct parley *state, const struct aigw_json *found,
                              struct aigw_memory *memory)
{
    struct aigw_error error = { .struct_size = sizeof error, .kind = AIGW_ERR_SERVER, .retry_after_ms = -1 };
    const struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    error.message = AIGW_STR("the server failed on the way");
    read_error(found, memory, &error);
    return state->host->emit(ctx, &event);
}

/* The end of the answer: tokens, then the reason. */
static aigw_status emit_end(struct aigw_ctx *ctx, const struct parley *state, const struct aigw_json *members,
                            struct aigw_memory *memory)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };
    aigw_status status = AIGW_OK;

    if (aigw_json_int(&members[2], &usage.input) && aigw_json_int(&members[3], &usage.output))
        status = state->host->emit(ctx, &event);
    if (status != AIGW_OK)
        return status;
    event = (struct aigw_event){ .struct_size = sizeof event, .type = AIGW_EVENT_FINISH };
    event.text = text_of(&members[1], memory);
    event.finish = aigw_json_is_text(&members[1], "limit") ? AIGW_FINISH_LENGTH
                   : aigw_json_is_text(&members[1], "end") ? AIGW_FINISH_STOP
                                                           : AIGW_FINISH_UNKNOWN;
    status = state->host->emit(ctx, &event);
    return status == AIGW_OK ? AIGW_DONE : status; /* nothing more is waited for */
}

static aigw_status read_frame(struct aigw_ctx *ctx, const struct parley *state, aigw_str data,
                              struct aigw_memory *memory)
{
    static const char *const names[] = { "say", "stop", "in", "out", "error" };
    struct aigw_json root, members[5];
    aigw_status status = AIGW_OK;

    if (aigw_json_check(data, 0, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return state->host->fail(ctx, AIGW_E_UPSTREAM, "the server sent an event that is no JSON object");
    aigw_json_members(&root, names, 5, members);
    if (members[4].type == AIGW_JSON_OBJECT)
        return emit_error(ctx, state, &members[4], memory);
    if (members[0].type == AIGW_JSON_STRING) {
        const struct aigw_event event = { .struct_size = sizeof event,
                                          .type = AIGW_EVENT_TEXT,
                                          .text = text_of(&members[0], memory) };

        status = state->host->emit(ctx, &event);
    }
    return status == AIGW_OK && members[1].type == AIGW_JSON_STRING ? emit_end(ctx, state, members, memory) : status;
}

/* One event, or a whole answer: both are one object. Texts with escapes live as long as this function runs. */
static aigw_status parley_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct parley *state = self;
    struct aigw_pool pool = { 0 };
    struct aigw_memory memory = aigw_pool_memory(&pool, TEXT_MAX);
    aigw_status status = report_dropped(ctx, state, call);

    if (status == AIGW_OK)
        status = read_frame(ctx, state, frame->data, &memory);
    aigw_pool_free(&pool);
    return status;
}

/* A copy that lives as long as the request. */
static aigw_str keep(const struct parley *state, struct aigw_ctx *ctx, aigw_str text)
{
    char *copy = text.len > 0 ? state->host->alloc(ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    return copy ? (aigw_str){ memcpy(copy, text.ptr, text.len), text.len } : AIGW_STR_NONE;
}

/* A refusal: the status is understood by the core already, the body may say it better. */
static void parley_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                           struct aigw_error *ret_error)
{
    const struct parley *state = self;
    struct aigw_pool pool = { 0 };
    struct aigw_memory memory = aigw_pool_memory(&pool, TEXT_MAX);
    struct aigw_json root, error;

    (void)call;
    if (aigw_json_check(failure->body, 0, &root, NULL) == AIGW_OK && aigw_json_member(&root, "error", &error)) {
        read_error(&error, &memory, ret_error);
        ret_error->code = keep(state, ctx, ret_error->code);
        ret_error->message = keep(state, ctx, ret_error->message);
    }
    aigw_pool_free(&pool);
}

static const struct aigw_provider_ops parley_ops = {
    .struct_size = sizeof parley_ops,
    .call_size = sizeof(struct parley_call),
    .open = parley_open,
    .request = parley_request,
    .frame = parley_frame,
    .failure = parley_failure,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "parley", .version = "1.0.0", .summary = "Chats of a Parley server",
            .state_size = sizeof(struct parley), AIGW_SETTINGS(parley_settings), .provider = &parley_ops);
