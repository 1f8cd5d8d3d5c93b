"""A raw HTTP/1.1 client: what goes out is exactly what the test wrote; what comes back keeps its bytes and its timing.
Whether a body was complete is a fact of its own (Response.is_complete): cut streams must be told from finished ones.
"""
import json as jsonlib
import socket
import time


class HttpError(Exception):
    pass


class Response:
    def __init__(self):
        self.status = 0
        self.version = ""
        self.reason = ""
        self.headers = []
        self.body = b""
        self.is_complete = False   # the message's end was seen
        self.was_closed = False    # the peer closed the connection after it
        self.fragments = []        # (seconds since the request, bytes) as they arrived
        self.head_at = 0.0
        self.elapsed = 0.0

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return jsonlib.loads(self.body)

    def __repr__(self):
        end = "" if self.is_complete else " (cut)"
        return f"{self.status} {self.text[:300]!r}{end}"


class Connection:
    """One TCP (or TLS) connection. tls: SSLContext; server_name for SNI."""

    def __init__(self, port, tls=None, timeout=60.0, host="127.0.0.1", server_name="localhost", rcvbuf=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
        self.buf = b""
        self.eof = False
        self.sent_at = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def send(self, data):
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def _fill(self):
        if self.eof:
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.eof = True
            return False
        self.buf += data
        return True

    def _line(self):
        while b"\r\n" not in self.buf:
            if not self._fill():
                raise HttpError(f"connection closed inside the head, after {self.buf[:200]!r}")
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line.decode("latin-1")

    def read_head(self, response=None):
        response = response or Response()
        line = self._line()
        parts = line.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
            raise HttpError(f"not a status line: {line[:200]!r}")
        response.version, response.status = parts[0], int(parts[1])
        response.reason = parts[2] if len(parts) > 2 else ""
        response.headers = []
        while True:
            line = self._line()
            if not line:
                break
            key, _, value = line.partition(":")
            response.headers.append((key, value.strip()))
        response.head_at = time.monotonic() - self.sent_at
        return response

    def read_response(self, head_only=False, skip_1xx=True):
        response = self.read_head()
        while skip_1xx and 100 <= response.status < 200:
            response = self.read_head()
        return self.read_body(response, head_only)

    def read_body(self, response, head_only=False):
        """What follows the head that was read."""
        start = self.sent_at

        def note(data):
            if data:
                response.fragments.append((time.monotonic() - start, data))

        length = response.header("content-length")
        if head_only or response.status in (204, 304) or 100 <= response.status < 200:
            response.is_complete = True
        elif "chunked" in (response.header("transfer-encoding") or "").lower():
            self._chunks(response, note)
        elif length is not None:
            left = int(length)
            while left > 0:
                if not self.buf and not self._fill():
                    break
                data, self.buf = self.buf[:left], self.buf[left:]
                left -= len(data)
                note(data)
            response.is_complete = left == 0
        else:
            while True:
                data, self.buf = self.buf, b""
                note(data)
                if not self._fill():
                    break
            response.is_complete = True
        response.body = b"".join(data for _, data in response.fragments)
        response.elapsed = time.monotonic() - start
        return response

    def _chunks(self, response, note):
        try:
            while True:
                size = int(self._line().split(";")[0], 16)
                while len(self.buf) < size and self._fill():
                    pass
                data, self.buf = self.buf[:size], self.buf[size:]
                note(data)
                if len(data) < size:
                    return
                if self._line() != "":
                    if size:
                        raise HttpError("chunk not followed by CRLF")
                    while self._line():
                        pass
                if size == 0:
                    response.is_complete = True
                    return
        except HttpError:
            return

    def is_closed_within(self, seconds):
        """True when the peer closes (or resets) within that time without sending anything more."""
        if self.buf:
            return False
        if self.eof:
            return True
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True
        except (socket.timeout, TimeoutError):
            return False
        finally:
            self.sock.settimeout(before)


def render(method, target, headers=(), body=None, version="1.1", host="gateway.example.com"):
    """Request bytes. A str/bytes body is sent as is, anything else as JSON. Given headers win over defaults; a value of
    None drops a default."""
    headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
    given = {key.lower() for key, _ in headers}
    data = b""
    defaults = []
    if body is not None:
        if isinstance(body, (dict, list)):
            data = jsonlib.dumps(body).encode()
        else:
            data = body.encode() if isinstance(body, str) else body
        defaults.append(("Content-Type", "application/json"))
    if body is not None or method in ("POST", "PUT", "PATCH"):
        defaults.append(("Content-Length", str(len(data))))
    if host is not None:
        defaults.insert(0, ("Host", host))
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [f"{key}: {value}" for key, value in defaults if key.lower() not in given]
    lines += [f"{key}: {value}" for key, value in headers if value is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data


def request(port, method, target, headers=(), body=None, tls=None, timeout=60.0, version="1.1",
            host="gateway.example.com"):
    """One request on a connection of its own."""
    with Connection(port, tls=tls, timeout=timeout) as conn:
        try:
            conn.send(render(method, target, headers, body, version, host))
        except (BrokenPipeError, ConnectionResetError):
            pass  # an early answer may be waiting
        return conn.read_response(head_only=method == "HEAD")
