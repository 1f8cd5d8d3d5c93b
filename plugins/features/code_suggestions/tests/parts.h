#ifndef PARTS_H
#define PARTS_H

#include <check.h>

TCase *bodies_case(void);

#endif
