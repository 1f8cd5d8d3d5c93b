/* test_google.c - an AWS identity that is exchanged, held to a known example; and which credential is taken. */
#include "../../aws/tests/small_host.h"
#include "../google.h"

#include <string.h>

/* ---- what is exchanged ---- */

/* An example of AWS's documentation for version 4 of the signature: the keys, and the moment. */
#define NOW 1440938160 /* 2015-08-30T12:36:00Z */

static const char aws_file[] =
    "{\"type\":\"external_account\",\"audience\":\"//iam.example/p\",\"token_url\":\"https://sts.example/v1/token\","
    "\"subject_token_type\":\"urn:ietf:params:aws:token-type:aws4_request\",\"credential_source\":{"
    "\"environment_id\":\"aws1\",\"regional_cred_verification_url\":"
    "\"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15\"}}";

/* Up to the signature, which is checked against another implementation in tests/clients/google_oauth.py. */
static const char subject[] =
    "&subject_token=%257B%2522headers%2522%253A%255B%257B%2522key%2522%253A%2522host%2522%252C%2522value%2522%253A%2522"
    "sts.us-east-1.amazonaws.com%2522%257D%252C%257B%2522key%2522%253A%2522x-goog-cloud-target-resource%2522%252C%2522"
    "value%2522%253A%2522//iam.example/p%2522%257D%252C%257B%2522key%2522%253A%2522x-amz-date%2522%252C%2522value%2522"
    "%253A%252220150830T123600Z%2522%257D%252C%257B%2522key%2522%253A%2522Authorization%2522%252C%2522value%2522%253A"
    "%2522AWS4-HMAC-SHA256%2520Credential%253DAKIDEXAMPLE/20150830/us-east-1/sts/aws4_request%252C%2520SignedHeaders"
    "%253Dhost%253Bx-amz-date%253Bx-goog-cloud-target-resource%252C%2520Signature%253D";

/* The slashes of the inner encoding are encoded by the form. */
static aigw_str form_of(struct small_host *h, const char *text)
{
    struct aigw_buf *buf = small_host.buf_new(small_ctx(h), AIGW_LIFE_BUILD, 0);
    aigw_str view;

    for (; *text; text++)
        if (*text == '/')
            small_host.buf_put(buf, "%2F", 3);
        else
            small_host.buf_put(buf, text, 1);
    small_host.buf_view(buf, &view);
    return view;
}

static void test_aws(void)
{
    struct small_host h = { .time_s = NOW };
    struct google google = { .credentials_json = aws_file,
                             .aws_region = "us-east-1",
                             .aws = { .access_key_id = "AKIDEXAMPLE",
                                      .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" } };
    struct google_memory memory = { .stage = GOOGLE_AT_START };
    struct aigw_http_request http = { .struct_size = sizeof http };
    struct aigw_credential_step step = { .struct_size = sizeof step, .name = GOOGLE_TOKEN, .http = &http };
    aigw_str expected = form_of(&h, subject);

    small_expect_true("the file", google_open(&small_host, small_ctx(&h), &google) == AIGW_OK);
    small_expect("no complaint", wire_str(h.error), "");
    small_expect_true("a step", google_credential(&small_host, small_ctx(&h), &google, &memory, &step) == AIGW_OK);
    small_expect("where to", wire_str(http.url), "https://sts.example/v1/token");
    small_expect_true("it is not done", !step.is_done);
    small_expect_true("the signed request is in it",
                      http.body.len > 0 && memmem(http.body.ptr, http.body.len, expected.ptr, expected.len));
    step = (struct aigw_credential_step){ .struct_size = sizeof step,
                                          .step = 1,
                                          .name = GOOGLE_TOKEN,
                                          .http = &http,
                                          .status = 200,
                                          .body = AIGW_STR("{\"access_token\":\"t\"}") };
    small_expect_true("its answer", google_credential(&small_host, small_ctx(&h), &google, &memory, &step) == AIGW_OK);
    small_expect("the token", step.value, "t");
    small_expect_true("for an hour", step.is_done && step.expires_ms == 3600000);
    small_free(&h);
}

/* ---- which credential ---- */

static const struct {
    const char *name;
    struct google google;
    aigw_status status;
    enum google_kind kind;
    const char *says; /* the beginning of the error, or of the warning */
} rows[] = {
    { "nothing", { .credentials_json = NULL }, AIGW_OK, GOOGLE_METADATA, "" },
    { "empty texts",
      { .credentials_json = "", .credentials_file = "", .application_credentials = "" },
      AIGW_OK,
      GOOGLE_METADATA,
      "" },
    { "the text wins",
      { .credentials_json = "{}", .credentials_file = "/nowhere" },
      AIGW_E_CONFIG,
      GOOGLE_METADATA,
      "credentials_json: its \"type\"" },
    { "a file that was named",
      { .credentials_file = "/nowhere", .application_credentials = "/elsewhere" },
      AIGW_E_CONFIG,
      GOOGLE_METADATA,
      "credentials_file: cannot read \"/nowhere\"" },
    { "a file of the environment's",
      { .application_credentials = "/nowhere" },
      AIGW_OK,
      GOOGLE_NOBODY,
      "application_credentials: cannot read \"/nowhere\": No such file or directory; calls" },
};

static void test_choice(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct small_host h = { .time_s = NOW };
        struct google google = rows[i].google;
        aigw_str said, token = AIGW_STR_NONE;

        small_expect_true(rows[i].name, google_open(&small_host, small_ctx(&h), &google) == rows[i].status);
        small_expect_true(rows[i].name, google.kind == rows[i].kind);
        said = wire_str(rows[i].status == AIGW_OK ? h.logged : h.error);
        said.len = strnlen(said.ptr, strlen(rows[i].says));
        small_expect(rows[i].name, said, rows[i].says);
        if (google.kind == GOOGLE_NOBODY)
            small_expect_true("nobody gets a token",
                              google_token(&small_host, small_ctx(&h), &google, &token) == AIGW_E_CONFIG);
        small_free(&h);
    }
}

int main(void)
{
    test_aws();
    test_choice();
    return small_result();
}
