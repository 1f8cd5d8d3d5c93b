#!/bin/sh
# template_test.sh <build folder> <work folder> <generator> <bad plugin> [<c++ compiler>] - install the SDK into a prefix of its own,
# start both kinds of plugin with aigw-plugin, build and test them against the prefix only, look at them, run them. The generator is
# the one that this machine is known to have.
set -eu

build=$1
work=$2
generator=$3
bad=$4
cxx=${5:-}
prefix=$work/prefix
tool=$prefix/bin/aigw-plugin

rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$prefix" --component sdk >"$work/install.log"

fail() {
    echo "$1" >&2
    exit 1
}

expect() { # expect TEXT FILE: a line of the file is, or contains, the text
    grep -qF -- "$1" "$2" || fail "$2: expected \"$1\", found: $(cat "$2")"
}

# One command, whatever this machine builds with, and warnings are errors.
check() { # check FOLDER
    (cd "$1" && CMAKE_GENERATOR=$generator CFLAGS="-Wall -Wextra -Werror" CXXFLAGS="-Wall -Werror" CXX=$cxx \
        cmake --workflow --preset check) >"$1.log" 2>&1 || fail "$(cat "$1.log")"
    expect "100% tests passed, 0 tests failed out of 2" "$1.log"
}

for kind in provider feature; do
    name=my_$kind
    "$tool" new "$kind" "$name" "$work/$name" >"$work/$name.new"
    if grep -rn hello "$work/$name" | grep -v -e 'hello,' -e 'hello server' -e 'says hello' -e 'Hello,'; then
        fail "the template's name is still in $work/$name"
    fi
    check "$work/$name"
    cmake --install "$work/$name/build" --prefix "$prefix" >>"$work/$name.log"
    find "$prefix" -path "*/aigw/${kind}s/$name.so" | grep -q . || fail "$name.so was not installed among the ${kind}s"
    if [ -n "$cxx" ]; then
        "$tool" new --cxx "$kind" "cxx_$kind" "$work/cxx_$kind" >"$work/cxx_$kind.new"
        [ -f "$work/cxx_$kind/cxx_$kind.cc" ] || fail "new --cxx made no cxx_$kind.cc"
        check "$work/cxx_$kind"
    fi
done

# Without CMake: pkg-config knows where the headers are. The name that `test` had before works too.
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name aigw.pc)")
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags aigw)
# shellcheck disable=SC2086 # flags are words
cc -std=c11 -shared -fPIC -fvisibility=hidden $flags -o "$work/plain.so" "$work/my_provider/my_provider.c"
"$tool" test "$work/plain.so" "$work/my_provider/my_provider.case"
"$prefix/bin/aigw_conformance" "$work/plain.so" "$work/my_provider/my_provider.case"

# What is to be seen of them.
provider=$work/my_provider/build/lib/aigw/providers/my_provider.so
feature=$work/my_feature/build/lib/aigw/features/my_feature.so
"$tool" info "$provider" >"$work/info"
for text in "name      my_provider" "version   0.1.0" "kind      provider" "ABI       " "api_key                  string  -  secret" \
    "framing   NDJSON" "sends     POST http://127.0.0.1:9/v1/say"; do
    expect "$text" "$work/info"
done
"$tool" info "$feature" >"$work/info"
for text in "kind      feature" "max_tokens               int     128  1 to 100000" "POST   /v1/my_feature"; do
    expect "$text" "$work/info"
done

# A plugin that crashes is named, with the callback; wrong calls are told what is expected.
refuses() { # refuses STATUS TEXT COMMAND…
    status=$1 text=$2
    shift 2
    found=0
    "$@" >"$work/said" 2>&1 || found=$?
    [ "$status" = any ] || [ "$found" = "$status" ] || fail "$*: expected status $status, found $found: $(cat "$work/said")"
    [ "$found" != 0 ] || fail "$*: expected a failure"
    expect "$text" "$work/said"
}
if ! grep -q __asan_init "$bad"; then # which says it its own way
    refuses any "bad_provider.so: crashed (memory) in request()" "$tool" test --settings 'breaks = "crashes";' "$bad"
fi
refuses 2 'the name is "Bad-Name", expected' "$tool" new provider Bad-Name "$work/bad"
refuses 2 'the name "class" is a word of C or C++' "$tool" new provider class "$work/bad"
refuses 2 'the kind is "filter", expected provider or feature' "$tool" new filter x "$work/bad"
refuses 1 "exists already" "$tool" new provider my_provider "$work/my_provider"
refuses 1 "/nowhere/share/aigw/template/provider: the SDK's template is not there" "$tool" new --sdk /nowhere provider x "$work/bad"
refuses 2 '"--cxx" is no option of it' "$tool" test --cxx "$provider"
refuses 2 "usage: aigw-plugin run" "$tool" run
refuses 2 "aigw-plugin info" "$tool"
refuses 1 "cannot" "$tool" info "$work/info"

# In a gateway: the first target is not there, the mock answers through both plugins' groups of conf.d.
if [ -x "$build/bin/aigw" ]; then
    refuses 1 "the gateway's program, aigw, is not there" env PATH=/nowhere "$tool" run "$provider"
    refuses 1 "/nowhere/aigw is not there" "$tool" run --gateway /nowhere/aigw "$provider"
    "$(dirname "$0")/serve_template.py" "$build" "$work"

    "$tool" run --gateway "$build/bin/aigw" "$provider" >"$work/run"
    for text in "--- sample of $work/my_provider/my_provider.case" "POST /say HTTP/1.1" 'user "Who is there?"' \
        "HTTP/1.1 200 OK" '"content":"hello,world"'; do
        expect "$text" "$work/run"
    done
    "$tool" run --gateway "$build/bin/aigw" "$feature" </dev/null >"$work/run"
    for text in "POST /v1/my_feature" "Who is there?" "HTTP/1.1 200 OK" "Hello from the mock model"; do
        expect "$text" "$work/run"
    done
    "$tool" run --keep --gateway "$build/bin/aigw" "$feature" </dev/null >"$work/run"
    expect "answers until the end of the input" "$work/run"
    # Without a case file, and with settings of one's own.
    mkdir "$work/alone"
    cp "$provider" "$work/alone"
    refuses 1 "the mock server has no answer for this plugin" \
        "$tool" run --gateway "$build/bin/aigw" --settings 'base_url = "$url/v9";' "$work/alone/my_provider.so"
    expect "POST /v9/say HTTP/1.1" "$work/said"
    # The gateway's own, of which no case file is beside: the mock server speaks their dialects.
    for name in openai anthropic mistral; do
        "$tool" run --gateway "$build/bin/aigw" "$build/lib/aigw/providers/$name.so" >"$work/run"
        expect "Hello from the mock server" "$work/run"
    done
fi
