/* test_entra.c - settings → whether there is a way to a token, and the request that is made; what is said of answers.
 */
#include "../../aws/tests/small_host.h"
#include "../entra.h"

#include <string.h>

#define METADATA "http://169.254.169.254"

static const struct {
    const char *name;
    struct entra entra;
    const char *cloud;
    const char *complaint; /* of entra_check(), NULL for none */
    const char *request;   /* "METHOD URL header body"; NULL: there is no way to a token */
} rows[] = {
    { .name = "nothing", .entra = { .auth = "auto" } },
    { .name = "a key", .entra = { .auth = "key", .tenant_id = "t", .client_id = "c", .client_secret = "s" } },
    { .name = "a secret without a directory", .entra = { .auth = "auto", .client_id = "c", .client_secret = "s" } },
    { .name = "an application",
      .entra = { .auth = "auto", .tenant_id = "a/b", .client_id = "c", .client_secret = "s&1" },
      .cloud = "public",
      .request = "POST https://login.microsoftonline.com/a%2Fb/oauth2/v2.0/token Content-Type: "
                 "application/x-www-form-urlencoded grant_type=client_credentials&client_id=c&scope="
                 "https%3A%2F%2Fcognitiveservices.azure.com%2F.default&client_secret=s%261" },
    { .name = "another cloud",
      .entra = { .auth = "client_secret", .tenant_id = "t", .client_id = "c", .client_secret = "s" },
      .cloud = "china",
      .request = "POST https://login.chinacloudapi.cn/t/oauth2/v2.0/token Content-Type: "
                 "application/x-www-form-urlencoded grant_type=client_credentials&client_id=c&scope="
                 "https%3A%2F%2Fcognitiveservices.azure.cn%2F.default&client_secret=s" },
    { .name = "authority and scope of the settings",
      .entra = { .auth = "client_secret",
                 .tenant_id = "t",
                 .client_id = "c",
                 .client_secret = "s",
                 .authority_host = "https://sts.example",
                 .scope = "x" },
      .cloud = "government",
      .request = "POST https://sts.example/t/oauth2/v2.0/token Content-Type: application/x-www-form-urlencoded "
                 "grant_type=client_credentials&client_id=c&scope=x&client_secret=s" },
    { .name = "an application that lacks its secret",
      .entra = { .auth = "client_secret", .tenant_id = "t", .client_id = "c" },
      .complaint = "client_secret: is empty; auth = \"client_secret\" needs it" },
    { .name = "App Service",
      .entra = { .auth = "auto", .identity_endpoint = "http://127.0.0.1:1/msi", .identity_header = "h" },
      .cloud = "public",
      .request = "GET http://127.0.0.1:1/msi?api-version=2019-08-01&resource=https%3A%2F%2Fcognitiveservices.azure.com "
                 "X-IDENTITY-HEADER: h " },
    { .name = "a virtual machine with several identities",
      .entra = { .auth = "managed_identity",
                 .client_id = "one",
                 .scope = "https://ai.azure.com/.default",
                 .metadata_host = METADATA },
      .cloud = "public",
      .request = "GET " METADATA "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
                 "https%3A%2F%2Fai.azure.com&client_id=one Metadata: true " },
};

static void test_ways(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct small_host h = { .time_s = 0 };
        struct aigw_ctx *ctx = small_ctx(&h);
        struct aigw_http_request http = { .struct_size = sizeof http };
        struct aigw_credential_step step = { .struct_size = sizeof step, .name = rows[i].cloud, .http = &http };
        aigw_status status = entra_check(&small_host, ctx, &rows[i].entra);
        char *found;

        small_expect(rows[i].name, wire_str(h.error), rows[i].complaint ? rows[i].complaint : "");
        small_expect_true(rows[i].name, (status == AIGW_OK) == !rows[i].complaint);
        if (!rows[i].complaint)
            small_expect_true(rows[i].name, entra_has_identity(&rows[i].entra) == (rows[i].request != NULL));
        if (rows[i].request) {
            status = entra_credential(&small_host, ctx, &rows[i].entra, &step);
            small_expect_true(rows[i].name, status == AIGW_OK && http.header_count == 1);
            found = small_host.format(ctx, AIGW_LIFE_BUILD, "%s %s %s %.*s", http.method, http.url, http.headers[0],
                                      AIGW_STR_ARG(http.body));
            small_expect(rows[i].name, wire_str(found), rows[i].request);
        }
        small_free(&h);
    }
}

static void test_answers(void)
{
    static const struct entra entra = { .auth = "managed_identity" };
    static const struct {
        int32_t status;
        const char *body, *token, *error, *logged;
    } answers[] = {
        { 200, "{\"access_token\":\"t\",\"expires_in\":60}", "t", "", "" },
        { 400, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid secret of tenant x\"}",
          NULL, "no access by Entra ID: the answer was 400 invalid_client AADSTS7000215",
          "Entra ID answered 400 invalid_client: AADSTS7000215: Invalid secret of tenant x" },
        { 404, "<html>", NULL, "no access by Entra ID: the answer was 404", "" },
    };

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct small_host h = { .time_s = 0 };
        struct aigw_credential_step step = { .struct_size = sizeof step,
                                             .step = 1,
                                             .name = "public",
                                             .status = answers[i].status,
                                             .body = wire_str(answers[i].body) };
        aigw_status status = entra_credential(&small_host, small_ctx(&h), &entra, &step);

        small_expect_true(answers[i].body, (status == AIGW_OK && step.is_done) == (answers[i].token != NULL));
        small_expect(answers[i].body, step.value, answers[i].token ? answers[i].token : "");
        small_expect(answers[i].body, wire_str(h.error), answers[i].error);
        small_expect(answers[i].body, wire_str(h.logged), answers[i].logged);
        small_free(&h);
    }
}

int main(void)
{
    test_ways();
    test_answers();
    return small_result();
}
