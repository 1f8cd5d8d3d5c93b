#!/usr/bin/env python3
"""growth.py - abidiff's report of changed types on standard input: print every line that tells of more than members behind
the old end of a struct. Exit status 1 when there is one."""
import re
import sys

SUMMARY = re.compile(r"(Leaf changes|Changed leaf types|Removed/Changed/Added) ")
HEAD = re.compile(r"'struct \w+' changed:$")
SIZE = re.compile(r"  type size (hasn't changed|changed from (\d+) to (\d+) \(in bits\))$")
INSERTIONS = re.compile(r"  \d+ data member insertions?:$")
INSERTION = re.compile(r"    '.*', at offset (\d+) \(in bits\)$")


def main():
    end, wrong = 0, []
    for line in sys.stdin.read().splitlines():
        size, inserted = SIZE.match(line), INSERTION.match(line)
        if size and size.group(2):
            end = int(size.group(2))
            is_good = int(size.group(3)) > end
        elif inserted:
            is_good = end > 0 and int(inserted.group(1)) >= end
        else:
            is_good = not line or size or SUMMARY.match(line) or HEAD.match(line) or INSERTIONS.match(line)
        if HEAD.match(line):
            end = 0
        if not is_good:
            wrong.append(line)
    if wrong:
        sys.exit("\n".join(wrong))


main()
