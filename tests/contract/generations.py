"""C-GEN, C-V3, C-V4: /v2/code/generations, /v3/code/completions and /v4/code/suggestions against a scripted model.
D8, D9, D13, D14 and D44 decide what differs from §7.8 to §7.10."""
import json
import re

from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._env import (API_KEY, CURRENT_FILE, INTEGER, TEXT, VERBOSE, Any, Env, Reply, Row, check, completion, detail,
                   model_error, table)

GEN, V3, V4 = "/v2/code/generations", "/v3/code/completions", "/v4/code/suggestions"
STREAM_TYPE = "text/event-stream; charset=utf-8"
INVALID = detail("Validation error")
NO_RIGHT = detail("Unauthorized to access code suggestions")
PROMPT_ID = "code_suggestions/generations"
ABOVE = {**CURRENT_FILE, "content_above_cursor": "# add two numbers\n"}


@fixture("gen")
def gen(ctx):
    return Env(ctx, bypass=True, name="gen")


@fixture("gen-auth")
def gen_auth(ctx):
    return Env(ctx, name="gen-auth")


@fixture("gen-ping")
def gen_ping(ctx):
    conf = 'features: { code_suggestions: { plugin = "code_suggestions"; ping_ms = 50; }; };'
    return Env(ctx, bypass=True, conf=conf, name="gen-ping")


def default_model(env):
    env.script = env.models.script(Reply())
    return f"""
providers: {{ one = {{ plugin = "openai"; base_url = "{env.script.base}"; }}; }};
models: {{ writer: {{ family = "codestral"; targets = ( {{ provider = "one"; model = "codestral-22b"; }} ); }}; }};
features: {{
    code_suggestions: {{ plugin = "code_suggestions"; model = "writer"; }};
    user_access_token: {{ plugin = "user_access_token"; }};
}};
"""


@fixture("gen-default")
def gen_default(ctx):
    return Env(ctx, name="gen-default", conf=default_model)


@fixture("gen-no-stream")
def gen_no_stream(ctx):
    return Env(ctx, bypass=True, env={"AIGW_CUSTOM_MODELS__DISABLE_STREAMING": "true"}, name="gen-no-stream")


# -- requests --------------------------------------------------------------------------------------------------------

def generation(script, drop=(), **changes):
    """Body of /v2/code/generations as a GitLab of 17.6 to 18.x sends it."""
    body = completion(script, current_file=dict(ABOVE), model_name="mistral", prompt_version=2, prompt="",
                      prompt_id=PROMPT_ID)
    body.update(changes)
    for name in drop:
        body.pop(name, None)
    return body


def metadata(script, **changes):
    return {"provider": "openai", "name": "codestral", "api_key": API_KEY, "identifier": "custom_openai/codestral-22b",
            **({"endpoint": script.base} if script else {}), **changes}


def component(kind, drop=(), **changes):
    payload = {"file_name": "main.py", "content_above_cursor": "def f(", "content_below_cursor": "\n", **changes}
    return {"type": kind, "payload": {key: value for key, value in payload.items() if key not in drop}}


def complete(**changes):
    return component("code_editor_completion", **changes)


def generate(drop=(), **changes):
    """What GitLab 18.9 sends for a generation."""
    known = {"language_identifier": "Python", "prompt_id": PROMPT_ID, "prompt_version": "^1.0.0"}
    return component("code_editor_generation", drop, **{**known, **changes})


def context(content="class A: pass"):
    return {"type": "code_context", "payload": {"type": "file", "name": "a.py", "content": content}}


def parts(script, *components, **members):
    return {"prompt_components": list(components), "model_metadata": metadata(script), **members}


def ask_gen(*replies, headers=(), **changes):
    return lambda env: env.post(GEN, generation(env.models.script(*replies), **changes), headers)


def ask(path, *components, reply=None, headers=(), **members):
    return lambda env: env.post(path, parts(env.models.script(reply or Reply()), *components, **members), headers)


# -- answers ---------------------------------------------------------------------------------------------------------

def v2_answer(text="x", engine="agent", name=TEXT, lang="python"):
    def test(found):
        if list(found) != ["id", "model", "experiments", "object", "created", "choices", "metadata"]:
            return False
        model = found["model"]
        choices = [{"text": text, "index": 0, "finish_reason": "length"}] if text else []
        return (list(model) == ["engine", "name", "lang", "tokens_consumption_metadata", "region"]
                and model["tokens_consumption_metadata"] is None and found["choices"] == choices
                and found["object"] == "text_completion" and found["created"] == INTEGER
                and (model["engine"], model["lang"]) == (engine, lang) and model["name"] == name)
    return Any(f"<v2 answer: text {text!r}, engine {engine}, no usage, §7.8>", test)


def v3_answer(text="x", lang="python", flags=()):
    def test(found):
        choices = [{"text": text, "index": 0, "finish_reason": "length"}] if text else []
        if list(found) != ["choices", "metadata", "model"] or found["choices"] != choices:
            return False
        meta, model = found["metadata"], found["model"]
        return (list(meta) == ["model", "timestamp", "enabled_feature_flags", "region"] and meta["model"] == model
                and meta["timestamp"] == INTEGER and meta["region"] is None
                and sorted(meta["enabled_feature_flags"]) == sorted(flags) and list(model) == ["engine", "name", "lang"]
                and model["engine"] == "agent" and model["name"] == TEXT and model["lang"] == lang)
    return Any(f"<v3 answer: text {text!r}, lang {lang!r}, flags {list(flags)}, members and order as in §7.9>", test)


JSON = {"content-type": "application/json"}
SSE = {"content-type": STREAM_TYPE, "x-streaming-format": "sse", "cache-control": "no-store",
       "x-accel-buffering": "no"}


def chunk(text):
    return ("event: content_chunk\r\ndata: "
            + json.dumps({"choices": [{"delta": {"content": text}, "index": 0}]}) + "\r\n\r\n")


END = "event: stream_end\r\ndata: null\r\n\r\n"


def sse(response, *pieces, flags=(), tail=END):
    """The body byte for byte; the time in stream_start may be any."""
    check(response, 200, headers=SSE, absent=["content-length"])
    head, _, rest = response.text.partition("\r\n\r\n")
    truth(head.startswith("event: stream_start\r\ndata: "), "stream_start first", head)
    start = json.loads(head.split("data: ", 1)[1])
    equal(start, {"metadata": {"model": {"engine": "agent", "name": TEXT}, "timestamp": INTEGER,
                               "enabled_feature_flags": list(flags), "region": "us-central1"}}, "stream_start")
    equal(head, "event: stream_start\r\ndata: " + json.dumps(start), "spelling of stream_start")
    equal(rest, "".join(chunk(piece) for piece in pieces) + tail, "events")
    return start


# -- v2 --------------------------------------------------------------------------------------------------------------

table(__name__, "gen", [
    Row("C-GEN-001", ask_gen(Reply(), drop=["prompt"], prompt_version=1), 200, v2_answer(), headers=JSON),
    Row("C-GEN-001-no-id", ask_gen(Reply(), drop=["prompt", "prompt_id"], prompt_version=1), 200,
        v2_answer(engine="litellm", name="mistral")),
    Row("C-GEN-001-title", ask_gen(Reply()), 200, v2_answer(name="Mistral code generations")),
    Row("C-GEN-001-usage", ask_gen(Reply(usage=(12, 5))), 200, v2_answer()),
    Row("C-GEN-002", ask_gen(Reply(), drop=["prompt"]), 422, INVALID),
    Row("C-GEN-002-null", ask_gen(Reply(), prompt=None), 422, INVALID),
    Row("C-GEN-002-list", ask_gen(Reply(), prompt=[]), 422, INVALID),
    Row("C-GEN-002-empty", ask_gen(Reply(), prompt=""), 200, v2_answer()),
    Row("C-GEN-003", ask_gen(Reply(), prompt_version=3, prompt=[{"role": "user", "content": "hi"}]), 200, v2_answer()),
    Row("C-GEN-003-text", ask_gen(Reply(), prompt_version=3, prompt="hi"), 422, INVALID),
    Row("C-GEN-003-absent", ask_gen(Reply(), prompt_version=3, drop=["prompt"]), 422, INVALID),
    Row("C-GEN-003-role", ask_gen(Reply(), prompt_version=3, prompt=[{"role": "robot", "content": "hi"}]), 422,
        INVALID),
    Row("C-GEN-004", ask_gen(Reply(), model_name="qwen2p5-coder-7b"), 422, INVALID),
    Row("C-GEN-004-codestral", ask_gen(Reply(), model_name="codestral-2508"), 422, INVALID),
    Row("C-GEN-004-anthropic", ask_gen(Reply(), model_provider="anthropic", model_name="claude-2.1"), 422, INVALID),
    Row("C-GEN-004-gitlab", ask_gen(Reply(), model_provider="gitlab", model_name=""), 422, INVALID),
    Row("C-GEN-004-general", ask_gen(Reply(), model_name="general"), 200, v2_answer(name="Code generations")),
    Row("C-GEN-004-new", ask_gen(Reply(), model_name="brand_new"), 200, v2_answer(name="Code generations"), "D10"),
    Row("C-GEN-005", ask_gen(Reply(pieces=("a", "b")), stream=True), 200, text="ab",
        headers={"content-type": STREAM_TYPE}, absent=["content-length", "x-streaming-format"]),
    Row("C-GEN-006", ask_gen(Reply(pieces=("",))), 200, v2_answer("")),
    Row("C-GEN-006-blank", ask_gen(Reply(pieces=(" \n\t",))), 200, v2_answer("")),
    Row("C-GEN-no-language", ask_gen(Reply(), current_file={**ABOVE, "file_name": "README"}), 200,
        v2_answer("", name="mistral", lang=""), "D44"),
    Row("C-GEN-no-language-stream", ask_gen(Reply(), current_file={**ABOVE, "file_name": "README"}, stream=True), 200,
        v2_answer("", name="mistral", lang=""), "D44", headers=JSON),
    Row("C-GEN-metadata", lambda env: env.post(GEN, generation(
        None, drop=["model_provider", "model_name"], model_metadata=metadata(env.models.script(Reply())))), 200,
        v2_answer(name="Codestral code generations")),
    Row("C-GEN-metadata-wins", lambda env: env.post(GEN, generation(
        None, model_metadata=metadata(env.models.script(Reply()), name="llama3"))), 200,
        v2_answer(name="Llama 3 code generations")),
    Row("D11-gen", ask_gen(Reply(), model_metadata="x"), 422, detail("model_metadata: expected a JSON object")),
    Row("D11-gen-key", ask_gen(Reply(), model_metadata={"provider": "openai", "api_key": 7, "endpoint": "http://h"}),
        422, detail("model_metadata.api_key: expected a string of at most 2000 characters")),
    Row("D11-gen-url", ask_gen(Reply(), model_endpoint="not a url"), 422,
        Any("<the member>", lambda body: body["detail"].startswith("model_endpoint: "))),
    Row("C-GEN-amazon_q", ask_gen(Reply(), model_provider="amazon_q", model_name="amazon_q"), 422,
        Any("<amazon_q is not served>", lambda body: "amazon_q is not served" in body["detail"])),
    Row("C-GEN-version", ask_gen(Reply(), prompt_version=4), 422, INVALID),
    Row("C-GEN-prompt-id", ask_gen(Reply(), prompt_id="no/such_prompt"), 422,
        Any("<the prompt that is missing>", lambda body: "no/such_prompt" in body["detail"])),
    Row("D13-gen-500", ask_gen(Reply(status=500)), 503, model_error()),
    Row("D13-gen-429", ask_gen(Reply(status=429, headers=(("Retry-After", "77"),))), 429, model_error(),
        headers={"retry-after": "77"}),
    Row("D13-gen-stream-401", ask_gen(Reply(status=401), stream=True), 503, model_error(), "D32"),
    # §1.8: what never reaches an editor
    Row("GEN-fences", ask_gen(Reply(pieces=("```python\ndef f():\n    pass\n```\n",))), 200,
        v2_answer("def f():\n    pass\n")),
    Row("GEN-tags", ask_gen(Reply(pieces=("<new_code>\nx = 1\n</new_code>\nthat was it",))), 200,
        v2_answer("x = 1\n")),
    Row("GEN-own-line", ask_gen(Reply(), current_file={**ABOVE, "content_above_cursor": "# add"}), 200,
        v2_answer("\nx"), "new code begins on a line of its own"),
    Row("GEN-own-line-has", ask_gen(Reply(pieces=("\nx",)), current_file={**ABOVE, "content_above_cursor": "# add"}),
        200, v2_answer("\nx")),
    Row("GEN-reflection", ask_gen(Reply(pieces=("x = 1\n# add two numbers\ny = 2\n",))), 200,
        v2_answer("x = 1\ny = 2\n")),
    Row("GEN-markdown", ask_gen(Reply(pieces=("```sh\nls\n```\n",)), current_file={**ABOVE, "file_name": "a.md"}), 200,
        v2_answer("```sh\nls\n```\n", lang=""), "fences belong to Markdown"),
    Row("GEN-stream-fences", ask_gen(Reply(pieces=("``", "`py", "thon\nx", " = `1`\n", "``", "`")), stream=True), 200,
        text="x = `1`\n"),
    Row("GEN-stream-tags", ask_gen(Reply(pieces=("<new", "_code>", "\nx</ne", "w_code>rest")), stream=True), 200,
        text="x"),
])


# -- v3 and v4 -------------------------------------------------------------------------------------------------------

table(__name__, "gen", [
    Row("C-V3-001", ask(V3, complete()), 200, v3_answer(), headers=JSON),
    Row("C-V3-002", ask(V3, generate()), 200, v3_answer(), headers=JSON),
    Row("C-V3-006", ask(V3, generate(stream=True), reply=Reply(pieces=("a", "b"))), 200, text="ab",
        headers={"content-type": STREAM_TYPE}, absent=["content-length", "x-streaming-format"]),
    Row("C-V3-006-completion", ask(V3, complete(stream=True), reply=Reply(pieces=("a", "b"))), 200, text="ab",
        headers={"content-type": STREAM_TYPE}, absent=["content-length", "x-streaming-format"]),
    Row("C-V3-008", ask(V3, generate()), 200, v3_answer(flags=())),
    Row("C-V3-008-flags", ask(V3, complete(), headers={"x-gitlab-enabled-feature-flags": "flag_a,flag_b"}), 200,
        v3_answer(flags=("flag_a", "flag_b"))),
    Row("C-V3-empty", ask(V3, generate(), reply=Reply(pieces=("",))), 200, v3_answer("")),
    Row("C-V3-no-id", ask(V3, generate(drop=["prompt_id", "prompt_version"])), 200, v3_answer("\nx")),
    Row("C-V4-005", ask(V4, generate()), 200, v3_answer(), headers=JSON, absent=["x-streaming-format"]),
    Row("C-V4-no-language", ask(V4, generate(drop=["language_identifier"], file_name="README", stream=True)), 200,
        v3_answer("", lang=""), "D44", headers=JSON),
    Row("D9-v3-none", lambda env: env.post(V3, {"prompt_components": [generate()]}), 422,
        Any("<how to set a model>", lambda body: "code_suggestions" in body["detail"])),
    Row("D13-v3-500", ask(V3, generate(), reply=Reply(status=500)), 503, model_error()),
    Row("D13-v4-stream-500", ask(V4, generate(stream=True), reply=Reply(status=500)), 503, model_error(), "D32"),
    Row("D13-v4-stream-429", ask(V4, generate(stream=True), reply=Reply(
        status=429, headers=(("Retry-After", "9"),))), 429, model_error(), headers={"retry-after": "9"}),
])

VERSIONS = ["^1.0.0", "1.0.0", "1.1.0-dev", "1.2.0-dev", "1.2.0", "3.0.2-dev", "2.0.0", "2.0.1", "2.0.2-dev", "^2.0.1",
            "2.0.3"]

BODIES = [
    ("C-V3-003", {"prompt_components": []}, 422, INVALID),
    ("C-V3-003-absent", {}, 422, INVALID),
    ("C-V3-003-101", {"prompt_components": [complete()] + [context()] * 100}, 422, INVALID),
    ("C-V3-003-100", {"prompt_components": [complete()] + [context()] * 99}, 200, v3_answer()),
    ("C-V3-004", {"prompt_components": [component("code_editor_chat")]}, 422, INVALID),
    ("C-V3-004-absent", {"prompt_components": [{"payload": complete()["payload"]}]}, 422, INVALID),
    ("C-V3-004-later", {"prompt_components": [complete(), component("nothing")]}, 422, INVALID),
    ("C-V3-004-context-first", {"prompt_components": [context(), complete()]}, 422, INVALID),
    ("C-V3-005", {"prompt_components": [complete(model_provider="litellm")]}, 422, INVALID),
    ("C-V3-005-generation", {"prompt_components": [generate(model_provider="litellm")]}, 422, INVALID),
    ("C-V3-005-null", {"prompt_components": [complete(model_provider=None)]}, 200, v3_answer()),
    ("C-V3-009", {"prompt_components": [{**complete(), "metadata": {"source": "x"}}]}, 422, INVALID),
    ("C-V3-009-both", {"prompt_components": [{**complete(), "metadata": {"source": "x", "version": "1"}}]}, 200,
     v3_answer()),
    ("C-V3-009-null", {"prompt_components": [{**complete(), "metadata": None}]}, 200, v3_answer()),
    ("C-V3-009-long", {"prompt_components": [{**complete(), "metadata": {"source": "x" * 256, "version": "1"}}]}, 422,
     INVALID),
    ("C-V3-payload", {"prompt_components": [{"type": "code_editor_completion"}]}, 422, INVALID),
    ("C-V3-file", {"prompt_components": [complete(drop=["file_name"])]}, 422, INVALID),
    ("C-V3-file-255", {"prompt_components": [complete(file_name=" " + "a" * 252 + ".py ")]}, 200, v3_answer()),
    ("C-V3-file-256", {"prompt_components": [complete(file_name="a" * 256)]}, 422, INVALID),
    ("C-V3-above", {"prompt_components": [complete(content_above_cursor="é" * 100000)]}, 200, v3_answer()),
    ("C-V3-above-long", {"prompt_components": [complete(content_above_cursor="é" * 100001)]}, 422, INVALID),
    ("C-V3-context-long", {"prompt_components": [complete(), context("x" * 100001)]}, 422, INVALID),
    ("C-V3-prompt-text", {"prompt_components": [complete(prompt="p")]}, 200, v3_answer()),
    ("C-V3-prompt-list", {"prompt_components": [complete(prompt=[{"role": "user", "content": "p"}])]}, 200,
     v3_answer()),
    ("C-V3-prompt-null", {"prompt_components": [complete(prompt=None)]}, 200, v3_answer()),
    ("C-V3-prompt-number", {"prompt_components": [complete(prompt=7)]}, 422, INVALID),
    ("C-V3-prompt-role", {"prompt_components": [complete(prompt=[{"role": "robot", "content": "p"}])]}, 422, INVALID),
    ("C-V3-gen-prompt-list", {"prompt_components": [generate(prompt=[])]}, 422, INVALID),
    ("C-V3-gen-prompt-long", {"prompt_components": [generate(prompt="x" * 400001)]}, 422, INVALID),
    ("C-V3-choices", {"prompt_components": [complete(choices_count=None)]}, 200, v3_answer()),
    ("C-V3-choices-text", {"prompt_components": [complete(choices_count="many")]}, 422, INVALID),
    ("C-V3-enhancer-null", {"prompt_components": [generate(prompt_enhancer=None)]}, 200, v3_answer()),
    ("C-V3-enhancer-empty", {"prompt_components": [generate(prompt_enhancer={})]}, 200, v3_answer()),
    ("C-V3-enhancer-list", {"prompt_components": [generate(prompt_enhancer=[])]}, 422, INVALID),
    ("C-V3-enhancer-large", {"prompt_components": [generate(prompt_enhancer={"x": "y" * 1000000})]}, 200, v3_answer()),
    ("C-V3-enhancer-too-large", {"prompt_components": [generate(prompt_enhancer={"x": [0] * 600000})]}, 422, INVALID),
    ("C-V3-enhancer-odd", {"prompt_components": [generate(prompt_enhancer={
        "libraries": "one", "related_files": None, "examples_array": [1], "user_instruction": 7,
        "language": ["x"], "unknown": {"a": [{}]}})]}, 200, v3_answer()),
    ("C-V3-extra", {"prompt_components": [{**complete(zzz=1), "zzz": [{}]}], "project_path": 7}, 200, v3_answer()),
    ("D11-v3-list", {"prompt_components": [complete()], "model_metadata": []}, 422,
     detail("model_metadata: expected a JSON object")),
    ("D11-v3-nothing", {"prompt_components": [complete()], "model_metadata": {"provider": "openai", "name": "x"}}, 422,
     Any("<endpoint and identifier>", lambda body: body["detail"].startswith("model_metadata.endpoint: "))),
    ("C-V3-version-range", {"prompt_components": [generate(prompt_version=">=1,<2")]}, 200, v3_answer()),
    ("C-V3-version-unknown", {"prompt_components": [generate(prompt_version="9.9.9")]}, 422,
     Any("<the version>", lambda body: "9.9.9" in body["detail"])),
    ("C-V3-version-odd", {"prompt_components": [generate(prompt_version="what?")]}, 422,
     Any("<a reason>", lambda body: len(body["detail"]) > 10)),
    ("C-V3-version-null", {"prompt_components": [generate(prompt_version=None)]}, 200, v3_answer()),
] + [(f"C-V3-version-{version}", {"prompt_components": [generate(prompt_version=version)]}, 200, v3_answer())
     for version in VERSIONS]


def send(path, body):
    return lambda env: env.post(path, {"model_metadata": metadata(env.models.script(Reply())), **body})


table(__name__, "gen", [Row(ident, send(V3, body), status, wanted) for ident, body, status, wanted in BODIES])
table(__name__, "gen", [Row(ident.replace("C-V3", "C-V4-006").replace("D11-v3", "D11-v4"), send(V4, body), status,
                            wanted)
                        for ident, body, status, wanted in BODIES])


def allowed(path, scopes, *components, token=None):
    def make(env):
        bearer = token(env) if token else env.token(scopes)
        return env.post(path, parts(env.models.script(Reply()), *components), env.auth(bearer))
    return make


RIGHTS = [
    ("007", ["generate_code"], complete(), 403, NO_RIGHT),
    ("007-has", ["complete_code"], complete(), 200, v3_answer()),
    ("007-generation", ["complete_code"], generate(), 403, NO_RIGHT),
    ("007-generation-has", ["generate_code"], generate(), 200, v3_answer()),
    ("007-none", [], generate(), 403, NO_RIGHT),
    ("007-prompt", ["generate_code"], generate(prompt_id="code_suggestions/completions"), (403, 422), None),
]

for number, path in (("C-V3", V3), ("C-V4-006", V4)):
    table(__name__, "gen-auth", [Row(f"{number}-{ident}", allowed(path, scopes, what), status, wanted,
                                     "D8" if "generation" in ident else "")
                                 for ident, scopes, what, status, wanted in RIGHTS])
    table(__name__, "gen-auth", [
        Row(f"{number}-007-direct", allowed(path, None, complete(), token=lambda env: env.user_token()), 403, NO_RIGHT,
            "tokens of this gateway are for v2 completions"),
        Row(f"{number}-007-invalid", lambda env, path=path: env.post(path, {}, env.auth(env.token([]))), 422, INVALID,
            "the body is judged first"),
        Row(f"{number}-007-amazon_q", allowed(path, ["complete_code"], complete(model_provider="amazon_q")), 200,
            v3_answer(), "model_metadata wins over the payload"),
    ])


@case("C-V4-001 C-V4-002 C-V4-003 C-V4-004", "gen")
def events(env):
    pieces = ("def f():\n", "    return \"ñ\"", " # \U0001f600\n")
    response = ask(V4, generate(stream=True), reply=Reply(pieces=pieces))(env)
    sse(response, *pieces)


@case("C-V4-flags", "gen")
def event_flags(env):
    response = ask(V4, generate(stream=True), headers={"x-gitlab-enabled-feature-flags": "flag_a"})(env)
    sse(response, "x", flags=["flag_a"])


@case("C-V4-completion", "gen")
def completion_events(env):
    sse(ask(V4, complete(stream=True), reply=Reply(pieces=("a", "b")))(env), "a", "b")


@case("C-V4-nothing", "gen")
def no_text(env):
    sse(ask(V4, generate(stream=True), reply=Reply(pieces=("",)))(env))


@case("C-V4-tags", "gen")
def tags_in_events(env):
    pieces = ("<new_", "code>\nx = ", "1\n</new", "_code>")
    sse(ask(V4, generate(stream=True), reply=Reply(pieces=pieces))(env), "x = ", "1\n")


@case("C-V4-no-stream", "gen-no-stream")
def streaming_switched_off(env):
    sse(ask(V4, generate(stream=True), reply=Reply(pieces=("a", "b")))(env), "ab")


@case("D14-v4", "gen")
def failure_in_the_middle(env):
    """An event says so; the stream never ends as a whole one does."""
    for cut in ("reset", "end", "close"):
        response = ask(V4, generate(stream=True), reply=Reply(pieces=("a", "b"), cut_after=1, cut=cut))(env)
        check(response, 200, headers=SSE)
        messages = response.text.split("\r\n\r\n")
        equal(messages[1] + "\r\n\r\n", chunk("a"), "what came before the cut")
        truth(messages[2].startswith('event: error\r\ndata: {"detail": "Model codestral'), "an error event", messages)
        equal(messages[3:], [""], "messages after the error")


@case("D14-v3", "gen")
def raw_failure_in_the_middle(env):
    response = ask(V3, generate(stream=True), reply=Reply(pieces=("a", "b"), cut_after=1, cut="reset"))(env)
    equal((response.status, response.text, response.is_complete), (200, "a", False), "status, text, complete")


PING = re.compile(r": ping - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00\r\n\r\n")


@case("C-V4-ping", "gen-ping")
def comments_keep_it_alive(env):
    """stream_start and comments come while the model is silent; none after the end."""
    gate = Gate()
    script = env.models.script(Reply(pieces=("first", "second"), gate=gate))
    with env.gw.connect() as conn:
        conn.send(http.render("POST", V4, {}, parts(script, generate(stream=True))))
        equal(conn.read_head().status, 200, "status")
        text = b""
        while text.count(b": ping - ") < 2:
            size = int(conn._line(), 16)
            while len(conn.buf) < size + 2:
                truth(conn._fill(), "comments while the model is silent", text)
            text += conn.buf[:size]
            conn.buf = conn.buf[size + 2:]
        gate.set()
        while not text.endswith(END.encode()):
            size = int(conn._line(), 16)
            truth(size, "stream_end", text)
            while len(conn.buf) < size + 2:
                truth(conn._fill(), "the rest of the stream", text)
            text += conn.buf[:size]
            conn.buf = conn.buf[size + 2:]
        equal(int(conn._line(), 16), 0, "the last chunk")
    found = PING.sub("", text.decode()).partition("\r\n\r\n")[2]
    equal(found, chunk("first") + chunk("second") + END, "events without the comments")


# -- requests that bring no model (D9) -------------------------------------------------------------------------------

NO_MODEL = ["model_provider", "model_name", "model_endpoint", "model_api_key", "model_identifier"]


def modelless(path, body):
    return lambda env: env.post(path, body, env.auth())


table(__name__, "gen-default", [
    Row("D9-gen", modelless(GEN, generation(None, drop=NO_MODEL)), 200, v2_answer(name="Codestral code generations")),
    Row("D9-gen-null", modelless(GEN, generation(None, drop=NO_MODEL, model_metadata=None)), 200, v2_answer()),
    Row("D9-gen-vertex", modelless(GEN, generation(None, drop=NO_MODEL, model_provider="vertex-ai",
                                                   model_name="gemini-2.5-flash")), 200, v2_answer()),
    Row("D9-v3", modelless(V3, {"prompt_components": [complete()]}), 200, v3_answer()),
    Row("D9-v3-null", modelless(V3, {"prompt_components": [generate()], "model_metadata": None}), 200, v3_answer()),
    Row("D9-v3-anthropic", modelless(V3, {"prompt_components": [generate(
        model_provider="anthropic", model_name="claude-sonnet-4-20250514")]}), 200, v3_answer()),
    Row("D9-v3-gitlab", modelless(V3, {"prompt_components": [generate()], "model_metadata": {
        "provider": "gitlab", "identifier": "", "feature_setting": "code_generations"}}), 200, v3_answer()),
    Row("D9-v3-version-2", modelless(V3, {"prompt_components": [generate(prompt_version="2.0.1")]}), 200, v3_answer()),
    Row("D9-direct", lambda env: env.post("/v2/completions", {
        "prompt_version": 1, "current_file": CURRENT_FILE, "telemetry": [], "model_details": {}},
        env.auth(env.user_token())), 200,
        Any("<a suggestion>", lambda body: body["choices"] and body["choices"][0]["text"] == "x"),
        "an editor with a direct connection, whose token the gateway issued"),
])


# -- what the model gets ---------------------------------------------------------------------------------------------

ENHANCER = {
    "examples_array": [{"example": "EX-ASK", "response": "EX-ANSWER", "trigger_type": "comment"}],
    "trimmed_content_above_cursor": "TRIMMED-ABOVE", "trimmed_content_below_cursor": "TRIMMED-BELOW",
    "related_files": ["<file_content file_name=\"b.py\">RELATED</file_content>\n"], "related_snippets": ["SNIPPET"],
    "libraries": ["requests", "flask"], "user_instruction": "Do {{what}} is asked.",
}


def sent_by(env, path, body, headers=()):
    script = env.models.script(Reply())
    if "model_metadata" in body:
        body = {**body, "model_metadata": metadata(script, name=body["model_metadata"])}
    else:
        body = {**body, "model_endpoint": script.base}
    check(env.post(path, body, headers), 200)
    return script.seen[0].json()


def everything(sent):
    return "\n".join(message["content"] for message in sent["messages"])


FAMILIES = {  # temperature, max_tokens
    "mistral": (0.95, 256), "mixtral": (0.0, 4096), "codestral": (0.3, 256), "llama3": (0.0, 256),
    "codellama": (0.95, 256), "codegemma": (0.95, 512), "deepseekcoder": (0.95, 512), "gpt": (1.0, 512),
    "claude_3": (0.2, 2048), "general": (0.2, 2048), "gemini": (0.2, 2048), "qwen": (0.2, 2048),
}


def family_row(name, temperature, max_tokens):
    def run(env):
        body = {"prompt_components": [generate(prompt_enhancer=ENHANCER)], "model_metadata": name}
        sent = sent_by(env, V3, body)
        text = everything(sent)
        for part in ("EX-ASK", "EX-ANSWER", "TRIMMED-ABOVE", "TRIMMED-BELOW", "RELATED", "SNIPPET", "requests", "flask",
                     "Do {{what}} is asked.", "main.py", "python"):
            truth(part in text, f"{part} in the prompt", text)
        truth(not re.search(r"{{[#^/>]", text), "no tag of the template", text)
        equal([message["role"] for message in sent["messages"]], ["system", "user"], "roles")
        equal((sent.get("temperature"), sent.get("max_tokens")), (temperature, max_tokens), "temperature, max_tokens")
        truth("Do {{what}} is asked." in sent["messages"][1]["content"].rstrip()[-60:], "the request at the end", text)
        return env.post(V3, {})
    return run


table(__name__, "gen", [Row(f"GEN-prompt-{name}", family_row(name, *numbers), 422)
                        for name, numbers in FAMILIES.items()])


@case("C-V3-context", "gen")
def context_by_version(env):
    for version, is_used in ((None, False), ("", False), ("x", False), ("7.17.0", False), ("7.17.1-rc.1", False),
                             ("7.17.1", True), ("7.18", True), ("7.17.1+build", True), ("8.0.0", True),
                             ("10.0.0-beta", True), ("7.17.1.1", False), ("6.99.99", False)):
        headers = {} if version is None else {"X-Gitlab-Language-Server-Version": version}
        for first in (complete(), generate()):
            body = {"prompt_components": [first, context("CONTEXT-1"), context("CONTEXT-2")],
                    "model_metadata": "codestral"}
            text = everything(sent_by(env, V3, body, headers))
            equal("CONTEXT-1\nCONTEXT-2\n" in text, is_used, f"{first['type']} with version {version!r}: {text}")


@case("GEN-instruction", "gen")
def instruction_of_version_2(env):
    text = everything(sent_by(env, GEN, generation(None, prompt="Add two {{numbers}}")))
    truth("Add two {{numbers}}" in text, "the instruction", text)
    truth("# add two numbers\n" in text, "the file", text)


@case("GEN-no-instruction", "gen")
def nothing_but_the_file(env):
    """Version 1: the file itself says what is wanted, and the prompt says so."""
    for family in FAMILIES:
        body = generation(None, drop=["prompt"], prompt_version=1, model_name=family)
        text = everything(sent_by(env, GEN, body))
        truth("# add two numbers\n<|cursor|>" in text, "the file and where the cursor is", text)
        truth("Write the code that belongs at <|cursor|>" in text, "a request", text)
        truth("<example>" not in text and "<library>" not in text and "<related_code>" not in text,
              "no sections without content", text)


@case("GEN-prepared", "gen")
def messages_of_version_3(env):
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    sent = sent_by(env, GEN, generation(None, prompt_version=3, prompt=messages))
    equal(sent["messages"], messages, "messages")
    equal(sent["max_tokens"], 256, "max_tokens")


@case("GEN-window", "gen")
def code_is_cut_to_the_window(env):
    """A model of 8,000 tokens: the lines nearest to the cursor stay."""
    above = "".join(f"above {n:05d}\n" for n in range(4000))
    below = "".join(f"below {n:05d}\n" for n in range(4000))
    enhancer = {**ENHANCER, "trimmed_content_above_cursor": above, "trimmed_content_below_cursor": below}
    body = {"prompt_components": [generate(prompt_enhancer=enhancer)], "model_metadata": "codegemma"}
    text = everything(sent_by(env, V3, body))
    truth("above 03999\n" in text and "below 00000\n" in text, "the lines at the cursor", text[-300:])
    truth("above 00000" not in text and "below 03999" not in text, "no lines far from it", text[:300])
    truth(4000 < len(text.encode()) < 8000 * 3.2, "as much as fits", len(text))


@case("C-GEN-004-verbose", "gen")
def unsupported_model_text(env):
    response = check(ask_gen(Reply(), model_name="qwen2p5-coder-7b", headers=VERBOSE)(env), 422)
    wanted = "model qwen2p5-coder-7b is not supported by use case code generations and provider litellm"
    truth(wanted in response.text, wanted, response.text)


@case("C-V3-verbose", "gen")
def places_of_faults(env):
    body = {"prompt_components": [complete(), {"type": "code_context", "payload": {"type": "x", "name": 7}}]}
    response = check(env.post(V3, body, VERBOSE), 422)
    for place in ("prompt_components", "code_context", "payload", "content", "name"):
        truth(place in response.text, place, response.text)
