/* auth_step.c - from a credential to an access token, one request after the other:
 *
 *     START ──→ SUBJECT ──→ TOKEN ──→ IMPERSONATION ──→ done
 *       │                     ↑ │                          ↑
 *       ├─────────────────────┘ └──────────────────────────┤
 *       └──→ PROJECT ──────────────────────────────────────┘
 *
 * SUBJECT asks for another provider's token where that is behind a URL; IMPERSONATION follows where the token is to
 * be somebody else's. Each state is a request that is under way; its answer decides what comes next. */
#include "auth.h"

#include "../../dialects/common/read.h"
#include "file.h"
#include "jwt.h"

#include <aigw/body.h>
#include <string.h>

#define SCOPE      "https://www.googleapis.com/auth/cloud-platform"
#define LIFE_S     3600
#define FORM_MAX   ((size_t)128 * 1024)
#define ANSWER_MAX ((size_t)256 * 1024)
#define WORDS_MAX  200

enum auth_state { STATE_START, STATE_SUBJECT, STATE_TOKEN, STATE_IMPERSONATION, STATE_PROJECT };

/** What is kept from step to step. */
struct auth_memory {
    enum auth_state state;
};
_Static_assert(sizeof(struct auth_memory) <= AIGW_CREDENTIAL_MEMORY, "the memory of the steps is too small");

/** One step. */
struct auth_try {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct auth *auth;
    struct auth_memory *memory;
    struct aigw_credential_step *step;
};

/* ---- describing requests ---- */

static aigw_status describe(struct auth_try *t, enum auth_state state, const char *method, const char *url,
                            const char *const *headers, uint32_t header_count, aigw_str body)
{
    t->memory->state = state;
    t->step->http->method = method;
    t->step->http->url = url;
    t->step->http->headers = headers;
    t->step->http->header_count = header_count;
    t->step->http->body = body;
    return AIGW_OK;
}

static void put_field(struct auth_try *t, struct aigw_buf *form, const char *name, aigw_str value)
{
    static const char hex[] = "0123456789ABCDEF";

    t->host->buf_printf(form, "&%s=", name);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        const char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c > 0 && strchr("-._~", c)))
            t->host->buf_put(form, value.ptr + i, 1);
        else
            t->host->buf_put(form, escape, sizeof escape);
    }
}

/* A form with its first field, which all of them have. */
static struct aigw_buf *begin_form(struct auth_try *t, const char *grant_type)
{
    struct aigw_buf *form = t->host->buf_new(t->ctx, AIGW_LIFE_BUILD, FORM_MAX);

    if (form)
        t->host->buf_printf(form, "grant_type=%s", grant_type);
    return form;
}

static aigw_status post_form(struct auth_try *t, struct aigw_buf *form)
{
    static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded" };
    aigw_str text;

    if (t->host->buf_view(form, &text) != AIGW_OK)
        return t->host->fail(t->ctx, AIGW_E_LIMIT, "the token that is to be exchanged is larger than 128 KiB");
    return describe(t, STATE_TOKEN, "POST", t->auth->token_url, headers, 1, text);
}

/* ---- the kinds ---- */

static aigw_status ask_metadata(struct auth_try *t, enum auth_state state, const char *path)
{
    static const char *const headers[] = { "Metadata-Flavor: Google" };
    const char *url =
        t->host->format(t->ctx, AIGW_LIFE_BUILD, "http://%s/computeMetadata/v1/%s", t->auth->metadata_host, path);

    return url ? describe(t, state, "GET", url, headers, 1, AIGW_STR_NONE) : AIGW_E_NOMEM;
}

/* A claim that we are who the key belongs to. */
static aigw_status ask_with_key(struct auth_try *t)
{
    const struct aigw_host *host = t->host;
    struct aigw_buf *header = host->buf_new(t->ctx, AIGW_LIFE_BUILD, FORM_MAX);
    struct aigw_buf *claims = host->buf_new(t->ctx, AIGW_LIFE_BUILD, FORM_MAX);
    struct aigw_buf *form = begin_form(t, "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    long long now = (long long)host->time_s(t->ctx);
    aigw_str head, body, token;
    char *room;

    if (!header || !claims || !form)
        return AIGW_E_NOMEM;
    host->buf_printf(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (t->auth->key_id) {
        host->buf_printf(header, ",\"kid\":");
        host->buf_json(header, wire_str(t->auth->key_id));
    }
    host->buf_printf(header, "}");
    host->buf_printf(claims, "{\"iss\":");
    host->buf_json(claims, wire_str(t->auth->email));
    host->buf_printf(claims, ",\"scope\":\"" SCOPE "\",\"aud\":");
    host->buf_json(claims, wire_str(t->auth->token_url));
    host->buf_printf(claims, ",\"iat\":%lld,\"exp\":%lld}", now, now + LIFE_S);
    if (host->buf_view(header, &head) != AIGW_OK || host->buf_view(claims, &body) != AIGW_OK)
        return AIGW_E_NOMEM;
    room = host->alloc(t->ctx, AIGW_LIFE_BUILD, jwt_room(head, body));
    if (!room)
        return AIGW_E_NOMEM;
    token = jwt_sign(t->auth->key, head, body, room);
    if (token.len == 0)
        return host->fail(t->ctx, AIGW_E_CONFIG, "the service account's key cannot sign");
    put_field(t, form, "assertion", token);
    return post_form(t, form);
}

static aigw_status ask_with_refresh_token(struct auth_try *t)
{
    struct aigw_buf *form = begin_form(t, "refresh_token");

    if (!form)
        return AIGW_E_NOMEM;
    put_field(t, form, "client_id", wire_str(t->auth->client_id));
    put_field(t, form, "client_secret", wire_str(t->auth->client_secret));
    put_field(t, form, "refresh_token", wire_str(t->auth->refresh_token));
    return post_form(t, form);
}

/* The other provider's token for one of Google's. `bytes`: what its file or URL holds. */
static aigw_status exchange(struct auth_try *t, aigw_str bytes)
{
    struct aigw_host_memory from = { t->host, t->ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, ANSWER_MAX };
    struct aigw_buf *form = begin_form(t, "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange");
    aigw_str subject = wire_trim_end(bytes);
    struct aigw_json root, field;

    if (!form)
        return AIGW_E_NOMEM;
    if (t->auth->source_field) {
        subject = AIGW_STR_NONE;
        if (aigw_json_check(bytes, 0, &root, NULL) == AIGW_OK && aigw_json_member(&root, t->auth->source_field, &field))
            (void)aigw_json_text(&field, &memory, &subject);
    }
    if (subject.len == 0)
        return t->host->fail(t->ctx, AIGW_E_UPSTREAM, "the source of the token that is to be exchanged has none (%s)",
                             t->auth->source_file ? t->auth->source_file : t->auth->source_url);
    put_field(t, form, "audience", wire_str(t->auth->audience));
    put_field(t, form, "scope", AIGW_STR(SCOPE));
    put_field(t, form, "requested_token_type", AIGW_STR("urn:ietf:params:oauth:token-type:access_token"));
    put_field(t, form, "subject_token_type", wire_str(t->auth->subject_type));
    put_field(t, form, "subject_token", subject);
    return post_form(t, form);
}

/* The file is small and local, and is replaced now and then: it is read each time. */
static aigw_status exchange_file(struct auth_try *t)
{
    const char *why;
    aigw_status status;
    char *bytes;
    size_t len;

    bytes = file_read(t->auth->source_file, &len, &why);
    if (!bytes)
        return t->host->fail(t->ctx, AIGW_E_CONFIG, "cannot read the token that is to be exchanged, \"%s\": %s",
                             t->auth->source_file, why);
    status = exchange(t, (aigw_str){ bytes, len });
    file_free(bytes, len);
    return status;
}

static aigw_status start(struct auth_try *t)
{
    if (strcmp(t->step->name, AUTH_PROJECT) == 0)
        return ask_metadata(t, STATE_PROJECT, "project/project-id");
    switch (t->auth->kind) {
    case AUTH_SERVICE_ACCOUNT:
        return ask_with_key(t);
    case AUTH_USER:
        return ask_with_refresh_token(t);
    case AUTH_EXTERNAL:
        if (t->auth->source_file)
            return exchange_file(t);
        return describe(t, STATE_SUBJECT, "GET", t->auth->source_url, t->auth->source_headers,
                        t->auth->source_header_count, AIGW_STR_NONE);
    default:
        return ask_metadata(t, STATE_TOKEN, "instance/service-accounts/default/token");
    }
}

/* ---- answers ---- */

static aigw_status done(struct auth_try *t, aigw_str value, int64_t life_s)
{
    t->step->value = value;
    t->step->expires_ms = life_s > 0 ? life_s * 1000 : -1;
    t->step->is_done = 1;
    return AIGW_OK;
}

/* What the server said, but for secrets: OAuth's word and its explanation, or Google's error. */
static aigw_status refused(struct auth_try *t)
{
    struct aigw_host_memory from = { t->host, t->ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, ANSWER_MAX };
    struct aigw_json root = { .type = AIGW_JSON_ABSENT }, word, words;
    aigw_str code = AIGW_STR_NONE, text = AIGW_STR_NONE;

    (void)aigw_json_check(t->step->body, 0, &root, NULL);
    aigw_json_member(&root, "error", &word);
    aigw_json_member(&root, "error_description", &words);
    if (word.type == AIGW_JSON_OBJECT) {
        aigw_json_member(&word, "message", &words);
        aigw_json_member(&word, "status", &word);
    }
    (void)aigw_json_text(&word, &memory, &code);
    (void)aigw_json_text(&words, &memory, &text);
    code = wire_words(t->host, t->ctx, code);
    text = wire_words(t->host, t->ctx, text);
    return t->host->fail(t->ctx, AIGW_E_UPSTREAM, "%s answered %d%s%.*s%s%.*s",
                         t->memory->state == STATE_IMPERSONATION ? "the server that impersonates service accounts"
                         : t->memory->state == STATE_SUBJECT     ? "the source of the token that is to be exchanged"
                         : t->auth->kind == AUTH_METADATA        ? "the metadata server"
                                                                 : "Google's token server",
                         (int)t->step->status, code.len > 0 ? ": " : "",
                         (int)(code.len < WORDS_MAX ? code.len : WORDS_MAX), code.ptr ? code.ptr : "",
                         text.len > 0 ? ": " : "", (int)(text.len < WORDS_MAX ? text.len : WORDS_MAX),
                         text.ptr ? text.ptr : "");
}

/* Ask for the token of another account with this one. */
static aigw_status impersonate(struct auth_try *t, aigw_str token)
{
    const char **headers = t->host->alloc(t->ctx, AIGW_LIFE_BUILD, 2 * sizeof *headers);

    if (!headers)
        return AIGW_E_NOMEM;
    headers[0] = "Content-Type: application/json";
    headers[1] = wire_join(t->host, t->ctx, AIGW_STR("Authorization: Bearer "), token);
    if (!headers[1])
        return AIGW_E_NOMEM;
    return describe(t, STATE_IMPERSONATION, "POST", t->auth->impersonation_url, headers, 2,
                    AIGW_STR("{\"scope\":[\"" SCOPE "\"],\"lifetime\":\"3600s\"}"));
}

static aigw_status on_token(struct auth_try *t, const char *member)
{
    struct aigw_host_memory from = { t->host, t->ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, ANSWER_MAX };
    struct aigw_json root = { .type = AIGW_JSON_ABSENT }, value;
    aigw_str token = AIGW_STR_NONE;

    (void)aigw_json_check(t->step->body, 0, &root, NULL);
    aigw_json_member(&root, member, &value);
    (void)aigw_json_text(&value, &memory, &token);
    if (token.len == 0 || !wire_is_header_value(token))
        return t->host->fail(t->ctx, AIGW_E_UPSTREAM, "the token server's answer has no \"%s\"", member);
    if (t->memory->state == STATE_TOKEN && t->auth->impersonation_url)
        return impersonate(t, token);
    return done(t, token, reader_int(&root, "expires_in", LIFE_S));
}

aigw_status auth_step(const struct aigw_host *host, struct aigw_ctx *ctx, const struct auth *auth, void *memory,
                      struct aigw_credential_step *step)
{
    struct auth_try t = { host, ctx, auth, memory, step };
    aigw_str project;

    if (t.memory->state == STATE_START)
        return start(&t);
    if (step->status < 200 || step->status > 299)
        return refused(&t);
    switch (t.memory->state) {
    case STATE_SUBJECT:
        return exchange(&t, step->body);
    case STATE_TOKEN:
        return on_token(&t, "access_token");
    case STATE_IMPERSONATION:
        return on_token(&t, "accessToken");
    case STATE_PROJECT:
        project = wire_trim_end(step->body);
        return project.len > 0 && wire_is_header_value(project)
                   ? done(&t, project, 0)
                   : host->fail(ctx, AIGW_E_UPSTREAM, "the metadata server does not know a project");
    default:
        return host->fail(ctx, AIGW_E_STATE, "a step that nobody asked for");
    }
}
