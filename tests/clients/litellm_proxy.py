"""A real LiteLLM proxy (PyPI) as the model server: GitLab's users put one in front of their models. Its answers come from
its own configuration through all of its server code, or from aimock (npm) behind it."""
import json
import os

from contract._env import completion
from fakes import clients
from harness.runner import case, equal, fixture, truth

from . import _child, _npm, _pypi
from ._canon import WEATHER, CanonEnv

KEY = "sk-litellm-canary-3f2c9e17a8b6"
SAYS = "hello from the proxy"


class ProxyEnv(CanonEnv):
    def __init__(self, ctx):
        ctx.secret(KEY)
        packages = _pypi.installed(ctx, "litellm")
        self.mock = _child.node("aimock.mjs", _npm.installed(ctx, os.path.dirname(os.path.abspath(__file__)), "clients"))
        self.proxy = _child.python("_litellm_child.py", packages, ctx.folder("litellm"), KEY, self.mock.said["url"])
        self.url = self.proxy.said["url"]
        super().__init__(ctx, "litellm", f"""
            providers: {{ lite = {{ plugin = "openai"; profile = "litellm"; base_url = "{self.url}/v1"; api_key = "{KEY}"; }}; }};
            models: {{
                says = {{ targets = ( {{ provider = "lite"; model = "says"; }} ); retries = 0; }};
                behind = {{ targets = ( {{ provider = "lite"; model = "behind"; }} ); retries = 0; }};
                limited = {{ targets = ( {{ provider = "lite"; model = "limited"; }} ); retries = 0; }};
                too_long = {{ targets = ( {{ provider = "lite"; model = "too-long"; }} ); retries = 0; }};
                broken = {{ targets = ( {{ provider = "lite"; model = "broken"; }} ); retries = 0; }};
                unknown = {{ targets = ( {{ provider = "lite"; model = "no-such-model"; }} ); retries = 0; }};
            }};""")

    def close(self):
        super().close()
        self.proxy.close()
        self.mock.close()


@fixture("litellm")
def litellm(ctx):
    return ProxyEnv(ctx)


@case("LITELLM-chat", "litellm")
def chat(env):
    for stream in (False, True):
        events = env.ask("says", stream=stream, max_tokens=50)
        equal((events.text(), events.finish, events.end), (SAYS, "stop", "end"), f"stream={stream}: {events!r}")
        truth(events.usage()["input"] > 0 and events.usage()["output"] > 0, "usage", repr(events))


@case("LITELLM-tools", "litellm")
def tools(env):
    for stream in (False, True):
        events = env.ask("behind", stream=stream, tools=WEATHER, messages=[{"role": "user", "content": "the weather?"}])
        equal([(call[1], json.loads(call[2])) for call in events.tools()],
              [("get_weather", {"place": "Paris"}), ("get_weather", {"place": "Rome"})], repr(events))
        equal((events.finish, events.end), ("tool_calls", "end"), f"stream={stream}: {events!r}")
        results = [{"type": "tool_result", "id": call[0], "name": call[1], "text": "sunny"} for call in events.tools()]
        calls = [{"type": "tool_call", "id": call[0], "name": call[1], "text": call[2]} for call in events.tools()]
        events = env.ask("behind", stream=stream, tools=WEATHER, messages=[
            {"role": "user", "content": "the weather?"}, {"role": "assistant", "content": calls},
            {"role": "tool", "content": results}])
        equal((events.text(), events.end), ("sunny in both", "end"), repr(events))


def fails(ident, model, error):
    def run(env):
        for stream in (False, True):
            events = env.ask(model, stream=stream)
            equal(events.error, error, f"stream={stream}: {events!r}")
    case(ident, "litellm")(run)


fails("LITELLM-rate-limit", "limited", "rate_limited 429")
fails("LITELLM-too-long", "too_long", "context_too_long 400")
fails("LITELLM-server-error", "broken", "server 500")
fails("LITELLM-no-model", "unknown", "not_found 400")


@case("LITELLM-key", "litellm")
def a_wrong_key(env):
    need = {"identifier": "litellm_proxy/says", "endpoint": env.url + "/v1", "api_key": "sk-wrong-canary-71"}
    events = env.ask(need)
    truth(events.error, "an error", repr(events))
    truth("sk-wrong" not in repr(events), "no key in the words", repr(events))


@case("LITELLM-gitlab", "litellm")
def gitlab_completes_code(env):
    rails = clients.Rails(env.gw.port, env.token())
    for stream in (False, True):
        body = completion(None, model_endpoint=env.url + "/v1", model_identifier="litellm_proxy/says", stream=stream,
                          model_api_key=KEY)
        response = rails.call("/v2/code/completions", body)
        equal(response.status, 200, f"status ({response.text[:200]})")
        truth(SAYS in response.text, "the proxy's text", response.text)
