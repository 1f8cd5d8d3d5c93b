"""docs/providers.md: what each provider does with each feature of plugins/providers/matrix.json (its tests/matrix.case
says), and which servers and SDKs that nobody here wrote proved it (clients/providers.txt says)."""
import json
import os
import re

from . import conformance
from .runner import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
FOLDER = os.path.join(ROOT, "plugins", "providers")
PROOFS = os.path.join(HERE, "..", "clients", "providers.txt")
DOCUMENT = os.path.join(ROOT, "docs", "providers.md")
HEAD = """# Providers

Made of `plugins/providers/matrix.json`, the rows of every provider's `tests/matrix.case` and `tests/clients/providers.txt`
by `tests/run build/dev --providers`; do not edit.
"""
MATRIX = """
## What each does with what a request may ask for

Each cell is a row of the provider's case file: the canonical request, the bytes that go out or the answer that comes in, and
the events or the error made of it. *yes*: the API has it. *no*: it has no such thing; then what we do instead. *refused*: with
`unsupported`, so that another target may serve it. *dropped*: left out and said so in the header `x-aigw-dropped`. Every
answer of every case file is fed whole, byte by byte, in odd pieces and cut in two at every position.
"""
PROVED = """
## Proved by what nobody here wrote

Software from npm and PyPI at the other end of the wire, run by `scripts/test`, loopback only.
"""
TITLE = re.compile(r"(?P<id>M-[a-z0-9-]+): (?P<title>.*?)(?: \(with (?P<own>[a-z_, ]+)(?:: (?P<why>.*?))?\))?"
                   r"(?: \((?P<only>only .*?)\))?(?: - none: (?P<instead>.+))?")


class Row:
    """One call of a matrix.case and the sections behind it."""

    def __init__(self, provider, head, text):
        match = TITLE.fullmatch(head)
        if not match:
            raise Failure("call M-id: title, perhaps (with members: why), perhaps - none: what we do then",
                          f"{provider}: {head}")
        self.provider = provider
        self.id, self.title, self.instead = match["id"], match["title"], match["instead"]
        self.why = "; ".join(part for part in (match["only"], match["why"]) if part)
        self.own = [name.strip() for name in (match["own"] or "").split(",") if name.strip()]
        self.text = text
        self.sections = []

    def fail(self, expected, found):
        raise Failure(f"{self.provider}/tests/matrix.case: {self.id}: {expected}", found)

    def section(self, name):
        return next(((arg, text) for found, arg, text in self.sections if found == name), (None, ""))

    def feature(self, features):
        """The feature whose id, or whose id and more, this row bears; the longest."""
        fits = [item for item in features if conformance.is_of(self.id, item["id"])]
        if not fits:
            self.fail("an id of matrix.json", self.id)
        return max(fits, key=lambda item: len(item["id"]))

    def check(self, feature):
        try:
            request = json.loads(self.text)
        except ValueError as err:
            self.fail("a request in JSON", str(err))
        left_out = set(self.own) | {"target"}
        asked, wanted = ({name: value for name, value in members.items() if name not in left_out}
                         for members in (request, feature["request"]))
        if not _is_like(asked, wanted):
            self.fail(f"the request of matrix.json, {json.dumps(wanted)}", json.dumps(asked))
        if self.instead:
            self._check_none()
        else:
            self._check_shown(feature)

    def _check_none(self):
        names = {name for name, _, _ in self.sections}
        if not names & {"fails", "body", "error"} and "dropped " not in self.section("events")[1]:
            self.fail("fails, a dropped event, or a body that shows what goes out instead",
                      ", ".join(names) or "nothing")

    def _check_shown(self, feature):
        shows, _, word = feature["shows"].partition(" ")
        answer, _ = self.section("answer")
        text = self.section(shows)[1].strip()
        lines = text.splitlines() or [""]
        if not text:
            self.fail(f"a section {shows}", ", ".join(name for name, _, _ in self.sections) or "nothing")
        if shows != "body" and (answer is None or (int(answer.split()[0]) >= 400) != (shows == "error")):
            self.fail(f"an answer that fits {shows}", answer)
        if shows == "error" and not text.startswith(word):
            self.fail(f"an error {word}", text)
        if shows == "events" and not lines[-1].startswith(word or "end"):
            self.fail(f"events that end with {word or 'end'}", lines[-1])
        if self.id == feature["id"] and not all(re.search(part, text, re.MULTILINE) for part in feature.get("has", [])):
            self.fail(f"{shows} with {' and '.join(feature['has'])}", text)


def _is_like(found, wanted):
    """Equal, where "@any" stands for any string."""
    if wanted == "@any":
        return isinstance(found, str)
    if isinstance(wanted, dict):
        return (isinstance(found, dict) and found.keys() == wanted.keys()
                and all(_is_like(found[name], wanted[name]) for name in wanted))
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_is_like, found, wanted))
    return type(found) is type(wanted) and found == wanted


def sections(path):
    """A case file as (name, argument, text)."""
    with open(path, encoding="utf-8", errors="surrogateescape") as source:
        parts = re.split(r"^=== (\S+) ?(.*)\n", source.read(), flags=re.MULTILINE)
    return list(zip(parts[1::3], parts[2::3], parts[3::3]))


def features():
    with open(os.path.join(FOLDER, "matrix.json"), encoding="utf-8") as source:
        return json.load(source)["features"]


def names():
    """Every provider but mock, which has no wire."""
    return sorted(name for name in os.listdir(FOLDER)
                  if os.path.exists(os.path.join(FOLDER, name, "CMakeLists.txt")) and name != "mock")


def read_rows(provider):
    """None of them when there is no such file."""
    path = os.path.join(FOLDER, provider, "tests", "matrix.case")
    if not os.path.exists(path):
        return []
    rows = []
    for name, arg, text in sections(path):
        if name == "call":
            rows.append(Row(provider, arg, text))
        elif rows:
            rows[-1].sections.append((name, arg, text))
    return rows


def matrix():
    """(features, rows by feature id by provider), every row checked."""
    wanted = features()
    table = {}
    for provider in names():
        found = {item["id"]: [] for item in wanted}
        with open(os.path.join(FOLDER, provider, "tests", "CMakeLists.txt"), encoding="utf-8") as source:
            if not re.search(r"\bmatrix\.case\b", source.read()):
                raise Failure("matrix.case among the case files of aigw_add_cases()",
                              f"{provider}/tests/CMakeLists.txt")
        for row in read_rows(provider):
            feature = row.feature(wanted)
            row.check(feature)
            found[feature["id"]].append(row)
        missing = [ident for ident, rows in found.items() if not rows]
        if missing:
            raise Failure(f"a row of {provider}/tests/matrix.case for every feature", "none for " + ", ".join(missing))
        for ident, rows in found.items():
            if rows[0].id != ident:
                rows[0].fail(f"the first row to be {ident}", rows[0].id)
        table[provider] = found
    return wanted, table


class Proof:
    """One line of clients/providers.txt: a server or SDK, the providers, what it covers, rows."""

    def __init__(self, line):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 4:
            raise Failure("server | providers | what it covers | rows in clients/providers.txt", line)
        self.server, providers, self.covers, rows = parts
        self.providers, self.rows = providers.split(), rows.split()
        unknown = [name for name in self.providers if not os.path.isdir(os.path.join(FOLDER, name))]
        if unknown or not self.providers or not self.rows:
            raise Failure("names of providers, and rows, in clients/providers.txt", line)


def proofs():
    """(proofs, notes below them)."""
    found, notes = [], []
    with open(PROOFS, encoding="utf-8") as source:
        for line in re.sub(r"\n[ \t]+(?=\S)", " ", source.read()).splitlines():
            if line.startswith("- "):
                notes.append(line)
            elif line and not line.startswith("#"):
                found.append(Proof(line))
    return found, notes


def _talks_to(provider):
    """The first paragraph of its README."""
    with open(os.path.join(FOLDER, provider, "README.md"), encoding="utf-8") as source:
        paragraphs = [part.strip() for part in source.read().split("\n\n")]
    return " ".join(next(part for part in paragraphs if part and not part.startswith("#")).split())


def _cell(text):
    return text.replace("|", "\\|")


def _what(rows):
    """One cell: the first row's, and what others say beside it."""
    first, *more = rows
    said = f"no: {first.instead}" if first.instead else f"yes ({first.why})" if first.why else "yes"
    for row in more:
        if row.instead or row.why:
            said += "; " + ("" if row.title == first.title else row.title + ": ") + (row.instead or row.why)
    return _cell(said)


def text():
    wanted, table = matrix()
    providers = list(table)
    parts = [HEAD, "\n| Provider | Talks to |\n|---|---|\n"]
    parts += [f"| [{name}](../plugins/providers/{name}/README.md) | {_cell(_talks_to(name))} |\n" for name in providers]
    parts += [MATRIX, "\n| | What | " + " | ".join(providers) + " |\n", "|---" * (len(providers) + 2) + "|\n"]
    parts += [f"| {item['id']} | {_cell(item['title'])} | "
              + " | ".join(_what(table[name][item["id"]]) for name in providers) + " |\n" for item in wanted]
    proved, notes = proofs()
    parts += [PROVED, "\n| What | Providers | Covers | Rows |\n|---|---|---|---|\n"]
    parts += [f"| {_cell(item.server)} | {', '.join(item.providers)} | {_cell(item.covers)} | {', '.join(item.rows)} |\n"
              for item in proved]
    parts += ["\n", *(f"{note}\n" for note in notes)] if notes else []
    return "".join(parts)


def write():
    with open(DOCUMENT, "w", encoding="utf-8") as out:
        out.write(text())


def is_kept(ctx):
    """Every provider has its rows, every proof exists and every provider has one, and the document says so."""
    rows = conformance.all_rows()
    proved, _ = proofs()
    missing = [name for item in proved for name in item.rows if not any(conformance.is_of(row, name) for row in rows)]
    if missing:
        raise Failure("a row for every proof of clients/providers.txt", ", ".join(missing))
    alone = set(names()) - {name for item in proved for name in item.providers}
    if alone:
        raise Failure("something foreign that proves each provider in clients/providers.txt", ", ".join(sorted(alone)))
    with open(DOCUMENT, encoding="utf-8") as document:
        found, wanted = document.read().splitlines(), text().splitlines()
    if found != wanted:
        differ = [line for line in wanted + found if (line in wanted) != (line in found)] or ["the order"]
        raise Failure("docs/providers.md as tests/run build/dev --providers makes it", "; ".join(differ[:3]))
