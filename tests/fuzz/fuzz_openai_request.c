/* A client's body in the OpenAI dialect: the first byte says which route's. It is read, or refused in words that are
 * themselves a sound error object. What was read can be written for a server, and what was written be read again. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/openai/tests/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(struct reading *r)
{
    struct aigw_buf *buf = server_host.buf_new(server_ctx(&r->world), AIGW_LIFE_BUILD, SIZE_MAX);
    aigw_str text = AIGW_STR_NONE;

    openai_put_refusal(&server_host, buf, &r->refusal);
    if (r->refusal.message.len == 0 || r->refusal.code.len == 0 || server_host.buf_view(buf, &text) != AIGW_OK ||
        !wire_is_json_object(text))
        abort();
}

/* A server may refuse what it has no form for; what it does not refuse is a body like any other. For the Responses API
 * that is a chat's. */
static void check_body(struct reading *r, uint32_t path)
{
    struct openai_quirks quirks = openai_quirks_of(openai_profile("plain", AIGW_STR_NONE), AIGW_STR("m"));
    struct wire_drops drops = { .first = NULL };
    struct reading again;
    aigw_str out = AIGW_STR_NONE;

    if (path == OPENAI_RESPONSES)
        path = OPENAI_CHAT;
    if (openai_body(&server_host, server_ctx(&r->world), path, AIGW_STR("m"), &r->request, &quirks, &drops, &out) !=
        AIGW_OK)
        return;
    /* Messages that say nothing are left out, and that may be all of them. */
    if (reading_begin(&again, path, out.ptr, out.len, 0) != AIGW_OK && !wire_is(again.refusal.code, "empty_array"))
        abort();
    reading_end(&again);
}

static void check_marks(const struct reading *r)
{
    const struct aigw_raw *raw = &r->asked.raw;

    if (raw->insert_at > r->len || r->body[raw->insert_at - 1] != '{' || raw->model_at + raw->model_len > r->len ||
        raw->model_len < 2 || r->body[raw->model_at] != '"' || r->body[raw->model_at + raw->model_len - 1] != '"')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t paths[] = { OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_EMBEDDING, OPENAI_RESPONSES };
    uint32_t path = size > 0 ? paths[data[0] % 4] : OPENAI_CHAT;
    struct reading r;
    aigw_status status;

    if (size == 0)
        return 0;
    status = reading_begin(&r, path, (const char *)data + 1, size - 1, 0);
    if (status == AIGW_E_INVALID || status == AIGW_E_UNSUPPORTED)
        check_refusal(&r);
    else if (status != AIGW_OK)
        abort();
    if (status == AIGW_OK || status == AIGW_E_UNSUPPORTED)
        check_marks(&r);
    if (status == AIGW_OK)
        check_body(&r, path);
    reading_end(&r);
    return 0;
}
