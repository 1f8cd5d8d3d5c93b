#!/bin/sh
# configure_test.sh SOURCE WORK - an untested version of a library is refused when configuring, unless that is asked for.
set -eu
source=$1
work=$2

fail() {
    echo "$*" >&2
    exit 1
}

configure() { # configure VERSION [cmake option…]: with a json-c that says it is this version
    version=$1
    shift
    sed "s/^Version:.*/Version: $version/" "$(pkg-config --variable=pcfiledir json-c)/json-c.pc" >"$work/json-c.pc"
    PKG_CONFIG_PATH=$work cmake -S "$source" -B "$work/build-$version" -DBUILD_TESTING=OFF "$@" >"$work/log" 2>&1
}

rm -rf "$work"
mkdir -p "$work"
for version in 0.19 0.19.99 0.20 1.0; do
    if configure "$version"; then
        fail "json-c $version: expected a refusal"
    fi
    tr '\n' ' ' <"$work/log" | tr -s ' ' >"$work/text" # cmake folds messages
    grep -q "json-c $version is not tested" "$work/text" || fail "json-c $version: $(cat "$work/log")"
    grep -q -- "-DAIGW_UNTESTED_LIBRARIES=ON" "$work/text" || fail "no way out is named: $(cat "$work/log")"
done
configure 0.15 && fail "json-c 0.15: expected a refusal"
configure 0.17 || fail "json-c 0.17: $(cat "$work/log")"
configure 0.18.0 || fail "json-c 0.18.0: $(cat "$work/log")"
configure 0.19 -DAIGW_UNTESTED_LIBRARIES=ON || fail "json-c 0.19 with the option: $(cat "$work/log")"
