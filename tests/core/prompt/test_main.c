/* Prompt folder: template engine, version constraints, store. */
#include "tests.h"

#include <stdlib.h>

int main(void)
{
    Suite *suite = suite_create("prompt");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, mustache_case());
    suite_add_tcase(suite, version_case());
    suite_add_tcase(suite, store_case());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
