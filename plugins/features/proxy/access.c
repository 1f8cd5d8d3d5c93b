/* access.c - who may use the proxies. The order of the checks and their texts are the contract's. */
#include "proxy.h"

#include <string.h>

#include "primitives.h"

bool proxy_is(aigw_str text, const char *literal)
{
    return text.len == strlen(literal) && (text.len == 0 || memcmp(text.ptr, literal, text.len) == 0);
}

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** A comma list without the word closes; an empty one does not. */
static bool is_listed(const char *list, aigw_str word)
{
    bool is_empty = true;

    while (list && *list) {
        size_t len = strcspn(list, ",");
        aigw_str item = aigw_utf8_strip((aigw_str){ list, len });

        if (item.len > 0 && same(item, word))
            return true;
        is_empty = is_empty && item.len == 0;
        list += len + (list[len] == ',');
    }
    return is_empty;
}

/* ---- claims and headers ---- */

/** A claim that the core has no place for, as text; absent when it is absent, null or neither text nor a number. */
static aigw_str claim_of(const struct aigw_json *claims, const char *name, char *room, size_t room_size)
{
    struct aigw_json claim;

    aigw_json_member(claims, name, &claim);
    if (claim.type == AIGW_JSON_INT)
        return claim.text;
    if (claim.type != AIGW_JSON_STRING || aigw_json_room(&claim) > room_size)
        return AIGW_STR_NONE;
    return aigw_json_text_in(&claim, room);
}

/** What the token says the header must say. A token that says nothing fits any header. */
static bool fits(aigw_str claim, aigw_str header)
{
    return claim.len == 0 || same(claim, header);
}

static bool may_instance(struct aigw_ctx *ctx, const struct proxy *proxy, const struct aigw_principal *principal)
{
    aigw_str header = proxy->host->header(ctx, "X-Gitlab-Instance-Id");

    if (fits(principal->instance_uid, header))
        return true;
    proxy->host->respond_detail(ctx, 403, "Gitlab instance uid mismatch");
    return false;
}

static bool may_namespace(struct aigw_ctx *ctx, const struct proxy *proxy, const struct aigw_principal *principal)
{
    static const struct {
        const char *claim, *header, *what;
    } ids[] = {
        { "gitlab_project_id", "X-Gitlab-Project-Id", "project" },
        { "gitlab_namespace_id", "X-Gitlab-Namespace-Id", "namespace" },
        { "gitlab_root_namespace_id", "X-Gitlab-Root-Namespace-Id", "root namespace" },
    };
    struct aigw_json claims;
    char room[128];

    aigw_json_check(principal->extra_claims, 0, &claims, NULL);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        aigw_str claim = claim_of(&claims, ids[i].claim, room, sizeof room);

        if (!fits(claim, proxy->host->header(ctx, ids[i].header))) {
            proxy->host->respond_detail(ctx, 403, "Gitlab %s id mismatch", ids[i].what);
            return false;
        }
    }
    return true;
}

/* ---- the checks ---- */

static bool is_self_managed(const struct aigw_principal *principal)
{
    return principal->realm.len == 0 || proxy_is(principal->realm, "self-managed");
}

/** What the operator's lists say. */
static bool is_enabled(struct aigw_ctx *ctx, const struct proxy *proxy, const struct aigw_principal *principal)
{
    bool is_instance = is_self_managed(principal);
    aigw_str id = proxy->host->header(ctx, is_instance ? "X-Gitlab-Instance-Id" : "X-Gitlab-Root-Namespace-Id");

    if (is_listed(is_instance ? proxy->self_managed_enabled : proxy->saas_enabled, id))
        return true;
    proxy->host->respond_detail(ctx, 402, "Proxy endpoints are not enabled for this %s",
                                is_instance ? "instance" : "namespace");
    return false;
}

/** Index of the unit primitive that the request names and the caller holds, or -1 after an answer. */
static int find_primitive(struct aigw_ctx *ctx, const struct proxy *proxy)
{
    aigw_str name = proxy->host->header(ctx, "X-Gitlab-Unit-Primitive");

    if (name.len == 0) {
        proxy->host->respond_detail(ctx, 400, "Missing x-gitlab-unit-primitive header");
        return -1;
    }
    for (size_t i = 0; i < sizeof proxy_primitives / sizeof *proxy_primitives; i++) {
        if (!proxy_is(name, proxy_primitives[i].name))
            continue;
        if (proxy->host->has_scope(ctx, proxy_primitives[i].name, 0))
            return (int)i;
        proxy->host->respond_detail(ctx, 403, "Unauthorized to access %s", proxy_primitives[i].name);
        return -1;
    }
    proxy->host->respond_detail(ctx, 400, "Unknown unit primitive header %.*s", AIGW_STR_ARG(name));
    return -1;
}

static void note(struct aigw_ctx *ctx, const struct proxy *proxy, const char *name, const char *value)
{
    proxy->host->annotate(ctx, name, (aigw_str){ value, strlen(value) });
}

bool proxy_may_enter(struct aigw_ctx *ctx, const struct proxy *proxy)
{
    const struct aigw_principal *principal = proxy->host->principal(ctx);
    int primitive;

    if (!is_enabled(ctx, proxy, principal))
        return false;
    primitive = find_primitive(ctx, proxy);
    if (primitive < 0)
        return false;
    if (!(is_self_managed(principal) ? may_instance(ctx, proxy, principal) : may_namespace(ctx, proxy, principal)))
        return false;
    if (!proxy_primitives[primitive].is_usable) {
        proxy->host->respond_detail(ctx, 400, "This endpoint cannot be used for %s purpose",
                                    proxy_primitives[primitive].name);
        return false;
    }
    note(ctx, proxy, "meta.unit_primitive", proxy_primitives[primitive].name);
    note(ctx, proxy, "meta.feature_category",
         proxy_primitives[primitive].category ? proxy_primitives[primitive].category : "unknown");
    return true;
}
