/* settings.h - every setting of the core, after environment, .env, conf.d and defaults were combined.
 *
 * The table behind it (settings.c) is the single source for parsing, `aigw check` and `aigw config`. Strings live in
 * the snapshot's arena. Absent strings without default are NULL. */
#ifndef GW_SETTINGS_H
#define GW_SETTINGS_H

#include "base/base.h"
#include "config/node.h"

struct gw_settings {
    struct {
        const char *host;                 /* AIGW_FASTAPI__API_HOST */
        int64_t port;                     /* AIGW_FASTAPI__API_PORT */
        const char *metrics_host;         /* AIGW_FASTAPI__METRICS_HOST; "": no metrics listener */
        int64_t metrics_port;             /* AIGW_FASTAPI__METRICS_PORT; 0: any free one */
        int64_t workers;                  /* WEB_CONCURRENCY; 0: one per CPU this process may use */
        const char *path_prefix;          /* "/ai" (D28), "" for none */
        const char *openapi_url;          /* AIGW_FASTAPI__OPENAPI_URL */
        const char *docs_url;             /* AIGW_FASTAPI__DOCS_URL */
        int32_t docs_open;                /* D1: /docs and /openapi.json need no token */
        int64_t drain_wait_ms;            /* at SIGTERM, before the listener closes */
        int64_t drain_ms;                 /* longest wait for streams after that */
        struct aigw_list trusted_proxies; /* CIDR, D22 */
        struct aigw_list cors_origins;    /* of pages that may call the routes for API keys; "*": any */
        const char *control_socket;       /* "@name" or a path; NULL: "@aigw-<port>"; "": none */
        int32_t watch_config;             /* reload when files change */
        int32_t route_header;             /* answers name their target */
        const char *environment;          /* AIGW_ENVIRONMENT */
        const char *region;               /* AIGW_GOOGLE_CLOUD_PLATFORM__LOCATION, RUNWAY_REGION */
    } server;
    struct {
        int64_t header_ms, body_ms, body_total_ms, idle_ms, write_stall_ms;
        int64_t request_ms;                                                     /* whole request, streams included */
        int64_t header_max, body_max, drain_max, backlog_high, connections_max; /* connections_max: process */
        int64_t request_memory_max;                                             /* arena of one request */
        int64_t stream_status_ms;                                               /* D32 */
        int64_t plugin_stuck_ms;                                                /* 0: never ends the process */
    } limits;
    struct {
        int32_t enabled; /* AIGW_FASTAPI__TLS__ENABLED */
        const char *cert_file, *key_file, *client_ca_file;
        const char *ciphers; /* AIGW_FASTAPI__TLS__SSL_CIPHERS */
    } tls;
    struct {
        const char *gitlab_url, *gitlab_api_url, *customer_portal_url;
        struct aigw_map issuers; /* more OIDC providers, name → base URL */
        const char *service_name;
        int32_t bypass_external, bypass_external_with_header, bypass_jwt_signature;
        int32_t refuse_bypass;                    /* refuse to start with a bypass switch on */
        const char *signing_key, *validation_key; /* PEM text; \n escapes already turned into newlines */
        int64_t keys_refresh_s;                   /* 24 h at most */
        int64_t leeway_s;                         /* clock skew allowed, 0..60 */
        int32_t strict_chat_scope;                /* D7 */
    } auth;
    struct {
        int32_t custom_models;              /* AIGW_CUSTOM_MODELS__ENABLED */
        int32_t disable_streaming;          /* AIGW_CUSTOM_MODELS__DISABLE_STREAMING */
        struct aigw_map extra_headers;      /* AIGW_CUSTOM_MODELS__EXTRA_HEADERS */
        int32_t mock_responses;             /* AIGW_MOCK_MODEL_RESPONSES: every need leads to the mock provider */
        struct aigw_list allowed_endpoints; /* patterns; empty: any that the address policy allows */
        int32_t allow_link_local;
        int64_t chat_timeout_ms; /* AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT */
        int64_t chat_max_tokens; /* AIGW_DUO_CHAT__MAX_TOKENS, 0 unset */
    } models;
    struct {
        int64_t connect_ms, idle_ms, total_ms;
        int64_t retries;            /* D20 */
        int64_t retry_after_max_ms; /* longest Retry-After that is waited for */
        int64_t answer_max;         /* largest buffered answer or frame, bytes */
        int64_t connections_per_host;
        int64_t circuit_failures; /* in a row before a target is rested, 0: never */
        int64_t circuit_rest_ms, circuit_rest_max_ms;
        int64_t slow_start_ms;     /* after a rest */
        int64_t retry_budget;      /* percent of the calls under way */
        int64_t finish_grace_ms;   /* D35 */
        const char *ca_file;       /* AIGW_MTLS__CA_BUNDLE > SSL_CERT_FILE > REQUESTS_CA_BUNDLE; NULL: system */
        const char *extra_ca_file; /* added to whatever trust is in use */
        int32_t mtls_enabled;
        const char *cert_file, *key_file, *key_password;
        int32_t verify;
    } upstream;
    struct {
        const char *keys_ca_file; /* key fetches: REQUESTS_CA_BUNDLE > CURL_CA_BUNDLE > SSL_CERT_FILE; NULL: system */
    } trust;
    struct {
        const char *level; /* debug info warning error critical */
        int32_t json;
        const char *file;
        int32_t request_logging; /* AIGW_LOGGING__ENABLE_REQUEST_LOGGING */
        int32_t upstream_trace;  /* AIGW_LOGGING__ENABLE_LITELLM_LOGGING */
        int32_t access;          /* one access line per request */
    } log;
    struct {
        const char *disallowed_flags; /* AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS: JSON realm → list */
        int32_t chat_core_cutoff;     /* AIGW_PROCESS_LEVEL_FEATURE_FLAGS__DUO_CLASSIC_CHAT_DUO_CORE_CUTOFF */
    } flags;
    struct {
        const char *url;      /* of the store where replicas share limits; NULL or "": none */
        const char *password; /* in place of one in the URL */
        const char *mode;     /* "lease" or "strict" */
        const char *on_down;  /* "share", "open" or "closed" */
        int64_t timeout_ms;
        int64_t replicas; /* at least so many are reckoned with while the store is down */
    } shared;
    struct {
        const char *model_limits; /* AIGW_MODEL_ENGINE_LIMITS: JSON, gauges only */
    } metrics;
    struct {
        struct aigw_list dirs; /* prompt folders, later wins; default: <conf dir>/prompts of each conf dir */
    } prompts;
    const char *const *sources; /* for gw_settings_source(): where each row of the table got its value */
};

/** Combine environment (`environ_list`, NULL-ended "NAME=value" as in environ; NULL: the process's), the .env file
 * found upwards from dot_env_dir (NULL: none), conf.d and defaults. */
void gw_settings_load(struct gw_arena *arena, const struct gw_node *conf, const char *const *environ_list,
                      const char *dot_env_dir, struct gw_settings *out, struct gw_problems *problems);
/** Value of a core setting as text by its conf.d path ("server.region"); absent if unknown or secret. */
aigw_str gw_settings_text(const struct gw_settings *settings, struct gw_arena *arena, const char *path);
/** Where a setting got its value: "SSL_CERT_FILE", "conf.d/10-server.conf:3", "default"; NULL if there is no such path.
 */
const char *gw_settings_source(const struct gw_settings *settings, const char *path);
/** A problem with a setting, placed where it got its value. */
void gw_setting_problem(struct gw_problems *problems, const struct gw_settings *settings, const char *path,
                        const char *fmt, ...) AIGW_PRINTF(4, 5);
void gw_setting_warning(struct gw_problems *problems, const struct gw_settings *settings, const char *path,
                        const char *fmt, ...) AIGW_PRINTF(4, 5);
/** Settings that a running process keeps until its next start, as they are now, in an array of the arena; NULL when out
 *  of memory. */
const char *const *gw_settings_fixed(const struct gw_settings *settings, struct gw_arena *arena);
/** Append the paths of those that `settings` has otherwise ("server.host, server.port"). */
void gw_settings_fixed_changed(const char *const *fixed, const struct gw_settings *settings, struct gw_arena *scratch,
                               struct gw_buf *out);
/** A setting that two have otherwise, as texts. Of a secret neither is to be shown. */
struct gw_setting_change {
    const char *path;
    aigw_str was, is;
    bool is_secret;
    bool is_fixed; /* a running process keeps `was` until its next start */
};
typedef void (*gw_setting_change_fn)(void *user, const struct gw_setting_change *change);
/** Tell of each; strings live in scratch or in the settings. fixed: of gw_settings_fixed(), what the process runs with;
 *  NULL: it runs with all of `was`. */
void gw_settings_changes(const struct gw_settings *was, const char *const *fixed, const struct gw_settings *is,
                         struct gw_arena *scratch, gw_setting_change_fn tell, void *user);
/** Is there a core setting of this path? */
bool gw_settings_has(const char *path);
/** Names of set AIGW_ (and known) environment variables that have no effect in this program, for `aigw check`. */
void gw_settings_ineffective(const char *const *environ_list, struct gw_problems *problems);
/** The reference of core settings as Markdown, for `aigw config`. */
void gw_settings_reference(struct gw_buf *out);
/** "integer" for AIGW_SET_INT, and so on. */
const char *gw_setting_type_name(uint32_t type);
/** One line of such a table, for settings of plugins too; env NULL leaves that column out. */
void gw_reference_row(struct gw_buf *out, const char *path, const char *env, const struct aigw_setting *setting);
/** Environment lookup that also sees the .env file of the last load; NULL if unset. For env: values. */
const char *gw_env_get(const char *name);

#endif
