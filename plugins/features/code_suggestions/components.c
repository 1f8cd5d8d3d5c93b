/* components.c - see components.h. The tables check bodies and are the schema in the API document. */
#include "components.h"

#define GIVEN_METADATA 0x1u
#define COMPLETION     0x1u /* variants of a component */
#define GENERATION     0x2u
#define CONTEXT        0x4u
#define ENHANCER_MAX   ((size_t)1 << 20)
#define FORGET         .offset = AIGW_BODY_NOWHERE

struct component {
    uint32_t type; /* index among the variants */
    bool stream;
    aigw_str file_name, language_identifier, above, below;
    aigw_str provider, model_name;
    aigw_str prompt, prompt_id, prompt_version, enhancer;
    aigw_str content;
    struct aigw_body_list messages; /* of struct cs_message */
};

/* ---- payloads ---- */

#define EDITOR_FIELDS \
    { .name = "file_name", \
      .type = AIGW_BODY_STRING, \
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_STRIP, \
      .offset = offsetof(struct component, file_name), \
      .max = 255 }, \
        { .name = "content_above_cursor", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_REQUIRED, \
          .offset = offsetof(struct component, above), \
          .max = 100000 }, \
        { .name = "content_below_cursor", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_REQUIRED, \
          .offset = offsetof(struct component, below), \
          .max = 100000 }, \
        { .name = "language_identifier", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct component, language_identifier), \
          .max = 255 }, \
        { .name = "model_provider", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct component, provider), \
          .words = "vertex-ai|anthropic|amazon_q" }, \
        { .name = "model_name", \
          .type = AIGW_BODY_STRING, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct component, model_name) }, \
        { .name = "stream", \
          .type = AIGW_BODY_BOOL, \
          .flags = AIGW_BODYF_NULLABLE, \
          .offset = offsetof(struct component, stream), \
          .default_value = "false" }, \
    { \
        .name = "role_arn", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE, FORGET \
    }

static const struct aigw_body_field completion_fields[] = {
    EDITOR_FIELDS,
    { .name = "choices_count", .type = AIGW_BODY_INT, .flags = AIGW_BODYF_NULLABLE, FORGET, .default_value = "0" },
    { .name = "prompt", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_OR, FORGET },
    { .name = "prompt",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct component, messages),
      .table = &cs_message_table },
};

static void check_enhancer(struct aigw_body *body, void *value)
{
    const aigw_str *json = value;

    if (json->len && json->ptr[0] != '{')
        aigw_body_report(body, NULL, "dict_type", "Input should be a valid dictionary");
    else if (json->len > ENHANCER_MAX) /* it becomes a tree in memory, many times its size */
        aigw_body_report(body, NULL, "too_long", "Dictionary should have at most %zu bytes of JSON, not %zu",
                         ENHANCER_MAX, json->len);
}

static const struct aigw_body_field generation_fields[] = {
    EDITOR_FIELDS,
    { .name = "prompt",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct component, prompt),
      .max = 400000,
      .description = "the instruction" },
    { .name = "prompt_id",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct component, prompt_id) },
    { .name = "prompt_enhancer",
      .type = AIGW_BODY_ANY,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct component, enhancer),
      .check = check_enhancer,
      .description = "object of more variables for the prompt" },
    { .name = "prompt_version",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct component, prompt_version),
      .description = "constraint, such as ^1.0.0" },
};

static const struct aigw_body_field context_fields[] = {
    { .name = "type", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 1024 },
    { .name = "name", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 1024 },
    { .name = "content",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct component, content),
      .max = 100000 },
};

/* Their members lie in the component itself. */
static const struct aigw_body_table completion_table = { AIGW_BODY_FIELDS(completion_fields) };
static const struct aigw_body_table generation_table = { AIGW_BODY_FIELDS(generation_fields) };
static const struct aigw_body_table context_table = { AIGW_BODY_FIELDS(context_fields) };

/* ---- components ---- */

static const struct aigw_body_field source_fields[] = {
    { .name = "source", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 255 },
    { .name = "version", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, FORGET, .max = 255 },
};

static const struct aigw_body_table source_table = { AIGW_BODY_FIELDS(source_fields) };

#define PAYLOAD(variant, payload_table) \
    { \
        .name = "payload", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .variants = (variant), \
        .table = (payload_table) \
    }

static const struct aigw_body_field component_fields[] = {
    PAYLOAD(COMPLETION, &completion_table),
    PAYLOAD(GENERATION, &generation_table),
    PAYLOAD(CONTEXT, &context_table),
    { .name = "metadata", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_NULLABLE, FORGET, .table = &source_table },
};

static const struct aigw_body_table component_table = {
    AIGW_BODY_FIELDS(component_fields),
    .size = sizeof(struct component),
    .tag = "type",
    .tags = "code_editor_completion|code_editor_generation|code_context",
    .variant_offset = offsetof(struct component, type),
};

/* ---- the body ---- */

static void check_first(struct aigw_body *body, void *value)
{
    const struct aigw_body_list *list = value;
    const struct component *items = list->items;

    if (list->count && 1u << items[0].type == CONTEXT)
        aigw_body_report(body, NULL, "value_error",
                         "Value error, the first component should be code_editor_completion or "
                         "code_editor_generation, not code_context");
}

static const struct aigw_body_field fields[] = {
    { .name = "model_metadata",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct cs_components, metadata),
      .table = &cs_metadata_table,
      .given = GIVEN_METADATA },
    { .name = "prompt_components",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct cs_components, items),
      .min = 1,
      .max = 100,
      .table = &component_table,
      .check = check_first,
      .description = "the first one says what is wanted, the others are context" },
};

const struct aigw_body_table cs_components_table = {
    AIGW_BODY_FIELDS(fields),
    .size = sizeof(struct cs_components),
    .has_given = true,
    .given_offset = offsetof(struct cs_components, given),
};

/* ---- what they ask for ---- */

bool cs_version_has_context(aigw_str version)
{
    static const uint32_t oldest[3] = { 7, 17, 1 };
    uint32_t numbers[3] = { 0 };
    size_t at = 0, count = 0;
    bool is_release;

    do {
        size_t start = at;

        for (; at < version.len && version.ptr[at] >= '0' && version.ptr[at] <= '9' && at - start < 9; at++)
            numbers[count] = numbers[count] * 10 + (uint32_t)(version.ptr[at] - '0');
        if (at == start)
            return false;
        count++;
    } while (count < 3 && at < version.len && version.ptr[at] == '.' && at++ < version.len);
    if (at < version.len && version.ptr[at] != '-' && version.ptr[at] != '+')
        return false;
    is_release = at == version.len || version.ptr[at] == '+';
    for (size_t i = 0; i < 3; i++)
        if (numbers[i] != oldest[i])
            return numbers[i] > oldest[i];
    return is_release;
}

/** Contents of the code_context components behind the first. */
static aigw_status take_context(const struct component *items, size_t count, struct aigw_memory *memory,
                                struct aigw_body_list *ret_context)
{
    struct cs_context *context;
    size_t used = 0;

    if (count < 2)
        return AIGW_OK;
    context = aigw_memory_get(memory, count * sizeof *context);
    if (!context)
        return aigw_memory_status(memory, count * sizeof *context);
    for (size_t i = 1; i < count; i++)
        if (1u << items[i].type == CONTEXT)
            context[used++].content = items[i].content;
    *ret_context = (struct aigw_body_list){ context, used };
    return AIGW_OK;
}

aigw_status cs_components_read(const struct cs_components *components, aigw_str server_version,
                               struct aigw_memory *memory, struct cs_request *ret_request)
{
    const struct component *items = components->items.items, *first = items;

    *ret_request = (struct cs_request){
        .kind = 1u << first->type == GENERATION ? CS_GENERATION : CS_COMPLETION,
        .stream = first->stream,
        .file_name = first->file_name,
        .language_identifier = first->language_identifier,
        .above = first->above,
        .below = first->below,
        .instruction = first->prompt,
        .prompt_id = first->prompt_id,
        .prompt_version = first->prompt_version,
        .enhancer = first->enhancer,
        .messages = first->messages,
        .model = { .provider = first->provider, .name = first->model_name },
    };
    if (components->given & GIVEN_METADATA)
        ret_request->model = components->metadata;
    if (!cs_version_has_context(server_version))
        return AIGW_OK;
    return take_context(items, components->items.count, memory, &ret_request->context);
}
