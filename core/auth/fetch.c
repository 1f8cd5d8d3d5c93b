/* fetch.c - one HTTP GET for the refresher thread, on its curl multi handle: 10 s for everything, at most 1 MiB, at
 * most three redirects and never from https to http, TLS always verified. Redirects are followed here and not by curl,
 * because curl cannot forbid the downgrade within a chain that began with http. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/internal.h"
#include "base/files.h"

#define REDIRECTS_MAX  3
#define TRUST_SETTINGS "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE"

void gw_fetch_init(struct gw_fetch *fetch, CURLM *multi, void *owner)
{
    memset(fetch, 0, sizeof *fetch);
    fetch->multi = multi;
    fetch->owner = owner;
    fetch->ca_fd = -1;
    gw_buf_init(&fetch->body, GW_KEYS_BODY_MAX);
}

void gw_fetch_stop(struct gw_fetch *fetch)
{
    if (fetch->easy) {
        /* Without this, cleaning up would wait for a name look-up under way. */
        (void)curl_easy_setopt(fetch->easy, CURLOPT_QUICK_EXIT, 1L);
        (void)curl_multi_remove_handle(fetch->multi, fetch->easy);
        curl_easy_cleanup(fetch->easy);
        fetch->easy = NULL;
    }
    if (fetch->ca_fd >= 0) {
        (void)close(fetch->ca_fd);
        fetch->ca_fd = -1;
    }
}

void gw_fetch_done(struct gw_fetch *fetch)
{
    gw_fetch_stop(fetch);
    gw_buf_done(&fetch->body);
}

int64_t gw_cache_max_age_s(aigw_str value)
{
    const aigw_str name = AIGW_STR("max-age=");

    while (value.len > 0) {
        const char *comma = memchr(value.ptr, ',', value.len);
        aigw_str part = { value.ptr, comma ? (size_t)(comma - value.ptr) : value.len };
        uint64_t seconds;

        value.ptr += part.len + (comma ? 1 : 0);
        value.len -= part.len + (comma ? 1 : 0);
        part = gw_str_trim(part);
        if (part.len > name.len && gw_str_eq_ci((aigw_str){ part.ptr, name.len }, name) &&
            gw_str_to_u64((aigw_str){ part.ptr + name.len, part.len - name.len }, INT32_MAX, &seconds))
            return (int64_t)seconds;
    }
    return -1;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_fetch *fetch = user;

    gw_buf_put(&fetch->body, bytes, size * count);
    return fetch->body.status == AIGW_OK ? size * count : 0; /* 0: curl stops with CURLE_WRITE_ERROR */
}

/** The value of a header line when it has this name ("date:"), absent otherwise. */
static aigw_str header_value(aigw_str line, aigw_str name)
{
    if (line.len <= name.len || !gw_str_eq_ci((aigw_str){ line.ptr, name.len }, name))
        return AIGW_STR_NONE;
    return gw_str_trim((aigw_str){ line.ptr + name.len, line.len - name.len });
}

/** How far the issuer's clock is ahead of ours, from its Date header. */
static void note_clock(struct gw_fetch *fetch, aigw_str date)
{
    char text[64];
    time_t then_s;

    if (date.len >= sizeof text)
        return;
    (void)snprintf(text, sizeof text, "%.*s", AIGW_STR_ARG(date));
    then_s = curl_getdate(text, NULL);
    if (then_s > 0)
        fetch->clock_ahead_s = (int64_t)then_s - gw_wall_s();
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_fetch *fetch = user;
    aigw_str line = { bytes, size * count };
    aigw_str caching = header_value(line, AIGW_STR("cache-control:")), date = header_value(line, AIGW_STR("date:"));

    if (gw_str_has_prefix(line, AIGW_STR("HTTP/")))
        fetch->max_age_s = -1;
    if (caching.len > 0)
        fetch->max_age_s = gw_cache_max_age_s(caching);
    if (date.len > 0)
        note_clock(fetch, date);
    return size * count;
}

/* ---- trust -------------------------------------------------------------------------------------------------- */

/** curl takes one file, so two are joined in memory (no writable directory is needed). Read anew for every fetch: a
 *  changed file counts without a reload. */
static aigw_status join_files(struct gw_fetch *fetch, const char *first, const char *second, struct gw_err *reterr)
{
    char path[64];

    fetch->ca_fd = gw_files_join(first, second, "trusted certificates", reterr);
    if (fetch->ca_fd < 0)
        return AIGW_E_CONFIG;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fetch->ca_fd);
    return curl_easy_setopt(fetch->easy, CURLOPT_CAINFO, path) == CURLE_OK ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status set_trust(struct gw_fetch *fetch, const struct gw_auth_config *config, struct gw_err *reterr)
{
    const char *file = config->ca_file, *extra = config->extra_ca_file;
    struct stat info;
    bool is_dir = false;

    (void)snprintf(fetch->ca_name, sizeof fetch->ca_name, "%.90s%s", file ? file : "the system's certificates",
                   extra ? " and the extra CA file" : "");
    if (file) {
        if (stat(file, &info) != 0 || access(file, R_OK) != 0)
            return gw_err_set(reterr, AIGW_E_CONFIG,
                              "trusted certificates: cannot read %s: %s. Correct " TRUST_SETTINGS " or unset it", file,
                              strerror(errno));
        is_dir = S_ISDIR(info.st_mode);
    }
    if (is_dir && (curl_easy_setopt(fetch->easy, CURLOPT_CAPATH, file) != CURLE_OK ||
                   curl_easy_setopt(fetch->easy, CURLOPT_CAINFO, extra) != CURLE_OK))
        return gw_err_set(reterr, AIGW_E_CONFIG, "trusted certificates: cannot use the folder %s", file);
    if (is_dir)
        return AIGW_OK;
    /* A named file replaces the built-in certificates, so the built-in folder must go as well. */
    if (file && curl_easy_setopt(fetch->easy, CURLOPT_CAPATH, NULL) != CURLE_OK)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    if (extra)
        return join_files(fetch, file ? file : curl_version_info(CURLVERSION_NOW)->cainfo, extra, reterr);
    if (file && curl_easy_setopt(fetch->easy, CURLOPT_CAINFO, file) != CURLE_OK)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    return AIGW_OK;
}

/* ---- start -------------------------------------------------------------------------------------------------- */

bool gw_is_https(const char *url)
{
    return gw_str_has_prefix_ci(gw_str(url), AIGW_STR("https://"));
}

/** curl reads http_proxy in lower case only; operators set either. */
static const char *upper_case_proxy(const char *url)
{
    const char *lower = getenv("http_proxy"), *upper = getenv("HTTP_PROXY");

    return !gw_is_https(url) && !lower && upper && *upper ? upper : NULL;
}

static aigw_status send_request(struct gw_fetch *fetch, struct gw_err *reterr)
{
    int64_t left_ms = fetch->deadline_ms - gw_mono_ms();
    const char *proxy = upper_case_proxy(fetch->url);
    CURL *easy = fetch->easy;
    bool ok = true;

    if (left_ms <= 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: too slow", fetch->url);
    gw_buf_clear(&fetch->body);
    fetch->error[0] = '\0';
    fetch->status = 0;
    fetch->max_age_s = -1;
    ok = ok && curl_easy_setopt(easy, CURLOPT_URL, fetch->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK;
    /* NULL, also after a redirect from http to https: the one that curl finds. */
    ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK;
    if (!ok || curl_multi_add_handle(fetch->multi, easy) != CURLM_OK)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot start a request for this URL", fetch->url);
    return AIGW_OK;
}

aigw_status gw_fetch_start(struct gw_fetch *fetch, const struct gw_auth_config *config, const char *url,
                           int64_t timeout_ms, struct gw_err *reterr)
{
    aigw_status status;
    bool ok = true;

    gw_fetch_stop(fetch);
    if (strlen(url) >= sizeof fetch->url)
        return gw_err_set(reterr, AIGW_E_LIMIT, "URL of %zu bytes, expected less than %zu", strlen(url),
                          sizeof fetch->url);
    (void)snprintf(fetch->url, sizeof fetch->url, "%s", url);
    fetch->redirects_left = REDIRECTS_MAX;
    fetch->deadline_ms = gw_mono_ms() + timeout_ms;
    fetch->easy = curl_easy_init();
    if (!fetch->easy)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_PRIVATE, fetch->owner) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_CERTINFO, 1L) == CURLE_OK; /* to name what was refused */
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_HEADERDATA, fetch) == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_MAXFILESIZE, (long)GW_KEYS_BODY_MAX) == CURLE_OK;
    /* Some proxies compress unasked: what comes out is held to the same limit. */
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate") == CURLE_OK;
    ok = ok && curl_easy_setopt(fetch->easy, CURLOPT_USERAGENT, "aigw") == CURLE_OK;
    status = ok ? set_trust(fetch, config, reterr) : gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    if (status == AIGW_OK)
        status = send_request(fetch, reterr);
    if (status != AIGW_OK)
        gw_fetch_stop(fetch);
    return status;
}

/* ---- end ---------------------------------------------------------------------------------------------------- */

/** Follow a redirect ourselves. AIGW_OK: under way again. */
static aigw_status follow(struct gw_fetch *fetch, struct gw_err *reterr)
{
    char from[GW_URL_MAX];
    char *target = NULL;

    (void)snprintf(from, sizeof from, "%s", fetch->url);
    if (curl_easy_getinfo(fetch->easy, CURLINFO_REDIRECT_URL, &target) != CURLE_OK || !target ||
        strlen(target) >= sizeof fetch->url)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: status %ld without a usable Location", from, fetch->status);
    if (fetch->redirects_left-- == 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: more than %d redirects", from, REDIRECTS_MAX);
    if (gw_is_https(from) && !gw_is_https(target))
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: redirects to %.200s, refused because it leaves https", from,
                          target);
    (void)snprintf(fetch->url, sizeof fetch->url, "%s", target);
    return send_request(fetch, reterr);
}

/** "Subject:…" or "Issuer:…" of the server's own certificate, "?" when curl did not get that far. */
static const char *certificate_field(const struct gw_fetch *fetch, const char *name)
{
    struct curl_certinfo *info = NULL;
    size_t len = strlen(name);

    if (curl_easy_getinfo(fetch->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
        return "?";
    for (const struct curl_slist *line = info->certinfo[0]; line; line = line->next)
        if (strncmp(line->data, name, len) == 0 && line->data[len] == ':')
            return line->data + len + 1;
    return "?";
}

static void describe_failure(struct gw_fetch *fetch, CURLcode code, struct gw_err *reterr)
{
    const char *text = fetch->error[0] ? fetch->error : curl_easy_strerror(code);

    if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
        (void)gw_err_set(reterr, AIGW_E_LIMIT, "%s: the answer is larger than %u bytes", fetch->url, GW_KEYS_BODY_MAX);
    else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
             code == CURLE_SSL_ISSUER_ERROR)
        (void)gw_err_set(reterr, AIGW_E_CONFIG,
                         "%s: its certificate (subject %.120s, issuer %.120s) is not trusted: name a file with your CA "
                         "in " TRUST_SETTINGS ", or add it with AIGW_EXTRA_CA_FILE (trusted now: %s; %s)",
                         fetch->url, certificate_field(fetch, "Subject"), certificate_field(fetch, "Issuer"),
                         fetch->ca_name, text);
    else
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "%s: %s", fetch->url, text);
}

int gw_fetch_finish(struct gw_fetch *fetch, CURLcode code, struct gw_err *reterr)
{
    int outcome = GW_FETCH_FAILED;

    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &fetch->status);
    (void)curl_multi_remove_handle(fetch->multi, fetch->easy);
    if (code != CURLE_OK) {
        describe_failure(fetch, code, reterr);
    } else if (fetch->status >= 300 && fetch->status < 400) {
        if (follow(fetch, reterr) == AIGW_OK)
            return GW_FETCH_REDIRECTED;
    } else if (fetch->status < 200 || fetch->status > 299) {
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "%s: status %ld, expected 200", fetch->url, fetch->status);
    } else {
        outcome = GW_FETCH_OK;
    }
    gw_fetch_stop(fetch);
    return outcome;
}
