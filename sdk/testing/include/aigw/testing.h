/* aigw/testing.h - run a plugin in-process, without a server and without a network.
 *
 * A test host loads one shared object through the ABI gate and is the gateway's core for it: settings, routes, requests
 * and calls with their state machines, framing, prompts, the mapping of failures. Its own are the edges: the client,
 * who asks, the model servers, and a clock that jumps as soon as nothing is left to do. Memory is handed out with exact
 * sizes and freed at the end of its lifetime, so that AddressSanitizer sees what a plugin does wrong.
 *
 * Most plugins need none of these functions: text files that `aigw-plugin test plugin.so case…` runs say the same
 * with less (see docs/plugin-authors.md, "Case files").
 *
 *     provider    open → request → feed … → end        events() says what came out
 *                              → failure               what a refusal was made of
 *     feature     open → model, prompt, script → send  answer() says what the client got
 *
 * One thread. Strings handed out live until the next call that begins a request, or until close.
 */
#ifndef AIGW_TESTING_H
#define AIGW_TESTING_H

#include <stdio.h>

#include <aigw/sdk.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aigw_testhost;

/** Load `path` and open one instance with the settings that stand in a conf.d group ("api_key = \"k\";"). NULL on
 *  failure; the reason goes to ret_error (NULL: to standard error). */
struct aigw_testhost *aigw_testhost_open(const char *path, const char *settings, char *ret_error, size_t error_size);
/** Close the instance and unload. NULL is fine. */
void aigw_testhost_close(struct aigw_testhost *th);
/** What the plugin says about itself. */
const struct aigw_plugin *aigw_testhost_descriptor(const struct aigw_testhost *th);
/** Text of the last host->fail(), "" if none. */
const char *aigw_testhost_error(const struct aigw_testhost *th);
/** What host->count(), host->annotate() and host->log() were told, a line each: `count name{a,b} 1`. */
const char *aigw_testhost_notes(const struct aigw_testhost *th);

/** Rules of the headers that the plugin broke since the call or request began, a line each; "" when none. */
const char *aigw_testhost_faults(const struct aigw_testhost *th);

/* ---- providers ---------------------------------------------------------------------------------------------- */

/** Begin a call: request() with a fresh call state. target NULL: model "test-model" at the configured place. */
aigw_status aigw_testhost_request(struct aigw_testhost *th, const struct aigw_target *target,
                                  const struct aigw_model_request *req);
/** The same from text, see docs/plugin-authors.md:
 *  {"target":{"model":"m"},"stream":true,"messages":[{"role":"user","content":"hi"}],"max_tokens":9}
 *  AIGW_E_INVALID with aigw_testhost_error() when the text itself is wrong. */
aigw_status aigw_testhost_request_json(struct aigw_testhost *th, const char *json);
/** What the provider described. */
const struct aigw_http_request *aigw_testhost_http(const struct aigw_testhost *th);
/** Value of a header it described, NULL when absent; name in any case. */
const char *aigw_testhost_http_header(const struct aigw_testhost *th, const char *name);

/** Answer with a good status. content_type decides as in the core: JSON is one frame, whatever was asked for. */
void aigw_testhost_accept(struct aigw_testhost *th, const char *content_type);
/** Bytes of a good answer, cut as you like. AIGW_DONE: the end marker came, nothing more is read. */
aigw_status aigw_testhost_feed(struct aigw_testhost *th, const char *bytes, size_t len);
/** The body ended: deliver what is held back, call done(), then END or the error "cut" as the core does. */
aigw_status aigw_testhost_end(struct aigw_testhost *th);
/** Answer with a refusal, every attempt that is made. retry_after is the header's text or NULL. Never NULL. */
const struct aigw_error *aigw_testhost_failure(struct aigw_testhost *th, int32_t status, const char *content_type,
                                               const char *retry_after, const char *body);
/** Headers of the server's answers from now on: "Name: value" lines. */
void aigw_testhost_server_headers(struct aigw_testhost *th, const char *lines);
/** A credential that host->credential() knows from now on. */
void aigw_testhost_credential(struct aigw_testhost *th, const char *name, const char *value);
/** Answer of the next request that the provider's credential() describes; they are taken in order. */
void aigw_testhost_credential_answer(struct aigw_testhost *th, int32_t status, const char *body);
/** Take so many events of each call from now on: emit() answers AIGW_E_CLOSED to more. 0: take all. */
void aigw_testhost_emit_max(struct aigw_testhost *th, uint32_t n);
/** AIGW_FRAMING_LOCAL: call produce() until it is done or limit_ms of its pauses went by; no time passes in truth.
 *  Answers the status; *ret_ms, if given, is the sum of pauses. */
aigw_status aigw_testhost_produce(struct aigw_testhost *th, int64_t limit_ms, int64_t *ret_ms);

/** Everything emitted in this call, a line each:
 *      text "Hel"                      reasoning "hm"
 *      tool 0 id="c1" name="get" "{"   embedding 0 [0.5,1]
 *      usage 12 7 cached=3             finish stop "end_turn"
 *      part_start tool_call 0 id="c1"  signature reasoning 0 origin="x" "c2ln"
 *      model id="r1" "m-2024"          text choice=1 "for the second answer"
 *      error overloaded 529 "busy"     end | cut | failed "reason" */
const char *aigw_testhost_events(const struct aigw_testhost *th);
/** The texts alone, joined. */
const char *aigw_testhost_said(const struct aigw_testhost *th);

/* ---- features ----------------------------------------------------------------------------------------------- */

/** What model_resolve() answers from now on, as JSON: {"name":"m","engine":"e","families":["gpt"],
 *  "max_context_tokens":0,"raw_completion":true,"adhoc":true,"unknown_family":true,"stream_off":true,"unescape":true}
 *  or an error: {"error":"no_model","message":"…"}. Default: {"name":"test-model","engine":"test"}. */
aigw_status aigw_testhost_model(struct aigw_testhost *th, const char *json);
/** Make prompt() know `id`, in Mustache. text is lines "role: text"; a line without "role:" goes on with the message.
 *  Without any prompt of the test every id is known: one user message that lists the variables as name=value lines. */
aigw_status aigw_testhost_prompt(struct aigw_testhost *th, const char *id, const char *text);
/** Make prompt() know the definitions of a folder like conf.d/prompts. */
void aigw_testhost_prompts(struct aigw_testhost *th, const char *folder);
/** conf.d text with `models`, `families`, `prefixes` and core settings, in place of aigw_testhost_model(). The
 * feature's model is called "test"; the provider "script" says what the test wrote. On failure aigw_testhost_error()
 * says why. */
aigw_status aigw_testhost_conf(struct aigw_testhost *th, const char *text);
/** What the model says when it is called: lines as aigw_testhost_events() writes them. START, and END after a
 *  finish, are added; an error in the first line is a refusal, before START. Default: text "scripted answer", finish
 * stop. */
aigw_status aigw_testhost_script(struct aigw_testhost *th, const char *events);
/** The same for targets with this model name alone (aigw_testhost_conf()): a fallback can be played. */
aigw_status aigw_testhost_script_of(struct aigw_testhost *th, const char *model, const char *events);
/** Scopes of the caller, separated by blanks; "*" grants all (the default). */
void aigw_testhost_scopes(struct aigw_testhost *th, const char *scopes);
/** Who asks, as "name=value" lines: issuer, subject, realm, instance_id, instance_uid, global_user_id, seat_count,
 *  extra_claims, and token=user (issued by this gateway), bypass or anonymous. What is not named keeps its default. */
aigw_status aigw_testhost_caller(struct aigw_testhost *th, const char *lines);
/** Let requests say AIGW_REQUESTF_VERBOSE. */
void aigw_testhost_verbose(struct aigw_testhost *th, int is_verbose);
/** Feature flags that the caller enabled, separated by blanks. */
void aigw_testhost_flags(struct aigw_testhost *th, const char *flags);
/** Answer of host->setting(): "path=value" lines. */
void aigw_testhost_settings(struct aigw_testhost *th, const char *lines);

/** Send a request through check(), the scope check, run() and the scripted model. headers: "Name: value" lines, may
 *  be NULL. path may carry "?query". The client leaves after client_leaves_after stream writes when that is not 0. */
aigw_status aigw_testhost_send(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                               const char *body);
/** Make the client of the next send leave after n stream writes; 0: stay. */
void aigw_testhost_leave_after(struct aigw_testhost *th, uint32_t n);

/** Let the feature say a refusal of AIGW_REFUSE_* in its own form, with refuse(). AIGW_E_UNSUPPORTED: it leaves that to
 *  the core. */
aigw_status aigw_testhost_refuse(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                                 uint32_t kind);

#define AIGW_ANSWER_NONE     0u /* nothing was answered: the client gets a 500 */
#define AIGW_ANSWER_COMPLETE 1u /* respond(), or stream_end() */
#define AIGW_ANSWER_OPEN     2u /* a stream that was never ended */
#define AIGW_ANSWER_ABORTED  3u /* stream_abort() */
struct aigw_testhost_answer {
    uint32_t state; /* AIGW_ANSWER_* */
    uint32_t status;
    uint32_t write_count; /* stream writes */
    uint32_t is_stream;
    const char *content_type;
    const char *headers; /* "Name: value" lines */
    const char *body;    /* NUL-terminated; body_len bytes */
    size_t body_len;
};
const struct aigw_testhost_answer *aigw_testhost_answer(const struct aigw_testhost *th);
/** The last model request that the feature made, in the JSON form of aigw_testhost_request_json(); NULL if none. */
const char *aigw_testhost_asked(const struct aigw_testhost *th);
/** The n-th of them, from 0; NULL if there were fewer. */
const char *aigw_testhost_asked_at(struct aigw_testhost *th, uint32_t n);
/** The need it asked model_resolve() for, and prompts with their variables, as lines; "" if none. */
const char *aigw_testhost_resolved(const struct aigw_testhost *th);

/* ---- both --------------------------------------------------------------------------------------------------- */

/** Check the rules of the headers that can be checked from outside: settings table, operations and routes; how requests
 *  with something unknown in them are answered; answers, bodies and settings that make no sense; two instances side by
 *  side, open and close again; memory and files that are not given back; callbacks that hold the loop up. They are
 *  opened with `settings`; NULL: harmless values for what is required. Findings are printed to standard error; answers
 *  how many. */
int aigw_testhost_conformance(const char *path, const char *settings);
/** Print what a plugin says about itself: version, ABI, settings, routes or framing; for the latter it is opened with
 *  `settings` as above. 0, or 1 when it cannot be loaded: the reason is on standard error. */
int aigw_testhost_info(const char *path, const char *settings, FILE *out);
/** Run a case file; findings are printed to standard error; answers how many. */
int aigw_testhost_run_cases(const char *plugin_path, const char *case_path);
/** Print the sections that a case file may have. */
void aigw_testhost_help(FILE *out);

#ifdef __cplusplus
}
#endif
#endif
