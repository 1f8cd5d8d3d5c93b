"""C-CHAT: /v2/chat/agent, C-CHV1: /v1/chat/{chat_invokable}, against a scripted model. D7, D9–D11, D14, D19, D32 decide
what differs. The bytes of every line are compared: GitLab cuts its buffer at "}\\n"."""
import json
import time

from fakes import gitlab_client as reader
from fakes.clients import Rails
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._env import (API_KEY, INTEGER, VERBOSE, Any, Env, Reply, Row, check, contains, detail, model_error, table)

PATH = "/v2/chat/agent"
OLD = "/v1/chat/agent"
LINES_TYPE = "application/x-ndjson; charset=utf-8"
TEXT_TYPE = "text/event-stream; charset=utf-8"
INVALID = detail("Validation error")
ALL_TOOLS = ("build_reader", "epic_reader", "issue_reader", "merge_request_reader", "commit_reader",
             "work_item_reader", "gitlab_documentation")
LATE_TOOLS = ("build_reader", "merge_request_reader", "commit_reader")
TOOL_SCOPES = ["ask_build", "ask_epic", "ask_issue", "ask_merge_request", "ask_commit", "ask_work_item",
               "documentation_search"]
ACTION = "I need it.\nAction: issue_reader\nAction Input: #123\n"
QUESTION = {"role": "user", "content": "What is 6 times 7?"}
STEP = {"action": {"thought": "I look it up", "tool": "issue_reader", "tool_input": "#123"},
        "observation": "The issue says forty-two."}


@fixture("chat")
def chat(ctx):
    return Env(ctx, bypass=True, name="chat")


@fixture("chat-auth")
def chat_auth(ctx):
    return Env(ctx, name="chat-auth")


@fixture("chat-strict")
def chat_strict(ctx):
    return Env(ctx, env={"AIGW_AUTH__STRICT_CHAT_SCOPE": "true", "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT": "0.8"},
               name="chat-strict")


@fixture("chat-model")
def chat_model(ctx):
    """conf.d has a model for the feature, limits and heartbeats are short, the core cut-off is on."""
    def conf(env):
        env.configured = env.models.script(Reply(pieces=("t\nFinal Answer: configured",), usage=(3, 4)))
        return ('providers: { own = { plugin = "openai"; base_url = "%s"; }; };\n'
                'models: { own = { targets = ( { provider = "own"; model = "own-7b"; } ); }; };\n'
                'features: { duo_chat: { plugin = "duo_chat"; model = "own"; heartbeat_ms = 30; answer_max = 2000; '
                '}; };\nlimits: { stream_status_ms = 60; };' % env.configured.base)
    return Env(ctx, bypass=True, conf=conf, name="chat-model", env={
        "AIGW_DUO_CHAT__MAX_TOKENS": "77",
        "AIGW_PROCESS_LEVEL_FEATURE_FLAGS__DUO_CLASSIC_CHAT_DUO_CORE_CUTOFF": "true"})


@fixture("chat-whole")
def chat_whole(ctx):
    return Env(ctx, bypass=True, env={"AIGW_CUSTOM_MODELS__DISABLE_STREAMING": "true"}, name="chat-whole")


# -- requests ---------------------------------------------------------------------------------------------------------

def metadata(script, **changes):
    model = {"provider": "litellm", "name": "mistral", "endpoint": script.base if script else "http://127.0.0.1:1/v1",
             "api_key": API_KEY, "identifier": "custom_openai/mistral-7b"}
    model.update(changes)
    return {name: value for name, value in model.items() if value is not ...}


def body_for(script, messages=None, model=None, **changes):
    body = {"messages": [QUESTION] if messages is None else messages,
            "model_metadata": metadata(script, **(model or {}))}
    body.update(changes)
    return body


def says(text, **changes):
    return Reply(pieces=(text,), **changes)


def ask(*replies, headers=(), messages=None, model=None, **changes):
    return lambda env: env.post(PATH, body_for(env.models.script(*replies), messages, model, **changes), headers)


def as_user(scopes, *replies, headers=None, **changes):
    def make(env):
        script = env.models.script(*(replies or (says("t\nFinal Answer: x"),)))
        return env.post(PATH, body_for(script, **changes),
                        {**env.auth(env.token(scopes)), "X-Gitlab-Version": "18.9.0", **(headers or {})})
    return make


def old_body(script=None, content="hi", stream=None, count=1, **payload):
    parts = {"content": content, "provider": "litellm", "model": "mistral"}
    if script is not None:
        parts.update({"model_endpoint": script.base, "model_api_key": API_KEY,
                      "model_identifier": "custom_openai/mistral-7b"})
    parts.update(payload)
    body = {"prompt_components": [{"type": "prompt", "metadata": {"source": "GitLab EE", "version": "17.6.0"},
                                   "payload": {k: v for k, v in parts.items() if v is not ...}}] * count}
    if stream is not None:
        body["stream"] = stream
    return body


def ask_old(*replies, path=OLD, headers=(), **changes):
    return lambda env: env.post(path, old_body(env.models.script(*replies), **changes), headers)


# -- lines ------------------------------------------------------------------------------------------------------------

def line(kind, **data):
    return json.dumps({"type": kind, "data": data}) + "\n"


def delta(text, finish=None):
    return line("final_answer_delta", text=text, finish_reason=finish)


def usage(read, wrote, model="mistral-7b"):
    return line("usage", usage={model: {"input_tokens": read, "output_tokens": wrote}})


NO_TOOL = line("error", message="tool not available", retryable=False)


def error_line(*parts, retryable=False, before=""):
    """`before` and then one error line whose message holds these parts."""
    def test(found):
        if not found.startswith(before) or found.count("\n") != before.count("\n") + 1 or not found.endswith("\n"):
            return False
        event = json.loads(found[len(before):])
        return (list(event) == ["type", "data"] and event["type"] == "error"
                and list(event["data"]) == ["message", "retryable"] and event["data"]["retryable"] is retryable
                and all(part in event["data"]["message"] for part in parts) and API_KEY not in found)
    return Any(f"<{before!r} and one error line with {parts}, retryable {retryable}>", test)


def lines(*texts, **expected):
    return {"text": "".join(texts), "headers": {"content-type": LINES_TYPE}, "absent": ["content-length"], **expected}


def streams(ident, reply, *texts, note="", **changes):
    return Row(ident, ask(*(reply if isinstance(reply, tuple) else (reply,)), **changes), 200, note=note,
               **lines(*texts))


def fails(ident, reply, text, note="", **changes):
    return Row(ident, ask(reply, **changes), 200, note=note, **{**lines(), "text": text})


EXACT = "x\nFinal Answer: ñ \U0001f600 \"q\" \\ \t <b> / \u2028 {\"type\": \"error\"}\n\n}"

table(__name__, "chat", [
    streams("C-CHAT-001", Reply(pieces=("thought\nFin", "al Answer: ans", "wer\n")), delta("ans"), delta("wer"),
            delta("", "stop")),
    streams("C-CHAT-001-one", says("thought\nFinal Answer: answer\n"), delta("answer"), delta("", "stop")),
    streams("C-CHAT-001-length", says("t\nFinal Answer: cut", finish="length"), delta("cut"), delta("", "length")),
    streams("C-CHAT-001-bytes", says(EXACT), delta(EXACT[16:]), delta("", "stop"),
            note="one object a line, spaced, \\u escapes"),
    streams("C-CHAT-001-split", Reply(pieces=tuple("t\nFinal Answer: a b\n\nc \n")), delta("a"), delta(" b"),
            delta("\n\nc"), delta("", "stop"), note="every border"),
    streams("C-CHAT-001-drip", says("t\nFinal Answer: ñ\U0001f600", drip=1), delta("ñ\U0001f600"), delta("", "stop")),
    streams("C-CHAT-001-no-reason", says("t\nFinal Answer: a", finish=None), delta("a"), delta("", "stop"),
            note="[DONE] without a reason: whole, and never blank"),
    streams("C-CHAT-001-empty", says("t\nFinal Answer: \n"), delta("", "stop")),
    streams("C-CHAT-002", says("t\nFinal Answer: a", usage=(8, 12)), delta("a"), delta("", "stop"), usage(8, 12)),
    streams("C-CHAT-003", says("t\nFinal Answer: a"), delta("a"), delta("", "stop")),
    streams("C-CHAT-004", Reply(pieces=("I need it.\nAct", "ion: issue_", "reader\nAction Input: #1", "23\n")),
            line("action", tool="issue_reader", tool_input="#123", thought="I need it.")),
    streams("C-CHAT-004-usage", says(ACTION, usage=(1, 2)),
            line("action", tool="issue_reader", tool_input="#123", thought="I need it."), usage(1, 2)),
    streams("C-CHAT-004-name", says("t\nAction: MergeRequestReader\nAction Input: !1"),
            line("action", tool="merge_request_reader", tool_input="!1", thought="t"),
            headers={"X-Gitlab-Version": "18.0.0"}),
    streams("C-CHAT-004-escaped", says("an\\_x\nAction: epic\\_reader\nAction Input: &1"),
            line("action", tool="epic_reader", tool_input="&1", thought="an_x")),
    streams("C-CHAT-004-observation", says(ACTION + "Observation: made up\nFinal Answer: wrong"),
            line("action", tool="issue_reader", tool_input="#123", thought="I need it.")),
    streams("C-CHAT-004-answer", says("t\nAction: DirectAnswer\nAction Input: forty-two\n"),
            delta("forty-two", "stop"), note="an answer in a tool's clothes"),
    streams("C-CHAT-005", says("t\nAction: weather_reader\nAction Input: x"), NO_TOOL),
    streams("C-CHAT-005-usage", says("t\nAction: weather_reader\nAction Input: x", usage=(1, 2)), NO_TOOL, usage(1, 2)),
    streams("C-CHAT-005-version", says("t\nAction: build_reader\nAction Input: x"), NO_TOOL,
            headers={"X-Gitlab-Version": "17.4.0"}),
    streams("C-CHAT-006", Reply(pieces=("Just ", "text.\nTwo lines.")), line("unknown", text="Just text.\nTwo lines.")),
    streams("C-CHAT-006-usage", says("text", usage=(1, 2)), line("unknown", text="text"), usage(1, 2)),
    streams("CHAT-think", says("<think>Final Answer: no</think>\n\nt\nFinal Answer: yes"), delta("yes"),
            delta("", "stop"), model={"name": "qwen"}),
    fails("CHAT-nothing", says(""), error_line()),
    fails("C-CHAT-007", Reply(status=401), error_line("401"), note="D14: a clean end"),
    fails("C-CHAT-007-429", Reply(status=429), error_line("429")),
    fails("C-CHAT-007-500", Reply(status=500), error_line("500")),
    fails("C-CHAT-007-503", Reply(status=503), error_line("503")),
    fails("C-CHAT-007-529", Reply(status=529), error_line("529", retryable=True)),
    fails("C-CHAT-007-overloaded", Reply(status=503, body={"error": {"type": "overloaded_error", "message":
                                                                    "overloaded_error: Overloaded"}}),
          error_line("overloaded_error", retryable=True)),
    fails("C-CHAT-007-too-long", Reply(status=400, body={"error": {
        "message": "This model's maximum context length is 8192 tokens", "code": "context_length_exceeded"}}),
          error_line("prompt is too long", "8192 tokens"), note="A1005"),
    fails("C-CHAT-007-echo", Reply(status=401, body={"error": {"message": f"bad key {API_KEY}"}}), error_line("401")),
    fails("C-CHAT-007-garbage", Reply(body="<html>"), error_line()),
    fails("D14-chat-cut", Reply(pieces=("t\nFinal Answer: half", " b"), cut_after=1), error_line(before=delta("half"))),
    fails("D14-chat-reset", Reply(pieces=("t\nFinal Answer: half", " b"), cut_after=1, cut="reset"),
          error_line(before=delta("half"))),
    fails("D14-chat-end", Reply(pieces=("t\nFinal Answer: half", " b"), cut_after=1, cut="end"),
          error_line(before=delta("half")), note="no finish reason, no end marker: cut"),
    fails("D14-chat-event", Reply(pieces=("t\nFinal Answer: half",), cut_after=1, error_event={"message": "GPU on fire"}),
          error_line("GPU on fire", before=delta("half"))),
    fails("D14-chat-thought", Reply(pieces=("a thought", "b"), cut_after=1), error_line(), note="nothing was sent before"),
    # bodies
    Row("C-CHAT-011-empty", ask(says("x"), messages=[{**QUESTION, "additional_context": []}]), 200),
    Row("C-CHAT-012", ask(says("x"), messages=[{**QUESTION, "agent_scratchpad": [STEP]}]), 400,
        detail("agent_scratchpad can only be present when role is ASSISTANT")),
    Row("C-CHAT-012-empty", ask(says("x"), messages=[{**QUESTION, "agent_scratchpad": []}]), 400,
        detail("agent_scratchpad can only be present when role is ASSISTANT")),
    Row("C-CHAT-012-null", ask(says("x"), messages=[{**QUESTION, "agent_scratchpad": None}]), 200),
    Row("C-CHAT-015", ask(says("x"), options={"agent_scratchpad": {"agent_type": "other", "steps": []}}), 422, INVALID),
    Row("C-CHAT-015-step", ask(says("x"), options={"agent_scratchpad": {"agent_type": "react", "steps": [
        {"thought": "t", "tool": "a", "tool_input": "b"}]}}), 422, INVALID, "observation is required here"),
    Row("C-CHAT-016", ask(says("x"), messages=[{"role": "robot", "content": "x"}]), 422, INVALID),
    Row("C-CHAT-016-none", ask(says("x"), messages=[{"content": "x"}]), 422, INVALID),
    Row("CHAT-no-messages", ask(says("x"), messages=[]), 422, INVALID, "not a 500"),
    Row("CHAT-messages-type", ask(says("x"), messages="hi"), 422, INVALID),
    Row("CHAT-content-type", ask(says("x"), messages=[{"role": "user", "content": 5}]), 422, INVALID),
    Row("CHAT-system", ask(says("x"), messages=[{"role": "system", "content": "x"}, QUESTION]), 422,
        {"detail": contains("Unsupported message")}),
    Row("CHAT-last", ask(says("x"), messages=[QUESTION, {"role": "assistant", "content": "x"}]), 422,
        detail("Last message must be a human message")),
    Row("CHAT-only-scratchpad", ask(says("x"), messages=[{"role": "assistant", "agent_scratchpad": [STEP]}]), 422,
        detail("Last message must be a human message")),
    Row("CHAT-file-incomplete", ask(says("x"), messages=[{**QUESTION, "current_file": {"file_path": "a"}}]), 422,
        INVALID),
    Row("CHAT-category-name", ask(says("x"), messages=[{**QUESTION, "additional_context": [{"category": "a b"}]}]), 422,
        INVALID),
    *[Row(f"C-CHAT-017-{name}", ask(says("x"), messages=[{**QUESTION, "context": context}]), status)
      for name, context, status in (
          ("content", {"type": "issue", "content": "…"}, 200), ("title", {"type": "issue", "title": "…"}, 200),
          ("build", {"type": "build"}, 200), ("work-item", {"type": "work_item", "title": "…"}, 200),
          ("null", None, 200), ("no-title", {"type": "issue"}, 422), ("type", {"type": "star", "title": "x"}, 422),
          ("list", [], 422))],
    *[Row(f"CHAT-category-{category}",
          ask(says("x"), messages=[{**QUESTION, "additional_context": [{"category": category}]}]), 200)
      for category in ("file", "snippet", "merge_request", "issue", "dependency", "local_git", "terminal",
                       "repository", "directory", "os_information", "agent_user_environment", "user_rule")],
    # models
    Row("D9-chat-absent", lambda env: env.post(PATH, {"messages": [QUESTION]}), 422,
        {"detail": contains("duo_chat", "conf.d", "GitLab")}),
    Row("D9-chat-null", lambda env: env.post(PATH, {"messages": [QUESTION], "model_metadata": None}), 422,
        {"detail": contains("duo_chat", "conf.d", "GitLab")}),
    Row("D10-chat-family", ask(says("x"), model={"name": "brand_new"}), 200, **lines(line("unknown", text="x"))),
    Row("D11-chat-type", ask(says("x"), model_metadata=5), 422, {"detail": contains("model_metadata")}),
    Row("D11-chat-url", ask(says("x"), model={"endpoint": "nowhere"}), 422,
        {"detail": contains("model_metadata.endpoint")}),
    Row("D11-chat-empty", ask(says("x"), model={"endpoint": None, "identifier": ""}), 422,
        {"detail": contains("model_metadata.endpoint")}),
    Row("D11-chat-name", ask(says("x"), model={"name": 5}), 422, {"detail": contains("model_metadata.name")}),
])


# -- rights -----------------------------------------------------------------------------------------------------------

EXTRA = [{**QUESTION, "additional_context": [{"category": "file", "id": "a.py", "content": "x"}]}]
NO_CHAT = detail("Unauthorized to access duo chat")
NO_CORE = detail("Duo Core no longer authorized to access Duo Classic Chat")

table(__name__, "chat-auth", [
    Row("C-CHAT-008", as_user(["complete_code"]), 403, NO_CHAT),
    Row("C-CHAT-008-invalid", as_user(["complete_code"], messages=[]), 422, INVALID, "the body comes first"),
    Row("C-CHAT-009", as_user(["duo_chat", "duo_classic_chat"], messages=EXTRA), 403,
        detail("Unauthorized to access include_file_context")),
    Row("C-CHAT-009-first", as_user(["duo_chat", "include_file_context"], messages=[
        {**QUESTION, "additional_context": [{"category": "file"}, {"category": "snippet"}]}, QUESTION]), 403,
        detail("Unauthorized to access include_snippet_context")),
    Row("C-CHAT-010", as_user(["duo_chat", "duo_classic_chat", "include_file_context"], messages=EXTRA), 200),
    Row("C-CHAT-011", as_user(["duo_chat"], messages=[{**QUESTION, "additional_context": None}]), 200),
    Row("C-CHAT-019", as_user(["duo_chat"]), 200),
    Row("C-CHAT-019-classic", as_user(["duo_classic_chat"]), 200),
    Row("C-CHAT-tool-scope", as_user(["duo_chat"], says(ACTION)), 200, **lines(NO_TOOL)),
    Row("C-CHAT-tool-given", as_user(["duo_chat", "ask_issue"], says(ACTION)), 200,
        **lines(line("action", tool="issue_reader", tool_input="#123", thought="I need it."))),
    Row("C-CHV1-004", lambda env: env.post("/v1/chat/explain_vulnerability", old_body(),
                                           env.auth(env.token(["duo_chat"]))), 403,
        detail("Unauthorized to access explain_vulnerability")),
    *[Row(f"C-CHV1-004-{name}", lambda env, name=name: env.post(f"/v1/chat/{name}", old_body(),
                                                                env.auth(env.token(["complete_code"]))), 403,
          detail(f"Unauthorized to access {scope}"))
      for name, scope in (("agent", "duo_chat"), ("explain_code", "duo_chat"), ("write_tests", "duo_chat"),
                          ("refactor_code", "duo_chat"), ("summarize_comments", "summarize_comments"),
                          ("troubleshoot_job", "troubleshoot_job"))],
    *[Row(f"C-CHV1-scope-{name}", lambda env, name=name, scope=scope: env.post(
        f"/v1/chat/{name}", old_body(env.models.script(says("x"))), env.auth(env.token([scope]))), 200)
      for name, scope in (("agent", "duo_chat"), ("summarize_comments", "summarize_comments"),
                          ("troubleshoot_job", "troubleshoot_job"),
                          ("explain_vulnerability", "explain_vulnerability"))],
])

table(__name__, "chat-strict", [
    Row("D7-strict", as_user(["duo_chat"]), 403, NO_CORE),
    Row("D7-strict-none", as_user(["complete_code"]), 403, NO_CHAT),
    Row("D7-strict-classic", as_user(["duo_classic_chat"]), 200),
    Row("D7-strict-mention", as_user(["duo_chat"], messages=[{"role": "user", "content": "hi @GitLabDuo!"}]), 200),
    Row("D7-strict-newest", as_user(["duo_chat"], messages=[{"role": "user", "content": "@GitLabDuo"},
                                                            {"role": "assistant", "content": "x"}, QUESTION]), 403,
        NO_CORE),
    Row("CHAT-timeout", as_user(["duo_classic_chat"], Reply(hang=True)), 200,
        **{**lines(), "text": error_line("Model mistral")}),
    Row("CHAT-timeout-mid", as_user(["duo_classic_chat"], Reply(pieces=("Final Answer: a", "b"), gate=Gate())), 200,
        **{**lines(), "text": error_line("Model mistral", before=delta("a"))}),
])


# -- what the model is asked ------------------------------------------------------------------------------------------

def sent_to(env, reply=None, headers=(), messages=None, model=None, **changes):
    script = env.models.script(reply or says("x"))
    check(env.post(PATH, body_for(script, messages, model, **changes), headers), 200)
    equal(script.count, 1, "model calls")
    return script.seen[0].json()


@case("CHAT-upstream", "chat")
def upstream_request(env):
    script = env.models.script(says("x"))
    check(env.post(PATH, body_for(script), {"X-Gitlab-Version": "18.9.0"}), 200)
    sent = script.seen[0].json()
    equal(script.seen[0].header("authorization"), f"Bearer {API_KEY}", "authorization")
    equal(sent["model"], "mistral-7b", "model")
    equal(sent["stream"], True, "stream")
    equal(sent["stop"], ["Observation:"], "stop")
    equal((sent["temperature"], sent["max_tokens"]), (0.1, 8192), "temperature and max_tokens")
    equal([message["role"] for message in sent["messages"]], ["system", "user", "assistant"], "roles")
    system, user, assistant = (message["content"] for message in sent["messages"])
    for name in ALL_TOOLS:
        truth(f"- {name}: " in system, f"{name} in the system message", system)
    truth(time.strftime("%A, %B, %d, %Y", time.gmtime()) in system, "today's date", system)
    truth("Merge Requests, Pipelines, Vulnerabilities" in system, "the default of unavailable_resources", system)
    truth(user.endswith(QUESTION["content"]), "the question last", user)
    equal(assistant, "Thought:", "the beginning of the answer")
    truth("{{" not in json.dumps(sent), "no template syntax", sent)


@case("C-CHAT-018", "chat")
def tools_by_version(env):
    for version, has_late in (("17.0.0", False), ("", False), ("18.9.0-ee", False), ("x", False), ("17.4.9", False),
                              ("17.5.0-pre", True), ("17.5.0", True), ("18.9.0", True)):
        sent = json.dumps(sent_to(env, headers={"X-Gitlab-Version": version}))
        for name in ALL_TOOLS:
            equal(name in sent, has_late or name not in LATE_TOOLS, f"{name} in the prompt for version {version!r}")


@case("C-CHAT-tool-scopes", "chat-auth")
def tools_by_scope(env):
    for scope, name in zip(TOOL_SCOPES, ALL_TOOLS):
        script = env.models.script(says("x"))
        headers = {**env.auth(env.token(["duo_chat", scope])), "X-Gitlab-Version": "18.9.0"}
        check(env.post(PATH, body_for(script), headers), 200)
        sent = script.seen[0].body.decode()
        equal([tool for tool in ALL_TOOLS if tool in sent], [name], f"tools for {scope}")
    script = env.models.script(says("x"))
    check(env.post(PATH, body_for(script), env.auth(env.token(["duo_chat"]))), 200)
    truth("Action Input: what" not in script.seen[0].json()["messages"][0]["content"], "no talk of tools without any",
          script.seen[0].body)


@case("C-CHAT-013", "chat")
def scratchpad(env):
    sent = sent_to(env, messages=[QUESTION, {"role": "assistant", "content": None, "agent_scratchpad": [
        STEP, {"observation": "without an action"},
        {"action": {"thought": "an\\_x", "tool": "epic\\_reader", "tool_input": "a\\_b"}}]}])
    equal([message["role"] for message in sent["messages"]], ["system", "user", "assistant"], "roles")
    equal(sent["messages"][-1]["content"],
          "Thought: I look it up\nAction: issue_reader\nAction Input: #123\nObservation: The issue says forty-two.\n"
          "Thought: an_x\nAction: epic_reader\nAction Input: a\\_b\nObservation: \nThought:", "the model's turn")


@case("C-CHAT-014", "chat")
def older_scratchpad(env):
    steps = [{**STEP["action"], "observation": STEP["observation"]}]
    options = {"agent_scratchpad": {"agent_type": "react", "steps": steps}}
    sent = sent_to(env, options=options)
    equal(sent["messages"][-1]["content"],
          "Thought: I look it up\nAction: issue_reader\nAction Input: #123\nObservation: The issue says forty-two.\n"
          "Thought:", "the model's turn")
    newer = [QUESTION, {"role": "assistant", "agent_scratchpad": [{**STEP, "observation": "the other one"}]}]
    sent = json.dumps(sent_to(env, messages=newer, options=options))
    truth("forty-two" in sent and "the other one" not in sent, "options to win", sent)


@case("CHAT-history", "chat")
def history(env):
    sent = sent_to(env, messages=[
        {"role": "user", "content": "first {{content}}"},
        {"role": "assistant", "content": "one", "agent_scratchpad": [STEP]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "second"}, {"role": "user", "content": "third"},
        {"role": "assistant", "content": "three"}, {"role": "assistant", "content": "and more"},
        {"role": "user", "content": "now"}])["messages"]
    equal([message["role"] for message in sent],
          ["system", "user", "assistant", "user", "user", "assistant", "assistant", "user", "assistant"], "roles")
    equal([message["content"] for message in sent[1:]],
          ["first {{content}}",
           "Thought: I look it up\nAction: issue_reader\nAction Input: #123\nObservation: The issue says forty-two.\n"
           "Final Answer: one", "second", "third", "Final Answer: three", "Final Answer: and more", "now", "Thought:"],
          "messages")


@case("CHAT-context", "chat")
def everything_about_a_question(env):
    message = {"role": "user", "content": "the question", "context": {"type": "issue", "title": "Fix \"login\""},
               "current_file": {"file_path": "src/main.py", "data": "print({{x}})\n", "selected_code": True},
               "additional_context": [{"category": "file", "id": "a.py", "content": "<b>é\U0001f600", "metadata": {"n": 1}},
                                      {"category": "user_rule", "content": "be brief"}]}
    user = sent_to(env, messages=[message])["messages"][1]["content"]
    wanted = ["issue", "Fix \"login\"", "src/main.py", "print({{x}})", "a.py", "{\"n\":1}", "<b>é\U0001f600", "be brief",
              "the question"]
    at = [user.find(text) for text in wanted]
    truth(-1 not in at and at == sorted(at), f"all of {wanted} in this order, the question last", user)
    truth("selected" in user, "the file marked as selected", user)
    message["current_file"]["selected_code"] = False
    user = sent_to(env, messages=[message])["messages"][1]["content"]
    truth("selected" not in user, "the file not marked as selected", user)
    message["context"] = {"type": "merge_request", "content": "the diff"}
    user = sent_to(env, messages=[message])["messages"][1]["content"]
    truth("merge_request" in user and "the diff" in user, "page content of older clients", user)


@case("CHAT-resources", "chat")
def unavailable_resources(env):
    for given, wanted, unwanted in ((["Epics", "Jobs"], "Epics, Jobs", "Vulnerabilities"),
                                    (None, "Merge Requests, Pipelines, Vulnerabilities", "Epics,"),
                                    ([], "GitLab Duo Chat", "no access to")):
        system = sent_to(env, unavailable_resources=given)["messages"][0]["content"]
        truth(wanted in system and unwanted not in system, f"{wanted!r} and no {unwanted!r} for {given}", system)


@case("CHAT-families", "chat")
def families(env):
    for name, stop, most, temperature in (("gpt", None, 8192, None), ("llama3", ["Observation:"], 4096, 0.1),
                                          ("qwen", ["Observation:"], 8192, 0.1), ("mixtral", ["Observation:"], 8192, 0.1),
                                          ("claude_3", ["Observation:"], 8192, 0.1)):
        sent = sent_to(env, model={"name": name})
        equal((sent.get("stop"), sent["max_tokens"], sent.get("temperature")), (stop, most, temperature),
              f"parameters of {name}")


@case("CHAT-pages", "chat")
def large_question(env):
    text = "é" * 700000
    sent = sent_to(env, messages=[{**QUESTION, "current_file": {"file_path": "a", "data": text, "selected_code": False}},
                                  {"role": "assistant", "content": "x"}, {"role": "user", "content": text}])
    truth(all(text in sent["messages"][i]["content"] for i in (1, 3)), "a million bytes each", "less")


@case("CHAT-verbose", "chat")
def verbose_faults(env):
    response = check(ask(says("x"), messages=[QUESTION, {"role": "robot", "content": "canary-word"}],
                         headers=VERBOSE)(env), 422)
    fault = response.json()["detail"][0]
    equal(fault["loc"], ["body", "messages", 1, "role"], "place")
    truth("canary-word" not in response.text, "no values", response.text)


# -- when what is sent ------------------------------------------------------------------------------------------------

@case("CHAT-live", "chat")
def deltas_arrive_as_they_come(env):
    gate = Gate()
    script = env.models.script(Reply(pieces=("t\nFinal Answer: first", " second"), gate=gate))
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {}, body_for(script)))
        equal(conn.read_head().status, 200, "status")
        size = int(conn._line(), 16)
        while len(conn.buf) < size:
            truth(conn._fill(), "a first line before the second piece was sent", conn.buf)
        equal(conn.buf[:size].decode(), delta("first"), "first line")
        gate.set()


@case("D32-chat-waiting", "chat-model")
def status_and_heartbeats(env):
    """A model that thinks: the status goes out after stream_status_ms, then empty lines, which GitLab passes over."""
    script = env.models.script(Reply(hang=True))
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {}, body_for(script)))
        head = conn.read_head()
        equal((head.status, head.header("content-type")), (200, LINES_TYPE), "status and type")
        for n in range(3):
            equal((conn._line(), conn._line()), ("1", "\n"), f"chunk {n}")
    truth(script.wait(lambda s: s.seen and s.seen[0].gone_at), "the model's call to be given up", script.seen)


@case("D32-chat-late-error", "chat-model")
def late_failure(env):
    script = env.models.script(Reply(status=401, head_delay=0.3))
    response = check(env.post(PATH, body_for(script)), 200)
    text = response.text.lstrip("\n")
    truth(error_line("401") == text, "heartbeats, then one error line", response.text)
    truth(response.text.startswith("\n"), "heartbeats first", response.text)


@case("D9-chat-configured", "chat-model")
def configured_model(env):
    seen = env.configured.count
    for extra in ({}, {"model_metadata": None}, {"model_metadata": {"provider": "gitlab", "feature_setting": "duo_chat"}},
                  {"model_metadata": {"provider": "gitlab", "identifier": "some_model"}}):
        response = check(env.post(PATH, {"messages": [QUESTION], **extra}), 200)
        equal(response.text, delta("configured") + delta("", "stop") + usage(3, 4, "own-7b"), f"lines for {extra}")
    equal(env.configured.count, seen + 4, "model calls")
    equal(env.configured.seen[-1].json()["max_tokens"], 77, "AIGW_DUO_CHAT__MAX_TOKENS")


@case("CHAT-limit", "chat-model")
def too_much_before_an_answer(env):
    """Thoughts are kept, so they are limited; answers are not."""
    script = env.models.script(Reply(pieces=("x" * 1000,) * 3))
    response = check(env.post(PATH, body_for(script)), 200)
    truth(error_line("answer_max") == response.text, "one error line that names answer_max", response.text)
    script = env.models.script(Reply(pieces=("Final Answer: ",) + ("x" * 1000,) * 50))
    response = check(env.post(PATH, body_for(script)), 200)
    equal(response.text, delta("x" * 1000) * 50 + delta("", "stop"), "50,000 bytes of answer")


@case("CHAT-large-piece", "chat-model")
def large_piece(env):
    """A piece of any size: in lines of at most 32 KiB, cut between characters."""
    text = "é\U0001f600z" * 60000
    script = env.models.script(Reply(pieces=("Final Answer: ", text, "end")))
    response = check(env.post(PATH, body_for(script)), 200)
    events = [json.loads(item)["data"] for item in response.text.split("\n") if item]  # or a heartbeat
    equal("".join(event["text"] for event in events), text + "end", "the whole text")
    truth(all(len(event["text"].encode()) <= 32768 for event in events), "lines of at most 32 KiB", len(events))
    equal(events[-1], {"text": "", "finish_reason": "stop"}, "the last line")


@case("CHAT-large-error", "chat-model")
def large_error(env):
    script = env.models.script(Reply(status=400, body={"error": {"message": "ü" * 1500}}))
    response = check(env.post(PATH, body_for(script)), 200)
    truth(error_line("400", "üüü") == response.text and len(response.text) < 4000, "one short error line", response.text)


@case("CHAT-whole", "chat-whole")
def streaming_switched_off(env):
    """The same framing, the text in one piece."""
    for text, wanted in (("t\nFinal Answer: a b\n", delta("a b") + delta("", "stop")),
                         (ACTION, line("action", tool="issue_reader", tool_input="#123", thought="I need it."))):
        script = env.models.script(says(text))
        response = check(env.post(PATH, body_for(script)), 200, **lines(wanted))
        truth(response.text.endswith("\n"), "a line feed at the end", response.text)
        truth(not script.seen[0].json().get("stream"), "no stream asked for", script.seen[0].body)
    script = env.models.script(says("ab"))
    check(env.post(OLD, old_body(script, stream=True)), 200, text="ab", headers={"content-type": TEXT_TYPE})


@case("CHAT-gone", "chat")
def client_leaves(env):
    script = env.models.script(Reply(pieces=("t\nFinal Answer: first", "x"), gate=Gate()))
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {}, body_for(script)))
        conn.read_head()
    truth(script.wait(lambda s: s.seen and s.seen[0].gone_at), "the model's call to be given up", script.seen)


@case("CHAT-rails", "chat-auth")
def rails(env):
    """What a user of GitLab sees: verdicts of its own reader."""
    scopes = ["duo_chat", *TOOL_SCOPES]
    for replies, wanted, calls in (
            ((Reply(pieces=("t\nFinal Answer: for", "ty-\ntwo")),), ("text", "forty-\ntwo"), 1),
            ((says(ACTION, usage=(1, 2)),),
             ("action", {"tool": "issue_reader", "tool_input": "#123", "thought": "I need it."}), 1),
            ((says("no form at all"),), ("text", "no form at all"), 1),
            ((says("t\nFinal Answer: " + "}\n{\"" * 9000),), ("text", ("}\n{\"" * 9000)), 1),
            ((says("t\nAction: weather\nAction Input: x"),), ("error", "G3001"), 1),
            ((Reply(status=401),), ("error", "A1004"), 1),
            ((Reply(pieces=("Final Answer: a", "b"), cut_after=1),), ("error", "A1004"), 1),
            ((Reply(status=400, body={"error": {"message": "maximum context length is 8 tokens",
                                                "code": "context_length_exceeded"}}),), ("error", "A1005"), 1),
            ((Reply(pieces=("Final Answer: ", "x"), cut_after=1, error_event={
                "type": "overloaded_error", "message": "Overloaded", "code": "overloaded_error"}),
              says("Final Answer: at last")), ("text", "at last"), 2)):
        script = env.models.script(*replies)
        found = reader.chat(Rails(env.gw.port, env.token(scopes)), body_for(script))
        equal(found, wanted, f"verdict for {replies}")
        equal(script.count, calls, f"model calls for {replies}")
    script = env.models.script(says("x"))
    verdict = reader.chat(Rails(env.gw.port, env.token(["complete_code"])), body_for(script))
    equal(verdict, ("error", "M3006"), "no right")


# -- the older route --------------------------------------------------------------------------------------------------

def old_answer(text="x", provider="litellm", model="mistral"):
    return {"response": text, "metadata": {"provider": provider, "model": model, "timestamp": INTEGER}}


TURNS = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]

table(__name__, "chat", [
    Row("C-CHV1-001", ask_old(Reply()), 200, old_answer()),
    Row("C-CHV1-001-turns", ask_old(Reply(), content=TURNS), 200, old_answer()),
    Row("C-CHV1-001-unicode", ask_old(says("ñ\U0001f600\"\n")), 200, old_answer("ñ\U0001f600\"\n")),
    Row("C-CHV1-001-empty", ask_old(says("")), 200, old_answer("")),
    Row("C-CHV1-001-null", ask_old(Reply(), provider=None, model=None), 200, old_answer("x", None, None)),
    Row("C-CHV1-001-stream-null", ask_old(Reply(), stream=None), 200, old_answer()),
    Row("C-CHV1-001-family", ask_old(Reply(), model="brand_new"), 200, old_answer(model="brand_new"), "D10"),
    Row("C-CHV1-002", ask_old(Reply(), path="/v1/chat/unknown_thing"), 404, detail("Not found")),
    Row("C-CHV1-002-invalid", ask_old(Reply(), path="/v1/chat/unknown_thing", count=2), 422, INVALID,
        "the body comes first"),
    Row("C-CHV1-003", ask_old(Reply(), count=2), 422, INVALID),
    Row("C-CHV1-003-none", ask_old(Reply(), count=0), 422, INVALID),
    Row("C-CHV1-003-role", ask_old(Reply(), content=[{"role": "robot", "content": "x"}]), 422, INVALID),
    Row("C-CHV1-003-turns", ask_old(Reply(), content=[]), 422, INVALID),
    Row("C-CHV1-003-content", ask_old(Reply(), content=...), 422, INVALID),
    Row("C-CHV1-003-number", ask_old(Reply(), content=5), 422, INVALID),
    Row("C-CHV1-003-long", ask_old(Reply(), content="x" * 400001), 422, INVALID),
    Row("C-CHV1-003-provider", ask_old(Reply(), provider="vertex"), 422, INVALID),
    Row("C-CHV1-003-stops", ask_old(Reply(), params={"stop_sequences": []}), 422, INVALID),
    Row("C-CHV1-003-temperature", ask_old(Reply(), params={"temperature": 1.1}), 422, INVALID),
    Row("C-CHV1-003-tokens", ask_old(Reply(), params={"max_tokens_to_sample": 0}), 422, INVALID),
    Row("C-CHV1-003-model", lambda env: env.post(OLD, old_body(provider="anthropic", model="eliza")), 422, INVALID),
    Row("C-CHV1-005", ask_old(Reply(pieces=("a", "ñ\n", "b")), stream=True), 200, text="añ\nb",
        headers={"content-type": TEXT_TYPE}, absent=["content-length"]),
    Row("D9-chat-old", lambda env: env.post(OLD, old_body()), 422, {"detail": contains("duo_chat", "conf.d")}),
    Row("D13-old", ask_old(Reply(status=500)), 503, model_error("500"), "D13: JSON, not plain text"),
    Row("D13-old-429", ask_old(Reply(status=429)), 429, model_error()),
    Row("D32-old-stream", ask_old(Reply(status=401), stream=True), 503, model_error("401")),
])

table(__name__, "chat-model", [
    Row("C-CHV1-core", ask_old(Reply(), headers={"X-Gitlab-Feature-Enablement-Type": "duo_core"}), 403, NO_CORE),
    Row("C-CHV1-pro", ask_old(Reply(), headers={"X-Gitlab-Feature-Enablement-Type": "duo_pro"}), 200, old_answer()),
    Row("C-CHV1-vendor", lambda env: env.post(OLD, old_body(provider="anthropic", model="claude-2.1")), 200,
        old_answer("t\nFinal Answer: configured", "anthropic", "claude-2.1")),
    Row("C-CHV1-default", lambda env: env.post(OLD, old_body(provider=..., model=...)), 200,
        old_answer("t\nFinal Answer: configured", None, "claude-2.0")),
    Row("C-CHV1-large", ask_old(says("x" * 3000)), 503, model_error("answer_max")),
])


@case("C-CHV1-params", "chat-model")
def fixed_and_given_numbers(env):
    script = env.models.script(Reply())
    params = {"temperature": 0.9, "max_tokens_to_sample": 5, "stop_sequences": ["a"]}
    check(env.post(OLD, old_body(script, content=TURNS, params=params)), 200)
    sent = script.seen[0].json()
    equal((sent["temperature"], sent["top_p"], sent["max_tokens"], sent.get("stop")), (0.2, 0.95, 2048, None),
          "numbers for a self-hosted model")
    equal(sent["messages"], TURNS, "messages")
    for given, wanted in ((params, (0.9, 5, ["a"])), ({}, (0.2, 4096, ["\n\nHuman", "Observation:"])), (None, (
            0.2, 4096, ["\n\nHuman", "Observation:"])), ({"max_tokens_to_sample": 8192}, (
                0.2, 4096, ["\n\nHuman", "Observation:"]))):
        check(env.post(OLD, old_body(provider="anthropic", model="claude-2.1", params=given)), 200)
        sent = env.configured.seen[-1].json()
        equal((sent["temperature"], sent["max_tokens"], sent["stop"]), wanted, f"numbers for {given}")
    equal(sent["messages"], [{"role": "user", "content": "hi"}], "a text is one question")


@case("C-CHV1-cut", "chat")
def cut_stream_is_cut(env):
    script = env.models.script(Reply(pieces=("half", "x"), cut_after=1))
    response = env.post(OLD, old_body(script, stream=True))
    equal((response.status, response.text, response.is_complete), (200, "half", False), "a stream that is cut (D14)")


@fixture("chat-vendor")
def chat_vendor(ctx):
    def conf(env):
        env.script = env.models.script(Reply(status=500), Reply(status=401), Reply(status=429))
        return ('providers: { own = { plugin = "openai"; base_url = "%s"; };\n'
                '             gone = { plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; }; };\n'
                'models: { own = { targets = ( { provider = "own"; model = "m"; } ); retries = 0; };\n'
                '          claude-sonnet-4-6 = { targets = ( { provider = "gone"; model = "m"; } ); retries = 0; }; };\n'
                'features: { duo_chat: { plugin = "duo_chat"; model = "own"; }; };' % env.script.base)
    return Env(ctx, bypass=True, conf=conf, name="chat-vendor")


@case("C-CHV1-vendor-errors", "chat-vendor")
def vendor_errors(env):
    """Models that are not self-hosted: §7.2's texts for their failures."""
    for _ in range(3):
        check(env.post(OLD, old_body(provider="anthropic", model="claude-2.1")), 502,
              detail("Anthropic API Status Error."))
    check(env.post(OLD, old_body(provider="anthropic", model="claude-sonnet-4-6")), 502,
          detail("Anthropic API Connection Error."))
