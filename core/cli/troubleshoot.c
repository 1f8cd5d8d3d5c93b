/* troubleshoot.c - `aigw troubleshoot`: what operators of the original know, with its options of both generations, its
 * order, its texts and its exit statuses. Facts: auth-and-config.md §5. `aigw doctor` looks further. */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "cli/gateway.h"
#include "cli/probe.h"
#include "cli/troubleshoot.h"
#include "config/json.h"

#define PORTAL_URL     "https://customers.gitlab.com"
#define GATEWAY_MS     30000
#define GITLAB_MS      10000
#define DISCOVERY_PATH "/.well-known/openid-configuration"

struct troubleshoot {
    const struct cli_options *options;
    struct gw_arena *arena;
    struct gw_settings settings;
    const struct gw_node *conf;
    const char *endpoint;
};

/** A failed check that ends it all; CLI_FAILED. */
static int AIGW_PRINTF(1, 2) stop(const char *fmt, ...)
{
    struct gw_buf text, masked;
    va_list args;

    gw_buf_init(&text, (size_t)2 << 20);
    gw_buf_init(&masked, (size_t)4 << 20);
    va_start(args, fmt);
    gw_buf_vprintf(&text, fmt, args);
    va_end(args);
    gw_log_mask(&masked, gw_buf_str(&text));
    fflush(stdout);
    fprintf(stderr, "%.*s\n", AIGW_STR_ARG(gw_buf_str(&masked)));
    gw_buf_done(&masked);
    gw_buf_done(&text);
    return CLI_FAILED;
}

static bool is_set_true(const char *name)
{
    const char *value = gw_env_get(name);

    return value && strcmp(value, "true") == 0;
}

static int check_environment(const struct troubleshoot *t)
{
    const char *gitlab = gw_env_get("AIGW_GITLAB_URL");

    (void)t;
    puts("Testing environment variables ...");
    if (!is_set_true("AIGW_CUSTOM_MODELS__ENABLED"))
        return stop(">> AIGW_CUSTOM_MODELS__ENABLED must be set to true");
    if (gitlab && *gitlab)
        printf(">> AIGW_GITLAB_URL is set to %s\n", gitlab);
    else if (!is_set_true("AIGW_AUTH__BYPASS_EXTERNAL"))
        return stop(">> Either AIGW_GITLAB_URL (preferred) or AIGW_AUTH__BYPASS_EXTERNAL must be set");
    puts(">> Env variables are set correctly ✔\n");
    return CLI_OK;
}

static bool is_loopback(const char *endpoint)
{
    return strncmp(endpoint, "localhost", 9) == 0 || strncmp(endpoint, "127.", 4) == 0 ||
           strncmp(endpoint, "[::1]", 5) == 0;
}

static struct cli_probe to_gateway(const struct troubleshoot *t, const char *path, const char *post)
{
    const char *url =
        gw_arena_printf(t->arena, "%s://%s%s", t->settings.tls.enabled ? "https" : "http", t->endpoint, path);

    return (struct cli_probe){ .url = url ? url : "",
                               .post = post,
                               .timeout_ms = GATEWAY_MS,
                               .ca_file = t->settings.upstream.ca_file,
                               .extra_ca_file = t->settings.upstream.extra_ca_file,
                               .is_local = is_loopback(t->endpoint) };
}

static int check_gateway(const struct troubleshoot *t)
{
    struct cli_probe probe = to_gateway(t, "/monitoring/healthz", NULL);
    struct cli_answer answer;
    int result = CLI_OK;

    puts("Testing if AI Gateway is running...");
    cli_probe(&probe, &answer);
    if (answer.error.text[0])
        result = stop("AI Gateway is not running. Restart the server, and verify the logs for more information.\n(%s)",
                      answer.error.text);
    else if (answer.status != 200)
        result = stop("AI Gateway is not running. Status code: %ld. Restart the server and verify the logs for more "
                      "information.",
                      answer.status);
    else
        puts(">> AI Gateway is up and running ✔\n");
    cli_answer_done(&answer);
    return result;
}

static struct cli_probe to_gitlab(const struct troubleshoot *t, const char *base, const char *path)
{
    size_t len = strlen(base);
    const char *url;

    while (len > 0 && base[len - 1] == '/')
        len--;
    url = gw_arena_printf(t->arena, "%.*s%s", (int)len, base, path);
    return (struct cli_probe){ .url = url ? url : "",
                               .timeout_ms = GITLAB_MS,
                               .ca_file = t->settings.trust.keys_ca_file,
                               .extra_ca_file = t->settings.upstream.extra_ca_file };
}

static int check_gitlab(const struct troubleshoot *t)
{
    const char *gitlab = gw_env_get("AIGW_GITLAB_URL");
    struct cli_answer answer;
    struct cli_probe probe;
    int result = CLI_OK;

    if (!gitlab || !*gitlab)
        return CLI_OK;
    puts("Testing if GitLab API is accessible ...");
    probe = to_gitlab(t, gitlab, "/api/v4/projects");
    cli_probe(&probe, &answer);
    if (answer.error.text[0])
        result = stop(">> Failed to connect to GitLab: %s%s%s%s%s", answer.error.text,
                      answer.issuer[0] ? " (subject " : "", answer.issuer[0] ? answer.subject : "",
                      answer.issuer[0] ? ", issuer " : "", answer.issuer[0] ? answer.issuer : "");
    else if (answer.status != 200)
        result = stop(">> Failed to connect to GitLab API: %ld", answer.status);
    else
        puts(">> GitLab API is accessible ✔\n");
    cli_answer_done(&answer);
    return result;
}

/** Ours, beyond the original: can tokens be checked? Warnings only. */
static void check_keys(const struct troubleshoot *t)
{
    struct gw_err why = { "" };
    struct json_object *keys, *issuers;

    puts("Testing signing keys of each token issuer ...");
    keys = cli_keys_fetch(&t->settings, NULL, &why);
    issuers = cli_json_group(keys, "issuers");
    if (!issuers) {
        printf(">> WARNING: keys cannot be fetched: %s\n\n", why.text);
        json_object_put(keys);
        return;
    }
    json_object_object_foreach(issuers, name, issuer)
    {
        if (cli_json_at(issuer, "age_s"))
            printf(">> %s (%s): %lld keys, its clock differs by %lld s ✔\n", name, cli_json_text(issuer, "url"),
                   (long long)cli_json_int(issuer, "keys"), (long long)cli_json_int(issuer, "clock_ahead_s"));
        else
            printf(">> WARNING: %s (%s): no keys: %s\n", name, cli_json_text(issuer, "url"),
                   cli_json_text(issuer, "error"));
    }
    printf(">> Tokens must be for \"%s\" (aud). Trusted certificates: %s%s%s\n\n",
           t->settings.auth.service_name ? t->settings.auth.service_name : "",
           t->settings.trust.keys_ca_file ? t->settings.trust.keys_ca_file : "the system's",
           t->settings.upstream.extra_ca_file ? " and " : "",
           t->settings.upstream.extra_ca_file ? t->settings.upstream.extra_ca_file : "");
    json_object_put(keys);
}

static void check_portal(const struct troubleshoot *t)
{
    const char *url = gw_env_get("DUO_WORKFLOW_AUTH__OIDC_CUSTOMER_PORTAL_URL");
    struct cli_answer answer;
    struct cli_probe probe;

    if (!url)
        url = gw_env_get("AIGW_CUSTOMER_PORTAL_URL");
    if (url && !*url) {
        puts("Testing if Customer Portal is reachable ...\n>> Customer Portal is switched off ✔\n");
        return;
    }
    puts("Testing if Customer Portal is reachable ...");
    probe = to_gitlab(t, url ? url : PORTAL_URL, DISCOVERY_PATH);
    cli_probe(&probe, &answer);
    if (!answer.error.text[0] && answer.status == 200)
        puts(">> Customer Portal is reachable ✔\n");
    else
        printf(
            ">> WARNING: Customer Portal is not reachable (%s). On a site without internet set\n"
            "AIGW_CUSTOMER_PORTAL_URL (and DUO_WORKFLOW_AUTH__OIDC_CUSTOMER_PORTAL_URL) to the URL of your GitLab, or "
            "to nothing.\n\n",
            answer.error.text[0] ? answer.error.text : "it answered, but not with 200");
    cli_answer_done(&answer);
}

/* ---- the model ---- */

/** --model-family takes names of `families` alone; the older --model-name any. */
static bool is_family_known(const struct troubleshoot *t)
{
    const struct gw_node *families = gw_node_section(t->conf, "families");
    const char *names[128], *closest;
    size_t count = 0;

    if (!t->options->model_family)
        return true;
    for (const struct gw_node *n = families ? families->first : NULL; n && count < GW_ARRAY_LEN(names); n = n->next)
        names[count++] = n->key;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], t->options->model_family) == 0)
            return true;
    }
    closest = gw_closest(t->options->model_family, names, count);
    fprintf(stderr,
            "aigw: --model-family is a name in `families` of conf.d, found %s%s%s\nTry `aigw troubleshoot --help`.\n",
            t->options->model_family, closest ? ", did you mean " : "", closest ? closest : "");
    return false;
}

/** Variables that conf.d says the provider of this prefix needs. */
static int check_provider(const struct troubleshoot *t)
{
    const char *identifier = t->options->model_identifier ? t->options->model_identifier : "", *missing = "";
    char *name = gw_arena_strndup(t->arena, identifier, strcspn(identifier, "/"));
    const struct gw_node *prefix = name ? gw_node_get(gw_node_get(t->conf, "prefixes"), name) : NULL;
    const struct gw_node *needs = gw_node_get(prefix, "needs_env");

    if (!identifier[strcspn(identifier, "/")])
        return CLI_OK;
    for (const struct gw_node *item = needs ? needs->first : NULL; item; item = item->next) {
        const char *value = item->type == GW_NODE_STRING ? gw_env_get(item->string) : "";

        if (!value || !*value)
            missing = gw_arena_printf(t->arena, "%s%s%s", missing, *missing ? ", " : "", item->string);
    }
    if (!missing || !*missing)
        return CLI_OK;
    *name = (char)toupper((unsigned char)*name);
    return stop("Missing environment variables: %s for provider %s", missing, name);
}

static void add(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_object_new_string(text ? text : ""));
}

/** The request of the original's model test with the model that was named; json_object_put() it. NULL: out of memory.
 */
static struct json_object *model_request(const struct troubleshoot *t, const char *family)
{
    struct json_object *body =
        gw_json_read((aigw_str){ cli_troubleshoot_request, cli_troubleshoot_request_len }, 8, 0, NULL);

    if (!body)
        return NULL;
    add(body, "model_endpoint", t->options->model_endpoint);
    if (t->options->api_key)
        add(body, "model_api_key", t->options->api_key);
    if (t->options->model_identifier)
        add(body, "model_identifier", t->options->model_identifier);
    add(body, "model_name", family);
    return body;
}

static int model_failed(const struct troubleshoot *t, const char *family, const struct cli_answer *answer)
{
    return stop(
        "Failed to access the %s model.\n"
        "Possible causes: the model endpoint cannot be reached from the gateway, the API key is wrong, the "
        "identifier is not a name that its server knows, or AIGW_AUTH__BYPASS_EXTERNAL is not set while this test "
        "runs.\n"
        "Parameters: model-family=%s model-endpoint=%s model-identifier=%s api-key=%s\n"
        "Status: %ld\nBody: %.*s%s",
        family, family, t->options->model_endpoint,
        t->options->model_identifier ? t->options->model_identifier : "(none)",
        t->options->api_key ? "(hidden)" : "(none)", answer->status, AIGW_STR_ARG(gw_buf_str(&answer->body)),
        answer->error.text);
}

static int check_model(const struct troubleshoot *t)
{
    const char *family = t->options->model_family ? t->options->model_family : t->options->model_name;
    struct json_object *body;
    struct cli_answer answer;
    struct cli_probe probe;
    int result;

    if (!family && !t->options->model_identifier)
        return CLI_OK;
    family = family ? family : "general";
    result = check_provider(t);
    if (result != CLI_OK)
        return result;
    printf("Testing if the %s model is accessible ...\n", family);
    body = model_request(t, family);
    if (!body)
        return stop("out of memory");
    probe = to_gateway(t, "/v2/code/generations", json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN));
    cli_probe(&probe, &answer);
    if (answer.status == 200 && !answer.error.text[0])
        printf(">> Successfully accessed the %s model ✔\n\n", family);
    else
        result = model_failed(t, family, &answer);
    cli_answer_done(&answer);
    json_object_put(body);
    return result;
}

int cli_troubleshoot(const struct cli_options *options)
{
    static int (*const checks[])(const struct troubleshoot *) = { check_environment, check_gateway, check_gitlab };
    struct troubleshoot t = { .options = options };
    struct cli_options filled = *options;
    struct gw_problems problems;
    struct gw_arena arena;
    int result = CLI_OK;

    if (!filled.model_endpoint)
        filled.model_endpoint = "http://localhost:4000";
    if (filled.api_key)
        gw_log_add_secret(filled.api_key);
    t.options = &filled;
    t.endpoint = options->endpoint ? options->endpoint : "localhost:5052";
    gw_arena_init(&arena, (size_t)64 << 20);
    gw_problems_init(&problems, &arena);
    t.arena = &arena;
    cli_quiet_log();
    t.conf = cli_settings_load(options, &arena, &t.settings, &problems);
    if (!is_family_known(&t))
        result = CLI_USAGE;
    for (size_t i = 0; i < GW_ARRAY_LEN(checks) && result == CLI_OK; i++)
        result = checks[i](&t);
    if (result == CLI_OK) {
        check_keys(&t);
        check_portal(&t);
        puts("GitLab Duo Workflow Service is not part of this gateway: not tested\n");
        result = check_model(&t);
    }
    gw_log_stop();
    gw_arena_done(&arena);
    return result;
}
