/* legacy_body.c - what the body of POST /v1/chat/{chat_invokable} may look like, as tables. */
#include "legacy_body.h"

#include <string.h>

#define FORGET .offset = AIGW_BODY_NOWHERE

#define DEFAULT_MODEL "claude-2.0"

/* Names that GitLabs of these years send; families of self-hosted models first. */
#define KNOWN_MODELS \
    "codegemma|codellama|codestral|codestral-2501|codestral-2508|mistral|mixtral|deepseekcoder|claude_3|claude_3.5|" \
    "gpt|" \
    "qwen2p5-coder-7b|llama3|general|qwen|gemini|" \
    "claude-2.0|claude-2.1|claude-3-opus-20240229|claude-3-sonnet-20240229|claude-3-haiku-20240307|" \
    "claude-3-5-sonnet-20240620|claude-3-5-sonnet-20241022|claude-3-5-sonnet-v2@20241022|claude-3-5-haiku-20241022|" \
    "claude-3-7-sonnet-20250219|claude-sonnet-4-20250514|claude-sonnet-4-5-20250929|claude-sonnet-4-5@20250929|" \
    "claude-sonnet-4-6|claude-haiku-4-5-20251001"

static const struct aigw_body_field meta_fields[] = {
    { .name = "source", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 100 },
    { .name = "version", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 100 },
};

static const struct aigw_body_table meta_table = { AIGW_BODY_FIELDS(meta_fields) };

static const struct aigw_body_field message_fields[] = {
    { .name = "role",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_legacy_message, role),
      .words = "system|user|assistant" },
    { .name = "content",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_legacy_message, content) },
};

static const struct aigw_body_table message_table = { AIGW_BODY_FIELDS(message_fields),
                                                      .size = sizeof(struct chat_legacy_message) };

static const struct aigw_body_field stop = { .type = AIGW_BODY_STRING, .max = 225 };

static const struct aigw_body_field params_fields[] = {
    { .name = "stop_sequences",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_component, stops),
      .min = 1,
      .max = 10,
      .item = &stop },
    { .name = "temperature",
      .type = AIGW_BODY_NUMBER,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_component, temperature),
      .low = 0,
      .high = 1,
      .default_value = "0.2" },
    { .name = "max_tokens_to_sample",
      .type = AIGW_BODY_INT,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_component, max_tokens),
      .low = 1,
      .high = 8192,
      .default_value = "8192" },
};

static const struct aigw_body_table params_table = { AIGW_BODY_FIELDS(params_fields) };

static void check_payload(struct aigw_body *body, void *object)
{
    struct chat_component *component = object;
    struct aigw_json model;

    if (!aigw_body_member(body, "model", &model))
        component->model = AIGW_STR(DEFAULT_MODEL);
    if (!component->model.ptr || component->endpoint.len || component->identifier.len)
        return; /* whatever is served at the caller's own endpoint may be called as it likes */
    if (!aigw_body_is_word(KNOWN_MODELS, component->model))
        aigw_body_report(body, "model", "enum", "Input should be a model that this route knows");
}

#define OPTIONAL_TEXT(row_name, member, more) \
    { \
        .name = (row_name), .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE | (more), \
        .offset = offsetof(struct chat_component, member), .max = 2000 \
    }

static const struct aigw_body_field payload_fields[] = {
    { .name = "content",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_OR,
      .offset = offsetof(struct chat_component, content),
      .max = 400000 },
    { .name = "content",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_component, messages),
      .min = 1,
      .max = 100,
      .table = &message_table },
    { .name = "provider",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_component, provider),
      .words = "anthropic|litellm" },
    OPTIONAL_TEXT("model", model, 0),
    { .name = "params",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_NULLABLE,
      .table = &params_table,
      .given = CHAT_GIVEN_PARAMS },
    OPTIONAL_TEXT("model_endpoint", endpoint, AIGW_BODYF_STRIP | AIGW_BODYF_URL),
    OPTIONAL_TEXT("model_api_key", api_key, AIGW_BODYF_STRIP | AIGW_BODYF_SECRET),
    OPTIONAL_TEXT("model_identifier", identifier, AIGW_BODYF_STRIP),
};

static const struct aigw_body_table payload_table = { AIGW_BODY_FIELDS(payload_fields), .has_given = true,
                                                      .given_offset = offsetof(struct chat_component, given),
                                                      .check = check_payload };

static const struct aigw_body_field component_fields[] = {
    { .name = "type", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 100 },
    { .name = "metadata", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .table = &meta_table },
    { .name = "payload", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .table = &payload_table },
};

static const struct aigw_body_table component_table = { AIGW_BODY_FIELDS(component_fields),
                                                        .size = sizeof(struct chat_component) };

static const struct aigw_body_field request_fields[] = {
    { .name = "prompt_components",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_legacy_request, components),
      .min = 1,
      .max = 1,
      .table = &component_table },
    { .name = "stream",
      .type = AIGW_BODY_BOOL,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_legacy_request, is_stream),
      .default_value = "false" },
};

const struct aigw_body_table chat_legacy_table = { AIGW_BODY_FIELDS(request_fields),
                                                   .size = sizeof(struct chat_legacy_request), .title = "ChatRequest" };
