/* report.c - how a transfer ended, in our terms and in words an operator can act on. The words name host and port and
 * never the path, the query or a header: those may hold secrets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "upstream/internal.h"

#define CLIENT_CERT "AIGW_MTLS__CERT_FILE, AIGW_MTLS__KEY_FILE and AIGW_MTLS__KEY_PASSWORD"

static void say(struct gw_fault *fault, int kind, const char *fmt, ...) AIGW_PRINTF(3, 4);
static void say(struct gw_fault *fault, int kind, const char *fmt, ...)
{
    va_list args;

    fault->kind = kind;
    va_start(args, fmt);
    vsnprintf(fault->words, sizeof fault->words, fmt, args);
    va_end(args);
}

/* ---- connecting ------------------------------------------------------------------------------------------------- */

static long number(CURL *easy, CURLINFO what)
{
    long value = 0;

    curl_easy_getinfo(easy, what, &value);
    return value;
}

static bool is_name_known(CURL *easy)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &us);
    return us != 0;
}

/** What a SOCKS proxy had against it. */
static const char *socks_words(long error)
{
    switch (error) {
    case CURLPX_REPLY_HOST_UNREACHABLE:
    case CURLPX_REPLY_NETWORK_UNREACHABLE:
    case CURLPX_REPLY_TTL_EXPIRED:
        return "it cannot reach the host";
    case CURLPX_REPLY_CONNECTION_REFUSED:
        return "the host refused its connection";
    case CURLPX_REPLY_NOT_ALLOWED:
    case CURLPX_REQUEST_FAILED:
        return "it does not allow this host";
    case CURLPX_RESOLVE_HOST:
        return "the host name cannot be resolved";
    case CURLPX_NO_AUTH:
    case CURLPX_USER_REJECTED:
    case CURLPX_GSSAPI:
    case CURLPX_GSSAPI_PERMSG:
        return "it wants another user or password";
    case CURLPX_CLOSED:
        return "it closed the connection";
    default:
        return "it failed or does not speak SOCKS";
    }
}

static const char *what_took_so_long(const struct gw_conn *conn)
{
    switch (conn->state) {
    case GW_CONN_CONNECTING:
        return is_name_known(gw_connect_easy(conn->connect)) ? "no connection" : "the host name was not resolved";
    case GW_CONN_PROXY_TLS:
        return "connected to the proxy, but its TLS handshake did not finish";
    case GW_CONN_TUNNEL:
        return "the proxy did not answer";
    default:
        return "connected, but the TLS handshake did not finish";
    }
}

static void say_time_is_up(struct gw_fault *fault, const struct gw_conn *conn)
{
    say(fault, GW_UP_CONNECT, "%s within %lld ms; check that the host is up and no firewall is in between",
        what_took_so_long(conn), (long long)conn->transfer->connect_ms);
}

static void say_tunnel(struct gw_fault *fault, long status)
{
    if (status == 407)
        say(fault, GW_UP_CONNECT, "the proxy answered 407; put its user and password into HTTPS_PROXY");
    else
        say(fault, GW_UP_CONNECT, "the proxy answered %ld; check HTTPS_PROXY and NO_PROXY", status);
}

void gw_fault_of_tunnel(struct gw_fault *ret_fault, int status)
{
    say_tunnel(ret_fault, status);
}

void gw_fault_of_connect(struct gw_fault *ret_fault, const struct gw_conn *conn, CURLcode code)
{
    CURL *easy = gw_connect_easy(conn->connect);
    const char *refusal = gw_connect_refusal(conn->connect), *words = gw_connect_error_text(conn->connect);
    const struct gw_proxy *proxy = conn->origin->proxy;
    long os_error = 0, tunnel = number(easy, CURLINFO_HTTP_CONNECTCODE);

    if (refusal) {
        say(ret_fault, GW_UP_REFUSED, "not allowed as an endpoint: %s", refusal);
        return;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        say_time_is_up(ret_fault, conn);
        return;
    }
    if (tunnel != 0 && tunnel / 100 != 2) {
        say_tunnel(ret_fault, tunnel);
        return;
    }
    if (code == CURLE_COULDNT_RESOLVE_PROXY ||
        (code == CURLE_COULDNT_RESOLVE_HOST && proxy && proxy->kind == GW_PROXY_HTTPS)) {
        say(ret_fault, GW_UP_CONNECT,
            "the proxy's name cannot be resolved; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY");
        return;
    }
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        say(ret_fault, GW_UP_CONNECT, "the host name cannot be resolved; check its spelling and this machine's DNS");
        break;
    case CURLE_PROXY:
        say(ret_fault, GW_UP_CONNECT, "cannot connect through the SOCKS proxy: %s; check the proxy settings",
            socks_words(number(easy, CURLINFO_PROXY_ERROR)));
        break;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        say(ret_fault, GW_UP_INTERNAL, "the gateway could not run the call: out of memory");
        break;
    default:
        if (code == CURLE_COULDNT_CONNECT) /* it stays from earlier tries otherwise */
            os_error = number(easy, CURLINFO_OS_ERRNO);
        say(ret_fault, GW_UP_CONNECT, "cannot connect: %s",
            os_error ? strerror((int)os_error)
            : *words ? words
                     : curl_easy_strerror(code));
        break;
    }
}

/* ---- TLS -------------------------------------------------------------------------------------------------------- */

/** What may help, by what GnuTLS said. */
static const char *tls_advice(const struct gw_tls *tls, int error)
{
    static const char client[] = "; the server may want a client certificate, or another one: " CLIENT_CERT;

    switch (error) {
    case GNUTLS_E_UNEXPECTED_PACKET:
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
    case GNUTLS_E_RECORD_OVERFLOW:
    case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
        return "; the server may not speak TLS on this port: try http:// in the endpoint";
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        if (gw_tls_alert(tls) == GNUTLS_A_UNRECOGNIZED_NAME)
            return "; the server does not know this host name: check the endpoint";
        if (gw_tls_alert(tls) == GNUTLS_A_PROTOCOL_VERSION)
            return "; the server speaks neither TLS 1.2 nor TLS 1.3";
        return client;
    default:
        return gw_tls_wanted_certificate(tls) ? client : "";
    }
}

void gw_fault_of_tls(struct gw_fault *ret_fault, const struct gw_conn *conn, const struct gw_tls *tls, bool is_late)
{
    bool is_proxy = tls == conn->proxy_tls;
    const char *of = is_proxy ? "the proxy's TLS: " : "", *refusal = gw_tls_refusal(tls), *alert;
    int error = gw_tls_error(tls);

    if (refusal) {
        say(ret_fault, GW_UP_TLS, "%s%s", of, refusal);
        return;
    }
    alert = error == GNUTLS_E_FATAL_ALERT_RECEIVED ? gnutls_alert_get_name(gw_tls_alert(tls)) : NULL;
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
        say(ret_fault, GW_UP_TLS, "%sTLS failed: the server refused it with the alert '%s'%s", of,
            alert ? alert : "unknown", tls_advice(tls, error));
    else if (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR || error == GNUTLS_E_PUSH_ERROR ||
             error == 0)
        say(ret_fault, GW_UP_TLS, "%sTLS failed: the server closed the connection %s%s", of,
            is_late ? "instead of answering" : "during the handshake", tls_advice(tls, error));
    else
        say(ret_fault, GW_UP_TLS, "%sTLS failed: %s%s", of, gnutls_strerror(error), tls_advice(tls, error));
}

/* ---- later ------------------------------------------------------------------------------------------------------ */

void gw_fault_of_cut(struct gw_fault *ret_fault, const struct gw_conn *conn, ssize_t why)
{
    const struct gw_transfer *transfer = conn->transfer;
    const struct gw_tls *tls = conn->tls ? conn->tls : conn->proxy_tls;
    const struct gw_url *url = transfer->url;
    bool is_silent = transfer->state == GW_TRANSFER_HEAD && !transfer->got_bytes;
    const char *words = "closed by the server", *advice = "";

    if (!tls && why == GW_IO_CUT)
        words = "reset by the server";
    else if (why == GW_IO_ERROR)
        words = tls ? gnutls_strerror(gw_tls_error(tls)) : strerror(errno);
    if (is_silent && !url->is_https && (url->port == 443 || url->port == 8443))
        advice = "; the server may speak TLS on this port: try https:// in the endpoint";
    say(ret_fault, GW_UP_CUT, "the connection broke %s: %s%s",
        is_silent                             ? "before the answer began"
        : transfer->state == GW_TRANSFER_HEAD ? "in the middle of the answer's head"
                                              : "in the middle of the answer",
        words, advice);
}

void gw_fault_of_time(struct gw_fault *ret_fault, const struct gw_transfer *transfer, bool is_total)
{
    if (is_total)
        say(ret_fault, GW_UP_TIMEOUT, "the answer was not complete within %lld ms", (long long)transfer->total_ms);
    else if (transfer->state == GW_TRANSFER_CONNECTING)
        say_time_is_up(ret_fault, transfer->conn);
    else
        say(ret_fault, GW_UP_TIMEOUT, "connected, but nothing came for %lld ms (%s)", (long long)transfer->idle_ms,
            transfer->state == GW_TRANSFER_HEAD ? "before the answer began" : "in the middle of the answer");
}

/** "host:port", or "host:port through proxy host:port". */
static void peer_words(const struct gw_transfer *transfer, char *text, size_t size)
{
    const struct gw_proxy *proxy = transfer->origin ? transfer->origin->proxy : NULL;

    snprintf(text, size, "%.200s:%u%s%.200s", transfer->url->host, transfer->url->port, proxy ? " through proxy " : "",
             proxy ? proxy->name : "");
}

static bool is_head_whole(const struct gw_transfer *transfer)
{
    return transfer->state == GW_TRANSFER_BODY || transfer->state == GW_TRANSFER_PAUSED ||
           transfer->state == GW_TRANSFER_RESUMING;
}

void gw_report(const struct gw_transfer *transfer, const struct gw_fault *fault, char *text, size_t text_size,
               struct gw_transfer_result *ret_result)
{
    char peer[512];

    *ret_result = (struct gw_transfer_result){
        .kind = fault ? fault->kind : GW_UP_OK,
        .status = is_head_whole(transfer) ? transfer->answer.status : 0,
        .was_reused = transfer->was_reused,
        .was_sent = transfer->out.is_sent,
        .got_bytes = transfer->got_bytes,
        .connect_us = transfer->connect_us,
        .first_byte_us = transfer->first_byte_us,
        .total_us = gw_mono_us() - transfer->started_us,
        .message = text,
    };
    text[0] = '\0';
    if (!fault)
        return;
    peer_words(transfer, peer, sizeof peer);
    snprintf(text, text_size, "%s: %s", peer, fault->words);
}
