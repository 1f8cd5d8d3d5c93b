#!/usr/bin/env python3
"""record.py <folder with aigw/*.h> <c compiler> - print the layout of every public struct and the value of every public
number, as lines of layout.h. Run once when a minor version is released; from then on tests/sdk/abi/layout.c holds the
headers to it, and the test sdk.abi holds the record to the headers that were frozen beside it.

record.py --types <folder with aigw/*.h> - print a C file whose functions take every public struct, for abidiff."""
import pathlib
import re
import subprocess
import sys
import tempfile

# Complete: these never grow.
FIXED = ("aigw_str", "aigw_pair", "aigw_list", "aigw_map")
# These change with every version.
CHANGING = ("AIGW_ABI_MAJOR", "AIGW_ABI_MINOR", "AIGW_ABI_MINOR_OLDEST")
HEADERS = ("abi", "model", "host", "provider", "feature")


def members(body):
    """Names of a struct's members, in order."""
    for declaration in re.sub(r"\s+", " ", body).split(";"):
        declaration = re.sub(r"AIGW_PRINTF\([^)]*\)", "", declaration).strip()
        if not declaration:
            continue
        pointer = re.search(r"\(\*\s*(\w+)\)\s*\(", declaration)
        if pointer:
            yield pointer.group(1)
            continue
        for declarator in declaration.split(","):
            yield re.sub(r"\[.*", "", declarator).split()[-1].lstrip("*")


def read(folder):
    structs, numbers = [], []
    for header in HEADERS:
        text = (folder / "aigw" / f"{header}.h").read_text(encoding="utf-8")
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        text = re.sub(r"//[^\n]*", "", text).replace("\\\n", " ")
        for match in re.finditer(r"^(?:typedef )?struct (aigw_\w+) \{(.*?)^\}", text, flags=re.S | re.M):
            structs.append((match.group(1), list(members(match.group(2)))))
        for match in re.finditer(r"^#define (AIGW_\w+)\s+\(?(-?(?:0x)?[0-9a-fA-F]+u?)\)?\s*$", text, flags=re.M):
            if match.group(1) not in CHANGING:
                numbers.append(match.group(1))
    return structs, numbers


def program(structs, numbers):
    yield "#include <aigw/sdk.h>\n#include <stdio.h>\nint main(void)\n{"
    for name, fields in structs:
        kind = "FIXED" if name in FIXED else "SIZE"
        yield f'    printf("{kind}({name}, %zu)\\n", sizeof(struct {name}));'
        for field in fields:
            yield (f'    printf("AT({name}, {field}, %zu, %zu)\\n", offsetof(struct {name}, {field}), '
                   f"sizeof(((struct {name} *)0)->{field}));")
    for name in numbers:
        yield f'    printf("NUMBER({name}, %lld)\\n", (long long){name});'
    yield "    return 0;\n}"


def types(folder):
    yield "#include <aigw/sdk.h>"
    for name, _ in read(folder)[0]:
        yield f"void take_{name}(const struct {name} *it);\nvoid take_{name}(const struct {name} *it) {{ (void)it; }}"


def main():
    if sys.argv[1] == "--types":
        print("\n".join(types(pathlib.Path(sys.argv[2]))))
        return
    folder, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    structs, numbers = read(folder)
    with tempfile.TemporaryDirectory() as work:
        source, binary = pathlib.Path(work) / "record.c", pathlib.Path(work) / "record"
        source.write_text("\n".join(program(structs, numbers)) + "\n", encoding="utf-8")
        subprocess.run([compiler, "-std=c11", "-I", str(folder), "-o", str(binary), str(source)], check=True)
        lines = subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout
    print("/* layout.h - made by tests/sdk/abi/record.py from the headers beside it, on a 64-bit machine. Never edited. */")
    print("/* clang-format off */")
    sys.stdout.write(lines)


main()
