/* aws.c - AWS as the other provider of workload identity federation (environment_id "aws1"). What is exchanged is no
 * token but a request that only whoever has AWS's keys can sign: Google sends it to AWS, which says who that is.
 *
 *     {"url": "https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15", "method": "POST",
 *      "headers": [{"key": "Authorization", "value": "AWS4-HMAC-SHA256 …"}, {"key": "host", …}, …]}
 *
 * encoded for a URL. The keys come from wherever ../aws finds some, the region from settings, files or metadata. */
#include "google.h"

#include <ctype.h>
#include <string.h>

#define SUBJECT_MAX ((size_t)64 * 1024)

/* Names of AWS's are small letters, as Google's own programs write them. */
static void put_header(const struct aigw_host *host, struct aigw_buf *json, const char *mark, const char *line)
{
    aigw_str value = wire_str(line), name = aws_cut(&value, ':');
    bool is_small = wire_has_prefix(name, "X-");

    host->buf_printf(json, "%s{\"key\":\"", mark);
    for (size_t i = 0; i < name.len; i++)
        host->buf_printf(json, "%c", is_small ? tolower((unsigned char)name.ptr[i]) : name.ptr[i]);
    host->buf_printf(json, "\"");
    host->buf_printf(json, ",\"value\":");
    host->buf_json(json, wire_skip_blanks(value));
    host->buf_printf(json, "}");
}

/* "https://sts.{region}.amazonaws.com?…" */
static const char *url_of(struct google_try *t, aigw_str region)
{
    const char *url = t->google->verify_url, *mark = strstr(url, "{region}");

    if (!mark)
        return url;
    return t->o.host->format(t->o.ctx, AIGW_LIFE_BUILD, "%.*s%.*s%s", (int)(mark - url), url, AIGW_STR_ARG(region),
                             mark + strlen("{region}"));
}

/* The signed request as text; its provider's name is signed, too, so that nobody else can use it. */
static aigw_status put_subject(struct google_try *t, const struct aws_keys *keys, aigw_str region,
                               struct aigw_buf *json)
{
    const struct aigw_host *host = t->o.host;
    struct aigw_signature signature = { .struct_size = sizeof signature };
    const char *url = url_of(t, region), *place = url ? strstr(url, "://") + 3 : NULL;
    const char *lines[] = {
        url ? host->format(t->o.ctx, AIGW_LIFE_BUILD, "host: %.*s", (int)strcspn(place, "/?#"), place) : NULL,
        host->format(t->o.ctx, AIGW_LIFE_BUILD, "x-goog-cloud-target-resource: %s", t->google->audience)
    };
    const struct aigw_http_request http = { .struct_size = sizeof http,
                                            .method = "POST",
                                            .url = url,
                                            .headers = lines,
                                            .header_count = 2,
                                            .body = AIGW_STR_INIT("") };
    aigw_status status;

    if (!lines[0] || !lines[1])
        return AIGW_E_NOMEM;
    status = aws_sign(host, t->o.ctx, keys, region, "sts", &http, &signature);
    if (status != AIGW_OK)
        return status;
    host->buf_printf(json, "{\"headers\":[");
    for (uint32_t i = 0; i < 2; i++)
        put_header(host, json, i > 0 ? "," : "", lines[i]);
    for (uint32_t i = 0; i < signature.header_count; i++)
        put_header(host, json, ",", signature.headers[i]);
    host->buf_printf(json, "],\"method\":\"POST\",\"url\":");
    host->buf_json(json, wire_str(url));
    host->buf_printf(json, "}");
    return AIGW_OK;
}

static aigw_status exchange_keys(struct google_try *t, aigw_str value)
{
    const struct aigw_host *host = t->o.host;
    struct aigw_buf *json = host->buf_new(t->o.ctx, AIGW_LIFE_BUILD, SUBJECT_MAX);
    struct aigw_buf *encoded = host->buf_new(t->o.ctx, AIGW_LIFE_BUILD, 3 * SUBJECT_MAX);
    struct aws_keys keys;
    aigw_status status;
    aigw_str text;

    if (!json || !encoded)
        return AIGW_E_NOMEM;
    if (!aws_keys_of(value, &keys))
        return host->fail(t->o.ctx, AIGW_E_STATE, "the AWS credentials cannot be read");
    status = put_subject(t, &keys, wire_str(t->memory->region), json);
    if (status == AIGW_OK)
        status = host->buf_view(json, &text);
    if (status != AIGW_OK)
        return status;
    wire_put_encoded(host, encoded, text, WIRE_PLAIN "/");
    status = host->buf_view(encoded, &text);
    return status == AIGW_OK ? google_exchange(t, text) : status;
}

/* One step to the keys; those who are done go on to the exchange. */
static aigw_status ask_for_keys(struct google_try *t)
{
    struct aigw_credential_step *step = t->o.step;
    aigw_status status;

    t->memory->stage = GOOGLE_AT_AWS_KEYS;
    status = aws_credential(t->o.host, t->o.ctx, &t->google->aws, wire_str(t->memory->region), t->memory->aws, step);
    if (status != AIGW_OK || !step->is_done)
        return status;
    step->is_done = 0;
    return exchange_keys(t, step->value);
}

static aigw_status ask_for_region(struct google_try *t, aigw_str session)
{
    const char **headers = t->o.host->alloc(t->o.ctx, AIGW_LIFE_BUILD, sizeof *headers);
    const char *line = wire_join(t->o.host, t->o.ctx, AIGW_STR("X-aws-ec2-metadata-token: "), session);

    if (!headers || !line)
        return AIGW_E_NOMEM;
    if (!wire_is_header_value(session))
        return t->o.host->fail(t->o.ctx, AIGW_E_UPSTREAM, "the AWS instance metadata has no token");
    headers[0] = line;
    t->memory->stage = GOOGLE_AT_AWS_REGION;
    return oauth_get(&t->o, t->google->region_url, headers, session.len > 0 ? 1 : 0);
}

static aigw_status keep_region(struct google_try *t, aigw_str region)
{
    if (!aws_is_region(region) || region.len >= sizeof t->memory->region)
        return t->o.host->fail(t->o.ctx, AIGW_E_CONFIG,
                               "no AWS region is known to identify with at Google: set `aws_region` of this provider "
                               "in conf.d, or AWS_REGION");
    memcpy(t->memory->region, region.ptr, region.len);
    t->memory->region[region.len] = '\0';
    return ask_for_keys(t);
}

aigw_status google_ask_aws(struct google_try *t)
{
    static const char *const session[] = { "X-aws-ec2-metadata-token-ttl-seconds: 300" };
    aigw_str region = wire_str(t->google->aws_region);
    aigw_status status;

    if (region.len == 0)
        region = aws_profile_region(t->o.host, t->o.ctx, &t->google->aws);
    if (region.len > 0 || !t->google->region_url)
        return keep_region(t, region);
    if (!t->google->session_url)
        return ask_for_region(t, AIGW_STR_NONE);
    t->memory->stage = GOOGLE_AT_AWS_SESSION;
    status = oauth_get(&t->o, t->google->session_url, session, 1);
    t->o.step->http->method = "PUT";
    return status;
}

aigw_status google_read_aws(struct google_try *t)
{
    aigw_str body = wire_trim_end(t->o.step->body);

    switch (t->memory->stage) {
    case GOOGLE_AT_AWS_SESSION:
        return ask_for_region(t, body);
    case GOOGLE_AT_AWS_REGION: /* a zone: "us-east-1b" */
        body.len -= body.len > 0 && body.ptr[body.len - 1] > '9';
        return keep_region(t, body);
    default:
        return ask_for_keys(t);
    }
}
