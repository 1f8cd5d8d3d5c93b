"""What had arrived when SIGTERM came is served: in the kernel's queue, in a socket's buffer, half read, or running."""
import os
import signal
import subprocess
import time

from contract._env import Env, Reply, completion
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

PATH = "/v2/code/completions"
ROUNDS = 5


class Starter:
    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


@fixture("drain", patient=True, takes_s=9)
def drain(ctx):
    return Starter(ctx)


def ask_all(env, conns, data):
    for conn in conns:
        conn.send(data)


def check_served(conns, what):
    for number, conn in enumerate(conns):
        try:
            response = conn.read_response()
        except (http.HttpError, OSError) as err:
            truth(False, f"an answer for {what} {number}", repr(err))
        equal((response.status, response.is_complete), (200, True), f"answer for {what} {number}")
        truth(conn.is_closed_within(5), "the connection to be closed after it", "still open")
        conn.close()


@case("F-DRAIN-arrived", "drain")
def arrived(starter):
    """The gateway is held still while requests arrive and SIGTERM comes; then it goes on. None may be lost."""
    for number in range(ROUNDS):
        env = Env(starter.ctx, bypass=True, name=f"drain-arrived-{number}")
        try:
            script = env.models.script(Reply(pieces=("a", "b", "c")))
            request = http.render("POST", PATH, {}, completion(script))
            stream = http.render("POST", PATH, {}, completion(script, stream=True))
            kept = [env.gw.connect(timeout=20) for _ in range(10)]
            for conn in kept:
                conn.send(http.render("GET", "/monitoring/healthz"))
                equal(conn.read_response().status, 200, "status of the first request")
            half = [env.gw.connect(timeout=20) for _ in range(10)]
            ask_all(env, half, request[:40])
            silent = [env.gw.connect(timeout=20) for _ in range(10)]
            env.request("GET", "/monitoring/healthz")  # a turn of the loop after them
            env.gw.signal(signal.SIGSTOP)
            queued = [env.gw.connect(timeout=20) for _ in range(100)]
            ask_all(env, queued[:50], request)
            ask_all(env, queued[50:], stream)
            ask_all(env, kept, request)
            ask_all(env, half, request[40:])
            ask_all(env, silent, request)
            env.gw.signal(signal.SIGTERM)
            env.gw.signal(signal.SIGCONT)
            check_served(queued, "a queued request")
            check_served(kept, "a request on a kept connection")
            check_served(half, "a request of which half had come")
            check_served(silent, "a request on a connection silent before")
            start = time.monotonic()
            equal(env.gw.terminate(), 0, "exit code")
            truth(time.monotonic() - start < 5, "a quick end after the last answer", f"{time.monotonic() - start:.1f} s")
        finally:
            env.close()


@case("F-DRAIN-pipelined", "drain")
def pipelined(starter):
    """Behind a running stream the first answer says close: what follows it may be asked elsewhere."""
    env = Env(starter.ctx, bypass=True, name="drain-pipelined")
    try:
        gate = Gate()
        script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = env.gw.connect(timeout=20)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda item: str(item.get("message", "")).startswith("stopping")), "a log line", "none")
        gate.set()
        response = conn.read_response()
        equal((response.status, response.is_complete, response.text), (200, True, "ab"), "stream")
        truth(conn.is_closed_within(5), "the connection to be closed", "still open")
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()


@case("F-DRAIN-behind", "drain")
def behind(starter):
    """An answer whose head said nothing of an end, as that of a stream that had begun, ends nothing: what follows it on
    the connection is served, and says close."""
    env = Env(starter.ctx, bypass=True, name="drain-behind")
    try:
        gate = Gate()
        script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = env.gw.connect(timeout=20)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        equal(conn.read_head().header("connection"), None, "connection of the stream")
        conn.send(http.render("GET", "/monitoring/healthz"))
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda item: str(item.get("message", "")).startswith("stopping")), "a log line", "none")
        gate.set()
        stream = http.Response()
        stream.headers = [("transfer-encoding", "chunked")]
        equal(conn.read_body(stream).text, "ab", "the stream")
        response = conn.read_response()
        equal((response.status, response.header("connection")), (200, "close"), "what came behind it")
        truth(conn.is_closed_within(5), "the connection to be closed", "still open")
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()


@case("F-DRAIN-unfinished", "drain")
def unfinished(starter):
    """Requests that never become whole hold the end up no longer than server.drain_ms; silent ones much shorter."""
    for ident, sent, limit_s in (("silent", b"", 1.9), ("half a head", b"GET / HTTP/1.1\r\nHost: a\r\n", 5.0),
                                 ("half a body", b"POST /v2/code/completions HTTP/1.1\r\nHost: a\r\n"
                                  b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{", 5.0)):
        env = Env(starter.ctx, bypass=True, name="drain-unfinished", env={"AIGW_SERVER__DRAIN_MS": "2000"})
        try:
            conn = env.gw.connect(timeout=20)
            if sent:
                conn.send(sent)
            env.request("GET", "/monitoring/healthz")
            start = time.monotonic()
            equal(env.gw.terminate(), 0, f"exit code with {ident}")
            took = time.monotonic() - start
            truth(took < limit_s, f"an end within {limit_s} s with {ident}", f"{took:.1f} s")
            conn.close()
        finally:
            env.close()


def is_refused_soon(env):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            env.gw.connect(timeout=5).close()
        except OSError:
            return True
    return False


@case("OP-REL-06", "drain")
def waits_for_balancers(starter):
    """SIGTERM with drain_wait_ms: ready says 503 at once, new calls are served until it is over, then connections are refused."""
    env = Env(starter.ctx, bypass=True, name="drain-wait", env={"AIGW_SERVER__DRAIN_WAIT_MS": "3000"})
    try:
        equal(env.request("GET", "/monitoring/ready").status, 200, "ready before")
        gate = Gate()
        kept = env.gw.connect(timeout=20)
        kept.send(http.render("GET", "/monitoring/healthz"))
        equal(kept.read_response().header("connection"), None, "no word about the connection before")
        running = env.gw.connect(timeout=20)
        script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
        running.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.seen and s.seen[0].pieces_sent), "the stream to begin", script.seen)
        start = time.monotonic()
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda line: line["message"].startswith("stopping in 3000 ms")), "a line about it", env.gw.raw)
        response = env.request("GET", "/monitoring/ready")
        equal((response.status, response.json()["status"]), (503, "not ready"), "ready at once")
        equal(env.request("GET", "/monitoring/healthz").status, 200, "alive")
        kept.send(http.render("GET", "/monitoring/healthz"))
        response = kept.read_response()
        equal((response.status, response.header("connection")), (200, "close"), "a kept connection is served and let go")
        truth(kept.is_closed_within(2), "its end", "an open one")
        kept.close()
        served = 0
        while time.monotonic() - start < 2.5:
            equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, "status of a new call")
            served += 1
        truth(served > 5, "new calls on new connections", served)
        truth(env.gw.wait_line(lambda line: line["message"].startswith("stopping: no new connections")), "the drain",
              env.gw.raw)
        truth(2.9 < time.monotonic() - start < 8, "about three seconds", time.monotonic() - start)
        truth(is_refused_soon(env), "refused connections", "connections that are taken")
        gate.set()
        truth(running.read_response().is_complete, "the running stream to end whole", "a cut one")
        running.close()
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()


@case("F-DRAIN-control", "drain")
def commands_do_not_wait(starter):
    """Whoever asks a gateway that stops for something is told at once, and another one may have its control socket."""
    path = os.path.join(starter.ctx.folder("drain-control"), "socket")
    settings = {"AIGW_SERVER__CONTROL_SOCKET": path, "AIGW_SERVER__DRAIN_WAIT_MS": "1000"}
    env = Env(starter.ctx, bypass=True, name="drain-control", env=settings)
    try:
        gate = Gate()
        script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = env.gw.connect(timeout=20)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        env.gw.signal(signal.SIGTERM)
        for word in ("stopping in", "stopping: no new"):
            truth(env.gw.wait_line(lambda item, word=word: item["message"].startswith(word)), f"the line {word}", env.gw.raw)
            result = subprocess.run([starter.ctx.binary, "reload", "--socket", path], capture_output=True, text=True,
                                    timeout=20, check=False)
            equal(result.returncode, 1, "exit status of a reload")
            truth("no gateway answers at" in result.stderr, "what is the matter", result.stderr)
        equal(os.path.exists(path), False, "the socket's file")
        gate.set()
        equal(conn.read_response().text, "ab", "the running stream")
        conn.close()
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()


@case("OP-REL-06-again", "drain")
def second_signal_ends_the_wait(starter):
    env = Env(starter.ctx, bypass=True, name="drain-wait-again", env={"AIGW_SERVER__DRAIN_WAIT_MS": "60000"})
    try:
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda line: line["message"].startswith("stopping in")), "the wait", env.gw.raw)
        equal(env.gw.terminate(10), 0, "exit code after a second SIGTERM")
    finally:
        env.close()
