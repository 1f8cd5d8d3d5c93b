#!/bin/sh
# examples_test.sh <build folder> <work folder> <generator> <folder of the source tree> [<c compiler>[:<c++ compiler>] ...] - the examples
# of the SDK as a stranger meets them: copied out of an installed SDK, built against nothing else with every compiler that
# is there, tested, run in a gateway. The source tree is hidden where this machine lets us: a mount of our own over it.
# What cannot be tried here is said.
set -eu

build=$1
work=$2
generator=$3
source=$4
shift 4
prefix=$work/prefix

fail() {
    echo "$1" >&2
    exit 1
}

# The work folder lies in the source tree: it is looked at from a place outside.
if [ -z "${AIGW_HIDDEN:-}" ]; then
    rm -rf "$work"
    mkdir -p "$work"
    for component in sdk runtime; do
        cmake --install "$build" --prefix "$prefix" --component $component >"$work/install.log"
    done
    outside=$(mktemp -d)
    trap 'rm -rf "$outside"' EXIT
    cp "$0" "$outside/test.sh"
    mv "$prefix" "$outside/prefix"
    if unshare --mount mount -t tmpfs none "$source" 2>/dev/null; then
        AIGW_HIDDEN=yes unshare --mount sh -c 'mount -t tmpfs none "$1" && shift && exec sh "$@"' - "$source" \
            "$outside/test.sh" "$build" "$outside" "$generator" "$source" "$@"
    else
        echo "the source tree is in sight: this machine has no mounts for us"
        AIGW_HIDDEN=no sh "$outside/test.sh" "$build" "$outside" "$generator" "$source" "$@"
    fi
    exit 0
fi
[ "$AIGW_HIDDEN" = no ] || [ ! -e "$source/CMakeLists.txt" ] || fail "the source tree is not hidden"

PATH=$prefix/bin:$PATH
CMAKE_GENERATOR=$generator
export PATH CMAKE_GENERATOR
cd "$work"

# One example with one compiler, as its README says.
check() { # check NAME FOLDER
    echo "$1: $2"
    cp -r "$prefix/share/aigw/examples/$1" "$2"
    (cd "$2" && CFLAGS="-Wall -Wextra -Werror" CXXFLAGS="-Wall -Wextra -Werror" cmake --workflow --preset check) >"$2.log" 2>&1 ||
        fail "$(cat "$2.log")"
    grep -q "100% tests passed, 0 tests failed out of 2" "$2.log" || fail "$(cat "$2.log")"
}

run() { # run FILE TEXT: a sample goes through a gateway, and the text is in what comes back
    aigw-plugin run "$1" >"$work/run" 2>"$work/run.err" || fail "$(cat "$work/run" "$work/run.err")"
    grep -qF -- "$2" "$work/run" || fail "$1: expected \"$2\", found: $(cat "$work/run")"
}

[ $# -gt 0 ] || fail "no compiler was named"
for pair; do
    CC=${pair%%:*}
    export CC
    name=$(basename "$CC")
    check provider-c "c-$name"
    check feature-c "f-$name"
    run "c-$name/build/lib/aigw/providers/parley.so" '"content":"Hello\né"'
    run "f-$name/build/lib/aigw/features/digest.so" 'Hello from the mock model'
    case $pair in
    *:*)
        CXX=${pair#*:}
        export CXX
        check provider-cxx "cxx-$name"
        run "cxx-$name/build/lib/aigw/providers/carillon.so" '"content":"Hello\n\\"'
        ;;
    *) echo "no C++ compiler beside $CC: provider-cxx was not tried" ;;
    esac
done
if command -v cargo >/dev/null; then
    check provider-rust rust
    run rust/build/lib/aigw/providers/ferrous.so '"content":"Hello,'
else
    echo "no cargo: provider-rust was not tried"
fi
