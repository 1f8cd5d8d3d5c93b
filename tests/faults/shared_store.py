"""Limits that are shared, and a store that is there and yet does not keep what it is told: emptied, without memory, with a
counter that it cannot read. See shared_limits.py."""
import signal
import threading
import time

from contract._env import Reply
from fakes.net import Gate
from fakes.store import FarStore, Store, program
from harness.runner import case, equal, fixture, truth

from .shared_limits import DAY, PATIENCE, WAIT_S, Closing, Cluster, await_empty, await_events, await_number


class Own:
    def __init__(self, ctx):
        self.ctx = ctx
        program()  # or the rows are skipped

    def close(self):
        pass


fixture("shared-store", takes_s=20)(Own)

MODES = ("lease", "strict")
PRICES = 'prices: { currency = "EUR"; table = ( { model = "*"; input = 1000.0; output = 1000.0; } ); };'


def connections(store):
    """How many it was ever asked for, this one included."""
    for line in store.ask("INFO", "stats").splitlines():
        if line.startswith("total_connections_received:"):
            return int(line.split(":")[1])
    raise AssertionError("INFO without a count of connections")


def await_connections(store, count):
    """So many more, but for those that look."""
    begun = connections(store)
    deadline = time.monotonic() + WAIT_S
    looks = found = 0
    while found < count:
        truth(time.monotonic() < deadline, f"{count} more connections", found)
        threading.Event().wait(0.02)
        looks += 1
        found = connections(store) - begun - looks


@case("OP-LIM-05-flushed", "shared-store")
def flushed(env):
    """FLUSHALL while all are connected: what they know is told again, and no more than the limit is admitted."""
    for mode in MODES:
        with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 2, DAY.format(30), store.url(),
                                                       f'mode = "{mode}"; {PATIENCE}') as all_:
            all_.await_up()
            equal([all_.ask(all_.gws[i % 2]).status for i in range(20)], [200] * 20, "answers at first")
            await_number(store, 20)
            all_.await_looks()
            store.ask("FLUSHALL")
            await_number(store, 20, what=f"the store's number after it was emptied, {mode}")
            truth(any(gw.wait_line(lambda line: line.get("message") == "shared.forgot", 1) for gw in all_.gws),
                  "a line that it forgot", "none")
            all_.await_looks()
            admitted = all_.storm(60).get(200, 0)
            truth(10 <= admitted <= (10 if mode == "strict" else 12), f"10 calls more, {mode}", admitted)
            await_number(store, 20 + admitted)
            for gw in all_.gws:
                await_events(gw, "shared.down", 0)
                truth(len([line for line in gw.lines if line.get("message") == "shared.forgot"]) <= 1,
                      "one such line a minute", gw.lines)


EACH = ((":c", 10_000_000), (":t", 10))  # of a call


@case("OP-LIM-05-evicted", "shared-store")
def evicted(env):
    """The same of money and tokens, keys of which are lost."""
    quotas = 'q: { cost = 1.0; tokens = 100000; window = "day"; };'
    for mode in MODES:
        with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 1, quotas, store.url(), f'mode = "{mode}"; {PATIENCE}',
                                                       reply=Reply(usage=(6, 4)), more=PRICES) as all_:
            all_.await_up()
            for count in (5, 10):
                equal([all_.ask(all_.gws[0]).status for _ in range(5)], [200] * 5, "answers")
                for suffix, each in EACH:
                    await_number(store, count * each, suffix)
                all_.await_looks()
                store.ask("DEL", *(key for suffix, _ in EACH for key in store.ask("KEYS", "*" + suffix)))
                for suffix, each in EACH:
                    await_number(store, count * each, suffix, f"{suffix} in the store after it was evicted, {mode}")


@case("OP-LIM-shared-large-sums", "shared-store")
def large_sums(env):
    """A budget in a currency of large numbers: ten million rupiah are more than 2^53 of what is counted in."""
    prices = 'prices: { currency = "IDR"; table = ( { model = "*"; input = 1e9; output = 1e9; } ); };'
    for mode in MODES:
        with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 2, 'q: { cost = 3e7; window = "month"; };', store.url(),
                                                       f'mode = "{mode}"; {PATIENCE}', reply=Reply(usage=(600, 400)),
                                                       more=prices) as all_:
            all_.await_up()
            found = [all_.ask(all_.gws[i % 2]).status for i in range(40)]
            truth(30 <= found.count(200) <= 32, f"a call of a million rupiah 30 times, {mode}", found)
            await_number(store, found.count(200) * 10 ** 15, ":c")
            for gw in all_.gws:
                for line in ("shared.down", "shared.forgot"):
                    await_events(gw, line, 0)


@case("OP-LIM-05-unreadable", "shared-store")
def unreadable(env):
    """What the store cannot charge, because a counter there is no number, is charged when it can, and once."""
    for mode in MODES:
        with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 2, DAY.format(1000), store.url(),
                                                       f'mode = "{mode}"; {PATIENCE}') as all_:
            all_.await_up()
            equal([all_.ask(all_.gws[i % 2]).status for i in range(10)], [200] * 10, "answers at first")
            await_number(store, 10)
            all_.await_looks()
            key = store.ask("KEYS", "*:r")[0]
            store.ask("SET", key, "abc")
            all_.await_state(up=False)
            equal([all_.ask(all_.gws[i % 2]).status for i in range(40)], [200] * 40, "answers while it cannot")
            await_connections(store, 5)  # each tried to tell that, and failed
            store.ask("DEL", key)
            all_.await_up()
            await_number(store, 50, what=f"calls in the store, {mode}")
            for gw in all_.gws:
                await_events(gw, "shared.down", 1)


@case("OP-LIM-shared-oom", "shared-store")
def out_of_memory(env):
    """A store that joins everybody and then refuses every write is tried less and less often, and is said to be down once."""
    with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 1, DAY.format(1000), store.url(), PATIENCE) as all_:
        gw = all_.gws[0]
        all_.await_up()
        equal([all_.ask(gw).status for _ in range(10)], [200] * 10, "answers at first")
        await_number(store, 10)
        store.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        store.ask("CONFIG", "SET", "maxmemory", "1")
        all_.await_state(up=False)
        begun = time.monotonic()
        equal([all_.ask(gw).status for _ in range(10)], [200] * 10, "answers while it refuses")
        await_connections(store, 5)
        truth(time.monotonic() - begun > 1.0, "more than a second for five tries", time.monotonic() - begun)
        truth("OOM" in all_.state(gw)["cause"], "the store's word in ready", all_.state(gw))
        store.ask("CONFIG", "SET", "maxmemory", "0")
        all_.await_up()
        await_number(store, 20)
        await_events(gw, "shared.down", 1)
        await_events(gw, "shared.up", 2)


@case("OP-LIM-shared-line", "shared-store")
def long_line(env):
    """More calls than a store that is far away can answer in time: nobody stands in line for longer than for an answer."""
    with Closing(Store(env.ctx)) as store, Closing(FarStore(store, 1.0)) as far, \
            Cluster(env.ctx, 1, DAY.format(10000), far.url(), 'mode = "strict"; timeout_ms = 1500;') as all_:
        gw = all_.gws[0]
        all_.await_up()
        conns = [all_.open_call(gw) for _ in range(300)]
        equal({conn.read_response().status for conn in conns}, {200}, "answers")
        for conn in conns:
            conn.close()
        alone = gw.metric("aigw_shared_alone_total")
        truth(0 < alone <= 300 - 64, "calls that were decided without it, but for those whom it could answer", alone)
        await_number(store, 300)
        await_events(gw, "shared.down", 0)


@case("OP-LIM-04-stopped", "shared-store")
def stopped(env):
    """A gateway that does not run for a while counts as dead; when it goes on, so do its calls, and they count again."""
    gate = Gate()
    with Closing(Store(env.ctx)) as store, Cluster(env.ctx, 2, 'q: { parallel = 4; };', store.url(), f'mode = "strict"; {PATIENCE}',
                                                   reply=Reply(pieces=("a", "b"), gate=gate)) as all_:
        first, second = all_.gws
        all_.await_up()
        conns = [all_.open_stream(first) for _ in range(4)]
        truth(all_.script.wait(lambda s: s.count == 4), "four streams at the model server", all_.script.count)
        equal(all_.ask(second).status, 429, "status at the other gateway")
        all_.await_looks()
        first.signal(signal.SIGSTOP)
        try:
            await_status(lambda: admitted(all_, second), True, "a place of those that seem to be dead")
        finally:
            first.signal(signal.SIGCONT)
        await_status(lambda: admitted(all_, second), False, "no place again")
        equal(all_.ask(second).status, 429, "status while the four streams run")
        gate.set()
        for conn in conns:
            equal(conn.read_response().is_complete, True, "a stream to its end")
            conn.close()
        await_empty(store, "*:p")


def admitted(all_, gw):
    """Does a stream get a place? It is left at once then."""
    conn = all_.open_stream(gw)
    try:
        return conn.read_head().status == 200
    finally:
        conn.close()


def await_status(test, wanted, what):
    deadline = time.monotonic() + WAIT_S
    while test() != wanted:
        truth(time.monotonic() < deadline, what, "none")
        threading.Event().wait(0.05)
