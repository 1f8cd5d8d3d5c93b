"""OP-KEY rows: API keys of conf.d, on the routes of the probe feature that are for them."""
import calendar
import hashlib
import os
import subprocess
import time

from harness.runner import case, equal, fixture, truth

from ._env import Env, check

NOW = time.time()
YESTERDAY, TOMORROW = (time.strftime("%Y-%m-%d", time.gmtime(NOW + days * 86400)) for days in (-1, 1))
SECRETS = {name: f"aigw-test0000-{name}-canary-77f0" for name in (
    "build", "old", "new", "gone", "off", "none", "some", "chat", "mute", "near", "far")}


def sha(name):
    return "sha256:" + hashlib.sha256(SECRETS[name].encode()).hexdigest()


CONF = f"""
keys: {{
    build: {{ hash = ( "{sha('build')}" ); expires = "{TOMORROW}"; }};
    rotated: {{ hash = ( "{sha('new')}", "{sha('old')} until {YESTERDAY}" ); }};
    gone: {{ hash = ( "{sha('gone')}" ); expires = "{YESTERDAY}"; }};
    off: {{ hash = ( "{sha('off')}" ); enabled = false; }};
    none: {{ hash = ( "{sha('none')}" ); models = (); scopes = (); }};
    some: {{ hash = ( "{sha('some').upper().replace('SHA256', 'sha256')}" ); models = ( "fast-*", "good" ); }};
    chat: {{ hash = ( "{sha('chat')}" ); scopes = ( "embeddings", "chat" ); }};
    near: {{ hash = ( "{sha('near')}" ); from = ( "10.0.0.0/8", "127.0.0.0/8" ); }};
    far: {{ hash = ( "{sha('far')}" ); from = ( "10.0.0.0/8" ); }};
}};
providers: {{ say = {{ plugin = "probe_provider"; }}; }};
models: {{
    good = {{ targets = ( {{ provider = "say"; model = "one"; }} ); }};
    fast-one = {{ targets = ( {{ provider = "say"; model = "two"; }} ); }};
    slow-one = {{ targets = ( {{ provider = "say"; model = "three"; }} ); }};
}};
features: {{ probe = {{ plugin = "probe_feature"; }}; }};
"""


class KeyEnv(Env):
    def __init__(self, ctx, more_conf="", **kwargs):
        for secret in SECRETS.values():
            ctx.secret(secret)
        super().__init__(ctx, conf=CONF + more_conf, args=("--plugin-dir", os.path.join(ctx.build_dir, "tests", "probe")), **kwargs)

    def ask(self, headers, scenario="answer", path="/probe-key/", model="good"):
        return self.post(path + scenario, model.encode(), headers={"Content-Type": "text/plain", **headers})


@fixture("keys")
def keys(ctx):
    return KeyEnv(ctx, name="keys")


@fixture("keys-bypass")
def keys_bypass(ctx):
    return KeyEnv(ctx, name="keys-bypass", bypass=True)


def bearer(name):
    return {"Authorization": "Bearer " + SECRETS[name]}


def refused(response, code):
    text = "No API key was presented" if code == "key_missing" else "The API key was refused"
    check(response, 401, {"own": {"kind": 1, "status": 401, "text": text, "code": code}})


def good(ident, headers, **kwargs):
    @case(ident, "keys")
    def row(env):
        equal(env.ask(headers, **kwargs).status, 200, "status")


def bad(ident, headers, code, path="/probe-key/answer"):
    @case(ident, "keys")
    def row(env):
        refused(env.post(path, b"x", headers={"Content-Type": "text/plain", **headers}), code)


good("OP-KEY-bearer", bearer("build"))
good("OP-KEY-bearer-case", {"authorization": "bearer  " + SECRETS["build"] + " "})
good("OP-KEY-x-api-key", {"x-api-key": SECRETS["build"]})
good("OP-KEY-api-key", {"Api-Key": SECRETS["build"]})
good("OP-KEY-x-goog-api-key", {"X-Goog-Api-Key": SECRETS["build"]})
good("OP-KEY-native-wins", {"Authorization": "Bearer dummy", "x-api-key": SECRETS["build"]})
good("OP-KEY-01-new", bearer("new"))
good("OP-KEY-from", bearer("near"))
good("OP-KEY-hash-capitals", bearer("some"))
good("OP-KEY-scope", bearer("chat"), path="/probe-key-scope/")
good("OP-KEY-no-scopes-given", bearer("build"), path="/probe-key-scope/")
good("OP-KEY-both-key", bearer("build"), path="/probe-both/")
bad("OP-KEY-01-old", bearer("old"), "key_expired")
bad("OP-KEY-02", bearer("gone"), "key_expired")
bad("OP-KEY-disabled", bearer("off"), "key_disabled")
bad("OP-KEY-from-elsewhere", bearer("far"), "key_address")
bad("OP-KEY-missing", {}, "key_missing")
bad("OP-KEY-empty", {"Authorization": "Bearer "}, "key_missing")
bad("OP-KEY-other-scheme", {"Authorization": "Basic " + SECRETS["build"]}, "key_missing")
bad("OP-KEY-unknown", {"Authorization": "Bearer aigw-no-such-key"}, "key_unknown")
bad("OP-KEY-hash-is-no-key", {"Authorization": "Bearer " + sha("build")}, "key_unknown")
bad("OP-KEY-long", {"x-api-key": "k" * 4096}, "key_unknown")
bad("OP-KEY-wrong-native", {"Authorization": "Bearer " + SECRETS["build"], "x-api-key": "dummy"}, "key_unknown")
bad("OP-KEY-query", {}, "key_missing", path="/probe-key/answer?a=1&key=" + SECRETS["build"])


@case("OP-KEY-scope-missing", "keys")
def scope_missing(env):
    equal(env.ask(bearer("none"), path="/probe-key-scope/").status, 403, "status with scopes = ()")


@case("OP-KEY-03", "keys")
def models(env):
    """What a key may use: all models without a list, none with an empty one; others do not exist for it."""
    equal(env.ask(bearer("build"), "names").text, "build:good,fast-one,slow-one,", "all of them")
    equal(env.ask(bearer("none"), "names").text, "none:", "none of them")
    equal(env.ask(bearer("some"), "names").text, "some:good,fast-one,", "those of the list")
    equal(env.ask(bearer("some"), "call", model="fast-one").text, "two", "a model of the list")
    response = env.ask(bearer("some"), "call", model="slow-one")
    truth(response.status != 200 and "three" not in response.text, "a refusal of a model that is not on the list",
          response.text)
    equal(env.ask(bearer("some"), "call", model="slow-one").text.replace("slow-one", "nobody"),
          env.ask(bearer("some"), "call", model="nobody").text, "the same words as for a model that is not there")


@case("OP-KEY-both-token", "keys")
def both(env):
    """A route for both takes GitLab's tokens under GitLab's rules."""
    headers = {**env.auth(), "Content-Type": "text/plain"}
    equal(env.post("/probe-both/answer", b"x", headers=headers).status, 200, "status with a token")
    headers["X-Gitlab-Instance-Id"] = "another"
    equal(env.post("/probe-both/answer", b"x", headers=headers).status, 401, "status of another instance")
    response = env.post("/probe-both/answer", b"x", headers={"Content-Type": "text/plain"})
    equal((response.status, response.json()["error"]), (401, "No authorization header presented"), "without either")


@case("OP-KEY-not-for-gitlab-routes", "keys")
def not_for_gitlab(env):
    response = env.post("/probe/answer", b"x", headers={"Content-Type": "text/plain", **bearer("build")})
    equal(response.status, 401, "status of a route for GitLab's tokens")


@case("OP-KEY-bypass", "keys-bypass")
def bypass(env):
    equal(env.ask({}).status, 200, "status without authentication")


@fixture("keys-cors")
def keys_cors(ctx):
    return KeyEnv(ctx, name="keys-cors", env={"AIGW_SERVER__CORS_ORIGINS": '["https://chat.test", "http://localhost:8000"]'})


def seen_by(response):
    return tuple(response.header(name) for name in ("access-control-allow-origin", "vary"))


@case("OP-KEY-cors", "keys-cors")
def cors(env):
    """server.cors_origins: which pages may call the routes for keys, asked first or not; GitLab's are open to any."""
    for origin, allowed in (("https://chat.test", True), ("http://localhost:8000", True), ("https://evil.test", False),
                            ("https://chat.test.evil.test", False), ("http://chat.test", False), ("null", False)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        expected = (origin if allowed else None, "origin")
        response = env.request("OPTIONS", "/probe-key/answer", headers)
        equal((response.status, *seen_by(response)), (204, *expected), f"preflight from {origin}")
        equal(response.header("access-control-allow-methods"), "POST" if allowed else None, f"methods for {origin}")
        equal(seen_by(env.ask({"Origin": origin, **bearer("build")})), expected, f"answer to {origin}")
        equal(seen_by(env.ask({"Origin": origin})), expected, f"refusal for {origin}")
        response = env.request("OPTIONS", "/v2/code/completions", headers)
        equal((response.status, *seen_by(response)), (200, "*", None), f"preflight of GitLab's route from {origin}")
    equal(seen_by(env.ask(bearer("build"))), (None, None), "answer to a client that is no page")


@case("OP-KEY-cors-any", "keys")
def cors_any(env):
    equal(seen_by(env.ask({"Origin": "https://any.test", **bearer("build")})), ("*", None), "answer to any page")


@case("OP-KEY-02-nowhere", "keys")
def nowhere(env):
    """No key in logs, metrics or answers, whatever header it came in, good or bad."""
    for name in ("build", "gone", "off"):
        for header in ("Authorization", "x-api-key", "api-key", "x-goog-api-key"):
            env.ask({header: ("Bearer " if header == "Authorization" else "") + SECRETS[name]})
    env.post("/probe-key/answer?key=" + SECRETS["build"], b"x", headers={"Content-Type": "text/plain"})
    truth("canary-77f0" not in env.gw.metrics(), "no key in the metrics", "one")
    truth(not any("canary-77f0" in str(line) for line in env.gw.lines), "no key in the log", "one")


@case("C-MET-010-key", "keys")
def next_end(env):
    """When the key ends that ends next: not one that has ended or is off, and no hash that another replaced."""
    equal(env.gw.metric("aigw_key_not_after_seconds"), calendar.timegm(time.strptime(TOMORROW, "%Y-%m-%d")) + 86400,
          "aigw_key_not_after_seconds")


@case("OP-KEY-make", "keys")
def make(env):
    """`aigw key` prints a secret and a group whose hash is its own."""
    program = os.path.join(env.ctx.build_dir, "bin", "aigw")
    made = subprocess.run([program, "key", "ci-build"], capture_output=True, text=True, timeout=20, check=True)
    secret = made.stdout.strip()
    env.ctx.secret(secret)
    truth(len(secret) == 57 and secret.startswith("aigw-"), "a key of 57 characters", secret)
    truth("ci-build: { hash = ( \"sha256:" + hashlib.sha256(secret.encode()).hexdigest() in made.stderr,
          "the group with the hash", made.stderr)
    for words in ([], ["9x"], ["a b"], ["a", "b"]):
        made = subprocess.run([program, "key", *words], capture_output=True, text=True, timeout=20, check=False)
        equal((made.returncode, made.stdout), (2, ""), f"result of aigw key {words}")
