"""Settings from the environment as GitLab documents them (auth-and-config.md §2), seen from outside; other upstream
dialects behind the same route."""
import json
import os
import ssl

from fakes import gitlab as gl
from fakes import pki
from fakes.models import FakeModels
from harness.runner import case, equal, fixture, truth

from ._env import (API_KEY, CURRENT_FILE, FORBIDDEN, Env, Reply, Row, check, completion, detail, model_error, table)
from .completions import ask, region_is, whole

PATH = "/v2/code/completions"


# -- names and labels --------------------------------------------------------------------------------------------------

@fixture("set-labels")
def set_labels(ctx):
    return Env(ctx, bypass=True, name="set-labels", env={
        "AIGW_GOOGLE_CLOUD_PLATFORM__LOCATION": "europe-west9",
        "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS": '{"self-managed":["flag_bad"],"saas":["flag_a"]}'})


FLAGS = {"x-gitlab-enabled-feature-flags": "flag_a,flag_bad", "X-Gitlab-Realm": "self-managed"}

table(__name__, "set-labels", [
    Row("SET-region", ask(Reply()), 200, region_is("europe-west9")),
    Row("SET-flags", ask(Reply(), headers=FLAGS), 200, whole(flags=("flag_a",)), "flags disallowed for the realm"),
    Row("SET-flags-saas", ask(Reply(), headers={**FLAGS, "X-Gitlab-Realm": "saas"}), 200, whole(flags=("flag_bad",))),
    Row("SET-flags-none", ask(Reply(), headers={**FLAGS, "X-Gitlab-Realm": None}), 200,
        whole(flags=("flag_a", "flag_bad"))),
])


@fixture("set-region")
def set_region(ctx):
    return Env(ctx, bypass=True, name="set-region", env={"RUNWAY_REGION": "asia-northeast1"})


table(__name__, "set-region", [Row("SET-region-runway", ask(Reply()), 200, region_is("asia-northeast1"))])


@fixture("set-service")
def set_service(ctx):
    return Env(ctx, name="set-service", env={"AIGW_CLOUD_CONNECTOR_SERVICE_NAME": "our-gateway"})


@case("SET-service-name", "set-service")
def service_name(env):
    check(env.post("/v1/code/user_access_token", headers=env.auth()), 401, FORBIDDEN)
    response = check(env.post("/v1/code/user_access_token", headers=env.auth(env.token(aud=["our-gateway"]))), 200)
    token = env.ctx.secret(response.json()["token"])
    claims = gl.decode(token)[1]
    equal((claims["iss"], claims["aud"]), ("our-gateway", "our-gateway"), "iss and aud")
    check(env.post("/v2/completions", completion(env.models.script(Reply())), env.auth(token)), 200)


@fixture("set-group")
def set_group(ctx):
    return Env(ctx, name="set-group", env={
        "AIGW_AUTH": '{"bypass_external": true}', "AIGW_AUTH__BYPASS_EXTERNAL": None,
        "aigw_google_cloud_platform__location": "us-west8"})


@case("SET-group-json", "set-group")
def group_as_json(env):
    """A whole group as one JSON object; names in any letter case."""
    found = check(ask(Reply())(env), 200).json()
    equal(found["model"]["region"], "us-west8", "region from a lower-case name")


@fixture("set-pem")
def set_pem(ctx):
    pem = pki.private_pem(pki.rsa_key("gateway-signing"), pkcs1=True).replace("\n", "\\n")
    return Env(ctx, name="set-pem", signing_key=False, env={"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": pem})


@case("SET-pem-escapes", "set-pem")
def pem_with_escapes(env):
    """P-24: PKCS#1 on one line with backslash-n, as env files carry it."""
    response = check(env.post("/v1/code/user_access_token", headers=env.auth()), 200)
    gl.verify(env.ctx.secret(response.json()["token"]), env.signing_key)


@fixture("set-pem-file")
def set_pem_file(ctx):
    path = os.path.join(ctx.folder("pem"), "signing.pem")
    with open(path, "w", encoding="ascii") as out:
        out.write(pki.private_pem(pki.rsa_key("gateway-signing")))
    return Env(ctx, name="set-pem-file", signing_key=False, conf=f'auth: {{ signing_key = "file:{path}"; }};\n')


@case("SET-pem-file", "set-pem-file")
def pem_from_file(env):
    check(env.post("/v1/code/user_access_token", headers=env.auth()), 200)


@fixture("set-mock")
def set_mock(ctx):
    return Env(ctx, bypass=True, name="set-mock", env={"AIGW_MOCK_MODEL_RESPONSES": "true"})


@case("SET-mock", "set-mock")
def mock_answers(env):
    script = env.models.script(Reply())
    for body in (completion(script), completion(script, stream=True),
                 {"prompt_version": 1, "current_file": dict(CURRENT_FILE)}):
        response = check(env.post(PATH, body), 200)
        truth(response.body, "an answer without a model", response)
    equal(script.count, 0, "model calls")


# -- other dialects ----------------------------------------------------------------------------------------------------

@fixture("dialects")
def dialects(ctx):
    return Env(ctx, bypass=True, name="dialects")


def anthropic(script, **changes):
    return completion(script, model_name="claude_3", model_identifier="anthropic/claude-haiku-4-5",
                      model_endpoint=script.root, **changes)


@case("DIA-anthropic", "dialects")
def anthropic_whole(env):
    script = env.models.script(Reply(pieces=("x",), usage=(12, 5)))
    check(env.post(PATH, anthropic(script)), 200, whole(name="claude_3", usage=(12, 5)))
    seen = script.seen[0]
    truth(seen.path.endswith("/v1/messages"), "/v1/messages", seen.path)
    equal(seen.header("x-api-key"), API_KEY, "x-api-key")
    truth(seen.header("anthropic-version"), "an anthropic-version header", seen.headers)
    sent = seen.json()
    equal(sent["model"], "claude-haiku-4-5", "model")
    truth(sent.get("max_tokens", 0) > 0, "max_tokens", sent)


@case("DIA-anthropic-stream", "dialects")
def anthropic_stream(env):
    script = env.models.script(Reply(pieces=("a", "é", "c"), usage=(3, 4)))
    check(env.post(PATH, anthropic(script, stream=True)), 200, text="aéc")


@case("DIA-anthropic-cut", "dialects")
def anthropic_cut(env):
    for reply in (Reply(pieces=("a", "b"), cut_after=1), Reply(pieces=("a", "b"), cut_after=1, cut="end"),
                  Reply(pieces=("a",), finish=None, done_marker=False),
                  Reply(pieces=("a", "b"), cut_after=1, cut="end",
                        error_event={"type": "overloaded_error", "message": "Overloaded"})):
        response = env.post(PATH, anthropic(env.models.script(reply), stream=True))
        truth(response.status != 200 or not response.is_complete, "no finished stream", response)


@case("DIA-anthropic-errors", "dialects")
def anthropic_errors(env):
    body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    check(env.post(PATH, anthropic(env.models.script(Reply(status=401, body=body)))), 503, model_error())
    script = env.models.script(Reply(status=529, body={"type": "error", "error": {"type": "overloaded_error",
                                                                                  "message": "Overloaded"}}), Reply())
    check(env.post(PATH, anthropic(script)), 200)
    equal(script.count, 2, "model calls: one retry after 529")
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    script = env.models.script(Reply(status=429, body=body, headers=(("retry-after", "33"),)))
    check(env.post(PATH, anthropic(script)), 429, model_error(), headers={"retry-after": "33"})


@case("DIA-text-completion", "dialects")
def text_completion(env):
    """The prefix text-completion-openai asks for the raw completions endpoint."""
    script = env.models.script(Reply(pieces=("x",)))
    check(env.post(PATH, completion(script, model_identifier="text-completion-openai/starcoder")), 200, whole())
    seen = script.seen[0]
    truth(seen.path.endswith("/v1/completions") and not seen.path.endswith("/chat/completions"), "/v1/completions",
          seen.path)
    sent = seen.json()
    equal(sent["model"], "starcoder", "model")
    truth("def f(" in sent["prompt"], "the prefix in the prompt", sent)
    script = env.models.script(Reply(pieces=("a", "b")))
    check(env.post(PATH, completion(script, model_identifier="text-completion-openai/starcoder", stream=True)), 200,
          text="ab")


@case("DIA-unknown-prefix", "dialects")
def unknown_prefix(env):
    """An unknown prefix is said to be unknown, with the known ones; or served as part of the model's name."""
    script = env.models.script(Reply())
    response = env.post(PATH, completion(script, model_identifier="no_such_vendor/model"))
    if response.status != 200:
        check(response, (400, 422))
        truth("no_such_vendor" in response.text, "the prefix in the text", response.text)


@case("DIA-answer-shapes", "dialects")
def odd_but_good_answers(env):
    """What real servers send: null fields, missing usage, extra members, reasoning beside the text."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
    shapes = [
        {"choices": [choice]},
        {"id": None, "object": None, "created": None, "model": None, "usage": None, "choices": [choice]},
        {"choices": [{**choice, "logprobs": None, "message": {**choice["message"],
                                                              "tool_calls": None, "refusal": None}}]},
        {"choices": [{**choice, "message": {**choice["message"], "reasoning_content": "thinking"}}]},
        {"choices": [{**choice, "finish_reason": None}]},
        {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": None}},
        {"choices": [choice], "system_fingerprint": "fp", "timings": {"a": 1.5}},
    ]
    for shape in shapes:
        response = env.post(PATH, completion(env.models.script(Reply(body=shape))))
        check(response, 200)
        equal(response.json()["choices"][0]["text"], "x", f"text for {json.dumps(shape)[:80]}")


@case("DIA-odd-streams", "dialects")
def odd_but_good_streams(env):
    """Comments, CRLF, event names, spaces, empty choices, usage at the end, no space after the colon."""
    def frame(text, finish=None):
        return json.dumps({"choices": [{"index": 0, "delta": {"content": text} if text is not None else {},
                                        "finish_reason": finish}]})
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    done = "data: [DONE]\n\n"
    usage = 'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
    bodies = [
        f": comment\n\ndata: {frame('a')}\n\n: ping\n\ndata: {frame('b')}\n\ndata: {frame(None, 'stop')}\n\n" + done,
        f"data: {frame('a')}\r\n\r\ndata: {frame('b')}\r\n\r\ndata: {frame(None, 'stop')}\r\n\r\ndata: [DONE]\r\n\r\n",
        f"data:{frame('a')}\n\ndata:{frame('b', 'stop')}\n\ndata:[DONE]\n\n",
        f"event: message\nid: 1\nretry: 5\ndata: {frame('a')}\n\nevent: message\ndata: {frame('b', 'stop')}\n\n" + done,
        f"data: {frame('a')}\n\ndata: {frame('b', 'stop')}\n\n" + usage + done,
        f"\n\n\ndata: {frame('a')}\n\n\n\ndata: {frame('b', 'length')}\n\ndata: [DONE]\n",
        f"data: {frame('ab', 'stop')}\n\n",
        f"data: {frame('ab')}\n\ndata: [DONE]\n\n",
    ]
    for body in bodies:
        script = env.models.script(Reply(raw=head + body.encode()))
        check(env.post(PATH, completion(script, stream=True)), 200, text="ab")


@case("DIA-json-for-stream", "dialects")
def json_answer_to_a_streaming_request(env):
    """Some servers ignore "stream": the whole JSON answer becomes one piece."""
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "whole"}}]}
    check(env.post(PATH, completion(env.models.script(Reply(body=body)), stream=True)), 200, text="whole")


# -- client certificates -----------------------------------------------------------------------------------------------

class MutualEnv(Env):
    def __init__(self, ctx, with_certificate):
        self.ca = pki.CA(ctx.folder("mtls-ca"))
        context = self.ca.server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.ca.file)
        settings = {"AIGW_MTLS__CA_BUNDLE": self.ca.file}
        if with_certificate:
            cert, key = self.ca.issue(common_name="gateway")
            settings.update({"AIGW_MTLS__ENABLED": "true", "AIGW_MTLS__CERT_FILE": cert, "AIGW_MTLS__KEY_FILE": key})
        super().__init__(ctx, bypass=True, env=settings, name="mtls")
        self.models.close()
        self.models = FakeModels(tls=context)


@fixture("mtls")
def mtls(ctx):
    return MutualEnv(ctx, True)


@fixture("mtls-without")
def mtls_without(ctx):
    return MutualEnv(ctx, False)


table(__name__, "mtls", [Row("SET-mtls", ask(Reply()), 200, whole())])
table(__name__, "mtls-without", [Row("SET-mtls-without", ask(Reply()), 503, model_error())])


# -- cross-origin ------------------------------------------------------------------------------------------------------

ORIGIN = {"Origin": "https://gitlab.example.com"}
STAR = {"access-control-allow-origin": "*"}
table(__name__, "dialects", [
    Row("CORS-stream", ask(Reply(pieces=("a",)), stream=True, headers=ORIGIN), 200, text="a", headers=STAR),
    Row("CORS-422", lambda env: env.post(PATH, "{}", ORIGIN), 422, detail("Validation error"), headers=STAR),
    Row("CORS-503", ask(Reply(status=401), headers=ORIGIN), 503, model_error(), headers=STAR),
    Row("CORS-404", lambda env: env.request("GET", "/nope", ORIGIN), 404, detail("Not Found"), headers=STAR),
])
