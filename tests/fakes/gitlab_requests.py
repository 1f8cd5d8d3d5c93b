"""Every request of gitlab-client.md §1 to a self-hosted gateway as data: which GitLab sends it (since, until), through
whom (rails, workhorse, ls), its body in that version's shape, what the model says and what the user must then see.

Versions differ where the references say so: 17.6 sends contexts of chat with content and the scratchpad in options, and
cuts code at 500 characters; newer ones send titles, and scratchpads in messages. Generations go through /v2 up to 18.0;
v3 and v4 are sent for every version, since models of GitLab's own went there before.
"""
from dataclasses import dataclass, field
from typing import Callable, Optional

from .clients import number

VERSIONS = {"17.6": "17.6.0", "17.11": "17.11.0", "18.0": "18.0.0", "18.9": "18.9.0"}
FAMILIES = ("mistral", "llama3", "codegemma", "codestral", "codellama", "deepseekcoder", "claude_3", "gpt", "mixtral",
            "general")
CATEGORIES = ("file", "snippet", "merge_request", "issue", "dependency", "local_git", "terminal", "user_rule",
              "repository", "directory", "agent_user_environment")
WORDS = "forty-two"


@dataclass
class Model:
    """A row of "self-hosted models" in GitLab, and its two forms on the wire (§4)."""
    endpoint: str
    key: Optional[str] = None
    family: str = "mistral"
    identifier: str = "custom_openai/mistral-7b"

    def metadata(self):
        return {"provider": "openai", "name": self.family, "endpoint": self.endpoint, "api_key": self.key,
                "identifier": self.identifier}

    def flat(self):
        found = {"model_provider": "litellm", "model_name": self.family, "model_endpoint": self.endpoint,
                 "model_api_key": self.key, "model_identifier": self.identifier}
        return {name: value for name, value in found.items() if value or name == "model_endpoint"}


@dataclass
class Request:
    name: str
    mode: str                            # rails | workhorse | ls
    path: str
    body: Callable                       # (Model or None, version as numbers) → body
    read: str                            # which reader of gitlab_client.py
    says: tuple = (WORDS,)               # pieces of the model's answer
    wanted: object = ("text", WORDS)     # the verdict
    since: str = "17.6"
    until: str = "99.0"
    headers: dict = field(default_factory=dict)
    stream: bool = False
    own_model: bool = False              # sends no model: conf.d has one
    calls: int = 1                       # of the model

    def sent_by(self, version):
        return number(self.since) <= number(version) <= number(self.until)


# -- Duo Chat ---------------------------------------------------------------------------------------------------------

STEP = {"thought": "I look it up.", "tool": "issue_reader", "tool_input": "#123"}
SEEN = "The issue says forty-two."
CALL = "I look it up.\nAction: issue_reader\nAction Input: #123\n"
FINAL = ("I know.\nFinal", " Answer: ", WORDS)


def question(version, content="What is 6 times 7?", **changes):
    turn = {"role": "user", "content": content, "context": None, "current_file": None}
    if version >= (17, 11):
        turn.update({"additional_context": None, "agent_scratchpad": None})
    turn.update(changes)
    return turn


def page(version, kind="issue"):
    if kind == "build" and version >= (17, 11):
        return {"type": "build"}
    return {"type": kind, **({"content": "Title: Fix login"} if version < (17, 11) else {"title": "Fix login"})}


def agent(model, messages, **more):
    return {"messages": messages, "model_metadata": model and model.metadata(),
            "unavailable_resources": ["Pipelines", "Vulnerabilities"], **more}


def next_turn(model, version, steps):
    """After tools have run; steps: (action, observation). Until the last one has run, its observation is missing."""
    if not steps:
        return agent(model, [question(version)])
    if version < (17, 11):
        flat = [{**action, "observation": seen or ""} for action, seen in steps]
        return agent(model, [question(version)], options={"agent_scratchpad": {"agent_type": "react", "steps": flat}})
    pad = [{"action": dict(action), **({"observation": seen} if seen is not None else {})} for action, seen in steps]
    return agent(model, [question(version), {"role": "assistant", "content": None, "agent_scratchpad": pad}])


def history(model, version):
    earlier = {"role": "assistant", "content": "earlier answer"}
    if version >= (17, 11):
        earlier.update({"additional_context": None,
                        "agent_scratchpad": [{"action": dict(STEP), "observation": SEEN}]})
    return agent(model, [question(version, "earlier question"), earlier] * 24 + [question(version)])


def chat(name, body, says=FINAL, wanted=("text", WORDS), **more):
    return Request(f"chat-{name}", "rails", "/v2/chat/agent", body, "chat", says, wanted, stream=True, **more)


def asked(**changes):
    """One question; members that depend on the version are functions of it."""
    def body(model, version):
        return agent(model, [question(version, **{key: value(version) if callable(value) else value
                                                  for key, value in changes.items()})])
    return body


OPEN_FILE = {"file_path": "main.py", "data": "print(1)", "selected_code": True}
EXTRA = [{"category": category, "id": f"{category}-1", "content": "text", "metadata": {"title": "x", "enabled": True}}
         for category in CATEGORIES]

CHAT = [
    chat("agent", asked()),
    chat("tool", asked(context=page), (CALL,), ("action", STEP)),
    chat("second", lambda model, version: next_turn(model, version, [(STEP, SEEN)])),
    chat("pending", lambda model, version: next_turn(model, version, [(STEP, None)])),
    chat("history", history),
    *[chat(f"context-{kind}", asked(context=lambda version, kind=kind: page(version, kind)))
      for kind in ("issue", "epic", "merge_request", "commit", "build")],
    chat("context-work_item", asked(context=lambda version: page(version, "work_item")), since="18.0"),
    chat("file", asked(current_file=OPEN_FILE)),
    chat("extra", asked(additional_context=EXTRA[:2]), since="17.11"),
    chat("extra-all", asked(additional_context=EXTRA), since="18.9"),
    chat("unknown", asked(), ("no form at all",), ("text", "no form at all")),
    chat("brackets", asked(), ("Final Answer: " + "}\n{\"" * 9000,), ("text", "}\n{\"" * 9000)),
    chat("no-tool", asked(), ("t\nAction: weather_reader\nAction Input: x",), ("error", "G3001")),
    chat("own-model", lambda model, version: agent(None, [question(version)]), own_model=True),
]


def old(model, stream, content):
    payload = {"content": content, "params": {"temperature": 0.1, "stop_sequences": ["\n\nHuman", "Observation:"],
                                              "max_tokens_to_sample": 4096},
               "provider": "litellm", "model": model.family, "model_endpoint": model.endpoint,
               "model_api_key": model.key, "model_identifier": model.identifier}
    return {"prompt_components": [{"type": "prompt", "metadata": {"source": "GitLab EE", "version": "18.9.0"},
                                   "payload": payload}], "stream": stream}


TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
OLD = [Request(f"v1-chat-{up}{'' if stream else '-whole'}", "rails", f"/v1/chat/{up}",
               lambda model, version, stream=stream, up=up: old(model, stream, "Hello" if up == "agent" else TURNS),
               "old_chat", stream=stream)
       for up in ("agent", "explain_code", "write_tests", "refactor_code", "explain_vulnerability",
                  "summarize_comments", "troubleshoot_job") for stream in (True, False)]


# -- tools and slash commands -----------------------------------------------------------------------------------------

CODE = {"input": "explain", "selected_text": "print(1)", "file_content": "print(1)\nprint(2)\n", "language_info":
        "The code is Python."}
REUSE = {**CODE, "file_content_reuse": "The new code should fit into the file."}
COMMANDS = {
    "explain_code": CODE, "write_tests": CODE, "refactor_code": REUSE, "fix_code": REUSE,
    "explain_vulnerability": {"title": "SQL injection", "identifiers": ["CWE-89"], "vulnerability_info": "a.py:1",
                              "vulnerability_description": "bad"},
    "troubleshoot_job": {"selected_text": "ERROR: Job failed", "language_info": ""},
    "summarize_comments": {"notes_content": "<comment>a</comment>"},
    "documentation_search": {"question": "How?", "content_id": "ATTRS",
                             "documents": [{"id": "abc1", "content": "So.", "metadata": {"title": "t"}}]},
}
READERS = {"build_reader": "17.6", "commit_reader": "17.6", "epic_reader": "17.6", "issue_reader": "17.6",
           "merge_request_reader": "17.6", "work_item_reader": "18.0"}
RESOURCE = '```json\n{"ResourceIdentifierType": "iid", "ResourceIdentifier": "3"}\n```'


def tool(inputs):
    return lambda model, version: {"stream": True, "inputs": inputs, "model_metadata": model.metadata(),
                                   "prompt_version": "^1.0.0"}


def pieces(text, size=5):
    return tuple(text[at:at + size] for at in range(0, len(text), size))


TOOLS = [
    *[Request(f"slash-{up}", "rails", f"/v1/prompts/chat/{up}", tool(inputs), "slash", ("forty", "-two"), stream=True)
      for up, inputs in COMMANDS.items()],
    *[Request(f"reader-{up}", "rails", f"/v1/prompts/chat%2F{up}",
              tool({"input": "issue 3", "suggestions": "Thought: I look."}), "reader", pieces(RESOURCE),
              ("resource", "3"), since, stream=True) for up, since in READERS.items()],
]

# -- prompts ----------------------------------------------------------------------------------------------------------

REVIEW = '<review>\n<comment file="a.py" old_line="" new_line="1">x</comment>\n</review>'
SORTED = '{"category": "x", "detailed_category": "y", "labels": [], "language": "en"}'
FEATURES = {
    "generate_commit_message": ({"diff": "+x"}, WORDS),
    "generate_description": ({"content": "x", "template": ""}, WORDS),
    "summarize_new_merge_request": ({"extracted_diff": "+x"}, WORDS),
    "summarize_review": ({"draft_notes_content": "x"}, WORDS),
    "review_merge_request": ({"mr_title": "t", "mr_description": "", "diff_lines": "<line/>", "full_file_intro": "",
                              "full_content_section": "", "custom_instructions_section": ""}, REVIEW),
    "resolve_vulnerability": ({"name": "x", "filename": "a.py", "identifiers": "CWE-89", "vulnerable_code": "x",
                               "source_code": "x", "vulnerability_description": "x"}, WORDS),
    "glab_ask_git_command": ({"prompt": "undo my commit"}, WORDS),
    "measure_comment_temperature": ({"content": "x"}, "2"),
    "categorize_question": ({"question": "x", "previous_answer": ""}, SORTED),
}
# What GitLab asks for when the feature is not on a self-hosted model (§1.7): with a model in conf.d it must find them.
PINS = {"generate_commit_message": "1.2.0", "resolve_vulnerability": "1.0.1", "review_merge_request": "1.3.0",
        "summarize_new_merge_request": "^2.0.0", "summarize_review": "2.1.0", "glab_ask_git_command": "1.0.0"}


def feature(name, version, with_model=True):
    def body(model, _):
        found = {"inputs": FEATURES[name][0], "prompt_version": version}
        if with_model:
            found["model_metadata"] = model.metadata()
        return found
    return body


def feature_row(label, name, version, path="/v1/prompts/", since="17.6", own_model=False):
    text = FEATURES[name][1]
    return Request(f"{label}-{name}", "rails", path + name, feature(name, version, not own_model), "prompt", (text,),
                   ("text", text), since, own_model=own_model)


# What is empty in GitLab is null in its request: no description, no template, no earlier answer, nothing selected.
EMPTY = {"generate_description": ("template",), "categorize_question": ("previous_answer",),
         "review_merge_request": ("mr_description",), "resolve_vulnerability": ("vulnerability_description", "filename")}
EMPTY_TOOLS = {"explain_code": ("selected_text", "file_content", "language_info"), "troubleshoot_job": ("language_info",),
               "fix_code": ("file_content", "file_content_reuse", "language_info"),
               "explain_vulnerability": ("vulnerability_description", "vulnerability_info")}


def emptied(inputs, names):
    return {name: None if name in names else value for name, value in inputs.items()}


def null_rows():
    for name, names in EMPTY.items():
        body = {"inputs": emptied(FEATURES[name][0], names), "prompt_version": "^1.0.0"}
        text = FEATURES[name][1]
        yield Request(f"prompt-null-{name}", "rails", f"/v1/prompts/{name}",
                      lambda model, version, body=body: {**body, "model_metadata": model.metadata()}, "prompt", (text,),
                      ("text", text))
    for name, names in EMPTY_TOOLS.items():
        yield Request(f"slash-null-{name}", "rails", f"/v1/prompts/chat/{name}", tool(emptied(COMMANDS[name], names)),
                      "slash", stream=True)


PROMPTS = [
    *null_rows(),
    *[feature_row("prompt", name, "^1.0.0") for name in FEATURES],
    *[feature_row("prompt-v2", name, "^1.0.0", "/v2/prompts/", "18.9") for name in FEATURES],
    *[feature_row("pin", name, pin, own_model=True) for name, pin in PINS.items()],
    Request("pin-explain_vulnerability", "rails", "/v1/prompts/chat/explain_vulnerability",
            lambda model, version: {"stream": True, "inputs": COMMANDS["explain_vulnerability"],
                                    "prompt_version": "1.0.1"}, "slash", stream=True, own_model=True),
]

# -- code suggestions -------------------------------------------------------------------------------------------------

ABOVE, BELOW = "# adds two numbers\ndef add(a, b):\n    ", "\n\nprint(add(1, 2))\n"


def editor(version, stream, intent="completion", long=False):
    """What the IDE sent, as Rails hands it on: unknown members included."""
    above, below = (ABOVE, BELOW) if not long else ("é\U0001f600" * 60000 + ABOVE, BELOW + "ñ\U0001f600" * 60000)
    most = 500 if version < (17, 11) else 100000
    return {"current_file": {"file_name": "app/car.py", "content_above_cursor": above[-most:],
                             "content_below_cursor": below[:most], "language_identifier": "python"},
            "intent": intent, "stream": stream, "project_path": "group/project", "user_instruction": None,
            "context": [{"type": "file", "name": "a.py", "content": "x = 1"}], "choices_count": 1,
            "telemetry": [{"model_engine": "litellm", "model_name": "codestral", "requests": 2, "accepts": 1,
                           "errors": 0, "lang": "python", "experiments": None}], "generation_type": "comment",
            "some_newer_field": {"of": ["an", "IDE"]}}


def complete(stream=False, long=False, with_model=True, **overlay):
    def body(model, version):
        more = {"prompt_version": 2, "prompt": None, **model.flat()} if with_model else {"prompt_version": 1}
        return {**editor(version, stream, long=long), **more, **overlay}
    return body


def generate_v2(stream):
    return lambda model, version: {**editor(version, stream, "generation"), "prompt_version": 2, "prompt": "",
                                   "prompt_id": "code_suggestions/generations", **model.flat()}


def generate(stream, with_model=True):
    def body(model, version):
        sent = editor(version, stream, "generation")
        enhancer = {"examples_array": [{"example": "x", "response": "y", "trigger_type": "comment"}],
                    "trimmed_content_above_cursor": ABOVE, "trimmed_content_below_cursor": BELOW,
                    "related_files": ['<file_content file_name="a.py">x</file_content>\n'], "related_snippets": [],
                    "libraries": ["requests", "flask"], "user_instruction": "Generate the best possible code."}
        payload = {"file_name": "app/car.py", "content_above_cursor": ABOVE, "content_below_cursor": BELOW,
                   "language_identifier": "Python", "stream": stream, "prompt_enhancer": enhancer,
                   "prompt_id": "code_suggestions/generations", "prompt_version": "^1.0.0" if with_model else "^2.0.1"}
        sent["prompt_components"] = [{"type": "code_editor_generation", "payload": payload}]
        if with_model:
            sent["model_metadata"] = model.metadata()
        return sent
    return body


V2, V3, V4 = "/v2/code/completions", "/v3/code/completions", "/v4/code/suggestions"
VENDORED = {
    "gitlab": {"model_provider": "gitlab", "model_name": ""},
    "gitlab-model": {"model_provider": "gitlab", "model_name": "codestral_2508_vertex"},
    "fireworks": {"model_provider": "fireworks_ai", "model_name": "codestral-2501"},
    "claude": {"prompt_version": 3, "prompt": [{"role": "user", "content": "complete"}], "model_provider": "anthropic",
               "model_name": "claude-sonnet-4-5-20250929"},
}


def code(name, path, body, **more):
    return Request(name, "workhorse", path, body, "suggestion", ("forty", "-two"), **more)


CODE_ROWS = [
    code("complete", V2, complete()),
    code("complete-stream", V2, complete(True), stream=True),
    code("complete-optional", V2, complete(), headers={
        "X-Gitlab-Language-Server-Version": "8.1.0", "X-Gitlab-Client-Type": "ide", "X-Gitlab-Client-Version": "6.1",
        "X-Gitlab-Client-Name": "VS Code", "X-Gitlab-Interface": "editor", "X-Gitlab-Saas-Namespace-Ids": "",
        "x-gitlab-namespace-id": "42", "x-gitlab-root-namespace-id": "42", "Accept": "application/json"}),
    code("complete-long", V2, complete(long=True)),
    code("complete-context", V2, complete(context=[{"type": "file", "name": f"{n}.py", "content": "x = 1\n" * 25000}
                                                   for n in range(3)])),
    code("complete-nulls", V2, complete(project_path=None, project_id=None, choices_count=None, stream=None)),
    code("complete-nothing", V2, complete(), wanted=("nothing", None)),
    *[code(f"complete-{name}", V2, complete(with_model=False, **overlay), own_model=True)
      for name, overlay in {"default": {}, **VENDORED}.items()],
    code("generate-v2", "/v2/code/generations", generate_v2(False), until="18.0", wanted=("text", "\n" + WORDS)),
    code("generate-v2-stream", "/v2/code/generations", generate_v2(True), until="18.0", stream=True),
    code("generate-v3", V3, generate(False)),
    code("generate-v3-stream", V3, generate(True), stream=True),
    code("generate-v4", V4, generate(False)),
    code("generate-v4-sse", V4, generate(True), stream=True, headers={"X-Supports-Sse-Streaming": "true"}),
    code("x-ray", "/v1/x-ray/libraries", lambda model, version: {"prompt": "x"}, calls=0,
         wanted=("error", 404, '{"detail":"Not Found"}')),
    code("generate-own", V4, generate(True, False), stream=True, own_model=True),
]
next(row for row in CODE_ROWS if row.name == "complete-nothing").says = ("",)

# -- direct connections -----------------------------------------------------------------------------------------------

DIRECT = [
    Request("direct", "ls", "/v2/completions", complete(), "direct", ("forty", "-two")),
    Request("direct-stream", "ls", "/v2/completions", complete(True), "direct", ("forty", "-two"), stream=True),
    Request("direct-own", "ls", "/v2/completions", complete(with_model=False), "direct", own_model=True),
    Request("direct-details", "ls", "/v2/completions", complete(with_model=False, model_details={
        "model_provider": "fireworks_ai", "model_name": "codestral-2501"}), "direct", own_model=True),
    Request("direct-bare", "ls", "/v2/completions", complete(with_model=False), "direct", wanted=("error", "fallback"),
            calls=0),
]

ALL = CHAT + OLD + TOOLS + PROMPTS + CODE_ROWS + DIRECT

# -- everything else (§1.9, §1.10) ------------------------------------------------------------------------------------

@dataclass
class Other:
    """A call whose answer is JSON for Rails, or a vendor's own. wanted: status → what is in the document."""
    name: str
    path: str
    body: object
    status: int = 200
    keys: tuple = ()
    method: str = "POST"
    headers: dict = field(default_factory=dict)
    since: str = "17.6"
    with_user_token: bool = False


def purpose(name, **more):
    return {"X-Gitlab-Unit-Primitive": name, "Accept": "application/json", **more}


ANTHROPIC = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
VERTEX = ("/v1/proxy/vertex-ai/v1/projects/PROJECT/locations/LOCATION/publishers/google/models/text-embedding-005"
          ":predict")
ISSUE = {"source": "issue", "command": "dev", "project_path": "g/p", "project_id": "1", "discussion_id": "d",
         "note_id": None, "issue_id": "2", "issue_iid": "3"}
Q = "/v1/amazon_q/"
ROLE = "arn:aws:iam::1:role/q"
OTHERS = [
    Other("models", "/v1/models%2Fdefinitions", None, 200, ("models", "unit_primitives"), "GET", since="18.0"),
    Other("docs", "/v1/search/gitlab-docs", {"type": "search-docs", "metadata": {
        "source": "GitLab EE", "version": "18.9.0"}, "payload": {"query": "How do I upload images?"}}, 200,
          ("response", "metadata")),
    Other("anthropic", "/v1/proxy/anthropic/v1/messages", ANTHROPIC, 200, ("content",),
          headers=purpose("resolve_vulnerability", **{"anthropic-version": "2023-06-01"})),
    # Recent gateways have neither, and GitLab's own features left them: a clean 404, and a clean refusal of a vendor
    # for which nothing is configured (embeddings are off in GitLab when its gateway is self-hosted).
    Other("anthropic-complete", "/v1/proxy/anthropic/v1/complete", {"model": "claude-2", "prompt": "x"}, 404,
          ("detail",), headers=purpose("resolve_vulnerability")),
    Other("vertex", VERTEX, {"instances": [{"content": "x"}]}, 500, ("detail",),
          headers=purpose("ai_gateway_model_provider_proxy"), since="18.0"),
    Other("agent-anthropic", "/v1/proxy/anthropic/v1/messages", ANTHROPIC, 200, ("content",), since="18.9",
          headers={"x-gitlab-unit-primitive": "ai_gateway_model_provider_proxy", "anthropic-version": "2023-06-01"},
          with_user_token=True),
    Other("agent-openai", "/v1/proxy/openai/v1/chat/completions",
          {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}, 200, ("choices",), since="18.9",
          headers={"x-gitlab-unit-primitive": "ai_gateway_model_provider_proxy"}, with_user_token=True),
    # Amazon Q needs an AWS that no test has: its errors are the contract's.
    Other("q-application", Q + "oauth/application", {"client_id": "a", "client_secret": "b", "instance_url": "c",
                                                     "redirect_url": "d", "role_arn": ROLE}, 500, ("detail",),
          headers=purpose("amazon_q_integration"), since="17.11"),
    Other("q-delete", Q + "oauth/application/delete", {"role_arn": ROLE}, 500, ("detail",),
          headers=purpose("amazon_q_integration"), since="17.11"),
    Other("q-verify", Q + "oauth/application/verify", {"role_arn": ROLE, "code": "f"}, 500, ("detail",),
          headers=purpose("amazon_q_integration"), since="18.0"),
    Other("q-events", Q + "events", {"payload": ISSUE, "code": "f", "role_arn": ROLE, "event_id": "Quick Action"}, 500,
          ("detail",), headers=purpose("amazon_q_integration"), since="17.11"),
]
