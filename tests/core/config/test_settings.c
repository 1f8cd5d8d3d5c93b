/* test_settings.c - environment, conf.d and defaults into struct gw_settings. */
#include "settings_kit.h"

/* ---- defaults ---- */

static const char *const defaults[][2] = {
    { "server.host", "0.0.0.0" },
    { "server.port", "5052" },
    { "server.metrics_port", "8082" },
    { "server.workers", "0" },
    { "server.path_prefix", "/ai" },
    { "server.openapi_url", "/openapi.json" },
    { "server.docs_url", "/docs" },
    { "server.docs_open", "true" },
    { "server.drain_ms", "30000" },
    { "server.region", "us-central1" },
    { "server.environment", "production" },
    { "limits.header_ms", "10000" },
    { "limits.body_ms", "30000" },
    { "limits.idle_ms", "120000" },
    { "limits.write_stall_ms", "60000" },
    { "limits.request_ms", "600000" },
    { "limits.header_max", "32768" },
    { "limits.body_max", "16777216" },
    { "limits.drain_max", "1048576" },
    { "limits.backlog_high", "65536" },
    { "limits.connections_max", "20000" },
    { "limits.request_memory_max", "67108864" },
    { "limits.stream_status_ms", "1000" },
    { "tls.enabled", "false" },
    { "auth.gitlab_url", "https://gitlab.com" },
    { "auth.gitlab_api_url", "https://gitlab.com/api/v4" },
    { "auth.customer_portal_url", "https://customers.gitlab.com" },
    { "auth.service_name", "gitlab-ai-gateway" },
    { "auth.bypass_external", "false" },
    { "auth.keys_refresh_s", "86400" },
    { "auth.leeway_s", "0" },
    { "models.custom_models", "true" },
    { "models.disable_streaming", "false" },
    { "models.chat_timeout_ms", "30000" },
    { "models.chat_max_tokens", "0" },
    { "upstream.connect_ms", "5000" },
    { "upstream.idle_ms", "60000" },
    { "upstream.total_ms", "600000" },
    { "upstream.retries", "1" },
    { "upstream.retry_after_max_ms", "2000" },
    { "upstream.answer_max", "33554432" },
    { "upstream.circuit_failures", "5" },
    { "upstream.circuit_rest_ms", "10000" },
    { "upstream.verify", "true" },
    { "log.level", "info" },
    { "log.json", "true" },
    { "log.access", "true" },
    { "log.request_logging", "false" },
    { "flags.disallowed_flags", "{}" },
};

START_TEST(default_is_as_documented)
{
    static const char *const none[] = { NULL };

    load(none, NULL, NULL);
    EXPECT_CLEAN(defaults[_i][0]);
    ck_assert_msg(strcmp(text_of(defaults[_i][0]), defaults[_i][1]) == 0, "%s is %s, expected %s", defaults[_i][0],
                  text_of(defaults[_i][0]), defaults[_i][1]);
}
END_TEST

/* ---- values that work ---- */

static const struct {
    const char *id, *env[ENV_MAX], *conf, *path, *value;
} good[] = {
    { "env", { "AIGW_FASTAPI__API_PORT=6000" }, NULL, "server.port", "6000" },
    { "env-any-case", { "aigw_fastapi__Api_Port=6000" }, NULL, "server.port", "6000" },
    { "env-exact-case-first",
      { "aigw_fastapi__api_port=1", "AIGW_FASTAPI__API_PORT=6000" },
      NULL,
      "server.port",
      "6000" },
    { "conf", { NULL }, "server: { port = 6001; };", "server.port", "6001" },
    { "env-over-conf", { "AIGW_FASTAPI__API_PORT=6000" }, "server: { port = 6001; };", "server.port", "6000" },
    { "group", { "AIGW_FASTAPI={\"api_port\":6002}" }, NULL, "server.port", "6002" },
    { "group-text-member", { "AIGW_FASTAPI={\"API_PORT\":\"6002\"}" }, NULL, "server.port", "6002" },
    { "group-member-wins",
      { "AIGW_FASTAPI={\"api_port\":6002}", "AIGW_FASTAPI__API_PORT=6003" },
      NULL,
      "server.port",
      "6003" },
    { "group-over-conf", { "AIGW_FASTAPI={\"api_port\":6002}" }, "server: { port = 6001; };", "server.port", "6002" },
    { "group-null", { "AIGW_FASTAPI={\"api_port\":null}" }, NULL, "server.port", "5052" },
    { "group-nested", { "AIGW_FASTAPI={\"tls\":{\"ssl_ciphers\":\"X\"}}" }, NULL, "tls.ciphers", "X" },
    { "group-inner", { "AIGW_FASTAPI__TLS={\"ssl_ciphers\":\"X\"}" }, NULL, "tls.ciphers", "X" },
    { "group-inner-wins",
      { "AIGW_FASTAPI={\"tls\":{\"ssl_ciphers\":\"Y\"}}", "AIGW_FASTAPI__TLS={\"ssl_ciphers\":\"X\"}" },
      NULL,
      "tls.ciphers",
      "X" },
    { "bool-yes", { "AIGW_CUSTOM_MODELS__DISABLE_STREAMING=yEs" }, NULL, "models.disable_streaming", "true" },
    { "bool-t", { "AIGW_CUSTOM_MODELS__DISABLE_STREAMING=T" }, NULL, "models.disable_streaming", "true" },
    { "bool-1", { "AIGW_CUSTOM_MODELS__DISABLE_STREAMING=1" }, NULL, "models.disable_streaming", "true" },
    { "bool-on", { "AIGW_CUSTOM_MODELS__DISABLE_STREAMING=on" }, NULL, "models.disable_streaming", "true" },
    { "bool-off", { "AIGW_CUSTOM_MODELS__ENABLED=OFF" }, NULL, "models.custom_models", "false" },
    { "bool-n", { "AIGW_CUSTOM_MODELS__ENABLED=n" }, NULL, "models.custom_models", "false" },
    { "bool-json", { "AIGW_CUSTOM_MODELS={\"enabled\":false}" }, NULL, "models.custom_models", "false" },
    { "portal-off", { "AIGW_CUSTOMER_PORTAL_URL=" }, NULL, "auth.customer_portal_url", "" },
    { "url-slash", { "AIGW_GITLAB_URL=https://g.example/" }, NULL, "auth.gitlab_url", "https://g.example" },
    { "url-path-kept",
      { "AIGW_GITLAB_URL=https://g.example/gitlab/" },
      NULL,
      "auth.gitlab_url",
      "https://g.example/gitlab" },
    { "name-aigw",
      { "CLOUD_CONNECTOR_SERVICE_NAME=b", "AIGW_CLOUD_CONNECTOR_SERVICE_NAME=a" },
      NULL,
      "auth.service_name",
      "a" },
    { "name-plain", { "CLOUD_CONNECTOR_SERVICE_NAME=b" }, NULL, "auth.service_name", "b" },
    { "name-empty-aigw",
      { "CLOUD_CONNECTOR_SERVICE_NAME=b", "AIGW_CLOUD_CONNECTOR_SERVICE_NAME=" },
      NULL,
      "auth.service_name",
      "b" },
    { "name-case-matters-without-prefix",
      { "cloud_connector_service_name=b" },
      NULL,
      "auth.service_name",
      "gitlab-ai-gateway" },
    { "region-first", { "RUNWAY_REGION=r", "AIGW_GOOGLE_CLOUD_PLATFORM__LOCATION=l" }, NULL, "server.region", "l" },
    { "region-second", { "RUNWAY_REGION=r" }, NULL, "server.region", "r" },
    { "region-empty", { "AIGW_GOOGLE_CLOUD_PLATFORM__LOCATION=" }, NULL, "server.region", "us-central1" },
    { "workers", { "WEB_CONCURRENCY=3" }, NULL, "server.workers", "3" },
    { "level-upper", { "AIGW_LOGGING__LEVEL=WARNING" }, NULL, "log.level", "warning" },
    { "level-warn", { "AIGW_LOGGING__LEVEL=warn" }, NULL, "log.level", "warning" },
    { "level-conf", { NULL }, "log: { level = \"DEBUG\"; };", "log.level", "debug" },
    { "file-empty-beats-conf", { "AIGW_LOGGING__TO_FILE=" }, "log: { file = \"/x\"; };", "log.file", "(absent)" },
    { "seconds", { "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT=2.5" }, NULL, "models.chat_timeout_ms", "2500" },
    { "seconds-conf-is-ms", { NULL }, "models: { chat_timeout_ms = 1500; };", "models.chat_timeout_ms", "1500" },
    { "headers-json",
      { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={\"X-A\":\"1\"}" },
      NULL,
      "models.extra_headers",
      "(absent)" },
    { "json-with-accents",
      { "AIGW_AUTH__ISSUERS={\"siège\":\"https://b\"}" },
      NULL,
      "auth.issuers",
      "siège=https://b" },
    { "group-with-accents", { "AIGW_FASTAPI={\"docs_url\":\"/clé-😀\"}" }, NULL, "server.docs_url", "/clé-😀" },
    { "list-with-accents",
      { "AIGW_MODELS__ALLOWED_ENDPOINTS=[\"http://modèle:1\"]" },
      NULL,
      "models.allowed_endpoints",
      "http://modèle:1" },
    { "flags-with-accents",
      { "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS={\"é\":[\"à\"]}" },
      NULL,
      "flags.disallowed_flags",
      "{\"é\":[\"à\"]}" },
    { "conf-with-accents",
      { NULL },
      "server: { environment = \"préproduction\"; };",
      "server.environment",
      "préproduction" },
    { "issuers-group",
      { NULL },
      "auth: { issuers: { second = \"https://b\"; }; };",
      "auth.issuers",
      "second=https://b" },
    { "endpoints-models",
      { NULL },
      "models: { allowed_endpoints = ( \"http://a\", \"http://b\" ); };",
      "models.allowed_endpoints",
      "http://a,http://b" },
    { "endpoints-routing",
      { NULL },
      "routing: { allowed_endpoints = ( \"http://a\" ); };",
      "models.allowed_endpoints",
      "http://a" },
    { "endpoints-env",
      { "AIGW_MODELS__ALLOWED_ENDPOINTS=http://a, http://b" },
      NULL,
      "models.allowed_endpoints",
      "http://a,http://b" },
    { "prefix-slash", { "AIGW_SERVER__PATH_PREFIX=/x/" }, NULL, "server.path_prefix", "/x" },
    { "prefix-none", { "AIGW_SERVER__PATH_PREFIX=/" }, NULL, "server.path_prefix", "" },
    { "docs-off", { "AIGW_FASTAPI__DOCS_URL=" }, NULL, "server.docs_url", "" },
    { "flags",
      { "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS={\"saas\":[\"x\"]}" },
      NULL,
      "flags.disallowed_flags",
      "{\"saas\":[\"x\"]}" },
    { "limits-old-name",
      { "AIGW_MODEL_ENGINE_CONCURRENCY_LIMITS={\"e\":{}}" },
      NULL,
      "metrics.model_limits",
      "{\"e\":{}}" },
    { "model-groups-are-not-settings",
      { NULL },
      "models: { coder: { targets = (); }; disable_streaming = true; };",
      "models.disable_streaming",
      "true" },
    { "env-ref-in-conf", { "MY_HOST=h" }, "server: { host = \"env:MY_HOST\"; };", "server.host", "h" },
    { "unknown-text-is-absent", { NULL }, NULL, "server.nonsense", "(absent)" },
    { "secret-text-is-absent",
      { "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=pem-pem-pem" },
      NULL,
      "auth.signing_key",
      "(absent)" },
};

START_TEST(setting_has_the_value_of_the_strongest_source)
{
    load(good[_i].env, good[_i].conf, NULL);
    ck_assert_msg(problems.error_count == 0, "%s:\n%s", good[_i].id, all_problems());
    ck_assert_msg(strcmp(text_of(good[_i].path), good[_i].value) == 0, "%s: %s is %s, expected %s", good[_i].id,
                  good[_i].path, text_of(good[_i].path), good[_i].value);
}
END_TEST

/* ---- mistakes ---- */

static const struct {
    const char *id, *env[ENV_MAX], *conf, *problem;
} bad[] = {
    { "int-empty",
      { "AIGW_FASTAPI__API_PORT=" },
      NULL,
      "AIGW_FASTAPI__API_PORT: server.port: is \"\", expected an integer" },
    { "int-text", { "AIGW_FASTAPI__API_PORT=5052x" }, NULL, "server.port: is \"5052x\", expected an integer" },
    { "int-blank", { "AIGW_FASTAPI__API_PORT= 1" }, NULL, "expected an integer" },
    { "int-range", { "AIGW_FASTAPI__API_PORT=70000" }, NULL, "server.port: is 70000, expected 0 to 65535" },
    { "int-negative", { "WEB_CONCURRENCY=-1" }, NULL, "WEB_CONCURRENCY: server.workers: is -1" },
    { "int-huge", { "AIGW_FASTAPI__API_PORT=99999999999999999999" }, NULL, "expected an integer" },
    { "bool-empty",
      { "AIGW_CUSTOM_MODELS__ENABLED=" },
      NULL,
      "AIGW_CUSTOM_MODELS__ENABLED: models.custom_models: is \"\", expected true or false" },
    { "bool-2", { "AIGW_CUSTOM_MODELS__ENABLED=2" }, NULL, "is \"2\", expected true or false" },
    { "group-no-json", { "AIGW_FASTAPI=5" }, NULL, "AIGW_FASTAPI: is not a JSON object" },
    { "group-empty", { "AIGW_CUSTOM_MODELS=" }, NULL, "AIGW_CUSTOM_MODELS: is not a JSON object" },
    { "group-bad-json", { "AIGW_LOGGING={\"level\":" }, NULL, "AIGW_LOGGING: is not a JSON object" },
    { "group-bad-member", { "AIGW_FASTAPI={\"api_port\":\"x\"}" }, NULL, "AIGW_FASTAPI: server.port: is \"x\"" },
    { "map-bad-json", { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={" }, NULL, "models.extra_headers: is not valid JSON" },
    { "map-list", { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS=[]" }, NULL, "models.extra_headers: is a JSON array" },
    { "map-goes-on", { "AIGW_AUTH__ISSUERS={} x" }, NULL, "auth.issuers: is not valid JSON (it goes on after its end" },
    { "map-name-twice",
      { "AIGW_AUTH__ISSUERS={\"a\":\"https://a\",\"a\":\"https://b\"}" },
      NULL,
      "auth.issuers: is not valid JSON (a name appears twice" },
    { "list-goes-on",
      { "AIGW_SERVER__TRUSTED_PROXIES=[\"10.0.0.1\"]]" },
      NULL,
      "server.trusted_proxies: is not valid JSON (it goes on" },
    { "group-goes-on",
      { "AIGW_FASTAPI={\"api_port\":1}}" },
      NULL,
      "AIGW_FASTAPI: is not a JSON object (it goes on after its end" },
    { "group-single-quotes", { "AIGW_FASTAPI={'api_port':1}" }, NULL, "AIGW_FASTAPI: is not a JSON object" },
    { "group-name-twice",
      { "AIGW_FASTAPI={\"docs_url\":\"/a\",\"docs_url\":\"/b\"}" },
      NULL,
      "AIGW_FASTAPI: is not a JSON object (a name appears twice" },
    { "flags-goes-on",
      { "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS={}{}" },
      NULL,
      "flags.disallowed_flags: is not a JSON object: it goes on" },
    { "limits-comment", { "AIGW_MODEL_ENGINE_LIMITS={/**/}" }, NULL, "metrics.model_limits: is not a JSON object" },
    { "flags-bad-json",
      { "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS=x" },
      NULL,
      "flags.disallowed_flags: is not a JSON object" },
    { "level",
      { "AIGW_LOGGING__LEVEL=verbose" },
      NULL,
      "AIGW_LOGGING__LEVEL: log.level: is \"verbose\", expected one of debug|info" },
    { "url",
      { "AIGW_GITLAB_URL=gitlab.example.com" },
      NULL,
      "auth.gitlab_url: is \"gitlab.example.com\": expected a URL" },
    { "timeout-zero", { "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT=0" }, NULL, "expected seconds: a number above 0" },
    { "timeout-nan", { "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT=nan" }, NULL, "expected seconds" },
    { "timeout-empty", { "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT=" }, NULL, "expected seconds" },
    { "tls-without-files",
      { "AIGW_FASTAPI__TLS__ENABLED=true" },
      NULL,
      "cert_file and key_file must both be set when TLS is enabled" },
    { "tls-without-key",
      { "AIGW_FASTAPI__TLS__ENABLED=true", "AIGW_FASTAPI__TLS__CERT_FILE=/etc/passwd", "AIGW_FASTAPI__TLS__KEY_FILE=" },
      NULL,
      "cert_file and key_file must both be set when TLS is enabled" },
    { "tls-cert",
      { "AIGW_FASTAPI__TLS__ENABLED=true", "AIGW_FASTAPI__TLS__CERT_FILE=/nope/c",
        "AIGW_FASTAPI__TLS__KEY_FILE=/etc/passwd" },
      NULL,
      "AIGW_FASTAPI__TLS__CERT_FILE: tls.cert_file: cert_file does not point to a file: /nope/c" },
    { "tls-key",
      { "AIGW_FASTAPI__TLS__ENABLED=true", "AIGW_FASTAPI__TLS__CERT_FILE=/etc/passwd",
        "AIGW_FASTAPI__TLS__KEY_FILE=/tmp" },
      NULL,
      "key_file does not point to a file: /tmp" },
    { "mtls-cert-unset", { "AIGW_MTLS__ENABLED=true" }, NULL, "cert_file must be set when mTLS is enabled" },
    { "mtls-cert",
      { "AIGW_MTLS__ENABLED=true", "AIGW_MTLS__CERT_FILE=/nope/c" },
      NULL,
      "cert_file does not point to a file: /nope/c" },
    { "mtls-key",
      { "AIGW_MTLS__ENABLED=true", "AIGW_MTLS__CERT_FILE=/etc/passwd", "AIGW_MTLS__KEY_FILE=/nope/k" },
      NULL,
      "key_file does not point to a file: /nope/k" },
    { "mtls-password",
      { "AIGW_MTLS__ENABLED=true", "AIGW_MTLS__CERT_FILE=/etc/passwd", "AIGW_MTLS__KEY_PASSWORD=hunter2hunter2" },
      NULL,
      "key_file must be set when key_password is provided" },
    { "mtls-ca", { "AIGW_MTLS__CA_BUNDLE=/nope/ca" }, NULL, "ca_bundle does not point to a file: /nope/ca" },
    { "tls-conf-line",
      { NULL },
      "tls: { enabled = true;\ncert_file = \"/nope/c\"; key_file = \"/etc/passwd\"; };",
      "t.conf:2: tls.cert_file: cert_file does not point to a file: /nope/c" },
    { "bypass-refused",
      { "AIGW_AUTH__BYPASS_JWT_SIGNATURE=1" },
      "auth: { refuse_bypass = true; };",
      "AIGW_AUTH__BYPASS_JWT_SIGNATURE: auth.bypass_jwt_signature: is on while auth.refuse_bypass forbids it" },
    { "conf-unknown", { NULL }, "server: { prot = 1; };", "t.conf:1: server.prot: unknown, did you mean port?" },
    { "conf-unknown-section", { NULL }, "sever: { port = 1; };", "t.conf:1: sever: unknown, did you mean server?" },
    { "conf-section-scalar", { NULL }, "server = 5;", "t.conf:1: server: is not a group" },
    { "conf-models-scalar",
      { NULL },
      "models: { custom_model = true; };",
      "t.conf:1: models.custom_model: unknown, did you mean custom_models?" },
    { "conf-type",
      { NULL },
      "server: {\nport = \"5052\"; };",
      "t.conf:2: server.port: is \"5052\", expected an integer without quotes, 0 to 65535; did you mean 5052?" },
    { "conf-env-unset",
      { NULL },
      "server: { host = \"env:NOT_THERE\"; };",
      "t.conf:1: server.host: environment variable NOT_THERE is not set" },
    { "header-name",
      { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={\"X A\":\"1\"}" },
      NULL,
      "models.extra_headers: header 1 is malformed" },
    { "header-value",
      { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={\"X-A\":\"1\",\"X-B\":\"a\\r\\nHost: x\"}" },
      NULL,
      "models.extra_headers: header 2 is malformed" },
    { "extra-header-ours",
      { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={\"X-A\":\"1\",\"content-Length\":\"5\"}" },
      NULL,
      "models.extra_headers: header 2 is content-Length, which the gateway sets itself" },
    { "prefix", { "AIGW_SERVER__PATH_PREFIX=ai" }, NULL, "server.path_prefix: must begin with /" },
    { "control-socket",
      { "AIGW_SERVER__CONTROL_SOCKET=/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
        "0123456789/0123456789/0123456789" },
      NULL,
      "server.control_socket: has 110 bytes, expected at most 107" },
    { "prompts-folder",
      { NULL },
      "prompts: {\ndirs = ( \"/tmp\", \"/nope/x\" ); };",
      "t.conf:2: prompts.dirs: \"/nope/x\": No such file or directory; expected a folder with prompts" },
    { "prompts-file",
      { "AIGW_PROMPTS__DIRS=[\"/etc/passwd\"]" },
      NULL,
      "prompts.dirs: \"/etc/passwd\": Not a directory; expected a folder with prompts" },
    { "list-bytes",
      { NULL },
      "server: { trusted_proxies = ( \"\\xff\" ); };",
      "t.conf:1: server.trusted_proxies: is not valid UTF-8" },
    { "map-bytes",
      { NULL },
      "auth: { issuers = { a = \"https://a\\xff\"; }; };",
      "t.conf:1: auth.issuers: a: is not valid UTF-8" },
    { "same-ports", { "AIGW_FASTAPI__METRICS_PORT=5052" }, NULL, "server.metrics_port: is the same as server.port" },
    { "key-file",
      { "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=file:/nope/key" },
      NULL,
      "AIGW_SELF_SIGNED_JWT__SIGNING_KEY: auth.signing_key: file \"/nope/key\" cannot be opened" },
};

START_TEST(mistake_is_named_once)
{
    load(bad[_i].env, bad[_i].conf, NULL);
    EXPECT_ERROR(bad[_i].id, bad[_i].problem);
    ck_assert_msg(problems.error_count == 1, "%s: expected one error:\n%s", bad[_i].id, all_problems());
    ck_assert_ptr_null(strstr(all_problems(), "hunter2"));
}
END_TEST

/* ---- what has no effect ---- */

static const struct {
    const char *id, *env, *warning; /* NULL: silent */
} ineffective[] = {
    { "known", "AIGW_GITLAB_URL=x", NULL },
    { "known-any-case", "aigw_gitlab_url=x", NULL },
    { "known-group", "AIGW_FASTAPI={}", NULL },
    { "known-inner-group", "AIGW_FASTAPI__TLS={}", NULL },
    { "cli", "AIGW_CONF_DIR=/x", NULL },
    { "no-variable", "AIGW_FASTAPI\0{\"NOTHING\":1}", NULL }, /* what is behind its end is not its value */
    { "no-variable-either", "AIGW_GITLB_URL", NULL },
    { "foreign", "PATH=/bin", NULL },
    { "asked-by-conf", "AIGW_MODEL_KEYS__SOME_API_KEY=x", NULL },
    { "asked-by-conf-second", "AIGW_SECOND_CHOICE=x", NULL },
    { "asked-by-conf-as-group", "AIGW_MODEL_KEYS={}", NULL },
    { "known-chat", "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT=5", NULL },
    { "misspelt", "AIGW_GITLB_URL=x", "AIGW_GITLB_URL: has no effect: unknown, did you mean AIGW_GITLAB_URL?" },
    { "misspelt-asked", "AIGW_MODEL_KEYS__SOME_API_KAY=x", "did you mean AIGW_MODEL_KEYS__SOME_API_KEY?" },
    { "half-a-name", "AIGW_FAST=x", "AIGW_FAST: has no effect" },
    { "unknown", "AIGW_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZ=x", "has no effect: it is no setting" },
    { "ignored", "AIGW_GLGO_BASE_URL=x", "has no effect: that service is not part" },
    { "ignored-star", "AIGW_SNOWPLOW__ENABLED=x", "no telemetry leaves" },
    { "ignored-foreign", "PROMETHEUS_MULTIPROC_DIR=x", "share one metrics page" },
    { "cert-dir", "SSL_CERT_DIR=/x", "set SSL_CERT_FILE" },
};

START_TEST(variables_without_effect_are_named)
{
    const char *const env[] = { ineffective[_i].env, NULL };
    static const char *const loaded[] = { "AIGW_MODEL_KEYS__SOME_API_KEY=x", NULL };

    load(loaded, NULL, NULL);
    gw_env_get("AIGW_MODEL_KEYS__SOME_API_KEY"); /* as an env: value in conf.d does */
    gw_node_text(
        &arena,
        gw_conf_parse(&arena, "v = \"env:AIGW_MODEL_KEYS__SOME_API_KEY|AIGW_SECOND_CHOICE:-d\";", "t.conf", &problems)
            ->first,
        "v", &problems);
    gw_settings_ineffective(env, &problems);
    ck_assert_uint_eq(problems.error_count, 0);
    if (ineffective[_i].warning)
        EXPECT_WARNING(ineffective[_i].id, ineffective[_i].warning);
    else
        EXPECT_CLEAN(ineffective[_i].id);
}
END_TEST

START_TEST(the_reference_names_every_setting_and_every_ignored_variable)
{
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_settings_reference(&text);
    ck_assert_int_eq(text.status, AIGW_OK);
    for (size_t i = 0; i < GW_ARRAY_LEN(defaults); i++)
        ck_assert_msg(strstr(text.data, defaults[i][0]) != NULL, "%s is missing", defaults[i][0]);
    ck_assert_ptr_nonnull(
        strstr(text.data, "| `server.port` | `AIGW_FASTAPI__API_PORT` | integer | `5052` | 0 to 65535 |"));
    ck_assert_ptr_nonnull(strstr(text.data, "`AIGW_MTLS__CA_BUNDLE`, then `SSL_CERT_FILE`, then `REQUESTS_CA_BUNDLE`"));
    ck_assert_ptr_nonnull(strstr(text.data, "debug\\|info"));
    ck_assert_ptr_nonnull(strstr(text.data, "| `AIGW_SNOWPLOW__*` |"));
    gw_buf_done(&text);
}
END_TEST

/** Every secret that comes through the settings is masked, not only the first thousand. */
START_TEST(all_of_two_thousand_secret_headers_are_masked)
{
    const char *env[] = { NULL, NULL };
    struct gw_buf text, out;

    gw_buf_init(&text, 1 << 20);
    gw_buf_puts(&text, "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={");
    for (int i = 0; i < 2000; i++)
        gw_buf_printf(&text, "%s\"X-%d\": \"value-%d\"", i ? "," : "", i, 10000 + i);
    gw_buf_puts(&text, "}");
    env[0] = text.data;
    load(env, NULL, NULL);
    ck_assert_msg(problems.error_count == 0, "%s", problems.first ? problems.first->text : "");
    ck_assert_uint_eq(settings.models.extra_headers.count, 2000);
    gw_buf_init(&out, 1 << 20);
    gw_log_mask(&out, gw_buf_str(&text));
    ck_assert_ptr_null(strstr(out.data, "value-1"));
    gw_buf_done(&out);
    gw_buf_done(&text);
}
END_TEST

/* What a running process cannot take over, by the change of one setting. */
static const struct {
    const char *conf, *named;
} changes[] = {
    { "", "" },
    { "server: { drain_ms = 5; trusted_proxies = ( \"10.0.0.1\" ); }; limits: { body_max = 5000; };", "" },
    { "log: { level = \"debug\"; }; auth: { leeway_s = 5; }; upstream: { connect_ms = 5; };", "" },
    { "server: { host = \"127.0.0.1\"; };", "server.host" },
    { "server: { host = \"0.0.0.0\"; };", "" }, /* the default, said aloud */
    { "server: { port = 5053; };", "server.port" },
    { "server: { metrics_host = \"\"; };", "server.metrics_host" },
    { "server: { metrics_port = 1; };", "server.metrics_port" },
    { "server: { workers = 3; };", "server.workers" },
    { "limits: { header_max = 5000; };", "limits.header_max" },
    { "server: { environment = \"x\"; port = 1; };", "server.port, server.environment" },
};

START_TEST(changes_that_need_a_start_are_named)
{
    static const char *const none[] = { NULL };
    const char *const *fixed;
    struct gw_buf names;

    load(none, NULL, NULL);
    fixed = gw_settings_fixed(&settings, &arena);
    ck_assert_ptr_nonnull(fixed);
    load(none, changes[_i].conf, NULL);
    gw_buf_init(&names, 1000);
    gw_settings_fixed_changed(fixed, &settings, &arena, &names);
    ck_assert_str_eq(names.data ? names.data : "", changes[_i].named);
    gw_buf_done(&names);
}
END_TEST

START_TEST(the_reference_says_what_needs_a_start)
{
    static const char says[] = " A change takes effect at the next start. |";
    struct gw_buf text;
    char *line;

    gw_buf_init(&text, 1 << 20);
    gw_settings_reference(&text);
    line = strstr(text.data, "| `server.workers` |");
    ck_assert_ptr_nonnull(line);
    ck_assert(strstr(line, says) && strstr(line, says) < strchr(line, '\n'));
    line = strstr(text.data, "| `server.drain_ms` |");
    ck_assert_ptr_nonnull(line);
    ck_assert(strstr(line, says) > strchr(line, '\n'));
    gw_buf_done(&text);
}
END_TEST

START_TEST(extra_headers_are_a_map_from_every_source)
{
    static const char *const env[][2] = { { "AIGW_CUSTOM_MODELS__EXTRA_HEADERS={\"X-A\":\"1\"}", NULL },
                                          { "AIGW_CUSTOM_MODELS={\"extra_headers\":{\"X-A\":\"1\"}}", NULL },
                                          { NULL, NULL } };

    load(env[_i], _i == 2 ? "routing: { extra_headers: { X-A = \"1\"; }; };" : NULL, NULL);
    EXPECT_CLEAN("headers");
    ck_assert_uint_eq(settings.models.extra_headers.count, 1);
    ck_assert_str_eq(settings.models.extra_headers.names[0], "X-A");
    ck_assert_str_eq(settings.models.extra_headers.values[0], "1");
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_loop_test(tcase, default_is_as_documented, 0, GW_ARRAY_LEN(defaults));
    tcase_add_loop_test(tcase, setting_has_the_value_of_the_strongest_source, 0, GW_ARRAY_LEN(good));
    tcase_add_loop_test(tcase, mistake_is_named_once, 0, GW_ARRAY_LEN(bad));
    tcase_add_loop_test(tcase, variables_without_effect_are_named, 0, GW_ARRAY_LEN(ineffective));
    tcase_add_test(tcase, the_reference_names_every_setting_and_every_ignored_variable);
    tcase_add_loop_test(tcase, changes_that_need_a_start_are_named, 0, GW_ARRAY_LEN(changes));
    tcase_add_test(tcase, the_reference_says_what_needs_a_start);
    tcase_add_test(tcase, all_of_two_thousand_secret_headers_are_masked);
    tcase_add_loop_test(tcase, extra_headers_are_a_map_from_every_source, 0, 3);
}

int main(void)
{
    return run_suite("settings", add);
}
