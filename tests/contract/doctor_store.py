"""The store of shared limits under `aigw doctor`: a real Valkey or Redis of this machine with each of the faults that it can have,
and what only a fake can be. No row needs a network or root."""
import os
import socket
import threading
import time

from fakes import gitlab as gl
from fakes import pki
from fakes.store import NonsenseStore, Store, empty_store, free_port, free_ports
from harness.runner import add_case, case, equal, fixture, truth

from .doctor import Place, named, reloaded

PASSWORD = "store-canary-doctor-20f7"
WRONG = "store-canary-wrong-61c9"
DOCUMENTED = ("~{aigw}:*", "+@scripting", "+@string", "+@hash", "+@sortedset", "+@keyspace", "+@connection", "+time")
CALM = "timeout_ms = 2000;"  # on a machine that is busy with other tests


class Stores(Place):
    def __init__(self, ctx):
        super().__init__(ctx)
        for secret in (PASSWORD, WRONG):
            ctx.secret(secret)
        self.open = []

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def store(self, **kwargs):
        return self.keep(Store(self.ctx, **kwargs))

    def look(self, url, extra=CALM, variables=()):
        """The report with this store; no password in it."""
        report = self.doctor(conf=f'shared: {{ url = "{url}"; {extra} }};\n', env=dict(variables))
        for secret in (PASSWORD, WRONG):
            truth(secret not in str(report), "no password", report)
        return report

    def end(self):
        while self.open:
            self.open.pop().close()

    def close(self):
        self.end()
        super().close()


@fixture("doctor-store", takes_s=13)
def stores(ctx):
    return Stores(ctx)


def of_store(report):
    return [item for item in report["checks"] if item["group"] == "store"]


def well(report, *texts):
    found = of_store(report)
    equal([item["result"] for item in found], ["ok"], f"what is said of the store ({found})")
    for text in texts:
        truth(text in found[0]["found"], text, found)


# -- it serves ---------------------------------------------------------------------------------------------------------

@case("OP-DOC-01-store-none", "doctor-store")
def none(env):
    """No store, nothing said of one."""
    equal(of_store(env.doctor()), [], "what is said of a store")


@case("OP-DOC-01-store-well", "doctor-store")
def serves(env):
    """With each way to log in; nothing of the visit stays in the store, and no gateway that lives there counts one more."""
    store = env.store()
    well(env.look(store.url()), "runs the script in", "shared.timeout_ms is 2000", f"127.0.0.1:{store.port}/0")
    well(env.look(store.url(db="/3")), f"127.0.0.1:{store.port}/3")
    equal(store.keys(), {}, "keys")
    store = env.store(password=PASSWORD)
    well(env.look(store.url(f":{PASSWORD}@")))
    well(env.look(store.url(), f'{CALM} password = "env:STORE_PASSWORD";', {"STORE_PASSWORD": PASSWORD}))
    store = env.store(password=PASSWORD, user="gateway", rules=DOCUMENTED)
    well(env.look(store.url(f"gateway:{PASSWORD}@")), "a store at")  # this user may not ask what it is
    env.end()


@case("OP-DOC-01-store-text", "doctor-store")
def one_cause(env):
    """A store that is down is the cause of what the gateway says of it."""
    url = f"valkey://127.0.0.1:{free_port()}"
    undo = reloaded(env, f'shared: {{ url = "{url}"; }};\n', "93-store.conf")
    try:
        report = env.look(url)
        named(report, "store-unreachable", "fail", "is the store up", cause=True)
        named(report, "store-down", "warn", url[len("valkey://"):] + "/0", 'on_down "share"', "see the line of the store")
    finally:
        undo()


# -- it does not -------------------------------------------------------------------------------------------------------

class Fault:
    """begin(env) answers the URL, or (URL, further settings)."""

    def __init__(self, name, fault, level, texts, begin):
        self.id = f"OP-DOC-01-store-{name}"
        self.fault, self.level, self.texts, self.begin = fault, level, texts, begin

    def __call__(self, env):
        try:
            url = self.begin(env)
            named(env.look(*(url if isinstance(url, tuple) else (url,))), self.fault, self.level, *self.texts)
        finally:
            env.end()


def tls_port(env):
    server = env.keep(gl.FakeGitLab(tls=pki.CA(env.ctx.folder("ca"), "Store CA").server_context()))
    return f"valkey://127.0.0.1:{server.url.rsplit(':')[-1]}"


class Talker(NonsenseStore):
    """A server of another kind: the same words to whoever asks anything."""

    def _reply(self, words):
        return self.answer


def other_server(env):
    return env.keep(Talker(b"HTTP/1.1 400 Bad Request\r\n\r\n")).url()


def frozen(env):
    store = env.store()
    store.freeze()
    return store.url()


def with_rules(*rules):
    def begin(env):
        return env.store(password=PASSWORD, user="gateway", rules=rules).url(f"gateway:{PASSWORD}@")
    return begin


def with_options(*more):
    return lambda env: env.store(more=more, keeps=False).url()


def told(*settings):
    """A store to which somebody said CONFIG SET."""
    def begin(env):
        store = env.store()
        for name, value in settings:
            equal(store.ask("CONFIG", "SET", name, value), "OK", name)
        return store.url()
    return begin


def replica(*more):
    def begin(env):
        primary = env.store()
        return env.store(keeps=False, more=("--replicaof", "127.0.0.1", str(primary.port), *more)).url()
    return begin


def sentinel(env):
    path = os.path.join(env.ctx.folder("sentinel"), "sentinel.conf")
    with open(path, "w", encoding="ascii"):
        pass
    return env.store(conf=path, more=("--sentinel",)).url()


def cluster(bus):
    return "--cluster-enabled", "yes", "--cluster-port", str(bus)


def moved(env):
    """The node of a cluster that has not the slot of our keys: another one has them all."""
    buses = free_ports(2)
    first, second = (env.store(keeps=False, more=cluster(bus)) for bus in buses)
    equal(second.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383), "OK", "slots")
    equal(first.ask("CLUSTER", "MEET", "127.0.0.1", second.port, buses[1]), "OK", "the two to meet")
    deadline = time.monotonic() + 30
    while not str(first.ask("GET", "{aigw}:x")).startswith("-MOVED"):
        truth(time.monotonic() < deadline, "a redirection", first.ask("GET", "{aigw}:x"))
        threading.Event().wait(0.05)
    return first.url()


def loading(env):
    """It has 20,000 keys to load, and takes 5 ms for each."""
    store = env.store(keeps=False)
    store.ask("EVAL", "for i = 1, 20000 do redis.call('SET', 'key-' .. i, string.rep('x', 100)) end", 0)
    equal(store.ask("SAVE"), "OK", "the file")
    store.kill()
    store.options += ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"]
    store.ready = "-LOADING"
    store.start()
    return store.url()


class Slow(NonsenseStore):
    """Passes everything on to a store, each piece of an answer so many seconds late."""

    def __init__(self, store, delay):
        self.store, self.delay = store, delay
        super().__init__(None)

    def _serve(self, conn):
        there = socket.create_connection(("127.0.0.1", self.store.port))
        self.conns.append(there)
        for source, target, delay in ((conn, there, 0), (there, conn, self.delay)):
            threading.Thread(target=self._pass_on, args=(source, target, delay), daemon=True).start()

    @staticmethod
    def _pass_on(source, target, delay):
        try:
            while piece := source.recv(65536):
                threading.Event().wait(delay)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


def slow(delay, limit_ms):
    def begin(env):
        return env.keep(Slow(env.store(), delay)).url(), f"timeout_ms = {limit_ms};"
    return begin


def ahead(seconds):
    return lambda env: env.keep(NonsenseStore(lambda words: empty_store(words, seconds))).url()


class OldStore(NonsenseStore):
    def _reply(self, words):
        info = b"# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\n"
        return b"$%d\r\n%s\r\n" % (len(info), info) if words[0] == "INFO" else super()._reply(words)


def old(env):
    return env.keep(OldStore(b"-ERR Error running script (call to f_12): @user_script:9: @user_script: 9: Write commands not "
                             b"allowed after non deterministic commands\r\n")).url()


FAULTS = [
    Fault("name", "store-name", "fail", ("store.invalid:6379/0", "cannot be resolved", "correct the name"),
          lambda env: "valkey://store.invalid"),
    Fault("refused", "store-unreachable", "fail", ("onnection refused", "may this machine reach it"),
          lambda env: f"valkey://127.0.0.1:{free_port()}"),
    Fault("tls", "store-other", "fail", ("without TLS",), tls_port),
    Fault("http", "store-other", "fail", ("the port at which a Valkey or Redis answers",), other_server),
    Fault("frozen", "store-silent", "fail", ("it does not answer", "SLOWLOG"), frozen),
    Fault("no-password", "store-password", "fail", ("NOAUTH", "set shared.password"),
          lambda env: env.store(password=PASSWORD).url()),
    Fault("wrong-password", "store-password", "fail", ("AUTH", "to those of the store"),
          lambda env: env.store(password=PASSWORD).url(f":{WRONG}@")),
    Fault("wrong-user", "store-password", "fail", ("AUTH", "to those of the store"),
          lambda env: env.store(password=PASSWORD, user="gateway").url(f"nobody:{PASSWORD}@")),
    Fault("needless-password", "store-password", "fail", ("without any password configured",),
          lambda env: env.store().url(f":{PASSWORD}@")),
    Fault("database", "store-database", "fail", ("DB index is out of range", "a database that the store has"),
          lambda env: env.store().url(db="/99")),
    Fault("cluster-database", "store-database", "fail", ("/0 in a cluster",),
          lambda env: env.store(keeps=False, more=cluster(free_port())).url(db="/1")),
    Fault("no-scripts", "store-denied", "fail", ("no permissions", "ACL SETUSER name ~{aigw}:*"),
          with_rules("~{aigw}:*", "+@all", "-@scripting")),
    Fault("no-time", "store-denied", "fail", ("+time",), with_rules(*DOCUMENTED[:-1])),
    Fault("no-hashes", "store-denied", "fail", ("+@hash",), with_rules(*(rule for rule in DOCUMENTED if rule != "+@hash"))),
    Fault("no-sets", "store-denied", "fail", ("+@sortedset",),
          with_rules(*(rule for rule in DOCUMENTED if rule != "+@sortedset"))),
    Fault("other-keys", "store-denied", "fail", ("~{aigw}:*",), with_rules("~mine:*", *DOCUMENTED[1:])),
    Fault("replica", "store-role", "fail", ("(a replica)", "READONLY", "leads to the primary"), replica()),
    Fault("writable-replica", "store-role", "warn", ("a replica that may be written to",), replica("--replica-read-only", "no")),
    Fault("sentinel", "store-role", "fail", ("(a Sentinel)", "Sentinel are not followed"), sentinel),
    Fault("moved", "store-role", "fail", ("MOVED", "redirections"), moved),
    Fault("loading", "store-not-ready", "fail", ("LOADING", "wait until it has its data"), loading),
    Fault("no-slots", "store-not-ready", "fail", ("CLUSTERDOWN",),
          lambda env: env.store(keeps=False, more=cluster(free_port())).url()),
    Fault("full", "store-full", "fail", ("is full", "maxmemory-policy noeviction", "raise its maxmemory"),
          told(("maxmemory", "1024"))),
    Fault("evicts", "store-evicts", "warn", ("maxmemory-policy allkeys-lru", "102400 KiB", "a store of their own"),
          told(("maxmemory", "104857600"), ("maxmemory-policy", "allkeys-lru"))),
    Fault("evicts-ours", "store-evicts", "warn", ("maxmemory-policy volatile-ttl",),
          told(("maxmemory", "104857600"), ("maxmemory-policy", "volatile-ttl"))),
    Fault("renamed", "store-script", "fail", ("unknown command", "under their own names"),
          with_options("--rename-command", "EVALSHA", "HIDDEN")),
    Fault("old", "store-script", "fail", ("Redis 5.0.14", "Redis 6 or newer"), old),
    Fault("nonsense", "store-script", "fail", ("has not the shape",), lambda env: env.keep(NonsenseStore(b":5\r\n")).url()),
    Fault("lonely", "store-refuses", "fail", ("NOREPLICAS", "the words are the store's"),
          with_options("--min-replicas-to-write", "1")),
    Fault("too-slow", "store-slow", "fail", ("after 50 (shared.timeout_ms) it counts as down", "raise shared.timeout_ms"),
          slow(0.06, 50)),
    Fault("slow", "store-slow", "warn", ("more than half of shared.timeout_ms (300)", "nearer"), slow(0.17, 300)),
    Fault("clock", "clock", "warn", ("clocks differ by 9", "run NTP on both"), ahead(95)),
    Fault("clock-behind", "clock", "warn", ("clocks differ by -9", "days of quotas"), ahead(-95)),
]

for _fault in FAULTS:
    add_case(_fault.id, "doctor-store", _fault, __name__)
