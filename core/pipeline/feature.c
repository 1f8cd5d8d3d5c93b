/* feature.c - the way from a request into its feature: each callback is a visit (plugin/visit.h), and what it answers
 * one of the numbers that it may answer. */
#include "pipeline/host.h"

static void begin(struct gw_request *request, struct gw_visit *visit, enum gw_callback callback)
{
    gw_visit_begin(visit, request->ctx.meter, &request->ctx, callback);
}

static const struct aigw_feature_ops *ops_of(const struct gw_request *request)
{
    return &request->route->feature->plugin->feature;
}

aigw_status gw_feature_check(struct gw_request *request)
{
    struct gw_visit visit;
    aigw_status status;

    begin(request, &visit, GW_CALLBACK_CHECK);
    status =
        ops_of(request)->check(&request->ctx, request->route->feature->state, request->feature_call, &request->view);
    gw_visit_end(&visit);
    if (request->answer != GW_ANSWER_NONE) /* then it may answer what it likes */
        return status;
    return gw_ctx_status(&request->ctx, GW_CALLBACK_CHECK, status, AIGW_PENDING);
}

aigw_status gw_feature_run(struct gw_request *request)
{
    struct gw_visit visit;
    aigw_status status;

    begin(request, &visit, GW_CALLBACK_RUN);
    status = ops_of(request)->run(&request->ctx, request->route->feature->state, request->feature_call, &request->view);
    gw_visit_end(&visit);
    return gw_ctx_status(&request->ctx, GW_CALLBACK_RUN, status, AIGW_PENDING);
}

aigw_status gw_feature_build(struct gw_request *request, const struct aigw_model_info *target,
                             const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    struct gw_visit visit;
    aigw_status status;

    begin(request, &visit, GW_CALLBACK_BUILD);
    status = ops_of(request)->build(&request->ctx, request->route->feature->state, request->feature_call, target,
                                    options, ret_request);
    status = gw_ctx_status(&request->ctx, GW_CALLBACK_BUILD, status, AIGW_OK);
    if (status == AIGW_OK && request->answer != GW_ANSWER_WHOLE)
        status = gw_host_model_request(&request->ctx, ret_request);
    gw_visit_end(&visit);
    return status;
}

aigw_status gw_feature_event(struct gw_request *request, const struct aigw_event *event)
{
    struct gw_visit visit;
    aigw_status status;

    begin(request, &visit, GW_CALLBACK_EVENT);
    status = ops_of(request)->event(&request->ctx, request->route->feature->state, request->feature_call, event);
    gw_visit_end(&visit);
    return gw_ctx_status(&request->ctx, GW_CALLBACK_EVENT, status, AIGW_OK);
}

void gw_feature_refuse(struct gw_request *request, const struct aigw_refusal *refusal)
{
    const struct gw_instance *feature = gw_request_owner(request)->feature;
    struct gw_visit visit;
    aigw_status status;

    begin(request, &visit, GW_CALLBACK_REFUSE);
    status = feature->plugin->feature.refuse(&request->ctx, feature->state, &request->view, refusal);
    gw_visit_end(&visit);
    (void)gw_ctx_status(&request->ctx, GW_CALLBACK_REFUSE, status, AIGW_OK);
}

void gw_feature_gone(struct gw_request *request)
{
    struct gw_visit visit;

    if (!ops_of(request)->gone)
        return;
    begin(request, &visit, GW_CALLBACK_GONE);
    ops_of(request)->gone(&request->ctx, request->route->feature->state, request->feature_call);
    gw_visit_end(&visit);
}

void gw_feature_note_memory(const struct gw_request *request)
{
    const struct gw_instance *feature = request->route ? request->route->feature : NULL;

    if (!feature)
        return;
    gw_meter_note_memory(feature->meter, request->ex->arena.used + request->build.used);
    gw_guard_check(request->feature_call, feature->plugin->feature.call_size, feature->meter, "the call's memory");
    if (feature->is_guarded)
        gw_guard_check(feature->state, feature->plugin->descriptor.state_size, feature->meter, "the instance's state");
}
