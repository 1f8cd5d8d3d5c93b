/* harness_client.c - see harness.h: a client that says what a test wants said, and reads what comes. */
#include "harness.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000

int64_t now_us(void)
{
    return gw_mono_us();
}

void client_open_small(struct client *client, uint16_t port, int rcvbuf)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    memset(client, 0, sizeof *client);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client->fd, 0);
    if (rcvbuf)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
}

void client_open(struct client *client, uint16_t port)
{
    client_open_small(client, port, 0);
}

static gnutls_certificate_credentials_t client_credentials;

int client_tls(struct client *client, const char *cert_pem, const char *key_pem)
{
    const int on = 1;
    int rc;

    /* As clients do: without it the request waits, 40 ms, until the server says that it has the handshake's end. */
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!client_credentials)
        gnutls_certificate_allocate_credentials(&client_credentials);
    if (cert_pem) {
        gnutls_datum_t cert = { (unsigned char *)(uintptr_t)cert_pem, (unsigned int)strlen(cert_pem) };
        gnutls_datum_t key = { (unsigned char *)(uintptr_t)key_pem, (unsigned int)strlen(key_pem) };
        ck_assert_int_ge(gnutls_certificate_set_x509_key_mem(client_credentials, &cert, &key, GNUTLS_X509_FMT_PEM), 0);
    }
    gnutls_init(&client->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(client->tls);
    gnutls_credentials_set(client->tls, GNUTLS_CRD_CERTIFICATE, client_credentials);
    gnutls_transport_set_int(client->tls, client->fd);
    gnutls_handshake_set_timeout(client->tls, WAIT_MS);
    do {
        rc = gnutls_handshake(client->tls);
    } while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc;
}

void client_close(struct client *client)
{
    if (client->tls)
        gnutls_deinit(client->tls);
    if (client_credentials) {
        gnutls_certificate_free_credentials(client_credentials);
        client_credentials = NULL;
    }
    if (client->fd >= 0)
        close(client->fd);
    free(client->data);
    client->data = NULL;
    client->fd = -1;
    client->tls = NULL;
}

void client_send_bytes(struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent =
            client->tls ? gnutls_record_send(client->tls, bytes, len) : send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* refused half-way: the test looks at the answer */
        bytes += sent;
        len -= (size_t)sent;
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

void client_idle(int ms)
{
    poll(NULL, 0, ms);
}

bool client_fill(struct client *client)
{
    struct pollfd wait = { .fd = client->fd, .events = POLLIN };
    ssize_t got;

    if (client->is_eof || client->is_error)
        return false;
    if (client->cap - client->len < 65536) {
        client->cap = client->cap * 2 + 65536;
        client->data = realloc(client->data, client->cap);
        ck_assert_ptr_nonnull(client->data);
    }
    if (!client->tls || gnutls_record_check_pending(client->tls) == 0) {
        if (poll(&wait, 1, WAIT_MS) <= 0)
            return false;
    }
    if (client->tls) {
        do {
            got = gnutls_record_recv(client->tls, client->data + client->len, client->cap - client->len);
        } while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
    } else {
        got = recv(client->fd, client->data + client->len, client->cap - client->len, 0);
    }
    client->is_eof = got == 0;
    client->is_error = got < 0;
    if (got <= 0)
        return false;
    client->len += (size_t)got;
    return true;
}

static void client_consume(struct client *client, size_t len)
{
    memmove(client->data, client->data + len, client->len - len);
    client->len -= len;
}

const char *response_header(const struct response *response, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);

    for (const char *line = strstr(response->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && strncmp(line + 2 + len, ": ", 2) == 0) {
            const char *from = line + 2 + len + 2;
            snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    }
    return "";
}

static void body_add(struct response *response, const char *bytes, size_t len)
{
    if (response->body_len + len + 1 > response->body_cap) {
        response->body_cap = (response->body_len + len + 1) * 2;
        response->body = realloc(response->body, response->body_cap);
        ck_assert_ptr_nonnull(response->body);
    }
    memcpy(response->body + response->body_len, bytes, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
}

/** Make sure that len bytes from *at on are there. Consumes what is before, only when it has to read. */
static bool have(struct client *client, size_t *at, size_t len)
{
    while (client->len < *at + len) {
        if (*at) {
            client_consume(client, *at);
            *at = 0;
        }
        if (!client_fill(client))
            return false;
    }
    return true;
}

static void read_chunks(struct client *client, struct response *response)
{
    size_t at = 0;

    while (!response->is_complete) {
        char *end;
        for (size_t len = 3; !have(client, &at, len) || !(end = memmem(client->data + at, len, "\r\n", 2)); len++) {
            if (client->is_eof || client->is_error || len > 20)
                return;
        }
        char *digits_end;
        size_t size = strtoul(client->data + at, &digits_end, 16);
        ck_assert_msg(digits_end == end && end > client->data + at, "bad chunk size line");
        at = (size_t)(end - client->data) + 2;
        bool is_whole = have(client, &at, size + 2);
        size_t left = client->len - at;
        body_add(response, client->data + at, left < size ? left : size);
        if (!is_whole)
            return;
        ck_assert_msg(memcmp(client->data + at + size, "\r\n", 2) == 0, "chunk without CR LF");
        at += size + 2;
        response->is_complete = size == 0;
    }
    client_consume(client, at);
}

bool client_response(struct client *client, bool is_head, struct response *response)
{
    char *end;

    memset(response, 0, sizeof *response);
    body_add(response, "", 0);
    while (!(end = client->len ? memmem(client->data, client->len, "\r\n\r\n", 4) : NULL)) {
        if (!client_fill(client))
            return false;
    }
    size_t head = (size_t)(end - client->data) + 4;
    ck_assert_uint_lt(head, sizeof response->head);
    memcpy(response->head, client->data, head);
    client_consume(client, head);
    ck_assert_int_eq(sscanf(response->head, "HTTP/1.1 %d", &response->status), 1);
    if (response->status == 100)
        return true;
    response->is_chunked = strcasecmp(response_header(response, "transfer-encoding"), "chunked") == 0;
    const char *length = response_header(response, "content-length");
    if (is_head) {
        response->is_complete = true;
    } else if (response->is_chunked) {
        read_chunks(client, response);
    } else {
        size_t want = *length ? strtoul(length, NULL, 10) : SIZE_MAX;
        while (client->len < want && client_fill(client))
            ;
        size_t take = client->len < want ? client->len : want;
        body_add(response, client->data, take);
        client_consume(client, take);
        response->is_complete = response->body_len == want;
    }
    return true;
}

void response_free(struct response *response)
{
    free(response->body);
    response->body = NULL;
}

bool client_at_end(struct client *client)
{
    return client->len == 0 && !client_fill(client) && (client->is_eof || client->is_error);
}
