"""The gateway of the OP-RT cases: model servers that answer with their names, and a model for each question of routing."""
import hashlib
import json
import threading
import time

from contract._env import Env, Reply
from harness.runner import case, equal, fixture, truth

KEY = "aigw-routing0-canary-key-51d0"
ADMIN = "aigw-routing0-canary-admin-77c1"
PATH = "/v1/chat/completions"
SERVERS = {  # provider → keys of its own beside the address
    "a": "", "b": "", "c": "",
    "us": 'tags = ( "us" );', "eu": 'tags = ( "eu", "onprem" );',
    "narrow": "max_parallel = 4; queue = 10; queue_ms = 20000;", "slim": "max_parallel = 1;",
    "patient": "max_parallel = 1; queue = 2; queue_ms = 20000;", "brief": "max_parallel = 1; queue = 2; queue_ms = 300;",
    "drained": "",
}
LOST = 'closed: { plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; }; lost: { plugin = "openai"; base_url = "http://no-such-host.invalid/v1"; };'


def target(provider, more=""):
    return f'{{ provider = "{provider}"; model = "m-{provider}"; {more} }}'


MODELS = {  # name → targets, keys
    "tiers": ([target("a"), target("b", "tier = 2;")], ""),
    "shares": ([target("a", "weight = 9;"), target("b")], ""),
    "nobody_first": ([target("a", "weight = 0;"), target("b", "weight = 0;")], ""),
    "region": ([target("us")], ""),
    "regions": ([target("us"), target("eu")], ""),
    "asked": ([target("a")], 'aliases = ( "gpt-4o-mini", "codestral*" );'),
    "sticky": ([target("a"), target("b"), target("c")], 'sticky = "session"; attempts = 3;'),
    "windows": ([target("a", "max_context_tokens = 100000;"), target("b", "max_context_tokens = 50; weight = 100;")], ""),
    "quick": ([target("a"), target("b", "tier = 2;")], "first_token_ms = 500;"),
    "narrow": ([target("narrow")], ""),
    "narrow_then": ([target("slim"), target("b", "tier = 2;")], ""),
    "patient": ([target("patient"), target("b", "tier = 2;")], 'on_busy = "wait";'),
    "either": ([target("patient"), target("a")], ""),
    "brief": ([target("brief"), target("b", "tier = 2;")], 'on_busy = "wait";'),
    "one": ([target("a")], ""),
    **{f"hedged{number}": ([target("h1"), target("h2", "tier = 2;")], "hedge_ms = 200;") for number in range(1, 6)},
    "hedged_mixed": ([target("h1"), target("h3", "tier = 2;")], "hedge_ms = 200;"),
    "hedged_mixed2": ([target("h3"), target("h1", "tier = 2;")], "hedge_ms = 200;"),
    "checked": ([target("checked"), target("b", "tier = 2;")], ""),
    "checked_too": ([target("checked_too"), target("b", "tier = 2;")], ""),
    "twice": ([target("a"), '{ provider = "a"; model = "other"; }'], ""),
    "refusing": ([target("a")], 'on_exhausted = "refuse";'),
    "able": ([target("a", 'can = ( "images" ); weight = 100;'), target("b")], ""),
    "draining": ([target("drained", "weight = 100;"), target("b")], ""),
    "closed": ([target("closed"), target("b", "tier = 2;")], ""),
    "credit": ([target("h3"), target("b", "tier = 2;")], ""),
    "pair": ([target("a"), target("b")], ""),
    "pair_refusing": ([target("a"), target("b")], 'on_exhausted = "refuse";'),
    "lost": ([target("lost"), target("b", "tier = 2;")], ""),
    "again": ([target("a")], "retries = 3;"),
    "busy": ([target("a"), target("b")], 'balance = "least_busy";'),
}


class Routing(Env):
    def __init__(self, ctx, **kwargs):
        def conf(env):
            env.servers = {name: env.models.script(Reply(pieces=(name,))) for name in SERVERS}
            env.health = env.models.script(Reply(status=503))
            lines = [f'{name}: {{ plugin = "openai"; base_url = "{env.servers[name].base}"; {keys} }};'
                     for name, keys in SERVERS.items()]
            path = env.health.base[env.health.base.index("/s/"):].removesuffix("/v1")
            for name, health in (("checked", f"{path}/health"), ("checked_too", f"{env.health.root}/health")):
                env.servers[name] = env.models.script(Reply(pieces=(name,)))
                lines.append(f'{name}: {{ plugin = "openai"; base_url = "{env.servers[name].base}"; api_key = "sk-canary-0"; '
                             f'health = "{health}"; }};')
            for name, kind in (("h1", "openai"), ("h2", "openai"), ("h3", "anthropic")):
                script = env.servers[name] = env.models.script(Reply(pieces=(name,)))
                address = script.base if kind == "openai" else script.root
                lines.append(f'{name}: {{ plugin = "{kind}"; base_url = "{address}"; api_key = "sk-canary-1"; }};')
            models = [f'{name}: {{ targets = ( {", ".join(targets)} ); {keys} }};'
                      for name, (targets, keys) in MODELS.items()]
            digest, admin = (hashlib.sha256(key.encode()).hexdigest() for key in (KEY, ADMIN))
            return f"""
keys: {{ client: {{ hash = ( "sha256:{digest}" ); team = "finance"; }};
         admin: {{ hash = ( "sha256:{admin}" ); scopes = ( "admin" ); models = ( "tiers", "region*", "draining" ); }}; }};
server: {{ route_header = true; }};
upstream: {{ retries = 0; circuit_rest_ms = 60000; }};
providers: {{ {" ".join(lines)} {LOST} }};
models: {{ {" ".join(models)} }};
features: {{ openai_api: {{ plugin = "openai_api"; }}; models_api: {{ plugin = "models_api"; }};
             code_suggestions: {{ plugin = "code_suggestions"; }}; }};
{ROUTING}
"""
        super().__init__(ctx, conf=conf, **kwargs)
        ctx.secret(KEY)
        ctx.secret(ADMIN)

    def script(self, **replies):
        """Every server answers with its name, but for those named here; nothing was seen."""
        for name, script in self.servers.items():
            script.replies = [Reply(pieces=(name,))]
            script.seen.clear()
        for name, reply in replies.items():
            self.servers[name].replies = list(reply) if isinstance(reply, (list, tuple)) else [reply]

    def ask(self, model, stream=False, headers=None, content="hi", **more):
        body = {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream, **more}
        return self.post(PATH, json.dumps(body), {"Authorization": f"Bearer {KEY}", **(headers or {})})

    def answered(self, response):
        equal(response.status, 200, f"status ({response.text[:300]})")
        return response.json()["choices"][0]["message"]["content"]

    def access_line(self, response):
        ident = response.header("x-request-id")
        return self.gw.wait_line(lambda line: line.get("logger") == "api.access" and line.get("correlation_id") == ident)

    def counts(self, *names):
        return [self.servers[name].count for name in names]

    def target(self, model, provider):
        found = self.request("GET", "/monitoring/ready?verbose").json()["models"][model]
        return next(item for item in found if item["provider"] == provider)



ROUTING = """
routing: {
    drain = ( "drained" );
    rules = ( { when: { header = "X-Region: eu"; }; tags = ( "eu" ); },
              { when: { endpoint = "http://moved.invalid*"; }; use = "tiers"; } );
};
"""


def rows(name):
    """A gateway for one case: circuits begin closed."""
    fixture(name)(lambda ctx: Routing(ctx, name=name))


def fresh(ident):
    """A case with a gateway of its own."""
    name = ident.split()[0].lower()
    rows(name)

    def add(run):
        return case(ident, name)(run)
    return add


def rests_at(env, model, provider):
    return env.target(model, provider).get("rests_ms", 0)


def until(is_so, what, seconds=10):
    """What a gateway says of itself: there is nothing to wait on but asking again."""
    deadline = time.monotonic() + seconds
    while not is_so():
        truth(time.monotonic() < deadline, what, "not within the time")
        time.sleep(0.01)


def text_of(response):
    """The text of a stream, from the pieces that its client was sent."""
    events = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event.get("choices", []))


def in_parallel(env, count, ask):
    results = [None] * count

    def run(number):
        results[number] = ask(number)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def quickly_back(ident, **more):
    """A gateway whose targets rest 300 ms."""
    name = ident.lower()
    settings = {"AIGW_UPSTREAM__CIRCUIT_REST_MS": "300", **more}  # or what the row says
    fixture(name)(lambda ctx: Routing(ctx, name=name, env=settings))
    return case(ident, name)


def open_circuit(env, model, provider, status=500):
    for _ in range(5):
        env.ask(model)
    equal(env.target(model, provider)["circuit"], "open", "circuit")


def slow(gate, text):
    """Silent until the gate opens: its first piece says nothing."""
    return Reply(pieces=("", text), gate=gate)
