/* health.c - `aigw health`: asks the gateway of this machine, or of this container, how it is. For HEALTHCHECK of
 * containers and for scripts: an image without shell and curl has nothing else to ask with.
 *
 * It reads configuration and environment as `serve` does, to know where to ask, but loads no plugin: it runs every few
 * seconds. A mistake in the files is no illness, a running gateway keeps what it has; it is told only when the question
 * fails. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "cli/gateway.h"
#include "config/node.h"

#define ARENA_MAX  ((size_t)16 << 20)
#define ANSWER_MAX ((size_t)16 << 10) /* more is not read: reasons of /monitoring/ready are short */
#define TIMEOUT_MS 2000L              /* below the 3 s that the image gives its HEALTHCHECK */

/** Where to ask. */
struct target {
    const char *url; /* NULL: nobody can be asked, `why` says why */
    const char *why;
};

static struct target target_of(const struct cli_options *options, const struct gw_settings *settings)
{
    struct gw_arena *arena = options->arena;
    const char *path = options->ready ? "/monitoring/ready" : "/monitoring/healthz";
    const char *host = settings->server.host;
    int64_t port = settings->server.port;
    bool is_tls = settings->tls.enabled != 0;

    if (is_tls && settings->tls.client_ca_file) {
        /* The listener talks only to clients with a certificate, and this command has none: the metrics listener, plain
         * HTTP of the same process, answers instead. */
        if (options->ready)
            return (struct target){ NULL, "tls.client_ca_file is set: /monitoring/ready is told only to clients with a "
                                          "certificate; ask without --ready" };
        if (!settings->server.metrics_host || !*settings->server.metrics_host)
            return (struct target){ NULL, "tls.client_ca_file is set and there is no metrics listener: nobody answers "
                                          "without a certificate; set server.metrics_host" };
        host = settings->server.metrics_host;
        port = settings->server.metrics_port;
        path = "/metrics";
        is_tls = false;
    }
    if (port <= 0)
        return (struct target){ NULL, "the port is 0, any free one: there is no telling which; set server.port" };
    return (struct target){ gw_arena_printf(arena, "%s%s", cli_url_of(arena, is_tls, host, port), path),
                            "out of memory" };
}

static size_t take(char *bytes, size_t size, size_t count, void *user)
{
    struct gw_buf *answer = user;

    gw_buf_put(answer, bytes, size * count < ANSWER_MAX - answer->len ? size * count : ANSWER_MAX - answer->len);
    return size * count;
}

/** The status of the answer, 0 and `error` when there is none. Never through a proxy; the certificate is not looked at:
 *  its names are those that clients use, and the peer is this machine. */
static long ask(const char *url, struct gw_buf *answer, char *error)
{
    CURL *curl = curl_easy_init();
    long status = 0;
    CURLcode rc;

    if (!curl) {
        snprintf(error, CURL_ERROR_SIZE, "out of memory");
        return 0;
    }
    *error = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "aigw-health");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    rc = curl_easy_perform(curl);
    if (rc == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else if (!*error)
        snprintf(error, CURL_ERROR_SIZE, "%s", curl_easy_strerror(rc));
    curl_easy_cleanup(curl);
    return status;
}

static int report(const char *url, long status, const struct gw_buf *answer, const char *error,
                  const struct gw_problems *problems)
{
    bool has_text = !strstr(url, "/metrics");
    const char *mark = has_text ? "\"status\":" : "aigw_";
    bool is_ours = answer->len > 0 && memmem(answer->data, answer->len, mark, strlen(mark));

    if (status == 200 && is_ours) {
        printf("%.*s\n", has_text ? (int)answer->len : 2, has_text ? answer->data : "ok");
        return CLI_OK;
    }
    if (status == 200)
        fprintf(stderr, "aigw: health: %s answered 200, but what answers there is no aigw\n", url);
    else if (status)
        fprintf(stderr, "aigw: health: %s answered %ld: %.*s\n", url, status, (int)answer->len,
                answer->data ? answer->data : "");
    else
        fprintf(stderr, "aigw: health: %s does not answer: %s\n", url, error);
    if (problems->error_count)
        fprintf(stderr,
                "aigw: health: the configuration has mistakes, so the address may be wrong; see `aigw check`\n");
    return CLI_FAILED;
}

int cli_health(const struct cli_options *options)
{
    struct gw_snapshot_options from = cli_snapshot_options(options);
    char error[CURL_ERROR_SIZE];
    struct gw_settings settings;
    struct gw_problems problems;
    struct target target;
    struct gw_arena arena;
    struct gw_buf answer;
    int result = CLI_FAILED;

    gw_arena_init(&arena, ARENA_MAX);
    gw_problems_init(&problems, &arena);
    gw_buf_init(&answer, ANSWER_MAX);
    gw_settings_load(&arena, gw_conf_read(&arena, from.conf_dirs, from.conf_dir_count, &problems), from.environ_list,
                     from.dot_env_dir, &settings, &problems);
    target = target_of(options, &settings);
    if (target.url)
        result = report(target.url, ask(target.url, &answer, error), &answer, error, &problems);
    else
        fprintf(stderr, "aigw: health: %s\n", target.why);
    gw_buf_done(&answer);
    gw_arena_done(&arena);
    return result;
}
