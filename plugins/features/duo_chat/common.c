/* common.c - what both routes do: read the body, ask the core's settings. */
#include "../common/model_fault.h"
#include "duo_chat.h"

aigw_status chat_check_body(const struct duo_chat *chat, struct aigw_ctx *ctx, const struct aigw_request *request,
                            const struct aigw_body_table *table, void *ret)
{
    return aigw_body_of_request(chat->host, ctx, request, table, AIGW_JSON_NAN, model_fault_refuse, (void *)chat->host,
                                ret);
}

bool chat_is_cut_off(const struct duo_chat *chat, struct aigw_ctx *ctx)
{
    const struct aigw_host *host = chat->host;

    if (!chat_str_is(host->header(ctx, "X-Gitlab-Feature-Enablement-Type"), "duo_core") ||
        !chat_str_is(host->setting(ctx, "flags.chat_core_cutoff"), "true"))
        return false;
    host->respond_detail(ctx, 403, "Duo Core no longer authorized to access Duo Classic Chat");
    return true;
}

int64_t chat_core_number(const struct duo_chat *chat, struct aigw_ctx *ctx, const char *path, int64_t otherwise)
{
    aigw_str text = chat->host->setting(ctx, path);
    int64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > INT64_MAX / 10 - 9)
            return otherwise;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return text.len ? value : otherwise;
}

aigw_status chat_keep(const struct duo_chat *chat, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret)
{
    char *copy;

    *ret = text.ptr ? AIGW_STR("") : AIGW_STR_NONE;
    if (!text.len)
        return AIGW_OK;
    copy = chat->host->alloc(ctx, AIGW_LIFE_REQUEST, text.len);
    if (!copy)
        return AIGW_E_NOMEM;
    memcpy(copy, text.ptr, text.len);
    *ret = (aigw_str){ copy, text.len };
    return AIGW_OK;
}
