/* stateless.c - paths that need a memory or a protocol that this gateway does not have. Clients
 * act on status and code: a WebSocket that is not there has to be refused as such, or they try it for long. */
#include "openai_api.h"

#include <string.h>

static const struct {
    uint32_t tag, status;
    struct openai_error error;
    const char *message;
} rows[] = {
    { OPENAI_API_SOCKET,
      426,
      { .type = "invalid_request_error", .code = AIGW_STR_INIT("upgrade_required") },
      "responses are not served over WebSockets: send them with POST" },
    { OPENAI_API_NO_STATE,
      404,
      { .type = "invalid_request_error", .code = AIGW_STR_INIT("not_found") },
      "no such response: this gateway keeps none; send the whole conversation in 'input'" },
    { OPENAI_API_NO_SHRINK,
      400,
      { .type = "invalid_request_error", .code = AIGW_STR_INIT("unsupported_parameter") },
      "conversations are not made shorter here: leave turns out of 'input'" },
};

aigw_status openai_api_stateless(struct aigw_ctx *ctx, struct openai_api_call *call, uint32_t tag)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].tag == tag) {
            openai_put_error(call->api->host, call->answer.buf, &rows[i].error,
                             (aigw_str){ rows[i].message, strlen(rows[i].message) });
            return client_answer_refuse(&call->answer, ctx, rows[i].status, AIGW_NO, -1);
        }
    return AIGW_E_STATE;
}
