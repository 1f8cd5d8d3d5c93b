/* A body by a table with a row of every kind: reading ends without a fault of ours, a good body keeps the table's
 * promises, faults are always a JSON list, and memory is no more than the text is worth. */
#include <stdlib.h>
#include <string.h>

#include <aigw/body.h>

#define MEMORY_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
    uint32_t kind;
    aigw_str text;
    struct aigw_body_list parts;
};

struct all {
    uint32_t version;
    aigw_str name, word, any, either;
    int64_t count;
    bool flag;
    double ratio;
    struct part part;
    struct aigw_body_list words, matrix, parts, map, choices;
};

static const struct aigw_body_table part_table;

static const struct aigw_body_field part_fields[] = {
    { .name = "s", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, .offset = offsetof(struct part, text) },
    { .name = "l",
      .type = AIGW_BODY_LIST,
      .offset = offsetof(struct part, parts),
      .table = &part_table,
      .variants = 0x2 },
};

static const struct aigw_body_table part_table = { AIGW_BODY_FIELDS(part_fields),
                                                   .size = sizeof(struct part),
                                                   .tag = "t",
                                                   .tags = "a|b",
                                                   .default_variant = 1,
                                                   .variant_offset = offsetof(struct part, kind) };

static const struct aigw_body_field a_word = { .type = AIGW_BODY_STRING, .max = 3 };
static const struct aigw_body_field an_int = { .type = AIGW_BODY_INT, .low = -5, .high = 5 };
static const struct aigw_body_field a_row = { .type = AIGW_BODY_LIST, .item = &an_int, .max = 2 };

#define AT(field) .offset = offsetof(struct all, field)

static const struct aigw_body_field fields[] = {
    { .name = "s", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_STRIP, AT(name), .min = 1, .max = 5 },
    { .name = "w", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_BEFORE_TAG, AT(word), .words = "a|b" },
    { .name = "q", .type = AIGW_BODY_STRING, .offset = AIGW_BODY_NOWHERE, .max = 4 },
    { .name = "i", .type = AIGW_BODY_INT, .flags = AIGW_BODYF_NULLABLE, AT(count), .low = 1, .high = 9 },
    { .name = "b", .type = AIGW_BODY_BOOL, AT(flag) },
    { .name = "n", .type = AIGW_BODY_NUMBER, AT(ratio) },
    { .name = "o", .type = AIGW_BODY_OBJECT, AT(part), .table = &part_table },
    { .name = "l", .type = AIGW_BODY_LIST, AT(words), .item = &a_word, .max = 3 },
    { .name = "m", .type = AIGW_BODY_LIST, AT(matrix), .item = &a_row },
    { .name = "p", .type = AIGW_BODY_LIST, AT(parts), .table = &part_table },
    { .name = "k", .type = AIGW_BODY_MAP, AT(map), .item = &a_word },
    { .name = "a", .type = AIGW_BODY_ANY, AT(any) },
    { .name = "e", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_OR, AT(either) },
    { .name = "e", .type = AIGW_BODY_LIST, AT(choices), .item = &a_word },
};

static const struct aigw_body_table table = { AIGW_BODY_FIELDS(fields),
                                              .size = sizeof(struct all),
                                              .tag = "v",
                                              .tags = "1|2",
                                              .tag_is_number = true,
                                              .default_variant = 1,
                                              .variant_offset = offsetof(struct all, version) };

static void must(bool is_so)
{
    if (!is_so)
        __builtin_trap();
}

static void check_parts(struct aigw_body_list list)
{
    const struct part *parts = list.items;

    for (size_t i = 0; i < list.count; i++) {
        must(parts[i].kind < 2 && aigw_utf8_is_valid(parts[i].text));
        check_parts(parts[i].parts);
    }
}

static void check_promises(const struct all *all)
{
    const aigw_str *words = all->words.items;
    const struct aigw_body_list *rows = all->matrix.items;
    const struct aigw_body_pair *pairs = all->map.items;
    struct aigw_json value;

    must(all->version < 2 && (!all->name.ptr || (all->name.len && aigw_utf8_count(all->name) <= 5)));
    must(aigw_utf8_is_valid(all->name) && aigw_utf8_is_valid(all->either) && (!all->word.ptr || all->word.len == 1));
    must(all->count >= 0 && all->count <= 9 && all->ratio == all->ratio && all->words.count <= 3);
    for (size_t i = 0; i < all->words.count; i++)
        must(aigw_utf8_count(words[i]) <= 3);
    for (size_t i = 0; i < all->matrix.count; i++)
        for (size_t k = 0; k < rows[i].count; k++)
            must(rows[i].count <= 2 && ((const int64_t *)rows[i].items)[k] >= -5);
    for (size_t i = 0; i < all->map.count; i++)
        must(aigw_utf8_is_valid(pairs[i].name) && aigw_utf8_count(pairs[i].value) <= 3);
    check_parts(all->parts);
    must(!all->any.ptr || aigw_json_check(all->any, AIGW_JSON_STRICT, &value, NULL) == AIGW_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
    struct aigw_body body = { .memory = &memory, .options = size ? data[0] % 4 : 0 };
    struct all all;
    struct aigw_json value;
    aigw_str faults;
    char *copy;
    aigw_status status;

    data += size > 0;
    size -= size > 0;
    copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    status = aigw_body_read(&body, &table, (aigw_str){ copy, size }, &all);
    must(status == AIGW_OK || status == AIGW_E_INVALID);
    must((status == AIGW_OK) == (body.fault_count == 0) && (body.fault_count == 0) == !body.faults);
    if (status == AIGW_OK)
        check_promises(&all);
    must(MEMORY_MAX - memory.left <= 200000 + size * 100);
    must(aigw_body_list_faults(&body, &faults) == AIGW_OK);
    must(aigw_json_check(faults, AIGW_JSON_STRICT, &value, NULL) == AIGW_OK && value.type == AIGW_JSON_LIST);
    aigw_pool_free(&pool);
    free(copy);
    return 0;
}
