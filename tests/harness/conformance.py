"""docs/conformance.md: what contract/conformance.txt promises, and which rows prove it."""
import os
import re

from . import checks, runner
from .runner import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "..", "contract", "conformance.txt")
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "conformance.md")
HEAD = """# Conformance

Made of `tests/contract/conformance.txt` and the rows of the tests by `tests/run build/dev --conformance`; do not edit.

*pass*: rows of that name, or the rows in parentheses, hold it and run with every `scripts/test`. *deviates*: something
else is done on purpose, and the rows hold that; the number is the decision's. *awaited*: its rows are to come.
*not served*: see [not-included.md](not-included.md). P0 to P2: how much a self-hosted GitLab depends on it.
"""


class Promise:
    def __init__(self, line):
        parts = [part.strip() for part in line.split("|", 3)] + [""]
        if len(parts) < 4:
            raise Failure("id | priority | what | how it stands in conformance.txt", line)
        self.id, self.priority, self.what, stands = parts[:4]
        stands, _, names = stands.rpartition("rows ") if re.search(r"(^|; )rows ", stands) else (stands, "", "")
        self.names = names.split()
        self.stands = stands.rstrip("; ")
        self.is_awaited = self.stands == "awaited"
        if self.stands and not self.is_awaited and not re.match(r"(deviates D\d+( D\d+)*|not served): .", self.stands):
            raise Failure("deviates D…: …, not served: …, awaited or nothing in conformance.txt", line)

    def missing(self, rows):
        """Names that no row has."""
        if self.stands.startswith("not served"):
            return []
        return [name for name in self.names or [self.id] if not any(is_of(row, name) for row in rows)]

    def result(self, rows, failed):
        if self.missing(rows):
            return "awaited" if self.is_awaited else "NO ROW"
        names = self.names or [self.id]
        if any(is_of(row, name) for row in failed for name in names):
            return "FAILS"
        verdict = self.stands if self.stands and not self.is_awaited else "pass"
        return f"{verdict} ({', '.join(self.names)})" if self.names else verdict


def is_of(row, name):
    """Is this the name of the row, or of a family of rows it belongs to?"""
    return row == name or row.startswith(name + "-")


def _single(idents):
    return {name for ident in idents for name in ident.split()}


def all_rows():
    return _single([item.id for item in runner._cases] + [ident for ident, _ in checks.OVERALL])


def read():
    """The list: (title, promises) by section."""
    sections = []
    with open(LIST, encoding="utf-8") as source:
        for line in re.sub(r"\n[ \t]+(?=\S)", " ", source.read()).splitlines():
            if line.startswith("## "):
                sections.append((line[3:], []))
            elif line and not line.startswith("#"):
                sections[-1][1].append(Promise(line))
    idents = [promise.id for _, promises in sections for promise in promises]
    twice = sorted({ident for ident in idents if idents.count(ident) > 1})
    if twice:
        raise Failure("each id once in conformance.txt", ", ".join(twice))
    return sections


def text(failed=()):
    rows, failed = all_rows(), _single(failed)
    parts = [HEAD]
    for title, promises in read():
        parts.append(f"\n## {title}\n\n| Id | | What | Result |\n|---|---|---|---|\n")
        parts += [f"| {item.id} | {item.priority} | {item.what} | {item.result(rows, failed)} |\n" for item in promises]
    return "".join(parts)


def write(failed):
    with open(DOCUMENT, "w", encoding="utf-8") as out:
        out.write(text(failed))


def is_kept(ctx):
    """Every promise has its rows, and the document says what list and rows say. Awaited rows may come before the
    document is made anew: a merge brings them."""
    rows = all_rows()
    promises = [promise for _, section in read() for promise in section]
    missing = [f"{item.id} has no row {name}" for item in promises if not item.is_awaited
               for name in item.missing(rows)]
    if missing:
        raise Failure("a row for every id of contract/conformance.txt", "; ".join(missing))
    awaited = tuple(f"| {item.id} |" for item in promises if item.is_awaited)
    with open(DOCUMENT, encoding="utf-8") as document:
        found, wanted = ([line for line in lines if not line.startswith(awaited or ("\0",))]
                         for lines in (document.read().splitlines(), text().splitlines()))
    if found != wanted:
        differ = [line for line in wanted + found if (line in wanted) != (line in found)] or ["the order"]
        raise Failure("docs/conformance.md as tests/run build/dev --conformance makes it", "; ".join(differ[:3]))
