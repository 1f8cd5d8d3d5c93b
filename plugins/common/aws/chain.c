/* chain.c - the steps to keys, as a provider's credential() takes them: each describes one request, and reads the
 * answer to the one before.
 *
 *     start ──keys─────────────────────────────────────────┐
 *       ├──web identity──→ STS ──────────────────────────┐ │
 *       ├──container─────→ keys ─────────────────────────┤ │
 *       └──metadata──────→ token ──→ role ──→ keys ──────┤ │
 *                                                        ↓ ↓
 *                                          assume a role, as many as the plan has ──→ done
 */
#include "aws.h"

#include "../../dialects/common/read.h"
#include "../file/file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN_SECONDS  "21600"
#define FILE_KEYS_MS   300000            /* keys in a file are looked at again */
#define EARLY_MS       ((int64_t)240000) /* with what the core does by itself: five minutes before they expire */
#define WORDS_MAX      200
#define METADATA_PATH  "/latest/meta-data/iam/security-credentials/"
#define CONTAINER_HOST "http://169.254.170.2"

/* What the last request was for. */
enum stage { STAGE_START, STAGE_STS, STAGE_CONTAINER, STAGE_TOKEN, STAGE_ROLE, STAGE_KEYS };

/** Kept from step to step. */
struct way {
    enum stage stage;
    uint32_t role_at; /* roles that were assumed */
    char token[512];  /* of the instance metadata */
};
_Static_assert(sizeof(struct way) <= AWS_CREDENTIAL_MEMORY && AWS_CREDENTIAL_MEMORY <= AIGW_CREDENTIAL_MEMORY,
               "callers keep that much");

/** One step. */
struct walking {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct aws_source *source;
    aigw_str region;
    struct way *way;
    struct aigw_credential_step *step;
    struct aws_plan plan;
};

static bool is_set(const char *text)
{
    return text && text[0];
}

/* What AWS says of tokens is told in words of our own: clients take theirs for words about the token of theirs. */
static const char *words_of(aigw_str code)
{
    static const struct {
        const char *code, *words;
    } rows[] = {
        { "ExpiredTokenException", "the identity that was shown is out of date" },
        { "ExpiredToken", "the AWS session is out of date" },
        { "InvalidIdentityToken",
          "this AWS account does not accept the identity: its issuer or audience is unknown there" },
        { "InvalidClientTokenId", "AWS does not know the access key" },
        { "UnrecognizedClientException", "AWS does not know the access key" },
        { "SignatureDoesNotMatch", "the secret access key is not the access key's, or this machine's clock is wrong" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wire_is(code, rows[i].code))
            return rows[i].words;
    return NULL;
}

static aigw_status refuse(const struct walking *w, const char *who, aigw_str code, aigw_str message)
{
    const char *words = words_of(code);

    if (words) {
        code = AIGW_STR_NONE;
        message = wire_str(words);
    }
    if (message.len > WORDS_MAX)
        message.len = WORDS_MAX;
    return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "%s answered %d%s%.*s%s%.*s", who, (int)w->step->status,
                         code.len > 0 ? " " : "", AIGW_STR_ARG(code), message.len > 0 ? ": " : "",
                         AIGW_STR_ARG(message));
}

/* ---- keys ---- */

bool aws_keys_of(aigw_str value, struct aws_keys *ret_keys)
{
    ret_keys->access_key_id = aws_cut(&value, '\n');
    ret_keys->secret_access_key = aws_cut(&value, '\n');
    ret_keys->session_token = value;
    return ret_keys->access_key_id.len > 0 && ret_keys->secret_access_key.len > 0;
}

static bool is_visible(aigw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= 0x20 || s.ptr[i] > 0x7e)
            return false;
    return true;
}

/* Hand the keys out, or assume the next role with them. expires_s: 0 for keys that last. */
static aigw_status have_keys(struct walking *w, const struct aws_keys *keys, int64_t expires_s)
{
    struct aigw_credential_step *step = w->step;
    int64_t left_ms = (expires_s - w->host->time_s(w->ctx)) * 1000;
    const char *text;

    if (!is_visible(keys->access_key_id) || !is_visible(keys->secret_access_key) || !is_visible(keys->session_token))
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "the AWS keys hold characters that no header may carry");
    if (expires_s > 0 && left_ms <= 0)
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM,
                             "the AWS keys that came have expired already; is this machine's clock right?");
    if (w->way->role_at < w->plan.role_count) {
        const struct aws_role *role = &w->plan.roles[w->way->role_at++];

        w->way->stage = STAGE_STS;
        return aws_sts_assume(w->host, w->ctx, w->source, w->region, role, keys, step->http);
    }
    text = w->host->format(w->ctx, AIGW_LIFE_BUILD, "%.*s\n%.*s\n%.*s", AIGW_STR_ARG(keys->access_key_id),
                           AIGW_STR_ARG(keys->secret_access_key), AIGW_STR_ARG(keys->session_token));
    if (!text)
        return AIGW_E_NOMEM;
    step->value = wire_str(text);
    step->expires_ms = -1;
    if (expires_s > 0)
        step->expires_ms = left_ms > 4 * EARLY_MS ? left_ms - EARLY_MS : left_ms * 3 / 4;
    else if (w->plan.is_from_files)
        step->expires_ms = FILE_KEYS_MS;
    step->is_done = 1;
    return AIGW_OK;
}

/* ---- the token service ---- */

static aigw_status ask_web_identity(struct walking *w)
{
    const char *path = wire_join(w->host, w->ctx, w->plan.token_file, AIGW_STR_NONE);
    aigw_status status;
    aigw_str token;

    if (!path)
        return AIGW_E_NOMEM;
    status = file_text(w->host, w->ctx, "web identity token", path, &token);
    if (status != AIGW_OK)
        return status;
    w->way->stage = STAGE_STS;
    return aws_sts_web_identity(w->host, w->ctx, w->source, w->region, &w->plan.token_role, token, w->step->http);
}

static aigw_status read_sts(struct walking *w)
{
    struct aws_keys keys;
    int64_t expires_s;

    if (w->step->status != 200)
        return refuse(w, "the AWS token service (STS)", aws_xml_text(w->host, w->ctx, w->step->body, "Code"),
                      aws_xml_text(w->host, w->ctx, w->step->body, "Message"));
    if (!aws_sts_read(w->host, w->ctx, w->step->body, &keys, &expires_s))
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "the AWS token service (STS) answered without keys");
    return have_keys(w, &keys, expires_s);
}

/* ---- JSON with keys: containers and instances ---- */

static aigw_status read_object(struct walking *w, const char *who, struct reader *r, const struct aigw_json *root)
{
    aigw_str code = reader_str(r, root, "Code"), message = reader_str(r, root, "Message"),
             expires = reader_str(r, root, "Expiration");
    const struct aws_keys keys = { reader_str(r, root, "AccessKeyId"), reader_str(r, root, "SecretAccessKey"),
                                   reader_str(r, root, "Token") };
    int64_t expires_s = expires.len > 0 ? aws_read_time(expires) : 0;

    if (code.len == 0)
        code = reader_str(r, root, "code");
    if (message.len == 0)
        message = reader_str(r, root, "message");
    if (w->step->status != 200 || (code.len > 0 && !wire_is(code, "Success")))
        return refuse(w, who, code, message);
    if (keys.access_key_id.len == 0 || keys.secret_access_key.len == 0 || expires_s < 0)
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "%s answered without keys", who);
    return have_keys(w, &keys, expires_s);
}

static aigw_status read_keys(struct walking *w, const char *who)
{
    struct aigw_json root;
    struct reader r;
    aigw_status status;

    reader_begin(&r, w->step->body, &root);
    status = read_object(w, who, &r, &root);
    reader_end(&r);
    return status;
}

static aigw_status describe(struct walking *w, const char *method, const char *url, const char *header)
{
    const char **lines = w->host->alloc(w->ctx, AIGW_LIFE_BUILD, sizeof *lines);

    if (!lines || !url)
        return AIGW_E_NOMEM;
    lines[0] = header;
    w->step->http->method = method;
    w->step->http->url = url;
    w->step->http->headers = lines;
    w->step->http->header_count = header ? 1 : 0;
    return AIGW_OK;
}

/* ---- containers ---- */

/* The keys of whoever asks are handed out there: over plain HTTP only where nobody else listens. */
static bool may_ask_for_keys(aigw_str url)
{
    static const char *const hosts[] = { "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]" };
    aigw_str host;

    if (wire_has_prefix(url, "https://"))
        return true;
    if (!wire_has_prefix(url, "http://"))
        return false;
    host = (aigw_str){ url.ptr + 7, strcspn(url.ptr + 7, "/?#") };
    if (memchr(host.ptr, '@', host.len))
        return false;
    if (host.len > 0 && host.ptr[0] == '[') {
        host.len = strcspn(host.ptr, "]") + 1;
    } else {
        host.len = strcspn(host.ptr, ":/?#");
    }
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (wire_is(host, hosts[i]))
            return true;
    if (!wire_has_prefix(host, "127."))
        return false;
    for (size_t i = 0; i < host.len; i++) /* an address, not the name 127.example.com */
        if (host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9'))
            return false;
    return true;
}

static aigw_status ask_container(struct walking *w)
{
    const struct aws_source *source = w->source;
    const char *url = source->container_full_uri, *header = NULL;
    aigw_str token = wire_str(source->container_token);
    aigw_status status = AIGW_OK;

    if (is_set(source->container_relative_uri))
        url = w->host->format(w->ctx, AIGW_LIFE_BUILD, CONTAINER_HOST "%s%s",
                              source->container_relative_uri[0] == '/' ? "" : "/", source->container_relative_uri);
    if (!is_set(url))
        return w->host->fail(w->ctx, AIGW_E_CONFIG,
                             "the container hands out no AWS keys: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and "
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI are not set");
    if (!may_ask_for_keys(wire_str(url)))
        return w->host->fail(w->ctx, AIGW_E_CONFIG,
                             "container_full_uri: must be https, or http at a loopback address, 169.254.170.2 or "
                             "169.254.170.23; another place could read the keys");
    if (is_set(source->container_token_file))
        status = file_text(w->host, w->ctx, "container_token_file", source->container_token_file, &token);
    if (status != AIGW_OK)
        return status;
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] < 0x20 || token.ptr[i] > 0x7e)
            return w->host->fail(w->ctx, AIGW_E_CONFIG, "the container's authorization cannot stand in a header");
    if (token.len > 0) {
        header = w->host->format(w->ctx, AIGW_LIFE_BUILD, "Authorization: %.*s", AIGW_STR_ARG(token));
        if (!header)
            return AIGW_E_NOMEM;
    }
    w->way->stage = STAGE_CONTAINER;
    return describe(w, "GET", url, header);
}

/* ---- instance metadata, version 2 ---- */

static aigw_status ask_token(struct walking *w)
{
    w->way->stage = STAGE_TOKEN;
    return describe(w, "PUT",
                    w->host->format(w->ctx, AIGW_LIFE_BUILD, "%s/latest/api/token", w->source->metadata_endpoint),
                    "X-aws-ec2-metadata-token-ttl-seconds: " TOKEN_SECONDS);
}

static aigw_status ask_metadata(struct walking *w, enum stage stage, aigw_str role)
{
    const char *header = w->host->format(w->ctx, AIGW_LIFE_BUILD, "X-aws-ec2-metadata-token: %s", w->way->token);

    if (!header)
        return AIGW_E_NOMEM;
    w->way->stage = stage;
    return describe(w, "GET",
                    w->host->format(w->ctx, AIGW_LIFE_BUILD, "%s" METADATA_PATH "%.*s", w->source->metadata_endpoint,
                                    AIGW_STR_ARG(role)),
                    header);
}

static aigw_status read_token(struct walking *w)
{
    aigw_str token = w->step->body;

    if (w->step->status != 200 || token.len == 0 || token.len >= sizeof w->way->token || !is_visible(token))
        return refuse(w, "the AWS instance metadata", AIGW_STR_NONE, AIGW_STR("no token; version 2 is required"));
    memcpy(w->way->token, token.ptr, token.len);
    w->way->token[token.len] = '\0';
    return ask_metadata(w, STAGE_ROLE, AIGW_STR_NONE);
}

static aigw_status read_role(struct walking *w)
{
    aigw_str rest = w->step->body, role = aws_cut(&rest, '\n');

    while (role.len > 0 && role.ptr[role.len - 1] == '\r')
        role.len--;
    if (w->step->status == 404 || (w->step->status == 200 && role.len == 0))
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM,
                             "the AWS instance metadata has no role: attach an instance profile to the instance");
    if (w->step->status != 200 || role.len > 128 || !is_visible(role) || memchr(role.ptr, '/', role.len))
        return refuse(w, "the AWS instance metadata", AIGW_STR_NONE, AIGW_STR("no name of a role"));
    return ask_metadata(w, STAGE_KEYS, role);
}

/* ---- the steps ---- */

static aigw_status begin(struct walking *w)
{
    switch (w->plan.origin) {
    case AWS_FROM_WEB_IDENTITY:
        return ask_web_identity(w);
    case AWS_FROM_CONTAINER:
        return ask_container(w);
    case AWS_FROM_METADATA:
        return ask_token(w);
    default:
        return have_keys(w, &w->plan.keys, 0);
    }
}

aigw_status aws_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                           aigw_str region, void *memory, struct aigw_credential_step *step)
{
    struct walking w = { .host = host, .ctx = ctx, .source = source, .region = region, .way = memory, .step = step };
    aigw_status status = aws_make_plan(host, ctx, source, &w.plan);

    if (status == AIGW_E_NOT_FOUND)
        return host->fail(ctx, AIGW_E_CONFIG, "%s", w.plan.problem ? w.plan.problem : "no AWS credentials");
    if (status != AIGW_OK)
        return status;
    switch (w.way->stage) {
    case STAGE_START:
        return begin(&w);
    case STAGE_STS:
        return read_sts(&w);
    case STAGE_CONTAINER:
        return read_keys(&w, "the container's source of AWS keys");
    case STAGE_TOKEN:
        return read_token(&w);
    case STAGE_ROLE:
        return read_role(&w);
    default:
        return read_keys(&w, "the AWS instance metadata");
    }
}
