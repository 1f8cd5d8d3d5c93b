"""OP-LIM rows: quotas of conf.d, as GitLab's routes and the APIs for other clients meet them."""
import hashlib
import signal
import threading

from fakes import gitlab as gl
from fakes.models import Reply
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._env import Env, check, completion, contains

PATH = "/v2/code/completions"
SECRETS = {name: f"aigw-quota000-{name}-canary-1d9e" for name in ("red1", "red2", "blue", "tokens", "slots", "free")}
CHAT = {"model": "coder", "messages": [{"role": "user", "content": "hi"}]}


def keys():
    return "".join(f'{name}: {{ hash = ( "sha256:{hashlib.sha256(secret.encode()).hexdigest()}" ); '
                   + (f'team = "{name.rstrip("12")}"; ' if name.startswith(("red", "blue")) else "") + "};\n"
                   for name, secret in SECRETS.items())


def conf(env):
    return f"""
providers: {{ fake: {{ plugin = "openai"; base_url = "{env.models.script(*(Reply() for _ in range(600))).base}"; }}; }};
models: {{ coder: {{ targets = ( {{ provider = "fake"; model = "m"; }} ); }}; }};
keys: {{ {keys()} }};
quotas: {{
    instances: {{ per = "instance"; match = ( "{gl.INSTANCE_ID}" ); requests = 3; window = "day"; }};
    teams: {{ per = "team"; requests = 4; window = "day"; }};
    tokens: {{ per = "key"; match = ( "tokens" ); tokens = 10; window = "day"; }};
    slots: {{ per = "key"; match = ( "slot*" ); parallel = 2; }};
}};
"""


class QuotaEnv(Env):
    def __init__(self, ctx, name="quotas"):
        for secret in SECRETS.values():
            ctx.secret(secret)
        super().__init__(ctx, conf=conf, name=name)

    def chat(self, name, body=None, path="/v1/chat/completions", **kwargs):
        return self.post(path, body or CHAT, headers={"Authorization": "Bearer " + SECRETS[name]}, **kwargs)


@fixture("quotas")
def quotas(ctx):
    return QuotaEnv(ctx)


@case("OP-LIM-instance", "quotas")
def instance(env):
    """A quota per GitLab instance, on GitLab's own route: D13's form with Retry-After; another instance has its own."""
    for _ in range(3):
        equal(env.post(PATH, completion(env.models.script(Reply())), headers=env.auth()).status, 200, "status within it")
    script = env.models.script(Reply())
    response = env.post(PATH, completion(script), headers=env.auth())
    check(response, 429, {"detail": contains("quota instances is used up: 3 requests a day for instance " +
                                             gl.INSTANCE_ID)})
    truth(0 < int(response.header("retry-after")) <= 86400, "a Retry-After until midnight", response.header("retry-after"))
    equal(script.count, 0, "calls of the model server")
    other = env.auth(env.token(sub="another"), X_Gitlab_Instance_Id="another")
    equal(env.post(PATH, completion(env.models.script(Reply())), headers=other).status, 200, "status of another instance")


@case("OP-LIM-team", "quotas")
def team(env):
    """Two keys of a team share, another team has its own, a key without one is not counted; each API in its form."""
    for name in ("red1", "red2", "red1", "red2"):
        equal(env.chat(name).status, 200, "status within it")
    response = env.chat("red1")
    check(response, 429, {"error": {"message": contains("quota teams is used up: 4 requests a day for team red"),
                                    "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}})
    truth(0 < int(response.header("retry-after")) <= 86400, "a Retry-After until midnight", response.header("retry-after"))
    message = {"model": "coder", "max_tokens": 5, "messages": CHAT["messages"]}
    response = env.chat("red2", message, "/v1/messages")
    equal((response.status, response.json()["error"]["type"]), (429, "rate_limit_error"), "Anthropic's form")
    response = env.chat("red2", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
                        "/v1beta/models/coder:generateContent")
    equal((response.status, response.json()["error"]["status"]), (429, "RESOURCE_EXHAUSTED"), "Gemini's form")
    equal(env.chat("blue").status, 200, "status of another team")
    for _ in range(20):
        equal(env.chat("free").status, 200, "status of a key without a team")
    equal(env.gw.metric("aigw_quota_refused_total", quota="teams"), 3, "aigw_quota_refused_total")


@case("OP-LIM-02", "quotas")
def tokens(env):
    """Usage above the limit is a debt: the next call is refused until it is paid."""
    equal(env.chat("tokens").status, 200, "status of the first")
    response = env.chat("tokens")
    equal(response.status, 429, "status of the next")
    truth("tokens is used up: 10 tokens a day for key tokens" in response.text, "its quota", response.text)


@case("OP-LIM-parallel", "quotas")
def parallel(env):
    """Slots are held until a stream ends, or its client leaves; the next caller has them then."""
    gate = Gate()
    slow = env.models.script(*(Reply(pieces=("a", "b"), gate=gate) for _ in range(8)))
    env.gw.write_conf(f"""
providers: {{ slow: {{ plugin = "openai"; base_url = "{slow.base}"; }}; }};
models: {{ slow: {{ targets = ( {{ provider = "slow"; model = "m"; }} ); }}; }};
""", "91-slow.conf")
    reloaded(env)
    ask = {**CHAT, "model": "slow", "stream": True}
    data = http.render("POST", "/v1/chat/completions", {"Authorization": "Bearer " + SECRETS["slots"]}, ask)
    conns = [env.gw.connect(timeout=20) for _ in range(2)]
    for conn in conns:
        conn.send(data)
    truth(slow.wait(lambda s: s.count == 2), "both streams at the model server", slow.count)
    response = env.chat("slots")
    equal(response.status, 429, "status of the third")
    truth("2 calls at one time for key slots" in response.text, "its quota", response.text)
    truth(response.header("retry-after") is None, "no time that nobody knows", response.headers)
    conns[0].close()  # its client leaves: the place is free
    until_free(env)
    gate.set()
    equal(conns[1].read_response().is_complete, True, "the other stream")
    conns[1].close()
    until_free(env)
    equal([env.chat("slots").status for _ in range(4)], [200] * 4, "one after the other")


def until_free(env):
    """Whoever asks again gets it once the gateway has seen that the other is gone."""
    for _ in range(200):
        if env.chat("slots").status == 200:
            return
        threading.Event().wait(0.02)
    truth(False, "a free place", "none in 4 s")


def reloaded(env):
    start = len(env.gw.lines)
    env.gw.signal(signal.SIGHUP)
    truth(env.gw.wait_line(lambda item: item.get("message") == "configuration reloaded", start=start), "a reload", "none")


@case("OP-LIM-reload", "quotas")
def reload(env):
    """Counters belong to the process: a reload keeps them, a quota of another name or window begins anew."""
    status = [env.chat("blue").status for _ in range(4)]
    truth(429 in status, "the quota to be used up", status)
    reloaded(env)
    equal(env.chat("blue").status, 429, "status after a reload")
    env.gw.write_conf('quotas: { teams: { per = "team"; requests = 4; burst = 4; window = "hour"; }; };', "92-teams.conf")
    reloaded(env)
    answers = [env.chat("blue") for _ in range(5)]
    equal([answer.status for answer in answers], [200] * 4 + [429], "with another window")
    truth("teams is used up: 4 requests an hour for team blue" in answers[4].text, "its quota", answers[4].text)


@case("OP-LIM-ready", "quotas")
def ready(env):
    found = env.request("GET", "/monitoring/ready?verbose").json()["quotas"]
    equal(found["slots"], {"per": "key", "window": "minute", "requests": 0, "tokens": 0, "parallel": 2}, "the quota")
