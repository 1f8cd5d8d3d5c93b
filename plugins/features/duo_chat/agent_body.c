/* agent_body.c - what the body of POST /v2/chat/agent may look like, as tables. */
#include "agent_body.h"

#define TEXT(row_name, row_flags, struct_type, member) \
    { \
        .name = (row_name), .type = AIGW_BODY_STRING, .flags = (row_flags), .offset = offsetof(struct_type, member) \
    }

/* Entries of a list take memory whatever they hold. */
#define MESSAGES_MAX  2000
#define EXTRAS_MAX    2000
#define STEPS_MAX     200
#define RESOURCES_MAX 200
#define CATEGORY_MAX  64

/* ---- what belongs to a question ---- */

static void check_context(struct aigw_body *body, void *object)
{
    const struct chat_message *message = object;
    aigw_str type = message->context_type;

    if (!aigw_body_is_good(body) || aigw_body_is_word("build", type) || message->context_title.ptr ||
        message->context_content.ptr)
        return;
    aigw_body_report(body, "title", "missing", "Field required");
}

static const struct aigw_body_field context_fields[] = {
    { .name = "type",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_LITERAL,
      .offset = offsetof(struct chat_message, context_type),
      .words = "issue|epic|merge_request|commit|build|work_item" },
    TEXT("title", AIGW_BODYF_NULLABLE, struct chat_message, context_title),
    TEXT("content", AIGW_BODYF_NULLABLE, struct chat_message, context_content),
};

static const struct aigw_body_table context_table = { AIGW_BODY_FIELDS(context_fields), .check = check_context };

static const struct aigw_body_field file_fields[] = {
    TEXT("file_path", AIGW_BODYF_REQUIRED, struct chat_message, file_path),
    TEXT("data", AIGW_BODYF_REQUIRED, struct chat_message, file_data),
    { .name = "selected_code",
      .type = AIGW_BODY_BOOL,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_message, is_selection) },
};

static const struct aigw_body_table file_table = { AIGW_BODY_FIELDS(file_fields) };

/* GitLab knows more categories than any list here, but each is part of a right's name. */
static void check_category(struct aigw_body *body, void *value)
{
    const aigw_str *category = value;

    for (size_t i = 0; i < category->len; i++) {
        char c = category->ptr[i];

        if ((c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9')) {
            aigw_body_report(body, NULL, "enum", "Input should be a name in small letters");
            return;
        }
    }
}

static void check_metadata(struct aigw_body *body, void *value)
{
    const aigw_str *json = value;

    if (json->len && json->ptr[0] != '{')
        aigw_body_report(body, NULL, "dict_type", "Input should be a valid dictionary");
}

static const struct aigw_body_field extra_fields[] = {
    { .name = "category",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_extra, category),
      .min = 1,
      .max = CATEGORY_MAX,
      .check = check_category },
    TEXT("id", AIGW_BODYF_NULLABLE, struct chat_extra, id),
    TEXT("content", AIGW_BODYF_NULLABLE, struct chat_extra, content),
    { .name = "metadata",
      .type = AIGW_BODY_ANY,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_extra, metadata),
      .check = check_metadata },
};

static const struct aigw_body_table extra_table = { AIGW_BODY_FIELDS(extra_fields), .size = sizeof(struct chat_extra) };

/* ---- the tool loop ---- */

static const struct aigw_body_field action_fields[] = {
    TEXT("thought", AIGW_BODYF_REQUIRED, struct chat_step, thought),
    TEXT("tool", AIGW_BODYF_REQUIRED, struct chat_step, tool),
    TEXT("tool_input", AIGW_BODYF_REQUIRED, struct chat_step, tool_input),
};

static const struct aigw_body_table action_table = { AIGW_BODY_FIELDS(action_fields) };

static const struct aigw_body_field scratch_fields[] = {
    { .name = "action",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_NULLABLE,
      .table = &action_table,
      .given = CHAT_GIVEN_ACTION },
    TEXT("observation", AIGW_BODYF_NULLABLE, struct chat_step, observation),
};

static const struct aigw_body_table scratch_table = { AIGW_BODY_FIELDS(scratch_fields),
                                                      .size = sizeof(struct chat_step), .has_given = true,
                                                      .given_offset = offsetof(struct chat_step, given) };

static const struct aigw_body_field old_step_fields[] = {
    TEXT("thought", AIGW_BODYF_REQUIRED, struct chat_step, thought),
    TEXT("tool", AIGW_BODYF_REQUIRED, struct chat_step, tool),
    TEXT("tool_input", AIGW_BODYF_REQUIRED, struct chat_step, tool_input),
    TEXT("observation", AIGW_BODYF_REQUIRED, struct chat_step, observation),
};

static const struct aigw_body_table old_step_table = { AIGW_BODY_FIELDS(old_step_fields),
                                                       .size = sizeof(struct chat_step) };

static const struct aigw_body_field old_scratchpad_fields[] = {
    { .name = "agent_type",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_LITERAL,
      .offset = AIGW_BODY_NOWHERE,
      .words = "react" },
    { .name = "steps",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_request, steps),
      .max = STEPS_MAX,
      .table = &old_step_table },
};

static const struct aigw_body_table old_scratchpad_table = { AIGW_BODY_FIELDS(old_scratchpad_fields) };

static const struct aigw_body_field options_fields[] = {
    { .name = "agent_scratchpad",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_REQUIRED,
      .table = &old_scratchpad_table },
};

static const struct aigw_body_table options_table = { AIGW_BODY_FIELDS(options_fields) };

/* ---- the body ---- */

static const struct aigw_body_field message_fields[] = {
    { .name = "role",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_message, role),
      .words = "system|user|assistant" },
    TEXT("content", AIGW_BODYF_NULLABLE, struct chat_message, content),
    { .name = "context", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_NULLABLE, .table = &context_table },
    { .name = "current_file", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_NULLABLE, .table = &file_table },
    { .name = "additional_context",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_message, extras),
      .max = EXTRAS_MAX,
      .table = &extra_table },
    { .name = "agent_scratchpad",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_message, steps),
      .max = STEPS_MAX,
      .table = &scratch_table,
      .given = CHAT_GIVEN_SCRATCHPAD,
      .description = "only of an assistant message" },
};

static const struct aigw_body_table message_table = { AIGW_BODY_FIELDS(message_fields),
                                                      .size = sizeof(struct chat_message), .has_given = true,
                                                      .given_offset = offsetof(struct chat_message, given) };

static const struct aigw_body_field resource = { .type = AIGW_BODY_STRING };

static const struct aigw_body_field request_fields[] = {
    { .name = "messages",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct chat_request, messages),
      .min = 1,
      .max = MESSAGES_MAX,
      .table = &message_table },
    { .name = "options",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_NULLABLE,
      .table = &options_table,
      .given = CHAT_GIVEN_OPTIONS,
      .description = "older clients: the steps of the tool loop" },
    { .name = "unavailable_resources",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct chat_request, resources),
      .max = RESOURCES_MAX,
      .item = &resource,
      .given = CHAT_GIVEN_RESOURCES },
    MODEL_METADATA_FIELD(struct chat_request, metadata, CHAT_GIVEN_METADATA),
};

const struct aigw_body_table chat_request_table = {
    AIGW_BODY_FIELDS(request_fields),
    .size = sizeof(struct chat_request),
    .has_given = true,
    .given_offset = offsetof(struct chat_request, given),
    .title = "ChatAgentRequest",
};
