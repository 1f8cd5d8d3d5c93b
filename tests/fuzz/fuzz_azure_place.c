/* Endpoints that a caller may name: taken apart for the provider azure. Every piece lies in the endpoint; what calls
 * are put behind never reaches into the host.
 */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/openai/azure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_lie_in(aigw_str piece, const char *text, size_t len)
{
    if (piece.len && (piece.ptr < text || piece.ptr + piece.len > text + len))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char scheme[] = "https://host.example";
    struct azure_place place;
    char *text = malloc(sizeof scheme + size);

    if (!text)
        abort();
    for (int with_host = 0; with_host < 2; with_host++) {
        size_t from = with_host ? sizeof scheme - 1 : 0;

        memcpy(text, scheme, from);
        memcpy(text + from, data, size);
        azure_read_place((aigw_str){ text, from + size }, "2025-02-01-preview", &place);
        must_lie_in(place.base, text, from + size);
        must_lie_in(place.deployment, text, from + size);
        must_lie_in(place.query, text, from + size);
        if (with_host && size && data[0] == '/' && place.base.len < from)
            __builtin_trap();
        if (place.deployment.len && memchr(place.deployment.ptr, '/', place.deployment.len))
            __builtin_trap();
    }
    free(text);
    return 0;
}
