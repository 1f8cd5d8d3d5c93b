/* identity.c - tokens of Entra ID in place of a key. Four ways to one:
 *
 *     client_secret       POST {authority}/{tenant}/oauth2/v2.0/token with the application's secret
 *     workload_identity   the same with a token of the cluster, out of a file that the cluster keeps fresh
 *     managed_identity    GET {IDENTITY_ENDPOINT}, where App Service and Container Apps set it,
 *                         else GET http://169.254.169.254/metadata/identity/oauth2/token, on virtual machines
 *
 * The core asks, keeps the token, and renews it in time. The name of the credential says for which cloud it is.
 */
#include "azure.h"

#include <aigw/json.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../dialects/common/read.h"

#define FILE_TOKEN_MAX  (64u << 10)
#define REQUEST_MAX     (128u << 10)
#define LIFE_UNKNOWN_MS (5 * 60 * 1000)

enum way { WAY_NONE, WAY_SECRET, WAY_WORKLOAD, WAY_ENDPOINT, WAY_METADATA };

static const struct {
    const char *name; /* of the credential */
    const char *authority, *resource;
} azure_clouds[] = {
    [AZURE_PUBLIC] = { "public", "https://login.microsoftonline.com", "https://cognitiveservices.azure.com" },
    [AZURE_GOVERNMENT] = { "government", "https://login.microsoftonline.us", "https://cognitiveservices.azure.us" },
    [AZURE_CHINA] = { "china", "https://login.chinacloudapi.cn", "https://cognitiveservices.azure.cn" },
};

static bool is_set(const char *text)
{
    return text && text[0];
}

static bool has_application(const struct azure *azure)
{
    return is_set(azure->tenant_id) && is_set(azure->client_id);
}

/* auto never asks for instance metadata: where there is none, every request would wait for it. */
static enum way way_of(const struct azure *azure)
{
    bool is_auto = strcmp(azure->auth, "auto") == 0;

    if (strcmp(azure->auth, "client_secret") == 0 ||
        (is_auto && has_application(azure) && is_set(azure->client_secret)))
        return WAY_SECRET;
    if (strcmp(azure->auth, "workload_identity") == 0 ||
        (is_auto && has_application(azure) && is_set(azure->federated_token_file)))
        return WAY_WORKLOAD;
    if (strcmp(azure->auth, "managed_identity") == 0 || (is_auto && is_set(azure->identity_endpoint)))
        return is_set(azure->identity_endpoint) ? WAY_ENDPOINT : WAY_METADATA;
    return WAY_NONE;
}

bool azure_has_identity(const struct azure *azure)
{
    return way_of(azure) != WAY_NONE;
}

aigw_status azure_check_identity(const struct azure *azure, struct aigw_ctx *ctx)
{
    enum way way = way_of(azure);
    const struct {
        const char *name, *value;
        bool is_needed;
    } rows[] = { { "tenant_id", azure->tenant_id, way == WAY_SECRET || way == WAY_WORKLOAD },
                 { "client_id", azure->client_id, way == WAY_SECRET || way == WAY_WORKLOAD },
                 { "client_secret", azure->client_secret, way == WAY_SECRET },
                 { "federated_token_file", azure->federated_token_file, way == WAY_WORKLOAD } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_needed && !is_set(rows[i].value))
            return azure->host->fail(ctx, AIGW_E_CONFIG, "%s: is empty; auth = \"%s\" needs it", rows[i].name,
                                     azure->auth);
    return wire_check_header_setting(azure->host, ctx, "identity_header", azure->identity_header);
}

aigw_status azure_token(const struct azure *azure, struct aigw_ctx *ctx, enum azure_cloud cloud, aigw_str *ret_token)
{
    return azure->host->credential(ctx, azure_clouds[cloud].name, ret_token);
}

/* ---- asking ---- */

static void put_escaped(const struct azure *azure, struct aigw_buf *buf, const char *name, const char *value)
{
    azure->host->buf_put(buf, name, strlen(name));
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if (isalnum(*c) || strchr("-._~", *c))
            azure->host->buf_put(buf, (const char *)c, 1);
        else
            azure->host->buf_printf(buf, "%%%02X", *c);
}

/* What went wrong, for the operator; clients learn that it did. They would take words about tokens that are not valid
 * for words about their user's own. */
static aigw_status no_access(const struct azure *azure, struct aigw_ctx *ctx, aigw_status why, const char *text,
                             aigw_str words)
{
    if (words.len > 0)
        azure->host->log(ctx, AIGW_LOG_ERROR, "%s: %.*s", text, AIGW_STR_ARG(words));
    return azure->host->fail(ctx, why, "no access by Entra ID: %s", text);
}

/* Small, local and read once an hour: it may be read here. */
static aigw_status read_file_token(const struct azure *azure, struct aigw_ctx *ctx, char **ret_token)
{
    const char *path = azure->federated_token_file;
    char *text = azure->host->alloc(ctx, AIGW_LIFE_BUILD, FILE_TOKEN_MAX + 1);
    FILE *file = text ? fopen(path, "re") : NULL;
    size_t len;

    if (!text)
        return AIGW_E_NOMEM;
    if (!file)
        return no_access(azure, ctx, AIGW_E_CONFIG, "federated_token_file cannot be opened", wire_str(path));
    len = fread(text, 1, FILE_TOKEN_MAX + 1, file);
    fclose(file);
    while (len > 0 && len <= FILE_TOKEN_MAX && isspace((unsigned char)text[len - 1]))
        len--;
    if (len == 0 || len > FILE_TOKEN_MAX)
        return no_access(azure, ctx, AIGW_E_CONFIG,
                         len == 0 ? "federated_token_file is empty" : "federated_token_file is larger than 64 KiB",
                         wire_str(path));
    text[len] = '\0';
    *ret_token = text;
    return AIGW_OK;
}

/* POST a form to the authority. */
static aigw_status ask_authority(const struct azure *azure, struct aigw_ctx *ctx, enum azure_cloud cloud, enum way way,
                                 struct aigw_http_request *ret_http)
{
    static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded" };
    const struct aigw_host *host = azure->host;
    struct aigw_buf *url = host->buf_new(ctx, AIGW_LIFE_BUILD, REQUEST_MAX),
                    *form = host->buf_new(ctx, AIGW_LIFE_BUILD, REQUEST_MAX);
    const char *scope = is_set(azure->scope)
                            ? azure->scope
                            : host->format(ctx, AIGW_LIFE_BUILD, "%s/.default", azure_clouds[cloud].resource);
    char *token = NULL;
    aigw_str text;
    aigw_status status = way == WAY_WORKLOAD ? read_file_token(azure, ctx, &token) : AIGW_OK;

    if (status != AIGW_OK)
        return status;
    if (!url || !form || !scope)
        return AIGW_E_NOMEM;
    host->buf_printf(url, "%s/", is_set(azure->authority_host) ? azure->authority_host : azure_clouds[cloud].authority);
    put_escaped(azure, url, "", azure->tenant_id);
    host->buf_printf(url, "/oauth2/v2.0/token");
    put_escaped(azure, form, "grant_type=client_credentials&client_id=", azure->client_id);
    put_escaped(azure, form, "&scope=", scope);
    if (way == WAY_SECRET) {
        put_escaped(azure, form, "&client_secret=", azure->client_secret);
    } else {
        put_escaped(azure, form, "&client_assertion_type=", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        put_escaped(azure, form, "&client_assertion=", token);
    }
    ret_http->method = "POST";
    ret_http->headers = headers;
    ret_http->header_count = 1;
    if (host->buf_view(url, &text) != AIGW_OK || host->buf_view(form, &ret_http->body) != AIGW_OK)
        return AIGW_E_NOMEM;
    ret_http->url = text.ptr;
    return AIGW_OK;
}

/* GET from the platform. */
static aigw_status ask_platform(const struct azure *azure, struct aigw_ctx *ctx, enum azure_cloud cloud, enum way way,
                                struct aigw_http_request *ret_http)
{
    const struct aigw_host *host = azure->host;
    struct aigw_buf *url = host->buf_new(ctx, AIGW_LIFE_BUILD, REQUEST_MAX);
    const char *resource = is_set(azure->scope) ? azure->scope : azure_clouds[cloud].resource;
    const char **headers = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *headers);
    aigw_str text, name = wire_str(resource);

    if (!url || !headers)
        return AIGW_E_NOMEM;
    if (wire_has_suffix(name, "/.default")) {
        name.len -= strlen("/.default");
        resource = wire_join(host, ctx, name, AIGW_STR_NONE);
        if (!resource)
            return AIGW_E_NOMEM;
    }
    if (way == WAY_ENDPOINT)
        host->buf_printf(url, "%s?api-version=2019-08-01", azure->identity_endpoint);
    else
        host->buf_printf(url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01", azure->metadata_host);
    put_escaped(azure, url, "&resource=", resource);
    if (is_set(azure->client_id)) /* one of several identities */
        put_escaped(azure, url, "&client_id=", azure->client_id);
    headers[0] = way == WAY_ENDPOINT
                     ? wire_join(host, ctx, AIGW_STR("X-IDENTITY-HEADER: "), wire_str(azure->identity_header))
                     : "Metadata: true";
    if (!headers[0] || host->buf_view(url, &text) != AIGW_OK)
        return AIGW_E_NOMEM;
    ret_http->method = "GET";
    ret_http->url = text.ptr;
    ret_http->headers = headers;
    ret_http->header_count = 1;
    return AIGW_OK;
}

/* ---- what came ---- */

/* A number, be it written as text, as the platform does; -1 when there is none. */
static int64_t number_of(struct reader *r, const struct aigw_json *root, const char *name)
{
    aigw_str text = reader_str(r, root, name);
    char digits[24];

    if (text.len == 0 || text.len >= sizeof digits)
        return reader_int(root, name, -1);
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    return strtoll(digits, NULL, 10);
}

static int64_t life_ms(const struct azure *azure, struct aigw_ctx *ctx, struct reader *r, const struct aigw_json *root)
{
    int64_t in_s = number_of(r, root, "expires_in"), at_s = number_of(r, root, "expires_on");

    if (in_s <= 0 && at_s > 0)
        in_s = at_s - azure->host->time_s(ctx);
    return in_s > 0 && in_s < INT32_MAX ? in_s * 1000 : LIFE_UNKNOWN_MS;
}

/* Of "AADSTS7000215: Invalid client secret …" the number, which says it all to who looks it up. */
static aigw_str number_of_words(aigw_str words)
{
    size_t len = 0;

    while (len < words.len && len < 20 && isalnum((unsigned char)words.ptr[len]))
        len++;
    return wire_has_prefix(words, "AADSTS") ? (aigw_str){ words.ptr, len } : AIGW_STR_NONE;
}

static aigw_status read_refusal(const struct azure *azure, struct aigw_ctx *ctx, struct reader *r,
                                const struct aigw_json *root, int32_t status)
{
    aigw_str code = wire_words(azure->host, ctx, reader_str(r, root, "error")),
             words = wire_words(azure->host, ctx, reader_str(r, root, "error_description")),
             number = number_of_words(words);
    const char *text =
        azure->host->format(ctx, AIGW_LIFE_BUILD, "the answer was %d%s%.*s%s%.*s", (int)status, code.len > 0 ? " " : "",
                            AIGW_STR_ARG(code), number.len > 0 ? " " : "", AIGW_STR_ARG(number));

    return no_access(azure, ctx, AIGW_E_UPSTREAM, text ? text : "out of memory", words);
}

static aigw_status read_token(const struct azure *azure, struct aigw_ctx *ctx, struct aigw_credential_step *step)
{
    struct reader r;
    struct aigw_json root;
    aigw_status status = AIGW_OK;
    aigw_str token;
    char *copy;

    reader_begin(&r, step->body, &root);
    token = reader_str(&r, &root, "access_token");
    if (step->status != 200 || token.len == 0 || !wire_is_header_value(token)) {
        status = read_refusal(azure, ctx, &r, &root, step->status);
        reader_end(&r);
        return status;
    }
    copy = azure->host->alloc(ctx, AIGW_LIFE_BUILD, token.len);
    if (copy) {
        memcpy(copy, token.ptr, token.len);
        step->value = (aigw_str){ copy, token.len };
        step->expires_ms = life_ms(azure, ctx, &r, &root);
        step->is_done = 1;
    }
    reader_end(&r);
    return copy ? AIGW_OK : AIGW_E_NOMEM;
}

aigw_status azure_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct azure *azure = self;
    enum way way = way_of(azure);
    enum azure_cloud cloud = AZURE_PUBLIC;

    (void)memory;
    if (step->step > 0)
        return read_token(azure, ctx, step);
    while (cloud < AZURE_CHINA && strcmp(step->name, azure_clouds[cloud].name) != 0)
        cloud++;
    if (way == WAY_SECRET || way == WAY_WORKLOAD)
        return ask_authority(azure, ctx, cloud, way, step->http);
    return ask_platform(azure, ctx, cloud, way, step->http);
}
