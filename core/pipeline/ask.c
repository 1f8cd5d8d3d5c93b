/* ask.c - what a request tells routing about itself, and the models that its key may use. */
#include <string.h>

#include "auth/grant.h"
#include "models/plan.h"
#include "pipeline/request.h"

static aigw_str header_of(void *user_data, const char *name)
{
    return gw_request_header(user_data, name);
}

static bool has_scope(void *user_data, const char *scope)
{
    return gw_request_has_scope(user_data, scope, 0);
}

static bool has_flag(void *user_data, const char *flag)
{
    uint32_t count;
    const aigw_str *flags = gw_request_flags(user_data, &count);

    for (uint32_t i = 0; flags && i < count; i++)
        if (gw_str_is(flags[i], flag))
            return true;
    return false;
}

static bool may_use(void *user_data, aigw_str model)
{
    const struct gw_request *request = user_data;

    return gw_grant_may_use(request->grant, model);
}

#define FORCE_HEADER "x-aigw-force-target"

/* "No limit" is not this right: it has to be said. */
static bool is_admin(const struct gw_request *request)
{
    const struct gw_grant *grant = request->grant;

    for (size_t i = 0; grant && i < grant->scopes.count; i++)
        if (strcmp(grant->scopes.items[i], "admin") == 0)
            return true;
    return false;
}

bool gw_request_may_force(const struct gw_request *request)
{
    return !gw_request_header(request, FORCE_HEADER).ptr || is_admin(request);
}

static aigw_status resolve(struct gw_request *request, const struct aigw_need *need, aigw_str instead,
                           struct aigw_model_info *ret_info, struct aigw_error *ret_error)
{
    const struct aigw_principal *principal = &request->principal;
    struct gw_wants wants = { 0 };
    struct gw_ask ask = {
        .feature = request->route->feature,
        .route = request->ex->path,
        .realm = principal->realm,
        .gitlab_version = gw_request_header(request, "x-gitlab-version"),
        .user = principal->global_user_id.len ? principal->global_user_id : principal->subject,
        .key = gw_str(request->grant ? request->grant->name : NULL),
        .team = gw_str(request->grant ? request->grant->team : NULL),
        .body = request->view.body,
        .wall_s = gw_wall_s(),
        .user_data = request,
        .header = header_of,
        .has_scope = has_scope,
        .has_flag = has_flag,
        .forced = is_admin(request) ? gw_request_header(request, FORCE_HEADER) : AIGW_STR_NONE,
        .may_use = may_use,
        .instead = instead,
        .wants = &wants,
    };

    return gw_models_resolve(request->snapshot->models, &ask, need, &request->ex->arena, ret_info, ret_error);
}

aigw_status gw_request_resolve(struct gw_request *request, const struct aigw_need *need,
                               struct aigw_model_info *ret_info, struct aigw_error *ret_error)
{
    return resolve(request, need, AIGW_STR_NONE, ret_info, ret_error);
}

aigw_status gw_request_resolve_instead(struct gw_request *request, const char *model, struct aigw_model_info *ret_info)
{
    const struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error;

    return resolve(request, &need, gw_str(model), ret_info, &error);
}

const aigw_str *gw_request_model_names(struct gw_request *request, uint32_t *ret_count)
{
    const struct gw_models *models = request->snapshot->models;
    aigw_str *names, model;
    size_t all = 0;

    *ret_count = 0;
    while (gw_models_name_at(models, all, NULL).ptr)
        all++;
    names = gw_arena_alloc(&request->ex->arena, (all + 1) * sizeof *names);
    for (size_t i = 0; names && i < all; i++) {
        aigw_str name = gw_models_name_at(models, i, &model);
        if (gw_grant_may_use(request->grant, model) || gw_grant_may_use(request->grant, name))
            names[(*ret_count)++] = name;
    }
    return names;
}
