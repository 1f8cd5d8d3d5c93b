"""Limits that several gateways share in a Valkey or Redis: what all of them admit together, and what becomes of it when the
store, or one of them, is killed in the middle."""
import hashlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from contract._env import Reply
from fakes.models import FakeModels
from fakes.net import Gate
from fakes.store import NonsenseStore, Store, free_port, program
from harness import http
from harness.gateway import Gateway
from harness.runner import case, equal, fixture, truth

SECRETS = {name: f"aigw-shared000-{name}-canary-77c1" for name in ("red", "blue")}
CHAT = {"model": "coder", "messages": [{"role": "user", "content": "hi"}]}
WAIT_S = 20
PATIENCE = "timeout_ms = 10000;"  # of a machine that is busy with other tests


class Cluster:
    """So many gateways that share their limits, and the model server behind them."""

    def __init__(self, ctx, count, quotas, url, shared=PATIENCE, name="shared", reply=None, more="", variables=None):
        for secret in SECRETS.values():
            ctx.secret(secret)
        self.ctx = ctx
        self.models = FakeModels()
        self.script = self.models.script(*([reply] * 64 if reply else [Reply() for _ in range(4000)]))
        self.quotas = quotas
        self.more = more
        self.env = {"AIGW_GITLAB_URL": "http://127.0.0.1:1", "AIGW_GITLAB_API_URL": "http://127.0.0.1:1/",
                    "STORE_URL": url, **(variables or {})}
        self.gws = []
        for _ in range(count):
            self.gws.append(Gateway(ctx, self.env, self.conf(shared), name=name))

    def conf(self, shared):
        keys = "".join(f'{name}: {{ hash = ( "sha256:{hashlib.sha256(secret.encode()).hexdigest()}" ); }}; '
                       for name, secret in SECRETS.items())
        return f"""
providers: {{ fake: {{ plugin = "openai"; base_url = "{self.script.base}"; }}; }};
models: {{ coder: {{ targets = ( {{ provider = "fake"; model = "m"; }} ); }};
           small: {{ targets = ( {{ provider = "fake"; model = "free"; }} ); }}; }};
{self.more}
keys: {{ {keys} }};
quotas: {{ {self.quotas} }};
shared: {{ {shared if "url =" in shared else 'url = "env:STORE_URL"; ' + shared} }};
"""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for gw in self.gws:
            gw.close()
        self.models.close()

    def ask(self, gw, who="red", **kwargs):
        return gw.request("POST", "/v1/chat/completions", {"Authorization": "Bearer " + SECRETS[who]}, CHAT, **kwargs)

    def storm(self, calls, who="red"):
        """So many calls at once, in turn at each gateway; how many were answered with each status."""
        with ThreadPoolExecutor(max_workers=32) as pool:
            found = list(pool.map(lambda i: self.ask(self.gws[i % len(self.gws)], who).status, range(calls)))
        return {status: found.count(status) for status in set(found)}

    def state(self, gw):
        response = gw.request("GET", "/monitoring/ready?verbose")
        equal(response.status, 200, "status of ready")
        return response.json()["shared"]

    def await_state(self, gws=None, **wanted):
        deadline = time.monotonic() + WAIT_S
        for gw in gws or self.gws:
            while {key: self.state(gw)[key] for key in wanted} != wanted:
                truth(time.monotonic() < deadline, wanted, self.state(gw))
                threading.Event().wait(0.02)

    def await_up(self):
        self.await_state(up=True, replicas=len(self.gws))

    def await_looks(self):
        """Each gateway looks twice a second what the others charged: some of so many talks with the store are that."""
        deadline = time.monotonic() + WAIT_S
        for gw in self.gws:
            begun = gw.metric("aigw_shared_seconds_count")
            while gw.metric("aigw_shared_seconds_count") < begun + 4:
                truth(time.monotonic() < deadline, "talks with the store", "none")
                threading.Event().wait(0.05)

    def open_call(self, gw, who="red", **more):
        conn = gw.connect(timeout=WAIT_S)
        conn.send(http.render("POST", "/v1/chat/completions", {"Authorization": "Bearer " + SECRETS[who]}, {**CHAT, **more}))
        return conn

    def open_stream(self, gw, who="red"):
        return self.open_call(gw, who, stream=True)


def events(gw, name):
    return [line for line in gw.lines if line.get("message") == name]


def await_events(gw, name, count):
    """So many such lines, and no more: the log is a moment behind."""
    deadline = time.monotonic() + WAIT_S
    while len(events(gw, name)) < count and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    equal(len(events(gw, name)), count, f"lines {name}")


def await_number(store, wanted, suffix=":r", what="the store's number"):
    """The only counter of that kind says so, at last."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = [store.ask("GET", key) for key in store.ask("KEYS", "*" + suffix)]
        if found == [str(wanted)]:
            return
        truth(time.monotonic() < deadline, f"{what} {wanted}", found)
        threading.Event().wait(0.02)


class Shared:
    def __init__(self, ctx):
        self.ctx = ctx
        program()  # or the rows are skipped

    def close(self):
        pass

    def store(self, **kwargs):
        return Closing(Store(self.ctx, **kwargs))


class Closing:
    def __init__(self, thing):
        self.thing = thing

    def __enter__(self):
        return self.thing

    def __exit__(self, *_):
        self.thing.close()


def shared_limits(ctx):
    return Shared(ctx)


# Each row has a store and gateways of its own: the sections run side by side.
for _name, _takes_s in (("shared-limits", 24), ("shared-limits-killed", 10), ("shared-limits-down", 34), ("shared-limits-more", 6)):
    fixture(_name, takes_s=_takes_s)(shared_limits)


DAY = 'q: {{ requests = {}; window = "day"; }};'


# -- what all admit together -------------------------------------------------------------------------------------------

@case("OP-LIM-01-strict", "shared-limits")
def strict_is_exact(env):
    """Whatever is asked where at the same time: no call more, and none less."""
    for quotas, limit in ((DAY.format(50), 50), ('q: { requests = 60; burst = 12; window = "hour"; };', 12)):
        with env.store() as store, Cluster(env.ctx, 3, quotas, store.url(), f'mode = "strict"; {PATIENCE}') as all_:
            all_.await_up()
            equal(all_.storm(200), {200: limit, 429: 200 - limit}, f"answers with {quotas}")
            equal(all_.script.count, limit, "calls of the model server")
            for result, count in (("admitted", limit), ("refused", 200 - limit)):
                equal(sum(gw.metric("aigw_quota_total", quota="q", result=result) or 0 for gw in all_.gws), count,
                      f"C-MET-013: aigw_quota_total {result}")
            equal(len(events(all_.gws[0], "shared.down")), 0, "times the store was down")


@case("OP-LIM-01-lease", "shared-limits")
def lease_is_near(env):
    """Each may be a slice ahead of the store: a twentieth, or one call. All are told in the end."""
    with env.store() as store, Cluster(env.ctx, 3, DAY.format(60), store.url()) as all_:
        all_.await_up()
        admitted = all_.storm(200).get(200, 0)
        truth(60 <= admitted <= 60 + 3 * 3, "60 calls, and 3 slices of 3 more at most", admitted)
        await_number(store, admitted)
        equal(all_.storm(30), {429: 30}, "answers after that")


@case("OP-LIM-shared-tokens", "shared-limits")
def tokens_are_settled_once(env):
    """What was reserved is settled with what was used, at every gateway."""
    for mode in ("strict", "lease"):
        with env.store() as store, Cluster(env.ctx, 2, 'q: { tokens = 100000; parallel = 50; window = "day"; };',
                                           store.url(), f'mode = "{mode}"; {PATIENCE}',
                                           reply=Reply(usage=(11, 6))) as all_:
            all_.await_up()
            equal(all_.storm(40), {200: 40}, "answers")
            await_number(store, 40 * 17, ":t", f"tokens in the store, {mode}")
            await_empty(store, "*:p")


def await_empty(store, pattern):
    deadline = time.monotonic() + WAIT_S
    while store.ask("KEYS", pattern):
        truth(time.monotonic() < deadline, f"no {pattern} in the store",
              {key: store.ask("HGETALL", key) for key in store.ask("KEYS", pattern)})
        threading.Event().wait(0.02)


@case("OP-LIM-09-shared", "shared-limits")
def all_or_none(env):
    """Two quotas match, one is full: refused, and nothing is charged to the other, here or in the store."""
    quotas = 'a: { requests = 1000; window = "day"; }; b: { per = "key"; requests = 2; window = "day"; };'
    for mode in ("strict", "lease"):
        with env.store() as store, Cluster(env.ctx, 2, quotas, store.url(), f'mode = "{mode}"; {PATIENCE}') as all_:
            all_.await_up()
            admitted = all_.storm(40).get(200, 0)
            truth(2 <= admitted <= (2 if mode == "strict" else 4), f"2 calls, {mode}", admitted)
            admitted += all_.storm(40, "blue").get(200, 0)
            deadline = time.monotonic() + WAIT_S
            while True:
                numbers = sorted(int(store.ask("GET", key)) for key in store.ask("KEYS", "*:r"))
                if len(numbers) == 3 and sum(numbers[:2]) == numbers[2] == admitted:
                    break
                truth(time.monotonic() < deadline, f"{admitted} at both quotas", numbers)
                threading.Event().wait(0.02)


@case("OP-LIM-shared-budget", "shared-limits")
def budget(env):
    """Money as well: used up once by all, to the last cent, and then each leads to the model that costs nothing."""
    prices = """
prices: { currency = "EUR"; table = ( { model = "m"; input = 1000.0; output = 1000.0; },
                                      { model = "free"; input = 0.0; output = 0.0; } ); };
"""
    for mode in ("strict", "lease"):
        for on_empty in ("refuse", "use:small"):
            quotas = f'q: {{ models = ( "coder" ); cost = 0.2; window = "day"; on_empty = "{on_empty}"; }};'
            with env.store() as store, Cluster(env.ctx, 2, quotas, store.url(), f'mode = "{mode}"; {PATIENCE}',
                                               reply=Reply(usage=(6, 4)), more=prices) as all_:
                all_.await_up()
                found = [all_.ask(all_.gws[i % 2]) for i in range(30)]
                count = len([one for one in found if one.status == 200])
                asked = [call.json()["model"] for call in all_.script.seen]
                if on_empty == "refuse":
                    truth(20 <= count <= (20 if mode == "strict" else 22), f"20 calls for 0.20 EUR, {mode}", count)
                    equal(found[-1].json()["error"]["code"], "insufficient_quota", "code of the last")
                else:
                    equal((count, asked.count("m") + asked.count("free")), (30, 30), f"calls, {mode}")
                    truth(20 <= asked.count("m") <= (20 if mode == "strict" else 22), "20 of them paid for", asked)
                await_number(store, asked.count("m") * 10000000, ":c", f"0.01 EUR for each, {mode}")
                in_flight = [gw.metric("model_inferences_in_flight") for gw in all_.gws]
                equal(in_flight, [0.0, 0.0], "calls under way")


# -- one of them is killed ---------------------------------------------------------------------------------------------

@case("OP-LIM-04", "shared-limits-killed")
def dead_replica(env):
    """kill -9 of a gateway that holds ten places: they are free six seconds later, for nobody else holds them."""
    gate = Gate()
    with env.store() as store, Cluster(env.ctx, 2, 'q: { parallel = 10; };', store.url(),
                                       reply=Reply(pieces=("a", "b"), gate=gate)) as all_:
        all_.await_up()
        conns = [all_.open_stream(all_.gws[0]) for _ in range(10)]
        truth(all_.script.wait(lambda s: s.count == 10), "ten streams at the model server", all_.script.count)
        equal(all_.ask(all_.gws[1]).status, 429, "status at the other gateway")
        begun = time.monotonic()
        all_.gws[0].kill()
        all_.gws[0]._expected_end = True
        gate.set()
        while all_.ask(all_.gws[1]).status != 200:
            truth(time.monotonic() - begun < WAIT_S, "a free place", "none")
            threading.Event().wait(0.05)
        truth(time.monotonic() - begun < 6 + 3, "a free place within six seconds, and what this machine needs",
              time.monotonic() - begun)
        for conn in conns:
            conn.close()


@case("OP-LIM-shared-places", "shared-limits-killed")
def places(env):
    """Places are those of all; who leaves makes room at each of them; one that stops leaves none behind."""
    gate = Gate()
    with env.store() as store, Cluster(env.ctx, 2, 'q: { parallel = 4; };', store.url(),
                                       f'mode = "strict"; {PATIENCE}', reply=Reply(pieces=("a", "b"), gate=gate)) as all_:
        all_.await_up()
        conns = [all_.open_stream(all_.gws[i % 2]) for i in range(4)]
        truth(all_.script.wait(lambda s: s.count == 4), "four streams at the model server", all_.script.count)
        for gw in all_.gws:
            response = all_.ask(gw)
            equal((response.status, "4 calls at one time" in response.text), (429, True), response.text)
        conns[0].close()
        deadline = time.monotonic() + WAIT_S
        more = all_.open_stream(all_.gws[1])
        while not all_.script.wait(lambda s: s.count == 5, 0.05):
            truth(time.monotonic() < deadline, "the place of the one that left", "none")
            more.close()
            more = all_.open_stream(all_.gws[1])
        gate.set()
        for conn in (*conns[1:], more):
            equal(conn.read_response().is_complete, True, "a stream to its end")
            conn.close()
        await_empty(store, "*:p")
        all_.gws[0].close()
        equal(store.ask("ZCARD", "{aigw}:alive"), 1, "gateways that the store knows of after one stopped")


# -- the store is killed -----------------------------------------------------------------------------------------------

def down_and_back(env, mode, keeps):
    """9 of 30 calls are made, the store dies: each of three gateways has a third of what is left, and not a call more
    when it is back."""
    with env.store(keeps=keeps) as store, Cluster(env.ctx, 3, DAY.format(30), store.url(),
                                                  f'mode = "{mode}"; {PATIENCE}') as all_:
        all_.await_up()
        equal(all_.storm(9), {200: 9}, "answers at first")
        await_number(store, 9)
        equal([all_.ask(gw).status for gw in all_.gws], [200] * 3, "a call at each")
        await_number(store, 12)
        all_.await_looks()
        store.kill()
        all_.await_state(up=False)
        equal(all_.storm(90), {200: 18, 429: 72}, "answers while the store is down")
        equal(all_.gws[0].request("GET", "/monitoring/healthz").status, 200, "status of healthz")
        equal(all_.gws[0].metric("aigw_shared_up"), 0.0, "aigw_shared_up")
        store.start()
        all_.await_up()
        equal(all_.storm(30), {429: 30}, "answers when it is back")
        await_number(store, 30)
        equal(all_.script.count, 30, "calls of the model server")
        for gw in all_.gws:
            await_events(gw, "shared.up", 2)
            await_events(gw, "shared.down", 1)
            equal(events(gw, "shared.down")[0]["on_down"], "share", "on_down in the log")


@case("OP-LIM-05", "shared-limits-down")
def store_killed(env):
    down_and_back(env, "lease", True)


@case("OP-LIM-05-strict", "shared-limits-down")
def store_killed_strict(env):
    down_and_back(env, "strict", True)


@case("OP-LIM-05-empty", "shared-limits-down")
def store_lost_everything(env):
    """It comes back without its memory: those who share it have theirs."""
    down_and_back(env, "lease", False)


@case("OP-LIM-05-pace", "shared-limits-down")
def store_killed_pace(env):
    """A window that slides: the parts of three gateways are no more than the whole."""
    with env.store() as store, Cluster(env.ctx, 3, 'q: { requests = 60; burst = 30; window = "hour"; };', store.url(),
                                       f'mode = "strict"; {PATIENCE}') as all_:
        all_.await_up()
        equal(all_.storm(6), {200: 6}, "answers at first")
        equal([all_.ask(gw).status for gw in all_.gws], [200] * 3, "a call at each")
        all_.await_looks()
        store.kill()
        all_.await_state(up=False)
        equal(all_.storm(120), {200: 21, 429: 99}, "answers while it is down: thrice a third of what is left")
        store.start()
        all_.await_up()
        equal(all_.storm(120), {429: 120}, "answers when it is back")


@case("OP-LIM-05-storm", "shared-limits-down")
def killed_under_load(env):
    """Killed and started again while calls run: nobody waits for it, nothing is counted twice or lost."""
    with env.store() as store, Cluster(env.ctx, 2, DAY.format(100000), store.url(),
                                       f'mode = "strict"; {PATIENCE}') as all_:
        all_.await_up()
        stop = threading.Event()
        found = []

        def call(gw):
            while not stop.is_set():
                found.append(all_.ask(gw, timeout=WAIT_S).status)

        threads = [threading.Thread(target=call, args=(all_.gws[i % 2],)) for i in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            seen = len(found)
            while len(found) < seen + 100:
                threading.Event().wait(0.01)
            store.kill()
            all_.await_state(up=False)
            seen = len(found)
            while len(found) < seen + 50:
                threading.Event().wait(0.01)
            store.start()
            all_.await_up()
        stop.set()
        for thread in threads:
            thread.join()
        equal(set(found), {200}, "answers")
        await_number(store, len(found), what="calls in the store")


@case("OP-LIM-shared-frozen", "shared-limits-down")
def frozen(env):
    """A store that hangs is one that is down: the first call waits timeout_ms for it, the others do not."""
    with env.store() as store, Cluster(env.ctx, 1, DAY.format(100), store.url(),
                                       'mode = "strict"; timeout_ms = 300;') as all_:
        gw = all_.gws[0]
        all_.await_up()
        equal(all_.ask(gw).status, 200, "status before")
        equal(gw.metric("aigw_shared_alone_total"), 0.0, "calls that were decided without it")
        store.freeze()
        begun = time.monotonic()
        equal(all_.ask(gw).status, 200, "status while it hangs")
        truth(time.monotonic() - begun < 5, "an answer soon", time.monotonic() - begun)
        all_.await_state(up=False)
        for _ in range(20):
            equal(all_.ask(gw).status, 200, "status while it hangs")
        equal(gw.metric("aigw_shared_alone_total"), 21.0, "calls that were decided without it")
        await_events(gw, "shared.down", 1)
        truth("no answer within 300 ms" in all_.state(gw)["cause"] or "within 1000 ms" in all_.state(gw)["cause"],
              "the cause in ready", all_.state(gw))
        store.thaw()
        all_.await_up()
        await_number(store, 22)


@case("OP-LIM-shared-left", "shared-limits-down")
def client_leaves_while_asking(env):
    """A client that leaves while the store is asked for its call has used nothing."""
    with env.store() as store, Cluster(env.ctx, 1, 'q: { requests = 100; parallel = 5; window = "day"; };', store.url(),
                                       'mode = "strict"; timeout_ms = 20000;') as all_:
        gw = all_.gws[0]
        all_.await_up()
        equal(all_.ask(gw).status, 200, "status before")
        await_number(store, 1)
        store.freeze()
        conns = [all_.open_stream(gw) for _ in range(3)]
        open_before = gw.metric("aigw_open_requests")
        deadline = time.monotonic() + WAIT_S
        while gw.metric("aigw_open_requests") < 3:
            truth(time.monotonic() < deadline, "three requests that wait", open_before)
            threading.Event().wait(0.02)
        for conn in conns:
            conn.close()
        while gw.metric("aigw_open_requests") > 0:
            truth(time.monotonic() < deadline, "no request left", gw.metric("aigw_open_requests"))
            threading.Event().wait(0.02)
        store.thaw()
        await_number(store, 1)
        await_empty(store, "*:p")
        equal(all_.script.count, 1, "calls of the model server")


# -- what is to be done without it -------------------------------------------------------------------------------------

@case("OP-LIM-shared-open", "shared-limits-more")
def open_(env):
    url = f"valkey://127.0.0.1:{free_port()}"
    with Cluster(env.ctx, 1, DAY.format(3), url, 'on_down = "open";') as all_:
        equal(all_.storm(12), {200: 12}, "answers")


@case("OP-LIM-shared-closed", "shared-limits-more")
def closed(env):
    """503 in the form of the route, and nobody whom no quota counts is refused."""
    url = f"valkey://127.0.0.1:{free_port()}"
    with Cluster(env.ctx, 1, 'q: { per = "key"; match = ( "red" ); requests = 3; window = "day"; };', url,
                 'on_down = "closed";') as all_:
        response = all_.ask(all_.gws[0])
        equal(response.status, 503, "status")
        truth("store of shared limits" in response.text, "the store to be named", response.text)
        equal(response.header("retry-after"), "1", "Retry-After")
        equal(all_.ask(all_.gws[0], "blue").status, 200, "status of one whom no quota counts")
        equal(all_.gws[0].request("GET", "/monitoring/ready").status, 200, "status of ready")


@case("OP-LIM-shared-replicas", "shared-limits-more")
def never_seen(env):
    """Whoever starts without a store does not know how many there are: `replicas` says it."""
    url = f"valkey://127.0.0.1:{free_port()}"
    with Cluster(env.ctx, 2, DAY.format(10), url, "replicas = 3;") as all_:
        equal(all_.storm(40), {200: 6, 429: 34}, "answers: a third of ten, twice")


# -- replies that make no sense ----------------------------------------------------------------------------------------

def of_call(words, values):
    """A reply of the right shape, with changes."""
    numbers = {0: int(words[int(words[2]) + 4]), 1: 0, 2: 0, 3: 1, 4: 0, 5: 1, 6: 1, **values}
    return b"*%d\r\n" % len(numbers) + b"".join(b":%d\r\n" % numbers[key] for key in sorted(numbers))


NONSENSE = {
    "nil": b"$-1\r\n",
    "error": b"-ERR value is not an integer or out of range\r\n",
    "text": b"$3\r\nNaN\r\n",
    "short": b"*2\r\n:1\r\n:0\r\n",
    "empty": b"*0\r\n",
    "strings": lambda words: b"*6\r\n" + b"$3\r\nNaN\r\n" * 6,
    "negative": lambda words: of_call(words, {7 + i: -5 for i in range(int(words[2]) - 2)}),
    "huge": lambda words: of_call(words, {7 + i: 2**62 for i in range(int(words[2]) - 2)}),
    "other": lambda words: of_call(words, {0: 999999, **{7 + i: 0 for i in range(int(words[2]) - 2)}}),
    "beyond": lambda words: of_call(words, {1: 50, **{7 + i: 0 for i in range(int(words[2]) - 2)}}),
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "endless": b"$500000000\r\n" + b"x" * 3000000,
    "list": b"*2147483647\r\n",
    "lists": b"*1024\r\n" * 6,
    "silence": None,
}


@case("OP-LIM-shared-nonsense", "shared-limits-more")
def nonsense(env):
    """No reply switches a limit off: what cannot be understood is a store that is down."""
    for name, answer in NONSENSE.items():
        for mode in ("strict", "lease"):
            with Closing(NonsenseStore(answer)) as store, \
                    Cluster(env.ctx, 1, DAY.format(3), store.url(), f'mode = "{mode}"; timeout_ms = 500;') as all_:
                truth(store.wait(1), f"{name}: the script to be run", store.asked)
                found = all_.storm(12)
                equal(found, {200: 3, 429: 9}, f"answers when the store says {name}, {mode};")
                truth(all_.gws[0].wait_line(lambda line: line.get("message") == "shared.down", WAIT_S),
                      f"{name}: a line that the store is down", "none")


# -- configuration -----------------------------------------------------------------------------------------------------

@case("OP-LIM-shared-login", "shared-limits-more")
def login(env):
    """User, password and database, from the URL or apart; a wrong one is said, and no password is ever shown."""
    secret = env.ctx.secret("store-canary-5b1f@/:")
    coded = env.ctx.secret("store-canary-5b1f%40%2F%3A")
    for kwargs, url, extra in ((dict(password=secret), lambda s: s.url(f":{coded}@", "/3"), ""),
                               (dict(password=secret), lambda s: s.url(), 'password = "env:STORE_PASSWORD";'),
                               (dict(password=secret, user="gateway"), lambda s: s.url(f"gateway:{coded}@"), "")):
        with env.store(**kwargs) as store:
            with Cluster(env.ctx, 1, DAY.format(2), url(store), f"{PATIENCE} {extra}",
                         variables={"STORE_PASSWORD": secret}) as all_:
                all_.await_up()
                equal(all_.storm(8), {200: 2, 429: 6}, "answers")
    wrong = env.ctx.secret("wrong-canary-99aa")
    with env.store(password=secret) as store, Cluster(env.ctx, 1, DAY.format(2), store.url(f":{wrong}@")) as all_:
        line = all_.gws[0].wait_line(lambda item: item.get("message") == "shared.down", WAIT_S)
        truth(line and "AUTH" in line["cause"], "a line that AUTH was refused", line)
        equal(all_.storm(8), {200: 2, 429: 6}, "answers without it")


@case("OP-LIM-shared-reload", "shared-limits-more")
def reload(env):
    """A reload keeps what was counted, begins to share and ends it, and goes to another store."""
    with env.store() as first, env.store() as second, \
            Cluster(env.ctx, 1, DAY.format(10), "") as all_:
        gw = all_.gws[0]

        def reload_with(shared):
            start = len(gw.lines)
            gw.write_conf(all_.conf(shared))
            gw.signal(signal.SIGHUP)
            truth(gw.wait_line(lambda item: item.get("message") == "configuration reloaded", start=start), "a reload",
                  gw.raw[start:])

        equal(all_.storm(3), {200: 3}, "answers alone")
        truth("shared" not in gw.request("GET", "/monitoring/ready?verbose").json(), "nothing shared", "something")
        equal(gw.metric("aigw_shared_up"), None, "aigw_shared_up while nothing is shared")
        reload_with(f'url = "{first.url()}"; {PATIENCE}')
        all_.await_up()
        equal(all_.storm(2), {200: 2}, "answers when it begins to share")
        await_number(first, 5)
        reload_with(f'url = "{first.url()}"; mode = "strict"; {PATIENCE}')
        equal(all_.state(gw)["mode"], "strict", "mode in ready")
        equal(all_.storm(1), {200: 1}, "answers after a reload")
        await_number(first, 6)
        reload_with(f'url = "{second.url()}"; mode = "strict"; {PATIENCE}')
        all_.await_state(store=f"127.0.0.1:{second.port}/0", up=True)
        equal(all_.storm(1), {200: 1}, "answers at another store")
        await_number(second, 7)
        reload_with("")
        equal(all_.storm(10), {200: 3, 429: 7}, "answers alone again")
