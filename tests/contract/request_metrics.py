"""C-MET rows about whole requests and tokens: how each request ended, how long it lived, what each target took
(operating-models.md §6.1)."""
import calendar
import hashlib
import re
import ssl
import threading
import time

from cryptography import x509

from fakes import pki
from fakes.models import Reply
from fakes.net import Gate
from harness import http
from harness.command import run
from harness.runner import case, equal, fixture, truth

from ._env import Env, completion

PATH = "/v1/chat/completions"
SECRETS = {name: f"aigw-metric00-{name}-canary-44d0" for name in ("free", "once", "pair")}
CHAT = {"model": "coder", "messages": [{"role": "user", "content": "hi"}]}
DETAILS = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}], "usage": {
        "prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130, "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 20}}}


def key(name):
    return f'{name}: {{ hash = ( "sha256:{hashlib.sha256(SECRETS[name].encode()).hexdigest()}" ); }};'


class Counted(Env):
    def __init__(self, ctx):
        for secret in SECRETS.values():
            ctx.secret(secret)

        def conf(env):
            env.first, env.second = env.models.script(Reply()), env.models.script(Reply())
            return f"""
upstream: {{ retries = 0; }};
providers: {{ first: {{ plugin = "openai"; base_url = "{env.first.base}"; }};
              second: {{ plugin = "openai"; base_url = "{env.second.base}"; }}; }};
models: {{ coder: {{ targets = ( {{ provider = "first"; model = "m"; }} ); }};
           other: {{ targets = ( {{ provider = "second"; model = "m"; }} ); }};
           twice: {{ hedge_ms = 50; targets = ( {{ provider = "first"; model = "m"; }}, {{ provider = "second"; model = "m"; tier = 2; }} ); }}; }};
keys: {{ {" ".join(map(key, SECRETS))} }};
quotas: {{ once: {{ per = "key"; match = ( "once" ); requests = 1; window = "day"; }};
           wide: {{ per = "key"; match = ( "pair" ); requests = 9; window = "day"; }};
           tight: {{ per = "key"; match = ( "pair" ); requests = 2; window = "day"; }}; }};
"""
        super().__init__(ctx, conf=conf, name="counted")

    def chat(self, who, *replies, **body):
        """One call of the first server, which answers so."""
        self.first.replies = list(replies) or [Reply()]
        self.first.seen.clear()
        return self.post(PATH, {**CHAT, **body}, headers={"Authorization": "Bearer " + SECRETS[who]})

    def count(self, name="aigw_requests_total", **labels):
        return self.gw.metric(name, **labels) or 0

    def more(self, act, by, name="aigw_requests_total", **labels):
        """What act() answers; it makes that number grow so much: a request is counted when its answer has gone out."""
        before = self.count(name, **labels)
        answer = act()
        deadline = time.monotonic() + 10
        while self.count(name, **labels) < before + by and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        equal(self.count(name, **labels), before + by, f"{name} {labels}")
        return answer


@fixture("counted")
def counted(ctx):
    return Counted(ctx)


def leave(env, at_once, gate):
    """A client that goes while its answer is made, before or after the first piece of it. The rest of it waits for the gate."""
    env.first.replies = [Reply(hang=True) if at_once else Reply(pieces=("a" * 40, "b"), gate=gate)]
    env.first.seen.clear()
    conn = env.gw.connect(timeout=20)
    conn.send(http.render("POST", PATH, {"Authorization": "Bearer " + SECRETS["free"]}, {**CHAT, "stream": True}))
    truth(env.first.wait(lambda script: script.seen), "the model to be asked", env.first.seen)
    while not at_once and b"a" * 40 not in conn.buf:
        truth(conn._fill(), "the first piece", conn.buf)
    conn.close()


@case("C-MET-008-outcomes", "counted")
def outcomes(env):
    """Each way that a request can end, once and under one name, by feature and model."""
    coder = {"model": "coder"}
    equal(env.more(lambda: env.chat("free"), 1, **coder, outcome="ok").status, 200)
    equal(env.more(lambda: env.chat("free", Reply(pieces=("a", "b")), stream=True), 1, **coder, outcome="ok").status, 200)
    equal(env.more(lambda: env.chat("free", Reply(status=400)), 1, **coder, outcome="client_error").status, 400)
    truth(env.more(lambda: env.chat("free", Reply(status=500)), 1, **coder, outcome="failed").status >= 500, "a failure", "none")
    equal(env.more(lambda: env.chat("free", messages=5), 1, model="none", outcome="client_error").status, 400)
    unknown = env.more(lambda: env.post(PATH, CHAT, headers={"Authorization": "Bearer aigw-nobody"}), 1, model="none",
                       outcome="refused")
    equal(unknown.status, 401)
    equal(env.more(lambda: env.chat("free", model="nobody"), 1, model="none", outcome="client_error").status, 404)
    equal(env.more(lambda: env.chat("once"), 1, **coder, outcome="ok").status, 200)
    equal(env.more(lambda: env.chat("once"), 1, **coder, outcome="limited").status, 429)
    cut = Reply(pieces=("a", "b", "c"), cut_after=2)
    equal(env.more(lambda: env.chat("free", cut, stream=True), 1, **coder, outcome="cut").status, 200)
    gate = Gate()
    env.more(lambda: leave(env, True, gate), 1, **coder, outcome="cancelled")
    env.more(lambda: leave(env, False, gate), 1, **coder, outcome="cancelled")
    gate.set()


@case("C-MET-008-gitlab", "counted")
def gitlabs(env):
    """GitLab's routes: the feature by its name in conf.d, the model that a request brings along as adhoc. What is no route is
    not counted, nor is a preflight."""
    script = env.models.script(Reply(usage=(12, 5)))
    labels = {"feature": "code_suggestions", "model": "adhoc"}
    env.more(lambda: env.chat("free"), 1, model="coder", outcome="ok")
    equal(env.more(lambda: env.post("/v2/code/completions", completion(script), env.auth()), 1, **labels, outcome="ok").status, 200)
    seatless = env.auth(env.token(scopes=["duo_chat"]))
    equal(env.more(lambda: env.post("/v2/code/completions", completion(script), seatless), 1, feature="code_suggestions",
                   model="none", outcome="refused").status, 403)
    before = env.count()
    for method, path in (("GET", "/monitoring/healthz"), ("GET", "/nope"), ("OPTIONS", PATH)):
        env.request(method, path, {"Origin": "https://x.test", "Access-Control-Request-Method": "POST"})
    env.more(lambda: env.post("/v2/code/completions", completion(script), env.auth()), 1, **labels, outcome="ok")
    equal(env.count(), before + 1, "requests counted in between")
    names = set(re.findall(r'aigw_requests_total\{feature="([^"]*)"', env.gw.metrics()))
    truth("code_suggestions" in names and len(names) == 2, "two features", names)


@case("C-MET-008-life", "counted")
def whole_life(env):
    """A stream lives until its last byte, not until its first."""
    labels = {"model": "coder", "stream": "yes"}
    before = env.count("aigw_request_seconds_sum", **labels)
    env.more(lambda: env.chat("free", Reply(pieces=("a", "b", "c"), piece_delay=0.3), stream=True), 1,
             "aigw_request_seconds_count", **labels)
    truth(env.count("aigw_request_seconds_sum", **labels) - before >= 0.6, "six tenths of a second at least",
          env.count("aigw_request_seconds_sum", **labels) - before)
    env.more(lambda: env.chat("free"), 1, "aigw_request_seconds_count", model="coder", stream="no")
    bounds = {float(bound) for bound in re.findall(r'aigw_request_seconds_bucket\{[^}]*le="([^"]+)"', env.gw.metrics())}
    equal(bounds, {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 600, float("inf")}, "buckets")


def tokens_of(env, **labels):
    return {(kind, source): int(count) for kind in ("input", "output", "cached", "reasoning")
            for source in ("reported", "estimated")
            if (count := env.count("aigw_tokens_total", kind=kind, source=source, **labels))}


def difference(env, act, **labels):
    before = tokens_of(env, **labels)
    act()
    return {key: count - before.get(key, 0) for key, count in tokens_of(env, **labels).items() if count != before.get(key, 0)}


@case("C-MET-009-tokens", "counted")
def tokens(env):
    """By model, provider and kind; what a server reports and what is estimated apart."""
    coder = {"model": "coder", "provider": "first"}
    equal(difference(env, lambda: env.chat("free", Reply(usage=(12, 5))), **coder),
          {("input", "reported"): 12, ("output", "reported"): 5}, "tokens")
    equal(difference(env, lambda: env.chat("free", Reply(body=DETAILS)), **coder),
          {("input", "reported"): 100, ("output", "reported"): 30, ("cached", "reported"): 80, ("reasoning", "reported"): 20},
          "tokens of all kinds")
    silent = difference(env, lambda: env.chat("free", Reply(pieces=("x" * 330,))), **coder)
    equal(set(silent), {("input", "estimated"), ("output", "estimated")}, "tokens of a server that reports none")
    truth(20 < silent["output", "estimated"] < 330, "tokens for 330 bytes", silent)
    equal(difference(env, lambda: env.chat("free", Reply(status=500)), **coder), {}, "tokens of a failure")


@case("C-MET-009-two", "counted")
def tokens_of_two_servers(env):
    """A stream that two were asked for: each provider has its own; the loser's prompt is an estimate."""
    env.second.replies = [Reply(usage=(10, 5))]
    found = {}

    def ask():
        found["status"] = env.chat("free", Reply(hang=True), model="twice", stream=True,
                                   stream_options={"include_usage": True}).status
    lost = difference(env, lambda: found.update(won=difference(env, ask, model="twice", provider="second")), model="twice",
                      provider="first")
    equal(found, {"status": 200, "won": {("input", "reported"): 10, ("output", "reported"): 5}}, "the winner's")
    equal(lost, {("input", "estimated"): 10}, "the loser's")


@case("C-MET-013", "counted")
def quotas(env):
    """Calls that a quota counts: admitted by all that count them, or refused by one. Who meets none is counted by none."""
    def counts():
        return {(quota, result): env.count("aigw_quota_total", quota=quota, result=result)
                for quota in ("wide", "tight") for result in ("admitted", "refused")}

    equal(set(counts().values()), {0}, "before the first call")
    equal([env.chat(who).status for who in ("pair", "pair", "pair", "pair", "free")], [200, 200, 429, 429, 200], "statuses")
    equal(counts(), {("wide", "admitted"): 2, ("wide", "refused"): 0, ("tight", "admitted"): 2, ("tight", "refused"): 2},
          "aigw_quota_total")
    equal(env.count("aigw_quota_refused_total", quota="tight"), 2, "aigw_quota_refused_total")


@case("C-MET-010-plugins", "counted")
def plugins(env):
    """Each plugin that is loaded, with its version, as `aigw plugins` has them."""
    said = re.findall(r"^(provider|feature) (\S+) (\S+) \(ABI", run(env.ctx, "plugins", conf_dirs=()).out, re.M)
    truth(len(said) > 5, "plugins", said)
    shown = re.findall(r'^aigw_plugin_info\{kind="(\w+)",plugin="(\w+)",version="([^"]+)"\} 1$', env.gw.metrics(), re.M)
    equal(sorted(shown), sorted(said), "aigw_plugin_info")


@case("C-MET-010-build", "counted")
def build(env):
    """The version, as `aigw version` has it. Without TLS there is no certificate that could expire."""
    version = run(env.ctx, "version", plugins=False, conf_dirs=()).out.split()[1]
    equal(env.gw.metric("aigw_build_info", version=version), 1.0, "aigw_build_info")
    equal(env.gw.metric("aigw_cert_not_after_seconds"), None, "aigw_cert_not_after_seconds")
    equal(env.gw.metric("aigw_key_not_after_seconds"), None, "aigw_key_not_after_seconds without a key that ends")


class Certified(Env):
    def __init__(self, ctx):
        self.cert, self.key = pki.CA(ctx.folder("ca"), "Metrics CA").issue()
        super().__init__(ctx, name="certified", env={"AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": self.cert,
                                                     "AIGW_FASTAPI__TLS__KEY_FILE": self.key})


@fixture("certified")
def certified(ctx):
    return Certified(ctx)


@case("C-MET-010-certificate", "certified")
def certificate(env):
    """When the certificate that clients are shown expires."""
    shown = ssl.get_server_certificate(("127.0.0.1", env.gw.port))
    expires = x509.load_pem_x509_certificate(shown.encode()).not_valid_after
    equal(env.gw.metric("aigw_cert_not_after_seconds"), calendar.timegm(expires.timetuple()), "aigw_cert_not_after_seconds")
