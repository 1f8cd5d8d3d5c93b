/* plugin.c - provider plugin for Amazon Bedrock: Converse, ConverseStream, CountTokens, and InvokeModel for embeddings.
 *
 * Upstream: POST {base}/model/{id}/converse…, answered as JSON or as an AWS event stream; signed with the keys of the
 *           chain in ../../common/aws, or with a bearer key.
 * State:    struct bedrock, one per conf.d group, read-only after open().
 */
#include "../../common/aws/settings.h"
#include "../../dialects/common/headers.h"
#include "../../dialects/converse/converse.h"
#include "../../dialects/converse/place.h"

#include <string.h>

#define REGION_DEFAULT "us-west-2"

struct bedrock {
    const struct aigw_host *host;
    const char *base_url, *region, *api_key, *model_id, *guardrail, *latency, *prefill, *drop_temperature, *json_schema,
        *cache_ttl, *additional_fields;
    struct aigw_list anthropic_beta;
    int64_t max_tokens;
    struct aws_source source;
    aigw_str own_region;         /* settings, profile or default */
    const char *credential_name; /* says where the keys come from: it stands in messages */
};

struct bedrock_call {
    struct converse_call converse;
    aigw_str region; /* to sign for; absent: a bearer key says who asks */
    bool is_imported;
};

#define TEXT(member, words) AWS_BEDROCK_SETTING(member, 0, NULL, NULL, words)
#define AWS_BEDROCK_SETTING(member, bits, text, list, words) \
    { \
        .name = #member, .type = AIGW_SET_STRING, .flags = (bits), .offset = offsetof(struct bedrock, member), \
        .default_value = (text), .choices = (list), .help = (words) \
    }

static const struct aigw_setting bedrock_settings[] = {
    AWS_BEDROCK_SETTING(base_url, AIGW_SETF_URL, NULL, NULL,
                        "URL of Bedrock's runtime. Default: https://bedrock-runtime.REGION.amazonaws.com."),
    TEXT(region, "AWS region. Default: that of the profile, else us-west-2. A model identifier may name another one."),
    AWS_BEDROCK_SETTING(api_key, AIGW_SETF_SECRET, NULL, NULL,
                        "API key of Bedrock, sent as bearer token instead of a signature."),
    TEXT(model_id, "Id or ARN to call instead of the model's name, such as an application inference profile."),
    TEXT(guardrail, "Guardrail as JSON: {\"guardrailIdentifier\": …, \"guardrailVersion\": …, \"trace\": …, "
                    "\"streamProcessingMode\": …}."),
    AWS_BEDROCK_SETTING(latency, 0, NULL, "standard|optimized", "performanceConfig.latency of each request."),
    AWS_BEDROCK_SETTING(prefill, 0, "auto", "auto|on|off",
                        "Send a trailing assistant turn as such. off: as a user turn. auto: by the model's name."),
    AWS_BEDROCK_SETTING(drop_temperature, 0, "auto", "auto|on|off",
                        "Leave out temperature, topP and top_k. auto: for models known to refuse them."),
    AWS_BEDROCK_SETTING(json_schema, 0, "auto", "auto|native|tool",
                        "Ask for JSON by outputConfig, or by a tool that the model must call. auto: by its name."),
    AWS_BEDROCK_SETTING(cache_ttl, 0, "5m", "5m|1h|off",
                        "How long cached prompt parts are kept; off sends no cache points."),
    TEXT(additional_fields, "JSON object: members for additionalModelRequestFields of each request."),
    { .name = "anthropic_beta",
      .type = AIGW_SET_LIST,
      .offset = offsetof(struct bedrock, anthropic_beta),
      .help = "Beta features to ask Claude for." },
    { .name = "max_tokens",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct bedrock, max_tokens),
      .default_value = "0",
      .min = 0,
      .max = 1000000,
      .help = "Output limit in tokens when neither request nor prompt names one. 0: the model's own." },
    AWS_SETTINGS(struct bedrock, "", source),
};

static bool is_set(const char *text)
{
    return text && text[0];
}

/* ---- open ---- */

static aigw_status check_json(const struct aigw_host *host, struct aigw_ctx *ctx, const char *name, const char *text,
                              const char *const *members)
{
    struct aigw_json root, value;

    if (!is_set(text))
        return AIGW_OK;
    if (aigw_json_check(wire_str(text), 0, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return host->fail(ctx, AIGW_E_CONFIG, "%s: is not a JSON object; expected text like {\"name\": \"value\"}",
                          name);
    for (; *members; members++)
        if (!aigw_json_member(&root, *members, &value))
            return host->fail(ctx, AIGW_E_CONFIG, "%s: the member \"%s\" is missing", name, *members);
    return AIGW_OK;
}

static aigw_status bedrock_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    static const char *const guardrail[] = { "guardrailIdentifier", "guardrailVersion", NULL }, *const none[] = {
        NULL
    };
    struct bedrock *bedrock = self;

    bedrock->host = host;
    if (wire_check_header_setting(host, ctx, "api_key", bedrock->api_key) != AIGW_OK ||
        wire_check_header_setting(host, ctx, "access_key_id", bedrock->source.access_key_id) != AIGW_OK ||
        wire_check_header_setting(host, ctx, "session_token", bedrock->source.session_token) != AIGW_OK ||
        check_json(host, ctx, "guardrail", bedrock->guardrail, guardrail) != AIGW_OK ||
        check_json(host, ctx, "additional_fields", bedrock->additional_fields, none) != AIGW_OK)
        return AIGW_E_CONFIG;
    bedrock->own_region = wire_str(is_set(bedrock->region) ? bedrock->region : NULL);
    if (bedrock->own_region.len > 0 && !aws_is_region(bedrock->own_region))
        return host->fail(ctx, AIGW_E_CONFIG, "region: is \"%s\", expected one like us-east-1", bedrock->region);
    if (bedrock->own_region.len == 0)
        bedrock->own_region = aws_profile_region(host, ctx, &bedrock->source);
    if (!aws_is_region(bedrock->own_region))
        bedrock->own_region = AIGW_STR(REGION_DEFAULT);
    bedrock->credential_name = aws_source_words(&bedrock->source);
    return AIGW_OK;
}

/* ---- requests ---- */

static void bedrock_find_quirks(const struct bedrock *bedrock, aigw_str model, struct converse_quirks *ret_quirks)
{
    converse_find_quirks(model, ret_quirks);
    ret_quirks->drop_sampling = wire_switch(bedrock->drop_temperature, ret_quirks->drop_sampling);
    ret_quirks->refuses_prefill = !wire_switch(bedrock->prefill, !ret_quirks->refuses_prefill);
    if (strcmp(bedrock->json_schema, "auto") != 0)
        ret_quirks->emulates_schema = strcmp(bedrock->json_schema, "tool") == 0;
    ret_quirks->max_tokens = bedrock->max_tokens;
    ret_quirks->cache_ttl = bedrock->cache_ttl;
    ret_quirks->latency = bedrock->latency;
    ret_quirks->guardrail = wire_str(bedrock->guardrail);
    ret_quirks->fields = wire_str(bedrock->additional_fields);
    ret_quirks->betas = bedrock->anthropic_beta;
}

/* The body; *ret_operation is the last part of the path. */
static aigw_status bedrock_describe(const struct bedrock *bedrock, struct aigw_ctx *ctx, struct converse_call *call,
                                    aigw_str model, const struct aigw_model_request *req, const char **ret_operation,
                                    struct aigw_http_request *ret_http)
{
    struct converse_quirks quirks;
    bool is_stream;

    ret_http->framing = AIGW_FRAMING_BODY;
    if (req->raw || (req->kind != AIGW_CALL_CHAT && req->kind != AIGW_CALL_COUNT && req->kind != AIGW_CALL_EMBEDDING))
        return bedrock->host->fail(ctx, AIGW_E_UNSUPPORTED, "Bedrock's Converse API has no %s; use another provider",
                                   req->raw ? "way for a client's own bytes" : "raw completions");
    if (req->kind == AIGW_CALL_EMBEDDING) {
        *ret_operation = "invoke";
        return converse_embed_body(bedrock->host, ctx, model, req, call, &ret_http->body);
    }
    bedrock_find_quirks(bedrock, model, &quirks);
    is_stream = converse_may_stream(req, &quirks);
    call->is_count = req->kind == AIGW_CALL_COUNT;
    call->asked_by_tool = !call->is_count && converse_asks_by_tool(req, &quirks);
    *ret_operation = call->is_count ? "count-tokens" : is_stream ? "converse-stream" : "converse";
    if (is_stream)
        ret_http->framing = AIGW_FRAMING_EVENTSTREAM;
    quirks.names = &call->names;
    return converse_body(bedrock->host, ctx, model, req, &quirks, &call->drops, &ret_http->body);
}

static aigw_status bedrock_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                   const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct bedrock *bedrock = self;
    struct bedrock_call *call = call_state;
    struct bedrock_place place =
        bedrock_read_identifier(is_set(bedrock->model_id) ? wire_str(bedrock->model_id) : target->model);
    bool is_ours = wire_is_our_place(target) || bedrock_is_placeholder(target->endpoint);
    aigw_str key = target->api_key, base = bedrock_is_placeholder(target->endpoint) ? AIGW_STR_NONE : target->endpoint;
    const char *operation = NULL;
    struct wire_headers headers;
    aigw_status status;

    if (key.len == 0 && is_ours)
        key = wire_str(bedrock->api_key);
    if (key.len == 0 && !is_ours)
        return bedrock->host->fail(ctx, AIGW_E_INVALID,
                                   "the request names an endpoint of its own and no API key: the AWS credentials that "
                                   "are configured here are not used for it");
    status = bedrock_describe(bedrock, ctx, &call->converse, target->model, req, &operation, ret_http);
    if (status != AIGW_OK)
        return status;
    if (call->converse.is_count)
        place.id = bedrock_model_of_profile(place.id);
    if (place.region.len == 0)
        place.region = bedrock->own_region;
    if (key.len == 0)
        call->region = place.region;
    call->is_imported = wire_contains(place.id, ":imported-model/");
    wire_headers_begin(&headers, bedrock->host, ctx);
    wire_header(&headers, "Content-Type: application/json");
    wire_header_value(&headers, "Authorization: Bearer ", key);
    status = wire_headers_end(&headers, ret_http);
    ret_http->method = "POST";
    ret_http->url = bedrock_url(bedrock->host, ctx, base.len > 0 ? base : wire_str(bedrock->base_url),
                                bedrock->source.use_fips, &place, operation);
    return status != AIGW_OK || ret_http->url ? status : AIGW_E_NOMEM;
}

/* ---- who asks ---- */

static aigw_status bedrock_sign(struct aigw_ctx *ctx, void *self, void *call_state,
                                const struct aigw_http_request *http, struct aigw_signature *ret_signature)
{
    const struct bedrock *bedrock = self;
    const struct bedrock_call *call = call_state;
    const struct aws_source *source = &bedrock->source;
    struct aws_keys keys = { wire_str(source->access_key_id), wire_str(source->secret_access_key),
                             wire_str(source->session_token) };
    aigw_status status = AIGW_OK;
    aigw_str value;

    if (call->region.len == 0)
        return AIGW_OK;
    if (!aws_has_static_keys(source)) {
        status = bedrock->host->credential(ctx, bedrock->credential_name, &value);
        if (status == AIGW_OK && !aws_keys_of(value, &keys))
            status = bedrock->host->fail(ctx, AIGW_E_STATE, "the AWS credentials cannot be read");
    }
    if (status != AIGW_OK)
        return status;
    return aws_sign(bedrock->host, ctx, &keys, call->region, "bedrock", http, ret_signature);
}

static aigw_status bedrock_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct bedrock *bedrock = self;

    return aws_credential(bedrock->host, ctx, &bedrock->source, bedrock->own_region, memory, step);
}

/* ---- answers ---- */

static aigw_status bedrock_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct bedrock *bedrock = self;

    return converse_frame(bedrock->host, ctx, &((struct bedrock_call *)call)->converse, frame);
}

static void bedrock_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                            struct aigw_error *ret_error)
{
    const struct bedrock *bedrock = self;

    converse_failure(bedrock->host, ctx, failure, ret_error);
    if (((struct bedrock_call *)call)->is_imported && ret_error->kind == AIGW_ERR_BAD_REQUEST &&
        (wire_contains(ret_error->message, "converse") ||
         wire_contains(ret_error->message, "doesn't support the model")))
        ret_error->message = AIGW_STR("Bedrock's Converse API, the only one that is spoken here, does not serve this "
                                      "imported model; of those that are imported Qwen2.5, Qwen2-VL and GPT-OSS are "
                                      "known to lack it");
}

static const struct aigw_provider_ops bedrock_ops = {
    .struct_size = sizeof bedrock_ops,
    .call_size = sizeof(struct bedrock_call),
    .open = bedrock_open,
    .request = bedrock_request,
    .frame = bedrock_frame,
    .failure = bedrock_failure,
    .sign = bedrock_sign,
    .credential = bedrock_credential,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "bedrock", .version = "0.2.0",
            .summary = "Amazon Bedrock: Converse API", .state_size = sizeof(struct bedrock),
            AIGW_SETTINGS(bedrock_settings), .provider = &bedrock_ops);
