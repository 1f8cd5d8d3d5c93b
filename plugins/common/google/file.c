/* file.c - reading Google's credential files. Their kinds ("type"): service_account, authorized_user,
 * external_account, impersonated_service_account. */
#include "google.h"

#include "../../dialects/common/read.h"
#include "../file/file.h"
#include "../oauth/jwt.h"

#include <string.h>

#define HEADERS_MAX 8u
#define TOKEN_URL   "https://oauth2.googleapis.com/token"

/** A file being read. */
struct google_file {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const char *name; /* for messages: the file's path, or the setting */
    struct reader reader;
};

static aigw_status refuse(const struct google_file *file, const char *what)
{
    return file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: %s", file->name, what);
}

/* A member's text for as long as the instance lives; NULL when it is not there. */
static const char *keep(struct google_file *file, const struct aigw_json *object, const char *name)
{
    aigw_str text = reader_str(&file->reader, object, name);

    return text.len > 0 ? file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(text)) : NULL;
}

/* The same for one that must be there. */
static aigw_status need(struct google_file *file, const struct aigw_json *object, const char *name, const char **ret)
{
    *ret = keep(file, object, name);
    return *ret ? AIGW_OK
                : file->host->fail(file->ctx, AIGW_E_CONFIG,
                                   "%s: has no \"%s\"; expected a credential file as Google Cloud writes it",
                                   file->name, name);
}

static aigw_status need_url(struct google_file *file, const struct aigw_json *object, const char *name,
                            const char **ret)
{
    aigw_status status = need(file, object, name, ret);

    if (status == AIGW_OK && !wire_has_prefix(wire_str(*ret), "https://") &&
        !wire_has_prefix(wire_str(*ret), "http://"))
        status = file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: \"%s\" is no http or https URL", file->name, name);
    return status;
}

/* The same for one that may be missing. */
static aigw_status take_url(struct google_file *file, const struct aigw_json *object, const char *name,
                            const char **ret)
{
    return reader_str(&file->reader, object, name).len > 0 ? need_url(file, object, name, ret) : AIGW_OK;
}

static void free_key(void *key)
{
    gnutls_privkey_deinit(key);
}

static aigw_status read_service_account(struct google_file *file, const struct aigw_json *root, struct google *google)
{
    aigw_str pem = reader_str(&file->reader, root, "private_key");
    const char *why;
    aigw_status status = need(file, root, "client_email", &google->email);

    if (status == AIGW_OK && pem.len == 0)
        return refuse(file, "has no \"private_key\"; make a new key of the service account in JSON form");
    google->key_id = keep(file, root, "private_key_id");
    google->project = keep(file, root, "project_id");
    google->token_url = TOKEN_URL;
    if (status == AIGW_OK)
        status = take_url(file, root, "token_uri", &google->token_url);
    if (status != AIGW_OK)
        return status;
    google->key = jwt_key(pem, &why);
    if (!google->key)
        return file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: its \"private_key\" cannot be used: %s", file->name,
                                why);
    return file->host->defer(file->ctx, AIGW_LIFE_REQUEST, free_key, google->key);
}

static aigw_status read_user(struct google_file *file, const struct aigw_json *root, struct google *google)
{
    aigw_status status = need(file, root, "client_id", &google->client_id);

    if (status == AIGW_OK)
        status = need(file, root, "client_secret", &google->client_secret);
    if (status == AIGW_OK)
        status = need(file, root, "refresh_token", &google->refresh_token);
    google->token_url = TOKEN_URL;
    if (status == AIGW_OK)
        status = take_url(file, root, "token_uri", &google->token_url);
    return status;
}

/* {"Name": "value"} as header lines. */
static aigw_status read_headers(struct google_file *file, const struct aigw_json *object, struct google *google)
{
    const char **lines = file->host->alloc(file->ctx, AIGW_LIFE_REQUEST, HEADERS_MAX * sizeof *lines);
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    if (!lines)
        return AIGW_E_NOMEM;
    google->source_headers = lines;
    while (aigw_json_next(&walk, &key, &value)) {
        aigw_str name = reader_text(&file->reader, &key), text = reader_text(&file->reader, &value);

        if (google->source_header_count == HEADERS_MAX)
            return refuse(file, "names more than 8 headers for its token");
        if (name.len == 0 || !wire_is_header_value(name) || !wire_is_header_value(text))
            return refuse(file, "names a header for its token that no request may carry");
        lines[google->source_header_count] =
            file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%.*s: %.*s", AIGW_STR_ARG(name), AIGW_STR_ARG(text));
        if (!lines[google->source_header_count++])
            return AIGW_E_NOMEM;
    }
    return AIGW_OK;
}

/* {"environment_id": "aws1", "regional_cred_verification_url": …, "region_url": …, "url": …,
 *  "imdsv2_session_token_url": …}: keys and region come as to all programs on AWS; the metadata server's place is where
 *  the last three say. */
static aigw_status read_aws(struct google_file *file, const struct aigw_json *source, struct google *google)
{
    aigw_str id = reader_str(&file->reader, source, "environment_id");
    const char *keys_url = NULL, *place;
    aigw_status status;

    if (!wire_is(id, "aws1"))
        return file->host->fail(file->ctx, AIGW_E_CONFIG,
                                "%s: its \"environment_id\" is \"%.*s\", expected aws1: other sources of tokens need a "
                                "newer version of the gateway",
                                file->name, (int)(id.len < 60 ? id.len : 60), id.ptr);
    status = need_url(file, source, "regional_cred_verification_url", &google->verify_url);
    if (status == AIGW_OK)
        status = take_url(file, source, "region_url", &google->region_url);
    if (status == AIGW_OK)
        status = take_url(file, source, "url", &keys_url);
    if (status == AIGW_OK)
        status = take_url(file, source, "imdsv2_session_token_url", &google->session_url);
    if (status != AIGW_OK)
        return status;
    if (!keys_url) {
        google->aws.metadata_disabled = 1;
        return AIGW_OK;
    }
    place = strstr(keys_url, "://") + 3;
    google->aws.metadata_endpoint = file->host->format(
        file->ctx, AIGW_LIFE_REQUEST, "%.*s", (int)((size_t)(place - keys_url) + strcspn(place, "/?#")), keys_url);
    return google->aws.metadata_endpoint ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status read_external(struct google_file *file, const struct aigw_json *root, struct google *google)
{
    struct aigw_json source, format, headers;
    aigw_status status = need(file, root, "audience", &google->audience);

    if (status == AIGW_OK)
        status = need(file, root, "subject_token_type", &google->subject_type);
    if (status == AIGW_OK)
        status = need_url(file, root, "token_url", &google->token_url);
    if (status == AIGW_OK)
        status = take_url(file, root, "service_account_impersonation_url", &google->impersonation_url);
    if (status != AIGW_OK)
        return status;
    aigw_json_member(root, "credential_source", &source);
    aigw_json_member(&source, "format", &format);
    aigw_json_member(&source, "headers", &headers);
    if (reader_str(&file->reader, &source, "environment_id").len > 0)
        return read_aws(file, &source, google);
    google->source_file = keep(file, &source, "file");
    if (wire_is(reader_str(&file->reader, &format, "type"), "json"))
        status = need(file, &format, "subject_token_field_name", &google->source_field);
    if (!google->source_file && status == AIGW_OK && reader_str(&file->reader, &source, "url").len == 0)
        return refuse(file, "has no \"credential_source\" with a file or a URL");
    if (!google->source_file && status == AIGW_OK)
        status = need_url(file, &source, "url", &google->source_url);
    return status == AIGW_OK ? read_headers(file, &headers, google) : status;
}

static aigw_status read_kind(struct google_file *file, const struct aigw_json *root, struct google *google,
                             bool is_source)
{
    aigw_str type = reader_str(&file->reader, root, "type");
    struct aigw_json source;
    aigw_status status;

    if (wire_is(type, "service_account")) {
        google->kind = GOOGLE_SERVICE_ACCOUNT;
        return read_service_account(file, root, google);
    }
    if (wire_is(type, "authorized_user")) {
        google->kind = GOOGLE_USER;
        return read_user(file, root, google);
    }
    if (wire_is(type, "external_account")) {
        google->kind = GOOGLE_EXTERNAL;
        return read_external(file, root, google);
    }
    if (wire_is(type, "impersonated_service_account") && !is_source) {
        status = need_url(file, root, "service_account_impersonation_url", &google->impersonation_url);
        if (status == AIGW_OK && !reader_member(root, "source_credentials", AIGW_JSON_OBJECT, &source))
            return refuse(file, "has no \"source_credentials\"");
        return status == AIGW_OK ? read_kind(file, &source, google, true) : status;
    }
    return file->host->fail(file->ctx, AIGW_E_CONFIG,
                            "%s: its \"type\" is \"%.*s\", expected service_account, authorized_user, external_account "
                            "or impersonated_service_account",
                            file->name, (int)(type.len < 60 ? type.len : 60), type.ptr ? type.ptr : "");
}

static aigw_status read_text(struct google_file *file, aigw_str text, struct google *google)
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
        status = read_kind(file, &root, google, false);
        google->quota_project = keep(file, &root, "quota_project_id");
        if (status == AIGW_OK && file->reader.is_short)
            status = AIGW_E_NOMEM;
    }
    reader_end(&file->reader);
    return status;
}

static aigw_status read_path(struct google_file *file, const char *setting, const char *path, struct google *google)
{
    const char *why;
    size_t len;
    char *bytes = file_read(path, &len, &why);
    aigw_status status;

    if (!bytes)
        return file->host->fail(file->ctx, AIGW_E_CONFIG, "%s: cannot read \"%s\": %s", setting, path, why);
    file->name = file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%s: \"%s\"", setting, path);
    status = file->name ? read_text(file, (aigw_str){ bytes, len }, google) : AIGW_E_NOMEM;
    file_free(bytes, len);
    return status;
}

/* The variable is there for all programs of the machine: what is wrong with its file stops nobody who uses no model of
 * Google's. */
static aigw_status read_shared(struct google_file *file, struct google *google)
{
    aigw_status status = read_path(file, "application_credentials", google->application_credentials, google);

    if (status != AIGW_E_CONFIG)
        return status;
    google->kind = GOOGLE_NOBODY;
    google->problem = file->host->format(file->ctx, AIGW_LIFE_REQUEST, "%s", file->host->last_error(file->ctx));
    if (!google->problem)
        return AIGW_E_NOMEM;
    file->host->log(file->ctx, AIGW_LOG_WARNING,
                    "%s; calls through this provider will fail: mend the file, or unset GOOGLE_APPLICATION_CREDENTIALS",
                    google->problem);
    return AIGW_OK;
}

aigw_status google_open(const struct aigw_host *host, struct aigw_ctx *ctx, struct google *google)
{
    struct google_file file = { .host = host, .ctx = ctx, .name = "credentials_json" };

    google->kind = GOOGLE_METADATA;
    if (google->credentials_json && google->credentials_json[0])
        return read_text(&file, wire_str(google->credentials_json), google);
    if (google->credentials_file && google->credentials_file[0])
        return read_path(&file, "credentials_file", google->credentials_file, google);
    if (google->application_credentials && google->application_credentials[0])
        return read_shared(&file, google);
    return AIGW_OK;
}
