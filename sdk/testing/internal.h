/* internal.h - shared by the files of the test host only.
 *
 * The test host links the core: its router, its requests and calls with their state machines, its mapping of failures
 * to answers, its prompts. Only the edges are its own, found by the linker before the core's:
 *
 *     loop.c           the event loop, whose clock jumps
 *     edge_http.c      the client
 *     edge_upstream.c  the model server
 *     edge_auth.c      who asks
 *
 * In between, core.c makes the configuration, host.c looks over the plugin's shoulder at every function it calls,
 * watch.c at every callback, and script.c is the model that features talk to.
 */
#ifndef TESTHOST_INTERNAL_H
#define TESTHOST_INTERNAL_H

#include <aigw/testing.h>

#include "pipeline/request.h"
#include "plugin/abi.h"
#include "plugin/ctx.h"

struct json_object;
struct testhost_credential;

/* How much longer than ours a plugin's struct may be: a newer SDK's. */
#define TESTHOST_GROWTH_MAX 1024u
#define TESTHOST_CHOICES    16 /* of which events are looked at */

/* Longest time of a callback on the loop, be it at work or waiting. */
#define TESTHOST_CALLBACK_MAX_US 10000

/** A prompt by its id, or what a model says by its name; the newest of one name is first. */
struct testhost_prompt {
    struct testhost_prompt *next;
    const char *id, *text;
};

/** The answer to a request of credential(). */
struct testhost_server_answer {
    struct testhost_server_answer *next;
    int32_t status;
    aigw_str body;
};

struct testhost_exchange {
    struct gw_exchange base; /* first: the pipeline sees its address */
    struct aigw_testhost *th;
    struct gw_task leave;
};

struct aigw_testhost {
    /* the plugin, and what the core makes of its instance */
    struct gw_arena arena;
    struct gw_plugin *loaded;
    bool is_borrowed;        /* whoever loaded it unloads it */
    struct gw_plugin plugin; /* the same with the callbacks that are watched */
    struct gw_plugin script; /* the model that features talk to */
    struct gw_instance instance, script_instance;
    struct gw_meter meter;          /* of the instance: hears what the core finds */
    unsigned fault_serial;          /* of the callback that the last fault was found in */
    struct gw_arena instance_arena; /* what open() took: gone before the plugin is */
    struct aigw_ctx instance_ctx;
    struct aigw_host host;
    void *state;
    struct gw_plugins plugins;
    struct gw_snapshot snapshot;
    bool is_configured;
    struct gw_server server;
    struct gw_worker worker;
    struct gw_loop *loop;

    /* what the test configured */
    struct gw_arena setup_arena;
    struct json_object *model;
    struct testhost_prompt *prompts, *scripts;
    const char *prompt_dir, *inline_dir, *conf;
    const char *scopes, *flags, *settings, *caller, *server_headers;
    bool is_verbose;
    uint32_t leave_after, emit_max;
    size_t growth; /* bytes that the structs of requests are longer than ours */
    struct testhost_credential *credentials;
    struct testhost_server_answer *credential_answers;

    /* the call or request at hand */
    struct gw_arena sent_arena; /* what went out, the answer, errors: until the next one begins */
    struct gw_buf events, said, notes, faults, body, answer_headers, asked, resolved;
    const char *error;
    aigw_status status; /* what request(), or the last of check() and run(), answered */

    /* provider side */
    struct gw_arena call_arena;
    struct aigw_call *call;
    const struct aigw_model_request *request;
    struct aigw_http_request http;
    struct gw_transfer *transfer;
    struct aigw_error failure;
    const char *fetching; /* the credential whose requests go out now */
    bool did_describe, is_over, may_emit;
    aigw_status emit_status; /* what emit() answered last in the callback at hand */
    aigw_status callback;    /* what the last callback answered */
    uint32_t emit_left;
    uint32_t finished;                /* a bit per choice */
    uint32_t tools[TESTHOST_CHOICES]; /* tool calls begun in each choice */

    /* since it was opened */
    const char *slowest; /* the callback that took longest, NULL before the first */
    int64_t slowest_us;
    uint64_t callback_count, slow_count;

    /* feature side */
    struct testhost_exchange exchange;
    const char *headers; /* of the request at hand */
    struct aigw_testhost_answer answer;
};

/* host.c */
/** The table that the plugin gets. */
void testhost_make_host(struct aigw_testhost *th);
/** A rule of the headers that the plugin broke. */
void testhost_fault(struct aigw_testhost *th, const char *fmt, ...) AIGW_PRINTF(2, 3);
/** A copy that lives until the next call or request begins; NULL for NULL. */
const char *testhost_keep_answer(struct aigw_testhost *th, const char *text);
/** A copy in the memory of what the test configured; "" for NULL. */
const char *testhost_keep(struct aigw_testhost *th, const char *text);
/** Value of "name: value" or "name=value" among lines, absent if none. */
aigw_str testhost_line_value(const char *lines, const char *name, char separator);

/* open.c */
/** An instance of a plugin that is loaded, and stays so longer than the instance is open. Two of them share what is
 *  static in the plugin, as two groups of conf.d do. */
struct aigw_testhost *testhost_open_loaded(struct gw_plugin *loaded, const char *settings, char *ret_error,
                                           size_t error_size);
/** Forget what came of the last call or request. */
void testhost_clear(struct aigw_testhost *th);

/** Memory of its exact size, for AddressSanitizer. */
char *testhost_exact_copy(aigw_str text);
void testhost_free_copy(char *copy);

/* harmless.c */
#define TESTHOST_NOWHERE "http://127.0.0.1:9/v1"
const struct aigw_setting *testhost_setting_at(const struct aigw_plugin *d, uint32_t i);
/** Settings text that fills what is required, and the first URL with `url` unless it is TESTHOST_NOWHERE; `changed`, or
 *  NULL, gets `value`. */
void testhost_harmless_settings(struct gw_buf *out, const struct aigw_plugin *d, const char *url,
                                const struct aigw_setting *changed, const char *value);

/* leak.c */
/** Bytes that each round leaves allocated, 0 for none; *ret_files: files it leaves open. */
size_t testhost_find_leak(void (*round)(void *arg), void *arg, size_t *ret_files);

/* watch.c */
/** Put our own functions before the plugin's callbacks. */
void testhost_watch(struct aigw_testhost *th);

/* watch_time.c */
/** One callback at work. */
struct testhost_span {
    const char *callback;
    int64_t wall_us, cpu_us;
    long waits, disk_reads;
};
void testhost_span_begin(struct testhost_span *span, const char *callback);
void testhost_span_end(struct aigw_testhost *th, const struct testhost_span *span);
/** For a signal handler: the callback that runs now, NULL for none; *ret_serial, if given, counts callbacks. */
const char *testhost_running(unsigned *ret_serial);

/* core.c */
/** Make the configuration that the test described, unless it is made. False: aigw_testhost_error() says why. */
bool testhost_configure(struct aigw_testhost *th);
/** Something that the test configured has changed. */
void testhost_reconfigure(struct aigw_testhost *th);
void testhost_free_configuration(struct aigw_testhost *th);

/* prompts.c */
/** The folder of the prompts that the test wrote, or NULL. */
const char *testhost_write_prompts(struct aigw_testhost *th);
void testhost_remove_prompts(struct aigw_testhost *th);

/* script.c */
extern const struct aigw_plugin testhost_script;

/* caller.c */
/** False: the caller has no token. */
bool testhost_fill_principal(struct aigw_testhost *th, struct gw_arena *arena, struct aigw_principal *principal);
/** Blank-separated words as a list. */
const aigw_str *testhost_words(struct gw_arena *arena, const char *words, uint32_t *ret_count);

/* loop.c */
/** Do the next thing; let time pass up to until_ms when there is no other. awaits_post: work on another thread will
 *  post. False: nothing is left. */
bool testhost_loop_step(struct gw_loop *loop, int64_t until_ms, bool awaits_post);

/* edge_upstream.c */
/** Has the server said its status? */
bool testhost_is_accepted(const struct aigw_testhost *th);
void testhost_server_head(struct aigw_testhost *th, int status, const char *headers);
void testhost_server_data(struct aigw_testhost *th, const char *bytes, size_t len);
void testhost_server_end(struct aigw_testhost *th, int status);

/* provider.c */
/** aigw_testhost_request_json() with something in the request changed. */
aigw_status testhost_request_changed(struct aigw_testhost *th, const char *json,
                                     void (*change)(struct aigw_model_request *req));
/** aigw_testhost_accept() with a status of 200 to 399. */
void testhost_accept(struct aigw_testhost *th, int status, const char *content_type);
void testhost_end_call(struct aigw_testhost *th);
/** The value that the test gave, NULL if none. */
const char *testhost_known_credential(const struct aigw_testhost *th, const char *name);

/* transcript.c */
void testhost_write_event(struct gw_buf *out, const struct aigw_event *event);
const char *testhost_error_name(uint32_t kind);
const char *testhost_part_name(uint32_t type);
/** AIGW_PART_*, or -1. */
int testhost_part_type(aigw_str name);
/** Index in the table of names, or -1. */
int testhost_error_kind(aigw_str name);
/** Read one line. Strings in arena. AIGW_E_INVALID: not a line of a transcript. */
aigw_status testhost_read_event(struct gw_arena *arena, aigw_str line, struct aigw_event *ret_event);
/** Cut the next line off *rest, without its line feed. */
aigw_str testhost_next_line(aigw_str *rest);

/* canon_read.c, canon_write.c */
/** Build request and target from JSON text, in memory that goes with the arena; structs are `growth` bytes longer than
 *  ours. */
aigw_status testhost_read_request(struct gw_arena *arena, const char *json, size_t growth,
                                  struct aigw_target **ret_target, struct aigw_model_request **ret_req,
                                  struct gw_err *reterr);
void testhost_write_request(struct gw_buf *out, const struct aigw_model_request *req, struct gw_buf *faults);

#endif
