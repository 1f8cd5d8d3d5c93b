/* Template text (first part of the input) against JSON variables (the rest): compiling and rendering must end, within
 * limits, without a fault, whatever the text. */
#include "prompt/prompt.h"

#include <json-c/json.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gw_mustache *itself(void *user, aigw_str name)
{
    return gw_str_is(name, "none") ? NULL : user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
    aigw_str text = { (const char *)data, cut ? (size_t)(cut - data) : size };
    struct aigw_pair pair = { AIGW_STR_INIT("x"), text };
    struct gw_mustache_vars vars = { .pairs = &pair, .pair_count = 1 };
    struct json_tokener *tokener = json_tokener_new_ex(16);
    struct gw_arena arena;
    struct gw_buf out;
    struct gw_err err;
    const struct gw_mustache *tmpl;

    gw_arena_init(&arena, (size_t)8 << 20);
    gw_buf_init(&out, (size_t)64 << 10);
    if (cut && tokener)
        vars.json = json_tokener_parse_ex(tokener, (const char *)cut + 1, (int)(size - text.len - 1));
    tmpl = gw_mustache_compile(&arena, text, &err);
    if (tmpl)
        gw_mustache_render(tmpl, &vars, itself, (void *)(uintptr_t)tmpl, &out, &err);
    {
        static const char *const versions[] = { "1.0.0", "1.1.0-dev", "2.0" };
        size_t index = 0;

        if (gw_version_pick(text, versions, 3, &index) == AIGW_OK && index > 2)
            __builtin_trap();
    }
    json_object_put(vars.json);
    json_tokener_free(tokener);
    gw_buf_done(&out);
    gw_arena_done(&arena);
    return 0;
}
