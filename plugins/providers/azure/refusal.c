/* refusal.c - what Azure's refusals say besides OpenAI's:
 *
 *     {"error":{"code":"content_filter","message":…,"innererror":{"content_filter_result":{"hate":{"filtered":true,
 *      "severity":"high"},"jailbreak":{"filtered":true,"detected":true}}}}}             which filter it was
 *     {"error":{"code":"DeploymentNotFound",…}}     the name of a model in place of its deployment's
 *     {"error":{"code":"404","message":"Resource not found"}}, {"code":"PermissionDenied"} with 401, …
 */
#include "azure.h"

#include <aigw/json.h>

#include "../../dialects/common/read.h"

/* "hate (high), jailbreak": the filters that spoke. How many. */
static uint32_t put_filters(const struct azure *azure, struct aigw_buf *words, struct reader *r,
                            const struct aigw_json *filters)
{
    struct aigw_json_walk walk = aigw_json_begin(filters);
    struct aigw_json name, filter, member;
    uint32_t count = 0;

    while (aigw_json_next(&walk, &name, &filter)) {
        aigw_str severity = reader_str(r, &filter, "severity");
        bool is_filtered = false;

        if (!aigw_json_member(&filter, "filtered", &member) || !aigw_json_bool(&member, &is_filtered) || !is_filtered)
            continue;
        azure->host->buf_printf(words, "%s%.*s", count++ > 0 ? ", " : "", AIGW_STR_ARG(reader_text(r, &name)));
        if (severity.len > 0)
            azure->host->buf_printf(words, " (%.*s)", AIGW_STR_ARG(severity));
    }
    return count;
}

/* Which filter it was, and the server's words behind it: they are long. */
static void describe_filter(const struct azure *azure, struct aigw_ctx *ctx, struct reader *r,
                            const struct aigw_json *error, struct aigw_error *ret_error)
{
    struct aigw_buf *words = azure->host->buf_new(ctx, AIGW_LIFE_BUILD, 256 * 1024);
    struct aigw_json inner, filters;
    uint32_t count = 0;
    aigw_str text;

    ret_error->kind = AIGW_ERR_REFUSED;
    if (!words || (!reader_member(error, "innererror", AIGW_JSON_OBJECT, &inner) &&
                   !reader_member(error, "inner_error", AIGW_JSON_OBJECT, &inner)))
        return;
    azure->host->buf_printf(words, "Azure's content filter refused the request: ");
    if (reader_member(&inner, "content_filter_result", AIGW_JSON_OBJECT, &filters) ||
        reader_member(&inner, "content_filter_results", AIGW_JSON_OBJECT, &filters))
        count = put_filters(azure, words, r, &filters);
    azure->host->buf_printf(words, ". %.*s", AIGW_STR_ARG(ret_error->message));
    if (count > 0 && azure->host->buf_view(words, &text) == AIGW_OK)
        ret_error->message = wire_words(azure->host, ctx, text);
}

static aigw_str advice(const struct azure *azure, struct aigw_ctx *ctx, const struct azure_call *call,
                       bool is_deployment)
{
    const char *text;

    if (!is_deployment)
        return AIGW_STR("Azure knows no such address: check the endpoint, its path and its api-version");
    text =
        azure->host->format(ctx, AIGW_LIFE_REQUEST,
                            "there is no deployment \"%.*s\" at this Azure resource: the identifier is azure/ and the "
                            "name of the deployment, not of its model; a new one takes some minutes to appear",
                            AIGW_STR_ARG(call->deployment));
    return text ? wire_str(text) : AIGW_STR("there is no such deployment at this Azure resource");
}

void azure_failure(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_http_failure *failure,
                   struct aigw_error *ret_error)
{
    const struct azure *azure = self;
    struct reader r;
    struct aigw_json root, error;
    aigw_str code;

    openai_failure(azure->host, ctx, failure, ret_error);
    reader_begin(&r, failure->body, &root);
    if (!reader_member(&root, "error", AIGW_JSON_OBJECT, &error))
        error = root;
    code = reader_str(&r, &error, "code");
    if (wire_is(code, "content_filter") || wire_is(code, "ResponsibleAIPolicyViolation"))
        describe_filter(azure, ctx, &r, &error, ret_error);
    else if (wire_is(code, "DeploymentNotFound") || wire_is(code, "unknown_model"))
        *ret_error = (struct aigw_error){ .struct_size = ret_error->struct_size,
                                          .kind = AIGW_ERR_NOT_FOUND,
                                          .http_status = ret_error->http_status,
                                          .retry_after_ms = ret_error->retry_after_ms,
                                          .code = ret_error->code,
                                          .message = advice(azure, ctx, call_state, true) };
    else if (failure->status == 404 && (wire_is(code, "404") || wire_is(code, "ResourceNotFound")))
        ret_error->message = advice(azure, ctx, call_state, false);
    else if (wire_is(code, "PermissionDenied") && ret_error->kind == AIGW_ERR_AUTH) {
        ret_error->kind = AIGW_ERR_PERMISSION;
        ret_error->message = AIGW_STR("this identity may not use the Azure resource; give it the role Cognitive "
                                      "Services OpenAI User there");
    } else if (failure->status == 424) {
        ret_error->kind = AIGW_ERR_SERVER; /* the model behind the endpoint failed */
    }
    reader_end(&r);
}
