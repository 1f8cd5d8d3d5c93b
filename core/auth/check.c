/* check.c - settings that authentication could not use, found before anything is applied. */
#include "auth/internal.h"

void gw_auth_check_settings(const struct gw_settings *settings, struct gw_problems *problems)
{
    const struct aigw_map *issuers = &settings->auth.issuers;

    for (size_t i = 0; i < issuers->count; i++) {
        struct gw_issuer *issuer = *issuers->values[i] ? gw_issuer_new(issuers->names[i], issuers->values[i]) : NULL;

        if (issuer && issuer->config_error.text[0])
            gw_setting_problem(problems, settings, "auth.issuers", "%s", issuer->config_error.text);
        gw_issuer_free(issuer);
    }
}
