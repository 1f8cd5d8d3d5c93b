/* request_read_calls.c - which result belongs to which call. Every server refuses a history in which they do not match,
 * each in its own way and some in ways that nobody understands: so it is said here, with the id. */
#include <stdlib.h>
#include <string.h>

#include "request_read.h"

#define CALLS_FIRST 16u

bool reading_calls_add(struct reading *r, struct reading_calls *calls, aigw_str id, struct aigw_part *part,
                       size_t message, size_t block)
{
    if (calls->count == calls->room) {
        uint32_t room = calls->room > 0 ? calls->room * 2 : CALLS_FIRST;
        struct reading_call *items = reading_alloc(r, room * sizeof *items);

        if (!items)
            return false;
        if (calls->count > 0)
            memcpy(items, calls->items, calls->count * sizeof *items);
        calls->items = items;
        calls->room = room;
    }
    calls->items[calls->count++] =
        (struct reading_call){ .id = id, .part = part, .message = (uint32_t)message, .block = (uint32_t)block };
    return true;
}

static int compare_ids(aigw_str a, aigw_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static int compare(const void *a, const void *b)
{
    return compare_ids(((const struct reading_call *)a)->id, ((const struct reading_call *)b)->id);
}

/* At the block of `call`, whatever was gone into before; the id stands between the words. */
static bool refuse_at(struct reading *r, const struct reading_call *call, const char *name, const char *before,
                      const char *behind)
{
    r->depth = 0;
    reading_into(r, "messages");
    reading_into_item(r, call->message);
    reading_into(r, "content");
    reading_into_item(r, call->block);
    return reading_refuse(r, name, "%s%.*s%s", before, (int)(call->id.len < 200 ? call->id.len : 200), call->id.ptr,
                          behind);
}

static const struct reading_call *find_double(const struct reading_calls *calls)
{
    for (uint32_t i = 1; i < calls->count; i++)
        if (compare(&calls->items[i - 1], &calls->items[i]) == 0)
            return &calls->items[i];
    return NULL;
}

static bool match(struct reading *r, const struct reading_calls *calls, const struct reading_calls *results)
{
    const struct reading_call *twice = find_double(calls);
    uint32_t call = 0, result = 0;

    if (twice)
        return refuse_at(r, twice, "id", "another tool call of this turn has the id ", "; ids must differ");
    twice = find_double(results);
    if (twice)
        return refuse_at(r, twice, "tool_use_id", "there is another result for ", "; each call takes one");
    while (call < calls->count || result < results->count) {
        int order = call == calls->count       ? 1
                    : result == results->count ? -1
                                               : compare(&calls->items[call], &results->items[result]);

        if (order < 0)
            return refuse_at(r, &calls->items[call], NULL, "the call ",
                             " has no tool_result in the user message behind it");
        if (order > 0 && r->is_continued)
            result++;
        else if (order > 0)
            return refuse_at(r, &results->items[result], "tool_use_id",
                             "no tool_use in the assistant message before it has the id ", "");
        else
            results->items[result++].part->name = calls->items[call++].part->name;
    }
    return true;
}

bool reading_calls_match(struct reading *r, struct reading_calls *calls, struct reading_calls *results)
{
    bool is_good;

    if (calls->count > 1)
        qsort(calls->items, calls->count, sizeof *calls->items, compare);
    if (results->count > 1)
        qsort(results->items, results->count, sizeof *results->items, compare);
    is_good = match(r, calls, results);
    calls->count = 0;
    results->count = 0;
    return is_good;
}
