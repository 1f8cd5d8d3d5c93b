/* fuzz_gemini_request.c - what a client of the Gemini API sends, in any bytes. The first byte chooses the kind of call
 * and the model. What can be read and written again reads once more, and is then written the same. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/gemini/gemini.h"
#include "../../plugins/dialects/gemini/gemini_server.h"
#include "../../plugins/dialects/gemini/tests/server_host.h"

static struct record record;

static struct aigw_ctx *ctx(void)
{
    return (struct aigw_ctx *)(void *)&record;
}

static aigw_status there_and_back(const struct aigw_host *host, uint32_t kind, aigw_str model, aigw_str body,
                                  aigw_str *ret_body)
{
    struct names names = { .by_sent = NULL };
    const struct gemini_quirks quirks = { .openapi_schema = gemini_wants_openapi_schema(model), .names = &names };
    struct aigw_model_request request = { .struct_size = sizeof request };
    struct wire_drops drops = { .status = AIGW_OK };
    struct gemini_refusal refusal = { .http_status = 0 };
    struct gemini_asked asked;
    aigw_status status = gemini_read_request(host, ctx(), kind, body, &asked, &request, &refusal);

    if (status == AIGW_E_INVALID && (refusal.http_status != 400 || refusal.message.len == 0))
        abort();
    return status == AIGW_OK ? gemini_body(host, ctx(), model, &request, &quirks, &drops, ret_body) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint32_t kinds[] = { AIGW_CALL_CHAT, AIGW_CALL_CHAT, AIGW_CALL_COUNT, AIGW_CALL_EMBEDDING };
    static const char *const models[] = { "gemini-2.5-flash", "gemini-2.0-flash", "gemini-3-pro-preview", "x" };
    struct aigw_host host = server_host();
    aigw_str model, first, second;
    uint32_t kind;
    char *exact;

    if (len < 2)
        return 0;
    kind = kinds[bytes[0] & 3];
    model = wire_str(models[bytes[0] >> 2 & 3]);
    exact = malloc(len - 1);
    if (!exact)
        abort();
    memcpy(exact, bytes + 1, len - 1);
    if (there_and_back(&host, kind, model, (aigw_str){ exact, len - 1 }, &first) == AIGW_OK &&
        !gemini_wants_openapi_schema(model) && /* that form has room for less each time */
        (there_and_back(&host, kind, model, first, &second) != AIGW_OK || second.len != first.len ||
         memcmp(first.ptr, second.ptr, first.len) != 0))
        abort();
    server_host_free(&record);
    free(exact);
    return 0;
}
