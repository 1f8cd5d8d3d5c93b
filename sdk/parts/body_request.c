/* body_request.c - the body of a request, read and, when it is wrong, answered. */
#include <aigw/body.h>

aigw_status aigw_body_of_request(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_request *request,
                                 const struct aigw_body_table *table, uint32_t options, aigw_body_refuse_fn refuse,
                                 void *user, void *ret)
{
    struct aigw_host_memory from = { host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_body body = { .memory = &memory, .options = options };
    aigw_status status = AIGW_E_INVALID;
    aigw_str faults;

    if (aigw_body_is_json_type(request->content_type))
        status = aigw_body_read(&body, table, request->body, ret);
    else
        aigw_body_report(&body, NULL, "model_attributes_type",
                         "Input should be a valid dictionary or object to extract fields from");
    if (status != AIGW_E_INVALID)
        return status;
    if (refuse && !(request->flags & AIGW_REQUESTF_VERBOSE) && refuse(ctx, user, &body))
        return status;
    if (aigw_body_list_faults(&body, &faults) < 0)
        return AIGW_E_NOMEM;
    host->respond_invalid(ctx, faults);
    return status;
}
