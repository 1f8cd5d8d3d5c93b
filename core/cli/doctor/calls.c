/* calls.c - see calls.h. */
#include "cli/doctor/calls.h"

#include <string.h>

#include "loop/loop.h"
#include "models/models.h"

#define CALL_MS     60000
#define TURN_MS     200
#define CALL_MEMORY ((size_t)64 << 20)
#define ANSWER_MAX  16 /* tokens: enough for a word, cheap */

struct doctor_caller {
    struct doctor *d;
    struct gw_loop *loop;
    struct gw_upstream *upstream;
};

struct doctor_caller *doctor_caller_new(struct doctor *d, struct gw_err *reterr)
{
    const struct gw_upstream_options options = { .connections_per_host = 1,
                                                 .connect_ms = d->settings.upstream.connect_ms };
    struct doctor_caller *caller = gw_arena_calloc(d->arena, sizeof *caller);

    if (!caller)
        return NULL;
    caller->d = d;
    caller->loop = gw_loop_new(reterr);
    caller->upstream = caller->loop ? gw_upstream_new(caller->loop, &options, reterr) : NULL;
    if (caller->upstream)
        return caller;
    gw_loop_free(caller->loop);
    return NULL;
}

void doctor_caller_free(struct doctor_caller *caller)
{
    gw_upstream_free(caller->upstream);
    gw_loop_free(caller->loop);
}

/* ---- what is asked ---- */

static aigw_status on_build(void *user, struct aigw_call *call, const struct aigw_model_info *target,
                            struct gw_arena *build, struct aigw_model_request *ret_request, const char **ret_why)
{
    const struct doctor_call *asked = user;
    struct aigw_message *message = gw_arena_calloc(build, sizeof *message);
    struct aigw_part *part = gw_arena_calloc(build, sizeof *part);
    struct aigw_params *params = gw_arena_calloc(build, sizeof *params);
    struct aigw_tool *tool = gw_arena_calloc(build, sizeof *tool);

    (void)call;
    (void)target;
    *ret_why = NULL;
    if (!message || !part || !params || !tool)
        return AIGW_E_NOMEM;
    *part = (struct aigw_part){ .struct_size = sizeof *part, .type = AIGW_PART_TEXT, .text = AIGW_STR("Say: OK") };
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = AIGW_ROLE_USER, .parts = part };
    *params =
        (struct aigw_params){ .struct_size = sizeof *params, .set = AIGW_PARAM_MAX_TOKENS, .max_tokens = ANSWER_MAX };
    *tool = (struct aigw_tool){ .struct_size = sizeof *tool,
                                .name = AIGW_STR("get_time"),
                                .description = AIGW_STR("The time of day."),
                                .parameters = AIGW_STR("{\"type\":\"object\",\"properties\":{}}") };
    ret_request->struct_size = sizeof *ret_request;
    ret_request->kind = asked->kind;
    if (asked->kind != AIGW_CALL_CHAT)
        return AIGW_OK;
    ret_request->messages = message;
    ret_request->params = params;
    ret_request->tools = asked->with_tool ? tool : NULL;
    return AIGW_OK;
}

/* ---- what comes ---- */

static aigw_str kept(const struct doctor_call *call, aigw_str text)
{
    return text.len ? gw_arena_str(call->d->arena, text) : AIGW_STR("");
}

static void on_event(void *user, struct aigw_call *handle, const struct aigw_event *event)
{
    struct doctor_call *call = user;

    (void)handle;
    if (!call->first_ms && (event->type == AIGW_EVENT_TEXT || event->type == AIGW_EVENT_REASONING))
        call->first_ms = gw_mono_ms();
    if (event->type == AIGW_EVENT_MODEL && call->kind == AIGW_CALL_MODELS && call->name_count < DOCTOR_NAMES_MAX)
        call->names[call->name_count++] = kept(call, event->text).ptr;
    if (event->type == AIGW_EVENT_ERROR && event->error) {
        call->error = *event->error;
        call->error.message = kept(call, event->error->message);
    }
    call->is_done = event->type == AIGW_EVENT_ERROR || event->type == AIGW_EVENT_END;
}

static void on_dropped(void *user, struct aigw_call *handle)
{
    (void)handle;
    ((struct doctor_call *)user)->is_done = true;
}

static void on_built(void *user, struct aigw_call *handle)
{
    (void)user;
    (void)handle;
}

static void fail(struct doctor_call *call, uint32_t kind, const char *text)
{
    call->error = (struct aigw_error){ .struct_size = sizeof call->error, .kind = kind, .message = gw_str(text) };
}

void doctor_call(struct doctor_caller *caller, const struct gw_model *model, const struct gw_target *target,
                 uint32_t kind, bool with_tool, struct doctor_call *ret_call)
{
    struct gw_plan plan = { .targets = target,
                            .target_count = 1,
                            .allowed = 1,
                            .patience = { .attempts = 1, .deadline_ms = CALL_MS },
                            .name = gw_str(model->name) };
    struct aigw_params defaults = { .struct_size = sizeof defaults };
    aigw_str base = AIGW_STR("base");
    struct aigw_model_info info = { .struct_size = sizeof info,
                                    .name = gw_str(model->name),
                                    .families = &base,
                                    .family_count = 1,
                                    .defaults = &defaults,
                                    .plan = &plan,
                                    .model = target->model };
    struct gw_call_request request = { .snapshot = caller->d->snapshot,
                                       .loop = caller->loop,
                                       .upstream = caller->upstream,
                                       .request_id = "doctor",
                                       .model = &info,
                                       .options = { .struct_size = sizeof(struct aigw_call_options),
                                                    .flags = kind == AIGW_CALL_CHAT ? AIGW_CALLF_STREAM : 0 },
                                       .deadline_ms = gw_mono_ms() + CALL_MS,
                                       .on_build = on_build,
                                       .on_event = on_event,
                                       .on_dropped = on_dropped,
                                       .on_built = on_built,
                                       .user = ret_call };
    struct gw_arena arena;
    struct aigw_call *call;

    *ret_call = (struct doctor_call){ .d = caller->d, .kind = kind, .with_tool = with_tool, .begun_ms = gw_mono_ms() };
    gw_arena_init(&arena, CALL_MEMORY);
    request.arena = &arena;
    call = gw_call_new(&request);
    if (!call)
        fail(ret_call, AIGW_ERR_LIMIT, "out of memory");
    while (call && !ret_call->is_done && gw_mono_ms() < request.deadline_ms + 1000)
        gw_loop_turn(caller->loop, TURN_MS);
    if (call && !ret_call->is_done)
        fail(ret_call, AIGW_ERR_TIMEOUT, "no answer");
    if (call) {
        gw_call_cancel(call);
        gw_loop_turn(caller->loop, 0); /* what ended in this turn is freed at its end */
        gw_call_done(call);
    }
    ret_call->end_ms = gw_mono_ms();
    gw_arena_done(&arena);
}
