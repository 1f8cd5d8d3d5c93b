/* probe.c - see probe.h. */
#include "cli/probe.h"

#include <curl/curl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/files.h"

#define BODY_MAX ((size_t)1 << 20)

struct running {
    struct cli_answer *answer;
    int64_t begun_ms;
    char text[CURL_ERROR_SIZE];
};

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct running *run = user;
    struct cli_answer *answer = run->answer;

    if (answer->piece_count < CLI_PIECES_MAX)
        answer->pieces_ms[answer->piece_count++] = gw_mono_ms() - run->begun_ms;
    gw_buf_put(&answer->body, bytes, size * count);
    return answer->body.status == AIGW_OK ? size * count : 0;
}

/** The value of a header line with this name, absent for others. */
static aigw_str value_of(aigw_str line, const char *name)
{
    size_t len = strlen(name);

    if (line.len <= len || strncasecmp(line.ptr, name, len) != 0)
        return AIGW_STR_NONE;
    return gw_str_trim((aigw_str){ line.ptr + len, line.len - len });
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    struct cli_answer *answer = ((struct running *)user)->answer;
    aigw_str line = { bytes, size * count };
    aigw_str date = value_of(line, "date:"), type = value_of(line, "content-type:");
    char text[64];
    time_t then_s;

    if (type.ptr)
        snprintf(answer->content_type, sizeof answer->content_type, "%.*s", AIGW_STR_ARG(type));
    if (date.ptr && date.len < sizeof text) {
        snprintf(text, sizeof text, "%.*s", AIGW_STR_ARG(date));
        then_s = curl_getdate(text, NULL);
        answer->has_date = then_s > 0;
        answer->clock_ahead_s = then_s > 0 ? (int64_t)then_s - gw_wall_s() : 0;
    }
    return size * count;
}

/** -1: the system's trust, or one file that curl reads itself. */
static int set_trust(CURL *easy, const struct cli_probe *probe, struct gw_err *reterr)
{
    char path[64];
    int fd;

    if (probe->is_local) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        return -1;
    }
    if (probe->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (!probe->extra_ca_file) {
        if (probe->ca_file)
            curl_easy_setopt(easy, CURLOPT_CAINFO, probe->ca_file);
        return -1;
    }
    fd = gw_files_join(probe->ca_file ? probe->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo,
                       probe->extra_ca_file, "trusted certificates", reterr);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd >= 0)
        curl_easy_setopt(easy, CURLOPT_CAINFO, path);
    return fd;
}

static void set_options(CURL *easy, const struct cli_probe *probe, struct running *run)
{
    const char *upper = getenv("HTTP_PROXY");

    curl_easy_setopt(easy, CURLOPT_URL, probe->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)probe->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, run->text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, run);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, run);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "aigw");
    if (upper && !getenv("http_proxy") && strncasecmp(probe->url, "http:", 5) == 0)
        curl_easy_setopt(easy, CURLOPT_PROXY, upper); /* curl reads the lower-case name only */
    if (probe->post)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, probe->post);
}

static void certificate_field(const struct curl_slist *lines, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    for (; lines; lines = lines->next) {
        if (strncmp(lines->data, name, len) == 0 && lines->data[len] == ':')
            snprintf(out, size, "%s", lines->data + len + 1);
    }
}

/** Public authorities write into a certificate where that of the signer in between is: who sends it alone forgot that
 *  one. */
static bool names_its_signer(const struct curl_slist *lines)
{
    gnutls_datum_t pem = { NULL, 0 }, found = { NULL, 0 };
    gnutls_x509_crt_t crt = NULL;
    bool yes = false;

    for (; lines && !pem.data; lines = lines->next) {
        if (strncmp(lines->data, "Cert:", 5) == 0)
            pem = (gnutls_datum_t){ (unsigned char *)lines->data + 5, (unsigned)strlen(lines->data + 5) };
    }
    if (pem.data && gnutls_x509_crt_init(&crt) >= 0) {
        yes = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM) >= 0 &&
              gnutls_x509_crt_get_authority_info_access(crt, 0, GNUTLS_IA_CAISSUERS_URI, &found, NULL) >= 0;
        gnutls_free(found.data);
        gnutls_x509_crt_deinit(crt);
    }
    return yes;
}

static void note_certificate(CURL *easy, struct cli_answer *answer)
{
    struct curl_certinfo *info = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
        return;
    answer->chain_len = info->num_of_certs;
    certificate_field(info->certinfo[0], "Subject", answer->subject, sizeof answer->subject);
    certificate_field(info->certinfo[0], "Issuer", answer->issuer, sizeof answer->issuer);
    answer->names_its_signer = names_its_signer(info->certinfo[0]);
}

static void note_result(CURL *easy, CURLcode code, const struct cli_probe *probe, const struct running *run)
{
    struct cli_answer *answer = run->answer;
    curl_off_t connect_us = 0;
    long os_errno = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us);
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
    answer->connect_ms = connect_us / 1000;
    answer->total_ms = gw_mono_ms() - run->begun_ms;
    answer->is_tls_error = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
                           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR;
    answer->is_refused = code == CURLE_COULDNT_CONNECT;
    answer->is_timeout = code == CURLE_OPERATION_TIMEDOUT;
    note_certificate(easy, answer);
    if (code != CURLE_OK) {
        gw_err_set(&answer->error, AIGW_E_UPSTREAM, "%.200s: %.200s", probe->url,
                   run->text[0] ? run->text : curl_easy_strerror(code));
        if (code != CURLE_PARTIAL_FILE && code != CURLE_GOT_NOTHING && code != CURLE_OPERATION_TIMEDOUT &&
            code != CURLE_RECV_ERROR)
            answer->status = 0;
    }
}

void cli_probe(const struct cli_probe *probe, struct cli_answer *ret_answer)
{
    struct running run = { .answer = ret_answer, .begun_ms = gw_mono_ms() };
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    int ca_fd = -1;

    *ret_answer = (struct cli_answer){ .status = 0 };
    gw_buf_init(&ret_answer->body, BODY_MAX);
    if (!easy) {
        gw_err_set(&ret_answer->error, AIGW_E_NOMEM, "out of memory");
        return;
    }
    set_options(easy, probe, &run);
    if (probe->post)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (probe->bearer) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, probe->bearer);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    ca_fd = set_trust(easy, probe, &ret_answer->error);
    if (!ret_answer->error.text[0])
        note_result(easy, curl_easy_perform(easy), probe, &run);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    if (ca_fd >= 0)
        close(ca_fd);
}

void cli_answer_done(struct cli_answer *answer)
{
    gw_buf_done(&answer->body);
}

bool cli_answer_is_html(const struct cli_answer *answer)
{
    aigw_str body = gw_str_trim(gw_buf_str(&answer->body));

    return strstr(answer->content_type, "text/html") || (body.len > 5 && strncasecmp(body.ptr, "<html", 5) == 0) ||
           (body.len > 9 && strncasecmp(body.ptr, "<!doctype", 9) == 0);
}
