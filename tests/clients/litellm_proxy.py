"""A real LiteLLM proxy (PyPI) as the model server: GitLab's users put one in front of their models. It speaks four APIs
whatever is behind it; its answers come from its own configuration, or from aimock (npm) behind it."""
import json
import os

from contract._env import completion
from fakes import clients
from harness.runner import case, equal, fixture, truth

from . import _child, _npm, _pypi
from ._canon import WEATHER, CanonEnv

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "sk-litellm-canary-3f2c9e17a8b6"
SAYS = "hello from the proxy"
BEHIND = "\n  puts \"hello world\"\nend"  # says what is behind it
MODELS = ["says", "behind", "limited", "too-long", "broken", "no-such-model"]
APIS = {"openai": 'plugin = "openai"; profile = "litellm"; base_url = "%s/v1";',
        "anthropic": 'plugin = "anthropic"; base_url = "%s";', "azure": 'plugin = "azure"; base_url = "%s";',
        "gemini": 'plugin = "vertex"; api = "ai-studio"; base_url = "%s";'}


class ProxyEnv(CanonEnv):
    def __init__(self, ctx):
        ctx.secret(KEY)
        packages = _pypi.installed(ctx, "litellm")
        self.mock = _child.node("aimock.mjs", _npm.installed(ctx, HERE, "clients"))
        self.proxy = _child.python("_litellm_child.py", packages, ctx.folder("litellm"), KEY, self.mock.said["url"])
        self.url = self.proxy.said["url"]
        groups = "".join(f'{api} = {{ {group % self.url} api_key = "{KEY}"; }};\n' for api, group in APIS.items())
        models = "".join(f'{api}_{name.replace("-", "_")} = {{ targets = ( {{ provider = "{api}"; model = "{name}"; }} ); '
                         f'retries = 0; }};\n' for api in APIS for name in MODELS)
        super().__init__(ctx, "litellm", f"providers: {{ {groups} }};\nmodels: {{ {models} }};")

    def close(self):
        super().close()
        self.proxy.close()
        self.mock.close()


@fixture("litellm", heavy=True)
def litellm(ctx):
    return ProxyEnv(ctx)


def chat(env, api):
    for stream in (False, True):
        events = env.ask(f"{api}_behind", stream=stream, max_tokens=50, messages=[
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answer"}, {"role": "user", "content": "second"}])
        equal((events.text(), events.finish, events.end), (BEHIND, "stop", "end"), f"stream={stream}: {events!r}")
        equal((events.usage()["input"], events.usage()["output"]), (11, 5), f"usage, stream={stream}: {events!r}")
        seen = json.dumps(env.mock.call("requests")[-1]["body"])
        for word in ("be brief", "first", "answer", "second"):
            truth(word in seen, f"{word!r} at the server behind it", seen)


def tools(env, api):
    for stream in (False, True):
        ask = {"role": "user", "content": "the weather?"}
        events = env.ask(f"{api}_behind", stream=stream, tools=WEATHER, messages=[ask])
        calls = events.tools()
        equal([(call[1], json.loads(call[2])) for call in calls],
              [("get_weather", {"place": "Paris"}), ("get_weather", {"place": "Rome"})], f"stream={stream}: {events!r}")
        equal((events.finish, events.end), ("tool_calls", "end"), f"stream={stream}: {events!r}")
        used = [{"type": "tool_call", "id": call[0], "name": call[1], "text": call[2]} for call in calls]
        results = [{"type": "tool_result", "id": call[0], "name": call[1], "text": "sunny"} for call in calls]
        events = env.ask(f"{api}_behind", stream=stream, tools=WEATHER, messages=[
            ask, {"role": "assistant", "content": used}, {"role": "tool", "content": results}])
        equal((events.text(), events.end), ("sunny in both", "end"), f"stream={stream}: {events!r}")


def configured(env, api):
    """An answer of its own."""
    events = env.ask(f"{api}_says", max_tokens=50)
    equal((events.text(), events.finish, events.end), (SAYS, "stop", "end"), repr(events))


def refused(model, error, words="hi"):
    def run(env, api):
        for stream in (False, True):
            events = env.ask(f"{api}_{model}", stream=stream, messages=[{"role": "user", "content": words}])
            equal(events.error, error, f"stream={stream}: {events!r}")
    return run


TRIALS = {"chat": chat, "tools": tools, "configured": configured, "no-model": refused("no_such_model", "not_found 400"),
          "rate-limit": refused("behind", "rate_limited 429", "rate limit"),
          "bad-request": refused("behind", "bad_request 400", "malformed"),
          "server-error": refused("behind", "server 500", "break"),
          "configured-rate-limit": refused("limited", "rate_limited 429"),
          "configured-too-long": refused("too_long", "context_too_long 400"),
          "configured-server-error": refused("broken", "server 500")}
# There it says the words of these failures as an answer.
LACKS = {"gemini": {"configured-rate-limit", "configured-too-long", "configured-server-error"}}
for _api in APIS:
    for _trial, _run in TRIALS.items():
        if _trial not in LACKS.get(_api, ()):
            case(f"LITELLM-{_api}-{_trial}", "litellm")(lambda env, run=_run, api=_api: run(env, api))


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
