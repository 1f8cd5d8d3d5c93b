"""An upstream that nobody here wrote: aimock from npm (pinned in package.json and package-lock.json) plays the model
server; GitLab's own health check and its streamed twin go through the gateway to it."""
import json
import os

from contract._env import Env, completion
from fakes import clients
from harness.runner import case, equal, fixture, truth

from . import _child, _npm

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "sk-foreign-canary-40c9"


class ForeignEnv(Env):
    def __init__(self, ctx):
        folder = _npm.installed(ctx, HERE, "clients")
        self.mock = _child.node("aimock.mjs", folder)
        self.url = self.mock.said["url"]
        super().__init__(ctx, name="foreign")
        ctx.secret(KEY)

    def close(self):
        super().close()
        self.mock.close()


@fixture("foreign")
def foreign(ctx):
    return ForeignEnv(ctx)


def metadata(env, identifier="custom_openai/codestral"):
    return clients.Admin.end_to_end_body(env.url + "/v1", api_key=KEY, identifier=identifier)


@case("CLIENT-health-check", "foreign")
def health_check(env):
    """The exact body of System exchange (gitlab-client.md §3.3): 200, a non-empty choices[0].text, under 3 s."""
    admin = clients.Admin(env.gw.port, env.token())
    verdict = admin.end_to_end_probe(metadata(env))
    truth(verdict["success"], "success", verdict)
    truth("hello world" in verdict["details"]["text"], "the mock's text", verdict)
    truth(verdict["details"]["seconds"] < 3, "less than 3 s", verdict)


@case("CLIENT-health-check-streamed", "foreign")
def health_check_streamed(env):
    rails = clients.Rails(env.gw.port, env.token(), timeout=3)
    response = rails.call("/v2/code/completions", {**metadata(env), "stream": True})
    equal(response.status, 200, "status")
    equal(response.header("content-type"), "text/event-stream; charset=utf-8", "content-type")
    truth(response.is_complete, "a complete stream", response)
    truth("hello world" in response.text and "data:" not in response.text, "the mock's raw text", response.text)


@case("CLIENT-request-is-understood", "foreign")
def request_is_understood(env):
    before = len(env.mock.call("requests"))
    rails = clients.Rails(env.gw.port, env.token())
    equal(rails.call("/v2/code/completions", metadata(env)).status, 200, "status")
    seen = env.mock.call("requests")[before:]
    equal(len(seen), 1, "requests at the mock")
    equal(seen[0]["path"], "/v1/chat/completions", "path")
    equal(seen[0]["body"]["model"], "codestral", "model")
    truth("def hello_world" in json.dumps(seen[0]["body"]["messages"]), "the code in the messages", seen[0]["body"])


@case("CLIENT-anthropic", "foreign")
def anthropic_dialect(env):
    """The same request, but the identifier's prefix names Anthropic's protocol."""
    for stream in (False, True):
        rails = clients.Rails(env.gw.port, env.token())
        body = {**metadata(env, "anthropic/claude-haiku-4-5"), "model_name": "claude_3", "stream": stream,
                "model_endpoint": env.url}
        response = rails.call("/v2/code/completions", body)
        equal(response.status, 200, f"status ({response.text[:200]})")
        truth("hello world" in response.text, "the mock's text", response.text)


@case("CLIENT-ide", "foreign")
def ide(env):
    server = clients.LanguageServer(env.gw.port, clients.Rails(env.gw.port, env.token()))
    body = completion(None, model_endpoint=env.url + "/v1", model_identifier="custom_openai/codestral")
    text = server.complete(body)
    env.ctx.secret(server.token)
    truth("hello world" in str(text), "a suggestion", text)
