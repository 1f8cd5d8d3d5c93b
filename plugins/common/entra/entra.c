/* entra.c - see entra.h. */
#include "entra.h"

#include "../../dialects/common/headers.h"
#include "../file/file.h"

#include <ctype.h>
#include <string.h>

#define URL_MAX         ((size_t)64 * 1024)
#define LIFE_UNKNOWN_MS ((int64_t)5 * 60 * 1000)

enum way { WAY_NONE, WAY_SECRET, WAY_WORKLOAD, WAY_ENDPOINT, WAY_METADATA };

static const struct cloud {
    const char *name; /* of the credential */
    const char *authority, *resource;
} clouds[] = {
    { "public", "https://login.microsoftonline.com", "https://cognitiveservices.azure.com" },
    { "government", "https://login.microsoftonline.us", "https://cognitiveservices.azure.us" },
    { "china", "https://login.chinacloudapi.cn", "https://cognitiveservices.azure.cn" },
};

static bool is_set(const char *text)
{
    return text && text[0];
}

/* auto never asks for instance metadata: where there is none, every request would wait for it. */
static enum way way_of(const struct entra *entra)
{
    bool is_auto = strcmp(entra->auth, "auto") == 0;
    bool may_apply = is_auto && is_set(entra->tenant_id) && is_set(entra->client_id);

    if (strcmp(entra->auth, "client_secret") == 0 || (may_apply && is_set(entra->client_secret)))
        return WAY_SECRET;
    if (strcmp(entra->auth, "workload_identity") == 0 || (may_apply && is_set(entra->federated_token_file)))
        return WAY_WORKLOAD;
    if (strcmp(entra->auth, "managed_identity") == 0 || (is_auto && is_set(entra->identity_endpoint)))
        return is_set(entra->identity_endpoint) ? WAY_ENDPOINT : WAY_METADATA;
    return WAY_NONE;
}

bool entra_allows_key(const struct entra *entra)
{
    return strcmp(entra->auth, "auto") == 0 || strcmp(entra->auth, "key") == 0;
}

bool entra_has_identity(const struct entra *entra)
{
    return way_of(entra) != WAY_NONE;
}

aigw_status entra_check(const struct aigw_host *host, struct aigw_ctx *ctx, const struct entra *entra)
{
    enum way way = way_of(entra);
    const struct {
        const char *name, *value;
        bool is_needed;
    } rows[] = { { "tenant_id", entra->tenant_id, way == WAY_SECRET || way == WAY_WORKLOAD },
                 { "client_id", entra->client_id, way == WAY_SECRET || way == WAY_WORKLOAD },
                 { "client_secret", entra->client_secret, way == WAY_SECRET },
                 { "federated_token_file", entra->federated_token_file, way == WAY_WORKLOAD } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_needed && !is_set(rows[i].value))
            return host->fail(ctx, AIGW_E_CONFIG, "%s: is empty; auth = \"%s\" needs it", rows[i].name, entra->auth);
    return wire_check_header_setting(host, ctx, "identity_header", entra->identity_header);
}

aigw_status entra_token(const struct aigw_host *host, struct aigw_ctx *ctx, const char *cloud, aigw_str *ret_token)
{
    return host->credential(ctx, cloud, ret_token);
}

/* ---- asking ---- */

/* POST a form to the authority. */
static aigw_status ask_authority(struct oauth *o, const struct entra *entra, const struct cloud *cloud, enum way way)
{
    const struct aigw_host *host = o->host;
    struct aigw_buf *form = oauth_form(o, "client_credentials"), *url = host->buf_new(o->ctx, AIGW_LIFE_BUILD, URL_MAX);
    const char *scope =
        is_set(entra->scope) ? entra->scope : wire_join(host, o->ctx, wire_str(cloud->resource), AIGW_STR("/.default"));
    aigw_str assertion, text;
    aigw_status status = AIGW_OK;

    oauth_field(o, form, "client_id", wire_str(entra->client_id));
    oauth_field(o, form, "scope", wire_str(scope));
    if (way == WAY_WORKLOAD) {
        status = file_text(host, o->ctx, "no access by Entra ID: federated_token_file", entra->federated_token_file,
                           &assertion);
        if (status != AIGW_OK)
            return status;
        oauth_field(o, form, "client_assertion_type",
                    AIGW_STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        oauth_field(o, form, "client_assertion", assertion);
    } else {
        oauth_field(o, form, "client_secret", wire_str(entra->client_secret));
    }
    if (!url || !scope)
        return AIGW_E_NOMEM;
    host->buf_printf(url, "%s/", is_set(entra->authority_host) ? entra->authority_host : cloud->authority);
    wire_put_encoded(host, url, wire_str(entra->tenant_id), WIRE_PLAIN);
    host->buf_printf(url, "/oauth2/v2.0/token");
    return host->buf_view(url, &text) == AIGW_OK ? oauth_post(o, text.ptr, form) : AIGW_E_NOMEM;
}

/* GET from the platform. */
static aigw_status ask_platform(struct oauth *o, const struct entra *entra, const struct cloud *cloud, enum way way)
{
    const struct aigw_host *host = o->host;
    struct aigw_buf *url = host->buf_new(o->ctx, AIGW_LIFE_BUILD, URL_MAX);
    const char **headers = host->alloc(o->ctx, AIGW_LIFE_BUILD, sizeof *headers);
    aigw_str resource = wire_str(is_set(entra->scope) ? entra->scope : cloud->resource), text;

    if (!url || !headers)
        return AIGW_E_NOMEM;
    if (wire_has_suffix(resource, "/.default"))
        resource.len -= strlen("/.default");
    if (way == WAY_ENDPOINT)
        host->buf_printf(url, "%s?api-version=2019-08-01&resource=", entra->identity_endpoint);
    else
        host->buf_printf(url,
                         "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=", entra->metadata_host);
    wire_put_encoded(host, url, resource, WIRE_PLAIN);
    if (is_set(entra->client_id)) { /* one of several identities */
        host->buf_printf(url, "&client_id=");
        wire_put_encoded(host, url, wire_str(entra->client_id), WIRE_PLAIN);
    }
    headers[0] = way == WAY_ENDPOINT
                     ? wire_join(host, o->ctx, AIGW_STR("X-IDENTITY-HEADER: "), wire_str(entra->identity_header))
                     : "Metadata: true";
    if (!headers[0] || host->buf_view(url, &text) != AIGW_OK)
        return AIGW_E_NOMEM;
    return oauth_get(o, text.ptr, headers, 1);
}

/* ---- what came ---- */

/* Of "AADSTS7000215: Invalid client secret …" the number, which says it all to who looks it up. */
static aigw_str number_of(aigw_str words)
{
    size_t len = 0;

    while (len < words.len && len < 20 && isalnum((unsigned char)words.ptr[len]))
        len++;
    return wire_has_prefix(words, "AADSTS") ? (aigw_str){ words.ptr, len } : AIGW_STR_NONE;
}

/* The words are for the operator; clients learn that it went wrong. They would take words about tokens that are not
 * valid for words about their user's own. */
static aigw_status refused(struct oauth *o)
{
    aigw_str code, words, number;

    oauth_refusal(o, &code, &words);
    number = number_of(words);
    if (words.len > 0)
        o->host->log(o->ctx, AIGW_LOG_ERROR, "Entra ID answered %d%s%.*s: %.*s", (int)o->step->status,
                     code.len > 0 ? " " : "", AIGW_STR_ARG(code), AIGW_STR_ARG(words));
    return o->host->fail(o->ctx, AIGW_E_UPSTREAM, "no access by Entra ID: the answer was %d%s%.*s%s%.*s",
                         (int)o->step->status, code.len > 0 ? " " : "", AIGW_STR_ARG(code), number.len > 0 ? " " : "",
                         AIGW_STR_ARG(number));
}

aigw_status entra_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct entra *entra,
                             struct aigw_credential_step *step)
{
    struct oauth o = { host, ctx, step };
    const struct cloud *cloud = clouds;
    enum way way = way_of(entra);
    aigw_str token;

    if (step->step > 0)
        return oauth_is_good(&o) && oauth_token(&o, "access_token", &token) == AIGW_OK
                   ? oauth_done(&o, token, oauth_life_ms(&o, LIFE_UNKNOWN_MS))
                   : refused(&o);
    while (cloud < clouds + sizeof clouds / sizeof *clouds - 1 && strcmp(step->name, cloud->name) != 0)
        cloud++;
    return way == WAY_SECRET || way == WAY_WORKLOAD ? ask_authority(&o, entra, cloud, way)
                                                    : ask_platform(&o, entra, cloud, way);
}
