/* react.c - see react.h. What is before a final answer is collected and looked at once, byte by byte, but for a tail
 * that may become one of the words; the answer is passed on at once, but for blanks at its end. */
#include "react.h"

#include <stdlib.h>
#include <string.h>

#include "react_marker.h"

#define FIRST_ROOM      1024u
#define STRAY_THINK_MAX 80u /* characters in front of a </think> that nothing opened */
#define NAME_WRAPS      "*`\"'[]<>- \t\r\n"

static const char think_open[] = "<think>", think_close[] = "</think>";

/* Which states follow which. */
static const uint8_t follows[REACT_STATES] = {
    [REACT_START] = 1u << REACT_THINKING | 1u << REACT_STEP,
    [REACT_THINKING] = 1u << REACT_START,
    [REACT_STEP] = 1u << REACT_START | 1u << REACT_INPUT | 1u << REACT_BLANK,
    [REACT_INPUT] = 1u << REACT_START | 1u << REACT_OBSERVED | 1u << REACT_BLANK,
    [REACT_OBSERVED] = 0,
    [REACT_BLANK] = 1u << REACT_ANSWER,
    [REACT_ANSWER] = 0,
};

static void move(struct react *r, enum react_state to)
{
    if (follows[r->state] & 1u << to)
        r->state = to;
}

void react_init(struct react *react, size_t max)
{
    *react = (struct react){ .max = max };
}

void react_free(struct react *react)
{
    free(react->block);
    react->block = react->text = NULL;
    react->len = react->room = 0;
}

/* ---- text ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_blanks(aigw_str text)
{
    size_t n = 0;

    while (n < text.len && is_space(text.ptr[n]))
        n++;
    return n;
}

/** Length without the blanks at the end. */
static size_t solid_len(aigw_str text)
{
    size_t n = text.len;

    while (n && is_space(text.ptr[n - 1]))
        n--;
    return n;
}

static aigw_str trim(aigw_str text)
{
    size_t n = skip_blanks(text);

    text = (aigw_str){ text.ptr + n, text.len - n };
    text.len = solid_len(text);
    return text;
}

/** Place for `more` bytes behind the text. What was dropped in front of it is used again when that is no less than what
 *  has to move. */
static bool make_room(struct react *r, size_t more)
{
    size_t front = r->block ? (size_t)(r->text - r->block) : 0, room = r->room ? r->room : FIRST_ROOM;
    char *block;

    if (r->room - front - r->len >= more)
        return true;
    if (front >= r->len && r->room - r->len >= more) {
        memmove(r->block, r->text, r->len);
        r->text = r->block;
        return true;
    }
    while (room - front - r->len < more)
        room *= 2;
    block = realloc(r->block, room);
    if (!block)
        return false;
    r->block = block;
    r->text = block + front;
    r->room = room;
    return true;
}

static aigw_status append(struct react *r, aigw_str piece)
{
    if (piece.len > r->max || r->len > r->max - piece.len)
        return AIGW_E_LIMIT;
    if (!piece.len)
        return AIGW_OK;
    if (!make_room(r, piece.len))
        return AIGW_E_NOMEM;
    memcpy(r->text + r->len, piece.ptr, piece.len);
    r->len += piece.len;
    return AIGW_OK;
}

static void drop_front(struct react *r, size_t len)
{
    if (!len)
        return;
    r->text += len;
    r->len -= len;
}

static aigw_str all(const struct react *r)
{
    return (aigw_str){ r->text, r->len };
}

/* ---- reasoning ---- */

static const char *find(const char *text, size_t len, const char *word)
{
    size_t word_len = strlen(word);

    for (; len >= word_len; text++, len--)
        if (memcmp(text, word, word_len) == 0)
            return text;
    return NULL;
}

/** True when there is something to go on with. */
static bool leave_start(struct react *r, bool is_whole)
{
    size_t open_len = sizeof think_open - 1;

    drop_front(r, skip_blanks(all(r)));
    if (!r->len)
        return false;
    if (memcmp(r->text, think_open, r->len < open_len ? r->len : open_len) != 0) {
        move(r, REACT_STEP);
    } else if (r->len >= open_len) {
        drop_front(r, open_len);
        move(r, REACT_THINKING);
    } else if (is_whole) {
        move(r, REACT_STEP);
    } else {
        return false;
    }
    return true;
}

static bool leave_thinking(struct react *r)
{
    size_t close_len = sizeof think_close - 1;
    const char *close = r->len ? find(r->text, r->len, think_close) : NULL;

    if (!close) {
        if (r->len >= close_len) /* the rest may be the beginning of it */
            drop_front(r, r->len - (close_len - 1));
        return false;
    }
    drop_front(r, (size_t)(close - r->text) + close_len);
    move(r, REACT_START);
    return true;
}

static bool is_stray(const struct react *r, size_t at)
{
    size_t chars = 0;

    for (size_t i = 0; i < at && chars <= STRAY_THINK_MAX; i++)
        chars += (r->text[i] & 0xc0) != 0x80;
    return chars <= STRAY_THINK_MAX;
}

static void forget(struct react *r, size_t len)
{
    drop_front(r, len);
    r->look = r->thought_end = r->tool_at = r->tool_end = r->input_at = 0;
    move(r, REACT_START);
}

/* ---- the answer ---- */

/** The answer begins at `at`, in the text that was collected. */
static void begin_answer(struct react *r, size_t at, aigw_str *ret)
{
    aigw_str rest;

    move(r, REACT_BLANK);
    at += skip_blanks((aigw_str){ r->text + at, r->len - at });
    r->held_at = r->len;
    if (at == r->len)
        return;
    move(r, REACT_ANSWER);
    rest = (aigw_str){ r->text + at, r->len - at };
    rest.len = solid_len(rest);
    r->held_at = at + rest.len;
    *ret = rest;
}

static aigw_status grow_answer(struct react *r, aigw_str piece, aigw_str *ret)
{
    size_t held, solid;
    aigw_status status;

    drop_front(r, r->held_at);
    r->held_at = 0;
    held = r->len;
    if (r->state == REACT_BLANK) {
        size_t blanks = skip_blanks(piece);

        piece = (aigw_str){ piece.ptr + blanks, piece.len - blanks };
        if (!piece.len)
            return AIGW_OK;
        move(r, REACT_ANSWER);
    }
    solid = solid_len(piece);
    if (!held && solid) { /* nearly always: nothing is copied but blanks */
        *ret = (aigw_str){ piece.ptr, solid };
        return append(r, (aigw_str){ piece.ptr + solid, piece.len - solid });
    }
    status = append(r, piece);
    if (status == AIGW_OK && solid) {
        r->held_at = held + solid;
        *ret = (aigw_str){ r->text, r->held_at };
    }
    return status;
}

/* ---- steps ---- */

static void take(struct react *r, const struct react_marker *marker, aigw_str *ret_answer)
{
    r->look = marker->end;
    switch (marker->word) {
    case REACT_WORD_ANSWER:
        begin_answer(r, marker->end, ret_answer);
        break;
    case REACT_WORD_ACTION:
        if (r->state != REACT_STEP)
            break;
        if (!r->tool_at) {
            r->thought_end = marker->at;
            r->tool_at = marker->end;
        } else if (!r->tool_end) {
            r->tool_end = marker->at;
        }
        break;
    case REACT_WORD_INPUT:
        if (r->state != REACT_STEP || !r->tool_at)
            break;
        if (!r->tool_end)
            r->tool_end = marker->at;
        r->input_at = marker->end;
        move(r, REACT_INPUT);
        break;
    case REACT_WORD_OBSERVATION:
        if (r->state != REACT_INPUT)
            break;
        r->len = marker->at;
        move(r, REACT_OBSERVED);
        break;
    case REACT_WORD_THINK_END:
        if (is_stray(r, marker->at))
            forget(r, marker->end);
        break;
    case REACT_WORD_THOUGHT:
        break;
    }
}

/** Look at what was not looked at yet. True when the state changed and another one has to go on. */
static bool leave_step(struct react *r, bool is_whole, aigw_str *ret_answer)
{
    while (r->look < r->len && (r->state == REACT_STEP || r->state == REACT_INPUT)) {
        struct react_marker marker;
        enum react_match found = react_match_at(all(r), r->look, is_whole, &marker);

        if (found == REACT_MORE)
            return false;
        if (found == REACT_YES)
            take(r, &marker, ret_answer);
        else
            r->look++;
    }
    return r->state == REACT_START;
}

static void go_on(struct react *r, bool is_whole, aigw_str *ret_answer)
{
    bool is_moving = true;

    while (is_moving) {
        switch (r->state) {
        case REACT_START:
            is_moving = leave_start(r, is_whole);
            break;
        case REACT_THINKING:
            is_moving = leave_thinking(r);
            break;
        case REACT_STEP:
        case REACT_INPUT:
            is_moving = leave_step(r, is_whole, ret_answer);
            break;
        default:
            is_moving = false;
        }
    }
}

aigw_status react_feed(struct react *react, aigw_str piece, aigw_str *ret_answer)
{
    aigw_status status;

    *ret_answer = AIGW_STR_NONE;
    if (react->state == REACT_OBSERVED || !piece.len)
        return AIGW_OK;
    if (react->state == REACT_BLANK || react->state == REACT_ANSWER)
        return grow_answer(react, piece, ret_answer);
    status = append(react, piece);
    if (status == AIGW_OK)
        go_on(react, false, ret_answer);
    return status;
}

/* ---- the end ---- */

size_t react_unescape(char *to, aigw_str text)
{
    char *at = to;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\\' || i + 1 == text.len || text.ptr[i + 1] != '_')
            *at++ = text.ptr[i];
    return (size_t)(at - to);
}

/** The same in place, for a piece of the reader's own text. */
static aigw_str unescape(struct react *r, aigw_str text)
{
    char *begin = r->text + (text.ptr - r->text);

    return (aigw_str){ begin, react_unescape(begin, text) };
}

static aigw_str thought_of(struct react *r)
{
    aigw_str text = trim((aigw_str){ r->text, r->thought_end });
    struct react_marker marker;

    /* The prompt ends with the word already; some models say it once more. */
    while (text.len && react_match_at(text, 0, true, &marker) == REACT_YES && marker.word == REACT_WORD_THOUGHT)
        text = trim((aigw_str){ text.ptr + marker.end, text.len - marker.end });
    return unescape(r, text);
}

static aigw_str tool_of(struct react *r)
{
    aigw_str name = { r->text + r->tool_at, r->tool_end - r->tool_at };

    while (name.len && strchr(NAME_WRAPS, name.ptr[0]))
        name = (aigw_str){ name.ptr + 1, name.len - 1 };
    while (name.len && strchr(NAME_WRAPS, name.ptr[name.len - 1]))
        name.len--;
    return unescape(r, name);
}

/** Without a code fence around all of it. */
static aigw_str unfence(aigw_str text)
{
    const char *line_end;
    aigw_str inner;

    if (text.len < 6 || memcmp(text.ptr, "```", 3) != 0 || memcmp(text.ptr + text.len - 3, "```", 3) != 0)
        return text;
    line_end = memchr(text.ptr, '\n', text.len);
    if (!line_end) /* ```#123``` */
        return trim((aigw_str){ text.ptr + 3, text.len - 6 });
    inner = (aigw_str){ line_end + 1, (size_t)(text.ptr + text.len - 3 - (line_end + 1)) };
    return find(inner.ptr, inner.len, "```") ? text : trim(inner); /* several fences: text with code in it */
}

static aigw_str input_of(const struct react *r)
{
    return unfence(trim((aigw_str){ r->text + r->input_at, r->len - r->input_at }));
}

void react_finish(struct react *react, struct react_step *ret_step)
{
    struct react_step step = { .kind = REACT_IS_NOTHING };

    if (react->state != REACT_BLANK && react->state != REACT_ANSWER)
        go_on(react, true, &step.text);
    switch (react->state) {
    case REACT_BLANK:
    case REACT_ANSWER:
        step.kind = REACT_IS_ANSWER;
        break;
    case REACT_INPUT:
    case REACT_OBSERVED:
        step.kind = REACT_IS_ACTION;
        step.tool = tool_of(react);
        step.input = input_of(react);
        step.thought = thought_of(react);
        break;
    case REACT_STEP:
        step.text = trim(all(react));
        step.kind = step.text.len ? REACT_IS_UNKNOWN : REACT_IS_NOTHING;
        break;
    default:
        break;
    }
    *ret_step = step;
}
