/* script.c - the model that features talk to: a provider without HTTP that says what the test wrote, one line at a
 * time, so that several calls at once take turns. */
#include "internal.h"

#include <string.h>

struct script {
    struct aigw_testhost *th;
};

struct script_call {
    aigw_str rest; /* lines to come */
};

/* What this model says. */
static aigw_str lines_of(const struct aigw_testhost *th, aigw_str model)
{
    for (const struct testhost_prompt *script = th->scripts; script; script = script->next)
        if (!*script->id || gw_str_is(model, script->id))
            return gw_str(script->text);
    return AIGW_STR("text \"scripted answer\"\nfinish stop\n");
}

static aigw_status script_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    struct aigw_testhost *th = ((struct script *)self)->th;
    struct script_call *script = call;

    (void)ctx;
    gw_buf_puts(&th->asked, th->asked.len > 0 ? "\n" : "");
    testhost_write_request(&th->asked, req, &th->faults);
    script->rest = lines_of(th, target->model);
    ret_http->framing = AIGW_FRAMING_LOCAL;
    return AIGW_OK;
}

/* "wait 500": the model takes its time. */
static bool is_pause(aigw_str line, int64_t *ret_ms)
{
    uint64_t ms;

    if (!gw_str_has_prefix(line, AIGW_STR("wait ")) ||
        !gw_str_to_u64((aigw_str){ line.ptr + 5, line.len - 5 }, INT32_MAX, &ms))
        return false;
    *ret_ms = (int64_t)ms;
    return true;
}

static aigw_status script_produce(struct aigw_ctx *ctx, void *self, void *call, struct aigw_produce *ret_next)
{
    struct aigw_testhost *th = ((struct script *)self)->th;
    struct script_call *script = call;
    struct aigw_event event;
    aigw_str line = AIGW_STR_NONE;

    while (script->rest.len > 0 && line.len == 0)
        line = gw_str_trim(testhost_next_line(&script->rest));
    ret_next->is_done = script->rest.len == 0;
    if (line.len == 0)
        return AIGW_OK;
    if (is_pause(line, &ret_next->next_ms)) {
        ret_next->is_done = 0; /* once more, for the end */
        return AIGW_OK;
    }
    if (testhost_read_event(ctx->request_arena, line, &event) != AIGW_OK) {
        testhost_fault(th, "bad line in the script: %.*s", AIGW_STR_ARG(line));
        return AIGW_E_INVALID;
    }
    return gw_attempt_emit(ctx->attempt, &event);
}

static const struct aigw_provider_ops script_ops = { .struct_size = sizeof script_ops,
                                                     .call_size = sizeof(struct script_call),
                                                     .request = script_request,
                                                     .produce = script_produce };

const struct aigw_plugin testhost_script = { .magic = AIGW_PLUGIN_MAGIC,
                                             .abi_major = AIGW_ABI_MAJOR,
                                             .abi_minor = AIGW_ABI_MINOR,
                                             .struct_size = sizeof testhost_script,
                                             .kind = AIGW_KIND_PROVIDER,
                                             .name = "script",
                                             .version = "1",
                                             .summary = "Says what the test wrote",
                                             .state_size = sizeof(struct script),
                                             .provider = &script_ops };
