/* request.c - what the body of a prompt request may hold. `inputs` is any object: the prompt says what it needs. Other
 * members than these are ignored. */
#include <string.h>

#include "prompts.h"

static void check_inputs(struct aigw_body *body, void *value)
{
    const aigw_str *inputs = value;

    if (!inputs->len || inputs->ptr[0] != '{')
        aigw_body_report(body, NULL, "dict_type", "Input should be a valid dictionary");
}

static const struct aigw_body_field fields[] = {
    { .name = "inputs",
      .type = AIGW_BODY_ANY,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct prompts_request, inputs),
      .check = check_inputs,
      .description = "an object: the prompt's variables" },
    { .name = "prompt_version",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct prompts_request, version),
      .description = "a version or a constraint; ^1.0.0 when absent" },
    MODEL_METADATA_FIELD(struct prompts_request, metadata, 0),
    { .name = "stream",
      .type = AIGW_BODY_BOOL,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct prompts_request, stream),
      .default_value = "false" },
};

const struct aigw_body_table prompts_table = { AIGW_BODY_FIELDS(fields), .size = sizeof(struct prompts_request) };

aigw_status prompts_read(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                         const struct aigw_request *request)
{
    struct aigw_host_memory from = { prompts->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_body body = { .memory = &memory, .options = AIGW_JSON_NAN };
    char text[MODEL_METADATA_FAULT_SIZE];
    aigw_status status = AIGW_E_INVALID;
    aigw_str faults;

    if (!aigw_body_is_json_type(request->content_type))
        aigw_body_report(&body, NULL, "model_attributes_type",
                         "Input should be a valid dictionary or object to extract fields from");
    else
        status = aigw_body_read(&body, &prompts_table, request->body, &call->request);
    if (status != AIGW_E_INVALID)
        return status;
    if (!(request->flags & AIGW_REQUESTF_VERBOSE) && model_metadata_fault(&body, text)) {
        prompts_refuse(ctx, prompts, call, 422, text);
        return status;
    }
    if (aigw_body_list_faults(&body, &faults) < 0)
        return AIGW_E_NOMEM;
    prompts->host->respond_invalid(ctx, faults);
    return status;
}
