#ifndef DUO_CHAT_TESTS_H
#define DUO_CHAT_TESTS_H

#include <check.h>

Suite *react_suite(void);
Suite *version_suite(void);

#endif
