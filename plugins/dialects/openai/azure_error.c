/* azure_error.c - what Azure's refusals say besides OpenAI's:
 *
 *     {"error":{"code":"content_filter","message":…,"innererror":{"content_filter_result":{"hate":{"filtered":true,
 *      "severity":"high"},"jailbreak":{"filtered":true,"detected":true}}}}}             which filter it was
 *     {"error":{"code":"DeploymentNotFound",…}}     the name of a model in place of its deployment's
 *     {"error":{"code":"404","message":"Resource not found"}}, {"code":"PermissionDenied"} with 401, …
 *     {"statusCode":429,"message":…}                API Management in front of it
 */
#include "azure.h"

#include <aigw/json.h>

#include "../../dialects/common/read.h"

/* "hate (high), jailbreak": the filters that spoke. How many. */
static uint32_t put_filters(const struct aigw_host *host, struct aigw_buf *words, struct reader *r,
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
        host->buf_printf(words, "%s%.*s", count++ > 0 ? ", " : "", AIGW_STR_ARG(reader_text(r, &name)));
        if (severity.len > 0)
            host->buf_printf(words, " (%.*s)", AIGW_STR_ARG(severity));
    }
    return count;
}

/* Which filter it was, and the server's words behind it: they are long. */
static void describe_filter(const struct aigw_host *host, struct aigw_ctx *ctx, struct reader *r,
                            const struct aigw_json *error, struct aigw_error *ret_error)
{
    struct aigw_buf *words = host->buf_new(ctx, AIGW_LIFE_BUILD, 256 * 1024);
    struct aigw_json inner, filters;
    uint32_t count = 0;
    aigw_str text;

    ret_error->kind = AIGW_ERR_REFUSED;
    if (!words || (!reader_member(error, "innererror", AIGW_JSON_OBJECT, &inner) &&
                   !reader_member(error, "inner_error", AIGW_JSON_OBJECT, &inner)))
        return;
    host->buf_printf(words, "Azure's content filter refused the request: ");
    if (reader_member(&inner, "content_filter_result", AIGW_JSON_OBJECT, &filters) ||
        reader_member(&inner, "content_filter_results", AIGW_JSON_OBJECT, &filters))
        count = put_filters(host, words, r, &filters);
    host->buf_printf(words, ". %.*s", AIGW_STR_ARG(ret_error->message));
    if (count > 0 && host->buf_view(words, &text) == AIGW_OK)
        ret_error->message = wire_words(host, ctx, text);
}

/* What else Azure refuses, and what to do about it: between the two pieces of words stands the deployment's name;
 * without the second one there is none, without the first one the server's words remain. */
static const struct {
    const char *code, *phrase; /* of the refusal; NULL: whichever */
    int32_t status;            /* 0: whichever */
    uint32_t kind;
    const char *words, *behind;
} azure_refusals[] = {
    { "DeploymentNotFound", NULL, 0, AIGW_ERR_NOT_FOUND, "there is no deployment",
      "at this Azure resource: the identifier is azure/ and the name of the deployment, not of its model; a new one "
      "takes some minutes to appear" },
    { "unknown_model", NULL, 0, AIGW_ERR_NOT_FOUND, "there is no deployment",
      "at this Azure resource: the identifier is azure_ai/ and the name of the deployment" },
    { NULL, "resource not found", 404, AIGW_ERR_NOT_FOUND,
      "Azure knows no such address: check the endpoint, its path and its api-version", NULL },
    { "PermissionDenied", NULL, 401, AIGW_ERR_PERMISSION,
      "this identity may not use the Azure resource; give it the role Cognitive Services OpenAI User there", NULL },
    { NULL, "max_completion_tokens", 400, AIGW_ERR_BAD_REQUEST, "the deployment",
      "is a reasoning model, which its name does not tell: write its identifier as azure/o_series/ and the name, or "
      "list it in the setting reasoning_deployments of the provider" },
    { NULL, NULL, 424, AIGW_ERR_SERVER, NULL, NULL }, /* the model behind the endpoint failed */
};

static void advise(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str deployment, size_t row,
                   struct aigw_error *ret_error)
{
    const char *words = azure_refusals[row].words, *behind = azure_refusals[row].behind;

    ret_error->kind = azure_refusals[row].kind;
    if (words && behind)
        words = host->format(ctx, AIGW_LIFE_BUILD, "%s \"%.*s\" %s", words, AIGW_STR_ARG(deployment), behind);
    if (words)
        ret_error->message = wire_words(host, ctx, wire_str(words));
}

void azure_failure(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str deployment,
                   const struct aigw_http_failure *failure, struct aigw_error *ret_error)
{
    struct reader r;
    struct aigw_json root, error;
    aigw_str code, words;

    openai_failure(host, ctx, failure, ret_error);
    reader_begin(&r, failure->body, &root);
    if (!reader_member(&root, "error", AIGW_JSON_OBJECT, &error))
        error = root;
    code = reader_str(&r, &error, "code");
    words = reader_str(&r, &error, "message");
    if (wire_is(code, "content_filter") || wire_is(code, "ResponsibleAIPolicyViolation"))
        describe_filter(host, ctx, &r, &error, ret_error);
    for (size_t i = 0; i < sizeof azure_refusals / sizeof *azure_refusals; i++)
        if ((!azure_refusals[i].status || azure_refusals[i].status == failure->status) &&
            (!azure_refusals[i].code || wire_is(code, azure_refusals[i].code)) &&
            (!azure_refusals[i].phrase || wire_contains(words, azure_refusals[i].phrase))) {
            advise(host, ctx, deployment, i, ret_error);
            break;
        }
    reader_end(&r);
}
