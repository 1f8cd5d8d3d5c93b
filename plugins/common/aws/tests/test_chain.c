/* test_chain.c - the ways to keys: settings, files and scripted answers → the requests that are made, and what comes of
 * them. Files are written to a folder of the test's. */
#include "small_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1700000000 /* 2023-11-14T22:13:20Z */
#define XML(id, time) \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>" \
    "<Arn>arn:aws:sts::1:assumed-role/r/aigw</Arn></AssumedRoleUser><Credentials><AccessKeyId>" id \
    "</AccessKeyId><SecretAccessKey>s+/=</SecretAccessKey><SessionToken>t//&amp;==</SessionToken><Expiration>" time \
    "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define JSON(id) \
    "{\"Code\":\"Success\",\"LastUpdated\":\"2023-11-14T20:00:00Z\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"" id \
    "\",\"SecretAccessKey\":\"s\\/s\",\"Token\":\"t\",\"Expiration\":\"2023-11-14T23:13:20Z\"}"
#define ONE_HOUR "2023-11-14T23:13:20Z"

#define STEPS 6

struct row {
    const char *name;
    struct aws_source source;
    const char *config, *credentials, *token; /* texts of files below home; NULL: no such file */
    struct {
        int status;
        const char *body;
    } answers[STEPS];
    const char *requests[STEPS]; /* "METHOD URL header body", each a part of what is found */
    const char *value;           /* expected; NULL: a failure */
    const char *error;           /* with these words */
    int64_t expires_ms;
};

static char home[] = "/tmp/aigw-aws-XXXXXX";

static const struct row rows[] = {
    { .name = "keys of the settings, then a role",
      .source = { .access_key_id = "AKIA",
                  .secret_access_key = "s",
                  .role_arn = "arn:aws:iam::1:role/r",
                  .external_id = "e&1" },
      .answers = { { 200, XML("ASIA", ONE_HOUR) } },
      .requests = { "POST https://sts.eu-west-1.amazonaws.com/ |Content-Type: application/x-www-form-urlencoded|"
                    "X-Amz-Date: 20231114T221320Z|Authorization: AWS4-HMAC-SHA256 "
                    "Credential=AKIA/20231114/eu-west-1/sts/aws4_request" },
      .value = "ASIA\ns+/=\nt//&==",
      .expires_ms = 3600000 - 240000 },
    { .name = "a key without its secret",
      .source = { .access_key_id = "AKIA" },
      .error = "without its secret access key" },
    { .name = "profile default of the files",
      .credentials = "[default]\naws_access_key_id = AKIB\naws_secret_access_key = s2\n",
      .value = "AKIB\ns2\n",
      .expires_ms = 300000 },
    { .name = "a named profile in the config file",
      .source = { .profile = "work" },
      .config = "[profile work]\naws_access_key_id=AKIC\naws_secret_access_key=s3\naws_session_token=t3\n",
      .value = "AKIC\ns3\nt3",
      .expires_ms = 300000 },
    { .name = "a named profile that is nowhere",
      .source = { .profile = "wrok" },
      .config = "[profile work]\n",
      .error = "profile \"wrok\" is in neither" },
    { .name = "a file that is none",
      .source = { .profile = "work", .config_file = "/" },
      .error = "cannot read \"/\": it is no regular file" },
    { .name = "a home that holds no files",
      .source = { .config_file = "", .credentials_file = "", .home = "/dev/null", .container_relative_uri = "/k" },
      .answers = { { 200, JSON("ASIO") } },
      .value = "ASIO\ns/s\nt",
      .expires_ms = 3600000 - 240000 },
    { .name = "files below home",
      .source = { .config_file = "~/config", .credentials_file = "", .home = "HOME", .profile = "work" },
      .config = "[profile work]\naws_access_key_id=AKIP\naws_secret_access_key=s4\n",
      .value = "AKIP\ns4\n",
      .expires_ms = 300000 },
    { .name = "a profile with a role and another profile",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = b\nrole_session_name = me\n"
                "[profile b]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = c\n",
      .credentials = "[c]\naws_access_key_id = AKID\naws_secret_access_key = s\n",
      .answers = { { 200, XML("ASIB", ONE_HOUR) }, { 200, XML("ASIC", ONE_HOUR) } },
      .requests = { "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb&RoleSessionName=aigw",
                    "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa&RoleSessionName=me" },
      .value = "ASIC\ns+/=\nt//&==",
      .expires_ms = 3600000 - 240000 },
    { .name = "a circle of profiles",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = x\nsource_profile = b\n[profile b]\nrole_arn = y\nsource_profile = a\n",
      .error = "circle" },
    { .name = "its own source",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = x\nsource_profile = a\naws_access_key_id=AKIE\naws_secret_access_key=s\n",
      .answers = { { 200, XML("ASIE", ONE_HOUR) } },
      .requests = { "Credential=AKIE/" },
      .value = "ASIE\ns+/=\nt//&==",
      .expires_ms = 3600000 - 240000 },
    { .name = "a source without keys",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = x\nsource_profile = b\n",
      .error = "profile \"b\" is a source_profile without keys" },
    { .name = "credential_source of the environment, without keys",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = x\ncredential_source = Environment\n",
      .error = "there are none" },
    { .name = "single sign-on",
      .source = { .profile = "a" },
      .config = "[profile a]\nsso_session = corp\nsso_account_id = 1\n",
      .error = "single sign-on" },
    { .name = "a second factor",
      .source = { .profile = "a" },
      .config = "[profile a]\nrole_arn = x\nsource_profile = b\nmfa_serial = arn:aws:iam::1:mfa/me\n",
      .error = "second factor" },
    { .name = "a program",
      .source = { .profile = "a" },
      .config = "[profile a]\ncredential_process = /bin/true\n",
      .error = "credential_process" },
    { .name = "web identity",
      .source = { .web_identity_token_file = "token",
                  .web_identity_role_arn = "arn:aws:iam::1:role/w",
                  .role_session_name = "pod" },
      .token = "eyJ.a-b_c.d\n",
      .answers = { { 200, XML("ASIF", ONE_HOUR) } },
      .requests = { "POST https://sts.eu-west-1.amazonaws.com/ |Content-Type: application/x-www-form-urlencoded| "
                    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fw"
                    "&RoleSessionName=pod&WebIdentityToken=eyJ.a-b_c.d" },
      .value = "ASIF\ns+/=\nt//&==",
      .expires_ms = 3600000 - 240000 },
    { .name = "web identity with FIPS, refused",
      .source = { .web_identity_token_file = "token", .web_identity_role_arn = "r", .use_fips = 1 },
      .token = "eyJ",
      .answers = { { 400, "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token "
                          "expired: current date/time must be before</Message></Error></ErrorResponse>" } },
      .requests = { "https://sts-fips.eu-west-1.amazonaws.com/" },
      .error = "the AWS token service (STS) answered 400: the identity that was shown is out of date" },
    { .name = "web identity without its file",
      .source = { .web_identity_token_file = "token", .web_identity_role_arn = "r" },
      .error = "web identity token: cannot read \"" },
    { .name = "an answer without keys",
      .source = { .web_identity_token_file = "token", .web_identity_role_arn = "r" },
      .token = "x",
      .answers = { { 200, "<html>hello</html>" } },
      .error = "answered without keys" },
    { .name = "keys that have expired",
      .source = { .web_identity_token_file = "token", .web_identity_role_arn = "r" },
      .token = "x",
      .answers = { { 200, XML("ASIG", "2023-11-14T22:13:19Z") } },
      .error = "clock" },
    { .name = "keys that soon expire",
      .source = { .web_identity_token_file = "token", .web_identity_role_arn = "r" },
      .token = "x",
      .answers = { { 200, XML("ASIH", "2023-11-14T22:23:20Z") } },
      .value = "ASIH\ns+/=\nt//&==",
      .expires_ms = 450000 },
    { .name = "ECS",
      .source = { .container_relative_uri = "/v2/credentials/x" },
      .answers = { { 200, JSON("ASII") } },
      .requests = { "GET http://169.254.170.2/v2/credentials/x | " },
      .value = "ASII\ns/s\nt",
      .expires_ms = 3600000 - 240000 },
    { .name = "EKS with a token that rotates",
      .source = { .container_full_uri = "http://169.254.170.23/v1/credentials",
                  .container_token_file = "token",
                  .container_token = "old" },
      .token = "pod-token\n",
      .answers = { { 200, JSON("ASIJ") } },
      .requests = { "GET http://169.254.170.23/v1/credentials |Authorization: pod-token|" },
      .value = "ASIJ\ns/s\nt",
      .expires_ms = 3600000 - 240000 },
    { .name = "a container that refuses",
      .source = { .container_full_uri = "https://keys.example/x", .container_token = "a" },
      .answers = { { 403, "{\"code\":\"AccessDenied\",\"message\":\"no\"}" } },
      .requests = { "GET https://keys.example/x |Authorization: a|" },
      .error = "answered 403 AccessDenied: no" },
    { .name = "http elsewhere", .source = { .container_full_uri = "http://keys.example/x" }, .error = "must be https" },
    { .name = "http elsewhere, looks like here",
      .source = { .container_full_uri = "http://127.0.0.1.example/x" },
      .error = "must be https" },
    { .name = "http elsewhere behind a name",
      .source = { .container_full_uri = "http://127.0.0.1@keys.example/x" },
      .error = "must be https" },
    { .name = "a loopback address",
      .source = { .container_full_uri = "http://127.0.0.7:8080/x" },
      .answers = { { 200, JSON("ASIK") } },
      .value = "ASIK\ns/s\nt",
      .expires_ms = 3600000 - 240000 },
    { .name = "a loopback address of version 6",
      .source = { .container_full_uri = "http://[::1]:8080/x" },
      .answers = { { 200, JSON("ASIL") } },
      .value = "ASIL\ns/s\nt",
      .expires_ms = 3600000 - 240000 },
    { .name = "instance metadata, then a role",
      .source = { .role_arn = "arn:aws:iam::1:role/r" },
      .answers = { { 200, "TOKEN==" }, { 200, "web-server\n" }, { 200, JSON("ASIM") }, { 200, XML("ASIN", ONE_HOUR) } },
      .requests = { "PUT http://169.254.169.254/latest/api/token |X-aws-ec2-metadata-token-ttl-seconds: 21600|",
                    "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/ "
                    "|X-aws-ec2-metadata-token: TOKEN==|",
                    "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/web-server "
                    "|X-aws-ec2-metadata-token: TOKEN==|",
                    "X-Amz-Security-Token: t|" },
      .value = "ASIN\ns+/=\nt//&==",
      .expires_ms = 3600000 - 240000 },
    { .name = "an instance without a role", .answers = { { 200, "T" }, { 404, "" } }, .error = "instance profile" },
    { .name = "metadata without tokens", .answers = { { 404, "" } }, .error = "version 2" },
    { .name = "a token too long for a header", .answers = { { 200, "T\r\nX: y" } }, .error = "no token" },
    { .name = "metadata that fails",
      .answers = { { 200, "T" },
                   { 200, "r" },
                   { 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2\"}" } },
      .error = "AssumeRoleUnauthorizedAccess: EC2" },
    { .name = "nothing at all", .source = { .metadata_disabled = 1 }, .error = "there are no AWS credentials" },
};

/* ---- files ---- */

static void path_of(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", home, name);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    path_of(path, name);
    if (!text) {
        (void)remove(path);
        return;
    }
    file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

/* ---- the walk ---- */

static void show(char out[8192], const struct aigw_http_request *http)
{
    size_t len = (size_t)snprintf(out, 8192, "%s %s |", http->method, http->url);

    for (uint32_t i = 0; i < http->header_count; i++)
        len += (size_t)snprintf(out + len, 8192 - len, "%s|", http->headers[i]);
    snprintf(out + len, 8192 - len, " %.*s", AIGW_STR_ARG(http->body));
}

static void walk(const struct row *row)
{
    static char config[128], credentials[128], token[128];
    struct small_host h = { .time_s = NOW };
    struct aws_source source = row->source;
    _Alignas(16) char memory[AIGW_CREDENTIAL_MEMORY] = { 0 };
    aigw_status status = AIGW_OK;
    char found[8192];

    path_of(config, "config");
    path_of(credentials, "credentials");
    path_of(token, "token");
    write_file("config", row->config);
    write_file("credentials", row->credentials);
    write_file("token", row->token);
    if (source.home && strcmp(source.home, "HOME") == 0)
        source.home = home;
    if (!source.config_file)
        source.config_file = config;
    if (!source.credentials_file)
        source.credentials_file = credentials;
    source.metadata_endpoint = "http://169.254.169.254";
    if (source.web_identity_token_file)
        source.web_identity_token_file = token;
    if (source.container_token_file)
        source.container_token_file = token;
    for (uint32_t i = 0; i < STEPS; i++) {
        struct aigw_http_request http = { .struct_size = sizeof http };
        struct aigw_credential_step step = { .struct_size = sizeof step, .step = i, .name = "x", .http = &http };

        if (i > 0) {
            step.status = row->answers[i - 1].status;
            step.body = wire_str(row->answers[i - 1].body);
        }
        status = aws_credential(&small_host, small_ctx(&h), &source, AIGW_STR("eu-west-1"), memory, &step);
        if (status != AIGW_OK)
            break;
        if (step.is_done) {
            small_expect(row->name, step.value, row->value ? row->value : "(a failure)");
            small_expect_true(row->name, step.expires_ms == row->expires_ms);
            break;
        }
        show(found, &http);
        if (row->requests[i] && !strstr(found, row->requests[i]))
            small_expect(row->name, wire_str(found), row->requests[i]);
        if (row->answers[i].status == 0) {
            small_expect(row->name, wire_str(found), "(no further request)");
            break;
        }
    }
    small_expect_true(row->name, (status != AIGW_OK) == (row->error != NULL));
    if (status != AIGW_OK && row->error && !strstr(h.error, row->error))
        small_expect(row->name, wire_str(h.error), row->error);
    small_free(&h);
}

int main(void)
{
    if (!mkdtemp(home))
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        walk(&rows[i]);
    write_file("config", NULL);
    write_file("credentials", NULL);
    write_file("token", NULL);
    (void)rmdir(home);
    return small_result();
}
