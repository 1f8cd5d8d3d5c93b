"""What a user of GitLab sees of an answer of the gateway: the readers of each route, with GitLab's mapping of statuses,
bodies and exceptions to the codes that it shows (gitlab-client.md §1.5 to §1.9, §3.4, §4, §7). The connections are
those of clients.py.

A verdict is ("text", what the user gets) · ("action", tool call) · ("error", code) · others as each reader says. Codes:
A1000 time-out · A1001 no chat · A1002 nothing to read · A1003 cut · A1004, A1005 the gateway's error event · A1006 too
many turns · A9999 anything else · G3001 no such tool · M3006 no right · M4000 slash command · M4001 reader.
"""
import json
import re

from harness import http

from . import clients

EVENT = re.compile(r"{.*}\n")
TOOLS = ("build_reader", "issue_reader", "gitlab_documentation", "epic_reader", "merge_request_reader", "commit_reader",
         "work_item_reader")
RETRIES = 2      # of a step whose error event allows it
TURNS = 10       # of one question
WAITS = (2, 4)   # before a prompt is repeated after a 429


# -- Duo Chat ---------------------------------------------------------------------------------------------------------

def chat(rails, body):
    """/v2/chat/agent, one step (§1.6)."""
    for _ in range(1 + RETRIES):
        try:
            response = rails.call("/v2/chat/agent", body, stream=True)
        except clients.ReadTimeout:
            return "error", "A1000"
        except http.HttpError:
            return "error", "A1003"
        except OSError:
            return "error", "A9999"
        if response.status != 200:
            return "error", "M3006" if response.status == 403 else "A9999"
        verdict = _events(response)
        if verdict is not None:
            return verdict
    return "error", "A1004"


def _events(response):
    """The verdict of a stream, None when the step may be repeated."""
    text, finish, seen = "", None, False
    for match in EVENT.findall(response.text):
        event = json.loads(match)
        data = event.get("data") or {}
        kind = event["type"]
        if kind == "final_answer_delta":
            seen = True
            if not isinstance(data["text"], str):
                return "error", "A9999"
            text += data["text"]
            finish = data.get("finish_reason")
        elif kind == "action":
            return ("action", data) if data["tool"] in TOOLS else ("error", "A9999")
        elif kind == "unknown":
            return "text", data["text"]
        elif kind == "error":
            if data.get("retryable"):
                return None
            message = data.get("message", "")
            if "prompt is too long" in message:
                return "error", "A1005"
            return "error", "G3001" if "tool not available" in message else "A1004"
    if not response.is_complete:
        return "error", "A1003"
    if not seen:
        return "error", "A1002"
    return ("text", text) if finish else ("cut off", text)


def conversation(rails, make_body, observe):
    """A question with its tools: make_body(steps) → body, steps a list of (action, observation)."""
    steps = []
    for _ in range(TURNS):
        verdict = chat(rails, make_body(steps))
        if verdict[0] != "action":
            return verdict
        steps.append((verdict[1], observe(verdict[1])))
    return "error", "A1006"


def old_chat(rails, path, body):
    """/v1/chat/…: raw text as a stream, a document when not."""
    stream = bool(body.get("stream"))
    response, code = _raw(rails, path, body, "A1001", stream)
    if code:
        return "error", code
    return "text", response.text if stream else rails.parsed(response)["response"]


def _raw(rails, path, body, code, stream=True):
    """(response, None) or (None, the code for what went wrong)."""
    try:
        response = rails.call(path, body, stream=stream)
    except clients.ReadTimeout:
        return None, "A1000"
    except http.HttpError:
        return None, "A1003"
    except OSError:
        return None, code
    if response.status != 200:
        return None, "M3006" if response.status == 403 else code
    return (response, None) if response.is_complete else (None, "A1003")


def slash(rails, path, body):
    """A slash command's tool (§1.7): raw text."""
    response, code = _raw(rails, path, body, "M4000")
    return ("error", code) if code else ("text", response.text)


def reader(rails, path, body):
    """A reader's tool: the text must hold an object that names a resource; it is asked for three times."""
    for _ in range(3):
        response, code = _raw(rails, path, body, "M4001")
        if code:
            return "error", code
        text = response.text.split("```json", 1)[-1].split("```", 1)[0]
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if {"ResourceIdentifierType", "ResourceIdentifier"} <= set(found):
            return "resource", found["ResourceIdentifier"]
    return "error", "M4001"


# -- what is not a stream ---------------------------------------------------------------------------------------------

def prompt(rails, path, body, slept=None):
    """A feature that is not chat (§1.8): ("text", …) or ("error", "generic"). slept: the waits it would have made."""
    for wait in (*WAITS, None):
        try:
            response = rails.call(path, body)
        except (OSError, http.HttpError, clients.ReadTimeout):
            return "error", "generic"
        if response.status != 429 or wait is None:
            break
        if slept is not None:
            slept.append(wait)
    if response.status != 200 or not response.is_complete:
        return "error", "generic"
    found = rails.parsed(response)
    if path.startswith("/v2/"):
        found = found.get("content") if isinstance(found, dict) else None
    return ("text", found) if isinstance(found, str) and found else ("error", "generic")


def user_token(rails, path="/v1/code/user_access_token", headers=None):
    """What direct_access and third-party agents need: ("token", the document), else ("error", what the IDE is told)."""
    response = rails.call(path, timeout=30, headers=headers)
    document = rails.parsed(response)
    if response.status in (200, 201) and document.get("token") and isinstance(document.get("expires_at"), int):
        return "token", document
    return "error", response.status


def documents(rails, body):
    """Documentation search (§1.9): on failure Rails goes on without documents."""
    try:
        response = rails.call("/v1/search/gitlab-docs", body)
        results = rails.parsed(response)["response"]["results"] if response.status == 200 else []
    except (OSError, ValueError, KeyError, TypeError, http.HttpError, clients.ReadTimeout):
        return "documents", None
    return "documents", results


def document(rails, path, body=None, method="POST", headers=None):
    """Any other JSON answer: ("document", what was parsed) or ("error", status)."""
    response = rails.call(path, body, method, headers=headers)
    found = rails.parsed(response)
    good = response.status == 200 and response.is_complete and isinstance(found, (dict, list))
    return ("document", found) if good else ("error", response.status)


# -- what the IDE reads, through Workhorse or directly -----------------------------------------------------------------

def suggestion(response):
    """Status and body as they came through Workhorse: ("text", …), ("nothing", None), ("error", status, body)."""
    if response.status != 200:
        return "error", response.status, response.text
    if not response.is_complete:
        return "error", "cut"
    kind = (response.header("content-type") or "").split(";")[0]
    if response.header("x-streaming-format") == "sse":
        return sse(response.text)
    if kind != "application/json":
        return "text", response.text
    choices = response.json()["choices"]
    return ("text", choices[0]["text"]) if choices else ("nothing", None)


def sse(body):
    """The language server's reading of a v4 stream: what is between stream_start and stream_end."""
    text, state = "", None
    for message in body.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in message.split("\n") if ": " in line and line[0] != ":")
        if not fields:
            continue
        data = json.loads(fields["data"])
        if fields["event"] == "stream_start":
            state = "open" if data["metadata"]["model"] else None
        elif fields["event"] == "content_chunk" and state == "open":
            text += data["choices"][0]["delta"]["content"]
        elif fields["event"] == "stream_end" and state == "open":
            return "text", text
        else:
            return "error", "event"
    return "error", "cut"
