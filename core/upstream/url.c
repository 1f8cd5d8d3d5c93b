/* url.c - scheme, host and port of the URLs we call. Taking one apart costs more than all else at a call's start, and a
 * worker calls the same few over and over: they are remembered. A URL may hold a key, so this memory is never shown. */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

#define URL_KEPT_MAX 2048u /* longer ones are taken apart each time */

/** Own memory in *ret_url, also on failure. *ret_refusal: why the scheme is not called. */
static aigw_status url_parse(const char *url, struct gw_up_url *ret_url, const char **ret_refusal,
                             struct gw_err *reterr)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *password = NULL;
    aigw_status status = AIGW_OK;

    if (!parts)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    if (curl_url_set(parts, CURLUPART_URL, url, 0) || curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) ||
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL is malformed; expected http://host:port/path "
                            "or https://host:port/path");
        goto done;
    }
    ret_url->is_https = strcmp(scheme, "https") == 0;
    if (!ret_url->is_https && strcmp(scheme, "http") != 0)
        *ret_refusal = "its scheme is neither http nor https";
    if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK) {
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL holds a user name or password; put the key "
                            "into the key setting instead");
        goto done;
    }
    ret_url->host = strdup(host);
    ret_url->port = strtol(port, NULL, 10);
    if (!ret_url->host)
        status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parts);
    return status;
}

static struct gw_up_url *url_place(struct gw_upstream *up, const char *url, size_t *ret_len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t len = 0;

    for (; url[len]; len++)
        hash = (hash ^ (unsigned char)url[len]) * 16777619u;
    *ret_len = len;
    return &up->urls[(hash ^ hash >> 16) % GW_URLS_KEPT];
}

static void url_empty(struct gw_up_url *place)
{
    free(place->url);
    free(place->host);
    *place = (struct gw_up_url){ .url = NULL };
}

aigw_status gw_call_parse_url(struct gw_upstream_call *call, const char *url, struct gw_err *reterr)
{
    size_t len;
    struct gw_up_url *place = url_place(call->up, url, &len);
    struct gw_up_url fresh = { .url = NULL };

    if (!place->url || strcmp(place->url, url) != 0) {
        aigw_status status = url_parse(url, &fresh, &call->refusal, reterr);
        call->host = fresh.host;
        call->port = fresh.port;
        call->is_https = fresh.is_https;
        if (status != AIGW_OK || call->refusal || len > URL_KEPT_MAX)
            return status;
        url_empty(place);
        *place = fresh;
        place->url = strdup(url);
        place->host = strdup(fresh.host);
        if (!place->url || !place->host)
            url_empty(place); /* not remembered then */
        return AIGW_OK;
    }
    call->host = strdup(place->host);
    call->port = place->port;
    call->is_https = place->is_https;
    return call->host ? AIGW_OK : gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
}

void gw_up_forget_urls(struct gw_upstream *up)
{
    for (size_t i = 0; i < GW_URLS_KEPT; i++)
        url_empty(&up->urls[i]);
}
