"""A model server that sends what a case file says, byte by byte, and a proxy that must not be used. A thread a
connection: a script may wait, and is cut short when the gateway leaves."""
import select
import socket
import struct
import threading
import time
import zlib

from harness import zstd

PACKERS = {"gzip": lambda: zlib.compressobj(wbits=31), "deflate": lambda: zlib.compressobj(wbits=15),
           "rawdeflate": lambda: zlib.compressobj(wbits=-15), "zstd": zstd.Frames}


class Listener:
    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve_safely, args=(connection,), daemon=True).start()

    def _serve_safely(self, connection):
        with connection:
            try:
                self.serve(connection)
            except (ConnectionError, OSError, EOFError):
                pass  # the gateway left

    def serve(self, connection):
        """One connection, until it ends."""

    def close(self):
        self.socket.close()


class Trap(Listener):
    """Counts who comes, and answers like a proxy that refuses."""

    def serve(self, connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 502 Trapped\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Script:
    def __init__(self, key, answers):
        self.key = key
        self.answers = answers
        self.targets = []   # of the calls so far


class QuirkServer(Listener):
    def __init__(self):
        self._scripts = {}
        self._lock = threading.Lock()
        super().__init__()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def script(self, key, answers):
        script = self._scripts[key] = Script(key, answers)
        return script

    def serve(self, connection):
        reader = connection.makefile("rb")
        while True:
            line = reader.readline()
            if not line:
                return
            target = line.split()[1].decode("latin-1")
            headers = {}
            while (line := reader.readline().strip()):
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            answer = self._pick(target)
            if answer is None:
                self._read_body(reader, headers)
                connection.sendall(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
                continue
            if "early" not in answer.flags:
                self._read_body(reader, headers)
            if not _Player(connection, answer).play():
                return
            if "early" in answer.flags:
                self._read_body(reader, headers)

    def _pick(self, target):
        script = self._scripts.get(target.split("?")[0].strip("/").split("/")[0])
        if script is None:
            return None
        with self._lock:
            script.targets.append(target)
            return script.answers[min(len(script.targets), len(script.answers)) - 1]

    @staticmethod
    def _read_body(reader, headers):
        if "chunked" in headers.get("transfer-encoding", ""):
            while (size := int(reader.readline().split(b";")[0], 16)):
                reader.read(size + 2)
            reader.readline()
        else:
            reader.read(int(headers.get("content-length", 0)))


class _Player:
    def __init__(self, connection, answer):
        self.connection = connection
        self.answer = answer
        self.flags = answer.flags
        self.has_length = "length" in answer.flags
        self.is_bare = "bare" in answer.flags
        pack = next((PACKERS[name] for name in PACKERS if name in self.flags), None)
        self.packer = pack() if pack else None

    def _send(self, data):
        if "slow" not in self.flags:
            self.connection.sendall(data)
            return
        for at in range(len(data)):
            self.connection.sendall(data[at:at + 1])

    def _stays(self, seconds):
        """Nothing for a while; False when the gateway left."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.connection], [], [], left)[0]:
                return bool(self.connection.recv(1, socket.MSG_PEEK))
        return True

    def _head(self, length):
        answer = self.answer
        lines = [f"HTTP/1.1 {answer.status} X"]
        if answer.content_type != "-":
            lines.append(f"Content-Type: {answer.content_type}")
        if self.has_length:
            lines.append(f"Content-Length: {length}")
        elif not self.is_bare:
            lines.append("Transfer-Encoding: chunked")
        lines += [f"{name}: {value}" for name, value in answer.headers]
        early = b""
        if "continue" in self.flags:
            early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        self._send(early + "\r\n".join(lines + ["", ""]).encode())

    def _body(self, data):
        if not data:
            return
        if self.has_length or self.is_bare:
            self._send(data)
            return
        step = 1 if "slow" in self.flags else len(data)
        extension = b";name=\"value\"" if "ext" in self.flags else b""
        for at in range(0, len(data), step):
            piece = data[at:at + step]
            self._send(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece))

    def _whole(self):
        """The steps with their data packed, the rest of the packer's last, and how long all of it is."""
        steps = []
        for kind, value in self.answer.steps:
            if kind == "repeat":
                kind, value = "data", value[1] * value[0]
            if kind == "data" and self.packer:
                value = self.packer.compress(value) + self.packer.flush(zlib.Z_SYNC_FLUSH)
            steps.append((kind, value))
        if self.packer:
            steps.append(("data", self.packer.flush()))
        return steps, sum(len(value) for kind, value in steps if kind == "data")

    def play(self):
        """True when the connection can be used again."""
        steps, length = self._whole()
        if isinstance(self.flags.get("length"), str):
            length = int(self.flags["length"])
        self._head(length)
        for kind, value in steps:
            if kind == "data":
                self._body(value)
            elif kind == "raw":
                self._send(value)
            elif kind == "wait" and not self._stays(value / 1000):
                return False
        return self._end(*self.answer.end)

    def _end(self, how, wait_ms):
        if how == "open":
            self._stays(60)
            return False
        if how != "end":
            self._stays(wait_ms / 1000)
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if not self.has_length and not self.is_bare:
            self._send(b"0\r\n\r\n")
        return not self.is_bare
