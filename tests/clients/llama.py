"""A real llama.cpp server (PyPI's xllamacpp holds it as an extension module) with a tiny model that the test makes. It
speaks the OpenAI protocol and the Messages protocol, so that it proves two providers."""
from contract._env import completion
from fakes import clients
from harness.runner import case, equal, fixture, truth

from . import _child, _pypi
from ._canon import CanonEnv

SAYS = " hello world!"


class LlamaEnv(CanonEnv):
    def __init__(self, ctx):
        self.llama = _child.python("_llama_child.py", _pypi.installed(ctx, "llama"), ctx.folder("llama"))
        self.url = self.llama.said["url"]
        super().__init__(ctx, "llama", f"""
            providers: {{
                llama = {{ plugin = "openai"; profile = "llamacpp"; base_url = "{self.url}/v1"; }};
                messages = {{ plugin = "anthropic"; base_url = "{self.url}"; }};
            }};
            models: {{
                llama = {{ targets = ( {{ provider = "llama"; model = "tiny"; }} ); }};
                messages = {{ targets = ( {{ provider = "messages"; model = "tiny"; }} ); }};
            }};""")

    def close(self):
        super().close()
        self.llama.close()


@fixture("llama")
def llama(ctx):
    return LlamaEnv(ctx)


def answers(ident, model, wanted, finish="stop", **request):
    """Whole and streamed: the same text, finish and usage."""
    def run(env):
        for stream in (False, True):
            events = env.ask(model, stream=stream, temperature=0, **request)
            equal(events.text(), wanted, f"text, stream={stream} ({events!r})")
            equal(events.finish, finish, f"finish, stream={stream}")
            equal(events.end, "end", f"last event, stream={stream}")
            usage = events.usage()
            truth(usage["input"] > 5 and usage["output"] > 1, "usage", repr(events))
            truth(not stream or len(events.all("text")) > 1, "several pieces", repr(events))
    case(ident, "llama")(run)


answers("LLAMA-chat", "llama", SAYS, max_tokens=20)
answers("LLAMA-chat-length", "llama", " hello", "length", max_tokens=2)
answers("LLAMA-chat-stop", "llama", " hello", stop=[" wor"], max_tokens=20)
answers("LLAMA-chat-turns", "llama", SAYS, max_tokens=20, messages=[
    {"role": "system", "content": "be brief"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"}])
answers("LLAMA-completion", "llama", SAYS, kind="completion", prompt="def greet", max_tokens=20)
answers("LLAMA-messages", "messages", SAYS, max_tokens=20)
answers("LLAMA-messages-length", "messages", " hello", "length", max_tokens=2)


@case("LLAMA-cache", "llama")
def cached_tokens_are_said(env):
    for _ in range(2):
        events = env.ask("llama", stream=True, temperature=0, max_tokens=3,
                         messages=[{"role": "user", "content": "the same once more"}])
    truth(events.usage().get("cached", 0) > 10, "cached tokens", repr(events))


@case("LLAMA-too-long", "llama")
def too_long_a_prompt(env):
    for model in ("llama", "messages"):
        events = env.ask(model, messages=[{"role": "user", "content": "hi" * 400}], max_tokens=5)
        equal(events.error, "context_too_long 400", f"{model}: {events!r}")


@case("LLAMA-gitlab", "llama")
def gitlab_completes_code(env):
    rails = clients.Rails(env.gw.port, env.token())
    for stream in (False, True):
        body = completion(None, model_endpoint=env.url + "/v1", model_identifier="custom_openai/tiny", stream=stream)
        response = rails.call("/v2/code/completions", body)
        equal(response.status, 200, f"status ({response.text[:200]})")
        truth("hello world!" in response.text, "the model's text", response.text)
