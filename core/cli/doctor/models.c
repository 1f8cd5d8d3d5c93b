/* models.c - every target of every model in conf.d: is its server there, does it know the model, does it answer? */
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "cli/doctor/calls.h"
#include "cli/probe.h"
#include "config/json.h"
#include "config/snapshot.h"
#include "plugin/plugin.h"

#define SLOW_MS    5000
#define LIST_MS    10000
#define NAMES_LINE 600

/** The provider's key where it has one setting of that name; NULL otherwise. */
static const char *key_of(struct doctor *d, const struct gw_instance *provider)
{
    const struct gw_node *node = gw_node_get(provider->node, "api_key");
    struct gw_problems unheard;

    gw_problems_init(&unheard, d->arena);
    return node && node->type == GW_NODE_STRING ? gw_node_text(d->arena, node, "api_key", &unheard) : NULL;
}

static bool has(aigw_str text, const char *word)
{
    for (size_t i = 0, len = strlen(word); i + len <= text.len; i++) {
        if (strncasecmp(text.ptr + i, word, len) == 0)
            return true;
    }
    return false;
}

/* ---- failures ---- */

static enum doctor_fault refusal_fault(aigw_str said)
{
    if (has(said, "chat template") || has(said, "chat_template"))
        return FAULT_MODEL_TEMPLATE;
    if (has(said, "tool choice") || has(said, "tool_choice") || has(said, "tool-choice") ||
        has(said, "tool-call-parser"))
        return FAULT_MODEL_TOOLS;
    if (has(said, "maximum context") || has(said, "context length"))
        return FAULT_MODEL_CONTEXT;
    return FAULT_MODEL_OTHER;
}

static enum doctor_fault fault_of(struct doctor *d, const struct gw_target *target, const struct aigw_error *error)
{
    const char *url = doctor_url_of(d, target->provider);
    enum doctor_fault said = refusal_fault(error->message);

    if (said != FAULT_MODEL_OTHER)
        return said;
    switch (error->kind) {
    case AIGW_ERR_AUTH:
    case AIGW_ERR_PERMISSION:
        return FAULT_MODEL_KEY;
    case AIGW_ERR_RATE_LIMITED:
        return FAULT_MODEL_LIMIT;
    case AIGW_ERR_TIMEOUT:
        return FAULT_MODEL_SLOW;
    case AIGW_ERR_NOT_FOUND:
        return has(error->message, "does not exist") || has(error->message, "pull") ? FAULT_MODEL_NAME
                                                                                    : FAULT_MODEL_PATH;
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
        return *url                          ? doctor_connection_fault(d, url, "", FAULT_MODEL_ADDRESS)
               : error->kind == AIGW_ERR_TLS ? FAULT_CERTIFICATE
                                             : FAULT_MODEL_ADDRESS;
    default:
        return error->http_status == 407 || has(error->message, "<html") || has(error->message, "<!doctype") ||
                       (*url && (error->kind == AIGW_ERR_PROTOCOL || error->kind == AIGW_ERR_CUT) &&
                        doctor_connection_fault(d, url, "", FAULT_MODEL_OTHER) == FAULT_CAPTIVE)
                   ? FAULT_CAPTIVE
                   : FAULT_MODEL_OTHER;
    }
}

static void report_error(struct doctor *d, const char *check, const struct gw_target *target,
                         const struct aigw_error *error)
{
    bool is_key = error->kind == AIGW_ERR_AUTH;
    const char *status = error->http_status ? gw_arena_printf(d->arena, " (status %d)", error->http_status) : "";

    doctor_fail(d, check, fault_of(d, target, error), "%sprovider %s%s: %.*s%s", is_key ? "the key of " : "",
                target->provider->name, is_key ? " is refused" : "", AIGW_STR_ARG(error->message),
                status ? status : "");
}

/* ---- checks of one target ---- */

static const char *list_of(struct doctor *d, const struct doctor_call *call)
{
    struct gw_buf text;
    const char *copy;

    gw_buf_init(&text, NAMES_LINE); /* a longer list is cut */
    for (size_t i = 0; i < call->name_count; i++)
        gw_buf_printf(&text, "%s%s", i ? ", " : "", call->names[i]);
    copy = gw_arena_strndup(d->arena, text.data ? text.data : "", text.len);
    gw_buf_done(&text);
    return copy ? copy : "";
}

/** Some servers say in their list how much a model holds: a family that promises more gets requests refused. */
static void check_window(struct doctor *d, const char *check, const struct gw_model *model,
                         const struct gw_target *target)
{
    const char *base = doctor_url_of(d, target->provider), *key = key_of(d, target->provider);
    const struct gw_family *family = gw_models_family(d->snapshot->models, gw_str(model->family));
    int64_t window = target->max_context_tokens ? target->max_context_tokens : model->max_context_tokens;
    struct cli_probe probe = { .url = gw_arena_printf(d->arena, "%s/models", base),
                               .bearer = key,
                               .timeout_ms = LIST_MS,
                               .ca_file = d->settings.upstream.ca_file,
                               .extra_ca_file = d->settings.upstream.extra_ca_file };
    struct json_object *list = NULL, *items;
    struct cli_answer answer;

    window = window || !family ? window : family->max_context_tokens;
    if (!*base || !window)
        return;
    cli_probe(&probe, &answer);
    if (answer.status == 200)
        list = gw_json_read(gw_buf_str(&answer.body), 32, 0, NULL);
    items = cli_json_list(list, "data");
    for (size_t i = 0; i < cli_json_count(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        int64_t has = cli_json_int(item, "max_model_len");

        if (gw_str_is(target->model, cli_json_text(item, "id")) && has > 0 && has < window)
            doctor_warn(d, check, FAULT_MODEL_CONTEXT,
                        "the window of %.*s at provider %s is %lld tokens, max_context_tokens "
                        "here says %lld",
                        AIGW_STR_ARG(target->model), target->provider->name, (long long)has, (long long)window);
    }
    json_object_put(list);
    cli_answer_done(&answer);
}

/** Does the server name the model? Servers that list nothing, or cannot, say nothing about it. */
static bool check_name(struct doctor *d, struct doctor_caller *caller, const char *check, const struct gw_model *model,
                       const struct gw_target *target)
{
    struct doctor_call call;

    doctor_call(caller, model, target, AIGW_CALL_MODELS, false, &call);
    if (call.error.kind || !call.name_count)
        return true;
    for (size_t i = 0; i < call.name_count; i++) {
        if (!gw_str_is(target->model, call.names[i]))
            continue;
        check_window(d, check, model, target);
        return true;
    }
    doctor_fail(d, check, FAULT_MODEL_NAME, "the server of provider %s does not serve %.*s; served names are: %s",
                target->provider->name, AIGW_STR_ARG(target->model), list_of(d, &call));
    return false;
}

static bool check_answer(struct doctor *d, struct doctor_caller *caller, const char *check,
                         const struct gw_model *model, const struct gw_target *target)
{
    struct doctor_call call;
    int64_t first_ms;

    doctor_call(caller, model, target, AIGW_CALL_CHAT, false, &call);
    if (call.error.kind) {
        report_error(d, check, target, &call.error);
        return false;
    }
    first_ms = (call.first_ms ? call.first_ms : call.end_ms) - call.begun_ms;
    if (first_ms > SLOW_MS)
        doctor_warn(d, check, FAULT_MODEL_SLOW, "%.*s of provider %s needs %.1f s for its first word",
                    AIGW_STR_ARG(target->model), target->provider->name, (double)first_ms / 1000.0);
    else
        doctor_ok(d, check, "%.*s of provider %s answers, first word after %lld ms", AIGW_STR_ARG(target->model),
                  target->provider->name, (long long)first_ms);
    return true;
}

static void check_tools(struct doctor *d, struct doctor_caller *caller, const char *check, const struct gw_model *model,
                        const struct gw_target *target)
{
    struct doctor_call call;

    doctor_call(caller, model, target, AIGW_CALL_CHAT, true, &call);
    if (call.error.kind == AIGW_ERR_BAD_REQUEST || call.error.kind == AIGW_ERR_SERVER)
        doctor_warn(d, check, FAULT_MODEL_TOOLS, "%.*s of provider %s refuses tools: %.*s", AIGW_STR_ARG(target->model),
                    target->provider->name, AIGW_STR_ARG(call.error.message));
}

static void check_target(struct doctor *d, struct doctor_caller *caller, const struct gw_model *model,
                         const struct gw_target *target)
{
    const char *check = gw_arena_printf(d->arena, "model %s", model->name);

    if (check && check_name(d, caller, check, model, target) && check_answer(d, caller, check, model, target))
        check_tools(d, caller, check, model, target);
}

void doctor_check_models(struct doctor *d)
{
    const char *only = d->options->model;
    struct gw_err why = { "" };
    struct doctor_caller *caller;
    size_t count = 0;

    if (!d->snapshot)
        return; /* its mistakes are known */
    caller = doctor_caller_new(d, &why);
    if (!caller) {
        doctor_fail(d, "models", FAULT_MODEL_OTHER, "%s", why.text);
        return;
    }
    for (size_t i = 0; i < d->snapshot->models->model_count; i++) {
        const struct gw_model *model = &d->snapshot->models->models[i];

        if (only && strcmp(only, model->name) != 0)
            continue;
        count++;
        for (uint32_t t = 0; t < model->target_count; t++)
            check_target(d, caller, model, &model->targets[t]);
    }
    if (only && !count)
        doctor_fail(d, "models", FAULT_CONFIG, "no model of conf.d is called %s", only);
    else if (!count)
        doctor_ok(d, "models", "none in conf.d: requests bring theirs along");
    doctor_caller_free(caller);
}
