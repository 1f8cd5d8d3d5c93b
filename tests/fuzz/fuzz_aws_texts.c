/* fuzz_aws_texts.c - the texts that AWS's credentials come in: the token service's XML, the files of profiles, times,
 * ARNs. The first byte chooses which; whatever comes out lies inside what went in, or is shorter. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/aws/aws.h"
#include "../../plugins/dialects/common/tests/record.h"

static struct record record;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_inside(aigw_str piece, aigw_str whole)
{
    check(piece.len == 0 || (piece.ptr >= whole.ptr && piece.ptr + piece.len <= whole.ptr + whole.len));
}

static void read_xml(aigw_str text)
{
    struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)&record;
    struct aws_keys keys;
    int64_t expires_s;

    check(aws_xml_text(&record_host, ctx, text, "Message").len <= text.len);
    if (aws_sts_read(&record_host, ctx, text, &keys, &expires_s))
        check(keys.access_key_id.len > 0 && keys.secret_access_key.len > 0 && keys.session_token.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *exact;
    aigw_str text;

    if (len < 1)
        return 0;
    exact = malloc(len); /* reading beyond it is found */
    if (!exact)
        abort();
    memcpy(exact, bytes + 1, len - 1);
    text = (aigw_str){ exact, len - 1 };
    switch (bytes[0] & 3) {
    case 0:
        read_xml(text);
        break;
    case 1:
        check_inside(aws_profile_get(text, AIGW_STR("work"), bytes[0] & 4, "role_arn"), text);
        aws_profile_exists(text, AIGW_STR("default"), bytes[0] & 4);
        break;
    case 2:
        check(aws_read_time(text) >= -1 || text.len > 0);
        check_inside(aws_arn_region(text), text);
        break;
    default: {
        struct aws_keys keys;

        if (aws_keys_of(text, &keys))
            check_inside(keys.session_token, text);
    }
    }
    record_free(&record);
    free(exact);
    return 0;
}
