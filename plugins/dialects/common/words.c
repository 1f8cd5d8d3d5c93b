/* words.c - what servers write in a stream in place of JSON: errors, heartbeats, the end. */
#include "wire.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool ends_in_error(aigw_str word)
{
    static const char *const ends[] = { "error", "exception" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t len = strlen(ends[i]);

        if (word.len >= len && strncasecmp(word.ptr + word.len - len, ends[i], len) == 0)
            return true;
    }
    return false;
}

/* The first word: letters, digits, dots and the like. */
static aigw_str first_word(aigw_str text)
{
    size_t len = 0;

    while (len < text.len && (isalnum((unsigned char)text.ptr[len]) || text.ptr[len] == '_' || text.ptr[len] == '.' ||
                              text.ptr[len] == '-'))
        len++;
    return (aigw_str){ text.ptr, len };
}

bool wire_is_error_line(aigw_str text, aigw_str *ret_words)
{
    bool is_bracketed;
    aigw_str word;

    text = wire_skip_blanks(text);
    is_bracketed = wire_has_prefix(text, "[");
    if (is_bracketed)
        text = (aigw_str){ text.ptr + 1, text.len - 1 };
    word = first_word(text);
    if (!ends_in_error(word))
        return false;
    text = wire_skip_blanks((aigw_str){ text.ptr + word.len, text.len - word.len });
    if (!wire_has_prefix(text, is_bracketed ? "]" : ":"))
        return false;
    text = wire_skip_blanks((aigw_str){ text.ptr + 1, text.len - 1 });
    if (is_bracketed && wire_has_prefix(text, ":"))
        text = wire_skip_blanks((aigw_str){ text.ptr + 1, text.len - 1 });
    *ret_words = wire_trim_end(text);
    return true;
}

bool wire_is_error_event(aigw_str name)
{
    static const char *const words[] = { "errors", "failed",  "failure",   "fault",
                                         "abort",  "aborted", "cancelled", "canceled" };
    static const char *const begins[] = { "error.", "error_", "error-" };

    if (name.len == 0)
        return false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (name.len > 6 && strncasecmp(name.ptr, begins[i], 6) == 0)
            return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_same_word(name, words[i]))
            return true;
    return ends_in_error(wire_trim_end(name));
}

bool wire_is_heartbeat(aigw_str name, aigw_str data)
{
    static const char *const words[] = { "ping", "heartbeat", "keepalive" };

    if (data.len == 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_same_word(name, words[i]) ||
            (data.len < 16 && isalpha((unsigned char)data.ptr[0]) && wire_same_word(data, words[i])))
            return true;
    return false;
}

bool wire_is_end_marker(aigw_str text)
{
    if (wire_has_prefix(text, "\""))
        text = (aigw_str){ text.ptr + 1, text.len - 1 };
    if (text.len >= 6 && strncasecmp(text.ptr, "[DONE]", 6) == 0)
        return true;
    return text.len >= 4 && text.len < 16 && !wire_has_prefix(text, "{") && wire_same_word(text, "done");
}

/* ---- parts ---- */

const char *wire_part_word(uint32_t part_type)
{
    static const char *const words[] = {
        [AIGW_PART_TEXT] = "text",           [AIGW_PART_IMAGE] = "image",
        [AIGW_PART_TOOL_CALL] = "tool_call", [AIGW_PART_TOOL_RESULT] = "tool_result",
        [AIGW_PART_REASONING] = "reasoning", [AIGW_PART_DOCUMENT] = "document",
        [AIGW_PART_AUDIO] = "audio",         [AIGW_PART_VIDEO] = "video",
        [AIGW_PART_REFUSAL] = "refusal",     [AIGW_PART_REDACTED] = "reasoning",
        [AIGW_PART_TOOLS] = "tools",
    };

    return part_type < sizeof words / sizeof *words && words[part_type] ? words[part_type] : "content";
}

aigw_status wire_no_part(const struct aigw_host *host, struct aigw_ctx *ctx, const char *whose, const char *what,
                         uint32_t part_type)
{
    return host->fail(ctx, AIGW_E_UNSUPPORTED, "%s: %s has no %s", wire_part_word(part_type), whose, what);
}
