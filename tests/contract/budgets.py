"""OP-LIM rows about money: quotas with `cost`, `prices`, what every exit of a call costs, and what clients are told of quotas."""
import datetime
import hashlib
import json
import re
import signal
import threading

from fakes.models import Reply
from fakes.net import Gate
from harness import http
from harness.command import run
from harness.runner import case, equal, fixture, truth

from ._env import Env, check, completion, contains
from .quotas import CHAT, reloaded

# One token in costs 0.001 EUR, one token out 0.01.
PRICES = """
prices: { currency = "EUR"; zone = "Europe/Berlin"; table = (
    { model = "paid*"; input = 1000.0; output = 10000.0; cached = 100.0; },
    { model = "free"; input = 0.0; output = 0.0; } ); };
"""
KEYS = ("one", "forms", "proxy", "gone", "mute", "cut", "late", "fail", "cache", "instead", "barred", "warn", "metrics", "again",
        "tight", "open", "both", "prompts")
SECRETS = {name: f"aigw-budget00-{name}-canary-5b2e" for name in KEYS}
MESSAGE = {"model": "paid", "max_tokens": 5, "messages": CHAT["messages"]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def key(name):
    more = {"barred": 'models = ( "paid" ); ', "metrics": 'team = "red"; '}.get(name, "")
    return f'{name}: {{ hash = ( "sha256:{hashlib.sha256(SECRETS[name].encode()).hexdigest()}" ); {more}}};'


class BudgetEnv(Env):
    def __init__(self, ctx, name="budgets"):
        for secret in SECRETS.values():
            ctx.secret(secret)

        def conf(env):
            env.paid, env.free, env.claude = (env.models.script(Reply()) for _ in range(3))
            return f"""
upstream: {{ retries = 0; }};
providers: {{
    paid: {{ plugin = "openai"; base_url = "{env.paid.base}"; }};
    free: {{ plugin = "openai"; base_url = "{env.free.base}"; }};
    claude: {{ plugin = "anthropic"; base_url = "{env.claude.root}"; api_key = "sk-budget-canary-77"; }};
}};
models: {{
    paid: {{ targets = ( {{ provider = "paid"; model = "paid-1"; }} ); }};
    small: {{ targets = ( {{ provider = "free"; model = "free"; }} ); }};
    twice: {{ hedge_ms = 50; targets = ( {{ provider = "paid"; model = "paid-1"; }}, {{ provider = "free"; model = "free"; tier = 2; }} ); }};
    unpriced: {{ targets = ( {{ provider = "free"; model = "nobody-knows"; }} ); }};
    claude: {{ targets = ( {{ provider = "claude"; model = "paid-claude"; }} ); }};
}};
features: {{ proxy: {{ plugin = "proxy"; anthropic_model = "claude"; openai_model = "paid"; }}; }};
keys: {{ {" ".join(map(key, KEYS))} }};
{PRICES}
quotas: {{
    budget: {{ per = "key"; models = ( "paid", "claude" ); cost = 0.05; window = "month"; warn = ( 50, 80 );
               match = ( "one", "forms", "warn", "again", "both", "metrics" ); }};
    roomy:  {{ per = "key"; models = ( "paid", "claude" ); cost = 100.0; tokens = 100000; window = "month";
               match = ( "gone", "mute", "cut", "late", "fail", "cache" ); }};
    big:    {{ per = "key"; match = ( "instead", "barred" ); models = ( "paid" ); cost = 0.05; window = "day";
               on_empty = "use:small"; }};
    tight:  {{ per = "key"; match = ( "tight" ); requests = 3; tokens = 100000; window = "day"; }};
    wide:   {{ per = "key"; match = ( "tight", "open" ); requests = 600; tokens = 400000; }};
    calls:  {{ per = "key"; match = ( "both" ); requests = 100; tokens = 100000; window = "month"; }};
    gitlab: {{ per = "instance"; models = ( "paid", "claude" ); cost = 0.05; window = "month"; }};
}};
"""
        super().__init__(ctx, conf=conf, name=name)
        ctx.secret("sk-budget-canary-77")

    def says(self, *replies):
        for script in (self.paid, self.free, self.claude):
            script.replies = list(replies)
            script.seen.clear()
        return self

    def chat(self, name, body=None, path="/v1/chat/completions", **kwargs):
        return self.post(path, body or {**CHAT, "model": "paid"}, headers={"Authorization": "Bearer " + SECRETS[name]}, **kwargs)

    def used(self, quota, entity):
        for item in self.request("GET", "/monitoring/ready?verbose").json()["quotas_used"]:
            if (item["quota"], item["entity"]) == (quota, entity):
                return item
        return {}

    def used_at_last(self, quota, entity, **wanted):
        """What is used once it is that much: a call that was left is settled when the gateway sees that."""
        for _ in range(250):
            found = self.used(quota, entity)
            if all(abs(found.get(name, -1) - value) < 1e-9 for name, value in wanted.items()):
                return found
            threading.Event().wait(0.02)
        truth(False, f"{wanted} of {quota} for {entity}", found)

    def open(self, name, body, path="/v1/chat/completions"):
        conn = self.gw.connect(timeout=20)
        conn.send(http.render("POST", path, {"Authorization": "Bearer " + SECRETS[name]}, body))
        return conn

    def access_line(self, response):
        return self.gw.wait_line(lambda line: line.get("logger") == "api.access"
                                 and line.get("correlation_id") == response.header("x-request-id"))


@fixture("budgets")
def budgets(ctx):
    return BudgetEnv(ctx)


# ---- a budget is used up --------------------------------------------------------------------------------------------

def next_month():
    """When the next month begins in Berlin, as the words say it."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    return {f"{at.year + at.month // 12}-{at.month % 12 + 1:02}-01 00:00 Europe/Berlin"
            for at in (now, now - datetime.timedelta(hours=2))}


def empty(env, name, model="paid"):
    """One call of 0.06 EUR: the budget of 0.05 is used up."""
    env.says(Reply(usage=(10, 5)))
    equal(env.chat(name, {**CHAT, "model": model}).status, 200, "status of the first call")


@case("OP-LIM-cost", "budgets")
def cost(env):
    """A month's budget: 429 with insufficient_quota, words that name all of it, not to be tried again; nothing is asked."""
    empty(env, "one")
    response = env.chat("one")
    check(response, 429, {"error": {"message": contains("quota budget is used up: 0.06 of 0.05 EUR a month for key one"),
                                    "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}})
    truth(any(date in response.text for date in next_month()), "the day it begins anew", response.text)
    equal(response.header("x-should-retry"), "false", "x-should-retry")
    seconds = int(response.header("retry-after"))
    truth(0 < seconds <= 31 * 86400 + 3600, "Retry-After until then", seconds)
    truth(abs(int(response.header("retry-after-ms")) - seconds * 1000) <= 1000, "retry-after-ms", response.headers)
    equal(env.paid.count, 1, "calls of the model server")
    equal(env.chat("one", {**CHAT, "model": "small"}).status, 200, "status of a model that the budget is not for")
    line = env.gw.wait_line(lambda item: item.get("logger") == "quota.refused" and item.get("entity") == "one")
    truth(line and line["quota"] == "budget", "quota.refused in the log", line)
    env.chat("one")
    env.chat("one")
    equal(len([item for item in env.gw.lines if item.get("logger") == "quota.refused" and item.get("entity") == "one"]), 1,
          "such lines in a minute")
    equal(env.gw.metric("aigw_quota_refused_total", quota="budget"), 3, "aigw_quota_refused_total")


@case("OP-LIM-cost-forms", "budgets")
def forms(env):
    """Every API says it as its clients read it."""
    empty(env, "forms")
    asked = {"/v1/messages": MESSAGE, "/v1/responses": {"model": "paid", "input": "hi"},
             "/v1beta/models/paid:generateContent": GEMINI, "/v1/completions": {"model": "paid", "prompt": "hi"},
             "/v1/embeddings": {"model": "paid", "input": "hi"}}
    for path, body in asked.items():
        for stream in (False, True) if path in ("/v1/messages", "/v1/responses") else (False,):
            response = env.chat("forms", {**body, "stream": True} if stream else body, path)
            error = response.json()["error"]
            truth("quota budget is used up" in error["message"], f"the words on {path}", response.text)
            wanted = {"/v1/messages": ("billing_error", None), "/v1beta/models/paid:generateContent": (None, 429)}
            equal((response.status, error.get("type"), error.get("code")),
                  (429, *wanted.get(path, ("insufficient_quota", "insufficient_quota"))), path)
            equal(response.header("x-should-retry"), "false", f"x-should-retry on {path}")
            truth(int(response.header("retry-after")) > 0, f"Retry-After on {path}", response.headers)
    equal(env.chat("forms", GEMINI, "/v1beta/models/paid:generateContent").json()["error"]["status"], "RESOURCE_EXHAUSTED")


@case("OP-LIM-cost-gitlab", "budgets")
def gitlab(env):
    """GitLab's routes: 429 with D13's detail; the proxies in their vendors' forms."""
    env.says(Reply(usage=(10, 5)))
    body = {"model": "gpt", "messages": CHAT["messages"]}
    head = env.auth(env.token(["ai_gateway_model_provider_proxy"]), X_Gitlab_Unit_Primitive="ai_gateway_model_provider_proxy")
    equal(env.post("/v1/proxy/openai/v1/chat/completions", body, headers=head).status, 200, "status of the first")
    response = env.post("/v1/proxy/openai/v1/chat/completions", body, headers=head)
    check(response, 429, {"error": {"message": contains("quota gitlab is used up"), "type": "insufficient_quota", "param": None,
                                    "code": "insufficient_quota"}})
    equal(response.header("x-should-retry"), "false", "x-should-retry")
    response = env.post("/v1/proxy/anthropic/v1/messages", {**MESSAGE, "model": "claude-sonnet-4-5"}, headers=head)
    check(response, 429, {"type": "error", "error": {"type": "billing_error", "message": contains("quota gitlab is used up")}})
    equal(response.header("x-should-retry"), "false", "x-should-retry")
    truth(int(response.header("retry-after")) > 0, "Retry-After", response.headers)
    # another model is what this one's budget is not for: no price is known, and none is needed
    equal(env.post("/v2/code/completions", completion(env.models.script(Reply())), headers=env.auth()).status, 200, "its own model")


# ---- every exit is settled, once ------------------------------------------------------------------------------------

def parts(found):
    """Tokens in and out, by what they cost together."""
    out = round((found["cost"] - found["tokens"] * 0.001) / 0.009, 6)
    truth(out == int(out), "whole tokens", found)
    return found["tokens"] - int(out), int(out)


@case("OP-LIM-03", "budgets")
def left(env):
    """A stream without usage whose client leaves half-way: what went and came is estimated, once; then the money is there again."""
    env.says(Reply(pieces=("x" * 33, "y"), gate=Gate()))
    conn = env.open("gone", {**MESSAGE, "stream": True}, "/v1/messages")
    while b"x" * 33 not in conn.buf:
        truth(conn._fill(), "the first piece", conn.buf)
    conn.close()
    for _ in range(250):
        if env.gw.metric("aigw_usage_missing_total", model="paid"):
            break
        threading.Event().wait(0.02)
    equal(env.gw.metric("aigw_usage_missing_total", model="paid"), 1, "aigw_usage_missing_total")
    found = env.used("roomy", "gone")
    asked, came = parts(found)
    truth(10 < asked < 60 and 4 < came < 14, "about 30 tokens of what was asked, 10 of what came", (asked, came))
    equal(env.used("roomy", "gone")["cost"], found["cost"], "a little later")


@case("OP-LIM-cost-exits", "budgets")
def exits(env):
    """A good end, a cached prompt, a refusal, no server, a server that hangs, an answer that breaks off."""
    env.says(Reply(usage=(100, 10)))
    equal(env.chat("cache").status, 200)
    env.used_at_last("roomy", "cache", cost=0.2, tokens=110)
    env.says(Reply(body={"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "prompt_tokens_details": {"cached_tokens": 80}}}))
    equal(env.chat("cache").status, 200)
    env.used_at_last("roomy", "cache", cost=0.2 + 0.02 + 0.008 + 0.1, tokens=110 + 30)
    env.says(Reply(status=400))
    equal(env.chat("fail").status, 400)
    env.says(Reply(raw=b"nonsense\r\n\r\n"))
    truth(env.chat("fail").status >= 500, "a failure", "none")
    equal(env.used("roomy", "fail"), {}, "what failures cost")
    env.says(Reply(pieces=("a", "b", "c", "x" * 33, "y"), cut_after=4, usage=(100, 10)))
    env.chat("cut", {**CHAT, "model": "paid", "stream": True})
    asked, came = parts(env.used("roomy", "cut"))
    truth(asked > 10 and 8 < came < 20, "what an answer costs that breaks off: four pieces, one of them longer", (asked, came))


@case("OP-LIM-cost-mute", "budgets")
def mute(env):
    """A server that reports nothing: by length, and said so. Counting tokens costs nothing, whatever number comes out."""
    before = env.gw.metric("aigw_usage_missing_total", model="paid") or 0
    env.says(Reply(("x" * 330,)))
    equal(env.chat("mute", MESSAGE, "/v1/messages").status, 200)
    asked, came = parts(env.used("roomy", "mute"))
    truth(10 < asked < 60 and 50 < came < 130, "about 100 tokens of 330 bytes", (asked, came))
    equal(env.gw.metric("aigw_usage_missing_total", model="paid"), before + 1, "aigw_usage_missing_total")
    env.says(Reply(body={"input_tokens": 5000}))
    equal(env.chat("mute", {**MESSAGE, "model": "claude"}, "/v1/messages/count_tokens").json(), {"input_tokens": 5000})
    equal(parts(env.used("roomy", "mute")), (asked, came), "after counting")


@case("OP-LIM-cost-deadline", "budgets")
def deadline(env):
    """A server that takes the request and never answers may ask money for it: what was sent counts. Nothing stays reserved."""
    env.says(Reply(hang=True))
    response = env.post("/v1/chat/completions", {**CHAT, "model": "paid"}, headers={
        "Authorization": "Bearer " + SECRETS["late"], "x-stainless-read-timeout": "2"})
    equal(response.status, 504)
    asked, came = parts(env.used("roomy", "late"))
    truth(10 < asked < 60 and came == 0, "the price of what was sent", (asked, came))


@case("OP-LIM-cost-hedge", "budgets")
def hedge(env):
    """A stream that was asked of two providers is paid for at both: the loser's prompt by its own price."""
    env.says(Reply(usage=(10, 5)))
    env.paid.replies = [Reply(hang=True)]
    response = env.chat("prompts", {**CHAT, "model": "twice", "stream": True, "stream_options": {"include_usage": True}})
    equal((response.status, env.paid.count, env.free.count), (200, 1, 1), "status, and requests at either server")
    line = env.access_line(response)
    equal((line["tokens_in"], line["tokens_out"], line["cost"]), (20, 5, 0.01), "tokens of both, and the price of the paid one's")


# ---- more than one quota --------------------------------------------------------------------------------------------

@case("OP-LIM-09", "budgets")
def both(env):
    """Two quotas match, one is empty: refused, and nothing is charged to the other."""
    empty(env, "both")
    before = env.used("calls", "both")
    equal((before["requests"], before["tokens"]), (1, 15), "charged by the first call")
    for _ in range(5):
        equal(env.chat("both").status, 429)
    after = env.used("calls", "both")
    equal((after["requests"], after["tokens"]), (1, 15), "charged afterwards")


@case("OP-LIM-on-empty", "budgets")
def on_empty(env):
    """An empty budget names another model: it serves, and the client's word for the model stays."""
    env.says(Reply(usage=(10, 5)))
    equal(env.chat("instead").status, 200)
    env.says(Reply(("hel", "lo"), usage=(10, 5)))
    response = env.chat("instead")
    equal((response.status, response.json()["choices"][0]["message"]["content"], response.json()["model"]), (200, "hello", "paid"))
    equal((env.paid.count, env.free.count), (0, 1), "calls of the paid and the free server")
    equal(json.loads(env.free.seen[0].body)["model"], "free", "the model asked for")
    line = env.access_line(response)
    equal((line["cost"], line["quota"]), (0, "big"), "cost and quota in the access line")


@case("OP-LIM-10", "budgets")
def barred(env):
    """on_empty names a model that the key may not use: 429 of the budget, not 403, and not served."""
    env.says(Reply(usage=(10, 5)))
    equal(env.chat("barred").status, 200)
    response = env.chat("barred")
    equal((response.status, response.json()["error"]["code"]), (429, "insufficient_quota"))
    truth("quota big is used up" in response.text, "its quota", response.text)
    equal((env.paid.count, env.free.count), (1, 0), "calls of the paid and the free server")


# ---- headers --------------------------------------------------------------------------------------------------------

def rates(response, form):
    names = [form.format(what=what, unit=unit) for unit in ("requests", "tokens") for what in ("limit", "remaining", "reset")]
    return [response.header(name) for name in names]


OPENAI, ANTHROPIC = "x-ratelimit-{what}-{unit}", "anthropic-ratelimit-{unit}-{what}"


@case("OP-LIM-headers", "budgets")
def headers(env):
    """What the tightest quota has left: on answers, streams and refusals, as each dialect spells it; elsewhere nothing."""
    env.says(Reply(usage=(10, 5)))
    found = rates(env.chat("tight"), OPENAI)
    equal((found[0], found[1], found[3], found[4]), ("3", "2", "100000", "99985"), "limits and what is left")
    truth(all(re.fullmatch(r"(\d+h)?(\d+m)?\d+s|\d+ms", found[i]) for i in (2, 5)), "times as 6m0s", found)
    response = env.chat("tight", {**CHAT, "model": "paid", "stream": True})
    found = rates(response, OPENAI)
    equal((response.status, found[0], found[1]), (200, "3", "1"), "of a stream")
    found = rates(env.chat("tight", MESSAGE, "/v1/messages"), ANTHROPIC)
    equal((found[0], found[1]), ("3", "0"), "for Anthropic's clients")
    truth(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[2]), "a moment", found)
    response = env.chat("tight")
    found = rates(response, OPENAI)
    equal((response.status, found[0], found[1], response.header("x-should-retry")), (429, "3", "0", None), "of a refusal")
    truth(int(response.header("retry-after")) > 0 and int(response.header("retry-after-ms")) > 0, "when to come back", response.headers)
    response = env.chat("tight", MESSAGE, "/v1/messages")
    equal((response.status, rates(response, ANTHROPIC)[:2]), (429, ["3", "0"]), "of a refusal for Anthropic's clients")
    found = rates(env.chat("open"), OPENAI)
    equal((found[0], found[3]), ("600", "400000"), "of a window that slides")
    truth(0 < int(found[1]) <= 99 and found[2].endswith("ms"), "one is taken of a hundred at once", found)
    equal(rates(env.chat("prompts"), OPENAI), [None] * 6, "without a quota")


# ---- what operators see ---------------------------------------------------------------------------------------------

@case("OP-LIM-warn", "budgets")
def warn(env):
    """Each percentage of `warn` is one line, once in a window."""
    def lines():
        return [item["percent"] for item in env.gw.lines if item.get("logger") == "quota.warn" and item.get("entity") == "warn"]
    for usage, wanted in (((10, 1), []), ((10, 0), [50]), ((1, 0), [50]), ((11, 0), [50, 80]), ((1, 0), [50, 80])):
        env.says(Reply(usage=usage))
        response = env.chat("warn")
        equal(response.status, 200)
        truth(env.access_line(response), "its access line", "none")
        equal(lines(), wanted, "warnings")
    line = next(item for item in env.gw.lines if item.get("logger") == "quota.warn" and item.get("entity") == "warn")
    equal((line["quota"], line["limit"], line["unit"]), ("budget", 0.05, "EUR"))
    truth(line["used"] >= 0.025 and line["resets_at"], "used and resets_at", line)


@case("OP-LIM-metrics", "budgets")
def metrics(env):
    """Cost by model, team and currency; what has no price; how much is used; and the access line."""
    env.says(Reply(usage=(10, 1)))
    response = env.chat("metrics")
    line = env.access_line(response)
    equal((line["tokens_in"], line["tokens_out"], line["tokens_cached"], line["cost"], line["currency"]), (10, 1, 0, 0.02, "EUR"))
    truth(abs(env.gw.metric("aigw_cost_total", model="paid", team="red", currency="EUR") - 0.02) < 1e-9, "aigw_cost_total", "another")
    truth(abs(env.gw.metric("aigw_quota_used_ratio", quota="budget", entity="metrics") - 0.4) < 1e-9, "aigw_quota_used_ratio", "another")
    before = env.gw.metric("aigw_unpriced_requests_total", model="unpriced") or 0
    response = env.chat("metrics", {**CHAT, "model": "unpriced"})
    equal(env.gw.metric("aigw_unpriced_requests_total", model="unpriced"), before + 1, "aigw_unpriced_requests_total")
    truth("cost" not in env.access_line(response), "no cost that nobody knows", "one")
    before = env.gw.metric("aigw_unpriced_requests_total", model="adhoc") or 0
    equal(env.post("/v2/code/completions", completion(env.models.script(Reply(usage=(3, 4)))), headers=env.auth()).status, 200)
    equal(env.gw.metric("aigw_unpriced_requests_total", model="adhoc"), before + 1, "one that the request brought")


@case("OP-LIM-cost-reload", "budgets")
def reload(env):
    """A budget that keeps name and window outlives a reload, with another sum, too; its holds are of the old configuration."""
    env.says(Reply(usage=(10, 5), gate=Gate()))
    gate = env.paid.replies[0].gate
    body = {**CHAT, "model": "paid"}
    conn = env.open("again", body)
    truth(env.paid.wait(lambda s: s.count == 1), "a call under way", env.paid.count)
    env.gw.write_conf('quotas: { budget: { per = "key"; models = ( "paid", "claude" ); cost = 0.10; window = "month"; }; };', "95-more.conf")
    reloaded(env)
    gate.set()
    equal(conn.read_response().status, 200)
    conn.close()
    env.used_at_last("budget", "again", cost=0.06)
    env.says(Reply(usage=(10, 5)))
    equal(env.chat("again").status, 200, "status within the larger budget")
    equal(env.chat("again").status, 429, "status beyond it")


@case("OP-LIM-status", "budgets")
def status(env):
    """`aigw status` shows who uses most of which quota."""
    env.says(Reply(usage=(10, 1)))
    env.chat("prompts")
    settings = {"AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
                "AIGW_FASTAPI__API_PORT": str(env.gw.port), "AIGW_FASTAPI__METRICS_PORT": str(env.gw.metrics_port)}
    result = run(env.ctx, "status", env=settings, plugins=False)
    rows = [line for line in result.out.splitlines() if line.startswith("roomy ")]
    truth(any(re.search(r"^roomy +cache +\d+ %  0\.328 of 100 EUR, 140 of 100000 tokens; anew in \d", line) for line in rows)
          or not env.used("roomy", "cache"), "the row of a quota", result.out)
    truth("QUOTA" in result.out, "a table of quotas", result.out)
