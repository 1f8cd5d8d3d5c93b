"""Many connections at once: an asyncio client on a loop thread of its own."""
import asyncio
import socket
import time

from fakes.net import LoopThread
from harness import http

_client = None


def client_loop():
    global _client
    if _client is None:
        _client = LoopThread("client")
    return _client


class Answer:
    def __init__(self):
        self.status = 0
        self.body = b""
        self.is_complete = False
        self.error = None
        self.seconds = 0.0


def parse(raw):
    """A whole connection's bytes (Connection: close) → Answer."""
    answer = Answer()
    head, sep, rest = raw.partition(b"\r\n\r\n")
    if not sep:
        answer.error = f"no head in {raw[:100]!r}"
        return answer
    lines = head.split(b"\r\n")
    answer.status = int(lines[0].split()[1])
    headers = {line.split(b":", 1)[0].lower(): line.split(b":", 1)[1].strip() for line in lines[1:] if b":" in line}
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        at = 0
        while True:
            eol = rest.find(b"\r\n", at)
            if eol < 0:
                return answer
            size = int(rest[at:eol].split(b";")[0], 16)
            if size == 0:
                answer.is_complete = rest[eol:].startswith(b"\r\n\r\n")
                return answer
            answer.body += rest[eol + 2:eol + 2 + size]
            at = eol + 2 + size + 2
    answer.body = rest
    answer.is_complete = b"content-length" not in headers or len(rest) == int(headers[b"content-length"])
    return answer


async def fetch(port, data, timeout=60):
    start = time.monotonic()
    raw = b""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, limit=1 << 20), timeout)
        writer.write(data)
        while True:
            part = await asyncio.wait_for(reader.read(1 << 18), timeout)
            if not part:
                break
            raw += part
        writer.close()
        answer = parse(raw)
    except (OSError, asyncio.TimeoutError) as err:
        answer = parse(raw) if b"\r\n\r\n" in raw else Answer()
        answer.error = repr(err)
    answer.seconds = time.monotonic() - start
    return answer


def fetch_all(port, requests, timeout=90):
    """All at once; answers in the same order."""
    async def go():
        return await asyncio.gather(*(fetch(port, data, timeout) for data in requests))
    return client_loop().run(go(), timeout + 10)


def start_all(port, requests, timeout=90):
    """The same, as a future: .result() later."""
    async def go():
        return await asyncio.gather(*(fetch(port, data, timeout) for data in requests))
    return asyncio.run_coroutine_threadsafe(go(), client_loop().loop)


def open_many(port, count):
    """Plain connected sockets, all connected."""
    socks = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        socks.append(sock)
    return socks


def close_all(socks):
    for sock in socks:
        sock.close()


class SteadyLoad:
    """Threads that call make() → response again and again until stop(); keeps what was not good."""

    def __init__(self, make, threads=3, is_good=lambda response: response.status == 200):
        import threading
        self.make = make
        self.is_good = is_good
        self.count = 0
        self.bad = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.is_set():
            start = time.monotonic()
            try:
                response = self.make()
                if not self.is_good(response):
                    self.bad.append(repr(response))
            except (OSError, http.HttpError, ValueError) as err:
                self.bad.append(repr(err))
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.count += 1
            if len(self.bad) > 50:
                return

    def wait_for(self, more, timeout=20):
        """Until `more` further calls were made."""
        target = self.count + more
        deadline = time.monotonic() + timeout
        while self.count < target and time.monotonic() < deadline and len(self.bad) <= 50:
            self._stop.wait(0.01)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
