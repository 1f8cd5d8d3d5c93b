#!/bin/sh
# template_test.sh <build folder> <work folder> <generator> [<c++ compiler>] - install the SDK into a prefix of its own, start both kinds of
# plugin from the template, build them against the prefix only, run their tests. The generator is the one that this
# machine is known to have.
set -eu

build=$1
work=$2
generator=$3
cxx=${4:-}
prefix=$work/prefix

rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$prefix" --component sdk >"$work/install.log"
for kind in provider feature; do
    name=my_$kind
    "$prefix/share/aigw/template/new-plugin" "$kind" "$name" "$work/$name" >"$work/$name.log"
    if grep -rn hello "$work/$name" | grep -v -e 'hello,' -e 'hello server' -e 'says hello' -e 'Hello,'; then
        echo "the template's name is still in $work/$name" >&2
        exit 1
    fi
    cmake -G "$generator" -S "$work/$name" -B "$work/$name/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" -DCMAKE_INSTALL_PREFIX="$prefix" >"$work/$name.log"
    cmake --build "$work/$name/build" >>"$work/$name.log"
    ctest --test-dir "$work/$name/build" --output-on-failure
    cmake --install "$work/$name/build" >>"$work/$name.log"
    find "$prefix" -path "*/aigw/${kind}s/$name.so" | grep -q . || {
        echo "$name.so was not installed among the ${kind}s" >&2
        exit 1
    }
done

# Without CMake: pkg-config knows where the headers are.
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name aigw.pc)")
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags aigw)
# shellcheck disable=SC2086 # flags are words
cc -std=c11 -shared -fPIC -fvisibility=hidden $flags -o "$work/plain.so" "$work/my_provider/my_provider.c"
"$prefix/bin/aigw_conformance" "$work/plain.so" "$work/my_provider/my_provider.case"

# As C++, where there is a compiler for it.
if [ -n "$cxx" ]; then
    mkdir "$work/cxx"
    cp "$work/my_feature/my_feature.c" "$work/cxx/my_feature.cc"
    cp "$work/my_feature/my_feature.case" "$work/cxx"
    sed -e 's/LANGUAGES C)/LANGUAGES CXX)/' -e 's/my_feature\.c)/my_feature.cc)/' "$work/my_feature/CMakeLists.txt" \
        >"$work/cxx/CMakeLists.txt"
    cmake -G "$generator" -S "$work/cxx" -B "$work/cxx/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
        >"$work/cxx.log"
    cmake --build "$work/cxx/build" >>"$work/cxx.log"
    ctest --test-dir "$work/cxx/build" --output-on-failure
fi

# In a gateway: the first target is not there, the mock answers through both plugins' groups of conf.d.
if [ -x "$build/bin/aigw" ]; then
    "$(dirname "$0")/serve_template.py" "$build" "$work"
fi

# Names that no conf.d key can have are refused, and nothing is overwritten.
if "$prefix/share/aigw/template/new-plugin" provider Bad-Name "$work/bad" 2>/dev/null; then
    echo "new-plugin took a bad name" >&2
    exit 1
fi
if "$prefix/share/aigw/template/new-plugin" provider my_provider "$work/my_provider" 2>/dev/null; then
    echo "new-plugin overwrote a folder" >&2
    exit 1
fi
