/* flags.c - feature flags of a request: comma-separated, no trimming, without duplicates, minus those the operator does
 * not allow for the request's realm (api-contract.md §11.3). */
#include <json-c/json.h>
#include <string.h>

#include "pipeline/request.h"

#define FLAGS_MAX 256

static bool is_disallowed(struct json_object *disallowed, aigw_str realm, aigw_str flag)
{
    struct json_object *list = NULL;
    char name[64];

    if (!disallowed || realm.len >= sizeof name)
        return false;
    memcpy(name, realm.ptr ? realm.ptr : "", realm.len);
    name[realm.len] = '\0';
    if (!json_object_object_get_ex(disallowed, name, &list) || !json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (gw_str_is(flag, json_object_get_string(json_object_array_get_idx(list, i))))
            return true;
    return false;
}

static bool is_known(const struct gw_request *request, aigw_str flag)
{
    for (uint32_t i = 0; i < request->flag_count; i++)
        if (gw_str_eq(request->flags[i], flag))
            return true;
    return false;
}

static void parse(struct gw_request *request, aigw_str text)
{
    const char *disallowed_text = request->snapshot->settings.flags.disallowed_flags;
    struct json_object *disallowed = disallowed_text ? json_tokener_parse(disallowed_text) : NULL;
    aigw_str realm = gw_request_header(request, "x-gitlab-realm");
    size_t count = 1, at = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == ',';
    if (count > FLAGS_MAX)
        count = FLAGS_MAX;
    request->flags = gw_arena_alloc(&request->ex->arena, count * sizeof *request->flags);
    while (request->flags && request->flag_count < count && at <= text.len) {
        const char *comma = at < text.len ? memchr(text.ptr + at, ',', text.len - at) : NULL;
        size_t end = comma ? (size_t)(comma - text.ptr) : text.len;
        aigw_str flag = { text.ptr + at, end - at };
        if (!is_known(request, flag) && !is_disallowed(disallowed, realm, flag))
            request->flags[request->flag_count++] = flag;
        at = end + 1;
    }
    json_object_put(disallowed);
}

const aigw_str *gw_request_flags(struct gw_request *request, uint32_t *ret_count)
{
    aigw_str text = gw_request_header(request, "x-gitlab-enabled-feature-flags");

    if (!request->did_parse_flags && text.ptr)
        parse(request, text);
    request->did_parse_flags = true;
    *ret_count = request->flag_count;
    return request->flags;
}
