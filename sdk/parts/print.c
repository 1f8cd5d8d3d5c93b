/* print.c - see print.h. */
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void aigw_print_bytes(struct print *print, const char *bytes, size_t len)
{
    if (print->at && len > 0)
        memcpy(print->at + print->len, bytes, len);
    print->len += len;
}

void aigw_print(struct print *print, const char *text)
{
    aigw_print_bytes(print, text, strlen(text));
}

void aigw_print_string(struct print *print, aigw_str text)
{
    char escape[8];

    aigw_print(print, "\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            aigw_print_bytes(print, text.ptr + i, 1);
            continue;
        }
        if (c < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", c);
        else
            snprintf(escape, sizeof escape, "\\%c", c);
        aigw_print(print, escape);
    }
    aigw_print(print, "\"");
}

void aigw_print_int(struct print *print, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)value);
    aigw_print(print, text);
}

void aigw_print_number(struct print *print, double value)
{
    char text[32] = "";

    for (int digits = 15; digits <= 17 && (digits == 15 || strtod(text, NULL) != value); digits++)
        snprintf(text, sizeof text, "%.*g", digits, value);
    aigw_print(print, text);
}

aigw_status aigw_print_all(void (*write)(struct print *print, const void *what), const void *what,
                           struct aigw_memory *memory, aigw_str *ret)
{
    struct print print = { .at = NULL };
    size_t len;

    write(&print, what);
    len = print.len;
    print = (struct print){ .at = aigw_memory_get(memory, len + 1) };
    if (!print.at) {
        *ret = AIGW_STR_NONE;
        return aigw_memory_status(memory, len + 1);
    }
    write(&print, what);
    print.at[len] = '\0';
    *ret = (aigw_str){ print.at, len };
    return AIGW_OK;
}

aigw_str aigw_print_word(const char *words, size_t index)
{
    const char *end;

    for (;; words = end + 1) {
        for (end = words; *end && *end != '|'; end++)
            continue;
        if (index-- == 0)
            return (aigw_str){ words, (size_t)(end - words) };
        if (!*end)
            return AIGW_STR_NONE;
    }
}
