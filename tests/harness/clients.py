"""The part of docs/clients.md that says what each API can ask of each provider: made of contract/pairs.json and the providers'
rows, which contract/pairs.py proves cell by cell."""
import os

from . import conformance, providers
from .runner import Failure

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DOCUMENT = os.path.join(ROOT, "docs", "clients.md")
BEGIN = "<!-- made by tests/run build/dev --clients; do not edit -->\n"
END = "<!-- until here -->\n"
HEAD = """
Each cell goes through a real gateway to a fake server of the provider's dialect, whole and streamed: what the server is sent and
what the client reads (`tests/contract/pairs.json`, rows CL-MAP-01-…). *yes*: with every provider; then what is different, and with
which. *as it is*: client and server speak the same dialect, the bytes pass. – : the API has no such thing.

"""


def _cell(feature, name, rows, targets):
    """yes, and what is different by provider."""
    if name not in feature.apis():
        return "–"
    said = {}
    for target in targets:
        cell = feature.cell(name, target, rows)
        why = "as it is" if cell.passed and not feature.error else cell.why
        if why and why != "as it is":
            said.setdefault(why, []).append(target.name)
    return "; ".join(["yes"] + [f"{', '.join(names)}: {why}" for why, names in said.items()]).replace("|", "\\|")


def text():
    from contract import _pairs
    from contract._apis import APIS
    _, rows = providers.matrix()
    targets = [target for target in _pairs.TARGETS if target.dialect]
    parts = [BEGIN, HEAD, "| What | " + " | ".join(api.title for api in APIS.values()) + " |\n", "|---" * (len(APIS) + 1) + "|\n"]
    parts += [f"| {feature.title} | " + " | ".join(_cell(feature, name, rows, targets) for name in APIS) + " |\n"
              for feature in _pairs.load()]
    passing = ", ".join(f"{APIS[target.passes].title} at {target.name}" for target in targets if target.passes)
    parts += [f"\nThe bytes pass as they are: {passing}.\n", END]
    return "".join(parts)


def _parts():
    with open(DOCUMENT, encoding="utf-8") as document:
        found = document.read()
    before, begin, rest = found.partition(BEGIN)
    made, end, after = rest.partition(END)
    if not begin or not end:
        raise Failure(f"the lines {BEGIN.strip()} and {END.strip()} in docs/clients.md", "none")
    return before, begin + made + end, after


def write():
    before, _, after = _parts()
    with open(DOCUMENT, "w", encoding="utf-8") as document:
        document.write(before + text() + after)


def is_kept(ctx):
    """Every feature of the table has its rows, and the document says so."""
    from contract import _pairs
    rows = conformance.all_rows()
    missing = [f"CL-MAP-01-{item.id}-{name}" for item in _pairs.load() for name in item.apis()
               if not any(conformance.is_of(row, f"CL-MAP-01-{item.id}-{name}") for row in rows)]
    if missing:
        raise Failure("a row for every feature and API of contract/pairs.json", ", ".join(missing))
    found, wanted = _parts()[1].splitlines(), text().splitlines()
    if found != wanted:
        differ = [line for line in wanted + found if (line in wanted) != (line in found)] or ["the order"]
        raise Failure("docs/clients.md as tests/run build/dev --clients makes it", "; ".join(differ[:3]))
