/* duo_chat.h - state of the plugin and of one request; what its files share. */
#ifndef DUO_CHAT_H
#define DUO_CHAT_H

#include <string.h>

#include <aigw/sdk.h>

#include "agent_body.h"
#include "legacy_body.h"
#include "react.h"

/** One configured instance. Read-only after open(). */
struct duo_chat {
    const struct aigw_host *host;
    const char *prompt, *turn_prompt;
    int64_t heartbeat_ms, answer_max;
};

/* Where the client's answer is. */
enum chat_reply { CHAT_REPLY_NONE, CHAT_REPLY_OPEN, CHAT_REPLY_OVER };

/** What the model server counted; -1: it did not say. */
struct chat_usage {
    int64_t input, output;
};

/* ---- POST /v2/chat/agent ---- */

/** The conversation, sorted. Points into the request: lives for the build. */
struct chat_talk {
    const struct chat_message *messages;
    size_t last;                        /* index of the question */
    const struct aigw_body_list *steps; /* tools that were run for it, or NULL: of struct chat_step */
};

struct chat_agent {
    const struct duo_chat *chat; /* for the timer */
    struct chat_request request; /* lives for the build */
    struct chat_talk talk;       /* likewise */
    uint32_t tools;              /* offered: chat_tools_offered() */
    const struct aigw_model_info *model;
    aigw_str upstream_name; /* what the model server calls the model */
    struct aigw_call *handle;
    enum chat_reply reply;
    struct react react;
    struct aigw_buf *line; /* one NDJSON line, made again and again */
    struct aigw_timer *timer;
    bool did_write; /* since the last heartbeat */
    struct chat_usage usage;
    uint32_t finish;        /* AIGW_FINISH_* */
    aigw_str finish_reason; /* the server's word; lives as the request */
};

aigw_status chat_agent_check(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_request *request);
aigw_status chat_agent_run(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent);
aigw_status chat_agent_build(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_model_info *target, struct aigw_model_request *req);
aigw_status chat_agent_event(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                             const struct aigw_event *event);

/** Render the conversation for a target: system text, earlier turns, the question, what was found out so far. */
aigw_status chat_agent_render(struct aigw_ctx *ctx, const struct duo_chat *chat, const struct chat_agent *agent,
                              const struct aigw_model_info *target, struct aigw_prompt *ret_prompt);

/* The lines of the answer: agent_lines.c. Each writes one JSON object and a line feed. */
aigw_status chat_line_delta(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str text,
                            aigw_str finish_reason);
aigw_status chat_line_action(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str tool,
                             const struct react_step *step);
aigw_status chat_line_unknown(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                              aigw_str text);
aigw_status chat_line_error(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                            aigw_str message, bool is_retryable);
aigw_status chat_line_usage(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent);

/* ---- POST /v1/chat/{chat_invokable} ---- */

struct chat_legacy {
    struct chat_legacy_request request;
    const struct aigw_model_info *model;
    struct aigw_call *handle;
    enum chat_reply reply;
    struct aigw_buf *text; /* the answer, or NULL while it is passed on as it comes */
    size_t text_len;
    bool is_vendor;          /* no self-hosted model: its failures are told in this route's old words */
    aigw_str provider, name; /* echoed; live as the request. ptr NULL: null */
    bool is_stream;
};

aigw_status chat_legacy_check(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_request *request);
aigw_status chat_legacy_run(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                            const struct aigw_request *request);
aigw_status chat_legacy_build(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_model_info *target, struct aigw_model_request *req);
aigw_status chat_legacy_event(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_legacy *legacy,
                              const struct aigw_event *event);

/* ---- both ---- */

/** One request. Zeroed by the core; the route's tag says which. */
struct chat_call {
    uint32_t tag;
    union {
        struct chat_agent agent;
        struct chat_legacy legacy;
    } of;
};
#define CHAT_TAG_AGENT  1u
#define CHAT_TAG_LEGACY 2u

/** Read the body by the table; answers 422 when it is wrong. */
aigw_status chat_check_body(const struct duo_chat *chat, struct aigw_ctx *ctx, const struct aigw_request *request,
                            const struct aigw_body_table *table, void *ret);
/** The operator ends the core right to chat, and the caller has no other: 403 was answered. */
bool chat_is_cut_off(const struct duo_chat *chat, struct aigw_ctx *ctx);
/** A number setting of the core; `otherwise` when there is none. */
int64_t chat_core_number(const struct duo_chat *chat, struct aigw_ctx *ctx, const char *path, int64_t otherwise);
/** A copy for the life of the request. */
aigw_status chat_keep(const struct duo_chat *chat, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret);

static inline bool chat_str_is(aigw_str s, const char *text)
{
    size_t len = strlen(text);

    return s.len == len && (!len || memcmp(s.ptr, text, len) == 0);
}

#endif
