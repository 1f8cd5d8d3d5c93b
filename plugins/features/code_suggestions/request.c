/* request.c - what a v2 code request may look like: types, limits, allowed names. The tables check bodies, fill struct
 * cs_request and are the schema in the API document. */
#include "request.h"

#include <stdio.h>

#define GIVEN_METADATA 0x1u
#define V2             0x2u /* variants of prompt_version */
#define V3             0x4u

/* A row that is judged but not kept. */
#define FORGET .offset = AIGW_BODY_NOWHERE

/* ---- which names go with which provider ---- */

/* Families that do both; the last three are what newer GitLabs offer and the published list forgot. */
#define BOTH_NAMES       "codegemma|codellama|codestral|mistral|deepseekcoder|mixtral|claude_3|gpt|llama3|general|qwen|gemini"
#define GAP_NAMES        "codestral-2501|codestral-2508|qwen2p5-coder-7b" /* only fill gaps */
#define COMPLETION_NAMES BOTH_NAMES "|" GAP_NAMES
#define GENERATION_NAMES BOTH_NAMES "|claude_3.5"

static const struct {
    const char *provider;
    const char *names[2]; /* by enum cs_kind; NULL: none at all */
} allowed_names[] = {
    { "litellm", { COMPLETION_NAMES, GENERATION_NAMES } },
    { "codestral", { COMPLETION_NAMES, GENERATION_NAMES } },
    { "fireworks_ai", { COMPLETION_NAMES, GENERATION_NAMES } },
    { "vertex-ai", { "codestral-2501|codestral-2508", "code-bison@002|gemini-2.5-flash" } },
    { "anthropic", { "claude-sonnet-4-5-20250929|claude-sonnet-4-5@20250929", NULL } },
    { "amazon_q", { "amazon_q", "amazon_q" } },
    { "gitlab",
      { "|codestral_2501_fireworks|codestral_2508_fireworks|codestral_2501_vertex|codestral_2508_vertex|"
        "claude_sonnet_4_5_20250929|claude_sonnet_4_5_20250929_vertex",
        NULL } },
};

static bool is_name_allowed(enum cs_kind kind, aigw_str provider, aigw_str name)
{
    for (size_t i = 0; i < sizeof allowed_names / sizeof *allowed_names; i++)
        if (cs_str_is(provider, allowed_names[i].provider))
            return allowed_names[i].names[kind] && aigw_body_is_word(allowed_names[i].names[kind], name);
    return false;
}

/** A newer GitLab may know families that we do not: its own endpoint is what counts, but for those known to be for the
 *  other use. */
static bool is_taken_anyway(enum cs_kind kind, const struct cs_model *model)
{
    return cs_str_is(model->provider, "litellm") && (model->endpoint.len || model->identifier.len) &&
           (kind == CS_COMPLETION || !aigw_body_is_word(GAP_NAMES, model->name));
}

/* ---- model_metadata ---- */

static void check_metadata(struct aigw_body *body, void *object)
{
    struct cs_model *model = object;

    model->is_adhoc = true;
    if (cs_str_is(model->provider, "gitlab")) { /* a model that GitLab manages: ours to choose */
        model->name = model->identifier.len ? model->identifier : model->name;
        model->identifier = AIGW_STR_NONE;
        model->is_adhoc = false;
    } else if (aigw_body_is_good(body) && !model->endpoint.len && !model->identifier.len &&
               !cs_str_is(model->provider, "amazon_q")) {
        aigw_body_report(body, "endpoint", "value_error", "Value error, neither endpoint nor identifier is given");
    }
}

/* Blanks around pasted URLs and keys are dropped. */
static const struct aigw_body_field metadata_fields[] = {
    { .name = "provider",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_model, provider),
      .max = 255 },
    { .name = "name",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct cs_model, name),
      .max = 255,
      .description = "model family" },
    { .name = "endpoint",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP | AIGW_BODYF_URL,
      .offset = offsetof(struct cs_model, endpoint),
      .max = 255 },
    { .name = "api_key",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP | AIGW_BODYF_SECRET,
      .offset = offsetof(struct cs_model, api_key),
      .max = 2000 },
    { .name = "identifier",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP,
      .offset = offsetof(struct cs_model, identifier),
      .max = 1000,
      .description = "prefix/model, or model" },
};

const struct aigw_body_table cs_metadata_table = { AIGW_BODY_FIELDS(metadata_fields), .size = sizeof(struct cs_model),
                                                   .check = check_metadata };

/* ---- the members ---- */

static const struct aigw_body_field file_fields[] = {
    { .name = "file_name",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_STRIP,
      .offset = offsetof(struct cs_request, file_name),
      .max = 255 },
    { .name = "language_identifier",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct cs_request, language_identifier),
      .max = 255 },
    { .name = "content_above_cursor",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_request, above),
      .max = 100000 },
    { .name = "content_below_cursor",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_request, below),
      .max = 100000 },
};

static const struct aigw_body_table file_table = { AIGW_BODY_FIELDS(file_fields) };

#define SHORT_TEXT .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP, FORGET, .max = 50
#define COUNTER    .type = AIGW_BODY_INT, .flags = AIGW_BODYF_REQUIRED, FORGET

static const struct aigw_body_field telemetry_fields[] = {
    { .name = "model_engine", SHORT_TEXT }, { .name = "model_name", SHORT_TEXT }, { .name = "lang", SHORT_TEXT },
    { .name = "requests", COUNTER },        { .name = "accepts", COUNTER },       { .name = "errors", COUNTER },
};

static const struct aigw_body_table telemetry_table = { AIGW_BODY_FIELDS(telemetry_fields) };

static const struct aigw_body_field context_fields[] = {
    { .name = "type", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 1024 },
    { .name = "name", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 1024 },
    { .name = "content",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_context, content),
      .max = 500000 },
};

static const struct aigw_body_table context_table = { AIGW_BODY_FIELDS(context_fields),
                                                      .size = sizeof(struct cs_context) };

static const struct aigw_body_field message_fields[] = {
    { .name = "role",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_LITERAL,
      .offset = offsetof(struct cs_message, role),
      .words = "system|user|assistant" },
    { .name = "content",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_message, content) },
};

const struct aigw_body_table cs_message_table = { AIGW_BODY_FIELDS(message_fields), .size = sizeof(struct cs_message) };

/* ---- the bodies ---- */

static void check_name(struct aigw_body *body, enum cs_kind kind, const struct cs_model *model)
{
    static const char *const use_cases[] = { "code completions", "code generations" };
    struct aigw_json name;
    bool is_null;

    if (!model->provider.len || !aigw_body_member(body, "model_name", &name))
        return;
    is_null = name.type == AIGW_JSON_NULL;
    if (!is_null && !model->name.ptr) /* found wrong already */
        return;
    if (is_taken_anyway(kind, model) || (!is_null && is_name_allowed(kind, model->provider, model->name)))
        return;
    aigw_body_report(body, "model_name", "value_error",
                     "Value error, model %.*s is not supported by use case %s and provider %.*s",
                     is_null ? 4 : (int)model->name.len, is_null ? "None" : model->name.ptr, use_cases[kind],
                     AIGW_STR_ARG(model->provider));
}

static void check_request(struct aigw_body *body, struct cs_request *request, enum cs_kind kind)
{
    struct cs_model *model = &request->model;

    request->kind = kind;
    request->version++; /* from the variant's index */
    check_name(body, kind, model);
    model->is_adhoc = model->endpoint.len || model->identifier.len || cs_str_is(model->provider, "litellm") ||
                      cs_str_is(model->provider, "codestral");
    if (request->given & GIVEN_METADATA)
        request->model = request->metadata;
}

static void check_completion(struct aigw_body *body, void *object)
{
    check_request(body, object, CS_COMPLETION);
}

static void check_generation(struct aigw_body *body, void *object)
{
    check_request(body, object, CS_GENERATION);
}

/* model_metadata is not a member of the published body, but any body may bring it; then it wins over the flat members.
 */
#define SHARED_FIELDS \
    { .name = "model_metadata", \
      .type = AIGW_BODY_OBJECT, \
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_BEFORE_TAG, \
      .offset = offsetof(struct cs_request, metadata), \
      .table = &cs_metadata_table, \
      .given = GIVEN_METADATA, \
      .description = "wins over the flat model_ members" }, \
        { .name = "project_path", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP, \
          FORGET, \
          .max = 255 }, \
        { .name = "project_id", .type = AIGW_BODY_INT, .flags = AIGW_BODYF_NULLABLE, FORGET }, \
        { .name = "current_file", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .table = &file_table }, \
        { .name = "model_provider", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct cs_request, model.provider), \
          .words = "anthropic|vertex-ai|litellm|codestral|fireworks_ai|amazon_q|gitlab", \
          .description = "litellm for self-hosted models" }, \
        { .name = "model_name", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP, \
          .offset = offsetof(struct cs_request, model.name), \
          .max = 50, \
          .description = "model family" }, \
        { .name = "model_endpoint", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP | AIGW_BODYF_URL, \
          .offset = offsetof(struct cs_request, model.endpoint) }, \
        { .name = "model_api_key", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP | AIGW_BODYF_SECRET, \
          .offset = offsetof(struct cs_request, model.api_key) }, \
        { .name = "model_identifier", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP, \
          .offset = offsetof(struct cs_request, model.identifier) }, \
        { .name = "telemetry", .type = AIGW_BODY_LIST, FORGET, .max = 10, .table = &telemetry_table }, \
        { .name = "stream", \
          .type = AIGW_BODY_BOOL, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct cs_request, stream), \
          .default_value = "false" }, \
        { .name = "choices_count", \
          .type = AIGW_BODY_INT, \
          .flags = AIGW_BODYF_NULLABLE, \
          FORGET, \
          .default_value = "0" }, \
        { .name = "context", \
          .type = AIGW_BODY_LIST, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct cs_request, context), \
          .max = 100, \
          .table = &context_table }, \
    { \
        .name = "role_arn", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE, FORGET \
    }

static const struct aigw_body_field completion_fields[] = {
    SHARED_FIELDS,
    { .name = "prompt_id", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE, FORGET },
    { .name = "prompt",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      FORGET,
      .variants = V2,
      .description = "prompt_version 2" },
    { .name = "prompt",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct cs_request, messages),
      .table = &cs_message_table,
      .variants = V3,
      .description = "prompt_version 3" },
};

static const struct aigw_body_field generation_fields[] = {
    SHARED_FIELDS,
    { .name = "prompt_id",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct cs_request, prompt_id),
      .description = "code_suggestions/generations" },
    { .name = "prompt",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_request, instruction),
      .variants = V2,
      .description = "prompt_version 2: the instruction" },
    { .name = "prompt",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_request, messages),
      .table = &cs_message_table,
      .variants = V3,
      .description = "prompt_version 3: the whole prompt" },
};

#define BODY_OF(rows, check_function) \
    { \
        AIGW_BODY_FIELDS(rows), .size = sizeof(struct cs_request), .tag = "prompt_version", .tags = "1|2|3", \
                                .tag_is_number = true, .variant_offset = offsetof(struct cs_request, version), \
                                .has_given = true, .given_offset = offsetof(struct cs_request, given), \
                                .check = (check_function) \
    }

const struct aigw_body_table cs_completion_table = BODY_OF(completion_fields, check_completion);
const struct aigw_body_table cs_generation_table = BODY_OF(generation_fields, check_generation);
