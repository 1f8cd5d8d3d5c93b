"""Fake model servers: OpenAI-compatible (chat, completions, models) and Anthropic-compatible (messages).

Each test asks for a Script and gets a base URL of its own (…/s/<n>/v1), so tests that run side by side share a server
but never each other's answers or records. A Script is a list of Replies; the n-th request gets the n-th, the last one
stays.
"""
import itertools
import json
import threading
import time
from dataclasses import dataclass
from typing import Optional

from .net import Server


@dataclass
class Reply:
    """One answer. With status ≥ 400 (or body set) it is a plain answer, else a completion in the asked-for form."""
    pieces: tuple = ("x",)              # text, in the pieces a stream sends
    usage: Optional[tuple] = None       # (input, output) tokens
    finish: Optional[str] = "stop"      # None: no finish reason is ever sent
    status: int = 200
    body: object = None                 # bytes, text or an object sent as JSON, instead of a completion
    headers: tuple = ()
    head_delay: float = 0.0             # before the status line
    piece_delay: float = 0.0            # before each piece but the first
    cut_after: Optional[int] = None     # pieces sent before the cut …
    cut: str = "close"                  # … close (FIN) | reset | end (clean end of body, no finish, no end marker)
    done_marker: bool = True            # "data: [DONE]"
    drip: int = 0                       # > 0: bytes per write, each drained, with piece_delay between writes
    raw: Optional[bytes] = None         # sent as is instead of an HTTP answer, then closed
    hang: bool = False                  # accept and never answer
    error_event: Optional[dict] = None  # sent as an event after cut_after pieces (or all)
    content_type: str = "application/json"
    filler: int = 0                     # > 0: instead of pieces, this many pieces of filler_size bytes
    filler_size: int = 1024
    gate: object = None                 # net.Gate: the second piece (or a whole answer) waits for it


@dataclass
class Seen:
    """One recorded request."""
    method: str
    path: str
    headers: list
    body: bytes
    at: float
    peer: object = None
    gone_at: Optional[float] = None     # the caller left before the answer was complete
    pieces_sent: int = 0
    bytes_accepted: int = 0             # taken by the kernel, body bytes of streams
    is_done: bool = False

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def json(self):
        return json.loads(self.body)


class Script:
    def __init__(self, server, number, replies):
        self.server = server
        self.number = number
        self.replies = list(replies) or [Reply()]
        self.seen = []
        self._cond = threading.Condition()

    @property
    def base(self):
        """What an operator would write as endpoint, with /v1."""
        return f"{self.server.url}/s/{self.number}/v1"

    @property
    def root(self):
        return f"{self.server.url}/s/{self.number}"

    @property
    def count(self):
        return len(self.seen)

    def wait(self, condition, timeout=5.0):
        """Wait until condition(self) holds; True if it did. Checked at each event of this script."""
        deadline = time.monotonic() + timeout
        with self._cond:
            while not condition(self):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._cond.wait(min(left, 0.25))
        return True

    def notify(self):
        with self._cond:
            self._cond.notify_all()

    def next_reply(self):
        """A script may have one function of the request instead of replies."""
        if callable(self.replies):
            return self.replies(self.seen[-1])
        return self.replies[min(len(self.seen) - 1, len(self.replies) - 1)]


class FakeModels:
    """One server; scripts by path prefix. Requests outside every script are kept in `stray`."""

    def __init__(self, tls=None, port=0, host="127.0.0.1"):
        self.stray = []
        self._scripts = {}
        self._numbers = itertools.count(1)
        self.host = host
        self.server = Server(self._handle, tls=tls, host=host, port=port)

    @property
    def url(self):
        return f"{self.server.scheme}://{self.host}:{self.server.port}"

    def script(self, *replies):
        number = next(self._numbers)
        script = Script(self, number, replies)
        self._scripts[number] = script
        return script

    def close(self):
        self.server.close()

    async def _handle(self, ex):
        parts = ex.request.path.split("/")
        script = None
        if len(parts) > 2 and parts[1] == "s" and parts[2].isdigit():
            script = self._scripts.get(int(parts[2]))
        if script is None:
            self.stray.append(ex.request)
            ex.reply(404, '{"error":{"message":"no such script"}}')
            return
        request = ex.request
        seen = Seen(request.method, request.target, request.headers, request.body, request.at,
                    ex.conn.transport.get_extra_info("peername"))
        script.seen.append(seen)
        reply = script.next_reply()
        script.notify()
        try:
            await self._answer(ex, script, seen, reply)
        finally:
            if ex.gone_at is not None:
                seen.gone_at = ex.gone_at
            seen.is_done = True
            script.notify()

    async def _answer(self, ex, script, seen, reply):
        if reply.hang:
            await ex.gone.wait()
            return
        if not await ex.sleep(reply.head_delay):
            return
        if reply.raw is not None:
            ex.raw(reply.raw)
            ex.cut()
            return
        if reply.status >= 300 or reply.body is not None:
            if reply.gate is not None and not await reply.gate.wait_or_gone(ex):
                return
            body = reply.body
            if body is None:
                body = {"error": {"message": f"scripted failure {reply.status}", "type": "scripted", "code": None}}
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            ex.reply(reply.status, body, content_type=reply.content_type, headers=reply.headers)
            return
        path = ex.request.path
        if path.endswith("/models"):
            ex.reply(200, '{"object":"list","data":[{"id":"mock","object":"model"}]}')
            return
        dialect = _dialect_for(path)
        if dialect is None:
            ex.reply(404, '{"detail":"Not Found"}')
            return
        try:
            asked = json.loads(ex.request.body)
        except ValueError:
            ex.reply(400, '{"error":{"message":"bad JSON"}}')
            return
        if asked.get("stream"):
            await self._stream(ex, script, seen, reply, dialect(asked, reply))
        else:
            if reply.gate is not None and not await reply.gate.wait_or_gone(ex):
                return
            ex.reply(200, json.dumps(dialect(asked, reply).whole(), ensure_ascii=False), headers=reply.headers)

    async def _stream(self, ex, script, seen, reply, dialect):
        ex.begin(200, headers=reply.headers)
        for frame in dialect.opening():
            ex.chunk(frame)
        pieces = reply.pieces if not reply.filler else ("y" * reply.filler_size for _ in range(reply.filler))
        for index, piece in enumerate(pieces):
            if reply.cut_after is not None and index >= reply.cut_after:
                break
            if index == 1 and reply.gate is not None:
                await ex.drain()
                if not await reply.gate.wait_or_gone(ex):
                    return
            if index and reply.piece_delay and not reply.drip and not await ex.sleep(reply.piece_delay):
                return
            await self._write(ex, reply, dialect.piece(piece))
            if ex.gone.is_set():
                return
            seen.pieces_sent = index + 1
            seen.bytes_accepted = ex.bytes_written
            if index < 2:
                script.notify()
        if reply.error_event is not None:
            ex.chunk(dialect.error(reply.error_event))
        if reply.cut_after is not None:
            await ex.drain()
            if reply.cut == "end":
                ex.end()
            elif reply.cut == "reset":
                ex.reset()
            else:
                ex.cut()
            return
        for frame in dialect.closing():
            await self._write(ex, reply, frame)
        ex.end()
        await ex.drain()

    async def _write(self, ex, reply, frame):
        if isinstance(frame, str):
            frame = frame.encode()
        if not reply.drip:
            ex.chunk(frame)
            if not ex.conn.writable.is_set():
                await ex.drain()
            return
        for at in range(0, len(frame), reply.drip):
            ex.chunk(frame[at:at + reply.drip])
            await ex.drain()
            if not await ex.sleep(reply.piece_delay):
                return


def _sse(data, event=None):
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {event}\n" if event else "") + f"data: {text}\n\n"


class _OpenAI:
    object_stream = "chat.completion.chunk"
    object_whole = "chat.completion"

    def __init__(self, asked, reply):
        self.asked = asked
        self.reply = reply
        self.model = asked.get("model", "mock")

    def _usage(self):
        given, made = self.reply.usage
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}

    def _choice(self, delta, finish=None):
        return {"index": 0, "delta": delta, "finish_reason": finish}

    def _frame(self, choices, usage=None):
        frame = {"id": "cmpl-1", "object": self.object_stream, "created": 1731234567, "model": self.model,
                 "choices": choices}
        if usage:
            frame["usage"] = usage
        return _sse(frame)

    def opening(self):
        return [self._frame([self._choice({"role": "assistant", "content": ""})])]

    def piece(self, text):
        return self._frame([self._choice({"content": text})])

    def closing(self):
        if self.reply.finish is not None:
            yield self._frame([self._choice({}, self.reply.finish)])
        if self.reply.usage:
            yield self._frame([], self._usage())
        if self.reply.done_marker:
            yield _sse("[DONE]")

    def error(self, error):
        return _sse({"error": error})

    def _whole_choice(self):
        return {"index": 0, "message": {"role": "assistant", "content": "".join(self.reply.pieces)},
                "finish_reason": self.reply.finish}

    def whole(self):
        answer = {"id": "cmpl-1", "object": self.object_whole, "created": 1731234567, "model": self.model,
                  "choices": [self._whole_choice()]}
        if self.reply.usage:
            answer["usage"] = self._usage()
        return answer


class _OpenAIText(_OpenAI):
    object_stream = object_whole = "text_completion"

    def _choice(self, delta, finish=None):
        return {"index": 0, "text": delta.get("content", ""), "finish_reason": finish}

    def opening(self):
        return []

    def _whole_choice(self):
        return {"index": 0, "text": "".join(self.reply.pieces), "finish_reason": self.reply.finish}


class _Anthropic:
    finishes = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

    def __init__(self, asked, reply):
        self.reply = reply
        self.model = asked.get("model", "mock")
        self.given, self.made = reply.usage or (1, 1)

    def _finish(self):
        return self.finishes.get(self.reply.finish, self.reply.finish)

    def opening(self):
        yield _sse({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": self.model,
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": self.given, "output_tokens": 1}}}, "message_start")
        yield _sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                   "content_block_start")
        yield _sse({"type": "ping"}, "ping")

    def piece(self, text):
        return _sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
                    "content_block_delta")

    def closing(self):
        yield _sse({"type": "content_block_stop", "index": 0}, "content_block_stop")
        if self.reply.finish is not None:
            yield _sse({"type": "message_delta", "delta": {"stop_reason": self._finish(), "stop_sequence": None},
                        "usage": {"output_tokens": self.made}}, "message_delta")
        if self.reply.done_marker:
            yield _sse({"type": "message_stop"}, "message_stop")

    def error(self, error):
        return _sse({"type": "error", "error": error}, "error")

    def whole(self):
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": self.model,
                "content": [{"type": "text", "text": "".join(self.reply.pieces)}],
                "stop_reason": self._finish(), "stop_sequence": None,
                "usage": {"input_tokens": self.given, "output_tokens": self.made}}


def _dialect_for(path):
    if path.endswith("/chat/completions"):
        return _OpenAI
    if path.endswith("/completions"):
        return _OpenAIText
    if path.endswith("/messages"):
        return _Anthropic
    return None
