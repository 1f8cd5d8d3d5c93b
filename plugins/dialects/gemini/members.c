/* members.c - see members.h. */
#include "members.h"

#include <string.h>

/* "generation_config" is generation_config or generationConfig. */
static bool is_name(aigw_str word, const char *name)
{
    size_t at = 0;

    for (; *name; name++, at++) {
        bool is_joint = *name == '_';

        if (at == word.len)
            return false;
        if (is_joint && word.ptr[at] == '_')
            continue;
        if (is_joint) {
            name++;
            if (word.ptr[at] != (*name >= 'a' && *name <= 'z' ? *name & ~0x20 : *name))
                return false;
        } else if (word.ptr[at] != *name) {
            return false;
        }
    }
    return at == word.len;
}

size_t gemini_key_of(const struct aigw_json *key, const char *const *names, size_t count)
{
    const aigw_str word = key->text.len >= 2 ? (aigw_str){ key->text.ptr + 1, key->text.len - 2 } : key->text;
    size_t i = 0;

    while (i < count && !is_name(word, names[i]))
        i++;
    return i;
}

void gemini_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;
    size_t i;

    memset(ret, 0, count * sizeof *ret);
    while (walk.is_object && aigw_json_next(&walk, &key, &value)) {
        i = gemini_key_of(&key, names, count);
        if (i < count)
            ret[i] = value;
    }
}

bool gemini_member(const struct aigw_json *object, const char *name, struct aigw_json *ret)
{
    gemini_members(object, &name, 1, ret);
    return ret->type != AIGW_JSON_ABSENT;
}

aigw_str gemini_str(struct reader *r, const struct aigw_json *object, const char *name)
{
    struct aigw_json value;

    return gemini_member(object, name, &value) ? reader_text(r, &value) : AIGW_STR_NONE;
}

int64_t gemini_tokens_in(const struct aigw_json *object, const char *name)
{
    struct aigw_json value;

    gemini_member(object, name, &value);
    return reader_tokens(&value);
}
