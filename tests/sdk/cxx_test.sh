#!/bin/sh
# cxx_test.sh <build folder> <source folder> <work folder> <c compiler> [<c++ compiler> ...] - the SDK's headers alone and
# together in C11 and C++17, a plugin in C++ and both templates compiled as C++, each loaded and played.
#
# Templates are compiled without -Wpedantic and -Wmissing-field-initializers: their tables are designated initializers,
# which C++17 has as an extension of both compilers only. Exit status 77: there is no C++ compiler.
set -eu

build=$1
source=$2
work=$3
cc=$4
shift 4
include=$source/sdk/include

rm -rf "$work"
mkdir -p "$work"

# Every header stands on its own.
for header in "$include"/aigw/*.h; do
    name=aigw/$(basename "$header")
    echo "#include <$name>" >"$work/alone.c"
    "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$include" -fsyntax-only "$work/alone.c"
    for cxx; do
        "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I "$include" -x c++ -fsyntax-only "$work/alone.c"
    done
done

[ $# -gt 0 ] || {
    echo "no C++ compiler: C++17 was not tried" >&2
    exit 77
}

plugin() { # plugin COMPILER NAME SOURCE CASE [FLAG…]
    compiler=$1 name=$2 from=$3 case=$4
    shift 4
    "$compiler" -std=c++17 -Wall -Wextra -Werror "$@" -shared -fPIC -fvisibility=hidden -I "$include" -x c++ \
        -o "$work/$name.so" "$from"
    "$build/bin/aigw-plugin" test "$work/$name.so" "$case"
}

for cxx; do
    echo "$cxx:"
    plugin "$cxx" greeter "$source/tests/sdk/headers.cc" "$source/tests/sdk/headers.case" -Wpedantic
    for kind in provider feature; do
        plugin "$cxx" "hello_$kind" "$source/sdk/template/$kind/hello_$kind.c" \
            "$source/sdk/template/$kind/hello_$kind.case" -Wno-missing-field-initializers
    done
done
