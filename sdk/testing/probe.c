/* probe.c - rules of the SDK headers that only show when a plugin is asked something. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

#define STRANGER 99u /* a kind, role, type or tool of a later SDK */
#define MARK     "aigw-conformance-mark"

void probe_faults(struct probe *c, struct aigw_testhost *th, const char *what)
{
    aigw_str rest = gw_str(aigw_testhost_faults(th)), line;

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        probe_finding(c, "%s: %.*s", what, AIGW_STR_ARG(line));
    }
}

/* ---- providers ---- */

static const char plain_request[] = "{\"stream\":true,\"max_tokens\":16,"
                                    "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";

aigw_status probe_request(struct aigw_testhost *th)
{
    return th->plugin.descriptor.kind == AIGW_KIND_PROVIDER ? aigw_testhost_request_json(th, plain_request) : AIGW_OK;
}

static void call_both(struct probe *c, struct aigw_testhost *a, struct aigw_testhost *b)
{
    aigw_status first = aigw_testhost_request_json(a, plain_request);
    aigw_status second = aigw_testhost_request_json(b, plain_request);

    probe_faults(c, a, "request()");
    if (first != second)
        probe_finding(c, "two instances with the same settings answer a request differently (%d, %d): %s", first,
                      second, aigw_testhost_error(first ? a : b));
    if (first != AIGW_OK || second != AIGW_OK)
        return;
    if (a->http.framing == AIGW_FRAMING_LOCAL && !a->plugin.provider.produce)
        probe_finding(c, "AIGW_FRAMING_LOCAL without produce()");
    if (a->http.framing != AIGW_FRAMING_LOCAL &&
        (!a->http.url || !a->http.method || !gw_str_eq(a->http.body, b->http.body)))
        probe_finding(c, "request() left out method or url, or two instances with the same settings differ");
}

/* A request with something strange in it; whatever a row changes is in memory that the request's arena owns. */
struct stranger {
    const char *what, *request;
    void (*change)(struct aigw_model_request *req);
};

static struct aigw_message *first_message(const struct aigw_model_request *req)
{
    return (void *)(uintptr_t)req->messages;
}

static void strange_kind(struct aigw_model_request *req)
{
    req->kind = STRANGER;
}

static void strange_role(struct aigw_model_request *req)
{
    first_message(req)->role = STRANGER;
}

static void strange_part(struct aigw_model_request *req)
{
    ((struct aigw_part *)(uintptr_t)first_message(req)->parts)->type = STRANGER;
}

static void strange_tool(struct aigw_model_request *req)
{
    ((struct aigw_tool *)(uintptr_t)req->tools)->kind = STRANGER;
}

static const struct stranger strangers[] = {
    { "an unknown kind of call", plain_request, strange_kind },
    { "a message with an unknown role", plain_request, strange_role },
    { "a part of an unknown type", plain_request, strange_part },
    { "a tool of an unknown kind",
      "{\"messages\":[{\"content\":\"hello\"}],\"tools\":[{\"name\":\"t\",\"parameters\":{\"type\":\"object\"}}]}",
      strange_tool },
};

#define EXTRA "\"extra\":{\"x_aigw\":\"" MARK "\"}"

static const struct stranger extras[] = {
    { "extra of a request", "{\"messages\":[{\"content\":\"hello\"}]," EXTRA "}", NULL },
    { "extra of a message", "{\"messages\":[{\"content\":\"hello\"," EXTRA "}]}", NULL },
    { "extra of a part", "{\"messages\":[{\"content\":[{\"text\":\"hello\"," EXTRA "}]}]}", NULL },
    { "extra of a tool",
      "{\"messages\":[{\"content\":\"hello\"}],"
      "\"tools\":[{\"name\":\"t\",\"parameters\":{\"type\":\"object\"}," EXTRA "}]}",
      NULL },
};

/* request() with one row. What it answers is AIGW_OK or a refusal with its reason. */
static aigw_status ask(struct probe *c, struct aigw_testhost *th, const struct stranger *row)
{
    aigw_status status = testhost_request_changed(th, row->request, row->change);

    probe_faults(c, th, row->what);
    if (status < 0 && *aigw_testhost_error(th) == '\0')
        probe_finding(c, "%s: refused with status %d without a reason: host->fail() records it", row->what, status);
    return status;
}

static bool holds(aigw_str text, const char *mark)
{
    return text.len > 0 && memmem(text.ptr, text.len, mark, strlen(mark));
}

static void probe_extras(struct probe *c, struct aigw_testhost *th)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(extras); i++)
        if (ask(c, th, &extras[i]) == AIGW_OK && th->http.framing != AIGW_FRAMING_LOCAL && !holds(th->http.body, MARK))
            probe_finding(c, "%s: is neither in the body nor refused with AIGW_E_UNSUPPORTED", extras[i].what);
}

/* The structs of a later core are longer than what the plugin knows, and what is behind that is not for it. */
static void probe_growth(struct probe *c, struct aigw_testhost *th)
{
    static const struct stranger row = { "a request of a later core", plain_request, NULL };
    char *body;

    if (ask(c, th, &row) != AIGW_OK)
        return;
    body = strndup(th->http.body.ptr ? th->http.body.ptr : "", th->http.body.len);
    th->growth = 64;
    if (ask(c, th, &row) != AIGW_OK || !body || !gw_str_eq(th->http.body, gw_str(body)))
        probe_finding(c, "%s, whose structs are longer, is answered differently", row.what);
    th->growth = 0;
    free(body);
}

static void probe_provider(struct probe *c, struct aigw_testhost *th)
{
    static const struct stranger plain = { "a plain request", plain_request, NULL };
    aigw_status base = ask(c, th, &plain);

    if (base != AIGW_OK && base != AIGW_E_UNSUPPORTED) /* a credential that the test cannot give, for example */
        return;
    for (size_t i = 0; i < GW_ARRAY_LEN(strangers); i++) {
        aigw_status status = ask(c, th, &strangers[i]);

        if (status != AIGW_E_UNSUPPORTED)
            probe_finding(c, "%s: request() answers %d, expected AIGW_E_UNSUPPORTED (%d)", strangers[i].what, status,
                          AIGW_E_UNSUPPORTED);
    }
    probe_extras(c, th);
    probe_growth(c, th);
}

/* ---- features ---- */

char *probe_path(const struct aigw_route *route)
{
    char *path = strdup(route->path), *to = path;

    for (const char *from = route->path; path && *from; from++) {
        if (*from == '{') {
            from += strcspn(from, "}");
            *to++ = 'x';
            if (!*from)
                break;
        } else {
            *to++ = *from;
        }
    }
    if (path)
        *to = '\0';
    return path;
}

static void send_both(struct probe *c, struct aigw_testhost *a, struct aigw_testhost *b, const struct aigw_route *route)
{
    static const char *const bodies[] = { "", "{}", "no JSON" };
    char *path = probe_path(route);

    for (size_t i = 0; path && i < GW_ARRAY_LEN(bodies); i++) {
        const struct aigw_testhost_answer *first = &a->answer, *second = &b->answer;

        aigw_testhost_send(a, route->method, path, "Content-Type: application/json\n", bodies[i]);
        probe_faults(c, a, route->path);
        aigw_testhost_send(b, route->method, path, "Content-Type: application/json\n", bodies[i]);
        if (first->status != second->status || first->state != second->state || strcmp(first->body, second->body) != 0)
            probe_finding(c, "%s %s: two instances with the same settings answer differently (%u, %u)", route->method,
                          path, first->status, second->status);
        if (first->state == AIGW_ANSWER_OPEN)
            probe_finding(c, "%s %s: an answer was begun and never ended", route->method, path);
    }
    free(path);
}

/* Whatever the feature makes of a refusal must be an answer that a client takes for one. */
static void probe_refusals(struct probe *c, struct aigw_testhost *th, const struct aigw_route *route)
{
    char *path = probe_path(route);

    for (uint32_t kind = AIGW_REFUSE_TOKEN; path && kind <= AIGW_REFUSE_METHOD + 1; kind++) {
        aigw_testhost_refuse(th, route->method, path, NULL, kind);
        probe_faults(c, th, "refuse()");
        if (th->answer.status < 400)
            probe_finding(c, "%s %s: a refusal of kind %u is answered with status %u", route->method, path, kind,
                          th->answer.status);
    }
    free(path);
}

/* ---- both ---- */

void probe_twice(struct probe *c, struct aigw_testhost *a, struct aigw_testhost *b)
{
    if (a->plugin.descriptor.kind == AIGW_KIND_PROVIDER) {
        call_both(c, a, b);
        return;
    }
    for (uint32_t i = 0; i < a->plugin.feature.route_count; i++)
        send_both(c, a, b, &a->plugin.routes[i]);
}

void probe_strangers(struct probe *c, struct aigw_testhost *th)
{
    if (th->plugin.descriptor.kind == AIGW_KIND_PROVIDER) {
        probe_provider(c, th);
        return;
    }
    for (uint32_t i = 0; th->plugin.feature.refuse && i < th->plugin.feature.route_count; i++)
        probe_refusals(c, th, &th->plugin.routes[i]);
}
