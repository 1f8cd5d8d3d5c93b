"""Answers as model servers write them, in each wire dialect, whole and as a stream. An answer is a dict, whose members may all
be missing:

    text, reasoning, refusal   texts
    signature                  of the reasoning
    calls                      [[id, name, arguments object]]
    finish                     stop | length | tool_calls | filter | stop_sequence
    usage                      {"input", "cached", "output", "reasoning"}: input with the cached ones, output with reasoning
    choices                    [texts] instead of text
    logprobs                   {"token", "logprob"}: of the one token of the text
    broken                     in the middle of a stream: "cut" or "error"

write(dialect, answer, model, stream) gives (content type, bytes). What a dialect cannot say is left out.
"""
import binascii
import json
import struct

SSE, JSON, EVENTSTREAM = "text/event-stream", "application/json", "application/vnd.amazon.eventstream"
DIALECTS = ("chat", "mistral", "messages", "converse", "gemini")


def write(dialect, answer, model, stream):
    writer = WRITERS[dialect](answer, model)
    if not stream:
        return JSON, json.dumps(writer.whole()).encode()
    return writer.content_type, b"".join(writer.stream())


# -- AWS's binary event stream ---------------------------------------------------------------------------------------

def aws_header(name, value):
    text = value.encode()
    return struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(text)) + text


def aws_message(kind, name, payload):
    """kind: event, exception; or error, which has a text instead of a payload."""
    if kind == "error":
        headers, payload = aws_header(":error-code", name) + aws_header(":error-message", payload), b""
    else:
        headers = aws_header(f":{kind}-type", name) + aws_header(":content-type", JSON)
        payload = payload.encode()
    headers += aws_header(":message-type", kind)
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + payload
    return whole + struct.pack("!I", binascii.crc32(whole))


def sse(data, event=None):
    return ((f"event: {event}\n" if event else "") + f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n").encode()


# -- the dialects ----------------------------------------------------------------------------------------------------

def halves(text):
    """A text in two pieces, so that every stream has something to join."""
    return [part for part in (text[:len(text) // 2], text[len(text) // 2:]) if part]


class Writer:
    content_type = SSE

    def __init__(self, answer, model):
        self.answer, self.model = answer, model
        self.text, self.reasoning = answer.get("text", ""), answer.get("reasoning", "")
        self.calls, self.refusal = answer.get("calls", []), answer.get("refusal", "")
        self.finish = answer.get("finish") or ("tool_calls" if self.calls else "stop")
        self.counted = {"input": 12, "cached": 0, "output": 7, "reasoning": 0, **answer.get("usage", {})}

    def stream(self):
        """The frames, as far as they come."""
        for frame in self.begin():
            yield frame
        if self.answer.get("broken") == "error":
            yield self.error()
        if not self.answer.get("broken"):
            yield from self.end()


class Chat(Writer):
    finishes = {"filter": "content_filter", "stop_sequence": "stop"}

    def _usage(self):
        n = self.counted
        return {"prompt_tokens": n["input"], "completion_tokens": n["output"], "total_tokens": n["input"] + n["output"],
                "prompt_tokens_details": {"cached_tokens": n["cached"]},
                "completion_tokens_details": {"reasoning_tokens": n["reasoning"]}}

    def _calls(self):
        return [{"index": i, "id": ident, "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
                for i, (ident, name, args) in enumerate(self.calls)]

    def _finish(self):
        return self.finishes.get(self.finish, self.finish)

    def _logprobs(self):
        said = self.answer.get("logprobs")
        return said and {"content": [{**said, "bytes": None, "top_logprobs": []}], "refusal": None}

    def _message(self, text):
        message = {"role": "assistant", "content": text or None, "refusal": self.refusal or None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in self._calls()]
        return message

    def whole(self):
        texts = self.answer.get("choices", [self.text])
        return {"id": "cmpl-1", "object": "chat.completion", "created": 1795000000, "model": self.model,
                "choices": [{"index": i, "message": self._message(text), "finish_reason": self._finish(),
                             "logprobs": self._logprobs()} for i, text in enumerate(texts)], "usage": self._usage()}

    def _chunk(self, delta, index=0, finish=None, **more):
        return sse({"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1795000000, "model": self.model,
                    "choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}]})

    def begin(self):
        texts = self.answer.get("choices", [self.text])
        for i, text in enumerate(texts):
            yield self._chunk({"role": "assistant", "content": ""}, i)
            for piece in halves(self.reasoning):
                yield self._chunk({"reasoning_content": piece}, i)
            for piece in halves(text):
                yield self._chunk({"content": piece}, i, **({"logprobs": self._logprobs()} if piece == text[:len(piece)] else {}))
            for piece in halves(self.refusal):
                yield self._chunk({"refusal": piece}, i)
        for call in self._calls():
            arguments = call["function"].pop("arguments")
            yield self._chunk({"tool_calls": [{**call, "function": {**call["function"], "arguments": ""}}]})
            for piece in halves(arguments):
                yield self._chunk({"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]})

    def end(self):
        for i, _ in enumerate(self.answer.get("choices", [""])):
            yield self._chunk({}, i, self._finish())
        yield sse({"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1795000000, "model": self.model, "choices": [],
                   "usage": self._usage()})
        yield sse("[DONE]")

    def error(self):
        return sse({"error": {"message": "The server had an error.", "type": "server_error", "code": None}})


class Mistral(Chat):
    """Thinking is a part of the content, with its signature."""

    def _thought(self):
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": self.reasoning}], "closed": True}
        if self.answer.get("signature"):
            thought["signature"] = self.answer["signature"]
        return thought

    def _message(self, text):
        message = super()._message(text + self.refusal)
        message.pop("reasoning_content", None)
        message.pop("refusal")
        if self.reasoning:
            message["content"] = [self._thought()] + ([{"type": "text", "text": text}] if text else [])
        return message

    def begin(self):
        if self.reasoning:
            yield self._chunk({"role": "assistant", "content": [self._thought()]})
        inner = Chat({**self.answer, "reasoning": "", "refusal": "", "text": self.text + self.refusal}, self.model)
        yield from inner.begin()

    def error(self):
        return sse({"object": "error", "message": "Service unavailable.", "type": "internal_server_error", "code": "1000"})


class Messages(Writer):
    finishes = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "filter": "refusal"}

    def _usage(self):
        n = self.counted
        return {"input_tokens": n["input"] - n["cached"], "cache_read_input_tokens": n["cached"],
                "cache_creation_input_tokens": 0, "output_tokens": n["output"]}

    def _blocks(self):
        """(block when it starts, deltas, the whole block)"""
        if self.reasoning:
            signature = self.answer.get("signature", "")
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in halves(self.reasoning)]
            yield ({"type": "thinking", "thinking": "", "signature": ""},
                   deltas + ([{"type": "signature_delta", "signature": signature}] if signature else []),
                   {"type": "thinking", "thinking": self.reasoning, "signature": signature})
        if self.text + self.refusal:
            text = self.text + self.refusal
            yield ({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in halves(text)],
                   {"type": "text", "text": text})
        for ident, name, args in self.calls:
            block = {"type": "tool_use", "id": ident, "name": name}
            yield ({**block, "input": {}},
                   [{"type": "input_json_delta", "partial_json": piece} for piece in halves(json.dumps(args))],
                   {**block, "input": args})

    def _end(self):
        finish = "refusal" if self.refusal else self.finishes.get(self.finish, self.finish)
        return {"stop_reason": finish, "stop_sequence": "END" if finish == "stop_sequence" else None}

    def whole(self):
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": self.model,
                "content": [block for _, _, block in self._blocks()], **self._end(), "usage": self._usage()}

    def begin(self):
        yield sse({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {**self._usage(), "output_tokens": 1}}}, "message_start")
        for i, (start, deltas, _) in enumerate(self._blocks()):
            yield sse({"type": "content_block_start", "index": i, "content_block": start}, "content_block_start")
            for delta in deltas:
                yield sse({"type": "content_block_delta", "index": i, "delta": delta}, "content_block_delta")
            yield sse({"type": "content_block_stop", "index": i}, "content_block_stop")

    def end(self):
        yield sse({"type": "message_delta", "delta": self._end(), "usage": {"output_tokens": self.counted["output"]}},
                  "message_delta")
        yield sse({"type": "message_stop"}, "message_stop")

    def error(self):
        return sse({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}, "error")


class Converse(Writer):
    content_type = EVENTSTREAM
    finishes = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "filter": "content_filtered"}

    def _usage(self):
        n = self.counted
        return {"usage": {"inputTokens": n["input"] - n["cached"], "outputTokens": n["output"],
                          "totalTokens": n["input"] + n["output"], "cacheReadInputTokens": n["cached"],
                          "cacheWriteInputTokens": 0}, "metrics": {"latencyMs": 3}}

    def _finish(self):
        return "content_filtered" if self.refusal else self.finishes.get(self.finish, self.finish)

    def whole(self):
        content = []
        if self.reasoning:
            thought = {"text": self.reasoning, "signature": self.answer.get("signature")}
            content.append({"reasoningContent": {"reasoningText": {k: v for k, v in thought.items() if v}}})
        if self.text + self.refusal:
            content.append({"text": self.text + self.refusal})
        content += [{"toolUse": {"toolUseId": ident, "name": name, "input": args}} for ident, name, args in self.calls]
        return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": self._finish(),
                **self._usage()}

    def _event(self, name, data):
        return aws_message("event", name, json.dumps(data))

    def _block(self, deltas, index, start=None):
        if start:
            yield self._event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for delta in deltas:
            yield self._event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield self._event("contentBlockStop", {"contentBlockIndex": index})

    def begin(self):
        yield self._event("messageStart", {"role": "assistant"})
        index = 0
        if self.reasoning:
            deltas = [{"reasoningContent": {"text": piece}} for piece in halves(self.reasoning)]
            if self.answer.get("signature"):
                deltas.append({"reasoningContent": {"signature": self.answer["signature"]}})
            yield from self._block(deltas, index)
            index += 1
        if self.text + self.refusal:
            yield from self._block([{"text": piece} for piece in halves(self.text + self.refusal)], index)
            index += 1
        for ident, name, args in self.calls:
            yield from self._block([{"toolUse": {"input": piece}} for piece in halves(json.dumps(args))], index,
                                   {"toolUse": {"toolUseId": ident, "name": name}})
            index += 1

    def end(self):
        yield self._event("messageStop", {"stopReason": self._finish()})
        yield self._event("metadata", self._usage())

    def error(self):
        return aws_message("exception", "modelStreamErrorException",
                           json.dumps({"message": "The model broke down.", "originalStatusCode": 500}))


class Gemini(Writer):
    finishes = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "filter": "SAFETY", "stop_sequence": "STOP"}

    def _usage(self):
        n = self.counted
        return {"promptTokenCount": n["input"], "cachedContentTokenCount": n["cached"],
                "candidatesTokenCount": n["output"] - n["reasoning"], "thoughtsTokenCount": n["reasoning"],
                "totalTokenCount": n["input"] + n["output"]}

    def _answer(self, candidates, **more):
        return {"candidates": candidates, "modelVersion": self.model, "responseId": "r1", **more}

    def _finish(self):
        return "SAFETY" if self.refusal else self.finishes[self.finish]

    def _parts(self, texts):
        """Parts; texts cut in pieces by `texts`. The signature stands on the first part behind the thoughts."""
        parts = [{"text": piece, "thought": True} for piece in texts(self.reasoning)]
        rest = [{"text": piece} for piece in texts(self.text + self.refusal)]
        rest += [{"functionCall": {"name": name, "args": args, **({"id": ident} if ident else {})}}
                 for ident, name, args in self.calls]
        if self.answer.get("signature") and rest:
            rest[0]["thoughtSignature"] = self.answer["signature"]
        return parts + rest

    def _logprobs(self):
        said = self.answer.get("logprobs")
        chosen = said and {"token": said["token"], "logProbability": said["logprob"]}
        return {"logprobsResult": {"chosenCandidates": [chosen], "topCandidates": []}} if said else {}

    def whole(self):
        if "choices" in self.answer:
            parts = [[{"text": text}] for text in self.answer["choices"]]
        else:
            parts = [self._parts(lambda text: [text] if text else [])]
        return self._answer([{"content": {"role": "model", "parts": part}, "index": i, "finishReason": self._finish(),
                              **self._logprobs()} for i, part in enumerate(parts)], usageMetadata=self._usage())

    def begin(self):
        if "choices" in self.answer:
            for i, text in enumerate(self.answer["choices"]):
                yield sse(self._answer([{"content": {"role": "model", "parts": [{"text": text}]}, "index": i}]))
            return
        for part in self._parts(halves):
            yield sse(self._answer([{"content": {"role": "model", "parts": [part]}, "index": 0}]))

    def end(self):
        candidates = [{"index": i, "finishReason": self._finish(), **self._logprobs()}
                      for i, _ in enumerate(self.answer.get("choices", [""]))]
        yield sse(self._answer(candidates, usageMetadata=self._usage()))

    def error(self):
        return sse({"error": {"code": 500, "message": "Internal error encountered.", "status": "INTERNAL"}})


WRITERS = {"chat": Chat, "mistral": Mistral, "messages": Messages, "converse": Converse, "gemini": Gemini}
