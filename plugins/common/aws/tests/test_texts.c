/* test_texts.c - regions, ARNs, files of profiles, times, XML. */
#include "small_host.h"

#include <stdio.h>
#include <string.h>

static void check_regions(void)
{
    static const char *const good[] = { "us-east-1",     "eu-central-1",   "ap-southeast-2", "us-gov-west-1",
                                        "us-iso-east-1", "us-isob-east-1", "mx-central-1",   "eusc-de-east-1" };
    static const char *const bad[] = { "",          "us",    "us-east",     "us-east-1-", "converse",    "us-east-1a",
                                       "US-EAST-1", "us--1", "us-east-123", "-us-east-1", "us-east-1.x", "anthropic" };
    static const struct {
        const char *arn, *region;
    } arns[] = {
        { "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2", "us-west-2" },
        { "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2", "us-east-1" },
        { "arn:aws-cn:bedrock:cn-north-1:1:provisioned-model/x", "cn-north-1" },
        { "arn:aws:iam::123456789012:role/x", "" },
        { "arn:", "" },
        { "arn:aws:bedrock:../../x:1:y", "" },
        { "anthropic.claude-v2:1", "" },
    };
    static const struct {
        const char *region, *domain;
    } domains[] = { { "us-east-1", "amazonaws.com" },         { "us-gov-west-1", "amazonaws.com" },
                    { "cn-northwest-1", "amazonaws.com.cn" }, { "us-iso-east-1", "c2s.ic.gov" },
                    { "us-isob-east-1", "sc2s.sgov.gov" },    { "eusc-de-east-1", "amazonaws.eu" } };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        small_expect_true(good[i], aws_is_region(wire_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        small_expect_true(bad[i], !aws_is_region(wire_str(bad[i])));
    for (size_t i = 0; i < sizeof arns / sizeof *arns; i++)
        small_expect(arns[i].arn, aws_arn_region(wire_str(arns[i].arn)), arns[i].region);
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        small_expect(domains[i].region, wire_str(aws_domain(wire_str(domains[i].region))), domains[i].domain);
}

static void check_profiles(void)
{
    static const char config[] = "# a comment\n"
                                 "[default]\r\n"
                                 "region = eu-west-1\r\n"
                                 "s3 =\n"
                                 "  region = nested\n"
                                 "[profile  work ]\n"
                                 "; another\n"
                                 "role_arn=arn:aws:iam::1:role/a=b\n"
                                 "region\n"
                                 "[work]\n"
                                 "role_arn = not this one\n"
                                 "[sso-session x]\n"
                                 "region = no\n"
                                 "[profile work]\n"
                                 "  role_arn = nested, too\n"
                                 "source_profile = base\n"
                                 "[profile open";
    static const char credentials[] = "[work]\naws_access_key_id = AKIA\n[profile work]\naws_access_key_id = no\n";
    static const struct {
        bool is_config;
        const char *profile, *key, *value;
    } rows[] = {
        { true, "default", "region", "eu-west-1" },
        { true, "work", "role_arn", "arn:aws:iam::1:role/a=b" },
        { true, "work", "region", "" },
        { true, "work", "source_profile", "base" },
        { true, "x", "region", "" },
        { false, "work", "aws_access_key_id", "AKIA" },
        { false, "default", "region", "" },
        { true, "open", "region", "" },
        { true, "", "region", "" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        small_expect(rows[i].key,
                     aws_profile_get(wire_str(rows[i].is_config ? config : credentials), wire_str(rows[i].profile),
                                     rows[i].is_config, rows[i].key),
                     rows[i].value);
    small_expect_true("profile work", aws_profile_exists(wire_str(config), AIGW_STR("work"), true));
    small_expect_true("no profile w", !aws_profile_exists(wire_str(config), AIGW_STR("w"), true));
    small_expect_true("no profile sso-session x", !aws_profile_exists(wire_str(config), AIGW_STR("x"), true));
}

static void check_times(void)
{
    static const struct {
        const char *text;
        int64_t time_s;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2023-11-14T22:13:20Z", 1700000000 },
        { "2023-11-14T22:13:20.123Z", 1700000000 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2023-11-14 22:13:20Z", -1 },
        { "2023-11-14T22:13:20", -1 },
        { "", -1 },
        { "yyyy-mm-ddThh:mm:ssZ", -1 },
        { "2023-11-14T22:13Z", -1 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        small_expect_true(rows[i].text, aws_read_time(wire_str(rows[i].text)) == rows[i].time_s);
}

static void check_xml(void)
{
    static const struct {
        const char *xml, *name, *text;
    } rows[] = {
        { "<a><Code>X</Code></a>", "Code", "X" },
        { "<Message>a &amp;&lt;b&gt; &quot;&apos; &#65; &x</Message>", "Message", "a &<b> \"' &#65; &x" },
        { "<Code></Code>", "Code", "" },
        { "<Code>", "Code", "" },
        { "<Code>open", "Code", "" },
        { "", "Code", "" },
        { "<CodeX>no</CodeX>", "Code", "" },
    };
    struct small_host h = { .time_s = 0 };
    struct aws_keys keys;
    int64_t expires_s;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        small_expect(rows[i].xml, aws_xml_text(&small_host, small_ctx(&h), wire_str(rows[i].xml), rows[i].name),
                     rows[i].text);
    small_expect_true("keys without a time",
                      !aws_sts_read(&small_host, small_ctx(&h),
                                    AIGW_STR("<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b"
                                             "</SecretAccessKey><SessionToken>c</SessionToken></Credentials>"),
                                    &keys, &expires_s));
    small_free(&h);
}

int main(void)
{
    check_regions();
    check_profiles();
    check_times();
    check_xml();
    return small_result();
}
