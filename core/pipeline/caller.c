/* caller.c - whose rules say who calls: GitLab's, those of API keys, or those of the issuers of conf.d's `oidc`. */
#include <string.h>

#include "auth/api_keys.h"
#include "auth/oidc.h"
#include "pipeline/request.h"

static aigw_str get_header(void *user, const char *name)
{
    return gw_request_header(user, name);
}

/* A token has two dots, a key of ours has none. */
static bool is_token(aigw_str presented)
{
    size_t dots = 0;

    for (size_t i = 0; i < presented.len; i++)
        dots += presented.ptr[i] == '.';
    return dots == 2;
}

static uint32_t callers_of(const struct gw_request *request)
{
    const struct gw_route *owner = gw_request_owner(request);

    return owner ? owner->spec->callers : 0;
}

/* A route for callers that are no GitLab, and for GitLab as well if it says so: who presents a token with GitLab's
 * header for its type, or with no other issuer to have it from, is that one. */
static bool is_outsider(const struct gw_request *request, aigw_str presented)
{
    uint32_t callers = callers_of(request);

    if (!(callers & AIGW_CALLER_KEY) || request->snapshot->settings.auth.bypass_external)
        return false;
    if (!(callers & AIGW_CALLER_GITLAB))
        return true;
    if (!is_token(presented))
        return presented.len > 0;
    return request->snapshot->oidc && request->snapshot->oidc->count > 0 &&
           !gw_request_header(request, "x-gitlab-authentication-type").ptr;
}

/* D51: such an address ends up in logs and histories. */
static bool has_key_in_query(aigw_str query)
{
    for (size_t i = 0; i + 4 <= query.len; i++)
        if (memcmp(query.ptr + i, "key=", 4) == 0 && (i == 0 || query.ptr[i - 1] == '&'))
            return true;
    return false;
}

/* By an API key, or by a token of one of conf.d's `oidc`. */
static void check_outsider(struct gw_request *request, aigw_str presented, struct gw_auth_result *ret_result)
{
    const struct gw_snapshot *snapshot = request->snapshot;

    if (presented.len == 0 && has_key_in_query(request->ex->query))
        *ret_result = (struct gw_auth_result){
            .outcome = GW_AUTH_REFUSED,
            .status = 401,
            .error = "key_missing",
            .detail = "an API key in the address (?key=) is not accepted, because addresses end up in logs: send it in "
                      "the header x-goog-api-key or Authorization: Bearer",
        };
    else if (snapshot->oidc && snapshot->oidc->count > 0 && is_token(presented))
        gw_oidc_check(request->worker->auth, snapshot->oidc, presented, request->ex->client_ip, &request->ex->arena,
                      ret_result);
    else
        gw_api_keys_check(snapshot->api_keys, presented, request->ex->client_ip, &request->ex->arena, ret_result);
}

bool gw_caller_check(struct gw_request *request, struct gw_auth_result *ret_result)
{
    struct gw_auth_headers headers = { .user = request, .get = get_header };
    const struct gw_route *owner = gw_request_owner(request);
    uint32_t first = owner ? owner->spec->key_first : AIGW_KEY_FIRST_USUAL;
    aigw_str presented = gw_api_keys_presented(&headers, first);

    if (is_outsider(request, presented)) {
        check_outsider(request, presented, ret_result);
        if (first == AIGW_KEY_FIRST_BEARER && ret_result->outcome == GW_AUTH_REFUSED) {
            /* some clients insist on a key there, and have their true one elsewhere */
            aigw_str other = gw_api_keys_presented(&headers, AIGW_KEY_FIRST_USUAL);

            if (!gw_str_eq(other, presented))
                check_outsider(request, other, ret_result);
        }
        /* who asks for nothing that is served may be anybody: then only a good key makes an outsider */
        if (request->route || !(callers_of(request) & AIGW_CALLER_GITLAB) || ret_result->outcome != GW_AUTH_REFUSED)
            return true;
        *ret_result = (struct gw_auth_result){ 0 };
    }
    gw_auth_check(request->worker->auth, &headers, &request->ex->arena, ret_result);
    return false;
}
