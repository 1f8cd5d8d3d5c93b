/* digits.c - numbers as printf prints them. Exit status 0: no difference. */
#include "../digits.h"

#include <stdlib.h>

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static uint32_t check_digits(uint64_t *seed)
{
    static const double odd[] = {
        0.0, -0.0, 0.7, -0.2, 0.001, 0.0001, 1.0005, 999999.999, 1e6, 1e300, 5e-324, 0.1 + 0.2
    };
    static const int64_t ends[] = { 0, 1, -1, 9, 10, INT64_MAX, INT64_MIN };
    char room[DIGITS_SIZE], expected[64];
    uint32_t wrong = 0;

    for (size_t i = 0; i < 100000; i++) {
        int64_t number = (int64_t)((uint64_t)next_random(seed) << 32 | next_random(seed)) >> next_random(seed) % 64;
        double real = i % 2 ? (double)(number % 10000000) / 1000 : (double)number / (1 + next_random(seed) % 100000);
        aigw_str text;

        if (i < sizeof ends / sizeof *ends)
            number = ends[i];
        if (i < sizeof odd / sizeof *odd)
            real = odd[i];
        snprintf(expected, sizeof expected, "%lld", (long long)number);
        text = digits_of_int(number, room);
        wrong += text.len != strlen(expected) || memcmp(text.ptr, expected, text.len) != 0;
        snprintf(expected, sizeof expected, "%.15g", real);
        text = digits_of_double(real, room);
        wrong += text.len != strlen(expected) || memcmp(text.ptr, expected, text.len) != 0;
    }
    return wrong;
}

int main(void)
{
    uint64_t seed = 20240501;
    uint32_t wrong = check_digits(&seed);

    printf("%u numbers differ\n", wrong);
    return wrong > 0;
}
