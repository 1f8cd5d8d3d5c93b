/* wire.h - what the dialects and the providers share: writing JSON bodies, addresses, pass-through, words of refusals,
 * and the rules that hang on a model's name. No state. Reading is read.h's. */
#ifndef PROVIDER_WIRE_H
#define PROVIDER_WIRE_H

#include <aigw/sdk.h>
#include <stdbool.h>

/* ---- text --------------------------------------------------------------------------------------------------- */

aigw_str wire_str(const char *text);
bool wire_is(aigw_str s, const char *literal);
bool wire_same(aigw_str a, aigw_str b);
bool wire_has_prefix(aigw_str s, const char *prefix);
bool wire_has_suffix(aigw_str s, const char *suffix);
/** ASCII case-insensitive search. */
bool wire_contains(aigw_str s, const char *needle);
/** Both texts as one, NUL-terminated; lives for the build. NULL without memory. */
const char *wire_join(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str a, aigw_str b);
/** The text ends where its trailing blanks begin. */
aigw_str wire_trim_end(aigw_str s);
bool wire_is_blank(aigw_str s);
/** Visible ASCII and spaces only: may stand in a header value. */
bool wire_is_header_value(aigw_str s);

/* ---- writing ------------------------------------------------------------------------------------------------ */

#define WIRE_BODY_MAX ((size_t)64 * 1024 * 1024)
#define WIRE_KEYS_MAX 96

/** Parameters that the target cannot take, kept until the first answer came. Zeroed: empty. */
struct wire_drop;
struct wire_drops {
    struct wire_drop *first, *last;
    aigw_status status; /* of the noting; look once */
};
#define WIRE_DROPS_MAX 64u /* more names than a header has room for */
/** Note one; the name is copied. A name counts once; beyond the maximum they are not told. */
void wire_drop(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops, aigw_str name);
/** What the noting came to, when all is written: AIGW_E_UNSUPPORTED, with the names, when something was noted for a
 *  request from which nothing may be left out. who: "the Mistral API". */
aigw_status wire_settle_drops(const struct aigw_host *host, struct aigw_ctx *ctx, const struct wire_drops *drops,
                              const struct aigw_model_request *req, const char *who);
/** AIGW_E_UNSUPPORTED: `who` ("the Mistral API") has no `what`. The words begin with the canonical name of the
 * parameter, as those of wire_settle_drops() do: clients hear it in their own spelling. */
aigw_status wire_lacks(const struct aigw_host *host, struct aigw_ctx *ctx, const char *param, const char *who,
                       const char *what);
/** AIGW_E_UNSUPPORTED: the tool that must be called is none that the model hears of. */
aigw_status wire_lacks_tool(const struct aigw_host *host, struct aigw_ctx *ctx);
/** AIGW_E_UNSUPPORTED: the part is a file that another vendor holds, whose number means nothing here. family: what the
 *  names of our own dialects begin with. */
aigw_status wire_check_file(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_part *part,
                            const char *family);
/** AIGW_E_UNSUPPORTED: a client's conversation ends with words put into the assistant's mouth, which the model does not
 *  take. Prompts of our own are told to the model in other words instead. */
aigw_status wire_check_prefill(const struct aigw_host *host, struct aigw_ctx *ctx,
                               const struct aigw_model_request *req);
/** Safety settings of Gemini's form that ask for less than any server does by itself: to leave them out changes
 *  nothing. */
bool wire_is_lenient(aigw_str safety_settings);
/** AIGW_EVENT_DROPPED for each, once. wire_emit() does so in time. */
aigw_status wire_emit_drops(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops);

/** A JSON object under construction. Remembers its keys so that merged members never repeat one. */
struct wire_body {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_buf *buf;
    const char *keys[WIRE_KEYS_MAX];
    uint32_t key_count;
};
/** Begin with '{'. AIGW_E_NOMEM without a buffer. */
aigw_status wire_begin(struct wire_body *body, const struct aigw_host *host, struct aigw_ctx *ctx);
void wire_put(struct wire_body *body, aigw_str bytes);
void wire_puts(struct wire_body *body, const char *text);
/** Comma if needed, "key":  (key is a literal). The caller writes the value. */
void wire_key(struct wire_body *body, const char *key);
void wire_string(struct wire_body *body, const char *key, aigw_str value);
void wire_int(struct wire_body *body, const char *key, int64_t value);
/** Left out when not finite. */
void wire_double(struct wire_body *body, const char *key, double value);
/** Members of a JSON object's text, but for keys already written and those in `reserved` (NULL-ended), which go to
 *  `drops` (NULL: without a word). AIGW_E_INVALID when it is none; absent text is fine. AIGW_E_LIMIT beyond
 *  WIRE_KEYS_MAX keys. */
aigw_status wire_members(struct wire_body *body, aigw_str object, const char *const *reserved,
                         struct wire_drops *drops);
/** True when the body has that member, or must not get it from elsewhere. */
bool wire_has_key(const struct wire_body *body, const char *const *reserved, const char *key);
/** Comma and the members of `object`, JSON object text, as they stand, into an object that has members already.
 *  AIGW_E_INVALID when it is no object. Absent text is fine. */
aigw_status wire_splice(struct wire_body *body, aigw_str object);
/** What another dialect's spelling says: its members are left out, each with its name in `drops`. AIGW_E_INVALID when
 * it is no object. Absent text is fine. */
aigw_status wire_drop_members(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                              aigw_str object);
/** Instructions, whatever the server calls them. */
bool wire_is_system(const struct aigw_message *msg);
/** Text, and nothing but. */
bool wire_is_textual(const struct aigw_part *part);
/** Is one of this type among them? */
bool wire_has_part(const struct aigw_part *parts, uint32_t type);
/** What a dialect says of a tool besides, for a server of another one: unknown members are named. Those that only save
 *  time or money are not, nor examples. */
void wire_drop_tool_extra(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                          const struct aigw_tool *tool);
/** Does this OPAQUE part go into the request? Only where its vendor reads it: what one vendor alone understands means
 *  nothing to another. It is left out then, and named by its type. */
bool wire_takes_item(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                     const struct aigw_part *part, bool is_ours);
/** True when the client lets the model call the tool of that name; NULL: all of them. */
bool wire_is_allowed(const struct aigw_params *params, aigw_str name);
/** The parameters of OpenAI's kind that Claude's dialects do not have: seed, penalties, min_p, logit_bias and the like.
 */
void wire_drop_openai_params(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_drops *drops,
                             const struct aigw_params *params);
/** AIGW_E_UNSUPPORTED, with the id: a call has no result before the assistant speaks again, or a result no call. */
aigw_status wire_check_history(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_message *messages);
/** Results that somebody's words part from their calls, or another turn, move behind them, as servers want it.
 *  may_come_first: they may even stand before them. The lists are a reader's; AIGW_E_UNSUPPORTED, with the id, of one
 * that has no call. */
aigw_status wire_place_results(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_message **messages,
                               bool may_come_first);
/** What a kind of part is called in words about it: "image", "document", "audio"; the APIs spell it as their clients
 * do. */
const char *wire_part_word(uint32_t part_type);
/** AIGW_E_UNSUPPORTED: "audio: <whose> has no <what>". */
aigw_status wire_no_part(const struct aigw_host *host, struct aigw_ctx *ctx, const char *whose, const char *what,
                         uint32_t part_type);
/** A copy that lives as long as the request; absent for an empty text. AIGW_E_NOMEM. */
aigw_status wire_keep(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret);
/** Close with '}' and hand the text out. */
aigw_status wire_end(struct wire_body *body, aigw_str *ret_text);

/** True when text is one complete JSON object (or list): it may be put into a body as it stands. */
bool wire_is_json_object(aigw_str text);
bool wire_is_json_list(aigw_str text);
/** True when text consists of base64 characters only, of either alphabet. */
bool wire_is_base64(aigw_str text);
/** Base64 as every server takes it: the usual alphabet, padded, in one line. Clients send others (Google's for Python
 *  the URL's alphabet, some line ends). The same text when it is so already; else one that lives for the build.
 *  AIGW_E_INVALID when it is none; AIGW_E_NOMEM. */
aigw_status wire_usual_base64(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str *text);
/** Tools that a request may allow by name: each tool is looked for among them. */
#define WIRE_ALLOWED_MAX 1024u
/** True for "image/png" and the like. */
bool wire_is_media_type(aigw_str text);
/** A media type as every server takes it: in small letters, image/jpeg for what people call image/jpg. The same text
 * when it is so already; else one that lives for the build. AIGW_E_NOMEM. */
aigw_status wire_usual_media_type(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str *text);
/** "data:image/png;base64,…" into its two parts. */
bool wire_split_data_url(aigw_str url, aigw_str *ret_type, aigw_str *ret_data);
/** Bytes of base64 text into `out`, of which there are fewer than characters. False when it is none. */
bool wire_read_base64(aigw_str text, char *out, size_t *ret_len);
/** Bytes of base64 text; lives for the build. Absent when it is none or memory ran out. */
aigw_str wire_from_base64(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text);

/* ---- where to ----------------------------------------------------------------------------------------------- */

/** URL of `path` at the server that `base` names: in front of a query, no slash doubled, "/v1" never twice. People
 * paste whole URLs: the longest ending among `path` and `tails` (NULL-ended) is taken off first. Lives for the build.
 */
const char *wire_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, const char *path,
                     const char *const *tails);
/** Append text, all but letters, digits and the signs of `plain` (WIRE_PLAIN: as one part of a path or a query) as %XX.
 */
void wire_put_encoded(const struct aigw_host *host, struct aigw_buf *out, aigw_str text, const char *plain);
#define WIRE_PLAIN "-_.~"
/** The part before the query, without slashes at its end. *ret_query: from the ? on, without a fragment. */
aigw_str wire_url_split(aigw_str base, aigw_str *ret_query);
/** Between scheme and path, without a port; absent without a scheme. */
aigw_str wire_url_host(aigw_str url);
/** True when the path of `base` ends so. */
bool wire_url_ends(aigw_str base, const char *tail);
/** True when it has no path. */
bool wire_url_is_bare(aigw_str url);
/** True when a part of its path is a version: /v1, /v1beta, /v4. */
bool wire_url_has_version(aigw_str url);

/* ---- pass-through ------------------------------------------------------------------------------------------- */

/** The client's body with `model` in the place of its own model's name, and `insert` (members with their comma, may be
 *  "") behind the opening brace. */
aigw_status wire_raw_body(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                          aigw_str model, const char *insert, aigw_str *ret_body);
/** Method and URL of bytes that name their path, below the server that `base` names; both queries are kept. `tails` as
 * in wire_url(). `is_version`: a base with a path of its own stands for the "/v1" that the path begins with.
 *  AIGW_E_INVALID for a path that leads elsewhere. */
aigw_status wire_raw_at(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw, aigw_str base,
                        const char *const *tails, bool is_version, struct aigw_http_request *ret_http);
/** The same for bases as OpenAI's API has them. */
aigw_status wire_raw_place(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                           aigw_str base, struct aigw_http_request *ret_http);
/** True when that path, without its query, ends so. */
bool wire_raw_path_ends(const struct aigw_raw *raw, const char *tail);
/** A header of the request that the dialect lets through, in any case; absent when it is not there. */
aigw_str wire_raw_header(const struct aigw_raw *raw, const char *name);
/** The headers that the dialect lets through as lines, but for those in `ours` (NULL-ended), which the provider writes
 *  itself. At most `max` more are put behind the *count that are there. */
aigw_status wire_raw_headers(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                             const char *const *ours, const char **headers, uint32_t *count, uint32_t max);
/** The server answers in another form than the client asked for (flags of its raw request), and the feature takes
 *  events as well: nothing is passed on then. */
static inline bool wire_is_other_form(uint32_t raw_flags, const struct aigw_frame *frame)
{
    bool is_stream = raw_flags & AIGW_RAWF_STREAM;

    return (raw_flags & AIGW_RAWF_EVENTS) && (frame->framing == AIGW_FRAMING_BODY) == is_stream;
}
/** While one frame is read: what the client still has to get of it. */
struct wire_pass {
    struct aigw_buf *buf;           /* NULL: nothing is passed through */
    const struct aigw_frame *frame; /* NULL: it has it already, or is not to have it */
    struct wire_drops *drops;       /* said before the first event that is no error */
    bool has_content;               /* something of the answer itself is in the frame */
    bool is_bare;                   /* clients of this dialect know nothing but data lines, an event each */
    aigw_str event;                 /* its name, where the frame says none and the dialect's clients look for one */
    aigw_str model; /* where in the frame the model's name stands, with its quotes, once that is known */
};
/** Emit, unless the client gets the bytes themselves: then only usage, finish and error are said, behind the bytes. */
aigw_status wire_emit(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass,
                      const struct aigw_event *event);
/** Hand the frame's bytes to the client, as it would have got them, once. */
aigw_status wire_pass(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass);
/** A frame with several values: clients know no such thing, each of them goes out as an event of its own. */
struct wire_parts {
    const struct aigw_frame *whole;
    struct aigw_frame one; /* what the client has to get now */
};
/** Of the frame at hand; must not move while one is taken. */
static inline struct wire_parts wire_parts_of(const struct wire_pass *pass)
{
    return (struct wire_parts){ .whole = pass->frame };
}
/** The value from `from` on, with `rest` behind it, is what is passed next; all of it when there is no other. */
void wire_take_part(struct wire_pass *pass, struct wire_parts *parts, aigw_str from, aigw_str rest);
/** A tool call's id that fits servers which take letters, digits, _ and - only: the id itself, or one that is made of
 *  it, the same each time. Absent without memory. */
aigw_str wire_tool_id(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str id);

/* ---- words  ------------------------------------------------------------------------------------------------ */

aigw_str wire_skip_blanks(aigw_str s);
/** The same word, whatever its case and the signs between its parts: "MAX_TOKENS", "maxTokens". */
bool wire_same_word(aigw_str word, const char *literal);
/** "error: words", "[ERROR] words", "RuntimeError: words": what stands behind it. */
bool wire_is_error_line(aigw_str text, aigw_str *ret_words);
/** "error", "stream_error", "exception", "error.x", "failed", "aborted": the name of an event that is a failure,
 * whatever its data. */
bool wire_is_error_event(aigw_str name);
/** Something that only keeps the connection alive: no data, or a word for it as data or as the event's name. */
bool wire_is_heartbeat(aigw_str name, aigw_str data);
/** The end marker of a stream: [DONE], in any case, or as a JSON string. */
bool wire_is_end_marker(aigw_str text);

/** Copy a server's words for clients: at most 600 bytes, control characters as spaces, whole UTF-8 characters. */
aigw_str wire_words(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text);

/* Events. What emit() answered. */
aigw_status wire_emit_text(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t type, aigw_str text);
aigw_status wire_emit_finish(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t finish, aigw_str word);
aigw_status wire_emit_error(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_error *error);

/** True when a refusal's words say that the prompt does not fit the model's window. */
bool wire_says_too_long(aigw_str words);

/* ---- rules by model name (features-and-models, chat path) ---------------------------------------------------- */

/** OpenAI's models from gpt-5 on and o-series: max_completion_tokens, no sampling parameters, no stop. */
bool wire_model_is_reasoning(aigw_str model);
/** Claude models that refuse `temperature`. */
bool wire_model_drops_temperature(aigw_str model);
/** Claude models that refuse a trailing assistant message. */
bool wire_model_refuses_prefill(aigw_str model);
/** Models whose templates want continue_final_message for a trailing assistant message. */
bool wire_model_wants_continue(aigw_str model);
/** What a prefill becomes for a model that refuses it: this, then the text, as a user turn. */
#define WIRE_PREFILL_PREFIX "[The assistant's answer so far]: "

/** "auto", "on", "off" against what auto means. */
bool wire_switch(const char *setting, bool automatic);

#endif
