"""Streams under stress: cancellation, back-pressure, many at once, none cut silently."""
import socket
import statistics
import struct
import time

from contract._env import Env, Reply, completion
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"


@fixture("streams", serial=True)
def streams(ctx):
    return Env(ctx, bypass=True, name="streams", nofile=16384)


def wait_seen(script, count=1):
    truth(script.wait(lambda s: s.count >= count), f"{count} calls at the model", script.count)


def leave_while(env, reply, stream, ready, reset=False):
    """Seconds between the client's leaving and the model server's noticing."""
    script = env.models.script(reply)
    conn = env.gw.connect()
    conn.send(http.render("POST", PATH, {}, completion(script, stream=stream)))
    wait_seen(script)
    if ready:
        truth(script.wait(lambda s: s.seen[0].pieces_sent >= 1), "the first piece to be sent", script.seen)
        equal(conn.read_head().status, 200, "status")
    if reset:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left = time.monotonic()
    conn.close()
    truth(script.wait(lambda s: s.seen[0].gone_at is not None or s.seen[0].is_done), "the model call to be cancelled",
          "still running after 5 s")
    truth(script.seen[0].gone_at is not None, "a cancelled call", "it ran to its end")
    return script.seen[0].gone_at - left


def quick(env, what, **kwargs):
    # The first is for warming up; the median keeps a busy test machine from failing us.
    took = [leave_while(env, **kwargs) for _ in range(12)][1:]
    middle = statistics.median(took)
    env.ctx.note(f"cancellation {what}: median {middle * 1000:.2f} ms, worst {max(took) * 1000:.2f} ms")
    truth(middle < 0.05, f"cancellation {what} within 50 ms", f"median {middle * 1000:.1f} ms, all {took}")


@case("F-CANCEL-stream", "streams")
def cancel_mid_stream(env):
    quick(env, "mid-stream", reply=Reply(pieces=("a", "b"), gate=Gate()), stream=True, ready=True)


@case("F-CANCEL-reset", "streams")
def cancel_by_reset(env):
    quick(env, "by reset", reply=Reply(pieces=("a", "b"), gate=Gate()), stream=True, ready=True, reset=True)


@case("F-CANCEL-before-head", "streams")
def cancel_before_head(env):
    quick(env, "before the model answers", reply=Reply(hang=True), stream=True, ready=False)


@case("F-CANCEL-whole", "streams")
def cancel_whole(env):
    quick(env, "of a call without streaming", reply=Reply(hang=True), stream=False, ready=False)


@case("F-CANCEL-counted", "streams")
def cancelled_calls_leave_nothing(env):
    """After all those departures nothing is in flight."""
    deadline = time.monotonic() + 3
    while True:
        inflight = env.gw.metric("model_inferences_in_flight")
        if not inflight:
            return
        truth(time.monotonic() < deadline, "model_inferences_in_flight 0", inflight)
        time.sleep(0.05)


def awaits_slow(env, count):
    """C-MET-012: the number of streams that wait for their clients."""
    deadline = time.monotonic() + 10
    while env.gw.metric("aigw_stream_clients_slow") != count:
        truth(time.monotonic() < deadline, f"aigw_stream_clients_slow {count}", env.gw.metric("aigw_stream_clients_slow"))
        time.sleep(0.02)


@case("F-BACKPRESSURE C-MET-012", "streams")
def slow_readers(env):
    """Readers that do not read: the model is slowed down, the gateway's memory does not grow, and when they read on
    every byte is there."""
    readers, pieces, size = 3, 16000, 4096  # kernels buffer tens of MiB of each
    scripts = [env.models.script(Reply(filler=pieces, filler_size=size)) for _ in range(readers)]
    warm = env.models.script(Reply(filler=200, filler_size=size))
    env.post(PATH, completion(warm, stream=True))
    before = env.gw.rss_kib()
    conns = []
    for script in scripts:
        conn = env.gw.connect(rcvbuf=4096, timeout=60)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        conns.append(conn)
    for script in scripts:
        wait_seen(script)
    still = 0
    last = -1
    deadline = time.monotonic() + 20
    while still < 6 and time.monotonic() < deadline:  # the model's progress must come to a rest
        now = sum(script.seen[0].bytes_accepted for script in scripts)
        still = still + 1 if now == last else 0
        last = now
        time.sleep(0.1)
    truth(still >= 6, "the model to be held back", f"{last} bytes sent and still going")
    awaits_slow(env, readers)
    total = readers * pieces * size
    truth(last < total * 0.8, f"much less than all {total} bytes to be taken", last)
    grown = env.gw.rss_kib() - before
    env.ctx.note(f"{readers} readers that do not read: memory grew by {grown} KiB, {last} of {total} bytes taken")
    limit = 65536 if env.ctx.is_sanitized else 8192
    truth(grown < limit, f"memory to grow less than {limit} KiB", f"{grown} KiB")
    for conn in conns:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # now they read as anybody does
        response = conn.read_response()
        conn.close()
        truth(response.is_complete, "a complete stream", "cut")
        equal(len(response.body), pieces * size, "bytes")
        equal(set(response.body), {ord("y")}, "content")
    awaits_slow(env, 0)


@case("F-LEAVE-while-paused", "streams")
def leave_while_paused(env):
    """A reader that never read and then leaves: the paused model call ends too."""
    script = env.models.script(Reply(filler=16000, filler_size=1024))
    conn = env.gw.connect(rcvbuf=4096)
    conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
    wait_seen(script)
    last = -1
    while last != script.seen[0].bytes_accepted or last == 0:
        last = script.seen[0].bytes_accepted
        time.sleep(0.3)
    awaits_slow(env, 1)
    conn.close()
    truth(script.wait(lambda s: s.seen[0].is_done, 5), "the model call to end", "still open after 5 s")
    awaits_slow(env, 0)


def stream_requests(env, count, gate, pieces=8):
    scripts, requests = [], []
    for number in range(count):
        script = env.models.script(Reply(pieces=tuple(f"[{number}:{k}é]" for k in range(pieces)), gate=gate))
        scripts.append(script)
        requests.append(http.render("POST", PATH, {"Connection": "close"}, completion(script, stream=True)))
    return scripts, requests


@case("F-1000-STREAMS", "streams")
def thousand_streams(env):
    """1,000 streams open at the same time; each client gets its own text, byte for byte, to the end."""
    count = 1000
    gate = Gate()
    scripts, requests = stream_requests(env, count, gate)
    before = env.gw.rss_kib()
    future = _load.start_all(env.gw.port, requests)
    deadline = time.monotonic() + 60
    while sum(1 for script in scripts if script.seen and script.seen[0].pieces_sent) < count:
        truth(time.monotonic() < deadline, f"{count} streams open at once",
              sum(1 for script in scripts if script.seen))
        time.sleep(0.05)
    grown = (env.gw.rss_kib() - before) / count
    check_alive = env.request("GET", "/monitoring/healthz")
    equal(check_alive.status, 200, "health while all are open")
    env.ctx.note(f"open stream, client and model side: {grown:.1f} KiB of memory each ({count} streams)")
    gate.set()
    answers = future.result(90)
    wrong = []
    for number, answer in enumerate(answers):
        wanted = "".join(f"[{number}:{k}é]" for k in range(8)).encode()
        if answer.status != 200 or answer.body != wanted or not answer.is_complete:
            wrong.append((number, answer.status, answer.is_complete, answer.error, answer.body[:60]))
    equal(wrong[:5], [], f"{len(wrong)} of {count} streams wrong;")
    if not env.ctx.is_sanitized:
        truth(grown < 60, "at most 60 KiB per open stream", f"{grown:.1f} KiB")


@case("F-CUT-MANY", "streams")
def cut_streams_among_good_ones(env):
    """Half of 200 streams are cut by the model: exactly those break off, and none of them looks finished."""
    requests, bad = [], set()
    for number in range(200):
        reply = Reply(pieces=("a", "b", "c", "d"))
        if number % 2:
            reply = Reply(pieces=("a", "b", "c", "d"), cut_after=2, cut=("close", "reset", "end")[number % 3])
            bad.add(number)
        requests.append(http.render("POST", PATH, {"Connection": "close"},
                                    completion(env.models.script(reply), stream=True)))
    for number, answer in enumerate(_load.fetch_all(env.gw.port, requests)):
        if number in bad:
            truth(not answer.is_complete or answer.status != 200, f"stream {number} to break off",
                  (answer.status, answer.body))
        else:
            equal((answer.status, answer.body, answer.is_complete), (200, b"abcd", True), f"stream {number}")


@case("F-DRIP", "streams")
def dripping_model(env):
    """The model sends its events one byte per write, splitting characters and frames."""
    pieces = ("é日", "\U0001f600", "x\ny")
    script = env.models.script(Reply(pieces=pieces, drip=1))
    response = env.post(PATH, completion(script, stream=True))
    equal((response.status, response.text, response.is_complete), (200, "".join(pieces), True), "stream")


@case("F-GARBAGE", "streams")
def garbage_in_the_stream(env):
    """Nonsense instead of events: never a finished stream, never a crash."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    for junk in (b"\x00\xff\xfe garbage without end", b"data: {not json}\n\n", b"data: []\n\ndata: 7\n\n",
                 b"data: {\"choices\":{}}\n\n", b"data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n",
                 b"data: " + b"x" * 300000 + b"\n\n", b"event: x\n\n" * 1000, b"data: " + b"[" * 50000 + b"\n\n"):
        script = env.models.script(Reply(raw=head + junk))
        response = env.post(PATH, completion(script, stream=True))
        truth(response.status != 200 or not response.is_complete, f"no finished stream for {junk[:40]!r}", response)
    equal(env.request("GET", "/monitoring/healthz").status, 200, "health afterwards")


@case("F-ENDLESS", "streams")
def endless_line(env):
    """A model that sends one line without end: the gateway stops reading at its limit; memory stays bounded."""
    before = env.gw.rss_kib()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: "
    script = env.models.script(Reply(raw=head + b"x" * (48 << 20)))
    response = env.post(PATH, completion(script, stream=True), timeout=60)
    truth(response.status != 200 or not response.is_complete, "a failure", response.status)
    grown = env.gw.rss_kib() - before
    truth(grown < (300 << 10), "memory to grow by less than 300 MiB while at it", f"{grown} KiB")
