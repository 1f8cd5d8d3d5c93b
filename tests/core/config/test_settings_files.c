/* test_settings_files.c - what settings take from files: trust, PEM and .env. */
#include "settings_kit.h"

/* ---- trust ---- */

static const struct {
    const char *id, *env[ENV_MAX], *model_ca, *keys_ca;
} trust[] = {
    { "none", { NULL }, NULL, NULL },
    { "ssl-cert-file", { "SSL_CERT_FILE=/etc/passwd" }, "/etc/passwd", "/etc/passwd" },
    { "requests", { "REQUESTS_CA_BUNDLE=/etc/group" }, "/etc/group", "/etc/group" },
    { "both", { "REQUESTS_CA_BUNDLE=/etc/group", "SSL_CERT_FILE=/etc/passwd" }, "/etc/passwd", "/etc/group" },
    { "curl", { "CURL_CA_BUNDLE=/etc/os-release", "SSL_CERT_FILE=/etc/passwd" }, "/etc/passwd", "/etc/os-release" },
    { "requests-over-curl",
      { "CURL_CA_BUNDLE=/etc/os-release", "REQUESTS_CA_BUNDLE=/etc/group" },
      "/etc/group",
      "/etc/group" },
    { "mtls",
      { "AIGW_MTLS__CA_BUNDLE=/etc/os-release", "SSL_CERT_FILE=/etc/passwd" },
      "/etc/os-release",
      "/etc/passwd" },
};

START_TEST(trust_comes_from_the_documented_variable)
{
    load(trust[_i].env, NULL, NULL);
    EXPECT_CLEAN(trust[_i].id);
    ck_assert_pstr_eq(settings.upstream.ca_file, trust[_i].model_ca);
    ck_assert_pstr_eq(settings.trust.keys_ca_file, trust[_i].keys_ca);
}
END_TEST

START_TEST(an_unreadable_shared_bundle_is_a_warning_and_stays_in_force)
{
    static const char *const env[] = { "SSL_CERT_FILE=/nope/ca", NULL };

    load(env, NULL, NULL);
    ck_assert_uint_eq(problems.error_count, 0);
    EXPECT_WARNING("bundle", "SSL_CERT_FILE: upstream.ca_file: cannot be read: /nope/ca");
    ck_assert_str_eq(settings.upstream.ca_file, "/nope/ca");
    ck_assert_str_eq(gw_settings_source(&settings, "upstream.ca_file"), "SSL_CERT_FILE");
    ck_assert_str_eq(gw_settings_source(&settings, "server.port"), "default");
    ck_assert_ptr_null(gw_settings_source(&settings, "nope"));
}
END_TEST

/* ---- PEM ---- */

#define PEM_WAYS 3

START_TEST(pem_text_gets_its_newlines_back)
{
    static const char *const env[] = { "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=-----BEGIN\\nabc\\n-----END", NULL };
    static const char *const both[] = { "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=-----BEGIN\\r\\nabc\\r\\n-----END", NULL };
    static const char *const real[] = { "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=-----BEGIN\nabc\n-----END", NULL };
    static const char *const *const ways[PEM_WAYS] = { env, both, real };

    load(ways[_i], NULL, NULL);
    EXPECT_CLEAN("pem");
    ck_assert_str_eq(settings.auth.signing_key, "-----BEGIN\nabc\n-----END");
}
END_TEST

START_TEST(pem_comes_from_a_file_by_environment_or_conf)
{
    const char *path = write_file("key.pem", "-----BEGIN\nabc\n-----END\n");
    const char *env[] = { NULL, NULL };
    const char *conf = NULL;

    if (_i)
        env[0] = gw_arena_printf(&arena, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY=file:%s", path);
    else
        conf = gw_arena_printf(&arena, "auth: { signing_key = \"file:%s\"; };", path);
    load(env, conf, NULL);
    EXPECT_CLEAN("pem-file");
    ck_assert_str_eq(settings.auth.signing_key, "-----BEGIN\nabc\n-----END");
}
END_TEST

/* ---- .env ---- */

static const struct {
    const char *id, *text, *name, *value;
} dot_env[] = {
    { "plain", "T_A=x\n", "T_A", "x" },
    { "export", "export T_A=x\n", "T_A", "x" },
    { "spaces", "  T_A = x y  \n", "T_A", "x y" },
    { "comment-line", "# T_A=no\nT_A=x\n", "T_A", "x" },
    { "comment-behind", "T_A=x # note\n", "T_A", "x" },
    { "hash-inside", "T_A=x#y\n", "T_A", "x#y" },
    { "single", "T_A='a\\n$b # c'\n", "T_A", "a\\n$b # c" },
    { "double", "T_A=\"a\\nb\"\n", "T_A", "a\nb" },
    { "double-escapes", "T_A=\"a\\\"b\\\\c\"\n", "T_A", "a\"b\\c" },
    { "multi-line", "T_A=\"a\nb\"\nT_B=2\n", "T_A", "a\nb" },
    { "after-multi-line", "T_A=\"a\nb\"\nT_B=2\n", "T_B", "2" },
    { "empty", "T_A=\n", "T_A", "" },
    { "empty-then-next", "T_A=\nT_B=2\n", "T_B", "2" },
    { "none-is-text", "T_A=None\n", "T_A", "None" },
    { "no-newline", "T_A=x", "T_A", "x" },
    { "crlf", "T_A=x\r\nT_B=2\r\n", "T_A", "x" },
    { "bom", "\xef\xbb\xbfT_A=x\n", "T_A", "x" },
    { "process-wins", "T_PROCESS=file\n", "T_PROCESS", "process" },
};

START_TEST(dot_env_line_is_read)
{
    static const char *const env[] = { "T_PROCESS=process", NULL };

    write_file(".env", dot_env[_i].text);
    load(env, NULL, folder);
    EXPECT_CLEAN(dot_env[_i].id);
    ck_assert_msg(gw_env_get(dot_env[_i].name) != NULL, "%s: not set", dot_env[_i].id);
    ck_assert_str_eq(gw_env_get(dot_env[_i].name), dot_env[_i].value);
}
END_TEST

START_TEST(dot_env_stands_between_environment_and_conf)
{
    static const char *const env[] = { "AIGW_FASTAPI={\"api_port\":6001}", NULL };
    const char *deep = gw_arena_printf(&arena, "%s/a/b", folder);

    write_file(".env", "AIGW_FASTAPI__API_PORT=6002\nAIGW_FASTAPI__METRICS_PORT=6003\n");
    ck_assert_int_eq(mkdir(gw_arena_printf(&arena, "%s/a", folder), 0700), 0);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    load(env, "server: { metrics_port = 6004; workers = 2; };", deep);
    EXPECT_CLEAN("between");
    ck_assert_int_eq(settings.server.port, 6001);
    ck_assert_int_eq(settings.server.metrics_port, 6003);
    ck_assert_int_eq(settings.server.workers, 2);
}
END_TEST

START_TEST(proxies_of_dot_env_reach_the_process_environment)
{
    static const char *const env[] = { NULL };

    ck_assert_int_eq(setenv("HTTPS_PROXY", "http://stays", 1), 0);
    ck_assert_int_eq(unsetenv("no_proxy"), 0);
    write_file(".env", "no_proxy=.internal\nHTTPS_PROXY=http://other\nT_SOME_KEY=x\n");
    load(env, NULL, folder);
    EXPECT_CLEAN("proxies");
    ck_assert_str_eq(getenv("no_proxy"), ".internal");
    ck_assert_str_eq(getenv("HTTPS_PROXY"), "http://stays");
    ck_assert_ptr_null(getenv("T_SOME_KEY"));
}
END_TEST

START_TEST(broken_dot_env_is_reported_with_its_line)
{
    static const char *const env[] = { NULL };

    write_file(".env", "A=1\nnonsense here\nB=\"never closed\n");
    load(env, NULL, folder);
    EXPECT_WARNING("ignored", "/.env:2: this line is ignored");
    EXPECT_ERROR("unclosed", "/.env:3: the quote of B is never closed");
}
END_TEST

START_TEST(a_pipe_as_dot_env_is_refused_without_waiting)
{
    static const char *const env[] = { NULL };

    ck_assert_int_eq(mkfifo(gw_arena_printf(&arena, "%s/.env", folder), 0600), 0);
    load(env, NULL, folder);
    EXPECT_ERROR("pipe", "/.env: cannot be opened: it is a pipe, expected a file");
}
END_TEST

START_TEST(a_folder_called_dot_env_is_somebody_elses)
{
    static const char *const env[] = { NULL };
    const char *deep = gw_arena_printf(&arena, "%s/deep", folder);

    ck_assert_int_eq(mkdir(deep, 0700), 0);
    ck_assert_int_eq(mkdir(gw_arena_printf(&arena, "%s/.env", deep), 0700), 0);
    write_file(".env", "T_A=above\n");
    load(env, NULL, deep);
    EXPECT_CLEAN("folder");
    ck_assert_ptr_nonnull(gw_env_get("T_A"));
    ck_assert_str_eq(gw_env_get("T_A"), "above");
}
END_TEST

static void add(TCase *tcase)
{
    /* first: a process exports them at its first load only, and with CK_FORK=no there is one process */
    tcase_add_test(tcase, proxies_of_dot_env_reach_the_process_environment);
    tcase_add_loop_test(tcase, trust_comes_from_the_documented_variable, 0, GW_ARRAY_LEN(trust));
    tcase_add_test(tcase, an_unreadable_shared_bundle_is_a_warning_and_stays_in_force);
    tcase_add_loop_test(tcase, pem_text_gets_its_newlines_back, 0, PEM_WAYS);
    tcase_add_loop_test(tcase, pem_comes_from_a_file_by_environment_or_conf, 0, 2);
    tcase_add_loop_test(tcase, dot_env_line_is_read, 0, GW_ARRAY_LEN(dot_env));
    tcase_add_test(tcase, dot_env_stands_between_environment_and_conf);
    tcase_add_test(tcase, broken_dot_env_is_reported_with_its_line);
    tcase_add_test(tcase, a_pipe_as_dot_env_is_refused_without_waiting);
    tcase_add_test(tcase, a_folder_called_dot_env_is_somebody_elses);
}

int main(void)
{
    return run_suite("settings_files", add);
}
