/* request.c - what the body of a prompt request may hold. `inputs` is any object: the prompt says what it needs. Other
 * members than these are ignored. */
#include <string.h>

#include "../common/model_fault.h"
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

struct refusal {
    const struct prompts *prompts;
    const struct prompts_call *call;
};

static bool refuse_model(struct aigw_ctx *ctx, void *user, const struct aigw_body *body)
{
    const struct refusal *refusal = user;
    char text[MODEL_FAULT_SIZE];

    if (!model_fault(body, text))
        return false;
    prompts_refuse(ctx, refusal->prompts, refusal->call, 422, text);
    return true;
}

aigw_status prompts_read(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                         const struct aigw_request *request)
{
    struct refusal refusal = { prompts, call };

    return aigw_body_of_request(prompts->host, ctx, request, &prompts_table, AIGW_JSON_NAN, refuse_model, &refusal,
                                &call->request);
}
