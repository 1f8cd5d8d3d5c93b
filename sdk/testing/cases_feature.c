/* cases_feature.c - the sections of a feature's case files. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is set up ---- */

static void malformed(struct cases *c, const struct section *s)
{
    cases_finding(c, "%s: the text of this section is malformed", s->name);
}

static void set_model(struct cases *c, const struct section *s)
{
    if (cases_check_json(c, "model", s->text) && aigw_testhost_model(c->th, s->text) != AIGW_OK)
        malformed(c, s);
}

static void set_prompt(struct cases *c, const struct section *s)
{
    if (!s->arg[0])
        cases_finding(c, "prompt: expected its id behind the section's name");
    else if (aigw_testhost_prompt(c->th, s->arg, cases_plain(c, s)) != AIGW_OK)
        malformed(c, s);
}

/* A folder beside the case file. */
static void set_prompts(struct cases *c, const struct section *s)
{
    const char *folder = cases_plain(c, s), *slash = strrchr(c->file, '/');

    if (folder[0] != '/' && slash)
        folder = gw_arena_printf(&c->arena, "%.*s/%s", (int)(slash - c->file), c->file, folder);
    aigw_testhost_prompts(c->th, folder);
}

static void set_conf(struct cases *c, const struct section *s)
{
    if (aigw_testhost_conf(c->th, s->text) != AIGW_OK)
        cases_finding(c, "conf: %s", aigw_testhost_error(c->th));
}

static void set_script(struct cases *c, const struct section *s)
{
    if (aigw_testhost_script_of(c->th, s->arg, s->text) != AIGW_OK)
        malformed(c, s);
}

static void set_scopes(struct cases *c, const struct section *s)
{
    aigw_testhost_scopes(c->th, cases_plain(c, s));
}

static void set_flags(struct cases *c, const struct section *s)
{
    aigw_testhost_flags(c->th, cases_plain(c, s));
}

static void set_caller(struct cases *c, const struct section *s)
{
    if (aigw_testhost_caller(c->th, s->text) != AIGW_OK)
        malformed(c, s);
}

static void set_verbose(struct cases *c, const struct section *s)
{
    const char *text = cases_plain(c, s);

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        aigw_testhost_verbose(c->th, strcmp(text, "true") == 0);
    else
        malformed(c, s);
}

static void set_core(struct cases *c, const struct section *s)
{
    if (cases_check_lines(c, s, s->text, '='))
        aigw_testhost_settings(c->th, s->text);
}

static void set_leave(struct cases *c, const struct section *s)
{
    uint64_t n;

    if (cases_number(c, "leave", gw_str(s->text), UINT32_MAX, &n))
        aigw_testhost_leave_after(c->th, (uint32_t)n);
}

/* ---- what is done ---- */

static void do_send(struct cases *c, const struct section *s)
{
    const char *method, *path, *headers, *body;

    c->call_title = s->arg;
    if (!cases_request_line(c, s, s->arg, &method, &path) || !cases_request_text(c, s, &headers, &body))
        return;
    c->was_asked = true;
    c->status = aigw_testhost_send(c->th, method, path, headers, body);
    c->is_unchecked = aigw_testhost_answer(c->th)->state == AIGW_ANSWER_NONE;
    cases_expect_no_faults(c);
}

static void do_refuse(struct cases *c, const struct section *s)
{
    static const char *const kinds[] = { "",     "token", "scope",   "too_large", "limit", "timeout", "internal",
                                         "keys", "model", "invalid", "encoding",  "path",  "method" };
    const char *rest = s->arg, *word = cases_next_word(&c->arena, &rest), *method, *path;
    uint32_t kind = 1;

    c->call_title = s->arg;
    while (kind < GW_ARRAY_LEN(kinds) && strcmp(word, kinds[kind]) != 0)
        kind++;
    if (kind == GW_ARRAY_LEN(kinds)) {
        cases_finding(c, "refuse: unknown kind \"%s\"", word);
        return;
    }
    if (!cases_request_line(c, s, rest, &method, &path) || !cases_check_lines(c, s, s->text, ':'))
        return;
    c->was_asked = true;
    c->status = aigw_testhost_refuse(c->th, method, path, s->text, kind);
    c->is_unchecked = c->status != AIGW_E_UNSUPPORTED;
    cases_expect_no_faults(c);
}

/* ---- what is expected ---- */

static void expect_status(struct cases *c, const struct section *s)
{
    cases_expect_number(c, "status", s->text, aigw_testhost_answer(c->th)->status);
}

static void expect_state(struct cases *c, const struct section *s)
{
    static const char *const states[] = { "none", "complete", "open", "aborted" };

    cases_expect_word(c, "state of the answer", s->text, states[aigw_testhost_answer(c->th)->state & 3]);
}

static void expect_type(struct cases *c, const struct section *s)
{
    const char *type = aigw_testhost_answer(c->th)->content_type;

    cases_expect_word(c, "content type", s->text, type ? type : "");
}

static void expect_writes(struct cases *c, const struct section *s)
{
    cases_expect_number(c, "stream writes", s->text, aigw_testhost_answer(c->th)->write_count);
}

static void expect_answer_headers(struct cases *c, const struct section *s)
{
    const char *headers = aigw_testhost_answer(c->th)->headers;

    cases_expect_headers(c, "headers of the answer", s->text, headers ? headers : "");
}

static void expect_answer_body(struct cases *c, const struct section *s)
{
    const struct aigw_testhost_answer *answer = aigw_testhost_answer(c->th);

    cases_expect_body(c, "body of the answer", s->text, (aigw_str){ answer->body, answer->body_len });
}

static void expect_asked(struct cases *c, const struct section *s)
{
    bool is_expected = cases_trimmed(s->text).len > 0;
    const char *asked;
    uint64_t n = 0;

    if (s->arg[0] && !cases_number(c, "asked", gw_str(s->arg), UINT32_MAX, &n))
        return;
    asked = s->arg[0] ? aigw_testhost_asked_at(c->th, (uint32_t)n) : aigw_testhost_asked(c->th);
    if (asked && is_expected)
        cases_expect_json(c, "model request", s->text, gw_str(asked));
    else if (asked || is_expected)
        cases_finding(c, "model request: expected %s, found %s", is_expected ? s->text : "none",
                      asked ? asked : "no call");
}

static void expect_resolved(struct cases *c, const struct section *s)
{
    cases_expect_lines(c, "needs and prompts", s->text, aigw_testhost_resolved(c->th));
}

const struct case_section cases_feature[] = {
    { "model", "", CASES_FEATURE, set_model,
      "what model_resolve() answers: {\"name\":\"m\",\"families\":[\"gpt\"],…}, or "
      "{\"error\":\"no_model\",\"message\":\"…\"}" },
    { "prompt", "<id>", CASES_FEATURE, set_prompt,
      "a prompt: lines \"system: …\", \"user: …\", \"assistant: …\", in Mustache" },
    { "prompts", "", CASES_FEATURE, set_prompts, "a folder of prompt definitions, beside the case file" },
    { "conf", "", CASES_FEATURE, set_conf,
      "conf.d text with models, families, prefixes and core settings, in place of \"model\"; the feature's own model "
      "is \"test\", the scripted model's provider \"script\"" },
    { "script", "[<model>]", CASES_FEATURE, set_script,
      "what the model, or the target of that name, says from now on, in lines of events; \"wait 500\" is a pause in "
      "ms, an error first a refusal" },
    { "scopes", "", CASES_FEATURE, set_scopes,
      "the caller's scopes, separated by blanks; \"*\" (the default) is every one" },
    { "flags", "", CASES_FEATURE, set_flags, "the feature flags that are on, separated by blanks" },
    { "caller", "", CASES_FEATURE, set_caller,
      "who asks: lines issuer=, subject=, realm=, instance_id=, instance_uid=, global_user_id=, seat_count=, "
      "extra_claims=, token=user|bypass|anonymous|none" },
    { "verbose", "", CASES_FEATURE, set_verbose, "true: the caller may see details (AIGW_REQUESTF_VERBOSE)" },
    { "core", "", CASES_FEATURE, set_core, "answers of host->setting(): path=value lines" },
    { "leave", "", CASES_FEATURE, set_leave, "the client leaves after so many stream writes; 0: it stays" },
    { "send", "<METHOD> <path>", CASES_FEATURE, do_send, "a request: header lines, an empty line, the body" },
    { "refuse", "<kind> <METHOD> <path>", CASES_FEATURE, do_refuse,
      "let refuse() say a refusal: token, scope, too_large, limit, timeout, internal, keys, model, invalid, encoding, "
      "path, method" },
    { "status", "", CASES_FEATURE | CASES_ASKED, expect_status, "the status that the client got" },
    { "type", "", CASES_FEATURE | CASES_ASKED, expect_type, "the content type that the client got" },
    { "answer-headers", "", CASES_FEATURE | CASES_ASKED, expect_answer_headers,
      "lines among the headers that the client got" },
    { "answer-body", "", CASES_FEATURE | CASES_ASKED, expect_answer_body, "the body that the client got" },
    { "writes", "", CASES_FEATURE | CASES_ASKED, expect_writes, "the number of stream writes" },
    { "state", "", CASES_FEATURE | CASES_ASKED, expect_state,
      "complete, aborted (broken off: what the core does with an answer that was never ended), none" },
    { "asked", "[<n>]", CASES_FEATURE | CASES_ASKED, expect_asked,
      "the last model request, or the n-th from 0; empty: there was none" },
    { "resolved", "", CASES_FEATURE | CASES_ASKED, expect_resolved, "lines among the needs and prompts asked for" },
    { 0 },
};
