"""A gateway whose clients speak the canonical model (probe/canon_feature.c): requests as case files spell them go to
whatever server nobody here wrote, and the events come back as case files spell them."""
import json
import os
import re

from contract._env import Env
from harness.runner import Failure, equal

HELLO = [{"role": "user", "content": "hi"}]
WEATHER = [{"name": "get_weather", "description": "Weather of a place",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}]


class Events:
    """The lines of an answer."""

    def __init__(self, text):
        self.lines = text.strip().splitlines()

    def __repr__(self):
        return " / ".join(self.lines)

    def all(self, word):
        return [line for line in self.lines if line.split(" ", 1)[0] == word]

    def text(self, word="text"):
        """The pieces of text together."""
        return "".join(json.loads(line[line.index('"'):]) for line in self.all(word))

    def tools(self):
        """[(id, name, arguments)] with the pieces of each call together."""
        calls = {}
        for line in self.all("tool"):
            index, names, text = re.fullmatch(r'tool (\d+)((?: \w+="[^"]*")*) (".*")', line).groups()
            call = calls.setdefault(index, ["", "", ""])
            for name, value in re.findall(r'(\w+)="([^"]*)"', names):
                call[{"id": 0, "name": 1}.get(name, 0)] = value
            call[2] += json.loads(text)
        return [tuple(call) for call in calls.values()]

    def usage(self):
        """{"input", "output", …} of the last one."""
        said = self.all("usage")
        if not said:
            raise Failure("a usage event", repr(self))
        _, amount_in, amount_out, *rest = said[-1].split()
        return {"input": int(amount_in), "output": int(amount_out),
                **{name: int(value) for name, _, value in (word.partition("=") for word in rest)}}

    @property
    def finish(self):
        return (self.all("finish") or ["finish nothing"])[-1].split()[1]

    @property
    def error(self):
        """Kind and status of the error that ended it."""
        said = self.all("error")
        return " ".join(said[-1].split()[1:3]) if said else None

    @property
    def end(self):
        return self.lines[-1].split()[0] if self.lines else ""


class CanonEnv(Env):
    """models: text of conf.d that says providers and models."""

    def __init__(self, ctx, name, models="", env=None):
        conf = models + '\nfeatures: { canon = { plugin = "canon_feature"; }; };\n'
        super().__init__(ctx, bypass=True, conf=conf, env=env, name=name,
                         args=("--plugin-dir", os.path.join(ctx.build_dir, "tests", "probe")))

    def ask(self, need, **request):
        """need: a model of conf.d, or {"identifier", "endpoint", "api_key"}."""
        request.setdefault("kind", "chat")
        if request["kind"] == "chat":
            request.setdefault("messages", HELLO)
        response = self.post("/canon", {"need": {"model": need} if isinstance(need, str) else need, **request},
                             headers={"Content-Type": "application/json"})
        equal(response.status, 200, f"status of {response.text[:300]}")
        return Events(response.text)
