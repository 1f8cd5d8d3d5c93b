"""The vendors' own Python clients (pinned in python_packages/sdks.txt) read the answers of every provider's
matrix.case, and must see in them what our events say; and their types of requests must know every member of the
bodies there: so that both are the real dialect, not what we take for it."""
import base64
import json

from fakes.dialects import EVENTSTREAM, aws_message
from harness import providers
from harness.runner import Failure, case, equal, fixture

from . import _child, _pypi
from ._canon import Events

# Whose client speaks to the server that a provider talks to, by the beginning of the model's name; "": any other.
SDKS = {"openai": {"": "openai"}, "azure": {"": "azure"}, "anthropic": {"": "anthropic"}, "mistral": {"": "mistral"},
        "bedrock": {"": "bedrock"},
        "vertex": {"claude": "anthropic", "mistral": "mistral", "codestral": "mistral", "meta/": "openai", "": "google"}}
# Members of the version of Anthropic's API that we speak; this client speaks a later one, which has lost them.
OLDER = {"anthropic": {"temperature", "top_p", "top_k"}}
# Bodies that the client makes out of something else, without a type for them.
UNTYPED = {("google", "embedding"), ("google", "count"), ("bedrock", "embedding")}


class SdkEnv:
    def __init__(self, ctx):
        self.ctx = ctx
        self.child = _child.python("_fixture_calls.py", _pypi.installed(ctx, "sdks"), greets=False)

    def close(self):
        self.child.close()


@fixture("fixtures", takes_s=18)
def fixtures(ctx):
    return SdkEnv(ctx)


def message(line):
    """A message of AWS's binary event stream, as docs/plugin-authors.md spells it."""
    kind, name, *rest = line.split(" ", 2)
    return aws_message(kind, name, rest[0] if rest else "")


def wire(kind, text):
    """The bytes that a server sends for the text of an answer."""
    if kind != EVENTSTREAM:
        return text.encode()
    return b"".join(message(line) for line in text.splitlines() if line)


def sdk_of(row, request):
    model = request.get("target", {}).get("model", "")
    fits = [begin for begin in SDKS[row.provider] if model.startswith(begin)]
    return SDKS[row.provider][max(fits, key=len)]


class Answer:
    """One answer of a row, and what is expected of it."""

    def __init__(self, row, arg, text, expects, expected):
        status, kind, *_ = arg.split() + ["text/event-stream"]
        self.status, self.kind = int(status), kind
        self.bytes = wire(kind, text)
        self.events = Events(expected) if expects == "events" else None
        self.request = json.loads(row.text)
        self.sdk = sdk_of(row, self.request)

    def order(self):
        return {"sdk": self.sdk, "call": self.request.get("kind", "chat"), "stream": self.request.get("stream", False),
                "status": self.status, "type": self.kind, "body": base64.b64encode(self.bytes).decode()}

    def check(self, told):
        if "complaint" in told:
            raise Failure(f"the {self.sdk} client to read it", told["complaint"])
        if self.status >= 400:
            equal(told.get("error", {}).get("status"), self.status, f"status of {told}")
        elif self.events.end == "error":
            equal("error" in told, True, f"an error ({told})")
        elif "error" in told:
            raise Failure("an answer", str(told["error"]))
        else:
            self._compare(told)

    def _compare(self, told):
        events = self.events
        if "vectors" in told:
            vectors = [json.loads(line.split()[2]) for line in events.all("embedding")]
            return equal(told["vectors"], vectors, "vectors")
        if "tokens" in told:
            return equal(told["tokens"], events.usage()["input"], "tokens")
        equal(told["text"] + told["refusal"], events.text() + events.text("refusal"), "text")
        equal(told["reasoning"], events.text("reasoning"), "reasoning")
        equal(told["tools"], [[name, json.loads(text or "{}")] for _, name, text in events.tools()], "tool calls")
        usage = events.usage() if events.all("usage") else {}
        common = set(told["usage"]) & set(usage)
        equal({name: told["usage"][name] for name in common}, {name: usage[name] for name in common}, "usage")
        equal(bool(told["usage"]), bool(usage), "that there is usage")
        words = [json.loads(line[line.rindex(' "') + 1:]) for line in events.all("finish")]
        equal([told["finish"]], words[:1], "finish")


def answers(row):
    """The answers of a row whose outcome says what must be seen in them."""
    pairs = zip(row.sections, row.sections[1:])
    found = [Answer(row, arg, text, expects, expected) for (name, arg, text), (expects, _, expected) in pairs
             if name == "answer" and expects in ("events", "error")]
    return [answer for answer in found if not answer.events or answer.events.end in ("end", "error")]


def add(row, number, answer):
    ident = f"FIXTURE-{row.provider}-{row.id[2:]}" + (f"-{number}" if number else "")
    case(ident, "fixtures")(lambda env: answer.check(env.child.call(answer.order())))


def add_request(row, body):
    request = json.loads(row.text)
    sdk = {"azure": "openai"}.get(sdk_of(row, request), sdk_of(row, request))
    if (sdk, request.get("kind", "chat")) in UNTYPED or row.id == "M-extra":
        return

    @case(f"REQUEST-{row.provider}-{row.id[2:]}", "fixtures")
    def run(env):
        sent = {name: value for name, value in json.loads(body).items() if name not in OLDER.get(sdk, ())}
        told = env.child.call({"sdk": sdk, "call": request.get("kind", "chat"), "sent": sent})
        equal(told["complaint"], "", f"what the {sdk} client's types say of {body}")


# What a provider lacks is said by RUN-PROVIDERS; here it has no rows.
for _provider in providers.names():
    for _row in providers.read_rows(_provider):
        if _provider in SDKS and not _row.instead:
            for _number, _answer in enumerate(answers(_row)):
                add(_row, _number, _answer)
        for _name, _, _body in _row.sections:
            if _name == "body" and _provider in SDKS:
                add_request(_row, _body)
