/* main.c - unit tests of the parts that need no host. */
#include "tests.h"

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(react_suite());
    int failed;

    srunner_add_suite(runner, version_suite());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
