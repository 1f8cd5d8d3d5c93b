/* refusal.h - what a model server says when it refuses, before or inside an answer, in canonical terms. The shapes met
 * in the field, of which a dialect names its members and words:
 *
 *     {"error":{"message","type","code"}}                        most; "code" may be a number, the error a list of one
 *     {"error":"text","error_type"} {"errors":["text"]}          small servers
 *     {"error":{"code","message","status","details":[{"retryDelay":"3s"}]}}     Google; also as a list of one
 *     {"message"} {"detail":"text"} {"detail":[{"msg"}]}         gateways and frameworks
 *     plain text, HTML, XML                                      proxies in between
 */
#ifndef DIALECT_REFUSAL_H
#define DIALECT_REFUSAL_H

#include "read.h"
#include "wire.h"

/** A word of a server and what it means. */
struct refusal_word {
    const char *word; /* small letters, parts joined by _: however the server spells it, see wire_same_word() */
    uint32_t kind;    /* AIGW_ERR_* */
    int32_t status;   /* what the HTTP status would have been, for refusals inside an answer; 0: not known */
};

/** How a dialect refuses. Lists of names are NULL-ended; the first one that is there counts. NULL: the usual names. */
struct refusal_rules {
    const char *const *errors;   /* members of the body that hold the error: an object or its words                  */
    const char *const *messages; /* members, of the error and else of the body, with words for people                */
    const char *const *types;    /* members of the error with a word for the sort of error                           */
    const char *const *codes;    /* members of the error with an exact word, or an HTTP status as number or text     */
    const struct refusal_word *words; /* before those that many servers use */
    size_t word_count;
    const struct refusal_word
        *phrases;        /* what the words for people contain, where all else says bad request or server */
    size_t phrase_count; /* error; `word` is searched as it stands, in any case                          */
};
#define REFUSAL_TABLE(member, table) .member##s = (table), .member##_count = sizeof(table) / sizeof *(table)

/** What is told. The strings live as long as the reader and what it reads. */
struct refusal {
    aigw_str message, type, code;
    aigw_str param;         /* the member that is wrong */
    aigw_str request_id;    /* what the vendor's support asks for */
    int32_t status;         /* an HTTP status inside the body, 0 when there is none */
    int64_t retry_after_ms; /* -1 when the body asks for nothing */
};

/** An account without money: refused like a limit that no waiting lifts, whatever its kind. */
static inline bool refusal_is_quota(const struct aigw_error *error)
{
    return (error->kind == AIGW_ERR_RATE_LIMITED || error->kind == AIGW_ERR_PERMISSION) &&
           wire_contains(error->code, "insufficient_quota");
}

/** What a parsed body says; of an absent one nothing. */
void refusal_read(struct reader *r, const struct aigw_json *body, const struct refusal_rules *rules,
                  struct refusal *ret_refusal);
/** The same for words in a stream where JSON should be: perhaps JSON after all. The reader is begun here. */
void refusal_read_text(struct reader *r, aigw_str text, const struct refusal_rules *rules, struct refusal *ret_refusal);
/** Correct what the status alone told, and put the server's words in: *ret_error arrives filled, its strings are copied
 *  for the request's life. A refused key gets neutral words: servers repeat parts of it, and clients take their words
 *  for trouble with the user's own token. */
void refusal_describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct refusal *refusal,
                      const struct refusal_rules *rules, struct aigw_error *ret_error);
/** The whole of a provider's failure(). The request's id goes to the log. */
void refusal_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                     const struct refusal_rules *rules, struct aigw_error *ret_error);
/** The member `error` of an answer says something: some servers have one in each, and nothing but null, 0 and "" in it.
 */
bool refusal_says(const struct aigw_json *error);
/** True for an object inside an answer that says in some way that something failed, where nothing that belongs into an
 *  answer stands in it. */
bool refusal_is_complaint(struct reader *r, const struct aigw_json *object);
/** What is no JSON is a page of HTML for certain. Another "<" could be the model's. */
bool refusal_begins_page(aigw_str text);
/** The same for words where JSON should be: "Internal Server Error", such a page. Other words could be the model's. */
bool refusal_is_plain(aigw_str text);
/** Words for people, wherever they stand in a body of a shape that is not known; absent when there are none. */
aigw_str refusal_words(struct reader *r, const struct aigw_json *body);
/** What a refusal says that is no JSON: its text, of a page what people see of it; absent for what is no text. */
aigw_str refusal_plain_words(struct reader *r, aigw_str body);
/** Milliseconds that words for people ask to wait, "Please try again in 5.29s"; -1 when they do not. */
int64_t refusal_wait(aigw_str words);
/** Words where an error is told are a page of HTML: no model server writes one. */
static inline bool refusal_is_page(aigw_str words)
{
    return wire_has_prefix(wire_skip_blanks(words), "<");
}
/** AIGW_E_UPSTREAM with what people see of such a page. */
aigw_status refusal_page(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str page);
/** AIGW_EVENT_ERROR for a refusal inside an answer. */
aigw_status refusal_emit(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass,
                         const struct refusal *refusal, const struct refusal_rules *rules);

#endif
