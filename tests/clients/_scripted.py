"""Models that answer by what they are asked, in OpenAI's or Anthropic's dialect, whole or as a stream."""
import json
import os
import re

from fakes.models import Reply

USAGE = (70, 20)  # tokens of every answer
PERSON = {"name": "Ann", "age": 7}


class Coder:
    """Asks an agent for one tool that reads a file, so many times in one turn, then says what the tool said. What it asks for is
    made from the agent's own list of tools, so the agent has to run it and bring the results home. word: what the file holds,
    and only the tool can have told."""
    readers = ("exec_command", "shell_command", "shell", "Read", "read_file", "read", "run_shell_command", "Bash", "bash")

    def __init__(self, path, word, times=1):
        self.path, self.word, self.times = path, word, times
        self.results = []  # what agents brought home

    def __call__(self, seen):
        asked = Asked(seen)
        tool = next((name for name in self.readers if name in asked.tools), None)
        if asked.results:
            self.results += asked.results
            found = self.word if self.word in asked.results[-1] else "not there: " + asked.results[-1][:200]
            return asked.text(f"The word is {found}.")
        if tool is None:  # a title for the session, a guess at its topic
            return asked.text("Reading a file")
        return asked.calls([(tool, self._arguments(asked.tools[tool]))] * self.times, "I look.")

    def _arguments(self, schema):
        given = {}
        for name, kind in schema.get("properties", {}).items():
            if name in ("cmd", "command"):
                given[name] = f"cat {self.path}" if kind.get("type") != "array" else ["cat", self.path]
            elif name.replace("_", "").lower() in ("filepath", "absolutepath", "path"):
                given[name] = self.path
            elif name in schema.get("required", ()):
                given[name] = "reads a file"
        return given


def adder(seen):
    """Calls `add` twice where there is such a tool, and says what came of it; gives a person where a schema asks for one; else
    says hello. Thinks when it is told to."""
    if seen.path.endswith("/completions") and not seen.path.endswith("/chat/completions"):
        return Reply(("hel", "lo"), usage=USAGE)
    asked = Asked(seen)
    if asked.results:
        return asked.text(" and ".join(asked.results))
    for name, schema in asked.tools.items():
        if "age" in schema.get("properties", {}):
            return asked.calls([(name, PERSON)])
    if "add" in asked.tools:
        return asked.calls([("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})])
    if asked.wants_person:
        return asked.text(json.dumps(PERSON))
    return asked.text("hello", thinking="two steps" if asked.thinks else "")


class Asked:
    """A request. tools: {name: schema}; results: of all its tools; wants_person: by a schema, wherever it stands."""

    def __init__(self, seen):
        self.body = seen.json()
        self.dialect = _Anthropic if seen.path.endswith("/messages") else _OpenAI
        self.tools = self.dialect.tools(self.body)
        self.results = self.dialect.results(self.body)
        self.wants_person = re.search(rb'"age\\?"', seen.body) is not None
        self.thinks = bool(self.body.get("reasoning_effort") or self.body.get("thinking"))

    def text(self, text, thinking=""):
        return self.dialect.reply(self.body, text, thinking, [])

    def calls(self, calls, text=""):
        return self.dialect.reply(self.body, text, "", [(f"call_{i}", *call) for i, call in enumerate(calls)])


def _words(content):
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def _halves(text):
    return [part for part in (text[:len(text) // 2], text[len(text) // 2:]) if part]


class _OpenAI:
    @staticmethod
    def tools(body):
        return {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", ())}

    @staticmethod
    def results(body):
        return [_words(message["content"]) for message in body["messages"] if message["role"] == "tool"]

    @staticmethod
    def reply(body, text, thinking, calls):
        finish = "tool_calls" if calls else "stop"
        usage = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}
        said = {"id": "chatcmpl-1", "created": 1764000000, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text or None, **({"reasoning_content": thinking} if thinking else {})}
            if calls:
                message["tool_calls"] = [{"id": ident, "type": "function", "function": {
                    "name": name, "arguments": json.dumps(given)}} for ident, name, given in calls]
            return Reply(body={**said, "object": "chat.completion", "usage": usage,
                               "choices": [{"index": 0, "message": message, "finish_reason": finish}]})
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": part} for part in _halves(thinking)] + [{"content": part} for part in _halves(text)]
        for index, (ident, name, given) in enumerate(calls):
            deltas.append({"tool_calls": [{"index": index, "id": ident, "type": "function",
                                           "function": {"name": name, "arguments": ""}}]})
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in _halves(json.dumps(given))]
        chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        chunks.append({"index": 0, "delta": {}, "finish_reason": finish})
        events = [{**said, "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks]
        if body.get("stream_options", {}).get("include_usage"):
            events.append({**said, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        return _stream("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n")


class _Anthropic:
    @staticmethod
    def tools(body):
        return {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", ())}

    @staticmethod
    def results(body):
        return [_words(block.get("content", "")) for message in body["messages"] if isinstance(message["content"], list)
                for block in message["content"] if block["type"] == "tool_result"]

    @staticmethod
    def reply(body, text, thinking, calls):
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}}
        stop = "tool_use" if calls else "end_turn"
        content = [{"type": "thinking", "thinking": thinking, "signature": "c2ln"}] if thinking else []
        content += [{"type": "text", "text": text}] if text else []
        content += [{"type": "tool_use", "id": ident, "name": name, "input": given} for ident, name, given in calls]
        if not body.get("stream"):
            return Reply(body={**message, "content": content, "stop_reason": stop})
        events = [{"type": "message_start", "message": message}]
        for index, block in enumerate(content):
            start, deltas = _Anthropic._pieces(block)
            events.append({"type": "content_block_start", "index": index, "content_block": start})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        events += [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                    "usage": message["usage"]}, {"type": "message_stop"}]
        return _stream("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))

    @staticmethod
    def _pieces(block):
        """A block as it starts, and what then comes of it."""
        if block["type"] == "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": part} for part in _halves(block["text"])]
        if block["type"] == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": part} for part in _halves(block["thinking"])]
            return {**block, "thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": "c2ln"}]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": part}
                                        for part in _halves(json.dumps(block["input"]))]


def _stream(text):
    return Reply(body=text, content_type="text/event-stream")


def file_with(folder, word):
    path = os.path.join(folder, "note.txt")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"The word is {word}.\n")
    return path
