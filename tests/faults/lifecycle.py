"""What changes while requests run: stop, keys, a GitLab that comes and goes, resting targets. Reloads: reload.py."""
import json
import os
import signal
import socket
import subprocess
import time

from contract._env import Env, Reply, check, completion, model_error
from fakes import gitlab as gl
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"
TOKEN_PATH = "/v1/code/user_access_token"


class Starter:
    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


@fixture("stop", patient=True, takes_s=5)
def stop(ctx):
    return Starter(ctx)


def is_refused(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(http.render("GET", "/monitoring/healthz", {"Connection": "close"}))
            first = sock.recv(100)
            return not first or b" 503 " in first
    except OSError:
        return True


def told_to_leave(idle):
    """An idle connection is closed, or its next answer is its last."""
    try:
        idle.send(http.render("GET", "/monitoring/healthz"))
        response = idle.read_response()
    except (OSError, http.HttpError):
        return
    equal((response.header("connection") or "").lower(), "close", "header connection while draining")
    truth(idle.is_closed_within(5), "the connection to be closed after it", "still open")


@case("F-START-without-streams", "stop")
def without_standard_streams(starter):
    """Started with closed standard streams, as some supervisors do: none of its own descriptors takes their place."""
    folder = starter.ctx.folder("streams")
    log = os.path.join(folder, "aigw.log")
    with open(os.path.join(folder, "90-local.conf"), "w", encoding="utf-8") as conf:
        conf.write('server: { host = "127.0.0.1"; port = 0; metrics_host = ""; };\nlog: { file = "%s"; };\n' % log)
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", starter.ctx.binary, "serve", "--conf-dir", starter.ctx.conf_dir,
             "--conf-dir", folder, "--plugin-dir", starter.ctx.plugin_dir], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "AIGW_AUTH__BYPASS_EXTERNAL": "true"})
        try:
            deadline = time.monotonic() + 20
            while not os.path.exists(log) or "listening" not in open(log, encoding="utf-8").read():
                truth(process.poll() is None and time.monotonic() < deadline, f"a start with {closed}", process.poll())
                time.sleep(0.02)
            equal([os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in (0, 1, 2)], ["/dev/null"] * 3, f"streams with {closed}")
        finally:
            process.terminate()
            equal(process.wait(20), 0, f"exit status with {closed}")
        os.remove(log)


@case("F-SIGTERM-drain", "stop")
def drain(starter):
    """Running streams and calls finish, new connections are refused, idle ones told to leave, exit code 0."""
    env = Env(starter.ctx, bypass=True, name="drain")
    try:
        gate = Gate()
        streams = []
        for number in range(20):
            script = env.models.script(Reply(pieces=(f"a{number}", "b", "c"), gate=gate))
            conn = env.gw.connect(timeout=20)
            conn.send(http.render("POST", PATH, {}, completion(script, stream=number % 4 != 0)))
            truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
            streams.append((number, conn))
        idle = env.gw.connect()
        idle.send(http.render("GET", "/monitoring/healthz"))
        idle.read_response()
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda item: str(item.get("message", "")).startswith("stopping")), "a log line about it",
              env.gw.raw[-3:])
        deadline = time.monotonic() + 5
        while not is_refused(env.gw.port):
            truth(time.monotonic() < deadline, "new connections to be refused", "still served")
            time.sleep(0.02)
        told_to_leave(idle)
        truth(env.gw.process.poll() is None, "the gateway to wait for its streams", "it has ended")
        gate.set()
        for number, conn in streams:
            response = conn.read_response()
            equal((response.status, response.is_complete), (200, True), f"answer {number}")
            truth(f"a{number}bc" in response.text, "the whole text", response.text)
            conn.close()
        start = time.monotonic()
        equal(env.gw.terminate(), 0, "exit code")
        truth(time.monotonic() - start < 10, "a quick end after the last stream", f"{time.monotonic() - start:.1f} s")
    finally:
        env.close()


@case("F-SIGTERM-stuck", "stop")
def drain_limit(starter):
    """A stream that never ends is cut at the drain limit; the cut does not look finished; exit code 0."""
    env = Env(starter.ctx, bypass=True, name="drain-stuck", env={"AIGW_SERVER__DRAIN_MS": "1500"})
    try:
        script = env.models.script(Reply(pieces=("a", "b"), gate=Gate()))
        conn = env.gw.connect(timeout=20)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count and s.seen[0].pieces_sent), "the first piece", script.seen)
        equal(conn.read_head().status, 200, "status")
        start = time.monotonic()
        env.gw.signal(signal.SIGTERM)
        response = http.Response()
        conn._chunks(response, lambda data: None)
        truth(not response.is_complete, "a cut stream", "it looks finished")
        equal(env.gw.terminate(), 0, "exit code")
        took = time.monotonic() - start
        truth(1.0 < took < 8, "an end soon after 1.5 s", f"{took:.1f} s")
    finally:
        env.close()


@case("F-SIGINT", "stop")
def interrupt(starter):
    env = Env(starter.ctx, bypass=True, name="sigint")
    try:
        env.gw.signal(signal.SIGINT)
        equal(env.gw.process.wait(10), 0, "exit code after SIGINT")
    finally:
        env.close()


@case("F-READY-while-draining", "stop")
def not_ready_while_draining(starter):
    """A kept connection is told to leave, and readiness says draining."""
    env = Env(starter.ctx, bypass=True, name="drain-ready")
    try:
        gate = Gate()
        script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
        stream = env.gw.connect(timeout=20)
        stream.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        env.gw.signal(signal.SIGTERM)
        truth(env.gw.wait_line(lambda item: str(item.get("message", "")).startswith("stopping")), "a log line", "none")
        gate.set()
        equal(stream.read_response().is_complete, True, "complete stream")
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()


class Unread:
    """A gateway whose log goes to an end that the test reads up to the start line and never again."""

    def __init__(self, ctx, kind):
        folder = ctx.folder("unread-" + kind)
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "AIGW_FASTAPI__API_HOST": "127.0.0.1",
               "AIGW_FASTAPI__API_PORT": "0", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
               "AIGW_FASTAPI__METRICS_PORT": "0", "AIGW_GITLAB_URL": "", "AIGW_CUSTOMER_PORTAL_URL": "",
               "AIGW_SERVER__DRAIN_MS": "500", "WEB_CONCURRENCY": "2"}
        theirs = None
        if kind == "fifo":
            path = os.path.join(folder, "log")
            os.mkfifo(path)
            ours = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            os.set_blocking(ours, True)
            env["AIGW_LOGGING__TO_FILE"] = path
        elif kind == "socket":
            one, other = socket.socketpair()
            ours, theirs = one.detach(), other.detach()
        else:
            ours, theirs = os.pipe()
        self.process = subprocess.Popen([ctx.binary, "serve", "--conf-dir", ctx.conf_dir, "--plugin-dir",
                                         ctx.plugin_dir], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=theirs or subprocess.DEVNULL)
        if theirs:
            os.close(theirs)
        self.end = ours
        text = b""
        while b'"listening"' not in text or not text.endswith(b"\n"):
            got = os.read(ours, 1) if text else self._first()
            truth(got, "a start line", text)
            text += got
        line = [json.loads(item) for item in text.splitlines() if b'"listening"' in item][0]
        self.port, self.metrics_port = int(line["port"]), int(line["metrics_port"])

    def _first(self):
        """A fifo is at its end until the gateway has opened it."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            got = os.read(self.end, 1)
            if got:
                return got
            time.sleep(0.01)
        return b""

    def close(self):
        os.close(self.end)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def unread_log(starter, kind):
    """A log that nobody reads costs lines: no request waits for it, nor does the end."""
    gateway = Unread(starter.ctx, kind)
    try:
        conn = http.Connection(gateway.port)
        for _ in range(1500):  # an access line each: several times what a pipe takes
            conn.send(http.render("GET", "/v1/nothing/" + "x" * 500))
            equal(conn.read_response().status, 401, "status")  # one that waited for the log would wait for ever
        gateway.process.send_signal(signal.SIGHUP)  # the log is opened anew
        equal(http.request(gateway.port, "GET", "/monitoring/healthz").status, 200, "status after a reload")
        conn.close()
        start = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        code = gateway.process.wait(15)
        took = time.monotonic() - start
        equal(code, 0, "exit code")
        truth(took < (8 if starter.ctx.is_sanitized else 2.5), "an end soon after 0.5 s of drain", f"{took:.1f} s")
    finally:
        gateway.close()


for _kind in ("pipe", "socket", "fifo"):
    case(f"F-SIGTERM-log-{_kind}", "stop")(lambda starter, kind=_kind: unread_log(starter, kind))


# -- keys --------------------------------------------------------------------------------------------------------------

@fixture("rotation", patient=True)
def rotation(ctx):
    return Env(ctx, name="rotation")


@case("F-ROTATION", "rotation")
def key_rotation_under_load(env):
    """create, rotate, GitLab restarts in between, trim: no valid request is refused, fetches stay few."""
    gitlab = env.gitlab
    equal(env.post(TOKEN_PATH, headers=env.auth()).status, 200, "status before")
    script = env.models.script(Reply())
    state = {"tokens": [env.token()]}

    def one_request():
        token = state["tokens"][-1]
        return env.post(PATH, completion(script), env.auth(token))

    load = _load.SteadyLoad(one_request, 3)
    load.wait_for(20)
    gitlab.rotate_create()
    load.wait_for(20)
    gitlab.refuse()      # GitLab restarts …
    load.wait_for(20)
    gitlab.listen()      # … and is back, with the old key in other processes and the new one published
    gitlab.rotate_swap()
    state["tokens"].append(env.token())      # signed by the new key, unknown to the gateway so far
    load.wait_for(30)
    old_key = gitlab.connector_keys[1]
    late = env.token(key=old_key, header={"kid": gl.thumbprint(old_key)})
    equal(env.post(PATH, completion(script), env.auth(late)).status, 200, "a token of a process not restarted yet")
    gitlab.rotate_trim()
    load.wait_for(30)
    load.stop()
    equal(load.bad[:3], [], f"{len(load.bad)} of {load.count} valid requests were refused;")
    truth(gitlab.fetches["keys"] <= 4, "at most 4 fetches of keys in all", gitlab.fetches)
    truth(load.slowest < 5, "no request to wait for long", f"{load.slowest:.1f} s")


@case("F-GITLAB-DOWN", "rotation")
def gitlab_down_for_good(env):
    """Keys that were good stay good while GitLab is away, whatever it answers."""
    for fault in ("status", "truncate", "html", "cut"):
        env.gitlab.faults["keys"] = gl.Fault(fault, 500)
        equal(env.post(TOKEN_PATH, headers=env.auth()).status, 200, f"status while GitLab answers {fault}")
    env.gitlab.faults.clear()


# -- circuits and fallback ---------------------------------------------------------------------------------------------

@fixture("circuit", patient=True)
def circuit(ctx):
    return Env(ctx, bypass=True, name="circuit", env={"WEB_CONCURRENCY": "1"},
               conf="upstream: { circuit_failures = 3; circuit_rest_ms = 1000; retries = 0; };\n")


@case("F-CIRCUIT", "circuit")
def circuit_opens_and_closes(env):
    script = env.models.script(*[Reply(status=503)] * 3, Reply())
    for _ in range(3):
        check(env.post(PATH, completion(script)), 503, model_error())
    equal(script.count, 3, "model calls")
    start = time.monotonic()
    response = check(env.post(PATH, completion(script)), 503, model_error())
    truth(time.monotonic() - start < 0.5, "a quick refusal while the target rests", response)
    equal(script.count, 3, "model calls while the target rests")
    deadline = time.monotonic() + 10
    while True:
        response = env.post(PATH, completion(script))
        if response.status == 200:
            break
        truth(time.monotonic() < deadline, "service again after the rest", response)
        time.sleep(0.1)
    truth(time.monotonic() - start > 0.8, "a rest of about 1 s", f"{time.monotonic() - start:.2f} s")
    equal(script.count, 4, "model calls: the probe that succeeded")
    other = env.models.script(Reply())
    check(env.post(PATH, completion(other)), 200)


@case("F-CIRCUIT-4xx", "circuit")
def caller_mistakes_do_not_open_it(env):
    """A caller's bad key or bad request must not rest a target for everyone."""
    for status in (400, 401, 403, 404):
        script = env.models.script(*[Reply(status=status)] * 6, Reply())
        for _ in range(6):
            check(env.post(PATH, completion(script)), 503)
        check(env.post(PATH, completion(script)), 200)
        equal(script.count, 7, f"model calls with status {status}")


def two_targets(env):
    env.first = env.models.script(Reply(pieces=("first",)))
    env.second = env.models.script(Reply(pieces=("second",)))
    return f"""
providers: {{
    one: {{ plugin = "openai"; base_url = "{env.first.base}"; api_key = "env:FIRST_KEY"; }};
    two: {{ plugin = "openai"; base_url = "{env.second.base}"; api_key = "env:SECOND_KEY"; }};
}};
models: {{
    coder: {{ targets = ( {{ provider = "one"; model = "codestral-a"; }},
                           {{ provider = "two"; model = "codestral-b"; weight = 0; }} );
              on_failure = "next"; retries = 0; deadline_ms = 20000; }};
}};
features: {{
    code_suggestions: {{ plugin = "code_suggestions"; model = "coder"; }};
    user_access_token: {{ plugin = "user_access_token"; }};
}};
"""


@fixture("fallback", patient=True)
def fallback(ctx):
    keys = {"FIRST_KEY": ctx.secret("sk-first-canary-a81c"), "SECOND_KEY": ctx.secret("sk-second-canary-b92d")}
    env = Env(ctx, bypass=True, name="fallback", env=keys, conf=two_targets)
    env.keys = keys
    return env


def without_model(**changes):
    return completion(None, ("model_provider", "model_name", "model_api_key", "model_identifier"), **changes)


@case("F-FALLBACK-first", "fallback")
def configured_model_serves(env):
    """D9: a request without a model gets the feature's conf.d model, with the operator's key."""
    response = check(env.post(PATH, without_model()), 200)
    equal(response.json()["choices"][0]["text"], "first", "text")
    equal(env.first.seen[-1].header("authorization"), "Bearer " + env.keys["FIRST_KEY"], "authorization")
    equal(env.first.seen[-1].json()["model"], "codestral-a", "model")


@case("F-FALLBACK-next", "fallback")
def next_target_serves(env):
    env.first.replies = [Reply(status=503)]
    response = check(env.post(PATH, without_model()), 200)
    equal(response.json()["choices"][0]["text"], "second", "text")
    equal(env.second.seen[-1].header("authorization"), "Bearer " + env.keys["SECOND_KEY"], "authorization")
    env.first.replies = [Reply(status=503)]
    response = check(env.post(PATH, without_model(stream=True)), 200)
    equal(response.text, "second", "streamed text")


@case("F-FALLBACK-not-after-bytes", "fallback")
def no_second_target_after_bytes(env):
    env.first.replies = [Reply(pieces=("a", "b", "c"), cut_after=2)]
    env.second.replies = [Reply(pieces=("second",))]
    before = env.second.count
    response = env.post(PATH, without_model(stream=True))
    if not response.is_complete:
        truth("ab".startswith(response.text), "only the first target's text", response)
        equal(env.second.count, before, "calls at the second target")
    else:
        equal((response.text, response.is_complete), ("second", True), "a resting first target")


@case("F-FALLBACK-none", "fallback")
def all_targets_down(env):
    env.first.replies = [Reply(status=503)]
    env.second.replies = [Reply(status=500)]
    response = check(env.post(PATH, without_model()), 503, model_error())
    for key in env.keys.values():
        truth(key not in response.text, "no key in the text", response.text)
