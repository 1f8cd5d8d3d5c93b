/* sts.c - requests to the Security Token Service and its answers.
 *
 * The answer is XML of one known form; what is read of it is the text of four elements, wherever they stand:
 *
 *     <…Response><…Result><Credentials><AccessKeyId>…</AccessKeyId><SecretAccessKey>…<SessionToken>…<Expiration>…
 *     <ErrorResponse><Error><Code>…</Code><Message>…
 */
#include "aws.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FORM_MAX     ((size_t)64 * 1024)
#define NAME_MAX_LEN 64u

/* ---- requests ---- */

static void put_form(const struct aigw_host *host, struct aigw_buf *out, const char *name, aigw_str value)
{
    host->buf_printf(out, "&%s=", name);
    wire_put_encoded(host, out, value, "-_.~");
}

static const char *sts_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                           aigw_str region)
{
    if (source->sts_endpoint && source->sts_endpoint[0])
        return host->format(ctx, AIGW_LIFE_BUILD, "%s/", source->sts_endpoint);
    return host->format(ctx, AIGW_LIFE_BUILD, "https://sts%s.%.*s.%s/", source->use_fips ? "-fips" : "",
                        AIGW_STR_ARG(region), aws_domain(region));
}

static aigw_status describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                            aigw_str region, const struct aws_role *role, const char *action, aigw_str token,
                            struct aigw_http_request *ret_http)
{
    struct aigw_buf *form = host->buf_new(ctx, AIGW_LIFE_BUILD, FORM_MAX);
    const char **lines = host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *lines);

    if (!form || !lines)
        return AIGW_E_NOMEM;
    lines[0] = "Content-Type: application/x-www-form-urlencoded";
    host->buf_printf(form, "Action=%s&Version=2011-06-15", action);
    put_form(host, form, "RoleArn", role->arn);
    put_form(host, form, "RoleSessionName", role->session_name.len > 0 ? role->session_name : AIGW_STR("aigw"));
    if (role->external_id.len > 0)
        put_form(host, form, "ExternalId", role->external_id);
    if (token.len > 0)
        put_form(host, form, "WebIdentityToken", token);
    ret_http->method = "POST";
    ret_http->url = sts_url(host, ctx, source, region);
    ret_http->headers = lines;
    ret_http->header_count = 1;
    if (!ret_http->url)
        return AIGW_E_NOMEM;
    return host->buf_view(form, &ret_http->body);
}

aigw_status aws_sts_web_identity(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                                 aigw_str region, const struct aws_role *role, aigw_str token,
                                 struct aigw_http_request *ret_http)
{
    return describe(host, ctx, source, region, role, "AssumeRoleWithWebIdentity", token, ret_http);
}

aigw_status aws_sts_assume(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                           aigw_str region, const struct aws_role *role, const struct aws_keys *keys,
                           struct aigw_http_request *ret_http)
{
    struct aigw_signature signature = { .struct_size = sizeof signature };
    struct aigw_http_request whole;
    const char *lines[2], **all, *place;
    aigw_status status = describe(host, ctx, source, region, role, "AssumeRole", AIGW_STR_NONE, ret_http);

    if (status != AIGW_OK)
        return status;
    place = strstr(ret_http->url, "://");
    place = place ? place + 3 : ret_http->url;
    whole = *ret_http;
    lines[0] = ret_http->headers[0];
    lines[1] = host->format(ctx, AIGW_LIFE_BUILD, "Host: %.*s", (int)strcspn(place, "/?#"), place);
    if (!lines[1])
        return AIGW_E_NOMEM;
    whole.headers = lines;
    whole.header_count = 2;
    status = aws_sign(host, ctx, keys, region, "sts", &whole, &signature);
    if (status != AIGW_OK)
        return status;
    all = host->alloc(ctx, AIGW_LIFE_BUILD, (1 + (size_t)signature.header_count) * sizeof *all);
    if (!all)
        return AIGW_E_NOMEM;
    all[0] = ret_http->headers[0];
    memcpy(all + 1, signature.headers, signature.header_count * sizeof *all);
    ret_http->headers = all;
    ret_http->header_count = 1 + signature.header_count;
    return AIGW_OK;
}

/* ---- answers ---- */

/* Write `text` without its five escapes; other ones stay as they are: no value here has any. */
static aigw_str unescape(char *out, aigw_str text)
{
    static const struct {
        const char *escape;
        char c;
    } rows[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        const aigw_str left = { text.ptr + at, text.len - at };
        size_t used = 1;

        out[len] = *left.ptr;
        for (size_t i = 0; *left.ptr == '&' && i < sizeof rows / sizeof *rows; i++)
            if (wire_has_prefix(left, rows[i].escape)) {
                out[len] = rows[i].c;
                used = strlen(rows[i].escape);
                break;
            }
        len++;
        at += used;
    }
    out[len] = '\0';
    return (aigw_str){ out, len };
}

aigw_str aws_xml_text(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str xml, const char *name)
{
    char tag[NAME_MAX_LEN];
    const char *begin, *end;
    int len = snprintf(tag, sizeof tag, "<%s>", name);
    char *copy;

    if (len < 0 || (size_t)len >= sizeof tag || xml.len == 0)
        return AIGW_STR_NONE;
    begin = memmem(xml.ptr, xml.len, tag, (size_t)len);
    if (!begin)
        return AIGW_STR_NONE;
    begin += len;
    end = memchr(begin, '<', xml.len - (size_t)(begin - xml.ptr));
    if (!end)
        return AIGW_STR_NONE;
    copy = host->alloc(ctx, AIGW_LIFE_BUILD, (size_t)(end - begin) + 1);
    return copy ? unescape(copy, (aigw_str){ begin, (size_t)(end - begin) }) : AIGW_STR_NONE;
}

static bool read_number(aigw_str text, size_t at, size_t digits, int *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + digits; i++) {
        if (i >= text.len || text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *ret = *ret * 10 + (text.ptr[i] - '0');
    }
    return true;
}

int64_t aws_read_time(aigw_str text)
{
    struct tm utc = { 0 };

    if (text.len < 20 || text.ptr[4] != '-' || text.ptr[10] != 'T' || text.ptr[text.len - 1] != 'Z' ||
        !read_number(text, 0, 4, &utc.tm_year) || !read_number(text, 5, 2, &utc.tm_mon) ||
        !read_number(text, 8, 2, &utc.tm_mday) || !read_number(text, 11, 2, &utc.tm_hour) ||
        !read_number(text, 14, 2, &utc.tm_min) || !read_number(text, 17, 2, &utc.tm_sec))
        return -1;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    return (int64_t)timegm(&utc);
}

bool aws_sts_read(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str xml, struct aws_keys *ret_keys,
                  int64_t *ret_expires_s)
{
    static const char mark[] = "<Credentials>";
    const char *begin = xml.len > 0 ? memmem(xml.ptr, xml.len, mark, sizeof mark - 1) : NULL;

    if (!begin)
        return false;
    xml = (aigw_str){ begin, xml.len - (size_t)(begin - xml.ptr) };
    ret_keys->access_key_id = aws_xml_text(host, ctx, xml, "AccessKeyId");
    ret_keys->secret_access_key = aws_xml_text(host, ctx, xml, "SecretAccessKey");
    ret_keys->session_token = aws_xml_text(host, ctx, xml, "SessionToken");
    *ret_expires_s = aws_read_time(aws_xml_text(host, ctx, xml, "Expiration"));
    return ret_keys->access_key_id.len > 0 && ret_keys->secret_access_key.len > 0 && ret_keys->session_token.len > 0 &&
           *ret_expires_s >= 0;
}
