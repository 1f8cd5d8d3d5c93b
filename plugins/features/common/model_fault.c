/* model_fault.c - see model_fault.h. */
#include "model_fault.h"

#include <stdio.h>
#include <string.h>

static bool is_of_model(const struct aigw_body_fault *fault)
{
    static const char name[] = "model_metadata";

    return (fault->path.len && strncmp(fault->path.ptr, name, sizeof name - 1) == 0) ||
           strcmp(fault->type, "url_parsing") == 0;
}

bool model_fault(const struct aigw_body *body, char ret_text[MODEL_FAULT_SIZE])
{
    const struct aigw_body_fault *fault = body->faults;
    const char *path, *type;

    while (fault && !is_of_model(fault))
        fault = fault->next;
    if (!fault)
        return false;
    path = fault->path.ptr;
    type = fault->type;
    if (strcmp(path, "model_metadata") == 0)
        snprintf(ret_text, MODEL_FAULT_SIZE, "%s: expected a JSON object", path);
    else if (strcmp(type, "value_error") == 0)
        snprintf(ret_text, MODEL_FAULT_SIZE, "%s: neither endpoint nor identifier is given; set at least one", path);
    else if (strcmp(type, "missing") == 0 || strcmp(type, "url_parsing") == 0 || !fault->field)
        snprintf(ret_text, MODEL_FAULT_SIZE, "%s: %.*s", path, AIGW_STR_ARG(fault->msg));
    else
        snprintf(ret_text, MODEL_FAULT_SIZE, "%s: expected a string of at most %zu characters", path,
                 fault->field->max);
    return true;
}

bool model_fault_refuse(struct aigw_ctx *ctx, void *host, const struct aigw_body *body)
{
    char text[MODEL_FAULT_SIZE];

    if (!model_fault(body, text))
        return false;
    ((const struct aigw_host *)host)->respond_detail(ctx, 422, "%s", text);
    return true;
}
