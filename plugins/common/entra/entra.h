/* entra.h - tokens of Microsoft's Entra ID for providers on Azure. Four ways to one:
 *
 *     client_secret       POST {authority}/{tenant}/oauth2/v2.0/token with the application's secret
 *     workload_identity   the same with a token of the cluster, out of a file that the cluster keeps fresh
 *     managed_identity    GET {IDENTITY_ENDPOINT}, where App Service and Container Apps set it,
 *                         else GET http://169.254.169.254/metadata/identity/oauth2/token, on virtual machines
 *
 * The core asks, keeps the token, and renews it in time. The name of the credential says for which cloud it is. */
#ifndef PLUGIN_ENTRA_H
#define PLUGIN_ENTRA_H

#include "../oauth/oauth.h"

/** Where tokens come from, as settings of an instance: ENTRA_SETTINGS fills it. Texts may be NULL or empty. */
struct entra {
    const char *auth;
    const char *tenant_id, *client_id, *client_secret, *federated_token_file, *authority_host, *scope;
    const char *identity_endpoint, *identity_header, *metadata_host;
};

#define ENTRA_TEXT(state, member, bits, text, list, words) \
    { \
        .name = #member, .type = AIGW_SET_STRING, .flags = (bits), .offset = offsetof(state, entra.member), \
        .default_value = (text), .choices = (list), .help = (words) \
    }

/** Rows for a state that has a `struct entra entra`. */
#define ENTRA_SETTINGS(state) \
    ENTRA_TEXT(state, auth, 0, "auto", "auto|key|client_secret|workload_identity|managed_identity", \
               "What opens base_url. auto: api_key when there is one, else the way to a token whose settings are " \
               "there; instance metadata of a virtual machine only where managed_identity is chosen."), \
        ENTRA_TEXT(state, tenant_id, 0, NULL, NULL, "Entra ID: the directory."), \
        ENTRA_TEXT(state, client_id, 0, NULL, NULL, \
                   "Entra ID: the application, or which of several managed identities."), \
        ENTRA_TEXT(state, client_secret, AIGW_SETF_SECRET, NULL, NULL, "Entra ID: the application's secret."), \
        ENTRA_TEXT(state, federated_token_file, 0, NULL, NULL, \
                   "Entra ID, workload identity: the file with the cluster's token. Read anew each time."), \
        ENTRA_TEXT(state, authority_host, AIGW_SETF_URL, NULL, NULL, \
                   "Entra ID: who gives tokens. Default: that of the cloud that base_url is in."), \
        ENTRA_TEXT(state, scope, 0, NULL, NULL, \
                   "Entra ID: what for. Default: https://cognitiveservices.azure.com/.default, or that of the " \
                   "cloud."), \
        ENTRA_TEXT(state, identity_endpoint, AIGW_SETF_URL, NULL, NULL, \
                   "Managed identity in App Service and the like: the variable IDENTITY_ENDPOINT."), \
        ENTRA_TEXT(state, identity_header, AIGW_SETF_SECRET, NULL, NULL, \
                   "Managed identity in App Service and the like: the variable IDENTITY_HEADER."), \
        ENTRA_TEXT(state, metadata_host, AIGW_SETF_URL, "http://169.254.169.254", NULL, \
                   "Managed identity on virtual machines: where instance metadata is served.")

/** In open(): AIGW_E_CONFIG when the way to a token that was chosen lacks something. */
aigw_status entra_check(const struct aigw_host *host, struct aigw_ctx *ctx, const struct entra *entra);
/** A key may open what is configured: `auth` chose no other way. */
bool entra_allows_key(const struct entra *entra);
/** There is a way to a token. */
bool entra_has_identity(const struct entra *entra);
/** The token for a cloud, "public", "government" or "china": as host->credential(). */
aigw_status entra_token(const struct aigw_host *host, struct aigw_ctx *ctx, const char *cloud, aigw_str *ret_token);
/** A provider's credential(). */
aigw_status entra_credential(const struct aigw_host *host, struct aigw_ctx *ctx, const struct entra *entra,
                             struct aigw_credential_step *step);

#endif
