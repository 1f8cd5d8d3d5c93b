"""C-PRM, C-PR2: /v1/prompts and /v2/prompts against a scripted model: answers and streams, faults of a request, rights;
how a model's refusal is said (D5, D12, D34); as GitLab's client and its connection test call them."""
import json

from fakes import gitlab_client as reader
from fakes.clients import Admin, Rails
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._env import VERBOSE, Env, Reply, Row, check, contains, detail, starts, table
from ._prompts import (CHECK, COMMIT, COUNT, DIFF, INVALID, JSON, PROMPTS, STREAM, UNIT, V1, V2, ask, body_of, given,
                       metadata)


@fixture("prompts")
def prompts(ctx):
    return Env(ctx, bypass=True, name="prompts")


@fixture("prompts-auth")
def prompts_auth(ctx):
    return Env(ctx, name="prompts-auth")


@fixture("prompts-closed")
def prompts_closed(ctx):
    return Env(ctx, bypass=True, env={"AIGW_CUSTOM_MODELS__ENABLED": "false"}, name="prompts-closed")


# -- answers -----------------------------------------------------------------------------------------------------------

def said(content, **usage):
    return {"content": content, "usage": usage} if usage else {"content": content}



GENERATE = {"file_name": "a.py", "language": "python", "user_instruction": "x", "instruction": "x", "prefix": "y"}


def half_an_emoji(env):
    return json.dumps(body_of(env.models.script(UNIT), {"x": "y"})).replace('"y"', '"\\ud83d \\q"')


table(__name__, "prompts", [
    Row("C-PRM-001", ask(UNIT, stream=False), 200, "Hi John!", headers=JSON),
    Row("C-PRM-002", ask(UNIT, path=V1 + "model_configuration/check"), 200, "Hi John!", headers=JSON),
    Row("C-PRM-002-slashes", ask(UNIT, path="/v1//prompts/model_configuration//check/"), 200, "Hi John!",
        note="D17: one normal form"),
    Row("C-PRM-002-prefix", ask(UNIT, path="/ai/v1/prompts/" + CHECK), 200, "Hi John!", note="D28"),
    Row("C-PRM-001-utf8", ask(Reply(pieces=("ñ \"q\" \\ \n\t日本\U0001f600",))), 200, "ñ \"q\" \\ \n\t日本\U0001f600"),
    Row("C-PRM-001-empty", ask(Reply(pieces=("",))), 200, text='""', headers=JSON),
    Row("C-PRM-001-null", ask(UNIT, stream=None, prompt_version=None), 200, "Hi John!"),
    Row("C-PRM-001-unknown", ask(UNIT, prompt_cache={"on": [1]}, more=None), 200, "Hi John!",
        note="members that the contract does not know are ignored"),
    Row("C-PRM-001-inputs", ask(UNIT, inputs={"any": {"thing": [1, None]}, "x": 1.5}), 200, "Hi John!"),
    Row("C-PRM-003", ask(Reply(status=401)), 421, detail("401: Unauthorized")),
    Row("C-PRM-004", ask(Reply(status=404)), 421, detail("404: Not Found")),
    Row("C-PRM-005", ask(Reply(status=429)), 421, detail("429: Too Many Requests")),
    Row("C-PRM-006", lambda env: env.post(V1 + CHECK, body_of(env.models.script(), model={
        "endpoint": "http://127.0.0.1:1/v1"})), 421, detail("500: Internal Server Error"), "a closed port"),
    Row("C-PRM-007", ask(UNIT, path=V1 + "no_such_thing"), 400,
        {"detail": starts("Failed to load prompt definition for 'no_such_thing': ")}),
    Row("C-PRM-007-slashes", ask(UNIT, path=V1 + "no/such%2Fthing"), 400,
        {"detail": starts("Failed to load prompt definition for 'no/such/thing': ")}),
    Row("C-PRM-007-dots", ask(UNIT, path=V1 + "..%2F..%2Fetc%2Fpasswd"), 400, note="no way out of the folder"),
    Row("C-PRM-007-no-model", ask(UNIT, path=V1 + "no_such_thing", model_metadata=None), 400,
        {"detail": starts("Failed to load prompt definition for 'no_such_thing': ")}),
    Row("C-PRM-007-long", ask(UNIT, path=V1 + "%E6%97%A5" * 100), 400, {"detail": starts(
        "Failed to load prompt definition for '" + "日" * 42 + "': ")}, "cut, between characters"),
    Row("C-PRM-008-long", ask(UNIT, prompt_version="^1" + "\U0001f600" * 99), 400, {"detail": starts(
        "Version '^1" + "\U0001f600" * 31 + "' is not a valid PEP 440 constraint")}),
    *[Row(f"C-PRM-generations-{version}", ask(UNIT, path=V1 + "code_suggestions%2Fgenerations", prompt_version=version,
                                             model={"name": "general"}, inputs=GENERATE), 200, "Hi John!")
      for version in ("^1.0.0", "1.1.0-dev", "~1.1", "^2.0.1", "2.0.2-dev", ">=2,<2.0.3", "3.0.2-dev")],
    Row("C-PRM-generations-none", ask(UNIT, path=V1 + "code_suggestions%2Fgenerations", prompt_version="^3.0.0",
                                      model={"name": "general"}, inputs=GENERATE), 400,
        {"detail": starts("No version matching '^3.0.0' (available: [")}, "a range takes no early version"),
    Row("C-PRM-008", ask(UNIT, prompt_version="^99.0.0"), 400,
        detail("No version matching '^99.0.0' (available: ['1.0.0'])")),
    Row("C-PRM-008-text", ask(UNIT, prompt_version="newest"), 400,
        {"detail": contains("Version 'newest' is not a valid PEP 440 constraint", "(available: ['1.0.0'])")}),
    Row("C-PRM-008-empty", ask(UNIT, prompt_version=""), 200, "Hi John!"),
    Row("C-PRM-008-exact", ask(UNIT, prompt_version="1.0.0"), 200, "Hi John!"),
    Row("C-PRM-008-range", ask(UNIT, prompt_version=">=1,<2"), 200, "Hi John!"),
    Row("C-PRM-010", ask(UNIT, path=V1 + "generate_commit_message", inputs={"name": "x"}), 422,
        detail("\"Input to ChatPromptTemplate is missing variables {'diff'}.  Expected: ['diff'] "
               "Received: ['name', 'current_date']")),
    Row("C-PRM-010-no-model", ask(UNIT, path=V1 + "generate_commit_message", model_metadata=None), 422,
        {"detail": contains("missing variables {'diff'}")}),
    Row("C-PRM-011", ask(Reply(pieces=("a", "", "b\n\n", "data: ñ")), stream=True), 200, text="ab\n\ndata: ñ",
        headers=STREAM, absent=["content-length"]),
    Row("C-PRM-011-empty", ask(Reply(pieces=()), stream=True), 200, text="", headers=STREAM),
    Row("C-PRM-react", ask(UNIT, path=V1 + "chat%2Freact"), 422, detail("Prompt 'chat/react' is not supported")),
    Row("C-PRM-react-turn", ask(UNIT, path=V1 + "chat%2Freact_turn"), 422,
        detail("Prompt 'chat/react_turn' is not supported")),
    Row("C-PRM-014", ask(UNIT, path="/v1/prompts"), 404, detail("Not Found"), "D17: no redirects"),
    Row("D33-prompts", lambda env: env.post(V1 + CHECK, half_an_emoji(env), {"Content-Type": "application/json"}), 200,
        "Hi John!"),
    Row("C-PR2-001", ask(UNIT, path=V2 + CHECK), 200, said("Hi John!", mistral=COUNT), headers=JSON),
    Row("C-PR2-001-order", ask(UNIT, path=V2 + CHECK), 200, headers=JSON,
        text='{"content":"Hi John!","usage":{"mistral":{"input_tokens":10,"output_tokens":20}}}'),
    Row("C-PR2-002", ask(Reply(pieces=("ñ",)), path=V2 + CHECK), 200, text='{"content":"ñ"}'),
    Row("C-PR2-003", ask(Reply(pieces=("Hi", " Jo\"hn", "\n"), usage=(8, 3)), path=V2 + CHECK, stream=True), 200,
        text='{"content":"Hi"}\n{"content":" Jo\\"hn"}\n{"content":"\\n"}\n'
             '{"content":"","usage":{"mistral-7b":{"input_tokens":8,"output_tokens":3}}}\n', headers=STREAM,
        absent=["content-length"]),
    Row("C-PR2-003-no-usage", ask(Reply(pieces=("ñ",)), path=V2 + CHECK, stream=True), 200,
        text='{"content":"ñ"}\n{"content":""}\n', headers=STREAM),
    Row("C-PR2-004", ask(Reply(status=401), path=V2 + CHECK), 421, detail("401: Unauthorized")),
])

# -- what is wrong with a request --------------------------------------------------------------------------------------

table(__name__, "prompts", [
    Row(f"C-PRM-012-{name}", lambda env, value=value: env.post(V1 + CHECK, {"inputs": value}), 422, INVALID)
    for name, value in (("null", None), ("list", []), ("text", "x"), ("number", 5), ("true", True))
] + [
    Row("C-PRM-012", lambda env: env.post(V1 + CHECK, {"stream": False}), 422, INVALID),
    Row("C-PRM-012-v2", lambda env: env.post(V2 + CHECK, {"stream": False}), 422, INVALID),
    Row("C-PRM-012-body", lambda env: env.post(V1 + CHECK, []), 422, INVALID),
    Row("C-PRM-012-no-json", lambda env: env.post(V1 + CHECK, {"inputs": {}}, {"Content-Type": "text/plain"}), 422,
        INVALID),
    Row("C-PRM-012-verbose", lambda env: env.post(V1 + CHECK, {"stream": 3}, VERBOSE), 422, note="D15",
        text='{"detail":[{"type":"missing","loc":["body","inputs"],"msg":"Field required"},{"type":"bool_parsing",'
             '"loc":["body","stream"],"msg":"Input should be a valid boolean, unable to interpret input"}]}'),
    Row("C-PRM-version-type", ask(UNIT, prompt_version=1), 422, INVALID),
    Row("C-PRM-stream-type", ask(UNIT, stream="maybe"), 422, INVALID),
    Row("C-PRM-stream-lax", ask(UNIT, stream="yes"), 200, text="Hi John!", headers=STREAM, note="§5.2"),
])


def msg(*parts):
    """GitLab's form for a model shows the msg of a list (gitlab-client.md §3.4)."""
    return {"detail": [{"msg": contains(*parts)}]}


table(__name__, "prompts", [
    Row(f"D11-{name}", ask(UNIT, path=path, inputs=DIFF, **changes), 422, wanted)
    for path, shape in ((COMMIT, lambda part: {"detail": contains(part)}), (V1 + CHECK, msg))
    for name, changes, wanted in (
        (f"list-{path[-5:]}", {"model_metadata": [1]}, shape("model_metadata: expected a JSON object")),
        (f"text-{path[-5:]}", {"model_metadata": "mistral"}, shape("model_metadata: expected a JSON object")),
        (f"provider-{path[-5:]}", {"model": {"provider": ...}}, shape("model_metadata.provider")),
        (f"endpoint-{path[-5:]}", {"model": {"endpoint": "ftp://x"}}, shape("model_metadata.endpoint")),
        (f"endpoint-number-{path[-5:]}", {"model": {"endpoint": 5}}, shape("model_metadata.endpoint")),
        (f"name-{path[-5:]}", {"model": {"name": ["x"]}}, shape("model_metadata.name")),
        (f"key-{path[-5:]}", {"model": {"api_key": 12}}, shape("model_metadata.api_key")),
        (f"neither-{path[-5:]}", {"model": {"endpoint": ..., "identifier": ""}}, shape("set at least one")),
        (f"long-{path[-5:]}", {"model": {"identifier": "x" * 1001}}, shape("model_metadata.identifier")))
] + [
    Row("D9-absent", ask(UNIT, path=COMMIT, inputs=DIFF, model_metadata=...), 422, {"detail": contains(
        "generate_commit_message", "Assign a self-hosted model", "features.prompts.model")}),
    Row("D9-null", ask(UNIT, path=COMMIT, inputs=DIFF, model_metadata=None), 422, {"detail": contains(
        "generate_commit_message", "Assign a self-hosted model", "features.prompts.model")}),
    Row("D9-check", ask(UNIT, model_metadata=None), 422, msg("Assign a self-hosted model", "features.prompts.model")),
    Row("D10-prompts", ask(UNIT, path=V2 + CHECK, model={"name": "brand_new"}), 200, said("Hi John!", brand_new=COUNT),
        "a family of a newer GitLab is served with the base prompts"),
    Row("D10-no-name", ask(UNIT, path=V2 + CHECK, model={"name": ...}), 200, {"content": "Hi John!", "usage": {
        "mistral-7b": COUNT}}),
    Row("D10-no-identifier", ask(UNIT, model={"identifier": ""}), 200, "Hi John!"),
    Row("D10-no-key", ask(UNIT, model={"api_key": None}), 200, "Hi John!"),
    Row("PROMPTS-amazon-q", ask(UNIT, path=COMMIT, inputs=DIFF, model={"provider": "amazon_q", "name": "amazon_q"}),
        422, {"detail": contains("amazon_q")}, "no such model in conf.d"),
])


@case("C-PRM-013", "prompts-closed")
def custom_models_off(env):
    for changes, text in (({}, "api_base is not allowed"), ({"endpoint": ...}, "api_key is not allowed")):
        script = env.models.script(UNIT)
        check(env.post(V1 + CHECK, body_of(script, model=changes)), 400,
              detail(f"specifying custom models endpoint is disabled: {text}"))
        equal(script.count, 0, "model calls")


# -- what a model's server says ----------------------------------------------------------------------------------------

REASONS = {400: "Bad Request", 402: "Payment Required", 403: "Forbidden", 405: "Method Not Allowed",
           408: "Request Timeout", 409: "Conflict", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
           422: "Unprocessable Entity", 424: "Failed Dependency", 500: "Internal Server Error", 501: "Not Implemented",
           502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}

table(__name__, "prompts", [
    Row(f"D12-{code}", ask(Reply(status=code)), 421, detail(f"{code}: {reason}")) for code, reason in REASONS.items()
] + [
    Row(f"D34-{code}", ask(Reply(status=code)), 421, {"detail": starts(f"{code}: ")}) for code in (418, 520, 529, 598)
] + [
    Row(f"D12-stream-{code}", ask(Reply(status=code), stream=True, path=path + CHECK), 421,
        {"detail": starts(f"{code}: ")}, "D32: a quick refusal keeps an honest status")
    for code, path in ((401, V1), (404, V2), (500, V1), (529, V2))
] + [
    Row("D12-garbage", ask(Reply(body="<html>oops</html>")), 421, detail("500: Internal Server Error")),
    Row("D12-empty", ask(Reply(body="")), 421, detail("500: Internal Server Error")),
    Row("D12-not-http", ask(Reply(raw=b"SSH-2.0-OpenSSH_9\r\n")), 421, detail("500: Internal Server Error")),
    Row("D12-429-after", ask(Reply(status=429, headers=(("Retry-After", "77"),))), 421,
        detail("429: Too Many Requests")),
])


@case("D14-prompts", "prompts")
def cut_streams_are_aborted(env):
    for path in (V1, V2):
        for how in ("close", "reset", "end"):
            script = env.models.script(Reply(pieces=("one", "two", "three"), cut_after=2, cut=how))
            response = env.post(path + CHECK, body_of(script, stream=True))
            equal(response.status, 200, f"status of {path} {how}")
            truth(not response.is_complete, f"an incomplete body for {path} {how}", repr(response))
            truth('"usage"' not in response.text and "three" not in response.text, "no end", response.text)


@case("C-PRM-admin", "prompts")
def test_connection_of_the_admin_form(env):
    admin = Admin(env.gw.port)
    script = env.models.script(UNIT, Reply(status=401), Reply(status=404))
    for success, text in ((True, "success"), (False, "401: Unauthorized"), (False, "404: Not Found")):
        verdict = admin.model_check(metadata(script))
        equal(verdict["success"], success, "success")
        truth(text in verdict["message"], text, verdict["message"])
    verdict = admin.model_check(None)
    truth("Assign a self-hosted model" in verdict["message"], "what is missing, in words", verdict["message"])


FAMILIES = ("mistral", "mixtral", "codestral", "llama3", "codellama", "codegemma", "deepseekcoder", "gpt", "claude_3",
            "gemini", "qwen", "general", "brand_new")


@case("C-PRM-admin-families", "prompts")
def test_connection_of_every_family(env):
    admin = Admin(env.gw.port)
    for family in FAMILIES:
        for older in ({}, {"identifier": ...}, {"api_key": ""}, {"provider": "litellm"}, {"extra": {"is": "ignored"}}):
            verdict = admin.model_check(metadata(env.models.script(UNIT), family, **older))
            truth(verdict["success"], f"success for {family} with {older}", verdict["message"])


@case("PROMPTS-rails", "prompts-auth")
def every_feature_as_rails_calls_it(env):
    """The features of gitlab-client.md §1.8 with GitLab's own client, in the shapes of older and newer versions."""
    rails = Rails(env.gw.port, env.token([scope for scope, _, _ in PROMPTS.values()]))
    for ident in PROMPTS:
        for name in {ident, ident.replace("/", "%2F")}:
            script = env.models.script(Reply(pieces=(f"answer of {ident}",)))
            found = reader.prompt(rails, V1 + name, body_of(script, given(ident), prompt_version="^1.0.0"))
            equal(found, ("text", f"answer of {ident}"), name)


READER_ANSWERS = ('iid", "ResourceIdentifier": "3"\n}\n```', 'current",\n  "ResourceIdentifier": "current"\n}',
                  '```json\n{"ResourceIdentifierType": "url", "ResourceIdentifier": "https://x/-/issues/3"}\n```')


@case("PROMPTS-reader", "prompts")
def a_reader_answer_reaches_gitlab_as_it_is(env):
    """Continued or begun anew, in pieces: what GitLab puts together is the object."""
    for answer in READER_ANSWERS:
        pieces = tuple(answer[at:at + 5] for at in range(0, len(answer), 5))
        response = ask(Reply(pieces=pieces), path=V1 + "chat/issue_reader", inputs=given("chat/issue_reader"),
                       stream=True)(env)
        text = check(response, 200, headers=STREAM).text
        if "ResourceIdentifierType" not in text:
            text = '```json\n{\n  "ResourceIdentifierType": "' + text
        found = json.loads(text.split("```json", 1)[-1].split("```", 1)[0])
        equal(sorted(found), ["ResourceIdentifier", "ResourceIdentifierType"], "members")


# -- streams -----------------------------------------------------------------------------------------------------------

@case("PROMPTS-stream-live", "prompts")
def pieces_arrive_as_they_come(env):
    """The first piece is with the client while the model still thinks about the second."""
    for path, first in ((V1, "first "), (V2, '{"content":"first "}\n')):
        gate = Gate()
        script = env.models.script(Reply(pieces=("first ", "second"), gate=gate))
        with env.gw.connect() as conn:
            conn.send(http.render("POST", path + CHECK, {}, body_of(script, stream=True)))
            equal(conn.read_head().status, 200, "status")
            size = int(conn._line(), 16)
            while len(conn.buf) < size:
                truth(conn._fill(), "a first piece before the second was sent", conn.buf)
            equal(conn.buf[:size].decode(), first, f"first piece of {path}")
            gate.set()


@fixture("prompts-whole")
def prompts_whole(ctx):
    return Env(ctx, bypass=True, env={"AIGW_CUSTOM_MODELS__DISABLE_STREAMING": "true"}, name="prompts-whole")


PIECES = Reply(pieces=("a", "b"), usage=(1, 2))
table(__name__, "prompts-whole", [
    Row("PROMPTS-stream-off", ask(PIECES, stream=True), 200, text="ab", headers=STREAM, note="§9: one piece"),
    Row("PROMPTS-stream-off-v2", ask(PIECES, path=V2 + CHECK, stream=True), 200, headers=STREAM,
        text='{"content":"ab","usage":{"mistral-7b":{"input_tokens":1,"output_tokens":2}}}\n'),
    Row("PROMPTS-stream-off-refused", ask(Reply(status=401), path=V2 + CHECK, stream=True), 421,
        detail("401: Unauthorized")),
])


# -- logs --------------------------------------------------------------------------------------------------------------

@case("PROMPTS-log", "prompts")
def the_log_says_what_happened_and_not_what_was_said(env):
    words = {"error": {"message": "the canary model is asleep"}}
    for reply, status in ((Reply(pieces=("canary-answer-51",)), 200), (Reply(status=500, body=words), 421)):
        response = check(ask(reply, path=COMMIT, inputs={"diff": "canary-diff-77"})(env), status)
        line = env.gw.wait_line(lambda item: item.get("correlation_id") == response.header("x-request-id")
                                and item.get("logger") == "api.access")
        truth(line, "an access line", "none")
        equal((line["status_code"], line["meta.unit_primitive"], line["meta.feature_category"]),
              (status, "generate_commit_message", "ai_abstraction_layer"), "members of the access line")
        if status == 421:
            truth("the canary model is asleep" in line.get("model_error", ""), "the server's words", line)
    text = "".join(env.gw.raw)
    for canary in ("canary-answer-51", "canary-diff-77"):
        truth(canary not in text, f"no {canary} in the log", "found")


# -- rights ------------------------------------------------------------------------------------------------------------

@case("C-PRM-009", "prompts-auth")
def every_prompt_needs_its_right(env):
    for ident, (scope, names, _) in PROMPTS.items():
        others = sorted({right for right, _, _ in PROMPTS.values()} - {scope})
        path = V1 + ident.replace("/", "%2F")
        script = env.models.script(UNIT)
        for version in (V1, V2):
            check(env.post(version + ident, body_of(script, given(ident)), env.auth(env.token(others))), 403,
                  detail(f"Unauthorized to access '{ident}'"))
        check(env.post(path, {"inputs": {}}, env.auth(env.token(others))), 403,
              detail(f"Unauthorized to access '{ident}'"))  # before what is missing
        check(env.post(path, {}, env.auth(env.token(others))), 422, INVALID)  # the body comes first
        equal(script.count, 0, f"model calls for {ident}")
        check(env.post(path, body_of(script, given(ident)), env.auth(env.token([scope]))), 200, "Hi John!")
        equal(script.count, 1, f"model calls for {ident}")


@case("C-PRM-009-versions", "prompts-auth")
def a_version_may_need_another_right(env):
    inputs = given("summarize_review")
    for version, scope in (("2.1.0", "summarize_review"), ("^2.0.0", "summarize_review"),
                           ("^1.0.0", "summarize_review"), ("3.0.0", "duo_agent_platform")):
        for right, status in ((scope, 200), ("duo_chat", 403)):
            script = env.models.script(UNIT)
            check(env.post(V1 + "summarize_review", body_of(script, inputs, prompt_version=version),
                           env.auth(env.token([right]))), status)


@case("C-PRM-009-amazon-q", "prompts-auth")
def amazon_q_has_a_right_of_its_own(env):
    body = body_of(env.models.script(UNIT), DIFF, {"provider": "amazon_q", "name": "amazon_q"})
    check(env.post(COMMIT, body, env.auth(env.token(["generate_commit_message"]))), 403,
          detail("Unauthorized to access 'generate_commit_message'"))
    check(env.post(COMMIT, body, env.auth(env.token(["amazon_q_integration"]))), 422, {"detail": contains("amazon_q")})
