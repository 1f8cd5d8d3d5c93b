/* Paths and names that clients may write, and beta features in their headers: what is made of them for Vertex AI stays
 * in its part of the URL, and in the header's alphabet. The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/common/tests/host.h"
#include "../../plugins/dialects/vertex/vertex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host host;

static void must(bool ok)
{
    if (!ok)
        __builtin_trap();
}

/* Nothing that a name may bring ends the path, or leads out of it. */
static void check_url(struct aigw_ctx *ctx, const struct vertex_site *site, const struct vertex_place *place)
{
    static const char start[] = "https://h.example/v1/";
    const char *url = vertex_url(&test_host, ctx, site, AIGW_STR_NONE, AIGW_STR("p"), place);
    size_t marks = 0;

    must(url && strncmp(url, start, sizeof start - 1) == 0 && !strstr(url + sizeof start - 1, ".."));
    for (const char *c = url; *c; c++) {
        must(*c > ' ' && *c < 0x7f && *c != '#');
        marks += *c == '?';
    }
    must(marks <= 1);
}

static void check_betas(struct aigw_ctx *ctx, aigw_str text)
{
    const struct aigw_pair header = { AIGW_STR_INIT("anthropic-beta"), text };
    const struct aigw_raw raw = { .struct_size = sizeof raw, .headers = &header, .header_count = 1 };
    aigw_str names;

    if (vertex_betas(&test_host, ctx, &raw, &names) == AIGW_OK)
        must(names.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_ctx *ctx = host_ctx(&host);
    struct vertex_site site = {
        .base_url = "https://h.example", .version = "v1", .location = "global", .publisher = "auto", .schema = "auto"
    };
    char *exact = malloc(size ? size : 1);
    aigw_str text = { exact, size ? size - 1 : 0 };
    struct aigw_raw raw = { .struct_size = sizeof raw, .path = text };
    struct aigw_model_request req = { .struct_size = sizeof req, .kind = AIGW_CALL_CHAT };
    struct vertex_place place;

    if (!exact)
        abort();
    memcpy(exact, data + (size > 0), text.len);
    if (size == 0 || (data[0] & 3) == 3) {
        check_betas(ctx, text);
    } else {
        raw.dialect = data[0] & 1 ? AIGW_STR(VERTEX_DIALECT) : AIGW_STR(GEMINI_DIALECT);
        req.raw = (data[0] & 3) < 2 ? &raw : NULL;
        site.is_studio = data[0] & 4;
        if (vertex_find(&test_host, ctx, &site, req.raw ? AIGW_STR("gemini-2.5-pro") : text, &req, &place) == AIGW_OK)
            check_url(ctx, &site, &place);
    }
    host_free(&host);
    free(exact);
    return 0;
}
