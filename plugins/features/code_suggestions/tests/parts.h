#ifndef PARTS_H
#define PARTS_H

#include <check.h>

TCase *bodies_case(void);
TCase *clean_case(void);
TCase *components_case(void);

#endif
