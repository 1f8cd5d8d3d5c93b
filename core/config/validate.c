/* validate.c - what must hold between settings, and files that must exist. The texts about TLS are GitLab's own, word
 * for word: operators search for them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/internal.h"

#define CONTROL_SOCKET_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)

struct check {
    struct gw_arena *arena;
    struct gw_settings *settings;
    struct gw_problems *problems;
};

static void refuse(const struct check *c, const char *path, const char *text, const char *value)
{
    gw_setting_problem(c->problems, c->settings, path, "%s%s", text, value);
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The kernel takes no longer path, and one that is cut would be another. */
static void check_control_socket(const struct check *c)
{
    size_t len = strlen(c->settings->server.control_socket ? c->settings->server.control_socket : "");

    if (len > CONTROL_SOCKET_MAX)
        gw_setting_problem(c->problems, c->settings, "server.control_socket", "has %zu bytes, expected at most %zu",
                           len, CONTROL_SOCKET_MAX);
}

static void check_server(const struct check *c)
{
    struct gw_settings *s = c->settings;
    size_t len = strlen(s->server.path_prefix ? s->server.path_prefix : "");

    check_control_socket(c);

    while (len > 0 && s->server.path_prefix[len - 1] == '/')
        len--;
    if (s->server.path_prefix && s->server.path_prefix[len])
        s->server.path_prefix = gw_arena_strndup(c->arena, s->server.path_prefix, len);
    if (len > 0 && s->server.path_prefix && s->server.path_prefix[0] != '/')
        refuse(c, "server.path_prefix", "must begin with /, or be empty: ", s->server.path_prefix);
    else if (len > 0 && s->server.path_prefix && strpbrk(s->server.path_prefix, " \t\r\n?#%\\"))
        refuse(c, "server.path_prefix", "no path has a blank, ?, #, % or \\ in it: ", s->server.path_prefix);
    if (s->server.openapi_url && *s->server.openapi_url && *s->server.openapi_url != '/')
        refuse(c, "server.openapi_url", "must begin with /, or be empty: ", s->server.openapi_url);
    if (s->server.docs_url && *s->server.docs_url && *s->server.docs_url != '/')
        refuse(c, "server.docs_url", "must begin with /, or be empty: ", s->server.docs_url);
    if (s->server.port != 0 && s->server.port == s->server.metrics_port)
        refuse(c, "server.metrics_port",
               "is the same as server.port; choose another, or set server.metrics_host to \"\" for no metrics listener",
               "");
}

static void check_tls(const struct check *c)
{
    const struct gw_settings *s = c->settings;

    if (!s->tls.enabled)
        return;
    if (!s->tls.cert_file || !s->tls.key_file) {
        refuse(c, "tls.enabled", "cert_file and key_file must both be set when TLS is enabled", "");
        return;
    }
    if (!is_file(s->tls.cert_file))
        refuse(c, "tls.cert_file", "cert_file does not point to a file: ", s->tls.cert_file);
    if (!is_file(s->tls.key_file))
        refuse(c, "tls.key_file", "key_file does not point to a file: ", s->tls.key_file);
    if (s->tls.client_ca_file && !is_file(s->tls.client_ca_file))
        refuse(c, "tls.client_ca_file", "client_ca_file does not point to a file: ", s->tls.client_ca_file);
}

static void check_mtls(const struct check *c)
{
    const struct gw_settings *s = c->settings;

    if (!s->upstream.mtls_enabled)
        return;
    if (!s->upstream.cert_file)
        refuse(c, "upstream.mtls_enabled", "cert_file must be set when mTLS is enabled", "");
    else if (!is_file(s->upstream.cert_file))
        refuse(c, "upstream.cert_file", "cert_file does not point to a file: ", s->upstream.cert_file);
    if (s->upstream.key_file && !is_file(s->upstream.key_file))
        refuse(c, "upstream.key_file", "key_file does not point to a file: ", s->upstream.key_file);
    if (s->upstream.key_password && !s->upstream.key_file)
        refuse(c, "upstream.key_password", "key_file must be set when key_password is provided", "");
}

/** A bundle named by one of the shared variables is only warned about: its calls will fail, others will not. */
static void check_trust(const struct check *c, const char *path, const char *file)
{
    static const char *const shared[] = { "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE" };
    const char *source = gw_settings_source(c->settings, path);

    if (!file || (is_file(file) && access(file, R_OK) == 0))
        return;
    for (size_t i = 0; source && i < GW_ARRAY_LEN(shared); i++) {
        if (strcmp(source, shared[i]) == 0) {
            gw_setting_warning(c->problems, c->settings, path,
                               "cannot be read: %s; calls that need it will fail until it can", file);
            return;
        }
    }
    gw_setting_problem(c->problems, c->settings, path, "ca_bundle does not point to a file: %s", file);
}

/** Extra headers go on the wire as they are: nothing in them may end a line, or say how the connection is used. */
static void check_headers(const struct check *c)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const struct aigw_map *headers = &c->settings->models.extra_headers;

    for (size_t i = 0; i < headers->count; i++) {
        const char *name = headers->names[i];
        bool ok = *name && strspn(name, token) == strlen(name);

        for (const char *p = headers->values[i]; ok && *p; p++)
            ok = (unsigned char)*p >= ' ' && *p != 0x7f;
        if (!ok)
            gw_setting_problem(c->problems, c->settings, "models.extra_headers",
                               "header %zu is malformed: a name is letters, digits and -, a value has no line ends or "
                               "control characters",
                               i + 1);
        else if (gw_is_transport_header(gw_str(name)))
            gw_setting_problem(c->problems, c->settings, "models.extra_headers",
                               "header %zu is %s, which the gateway sets itself; leave it out", i + 1, name);
    }
}

static void check_auth(const struct check *c)
{
    const struct gw_settings *s = c->settings;
    const char *bypass = s->auth.bypass_external               ? "auth.bypass_external"
                         : s->auth.bypass_external_with_header ? "auth.bypass_external_with_header"
                         : s->auth.bypass_jwt_signature        ? "auth.bypass_jwt_signature"
                                                               : NULL;

    if (bypass && s->auth.refuse_bypass)
        refuse(c, bypass, "is on while auth.refuse_bypass forbids it; switch one of them off", "");
    if (s->auth.gitlab_url && strstr(s->auth.gitlab_url, "/api/v4"))
        gw_setting_warning(c->problems, s, "auth.gitlab_url",
                           "is the address of GitLab's API (%s), expected that of GitLab itself: without /api/v4",
                           s->auth.gitlab_url);
    if (s->auth.gitlab_url && strncmp(s->auth.gitlab_url, "http://", 7) == 0)
        gw_setting_warning(c->problems, s, "auth.gitlab_url",
                           "keys are fetched without TLS from %s: whoever can "
                           "change that traffic can sign tokens; use https",
                           s->auth.gitlab_url);
    if (s->auth.gitlab_url && !*s->auth.gitlab_url && s->auth.customer_portal_url && !*s->auth.customer_portal_url &&
        s->auth.issuers.count == 0 && !bypass)
        gw_setting_warning(c->problems, s, "auth.gitlab_url",
                           "no issuer of tokens is configured: every request "
                           "will be refused; set AIGW_GITLAB_URL to your GitLab");
}

/* What is no folder is taken out, lest its content be reported as missing, too. */
static void check_prompts(const struct check *c)
{
    struct aigw_list *dirs = &c->settings->prompts.dirs;
    const char **good = gw_arena_calloc(c->arena, (dirs->count + 1) * sizeof *good);
    size_t count = 0;

    for (size_t i = 0; good && i < dirs->count; i++) {
        struct stat st;
        int error = stat(dirs->items[i], &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

        if (error == 0)
            good[count++] = dirs->items[i];
        else
            gw_setting_problem(c->problems, c->settings, "prompts.dirs", "\"%s\": %s; expected a folder with prompts",
                               dirs->items[i], strerror(error));
    }
    if (good)
        *dirs = (struct aigw_list){ good, count };
}

void gw_settings_validate(struct gw_arena *arena, struct gw_settings *settings, struct gw_problems *problems)
{
    struct check c = { arena, settings, problems };

    check_server(&c);
    check_tls(&c);
    check_mtls(&c);
    check_trust(&c, "upstream.ca_file", settings->upstream.ca_file);
    check_trust(&c, "upstream.extra_ca_file", settings->upstream.extra_ca_file);
    if (!settings->trust.keys_ca_file || !settings->upstream.ca_file ||
        strcmp(settings->trust.keys_ca_file, settings->upstream.ca_file) != 0)
        check_trust(&c, "trust.keys_ca_file", settings->trust.keys_ca_file); /* else it was just checked */
    check_headers(&c);
    check_auth(&c);
    check_prompts(&c);
}
