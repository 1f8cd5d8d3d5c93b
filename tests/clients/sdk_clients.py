"""Clients that nobody here wrote, through the proxies: the Anthropic and OpenAI packages from npm and PyPI, and
GitLab's own @gitlab/gitlab-ai-provider (pinned in sdk_packages/ and python_packages/), with a token of one user
that the gateway itself issued."""
import json
import os

from contract._proxy import ProxyEnv, anthropic_error, openai_error, vectors
from contract._env import Reply
from harness.runner import case, equal, fixture, truth

from . import _child, _npm, _pypi
from .google_oauth import Google

HERE = os.path.dirname(os.path.abspath(__file__))
RIGHT = "ai_gateway_model_provider_proxy"
MODELS = {"anthropic": "claude-sonnet-4-5", "openai": "gpt-5", "gitlab": "duo-chat-sonnet-4-5"}
GITLAB_OPENAI = "duo-chat-gpt-5-1"


def node_clients(ctx):
    folder = _npm.installed(ctx, os.path.join(HERE, "sdk_packages"), "sdks")
    return _child.node("sdk_clients.mjs", folder, greets=False)


def python_clients(ctx):
    return _child.python("_sdk_calls.py", _pypi.installed(ctx, "sdks"), greets=False)


class SdkEnv(ProxyEnv):
    def __init__(self, ctx, name, start, **kwargs):
        self.clients = start(ctx)
        super().__init__(ctx, name, **kwargs)
        response = self.post("/v1/code/user_access_token", headers=self.auth(self.token([RIGHT])))
        equal(response.status, 200, "status of user_access_token")
        self.user = ctx.secret(response.json()["token"])

    def call(self, client, what, **more):
        headers = {key: value for key, value in self.auth(self.user).items() if key != "Authorization"}
        headers["x-gitlab-unit-primitive"] = RIGHT
        return self.clients.call({"client": client, "call": what, "url": f"http://127.0.0.1:{self.gw.port}",
                                  "token": self.user, "headers": headers, "model": MODELS.get(client), **more})

    def close(self):
        super().close()
        self.clients.close()


@fixture("sdks")
def sdks(ctx):
    return SdkEnv(ctx, "sdks", node_clients)


@fixture("sdks-python", takes_s=7)
def sdks_python(ctx):
    return SdkEnv(ctx, "sdks-python", python_clients)


class VertexEnv(SdkEnv):
    """Google's own clients, with the gateway as Vertex AI: behind it Google plays server, and hands out tokens."""

    def __init__(self, ctx):
        self.google = Google(ctx)
        provider = f'base_url = "{self.google.url}"; metadata_host = "{self.google.host}"; location = "europe-west1";'
        super().__init__(ctx, "sdks-vertex", python_clients, more='vertex_model = "gemini";',
                         providers=f'px_vertex: {{ plugin = "vertex"; {provider} }};',
                         models='gemini: { targets = ( { provider = "px_vertex"; model = "gemini-2.5-flash"; } ); };')

    def close(self):
        super().close()
        self.google.close()


@fixture("sdks-vertex", takes_s=5)
def sdks_vertex(ctx):
    return VertexEnv(ctx)


def vertex_case(ident, client, what, model, path):
    @case(ident, "sdks-vertex")
    def run(env):
        env.google.take()
        holds(env.call(client, what, model=model), text="let in")
        asked = [request for request in env.google.take() if request.path.startswith("/v1/projects/")]
        equal([request.target for request in asked],
              [f"/v1/projects/acme-1/locations/europe-west1/publishers/{path}"], "what Google was asked")
        truth(env.user not in str(asked[0].headers), "the caller's token to stay here", asked[0].headers)


vertex_case("CLIENT-py-google-whole", "google", "whole", "gemini-2.5-pro", "google/models/gemini-2.5-pro:generateContent")
vertex_case("CLIENT-py-google-stream", "google", "stream", "gemini-2.5-pro",
            "google/models/gemini-2.5-pro:streamGenerateContent?alt=sse")
vertex_case("CLIENT-py-anthropic-vertex-stream", "claude_on_vertex", "stream", "claude-sonnet-4-5",
            "anthropic/models/claude-sonnet-4-5:streamRawPredict")


def holds(found, **wanted):
    equal({key: found.get(key) for key in wanted}, wanted, f"of {json.dumps(found)[:300]}")


def sdk_case(ident, replies, client, what, wanted, fixture_name="sdks", **more):
    @case(ident, fixture_name)
    def run(env):
        holds(env.answers(*replies).call(client, what, **more), **wanted)
    return run


TEXT = Reply(("hel", "lo"), usage=(3, 2))
PIECES = {"text": "hello", "pieces": ["hel", "lo"]}

sdk_case("CLIENT-anthropic-whole", [TEXT], "anthropic", "whole",
         {"text": "hello", "stop": "end_turn", "type": "application/json"})
sdk_case("CLIENT-anthropic-beta", [TEXT], "anthropic", "beta", {"text": "hello"})
sdk_case("CLIENT-anthropic-stream", [TEXT], "anthropic", "stream", {**PIECES, "stop": "end_turn"})
sdk_case("CLIENT-anthropic-count", [Reply(body={"input_tokens": 7})], "anthropic", "count", {"tokens": 7})
sdk_case("CLIENT-openai-whole", [TEXT], "openai", "whole", {"text": "hello", "stop": "stop"})
sdk_case("CLIENT-openai-stream", [TEXT], "openai", "stream",
         {**PIECES, "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
sdk_case("CLIENT-openai-embeddings", [vectors((0.5, -1), (0.25, 2))], "openai", "embeddings",
         {"vectors": [[0.5, -1], [0.25, 2]]})
sdk_case("CLIENT-gitlab-whole", [TEXT], "gitlab", "whole", {"text": "hello", "stop": "stop", "grants": 1})
sdk_case("CLIENT-gitlab-stream", [TEXT], "gitlab", "stream", {**PIECES, "grants": 1})
sdk_case("CLIENT-gitlab-openai-whole", [TEXT], "gitlab", "whole", {"text": "hello", "grants": 1}, model=GITLAB_OPENAI)
sdk_case("CLIENT-gitlab-openai-stream", [TEXT], "gitlab", "stream", {**PIECES, "grants": 1}, model=GITLAB_OPENAI)

PYTHON = "sdks-python"
sdk_case("CLIENT-py-anthropic-whole", [TEXT], "anthropic", "whole", {"text": "hello", "stop": "end_turn"}, PYTHON)
sdk_case("CLIENT-py-anthropic-stream", [TEXT], "anthropic", "stream", PIECES, PYTHON)
sdk_case("CLIENT-py-anthropic-count", [Reply(body={"input_tokens": 7})], "anthropic", "count", {"tokens": 7}, PYTHON)
sdk_case("CLIENT-py-openai-whole", [TEXT], "openai", "whole", {"text": "hello", "stop": "stop"}, PYTHON)
sdk_case("CLIENT-py-openai-stream", [TEXT], "openai", "stream", PIECES, PYTHON)
sdk_case("CLIENT-py-openai-embeddings", [vectors((0.5, -1), (0.25, 2))], "openai", "embeddings",
         {"vectors": [[0.5, -1], [0.25, 2]]}, PYTHON)


def failing(ident, reply, client, what, status, kind, fixture_name="sdks", **wanted):
    @case(ident, fixture_name)
    def run(env):
        found = env.answers(reply).call(client, what)
        truth("error" in found, "an error", found)
        holds(found["error"], status=status, kind=kind, **wanted)
    return run


LIMIT = Reply(status=429, headers=[("Retry-After", "17")], body=anthropic_error("rate_limit_error", "slow down"))
for _client in ("anthropic", "openai"):
    for _what in ("whole", "stream"):
        failing(f"CLIENT-{_client}-{_what}-429", LIMIT, _client, _what, 429, "RateLimitError", retryAfter="17")
        failing(f"CLIENT-{_client}-{_what}-400", Reply(status=400, body=openai_error("no such thing", "x")), _client,
                _what, 400, "BadRequestError")
    failing(f"CLIENT-{_client}-401", Reply(status=401, body=anthropic_error("authentication_error", "token expired")),
            _client, "whole", 502, "InternalServerError")
    failing(f"CLIENT-py-{_client}-429", LIMIT, _client, "stream", 429, "RateLimitError", PYTHON, retryAfter="17")
    failing(f"CLIENT-py-{_client}-400", Reply(status=400, body=openai_error("no such thing", "x")), _client, "whole",
            400, "BadRequestError", PYTHON)


def breaking(ident, client, error, word, fixture_name="sdks"):
    """An error in the middle of a stream reaches the client as an error, never as a short answer."""
    @case(ident, fixture_name)
    def run(env):
        found = env.answers(Reply(("hel", "lo"), cut_after=1, cut="end", error_event=error)).call(client, "stream")
        truth("error" in found and word in found["error"]["message"], f"an error with {word!r}", found)
    return run


breaking("CLIENT-anthropic-stream-error", "anthropic", {"type": "overloaded_error", "message": "Overloaded"},
         "Overloaded")
breaking("CLIENT-openai-stream-error", "openai", {"message": "it broke", "type": "server_error"}, "it broke")
breaking("CLIENT-py-anthropic-stream-error", "anthropic", {"type": "overloaded_error", "message": "Overloaded"},
         "Overloaded", PYTHON)
breaking("CLIENT-py-openai-stream-error", "openai", {"message": "it broke", "type": "server_error"}, "it broke", PYTHON)
breaking("CLIENT-gitlab-stream-error", "gitlab", {"type": "overloaded_error", "message": "Overloaded"}, "Overloaded")


@case("CLIENT-retry-after", "sdks")
def waits_and_tries_again(env):
    limit = Reply(status=429, headers=[("Retry-After", "0")], body=anthropic_error("rate_limit_error", "slow down"))
    for client, script in (("anthropic", env.anthropic), ("openai", env.openai)):
        found = env.answers(limit, TEXT).call(client, "whole", retries=1)
        holds(found, text="hello")
        equal(script.count, 2, "requests at the model server")


@case("CLIENT-no-retry", "sdks")
def a_refused_key_is_not_tried_again(env):
    refusal = Reply(status=401, body=anthropic_error("authentication_error", "invalid x-api-key"))
    for client, script in (("anthropic", env.anthropic), ("openai", env.openai)):
        found = env.answers(refusal).call(client, "whole", retries=2)
        equal(found["error"]["status"], 502, "status")
        equal(script.count, 1, "requests at the model server")


@case("CLIENT-gitlab-keeps-token", "sdks")
def gitlab_keeps_its_token(env):
    """D29: a refused key of the gateway, however it is worded, does not make GitLab's client ask for another token."""
    for status, words in ((401, "token expired"), (403, "the token was revoked"), (400, "max_tokens: invalid value")):
        reply = Reply(status=status, body=anthropic_error("invalid_request_error", words))
        found = env.answers(reply).call("gitlab", "whole")
        equal(found["error"]["grants"], 1, f"tokens asked for after {words!r}")
        equal(env.anthropic.count, 1, f"requests at the model server after {words!r}")


@case("CLIENT-gitlab-too-long", "sdks")
def gitlab_sees_that_the_context_is_too_long(env):
    words = "prompt is too long: 210000 tokens > 200000 maximum"
    for status in (400, 413):
        reply = Reply(status=status, body=anthropic_error("invalid_request_error", words))
        found = env.answers(reply).call("gitlab", "whole")
        truth("Context overflow" in found["error"]["message"], "GitLab's words for it", found)
