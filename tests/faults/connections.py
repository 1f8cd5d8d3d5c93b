"""Connections that cost and do nothing: slow senders, idle keepers, floods. Normal requests must not notice."""
import resource
import time

from contract._env import Env, Reply, completion
from fakes import pki
from harness import http
from harness.runner import Skip, add_case, case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"


def descriptors(needed):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < needed:
        raise Skip(f"the hard limit of open files is {hard}, {needed} are needed")


def slow(ctx):
    descriptors(4000)
    return Env(ctx, bypass=True, name="slow", nofile=16384, conf="limits: { header_ms = 4000; body_ms = 2500; body_total_ms = 4000; };\n")


fixture("slow", patient=True, takes_s=13)(slow)
fixture("slow-silent", patient=True, takes_s=10)(slow)  # the other half, beside it


@fixture("idle", serial=True)
def idle(ctx):
    descriptors(9500)
    return Env(ctx, bypass=True, name="idle", nofile=16384)


def normal_requests(env, count=30, limit_s=1.0):
    worst = 0.0
    for number in range(count):
        start = time.monotonic()
        if number % 2:
            response = env.request("GET", "/monitoring/healthz")
        else:
            response = env.post(PATH, completion(env.models.script(Reply())))
        worst = max(worst, time.monotonic() - start)
        equal(response.status, 200, "status of a normal request")
    truth(worst < limit_s, f"normal requests within {limit_s} s", f"{worst:.2f} s")


def all_closed(socks, within_s):
    """True once the peer has closed every socket."""
    deadline = time.monotonic() + within_s
    for sock in socks:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            sock.settimeout(left)
            try:
                if not sock.recv(4096):
                    break
            except (ConnectionResetError, BrokenPipeError):
                break
            except TimeoutError:
                return False
    return True


@case("F-SLOWLORIS-headers", "slow")
def slow_headers(env):
    """1,000 clients that send their headers a byte at a time."""
    socks = _load.open_many(env.gw.port, 1000)
    try:
        for sock in socks:
            sock.sendall(b"POST /v2/code/completions HTTP/1.1\r\nHost: a\r\nX-A: ")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for sock in socks:
                try:
                    sock.sendall(b"b")
                except OSError:
                    pass
            normal_requests(env, 4)
        truth(all_closed(socks, 10), "all slow connections to be ended by the header deadline", "some still open")
    finally:
        _load.close_all(socks)


@case("F-SLOWLORIS-bodies", "slow")
def slow_bodies(env):
    """1,000 clients whose body never comes."""
    socks = _load.open_many(env.gw.port, 1000)
    try:
        head = http.render("POST", PATH, {"Content-Length": "5000", "Content-Type": "application/json"})
        for sock in socks:
            sock.sendall(head + b'{"a":')
        normal_requests(env)
        truth(all_closed(socks, 12), "all slow connections to be ended by the body deadline", "some still open")
    finally:
        _load.close_all(socks)


def until_all_closed(socks, piece, every_s, within_s):
    """Send a piece on each of them now and then until the peer has closed all. Answers how long that took."""
    start = time.monotonic()
    left = list(socks)
    while left:
        truth(time.monotonic() - start < within_s, f"all of them to be ended within {within_s} s", f"{len(left)} open")
        still = []
        for sock in left:
            try:
                sock.sendall(piece)
                sock.setblocking(False)
                try:
                    gone = not sock.recv(4096)
                except BlockingIOError:
                    gone = False
                sock.setblocking(True)
            except OSError:
                gone = True
            if not gone:
                still.append(sock)
        left = still
        time.sleep(every_s)
    return time.monotonic() - start


TRICKLES = {  # id → (headers, what came of the body at once, a piece now and then)
    "F-TRICKLE-body": ({"Content-Length": "5000"}, b"{", b" "),
    "F-TRICKLE-chunks": ({"Transfer-Encoding": "chunked"}, b"1\r\n{\r\n", b"1\r\n \r\n"),
    "F-TRICKLE-extension": ({"Transfer-Encoding": "chunked"}, b"5;", b"x"),
    "F-TRICKLE-trailer": ({"Transfer-Encoding": "chunked"}, b"2\r\n{}\r\n0\r\nX: ", b"x"),
}


def trickle(headers, begin, piece):
    def run(env):
        socks = _load.open_many(env.gw.port, 100)
        try:
            for sock in socks:
                sock.sendall(http.render("POST", PATH, {"Content-Type": "application/json", **headers}) + begin)
            normal_requests(env, 4)
            until_all_closed(socks, piece, 0.25, 8)
            normal_requests(env, 4)
        finally:
            _load.close_all(socks)
    return run


for _ident, _row in TRICKLES.items():
    add_case(_ident, "slow", trickle(*_row), __name__)


@case("F-CHUNK-EXTENSION", "slow")
def large_chunk_extension(env):
    """A megabyte of chunk extension holds no connection, and no memory."""
    head = http.render("POST", PATH, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    start = time.monotonic()
    for _ in range(20):
        with env.gw.connect(timeout=5) as conn:
            try:
                conn.send(head + b"2;" + b"e" * 1000000 + b"\r\n{}\r\n0\r\n\r\n")
            except OSError:
                pass
            try:
                truth(conn.read_response().status >= 400, "a refusal", "another")
            except (http.HttpError, OSError):
                pass
            truth(conn.is_closed_within(3), "the connection to be closed", "still open")
    truth(time.monotonic() - start < 8, "quick refusals", f"{time.monotonic() - start:.1f} s")


@case("F-METRICS-idle", "slow-silent")
def idle_connections_to_metrics(env):
    """D43: 300 idle connections do not stop the scrape."""
    socks = _load.open_many(env.gw.metrics_port, 300)
    try:
        for sock in socks[::3]:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        start = time.monotonic()
        response = http.request(env.gw.metrics_port, "GET", "/metrics")
        equal(response.status, 200, "status of the scrape")
        truth(time.monotonic() - start < 2, "a scrape within 2 s", f"{time.monotonic() - start:.1f} s")
        normal_requests(env, 4)
        truth(all_closed(socks, 9), "idle connections to be closed after 5 s", "some still open")
    finally:
        _load.close_all(socks)


@case("F-SLOWLORIS-silent", "slow-silent")
def silent_connections(env):
    """1,000 clients that connect and say nothing."""
    socks = _load.open_many(env.gw.port, 1000)
    try:
        normal_requests(env)
        truth(all_closed(socks, 12), "all silent connections to be ended by the header deadline", "some still open")
    finally:
        _load.close_all(socks)


@case("F-CONNECT-FLOOD", "slow-silent")
def connect_and_leave(env):
    """3,000 connects that leave at once, some in the middle of a request."""
    for number in range(3000):
        sock = _load.open_many(env.gw.port, 1)[0]
        if number % 3:
            sock.sendall(http.render("POST", PATH, {}, completion())[:number % 200])
        sock.close()
    normal_requests(env)


@case("F-IDLE-4000", "idle")
def idle_connections(env):
    """4,000 kept-alive connections: each was used once, all can be used again, memory stays small."""
    count = 4000
    probe = http.render("GET", "/monitoring/healthz")
    for _ in range(50):
        env.request("GET", "/monitoring/healthz")
    before = env.gw.rss_kib()
    conns = []
    try:
        for _ in range(count):
            conn = env.gw.connect(timeout=20)
            conns.append(conn)
            conn.send(probe)
        for conn in conns:
            equal(conn.read_response().status, 200, "status")
        per_connection = (env.gw.rss_kib() - before) / count
        env.ctx.note(f"idle kept-alive connection: {per_connection:.1f} KiB of memory each ({count} connections)")
        normal_requests(env)
        for conn in conns[::20]:
            conn.send(probe)
            equal(conn.read_response().status, 200, "status of the second request")
        if not env.ctx.is_sanitized:
            truth(per_connection <= 3, "at most 3 KiB per idle connection", f"{per_connection:.1f} KiB")
    finally:
        for conn in conns:
            conn.close()
    normal_requests(env, 6)


@case("F-HUGE-REQUESTS", "idle")
def bodies_at_once(env):
    """40 bodies of 1 MB at once: served, and the memory comes back."""
    body = completion(env.models.script(Reply()))
    body["padding"] = "p" * 1000000
    data = http.render("POST", PATH, {"Connection": "close"}, body)
    first = _load.fetch_all(env.gw.port, [data] * 40)
    equal({answer.status for answer in first}, {200}, "statuses")
    after_one = env.gw.rss_kib()
    for _ in range(3):
        equal({answer.status for answer in _load.fetch_all(env.gw.port, [data] * 40)}, {200}, "statuses")
    grown = env.gw.rss_kib() - after_one
    truth(grown < (65536 if env.ctx.is_sanitized else 24576), "no growth from round to round", f"{grown} KiB")


@fixture("auth-flood", serial=True)
def auth_flood(ctx):
    return Env(ctx, name="auth-flood")


@case("F-AUTH-FLOOD", "auth-flood")
def unknown_keys_flood(env):
    """T10: a flood of tokens with unknown kids causes at most one more fetch, and good requests go on."""
    equal(env.post("/v1/code/user_access_token", headers=env.auth()).status, 200, "status before")
    before = env.gitlab.fetches["keys"]
    stranger = pki.rsa_key("stranger")
    tokens = [env.token(key=stranger, header={"kid": f"unknown-{n}"}) for n in range(60)]
    start = time.monotonic()
    requests = [http.render("POST", "/v1/code/user_access_token", {**env.auth(token), "Connection": "close"})
                for token in tokens]
    answers = _load.fetch_all(env.gw.port, requests)
    equal({answer.status for answer in answers}, {401}, "statuses")
    good = env.post("/v1/code/user_access_token", headers=env.auth())
    equal(good.status, 200, "status of a good request")
    truth(env.gitlab.fetches["keys"] - before <= 1, "at most one more fetch", env.gitlab.fetches["keys"] - before)
    truth(time.monotonic() - start < 15, "quick refusals", f"{time.monotonic() - start:.1f} s")
