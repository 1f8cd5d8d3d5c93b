"""Python frameworks as docs/clients.md configures them, with a model of each dialect behind the gateway: LangChain, LlamaIndex, and
LiteLLM as a client."""
import os

from contract._client_env import KEY, ClientEnv
from harness.runner import case, fixture, truth

from . import _child, _pypi
from ._recipes import Recipe
from ._scripted import PERSON, adder
from .sdk_clients import holds

MODELS = ("gpt", "claude")
CLOSED = "http://127.0.0.1:9"
QUIET = {"AIGW_KEY": KEY, "HTTP_PROXY": CLOSED, "HTTPS_PROXY": CLOSED, "NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
         "LITELLM_TELEMETRY": "False", "LANGSMITH_TRACING": "false"}
PAGES = {"langchain": "LangChain", "llamaindex": "LlamaIndex", "litellm": "LiteLLM"}


class FrameworkEnv(ClientEnv):
    def __init__(self, ctx):
        packages = _pypi.installed(ctx, "frameworks", 400)
        self.clients = _child.python("_framework_calls.py", packages, env={**QUIET, "HOME": ctx.folder("frameworks")}, greets=False)
        super().__init__(ctx, name="frameworks")

    def call(self, client, api, what, model):
        for script in (self.openai, self.anthropic):
            script.seen.clear()
            script.replies = adder
        recipe = Recipe(self.ctx, PAGES[client], f"http://127.0.0.1:{self.gw.port}", KEY, model).code["python"]
        return self.clients.call({"client": client, "api": api, "call": what, "recipe": recipe})

    def close(self):
        super().close()
        self.clients.close()


@fixture("frameworks", heavy=True)
def frameworks(ctx):
    return FrameworkEnv(ctx)


def call_case(client, api, what, models=MODELS, **wanted):
    for model in models:
        @case(f"CLIENT-{client}-{api}-{what.replace('_', '-')}-{model}", "frameworks")
        def run(env, model=model):
            holds(env.call(client, api, what, model), **wanted)


def unknown_case(client, api):
    @case(f"CLIENT-{client}-{api}-unknown", "frameworks")
    def run(env):
        found = env.call(client, api, "whole", "nobody").get("error", {})
        truth("nobody" in found.get("message", ""), "an error that names the model", found)


TEXT, TOKENS = {"text": "hello"}, {"tokens": [70, 20]}
TOOLS = {"text": "3 and 7", "calls": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}

for _api in ("chat", "responses", "messages", "gemini"):
    call_case("langchain", _api, "whole", **TEXT, **TOKENS)
    call_case("langchain", _api, "stream", **TEXT, **TOKENS, pieces=2)
    call_case("langchain", _api, "tools", **TOOLS)
    call_case("langchain", _api, "stream_tools", **TOOLS)
    call_case("langchain", _api, "schema", person=PERSON)
    unknown_case("langchain", _api)
for _api, _models in (("chat", MODELS), ("completions", ("gpt",))):
    call_case("llamaindex", _api, "whole", _models, **TEXT)
    call_case("llamaindex", _api, "stream", _models, **TEXT, pieces=2)
    if _api != "completions":
        call_case("llamaindex", _api, "tools", _models, **TOOLS)
for _api in ("chat", "messages", "gemini"):
    call_case("litellm", _api, "whole", **TEXT, **TOKENS, stop="stop")
    call_case("litellm", _api, "stream", **TEXT, **TOKENS, pieces=2)
    call_case("litellm", _api, "tools", **TOOLS)
    call_case("litellm", _api, "stream_tools", **TOOLS)
    call_case("litellm", _api, "schema", person=PERSON)
    unknown_case("litellm", _api)
