/* url.c - the URLs we call, taken apart. That costs more than all else at a transfer's start, and a worker calls the
 * same few over and over: they are remembered. A URL may hold a key, so this memory is never shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

#define URL_KEPT_MAX 2048u /* longer ones are taken apart each time */
#define HOST_MAX     255u

void gw_url_unref(struct gw_url *url)
{
    if (!url || --url->refs > 0)
        return;
    free(url->host);
    free(url->bare_host);
    free(url->authority);
    free(url->connect);
    free(url->target);
    free(url);
}

static uint32_t hash_of(const char *text, uint32_t seed)
{
    uint32_t hash = 2166136261u ^ seed; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash ^ hash >> 16;
}

/* ---- host ------------------------------------------------------------------------------------------------------- */

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

/** One label of a name in UTF-8 as DNS has it. False when it has no such form. */
static bool put_label(struct gw_buf *out, const char *label, size_t len)
{
    gnutls_datum_t mapped = { NULL, 0 };

    if (is_ascii(label, len)) {
        for (size_t i = 0; i < len; i++) {
            char c = label[i] >= 'A' && label[i] <= 'Z' ? (char)(label[i] + 32) : label[i];

            gw_buf_put(out, &c, 1);
        }
        return true;
    }
    /* The mapping leaves out what it cannot keep beside other scripts. */
    if (memchr(label, '_', len) || gnutls_idna_map(label, (unsigned)len, &mapped, 0) < 0)
        return false;
    gw_buf_put(out, (const char *)mapped.data, mapped.size);
    gnutls_free(mapped.data);
    return true;
}

/** Lower case and, whatever the locale, international names in their ASCII form. NULL when there is none. */
static char *host_in_ascii(const char *host)
{
    struct gw_buf out;
    bool ok = true;

    gw_buf_init(&out, HOST_MAX + 1);
    while (ok) {
        size_t len = strcspn(host, ".");

        ok = put_label(&out, host, len);
        if (!host[len])
            break;
        gw_buf_put(&out, ".", 1);
        host += len + 1;
    }
    ok = ok && out.status == AIGW_OK && out.len > 0;
    if (!ok) {
        gw_buf_done(&out);
        return NULL;
    }
    return out.data;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/** curl's strings of one URL. */
struct parts {
    CURLU *url;
    char *scheme, *host, *port, *path, *query, *user, *password, *zone;
};

static void parts_done(struct parts *parts)
{
    char *all[] = { parts->scheme, parts->host, parts->port,     parts->path,
                    parts->query,  parts->user, parts->password, parts->zone };

    for (size_t i = 0; i < GW_ARRAY_LEN(all); i++)
        curl_free(all[i]);
    curl_url_cleanup(parts->url);
}

/** What goes into the request line has no blanks and no control characters. */
static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool parts_read(struct parts *parts, const char *text)
{
    *parts = (struct parts){ .url = curl_url() };
    if (!parts->url || curl_url_set(parts->url, CURLUPART_URL, text, 0) ||
        curl_url_get(parts->url, CURLUPART_SCHEME, &parts->scheme, 0) ||
        curl_url_get(parts->url, CURLUPART_HOST, &parts->host, 0) ||
        curl_url_get(parts->url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) ||
        curl_url_get(parts->url, CURLUPART_PATH, &parts->path, 0))
        return false;
    (void)curl_url_get(parts->url, CURLUPART_QUERY, &parts->query, 0);
    (void)curl_url_get(parts->url, CURLUPART_USER, &parts->user, 0);
    (void)curl_url_get(parts->url, CURLUPART_PASSWORD, &parts->password, 0);
    (void)curl_url_get(parts->url, CURLUPART_ZONEID, &parts->zone, 0);
    return is_clean(parts->path) && (!parts->query || is_clean(parts->query));
}

static bool print(char **ret_text, const char *fmt, ...) AIGW_PRINTF(2, 3);
static bool print(char **ret_text, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vasprintf(ret_text, fmt, args) < 0)
        *ret_text = NULL;
    va_end(args);
    return *ret_text != NULL;
}

/** False when out of memory. */
static bool url_fill(struct gw_url *url, const struct parts *parts)
{
    const char *host = url->host, *query = parts->query;
    bool is_v6 = host[0] == '[', is_usual;
    int len = (int)strlen(host);

    url->port = (uint16_t)strtoul(parts->port, NULL, 10);
    url->is_https = strcmp(parts->scheme, "https") == 0;
    is_usual = url->port == (url->is_https ? 443 : 80);
    url->forbidden = gw_host_forbidden(host);
    url->hash = hash_of(host, (uint32_t)url->port << 1 | url->is_https);
    return print(&url->bare_host, "%.*s", is_v6 ? len - 2 : len, host + is_v6) &&
           (is_usual ? print(&url->authority, "%s", host) : print(&url->authority, "%s:%u", host, url->port)) &&
           (is_v6 && parts->zone ? print(&url->connect, "http://[%s%%25%s]:%u/", url->bare_host, parts->zone, url->port)
                                 : print(&url->connect, "http://%s:%u/", host, url->port)) &&
           print(&url->target, "%s%s%s", parts->path, query ? "?" : "", query ? query : "");
}

static aigw_status take_apart(struct gw_url *url, const char **ret_refusal, struct gw_err *reterr)
{
    aigw_status status = AIGW_OK;
    struct parts parts;

    if (!parts_read(&parts, url->text)) {
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL is malformed; expected http://host:port/path "
                            "or https://host:port/path");
        goto done;
    }
    if (parts.user || parts.password) {
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL holds a user name or password; put the key "
                            "into the key setting instead");
        goto done;
    }
    if (strcmp(parts.scheme, "http") != 0 && strcmp(parts.scheme, "https") != 0)
        *ret_refusal = "its scheme is neither http nor https";
    url->host = host_in_ascii(parts.host);
    if (!url->host)
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the host name in the model server's URL has no form that can be "
                            "looked up; check its spelling");
    else if (!url_fill(url, &parts))
        status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
done:
    parts_done(&parts);
    return status;
}

aigw_status gw_url_parse(struct gw_upstream *up, const char *text, struct gw_url **ret_url, const char **ret_refusal,
                         struct gw_err *reterr)
{
    struct gw_url **place = &up->urls[hash_of(text, 0) % GW_URLS_KEPT];
    size_t len = strlen(text);
    aigw_status status;

    if (!*place || strcmp((*place)->text, text) != 0) {
        struct gw_url *url = calloc(1, sizeof *url + len + 1);

        if (!url)
            return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
        url->refs = 1;
        memcpy(url->text, text, len);
        status = take_apart(url, ret_refusal, reterr);
        if (status != AIGW_OK || *ret_refusal || len > URL_KEPT_MAX) {
            if (status == AIGW_OK)
                *ret_url = url;
            else
                gw_url_unref(url);
            return status;
        }
        gw_url_unref(*place);
        *place = url;
    }
    (*place)->refs++;
    *ret_url = *place;
    return AIGW_OK;
}
