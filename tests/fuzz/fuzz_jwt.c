/* fuzz_jwt.c - the text of a bearer token through the strict parser, and base64url both ways.
 *
 * First byte's lowest bit: signature bypass. Second bit set: the rest is the payload's JSON, wrapped into a token, so
 * that the fuzzer reaches the claims without finding base64url first; third bit: the rest is the header's. */
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claims(const struct gw_claims *claims, const struct gw_token_rules *rules)
{
    const char *end = (const char *)claims + claims->size;
    const aigw_str kept[] = { claims->issuer,       claims->subject,    claims->realm, claims->instance_id,
                              claims->instance_uid, claims->seat_count, claims->extra };

    if (claims->exp_s + rules->leeway_s < rules->now_s)
        abort();
    for (size_t i = 0; i < GW_ARRAY_LEN(kept); i++) {
        if (kept[i].len > 0 && (kept[i].ptr < (const char *)claims || kept[i].ptr + kept[i].len > end))
            abort();
    }
    for (uint32_t i = 0; i < claims->scope_count; i++) {
        if (claims->scopes[i].len > 0 && claims->scopes[i].ptr + claims->scopes[i].len > end)
            abort();
    }
}

/** What decodes must encode to the same text: there is one spelling. */
static void check_base64url(aigw_str text)
{
    unsigned char bytes[4096];
    struct gw_buf back;
    size_t len;

    if (gw_base64url_decode(text, bytes, sizeof bytes, &len) != AIGW_OK)
        return;
    gw_buf_init(&back, 8192);
    gw_base64url_put(&back, bytes, len);
    if (!gw_str_eq(gw_buf_str(&back), text))
        abort();
    gw_buf_done(&back);
}

static void wrap(struct gw_buf *out, const uint8_t *json, size_t len, bool is_payload)
{
    static const char header[] = "{\"alg\":\"RS256\"}", payload[] = "{\"aud\":\"gw\",\"exp\":9999999999}";

    if (is_payload)
        gw_base64url_put(out, header, sizeof header - 1);
    else
        gw_base64url_put(out, json, len);
    gw_buf_puts(out, ".");
    if (is_payload)
        gw_base64url_put(out, json, len);
    else
        gw_base64url_put(out, payload, sizeof payload - 1);
    gw_buf_puts(out, ".AAAA");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_token_rules rules = { .service_name = "gw", .now_s = 1000000000, .leeway_s = 10 };
    char issuer[GW_ISSUER_TEXT_MAX];
    struct gw_token token;
    struct gw_err why = { "" };
    struct gw_buf text;

    if (size == 0)
        return 0;
    rules.any_algorithm = data[0] & 1;
    gw_buf_init(&text, 1 << 20);
    if (data[0] & 6)
        wrap(&text, data + 1, size - 1, data[0] & 2);
    else
        gw_buf_put(&text, (const char *)data + 1, size - 1);
    if (gw_token_parse(gw_buf_str(&text), &rules, &token, issuer, &why) == AIGW_OK)
        check_claims(token.claims, &rules);
    else if (!why.text[0])
        abort(); /* every refusal has its reason */
    for (const char *c = issuer; *c; c++) {
        if (*c < ' ' || *c > '~')
            abort();
    }
    gw_token_done(&token);
    gw_buf_done(&text);
    check_base64url((aigw_str){ (const char *)data, size });
    return 0;
}
