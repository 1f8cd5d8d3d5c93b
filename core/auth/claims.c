/* claims.c - check the claims of a payload and keep what the gateway uses, in one block of memory that requests and
 * the cache share by reference count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"

#define TIME_MAX INT64_C(1000000000000000) /* beyond it a time is as good as never */

struct gw_claims *gw_claims_ref(struct gw_claims *claims)
{
    atomic_fetch_add_explicit(&claims->refs, 1, memory_order_relaxed);
    return claims;
}

void gw_claims_unref(struct gw_claims *claims)
{
    if (claims && atomic_fetch_sub_explicit(&claims->refs, 1, memory_order_acq_rel) == 1)
        free(claims);
}

/* ---- times -------------------------------------------------------------------------------------------------- */

bool gw_claims_time(struct json_object *value, int64_t *ret_time_s)
{
    uint64_t digits;
    double number;

    if (json_object_is_type(value, json_type_int)) {
        number = (double)json_object_get_int64(value);
    } else if (json_object_is_type(value, json_type_double)) {
        number = json_object_get_double(value);
    } else if (json_object_is_type(value, json_type_string) &&
               gw_str_to_u64((aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) },
                             (uint64_t)TIME_MAX, &digits)) {
        number = (double)digits;
    } else {
        return false;
    }
    if (!isfinite(number))
        return false;
    *ret_time_s = number > (double)TIME_MAX ? TIME_MAX : number < -(double)TIME_MAX ? -TIME_MAX : (int64_t)number;
    return true;
}

static aigw_status check_times(struct json_object *payload, const struct gw_token_rules *rules, int64_t *ret_exp_s,
                               int64_t *ret_nbf_s, struct gw_err *reterr)
{
    struct json_object *exp, *nbf, *iat;
    int64_t exp_s, nbf_s = -TIME_MAX, ignored_s;

    if (!json_object_object_get_ex(payload, "exp", &exp))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token has no expiry (claim exp)");
    if (!gw_claims_time(exp, &exp_s))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token's expiry (claim exp) is not a number");
    if (exp_s + rules->leeway_s < rules->now_s)
        return gw_err_set(reterr, AIGW_E_INVALID,
                          "the token expired %lld s ago. If GitLab has just made it, the clocks of GitLab and of this "
                          "gateway differ: synchronise both (NTP). Otherwise GitLab holds an old token: run "
                          "its synchronisation or wait for it",
                          (long long)(rules->now_s - exp_s));
    if (json_object_object_get_ex(payload, "nbf", &nbf)) {
        if (!gw_claims_time(nbf, &nbf_s))
            return gw_err_set(reterr, AIGW_E_INVALID, "the token's start (claim nbf) is not a number");
        if (nbf_s > rules->now_s + rules->leeway_s)
            return gw_err_set(reterr, AIGW_E_INVALID,
                              "the token is not valid yet: it starts in %lld s. The clock of GitLab is ahead of this "
                              "gateway's: synchronise both (NTP), or allow a clock skew (leeway) of up to 60 s",
                              (long long)(nbf_s - rules->now_s));
    }
    if (json_object_object_get_ex(payload, "iat", &iat) && !gw_claims_time(iat, &ignored_s))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token's issue time (claim iat) is not a number");
    *ret_exp_s = exp_s;
    *ret_nbf_s = nbf_s;
    return AIGW_OK;
}

/* ---- audience and types ------------------------------------------------------------------------------------- */

static aigw_status check_audience(struct json_object *payload, const struct gw_token_rules *rules,
                                  struct gw_err *reterr)
{
    struct json_object *aud;
    bool is_ours = false;
    char shown[64];

    if (!json_object_object_get_ex(payload, "aud", &aud))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token has no audience (claim aud), expected \"%s\"",
                          rules->service_name);
    if (json_object_is_type(aud, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(aud); i++) {
            struct json_object *item = json_object_array_get_idx(aud, i);

            if (!json_object_is_type(item, json_type_string))
                return gw_err_set(reterr, AIGW_E_INVALID, "the token's audience (claim aud) holds more than strings");
            is_ours = is_ours || gw_str_is(gw_json_string(item), rules->service_name);
        }
        if (!is_ours)
            return gw_err_set(reterr, AIGW_E_INVALID,
                              "the token is for another service: \"%s\" is not in its audience of %zu entries (first: "
                              "\"%s\")",
                              rules->service_name, json_object_array_length(aud),
                              gw_printable(gw_json_string(json_object_array_get_idx(aud, 0)), shown, sizeof shown));
        return AIGW_OK;
    }
    if (!json_object_is_type(aud, json_type_string))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token's audience (claim aud) is neither a string nor a list");
    if (!gw_str_is(gw_json_string(aud), rules->service_name))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token is for another service: audience \"%s\", expected \"%s\"",
                          gw_printable(gw_json_string(aud), shown, sizeof shown), rules->service_name);
    return AIGW_OK;
}

static aigw_status check_types(struct json_object *payload, const struct gw_token_rules *rules, struct gw_err *reterr)
{
    static const char *const strings[] = { "sub", "jti" };
    struct json_object *value;

    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++) {
        if (json_object_object_get_ex(payload, strings[i], &value) && !json_object_is_type(value, json_type_string))
            return gw_err_set(reterr, AIGW_E_INVALID, "the token's claim %s is not a string", strings[i]);
    }
    if (!rules->oidc && json_object_object_get_ex(payload, "at_hash", &value))
        return gw_err_set(reterr, AIGW_E_INVALID, "the token has the claim at_hash, which needs an access token");
    return AIGW_OK;
}

/* ---- keep --------------------------------------------------------------------------------------------------- */

/** Not a string, yet something: it can equal no header. null, false, 0 and empty containers count as absent. */
static bool is_odd(struct json_object *payload, const char *name)
{
    struct json_object *value;

    if (!json_object_object_get_ex(payload, name, &value) || !value)
        return false;
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return json_object_get_boolean(value) != 0;
    case json_type_int:
    case json_type_double:
        return json_object_get_double(value) != 0.0;
    case json_type_array:
        return json_object_array_length(value) > 0;
    case json_type_object:
        return json_object_object_length(value) > 0;
    default:
        return false;
    }
}

/** The list of scopes, NULL when it is not a list of strings: then there are none. */
static struct json_object *scope_list(struct json_object *payload)
{
    struct json_object *scopes;

    if (!json_object_object_get_ex(payload, "scopes", &scopes) || !json_object_is_type(scopes, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(scopes); i++) {
        if (!json_object_is_type(json_object_array_get_idx(scopes, i), json_type_string))
            return NULL;
    }
    return scopes;
}

/** What is left of the payload, as an object of its own; NULL without memory. */
static struct json_object *extra_claims(struct json_object *payload)
{
    static const char *const known[] = { "iss",
                                         "sub",
                                         "aud",
                                         "exp",
                                         "nbf",
                                         "iat",
                                         "jti",
                                         "scopes",
                                         "gitlab_realm",
                                         "gitlab_instance_id",
                                         "gitlab_instance_uid",
                                         "duo_seat_count" };
    struct json_object *extra = json_object_new_object();

    if (!extra)
        return NULL;
    json_object_object_foreach(payload, name, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < GW_ARRAY_LEN(known); i++)
            is_known = is_known || strcmp(name, known[i]) == 0;
        if (!is_known && json_object_object_add(extra, name, json_object_get(value)) != 0) {
            json_object_put(value);
            json_object_put(extra);
            return NULL;
        }
    }
    return extra;
}

static void keep(char **at, aigw_str text, aigw_str *ret_kept)
{
    if (text.len == 0)
        return; /* empty counts as absent everywhere */
    memcpy(*at, text.ptr, text.len);
    *ret_kept = (aigw_str){ *at, text.len };
    *at += text.len;
}

static struct gw_claims *keep_all(struct json_object *payload, const struct gw_oidc_group *group, int64_t exp_s,
                                  int64_t nbf_s, struct json_object *extra)
{
    struct json_object *scopes = scope_list(payload), *seats = NULL;
    size_t scope_count = scopes ? json_object_array_length(scopes) : 0, size;
    aigw_str texts[7] = { gw_json_text(payload, "iss"),
                          group ? gw_oidc_user(group, payload) : gw_json_text(payload, "sub"),
                          gw_json_text(payload, "gitlab_realm"),
                          gw_json_text(payload, "gitlab_instance_id"),
                          gw_json_text(payload, "gitlab_instance_uid"),
                          AIGW_STR_NONE,
                          AIGW_STR_NONE };
    struct gw_claims *claims;
    char *at;

    if (json_object_object_get_ex(payload, "duo_seat_count", &seats) &&
        (json_object_is_type(seats, json_type_string) || json_object_is_type(seats, json_type_int)))
        texts[5] = gw_str(json_object_get_string(seats));
    if (json_object_object_length(extra) > 0)
        texts[6] =
            gw_str(json_object_to_json_string_ext(extra, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    size = sizeof *claims + scope_count * sizeof claims->scopes[0];
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++)
        size += texts[i].len;
    for (size_t i = 0; i < scope_count; i++)
        size += gw_json_string(json_object_array_get_idx(scopes, i)).len;
    claims = calloc(1, size);
    if (!claims)
        return NULL;
    atomic_init(&claims->refs, 1);
    claims->size = size;
    claims->exp_s = exp_s;
    claims->nbf_s = nbf_s;
    claims->scope_count = (uint32_t)scope_count;
    claims->realm_is_odd = is_odd(payload, "gitlab_realm");
    claims->instance_is_odd = is_odd(payload, "gitlab_instance_id");
    at = (char *)&claims->scopes[scope_count];
    keep(&at, texts[0], &claims->issuer);
    keep(&at, texts[1], &claims->subject);
    keep(&at, texts[2], &claims->realm);
    keep(&at, texts[3], &claims->instance_id);
    keep(&at, texts[4], &claims->instance_uid);
    keep(&at, texts[5], &claims->seat_count);
    keep(&at, texts[6], &claims->extra);
    for (size_t i = 0; i < scope_count; i++)
        keep(&at, gw_json_string(json_object_array_get_idx(scopes, i)), &claims->scopes[i]);
    return claims;
}

aigw_status gw_claims_read(struct json_object *payload, const struct gw_token_rules *rules,
                           struct gw_claims **ret_claims, struct gw_err *reterr)
{
    aigw_status status = check_types(payload, rules, reterr);
    const struct gw_oidc_group *group = NULL;
    struct json_object *extra;
    struct gw_claims *claims;
    int64_t exp_s = 0, nbf_s = 0;

    if (status == AIGW_OK && rules->oidc) {
        group = gw_oidc_choose(rules->oidc, payload, reterr);
        status = group ? AIGW_OK : AIGW_E_INVALID;
    } else if (status == AIGW_OK) {
        status = check_audience(payload, rules, reterr);
    }
    if (status == AIGW_OK)
        status = check_times(payload, rules, &exp_s, &nbf_s, reterr);
    if (status != AIGW_OK)
        return status;
    extra = extra_claims(payload);
    claims = extra ? keep_all(payload, group, exp_s, nbf_s, extra) : NULL;
    json_object_put(extra);
    if (!claims)
        return gw_err_set(reterr, AIGW_E_NOMEM, "this gateway is out of memory");
    claims->oidc_group = group ? (size_t)(group - rules->oidc->groups) + 1 : 0;
    *ret_claims = claims;
    return AIGW_OK;
}
