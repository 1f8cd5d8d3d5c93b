"""C-PRM, C-PR2: /v1/prompts and /v2/prompts against a scripted model: every shipped prompt, its right, its variables; how
a model's refusal is said (D5, D12, D34); which model is used (D9 to D11); texts of an operator's own."""
import json
import os
import re
import signal

from fakes.clients import Admin
from harness.runner import case, equal, fixture, truth

from ._env import (API_KEY, TEXT, VERBOSE, Any, Env, Reply, Row, check, contains, detail, starts, table)

CHECK = "model_configuration%2Fcheck"
STREAM = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
INVALID = detail("Validation error")

# id → right, inputs that it needs beside current_date, families with a text or parameters of their own
CODE = ["file_content", "input", "language_info", "selected_text"]
READER = ["input", "suggestions"]
FINDING = ["identifiers", "language_info", "title", "vulnerability_description", "vulnerability_info"]
PROMPTS = {
    "categorize_question": ("duo_chat", ["previous_answer", "question"], ()),
    "chat/build_reader": ("ask_build", READER, ("mistral",)),
    "chat/commit_reader": ("ask_commit", READER, ("mistral",)),
    "chat/documentation_search": ("documentation_search", ["content_id", "documents", "question"], ("mistral",)),
    "chat/epic_reader": ("ask_epic", READER, ("mistral",)),
    "chat/explain_code": ("explain_code", CODE, ()),
    "chat/explain_vulnerability": ("explain_vulnerability", FINDING, ("gpt", "llama3", "mistral")),
    "chat/fix_code": ("fix_code", CODE + ["file_content_reuse"], ("codestral", "llama3")),
    "chat/issue_reader": ("ask_issue", READER, ("mistral",)),
    "chat/merge_request_reader": ("ask_merge_request", READER, ("gpt", "llama3", "mistral")),
    "chat/refactor_code": ("refactor_code", CODE + ["file_content_reuse"], ("codestral", "llama3", "mistral")),
    "chat/summarize_comments": ("summarize_comments", ["notes_content"], ()),
    "chat/troubleshoot_job": ("troubleshoot_job", ["language_info", "selected_text"], ()),
    "chat/work_item_reader": ("ask_work_item", READER, ("mistral",)),
    "chat/write_tests": ("write_tests", CODE, ("codestral", "llama3", "mistral")),
    "classify_code_review_mention_intent": ("duo_agent_platform", ["message"], ()),
    "embeddings_code": ("generate_embeddings_codebase", ["contents"], ()),
    "feature_discovery_search": ("feature_discovery_search", ["catalog", "query"], ()),
    "generate_commit_message": ("generate_commit_message", ["diff"], ()),
    "generate_description": ("generate_issue_description", ["content", "template"], ()),
    "generate_session_title": ("duo_agent_platform", ["context", "definition"], ()),
    "glab_ask_git_command": ("glab_ask_git_command", ["prompt"], ()),
    "measure_comment_temperature": ("measure_comment_temperature", ["content"], ()),
    "model_configuration/check": ("complete_code", [], ()),
    "resolve_vulnerability": ("resolve_vulnerability", ["filename", "identifiers", "name", "source_code",
                                                        "vulnerability_description", "vulnerable_code"], ()),
    "review_merge_request": ("review_merge_request", ["custom_instructions_section", "diff_lines",
                                                      "full_content_section", "full_file_intro", "mr_description",
                                                      "mr_title"], ()),
    "summarize_duo_workflow": ("duo_agent_platform", ["logs"], ()),
    "summarize_new_merge_request": ("summarize_new_merge_request", ["extracted_diff"], ()),
    "summarize_review": ("summarize_review", ["draft_notes_content"], ()),
}


def metadata(script, name="mistral", **changes):
    found = {"provider": "openai", "name": name, "endpoint": script.base, "api_key": API_KEY,
             "identifier": "custom_openai/mistral-7b"}
    found.update(changes)
    return {key: value for key, value in found.items() if value is not ...}


def body_of(script, inputs=None, model=None, **changes):
    body = {"inputs": inputs if inputs is not None else {}, "model_metadata": metadata(script, **(model or {}))}
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


def ask(*replies, path="/v1/prompts/" + CHECK, headers=(), model=None, inputs=None, **changes):
    return lambda env: env.post(path, body_of(env.models.script(*replies), inputs, model, **changes), headers)


def given(ident):
    """Inputs as GitLab sends them: texts, a list of identifiers, a list of documents."""
    values = {name: f"<<{name} of {{{{it}}}}>>" for name in PROMPTS[ident][1]}
    if "identifiers" in values:
        values["identifiers"] = ["CWE-89", "CVE-2024-1"]
    if "documents" in values:
        values["documents"] = [{"id": "abc1", "content": "<<documents of {{it}}>>"}]
        values["content_id"] = "ATTRS"
    if "contents" in values:
        values["contents"] = ["<<contents of {{it}}>>"]
    return values


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


UNIT = Reply(pieces=("Hi John!",), usage=(10, 20))
COUNT = {"input_tokens": 10, "output_tokens": 20}
V1, V2 = "/v1/prompts/", "/v2/prompts/"

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
    Row("C-PRM-007-dots", ask(UNIT, path=V1 + "..%2F..%2Fetc%2Fpasswd"), (400, 404), note="no way out of the folder"),
    Row("C-PRM-007-no-model", ask(UNIT, path=V1 + "no_such_thing", model_metadata=None), 400,
        {"detail": starts("Failed to load prompt definition for 'no_such_thing': ")}),
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
    Row("C-PRM-react", ask(UNIT, path=V1 + "chat%2Freact"), (400, 422)),
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


REVIEW = V1 + "generate_commit_message"
DIFF = {"diff": "+x"}

table(__name__, "prompts", [
    Row(f"D11-{name}", ask(UNIT, path=path, inputs=DIFF, **changes), 422, wanted)
    for path, shape in ((REVIEW, lambda part: {"detail": contains(part)}), (V1 + CHECK, msg))
    for name, changes, wanted in (
        (f"list-{path[-5:]}", {"model_metadata": [1]}, shape("model_metadata: expected a JSON object")),
        (f"text-{path[-5:]}", {"model_metadata": "mistral"}, shape("model_metadata: expected a JSON object")),
        (f"provider-{path[-5:]}", {"model": {"provider": ...}}, shape("model_metadata.provider")),
        (f"endpoint-{path[-5:]}", {"model": {"endpoint": "ftp://x"}}, shape("model_metadata.endpoint")),
        (f"endpoint-number-{path[-5:]}", {"model": {"endpoint": 5}}, shape("model_metadata.endpoint")),
        (f"name-{path[-5:]}", {"model": {"name": ["x"]}}, shape("model_metadata.name")),
        (f"key-{path[-5:]}", {"model": {"api_key": 12}}, shape("model_metadata.api_key")),
        (f"neither-{path[-5:]}", {"model": {"endpoint": ..., "identifier": ""}}, shape("neither endpoint nor identifier")),
        (f"long-{path[-5:]}", {"model": {"identifier": "x" * 1001}}, shape("model_metadata.identifier", )))
] + [
    Row("D9-absent", ask(UNIT, path=REVIEW, inputs=DIFF, model_metadata=...), 422, {"detail": contains(
        "generate_commit_message", "Assign a self-hosted model", "features.prompts.model")}),
    Row("D9-null", ask(UNIT, path=REVIEW, inputs=DIFF, model_metadata=None), 422, {"detail": contains(
        "generate_commit_message", "Assign a self-hosted model", "features.prompts.model")}),
    Row("D9-check", ask(UNIT, model_metadata=None), 422, msg("Assign a self-hosted model", "features.prompts.model")),
    Row("D10-prompts", ask(UNIT, path=V2 + CHECK, model={"name": "brand_new"}), 200, said("Hi John!", brand_new=COUNT),
        "a family of a newer GitLab is served with the base prompts"),
    Row("D10-no-name", ask(UNIT, path=V2 + CHECK, model={"name": ...}), 200, {"content": "Hi John!", "usage": {
        "mistral-7b": COUNT}}),
    Row("D10-no-identifier", ask(UNIT, model={"identifier": ""}), 200, "Hi John!"),
    Row("D10-no-key", ask(UNIT, model={"api_key": None}), 200, "Hi John!"),
    Row("PROMPTS-amazon-q", ask(UNIT, path=REVIEW, inputs=DIFF, model={"provider": "amazon_q", "name": "amazon_q"}),
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
    for version, scope in (("2.1.0", "summarize_review"), ("^2.0.0", "summarize_review"), ("^1.0.0", "summarize_review"),
                           ("3.0.0", "duo_agent_platform")):
        for right, status in ((scope, 200), ("duo_chat", 403)):
            script = env.models.script(UNIT)
            check(env.post(V1 + "summarize_review", body_of(script, inputs, prompt_version=version),
                           env.auth(env.token([right]))), status)


@case("C-PRM-009-amazon-q", "prompts-auth")
def amazon_q_has_a_right_of_its_own(env):
    body = body_of(env.models.script(UNIT), DIFF, {"provider": "amazon_q", "name": "amazon_q"})
    check(env.post(REVIEW, body, env.auth(env.token(["generate_commit_message"]))), 403,
          detail("Unauthorized to access 'generate_commit_message'"))
    check(env.post(REVIEW, body, env.auth(env.token(["amazon_q_integration"]))), 422, {"detail": contains("amazon_q")})


# -- what a model gets -------------------------------------------------------------------------------------------------

def sent(env, ident, inputs, **changes):
    script = env.models.script(UNIT)
    check(env.post(V1 + ident.replace("/", "%2F"), body_of(script, inputs, **changes)), 200, "Hi John!")
    return script.seen[0].json()


@case("C-PRM-010-each PROMPTS-render", "prompts")
def every_prompt_renders_what_it_was_given(env):
    """All inputs of each prompt reach the model in the base family and each other; without one it is named."""
    for ident, (_, names, families) in PROMPTS.items():
        inputs = given(ident)
        for family in ("general",) + families:
            found = sent(env, ident, inputs, model={"name": family})
            text = "\n".join(message["content"] for message in found["messages"])
            for name in names:
                marks = {"identifiers": "CVE-2024-1", "content_id": "ATTRS: CNT-IDX-"}
                mark = marks.get(name, f"<<{name} of {{{{it}}}}>>")
                truth(mark in text, f"{name} in {ident} for {family}", text)
            truth("{{" not in re.sub(r"<<\w+ of {{it}}>>", "", text), f"no tag left in {ident}", text)
            equal([m["role"] for m in found["messages"]][-2 if "reader" in ident else -1], "user", f"{ident}'s last word")
        for name in names:
            less = {key: value for key, value in inputs.items() if key != name}
            check(env.post(V1 + ident, body_of(env.models.script(), less)), 422,
                  {"detail": starts(f"\"Input to ChatPromptTemplate is missing variables {{'{name}'}}.  Expected: [")})
        for name in names:  # present and empty is present
            found = sent(env, ident, {**inputs, name: None})
            truth(found["messages"], f"messages of {ident} without a value for {name}", found)


@case("PROMPTS-forms", "prompts")
def each_says_what_gitlab_reads(env):
    forms = {"review_merge_request": ("<review>", '<comment file="', 'old_line="', 'new_line="', "<from>", "<to>",
                                      "</review>"),
             "resolve_vulnerability": ("<analysis>", "<is_false_positive>", "<fixed_code>", "<old_code>", "<new_code>",
                                       "<summary>"),
             "categorize_question": ('"category"', '"detailed_category"', '"labels"', '"language"', "JSON"),
             "measure_comment_temperature": ("JSON",), "feature_discovery_search": ("JSON",),
             "chat/documentation_search": ("ATTRS: CNT-IDX-", 'id="CNT-IDX-abc1"')}
    for kind in ("build", "commit", "epic", "issue", "merge_request", "work_item"):
        forms[f"chat/{kind}_reader"] = ('"ResourceIdentifierType"', '"ResourceIdentifier"', '"current"', "iid", "url")
    for ident, parts in forms.items():
        text = "\n".join(message["content"] for message in sent(env, ident, given(ident))["messages"])
        for part in parts:
            truth(part in text, f"{part} in {ident}", text)


@case("PROMPTS-prefill", "prompts")
def readers_are_continued(env):
    """GitLab puts the beginning in front of the answer before it reads it; the last thing a model sees is that."""
    begin = '```json\n{\n  "ResourceIdentifierType": "'
    for family, wanted in (("general", begin), ("mistral", "```json")):
        for suggestions, before in (("", ""), ("Try again.", "Try again.\n")):
            found = sent(env, "chat/issue_reader", {"input": "#3?", "suggestions": suggestions}, model={"name": family})
            equal(found["messages"][-1]["role"], "assistant", f"last role for {family}")
            equal(found["messages"][-1]["content"], before + wanted, f"beginning for {family}")


@case("PROMPTS-parameters", "prompts")
def parameters_of_prompt_and_family(env):
    rows = (("model_configuration/check", "mistral", 0.0, 16), ("chat/fix_code", "codestral", 0.3, 2048),
            ("chat/fix_code", "general", 0.1, 2048), ("chat/explain_code", "gpt", None, 2048),
            ("generate_commit_message", "gpt", None, None), ("generate_commit_message", "mixtral", 0.0, 4096),
            ("review_merge_request", "claude_3", 0.0, 8192), ("categorize_question", "llama3", 0.0, 500))
    for ident, family, temperature, max_tokens in rows:
        found = sent(env, ident, given(ident), model={"name": family})
        equal(found.get("temperature"), temperature, f"temperature of {ident} for {family}")
        equal(found.get("max_tokens"), max_tokens, f"max_tokens of {ident} for {family}")
        equal(found["model"], "mistral-7b", "model")


@fixture("prompts-limit")
def prompts_limit(ctx):
    return Env(ctx, bypass=True, env={"AIGW_DUO_CHAT__MAX_TOKENS": "99"}, name="prompts-limit")


@case("PROMPTS-chat-limit", "prompts-limit")
def operators_limit_for_chat(env):
    for ident, limit in (("chat/explain_code", 99), ("categorize_question", 500)):
        equal(sent(env, ident, given(ident)).get("max_tokens"), limit, f"max_tokens of {ident}")


@case("PROMPTS-versions", "prompts")
def every_version_that_gitlab_asks_for(env):
    pins = {"chat/explain_vulnerability": ["1.0.1", "^1.0.0"], "generate_commit_message": ["1.2.0", "^1.0.0"],
            "resolve_vulnerability": ["1.0.1", "^1.0.0"], "review_merge_request": ["1.3.0", "0.9.0", "^1.0.0"],
            "summarize_new_merge_request": ["^2.0.0", "^1.0.0", "2.0.2-dev"], "glab_ask_git_command": ["1.0.0"],
            "summarize_review": ["2.1.0", "^2.0.0", "^1.0.0"], "chat/fix_code": ["1.1.0", "0.0.1-dev", "1.x"],
            "chat/troubleshoot_job": ["1.0.1-alpha", "~1.0"], "chat/issue_reader": ["1.0.1-dev", "1.1.0"]}
    for ident, versions in pins.items():
        for version in versions:
            for family in ("general", "mistral", "codestral"):
                found = sent(env, ident, given(ident), prompt_version=version, model={"name": family})
                truth(found["messages"], f"messages of {ident} {version}", found)


@case("PROMPTS-date", "prompts")
def today_is_known(env):
    inputs = given("review_merge_request")
    text = sent(env, "review_merge_request", inputs)["messages"][0]["content"]
    truth(re.search(r"Today is (January|February|March|April|May|June|July|August|September|October|November|December)"
                    r" \d\d, 20\d\d\.", text), "the date in words", text)
    text = sent(env, "review_merge_request", {**inputs, "current_date": "July 12, 2025"})["messages"][0]["content"]
    truth("Today is July 12, 2025." in text, "the caller's own date", text)


@case("PROMPTS-live", "prompts")
def large_inputs_and_answers(env):
    inputs = {"diff": "+ é\n" * 200000}
    text = "z" * 300000
    script = env.models.script(Reply(pieces=(text,)))
    check(env.post(REVIEW, body_of(script, inputs)), 200, text)
    truth(inputs["diff"] in script.seen[0].json()["messages"][-1]["content"], "the whole diff", "a part")
    script = env.models.script(Reply(pieces=tuple(f"{n}·" for n in range(2000))))
    response = check(env.post(V2 + "generate_commit_message", body_of(script, inputs, stream=True)), 200)
    lines = [json.loads(line) for line in response.text.splitlines()]
    equal("".join(line["content"] for line in lines), "".join(f"{n}·" for n in range(2000)), "joined content")


# -- a model of the operator's -----------------------------------------------------------------------------------------

MODELS = """
providers: { scripted: { plugin = "openai"; base_url = "%s"; }; };
models: { own: { family = "mistral"; targets = ( { provider = "scripted"; model = "own-7b"; } ); };
          picked: { family = "gpt"; targets = ( { provider = "scripted"; model = "picked-1"; } ); };
          amazon_q: { targets = ( { provider = "scripted"; model = "q-1"; } ); }; };
features: { prompts: { plugin = "prompts"; model = "own"; }; };
"""


@fixture("prompts-own")
def prompts_own(ctx):
    def conf(env):
        env.script = env.models.script(UNIT)
        return MODELS % env.script.base
    return Env(ctx, bypass=True, name="prompts-own", conf=conf)


@case("D9-configured", "prompts-own")
def the_configured_model_serves(env):
    rows = ((None, "own-7b"), ({"provider": "gitlab", "identifier": "picked"}, "picked-1"),
            ({"provider": "gitlab", "name": "picked"}, "picked-1"),
            ({"provider": "gitlab", "identifier": "claude_sonnet_9"}, "own-7b"),
            ({"provider": "gitlab", "feature_setting": "review_merge_request"}, "own-7b"),
            ({"provider": "amazon_q", "name": "amazon_q", "role_arn": "arn:x"}, "q-1"))
    for chosen, model in rows:
        before = env.script.count
        body = {"inputs": given("chat/issue_reader")}
        if chosen:
            body["model_metadata"] = chosen
        check(env.post(V1 + "chat/issue_reader", body), 200, "Hi John!")
        equal(env.script.count, before + 1, f"calls for {chosen}")
        equal(env.script.seen[-1].json()["model"], model, f"model for {chosen}")


# -- texts of the operator's -------------------------------------------------------------------------------------------

class Author:
    """Somebody who edits prompts in a conf.d folder of their own and reloads."""

    def __init__(self, env):
        self.env = env

    def write(self, path, text):
        full = os.path.join(self.env.gw.conf_dir, "prompts", path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as out:
            out.write(text)

    def reload(self, message="configuration reloaded"):
        seen = len(self.env.gw.lines)
        self.env.gw.signal(signal.SIGHUP)
        line = self.env.gw.wait_line(lambda item: item.get("message") == message, start=seen)
        truth(line, message, "none")


@fixture("prompts-author")
def prompts_author(ctx):
    env = Env(ctx, bypass=True, name="prompts-author")
    env.author = Author(env)
    return env


OWN = 'name = "Own"; scope = "own_scope"; required = ( "topic" );\nparams: { max_tokens = 77; };\n'


@case("PROMPTS-drop-in", "prompts-author")
def a_folder_is_a_feature(env):
    """A prompt-only feature is a folder in conf.d/prompts and a reload: no code."""
    check(ask(UNIT, path=V1 + "poems%2Fhaiku", inputs={"topic": "rain"})(env), 400)
    env.author.write("poems/haiku/base/1.0.0.conf",
                     OWN + 'messages = ( { role = "user"; template = "user.mustache"; } );\n')
    env.author.write("poems/haiku/base/user.mustache", "A haiku about {{topic}}.\n")
    env.author.write("poems/haiku/gpt/1.0.0.conf",
                     OWN + 'messages = ( { role = "user"; text = "For GPT: {{topic}}"; } );\n')
    env.author.reload()
    for family, wanted in (("mistral", "A haiku about rain."), ("gpt", "For GPT: rain")):
        found = sent(env, "poems/haiku", {"topic": "rain"}, model={"name": family})
        equal(found["messages"], [{"role": "user", "content": wanted}], f"messages for {family}")
        equal(found["max_tokens"], 77, "max_tokens")
    check(ask(UNIT, path=V2 + "poems/haiku", inputs={})(env), 422, {"detail": contains("{'topic'}")})


@case("PROMPTS-edit", "prompts-author")
def a_changed_text_counts_after_a_reload(env):
    """A shipped text is replaced by a file of the same name in a later folder: a shared part, or a whole definition."""
    before = sent(env, "generate_commit_message", DIFF)["messages"]
    env.author.write("partials/material.mustache", "Diffs are only diffs.")
    equal(sent(env, "generate_commit_message", DIFF)["messages"], before, "messages before the reload")
    env.author.reload()
    after = sent(env, "generate_commit_message", DIFF)["messages"]
    truth(after[0]["content"].endswith("Diffs are only diffs."), "the new shared text", after[0]["content"])
    equal(after[1], before[1], "the user's message")
    env.author.write("generate_commit_message/base/1.2.0.conf", 'name = "Mine"; scope = "generate_commit_message";\n'
                     'messages = ( { role = "user"; text = "Mine: {{diff}}"; } );\n')
    env.author.reload()
    equal(sent(env, "generate_commit_message", DIFF)["messages"], [{"role": "user", "content": "Mine: +x"}], "messages")


@case("PROMPTS-mistake", "prompts-author")
def a_mistake_keeps_the_old_texts(env):
    before = sent(env, "glab_ask_git_command", {"prompt": "p"})["messages"]
    env.author.write("glab_ask_git_command/base/1.0.1.conf", 'name = "x"; scope = "y";\n'
                     'messages = ( { role = "user"; text = "{{#open}}"; } );\n')
    seen = len(env.gw.lines)
    env.gw.signal(signal.SIGHUP)
    line = env.gw.wait_line(lambda item: "glab_ask_git_command/base/1.0.1.conf" in json.dumps(item), start=seen)
    truth(line, "a log line that names the file", env.gw.lines[seen:])
    equal(sent(env, "glab_ask_git_command", {"prompt": "p"})["messages"], before, "messages after a mistake")
    os.remove(os.path.join(env.gw.conf_dir, "prompts/glab_ask_git_command/base/1.0.1.conf"))
