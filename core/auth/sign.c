/* sign.c - mint a token with our own signing key. Any thread. About a millisecond of CPU for a 2048-bit key. */
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"

static aigw_status sign(gnutls_privkey_t key, struct gw_buf *token, struct gw_err *reterr)
{
    gnutls_datum_t data = { (unsigned char *)token->data, (unsigned int)token->len };
    gnutls_datum_t signature = { NULL, 0 };
    int code = gnutls_privkey_sign_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &data, &signature);

    if (code < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY cannot sign: %s",
                          gnutls_strerror(code));
    gw_buf_puts(token, ".");
    gw_base64url_put(token, signature.data, signature.size);
    gnutls_free(signature.data);
    return AIGW_OK;
}

aigw_status gw_auth_sign(struct gw_auth *auth, aigw_str claims_json, struct gw_arena *arena, aigw_str *ret_token,
                         struct gw_err *reterr)
{
    static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    struct json_object *claims;
    struct gw_view *view;
    struct gw_err why;
    struct gw_buf token;
    aigw_status status;
    aigw_str kept;

    (void)pthread_mutex_lock(&auth->lock);
    view = gw_view_ref(auth->view);
    (void)pthread_mutex_unlock(&auth->lock);
    gw_buf_init(&token, GW_TOKEN_MAX);

    if (!view->config->signing_key) {
        status = gw_err_set(reterr, AIGW_E_CONFIG, "%s", view->config->signing_error.text);
        goto done;
    }
    claims = gw_json_object(claims_json, &why);
    if (!claims) {
        status = gw_err_set(reterr, AIGW_E_INVALID, "claims to sign: %s", why.text);
        goto done;
    }
    json_object_put(claims);
    gw_base64url_put(&token, header, sizeof header - 1);
    gw_buf_puts(&token, ".");
    gw_base64url_put(&token, claims_json.ptr, claims_json.len);
    status = token.status;
    if (status == AIGW_OK)
        status = sign(view->config->signing_key, &token, reterr);
    if (status == AIGW_OK)
        status = token.status;
    if (token.status != AIGW_OK)
        (void)gw_err_set(reterr, token.status, "the token would be longer than %u bytes", GW_TOKEN_MAX);
    if (status != AIGW_OK)
        goto done;
    kept = gw_arena_str(arena, gw_buf_str(&token));
    if (!kept.ptr)
        status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a token");
    else
        *ret_token = kept;
done:
    gw_buf_done(&token);
    gw_view_unref(view);
    return status;
}
