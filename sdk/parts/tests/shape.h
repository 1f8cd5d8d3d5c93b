/* shape.h - a table with a row of every kind, for the tests of bodies. */
#ifndef PARTS_TESTS_SHAPE_H
#define PARTS_TESTS_SHAPE_H

#include <aigw/body.h>

struct part {
    uint32_t kind; /* 0 text, 1 image, 2 group */
    aigw_str text, url;
    struct aigw_body_list parts; /* of a group: struct part */
};

struct place {
    int64_t x, y;
};

struct shape {
    uint32_t version, given;
    aigw_str name, word, url, secret, any, either;
    int64_t count, many;
    bool flag;
    double ratio;
    struct place place;
    aigw_str flat_a;
    struct aigw_body_list words, numbers, reals, flags, matrix, parts, map, texts, choices;
    int checks;
};

#define GIVEN_COUNT 0x1u
#define GIVEN_RATIO 0x4u

extern const struct aigw_body_table part_table, place_table, shape_table;
extern const struct aigw_body_field any_word;

#define SHAPE_V "\"version\":1,\"name\":\"box\"" /* what each shape must have */

#endif
