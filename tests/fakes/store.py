"""The store of shared limits: a real Valkey or Redis of this machine, and one that answers nonsense."""
import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness.runner import Skip

# One program: it is the server when it is called so. Debian's packages of tools have it under its other name.
PROGRAMS = {"valkey-server": "valkey-server", "valkey-check-rdb": "valkey-server",
            "redis-server": "redis-server", "redis-check-rdb": "redis-server"}


def program():
    """(path, name to be called by) of a server; Skip where none is installed."""
    for name, server in PROGRAMS.items():
        found = shutil.which(name)
        if found:
            return found, server
    raise Skip("needs the program of Valkey or Redis: of Debian's packages valkey-tools or redis-tools")


def free_ports(count):
    """So many ports on loopback, no two the same."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def free_port():
    return free_ports(1)[0]


class Store:
    """A server of its own on loopback. keeps: what it has survives its end. rules: of the ACL of `user`; more: further
    options; conf: a file of them that it may write to; ready: what it answers to PING once it has begun."""

    def __init__(self, ctx, password=None, user=None, keeps=True, rules=("~{aigw}:*", "+@all"), more=(), conf=None,
                 ready="PONG"):
        self.program, self.name = program()
        self.folder = ctx.folder("store")
        self.port = free_port()
        self.password = password
        self.options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                        "--appendonly", "yes" if keeps else "no", "--appendfsync", "always", "--loglevel", "warning"]
        if password and user:
            self.options += ["--user", user, "on", ">" + password, *rules, "--user", "default", "off"]
        elif password:
            self.options += ["--requirepass", password]
        self.options = [*([conf] if conf else []), *self.options, *more]
        self.ready = ready
        self.login = ["AUTH", *([user] if user else []), password] if password else None
        self.process = None
        self.start()

    def url(self, credentials="", db=""):
        return f"valkey://{credentials}127.0.0.1:{self.port}{db}"

    def start(self):
        self.process = subprocess.Popen([self.name, *self.options], executable=self.program, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                answer = self.ask("PING")
                if answer.startswith(self.ready):
                    return
            except OSError as err:
                answer = err
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.program} does not answer: {answer!r}")
            threading.Event().wait(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.thaw()
            self.kill()

    def ask(self, *words):
        """One command, and its answer: str, int, None, list; errors as text with a minus sign."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as conn:
            stream = conn.makefile("rb")
            if self.login:
                conn.sendall(pack(self.login))
                read_reply(stream)
            conn.sendall(pack(words))
            return read_reply(stream)

    def keys(self):
        return {key: self.ask("TYPE", key) for key in self.ask("KEYS", "*")}


def pack(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the store closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        return "-" + rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return None if rest == b"-1" else [read_reply(stream) for _ in range(int(rest))]
    raise OSError(f"not RESP: {line!r}")


def empty_store(words, ahead_s=0):
    """What the script answers where nothing was counted, by a clock so far from ours, for a NonsenseStore. words: EVALSHA,
    digest, how many keys, the keys, who, number of the run, …; two keys are no counters."""
    keys = int(words[2])
    now_ms = int((time.time() + ahead_s) * 1000)
    values = [int(words[4 + keys]), 0, 0, 1, 0, now_ms, 0, *[0] * (keys - 2)]
    return b"*%d\r\n" % len(values) + b"".join(b":%d\r\n" % value for value in values)


class NonsenseStore:
    """Speaks RESP well enough to be joined; then `answer` says what every run of the script gets: bytes, or a function
    of the words that makes them. None: silence."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.conns = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"valkey://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.conns.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        stream = conn.makefile("rb")
        try:
            while True:
                words = read_reply(stream)
                reply = self._reply(words)
                if reply is not None:
                    conn.sendall(reply)
        except (OSError, ValueError):
            conn.close()

    def _reply(self, words):
        if words[0] == "SCRIPT":
            return b"$40\r\n" + b"a" * 40 + b"\r\n"
        if words[0] == "GET":
            return b"$-1\r\n"
        if words[0] != "EVALSHA":
            return b":0\r\n"
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
        return self.answer(words) if callable(self.answer) else self.answer

    def wait(self, count, timeout=20):
        with self.changed:
            return self.changed.wait_for(lambda: self.asked >= count, timeout)

    def close(self):
        self.listener.close()
        for conn in self.conns:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class FarStore:
    """The way to a store whose answers take delay_s; none waits for those before it."""

    def __init__(self, store, delay_s):
        self.target = store.port
        self.delay_s = delay_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"valkey://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, delay_s in ((client, server, 0), (server, client, self.delay_s)):
                pieces = queue.Queue()
                threading.Thread(target=self._read, args=(source, pieces, delay_s), daemon=True).start()
                threading.Thread(target=self._write, args=(sink, pieces), daemon=True).start()

    @staticmethod
    def _read(source, pieces, delay_s):
        data = b"x"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            pieces.put((time.monotonic() + delay_s, data))

    @staticmethod
    def _write(sink, pieces):
        while True:
            due, data = pieces.get()
            threading.Event().wait(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            except OSError:
                return

    def close(self):
        self.listener.close()
