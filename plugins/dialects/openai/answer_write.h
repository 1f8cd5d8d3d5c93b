/* answer_write.h - what the writers of answers share. */
#ifndef OPENAI_ANSWER_WRITE_H
#define OPENAI_ANSWER_WRITE_H

#include "../common/read.h"
#include "openai_server.h"

#define OPENAI_TEXT_MAX ((size_t)64 * 1024 * 1024) /* of one text of a whole answer */

/** A tool call of a choice. */
struct openai_written_call {
    struct openai_written_call *next;
    uint32_t index;        /* the event's */
    uint32_t number;       /* ours: gap-free */
    bool is_free;          /* its input is plain text */
    bool has_text;         /* streams: some of its arguments went out */
    aigw_str id, name;     /* whole answers, and where an id was made */
    aigw_str signature;    /* whole answers */
    struct aigw_buf *text; /* whole answers: the arguments so far */
};

/** Lists of a logprobs object, by name. */
#define OPENAI_LOGPROBS_MAX 4

struct openai_written {
    uint32_t call_count;
    uint32_t finish; /* AIGW_FINISH_* */
    bool is_seen, is_finished;
    size_t char_count; /* characters of text so far: where a citation stands */
    struct openai_written_call *calls, *last_call;
    aigw_str held_text;       /* first piece of the last call, while the writer holds it */
    aigw_str early_signature; /* of the call `early_index`, which has not begun */
    uint32_t early_index;
    struct aigw_buf *notes; /* annotations, with commas between them */
    /* whole answers */
    struct aigw_buf *text, *reasoning, *refusal;
    struct aigw_buf *logprobs[OPENAI_LOGPROBS_MAX];
};

/** A citation. Clients refuse an annotation that lacks one of its members. */
struct openai_citation {
    int64_t start, end; /* characters */
    aigw_str url, title;
};
/** What a citation says, in whichever vendor's form; one that names no address has no place in this dialect.
 * char_count: where the text has come to, for one that does not say where it belongs. The strings live as long as the
 * reader. */
bool openai_read_citation(struct reader *reader, const struct aigw_json *citation, size_t char_count,
                          struct openai_citation *ret);
/** Its members. */
void openai_put_citation(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_citation *citation);

void openai_put(struct openai_writer *w, const char *text);
void openai_put_str(struct openai_writer *w, aigw_str text);
void openai_put_json(struct openai_writer *w, aigw_str text);
/** finish_reason of a choice. */
const char *openai_finish_word(const struct openai_writer *w, const struct openai_written *choice);
/** {"prompt_tokens":…}; what is unknown is 0 or left out. */
void openai_put_usage(struct openai_writer *w);
/** The text, kept in *buf for the end of the answer. */
aigw_status openai_keep(struct openai_writer *w, struct aigw_buf **buf, aigw_str text);
/** What openai_keep() kept. */
aigw_str openai_kept(struct openai_writer *w, struct aigw_buf *buf);
/** A copy that lives as long as the request. */
aigw_status openai_copy(struct openai_writer *w, aigw_str text, aigw_str *ret);
/** "tool_calls":[{ of a call, as far as its name; a call of a stream has its number. */
void openai_put_call_head(struct openai_writer *w, const struct openai_written_call *call, bool has_number);
void openai_put_signature(struct openai_writer *w, aigw_str signature);

/** One event of a choice, in either form; those of calls have functions of their own. */
void openai_stream_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event);
aigw_status openai_whole_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event);
/** A piece of a call; is_new: it begins it. */
void openai_stream_call(struct openai_writer *w, const struct openai_written *choice, struct openai_written_call *call,
                        aigw_str text, bool is_new);
/** A signature that comes long after its call began. */
void openai_stream_signature(struct openai_writer *w, const struct openai_written *choice,
                             const struct openai_written_call *call, aigw_str signature);
void openai_stream_end(struct openai_writer *w);
aigw_status openai_whole_end(struct openai_writer *w);

/** An embedding; the end of the list. */
aigw_status openai_vector_event(struct openai_writer *w, const struct aigw_event *event);
void openai_vector_end(struct openai_writer *w);

#endif
