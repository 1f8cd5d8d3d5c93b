/* unpack.c - see unpack.h: what all codings have in common. */
#include "base/unpack_engine.h"

#include <stdlib.h>

enum unpack_state {
    UNPACK_BEGINS, /* the first bytes do not tell yet */
    UNPACK_AS_IS,  /* labelled and not so */
    UNPACK_MIDDLE,
    UNPACK_ENDED, /* at the end of a part: a member, a frame */
    UNPACK_BROKEN
};

struct gw_unpack {
    const struct gw_unpack_engine *engine;
    void *library; /* the engine's; NULL before it begins */
    enum gw_coding coding;
    enum unpack_state state;
    bool has_max;
    char first[GW_BEGIN_MAX];
    size_t first_len;
    aigw_str held; /* of `first`, goes before any input */
    uint64_t in, out;
    const char *problem;
};

enum gw_coding gw_coding_of(aigw_str text)
{
    text = gw_str_trim(text);
    if (text.len == 0 || gw_str_eq_ci(text, AIGW_STR("identity")))
        return GW_CODING_NONE;
    if (gw_str_eq_ci(text, AIGW_STR("gzip")) || gw_str_eq_ci(text, AIGW_STR("x-gzip")))
        return GW_CODING_GZIP;
    if (gw_str_eq_ci(text, AIGW_STR("zstd")))
        return GW_CODING_ZSTD;
    return gw_str_eq_ci(text, AIGW_STR("deflate")) ? GW_CODING_DEFLATE : GW_CODING_UNKNOWN;
}

bool gw_coding_is_packed(enum gw_coding coding)
{
    return coding != GW_CODING_NONE && coding != GW_CODING_UNKNOWN;
}

enum gw_coding gw_coding_of_text(char first)
{
    return first == 0x1f ? GW_CODING_GZIP : first == 0x28 ? GW_CODING_ZSTD : GW_CODING_NONE;
}

struct gw_unpack *gw_unpack_new(enum gw_coding coding, bool has_max)
{
    struct gw_unpack *unpack = calloc(1, sizeof *unpack);

    if (!unpack)
        return NULL;
    unpack->engine = coding == GW_CODING_ZSTD ? &gw_unpack_zstd : &gw_unpack_zlib;
    unpack->coding = coding;
    unpack->has_max = has_max;
    return unpack;
}

void gw_unpack_free(struct gw_unpack *unpack)
{
    if (!unpack)
        return;
    if (unpack->library)
        unpack->engine->close(unpack->library);
    free(unpack);
}

static enum gw_unpack_step refuse(struct gw_unpack *unpack, const char *problem)
{
    unpack->state = UNPACK_BROKEN;
    unpack->problem = problem;
    return GW_UNPACK_BROKEN;
}

/** Takes a byte; the first ones decide how to go on. False when out of memory. */
static bool look_at_begin(struct gw_unpack *unpack, aigw_str *input)
{
    aigw_str first;

    unpack->first[unpack->first_len++] = input->ptr[0];
    *input = (aigw_str){ input->ptr + 1, input->len - 1 };
    first = (aigw_str){ unpack->first, unpack->first_len };
    switch (unpack->engine->begins(unpack->coding, first)) {
    case GW_BEGIN_UNSURE:
        return true;
    case GW_BEGIN_NO:
        unpack->state = UNPACK_AS_IS;
        break;
    case GW_BEGIN_YES:
        unpack->state = UNPACK_MIDDLE;
        unpack->library = unpack->engine->open(unpack->coding, first);
        break;
    }
    unpack->held = first;
    return unpack->library || unpack->state == UNPACK_AS_IS;
}

static enum gw_unpack_step go_on(struct gw_unpack *unpack, aigw_str *input, char *out, size_t out_size,
                                 aigw_str *ret_data)
{
    size_t before = input->len, made = 0;
    const char *problem = NULL;
    enum gw_run run = unpack->engine->run(unpack->library, input, out, out_size, &made, &problem);

    if (run == GW_RUN_BROKEN)
        return refuse(unpack, problem);
    unpack->in += before - input->len;
    unpack->out += made;
    if (!unpack->has_max && unpack->out > GW_UNPACK_FREE && unpack->out / GW_UNPACK_RATIO > unpack->in)
        return refuse(unpack, "its compressed body unpacks to more than 256 times its size");
    if (run == GW_RUN_END)
        unpack->state = UNPACK_ENDED;
    *ret_data = (aigw_str){ out, made };
    if (made > 0)
        return GW_UNPACK_DATA;
    if (input->len > 0 && input->len == before && run != GW_RUN_END) /* it would stand still for ever */
        return refuse(unpack, GW_UNPACK_DAMAGED);
    return GW_UNPACK_MORE;
}

enum gw_unpack_step gw_unpack_step(struct gw_unpack *unpack, aigw_str *input, char *out, size_t out_size,
                                   aigw_str *ret_data)
{
    for (;;) {
        aigw_str *from = unpack->held.len > 0 ? &unpack->held : input;
        enum gw_unpack_step step;

        if (unpack->state == UNPACK_BROKEN)
            return GW_UNPACK_BROKEN;
        if (from->len == 0 && unpack->state != UNPACK_MIDDLE)
            return GW_UNPACK_MORE;
        switch (unpack->state) {
        case UNPACK_AS_IS:
            *ret_data = *from;
            *from = (aigw_str){ from->ptr + from->len, 0 };
            return GW_UNPACK_DATA;
        case UNPACK_ENDED:
            if (!unpack->engine->again(unpack->library, (unsigned char)from->ptr[0]))
                return refuse(unpack, "bytes follow the end of its compressed body");
            unpack->state = UNPACK_MIDDLE;
            break;
        case UNPACK_MIDDLE:
            step = go_on(unpack, from, out, out_size, ret_data);
            if (step != GW_UNPACK_MORE || (unpack->held.len == 0 && input->len == 0))
                return step;
            break;
        default:
            if (!look_at_begin(unpack, input))
                return refuse(unpack, GW_UNPACK_NO_MEMORY);
            break;
        }
    }
}

bool gw_unpack_may_end(const struct gw_unpack *unpack)
{
    return (unpack->state == UNPACK_BEGINS && unpack->first_len == 0) || unpack->state == UNPACK_AS_IS ||
           unpack->state == UNPACK_ENDED;
}

const char *gw_unpack_problem(const struct gw_unpack *unpack)
{
    return unpack->problem;
}
