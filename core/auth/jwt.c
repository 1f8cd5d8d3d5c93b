/* jwt.c - token text → header, claims and signature bytes. Strict: three segments, base64url without padding, JSON
 * objects, RS256 by our decision and not by the header's. Nothing in a token is ever fetched: jku, jwk, x5u and x5c
 * are not even read. */
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"

static const char empty_bearer[] =
    "the bearer token is empty. GitLab sends an empty token when it has none for this feature: on an offline licence, "
    "or before the first synchronisation, until the feature is assigned to a self-hosted model. Assign a self-hosted "
    "model to Code completion (and to the feature in use) under Admin > GitLab Duo, then try again";

/** Cut at the dots. False unless there are exactly three parts. */
static bool split(aigw_str text, aigw_str parts[3])
{
    size_t at = 0, start = 0;

    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.')
            continue;
        if (at == 3)
            return false;
        parts[at++] = (aigw_str){ text.ptr + start, i - start };
        start = i + 1;
    }
    return at == 3;
}

static struct json_object *decode_object(aigw_str part, const char *what, struct gw_err *reterr)
{
    unsigned char bytes[GW_TOKEN_MAX];
    struct json_object *obj;
    struct gw_err why;
    size_t len;

    if (gw_base64url_decode(part, bytes, sizeof bytes, &len) != AIGW_OK) {
        (void)gw_err_set(reterr, AIGW_E_INVALID, "the token's %s is not base64url without padding", what);
        return NULL;
    }
    obj = gw_json_object((aigw_str){ (const char *)bytes, len }, &why);
    if (!obj)
        (void)gw_err_set(reterr, AIGW_E_INVALID, "the token's %s is not a JSON object: %s", what, why.text);
    return obj;
}

static aigw_status read_header(aigw_str part, const struct gw_token_rules *rules, struct gw_token *token,
                               struct gw_err *reterr)
{
    struct json_object *header = decode_object(part, "header", reterr), *crit;
    aigw_status status = AIGW_OK;
    char shown[64];
    aigw_str kid;

    if (!header)
        return AIGW_E_INVALID;
    token->is_ec = rules->oidc && gw_str_is(gw_json_text(header, "alg"), "ES256");
    if (!rules->any_algorithm && !token->is_ec && !gw_str_is(gw_json_text(header, "alg"), "RS256")) {
        status = gw_err_set(reterr, AIGW_E_INVALID, "the token's algorithm is \"%s\", expected \"RS256\"%s",
                            gw_printable(gw_json_text(header, "alg"), shown, sizeof shown),
                            rules->oidc ? " or \"ES256\"" : "");
    } else if (json_object_object_get_ex(header, "crit", &crit)) {
        status = gw_err_set(reterr, AIGW_E_INVALID, "the token's header has \"crit\", which is not supported");
    } else {
        kid = gw_json_text(header, "kid");
        if (kid.len > 0 && kid.len <= sizeof token->kid_text) {
            memcpy(token->kid_text, kid.ptr, kid.len);
            token->kid = (aigw_str){ token->kid_text, kid.len };
        }
    }
    json_object_put(header);
    return status;
}

static aigw_status check_shape(aigw_str text, aigw_str parts[3], struct gw_err *reterr)
{
    if (text.len == 0)
        return gw_err_set(reterr, AIGW_E_INVALID, "%s", empty_bearer);
    if (text.len > GW_TOKEN_MAX)
        return gw_err_set(reterr, AIGW_E_INVALID, "the token has %zu bytes, expected at most %u", text.len,
                          GW_TOKEN_MAX);
    if (!split(text, parts))
        return gw_err_set(reterr, AIGW_E_INVALID,
                          "the bearer value is not a JSON web token: expected three parts joined by dots. A personal "
                          "access token or an API key cannot be used here");
    return AIGW_OK;
}

aigw_status gw_token_parse(aigw_str text, const struct gw_token_rules *rules, struct gw_token *ret_token,
                           char issuer[GW_ISSUER_TEXT_MAX], struct gw_err *reterr)
{
    aigw_str parts[3] = { AIGW_STR_NONE, AIGW_STR_NONE, AIGW_STR_NONE };
    struct json_object *payload;
    aigw_status status = check_shape(text, parts, reterr);

    issuer[0] = '\0';
    ret_token->kid = AIGW_STR_NONE;
    ret_token->is_ec = false;
    ret_token->claims = NULL;
    ret_token->signature_len = 0;
    if (status != AIGW_OK)
        return status;
    ret_token->signed_part = (aigw_str){ text.ptr, parts[0].len + 1 + parts[1].len };
    status = read_header(parts[0], rules, ret_token, reterr);
    if (status != AIGW_OK)
        return status;
    if (gw_base64url_decode(parts[2], ret_token->signature, sizeof ret_token->signature, &ret_token->signature_len) !=
            AIGW_OK &&
        !rules->any_algorithm)
        return gw_err_set(reterr, AIGW_E_INVALID, "the token's signature is not base64url of at most %u bytes",
                          GW_SIGNATURE_MAX);
    if (ret_token->signature_len == 0 && !rules->any_algorithm)
        return gw_err_set(reterr, AIGW_E_INVALID, "the token has no signature");
    payload = decode_object(parts[1], "payload", reterr);
    if (!payload)
        return AIGW_E_INVALID;
    (void)gw_printable(gw_json_text(payload, "iss"), issuer, GW_ISSUER_TEXT_MAX);
    status = gw_claims_read(payload, rules, &ret_token->claims, reterr);
    json_object_put(payload);
    return status;
}

void gw_token_done(struct gw_token *token)
{
    gw_claims_unref(token->claims);
    token->claims = NULL;
}
