/* request_read.c - a client's body → canonical request. */
#include "request_read.h"

#include "gemini.h"

#include <stdio.h>
#include <string.h>

#define EXTRA_MAX ((size_t)32 * 1024 * 1024)

/* ---- for all readers ---- */

#define PLACE_SIZE 96

/* "contents[2].parts[0]", "tools[0].functionDeclarations[3]", "generationConfig": where the reader is. *ret_word: what
 * the place ends with, which need not be said again. */
static void put_place(const struct gemini_reading *r, char place[PLACE_SIZE], const char **ret_word)
{
    static const char *const words[] = { "contents", "parts", "tools", "functionDeclarations" };
    const uint32_t numbers[] = { r->content_number, r->part_number, r->tool_number, r->function_number };
    int len = 0;

    place[0] = '\0';
    *ret_word = "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (numbers[i] > 0) {
            len += snprintf(place + len, PLACE_SIZE - (size_t)len, "%s%s[%u]", len > 0 ? "." : "", words[i],
                            numbers[i] - 1);
            *ret_word = i == 1 ? words[0] : words[i]; /* a part is of the contents */
        }
    if (r->is_in_config) {
        *ret_word = "generationConfig";
        snprintf(place, PLACE_SIZE, "%s", *ret_word);
    }
}

/* top_p is topP in what Google documents. */
static void put_name(char name[PLACE_SIZE], const char *where)
{
    size_t len = 0;

    for (; *where && len < PLACE_SIZE - 1; where++) {
        bool is_joint = where[0] == '_' && where[1] >= 'a' && where[1] <= 'z';

        where += is_joint;
        name[len++] = (char)(is_joint ? *where - 'a' + 'A' : *where);
    }
    name[len] = '\0';
}

aigw_status gemini_read_refuse(struct gemini_reading *r, const char *where, const char *what)
{
    char place[PLACE_SIZE], name[PLACE_SIZE];
    const char *text, *word;
    size_t len;

    put_place(r, place, &word);
    len = strlen(word);
    if (len > 0 && strncmp(where, word, len) == 0)
        where += where[len] == '.' ? len + 1 : len;
    put_name(name, where);
    text = r->host->format(r->ctx, AIGW_LIFE_BUILD, "%s%s%s: %s", place, place[0] && name[0] ? "." : "", name, what);
    if (!text)
        return AIGW_E_NOMEM;
    *r->refusal = (struct gemini_refusal){ .http_status = 400,
                                           .status = "INVALID_ARGUMENT",
                                           .message = wire_str(text),
                                           .retry_after_ms = -1,
                                           .should_retry = AIGW_NO };
    return AIGW_E_INVALID;
}

/* A number in quotes, without them. */
static struct aigw_json unquoted(const struct aigw_json *value)
{
    struct aigw_json number = *value;

    if (value->type == AIGW_JSON_STRING && value->text.len > 2 &&
        aigw_json_check((aigw_str){ value->text.ptr + 1, value->text.len - 2 }, 0, &number, NULL) != AIGW_OK)
        return *value;
    return number;
}

bool gemini_read_real(const struct aigw_json *value, double *ret)
{
    struct aigw_json number = unquoted(value);

    return aigw_json_real(&number, ret);
}

/* 64.0 is what some clients write. */
bool gemini_read_whole(const struct aigw_json *value, int64_t *ret)
{
    struct aigw_json number = unquoted(value);
    double real;

    if (aigw_json_int(&number, ret))
        return true;
    if (!aigw_json_real(&number, &real) || real < -1e15 || real > 1e15 || (double)(int64_t)real < real ||
        (double)(int64_t)real > real)
        return false;
    *ret = (int64_t)real;
    return true;
}

void *gemini_read_alloc(struct gemini_reading *r, size_t size)
{
    void *memory = r->host->alloc(r->ctx, AIGW_LIFE_BUILD, size);

    return memory ? memset(memory, 0, size) : NULL;
}

void *gemini_read_piece(struct gemini_reading *r, size_t size)
{
    return ++r->piece_count <= GEMINI_PIECES_MAX ? gemini_read_alloc(r, size) : NULL;
}

static bool says_nothing(const struct aigw_json *value)
{
    bool flag = true;

    return value->type <= AIGW_JSON_NULL || (aigw_json_bool(value, &flag) && !flag) ||
           (value->type == AIGW_JSON_STRING && value->text.len == 2) ||
           (value->type >= AIGW_JSON_LIST && aigw_json_count(value) == 0);
}

static aigw_status note_dropped(struct gemini_reading *r, const struct aigw_json *key)
{
    struct gemini_asked *asked = r->asked;
    aigw_str name;
    aigw_status status = aigw_json_text(key, &r->memory, &name);

    for (uint32_t i = 0; i < asked->dropped_count; i++)
        if (asked->dropped[i].len == name.len && memcmp(asked->dropped[i].ptr, name.ptr, name.len) == 0)
            return status;
    if (status == AIGW_OK && name.len > 0 && asked->dropped_count < GEMINI_DROPPED_MAX)
        asked->dropped[asked->dropped_count++] = name;
    return status;
}

aigw_status gemini_read_members(struct gemini_reading *r, const struct aigw_json *object, const char *const *names,
                                size_t count, struct aigw_json *found)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < count; i++)
        found[i] = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    while (object->type == AIGW_JSON_OBJECT && status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        size_t known = gemini_key_of(&key, names, count);

        if (known < count && value.type != AIGW_JSON_NULL)
            found[known] = value;
        else if (known == count && !says_nothing(&value))
            status = note_dropped(r, &key);
    }
    return status;
}

aigw_status gemini_read_text(struct gemini_reading *r, const char *where, const struct aigw_json *value, aigw_str *ret)
{
    *ret = AIGW_STR_NONE;
    if (value->type <= AIGW_JSON_NULL)
        return AIGW_OK;
    if (value->type != AIGW_JSON_STRING)
        return gemini_read_refuse(r, where, "must be a string");
    return aigw_json_text(value, &r->memory, ret);
}

aigw_status gemini_read_json(struct gemini_reading *r, const struct aigw_json *value, aigw_str *ret)
{
    return aigw_json_mend(value, &r->memory, ret);
}

aigw_status gemini_read_more(struct gemini_reading *r, struct gemini_extra *extra, const struct aigw_json *key,
                             const struct aigw_json *value)
{
    aigw_str name, text;
    aigw_status status = aigw_json_text(key, &r->memory, &name);

    if (status == AIGW_OK)
        status = gemini_read_json(r, value, &text);
    if (status == AIGW_OK && !extra->buf)
        extra->buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, EXTRA_MAX);
    if (status != AIGW_OK || !extra->buf)
        return status == AIGW_OK ? AIGW_E_NOMEM : status;
    r->host->buf_put(extra->buf, extra->count++ > 0 ? "," : "{", 1);
    r->host->buf_json(extra->buf, name);
    r->host->buf_put(extra->buf, ":", 1);
    r->host->buf_put(extra->buf, text.ptr, text.len);
    return AIGW_OK;
}

aigw_status gemini_read_more_end(struct gemini_reading *r, struct gemini_extra *extra, aigw_str *ret)
{
    *ret = AIGW_STR_NONE;
    if (!extra->buf)
        return AIGW_OK;
    r->host->buf_put(extra->buf, "}", 1);
    return r->host->buf_view(extra->buf, ret);
}

/* ---- a chat ---- */

enum chat_key {
    CHAT_CONTENTS,
    CHAT_SYSTEM,
    CHAT_TOOLS,
    CHAT_TOOL_CONFIG,
    CHAT_GENERATION_CONFIG,
    CHAT_SAFETY,
    CHAT_LABELS,
    CHAT_TIER,
    CHAT_CACHED,
    CHAT_MODEL,
    CHAT_KEYS,
};
static const char *const chat_keys[CHAT_KEYS] = {
    "contents", "system_instruction", "tools",          "tool_config", "generation_config", "safety_settings",
    "labels",   "service_tier",       "cached_content", "model",
};

static void put_named(struct gemini_reading *r, struct gemini_extra *extra, const char *name, aigw_str object)
{
    if (object.len == 0)
        return;
    r->host->buf_printf(extra->buf, "%s\"%s\":", extra->count++ > 0 ? "," : "{", name);
    r->host->buf_put(extra->buf, object.ptr, object.len);
}

/* What is left of the body, with what was left of two of its members. */
static aigw_status put_extra(struct gemini_reading *r, struct gemini_extra *extra, aigw_str config, aigw_str choice)
{
    if (config.len + choice.len > 0 && !extra->buf)
        extra->buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, EXTRA_MAX);
    if (config.len + choice.len > 0 && !extra->buf)
        return AIGW_E_NOMEM;
    put_named(r, extra, "generationConfig", config);
    put_named(r, extra, "toolConfig", choice);
    return gemini_read_more_end(r, extra, &r->request->extra);
}

static aigw_status read_simple(struct gemini_reading *r, enum chat_key key, const struct aigw_json *value,
                               struct aigw_params *params)
{
    switch (key) {
    case CHAT_SAFETY:
        return value->type == AIGW_JSON_LIST ? gemini_read_json(r, value, &params->safety_settings)
                                             : gemini_read_refuse(r, "safetySettings", "must be a list");
    case CHAT_LABELS:
        return value->type == AIGW_JSON_OBJECT ? gemini_read_json(r, value, &params->metadata)
                                               : gemini_read_refuse(r, "labels", "must be an object");
    case CHAT_TIER:
        return gemini_read_text(r, "serviceTier", value, &params->service_tier);
    default: /* CHAT_MODEL: the path says it */
        return AIGW_OK;
    }
}

/* First of all members, as the turns may be read only once the tools are. */
static aigw_status read_members(struct gemini_reading *r, const struct aigw_json *body,
                                struct aigw_json found[CHAT_KEYS], struct gemini_extra *extra)
{
    struct aigw_json_walk walk = aigw_json_begin(body);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < CHAT_KEYS; i++)
        found[i] = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        size_t known = gemini_key_of(&key, chat_keys, CHAT_KEYS);

        if (value.type == AIGW_JSON_NULL)
            continue;
        if (known == CHAT_CACHED)
            r->asked->vendor_only = "cachedContent";
        if (known == CHAT_KEYS || known == CHAT_CACHED)
            status = gemini_read_more(r, extra, &key, &value);
        else
            found[known] = value;
    }
    return status;
}

static aigw_status read_chat(struct gemini_reading *r, const struct aigw_json *body)
{
    struct aigw_params *params = gemini_read_alloc(r, sizeof *params);
    struct aigw_json found[CHAT_KEYS];
    struct gemini_extra extra = { .count = 0 };
    aigw_str config = AIGW_STR_NONE, choice = AIGW_STR_NONE;
    aigw_status status;

    if (!params)
        return AIGW_E_NOMEM;
    params->struct_size = sizeof *params;
    r->request->params = params;
    r->request->dialect = AIGW_STR(GEMINI_DIALECT);
    status = read_members(r, body, found, &extra);
    for (enum chat_key key = CHAT_SAFETY; status == AIGW_OK && key < CHAT_KEYS; key++)
        if (found[key].type != AIGW_JSON_ABSENT)
            status = read_simple(r, key, &found[key], params);
    if (status == AIGW_OK)
        status = gemini_read_params(r, &found[CHAT_GENERATION_CONFIG], params, &config);
    if (status == AIGW_OK)
        status = gemini_read_tools(r, &found[CHAT_TOOLS]);
    if (status == AIGW_OK)
        status = gemini_read_choice(r, &found[CHAT_TOOL_CONFIG], &choice);
    if (status == AIGW_OK)
        status = gemini_read_system(r, &found[CHAT_SYSTEM]);
    if (status == AIGW_OK)
        status = gemini_read_contents(r, &found[CHAT_CONTENTS]);
    return status == AIGW_OK ? put_extra(r, &extra, config, choice) : status;
}

/* ---- embeddings ---- */

static aigw_status read_input(struct gemini_reading *r, const struct aigw_json *one, aigw_str *ret)
{
    static const char *const names[] = { "content", "task_type", "output_dimensionality", "model" };
    struct aigw_json found[4];
    const struct aigw_json *dimensions = &found[2];
    int64_t wanted = 0;
    aigw_status status = gemini_read_members(r, one, names, 4, found);

    if (status == AIGW_OK)
        status = gemini_read_plain(r, "content", &found[0], ret);
    if (status == AIGW_OK && found[1].type > AIGW_JSON_NULL)
        status = gemini_read_text(r, "taskType", &found[1], &r->request->input_type);
    if (status == AIGW_OK && dimensions->type > AIGW_JSON_NULL &&
        (!gemini_read_whole(dimensions, &wanted) || wanted < 1 || wanted > INT32_MAX))
        return gemini_read_refuse(r, "outputDimensionality", "must be a positive number");
    if (wanted > 0)
        r->request->dimensions = (int32_t)wanted;
    return status;
}

static aigw_status read_embeddings(struct gemini_reading *r, const struct aigw_json *body)
{
    struct aigw_json list, one;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;
    aigw_str *inputs;
    size_t count = 1;

    r->asked->is_batch = gemini_member(body, "requests", &list);
    if (r->asked->is_batch)
        count = aigw_json_count(&list);
    if (r->asked->is_batch && (list.type != AIGW_JSON_LIST || count == 0 || count > 2048))
        return gemini_read_refuse(r, "requests", "must be a list of 1 to 2048 requests");
    inputs = gemini_read_alloc(r, count * sizeof *inputs);
    if (!inputs)
        return AIGW_E_NOMEM;
    r->request->inputs = inputs;
    r->request->input_count = (uint32_t)count;
    if (!r->asked->is_batch)
        return read_input(r, body, inputs);
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &one))
        status = read_input(r, &one, inputs++);
    return status;
}

/* ---- all ---- */

aigw_status gemini_read_request(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t kind, aigw_str body,
                                struct gemini_asked *ret_asked, struct aigw_model_request *ret_request,
                                struct gemini_refusal *ret_refusal)
{
    struct gemini_reading r = { .host = host,
                                .ctx = ctx,
                                .from = { host, ctx, AIGW_LIFE_BUILD },
                                .memory = { aigw_host_memory_get, &r.from, SIZE_MAX },
                                .asked = ret_asked,
                                .request = ret_request,
                                .refusal = ret_refusal };
    struct aigw_json_error error;
    struct aigw_json root, inner;
    aigw_status status;

    *ret_asked = (struct gemini_asked){ .shows_thoughts = false };
    if (aigw_json_check(body, 0, &root, &error) != AIGW_OK)
        return gemini_read_refuse(&r, "the body is not JSON", error.reason);
    if (root.type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(&r, "the body", "must be a JSON object");
    ret_request->kind = kind;
    if (kind == AIGW_CALL_EMBEDDING)
        return read_embeddings(&r, &root);
    if (kind == AIGW_CALL_COUNT && gemini_member(&root, "generate_content_request", &inner) &&
        inner.type == AIGW_JSON_OBJECT)
        root = inner;
    status = read_chat(&r, &root);
    if (status == AIGW_OK)
        status = wire_later_room(&ret_asked->later, &r.memory);
    if (status != AIGW_OK || !r.has_pieces)
        return status;
    wire_later_read(&ret_asked->later);
    return gemini_read_turns(&r);
}

aigw_str gemini_model_name(aigw_str path)
{
    static const char *const prefixes[] = { "publishers/google/models/", "tunedModels/", "models/" };

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (wire_has_prefix(path, prefixes[i])) {
            size_t len = strlen(prefixes[i]);

            return (aigw_str){ path.ptr + len, path.len - len };
        }
    return path;
}
