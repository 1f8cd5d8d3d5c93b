/* cases_provider.c - the sections of a provider's case files. Every answer is fed whole, byte by byte, in odd pieces
 * and, when it is a stream, cut in two at every position, and again while fewer and fewer events are wanted: what comes
 * out must be the same, or its begin. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES_WAIT_MAX_MS ((int64_t)24 * 3600 * 1000)
#define CASES_LEAVES_MAX  8u /* events after which the client leaves, one after the other */

static void do_call(struct cases *c, const struct section *s)
{
    c->call_title = s->arg;
    c->request = s->text;
    c->answer = AIGW_STR_NONE;
    c->error = NULL;
    c->has_played = false;
    c->was_asked = true;
    c->status = aigw_testhost_request_json(c->th, s->text);
    c->is_unchecked = true;
}

static void expect_url(struct cases *c, const struct section *s)
{
    const char *url = aigw_testhost_http(c->th)->url;

    cases_expect_word(c, "url", s->text, url ? url : "");
}

static void expect_method(struct cases *c, const struct section *s)
{
    const char *method = aigw_testhost_http(c->th)->method;

    cases_expect_word(c, "method", s->text, method ? method : "");
}

static void expect_headers(struct cases *c, const struct section *s)
{
    const struct aigw_http_request *http = aigw_testhost_http(c->th);
    const char *all = "";

    for (uint32_t i = 0; i < http->header_count; i++)
        all = gw_arena_printf(&c->arena, "%s%s\n", all, http->headers[i]);
    cases_expect_headers(c, "headers", s->text, all);
}

static void expect_body(struct cases *c, const struct section *s)
{
    cases_expect_body(c, "body", s->text, aigw_testhost_http(c->th)->body);
}

/* A way to cut an answer: in two at `half`, or in odd pieces of 1…step bytes; neither: fed whole. */
struct cut {
    uint32_t step;
    size_t half;
};

static size_t next_piece(const struct cut *cut, size_t at, size_t left, uint32_t *seed)
{
    size_t piece = left;

    if (cut->half > at)
        piece = cut->half - at;
    else if (cut->step > 0)
        piece = 1 + (*seed >> 16) % cut->step;
    *seed = *seed * 1664525u + 1013904223u;
    return piece < left ? piece : left;
}

static const char *play(struct cases *c, const struct cut *cut)
{
    uint32_t seed = cut->step;

    if (aigw_testhost_request_json(c->th, c->request) != AIGW_OK)
        return aigw_testhost_error(c->th);
    testhost_accept(c->th, c->answer_status, c->content_type);
    for (size_t at = 0, piece; at < c->answer.len; at += piece) {
        piece = next_piece(cut, at, c->answer.len - at, &seed);
        if (aigw_testhost_feed(c->th, c->answer.ptr + at, piece) != AIGW_OK)
            break;
    }
    aigw_testhost_end(c->th);
    return aigw_testhost_events(c->th);
}

static const char *play_local(struct cases *c)
{
    c->has_played = true;
    if (aigw_testhost_request_json(c->th, c->request) == AIGW_OK)
        aigw_testhost_produce(c->th, CASES_WAIT_MAX_MS, &c->took_ms);
    return aigw_testhost_events(c->th);
}

/* The client leaves after the first event, after the second …: emit() says so, and the plugin hands that back. */
static void leave_early(struct cases *c, bool is_local, const char *whole)
{
    uint32_t count = 0;

    for (const char *at = whole; *at; at++)
        count += *at == '\n';
    for (uint32_t n = 1; n < count && n <= CASES_LEAVES_MAX; n++) {
        int before = c->findings;

        aigw_testhost_emit_max(c->th, n);
        if (is_local)
            play_local(c);
        else
            play(c, &(struct cut){ 0 });
        cases_expect_no_faults(c);
        if (c->findings != before)
            break;
    }
    aigw_testhost_emit_max(c->th, 0);
}

static void expect_played(struct cases *c, const struct section *s, const char *what, const char *found)
{
    cases_expect_text(c, what, s->text, found);
    cases_expect_no_faults(c);
}

/* However the network cuts the answer, it means the same. */
static void expect_cuts(struct cases *c, const struct section *s)
{
    static const uint32_t steps[] = { 1, 7, 40 };
    int before = c->findings;

    for (size_t i = 0; i < GW_ARRAY_LEN(steps) && c->findings == before; i++)
        expect_played(c, s, "events, answer fed in pieces,", play(c, &(struct cut){ .step = steps[i] }));
    for (size_t half = 1; half < c->answer.len && c->findings == before; half++) {
        expect_played(c, s, "events, answer cut in two,", play(c, &(struct cut){ .half = half }));
        if (c->findings != before)
            cases_finding(c, "that was the cut before byte %zu of %zu", half, c->answer.len);
    }
}

static void play_whole(void *arg)
{
    struct cases *c = arg;

    if (aigw_testhost_http(c->th)->framing == AIGW_FRAMING_LOCAL)
        play_local(c);
    else
        play(c, &(struct cut){ 0 });
}

static void expect_no_leak(struct cases *c)
{
    size_t files, bytes = testhost_find_leak(play_whole, c, &files);

    if (bytes > 0)
        cases_finding(c, "about %zu bytes are not given back after each call", bytes);
    if (files > 0)
        cases_finding(c, "%zu files are left open after each call", files);
}

static void expect_events(struct cases *c, const struct section *s)
{
    bool is_local = aigw_testhost_http(c->th)->framing == AIGW_FRAMING_LOCAL;
    const char *whole;
    int before = c->findings;

    c->is_answer_new = false;
    if (!is_local && !c->answer.ptr) {
        cases_finding(c, "events without an answer before them");
        return;
    }
    whole = gw_arena_printf(&c->arena, "%s", is_local ? play_local(c) : play(c, &(struct cut){ 0 }));
    expect_played(c, s, "events", whole);
    if (!is_local && c->findings == before)
        expect_cuts(c, s);
    if (c->findings == before)
        leave_early(c, is_local, whole);
    if (c->findings == before)
        expect_no_leak(c);
}

static void do_answer(struct cases *c, const struct section *s)
{
    struct cases_answer_head head;

    c->answer = AIGW_STR_NONE;
    c->error = NULL;
    if (!cases_answer_line(c, s, &head))
        return;
    c->answer_status = head.status;
    c->answer_line = c->line;
    c->is_answer_new = true;
    c->content_type = head.type;
    c->answer = cases_answer_bytes(c, head.type, s->text);
    if (head.status < CASES_REFUSAL)
        return;
    if (!c->request || aigw_testhost_request_json(c->th, c->request) != AIGW_OK) {
        cases_finding(c, "answer: there is no call that could be refused");
        return;
    }
    c->error = aigw_testhost_failure(c->th, head.status, head.type, head.retry_after, s->text);
    cases_expect_no_faults(c);
}

static void expect_error(struct cases *c, const struct section *s)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = c->error };
    struct gw_buf out;

    c->is_answer_new = false;
    if (!c->error) {
        cases_finding(c, "error without an answer of status 300 or more before it");
        return;
    }
    gw_buf_init(&out, (size_t)1 << 20);
    testhost_write_event(&out, &event);
    cases_expect_text(c, "error", s->text, out.data + strlen("error "));
    gw_buf_done(&out);
}

static void expect_pauses(struct cases *c, const struct section *s)
{
    if (!c->has_played)
        play_local(c);
    cases_expect_number(c, "pauses in milliseconds", s->text, c->took_ms);
}

static void set_server_headers(struct cases *c, const struct section *s)
{
    if (cases_check_lines(c, s, s->text, ':'))
        aigw_testhost_server_headers(c->th, s->text);
}

static void set_credential(struct cases *c, const struct section *s)
{
    if (s->arg[0])
        aigw_testhost_credential(c->th, s->arg, cases_plain(c, s));
    else
        cases_finding(c, "credential: expected its name behind the section's");
}

static void set_credential_answer(struct cases *c, const struct section *s)
{
    uint64_t status = 200;

    if (!s->arg[0] || cases_number(c, "credential-answer", gw_str(s->arg), 599, &status))
        aigw_testhost_credential_answer(c->th, (int32_t)status, cases_plain(c, s));
}

const struct case_section cases_provider[] = {
    { "credential", "<name>", CASES_PROVIDER, set_credential, "host->credential() knows this value from now on" },
    { "credential-answer", "[<status>]", CASES_PROVIDER, set_credential_answer,
      "body of the answer to the next request that credential() describes (default status 200); notes show the "
      "requests" },
    { "server-headers", "", CASES_PROVIDER, set_server_headers,
      "headers of the server's answers from now on, for host->answer_header()" },
    { "call", "<title>", CASES_PROVIDER | CASES_DOES, do_call, "call request() with this model request" },
    { "method", "", CASES_PROVIDER | CASES_ASKED, expect_method, "the method that was described" },
    { "url", "", CASES_PROVIDER | CASES_ASKED, expect_url, "the URL that was described" },
    { "headers", "", CASES_PROVIDER | CASES_ASKED, expect_headers,
      "lines among the headers, those of sign() included" },
    { "body", "", CASES_PROVIDER | CASES_ASKED, expect_body, "the body that was described" },
    { "answer", "<status> [<type> [<retry-after>]]", CASES_PROVIDER | CASES_DOES, do_answer,
      "what the server answers (default type text/event-stream); of "
      "application/vnd.amazon.eventstream a message a line: event <type> <payload>, exception <type> <payload>, error "
      "<code> <words>, broken … for a wrong checksum" },
    { "events", "", CASES_PROVIDER | CASES_ASKED, expect_events,
      "what is emitted, however the answer is cut; without an answer for AIGW_FRAMING_LOCAL" },
    { "error", "", CASES_PROVIDER | CASES_ASKED, expect_error,
      "what a refusal becomes: rate_limited 429 retry=3000 code=\"x\" \"words\"" },
    { "takes", "", CASES_PROVIDER | CASES_ASKED, expect_pauses,
      "sum of produce()'s pauses in ms; no time passes in truth" },
    { 0 },
};
