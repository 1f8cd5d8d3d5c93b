"""The four client APIs as a careful client sees them: how a request is sent, and what came back, in words that are the same for
all of them: {"status", "text", "reasoning", "signature", "calls", "refusal", "finish", "usage", "choices", "logprobs", "error",
"broken"}. Reading checks the order and the ids that the vendors' SDKs insist on."""
import json

from harness.runner import Failure, equal, truth

HELLO = "Say hello."


class Answer(dict):
    """What came back. `turn`: the members that carry it into the next request of this API."""
    turn = None


def sse(response):
    """[(event name or None, data text)]"""
    found = []
    for block in response.text.split("\n\n"):
        name, data = None, []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif line and not line.startswith(":"):
                raise Failure("nothing but event, data and comment lines", line)
        if data:
            found.append((name, "\n".join(data)))
    return found


class Api:
    """One of the APIs. finishes: canonical word → what it says here."""
    key = "authorization"

    def headers(self, key):
        return {"Authorization": f"Bearer {key}"}

    def read(self, response, stream):
        found = Answer(status=response.status, text="", reasoning="", signature="", calls=[], refusal="", finish=None, usage=None,
                       choices={}, logprobs=None, error=None, broken=False, dropped=self.dropped(response))
        if response.status != 200:
            found["error"] = self.error(response)
        elif stream:
            equal((response.header("content-type") or "").split(";")[0], "text/event-stream", "content-type")
            self.stream(response, found)
        else:
            equal((response.header("content-type") or "").split(";")[0], "application/json", "content-type")
            self.whole(response.json(), found)
        return found

    @staticmethod
    def dropped(response):
        return sorted(name for name in response.header("x-aigw-dropped", "").split(", ") if name)


def arguments(text):
    truth(isinstance(text, str), "arguments as text", text)
    return json.loads(text)


def openai_error(response):
    error = response.json()["error"]
    equal(set(error), {"message", "type", "param", "code"}, "members of the error")
    return {name: error[name] for name in ("type", "code", "param", "message")}


class Chat(Api):
    name = "chat"
    title = "OpenAI chat"
    finishes = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "filter": "content_filter",
                "stop_sequence": "stop", "refusal": "stop"}
    errors = {"bad_request": (400, "invalid_request_error", None), "auth": (502, "server_error", "upstream_auth"),
              "not_found": (404, "invalid_request_error", "model_not_found"),
              "context_too_long": (400, "invalid_request_error", "context_length_exceeded"),
              "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded"),
              "overloaded": (503, "server_error", "overloaded"), "server": (502, "server_error", "upstream_error"),
              "unsupported": (400, "invalid_request_error", "unsupported_parameter")}

    def send(self, model, members, stream, kind="chat"):
        path = {"chat": "/v1/chat/completions", "embedding": "/v1/embeddings", "completion": "/v1/completions"}[kind]
        body = {"model": model, **({"messages": [{"role": "user", "content": HELLO}]} if kind == "chat" else {}), **members}
        if stream:
            body.update(stream=True, stream_options={"include_usage": True})
        return path, body

    def history(self, answer):
        return {"messages": [{"role": "user", "content": HELLO}, answer.turn,
                             *({"role": "tool", "tool_call_id": call[0], "content": "sunny"} for call in answer["calls"])]}

    def error(self, response):
        return openai_error(response)

    def is_error(self, error, kind):
        status, kind, code = self.errors[kind]
        return error["type"] == kind and (code is None or error["code"] == code)

    def usage(self, said):
        equal(said["total_tokens"], said["prompt_tokens"] + said["completion_tokens"], "total_tokens")
        return {"input": said["prompt_tokens"], "cached": said.get("prompt_tokens_details", {}).get("cached_tokens", 0),
                "output": said["completion_tokens"],
                "reasoning": said.get("completion_tokens_details", {}).get("reasoning_tokens", 0)}

    def whole(self, body, found):
        if body["object"] == "list":
            found["vectors"] = [item["embedding"] for item in body["data"]]
            return
        for choice in body["choices"]:
            said = choice.get("message") or {"content": choice["text"]}
            found["choices"][choice["index"]] = said.get("content") or ""
            found["refusal"] += said.get("refusal") or ""
            found["reasoning"] += said.get("reasoning_content") or ""
            for call in said.get("tool_calls") or []:
                if call["type"] == "function":
                    found["calls"].append([call["id"], call["function"]["name"], arguments(call["function"]["arguments"])])
            found["finish"], found["logprobs"] = choice["finish_reason"], choice.get("logprobs")
            found.turn = said
        found["text"], found["usage"] = found["choices"].get(0, ""), self.usage(body["usage"])

    def stream(self, response, found):
        events = sse(response)
        ids, calls, finish_at = set(), {}, None
        found["broken"] = not events or events[-1][1] != "[DONE]"
        turn = {"role": "assistant", "content": ""}
        for place, (name, text) in enumerate(events[:None if found["broken"] else -1]):
            equal(name, None, "an event's name")
            chunk = json.loads(text)
            if "error" in chunk:
                truth(found["broken"] and place == len(events) - 1, "an error at the end", response.text[-300:])
                found["error"] = {name: chunk["error"].get(name) for name in ("type", "code", "message")}
                return
            ids.add((chunk.get("id"), chunk.get("model")))
            if not chunk["choices"]:
                if chunk.get("usage"):
                    truth(finish_at is not None and place == len(events) - 2, "usage as the last chunk", response.text[-400:])
                    found["usage"] = self.usage(chunk["usage"])
                continue
            for choice in chunk["choices"]:
                self._choice(choice, found, calls, turn)
                finish_at = place if choice["finish_reason"] else finish_at
        equal(len(ids), 1, f"ids and models of the stream, {ids}:")
        found["calls"] = [[ident, name, arguments(text)] for _, (ident, name, text) in sorted(calls.items())]
        equal(sorted(calls), list(range(len(calls))), "indexes of calls")
        found["text"] = turn["content"] = found["choices"].get(0, "")
        if calls:
            turn["tool_calls"] = [{"id": ident, "type": "function", "function": {"name": name, "arguments": text},
                                   **turn.pop("extra", {})} for ident, name, text in calls.values()]
        turn.pop("extra", None)
        found.turn = turn

    @staticmethod
    def _choice(choice, found, calls, turn):
        delta = choice.get("delta", {"content": choice.get("text")})
        truth(choice["index"] in found["choices"] or delta.get("role") == "assistant" or "delta" not in choice,
              "a role in the first chunk", choice)
        found["choices"].setdefault(choice["index"], "")
        found["choices"][choice["index"]] += delta.get("content") or ""
        found["refusal"] += delta.get("refusal") or ""
        found["reasoning"] += delta.get("reasoning_content") or ""
        if delta.get("reasoning_content"):
            turn["reasoning_content"] = turn.get("reasoning_content", "") + delta["reasoning_content"]
        for call in delta.get("tool_calls") or []:
            made = calls.setdefault(call["index"], ["", "", ""])
            for at, part in enumerate((call.get("id"), call["function"].get("name"), call["function"].get("arguments"))):
                made[at] += part or ""
            if call.get("extra_content"):
                turn["extra"] = {"extra_content": call["extra_content"]}
        found["finish"] = choice["finish_reason"] or found["finish"]
        found["logprobs"] = choice.get("logprobs") or found["logprobs"]


class Responses(Api):
    name = "responses"
    title = "OpenAI Responses"
    finishes = {"stop": "completed", "length": "incomplete max_output_tokens", "tool_calls": "completed",
                "filter": "incomplete content_filter", "stop_sequence": "completed", "refusal": "completed"}
    errors = Chat.errors
    is_error = Chat.is_error

    def send(self, model, members, stream, kind="chat"):
        path = {"chat": "/v1/responses", "count": "/v1/responses/input_tokens"}[kind]
        return path, {"model": model, "input": HELLO, **members, **({"stream": True} if stream else {})}

    def history(self, answer):
        return {"input": [{"role": "user", "content": HELLO}, *answer.turn,
                          *({"type": "function_call_output", "call_id": call[0], "output": "sunny"} for call in answer["calls"])]}

    def error(self, response):
        return openai_error(response)

    def whole(self, body, found):
        if body["object"] == "response.input_tokens":
            found["tokens"] = body["input_tokens"]
            return
        for member in ("id", "created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools"):
            truth(member in body, f"{member} in a response", body)
        equal((body["object"], body["store"], body["error"] is None), ("response", False, body["status"] != "failed"), "object, store, error")
        for item in body["output"]:
            truth(item.get("id"), "an id of each item", item)
            if item["type"] == "reasoning":
                found["reasoning"] += "".join(part["text"] for part in item["summary"] + (item.get("content") or []))
                found["signature"] = item.get("encrypted_content") or found["signature"]
            elif item["type"] == "function_call":
                found["calls"].append([item["call_id"], item["name"], arguments(item["arguments"])])
            elif item["type"] == "message":
                for part in item["content"]:
                    if part["type"] == "output_text":
                        truth(isinstance(part["annotations"], list), "annotations", part)
                        found["text"] += part["text"]
                        found["logprobs"] = part.get("logprobs") or None
                    else:
                        found["refusal"] += part["refusal"]
        found["finish"] = " ".join([body["status"], *([body["incomplete_details"]["reason"]] if body["incomplete_details"] else [])])
        said = body["usage"]
        found["usage"] = {"input": said["input_tokens"], "cached": said["input_tokens_details"]["cached_tokens"],
                          "output": said["output_tokens"], "reasoning": said["output_tokens_details"]["reasoning_tokens"]}
        equal(said["total_tokens"], said["input_tokens"] + said["output_tokens"], "total_tokens")
        found["choices"] = {0: found["text"]}
        found.turn = body["output"]

    def stream(self, response, found):
        events = [(name, json.loads(text)) for name, text in sse(response) if text != "[DONE]"]
        truth(all(name == data["type"] for name, data in events), "names that are the types", response.text[:300])
        equal([data["sequence_number"] for _, data in events], list(range(len(events))), "sequence numbers")
        equal([name for name, _ in events[:2]], ["response.created", "response.in_progress"], "how it begins")
        equal(len({data["response"]["id"] for _, data in events if "response" in data}), 1, "ids of the response")
        name, last = events[-1]
        if name == "response.failed":
            found["broken"], found["error"] = True, {"type": None, **last["response"]["error"]}
            return
        truth(name in ("response.completed", "response.incomplete"), "an end", name)
        self._items(events[2:-1], last["response"]["output"])
        self.whole(last["response"], found)

    @staticmethod
    def _items(events, output):
        """Each item is added, filled, done; done items are those of the response."""
        is_open, done, text, made = False, [], {}, ""
        for name, data in events:
            if name == "response.output_item.added":
                truth(not is_open and data["output_index"] == len(done), "one item after the other", data)
                is_open, ident, made = True, data["item"]["id"], ""
            elif name == "response.output_item.done":
                truth(is_open and data["item"]["id"] == ident, "the end of the item that is open", data)
                is_open = False
                done.append(data["item"])
            else:
                truth(is_open and data["item_id"] == ident, "an item that is open", data)
                if name.endswith(".delta"):
                    made += data["delta"]
                elif name.endswith(".done") and not name.endswith("part.done"):
                    whole = next(data[key] for key in ("text", "arguments", "refusal", "input") if key in data)
                    equal(made, whole, f"the pieces of {name}")
                    made = ""
        truth(not is_open, "the last item done", made)
        equal(done, output, "items of the response")


class Messages(Api):
    name = "messages"
    title = "Anthropic Messages"
    finishes = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "filter": "refusal",
                "stop_sequence": "stop_sequence", "refusal": "refusal"}
    errors = {"bad_request": (400, "invalid_request_error"), "auth": (502, "api_error"), "not_found": (404, "not_found_error"),
              "context_too_long": (400, "invalid_request_error"), "rate_limited": (429, "rate_limit_error"),
              "overloaded": (529, "overloaded_error"), "server": (502, "api_error"), "unsupported": (400, "invalid_request_error")}

    def headers(self, key):
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def send(self, model, members, stream, kind="chat"):
        path = {"chat": "/v1/messages", "count": "/v1/messages/count_tokens"}[kind]
        return path, {"model": model, **({"max_tokens": 4096} if kind == "chat" else {}),
                      "messages": [{"role": "user", "content": HELLO}], **members, **({"stream": True} if stream else {})}

    def history(self, answer):
        results = [{"type": "tool_result", "tool_use_id": call[0], "content": "sunny"} for call in answer["calls"]]
        return {"messages": [{"role": "user", "content": HELLO}, {"role": "assistant", "content": answer.turn},
                             {"role": "user", "content": results or HELLO}]}

    def error(self, response):
        body = response.json()
        equal((body["type"], "request_id" in body), ("error", True), "an error with the request's id")
        return {"type": body["error"]["type"], "code": None, "message": body["error"]["message"]}

    def is_error(self, error, kind):
        return error["type"] == self.errors[kind][1] and (
            kind != "context_too_long" or (error["message"].startswith("prompt is too long: ") and " tokens > " in error["message"]))

    def whole(self, body, found):
        if "input_tokens" in body:
            found["tokens"] = body["input_tokens"]
            return
        for block in body["content"]:
            if block["type"] == "text":
                found["text"] += block["text"]
            elif block["type"] == "thinking":
                found["reasoning"] += block["thinking"]
                found["signature"] = block["signature"]
            elif block["type"] == "redacted_thinking":
                found["signature"] = block["data"]
            else:
                equal(block["type"], "tool_use", "a block")
                found["calls"].append([block["id"], block["name"], block["input"]])
        found["finish"] = body["stop_reason"]
        said = body["usage"]
        cached = said.get("cache_read_input_tokens") or 0
        found["usage"] = {"input": said["input_tokens"] + cached, "cached": cached, "output": said["output_tokens"]}
        found["choices"] = {0: found["text"]}
        found.turn = body["content"]

    def stream(self, response, found):
        events = [(name, json.loads(text)) for name, text in sse(response)]
        truth(all(name == data["type"] for name, data in events), "names that are the types", response.text[:300])
        events = [data for _, data in events if data["type"] != "ping"]
        if events and events[-1]["type"] == "error":
            found["broken"] = True
            found["error"] = {"code": None, **{key: events[-1]["error"][key] for key in ("type", "message")}}
            return
        equal([events[0]["type"], events[-2]["type"], events[-1]["type"]], ["message_start", "message_delta", "message_stop"],
              "begin and end")
        body, blocks = events[0]["message"], []
        truth("usage" in body and "output_tokens" in events[-2]["usage"], "usage at both ends", response.text[-400:])
        is_open = False
        for data in events[1:-2]:
            if data["type"] == "content_block_start":
                truth(not is_open and data["index"] == len(blocks), "one block after the other", data)
                blocks.append({**data["content_block"], "json": ""})
                is_open = True
                continue
            truth(is_open and data["index"] == len(blocks) - 1, "an open block", data)
            if data["type"] == "content_block_stop":
                is_open = False
                continue
            delta = data["delta"]
            key = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature",
                   "input_json_delta": "json"}[delta["type"]]
            blocks[-1][key] += delta[{"json": "partial_json"}.get(key, key)]
        for block in blocks:
            made = block.pop("json")
            if block["type"] == "tool_use":
                block["input"] = json.loads(made or "{}")
        self.whole({**body, "content": blocks, **events[-2]["delta"], "usage": {**body["usage"], **events[-2]["usage"]}}, found)


class Gemini(Api):
    name = "gemini"
    title = "Gemini generateContent"
    finishes = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "filter": "SAFETY", "stop_sequence": "STOP",
                "refusal": "SAFETY"}
    errors = {"bad_request": (400, "INVALID_ARGUMENT"), "auth": (502, "INTERNAL"), "not_found": (404, "NOT_FOUND"),
              "context_too_long": (400, "INVALID_ARGUMENT"), "rate_limited": (429, "RESOURCE_EXHAUSTED"),
              "overloaded": (503, "UNAVAILABLE"), "server": (502, "INTERNAL"), "unsupported": (400, "INVALID_ARGUMENT")}

    def headers(self, key):
        return {"x-goog-api-key": key}

    def send(self, model, members, stream, kind="chat"):
        method = {"chat": "streamGenerateContent?alt=sse" if stream else "generateContent", "count": "countTokens",
                  "embedding": "batchEmbedContents"}[kind]
        hello = {} if kind == "embedding" else {"contents": [{"role": "user", "parts": [{"text": HELLO}]}]}
        return f"/v1beta/models/{model}:{method}", {**hello, **members}

    def history(self, answer):
        results = [{"functionResponse": {"name": call[1], "response": {"output": "sunny"}, **({"id": call[0]} if call[0] else {})}}
                   for call in answer["calls"]]
        hello = {"role": "user", "parts": [{"text": HELLO}]}
        return {"contents": [hello, {"role": "model", "parts": answer.turn}, {"role": "user", "parts": results} if results else hello]}

    def error(self, response):
        error = response.json()["error"]
        equal(error["code"], response.status, "code of the error")
        return {"type": error["status"], "code": None, "message": error["message"]}

    def is_error(self, error, kind):
        return error["type"] == self.errors[kind][1]

    def whole(self, body, found):
        if "totalTokens" in body:
            found["tokens"] = body["totalTokens"]
            return
        if "embeddings" in body:
            found["vectors"] = [item["values"] for item in body["embeddings"]]
            return
        self._take(body, found)
        found["text"] = found["choices"].get(0, "")

    def _take(self, body, found):
        for candidate in body.get("candidates", []):
            index = candidate.get("index", 0)
            found["choices"].setdefault(index, "")
            for part in candidate.get("content", {}).get("parts", []):
                self._part(part, found, index)
                found.turn = (found.turn or []) + [part]
            found["finish"] = candidate.get("finishReason", found["finish"])
            found["logprobs"] = candidate.get("logprobsResult", found["logprobs"])
        if "usageMetadata" in body:
            said = body["usageMetadata"]
            found["usage"] = {"input": said.get("promptTokenCount", 0), "cached": said.get("cachedContentTokenCount", 0),
                              "output": said.get("candidatesTokenCount", 0) + said.get("thoughtsTokenCount", 0),
                              "reasoning": said.get("thoughtsTokenCount", 0)}
            equal(said.get("totalTokenCount", 0), found["usage"]["input"] + found["usage"]["output"], "totalTokenCount")

    @staticmethod
    def _part(part, found, index):
        found["signature"] = part.get("thoughtSignature", found["signature"])
        if "functionCall" in part:
            call = part["functionCall"]
            found["calls"].append([call.get("id"), call["name"], call.get("args", {})])
        elif part.get("thought"):
            found["reasoning"] += part["text"]
        else:
            found["choices"][index] += part["text"]

    def stream(self, response, found):
        lines = [line for line in response.text.split("\n") if line.strip()]
        truth(all(line.startswith("data: {") for line in lines), "nothing but data lines", response.text[:300])
        for place, line in enumerate(lines):
            body = json.loads(line[6:])
            if "error" in body:
                equal(place, len(lines) - 1, "place of the error")
                found["broken"] = True
                found["error"] = {"type": body["error"]["status"], "code": None, "message": body["error"]["message"]}
                return
            self._take(body, found)
        found["text"] = found["choices"].get(0, "")
        truth(found["finish"], "a finishReason", lines[-1])


APIS = {api.name: api for api in (Chat(), Responses(), Messages(), Gemini())}
