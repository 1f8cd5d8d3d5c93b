"""SDK-rows: what the headers in sdk/include promise to plugins, and what the core does with plugins that break them.
Driven through the real gateway with the two plugins of tests/probe."""
import hashlib
import hmac
import json
import os
import threading
import time

from fakes.net import Server
from harness import http
from harness.runner import add_case, case, equal, fixture, truth

from ._env import Env, check, detail

CONF = """
providers: {
    say = { plugin = "probe_provider"; };
    refuse = { plugin = "probe_provider"; does = "refuse"; };
    silent = { plugin = "probe_provider"; does = "silent"; };
    bad = { plugin = "probe_provider"; does = "error"; api_key = "sk-canary-configured-19d2"; };
    nowhere = { plugin = "probe_provider"; does = "http"; base_url = "http://127.0.0.1:80800/v1"; };
    lines = { plugin = "probe_provider"; does = "http"; base_url = "%(url)s/lines"; };
    token = { plugin = "probe_provider"; does = "credential"; base_url = "%(url)s/auth"; };
    brief = { plugin = "probe_provider"; does = "credential"; base_url = "%(url)s/brief"; life_ms = 3000; };
    dead = { plugin = "probe_provider"; does = "credential"; base_url = "%(url)s/dead"; life_ms = 0; };
    pair = { plugin = "probe_provider"; does = "pair"; base_url = "%(url)s/pair"; };
    pends = { plugin = "probe_provider"; does = "pends"; base_url = "%(url)s/pends"; };
    signed = { plugin = "probe_provider"; does = "sign"; base_url = "%(url)s/signed"; };
};
models: {
    good = { targets = ( { provider = "say"; model = "one"; } ); };
    unsupported_first = { targets = ( { provider = "refuse"; model = "a"; }, { provider = "say"; model = "b"; weight = 0; } ); };
    unusable_first = { targets = ( { provider = "nowhere"; model = "a"; }, { provider = "say"; model = "b"; weight = 0; } ); };
    only_refuses = { targets = ( { provider = "refuse"; model = "a"; } ); };
    none_by_weight = { targets = ( { provider = "say"; model = "first"; weight = 0; }, { provider = "say"; model = "last"; weight = 0; } ); };
    plain = { targets = ( { provider = "say"; model = "plain"; } ); };
    failing = { targets = ( { provider = "bad"; model = "a"; } ); };
    waits = { targets = ( { provider = "silent"; model = "a"; } ); };
    lines = { targets = ( { provider = "lines"; model = "a"; } ); };
    token = { targets = ( { provider = "token"; model = "a"; } ); };
    brief = { targets = ( { provider = "brief"; model = "a"; } ); };
    dead = { targets = ( { provider = "dead"; model = "a"; } ); };
    pair = { targets = ( { provider = "pair"; model = "a"; } ); };
    pends = { retries = 0; targets = ( { provider = "pends"; model = "a"; } ); };
    signed = { targets = ( { provider = "signed"; model = "a"; } ); };
};
features: { probe = { plugin = "probe_feature"; }; };
limits: { request_ms = 1500; stream_status_ms = 100; };
"""


class Lines:
    """A server for the probe provider: says what it is told, hands out tickets and tokens, wants them back."""

    def __init__(self):
        self.server = Server(self._handle)
        self.seen = []
        self.token = "tok-canary-1"
        self.status, self.headers = 200, []
        self.made = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.port}"

    def count(self, path):
        return sum(1 for seen in self.seen if seen[0] == path)

    async def _handle(self, ex):
        path = ex.request.path
        with self.lock:
            self.seen.append((path, dict((k.lower(), v) for k, v in ex.request.headers), ex.request.body))
        if path.endswith("/ticket"):
            await ex.sleep(0.1)
            ex.reply(200, "ticket")
        elif path.endswith("/token"):
            ex.reply(200 if ex.request.body == b"ticket" else 403, self.token)
        elif path in ("/auth", "/brief") and ex.request.header("authorization") != f"Bearer {self.token}":
            ex.reply(401, "who are you? " + str(ex.request.header("authorization")))
        else:
            ex.reply(self.status, b"heard " + ex.request.body + b"\n.\n", content_type="text/plain",
                     headers=self.headers)


class ProbeEnv(Env):
    def __init__(self, ctx, **kwargs):
        self.lines = Lines()
        ctx.secret("sk-canary-configured-19d2")
        super().__init__(ctx, conf=CONF % {"url": self.lines.url}, name="probe",
                         args=("--plugin-dir", os.path.join(ctx.build_dir, "tests", "probe")), **kwargs)

    def close(self):
        super().close()
        self.lines.server.close()

    def probe(self, scenario, model="good", path="/probe/", **kwargs):
        return self.post(path + scenario, model.encode(), headers={"Content-Type": "text/plain"}, **kwargs)


@fixture("probe")
def probe_env(ctx):
    return ProbeEnv(ctx, bypass=True)


@fixture("probe-auth")
def probe_auth(ctx):
    return ProbeEnv(ctx)


ERROR_500 = detail("Internal Server Error")


def row(ident, scenario, status, model="good", text=None, body=None, path="/probe/"):
    def run(env):
        check(env.probe(scenario, model, path), status, body, text=text)
    add_case(ident, "probe", run, __name__)


row("SDK-answer", "answer", 200, text="with a body")
row("SDK-no-body", "answer", 200, path="/probe-no-body/", text="without a body")
row("SDK-call", "call", 200, text="one")
row("SDK-pass-through", "raw", 200, text='raw:{"model":"x","n":1.0}')
row("SDK-pass-through-refused", "raw", 200, model="plain", text="plain")
row("SDK-pass-through-refused-alone", "raw", 422, model="only_refuses", body=detail("this one refuses everything"))
row("SDK-run-nothing", "nothing", 500, body=ERROR_500)
row("SDK-run-fails", "boom", 500, body=ERROR_500)
row("SDK-check-too-much", "too-much", 413)
row("SDK-check-no-memory", "no-memory", 503)
row("SDK-pend", "pend", 200, text="went on")
row("SDK-pend-for-ever", "pend-for-ever", 500, body=ERROR_500)
row("SDK-timer", "timer", 200, text="timer")
row("SDK-offload", "offload", 200, text="sum 5050")
row("SDK-two-calls-in-a-row", "sequence", 200, text="one|one")
row("SDK-three-calls-at-once", "parallel", 200, text="one|one|one")
row("SDK-call-from-error", "after-error", 200, model="failing", text="|one")
row("SDK-cancel-in-event", "cancel", 200, text="cancelled")
row("SDK-unsupported-moves-on", "call", 200, model="unsupported_first", text="b")
row("SDK-unusable-address-moves-on", "call", 200, model="unusable_first", text="b")
row("SDK-unsupported-alone", "call", 422, model="only_refuses", body=detail("this one refuses everything"))
row("SDK-all-weights-zero", "call", 200, model="none_by_weight", text="first")
row("SDK-model-error", "model-error", 503, body=detail("busy"))


def cut(ident, scenario):
    """An answer that was begun and not ended is visibly not whole, long before request_ms."""
    def run(env):
        start = time.monotonic()
        try:
            truth(not env.probe(scenario).is_complete, "a body that is visibly cut", "a whole one")
        except http.HttpError:
            pass  # cut before the head was out
        truth(time.monotonic() - start < 1.0, "an end long before limits.request_ms (1.5 s)", "later")
    add_case(ident, "probe", run, __name__)


cut("SDK-stream-left-open", "open-stream")
cut("SDK-check-fails-after-begin", "fail-after-begin")
cut("SDK-end-without-stream-end", "unended")


@case("SDK-write-after-end", "probe")
def write_after_end(env):
    equal(env.probe("write-after-end").text, "all", "body")
    line = env.gw.wait_line(lambda item: "/probe/write-after-end" in str(item.get("path")) and "probe" in item)
    truth(line is not None and line["probe"] == "-4", "AIGW_E_STATE (-4) for writing after the end", line)


@case("SDK-secret-in-stream-error", "probe")
def secret_in_stream_error(env):
    """A configured key that a model server repeats inside its answer reaches neither client nor log."""
    response = env.probe("call", "failing")
    equal(response.status, 503, "status")
    truth("canary-configured" not in response.text, "no key in the answer", response.text)


@case("SDK-waiting", "probe")
def waiting(env):
    """limits.stream_status_ms: the client gets a status although the model says nothing; then the deadline cuts."""
    response = env.probe("gone", "waits")
    equal(response.status, 200, "status")
    truth(response.head_at < 1.0, "a status after stream_status_ms (100 ms)", response.head_at)
    truth(not response.is_complete, "a cut at the deadline", response)
    truth(env.gw.wait_line(lambda item: "nobody waits" in str(item.get("message"))), "gone() at the deadline", "none")


@case("SDK-deadline", "probe")
def deadline(env):
    check(env.probe("call", "waits"), 504, detail("The request took longer than limits.request_ms allows"))


@case("SDK-gone", "probe")
def gone(env):
    start = len(env.gw.lines)
    with env.gw.connect() as conn:
        conn.send(b"POST /probe/gone HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwaits")
        truth(b"200" in conn.sock.recv(100), "a status", "none")
    found = env.gw.wait_line(lambda item: "nobody waits" in str(item.get("message")), start=start)
    truth(found is not None, "gone() when the client leaves", "none")


@case("SDK-invalid-log", "probe")
def invalid_log(env):
    """A 422 tells the operator type and place of each fault, and never a value."""
    check(env.probe("invalid"), 422, detail("Validation error"))
    line = env.gw.wait_line(lambda item: "/probe/invalid" in str(item.get("path")) and "validation_errors" in item)
    truth(line is not None, "an access line with validation_errors", "none")
    equal(line["validation_errors"], [{"type": "missing", "loc": ["body", "x"]}], "validation_errors")
    truth("s3cret-input" not in json.dumps(env.gw.lines), "no value in any line", "it is there")


@case("SDK-lines", "probe")
def lines(env):
    """A provider over HTTP whose end marker ends the answer."""
    truth(env.probe("call", "lines").text.startswith("heard"), "the server's words", "none")


@case("SDK-answer-headers", "probe")
def answer_headers(env):
    """What a feature asked for of the headers, with START and with ERROR, in its own spelling; absent ones are not."""
    env.lines.headers = [("X-WHO", "five"), ("x-left", " 7 "), ("X-Most", "12.5"), ("X-Later", "1")]
    equal(env.probe("headers", "lines").text.split("heard")[0], "x-who=five;X-Left=7;", "headers with START")
    env.lines.status = 418
    equal(env.probe("headers", "lines").text, "x-who=five;X-Left=7;", "headers with ERROR")
    env.lines.status, env.lines.headers = 200, []
    equal(env.probe("headers", "lines").text.split("heard")[0], "", "headers of an answer without them")


@case("SDK-rate-headers", "probe")
def rate_headers(env):
    """What a provider's table names is exported, last word of any worker; nonsense changes nothing."""
    for value in ("99", "98", "97", "many", "", "1e3"):
        env.lines.headers = [("X-Left", value), ("X-Most", "400000")]
        env.probe("call", "lines")
    env.lines.headers = []
    equal(env.gw.metric("aigw_model_rate_remaining", provider="lines", unit="requests"), 97.0, "what is left")
    equal(env.gw.metric("aigw_model_rate_limit", provider="lines", unit="input_tokens"), 400000.0, "the limit")
    truth('unit="unknown"' not in env.gw.metrics(), "no series of a unit that the core does not know", "one")


@case("SDK-credential", "probe")
def credential(env):
    """Fetched in two steps, once for all who wait, kept, and fetched anew after a 401."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(env.probe("call", "token"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        equal(answer.status, 200, "status")
    equal(env.lines.count("/auth/ticket"), 1, "fetches for eight requests at once")
    equal(env.probe("call", "token").status, 200, "status with the kept token")
    equal(env.lines.count("/auth/ticket"), 1, "fetches after one more request")
    env.lines.token = "tok-canary-2"
    equal(env.probe("call", "token").status, 200, "status after the server has forgotten the token")
    equal(env.lines.count("/auth/ticket"), 2, "fetches after the token was refused")
    env.gw.signal(1)
    truth(env.gw.wait_line(lambda item: item.get("message") == "configuration reloaded"), "a reload", "none")
    equal(env.probe("call", "token").status, 200, "status after a reload")
    equal(env.lines.count("/auth/ticket"), 2, "fetches after a reload that changed nothing")


@case("SDK-credential-early", "probe")
def credential_early(env):
    """A new one is fetched in the last fifth of the old one's life, of three seconds."""
    for _ in range(5):
        begun = last = time.monotonic()
        longest_s = 0
        equal(env.probe("call", "brief").status, 200, "status")
        fetches = env.lines.count("/brief/ticket")
        while env.lines.count("/brief/ticket") == fetches:
            equal(env.probe("call", "brief").status, 200, "status")
            longest_s = max(longest_s, time.monotonic() - last)
            last = time.monotonic()
        if longest_s < 0.3:  # or the machine was busy elsewhere just then: once more
            break
    truth(last - begun < 3.0, "a fetch before the end", last - begun)


@case("SDK-credential-dead", "probe")
def credential_dead(env):
    """One that is out of date when it comes serves who waits for it; it is not fetched for ever."""
    equal(env.probe("call", "dead").status, 200, "status")
    equal(env.lines.count("/dead/ticket"), 1, "fetches")


@case("SDK-credential-pair", "probe")
def credential_pair(env):
    """Two credentials, asked for one after the other before the provider waits for either."""
    equal(env.probe("call", "pair").status, 200, "status")
    equal(env.lines.count("/pair/ticket"), 2, "fetches")


@case("SDK-credential-pends", "probe")
def credential_pends(env):
    """Who waits for a credential that is there would wait for ever."""
    begun = time.monotonic()
    equal(env.probe("call", "pends").status, 503, "status")
    truth(time.monotonic() - begun < 1.2, "an answer before the deadline", time.monotonic() - begun)


@case("SDK-sign", "probe")
def sign(env):
    equal(env.probe("call", "signed").status, 200, "status")
    path, headers, body = [seen for seen in env.lines.seen if seen[0] == "/signed"][-1]
    wanted = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    equal(headers.get("x-signature"), wanted, "signature over the body that was sent")


@case("SDK-methods", "probe")
def methods(env):
    equal(env.request("GET", "/probe/answer").status, 200, "GET beside POST on one path")
    equal(env.request("HEAD", "/probe/answer").body, b"", "body of HEAD where GET is")
    allow = env.request("DELETE", "/probe/answer").header("allow")
    equal(allow, "GET, HEAD, POST", "Allow of a path with two methods")


@case("SDK-refuse-own-words", "probe-auth")
def refuse_own_words(env):
    """Refusals that core decides, in the words of the feature that owns the path."""
    response = env.post("/probe-own/answer", b"x", headers={"Content-Type": "text/plain"})
    check(response, 401, {"own": {"kind": 1, "status": 401, "text": "No authorization header presented"}})
    response = env.post("/probe-own/answer", b"x", headers={**env.auth(), "Content-Type": "text/plain"})
    check(response, 403, {"own": {"kind": 2, "status": 403, "text": "Forbidden"}})
    response = env.post("/probe/answer", b"x", headers={"Content-Type": "text/plain"})
    equal(response.status, 401, "status of a route without words of its own")
    truth("error" in response.json(), "GitLab's form", response)


@case("SDK-refuse-own-failure", "probe")
def refuse_own_failure(env):
    check(env.probe("boom", path="/probe-own/"), 500,
          {"own": {"kind": 6, "status": 500, "text": "Internal Server Error"}})
    check(env.probe("model-error", path="/probe-own/"), 503,
          {"own": {"kind": 8, "status": 503, "text": "busy"}})


@case("SDK-refuse-own-too-large", "probe")
def refuse_own_too_large(env):
    big = b"x" * (17 << 20)
    with env.gw.connect() as conn:
        conn.send(b"POST /probe-own/answer HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
                  % len(big))
        response = conn.read_response()
    check(response, 413, {"own": {"kind": 3, "status": 413,
                                  "text": "Request body is too large: more than 16777216 bytes"}})


@case("SDK-callers", "probe-auth")
def callers(env):
    equal(env.probe("answer", path="/probe-open/").status, 200, "status of a route that anyone may call")
    check(env.post("/probe-key/answer", b"x", headers={**env.auth(), "Content-Type": "text/plain"}), 401,
          {"own": {"kind": 1, "status": 401, "text": "The API key was refused", "code": "key_unknown"}})
