/* What trees and pools take, and what becomes of them when there is no more. */
#include <aigw/json.h>

#include <check.h>

#include "tests.h"

static void *no_memory(void *user, size_t len)
{
    (void)user;
    (void)len;
    return NULL;
}

START_TEST(trees_stay_within_their_limit)
{
    size_t len = (size_t)15 << 20;
    char *text = malloc(len);
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, 100000), none = { no_memory, NULL, SIZE_MAX };
    const struct aigw_json_node *root;
    struct aigw_json checked;

    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 ? ',' : '0';
    text[0] = '[';
    text[1] = '0';
    text[len - 2] = '0';
    text[len - 1] = ']';
    text[2] = ' ';
    ck_assert_int_eq(aigw_json_check((aigw_str){ text, len }, 0, &checked, NULL), AIGW_OK);
    ck_assert_uint_eq(aigw_json_count(&checked), len / 2 - 1);
    ck_assert_int_eq(aigw_json_tree((aigw_str){ text, len }, 0, &memory, &root, NULL), AIGW_E_LIMIT);
    ck_assert_ptr_null(root);
    ck_assert_int_eq(aigw_json_tree(AIGW_STR("[1]"), 0, &none, &root, NULL), AIGW_E_NOMEM);
    aigw_pool_free(&pool);
    free(text);
}
END_TEST

START_TEST(every_shortage_of_memory_is_survived)
{
    static const char text[] = "{\"a\":[1,\"\\n\",{\"b\\n\":null}],\"c\":1.5}";
    size_t limit = 0;
    aigw_status status;

    do {
        struct aigw_pool pool = { NULL };
        struct aigw_memory memory = aigw_pool_memory(&pool, limit++);
        const struct aigw_json_node *root;

        status = aigw_json_tree(AIGW_STR(text), 0, &memory, &root, NULL);
        ck_assert(status == AIGW_OK || (status == AIGW_E_LIMIT && !root));
        aigw_pool_free(&pool);
    } while (status != AIGW_OK);
    ck_assert_uint_gt(limit, 7 * sizeof(struct aigw_json_node));
}
END_TEST

START_TEST(pools_give_aligned_memory_of_any_size)
{
    static const size_t sizes[] = { 1, 0, 15, 4000, 5000, 17, 3 << 20, 1, 100000 };
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, SIZE_MAX);

    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *got = aigw_memory_get(&memory, sizes[i]);

        ck_assert_ptr_nonnull(got);
        ck_assert_uint_eq((uintptr_t)got % 16, 0);
        memset(got, 7, sizes[i]);
    }
    ck_assert_ptr_null(aigw_memory_get(&memory, SIZE_MAX / 2 + 1));
    aigw_pool_free(&pool);
    ck_assert_ptr_null(pool.blocks);
}
END_TEST

TCase *json_memory_case(void)
{
    TCase *json = tcase_create("json memory");

    tcase_add_test(json, trees_stay_within_their_limit);
    tcase_add_test(json, every_shortage_of_memory_is_survived);
    tcase_add_test(json, pools_give_aligned_memory_of_any_size);
    return json;
}
