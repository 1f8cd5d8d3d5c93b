/* sigv4.c - AWS Signature Version 4 of one request.
 *
 * The path that goes out is encoded already; in the text that is signed it is encoded once more, as every service but
 * S3 wants it. */
#include "aws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TEXT_MAX    ((size_t)64 * 1024)
#define SIGNED_MAX  16u
#define QUERIES_MAX 32u

/** One header of the signature: its name in small letters, NUL-terminated. */
struct signed_header {
    char name[40];
    aigw_str value;
};

struct signing {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct signed_header headers[SIGNED_MAX];
    uint32_t count;
    char time[20]; /* 20260102T030405Z */
    char scope[128];
};

static void to_hex(const uint8_t digest[32], char hex[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
}

static aigw_str trimmed(aigw_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = (aigw_str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* ---- headers ---- */

static aigw_status add_header(struct signing *s, aigw_str name, aigw_str value)
{
    struct signed_header *header;

    if (s->count == SIGNED_MAX || name.len >= sizeof header->name)
        return s->host->fail(s->ctx, AIGW_E_LIMIT, "there are too many or too long headers to sign");
    header = &s->headers[s->count++];
    for (size_t i = 0; i < name.len; i++)
        header->name[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
    header->name[name.len] = '\0';
    header->value = trimmed(value);
    return AIGW_OK;
}

/* Proxies may add and change headers: those that matter are signed, those of who has the request sent among them. */
static bool is_signed(aigw_str name)
{
    return (name.len == 4 && strncasecmp(name.ptr, "host", 4) == 0) ||
           (name.len == 12 && strncasecmp(name.ptr, "content-type", 12) == 0) ||
           (name.len > 6 && strncasecmp(name.ptr, "x-amz-", 6) == 0) ||
           (name.len > 7 && strncasecmp(name.ptr, "x-goog-", 7) == 0);
}

static aigw_status collect_headers(struct signing *s, const struct aigw_http_request *http, const struct aws_keys *keys)
{
    aigw_status status = add_header(s, AIGW_STR("x-amz-date"), wire_str(s->time));

    if (status == AIGW_OK && keys->session_token.len > 0)
        status = add_header(s, AIGW_STR("x-amz-security-token"), keys->session_token);
    for (uint32_t i = 0; i < http->header_count && status == AIGW_OK; i++) {
        aigw_str rest = wire_str(http->headers[i]), name = aws_cut(&rest, ':');

        if (is_signed(name))
            status = add_header(s, name, rest);
    }
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct signed_header *)a)->name, ((const struct signed_header *)b)->name);
}

static void put_names(const struct signing *s, struct aigw_buf *out)
{
    for (uint32_t i = 0; i < s->count; i++)
        s->host->buf_printf(out, "%s%s", i > 0 ? ";" : "", s->headers[i].name);
}

/* ---- the canonical request ---- */

static int by_text(const void *a, const void *b)
{
    const aigw_str *one = a, *two = b;
    int order = memcmp(one->ptr, two->ptr, one->len < two->len ? one->len : two->len);

    return order != 0 ? order : one->len < two->len ? -1 : one->len > two->len;
}

/* The query is encoded already; its parts are sorted, and each has a "=". */
static aigw_status put_query(const struct signing *s, struct aigw_buf *out, aigw_str query)
{
    aigw_str parts[QUERIES_MAX] = { AIGW_STR_INIT("") };
    size_t count = 0;

    while (query.len > 0) {
        aigw_str part = aws_cut(&query, '&');

        if (part.len == 0)
            continue;
        if (count == QUERIES_MAX)
            return s->host->fail(s->ctx, AIGW_E_LIMIT, "the URL's query has more than %u parts", QUERIES_MAX);
        parts[count++] = part;
    }
    qsort(parts, count, sizeof *parts, by_text);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            s->host->buf_put(out, "&", 1);
        s->host->buf_put(out, parts[i].ptr, parts[i].len);
        if (!memchr(parts[i].ptr, '=', parts[i].len))
            s->host->buf_put(out, "=", 1);
    }
    return AIGW_OK;
}

/* The SHA-256 of what is signed, in hex. */
static aigw_status hash_request(struct signing *s, const struct aigw_http_request *http, char ret_hex[65])
{
    struct aigw_buf *out = s->host->buf_new(s->ctx, AIGW_LIFE_BUILD, TEXT_MAX);
    const char *place = strstr(http->url, "://");
    aigw_str target, path, text;
    uint8_t digest[32];
    char hex[65];
    aigw_status status;

    if (!out)
        return AIGW_E_NOMEM;
    place = place ? place + 3 : http->url;
    target = wire_str(place + strcspn(place, "/?#"));
    target.len = strcspn(target.ptr, "#");
    path = aws_cut(&target, '?');
    s->host->buf_printf(out, "%s\n", http->method);
    wire_put_encoded(s->host, out, path.len > 0 ? path : AIGW_STR("/"), "-_.~/");
    s->host->buf_put(out, "\n", 1);
    status = put_query(s, out, target);
    s->host->buf_put(out, "\n", 1);
    for (uint32_t i = 0; i < s->count; i++)
        s->host->buf_printf(out, "%s:%.*s\n", s->headers[i].name, AIGW_STR_ARG(s->headers[i].value));
    s->host->buf_put(out, "\n", 1);
    put_names(s, out);
    if (status == AIGW_OK)
        status = s->host->sha256(s->ctx, http->body, digest);
    if (status != AIGW_OK)
        return status;
    to_hex(digest, hex);
    s->host->buf_printf(out, "\n%s", hex);
    status = s->host->buf_view(out, &text);
    if (status == AIGW_OK)
        status = s->host->sha256(s->ctx, text, digest);
    to_hex(digest, ret_hex);
    return status;
}

/* ---- the signature ---- */

static aigw_status derive(const struct signing *s, const struct aws_keys *keys, aigw_str text, char ret_hex[65])
{
    struct aigw_buf *secret = s->host->buf_new(s->ctx, AIGW_LIFE_BUILD, TEXT_MAX);
    aigw_str scope = wire_str(s->scope), key;
    uint8_t digest[32];
    aigw_status status;

    if (!secret)
        return AIGW_E_NOMEM;
    s->host->buf_printf(secret, "AWS4%.*s", AIGW_STR_ARG(keys->secret_access_key));
    status = s->host->buf_view(secret, &key);
    for (int i = 0; i < 4 && status == AIGW_OK; i++) { /* date, region, service, aws4_request */
        uint8_t next[32];

        status = s->host->hmac_sha256(s->ctx, key, aws_cut(&scope, '/'), next);
        memcpy(digest, next, sizeof digest);
        key = (aigw_str){ (const char *)digest, sizeof digest };
    }
    if (status == AIGW_OK) {
        uint8_t last[32];

        status = s->host->hmac_sha256(s->ctx, key, text, last);
        to_hex(last, ret_hex);
    }
    return status;
}

/* Header lines: the time, the token, and the signature over all of it. */
static aigw_status put_lines(struct signing *s, const struct aws_keys *keys, const char *hash_hex,
                             struct aigw_signature *ret_signature)
{
    struct aigw_buf *names = s->host->buf_new(s->ctx, AIGW_LIFE_BUILD, TEXT_MAX);
    const char **lines = s->host->alloc(s->ctx, AIGW_LIFE_BUILD, 3 * sizeof *lines);
    char *text = s->host->format(s->ctx, AIGW_LIFE_BUILD, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->time, s->scope, hash_hex);
    uint32_t count = 0;
    char hex[65] = "";
    aigw_status status;
    aigw_str view;

    if (!names || !lines || !text)
        return AIGW_E_NOMEM;
    put_names(s, names);
    status = s->host->buf_view(names, &view);
    if (status == AIGW_OK)
        status = derive(s, keys, wire_str(text), hex);
    if (status != AIGW_OK)
        return status;
    lines[count++] = s->host->format(s->ctx, AIGW_LIFE_BUILD, "X-Amz-Date: %s", s->time);
    if (keys->session_token.len > 0)
        lines[count++] =
            s->host->format(s->ctx, AIGW_LIFE_BUILD, "X-Amz-Security-Token: %.*s", AIGW_STR_ARG(keys->session_token));
    lines[count++] = s->host->format(
        s->ctx, AIGW_LIFE_BUILD, "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, Signature=%s",
        AIGW_STR_ARG(keys->access_key_id), s->scope, view.ptr, hex);
    for (uint32_t i = 0; i < count; i++)
        if (!lines[i])
            return AIGW_E_NOMEM;
    ret_signature->headers = lines;
    ret_signature->header_count = count;
    return AIGW_OK;
}

aigw_status aws_sign(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_keys *keys, aigw_str region,
                     const char *service, const struct aigw_http_request *http, struct aigw_signature *ret_signature)
{
    struct signing s = { .host = host, .ctx = ctx };
    time_t now = (time_t)host->time_s(ctx);
    char hash_hex[65] = "";
    struct tm utc;
    aigw_status status;
    int len;

    if (!gmtime_r(&now, &utc) || strftime(s.time, sizeof s.time, "%Y%m%dT%H%M%SZ", &utc) == 0)
        return host->fail(ctx, AIGW_E_STATE, "the machine's clock shows no time that can be signed");
    len = snprintf(s.scope, sizeof s.scope, "%.8s/%.*s/%s/aws4_request", s.time, AIGW_STR_ARG(region), service);
    if (len < 0 || (size_t)len >= sizeof s.scope)
        return host->fail(ctx, AIGW_E_INVALID, "the name of the AWS region is too long");
    status = collect_headers(&s, http, keys);
    if (status != AIGW_OK)
        return status;
    qsort(s.headers, s.count, sizeof *s.headers, by_name);
    status = hash_request(&s, http, hash_hex);
    return status == AIGW_OK ? put_lines(&s, keys, hash_hex, ret_signature) : status;
}
