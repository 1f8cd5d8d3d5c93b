/* client_api.h - what the inbound APIs share, whatever their dialect: which model a client means, how an answer begins,
 * what is said while the model is silent. Compiled into each of them.
 */
#ifndef FEATURE_CLIENT_API_H
#define FEATURE_CLIENT_API_H

#include <aigw/sdk.h>

#include <stdbool.h>
#include <string.h>

#define CLIENT_BODY_MAX    ((int64_t)32 << 20) /* bytes of a request: images and documents travel inside (D50) */
#define CLIENT_ANSWER_MAX  ((size_t)64 << 20)  /* bytes of an answer that is not a stream */
#define CLIENT_SILENCE_MS  15000               /* then a heartbeat: proxies in between give up at 30 s and more */
#define CLIENT_DROPPED_MAX 1024                /* bytes of x-aigw-dropped */
#define CLIENT_ID_SIZE     48

/** What all of them are told in conf.d; the first member of their state behind the host. */
struct client_settings {
    struct aigw_list aliases;
    int32_t strict;           /* nothing is left out: a target that cannot take all of it refuses */
    const char *report_model; /* "client" or "target": whose name for the model is in answers */
};
#define CLIENT_SETTINGS(state, member) \
    { .name = "aliases", \
      .type = AIGW_SET_LIST, \
      .offset = offsetof(state, member.aliases), \
      .help = \
          "Other names for models of `models`: \"name = model\" or \"name* = model\". The first that fits decides." }, \
        { .name = "strict", \
          .type = AIGW_SET_BOOL, \
          .offset = offsetof(state, member.strict), \
          .default_value = "false", \
          .help = \
              "Refuse what a model cannot take, with 400 and its name, instead of leaving it out and saying so in " \
              "x-aigw-dropped." }, \
    { \
        .name = "report_model", .type = AIGW_SET_STRING, .offset = offsetof(state, member.report_model), \
        .default_value = "client", .choices = "client|target", \
        .help = "Whose name for the model is in answers: the one that the client asked for, or the one that the " \
                "target's server knows." \
    }

static inline bool client_reports_target(const struct client_settings *settings)
{
    return settings->report_model && settings->report_model[0] == 't';
}
/** AIGW_REQF_* that the settings add to each request. */
static inline uint32_t client_flags(const struct client_settings *settings)
{
    return settings->strict ? AIGW_REQF_STRICT : 0;
}

/** What clients of one API ask for and nobody serves: `claim_path` and all below it (AIGW_ROUTEF_CLAIM). callers: 0 for
 * API keys alone. */
#define CLIENT_CLAIM(claim_path, claim_group, claim_callers, claim_tag, claim_key) \
    { \
        .method = "*", .path = (claim_path), .tag = (claim_tag), .flags = AIGW_ROUTEF_CLAIM, .category = "client_api", \
        .summary = "Not served", .group = (claim_group), .callers = AIGW_CALLER_KEY | (claim_callers), \
        .key_first = (claim_key) \
    }
#define CLIENT_NO_OPENAI_PATH \
    "no such path: this gateway serves /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings and " \
    "/v1/models; a base URL ends with /v1"
#define CLIENT_NO_ANTHROPIC_PATH \
    "no such path: this gateway serves /v1/messages, /v1/messages/count_tokens and /v1/models; a base URL ends " \
    "without " \
    "/v1"
#define CLIENT_NO_GEMINI_PATH \
    "no such path: this gateway serves generateContent, streamGenerateContent, countTokens, embedContent and " \
    "batchEmbedContents of /v1beta/models/{model}, and /v1beta/models; a base URL ends without a version"
/** What a refusal says to people: what the core knows precisely, or of a path that is not served which ones are. */
static inline aigw_str client_refusal_text(const struct aigw_refusal *refusal, const char *served)
{
    if (refusal->kind == AIGW_REFUSE_PATH)
        return (aigw_str){ served, strlen(served) };
    return refusal->detail.len > 0 ? refusal->detail : refusal->message;
}

/** The name in `models` that the client's word leads to: by the first entry of `aliases` that fits ("name = model",
 *  "name* = model"), else the word itself. Borrowed from either. */
aigw_str client_model(const struct aigw_list *aliases, aigw_str word);
/** AIGW_E_CONFIG, with the entry, when one of the list has no "=". */
aigw_status client_check_aliases(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_list *aliases);

/** Tokens of a body of that many bytes, more or less: a token is four bytes, and some more so that nobody relies on the
 *  last one. */
static inline int64_t client_estimate(size_t body_len)
{
    return (int64_t)(body_len / 4 + body_len / 40) + 1;
}

/** A copy for the request's life: the body goes when the model has it. False without memory. */
bool client_keep(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret);
/** `prefix` and 24 random letters and digits. False without randomness. */
bool client_make_id(const struct aigw_host *host, struct aigw_ctx *ctx, const char *prefix,
                    char ret_id[CLIENT_ID_SIZE]);

/** What a client calls a parameter that the canonical form calls otherwise. A list of them ends with NULLs. */
struct client_word {
    const char *canonical, *word;
};

/** How clients of a dialect read what quotas have left: names of headers, for requests and for tokens. */
struct client_rates {
    const char *limit[2], *remaining[2], *reset[2];
    bool has_date; /* reset is a moment, 2026-12-01T00:00:00Z; else the time until then, "6m0s" */
};

/** An answer under way. Zeroed, then client_answer_begin(). Part of a call's state. */
struct client_answer {
    const struct aigw_host *host;
    aigw_str request_id;  /* header request-id, beside the core's x-request-id: some SDKs look for that one */
    struct aigw_buf *buf; /* bytes that wait to be sent: the dialect's writer appends here */
    bool is_stream, has_begun, is_raw;
    bool is_list; /* the caller's: the stream is a JSON list */
    aigw_str
        model; /* the caller's: what the client calls the model, put into answers that pass as they are; or absent */
    const struct client_rates *rates; /* the caller's; NULL: this dialect has none */
    const struct client_word *words;  /* the caller's: how its dialect spells what is dropped; NULL: as we do */
    const struct client_word *said;   /* the caller's: words of this one client, before those; or NULL */
    struct aigw_timer *silence;
    int64_t said_ms;                                 /* when the client got something last */
    bool is_watched;                                 /* the timer is set */
    void (*heartbeat)(struct client_answer *answer); /* appends one to buf; NULL: this dialect has none */
    char *dropped;                                   /* made when something is: CLIENT_DROPPED_MAX bytes */
    uint32_t dropped_len;
};

/** AIGW_E_NOMEM without a buffer. */
aigw_status client_answer_begin(struct client_answer *answer, const struct aigw_host *host, struct aigw_ctx *ctx,
                                bool is_stream, void (*heartbeat)(struct client_answer *answer));
/** AIGW_EVENT_DROPPED: for the header x-aigw-dropped, in the client's spelling, before the answer began. */
void client_answer_dropped(struct client_answer *answer, struct aigw_ctx *ctx, aigw_str name);
/** The same for what the reader of its dialect left out, as `vendor` alone understands it: by the client's own names.
 * AIGW_E_UNSUPPORTED when nothing may be. */
aigw_status client_answer_left_out(struct client_answer *answer, struct aigw_ctx *ctx,
                                   const struct client_settings *settings, const aigw_str *names, uint32_t count,
                                   const char *vendor);
/** Of a failure whose words begin with names of parameters, "a, b: …": the same in the client's spelling. Memory of the
 *  request's life, or the words themselves. */
aigw_str client_respell(const struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_error *error);
/** The first of those names, for dialects whose errors have a place for it; absent when the words begin with none. */
aigw_str client_param(const struct aigw_error *error, aigw_str respelled);
/** A stream's head, once; nothing for whole answers. */
aigw_status client_answer_start(struct client_answer *answer, struct aigw_ctx *ctx);
/** A stream: send what waits in buf. */
aigw_status client_answer_flush(struct client_answer *answer, struct aigw_ctx *ctx);
/** The events that are alike in all dialects: START, WAITING, DROPPED, RAW. True when this was one of them. */
bool client_answer_takes(struct client_answer *answer, struct aigw_ctx *ctx, const struct aigw_event *event,
                         aigw_status *ret_status);
/** It is complete: the rest of the stream, or the whole answer with status 200. */
aigw_status client_answer_end(struct client_answer *answer, struct aigw_ctx *ctx);
/** Instead of an answer: what is in buf, with that status. retry: AIGW_YES, AIGW_NO or AIGW_UNSET, for x-should-retry;
 *  retry_after_ms -1: none. */
aigw_status client_answer_refuse(struct client_answer *answer, struct aigw_ctx *ctx, uint32_t status, uint32_t retry,
                                 int64_t retry_after_ms);

#endif
