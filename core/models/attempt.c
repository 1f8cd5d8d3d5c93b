/* attempt.c - one try of a call at one target: the provider describes the request, the transfer carries it. The answer
 * comes in through answer.c. */
#include <string.h>

#include "base/log.h"
#include "models/call.h"
#include "models/credential.h"

#define MASKED_MAX (128u << 10)

static const char memory_spent[] = "the request's memory budget is spent (limits.request_memory_max)";

/* ---- small things ---- */

struct aigw_error gw_make_error(uint32_t kind, int http_status, const char *message)
{
    return (struct aigw_error){ .struct_size = sizeof(struct aigw_error),
                                .kind = kind,
                                .http_status = http_status,
                                .retry_after_ms = -1,
                                .message = gw_str(message ? message : memory_spent) };
}

const struct aigw_provider_ops *gw_attempt_ops(const struct gw_attempt *attempt)
{
    return &attempt->target->provider->plugin->provider;
}

void *gw_attempt_self(const struct gw_attempt *attempt)
{
    return attempt->target->provider->state;
}

bool gw_attempt_move(struct gw_attempt *attempt, enum gw_attempt_step step)
{
    enum gw_attempt_state next = gw_attempt_next(attempt->state, step);

    if (next == GW_ATTEMPT_STATES) {
        gw_log(GW_LOG_ERROR, "models", "an attempt that is %s cannot %s; the step is ignored",
               gw_attempt_state_name(attempt->state), gw_attempt_step_name(step));
        return false;
    }
    attempt->state = next;
    return true;
}

/* ---- failures ---- */

static void put_without(struct gw_buf *out, aigw_str text, aigw_str secret)
{
    const char *found;

    while (secret.len >= 4 && text.len > 0 && (found = memmem(text.ptr, text.len, secret.ptr, secret.len)) != NULL) {
        gw_buf_put(out, text.ptr, (size_t)(found - text.ptr));
        gw_buf_puts(out, "**********");
        text.len -= (size_t)(found - text.ptr) + secret.len;
        text.ptr = found + secret.len;
    }
    gw_buf_put_str(out, text);
}

/* A server's words may repeat the key that was sent: it must not come back or reach a log. */
static aigw_str without_keys(const struct gw_attempt *attempt, aigw_str message)
{
    struct gw_buf once, twice, masked;
    aigw_str result;

    gw_buf_init(&once, MASKED_MAX);
    gw_buf_init(&twice, MASKED_MAX);
    gw_buf_init(&masked, MASKED_MAX);
    put_without(&once, message, attempt->target->api_key);
    put_without(&twice, gw_buf_str(&once), attempt->credential);
    gw_log_mask(&masked, gw_buf_str(&twice)); /* configured ones */
    result = gw_arena_str(attempt->call->in.arena, gw_buf_str(&masked));
    gw_buf_done(&once);
    gw_buf_done(&twice);
    gw_buf_done(&masked);
    return result;
}

void gw_attempt_fail(struct gw_attempt *attempt, const struct aigw_error *error)
{
    struct aigw_error shown = *error;

    if (attempt->state == GW_ATTEMPT_OVER)
        return;
    shown.message = without_keys(attempt, error->message);
    shown.code = without_keys(attempt, error->code);
    shown.param = without_keys(attempt, error->param);
    if (gw_hedge_failed(attempt, &shown))
        return;
    gw_call_failed(attempt->call, &shown);
}

void gw_attempt_fail_status(struct gw_attempt *attempt, aigw_status why)
{
    const char *words = attempt->ctx.error && *attempt->ctx.error ? attempt->ctx.error : NULL;
    struct aigw_error error;

    switch (why) {
    case AIGW_E_NOMEM:
        error = gw_make_error(AIGW_ERR_INTERNAL, 0, memory_spent);
        break;
    case AIGW_E_LIMIT:
        error = gw_make_error(AIGW_ERR_LIMIT, attempt->status,
                              words ? words : "the model's answer is larger than upstream.answer_max");
        break;
    case AIGW_E_UPSTREAM:
        error = gw_make_error(AIGW_ERR_PROTOCOL, attempt->status,
                              words ? words : "the model server answered something its protocol does not allow");
        break;
    case AIGW_E_UNSUPPORTED:
        error = gw_make_error(AIGW_ERR_UNSUPPORTED, 0, words ? words : "this provider cannot serve such a request");
        break;
    case AIGW_E_INVALID:
        error = gw_make_error(AIGW_ERR_BAD_REQUEST, 0, words ? words : "this provider cannot serve such a request");
        break;
    default:
        error = gw_make_error(AIGW_ERR_INTERNAL, 0, words ? words : "the provider plugin failed without a reason");
    }
    gw_attempt_fail(attempt, &error);
}

/* ---- the request ---- */

static bool speaks(const struct aigw_provider_ops *ops, aigw_str dialect)
{
    for (uint32_t i = 0; dialect.len && i < ops->dialect_count; i++)
        if (gw_str_is(dialect, ops->dialects[i]))
            return true;
    return false;
}

/* What the feature has to know of this target. */
static const struct aigw_model_info *info_of(const struct gw_attempt *attempt)
{
    const struct aigw_call *call = attempt->call;
    struct aigw_model_info *info = gw_arena_alloc(call->in.arena, sizeof *info);

    if (!info)
        return NULL;
    *info = *call->in.model;
    info->model = attempt->target->model;
    info->flags &= ~(AIGW_MODELF_RAW_COMPLETION | AIGW_MODELF_PASSES_RAW);
    if (attempt->target->raw_completion)
        info->flags |= AIGW_MODELF_RAW_COMPLETION;
    if (!attempt->is_canonical && speaks(gw_attempt_ops(attempt), call->in.options.dialect))
        info->flags |= AIGW_MODELF_PASSES_RAW;
    return info;
}

aigw_status gw_attempt_build(struct gw_attempt *attempt, struct gw_arena *arena, struct aigw_model_request *ret,
                             const char **ret_why)
{
    struct aigw_call *call = attempt->call;
    const struct aigw_model_info *info = info_of(attempt);

    if (!info)
        return AIGW_E_NOMEM;
    call->last_built = attempt;
    return call->in.on_build(call->in.user, call, info, arena, ret, ret_why);
}

/* Copies what an older feature's SDK knows; lists are read by their own sizes. */
static aigw_status build_request(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt->call;
    const char *why = NULL;
    aigw_status status;

    attempt->request = (struct aigw_model_request){ .struct_size = sizeof attempt->request };
    status = gw_attempt_build(attempt, &attempt->build, &attempt->request, &why);
    if (status) {
        attempt->ctx.error = why;
        return status;
    }
    attempt->is_for_model =
        attempt->request.kind == AIGW_CALL_CHAT && !(attempt->request.raw && attempt->request.raw->path.len);
    call->stats.kind = attempt->request.kind == AIGW_CALL_CHAT && !attempt->is_for_model ? 0 : attempt->request.kind;
    attempt->request.flags &= ~AIGW_REQF_STREAM;
    if (call->in.options.flags & AIGW_CALLF_STREAM)
        attempt->request.flags |= AIGW_REQF_STREAM;
    call->choice_count = attempt->request.params && AIGW_HAS(attempt->request.params, choice_count)
                             ? attempt->request.params->choice_count
                             : 0;
    if (call->choice_count == 0)
        call->choice_count = 1;
    return AIGW_OK;
}

static aigw_status describe(struct gw_attempt *attempt)
{
    const struct aigw_provider_ops *ops = gw_attempt_ops(attempt);
    const struct gw_target *place = attempt->target;
    struct aigw_target target = {
        .struct_size = sizeof target,
        .flags = place->is_adhoc ? AIGW_TARGETF_CALLER_ENDPOINT : 0,
        .model = place->model,
        .endpoint = place->endpoint,
        .api_key = place->api_key,
        .prefix = place->prefix,
    };

    struct gw_visit visit;
    aigw_status status;

    attempt->http = (struct aigw_http_request){ .struct_size = sizeof attempt->http, .framing = AIGW_FRAMING_BODY };
    attempt->provider_call = NULL;
    if (ops->call_size) {
        attempt->provider_call = gw_guarded_calloc(attempt->call->in.arena, ops->call_size);
        if (!attempt->provider_call)
            return AIGW_E_NOMEM;
    }
    attempt->ctx.error = NULL;
    gw_attempt_visit(attempt, &visit, GW_CALLBACK_REQUEST);
    status = ops->request(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call, &target, &attempt->request,
                          &attempt->http);
    if (status == AIGW_OK)
        status = gw_http_request_check(&attempt->ctx, &attempt->http);
    return gw_attempt_visited(attempt, &visit, status, AIGW_PENDING);
}

/* scheme://host:port of a URL: what a log may show. */
static const char *origin_of(struct gw_arena *arena, const char *url)
{
    const char *host = url ? strstr(url, "://") : NULL;
    const char *user;
    size_t len;

    if (!host)
        return NULL;
    host += 3;
    len = strcspn(host, "/?#");
    user = memchr(host, '@', len);
    if (user) {
        len -= (size_t)(user + 1 - host);
        host = user + 1;
    }
    const aigw_str parts[] = { { url, (size_t)(strstr(url, "://") + 3 - url) }, { host, len } };
    return gw_arena_join(arena, parts, GW_ARRAY_LEN(parts)).ptr;
}

/* ---- out ---- */

static aigw_str extra_headers(struct gw_attempt *attempt)
{
    const struct aigw_map *map = &attempt->call->in.snapshot->settings.models.extra_headers;
    struct gw_buf lines;
    aigw_str result = AIGW_STR_NONE;

    if (!map->count)
        return result;
    gw_buf_init(&lines, 16u << 10);
    for (size_t i = 0; i < map->count; i++)
        gw_buf_printf(&lines, "%s: %s\r\n", map->names[i], map->values[i]);
    result = gw_arena_str(&attempt->build, gw_buf_str(&lines));
    gw_buf_done(&lines);
    return result;
}

/* log.upstream_trace: URL without its query, sizes, times; never a key, a prompt or an answer. */
static void trace_start(const struct gw_attempt *attempt)
{
    struct gw_line line;

    if (!attempt->call->in.snapshot->settings.log.upstream_trace)
        return;
    gw_line_begin(&line, GW_LOG_INFO, "models", "Request to LLM");
    gw_line_cstr(&line, "correlation_id", attempt->ctx.request_id);
    gw_line_cstr(&line, "provider", attempt->target->provider->name);
    gw_line_str(&line, "model", attempt->target->model);
    gw_line_cstr(&line, "request_method", attempt->http.method);
    gw_line_str(&line, "request_url", (aigw_str){ attempt->http.url, strcspn(attempt->http.url, "?") });
    gw_line_int(&line, "request_bytes", (int64_t)attempt->http.body.len);
    gw_line_end(&line);
}

static aigw_status send_request(struct gw_attempt *attempt, struct gw_err *reterr)
{
    const struct aigw_call *call = attempt->call;
    const struct gw_settings *settings = &call->in.snapshot->settings;
    const struct gw_target *place = attempt->target;
    struct gw_transfer_events events = gw_attempt_events;
    bool is_stream = attempt->http.framing != AIGW_FRAMING_BODY;
    struct gw_transfer_request request = {
        .method = attempt->http.method,
        .url = attempt->http.url,
        .headers = attempt->http.headers,
        .header_count = attempt->http.header_count,
        .extra_headers = extra_headers(attempt),
        .body = attempt->http.body,
        .flags =
            (is_stream ? GW_UPF_EXPECT_STREAM : 0) | (settings->models.allow_link_local ? 0 : GW_UPF_CHECK_ADDRESS),
        .connect_ms = place->connect_ms ? place->connect_ms : call->plan->patience.connect_ms,
        .idle_ms = attempt->request.idle_timeout_ms > 0 ? attempt->request.idle_timeout_ms
                   : place->idle_ms > 0                 ? place->idle_ms
                                                        : call->in.options.idle_timeout_ms,
        .body_max = is_stream ? 0 : (size_t)settings->upstream.answer_max,
        .tls = &call->in.snapshot->upstream_tls,
    };

    events.user = attempt;
    attempt->transfer = gw_transfer_start(call->in.upstream, &request, &events, reterr);
    return attempt->transfer ? AIGW_OK : AIGW_E_INVALID;
}

static void first_token_late(struct gw_timer *timer)
{
    struct gw_attempt *attempt = GW_CONTAINER_OF(timer, struct gw_attempt, first);
    struct aigw_error error =
        gw_make_error(AIGW_ERR_TIMEOUT, attempt->status, "the model server began no answer in time (first_token_ms)");

    gw_attempt_fail(attempt, &error);
}

/* The first content is waited for from here on; a whole answer comes at once and has only the other deadlines. */
static void await_content(struct gw_attempt *attempt)
{
    const struct aigw_call *call = attempt->call;
    int64_t first_ms = gw_first_token_ms(call->plan, attempt->target);

    attempt->first.on_due = first_token_late;
    if (first_ms > 0 && call->in.options.flags & AIGW_CALLF_STREAM)
        gw_timer_set(call->in.loop, &attempt->first, first_ms);
}

static void produce_due(struct gw_timer *timer)
{
    gw_attempt_produce(GW_CONTAINER_OF(timer, struct gw_attempt, produce));
}

/* Everything is described: off it goes. */
static void send_off(struct gw_attempt *attempt)
{
    struct gw_err err = { "" };
    struct aigw_error error;

    attempt->started_us = gw_mono_us();
    await_content(attempt);
    gw_hedge_arm(attempt);
    if (attempt->http.framing == AIGW_FRAMING_LOCAL && gw_attempt_ops(attempt)->produce) {
        gw_attempt_move(attempt, GW_ATTEMPT_SEND);
        gw_attempt_move(attempt, GW_ATTEMPT_ACCEPT); /* there is no status to wait for */
        attempt->produce.on_due = produce_due;
        gw_timer_set(attempt->call->in.loop, &attempt->produce, 0);
        return;
    }
    if (attempt->http.url && attempt->http.method) {
        attempt->origin = origin_of(attempt->call->in.arena, attempt->http.url);
        if (send_request(attempt, &err) == AIGW_OK) {
            gw_attempt_move(attempt, GW_ATTEMPT_SEND);
            trace_start(attempt);
            return;
        }
    } else {
        gw_err_set(&err, AIGW_E_INVALID, "provider plugin %s described no request",
                   attempt->target->provider->plugin->descriptor.name);
    }
    /* The caller's address, or the operator's: another target may have a better one. */
    error = gw_make_error(attempt->target->is_adhoc ? AIGW_ERR_ENDPOINT : AIGW_ERR_INTERNAL, 0,
                          gw_arena_printf(attempt->call->in.arena, "%s", err.text));
    gw_attempt_fail(attempt, &error);
}

/* ---- credentials ---- */

static void credential_ready(void *user, aigw_status status, const char *why)
{
    struct gw_attempt *attempt = user;

    attempt->wait = NULL;
    if (status == AIGW_OK) {
        gw_attempt_go_on(attempt);
        return;
    }
    struct aigw_error error = gw_make_error(AIGW_ERR_AUTH, 0,
                                            gw_arena_printf(attempt->call->in.arena, "credential \"%s\": %s",
                                                            attempt->lacking_name, why && *why ? why : "no reason"));
    gw_attempt_fail(attempt, &error);
}

static struct gw_credential_query query_of(struct gw_attempt *attempt, const char *name)
{
    return (struct gw_credential_query){ .instance = attempt->target->provider,
                                         .name = name,
                                         .snapshot = attempt->call->in.snapshot,
                                         .loop = attempt->call->in.loop,
                                         .upstream = attempt->call->in.upstream };
}

aigw_status gw_attempt_credential(struct gw_attempt *attempt, const char *name, aigw_str *ret_value)
{
    struct gw_credential_query query;
    aigw_status status;

    *ret_value = AIGW_STR_NONE;
    if (attempt->state != GW_ATTEMPT_NEW && attempt->state != GW_ATTEMPT_WAITING)
        return AIGW_E_STATE;
    if (!gw_attempt_ops(attempt)->credential)
        return gw_ctx_fail(&attempt->ctx, AIGW_E_STATE, "credential: the plugin has no function credential()");
    attempt->credential_name = gw_arena_printf(attempt->call->in.arena, "%s", name);
    if (!attempt->credential_name)
        return AIGW_E_NOMEM;
    query = query_of(attempt, attempt->credential_name);
    status = gw_credential_get(&query, attempt->call->in.arena, &attempt->credential);
    *ret_value = attempt->credential;
    if (status == AIGW_PENDING && !attempt->lacking_name)
        attempt->lacking_name = attempt->credential_name;
    return status;
}

static void wait_for_credential(struct gw_attempt *attempt)
{
    struct gw_credential_query query = query_of(attempt, attempt->lacking_name);

    if (!attempt->lacking_name) { /* or it would be asked again and again, for ever */
        attempt->ctx.error = attempt->credential_name
                                 ? "the provider plugin waits for a credential that it has"
                                 : "the provider plugin waits for a credential that it did not ask for";
        gw_attempt_fail_status(attempt, AIGW_E_STATE);
        return;
    }
    if (!gw_attempt_move(attempt, GW_ATTEMPT_NEED))
        return;
    attempt->wait = gw_credential_wait(&query, credential_ready, attempt);
    if (!attempt->wait)
        gw_attempt_fail_status(attempt, AIGW_E_NOMEM);
}

static void build_and_go_on(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt->call;
    aigw_status status = build_request(attempt);

    if (call->attempt != attempt && call->rival != attempt) /* the feature cancelled the call from its build() */
        return;
    if (status == AIGW_E_STATE)
        gw_call_drop(call);
    else if (status)
        gw_attempt_fail_status(attempt, status);
    else
        gw_attempt_go_on(attempt);
}

void gw_attempt_go_on(struct gw_attempt *attempt)
{
    aigw_status status;

    attempt->lacking_name = NULL;
    status = describe(attempt);
    /* The provider speaks the dialect, but not to this target: several vendors' models may stand behind one. */
    if (status == AIGW_E_UNSUPPORTED && attempt->request.raw && !attempt->is_canonical) {
        attempt->is_canonical = true;
        build_and_go_on(attempt);
        return;
    }

    if (status == AIGW_OK && attempt->http.framing != AIGW_FRAMING_LOCAL && attempt->http.url)
        status = gw_attempt_sign(attempt);
    if (status == AIGW_PENDING)
        wait_for_credential(attempt);
    else if (status)
        gw_attempt_fail_status(attempt, status);
    else
        send_off(attempt);
}

/* ---- life ---- */

static struct gw_attempt *new_attempt(struct aigw_call *call, const struct gw_choice *choice)
{
    struct gw_attempt *attempt = gw_arena_calloc(call->in.arena, sizeof *attempt);

    if (!attempt)
        return NULL;
    attempt->call = call;
    attempt->target = &call->plan->targets[choice->index];
    attempt->pass = choice->pass;
    gw_arena_init(&attempt->build, (size_t)call->in.snapshot->settings.limits.request_memory_max);
    attempt->ctx = (struct aigw_ctx){ .plugin = attempt->target->provider->plugin,
                                      .instance = attempt->target->provider->name,
                                      .meter = attempt->target->provider->meter,
                                      .request_arena = call->in.arena,
                                      .build_arena = &attempt->build,
                                      .attempt = attempt,
                                      .request_id = call->in.request_id };
    return attempt;
}

/* What the choice took: told to the circuit, and given back, once. */
static void leave_target(const struct gw_target *target, struct gw_pass *pass, bool is_judged)
{
    if (!is_judged)
        gw_circuit_undecided(pass);
    gw_seat_leave(target->seat);
    gw_place_leave(target->place);
}

void gw_attempt_begin(struct aigw_call *call, const struct gw_choice *choice)
{
    struct gw_attempt *attempt = new_attempt(call, choice);
    struct aigw_error error;

    if (!attempt) {
        struct gw_pass pass = choice->pass;

        leave_target(&call->plan->targets[choice->index], &pass, false);
        if (call->attempt) /* there is one that goes on */
            return;
        error = gw_make_error(AIGW_ERR_INTERNAL, 0, memory_spent);
        gw_call_failed(call, &error);
        return;
    }
    call->stats.attempts++;
    if (call->attempt) {
        call->rival = attempt;
    } else {
        call->attempt = attempt;
        call->stats.provider = attempt->target->provider->name;
        call->stats.sent_model = attempt->target->model;
        call->stats.target = attempt->target;
    }
    build_and_go_on(attempt);
}

void gw_attempt_leave(struct gw_attempt *attempt)
{
    struct gw_transfer *transfer = attempt->transfer;

    attempt->transfer = NULL;
    gw_transfer_leave(transfer);
}

void gw_attempt_close(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt ? attempt->call : NULL;

    if (!attempt || !gw_attempt_move(attempt, GW_ATTEMPT_CLOSE))
        return;
    if (call->rival == attempt) {
        call->rival = NULL;
    } else {
        call->attempt = NULL;
        gw_timer_clear(call->in.loop, &call->hedge);
        if (attempt->started_us)
            call->stats.model_us += gw_mono_us() - attempt->started_us;
    }
    leave_target(attempt->target, &attempt->pass, attempt->is_judged);
    gw_timer_clear(call->in.loop, &attempt->produce);
    gw_timer_clear(call->in.loop, &attempt->grace);
    gw_timer_clear(call->in.loop, &attempt->first);
    if (attempt->wait)
        gw_credential_unwait(attempt->wait);
    attempt->wait = NULL;
    if (attempt->transfer)
        gw_transfer_cancel(attempt->transfer);
    attempt->transfer = NULL;
    attempt->next_dead = call->dead;
    call->dead = attempt;
    gw_loop_defer(call->in.loop, &call->reap);
}

void gw_attempt_free(struct gw_attempt *attempt)
{
    gw_guard_check(attempt->provider_call, gw_attempt_ops(attempt)->call_size, attempt->ctx.meter, "the call's memory");
    gw_meter_note_memory(attempt->ctx.meter, attempt->build.used);
    gw_framer_done(&attempt->framer);
    gw_buf_done(&attempt->refusal);
    gw_arena_done(&attempt->build);
}

void gw_attempt_resume(struct gw_attempt *attempt)
{
    if (attempt->transfer)
        gw_transfer_resume(attempt->transfer);
    else if (attempt->state == GW_ATTEMPT_ANSWERING && !attempt->produce.is_armed)
        gw_timer_set(attempt->call->in.loop, &attempt->produce, 0);
}
