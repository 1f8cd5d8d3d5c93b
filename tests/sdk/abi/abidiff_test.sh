#!/bin/sh
# abidiff_test.sh <c compiler> <work folder> - the public types of today's headers beside those of every version that was
# frozen, by libabigail, which reads types out of debug information: a second opinion beside layout.c. Growth at the end of a
# struct is all that may differ. Then headers that break a rule on purpose: it must find them.
# Exit status 77: abidiff (Debian's abigail-tools) is not installed.
set -eu

cc=$1
work=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
today=$here/../../../sdk/include

command -v abidiff >/dev/null || {
    echo "abidiff is not installed: the types were not compared; apt-get install abigail-tools" >&2
    exit 77
}
rm -rf "$work"
mkdir -p "$work"

library() { # library NAME TYPES INCLUDE: functions that take the structs which TYPES has, as INCLUDE defines them
    python3 "$here/record.py" --types "$2" >"$work/types.c"
    "$cc" -std=c11 -g -shared -fPIC -I "$3" -o "$work/$1.so" "$work/types.c"
}

differ() { # differ OLD NEW: true when nothing but growth at the end is different
    status=0
    abidiff --leaf-changes-only --harmless --no-show-locs "$work/$1.so" "$work/$2.so" >"$work/changes" || status=$?
    [ $((status & 3)) -eq 0 ] || { # 1: it failed, 2: it was called wrongly; 4 and 8 are what is in the report
        cat "$work/changes" >&2
        exit 1
    }
    python3 "$here/growth.py" <"$work/changes" 2>"$work/report"
}

for version in "$here"/[0-9]*; do
    name=$(basename "$version")
    library "$name" "$version" "$version"
    library "today-$name" "$version" "$today"
    differ "$name" "today-$name" || {
        echo "the types of ABI $name have changed:" >&2
        cat "$work/report" >&2
        exit 1
    }
    echo "ABI $name: types are as they were"
done

# A copy of the headers with one line changed by sed; is it found?
last=$name
mutate() { # mutate found|fine HEADER SED-SCRIPT
    rm -rf "$work/mutated"
    cp -r "$here/$last" "$work/mutated"
    sed -i "$3" "$work/mutated/aigw/$2.h"
    cmp -s "$here/$last/aigw/$2.h" "$work/mutated/aigw/$2.h" && {
        echo "$3: changes nothing in $2.h" >&2
        exit 1
    }
    library mutated "$here/$last" "$work/mutated"
    found=fine
    differ "$last" mutated || found=found
    [ "$found" = "$1" ] || {
        echo "$2.h changed by $3: expected $1" >&2
        cat "$work/report" >&2
        exit 1
    }
}
mutate fine model '/^struct aigw_usage {/,/^}/s/^}/    int64_t added;\n}/'
mutate fine model '/^struct aigw_part {/,/^}/s/^}/    aigw_str added;\n    double more;\n}/'
mutate found model '/^struct aigw_usage {/,/^}/s/int64_t output;/int64_t added, output;/'
mutate found model '/^struct aigw_usage {/,/^}/s/^}/    int64_t added;\n}/; s/    int64_t cache_read; .*/    uint64_t cache_read;/'
mutate found model '/^struct aigw_usage {/,/^}/s/int64_t output;/uint64_t output;/'
mutate found model '/^struct aigw_usage {/,/^}/s/int64_t reasoning;/int32_t reasoning;/'
mutate found host 's/(\*time_s)(struct aigw_ctx \*ctx)/(*time_s)(const struct aigw_ctx *ctx, int32_t added)/'
mutate found abi '/^struct aigw_setting {/,/^}/s/double min, max;/float min, max;/'
