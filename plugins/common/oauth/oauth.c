/* oauth.c - see oauth.h. */
#include "oauth.h"

#include "../../dialects/common/read.h"

#define FORM_MAX ((size_t)128 * 1024)

/* ---- asking ---- */

static aigw_status describe(struct oauth *o, const char *method, const char *url, const char *const *headers,
                            uint32_t header_count, aigw_str body)
{
    if (!url)
        return AIGW_E_NOMEM;
    o->step->http->method = method;
    o->step->http->url = url;
    o->step->http->headers = headers;
    o->step->http->header_count = header_count;
    o->step->http->body = body;
    return AIGW_OK;
}

aigw_status oauth_get(struct oauth *o, const char *url, const char *const *headers, uint32_t header_count)
{
    return describe(o, "GET", url, headers, header_count, AIGW_STR_NONE);
}

struct aigw_buf *oauth_form(struct oauth *o, const char *grant_type)
{
    struct aigw_buf *form = o->host->buf_new(o->ctx, AIGW_LIFE_BUILD, FORM_MAX);

    if (form)
        o->host->buf_printf(form, "grant_type=");
    if (form)
        wire_put_encoded(o->host, form, wire_str(grant_type), WIRE_PLAIN);
    return form;
}

void oauth_field(struct oauth *o, struct aigw_buf *form, const char *name, aigw_str value)
{
    if (!form)
        return;
    o->host->buf_printf(form, "&%s=", name);
    wire_put_encoded(o->host, form, value, WIRE_PLAIN);
}

aigw_status oauth_post(struct oauth *o, const char *url, struct aigw_buf *form)
{
    static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded" };
    aigw_str text;

    if (!form)
        return AIGW_E_NOMEM;
    if (o->host->buf_view(form, &text) != AIGW_OK)
        return o->host->fail(o->ctx, AIGW_E_LIMIT, "what is to be exchanged for a token is larger than 128 KiB");
    return describe(o, "POST", url, headers, 1, text);
}

aigw_status oauth_post_json(struct oauth *o, const char *url, aigw_str bearer, aigw_str body)
{
    const char **headers = o->host->alloc(o->ctx, AIGW_LIFE_BUILD, 2 * sizeof *headers);

    if (!headers)
        return AIGW_E_NOMEM;
    headers[0] = "Content-Type: application/json";
    headers[1] = wire_join(o->host, o->ctx, AIGW_STR("Authorization: Bearer "), bearer);
    return headers[1] ? describe(o, "POST", url, headers, 2, body) : AIGW_E_NOMEM;
}

/* ---- answers ---- */

bool oauth_is_good(const struct oauth *o)
{
    return o->step->status >= 200 && o->step->status <= 299;
}

/* A copy of text that goes with its reader. */
static aigw_str keep(struct oauth *o, aigw_str text)
{
    const char *copy = text.len > 0 ? wire_join(o->host, o->ctx, text, AIGW_STR_NONE) : NULL;

    return (aigw_str){ copy, copy ? text.len : 0 };
}

aigw_str oauth_member(struct oauth *o, aigw_str json, const char *member)
{
    struct aigw_json root;
    struct reader r;
    aigw_str text;

    reader_begin(&r, json, &root);
    text = keep(o, reader_str(&r, &root, member));
    reader_end(&r);
    return text;
}

aigw_status oauth_token(struct oauth *o, const char *member, aigw_str *ret_token)
{
    *ret_token = oauth_member(o, o->step->body, member);
    if (ret_token->len > 0 && wire_is_header_value(*ret_token))
        return AIGW_OK;
    return o->host->fail(o->ctx, AIGW_E_UPSTREAM, "the token server's answer has no \"%s\"", member);
}

/* A number, be it written as text, as some platforms do; -1 when there is none. */
static int64_t number_of(struct reader *r, const struct aigw_json *root, const char *name)
{
    aigw_str text = reader_str(r, root, name);
    int64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || number > INT32_MAX)
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return text.len > 0 ? number : reader_int(root, name, -1);
}

int64_t oauth_life_ms(struct oauth *o, int64_t otherwise)
{
    struct aigw_json root;
    struct reader r;
    int64_t in_s, at_s;

    reader_begin(&r, o->step->body, &root);
    in_s = number_of(&r, &root, "expires_in");
    at_s = number_of(&r, &root, "expires_on");
    reader_end(&r);
    if (in_s <= 0 && at_s > 0)
        in_s = at_s - o->host->time_s(o->ctx);
    return in_s > 0 && in_s < INT32_MAX ? in_s * 1000 : otherwise;
}

void oauth_refusal(struct oauth *o, aigw_str *ret_code, aigw_str *ret_words)
{
    struct aigw_json root, error;
    struct reader r;

    reader_begin(&r, o->step->body, &root);
    if (reader_member(&root, "error", AIGW_JSON_OBJECT, &error)) {
        *ret_code = reader_str(&r, &error, "status");
        *ret_words = reader_str(&r, &error, "message");
    } else {
        *ret_code = reader_str(&r, &root, "error");
        *ret_words = reader_str(&r, &root, "error_description");
    }
    *ret_code = wire_words(o->host, o->ctx, *ret_code);
    *ret_words = wire_words(o->host, o->ctx, *ret_words);
    reader_end(&r);
}

aigw_status oauth_done(struct oauth *o, aigw_str value, int64_t life_ms)
{
    o->step->value = value;
    o->step->expires_ms = life_ms;
    o->step->is_done = 1;
    return AIGW_OK;
}
