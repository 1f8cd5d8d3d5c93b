"""An upstream that nobody here wrote: aimock from npm (pinned in package.json and package-lock.json) plays the model
servers; GitLab's own health check and its streamed twin, code, prompts and chat go through the gateway to it."""
import json
import os

from contract._env import Env, completion
from fakes import clients
from harness.runner import case, equal, fixture, truth

from . import _child, _npm
from .google_oauth import Google

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "sk-foreign-canary-40c9"


class ForeignEnv(Env):
    def __init__(self, ctx):
        folder = _npm.installed(ctx, HERE, "clients")
        self.mock = _child.node("aimock.mjs", folder)
        self.url = self.mock.said["url"]
        self.google = Google(ctx)
        vertex = f'plugin = "vertex"; project = "p"; base_url = "{self.url}"; metadata_host = "{self.google.host}";'
        super().__init__(ctx, name="foreign", conf=f"providers: {{ vertex: {{ {vertex} }}; }};", env={
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": ctx.secret("aws-canary-foreign-5d1e")})
        ctx.secret(KEY)

    def close(self):
        super().close()
        self.google.close()
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


# What GitLab's administrators type as identifier: (identifier, endpoint below aimock's address or a placeholder, model
# family, path at the server).
PLACEHOLDER = "http://placeholder.example/model"
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
SERVERS = {
    "openai": ("custom_openai/codestral", "%s/v1", "codestral", "/v1/chat/completions"),
    "anthropic": ("anthropic/claude-haiku-4-5", "%s", "claude_3", "/v1/messages"),
    "azure": ("azure/my-gpt-4o", "%s", "gpt", "/openai/deployments/my-gpt-4o/chat/completions"),
    "mistral": ("mistral/mistral-small-latest", "%s/v1", "mistral", "/v1/chat/completions"),
    "bedrock": ("bedrock/" + CLAUDE, PLACEHOLDER, "claude_3", f"/model/{CLAUDE.replace(':', '%3A')}/converse"),
    "gemini": ("gemini/gemini-2.5-flash", "%s", "gemini", "/v1beta/models/gemini-2.5-flash:generateContent"),
    "vertex": ("vertex_ai/gemini-2.5-flash", PLACEHOLDER, "gemini",
               "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"),
}


def by_identifier(name):
    identifier, endpoint, family, path = SERVERS[name]

    def endpoint_of(env):
        return endpoint % env.url if "%s" in endpoint else endpoint

    def went_to(env, before):
        for seen in env.mock.call("requests")[before:]:
            same = seen["path"].split("?")[0].replace("streamGenerateContent", "generateContent")
            equal(same.replace("converse-stream", "converse"), path, "path at the server")

    @case(f"CLIENT-{name}-code", "foreign")
    def code(env):
        before = len(env.mock.call("requests"))
        for stream in (False, True):
            rails = clients.Rails(env.gw.port, env.token())
            response = rails.call("/v2/code/completions", {
                **metadata(env, identifier), "model_name": family, "stream": stream, "model_endpoint": endpoint_of(env)})
            equal(response.status, 200, f"status ({response.text[:200]})")
            truth("hello world" in response.text, "the mock's text", response.text)
        went_to(env, before)

    @case(f"CLIENT-{name}-prompt", "foreign")
    def prompt(env):
        before = len(env.mock.call("requests"))
        model = {"provider": "litellm", "name": family, "endpoint": endpoint_of(env), "api_key": KEY,
                 "identifier": identifier}
        for stream in (False, True):
            response = env.post("/v1/prompts/generate_commit_message", {
                "inputs": {"diff": "+x"}, "stream": stream, "model_metadata": model}, env.auth())
            equal(response.status, 200, f"status ({response.text[:200]})")
            truth("hello world" in response.text, "the mock's text", response.text)
        went_to(env, before)

    @case(f"CLIENT-{name}-chat", "foreign")
    def chat(env):
        before = len(env.mock.call("requests"))
        model = {"provider": "litellm", "name": family, "endpoint": endpoint_of(env), "api_key": KEY,
                 "identifier": identifier}
        response = env.post("/v2/chat/agent", {
            "messages": [{"role": "user", "content": "what is the answer to everything?"}], "model_metadata": model},
            env.auth())
        equal(response.status, 200, f"status ({response.text[:200]})")
        lines = [json.loads(line) for line in response.text.splitlines()]
        said = "".join(line["data"]["text"] for line in lines if line["type"] == "final_answer_delta")
        equal(said, "forty-two", f"answer ({response.text})")
        went_to(env, before)


for _name in SERVERS:
    by_identifier(_name)


@case("CLIENT-ide", "foreign")
def ide(env):
    server = clients.LanguageServer(env.gw.port, clients.Rails(env.gw.port, env.token()))
    body = completion(None, model_endpoint=env.url + "/v1", model_identifier="custom_openai/codestral")
    text = server.complete(body)
    env.ctx.secret(server.token)
    truth("hello world" in str(text), "a suggestion", text)
