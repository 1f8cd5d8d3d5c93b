/* carry.c - signatures on their way through this dialect. Clients decode them as base64 and die on anything else, so
 * the whole of another vendor's, with its mark, is base64: other than what common/carry.h has for dialects whose
 * clients take any text. */
#include "gemini_server.h"

#include "../common/carry.h"

#include <string.h>

/* What other clients send where they have none. */
static bool is_none(aigw_str text)
{
    return wire_is(text, "skip_thought_signature_validator") || wire_is(text, "context_engineering_is_the_way_to_go");
}

aigw_status gemini_carry_read(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret_origin,
                              aigw_str *ret_data)
{
    aigw_str bytes;

    *ret_origin = *ret_data = AIGW_STR_NONE;
    if (text.len == 0 || is_none(text))
        return AIGW_OK;
    bytes = wire_is_base64(text) ? wire_from_base64(host, ctx, text) : AIGW_STR_NONE;
    if (carry_split(bytes, ret_origin, ret_data)) /* data is absent when it is not as we wrote it */
        return AIGW_OK;
    *ret_origin = AIGW_STR("gemini");
    *ret_data = text;
    return wire_is_base64(text) ? wire_usual_base64(host, ctx, ret_data) : AIGW_OK;
}

aigw_status gemini_carry_write(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str origin, aigw_str data,
                               aigw_str *ret_text)
{
    size_t len = strlen(CARRY_MARK) + origin.len + 1 + data.len;
    char *plain, *text;

    *ret_text = data;
    if (data.len == 0 || (wire_is(origin, "gemini") && wire_is_base64(data)))
        return AIGW_OK;
    plain = host->alloc(ctx, AIGW_LIFE_REQUEST, len);
    text = host->alloc(ctx, AIGW_LIFE_REQUEST, CARRY_BASE64_SIZE(len));
    if (!plain || !text)
        return AIGW_E_NOMEM;
    memcpy(plain, CARRY_MARK, strlen(CARRY_MARK));
    if (origin.len > 0)
        memcpy(plain + strlen(CARRY_MARK), origin.ptr, origin.len);
    plain[strlen(CARRY_MARK) + origin.len] = '.';
    memcpy(plain + strlen(CARRY_MARK) + origin.len + 1, data.ptr, data.len);
    *ret_text = (aigw_str){ text, carry_base64((aigw_str){ plain, len }, text) };
    return AIGW_OK;
}
