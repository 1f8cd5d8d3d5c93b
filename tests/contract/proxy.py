"""C-PRX, C-EMB, C-AMZ: the vendors' own APIs, embeddings, and the refusals of Amazon Q's routes."""
import base64
import json
import struct

from fakes import gitlab as gl
from harness.runner import add_case, case, equal, fixture, truth

from ._env import API_KEY, VERBOSE, Env, Reply, Row, check, contains, detail, starts, table
from ._proxy import SERVER_KEY, ProxyEnv, anthropic_error, openai_error, vectors

UP = {"X-Gitlab-Unit-Primitive": "ai_gateway_model_provider_proxy"}
ANTHROPIC = "/v1/proxy/anthropic/v1/messages"
OPENAI = "/v1/proxy/openai/v1/chat/completions"
EMBED = "/v1/proxy/openai/v1/embeddings"
COUNT = "/v1/proxy/anthropic/v1/messages/count_tokens?beta=true"
VERTEX_BASE = "/v1/proxy/vertex-ai/v1/projects/PROJECT/locations/LOCATION/publishers/"
VERTEX = VERTEX_BASE + "google/models/text-embedding-005:predict"
CODE = "/v1/embeddings/code_embeddings"

MESSAGES = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}


@fixture("prx")
def prx(ctx):
    return ProxyEnv(ctx, "prx", bypass=True)


@fixture("prx-auth")
def prx_auth(ctx):
    return ProxyEnv(ctx, "prx-auth")


@fixture("prx-wrong")
def prx_wrong(ctx):
    """Models that cannot be: an unknown name, and a server of another dialect."""
    return ProxyEnv(ctx, "prx-wrong", anthropic_model="nobody",
                    more='openai_models = ( "gpt-x=claude", "gpt-*" );', bypass=True)


@fixture("prx-plain")
def prx_plain(ctx):
    return Env(ctx, bypass=True, name="prx-plain")


@fixture("prx-listed")
def prx_listed(ctx):
    return Env(ctx, name="prx-listed", env={"AIGW_PROXY_ENDPOINTS__SELF_MANAGED_ENABLED": "other-1, other-2"})


@fixture("prx-listed-own")
def prx_listed_own(ctx):
    return Env(ctx, name="prx-listed-own",
               env={"AIGW_PROXY_ENDPOINTS__SELF_MANAGED_ENABLED": f"other-1, {gl.INSTANCE_ID}"})


@fixture("prx-early")
def prx_early(ctx):
    """A stream's status goes out before the model says anything (D32)."""
    return ProxyEnv(ctx, "prx-early", bypass=True, limits="limits: { stream_status_ms = 50; };")


def refused(path, body, headers=None):
    return lambda env: env.post(path, body, UP if headers is None else headers)


def primitive(name):
    return {"X-Gitlab-Unit-Primitive": name}


NOT_FOUND = detail("Not found")

table(__name__, "prx", [
    Row("C-PRX-001", refused(ANTHROPIC, MESSAGES, {}), 400, detail("Missing x-gitlab-unit-primitive header")),
    Row("C-PRX-001-empty", refused(ANTHROPIC, MESSAGES, primitive("")), 400,
        detail("Missing x-gitlab-unit-primitive header")),
    Row("C-PRX-001-first", refused("/v1/proxy/openai/v1/other", "{bad", {}), 400,
        detail("Missing x-gitlab-unit-primitive header"), note="before path and body"),
    Row("C-PRX-002", refused(ANTHROPIC, MESSAGES, primitive("nonsense")), 400,
        detail("Unknown unit primitive header nonsense")),
    Row("C-PRX-002-case", refused(OPENAI, CHAT, primitive('Duo_"Chat')), 400,
        detail('Unknown unit primitive header Duo_"Chat')),
    *[Row(f"C-PRX-purpose-{name}", refused(OPENAI, CHAT, primitive(name)), 400,
          detail(f"This endpoint cannot be used for {name} purpose"))
      for name in ("complete_code", "generate_code", "code_suggestions", "duo_classic_chat", "duo_agent_platform",
                   "duo_workflow_execute_workflow", "include_file_context", "amazon_q_integration",
                   "generate_embeddings_codebase", "feature_discovery_search")],
    Row("C-PRX-004", refused("/v1/proxy/anthropic/v1/other", MESSAGES), 404, NOT_FOUND),
    *[Row(f"C-PRX-004-{name}", refused(path, MESSAGES), 404, NOT_FOUND) for name, path in [
        ("query", ANTHROPIC + "?beta=false"), ("more", ANTHROPIC + "/x"), ("count", COUNT + "&x=1"),
        ("complete", "/v1/proxy/anthropic/v1/complete"), ("openai", "/v1/proxy/openai/v1/messages"),
        ("openai-query", OPENAI + "?x=1"), ("vertex", "/v1/proxy/vertex-ai/v1/messages"),
        ("vertex-publisher", VERTEX_BASE + "meta/models/m:predict"),
        ("vertex-method", VERTEX_BASE + "google/models/m:train"),
        ("vertex-model", VERTEX_BASE + "google/models/:predict"),
        ("vertex-query", VERTEX_BASE + "google/models/m:predict?alt=json")]],
    Row("C-PRX-method", lambda env: env.request("GET", ANTHROPIC, UP), 405, detail("Method Not Allowed")),
    Row("C-PRX-005", refused(ANTHROPIC, "{bad"), 400, detail("Invalid JSON")),
    Row("C-PRX-005-empty", refused(OPENAI, ""), 400, detail("Invalid JSON")),
    Row("C-PRX-005-more", refused(OPENAI, json.dumps(CHAT) + "{}"), 400, detail("Invalid JSON")),
    Row("C-PRX-005-vertex", refused(VERTEX, "{bad"), 400, detail("Invalid JSON")),
    Row("C-PRX-006", refused(ANTHROPIC, {"messages": []}), 400, detail("Failed to extract model name")),
    *[Row(f"C-PRX-006-{name}", refused(OPENAI, body), 400, detail("Failed to extract model name")) for name, body in [
        ("number", {"model": 5}), ("null", {"model": None}), ("empty", {"model": ""}), ("list", [CHAT]),
        ("nested", {"x": {"model": "gpt-5"}}), ("twice", '{"model":"gpt-5","mod\\u0065l":"gpt-6"}')]],
    Row("C-PRX-model", refused(ANTHROPIC, {**MESSAGES, "model": "gpt-5"}), 400, detail("Unsupported model")),
    Row("C-PRX-vertex", refused(VERTEX, {"instances": [{"content": "x"}]}), 500,
        detail(contains("API key not found", "vertex_model")), headers={"x-should-retry": "false"}),
])

table(__name__, "prx-plain", [
    Row("C-PRX-unset-anthropic", refused(ANTHROPIC, MESSAGES), 400,
        detail(contains("API key not found", "anthropic_model", "conf.d")), headers={"x-should-retry": "false"}),
    Row("C-PRX-unset-openai", refused(OPENAI, CHAT), 500, detail(contains("API key not found", "openai_model"))),
])

table(__name__, "prx-wrong", [
    Row("C-PRX-no-such-model", refused(ANTHROPIC, MESSAGES), 500, detail(contains('"nobody"', "conf.d"))),
    Row("C-PRX-other-dialect", refused(OPENAI, {**CHAT, "model": "gpt-x"}), 500,
        detail(contains("does not speak the dialect of the openai proxy"))),
])


def as_instance(scopes, headers=UP, **claims):
    return lambda env: env.answers(Reply(("ok",))).post(OPENAI, CHAT,
                                                        {**env.auth(env.token(scopes, **claims)), **headers})


def as_namespace(headers, **claims):
    def make(env):
        env.answers(Reply(("ok",)))
        token = env.token(["duo_chat"], gitlab_realm="saas", **claims)
        return env.post(OPENAI, CHAT, {**env.auth(token, X_Gitlab_Realm="saas"), **primitive("duo_chat"), **headers})
    return make


MISMATCH = detail("Gitlab instance uid mismatch")
IDS = {"gitlab_project_id": "7", "gitlab_namespace_id": 8, "gitlab_root_namespace_id": "9"}
ID_HEADERS = {"X-Gitlab-Project-Id": "7", "X-Gitlab-Namespace-Id": "8", "X-Gitlab-Root-Namespace-Id": "9"}

table(__name__, "prx-auth", [
    Row("C-PRX-003", as_instance(["duo_chat"]), 403,
        detail("Unauthorized to access ai_gateway_model_provider_proxy")),
    Row("C-PRX-003-before", as_instance(["duo_chat"], primitive("complete_code")), 403,
        detail("Unauthorized to access complete_code"), note="before whether it is usable"),
    Row("C-PRX-003-token", lambda env: env.post(OPENAI, CHAT, UP), 401, note="no token"),
    Row("C-PRX-scope", as_instance(["ai_gateway_model_provider_proxy"]), 200),
    Row("C-PRX-scope-other", as_instance(["explain_code"], primitive("explain_code")), 200),
    Row("C-PRX-uid", as_instance(["ai_gateway_model_provider_proxy"], gitlab_instance_uid=gl.INSTANCE_ID), 200),
    Row("C-PRX-uid-other", as_instance(["ai_gateway_model_provider_proxy"], gitlab_instance_uid="x"), 403, MISMATCH),
    Row("C-PRX-ids", as_namespace(ID_HEADERS, **IDS), 200),
    Row("C-PRX-ids-none", as_namespace({}), 200),
    Row("C-PRX-ids-project", as_namespace({**ID_HEADERS, "X-Gitlab-Project-Id": "70"}, **IDS), 403,
        detail("Gitlab project id mismatch")),
    Row("C-PRX-ids-namespace", as_namespace({**ID_HEADERS, "X-Gitlab-Namespace-Id": ""}, **IDS), 403,
        detail("Gitlab namespace id mismatch")),
    Row("C-PRX-ids-root", as_namespace({**ID_HEADERS, "X-Gitlab-Root-Namespace-Id": "None"}, **IDS), 403,
        detail("Gitlab root namespace id mismatch")),
])

table(__name__, "prx-listed", [
    Row("C-PRX-402", lambda env: env.post(OPENAI, CHAT, env.auth()), 402,
        detail("Proxy endpoints are not enabled for this instance"), note="before all other checks"),
])
table(__name__, "prx-listed-own", [
    Row("C-PRX-402-own", lambda env: env.post(OPENAI, CHAT, env.auth()), 400,
        detail("Missing x-gitlab-unit-primitive header")),
])


# -- bytes that pass -------------------------------------------------------------------------------------------------

def sent(script, count=1):
    equal(script.count, count, "requests at the model server")
    return script.seen[-1]


ODD = '{ "messages":[{"role":"user","content":"a\\u00e9 \\/ 1.10"}],\n "temperature": 1.50, "model" : "%s","n":1e0 }'


@case("C-PRX-bytes-openai", "prx")
def openai_bytes(env):
    answer = (b'{"id":"c-1", "choices":[{"index":0,"message":{"role":"assistant","content":"hi"},'
              b'"finish_reason":"stop"}],"odd":1.10}')
    env.answers(Reply(body=answer))
    headers = {**UP, "User-Agent": "agent/1", "Authorization": "Bearer user-secret", "Cookie": "a=b",
               "X-Gitlab-Host-Name": "h", "OpenAI-Beta": "x"}
    response = check(env.post(OPENAI, ODD % "gpt-5", headers), 200, headers={"content-type": "application/json"})
    equal(response.body, answer, "the server's bytes")
    seen = sent(env.openai)
    equal(seen.body.decode(), ODD % "gpt-real", "the client's bytes with the real model's name")
    equal(seen.header("authorization"), f"Bearer {SERVER_KEY}", "authorization")
    equal([value for key, value in seen.headers if key.lower() == "user-agent"], ["agent/1"], "user-agent")
    for name in ("cookie", "x-gitlab-host-name", "x-gitlab-unit-primitive", "openai-beta"):
        truth(seen.header(name) is None, f"no {name} upstream", seen.header(name))


@case("C-PRX-bytes-anthropic", "prx")
def anthropic_bytes(env):
    answer = b'{"type":"message","id":"m","role":"assistant","content":[{"type":"text","text":"hi"}],' \
             b'"stop_reason":"end_turn", "usage":{"input_tokens":1,"output_tokens":1}}\n'
    env.answers(Reply(body=answer))
    headers = {**UP, "anthropic-version": "2023-06-01", "anthropic-beta": "a-1,b-2", "x-api-key": "user-secret"}
    response = check(env.post(ANTHROPIC + "?beta=true", ODD % "claude-haiku-4-5", headers), 200)
    equal(response.body, answer, "the server's bytes")
    seen = sent(env.anthropic)
    equal(seen.body.decode(), ODD % "claude-small", "the client's bytes with the real model's name")
    equal(seen.header("anthropic-beta"), "a-1,b-2", "anthropic-beta")
    equal(seen.header("anthropic-version"), "2023-06-01", "anthropic-version")
    equal(seen.header("x-api-key"), SERVER_KEY, "x-api-key")


@case("C-PRX-stream-openai", "prx")
def openai_stream(env):
    env.answers(Reply(("a", "b"), usage=(3, 2)))
    response = check(env.post("/ai" + OPENAI, {**CHAT, "stream": True}, UP), 200,
                     headers={"content-type": "text/event-stream; charset=utf-8"})
    frame = ('data: {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1731234567, "model": "gpt-real", '
             '"choices": [{"index": 0, "delta": %s, "finish_reason": %s}]}\n\n')
    equal(response.text, frame % ('{"role": "assistant", "content": ""}', "null")
          + frame % ('{"content": "a"}', "null") + frame % ('{"content": "b"}', "null")
          + frame % ("{}", '"stop"') + "data: [DONE]\n\n", "the server's events, without the usage nobody asked for")


@case("C-PRX-stream-anthropic", "prx")
def anthropic_stream(env):
    env.answers(Reply(("a", "b")))
    response = check(env.post(ANTHROPIC, {**MESSAGES, "stream": True}, UP), 200)
    kinds = [line[7:] for line in response.text.split("\n") if line.startswith("event: ")]
    equal(kinds, ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
                  "content_block_stop", "message_delta", "message_stop"], "events")
    truth(response.text.endswith('event: message_stop\ndata: {"type": "message_stop"}\n\n'), "the end marker",
          response.text[-200:])


# -- failures --------------------------------------------------------------------------------------------------------

def failing(path, body, *replies):
    return lambda env: env.answers(*replies).post(path, body, UP)


LONG = "prompt is too long: 210000 tokens > 200000 maximum"
LONG_OPENAI = "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens."

table(__name__, "prx", [
    Row("C-PRX-error-400", failing(ANTHROPIC, MESSAGES, Reply(status=400, body=anthropic_error(
        "invalid_request_error", "messages: at least one message is required"))), 400,
        anthropic_error("invalid_request_error", "messages: at least one message is required")),
    Row("C-PRX-error-429", failing(ANTHROPIC, MESSAGES, Reply(status=429, headers=[("Retry-After", "17")],
        body=anthropic_error("rate_limit_error", "slow down"))), 429, anthropic_error("rate_limit_error", "slow down"),
        headers={"retry-after": "17"}),
    Row("C-PRX-error-429-reset", failing(ANTHROPIC, MESSAGES, Reply(status=429, headers=[
        ("anthropic-ratelimit-requests-reset", "9"), ("anthropic-ratelimit-tokens-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "44")], body=anthropic_error("rate_limit_error", "slow down"))), 429,
        headers={"retry-after": "44"}),
    Row("C-PRX-error-429-reset-date", failing(ANTHROPIC, MESSAGES, Reply(status=429, headers=[
        ("anthropic-ratelimit-input-tokens-reset", "2100-01-01T00:00:00Z")],
        body=anthropic_error("rate_limit_error", "slow down"))), 429, headers={"retry-after": "31622400"}),
    Row("C-PRX-error-429-openai", failing(OPENAI, CHAT, Reply(status=429, headers=[("Retry-After", "3")],
        body=openai_error("slow down", "requests", "rate_limit_exceeded"))), 429, headers={"retry-after": "3"}),
    Row("C-PRX-error-529", failing(ANTHROPIC, MESSAGES, Reply(status=529, body=anthropic_error(
        "overloaded_error", "Overloaded"))), 529, anthropic_error("overloaded_error", "Overloaded")),
    Row("C-PRX-error-404", failing(OPENAI, CHAT, Reply(status=404, body=openai_error(
        "The model `x` does not exist", "invalid_request_error", "model_not_found"))), 404),
    Row("C-PRX-error-text", failing(OPENAI, CHAT, Reply(status=500, body="it broke", content_type="text/plain")), 500),
    Row("C-PRX-error-long", failing(ANTHROPIC, MESSAGES, Reply(status=400, body=anthropic_error(
        "invalid_request_error", LONG))), 400, anthropic_error("invalid_request_error", LONG)),
    Row("C-PRX-error-long-413", failing(ANTHROPIC, MESSAGES, Reply(status=413, body=anthropic_error(
        "request_too_large", LONG))), 400, anthropic_error("request_too_large", LONG),
        note="clients look for a context that is too long in a 400"),
    Row("C-PRX-error-long-openai", failing(OPENAI, CHAT, Reply(status=400, body=openai_error(
        LONG_OPENAI, "invalid_request_error", "context_length_exceeded"))), 400,
        openai_error(LONG_OPENAI, "invalid_request_error", "context_length_exceeded")),
    Row("C-PRX-error-cut", failing(OPENAI, CHAT, Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")), 502,
        detail("Bad Gateway")),
    Row("C-PRX-error-nonsense", failing(OPENAI, CHAT, Reply(body="no JSON")), 502, detail("Bad Gateway")),
    Row("C-PRX-error-before-stream", failing(ANTHROPIC, {**MESSAGES, "stream": True}, Reply(
        status=429, body=anthropic_error("rate_limit_error", "slow down"))), 429,
        anthropic_error("rate_limit_error", "slow down")),
])


def looks_like_a_bad_token(response):
    """What GitLab's client looks at before it throws its user's credentials away (D29)."""
    text = response.text.lower()
    return response.status == 401 or ("token" in text and any(w in text for w in ("expired", "revoked", "invalid")))


class Harmless:
    """One failure of the model server that must not look like a failure of the caller's credentials."""

    def __init__(self, path, body, reply, status):
        self.path, self.body, self.reply, self.status = path, body, reply, status

    def __call__(self, env):
        response = env.answers(self.reply).post(self.path, self.body, UP)
        equal(response.status, self.status, f"status of {response!r}")
        truth(not looks_like_a_bad_token(response), "nothing that reads as a bad token (D29)", response)
        truth("error" in response.json(), "an error object", response)
        equal(response.header("x-should-retry"), "false" if self.status == 502 else None, "header x-should-retry")


def harmless(ident, *what):
    add_case(ident, "prx", Harmless(*what), __name__)


for _path, _body, _name in ((ANTHROPIC, MESSAGES, "anthropic"), (OPENAI, CHAT, "openai")):
    harmless(f"D29-401-{_name}", _path, _body, Reply(status=401, body=anthropic_error(
        "authentication_error", "invalid x-api-key")), 502)
    harmless(f"D29-401-text-{_name}", _path, _body, Reply(status=401, body="token expired"), 502)
    harmless(f"D29-403-{_name}", _path, _body, Reply(status=403, body=anthropic_error(
        "permission_error", "Your API token was Revoked or has EXPIRED; the token is Invalid")), 403)
    harmless(f"D29-401-odd-{_name}", _path, _body, Reply(status=401, body=anthropic_error(
        "invalid_request_error", "token expired")), 502)
    harmless(f"D29-code-{_name}", _path, _body, Reply(status=403, body=anthropic_error(
        "token_expired", "no")), 403)
    harmless(f"D29-400-{_name}", _path, _body, Reply(status=400, body=openai_error(
        "invalid value: max_tokens must be at least 1", "invalid_request_error", "invalid_value")), 400)
    harmless(f"D29-stream-{_name}", _path, {**_body, "stream": True}, Reply(status=401, body=anthropic_error(
        "authentication_error", "token expired")), 502)


def broken_stream(ident, path, body, reply, tail):
    @case(ident, "prx")
    def run(env):
        response = check(env.answers(reply).post(path, {**body, "stream": True}, UP), 200)
        truth(response.text.endswith(tail), f"the end {tail!r}", response.text[-300:])
        for marker in ("[DONE]", "message_stop"):
            truth(marker not in response.text, f"no {marker}: a cut stream is not finished", response.text)
    return run


broken_stream("C-PRX-stream-error", OPENAI, CHAT, Reply(("a", "b"), cut_after=1, cut="end", error_event={
    "message": "it broke", "type": "server_error"}), 'data: {"error":{"message":"it broke","type":"server_error",'
    '"param":null,"code":"server_error"}}\n\n')
broken_stream("C-PRX-stream-error-anthropic", ANTHROPIC, MESSAGES, Reply(("a", "b"), cut_after=1, cut="end",
                                                                         error_event={
    "type": "overloaded_error", "message": "Overloaded"}), 'event: error\ndata: {"type":"error","error":'
    '{"message":"Overloaded","type":"overloaded_error"}}\n\n')
broken_stream("C-PRX-stream-cut", ANTHROPIC, MESSAGES, Reply(("a", "b"), cut_after=1), '"type":"api_error"}}\n\n')


@case("C-PRX-early", "prx-early")
def a_status_before_the_model_answers(env):
    for path, body, tail in (
            (OPENAI, CHAT, 'data: {"error":{"message":"slow down","type":"rate_limit_error",'
                           '"param":null,"code":null}}'),
            (ANTHROPIC, MESSAGES, 'event: error\ndata: {"type":"error","error":{"message":"slow down",'
                                  '"type":"rate_limit_error"}}')):
        env.answers(Reply(status=429, head_delay=0.4, body={"error": {"message": "slow down"}}))
        response = check(env.post(path, {**body, "stream": True}, UP), 200,
                         headers={"content-type": "text/event-stream; charset=utf-8"})
        equal(response.text, tail + "\n\n", "body")


@case("C-PRX-json-stream", "prx")
def a_server_that_does_not_stream(env):
    answer = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
    env.answers(Reply(body=answer))
    response = check(env.post(OPENAI, {**CHAT, "stream": True}, UP), 200, headers={"content-type": "application/json"})
    equal(response.body, answer, "the server's bytes")


@case("C-PRX-large", "prx")
def large_bodies(env):
    text = "y" * (20 << 20)
    env.answers(Reply((text,)))
    response = check(env.post(OPENAI, {**CHAT, "messages": [{"role": "user", "content": text}]}, UP), 200)
    equal(len(response.json()["choices"][0]["message"]["content"]), len(text), "length of the answer")
    equal(len(sent(env.openai).json()["messages"][0]["content"]), len(text), "length of what was asked")
    check(env.post(OPENAI, {**CHAT, "x": "y" * (33 << 20)}, UP), 413)


@case("C-PRX-unasked", "prx")
def nothing_is_asked_for_a_refusal(env):
    env.answers(Reply())
    for path, body, headers in ((OPENAI, CHAT, {}), (ANTHROPIC, {**MESSAGES, "model": "gpt-5"}, UP),
                                (ANTHROPIC + "/x", MESSAGES, UP), (EMBED, {"model": "e", "input": [[1]]}, UP)):
        truth(env.post(path, body, headers).status >= 400, "a refusal", path)
    equal([env.openai.count, env.anthropic.count], [0, 0], "requests at the model servers")


# -- what is built instead of passed ---------------------------------------------------------------------------------

@case("C-PRX-embeddings", "prx")
def proxy_embeddings(env):
    env.answers(vectors((0.1, -0.25, 3), (1e-7, 0.0023064255, -1), order=(1, 0)))
    response = check(env.post(EMBED, {"model": "text-embedding-3", "input": ["a", "b"], "dimensions": 3}, UP), 200)
    found = response.json()
    equal({item["index"]: item["embedding"] for item in found["data"]},
          {0: [0.1, -0.25, 3], 1: [1e-7, 0.0023064255, -1]}, "vectors")
    equal({key: found[key] for key in ("object", "model", "usage")},
          {"object": "list", "model": "text-embedding-3", "usage": {"prompt_tokens": 5, "total_tokens": 5}}, "rest")
    asked = sent(env.openai).json()
    equal([asked["input"], asked["dimensions"], asked["model"]], [["a", "b"], 3, "gpt-real"], "what was asked")


@case("C-PRX-embeddings-base64", "prx")
def proxy_embeddings_base64(env):
    for row in ((0.5,), (0.5, -1.0), (0.5, -1.0, 2.0)):
        env.answers(vectors(row))
        response = check(env.post(EMBED, {"model": "e", "input": "a", "encoding_format": "base64"}, UP), 200)
        raw = base64.b64decode(response.json()["data"][0]["embedding"], validate=True)
        equal(struct.unpack(f"<{len(row)}f", raw), row, "vector")


table(__name__, "prx", [
    *[Row(f"C-PRX-embeddings-{name}", refused(EMBED, {"model": "e", **body}), 400,
          openai_error(contains(word), "invalid_request_error")) for name, body, word in [
              ("none", {}, "input"), ("empty", {"input": []}, "input"), ("numbers", {"input": [1, 2]}, "strings"),
              ("format", {"input": "a", "encoding_format": "hex"}, "encoding_format")]],
    Row("C-PRX-embeddings-429", failing(EMBED, {"model": "e", "input": "a"}, Reply(
        status=429, headers=[("Retry-After", "2")])), 429, headers={"retry-after": "2"}),
])


@case("C-PRX-count", "prx")
def count_tokens(env):
    env.answers(Reply(body={"input_tokens": 42}))
    blocks = [{"type": "tool_result", "tool_use_id": "t1", "content": "é"}, {"type": "text", "text": "b"}]
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    check(env.post(COUNT, {"model": "claude-x", "system": "be brief", "tools": tools, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {"role": "user", "content": blocks}], "thinking": {"type": "enabled", "budget_tokens": 1024}}, UP),
          200, {"input_tokens": 42})
    seen = sent(env.anthropic)
    equal(seen.path.rsplit("/v1/", 1)[1], "messages/count_tokens?beta=true", "path")
    asked = seen.json()
    equal(asked["model"], "claude-real", "model")
    equal(asked["messages"][2]["content"], blocks, "blocks")
    equal(asked["messages"][1]["content"][0]["type"], "tool_use", "a tool call")
    equal(asked["system"], "be brief", "system, as it was written")
    equal(asked["tools"], tools, "tools")
    equal(asked["thinking"], {"type": "enabled", "budget_tokens": 1024}, "other members")


@case("C-PRX-responses", "prx")
def responses(env):
    """OpenAI's Responses API: a path of its own, bytes both ways."""
    body = '{"input": "x", "model": "gpt-5", "n": 1.0}'
    answer = {"id": "resp_1", "object": "response", "output": [], "usage": {"input_tokens": 3, "output_tokens": 1}}
    check(env.answers(Reply(body=answer)).post("/v1/proxy/openai/v1/responses", body, UP), 200, answer)
    seen = sent(env.openai)
    equal((seen.method, seen.path.rsplit("/v1/", 1)[1]), ("POST", "responses"), "request")
    equal(seen.body.decode(), body.replace("gpt-5", "gpt-real"), "bytes")


@case("C-PRX-models", "prx")
def list_of_models(env):
    """The contract has POST with a model; the vendor's API has GET."""
    answer = {"object": "list", "data": []}
    check(env.answers(Reply(body=answer)).post("/v1/proxy/openai/v1/models", {"model": "gpt-5"}, UP), 200, answer)
    seen = sent(env.openai)
    equal((seen.method, seen.path.rsplit("/v1/", 1)[1], seen.body), ("GET", "models", b""), "request")


@case("C-PRX-answer-headers", "prx")
def answer_headers(env):
    """Headers of Anthropic's answer that its clients read come back, whole and streamed; others do not."""
    headers = (("request-id", "req_7"), ("anthropic-beta", "b-1"), ("x-secret", "s"), ("set-cookie", "c=1"))
    for stream in (False, True):
        response = env.answers(Reply(("a",), headers=headers)).post(ANTHROPIC, {**MESSAGES, "stream": stream}, UP)
        equal([response.header(name) for name, _ in headers], ["req_7", "b-1", None, None], "headers that came back")


@case("C-PRX-count-plain", "prx")
def count_tokens_without_query(env):
    env.answers(Reply(body={"input_tokens": 1}))
    check(env.post(COUNT.split("?", maxsplit=1)[0], MESSAGES, UP), 200, {"input_tokens": 1})


@case("C-PRX-count-error", "prx")
def count_tokens_error(env):
    env.answers(Reply(status=400, body=anthropic_error("invalid_request_error", "messages: empty")))
    check(env.post(COUNT, {"model": "claude-x", "messages": []}, UP), 400,
          anthropic_error("invalid_request_error", "messages: empty"))


# -- embeddings ------------------------------------------------------------------------------------------------------

def metadata(script=None, drop=(), **changes):
    found = {"provider": "litellm", "name": "embedding", "identifier": "openai/e5", "api_key": API_KEY}
    if script is not None:
        found["endpoint"] = script.base
    found.update(changes)
    return {key: value for key, value in found.items() if key not in drop}


def embed(drop=(), contents=("a", "b"), path=CODE, reply=None, more=None, headers=(), **changes):
    def make(env):
        script = env.models.script(reply or vectors((0.1, 0.2), (0.3, 0.4)))
        body = {"model_metadata": metadata(script, drop, **changes), "contents": list(contents), **(more or {})}
        response = env.post(path, body, headers)
        response.script = script
        return response
    return make


def limit(status, **kwargs):
    return Reply(status=status, body=openai_error("the server's words", "x"), **kwargs)


PREDICTIONS = [{"embedding": [0.1, 0.2], "index": 0}, {"embedding": [0.3, 0.4], "index": 1}]
GOOD = {"model": {"engine": "litellm_embedding", "name": "embedding", "identifier": "openai/e5"},
        "predictions": PREDICTIONS}
NAME = "Model `name` must be set when using `litellm` provider."

table(__name__, "prx", [
    Row("C-EMB-001", embed(provider="other"), 422, detail("Allowed providers are: gitlab|litellm.")),
    Row("C-EMB-002", embed(drop=["name"]), 422, detail(NAME)),
    Row("C-EMB-002-empty", embed(name=""), 422, detail(NAME)),
    Row("C-EMB-002-null", embed(name=None), 422, detail(NAME)),
    Row("C-EMB-002-other", embed(name="x"), 422,
        detail("Model `name` must be 'embedding' when using `litellm` provider.")),
    Row("C-EMB-002-endpoint", embed(drop=["endpoint"]), 422,
        detail("Model `endpoint` must be set when using `litellm` provider.")),
    Row("C-EMB-003", embed(), 200, GOOD),
    Row("C-EMB-003-index", embed(path=CODE + "/index"), 200, GOOD),
    Row("C-EMB-003-search", embed(path="/ai" + CODE + "/search"), 200, GOOD),
    Row("C-EMB-003-prefix", embed(identifier="custom_openai/e5"), 200,
        {**GOOD, "model": {**GOOD["model"], "identifier": "custom_openai/e5"}}),
    Row("C-EMB-003-blanks", embed(identifier=" openai/e5\n", api_key="k\t"), 200, GOOD,
        "pasted blanks, as on the other routes"),
    Row("C-EMB-003-nan", embed(unknown=float("nan")), 200, GOOD, "§5.1"),
    Row("C-EMB-003-none", embed(contents=()), 200, {**GOOD, "predictions": []}),
    Row("C-EMB-004", embed(reply=limit(429, headers=[("Retry-After", "1")])), 429,
        detail(starts("litellm.RateLimitError: "))),
    Row("C-EMB-400", embed(reply=limit(400)), 400, detail(starts("litellm.BadRequestError: "))),
    Row("C-EMB-401", embed(reply=limit(401)), 401, detail(starts("litellm.AuthenticationError: "))),
    Row("C-EMB-500", embed(reply=limit(500)), 400,
        detail(starts("litellm.BadRequestError: OpenAIException - Error code: 500 - "))),
    *[Row(f"C-EMB-{status}", embed(reply=limit(status)), 500, detail(contains("")))
      for status in (403, 404, 422, 503)],
    Row("C-EMB-chat", embed(reply=Reply(body={"choices": [{"message": {"content": "x"}}]})), 500,
        detail(contains("embedding")), note="no embedding model"),
    Row("C-EMB-body", lambda env: env.post(CODE, {"contents": [1]}), 422, detail("Validation error")),
    Row("C-EMB-schema-url", embed(endpoint="ftp://x"), 422),
    Row("C-EMB-gitlab", lambda env: env.answers(vectors((1,))).post(
        CODE, {"model_metadata": {"provider": "gitlab", "identifier": "text_embedding_005_vertex"}, "contents": ["a"]}),
        200, {"model": {"engine": "litellm_embedding", "name": "gpt", "identifier": "text_embedding_005_vertex"},
              "predictions": [{"embedding": [1], "index": 0}]}),
])

table(__name__, "prx-plain", [
    Row("C-EMB-gitlab-unset", lambda env: env.post(
        CODE, {"model_metadata": {"provider": "gitlab", "identifier": "foo"}, "contents": ["a"]}), 422,
        detail("Error creating the model_metadata: Invalid model identifier: foo")),
])

table(__name__, "prx-auth", [
    Row("C-EMB-scope", lambda env: embed(headers=env.auth(env.token(["duo_chat"])))(env), 403,
        detail("Unauthorized to access 'embeddings_code'")),
    Row("C-EMB-scope-good", lambda env: embed(headers=env.auth(env.token(["generate_embeddings_codebase"])))(env), 200,
        GOOD),
])


@case("C-EMB-asked", "prx")
def what_is_asked(env):
    response = check(embed(more={"dimensions": 2, "litellm_drop_params": True})(env), 200)
    seen = sent(response.script)
    equal(seen.path.rsplit("/s/", 1)[1].split("/", 1)[1], "v1/embeddings", "path")
    asked = seen.json()
    equal([asked["model"], asked["input"], asked["dimensions"]], ["e5", ["a", "b"], 2], "what was asked")
    equal(seen.header("authorization"), f"Bearer {API_KEY}", "authorization")


# -- Amazon Q --------------------------------------------------------------------------------------------------------

Q = "/v1/amazon_q/"
ISSUE = {"source": "issue", "command": "dev", "project_path": "g/p", "project_id": "1", "discussion_id": "d",
         "note_id": None, "issue_id": "2", "issue_iid": "3"}
MERGE = {**ISSUE, "source": "merge_request", "merge_request_id": "4", "merge_request_iid": "5", "source_branch": "a",
         "target_branch": "b", "last_commit_id": "c", "head_sha": None}
Q_BODIES = [
    ("application", "oauth/application", {"client_id": "a", "client_secret": "b", "instance_url": "c",
                                          "redirect_url": "d", "role_arn": "e"}),
    ("delete", "oauth/application/delete", {"role_arn": "e"}),
    ("verify", "oauth/application/verify", {"role_arn": "e", "code": "f"}),
    ("issue", "events", {"role_arn": "e", "code": "f", "payload": ISSUE}),
    ("merge-request", "events", {"role_arn": "e", "code": "f", "event_id": "Quick Action", "payload": MERGE}),
    ("hook", "events", {"role_arn": "e", "code": "f", "payload": {"source": "web_hook", "data": {"a": [1]}}}),
]


def ask_q(path, body, scopes=("amazon_q_integration",), **changes):
    return lambda env: env.post(Q + path, body, {**env.auth(env.token(list(scopes)), **changes), **VERBOSE})


table(__name__, "prx-auth", [
    Row("C-AMZ-001", ask_q("events", Q_BODIES[3][2], ["duo_chat"]), 403, detail("Unauthorized to perform action")),
    *[Row(f"C-AMZ-{name}", ask_q(path, body), 500, detail("Cannot obtain OIDC token"))
      for name, path, body in Q_BODIES],
    *[Row(f"C-AMZ-422-{name}", ask_q(path, body), 422) for name, path, body in [
        ("missing", "oauth/application/delete", {}),
        ("long", "oauth/application/verify", {"role_arn": "e", "code": "f" * 256}),
        ("source", "events", {"role_arn": "e", "code": "f", "payload": {"source": "x"}}),
        ("note-id", "events", {"role_arn": "e", "code": "f",
                               "payload": {k: v for k, v in ISSUE.items() if k != "note_id"}}),
        ("data", "events", {"role_arn": "e", "code": "f", "payload": {"source": "web_hook", "data": []}}),
    ]],
])

table(__name__, "prx-plain", [
    Row("C-AMZ-user", lambda env: env.post(Q + "oauth/application/delete", {"role_arn": "e"}), 400,
        detail("User Id is missing")),
])
