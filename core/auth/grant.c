/* grant.c - see grant.h. */
#include "auth/grant.h"

#include "base/network.h"

void gw_grant_finish(struct gw_arena *arena, struct gw_grant *grant, const struct gw_node *group, const char *path,
                     struct gw_problems *problems)
{
    aigw_str *rights = gw_arena_alloc(arena, (grant->scopes.count + 1) * sizeof *rights);

    for (size_t i = 0; rights && i < grant->scopes.count; i++)
        rights[i] = gw_str(grant->scopes.items[i]);
    grant->name = group->key;
    grant->rights = rights;
    grant->has_models = gw_node_get(group, "models") != NULL;
    grant->has_scopes = gw_node_get(group, "scopes") != NULL;
    grant->networks = gw_arena_calloc(arena, (grant->from.count + 1) * sizeof *grant->networks);
    if (!rights || !grant->networks)
        gw_problem(problems, group, path, "out of memory");
    for (size_t i = 0; grant->networks && i < grant->from.count; i++)
        if (!gw_network_parse(grant->from.items[i], &grant->networks[i]))
            gw_problem(problems, group, path, "from: \"%s\" is no network; expected one such as 10.0.0.0/8",
                       grant->from.items[i]);
}

bool gw_grant_admits(const struct gw_grant *grant, const char *client_ip)
{
    for (size_t i = 0; i < grant->from.count; i++)
        if (client_ip && gw_network_contains(&grant->networks[i], gw_str(client_ip)))
            return true;
    return grant->from.count == 0;
}

void gw_grant_allow(const struct gw_grant *grant, aigw_str subject, struct gw_auth_result *result)
{
    struct aigw_principal *principal = &result->principal;

    result->outcome = GW_AUTH_ALLOWED;
    result->grant = grant;
    principal->flags = grant->has_scopes ? 0 : AIGW_PRINCIPALF_ALL_SCOPES;
    principal->subject = subject;
    principal->scopes = grant->rights;
    principal->scope_count = (uint32_t)grant->scopes.count;
}

bool gw_grant_may_use(const struct gw_grant *grant, aigw_str model)
{
    if (!grant || !grant->has_models)
        return true;
    for (size_t i = 0; i < grant->models.count; i++)
        if (gw_str_like(model, gw_str(grant->models.items[i])))
            return true;
    return false;
}
