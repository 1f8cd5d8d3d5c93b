/* place.c - see place.h. */
#include "place.h"

#include "../../common/aws/aws.h"

#include <string.h>

#define HINT_MAX 24u /* of a word in front of an ARN: "llama", "deepseek_r1" */

/* Words in front of a model's name that other gateways know: how it is to be called. Here it is always Converse. */
static bool is_way(aigw_str word)
{
    static const char *const words[] = { "converse", "converse_like", "invoke", "1-month-commitment",
                                         "6-month-commitment" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_is(word, words[i]))
            return true;
    return false;
}

struct bedrock_place bedrock_read_identifier(aigw_str identifier)
{
    struct bedrock_place place = { .id = identifier };
    aigw_str arn_region;

    while (!wire_has_prefix(place.id, "arn:")) {
        aigw_str rest = place.id, word = aws_cut(&rest, '/');

        if (rest.len == 0)
            break;
        if (aws_is_region(word))
            place.region = word;
        else if (!is_way(word) && !(wire_has_prefix(rest, "arn:") && word.len <= HINT_MAX))
            break;
        place.id = rest;
    }
    arn_region = aws_arn_region(place.id);
    if (arn_region.len > 0)
        place.region = arn_region;
    return place;
}

aigw_str bedrock_model_of_profile(aigw_str id)
{
    static const char *const places[] = { "us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global" };
    aigw_str rest = id, place = aws_cut(&rest, '.');

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (wire_is(place, places[i]) && rest.len > 0)
            return rest;
    return id;
}

bool bedrock_is_placeholder(aigw_str endpoint)
{
    return wire_contains(endpoint, "://bedrockselfhostedmodel.com");
}

/* The id may hold slashes and colons: as one part of a path it must not. */
static const char *path_of(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str id, const char *operation)
{
    struct aigw_buf *path = host->buf_new(ctx, AIGW_LIFE_BUILD, 8192);
    aigw_str text;

    if (!path)
        return NULL;
    host->buf_printf(path, "/model/");
    wire_put_encoded(host, path, id, "-_.~");
    host->buf_printf(path, "/%s", operation);
    return host->buf_view(path, &text) == AIGW_OK ? text.ptr : NULL;
}

const char *bedrock_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, bool use_fips,
                        const struct bedrock_place *place, const char *operation)
{
    static const char *const none[] = { NULL };
    const char *path = path_of(host, ctx, place->id, operation);

    if (!path)
        return NULL;
    if (base.len > 0)
        return wire_url(host, ctx, base, path, none);
    return host->format(ctx, AIGW_LIFE_BUILD, "https://bedrock-runtime%s.%.*s.%s%s", use_fips ? "-fips" : "",
                        AIGW_STR_ARG(place->region), aws_domain(place->region), path);
}
