/* report.c - how a call ended, in our terms and in words an operator can act on. The words name host and port and never
 * the path, the query or a header: those may hold secrets. */
#include <stdio.h>
#include <string.h>

#include "upstream/internal.h"

#define EXTRA_CA    "add the issuing CA's certificate with AIGW_EXTRA_CA_FILE"
#define CLIENT_CERT "AIGW_MTLS__CERT_FILE, AIGW_MTLS__KEY_FILE and AIGW_MTLS__KEY_PASSWORD"

static int64_t timing(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, what, &us);
    return us;
}

static long number(CURL *easy, CURLINFO what)
{
    long value = 0;

    curl_easy_getinfo(easy, what, &value);
    return value;
}

static const char *curl_words(const struct gw_transfer *call, CURLcode code)
{
    return call->error[0] ? call->error : curl_easy_strerror(code);
}

static int tls_kind(const struct gw_transfer *call, CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        return GW_UP_TLS;
    default:
        /* TLS 1.3 refuses a client certificate after the handshake, as the answer to the request: with an alert, or
         * with a reset that overtakes the alert. */
        if (call->url->is_https && !call->got_bytes && (call->is_client_cert_wanted || strstr(call->error, "alert")) &&
            (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING))
            return GW_UP_TLS;
        return GW_UP_OK;
    }
}

static int kind_of(const struct gw_transfer *call, CURLcode code)
{
    int kind;

    if (call->is_stopped)
        return GW_UP_STOPPED;
    if (call->is_too_large)
        return GW_UP_TOO_LARGE;
    if (call->is_over_idle || call->is_over_total)
        return GW_UP_TIMEOUT;
    if (code == CURLE_OK) /* curl is content when the peer closes in the middle of the head */
        return call->did_head ? GW_UP_OK : GW_UP_CUT;
    if (call->refusal && !call->got_bytes)
        return GW_UP_REFUSED;
    kind = tls_kind(call, code);
    if (kind != GW_UP_OK)
        return kind;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        return GW_UP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: /* our own limits were looked at above: this is the one for connecting */
        return GW_UP_CONNECT;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        return GW_UP_INTERNAL;
    default:
        /* Whatever goes wrong before the request could be sent is about getting through: a proxy that refuses. */
        return call->is_ready ? GW_UP_CUT : GW_UP_CONNECT;
    }
}

/* ---- words -------------------------------------------------------------------------------------------------- */

/** "host:port", or "host:port through proxy host:port". */
static void peer_words(const struct gw_transfer *call, char *text, size_t size)
{
    const char *proxy = call->proxy, *at;

    snprintf(text, size, "%.200s:%ld", call->url->host, call->url->port);
    if (!proxy)
        return;
    at = strrchr(proxy, '@'); /* a proxy's password stays out */
    if (at)
        proxy = at + 1;
    else if (strstr(proxy, "://"))
        proxy = strstr(proxy, "://") + 3;
    snprintf(text + strlen(text), size - strlen(text), " through proxy %.*s", (int)strcspn(proxy, "/"), proxy);
}

static void connect_words(struct gw_transfer *call, CURLcode code, const char *peer, char *text, size_t size)
{
    long os_error = number(call->easy, CURLINFO_OS_ERRNO), tunnel = number(call->easy, CURLINFO_HTTP_CONNECTCODE);

    if (code == CURLE_COULDNT_RESOLVE_HOST)
        snprintf(text, size, "%s: the host name cannot be resolved; check its spelling and this machine's DNS", peer);
    else if (code == CURLE_COULDNT_RESOLVE_PROXY)
        snprintf(text, size, "%s: the proxy's name cannot be resolved; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY",
                 peer);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(text, size, "%s: %s within %lld ms; check that the host is up and no firewall is in between", peer,
                 timing(call->easy, CURLINFO_NAMELOOKUP_TIME_T) == 0 ? "the host name was not resolved"
                 : call->check.is_installed                          ? "connected, but the TLS handshake did not finish"
                                                                     : "no connection",
                 (long long)call->connect_ms);
    else if (tunnel != 0 && tunnel / 100 != 2)
        snprintf(text, size, "%s: the proxy answered %ld; check HTTPS_PROXY and NO_PROXY", peer, tunnel);
    else
        snprintf(text, size, "%s: cannot connect: %s", peer,
                 os_error ? strerror((int)os_error) : curl_words(call, code));
}

static void tls_words(const struct gw_transfer *call, CURLcode code, const char *peer, char *text, size_t size)
{
    const char *words = curl_words(call, code), *advice = "";

    if (call->check.problem) {
        snprintf(text, size, "%s: %s", peer, call->check.problem);
        return;
    }
    if (code == CURLE_SSL_CERTPROBLEM || strstr(words, "X.509"))
        advice = "; check the client certificate, its key and its password: " CLIENT_CERT;
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        advice = "; " EXTRA_CA;
    else if (strstr(words, "unexpected TLS packet") || strstr(words, "record packet with illegal version"))
        advice = "; the server may not speak TLS on this port: try http:// in the endpoint";
    else if (call->is_client_cert_wanted || strstr(words, "ertificate") || strstr(words, "alert") ||
             strstr(words, "andshake failed"))
        advice = "; the server may want a client certificate, or another one: " CLIENT_CERT;
    snprintf(text, size, "%s: TLS failed: %s%s", peer, words, advice);
}

static void words_of(struct gw_transfer *call, int kind, CURLcode code, char *text, size_t size)
{
    char peer[512];

    peer_words(call, peer, sizeof peer);
    switch (kind) {
    case GW_UP_OK:
        text[0] = '\0';
        break;
    case GW_UP_CONNECT:
        connect_words(call, code, peer, text, size);
        break;
    case GW_UP_TLS:
        tls_words(call, code, peer, text, size);
        break;
    case GW_UP_TIMEOUT:
        if (call->is_over_total)
            snprintf(text, size, "%s: the answer was not complete within %lld ms", peer, (long long)call->total_ms);
        else
            snprintf(text, size, "%s: connected, but nothing came for %lld ms (%s)", peer, (long long)call->idle_ms,
                     call->did_head ? "in the middle of the answer" : "before the answer began");
        break;
    case GW_UP_CUT:
        snprintf(text, size, "%s: the connection broke %s: %s", peer,
                 call->did_head    ? "in the middle of the answer"
                 : call->got_bytes ? "in the middle of the answer's head"
                                   : "before the answer began",
                 code == CURLE_OK ? "closed by the server" : curl_words(call, code));
        break;
    case GW_UP_REFUSED:
        snprintf(text, size, "%s: not allowed as an endpoint: %s", peer, call->refusal);
        break;
    case GW_UP_TOO_LARGE:
        snprintf(text, size, "%s: the answer is larger than the limit of %zu bytes", peer, call->body_max);
        break;
    case GW_UP_STOPPED:
        snprintf(text, size, "%s: stopped by the gateway", peer);
        break;
    default:
        snprintf(text, size, "%s: the gateway could not run the call: %s", peer,
                 call->refusal ? call->refusal : curl_words(call, code));
        break;
    }
}

void gw_call_report(struct gw_transfer *call, CURLcode code, char *text, size_t text_size,
                    struct gw_transfer_result *ret_result)
{
    CURL *easy = call->easy;
    struct gw_transfer_result result = { .kind = kind_of(call, code), .got_bytes = call->got_bytes, .message = text };

    if (!call->is_queued_start) {
        result.status = call->did_head ? (int)number(easy, CURLINFO_RESPONSE_CODE) : 0;
        result.was_sent = call->is_ready;
        result.was_reused = call->is_ready && number(easy, CURLINFO_NUM_CONNECTS) == 0;
        if (!result.was_reused)
            result.connect_us =
                timing(easy, call->url->is_https ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T);
        if (call->got_bytes)
            result.first_byte_us = timing(easy, CURLINFO_STARTTRANSFER_TIME_T);
        result.total_us = timing(easy, CURLINFO_TOTAL_TIME_T);
    }
    words_of(call, result.kind, code, text, text_size);
    *ret_result = result;
}
