#!/bin/sh
# cxx.sh COMPILER SOURCE INCLUDE LIBRARY PROGRAM: compile as C++17 without a warning, link, run.
set -e
"$1" -std=c++17 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$3" "$2" "$4" -lm -o "$5"
"$5"
