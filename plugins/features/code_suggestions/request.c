/* request.c - what a v2 code request may look like: types, limits, allowed names. Errors are all collected; those about
 * a malformed model also get a plain text, because a caller must learn them even without verbose logging. */
#include "request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONTENT_MAX               100000u
#define CONTEXT_CONTENT_MAX       500000u
#define URL_CHARACTERS_MAX        255u
#define KEY_CHARACTERS_MAX        2000u
#define IDENTIFIER_CHARACTERS_MAX 1000u
#define NO_LIMIT                  SIZE_MAX
#define COUNT(a)                  (sizeof(a) / sizeof *(a))

/* ---- allowed values ---- */

static const char *const providers[] = { "anthropic",    "vertex-ai", "litellm", "codestral",
                                         "fireworks_ai", "amazon_q",  "gitlab" };

/* The last three are families that newer GitLabs offer and the published list forgot. */
static const char *const open_names[] = { "codegemma", "codellama",     "codestral", "codestral-2501",
                                          "mistral",   "deepseekcoder", "mixtral",   "codestral-2508",
                                          "claude_3",  "gpt",           "llama3",    "qwen2p5-coder-7b",
                                          "general",   "qwen",          "gemini" };
static const char *const vertex_names[] = { "codestral-2501", "codestral-2508" };
static const char *const anthropic_names[] = { "claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929" };
static const char *const amazon_names[] = { "amazon_q" };
static const char *const gitlab_names[] = { "",
                                            "codestral_2501_fireworks",
                                            "codestral_2508_fireworks",
                                            "codestral_2501_vertex",
                                            "codestral_2508_vertex",
                                            "claude_sonnet_4_5_20250929",
                                            "claude_sonnet_4_5_20250929_vertex" };

static const struct {
    const char *provider;
    const char *const *names;
    size_t count;
} allowed_names[] = {
    { "litellm", open_names, COUNT(open_names) },
    { "codestral", open_names, COUNT(open_names) },
    { "fireworks_ai", open_names, COUNT(open_names) },
    { "vertex-ai", vertex_names, COUNT(vertex_names) },
    { "anthropic", anthropic_names, COUNT(anthropic_names) },
    { "amazon_q", amazon_names, COUNT(amazon_names) },
    { "gitlab", gitlab_names, COUNT(gitlab_names) },
};

static bool is_name_allowed(aigw_str provider, aigw_str name)
{
    for (size_t i = 0; i < COUNT(allowed_names); i++)
        if (cs_str_is(provider, allowed_names[i].provider))
            return cs_is_word(name, allowed_names[i].names, allowed_names[i].count);
    return false;
}

/* ---- models ---- */

/** Remember the first plain text; answers false for "wrong". */
static bool plain_error(struct cs_check *check, const char *where, const char *what)
{
    if (!check->plain[0])
        snprintf(check->plain, sizeof check->plain, "%s: %s", where, what);
    return false;
}

/** http or https with a host and without blanks. */
static bool is_url(aigw_str url)
{
    size_t host = 0;

    if (url.len > 7 && strncasecmp(url.ptr, "http://", 7) == 0)
        host = 7;
    else if (url.len > 8 && strncasecmp(url.ptr, "https://", 8) == 0)
        host = 8;
    if (!host || memchr("/?#:@", url.ptr[host], 5))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool check_url(struct cs_check *check, const char *field, const char *where, aigw_str url)
{
    static const char expected[] = "Input should be a valid URL that begins with http:// or https://";

    if (!url.len || is_url(url))
        return true;
    cs_error(check, field, "url_parsing", "%s", expected);
    return plain_error(check, where, expected);
}

/** A member of model_metadata; a wrong one is told in plain words too. Blanks around pasted URLs and keys are dropped.
 */
static void metadata_string(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
                            size_t max, aigw_str *ret)
{
    uint32_t before = check->error_count;
    char where[64], what[96];

    cs_string(check, object, field, flags, max, ret);
    if (check->error_count == before)
        return;
    snprintf(where, sizeof where, "model_metadata.%s", field);
    snprintf(what, sizeof what, "expected a string of at most %zu characters", max);
    plain_error(check, where, what);
}

bool cs_read_metadata(struct cs_check *check, const struct pj *document, struct cs_model *ret_model)
{
    uint32_t before = check->error_count;
    const struct pj *object = NULL;
    struct cs_model model = { .is_adhoc = true };

    if (!cs_object(check, document, "model_metadata", CS_NULLABLE, &object)) {
        if (check->error_count != before)
            plain_error(check, "model_metadata", "expected a JSON object");
        return false;
    }
    cs_enter(check, "model_metadata");
    metadata_string(check, object, "provider", CS_REQUIRED, 255, &model.provider);
    metadata_string(check, object, "name", CS_NULLABLE, 255, &model.name);
    metadata_string(check, object, "endpoint", CS_NULLABLE | CS_STRIP, URL_CHARACTERS_MAX, &model.endpoint);
    metadata_string(check, object, "api_key", CS_NULLABLE | CS_STRIP, KEY_CHARACTERS_MAX, &model.api_key);
    metadata_string(check, object, "identifier", CS_NULLABLE | CS_STRIP, IDENTIFIER_CHARACTERS_MAX, &model.identifier);
    check_url(check, "endpoint", "model_metadata.endpoint", model.endpoint);
    if (cs_str_is(model.provider, "gitlab")) { /* a model that GitLab manages: ours to choose */
        model.name = model.identifier.len ? model.identifier : model.name;
        model.identifier = AIGW_STR_NONE;
        model.is_adhoc = false;
    } else if (check->error_count == before && !model.endpoint.len && !model.identifier.len &&
               !cs_str_is(model.provider, "amazon_q")) {
        cs_error(check, "endpoint", "value_error", "Value error, neither endpoint nor identifier is given");
        plain_error(check, "model_metadata.endpoint", "neither endpoint nor identifier is given; set at least one");
    }
    cs_leave(check);
    if (check->error_count != before)
        return false;
    *ret_model = model;
    return true;
}

static void check_name(struct cs_check *check, const struct cs_model *model, bool is_null)
{
    /* A newer GitLab may know families that we do not: its own endpoint is what counts. */
    if (cs_str_is(model->provider, "litellm") && (model->endpoint.len || model->identifier.len))
        return;
    if (!is_null && is_name_allowed(model->provider, model->name))
        return;
    cs_error(check, "model_name", "value_error",
             "Value error, model %.*s is not supported by use case code completions and provider %.*s",
             is_null ? 4 : (int)model->name.len, is_null ? "None" : model->name.ptr, AIGW_STR_ARG(model->provider));
}

static void read_flat_model(struct cs_check *check, const struct pj *document, struct cs_model *model)
{
    const struct pj *name = pj_member(document, "model_name");
    bool is_null = pj_is(name, PJ_NULL), name_ok = true;
    bool has_provider = cs_string(check, document, "model_provider", CS_NULLABLE, NO_LIMIT, &model->provider);

    if (has_provider && !cs_is_word(model->provider, providers, COUNT(providers))) {
        cs_error(check, "model_provider", "enum",
                 "Input should be 'anthropic', 'vertex-ai', 'litellm', 'codestral', 'fireworks_ai', 'amazon_q' or "
                 "'gitlab'");
        has_provider = false;
        model->provider = AIGW_STR_NONE;
    }
    if (name && !is_null)
        name_ok = cs_string(check, document, "model_name", CS_STRIP, 50, &model->name);
    cs_string(check, document, "model_endpoint", CS_NULLABLE | CS_STRIP, NO_LIMIT, &model->endpoint);
    cs_string(check, document, "model_api_key", CS_NULLABLE | CS_STRIP, NO_LIMIT, &model->api_key);
    cs_string(check, document, "model_identifier", CS_NULLABLE | CS_STRIP, NO_LIMIT, &model->identifier);
    check_url(check, "model_endpoint", "model_endpoint", model->endpoint);
    if (has_provider && name && name_ok)
        check_name(check, model, is_null);
    model->is_adhoc = model->endpoint.len || model->identifier.len || cs_str_is(model->provider, "litellm") ||
                      cs_str_is(model->provider, "codestral");
}

/* ---- the other members ---- */

static void read_file(struct cs_check *check, const struct pj *document, struct cs_request *request)
{
    const struct pj *file = NULL;

    if (!cs_object(check, document, "current_file", CS_REQUIRED, &file))
        return;
    cs_enter(check, "current_file");
    cs_string(check, file, "file_name", CS_REQUIRED | CS_STRIP, 255, &request->file_name);
    cs_string(check, file, "language_identifier", CS_NULLABLE, 255, &request->language_identifier);
    cs_string(check, file, "content_above_cursor", CS_REQUIRED, CONTENT_MAX, &request->above);
    cs_string(check, file, "content_below_cursor", CS_REQUIRED, CONTENT_MAX, &request->below);
    cs_leave(check);
}

/** Enter the index of an item; false after recording that it is no object. */
static bool enter_item(struct cs_check *check, const struct pj *item, int64_t index)
{
    cs_enter_index(check, index);
    if (pj_is(item, PJ_OBJECT))
        return true;
    cs_error(check, NULL, "model_attributes_type",
             "Input should be a valid dictionary or object to extract fields from");
    return false;
}

static void read_telemetry(struct cs_check *check, const struct pj *document)
{
    const struct pj *list = NULL;
    aigw_str text;
    int64_t number, index = 0;

    if (!cs_list(check, document, "telemetry", 0, 10, &list))
        return;
    cs_enter(check, "telemetry");
    for (const struct pj *item = list->of.in.first; item; item = item->next) {
        if (enter_item(check, item, index++)) {
            cs_string(check, item, "model_engine", CS_NULLABLE | CS_STRIP, 50, &text);
            cs_string(check, item, "model_name", CS_NULLABLE | CS_STRIP, 50, &text);
            cs_string(check, item, "lang", CS_NULLABLE | CS_STRIP, 50, &text);
            cs_int(check, item, "requests", CS_REQUIRED, &number);
            cs_int(check, item, "accepts", CS_REQUIRED, &number);
            cs_int(check, item, "errors", CS_REQUIRED, &number);
        }
        cs_leave(check);
    }
    cs_leave(check);
}

static void read_context(struct cs_check *check, const struct pj *document, const struct pj **ret)
{
    const struct pj *list = NULL;
    aigw_str text;
    int64_t index = 0;

    if (!cs_list(check, document, "context", CS_NULLABLE, 100, &list))
        return;
    cs_enter(check, "context");
    for (const struct pj *item = list->of.in.first; item; item = item->next) {
        if (enter_item(check, item, index++)) {
            cs_string(check, item, "type", CS_REQUIRED, 1024, &text);
            cs_string(check, item, "name", CS_REQUIRED, 1024, &text);
            cs_string(check, item, "content", CS_REQUIRED, CONTEXT_CONTENT_MAX, &text);
        }
        cs_leave(check);
    }
    cs_leave(check);
    if (list->of.in.count)
        *ret = list;
}

void cs_read_messages(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
                      const struct pj **ret)
{
    static const char *const roles[] = { "system", "user", "assistant" };
    const struct pj *list = NULL;
    aigw_str text = AIGW_STR_NONE;
    int64_t index = 0;

    if (!cs_list(check, object, field, flags, NO_LIMIT, &list))
        return;
    cs_enter(check, field);
    for (const struct pj *item = list->of.in.first; item; item = item->next) {
        if (enter_item(check, item, index++)) {
            if (cs_string(check, item, "role", CS_REQUIRED, NO_LIMIT, &text) && !cs_is_word(text, roles, COUNT(roles)))
                cs_error(check, "role", "literal_error", "Input should be 'system', 'user' or 'assistant'");
            cs_string(check, item, "content", CS_REQUIRED, NO_LIMIT, &text);
        }
        cs_leave(check);
    }
    cs_leave(check);
    if (list->of.in.count)
        *ret = list;
}

/** prompt_version chooses the shape of the rest. 1, 2, 3, the same as floats, and true for 1; not the text "2". */
static int read_version(struct cs_check *check, const struct pj *document)
{
    const struct pj *value = pj_member(document, "prompt_version");
    aigw_str tag;
    double number = 0;

    if (!value) {
        cs_error(check, NULL, "union_tag_not_found", "Unable to extract tag using discriminator 'prompt_version'");
        return 0;
    }
    if (value->type == PJ_INT)
        number = (double)value->of.integer;
    else if (value->type == PJ_DOUBLE)
        number = value->of.real;
    else if (value->type == PJ_BOOL)
        number = value->of.boolean;
    for (int version = 1; version <= 3; version++)
        if (number == version)
            return version;
    tag = value->type == PJ_NULL                               ? AIGW_STR("None")
          : value->type == PJ_OBJECT || value->type == PJ_LIST ? AIGW_STR("…")
                                                               : value->text;
    cs_error(check, NULL, "union_tag_invalid",
             "Input tag '%.*s' found using 'prompt_version' does not match any of the expected tags: 1, 2, 3",
             tag.len < 32 ? (int)tag.len : 32, tag.ptr);
    return 0;
}

bool cs_read_completion(struct cs_check *check, const struct pj *document, struct cs_request *ret_request)
{
    struct cs_request request = { 0 };
    struct cs_model metadata;
    aigw_str text;
    int64_t number;
    bool has_metadata;

    /* Not a member of the published body, but any body may bring it; then it wins over the flat members. */
    has_metadata = cs_read_metadata(check, document, &metadata);
    request.version = read_version(check, document);
    if (!request.version)
        return false;
    cs_enter_index(check, request.version);
    cs_string(check, document, "project_path", CS_NULLABLE | CS_STRIP, 255, &text);
    cs_int(check, document, "project_id", CS_NULLABLE, &number);
    read_file(check, document, &request);
    read_flat_model(check, document, &request.model);
    read_telemetry(check, document);
    cs_bool(check, document, "stream", CS_NULLABLE, &request.stream);
    cs_int(check, document, "choices_count", CS_NULLABLE, &number);
    read_context(check, document, &request.context);
    cs_string(check, document, "prompt_id", CS_NULLABLE, NO_LIMIT, &text);
    cs_string(check, document, "role_arn", CS_NULLABLE, NO_LIMIT, &text);
    if (request.version == 2)
        cs_string(check, document, "prompt", CS_NULLABLE, NO_LIMIT, &text);
    else if (request.version == 3)
        cs_read_messages(check, document, "prompt", CS_NULLABLE, &request.messages);
    cs_leave(check);
    if (check->error_count)
        return false;
    if (has_metadata)
        request.model = metadata;
    *ret_request = request;
    return true;
}
