/* test_snapshot.c - what a configuration is refused for before it is applied, and who frees it afterwards. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/snapshot.h"
#include "plugin/plugin.h"

static char folder[64];
static struct gw_arena arena;
static struct gw_problems problems;

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(gw_arena_printf(&arena, "%s/%s", folder, name), "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    gw_arena_init(&arena, (size_t)32 << 20);
    gw_problems_init(&problems, &arena);
    strcpy(folder, "/tmp/aigw-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_file("10-good.conf", "providers: { one: { plugin = \"good\"; number = 5; }; };\n"
                               "features: { f: { plugin = \"good_feature\"; }; };\n");
    write_file("garbage.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    write_file("empty.pem", "# nothing\n");
}

static void teardown(void)
{
    ck_assert_int_eq(system(gw_arena_printf(&arena, "rm -rf %s", folder)), 0);
    gw_arena_done(&arena);
}

/** Build with `conf` as a second file and `env` besides; NULL when it was refused. */
static struct gw_snapshot *build(const char *conf, const char *env, struct gw_snapshot_yard *yard)
{
    const char *const environ_list[] = { "AIGW_GITLAB_URL=", env, NULL };
    const char *const conf_dirs[] = { folder };
    static const char *const plugin_dirs[] = { FIXTURES };
    const struct gw_snapshot_options options = {
        .conf_dirs = conf_dirs,
        .conf_dir_count = 1,
        .plugin_dirs = plugin_dirs,
        .plugin_dir_count = 1,
        .environ_list = environ_list,
        .yard = yard,
    };

    if (conf)
        write_file("90-test.conf", conf);
    gw_problems_init(&problems, &arena);
    return gw_snapshot_build(&options, &problems);
}

/** Text with each "$F" replaced by the test's folder. */
static const char *in_folder(const char *text)
{
    struct gw_buf out;
    const char *copy;

    gw_buf_init(&out, 4096);
    for (; text && *text; text++) {
        if (strncmp(text, "$F", 2) == 0) {
            gw_buf_puts(&out, folder);
            text++;
        } else {
            gw_buf_put(&out, text, 1);
        }
    }
    copy = gw_arena_strndup(&arena, out.data ? out.data : "", out.len);
    gw_buf_done(&out);
    return copy;
}

/* Settings that are well-formed and could not be applied. */
static const struct {
    const char *id, *conf, *env, *problem;
} refused[] = {
    { "proxy-name", "server: {\n trusted_proxies = ( \"10.0.0.0/8\",\n  \"proxy.internal\" ); };", NULL,
      "/90-test.conf:3: server.trusted_proxies: \"proxy.internal\" is not an address or network" },
    { "proxy-bits", "server: {\n trusted_proxies = ( \"10.0.0.0/33\" ); };", NULL,
      "/90-test.conf:2: server.trusted_proxies: \"10.0.0.0/33\"" },
    { "proxy-v6-bits", "server: { trusted_proxies = ( \"fd00::/129\" ); };", NULL, "\"fd00::/129\" is not" },
    { "proxy-no-bits", "server: { trusted_proxies = ( \"10.0.0.0/\" ); };", NULL, "\"10.0.0.0/\" is not" },
    { "proxy-short", "server: { trusted_proxies = ( \"10.0\" ); };", NULL, "\"10.0\" is not" },
    { "proxy-blank", "server: { trusted_proxies = ( \"\" ); };", NULL, "\"\" is not" },
    { "proxy-text", "server: {\n\n trusted_proxies = \"10.0.0.1, x\"; };", NULL,
      "/90-test.conf:3: server.trusted_proxies: \"x\" is not" },
    { "proxy-env", "server: { trusted_proxies = ( \"10.0.0.1\" ); };", "AIGW_SERVER__TRUSTED_PROXIES=10.0.0.1,nobody",
      "AIGW_SERVER__TRUSTED_PROXIES: server.trusted_proxies: \"nobody\" is not" },
    { "host", "server: {\n host = \"fe80::1%nowhere\"; };", NULL,
      "/90-test.conf:2: server.host: \"fe80::1%nowhere\": " },
    { "host-env", NULL, "AIGW_FASTAPI__API_HOST=fe80::1%nowhere", "AIGW_FASTAPI__API_HOST: server.host: " },
    { "metrics-host", "server: {\n metrics_host = \"fe80::1%nowhere\"; };", NULL,
      "/90-test.conf:2: server.metrics_host: " },
    { "tls-garbage", "tls: {\n enabled = true;\n cert_file = \"$F/garbage.pem\"; key_file = \"$F/garbage.pem\"; };",
      NULL, "/90-test.conf:3: tls.cert_file: " },
    { "ca-garbage", "upstream: {\n ca_file = \"$F/garbage.pem\"; };", NULL,
      "/90-test.conf:2: upstream.ca_file: $F/garbage.pem: no certificate can be read" },
    { "ca-empty", "upstream: { ca_file = \"$F/empty.pem\"; };", NULL,
      "upstream.ca_file: $F/empty.pem: no certificate" },
    { "extra-ca-garbage", "upstream: {\n extra_ca_file = \"$F/garbage.pem\"; };", NULL,
      "/90-test.conf:2: upstream.extra_ca_file: " },
    { "extra-ca-env", NULL, "AIGW_EXTRA_CA_FILE=$F/empty.pem", "AIGW_EXTRA_CA_FILE: upstream.extra_ca_file: " },
    { "keys-ca", "trust: {\n keys_ca_file = \"$F/empty.pem\"; };", NULL, "/90-test.conf:2: trust.keys_ca_file: " },
    { "client-certificate", "upstream: { mtls_enabled = true;\n cert_file = \"$F/garbage.pem\"; };", NULL,
      "/90-test.conf:2: upstream.cert_file: $F/garbage.pem and $F/garbage.pem: not a usable certificate and key" },
    { "log-folder", "log: {\n file = \"$F/missing/x.log\"; };", NULL,
      "/90-test.conf:2: log.file: $F/missing/x.log: cannot be opened: No such file or directory" },
    { "log-is-folder", "log: { file = \"$F\"; };", NULL, "log.file: $F: is a folder" },
    { "issuer-no-url", "auth: {\n issuers: { second = \"gitlab.example.com:x\"; }; };", NULL,
      "/90-test.conf:2: auth.issuers: the URL of issuer second cannot be used" },
    { "issuer-user", "auth: { issuers: { second = \"https://user:pw@host\"; }; };", NULL,
      "auth.issuers: the URL of issuer second cannot be used" },
    { "issuer-ftp", "auth: { issuers: { second = \"ftp://host\"; }; };", NULL, "auth.issuers: the URL of issuer" },
};

START_TEST(what_cannot_be_applied_is_refused_with_its_place)
{
    const char *wanted = in_folder(refused[_i].problem);
    struct gw_snapshot *snapshot = build(in_folder(refused[_i].conf), in_folder(refused[_i].env), NULL);
    bool found = false;

    ck_assert_msg(!snapshot, "%s was accepted", refused[_i].id);
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        found = found || (!p->is_warning && strstr(p->text, wanted));
    ck_assert_msg(found, "%s: no \"%s\" but: %s", refused[_i].id, wanted,
                  problems.first ? problems.first->text : "(nothing)");
    ck_assert_msg(problems.error_count == 1, "%s: %zu errors", refused[_i].id, problems.error_count);
}
END_TEST

/* The same kinds of settings as they should be, or with nothing worse than a warning. */
static const struct {
    const char *id, *conf, *env, *warning;
} accepted[] = {
    { "nothing", "", NULL, NULL },
    { "proxies", "server: { trusted_proxies = ( \"10.0.0.0/8\", \"::1\", \"fd00::/8\", \"192.0.2.7\" ); };", NULL,
      NULL },
    { "hosts", "server: { host = \"::\"; metrics_host = \"127.0.0.1\"; };", NULL, NULL },
    { "no-metrics", "server: { metrics_host = \"\"; };", NULL, NULL },
    { "tls-off", "tls: { cert_file = \"$F/garbage.pem\"; key_file = \"$F/missing.pem\"; };", NULL, NULL },
    { "mtls-off", "upstream: { cert_file = \"$F/garbage.pem\"; };", NULL, NULL },
    { "shared-bundle", NULL, "SSL_CERT_FILE=$F/empty.pem", "upstream.ca_file: $F/empty.pem: no certificate" },
    { "new-log-file", "log: { file = \"$F/new.log\"; };", NULL, NULL },
    { "issuer", "auth: { issuers: { second = \"https://gitlab.example.com/sub\"; }; };", NULL, NULL },
};

START_TEST(what_can_be_applied_is_accepted)
{
    struct gw_snapshot *snapshot = build(in_folder(accepted[_i].conf), in_folder(accepted[_i].env), NULL);
    bool found = !accepted[_i].warning;

    ck_assert_msg(snapshot != NULL, "%s: %s", accepted[_i].id, problems.first ? problems.first->text : "");
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        found = found || strstr(p->text, in_folder(accepted[_i].warning));
    ck_assert_msg(found, "%s: no warning", accepted[_i].id);
    ck_assert_msg(access(in_folder("$F/new.log"), F_OK) != 0, "%s: a check creates no log file", accepted[_i].id);
    gw_snapshot_unref(snapshot);
}
END_TEST

/* ---- life ---- */

static void *drop(void *snapshot)
{
    gw_snapshot_unref(snapshot);
    return NULL;
}

/** close() of plugins is for the thread that opened them, wherever the last request ends. */
START_TEST(the_last_reference_on_another_thread_leaves_it_to_the_yard)
{
    struct gw_snapshot_yard yard = { .event_fd = eventfd(0, EFD_NONBLOCK) };
    struct gw_snapshot *snapshots[2] = { build(NULL, NULL, &yard), build(NULL, NULL, &yard) };
    struct pollfd wait = { .fd = yard.event_fd, .events = POLLIN };
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(snapshots[i]);
        gw_snapshot_unref(gw_snapshot_ref(snapshots[i]));
    }
    ck_assert_int_eq(poll(&wait, 1, 0), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, drop, snapshots[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_ptr_nonnull(snapshots[i]->plugins->providers);
        ck_assert(snapshots[i]->plugins->providers->is_open); /* still there, still open */
    }
    ck_assert_int_eq(poll(&wait, 1, 0), 1);
    gw_snapshot_yard_clear(&yard);
    ck_assert_int_eq(poll(&wait, 1, 0), 0);
    ck_assert_ptr_null(atomic_load(&yard.first));
    gw_snapshot_yard_clear(&yard); /* nothing to do */
    close(yard.event_fd);
}
END_TEST

/* What makes connections to model servers worth forgetting. */
static const struct {
    const char *id, *conf;
    bool is_same;
} upstreams[] = {
    { "nothing", "", true },
    { "limits", "limits: { body_max = 50000; };", true },
    { "pool", "upstream: { connections_per_host = 3; idle_ms = 1000; };", true },
    { "verify", "upstream: { verify = false; };", false },
    { "ca", "upstream: { ca_file = \"/etc/ssl/certs/ca-certificates.crt\"; };", false },
    { "extra-ca", "upstream: { extra_ca_file = \"/etc/ssl/certs/ca-certificates.crt\"; };", false },
};

START_TEST(only_trust_and_identity_make_connections_worth_forgetting)
{
    struct gw_snapshot *before, *after;

    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0 && strstr(upstreams[_i].conf, "/etc/ssl"))
        return;
    before = build("", NULL, NULL);
    after = build(upstreams[_i].conf, NULL, NULL);
    ck_assert_msg(before && after, "%s: %s", upstreams[_i].id, problems.first ? problems.first->text : "");
    ck_assert_msg(gw_snapshot_has_same_upstream(before, after) == upstreams[_i].is_same, "%s", upstreams[_i].id);
    gw_snapshot_unref(before);
    gw_snapshot_unref(after);
}
END_TEST

START_TEST(a_file_with_another_time_is_another_trust)
{
    static const char conf[] = "upstream: { extra_ca_file = \"$F/ca.pem\"; };";
    const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000, .tv_nsec = 5 } };
    struct gw_snapshot *before, *same, *after;

    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
        return;
    ck_assert_int_eq(system(in_folder("cp /etc/ssl/certs/ca-certificates.crt $F/ca.pem")), 0);
    before = build(in_folder(conf), NULL, NULL);
    same = build(in_folder(conf), NULL, NULL);
    ck_assert_int_eq(utimensat(AT_FDCWD, in_folder("$F/ca.pem"), times, 0), 0);
    after = build(in_folder(conf), NULL, NULL);
    ck_assert(before && same && after);
    ck_assert(gw_snapshot_has_same_upstream(before, same));
    ck_assert(!gw_snapshot_has_same_upstream(before, after));
    gw_snapshot_unref(before);
    gw_snapshot_unref(same);
    gw_snapshot_unref(after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tcase = tcase_create("snapshot");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_cannot_be_applied_is_refused_with_its_place, 0, GW_ARRAY_LEN(refused));
    tcase_add_loop_test(tcase, what_can_be_applied_is_accepted, 0, GW_ARRAY_LEN(accepted));
    tcase_add_test(tcase, the_last_reference_on_another_thread_leaves_it_to_the_yard);
    tcase_add_loop_test(tcase, only_trust_and_identity_make_connections_worth_forgetting, 0, GW_ARRAY_LEN(upstreams));
    tcase_add_test(tcase, a_file_with_another_time_is_another_trust);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
