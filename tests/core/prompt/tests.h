#ifndef TESTS_H
#define TESTS_H

#include <check.h>

TCase *mustache_case(void);
TCase *version_case(void);
TCase *store_case(void);

#endif
