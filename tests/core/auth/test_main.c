#include <stdlib.h>

#include "kit.h"

int main(void)
{
    Suite *suite = suite_create("auth");
    SRunner *runner;
    int failed;

    kit_keys_init();
    suite_add_tcase(suite, parse_cases());
    suite_add_tcase(suite, decide_cases());
    suite_add_tcase(suite, cache_cases());
    suite_add_tcase(suite, refresh_cases());
    suite_add_tcase(suite, waiting_cases());
    suite_add_tcase(suite, hostile_cases());
    suite_add_tcase(suite, discovery_cases());
    suite_add_tcase(suite, own_cases());
    suite_add_tcase(suite, api_keys_cases());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    kit_keys_done();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
