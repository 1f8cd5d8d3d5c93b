/* edge_auth.c - the core's authentication (core/auth/auth.h) for tests: the caller is who the test says. */
#include "internal.h"

#include "auth/api_keys.h"
#include "auth/oidc.h"

static struct aigw_testhost *of_worker(struct gw_auth_worker *worker)
{
    return (struct aigw_testhost *)(void *)worker;
}

void gw_auth_check(struct gw_auth_worker *worker, const struct gw_auth_headers *headers, struct gw_arena *arena,
                   struct gw_auth_result *ret_result)
{
    struct aigw_testhost *th = of_worker(worker);

    (void)headers;
    *ret_result = (struct gw_auth_result){ .outcome = GW_AUTH_ALLOWED };
    if (testhost_fill_principal(th, arena, &ret_result->principal))
        return;
    *ret_result = (struct gw_auth_result){ .outcome = GW_AUTH_REFUSED,
                                           .status = 401,
                                           .error = "No authorization header presented",
                                           .detail = "the test's caller has no token",
                                           .retry_after_s = -1 };
}

void gw_auth_wait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter)
{
    (void)worker, (void)waiter; /* nothing here answers GW_AUTH_WAIT */
}

void gw_auth_unwait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter)
{
    (void)worker, (void)waiter;
}

aigw_status gw_auth_sign(struct gw_auth *auth, aigw_str claims_json, struct gw_arena *arena, aigw_str *ret_token,
                         struct gw_err *reterr)
{
    struct aigw_testhost *th = (struct aigw_testhost *)(void *)auth;

    (void)reterr;
    gw_buf_printf(&th->notes, "sign %.*s\n", AIGW_STR_ARG(claims_json));
    *ret_token = gw_str(gw_arena_printf(arena, "signed.by.test"));
    return AIGW_OK;
}

void gw_auth_describe(struct gw_auth *auth, struct gw_buf *json)
{
    (void)auth;
    gw_buf_puts(json, "\"keys\":{}");
}

const char *gw_auth_bypass_text(const struct gw_settings *settings)
{
    (void)settings;
    return "";
}

void gw_oidc_check(struct gw_auth_worker *worker, const struct gw_oidc *oidc, aigw_str token, const char *client_ip,
                   struct gw_arena *arena, struct gw_auth_result *ret_result)
{
    (void)oidc, (void)token, (void)client_ip;
    gw_auth_check(worker, NULL, arena, ret_result);
}

/* Whatever a request presents: who calls is said by the test. */
aigw_str gw_api_keys_presented(const struct gw_auth_headers *headers, uint32_t first)
{
    (void)headers, (void)first;
    return AIGW_STR_NONE;
}

void gw_api_keys_check(const struct gw_api_keys *keys, aigw_str secret, const char *client_ip, struct gw_arena *arena,
                       struct gw_auth_result *ret_result)
{
    (void)secret, (void)client_ip;
    gw_auth_check((struct gw_auth_worker *)(uintptr_t)keys, NULL, arena, ret_result);
    if (ret_result->outcome == GW_AUTH_REFUSED)
        ret_result->error = "key_missing";
}

int64_t gw_api_keys_next_end(const struct gw_api_keys *keys, int64_t now_s)
{
    (void)keys, (void)now_s;
    return INT64_MAX;
}
