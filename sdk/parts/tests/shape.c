/* shape.c - see shape.h. */
#include "shape.h"

#include <check.h>
#include <math.h>

#include "tests.h"

static const struct aigw_body_field part_fields[] = {
    { .name = "text",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct part, text),
      .variants = 0x1 },
    { .name = "url",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_URL,
      .offset = offsetof(struct part, url),
      .variants = 0x2 },
    { .name = "parts",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct part, parts),
      .table = &part_table,
      .variants = 0x4 },
};

const struct aigw_body_table part_table = {
    AIGW_BODY_FIELDS(part_fields), .size = sizeof(struct part), .tag = "type",
    .tags = "text|image|group",    .default_variant = 1,        .variant_offset = offsetof(struct part, kind)
};

static void check_place(struct aigw_body *body, void *object)
{
    const struct place *place = object;

    if (aigw_body_is_good(body) && place->x > place->y)
        aigw_body_report(body, "x", "value_error", "Value error, x is behind y");
}

static const struct aigw_body_field place_fields[] = {
    { .name = "x", .type = AIGW_BODY_INT, .flags = AIGW_BODYF_REQUIRED, .offset = offsetof(struct place, x) },
    { .name = "y", .type = AIGW_BODY_INT, .offset = offsetof(struct place, y), .default_value = "10" },
};

const struct aigw_body_table place_table = { AIGW_BODY_FIELDS(place_fields), .size = sizeof(struct place),
                                             .check = check_place };

static const struct aigw_body_field flat_fields[] = {
    { .name = "a", .type = AIGW_BODY_STRING, .offset = offsetof(struct shape, flat_a), .default_value = "none" },
};

static const struct aigw_body_table flat_table = { AIGW_BODY_FIELDS(flat_fields) };

static void no_vowel(struct aigw_body *body, void *value)
{
    const aigw_str *text = value;

    if (text->len > 0 && strchr("aeiou", text->ptr[0]))
        aigw_body_report(body, NULL, "value_error", "Value error, begins with a vowel");
}

static void count_checks(struct aigw_body *body, void *object)
{
    struct shape *shape = object;
    struct aigw_json value;

    ck_assert(!aigw_body_member(body, "no such row", &value));
    ck_assert_int_eq(aigw_body_member(body, "word", &value), value.type != AIGW_JSON_ABSENT);
    ck_assert(aigw_body_member(body, "version", &value));
    shape->checks++;
}

const struct aigw_body_field any_word = { .type = AIGW_BODY_STRING, .max = 3 };
static const struct aigw_body_field any_int = { .type = AIGW_BODY_INT, .low = -5, .high = 5 };
static const struct aigw_body_field any_real = { .type = AIGW_BODY_NUMBER };
static const struct aigw_body_field any_flag = { .type = AIGW_BODY_BOOL };
static const struct aigw_body_field any_row = { .type = AIGW_BODY_LIST, .item = &any_int, .max = 2 };

#define AT(field) .offset = offsetof(struct shape, field)

static const struct aigw_body_field shape_fields[] = {
    { .name = "name",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_STRIP | AIGW_BODYF_BEFORE_TAG,
      AT(name),
      .min = 2,
      .max = 5,
      .check = no_vowel,
      .description = "what it is \"called\"" },
    { .name = "word", .type = AIGW_BODY_STRING, AT(word), .words = "red|green|blue", .default_value = "red" },
    { .name = "literal",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_LITERAL | AIGW_BODYF_NULLABLE,
      .offset = AIGW_BODY_NOWHERE,
      .words = "one" },
    { .name = "url", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_URL, AT(url) },
    { .name = "secret", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_SECRET, AT(secret), .max = 8 },
    { .name = "count",
      .type = AIGW_BODY_INT,
      .flags = AIGW_BODYF_NULLABLE,
      AT(count),
      .low = 1,
      .high = 20,
      .default_value = "3",
      .given = GIVEN_COUNT },
    { .name = "many", .alias = "howMany", .type = AIGW_BODY_INT, AT(many) },
    { .name = "flag", .type = AIGW_BODY_BOOL, AT(flag), .default_value = "true" },
    { .name = "ratio",
      .type = AIGW_BODY_NUMBER,
      AT(ratio),
      .low = 0,
      .high = 2,
      .default_value = "0.5",
      .given = GIVEN_RATIO },
    { .name = "free", .type = AIGW_BODY_NUMBER, .offset = AIGW_BODY_NOWHERE },
    { .name = "place", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_NULLABLE, AT(place), .table = &place_table },
    { .name = "flat", .type = AIGW_BODY_OBJECT, .table = &flat_table },
    { .name = "words", .type = AIGW_BODY_LIST, AT(words), .item = &any_word, .min = 1, .max = 3 },
    { .name = "numbers", .type = AIGW_BODY_LIST, AT(numbers), .item = &any_int },
    { .name = "reals", .type = AIGW_BODY_LIST, AT(reals), .item = &any_real },
    { .name = "flags", .type = AIGW_BODY_LIST, AT(flags), .item = &any_flag },
    { .name = "matrix", .type = AIGW_BODY_LIST, AT(matrix), .item = &any_row },
    { .name = "parts", .type = AIGW_BODY_LIST, AT(parts), .table = &part_table },
    { .name = "map", .type = AIGW_BODY_MAP, AT(map), .max = 2 },
    { .name = "texts", .type = AIGW_BODY_MAP, AT(texts), .item = &any_word },
    { .name = "any", .type = AIGW_BODY_ANY, AT(any) },
    { .name = "either", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_OR | AIGW_BODYF_NULLABLE, AT(either), .max = 4 },
    { .name = "either", .type = AIGW_BODY_LIST, AT(choices), .item = &any_word },
    { .name = "mixed", .type = AIGW_BODY_BOOL, .flags = AIGW_BODYF_OR, AT(flag) },
    { .name = "mixed", .type = AIGW_BODY_INT, .flags = AIGW_BODYF_OR, AT(many) },
    { .name = "mixed", .type = AIGW_BODY_MAP, .flags = AIGW_BODYF_OR, AT(map) },
    { .name = "mixed", .type = AIGW_BODY_LIST, .flags = AIGW_BODYF_OR, AT(numbers), .item = &any_int },
    { .name = "mixed", .type = AIGW_BODY_ANY, AT(any) },
    { .name = "note", .type = AIGW_BODY_STRING, .offset = AIGW_BODY_NOWHERE, .min = 2, .max = 4 },
    { .name = "by_version", .type = AIGW_BODY_STRING, AT(either), .variants = 0x1 },
    { .name = "by_version", .type = AIGW_BODY_OBJECT, AT(place), .table = &place_table, .variants = 0x2 },
};

const struct aigw_body_table shape_table = {
    AIGW_BODY_FIELDS(shape_fields),
    .size = sizeof(struct shape),
    .tag = "version",
    .tags = "1|2",
    .tag_is_number = true,
    .variant_offset = offsetof(struct shape, version),
    .has_given = true,
    .given_offset = offsetof(struct shape, given),
    .check = count_checks,
    .title = "Shape",
};
