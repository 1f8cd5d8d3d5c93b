/* region.c - regions, ARNs, host names, and text helpers of this folder. */
#include "aws.h"

#include <string.h>

aigw_str aws_str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

bool aws_is(aigw_str s, const char *literal)
{
    size_t len = strlen(literal);

    return s.len == len && (len == 0 || memcmp(s.ptr, literal, len) == 0);
}

bool aws_has_prefix(aigw_str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

aigw_str aws_cut(aigw_str *rest, char mark)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    aigw_str piece = { rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len };

    *rest = at ? (aigw_str){ at + 1, rest->len - piece.len - 1 } : AIGW_STR_NONE;
    return piece;
}

void aws_put_encoded(const struct aigw_host *host, struct aigw_buf *out, aigw_str text, const char *plain)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            memchr(plain, c, strlen(plain)))
            host->buf_put(out, &c, 1);
        else
            host->buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

const char *aws_copy(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    char *copy = host->alloc(ctx, AIGW_LIFE_BUILD, text.len + 1);

    if (!copy)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool is_made_of(aigw_str s, char first, char last)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < first || s.ptr[i] > last)
            return false;
    return s.len > 0;
}

/* "eu-central-1", "us-gov-west-1", "eusc-de-east-1": words, then a number. */
bool aws_is_region(aigw_str s)
{
    size_t words = 0;

    if (s.len > 32 || s.len == 0 || s.ptr[s.len - 1] == '-')
        return false;
    while (s.len > 0) {
        aigw_str piece = aws_cut(&s, '-');

        if (s.len == 0)
            return words >= 2 && piece.len <= 2 && is_made_of(piece, '0', '9');
        if (!is_made_of(piece, 'a', 'z') || piece.len > 12 || (words == 0 && (piece.len < 2 || piece.len > 4)))
            return false;
        words++;
    }
    return false;
}

aigw_str aws_arn_region(aigw_str arn)
{
    aigw_str region;

    if (!aws_has_prefix(arn, "arn:"))
        return AIGW_STR_NONE;
    for (int i = 0; i < 3; i++) /* arn, partition, service */
        aws_cut(&arn, ':');
    region = aws_cut(&arn, ':');
    return aws_is_region(region) ? region : AIGW_STR_NONE;
}

const char *aws_domain(aigw_str region)
{
    static const struct {
        const char *prefix, *domain;
    } partitions[] = {
        { "cn-", "amazonaws.com.cn" },    { "us-iso-", "c2s.ic.gov" },      { "us-isob-", "sc2s.sgov.gov" },
        { "us-isof-", "csp.hci.ic.gov" }, { "eu-isoe-", "cloud.adc-e.uk" }, { "eusc-", "amazonaws.eu" },
    };

    for (size_t i = 0; i < sizeof partitions / sizeof *partitions; i++)
        if (aws_has_prefix(region, partitions[i].prefix))
            return partitions[i].domain;
    return "amazonaws.com";
}
