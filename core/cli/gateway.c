/* gateway.c - see gateway.h. */
#include "cli/gateway.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/listener.h"
#include "base/log.h"
#include "config/json.h"

#define KEYS_WAIT_MS 15000
#define KEYS_LOOK_MS 20

const struct gw_node *cli_settings_load(const struct cli_options *options, struct gw_arena *arena,
                                        struct gw_settings *ret_settings, struct gw_problems *problems)
{
    struct gw_snapshot_options from = cli_snapshot_options(options);
    const struct gw_node *conf = gw_conf_read(arena, from.conf_dirs, from.conf_dir_count, problems);

    gw_settings_load(arena, conf, from.environ_list, from.dot_env_dir, ret_settings, problems);
    return conf;
}

const char *cli_url_of(struct gw_arena *arena, bool is_tls, const char *host, int64_t port)
{
    const char *name = gw_listener_reached_at(host);
    bool is_v6 = strchr(name, ':') != NULL;

    return gw_arena_printf(arena, "%s://%s%s%s:%lld", is_tls ? "https" : "http", is_v6 ? "[" : "", name,
                           is_v6 ? "]" : "", (long long)port);
}

const char *cli_api_url(struct gw_arena *arena, const struct gw_settings *settings)
{
    return cli_url_of(arena, settings->tls.enabled != 0, settings->server.host, settings->server.port);
}

const char *cli_metrics_url(struct gw_arena *arena, const struct gw_settings *settings)
{
    if (!settings->server.metrics_host || !*settings->server.metrics_host)
        return NULL;
    return cli_url_of(arena, false, settings->server.metrics_host, settings->server.metrics_port);
}

void cli_quiet_log(void)
{
    const struct gw_log_options options = { .level = GW_LOG_CRITICAL, .file = "/dev/null" };

    (void)gw_log_start(&options, NULL);
}

/* ---- keys ---- */

/** Has every issuer answered or failed? */
static bool is_settled(struct json_object *keys)
{
    struct json_object *issuers = cli_json_group(keys, "issuers");

    if (!issuers)
        return true;
    json_object_object_foreach(issuers, name, issuer)
    {
        (void)name;
        if (!cli_json_at(issuer, "age_s") && !cli_json_at(issuer, "error"))
            return false;
    }
    return true;
}

static struct json_object *describe(struct gw_auth *auth)
{
    struct json_object *all, *keys = NULL;
    struct gw_buf text;

    gw_buf_init(&text, 256u << 10);
    gw_buf_puts(&text, "{");
    gw_auth_describe(auth, &text);
    gw_buf_puts(&text, "}");
    all = gw_json_read(gw_buf_str(&text), 16, 0, NULL);
    if (all)
        keys = json_object_get(cli_json_at(all, "keys"));
    json_object_put(all);
    gw_buf_done(&text);
    return keys;
}

struct gw_auth *cli_auth_new(const struct gw_settings *settings, const struct gw_oidc *oidc, struct gw_err *reterr)
{
    const struct timespec pause = { .tv_nsec = KEYS_LOOK_MS * 1000000L };
    struct gw_auth *auth = gw_auth_new(settings, oidc, reterr);
    int64_t until_ms = gw_mono_ms() + KEYS_WAIT_MS;
    bool is_ready = !auth;

    while (!is_ready && gw_mono_ms() < until_ms) {
        struct json_object *keys = describe(auth);

        is_ready = is_settled(keys);
        json_object_put(keys);
        if (!is_ready)
            nanosleep(&pause, NULL);
    }
    return auth;
}

struct json_object *cli_keys_fetch(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                   struct gw_err *reterr)
{
    struct gw_auth *auth = cli_auth_new(settings, oidc, reterr);
    struct json_object *keys = auth ? describe(auth) : NULL;

    if (auth)
        gw_auth_free(auth);
    return keys;
}

/* ---- JSON ---- */

struct json_object *cli_json_at(struct json_object *object, const char *path)
{
    while (object && *path) {
        size_t len = strcspn(path, ".");
        char name[128];

        if (len >= sizeof name || !json_object_is_type(object, json_type_object))
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        if (!json_object_object_get_ex(object, name, &object))
            return NULL;
        path += len + (path[len] == '.');
    }
    return object;
}

struct json_object *cli_json_group(struct json_object *object, const char *path)
{
    struct json_object *found = cli_json_at(object, path);

    return json_object_is_type(found, json_type_object) ? found : NULL;
}

struct json_object *cli_json_list(struct json_object *object, const char *path)
{
    struct json_object *found = cli_json_at(object, path);

    return json_object_is_type(found, json_type_array) ? found : NULL;
}

size_t cli_json_count(struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

const char *cli_json_text(struct json_object *object, const char *path)
{
    struct json_object *found = cli_json_at(object, path);

    return found && json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "";
}

int64_t cli_json_int(struct json_object *object, const char *path)
{
    struct json_object *found = cli_json_at(object, path);

    return found ? json_object_get_int64(found) : 0;
}
