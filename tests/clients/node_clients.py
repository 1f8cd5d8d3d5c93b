"""Clients for Node.js, as docs/clients.md configures them, with a model of each dialect behind the gateway: the vendors' own SDKs
and Vercel's AI SDK."""
import os

from contract._client_env import KEY, ClientEnv
from fakes.models import Reply
from harness.runner import Skip, case, fixture, truth

from . import _child, _npm
from ._recipes import Recipe
from ._scripted import PERSON, adder
from .sdk_clients import holds

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ("gpt", "claude")
RECIPES = {"openai": "OpenAI's SDK for Node.js", "anthropic": "Anthropic's SDK for Node.js", "google": "Google's SDK for Node.js",
           "vercel": "Vercel's AI SDK"}
NEEDS_NODE = 20


class NodeEnv(ClientEnv):
    def __init__(self, ctx):
        if _npm.node_version() < NEEDS_NODE:
            raise Skip(f"the clients need Node.js {NEEDS_NODE}, found {_npm.node_version()}")
        packages = _npm.installed(ctx, os.path.join(HERE, "node_packages"), "node-clients", 240)
        self.clients = _child.node("_node_calls.mjs", packages, greets=False)
        super().__init__(ctx, name="node-clients")

    def call(self, client, what, model, replies=adder):
        for script in (self.openai, self.anthropic):
            script.seen.clear()
            script.replies = replies
        recipe = Recipe(self.ctx, RECIPES[client], f"http://127.0.0.1:{self.gw.port}", KEY, model)
        return self.clients.call({"call": f"{client} {what}", "recipe": recipe.code["js"], "key": KEY, "model": model})

    def close(self):
        super().close()
        self.clients.close()


@fixture("node-clients", heavy=True)
def node_clients(ctx):
    return NodeEnv(ctx)


def call_case(client, what, behind=MODELS, **wanted):
    for model in behind:
        @case(f"CLIENT-node-{client}-{what}-{model}", "node-clients")
        def run(env, model=model):
            holds(env.call(client, what, model), **wanted)


def failure_case(client, what, ident, replies=adder, models=MODELS, **wanted):
    for model in models:
        @case(f"CLIENT-node-{client}-{ident}-{model}", "node-clients")
        def run(env, model=model):
            found = env.call(client, what, model, replies)
            truth("error" in found, "an error", found)
            holds(found["error"], **wanted)


TEXT, TOKENS, NAMES = {"text": "hello"}, {"tokens": [70, 20]}, ["gpt", "claude", "both"]
TOOLS = {"text": "3 and 7", "calls": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}

call_case("openai", "chat", **TEXT, **TOKENS, stop="stop")
call_case("openai", "stream", **TEXT, **TOKENS, pieces=2)
call_case("openai", "parse", person=PERSON)
call_case("openai", "tools", **TOOLS)
call_case("openai", "stream-tools", **TOOLS)
call_case("openai", "responses", **TEXT, **TOKENS, status="completed")
call_case("openai", "responses-stream", **TEXT, status="completed", isWhole=True)
call_case("openai", "responses-parse", person=PERSON)
call_case("openai", "responses-tools", **TOOLS)
call_case("openai", "models", ("gpt",), models=NAMES)
call_case("anthropic", "messages", **TEXT, **TOKENS, stop="end_turn")
call_case("anthropic", "stream", **TEXT, pieces=2)
call_case("anthropic", "tools", **TOOLS)
call_case("anthropic", "stream-tools", calls=TOOLS["calls"], stop="tool_use")
call_case("anthropic", "thinking", **TEXT, thinking="two steps", blocks=["thinking", "text"])
call_case("anthropic", "count", ("gpt",), isCounted=True)
call_case("anthropic", "models", ("gpt",), models=NAMES)
call_case("google", "generate", **TEXT, **TOKENS, stop="STOP")
call_case("google", "stream", **TEXT, pieces=2)
call_case("google", "chat", text="hello+hello", kept=2)
call_case("google", "tools", **TOOLS)
call_case("google", "schema", person=PERSON)
call_case("google", "count", ("gpt",), isCounted=True)
call_case("google", "models", ("gpt",), models=[f"models/{name}" for name in NAMES])
for api in ("responses", "chat", "messages", "gemini", "compatible"):
    call_case("vercel", f"{api}-generate", **TEXT, **TOKENS, stop="stop")
    call_case("vercel", f"{api}-stream", **TEXT, stop="stop", pieces=2)
    call_case("vercel", f"{api}-turns", text="hello+hello", stop="stop")
    call_case("vercel", f"{api}-tools", **TOOLS)
    call_case("vercel", f"{api}-stream-tools", **TOOLS)
    call_case("vercel", f"{api}-schema", person=PERSON)

LIMITED, CUT = [Reply(status=429, headers=(("Retry-After", "0"),))], [Reply(("hel", "lo"), cut_after=1)]
for _client, _whole, _stream in (("openai", "chat", "stream"), ("anthropic", "messages", "stream"), ("google", "generate", "stream"),
                                 *(("vercel", f"{api}-generate", f"{api}-stream")
                                   for api in ("responses", "chat", "messages", "gemini", "compatible"))):
    _api = _whole.split("-", maxsplit=1)[0]
    failure_case(_client, _whole, f"{_api}-unknown", models=("nobody",), status=404)
    failure_case(_client, _whole, f"{_api}-limited", LIMITED, status=429)
    failure_case(_client, _stream, f"{_api}-cut", CUT)
