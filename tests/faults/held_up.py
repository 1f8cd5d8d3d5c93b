"""A gateway that did not run for longer than its limits: its process was stopped (a paused container, a machine that is
moved or has no time). What had arrived meanwhile was nobody's silence."""
import re
import signal
import time

from contract._env import Env, Reply, completion
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

PATH = "/v2/code/completions"
LIMIT_MS = 4000
EACH = 60  # with all kinds more than a turn of the loop looks at


@fixture("held-up", patient=True, takes_s=9)
def held_up(ctx):
    limits = {name: str(LIMIT_MS) for name in ("AIGW_LIMITS__HEADER_MS", "AIGW_LIMITS__BODY_MS", "AIGW_LIMITS__IDLE_MS",
                                               "AIGW_UPSTREAM__IDLE_MS")}
    return Env(ctx, bypass=True, name="held-up", env={**limits, "WEB_CONCURRENCY": "1"})


def halves(request):
    """name → what is sent before and what while it stands."""
    at = request.index(b"\r\n\r\n") + 4
    head, body = request[:at], request[at:]
    chunked = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    return {"half a head": (request[:60], request[60:]), "half a body": (request[:at + 20], request[at + 20:]),
            "half a chunked body": (chunked + b"a\r\n" + body[:10] + b"\r\n",
                                    b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) - 10, body[10:])),
            "a kept connection": (http.render("GET", "/monitoring/healthz"), request)}


def begin(env):
    """(gate, script of the streams, [(name, connection, what it sends later)]), everybody in the middle of something."""
    gate = Gate()
    streamed, whole = env.models.script(Reply(pieces=("a", "b", "c"), gate=gate)), env.models.script(Reply())
    conns = []
    for name, (before, after) in halves(http.render("POST", PATH, {}, completion(whole))).items():
        for _ in range(EACH):
            conn = env.gw.connect(timeout=30)
            conn.send(before)
            if name == "a kept connection":
                equal(conn.read_response().status, 200, "status before")
            conns.append((name, conn, after))
    for _ in range(EACH):
        conn = env.gw.connect(timeout=30)
        conn.send(http.render("POST", PATH, {}, completion(streamed, stream=True)))
        conns.append(("a stream", conn, b""))
    truth(streamed.wait(lambda s: sum(1 for seen in s.seen if seen.pieces_sent) == EACH, 20), "the streams to begin",
          streamed.count)
    return gate, streamed, conns


@case("F-HELD-UP", "held-up")
def stopped(env):
    for _ in range(5):
        start = time.monotonic()
        gate, streamed, conns = begin(env)
        env.gw.signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        if stopped_at - start < LIMIT_MS / 2000:
            break
        gate.set()  # the machine is too busy for so many connections: their limits are near by now
        env.gw.signal(signal.SIGCONT)
        for _, conn, _ in conns:
            conn.close()
    for _, conn, after in conns:
        conn.send(after)
    gate.set()
    truth(streamed.wait(lambda s: all(seen.is_done for seen in s.seen), 20), "the model to be done", streamed.count)
    time.sleep(max(0.0, LIMIT_MS / 1000 + 0.5 - (time.monotonic() - stopped_at)))  # that much time is what it is about
    env.gw.signal(signal.SIGCONT)
    for name, conn, _ in conns:
        try:
            response = conn.read_response()
        except (http.HttpError, OSError) as err:
            truth(False, f"an answer for {name}", repr(err))
        equal((response.status, response.is_complete), (200, True), f"answer for {name}")
        conn.close()
