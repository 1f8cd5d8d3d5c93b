"""What the cases of prompts share: every shipped prompt with its right and its inputs, request builders."""
from ._env import API_KEY, Reply, detail

CHECK = "model_configuration%2Fcheck"
STREAM = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
INVALID = detail("Validation error")
UNIT = Reply(pieces=("Hi John!",), usage=(10, 20))
COUNT = {"input_tokens": 10, "output_tokens": 20}
V1, V2 = "/v1/prompts/", "/v2/prompts/"
COMMIT = V1 + "generate_commit_message"
DIFF = {"diff": "+x"}

# id → right, inputs that it needs beside current_date, families with a text or parameters of their own
CODE = ["file_content", "input", "language_info", "selected_text"]
READER = ["input", "suggestions"]
FINDING = ["identifiers", "title", "vulnerability_description", "vulnerability_info"]
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
