/* table.c - every setting of the core in one table: conf.d path, environment variables, default, range, help.
 *
 * Parsing, `aigw check`, `aigw config` and host->setting() all read this. Adding a setting is adding a row here and a
 * field in settings.h. Names of variables are GitLab's where GitLab has one; ours are AIGW_<SECTION>__<NAME>. */
#include "config/internal.h"

#define FIELD(section, member) offsetof(struct gw_settings, section.member)
#define DAY_MS                 86400000.0
#define PORT_MAX               65535.0
#define GIB                    1073741824.0

/* clang-format off: one row per setting reads best as a table */
#define ROW(sec, nam, typ, flg, rowflg, def, lo, hi, chs, hlp, ...) \
    { \
        .section = #sec, .flags = (rowflg), .env = { __VA_ARGS__ }, .setting = { \
            .name = #nam, \
            .type = AIGW_SET_##typ, \
            .flags = (flg), \
            .offset = FIELD(sec, nam), \
            .default_value = (def), \
            .min = (lo), \
            .max = (hi), \
            .choices = (chs), \
            .help = (hlp) \
        } \
    }
#define TEXT(sec, nam, flg, rowflg, def, hlp, ...) ROW(sec, nam, STRING, flg, rowflg, def, 0, 0, NULL, hlp, __VA_ARGS__)
#define INT(sec, nam, def, lo, hi, hlp, ...)       ROW(sec, nam, INT, 0, 0, def, lo, hi, NULL, hlp, __VA_ARGS__)
#define BOOL(sec, nam, def, hlp, ...)              ROW(sec, nam, BOOL, 0, 0, def, 0, 0, NULL, hlp, __VA_ARGS__)
#define LIST(sec, nam, hlp, ...)                   ROW(sec, nam, LIST, 0, 0, NULL, 0, 0, NULL, hlp, __VA_ARGS__)
#define MAP(sec, nam, flg, hlp, ...)               ROW(sec, nam, MAP, flg, 0, NULL, 0, 0, NULL, hlp, __VA_ARGS__)

const struct gw_setting_row gw_setting_rows[] = {
    /* -- server -- */
    TEXT(server, host, 0, GW_ROW_RESTART, "0.0.0.0", "Address the API listens on. `::` serves IPv6 and IPv4.",
         "AIGW_FASTAPI__API_HOST"),
    ROW(server, port, INT, 0, GW_ROW_RESTART, "5052", 0, PORT_MAX, NULL,
        "Port of the API. 0 picks a free one, for tests.", "AIGW_FASTAPI__API_PORT"),
    TEXT(server, metrics_host, 0, GW_ROW_RESTART, "0.0.0.0",
         "Address of the metrics listener (plain HTTP, `/metrics`). Empty: no metrics listener.",
         "AIGW_FASTAPI__METRICS_HOST"),
    ROW(server, metrics_port, INT, 0, GW_ROW_RESTART, "8082", 0, PORT_MAX, NULL,
        "Port of the metrics listener. 0 picks a free one, on loopback only when metrics_host means all addresses, for "
        "tests.",
        "AIGW_FASTAPI__METRICS_PORT"),
    ROW(server, workers, INT, 0, GW_ROW_RESTART, "0", 0, 1024, NULL,
        "Event loops (threads). 0: one per CPU this process may use, CPU quotas of containers and services counted. "
        "One "
        "serves thousands of streams.",
        "WEB_CONCURRENCY"),
    TEXT(server, path_prefix, 0, 0, "/ai", "Every route answers under this prefix too. Empty for none.",
         "AIGW_SERVER__PATH_PREFIX"),
    TEXT(server, openapi_url, 0, 0, "/openapi.json", "Path of the OpenAPI document. Empty switches it off.",
         "AIGW_FASTAPI__OPENAPI_URL"),
    TEXT(server, docs_url, 0, 0, "/docs", "Path of the API documentation page. Empty switches it off.",
         "AIGW_FASTAPI__DOCS_URL"),
    BOOL(server, docs_open, "true", "API documentation needs no token.", "AIGW_SERVER__DOCS_OPEN"),
    INT(server, drain_ms, "30000", 0, DAY_MS,
        "Longest wait for running requests at SIGTERM, and after `aigw upgrade`, milliseconds.",
        "AIGW_SERVER__DRAIN_MS"),
    INT(server, drain_wait_ms, "0", 0, DAY_MS,
        "At SIGTERM: how long new connections are still served while ready says 503, so that balancers learn of it, "
        "milliseconds. A second SIGTERM ends it. drain_ms begins after it.",
        "AIGW_SERVER__DRAIN_WAIT_MS"),
    LIST(server, trusted_proxies,
         "Addresses or CIDR ranges of proxies whose forwarded headers are believed. Empty: none.",
         "AIGW_SERVER__TRUSTED_PROXIES"),
    ROW(server, cors_origins, LIST, 0, 0, "[\"*\"]", 0, 0, NULL,
        "Origins of web pages that may call the routes for API keys, such as https://chat.example.com. `*`: any.",
        "AIGW_SERVER__CORS_ORIGINS"),
    BOOL(server, route_header, "false",
         "Answers say in the header `x-aigw-target` which provider and model served them. It shows clients what is "
         "behind a name.",
         "AIGW_SERVER__ROUTE_HEADER"),
    TEXT(server, control_socket, 0, GW_ROW_RESTART, NULL,
         "Unix socket at which `aigw reload` and its like ask this process: `@name` (abstract) or a path. Unset: "
         "`@aigw-PORT`. Empty: none.",
         "AIGW_SERVER__CONTROL_SOCKET"),
    BOOL(server, watch_config, "false",
         "Reload when files of conf.d, prompts or plugins change, as soon as nothing changed for two seconds.",
         "AIGW_SERVER__WATCH_CONFIG"),
    TEXT(server, environment, 0, GW_ROW_RESTART, "production",
         "Label of this installation. Shown in the start line of the log.", "AIGW_ENVIRONMENT"),
    TEXT(server, region, 0, GW_ROW_EMPTY_UNSET, "us-central1", "Region reported to clients and to plugins that ask.",
         "AIGW_GOOGLE_CLOUD_PLATFORM__LOCATION", "RUNWAY_REGION"),

    /* -- limits -- */
    INT(limits, header_ms, "10000", 100, DAY_MS, "Longest time to receive a request's headers, milliseconds.",
        "AIGW_LIMITS__HEADER_MS"),
    INT(limits, body_ms, "30000", 100, DAY_MS, "Longest silence while a request's body arrives, milliseconds.",
        "AIGW_LIMITS__BODY_MS"),
    INT(limits, body_total_ms, "60000", 1000, DAY_MS,
        "Longest time for a request's whole body, milliseconds; each 64 KiB that arrived add a second.",
        "AIGW_LIMITS__BODY_TOTAL_MS"),
    INT(limits, idle_ms, "120000", 100, DAY_MS,
        "Longest idle time of a kept-alive connection, milliseconds. Keep it "
        "above the 90 s that GitLab's Workhorse keeps connections.",
        "AIGW_LIMITS__IDLE_MS"),
    INT(limits, write_stall_ms, "60000", 100, DAY_MS,
        "Longest time a client may take no byte of an answer, "
        "milliseconds.",
        "AIGW_LIMITS__WRITE_STALL_MS"),
    INT(limits, request_ms, "600000", 1000, DAY_MS, "Longest time of a whole request, streams included, milliseconds.",
        "AIGW_LIMITS__REQUEST_MS"),
    ROW(limits, header_max, INT, 0, GW_ROW_RESTART, "32768", 1024, 1048576, NULL,
        "Largest request line and headers, bytes. Larger: 431.", "AIGW_LIMITS__HEADER_MAX"),
    INT(limits, body_max, "16777216", 1024, GIB,
        "Largest request body, bytes. Larger: 413. The default is less where "
        "memory is limited to less than 124 MiB.",
        "AIGW_LIMITS__BODY_MAX"),
    INT(limits, drain_max, "1048576", 0, GIB,
        "Bytes of a refused body that are read and thrown away so that the client "
        "sees the answer.",
        "AIGW_LIMITS__DRAIN_MAX"),
    INT(limits, backlog_high, "65536", 1024, GIB, "Unsent bytes of one stream at which the model is slowed down.",
        "AIGW_LIMITS__BACKLOG_HIGH"),
    INT(limits, connections_max, "20000", 1, 10000000,
        "Most client connections of the process. Beyond it: 503 with Retry-After. The default is less where memory is "
        "limited to less than 850 MiB: three quarters of it, 32 KiB each.",
        "AIGW_LIMITS__CONNECTIONS_MAX"),
    INT(limits, request_memory_max, "67108864", 65536, GIB,
        "Most memory of one request, bytes. The default is less where memory is "
        "limited to less than 256 MiB.",
        "AIGW_LIMITS__REQUEST_MEMORY_MAX"),
    INT(limits, plugin_stuck_ms, "0", 0, DAY_MS,
        "A plugin's callback that holds a worker for so long ends the process, with exit status 70, so that its "
        "supervisor starts it anew, milliseconds. 0: it is only reported, after 2 s.",
        "AIGW_LIMITS__PLUGIN_STUCK_MS"),
    INT(limits, stream_status_ms, "1000", 0, 60000,
        "A stream's 200 is sent with the model's first event, or after this many "
        "milliseconds.",
        "AIGW_LIMITS__STREAM_STATUS_MS"),

    /* -- tls -- */
    ROW(tls, enabled, BOOL, 0, GW_ROW_RESTART, "false", 0, 0, NULL, "Serve HTTPS on the API port.",
        "AIGW_FASTAPI__TLS__ENABLED"),
    TEXT(tls, cert_file, 0, GW_ROW_EMPTY_UNSET, NULL, "Certificate chain, PEM.", "AIGW_FASTAPI__TLS__CERT_FILE"),
    TEXT(tls, key_file, 0, GW_ROW_EMPTY_UNSET, NULL, "Private key of the certificate, PEM.",
         "AIGW_FASTAPI__TLS__KEY_FILE"),
    TEXT(tls, client_ca_file, 0, GW_ROW_EMPTY_UNSET, NULL,
         "Clients must show a certificate of one of these authorities, "
         "PEM. Unset: no client certificate is asked for.",
         "AIGW_TLS__CLIENT_CA_FILE"),
    TEXT(tls, ciphers, 0, GW_ROW_EMPTY_UNSET, NULL,
         "GnuTLS priority string. Unset, `TLSv1` or `TLSv1.2`: the default "
         "suites with TLS 1.2 as the minimum.",
         "AIGW_FASTAPI__TLS__SSL_CIPHERS"),

    /* -- auth -- */
    TEXT(auth, gitlab_url, 0, GW_ROW_URL, "https://gitlab.com", "GitLab whose tokens are accepted. Empty: none.",
         "AIGW_GITLAB_URL"),
    TEXT(auth, gitlab_api_url, 0, GW_ROW_URL, "https://gitlab.com/api/v4/", "API of that GitLab, for diagnostics only.",
         "AIGW_GITLAB_API_URL"),
    TEXT(auth, customer_portal_url, 0, GW_ROW_URL, "https://customers.gitlab.com",
         "Customer portal whose tokens are "
         "accepted. Empty: none, which offline sites want.",
         "AIGW_CUSTOMER_PORTAL_URL"),
    MAP(auth, issuers, 0, "More accepted issuers: name → base URL.", "AIGW_AUTH__ISSUERS"),
    TEXT(auth, service_name, 0, GW_ROW_EMPTY_UNSET, "gitlab-ai-gateway",
         "Audience of accepted tokens, issuer of our own.", "AIGW_CLOUD_CONNECTOR_SERVICE_NAME",
         "CLOUD_CONNECTOR_SERVICE_NAME"),
    BOOL(auth, bypass_external, "false", "DANGEROUS: everybody may do everything. For troubleshooting only.",
         "AIGW_AUTH__BYPASS_EXTERNAL"),
    BOOL(auth, bypass_external_with_header, "false", "DANGEROUS: whoever sends `Bypass-Auth: true` may do everything.",
         "AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER"),
    BOOL(auth, bypass_jwt_signature, "false", "DANGEROUS: signatures of tokens are not checked.",
         "AIGW_AUTH__BYPASS_JWT_SIGNATURE"),
    BOOL(auth, refuse_bypass, "false", "Refuse to start while one of the three bypass switches is on.",
         "AIGW_AUTH__REFUSE_BYPASS"),
    TEXT(auth, signing_key, AIGW_SETF_SECRET, GW_ROW_PEM | GW_ROW_EMPTY_UNSET, NULL,
         "RSA private key (PEM text, or "
         "`file:/path`) that signs the tokens this gateway issues.",
         "AIGW_SELF_SIGNED_JWT__SIGNING_KEY"),
    TEXT(auth, validation_key, AIGW_SETF_SECRET, GW_ROW_PEM | GW_ROW_EMPTY_UNSET, NULL,
         "Second key (PEM text, or "
         "`file:/path`) that verifies them, for rotation.",
         "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY"),
    INT(auth, keys_refresh_s, "86400", 60, 86400, "Seconds between fetches of the issuers' keys.",
        "AIGW_AUTH__KEYS_REFRESH_S"),
    INT(auth, leeway_s, "0", 0, 60, "Clock difference that is forgiven, seconds.", "AIGW_AUTH__LEEWAY_S"),
    ROW(auth, strict_chat_scope, BOOL, 0, 0, "false", 0, 0, NULL, "Accept only the newest scope rule for chat.",
        "AIGW_AUTH__STRICT_CHAT_SCOPE"),

    /* -- models -- */
    BOOL(models, custom_models, "true",
         "Requests may bring their own model endpoint and key, as a self-hosted GitLab's do.",
         "AIGW_CUSTOM_MODELS__ENABLED"),
    BOOL(models, disable_streaming, "false", "Never ask a model to stream.", "AIGW_CUSTOM_MODELS__DISABLE_STREAMING"),
    ROW(models, extra_headers, MAP, AIGW_SETF_SECRET, GW_ROW_ROUTING, NULL, 0, 0, NULL,
        "Headers of every model call, instead of the gateway's own of that name: name → value. In section models as "
        "JSON text, in section routing as a group.",
        "AIGW_CUSTOM_MODELS__EXTRA_HEADERS"),
    BOOL(models, mock_responses, "false", "Every request gets a canned answer from the mock provider. For tests.",
         "AIGW_MOCK_MODEL_RESPONSES"),
    ROW(models, allowed_endpoints, LIST, 0, GW_ROW_ROUTING, NULL, 0, 0, NULL,
        "Patterns of endpoints that requests may "
        "bring. Empty: any that the address policy allows.",
        "AIGW_MODELS__ALLOWED_ENDPOINTS"),
    ROW(models, allow_link_local, BOOL, 0, GW_ROW_ROUTING, "false", 0, 0, NULL,
        "Let model calls go to link-local and cloud metadata addresses; off, they are refused, configured providers' "
        "too.",
        "AIGW_MODELS__ALLOW_LINK_LOCAL"),
    ROW(models, chat_timeout_ms, INT, 0, GW_ROW_ENV_SECONDS, "30000", 1, DAY_MS, NULL,
        "Longest silence of a model during "
        "chat, milliseconds. The variable is in seconds.",
        "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT"),
    ROW(models, chat_max_tokens, INT, 0, 0, "0", 0, 100000000, NULL,
        "Most tokens of a chat answer. 0: as the prompt says.", "AIGW_DUO_CHAT__MAX_TOKENS"),

    /* -- upstream -- */
    INT(upstream, connect_ms, "5000", 1, DAY_MS, "Longest time to connect to a model server, milliseconds.",
        "AIGW_UPSTREAM__CONNECT_MS"),
    INT(upstream, idle_ms, "60000", 1, DAY_MS, "Longest silence of a model server, milliseconds.",
        "AIGW_UPSTREAM__IDLE_MS"),
    INT(upstream, total_ms, "600000", 1, DAY_MS, "Longest time of one model call, milliseconds.",
        "AIGW_UPSTREAM__TOTAL_MS"),
    INT(upstream, retries, "1", 0, 10, "Quick retries of a model call before the first byte went to the client.",
        "AIGW_UPSTREAM__RETRIES"),
    INT(upstream, retry_after_max_ms, "2000", 0, 600000,
        "Longest Retry-After of a model server that is waited for, "
        "milliseconds.",
        "AIGW_UPSTREAM__RETRY_AFTER_MAX_MS"),
    INT(upstream, answer_max, "33554432", 65536, GIB, "Largest answer, or piece of a streamed one, bytes.",
        "AIGW_UPSTREAM__ANSWER_MAX"),
    INT(upstream, connections_per_host, "256", 1, 100000, "Idle connections kept to one model server, per worker.",
        "AIGW_UPSTREAM__CONNECTIONS_PER_HOST"),
    INT(upstream, circuit_failures, "5", 0, 1000000, "Failures in a row after which a target is rested. 0: never.",
        "AIGW_UPSTREAM__CIRCUIT_FAILURES"),
    INT(upstream, circuit_rest_ms, "10000", 1, DAY_MS,
        "How long it is rested, milliseconds; twice as long each time that it fails again.",
        "AIGW_UPSTREAM__CIRCUIT_REST_MS"),
    INT(upstream, circuit_rest_max_ms, "120000", 1, DAY_MS, "Longest of such rests, milliseconds.",
        "AIGW_UPSTREAM__CIRCUIT_REST_MAX_MS"),
    INT(upstream, slow_start_ms, "10000", 0, DAY_MS,
        "After a rest a target's share and its max_parallel rise from a tenth for this long, milliseconds. 0: at once.",
        "AIGW_UPSTREAM__SLOW_START_MS"),
    INT(upstream, retry_budget, "20", 0, 100,
        "Calls that may ask the same target again at a time, percent of those under way; three always may.",
        "AIGW_UPSTREAM__RETRY_BUDGET"),
    INT(upstream, finish_grace_ms, "2000", 0, DAY_MS,
        "After a model gave its finish reason but not its end marker, a whole JSON value but no end of the body, or a "
        "refusal without one: how long nothing but comments may come before the answer counts as whole, milliseconds. "
        "0: wait for the end.",
        "AIGW_UPSTREAM__FINISH_GRACE_MS"),
    TEXT(upstream, ca_file, 0, GW_ROW_EMPTY_UNSET, NULL,
         "Certificate authorities for model servers, PEM. Replaces the "
         "system's.",
         "AIGW_MTLS__CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    TEXT(upstream, extra_ca_file, 0, GW_ROW_EMPTY_UNSET, NULL, "Certificate authorities added to those in use, PEM.",
         "AIGW_EXTRA_CA_FILE"),
    BOOL(upstream, mtls_enabled, "false", "Show a client certificate to model servers.", "AIGW_MTLS__ENABLED"),
    TEXT(upstream, cert_file, 0, GW_ROW_EMPTY_UNSET, NULL, "Client certificate, PEM. May hold the key too.",
         "AIGW_MTLS__CERT_FILE"),
    TEXT(upstream, key_file, 0, GW_ROW_EMPTY_UNSET, NULL, "Key of the client certificate, PEM.", "AIGW_MTLS__KEY_FILE"),
    TEXT(upstream, key_password, AIGW_SETF_SECRET, GW_ROW_EMPTY_UNSET, NULL, "Password of that key.",
         "AIGW_MTLS__KEY_PASSWORD"),
    BOOL(upstream, verify, "true", "Verify the certificates of model servers.", "AIGW_MTLS__VERIFY"),

    /* -- trust -- */
    TEXT(trust, keys_ca_file, 0, GW_ROW_EMPTY_UNSET, NULL,
         "Certificate authorities for fetching the issuers' keys, PEM. "
         "Replaces the system's.",
         "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),

    /* -- log -- */
    ROW(log, level, STRING, 0, GW_ROW_LOWER, "info", 0, 0, "debug|info|warning|error|critical",
        "Lines below this level are "
        "not written.",
        "AIGW_LOGGING__LEVEL"),
    BOOL(log, json, "true", "One JSON object per line; false: text for people.", "AIGW_LOGGING__FORMAT_JSON"),
    TEXT(log, file, 0, GW_ROW_EMPTY_UNSET, NULL, "File to append to. Unset: standard error.", "AIGW_LOGGING__TO_FILE"),
    BOOL(log, request_logging, "false",
         "Answer every caller's validation errors in detail. Prompts and answers are never logged.",
         "AIGW_LOGGING__ENABLE_REQUEST_LOGGING"),
    BOOL(log, upstream_trace, "false",
         "Log the start and the end of each call to a model server, without keys and prompts.",
         "AIGW_LOGGING__ENABLE_LITELLM_LOGGING"),
    BOOL(log, access, "true", "One line per request.", "AIGW_LOGGING__ACCESS"),

    /* -- flags -- */
    TEXT(flags, disallowed_flags, 0, GW_ROW_JSON | GW_ROW_EMPTY_UNSET, "{}",
         "Feature flags to drop, JSON: realm → list of "
         "names.",
         "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS"),
    ROW(flags, chat_core_cutoff, BOOL, 0, 0, "false", 0, 0, NULL,
        "Cut-off switch of the core chat rights, as GitLab documents it.",
        "AIGW_PROCESS_LEVEL_FEATURE_FLAGS__DUO_CLASSIC_CHAT_DUO_CORE_CUTOFF"),

    /* -- shared -- */
    TEXT(shared, url, AIGW_SETF_SECRET, GW_ROW_EMPTY_UNSET, NULL,
         "Valkey or Redis at which several gateways share their quotas: "
         "valkey://[user:password@]host[:port][/database]. "
         "Unset: each has its own.",
         "AIGW_SHARED__URL"),
    TEXT(shared, password, AIGW_SETF_SECRET, GW_ROW_EMPTY_UNSET, NULL, "Its password, in place of one in the URL.",
         "AIGW_SHARED__PASSWORD"),
    ROW(shared, mode, STRING, 0, 0, "lease", 0, 0, "lease|strict",
        "`lease`: calls are charged here and told to the store soon after; each gateway may be a twentieth of a limit, "
        "or one call, ahead. `strict`: each call waits for the store.",
        "AIGW_SHARED__MODE"),
    ROW(shared, on_down, STRING, 0, 0, "share", 0, 0, "share|open|closed",
        "While the store is down: `share`: each gateway allows its part of every limit; `open`: nobody is refused; "
        "`closed`: whoever a quota would count is refused with 503.",
        "AIGW_SHARED__ON_DOWN"),
    INT(shared, timeout_ms, "100", 1, 60000,
        "Longest wait for an answer of the store, milliseconds; after it the store counts as down.",
        "AIGW_SHARED__TIMEOUT_MS"),
    INT(shared, replicas, "0", 0, 10000,
        "How many gateways are reckoned with while the store is down, if fewer were seen there. It matters for those "
        "that start without it.",
        "AIGW_SHARED__REPLICAS"),

    /* -- metrics -- */
    TEXT(metrics, model_limits, 0, GW_ROW_JSON | GW_ROW_EMPTY_UNSET, "{}",
         "Limits shown as gauges, JSON: engine → model → "
         "limits. Nothing is enforced.",
         "AIGW_MODEL_ENGINE_LIMITS", "AIGW_MODEL_ENGINE_CONCURRENCY_LIMITS"),

    /* -- prompts -- */
    LIST(prompts, dirs, "Prompt folders, later ones win. Empty: `prompts` in each configuration folder.",
         "AIGW_PROMPTS__DIRS"),
};
const size_t gw_setting_row_count = GW_ARRAY_LEN(gw_setting_rows);

const struct gw_ignored_env gw_ignored_envs[] = {
    { "AIGW_GLGO_BASE_URL", "that service is not part of this gateway" },
    { "AIGW_USE_AGENTIC_MOCK", "agent sessions are not part of this gateway" },
    { "AIGW_AGENTIC_MOCK*", "agent sessions are not part of this gateway" },
    { "AIGW_MOCK_USAGE_*", "usage quotas are not part of this gateway" },
    { "AIGW_FASTAPI__REDOC_URL", "there is one documentation page, AIGW_FASTAPI__DOCS_URL" },
    { "AIGW_FASTAPI__RELOAD", "a development switch of the original; send SIGHUP to reload" },
    { "AIGW_FASTAPI__UVICORN_LOGGER", "a detail of the original; see AIGW_LOGGING__LEVEL" },
    { "AIGW_INSTRUMENTATOR__*", "a detail of the original's thread pool; this gateway has event loops" },
    { "AIGW_GOOGLE_CLOUD_PROFILER__*", "no telemetry leaves this process" },
    { "AIGW_INTERNAL_EVENT__*", "no telemetry leaves this process" },
    { "AIGW_BILLING_EVENT__*", "no telemetry leaves this process" },
    { "AIGW_SNOWPLOW__*", "no telemetry leaves this process" },
    { "AIGW_AUDIT_EVENT__*", "no telemetry leaves this process" },
    { "AIGW_MODEL_ENDPOINTS__*", "discontinued; write the endpoint into conf.d" },
    { "AIGW_DEFAULT_PROMPTS", "discontinued; put prompts into a folder of prompts.dirs" },
    { "AIGW_MODEL_SELECTION__*", "models are chosen in conf.d, section models" },
    { "AIGW_LITELLM__MODEL_METADATA_FILE", "model families are described in conf.d, section families" },
    { "AIGW_BIND_TOOLS_CACHE__*", "a cache of the original that this gateway does not need" },
    { "AIGW_ABUSE_DETECTION__*", "discontinued" },
    { "AIGW_CUSTOMERSDOT__*", "usage quotas are not part of this gateway" },
    { "CUSTOMER_PORTAL_USAGE_QUOTA_*", "usage quotas are not part of this gateway" },
    { "PROMETHEUS_MULTIPROC_DIR", "a detail of the original; all workers share one metrics page" },
    { "SSL_CERT_DIR", "folders of certificates are not read; join them into one file and set SSL_CERT_FILE" },
    { "DISABLE_AI_GATEWAY", "this program is the HTTP half only; do not start it instead" },
    { "ENABLE_DUO_WORKFLOW_SERVICE", "the agent service on port 50052 is not part of this gateway" },
    { "DUO_WORKFLOW_*", "the agent service on port 50052 is not part of this gateway" },
    { "LANGCHAIN_*", "no telemetry leaves this process" },
    { "LANGSMITH_*", "no telemetry leaves this process" },
    { "HF_HUB_OFFLINE", "nothing is downloaded" },
    { "TRANSFORMERS_NO_ADVISORY_WARNINGS", "a detail of the original" },
    { "TOKENIZERS_PARALLELISM", "a detail of the original" },
    { "PROMPT_SCANNER", "prompt scanning is not part of this gateway" },
    { "HL_CLIENT_*", "prompt scanning is not part of this gateway" },
    { "HIDDENLAYER_*", "prompt scanning is not part of this gateway" },
};
const size_t gw_ignored_env_count = GW_ARRAY_LEN(gw_ignored_envs);
/* clang-format on */
