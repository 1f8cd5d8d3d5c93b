/* suites.h - the suites of test_upstream. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>

Suite *suite_answers(void);
Suite *suite_flow(void);
Suite *suite_where(void);

#endif
