/* probe_bad.c - what servers, clients and operators get wrong: a plugin may refuse it, with a reason, and must neither
 * crash nor hang nor keep memory. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

#define DEEP     20000 /* brackets within brackets: what a reader that calls itself dies of */
#define LONGTEXT 100000

/* A text of n times the same. */
static char *repeated(char c, size_t n)
{
    char *text = malloc(n + 1);

    if (!text)
        abort();
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

/* ---- answers of servers ---- */

static const aigw_str bad_answers[] = {
    AIGW_STR_INIT(""),
    AIGW_STR_INIT("\n\n\n"),
    AIGW_STR_INIT("{"),
    AIGW_STR_INIT("{}"),
    AIGW_STR_INIT("[]"),
    AIGW_STR_INIT("null\n"),
    AIGW_STR_INIT("no JSON at all\n"),
    AIGW_STR_INIT("data: {\n\n"),
    AIGW_STR_INIT("data: {}\n\ndata: []\n\ndata: null\n\ndata: 1\n\ndata: \"x\"\n\n"),
    AIGW_STR_INIT("event: error\ndata: {\"error\": {\"message\": 7}}\n\n"),
    AIGW_STR_INIT("data: \xff\xfe\xc0\x80\n\n"),
    AIGW_STR_INIT("\0\0\0\0\0\0\0\14\0\0\0\0"),
    AIGW_STR_INIT("\0\0\0\20\0\0\0\0\5\302\110\353\0\0\0\0"),
    AIGW_STR_INIT("{\"error\": \"a word\"}\n{\"error\": {\"code\": [1], \"message\": null}}\n"),
    AIGW_STR_INIT("{\"choices\": {}, \"content\": 1, \"candidates\": \"x\", \"message\": [], \"usage\": []}\n"),
    AIGW_STR_INIT("{\"choices\": [null, 1, {\"index\": -1}, {\"index\": 99999999999999999999, \"delta\": []}]}\n"),
    AIGW_STR_INIT("data: {\"choices\": [{\"index\": 4294967295, \"delta\": {\"content\": \"x\", \"tool_calls\": "
                  "[{\"index\": -7, \"function\": {\"arguments\": {}}}]}}]}\n\n"),
    AIGW_STR_INIT("{\"usage\": {\"prompt_tokens\": -1, \"completion_tokens\": 1e400}, \"text\": \"\\ud800\"}\n"),
};

static const char *const bad_types[] = { "text/event-stream", "application/json", "application/x-ndjson",
                                         "application/vnd.amazon.eventstream" };

/* The call must have come to an end that the core knows. */
static bool has_ended(const char *events)
{
    static const char *const ends[] = { "end", "cut", "failed ", "error " };
    size_t len = strlen(events);
    const char *last = events;

    for (size_t i = 0; i + 1 < len; i++)
        if (events[i] == '\n')
            last = events + i + 1;
    for (size_t i = 0; i < GW_ARRAY_LEN(ends); i++)
        if (strncmp(last, ends[i], strlen(ends[i])) == 0)
            return true;
    return false;
}

static void answer(struct probe *c, struct aigw_testhost *th, const char *type, aigw_str bytes)
{
    if (c->findings > 0 || probe_request(th) != AIGW_OK)
        return; /* one is enough */
    aigw_testhost_accept(th, type);
    if (aigw_testhost_feed(th, bytes.ptr, bytes.len) == AIGW_OK)
        aigw_testhost_end(th);
    probe_faults(c, th, "an answer that makes no sense");
    if (!has_ended(aigw_testhost_events(th)))
        probe_finding(c, "an answer of type %s that makes no sense: the call has no end, its events are:\n%s", type,
                      aigw_testhost_events(th));
}

static void refuse(struct probe *c, struct aigw_testhost *th, aigw_str body)
{
    static const int32_t statuses[] = { 400, 401, 403, 404, 413, 418, 429, 500, 503, 529, 599 };

    for (size_t i = 0; i < GW_ARRAY_LEN(statuses) && c->findings == 0 && probe_request(th) == AIGW_OK; i++) {
        const struct aigw_error *error = aigw_testhost_failure(th, statuses[i], "application/json", NULL, body.ptr);

        probe_faults(c, th, "failure()");
        if (error->kind == AIGW_ERR_NONE)
            probe_finding(c, "failure() made no error of status %d with a body that makes no sense", statuses[i]);
    }
}

static void bad_provider_input(struct probe *c, struct aigw_testhost *th)
{
    char *deep = repeated('[', DEEP), *text = repeated('a', LONGTEXT);
    const aigw_str large[] = { { deep, DEEP }, { text, LONGTEXT } };

    if (probe_request(th) != AIGW_OK || th->http.framing == AIGW_FRAMING_LOCAL)
        goto out; /* it needs a credential that nobody has here, or no server */
    for (size_t type = 0; type < GW_ARRAY_LEN(bad_types); type++) {
        for (size_t i = 0; i < GW_ARRAY_LEN(bad_answers); i++)
            answer(c, th, bad_types[type], bad_answers[i]);
        for (size_t i = 0; i < GW_ARRAY_LEN(large); i++)
            answer(c, th, bad_types[type], large[i]);
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(bad_answers); i++)
        refuse(c, th, bad_answers[i]);
    for (size_t i = 0; i < GW_ARRAY_LEN(large); i++)
        refuse(c, th, large[i]);
out:
    free(deep);
    free(text);
}

/* ---- requests of clients ---- */

static void bad_feature_input(struct probe *c, struct aigw_testhost *th)
{
    char *deep = repeated('[', DEEP), *text = repeated('a', LONGTEXT);
    const char *const bodies[] = { "{",
                                   "[]",
                                   "null",
                                   "1",
                                   "\"x\"",
                                   "\xff\xfe",
                                   "{\"a\": \"\\ud800\"}",
                                   "{\"model\": 1, \"messages\": {}, \"stream\": \"yes\", \"prompt\": []}",
                                   "{\"messages\": [1, null, {\"role\": 1, \"content\": {}}], \"max_tokens\": -1}",
                                   deep,
                                   text };

    for (uint32_t r = 0; r < th->plugin.feature.route_count; r++) {
        const struct aigw_route *route = &th->plugin.routes[r];
        char *path = probe_path(route);

        for (size_t i = 0; path && i < GW_ARRAY_LEN(bodies) && c->findings == 0; i++) {
            aigw_testhost_send(th, route->method, path, "Content-Type: application/json\n", bodies[i]);
            probe_faults(c, th, route->path);
            if (th->answer.state == AIGW_ANSWER_OPEN)
                probe_finding(c, "%s %s: a body that makes no sense: an answer was begun and never ended",
                              route->method, path);
        }
        free(path);
    }
    free(deep);
    free(text);
}

void probe_bad_input(struct probe *c, struct aigw_testhost *th)
{
    if (th->plugin.descriptor.kind == AIGW_KIND_PROVIDER)
        bad_provider_input(c, th);
    else
        bad_feature_input(c, th);
}

/* ---- settings ---- */

/* Within the table's rules everything opens, or is refused with a reason. */
static void try_setting(struct probe *c, struct gw_plugin *plugin, const struct aigw_setting *s, const char *value)
{
    struct aigw_testhost *th;
    char reason[1024] = "";
    struct gw_buf settings;
    size_t len;

    gw_buf_init(&settings, (size_t)1 << 20);
    testhost_harmless_settings(&settings, &plugin->descriptor, TESTHOST_NOWHERE, s, value);
    th = testhost_open_loaded(plugin, settings.data, reason, sizeof reason);
    len = strlen(reason);
    if (!th && len >= 2 && strcmp(reason + len - 2, ": ") == 0)
        probe_finding(c, "%s = %.40s: open() refuses without a reason: host->fail() records it", s->name, value);
    else if (th)
        probe_request(th);
    aigw_testhost_close(th);
    gw_buf_done(&settings);
}

static void try_number(struct probe *c, struct gw_plugin *plugin, const struct aigw_setting *s)
{
    const double ends[] = { s->min, s->max };
    char value[64];

    for (size_t i = 0; s->min < s->max && i < GW_ARRAY_LEN(ends); i++) {
        if (s->type == AIGW_SET_INT)
            snprintf(value, sizeof value, "%.0fL", ends[i]);
        else
            snprintf(value, sizeof value, "%f", ends[i]);
        try_setting(c, plugin, s, value);
    }
}

static void try_string(struct probe *c, struct gw_plugin *plugin, const struct aigw_setting *s)
{
    char value[256];

    if (s->flags & AIGW_SETF_URL)
        return;
    for (const char *choice = s->choices; choice; choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL) {
        snprintf(value, sizeof value, "\"%.*s\"", (int)strcspn(choice, "|"), choice);
        try_setting(c, plugin, s, value);
    }
    if (s->choices)
        return;
    try_setting(c, plugin, s, "\"\"");
    try_setting(c, plugin, s, "\"line\\nfeed \\\" and \\\\\"");
}

void probe_settings(struct probe *c, struct gw_plugin *plugin)
{
    for (uint32_t i = 0; i < plugin->descriptor.setting_count; i++) {
        const struct aigw_setting *s = testhost_setting_at(&plugin->descriptor, i);

        switch (s->type) {
        case AIGW_SET_INT:
        case AIGW_SET_DOUBLE:
            try_number(c, plugin, s);
            break;
        case AIGW_SET_BOOL:
            try_setting(c, plugin, s, "false");
            try_setting(c, plugin, s, "true");
            break;
        case AIGW_SET_LIST:
            try_setting(c, plugin, s, "( )");
            try_setting(c, plugin, s, "( \"\", \"\" )");
            break;
        case AIGW_SET_MAP:
            try_setting(c, plugin, s, "{ }");
            break;
        default:
            try_string(c, plugin, s);
        }
    }
}

/* ---- what is not given back ---- */

struct life {
    struct gw_plugin *plugin;
    const char *settings;
};

/* Open, ask, close: what an instance goes through between two reloads. */
static void live_once(void *arg)
{
    const struct life *life = arg;
    char reason[1024];
    struct aigw_testhost *th = testhost_open_loaded(life->plugin, life->settings, reason, sizeof reason);

    if (!th)
        return;
    if (th->plugin.descriptor.kind == AIGW_KIND_PROVIDER) {
        if (probe_request(th) == AIGW_OK && th->http.framing != AIGW_FRAMING_LOCAL) {
            aigw_testhost_accept(th, "application/json");
            aigw_testhost_feed(th, "{}", 2);
            aigw_testhost_end(th);
        }
    } else {
        for (uint32_t i = 0; i < th->plugin.feature.route_count; i++) {
            char *path = probe_path(&th->plugin.routes[i]);

            aigw_testhost_send(th, th->plugin.routes[i].method, path, "Content-Type: application/json\n", "{}");
            free(path);
        }
    }
    aigw_testhost_close(th);
}

void probe_leaks(struct probe *c, struct gw_plugin *plugin, const char *settings)
{
    struct life life = { .plugin = plugin, .settings = settings };
    size_t files, bytes = testhost_find_leak(live_once, &life, &files);

    if (bytes > 0)
        probe_finding(c, "about %zu bytes are not given back each time an instance is opened, asked and closed", bytes);
    if (files > 0)
        probe_finding(c, "%zu open files are left each time an instance is opened, asked and closed", files);
}
