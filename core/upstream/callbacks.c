/* callbacks.c - what libcurl calls while it runs a call. Each looks first whether the call still wants anything: curl
 * may go on for a while after a cancel that came from inside another callback. */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

static void sign_of_life(struct gw_transfer *call)
{
    call->last_ms = gw_loop_now_ms(call->up->loop);
}

static bool is_over(const struct gw_transfer *call)
{
    return call->is_cancelled || call->is_stopped;
}

/** The request's memory goes back to the caller with the head. A server may answer before it has read the whole body:
 *  then the rest is ours to keep. */
static bool release_request(struct gw_transfer *call)
{
    size_t rest = call->body.len > GW_BODY_WITH_HEAD_MAX ? call->body.len - call->body_sent : 0;

    free(call->headers);
    call->headers = NULL;
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
    if (rest > 0) {
        call->body_rest = malloc(rest);
        if (!call->body_rest)
            return false;
        memcpy(call->body_rest, call->body.ptr + call->body_sent, rest);
    }
    call->body = (aigw_str){ call->body_rest, rest };
    call->body_sent = 0;
    return true;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_transfer *call = user;
    size_t len = size * count;
    long status = 0;

    if (is_over(call))
        return 0;
    call->got_bytes = true;
    sign_of_life(call);
    if (call->did_head || !(len <= 2 && (bytes[0] == '\r' || bytes[0] == '\n')))
        return len;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return len; /* interim answer: more heads will follow */
    call->did_head = true;
    if (!release_request(call))
        return 0;
    if (call->events.on_head(call->events.user, call, (int)status) == GW_UP_STOP)
        call->is_stopped = true;
    return is_over(call) ? 0 : len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_transfer *call = user;
    size_t len = size * count;
    int verdict;

    if (is_over(call))
        return 0;
    if (call->is_paused) /* not before resume(): curl keeps it */
        return CURL_WRITEFUNC_PAUSE;
    sign_of_life(call);
    call->received += len;
    if (call->body_max > 0 && call->received > call->body_max) {
        call->is_too_large = true;
        return 0;
    }
    verdict = call->events.on_data(call->events.user, call, bytes, len);
    if (verdict == GW_UP_STOP)
        call->is_stopped = true;
    if (is_over(call))
        return 0;
    if (verdict == GW_UP_PAUSE) {
        /* Paused this way curl counts these bytes as taken; its WRITEFUNC_PAUSE would hand them over again. */
        call->is_paused = true;
        curl_easy_pause(call->easy, CURLPAUSE_RECV);
    }
    return len;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_transfer *call = user;
    size_t len = call->body.len - call->body_sent;

    if (is_over(call))
        return CURL_READFUNC_ABORT;
    if (len > size * count)
        len = size * count;
    if (len > 0)
        memcpy(bytes, call->body.ptr + call->body_sent, len);
    call->body_sent += len;
    sign_of_life(call);
    return len;
}

/** curl starts the body over when a pooled connection turns out dead. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct gw_transfer *call = user;

    if (origin != SEEK_SET || call->did_head || offset < 0 || (uint64_t)offset > call->body.len)
        return CURL_SEEKFUNC_FAIL;
    call->body_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct gw_transfer *call = user;

    (void)purpose;
    if (call->is_cancelled)
        return CURL_SOCKET_BAD;
    if ((call->flags & GW_UPF_CHECK_ADDRESS) && !call->proxy) {
        const char *why = gw_address_forbidden(&address->addr);

        if (why) {
            call->refusal = why;
            return CURL_SOCKET_BAD;
        }
    }
    if (call->does_watch_trust) { /* curl may come here again when a pooled connection turns out dead */
        call->check.is_installed = call->check.did_run = call->check.did_pass = false;
        curl_easy_setopt(call->easy, CURLOPT_VERBOSE, 1L);
    }
    return gw_up_open_socket(call->up, address);
}

static gnutls_session_t session_of(CURL *easy)
{
    struct curl_tlssessioninfo *tls = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls ||
        tls->backend != CURLSSLBACKEND_GNUTLS)
        return NULL;
    return tls->internals;
}

/** A server that misses a client certificate may say so only by hanging up on the request. */
static void note_session(struct gw_transfer *call)
{
    gnutls_session_t session = session_of(call->easy);

    call->is_client_cert_wanted = session && gnutls_certificate_client_get_request_status(session) != 0;
}

/** The connection stands, new or pooled, and the request is about to go out. */
static int on_ready(void *user, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct gw_transfer *call = user;

    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (is_over(call))
        return CURL_PREREQFUNC_ABORT;
    if (call->url->is_https)
        note_session(call);
    call->is_ready = true;
    sign_of_life(call);
    gw_call_arm(call);
    return CURL_PREREQFUNC_OK;
}

/** curl's trace, on only from a socket's opening until its TLS session exists: the one moment between the session's
 *  birth and its handshake. */
static int on_trace(CURL *easy, curl_infotype type, char *text, size_t len, void *user)
{
    struct gw_transfer *call = user;
    gnutls_session_t session = type == CURLINFO_TEXT ? session_of(easy) : NULL;

    (void)text;
    (void)len;
    if (!session)
        return 0;
    gw_trust_watch(session, &call->check);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
    return 0;
}

void gw_call_prepare_easy(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_trace);
}
