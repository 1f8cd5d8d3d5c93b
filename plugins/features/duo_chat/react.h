/* react.h - reads what a model writes in the ReAct form, piece by piece: a thought, then an action with its input, or a
 * final answer. No host, no JSON, no clock; how the text is cut into pieces makes no difference to what is read.
 *
 *     Thought: … Action: issue_reader  Action Input: …        one step: a tool is to be run
 *     Thought: … Final Answer: …                              the answer, handed out as it grows
 *
 * The words are found as published, anywhere in the text; at the start of a line also as models like to spell them:
 * any case, "FinalAnswer", "Action_Input", in Markdown bold, headings or lists. `Observation:` at the start of a line
 * ends an action's input, as it does on servers that know stop words. A final answer wins over an action.
 * Reasoning that leaked into the text is dropped: <think>…</think> in front, and a </think> among the first
 * 80 characters with what stands before it.
 */
#ifndef DUO_CHAT_REACT_H
#define DUO_CHAT_REACT_H

#include <stdbool.h>

#include <aigw/abi.h>

/* Where the reading is. */
enum react_state {
    REACT_START,    /* blanks, or what may become <think> */
    REACT_THINKING, /* inside <think> */
    REACT_STEP,     /* a thought; perhaps a tool's name */
    REACT_INPUT,    /* an action's input */
    REACT_OBSERVED, /* the model plays the tool's part: nothing of that counts */
    REACT_BLANK,    /* a final answer that has only blanks so far */
    REACT_ANSWER,   /* a final answer */
    REACT_STATES
};

/* What it was, in the end. */
enum react_kind { REACT_IS_NOTHING, REACT_IS_UNKNOWN, REACT_IS_ACTION, REACT_IS_ANSWER };

struct react_step {
    enum react_kind kind;
    aigw_str text;                 /* UNKNOWN: all of it; ANSWER: what was not handed out yet */
    aigw_str thought, tool, input; /* ACTION */
};

/** One reading. Its memory grows to `max` bytes for what comes before a final answer; the answer itself is not kept. */
struct react {
    enum react_state state;
    char *block;           /* allocated, `room` bytes */
    char *text;            /* in it, behind what was dropped: text that drops much is not moved each time */
    size_t len, room, max; /* len of text */
    size_t look;           /* everything before it was looked at */
    size_t thought_end, tool_at, tool_end, input_at; /* tool_at 0: no tool yet; tool_end 0: its name may go on */
    size_t held_at; /* REACT_ANSWER: from here on blanks that may turn out to be the end */
};

void react_init(struct react *react, size_t max);
void react_free(struct react *react);

/** The next piece. *ret_answer: what the final answer grew by, absent for nothing; valid until the next call and as
 *  long as the piece. AIGW_E_LIMIT: more than max bytes; AIGW_E_NOMEM. */
aigw_status react_feed(struct react *react, aigw_str piece, aigw_str *ret_answer);

/** The text has ended: what it was. Strings are valid until react_free(). Once. */
void react_finish(struct react *react, struct react_step *ret_step);

/** Copy text without the backslashes that Markdown puts in front of low lines; `to` may be text.ptr itself. Answers the
 *  bytes written, text.len at most. */
size_t react_unescape(char *to, aigw_str text);

#endif
