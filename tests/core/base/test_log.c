/* test_log.c - lines are JSON, secrets are masked, a slow sink blocks nobody. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define PEM_BEGIN "-----BEGIN PRIVATE KEY-----"
#define PEM_END   "-----END PRIVATE KEY-----"

static const struct {
    const char *id, *text, *masked;
} mask_rows[] = {
    { "plain text", "model call failed at 10:30", "model call failed at 10:30" },
    { "registered", "key is canary-secret-1!", "key is **********!" },
    { "registered twice", "canary-secret-1 canary-secret-1", "********** **********" },
    { "longest registered wins", "canary-secret-123", "**********" },
    { "jwt", "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "token ********** end" },
    { "no jwt", "/tmp/mistake-hzeyjq_2x/90-local.conf", "/tmp/mistake-hzeyjq_2x/90-local.conf" },
    { "bearer", "Authorization: Bearer abcdef123456", "Authorization: Bearer **********" },
    { "bearer any case", "bEaReR abcdef123456;", "bEaReR **********;" },
    { "pem", "x " PEM_BEGIN "\nMIIE\n" PEM_END " y", "x ********** y" },
    { "pem without end", "x " PEM_BEGIN "\nMIIE", "x **********" },
    { "url user info", "http://user:pw@host/path", "http://**********@host/path" },
    { "url without user info", "http://host/a@b", "http://host/a@b" },
    { "json member", "{\"model_api_key\":\"sk-1\",\"a\":1}", "{\"model_api_key\":\"**********\",\"a\":1}" },
    { "escaped json", "{\\\"api_key\\\":\\\"sk-1\\\"}", "{\\\"api_key\\\":\\\"**********\\\"}" },
    { "header", "x-api-key: sk-1234", "x-api-key: **********" },
    { "key by its prefix", "agent sk-canary-0123456789 x", "agent ********** x" },
    { "a word that ends in sk", "task-0123456789abc", "task-0123456789abc" },
    { "query", "?private_token=glpat-1&x=1", "?private_token=**********&x=1" },
    { "libconfig", "api_key = \"sk\";", "api_key = \"**********\";" },
    { "sentence about a key", "api_key: missing, set it", "api_key: missing, set it" },
};

START_TEST(secrets_are_masked)
{
    struct gw_buf out;

    gw_log_add_secret("canary-secret-1");
    gw_log_add_secret("canary-secret-123");
    gw_log_add_secret("short"); /* too short to be told from ordinary words: ignored */
    gw_buf_init(&out, 10000);
    gw_log_mask(&out, gw_str(mask_rows[_i].text));
    ck_assert_msg(strcmp(out.data, mask_rows[_i].masked) == 0, "%s: found %s", mask_rows[_i].id, out.data);
    gw_buf_done(&out);
}
END_TEST

/** However many there are, and though they begin alike or contain each other. */
START_TEST(every_one_of_many_secrets_is_masked)
{
    static const char *const forms[] = { "%dk-canary-value", "canary-%d", "canary-%d-and-more" };
    char secret[64], text[128];
    struct gw_buf out;

    for (int i = 0; i < 6000; i++) {
        snprintf(secret, sizeof secret, forms[i % 3], 100000 + i / 3);
        gw_log_add_secret(secret);
        gw_log_add_secret(secret);
    }
    gw_buf_init(&out, 10000);
    for (int i = 0; i < 6000; i++) {
        snprintf(secret, sizeof secret, forms[i % 3], 100000 + i / 3);
        snprintf(text, sizeof text, "a %s b", secret);
        gw_buf_clear(&out);
        gw_log_mask(&out, gw_str(text));
        ck_assert_msg(strcmp(out.data, "a ********** b") == 0, "%d: %s", i, out.data);
    }
    gw_buf_clear(&out);
    gw_log_mask(&out, AIGW_STR("canary-999999"));
    ck_assert_str_eq(out.data, "canary-999999");
    gw_buf_done(&out);
}
END_TEST

static char *read_all(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "re");

    ck_assert_ptr_nonnull(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static char log_path[64];

static void start(bool json)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = json, .file = log_path };
    struct gw_err err = { "" };

    snprintf(log_path, sizeof log_path, "/tmp/aigw-test-log-%d", (int)getpid());
    unlink(log_path);
    ck_assert_msg(gw_log_start(&options, &err) == AIGW_OK, "%s", err.text);
}

START_TEST(a_line_is_one_json_object_whatever_is_in_it)
{
    struct gw_line line;

    start(true);
    gw_line_begin(&line, GW_LOG_INFO, "test", "hello\n{\"forged\":1}");
    gw_line_str(&line, "text", AIGW_STR("a\"b\n\xff"));
    gw_line_cstr(&line, "none", NULL);
    gw_line_int(&line, "n", -5);
    gw_line_seconds(&line, "s", 1500000);
    gw_line_seconds(&line, "before", -1000001);
    gw_line_time(&line, "t", 1500000000000007);
    gw_line_bool(&line, "b", true);
    gw_line_end(&line);
    gw_log(GW_LOG_DEBUG, "test", "below the level");
    gw_log_stop();
    char *text = read_all(log_path);
    ck_assert_ptr_nonnull(strstr(text, "\"message\":\"hello\\n{\\\"forged\\\":1}\""));
    ck_assert_ptr_nonnull(strstr(text, "\"text\":\"a\\\"b\\n\xef\xbf\xbd\",\"none\":null,\"n\":-5,\"s\":1.500000,"
                                       "\"before\":-1.000001,\"t\":\"2017-07-14T02:40:00.000007+00:00\",\"b\":true}"));
    ck_assert_ptr_null(strstr(text, "below"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    unlink(log_path);
}
END_TEST

START_TEST(long_values_are_cut_and_a_secret_at_the_cut_is_not_shown)
{
    static char value[5000];

    memset(value, 'x', sizeof value);
    memcpy(value + 4090, "canary-secret-1", 15);
    gw_log_add_secret("canary-secret-1");
    start(true);
    struct gw_line line;
    gw_line_begin(&line, GW_LOG_INFO, "test", "cut");
    gw_line_str(&line, "v", (aigw_str){ value, sizeof value });
    gw_line_end(&line);
    gw_log_stop();
    char *text = read_all(log_path);
    ck_assert_uint_lt(strlen(text), 4400);
    ck_assert_ptr_null(strstr(text, "canary"));
    unlink(log_path);
}
END_TEST

START_TEST(text_mode_cannot_be_forged_either)
{
    start(false);
    gw_log(GW_LOG_WARNING, "test", "a\nb\x1b[31m");
    gw_log_stop();
    char *text = read_all(log_path);
    ck_assert_ptr_nonnull(strstr(text, "warning  test: a b [31m\n"));
    unlink(log_path);
}
END_TEST

START_TEST(the_file_is_reopened_after_rotation)
{
    char rotated[80];

    start(true);
    gw_log(GW_LOG_INFO, "test", "first");
    gw_log_stop();
    snprintf(rotated, sizeof rotated, "%s.1", log_path);
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true, .file = log_path };
    ck_assert_int_eq(gw_log_start(&options, NULL), AIGW_OK);
    ck_assert_int_eq(rename(log_path, rotated), 0);
    gw_log_reopen();
    struct stat info; /* the writer does it: wait for the file, not for a time */
    while (stat(log_path, &info) != 0)
        usleep(1000);
    gw_log(GW_LOG_INFO, "test", "second");
    gw_log_stop();
    ck_assert_ptr_nonnull(strstr(read_all(log_path), "second"));
    ck_assert_ptr_null(strstr(read_all(rotated), "second"));
    ck_assert_ptr_nonnull(strstr(read_all(rotated), "first"));
    unlink(log_path);
    unlink(rotated);
}
END_TEST

/* Places where a log may end up unread. */
enum { AT_PIPE, AT_SOCKET, AT_FIFO, AT_TERMINAL };
static const struct {
    const char *id;
    int kind;
} unread[] = { { "pipe", AT_PIPE }, { "socket", AT_SOCKET }, { "fifo", AT_FIFO }, { "terminal", AT_TERMINAL } };

/** Two ends of it. Those for standard error take its place; a fifo becomes the log file. */
static void open_unread(int kind, int ends[2])
{
    snprintf(log_path, sizeof log_path, "/tmp/aigw-test-log-%d", (int)getpid());
    unlink(log_path);
    if (kind == AT_FIFO) {
        ck_assert_int_eq(mkfifo(log_path, 0600), 0);
        ends[0] = open(log_path, O_RDONLY | O_NONBLOCK);
        ends[1] = -1;
        ck_assert_int_ge(ends[0], 0);
        return;
    }
    if (kind == AT_TERMINAL) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
        ck_assert(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
        ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    } else {
        ck_assert_int_eq(kind == AT_PIPE ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    }
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
}

static void start_unread(int kind, int ends[2])
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true };

    open_unread(kind, ends);
    options.file = kind == AT_FIFO ? log_path : NULL;
    ck_assert_int_eq(gw_log_start(&options, NULL), AIGW_OK);
}

static void log_much(int lines)
{
    static char filler[3000];

    memset(filler, 'y', sizeof filler - 1);
    for (int i = 0; i < lines; i++) {
        struct gw_line line;
        gw_line_begin(&line, GW_LOG_INFO, "test", "fill");
        gw_line_cstr(&line, "v", filler);
        gw_line_end(&line);
    }
    gw_log_flush();
}

START_TEST(a_sink_that_takes_nothing_costs_lines_not_time)
{
    uint64_t before = gw_log_dropped();
    int ends[2];

    start_unread(unread[_i].kind, ends);
    log_much(8000); /* 24 MB: more than the queue holds; must return although nobody reads: it would wait for ever */
    ck_assert_msg(gw_log_dropped() > before, "%s", unread[_i].id);
    gw_log_stop();
    unlink(log_path);
}
END_TEST

START_TEST(a_sink_that_takes_nothing_does_not_hold_up_the_end)
{
    uint64_t before = gw_log_dropped();
    int64_t begin_ms;
    int ends[2];

    start_unread(unread[_i].kind, ends);
    log_much(400);
    begin_ms = gw_mono_ms();
    gw_log_stop();
    ck_assert_msg(gw_mono_ms() - begin_ms < 20000, "%s: %lld ms", unread[_i].id, (long long)(gw_mono_ms() - begin_ms));
    ck_assert_msg(gw_log_dropped() > before, "%s: unwritten lines are counted", unread[_i].id);
    unlink(log_path);
}
END_TEST

START_TEST(a_slow_reader_gets_everything_that_it_takes_in_time)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true };
    int ends[2], status = 0;
    pid_t reader;

    open_unread(AT_PIPE, ends);
    reader = fork();
    if (reader == 0) {
        char sink[4096];
        size_t sum = 0, wanted = (size_t)1 << 20; /* of the 1.2 MB that are written */
        ssize_t got;

        close(ends[1]);
        close(STDERR_FILENO);
        while ((got = read(ends[0], sink, sizeof sink)) > 0)
            sum += (size_t)got;
        _exit(sum > wanted ? 0 : 1);
    }
    ck_assert_int_eq(gw_log_start(&options, NULL), AIGW_OK);
    log_much(400);
    gw_log_stop();
    close(ends[1]);
    close(STDERR_FILENO);
    ck_assert_int_eq(waitpid(reader, &status, 0), reader);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(gw_log_dropped(), 0);
}
END_TEST

/** RLIMIT_FSIZE stands for the size of the disk. */
START_TEST(a_full_disk_cuts_one_line_and_is_reported_when_there_is_room)
{
    struct rlimit limit, full;
    int64_t until_ms = gw_mono_ms() + 5000;
    char *text, *line;
    int broken = 0;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    full = (struct rlimit){ .rlim_cur = 10000, .rlim_max = limit.rlim_max };
    start(true);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
    log_much(10); /* 30 kB */
    while (gw_log_dropped() < 7 && gw_mono_ms() < until_ms)
        (void)poll(NULL, 0, 5);
    ck_assert_uint_ge(gw_log_dropped(), 7);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    gw_log(GW_LOG_INFO, "test", "there is room");
    gw_log_stop();
    text = read_all(log_path);
    for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        size_t len = strlen(line);
        broken += line[0] != '{' || line[len - 1] != '}' || strstr(line + 1, "{\"message\"");
    }
    ck_assert_int_eq(broken, 1);
    text = read_all(log_path);
    ck_assert_ptr_nonnull(strstr(text, "there is room"));
    unlink(log_path);
}
END_TEST

#define OTHERS "{\"message\":\"of another process\"}\n"

/** Exit status 0: each line that comes out of the pipe is one whole line of somebody. */
static int read_whole_lines(int fd)
{
    FILE *in = fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    while ((len = getline(&line, &room, in)) > 0) {
        const char *second = strstr(line + 1, "{\"message\"");

        if (strncmp(line, "{\"message\"", 10) != 0 || second || len < 3 || strcmp(line + len - 2, "}\n") != 0)
            return 1;
    }
    return 0;
}

/** As two processes of an upgrade do. */
START_TEST(lines_stay_whole_in_a_pipe_that_others_write_to)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true };
    int ends[2], status = 0;
    pid_t reader, other;

    open_unread(AT_PIPE, ends);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 16384), 0);
    reader = fork();
    if (reader == 0) {
        close(ends[1]);
        close(STDERR_FILENO);
        _exit(read_whole_lines(ends[0]));
    }
    other = fork();
    if (other == 0) {
        for (int i = 0; i < 20000; i++)
            if (write(ends[1], OTHERS, sizeof OTHERS - 1) < 0)
                _exit(1);
        _exit(0);
    }
    ck_assert_int_eq(gw_log_start(&options, NULL), AIGW_OK);
    log_much(2000);
    gw_log_stop();
    close(ends[1]);
    close(STDERR_FILENO);
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(waitpid(reader, &status, 0), reader);
    ck_assert_int_eq(status, 0);
}
END_TEST

/** A reload that names a file gets a stuck gateway its log back, and the file begins with a whole line. */
START_TEST(another_file_takes_over_from_a_stuck_sink)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true };
    char other[80];
    int ends[2];

    start_unread(unread[_i].kind, ends);
    log_much(200);
    snprintf(other, sizeof other, "%s.other", log_path);
    options.file = other;
    ck_assert_int_eq(gw_log_reconfigure(&options, NULL), AIGW_OK);
    gw_log(GW_LOG_INFO, "test", "the last line");
    gw_log_stop();
    char *text = read_all(other);
    ck_assert_msg(strncmp(text, "{\"message\":\"", 12) == 0, "%s: %.80s", unread[_i].id, text);
    ck_assert_ptr_nonnull(strstr(text, "the last line"));
    unlink(other);
    unlink(log_path);
}
END_TEST

START_TEST(a_fifo_whose_reader_went_does_not_refuse_a_reload)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true, .file = log_path };
    int ends[2];

    start_unread(AT_FIFO, ends);
    close(ends[0]);
    gw_log_reopen();
    ck_assert_int_eq(gw_log_reconfigure(&options, NULL), AIGW_OK);
    log_much(1);
    gw_log_stop();
    ck_assert_uint_gt(gw_log_dropped(), 0);
    unlink(log_path);
}
END_TEST

START_TEST(a_fifo_without_a_reader_is_an_error_not_a_wait)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true, .file = log_path };
    struct gw_err err = { "" };

    snprintf(log_path, sizeof log_path, "/tmp/aigw-test-log-%d", (int)getpid());
    ck_assert_int_eq(mkfifo(log_path, 0600), 0);
    ck_assert_int_eq(gw_log_start(&options, &err), AIGW_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, log_path));
    unlink(log_path);
}
END_TEST

START_TEST(a_log_file_that_cannot_be_opened_is_named)
{
    struct gw_log_options options = { .level = GW_LOG_INFO, .json = true, .file = "/nonexistent/x.log" };
    struct gw_err err = { "" };

    ck_assert_int_eq(gw_log_start(&options, &err), AIGW_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/x.log"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    SRunner *runner = srunner_create(suite);

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, secrets_are_masked, 0, (int)GW_ARRAY_LEN(mask_rows));
    tcase_add_test(tcase, every_one_of_many_secrets_is_masked);
    tcase_add_test(tcase, a_line_is_one_json_object_whatever_is_in_it);
    tcase_add_test(tcase, long_values_are_cut_and_a_secret_at_the_cut_is_not_shown);
    tcase_add_test(tcase, text_mode_cannot_be_forged_either);
    tcase_add_test(tcase, the_file_is_reopened_after_rotation);
    tcase_add_loop_test(tcase, a_sink_that_takes_nothing_costs_lines_not_time, 0, (int)GW_ARRAY_LEN(unread));
    tcase_add_loop_test(tcase, a_sink_that_takes_nothing_does_not_hold_up_the_end, 0, (int)GW_ARRAY_LEN(unread));
    tcase_add_loop_test(tcase, another_file_takes_over_from_a_stuck_sink, 0, (int)GW_ARRAY_LEN(unread));
    tcase_add_test(tcase, a_slow_reader_gets_everything_that_it_takes_in_time);
    tcase_add_test(tcase, a_full_disk_cuts_one_line_and_is_reported_when_there_is_room);
    tcase_add_test(tcase, lines_stay_whole_in_a_pipe_that_others_write_to);
    tcase_add_test(tcase, a_fifo_whose_reader_went_does_not_refuse_a_reload);
    tcase_add_test(tcase, a_fifo_without_a_reader_is_an_error_not_a_wait);
    tcase_add_test(tcase, a_log_file_that_cannot_be_opened_is_named);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
