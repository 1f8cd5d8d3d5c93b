/* credential.c - what a provider needs besides its request: credentials, step by step, and the signature. The answers
 * to the steps are the test's. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX      8
#define SIGNED_HEADERS 64u

/* A credential that is known; kept until the instance is closed, as the core keeps it. */
struct testhost_credential {
    struct testhost_credential *next;
    aigw_str name, value;
};

struct testhost_answer {
    struct testhost_answer *next;
    int32_t status;
    aigw_str body;
};

void aigw_testhost_credential(struct aigw_testhost *th, const char *name, const char *value)
{
    struct testhost_credential *credential = gw_arena_alloc(&th->setup_arena, sizeof *credential);

    if (!credential)
        return;
    *credential = (struct testhost_credential){ .next = th->credentials,
                                                .name = gw_arena_str(&th->setup_arena, gw_str(name)),
                                                .value = gw_arena_str(&th->setup_arena, gw_str(value)) };
    th->credentials = credential;
}

void aigw_testhost_credential_answer(struct aigw_testhost *th, int32_t status, const char *body)
{
    struct testhost_answer **link = &th->credential_answers, *answer = gw_arena_alloc(&th->setup_arena, sizeof *answer);

    while (*link)
        link = &(*link)->next;
    if (answer)
        *answer = (struct testhost_answer){ .status = status, .body = gw_arena_str(&th->setup_arena, gw_str(body)) };
    *link = answer;
}

void testhost_may_ask(struct aigw_testhost *th, bool may)
{
    th->may_ask = may;
    if (may)
        th->wanted = NULL;
}

aigw_status testhost_credential(struct aigw_ctx *ctx, const char *name, aigw_str *ret_value)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (!testhost_is(ctx, TESTHOST_CALL, "credential"))
        return AIGW_E_STATE;
    if (!th->may_ask) {
        testhost_fault(th, "credential() works inside request() and sign() only");
        return AIGW_E_STATE;
    }
    for (const struct testhost_credential *known = th->credentials; known; known = known->next)
        if (gw_str_is(known->name, name)) {
            *ret_value = gw_arena_str(&th->build_arena, known->value);
            return AIGW_OK;
        }
    if (!th->plugin->provider.credential)
        return gw_ctx_fail(ctx, AIGW_E_NOT_FOUND, "the provider asks for the credential %s, but has no credential()",
                           name);
    th->wanted = gw_arena_printf(&th->request_arena, "%s", name);
    return AIGW_PENDING;
}

/* The request of one step as notes: what a test looks at. */
static void note_step(struct aigw_testhost *th, const char *name, const struct aigw_http_request *http)
{
    gw_buf_printf(&th->notes, "credential %s: %s %s\n", name, http->method ? http->method : "?",
                  http->url ? http->url : "?");
    for (uint32_t i = 0; i < http->header_count; i++)
        gw_buf_printf(&th->notes, "credential %s: %s\n", name, http->headers[i]);
    if (http->body.len > 0)
        gw_buf_printf(&th->notes, "credential %s: body %.*s\n", name, AIGW_STR_ARG(http->body));
}

static aigw_status walk_steps(struct aigw_testhost *th, const char *name, void *memory)
{
    struct aigw_credential_step step = { .struct_size = sizeof step, .name = name };

    for (step.step = 0; step.step <= STEPS_MAX; step.step++) {
        struct aigw_http_request http = { .struct_size = sizeof http };
        struct testhost_answer *answer = th->credential_answers;
        aigw_status status;

        step.http = &http;
        step.is_done = 0;
        step.value = AIGW_STR_NONE;
        step.expires_ms = -1;
        status = th->plugin->provider.credential(&th->ctx.base, th->state, memory, &step);
        if (status != AIGW_OK)
            return status;
        if (step.is_done) {
            char *value = gw_arena_strndup(&th->setup_arena, step.value.ptr ? step.value.ptr : "", step.value.len);

            aigw_testhost_credential(th, name, value);
            return AIGW_OK;
        }
        note_step(th, name, &http);
        if (!answer)
            return gw_ctx_fail(&th->ctx.base, AIGW_E_STATE,
                               "the provider asks for the credential %s, and the test gives no answer to that", name);
        th->credential_answers = answer->next;
        step.status = answer->status;
        step.body = answer->body;
    }
    return gw_ctx_fail(&th->ctx.base, AIGW_E_LIMIT, "the credential %s takes more than %d steps", name, STEPS_MAX);
}

aigw_status testhost_fetch_credential(struct aigw_testhost *th)
{
    void *memory;
    aigw_status status;

    if (!th->wanted)
        return gw_ctx_fail(&th->ctx.base, AIGW_E_STATE, "AIGW_PENDING without a credential() that is pending");
    memory = calloc(1, AIGW_CREDENTIAL_MEMORY);
    if (!memory)
        return AIGW_E_NOMEM;
    status = walk_steps(th, th->wanted, memory);
    free(memory);
    return status;
}

/* "host[:port]" of the URL, as the core sends it. */
static const char *host_line(struct aigw_testhost *th)
{
    const char *begin = th->http.url ? strstr(th->http.url, "://") : NULL;

    begin = begin ? begin + 3 : "";
    return gw_arena_printf(&th->build_arena, "Host: %.*s", (int)strcspn(begin, "/?#"), begin);
}

aigw_status testhost_sign(struct aigw_testhost *th)
{
    const char **headers =
        gw_arena_calloc(&th->build_arena, (th->http.header_count + SIGNED_HEADERS) * sizeof *headers);
    struct aigw_http_request http = th->http;
    struct aigw_signature signature;
    aigw_status status;

    if (!headers)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < http.header_count; i++)
        headers[i] = http.headers[i];
    headers[http.header_count++] = host_line(th);
    http.headers = headers;
    do {
        signature = (struct aigw_signature){ .struct_size = sizeof signature };
        testhost_may_ask(th, true);
        status = th->plugin->provider.sign(&th->ctx.base, th->state, th->call, &http, &signature);
        testhost_may_ask(th, false);
    } while (status == AIGW_PENDING && (status = testhost_fetch_credential(th)) == AIGW_OK);
    if (status == AIGW_OK && signature.header_count > SIGNED_HEADERS - 1)
        return gw_ctx_fail(&th->ctx.base, AIGW_E_LIMIT, "sign() adds %u header lines", signature.header_count);
    for (uint32_t i = 0; status == AIGW_OK && i < signature.header_count; i++)
        headers[http.header_count++] = signature.headers[i];
    if (status == AIGW_OK)
        th->http = http;
    return status;
}
