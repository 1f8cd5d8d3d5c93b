/* A client's body of the Messages API: reading it must end without a fault; a refusal has words; what was read can be
 * written again, or is refused, and is JSON then. */
#include <stdlib.h>
#include <string.h>

#include "anthropic/anthropic.h"
#include "anthropic/anthropic_server.h"
#include "common/tests/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct host *host, const struct anthropic_asked *asked, const struct aigw_model_request *req)
{
    static const struct anthropic_quirks quirks = { .max_tokens = 4096, .cache_ttl = "5m" };
    struct wire_drops drops = { .first = NULL };
    aigw_str body;

    if (anthropic_body(&test_host, host_ctx(host), asked->model, req, &quirks, &drops, &body) != AIGW_OK)
        return;
    if (!wire_is_json_object(body))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_model_request req = { .struct_size = sizeof req };
    uint32_t kind = (size % 2 ? AIGW_CALL_CHAT : AIGW_CALL_COUNT) | (size % 4 < 2 ? ANTHROPIC_FOR_OTHERS : 0);
    struct anthropic_refusal refusal = { .http_status = 0 };
    struct anthropic_asked asked;
    struct host host = { .taken = 0 };
    char *body = malloc(size ? size : 1);
    aigw_status status;

    if (!body)
        return 0;
    if (size)
        memcpy(body, data, size);
    status =
        anthropic_read_request(&test_host, host_ctx(&host), kind, (aigw_str){ body, size }, &asked, &req, &refusal);
    if (status != AIGW_OK && (status != AIGW_E_INVALID || refusal.message.len == 0 || refusal.http_status != 400))
        __builtin_trap();
    if (status == AIGW_OK) {
        if (asked.model_len == 0 || asked.model_at + asked.model_len > size || asked.insert_at == 0 ||
            asked.insert_at > asked.model_at)
            __builtin_trap();
        check_written(&host, &asked, &req);
    }
    host_free(&host);
    free(body);
    return 0;
}
