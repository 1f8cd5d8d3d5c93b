/* language.c - see language.h. */
#include "language.h"

#include <string.h>

#include "language_table.h"

static const struct cs_language *find(const struct entry *table, size_t count, aigw_str key)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2, len = strlen(table[mid].key), common = len < key.len ? len : key.len;
        int order = common ? memcmp(key.ptr, table[mid].key, common) : 0;

        if (!order && len == key.len)
            return &table[mid].language;
        if (order < 0 || (!order && key.len < len))
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

aigw_str cs_extension(aigw_str file_name)
{
    size_t base = file_name.len, dot;

    while (base > 0 && file_name.ptr[base - 1] != '/')
        base--;
    while (base < file_name.len && file_name.ptr[base] == '.') /* dots in front are part of the name */
        base++;
    for (dot = file_name.len; dot > base; dot--)
        if (file_name.ptr[dot - 1] == '.')
            return (aigw_str){ file_name.ptr + dot, file_name.len - dot };
    return AIGW_STR_NONE;
}

const struct cs_language *cs_language_of_extension(aigw_str extension)
{
    return extension.len ? find(extensions, sizeof extensions / sizeof *extensions, extension) : NULL;
}

const struct cs_language *cs_language_of_editor(aigw_str language_identifier)
{
    return language_identifier.len ? find(editor_ids, sizeof editor_ids / sizeof *editor_ids, language_identifier)
                                   : NULL;
}
