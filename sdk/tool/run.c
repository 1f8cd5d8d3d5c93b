/* run.c - a gateway that has nothing but one plugin, and what it makes of a sample request.
 *
 *     provider   client → openai_api → the plugin → a server of ours, which answers what a case file says
 *     feature    client → the plugin → the provider mock */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "tool.h"

#define SAMPLE_QUESTION "Who is there?"

/* What is sent, and what a model server answers. */
struct sample {
    struct gw_arena arena;
    char cases[PATH_MAX]; /* the file it is from, "" for none */
    const char *settings, *method, *path, *headers;
    aigw_str body;
    struct tool_answer answer;
};

/* "=== send POST /v1/x": header lines, an empty line, the body. */
static void take_request(struct sample *sample, const struct section *s)
{
    size_t method_len = strcspn(s->arg, " ");
    const char *end = *s->text == '\n' ? s->text : strstr(s->text, "\n\n");
    aigw_str rest = { s->text, end ? (size_t)(end + (end > s->text) - s->text) : strlen(s->text) }, line;

    sample->method = gw_arena_strndup(&sample->arena, s->arg, method_len);
    sample->path = s->arg + method_len + (s->arg[method_len] == ' ');
    sample->headers = "";
    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len > 0)
            sample->headers = gw_arena_printf(&sample->arena, "%s%.*s\r\n", sample->headers, AIGW_STR_ARG(line));
    }
    sample->body = cases_trimmed(end ? end + (*s->text == '\n' ? 1 : 2) : "");
}

static void take_answer(struct sample *sample, const struct section *s)
{
    struct cases c = { .file = sample->cases, .arena = sample->arena, .line = s->line };
    struct cases_answer_head head;

    if (cases_answer_line(&c, s, &head) && head.status < 300) {
        sample->answer.status = head.status;
        sample->answer.type = head.type;
        sample->answer.body = cases_answer_bytes(&c, head.type, s->text);
    }
    sample->arena = c.arena;
}

/* The first section of each kind. */
static int read_cases(struct sample *sample)
{
    const char *why;
    char *text = cases_read_file(sample->cases, &why);
    aigw_str rest = gw_str(text ? text : "");
    struct section s;
    int line = 0;

    if (!text)
        return tool_fail("%s: %s", sample->cases, why);
    while (cases_next_section(&sample->arena, &rest, &line, &s)) {
        if (strcmp(s.name, "settings") == 0 && !sample->settings)
            sample->settings = s.text;
        else if (strcmp(s.name, "send") == 0 && !sample->method)
            take_request(sample, &s);
        else if (strcmp(s.name, "answer") == 0 && !sample->answer.type)
            take_answer(sample, &s);
    }
    free(text);
    printf("--- sample of %s\n", sample->cases);
    return 0;
}

/* What no case file says. */
static void fill_sample(struct sample *sample, const struct gw_plugin *plugin)
{
    bool is_provider = plugin->descriptor.kind == AIGW_KIND_PROVIDER;

    if (is_provider) {
        sample->settings = NULL; /* a case file's server is somewhere else */
        sample->method = "POST";
        sample->path = "/v1/chat/completions";
        sample->headers = "Content-Type: application/json\r\n";
        sample->body =
            AIGW_STR("{\"model\":\"sample\",\"messages\":[{\"role\":\"user\",\"content\":\"" SAMPLE_QUESTION "\"}]}");
    } else if (!sample->method) {
        const struct aigw_route *route = &plugin->routes[0];

        sample->method = route->method;
        sample->path = gw_arena_printf(&sample->arena, "%s", route->path);
        for (char *at = strchr(sample->path, '{'); at; at = strchr(at, '{')) {
            size_t len = strcspn(at, "}");

            *at = 'x'; /* a parameter's name is as good a value as any */
            memmove(at + 1, at + len + (at[len] == '}'), strlen(at + len + (at[len] == '}')) + 1);
        }
        sample->headers = route->request_schema ? "Content-Type: application/json\r\n" : "Content-Type: text/plain\r\n";
        sample->body = route->request_schema ? AIGW_STR("{}") : AIGW_STR(SAMPLE_QUESTION);
    }
}

/* "$url" is where the mock server listens. */
static void put_settings(struct gw_buf *out, const char *text, const char *url)
{
    for (const char *at = strstr(text, "$url"); at; at = strstr(text, "$url")) {
        gw_buf_put(out, text, (size_t)(at - text));
        gw_buf_puts(out, url);
        text = at + 4;
    }
    gw_buf_puts(out, text);
}

static void write_conf(struct gw_buf *out, const struct gw_plugin *plugin, const char *settings, int port)
{
    bool is_provider = plugin->descriptor.kind == AIGW_KIND_PROVIDER;
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    gw_buf_printf(out, "%s: { it = { plugin = \"%s\"; %s\n", is_provider ? "providers" : "features",
                  plugin->descriptor.name, is_provider ? "" : "model = \"sample\";");
    if (settings)
        put_settings(out, settings, url);
    else
        testhost_harmless_settings(out, &plugin->descriptor, url, NULL, NULL);
    gw_buf_printf(out, "\n}; };\n%s: { other = { plugin = \"%s\"; }; };\n", is_provider ? "features" : "providers",
                  is_provider ? "openai_api" : "mock");
    gw_buf_printf(out, "models: { sample: { retries = 0; targets = ( { provider = \"%s\"; model = \"%s\"; } ); }; };\n",
                  is_provider ? "it" : "other", is_provider ? "sample" : "mock");
    gw_buf_puts(out, "server: { host = \"127.0.0.1\"; port = 0; metrics_host = \"\"; workers = 1; };\n");
}

static void keep(const struct tool_gateway *gateway)
{
    printf("--- http://127.0.0.1:%d answers until the end of the input (Ctrl-D)\n", gateway->port);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
}

/* Everything is known: make the folder, start, ask, stop. */
static int run_sample(const struct tool_options *options, const struct gw_plugin *plugin, const struct sample *sample,
                      struct tool_server *server)
{
    bool is_provider = plugin->descriptor.kind == AIGW_KIND_PROVIDER;
    const char *kind = is_provider ? "provider" : "feature", *other_kind = is_provider ? "feature" : "provider";
    char program[PATH_MAX], other[PATH_MAX], folder[PATH_MAX] = "";
    const char *const plugins[2][2] = { { kind, options->names[0] }, { other_kind, other } };
    struct tool_gateway gateway;
    struct gw_buf conf;
    int status = 0, result = 1;

    gw_buf_init(&conf, (size_t)1 << 20);
    write_conf(&conf, plugin, options->settings ? options->settings : sample->settings, tool_server_port(server));
    if (tool_find_gateway(options->gateway, program) == 0 &&
        tool_find_plugin(program, other_kind, is_provider ? "openai_api" : "mock", other) == 0 &&
        tool_folder_make(folder, conf.data, plugins) == 0 && tool_gateway_start(program, folder, &gateway) == 0) {
        status = tool_gateway_ask(&gateway, sample->method, sample->path, sample->headers, sample->body);
        result = status == 0 || status >= 400;
        if (options->is_kept)
            keep(&gateway);
        tool_gateway_stop(&gateway);
    }
    if (*folder)
        tool_folder_remove(folder);
    gw_buf_done(&conf);
    return result;
}

int tool_run(const struct tool_options *options)
{
    struct sample sample = { .cases = "" };
    struct tool_server *server = NULL;
    struct gw_plugin *plugin;
    struct gw_arena arena;
    struct gw_err err;
    int result = 1;

    gw_arena_init(&arena, (size_t)1 << 20);
    gw_arena_init(&sample.arena, (size_t)64 << 20);
    plugin = gw_plugin_load(&arena, options->names[0], NULL, &err);
    if (!plugin) {
        fprintf(stderr, "%s\n", err.text);
        goto out;
    }
    if (options->cases)
        tool_path(sample.cases, "%s", options->cases);
    else
        tool_find_cases(options->names[0], plugin->descriptor.name, sample.cases);
    if (*sample.cases && read_cases(&sample) != 0)
        goto out;
    fill_sample(&sample, plugin);
    server = tool_server_start(&sample.answer);
    if (server)
        result = run_sample(options, plugin, &sample, server);
out:
    tool_server_stop(server);
    if (plugin)
        gw_plugin_unload(plugin);
    gw_arena_done(&sample.arena);
    gw_arena_done(&arena);
    return result;
}
