/* url.c - the URLs we call, taken apart. That costs more than all else at a call's start, and a worker calls the same
 * few over and over: they are remembered. A URL may hold a key, so this memory is never shown. */
#include <stdlib.h>
#include <string.h>

#include "upstream/internal.h"

#define URL_KEPT_MAX 2048u /* longer ones are taken apart each time */

void gw_up_url_unref(struct gw_up_url *url)
{
    if (!url || --url->refs > 0)
        return;
    curl_free(url->host);
    curl_url_cleanup(url->parts);
    free(url);
}

static bool has_part(CURLU *parts, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(parts, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

/** *ret_refusal: why the scheme is not called. */
static aigw_status url_take_apart(struct gw_up_url *url, const char **ret_refusal, struct gw_err *reterr)
{
    char *scheme = NULL, *port = NULL;
    aigw_status status = AIGW_OK;

    url->parts = curl_url();
    if (!url->parts)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    if (curl_url_set(url->parts, CURLUPART_URL, url->url, 0) ||
        curl_url_get(url->parts, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(url->parts, CURLUPART_HOST, &url->host, 0) ||
        curl_url_get(url->parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL is malformed; expected http://host:port/path "
                            "or https://host:port/path");
        goto done;
    }
    url->port = strtol(port, NULL, 10);
    url->is_https = strcmp(scheme, "https") == 0;
    if (!url->is_https && strcmp(scheme, "http") != 0)
        *ret_refusal = "its scheme is neither http nor https";
    if (has_part(url->parts, CURLUPART_USER) || has_part(url->parts, CURLUPART_PASSWORD))
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "the model server's URL holds a user name or password; put the key "
                            "into the key setting instead");
done:
    curl_free(scheme);
    curl_free(port);
    return status;
}

static struct gw_up_url **url_place(struct gw_upstream *up, const char *url, size_t *ret_len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t len = 0;

    for (; url[len]; len++)
        hash = (hash ^ (unsigned char)url[len]) * 16777619u;
    *ret_len = len;
    return &up->urls[(hash ^ hash >> 16) % GW_URLS_KEPT];
}

aigw_status gw_call_parse_url(struct gw_transfer *call, const char *text, struct gw_err *reterr)
{
    size_t len;
    struct gw_up_url **place = url_place(call->up, text, &len);

    if (*place && strcmp((*place)->url, text) == 0) {
        call->url = *place;
        call->url->refs++;
        return AIGW_OK;
    }
    call->url = calloc(1, sizeof *call->url + len + 1);
    if (!call->url)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
    call->url->refs = 1;
    memcpy(call->url->url, text, len);
    aigw_status status = url_take_apart(call->url, &call->refusal, reterr);
    if (status == AIGW_OK && !call->refusal && len <= URL_KEPT_MAX) {
        gw_up_url_unref(*place);
        *place = call->url;
        call->url->refs++;
    }
    return status;
}
