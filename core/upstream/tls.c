/* tls.c - see tls.h. */
#include "upstream/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct gw_tls {
    gnutls_session_t session;
    struct gw_credentials *credentials;
    struct gw_ticket *ticket;
    struct gw_tls *below;
    int fd;
    int error;
    bool did_block;   /* the transport said "not now" since GnuTLS was entered */
    bool took_ticket; /* the newest of this session is kept; one is enough */
    char *shared;     /* the worker's buffer */
    char *parked;     /* our own, when we had to leave with something read ahead */
    const char *ahead;
    size_t ahead_len;
    char *refusal;
    gnutls_typed_vdata_st wanted[2]; /* of the certificate: name and purpose; GnuTLS keeps a pointer */
    char host[];
};

void gw_ticket_forget(struct gw_ticket *ticket)
{
    gnutls_free(ticket->data.data);
    gw_credentials_unref(ticket->credentials);
    *ticket = (struct gw_ticket){ { NULL, 0 }, NULL };
}

/* ---- transport -------------------------------------------------------------------------------------------------- */

/** What our transport functions tell GnuTLS. */
static ssize_t no_luck(struct gw_tls *tls, int error)
{
    tls->did_block = tls->did_block || error == EAGAIN;
    gnutls_transport_set_errno(tls->session, error);
    return -1;
}

static ssize_t pull_below(struct gw_tls *tls, void *bytes, size_t len)
{
    ssize_t n = gw_tls_recv(tls->below, bytes, len);

    if (n >= 0)
        return n;
    return n == GW_IO_CUT ? 0 : no_luck(tls, n == GW_IO_AGAIN ? EAGAIN : ECONNRESET);
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *bytes, size_t len)
{
    struct gw_tls *tls = ptr;

    if (tls->below)
        return pull_below(tls, bytes, len);
    if (tls->ahead_len == 0) {
        ssize_t n;

        free(tls->parked);
        tls->parked = NULL;
        do
            n = recv(tls->fd, tls->shared, GW_TLS_AHEAD_MAX, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n == 0 ? 0 : no_luck(tls, errno == EWOULDBLOCK ? EAGAIN : errno);
        tls->ahead = tls->shared;
        tls->ahead_len = (size_t)n;
    }
    if (len > tls->ahead_len)
        len = tls->ahead_len;
    memcpy(bytes, tls->ahead, len);
    tls->ahead += len;
    tls->ahead_len -= len;
    return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
    struct gw_tls *tls = ptr;
    ssize_t n;

    if (tls->below) {
        n = gw_tls_send(tls->below, bytes, len < GW_TLS_RECORD_MAX ? len : GW_TLS_RECORD_MAX);
        return n > 0 ? n : no_luck(tls, n == GW_IO_AGAIN ? EAGAIN : EPIPE);
    }
    do
        n = send(tls->fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : no_luck(tls, errno == EWOULDBLOCK ? EAGAIN : errno);
}

/** GnuTLS asks this when a time limit is set, which is never. */
static int pull_is_ready(gnutls_transport_ptr_t ptr, unsigned ms)
{
    (void)ptr;
    (void)ms;
    return 1;
}

/* ---- tickets ---------------------------------------------------------------------------------------------------- */

static void take_ticket(struct gw_tls *tls)
{
    gnutls_datum_t data;

    if (!tls->ticket || tls->took_ticket || !(gnutls_session_get_flags(tls->session) & GNUTLS_SFLAGS_SESSION_TICKET) ||
        gnutls_session_get_data2(tls->session, &data) < 0)
        return;
    tls->took_ticket = true;
    gw_ticket_forget(tls->ticket);
    tls->ticket->data = data;
    tls->ticket->credentials = gw_credentials_ref(tls->credentials);
}

/** TLS 1.3: tickets come with or after the answer. */
static int on_ticket(gnutls_session_t session, unsigned type, unsigned when, unsigned is_incoming,
                     const gnutls_datum_t *message)
{
    struct gw_tls *tls = gnutls_session_get_ptr(session);

    (void)type;
    (void)when;
    (void)message;
    if (is_incoming && gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
        take_ticket(tls);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/** The host as certificates have it: no zone, no dot at the end. */
static size_t host_len(const char *host)
{
    size_t len = strcspn(host, "%");

    return len > 0 && host[len - 1] == '.' ? len - 1 : len;
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool set_up(struct gw_tls *tls)
{
    static const gnutls_datum_t http1 = { (unsigned char *)"http/1.1", 8 };
    const struct gw_ticket *ticket = tls->ticket;
    gnutls_session_t session = tls->session;

    gnutls_session_set_ptr(session, tls);
    gnutls_transport_set_ptr(session, tls);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_is_ready);
    gnutls_transport_set_push_function(session, push);
    gnutls_handshake_set_timeout(session, GNUTLS_INDEFINITE_TIMEOUT);
    if (gnutls_priority_set(session, gw_credentials_priorities(tls->credentials)) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, gw_credentials_gnutls(tls->credentials)) < 0 ||
        gnutls_alpn_set_protocols(session, &http1, 1, 0) < 0)
        return false;
    if (!is_address(tls->host) && gnutls_server_name_set(session, GNUTLS_NAME_DNS, tls->host, strlen(tls->host)) < 0)
        return false;
    tls->wanted[0] = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)tls->host };
    tls->wanted[1] =
        (gnutls_typed_vdata_st){ .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER };
    if (gw_credentials_verify(tls->credentials))
        gnutls_session_set_verify_cert2(session, tls->wanted, GW_ARRAY_LEN(tls->wanted), 0);
    if (!ticket)
        return true;
    if (ticket->data.data && ticket->credentials == tls->credentials)
        (void)gnutls_session_set_data(session, ticket->data.data, ticket->data.size);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST, on_ticket);
    return true;
}

struct gw_tls *gw_tls_new(const struct gw_tls_options *options)
{
    size_t len = host_len(options->host);
    struct gw_tls *tls = calloc(1, sizeof *tls + len + 1);

    if (!tls)
        return NULL;
    memcpy(tls->host, options->host, len);
    tls->fd = options->fd;
    tls->below = options->below;
    tls->shared = options->ahead;
    tls->ticket = options->ticket;
    tls->credentials = gw_credentials_ref(options->credentials);
    if (gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        tls->session = NULL;
    if (tls->session && set_up(tls))
        return tls;
    gw_tls_free(tls);
    return NULL;
}

void gw_tls_free(struct gw_tls *tls)
{
    if (!tls)
        return;
    if (tls->session)
        gnutls_deinit(tls->session);
    gw_credentials_unref(tls->credentials);
    free(tls->parked);
    free(tls->refusal);
    free(tls);
}

/* ---- handshake -------------------------------------------------------------------------------------------------- */

static int refuse(struct gw_tls *tls, unsigned status)
{
    tls->error = GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
    free(tls->refusal);
    tls->refusal = gw_credentials_explain(tls->credentials, tls->session, tls->host, status);
    return GW_IO_ERROR;
}

/** What the handshake itself does not see to. */
static int after_handshake(struct gw_tls *tls)
{
    gnutls_datum_t protocol;
    unsigned status = 0;

    if (gnutls_alpn_get_selected_protocol(tls->session, &protocol) == 0 &&
        (protocol.size != 8 || memcmp(protocol.data, "http/1.1", 8) != 0)) {
        tls->error = GNUTLS_E_NO_APPLICATION_PROTOCOL;
        return GW_IO_ERROR;
    }
    /* A resumed session skips verification, under whatever trust its ticket was given: made up for here. */
    if (gnutls_session_is_resumed(tls->session) && gw_credentials_verify(tls->credentials)) {
        int rc = gnutls_certificate_verify_peers(tls->session, tls->wanted, GW_ARRAY_LEN(tls->wanted), &status);

        if (rc < 0) {
            tls->error = rc;
            return GW_IO_ERROR;
        }
        if (status != 0)
            return refuse(tls, status);
    }
    if (gnutls_protocol_get_version(tls->session) != GNUTLS_TLS1_3)
        take_ticket(tls);
    return 1;
}

int gw_tls_handshake(struct gw_tls *tls)
{
    for (;;) {
        int rc;

        tls->did_block = false;
        rc = gnutls_handshake(tls->session);
        if (rc == 0)
            return after_handshake(tls);
        if ((rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) && tls->did_block)
            return GW_IO_AGAIN;
        if (!gnutls_error_is_fatal(rc))
            continue;
        tls->error = rc;
        if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR || rc == GNUTLS_E_CERTIFICATE_ERROR)
            return refuse(tls, gnutls_session_get_verify_cert_status(tls->session));
        return GW_IO_ERROR;
    }
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

ssize_t gw_tls_recv(struct gw_tls *tls, char *bytes, size_t len)
{
    for (;;) {
        ssize_t n;

        tls->did_block = false;
        n = gnutls_record_recv(tls->session, bytes, len);
        if (n >= 0)
            return n;
        /* AGAIN also comes after a ticket was taken: only the transport knows whether there is nothing left. */
        if ((n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) && tls->did_block)
            return GW_IO_AGAIN;
        if (!gnutls_error_is_fatal((int)n))
            continue;
        tls->error = (int)n;
        return n == GNUTLS_E_PREMATURE_TERMINATION || n == GNUTLS_E_PULL_ERROR ? GW_IO_CUT : GW_IO_ERROR;
    }
}

ssize_t gw_tls_send(struct gw_tls *tls, const char *bytes, size_t len)
{
    for (;;) {
        ssize_t n;

        tls->did_block = false;
        n = gnutls_record_send(tls->session, bytes, len);
        if (n >= 0)
            return n;
        if (n == GNUTLS_E_AGAIN && tls->did_block)
            return GW_IO_AGAIN;
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        tls->error = (int)n;
        return n == GNUTLS_E_PUSH_ERROR ? GW_IO_CUT : GW_IO_ERROR;
    }
}

bool gw_tls_wants_write(const struct gw_tls *tls)
{
    return gnutls_record_get_direction(tls->session) == 1 || (tls->below && gw_tls_wants_write(tls->below));
}

bool gw_tls_has_more(const struct gw_tls *tls)
{
    return tls->ahead_len > 0 || gnutls_record_check_pending(tls->session) > 0 ||
           (tls->below && gw_tls_has_more(tls->below));
}

bool gw_tls_park(struct gw_tls *tls)
{
    char *parked;

    if (tls->below)
        return gw_tls_park(tls->below);
    if (tls->ahead_len == 0 || tls->parked)
        return true;
    parked = malloc(tls->ahead_len);
    if (!parked)
        return false;
    memcpy(parked, tls->ahead, tls->ahead_len);
    tls->parked = parked;
    tls->ahead = parked;
    return true;
}

void gw_tls_bye(struct gw_tls *tls)
{
    (void)gnutls_bye(tls->session, GNUTLS_SHUT_WR);
}

/* ---- what it knows ---------------------------------------------------------------------------------------------- */

int gw_tls_error(const struct gw_tls *tls)
{
    return tls->error;
}

gnutls_alert_description_t gw_tls_alert(const struct gw_tls *tls)
{
    return gnutls_alert_get(tls->session);
}

const char *gw_tls_refusal(const struct gw_tls *tls)
{
    return tls->refusal;
}

bool gw_tls_wanted_certificate(const struct gw_tls *tls)
{
    return gnutls_certificate_client_get_request_status(tls->session) != 0;
}

bool gw_tls_is_resumed(const struct gw_tls *tls)
{
    return gnutls_session_is_resumed(tls->session) != 0;
}

struct gw_credentials *gw_tls_credentials(const struct gw_tls *tls)
{
    return tls->credentials;
}
