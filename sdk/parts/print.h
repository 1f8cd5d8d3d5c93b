/* print.h - JSON text written twice: once to count, once for good. Internal to aigw_parts. */
#ifndef AIGW_PARTS_PRINT_H
#define AIGW_PARTS_PRINT_H

#include <aigw/json.h>

/** Where text goes; `at` NULL only counts. */
struct print {
    char *at;
    size_t len;
};

void aigw_print_bytes(struct print *print, const char *bytes, size_t len);
void aigw_print(struct print *print, const char *text);
/** Text as a JSON string with quotes. It must be UTF-8. */
void aigw_print_string(struct print *print, aigw_str text);
void aigw_print_int(struct print *print, int64_t value);
/** In the fewest digits that read as it, from 15 on. */
void aigw_print_number(struct print *print, double value);

/** Run `write` for counting, take memory, run it again. NUL-terminated. */
aigw_status aigw_print_all(void (*write)(struct print *print, const void *what), const void *what,
                           struct aigw_memory *memory, aigw_str *ret);

/** The index-th of "one|two|three"; absent behind the last. */
aigw_str aigw_print_word(const char *words, size_t index);

#endif
