/* digest.c - events as one text that is the same however they were cut; see host.h. A part is a line:
 *
 *     text Hello there
 *     call 0 id name {"a":1}
 *     usage in 9 out 4 read -1 …
 *     finish 3
 */
#include "host.h"

#include <stdio.h>
#include <string.h>

#define DIGEST_CALLS 64

/** A digest being made: parts in the order in which they began, calls apart because their pieces may alternate. */
struct host_parts {
    struct aigw_buf *parts;
    uint32_t open; /* type of the event whose pieces go on, 0: none */
    uint32_t call_count;
    struct aigw_buf *calls[DIGEST_CALLS];
    struct aigw_usage usage;
    bool has_usage;
    uint32_t finish;
    char stop[64], detail[64];
};

static struct host_parts *digest_of(struct host *host)
{
    struct host_parts *digest = host->digest;

    if (!digest) {
        digest = test_host.alloc(host_ctx(host), AIGW_LIFE_REQUEST, sizeof *digest);
        memset(digest, 0, sizeof *digest);
        digest->parts = test_host.buf_new(host_ctx(host), AIGW_LIFE_REQUEST, SIZE_MAX);
        digest->finish = UINT32_MAX;
        host->digest = digest;
    }
    return digest;
}

static void put(struct aigw_buf *buf, aigw_str text)
{
    test_host.buf_put(buf, text.ptr, text.len);
}

/* A piece of text: to the open part, or a new one. */
static void note_piece(struct host_parts *digest, uint32_t type, const char *name, aigw_str text)
{
    if (text.len == 0)
        return;
    if (digest->open != type)
        test_host.buf_printf(digest->parts, "\n%s ", name);
    digest->open = type;
    put(digest->parts, text);
}

static void note_whole(struct host_parts *digest, const char *name, aigw_str first, aigw_str second)
{
    test_host.buf_printf(digest->parts, "\n%s ", name);
    put(digest->parts, first);
    test_host.buf_put(digest->parts, " ", 1);
    put(digest->parts, second);
    digest->open = 0;
}

/* The vendor's JSON: blanks between its words do not count. */
static void note_json(struct host_parts *digest, const char *name, const struct aigw_event *event)
{
    bool is_in_string = false;

    note_whole(digest, name, event->origin, AIGW_STR_NONE);
    for (size_t i = 0; i < event->text.len; i++) {
        char c = event->text.ptr[i];

        if (c == '"' && (i == 0 || event->text.ptr[i - 1] != '\\'))
            is_in_string = !is_in_string;
        if (is_in_string || (c != ' ' && c != '\n' && c != '\r'))
            test_host.buf_put(digest->parts, &c, 1);
    }
}

static void note_call(struct host *host, struct host_parts *digest, const struct aigw_event *event)
{
    if (event->index >= DIGEST_CALLS)
        return;
    if (!digest->calls[event->index]) {
        digest->calls[event->index] = test_host.buf_new(host_ctx(host), AIGW_LIFE_REQUEST, SIZE_MAX);
        test_host.buf_printf(digest->parts, "\n(call %u)", event->index);
        digest->call_count = event->index >= digest->call_count ? event->index + 1 : digest->call_count;
        digest->open = 0;
    }
    if (event->name.len > 0) {
        put(digest->calls[event->index], event->id);
        test_host.buf_put(digest->calls[event->index], " ", 1);
        put(digest->calls[event->index], event->name);
        test_host.buf_put(digest->calls[event->index], " ", 1);
    }
    put(digest->calls[event->index], event->text);
}

void host_note(struct host *host, const struct aigw_event *event)
{
    struct host_parts *digest = digest_of(host);

    switch (event->type) {
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REFUSAL:
        note_piece(digest, AIGW_EVENT_TEXT, "text", event->text);
        break;
    case AIGW_EVENT_REASONING:
        note_piece(digest, AIGW_EVENT_REASONING, "thinking", event->text);
        break;
    case AIGW_EVENT_SIGNATURE:
        note_whole(digest, "signature", event->origin, event->data);
        break;
    case AIGW_EVENT_PART_START:
        if (event->part_type == AIGW_PART_REDACTED)
            note_whole(digest, "redacted", event->origin, event->data);
        break;
    case AIGW_EVENT_CITATION:
        note_json(digest, "citation", event);
        break;
    case AIGW_EVENT_OPAQUE:
        note_json(digest, "opaque", event);
        break;
    case AIGW_EVENT_TOOL_CALL:
        note_call(host, digest, event);
        break;
    case AIGW_EVENT_USAGE:
        digest->usage = *event->usage;
        digest->has_usage = true;
        break;
    case AIGW_EVENT_FINISH:
        digest->finish = event->finish;
        snprintf(digest->stop, sizeof digest->stop, "%.*s", AIGW_STR_ARG(event->stop_sequence));
        snprintf(digest->detail, sizeof digest->detail, "%.*s", AIGW_STR_ARG(event->detail));
        break;
    case AIGW_EVENT_ERROR:
        test_host.buf_printf(digest->parts, "\nerror %u ", event->error->kind);
        put(digest->parts, event->error->message);
        break;
    default:
        break;
    }
}

const char *host_digest(struct host *host)
{
    struct host_parts *digest = digest_of(host);
    aigw_str text = AIGW_STR_NONE;

    for (uint32_t i = 0; i < digest->call_count; i++) {
        test_host.buf_printf(digest->parts, "\ncall %u ", i);
        if (digest->calls[i] && test_host.buf_view(digest->calls[i], &text) == AIGW_OK)
            put(digest->parts, text);
        if (text.len > 0 && text.ptr[text.len - 1] == ' ') /* no arguments are an empty object */
            test_host.buf_put(digest->parts, "{}", 2);
    }
    if (digest->has_usage)
        test_host.buf_printf(digest->parts, "\nusage in %lld out %lld read %lld written %lld hour %lld thought %lld",
                             (long long)digest->usage.input, (long long)digest->usage.output,
                             (long long)digest->usage.cache_read, (long long)digest->usage.cache_write,
                             (long long)digest->usage.cache_write_1h, (long long)digest->usage.reasoning);
    if (digest->finish != UINT32_MAX)
        test_host.buf_printf(digest->parts, "\nfinish %u %s%s", digest->finish, digest->stop, digest->detail);
    if (test_host.buf_view(digest->parts, &text) != AIGW_OK || !text.ptr)
        return "";
    return text.ptr;
}
