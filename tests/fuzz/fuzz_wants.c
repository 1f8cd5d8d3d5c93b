/* fuzz_wants.c - the body of a request, or anything: what is found in it lies in it, is in range, does not depend on
 * where the bytes are, and what a clean body says is found behind whatever comes first. */
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(aigw_str text, aigw_str body)
{
    return text.len == 0 || (text.ptr >= body.ptr && text.ptr + text.len <= body.ptr + body.len);
}

static bool is_same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* From memory of exactly that size, so that a look behind it is seen. */
static struct gw_wants read(const void *bytes, size_t size, aigw_str *ret_body)
{
    char *copy = malloc(size ? size : 1);
    struct gw_wants wants;

    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    *ret_body = (aigw_str){ copy, size };
    gw_wants_read(*ret_body, &wants);
    if (!wants.is_read || wants.needs & ~GW_CAN_ALL || wants.answer_tokens < 0 || wants.prompt_tokens < 0 ||
        (size_t)wants.prompt_tokens > size || !is_inside(wants.session, *ret_body) || wants.language.len > size + 16)
        abort();
    return wants;
}

static void drop(aigw_str body)
{
    free((char *)(uintptr_t)body.ptr);
}

/* {"model": <the input>, …}: a value that is whole hides nothing behind it, one that is not may. */
static void check_behind(const void *bytes, size_t size)
{
    static const char head[] = "{\"model\":\"", tail[] = "\",\"max_tokens\":7,\"tools\":[{}]}";
    size_t len = sizeof head - 1 + size + sizeof tail - 1;
    char *text;
    aigw_str body;

    if (size && (memchr(bytes, '"', size) || memchr(bytes, '\\', size)))
        return;
    text = malloc(len);
    if (!text)
        abort();
    memcpy(text, head, sizeof head - 1);
    if (size)
        memcpy(text + sizeof head - 1, bytes, size);
    memcpy(text + sizeof head - 1 + size, tail, sizeof tail - 1);
    struct gw_wants wants = read(text, len, &body);
    if (wants.answer_tokens != 7 || wants.needs != GW_CAN_TOOLS)
        abort();
    drop(body);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    aigw_str body, again;
    struct gw_wants a = read(data, size, &body), b = read(data, size, &again);

    if (a.needs != b.needs || a.answer_tokens != b.answer_tokens || a.prompt_tokens != b.prompt_tokens ||
        a.prefix != b.prefix || !is_same(a.session, b.session) || !is_same(a.language, b.language))
        abort();
    drop(body);
    drop(again);
    check_behind(data, size);
    return 0;
}
