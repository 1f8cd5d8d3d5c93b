/* drops.c - what a target cannot take: left out and remembered for x-aigw-dropped, or refused by name. */
#include "wire.h"

#include <aigw/json.h>

#include <stdio.h>
#include <string.h>

/* ---- parameters left out ---- */

struct wire_drop {
    struct wire_drop *next;
    aigw_str name;
    char text[];
};

void wire_drop(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops, aigw_str name)
{
    struct wire_drop *drop;
    uint32_t count = 0;

    for (drop = drops->first; drop; drop = drop->next, count++)
        if (drop->name.len == name.len && memcmp(drop->name.ptr, name.ptr, name.len) == 0)
            return;
    if (count >= WIRE_DROPS_MAX)
        return;
    drop = host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof *drop + name.len);
    if (!drop) {
        drops->status = AIGW_E_NOMEM;
        return;
    }
    memcpy(drop->text, name.ptr, name.len);
    drop->name = (aigw_str){ drop->text, name.len };
    drop->next = NULL;
    if (drops->last)
        drops->last->next = drop;
    else
        drops->first = drop;
    drops->last = drop;
}

#define NAMES_SIZE 256 /* of those that a refusal names */

aigw_status wire_settle_drops(const struct aigw_host *host, struct aigw_ctx *ctx, const struct wire_drops *drops,
                              const struct aigw_model_request *req, const char *who)
{
    char names[NAMES_SIZE] = "";
    size_t len = 0;

    if (drops->status != AIGW_OK || !drops->first || !(req->flags & AIGW_REQF_STRICT))
        return drops->status;
    for (const struct wire_drop *drop = drops->first; drop && len + drop->name.len + 3 < sizeof names;
         drop = drop->next)
        len +=
            (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", len > 0 ? ", " : "", AIGW_STR_ARG(drop->name));
    return host->fail(ctx, AIGW_E_UNSUPPORTED, "%s: cannot be taken by %s, and nothing may be left out here", names,
                      who);
}

aigw_status wire_lacks(const struct aigw_host *host, struct aigw_ctx *ctx, const char *param, const char *who,
                       const char *what)
{
    return host->fail(ctx, AIGW_E_UNSUPPORTED, "%s: %s has no %s", param, who, what);
}

aigw_status wire_lacks_tool(const struct aigw_host *host, struct aigw_ctx *ctx)
{
    return host->fail(ctx, AIGW_E_UNSUPPORTED,
                      "tool_choice: the demanded tool is not among the tools that this model is offered");
}

aigw_status wire_check_file(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_part *part,
                            const char *family)
{
    if (part->file_id.len == 0 || part->data.len > 0 || part->url.len > 0 || part->origin.len == 0 ||
        wire_has_prefix(part->origin, family))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_UNSUPPORTED, "file_id: the file is kept by another vendor; send what is in it");
}

aigw_status wire_check_prefill(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_model_request *req)
{
    const struct aigw_message *last = req->messages;

    while (last && last->next)
        last = last->next;
    if (req->dialect.len == 0 || !last || last->role != AIGW_ROLE_ASSISTANT ||
        wire_has_part(last->parts, AIGW_PART_TOOL_CALL))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_UNSUPPORTED,
                      "messages: this model does not support assistant message prefill; the conversation must end with "
                      "a user message");
}

bool wire_is_lenient(aigw_str safety_settings)
{
    static const char *const words[] = { "block_none", "off", "harm_block_threshold_unspecified" };
    struct aigw_json list, item, threshold;
    struct aigw_json_walk walk;
    size_t i;

    if (aigw_json_check(safety_settings, 0, &list, NULL) != AIGW_OK || list.type != AIGW_JSON_LIST)
        return false;
    walk = aigw_json_begin(&list);
    while (aigw_json_next(&walk, NULL, &item)) {
        aigw_json_member(&item, "threshold", &threshold);
        for (i = 0; i < sizeof words / sizeof *words && threshold.type == AIGW_JSON_STRING; i++)
            if (wire_same_word((aigw_str){ threshold.text.ptr + 1, threshold.text.len - 2 }, words[i]))
                break;
        if (threshold.type != AIGW_JSON_STRING || i == sizeof words / sizeof *words)
            return false;
    }
    return true;
}

aigw_status wire_emit_drops(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops)
{
    const struct wire_drop *drop = drops->first;
    aigw_status status = AIGW_OK;

    drops->first = drops->last = NULL;
    for (; drop && status == AIGW_OK; drop = drop->next) {
        struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_DROPPED, .name = drop->name };

        status = host->emit(ctx, &event);
    }
    return status;
}

/* What only costs when it is left out need not be said. */
static bool is_mark(const struct aigw_json *key)
{
    return aigw_json_is_text(key, "cache_control") || aigw_json_is_text(key, "prompt_cache_breakpoint");
}

/* Gemini groups its parameters: of those it is each one that is left out. */
static bool is_group(const struct aigw_json *key)
{
    return aigw_json_is_text(key, "generationConfig") || aigw_json_is_text(key, "toolConfig");
}

static void drop_names(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                       const struct aigw_json *object)
{
    struct aigw_json_walk members = aigw_json_begin(object);
    struct aigw_json key, value;
    char room[64];

    while (aigw_json_next(&members, &key, &value)) {
        if (value.type == AIGW_JSON_OBJECT && is_group(&key))
            drop_names(host, ctx, drops, &value);
        else if (!is_mark(&key))
            wire_drop(host, ctx, drops,
                      aigw_json_room(&key) <= sizeof room ? aigw_json_text_in(&key, room) : AIGW_STR("extra"));
    }
}

aigw_status wire_drop_members(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                              aigw_str object)
{
    struct aigw_json root;

    if (wire_is_blank(object))
        return AIGW_OK;
    if (aigw_json_check(object, 0, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return AIGW_E_INVALID;
    drop_names(host, ctx, drops, &root);
    return AIGW_OK;
}

void wire_drop_tool_extra(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                          const struct aigw_tool *tool)
{
    static const char *const quiet[] = { "cache_control",         "defer_loading",   "input_examples",
                                         "eager_input_streaming", "allowed_callers", "strict" };
    struct aigw_json root, key, value;
    struct aigw_json_walk members;
    char room[64];

    if (tool->extra.len == 0 || aigw_json_check(tool->extra, 0, &root, NULL) != AIGW_OK)
        return;
    members = aigw_json_begin(&root);
    while (aigw_json_next(&members, &key, &value)) {
        size_t i = 0;

        while (i < sizeof quiet / sizeof *quiet && !aigw_json_is_text(&key, quiet[i]))
            i++;
        if (i == sizeof quiet / sizeof *quiet && aigw_json_room(&key) <= sizeof room)
            wire_drop(host, ctx, drops, aigw_json_text_in(&key, room));
    }
}

bool wire_takes_item(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                     const struct aigw_part *part, bool is_ours)
{
    struct aigw_json root, first = { .type = AIGW_JSON_NULL }, value;
    struct aigw_json_walk members;
    bool is_object = aigw_json_check(part->text, 0, &root, NULL) == AIGW_OK && root.type == AIGW_JSON_OBJECT;
    char room[64];

    if (is_ours && is_object)
        return true;
    if (is_object) {
        members = aigw_json_begin(&root);
        if (!aigw_json_member(&root, "type", &first) || first.type != AIGW_JSON_STRING)
            (void)aigw_json_next(&members, &first, &value); /* {"executableCode":{…}} */
    }
    wire_drop(host, ctx, drops,
              first.type == AIGW_JSON_STRING && aigw_json_room(&first) <= sizeof room ? aigw_json_text_in(&first, room)
                                                                                      : AIGW_STR("item"));
    return false;
}

void wire_drop_openai_params(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                             const struct aigw_params *params)
{
    const struct {
        bool is_given;
        const char *name;
    } rows[] = {
        { params->set & AIGW_PARAM_SEED, "seed" },
        { params->set & AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty" },
        { params->set & AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty" },
        { params->set & AIGW_PARAM_MIN_P, "min_p" },
        { params->set & AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty" },
        { params->set & AIGW_PARAM_MIN_TOKENS, "min_tokens" },
        { params->logit_bias.len > 0, "logit_bias" },
        { params->verbosity.len > 0, "verbosity" },
        { params->safety_settings.len > 0 && !wire_is_lenient(params->safety_settings), "safety_settings" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_given)
            wire_drop(host, ctx, drops, wire_str(rows[i].name));
}
