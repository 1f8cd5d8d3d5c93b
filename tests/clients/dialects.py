"""aimock (npm) plays the servers of every vendor's protocol; canonical requests go to it through each provider, and
come back as events. What it received is looked at in its own journal."""
import json
import os

from harness.runner import case, equal, fixture, truth

from . import _child, _npm
from ._canon import WEATHER, CanonEnv
from .google_oauth import Google

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "sk-aimock-canary-91b7"
SAYS = "\n  puts \"hello world\"\nend"
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PLACES = [("get_weather", {"place": "Paris"}), ("get_weather", {"place": "Rome"})]


class Dialect:
    """group: settings of conf.d, %s is aimock's address, {metadata} that of Google's metadata server. paths: of chats,
    whole and streamed. auth: the header with the key; aimock does not keep its value. lacks: what aimock does not do in
    this dialect (it keeps images of OpenAI's form only)."""

    def __init__(self, plugin, model, group, paths, auth, lacks=(), embedding=None):
        self.plugin, self.model, self.group, self.lacks, self.embedding = plugin, model, group, lacks, embedding
        self.paths = (paths, paths) if isinstance(paths, str) else paths
        self.auth = auth


CHAT = "/v1/chat/completions"
DEPLOYMENT = "/openai/deployments/my-gpt-4o"
CONVERSE = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/"
DIALECTS = {
    "openai": Dialect("openai", "gpt-4o", 'base_url = "%s/v1";', CHAT, "authorization", embedding="/v1/embeddings"),
    "ollama": Dialect("openai", "llama3", 'profile = "ollama"; base_url = "%s/v1";', CHAT, "authorization"),
    "anthropic": Dialect("anthropic", "claude-haiku-4-5", 'base_url = "%s";', "/v1/messages", "x-api-key", {"image"}),
    # Played by its OpenAI server: no thinking parts, and usage in a stream only where OpenAI's clients ask for it.
    "mistral": Dialect("mistral", "mistral-small-latest", 'base_url = "%s/v1";', CHAT, "authorization",
                       {"reasoning", "usage"}),
    "azure": Dialect("azure", "my-gpt-4o", 'base_url = "%s";', DEPLOYMENT + "/chat/completions", "api-key",
                     embedding=DEPLOYMENT + "/embeddings"),
    "azure_v1": Dialect("azure", "my-gpt-4o", 'base_url = "%s/openai/v1";', "/openai/v1/chat/completions", "api-key"),
    "bedrock": Dialect("bedrock", "anthropic.claude-3-haiku-20240307-v1:0",
                       'base_url = "%s"; access_key_id = "AKIDEXAMPLE"; secret_access_key = "sk-aimock-canary-91b8";',
                       [f"/model/anthropic.claude-3-haiku-20240307-v1%3A0/{call}" for call in (
                           "converse", "converse-stream")],
                       "authorization", {"image"}),
    "gemini": Dialect("vertex", "gemini-2.5-flash", 'api = "ai-studio"; base_url = "%s";',
                      [f"/v1beta/models/gemini-2.5-flash:{call}" for call in (
                          "generateContent", "streamGenerateContent")],
                      "x-goog-api-key", {"image"}),
    "vertex": Dialect("vertex", "gemini-2.5-flash", 'project = "p"; location = "europe-west1"; base_url = "%s"; '
                      'metadata_host = "{metadata}";',
                      ["/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-flash:" + call
                       for call in ("generateContent", "streamGenerateContent")], "authorization", {"image"}),
}


class MockEnv(CanonEnv):
    def __init__(self, ctx):
        self.mock = _child.node("aimock.mjs", _npm.installed(ctx, HERE, "clients"))
        self.google = Google(ctx)
        ctx.secret(KEY)
        url = self.mock.said["url"]
        groups, models = [], []
        for name, dialect in DIALECTS.items():
            name = name.replace("-", "_")
            has_own = "access_key" in dialect.group or "metadata" in dialect.group
            group = dialect.group.replace("{metadata}", self.google.host) % url
            key = "" if has_own else f'api_key = "{KEY}";'
            groups.append(f'{name}_mock = {{ plugin = "{dialect.plugin}"; {key} {group} }};')
            models.append(f'{name} = {{ retries = 0; targets = ( {{ provider = "{name}_mock"; '
                          f'model = "{dialect.model}"; }} ); }};')
        super().__init__(ctx, "aimock", f"providers: {{ {' '.join(groups)} }};\nmodels: {{ {' '.join(models)} }};")

    def seen(self, count=1):
        """The newest requests."""
        return self.mock.call("requests")[-count:]

    def close(self):
        super().close()
        self.google.close()
        self.mock.close()


@fixture("aimock")
def aimock(ctx):
    return MockEnv(ctx)


def both_ways(run):
    """The same whole and streamed."""
    def each(env, name, dialect):
        for stream in (False, True):
            run(env, name, dialect, stream)
    return each


@both_ways
def chat(env, name, dialect, stream):
    events = env.ask(name, stream=stream, max_tokens=100, messages=[
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"}, {"role": "user", "content": "second"}])
    equal((events.text(), events.finish, events.end), (SAYS, "stop", "end"), f"stream={stream}: {events!r}")
    truth(not stream or len(events.all("text")) > 1, "several pieces", repr(events))
    seen, = env.seen()
    equal(seen["path"].split("?")[0], dialect.paths[stream], "path")
    truth(dialect.auth in {key.lower() for key in seen["headers"]}, f"the header {dialect.auth}", seen["headers"])
    for word in ("be brief", "first", "answer", "second"):
        truth(word in json.dumps(seen["body"]), f"{word!r} in what it received", seen["body"])


@both_ways
def usage(env, name, _, stream):
    events = env.ask(name, stream=stream)
    equal((events.usage()["input"], events.usage()["output"]), (11, 5), f"usage, stream={stream}: {events!r}")


@both_ways
def tools(env, name, _, stream):
    ask = {"role": "user", "content": "the weather?"}
    events = env.ask(name, stream=stream, tools=WEATHER, messages=[ask])
    calls = events.tools()
    equal([(call[1], json.loads(call[2])) for call in calls], PLACES, f"stream={stream}: {events!r}")
    equal((events.finish, events.end), ("tool_calls", "end"), f"stream={stream}: {events!r}")
    truth("get_weather" in json.dumps(env.seen()[0]["body"]), "the tool in what it received", env.seen())
    used = [{"type": "tool_call", "id": call[0], "name": call[1], "text": call[2]} for call in calls]
    results = [{"type": "tool_result", "id": call[0], "name": call[1], "text": "sunny"} for call in calls]
    events = env.ask(name, stream=stream, tools=WEATHER, messages=[
        ask, {"role": "assistant", "content": used}, {"role": "tool", "content": results}])
    equal((events.text(), events.end), ("sunny in both", "end"), f"stream={stream}: {events!r}")


@both_ways
def reasoning(env, name, _, stream):
    events = env.ask(name, stream=stream, max_tokens=4096, reasoning="on", reasoning_budget=2048,
                     messages=[{"role": "user", "content": "think"}])
    equal((events.text("reasoning"), events.text(), events.end), ("six times seven", "forty-two", "end"), repr(events))


@both_ways
def image(env, name, _, stream):
    events = env.ask(name, stream=stream, messages=[{"role": "user", "content": [
        {"type": "text", "text": "what is it?"}, {"type": "image", "media_type": "image/png", "data": PIXEL}]}])
    equal((events.text(), events.end), (SAYS, "end"), f"stream={stream}: {events!r}")
    truth(PIXEL in json.dumps(env.seen()), "the image in what it received", env.seen())


def refused(words, error):
    @both_ways
    def run(env, name, _, stream):
        events = env.ask(name, stream=stream, messages=[{"role": "user", "content": words}])
        equal(events.error, error, f"stream={stream}: {events!r}")
    return run


def embeddings(env, name, dialect):
    events = env.ask(name, kind="embedding", inputs=["one", "two"])
    equal(events.all("embedding"), ["embedding 0 [0.5,-0.25,1]", "embedding 1 [0.5,-0.25,1]"], repr(events))
    equal(env.seen()[0]["path"].split("?")[0], dialect.embedding, "path")


TRIALS = {"chat": chat, "usage": usage, "tools": tools, "reasoning": reasoning, "image": image,
          "rate-limit": refused("rate limit", "rate_limited 429"), "overload": refused("overload", "overloaded 503"),
          "server-error": refused("break", "server 500"), "bad-request": refused("malformed", "bad_request 400")}


def add(name, dialect):
    trials = {**TRIALS, "embeddings": embeddings} if dialect.embedding else TRIALS
    for trial, run in trials.items():
        if trial not in dialect.lacks:
            case(f"MOCK-{name.replace('_', '-')}-{trial}", "aimock")(lambda env, run=run: run(env, name, dialect))


for _name, _dialect in DIALECTS.items():
    add(_name, _dialect)
