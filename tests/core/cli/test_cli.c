/* test_cli.c - the commands of the real program: what they print and how they exit. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define OUTPUT_MAX 262144

#define TEXT_OF(number)      #number
#define ABI_OF(major, minor) TEXT_OF(major) "." TEXT_OF(minor)
#define ABI                  ABI_OF(AIGW_ABI_MAJOR, AIGW_ABI_MINOR)

static char folder[64];
static char output[OUTPUT_MAX];

/** Write folder/name, making folders as needed. */
static void write_conf(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    strcpy(folder, "/tmp/aigw-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_conf("10-good.conf", "providers: { one: { plugin = \"good\"; number = 5; }; };\n"
                               "features: { f: { plugin = \"good_feature\"; }; };\n");
}

#define PROMPT(scope) "name = \"Greet\"; scope = \"" scope "\"; required = ( \"name\" );\n"

static void setup_prompts(void)
{
    setup();
    write_conf("20-families.conf",
               "families: { known: { chain = ( \"fam\" ); max_tokens = 64; temperature = 1.5; }; };");
    write_conf("prompts/greet/base/1.1.0.conf",
               PROMPT("may_greet") "also = ( \"1.0.0\" ); params: { temperature = 0.5; stop = ( \"END\" ); };\n"
                                   "messages = ( { role = \"system\"; text = \"Be brief.\"; },"
                                   " { role = \"user\"; template = \"user.mustache\"; } );");
    write_conf("prompts/greet/base/user.mustache", "Greet {{name}}.\n");
    write_conf("prompts/greet/fam/1.0.0.conf",
               PROMPT("may_greet") "params: { temperature = 0.25; timeout_ms = 7; };\n"
                                   "messages = ( { role = \"user\"; text = \"Fam {{name}}\"; },"
                                   " { role = \"assistant\"; text = \"Dear\"; } );");
    write_conf("prompts/greet/fam/2.0.0.conf",
               PROMPT("may_shout") "messages = ( { role = \"user\"; text = \"{{name}}!\"; } );");
    write_conf("in.json", "{\"name\": \"Ann {{x}}\"}\n");
    write_conf("bad.json", "{\"name\": ");
    write_conf("list.json", "[1]");
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/** Run `env NAME=value… aigw args`; answers the exit status, the text of both streams in output. */
static int run(const char *env, const char *args)
{
    char command[2048];
    size_t len;
    FILE *pipe;
    int status;

    snprintf(command, sizeof command,
             "cd %s && env -u SSL_CERT_DIR -u SSL_CERT_FILE CONF=%s PLUGINS=" FIXTURES " %s sh -c 'exec " AIGW_BINARY
             " %s' 2>&1",
             folder, folder, env, args);
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    len = fread(output, 1, sizeof output - 1, pipe);
    output[len] = '\0';
    status = pclose(pipe);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define DIRS "--conf-dir $CONF --plugin-dir $PLUGINS"

static const struct {
    const char *id, *env, *args;
    int exit_status;
    const char *text;
} commands[] = {
    { "no-command", "", "", 2, "Usage: aigw COMMAND" },
    { "help", "", "--help", 0, "Usage: aigw COMMAND" },
    { "help-of-command", "", "check --help", 0, "Usage: aigw check [flags]" },
    { "help-command", "", "help serve", 0, "Usage: aigw serve" },
    { "help-exit-statuses", "", "check --help", 0, "Exit status: 0: it would serve" },
    { "help-unknown-command", "", "help chekc", 2, "there is no command chekc, did you mean check?" },
    { "value-behind-a-switch", "", "check --help=x", 2, "no value may stand behind --help=x" },
    { "unknown-command", "", "chekc", 2, "there is no command chekc, did you mean check?" },
    { "unknown-flag", "", "check --conf-dri=x", 2, "there is no flag --conf-dri, did you mean --conf-dir?" },
    { "unknown-short-flag", "", "check -x", 2, "there is no flag -x" },
    { "flag-first", "", "--conf-dir x check", 2, "a command must come first" },
    { "flag-without-value", "", "check --conf-dir", 2, "a value is missing after --conf-dir" },
    { "flag-of-another-command", "", "version --conf-dir x", 2, "does not take this flag" },
    { "extra-word", "", "check extra", 2, "there is no use for extra" },
    { "format", "", "config --format html", 2, "the only --format is markdown, found html" },
    { "prompts-help", "", "prompts --help", 0, "Usage: aigw prompts list | render ID [flags]" },
    { "prompts-nothing", "", "prompts " DIRS, 2, "expected `aigw prompts list" },
    { "prompts-word", "", "prompts lst " DIRS, 2, "expected `aigw prompts list" },
    { "prompts-no-id", "", "prompts render " DIRS, 2, "expected `aigw prompts list" },
    { "prompts-words", "", "prompts render a b " DIRS, 2, "there is no use for b" },
    { "prompts-list-flag", "", "prompts list --family f " DIRS, 2, "expected `aigw prompts list" },
    { "prompts-format", "", "prompts list --format html " DIRS, 2, "--format is text|json, found html" },
    { "prompts-flag", "", "check --family f", 2, "does not take this flag" },
    { "prompts-flag-typo", "", "prompts list --famly=f", 2, "there is no flag --famly, did you mean --family?" },
    { "prompts-list", "", "prompts list " DIRS, 0,
      "\ngreet                                    base               may_greet                    1.0.0 1.1.0\n"
      "greet                                    fam                may_greet                    1.0.0\n"
      "greet                                    fam                may_shout                    2.0.0\n" },
    { "prompts-list-json", "", "prompts list --format=json " DIRS, 0,
      "/prompts/greet/base/1.1.0.conf\",\"scope\":\"may_greet\",\"name\":\"Greet\",\"required\":[\"name\"]},\n" },
    { "prompts-render", "", "prompts render greet --input $CONF/in.json " DIRS, 0,
      "prompt      greet\nfamily      base\nversion     1.1.0\nscope       may_greet\n"
      "parameters  {\"temperature\":0.5,\"stop\":[\"END\"]}\n\n---- system ----\nBe brief.\n\n---- user ----\n"
      "Greet Ann {{x}}.\n" },
    { "prompts-render-family", "", "prompts render greet --family known --input $CONF/in.json --format json " DIRS, 0,
      "{\"id\":\"greet\",\"family\":\"fam\",\"version\":\"1.0.0\",\"scope\":\"may_greet\",\"idle_timeout_ms\":7,"
      "\"parameters\":{\"temperature\":0.25,\"max_tokens\":64},\"messages\":[\n"
      " {\"role\":\"user\",\"content\":\"Fam Ann {{x}}\"},\n {\"role\":\"assistant\",\"content\":\"Dear\"}]}\n" },
    { "prompts-render-version", "", "prompts render greet --family known --version ^2.0.0 --input $CONF/in.json " DIRS,
      0, "version     2.0.0\nscope       may_shout\n" },
    { "prompts-render-no-version", "", "prompts render greet --version 9 --input $CONF/in.json " DIRS, 1,
      "No version matching" },
    { "prompts-render-no-family", "", "prompts render greet --family odd --input $CONF/in.json " DIRS, 0,
      "no family is called odd in `families` of conf.d" },
    { "prompts-render-stdin", "", "prompts render greet --input - " DIRS " < $CONF/in.json", 0, "Greet Ann {{x}}." },
    { "prompts-render-missing", "", "prompts render greet " DIRS, 1, "missing variables {\047name\047}" },
    { "prompts-render-unknown", "", "prompts render gret " DIRS, 1, "Failed to load prompt definition for \047gret" },
    { "prompts-render-no-file", "", "prompts render greet --input /nonexistent " DIRS, 1,
      "/nonexistent cannot be read: No such file" },
    { "prompts-render-bad-json", "", "prompts render greet --input $CONF/bad.json " DIRS, 1, "bad.json: " },
    { "prompts-render-no-object", "", "prompts render greet --input $CONF/list.json " DIRS, 1,
      "list.json: is no object; expected a JSON object with the prompt" },
    { "prompts-bad-conf", "AIGW_FASTAPI__API_PORT=", "prompts list " DIRS, 1, "server.port: is \"\"" },
    { "health-nobody", "AIGW_FASTAPI__API_HOST=127.0.0.1 AIGW_FASTAPI__API_PORT=1", "health --conf-dir $CONF", 1,
      "http://127.0.0.1:1/monitoring/healthz does not answer: " },
    { "health-ready", "AIGW_FASTAPI__API_HOST=:: AIGW_FASTAPI__API_PORT=1", "health --ready --conf-dir $CONF", 1,
      "http://[::1]:1/monitoring/ready does not answer: " },
    { "health-tls", "AIGW_FASTAPI__TLS__ENABLED=1 AIGW_FASTAPI__API_PORT=1", "health --conf-dir $CONF", 1,
      "https://127.0.0.1:1/monitoring/healthz does not answer: " },
    { "health-client-ca",
      "AIGW_FASTAPI__TLS__ENABLED=1 AIGW_TLS__CLIENT_CA_FILE=/ca AIGW_FASTAPI__METRICS_HOST=127.0.0.2 "
      "AIGW_FASTAPI__METRICS_PORT=1",
      "health --conf-dir $CONF", 1, "http://127.0.0.2:1/metrics does not answer: " },
    { "health-client-ca-ready", "AIGW_FASTAPI__TLS__ENABLED=1 AIGW_TLS__CLIENT_CA_FILE=/ca",
      "health --ready --conf-dir $CONF", 1, "ask without --ready" },
    { "health-any-port", "AIGW_FASTAPI__API_PORT=0", "health --conf-dir $CONF", 1, "set server.port" },
    { "health-bad-conf", "AIGW_FASTAPI__API_PORT=1", "health --conf-dir /nonexistent", 1, "see `aigw check`" },
    { "completion", "", "completion bash", 0, "complete -o bashdefault -o default -F _aigw aigw" },
    { "completion-zsh", "", "completion zsh", 0, "#compdef aigw" },
    { "completion-fish", "", "completion fish", 0, "complete -c aigw -n __fish_use_subcommand -a serve" },
    { "completion-shell", "", "completion tcsh", 2, "found tcsh; expected bash, zsh or fish" },
    { "completion-nothing", "", "completion", 2, "found no shell; expected bash, zsh or fish" },
    { "man", "", "man", 0, ".SS aigw serve" },
    { "version", "", "version", 0, "plugin ABI " ABI },
    { "version-flag", "", "--version", 0, "serves GitLab 17.6 to 18.x" },
    { "empty-folder", "", "check --conf-dir=", 2, "--conf-dir is empty" },
    { "key-two-names", "", "key one two", 2, "more than one name was given" },
    { "route-header", "", "route --request $CONF/in.json --header x " DIRS, 2,
      "--header is \"x\", expected \"name: value\"" },
    { "doctor-url", "", "doctor --url gateway:5052 " DIRS, 2, "--url: the URL must begin with http:// or https://" },
    { "doctor-url-scheme", "", "doctor --url ftp://x " DIRS, 2, "--url: the URL must begin with http:// or https://" },
    { "doctor-quiet", "", "doctor --stream --quiet 999 " DIRS, 2,
      "--quiet is \"999\", expected seconds from 1 to 310" },
    { "doctor-quiet-alone", "", "doctor --quiet 70 " DIRS, 2, "--quiet goes with --stream" },
    { "output-config", "", "config --plugin-dir $PLUGINS >/dev/full", 1, "aigw: standard output could not be written" },
    { "output-help", "", "--help >/dev/full", 1, "standard output could not be written: No space left on device" },
    { "output-wrong-usage", "", "prompts list --format html >/dev/full", 2, "--format is text|json" },
    { "output-closed", "", "check " DIRS " >&-", 0, "" },
    { "plugins", "", "plugins --plugin-dir=$PLUGINS", 0, "provider good 1.2.3 (ABI " ABI ")" },
    { "plugins-routes", "", "plugins --plugin-dir=$PLUGINS", 0, "POST   /v1/good" },
    { "plugins-no-folder", "", "plugins --plugin-dir=/nonexistent", 1, "/nonexistent: cannot read this plugin folder" },
    { "plugins-env", "AIGW_PLUGIN_DIR=:" FIXTURES ":", "plugins", 0, "feature good_feature 1.2.3" },
    { "config", "", "config --plugin-dir $PLUGINS --format=markdown", 0,
      "| `server.port` | `AIGW_FASTAPI__API_PORT` |" },
    { "config-plugins", "", "config --plugin-dir $PLUGINS", 0, "## provider `good` 1.2.3" },
    { "check-folder", "", "check --conf-dir /nonexistent --plugin-dir $PLUGINS", 1,
      "/nonexistent: cannot read this conf" },
    { "check-flag-wins", "AIGW_CONF_DIR=/nonexistent", "check " DIRS, 0, "0 errors" },
    { "check-env-dir", "AIGW_CONF_DIR=/nonexistent", "check --plugin-dir $PLUGINS", 1, "/nonexistent: cannot read" },
    { "check-good", "", "check " DIRS, 0, "0 errors" },
    { "check-ineffective", "AIGW_GITLB_URL=x", "check " DIRS, 0,
      "warning: AIGW_GITLB_URL: has no effect: unknown, did you" },
    { "check-env-error", "AIGW_FASTAPI__API_PORT=", "check " DIRS, 1, "AIGW_FASTAPI__API_PORT: server.port: is \"\"" },
};

START_TEST(command_prints_and_exits_as_documented)
{
    int status = run(commands[_i].env, commands[_i].args);

    ck_assert_msg(status == commands[_i].exit_status, "%s: exit status %d:\n%s", commands[_i].id, status, output);
    ck_assert_msg(strstr(output, commands[_i].text) != NULL, "%s: no \"%s\" in:\n%s", commands[_i].id,
                  commands[_i].text, output);
}
END_TEST

START_TEST(check_prints_every_mistake_and_counts_them)
{
    write_conf("20-bad.conf",
               "server: {\n prot = 1;\n port = 70000; };\nproviders: { two: { plugin = \"goood\"; }; };\n");
    ck_assert_int_eq(run("", "check " DIRS), 1);
    ck_assert_msg(strstr(output, "/20-bad.conf:2: server.prot: unknown, did you mean port?") != NULL, "%s", output);
    ck_assert_msg(strstr(output, "/20-bad.conf:3: server.port: is 70000, expected 0 to 65535") != NULL, "%s", output);
    ck_assert_msg(strstr(output, "/20-bad.conf:4: providers.two.plugin: there is no provider plugin") != NULL, "%s",
                  output);
    ck_assert_msg(strstr(output, "3 errors") != NULL, "%s", output);
}
END_TEST

START_TEST(conf_dir_may_be_repeated)
{
    char args[256];

    snprintf(args, sizeof args, "check --conf-dir %s --conf-dir=/nonexistent/second --plugin-dir $PLUGINS", folder);
    ck_assert_int_eq(run("", args), 1);
    ck_assert_msg(strstr(output, "/nonexistent/second: cannot read") != NULL, "%s", output);
    ck_assert_msg(strstr(output, "1 error,") != NULL, "%s", output);
}
END_TEST

START_TEST(serve_with_a_broken_configuration_does_not_start)
{
    ck_assert_int_eq(run("AIGW_FASTAPI__API_PORT=nonsense", "serve " DIRS), 1);
    ck_assert_msg(strstr(output, "server.port") != NULL, "%s", output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tcase = tcase_create("cli");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup_prompts, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, command_prints_and_exits_as_documented, 0, GW_ARRAY_LEN(commands));
    tcase_add_test(tcase, check_prints_every_mistake_and_counts_them);
    tcase_add_test(tcase, conf_dir_may_be_repeated);
    tcase_add_test(tcase, serve_with_a_broken_configuration_does_not_start);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
