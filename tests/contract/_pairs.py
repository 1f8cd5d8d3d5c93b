"""pairs.json with the rows of the providers: for each feature, API and provider what the server must be sent, or how it is
refused. Used by the cases (pairs.py) and by docs/clients.md (harness/clients.py)."""
import json
import os

from harness import providers
from harness.runner import Failure

HERE = os.path.dirname(os.path.abspath(__file__))


class Target:
    """A provider as a client meets it. dialect: of its server; rows: whose matrix.case says what it is sent; passes: the API whose
    bytes it gets as they are."""

    def __init__(self, name, plugin, dialect, group, model, passes=None, rows=None, suffix=""):
        self.name, self.plugin, self.dialect, self.group = name, plugin, dialect, group
        self.model, self.passes, self.rows, self.suffix = model, passes, rows or plugin, suffix


TARGETS = [
    Target("openai", "openai", "chat", 'base_url = "%s/v1"; profile = "openai"; api_key = "{key}";', "gpt-4.1", "chat"),
    Target("azure", "azure", "chat", 'base_url = "%s"; api_key = "{key}";', "mine", "chat"),
    Target("anthropic", "anthropic", "messages", 'base_url = "%s"; api_key = "{key}";', "test-model", "messages"),
    Target("bedrock", "bedrock", "converse", 'base_url = "%s"; region = "us-east-1"; api_key = "{key}";',
           "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    Target("vertex", "vertex", "gemini", 'base_url = "%s"; api = "ai-studio"; api_key = "{key}";', "gemini-2.5-flash", "gemini"),
    Target("vertex (Claude)", "vertex", "messages", 'base_url = "%s"; project = "p"; location = "europe-west1"; '
           'metadata_host = "{metadata}";', "claude-opus-4-6", "messages", rows="anthropic"),
    Target("mistral", "mistral", "mistral", 'base_url = "%s/v1"; api_key = "{key}";', "test-model"),
    Target("mock", "mock", None, 'response = "Hello.";', "mock"),
]


class Cell:
    """What is expected of one feature, sent by one API, to one target."""

    def __init__(self, model, body=None, exact=False, dropped=(), refused=None, why="", passed=False):
        self.model = model      # of the target
        self.body = body        # what the server must be sent; None: nothing is known of it
        self.exact = exact      # … and nothing else
        self.dropped = sorted(dropped)
        self.refused = refused  # words of the refusal; None: it is served
        self.why = why          # for people, where it is not simply served
        self.passed = passed    # the client's own bytes


class Feature:
    def __init__(self, data, shared):
        self.__dict__.update({"kind": "chat", "seen": {}, "back": {}, "answer": {"text": "Hello."}, "loose": {}, "only": None,
                              "error": None, "turns": False, "unsaid": {}, "words": [], "except": {}, "also": {}})
        self.__dict__.update(data)
        self.spelling = shared["spelling"]
        row = next((item for item in providers.features() if item["id"] == self.id), None)
        if not row and "title" not in data:
            raise Failure("a title, or an id of plugins/providers/matrix.json", self.id)
        self.title = data.get("title") or row["title"]

    def apis(self):
        return list(self.send)

    def cell(self, api, target, rows):
        """rows: providers.matrix()[1]"""
        special = self.__dict__["except"].get(f"{api}>{target.name}")
        if target.passes == api and special is None:
            return Cell(self._model(target, rows), passed=True)
        if target.dialect is None:
            return Cell(target.model)
        said = special if special is not None else self.seen.get(target.name, self.seen.get(target.dialect))
        if said is None:
            return self._of_row(api, target, rows)
        return self._of_data(api, target, said)

    def _also(self, api, target):
        names = self.also.get(target.name, [])
        return names.get(api, []) if isinstance(names, dict) else names

    def _spell(self, api, names):
        return [self.spelling[api].get(name, name) for name in names]

    def _of_data(self, api, target, said):
        if isinstance(said, dict):
            names = self._spell(api, self._also(api, target))
            return Cell(target.model, body=said, dropped=names, why="dropped " + ", ".join(names) if names else "")
        word, _, rest = said.partition(" ")
        if word == "refused":
            return Cell(target.model, refused=rest, why="refused" + (": " + rest if rest else ""))
        names = rest.split(", ")
        return Cell(target.model, body={}, dropped=self._spell(api, names), why="dropped " + ", ".join(self._spell(api, names)))

    def _row(self, target, rows):
        return rows[target.rows][self.id][0] if self.id in rows[target.rows] else None

    def _model(self, target, rows):
        row = self._row(target, rows)
        asked = json.loads(row.text) if row else {}
        model = asked.get("target", {}).get("model", target.model)
        return model if target.rows == target.plugin else target.model

    def _of_row(self, api, target, rows):
        row = self._row(target, rows)
        model = self._model(target, rows)
        found = [section for section in row.sections if section[0] in ("body", "fails")]
        dropped = [json.loads(line[8:]) for line in row.section("events")[1].splitlines() if line.startswith("dropped ")]
        if found and found[0][0] == "fails":
            return Cell(model, refused=found[0][2].strip(), why=row.instead)
        body = json.loads(found[0][2]) if found else None
        names = self._spell(api, dropped + self._also(api, target))
        return Cell(model, body=body, exact=True, dropped=names, why=row.instead or ("dropped " + ", ".join(names) if names else ""))

    def failure(self, target, rows):
        """(status, headers, body) of the server that fails, and the seconds it asks to wait."""
        if target.dialect is None:
            return None
        row = self._row(target, rows)
        arg, text = row.section("answer")
        status, _, wait = (arg.split() + ["", ""])[:3]
        headers = [tuple(line.split(": ", 1)) for line in row.section("server-headers")[1].splitlines() if ": " in line]
        if wait:
            headers.append(("retry-after", wait))
        return int(status), headers, text.strip(), wait


def load():
    with open(os.path.join(HERE, "pairs.json"), encoding="utf-8") as source:
        data = json.load(source)
    return [Feature(item, data) for item in data["features"]]
