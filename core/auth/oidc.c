/* oidc.c - see oidc.h: conf.d's groups, and which of them takes a token. Whose keys verify it is decide.c's. */
#include "auth/oidc.h"

#include <gnutls/crypto.h>
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"

#define AT(field) offsetof(struct gw_oidc_group, field)
static const struct aigw_setting group_table[] = {
    { "issuer", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(issuer), NULL, 0, 0, NULL,
      "Issuer, exactly as the tokens say it (claim iss), such as https://login.example.com/realms/dev." },
    { "audience", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(audience), NULL, 0, 0, NULL,
      "What the tokens must be for (claim aud): the name that this gateway has at the issuer." },
    { "keys_url", AIGW_SET_STRING, 0, AT(keys_url), NULL, 0, 0, NULL,
      "Where its keys (JWKS) are. Not given: its discovery document says." },
    { "user_claim", AIGW_SET_STRING, 0, AT(user_claim), "sub", 0, 0, NULL, "Claim that says who it is." },
    { "require", AIGW_SET_LIST, 0, AT(require), NULL, 0, 0, NULL,
      "Claims that must hold, \"claim=value\" each: the claim is that text, true, false or whole number, or a list "
      "with it. Not "
      "given: any token." },
    GW_GRANT_SETTINGS(struct gw_oidc_group),
};

/* ---- reading conf.d ------------------------------------------------------------------------------------------- */

static void check_url(const struct gw_node *node, const char *path, const char *name, const char *url,
                      struct gw_problems *problems)
{
    struct gw_issuer *issuer;

    if (!url)
        return;
    issuer = gw_issuer_new(path, url);
    if (issuer && issuer->config_error.text[0])
        gw_problem(problems, node, path,
                   "%s: \"%s\" cannot be used; expected http:// or https:// with a host and without user name or "
                   "password",
                   name, url);
    gw_issuer_free(issuer);
}

static void check_group(struct gw_oidc_group *group, const struct gw_node *node, const char *path,
                        struct gw_problems *problems)
{
    check_url(node, path, "issuer", group->issuer, problems);
    check_url(node, path, "keys_url", group->keys_url, problems);
    if (group->audience && !*group->audience)
        gw_problem(problems, node, path, "audience: is empty; a token for anybody else would do");
    for (size_t i = 0; i < group->require.count; i++) {
        const char *equals = strchr(group->require.items[i], '=');

        if (!equals || equals == group->require.items[i] || !equals[1])
            gw_problem(problems, node, path, "require: \"%s\" is not \"claim=value\"", group->require.items[i]);
    }
}

/** A text and its end, so that no two lists of texts are the same bytes. */
static void add_text(gnutls_hash_hd_t hash, const char *text)
{
    if (text)
        (void)gnutls_hash(hash, text, strlen(text));
    (void)gnutls_hash(hash, text ? "\0\1" : "\0", text ? 2 : 1);
}

static bool make_print(struct gw_oidc *oidc)
{
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        return false;
    for (size_t i = 0; i < oidc->count; i++) {
        const struct gw_oidc_group *group = &oidc->groups[i];

        add_text(hash, group->grant.name);
        add_text(hash, group->issuer);
        add_text(hash, group->audience);
        add_text(hash, group->keys_url);
        add_text(hash, group->user_claim);
        add_text(hash, group->grant.enabled ? "on" : "off");
        for (size_t r = 0; r < group->require.count; r++)
            add_text(hash, group->require.items[r]);
        add_text(hash, NULL);
    }
    gnutls_hash_deinit(hash, oidc->print);
    return true;
}

struct gw_oidc *gw_oidc_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems)
{
    const struct gw_node *section = gw_node_section(conf, "oidc");
    struct gw_oidc *oidc = gw_arena_calloc(arena, sizeof *oidc);
    size_t count = 0;

    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next)
        count++;
    if (oidc)
        oidc->groups = gw_arena_calloc(arena, (count + 1) * sizeof *oidc->groups);
    if (!oidc || !oidc->groups)
        goto no_memory;
    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next) {
        struct gw_oidc_group *group = &oidc->groups[oidc->count++];
        const char *path = gw_arena_printf(arena, "oidc.%s", n->key);

        gw_settings_fill(arena, n, path, group_table, GW_ARRAY_LEN(group_table), sizeof *group_table, NULL, group,
                         problems);
        gw_grant_finish(arena, &group->grant, n, path, problems);
        check_group(group, n, path, problems);
    }
    if (make_print(oidc))
        return oidc;
no_memory:
    gw_problem(problems, section, "oidc", "out of memory");
    return NULL;
}

/* ---- tokens --------------------------------------------------------------------------------------------------- */

/** A claim by its name; or, since names may have dots, by a way to it ("realm_access.roles",
 * "kubernetes.io.namespace"). NULL: not there. */
static struct json_object *claim_of(struct json_object *payload, const char *name)
{
    struct json_object *value = NULL;
    char first[128];

    if (json_object_object_get_ex(payload, name, &value))
        return value;
    for (const char *dot = strchr(name, '.'); dot && (size_t)(dot - name) < sizeof first; dot = strchr(dot + 1, '.')) {
        (void)snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
        if (json_object_object_get_ex(payload, first, &value) && json_object_is_type(value, json_type_object))
            value = claim_of(value, dot + 1);
        else
            value = NULL;
        if (value)
            return value;
    }
    return NULL;
}

/** Is it this text; or true, false or a whole number that is written so? */
static bool says(struct json_object *value, aigw_str text)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        return gw_str_eq(gw_json_string(value), text);
    case json_type_boolean:
    case json_type_int:
        return gw_str_is(text, json_object_get_string(value));
    default:
        return false;
    }
}

/** Does the claim say this, or is it a list with something that does? */
static bool holds(struct json_object *value, aigw_str text)
{
    if (!json_object_is_type(value, json_type_array))
        return says(value, text);
    for (size_t i = 0; i < json_object_array_length(value); i++)
        if (says(json_object_array_get_idx(value, i), text))
            return true;
    return false;
}

/** Is that its audience, or one of its audiences? A number is nobody's name. */
static bool is_for(struct json_object *payload, aigw_str audience)
{
    struct json_object *aud = json_object_object_get(payload, "aud");

    if (!json_object_is_type(aud, json_type_array))
        return gw_str_eq(gw_json_string(aud), audience);
    for (size_t i = 0; i < json_object_array_length(aud); i++)
        if (gw_str_eq(gw_json_string(json_object_array_get_idx(aud, i)), audience))
            return true;
    return false;
}

/** The first required claim that does not hold; NULL: all do. */
static const char *missing_claim(const struct gw_oidc_group *group, struct json_object *payload)
{
    for (size_t i = 0; i < group->require.count; i++) {
        const char *equals = strchr(group->require.items[i], '=');
        char claim[128];

        if ((size_t)(equals - group->require.items[i]) >= sizeof claim)
            return group->require.items[i];
        (void)snprintf(claim, sizeof claim, "%.*s", (int)(equals - group->require.items[i]), group->require.items[i]);
        if (!holds(claim_of(payload, claim), gw_str(equals + 1)))
            return group->require.items[i];
    }
    return NULL;
}

aigw_str gw_oidc_user(const struct gw_oidc_group *group, struct json_object *payload)
{
    return gw_json_string(claim_of(payload, group->user_claim));
}

const struct gw_oidc_group *gw_oidc_choose(const struct gw_oidc *oidc, struct json_object *payload,
                                           struct gw_err *reterr)
{
    aigw_str issuer = gw_json_text(payload, "iss");
    char shown[GW_ISSUER_TEXT_MAX];

    (void)gw_err_set(reterr, AIGW_E_INVALID, "the token's issuer \"%s\" is none of `oidc` in conf.d",
                     gw_printable(issuer, shown, sizeof shown));
    for (size_t i = 0; i < oidc->count; i++) {
        const struct gw_oidc_group *group = &oidc->groups[i];
        const char *missing;

        if (!gw_str_is(issuer, group->issuer))
            continue;
        if (!is_for(payload, gw_str(group->audience))) {
            (void)gw_err_set(reterr, AIGW_E_INVALID,
                             "the token is for another service: its audience (claim aud) is not \"%s\"",
                             group->audience);
            continue;
        }
        missing = missing_claim(group, payload);
        if (missing) {
            (void)gw_err_set(reterr, AIGW_E_INVALID, "the token has not what oidc.%s requires: %s", group->grant.name,
                             missing);
            continue;
        }
        if (!group->grant.enabled) {
            (void)gw_err_set(reterr, AIGW_E_INVALID, "oidc.%s is switched off", group->grant.name);
            continue;
        }
        if (gw_oidc_user(group, payload).len == 0) {
            (void)gw_err_set(reterr, AIGW_E_INVALID, "the token does not say who it is for: claim \"%s\" is no text",
                             group->user_claim);
            continue;
        }
        return group;
    }
    return NULL;
}
