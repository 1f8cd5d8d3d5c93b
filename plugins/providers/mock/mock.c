/* mock.c - provider plugin that answers by itself, the same way every time: for tests, demonstrations and for trying
 * clients without a model.
 *
 * Upstream: none. Every knob is a setting, and a request may turn it: by `extra` ({"mock":{"delay_ms":50}}), or by the
 *           model's name ("mock-delay-50-fail-overloaded").
 * State:    struct mock, one per conf.d group, read-only after open().
 */
#include "mock.h"

#include "../../dialects/common/read.h"

#include <stdlib.h>
#include <string.h>

static const struct aigw_setting mock_settings[] = {
    { .name = "response",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct mock, knobs.response),
      .default_value = "print(\"Hello from the mock model\")\n",
      .help = "What every call answers. {model} stands for the model's name, {prompt} for the last user text." },
    { .name = "echo",
      .type = AIGW_SET_BOOL,
      .offset = offsetof(struct mock, knobs.echo),
      .default_value = "false",
      .help = "Answer with the last user text instead of response." },
    { .name = "tokens_per_second",
      .type = AIGW_SET_DOUBLE,
      .offset = offsetof(struct mock, knobs.tokens_per_second),
      .default_value = "0",
      .min = 0,
      .max = 100000,
      .help = "Speed of a streamed answer; 0 uses delay_ms." },
    { .name = "delay_ms",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.delay_ms),
      .default_value = "0",
      .min = 0,
      .max = 600000,
      .help = "Pause before each further piece of a streamed answer, milliseconds." },
    { .name = "first_delay_ms",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.first_delay_ms),
      .default_value = "0",
      .min = 0,
      .max = 600000,
      .help = "Pause before the answer begins, milliseconds." },
    { .name = "chunk",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.chunk),
      .default_value = "0",
      .min = 0,
      .max = 65536,
      .help = "Bytes per streamed piece; 0 streams word by word." },
    { .name = "repeat",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.repeat),
      .default_value = "1",
      .min = 1,
      .max = 10000,
      .help = "How often the response is repeated, for long answers." },
    { .name = "fail",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct mock, knobs.fail),
      .default_value = "none",
      .choices = "none|bad_request|auth|permission|not_found|context_too_long|rate_limited|overloaded|server|timeout|"
                 "protocol|refused|cut|stall",
      .help = "Fail with this error. cut ends without a finish reason, stall never goes on." },
    { .name = "fail_after",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.fail_after),
      .default_value = "0",
      .min = 0,
      .max = 1000000,
      .help = "Pieces delivered before the failure." },
    { .name = "retry_after_ms",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct mock, knobs.retry_after_ms),
      .default_value = "-1",
      .min = -1,
      .max = 86400000,
      .help = "What a failure tells the caller to wait, milliseconds; -1 says nothing." },
    { .name = "reasoning",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct mock, knobs.reasoning),
      .help = "Thoughts delivered before the answer." },
};

static aigw_status mock_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct mock *mock = self;

    mock->host = host;
    if (!mock->knobs.response[0])
        return host->fail(ctx, AIGW_E_CONFIG, "response: is empty; an answer must have some text");
    return AIGW_OK;
}

/* ---- knobs of one request ---- */

/* The setting that a knob's name means: "delay" will do for "delay_ms". NULL when there is none. */
static const struct aigw_setting *mock_knob(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof mock_settings / sizeof *mock_settings; i++) {
        const char *known = mock_settings[i].name;

        if (strncmp(known, name, len) == 0 && (known[len] == '\0' || strcmp(known + len, "_ms") == 0))
            return &mock_settings[i];
    }
    return NULL;
}

/* Set one knob by name from text. Unknown names and bad values are ignored: a model's name may hold anything. */
static void mock_turn(struct mock_knobs *knobs, const char *name, const char *value)
{
    const struct aigw_setting *setting = mock_knob(name);
    void *field;
    double number;

    if (!setting || !value)
        return;
    field = (char *)knobs + (setting->offset - offsetof(struct mock, knobs));
    number = strtod(value, NULL);
    if (setting->type == AIGW_SET_STRING)
        *(const char **)field = value;
    else if (setting->type == AIGW_SET_BOOL)
        *(int32_t *)field = strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
    else if (number >= setting->min && number <= setting->max && setting->type == AIGW_SET_INT)
        *(int64_t *)field = (int64_t)number;
    else if (number >= setting->min && number <= setting->max)
        *(double *)field = number;
}

/* "mock-delay-50-echo" */
static void mock_turn_by_model(struct mock_knobs *knobs, char *model)
{
    char *save = NULL;

    for (char *name = strtok_r(model, "-", &save); name; name = strtok_r(NULL, "-", &save)) {
        if (strcmp(name, "echo") == 0)
            mock_turn(knobs, name, "true");
        else if (mock_knob(name))
            mock_turn(knobs, name, strtok_r(NULL, "-", &save));
    }
}

static aigw_status mock_turn_by_extra(const struct mock *mock, struct aigw_ctx *ctx, struct mock_knobs *knobs,
                                      aigw_str extra)
{
    struct aigw_json root, group, name, value;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;
    struct reader reader;

    reader_begin(&reader, extra, &root);
    reader_member(&root, "mock", AIGW_JSON_OBJECT, &group);
    walk = aigw_json_begin(&group);
    while (status == AIGW_OK && aigw_json_next(&walk, &name, &value)) {
        aigw_str text = value.type == AIGW_JSON_STRING ? reader_text(&reader, &value) : reader_json(&reader, &value);
        const char *knob =
            mock->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(reader_text(&reader, &name)));
        const char *turned = mock->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(text));

        if (!knob || !turned || reader.is_short)
            status = AIGW_E_NOMEM;
        else
            mock_turn(knobs, knob, value.type == AIGW_JSON_NULL ? NULL : turned);
    }
    reader_end(&reader);
    return status;
}

/* ---- request ---- */

static aigw_str mock_last_user(const struct aigw_model_request *req)
{
    aigw_str last = AIGW_STR_NONE;

    if (req->kind == AIGW_CALL_COMPLETION)
        return req->prompt;
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->role == AIGW_ROLE_USER ? msg->parts : NULL; part; part = part->next)
            if (part->type == AIGW_PART_TEXT)
                last = part->text;
    return last;
}

static int64_t mock_input_len(const struct aigw_model_request *req)
{
    size_t len = req->prompt.len + req->suffix.len;

    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            len += part->text.len;
    for (uint32_t i = 0; i < req->input_count; i++)
        len += req->inputs[i].len;
    return (int64_t)len;
}

/* The answer's text: template filled in, repeated, cut at the first stop sequence. */
static aigw_status mock_render(const struct mock *mock, struct aigw_ctx *ctx, const struct aigw_target *target,
                               const struct aigw_model_request *req, struct mock_call *call)
{
    const struct aigw_host *host = mock->host;
    struct aigw_buf *out = host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    aigw_str prompt = mock_last_user(req);
    bool use_echo = call->knobs.echo && !wire_is_blank(prompt);
    aigw_status status;

    if (!out)
        return AIGW_E_NOMEM;
    for (int64_t n = 0; n < call->knobs.repeat; n++) {
        aigw_str rest = use_echo ? prompt : wire_str(call->knobs.response);

        while (rest.len > 0) {
            if (!use_echo && wire_has_prefix(rest, "{model}")) {
                host->buf_put(out, target->model.ptr, target->model.len);
                rest = (aigw_str){ rest.ptr + 7, rest.len - 7 };
            } else if (!use_echo && wire_has_prefix(rest, "{prompt}")) {
                host->buf_put(out, prompt.ptr, prompt.len);
                rest = (aigw_str){ rest.ptr + 8, rest.len - 8 };
            } else {
                const char *brace = use_echo ? NULL : memchr(rest.ptr + 1, '{', rest.len - 1);
                size_t plain = brace ? (size_t)(brace - rest.ptr) : rest.len;

                host->buf_put(out, rest.ptr, plain);
                rest = (aigw_str){ rest.ptr + plain, rest.len - plain };
            }
        }
    }
    status = host->buf_view(out, &call->text);
    for (uint32_t i = 0; status == AIGW_OK && req->params && i < req->params->stop_count; i++) {
        const aigw_str *stop = &req->params->stop[i];
        const char *at = stop->len > 0 ? memmem(call->text.ptr, call->text.len, stop->ptr, stop->len) : NULL;

        if (at && at > call->text.ptr) /* an answer is never empty */
            call->text.len = (size_t)(at - call->text.ptr);
    }
    return status;
}

static aigw_status mock_embeddings_prepare(const struct mock *mock, struct aigw_ctx *ctx,
                                           const struct aigw_model_request *req, struct mock_call *call)
{
    call->input_count = req->input_count;
    call->dimensions = req->dimensions > 0 && req->dimensions <= 4096 ? (uint32_t)req->dimensions : 8;
    call->seeds = mock->host->alloc(ctx, AIGW_LIFE_REQUEST, (req->input_count + 1) * sizeof *call->seeds);
    if (!call->seeds)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < req->input_count; i++) {
        uint32_t hash = 2166136261u; /* FNV-1a: equal texts get equal vectors */

        for (size_t n = 0; n < req->inputs[i].len; n++)
            hash = (hash ^ (unsigned char)req->inputs[i].ptr[n]) * 16777619u;
        call->seeds[i] = hash;
    }
    return AIGW_OK;
}

/* What is unknown is refused: nobody could say what it asks for. */
static aigw_status mock_check(const struct mock *mock, struct aigw_ctx *ctx, const struct aigw_model_request *req)
{
    const struct aigw_host *host = mock->host;

    if (req->kind < AIGW_CALL_CHAT || req->kind > AIGW_CALL_COUNT)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the mock model has no such call (kind %u)", req->kind);
    if (req->params && req->params->choice_count > 1)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the mock model gives one answer to a call, not %u",
                          req->params->choice_count);
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next) {
        if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
            return host->fail(ctx, AIGW_E_UNSUPPORTED, "the mock model has no such role (%u)", msg->role);
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type < AIGW_PART_TEXT || part->type > AIGW_PART_TOOLS)
                return host->fail(ctx, AIGW_E_UNSUPPORTED, "the mock model has no such part (%u)", part->type);
    }
    for (const struct aigw_tool *tool = req->tools; tool; tool = tool->next)
        if (tool->kind > AIGW_TOOL_SERVER)
            return host->fail(ctx, AIGW_E_UNSUPPORTED, "the mock model has no such kind of tool (%u)", tool->kind);
    return AIGW_OK;
}

/* The tool that is demanded, if one is. */
static aigw_status mock_choose_tool(const struct mock *mock, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                                    struct mock_call *call)
{
    aigw_str name = req->tool_choice == AIGW_TOOLS_NAMED ? req->tool_choice_name : AIGW_STR_NONE;

    if (!req->tools || (req->tool_choice != AIGW_TOOLS_REQUIRED && req->tool_choice != AIGW_TOOLS_NAMED))
        return AIGW_OK;
    if (name.len == 0)
        name = req->tools->name;
    call->tool = mock->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(name));
    return call->tool ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status mock_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct mock *mock = self;
    struct mock_call *call = call_state;
    char *model = mock->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(target->model));
    aigw_status status;

    if (!model)
        return AIGW_E_NOMEM;
    status = mock_check(mock, ctx, req);
    if (status != AIGW_OK)
        return status;
    ret_http->framing = AIGW_FRAMING_LOCAL;
    call->knobs = mock->knobs;
    mock_turn_by_model(&call->knobs, model);
    if (req->extra.len > 0)
        status = mock_turn_by_extra(mock, ctx, &call->knobs, req->extra);
    call->kind = req->kind;
    call->is_stream = req->flags & AIGW_REQF_STREAM;
    call->input_tokens = mock_input_len(req) / 4 + 1;
    call->tokens_left = req->params && (req->params->set & AIGW_PARAM_MAX_TOKENS) ? req->params->max_tokens : INT64_MAX;
    if (call->knobs.tokens_per_second > 0)
        call->knobs.delay_ms = (int64_t)(1000.0 / call->knobs.tokens_per_second);
    if (status == AIGW_OK)
        status = mock_choose_tool(mock, ctx, req, call);
    if (status == AIGW_OK && req->kind == AIGW_CALL_EMBEDDING)
        return mock_embeddings_prepare(mock, ctx, req, call);
    return status == AIGW_OK ? mock_render(mock, ctx, target, req, call) : status;
}

static aigw_status mock_on_produce(struct aigw_ctx *ctx, void *self, void *call, struct aigw_produce *ret_next)
{
    const struct mock *mock = self;

    return mock_produce(mock->host, ctx, call, ret_next);
}

static const struct aigw_provider_ops mock_ops = {
    .struct_size = sizeof mock_ops,
    .call_size = sizeof(struct mock_call),
    .open = mock_open,
    .request = mock_request,
    .produce = mock_on_produce,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "mock", .version = "0.2.0",
            .summary = "Answers by itself, for tests and demonstrations", .state_size = sizeof(struct mock),
            AIGW_SETTINGS(mock_settings), .provider = &mock_ops);
