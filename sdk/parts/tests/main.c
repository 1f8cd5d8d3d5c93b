#include "tests.h"

int main(void)
{
    Suite *suite = suite_create("parts");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, json_case());
    suite_add_tcase(suite, json_memory_case());
    suite_add_tcase(suite, json_wanted_case());
    suite_add_tcase(suite, text_case());
    suite_add_tcase(suite, body_case());
    suite_add_tcase(suite, body_memory_case());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
