/* sign.c - the bytes of a request are fixed: its provider may sign them. */
#include <string.h>

#include "models/call.h"

#define HEADERS_MAX 64u

/** The operator has a header of the same name, which goes out instead. */
static bool is_replaced(const struct aigw_map *extra, const char *header)
{
    aigw_str name = { header, strcspn(header, ":") };

    for (size_t i = 0; i < extra->count; i++)
        if (gw_str_eq_ci(name, gw_str(extra->names[i])))
            return true;
    return false;
}

/* All header lines that go out but Content-Length, for the signature. */
static bool list_headers(struct gw_attempt *attempt, const char **lines, uint32_t *ret_count)
{
    const struct aigw_map *extra = &attempt->call->in.snapshot->settings.models.extra_headers;
    struct gw_arena *build = &attempt->build;
    const char *host = strstr(attempt->http.url, "://");
    uint32_t count = 0;

    if (!host || attempt->http.header_count + extra->count + 1 > HEADERS_MAX)
        return false;
    host += 3;
    lines[count++] = gw_arena_printf(build, "Host: %.*s", (int)strcspn(host, "/?#"), host);
    for (uint32_t i = 0; i < attempt->http.header_count; i++)
        if (!is_replaced(extra, attempt->http.headers[i]))
            lines[count++] = attempt->http.headers[i];
    for (size_t i = 0; i < extra->count; i++)
        lines[count++] = gw_arena_printf(build, "%s: %s", extra->names[i], extra->values[i]);
    *ret_count = count;
    for (uint32_t i = 0; i < count; i++)
        if (!lines[i])
            return false;
    return true;
}

aigw_status gw_attempt_sign(struct gw_attempt *attempt)
{
    const struct aigw_provider_ops *ops = gw_attempt_ops(attempt);
    struct aigw_signature signature = { .struct_size = sizeof signature };
    struct aigw_http_request whole = attempt->http;
    const char *lines[HEADERS_MAX], **all;
    struct gw_visit visit;
    aigw_status status;

    if (!ops->sign)
        return AIGW_OK;
    if (!list_headers(attempt, lines, &whole.header_count))
        return AIGW_E_LIMIT;
    whole.headers = lines;
    gw_attempt_visit(attempt, &visit, GW_CALLBACK_SIGN);
    status = ops->sign(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call, &whole, &signature);
    if (status == AIGW_OK)
        status = gw_header_lines_check(&attempt->ctx, "the signature", signature.headers, signature.header_count);
    status = gw_attempt_visited(attempt, &visit, status, AIGW_PENDING);
    if (status || !signature.header_count)
        return status;
    all = gw_arena_alloc(&attempt->build, (attempt->http.header_count + signature.header_count) * sizeof *all);
    if (!all)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < attempt->http.header_count; i++)
        all[i] = attempt->http.headers[i];
    for (uint32_t i = 0; i < signature.header_count; i++)
        all[attempt->http.header_count + i] = signature.headers[i];
    attempt->http.headers = all;
    attempt->http.header_count += signature.header_count;
    return AIGW_OK;
}
