/* host.c - the table that the plugin gets: the core's, with a look over the plugin's shoulder. Functions whose answers
 * change from run to run always answer the same here. */
#include "internal.h"

#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "models/call.h"

static struct aigw_testhost *testhost_of(const struct aigw_ctx *ctx)
{
    return GW_CONTAINER_OF(ctx->plugin, struct aigw_testhost, plugin);
}

void testhost_fault(struct aigw_testhost *th, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(&th->faults, fmt, args);
    va_end(args);
    gw_buf_puts(&th->faults, "\n");
    testhost_running(&th->fault_serial);
}

const char *testhost_keep(struct aigw_testhost *th, const char *text)
{
    return gw_arena_printf(&th->setup_arena, "%s", text ? text : "");
}

const char *testhost_keep_answer(struct aigw_testhost *th, const char *text)
{
    return text ? gw_arena_printf(&th->sent_arena, "%s", text) : NULL;
}

aigw_str testhost_line_value(const char *lines, const char *name, char separator)
{
    aigw_str rest = gw_str(lines), line;
    size_t len = strlen(name);

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len > len && strncasecmp(line.ptr, name, len) == 0 && line.ptr[len] == separator)
            return gw_str_trim((aigw_str){ line.ptr + len + 1, line.len - len - 1 });
    }
    return AIGW_STR_NONE;
}

/* A request's functions want a feature's ctx. */
static bool is_request(struct aigw_ctx *ctx, const char *function)
{
    if (ctx->request)
        return true;
    testhost_fault(testhost_of(ctx), "%s() works for a feature while a request is served, not %s", function,
                   ctx->attempt ? "in a provider's call" : "in open()");
    return false;
}

/* ---- memory ---- */

/* There when the process runs under AddressSanitizer. */
void __asan_poison_memory_region(const volatile void *begin, size_t len) __attribute__((weak));

#define RED_ZONE 32u

/* From the core's arena, so that it goes when that goes, full of nonsense, for whoever counts on zeroes, and with a
 * zone behind it that AddressSanitizer lets nobody touch. */
static void *watch_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    char *memory = len < SIZE_MAX - RED_ZONE ? gw_host()->alloc(ctx, life, len + RED_ZONE) : NULL;

    if (!memory)
        return NULL;
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(memory + len, RED_ZONE);
    return memset(memory, 0xa5, len);
}

/* ---- what is noted ---- */

static void watch_count(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta)
{
    struct aigw_testhost *th = testhost_of(ctx);
    size_t faults = th->faults.len;
    const struct aigw_metric *metric;

    gw_host()->count(ctx, index, label_values, delta); /* finds what is wrong with it */
    if (th->faults.len != faults)
        return;
    metric = &th->plugin.metrics[index];
    gw_buf_printf(&th->notes, "count %s{", metric->name);
    for (uint32_t i = 0; i < metric->label_count; i++)
        gw_buf_printf(&th->notes, "%s%.*s", i > 0 ? "," : "", AIGW_STR_ARG(label_values[i]));
    gw_buf_printf(&th->notes, "} %g\n", delta);
}

static void watch_annotate(struct aigw_ctx *ctx, const char *name, aigw_str value)
{
    struct aigw_testhost *th = testhost_of(ctx);
    size_t faults = th->faults.len;

    if (is_request(ctx, "annotate"))
        gw_host()->annotate(ctx, name, value);
    if (th->faults.len == faults)
        gw_buf_printf(&th->notes, "annotate %s=%.*s\n", name, AIGW_STR_ARG(value));
}

static void watch_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    struct aigw_testhost *th = testhost_of(ctx);
    va_list args;

    if (!fmt || level > AIGW_LOG_ERROR)
        testhost_fault(th, "log(): %s", fmt ? "the level is none of AIGW_LOG_*" : "the format is NULL");
    if (!fmt)
        return;
    gw_buf_printf(&th->notes, "log %u ", level);
    va_start(args, fmt);
    gw_buf_vprintf(&th->notes, fmt, args);
    va_end(args);
    gw_buf_puts(&th->notes, "\n");
}

static aigw_status watch_respond_invalid(struct aigw_ctx *ctx, aigw_str errors)
{
    gw_buf_printf(&testhost_of(ctx)->notes, "invalid %.*s\n", AIGW_STR_ARG(errors));
    return gw_host()->respond_invalid(ctx, errors);
}

/* ---- what is the same in every run ---- */

static int64_t fixed_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return 1700000000;
}

static int64_t loop_mono_ms(struct aigw_ctx *ctx)
{
    return gw_loop_now_ms(testhost_of(ctx)->loop);
}

static aigw_status fixed_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    aigw_status status = gw_host()->random(ctx, ret_bytes, len);

    for (size_t i = 0; status == AIGW_OK && i < len; i++)
        ((unsigned char *)ret_bytes)[i] = (unsigned char)(i * 37 + 11);
    return status;
}

/* ---- a provider's events ---- */

/* What the headers say about the order of events. */
static void check_order(struct aigw_testhost *th, const struct aigw_event *event)
{
    uint32_t choice = event->choice, bit = 1u << choice;

    if (event->type == AIGW_EVENT_FINISH && (th->finished & bit))
        testhost_fault(th, "FINISH was emitted twice for choice %u", choice);
    if (event->type == AIGW_EVENT_FINISH)
        th->finished |= bit;
    if (event->type != AIGW_EVENT_TOOL_CALL)
        return;
    if (event->index > th->tools[choice])
        testhost_fault(th, "TOOL_CALL has index %u, expected at most %u: indexes are gap-free from 0", event->index,
                       th->tools[choice]);
    else if (event->index < th->tools[choice] && (event->id.len > 0 || event->name.len > 0))
        testhost_fault(th, "TOOL_CALL %u: id and name belong to its first piece only", event->index);
    if (event->index >= th->tools[choice])
        th->tools[choice] = event->index + 1;
}

static void check_size(struct aigw_testhost *th, const char *what, const void *theirs, size_t ours)
{
    uint32_t size = *(const uint32_t *)theirs;

    if (size < 2 * sizeof size || size > ours + TESTHOST_GROWTH_MAX)
        testhost_fault(th, "%s: struct_size is %u, expected %zu: set it to sizeof the struct", what, size, ours);
}

static void note_event(struct aigw_testhost *th, const struct aigw_event *given)
{
    struct aigw_event event;
    struct aigw_usage usage;
    struct aigw_error error;

    check_size(th, "event", given, sizeof event);
    gw_abi_in(&event, sizeof event, given);
    if (event.usage) {
        check_size(th, "usage of an event", event.usage, sizeof usage);
        gw_abi_in(&usage, sizeof usage, event.usage);
        event.usage = &usage;
    }
    if (event.error) {
        check_size(th, "error of an event", event.error, sizeof error);
        gw_abi_in(&error, sizeof error, event.error);
        event.error = &error;
    }
    if (event.choice < TESTHOST_CHOICES)
        check_order(th, &event);
    testhost_write_event(&th->events, &event);
    if (event.type == AIGW_EVENT_TEXT)
        gw_buf_put_str(&th->said, event.text);
}

static aigw_status watch_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_event whole;

    if (!ctx->attempt || !th->may_emit) {
        testhost_fault(th, "emit() works inside frame(), done() and produce() only");
        return AIGW_E_STATE;
    }
    if (th->emit_status != AIGW_OK)
        testhost_fault(th, "emit() was called again after it had answered %d: return that at once", th->emit_status);
    if (th->is_over || th->emit_left == 0) {
        th->emit_status = AIGW_E_CLOSED;
        return th->emit_status;
    }
    th->emit_left--;
    if (event && (!gw_abi_in(&whole, sizeof whole, event) || gw_event_check(ctx, &whole) == AIGW_OK))
        note_event(th, event);
    th->emit_status = gw_host()->emit(ctx, event);
    return th->emit_status;
}

static aigw_status watch_credential(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value)
{
    struct aigw_testhost *th = testhost_of(ctx);
    const char *value = testhost_known_credential(th, name);

    if (!value || !ctx->attempt)
        return gw_host()->credential(ctx, name, ret_value);
    *ret_value = gw_str(value);
    return AIGW_OK;
}

/* ---- a feature's questions ---- */

static aigw_str watch_header(struct aigw_ctx *ctx, const char *name)
{
    return is_request(ctx, "header") ? gw_host()->header(ctx, name) : AIGW_STR_NONE;
}

static aigw_status watch_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                                 const struct aigw_pair *headers, uint32_t header_count)
{
    if (!is_request(ctx, "respond"))
        return AIGW_E_STATE;
    return gw_host()->respond(ctx, http_status, content_type, body, headers, header_count);
}

static const aigw_str *watch_feature_flags(struct aigw_ctx *ctx, uint32_t *ret_count)
{
    struct aigw_testhost *th = testhost_of(ctx);

    *ret_count = 0;
    if (!is_request(ctx, "feature_flags"))
        return NULL;
    return th->flags ? testhost_words(ctx->request_arena, th->flags, ret_count)
                     : gw_host()->feature_flags(ctx, ret_count);
}

static aigw_str watch_setting(struct aigw_ctx *ctx, const char *path)
{
    aigw_str value = testhost_line_value(testhost_of(ctx)->settings, path, '=');

    if (!is_request(ctx, "setting"))
        return AIGW_STR_NONE;
    return value.ptr ? value : gw_host()->setting(ctx, path);
}

static const char *model_member(const struct aigw_testhost *th, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(th->model, json_type_object))
        json_object_object_get_ex(th->model, key, &value);
    return value ? json_object_get_string(value) : NULL;
}

static bool model_says(const struct aigw_testhost *th, const char *key)
{
    const char *value = model_member(th, key);

    return value && strcmp(value, "true") == 0;
}

/* The need as the feature gave it is noted. Where the test has no conf of its own it leads to the one model there is.
 */
static aigw_status watch_model_resolve(struct aigw_ctx *ctx, const struct aigw_need *given,
                                       const struct aigw_model_info **ret_info, struct aigw_error *ret_error)
{
    struct aigw_testhost *th = testhost_of(ctx);
    const char *error_name = model_member(th, "error"), *message = model_member(th, "message");
    const struct aigw_need plain = { .struct_size = sizeof plain };
    struct aigw_need need;
    aigw_status status;

    if (!is_request(ctx, "model_resolve"))
        return AIGW_E_STATE;
    check_size(th, "need", given, sizeof need);
    check_size(th, "error of model_resolve()", ret_error, sizeof *ret_error);
    gw_abi_in(&need, sizeof need, given);
    gw_buf_printf(&th->resolved, "need provider=%.*s name=%.*s endpoint=%.*s api_key=%.*s identifier=%.*s model=%.*s\n",
                  AIGW_STR_ARG(need.provider), AIGW_STR_ARG(need.name), AIGW_STR_ARG(need.endpoint),
                  AIGW_STR_ARG(need.api_key), AIGW_STR_ARG(need.identifier), AIGW_STR_ARG(need.model));
    if (error_name) {
        int kind = testhost_error_kind(gw_str(error_name));
        const struct aigw_error error = { .struct_size = sizeof error,
                                          .kind = kind < 0 ? AIGW_ERR_INTERNAL : (uint32_t)kind,
                                          .retry_after_ms = -1,
                                          .message = gw_str(message ? message : "as the test wants it") };

        gw_abi_out(ret_error, &error, sizeof error);
        return gw_ctx_fail(ctx, AIGW_E_NOT_FOUND, "%.*s", AIGW_STR_ARG(error.message));
    }
    status = gw_host()->model_resolve(ctx, th->conf ? given : &plain, ret_info, ret_error);
    if (status == AIGW_OK && model_says(th, "adhoc"))
        ((struct aigw_model_info *)(uintptr_t)*ret_info)->flags |= AIGW_MODELF_ADHOC;
    if (status == AIGW_OK && model_says(th, "unknown_family"))
        ((struct aigw_model_info *)(uintptr_t)*ret_info)->flags |= AIGW_MODELF_UNKNOWN_FAMILY;
    return status;
}

/* Without any prompt in the test every id is known: the user's message lists the variables. */
static aigw_status render_any(struct aigw_ctx *ctx, const struct aigw_prompt_query *query,
                              struct aigw_prompt *ret_prompt)
{
    struct aigw_message *message = gw_arena_calloc(ctx->build_arena, sizeof *message);
    struct aigw_part *part = gw_arena_calloc(ctx->build_arena, sizeof *part);
    struct aigw_prompt prompt = { .struct_size = sizeof prompt,
                                  .messages = message,
                                  .params = query->model ? query->model->defaults : NULL,
                                  .title = gw_arena_str(ctx->build_arena, query->id),
                                  .family = AIGW_STR_INIT("base"),
                                  .version = AIGW_STR_INIT("1.0.0") };
    struct gw_buf text;

    if (!message || !part)
        return AIGW_E_NOMEM;
    gw_buf_init(&text, (size_t)16 << 20);
    for (uint32_t i = 0; query->vars && i < query->var_count; i++)
        gw_buf_printf(&text, "%.*s=%.*s\n", AIGW_STR_ARG(query->vars[i].name), AIGW_STR_ARG(query->vars[i].value));
    *part = (struct aigw_part){ .struct_size = sizeof *part,
                                .type = AIGW_PART_TEXT,
                                .text = gw_arena_str(ctx->build_arena, gw_buf_str(&text)) };
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = AIGW_ROLE_USER, .parts = part };
    gw_buf_done(&text);
    gw_abi_out(ret_prompt, &prompt, sizeof prompt);
    return AIGW_OK;
}

static aigw_status watch_prompt(struct aigw_ctx *ctx, const struct aigw_prompt_query *given,
                                struct aigw_prompt *ret_prompt)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_prompt_query query;

    if (!is_request(ctx, "prompt"))
        return AIGW_E_STATE;
    check_size(th, "prompt query", given, sizeof query);
    check_size(th, "prompt", ret_prompt, sizeof *ret_prompt);
    gw_abi_in(&query, sizeof query, given);
    gw_buf_printf(&th->resolved, "prompt %.*s version=%.*s", AIGW_STR_ARG(query.id), AIGW_STR_ARG(query.version));
    for (uint32_t i = 0; query.vars && i < query.var_count; i++)
        gw_buf_printf(&th->resolved, " %.*s", AIGW_STR_ARG(query.vars[i].name));
    gw_buf_puts(&th->resolved, "\n");
    return th->prompts || th->prompt_dir ? gw_host()->prompt(ctx, given, ret_prompt)
                                         : render_any(ctx, &query, ret_prompt);
}

void testhost_make_host(struct aigw_testhost *th)
{
    th->host = *gw_host();
    th->host.alloc = watch_alloc;
    th->host.count = watch_count;
    th->host.annotate = watch_annotate;
    th->host.log = watch_log;
    th->host.respond_invalid = watch_respond_invalid;
    th->host.time_s = fixed_time_s;
    th->host.mono_ms = loop_mono_ms;
    th->host.random = fixed_random;
    th->host.emit = watch_emit;
    th->host.credential = watch_credential;
    th->host.header = watch_header;
    th->host.respond = watch_respond;
    th->host.feature_flags = watch_feature_flags;
    th->host.setting = watch_setting;
    th->host.model_resolve = watch_model_resolve;
    th->host.prompt = watch_prompt;
}
