/* test_sigv4.c - signatures against those of AWS's own signer.
 *
 * How the rows were made, once: botocore 1.44.8, botocore.auth.SigV4Auth(Credentials(id, secret, token), service,
 * region).add_auth(AWSRequest(method, url, data, headers={"Content-Type": …})) with get_current_datetime() of that
 * module replaced by the row's time; expected are SignedHeaders and Signature of its Authorization header. */
#include "small_host.h"

#include <stdio.h>
#include <string.h>

#define ID     "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const struct row {
    const char *name;
    int64_t time_s;
    const char *region, *service, *token, *method, *url, *type, *body;
    const char *headers, *signature; /* expected */
} rows[] = {
    { "a model's id with a colon", 1700000000, "us-east-1", "bedrock", NULL, "POST",
      "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
      "application/json", "{\"messages\":[]}", "content-type;host;x-amz-date",
      "fea374b05df4129a9f028a1df6a473f353a8a1677f174eb0bdcd8c9e668c3410" },
    { "a stream, a session token", 1767323045, "eu-central-1", "bedrock",
      "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ==", "POST",
      "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.amazon.nova-pro-v1%3A0/converse-stream",
      "application/json", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Grüße\"}]}]}",
      "content-type;host;x-amz-date;x-amz-security-token",
      "29efbb200bfdcb45b5a9748fc0f8f0b7fe553942376ee80d61c6aebe22894dcd" },
    { "an ARN as id", 1700000000, "us-west-2", "bedrock", NULL, "POST",
      "https://bedrock-runtime.us-west-2.amazonaws.com/model/"
      "arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Aapplication-inference-profile%2Fa1b2c3d4e5f6/converse",
      "application/json", "{}", "content-type;host;x-amz-date",
      "d1d13df6f0b3a2c00b7e08e32ee3900262f9ff99a678ff173f7a3c6661b4c5fe" },
    { "China, no body", 1704067199, "cn-north-1", "bedrock", NULL, "POST",
      "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/x/converse", "application/json", "",
      "content-type;host;x-amz-date", "72a4975c116377d4ce553493ad762f743b95b857a9b0f0c0f92a407885c94ea6" },
    { "another port, signs that are not encoded twice", 1700000000, "us-gov-west-1", "bedrock", NULL, "POST",
      "http://127.0.0.1:8080/model/a-b_c.d~e/invoke", "application/json", "{\"a\":1}", "content-type;host;x-amz-date",
      "d818e556f45315ab5b18c7153c18df51d4c3ebd5b6cadcfbd878612f20d01cd1" },
    { "a query, sorted", 1700000000, "us-east-1", "bedrock", NULL, "GET",
      "https://example.amazonaws.com/foundation-models?byProvider=meta&byOutput=TEXT&b=", "application/json", "",
      "content-type;host;x-amz-date", "05c458824f3f97f64f19f82d3a3da4df6bf02a8b3356e7845558490a687851f7" },
    { "the root without a slash", 1700000000, "us-east-1", "sts", "tok", "POST", "https://sts.us-east-1.amazonaws.com",
      "application/x-www-form-urlencoded", "Action=AssumeRole&Version=2011-06-15",
      "content-type;host;x-amz-date;x-amz-security-token",
      "9fc1a28c39800daa985eeb69b5bd9c32724113879a6ac52195aaa567f5c9ca3e" },
    { "the token service", 951782400, "us-east-1", "sts", NULL, "POST", "https://sts.us-east-1.amazonaws.com/",
      "application/x-www-form-urlencoded",
      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=aigw",
      "content-type;host;x-amz-date", "d455ce84e69c759086ca350c1cc6efce5a410856bb8f8b8e9bb6ed78f0749054" },
};

static void check(const struct row *row)
{
    struct small_host h = { .time_s = row->time_s };
    struct aws_keys keys = { AIGW_STR(ID), AIGW_STR(SECRET), wire_str(row->token) };
    const char *place = strstr(row->url, "://") + 3;
    char type[128], host[256], expected[512];
    const char *lines[] = { type, host, "User-Agent: is not signed" };
    const struct aigw_http_request http = { .struct_size = sizeof http,
                                            .method = row->method,
                                            .url = row->url,
                                            .headers = lines,
                                            .header_count = 3,
                                            .body = wire_str(row->body) };
    struct aigw_signature signature = { .struct_size = sizeof signature };
    const char *last;

    snprintf(type, sizeof type, "Content-Type: %s", row->type);
    snprintf(host, sizeof host, "Host: %.*s", (int)strcspn(place, "/?"), place);
    if (aws_sign(&small_host, small_ctx(&h), &keys, wire_str(row->region), row->service, &http, &signature) !=
        AIGW_OK) {
        small_expect(row->name, wire_str(h.error), "a signature");
        small_free(&h);
        return;
    }
    small_expect_true(row->name, signature.header_count == (row->token ? 3u : 2u));
    last = strstr(signature.headers[signature.header_count - 1], "SignedHeaders=");
    snprintf(expected, sizeof expected, "SignedHeaders=%s, Signature=%s", row->headers, row->signature);
    small_expect(row->name, wire_str(last), expected);
    small_free(&h);
}

/* What cannot be signed is refused with words, and never read beyond. */
static void check_limits(void)
{
    struct small_host h = { .time_s = 1700000000 };
    struct aws_keys keys = { AIGW_STR(ID), AIGW_STR(SECRET), AIGW_STR_NONE };
    struct aigw_http_request http = { .struct_size = sizeof http, .method = "POST", .url = "https://h/x" };
    struct aigw_signature signature = { .struct_size = sizeof signature };
    const char *lines[40];
    char query[400] = "https://h/x?";

    for (size_t i = 0; i < 40; i++)
        lines[i] = "X-Amz-Meta: a";
    http.headers = lines;
    http.header_count = 40;
    small_expect_true("40 headers", aws_sign(&small_host, small_ctx(&h), &keys, AIGW_STR("us-east-1"), "s", &http,
                                             &signature) == AIGW_E_LIMIT);
    http.header_count = 0;
    for (size_t i = 0; i < 40; i++)
        snprintf(query + strlen(query), sizeof query - strlen(query), "a%zu=1&", i);
    http.url = query;
    small_expect_true("40 parts of a query", aws_sign(&small_host, small_ctx(&h), &keys, AIGW_STR("us-east-1"), "s",
                                                      &http, &signature) == AIGW_E_LIMIT);
    small_free(&h);
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
    check_limits();
    return small_result();
}
