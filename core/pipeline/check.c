/* check.c - see check.h. Each check uses the very code that will apply the setting, or the same library call. Whether a
 * port is free and an address is this machine's is left to the start: the check may run elsewhere. */
#include "pipeline/check.h"
#include "base/network.h"

#include <curl/curl.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "http/http.h"
#include "pipeline/pem.h"

struct check {
    struct gw_snapshot *snapshot;
    const struct gw_settings *settings;
    struct gw_problems *problems;
};

/** Others have complained already about what is no file. */
static bool is_file(const char *path)
{
    struct stat st;

    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- the listeners ---- */

static void check_listen(const struct check *c, const char *path, const char *host)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int error;

    if (!host || !*host)
        return;
    error = getaddrinfo(host, "0", &hints, &found);
    if (error == 0)
        freeaddrinfo(found);
    else if (error == EAI_AGAIN)
        gw_setting_warning(c->problems, c->settings, path, "\"%s\" cannot be resolved now: %s", host,
                           gai_strerror(error));
    else
        gw_setting_problem(c->problems, c->settings, path,
                           "\"%s\": %s; expected an IP address or host name of this machine%s", host,
                           gai_strerror(error),
                           strchr(host, ':') && strchr(host, ':') == strrchr(host, ':')
                               ? " without a port, which has a setting of its own"
                               : "");
}

/** Entry `index` of a list, when it stands in conf.d as one: it knows its own line. */
static const struct gw_node *item_node(const struct check *c, const char *path, size_t index)
{
    const struct gw_node *list = gw_node_get(c->snapshot->conf, path), *item;
    const char *source = gw_settings_source(c->settings, path);
    char place[512];

    if (!list || list->type != GW_NODE_LIST || !list->file || !source)
        return NULL;
    snprintf(place, sizeof place, "%s:%d", list->file, list->line);
    if (strcmp(place, source) != 0)
        return NULL; /* the environment won */
    for (item = list->first; item && index > 0; item = item->next)
        index--;
    return item;
}

static void check_cors_origins(const struct check *c)
{
    const struct aigw_list *origins = &c->settings->server.cors_origins;

    for (size_t i = 0; i < origins->count; i++) {
        const char *origin = origins->items[i], *host = strstr(origin, "://");

        if (strcmp(origin, "*") != 0 && (!host || host == origin || !host[3] || strpbrk(host + 3, "/?#@*")))
            gw_setting_problem(
                c->problems, c->settings, "server.cors_origins",
                "\"%s\" is no origin; expected * or one such as https://chat.example.com, without a path", origin);
    }
}

static void check_trusted_proxies(const struct check *c)
{
    static const char path[] = "server.trusted_proxies";
    static const char fault[] = "\"%s\" is not an address or network; expected something like 10.0.0.0/8 or fd00::/8";
    const struct aigw_list *list = &c->settings->server.trusted_proxies;
    struct gw_network network;

    for (size_t i = 0; i < list->count; i++) {
        const struct gw_node *node = item_node(c, path, i);

        if (gw_network_parse(list->items[i], &network))
            continue;
        if (node)
            gw_problem(c->problems, node, path, fault, list->items[i]);
        else
            gw_setting_problem(c->problems, c->settings, path, fault, list->items[i]);
    }
}

static bool is_readable(const struct check *c, const char *path, const char *file)
{
    if (!is_file(file))
        return false;
    if (access(file, R_OK) == 0)
        return true;
    gw_setting_problem(c->problems, c->settings, path, "%s: cannot be read: %s", file, strerror(errno));
    return false;
}

static void done_pem(void *pem)
{
    gw_pem_done(pem);
}

static void check_tls(const struct check *c)
{
    const struct gw_settings *s = c->settings;
    struct gw_pem *pem;
    struct gw_http_tls tls;
    struct gw_err err = { "" };
    bool ok;

    if (!s->tls.enabled)
        return;
    ok = is_readable(c, "tls.cert_file", s->tls.cert_file);
    ok = is_readable(c, "tls.key_file", s->tls.key_file) && ok;
    ok = (!s->tls.client_ca_file || is_readable(c, "tls.client_ca_file", s->tls.client_ca_file)) && ok;
    if (!ok)
        return;
    pem = gw_arena_calloc(&c->snapshot->arena, sizeof *pem);
    if (!pem || gw_arena_defer(&c->snapshot->arena, done_pem, pem) != AIGW_OK) {
        gw_problem(c->problems, NULL, "tls", "out of memory");
        return;
    }
    if (gw_pem_read(pem, s, &err) != AIGW_OK) {
        gw_setting_problem(c->problems, s, "tls.cert_file", "%s", err.text);
        return;
    }
    c->snapshot->pem = pem;
    tls = gw_pem_tls(pem, s);
    tls.client_ca_pem = NULL;
    if (gw_http_check_tls(&tls, &err) != AIGW_OK) { /* certificate and key have been judged */
        gw_setting_problem(c->problems, s, "tls.ciphers", "%s", err.text);
        return;
    }
    tls.client_ca_pem = pem->client_ca;
    if (gw_http_check_tls(&tls, &err) != AIGW_OK)
        gw_setting_problem(c->problems, s, "tls.client_ca_file", "%s", err.text);
}

/* ---- outgoing ---- */

/** The first certificate of a file, PEM or DER, can be read. */
static bool is_first_certificate_good(const char *file)
{
    gnutls_datum_t bytes = { NULL, 0 };
    gnutls_x509_crt_t crt;
    bool is_good = false;

    if (gnutls_load_file(file, &bytes) < 0)
        return false;
    if (gnutls_x509_crt_init(&crt) >= 0) {
        is_good = gnutls_x509_crt_import(crt, &bytes, GNUTLS_X509_FMT_PEM) >= 0 ||
                  gnutls_x509_crt_import(crt, &bytes, GNUTLS_X509_FMT_DER) >= 0;
        gnutls_x509_crt_deinit(crt);
    }
    gnutls_free(bytes.data);
    return is_good;
}

/** Certificates in a file: a positive number when there are any, or a negative GnuTLS code. Bundles are large: whether
 *  there is one at all is told by the first. */
static int count_certificates(const char *file)
{
    gnutls_x509_trust_list_t list;
    int count;

    if (is_first_certificate_good(file))
        return 1;
    count = gnutls_x509_trust_list_init(&list, 0);
    if (count < 0)
        return count;
    count = gnutls_x509_trust_list_add_trust_file(list, file, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    gnutls_x509_trust_list_deinit(list, 1);
    return count;
}

/** A file that one of the shared variables names may be for others; then its faults are warnings. */
static void check_authorities(const struct check *c, const char *path, const char *file)
{
    const char *source = gw_settings_source(c->settings, path);
    bool is_shared = source && (strcmp(source, "SSL_CERT_FILE") == 0 || strcmp(source, "REQUESTS_CA_BUNDLE") == 0 ||
                                strcmp(source, "CURL_CA_BUNDLE") == 0);
    int count;

    if (!is_file(file) || access(file, R_OK) != 0)
        return;
    count = count_certificates(file);
    if (count <= 0)
        (is_shared ? gw_setting_warning : gw_setting_problem)(c->problems, c->settings, path,
                                                              "%s: no certificate can be read from it (%s); expected "
                                                              "PEM",
                                                              file,
                                                              count < 0 ? gnutls_strerror(count) : "there is none");
}

static void check_client_certificate(const struct check *c)
{
    const struct gw_settings *s = c->settings;
    const char *key_file = s->upstream.key_file ? s->upstream.key_file : s->upstream.cert_file;
    gnutls_certificate_credentials_t credentials;
    int error;

    if (!s->upstream.mtls_enabled || !is_readable(c, "upstream.cert_file", s->upstream.cert_file))
        return;
    if (s->upstream.key_file && !is_readable(c, "upstream.key_file", s->upstream.key_file))
        return;
    if (gnutls_certificate_allocate_credentials(&credentials) < 0)
        return;
    error = gnutls_certificate_set_x509_key_file2(credentials, s->upstream.cert_file, key_file, GNUTLS_X509_FMT_PEM,
                                                  s->upstream.key_password, 0);
    if (error < 0)
        gw_setting_problem(c->problems, s, "upstream.cert_file", "%s and %s: not a usable certificate and key: %s%s",
                           s->upstream.cert_file, key_file, gnutls_strerror(error),
                           error == GNUTLS_E_DECRYPTION_FAILED ? "; is upstream.key_password right?" : "");
    gnutls_certificate_free_credentials(credentials);
}

static bool is_proxy(const char *text)
{
    static const char *const schemes[] = { "http", "https", "socks4", "socks4a", "socks5", "socks5h" };
    CURLU *parts = curl_url();
    char *scheme = NULL;
    bool ok = false;

    if (!parts)
        return true; /* out of memory says nothing about it */
    if (curl_url_set(parts, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_DEFAULT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
        for (size_t i = 0; i < GW_ARRAY_LEN(schemes); i++)
            ok = ok || strcmp(schemes[i], scheme) == 0;
    curl_free(scheme);
    curl_url_cleanup(parts);
    return ok;
}

/** The proxy variables belong to all programs, so what is wrong with them is a warning. Their text may hold a
 *  password. */
static void check_proxy_variables(const struct check *c)
{
    static const char *const names[] = { "http_proxy",  "HTTP_PROXY", "https_proxy",
                                         "HTTPS_PROXY", "all_proxy",  "ALL_PROXY" };

    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        const char *text = getenv(names[i]);

        if (text && *text && !is_proxy(text))
            gw_problem_warning(c->problems, NULL, names[i],
                               "is no proxy that can be used; expected http://host:port, also with https, socks4, "
                               "socks4a, socks5 or socks5h");
    }
}

/* ---- the log ---- */

/** Without creating it: the check may run as another user. */
static void check_log_file(const struct check *c)
{
    const char *file = c->settings->log.file, *slash = file ? strrchr(file, '/') : NULL;
    char folder[4096];
    struct stat st;

    if (!file || access(file, W_OK) == 0) {
        if (file && stat(file, &st) == 0 && S_ISDIR(st.st_mode))
            gw_setting_problem(c->problems, c->settings, "log.file", "%s: is a folder", file);
        return;
    }
    if (errno == ENOENT) {
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
        if (access(*folder ? folder : "/", W_OK | X_OK) == 0)
            return;
    }
    gw_setting_problem(c->problems, c->settings, "log.file", "%s: cannot be opened: %s", file, strerror(errno));
}

void gw_snapshot_check(struct gw_snapshot *snapshot, struct gw_problems *problems)
{
    const struct gw_settings *s = &snapshot->settings;
    const struct check c = { snapshot, s, problems };

    check_listen(&c, "server.host", s->server.host);
    check_listen(&c, "server.metrics_host", s->server.metrics_host);
    check_trusted_proxies(&c);
    check_cors_origins(&c);
    check_tls(&c);
    check_authorities(&c, "upstream.ca_file", s->upstream.ca_file);
    check_authorities(&c, "upstream.extra_ca_file", s->upstream.extra_ca_file);
    if (!s->trust.keys_ca_file || !s->upstream.ca_file || strcmp(s->trust.keys_ca_file, s->upstream.ca_file) != 0)
        check_authorities(&c, "trust.keys_ca_file", s->trust.keys_ca_file); /* else it was just checked */
    check_client_certificate(&c);
    check_proxy_variables(&c);
    check_log_file(&c);
    gw_auth_check_settings(s, problems);
}
