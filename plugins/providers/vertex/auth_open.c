/* auth_open.c - reading Google's credential files. Their kinds ("type"): service_account, authorized_user,
 * external_account, impersonated_service_account. */
#include "auth.h"

#include "../../dialects/common/read.h"
#include "file.h"
#include "jwt.h"

#include <string.h>

#define HEADERS_MAX 8u

/** A file being read. */
struct auth_file {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const char *name; /* for messages: the file's path, or the setting */
    struct reader reader;
};

static aigw_status refuse(const struct auth_file *file, const char *what)
{
    return file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: %s", file->name, what);
}

/* A member's text for as long as the instance lives; NULL when it is not there. */
static const char *keep(struct auth_file *file, const struct aigw_json *object, const char *name)
{
    aigw_str text = reader_str(&file->reader, object, name);

    return text.len > 0 ? file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(text)) : NULL;
}

/* The same for one that must be there. */
static aigw_status need(struct auth_file *file, const struct aigw_json *object, const char *name, const char **ret)
{
    *ret = keep(file, object, name);
    return *ret ? AIGW_OK
                : file->host->fail(file->ctx, AIGW_E_CONFIG,
                                   "%s: has no \"%s\"; expected a credential file as Google Cloud writes it",
                                   file->name, name);
}

static aigw_status need_url(struct auth_file *file, const struct aigw_json *object, const char *name, const char **ret)
{
    aigw_status status = need(file, object, name, ret);

    if (status == AIGW_OK && !wire_has_prefix(wire_str(*ret), "https://") &&
        !wire_has_prefix(wire_str(*ret), "http://"))
        status = file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: \"%s\" is no http or https URL", file->name, name);
    return status;
}

static void free_key(void *key)
{
    gnutls_privkey_deinit(key);
}

static aigw_status read_service_account(struct auth_file *file, const struct aigw_json *root, struct auth *auth)
{
    aigw_str pem = reader_str(&file->reader, root, "private_key");
    const char *why;
    aigw_status status = need(file, root, "client_email", &auth->email);

    if (status == AIGW_OK && pem.len == 0)
        return refuse(file, "has no \"private_key\"; make a new key of the service account in JSON form");
    auth->key_id = keep(file, root, "private_key_id");
    auth->project = keep(file, root, "project_id");
    auth->token_url = "https://oauth2.googleapis.com/token";
    if (status == AIGW_OK && reader_str(&file->reader, root, "token_uri").len > 0)
        status = need_url(file, root, "token_uri", &auth->token_url);
    if (status != AIGW_OK)
        return status;
    auth->key = jwt_key(pem, &why);
    if (!auth->key)
        return file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: its \"private_key\" cannot be used: %s", file->name,
                                why);
    return file->host->defer(file->ctx, AIGW_LIFE_REQUEST, free_key, auth->key);
}

static aigw_status read_user(struct auth_file *file, const struct aigw_json *root, struct auth *auth)
{
    aigw_status status = need(file, root, "client_id", &auth->client_id);

    if (status == AIGW_OK)
        status = need(file, root, "client_secret", &auth->client_secret);
    if (status == AIGW_OK)
        status = need(file, root, "refresh_token", &auth->refresh_token);
    auth->token_url = "https://oauth2.googleapis.com/token";
    if (status == AIGW_OK && reader_str(&file->reader, root, "token_uri").len > 0)
        status = need_url(file, root, "token_uri", &auth->token_url);
    return status;
}

/* {"Name": "value"} as header lines. */
static aigw_status read_headers(struct auth_file *file, const struct aigw_json *object, struct auth *auth)
{
    const char **lines = file->host->alloc(file->ctx, AIGW_LIFE_REQUEST, HEADERS_MAX * sizeof *lines);
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    if (!lines)
        return AIGW_E_NOMEM;
    auth->source_headers = lines;
    while (aigw_json_next(&walk, &key, &value)) {
        aigw_str name = reader_text(&file->reader, &key), text = reader_text(&file->reader, &value);

        if (auth->source_header_count == HEADERS_MAX)
            return refuse(file, "names more than 8 headers for its token");
        if (name.len == 0 || !wire_is_header_value(name) || !wire_is_header_value(text))
            return refuse(file, "names a header for its token that no request may carry");
        lines[auth->source_header_count] =
            file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%.*s: %.*s", AIGW_STR_ARG(name), AIGW_STR_ARG(text));
        if (!lines[auth->source_header_count++])
            return AIGW_E_NOMEM;
    }
    return AIGW_OK;
}

static aigw_status read_external(struct auth_file *file, const struct aigw_json *root, struct auth *auth)
{
    struct aigw_json source, format, headers;
    aigw_status status = need(file, root, "audience", &auth->audience);

    if (status == AIGW_OK)
        status = need(file, root, "subject_token_type", &auth->subject_type);
    if (status == AIGW_OK)
        status = need_url(file, root, "token_url", &auth->token_url);
    if (status == AIGW_OK && reader_str(&file->reader, root, "service_account_impersonation_url").len > 0)
        status = need_url(file, root, "service_account_impersonation_url", &auth->impersonation_url);
    if (status != AIGW_OK)
        return status;
    aigw_json_member(root, "credential_source", &source);
    aigw_json_member(&source, "format", &format);
    aigw_json_member(&source, "headers", &headers);
    auth->source_file = keep(file, &source, "file");
    if (wire_is(reader_str(&file->reader, &format, "type"), "json"))
        status = need(file, &format, "subject_token_field_name", &auth->source_field);
    if (!auth->source_file && keep(file, &source, "environment_id"))
        return refuse(file, "takes its token from an AWS environment, which is not supported; use a file or a URL");
    if (!auth->source_file && status == AIGW_OK && reader_str(&file->reader, &source, "url").len == 0)
        return refuse(file, "has no \"credential_source\" with a file or a URL");
    if (!auth->source_file && status == AIGW_OK)
        status = need_url(file, &source, "url", &auth->source_url);
    return status == AIGW_OK ? read_headers(file, &headers, auth) : status;
}

static aigw_status read_kind(struct auth_file *file, const struct aigw_json *root, struct auth *auth, bool is_source)
{
    aigw_str type = reader_str(&file->reader, root, "type");
    struct aigw_json source;
    aigw_status status;

    if (wire_is(type, "service_account")) {
        auth->kind = AUTH_SERVICE_ACCOUNT;
        return read_service_account(file, root, auth);
    }
    if (wire_is(type, "authorized_user")) {
        auth->kind = AUTH_USER;
        return read_user(file, root, auth);
    }
    if (wire_is(type, "external_account")) {
        auth->kind = AUTH_EXTERNAL;
        return read_external(file, root, auth);
    }
    if (wire_is(type, "impersonated_service_account") && !is_source) {
        status = need_url(file, root, "service_account_impersonation_url", &auth->impersonation_url);
        if (status == AIGW_OK && !reader_member(root, "source_credentials", AIGW_JSON_OBJECT, &source))
            return refuse(file, "has no \"source_credentials\"");
        return status == AIGW_OK ? read_kind(file, &source, auth, true) : status;
    }
    return file->host->fail(file->ctx, AIGW_E_CONFIG,
                            "%s: its \"type\" is \"%.*s\", expected service_account, authorized_user, external_account "
                            "or impersonated_service_account",
                            file->name, (int)(type.len < 60 ? type.len : 60), type.ptr ? type.ptr : "");
}

static aigw_status read_text(struct auth_file *file, aigw_str text, struct auth *auth)
{
    struct aigw_json_error error;
    struct aigw_json root;
    size_t line, column;
    aigw_status status;

    reader_open(&file->reader);
    if (aigw_json_check(text, 0, &root, &error) != AIGW_OK) {
        aigw_json_where(text, error.offset, &line, &column);
        status = file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: is not JSON: %s in line %zu, column %zu", file->name,
                                  error.reason, line, column);
    } else if (root.type != AIGW_JSON_OBJECT) {
        status = refuse(file, "is not a JSON object; expected a credential file as Google Cloud writes it");
    } else {
        status = read_kind(file, &root, auth, false);
        auth->quota_project = keep(file, &root, "quota_project_id");
        if (status == AIGW_OK && file->reader.is_short)
            status = AIGW_E_NOMEM;
    }
    reader_end(&file->reader);
    return status;
}

aigw_status auth_open(const struct aigw_host *host, struct aigw_ctx *ctx, struct auth *auth, const char *text,
                      const char *file_name)
{
    struct auth_file file = { .host = host, .ctx = ctx, .name = "credentials_json" };
    const char *why;
    aigw_status status;
    char *bytes;
    size_t len;

    auth->kind = AUTH_METADATA;
    if (text && text[0])
        return read_text(&file, wire_str(text), auth);
    if (!file_name || !file_name[0])
        return AIGW_OK;
    bytes = file_read(file_name, &len, &why);
    if (!bytes)
        return host->fail(ctx, AIGW_E_CONFIG, "credentials_file: cannot read \"%s\": %s", file_name, why);
    file.name = host->format(ctx, AIGW_LIFE_REQUEST, "credentials_file: \"%s\"", file_name);
    status = file.name ? read_text(&file, (aigw_str){ bytes, len }, auth) : AIGW_E_NOMEM;
    file_free(bytes, len);
    return status;
}
