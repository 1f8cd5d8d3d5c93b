/* check.c - settings that authentication could not use, found before anything is applied. */
#include "auth/internal.h"

/** A warning: the gateway serves without it, but for what needs this key. */
static void check_key(const struct gw_settings *settings, const char *path, const char *pem, bool is_signing,
                      struct gw_problems *problems)
{
    struct gw_err why = { "" };

    if (pem && *pem && gw_local_key_check(pem, is_signing, &why) != AIGW_OK)
        gw_setting_warning(problems, settings, path, "%s", why.text);
}

void gw_auth_check_settings(const struct gw_settings *settings, struct gw_problems *problems)
{
    const struct aigw_map *issuers = &settings->auth.issuers;

    for (size_t i = 0; i < issuers->count; i++) {
        struct gw_issuer *issuer = *issuers->values[i] ? gw_issuer_new(issuers->names[i], issuers->values[i]) : NULL;

        if (issuer && issuer->config_error.text[0])
            gw_setting_problem(problems, settings, "auth.issuers", "%s", issuer->config_error.text);
        gw_issuer_free(issuer);
    }
    check_key(settings, "auth.signing_key", settings->auth.signing_key, true, problems);
    check_key(settings, "auth.validation_key", settings->auth.validation_key, false, problems);
}
