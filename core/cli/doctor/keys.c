/* keys.c - can this gateway check GitLab's tokens and sign its own? Keys are fetched by the very code that serves. */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <json-c/json.h>

#include "auth/auth.h"
#include "cli/doctor/doctor.h"
#include "cli/probe.h"
#include "config/snapshot.h"

#define CLOCK_WARN_S 2
#define CLOCK_FAIL_S 30
#define PROBE_MS     5000
#define PORTAL       "CustomersDot" /* name of that issuer */

/* ---- what a failed connection means ---- */

bool doctor_in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 || gw_env_get("container") ||
           gw_env_get("KUBERNETES_SERVICE_HOST");
}

bool doctor_is_loopback_url(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return strncasecmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0;
}

/** A server that sends its own certificate alone, which an authority in between has signed. Where the operator has
 * named an authority of his own, and where the certificate says that there is one in between, that is what is missing.
 */
static bool is_chain_short(const struct doctor *d, const struct cli_answer *answer)
{
    return answer->chain_len == 1 && strcasecmp(answer->subject, answer->issuer) != 0 &&
           (answer->names_its_signer || d->settings.upstream.extra_ca_file || d->settings.upstream.ca_file);
}

/** In the words of libcurl's versions, of the keys' reader and of our own transport; a port or a path may have those
 * digits, too. */
static bool is_proxy_refusal(const char *error)
{
    static const char *const words[] = { "response 407", "HTTP code 407", "status 407", "answered 407" };

    for (size_t i = 0; i < GW_ARRAY_LEN(words); i++) {
        if (strstr(error, words[i]))
            return true;
    }
    return false;
}

enum doctor_fault doctor_connection_fault(struct doctor *d, const char *url, const char *error,
                                          enum doctor_fault otherwise)
{
    struct cli_probe probe = { .url = url,
                               .timeout_ms = PROBE_MS,
                               .ca_file = d->settings.trust.keys_ca_file,
                               .extra_ca_file = d->settings.upstream.extra_ca_file };
    enum doctor_fault fault = otherwise;
    struct cli_answer answer;

    if (is_proxy_refusal(error))
        return FAULT_CAPTIVE;
    cli_probe(&probe, &answer);
    if (answer.is_tls_error)
        fault = is_chain_short(d, &answer) ? FAULT_CHAIN : FAULT_CERTIFICATE;
    else if (cli_answer_is_html(&answer) && answer.status == 200)
        fault = FAULT_CAPTIVE;
    else if (answer.is_refused && doctor_in_container() && doctor_is_loopback_url(url))
        fault = FAULT_LOCALHOST;
    cli_answer_done(&answer);
    return fault;
}

/* ---- issuers ---- */

static void check_clock(struct doctor *d, const char *check, int64_t ahead_s)
{
    int64_t apart_s = ahead_s < 0 ? -ahead_s : ahead_s;

    if (apart_s > CLOCK_FAIL_S)
        doctor_fail(d, check, FAULT_CLOCK, "clocks differ by %lld s", (long long)ahead_s);
    else if (apart_s > CLOCK_WARN_S)
        doctor_warn(d, check, FAULT_CLOCK, "clocks differ by %lld s", (long long)ahead_s);
}

static void check_issuer(struct doctor *d, const char *name, struct json_object *issuer)
{
    const char *url = cli_json_text(issuer, "url"), *error = cli_json_text(issuer, "error");
    const char *check = gw_arena_printf(d->arena, "keys of %s", name);
    bool is_portal = strcmp(name, PORTAL) == 0;

    if (!check)
        return;
    if (cli_json_at(issuer, "age_s")) {
        doctor_ok(d, check, "%lld from %s", (long long)cli_json_int(issuer, "keys"), url);
        check_clock(d, check, cli_json_int(issuer, "clock_ahead_s"));
    } else if (is_portal) {
        doctor_warn(d, check, FAULT_PORTAL, "%s", error);
    } else {
        const char *discovery = gw_arena_printf(d->arena, "%s/.well-known/openid-configuration", url);

        doctor_fail(d, check, doctor_connection_fault(d, discovery ? discovery : url, error, FAULT_ISSUER), "%s",
                    *error ? error : "no answer within 15 s");
    }
}

static void check_issuers(struct doctor *d, struct json_object *keys)
{
    struct json_object *issuers = cli_json_group(keys, "issuers");
    size_t count = 0;

    if (issuers) {
        json_object_object_foreach(issuers, name, issuer)
        {
            check_issuer(d, name, issuer);
            count++;
        }
    }
    if (!count)
        doctor_warn(d, "issuers", FAULT_NO_ISSUER, "no issuer of tokens is configured: every GitLab is refused");
}

/* ---- our own key ---- */

static void check_signing_key(struct doctor *d, struct json_object *keys)
{
    const char *pem = d->settings.auth.signing_key;

    snprintf(d->key_id, sizeof d->key_id, "%s", cli_json_text(keys, "local.id"));
    if (!pem || !*pem)
        doctor_warn(d, "signing key", FAULT_NO_SIGNING_KEY, "none is set");
    else if (json_object_get_boolean(cli_json_at(keys, "local.can_sign")))
        doctor_ok(d, "signing key", "usable, its id is %s; all replicas need the same",
                  cli_json_text(keys, "local.id"));
    else if (strstr(pem, "ENCRYPTED"))
        doctor_fail(d, "signing key", FAULT_KEY_ENCRYPTED, "it cannot be used: it is encrypted");
    else
        doctor_fail(d, "signing key", FAULT_SIGNING_KEY, "it cannot be used");
}

void doctor_check_keys(struct doctor *d)
{
    const char *bypass = gw_auth_bypass_text(&d->settings);
    struct gw_err why = { "" };
    struct json_object *keys = cli_keys_fetch(&d->settings, d->snapshot ? d->snapshot->oidc : NULL, &why);

    if (!keys) {
        doctor_fail(d, "keys", FAULT_CONFIG, "%s", why.text);
        return;
    }
    if (*bypass)
        doctor_warn(d, "authentication", FAULT_BYPASS, "is bypassed: %s", bypass);
    check_issuers(d, keys);
    check_signing_key(d, keys);
    json_object_put(keys);
}
