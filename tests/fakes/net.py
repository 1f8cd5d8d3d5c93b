"""A small HTTP/1.1 server for fakes, on one asyncio loop in a thread of its own.

It is not a good server, it is a controllable one: a handler decides byte by byte what goes out, may break framing,
may stall, and learns within microseconds that the peer has left.
"""
import asyncio
import threading
import time


class LoopThread:
    """One asyncio loop in a daemon thread. run() is called from other threads."""

    def __init__(self, name="fakes"):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def _main(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, coro, timeout=30):
        return asyncio.run_coroutine_threadsafe(coro, self.loop).result(timeout)

    def call(self, fn, *args):
        done = threading.Event()
        box = []

        def inner():
            try:
                box.append((fn(*args), None))
            except BaseException as err:  # handed to the caller's thread
                box.append((None, err))
            done.set()

        self.loop.call_soon_threadsafe(inner)
        if not done.wait(30):
            raise TimeoutError("the fakes' loop is stuck")
        value, err = box[0]
        if err:
            raise err
        return value


_shared = None
_shared_lock = threading.Lock()


def shared_loop():
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = LoopThread()
        return _shared


class Gate:
    """Opened from any thread, awaited on the fakes' loop."""

    def __init__(self):
        self._thread = shared_loop()
        self._event = asyncio.Event()

    def set(self):
        self._thread.loop.call_soon_threadsafe(self._event.set)

    async def wait_or_gone(self, ex):
        """True when the gate opened, False when the peer left first."""
        waits = [asyncio.ensure_future(self._event.wait()), asyncio.ensure_future(ex.gone.wait())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return self._event.is_set()


class Request:
    """What arrived. Header names keep their case; header() looks them up in any case, first occurrence."""

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.body = b""
        self.at = time.monotonic()

    @property
    def path(self):
        return self.target.split("?", 1)[0]

    def header(self, name, default=None):
        name = name.lower()
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return default


class Exchange:
    """One request on one connection, and the means to answer it well or badly."""

    def __init__(self, conn, request):
        self.conn = conn
        self.request = request
        self.gone = asyncio.Event()
        self.gone_at = None
        self.bytes_written = 0
        self.is_finished = False
        self._chunked = False

    def raw(self, data):
        if not self.conn.closed:
            self.bytes_written += len(data)
            self.conn.transport.write(data)

    async def drain(self):
        """Wait until the kernel has taken what was written, or the peer left."""
        await self.conn.writable.wait()

    def head(self, status, headers=(), reason="X"):
        lines = [f"HTTP/1.1 {status} {reason}"] + [f"{k}: {v}" for k, v in headers]
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def reply(self, status, body=b"", content_type="application/json", headers=()):
        if isinstance(body, str):
            body = body.encode()
        all_headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))] + list(headers)
        lines = [f"HTTP/1.1 {status} X"] + [f"{k}: {v}" for k, v in all_headers]
        payload = b"" if self.request.method == "HEAD" else body
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + payload)

    def begin(self, status=200, content_type="text/event-stream", headers=()):
        self._chunked = True
        self.head(status, [("Content-Type", content_type), ("Transfer-Encoding", "chunked")] + list(headers))

    def chunk(self, data):
        if isinstance(data, str):
            data = data.encode()
        if data:
            self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.raw(b"0\r\n\r\n")

    def cut(self):
        """FIN without the end of the message."""
        self.conn.transport.close()

    def reset(self):
        """RST."""
        self.conn.reset()

    async def sleep(self, seconds):
        """Sleep, but no longer than the peer stays. True if the peer is still there."""
        if seconds <= 0:
            return not self.gone.is_set()
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
            return False
        except asyncio.TimeoutError:
            return True


class _Conn(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.buf = bytearray()
        self.closed = False
        self.writable = asyncio.Event()
        self.writable.set()
        self.current = None
        self.task = None
        self.request = None
        self.need = 0
        self.chunked = False
        self.served = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        self.server.connections.add(self)
        self.server.accepted += 1

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def reset(self):
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            import socket as s
            import struct
            try:
                sock.setsockopt(s.SOL_SOCKET, s.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
        self.transport.abort()

    def _gone(self):
        if self.current and not self.current.is_finished and self.current.gone_at is None:
            self.current.gone_at = time.monotonic()
            self.current.gone.set()

    def eof_received(self):
        self._gone()
        return False

    def connection_lost(self, exc):
        self.closed = True
        self.writable.set()
        self._gone()
        self.server.connections.discard(self)

    def data_received(self, data):
        self.buf += data
        if self.request is None and self.task is None and self.buf[:1] == b"\x16":
            # TLS on a plain port: real servers refuse it at once.
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        self._advance()

    def _advance(self):
        while True:
            if self.request is None:
                if self.task is not None:
                    return
                end = self.buf.find(b"\r\n\r\n")
                if end < 0:
                    return
                lines = bytes(self.buf[:end]).decode("latin-1").split("\r\n")
                del self.buf[:end + 4]
                method, target, version = (lines[0].split(" ", 2) + ["", ""])[:3]
                headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
                self.request = Request(method, target, version, headers)
                self.request.served_before = self.served
                self.chunked = "chunked" in (self.request.header("transfer-encoding") or "").lower()
                self.need = 0 if self.chunked else int(self.request.header("content-length") or 0)
                if (self.request.header("expect") or "").lower() == "100-continue":
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self.chunked:
                if not self._take_chunks():
                    return
            else:
                if len(self.buf) < self.need:
                    return
                self.request.body = bytes(self.buf[:self.need])
                del self.buf[:self.need]
            request, self.request = self.request, None
            self.served += 1
            self.current = Exchange(self, request)
            self.task = self.server.loop.create_task(self._serve(self.current))
            return

    def _take_chunks(self):
        while True:
            eol = self.buf.find(b"\r\n")
            if eol < 0:
                return False
            size = int(bytes(self.buf[:eol]).split(b";")[0], 16)
            if len(self.buf) < eol + 2 + size + 2:
                return False
            self.request.body += bytes(self.buf[eol + 2:eol + 2 + size])
            del self.buf[:eol + 2 + size + 2]
            if size == 0:
                return True

    async def _serve(self, exchange):
        try:
            await self.server.handler(exchange)
            if exchange.request.header("connection", "").lower() == "close" and not self.closed:
                self.transport.close()
        except asyncio.CancelledError:
            raise
        except Exception as err:
            self.server.errors.append(f"{exchange.request.method} {exchange.request.target}: {err!r}")
            self.transport.abort()
        finally:
            exchange.is_finished = True
            self.task = None
            if not self.closed:
                self._advance()


class Server:
    """handler: async def handler(exchange). tls: an ssl.SSLContext; its chain may be reloaded while it runs."""

    def __init__(self, handler, tls=None, host="127.0.0.1", port=0):
        self.thread = shared_loop()
        self.loop = self.thread.loop
        self.handler = handler
        self.tls = tls
        self.host = host
        self.port = port
        self.connections = set()
        self.accepted = 0
        self.errors = []
        self._server = None
        self.listen()

    @property
    def scheme(self):
        return "https" if self.tls else "http"

    def listen(self):
        async def go():
            server = await self.loop.create_server(lambda: _Conn(self), self.host, self.port, ssl=self.tls,
                                                   reuse_address=True, backlog=4096)
            return server
        self._server = self.thread.run(go())
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self):
        """Close the listener and every connection: connects are refused until listen() is called again."""
        def go():
            if self._server:
                self._server.close()
                self._server = None
            for conn in list(self.connections):
                conn.transport.abort()
        self.thread.call(go)

    close = refuse
