/* stops.c - see stops.h. */
#include "stops.h"

#include <stdlib.h>
#include <string.h>

aigw_status stops_begin(const struct aigw_host *host, struct aigw_ctx *ctx, struct stops *stops, const aigw_str *texts,
                        uint32_t count)
{
    aigw_str *copies = host->alloc(ctx, AIGW_LIFE_REQUEST, (count + 1) * sizeof *copies);
    uint32_t kept = 0;

    if (!copies)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        aigw_status status = wire_keep(host, ctx, texts[i], &copies[kept]);

        if (status != AIGW_OK)
            return status;
        if (copies[kept].len > stops->held_size)
            stops->held_size = copies[kept].len;
        kept += copies[kept].len > 0;
    }
    stops->texts = copies;
    stops->count = kept;
    stops->held = host->alloc(ctx, AIGW_LIFE_REQUEST, stops->held_size + 1);
    return stops->held ? AIGW_OK : AIGW_E_NOMEM;
}

/* Where the first of them begins; false when there is none. */
static bool find(struct stops *stops, aigw_str text, size_t *ret_at)
{
    bool is_found = false;

    for (uint32_t i = 0; i < stops->count; i++) {
        const aigw_str *stop = &stops->texts[i];
        const char *at = text.len >= stop->len ? memmem(text.ptr, text.len, stop->ptr, stop->len) : NULL;

        if (at && (!is_found || (size_t)(at - text.ptr) < *ret_at)) {
            *ret_at = (size_t)(at - text.ptr);
            stops->found = *stop;
            is_found = true;
        }
    }
    return is_found;
}

/* How much of the end may be the beginning of one. */
static size_t open_end(const struct stops *stops, aigw_str text)
{
    size_t most = stops->held_size - 1 < text.len ? stops->held_size - 1 : text.len;

    for (size_t len = most; len > 0; len--)
        for (uint32_t i = 0; i < stops->count; i++)
            if (stops->texts[i].len > len && memcmp(stops->texts[i].ptr, text.ptr + text.len - len, len) == 0)
                return len;
    return 0;
}

bool stops_take(struct stops *stops, aigw_str text, aigw_str *ret_text, char **ret_copy)
{
    aigw_str all = { NULL, stops->held_len + text.len };
    size_t at = 0;
    char *copy;

    *ret_text = AIGW_STR_NONE;
    *ret_copy = NULL;
    if (stops->is_over || text.len == 0)
        return true;
    copy = malloc(all.len);
    if (!copy)
        return false;
    if (stops->held_len > 0)
        memcpy(copy, stops->held, stops->held_len);
    memcpy(copy + stops->held_len, text.ptr, text.len);
    all.ptr = copy;
    stops->held_len = 0;
    stops->is_over = find(stops, all, &at);
    if (!stops->is_over) {
        stops->held_len = open_end(stops, all);
        at = all.len - stops->held_len;
        memcpy(stops->held, copy + at, stops->held_len);
    }
    *ret_text = (aigw_str){ copy, at };
    *ret_copy = copy;
    return true;
}

aigw_str stops_flush(struct stops *stops)
{
    aigw_str text = { stops->held, stops->held_len };

    stops->held_len = 0;
    return text;
}
