/* step.c - from a credential to an access token, one request after the other:
 *
 *     START ──→ SUBJECT ─────────────┬→ TOKEN ──→ IMPERSONATION ──→ done
 *       │                            │  ↑ │                          ↑
 *       ├─ (AWS_SESSION → AWS_REGION →) AWS_KEYS                     │
 *       ├───────────────────────────────┘ └──────────────────────────┤
 *       └──→ PROJECT ────────────────────────────────────────────────┘
 *
 * SUBJECT and the three of AWS get another provider's token where that is not in a file; IMPERSONATION follows where
 * the token is to be somebody else's. Each is a request that is under way; its answer decides what comes next. */
#include "google.h"

#include "../file/file.h"
#include "../oauth/jwt.h"

#include <string.h>

#define SCOPE     "https://www.googleapis.com/auth/cloud-platform"
#define LIFE_S    3600
#define CLAIM_MAX ((size_t)128 * 1024)

static aigw_status post(struct google_try *t, struct aigw_buf *form)
{
    t->memory->stage = GOOGLE_AT_TOKEN;
    return oauth_post(&t->o, t->google->token_url, form);
}

static aigw_status ask_metadata(struct google_try *t, enum google_stage stage, const char *path)
{
    static const char *const headers[] = { "Metadata-Flavor: Google" };

    t->memory->stage = stage;
    return oauth_get(
        &t->o,
        t->o.host->format(t->o.ctx, AIGW_LIFE_BUILD, "http://%s/computeMetadata/v1/%s", t->google->metadata_host, path),
        headers, 1);
}

/* A claim that we are who the key belongs to. */
static aigw_status ask_with_key(struct google_try *t)
{
    const struct aigw_host *host = t->o.host;
    struct aigw_buf *header = host->buf_new(t->o.ctx, AIGW_LIFE_BUILD, CLAIM_MAX);
    struct aigw_buf *claims = host->buf_new(t->o.ctx, AIGW_LIFE_BUILD, CLAIM_MAX);
    struct aigw_buf *form = oauth_form(&t->o, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    long long now = (long long)host->time_s(t->o.ctx);
    aigw_str head, body, token;
    char *room;

    if (!header || !claims)
        return AIGW_E_NOMEM;
    host->buf_printf(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (t->google->key_id) {
        host->buf_printf(header, ",\"kid\":");
        host->buf_json(header, wire_str(t->google->key_id));
    }
    host->buf_printf(header, "}");
    host->buf_printf(claims, "{\"iss\":");
    host->buf_json(claims, wire_str(t->google->email));
    host->buf_printf(claims, ",\"scope\":\"" SCOPE "\",\"aud\":");
    host->buf_json(claims, wire_str(t->google->token_url));
    host->buf_printf(claims, ",\"iat\":%lld,\"exp\":%lld}", now, now + LIFE_S);
    if (host->buf_view(header, &head) != AIGW_OK || host->buf_view(claims, &body) != AIGW_OK)
        return AIGW_E_NOMEM;
    room = host->alloc(t->o.ctx, AIGW_LIFE_BUILD, jwt_room(head, body));
    if (!room)
        return AIGW_E_NOMEM;
    token = jwt_sign(t->google->key, head, body, room);
    if (token.len == 0)
        return host->fail(t->o.ctx, AIGW_E_CONFIG, "the service account's key cannot sign");
    oauth_field(&t->o, form, "assertion", token);
    return post(t, form);
}

static aigw_status ask_with_refresh_token(struct google_try *t)
{
    struct aigw_buf *form = oauth_form(&t->o, "refresh_token");

    oauth_field(&t->o, form, "client_id", wire_str(t->google->client_id));
    oauth_field(&t->o, form, "client_secret", wire_str(t->google->client_secret));
    oauth_field(&t->o, form, "refresh_token", wire_str(t->google->refresh_token));
    return post(t, form);
}

/* ---- another provider's token ---- */

aigw_status google_exchange(struct google_try *t, aigw_str subject)
{
    struct aigw_buf *form = oauth_form(&t->o, "urn:ietf:params:oauth:grant-type:token-exchange");

    oauth_field(&t->o, form, "audience", wire_str(t->google->audience));
    oauth_field(&t->o, form, "scope", AIGW_STR(SCOPE));
    oauth_field(&t->o, form, "requested_token_type", AIGW_STR("urn:ietf:params:oauth:token-type:access_token"));
    oauth_field(&t->o, form, "subject_token_type", wire_str(t->google->subject_type));
    oauth_field(&t->o, form, "subject_token", subject);
    return post(t, form);
}

/* `bytes`: what its file or URL holds. */
static aigw_status exchange_bytes(struct google_try *t, aigw_str bytes)
{
    const char *field = t->google->source_field;
    aigw_str subject = field ? oauth_member(&t->o, bytes, field) : wire_trim_end(bytes);

    if (subject.len == 0)
        return t->o.host->fail(t->o.ctx, AIGW_E_UPSTREAM,
                               "the source of the token that is to be exchanged has none (%s)",
                               t->google->source_file ? t->google->source_file : t->google->source_url);
    return google_exchange(t, subject);
}

static aigw_status ask_for_subject(struct google_try *t)
{
    aigw_status status;
    aigw_str bytes;

    if (t->google->verify_url)
        return google_ask_aws(t);
    if (t->google->source_file) { /* small, local, and replaced now and then: read each time */
        status = file_text(t->o.host, t->o.ctx, "the token that is to be exchanged", t->google->source_file, &bytes);
        return status == AIGW_OK ? exchange_bytes(t, bytes) : status;
    }
    t->memory->stage = GOOGLE_AT_SUBJECT;
    return oauth_get(&t->o, t->google->source_url, t->google->source_headers, t->google->source_header_count);
}

/* ---- the steps ---- */

static aigw_status begin(struct google_try *t)
{
    if (strcmp(t->o.step->name, GOOGLE_PROJECT) == 0)
        return ask_metadata(t, GOOGLE_AT_PROJECT, "project/project-id");
    switch (t->google->kind) {
    case GOOGLE_SERVICE_ACCOUNT:
        return ask_with_key(t);
    case GOOGLE_USER:
        return ask_with_refresh_token(t);
    case GOOGLE_EXTERNAL:
        return ask_for_subject(t);
    default:
        return ask_metadata(t, GOOGLE_AT_TOKEN, "instance/service-accounts/default/token");
    }
}

static aigw_status refused(struct google_try *t)
{
    enum google_stage stage = t->memory->stage;
    aigw_str code, words;

    oauth_refusal(&t->o, &code, &words);
    return t->o.host->fail(t->o.ctx, AIGW_E_UPSTREAM, "%s answered %d%s%.*s%s%.*s",
                           stage == GOOGLE_AT_IMPERSONATION ? "the server that impersonates service accounts"
                           : stage == GOOGLE_AT_SUBJECT     ? "the source of the token that is to be exchanged"
                           : stage == GOOGLE_AT_AWS_SESSION || stage == GOOGLE_AT_AWS_REGION
                               ? "the AWS instance metadata"
                           : t->google->kind == GOOGLE_METADATA ? "the metadata server"
                                                                : "Google's token server",
                           (int)t->o.step->status, code.len > 0 ? ": " : "", AIGW_STR_ARG(code),
                           words.len > 0 ? ": " : "", AIGW_STR_ARG(words));
}

static aigw_status on_token(struct google_try *t, const char *member)
{
    aigw_str token;
    aigw_status status = oauth_token(&t->o, member, &token);

    if (status != AIGW_OK)
        return status;
    if (t->memory->stage == GOOGLE_AT_TOKEN && t->google->impersonation_url) {
        t->memory->stage = GOOGLE_AT_IMPERSONATION;
        return oauth_post_json(&t->o, t->google->impersonation_url, token,
                               AIGW_STR("{\"scope\":[\"" SCOPE "\"],\"lifetime\":\"3600s\"}"));
    }
    return oauth_done(&t->o, token, oauth_life_ms(&t->o, (int64_t)LIFE_S * 1000));
}

static aigw_status on_project(struct google_try *t)
{
    aigw_str project = wire_trim_end(t->o.step->body);

    if (project.len == 0 || !wire_is_header_value(project))
        return t->o.host->fail(t->o.ctx, AIGW_E_UPSTREAM, "the metadata server does not know a project");
    return oauth_done(&t->o, project, -1);
}

aigw_status google_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                              void *memory, struct aigw_credential_step *step)
{
    struct google_try t = { { host, ctx, step }, google, memory };

    if (t.memory->stage == GOOGLE_AT_START)
        return begin(&t);
    if (t.memory->stage == GOOGLE_AT_AWS_KEYS) /* which has words of its own for a refusal */
        return google_read_aws(&t);
    if (!oauth_is_good(&t.o))
        return refused(&t);
    switch (t.memory->stage) {
    case GOOGLE_AT_SUBJECT:
        return exchange_bytes(&t, step->body);
    case GOOGLE_AT_AWS_SESSION:
    case GOOGLE_AT_AWS_REGION:
        return google_read_aws(&t);
    case GOOGLE_AT_TOKEN:
        return on_token(&t, "access_token");
    case GOOGLE_AT_IMPERSONATION:
        return on_token(&t, "accessToken");
    default:
        return on_project(&t);
    }
}

/* ---- what a provider asks for ---- */

/* A file that is of no use, said in open() already, is not made up for by whoever the machine is. */
static aigw_status check_identity(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google)
{
    if (google->kind != GOOGLE_NOBODY)
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_CONFIG, "there is no identity to show to Google: %s", google->problem);
}

aigw_status google_token(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                         aigw_str *ret_token)
{
    aigw_status status = check_identity(host, ctx, google);

    return status == AIGW_OK ? host->credential(ctx, GOOGLE_TOKEN, ret_token) : status;
}

aigw_status google_project(const struct aigw_host *host, struct aigw_ctx *ctx, const struct google *google,
                           const char *configured, aigw_str *ret_project)
{
    aigw_status status = check_identity(host, ctx, google);

    *ret_project = wire_str(configured && configured[0] ? configured : google->project);
    if (status != AIGW_OK || ret_project->len > 0)
        return status;
    if (google->kind == GOOGLE_METADATA)
        return host->credential(ctx, GOOGLE_PROJECT, ret_project);
    return host->fail(ctx, AIGW_E_CONFIG,
                      "no Google Cloud project is known: set `project` of this provider in conf.d, or "
                      "AIGW_GOOGLE_CLOUD_PLATFORM__PROJECT");
}
