/* region.c - regions, ARNs, host names. */
#include "aws.h"

#include <string.h>

aigw_str aws_cut(aigw_str *rest, char mark)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    aigw_str piece = { rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len };

    *rest = at ? (aigw_str){ at + 1, rest->len - piece.len - 1 } : AIGW_STR_NONE;
    return piece;
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

    if (!wire_has_prefix(arn, "arn:"))
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
        if (wire_has_prefix(region, partitions[i].prefix))
            return partitions[i].domain;
    return "amazonaws.com";
}
