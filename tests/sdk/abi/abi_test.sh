#!/bin/sh
# abi_test.sh <c compiler> - each record of the ABI is what its frozen headers say.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for version in "$here"/[0-9]*; do
    python3 "$here/record.py" "$version" "$1" | diff -u "$version/layout.h" - || {
        echo "$version: the record and the frozen headers differ; neither is ever edited" >&2
        exit 1
    }
done
