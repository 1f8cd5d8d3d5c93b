#!/bin/sh
# freeze.sh <version> - freeze the headers and the templates' plugins as tests/sdk/abi/<version> and record their layout; make
# docs/sdk anew. Again and again until the version is released, then never more; CMakeLists.txt and layout.c name the versions there are.
set -eu

version=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
sdk=$here/../../../sdk
folder=$here/$version

mkdir -p "$folder/aigw"
for header in abi feature host model provider sdk; do
    cp "$sdk/include/aigw/$header.h" "$folder/aigw/"
done
for kind in provider feature; do
    for type in c case; do
        sed "s/hello_$kind/frozen_$kind/g" "$sdk/template/$kind/hello_$kind.$type" >"$folder/frozen_$kind.$type"
    done
    clang-format -i "$folder/frozen_$kind.c"
done
"$here/record.py" "$folder" cc >"$folder/layout.h"
"$here/../../../scripts/sdk-docs" # the pages of the headers, too
