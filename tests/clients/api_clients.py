"""Clients that nobody here wrote, with an API key of the gateway and every model behind every API: the OpenAI, Anthropic and Google
packages from PyPI, as docs/clients.md configures them."""
from contract._client_env import KEY, ClientEnv
from fakes.models import Reply
from harness.runner import case, fixture

from . import _child, _pypi
from ._recipes import Recipe
from ._scripted import adder
from .sdk_clients import holds

MODELS = ("gpt", "claude")  # behind them: servers of OpenAI's and of Anthropic's dialect


class ApiEnv(ClientEnv):
    def __init__(self, ctx, **kwargs):
        self.clients = _child.python("_api_calls.py", _pypi.installed(ctx, "sdks"), greets=False)
        super().__init__(ctx, **kwargs)

    def call(self, client, what, model, replies):
        for script in (self.openai, self.anthropic):
            script.replies = replies if callable(replies) else list(replies)
            script.seen.clear()
        recipe = Recipe(self.ctx, "The vendors' SDKs for Python", f"http://127.0.0.1:{self.gw.port}", KEY, model)
        return self.clients.call({"client": client, "call": what, "recipe": recipe.code["python"], "key": KEY, "model": model})

    def close(self):
        super().close()
        self.clients.close()


@fixture("api-clients")
def api_clients(ctx):
    return ApiEnv(ctx, name="api-clients")


def call_case(client, what, wanted, replies=(Reply(("hel", "lo"), usage=(7, 2)),), models=MODELS):
    """replies: of either server, or a function of the request; or a pair of lists for that of OpenAI's and that of Anthropic's
    dialect."""
    for model in models:
        is_pair = not callable(replies) and isinstance(replies[0], (list, tuple))
        said = replies[models.index(model)] if is_pair else replies

        @case(f"CLIENT-api-{client}-{what}-{model}", "api-clients")
        def run(env, model=model, said=said):
            holds(env.call(client, what, model, said), **wanted)


def openai_answer(message, finish="stop"):
    return Reply(body={"id": "x", "object": "chat.completion", "created": 1764000000, "model": "m",
                       "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
                       "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}})


def anthropic_answer(content, stop="end_turn"):
    return Reply(body={"id": "msg_x", "type": "message", "role": "assistant", "model": "m", "content": content,
                       "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 7, "output_tokens": 2}})


ADD = [["add", {"a": 1, "b": 2}], ["add", {"a": 3, "b": 4}]]
OPENAI_CALLS = openai_answer({"content": None, "tool_calls": [
    {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": str(given).replace("'", '"')}}
    for i, (name, given) in enumerate(ADD)]}, "tool_calls")
ANTHROPIC_CALLS = anthropic_answer([{"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": given}
                                    for i, (name, given) in enumerate(ADD)], "tool_use")
OPENAI_DONE, ANTHROPIC_DONE = openai_answer({"content": "3 and 7"}), anthropic_answer([{"type": "text", "text": "3 and 7"}])
TOOLS = ([OPENAI_CALLS, OPENAI_DONE], [ANTHROPIC_CALLS, ANTHROPIC_DONE])
PERSON = '{"name": "Ann", "age": 7}'

call_case("openai", "whole", {"text": "hello", "stop": "stop", "tokens": [7, 2], "has_id": True})
call_case("openai", "azure", {"text": "hello", "stop": "stop"})
call_case("openai", "stream", {"text": "hello", "stop": "stop", "tokens": [7, 2], "has_done": True})
call_case("openai", "tools", {"calls": ADD, "stop": "tool_calls", "text": "3 and 7"}, TOOLS)
call_case("openai", "parse", {"person": {"name": "Ann", "age": 7}},
          ([openai_answer({"content": PERSON})], [anthropic_answer([{"type": "text", "text": PERSON}])]))
call_case("openai", "responses", {"text": "hello", "status": "completed", "tokens": [7, 2]})
call_case("openai", "responses_stream", {"text": "hello", "status": "completed", "tokens": [7, 2], "sequence": "whole"})
call_case("openai", "responses_tools", {"calls": ADD, "text": "3 and 7"}, TOOLS)
call_case("openai", "responses_parse", {"person": {"name": "Ann", "age": 7}},
          ([openai_answer({"content": PERSON})], [anthropic_answer([{"type": "text", "text": PERSON}])]))
call_case("openai", "models", {"models": ["gpt", "claude", "both"]}, models=("gpt",))
call_case("openai", "completion", {"text": "hello"}, models=("gpt",))
VECTORS = [Reply(body={
    "object": "list", "model": "m", "usage": {"prompt_tokens": 2, "total_tokens": 2},
    "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(([0.5, -1], [0.25, 2]))]})]
call_case("openai", "embeddings", {"vectors": [[0.5, -1], [0.25, 2]]}, models=("gpt",), replies=VECTORS)
call_case("anthropic", "whole", {"text": "hello", "stop": "end_turn", "tokens": [7, 2], "has_id": True})
call_case("anthropic", "stream", {"text": "hello", "stop": "end_turn", "tokens": [7, 2]})
call_case("anthropic", "vertex", {"text": "hello", "stop": "end_turn", "tokens": [7, 2]})
call_case("anthropic", "vertex_stream", {"text": "hello", "stop": "end_turn", "tokens": [7, 2]})
call_case("anthropic", "vertex_count", {"tokens": 9}, [Reply(body={"input_tokens": 9})], models=("claude",))
call_case("anthropic", "tools", {"calls": ADD, "stop": "tool_use", "text": "3 and 7"}, TOOLS)
call_case("anthropic", "runner", {"calls": ADD, "text": "3 and 7"}, adder)
call_case("anthropic", "models", {"models": ["gpt", "claude", "both"]}, models=("gpt",))
call_case("anthropic", "count", {"tokens": 9}, [Reply(body={"input_tokens": 9})], models=("claude",))
call_case("anthropic", "thinking", {"blocks": [["thinking", "two steps"], ["text", "hello"]]},
          ([openai_answer({"reasoning_content": "two steps", "content": "hello"})],
           [anthropic_answer([{"type": "thinking", "thinking": "two steps", "signature": "c2ln"},
                              {"type": "text", "text": "hello"}])]))
call_case("google", "whole", {"text": "hello", "stop": "STOP", "tokens": [7, 2]})
call_case("google", "stream", {"text": "hello", "pieces": ["hel", "lo"], "tokens": [7, 2]})
call_case("google", "chat", {"text": "hello+hello", "kept": ["user", "user"]})
call_case("google", "tools", {"calls": ADD, "text": "3 and 7"}, adder)
call_case("google", "parse", {"person": {"name": "Ann", "age": 7}}, adder)
call_case("google", "models", {"models": ["models/gpt", "models/claude", "models/both"]}, models=("gpt",))
call_case("google", "count", {"is_counted": True}, adder, models=("gpt",))
call_case("google", "embeddings", {"vectors": [[0.5, -1], [0.25, 2]]}, models=("gpt",), replies=VECTORS)


def failure_case(ident, client, model, reply, what="whole", **wanted):
    @case(f"CLIENT-api-{client}-{ident}-{model}", "api-clients")
    def run(env):
        holds(env.call(client, what, model, [reply])["error"], **wanted)


for name in MODELS:
    limited, broken = Reply(status=429, headers=(("Retry-After", "3"),)), Reply(("a", "b"), cut_after=1)
    failure_case("limited", "openai", name, limited, kind="RateLimitError", status=429, retryAfter="3")
    failure_case("limited", "anthropic", name, limited, kind="RateLimitError", status=429, retryAfter="3")
    failure_case("limited", "google", name, limited, kind="ClientError", status=429)
    failure_case("cut", "google", name, broken, "stream", kind="ServerError")
    failure_case("overloaded", "anthropic", name, Reply(status=503), kind="OverloadedError", status=529)
    failure_case("refused-key", "openai", name, Reply(status=401), kind="InternalServerError", status=502)
    failure_case("cut", "openai", name, broken, "stream", kind="APIError")
    failure_case("cut", "anthropic", name, broken, "stream", kind="APIStatusError")
    failure_case("responses-cut", "openai", name, broken, "responses_stream", kind="ResponseFailed")
failure_case("unknown", "openai", "nobody", Reply(), kind="NotFoundError", status=404, code="model_not_found")
failure_case("unknown", "anthropic", "nobody", Reply(), kind="NotFoundError", status=404)
failure_case("unknown", "google", "nobody", Reply(), kind="ClientError", status=404)
