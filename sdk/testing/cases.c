/* cases.c - case files: a plugin's tests as text. The form is described in docs/writing-a-plugin.md.
 *
 * A file is a row of sections "=== name argument", each with the lines below it. Some set something up, some do
 * something, some say what must have come of it. Every streamed answer is fed whole, byte by byte, and in two odd
 * ways: the events must be the same. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define CASES_WAIT_MAX_MS ((int64_t)24 * 3600 * 1000)
#define CASES_FILE_MAX    ((size_t)16 << 20)

struct cases {
    const char *plugin, *file;
    struct gw_arena arena;
    struct aigw_testhost *th;
    const char *settings; /* to open with, NULL when the host is open already */
    const char *request;  /* the last call */
    const char *call_title;
    aigw_status status; /* what the last action answered, checked unless the next section expects failure */
    bool is_unchecked;
    const char *answer, *content_type;
    int32_t answer_status;
    const struct aigw_error *error;
    int64_t took_ms;
    int line; /* of the section at hand */
    int findings;
};

struct section {
    const char *name, *arg;
    const char *text;
};

static void finding(struct cases *c, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void finding(struct cases *c, const char *fmt, ...)
{
    va_list args;

    c->findings++;
    fprintf(stderr, "%s:%d: %s%s", c->file, c->line, c->call_title ? c->call_title : "", c->call_title ? ": " : "");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool need_host(struct cases *c)
{
    char reason[1024];

    if (c->th && !c->settings)
        return true;
    aigw_testhost_close(c->th);
    c->th = aigw_testhost_open(c->plugin, c->settings, reason, sizeof reason);
    c->settings = NULL;
    if (!c->th)
        finding(c, "the plugin does not open: %s", reason);
    return c->th;
}

/* ---- comparing ---- */

static aigw_str trim_feeds(const char *text)
{
    aigw_str s = gw_str(text);

    while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

static void expect_text(struct cases *c, const char *what, const char *expected, const char *found)
{
    aigw_str a = trim_feeds(expected), b = trim_feeds(found);

    if (!gw_str_eq(a, b))
        finding(c, "%s differs\n--- expected\n%.*s\n--- found\n%.*s\n---", what, AIGW_STR_ARG(a), AIGW_STR_ARG(b));
}

static void expect_json(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    char *copy = strndup(found.len > 0 ? found.ptr : "", found.len);
    struct json_object *a = json_tokener_parse(expected), *b = json_tokener_parse(copy ? copy : "");

    if (!a)
        finding(c, "%s: the expected text is not JSON", what);
    else if (!b || !json_object_equal(a, b))
        finding(c, "%s differs\n--- expected\n%s\n--- found\n%s\n---", what,
                json_object_to_json_string_ext(a, JSON_C_TO_STRING_PLAIN),
                b ? json_object_to_json_string_ext(b, JSON_C_TO_STRING_PLAIN) : copy);
    json_object_put(a);
    json_object_put(b);
    free(copy);
}

/* JSON objects and lists are compared as JSON, a JSON string to the byte, all else without line feeds at the end. */
static void expect_body(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    const char *first = expected + strspn(expected, " \n");

    if (*first == '"') {
        struct json_object *text = json_tokener_parse(first);
        aigw_str bytes = { json_object_get_string(text), (size_t)json_object_get_string_len(text) };

        if (!gw_str_eq(bytes, found))
            finding(c, "%s differs\n--- expected\n%.*s\n--- found\n%.*s\n---", what, AIGW_STR_ARG(bytes),
                    AIGW_STR_ARG(found));
        json_object_put(text);
    } else if (*first == '{' || *first == '[') {
        expect_json(c, what, expected, found);
    } else {
        expect_text(c, what, expected, gw_arena_strndup(&c->arena, found.ptr ? found.ptr : "", found.len));
    }
}

/* Every line of expected must be among the lines found; one that begins with '!' must not. */
static void expect_lines(struct cases *c, const char *what, const char *expected, const char *found)
{
    aigw_str rest = gw_str(expected), line;

    while (rest.len > 0) {
        bool is_absent, has;

        line = testhost_next_line(&rest);
        if (line.len == 0)
            continue;
        is_absent = line.ptr[0] == '!';
        if (is_absent)
            line = (aigw_str){ line.ptr + 1, line.len - 1 };
        has = memmem(found, strlen(found), line.ptr, line.len) != NULL;
        if (has == is_absent)
            finding(c, "%s: %s \"%.*s\"\n--- found\n%s---", what, is_absent ? "must not hold" : "lacks",
                    AIGW_STR_ARG(line), found);
    }
}

/* ---- provider sections ---- */

static void do_call(struct cases *c, const struct section *s)
{
    c->call_title = s->arg;
    c->request = s->text;
    c->answer = NULL;
    if (!need_host(c))
        return;
    c->status = aigw_testhost_request_json(c->th, s->text);
    c->is_unchecked = true;
}

static void expect_headers(struct cases *c, const struct section *s)
{
    const struct aigw_http_request *http = aigw_testhost_http(c->th);
    const char *all = "";

    for (uint32_t i = 0; i < http->header_count; i++)
        all = gw_arena_printf(&c->arena, "%s%s\n", all, http->headers[i]);
    expect_lines(c, "headers", s->text, all);
}

/* Feed the answer in pieces: step 0 whole, else pieces of 1…step bytes. */
static const char *play(struct cases *c, uint32_t step)
{
    size_t len = strlen(c->answer), at = 0;
    uint32_t seed = step;

    if (aigw_testhost_request_json(c->th, c->request) != AIGW_OK)
        return aigw_testhost_error(c->th);
    aigw_testhost_accept(c->th, c->content_type);
    while (at < len) {
        size_t piece = step == 0 ? len : 1 + (seed >> 16) % step;

        seed = seed * 1664525u + 1013904223u;
        if (piece > len - at)
            piece = len - at;
        if (aigw_testhost_feed(c->th, c->answer + at, piece) != AIGW_OK)
            break;
        at += piece;
    }
    aigw_testhost_end(c->th);
    return aigw_testhost_events(c->th);
}

static void expect_events(struct cases *c, const struct section *s)
{
    static const uint32_t steps[] = { 0, 1, 7, 40 };

    if (aigw_testhost_http(c->th)->framing == AIGW_FRAMING_LOCAL) {
        if (aigw_testhost_request_json(c->th, c->request) == AIGW_OK)
            aigw_testhost_produce(c->th, CASES_WAIT_MAX_MS, &c->took_ms);
        expect_text(c, "events", s->text, aigw_testhost_events(c->th));
        return;
    }
    if (!c->answer) {
        finding(c, "events without an answer before them");
        return;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(steps); i++) {
        int before = c->findings;

        expect_text(c, steps[i] == 0 ? "events" : "events, answer fed in pieces,", s->text, play(c, steps[i]));
        if (c->findings != before)
            return;
    }
}

/* "=== answer 429 application/json 3": status, content type, Retry-After */
static void do_answer(struct cases *c, const struct section *s)
{
    char type[128] = "text/event-stream", retry[64] = "";
    int status = 0;

    if (sscanf(s->arg, "%d %127s %63s", &status, type, retry) < 1) {
        finding(c, "answer: expected \"=== answer <status> [<content type> [<retry-after>]]\"");
        return;
    }
    c->answer_status = status;
    c->answer = s->text;
    c->content_type = gw_arena_printf(&c->arena, "%s", type);
    if (status >= 400 && c->request && aigw_testhost_request_json(c->th, c->request) == AIGW_OK)
        c->error = aigw_testhost_failure(c->th, status, c->content_type, retry[0] ? retry : NULL, s->text);
}

static void expect_error(struct cases *c, const struct section *s)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = c->error };
    struct gw_buf out;

    if (!c->error) {
        finding(c, "error without an answer of status 400 or more before it");
        return;
    }
    gw_buf_init(&out, (size_t)1 << 20);
    testhost_write_event(&out, &event);
    expect_text(c, "error", s->text, out.data + strlen("error "));
    gw_buf_done(&out);
}

static bool provider_section(struct cases *c, const struct section *s)
{
    const struct aigw_http_request *http = c->th ? aigw_testhost_http(c->th) : NULL;

    if (strcmp(s->name, "call") == 0)
        do_call(c, s);
    else if (!http)
        return false;
    else if (strcmp(s->name, "url") == 0)
        expect_text(c, "url", s->text, http->url ? http->url : "");
    else if (strcmp(s->name, "method") == 0)
        expect_text(c, "method", s->text, http->method ? http->method : "");
    else if (strcmp(s->name, "headers") == 0)
        expect_headers(c, s);
    else if (strcmp(s->name, "body") == 0)
        expect_body(c, "body", s->text, http->body);
    else if (strcmp(s->name, "answer") == 0)
        do_answer(c, s);
    else if (strcmp(s->name, "events") == 0)
        expect_events(c, s);
    else if (strcmp(s->name, "error") == 0)
        expect_error(c, s);
    else if (strcmp(s->name, "takes") == 0)
        expect_text(c, "pauses in milliseconds", s->text, gw_arena_printf(&c->arena, "%lld", (long long)c->took_ms));
    else
        return false;
    return true;
}

/* ---- feature sections ---- */

static void do_send(struct cases *c, const struct section *s)
{
    char method[16], path[1024];
    const char *empty = strncmp(s->text, "\n", 1) == 0 ? s->text : strstr(s->text, "\n\n");
    const char *headers = empty ? gw_arena_strndup(&c->arena, s->text, (size_t)(empty - s->text)) : s->text;
    aigw_str body = trim_feeds(empty ? empty + (empty == s->text ? 1 : 2) : "");

    c->call_title = s->arg;
    if (sscanf(s->arg, "%15s %1023s", method, path) != 2) {
        finding(c, "send: expected \"=== send <METHOD> <path>\"");
        return;
    }
    c->status = aigw_testhost_send(c->th, method, path, headers, gw_arena_strndup(&c->arena, body.ptr, body.len));
    c->is_unchecked = aigw_testhost_answer(c->th)->state == AIGW_ANSWER_NONE;
}

static bool setup_section(struct cases *c, const struct section *s)
{
    aigw_status status = AIGW_OK;

    if (strcmp(s->name, "model") == 0)
        status = aigw_testhost_model(c->th, s->text);
    else if (strcmp(s->name, "prompt") == 0)
        status = aigw_testhost_prompt(c->th, s->arg, gw_arena_strndup(&c->arena, s->text, trim_feeds(s->text).len));
    else if (strcmp(s->name, "script") == 0)
        status = aigw_testhost_script(c->th, s->text);
    else if (strcmp(s->name, "scopes") == 0)
        aigw_testhost_scopes(c->th, gw_arena_strndup(&c->arena, s->text, trim_feeds(s->text).len));
    else if (strcmp(s->name, "flags") == 0)
        aigw_testhost_flags(c->th, gw_arena_strndup(&c->arena, s->text, trim_feeds(s->text).len));
    else if (strcmp(s->name, "core") == 0)
        aigw_testhost_settings(c->th, s->text);
    else if (strcmp(s->name, "leave") == 0)
        aigw_testhost_leave_after(c->th, (uint32_t)strtoul(s->text, NULL, 10));
    else
        return false;
    if (status != AIGW_OK)
        finding(c, "%s: the text of this section is malformed", s->name);
    return true;
}

static bool feature_section(struct cases *c, const struct section *s)
{
    static const char *const states[] = { "none", "complete", "open", "aborted" };
    const struct aigw_testhost_answer *answer = aigw_testhost_answer(c->th);

    if (strcmp(s->name, "send") == 0) {
        do_send(c, s);
    } else if (strcmp(s->name, "status") == 0) {
        expect_text(c, "status", s->text, gw_arena_printf(&c->arena, "%u", answer->status));
    } else if (strcmp(s->name, "state") == 0) {
        expect_text(c, "state of the answer", s->text, states[answer->state & 3]);
    } else if (strcmp(s->name, "type") == 0) {
        expect_text(c, "content type", s->text, answer->content_type ? answer->content_type : "");
    } else if (strcmp(s->name, "writes") == 0) {
        expect_text(c, "stream writes", s->text, gw_arena_printf(&c->arena, "%u", answer->write_count));
    } else if (strcmp(s->name, "answer-headers") == 0) {
        expect_lines(c, "headers of the answer", s->text, answer->headers ? answer->headers : "");
    } else if (strcmp(s->name, "answer-body") == 0) {
        expect_body(c, "body of the answer", s->text, (aigw_str){ answer->body, answer->body_len });
    } else if (strcmp(s->name, "asked") == 0) {
        const char *asked = aigw_testhost_asked(c->th);

        if (asked && trim_feeds(s->text).len > 0)
            expect_json(c, "model request", s->text, gw_str(asked));
        else if (asked || trim_feeds(s->text).len > 0)
            finding(c, "model request: expected %s, found %s", s->text, asked ? asked : "no call");
    } else if (strcmp(s->name, "resolved") == 0) {
        expect_lines(c, "needs and prompts", s->text, aigw_testhost_resolved(c->th));
    } else {
        return setup_section(c, s);
    }
    return true;
}

/* ---- the file ---- */

static void expect_refusal(struct cases *c, const struct section *s)
{
    char reason[1024] = "it opened";
    struct aigw_testhost *th = aigw_testhost_open(c->plugin, c->settings, reason, sizeof reason);
    aigw_str wanted = trim_feeds(s->text);

    if (th || !memmem(reason, strlen(reason), wanted.ptr, wanted.len))
        finding(c, "settings: expected a refusal with \"%.*s\", found: %s", AIGW_STR_ARG(wanted), reason);
    aigw_testhost_close(th);
    c->settings = "";
}

static void expect_failure(struct cases *c, const struct section *s)
{
    const char *reason = aigw_testhost_error(c->th);
    aigw_str wanted = trim_feeds(s->text);

    if (c->status == AIGW_OK)
        finding(c, "expected a failure with \"%.*s\", but it worked", AIGW_STR_ARG(wanted));
    else if (!memmem(reason, strlen(reason), wanted.ptr ? wanted.ptr : "", wanted.len))
        finding(c, "expected a failure with \"%.*s\", found status %d: %s", AIGW_STR_ARG(wanted), c->status, reason);
}

static void run_section(struct cases *c, const struct section *s)
{
    bool is_known = true;

    if (c->is_unchecked && c->status != AIGW_OK && strcmp(s->name, "fails") != 0)
        finding(c, "failed with status %d: %s", c->status, aigw_testhost_error(c->th));
    c->is_unchecked = false;
    if (strcmp(s->name, "settings") == 0) {
        c->settings = s->text;
        c->call_title = NULL;
    } else if (strcmp(s->name, "refuses") == 0) {
        expect_refusal(c, s);
    } else if (need_host(c)) {
        if (strcmp(s->name, "fails") == 0)
            expect_failure(c, s);
        else if (strcmp(s->name, "notes") == 0)
            expect_lines(c, "notes", s->text, aigw_testhost_notes(c->th));
        else if (aigw_testhost_descriptor(c->th)->kind == AIGW_KIND_PROVIDER)
            is_known = provider_section(c, s);
        else
            is_known = feature_section(c, s);
    }
    if (!is_known)
        finding(c, "unknown section \"%s\"; see \"Case files\" in docs/writing-a-plugin.md", s->name);
}

static char *read_file(struct cases *c)
{
    FILE *file = fopen(c->file, "rb");
    char *text = file ? malloc(CASES_FILE_MAX + 1) : NULL;
    size_t len = text ? fread(text, 1, CASES_FILE_MAX, file) : 0;

    if (file)
        fclose(file);
    if (!text) {
        finding(c, "cannot be read");
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* Cut the file at its "=== " lines and run what stands between. */
static void run_file(struct cases *c, char *text)
{
    aigw_str rest = gw_str(text), line;
    struct section section = { 0 };
    const char *begin = NULL;
    int line_number = 0;

    while (rest.len > 0) {
        const char *at = rest.ptr;

        line = testhost_next_line(&rest);
        line_number++;
        if (!gw_str_has_prefix(line, AIGW_STR("=== ")))
            continue;
        if (section.name) {
            section.text = gw_arena_strndup(&c->arena, begin, (size_t)(at - begin));
            run_section(c, &section);
        }
        char *head = gw_arena_strndup(&c->arena, line.ptr + 4, line.len - 4);
        size_t name_len = strcspn(head, " ");

        section.arg = head[name_len] ? head + name_len + 1 : "";
        head[name_len] = '\0';
        section.name = head;
        c->line = line_number;
        begin = rest.ptr;
    }
    if (!section.name) {
        finding(c, "has no section; expected lines like \"=== call a title\"");
        return;
    }
    section.text = gw_arena_strndup(&c->arena, begin, (size_t)(rest.ptr - begin));
    run_section(c, &section);
    if (c->is_unchecked && c->status != AIGW_OK)
        finding(c, "failed with status %d: %s", c->status, aigw_testhost_error(c->th));
}

int aigw_testhost_run_cases(const char *plugin_path, const char *case_path)
{
    struct cases c = { .plugin = plugin_path, .file = case_path, .settings = "" };
    char *text;

    gw_arena_init(&c.arena, (size_t)256 << 20);
    text = read_file(&c);
    if (text)
        run_file(&c, text);
    aigw_testhost_close(c.th);
    gw_arena_done(&c.arena);
    free(text);
    return c.findings;
}
