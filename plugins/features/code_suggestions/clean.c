/* clean.c - see clean.h. */
#include "clean.h"

#include <string.h>

/* Left out wherever they stand; behind the first a line feed goes with it. */
#define NEW_CODE 0u
#define CURSOR   1u
/* Ends the answer wherever it stands. */
#define NEW_CODE_END 2u
/* All others end the answer, but in front of all text they are only left out: an echo of the prompt's end. */

static const aigw_str built_in[] = {
    AIGW_STR_INIT("<new_code>"),
    AIGW_STR_INIT("<|cursor|>"),
    AIGW_STR_INIT("</new_code>"),
    AIGW_STR_INIT("<|endoftext|>"),
    AIGW_STR_INIT("<|im_start|>"),
    AIGW_STR_INIT("<|im_end|>"),
    AIGW_STR_INIT("<|eot_id|>"),
    AIGW_STR_INIT("<|fim_prefix|>"),
    AIGW_STR_INIT("<|fim_suffix|>"),
    AIGW_STR_INIT("<|fim_middle|>"),
    AIGW_STR_INIT("<|fim_pad|>"),
    AIGW_STR_INIT("<|file_separator|>"),
    AIGW_STR_INIT("<fim_prefix>"),
    AIGW_STR_INIT("<fim_suffix>"),
    AIGW_STR_INIT("<fim_middle>"),
    /* DeepSeek's: the bar is U+FF5C, the low line U+2581. */
    AIGW_STR_INIT("<\xEF\xBD\x9C"
                  "fim\xE2\x96\x81"
                  "begin\xEF\xBD\x9C>"),
    AIGW_STR_INIT("<\xEF\xBD\x9C"
                  "fim\xE2\x96\x81"
                  "hole\xEF\xBD\x9C>"),
    AIGW_STR_INIT("<\xEF\xBD\x9C"
                  "fim\xE2\x96\x81"
                  "end\xEF\xBD\x9C>"),
    AIGW_STR_INIT("<\xEF\xBD\x9C"
                  "end\xE2\x96\x81"
                  "of\xE2\x96\x81"
                  "sentence\xEF\xBD\x9C>"),
};

bool cs_is_blank(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!cs_is_blank_char(text.ptr[i]))
            return false;
    return true;
}

/* ---- fences ---- */

/** Three backticks, perhaps a word behind them, then blanks; or the beginning of that. */
static bool may_be_fence(const char *line, size_t len)
{
    size_t at = 0;

    while (at < len && at < 3 && line[at] == '`')
        at++;
    if (at < 3)
        return at == len;
    while (at < len && !cs_is_blank_char(line[at]) && line[at] != '`')
        at++;
    while (at < len && cs_is_blank_char(line[at]))
        at++;
    return at == len;
}

static void release_fence(struct cs_clean *c)
{
    if (c->fence_len)
        c->put(c->user, (aigw_str){ c->fence, c->fence_len });
    c->fence_len = 0;
}

/** One byte at the beginning of a line: held while the line may be a fence. */
static void feed_line_start(struct cs_clean *c, char byte)
{
    if (byte == '\n' && c->fence_len >= 3) { /* it was one: gone with its line feed */
        c->fence_len = 0;
        return;
    }
    c->fence[c->fence_len++] = byte;
    if (byte != '\n' && c->fence_len < CS_FENCE_MAX && may_be_fence(c->fence, c->fence_len))
        return;
    release_fence(c);
    c->line = byte == '\n' ? CS_LINE_START : CS_LINE_CODE;
}

/** Bytes of a line that is no fence, up to its line feed; answers how many were taken. */
static size_t feed_line_code(struct cs_clean *c, aigw_str text)
{
    size_t len = 0;

    if (text.ptr[0] == '`') {
        if (c->fence_len == CS_FENCE_MAX)
            release_fence(c);
        c->fence[c->fence_len++] = '`';
        return 1;
    }
    release_fence(c);
    while (len < text.len && text.ptr[len] != '\n' && text.ptr[len] != '`')
        len++;
    if (len < text.len && text.ptr[len] == '\n') {
        c->line = CS_LINE_START;
        len++;
    }
    c->put(c->user, (aigw_str){ text.ptr, len });
    return len;
}

static void feed_fences(struct cs_clean *c, aigw_str text)
{
    size_t at = 0;

    if (!(c->flags & CS_CLEAN_FENCES)) {
        c->put(c->user, text);
        return;
    }
    while (at < text.len) {
        if (c->line == CS_LINE_START)
            feed_line_start(c, text.ptr[at++]);
        else
            at += feed_line_code(c, (aigw_str){ text.ptr + at, text.len - at });
    }
}

static void end_fences(struct cs_clean *c)
{
    /* A fence without a line feed, or as much of one as the model got to. */
    if (c->fence_len && (c->line == CS_LINE_START || c->fence_len >= 3))
        c->fence_len = 0;
    release_fence(c);
}

/* ---- markers ---- */

static void say(struct cs_clean *c, aigw_str text)
{
    if (c->skips_newline && text.len) {
        size_t skipped = text.ptr[0] == '\n' ? 1 : 0;

        text = (aigw_str){ text.ptr + skipped, text.len - skipped };
        c->skips_newline = false;
    }
    if (!text.len)
        return;
    if (!c->did_say)
        c->did_say = !cs_is_blank(text);
    feed_fences(c, text);
}

static void meet(struct cs_clean *c, uint32_t marker)
{
    c->held_len = 0;
    if (marker == NEW_CODE)
        c->skips_newline = true;
    else if (marker != CURSOR && (marker == NEW_CODE_END || c->did_say))
        c->is_cut = true;
}

/** True when a marker begins with these bytes; *ret_whole is the one that they are, else marker_count. */
static bool match(const struct cs_clean *c, const char *bytes, size_t len, uint32_t *ret_whole)
{
    bool found = false;

    *ret_whole = c->marker_count;
    for (uint32_t i = 0; i < c->marker_count; i++) {
        if (c->markers[i].len < len || memcmp(c->markers[i].ptr, bytes, len) != 0)
            continue;
        found = true;
        if (c->markers[i].len == len) {
            *ret_whole = i;
            break;
        }
    }
    return found;
}

/** What is held is a marker, may become one, or has text in front: that is let go. */
static void settle(struct cs_clean *c)
{
    uint32_t whole = c->marker_count;
    size_t from = 0;

    while (from < c->held_len && !match(c, c->held + from, c->held_len - from, &whole))
        from++;
    if (from) {
        char text[CS_MARKER_MAX];

        memcpy(text, c->held, from);
        c->held_len -= (uint32_t)from;
        memmove(c->held, c->held + from, c->held_len);
        say(c, (aigw_str){ text, from });
    }
    if (c->held_len && whole < c->marker_count)
        meet(c, whole);
}

static void feed_markers(struct cs_clean *c, aigw_str text)
{
    size_t at = 0;

    while (at < text.len && !c->is_cut) {
        if (!c->held_len) {
            size_t from = at;

            while (at < text.len && !c->is_first[(unsigned char)text.ptr[at]])
                at++;
            say(c, (aigw_str){ text.ptr + from, at - from });
            if (at == text.len)
                break;
        }
        c->held[c->held_len++] = text.ptr[at++];
        settle(c);
    }
}

static void add_marker(struct cs_clean *c, aigw_str text)
{
    if (c->marker_count == CS_MARKERS_MAX || text.len > CS_MARKER_MAX || cs_is_blank(text))
        return;
    c->markers[c->marker_count++] = text;
    c->is_first[(unsigned char)text.ptr[0]] = true;
}

/* ---- all steps ---- */

void cs_clean_begin(struct cs_clean *clean, uint32_t flags, const aigw_str *stops, uint32_t stop_count, cs_put_fn put,
                    void *user)
{
    *clean = (struct cs_clean){ .flags = flags, .put = put, .user = user };
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        add_marker(clean, built_in[i]);
    for (uint32_t i = 0; i < stop_count; i++)
        add_marker(clean, stops[i]);
}

void cs_clean_feed(struct cs_clean *c, aigw_str text)
{
    size_t from = 0;

    if (!(c->flags & CS_CLEAN_UNESCAPE) || !text.len) {
        feed_markers(c, text);
        return;
    }
    if (c->holds_backslash && text.ptr[0] != '_')
        feed_markers(c, AIGW_STR("\\"));
    c->holds_backslash = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || (i + 1 < text.len && text.ptr[i + 1] != '_'))
            continue;
        feed_markers(c, (aigw_str){ text.ptr + from, i - from });
        from = i + 1;
        c->holds_backslash = i + 1 == text.len;
    }
    feed_markers(c, (aigw_str){ text.ptr + from, text.len - from });
}

void cs_clean_end(struct cs_clean *c)
{
    if (c->holds_backslash)
        feed_markers(c, AIGW_STR("\\"));
    c->holds_backslash = false;
    if (c->held_len && !c->is_cut) {
        size_t len = c->held_len;

        c->held_len = 0;
        say(c, (aigw_str){ c->held, len }); /* the beginning of a marker was text */
    }
    end_fences(c);
}
